"""Steering nodes pass the examples on; loops and branches go on for all examples at once.

A branch that differs between examples becomes a choice between both sides, entry by entry; a loop whose end differs
goes on until the last example is done, and the others keep their state.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...graph import CONST, Graph
from ...tracer.array import Array, apply, as_array, lift
from ...tracer.body import branched, looped, scanned
from ...tracer.context import on_behalf_of
from .vocabulary import Flags, P, align, batch, count, each, full, move, operand

batch[P.identity] = lambda b, x: x
batch[P.stop_gradient] = lambda b, x: P.stop_gradient(x)
batch[P.item] = lambda b, t, *, index: t[index]
each(P.custom)  # it takes one example and runs out of sight


def _through(graph: Graph, inputs: Sequence[Any], b: Sequence[bool]) -> list[Any]:
    """The outputs of a graph, some of whose inputs are batched."""
    env: dict[Any, Any] = dict(zip(graph.inputs, inputs, strict=True))
    many = dict(zip(graph.inputs, b, strict=True))
    for n in graph.nodes:
        if n in env:
            continue
        args, flags = [env[a] for a in n.args], tuple(many[a] for a in n.args)
        many[n] = any(flags)
        with on_behalf_of(n.site):
            if n.prim is CONST:
                env[n] = operand(n)
            elif n.prim is P.item:
                env[n] = args[0][n.params["index"]]
            elif many[n]:
                env[n] = batch.rule(n)(flags, *args, **n.params)
            else:
                env[n] = apply(n.prim, tuple(args), dict(n.params))
    return [as_array(env[n]) for n in graph.outputs]


def _reached(graph: Graph, b: Sequence[bool]) -> list[bool]:
    """Which outputs depend on an input that is batched."""
    many = dict(zip(graph.inputs, b, strict=True))
    for n in graph.nodes:
        many.setdefault(n, any(many[a] for a in n.args))
    return [many[n] for n in graph.outputs]


def _widened(values: Sequence[Any], b: Sequence[bool], needed: Sequence[bool], n: int) -> list[Any]:
    """The values, where needed one for each of n examples."""
    return [full(v, many, n) if wide else v for v, many, wide in zip(values, b, needed, strict=True)]


def _scan(b: Flags, *args: Any, body: Graph, consts: int, carry: int, length: int, reverse: bool) -> tuple[Any, ...]:
    n, end = count(b, args), consts + carry
    moving = list(b[consts:end])
    while (more := _either(moving, _reached(body, [*b[:consts], *moving, *b[end:]]))) != moving:
        moving = more
    flags = [*b[:consts], *moving, *b[end:]]
    reached = _reached(body, flags)
    wide = [*moving, *reached[carry:]]

    def step(s: list[Array], x: list[Array]) -> tuple[list[Any], list[Any]]:
        out = _widened(_through(body, [*args[:consts], *s, *x], flags), reached, wide, n)
        return out[:carry], out[carry:]

    start = _widened(args[consts:end], b[consts:end], moving, n)
    xs = [move(x, 0, 1) if many else x for x, many in zip(args[end:], b[end:], strict=True)]
    found = scanned(step, [lift(v) for v in start], [lift(x) for x in xs], length, reverse)
    found[carry:] = [move(y, 1, 0) if many else y for y, many in zip(found[carry:], wide[carry:], strict=True)]
    return tuple(_widened(found, wide, [True] * len(wide), n))


def _either(xs: Sequence[bool], ys: Sequence[bool]) -> list[bool]:
    return [x or y for x, y in zip(xs, ys, strict=False)]


def _chosen(pred: Any, yes: Any, no: Any) -> Any:
    """For each example the value of its own side."""
    return P.where(align(pred, True, yes.ndim - 1), yes, no)


def _cond(b: Flags, pred: Any, *operands: Any, on_true: Graph, on_false: Graph) -> tuple[Any, ...]:
    n = count(b, (pred, *operands))

    def side(graph: Graph) -> list[Any]:
        reached = _reached(graph, b[1:])
        return _widened(_through(graph, operands, b[1:]), reached, [True] * len(reached), n)

    if not b[0]:
        return tuple(branched(lift(pred), lambda: side(on_true), lambda: side(on_false)))
    return tuple(_chosen(pred, yes, no) for yes, no in zip(side(on_true), side(on_false), strict=True))


def _while(b: Flags, *args: Any, test: Graph, body: Graph, test_consts: int, body_consts: int) -> tuple[Any, ...]:
    n, end = count(b, args), test_consts + body_consts
    known, fixed = args[:test_consts], args[test_consts:end]
    b_known, b_fixed, moving = b[:test_consts], b[test_consts:end], list(b[end:])
    while True:
        more = _either(moving, _reached(body, [*b_fixed, *moving]))
        apart = _reached(test, [*b_known, *more])[0]
        more = [True] * len(more) if apart else more
        if more == moving:
            break
        moving = more

    def ask(s: list[Array]) -> Any:
        return _through(test, [*known, *s], [*b_known, *moving])[0]

    def step(s: list[Array]) -> list[Any]:
        flags = [*b_fixed, *moving]
        new = _widened(_through(body, [*fixed, *s], flags), _reached(body, flags), moving, n)
        if not apart:
            return new
        going = ask(s)
        return [_chosen(going, v, old) for v, old in zip(new, s, strict=True)]

    goes_on = (lambda s: P.any(ask(s), axis=None, keepdims=False)) if apart else ask
    found = looped(goes_on, step, [lift(v) for v in _widened(args[end:], b[end:], moving, n)])
    return tuple(_widened(found, moving, [True] * len(moving), n))


batch[P.scan] = _scan
batch[P.cond] = _cond
batch[P.while_loop] = _while
