"""The Karush-Kuhn-Tucker conditions at a point: multipliers, residuals, curvature, Newton's step. Dense linear algebra.

Constraints and bounds are one list of rows here: v(x) = (c(x), x) between low = (cl, lower) and high = (cu, upper),
with multipliers y = (lam, z); the stationarity residual is grad f + V'y, V = (J; I).

Scales. Lengths t_i = max(1, |x_i|), or the width of the box where that is less. A row's scale is what it changes over
the lengths, |V| t. The scale of entry i of the gradient is s_i = |g_i| + sum_j |lam_j J_ji| + (|H| t)_i with H the
Hessian of the Lagrangian: what the terms of the residual are, and what they change over the lengths. So residuals
|r_i| / s_i stay as they are when f or a constraint is multiplied by a number, and so they do
when variables are, except that lengths below 1 count as 1. Gradients relative to 1, as they are often measured,
make a stationary point of exp(-x) at x = 21.

References: R. Fletcher, "Practical Methods of Optimization" (1987); W. Oettli, W. Prager (1964) for residuals
relative to the terms they are made of; C. Lawson, R. Hanson (1974) for NNLS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linprog, nnls

from ...errors import CauchyError
from ..problem import Problem

Vector = np.ndarray
EPS = float(np.finfo(float).eps)
RANK = 1e-10  # singular values of scaled gradients below this part of the largest count as 0
FLAT = 1e-12  # eigenvalues of the equilibrated reduced Hessian within this of 0 count as 0
DIFFERENCE, ROUGH = 6e-6, 1e-5  # the step of differences of gradients, and what their error may be
ROUNDING = 4 * EPS  # relative error of an evaluated gradient or row, where nothing else is known


class Point:
    """f, its gradient and the rows with their Jacobian at x, and the scales they are measured in."""

    __slots__ = (
        "J",
        "equal",
        "f",
        "finite",
        "g",
        "high",
        "lengths",
        "low",
        "m",
        "n",
        "problem",
        "rough",
        "scale",
        "v",
        "x",
    )

    def __init__(self, problem: Problem, x: Vector) -> None:
        self.problem, self.x, self.n, self.m = problem, x, problem.n, problem.m
        f, g = problem.value_and_gradient(x)
        self.f, self.g = float(f), np.asarray(g)
        lower, upper = problem.lower, problem.upper
        t = np.maximum(1.0, np.abs(x))
        if self.m:
            self.v = np.concatenate((problem.constraints(x), x))
            self.J = np.asarray(problem.jacobian(x))
            self.low, self.high = np.concatenate((problem.cl, lower)), np.concatenate((problem.cu, upper))
        else:
            self.v, self.J, self.low, self.high = x, np.empty((0, self.n)), lower, upper
        parts = (self.f, self.g, self.v, self.J)
        self.finite = bool(np.isfinite(self.g @ self.g + self.f + self.v @ self.v) and np.isfinite(self.J).all())
        self.finite = self.finite or all(bool(np.isfinite(part).all()) for part in parts)  # squares overflow early
        self.rough = False
        width = upper - lower
        self.lengths = t = np.where((width > 0) & (width < t), width, t)
        self.scale = np.concatenate((np.abs(self.J) @ t, t)) if self.m else t
        self.equal = self.low == self.high

    def matrix(self, rows: Vector) -> Vector:
        """V at these rows, shape (k, n)."""
        k = int(np.searchsorted(rows, self.m))
        out = np.zeros((rows.size, self.n))
        out[:k] = self.J[rows[:k]]
        out[np.arange(k, rows.size), rows[k:] - self.m] = 1.0
        return out

    def upper(self, rows: Vector) -> Vector:
        """Whether the upper side is the nearer one."""
        return np.abs(self.high - self.v)[rows] <= np.abs(self.v - self.low)[rows]

    def gaps(self) -> tuple[Vector, Vector]:
        """Distances to the lower and the upper side, negative where violated, relative to the rows' scales."""
        return _part(self.v - self.low, self.scale), _part(self.high - self.v, self.scale)

    def residual(self, y: Vector) -> Vector:
        """The gradient of the Lagrangian, shape (n,)."""
        return self.g + y[self.m :] + (y[: self.m] @ self.J if self.m else 0.0)

    def hessian(self, y: Vector) -> Vector:
        """Of the Lagrangian; by differences of gradients (`rough`) where they came by hand and nothing traces."""
        problem, lam = self.problem, y[: self.m]
        try:
            return np.asarray(problem.lagrangian_hessian(self.x, lam))
        except (CauchyError, TypeError):
            if not (problem.by_hand or problem.rows_by_hand):
                raise
        self.rough = True
        out = np.empty((self.n, self.n))
        for i in range(self.n):
            x, h = self.x.copy(), DIFFERENCE * max(1.0, abs(self.x[i]))
            sides = []
            for step in (h, -h):
                x[i] = self.x[i] + step
                sides.append(problem.gradient(x) + (lam @ problem.jacobian(x) if self.m else 0.0))
            out[i] = (sides[0] - sides[1]) / (2 * h)
        return (out + out.T) / 2


def _part(a: Vector, scale: Any) -> Vector:
    """a / scale, and 0 / 0 is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        out = a / scale
    return out if np.all(scale) else np.where(a == 0, 0.0, out)


@dataclass
class Sides:
    """Rows near their side: indices, and the side's sign: 1 upper, -1 lower, 0 equality."""

    rows: Vector
    sign: Vector

    def __getitem__(self, mask: Vector) -> Sides:
        return Sides(self.rows[mask], self.sign[mask])


def near(point: Point, within: float, gaps: tuple[Vector, Vector] | None = None) -> Sides:
    """The rows no further than `within` from a side, relative to their scales, or beyond it."""
    below, above = gaps or point.gaps()
    rows = np.flatnonzero((np.minimum(below, above) <= within) | point.equal)
    sign = np.where(point.equal[rows], 0, np.where(above[rows] <= below[rows], 1, -1))
    return Sides(rows, sign)


def multipliers(point: Point, sides: Sides, signed: bool = True) -> Vector:
    """Multipliers y of these rows, of the right signs, that make the residual least.

    Least squares in the lengths; where a sign comes out wrong, nonnegative least squares, and least squares again
    on its support. `signed=False`: whatever the signs.
    """
    y = np.zeros(point.m + point.n)
    rows, sign = sides.rows, sides.sign
    if not rows.size:
        return y
    t = point.lengths
    B = point.matrix(rows) * t
    size = np.sqrt((B * B).sum(axis=1))
    size[size == 0] = 1.0
    B /= size[:, None]
    b = point.g * t
    found, rank = _least_squares(B, b)
    if signed and (found * sign < 0).any():
        found = _signed(B, b, sign, found)
    if signed and rank < rows.size:
        found = _widest(B, sign, found)
    y[rows] = found / size
    return y


def _least_squares(B: Vector, b: Vector) -> tuple[Vector, int]:
    """The shortest y with |B'y + b| least, and the rank of B."""
    u, s, vt = np.linalg.svd(B, full_matrices=False)
    rank = int((s > RANK * s[0]).sum()) if s[0] > 0 else 0
    return -(u[:, :rank] @ ((vt[:rank] @ b) / s[:rank])), rank


def _signed(B: Vector, b: Vector, sign: Vector, start: Vector) -> Vector:
    free = sign == 0
    turned = B * np.where(free, 1, sign)[:, None]
    columns = np.concatenate((turned, -turned[free])).T
    try:
        w, _ = nnls(columns, -b)
    except RuntimeError:  # it went in circles
        return np.where(start * sign < 0, 0.0, start)
    y = w[: sign.size].copy()
    y[free] -= w[sign.size :]
    support = free | (y > 0)
    if support.any():
        polished, _ = _least_squares(turned[support], b)
        if ((polished > 0) | free[support]).all():
            y = np.zeros(sign.size)
            y[support] = polished
    return y * np.where(free, 1, sign)


def _widest(B: Vector, sign: Vector, y: Vector) -> Vector:
    """Of the multipliers that leave the same residual, ones of which as many as possible are not 0.

    Where gradients depend on each other, a multiplier that can be positive marks its constraint as strongly active.
    """
    y = np.where(np.abs(y) <= 1e-12 * np.abs(y).max(), 0.0, y)
    zero = np.flatnonzero((y == 0) & (sign != 0))
    size = float(np.abs(y).max())
    if not zero.size or not size:
        return y
    u, s, _ = np.linalg.svd(B)
    N = u[:, int((s > RANK * s[0]).sum()) :]  # B'N = 0
    k, turned = N.shape[1], (N * sign[:, None])[sign != 0]
    # maximize sum of u, where 0 <= u <= the multipliers (signs turned, in their largest's size) and u <= 0.01
    rows = np.hstack((-turned[np.isin(np.flatnonzero(sign != 0), zero)], np.eye(zero.size)))
    keep = np.hstack((-turned, np.zeros((len(turned), zero.size))))
    right = np.concatenate((np.zeros(zero.size), np.abs(y[sign != 0]) / size))
    bounds = [(None, None)] * k + [(0, 0.01)] * zero.size
    found = linprog(np.r_[np.zeros(k), -np.ones(zero.size)], np.vstack((rows, keep)), right, bounds=bounds)
    if found.status != 0 or not -found.fun > 1e-6:
        return y
    other = y + size * (N @ found.x[:k])
    return (y + other) / 2 if not ((y + other) * sign < 0).any() else y


@dataclass
class Residuals:
    """Each relative (see the module); `part` is each row's multiplier as a part of the gradient, at most about 1."""

    stationarity: float
    dual: float
    complementarity: float
    r: Vector
    s: Vector
    part: Vector


def residuals(point: Point, y: Vector, H: Vector, gaps: tuple[Vector, Vector], within: float, tol: float) -> Residuals:
    """What is left of the conditions. A multiplier of the wrong sign for a row near its other side counts as dual."""
    m, t = point.m, point.lengths
    r = point.residual(y)
    s = np.abs(point.g) + np.abs(H) @ t
    if m:
        s = s + np.abs(y[:m]) @ np.abs(point.J)
    total = float(s @ t)
    # what rounding of the largest terms leaves in another entry is within the tolerance
    terms = s + ROUNDING / tol * total / t
    part = _part(np.abs(y) * point.scale, np.float64(total)) if y.any() else np.abs(y)
    below, above = gaps
    up = y > 0
    mine, other = np.where(up, above, below), np.where(up, below, above)
    wrong = ~point.equal & ((mine == np.inf) | ((other <= within) & (mine > within)))
    dual = float(part[wrong].max(initial=0.0))
    slack = np.where(wrong | point.equal | (part == 0), 0.0, np.abs(mine))
    slack[slack == np.inf] = 0.0
    return Residuals(float(_part(np.abs(r), terms).max()), dual, float((part * slack).max(initial=0.0)), r, s, part)


class Curvature:
    """The Hessian of the Lagrangian on the null space of some rows, equilibrated; and Newton's step.

    Variables and rows are scaled by powers so that the KKT matrix [[H, V'], [V, 0]] has rows of size about 1 (Ruiz
    2001), and the reduced Hessian to unit diagonal; by Sylvester's law the signs of the eigenvalues stay.
    `values`: its eigenvalues; `directions`: the corresponding directions of x, columns, (n, k); `noise`: what rounding
    of H may do to each eigenvalue; `signs`: 1, 0 or -1, 0 where rounding hides it; `rank`, `rows`: of the rows.
    """

    __slots__ = ("_normal", "directions", "noise", "rank", "rows", "signs", "values")

    def __init__(self, point: Point, H: Vector, rows: Vector, s: Vector) -> None:
        n, t = point.n, point.lengths
        A = point.matrix(rows)
        w, d = _equilibrated(H, A, t)
        self.rows = rows
        if rows.size:
            u, sv, vt = np.linalg.svd(A * w * d[:, None])
            self.rank = r = int((sv > RANK * sv[0]).sum()) if sv[0] > 0 else 0
            # the shortest step (in the scaled variables) that changes the rows by given amounts
            self._normal = (w[:, None] * vt[:r].T / sv[:r]) @ (u[:, :r].T * d)
            Z = w[:, None] * vt[r:].T
        else:
            self.rank, self._normal, Z = 0, np.empty((n, 0)), np.diag(w)
        if not Z.shape[1]:
            self.values, self.directions, self.noise, self.signs = np.empty(0), Z, np.empty(0), np.empty(0, int)
            return
        M = Z.T @ H @ Z
        unit, most = np.sqrt(np.abs(np.diagonal(M))), max(float(np.sqrt(np.abs(M).max())), 1e-300)
        unit = 1 / np.where(unit > 1e-8 * most, unit, most)
        M = M * unit * unit[:, None]
        if not np.isfinite(M).all():
            self.values = self.noise = np.full(Z.shape[1], np.nan)
            self.directions, self.signs = Z, np.zeros(Z.shape[1], int)
            return
        self.values, q = np.linalg.eigh((M + M.T) / 2)
        self.directions = (Z * unit) @ q
        self.noise = (ROUGH if point.rough else FLAT) + ROUNDING * (np.sqrt(s / t) @ np.abs(self.directions)) ** 2
        self.signs = np.where(np.abs(self.values) <= self.noise, 0, np.sign(self.values)).astype(int)

    @property
    def inertia(self) -> tuple[int, int, int]:
        """Numbers of positive, zero and negative eigenvalues."""
        s = self.signs
        return int((s > 0).sum()), int((s == 0).sum()), int((s < 0).sum())

    def onto(self, gap: Vector) -> Vector:
        """The shortest step that changes the rows by `gap`."""
        return self._normal @ gap

    def newton(self, r: Vector, gap: Vector, H: Vector, damping: float = 0.0) -> Vector:
        """The step to the stationary point on the rows, along directions in which the curvature is not 0."""
        step = self.onto(gap)
        keep = self.signs != 0
        D, e = self.directions[:, keep], self.values[keep]
        return step - D @ ((D.T @ (r + H @ step)) / (e + damping * np.sign(e)))

    def decrease(self, r: Vector, t: Vector) -> float:
        """How much lower f may be on the rows: by the quadratic model, and by the slope along flat directions."""
        up, flat = self.directions[:, self.signs > 0], self.directions[:, self.signs == 0]
        slopes = np.abs(r @ flat) / np.abs(flat / t[:, None]).max(axis=0, initial=1e-300)
        return float(((r @ up) ** 2 / self.values[self.signs > 0]).sum() / 2 + slopes.sum())

    def uncertainty(self, s: Vector, scale: Vector) -> Vector:
        """How far rounding of the gradient and of the rows may move that point, entry by entry: an estimate."""
        keep = self.signs != 0
        D, e = np.abs(self.directions[:, keep]), np.abs(self.values[keep])
        moved = np.abs(self._normal) @ (ROUNDING * scale) if self.rows.size else 0.0
        return D @ ((D.T @ (ROUNDING * s)) / e) + moved


def _equilibrated(H: Vector, A: Vector, t: Vector) -> tuple[Vector, Vector]:
    """Scales of variables and of rows."""
    n, k = t.size, len(A)
    K = np.zeros((n + k, n + k))
    K[:n, :n] = H
    if k:
        K[n:, :n] = A
        K[:n, n:] = A.T
    K = np.abs(K)
    d = np.ones(n + k)
    d[:n] = t
    K *= d * d[:, None]
    for _ in range(3):
        top = K.max(axis=1)
        top[~((top > 0) & (top < np.inf))] = 1.0
        top = 1 / np.sqrt(top)
        d *= top
        K *= top * top[:, None]
    return d[:n], d[n:]
