"""Slater's condition: is there a point of the box at which every inequality holds strictly?

Where there is one and the problem is convex, the duality gap is zero and multipliers exist (M. Slater, "Lagrange
multipliers revisited", 1950; S. Boyd, L. Vandenberghe, "Convex optimization", 2004, section 5.2.3). Where there is
none, and the rows are convex, some mu >= 0 with sum 1 (and nu for equalities and bounds) has
sum mu_i g_i + sum nu_j h_j >= 0 for all x: such multipliers refute it.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from scipy.optimize import minimize as local
from scipy.optimize import nnls

from ...errors import CauchyError
from ...graph import Graph
from ...messages import say
from ...proof import Proof, Result, Verdict
from ...tracer import trace
from .. import rational
from ..convexity import polynomial
from ..convexity.analysis import Analysis, semidefinite
from ..convexity.composition import AFFINE
from ..convexity.polynomial import Polynomial
from ..problem import Problem, asked_about
from ..result import Multipliers

DENOMINATOR = 10_000


@dataclass(frozen=True)
class Slater(Result):
    """PROVED by `point`, REFUTED by `multipliers`, or UNDECIDED.

    `point`: every inequality holds strictly there, by at least `margin`, and equalities exactly. `refined`: that is so
    of the inequalities that are not affine, which is enough; affine ones hold. `multipliers`: the rows and bounds
    weighted by these (upper sides >= 0, lower sides <= 0) have a sum that is nowhere negative. `reason`: why nothing
    was decided: "untraced" (the constraints could not be traced), "equality" (one is not affine), "form" (no point was
    found, and multipliers can be checked for polynomials of degree at most 2 only) or "search" (neither a point nor
    multipliers were found).
    """

    point: np.ndarray | None
    margin: float
    refined: bool
    multipliers: Multipliers | None
    reason: Literal["", "untraced", "equality", "form", "search"] = ""

    def text(self, lang: str | None = None) -> str:
        short = lambda v: np.array2string(np.asarray(v), precision=6, threshold=8)
        if self.verdict is Verdict.PROVED:
            key = "dual_slater_refined" if self.refined else "dual_slater_holds"
            key = key if np.isfinite(self.margin) else "dual_slater_equalities"
            return say(f"optimize.{key}", lang, point=short(self.point), margin=self.margin)
        if self.verdict is Verdict.REFUTED and self.multipliers is not None:
            return say("optimize.dual_slater_fails", lang, multipliers=short(self.multipliers.constraints))
        return say("optimize.dual_slater_undecided", lang) + say(f"optimize.dual_slater_why_{self.reason}", lang)

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.text())}</pre>"


@dataclass(frozen=True)
class Sides:
    """The inequalities g_i(x) <= 0 of a problem: row, sign (+1: c - cu, -1: cl - c), offset."""

    row: np.ndarray
    sign: np.ndarray
    offset: np.ndarray

    @classmethod
    def of(cls, p: Problem) -> Sides:
        unequal = p.cl != p.cu
        up, down = ((unequal & np.isfinite(s)).nonzero()[0] for s in (p.cu, p.cl))
        sign = np.concatenate([np.ones(up.size), -np.ones(down.size)])
        return cls(np.concatenate([up, down]), sign, np.concatenate([p.cu[up], p.cl[down]]))

    def values(self, c: np.ndarray) -> np.ndarray:
        return self.sign * (c[self.row] - self.offset)


def slater(
    f: Callable[..., Any] | Problem,
    x0: Any = None,
    *,
    args: tuple[Any, ...] = (),
    bounds: Any = None,
    subject_to: Any = (),
) -> Slater:
    """Does Slater's condition hold: a point of the box where every inequality is strict and every equality holds?

    f, x0, args, bounds, subject_to: as for `dual` and `minimize` (f itself plays no part: the point need not lie in its
    domain); or `slater(problem)`. Affine inequalities need not be strict (`refined`). In a convex problem that has such
    a point inside the domain of f, the duality gap is zero and multipliers exist.

    Returns a `Slater`: PROVED by a point, verified in rational or interval arithmetic; REFUTED by multipliers, verified
    in rational arithmetic, or by intervals over the box for a row that is nowhere negative; else UNDECIDED with a
    `reason`. Raises `ShapeError` or `DomainError` for functions, bounds and constraints that are none.

    References: M. Slater, Lagrange multipliers revisited (1950); S. Boyd, L. Vandenberghe, Convex optimization (2004),
    section 5.2.3.

    >>> slater(lambda x: x**2, 0.0, subject_to=(lambda x: x, 1, None)).verdict
    <Verdict.PROVED: 'proved'>
    >>> slater(lambda x: x, 1.0, subject_to=(lambda x: x**2, None, 0)).verdict
    <Verdict.REFUTED: 'refuted'>
    >>> slater(lambda x: x, 1.0, subject_to=(lambda x: x**2, 1, 1)).reason
    'equality'
    """
    f = asked_about("slater", f, x0, args, bounds, subject_to)
    with np.errstate(all="ignore"):
        return _Phase(f).decide()


def inside(p: Problem, condition: Slater, best: np.ndarray) -> bool:
    """Does the condition also hold at a point in the interior of the domain of f, as the theorem asks?

    Where its own point is none, others on the way to a feasible point with a finite f are tried.
    """
    if condition.verdict is not Verdict.PROVED or condition.point is None:
        return False
    try:
        f = Analysis(trace(p.f, p.x0))
    except CauchyError:
        return False
    phase = _Phase(p)
    for share in (0.0, 0.5, 0.9, 0.99, 0.999, 1.0):
        found = condition if share == 0 else phase.near((1 - share) * condition.point + share * best)
        if found is not None and found.point is not None:
            with np.errstate(all="ignore"):
                f.over(found.point, found.point)
            if f.inner:
                return True
    return False


class _Phase:
    """Phase one: maximize s with g_i(x) + s <= 0 for strict i, g_i(x) <= 0 for the others, h(x) = 0, x in the box."""

    def __init__(self, p: Problem) -> None:
        self.p, self.sides = p, Sides.of(p)
        self.equal = (p.cl == p.cu).nonzero()[0]
        self.graph: Graph | None = None
        bits = np.zeros(p.m, int)
        if p.c is not None:
            try:
                self.graph = trace(p.c, p.x0)
                self.rows = Analysis(self.graph)
                bits = np.broadcast_to(self.rows.over(p.lower, p.upper).bits, (p.m,))
            except CauchyError:
                self.graph = None
        self.affine = bits == AFFINE
        self.polynomials = self._collected()

    def _collected(self) -> list[Polynomial] | None:
        if self.graph is None:
            return None
        found = polynomial.evaluate(self.graph, polynomial.variables(self.graph), self.graph.outputs)
        if found is None:
            return None
        lift = lambda v: v if isinstance(v, Polynomial) else Polynomial({(): Fraction(v)})
        return [lift(v) for v in found[0].ravel().tolist()]

    def decide(self) -> Slater:
        p = self.p
        if p.c is None:
            return self._held(np.clip(p.x0, p.lower, p.upper), np.inf, False)
        if self.graph is None:
            return Slater(None, np.nan, False, None, "untraced")
        strict, curved = self.kinds
        x = np.clip(p.x0, p.lower, p.upper)
        for which, refined in ((strict, False), (curved, True)):
            x = self._search(which)
            if (found := self._verified(x, which, refined)) is not None:
                return found
        for which in (curved, strict):
            if which.any() and (found := self._refuted(x, which)) is not None:
                return found
        if (found := self._nowhere()) is not None:
            return found
        affine = bool(self.affine[self.equal].all())
        reason = "equality" if not affine else "form" if self.polynomials is None else "search"
        return Slater(None, np.nan, False, None, reason)

    def _nowhere(self) -> Slater | None:
        """One row that is not affine and, by intervals over the box, nowhere below its side."""
        p, sides = self.p, self.sides
        fact = self.rows.over(p.lower, p.upper)
        low, high = (np.broadcast_to(s, (p.m,))[sides.row] for s in (fact.low, fact.high))
        least = np.where(sides.sign > 0, low - sides.offset, sides.offset - high)
        never = (~self.affine[sides.row] & (least >= 0)).nonzero()[0]
        if not never.size:
            return None
        k = int(never[0])
        rows = np.zeros(p.m)
        rows[sides.row[k]] = sides.sign[k]
        statement = f"row {sides.row[k]} is nowhere on the strict side: it lies in [{low[k]}, {high[k]}] on the box"
        found = Multipliers(rows, np.zeros(p.n))
        return Slater(None, np.nan, False, found, verdict=Verdict.REFUTED, proof=Proof("intervals", statement))

    @property
    def kinds(self) -> tuple[np.ndarray, np.ndarray]:
        """All inequalities, and those that are not affine."""
        return np.ones(self.sides.row.size, bool), ~self.affine[self.sides.row]

    def near(self, x: np.ndarray) -> Slater | None:
        """The condition at x or at a rational point beside it."""
        strict, curved = self.kinds
        found = self._verified(x, strict, False)
        return self._verified(x, curved, True) if found is None else found

    def _held(self, x: np.ndarray, margin: float, refined: bool) -> Slater:
        proof = Proof("point", "the inequalities hold strictly at the point", (f"x = {x}",))
        return Slater(x, margin, refined, None, verdict=Verdict.PROVED, proof=proof)

    def _search(self, strict: np.ndarray) -> np.ndarray:
        p, sides = self.p, self.sides
        g = lambda x: sides.values(np.asarray(p.constraints(x)))
        J = lambda x: sides.sign[:, None] * np.asarray(p.jacobian(x))[sides.row]
        x0 = np.clip(p.x0, p.lower, p.upper)
        start = np.append(x0, np.clip(-g(x0)[strict].max(initial=-1.0), -1e6, 1.0))
        rules: list[Any] = [
            {
                "type": "ineq",
                "fun": lambda v: -g(v[:-1]) - strict * v[-1],
                "jac": lambda v: np.column_stack([-J(v[:-1]), -1.0 * strict]),
            }
        ]
        if self.equal.size:
            at = self.equal
            rules.append(
                {
                    "type": "eq",
                    "fun": lambda v: np.asarray(p.constraints(v[:-1]))[at] - p.cl[at],
                    "jac": lambda v: np.column_stack([np.asarray(p.jacobian(v[:-1]))[at], np.zeros(at.size)]),
                }
            )
        box = [*zip(p.lower, p.upper, strict=True), (None, 1.0)]
        slope = np.append(np.zeros(p.n), -1.0)
        found = local(
            lambda v: -v[-1], start, jac=lambda v: slope, bounds=box, constraints=rules, method="SLSQP",
            options={"maxiter": 200, "ftol": 1e-12},
        )  # fmt: skip
        x = np.clip(found.x[:-1], p.lower, p.upper)
        return x if np.isfinite(x).all() else x0

    # -- the point ---------------------------------------------------------------------------------------------------

    def _verified(self, x: np.ndarray, strict: np.ndarray, refined: bool) -> Slater | None:
        """The point x, or a rational one beside it, if it proves the condition."""
        p, sides = self.p, self.sides
        if self.graph is None:
            return None
        for digits in (0, 1, 3, 8):  # a point that reads well, if one will do
            rounded = np.round(x, digits)
            if self.equal.size == 0 and strict.all() and (rounded >= p.lower).all() and (rounded <= p.upper).all():
                fact = self.rows.over(rounded, rounded)
                low, high = (np.broadcast_to(s, (p.m,)) for s in (fact.low, fact.high))
                worst = np.where(sides.sign > 0, high[sides.row] - sides.offset, sides.offset - low[sides.row])
                if self.rows.inner and (worst.size == 0 or worst.max() < 0):
                    return self._held(rounded, float(-worst.max(initial=-np.inf)), refined)
        return self._exactly(x, strict, refined)

    def _exactly(self, x: np.ndarray, strict: np.ndarray, refined: bool) -> Slater | None:
        p, sides = self.p, self.sides
        if self.polynomials is None:
            return None
        near = sides.values(np.asarray(p.constraints(x)))
        tight = [int(i) for i in sides.row[~strict & (near > -1e-7)]]
        rows = [*self.equal.tolist(), *tight]
        if any(len(k) > 1 and v for i in rows for k, v in self.polynomials[i].terms.items()):
            return None
        target = [Fraction(float(p.cl[i])) for i in self.equal]
        target += [Fraction(float(o)) for o in sides.offset[~strict & (near > -1e-7)]]
        at = [Fraction(float(v)) for v in x]
        if rows:
            A = [[self.polynomials[i].terms.get((j,), Fraction(0)) for j in range(p.n)] for i in rows]
            rest = [
                t - self.polynomials[i].terms.get((), Fraction(0)) - rational.dot(a, at)
                for i, t, a in zip(rows, target, A, strict=True)
            ]
            if (step := rational.solve(A, rest)) is None:
                return None
            at = [v + d for v, d in zip(at, step, strict=True)]
        if any(v < low or v > high for v, low, high in zip(at, p.lower, p.upper, strict=True)):
            return None
        values = [_at(q, at) for q in self.polynomials]
        margins = []
        for i, sign, offset, s in zip(sides.row, sides.sign, sides.offset, strict, strict=True):
            slack = (Fraction(float(offset)) - values[i]) * int(sign)
            if slack < 0 or (s and slack == 0):
                return None
            margins += [polynomial.nearest(slack)] if s else []
        if any(values[i] != Fraction(float(p.cl[i])) for i in self.equal):
            return None
        return self._held(np.array([polynomial.nearest(v) for v in at]), min(margins, default=np.inf), refined)

    # -- the multipliers ---------------------------------------------------------------------------------------------

    def _refuted(self, x: np.ndarray, strict: np.ndarray) -> Slater | None:
        """Multipliers of a sum that is nowhere negative, found from gradients at x, rounded to small fractions."""
        p, sides = self.p, self.sides
        if self.polynomials is None:
            return None
        c, J = np.asarray(p.constraints(x)), np.asarray(p.jacobian(x))
        near = sides.values(c) > -1e-5 * (1 + np.abs(sides.offset))
        columns = [(int(i), int(s), float(o), bool(t)) for i, s, o, t in zip(
            sides.row[near], sides.sign[near], sides.offset[near], strict[near], strict=True)]  # fmt: skip
        gradients = [s * J[i] for i, s, _, _ in columns]
        for i in self.equal:
            for s in (1, -1):
                columns.append((int(i), s, float(p.cl[i]), False))
                gradients.append(s * J[i])
        for j in range(p.n):
            for s, side in ((1, p.upper[j]), (-1, p.lower[j])):
                if np.isfinite(side) and abs(x[j] - side) < 1e-6 * (1 + abs(side)):
                    columns.append((-1 - j, s, float(side), False))
                    gradients.append(s * np.eye(p.n)[j])
        if not any(t for *_, t in columns) or not np.isfinite(gradients).all():
            return None
        M = np.vstack([np.array(gradients).T, 1e3 * np.array([[1.0 * t for *_, t in columns]])])
        mu, _ = nnls(M, np.append(np.zeros(p.n), 1e3))
        for denominator in (1, 12, 840, DENOMINATOR):
            exact = [Fraction(float(v)).limit_denominator(denominator) for v in mu]
            if any(v and t for v, (*_, t) in zip(exact, columns, strict=True)) and self._nonnegative(exact, columns):
                rows, bounds = np.zeros(p.m), np.zeros(p.n)
                for v, (i, s, _, _) in zip(exact, columns, strict=True):
                    (rows if i >= 0 else bounds)[i if i >= 0 else -1 - i] += s * float(v)
                statement = "a sum of the inequalities with nonnegative multipliers is nowhere negative"
                proof = Proof("rational", statement, tuple(f"c[{i}]: {v}" for i, v in enumerate(rows) if v))
                found = Multipliers(rows, bounds)
                return Slater(None, np.nan, False, found, verdict=Verdict.REFUTED, proof=proof)
        return None

    def _nonnegative(self, mu: list[Fraction], columns: list[tuple[int, int, float, bool]]) -> bool:
        """(x, 1)'M(x, 1) >= 0 for all x, exactly."""
        n = self.p.n
        total = Polynomial({})
        for v, (i, s, offset, _) in zip(mu, columns, strict=True):
            if v:
                row = self.polynomials[i] if i >= 0 else Polynomial({(-1 - i,): Fraction(1)})  # type: ignore[index]
                total = total + (row - Fraction(offset)) * (s * v)
        M = [[v / 2 for v in row] for row in total.hessian(n)]
        linear = [total.terms.get((j,), Fraction(0)) / 2 for j in range(n)]
        M = [[*row, b] for row, b in zip(M, linear, strict=True)]
        return semidefinite([*M, [*linear, total.terms.get((), Fraction(0))]])


def _at(q: Polynomial, x: list[Fraction]) -> Fraction:
    out = Fraction(0)
    for k, v in q.terms.items():
        out += math.prod((x[i] for i in k), start=v)
    return out
