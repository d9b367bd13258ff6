"""Convex quadratic and linear programs in matrix form: solved by PIQP, Clarabel or HiGHS, polished, and certified."""

from __future__ import annotations

import html
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from ...errors import CauchyError, DomainError, ShapeError
from ...messages import say
from ...proof import Proof, Result, Verdict
from ..result import Multipliers
from . import often, witness
from .active import better, polish, repair
from .columns import Vector
from .cones import ConeCertificate, Cones, cone_certificate, explained
from .engines import ENGINES, SMALL, Answer, Reduced, clarabel, installed, load
from .exact import ExactPoint, exact_point
from .gap import QuadraticCertificate, certificate
from .program import Program, curvature, number, rescaled
from .witness import Infeasible, NotConvex, Unbounded, Witness

How = Literal["optimal", "uncertified", "infeasible", "unbounded", "nonconvex"]
CURVED = 32  # n up to which a report asks over the rationals whether P is positive semidefinite
NONE: dict[type[Witness], tuple[How, float]] = {
    Infeasible: ("infeasible", math.inf), Unbounded: ("unbounded", -math.inf), NotConvex: ("nonconvex", math.nan),
}  # fmt: skip


@dataclass(frozen=True)
class QuadraticOptimum(Result):
    """What is known about min x'Px/2 + q'x + r subject to l <= Ax <= u, lower <= x <= upper.

    `how`: "optimal" (certified to the tolerance), "uncertified" (the best candidate, whose certificate fails),
    or, each with a proven `witness` and without x: "infeasible" (fun = inf), "unbounded" (fun = -inf), "nonconvex".
    "uncertified" may come with a `witness` too, which then says what was seen, how far, and what is open.
    `multipliers`: >= 0 where an upper side is active, <= 0 where a lower one is, free for equalities, else 0.
    `certificate`: the residuals, recomputed from the data. `solver`: who found x, and whether it was polished.
    `verdict`: PROVED after `prove`, REFUTED where an exact witness shows that there is no optimum, else undecided.
    """

    x: Vector
    fun: float
    multipliers: Multipliers
    how: How
    certificate: QuadraticCertificate | None
    witness: Witness | None
    solver: str
    nit: int
    program: Program = field(repr=False, compare=False)
    exact: ExactPoint | None = None

    @property
    def success(self) -> bool:
        """Is x certified?"""
        return self.how == "optimal"

    @property
    def message(self) -> str:
        return self.text().splitlines()[0]

    @cached_property
    def _polished(self) -> QuadraticCertificate | None:
        sheet = self.certificate
        return sheet if sheet is None or self.multipliers.cones else polish(self.program, sheet)

    def polish(self) -> QuadraticOptimum:
        """The solution of the equations of its active set, where that has the better certificate; else itself."""
        sheet = self._polished
        return (
            self
            if sheet is None or sheet is self.certificate
            else _optimum(sheet, f"{self.solver}+polish", self.nit, 0.0)
        )

    @cached_property
    def _state(self) -> tuple[Vector, Vector, Vector]:
        """Of rows, then bounds: the active side, whether weakly active, whether dependent; after a polish."""
        program, sheet = self.program, self._polished
        if sheet is None:
            none = np.zeros(program.m + program.n, int)
            return none, none > 0, none > 0
        w = sheet.x if program.A is None else np.concatenate([program.A @ sheet.x, sheet.x])
        near = 10 * sheet.tolerance * np.maximum(1.0, abs(w))
        side = np.where(program.high - w <= near, 1, np.where(w - program.low <= near, -1, 0))
        small = abs(sheet.y) <= 10 * sheet.tolerance * max(1.0, float(abs(sheet.y).max()))
        return side, (side != 0) & small & (program.low != program.high), _dependent(program, side != 0)

    def prove(self) -> QuadraticOptimum:
        """The optimum in rational arithmetic, verdict PROVED, with `exact`; itself where its active set is not right.

        Guarantee: the KKT conditions and the convexity of P hold exactly for the data as given (floats are rationals).
        For up to 150 unknowns.
        """
        if self.multipliers.cones:
            raise CauchyError(
                "a program with cones has no proof in rational arithmetic",
                why="where a second-order cone is active, its norm is a square root: the optimum is not rational",
                fix="the certificate, whose gap bounds how far f is above its least value",
            )
        if self.certificate is None:
            return self
        point = exact_point(self.program, self._state[0])
        if point is None:
            return self
        x, lam, z = (np.array([float(v) for v in part]) for part in point[:3])
        y = np.concatenate([lam, z])
        with np.errstate(all="ignore"):
            sheet = certificate(self.program, x, y, self.certificate.tolerance)
        statement = "Px + q + A'lam + z = 0, l <= Ax <= u, lower <= x <= upper, signs and complementarity, P >= 0"
        proof = Proof("rational", statement, tuple(f"x[{i}] = {v}" for i, v in enumerate(point.x)))
        return replace(
            self, x=x, fun=float(point.fun), multipliers=Multipliers(lam, z), how="optimal", certificate=sheet,
            exact=point, verdict=Verdict.PROVED, proof=proof,
        )  # fmt: skip

    def _split(self, v: Vector) -> Multipliers:
        return Multipliers(v[: self.program.m], v[self.program.m :])

    @property
    def active(self) -> Multipliers:
        """Which sides are active: 1 the upper (and equalities), -1 the lower, 0 none; shaped like `multipliers`."""
        return self._split(self._state[0])

    @property
    def weakly_active(self) -> Multipliers:
        """Where a side is active with multiplier 0, up to the tolerance: strict complementarity fails there."""
        return self._split(self._state[1])

    @property
    def dependent(self) -> Multipliers:
        """Where active gradients depend linearly on others: there the multipliers need not be unique."""
        return self._split(self._state[2])

    @cached_property
    def _curved(self) -> NotConvex | None:
        """What shows that P is positive semidefinite up to rounding alone; sought for small n."""
        P, n = self.program.P, self.program.n
        return None if P is None or self.exact or n > CURVED else witness.exactly_not_convex(self.program)

    def _number(self, name: str) -> str:
        """A field in words: as fractions, where they are known and short."""
        exact = getattr(self.exact, name, None)
        if exact is not None and len(told := str(exact) if name == "fun" else f"[{' '.join(map(str, exact))}]") < 100:
            return told
        value = getattr(self.multipliers if name in ("constraints", "bounds") else self, name)
        return f"{value:.12g}" if name == "fun" else np.array2string(value, precision=9, threshold=12)

    def text(self, lang: str | None = None) -> str:
        """The report in English ("en") or Chinese ("zh"); by default in the user's language."""
        how = "proved" if self.exact else "nothing" if math.isnan(self.fun) and self.certificate else self.how
        parts = [say(f"optimize.quadratic_how_{how}", lang, fun=self._number("fun"), solver=self.solver, nit=self.nit)]
        if self.witness is not None:
            parts += self.witness.text(lang).splitlines()
        if self.certificate is not None and how != "nothing":
            parts.append(f"x = {self._number('x')}")
            rows, bounds = self._number("constraints"), self._number("bounds")
            parts.append(say("optimize.quadratic_multipliers", lang, rows=rows, bounds=bounds))
            if self.multipliers.cones:
                short = [np.array2string(v, precision=9, threshold=12) for v in self.multipliers.cones[:6]]
                more = ", …" if len(self.multipliers.cones) > 6 else ""
                parts.append(say("optimize.quadratic_multipliers_cones", lang, cones=", ".join(short) + more))
            parts += self.certificate.text(lang).splitlines()
            for name in ("weakly_active", "dependent") if self.success else ():
                mask: Multipliers = getattr(self, name)
                rows, bounds = (_few(v.nonzero()[0].tolist()) for v in (mask.constraints, mask.bounds))
                if (rows, bounds) != ("[]", "[]"):
                    parts.append(say(f"optimize.quadratic_{name}", lang, rows=rows, bounds=bounds))
            if self._curved is not None:
                parts.append(say("optimize.quadratic_curved", lang, curvature=self._curved.curvature))
        return "\n  ".join(part.strip() for part in parts)

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.text())}</pre>"


def _few(indices: list[int]) -> str:
    return f"[{', '.join(map(str, indices[:12]))}{', …' if len(indices) > 12 else ''}]"


def _dependent(program: Program, active: Vector) -> Vector:
    """The active rows and bounds that some combination of active gradients which vanishes takes part of."""
    m = program.m
    rows, fixed = active[:m].nonzero()[0], active[m:]
    out = np.zeros(active.size, bool)
    if rows.size:
        A = program.A.some_rows(rows).toarray() if program.sparse else program.A[rows]
        norms = np.linalg.norm(A, axis=1)
        A = A / np.where(norms > 0, norms, 1.0)[:, None]
        left, values, _ = np.linalg.svd(A[:, ~fixed], full_matrices=True)
        null = left[:, int((values > 1e-10).sum()) :]
        out[rows] = (abs(null) > 1e-8).any(axis=1)
        out[m + fixed.nonzero()[0]] = (abs(A[:, fixed].T @ null) > 1e-8).any(axis=1)
    return out


def quadratic(
    P: Any,
    q: Any,
    A: Any = None,
    l: Any = None,
    u: Any = None,
    lower: Any = None,
    upper: Any = None,
    *,
    cones: Sequence[tuple[Any, Any]] | None = None,
    r: float = 0.0,
    solver: Literal["piqp", "clarabel", "highs", "native"] | None = None,
    tolerance: float = 1e-9,
    polished: bool | None = None,
) -> QuadraticOptimum:
    """Minimize x'Px/2 + q'x + r subject to l <= Ax <= u and lower <= x <= upper, with a certificate.

    q: shape (n,). P: (n, n), symmetric, positive semidefinite up to rounding; None or zero for a linear program.
    A: (m, n). l, u: (m,); lower, upper: (n,); numbers stand for all entries, +-inf for no side, l == u for an equality.
    P and A are arrays or SciPy's sparse matrices; which form is computed with depends on size and density.

    cones: pairs (C, d) of shapes (k, n), (k,): w = Cx + d has w[0] >= |w[1:]| in each; by Clarabel alone, without
    polish and `prove`. Their multipliers v lie in the same cones, and L has the terms -v'(Cx + d).

    Multipliers: L = f + lam'Ax + z'x, so Px + q + A'lam + z = 0; lam_i >= 0 where u_i is active, <= 0 where l_i is.
    `solver`: "piqp", "clarabel", "highs" (linear programs alone) or "native", an interior point compiled for the shape:
    for small programs given as float64 arrays that are solved again and again (microseconds a call, about a second for
    the first); where its certificate fails, the default follows. None, the default: HiGHS for linear programs, else
    PIQP; where the certificate fails, the next one is tried; native after 2000 calls of a shape with P, n <= 32 and
    n^2 m <= 65536. Where no certificate holds, all are tried again in units of x in which P has a diagonal of size 1.
    `polished`: solve the equations of the active set (True), never (False); by default where the certificate fails,
    and for up to 64 variables and rows also where interior iterates leave open what is active.
    Returns `QuadraticOptimum`. "optimal" means that the five residuals of `QuadraticCertificate`, recomputed from the
    data, are at most `tolerance` (scaled as it says): a bound up to the rounding of their own evaluation.
    Infeasible, unbounded and non-convex programs come back with a witness instead of an x. It is proven for the data as
    given, in rational arithmetic or by bounds of the rounding, at no tolerance; what is too large for that (rays and
    sums that a system of some 35 equations has to mend) is "uncertified". P may be semidefinite up to its rounding
    (1e-13 n relative to its diagonal), as products F'F are: then the report names the negative curvature, n <= 32.
    Raises `ShapeError` and `DomainError` for data that are no program, `CauchyError` where a solver is not installed.

    References: I. Maros, C. Mészáros, A repository of convex quadratic programming problems (1999); B. Stellato et al.,
    OSQP (2020), section 5.2 (polish); R. Schwan et al., PIQP (2023); P. Goulart, Y. Chen, Clarabel (2024).

    >>> import numpy as np
    >>> best = quadratic(np.eye(2), [-2.0, -1.0], [[1.0, 1.0]], u=[1.0], lower=0.0)
    >>> best.how, best.x.round(9), best.multipliers.constraints.round(9)
    ('optimal', array([1., 0.]), array([1.]))
    >>> quadratic(None, [1.0], [[1.0]], u=[0.0], lower=[1.0]).how
    'infeasible'
    >>> ball = np.vstack([np.zeros(2), np.eye(2)]), [1.0, 0.0, 0.0]  # |x| <= 1
    >>> quadratic(None, [-3.0, -4.0], cones=[ball]).x.round(7)
    array([0.6, 0.8])
    """
    if solver is not None and not (isinstance(solver, str) and solver in (*ENGINES, "native")):
        raise DomainError(f"solver: wanted one of {', '.join(ENGINES)}, native, got {str(solver)!r}")
    tolerance = number(tolerance, "tolerance")
    if not 0 < tolerance < 1:
        raise DomainError(f"tolerance: wanted a number between 0 and 1, got {tolerance}")
    started = time.perf_counter()
    native = solver == "native"
    if cones is not None and not isinstance(cones, Sequence):
        raise ShapeError("cones: wanted a list of pairs (C, d)", fix="cones=[(C, d)]")
    if cones:
        if polished or solver not in (None, "clarabel"):
            given = "polished=True" if polished else f"solver={solver!r}"
            raise DomainError(
                f"{given} does not go with cones", why="of the solvers Clarabel alone has cones", fix="None"
            )
        with np.errstate(all="ignore"):
            program = Program(P, q, A, l, u, lower, upper, r)
            return _conic(program, Cones(cones, program.n), tolerance, started)
    if (native or solver is None) and not polished:
        found = often.certified(P, q, A, l, u, lower, upper, r, tolerance, native)
        if found is not None:
            return _optimum(found[0], "native", found[1], time.perf_counter() - started)
    with np.errstate(all="ignore"):  # what overflows certifies nothing
        program = Program(P, q, A, l, u, lower, upper, r)
        if native:
            if not often.fits(program.n, program.m):
                raise DomainError(
                    f"solver='native' is for up to {often.SMALL} variables and n^2 m up to {often.WORK}, got n = "
                    f"{program.n}, m = {program.m}",
                    fix="solver=None",
                )
            solver = None
        return _minimized(program, solver, tolerance, polished, started)


def _minimized(
    program: Program, solver: str | None, tolerance: float, polished: bool | None, started: float
) -> QuadraticOptimum:
    direction = curvature(program)
    if direction is not None and (seen := witness.not_convex(program, direction)) is not None:
        return _without(program, seen, "none", started)
    best: tuple[QuadraticCertificate, str, int] | None = None
    suspect: Infeasible | Unbounded | None = None
    names = _order(program, solver)
    for scaled, units in _scalings(program):
        kinds = ["infeasible", "unbounded"]
        for name, answer in _answers(scaled, units, names, tolerance):
            if answer.status in ("solved", "failed"):
                found = _certified(program, answer, tolerance, polished, name)
                if found is not None and (best is None or better(best[0], found[0]) is found[0]):
                    best = *found, answer.iterations
                    if best[0].certified:
                        return _optimum(*best, time.perf_counter() - started)
            if name == names[-1] or answer.status in kinds:
                for kind in [k for k in kinds if name == names[-1] or k == answer.status]:
                    kinds.remove(kind)
                    seen = _explained(program, kind, scaled, units)
                    if seen is not None and seen.proven:
                        return _without(program, seen, name, started)
                    suspect = seen or suspect
    if isinstance(suspect, Unbounded) and (best is None or suspect.lowest < best[0].objective):
        best = certificate(program, suspect.farthest, np.zeros(program.m + program.n), tolerance), "highs", 0
    if best is None:
        nothing = certificate(program, np.full(program.n, np.nan), np.full(program.m + program.n, np.nan), tolerance)
        best = nothing, "none", 0
    return replace(_optimum(*best, time.perf_counter() - started), witness=suspect)


def _conic(program: Program, cones: Cones, tolerance: float, started: float) -> QuadraticOptimum:
    direction = curvature(program)
    if direction is not None and (seen := witness.not_convex(program, direction)) is not None:
        return _without(program, seen, "none", started, cones)
    best: tuple[QuadraticCertificate, str, int] | None = None
    for scaled, units in _scalings(program):
        answer = clarabel(scaled, Reduced(scaled), tolerance, cones.rescaled(units))
        answer = _in_units(program, answer, units)
        if answer.status in ("infeasible", "unbounded"):
            if (seen := explained(program, cones, answer)) is not None:
                return _without(program, seen, "clarabel", started, cones)
            continue
        sheet = cone_certificate(program, cones, answer.x, answer.y, answer.cones, tolerance)
        if best is None or better(best[0], sheet) is sheet:
            best = sheet, "clarabel", answer.iterations
        if sheet.certified:
            break
    if best is None:
        x, y, v = (np.full(k, np.nan) for k in (program.n, program.m + program.n, cones.d.size))
        best = cone_certificate(program, cones, x, y, v, tolerance), "none", 0
    return _optimum(*best, time.perf_counter() - started)


def _optimum(sheet: QuadraticCertificate, who: str, iterations: int, seconds: float) -> QuadraticOptimum:
    m = sheet.program.m
    made = QuadraticOptimum.__new__(QuadraticOptimum)  # without a call for each of its fields
    made.__dict__.update(
        x=sheet.x, fun=sheet.objective,
        multipliers=Multipliers(
            sheet.y[:m], sheet.y[m:], sheet.cones.split(sheet.v) if isinstance(sheet, ConeCertificate) else ()
        ),
        how="optimal" if sheet.certified else "uncertified", certificate=sheet, witness=None, solver=who,
        nit=iterations, program=sheet.program, estimates={}, cost={"seconds": seconds},
    )  # fmt: skip
    return made


def _scalings(program: Program) -> Iterator[tuple[Program, Vector | float]]:
    """The program, then that in units of x in which the entries of P are of size 1, where it is another; and units."""
    yield program, 1.0
    if (other := rescaled(program)) is not None:
        yield other


def _answers(
    program: Program, units: Vector | float, names: list[str], tolerance: float
) -> Iterator[tuple[str, Answer]]:
    """What the solvers say, in units as given."""
    reduced = Reduced(program)
    for name in names:
        yield name, _in_units(program, ENGINES[name](program, reduced, tolerance), units)


def _in_units(program: Program, answer: Answer, units: Vector | float) -> Answer:
    if isinstance(units, float):
        return answer
    y = answer.y.copy()
    y[program.m :] /= units
    return answer._replace(x=answer.x * units, y=y)


def _order(program: Program, solver: str | None) -> list[str]:
    """The solvers to try, the better first; those that are not installed are left out, but one must be."""
    if solver is not None:
        return [solver]
    there = [name for name in ("piqp", "clarabel") if installed(name)]
    if program.P is None:
        return ["highs", *there]
    if not there:
        load("piqp")
    return there


def _certified(
    program: Program, answer: Answer, tolerance: float, polished: bool | None, name: str
) -> tuple[QuadraticCertificate, str] | None:
    """The certificate of an answer, mended and polished where asked for or needed, and who made it."""
    sheet = certificate(program, answer.x, answer.y, tolerance)
    if not sheet.certified:
        if not (np.isfinite(answer.x).all() and np.isfinite(answer.y).all()):
            return None
        sheet = repair(program, sheet)
    if polished or (polished is None and (not sheet.certified or (program.n + program.m <= SMALL and sheet.blurred))):
        smooth = polish(program, sheet)
        return smooth, name if smooth is sheet else f"{name}+polish"
    return sheet, name


def _explained(program: Program, kind: str, scaled: Program, units: Vector | float) -> Infeasible | Unbounded | None:
    """What speaks against an optimum, as the program in other units suggests it."""
    if kind == "infeasible":
        sheet = None if program.A is None else _linear(witness.elastic(scaled))
        return None if sheet is None else witness.infeasible(program, witness.elastic_witness(scaled, sheet.y))
    sheet = _linear(witness.recession(scaled))
    if sheet is None or sheet.objective >= 0 or (start := _feasible(scaled)) is None:
        return None
    return witness.unbounded(program, sheet.x * units, start * units)


def _linear(program: Program) -> QuadraticCertificate | None:
    answer = ENGINES["highs"](program, Reduced(program), 1e-12)
    found = _certified(program, answer, 1e-12, None, "highs") if answer.status == "solved" else None
    return None if found is None else found[0]


def _feasible(program: Program) -> Vector | None:
    """A point that is feasible up to a small violation; None where none is found."""
    if program.A is None:
        return np.clip(0.0, program.low, program.high)
    sheet = _linear(witness.elastic(program))
    return sheet.x[: program.n] if sheet is not None and sheet.objective <= 1e-9 else None


def _without(program: Program, seen: Witness, who: str, started: float, cones: Cones | None = None) -> QuadraticOptimum:
    """A result that says why there is no x."""
    split = () if cones is None else cones.split(np.full(cones.d.size, np.nan))
    how, fun = NONE[type(seen)]
    lam, z = np.full(program.m, np.nan), np.full(program.n, np.nan)
    return QuadraticOptimum(
        z, fun, Multipliers(lam, z, split), how, None, seen, who, 0,
        program, verdict=Verdict.REFUTED if seen.exact else Verdict.UNDECIDED,
        cost={"seconds": time.perf_counter() - started},
    )  # fmt: skip
