"""Partial derivatives of the special functions, each in a form that keeps its digits up to the ends of the domain.

Where the textbook formula is a difference of nearly equal numbers (scaled functions far out, digamma differences)
a series takes over; both sides of the seam are good to about 1e-13.

References: Abramowitz & Stegun (1964), chapters 6, 7, 9, 26; DLMF 5.4, 5.5, 5.11 (gamma), 7.10, 7.12 (error
functions), 10.29, 10.40 (modified Bessel functions).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .vocabulary import P, partials

SQRT_PI, SQRT_2PI = math.sqrt(math.pi), math.sqrt(2.0 * math.pi)


def _polynomial(coefficients: Sequence[float], u: Any) -> Any:
    total = coefficients[-1] + 0.0 * u
    for c in reversed(coefficients[:-1]):
        total = total * u + c
    return total


# -- logistic --------------------------------------------------------------------------------------

# 1 - y is expit(-x), which has all its digits where y is near 1
partials[P.expit] = (lambda y, x: y * P.expit(-x),)
partials[P.logit] = (lambda y, x: 1.0 / (x * (1.0 - x)),)
partials[P.log_expit] = (lambda y, x: P.expit(-x),)

# -- error functions and the normal distribution ---------------------------------------------------

ERFCX_FAR = 10.0
# DLMF 7.12.1: erfcx(x) = sum_k (-1)^k (2k-1)!! u^k / (sqrt(pi) x), u = 1/(2 x^2); beyond 10 fifteen terms reach 1e-17
_ERFCX = [(-1.0) ** (k + 1) * math.prod(range(1, 2 * k, 2)) * (2 * k + 1) / SQRT_PI for k in range(15)]


def _erfcx(y: Any, x: Any) -> Any:
    # 2 x y - 2/sqrt(pi) is a difference of numbers 2 x^2 times as large as itself
    far = np.greater(x, ERFCX_FAR)
    v = np.where(far, x, ERFCX_FAR)
    series = _polynomial(_ERFCX, 0.5 / v / v) / v / v
    return np.where(far, series, 2.0 * x * y - 2.0 / SQRT_PI)


def _log_ndtr(y: Any, x: Any) -> Any:
    # density over distribution: on the left both underflow, so their common factor exp(-x^2/2) is left out of both
    left = np.less(x, 0.0)
    tail = math.sqrt(2.0 / math.pi) / P.erfcx(np.where(left, x, 0.0) * -math.sqrt(0.5))
    return np.where(left, tail, np.exp(-0.5 * x * x) / (SQRT_2PI * P.ndtr(np.where(left, 0.0, x))))


partials[P.erf] = (lambda y, x: (2.0 / SQRT_PI) * np.exp(-x * x),)
partials[P.erfc] = (lambda y, x: (-2.0 / SQRT_PI) * np.exp(-x * x),)
partials[P.erfcx] = (_erfcx,)
partials[P.erfinv] = (lambda y, x: (SQRT_PI / 2.0) * np.exp(y * y),)
partials[P.erfcinv] = (lambda y, x: (-SQRT_PI / 2.0) * np.exp(y * y),)
partials[P.ndtr] = (lambda y, x: np.exp(-0.5 * x * x) / SQRT_2PI,)
partials[P.log_ndtr] = (_log_ndtr,)
partials[P.ndtri] = (lambda y, x: SQRT_2PI * np.exp(0.5 * y * y),)

# -- gamma family ----------------------------------------------------------------------------------

_SHIFT = 10
# DLMF 5.11.2: digamma(z) = log z - 1/(2z) - sum_k B_2k / (2k z^2k); from z = 10 on seven terms reach 1e-16
_STIRLING = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12)


def _digamma_step(a: Any, b: Any) -> Any:
    """digamma(a + b) - digamma(a), without that difference where b is small beside a.

    For positive a and a + b: the recurrence lifts a by ten, each step adding b / ((a+k)(a+b+k)); there the
    difference is taken term by term in the Stirling series. Elsewhere it is the plain difference.
    """
    good = np.logical_and(np.greater(a, 0.0), np.greater(a + b, 0.0))
    p, q = np.where(good, a, 1.0), np.where(good, b, 1.0)
    total = 0.0
    for k in range(_SHIFT):
        total = total + q / ((p + k) * (p + q + k))
    z = p + float(_SHIFT)
    ratio = np.log1p(q / z)
    total = total + ratio + 0.5 * q / (z * (z + q))
    for k, c in enumerate(_STIRLING, 1):
        total = total - c * z ** (-2 * k) * np.expm1(ratio * (-2.0 * k))
    return np.where(good, total, P.digamma(a + b) - P.digamma(a))


partials[P.gamma] = (lambda y, x: y * P.digamma(x),)
partials[P.gammaln] = (lambda y, x: P.digamma(x),)
partials[P.digamma] = (lambda y, x: P.polygamma(x, order=1),)
partials[P.polygamma] = (lambda y, x, *, order: P.polygamma(x, order=order + 1),)
partials[P.beta] = (lambda y, a, b: -y * _digamma_step(a, b), lambda y, a, b: -y * _digamma_step(b, a))
partials[P.betaln] = (lambda y, a, b: -_digamma_step(a, b), lambda y, a, b: -_digamma_step(b, a))

# -- entropies -------------------------------------------------------------------------------------


def _over(x: Any, y: Any) -> Any:
    # x/y, and at 0/0 the limit 0 from x = 0, where these functions are constant in y; like x/y there,
    # cbrt is 0 with slope inf in x, so that the mixed second derivative does not become a wrong finite number
    hole = np.logical_and(np.equal(x, 0.0), np.equal(y, 0.0))
    return np.where(hole, np.cbrt(x), x / np.where(hole, 1.0, y))


def _less_ratio(x: Any, y: Any) -> Any:
    # 1 - x/y cancels near x = y, and the slope of (y - x)/y does far from it
    return np.where(np.less(np.absolute(y - x), 0.5 * y), (y - x) / y, 1.0 - _over(x, y))


def _log_ratio(x: Any, x_log_ratio: Any) -> Any:
    # SciPy's x log(x/y) neither overflows nor loses digits near x = y; -inf at x = 0
    zero = np.equal(x, 0.0)
    return np.where(zero, np.log(x), x_log_ratio / np.where(zero, 1.0, x))


partials[P.xlogy] = (lambda y, a, b: np.log(b), lambda y, a, b: _over(a, b))
partials[P.xlog1py] = (lambda y, a, b: np.log1p(b), lambda y, a, b: _over(a, 1.0 + b))
partials[P.entr] = (lambda y, x: -np.log(x) - 1.0,)
partials[P.rel_entr] = (lambda y, a, b: _log_ratio(a, y) + 1.0, lambda y, a, b: -_over(a, b))
partials[P.kl_div] = (
    lambda y, a, b: _log_ratio(a, P.rel_entr(a, b)),
    lambda y, a, b: _less_ratio(a, b),
)

# -- modified Bessel functions ---------------------------------------------------------------------

BESSEL_FAR = 30.0


def _hankel(order: int) -> list[float]:
    # DLMF 10.40.1: e^-x I_n(x) = sum_k c_k x^(-k - 1/2); of its derivative the coefficients -(k + 1/2) c_k.
    # Beyond x = 30 twenty-two terms reach 1e-17
    c, out = 1.0 / SQRT_2PI, []
    for k in range(22):
        out.append(-(k + 0.5) * c)
        c *= ((2 * k + 1) ** 2 - 4 * order**2) / (8.0 * (k + 1))
    return out


_HANKEL = (_hankel(0), _hankel(1))


def _scaled_bessel(x: Any, order: int, near: Any) -> Any:
    """The slope of e^-|x| I_order(x): `near` is a difference of numbers 2|x| times as large as itself."""
    r = np.absolute(x)
    far = np.greater(r, BESSEL_FAR)
    v = np.where(far, r, BESSEL_FAR)
    series = _polynomial(_HANKEL[order], 1.0 / v) / (v * np.sqrt(v))
    return np.where(far, series if order else np.sign(x) * series, near(np.where(far, 0.0, x)))


def _iv(y: Any, x: Any, *, order: int) -> Any:
    return 0.5 * (P.iv(x, order=order - 1) + P.iv(x, order=order + 1))


partials[P.i0] = partials[P.numpy_i0] = (lambda y, x: P.i1(x),)
partials[P.i1] = (lambda y, x: 0.5 * (P.i0(x) + P.iv(x, order=2)),)  # I_0 - I_1/x has a hole at 0
partials[P.iv] = (_iv,)
# |x| has a kink at 0, and so has e^-|x| I_0: sign(0) = 0 gives the midpoint
partials[P.i0e] = (lambda y, x: _scaled_bessel(x, 0, lambda x: P.i1e(x) - np.sign(x) * P.i0e(x)),)
partials[P.i1e] = (
    lambda y, x: _scaled_bessel(
        x, 1, lambda x: 0.5 * (P.i0e(x) + np.exp(-np.absolute(x)) * P.iv(x, order=2)) - np.sign(x) * P.i1e(x)
    ),
)
