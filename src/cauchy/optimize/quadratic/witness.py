"""Why a quadratic program has no optimum: witnesses for infeasible, unbounded, not convex, held against the data.

A witness is verified in rational arithmetic where the data are small enough (`exact`), else in float64 with a bound
of the rounding (Higham 2002, section 3.1); one that does not verify is not given. In floats a sum that must vanish may
leave a residual: the witness then speaks about all x up to `radius`, and is given only where that is beyond `FAR`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import scipy.sparse as sp

from ...messages import say
from .. import rational
from .columns import Vector
from .program import Matrix, Program

FAR = 1e9
UNIT = 2.0**-53
EXACT_ENTRIES = 1000  # of a system that is solved over the rationals
EXACT_WORK = 200_000  # of products
EXACT_ORDER = 60  # of P


@dataclass(frozen=True)
class Infeasible:
    """y, one number for each row: y'Ax on the box is at least `margin` above every y'v with l <= v <= u (Farkas 1902).

    In floats that holds for all x whose unbounded entries are at most `radius` in size.
    """

    y: Vector
    margin: float
    radius: float
    exact: bool

    def text(self, lang: str | None = None) -> str:
        rows = ", ".join(f"{v:.6g} x [{i}]" for i, v in enumerate(self.y) if v)
        return _told("infeasible", lang, self, rows=rows if len(rows) < 200 else f"{rows[:200]} …", margin=self.margin)

    def __str__(self) -> str:
        return self.text()


@dataclass(frozen=True)
class Unbounded:
    """`point`, feasible up to `violation`, moved along `direction`, stays feasible, and f falls at the rate `slope`.

    In floats f falls at least `radius` times as fast as P direction, or the violation of any side, grows.
    """

    direction: Vector
    point: Vector
    slope: float
    violation: float
    radius: float
    exact: bool

    def text(self, lang: str | None = None) -> str:
        return _told("unbounded", lang, self, direction=_short(self.direction), slope=self.slope)

    def __str__(self) -> str:
        return self.text()


@dataclass(frozen=True)
class NotConvex:
    """A direction v with v'Pv = curvature < 0."""

    direction: Vector
    curvature: float
    exact: bool

    def text(self, lang: str | None = None) -> str:
        return _told("nonconvex", lang, self, direction=_short(self.direction), curvature=self.curvature)

    def __str__(self) -> str:
        return self.text()


Witness = Infeasible | Unbounded | NotConvex


def _told(kind: str, lang: str | None, witness: Any, **fields: Any) -> str:
    radius = getattr(witness, "radius", math.inf)
    how = "exact" if witness.exact else "rounded" if radius == math.inf else "within"
    text = say(f"optimize.quadratic_{kind}", lang, **fields)
    return f"{text}\n  {say(f'optimize.quadratic_{how}', lang, radius=radius)}"


def _short(v: Vector) -> str:
    return np.array2string(v, precision=6, threshold=12)


# -- negative curvature -----------------------------------------------------------------------------------------------


def not_convex(program: Program, v: Vector) -> NotConvex | None:
    """The witness v if v'Pv < 0 beyond rounding."""
    P: Any = program.P
    v = v / abs(v).max()
    if program.n <= EXACT_ORDER:
        rows = [rational.rationals(row) for row in _array(P)]
        w = rational.rationals(v)
        value = rational.dot(w, [rational.dot(row, w) for row in rows])
        if value >= 0:
            w = rational.semidefinite(rows)
            if w is None:
                return None
            size = max(abs(c) for c in w)
            w = [c / size for c in w]
            value = rational.dot(w, [rational.dot(row, w) for row in rows])
        return NotConvex(np.array([float(c) for c in w]), float(value), True)
    bound = 4 * (program.n + 2) * UNIT * float(abs(v) @ (abs(P) @ abs(v)))
    value = float(v @ (P @ v))
    return NotConvex(v, value, False) if value < -bound else None


# -- infeasible -------------------------------------------------------------------------------------------------------


def infeasible(program: Program, y: Vector) -> Infeasible | None:
    """The witness y if y'Ax over the box and y'v over the sides are disjoint."""
    A, m = program.A, program.m
    if A is None or not np.isfinite(y).all() or not y.any():
        return None
    low, high = program.low, program.high
    y = np.where((y > 0) & (high[:m] == np.inf) | (y < 0) & (low[:m] == -np.inf), 0.0, y)
    if not y.any():
        return None
    y = y / abs(y).max()
    y[abs(y) < 1e-11] = 0.0
    support = np.flatnonzero(y)
    rows = _array(A, support) if support.size * program.n <= EXACT_WORK else None
    if rows is not None and (exact := _infeasible_exactly(program, y, support, rows)):
        return exact
    size = abs(y) @ abs(A)
    c = y @ A
    error = (support.size + 2) * UNIT * size
    side = np.where(c > 0, low[m:], high[m:])
    free = ~np.isfinite(side) & (size > 0)
    least = c * np.where(free | (c == 0), 0.0, side)
    most = y * np.where(y > 0, high[:m], np.where(y < 0, low[:m], 0.0))
    rounding = float((error * np.where(free, 0.0, abs(np.where(np.isfinite(side), side, 0.0)))).sum())
    rounding += (program.n + m + 2) * UNIT * float(abs(least).sum() + abs(most).sum())
    margin = float(least.sum() - most.sum()) - rounding
    residual = float((abs(c) + error)[free].sum())
    radius = math.inf if residual == 0 else margin / residual
    return Infeasible(y, margin, radius, False) if margin > 0 and radius > FAR else None


def _infeasible_exactly(program: Program, y: Vector, support: Vector, rows: np.ndarray) -> Infeasible | None:
    m = program.m
    low, high = program.low, program.high
    c = rows.T @ y[support]
    tiny = abs(c) <= 1e-9 * (abs(rows.T) @ abs(y[support]))
    zero = (
        ~np.isfinite(np.where(c > 0, low[m:], high[m:])) | (tiny & ~(np.isfinite(low[m:]) & np.isfinite(high[m:])))
    ) & rows.any(0)
    if zero.sum() * support.size > EXACT_ENTRIES:
        return None
    given = [rational.rationals(row) for row in rows]
    near = rational.rationals(y[support])
    if zero.any():
        near = rational.kernel_point([[row[j] for row in given] for j in np.flatnonzero(zero)], near)
    least = most = Fraction(0)
    for i, v in zip(support, near, strict=True):
        if v:
            side = high[i] if v > 0 else low[i]
            if not np.isfinite(side):
                return None
            most += v * Fraction(float(side))
    for j in np.flatnonzero(rows.any(0)):
        coefficient = sum((v * row[j] for v, row in zip(near, given, strict=True)), Fraction(0))
        if coefficient:
            side = low[m + j] if coefficient > 0 else high[m + j]
            if not np.isfinite(side):
                return None
            least += coefficient * Fraction(float(side))
    if least <= most:
        return None
    out = np.zeros(m)
    out[support] = [float(v) for v in near]
    return Infeasible(out, float(least - most), math.inf, True)


def elastic(program: Program) -> Program:
    """min t subject to l - t <= Ax <= u + t, t >= 0, over the box, rows scaled to size 1.

    Where the optimum is positive its multipliers are a Farkas witness.
    """
    m, n = program.m, program.n
    A = _csr(program.A)
    size = abs(A).max(axis=1).toarray().ravel()
    size = np.where(size > 0, size, 1.0)
    up, down = (np.flatnonzero(np.isfinite(s[:m])) for s in (program.high, program.low))
    rows = sp.bmat([[A[up], sp.csr_matrix(-size[up, None])], [A[down], sp.csr_matrix(size[down, None])]], format="csc")
    l = np.concatenate([np.full(up.size, -np.inf), program.low[down]])
    u = np.concatenate([program.high[up], np.full(down.size, np.inf)])
    q = np.zeros(n + 1)
    q[n] = 1.0
    return Program(None, q, rows, l, u, np.append(program.low[m:], 0.0), np.append(program.high[m:], np.inf), 0.0)


def elastic_witness(program: Program, y: Vector) -> Vector:
    """The multipliers of the rows of the program, from those of its elastic one."""
    m = program.m
    up, down = (np.flatnonzero(np.isfinite(s[:m])) for s in (program.high, program.low))
    out = np.zeros(m)
    out[up] += y[: up.size]
    out[down] += y[up.size : up.size + down.size]
    return out


# -- unbounded --------------------------------------------------------------------------------------------------------


def recession(program: Program) -> Program:
    """min q'd subject to Pd = 0, |d| <= 1 and d a direction in which no side is ever reached."""
    m = program.m
    low, high = (np.where(np.isfinite(s), 0.0, s) for s in (program.low, program.high))
    parts = [_csr(M) for M in (program.A, program.P) if M is not None]
    k = sum(p.shape[0] for p in parts)
    l, u = (np.concatenate([s[:m], np.zeros(k - m)]) for s in (low, high))
    rows = sp.vstack(parts, format="csc") if parts else None
    lower, upper = np.maximum(low[m:], -1.0), np.minimum(high[m:], 1.0)
    return Program(None, program.q, rows, l if parts else None, u if parts else None, lower, upper, 0.0)


def unbounded(program: Program, d: Vector, point: Vector, violation: float) -> Unbounded | None:
    """The witness d if Pd = 0, q'd < 0 and no side is reached along d."""
    if not np.isfinite(d).all() or not d.any():
        return None
    d = d / abs(d).max()
    d[abs(d) < 1e-11] = 0.0
    if program.n * (program.n + program.m) <= EXACT_ENTRIES and (
        exact := _unbounded_exactly(program, d, point, violation)
    ):
        return exact
    cone = recession(program)
    moved, size = d, abs(d)
    if cone.A is not None:
        moved, size = np.concatenate([cone.A @ d, d]), np.concatenate([abs(cone.A) @ abs(d), np.zeros(program.n)])
    box = cone.m + np.arange(program.n)
    low, high = cone.low.copy(), cone.high.copy()
    low[box], high[box] = (
        np.where(np.isfinite(s), 0.0, s) for s in (program.low[program.m :], program.high[program.m :])
    )
    error = (program.n + 2) * UNIT * size
    residual = float(
        (np.maximum(np.maximum(low - moved, moved - high), 0.0) + error * ((low == 0) | (high == 0))).max()
    )
    slope = float(program.q @ d)
    if slope > -1e-9 * float(abs(program.q) @ abs(d)):
        return None
    radius = math.inf if residual == 0 else -slope / residual
    return Unbounded(d, point, slope, violation, radius, False) if radius > FAR else None


def _unbounded_exactly(program: Program, d: Vector, point: Vector, violation: float) -> Unbounded | None:
    n = program.n
    M = np.vstack([*([] if program.A is None else [_array(program.A)]), np.eye(n)])
    kinds = np.isfinite(program.low).astype(int) + 2 * np.isfinite(program.high)
    moved = M @ d
    zero = (kinds == 3) | ((kinds > 0) & (abs(moved) <= 1e-9 * (abs(M) @ abs(d))))
    rows = [rational.rationals(row) for row in M]
    system = [row for row, z in zip(rows, zero, strict=True) if z]
    if program.P is not None:
        system += [rational.rationals(row) for row in _array(program.P) if row.any()]
    v = rational.kernel_point(system, rational.rationals(d)) if system else rational.rationals(d)
    for row, kind in zip(rows, kinds, strict=True):
        along = rational.dot(row, v) if kind else Fraction(0)
        if (kind & 1 and along < 0) or (kind & 2 and along > 0):
            return None
    slope = rational.dot(rational.rationals(program.q), v)
    return (
        Unbounded(np.array([float(c) for c in v]), point, float(slope), violation, math.inf, True)
        if slope < 0
        else None
    )


def _array(M: Matrix, rows: Vector | None = None) -> np.ndarray:
    """M, or its rows with these numbers, as an array."""
    if isinstance(M, np.ndarray):
        return M if rows is None else M[rows]
    return (M if rows is None else M.some_rows(rows)).toarray()


def _csr(M: Matrix) -> Any:
    return sp.csr_matrix(M if isinstance(M, np.ndarray) else M.matrix())
