"""The Lagrange dual of a problem: dual function, its maximum, the gap, and whether theory promises that it is zero.

The rows of `subject_to` are put into the Lagrangian, the bounds stay: for multipliers lam of the rows
    g(lam) = min over the box of f(x) + lam'c(x), less sum_i max(lam_i cl_i, lam_i cu_i),
a concave function below every feasible value of f (weak duality). The signs are those of the whole library: lam_i >= 0
belongs to c_i <= cu_i, lam_i <= 0 to c_i >= cl_i. A book's multiplier of cl - c(x) <= 0 is minus lam_i.
"""

from __future__ import annotations

import html
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import linprog, lsq_linear
from scipy.optimize import minimize as local

from ...calculus import differentiate
from ...errors import CauchyError, DomainError, ShapeError
from ...messages import say
from ...proof import Proof, Result, Verdict
from ...tracer import trace
from ..convexity import Convexity, convexity, polynomial
from ..convexity.analysis import Analysis
from ..convexity.polynomial import Polynomial
from ..problem import Problem, asked_about
from ..quadratic import quadratic
from .everywhere import SPLIT, Filter, Least, least, split
from .rays import Ray, line_ray, matrix, quadratic_ray, seen_ray
from .slater import Slater, inside, slater

FARTHEST = 1e8  # multipliers beyond this are taken for infinite
ROUNDS = 80
NEAR = 1e-9
DRAWING = 2.0  # seconds after which a picture is content with 21 points
FAR = 1e6  # a search that goes so far, relative to its start, may have no end


class DualValue(NamedTuple):
    """g(lam) and where it is taken: `how` is "convex", "corners", "boxes" (proved minima up to tolerance), "unbounded"
    (g = -inf), or "search" (a local search, or boxes for which the time was too short: g is at most this)."""

    value: float
    x: np.ndarray
    how: str


@dataclass(frozen=True)
class Dual(Result):
    """The dual of a problem, solved.

    value: d* = sup g, up to `upper`, which no g exceeds: `mixture`, weights and points that are feasible on average,
    shows that. multipliers: where g = value, shape (m,); attained: False if g only comes near as multipliers grow.
    primal, x: the least feasible value found and its place; primal_bound: none is below it (-inf where not known).
    gap = primal - value. function: lam -> `DualValue`.
    ray: where the problem is unbounded (or, `ray.proved` is False, seems to be): f falls along it without end, and
    primal and value are -inf. finished: False if the time ran out; then value and primal are only the best so far.
    verdict: is strong duality, d* = p*, PROVED (convexity and Slater's condition, both proved; or by weak duality, as a
    proved ray shows p* = -inf), REFUTED (upper below primal_bound), or UNDECIDED. It is about d* and p*; where the two
    numbers found do not meet although it is proved, the report says so.
    """

    value: float
    multipliers: np.ndarray
    attained: bool
    upper: float
    mixture: tuple[tuple[float, np.ndarray], ...]
    primal: float
    x: np.ndarray
    primal_bound: float
    convexity: Convexity
    slater: Slater
    function: Callable[[Any], DualValue] = field(repr=False, compare=False)
    ray: Ray | None = None
    finished: bool = True

    @property
    def gap(self) -> float:
        return 0.0 if self.primal == self.value else self.primal - self.value

    def text(self, lang: str | None = None) -> str:
        """The report in English ("en") or Chinese ("zh"); by default in the user's language."""
        short = lambda v: np.array2string(np.asarray(v), precision=9, threshold=8)
        tell = lambda key, **fields: say(f"optimize.dual_{key}", lang, **fields)
        by_ray = self.ray is not None and self.ray.proved
        parts = [tell("strong_ray") if by_ray else tell(f"strong_{self.verdict.value}")]
        if self.ray is not None:
            at, way = short(self.ray.point), short(self.ray.direction)
            parts.append(tell("unbounded" if by_ray else "unbounded_seen", point=at, direction=way))
        else:
            parts.append(tell("primal", value=self.primal, x=short(self.x)))
            if self.value == -np.inf:
                parts.append(tell("nowhere"))
            else:
                key = "value" if self.attained else "limit"
                parts.append(tell(key, value=self.value, multipliers=short(self.multipliers)))
            parts.append(tell("gap", gap=self.gap))
            if self.verdict is Verdict.PROVED and not abs(self.gap) <= 1e-5 * max(1.0, abs(self.primal)):
                parts.append(tell("unmet"))
        if not self.finished:
            parts.append(tell("time", seconds=self.cost["limit"]))
        parts += [tell("convex" if self.convexity.problem_convex else "not_convex"), self.slater.text(lang)]
        if self.verdict is Verdict.REFUTED:
            points = ", ".join(f"{w:.6g} x {short(x)}" for w, x in self.mixture)
            parts.append(tell("mixture", points=points, upper=self.upper, bound=self.primal_bound))
        return "\n  ".join(parts)

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.text())}</pre>"

    def plot(self, *, lang: str | None = None) -> Any:
        """A matplotlib Figure: the dual function of one multiplier, below the least value of f; a gap is shaded."""
        from ... import figure

        if self.multipliers.size != 1:
            raise ShapeError(f"plot: one multiplier can be drawn, not {self.multipliers.size}")
        if self.value == -np.inf:
            raise DomainError("plot: the dual function is -inf everywhere, or nowhere known to be finite")
        best = float(self.multipliers[0])
        low, high = sorted((0.0, np.sign(best) * 10.0))  # where it only comes near as the multiplier grows
        if self.attained:
            low, high = best - max(abs(best), 1.0), best + max(abs(best), 1.0)
        grid = np.linspace(low, high, 201)
        values, until = np.full(grid.size, np.nan), time.perf_counter() + DRAWING
        for step in (10, 5, 1):  # each value is a minimization of its own
            for i in range(0, grid.size, step):
                if np.isnan(values[i]) and (step == 10 or time.perf_counter() < until):
                    values[i] = self.function([grid[i]]).value
        seen = np.isfinite(values)
        with figure.style():
            made, axes = figure.new(size=(6.0, 4.0))
            axes.plot(grid[seen], values[seen], color=figure.BLUE, label=r"$g(\lambda)$")
            axes.axhline(self.primal, color=figure.ORANGE, linestyle="--", label=f"$p^* = {self.primal:.6g}$")
            if self.gap > 1e-6 * max(1.0, abs(self.primal)):
                axes.axhspan(self.value, self.primal, color=figure.ORANGE, alpha=0.15, linewidth=0)
            label = f"$d^* = {self.value:.6g}$"
            if self.attained:
                axes.plot([best], [self.value], "*", color=figure.RED, markersize=12, label=label, linestyle="none")
            else:
                axes.axhline(self.value, color=figure.RED, linestyle=":", label=label)
            axes.set(xlabel=r"$\lambda$", title=self.text(lang).splitlines()[0].split(" (")[0].split("（")[0])
            axes.legend(fontsize=9)
        return made


def dual(
    f: Callable[..., Any] | Problem,
    x0: Any = None,
    *,
    args: tuple[Any, ...] = (),
    bounds: Any = None,
    subject_to: Any = (),
    seconds: float = 5.0,
) -> Dual:
    """The Lagrange dual of min f(x) with `bounds` and `subject_to`, which take the forms that `minimize` takes.

    Or `dual(problem)`. The rows of `subject_to` get multipliers; the bounds stay as the set over which the Lagrangian
    is minimized. That minimum is global where f + lam'c is convex, or concave on a box of up to 12 dimensions, or
    the box is finite with up to 3 variables; elsewhere a local search gives an estimate, and `how` says "search".

    `seconds`: when this time is over no further box is split and no further multipliers are tried, and `finished` is
    False; one call of f or of a solver may take longer. Calls of `function` get the same time each.

    Guarantee: `verdict` as `Dual` says. The numbers are good to about 1e-8, relative; they are no proven bounds.
    Raises `DomainError` where no row is given, no feasible point is found, or `seconds` is not positive.
    References: S. Boyd, L. Vandenberghe, Convex optimization (2004), chapter 5; J. E. Kelley (1960), cutting planes.

    >>> d = dual(lambda x: x**2, 0.0, subject_to=(lambda x: x, 1, None))
    >>> round(d.value, 8), round(float(d.multipliers[0]), 8), d.verdict
    (1.0, -2.0, <Verdict.PROVED: 'proved'>)
    >>> d.function([-1.0]).value  # l - l^2/4 at l = 1
    0.75
    """
    started = time.perf_counter()
    f = asked_about("dual", f, x0, args, bounds, subject_to)
    if not (isinstance(seconds, (int, float)) and seconds > 0):
        raise DomainError(f"dual: seconds is {seconds!r}; wanted a positive number of seconds", fix="seconds=5.0")
    if f.c is None:
        raise DomainError("dual: there are no constraints to put into the Lagrangian", fix="give subject_to=")
    with np.errstate(all="ignore"):
        found = _Duality(f, float(seconds)).solve()
    found.cost["seconds"] = time.perf_counter() - started  # type: ignore[index]
    return found


class _Duality:
    """The work behind `dual`."""

    def __init__(self, p: Problem, seconds: float) -> None:
        self.p, self.seconds, self.until = p, seconds, time.perf_counter() + seconds
        self.convex = convexity(p)
        self.inside: list[np.ndarray] = []  # feasible starts
        self.lost = False  # did a search end where f is not finite?
        self.cuts: list[tuple[float, np.ndarray, np.ndarray]] = []  # f, c, x

    # -- the dual function -----------------------------------------------------------------------------------------

    @cached_property
    def forms(self) -> list[Polynomial] | None:
        """f and the rows as polynomials of degree at most 2, if they are."""
        p = self.p
        found: list[Polynomial] = []
        try:
            graphs = [trace(p.f, p.x0), trace(p.c, p.x0)]  # type: ignore[arg-type]
        except CauchyError:
            return None
        for graph in graphs:
            if p.n > 100 or any(g.node.live for g in graph.guards):
                return None
            values = polynomial.evaluate(graph, polynomial.variables(graph), graph.outputs)
            if values is None:
                return None
            found += [v if isinstance(v, Polynomial) else Polynomial({(): v}) for v in values[0].ravel().tolist()]
        return found

    def support(self, lam: np.ndarray) -> float:
        """sum_i max(lam_i cl_i, lam_i cu_i)."""
        return float((lam * np.where(lam > 0, self.p.cu, np.where(lam < 0, self.p.cl, 0.0))).sum())

    def slope(self, lam: np.ndarray) -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
        p = self.p

        def of(x: np.ndarray) -> tuple[float, np.ndarray]:
            f, g = p.value_and_gradient(x)
            c, J = np.asarray(p.constraints(x)), np.asarray(p.jacobian(x))
            return float(f) + float(lam @ c), np.asarray(g) + lam @ J

        return of

    @property
    def late(self) -> bool:
        return time.perf_counter() > self.until

    def function(self, lam: Any) -> DualValue:
        """g(lam), with the whole time for it."""
        self.until = time.perf_counter() + self.seconds
        return self.value(lam)

    def value(self, lam: Any) -> DualValue:
        """g(lam); remembers the minimizer as a cut."""
        p = self.p
        lam = np.asarray(lam, np.float64).reshape(-1)
        if lam.size != p.m or not np.isfinite(lam).all():
            raise ShapeError(
                f"lam has {lam.size} entries; wanted {p.m} finite ones, one for each row of the constraints"
            )
        wrong = ((lam > 0) & (p.cu == np.inf)) | ((lam < 0) & (p.cl == -np.inf))
        if wrong.any():
            return DualValue(-np.inf, np.full(p.n, np.nan), "unbounded")
        with np.errstate(all="ignore"):
            found = self._inner(lam)
        if np.isfinite(found.value):
            self.cuts.append((float(p.value(found.x)), np.asarray(p.constraints(found.x), np.float64), found.x))
        return found._replace(value=found.value - self.support(lam))

    def _form(self, lam: np.ndarray) -> tuple[np.ndarray, np.ndarray, float] | None:
        """f + lam'c as x'Hx/2 + q'x + r, if it is such a form and its numbers are doubles."""
        if self.forms is None:
            return None
        form = self.forms[0]
        for weight, row in zip(lam, self.forms[1:], strict=True):
            form = form + row * polynomial.exactly([weight], (1,))[0]
        H, q = matrix(form, self.p.n)
        r = polynomial.nearest(form.terms.get((), Fraction(0)))
        return (H, q, r) if all(bool(np.isfinite(part).all()) for part in (H, q, r)) else None

    def _inner(self, lam: np.ndarray) -> DualValue:
        p = self.p
        if (form := self._form(lam)) is not None:
            H, q, r = form
            found = quadratic(H, q, lower=p.lower, upper=p.upper, r=r).polish()
            if found.how == "optimal":
                return DualValue(found.fun, found.x, "convex")
            if found.how == "unbounded":
                return DualValue(-np.inf, found.x, "unbounded")
            if found.how == "nonconvex" and self._falls(H):
                return DualValue(-np.inf, found.x, "unbounded")
        graph, second = _graphs(lambda x: p.f(x) + (lam @ p.c(x)), p.x0)  # type: ignore[misc]
        found = least(graph, second, self.slope(lam), p.lower, p.upper, p.x0, until=self.until)
        if found.value < -1e15 * (1 + np.abs(lam).sum()) or not np.isfinite(found.value):
            return DualValue(-np.inf, found.x, "unbounded")
        return DualValue(found.value, found.x, found.how)

    def _falls(self, H: np.ndarray) -> bool:
        """Does v'Hv < 0 hold for a v along which the box is endless? (Of the free variables' block.)"""
        p = self.p
        free = (p.lower == -np.inf) & (p.upper == np.inf)
        endless = free | (p.lower == -np.inf) | (p.upper == np.inf)
        block = H[np.ix_(free, free)]
        return bool((H.diagonal()[endless] < 0).any() or (block.size and np.linalg.eigvalsh(block)[0] < -1e-12))

    # -- primal ----------------------------------------------------------------------------------------------------

    def primal(self) -> Least:
        """The least feasible value: by a local search, and over all boxes where the problem is small and not convex."""
        p = self.p
        size = 1e-10 * np.maximum(1.0, np.maximum(*(np.where(np.isfinite(s), np.abs(s), 0.0) for s in (p.cl, p.cu))))

        def feasible(x: np.ndarray) -> bool:
            c = np.asarray(p.constraints(x))
            inside = (x >= p.lower).all() and (x <= p.upper).all()
            return bool(inside and (c >= p.cl - size).all() and (c <= p.cu + size).all())

        best = Least(np.full(p.n, np.nan), np.inf, -np.inf, "search")
        for start in self._starts():
            x0 = np.clip(start, p.lower, p.upper)
            if np.isfinite(p.value(x0)) and feasible(x0):
                self.inside.append(x0)
            if self.late and np.isfinite(best.value):
                break
            x = np.clip(self._local(x0), p.lower, p.upper)
            value = float(p.value(x))
            self.lost |= not np.isfinite(value)
            if value < best.value and np.isfinite(value) and feasible(x):
                best = Least(x, value, -np.inf, "search")
        if not np.isfinite(best.value):
            for x in self.inside:
                if float(p.value(x)) < best.value:
                    best = Least(x, float(p.value(x)), -np.inf, "search")
        finite = bool(np.isfinite(p.lower).all() and np.isfinite(p.upper).all())
        if self.convex.problem_convex or not finite or p.n > SPLIT:
            return best
        (graph, second), (rows, _) = _graphs(p.f, p.x0), _graphs(p.c, p.x0)  # type: ignore[arg-type]
        if graph is None or rows is None or graph.guard is not None or rows.guard is not None:
            return best

        def may(a: np.ndarray, b: np.ndarray) -> bool:
            fact = rows.over(a, b)
            return bool((fact.low <= p.cu).all() and (fact.high >= p.cl).all())

        slope = lambda x: (float(p.value_and_gradient(x)[0]), np.asarray(p.value_and_gradient(x)[1]))
        return split(graph, second, slope, p.lower, p.upper, best, Filter(may, feasible), NEAR, self.until)

    def _starts(self) -> list[np.ndarray]:
        p = self.p
        rng = np.random.default_rng(0)
        width = np.where(np.isfinite(p.upper - p.lower), p.upper - p.lower, 4.0)
        low = np.where(np.isfinite(p.lower), p.lower, np.where(np.isfinite(p.upper), p.upper - width, p.x0 - width / 2))
        return [p.x0, low + width / 2, *(low + width * rng.random(p.n) for _ in range(4))]

    def _local(self, x0: np.ndarray) -> np.ndarray:
        p = self.p
        rules: list[Any] = []
        for kind, mask, sign, side in (
            ("eq", p.cl == p.cu, 1.0, p.cu),
            ("ineq", (p.cl != p.cu) & np.isfinite(p.cu), -1.0, p.cu),
            ("ineq", (p.cl != p.cu) & np.isfinite(p.cl), 1.0, p.cl),
        ):
            if mask.any():
                fun = lambda x, m=mask, s=sign, b=side: s * (np.asarray(p.constraints(x))[m] - b[m])
                jac = lambda x, m=mask, s=sign: s * np.asarray(p.jacobian(x))[m]
                rules.append({"type": kind, "fun": fun, "jac": jac})
        found = local(
            p.value_and_gradient, np.clip(x0, p.lower, p.upper), jac=True, method="SLSQP", constraints=rules,
            bounds=list(zip(p.lower, p.upper, strict=True)), options={"ftol": 1e-15, "maxiter": 300},
        )  # fmt: skip
        return found.x

    def _multipliers(self, x: np.ndarray) -> np.ndarray:
        """Multipliers of the active rows at x: grad f + J'lam + z = 0 in least squares, with the right signs."""
        p = self.p
        c, J = np.asarray(p.constraints(x), np.float64), np.asarray(p.jacobian(x), np.float64)
        g = np.asarray(p.value_and_gradient(x)[1], np.float64)
        close = lambda v, side: np.isfinite(side) & (np.abs(v - side) <= 1e-6 * (1 + np.abs(side)))
        up, down = close(c, p.cu), close(c, p.cl)
        box_up, box_down = close(x, p.upper), close(x, p.lower)
        low = np.concatenate([np.where(down, -np.inf, 0.0), np.where(box_down, -np.inf, 0.0)])
        high = np.concatenate([np.where(up, np.inf, 0.0), np.where(box_up, np.inf, 0.0)])
        used = (low < high).nonzero()[0]
        lam = np.zeros(p.m + p.n)
        if used.size:
            M = np.vstack([J, np.eye(p.n)])[used].T
            lam[used] = lsq_linear(M, -g, (low[used], high[used]), method="bvls").x
        return lam[: p.m]

    # -- the maximum of the dual function --------------------------------------------------------------------------

    def solve(self) -> Dual:
        p = self.p
        primal = self.primal()
        if (ray := self._ray(primal)) is not None:
            return self._fallen(ray, slater(p))
        if not np.isfinite(primal.value):
            raise DomainError(
                "dual: no feasible point with a finite f was found", fix="check that the constraints can hold together"
            )
        condition = slater(p)
        best_lam = self._multipliers(primal.x)
        best = self.value(best_lam)
        signs = np.where(np.isfinite(p.cu), 1.0, -1.0)
        for size in (0.0, 1.0, 1e2, 1e4):
            if best.value == -np.inf and not self.late:
                best_lam, best = signs * size, self.value(signs * size)
        self.cuts.append((primal.value, np.asarray(p.constraints(primal.x), np.float64), primal.x))
        reach, upper, weights = max(10.0, 4 * float(np.abs(best_lam).max())), np.inf, np.zeros(0)
        finished = False
        for _ in range(ROUNDS):
            if self.late:
                break
            lam, upper, weights = self._model(reach)
            room = NEAR * max(1.0, abs(upper))
            at_end = bool((np.abs(lam) >= 0.999 * reach).any())
            if upper - best.value <= room and not (at_end and reach < FARTHEST and primal.value - best.value > room):
                finished = True
                break
            found = self.value(lam)
            for _ in range(60):  # back to where g is finite
                if self.late or np.isfinite(found.value) or not np.isfinite(best.value):
                    break
                lam = (lam + best_lam) / 2
                found = self.value(lam)
            if found.value > best.value:
                best, best_lam = found, lam
            elif (upper - best.value <= room or not np.isfinite(found.value)) and not (at_end and reach < FARTHEST):
                finished = not self.late
                break
            if at_end:
                reach = min(10 * reach, FARTHEST)
        else:
            finished = True
        attained = bool((np.abs(best_lam) < 0.1 * FARTHEST).all())
        _, upper, weights = self._model(np.inf)
        mixture = tuple((float(w), self.cuts[k][2]) for k, w in enumerate(weights) if w > 1e-9)
        return self._told(best, best_lam, attained, upper, mixture, primal, condition, finished and not self.late)

    def _model(self, reach: float) -> tuple[np.ndarray, float, np.ndarray]:
        """The maximum of the cutting planes over |lam| <= reach: lam, value, weight of each cut."""
        p = self.p
        up, down = (np.isfinite(s).nonzero()[0] for s in (p.cu, p.cl))
        rows = [np.concatenate([-(c - p.cu)[up], (c - p.cl)[down], [1.0]]) for _, c, _ in self.cuts]
        sides = [f for f, _, _ in self.cuts]
        cost = np.zeros(up.size + down.size + 1)
        cost[-1] = -1.0
        limits = [(0.0, None if reach == np.inf else reach)] * (cost.size - 1) + [(None, None)]
        found = linprog(cost, np.array(rows), np.array(sides), bounds=limits, method="highs")
        if found.x is None:
            return np.zeros(p.m), np.inf, np.zeros(0)
        lam = np.zeros(p.m)
        lam[up] += found.x[: up.size]
        lam[down] -= found.x[up.size : -1]
        return lam, float(found.x[-1]), -np.asarray(found.ineqlin.marginals)

    def _ray(self, primal: Least) -> Ray | None:
        """A direction in which the problem is unbounded, proved where f and the rows are simple, else as it seems."""
        p = self.p
        if np.isfinite(p.lower).all() and np.isfinite(p.upper).all():
            return None
        points = [x for x in (*self.inside[:2], primal.x) if np.isfinite(x).all()]
        if self.forms is not None and (ray := quadratic_ray(p, self.forms, points)) is not None:
            return ray
        start = self.inside[0] if self.inside else p.x0
        far = not np.abs(primal.x).max() <= FAR * max(1.0, float(np.abs(start).max()))
        if not (far or self.lost or primal.value < -FAR * max(1.0, abs(float(p.value(start))))):
            return None
        ray = line_ray(p, points)
        return seen_ray(p, start, primal.x) if ray is None and np.isfinite(primal.x).all() else ray

    def _fallen(self, ray: Ray, condition: Slater) -> Dual:
        """The problem is unbounded: by weak duality g = -inf everywhere."""
        p = self.p
        verdict, proof = Verdict.UNDECIDED, None
        if ray.proved:
            verdict = Verdict.PROVED
            proof = Proof(
                "ray", "p* = -inf, so d* = -inf by weak duality", (f"x = {ray.point}", f"d = {ray.direction}")
            )
        elif self.convex.problem_convex and inside(p, condition, ray.point):
            verdict = Verdict.PROVED
            proof = Proof("Slater", "the problem is convex and Slater's condition holds in the domain of f: d* = p*")
        return Dual(
            -np.inf, np.zeros(p.m), False, -np.inf if ray.proved else np.inf, (), -np.inf, ray.point, -np.inf,
            self.convex, condition, self.function, ray, verdict=verdict, proof=proof, cost={"limit": self.seconds},
        )  # fmt: skip

    def _told(
        self, best: DualValue, lam: np.ndarray, attained: bool, upper: float, mixture: tuple[Any, ...], primal: Least,
        condition: Slater, finished: bool,
    ) -> Dual:  # fmt: skip
        lower_bound = primal.bound
        if self.convex.problem_convex:
            lower_bound = best.value if best.how != "search" else -np.inf
        verdict, proof = Verdict.UNDECIDED, None
        if self.convex.problem_convex and inside(self.p, condition, primal.x):
            verdict = Verdict.PROVED
            proof = Proof("Slater", "the problem is convex and Slater's condition holds in the domain of f: d* = p*")
        elif np.isfinite(upper) and primal.bound > upper + 1e-7 * max(1.0, abs(upper)):
            verdict = Verdict.REFUTED
            proof = Proof("mixture", f"d* <= {upper} < {primal.bound} <= p*", tuple(f"{w} x {x}" for w, x in mixture))
        return Dual(
            best.value, lam, attained, upper, mixture, primal.value, primal.x, lower_bound, self.convex, condition,
            self.function, None, finished, verdict=verdict, proof=proof, cost={"limit": self.seconds},
        )  # fmt: skip


def _graphs(f: Callable[..., Any], x0: np.ndarray) -> tuple[Analysis | None, Analysis | None]:
    """f and, where f is smooth and small, its Hessian, to be looked at over boxes."""
    try:
        graph = trace(f, x0)
        second = x0.size <= SPLIT and len(graph.outputs) == 1 and not graph.outputs[0].shape
        return Analysis(graph), Analysis(trace(differentiate.hessian(f), x0)) if second else None
    except CauchyError:
        return None, None
