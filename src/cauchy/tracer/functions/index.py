"""Reading and writing by position: `take` and its kind. What depends on where values are nonzero is a guard."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ... import ops as P
from ..array import as_array, is_traced
from ..context import guard
from .borrow import borrow
from .registry import axes, implements, refuse, write_out
from .shape import contiguous, into, static, values

borrow(np.argwhere, np.flatnonzero, np.extract, np.ix_)
borrow(np.tril_indices_from, np.triu_indices_from, np.diag_indices_from)


def _in_range(bad: Any, error: Exception) -> None:
    """NumPy raises where an index is outside: so do we, and the graph holds only where none is."""
    if bool(np.any(bad)):
        raise error


def _positions(indices: Any, n: int, mode: str, what: str) -> Any:
    """Indices into an axis of length n as `mode` ("raise", "wrap", "clip") has them, none negative beyond it."""
    i = as_array(indices) if is_traced(indices) or not isinstance(indices, np.ndarray) else indices
    if i.dtype.kind == "b":
        i = i.astype(np.intp)
    if i.size == 0 and i.dtype.kind == "f" and not is_traced(indices):
        i = np.zeros(i.shape, np.intp)
    if i.dtype.kind not in "iu":
        raise TypeError(f"Cannot cast array data from {i.dtype!r} to dtype('int64') according to the rule 'safe'")
    match mode:
        case "raise":
            return i
        case "wrap":
            return i % n if n else i
        case "clip":
            return np.clip(i, 0, max(n - 1, 0))
    raise ValueError(f"clipmode must be one of 'clip', 'raise', or 'wrap' (got '{mode}'): {what}")


@implements(np.take)
def take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Any:
    x = as_array(a)
    if axis is None:
        x, axis = np.ravel(x), 0
    x = np.reshape(x, (1,)) if x.ndim == 0 else x
    (axis,) = axes(x, static(axis))
    i = _positions(indices, x.shape[axis], mode, "np.take")
    if not x.shape[axis] and np.size(values(i)):
        raise IndexError("cannot do a non-empty take from an empty axes.")
    key = (*(slice(None),) * axis, P.ARRAY)
    return write_out(out, contiguous(P.getitem(x, i, key=key)))


@implements(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> Any:
    x, i = as_array(arr), indices if is_traced(indices) else np.asarray(indices)
    if axis is None:
        if i.ndim != 1:
            raise ValueError("when axis=None, `indices` must have a single dimension.")
        x, axis = np.ravel(x), 0
    (axis,) = axes(x, axis)
    if i.ndim == x.ndim:  # the other axes broadcast against each other
        one = (*x.shape[:axis], 1, *x.shape[axis + 1 :]), (*i.shape[:axis], 1, *i.shape[axis + 1 :])
        wide = np.broadcast_shapes(*one)
        x, i = (np.broadcast_to(v, (*wide[:axis], v.shape[axis], *wide[axis + 1 :])) for v in (x, i))
    return P.take_along_axis(x, i, axis=axis)


@implements(np.put_along_axis)
def put_along_axis(arr: Any, indices: Any, values: Any, axis: Any) -> None:
    x, i = _target(arr, "np.put_along_axis"), indices if is_traced(indices) else np.asarray(indices)
    if axis is None:
        if i.ndim != 1:
            raise ValueError("when axis=None, `indices` must have a single dimension.")
        return put(x, i, values)
    if i.dtype.kind not in "iu":
        raise IndexError("`indices` must be an integer array")
    if i.ndim != x.ndim:
        raise ValueError("`indices` and `arr` must have the same number of dimensions")
    (axis,) = axes(x, axis)
    # as in np.take_along_axis, the other axes of the indices broadcast against those of the array
    grid = list(np.ogrid[tuple(slice(n) for n in x.shape)])
    grid[axis] = i
    x[tuple(grid)] = values
    return None


def _target(x: Any, what: str) -> Any:
    if not is_traced(x):
        refuse(f"{what} into a plain array", "it cannot take a traced value", "make it with np.zeros_like(x)")
    return x


@implements(np.put)
def put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    x = _target(a, "np.put")
    i = np.ravel(_positions(ind, x.size, mode, "np.put"))
    if i.size and np.size(values(v)):
        _write_flat(x, i, np.resize(as_array(v), i.size))


def _write_flat(x: Any, i: Any, v: Any) -> None:
    flat = P.setitem(P.reshape(x, shape=(x.size,)), into(v, x.dtype), i, key=(P.ARRAY,))
    x._assign(P.reshape(flat, shape=x.shape))


@implements(np.place)
def place(arr: Any, mask: Any, vals: Any) -> None:
    x, (at,) = _target(arr, "np.place"), np.nonzero(np.ravel(as_array(mask)))
    if at.size and not np.size(values(vals)):
        raise ValueError("Cannot insert from an empty array!")
    if at.size:
        _write_flat(x, at, np.resize(as_array(vals), at.size))


@implements(np.putmask)
def putmask(a: Any, /, mask: Any, values: Any) -> None:
    x, m, v = _target(a, "np.putmask"), as_array(mask), as_array(values)
    if m.size != x.size:
        raise ValueError("putmask: mask and data must be the same size")
    if v.size:
        new = np.reshape(np.resize(into(v, x.dtype), x.size), x.shape)
        x._assign(P.where(np.reshape(m, x.shape), new, x))


@implements(np.compress)
def compress(condition: Any, a: Any, axis: Any = None, out: Any = None) -> Any:
    c = as_array(condition)
    if c.ndim != 1:
        raise ValueError("condition must be a 1-d array")
    return take(a, np.nonzero(c)[0], axis, out)


@implements(np.choose)
def choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Any:
    i, options = as_array(a), [as_array(c) for c in choices]
    if i.dtype.kind not in "iub":
        raise TypeError(f"Cannot cast array data from {i.dtype!r} to dtype('int64') according to the rule 'safe'")
    n, dtype = len(options), np.result_type(*(c.dtype for c in options))
    if mode == "raise":
        _in_range(np.logical_or(i < 0, i >= n), ValueError("invalid entry in choice array"))
    i = _positions(i, n, mode, "np.choose")
    shape = np.broadcast_shapes(i.shape, *(c.shape for c in options))
    result = P.broadcast_to(P.astype(options[0], dtype=dtype), shape=shape)
    for k in range(1, n):
        result = P.where(np.equal(i, k), P.astype(options[k], dtype=dtype), result)
    return write_out(out, result)


@implements(np.nonzero)
def nonzero(a: Any) -> tuple[Any, ...]:
    x = as_array(a)
    where = x if x.dtype.kind == "b" else np.not_equal(x, 0)
    guard(where.node, where.value)
    return np.nonzero(where.value)


@implements(np.searchsorted)
def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    x = as_array(a)
    if x.ndim != 1:
        raise ValueError("object too deep for desired array")
    x = x if sorter is None else np.take(x, sorter)
    dtype = np.result_type(x.dtype, as_array(v).dtype)
    return P.searchsorted(as_array(x, dtype), as_array(v, dtype), side=_side(side))


def _side(side: str) -> str:
    if side not in ("left", "right"):
        raise ValueError(f"search side must be 'left' or 'right' (got '{side}')")
    return side


@implements(np.digitize)
def digitize(x: Any, bins: Any, right: bool = False) -> Any:
    x, bins = as_array(x), as_array(bins)
    if bins.ndim != 1:
        raise ValueError("object too deep for desired array")
    side = "left" if right else "right"
    if bool(np.all(bins[1:] >= bins[:-1])):
        return searchsorted(bins, x, side)
    if bool(np.all(bins[1:] <= bins[:-1])):
        return len(bins) - searchsorted(bins[::-1], x, side)
    raise ValueError("bins must be monotonically increasing or decreasing")


@implements(np.unravel_index)
def unravel_index(indices: Any, shape: Any, order: str = "C") -> Any:
    i, shape = as_array(indices), static(shape)
    shape = (shape,) if np.ndim(shape) == 0 else tuple(shape)
    np.unravel_index(i.value, shape)  # its errors
    n = math.prod(shape)
    _in_range(np.logical_or(i < 0, i >= n), ValueError("index is out of bounds"))
    parts = []
    for d in shape if order == "F" else reversed(shape):
        parts.append(np.remainder(i, d))
        i = np.floor_divide(i, d)
    return tuple(parts if order == "F" else reversed(parts))


@implements(np.ravel_multi_index)
def ravel_multi_index(multi_index: Any, dims: Any, mode: Any = "raise", order: str = "C") -> Any:
    parts, dims = list(multi_index), tuple(static(dims))
    modes = (mode,) * len(dims) if isinstance(mode, str) else mode
    np.ravel_multi_index(tuple(map(values, parts)), dims, mode, order)  # pyright: ignore[reportCallIssue, reportArgumentType]
    flat: Any = 0
    steps = list(zip(parts, dims, modes, strict=True))
    for i, d, m in reversed(steps) if order == "F" else steps:
        if m == "raise":
            _in_range(
                np.logical_or(as_array(i) < 0, as_array(i) >= d), ValueError("invalid entry in coordinates array")
            )
        flat = flat * d + _positions(i, d, m, "np.ravel_multi_index")
    return flat
