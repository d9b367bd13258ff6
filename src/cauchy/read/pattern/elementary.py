"""Elementwise primitives, special functions too: entry by entry the union over the arguments.

An argument in which the primitive is locally constant (the condition of `where`, all of `floor`) brings nothing.
"""

from __future__ import annotations

from typing import Any

from ...graph import Node
from ..derive import partials
from ..derive.vocabulary import ZERO
from .vocabulary import Found, Look, P, broadcast, move, rules, union


def elementwise(n: Node, ps: list[Any], look: Look) -> Found:
    smooth = zip(ps, n.args, partials.rule(n), strict=False)
    return union([broadcast(p, a.shape, n.shape) for p, a, rule in smooth if rule is not ZERO])


for p in P.ALL:
    if p.family in ("elementary", "special"):
        rules[p] = elementwise
rules[P.astype] = move
