"""Convexity by composition: how each primitive passes on ranges, convexity and log-convexity, entry by entry.

The rules of disciplined convex programming (M. Grant, S. Boyd, Y. Ye, "Disciplined convex programming", 2006; S. Boyd,
L. Vandenberghe, "Convex optimization", 2004, section 3.2.4): where h is convex, h(g) is convex if g is affine, or
convex where h rises, or concave where h falls. Which it is depends on the range of g, which intervals enclose. Sums and
positive multiples of log-convex functions are log-convex (ibid., 3.5.2), and their logarithm is convex. A function is
looked at where it is defined: log(x) is concave on x > 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ... import ops as P
from ...graph import CONST, Node, Primitive
from ...read.value import value as meaning
from .facts import AFFINE, CONCAVE, CONVEX, EPS, TINY, Fact, compose, constant, fact, swap, unknown

# -- functions of one variable -----------------------------------------------------------------------------------------

Shape = Callable[[Any, Any], tuple[Any, Any, Any, Any]]  # of the range: convex, concave, up, down
YES, NO = np.True_, np.False_
CONVEX_UP: Shape = lambda l, h: (YES, NO, YES, NO)
CONVEX_DOWN: Shape = lambda l, h: (YES, NO, NO, YES)
CONCAVE_UP: Shape = lambda l, h: (NO, YES, YES, NO)
BOWL: Shape = lambda l, h: (YES, NO, l >= 0, h <= 0)
S_CURVE: Shape = lambda l, h: (h <= 0, l >= 0, YES, NO)  # convex, then concave
CUBIC: Shape = lambda l, h: (l >= 0, h <= 0, YES, NO)  # concave, then convex
LINE: Shape = lambda l, h: (YES, YES, YES, NO)
UNKNOWN: Shape = lambda l, h: (NO, NO, NO, NO)


QUARTER = float.fromhex("0x1.921fb54p0"), float.fromhex("0x1.10b4611a62633p-30")  # pi/2, to 2**-85


def _quarters(m: Any) -> tuple[Any, Any]:
    """The doubles nearest to m pi/2, from below and from above: equal at 0, and infinitely far apart for a large m."""
    first, second = m * QUARTER[0], m * QUARTER[1]  # the first has no rounding, the second at most |m| 2**-81
    s = first + second
    rest = second - (s - first)  # Dekker (1971): exact, as |first| > |second|
    sure = np.abs(m) * 2.0**-79
    below = np.where((rest > sure) | (m == 0), s, np.nextafter(s, -np.inf))
    above = np.where((rest < -sure) | (m == 0), s, np.nextafter(s, np.inf))
    far = np.abs(m) >= 2.0**24
    return np.where(far, -np.inf, below), np.where(far, np.inf, above)


def _half_periods(l: Any, h: Any, shift: float) -> tuple[Any, Any]:
    """Where [l, h] lies in an even or an odd one of the intervals [(k - shift) pi, (k + 1 - shift) pi]."""
    k = np.floor(np.where(np.isfinite(l), l, 0.0) / np.pi + shift)
    inside = (l >= _quarters(2 * (k - shift))[1]) & (h <= _quarters(2 * (k + 1 - shift))[0])
    return inside & (k % 2 == 0), inside & (k % 2 == 1)


def _sine(l: Any, h: Any) -> tuple[Any, Any, Any, Any]:
    concave, convex = _half_periods(l, h, 0.0)
    up, down = _half_periods(l, h, 0.5)
    return convex, concave, up, down


def _cosine(l: Any, h: Any) -> tuple[Any, Any, Any, Any]:
    concave, convex = _half_periods(l, h, 0.5)
    down, up = _half_periods(l, h, 0.0)
    return convex, concave, up, down


def _tangent(l: Any, h: Any) -> tuple[Any, Any, Any, Any]:
    inside = (l >= -np.pi / 2) & (h <= np.pi / 2)
    return inside & (l >= 0), inside & (h <= 0), inside, NO


def _hyperbola(l: Any, h: Any) -> tuple[Any, Any, Any, Any]:
    return l >= 0, h <= 0, NO, (l >= 0) | (h <= 0)


INF = np.inf
UNDERFLOW = 1e-300  # room for what underflows, and for how it is rounded
# near a zero of theirs that is no simple number, these have an absolute error
ABSOLUTE = {P.gammaln, P.digamma, P.ndtri, P.erfcinv, P.logit}
# shape, and the range of the whole function
ATOMS: dict[Primitive, tuple[Shape, float, float]] = {
    **dict.fromkeys((P.exp, P.exp2), (CONVEX_UP, 0.0, INF)),
    P.expm1: (CONVEX_UP, -1.0, INF),
    **dict.fromkeys((P.log, P.log2, P.log10, P.log1p), (CONCAVE_UP, -INF, INF)),
    P.sqrt: (CONCAVE_UP, 0.0, INF),
    P.arccosh: (CONCAVE_UP, 0.0, INF),
    **dict.fromkeys((P.log_expit, P.log_ndtr), (CONCAVE_UP, -INF, 0.0)),
    P.digamma: (lambda l, h: (NO, l >= 0, l >= 0, NO), -INF, INF),
    **dict.fromkeys((P.square, P.absolute), (BOWL, 0.0, INF)),
    **dict.fromkeys((P.cosh, P.i0, P.numpy_i0), (BOWL, 1.0, INF)),
    **dict.fromkeys((P.tanh, P.erf), (S_CURVE, -1.0, 1.0)),
    **dict.fromkeys((P.expit, P.ndtr), (S_CURVE, 0.0, 1.0)),
    P.arctan: (S_CURVE, -1.6, 1.6),
    P.arcsinh: (S_CURVE, -INF, INF),
    P.cbrt: (S_CURVE, -INF, INF),
    **dict.fromkeys((P.sinh, P.arcsin, P.arctanh, P.erfinv), (CUBIC, -INF, INF)),
    **{p: (lambda l, h: (l >= 0.5, h <= 0.5, YES, NO), -INF, INF) for p in (P.logit, P.ndtri)},
    P.arccos: (lambda l, h: (h <= 0, l >= 0, NO, YES), 0.0, 3.2),
    P.erfc: (lambda l, h: (l >= 0, h <= 0, NO, YES), 0.0, 2.0),
    P.erfcx: (CONVEX_DOWN, 0.0, INF),
    P.erfcinv: (lambda l, h: (h <= 1, l >= 1, NO, YES), -INF, INF),
    P.reciprocal: (_hyperbola, -INF, INF),
    P.sin: (_sine, -1.0, 1.0),
    P.cos: (_cosine, -1.0, 1.0),
    P.tan: (_tangent, -INF, INF),
    P.gammaln: (lambda l, h: (l >= 0, NO, l >= 2, (l >= 0) & (h <= 1)), -INF, INF),
    P.gamma: (lambda l, h: (l >= 0, NO, l >= 2, (l >= 0) & (h <= 1)), -INF, INF),
    P.entr: (lambda l, h: (NO, YES, h <= 0.36, l >= 0.37), -INF, 0.37),
    **dict.fromkeys((P.positive, P.identity, P.stop_gradient, P.deg2rad, P.rad2deg), (LINE, -INF, INF)),
    P.sign: (UNKNOWN, -1.0, 1.0),
    P.sinc: (UNKNOWN, -INF, INF),
}


def _range(
    f: Callable[..., Any], x: Fact, up: Any, down: Any, convex: Any, low: float, high: float, room: float = UNDERFLOW
) -> tuple[Any, Any]:
    """Of f over the range of x, from its ends where f is monotone or has its minimum between them."""
    with np.errstate(all="ignore"):
        a, b = (np.asarray(f(v), np.float64) for v in (x.low, x.high))
    pad = lambda v, side: v + side * (64 * EPS * np.abs(v) + room)
    left = np.where(up, pad(a, -1), np.where(down, pad(b, -1), low))
    right = np.where(up, pad(b, 1), np.where(down, pad(a, 1), np.where(convex, pad(np.fmax(a, b), 1), high)))
    left, right = (np.where(np.isnan(v), s, v) for v, s in ((left, low), (right, high)))
    return np.maximum(left, low), np.minimum(right, high)


def atom(n: Node, x: Fact) -> Fact:
    shape, low, high = ATOMS[n.prim]
    if n.prim is P.sinc:  # the integral of cos(pi t x) over t from 0 to 1: derivatives are at most pi^k / (k + 1)
        high = np.pi ** n.params["order"] / (n.params["order"] + 1) * (1 + 16 * EPS)
        low = -high
    convex, concave, up, down = shape(x.low, x.high)
    room = 64 * EPS if n.prim in ABSOLUTE else UNDERFLOW
    left, right = _range(lambda v: meaning[n.prim](v, **n.params), x, up, down, convex, low, high, room)
    bits = compose(convex, concave, up, down, x.bits)
    log = np.zeros(x.low.shape, bool)
    if n.prim in (P.exp, P.exp2):
        log = (x.bits & CONVEX) > 0
    elif n.prim in (P.log, P.log2, P.log10, P.log1p):  # 1 is log-convex, and so is 1 + x
        bits = bits | np.where(x.log, CONVEX, 0)
    elif n.prim in (P.identity, P.positive, P.stop_gradient, P.square, P.sqrt):
        log = x.log
    return fact(left, right, bits, log)


# -- arithmetic --------------------------------------------------------------------------------------------------------


def _product(u: Any, v: Any) -> Any:
    """u v, with 0 x inf = 0; what underflows keeps its sign."""
    w = u * v
    w = np.where((w == 0) & (u != 0) & (v != 0), np.copysign(TINY, w), w)
    return np.where((u == 0) | (v == 0), 0.0, w)


def _product_range(a: Fact, b: Fact) -> tuple[Any, Any]:
    with np.errstate(invalid="ignore", over="ignore"):
        ends = [_product(u, v) for u in (a.low, a.high) for v in (b.low, b.high)]
    return np.minimum.reduce(np.broadcast_arrays(*ends)), np.maximum.reduce(np.broadcast_arrays(*ends))


def add(n: Node, a: Fact, b: Fact) -> Fact:
    with np.errstate(invalid="ignore"):
        return fact(a.low + b.low, a.high + b.high, a.bits & b.bits, a.log & b.log)


def negative(n: Node, a: Fact) -> Fact:
    return fact(-a.high, -a.low, swap(a.bits))


def subtract(n: Node, a: Fact, b: Fact) -> Fact:
    return add(n, a, negative(n, b))


def scale(c: Any, x: Fact) -> Fact:
    """c x for numbers c."""
    k = constant(c)
    bits = np.where(k.low > 0, x.bits, np.where(k.low < 0, swap(x.bits), np.where(k.low == 0, AFFINE, 0)))
    return fact(*_product_range(k, x), np.where(np.isfinite(k.low), bits, 0), (k.low >= 0) & x.log)


def multiply(n: Node, a: Fact, b: Fact) -> Fact:
    if a.fixed or b.fixed:
        return scale(a.low, b) if a.fixed else scale(b.low, a)
    if n.args[0] is n.args[1]:
        return _square(a)
    x, y = n.args
    for first, second, one in ((x, y, a), (y, x, b)):
        if second.prim is P.log and second.args[0] is first:  # x log x
            convex = (one.bits == AFFINE) * CONVEX
            return fact(*_product_range(a, b), convex)
    return fact(*_product_range(a, b), 0, a.log & b.log)


def _square(x: Fact) -> Fact:
    convex, concave, up, down = BOWL(x.low, x.high)
    low, high = _range(np.square, x, up, down, convex, 0.0, np.inf)
    return fact(low, high, compose(convex, concave, up, down, x.bits), x.log)


def divide(n: Node, a: Fact, b: Fact) -> Fact:
    if b.fixed:
        with np.errstate(all="ignore"):
            ends = [
                np.where((w == 0) & (v != 0), np.copysign(TINY, w), w)
                for v, w in ((v, v / b.low) for v in (a.low, a.high))
            ]
        signs = scale(np.where(b.low == 0, np.nan, np.sign(b.low)), a)
        return fact(np.minimum(*ends), np.maximum(*ends), signs.bits, signs.log)
    convex, concave, up, down = _hyperbola(b.low, b.high)
    low, high = _range(np.reciprocal, b, up, down, NO, -np.inf, np.inf)
    inverse = fact(low, high, compose(convex, concave, up, down, b.bits))
    if a.fixed:
        scaled = scale(a.low, inverse)  # 0 / x is 0 only where x is not
        return Fact(scaled.low, scaled.high, np.where(inverse.bits > 0, scaled.bits, 0), scaled.log)
    top = n.args[0]
    squared = top.prim is P.square or (
        top.prim is P.power and top.args[1].prim is CONST and np.all(np.asarray(top.args[1].value) == 2)
    )
    squared |= top.prim is P.multiply and top.args[0] is top.args[1]
    # x^2 / y is convex on y > 0 (ibid., 3.1.5), falls with y, and rises with |x|: a square known to be convex will do
    known = squared and ((a.bits & CONVEX) > 0) & ((b.bits & CONCAVE) > 0) & (b.low >= 0)
    return fact(*_product_range(a, inverse), np.where(known, CONVEX, 0))


def power(n: Node, a: Fact, b: Fact) -> Fact:
    if b.fixed:
        return _fixed_power(n, a, b.low)
    if a.fixed:  # c^x = exp(x log c)
        c = a.low
        with np.errstate(invalid="ignore", divide="ignore"):
            log = (c > 0) & ((scale(np.log(c), b).bits & CONVEX) > 0)
        low, high = _range(lambda v: np.power(c, v), b, c >= 1, (c > 0) & (c <= 1), NO, 0.0, np.inf)
        return fact(np.where(c < 0, -np.inf, low), high, 0, log)  # c < 0: at whole exponents
    return unknown(n.shape)


def _fixed_power(n: Node, x: Fact, p: Any) -> Fact:
    l, h = x.low, x.high
    whole, even = np.trunc(p) == p, p % 2 == 0
    right, left = (l >= 0) | ~whole, whole & (h <= 0)  # of a power that is not whole only x >= 0 is looked at
    convex = (p == 0) | (p == 1) | (right & ((p > 1) | (p < 0))) | (whole & even & (p > 0)) | (left & even)
    concave = (p == 0) | (p == 1) | (right & (p > 0) & (p < 1)) | (left & ~even)
    up = (
        (p == 1)
        | ((l >= 0) & (p > 0))
        | (right & (p > 0) & (p < 1))
        | (left & even & (p < 0))
        | (whole & ~even & (p > 0))
    )
    down = (right & (p < 0)) | (left & even & (p > 0)) | (left & ~even & (p < 0))
    bits = compose(convex, concave, up, down, x.bits) | np.where(p == 0, AFFINE, 0)
    base = Fact(np.where(whole, l, np.maximum(l, 0.0)), np.where(whole, h, np.maximum(h, 0.0)), x.bits, x.log)
    bottom = np.where(even | ~whole | (l >= 0), 0.0, -np.inf)
    low, high = _range(lambda v: np.power(v, p), base, up, down, convex & even & (p > 0), -np.inf, np.inf)
    return fact(np.maximum(low, bottom), high, bits, x.log & (p > 0) & (l >= 0))


def maximum(n: Node, a: Fact, b: Fact) -> Fact:
    bits = (a.bits & b.bits & CONVEX) | np.where(a.low >= b.high, a.bits, 0) | np.where(b.low >= a.high, b.bits, 0)
    return fact(np.maximum(a.low, b.low), np.maximum(a.high, b.high), bits, a.log & b.log)


def minimum(n: Node, a: Fact, b: Fact) -> Fact:
    return negative(n, maximum(n, negative(n, a), negative(n, b)))


def clip(n: Node, x: Fact, low: Fact, high: Fact) -> Fact:
    return minimum(n, maximum(n, x, low), high)


def where(n: Node, c: Fact, a: Fact, b: Fact) -> Fact:
    if c.fixed:
        pick = lambda u, v: np.where(c.low != 0, u, v)
        return Fact(pick(a.low, b.low), pick(a.high, b.high), pick(a.bits, b.bits), pick(a.log, b.log))
    return unknown(n.shape, np.minimum(a.low, b.low), np.maximum(a.high, b.high))


def hypot(n: Node, a: Fact, b: Fact) -> Fact:
    size = lambda x: compose(YES, NO, x.low >= 0, x.high <= 0, x.bits)
    most = np.hypot(*(np.maximum(np.abs(x.low), np.abs(x.high)) for x in (a, b)))
    return fact(np.zeros_like(most), most * (1 + 4 * EPS), size(a) & size(b) & CONVEX)


def softmax_of_two(n: Node, a: Fact, b: Fact) -> Fact:
    low, high = np.maximum(a.low, b.low), np.maximum(a.high, b.high) + 1.0  # log 2 < 1
    return fact(low, high, a.bits & b.bits & CONVEX)


def jointly_convex(n: Node, a: Fact, b: Fact) -> Fact:
    both = (a.bits == AFFINE) & (b.bits == AFFINE)
    return unknown_range(n, np.where(both, CONVEX, 0))


def xlogy(n: Node, a: Fact, b: Fact) -> Fact:
    if a.fixed:
        return unknown_range(n, np.where((a.low >= 0) & ((b.bits & CONCAVE) > 0), CONCAVE, 0))
    same = n.args[0] is n.args[1] and n.prim is P.xlogy
    return unknown_range(n, np.where(same & (a.bits == AFFINE), CONVEX, 0))


def unknown_range(n: Node, bits: Any) -> Fact:
    base = unknown(n.shape)
    return Fact(base.low, base.high, np.broadcast_to(bits, n.shape), base.log)


# -- arrays ------------------------------------------------------------------------------------------------------------


def moved(n: Node, *facts: Fact) -> Fact:
    """The same entries elsewhere."""
    move = lambda *parts: np.asarray(meaning[n.prim](*parts, **n.params))
    return Fact(*(move(*(getattr(f, part) for f in facts)) for part in ("low", "high", "bits", "log")))


def indexed(n: Node, x: Fact, *arrays: Fact) -> Fact:
    if not all(a.fixed for a in arrays):
        return unknown(n.shape)
    keys = [np.asarray(a.value) for a in n.args[1:]]
    pick = lambda part: np.asarray(meaning[n.prim](part, *keys, **n.params))
    return Fact(pick(x.low), pick(x.high), pick(x.bits), pick(x.log))


def scattered(n: Node, v: Fact, *arrays: Fact) -> Fact:
    """Zeros to which entries are added."""
    if not all(a.fixed for a in arrays):
        return unknown(n.shape)
    keys = [np.asarray(a.value) for a in n.args[1:]]
    run = lambda part: np.asarray(meaning[n.prim](np.asarray(part, np.float64), *keys, **n.params))
    lacks = lambda side: run((v.bits & side) == 0) > 0
    bits = np.where(lacks(CONVEX), 0, CONVEX) | np.where(lacks(CONCAVE), 0, CONCAVE)
    return fact(*_added(v, run, run), bits, run(~v.log) == 0)


def put(n: Node, x: Fact, v: Fact, *arrays: Fact) -> Fact:
    if not all(a.fixed for a in arrays):
        return unknown(n.shape)
    keys = [np.asarray(a.value) for a in n.args[2:]]
    pick = lambda p, q: np.asarray(meaning[n.prim](p, q, *keys, **n.params))
    return Fact(pick(x.low, v.low), pick(x.high, v.high), pick(x.bits, v.bits), pick(x.log, v.log))


Run = Callable[[Any], Any]


def _added(
    x: Fact, plus: Run, plus_count: Run, minus: Run | None = None, minus_count: Run | None = None
) -> tuple[Any, Any]:
    """The range of a sum of entries of x by weights, with room for its rounding.

    plus(v): v summed by the weights > 0, minus(v): by those < 0 without their sign; the counts sum by 1 instead.
    The error of a sum is a part of the sum of sizes, and of nothing where nothing is added.
    """
    zero: Run = lambda v: 0.0
    minus, minus_count = minus or zero, minus_count or zero
    low, high = (np.where(np.isfinite(v), v, 0.0) for v in (x.low, x.high))
    size = np.maximum(np.abs(low), np.abs(high))
    both = lambda v: plus_count(v) + minus_count(v)
    with np.errstate(invalid="ignore", over="ignore"):
        room = 4 * (both(np.ones_like(low)) + 2) * EPS * (plus(size) + minus(size))
        room = np.where(both((size > 0) * 1.0) > 0, room + UNDERFLOW, 0.0)
        left, right = plus(low) - minus(high) - room, plus(high) - minus(low) + room
    endless = [(v == s) * 1.0 for v, s in ((x.low, -np.inf), (x.high, np.inf))]
    left = np.where(plus_count(endless[0]) + minus_count(endless[1]) > 0, -np.inf, left)
    right = np.where(plus_count(endless[1]) + minus_count(endless[0]) > 0, np.inf, right)
    return left, right


def total(n: Node, x: Fact) -> Fact:
    axes: dict[str, Any] = {"axis": n.params["axis"], "keepdims": n.params["keepdims"]}
    run = lambda v: np.sum(v, **axes)
    bits = np.bitwise_and.reduce(x.bits, **axes) & AFFINE
    return fact(*_added(x, run, run), bits, np.logical_and.reduce(x.log, **axes))


def running(n: Node, x: Fact) -> Fact:
    axis = n.params["axis"]
    bits = np.bitwise_and.accumulate(x.bits.ravel() if axis is None else x.bits, axis or 0)
    return unknown_range(n, bits)


def product(n: Node, x: Fact) -> Fact:
    log = np.logical_and.reduce(x.log, axis=n.params["axis"], keepdims=n.params["keepdims"])
    return fact(np.full(n.shape, -np.inf), np.full(n.shape, np.inf), 0, log)


def largest(n: Node, x: Fact) -> Fact:
    axes: dict[str, Any] = {"axis": n.params["axis"], "keepdims": n.params["keepdims"]}
    bits = np.bitwise_and.reduce(x.bits, **axes)
    bits = bits & CONVEX if x.low.size != np.size(bits) else bits
    return fact(np.max(x.low, **axes), np.max(x.high, **axes), bits, np.logical_and.reduce(x.log, **axes))


def smallest(n: Node, x: Fact) -> Fact:
    return negative(n, largest(n, negative(n, x)))


def softmaximum(n: Node, x: Fact) -> Fact:
    axes: dict[str, Any] = {"axis": n.params["axis"], "keepdims": n.params["keepdims"]}
    room = np.log(max(x.low.size, 1)) + 1e-9
    bits = np.bitwise_and.reduce(x.bits, **axes) & CONVEX
    low, high = np.max(x.low, **axes), np.max(x.high, **axes)
    return fact(low - 64 * EPS * np.abs(low), high + room + 64 * EPS * np.abs(high), bits)


def log_shares(n: Node, x: Fact) -> Fact:
    """x - logsumexp(x)."""
    return unknown_range(n, CONCAVE if (x.bits == AFFINE).all() else 0)


def bilinear(n: Node, *facts: Fact) -> Fact:
    """A product of arrays in which all but one factor are constants, or which multiplies a vector with itself."""
    moving = [i for i, f in enumerate(facts) if not f.fixed] or [0]
    if len(moving) > 1:
        return _with_itself(n, facts)
    (i,) = moving
    x, others = facts[i], [f.low for f in facts]
    least = [min(1.0, o[o != 0].min(initial=1.0)) for j, o in enumerate(others) if j != i]
    if len(facts) > 2 and np.prod(least) < UNDERFLOW**0.9:  # signs, or products of constants that may underflow
        return unknown_range(n, AFFINE if (x.bits == AFFINE).all() else 0)
    run = lambda v, part: np.asarray(
        meaning[n.prim](*(v if j == i else part(o) for j, o in enumerate(others)), **n.params), np.float64
    )
    plus = lambda v: run(v, lambda o: np.maximum(o, 0.0))  # v times the positive part of the constants
    minus = (lambda v: run(v, lambda o: np.maximum(-o, 0.0))) if len(facts) == 2 else (lambda v: np.zeros(n.shape))
    # what is there or not is counted: products of constants may underflow
    plus_count = lambda v: run(v, lambda o: (o > 0) * 1.0)
    minus_count = (lambda v: run(v, lambda o: (o < 0) * 1.0)) if len(facts) == 2 else minus
    lacks = lambda side: plus_count(((x.bits & side) == 0) * 1.0) + minus_count(((swap(x.bits) & side) == 0) * 1.0)
    bits = np.where(lacks(CONVEX) == 0, CONVEX, 0) | np.where(lacks(CONCAVE) == 0, CONCAVE, 0)
    log = minus_count(np.ones_like(x.low)) + plus_count((~x.log) * 1.0) == 0
    return fact(*_added(x, plus, plus_count, minus, minus_count), bits, log)


def _with_itself(n: Node, facts: tuple[Fact, ...]) -> Fact:
    """x @ x, and einsum of an array with itself over the same indices: sums of squares."""
    squares = len(facts) == 2 and n.args[0] is n.args[1] and n.prim is not P.convolve and n.prim is not P.correlate
    if squares and n.prim is P.einsum:
        terms = n.params["subscripts"].split("->")[0].split(",")
        squares = terms[0] == terms[1]
    elif squares:
        squares = len(n.args[0].shape) == 1 or n.prim is P.vdot
    if not squares:
        return unknown(n.shape)
    each = _square(facts[0])
    run = lambda part: np.asarray(meaning[n.prim](part, np.ones_like(part), **n.params), np.float64)
    low, high = _added(each, run, run)
    convex = run(((each.bits & CONVEX) == 0) * 1.0) == 0
    return fact(np.fmax(low, 0.0), high, np.where(convex, CONVEX, 0))


def kept(n: Node, x: Fact) -> Fact:
    return x if np.dtype(n.params["dtype"]).kind == "f" else unknown(n.shape)


Rule = Callable[..., Fact]
RULES: dict[Primitive, Rule] = {
    **dict.fromkeys(ATOMS, atom),
    P.add: add, P.subtract: subtract, P.negative: negative, P.multiply: multiply, P.divide: divide, P.power: power,
    **dict.fromkeys((P.maximum, P.fmax), maximum), **dict.fromkeys((P.minimum, P.fmin), minimum),
    P.clip: clip, P.where: where, P.hypot: hypot, **dict.fromkeys((P.logaddexp, P.logaddexp2), softmax_of_two),
    **dict.fromkeys((P.rel_entr, P.kl_div), jointly_convex), **dict.fromkeys((P.xlogy, P.xlog1py), xlogy),
    **dict.fromkeys((P.reshape, P.transpose, P.broadcast_to, P.concatenate), moved),
    **dict.fromkeys((P.getitem, P.take_along_axis), indexed), P.setitem: put,
    **dict.fromkeys((P.scatter_add, P.scatter_along_axis), scattered),
    P.sum: total, P.cumsum: running, P.prod: product, P.max: largest, P.min: smallest,
    P.logsumexp: softmaximum, P.log_softmax: log_shares,
    **dict.fromkeys((P.matmul, P.dot, P.inner, P.vdot, P.einsum, P.convolve, P.correlate), bilinear),
    P.astype: kept,
}  # fmt: skip
