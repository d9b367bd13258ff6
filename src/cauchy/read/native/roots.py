"""What must be computed into memory: each node that is, as one or more loops over an iteration space.

A `Root` is: for all indices of `dims`: target[...] (op)= product of the terms' entries. Stores, sums, extrema,
contractions (matmul, einsum), scatters and fills are all of this form, so one loop writer serves them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ... import ops as P
from ...graph import Node
from .access import Dynamic, Index, affine, broadcast, identity, indexable, item_index

# operations that fold many entries into one, by their identity element
FOLDS = {"sum", "prod", "max", "min", "any", "all", "count"}
# operations that store every partial fold along the innermost loop
RUNNING = {"cumsum": "sum", "cumprod": "prod"}


@dataclass(frozen=True, eq=False)
class Root:
    """One loop nest that writes into the memory of `node`.

    op: "store" (plain assignment), "add" (one addition after the other, for scatters), or a fold, for which
    `reduced` marks the loops folded over. Without terms, `fill` is stored.
    """

    node: Node
    dims: tuple[int, ...]
    terms: tuple[tuple[Node, Index], ...]
    target: Index
    op: str = "store"
    reduced: tuple[bool, ...] = ()
    fill: float = 0.0
    stage: int = 0
    fixed: bool = False  # the order of the loops matters
    defines: bool = field(default=False)  # the term is the node itself: its operation, not its memory

    def permuted(self, order: Sequence[int]) -> Root:
        move = lambda i: permuted(i, order)
        return replace(
            self,
            dims=tuple(self.dims[d] for d in order),
            reduced=tuple(self.reduced[d] for d in order),
            terms=tuple((n, tuple(map(move, i))) for n, i in self.terms),
            target=tuple(map(move, self.target)),
        )


def permuted(i: Any, order: Sequence[int]) -> Any:
    if isinstance(i, Dynamic):
        return Dynamic(i.node, tuple(permuted(j, order) for j in i.index), i.extent)
    return (i[0], *(i[1 + d] for d in order))


def store(n: Node, value: Node, index: Index, target: Index, dims: tuple[int, ...], **more: Any) -> Root:
    return Root(n, dims, ((value, index),), target, reduced=(False,) * len(dims), **more)


def stored(n: Node) -> list[Root]:
    """The node's own operation, entry by entry."""
    at = identity(len(n.shape))
    return [store(n, n, at, at, n.shape, defines=True)]


def copied(n: Node, source: Node, stage: int = 0) -> Root:
    depth = len(n.shape)
    at = identity(depth)
    return store(n, source, broadcast(at, source.shape, depth), at, n.shape, stage=stage)


def filled(n: Node, value: float) -> Root:
    return Root(n, n.shape, (), identity(len(n.shape)), reduced=(False,) * len(n.shape), fill=value)


def _axes(n: Node) -> tuple[int, ...]:
    axis, ndim = n.params["axis"], len(n.args[0].shape)
    if axis is None:
        return tuple(range(ndim))
    return tuple(a % ndim for a in (axis if isinstance(axis, tuple) else (axis,)))


def _fold(op: str) -> Callable[[Node], list[Root]]:
    def roots(n: Node) -> list[Root]:
        x, axes = n.args[0], _axes(n)
        at = identity(len(x.shape))
        zero = affine(len(x.shape))
        if n.params["keepdims"]:
            target = tuple(zero if d in axes else at[d] for d in range(len(x.shape)))
        else:
            target = tuple(at[d] for d in range(len(x.shape)) if d not in axes)
        reduced = tuple(d in axes for d in range(len(x.shape)))
        return [Root(n, x.shape, ((x, at),), target, op, reduced)]

    return roots


def _running(op: str) -> Callable[[Node], list[Root]]:
    def roots(n: Node) -> list[Root]:
        x, depth = n.args[0], len(n.shape)
        if n.params["axis"] is None:
            return []
        axis = n.params["axis"] % depth
        order = [*(d for d in range(depth) if d != axis), axis]
        return [store(n, x, identity(depth), identity(depth), n.shape, op=op, fixed=True).permuted(order)]

    return roots


def _concatenate(n: Node) -> list[Root]:
    axis = n.params["axis"]
    if axis is None:
        return []
    axis %= len(n.shape)
    start, roots = 0, []
    for x in n.args:
        at = list(identity(len(x.shape)))
        source = tuple(at)
        at[axis] = (start, *at[axis][1:])
        roots.append(store(n, x, source, tuple(at), x.shape))
        start += x.shape[axis]
    return roots


def _written(n: Node, v: Node, arrays: tuple[Node, ...], shape: tuple[int, ...], op: str) -> Root:
    """v put (or added) at n.params["key"] of an array of this shape."""
    space = _selected(n.params["key"], arrays, shape)
    depth = len(space)
    target = item_index(n.params["key"], arrays, shape, identity(depth), depth)
    index = broadcast(identity(depth), v.shape, depth)
    return Root(n, space, ((v, index),), target, op, (False,) * depth, stage=1)


def _selected(key: tuple[Any, ...], arrays: tuple[Node, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of x[key]."""
    given = iter(arrays)
    whole: Any = tuple(np.zeros(next(given).shape, np.intp) if isinstance(k, str) and k == P.ARRAY else k for k in key)
    return np.broadcast_to(np.empty((), np.int8), shape)[whole].shape


def _scatter_add(n: Node) -> list[Root]:
    v, *arrays = n.args
    op = "add" if arrays else "store"
    return [filled(n, 0.0), _written(n, v, tuple(arrays), n.shape, op)]


def _setitem(n: Node) -> list[Root]:
    x, v, *arrays = n.args
    return [copied(n, x), _written(n, v, tuple(arrays), n.shape, "store")]


def _add_at(n: Node) -> list[Root]:
    x, v, *arrays = n.args
    return [copied(n, x), _written(n, v, tuple(arrays), n.shape, "add")]


def _take_along_axis(n: Node) -> list[Root]:
    x, i = n.args
    axis = n.params["axis"]
    if axis is None or i.dtype.kind not in "iu":
        return []
    depth = len(n.shape)
    at = list(identity(depth))
    entry = Dynamic(i, broadcast(tuple(at), i.shape, depth), x.shape[axis % depth])
    source = list(
        broadcast(tuple(at), tuple(1 if d != axis % depth and s == 1 else 2 for d, s in enumerate(x.shape)), depth)
    )
    source[axis % depth] = entry
    return [store(n, x, tuple(source), tuple(at), n.shape)]


# -- contractions: the letters of each operand's axes ------------------------------------------------------

Letters = tuple[Any, ...]


def letters(n: Node) -> tuple[list[Letters], Letters] | None:
    """A product as an einsum: the axis names of each operand and of the result; None for one that is not."""
    a = n.args[0]
    b = n.args[1] if len(n.args) > 1 else a
    p, q = len(a.shape), len(b.shape)
    batch = lambda k: tuple(range(-k, 0))
    if n.prim is P.matmul:
        left = (*batch(p - 2), "i", "k") if p > 1 else ("k",)
        right = (*batch(q - 2), "k", "j") if q > 1 else ("k",)
        both = batch(max(p - 2, q - 2, 0))
        return [left, right], (*both, *(("i",) if p > 1 else ()), *(("j",) if q > 1 else ()))
    if n.prim is P.vdot and p == q == 1:
        return [("k",), ("k",)], ()
    if n.prim in (P.dot, P.inner):
        if p == 0 or q == 0:
            l, r = tuple(f"a{i}" for i in range(p)), tuple(f"b{i}" for i in range(q))
            return [l, r], l + r
        l = (*(f"a{i}" for i in range(p - 1)), "k")
        outer = tuple(f"b{i}" for i in range(q - 1))
        r = (*outer, "k") if n.prim is P.inner or q == 1 else (*outer[:-1], "k", outer[-1])
        return [l, r], (*l[:-1], *outer)
    if n.prim is P.einsum:
        return _einsum(n)
    return None


def _einsum(n: Node) -> tuple[list[Letters], Letters] | None:
    text = n.params["subscripts"]
    if not isinstance(text, str):
        return None
    left, arrow, right = text.replace(" ", "").partition("->")
    operands = []
    for t, x in zip(left.split(","), n.args, strict=True):
        head, dots, tail = t.partition("...")
        more = len(x.shape) - len(head) - len(tail)
        operands.append((*head, *(range(-more, 0) if dots else ()), *tail))
    if not arrow:
        named = "".join(left.replace(",", "").replace(".", ""))
        right = "..." + "".join(sorted(c for c in set(named) if named.count(c) == 1))
    head, _, tail = right.partition("...")
    deepest = min((c for o in operands for c in o if isinstance(c, int)), default=0)
    return operands, (*head, *range(deepest, 0), *tail)


def contraction(n: Node) -> list[Root]:
    found = letters(n)
    if found is None:
        return []
    operands, out = found
    size: dict[Any, int] = {}
    for o, x in zip(operands, n.args, strict=True):
        for c, s in zip(o, x.shape, strict=True):
            size[c] = s if size.get(c, 1) == 1 else size[c]
    order = (*out, *(c for c in size if c not in out))
    depth, at = len(order), {c: d for d, c in enumerate(order)}
    terms = tuple(
        (x, tuple(affine(depth) if s == 1 else affine(depth, at[c]) for c, s in zip(o, x.shape, strict=True)))
        for o, x in zip(operands, n.args, strict=True)
    )
    reduced = tuple(c not in out for c in order)
    target = tuple(affine(depth, at[c]) for c in out)
    return [Root(n, tuple(size[c] for c in order), terms, target, "sum" if any(reduced) else "store", reduced)]


_ROOTS: dict[Any, Callable[[Node], list[Root]]] = {
    P.sum: _fold("sum"),
    P.prod: _fold("prod"),
    P.max: _fold("max"),
    P.min: _fold("min"),
    P.count_nonzero: _fold("count"),
    P.cumsum: _running("cumsum"),
    P.cumprod: _running("cumprod"),
    P.any: _fold("any"),
    P.all: _fold("all"),
    P.concatenate: _concatenate,
    P.scatter_add: lambda n: _scatter_add(n) if indexable(n) else [],
    P.setitem: lambda n: _setitem(n) if indexable(n) else [],
    P.add_at: lambda n: _add_at(n) if indexable(n) else [],
    P.take_along_axis: _take_along_axis,
    **dict.fromkeys((P.matmul, P.dot, P.inner, P.vdot, P.einsum), contraction),
}


def loops(n: Node) -> list[Root]:
    """The loop nests of a primitive that is computed into memory; none if native code has no loops for it."""
    rule = _ROOTS.get(n.prim)
    roots = rule(n) if rule else []
    if roots and roots[0].op in ("max", "min") and not math.prod(roots[0].dims):
        return []  # NumPy raises
    return roots
