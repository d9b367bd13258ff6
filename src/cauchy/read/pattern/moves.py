"""Primitives that only move entries: each entry of the result is an entry of an argument, or constant.

What such a primitive does to numbers it does to their names: its value rule, applied to arrays of names, says where
each entry came from.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ... import ops as P
from ...graph import Node
from ..value import value

Look = Callable[[Node], Any]  # the value of a node on which the pattern is allowed to depend, by a guard

# how many of the arguments, from the first, hold entries that are moved; the others are indices
MOVED = {
    P.identity: 1,
    P.astype: 1,
    P.reshape: 1,
    P.transpose: 1,
    P.broadcast_to: 1,
    P.getitem: 1,
    P.take_along_axis: 1,
    P.setitem: 2,
    P.scatter_add: 1,
    P.scatter_along_axis: 1,
}


def movers(n: Node) -> int:
    """How many arguments of n hold entries that it moves: 0 if it does more than move them."""
    return len(n.args) if n.prim is P.concatenate else MOVED.get(n.prim, 0)


def moved(n: Node, names: list[np.ndarray], look: Look) -> np.ndarray | None:
    """The name of each entry of n, given those (flat, -1 for constants) of the arguments; None if some are added."""
    shaped = [a.reshape(x.shape) for a, x in zip(names, n.args, strict=False)]
    if n.prim in (P.identity, P.astype):
        return names[0]
    rule, indices = value[n.prim], [look(a) for a in n.args[len(names) :]]
    if n.prim in (P.scatter_add, P.scatter_along_axis):  # the rest is zeros, and each place is written to once
        if np.max(rule(np.ones(n.args[0].shape, np.int32), *indices, **n.params), initial=0) > 1:
            return None
        return np.ravel(rule(shaped[0] + np.int32(1), *indices, **n.params)) - np.int32(1)
    return np.ravel(rule(*shaped, *indices, **n.params))
