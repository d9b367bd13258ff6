"""Whether a problem is differentiable at a point."""

from __future__ import annotations

import weakref

import numpy as np

from ...calculus.kink import Kink, on_edge
from ...errors import CauchyError
from ...read.derive import kinks
from ...tracer import trace
from ..problem import Problem
from .kkt import Point

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
