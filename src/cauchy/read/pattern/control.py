"""Steering nodes pass patterns on. Loops and branches are read through their bodies, to the fixed point of the carry.

A function with a derivative of the user's own is taken for dense: what it reads is not known.
"""

from __future__ import annotations

from typing import Any

from ...graph import CONST, Graph, Node
from ..derive import differentiable
from .vocabulary import Found, Look, P, Pattern, dense, kept, merge, move, nothing, positions, rules, union


class _Varies(Exception):
    """A rule asked for the value of a node within a body: it has another one each time."""


def _constant(n: Node) -> Any:
    if n.prim is CONST:
        return n.value
    raise _Varies


def _through(graph: Graph, inputs: list[Pattern | None]) -> list[Pattern | None]:
    """The patterns of a body's outputs, given those of its inputs."""
    found: dict[Node, Any] = dict(zip(graph.inputs, inputs, strict=True))
    for n in graph.nodes:
        if n not in found and differentiable(n):
            ps = [found.get(a) for a in n.args]
            if any(p is not None for p in ps):
                try:
                    found[n] = rules.rule(n)(n, ps, _constant)
                except _Varies:
                    found[n] = dense(n, ps, _constant)
    return [found.get(o) for o in graph.outputs]


def _grown(old: list[Pattern | None], new: list[Pattern | None]) -> tuple[list[Pattern | None], bool]:
    """Entry by entry the union, and whether it says more than before."""
    both = [union(pair) for pair in zip(old, new, strict=True)]
    entries = lambda ps: sum(p.csr().nnz for p in ps if p is not None)
    return both, entries(both) > entries(old)


def _scan(n: Node, ps: list[Any], look: Look) -> Found:
    i, j = n.params["consts"], n.params["consts"] + n.params["carry"]
    # an x is one slice after the other: all slices united
    xs = [
        None if p is None else merge(p, kept(a.shape, 0), p.size // max(a.shape[0], 1))
        for p, a in zip(ps[j:], n.args[j:], strict=True)
    ]
    return _rolled(n, n.params["body"], ps[:i], ps[i:j], xs)


def _rolled(n: Node, body: Graph, consts: list[Any], carry: list[Any], xs: list[Any]) -> Found:
    out: list[Pattern | None] = []
    more = True
    while more:
        out = _through(body, [*consts, *carry, *xs])
        carry, more = _grown(carry, out[: len(carry)])
    ys = []
    for p, shape in zip(out[len(carry) :], n.shape[len(carry) :], strict=True):
        ys.append(None if p is None else p.take(positions((1, *shape[1:]), shape)))
    return (*carry, *ys)


def _while(n: Node, ps: list[Any], look: Look) -> Found:
    i = n.params["test_consts"]
    j = i + n.params["body_consts"]
    return _rolled(n, n.params["body"], ps[i:j], ps[j:], [])


def _cond(n: Node, ps: list[Any], look: Look) -> Found:
    branches = [_through(n.params[which], ps[1:]) for which in ("on_true", "on_false")]
    return tuple(union(pair) for pair in zip(*branches, strict=True))


rules[P.identity] = move
rules[P.stop_gradient] = nothing
rules[P.item] = lambda n, ps, look: ps[0][n.params["index"]]
rules[P.custom] = dense
rules[P.scan] = _scan
rules[P.while_loop] = _while
rules[P.cond] = _cond
