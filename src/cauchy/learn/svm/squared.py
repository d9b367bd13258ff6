"""The squared hinge by Newton's method: w'w/2 + sum_i c_i max(0, 1 - y_i f_i)^2 is smooth, piecewise quadratic.

References: Mangasarian (2002), "A finite Newton method for classification"; Keerthi and DeCoste (2005).
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import cho_solve

from .interior import Point, _factor, normal_matrix


def newton(X: np.ndarray, y: np.ndarray, c: np.ndarray, ridge: np.ndarray, tol: float) -> Point:
    """The minimum, and its multipliers a_i = 2 c_i max(0, 1 - y_i f_i); arguments as of `interior`, c finite.

    Once the set of points inside the margin is the right one, a step is exact: it ends after finitely many.
    """
    n, d = X.shape
    wb, margin = np.zeros(d), -np.ones(n)
    history = []
    for _ in range(200):
        inside = margin < 0
        a = np.where(inside, -2 * c * margin, 0.0)
        gradient = ridge * wb - X.T @ (y * a)
        primal = float(wb @ (ridge * wb)) / 2 + float(c @ np.where(inside, margin * margin, 0.0))
        scale = float(np.abs(X).max(initial=1.0)) * float(a.sum()) + 1.0
        history.append((primal, float(np.abs(gradient).max()), float(inside.sum())))
        if np.abs(gradient).max() <= 1e-15 * scale:
            break
        here = np.flatnonzero(inside)
        M = normal_matrix(X[here], 2 * c[here])
        M[np.diag_indices(d)] += ridge
        step = cho_solve((_factor(M), True), -gradient, check_finite=False)
        change = y * (X @ step)
        t = _line_search(wb, step, margin, change, c, ridge)
        if t == 0.0 or (len(history) > 2 and history[-2][0] - primal <= 0.01 * tol * primal and t == 1.0):
            break
        wb, margin = wb + t * step, y * (X @ (wb + t * step)) - 1.0
    return Point(wb, np.where(margin < 0, -2 * c * margin, 0.0), history)


def _line_search(
    wb: np.ndarray, step: np.ndarray, margin: np.ndarray, change: np.ndarray, c: np.ndarray, ridge: np.ndarray
) -> float:
    """1 where the objective still falls there or nearly so, else the zero of its slope by bisection."""

    def slope(t: float) -> float:
        loss = np.minimum(margin + t * change, 0.0)
        return float((wb + t * step) @ (ridge * step)) + 2 * float(c @ (loss * change))

    first = slope(0.0)
    if first >= 0:
        return 0.0
    if slope(1.0) <= -0.1 * first:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (low, middle) if slope(middle) > 0 else (middle, high)
    return (low + high) / 2
