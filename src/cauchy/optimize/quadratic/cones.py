"""Second-order cones: each pair (C, d) asks that w = Cx + d has w[0] >= |w[1:]|.

With multipliers v in the same cones f - v'(Cx + d) is a quadratic function, whose program has rows and bounds alone:
its certificate is the one sought, but for v'w, which complementarity and gap gain. A v in the cones makes one linear
row of them, v'Cx >= -v'd, so Farkas' sum of rows proves infeasibility here too.

Reference: F. Alizadeh, D. Goldfarb, Second-order cone programming (2003).
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np
import scipy.sparse as sp

from ...errors import ShapeError
from .. import rational
from . import witness
from .columns import Vector
from .engines import Answer, Reduced, clarabel
from .gap import QuadraticCertificate, certificate
from .program import Program, finite, matrix, vector
from .witness import Infeasible, Unbounded


class Cones:
    """All cones, stacked: C of shape (rows, n), sparse; d; and the row at which each of them starts."""

    def __init__(self, given: Any, n: int) -> None:
        parts: list[Any] = []
        sizes = []
        for k, pair in enumerate(given):
            if not (isinstance(pair, tuple | list) and len(pair) == 2):
                raise ShapeError(
                    f"cones[{k}] is no pair (C, d)", fix="cones=[(C, d)], for (Cx + d)[0] >= |(Cx + d)[1:]|"
                )
            d = vector(pair[1], f"d of cones[{k}]", None)
            finite(d, f"d of cones[{k}]")
            if not d.size:
                raise ShapeError(f"cones[{k}] has no rows", why="w[0] >= |w[1:]| needs a w[0]")
            parts.append((sp.csr_matrix(matrix(pair[0], f"C of cones[{k}]", d.size, n)[0]), d))
            sizes.append(d.size)
        self.C: Any = sp.csr_matrix(sp.vstack([C for C, _ in parts]))
        self.d = np.concatenate([d for _, d in parts])
        self.sizes = sizes
        self.starts = np.cumsum([0, *sizes[:-1]])

    def split(self, w: Vector) -> tuple[Vector, ...]:
        return tuple(np.split(w, self.starts[1:]))

    def outside(self, w: Vector) -> Vector:
        """|w[1:]| - w[0], for each cone."""
        squares = w * w
        squares[self.starts] = 0.0
        return np.sqrt(np.add.reduceat(squares, self.starts)) - w[self.starts]

    def contain(self, w: Iterable[Fraction]) -> bool:
        """Is w in the cones, exactly?"""
        rest = list(w)
        for size in self.sizes:
            head, tail, rest = rest[0], rest[1:size], rest[size:]
            if head < 0 or head * head < rational.dot(tail, tail):
                return False
        return True

    def times(self, x: rational.Row) -> rational.Row:
        """C x, exactly."""
        C = self.C
        rows = zip(C.indptr, C.indptr[1:], strict=False)
        return [sum((Fraction(float(C.data[k])) * x[C.indices[k]] for k in range(s, e)), Fraction(0)) for s, e in rows]

    def rescaled(self, units: Vector | float) -> Cones:
        out = copy.copy(self)
        out.C = self.C if isinstance(units, float) else sp.csr_matrix(self.C @ sp.diags(units))
        return out


@dataclass(frozen=True)
class ConeCertificate(QuadraticCertificate):
    """The five residuals of `QuadraticCertificate`, with the terms of the cones.

    `primal` and `dual` include |w[1:]| - w[0] and |v[1:]| - v[0], scaled by |C||x| + |d| and |v|; `stationarity` has
    the term -C'v; `complementarity` and `gap` have v'w of each cone, and of all.
    """

    cones: Cones = field(repr=False, compare=False)
    v: Vector = field(repr=False, compare=False)
    violations: Vector = field(repr=False, compare=False)  # of the cones

    @property
    def _primal(self) -> float:
        size = np.maximum.reduceat(abs(self.cones.C) @ abs(self.x) + abs(self.cones.d), self.cones.starts)
        return max(super()._primal, float((self.violations / np.maximum(size, 1.0)).max()))

    @property
    def _dual(self) -> float:
        return self.dual / max(1.0, float(abs(self.y).max()), float(abs(self.v).max()))

    def _terms(self) -> Vector:
        return super()._terms() + abs(self.v) @ abs(self.cones.C)


def cone_certificate(
    program: Program, cones: Cones, x: Vector, y: Vector, v: Vector, tolerance: float
) -> ConeCertificate:
    """The certificate of x with multipliers y = (lam, z) of rows and bounds and v of the cones."""
    lagrangian = copy.copy(program)
    lagrangian.q = program.q - v @ cones.C
    sheet = certificate(lagrangian, x, y, tolerance)
    value = certificate(program, x, y, tolerance).objective
    w = cones.C @ x + cones.d
    products = np.add.reduceat(v * w, cones.starts)
    violations = np.maximum(cones.outside(w), 0.0)
    gap = sheet.gap + float(products.sum())
    made = ConeCertificate.__new__(ConeCertificate)
    made.__dict__.update(
        sheet.__dict__, program=program, cones=cones, v=v, violations=violations,
        primal=max(sheet.primal, float(violations.max())), dual=max(sheet.dual, float(cones.outside(v).max())),
        complementarity=max(sheet.complementarity, float(abs(products).max())), gap=gap, objective=value,
        dual_objective=value - gap,
    )  # fmt: skip
    return made


def explained(program: Program, cones: Cones, answer: Answer) -> Infeasible | Unbounded | None:
    """A proven reason why there is no optimum, from a certificate of Clarabel."""
    return (_infeasible if answer.status == "infeasible" else _unbounded)(program, cones, answer)


def _infeasible(program: Program, cones: Cones, answer: Answer) -> Infeasible | None:
    """Farkas' sum for the rows of A and of C, these with both sides -d: y'(Cx) <= -y'd follows for -y in the cones."""
    m, v = program.m, answer.cones.copy()
    v[cones.starts] += 1e-9 * np.maximum.reduceat(abs(v), cones.starts)  # inside, so that a repair may move it
    parts = [cones.C] if program.A is None else [witness.csr(program.A), cones.C]
    l, u = (np.concatenate([side[:m], -cones.d]) for side in (program.low, program.high))
    rows = Program(None, program.q, sp.csc_matrix(sp.vstack(parts)), l, u, program.low[m:], program.high[m:], 0.0)
    seen = witness.infeasible(rows, np.concatenate([answer.y[:m], -v]))
    if seen is None or not seen.proven:
        return None
    y = seen.exactly["y"] if seen.exact else rational.rationals(seen.y)
    return seen if cones.contain([-c for c in y[m:]]) else None


def _unbounded(program: Program, cones: Cones, answer: Answer) -> Infeasible | Unbounded | None:
    """Why no point is feasible; or a ray that reaches no side and keeps C d in the cones, from a point that is."""
    still = copy.copy(program)
    still.P, still.q = None, np.zeros(program.n)
    feasible = clarabel(still, Reduced(still), 1e-9, cones)
    if feasible.status == "infeasible":
        return _infeasible(program, cones, feasible)
    start = feasible.x
    if cones.C.nnz > witness.EXACT_WORK or not (np.isfinite(start).all() and np.isfinite(answer.x).all()):
        return None
    seen = witness.unbounded(program, answer.x, start)
    if seen is None or not seen.exact:
        return None
    v, x = (list(seen.exactly[name]) for name in ("direction", "point"))
    Cv, w = cones.times(v), [a + Fraction(float(b)) for a, b in zip(cones.times(x), cones.d, strict=True)]
    if not cones.contain(Cv):
        return None
    for t in (0, *(2**k for k in range(0, 60, 6))):
        if cones.contain([a + t * b for a, b in zip(w, Cv, strict=True)]):
            point = [a + t * b for a, b in zip(x, v, strict=True)]
            exactly = {"direction": tuple(v), "point": tuple(point)}
            return replace(seen, point=np.array([float(c) for c in point]), exactly=exactly)
    return None
