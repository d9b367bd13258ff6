"""Reading parts moves entries; adding to parts unites them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...graph import Node
from ..value import value
from .vocabulary import Found, Look, P, broadcast, merge, move, rules, union


def _places(n: Node, shape: tuple[int, ...], indices: tuple[Node, ...], look: Look) -> np.ndarray:
    """The flat position in an array of this shape that each entry of the part has."""
    own = np.arange(math.prod(shape), dtype=np.int32).reshape(shape)
    if n.prim is P.scatter_along_axis:
        return value[P.take_along_axis](own, *map(look, indices), axis=n.params["axis"])
    return np.asarray(value[P.getitem](own, *map(look, indices), key=n.params["key"]))


def _scatter(n: Node, ps: list[Any], look: Look) -> Found:
    if ps[0] is None:
        return None
    found = move(n, ps, look)
    return found or merge(ps[0], _places(n, n.shape, n.args[1:], look).ravel(), math.prod(n.shape))


def _add_at(n: Node, ps: list[Any], look: Look) -> Found:
    x, v = ps[:2]
    if v is None:
        return x
    places = _places(n, n.shape, n.args[2:], look)
    part = broadcast(v, n.args[1].shape, places.shape)
    assert part is not None
    return union([x, merge(part, places.ravel(), math.prod(n.shape))])


for p in (P.getitem, P.setitem, P.take_along_axis):
    rules[p] = move
rules[P.scatter_add] = rules[P.scatter_along_axis] = _scatter
rules[P.add_at] = _add_at
