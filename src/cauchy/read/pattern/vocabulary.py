"""The words in which pattern rules are written, and the table that holds them.

rules[p] = rule(node, patterns, look) -> the pattern of the node (a tuple for several outputs; None: it depends on
nothing), given the patterns of its arguments, not all of which are None. `look(node)` is the value of an argument on
which the pattern may depend: an index, a constant matrix. The answer then holds for this value alone: a guard.

A pattern holds every dependence a derivative can have, at any value: a superset, never less.

References: Bischof, Khademi, Bouaricha & Carle, "Efficient computation of gradients and Jacobians by dynamic
exploitation of sparsity in automatic differentiation" (1996); Griewank & Walther, "Evaluating Derivatives" (2008).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ... import ops as P
from ...graph import Node, Rules
from .moves import Look, moved, movers
from .rows import Pattern, broadcast, merge, positions, stack, union

rules = Rules("pattern", "find the sparsity of")

Found = Pattern | tuple[Pattern | None, ...] | None


def nothing(n: Node, ps: list[Any], look: Look) -> Found:
    """No entry depends on any."""
    return None


def dense(n: Node, ps: list[Any], look: Look) -> Found:
    """Every entry of every output depends on all that any entry of any argument does: right, and of no use."""
    flat = [q for p in ps for q in (p if isinstance(p, tuple) else (p,)) if q is not None]
    total = union([merge(p, np.zeros(p.size, np.int32), 1) for p in flat])
    return everywhere(n, [total], [()], ())


def everywhere(n: Node, ps: list[Pattern | None], shapes: list[tuple[int, ...]], batch: tuple[int, ...]) -> Found:
    """Patterns of one row for each member of a batch, united and given to all entries of the member, in all outputs."""
    total = union([broadcast(p, s, batch) for p, s in zip(ps, shapes, strict=True)])

    def spread(shape: tuple[int, ...], kind: Any) -> Pattern | None:
        lead = shape[: len(batch)] + (1,) * (len(shape) - len(batch))
        return total.take(positions(lead, shape)) if total is not None and kind.kind == "f" else None

    if n.prim.outputs == 1:
        return spread(n.shape, n.dtype)
    return tuple(spread(s, d) for s, d in zip(n.shape, n.dtype, strict=True))


def move(n: Node, ps: list[Any], look: Look) -> Found:
    """The rule of primitives that only move entries."""
    ps = ps[: movers(n)]
    if all(p is None for p in ps):
        return None
    width, base, names = stack(ps, [math.prod(a.shape) for a in n.args[: len(ps)]])
    found = moved(n, names, look)
    return None if found is None else Pattern(width, base, found)


def kept(shape: tuple[int, ...], axis: Any) -> np.ndarray:
    """For each entry the flat position it is reduced to when the axes go (None: all)."""
    dims = range(len(shape)) if axis is None else np.lib.array_utils.normalize_axis_tuple(axis, len(shape))
    return positions(tuple(1 if i in dims else m for i, m in enumerate(shape)), shape)


def reduced(shape: tuple[int, ...], axis: Any) -> int:
    """How many entries remain."""
    dims = range(len(shape)) if axis is None else np.lib.array_utils.normalize_axis_tuple(axis, len(shape))
    return math.prod(m for i, m in enumerate(shape) if i not in dims)


__all__ = [
    "Found",
    "Look",
    "P",
    "Pattern",
    "broadcast",
    "dense",
    "everywhere",
    "kept",
    "merge",
    "move",
    "moved",
    "nothing",
    "positions",
    "reduced",
    "rules",
    "union",
]
