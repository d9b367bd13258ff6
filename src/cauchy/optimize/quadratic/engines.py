"""The solvers beneath: PIQP (dense or sparse), Clarabel (sparse) and HiGHS (linear), each behind one signature.

What they get is the program with equal rows told apart, free rows left out, and rows of one entry as bounds of their
variable; what comes back are x and the multipliers y = (lam, z) of the program as it was given.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import scipy.sparse as sp

from ...errors import CauchyError, DomainError
from .columns import Columns, Vector
from .program import Matrix, Program

if TYPE_CHECKING:
    from .cones import Cones

NOTHING = np.zeros(0, np.intp)
STRICTER = 1e-2  # solvers are asked for this much more than the certificate, where they measure relatively
SMALL = 64  # variables and rows: there the answer should leave open no side, and a polish costs less than 1 ms
SHARPER = 0.1  # what small programs are solved to, besides: another round at times, and half as many to polish
SCALINGS = 4  # rounds of equilibration: 10, the default, cost more than they save
Status = Literal["solved", "infeasible", "unbounded", "failed"]


class Answer(NamedTuple):
    """x and y = (lam, z) as a solver left them, and what it says of them."""

    x: Vector
    y: Vector
    status: Status
    iterations: int
    cones: Vector = NOTHING  # multipliers of cones


@cache
def load(name: str) -> Any:
    """The optional package, or an error that names the extra to install."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise CauchyError(
            f"the package {name} is not installed",
            why="it solves quadratic programs",
            fix="pip install 'cauchy-calculus[optimize]'",
        ) from None


def installed(name: str) -> bool:
    try:
        load(name)
    except CauchyError:
        return False
    return True


MANY = 1 << 15  # n^2 m from which on telling rows of one entry apart takes less time than it saves


class Reduced:
    """The program as solvers want it: E x = e, low <= G x <= high, lower <= x <= upper. E, G: None if without rows."""

    def __init__(self, program: Program) -> None:
        self.program = program
        n, m, A = program.n, program.m, program.A
        low, high = program.low, program.high
        self.lower, self.upper = low[m:], high[m:]
        self.owners: list[tuple[Vector, Vector]] = []  # of lower and of upper sides, or of both alike
        self.fixed = self.equal = NOTHING
        low, high = low[:m], high[:m]
        inside = np.isfinite(np.maximum(low, -high))
        if program.narrowest == 0:
            if program.boxed:
                self.fixed = (self.lower == self.upper).nonzero()[0]
            equal = low == high
            self.equal = equal.nonzero()[0]
            inside &= ~equal
        if n * n * m > MANY:
            single = (np.bincount(A.rows, minlength=m) if program.sparse else np.count_nonzero(A, axis=1)) == 1
            single &= inside
            if (rows := single.nonzero()[0]).size:
                self._move(A, single, rows, low, high)
                inside &= ~single
        self.inside = inside.nonzero()[0]
        self.E: Any = _rows(A, self.equal, m)
        self.G: Any = _rows(A, self.inside, m)
        self.e = low[self.equal]
        self.low, self.high = (low, high) if self.inside.size == m else (low[self.inside], high[self.inside])
        if self.fixed.size:  # an interior point wants an interior
            self._fix()

    def _move(self, A: Matrix, single: Vector, rows: Vector, low: Vector, high: Vector) -> None:
        """Inequalities with one entry, a x_j, become bounds of x_j."""
        program = self.program
        if isinstance(A, Columns):
            kept = single[A.rows].nonzero()[0]
            rows, columns, a = A.rows[kept], A.columns[kept], A.values[kept]
        else:
            columns = abs(A[rows]).argmax(axis=1)
            a = A[rows, columns]
        lower, upper = low[rows], high[rows]
        if not (np.minimum.reduce(a) == 1 == np.maximum.reduce(a)):
            lower, upper = np.minimum(lower / a, upper / a), np.maximum(lower / a, upper / a)
        self.lower, self.upper = self.lower.copy(), self.upper.copy()
        if program.boxed or (columns[1:] <= columns[:-1]).any():
            for sign, mine, best in ((-1, lower, self.lower), (1, upper, self.upper)):
                order = (-sign * mine).argsort()  # the tightest last, which is what stays
                order = order[sign * mine[order] < sign * best[columns[order]]]
                best[columns[order]] = mine[order]
                self.owners.append(self._owners(columns[order], rows[order], a[order]))
        else:  # one row for each variable
            self.lower[columns], self.upper[columns] = lower, upper
            self.owners = [self._owners(columns, rows, a)]
        width = self.upper - self.lower
        if not (narrowest := np.minimum.reduce(width)) > 0:
            if narrowest < 0:  # infeasible, or two bounds that differ by rounding: the certificate will tell
                crossed = (width < 0).nonzero()[0]
                self.lower[crossed] = self.upper[crossed] = (self.lower[crossed] + self.upper[crossed]) / 2
            self.fixed = (self.lower == self.upper).nonzero()[0]

    def _owners(self, columns: Vector, rows: Vector, a: Vector) -> tuple[Vector, Vector]:
        """Where in y the multipliers of these sides of all variables belong, and what they are divided by there."""
        n, m = self.program.n, self.program.m
        place, divisor = np.arange(m, m + n), np.ones(n)
        place[columns], divisor[columns] = rows, a
        return place, divisor

    def _fix(self) -> None:
        """Fixed variables as rows x_j = value below E."""
        j, n = self.fixed, self.program.n
        if not self.program.sparse:
            extra = np.zeros((j.size, n))
            extra[np.arange(j.size), j] = 1.0
            self.E = extra if self.E is None else np.vstack([self.E, extra])
        else:
            k = self.equal.size
            parts = [(np.ones(j.size), np.arange(k, k + j.size), j)]
            if self.E is not None:
                parts.append((self.E.values, self.E.rows, self.E.columns))
            values, rows, columns = (np.concatenate(part) for part in zip(*parts, strict=True))
            self.E = Columns.entries(values, rows, columns, (k + j.size, n))
        self.e = np.concatenate([self.e, self.lower[j]])
        self.lower, self.upper = self.lower.copy(), self.upper.copy()
        self.lower[j], self.upper[j] = -np.inf, np.inf

    def restore(self, ye: Vector, yg: Vector, z: Vector) -> Vector:
        """y = (lam, z) of the program from the multipliers of E, G and the bounds (which are written to)."""
        m = self.program.m
        if self.inside.size == m and not self.fixed.size:
            return np.concatenate((yg, z))
        y = np.zeros(m + self.program.n)
        y[self.equal] = ye[: self.equal.size]
        y[self.inside] = yg
        if self.fixed.size:
            z[self.fixed] = ye[self.equal.size :]
        if not self.owners:
            y[m:] = z
        elif len(self.owners) == 1:
            place, divisor = self.owners[0]
            y[place] = z / divisor
        else:
            for (place, divisor), part in zip(self.owners, (z < 0, z > 0), strict=True):
                y[place[part]] = (z / divisor)[part]
        return y


def _rows(A: Any, at: Vector, m: int) -> Any:
    """The rows of A with these numbers; None where there are none."""
    if not at.size:
        return None
    if at.size == m:
        return A
    return A.some_rows(at) if isinstance(A, Columns) else A[at]


def _scipy(M: Any, n: int) -> Any:
    """For solvers that take SciPy's matrices alone."""
    if M is None:
        return sp.csc_matrix((0, n))
    return M.matrix() if isinstance(M, Columns) else sp.csc_matrix(M)


# -- PIQP -------------------------------------------------------------------------------------------------------------


def piqp(program: Program, reduced: Reduced, tolerance: float) -> Answer:
    """Proximal interior point (Schwan, Jiang, Kuhn, Jones 2023)."""
    package = load("piqp")
    solver = package.SparseSolver() if program.sparse else package.DenseSolver()
    settings = solver.settings
    n, R = program.n, reduced
    if n + program.m <= SMALL:
        tolerance *= SHARPER
    settings.eps_abs = settings.eps_duality_gap_abs = tolerance
    settings.eps_rel = settings.eps_duality_gap_rel = STRICTER * tolerance
    settings.preconditioner_iter = SCALINGS
    if program.sparse:
        P: Any = sp.csc_matrix((n, n)) if program.P is None else program.P.shell()
        E, G = (None if M is None else M.shell() for M in (R.E, R.G))
    else:
        P = np.zeros((n, n), order="F") if program.P is None else np.asfortranarray(program.P)
        E, G = (None if M is None else np.asfortranarray(M) for M in (R.E, R.G))
    e, low, high = (None if E is None else R.e), (None if G is None else R.low), (None if G is None else R.high)
    solver.setup(P, program.q, E, e, G, low, high, R.lower, R.upper)
    status = _PIQP.get(solver.solve().name, "failed")
    found = solver.result
    ye = NOTHING if E is None else found.y
    yg = NOTHING if G is None else found.z_u - found.z_l
    return Answer(found.x, R.restore(ye, yg, found.z_bu - found.z_bl), status, found.info.iter)


_PIQP: dict[str, Status] = {
    "PIQP_SOLVED": "solved", "PIQP_PRIMAL_INFEASIBLE": "infeasible", "PIQP_DUAL_INFEASIBLE": "unbounded",
}  # fmt: skip


# -- Clarabel ---------------------------------------------------------------------------------------------------------


def clarabel(program: Program, reduced: Reduced, tolerance: float, second: Cones | None = None) -> Answer:
    """Interior point over the homogeneous embedding (Goulart, Chen 2024); with second-order cones, where given."""
    package = load("clarabel")
    R, n = reduced, program.n
    P = sp.csc_matrix((n, n)) if program.P is None else sp.triu(_scipy(program.P, n), format="csc")
    one: Any = sp.identity(n, format="csr")
    E, G = (sp.csr_matrix(_scipy(M, n)) for M in (R.E, R.G))
    high, low, upper, lower = (np.isfinite(b).nonzero()[0] for b in (R.high, R.low, R.upper, R.lower))
    parts = [E, G[high], one[upper], -G[low], -one[lower]]
    sides = np.concatenate([R.e, R.high[high], R.upper[upper], -R.low[low], -R.lower[lower]])
    count, linear = R.e.size, sides.size
    cones = [package.ZeroConeT(count), package.NonnegativeConeT(linear - count)]
    if second is not None:
        parts, sides = [*parts, -second.C], np.concatenate([sides, second.d])
        cones += [package.SecondOrderConeT(k) if k > 1 else package.NonnegativeConeT(k) for k in second.sizes]
    rows: Any = sp.vstack(parts, format="csc")
    settings = package.DefaultSettings()
    settings.verbose, settings.max_threads = False, 1
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = STRICTER * tolerance
    found = package.DefaultSolver(P, program.q, rows, sides, cones, settings).solve()
    dual = np.array(found.z)
    yg, z = np.zeros(R.low.size), np.zeros(n)
    at = count
    for target, where, sign in ((yg, high, 1), (z, upper, 1), (yg, low, -1), (z, lower, -1)):
        target[where] += sign * dual[at : at + where.size]
        at += where.size
    y = R.restore(dual[:count], yg, z)
    status = _CLARABEL.get(str(found.status), "failed")
    return Answer(np.array(found.x), y, status, int(found.iterations), dual[linear:])


_CLARABEL: dict[str, Status] = {
    "Solved": "solved", "AlmostSolved": "solved", "PrimalInfeasible": "infeasible", "DualInfeasible": "unbounded",
}  # fmt: skip


# -- HiGHS ------------------------------------------------------------------------------------------------------------


def highs(program: Program, reduced: Reduced, tolerance: float) -> Answer:
    """Dual simplex (Huangfu, Hall 2018) as SciPy has it; for linear objectives."""
    if program.P is not None:
        raise DomainError("solver='highs' solves linear programs; P is not zero", fix="solver='piqp' or 'clarabel'")
    from scipy.optimize import linprog

    R, n = reduced, program.n
    up, down = (np.isfinite(b).nonzero()[0] for b in (R.high, R.low))
    E, rows, sides = R.E, None, None
    if R.G is not None:
        G: Any = R.G.matrix().tocsr() if program.sparse else R.G
        rows = (sp.vstack if program.sparse else np.vstack)([G[up], -G[down]])
        sides = np.concatenate([R.high[up], -R.low[down]])
    if isinstance(E, Columns):
        E = E.matrix()
    least = max(STRICTER * tolerance, 1e-10)  # what HiGHS accepts
    found = linprog(
        program.q, rows, sides, E, None if E is None else R.e, np.column_stack([R.lower, R.upper]),
        method="highs", options={"primal_feasibility_tolerance": least, "dual_feasibility_tolerance": least},
    )  # fmt: skip
    if found.x is None:
        return Answer(
            np.full(n, np.nan), np.full(n + program.m, np.nan), _HIGHS.get(found.status, "failed"), int(found.nit)
        )
    yg = np.zeros(0 if R.G is None else len(R.low))
    if R.G is not None:
        slopes = -found.ineqlin.marginals
        yg[up] += slopes[: up.size]
        yg[down] -= slopes[up.size :]
    ye = -found.eqlin.marginals if R.E is not None else np.empty(0)
    z = -(found.lower.marginals + found.upper.marginals)
    return Answer(found.x, R.restore(ye, yg, z), _HIGHS.get(found.status, "failed"), int(found.nit))


_HIGHS: dict[int, Status] = {0: "solved", 2: "infeasible", 3: "unbounded"}

Engine = Callable[[Program, Reduced, float], Answer]
ENGINES: dict[str, Engine] = {"piqp": piqp, "clarabel": clarabel, "highs": highs}
