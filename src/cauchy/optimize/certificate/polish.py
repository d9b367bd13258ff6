"""Polish: Newton's method on the KKT conditions of the active constraints, to the last digits that doubles hold.

From a point near a minimum. In every round the active set is read off anew: a constraint whose multiplier is a larger
part of the gradient than its slack is of its scale (Hintermüller, Ito, Kunisch 2002), an equality, or one that is
violated. Where the KKT matrix is singular the step leaves the flat directions alone and goes the shortest way to the
constraints, so that convergence to degenerate solutions is linear, as Newton's is; from there on with more digits.
What comes back has the smallest residuals met.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..problem import Problem
from ..result import Multipliers
from .flats import stationary
from .kkt import EPS, Curvature, Point, Vector, multipliers, near, residuals

ROUNDS = 60
REACHES = (1e-2, 1e-3, 1e-4, 1e-5)  # constraints further away than this part of their scale are not looked at
ENOUGH = 1e-12
SMALL = 1e-7  # steps below this have to become smaller
LEASH = 0.3  # what is further from the start than this, relative to the lengths, is another point
PATIENCE = 6  # rounds without progress


class _State:
    """A point with the multipliers that fit it best, its residuals and Newton's step from there."""

    __slots__ = ("H", "flat", "kept", "merit", "point", "rest", "step", "strong", "y")

    def __init__(self, problem: Problem, x: Vector, reach: float, y: Vector | None = None) -> None:
        self.point = point = Point(problem, x)
        self.merit, self.flat = np.inf, False
        if not point.finite:
            return
        gaps = point.gaps()
        slack = np.minimum(*gaps)
        self.y = y = multipliers(point, near(point, reach, gaps)) if y is None else y
        self.H = point.hessian(y)
        if not np.isfinite(self.H).all():
            return
        self.rest = rest = residuals(point, y, self.H, gaps, reach, 1e-9)
        self.strong = np.flatnonzero(((rest.part > slack) & (slack <= reach)) | point.equal | (slack < 0))
        self.merit = max(rest.stationarity, rest.dual, rest.complementarity, -float(slack.min(initial=0.0)))
        self.kept = np.zeros(y.size)
        self.kept[self.strong] = y[self.strong]

    def newton(self, damping: float = 0.0) -> Vector:
        point = self.point
        curve = Curvature(point, self.H, self.strong, self.rest.s)
        self.flat = bool((curve.signs == 0).any())
        upper = np.where(point.equal, True, np.where(self.y == 0, point.v > point.high, self.y > 0))
        gap = np.where(upper, point.high, point.low) - point.v
        return curve.newton(point.residual(self.kept), gap[self.strong], self.H, damping)

    def settle(self, x: Vector) -> Vector:
        """x within its bounds, exactly at those that are active."""
        p, m = self.point.problem, self.point.m
        at = self.strong[self.strong >= m] - m
        upper = np.where(self.y[m:] == 0, self.point.x > p.upper, self.y[m:] > 0) | (p.lower == p.upper)
        x[at] = np.where(upper, p.upper, p.lower)[at]
        return np.clip(x, p.lower, p.upper)


def polish(problem: Problem, x: Any, multipliers: Multipliers | None = None) -> tuple[Vector, Multipliers]:
    """A better KKT point beside x, and its multipliers; x itself (within its bounds) where Newton's method finds none.

    x: shape (n,), float64, near a solution; multipliers: those of a solver, used to guess which constraints are
    active, else they are computed. Returns x of shape (n,), its active bounds held exactly, and `Multipliers`.
    No guarantee: `certify` tells what was reached.

    >>> import numpy as np
    >>> from cauchy.optimize.problem import problem
    >>> p = problem(lambda x: x[0] ** 4 + (x[1] - 1) ** 2, [1.0, 1.0], bounds=[(0.5, None), (None, None)])
    >>> x, found = polish(p, np.array([0.5001, 1.0002]))
    >>> x, found.bounds
    (array([0.5, 1. ]), array([-0.5,  0. ]))
    """
    with np.errstate(all="ignore"):
        return _polish(problem, np.clip(np.asarray(x, dtype=np.float64), problem.lower, problem.upper), multipliers)


def _polish(problem: Problem, x: Vector, given: Multipliers | None) -> tuple[Vector, Multipliers]:
    start = None if given is None else np.concatenate((given.constraints, given.bounds))
    best = _State(problem, x, REACHES[0], start)
    for reach in REACHES if np.isfinite(best.merit) else ():
        found = _run(problem, best if reach == REACHES[0] else _State(problem, x, reach), x, reach)
        if found.merit < best.merit:
            best = found
        if best.merit <= ENOUGH:
            break
    best = _sharper(problem, best)
    y = best.y if best.merit < np.inf else np.zeros(problem.m + problem.n)
    return best.point.x, Multipliers(y[: problem.m], y[problem.m :])


def _run(problem: Problem, state: _State, x: Vector, reach: float) -> _State:
    best, last, worse = state, np.inf, 0
    for _ in range(ROUNDS):
        t = state.point.lengths
        step = state.newton()
        size = float(np.abs(step / t).max())
        if size > LEASH:
            step = state.newton(state.merit)
            size = float(np.abs(step / t).max())
        if not EPS / 2 < size < LEASH or (size < SMALL and size > 0.9 * last):
            break
        state = _State(problem, state.settle(state.point.x + step), min(reach, max(10 * size, 1e-6)))
        if not np.isfinite(state.merit) or np.abs((state.point.x - x) / t).max() > LEASH:
            break
        # another active set may be worse before it is better, and close to the end rounding decides
        worse = 0 if state.merit < best.merit else worse + 1
        if state.merit <= best.merit or (size < SMALL and state.merit <= 1e-15):
            best = state
        if worse > PATIENCE:
            break
        last = size
    return best


def _sharper(problem: Problem, state: _State) -> _State:
    """Where curvature is lost in rounding, Newton's method in eighty digits."""
    if not (state.flat and state.merit <= SMALL):
        return state
    x = stationary(state.point, state.y, state.strong)
    found = state if x is None else _State(problem, state.settle(x), REACHES[-1])
    return found if found.merit <= max(state.merit, ENOUGH) else state
