"""Lagrange multipliers: the stationary system of a constrained problem, shown, solved and its points classified.

L(x, lam) = f(x) + sum lam_i (c_i(x) - b_i) over the constraints that hold with equality. Where its gradient in x and
lam vanishes, x is a candidate. With inequalities the system has to be solved for each set of active ones (complementary
slackness), and points outside the others, or with multipliers of the wrong sign, fall away; all partial derivatives set
to zero at once is another problem, which may have no solution.
"""

from __future__ import annotations

import html
import itertools
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from scipy.optimize import root

from ...errors import CauchyError
from ...messages import say
from ...proof import Proof, Result, Verdict
from ..certificate import certify
from ..certificate.kkt import Curvature, Point, Vector, residuals
from ..problem import Problem, asked_about
from ..rational import eliminate
from ..result import Multipliers
from .sensitivity import Sensitivity, sensitivity
from .stationary import Formulas, Solution, Solved, Solver, formulas, latex

__all__ = ["CriticalPoint", "Lagrange", "Sensitivity", "lagrange", "sensitivity"]

MOST_SETS = 4096  # of active constraints
CLOSE = 1e-8  # points closer than this, relative to max(1, |x|), are one
Side = Literal[-1, 0, 1]


@dataclass(frozen=True)
class CriticalPoint:
    """A point where the Lagrangian is stationary.

    x: flat, shape (n,). kind: of f on the constraint: "minimum", "maximum", "saddle", "degenerate". eigenvalues: of the
    Hessian of L in x and the multipliers together: of both signs wherever a constraint is active, so that the point is
    a saddle of L whatever it is of f. exact: x and the multipliers of `active` as text, () where unknown.
    """

    x: Vector
    fun: float
    multipliers: Multipliers
    kind: Literal["minimum", "maximum", "saddle", "degenerate"]
    active: tuple[tuple[str, int], ...]
    eigenvalues: Vector
    exact: tuple[str, ...] = ()

    @property
    def saddle_of_lagrangian(self) -> bool:
        """Whether the Hessian of L has eigenvalues of both signs."""
        return bool(self.eigenvalues.min() < 0 < self.eigenvalues.max())


@dataclass(frozen=True, kw_only=True)
class Lagrange(Result):
    """The stationary system and its points, lowest f first.

    lagrangian, equations: LaTeX, "" and () where the functions have no formula. complete: whether these are all points.
    verdict: PROVED where the system was solved exactly (`points` may then be proved empty), else UNDECIDED: the points
    come from several starts.
    """

    problem: Problem
    lagrangian: str
    equations: tuple[str, ...]
    points: tuple[CriticalPoint, ...]
    complete: bool

    @property
    def minimum(self) -> CriticalPoint | None:
        """The lowest of the minima found."""
        return next((p for p in self.points if p.kind == "minimum"), None)

    def text(self, lang: str | None = None) -> str:
        tell = lambda key, **fields: say(f"optimize.lagrange_{key}", lang, **fields)
        lines = [f"L = {self.lagrangian}", *(f"  {e} = 0" for e in self.equations)] if self.lagrangian else []
        if not self.points:
            lines.append(tell("none_proved" if self.verdict is Verdict.PROVED else "none"))
        for p in self.points:
            z, lam = p.multipliers.bounds, p.multipliers.constraints
            shown = [f"c[{i}]: {lam[i]:.10g}" if kind == "c" else f"x[{i}]: {z[i]:.10g}" for kind, i in p.active]
            where = ", ".join(p.exact[: p.x.size]) or ", ".join(f"{v:.10g}" for v in p.x)
            lines.append(
                tell("point", x=where, fun=p.fun, kind=tell(f"kind_{p.kind}"), multipliers=", ".join(shown) or "-")
            )
            if p.active:
                values = ", ".join(f"{v:.4g}" for v in p.eigenvalues)
                lines.append(tell("saddle" if p.saddle_of_lagrangian else "eigenvalues", values=values))
        if self.points:
            lines.append(tell("complete" if self.complete else "incomplete"))
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text()

    def _repr_latex_(self) -> str:
        rows = [f"L &= {self.lagrangian}", *(f"0 &= {e}" for e in self.equations)]
        return r"$\begin{aligned}" + r" \\ ".join(rows) + r"\end{aligned}$" if self.lagrangian else ""

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.text())}</pre>"

    def plot(self, *, lang: str | None = None) -> Any:
        """A matplotlib Figure of a problem of two variables: contours of f, the constraints, and all points."""
        from ..picture import lagrange_figure

        return lagrange_figure(self, lang)


def lagrange(
    f: Callable[..., Any] | Problem,
    x0: Any = None,
    *,
    subject_to: Any = (),
    bounds: Any = None,
    args: tuple[Any, ...] = (),
    active: Literal["all"] | Sequence[int] | None = None,
    starts: int = 40,
    seconds: float = 10.0,
    seed: int = 0,
) -> Lagrange:
    """All stationary points of the Lagrangian of: f(x) where `subject_to` and `bounds` hold.

    subject_to, bounds: as `cauchy.minimize` takes them. active: which inequality rows (and no bounds) hold with
    equality, whatever the others and the signs say; "all" of them is the system that sets every partial derivative to
    zero. By default every set is tried (complementary slackness), and points that violate the others or have
    multipliers of the wrong sign fall away. x0: the structure of x, and where the search starts.

    Polynomial problems are solved exactly, within `seconds`: then all points are there, or it is proved that none is.
    Others by Newton's method from `starts` random points around x0, with `seed`; what that finds need not be all.
    The sign of the multipliers is that of L = f + lam (c - b).

    >>> import cauchy
    >>> circle = cauchy.lagrange(lambda x: x[0] ** 2 + x[1] ** 2, [1.0, 0.0], subject_to=(lambda x: x[0] + x[1], 1, 1))
    >>> print(circle)
    L = \\lambda \\left(x_{0} + x_{1} - 1\\right) + x_{0}^{2} + x_{1}^{2}
      \\lambda + 2 x_{0} = 0
      \\lambda + 2 x_{1} = 0
      x_{0} + x_{1} - 1 = 0
    x = (1/2, 1/2): f = 0.5, a strict local minimum on the constraints; multipliers c[0]: -1
      a saddle point of L: its Hessian there has eigenvalues -0.7321, 2, 2.732
    These are all stationary points.
    """
    began = time.perf_counter()
    p = asked_about("lagrange", f, x0, args, bounds, subject_to)
    sets = list(_sets(p, active))
    free = active is not None
    known = formulas(p, p.x0)
    found: list[CriticalPoint] = []
    complete, exact = known is not None, known is not None
    rng = np.random.default_rng(seed)
    with Solver(seconds) as solver:
        for rows, sides in sets:
            solved = _exactly(known, solver, rows, sides) if known else Solved(how="unsolved")
            if solved.how == "infinite" and not free and _needless(p, known, rows):
                continue
            complete &= solved.how == "all"
            exact &= solved.sure
            if solved.how == "all":
                points = [_Candidate(p, rows, np.array(s.numbers), s) for s in solved.solutions]
            else:
                points = _numerically(p, rows, sides, max(1, starts // len(sets)), rng)
            for point in points:
                _keep(found, point.judged(free))
    found.sort(key=lambda c: c.fun)
    L, equations = _shown(known, sets[-1]) if known else ("", ())
    proved = complete and exact
    statement = f"the stationary system has {len(found)} real solution{'s' * (len(found) != 1)} with the right signs"
    proof = Proof("polynomial system", statement, equations) if proved else None
    cost = {"systems": float(len(sets)), "seconds": time.perf_counter() - began}
    return Lagrange(
        problem=p, lagrangian=L, equations=equations, points=tuple(found), complete=complete,
        verdict=Verdict.PROVED if proved else Verdict.UNDECIDED, proof=proof, cost=cost,
    )  # fmt: skip


def _sets(p: Problem, active: Any) -> Iterable[tuple[list[int], list[float]]]:
    """Sets of rows (constraints, then bounds) that hold with equality, and at which side."""
    low, high = np.concatenate((p.cl, p.lower)), np.concatenate((p.cu, p.upper))
    equal = low == high
    if active is not None:
        chosen = set(range(p.m)) if isinstance(active, str) and active == "all" else {int(i) for i in active}
        if not chosen <= set(range(p.m)):
            raise CauchyError(f"active={active!r}", fix=f'"all", or indices of the {p.m} rows of the constraints')
        rows = [i for i in range(low.size) if equal[i] or i in chosen]
        for i in rows:
            if not equal[i] and np.isfinite(low[i]) == np.isfinite(high[i]):
                raise CauchyError(f"row {i} has two sides", fix="give it as two constraints, one for each side")
        yield rows, [float(high[i] if np.isfinite(high[i]) else low[i]) for i in rows]
        return
    choices = [[v for v in dict.fromkeys((low[i], high[i])) if np.isfinite(v)] for i in range(low.size)]
    options = [c if e else [None, *c] for c, e in zip(choices, equal, strict=True)]
    count = float(np.prod([float(len(o)) for o in options]))
    if count > MOST_SETS:
        why = f"each set of active inequalities is a system of its own: {count:.0f} of them, at most {MOST_SETS}"
        raise CauchyError("too many inequalities", why=why, fix="cauchy.minimize finds a minimum")
    for combination in itertools.product(*options):
        rows = [i for i, side in enumerate(combination) if side is not None]
        yield rows, [float(side) for side in combination if side is not None]


def _shown(known: Formulas, chosen: tuple[list[int], list[float]]) -> tuple[str, tuple[str, ...]]:
    equations, _, L = known.stationary(*chosen)
    return latex(L), tuple(latex(e) for e in equations)


def _exactly(known: Formulas, solver: Solver, rows: list[int], sides: list[float]) -> Solved:
    equations, unknowns, _ = known.stationary(rows, sides)
    system = known.polynomials(equations, unknowns)
    return Solved(how="unsolved") if system is None else solver.solve(system)


def _needless(p: Problem, known: Formulas | None, rows: list[int]) -> bool:
    """Whether linear rows depend on each other, which the equalities among them do not.

    Points with multipliers on such a set have multipliers on a smaller one as well (Carathéodory).
    """
    if known is None:
        return False
    equal = np.concatenate((p.cl == p.cu, p.lower == p.upper))
    slopes = known.linear(rows)
    rank = lambda chosen: len(eliminate([slopes[i] for i in chosen])[1]) if slopes else 0
    mine = [i for i, row in enumerate(rows) if equal[row]]
    return slopes is not None and rank(range(len(rows))) < len(rows) and rank(mine) == len(mine)


def _numerically(p: Problem, rows: list[int], sides: list[float], starts: int, rng: Any) -> list[_Candidate]:
    """Newton's method on the stationary system (Powell's hybrid), from x0 and around it."""
    at, side = np.array(rows, dtype=int), np.array(sides)
    k, n = len(rows), p.n

    def system(u: Vector) -> Vector:
        with np.errstate(all="ignore"):
            point = Point(p, u[:n])
            return np.concatenate((point.residual(_spread(point, at, u[n:])), point.v[at] - side))

    def slope(u: Vector) -> Vector:
        with np.errstate(all="ignore"):
            point = Point(p, u[:n])
            V = point.matrix(at)
            return np.block([[point.hessian(_spread(point, at, u[n:])), V.T], [V, np.zeros((k, k))]])

    out = []
    spread = np.maximum(1.0, np.abs(p.x0))
    for i in range(starts):
        x = p.x0 + (3 * spread * rng.standard_normal(n) if i else 0.0)
        u = np.concatenate((np.clip(x, p.lower, p.upper), np.zeros(k)))
        if not (np.isfinite(system(u)).all() and np.isfinite(slope(u)).all()):
            continue
        found = root(system, u, jac=slope, method="hybr", tol=1e-13)
        if np.isfinite(found.x).all() and np.abs(found.fun).max() <= 1e-9 * max(1.0, float(np.abs(found.x).max())):
            out.append(_Candidate(p, rows, found.x, None))
    return out


def _spread(point: Point, rows: Vector, lam: Vector) -> Vector:
    y = np.zeros(point.m + point.n)
    y[rows] = lam
    return y


class _Candidate:
    """A solution of the stationary system of one set of rows."""

    def __init__(self, p: Problem, rows: list[int], u: Vector, exact: Solution | None) -> None:
        self.p, self.rows, self.x, self.lam, self.exact = p, np.array(rows, dtype=int), u[: p.n], u[p.n :], exact

    def judged(self, free: bool) -> CriticalPoint | None:
        """The point with what it is; None where it is not feasible or a multiplier has the wrong sign."""
        p, m = self.p, self.p.m
        with np.errstate(all="ignore"):
            point = Point(p, self.x)
            if not point.finite:
                return None
            y = _spread(point, self.rows, self.lam)
            H = point.hessian(y)
            gaps = point.gaps()
            res = residuals(point, y, H, gaps, 1e-6, 1e-9)
            if not free and (min(g.min() for g in gaps) < -1e-9 or max(res.dual, res.complementarity) > 1e-9):
                return None
            V = point.matrix(self.rows)
            k = len(self.rows)
            bordered = np.block([[H, V.T], [V, np.zeros((k, k))]])
            kind = self._kind(point, H, res.s, free)
        names = tuple(("c", int(i)) if i < m else ("x", int(i - m)) for i in self.rows)
        texts = self.exact.texts if self.exact else ()
        found = CriticalPoint(
            self.x, point.f, Multipliers(y[:m], y[m:]), kind, names, np.linalg.eigvalsh(bordered), texts
        )
        return found if np.isfinite(bordered).all() else None

    def _kind(self, point: Point, H: Vector, s: Vector, free: bool) -> Any:
        signs = Curvature(point, H, self.rows, s).signs
        equalities = free or bool(point.equal[self.rows].all())
        if (signs == 0).any() or (not equalities and (self.lam == 0).any()):
            c = certify(self.p, self.x)
            return c.kind if c.kind in ("minimum", "saddle") else "degenerate"
        if (signs > 0).all():
            return "minimum"
        return "maximum" if (signs < 0).all() and equalities else "saddle"


def _keep(found: list[CriticalPoint], point: CriticalPoint | None) -> None:
    """Add a point, unless it is there; of two sets of active constraints with the same point, the smaller says it."""
    if point is None:
        return
    for i, other in enumerate(found):
        if np.all(np.abs(point.x - other.x) <= CLOSE * np.maximum(1.0, np.abs(other.x))):
            if len(point.active) < len(other.active):
                found[i] = replace(point, exact=point.exact or other.exact)
            return
    found.append(point)
