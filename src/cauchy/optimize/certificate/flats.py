"""A point without curvature along some directions, as doubles see it: what it is in eighty digits.

Coordinates F of x are chosen that tell points of the flat directions apart; the others follow from them as the minimum
of the Lagrangian on the active rows (Newton's method). With definite curvature on what follows, x is a local minimum
of the problem if and only if x_F is one of the value g(x_F) that is left (implicit function theorem, strictly active
rows). Three ways to decide it:

- F is empty: from beside x Newton's method converges quadratically, and the curvature is positive after all: the
  second-order condition. (At 1e-62 the curvature of x^3 is positive too, but from 1e-10 convergence is linear.)
- F is one number and g is higher at both ends of x_F +- d: a minimum lies in between, as in every closed interval.
- g is a constant: a valley. An analytic function that vanishes at random points is 0: g and its slope are asked for at
  several, and towards 0, where tanh is no longer 1 in all digits. A slope is rounding where more digits make another
  of it; that of exp(-x) at 1000 stays as it is.

Where the problem is known to have no lower values, the question is whether the least one is attained (`attained`).

Reference: D. Gromoll, W. Meyer (1969) for the splitting lemma; J. Schwartz (1980), R. Zippel (1979) for zeros at
random points.
"""

from __future__ import annotations

from decimal import Decimal, DecimalException
from typing import Any, Literal, NamedTuple

import numpy as np
import scipy.linalg

from ...errors import CauchyError
from ...graph import Graph
from .digits import MORE, NotReal, evaluate, many, precise
from .kkt import Point, Vector

ROUNDS = 30
CLOSE = Decimal(10) ** -60  # of Newton's steps, relative to the lengths, and of values that are the same
NOISE = Decimal(10) ** -65  # of values, relative to f or 1
DEFINITE = Decimal(10) ** -35  # of the pivots of a definite matrix, relative to its diagonal
RADII = (0.1, -0.1, 0.01, -0.01, 0.001, -0.001)  # at which g is asked for, relative to the lengths
TOWARDS = (1e-3, 1e-1, 1.0, 10.0, 100.0)  # sizes of the coordinates at which g is asked for besides
LEAST = Decimal(10) ** -290  # slopes below this may be 0 in doubles, or have lost their digits
LEASH = 1e-2  # how far Newton's method may go, relative to the lengths
MOST = 40  # variables and rows
MOST_NODES = 10_000  # of a graph

Found = Literal["strict", "between", "level", "falls"]


class Place(NamedTuple):
    """A stationary point on the active rows: x, their multipliers and f, as Decimals.

    quadratic: so Newton's method got there.
    """

    x: np.ndarray
    y: np.ndarray
    f: Decimal
    quadratic: bool


class Flats:
    """The problem around a point: `strong` rows are equalities."""

    def __init__(self, point: Point, y: Vector, strong: Vector) -> None:
        self.point, self.y = point, y
        self.rows, self.fixed = strong[strong < point.m], strong[strong >= point.m] - point.m
        self.side = many(np.where(point.equal | (y > 0), point.high, point.low)[strong])
        self.t = many(point.lengths)
        self.graphs = self._graphs()

    def _graphs(self) -> tuple[Graph, ...]:
        """Of f with its gradient, of the Hessian of the Lagrangian, and of the rows and their Jacobian."""
        p, x = self.point.problem, self.point.x
        if max(p.n, p.m) > MOST or p.by_hand or p._hess is not None or p.rows_by_hand:
            raise NotReal
        asked: list[tuple[Any, ...]] = [(p.value_and_gradient, x)]
        if p.m:
            asked += [(p.lagrangian_hessian, x, self.y[: p.m]), (p.constraints, x), (p.jacobian, x)]
        else:
            asked += [(p.hessian, x)]
        try:
            for f, *args in asked:
                f(*args)
            graphs = tuple(f.graph for f, *_ in asked)
        except CauchyError:
            raise NotReal from None
        if max(len(g.nodes) for g in graphs) > MOST_NODES:
            raise NotReal
        return graphs

    def coordinates(self, flat: Vector) -> Vector:
        """F: one coordinate for each of these directions, its columns."""
        order: Any = scipy.linalg.qr((flat / self.point.lengths[:, None]).T, pivoting=True, mode="economic")[-1]
        return np.sort(order[: flat.shape[1]])

    # -- Newton's method -----------------------------------------------------------------------------------------

    def _first(self, x: np.ndarray) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray]:
        """f, its gradient, how far the active rows are off, and their gradients."""
        f, g = evaluate(self.graphs[0], [x])
        if not self.point.m:
            return f[()], g, x[:0], np.empty((0, x.size), object)
        (c,), (J,) = (evaluate(graph, [x]) for graph in self.graphs[2:])
        return f[()], g, c[self.rows] - self.side[: self.rows.size], J[self.rows]

    def _second(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        full = many(np.zeros(self.point.m))
        full[self.rows] = y
        return evaluate(self.graphs[1], [x, full] if self.point.m else [x])[0]

    def settle(self, x: np.ndarray, kept: Vector, leash: float) -> Place | None:
        """The stationary point on the active rows with these coordinates of x, found not too far from x."""
        start, x = x, x.copy()
        x[self.fixed] = self.side[self.rows.size :]
        y = many(self.y[self.rows])
        free = np.setdiff1d(np.arange(x.size), np.concatenate((kept, self.fixed)))
        n, k, last, ratio, quadratic = free.size, self.rows.size, None, None, True
        for _ in range(ROUNDS):
            _, g, gap, A = self._first(x)
            K = many(np.zeros((n + k, n + k)))
            K[:n, :n] = self._second(x, y)[np.ix_(free, free)]
            K[n:, :n], K[:n, n:] = A[:, free], A[:, free].T
            step = _solved(K, -np.concatenate((g[free], gap)))
            x[free] += step[:n]
            y = step[n:]
            size = max((abs(s) for s in step[:n] / self.t[free]), default=Decimal(0))
            if max((abs(s) for s in (x - start) / self.t), default=Decimal(0)) > leash:
                return None
            if size <= CLOSE:
                return Place(x, y, self._first(x)[0], quadratic)
            # towards a zero of higher order the steps shrink by one ratio, and their sum is known (Aitken)
            old, ratio = ratio, None if not last else size / last
            if old and ratio and ratio < 1 and abs(ratio - old) < ratio / 100 and ratio > Decimal("0.3"):
                x[free] += step[:n] * (ratio / (1 - ratio))
                quadratic, last, ratio = False, None, None
            else:
                last = size
        return None

    # -- what the point is ---------------------------------------------------------------------------------------

    def definite(self, place: Place, kept: Vector) -> bool:
        """Is the curvature positive along the active rows where these coordinates stay, and do multipliers push?"""
        x, A = place.x, self._first(place.x)[3]
        y = np.concatenate((place.y, -self._slope(place)[self.fixed]))
        strong = np.concatenate((self.rows, self.fixed + self.point.m))
        if any(not self.point.equal[i] and not v * int(np.sign(self.y[i])) > 0 for i, v in zip(strong, y, strict=True)):
            return False
        free = np.setdiff1d(np.arange(x.size), np.concatenate((kept, self.fixed)))
        Z = _kernel(A[:, free])
        if Z is None:
            return False
        H = self._second(x, place.y)[np.ix_(free, free)]
        return _positive(Z.T @ H @ Z) if Z.size else True

    def judged(self, flat: Vector, tol: float) -> tuple[Found | None, float]:
        """What x is, and how far (relative to the lengths) from the point that was found."""
        none, x, rng = np.empty(0, int), many(self.point.x), np.random.default_rng(0)
        far = lambda place: float(max(abs(s) for s in (place.x - x) / self.t))
        place = self.settle(x + many(tol / 10 * rng.uniform(-1, 1, x.size)) * self.t, none, LEASH)
        if place is not None and place.quadratic and self.definite(place, none):
            return "strict", far(place)
        kept = self.coordinates(flat)
        place = self.settle(x, kept, LEASH)
        if place is None or not self.definite(place, kept):
            return None, np.inf
        if kept.size == 1:
            ends = [self._beside(place, kept, s * tol) for s in (-1, 1)]
            beside = [Decimal("NaN") if e is None else e.f - place.f for e in ends]
            same = NOISE * (abs(place.f) + 1)
            if all(b > same for b in beside):
                return "between", max(far(place), tol)
            if any(b < -same for b in beside):
                return "falls", far(place)
        if self._sloped(place, kept):
            return "falls", far(place)
        return ("level", far(place)) if self._level(place, kept, rng) and self._also(place, kept) else (None, np.inf)

    def attained(self, flat: Vector, weak: Vector, low: float) -> bool | None:
        """Of a point with about the least value of all: is that value attained nearby, or does f fall without end?

        weak: rows that are active without a multiplier, as far as doubles tell; low: a lower bound of f. None: not
        found out.
        """
        none, x = np.empty(0, int), many(self.point.x)
        if self._first(x)[0] <= low:
            return True
        place = self.settle(x, none, 1.0)
        if place is not None and self.definite(place, none):
            return True
        kept = self.coordinates(flat)
        place = self.settle(x, kept, LEASH)
        if place is None or not self.definite(place, kept):
            return None
        if not self._sloped(place, kept):
            level = self._level(place, kept, np.random.default_rng(0))
            return True if level is False or (level and self._also(place, kept)) else None
        way = self._downhill(place, kept, weak)
        if not any(way):
            return True
        far = self._beside(place, kept, way)
        if far is not None and sum(self._slope(far)[kept] * many(way)) < 0:
            return False
        return True if far is not None and kept.size == 1 else None

    def underflow(self, weak: Vector) -> float:
        """How far Newton's method goes, relative to the lengths, if slopes are 0 only since doubles end; else 0."""
        x, p = many(self.point.x), self.point.problem
        _, g, _, _ = self._first(x)
        held = np.isin(np.arange(x.size), weak[weak >= self.point.m] - self.point.m)
        out = np.where(g > 0, self.point.x <= p.lower, self.point.x >= p.upper)
        lost = np.flatnonzero(np.array([0 < abs(v) < LEAST for v in g]) & ~(held & out))
        if not lost.size:
            return 0.0
        if self.rows.size:
            return np.inf
        H = self._second(x, many(self.y[self.rows]))[np.ix_(lost, lost)]
        return float(max(abs(v) for v in _solved(H, -g[lost]) / self.t[lost]))

    def _downhill(self, place: Place, kept: Vector, weak: Vector) -> Vector:
        """Against the slope, but for bounds in the way, to a distance of 1/2 relative to the lengths."""
        slope, p, x = -self._slope(place)[kept] * self.t[kept], self.point.problem, self.point.x[kept]
        held = np.isin(kept, weak[weak >= self.point.m] - self.point.m)
        out = np.where(slope > 0, x >= p.upper[kept], x <= p.lower[kept])
        slope[held & out] = Decimal(0)
        size = max(map(abs, slope))
        return (slope / (2 * size)).astype(np.float64) if size else np.zeros(kept.size)

    def _level(self, place: Place, kept: Vector, rng: np.random.Generator) -> bool | None:
        """Is g the same, without a slope, at random points around? None where it cannot be followed."""
        same = CLOSE * (abs(place.f) + 1)
        for k, radius in enumerate(RADII):
            way = rng.uniform(0.5, 1.0, kept.size) * rng.choice([-1, 1], kept.size)
            beside = self._beside(place, kept, radius * way)
            if beside is None:
                return None
            if abs(beside.f - place.f) > same or (k < 2 and self._sloped(beside, kept)):
                return False
        return True

    def _also(self, place: Place, kept: Vector) -> bool:
        """Is a level g the same towards 0, where it can be followed?"""
        x = place.x[kept].astype(np.float64)
        places = [self._beside(place, kept, (np.clip(x, -s, s) - x) / self.point.lengths[kept]) for s in TOWARDS]
        return all(b is None or abs(b.f - place.f) <= CLOSE * (abs(place.f) + 1) for b in places)

    def _beside(self, place: Place, kept: Vector, step: Any) -> Place | None:
        """The place at a step of the kept coordinates, relative to the lengths."""
        x = place.x.copy()
        x[kept] += many(step) * self.t[kept]
        return self.settle(x, kept, 1.0)

    def _sloped(self, place: Place, kept: Vector) -> bool:
        """Is the slope of g there another number than 0?"""
        first = self._slope(place)[kept]
        with precise(MORE):
            again = self.settle(place.x, kept, LEASH)
            second = first if again is None else self._slope(again)[kept]
        return any(b and 2 * abs(a - b) <= abs(b) for a, b in zip(first, second, strict=True))

    def _slope(self, place: Place) -> np.ndarray:
        """The gradient of the Lagrangian."""
        _, g, _, A = self._first(place.x)
        return g + place.y @ A if self.rows.size else g


def judged(point: Point, y: Vector, strong: Vector, flat: Vector, tol: float) -> tuple[Found | None, float]:
    """What doubles call flat along these directions, looked at again: see `Flats.judged`; None where that fails."""
    try:
        with precise():
            return Flats(point, y, strong).judged(flat, tol)
    except (NotReal, DecimalException):
        return None, np.inf


def attained(point: Point, y: Vector, strong: Vector, weak: Vector, flat: Vector, low: float) -> bool | None:
    """See `Flats.attained`; None where that fails."""
    try:
        with precise():
            return Flats(point, y, strong).attained(flat, weak, low)
    except (NotReal, DecimalException):
        return None


def underflow(point: Point, y: Vector, strong: Vector, weak: Vector) -> float:
    """See `Flats.underflow`; 0 where that fails."""
    try:
        with precise():
            return Flats(point, y, strong).underflow(weak)
    except (NotReal, DecimalException):
        return 0.0


def stationary(point: Point, y: Vector, strong: Vector) -> Vector | None:
    """The stationary point on these rows that Newton's method finds nearby in eighty digits, rounded to doubles."""
    try:
        with precise():
            place = Flats(point, y, strong).settle(many(point.x), np.empty(0, int), LEASH)
    except (NotReal, DecimalException):
        return None
    return None if place is None else place.x.astype(np.float64)


# -- linear algebra of Decimals ----------------------------------------------------------------------------------


def _solved(A: np.ndarray, b: np.ndarray) -> np.ndarray:
    """A x = b by elimination. Where A is singular, x has large entries, or 0 where b has."""
    A = np.concatenate((A, b[:, None]), axis=1)
    for j in range(len(A)):
        i = max(range(j, len(A)), key=lambda i: abs(A[i, j]))
        A[i, j] = A[i, j] or CLOSE
        A[[i, j]] = A[[j, i]]
        A[j] /= A[j, j]
        A[j + 1 :, j:] -= A[j + 1 :, j, None] * A[j, j:]
    x = A[:, -1]
    for j in range(len(A) - 1, 0, -1):
        x[:j] -= A[:j, j] * x[j]
    return x


def _kernel(A: np.ndarray) -> np.ndarray | None:
    """A basis, columns, of the vectors that A takes to 0; None where rows depend on each other."""
    A, (k, n) = A.copy(), A.shape
    order = list(range(n))
    for j in range(k):
        i, c = max(((i, c) for i in range(j, k) for c in range(j, n)), key=lambda at: abs(A[at]), default=(0, 0))
        if j >= n or abs(A[i, c]) <= DEFINITE:
            return None
        A[[i, j]] = A[[j, i]]
        A[:, [c, j]] = A[:, [j, c]]
        order[c], order[j] = order[j], order[c]
        A[j] /= A[j, j]
        others = np.arange(k) != j
        A[others] -= A[others, j, None] * A[j]
    Z = many(np.zeros((n, n - k)))
    Z[order[:k]] = -A[:, k:]
    for i, j in enumerate(order[k:]):
        Z[j, i] = Decimal(1)
    return Z


def _positive(M: np.ndarray) -> bool:
    """Is M positive definite, with digits to spare?"""
    M, size = M.copy(), M.diagonal().copy()
    for j in range(len(M)):
        if not M[j, j] > DEFINITE * abs(size[j]):
            return False
        M[j + 1 :, j + 1 :] -= np.outer(M[j + 1 :, j], M[j, j + 1 :]) / M[j, j]
    return True
