"""Elementwise primitives as instructions: `native[prim] = Rule(kinds, write)`.

`write(b, *values, **params)` computes one entry (or one SIMD vector of entries) from those of the arguments.
`kinds(out, args)` says in which element kind each argument is computed with; NumPy decided the
result's dtype while tracing, so only ufunc loops whose arguments differ from it need a line.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import ops as P
from ...graph import CONST, Node, Primitive, Rules
from .functions import TABLE
from .functions.external import KERNELS
from .ir import BITS, Builder, Value, is_float, kind_of

native = Rules("native", "compile")


@dataclass(frozen=True)
class Rule:
    """How to compute an entry. `operands`: "out" (in the result's kind), "common" (in the arguments' common
    kind), "bool" (as truth values), "as is", or "where" (the first as a truth value). `cost` is in additions."""

    write: Callable[..., Value]
    operands: str = "out"
    cost: float = 1.0
    fits: Callable[[Node], bool] = lambda n: True


def loop_kinds(n: Node) -> list[str] | None:
    """The kind in which each argument of an elementwise node enters; None where native code has no such loop."""
    rule = native[n.prim]
    if not rule.fits(n):
        return None
    if n.prim is P.astype or rule.operands == "as is":
        kinds = [kind_of(a.dtype) for a in n.args]
    elif rule.operands == "out":
        kinds = [kind_of(n.dtype)] * len(n.args)
    elif rule.operands == "bool":
        kinds = ["i1"] * len(n.args)
    elif rule.operands == "where":
        kinds = ["i1"] + [kind_of(n.dtype)] * (len(n.args) - 1)
    else:
        try:
            common = np.result_type(*[_weak(a) for a in n.args])
        except OverflowError:
            return None
        if {a.dtype.kind for a in n.args} == {"i", "u"} and common.kind == "f":
            return None  # NumPy compares these exactly, without a common type
        kinds = [kind_of(common)] * len(n.args)
    if any(
        a.prim is CONST and type(a.value) is int and not _holds(k, a.value) for a, k in zip(n.args, kinds, strict=True)
    ):
        return None
    return kinds


def _weak(a: Node) -> Any:
    # Python scalars do not promote
    return a.value if a.prim is CONST and type(a.value) in (int, float, bool) else a.dtype


def _holds(kind: str, v: int) -> bool:
    if is_float(kind) or kind == "i1":
        return True
    low, high = (0, 2 ** BITS[kind]) if kind[0] == "u" else (-(2 ** (BITS[kind] - 1)), 2 ** (BITS[kind] - 1))
    return low <= v < high


def rule(
    prim: Primitive, operands: str = "out", cost: float = 1.0
) -> Callable[[Callable[..., Value]], Callable[..., Value]]:
    def enter(write: Callable[..., Value]) -> Callable[..., Value]:
        native[prim] = Rule(write, operands, cost)
        return write

    return enter


def line(prim: Primitive, write: Callable[..., Value], operands: str = "out", cost: float = 1.0) -> None:
    native[prim] = Rule(write, operands, cost)


# -- arithmetic --------------------------------------------------------------------------------------------

line(P.add, lambda b, x, y: x | y if x.kind == "i1" else x + y)
line(P.subtract, lambda b, x, y: x - y)
line(P.multiply, lambda b, x, y: x & y if x.kind == "i1" else x * y)
line(P.divide, lambda b, x, y: x / y, cost=4)
line(P.negative, lambda b, x: -x)
line(P.positive, lambda b, x: x)
line(P.reciprocal, lambda b, x: 1.0 / x, cost=4)
line(P.square, lambda b, x: x & x if x.kind == "i1" else x * x)
line(P.sqrt, lambda b, x: b.sqrt(x), cost=6)


def power_of(b: Builder, x: Value, n: float) -> Value | None:
    """x^n for the constant exponents at which a few products keep the bound of `power` (2 ulp)."""
    match n:
        case 0:
            return b.const(x.kind, 1)
        case 1:
            return x
        case 2:
            return x * x
        case 3:
            return x * x * x
        case 4:
            y = x * x
            return y * y
    if not is_float(x.kind):
        return None
    match n:
        case 0.5:
            # sqrt(-0) = -0 and sqrt(-inf) = nan; the power is +0 and inf there
            root = b.sqrt(x + 0.0)
            return b.select(x.eq(-math.inf), math.inf, root)
        case -1:
            return 1.0 / x
        case -2:
            y = 1.0 / x
            return y * y
    return None


def _power_fits(n: Node) -> bool:
    """Powers of integers need a small constant exponent."""
    e = n.args[1]
    return n.dtype.kind == "f" or (
        e.prim is CONST and e.origin is None and e.shape == () and e.value in (0, 1, 2, 3, 4)
    )


native[P.power] = Rule(lambda b, x, y: b.call("power", x, y), cost=40, fits=_power_fits)


def _sinc(b: Builder, x: Value, *, order: int) -> Value:
    u = b.select(x.eq(0), 1e-20, x) * math.pi
    return b.call("sin", u) / u


native[P.sinc] = Rule(_sinc, cost=35, fits=lambda n: n.params["order"] == 0)


@rule(P.absolute)
def _absolute(b: Builder, x: Value) -> Value:
    if is_float(x.kind):
        return b.fabs(x)
    return x if x.kind[0] == "u" or x.kind == "i1" else b.select(x.lt(0), -x, x)


@rule(P.sign, cost=3)
def _sign(b: Builder, x: Value) -> Value:
    if x.kind[0] == "u":
        return b.select(x.ne(0), b.const(x.kind, 1), 0)
    one = b.select(x.gt(0), b.const(x.kind, 1), b.select(x.lt(0), b.const(x.kind, -1), 0))
    return b.select(b.isnan(x), x, one) if is_float(x.kind) else one


line(P.copysign, lambda b, x, y: b.copysign(x, y))
line(P.floor, lambda b, x: b.floor(x) if is_float(x.kind) else x)
line(P.ceil, lambda b, x: b.ceil(x) if is_float(x.kind) else x)
line(P.trunc, lambda b, x: b.trunc(x) if is_float(x.kind) else x)
line(P.rint, lambda b, x: b.rint(x) if is_float(x.kind) else x)


@rule(P.around, cost=6)
def _around(b: Builder, x: Value, *, decimals: int) -> Value:
    if decimals == 0 or not is_float(x.kind):
        return b.rint(x) if is_float(x.kind) else x
    scale = 10.0 ** abs(decimals)
    return b.rint(x * scale) / scale if decimals > 0 else b.rint(x / scale) * scale


def _nan(b: Builder, x: Value) -> Value:
    return b.isnan(x) if is_float(x.kind) else b.const("i1", False)


# NaN wins in maximum and minimum, and loses in fmax and fmin
line(P.maximum, lambda b, x, y: b.select(x.ge(y) | _nan(b, x), x, y), cost=2)
line(P.minimum, lambda b, x, y: b.select(x.le(y) | _nan(b, x), x, y), cost=2)
line(P.fmax, lambda b, x, y: b.select(x.ge(y) | _nan(b, y), x, y), cost=2)
line(P.fmin, lambda b, x, y: b.select(x.le(y) | _nan(b, y), x, y), cost=2)


@rule(P.clip, cost=4)
def _clip(b: Builder, x: Value, low: Value, high: Value) -> Value:
    lifted = b.select(x.ge(low) | _nan(b, x), x, low)
    return b.select(lifted.le(high) | _nan(b, lifted), lifted, high)


line(P.where, lambda b, c, x, y: b.select(c, x, y), "where")
line(
    P.heaviside,
    lambda b, x, y: b.select(b.isnan(x), x, b.select(x.eq(0), y, b.select(x.lt(0), b.const(x.kind, 0), 1))),
    cost=3,
)


# -- division with remainder -------------------------------------------------------------------------------


def _integer_division(b: Builder, x: Value, y: Value) -> tuple[Value, Value]:
    """Floor quotient and remainder with the divisor's sign; 0 and 0 for division by zero, as NumPy has it.

    The processor traps at x/0 and at the smallest integer over -1: neither is executed.
    """
    zero = y.eq(0)
    if x.kind[0] == "u":
        d = b.select(zero, b.const(x.kind, 1), y)
        q, r = b.op("udiv", x, d), b.op("urem", x, d)
        return b.select(zero, b.const(x.kind, 0), q), b.select(zero, b.const(x.kind, 0), r)
    minus = y.eq(-1)
    d = b.select(zero | minus, b.const(x.kind, 1), y)
    q, r = b.op("sdiv", x, d), b.op("srem", x, d)
    down = r.ne(0) & (r ^ d).lt(0)
    q, r = b.select(down, q - 1, q), b.select(down, r + d, r)
    q, r = b.select(minus, -x, q), b.select(minus, b.const(x.kind, 0), r)
    return b.select(zero, b.const(x.kind, 0), q), b.select(zero, b.const(x.kind, 0), r)


def _float_division(b: Builder, x: Value, y: Value) -> tuple[Value, Value]:
    """NumPy's divmod: the remainder of truncation, moved to the divisor's sign; the quotient rounded to an integer."""
    r = b.op("frem", x, y)
    moved = r.ne(0) & (r.lt(0) ^ y.lt(0))
    q = (x - r) / y
    mod = b.select(moved, r + y, b.select(r.eq(0), b.copysign(b.const(x.kind, 0.0), y), r))
    q = b.select(moved, q - 1.0, q)
    floor = b.floor(q)
    floor = b.select((q - floor).gt(0.5), floor + 1.0, floor)
    div = b.select(q.eq(0), b.copysign(b.const(x.kind, 0.0), x / y), floor)
    by_zero = y.eq(0)
    nan = b.isnan(r)
    return b.select(by_zero, x / y, b.select(nan, r, div)), b.select(nan, r, mod)


@rule(P.floor_divide, cost=30)
def _floor_divide(b: Builder, x: Value, y: Value) -> Value:
    return (_float_division if is_float(x.kind) else _integer_division)(b, x, y)[0]


@rule(P.remainder, cost=30)
def _remainder(b: Builder, x: Value, y: Value) -> Value:
    return (_float_division if is_float(x.kind) else _integer_division)(b, x, y)[1]


@rule(P.fmod, cost=30)
def _fmod(b: Builder, x: Value, y: Value) -> Value:
    if is_float(x.kind):
        return b.op("frem", x, y)
    bad = y.eq(0) if x.kind[0] == "u" else y.eq(0) | y.eq(-1)
    d = b.select(bad, b.const(x.kind, 1), y)
    return b.select(bad, b.const(x.kind, 0), b.op("urem" if x.kind[0] == "u" else "srem", x, d))


# -- predicates and logic ----------------------------------------------------------------------------------

for prim, name in (
    (P.equal, "eq"),
    (P.not_equal, "ne"),
    (P.less, "lt"),
    (P.less_equal, "le"),
    (P.greater, "gt"),
    (P.greater_equal, "ge"),
):
    line(prim, lambda b, x, y, name=name: b.compare(name, x, y), "common")
line(P.logical_and, lambda b, x, y: x & y, "bool")
line(P.logical_or, lambda b, x, y: x | y, "bool")
line(P.logical_xor, lambda b, x, y: x ^ y, "bool")
line(P.logical_not, lambda b, x: x.invert(), "bool")
line(P.isnan, _nan, "as is")
line(P.isfinite, lambda b, x: b.fabs(x).lt(math.inf) if is_float(x.kind) else b.const("i1", True), "as is")
line(P.isinf, lambda b, x: b.fabs(x).eq(math.inf) if is_float(x.kind) else b.const("i1", False), "as is")
line(P.bitwise_and, lambda b, x, y: x & y)
line(P.bitwise_or, lambda b, x, y: x | y)
line(P.bitwise_xor, lambda b, x, y: x ^ y)
line(P.invert, lambda b, x: x.invert())


@rule(P.signbit, "as is", 2)
def _signbit(b: Builder, x: Value) -> Value:
    return b.bitcast(x, f"i{BITS[x.kind]}").lt(0)


@rule(P.left_shift)
def _left_shift(b: Builder, x: Value, y: Value) -> Value:
    far = _unsigned(b, y).ge(BITS[x.kind])
    return b.select(far, b.const(x.kind, 0), x << b.select(far, b.const(y.kind, 0), y))


@rule(P.right_shift)
def _right_shift(b: Builder, x: Value, y: Value) -> Value:
    far = _unsigned(b, y).ge(BITS[x.kind])
    gone = b.const(x.kind, 0) if x.kind[0] == "u" else b.select(x.lt(0), b.const(x.kind, -1), 0)
    return b.select(far, gone, x >> b.select(far, b.const(y.kind, 0), y))


def _unsigned(b: Builder, x: Value) -> Value:
    return Value(b, x.ref, x.kind.replace("i", "u"))


def converted(b: Builder, x: Value, kind: str) -> Value:
    """x in another kind as NumPy's astype gives it; a float that fits no integer becomes the smallest one."""
    if is_float(x.kind) and kind[0] in "iu" and kind != "i1":
        # by way of int64, as the processor's conversion has it; wider or unsigned targets wrap from there
        wide = x if x.kind == "f64" else b.convert(x, "f64")
        if kind == "u64":
            high = wide.ge(2.0**63)
            low = _saturated(b, b.select(high, wide - 2.0**63, wide))
            return Value(b, b.select(high, low ^ -(2**63), low).ref, "u64")
        small = BITS[kind] < 32 or kind == "i32"
        if small:
            fits = wide.gt(-(2.0**31) - 1) & wide.lt(2.0**31)
            narrow = b.convert(b.select(fits, wide, 0.0), "i32")
            return b.convert(b.select(fits, narrow, -(2**31)), kind)
        return b.convert(_saturated(b, wide), kind)
    return b.convert(x, kind)


def _saturated(b: Builder, x: Value) -> Value:
    fits = x.ge(-(2.0**63)) & x.lt(2.0**63)
    return b.select(fits, b.convert(b.select(fits, x, 0.0), "i64"), -(2**63))


line(P.astype, lambda b, x, *, dtype: converted(b, x, kind_of(dtype)), "as is")

# -- functions of our own ----------------------------------------------------------------------------------


def _by_call(name: str) -> Callable[..., Value]:
    return lambda b, *xs: b.call(name, *xs)


# what costs more than the usual 25 additions of an elementary function
_DEAR = {
    "power": 40.0,
    "erf": 40.0,
    "erfc": 60.0,
    "arctan2": 35.0,
    "logaddexp": 50.0,
    "log_expit": 40.0,
} | dict.fromkeys(KERNELS, 100.0)
# static parameters, which `external` does not know
_WITH_PARAMETERS = {"iv", "polygamma"}

for name in TABLE:
    if name in P.BY_NAME and name not in _WITH_PARAMETERS and P.BY_NAME[name] not in native:
        line(P.BY_NAME[name], _by_call(name), cost=_DEAR.get(name, 25.0))


def kinds_supported(dtypes: Sequence[Any]) -> bool:
    return all(
        np.dtype(d).kind in "fiub" and (np.dtype(d).kind != "f" or np.dtype(d).itemsize in (4, 8)) for d in dtypes
    )
