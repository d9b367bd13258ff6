"""The least value of a function over a whole box, not only around a start.

Where f is convex on the box (proved) a local minimum is it; where f is concave, a corner is. Else boxes are split, and
those dropped whose lower bound, from intervals or from tangents where f is convex, is above the best value found (R. E.
Moore, "Interval analysis", 1966; H. Ratschek, J. Rokne, "New computer methods for global optimization", 1988).
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy.optimize import minimize as local

from ..convexity.analysis import Analysis, curved
from ..convexity.composition import CONCAVE, CONVEX

MOST_CORNERS = 12  # dimensions whose corners are visited
MOST_BOXES = 2000
SPLIT = 3  # dimensions in which boxes are split


class Least(NamedTuple):
    """x, f(x), a lower bound of f over the box, and what it rests on: "convex" (where the box is unbounded, up to the
    tolerance of the local search), "corners", "boxes", or "search": the value is that of a local search, and may be
    above the least one, but the bound holds (-inf where none is known)."""

    x: np.ndarray
    value: float
    bound: float
    how: Literal["convex", "corners", "boxes", "search"]


Slope = Callable[[np.ndarray], tuple[float, np.ndarray]]


class Filter(NamedTuple):
    """Constraints: may a box hold feasible points, and is this one feasible?"""

    may: Callable[[np.ndarray, np.ndarray], bool]
    feasible: Callable[[np.ndarray], bool]


FREE = Filter(lambda a, b: True, lambda x: True)


def least(
    graph: Analysis | None,
    second: Analysis | None,
    slope: Slope,
    lower: np.ndarray,
    upper: np.ndarray,
    start: np.ndarray,
    tol: float = 1e-9,
    until: float = np.inf,
) -> Least:
    """The least value over the box. `slope(x)`: f and its gradient; `second`: its Hessian, where f is smooth.

    `until`: the reading of `time.perf_counter` at which boxes are no longer split.
    """
    best = _descend(slope, lower, upper, start)
    if graph is None or graph.guard is not None:
        return best
    bits, _ = _known(graph, second, lower, upper)
    if bits & CONVEX:
        return best._replace(bound=_tangent(slope, best.x, lower, upper), how="convex")
    finite = bool(np.isfinite(lower).all() and np.isfinite(upper).all())
    if finite and bits & CONCAVE and lower.size <= MOST_CORNERS:
        corners = _corners(slope, lower, upper)
        return best if corners is None else corners
    if not finite or lower.size > SPLIT:
        return best
    return split(graph, second, slope, lower, upper, best, FREE, tol, until)


def _descend(slope: Slope, lower: np.ndarray, upper: np.ndarray, start: np.ndarray, starts: int = 3) -> Least:
    """L-BFGS-B from the start and from a few other points."""
    inside = np.clip(start, lower, upper)
    width = np.where(np.isfinite(upper - lower), upper - lower, 2.0)
    base = np.where(np.isfinite(lower), lower, np.where(np.isfinite(upper), upper - width, inside - width / 2))
    best = Least(inside, float(slope(inside)[0]), -np.inf, "search")
    for x0 in (inside, base + 0.25 * width, base + 0.75 * width)[:starts]:
        found = local(
            slope, x0, jac=True, method="L-BFGS-B", bounds=list(zip(lower, upper, strict=True)),
            options={"ftol": 1e-16, "gtol": 1e-12, "maxiter": 500},
        )  # fmt: skip
        x = np.clip(found.x, lower, upper)
        value = float(slope(x)[0])
        if value < best.value or not np.isfinite(best.value):
            best = Least(x, value, -np.inf, "search")
    return best


def _tangent(slope: Slope, x: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> float:
    """What the tangent at x of a convex function says about the box: f(x) + min g'(y - x)."""
    f, g = slope(x)
    g = np.asarray(g, np.float64)
    reach = np.where(g > 0, lower - x, upper - x)
    drop = np.where(np.abs(g) <= 1e-7 * (1 + abs(f)), np.where(np.isfinite(reach), g * reach, 0.0), g * reach)
    return float(f + drop.sum())


def _corners(slope: Slope, lower: np.ndarray, upper: np.ndarray) -> Least | None:
    """The least corner of a concave function, if it has a value at each."""
    corners = [np.array(c) for c in itertools.product(*zip(lower, upper, strict=True))]
    values = [float(slope(c)[0]) for c in corners]
    if not np.isfinite(values).all():
        return None
    k = int(np.argmin(values))
    return Least(corners[k], values[k], values[k], "corners")


def split(
    graph: Analysis,
    second: Analysis | None,
    slope: Slope,
    lower: np.ndarray,
    upper: np.ndarray,
    best: Least,
    only: Filter = FREE,
    tol: float = 1e-9,
    until: float = np.inf,
) -> Least:
    """The least value over the feasible part of a finite box; `best`: a feasible point, or one of value inf.

    `how` is "search" where boxes or time ran out.
    """
    heap: list[tuple[float, int, Any, Any]] = [(-np.inf, 0, lower, upper)]
    count = itertools.count(1)
    for _ in range(MOST_BOXES):
        if time.perf_counter() > until:
            break
        if not heap:
            return best._replace(bound=best.value, how="boxes")
        bound, _, low, high = heapq.heappop(heap)
        if bound >= best.value - tol * max(1.0, abs(best.value)):
            return best._replace(bound=min(bound, best.value), how="boxes")
        i = int((high - low).argmax())
        for side in range(2):
            a, b = low.copy(), high.copy()
            (b if side == 0 else a)[i] = (low[i] + high[i]) / 2
            if not only.may(a, b):
                continue
            candidates, below = _bounded(graph, second, slope, a, b)
            for here in candidates:
                if here.value < best.value and only.feasible(here.x):
                    best = here
            heapq.heappush(heap, (max(below, bound), next(count), a, b))
    return best._replace(bound=min(heap[0][0] if heap else best.value, best.value), how="search")


def _known(graph: Analysis, second: Analysis | None, a: np.ndarray, b: np.ndarray) -> tuple[int, float]:
    """Bits and a lower bound over a box."""
    fact = graph.over(a, b)
    bits = int(np.bitwise_and.reduce(fact.bits, axis=None)) & (CONVEX | CONCAVE)
    if not bits and second is not None and graph.regular:
        bits = curved(second, a, b)
    return bits, float(fact.low.min())


def _bounded(
    graph: Analysis, second: Analysis | None, slope: Slope, a: np.ndarray, b: np.ndarray
) -> tuple[list[Least], float]:
    """Points of a box and a lower bound over it."""
    bits, below = _known(graph, second, a, b)
    at = lambda x: Least(x, float(slope(x)[0]), -np.inf, "search")
    if bits & CONCAVE:
        corners = _corners(slope, a, b)
        return ([at((a + b) / 2)], below) if corners is None else ([corners], max(below, corners.value))
    if bits & CONVEX:
        here = _descend(slope, a, b, (a + b) / 2, 1)
        return [here, at((a + b) / 2)], max(below, _tangent(slope, here.x, a, b))
    return [at((a + b) / 2)], below
