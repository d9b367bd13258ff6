"""Reductions and scans. `spread` undoes a reduction's loss of axes so that broadcasting fits again."""

from __future__ import annotations

from typing import Any

import numpy as np

from .vocabulary import P, constant, linear, linearize, transpose


def spread(v: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """A reduced value with its axes put back, each of length one."""
    if keepdims or not x.ndim:
        return v
    dims = range(x.ndim) if axis is None else np.lib.array_utils.normalize_axis_tuple(axis, x.ndim)
    return P.reshape(v, shape=tuple(1 if i in dims else n for i, n in enumerate(x.shape)))


def _sum_back(g: Any, y: Any, x: Any, *, axis: Any, keepdims: bool) -> Any:
    return P.broadcast_to(spread(g, x, axis, keepdims), shape=x.shape)


def _extremum(t: Any, y: Any, x: Any, *, axis: Any, keepdims: bool) -> Any:
    # entries that attain the extremum share it equally: the midpoint of the limiting derivatives
    hit = np.equal(x, spread(y, x, axis, keepdims))
    share = P.sum(P.where(hit, t, 0.0), axis=axis, keepdims=keepdims)
    return share / P.sum(P.astype(hit, dtype=x.dtype), axis=axis, keepdims=keepdims)


def _others(x: Any, axis: int) -> Any:
    """For each entry the product of all others along the axis: exact where entries are zero, as y/x is not."""
    one = np.ones_like(P.getitem(x, key=(*(slice(None),) * axis, slice(0, 1))))
    cut = lambda a, s: P.getitem(a, key=(*(slice(None),) * axis, s))
    before = P.cumprod(P.concatenate(one, cut(x, slice(0, -1)), axis=axis), axis=axis)
    after = np.flip(P.cumprod(P.concatenate(one, np.flip(cut(x, slice(1, None)), axis), axis=axis), axis=axis), axis)
    return before * after


def _prod(t: Any, y: Any, x: Any, *, axis: Any, keepdims: bool) -> Any:
    if x.size == 0:
        return np.zeros_like(y)
    dims = tuple(range(x.ndim)) if axis is None else np.lib.array_utils.normalize_axis_tuple(axis, x.ndim)
    kept = [i for i in range(x.ndim) if i not in dims]
    flat = lambda a: P.reshape(P.transpose(a, axes=(*kept, *dims)), shape=(*(x.shape[i] for i in kept), -1))
    change = P.sum(flat(t) * _others(flat(x), len(kept)), axis=-1, keepdims=False)
    return P.reshape(change, shape=y.shape)


def _cumprod(t: Any, y: Any, x: Any, *, axis: int) -> Any:
    # d y_k = sum_{i<=k} t_i prod_{j<=k, j!=i} x_j, by the recurrence d y_k = d y_(k-1) x_k + y_(k-1) t_k:
    # no division, so zeros among x do no harm
    axis %= x.ndim
    at = lambda a, k: P.getitem(a, key=(*(slice(None),) * axis, slice(k, k + 1)))
    parts = [at(t, 0)] if x.shape[axis] else []
    for k in range(1, x.shape[axis]):
        parts.append(parts[-1] * at(x, k) + at(y, k - 1) * at(t, k))
    return P.concatenate(*parts, axis=axis) if parts else t


linear(P.sum, _sum_back)
linear(P.cumsum, lambda g, y, x, *, axis: np.flip(P.cumsum(np.flip(g, axis), axis=axis), axis))
linearize[P.prod] = (_prod,)
linearize[P.cumprod] = (_cumprod,)
linearize[P.max] = linearize[P.min] = (_extremum,)
linearize[P.logsumexp] = (
    lambda t, y, x, *, axis, keepdims: P.sum(
        t * np.exp(x - spread(np.where(np.isfinite(y), y, 0.0), x, axis, keepdims)), axis=axis, keepdims=keepdims
    ),
)
linearize[P.softmax] = (lambda t, y, x, *, axis: y * (t - P.sum(y * t, axis=axis, keepdims=True)),)
linearize[P.log_softmax] = (lambda t, y, x, *, axis: t - P.sum(P.softmax(x, axis=axis) * t, axis=axis, keepdims=True),)
# <g, t - 1 sum(p t)> = <g - p sum(g), t>
transpose[P.log_softmax] = (lambda g, y, x, *, axis: g - P.softmax(x, axis=axis) * P.sum(g, axis=axis, keepdims=True),)
transpose[P.softmax] = (lambda g, y, x, *, axis: y * (g - P.sum(g * y, axis=axis, keepdims=True)),)

constant(P.argmax, P.argmin, P.argsort, P.any, P.all, P.count_nonzero, P.searchsorted)
