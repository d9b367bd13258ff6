"""One loop instead of two that compute the same: exact, graph -> graph.

A derivative records a loop again when it needs more of it than the function did (what each round leaves for the way
back, or its change). The first loop is then a part of the second. Each output of a scan is numbered by what
it is computed from: the start and the body of the carries that it needs, and its own body. Outputs with
one number are one value, so the smaller scan can be read off the larger one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ... import ops as P
from ...graph import CONST, INPUT, Graph, Guard, Node, reachable
from ...tracer.context import _hashable


def merge_scans(graph: Graph) -> Graph:
    """The same graph, in which a scan is gone if another one gives all that is asked of it, and more. Bodies too.

    >>> import cauchy
    >>> from cauchy.read.derive.merge import merge_scans
    >>> f = lambda a: cauchy.loop(lambda i, x: x * x + a, 0.5, 4)
    >>> both = cauchy.trace(cauchy.value_and_grad(f), 0.25)
    >>> [sum(n.prim.name == "scan" for n in g.nodes) for g in (both, merge_scans(both))]
    [3, 2]
    """
    graph = _with_merged_bodies(graph)
    while True:
        swap = _larger(graph)
        if not swap:
            return graph
        graph = _swapped(graph, swap)


def _with_merged_bodies(graph: Graph) -> Graph:
    swap: dict[Node, Node] = {}
    for n in graph.nodes:
        merged = {k: merge_scans(v) for k, v in n.params.items() if isinstance(v, Graph)}
        if any(v is not n.params[k] for k, v in merged.items()):
            swap[n] = _over(n, n.args, {**n.params, **merged})
    return _swapped(graph, swap) if swap else graph


def _larger(graph: Graph) -> dict[Node, Node]:
    """For the outputs that are used of some scan, the same outputs of a larger one."""
    asked: dict[Node, list[Node]] = {}
    for n in graph.nodes:
        if n.prim is P.item and n.args[0].prim is P.scan:
            asked.setdefault(n.args[0], []).append(n)
    if len(asked) < 2:
        return {}
    numbers = _Numbers()
    known = numbers.of_nodes(graph.nodes)
    gives = {s: {i: k for k, i in reversed(list(enumerate(known[s])))} for s in asked}
    order = sorted(asked, key=lambda s: (-len(s.shape), s.index))
    for small in reversed(order):
        for large in order[: order.index(small)]:
            if all(known[n] in gives[large] for n in asked[small]) and small not in reachable(large.args):
                return {n: _item(n, large, gives[large][known[n]]) for n in asked[small]}
    return {}


def _item(n: Node, scan: Node, index: int) -> Node:
    return _over(n, (scan,), {"index": index})


def _over(n: Node, args: tuple[Node, ...], params: Mapping[str, Any]) -> Node:
    new = Node(n.prim, args, params, n.value, n.site)
    new.shape, new.dtype = n.shape, n.dtype
    return new


def _swapped(graph: Graph, swap: Mapping[Node, Node]) -> Graph:
    """The graph with some nodes replaced. What depends on them is made anew, since evaluation goes by age."""
    new: dict[Node, Node] = {n: n for n in graph.inputs}
    stack = [*graph.outputs, *(g.node for g in graph.guards)]
    roots = list(stack)
    while stack:
        n = stack[-1]
        instead = swap.get(n, n)
        missing = [a for a in instead.args if a not in new]
        if n not in new and missing:
            stack += missing
            continue
        stack.pop()
        if n not in new:
            args = tuple(new[a] for a in instead.args)
            same = instead is n and all(a is b for a, b in zip(args, n.args, strict=True))
            new[n] = n if same else _over(instead, args, instead.params)
    outs = [new[n] for n in roots]
    guards = tuple(Guard(n, g.outcome, g.site) for n, g in zip(outs[len(graph.outputs) :], graph.guards, strict=True))
    return Graph(graph.inputs, tuple(outs[: len(graph.outputs)]), guards, graph.name, graph.names)


class _Numbers:
    """Equal numbers, equal values. A node of several outputs has a tuple of them."""

    def __init__(self) -> None:
        self.table: dict[Any, int] = {}

    def number(self, *key: Any) -> int:
        return self.table.setdefault(key, len(self.table))

    def of_nodes(self, nodes: Iterable[Node], inputs: Mapping[Node, int] | None = None) -> dict[Node, Any]:
        known: dict[Node, Any] = dict(inputs or {})
        for n in nodes:
            if n not in known:
                known[n] = self.of(n, [known[a] for a in n.args])
        return known

    def of(self, n: Node, args: list[Any]) -> Any:
        if n.prim is INPUT or (n.prim is CONST and n.origin is not None):
            return self.number(n.prim, n.index)
        if n.prim is CONST:
            v = n.value
            return self.number(n.prim, type(v), _signed(v), getattr(v, "dtype", None), np.shape(v))
        if n.prim is P.identity:
            return args[0]
        if n.prim is P.item:
            return args[0][n.params["index"]]
        if n.prim is P.scan:
            return self.of_scan(n.params, args)
        params = tuple((k, self.of_graph(v) if isinstance(v, Graph) else _hashable(v)) for k, v in n.params.items())
        whole = self.number(n.prim, tuple(args), params)
        return tuple(self.number("part", whole, i) for i in range(len(n.shape))) if n.prim.outputs > 1 else whole

    def of_graph(self, graph: Graph) -> Any:
        known = self.of_nodes(graph.nodes, {n: self.number("entry", i) for i, n in enumerate(graph.inputs)})
        return tuple(known[n] for n in graph.outputs)

    def of_scan(self, params: Mapping[str, Any], args: Sequence[Any]) -> tuple[int, ...]:
        """Each output by the carries that it needs, in order: what is not needed has no say in it."""
        graph: Graph = params["body"]
        i, j = params["consts"], params["consts"] + params["carry"]
        carries = graph.inputs[i:j]
        fixed = dict(zip(graph.inputs[:i], args[:i], strict=True))
        fixed |= {n: self.number("x", a) for n, a in zip(graph.inputs[j:], args[j:], strict=True)}
        uses = _uses(graph, carries)
        bodies: dict[frozenset[int], dict[Node, Any]] = {}
        found = []
        for k, out in enumerate(graph.outputs):
            needed = uses[out] | ({k} if k < len(carries) else set())
            while (more := needed.union(*(uses[graph.outputs[c]] for c in needed))) != needed:
                needed = more
            needed = frozenset(needed)
            if needed not in bodies:
                label = {carries[c]: self.number("carry", at) for at, c in enumerate(sorted(needed))}
                rest = {c: self.number("other carry") for c in carries if c not in label}
                bodies[needed] = self.of_nodes(graph.nodes, {**fixed, **label, **rest})
            known = bodies[needed]
            steps = tuple((args[i + c], known[graph.outputs[c]]) for c in sorted(needed))
            own = ("carry", sorted(needed).index(k)) if k < len(carries) else ("y", known[out])
            found.append(self.number("scan", params["length"], params["reverse"], steps, own))
        return tuple(found)


def _uses(graph: Graph, carries: Sequence[Node]) -> dict[Node, frozenset[int]]:
    """The carries that each node of a body is computed from."""
    found = {n: frozenset((k,)) for k, n in enumerate(carries)}
    for n in graph.nodes:
        if n not in found:
            found[n] = frozenset().union(*(found[a] for a in n.args))
    return found


def _signed(v: Any) -> Any:
    return np.asarray(v).tobytes()
