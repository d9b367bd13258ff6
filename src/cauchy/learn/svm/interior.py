"""The hinge problem of tall data by a structured interior point: every system solved is (d+1) x (d+1).

    primal  min  |w|^2/2 - h'(w, b) + sum_i c_i xi_i     with  y_i (w'x_i + b) >= 1 - xi_i,  xi_i >= 0
    dual    max  sum_i a_i - |h_w + sum_i a_i y_i x_i|^2/2   with  sum_i a_i y_i = -h_b,  0 <= a_i <= c_i

h is the pull of points that are known to violate their margin (`sift` fixes them there); c = inf is the hard margin,
without xi. One Newton step eliminates everything but (w, b), and leaves I + X' D X with D diagonal (Woodbury).
References: Mehrotra (1992); Ferris and Munson (2002), "Interior-point methods for massive support vector machines".
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.linalg import LinAlgError, cho_solve, cholesky

ROWS = 1024  # of a block: it and its scaled copy stay in the second-level cache
MOST = 200  # iterations; 10 to 30 are usual


@dataclass
class Point:
    """A primal and dual point: w and b in one vector (d+1,), the multipliers a (n,)."""

    wb: np.ndarray
    a: np.ndarray
    history: list[tuple[float, float, float]] = field(default_factory=list)  # primal, dual, and what `third` names
    third: str = "measure"  # of the barrier; "band": how many samples the round saw
    separable: bool = True  # False: the hard margin has no feasible point as far as doubles can tell


def normal_matrix(X: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """X' diag(weights) X for weights >= 0, in blocks of rows that stay in cache."""
    n, d = X.shape
    total = np.zeros((d, d))
    root = np.sqrt(weights)[:, None]
    buffer = np.empty((min(n, ROWS), d))
    for k in range(0, n, ROWS):
        block = X[k : k + ROWS]
        scaled = np.multiply(block, root[k : k + ROWS], out=buffer[: len(block)])
        total += scaled.T @ scaled  # NumPy hands this to syrk
    return total


def _factor(M: np.ndarray) -> np.ndarray:
    """The Cholesky factor, of M plus as little of the identity as it takes."""
    shift = 0.0
    size = float(np.max(np.diag(M)))
    while True:
        try:
            return cholesky(M + shift * np.eye(len(M)) if shift else M, lower=True, check_finite=False)
        except LinAlgError:
            shift = max(1e-15 * size, 100 * shift)
            if not shift < size:
                raise


_Now = tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray] | None]  # a, s, and (beta, xi) of a soft margin


def _direction(system: tuple[np.ndarray, ...], now: _Now, r_s: np.ndarray, r_x: np.ndarray) -> tuple[np.ndarray, ...]:
    """The Newton step that makes a s what it is plus r_s, and beta xi plus r_x, to first order."""
    X, y, L, theta, r_w, r_p = system
    a, s, soft = now
    t = r_p + r_s / a
    if soft is not None:
        t -= r_x / soft[0]
    dwb = cho_solve((L, True), X.T @ (y * (theta * t)) + r_w, check_finite=False)
    df = X @ dwb
    da = theta * (t - y * df)
    dxi = 0.0 * s if soft is None else (r_x + soft[1] * da) / soft[0]
    return dwb, df, da, (r_s - s * da) / a, dxi


def _longest(now: _Now, da: np.ndarray, ds: np.ndarray, dxi: np.ndarray, part: float) -> float:
    """`part` of the way to where something becomes zero, at most 1."""
    a, s, soft = now
    worst = max(float((-da / a).max()), float((-ds / s).max()))
    if soft is not None:
        worst = max(worst, float((da / soft[0]).max()), float((-dxi / soft[1]).max()))
    return 1.0 if worst <= part else part / worst


def interior(
    X: np.ndarray, y: np.ndarray, c: np.ndarray, ridge: np.ndarray, tol: float,
    h: np.ndarray | None = None, constant: float = 0.0,
) -> Point:  # fmt: skip
    """Solve to a relative gap of `tol`. X (n, d) is dense; y is +-1; c is finite, or inf everywhere.

    Entries of w where `ridge` is 0 are not penalized: that of a last column of ones is the intercept. `constant` is
    what the objective is without h, so that the gap can be relative to all of it.

    Stops as well where steps no longer lower the gap: what was reached is for the caller to measure.
    """
    n, d = X.shape
    hard = bool(np.isinf(c[0]))
    h = np.zeros(d) if h is None else h
    wb, f = np.zeros(d), np.zeros(n)
    if hard:
        a, s = np.ones(n), np.ones(n)
        beta, xi = np.full(n, np.inf), np.zeros(n)
    else:
        a, beta = c / 2, c / 2
        s, xi = np.full(n, 0.5), np.full(n, 1.5)
    count = n if hard else 2 * n
    point = Point(wb, a)
    least, stalled = (np.inf, np.inf, np.inf), 0
    for _ in range(MOST):
        r_w = h + X.T @ (y * a) - ridge * wb
        r_p = 1.0 - y * f - xi + s
        r_p[np.abs(r_p) <= 4e-16 * (1.0 + np.abs(f) + s + xi)] = 0.0  # rounding; dearer than it is worth near the end
        mu = (a @ s + (0.0 if hard else beta @ xi)) / count
        # the measured gap: hinge losses at (w, b), multipliers as they are
        quad = float(wb @ (ridge * wb)) / 2
        slack = np.maximum(1.0 - y * f, 0.0)
        loss = 0.0 if hard else float(c @ slack)
        primal = quad - float(h @ wb) + loss + constant
        v = r_w + ridge * wb
        dual = float(a.sum()) - float(v @ (ridge * v)) / 2 + constant
        point.history.append((primal, dual, float(mu)))
        off = max(float(np.abs(r_w).max()), float(np.abs(r_p).max()))
        left = count * mu + off * (1.0 + float(a.max() if hard else 0.0))
        if not np.isfinite(left):
            break
        gap = left / abs(primal) if abs(primal) > 1e-200 * left else np.inf
        if gap <= least[1]:
            point.wb, point.a = wb, a  # rounding ends the way, and the best is kept
        stalled = 0 if left < 0.9 * least[0] or gap < 0.9 * least[1] or off < 0.9 * least[2] else stalled + 1
        least = min(left, least[0]), min(gap, least[1]), min(off, least[2])
        if gap <= tol or count * mu <= 1e-17 * abs(primal) or stalled > 10:
            break
        if hard and a.sum() > 1e4 and np.linalg.norm(X.T @ (y * a)) <= 1e-9 * a.sum():
            point.wb, point.a, point.separable = wb, a, False
            break
        theta = a / s if hard else 1.0 / (s / a + xi / beta)
        M = normal_matrix(X, theta)
        M[np.diag_indices(d)] += ridge
        try:
            L = _factor(M)
        except LinAlgError:
            break
        zero = np.zeros(n)
        system, now = (X, y, L, theta, r_w, r_p), (a, s, None if hard else (beta, xi))
        dwb, df, da, ds, dxi = _direction(system, now, -a * s, zero if hard else -beta * xi)
        step = _longest(now, da, ds, dxi, 1.0)
        after = (a + step * da) @ (s + step * ds)
        if not hard:
            after += (beta - step * da) @ (xi + step * dxi)
        target = (after / count / mu) ** 3 * mu
        dwb, df, da, ds, dxi = _direction(
            system, now, target - a * s - da * ds, zero if hard else target - beta * xi + da * dxi
        )
        step = _longest(now, da, ds, dxi, min(max(0.99, 1.0 - mu), 1.0 - 1e-9))
        wb = wb + step * dwb
        f = f + step * df
        a, s = a + step * da, s + step * ds
        if not hard:
            beta, xi = beta - step * da, xi + step * dxi
    return point


def sift(X: np.ndarray, y: np.ndarray, c: np.ndarray, ridge: np.ndarray, tol: float) -> Point:
    """`interior` for many rows: solved for the few points near their margin, while all others stay at 0 or c.

    A sample tells roughly where the margin runs. Points far inside it get a = c and pull by h, points far outside get
    a = 0; a round solves for the rest, and points that turn out on the wrong side join it. Ends when the gap *over all
    points* is small enough, in full solves where that takes too long. The idea is that of column generation; see
    Joachims (1999), "Making large-scale SVM learning practical".
    """
    n, d = X.shape
    few = max(1000, 20 * d, n // 20)
    hard = bool(np.isinf(c[0]))
    if n < 4 * few:
        return interior(X, y, c, ridge, tol)
    # the same classes in the same shares; solved in the same way, to the accuracy that a sample is worth
    order = np.random.default_rng(0).permutation(n)
    part = np.concatenate([order[y[order] == side][::4] for side in (-1.0, 1.0)])
    sample = sift(X[part], y[part], 4 * c[part], ridge, 1e-3)
    wb, history = sample.wb, []
    if not sample.separable:  # nor are all points, then
        return Point(wb, np.bincount(part, sample.a, n), history, "band", separable=False)
    margin = y * (X @ wb) - 1.0
    must = np.zeros(0, int)
    for attempt in range(12):
        size = few << max(attempt - 4, 0)
        if 2 * size > n:
            break
        distance = margin.copy() if hard else np.abs(margin)
        distance[must] = -np.inf
        size = min(size + len(must), n - 1)
        band = np.argpartition(distance, size)[:size]
        outside = np.ones(n, bool)
        outside[band] = False
        a = np.zeros(n)
        h = None
        if not hard:
            inside = np.flatnonzero(outside & (margin < 0))
            a[inside] = c[inside]
            h = X.T @ (y * a)
        point = interior(X[band], y[band], c[band], ridge, tol / 4, h, float(a.sum()))
        a[band] = point.a
        if not point.separable:
            return Point(point.wb, a, history, "band", separable=False)
        now = y * (X @ point.wb) - 1.0
        v = X.T @ (y * a)
        primal = float(point.wb @ (ridge * point.wb)) / 2 + (0.0 if hard else float(c @ np.maximum(-now, 0.0)))
        dual = float(a.sum()) - float(v @ (ridge * v)) / 2
        history.append((primal, dual, float(len(band))))
        if (not hard and primal - dual <= tol * primal) or (hard and now.min() > -tol):
            return Point(point.wb, a, history, "band")
        if hard:
            must, wb, margin = np.flatnonzero(outside & (now < 0)), point.wb, now
        else:
            t = _line_search(wb, point.wb, margin, now, c, ridge)
            wb, margin = wb + t * (point.wb - wb), margin + t * (now - margin)
    return interior(X, y, c, ridge, tol)


def _line_search(
    old: np.ndarray, new: np.ndarray, margin: np.ndarray, now: np.ndarray, c: np.ndarray, ridge: np.ndarray
) -> float:
    """The t in [0, 1] where the objective is least on the way from old to new: its slope is increasing."""
    step, change = ridge * (new - old), now - margin
    low, high = 0.0, 1.0
    slope = lambda t: float((old + t * (new - old)) @ step) - float(c @ np.where(margin + t * change < 0, change, 0.0))
    if slope(1.0) <= 0:
        return 1.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (low, middle) if slope(middle) > 0 else (middle, high)
    return low
