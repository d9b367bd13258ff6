"""Error functions and the normal distribution.

For |x| <= 1, erf(x) = x (1 + P(x^2)). Beyond, erfc(x) = exp(-x^2) G(t)/(x + K) with t = (x - K)/(x + K), where
G(t) = (x + K) exp(x^2) erfc(x) is smooth (Shepherd & Laframboise 1981 divide by 1 + 2 x). Far out the error of x^2
is as large as many ulps of exp(-x^2), so x^2, the exponential and G have low parts there. A float32 needs none of
this: double precision with shorter polynomials is exact enough.

Polynomials are minimax fits (Remez's exchange in 420 bits), their coefficients taken to floating-point numbers
together by lattice reduction (Brisebarre & Chevillard 2007).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..ir import Builder, Value
from . import elementary
from .arithmetic import at_most, factors, fast_two_sum, nearest, polynomial, two_product, two_sum
from .logarithm import log1p_sum

# beyond this, the second way
_NEAR_ERF = 1.0
_NEAR_ERFC = {"f64": 0.75, "f32": 1.0}
# erf(x)/x - 1 in x^2, |x| <= 1: 2^-55.8; 2^-29.6
_SMALL = {
    "f64": (
        0.12837916709551256, -0.37612638903183476, 0.11283791670943444, -0.02686617064306033, 0.005223977605989181,
        -0.0008548325931418062, 0.00012055293798815605, -1.492471860921735e-05, 1.6447226744766593e-06,
        -1.6207135569274795e-07, 1.3714818289867169e-08, -7.787004298776502e-10,
    ),
    "f32": (
        0.12837916591497214, -0.376126271317235, 0.11283600099391941, -0.026854440872251563, 0.0051895276881620675,
        -0.0008020769694887666, 7.88886807770444e-05,
    ),
}  # fmt: skip

# G in t with K = 5/2, relative, 1 <= x <= 6.1 and 4.1, for erf: 2^-54.0; 2^-27.3
_ERF = {
    "f64": (
        1.054031820305718, -0.8046518494391491, 0.45391411664808645, -0.1712511452459882, 0.028361550132506127,
        0.008393044298516445, -0.004818785534207905, -0.0004392081434569338, 0.0007026938161336024,
        5.8305722003656905e-05, -0.0001126048111024295, -1.9512089098876916e-05, 1.8239760946640737e-05,
        6.642164105832942e-06, -2.3120136506695124e-06, -1.6236764300523228e-06,
    ),
    "f32": (
        1.0540318146434748, -0.8046517961411346, 0.45391545872008005, -0.1712547898615656, 0.02831023463712191,
        0.008417698314474226, -0.004255457779229328,
    ),
}  # fmt: skip

# for erfc: K = 3, x >= 0.75, 2^-58.3 with the low part of the first coefficient; K = 5/2, x >= 1, 2^-28.2
_ERFC = {
    "f64": (
        1.0740069070883398, -0.8833944531698836, 0.5902283571041012, -0.3104672619005633, 0.11952776128734416,
        -0.026827234624736337, -0.0012124166287612208, 0.0030340620073502386, -0.0005483096702256743,
        -0.0002767779235835599, 0.0001075613259552391, 3.0398738417572767e-05, -1.7469909939247982e-05,
        -4.751889668821736e-06, 2.7641179397574498e-06, 1.006596543614922e-06, -4.08015540265748e-07,
        -2.4682072509478676e-07, 5.1038306240892446e-08, 6.266551804403e-08, -9.338159335538187e-09,
        -1.2058288383744942e-08, 3.528015422816613e-09,
    ),
    "f32": (
        1.0540318221609868, -0.8046518086420081, 0.4539138443164828, -0.1712525082166986, 0.02836856434509993,
        0.008400475708669248, -0.004878027732171236, -0.0004029084087912138, 0.0008422269061567345,
        -0.00018209514061400602,
    ),
}  # fmt: skip
_K, _K_ERFC = 2.5, 3.0
_ERFC_LOW = -8.735114039922192e-17
# (exp(r) - 1 - r)/r^2, |r| <= ln(2)/2: 2^-57.9; 2^-28.2
_EXP = {
    "f64": (
        0.5000000000000013, 0.166666666666667, 0.041666666666511226, 0.008333333333307193, 0.0013888888948018156,
        0.00019841269917422177, 2.4801488967100576e-05, 2.7557216262665537e-06, 2.7631613284668934e-07,
        2.5117874135094254e-08,
    ),
    "f32": (
        0.5000000093710918, 0.16666518207856404, 0.04166620782444247, 0.00836896253190299, 0.0013950433437597816,
    ),
}  # fmt: skip

_LN2, _LN2_LOW = 0.6931471805599453, 2.3190468138462996e-17
_SQRT_HALF, _SQRT_HALF_LOW = 0.7071067811865476, -4.833646656726457e-17
_LOG2_E = 1.4426950408889634


def _exp_minus(b: Builder, x: Value, low: Value) -> tuple[Value, Value, Value]:
    """exp(-(x + low)) as (high + low) 2^k, x >= 1/2, and the bits of k as `factors` takes them."""
    k, bits = nearest(b, x, -_LOG2_E)
    r = b.fma(-k, _LN2, -x)  # exact: multiples of 2^-53, and r below 1
    r, r_low = fast_two_sum(b, r, b.fma(-k, _LN2_LOW, -low))
    high, high_low = fast_two_sum(b, b.const(x.kind, 1.0), r)
    return high, high_low + b.fma(r * r, polynomial(b, r, _EXP["f64"]), b.fma(r, r_low, r_low)), bits


def _exp_minus_f32(b: Builder, x: Value) -> Value:
    """exp(-x) in double precision with the bound of float32, 0 <= x < 700."""
    k, bits = nearest(b, x, -_LOG2_E)
    r = b.fma(k, -_LN2, -x)
    power = b.bitcast((bits - 1023) << 52, "f64")
    return b.fma(r * r, polynomial(b, r, _EXP["f32"]), r + 1.0) * power


def _scaled(b: Builder, a: Value, a_low: Value | None = None) -> tuple[Value, Value]:
    """exp(x^2) erfc(x) = G/(x + K) of x = a + a_low >= 0.75, as high + low."""
    d, d_low = two_sum(b, a, b.const(a.kind, _K_ERFC))
    if a_low is not None:
        d_low = d_low + a_low
    r = 1.0 / d
    r_error = b.fma(-r, d, 1.0) - r * d_low  # relative
    t = b.fma(r, -2 * _K_ERFC, 1.0)
    u, u_low = fast_two_sum(b, b.const(a.kind, 1.0), -t)
    t_low = b.fma(r, -2 * _K_ERFC, u) + b.fma(r * r_error, -2 * _K_ERFC, u_low)
    # the last two of Horner's steps with their rounding errors
    c0, c1, *rest = _ERFC["f64"]
    w = b.fma(t, polynomial(b, t, rest[1:]), rest[0])
    q = b.fma(t, w, c1)
    q_low = b.fma(t, w, c1 - q)
    g = b.fma(t, q, c0)
    g_low = b.fma(t, q, c0 - g) + b.fma(t_low, q, b.fma(t, q_low, _ERFC_LOW))
    y = g * r
    return y, b.fma(g, r, -y) + b.fma(y, r_error, g_low * r)


def _tail(b: Builder, scaled: tuple[Value, Value], square: Value, square_low: Value, factor: float = 1.0) -> Value:
    """factor exp(-(square + square_low)) scaled, to nearly half an ulp."""
    e, e_low, bits = _exp_minus(b, square, square_low)
    y, y_low = scaled
    p, p_low = two_product(b, e, y)
    f0, f1 = factors(b, bits, e.kind)
    return (p + (p_low + b.fma(e, y_low, e_low * y))) * factor * f0 * f1


def _scaled_short(b: Builder, a: Value, c: Sequence[float]) -> Value:
    """exp(a^2) erfc(a) with the polynomial c of K = 5/2."""
    r = 1.0 / (a + _K)
    return polynomial(b, b.fma(r, -2 * _K, 1.0), c) * r


@elementary("erf", ulp={"f64": 1.5, "f32": 1.0})
def erf(b: Builder, x: Value) -> Value:
    kind, x = x.kind, b.convert(x, "f64")
    a = at_most(b, b.fabs(x), 6.0 if kind == "f64" else 4.1)
    z = a * a
    near = b.fma(x, polynomial(b, z, _SMALL[kind]), x)
    if kind == "f64":
        e, e_low, bits = _exp_minus(b, z, b.fma(a, a, -z))
        exp = (e + e_low) * b.bitcast((bits - 1023) << 52, "f64")
    else:
        exp = _exp_minus_f32(b, z)
    far = b.copysign(1.0 - exp * _scaled_short(b, a, _ERF[kind]), x)
    return b.convert(b.select(a.le(_NEAR_ERF), near, far), kind)


@elementary("erfc", ulp={"f64": 1.5, "f32": 1.0})
def erfc(b: Builder, x: Value) -> Value:
    kind, x = x.kind, b.convert(x, "f64")
    a = at_most(b, b.fabs(x), 27.3 if kind == "f64" else 10.1)
    z = a * a
    p = polynomial(b, z, _SMALL[kind])
    one = b.const("f64", 1.0)
    high, low = fast_two_sum(b, one, -x)
    near = high + b.fma(-x, p, low)
    if kind == "f64":
        far = _tail(b, _scaled(b, a), z, b.fma(a, a, -z))
    else:
        far = _exp_minus_f32(b, z) * _scaled_short(b, a, _ERFC["f32"])
    far = b.select(x.lt(0.0), 2.0 - far, far)
    return b.convert(b.select(a.le(_NEAR_ERFC[kind]), near, far), kind)


def _over_sqrt2(b: Builder, t: Value) -> tuple[Value, Value]:
    """t/sqrt(2) as high + low; half the square of t is the square of this."""
    a = t * _SQRT_HALF
    return a, b.fma(t, _SQRT_HALF_LOW, b.fma(t, _SQRT_HALF, -a))


def _ndtr_near(b: Builder, x: Value, a: Value, a_low: Value, c: Sequence[float]) -> tuple[Value, Value]:
    """The distribution function (1 + erf(x/sqrt(2)))/2 as high + low, where a + a_low = |x|/sqrt(2) <= 1."""
    sign = b.copysign(b.const("f64", 0.5), x)
    high, low = fast_two_sum(b, b.const("f64", 0.5), a * sign)
    return high, b.fma(b.fma(a, polynomial(b, a * a, c), a_low), sign, low)


@elementary("ndtr", ulp={"f64": 2.0, "f32": 1.0})
def ndtr(b: Builder, x: Value) -> Value:
    """erfc(-x/sqrt(2))/2."""
    kind, x = x.kind, b.convert(x, "f64")
    t = at_most(b, b.fabs(x), 38.6 if kind == "f64" else 14.2)
    a, a_low = _over_sqrt2(b, t)
    half = t * 0.5
    square = half * t
    if kind == "f64":
        far = _tail(b, _scaled(b, a, a_low), square, b.fma(half, t, -square), 0.5)
    else:
        far = _exp_minus_f32(b, square) * _scaled_short(b, a, _ERFC["f32"]) * 0.5
    far = b.select(x.gt(0.0), 1.0 - far, far)
    high, low = _ndtr_near(b, x, a, a_low, _SMALL[kind])
    return b.convert(b.select(a.le(_NEAR_ERFC[kind]), high + low, far), kind)


@elementary("log_ndtr", ulp={"f64": 2.0, "f32": 1.0})
def log_ndtr(b: Builder, x: Value) -> Value:
    """log ndtr(x) in the middle, log(1 - ndtr(-x)) on the right, -x^2/2 + log(exp(x^2/2) ndtr(x)) on the left."""
    kind, given, x = x.kind, x, b.convert(x, "f64")
    right = x.gt(0.0)
    t = b.fabs(x)
    t = b.select(right, at_most(b, t, 38.6 if kind == "f64" else 14.2), at_most(b, t, 2.0**1000))
    half = t * 0.5
    square = half * t
    # where the other term is nothing beside x^2/2, it need not grow
    a, a_low = _over_sqrt2(b, at_most(b, t, 1e12 if kind == "f64" else 1e4))
    left = a.gt(_NEAR_ERFC[kind]) & right.invert()
    right = a.gt(_NEAR_ERFC[kind]) & right
    high, low = _ndtr_near(b, x, a, a_low, _SMALL[kind])
    zero = b.const("f64", 0.0)
    if kind == "f64":
        square_low = b.fma(half, t, -square)
        y, y_low = _scaled(b, a, a_low)
        high, low = fast_two_sum(b, high, low)
        high, low = b.select(left, y * 0.5, high), b.select(left, y_low * 0.5, low)
        one, rest = fast_two_sum(b, b.const("f64", 1.0), -_tail(b, (y, y_low), square, square_low, 0.5))
        high, low = log1p_sum(b, b.select(right, one, high), b.select(right, rest, low))
        s, error = two_sum(b, b.select(left, -square, zero), high)
        out = s + (error + (low - b.select(left, square_low, zero)))
    else:
        y = _scaled_short(b, a, _ERFC["f32"])
        excess = b.select(left, y * 0.5, high + low) - 1.0
        excess = b.select(right, _exp_minus_f32(b, square) * y * -0.5, excess)
        out = b.call("log1p", excess) - b.select(left, square, zero)
    out = b.convert(-b.fabs(b.select(square.lt(math.inf), out, math.inf)), kind)
    return b.select(b.isnan(given), given, out)


# -- logarithms with their limits --------------------------------------------------------------------------


@elementary("entr", ulp={"f64": 2.0, "f32": 2.0})
def entr(b: Builder, x: Value) -> Value:
    y = -x * b.call("log", x)
    return b.select(x.lt(0.0), -math.inf, b.select(x.eq(0.0), 0.0, y))


def _times_log(b: Builder, x: Value, y: Value, log: str) -> Value:
    """x log(y), 0 for x = 0 and any number y."""
    return b.select(x.eq(0.0) & b.isnan(y).invert(), 0.0, x * b.call(log, y))


@elementary("xlogy", arity=2, ulp={"f64": 2.0, "f32": 2.0})
def xlogy(b: Builder, x: Value, y: Value) -> Value:
    return _times_log(b, x, y, "log")


@elementary("xlog1py", arity=2, ulp={"f64": 2.0, "f32": 2.0})
def xlog1py(b: Builder, x: Value, y: Value) -> Value:
    return _times_log(b, x, y, "log1p")


@elementary("logit", ulp={"f64": 1.5, "f32": 1.5})
def logit(b: Builder, x: Value) -> Value:
    """log(x/(1 - x)) as the logarithm of 1 + (2 x - 1)/(1 - x), or of x/(1 - x) for x < 1/4."""
    kind = x.kind
    zero, one = b.const(kind, 0.0), b.const(kind, 1.0)
    low_half = x.lt(0.25)
    threshold, shift = (2.0**-900, 60) if kind == "f64" else (2.0**-90, 30)
    tiny = x.lt(threshold)
    d, d_low = fast_two_sum(b, one, -x)
    n = b.select(low_half, x * b.select(tiny, 2.0**shift, one), b.fma(x, 2.0, -one))
    r = 1.0 / d
    q = n * r
    q_low = b.fma(-q, d_low, b.fma(-q, d, n)) * r
    u, rest = two_sum(b, b.select(low_half, zero, one), q)
    high, low = log1p_sum(b, u, rest + q_low)
    low = low - b.select(tiny, shift * math.log(2), zero)
    y = b.select(x.eq(1.0), math.inf, b.select(x.eq(0.0), -math.inf, high + low))
    return b.select(x.ge(0.0) & x.le(1.0), y, math.nan)
