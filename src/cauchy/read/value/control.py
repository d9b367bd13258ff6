"""Steering nodes pass values on; loops and branches run the graphs they hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ... import ops as P
from ...graph import CONST, Graph, Node


def program(graph: Graph) -> Callable[..., list[Any]]:
    """The graph as a function of its inputs. Made once for each graph: a loop calls it in every round."""
    found = graph.__dict__.get("_program")
    if found is None:
        found = _program(graph)
        object.__setattr__(graph, "_program", found)  # the graph is frozen; this is no part of what it says
    return found


def _program(graph: Graph) -> Callable[..., list[Any]]:
    """One Python statement for each node, since looking each up in tables takes as long as a small operation."""
    from . import value

    name = {n: f"v{i}" for n, i in graph.number().items()}
    space: dict[str, Any] = {}
    lines = []
    for n, v in name.items():
        if n in graph.inputs:
            continue
        if n.prim is CONST:
            space[v] = n.value if n.origin is None else n.origin
            continue
        space[f"f{v}"] = value.rule(n)
        params = [f"{k}=p{v}_{k}" for k in n.params]
        space |= {f"p{v}_{k}": x for k, x in n.params.items()}
        lines.append(f"    {v} = f{v}({', '.join([name[a] for a in n.args] + params)})\n")
    result = f"    return [{', '.join(name[n] for n in graph.outputs)}]\n"
    text = f"def step({', '.join(name[n] for n in graph.inputs)}):\n{''.join(lines)}{result}"
    exec(compile(text, "<body of a loop>", "exec"), space)
    return space["step"]


def scan(*args: Any, body: Graph, consts: int, carry: int, length: int, reverse: bool) -> tuple[Any, ...]:
    step = program(body)
    fixed, state, xs = args[:consts], list(args[consts : consts + carry]), args[consts + carry :]
    ys = [np.empty((length, *n.shape), n.dtype) for n in body.outputs[carry:]] if not length else []
    for t in range(length - 1, -1, -1) if reverse else range(length):
        out = step(*fixed, *state, *[x[t] for x in xs])
        state = out[:carry]
        ys = ys or [np.empty((length, *np.shape(v)), np.asarray(v).dtype) for v in out[carry:]]
        for y, v in zip(ys, out[carry:], strict=True):
            y[t] = v
    return (*state, *ys)


def cond(pred: Any, *operands: Any, on_true: Graph, on_false: Graph) -> tuple[Any, ...]:
    return tuple(program(on_true if pred else on_false)(*operands))


def while_loop(*args: Any, test: Graph, body: Graph, test_consts: int, body_consts: int) -> tuple[Any, ...]:
    asked, step = program(test), program(body)
    known, fixed = args[:test_consts], args[test_consts : test_consts + body_consts]
    state: Sequence[Any] = args[test_consts + body_consts :]
    while asked(*known, *state)[0]:
        state = step(*fixed, *state)
    return tuple(state)


def rounds(n: Node, args: Sequence[Any]) -> Iterator[tuple[Graph, list[Any]]]:
    """What a loop or branch runs at these arguments: each body and its inputs, round by round."""
    p = n.params
    if n.prim is P.cond:
        yield p["on_true" if args[0] else "on_false"], list(args[1:])
    elif n.prim is P.scan:
        i, j = p["consts"], p["consts"] + p["carry"]
        state = list(args[i:j])
        for t in range(p["length"] - 1, -1, -1) if p["reverse"] else range(p["length"]):
            inputs = [*args[:i], *state, *(x[t] for x in args[j:])]
            yield p["body"], inputs
            state = program(p["body"])(*inputs)[: p["carry"]]
    else:
        i, j = p["test_consts"], p["test_consts"] + p["body_consts"]
        state = list(args[j:])
        while program(p["test"])(*args[:i], *state)[0]:
            yield p["test"], [*args[:i], *state]
            yield p["body"], [*args[i:j], *state]
            state = program(p["body"])(*args[i:j], *state)


rules = {
    P.identity: lambda x: x,
    P.stop_gradient: lambda x: x,
    P.item: lambda t, *, index: t[index],
    P.custom: lambda *xs, fn: fn(*xs),
    P.scan: scan,
    P.cond: cond,
    P.while_loop: while_loop,
}
