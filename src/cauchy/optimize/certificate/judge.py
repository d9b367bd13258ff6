"""The questions in their order; see the package."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...calculus.kink import Kink
from ...errors import DomainError, ShapeError
from ...proof import Verdict
from ..problem import Problem
from . import flats
from .by_hand import contradicted
from .choice import upward
from .critical import least as least_on
from .edges import bends, edges
from .fritz_john import fritz_john, normalized
from .kkt import ROUNDING, Curvature, Point, Residuals, Sides, Vector, multipliers, near, residuals
from .nearby import Surroundings
from .record import Certificate, Kind
from .subgradients import attains, known, lowest_possible

SIDE = 1e-5  # how far beside the candidate curvature is looked at again, relative to the lengths
LOWEST = 1e-18  # f above its lower bound counts as 0 within this part of what it is made of
QUALIFICATION = 1e-6  # Fritz John multipliers with a smaller part on f: the constraints alone balance
LARGEST = 2000  # variables
AROUND = 32  # random directions, of each kind, in which lower points are looked for
MANY = 50  # variables, from which on curvature along a direction is cheaper by itself


class Judge:
    """One question."""

    def __init__(self, problem: Problem, x: Vector, given: Any, tol: float) -> None:
        if not (isinstance(tol, (int, float)) and 0 < tol < 1):
            raise DomainError(f"tol={tol}; wanted a number between 0 and 1")
        self.problem, self.x, self.tol, self.loose = problem, x, tol, float(np.sqrt(tol))
        self.given = None if given is None else _pair(problem, given)
        self.doubts: list[str] = []
        self.estimates: dict[str, Any] = {}

    # -- building blocks -------------------------------------------------------------------------------------

    def _found(self, kind: Kind, verdict: Verdict = Verdict.UNDECIDED, **fields: Any) -> Certificate:
        n, m = self.problem.n, self.problem.m
        fields = {"fun": np.nan, "constraints": np.zeros(m), "bounds": np.zeros(n), "curvature": np.empty(0)} | fields
        certified = kind in ("minimum", "degenerate", "kink_minimum") and not self.doubts
        return Certificate(
            problem=self.problem, x=self.x, certified=certified, kind=kind, tolerance=self.tol, verdict=verdict,
            given=self.given is not None, doubts=tuple(self.doubts), estimates=self.estimates, cost={}, **fields,
        )  # fmt: skip

    def answer(self) -> Certificate:
        if self.problem.n > LARGEST:
            self.doubts.append("large")
            return self._found("unknown", fun=float(self.problem.value(self.x)))
        if not np.isfinite(self.x).all():
            self.doubts.append("candidate_not_finite")
            return self._found("undefined", Verdict.REFUTED)
        point = Point(self.problem, self.x)
        if not point.finite:
            return self._undefined(point)
        gaps = point.gaps()
        sides = near(point, self.loose, gaps)
        if contradicted(point):
            self.doubts.append("by_hand")
            return self._found("unknown", fun=point.f)
        found = edges(self.problem, point)
        if found:
            return self._kink(point, found, gaps)
        y = self._multipliers(point, sides, gaps) if self.given is None else self._given(point, sides)
        H = point.hessian(y)
        if not np.isfinite(H).all():
            fields = {"constraints": y[: point.m], "bounds": y[point.m :]}
            return self._rough(point, "unknown", "second_not_finite", gaps, fields, y)
        return self._judge(point, gaps, sides, y, H)

    def _multipliers(self, point: Point, sides: Sides, gaps: tuple[Vector, Vector]) -> Vector:
        """Those of the rows within the tolerance where they suffice, else of rows a little further too."""
        tight = near(point, self.tol, gaps)
        y = multipliers(point, tight)
        rest, t = point.residual(y), point.lengths
        if tight.rows.size == sides.rows.size or np.abs(rest) @ t <= self.tol * (np.abs(point.g) @ t):
            return y
        return multipliers(point, sides)

    def _given(self, point: Point, sides: Sides) -> Vector:
        assert self.given is not None
        lam, z = self.given
        y = np.concatenate((lam, np.zeros(point.n) if z is None else z))
        if z is None:  # what is left at the active bounds, where it has the right sign
            at = sides.rows[sides.rows >= point.m]
            rest = -point.residual(y)[at - point.m]
            sign = sides.sign[sides.rows >= point.m]
            y[at] = np.where(rest * sign < 0, 0.0, rest)
        return y

    def _undefined(self, point: Point) -> Certificate:
        c_finite = np.isfinite(point.v).all() and np.isfinite(point.J).all()
        what = "value" if not np.isfinite(point.f) else "gradient" if c_finite else "constraint"
        self.doubts.append(f"{what}_not_finite")
        outside = np.isnan(point.f) or np.isnan(point.v).any()
        return self._found("undefined", Verdict.REFUTED if outside else Verdict.UNDECIDED, fun=point.f)

    # -- not differentiable ------------------------------------------------------------------------------------

    def _kink(self, point: Point, found: tuple[Kink, ...], gaps: tuple[Vector, Vector]) -> Certificate:
        free = not self.problem.m and min(g.min() for g in gaps) > SIDE
        if self.problem.n == 1 and free:
            h = 2.0**-36 * point.lengths
            slope = lambda step: float(self.problem.gradient(self.x + step)[0])
            # as the step goes to 0: of x^2 nothing is left
            left, right = (2 * slope(s * h) - slope(2 * s * h) for s in (-1, 1))
            self.estimates |= {"left": left, "right": right}
            beside = min(float(self.problem.value(self.x + s * h)) for s in (-1, 1))
            if min(-left, right) > self.tol * max(abs(left), abs(right)) and beside >= point.f:
                fields = {"fun": point.f, "violation": 0.0, "kinks": found}
                return self._found("kink_minimum", **fields, stationarity=0.0, complementarity=0.0, distance=0.0)
        return self._rough(point, "kink", "kink", gaps, {"kinks": found})

    def _rough(
        self,
        point: Point,
        kind: Kind,
        doubt: str,
        gaps: tuple[Vector, Vector],
        fields: dict[str, Any],
        y: Vector | None = None,
    ) -> Certificate:
        """Without second derivatives: by lower points around, and for a convex problem by its gradients around.

        y: multipliers, where there are gradients.
        """
        fields = {"fun": point.f, "violation": _violation(gaps)} | fields
        if fields["violation"] > self.tol:
            self.doubts.append("infeasible")
            refuted = fields["violation"] > self.loose
            return self._found("infeasible", Verdict.REFUTED if refuted else Verdict.UNDECIDED, **fields)
        smooth, H = y is not None, np.zeros((point.n, point.n))
        y = np.zeros(point.m + point.n) if y is None else y
        active = near(point, self.tol, gaps).rows
        curve = Curvature(point, H, active, np.abs(point.g))
        around = Surroundings(point, y, H, active, curve, strong=active[y[active] != 0])
        axes = np.diag(point.lengths)
        down = -point.residual(y) * point.lengths**2
        ways = [down, *curve.directions.T, *-curve.directions.T] if smooth else [down, *axes, *-axes]
        better = around.better(ways) if smooth or not point.m else None
        if better is not None:
            self.doubts.append(doubt)
            return self._found(kind, Verdict.REFUTED, **fields, better=better, witness=better.direction)
        most = self.tol * max(1.0, abs(point.f))
        low, level = lowest_possible(point, active) if known(self.problem)[0] else (-np.inf, True)
        if point.f - low <= most and (not level or attains(self.problem)):
            fields |= {"stationarity": 0.0, "complementarity": 0.0, "distance": 0.0, "scope": "global"}
            return self._found("kink_minimum", **fields)
        self.doubts.append(doubt)
        return self._found(kind, **fields)

    # -- differentiable ----------------------------------------------------------------------------------------

    def _judge(self, point: Point, gaps: tuple[Vector, Vector], sides: Sides, y: Vector, H: Vector) -> Certificate:
        m, tol, loose = point.m, self.tol, self.loose
        slack = np.minimum(*gaps)
        violation = _violation(gaps)
        res = residuals(point, y, H, gaps, loose, tol)
        carries = res.part > max(1e-8, 10 * tol)  # smaller parts of the gradient count as 0
        held = (carries & (slack <= loose)) | point.equal
        strong, active = np.flatnonzero(held), np.flatnonzero(held | (slack <= tol))
        weak = active[~held[active]]
        curve = Curvature(point, H, strong, res.s)
        side = np.where(np.isinf(point.low) | (y > 0) & ~np.isinf(point.high), point.high, point.low)
        gap = (side - point.v)[strong]
        step = curve.newton(res.r, gap, H)
        rounding = curve.uncertainty(res.s, point.scale[strong])
        self.estimates |= {"rounding": float((rounding / point.lengths).max()), "newton": step}
        rank = curve.rank if active.size == strong.size else _rank(point, active)
        fields: dict[str, Any] = {
            "fun": point.f, "violation": violation, "stationarity": res.stationarity, "dual": res.dual,
            "complementarity": res.complementarity, "distance": float(np.abs(step / point.lengths).max()),
            "constraints": y[:m], "bounds": y[m:], "active": tuple(active[active < m].tolist()),
            "active_bounds": tuple((active[active >= m] - m).tolist()),
            "weakly_active": tuple(("c", int(i)) if i < m else ("x", int(i - m)) for i in weak),
            "independent": rank == active.size, "inertia": curve.inertia, "curvature": curve.values,
        }  # fmt: skip
        names = ("infeasible", "stationarity", "dual", "complementarity")
        rests = (violation, res.stationarity, res.dual, res.complementarity)
        self.doubts += [name for name, rest in zip(names, rests, strict=True) if not rest <= tol]
        if (np.abs(step) > tol * point.lengths + rounding).any():
            self.doubts.append("distance")
        decrease, noise = self._decrease(point, y, res, H, gaps, curve)
        self.estimates["decrease"] = decrease
        most = max(1.0, abs(point.f))
        if not decrease <= tol * most + min(noise, loose * most):
            self.doubts.append("decrease")
        if not violation <= loose:
            return self._found("infeasible", Verdict.REFUTED, **fields)
        john = normalized(point, np.where(carries, y, 0.0))
        lost = not john.objective > QUALIFICATION
        if max(rests[1:]) > loose or (self.doubts and lost):
            return self._not_stationary(point, sides, y, H, curve, fields)
        if lost:
            self.doubts.append("qualification")
            return self._found("qualification", fritz_john=john, **fields)
        return self._curved(point, y, H, curve, active, strong, weak, fields)

    def _decrease(
        self, point: Point, y: Vector, res: Residuals, H: Vector, gaps: tuple[Vector, Vector], curve: Curvature
    ) -> tuple[float, float]:
        """How far f would fall: along the active set and to it, slack times multiplier; what rounding makes of that."""
        slack = np.where(y > 0, gaps[1], gaps[0])
        slack = np.where((y != 0) & np.isfinite(slack) & (slack > 0), slack, 0.0) * point.scale
        blur = np.abs(point.g) + np.abs(H) @ np.abs(self.x)
        if point.m:
            blur = blur + np.abs(y[: point.m]) @ np.abs(point.J)
        noise = curve.decrease(ROUNDING * blur, point.lengths) + ROUNDING * float(np.abs(y) @ np.abs(point.v))
        return curve.decrease(res.r, point.lengths) + float(np.abs(y) @ slack), noise

    def _not_stationary(
        self, point: Point, sides: Sides, y: Vector, H: Vector, curve: Curvature, fields: dict[str, Any]
    ) -> Certificate:
        t = point.lengths
        if self.given is not None:
            y = multipliers(point, sides)
            if np.abs(point.residual(y)) @ t <= self.loose * (np.abs(point.g) @ t):
                return self._found("multipliers", **fields)
        elif sides.rows.size:
            free = multipliers(point, sides, signed=False)
            if np.abs(point.residual(free)) @ t <= self.loose * (np.abs(point.g) @ t):
                wrong = np.where(free[sides.rows] * sides.sign < 0, np.abs(free * point.scale)[sides.rows], 0.0)
                part = float(wrong.max() / (np.abs(point.g) @ t))
                if part > self.tol:
                    fields["dual"] = part
                    self.doubts.append("dual")
        around = Surroundings(point, y, H, sides.rows, curve)
        better = around.better([-point.residual(y) * t**2, self.estimates["newton"]])
        if better is not None:
            return self._found("not_stationary", Verdict.REFUTED, better=better, witness=better.direction, **fields)
        john = fritz_john(point, sides)
        if john.objective <= QUALIFICATION and john.residual <= QUALIFICATION:
            self.doubts.append("qualification")
            return self._found("qualification", fritz_john=john, **fields)
        return self._found("not_stationary", **fields)

    def _curved(
        self, point: Point, y: Vector, H: Vector, curve: Curvature, active: Vector, strong: Vector, weak: Vector,
        fields: dict[str, Any],
    ) -> Certificate:  # fmt: skip
        """Second order, at a point that is stationary, roughly at least."""
        ask = lambda curve: self._least(point, curve, weak)
        least, where = ask(curve)
        if least != 1 and where is not None and not fields["independent"] and self.given is None:
            other = upward(point, y, strong, curve.directions @ where, ask)
            if other is not None:
                (y, H, curve), least = other, 1
                fields |= {"constraints": y[: point.m], "bounds": y[point.m :]}
                fields |= {"inertia": curve.inertia, "curvature": curve.values}
        signs, D = curve.signs, curve.directions
        bent = bends(self.problem, point, active, self.tol)
        shaky = [] if bent else self._shaky(point, y, curve)
        if least == 1 and not shaky and not bent:
            return self._found("near" if self.doubts else "minimum", **fields)
        if least != -1 and not self.doubts:
            convex, low = known(self.problem)
            size = float((np.abs(point.g) + np.abs(H) @ point.lengths) @ point.lengths)
            if not convex and point.f - low < LOWEST * size:
                self.estimates["lowest"] = low
            if convex or "lowest" in self.estimates:
                flat = D[:, np.flatnonzero(signs <= 0).tolist() or shaky]
                found = convex and attains(self.problem)
                found = found or flats.attained(point, y, strong, weak, flat, low)
                far = flats.underflow(point, y, strong, weak) if found else 0.0
                if self.tol < far < np.inf:
                    self.doubts.append("distance")
                    self.estimates.pop("lowest", None)
                    fields["distance"] = far
                    return self._found("near", **fields)
                found = found if far <= self.tol else None
                return self._attained(found, fields | {"kinks": bent} if bent else fields)
        if bent and least != -1:
            return self._bent(point, y, H, curve, active, strong, fields | {"kinks": bent})
        if least is None:
            self.doubts.append("cone")
            return self._found("unknown", **fields)
        level = np.flatnonzero(signs == 0).tolist() + shaky
        around = Surroundings(point, y, H, active, curve, level, strong)
        equalities = bool(point.equal[active].all())
        if least < 0 and where is not None:
            v = D @ where
            better = around.better([v, -v]) or around.lower(D[:, sorted({*level, *np.flatnonzero(signs < 0).tolist()})])
            turned = signs.max() < 0 and equalities
            self.doubts.append("curvature")
            if better is not None:
                kind: Kind = "maximum" if turned else "saddle"
                return self._found(kind, Verdict.REFUTED, better=better, witness=better.direction, **fields)
            return self._found("unknown", witness=v, **fields)
        flat = D[:, level]
        if least == 0 and where is not None and not level:
            flat = (D @ where)[:, None]  # on an edge of the cone
        self.estimates["flat"] = flat
        better = around.lower(flat)
        if better is not None:
            self.doubts.append("falls")
            turned = equalities and len(level) == signs.size and around.falls(flat)
            kind = "maximum" if turned else "saddle"
            return self._found(kind, Verdict.REFUTED, better=better, witness=better.direction, **fields)
        if self.doubts:
            return self._found("near", **fields)
        return self._in_digits(point, y, strong, flat, fields, bool(weak.size))

    def _attained(self, found: bool | None, fields: dict[str, Any]) -> Certificate:
        """No lower values: a minimum, if the least value is attained and not an infimum at the end of a plateau."""
        if not found:
            self.doubts.append("attained" if found is None else "plateau")
            self.estimates.pop("lowest", None)
        kind: Kind = "kink_minimum" if found and "kinks" in fields else "degenerate"
        return self._found(kind, **fields, scope="global" if found else "local")

    def _bent(
        self, point: Point, y: Vector, H: Vector, curve: Curvature, active: Vector, strong: Vector,
        fields: dict[str, Any],
    ) -> Certificate:  # fmt: skip
        """On an edge, where the Hessian is that of one side: lower points all around are looked for."""
        n, rng = point.n, np.random.default_rng(0)
        around = Surroundings(point, y, H, active, curve, strong=strong)
        ways = np.vstack((np.eye(n), rng.choice([-1, 0, 1], (AROUND, n)), rng.normal(size=(AROUND, n))))
        better = around.better(s * d * point.lengths for d in ways for s in (1, -1))
        self.doubts.append("bent")
        if better is not None:
            return self._found("saddle", Verdict.REFUTED, better=better, witness=better.direction, **fields)
        return self._found("unknown", **fields)

    def _least(self, point: Point, curve: Curvature, weak: Vector) -> tuple[int | None, Vector | None]:
        """The sign of the least curvature along critical directions, and where."""
        if (curve.signs > 0).all():
            return 1, None
        rows = point.matrix(weak) @ curve.directions * np.where(point.upper(weak), 1, -1)[:, None]
        size = np.sqrt((rows**2).sum(axis=1, keepdims=True))
        return least_on(curve.values, rows / np.where(size > 0, size, 1.0), curve.noise)

    def _in_digits(
        self, point: Point, y: Vector, strong: Vector, flat: Vector, fields: dict[str, Any], weak: bool
    ) -> Certificate:
        """Flat directions, looked at with more digits."""
        found, far = None, 0.0
        if not weak and fields["independent"]:
            found, far = flats.judged(point, y, strong, flat, self.tol)
        if found in (None, "falls"):
            self.doubts.append("flat" if found is None else "plateau")
            return self._found("degenerate", **fields)
        fields["distance"] = max(far, fields["distance"])
        if not far <= self.tol:
            self.doubts.append("distance")
            return self._found("near", **fields)
        self.estimates["digits"] = found
        if found == "strict":
            fields["inertia"] = (sum(fields["inertia"]), 0, 0)
        return self._found("minimum" if found == "strict" else "degenerate", **fields)

    def _shaky(self, point: Point, y: Vector, curve: Curvature) -> list[int]:
        """Directions along which the curvature, positive here, is another a little aside: as of x^3 or x^4 near 0."""
        positive = np.flatnonzero(curve.signs > 0)
        if not positive.size or point.rough:
            return []
        d = curve.directions[:, positive]
        d = d / np.abs(d / point.lengths[:, None]).max(axis=0)
        q = curve.values[positive] / (np.abs(curve.directions[:, positive] / point.lengths[:, None]).max(axis=0) ** 2)
        ask = np.flatnonzero((q < 1e-4 * q.max()) | (q == q.min()))
        out = []
        for i in ask:
            beside = [self._along(self.x + s * SIDE * d[:, i], y[: point.m], d[:, i]) for s in (-1, 1)]
            values = [b for b in beside if np.isfinite(b)]
            if values and (min(values) < 0.5 * q[i] or max(values) > 10 * q[i]):
                out.append(int(positive[i]))
        return out

    def _along(self, x: Vector, lam: Vector, d: Vector) -> float:
        """The curvature of the Lagrangian along d; many variables without the whole matrix."""
        p = self.problem
        if p.n > MANY and p._hess is None and not (p.by_hand or p.rows_by_hand):
            return float(p.curvature(x, lam, d))
        return float(d @ np.asarray(p.lagrangian_hessian(x, lam)) @ d)


def _violation(gaps: tuple[Vector, Vector]) -> float:
    return max(0.0, -float(np.minimum(*gaps).min()))


def _rank(point: Point, rows: Vector) -> int:
    A = point.matrix(rows) * point.lengths
    size = np.sqrt((A * A).sum(axis=1, keepdims=True))
    return int(np.linalg.matrix_rank(A / np.where(size > 0, size, 1.0), tol=1e-10)) if rows.size else 0


def _pair(problem: Problem, given: Any) -> tuple[Vector, Vector | None]:
    if hasattr(given, "constraints"):
        lam, z = given.constraints, given.bounds
    elif isinstance(given, (tuple, list)) and len(given) == 2 and np.ndim(given[0]) == 1:
        lam, z = given
    else:
        lam, z = given, None
    out = []
    for name, a, size in (("constraints", lam, problem.m), ("bounds", z, problem.n)):
        if a is None:
            out.append(None)
            continue
        v = np.asarray(a)
        if v.dtype.kind not in "fiu" or v.shape != (size,):
            raise ShapeError(f"multipliers of the {name}: got shape {v.shape}, {v.dtype}; wanted {size} real numbers")
        v = v.astype(np.float64)
        if not np.isfinite(v).all():
            raise DomainError(f"multipliers of the {name} hold NaN or infinity")
        out.append(v)
    return out[0], out[1]
