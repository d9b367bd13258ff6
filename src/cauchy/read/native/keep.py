"""State that a round leaves as it is.

Where a branch hands an operand on unchanged, and this is what a loop hands to its next round, nothing is copied: the
body says by a flag that the loop should go on reading where it read, and writes nothing.
A program is told which output stands for which input (`wanted`); `Kept` is what it can say of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from ... import ops as P
from ...graph import Graph, Node

LEAST = 1024  # bytes from which a flag costs less than a copy

Pairs = Mapping[int, int]  # output -> input


@dataclass
class Kept:
    """Outputs that always are the wanted input (`passed`), and those that are a result of a branch."""

    passed: set[int] = field(default_factory=set)
    branched: dict[int, tuple[Node, int]] = field(default_factory=dict)  # output -> (cond, number of its result)
    wanted: dict[Node, dict[int, int]] = field(default_factory=dict)  # of a cond: result -> operand


def _source(n: Node) -> Node:
    while n.prim is P.identity:
        n = n.args[0]
    return n


def kept(graph: Graph, pairs: Pairs) -> Kept:
    """What a graph may leave as it is."""
    found = Kept()
    uses: dict[Node, int] = {}
    for n in (*(a for m in graph.nodes for a in m.args), *graph.outputs, *(g.node for g in graph.guards)):
        uses[n] = uses.get(n, 0) + 1
    for j, m in pairs.items():
        given, o = graph.inputs[m], graph.outputs[j]
        n = _source(o)
        if n is given:
            found.passed.add(j)
        elif n.prim is P.item and n.args[0].prim is P.cond and uses[n] == uses[o] == 1 and n in (o, *o.args):
            branch = n.args[0]
            operands = branch.args[1:]
            if given in operands:
                found.branched[j] = branch, n.params["index"]
                found.wanted.setdefault(branch, {})[n.params["index"]] = operands.index(given)
    return found


def wanted(n: Node, branch: Pairs) -> tuple[Pairs, ...]:
    """For each body of a rolled primitive, which output may stand for which input."""
    if n.prim is P.cond:
        return branch, branch
    large = [math.prod(s) * d.itemsize >= LEAST for s, d in zip(n.shape, n.dtype, strict=True)]
    if n.prim is P.while_loop:
        start = n.params["body_consts"]
        return {}, {k: start + k for k, yes in enumerate(large) if yes}
    start = n.params["consts"]
    return ({k: start + k for k in range(n.params["carry"]) if large[k]},)
