"""Reads moved in front of the computation: (a - b)[:, 0] becomes a[:, 0] - b[:, 0].

Elementwise operations and reads commute. Where all that is done with an elementwise result is to read parts of it, the
parts are computed instead: then what a function reads of its arguments is what its formulas use, and backwards
nothing is scattered into arrays that are mostly zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from .. import ops as P
from ..graph import Node, reachable
from ..read.derive import varying
from ..tracer.context import on_behalf_of, record

MOST = 500  # nodes to move through: reading goes down the chain by recursion


def _reads(n: Node) -> bool:
    """Whether n reads a part, not all, at a known place."""
    return n.prim is P.getitem and len(n.args) == 1 and math.prod(n.shape) < math.prod(n.args[0].shape)


def _movable(nodes: list[Node], users: dict[Node, list[Node]], kept: set[Node]) -> set[Node]:
    """Elementwise nodes of which nothing but parts is used, and no entry of these twice."""
    found: set[Node] = set()
    parts: dict[Node, dict[str, int]] = {}
    for n in reversed(nodes):
        mine: dict[str, int] = {}
        if n in kept or n.prim.family not in ("elementary", "special") or not n.shape:
            continue
        for u in users.get(n, ()):
            if _reads(u):
                mine[repr(u.params["key"])] = math.prod(u.shape)
            elif u in found and u.shape == n.shape:
                mine |= parts[u]
            else:
                break
        else:
            if mine and sum(mine.values()) <= math.prod(n.shape):
                found.add(n)
                parts[n] = mine
    return found


def sunk(wrt: Sequence[Node], outputs: Sequence[Node]) -> list[Node]:
    """The outputs, with reads moved in front of elementwise operations; the same values."""
    start = min(w.index for w in wrt)
    nodes = reachable(outputs, after=start)
    users: dict[Node, list[Node]] = {}
    for n in nodes:
        for a in n.args:
            users.setdefault(a, []).append(n)
    moved = _movable(varying(wrt, outputs), users, {*wrt, *outputs})
    if not moved or len(moved) > MOST:
        return list(outputs)
    new: dict[Node, Node] = {}
    parts: dict[tuple[Node, str], Node] = {}

    def part(n: Node, key: tuple[object, ...]) -> Node:
        at = (n, repr(key))
        if at not in parts:
            with on_behalf_of(n.site):
                if n in moved:
                    args = [part(_spread(a, n), key) if a.shape else new.get(a, a) for a in n.args]
                    parts[at] = record(n.prim, tuple(args), dict(n.params))
                else:
                    parts[at] = record(P.getitem, (new.get(n, n),), {"key": key})
        return parts[at]

    def _spread(a: Node, n: Node) -> Node:
        return a if a.shape == n.shape else record(P.broadcast_to, (new.get(a, a),), {"shape": n.shape})

    for n in nodes:
        if n in moved:
            continue
        if _reads(n) and n.args[0] in moved:
            new[n] = part(n.args[0], n.params["key"])
        elif any(a in new for a in n.args):
            if n.prim.family == "control" and n.prim not in (P.identity, P.stop_gradient, P.item):
                return list(outputs)  # it would run a second time, and may be the user's own code
            with on_behalf_of(n.site):
                new[n] = record(n.prim, tuple(new.get(a, a) for a in n.args), dict(n.params))
    return [new.get(o, o) for o in outputs]
