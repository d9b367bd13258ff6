"""Roots and powers."""

from __future__ import annotations

from ..ir import Builder, Value
from . import elementary
from .arithmetic import (
    INF,
    NAN,
    at_least,
    at_most,
    estrin,
    factors,
    fast_two_sum,
    nearest,
    power_of_two,
    two_product,
)
from .exponential import EXP2
from .logarithm import split_any

# 2 / ln 2 and a third of it, ln 2: each in two parts
_C = (2.8853900817779268, 4.0710547481862066e-17)
_C3 = (0.9617966939259756, 5.0577616648125907e-17)
_LN2 = (0.6931471805599453, 2.3190468138462996e-17)
# (log2((1 + s) / (1 - s)) - C s - C/3 s^3) / s^5 in s^2, |s| <= 0.1716; error in the logarithm below 2^-72, relative
_LOG2 = (
    0.5770780163555851,
    0.41219858311134566,
    0.3205988979120256,
    0.26230819886333273,
    0.2219522490822142,
    0.1924023879583932,
    0.16842555967037287,
    0.17306412550005817,
)
# for float32, from s^3; below 2^-44
_LOG2_F32 = (0.961796694046221, 0.5770779563571902, 0.41220811376156874, 0.3199454780243931, 0.28239962834317917)
# (2^r - 1) / r, |r| <= 1/2, for float32; below 2^-33
_EXP2_F32 = (
    0.6931471805537316,
    0.24022650922349514,
    0.05550410928614239,
    0.009618056666640614,
    0.0013333454699403977,
    0.00015461449122449087,
    1.5310042295953656e-05,
)
# m^(-1/3), sqrt(1/2) <= m <= sqrt(2): below 2^-14 and 2^-9, relative
_CBRT = {
    "f64": (1.8745180592476962, -1.8618170293469214, 1.5612667831536746, -0.702348304370265, 0.12835704464298914),
    "f32": (1.5581550598144531, -0.7672201991081238, 0.20966359972953796),
}


@elementary("sqrt", ulp={"f64": 0.5, "f32": 0.5})
def sqrt(b: Builder, x: Value) -> Value:
    """The processor's instruction, correctly rounded."""
    return b.sqrt(x)


@elementary("cbrt", ulp={"f64": 0.75, "f32": 0.75})
def cbrt(b: Builder, x: Value) -> Value:
    """|x| = 8^k t, 1/3 < t < 3: z near t^(-1/3) from a polynomial, a step of order 3, and one of Newton's for t z^2."""
    a = b.fabs(x)
    e, m = split_any(b, a)
    k, bits = nearest(b, e, 1 / 3)
    r = b.fma(k, -3.0, e)
    up, down = r.gt(0.5), r.lt(-0.5)
    t = m * b.select(up, b.const(x.kind, 2.0), b.select(down, b.const(x.kind, 0.5), 1.0))
    third = b.select(up, b.const(x.kind, 2 ** (-1 / 3)), b.select(down, b.const(x.kind, 2 ** (1 / 3)), 1.0))
    z = estrin(b, m, _CBRT[x.kind]) * third
    h = b.fma(-(t * z), z * z, 1.0)
    z = b.fma(z * h, b.fma(h, 2 / 9, 1 / 3), z)
    slope = z * z
    y = t * slope
    square, low = two_product(b, y, y)
    rest = b.fma(-low, y, b.fma(-square, y, t))
    y = b.fma(rest, slope * (1 / 3), y) * power_of_two(b, bits, x.kind)
    return b.select(a.gt(0.0), b.select(a.lt(INF), b.copysign(y, x), x), x)


@elementary("hypot", arity=2, ulp={"f64": 1.25, "f32": 0.75})
def hypot(b: Builder, x: Value, y: Value) -> Value:
    """sqrt(x^2 + y^2): 3/4 + 1/2 ulp at most, scaled by a power of two where a square would overflow or vanish."""
    if x.kind == "f32":  # squares of float32 are exact in float64
        p, q = b.convert(x, "f64"), b.convert(y, "f64")
        h = b.convert(b.sqrt(b.fma(p, p, q * q)), "f32")
    else:
        p, q = b.fabs(x), b.fabs(y)
        swap = p.lt(q)
        p, q = b.select(swap, q, p), b.select(swap, p, q)
        large, small = p.gt(2.0**500), p.lt(2.0**-400)
        factor = b.select(large, b.const(x.kind, 2.0**-600), b.select(small, b.const(x.kind, 2.0**600), 1.0))
        back = b.select(large, b.const(x.kind, 2.0**600), b.select(small, b.const(x.kind, 2.0**-600), 1.0))
        p, q = p * factor, q * factor
        h = b.sqrt(b.fma(p, p, q * q)) * back
    return b.select(b.fabs(x).eq(INF) | b.fabs(y).eq(INF), INF, h)


def _log2_f64(b: Builder, x: Value) -> tuple[Value, Value]:
    """log2 x in two parts, to about 2^-65 relative, for positive x."""
    e, m = split_any(b, x)
    f = m - 1.0
    d, dl = fast_two_sum(b, b.const("f64", 2.0), f)
    reciprocal = 1.0 / d
    s = f * reciprocal
    sl = b.fma(-s, dl, b.fma(-s, d, f)) * reciprocal
    z, zl = two_product(b, s, s)
    zl = b.fma(s + s, sl, zl)
    # C/3 + z Q(z), then times z, times s
    p, pl = fast_two_sum(b, b.const("f64", _C3[0]), z * estrin(b, z, _LOG2))
    pl = pl + b.fma(zl, _LOG2[0], _C3[1])
    w, wl = two_product(b, z, p)
    wl = wl + b.fma(z, pl, zl * p)
    v, vl = two_product(b, s, w)
    vl = vl + b.fma(s, wl, sl * w)
    u, ul = two_product(b, s, b.const("f64", _C[0]))
    ul = ul + b.fma(s, _C[1], sl * _C[0])
    h, hl = fast_two_sum(b, u, v)
    t, tl = fast_two_sum(b, e, h)
    return fast_two_sum(b, t, tl + (hl + (ul + vl)))


def _exp2_f64(b: Builder, high: Value, low: Value) -> Value:
    """2^(high + low), |high| < 1100."""
    k, bits = nearest(b, high)
    r, low = fast_two_sum(b, high - k, low)
    p, pl = two_product(b, r, b.const("f64", _LN2[0]))
    pl = pl + b.fma(r, _LN2[1], low * _LN2[0])
    z = r * r
    one, rest = fast_two_sum(b, b.const("f64", 1.0), p)
    y = one + b.fma(z, estrin(b, r, EXP2["f64"], z), rest + pl)
    p, q = factors(b, bits, "f64")
    return y * p * q


def _log2_f32(b: Builder, x: Value) -> tuple[Value, Value]:
    """log2 of a float32 in float64, to 2^-44."""
    e, m = split_any(b, x)
    f = m - 1.0
    s = f / (f + 2.0)
    z = s * s
    return b.fma(s, b.fma(z, estrin(b, z, _LOG2_F32), _C[0]), e), b.const("f64", 0.0)


def _exp2_f32(b: Builder, high: Value, low: Value) -> Value:
    """2^high in float64, to 2^-33, |high| < 1000."""
    k, bits = nearest(b, high)
    r = high - k
    return b.fma(r, estrin(b, r, _EXP2_F32), 1.0) * power_of_two(b, bits, "f64")


@elementary("power", arity=2, ulp={"f64": 1.0, "f32": 1.0})
def power(b: Builder, x: Value, y: Value) -> Value:
    """|x|^y = 2^(y log2 |x|), then C99's signs and exceptional values."""
    if x.kind == "f32":
        return b.convert(_power(b, b.convert(x, "f64"), b.convert(y, "f64"), False), "f32")
    return _power(b, x, y, True)


def _power(b: Builder, x: Value, y: Value, double: bool) -> Value:
    a = b.fabs(x)
    high, low = (_log2_f64 if double else _log2_f32)(b, a)
    # log2 of 0, infinity and NaN
    regular = a.lt(INF)
    high = b.select(a.eq(0.0), -INF, b.select(regular, high, a))
    h, rest = two_product(b, y, high)
    limit = 1100.0 if double else 600.0
    rest = b.select(b.fabs(h).lt(limit), b.fma(y, low, rest), 0.0)
    h = at_least(b, at_most(b, h, limit), -limit)
    z = (_exp2_f64 if double else _exp2_f32)(b, h, rest)
    # the sign, and NaN for a negative number to a power that is no integer
    whole = b.rint(y).eq(y)
    half = y * 0.5
    odd = whole & b.rint(half).ne(half)
    z = b.select(odd, b.copysign(z, x), z)
    z = b.select(x.lt(0.0) & regular & whole.invert(), NAN, z)
    # 1^y = x^0 = (-1)^(+-inf) = 1, even of NaN
    one = y.eq(0.0) | x.eq(1.0) | (x.eq(-1.0) & b.fabs(y).eq(INF))
    return b.select(one, 1.0, z)
