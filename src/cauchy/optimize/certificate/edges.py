"""Whether a problem is differentiable at a point."""

from __future__ import annotations

import weakref
from collections import Counter
from typing import Any

import numpy as np

from ... import ops as P
from ...calculus.kink import Kink, on_edge
from ...errors import CauchyError
from ...graph import Graph, Node, interpret
from ...read.derive import kinks
from ...read.value import value as meaning
from ...tracer import trace
from ..problem import Problem
from .kkt import Point, Vector

BESIDE = 8  # points at which the sides taken are compared with those at x

_smooth: weakref.WeakKeyDictionary[Problem, bool] = weakref.WeakKeyDictionary()


def edges(problem: Problem, point: Point) -> tuple[Kink, ...]:
    """Operations of f and c that sit on an edge at x, if the gradients beside x show that it is a kink."""
    if _smooth.get(problem):
        return ()
    parts = [problem.f] + ([problem.c] if problem.c is not None else [])
    try:
        graphs = [trace(part, point.x) for part in parts]
    except CauchyError:  # derivatives by hand: nothing to look at
        _smooth[problem] = True
        return ()
    _smooth[problem] = not any(
        g.guards or any(n.prim in kinks.at or n.prim.family == "control" for n in g.nodes) for g in graphs
    )
    found = tuple(k for g in graphs for k in on_edge(g))
    if not found:
        return ()
    sizes = np.abs(point.g).max(), np.abs(point.J).max(initial=0.0), abs(point.f)
    for i in range(point.n):
        for side in (-1, 1):
            close, further = (_change(problem, point, i, side * h) for h in (2.0**-30, 2.0**-20))
            # closer by, a jump stays as it is, and what is continuous shrinks: a slope to a thousandth
            if any(a > 0.1 * b and a > 1e-12 * s for a, b, s in zip(close, further, sizes, strict=True)):
                return found
    return ()


def _change(problem: Problem, point: Point, i: int, step: float) -> tuple[float, ...]:
    """How much the gradient, the Jacobian and f change a step along axis i; nothing where they are not finite there."""
    x = point.x.copy()
    x[i] += step * point.lengths[i]
    f, g = problem.value_and_gradient(x)
    changes = np.abs(g - point.g).max(), np.abs(problem.jacobian(x) - point.J).max(initial=0.0), abs(f - point.f)
    return tuple(float(c) if np.isfinite(c) else 0.0 for c in changes)


def bends(problem: Problem, point: Point, active: Vector, tol: float) -> tuple[Kink, ...]:
    """Operations of f and of the active rows that are on an edge at x, or on another side close by.

    Even where the gradients on both sides agree, the Hessian is that of one side only.
    """
    if _smooth.get(problem):
        return ()
    blocks = np.unique(np.repeat(np.arange(len(problem.rows)), problem.sizes)[active[active < point.m]])
    parts = [problem.f] + [lambda x, row=problem.rows[k]: row.fun(problem.wrap(x)) for k in blocks.tolist()]
    try:
        graphs = [trace(part, point.x) for part in parts]
    except CauchyError:  # derivatives by hand: nothing to look at
        return ()
    rng = np.random.default_rng(0)
    steps = rng.uniform(0.5, 1.0, (BESIDE // 2, point.n)) * rng.choice([-1, 1], (BESIDE // 2, point.n))
    places = [point.x + 10 * tol * point.lengths * step for step in (*steps, *-steps)]
    found = [k for g in graphs for k in on_edge(g)]
    return tuple(found or (k for g in graphs for k in _turned(g, point.x, places)))


def _turned(graph: Graph, x: Vector, places: list[Vector]) -> tuple[Kink, ...]:
    """Operations that take another side at one of these places than at x."""
    nodes = [n for n in graph.nodes if n.live and n.prim in kinks.at]
    if not nodes:
        return ()
    here, count = _sides(graph, nodes, x), Counter[tuple[str, Any]]()
    for place in places:
        for n, a, b in zip(nodes, here, _sides(graph, nodes, place), strict=True):
            count[n.prim.name, n.site] = max(count[n.prim.name, n.site], int(np.sum(a != b)))
    return tuple(Kink(name, site, k) for (name, site), k in count.items() if k)


def _sides(graph: Graph, nodes: list[Node], x: Vector) -> list[Any]:
    values = interpret(meaning, graph, [x])
    return [_side(n, *(np.asarray(values[a], np.float64) for a in n.args)) for n in nodes]


def _side(n: Node, a: Vector, *others: Vector) -> Any:
    if n.prim in (P.max, P.min):
        return a == (np.max if n.prim is P.max else np.min)(a, axis=n.params["axis"], keepdims=True)
    return np.array([np.sign(a - b) for b in others]) if others else np.sign(a)
