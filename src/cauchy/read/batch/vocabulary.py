"""The words in which rules over many examples are written, and the table that holds them.

batch[p] = f(b, *args, **params): p of many examples at once. Where `b[i]` holds, `args[i]` has one more axis, in
front, along which the examples lie; the result has it too (each part, for a primitive of several outputs).
Rules record ordinary primitives, so what they compute has derivatives, and can be vectorized again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ... import ops as P
from ...errors import Refused
from ...graph import CONST, Node, Primitive, Rules
from ...tracer.array import as_array, wrap

Flags = tuple[bool, ...]
Rule = Callable[..., Any]

batch = Rules("batch", "vectorize")


def operand(n: Node) -> Any:
    """A node that is not batched, for a rule: a Python number stays one, so that it does not promote."""
    return n.value if n.prim is CONST and not isinstance(n.value, (np.ndarray, np.generic)) else wrap(n)


def rank(x: Any, b: bool) -> int:
    """The number of axes of one example."""
    return getattr(x, "ndim", 0) - b


def count(b: Flags, xs: Iterable[Any]) -> int:
    """The number of examples."""
    return next(x.shape[0] for x, many in zip(xs, b, strict=True) if many)


def align(x: Any, b: bool, r: int) -> Any:
    """x with examples of rank r: axes of length one behind the batch axis. What is not batched broadcasts by itself."""
    own = rank(x, b)
    return P.reshape(x, shape=(x.shape[0], *(1,) * (r - own), *x.shape[1:])) if b and own < r else x


def full(x: Any, b: bool, n: int) -> Any:
    """x for each of the n examples."""
    return x if b else P.broadcast_to(as_array(x), shape=(n, *np.shape(x)))


def move(x: Any, source: int, target: int) -> Any:
    """x with one axis at another place."""
    source, target = source % x.ndim, target % x.ndim
    if source == target:
        return x
    order = [i for i in range(x.ndim) if i != source]
    return P.transpose(x, axes=(*order[:target], source, *order[target:]))


def shifted(axis: Any, r: int) -> Any:
    """Axes of an example of rank r as axes of the batch."""
    if isinstance(axis, (tuple, list)):
        return tuple(a % r + 1 for a in axis)
    return axis % r + 1


def flat(x: Any) -> Any:
    """Each example as a vector."""
    return x if x.ndim == 2 else P.reshape(x, shape=(x.shape[0], math.prod(x.shape[1:])))


def stacks(*prims: Primitive) -> None:
    """These take stacks as NumPy has them: the batch is one more axis of it."""
    for p in prims:
        batch[p] = lambda b, x, p=p, **params: p(x, **params)


def elementwise(*prims: Primitive) -> None:
    """These broadcast."""
    for p in prims:
        batch[p] = _elementwise(p)


def _elementwise(p: Primitive) -> Rule:
    def rule(b: Flags, *xs: Any, **params: Any) -> Any:
        r = max(map(rank, xs, b))
        return p(*map(align, xs, b, (r,) * len(b)), **params)

    return rule


def each(*prims: Primitive) -> None:
    """These know one example only: one node for each."""
    for p in prims:
        batch[p] = _each(p)


def _each(p: Primitive) -> Rule:
    def rule(b: Flags, *xs: Any, **params: Any) -> Any:
        at = lambda i: [P.getitem(x, key=(i,)) if many else x for x, many in zip(xs, b, strict=True)]
        found = [p(*at(i), **params) for i in range(count(b, xs))]
        return tuple(_stack(p, part) for part in zip(*found, strict=True)) if p.outputs > 1 else _stack(p, found)

    return rule


def _stack(p: Primitive, parts: Any) -> Any:
    if len({y.shape for y in parts}) > 1:
        raise Refused("vectorize", p, f"its results have shapes {sorted({y.shape for y in parts})}: no stack of them")
    return P.concatenate(*[P.reshape(y, shape=(1, *y.shape)) for y in parts], axis=0)


__all__ = [
    "Flags",
    "P",
    "align",
    "batch",
    "count",
    "each",
    "elementwise",
    "flat",
    "full",
    "move",
    "operand",
    "rank",
    "shifted",
    "stacks",
]
