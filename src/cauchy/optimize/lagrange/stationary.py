"""The stationary system of a Lagrangian as formulas, and its exact solutions where it is polynomial.

SymPy may think for ever, so systems are solved in a child process (`serve`), which is given numbers alone: polynomials
as exponents with rational coefficients. Affine systems are solved here.
Reference: D. Cox, J. Little, D. O'Shea, "Ideals, Varieties, and Algorithms" (2015), chapter 3: a system of polynomials
has no solution, not even a complex one, exactly where its Gröbner basis is 1; finitely many where it is
zero-dimensional.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import numpy as np

from ...calculus.child import Child
from ...errors import CauchyError
from ...tracer import trace
from ..problem import Problem
from ..rational import eliminate, solve

Polynomial = list[tuple[tuple[int, ...], Fraction]]  # exponents of the unknowns, coefficient
MOST_UNKNOWNS = 12
MOST_TERMS = 400


@dataclass(frozen=True)
class Solution:
    """One real solution: `numbers` to 17 digits, `texts` exact, `rational` where all of them are."""

    numbers: tuple[float, ...]
    texts: tuple[str, ...]
    rational: tuple[Fraction, ...] | None


@dataclass(frozen=True)
class Solved:
    """All real solutions of a system, or why they are not known."""

    solutions: tuple[Solution, ...] = ()
    how: Literal["all", "infinite", "unsolved"] = "all"
    sure: bool = True  # SymPy knows of each whether it is real, not by its digits alone


class Formulas:
    """f and the rows of c (then the bounds) as SymPy expressions in x; the Lagrangian, its gradient, as LaTeX."""

    def __init__(self, problem: Problem, x: np.ndarray) -> None:
        import sympy as sp

        self.x = sp.symbols(f"x_0:{problem.n}", real=True) if problem.n > 1 else sp.symbols("x,", real=True)
        shown = np.array(self.x, dtype=object)
        graphs = [trace(part, x) for part in (problem.f, problem.c) if part is not None]
        if any(g.guards for g in graphs):
            raise CauchyError("the formula is another one elsewhere: the function decides by `if`")
        self.f, *rows = (g.sympy([shown]) for g in graphs)
        self.rows = [*(e for row in rows for e in np.ravel(row)), *self.x]

    def stationary(self, rows: Sequence[int], sides: Sequence[Any]) -> tuple[list[Any], list[Any], Any]:
        """Equations in x and the multipliers of these rows, held at these sides; the unknowns; the Lagrangian."""
        import sympy as sp

        lam = sp.symbols(f"lambda_0:{len(rows)}", real=True) if len(rows) > 1 else sp.symbols("lambda,", real=True)
        lam = lam[: len(rows)]
        held = [self.rows[i] - _decimal(side) for i, side in zip(rows, sides, strict=True)]
        L = self.f + sum((m * h for m, h in zip(lam, held, strict=True)), sp.Integer(0))
        return [*(sp.diff(L, v) for v in self.x), *held], [*self.x, *lam], L

    def linear(self, rows: Sequence[int]) -> list[list[Fraction]] | None:
        """The gradients of these rows, if they are constant and rational."""
        import sympy as sp

        found: list[list[Any]] = [[sp.diff(self.rows[i], v) for v in self.x] for i in rows]
        if not all(d.is_Rational for row in found for d in row):
            return None
        return [[Fraction(int(d.p), int(d.q)) for d in row] for row in found]

    def polynomials(self, equations: Sequence[Any], unknowns: Sequence[Any]) -> list[Polynomial] | None:
        """The equations as polynomials over the rationals, or None."""
        import sympy as sp

        out: list[Polynomial] = []
        for e in equations:
            if not e.is_polynomial(*unknowns):
                return None
            terms = sp.Poly(e, *unknowns).terms()
            if not all(c.is_Rational for _, c in terms):
                return None
            out.append([(tuple(map(int, k)), Fraction(int(c.p), int(c.q))) for k, c in terms])
        return out if sum(map(len, out)) <= MOST_TERMS and len(unknowns) <= MOST_UNKNOWNS else None


def _decimal(side: Any) -> Any:
    """A bound as it was written: 0.1 is 1/10."""
    import sympy as sp

    return sp.Rational(Fraction(repr(float(side))))


def latex(expression: Any) -> str:
    import sympy as sp

    return sp.latex(expression)


def formulas(problem: Problem, x: np.ndarray) -> Formulas | None:
    """None where the problem has no formula."""
    try:
        return Formulas(problem, x)
    except CauchyError:
        return None


class Solver:
    """Solves systems one after the other, all within `seconds`."""

    def __init__(self, seconds: float) -> None:
        self.left = seconds
        self.child: Child | None = None

    def __enter__(self) -> Solver:
        return self

    def __exit__(self, *_: object) -> None:
        if self.child is not None:
            self.child.put_back()

    def solve(self, system: list[Polynomial]) -> Solved:
        count = max((len(k) for p in system for k, _ in p), default=0)
        system = [[(k, c) for k, c in p if c] for p in system]
        if all(sum(k) <= 1 for p in system for k, _ in p):
            return _affine(system, count)
        self.child = (self.child or Child.get("cauchy.optimize.lagrange.stationary")) if self.left > 0 else None
        if self.child is None:
            return Solved(how="unsolved")
        began = time.monotonic()
        self.child.write({"system": [[[list(k), str(c)] for k, c in p] for p in system], "count": count})
        line = self.child.next(self.left)
        self.left -= time.monotonic() - began
        if not line:
            self.child.end()
            self.child, self.left = None, 0.0
            return Solved(how="unsolved")
        answer = json.loads(line)
        found = tuple(
            Solution(tuple(s["numbers"]), tuple(s["texts"]), _fractions(s["texts"])) for s in answer["solutions"]
        )
        return Solved(found, answer["how"], answer.get("sure", True))


def _fractions(texts: Sequence[str]) -> tuple[Fraction, ...] | None:
    try:
        return tuple(map(Fraction, texts))
    except ValueError:
        return None


def _affine(system: list[Polynomial], count: int) -> Solved:
    rows = [[Fraction(0)] * count for _ in system]
    right = [Fraction(0)] * len(system)
    for row, (i, p) in zip(rows, enumerate(system), strict=True):
        for k, c in p:
            if sum(k):
                row[k.index(1)] += c
            else:
                right[i] -= c
    found = solve(rows, right)
    if found is None:
        return Solved()
    if len(eliminate(rows)[1]) < count:
        return Solved(how="infinite")
    return Solved((Solution(tuple(map(float, found)), tuple(map(str, found)), tuple(found)),))


# -- the child -------------------------------------------------------------------------------------------------------


def serve() -> None:
    """Answer systems, a line of JSON each, until the input closes."""
    print("ready", flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(_answer(request["system"], request["count"])), flush=True)


def _answer(system: list[Any], count: int) -> dict[str, Any]:
    import sympy as sp

    gens = sp.symbols(f"v0:{count}")
    polys = [sp.Poly.from_dict({tuple(k): sp.Rational(c) for k, c in p}, *gens, domain="QQ") for p in system if p]
    basis = sp.groebner(polys, *gens, order="grevlex")
    if basis.exprs == [sp.Integer(1)]:
        return {"how": "all", "solutions": []}
    if not basis.is_zero_dimensional:
        return {"how": "infinite", "solutions": []}
    try:
        found = sp.solve_poly_system([p.as_expr() for p in polys], *gens)
    except (NotImplementedError, sp.polys.polyerrors.PolynomialError):
        return {"how": "unsolved", "solutions": []}
    out, sure = [], True
    for values in found or []:
        exact = [sp.simplify(v) for v in values]
        sure &= all(v.is_real is not None for v in exact)
        numbers = [v.evalf(40) for v in exact]
        if all(abs(sp.im(v)) < sp.Float("1e-25") for v in numbers):
            out.append({"numbers": [float(sp.re(v)) for v in numbers], "texts": [str(v) for v in exact]})
    return {"how": "all", "solutions": out, "sure": bool(sure)}
