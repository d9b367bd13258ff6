"""Partial derivatives of the elementary functions. Reference: Abramowitz & Stegun (1964), chapters 3 and 4."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...tracer.array import is_traced
from .vocabulary import ZERO, P, Select, constant, partials

LN2, LN10 = math.log(2.0), math.log(10.0)


def _power_base(y: Any, x: Any, n: Any) -> Any:
    # n x^(n-1); for n = 0 the power is constant, also at x = 0 where x^(n-1) is a pole
    if isinstance(n, (int, float)) and not is_traced(n):
        return 0.0 * x if n == 0 else n if n == 1 else 2.0 * x if n == 2 else n * x ** (n - 1)
    # like n x^(n-1) there, cbrt is 0 at n = 0 with slope inf: the mixed second derivative is not a wrong finite number
    hole = np.logical_and(np.equal(n, 0), np.equal(x, 0))
    return np.where(hole, np.cbrt(n), n * np.where(hole, 1.0, x) ** (n - 1))


def _power_exponent(y: Any, x: Any, n: Any) -> Any:
    # x^n log x, continued by its limit 0 at x = 0 for n > 0; its slope there is -inf for n <= 1, as that of -cbrt
    at_zero = np.logical_and(np.equal(x, 0), np.greater(n, 0))
    limit = np.where(np.greater(n, 1), 0.0, -np.cbrt(x))
    return np.where(at_zero, limit, y * np.log(np.where(at_zero, 1.0, x)))


def _part_of(i: int) -> Any:
    def part(y: Any, *ab: Any) -> Any:
        origin = np.equal(y, 0)
        return np.where(origin, 0.0, ab[i] / np.where(origin, 1.0, y))

    return part


def _where(chosen: np.ufunc) -> Select:
    # at a tie each argument takes half: the midpoint of the limiting derivatives
    return Select(lambda y, a, b: chosen(a, b), lambda y, a, b: np.where(np.equal(a, b), 0.5, 1.0))


partials[P.add] = (lambda y, a, b: 1.0, lambda y, a, b: 1.0)
partials[P.subtract] = (lambda y, a, b: 1.0, lambda y, a, b: -1.0)
partials[P.multiply] = (lambda y, a, b: b, lambda y, a, b: a)
# np.divide: a constant b may be a Python 0, for which `/` raises instead of giving inf
partials[P.divide] = (lambda y, a, b: np.divide(1.0, b), lambda y, a, b: -y / b)
partials[P.power] = (_power_base, _power_exponent)
partials[P.negative] = (lambda y, x: -1.0,)
partials[P.positive] = (lambda y, x: 1.0,)
partials[P.reciprocal] = (lambda y, x: -y * y,)
partials[P.square] = (lambda y, x: 2.0 * x,)
partials[P.sqrt] = (lambda y, x: 0.5 / y,)
partials[P.cbrt] = (lambda y, x: 1.0 / (3.0 * y * y),)
# the slopes at (0, 0) are -1 and 1: the midpoint, as for abs
partials[P.hypot] = (_part_of(0), _part_of(1))

partials[P.exp] = (lambda y, x: y,)
partials[P.exp2] = (lambda y, x: y * LN2,)
partials[P.expm1] = (lambda y, x: np.exp(x),)
partials[P.log] = (lambda y, x: 1.0 / x,)
partials[P.log2] = (lambda y, x: 1.0 / (x * LN2),)
partials[P.log10] = (lambda y, x: 1.0 / (x * LN10),)
partials[P.log1p] = (lambda y, x: 1.0 / (1.0 + x),)
# exp(a - y) = 1 / (1 + exp(b - a)): the second form is finite for infinite a and b too
partials[P.logaddexp] = (lambda y, a, b: P.expit(a - b), lambda y, a, b: P.expit(b - a))
partials[P.logaddexp2] = (lambda y, a, b: P.expit((a - b) * LN2), lambda y, a, b: P.expit((b - a) * LN2))

partials[P.sin] = (lambda y, x: np.cos(x),)
partials[P.cos] = (lambda y, x: -np.sin(x),)
partials[P.tan] = (lambda y, x: 1.0 + y * y,)
# (1 - x)(1 + x) keeps the digits that 1 - x^2 loses near the ends
partials[P.arcsin] = (lambda y, x: 1.0 / np.sqrt((1.0 - x) * (1.0 + x)),)
partials[P.arccos] = (lambda y, x: -1.0 / np.sqrt((1.0 - x) * (1.0 + x)),)
partials[P.arctan] = (lambda y, x: 1.0 / (1.0 + x * x),)
# over the hypotenuse twice, so that tiny and huge arguments neither underflow nor overflow
partials[P.arctan2] = (
    lambda y, a, b: (b / np.hypot(a, b)) / np.hypot(a, b),
    lambda y, a, b: -(a / np.hypot(a, b)) / np.hypot(a, b),
)
partials[P.sinh] = (lambda y, x: np.cosh(x),)
partials[P.cosh] = (lambda y, x: np.sinh(x),)
# 1 - y^2 would lose every digit where tanh saturates; 1/cosh(x)^2 keeps them, but its own derivative is 0 inf there
partials[P.tanh] = (lambda y, x: 4.0 * P.expit(2.0 * x) * P.expit(-2.0 * x),)
partials[P.arcsinh] = (lambda y, x: 1.0 / np.hypot(x, 1.0),)
partials[P.arccosh] = (lambda y, x: 1.0 / (np.sqrt(x - 1.0) * np.sqrt(x + 1.0)),)
partials[P.arctanh] = (lambda y, x: 1.0 / ((1.0 - x) * (1.0 + x)),)
partials[P.deg2rad] = (lambda y, x: math.pi / 180.0,)
partials[P.rad2deg] = (lambda y, x: 180.0 / math.pi,)

# at a kink: the midpoint of the limiting derivatives (abs'(0) = 0, max at a tie half and half);
# clip's edges count as inside, unless they coincide
partials[P.absolute] = (lambda y, x: np.sign(x),)
partials[P.copysign] = (lambda y, a, b: np.copysign(1.0, a) * np.copysign(1.0, b), ZERO)
partials[P.maximum] = partials[P.fmax] = (_where(np.greater_equal), _where(np.less_equal))
partials[P.minimum] = partials[P.fmin] = (_where(np.less_equal), _where(np.greater_equal))
partials[P.clip] = (
    Select(
        lambda y, x, low, high: np.logical_and(
            np.logical_and(np.less_equal(low, x), np.less_equal(x, high)), np.less(low, high)
        )
    ),
    Select(lambda y, x, low, high: np.logical_and(np.less(x, low), np.less_equal(low, high))),
    Select(lambda y, x, low, high: np.less(high, np.maximum(x, low))),
)
partials[P.heaviside] = (ZERO, Select(lambda y, a, b: np.equal(a, 0)))
partials[P.where] = (ZERO, Select(lambda y, c, a, b: c), Select(lambda y, c, a, b: np.logical_not(c)))
partials[P.remainder] = (lambda y, a, b: 1.0, lambda y, a, b: -np.floor_divide(a, b))
partials[P.fmod] = (lambda y, a, b: 1.0, lambda y, a, b: -np.trunc(a / b))
partials[P.sinc] = (lambda y, x, *, order: P.sinc(x, order=order + 1),)
partials[P.astype] = (lambda y, x, *, dtype: 1.0,)

constant(P.sign, P.floor, P.ceil, P.trunc, P.rint, P.around, P.floor_divide)
constant(P.equal, P.not_equal, P.less, P.less_equal, P.greater, P.greater_equal)
constant(P.logical_and, P.logical_or, P.logical_xor, P.logical_not, P.isnan, P.isfinite, P.isinf, P.signbit)
constant(P.bitwise_and, P.bitwise_or, P.bitwise_xor, P.invert, P.left_shift, P.right_shift, P.gcd, P.lcm)
