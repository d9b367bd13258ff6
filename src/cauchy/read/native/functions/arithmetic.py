"""Small tools of floating-point arithmetic: polynomials, and sums and products with their rounding errors.

Reference: Muller et al., Handbook of Floating-Point Arithmetic (2018), chapters 4 and 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..ir import Builder, Value


def horner(b: Builder, x: Value, c: Sequence[float]) -> Value:
    """c[0] + c[1] x + ..., one fused multiply-add after the other."""
    p = b.const(x.kind, c[-1])
    for a in reversed(c[:-1]):
        p = b.fma(p, x, a)
    return p


def polynomial(b: Builder, x: Value, c: Sequence[float], x2: Value | None = None) -> Value:
    """c[0] + c[1] x + ... as even + x odd: two chains of half the length, which a processor runs side by side."""
    if len(c) < 4:
        return horner(b, x, c)
    x2 = x * x if x2 is None else x2
    return b.fma(horner(b, x2, c[1::2]), x, horner(b, x2, c[::2]))


def estrin(b: Builder, x: Value, c: Sequence[float], x2: Value | None = None) -> Value:
    """c[0] + c[1] x + ... in pairs, pairs of pairs ...: the shortest wait for the result, the most instructions."""
    terms = [b.const(x.kind, a) for a in c]
    power = x
    while len(terms) > 1:
        pairs = [b.fma(high, power, low) for low, high in zip(terms[::2], terms[1::2], strict=False)]
        terms = pairs + terms[2 * len(pairs) :]
        if len(terms) > 1:
            power = x2 if power is x and x2 is not None else power * power
    return terms[0]


def two_sum(b: Builder, x: Value, y: Value) -> tuple[Value, Value]:
    """s + e = x + y exactly, s = fl(x + y) (Knuth 1969)."""
    s = x + y
    z = s - x
    return s, (x - (s - z)) + (y - z)


def fast_two_sum(b: Builder, x: Value, y: Value) -> tuple[Value, Value]:
    """s + e = x + y exactly where |x| >= |y| or x = 0 (Dekker 1971)."""
    s = x + y
    return s, y - (s - x)


def two_product(b: Builder, x: Value, y: Value) -> tuple[Value, Value]:
    """p + e = x y exactly unless e underflows."""
    p = x * y
    return p, b.fma(x, y, -p)


# -- bits of numbers ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Format:
    """A binary interchange format: the integer kind of its bits, explicit mantissa bits, exponent bias."""

    int: str
    mantissa: int
    bias: int

    @property
    def shifter(self) -> float:
        """Added to a small number, it leaves the nearest integer (plus 2 bias, see `nearest`) in the low bits."""
        return 1.5 * 2.0**self.mantissa + 2 * self.bias

    @property
    def sqrt_half(self) -> int:
        """The bits of sqrt(1/2)."""
        return 0x3FE6A09E667F3BCD if self.int == "i64" else 0x3F3504F3

    @property
    def fraction(self) -> int:
        """The mask of the explicit mantissa."""
        return (1 << self.mantissa) - 1


FORMATS = {"f64": Format("i64", 52, 1023), "f32": Format("i32", 23, 127)}

INF, NAN = float("inf"), float("nan")


def at_most(b: Builder, x: Value, top: float) -> Value:
    """min(x, top), NaN as it is: one instruction."""
    return b.select(x.gt(top), b.const(x.kind, top), x)


def at_least(b: Builder, x: Value, bottom: float) -> Value:
    """max(x, bottom), NaN as it is."""
    return b.select(x.lt(bottom), b.const(x.kind, bottom), x)


def nearest(b: Builder, x: Value, factor: float = 1.0) -> tuple[Value, Value]:
    """k, the integer next to `factor` x, as a float; and an integer whose low bits hold k + 2 bias.

    For |k| <= 2 bias. The addition rounds; no conversion to an integer takes place.
    """
    f = FORMATS[x.kind]
    t = b.fma(x, factor, f.shifter)
    return t - f.shifter, b.bitcast(t, f.int)


def power_of_two(b: Builder, bits: Value, kind: str) -> Value:
    """2^k from the bits of `nearest`, for a normal result."""
    f = FORMATS[kind]
    return b.bitcast((bits - f.bias) << f.mantissa, kind)


def power_of_half(b: Builder, bits: Value, kind: str) -> Value:
    """2^-k from the bits of `nearest`, for a normal result."""
    f = FORMATS[kind]
    return b.bitcast((3 * f.bias - bits) << f.mantissa, kind)


def factors(b: Builder, bits: Value, kind: str) -> tuple[Value, Value]:
    """Two normal numbers whose product is 2^k, from the bits of `nearest`.

    Multiplied by one after the other, a number of order 1 overflows or becomes subnormal with one rounding.
    """
    f = FORMATS[kind]
    half = bits.lshr(1)
    return b.bitcast(half << f.mantissa, kind), b.bitcast((bits - half) << f.mantissa, kind)


def scale(b: Builder, x: Value, bits: Value) -> Value:
    """x 2^k."""
    p, q = factors(b, bits, x.kind)
    return x * p * q
