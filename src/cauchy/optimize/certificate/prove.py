"""An optimum proved in exact arithmetic: the KKT conditions and the curvature at a rational point, without rounding.

Constants mean what was written: 0.1 is 1/10. Theorems used. Where the gradients of the active constraints are
independent, a local minimum has multipliers (first-order necessary condition), and, where none of them is 0, the
Hessian of the Lagrangian is semidefinite on the tangent space (second-order necessary). One that is positive definite
on the tangent space of the constraints with multipliers makes a strict local minimum (second-order sufficient). In a
convex problem a KKT point is a global minimum.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from ...errors import DomainError, ShapeError
from ...graph import Node
from ...proof import Proof, Verdict
from ...read.notation.exact import exact
from ...tracer import trace
from ..convexity import polynomial
from ..lagrange.stationary import Formulas, formulas
from ..problem import Problem, asked_about
from ..rational import Row, dot, eliminate, semidefinite, solve
from . import Certificate, certify

SIMPLE = 10**6  # the largest denominator that is read into a float
NEAR = 1e-9  # and how near


class ExactKKT(NamedTuple):
    """A point, its value and multipliers as fractions, and the four residuals: all 0 at a KKT point."""

    x: tuple[Fraction, ...]
    fun: Fraction
    constraints: tuple[Fraction, ...]
    bounds: tuple[Fraction, ...]
    stationarity: Fraction
    violation: Fraction
    dual: Fraction
    complementarity: Fraction


def prove_optimum(
    f: Callable[..., Any] | Problem,
    x: Sequence[Any] | np.ndarray,
    *,
    bounds: Any = None,
    subject_to: Any = (),
    args: tuple[Any, ...] = (),
) -> Certificate:
    """Prove or refute, without rounding, that the rational point x is a minimum.

    x: fractions, whole numbers, texts as "2/3", or floats, which are read as the fraction with a denominator up to
    1e6 within 1e-9, if there is one: the proof is about that fraction, and tells how far it is from a float that is
    another. f and the constraints have to be rational functions, as polynomials are, and every step of theirs rational.

    Returns a `Certificate` with `exact` (`ExactKKT`). PROVED: a strict local minimum, or a global one where f and the
    constraints are made of polynomials of degree up to 2 and convex (`scope`). REFUTED, for x given without floats: it
    violates a constraint, or a necessary condition although the gradients of the active constraints are independent.
    Else, and where a step is not defined at x or leaves the rational numbers, the certificate in floats.

    >>> from fractions import Fraction
    >>> line = (lambda x: x[0] + x[1], 1, 1)
    >>> c = prove_optimum(lambda x: x[0] ** 2 + x[1] ** 2, [0.5, 0.5], subject_to=line)
    >>> c.verdict, c.scope, c.exact.constraints
    (<Verdict.PROVED: 'proved'>, 'global', (Fraction(-1, 1),))
    """
    if np.ndim(x) != 1 or isinstance(x, (str, bytes)):
        fix = "prove_optimum(lambda x: x[0] ** 2, [0])"
        raise ShapeError(f"x is {_plain(x)!r}; wanted a list of numbers, one for each variable", fix=fix)
    point = [_fraction(v) for v in x]
    floats = np.array([float(v) for v in point])
    try:
        start = None if isinstance(f, Problem) else floats
        p = asked_about("prove_optimum", f, start, args, bounds, subject_to)
    except IndexError as e:
        raise ShapeError(f"x has {floats.size} entries, and f or a constraint asks for another: {e}") from e
    found = certify(p, floats)
    with np.errstate(all="ignore"):
        known = formulas(p, floats)
        asked = None if known is None else _Exact.of(p, known, point)
    if asked is None:
        return found
    judged = _moved(asked.judged(found), x, point)
    rounded = any(isinstance(v, (float, np.floating)) for v in x)
    return found if rounded and judged.verdict is not Verdict.PROVED else judged


def _moved(c: Certificate, given: Sequence[Any] | np.ndarray, x: Row) -> Certificate:
    """The proof names the point that was given where it is another than the one that it is about."""
    moved = max((abs(Fraction(v) - r) for v, r in zip(given, x, strict=True) if _other(v, r)), default=Fraction(0))
    if not moved or c.proof is None:
        return c
    name = lambda values: f"({', '.join(map(str, values))})"
    text = f"{c.proof.statement}, where x = {name(x)}; the given {name(map(_plain, given))} is {float(moved):.3g} away"
    return replace(c, proof=replace(c.proof, statement=text))


def _other(v: Any, read: Fraction) -> bool:
    return isinstance(v, (float, np.floating)) and float(read) != float(v)


def _plain(v: Any) -> Any:
    """NumPy's numbers as Python's."""
    return v.item() if isinstance(v, np.generic) else v


def _fraction(v: Any) -> Fraction:
    try:
        exact = Fraction(_plain(v))
    except (TypeError, ValueError, OverflowError):
        raise DomainError(f"x holds {_plain(v)!r}; wanted a finite rational number") from None
    if isinstance(v, (float, np.floating)):
        simple = exact.limit_denominator(SIMPLE)
        return simple if abs(simple - exact) <= NEAR * max(1, abs(exact)) else exact
    return exact


def _side(v: float) -> Fraction | float:
    return Fraction(repr(float(v))) if np.isfinite(v) else float(v)


class _Exact:
    """Values and derivatives at the point, all rational."""

    def __init__(
        self, p: Problem, x: Row, values: Row, gradients: list[Row], hessians: list[list[Row]], quadratic: bool
    ) -> None:
        self.p, self.x, self.m, self.n = p, x, p.m, p.n
        self.f, self.g, self.H = values[0], gradients[0], hessians
        self.v, self.V, self.quadratic = values[1:], gradients[1:], quadratic
        self.low = [_side(b) for b in (*p.cl, *p.lower)]
        self.high = [_side(b) for b in (*p.cu, *p.upper)]

    @classmethod
    def of(cls, p: Problem, known: Formulas, x: Row) -> _Exact | None:
        """None where something is not a rational number."""
        import sympy as sp

        at = dict(zip(known.x, (sp.Rational(v.numerator, v.denominator) for v in x), strict=True))

        def number(e: Any) -> Fraction:
            value = e.subs(at)
            if not value.is_Rational:
                raise _NotRational
            return Fraction(int(value.p), int(value.q))

        # SymPy cancels x / x and exp(log(x)): each step has to have a value at x, and for global claims everywhere
        graphs = [trace(part, np.array([float(v) for v in x])) for part in (p.f, p.c) if part is not None]
        reached = [polynomial.evaluate(g, [polynomial.exactly(x, (p.n,))], g.outputs, _written) for g in graphs]
        if None in reached:
            return None
        steps = [v for found in reached for v in np.ravel(found[0])]  # type: ignore[index] - none is None
        quadratic = all(polynomial.evaluate(g, polynomial.variables(g), g.outputs, _written) for g in graphs)
        values, gradients, hessians = [], [], []
        try:
            for e in (known.f, *known.rows):
                if not e.is_rational_function(*known.x):  # a kink, say, whose derivative SymPy chooses
                    return None
                first = [sp.diff(e, u) for u in known.x]
                second = [[sp.diff(d, u) for u in known.x] for d in first]
                values.append(number(e))
                gradients.append([number(d) for d in first])
                hessians.append([[number(d) for d in row] for row in second])
        except _NotRational:
            return None
        return cls(p, x, values, gradients, hessians, quadratic) if values[: len(steps)] == steps else None

    def judged(self, floats: Certificate) -> Certificate:
        gaps = [(v - lo, hi - v) for v, lo, hi in zip(self.v, self.low, self.high, strict=True)]
        violation = max((max(-a, -b, 0) for a, b in gaps), default=Fraction(0))
        if violation > 0:
            return self._refuted(floats, "infeasible", f"a constraint is violated by {violation}")
        active = [i for i, (a, b) in enumerate(gaps) if a == 0 or b == 0]
        rows = [self.V[i] for i in active]
        columns = [list(c) for c in zip(*rows, strict=True)] if rows else [[] for _ in range(self.n)]
        independent = len(eliminate(rows)[1]) == len(rows)
        sign = [0 if a == b == 0 else 1 if b == 0 else -1 for a, b in gaps]
        y = self._multipliers(active, columns, sign, floats)
        wrong = y is None or any(s * v < 0 for s, v in zip(sign, y, strict=True))
        if wrong:
            if not independent:
                return floats
            why = "no multipliers" if y is None else "the only multipliers have a wrong sign"
            return self._refuted(floats, "not_stationary", f"{why}: {self._shown(active, y)}")
        assert y is not None
        exact = self._point(y, gaps, sign)
        assert not any(exact[4:])
        return self._second(floats, exact, y, active, independent, sign)

    def _multipliers(self, active: list[int], columns: list[Row], sign: list[int], floats: Certificate) -> Row | None:
        """The multipliers; where they are not unique, those on the support that floats suggest."""
        guess = [*floats.constraints, *floats.bounds]
        support = [k for k, i in enumerate(active) if guess[i] != 0]
        found = None
        for chosen in (list(range(len(active))), support):
            values = solve([[*(c[k] for k in chosen), Fraction(0)] for c in columns], [-g for g in self.g])
            if values is None:
                continue
            found = [Fraction(0)] * len(self.v)
            for k, value in zip(chosen, values, strict=False):
                found[active[k]] = value
            if all(s * v >= 0 for s, v in zip(sign, found, strict=True)):
                break
        return found

    def _point(self, y: Row, gaps: Any, sign: list[int]) -> ExactKKT:
        m = self.m
        rest = [g + dot(y, column) for g, column in zip(self.g, zip(*self.V, strict=True), strict=True)]
        dual = max((-s * v for s, v in zip(sign, y, strict=True)), default=Fraction(0))
        slack = max((abs(v) * min(gap) for v, gap in zip(y, gaps, strict=True) if v), default=Fraction(0))
        violation = max((max(-a, -b) for a, b in gaps), default=Fraction(0))
        zero = Fraction(0)
        residuals = max(map(abs, rest)), max(violation, zero), max(dual, zero), Fraction(slack)
        return ExactKKT(tuple(self.x), self.f, tuple(y[:m]), tuple(y[m:]), *residuals)

    def _second(
        self, floats: Certificate, exact: ExactKKT, y: Row, active: list[int], independent: bool, sign: list[int]
    ) -> Certificate:
        n = self.n
        H = [[dot([Fraction(1), *y], [h[i][j] for h in self.H]) for j in range(n)] for i in range(n)]
        strong = [i for i in active if y[i] or sign[i] == 0]
        Z = _kernel([self.V[i] for i in strong], n)
        M = [[dot(a, [dot(row, b) for row in H]) for b in Z] for a in Z]
        down = semidefinite(M)
        steps = (self._shown(active, list(y)), "all four residuals are 0")
        convex, definite = self._convex(), down is None and len(eliminate(M)[1]) == len(M)
        if convex or definite:
            why = "the problem is convex" if convex else "the Lagrangian curves upwards on the tangent space"
            proof = Proof("exact KKT", f"x is a {'global' if convex else 'strict local'} minimum", (*steps, why))
            return replace(
                floats, verdict=Verdict.PROVED, proof=proof, exact=exact, scope="global" if convex else "local",
                kind="minimum" if definite else "degenerate", certified=True, doubts=(), better=None, witness=None,
                constraints=_floats(exact.constraints), bounds=_floats(exact.bounds),
            )  # fmt: skip
        if down is not None and independent and len(strong) == len(active):
            v = [sum((c * z[j] for c, z in zip(down, Z, strict=True)), Fraction(0)) for j in range(n)]
            found = self._refuted(floats, "saddle", "the curvature is negative along a tangent direction")
            return replace(found, exact=exact, witness=_floats(v))
        return replace(floats, exact=exact)

    def _convex(self) -> bool:
        """Whether second derivatives are constant and make f convex and the feasible set convex."""
        if not self.quadratic or semidefinite(self.H[0]) is not None:
            return False
        for h, lo, hi in zip(self.H[1:], self.low, self.high, strict=True):
            turned = [[-v for v in row] for row in h]
            if hi != np.inf and semidefinite(h) is not None:
                return False
            if lo != -np.inf and semidefinite(turned) is not None:
                return False
        return True

    def _shown(self, active: list[int], y: Row | None) -> str:
        x = ", ".join(map(str, self.x))
        if y is None:
            return f"x = ({x})"
        names = [f"c[{i}]: {y[i]}" if i < self.m else f"x[{i - self.m}]: {y[i]}" for i in active]
        return f"x = ({x}), multipliers {', '.join(names) or 'none'}"

    def _refuted(self, floats: Certificate, kind: Any, why: str) -> Certificate:
        proof = Proof("exact KKT", f"x is no local minimum: {why}")
        return replace(floats, verdict=Verdict.REFUTED, proof=proof, kind=kind, certified=False)


class _NotRational(ArithmeticError):
    """A value is not a rational number."""


def _written(n: Node) -> Any:
    """A constant as it was written, as for the formulas: 0.1 is 1/10."""
    a = np.asarray(n.value if n.origin is None else n.origin)
    if a.dtype.kind in "biu" and a.shape:
        return a
    numbers = [exact(v) for v in a.ravel()]
    if not all(v.is_Rational for v in numbers):
        raise polynomial.NotPolynomial
    return polynomial.exactly([Fraction(int(v.p), int(v.q)) for v in numbers], a.shape)[()]


def _kernel(rows: list[Row], n: int) -> list[Row]:
    """A basis of the vectors that all rows take to 0."""
    reduced, pivots = eliminate(rows)
    out = []
    for j in (j for j in range(n) if j not in pivots):
        v = [Fraction(int(i == j)) for i in range(n)]
        for row, k in zip(reduced, pivots, strict=True):
            v[k] = -row[j]
        out.append(v)
    return out


def _floats(values: Sequence[Fraction]) -> np.ndarray:
    return np.array([float(v) for v in values])
