"""Which inputs each entry of each value may depend on: the pattern of a sparse derivative.

`patterns` reads a graph forwards with the rules of the families. `leaves` and `roots` find its edges, where entries are
only moved: a function that reads `x[obs]` and computes on what it read is a function of the entries read.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...graph import Node
from ..derive import varying
from . import control, elementary, index, linalg, reduce, shape
from .moves import Look, moved, movers
from .rows import Pattern
from .vocabulary import Found, rules

__all__ = [
    "Look",
    "Pattern",
    "control",
    "elementary",
    "index",
    "leaves",
    "linalg",
    "patterns",
    "reduce",
    "roots",
    "rules",
    "shape",
]


def _size(n: Node) -> int:
    return math.prod(n.shape)


def patterns(wrt: Sequence[Node], outputs: Sequence[Node], look: Look) -> list[Pattern | None]:
    """The pattern of each output over the entries of `wrt`, one after the other; None where it depends on none.

    A node of `wrt` is a variable of its own, also where it depends on others of them.
    """
    width, start = sum(map(_size, wrt)), 0
    found: dict[Node, Found] = {}
    for w in wrt:
        found[w] = Pattern(width, None, np.arange(start, start + _size(w), dtype=np.int32))
        start += _size(w)
    for n in varying(wrt, outputs):
        if n not in found:
            ps = [found.get(a) for a in n.args]
            if any(p is not None for p in ps):
                found[n] = rules.rule(n)(n, ps, look)
    return [p if isinstance(p := found.get(o), Pattern) else None for o in outputs]


def leaves(wrt: Sequence[Node], outputs: Sequence[Node], look: Look) -> tuple[list[Node], np.ndarray]:
    """Where computing begins: the last nodes that only move entries of `wrt`, and which one each of their entries is.

    Entries of `wrt` count through, -1 is a constant. All outputs are functions of these nodes.
    """
    names: dict[Node, np.ndarray] = {}
    start = 0
    for w in wrt:
        names[w] = np.arange(start, start + _size(w), dtype=np.int32)
        start += _size(w)
    live, cut = varying(wrt, outputs), set[Node]()
    inside = set(live)
    for n in live:
        if n in names:
            continue
        args = n.args[: movers(n)]
        if args and all(a in names or a not in inside for a in args):
            got = moved(n, [names[a] if a in names else np.full(_size(a), -1, np.int32) for a in args], look)
            if got is not None:
                names[n] = got
                continue
        cut.update(a for a in n.args if a in names)
    cut.update(o for o in outputs if o in names)
    found = sorted(cut, key=lambda n: n.index)
    return found, np.concatenate([np.zeros(0, np.int32), *(names[n] for n in found)])


def roots(
    wrt: Sequence[Node], outputs: Sequence[Node], cut: Sequence[Node], look: Look
) -> tuple[list[Node], np.ndarray]:
    """Where computing ends: the nodes whose entries the outputs hold, only moved, and which one each entry is.

    Entries of these nodes count through, -1 is a constant.
    """
    inside, leaf = set(varying(wrt, outputs)), set(cut)
    through: list[Node] = []
    found: set[Node] = set()
    stack, seen = [o for o in outputs if o in inside], set[Node]()
    while stack:
        n = stack.pop()
        if n not in seen:
            seen.add(n)
            # adding moves nothing: asked with names that do not matter
            args = n.args[: movers(n)]
            if n in leaf or not args or moved(n, [np.zeros(_size(a), np.int32) for a in args], look) is None:
                found.add(n)
            else:
                through.append(n)
                stack += [a for a in args if a in inside]
    nodes = sorted(found, key=lambda n: n.index)
    names: dict[Node, np.ndarray] = {}
    start = 0
    for n in nodes:
        names[n] = np.arange(start, start + _size(n), dtype=np.int32)
        start += _size(n)
    none = lambda n: np.full(_size(n), -1, np.int32)
    for n in sorted(through, key=lambda n: n.index):
        got = moved(n, [names[a] if a in names else none(a) for a in n.args[: movers(n)]], look)
        assert got is not None
        names[n] = got
    return nodes, np.concatenate([np.zeros(0, np.int32), *(names[o] if o in names else none(o) for o in outputs)])
