"""Why a quadratic program has no optimum: witnesses for infeasible, unbounded, not convex, held against the data.

No tolerance can verify one: were a sum that must vanish only small, the optimum may just lie far away. So the float
that a solver suggests is moved onto the equations it must satisfy, and all is checked, in rational arithmetic
(`exactly`); or an inequality is checked in float64 with a bound of the rounding (Higham 2002, section 3.1). What is
too large for the first and no matter for the second is said to have been seen, up to some distance, and not more.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import scipy.sparse as sp

from ...messages import say
from .. import rational
from .columns import Vector
from .gap import certificate
from .program import Matrix, Program

UNIT, TINY = 2.0**-53, 1e-300  # relative rounding, and more than underflow takes away
FAR = 1e9  # up to less, "nowhere feasible" would tell nothing
EXACT_WORK = 200_000  # entries of what is multiplied over the rationals
EXACT_SYSTEM = 50_000  # rows^2 columns of what is solved over them: up to a second
EXACT_ORDER = 60  # of P
NEAR = 1e-8  # to what counts as an equation for the repair, relative to its terms

Exactly = Mapping[str, tuple[Fraction, ...]]


@dataclass(frozen=True)
class Infeasible:
    """y, one number for each row: y'Ax on the box is at least `margin` above every y'v with l <= v <= u (Farkas 1902).

    That is proven for all x whose unbounded entries are at most `radius` in size; infinity where it is for all x.
    `exactly`: "y" in rational arithmetic, where it was used. Rows of cones follow those of A, with -y in the cones.
    """

    y: Vector
    margin: float
    radius: float
    exactly: Exactly = field(default_factory=dict, repr=False)

    @property
    def exact(self) -> bool:
        return bool(self.exactly)

    @property
    def proven(self) -> bool:
        return self.radius == math.inf

    def text(self, lang: str | None = None) -> str:
        rows = ", ".join(f"{v:.6g} x [{i}]" for i, v in enumerate(self.y) if v)
        kind = "infeasible" if self.radius == math.inf else "infeasible_within"
        rows = rows if len(rows) < 200 else f"{rows[:200]} …"
        text = say(f"optimize.quadratic_{kind}", lang, rows=rows, margin=self.margin, radius=self.radius)
        return _told(text, lang, self)

    def __str__(self) -> str:
        return self.text()


@dataclass(frozen=True)
class Unbounded:
    """From `point`, feasible up to `violation`, f falls along `direction` at the rate `slope` and no side is reached.

    `exactly`: "direction", whose P d = 0 and signs of A d hold in rational arithmetic, and "point", which is feasible
    there. Where one of them is missing (`exact` is False), f was seen to fall to `lowest`, at `farthest`.
    """

    direction: Vector
    point: Vector
    slope: float
    violation: float
    farthest: Vector
    lowest: float
    exactly: Exactly = field(default_factory=dict, repr=False)

    @property
    def exact(self) -> bool:
        return len(self.exactly) == 2

    proven = exact

    def text(self, lang: str | None = None) -> str:
        kind = "unbounded" if self.exact else "unbounded_point" if self.exactly else "unbounded_seen"
        fields = {"direction": _short(self.direction), "slope": self.slope, "violation": self.violation}
        distance = float(abs(self.farthest).max())
        text = say(f"optimize.quadratic_{kind}", lang, **fields, lowest=self.lowest, distance=distance)
        return _told(text, lang, self) if self.exact else text

    def __str__(self) -> str:
        return self.text()


@dataclass(frozen=True)
class NotConvex:
    """A direction v with v'Pv = curvature < 0. `exactly`: "direction" in rational arithmetic, where it was used."""

    direction: Vector
    curvature: float
    exactly: Exactly = field(default_factory=dict, repr=False)

    @property
    def exact(self) -> bool:
        return bool(self.exactly)

    def text(self, lang: str | None = None) -> str:
        fields = {"direction": _short(self.direction), "curvature": self.curvature}
        return _told(say("optimize.quadratic_nonconvex", lang, **fields), lang, self)

    def __str__(self) -> str:
        return self.text()


Witness = Infeasible | Unbounded | NotConvex


def _told(text: str, lang: str | None, witness: Witness) -> str:
    how = "exact" if witness.exact else "rounded"
    return f"{text}\n  {say(f'optimize.quadratic_{how}', lang)}"


def _short(v: Vector) -> str:
    return np.array2string(v, precision=6, threshold=12)


def _floats(v: rational.Row) -> Vector:
    return np.array([float(c) for c in v])


# -- negative curvature -----------------------------------------------------------------------------------------------


def not_convex(program: Program, v: Vector) -> NotConvex | None:
    """The witness v if v'Pv < 0: exactly for small orders, where another is found if need be; else beyond rounding."""
    P: Any = program.P
    v = v / abs(v).max()
    if program.n <= EXACT_ORDER:
        rows = [rational.rationals(row) for row in _array(P)]
        w = rational.rationals(v)
        value = rational.dot(w, [rational.dot(row, w) for row in rows])
        return _curved(w, value) if value < 0 else exactly_not_convex(program)
    bound = 4 * (program.n + 2) * (UNIT * float(abs(v) @ (abs(P) @ abs(v))) + program.n * TINY)
    value = float(v @ (P @ v))
    return NotConvex(v, value) if value < -bound else None


def exactly_not_convex(program: Program) -> NotConvex | None:
    """A witness in rational arithmetic; None where P is positive semidefinite, exactly."""
    rows = [rational.rationals(row) for row in _array(program.P)]
    w = rational.semidefinite(rows)
    if w is None:
        return None
    size = max(abs(c) for c in w)
    w = [c / size for c in w]
    return _curved(w, rational.dot(w, [rational.dot(row, w) for row in rows]))


def _curved(w: rational.Row, value: Fraction) -> NotConvex:
    return NotConvex(_floats(w), float(value), {"direction": tuple(w)})


# -- infeasible -------------------------------------------------------------------------------------------------------


def infeasible(program: Program, y: Vector) -> Infeasible | None:
    """The witness y if y'Ax over the box and y'v over the sides are disjoint."""
    A, m = program.A, program.m
    if A is None or not np.isfinite(y).all():
        return None
    low, high = program.low, program.high
    y = np.where((y > 0) & (high[:m] == np.inf) | (y < 0) & (low[:m] == -np.inf), 0.0, y)
    if not y.any():
        return None
    sizes = y * _largest(A)
    y = y / abs(y).max()
    for near in (np.where(abs(sizes) > 1e-11 * abs(sizes).max(), y, 0.0), y):
        if exact := _infeasible_exactly(program, near):
            return exact
    size = abs(y) @ abs(A)
    c = y @ A
    touched = (y != 0).astype(float) @ abs(A) > 0
    error = touched * (np.count_nonzero(y) + 2) * (UNIT * size + TINY)
    side = np.where(c > 0, low[m:], high[m:])
    free = ~np.isfinite(side) & touched
    # where rounding may hide the sign of c both sides count
    largest = np.where(free, 0.0, np.maximum(abs(low[m:]), abs(high[m:])))
    free |= touched & (abs(c) <= error) & ~np.isfinite(largest)
    largest = np.where(free | ~touched, 0.0, np.where(abs(c) > error, abs(side), largest))
    least = c * np.where(free | (c == 0), 0.0, side)
    most = y * np.where(y > 0, high[:m], np.where(y < 0, low[:m], 0.0))
    rounding = float((error * largest).sum())
    rounding += (program.n + m + 2) * UNIT * float(abs(least).sum() + abs(most).sum())
    margin = float(least.sum() - most.sum()) - rounding
    residual = float((abs(c) + error)[free].sum())
    radius = math.inf if residual == 0 else margin / residual
    return Infeasible(y, margin, radius) if margin > 0 and radius > FAR else None


def _infeasible_exactly(program: Program, y: Vector) -> Infeasible | None:
    m, low, high = program.m, program.low, program.high
    support = np.flatnonzero(y)
    touched = _touched(program.A, support, rows=True)
    if touched is None:
        return None
    columns, M = touched  # column by column, as rows
    c, scale = M @ y[support], abs(M) @ abs(y[support])
    low, high = low[m:][columns], high[m:][columns]
    boxed = np.isfinite(low) & np.isfinite(high)
    zero = ~np.isfinite(np.where(c > 0, low, high)) | (~boxed & (abs(c) <= NEAR * scale))
    given = [rational.rationals(row) for row in M]
    near = _kernel_point([row for row, z in zip(given, zero, strict=True) if z], rational.rationals(y[support]))
    if near is None:
        return None
    margin = Fraction(0)
    sides = [*zip(near, program.high[support], program.low[support], strict=True)]
    sides += [(-rational.dot(near, row), a, b) for row, a, b in zip(given, high, low, strict=True)]
    for v, above, below in sides:  # sum over rows and bounds of |v| times the side it names: Farkas asks for < 0
        if v:
            side = float(above if v > 0 else below)
            if not math.isfinite(side):
                return None
            margin -= v * Fraction(side)
    if margin <= 0:
        return None
    exactly = [Fraction(0)] * m
    for i, v in zip(support, near, strict=True):
        exactly[i] = v
    return Infeasible(_floats(exactly), float(margin), math.inf, {"y": tuple(exactly)})


def elastic(program: Program) -> Program:
    """min t subject to l - t <= Ax <= u + t, t >= 0, over the box, rows scaled to size 1.

    Where the optimum is positive its multipliers are a Farkas witness.
    """
    m, n = program.m, program.n
    A = csr(program.A)
    size = _largest(A)
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
    """min q'd subject to Pd = 0, |d| <= 1 and d a direction in which no side is ever reached; rows, q of size 1."""
    m = program.m
    low, high = (np.where(np.isfinite(s), 0.0, s) for s in (program.low, program.high))
    parts = [csr(M) for M in (program.A, program.P) if M is not None]
    k = sum(p.shape[0] for p in parts)
    l, u = (np.concatenate([s[:m], np.zeros(k - m)]) for s in (low, high))
    rows: Any = sp.vstack(parts, format="csr") if parts else None
    if parts:
        rows = sp.csc_matrix(sp.diags(1 / _largest(rows)) @ rows)
    q = program.q / (float(abs(program.q).max()) or 1.0)
    lower, upper = np.maximum(low[m:], -1.0), np.minimum(high[m:], 1.0)
    return Program(None, q, rows, l if parts else None, u if parts else None, lower, upper, 0.0)


def unbounded(program: Program, d: Vector, point: Vector) -> Unbounded | None:
    """What is known about f along d: a witness where it is `exact`."""
    slope = float(program.q @ d)
    violation = certificate(program, point, np.zeros(program.m + program.n), 1e-9).primal
    if not slope < 0:
        return None
    d, slope = d / abs(d).max(), slope / float(abs(d).max())
    for near in (np.where(abs(d) > 1e-11, d, 0.0), d):
        if ray := _ray(program, near):
            v, along = ray
            exactly = {"direction": tuple(v)}
            slope = float(rational.dot(rational.rationals(program.q), v))
            start = _start(program, point, v, along)
            if start is not None:
                exactly["point"] = tuple(start)
                point, violation = _floats(start), 0.0
            return Unbounded(_floats(v), point, slope, violation, *_far(program, point, _floats(v), slope), exactly)
    return Unbounded(d, point, slope, violation, *_far(program, point, d, slope))


def _far(program: Program, x: Vector, d: Vector, slope: float) -> tuple[Vector, float]:
    """As far along d as f falls and no side is violated more than at x, both in float64; and f there."""
    bend, size = 0.0, 0.0
    if program.P is not None:
        bend, size = float(d @ (program.P @ d)), float(abs(d) @ (abs(program.P) @ abs(d)))
    fall = -slope - float(d @ (program.P @ x)) if program.P is not None else -slope
    t = min(1e15, fall / max(bend, (program.n + 2) * UNIT * size, 1e-300))
    zero = np.zeros(program.m + program.n)
    start = certificate(program, x, zero, 1e-9)
    while t > 1e-9:
        sheet = certificate(program, x + t * d, zero, 1e-9)
        if sheet.primal <= max(1e-9, 2 * start.primal) and sheet.objective < start.objective:
            return sheet.x, sheet.objective
        t /= 4
    return x, start.objective


def _ray(program: Program, d: Vector) -> tuple[rational.Row, dict[int, Fraction]] | None:
    """A v near d with Pv = 0, q'v < 0 and no side reached, exactly; and, where it is not 0, row i of (A, I) times v."""
    n, m = program.n, program.m
    low, high = (np.isfinite(s) for s in (program.low, program.high))
    d = np.where(low[m:] & (d < 0) | high[m:] & (d > 0), 0.0, d)
    support = np.flatnonzero(d)
    sides, curved = _touched(program.A, support), _touched(program.P, support)
    if not support.size or sides is None or curved is None:
        return None
    rows = [(int(i), row) for i, row in zip(*sides, strict=True)]
    flat = list(curved[1])
    for i, row in rows:
        tiny = abs(row @ d[support]) <= NEAR * (abs(row) @ abs(d[support]))
        if (low[i] and high[i]) or (tiny and (low[i] or high[i])):
            flat.append(row)
    near = _kernel_point([rational.rationals(row) for row in flat], rational.rationals(d[support]))
    if near is None:
        return None
    along = {i: rational.dot(rational.rationals(row), near) for i, row in rows}
    along |= {m + int(j): c for j, c in zip(support, near, strict=True)}
    if any((low[i] and a < 0) or (high[i] and a > 0) for i, a in along.items()):
        return None
    v = [Fraction(0)] * n
    for j, c in zip(support, near, strict=True):
        v[j] = c
    return (v, along) if rational.dot(rational.rationals(program.q), v) < 0 else None


def _start(program: Program, x: Vector, v: rational.Row, along: Mapping[int, Fraction]) -> rational.Row | None:
    """A point near x, or near x + tv, that satisfies all rows and bounds exactly."""
    low, high = program.low, program.high
    rows = sp.identity(program.n, format="csr")
    rows = sp.csr_matrix(rows if program.A is None else sp.vstack([csr(program.A), rows]))
    if rows.nnz > EXACT_WORK:
        return None
    given = [
        {int(j): Fraction(float(a)) for j, a in zip(rows.indices[s:e], rows.data[s:e], strict=True)}
        for s, e in zip(rows.indptr, rows.indptr[1:], strict=False)
    ]
    times = lambda i, point: sum((a * point[j] for j, a in given[i].items()), Fraction(0))
    kept = [i for i in range(len(given)) if (math.isfinite(low[i]) or math.isfinite(high[i])) and not along.get(i)]
    for point in _repaired(program, x, rows, kept, given):
        if all(low[i] <= times(i, point) <= high[i] for i in kept):
            t = Fraction(0)
            for i, a in along.items():
                side = float(low[i] if a > 0 else high[i])
                if a and math.isfinite(side):
                    t = max(t, (Fraction(side) - times(i, point)) / a)
            return [c + t * b for c, b in zip(point, v, strict=True)]
    return None


def _repaired(program: Program, x: Vector, rows: Any, kept: list[int], given: list[Any]) -> Iterator[rational.Row]:
    """x itself, then moved onto the sides that it violates, then onto all that are near."""
    low, high = program.low, program.high
    m = program.m
    x = np.clip(x, low[m:], high[m:])
    yield rational.rationals(x)
    w, size = rows @ x, abs(rows) @ abs(x)
    for near in (0.0, NEAR):
        room = near * np.maximum(1.0, size)
        at = np.where(low == high, low, np.where(w - low <= room, low, np.where(high - w <= room, high, np.nan)))
        point = rational.rationals(np.where(np.isnan(at[m:]), x, at[m:]))
        active = [i for i in kept if i < m and not math.isnan(at[i])]
        free = sorted({j for i in active for j in given[i] if math.isnan(at[m + j])})
        if not active or len(active) ** 2 * len(free) > EXACT_SYSTEM:
            yield point
            continue
        system = [[given[i].get(j, Fraction(0)) for j in free] for i in active]
        right = [Fraction(float(at[i])) - sum(a * point[j] for j, a in given[i].items()) for i in active]
        if free and (step := rational.solve(system, right)) is not None:
            for j, c in zip(free, step, strict=True):
                point[j] += c
            yield point


def _kernel_point(system: list[rational.Row], near: rational.Row) -> rational.Row | None:
    """A v near `near` with system v = 0; None where that is too much work."""
    if not any(rational.dot(row, near) for row in system):
        return near
    return rational.kernel_point(system, near) if len(system) ** 2 * len(near) <= EXACT_SYSTEM else None


def _touched(M: Matrix | None, support: Vector, *, rows: bool = False) -> tuple[Vector, np.ndarray] | None:
    """The rows that these columns have entries in, and that block; of the transpose for `rows`. None if it is large."""
    part: Any = np.zeros((0, support.max(initial=-1) + 1)) if M is None else M
    part = part if isinstance(part, np.ndarray) else part.matrix()
    part = part[support].T if rows else part[:, support]
    if isinstance(part, np.ndarray):
        at = np.flatnonzero(part.any(axis=1))
        return (at, part[at]) if at.size * support.size <= EXACT_WORK else None
    part = part.tocsr()
    at = np.diff(part.indptr).nonzero()[0]
    return (at, part[at].toarray()) if at.size * support.size <= EXACT_WORK else None


def _largest(M: Any) -> Vector:
    """The size of the largest entry of each row; 1 where there is none."""
    size = abs(csr(M)).max(axis=1).toarray().ravel()
    return np.where(size > 0, size, 1.0)


def _array(M: Matrix) -> np.ndarray:
    return M if isinstance(M, np.ndarray) else M.toarray()


def csr(M: Any) -> Any:
    return sp.csr_matrix(M.matrix() if hasattr(M, "matrix") else M)
