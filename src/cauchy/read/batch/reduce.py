"""Reductions and scans: along the next axis, as the examples are in front."""

from __future__ import annotations

from typing import Any

from ...graph import Primitive
from .vocabulary import Flags, P, align, batch, flat, rank, shifted


def _reduction(p: Primitive) -> Any:
    def rule(b: Flags, x: Any, *, axis: Any, keepdims: bool) -> Any:
        r = x.ndim - 1
        if r and axis is not None:
            return p(x, axis=shifted(axis, r), keepdims=keepdims)
        # each example as one row, so that NumPy adds its entries in the order it has for one alone
        y = p(flat(x), axis=1, keepdims=False)
        kept = max(r, p is P.logsumexp)  # SciPy gives a number an axis
        return P.reshape(y, shape=(x.shape[0], *(1,) * kept)) if keepdims and kept else y

    return rule


def _scan(p: Primitive) -> Any:
    def rule(b: Flags, x: Any, *, axis: Any, **params: Any) -> Any:
        r = x.ndim - 1
        if r and axis is not None:
            return p(x, axis=shifted(axis, r), **params)
        return P.reshape(p(flat(x), axis=1, **params), shape=x.shape)

    return rule


for _p in (P.sum, P.prod, P.max, P.min, P.argmax, P.argmin, P.any, P.all, P.count_nonzero, P.logsumexp):
    batch[_p] = _reduction(_p)
for _p in (P.cumsum, P.cumprod, P.argsort, P.softmax, P.log_softmax):
    batch[_p] = _scan(_p)


def _searchsorted(b: Flags, a: Any, v: Any, *, side: str) -> Any:
    if not b[0]:
        return P.searchsorted(a, v, side=side)
    # in a sorted array a position is a number of entries before it; NaN is sorted behind all
    r = rank(v, b[1])
    a = P.reshape(a, shape=(a.shape[0], *(1,) * r, a.shape[1]))
    v = P.getitem(v, key=(Ellipsis, None)) if hasattr(v, "ndim") else v
    v = align(v, b[1], r + 1)
    before = P.less(a, v) if side == "left" else P.less_equal(a, v)
    behind = P.isnan(v) if side == "right" else P.logical_and(P.isnan(v), P.logical_not(P.isnan(a)))
    return P.count_nonzero(P.logical_or(before, behind), axis=-1, keepdims=False)


batch[P.searchsorted] = _searchsorted
