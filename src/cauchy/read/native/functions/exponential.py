"""exp and its relatives.

The argument is reduced to x = k ln 2 + r, |r| <= ln(2)/2, with ln 2 in two parts (Cody & Waite, 1980, chapter 6), and
e^r = 1 + r + r^2 Q(r) with a minimax polynomial Q (Remez's exchange, weighted for the error it makes in e^r).
Powers of two are put together from bits; results near the ends of the range are scaled twice.
"""

from __future__ import annotations

from ..ir import Builder, Value
from . import elementary
from .arithmetic import at_least, at_most, estrin, factors, fast_two_sum, nearest, power_of_half, scale

# ln 2 = high + low; k high is exact for |k| < 2^11 (f64), 2^8 (f32)
LN2 = {
    "f64": (0.6931471805598903, 5.497923018708371e-14),
    "f32": (0.693145751953125, 1.428606765330187e-06),
}
LOG2_E = 1.4426950408889634

# (e^r - 1 - r) / r^2, |r| <= 0.3467; error in e^r below 2^-57 and 2^-27
_EXP = {
    "f64": (
        0.5000000000000011,
        0.16666666666666696,
        0.04166666666652768,
        0.00833333333330867,
        0.0013888888944288318,
        0.00019841269914874137,
        2.480149241312709e-05,
        2.7557218112804875e-06,
        2.7630493482812623e-07,
        2.5117388827351614e-08,
    ),
    "f32": (0.5, 0.1666651964187622, 0.04166620969772339, 0.008368784561753273, 0.0013950265711173415),
}
# (2^r - 1 - r ln 2) / r^2, |r| <= 1/2; error in 2^r below 2^-57 and 2^-27
EXP2 = {
    "f64": (
        0.24022650695910125,
        0.05550410866482168,
        0.009618129107596287,
        0.0013333558146388356,
        0.0001540353045494462,
        1.5252733861152618e-05,
        1.3215436171535835e-06,
        1.0178048484781616e-07,
        7.073654346011236e-09,
        4.457145620240088e-10,
    ),
    "f32": (
        0.24022650718688965,
        0.05550362169742584,
        0.009618023410439491,
        0.001339029986411333,
        0.0001547161373309791,
    ),
}

# beyond these, e^x is infinite or zero, and the powers of two can still be put together
_TOP = {"f64": 710.0, "f32": 89.0}
EXP_BOTTOM = {"f64": -746.0, "f32": -105.0}


def reduce(b: Builder, x: Value) -> tuple[Value, Value, Value]:
    """(t, small, bits of k): x = k ln 2 + t + small, t without error; their sum r is at most ln(2)/2."""
    high, low = LN2[x.kind]
    k, bits = nearest(b, x, LOG2_E)
    return b.fma(k, -high, x), k * -low, bits


def exp_tail(b: Builder, r: Value) -> tuple[Value, Value]:
    """(r^2, Q(r)): e^r = 1 + r + r^2 Q."""
    z = r * r
    return z, estrin(b, r, _EXP[r.kind], z)


def exp_pair(b: Builder, x: Value) -> tuple[Value, Value, Value]:
    """(high, low, bits of k): e^x = (high + low) 2^k but for 2^-56 (f32: 2^-26), relative; x within the bounds."""
    t, small, bits = reduce(b, x)
    one, rest = fast_two_sum(b, b.const(x.kind, 1.0), t)
    return *fast_two_sum(b, one, b.fma(*exp_tail(b, t + small), rest + small)), bits


@elementary("exp", ulp={"f64": 1.0, "f32": 1.0})
def exp(b: Builder, x: Value) -> Value:
    t, small, bits = reduce(b, at_least(b, at_most(b, x, _TOP[x.kind]), EXP_BOTTOM[x.kind]))
    y = t + b.fma(*exp_tail(b, t + small), small)
    p, q = factors(b, bits, x.kind)
    return b.fma(y, p, p) * q


@elementary("exp2", ulp={"f64": 1.25, "f32": 1.25})
def exp2(b: Builder, x: Value) -> Value:
    top, bottom = (1024.0, -1076.0) if x.kind == "f64" else (128.0, -151.0)
    x = at_least(b, at_most(b, x, top), bottom)
    k, bits = nearest(b, x)
    r = x - k
    z = r * r
    y = b.fma(r, 0.6931471805599453, z * estrin(b, r, EXP2[x.kind], z))
    p, q = factors(b, bits, x.kind)
    return b.fma(y, p, p) * q


@elementary("expm1", ulp={"f64": 1.5, "f32": 1.5})
def expm1(b: Builder, x: Value) -> Value:
    """2^k ((1 - 2^-k) + (e^r - 1)), the first terms of both added without error."""
    y = at_least(b, at_most(b, x, _TOP[x.kind]), -40.0 if x.kind == "f64" else -20.0)
    t, small, bits = reduce(b, y)
    # 2^-k has no bits for the largest k, and is nothing beside 1
    half = 1.0 - b.select(y.gt(60.0), b.const(x.kind, 0.0), power_of_half(b, bits, x.kind))
    s, rest = fast_two_sum(b, half, t)
    return b.copysign(scale(b, s + b.fma(*exp_tail(b, t + small), rest + small), bits), x)


def quotient(b: Builder, nh: Value, nl: Value, dh: Value, dl: Value) -> Value:
    """(nh + nl) / (dh + dl) for small nl and dl, with one division: what is left of nh + nl times the reciprocal."""
    reciprocal = 1.0 / dh
    q = nh * reciprocal
    return b.fma(b.fma(-q, dl, b.fma(-q, dh, nh) + nl), reciprocal, q)


def exp_negative(b: Builder, x: Value) -> tuple[Value, Value]:
    """e^-|x| in two parts; the first is well rounded also where it is subnormal."""
    high, low, bits = exp_pair(b, at_least(b, -b.fabs(x), EXP_BOTTOM[x.kind]))
    p, q = factors(b, bits, x.kind)
    return high * p * q, low * (p * q)


@elementary("expit", ulp={"f64": 1.0, "f32": 1.0})
def expit(b: Builder, x: Value) -> Value:
    """1 / (1 + z) or z / (1 + z) with z = e^-|x| in two parts."""
    high, low = exp_negative(b, x)
    dh, dl = fast_two_sum(b, b.const(x.kind, 1.0), high)
    positive = x.ge(0.0)
    return quotient(b, b.select(positive, 1.0, high), b.select(positive, 0.0, low), dh, dl + low)
