"""Indexing: the key is led by the whole batch axis, or by the number of the example where index arrays differ.

NumPy puts the axes of index arrays where the arrays stand in the key, or in front of all if they are apart.
`_place` says where the axes of one example's result are found in the result of the whole batch.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...errors import Refused
from ...graph import Primitive
from .vocabulary import Flags, P, align, batch, count, full, rank, shifted


class Place(NamedTuple):
    """The key and index arrays for the whole batch, and which of its result's axes belongs where."""

    key: tuple[Any, ...]
    arrays: list[Any]
    axes: tuple[int, ...]


def _place(x_batched: bool, shape: tuple[int, ...], b: Flags, arrays: Any, key: tuple[Any, ...], n: int) -> Place:
    if any(k is True or k is False for k in key):
        raise Refused("vectorize", P.getitem, "its key holds True or False, which are masks without an axis")
    advanced = [i for i, k in enumerate(key) if isinstance(k, (str, int, np.integer))] if arrays else []
    apart = bool(advanced) and advanced[-1] - advanced[0] + 1 != len(advanced)
    wide = max((rank(i, many) for i, many in zip(arrays, b, strict=True)), default=0)
    total = wide + sum(isinstance(k, slice) or k is None for k in key) + len(shape) - _used(key)
    if not any(b):
        # the batch axis leads, unless index arrays that stand apart put theirs before it
        axes = (wide, *range(wide), *range(wide + 1, total + 1)) if apart else tuple(range(total + 1))
        return Place((slice(None), *key), list(arrays), axes)
    arrays = [align(i, many, wide) for i, many in zip(arrays, b, strict=True)]
    start = 0 if apart else _before(key[: advanced[0]], shape, key)
    if not x_batched:
        return Place(key, arrays, (start, *(i for i in range(total + 1) if i != start)))
    example = np.arange(n).reshape((n, *(1,) * wide))
    # the example's number at the head of the key: all index axes come first
    rest = list(range(wide + 1, total + 1))
    return Place((P.ARRAY, *key), [example, *arrays], (0, *rest[:start], *range(1, wide + 1), *rest[start:]))


def _used(key: tuple[Any, ...]) -> int:
    """The number of axes that a key speaks of."""
    return sum(k is not None and k is not Ellipsis for k in key)


def _before(head: tuple[Any, ...], shape: tuple[int, ...], key: tuple[Any, ...]) -> int:
    """The number of result axes that a part of the key before any index array stands for."""
    return sum(len(shape) - _used(key) if k is Ellipsis else 1 for k in head)


def _arranged(x: Any, axes: tuple[int, ...]) -> Any:
    return x if axes == tuple(range(len(axes))) else P.transpose(x, axes=axes)


def _written(v: Any, b: bool, axes: tuple[int, ...]) -> Any:
    """Values for each example, in the order in which the key of the whole batch has the axes."""
    r = len(axes) - 1
    if not rank(v, b) and not b:
        return v
    if rank(v, b) > r:  # NumPy drops leading axes of length one
        lead = v.shape[:1] if b else ()
        v = P.reshape(v, shape=(*lead, *v.shape[v.ndim - r :]))
    v = align(v, True, r) if b else P.reshape(v, shape=(1, *(1,) * (r - v.ndim), *v.shape))
    return _arranged(v, tuple(int(i) for i in np.argsort(axes)))


def _getitem(b: Flags, x: Any, *arrays: Any, key: tuple[Any, ...]) -> Any:
    n = count(b, (x, *arrays))
    place = _place(b[0], x.shape[b[0] :], b[1:], arrays, key, n)
    return _arranged(P.getitem(x, *place.arrays, key=place.key), place.axes)


def _write(p: Primitive) -> Any:
    def rule(b: Flags, x: Any, v: Any, *arrays: Any, key: tuple[Any, ...]) -> Any:
        n = count(b, (x, v, *arrays))
        x = full(x, b[0], n)
        place = _place(True, x.shape[1:], b[2:], arrays, key, n)
        return p(x, _written(v, b[1], place.axes), *place.arrays, key=place.key)

    return rule


def _scatter_add(b: Flags, v: Any, *arrays: Any, key: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    n = count(b, (v, *arrays))
    place = _place(True, shape, b[1:], arrays, key, n)
    v = _written(full(v, b[0], n), True, place.axes)
    return P.scatter_add(v, *place.arrays, key=place.key, shape=(n, *shape))


def _along(p: Primitive) -> Any:
    def rule(b: Flags, x: Any, i: Any, *, axis: int, **params: Any) -> Any:
        n = count(b, (x, i))
        x, i = full(x, b[0], n), full(i, b[1], n)
        if "shape" in params:
            params["shape"] = (n, *params["shape"])
        return p(x, i, axis=shifted(axis, i.ndim - 1), **params)

    return rule


batch[P.getitem] = _getitem
batch[P.setitem] = _write(P.setitem)
batch[P.add_at] = _write(P.add_at)
batch[P.scatter_add] = _scatter_add
batch[P.take_along_axis] = _along(P.take_along_axis)
batch[P.scatter_along_axis] = _along(P.scatter_along_axis)
