"""Where primitives are defined, and where they are twice continuously differentiable, over ranges of their arguments.

An argument that encloses values over a box (of second derivatives, say) speaks of the points at which everything is
defined. It says something about a function on a *convex* set only where nothing in between is left out: a pole inside
the box splits it. So a primitive is trusted only if it is named here, and only on the ranges named here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ... import ops as P
from ...graph import Node, Primitive
from .facts import Fact

INF = np.inf
ENTIRE = {
    P.add, P.subtract, P.negative, P.positive, P.multiply, P.square, P.identity, P.deg2rad, P.rad2deg, P.exp, P.exp2,
    P.expm1, P.sin, P.cos, P.sinc, P.sinh, P.cosh, P.tanh, P.arctan, P.arcsinh, P.erf, P.erfc, P.erfcx, P.expit,
    P.ndtr, P.log_expit, P.log_ndtr, P.i0, P.i1, P.numpy_i0, P.logaddexp, P.logaddexp2, P.reshape, P.transpose,
    P.broadcast_to, P.concatenate, P.sum, P.cumsum, P.prod, P.cumprod, P.logsumexp, P.log_softmax, P.softmax, P.matmul,
    P.dot, P.inner, P.vdot, P.einsum, P.convolve, P.correlate,
}  # fmt: skip
MOVES = {P.getitem: 1, P.take_along_axis: 1, P.setitem: 2, P.scatter_add: 1, P.scatter_along_axis: 1}  # arguments
# defined everywhere, with kinks or jumps, or (stop_gradient) with other derivatives than they have
ROUGH = {
    P.absolute, P.maximum, P.minimum, P.fmax, P.fmin, P.clip, P.max, P.min, P.hypot, P.cbrt, P.sign, P.floor, P.ceil,
    P.trunc, P.rint, P.around, P.heaviside, P.copysign, P.where, P.arctan2, P.stop_gradient, P.less, P.less_equal,
    P.greater, P.greater_equal, P.equal, P.not_equal,
}  # fmt: skip
# the last argument between these; True: the function, if not its derivative, also has values at the ends
BETWEEN: dict[Primitive, tuple[float, float, bool]] = {
    **dict.fromkeys((P.log, P.log2, P.log10, P.xlogy, P.gamma, P.gammaln, P.digamma), (0.0, INF, False)),
    **dict.fromkeys((P.log1p, P.xlog1py), (-1.0, INF, False)),
    **dict.fromkeys((P.sqrt, P.entr), (0.0, INF, True)),
    P.arccosh: (1.0, INF, True),
    **dict.fromkeys((P.arcsin, P.arccos), (-1.0, 1.0, True)),
    **dict.fromkeys((P.arctanh, P.erfinv), (-1.0, 1.0, False)),
    **dict.fromkeys((P.logit, P.ndtri), (0.0, 1.0, False)),
    P.erfcinv: (0.0, 2.0, False),
    P.tan: (-np.pi / 2, np.pi / 2, False),
}
NONZERO = {P.reciprocal, P.divide}  # the last argument
SMOOTH = ENTIRE | set(MOVES) | set(BETWEEN) | NONZERO | {P.power, P.rel_entr, P.kl_div, P.astype}


def defined(n: Node, facts: Sequence[Fact], affine: bool, smooth: bool = False) -> bool:
    """Is n defined (smooth: and twice continuously differentiable) wherever its arguments lie in their ranges?

    affine: its arguments are affine functions of the input. Then the ends of their ranges belong to the boundary of the
    box alone, and what is left of the box without them is convex.
    """
    p = n.prim
    if p in MOVES:
        return all(f.fixed for f in facts[MOVES[p] :])
    if p is P.astype:
        return np.dtype(n.params["dtype"]).kind == "f"
    if p in ROUGH:
        return not smooth
    if p is P.power:
        return _power(facts[0], facts[1], affine, smooth)
    if p in NONZERO:
        return bool((_above(facts[-1], 0.0, affine) | _below(facts[-1], 0.0, affine)).all())
    if p in (P.rel_entr, P.kl_div):
        return all(bool(_above(f, 0.0, affine).all()) for f in facts)
    if p in BETWEEN:
        low, high, closed = BETWEEN[p]
        ends = affine or (closed and not smooth)
        return bool((_above(facts[-1], low, ends) & _below(facts[-1], high, ends)).all())
    return p in ENTIRE


def _above(x: Fact, end: float, ends: bool) -> Any:
    return (x.low > end) | (ends & (x.low >= end) & (x.high > x.low))


def _below(x: Fact, end: float, ends: bool) -> Any:
    return (x.high < end) | (ends & (x.high <= end) & (x.high > x.low)) | (end == INF)


def _power(x: Fact, p: Fact, affine: bool, smooth: bool) -> bool:
    positive = _above(x, 0.0, affine)
    if not p.fixed:
        return bool(positive.all())
    whole = np.trunc(p.low) == p.low
    nonnegative = (p.low > 0) & (x.low >= 0) & (not smooth)
    return bool(np.all(positive | nonnegative | (whole & ((p.low >= 0) | _below(x, 0.0, affine)))))
