"""log and its relatives.

A positive number is 2^e m with sqrt(1/2) <= m < sqrt(2). With f = m - 1 and s = f / (2 + f),
log(1 + f) = 2 artanh s = f - f^2/2 + s (f^2/2 + s^2 W(s^2)), W(z) = 2/3 + 2/5 z + ...
(see Muller, "Elementary Functions", 2016, chapter 5), with a minimax polynomial W.
"""

from __future__ import annotations

from ..ir import Builder, Value
from . import elementary
from .arithmetic import FORMATS, INF, NAN, at_most, estrin, fast_two_sum, two_sum
from .exponential import EXP_BOTTOM, LN2, exp_negative

# W in z = s^2, |s| <= 0.1716; error in the logarithm below 2^-59 and 2^-30, relative
_ARTANH = {
    "f64": (
        0.6666666666666726,
        0.39999999999457814,
        0.28571428734228754,
        0.22222199311609417,
        0.18183529692518505,
        0.15314862889677278,
        0.147884127271686,
    ),
    "f32": (0.6666677594184875, 0.39977508783340454, 0.2987419664859772),
}
# log2(e) and log10(e) in two parts
_LOG2_E = {
    "f64": (1.4426950408889634, 2.0355273740931033e-17),
    "f32": (1.4426950216293335, 1.925963033500011e-08),
}
_LOG10_E = {
    "f64": (0.4342944819032518, 1.098319650216765e-17),
    "f32": (0.4342944920063019, -1.0103049952192578e-08),
}
# log10(2), the first part so short that e times it is exact
_LOG10_2 = {
    "f64": (0.30102999566395283, 2.8363394551044964e-14),
    "f32": (0.30103302001953125, -3.024355464731343e-06),
}


def split(b: Builder, x: Value) -> tuple[Value, Value, Value]:
    """(e, m, 2^-e) of a positive normal number x = 2^e m, sqrt(1/2) <= m < sqrt(2).

    2^-e is 0 for the largest e but one, and garbage for the largest.
    """
    f = FORMATS[x.kind]
    i = b.bitcast(x, f.int) + ((f.bias << f.mantissa) - f.sqrt_half)
    biased = i.lshr(f.mantissa)
    m = b.bitcast((i & f.fraction) + f.sqrt_half, x.kind)
    # an integer in the low bits of 2^mantissa is that much more than 2^mantissa
    e = b.bitcast(biased | ((f.bias + f.mantissa) << f.mantissa), x.kind) - (2.0**f.mantissa + f.bias)
    return e, m, b.bitcast((2 * f.bias - biased) << f.mantissa, x.kind)


def split_any(b: Builder, x: Value) -> tuple[Value, Value]:
    """(e, m) of a positive number, subnormal ones included."""
    f = FORMATS[x.kind]
    tiny = x.lt(2.0 ** (1 - f.bias))
    e, m, _ = split(b, x * b.select(tiny, b.const(x.kind, 2.0**54), 1.0))
    return e - b.select(tiny, b.const(x.kind, 54.0), 0.0), m


def _log_terms(b: Builder, f: Value, d: Value) -> tuple[Value, Value, Value]:
    """(f^2/2, s, v) with log(1 + f) = f - f^2/2 + s v, from f and d = 2 + f."""
    s = f / d
    half_square = f * 0.5 * f
    z = s * s
    return half_square, s, b.fma(z, estrin(b, z, _ARTANH[f.kind]), half_square)


def log_sum(b: Builder, e: Value, f: Value, d: Value, small: Value | None = None) -> tuple[Value, Value]:
    """e ln 2 + log(1 + f), and the logarithm's change by `small` added to f: in two parts."""
    first, second = LN2[e.kind]
    half_square, s, v = _log_terms(b, f, d)
    t, rest = fast_two_sum(b, e * first, f)
    rest = b.fma(e, second, rest - half_square)
    if small is not None:
        rest = b.fma(small, 1.0 - f, rest)
    return t, b.fma(s, v, rest)


def at_ends(b: Builder, x: Value, y: Value, pole: float = 0.0) -> Value:
    """y, but -inf at the pole, NaN below it, infinity at infinity."""
    below = b.select(x.eq(pole), b.const(x.kind, -INF), NAN)
    return b.select(x.gt(pole), b.select(x.lt(INF), y, x), below)


@elementary("log", ulp={"f64": 1.0, "f32": 1.0})
def log(b: Builder, x: Value) -> Value:
    e, m = split_any(b, x)
    high, low = log_sum(b, e, m - 1.0, m + 1.0)
    return at_ends(b, x, high + low)


def _other_base(b: Builder, x: Value, base: tuple[float, float], two: tuple[float, float]) -> Value:
    """log(x) in another base: `base` is the logarithm of e there, `two` that of 2, each in two parts."""
    e, m = split_any(b, x)
    f = m - 1.0
    half_square, s, v = _log_terms(b, f, m + 1.0)
    high, rest = fast_two_sum(b, f, -half_square)
    low = b.fma(s, v, rest)
    p = high * base[0]
    rest = b.fma(low, base[0], b.fma(high, base[1], b.fma(high, base[0], -p)))
    t, more = fast_two_sum(b, e * two[0], p)
    return at_ends(b, x, t + (more + (b.fma(e, two[1], rest) if two[1] else rest)))


@elementary("log2", ulp={"f64": 1.0, "f32": 1.0})
def log2(b: Builder, x: Value) -> Value:
    return _other_base(b, x, _LOG2_E[x.kind], (1.0, 0.0))


@elementary("log10", ulp={"f64": 1.0, "f32": 1.0})
def log10(b: Builder, x: Value) -> Value:
    return _other_base(b, x, _LOG10_E[x.kind], _LOG10_2[x.kind])


def log1p_sum(b: Builder, high: Value, low: Value) -> tuple[Value, Value]:
    """log(1 + y) in two parts from 1 + y in two parts, with relative precision also for small y.

    For positive `high` below 2^1022 (f32: 2^126).
    """
    e, m, down = split(b, high)
    f, rest = fast_two_sum(b, m - 1.0, low * down)
    return log_sum(b, e, f, f + 2.0, rest)


@elementary("log1p", ulp={"f64": 1.0, "f32": 1.0})
def log1p(b: Builder, x: Value) -> Value:
    u, rest = two_sum(b, b.const(x.kind, 1.0), x)
    e, m, down = split(b, u)
    # the rest of a large sum is nothing, and its factor may be garbage
    f, rest = fast_two_sum(b, m - 1.0, b.select(x.lt(2.0**60), rest * down, 0.0))
    high, low = log_sum(b, e, f, f + 2.0, rest)
    return at_ends(b, x, b.copysign(high + low, x), -1.0)


@elementary("log_expit", ulp={"f64": 1.25, "f32": 1.25})
def log_expit(b: Builder, x: Value) -> Value:
    """min(x, 0) - log(1 + z), z = e^-|x|."""
    z, low = exp_negative(b, x)
    u, rest = two_sum(b, b.const(x.kind, 1.0), z)
    high, low = log1p_sum(b, u, rest + low)
    return -((high + low) - at_most(b, x, 0.0))  # -0 for large x


@elementary("logaddexp", arity=2, ulp={"f64": 2.0, "f32": 2.0})
def logaddexp(b: Builder, x: Value, y: Value) -> Value:
    """max(x, y) + log(1 + e^-|x - y|). Where the terms cancel, the bound is one on the error in ulps of max(x, y)."""
    swap = x.lt(y)
    top, bottom = b.select(swap, y, x), b.select(swap, x, y)
    d, error = two_sum(b, bottom, -top)
    same = x.eq(y)  # also where both are infinite
    d = b.select(same, 0.0, d)
    error = b.select(d.gt(EXP_BOTTOM[x.kind]), error, 0.0)
    error = b.select(same, 0.0, error)
    z, low = exp_negative(b, d)
    u, rest = two_sum(b, b.const(x.kind, 1.0), z)
    high, low = log1p_sum(b, u, rest + b.fma(z, error, low))
    s, rest = two_sum(b, top, high)
    rest = b.select(b.fabs(top).lt(INF), rest + low, 0.0)
    nan = b.emit(f"fcmp uno {b.type(x.kind)} {x.ref}, {y.ref}", "i1")
    return b.select(nan, x + y, s + rest)
