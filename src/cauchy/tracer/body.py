"""Bodies of loops and branches: functions of traced values that become graphs of their own.

A body may use any traced value or captured array from outside. Such a value becomes an argument of the node that
holds the body (closure conversion), so its graph has inputs, numbers and operations only. What a loop's body computes
from outside alone is computed outside, once; what a branch computes stays in the branch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from .. import ops as P
from ..graph import CONST, INPUT, Graph, Node
from .array import Array, wrap
from .context import constant, on_behalf_of, record, state
from .later import part


@contextmanager
def body(*, branch: bool = False, number: int = 0) -> Iterator[int]:
    """Inside, a body is traced: its number. Nodes that depend on its entries, or all nodes of a branch, are its own.

    A number given is that of a body to go on with.
    """
    if not number:
        state.bodies += 1
        number = state.bodies
    before = state.open, state.floor, state.table
    state.open = (*state.open, number)
    if branch:
        # equal nodes of two branches, or of a branch and what follows, are not one: the branch may not be run
        state.floor, state.table = number, None if state.table is None else {}
    try:
        with np.errstate(all="ignore"):  # the warnings are those of the run
            yield number
    finally:
        state.open, state.floor, state.table = before


def entry(value: Any) -> Node:
    """An input of the innermost body, with the value of a first round."""
    node = Node(INPUT, (), {}, value)
    state.owner[node.index] = state.open[-1]
    return node


def first(stacked: Node, length: int, reverse: bool) -> Any:
    """The part of stacked values that the first round of a loop meets."""
    if length:
        return part(stacked, lambda v: v[-1 if reverse else 0], stacked.shape[1:])
    return np.zeros(stacked.shape[1:], stacked.dtype)[()]


def whole(n: Node) -> Any:
    """The value of a node, for an entry."""
    return part(n, lambda v: v, n.shape)


def copied(n: Node, args: tuple[Node, ...]) -> Node:
    """The node over other arguments, without its value."""
    new = Node(n.prim, args, n.params, None, n.site)
    new.shape, new.dtype = n.shape, n.dtype
    return new


def closed(
    number: int,
    entries: Sequence[Node],
    outputs: Sequence[Node],
    *,
    known: Sequence[Node] = (),
    names: Mapping[Node, Node] | None = None,
) -> tuple[Graph, list[Node]]:
    """The graph from entries to outputs in the body of this number, and the outer nodes it needs: its first inputs.

    An entry may be any node of the body. `known`: outer nodes that come first, used or not. `names`: other names of
    outer nodes.
    """
    names = {} if names is None else names
    mine = lambda n: state.owner.get(n.index) == number
    order = between(number, entries, outputs)
    needed = [a for n in order for a in n.args] + list(outputs)
    outer = [names.get(a, a) for a in needed if not mine(a) and not _number(a)]
    consts = list(dict.fromkeys([*known, *outer]))
    new = {n: _leaf(n) for n in (*consts, *entries)}

    def find(a: Node) -> Node:
        return new.get(names.get(a, a), a)

    for n in order:
        new[n] = copied(n, tuple(map(find, n.args)))
    inputs = tuple(new[n] for n in (*consts, *entries))
    return Graph(inputs, tuple(map(find, outputs)), name="body"), consts


def between(number: int, entries: Sequence[Node], outputs: Sequence[Node]) -> list[Node]:
    """The nodes of a body that the outputs are computed from, not going beyond the entries."""
    seen: set[Node] = set(entries)
    found: list[Node] = []
    stack = list(outputs)
    while stack:
        n = stack.pop()
        if n not in seen and state.owner.get(n.index) == number:
            seen.add(n)
            found.append(n)
            stack += n.args
    return sorted(found, key=lambda n: n.index)


def _number(n: Node) -> bool:
    return n.prim is CONST and n.origin is None


def _leaf(n: Node) -> Node:
    new = Node(INPUT, (), {}, None)
    new.shape, new.dtype = n.shape, n.dtype
    return new


def replay(graph: Graph, inputs: Sequence[Node]) -> list[Node]:
    """The outputs of a graph, recorded again over other inputs."""
    env = dict(zip(graph.inputs, inputs, strict=True))
    for n in graph.nodes:
        if n in env:
            continue
        if n.prim is CONST:
            env[n] = n if isinstance(n.value, np.ndarray) else constant(n.value)
        else:
            with on_behalf_of(n.site):
                env[n] = record(n.prim, tuple(env[a] for a in n.args), dict(n.params))
    return [env[n] for n in graph.outputs]


def parts(n: Node) -> list[Array]:
    """The parts of a tuple, as values."""
    return [wrap(record(P.item, (n,), {"index": i})) for i in range(len(n.shape))]


def scanned(
    step: Callable[[list[Array], list[Array]], tuple[Sequence[Array], Sequence[Array]]],
    carry: Sequence[Node],
    xs: Sequence[Node],
    length: int,
    reverse: bool,
) -> list[Array]:
    """The parts of a scan node: the last carry, and the stacked outputs. `step(carry, x)` gives (carry, outputs)."""
    with body() as number:
        s = [entry(whole(n)) for n in carry]
        x = [entry(first(n, length, reverse)) for n in xs]
        new, ys = step([wrap(n) for n in s], [wrap(n) for n in x])
        graph, consts = closed(number, [*s, *x], [v.node for v in (*new, *ys)])
    return scan(graph, consts, carry, xs, length, reverse)


def scan(
    graph: Graph, consts: Sequence[Node], carry: Sequence[Node], xs: Sequence[Node], length: int, reverse: bool
) -> list[Array]:
    """The parts of the scan of a body."""
    if not graph.outputs:
        return []
    how = {"body": graph, "consts": len(consts), "carry": len(carry), "length": length, "reverse": reverse}
    return parts(record(P.scan, (*consts, *carry, *xs), how))


def branched(
    pred: Node, on_true: Callable[[], Sequence[Array]], on_false: Callable[[], Sequence[Array]]
) -> list[Array]:
    """The parts of a choice between two functions, which give values of the same kinds."""
    sides = []
    for f in (on_true, on_false):
        with body(branch=True) as number:
            sides.append((number, [v.node for v in f()]))
    for i, j in ((0, 1), (1, 0)):
        with body(branch=True, number=sides[i][0]):
            sides[i] = sides[i][0], [_promoted(n, m.dtype) for n, m in zip(sides[i][1], sides[j][1], strict=True)]
    (yes, yes_out), (no, no_out) = sides
    if not yes_out:
        return []
    operands = closed(no, [], no_out, known=closed(yes, [], yes_out)[1])[1]
    graphs = {
        "on_true": closed(yes, [], yes_out, known=operands)[0],
        "on_false": closed(no, [], no_out, known=operands)[0],
    }
    return parts(record(P.cond, (pred, *operands), graphs))


def _promoted(n: Node, other: np.dtype[Any]) -> Node:
    joint = np.promote_types(n.dtype, other)
    return n if n.dtype == joint else record(P.astype, (n,), {"dtype": joint})


def looped(
    test: Callable[[list[Array]], Array], step: Callable[[list[Array]], Sequence[Array]], start: Sequence[Node]
) -> list[Array]:
    """The parts of the last state of a loop of an unknown number of rounds."""
    made = []
    for f in (lambda s: [test(s)], step):
        with body() as number:
            s = [entry(whole(n)) for n in start]
            made.append(closed(number, s, [v.node for v in f([wrap(n) for n in s])]))
    (asked, test_consts), (stepped, body_consts) = made
    how = {"test": asked, "body": stepped, "test_consts": len(test_consts), "body_consts": len(body_consts)}
    return parts(record(P.while_loop, (*test_consts, *body_consts, *start), how))
