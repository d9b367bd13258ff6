"""Hyperbolic functions and their inverses."""

from __future__ import annotations

from ..ir import Builder, Value
from . import elementary
from .arithmetic import FORMATS, INF, NAN, at_most, estrin, fast_two_sum, power_of_half, scale, two_product, two_sum
from .exponential import exp_pair, quotient, reduce
from .logarithm import log1p_sum, log_sum, split


@elementary("tanh", ulp={"f64": 1.25, "f32": 1.25})
def tanh(b: Builder, x: Value) -> Value:
    """(e^2a - 1) / (e^2a + 1) = (e^r - 2^-k) / (e^r + 2^-k), where 2a = |2x| = k ln 2 + r."""
    high, low, bits = exp_pair(b, at_most(b, b.fabs(x) * 2.0, 50.0 if x.kind == "f64" else 25.0))
    h = power_of_half(b, bits, x.kind)
    nh, nl = fast_two_sum(b, high, -h)
    dh, dl = fast_two_sum(b, high, h)
    return b.copysign(quotient(b, nh, nl + low, dh, dl + low), x)


# (sinh r - r) / r^3 in r^2, |r| <= 0.3467; error in sinh r below 2^-63 and 2^-36
_SINH = {
    "f64": (
        0.16666666666666682,
        0.00833333333331755,
        0.00019841269895482853,
        2.755723551685949e-06,
        2.5111868066886494e-08,
    ),
    "f32": (0.1666666716337204, 0.00833318755030632, 0.00019962756778113544),
}
# (cosh r - 1 - r^2/2) / r^4 in r^2; error in cosh r below 2^-69 and 2^-33
_COSH = {
    "f64": (
        0.04166666666666668,
        0.0013888888888877046,
        2.4801587342019e-05,
        2.755725762677226e-07,
        2.092007600835407e-09,
    ),
    "f32": (0.041666459292173386, 0.001393547048792243),
}


def _half_sum(b: Builder, x: Value, sign: float) -> Value:
    """(e^x + sign e^-x) / 2 for x >= 0.

    With x = k ln 2 + r this is 2^(k - 1) ((1 + sign 2^-2k) cosh r + (1 - sign 2^-2k) sinh r): nothing cancels, and
    sinh r alone is left where k = 0.
    """
    t, small, bits = reduce(b, at_most(b, x, 711.0 if x.kind == "f64" else 90.0))
    r = t + small
    z = r * r
    sinh = b.fma(z * r, estrin(b, z, _SINH[x.kind]), small)  # less t
    cosh = z * b.fma(z, estrin(b, z, _COSH[x.kind]), 0.5)  # less 1
    # 2^-2k, zero where that is nothing beside 1
    f = FORMATS[x.kind]
    h = b.bitcast((5 * f.bias - (bits << 1)) << f.mantissa, x.kind)
    h = b.select(x.gt(40.0), 0.0, h) * sign
    one = b.const(x.kind, 1.0)
    even, rest = fast_two_sum(b, one, h)
    odd = one - h
    p, more = two_product(b, odd, t)
    s, e = fast_two_sum(b, even, p)
    return scale(b, (s + (e + rest + more + b.fma(even, cosh, odd * sinh))) * 0.5, bits)


@elementary("sinh", ulp={"f64": 1.0, "f32": 1.0})
def sinh(b: Builder, x: Value) -> Value:
    return b.copysign(_half_sum(b, b.fabs(x), -1.0), x)


@elementary("cosh", ulp={"f64": 1.0, "f32": 1.0})
def cosh(b: Builder, x: Value) -> Value:
    return _half_sum(b, b.fabs(x), 1.0)


_LARGE = {"f64": 2.0**30, "f32": 2.0**15}  # beyond, x^2 + 1 and x^2 - 1 are as good as x^2


def _root(b: Builder, high: Value, low: Value) -> tuple[Value, Value]:
    """The square root of a sum in two parts."""
    s = b.sqrt(high)
    return s, (b.fma(-s, s, high) + low) * 0.5 / s


def _log_sum(b: Builder, x: Value, sum: tuple[Value, Value], low: Value) -> Value:
    """The logarithm of the sum of three numbers, or of 2 x for large x."""
    large = x.gt(_LARGE[x.kind])
    u, rest = b.select(large, x * 0.25, sum[0]), b.select(large, 0.0, sum[1] + low)
    e, m, down = split(b, u)
    f, rest = fast_two_sum(b, m - 1.0, rest * down)
    high, low = log_sum(b, b.select(large, e + 3.0, e), f, f + 2.0, rest)
    return high + low


@elementary("arcsinh", ulp={"f64": 1.25, "f32": 1.25})
def arcsinh(b: Builder, x: Value) -> Value:
    """log(a + sqrt(1 + a^2)), all in two parts."""
    a = b.fabs(x)
    square, low = two_product(b, a, a)
    s, rest = two_sum(b, b.const(x.kind, 1.0), square)
    root, error = _root(b, s, rest + low)
    y = _log_sum(b, a, fast_two_sum(b, root, a), error)
    return b.select(a.lt(INF), b.copysign(y, x), x)


@elementary("arccosh", ulp={"f64": 1.25, "f32": 1.25})
def arccosh(b: Builder, x: Value) -> Value:
    """log(x + sqrt(x^2 - 1))."""
    square, low = two_product(b, x, x)
    s, rest = fast_two_sum(b, square, b.const(x.kind, -1.0))
    root, error = _root(b, s, rest + low)
    y = b.select(x.lt(INF), _log_sum(b, x, fast_two_sum(b, x, root), error), x)
    return b.select(x.eq(1.0), 0.0, b.select(x.lt(1.0), NAN, y))


@elementary("arctanh", ulp={"f64": 1.25, "f32": 1.25})
def arctanh(b: Builder, x: Value) -> Value:
    """log(1 + 2a / (1 - a)) / 2."""
    a = b.fabs(x)
    n = a * 2.0
    d, error = fast_two_sum(b, b.const(x.kind, 1.0), -a)
    reciprocal = 1.0 / d
    q = n * reciprocal
    low = b.fma(-q, error, b.fma(-q, d, n)) * reciprocal
    u, rest = two_sum(b, b.const(x.kind, 1.0), q)
    high, low = log1p_sum(b, u, rest + low)
    return b.copysign(b.select(a.lt(1.0), (high + low) * 0.5, b.select(a.eq(1.0), INF, b.const(x.kind, NAN))), x)
