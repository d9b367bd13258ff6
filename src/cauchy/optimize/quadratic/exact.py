"""A quadratic program over the rationals: the active set that floats suggest, solved and checked without rounding."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from .. import rational
from .columns import Vector
from .program import Program

LARGEST = 150  # unknowns


class ExactPoint(NamedTuple):
    """x, lam (rows), z (bounds) and f, exactly: Px + q + A'lam + z = 0, every side kept, every sign right, every
    multiplier zero off its side, and P positive semidefinite. x is then a global minimum (KKT, convex)."""

    x: tuple[Fraction, ...]
    constraints: tuple[Fraction, ...]
    bounds: tuple[Fraction, ...]
    fun: Fraction


def exact_point(program: Program, side: Vector) -> ExactPoint | None:
    """The exact optimum with these active sides (rows, then bounds: 1 upper, -1 lower, 0 none), if they are right."""
    n, m = program.n, program.m
    at = [(program.high if s > 0 else program.low)[i] for i, s in enumerate(side)]
    free = [j for j in range(n) if not side[m + j]]
    rows = [i for i in range(m) if side[i]]
    if n + len(rows) > LARGEST or not np.isfinite([at[i] for i in side.nonzero()[0]]).all():
        return None
    P = [[Fraction(0)] * n for _ in range(n)] if program.P is None else _exactly(program.P)
    A = [] if program.A is None else _exactly(program.A)
    if program.P is not None and rational.semidefinite(P) is not None:
        return None
    q = rational.rationals(program.q)
    x = [Fraction(0) if not side[m + j] else Fraction(float(at[m + j])) for j in range(n)]
    system = [[P[i][j] for j in free] + [A[k][i] for k in rows] for i in free]
    system += [[A[k][j] for j in free] + [Fraction(0)] * len(rows) for k in rows]
    right = [-q[i] - rational.dot(P[i], x) for i in free]
    right += [Fraction(float(at[k])) - rational.dot(A[k], x) for k in rows]
    solution = rational.solve(system, right) if system else []
    if solution is None:
        return None
    for j, value in zip(free, solution, strict=False):
        x[j] = value
    lam = [Fraction(0)] * m
    for k, value in zip(rows, solution[len(free) :], strict=True):
        lam[k] = value
    Px = [rational.dot(row, x) for row in P]
    z = [-(Px[j] + q[j] + sum((lam[k] * A[k][j] for k in rows), Fraction(0))) for j in range(n)]
    w = [*(rational.dot(row, x) for row in A), *x]
    for value, y, low, high in zip(w, [*lam, *z], program.low, program.high, strict=True):
        if value < low or value > high or (y > 0 and value != high) or (y < 0 and value != low):
            return None  # (Python compares a Fraction with a float exactly)
    fun = rational.dot(Px, x) / 2 + rational.dot(q, x) + Fraction(program.r)
    return ExactPoint(tuple(x), tuple(lam), tuple(z), fun)


def _exactly(M: Any) -> list[rational.Row]:
    return [rational.rationals(row) for row in (M if isinstance(M, np.ndarray) else M.toarray())]
