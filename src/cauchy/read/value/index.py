"""Indexing, with computed index arrays put back into the static key."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import ops as P


def full_key(key: tuple[Any, ...], arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    """The NumPy index: each marker `ARRAY` in the static key replaced by the next array."""
    it = iter(arrays)
    return tuple(next(it) if isinstance(k, str) and k == P.ARRAY else k for k in key)


def setitem(x: Any, v: Any, *arrays: Any, key: tuple[Any, ...]) -> Any:
    out = np.array(x)
    out[full_key(key, arrays)] = v
    return out[()] if np.ndim(x) == 0 else out


def scatter_add(v: Any, *arrays: Any, key: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    """Zeros with v added at the key. Where an index array may repeat, np.add.at counts every repetition."""
    out = np.zeros(shape, np.asarray(v).dtype)
    if arrays:
        np.add.at(out, full_key(key, arrays), v)
    else:
        out[key] = v
    return out[()] if shape == () else out


def add_at(x: Any, v: Any, *arrays: Any, key: tuple[Any, ...]) -> Any:
    """np.add.at: one addition after the other, so that the rounding is NumPy's where an index repeats."""
    out = np.array(x)
    np.add.at(out, full_key(key, arrays), v)
    return out


def scatter_along_axis(v: Any, indices: Any, *, axis: int, shape: tuple[int, ...]) -> Any:
    out = np.zeros(shape, np.asarray(v).dtype)
    where = list(np.ogrid[tuple(slice(n) for n in indices.shape)])
    where[axis] = indices
    np.add.at(out, tuple(where), v)
    return out


rules = {
    P.getitem: lambda x, *arrays, key: x[full_key(key, arrays)],
    P.setitem: setitem,
    P.scatter_add: scatter_add,
    P.add_at: add_at,
    P.take_along_axis: lambda x, indices, *, axis: np.take_along_axis(x, indices, axis=axis),
    P.scatter_along_axis: scatter_along_axis,
}
