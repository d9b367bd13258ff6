"""Mistakes made on purpose: the graph of f differentiated with one operation treated wrongly.

A change at a node keeps its value and replaces its derivative: held(y) + m (u - held(u)) is y with slope m in u, where
`held` stops derivatives. So any wrong rule, any forgotten term, any broken chain is again a derivative of a graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ... import ops as P
from ...errors import CauchyError
from ...graph import CONST, Graph, Node
from ...read.value import value
from ..differentiate import derivative, grad, hessian, jacobian
from ..differentiate import stop_gradient as held

LARGEST = 80  # nodes of f, for the mistakes that each of them allows
Change = Callable[[Any, Sequence[Any], Any], Any]  # (y, arguments, x) -> y with another derivative
Mistake = tuple[str, dict[str, Any], dict[int, Change]]

LINEAR = (P.add, P.subtract, P.multiply, P.divide, P.negative)

# name of the mistake, slope by which the operation was differentiated: m(y, *args)
SLOPES: dict[Any, list[tuple[str, Callable[..., Any]]]] = {
    P.sin: [("sin_cos", lambda y, u: y), ("slope_sign", lambda y, u: -np.cos(u))],
    P.cos: [("sin_cos", lambda y, u: -y), ("sin_cos", lambda y, u: y), ("slope_sign", lambda y, u: np.sin(u))],
    P.tanh: [("of_input", lambda y, u: 1 - u**2), ("square_missing", lambda y, u: 1 - y)],
    P.exp: [("slope_sign", lambda y, u: -y)],
    P.log: [("slope_sign", lambda y, u: -1 / u)],
    P.log10: [("log_base", lambda y, u: 1 / u)],
    P.log2: [("log_base", lambda y, u: 1 / u)],
    P.sqrt: [("root_half", lambda y, u: 1 / y)],
    P.reciprocal: [("slope_sign", lambda y, u: y * y)],
    P.square: [("power_factor", lambda y, u: u), ("power_kept", lambda y, u: 2 * u * u)],
    P.power: [("power_factor", lambda y, u, p: u ** (p - 1)), ("power_kept", lambda y, u, p: p * u**p)],
    P.absolute: [("abs_one", lambda y, u: np.ones_like(u))],
}  # fmt: skip


def place(n: Node) -> str:
    return f"`{n.prim}`" + (f" ({n.site})" if n.site else "")


def run(graph: Graph, x: Any, changes: dict[int, Change]) -> Any:
    """The value of the graph at x with some derivatives changed."""
    env: dict[Node, Any] = {graph.inputs[0]: x}
    for k, n in enumerate(graph.nodes):
        if n in env:
            continue
        if n.prim is CONST:
            env[n] = n.value if n.origin is None else n.origin
            continue
        args = [env[a] for a in n.args]
        env[n] = value.rule(n)(*args, **n.params)
        if k in changes:
            env[n] = changes[k](env[n], args, x)
    return env[graph.outputs[0]]


def derivatives(
    graphs: Sequence[Graph], points: np.ndarray, kind: str
) -> Iterator[tuple[str, dict[str, Any], Callable[[int], np.ndarray | None]]]:
    """Every mistake with the derivative it gives at point k. The graphs are f at the points; all must have one form."""
    if not graphs or len({tuple(n.prim for n in g.nodes) for g in graphs}) != 1:
        return
    how = {"gradient": grad, "elementwise": derivative, "hessian": hessian}.get(kind, jacobian)
    for name, fields, changes in mistakes(graphs[0]):

        def guess(k: int, changes: dict[int, Change] = changes) -> np.ndarray | None:
            try:
                return np.asarray(how(lambda t: run(graphs[k], t, changes))(points[k][()]), dtype=float)
            except (CauchyError, ArithmeticError, ValueError, TypeError):  # a change that makes no sense here
                return None

        yield name, fields, guess


def slopes(graphs: Sequence[Graph], points: np.ndarray, true: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """For f of one number: du/dx at the points, for each inner function u, that is, each part that goes into a
    nonlinear one."""
    if not graphs or points.ndim != 1 or true.ndim != 1 or len({tuple(n.prim for n in g.nodes) for g in graphs}) != 1:
        return
    graph = graphs[0]
    inside = {
        a for n in graph.nodes if n.prim.family in ("elementary", "special") and n.prim not in LINEAR for a in n.args
    }
    for k, n in enumerate(graph.nodes):
        if n in inside and n.live and n not in graph.inputs and n.shape == () and n.dtype.kind == "f":
            parts = [Graph(g.inputs, (g.nodes[k],)) for g in graphs]
            try:
                found = [float(derivative(lambda t, g=g: g.run(t))(x)) for g, x in zip(parts, points, strict=True)]
            except CauchyError:
                continue
            yield place(n), np.array(found)


def mistakes(graph: Graph) -> Iterator[Mistake]:
    """The changes, likeliest first."""
    at = graph.number()
    live = [n for n in graph.nodes if n.live and n not in graph.inputs and n.prim.outputs == 1 and n.dtype.kind == "f"]
    inner = [n for n in live if n not in graph.outputs]
    yield from _terms(live, at)
    if len(graph.nodes) > LARGEST:
        return
    for n in live:
        if n.prim in SLOPES and n.args[0].live and not any(a.live for a in n.args[1:]):
            for name, m in SLOPES[n.prim]:
                yield name, {"place": place(n)}, {at[n]: _sloped(m)}
    nonlinear = [n for n in live if n.prim not in LINEAR]
    for n in inner:
        if n.shape == graph.inputs[0].shape and any(n in user.args for user in nonlinear):
            yield "inner", {"inner": place(n)}, {at[n]: lambda y, args, x: held(y) + (x - held(x))}
    for n in live:
        if n.prim in (P.multiply, P.divide, P.matmul) and all(a.live for a in n.args):
            yield "product", {"place": place(n)}, {at[n]: _only(n, 0)}
            yield "product", {"place": place(n)}, {at[n]: _only(n, 1)}
        if n.prim in (P.subtract, P.divide) and n.args[1].live:
            yield "minus_lost", {"place": place(n)}, {at[n]: _minus_lost(n)}
    for n in inner:
        yield "dropped", {"place": place(n)}, {at[n]: lambda y, args, x: held(y)}


def _sloped(m: Callable[..., Any]) -> Change:
    return lambda y, args, x: held(y) + m(held(y), *map(held, args)) * (args[0] - held(args[0]))


def _only(n: Node, which: int) -> Change:
    return lambda y, args, x: n.prim(*(a if i == which else held(a) for i, a in enumerate(args)))


def _minus_lost(n: Node) -> Change:
    return lambda y, args, x: n.prim(args[0], held(args[1])) - (n.prim(held(args[0]), args[1]) - held(y))


def _terms(live: list[Node], at: dict[Node, int]) -> Iterator[Mistake]:
    """Of the terms of a sum, only the last, or only the first, counts."""

    def terms(n: Node) -> list[Node]:
        return [t for a in n.args for t in terms(a)] if n.prim is P.add else [n] if n.live else []

    added = {a for n in live if n.prim is P.add for a in n.args}
    for n in live:
        parts = list(dict.fromkeys(terms(n))) if n.prim is P.add and n not in added else []
        if len(parts) > 2:
            for name, kept in (("last_only", parts[-1]), ("first_only", parts[0])):
                rest: dict[int, Change] = {at[t]: lambda y, args, x: held(y) for t in parts if t is not kept}
                yield name, {"place": place(n), "count": len(parts)}, rest
        if n.prim is P.sum and n.args[0].live and n.args[0] in at and n.args[0].shape[:1] > (1,):
            count = n.args[0].shape[0]
            for name, i in (("last_only", count - 1), ("first_only", 0)):
                mask = (np.arange(count) == i).reshape(-1, *[1] * (len(n.args[0].shape) - 1))
                for times in (1.0, count):  # the mean is a sum divided later
                    one: Change = lambda y, args, x, w=mask * times: held(y) + w * (y - held(y))
                    yield name, {"place": place(n), "count": count}, {at[n.args[0]]: one}
