"""Lower feasible points nearby, which show that a candidate is no local minimum. Rounding is no evidence."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, DecimalException
from typing import Any

import numpy as np

from ...errors import CauchyError
from ...graph import Graph, interpret
from ...read.value import value as meaning
from .digits import NotReal, evaluate, many, precise
from .kkt import EPS, Curvature, Point, Vector

SIZES = (1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)  # of a step, relative to the lengths
FLAT_SIZES = SIZES[3:]  # what has no curvature shows nothing closer by
RADII = (0.1, 0.025)
SEARCHES = 6
CORRECTIONS = 6
MOST_NODES, MOST_VARIABLES = 10_000, 200  # of a graph that is read in eighty digits


@dataclass(frozen=True)
class Better:
    """A feasible point `x` where f is lower by `drop`, reached from the candidate along `direction`."""

    x: Vector
    direction: Vector
    drop: float


class Surroundings:
    """Feasible points around a candidate, and how f there compares with f at the candidate (made feasible itself)."""

    def __init__(
        self, point: Point, y: Vector, H: Vector, active: Vector, curvature: Curvature, flat: Sequence[int] = (),
        strong: Sequence[int] | Vector = (),
    ) -> None:  # fmt: skip
        self.point, self.active, self.y = point, active, y
        self.value, self.rows = point.problem.value, point.problem.constraints
        m, x = point.m, np.abs(point.x)
        self.low, self.high, self.size = point.low[:m], point.high[:m], 64 * EPS * point.scale[:m]
        # f is evaluated with an error relative to the terms it is a sum of: of the size of f, g'x and x'Hx
        self.rounding = 16 * EPS * float(np.abs(point.g) @ x + x @ np.abs(H) @ x)
        # the way back to the active rows, by the pseudoinverse at x
        A = point.matrix(active) * point.lengths
        self.back = point.lengths[:, None] * np.linalg.pinv(A, rcond=1e-8) if active.size else np.empty((point.n, 0))
        curved = curvature.signs > 0
        curved[list(flat)] = False
        self.curved = curvature.directions[:, curved], curvature.values[curved]
        self._pin(np.asarray(strong, dtype=int))
        base = self.feasible(point.x, pinned=True) if self.pinned else None
        base = self.feasible(point.x) if base is None else base
        # where equalities depend on each other, hardly missing them says nothing about distance
        lost = point.equal.any() and np.linalg.matrix_rank(A, 1e-8) < active.size
        self.usable = base is not None and not lost
        self.base = point.x if base is None else base
        self.f = float(self.value(self.base)) if self.usable else np.nan

    def _pin(self, strong: Vector) -> None:
        """Inequalities with a multiplier: f falls along their boundary, if anywhere, so there points are looked for."""
        point, m = self.point, self.point.m
        equal, lower, upper = point.equal, point.problem.lower, point.problem.upper
        low = np.where(equal, point.low, np.concatenate((self.low + self.size, lower)))
        high = np.where(equal, point.low, np.concatenate((self.high - self.size, upper)))
        held = np.zeros(low.size, bool)
        held[strong] = True
        held &= ~equal & (self.y != 0) & np.isfinite(np.where(self.y > 0, high, low))
        self.pinned = bool(held.any())
        off = np.where(equal[:m], self.size, 0.0)
        most, least = np.where(held & (self.y < 0), low, high), np.where(held & (self.y > 0), high, low)
        # for each kind of point: where to, and what is let pass
        self.targets = {False: (low, high), True: (least, most)}
        slack = np.where(held[:m], 2 * self.size, np.inf)
        inside = self.low - off, self.high + off
        near = np.maximum(inside[0], least[:m] - slack), np.minimum(inside[1], most[:m] + slack)
        self.passes = {False: inside, True: near}

    def feasible(self, y: Vector, pinned: bool = False) -> Vector | None:
        """A point beside y that satisfies the inequalities as evaluated, and the equalities up to rounding.

        `pinned`: inequalities with a multiplier as equalities.
        """
        m, (low, high), (least, most) = self.point.m, self.targets[pinned], self.passes[pinned]
        for _ in range(CORRECTIONS):
            y = np.clip(y, low[m:], high[m:])
            if not m:
                return y
            c = self.rows(y)
            if np.all((c >= least) & (c <= most)):
                return y
            v = np.concatenate((c, y))
            if not np.isfinite(v).all():
                return None
            y = y + self.back @ (np.clip(v, low, np.maximum(low, high)) - v)[self.active]
        return None

    def settled(self, y: Vector) -> Vector | None:
        """The feasible point beside y where f is least along the directions of positive curvature (splitting lemma)."""
        m, (D, e) = self.point.m, self.curved
        z = self.feasible(y, self.pinned)
        for _ in range(2 if e.size else 0):
            if z is None:
                return None
            r = self.point.problem.gradient(z) + self.y[m:]
            if m:
                r = r + self.y[:m] @ self.point.problem.jacobian(z)
            z = self.feasible(z - D @ ((D.T @ r) / e), self.pinned)
        return z

    def compare(self, z: Vector) -> tuple[float, float]:
        """How much lower f is at z, and how much of that means nothing."""
        f = float(self.value(z))
        noise = self.rounding + 16 * EPS * (abs(f) + abs(self.f))
        if self.point.m:  # equalities hold up to `size`: what their multipliers say that is worth
            noise += 64 * float(np.abs(self.y[: self.point.m]) @ self.size)
        return self.f - f, noise

    def better(self, directions: Iterable[Vector]) -> Better | None:
        """Along each direction, the nearest point where f differs beyond rounding; the first of them that is lower."""
        for d in directions if self.usable else ():
            top = float(np.abs(d / self.point.lengths).max())
            if 0 < top < np.inf:
                for pinned in {self.pinned, False}:
                    found = self._along(d / top, SIZES, lambda y, pinned=pinned: self.feasible(y, pinned))
                    if found is not None:
                        return found
        return None

    def _along(self, d: Vector, sizes: Sequence[float], onto: Callable[[Vector], Vector | None]) -> Better | None:
        for size in sizes:
            z = onto(self.base + size * d)
            if z is None:
                continue
            drop, noise = self.compare(z)
            if drop < -noise:
                return None
            if drop > noise and self._confirmed(z, drop):  # and not where f is NaN
                return Better(z, z - self.base, drop)
        return None

    def _confirmed(self, z: Vector, drop: float) -> bool:
        """Whether f is lower at z for real: where the terms of f cancel, `compare` takes rounding for a drop.

        In eighty digits; where these fail, by what the largest term of the graph of f may lose.
        """
        self.value(z)  # whose graph is asked for then
        graph = _graph(self.value)
        if graph is None:
            return True
        try:
            if len(graph.nodes) > MOST_NODES or z.size > MOST_VARIABLES:
                raise NotReal
            with precise():
                here, there = (evaluate(graph, [many(x)])[0][()] for x in (self.base, z))
                return 2 * (here - there - self._slip(z)) >= Decimal(drop)
        except (NotReal, DecimalException):
            return drop > 16 * EPS * _largest(graph, z)

    def _slip(self, z: Vector) -> Decimal:
        """What the multipliers make of how far z misses the rows."""
        m = self.point.m
        self.rows(z)
        graph = _graph(self.rows) if m else None
        if graph is None:
            return Decimal(0)
        here, there = (evaluate(graph, [many(x)])[0] for x in (self.base, z))
        over = np.maximum(many(self.point.low[:m]) - there, there - many(self.point.high[:m]))
        over = np.maximum(over, many(np.zeros(m)))
        off = np.where(self.point.equal[:m], abs(there - here), over)
        return 2 * sum(map(operator.mul, many(np.abs(self.y[:m])), off), Decimal(0))

    def lower(self, flat: Vector) -> Better | None:
        """A lower point along directions without curvature, the columns of `flat`; along the others f is least.

        Each direction both ways, and combinations; where there are several, then a search on two spheres: what is lower
        on both comes from the point itself.
        """
        if not self.usable:
            return None
        flat = flat / np.abs(flat / self.point.lengths[:, None]).max(axis=0)
        k = flat.shape[1]
        rng = np.random.default_rng(0)
        starts = np.vstack((np.eye(k), _unit(rng.normal(size=(4, k)))[: 4 * (k > 1)]))
        for a in starts:
            for d in (flat @ a, -(flat @ a)):
                found = self._along(d, FLAT_SIZES, self.settled)
                if found is not None:
                    return found
        if k <= 1:
            return None
        found = None
        for radius in RADII:
            searches = (self._search(flat, radius, a, rng) for a in starts[:SEARCHES])
            found = next((better for better in searches if better is not None), None)
            if found is None:
                return None
        return found

    def falls(self, flat: Vector) -> bool:
        """Whether f falls along each of these directions, both ways."""
        flat = flat / np.abs(flat / self.point.lengths[:, None]).max(axis=0)
        ways = (s * d for d in flat.T for s in (1, -1))
        return all(self._along(d, FLAT_SIZES, self.settled) is not None for d in ways)

    def _search(self, flat: Vector, radius: float, a: Vector, rng: np.random.Generator) -> Better | None:
        """Random steps on a sphere from a on, ever smaller, from the lowest point so far."""
        best = -np.inf
        for width in (0.0, *np.geomspace(0.5, 2e-3, 30)):
            b = _unit(a + width * rng.normal(size=a.size))
            z = self.settled(self.base + radius * (flat @ b))
            if z is None:
                continue
            drop, noise = self.compare(z)
            if drop > noise and self._confirmed(z, drop):
                return Better(z, z - self.base, drop)
            if drop > best:
                a, best = b, drop
        return None


def _graph(f: Any) -> Graph | None:
    """The graph of the last call; None of a function that is called as it is."""
    try:
        return f.graph
    except (AttributeError, CauchyError):
        return None


def _largest(graph: Graph, x: Vector) -> float:
    """The largest number that is met on the way."""
    with np.errstate(all="ignore"):
        values = interpret(meaning, graph, [x]).values()
    sizes = (np.abs(v) for v in values if getattr(getattr(v, "dtype", None), "kind", "") == "f")
    return max((float(s[np.isfinite(s)].max(initial=0.0)) for s in sizes), default=0.0)


def _unit(a: Vector) -> Vector:
    return a / np.sqrt((a * a).sum(axis=-1, keepdims=True))
