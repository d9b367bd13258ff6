"""A square matrix, equilibrated by powers of two and factored once; solutions with extra-precise refinement.

References: Skeel 1980 (refinement and componentwise backward stability); Demmel, Hida, Kahan, Li, Mukherjee, Riedy
2006 (extra-precise refinement).
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from scipy import linalg as sl

from .data import times_power
from .report import RankError
from .twice import UNIT, rounded_residual, two_sum

LAPACK: Any = sl.lapack  # made at run time: unknown to type checkers
MOST_EXACT = 24  # rows of a matrix that is eliminated with fractions, to show that it is singular
SMALL = 100  # rows up to which the inverse costs nothing to speak of
_ROUNDS = 12
_ZERO = -10000  # below the exponent of any double


class Factor:
    """B = 2^row A 2^column with entries to about 1; `kept`: no digit was lost in scaling.

    Raises `RankError` for a zero row or column, or a zero pivot.
    """

    def __init__(self, a: np.ndarray, name: str = "A") -> None:
        e = np.where(a == 0, _ZERO, np.frexp(a)[1])
        self.row = -e.max(axis=1)
        self.column = -(e + self.row[:, None]).max(axis=0)
        for zero, word in ((self.row, "row"), (self.column, "column")):
            if zero.max() > -_ZERO // 2:
                raise _zero(a, int(np.argmax(zero)), word, name)
        self.b, self.kept = times_power(a, self.row[:, None] + self.column)
        self.lu, self.pivots, info = LAPACK.dgetrf(self.b)
        self.size = np.abs(self.b)
        self.norm = float(self.size.sum(axis=0).max())
        self.small = LAPACK.dgetri(self.lu, self.pivots)[0] if len(a) <= SMALL and not info else None
        if info:
            self.reciprocal = 0.0
        elif self.small is not None:
            size = self.norm * float(np.abs(self.small).sum(axis=0).max())
            self.reciprocal = 1 / size if size < np.inf else 0.0
        else:
            self.reciprocal = float(LAPACK.dgecon(self.lu, self.norm)[0])

    def inverse(self) -> np.ndarray:
        """An approximate inverse of `b`."""
        return LAPACK.dgetri(self.lu, self.pivots)[0] if self.small is None else self.small

    def once(self, c: np.ndarray, transposed: bool = False) -> np.ndarray:
        return LAPACK.dgetrs(self.lu, self.pivots, c, trans=int(transposed))[0]

    def refine(self, c: np.ndarray, transposed: bool = False) -> tuple[np.ndarray, np.ndarray, int, np.ndarray]:
        """y with b y = c (or b'y = c) as a sum high + low, the rounds it took, and the size of the last step.

        c has shape (n,) or (n, k); each column stops by itself, where the next step would be too small to matter.
        """
        b = np.ascontiguousarray(self.b.T) if transposed else self.b
        high = self.once(c, transposed)
        low = np.zeros_like(high)
        most = np.abs(high).max(axis=0)
        enough = tolerance(high, most)
        before, last, going = most, np.full(most.shape, np.inf), most > 0
        for k in range(_ROUNDS):
            r, _ = rounded_residual(b, high, c, low if k else None)
            step = self.once(r, transposed)
            size = np.abs(step).max(axis=0)
            going = going & (size < last / 2)  # False for NaN too: no longer converging, so the last sum stands
            if not going.any():
                return high, low, k, last
            high, low = two_sum(high, low + (step if going.all() else np.where(going, step, 0.0)))
            last = np.where(going, size, last)
            going = going & (size * size > enough * before)
            if not going.any():
                return high, low, k + 1, last
            before = size
        return high, low, _ROUNDS, last

    def singular(self, name: str = "A") -> RankError:
        """The error that says so: with an exact null vector where that is shown."""
        exact = null_vector(self.b)
        if exact is not None:
            return RankError(
                f"{name}: is singular: {name} v = 0 for v = {short(np.ldexp(exact, self.column))}",
                witness=np.ldexp(exact, self.column), proved=True,
                fix="lstsq(A, b, rank=...) gives the shortest solution, ridge(A, b, lam) a regularized one",
            )  # fmt: skip
        _, s, right = sl.svd(self.b)
        v = np.ldexp(right[-1], self.column)
        return RankError(
            f"{name}: is singular to working precision: its condition number is about {s[0] / max(s[-1], 5e-324):.1e}",
            witness=v, singular_values=s,
            why=f"{name} v is 0 to rounding for v = {short(v)}; no digit of a solution would be assured",
            fix='proof="exact" solves the system as it is written; lstsq(A, b, rank=...) and ridge(A, b, lam) decide',
        )  # fmt: skip


def tolerance(x: np.ndarray, most: np.ndarray) -> np.ndarray:
    """An error that leaves every entry its last digit, or else is as small as sums in twice the precision know."""
    least = np.where(x == 0, most, np.abs(x)).min(axis=0)
    return np.maximum(UNIT * UNIT * most, UNIT / 1024 * least)


def _zero(a: np.ndarray, k: int, word: str, name: str) -> RankError:
    witness = np.eye(len(a))[k] if word == "column" else null_vector(a)
    return RankError(
        f"{name}: is singular: {word} {k} is zero",
        witness=witness, proved=witness is not None, fix="lstsq(A, b, rank=...) gives the shortest solution",
    )  # fmt: skip


def one_norm(
    n: int, times: Callable[[np.ndarray], np.ndarray], transposed: Callable[[np.ndarray], np.ndarray]
) -> float:
    """About |B|_1 of a linear map of n numbers, from below and rarely by a factor over 3 (Hager 1984; Higham 1988)."""
    size = lambda v: float(np.abs(v).sum())
    v = times(np.full(n, 1.0 / n))
    found = size(v)
    for _ in range(5):
        signs = np.where(v < 0, -1.0, 1.0)
        unit = np.zeros(n)
        unit[int(np.argmax(np.abs(transposed(signs))))] = 1.0
        v = times(unit)
        if not size(v) > found:
            break
        found = size(v)
        if np.array_equal(np.where(v < 0, -1.0, 1.0), signs):
            break
    alternating = (1 + np.arange(n) / max(n - 1, 1)) * (-1.0) ** np.arange(n)
    return max(found, 2 * size(times(alternating)) / (3 * n))


def short(v: np.ndarray) -> str:
    text = ", ".join(f"{t:.4g}" for t in v[:6])
    return f"({text}{', ...' if len(v) > 6 else ''})"


def null_vector(a: np.ndarray) -> np.ndarray | None:
    """v with a v = 0, by elimination with fractions and then rounded; None: there is none, or a is large."""
    n = a.shape[1]
    if max(a.shape) > MOST_EXACT:
        return None
    rows = [[Fraction(v) for v in row] for row in a.tolist()]
    pivots: list[int] = []
    for j in range(n):
        k = len(pivots)
        found = next((i for i in range(k, len(rows)) if rows[i][j]), None)
        if found is None:
            return _combination([r[j] for r in rows[:k]], pivots, j, n)
        rows[k], rows[found] = rows[found], rows[k]
        top = [v / rows[k][j] for v in rows[k]]
        rows = [top if i == k else [p - r[j] * q for p, q in zip(r, top, strict=True)] for i, r in enumerate(rows)]
        pivots.append(j)
    return None


def _combination(weights: list[Fraction], pivots: list[int], j: int, n: int) -> np.ndarray:
    v = [Fraction(0)] * n
    v[j] = Fraction(1)
    for w, p in zip(weights, pivots, strict=True):
        v[p] = -w
    largest = max(abs(t) for t in v)
    return np.array([float(t / largest) for t in v])
