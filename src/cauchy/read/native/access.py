"""Where an entry comes from: views followed down to the memory or the operation behind them.

An index has one item per axis: an affine form `(constant, c_0, ..., c_(D-1))` in the variables of the loop nest, or
`Dynamic`, the entry of an integer array. Arrangements (transpose, broadcast_to, slices, integer-array
indexing) only rewrite indices, so they cost nothing and stand between no two operations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import ops as P
from ...errors import InternalError
from ...graph import CONST, Node

Affine = tuple[int, ...]


@dataclass(frozen=True)
class Dynamic:
    """The entry of the integer array `node` at `index`, an index into an axis of `extent` entries."""

    node: Node
    index: tuple[Any, ...]
    extent: int


Index = tuple[Any, ...]


def affine(depth: int, dim: int | None = None, const: int = 0) -> Affine:
    """A constant, or the variable of loop `dim` plus one."""
    return (const, *(int(dim == d) for d in range(depth)))


def identity(depth: int) -> Index:
    return tuple(affine(depth, d) for d in range(depth))


def broadcast(index: Index, shape: tuple[int, ...], depth: int) -> Index:
    """The index of an operand of this shape where the result is read at `index`."""
    kept = index[len(index) - len(shape) :]
    return tuple(affine(depth) if n == 1 else i for i, n in zip(kept, shape, strict=True))


def full_key(key: tuple[Any, ...], ndim: int) -> list[Any]:
    """A NumPy index with the ellipsis written out: one item per axis, plus None for new axes."""
    used = sum(k is not None and k is not Ellipsis for k in key)
    out: list[Any] = []
    for k in key if any(k is Ellipsis for k in key) else (*key, Ellipsis):
        out += [slice(None)] * (ndim - used) if k is Ellipsis else [k]
    return out


def is_array(k: Any) -> bool:
    return isinstance(k, str) and k == P.ARRAY


def same_elements(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    """Whether two shapes differ by axes of length one alone."""
    return [n for n in a if n != 1] == [n for n in b if n != 1]


def indexable(n: Node) -> bool:
    """Whether the key of a getitem, setitem, scatter_add or add_at is one this file can follow."""
    shape = n.params["shape"] if n.prim is P.scatter_add else n.args[0].shape
    arrays = n.args[1:] if n.prim in (P.getitem, P.scatter_add) else n.args[2:]
    if any(a.dtype.kind not in "iu" for a in arrays):
        return False
    return all(
        k is None
        or is_array(k)
        or isinstance(k, slice)
        or (isinstance(k, (int, np.integer)) and not isinstance(k, bool))
        for k in full_key(n.params["key"], len(shape))
    )


def item_index(
    key: tuple[Any, ...], arrays: tuple[Node, ...], shape: tuple[int, ...], index: Index, depth: int
) -> Index:
    """Where x[key][index] lies in x of this shape."""
    items = full_key(key, len(shape))
    advanced = [i for i, k in enumerate(items) if is_array(k) or isinstance(k, (int, np.integer))] if arrays else []
    block = np.broadcast_shapes(*[a.shape for a in arrays]) if arrays else ()
    # integers beside arrays count as arrays; apart from each other they all go first
    together = not advanced or advanced == list(range(advanced[0], advanced[-1] + 1))
    rest, here = list(index), []
    if arrays:
        at = sum(not isinstance(k, (int, np.integer)) for k in items[: advanced[0]]) if together else 0
        here = rest[at : at + len(block)]
        del rest[at : at + len(block)]
    given, it, out, axis = iter(arrays), iter(rest), [], 0
    for k in items:
        if k is None:
            next(it)
            continue
        n = shape[axis]
        axis += 1
        if is_array(k):
            a = next(given)
            out.append(Dynamic(a, broadcast(tuple(here), a.shape, depth), n))
        elif isinstance(k, slice):
            start, _, step = k.indices(n)
            out.append(scaled(next(it), step, start))
        else:
            out.append(affine(depth, const=int(k) % n))
    return tuple(out)


def scaled(i: Any, step: int, start: int) -> Any:
    """start + step i. A dynamic index is never sliced again: it is read from memory first (`follow`)."""
    if isinstance(i, Dynamic):
        if (step, start) == (1, 0):
            return i
        raise InternalError("a computed index is sliced: what it reads must be in memory")
    return (start + step * i[0], *(step * c for c in i[1:]))


def follow(n: Node, index: Index, depth: int) -> tuple[Node, Index] | None:
    """One step through an arrangement; None where n is something else."""
    if n.prim is P.transpose:
        axes = n.params["axes"]
        order = tuple(range(len(index)))[::-1] if axes is None else tuple(a % len(index) for a in axes)
        out: list[Any] = [None] * len(index)
        for i, a in zip(index, order, strict=True):
            out[a] = i
        return n.args[0], tuple(out)
    if n.prim is P.broadcast_to:
        return n.args[0], broadcast(index, n.args[0].shape, depth)
    if n.prim is P.reshape and same_elements(n.args[0].shape, n.shape):
        kept = iter([i for i, k in zip(index, n.shape, strict=True) if k != 1])
        return n.args[0], tuple(affine(depth) if k == 1 else next(kept) for k in n.args[0].shape)
    if n.prim is P.getitem:
        return n.args[0], item_index(n.params["key"], n.args[1:], n.args[0].shape, index, depth)
    if n.prim in (P.identity, P.stop_gradient):
        return n.args[0], index
    return None


def is_view(n: Node) -> bool:
    if n.prim is P.reshape:
        return same_elements(n.args[0].shape, n.shape)
    return n.prim in (P.transpose, P.broadcast_to, P.identity, P.stop_gradient) or (
        n.prim is P.getitem and indexable(n)
    )


def strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Entries between neighbours along each axis of a C-contiguous array."""
    return tuple(math.prod(shape[i + 1 :]) for i in range(len(shape)))


@dataclass(frozen=True)
class Place:
    """An entry in memory: offset (in entries) affine in the loop variables, plus computed indices times strides."""

    buffer: Node
    offset: Affine
    dynamic: tuple[tuple[Dynamic, int], ...]


def place(buffer: Node, shape: tuple[int, ...], index: Index, depth: int) -> Place:
    total, dynamic = [0] * (depth + 1), []
    for i, s in zip(index, strides(shape), strict=True):
        if isinstance(i, Dynamic):
            dynamic.append((i, s))
        else:
            total = [t + s * c for t, c in zip(total, i, strict=True)]
    return Place(buffer, tuple(total), tuple(dynamic))


def immediate(n: Node) -> bool:
    """A constant number, written into the code."""
    return n.prim is CONST and n.origin is None and n.shape == ()


def aligned(size: int) -> int:
    """Bytes that a buffer takes: whole cache lines."""
    return max(64, -(-size // 64) * 64)
