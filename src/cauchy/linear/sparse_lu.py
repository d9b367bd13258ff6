"""Sparse square systems by SuperLU: equilibrated, refined in working precision, with estimates of error and condition.

References: Arioli, Demmel, Duff 1989 (refinement and its error estimate); Li 2005 (SuperLU); Hager 1984, Higham 1988.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import structural_rank
from scipy.sparse.linalg import splu

from ..errors import DomainError
from ..proof import Verdict
from .data import along, matrix, numbers, sides, times_power
from .factor import MOST_EXACT, null_vector, one_norm, short
from .report import RankError, estimated_digits
from .solve import backward_errors, scaled_side, unscaled
from .twice import UNIT

_ROUNDS = 5
_FIX = "cauchy.lstsq(A.toarray(), b, rank=...) and cauchy.ridge(A.toarray(), b, lam) take any rank"


def solved(A: Any, b: Any, proof: str, begun: float) -> dict[str, Any]:
    """The fields of the solution of A x = b for a sparse A, shape (n, n), and b (n,) or (n, k)."""
    if proof == "double":
        raise DomainError("proof: a sparse system is solved without proof", fix='A.toarray(), or proof="auto"')
    matrix(np.broadcast_to(np.zeros(1, A.dtype), A.shape), square=True)
    a: Any = sparse.csc_array(A, copy=True)
    numbers(a.data if a.nnz else np.zeros(1), "A", 1)
    a = a.astype(np.float64)
    a.sum_duplicates()
    a.eliminate_zeros()
    n = a.shape[0]
    rhs = sides(b, n)
    scaled, row, column = _equilibrated(a)
    try:
        lu = splu(scaled)
    except RuntimeError:  # SuperLU says so where a pivot is exactly 0
        raise _singular(scaled, column, None) from None
    inverse = one_norm(n, lu.solve, lambda v: lu.solve(v, "T"))
    norm = float(abs(scaled).sum(axis=0).max())
    if not norm * inverse * UNIT < 1:
        raise _singular(scaled, column, lu)
    c, power, _ = scaled_side(rhs, row)
    y, rest, sizes, rounds = _refined(scaled, lu, c)
    x, _ = unscaled(y, column, power)
    component, backward = backward_errors(rest, sizes, abs(scaled), y, c)
    # |error| <= |A^-1| (|r| + the rounding of r); of several columns the largest of each row stands for all
    per_row = np.diff(scaled.tocsr().indptr) + 1
    left = np.abs(rest) + along(per_row, c) * UNIT * sizes
    weights = (left / np.maximum(np.abs(y).max(axis=0), 5e-324)).reshape(n, -1).max(axis=1)
    error = one_norm(n, lambda v: weights * lu.solve(v, "T"), lambda v: lu.solve(weights * v))
    with np.errstate(over="ignore", under="ignore"):
        down, across = np.ldexp(1.0, column), np.ldexp(1.0, row)
        size = one_norm(n, lambda v: down * lu.solve(across * v), lambda v: across * lu.solve(down * v, "T"))
        condition = float(abs(a).sum(axis=0).max()) * size
        residual = times_power(rest, power - along(row, x))[0]
    return {
        "x": x, "residual": residual, "rank": n, "condition": condition if condition > 0 else np.inf,
        "backward_error": backward, "componentwise_backward_error": component, "forward_bound": None,
        "digits": estimated_digits(error, x), "exact": None, "verdict": Verdict.UNDECIDED, "proof": None,
        "estimates": {"condition_equilibrated": norm * inverse, "forward_error": max(error, UNIT)},
        "cost": {"seconds": time.perf_counter() - begun, "refinements": rounds, "entries": lu.nnz},
    }  # fmt: skip


def _equilibrated(a: Any) -> tuple[Any, np.ndarray, np.ndarray]:
    """2^row a 2^column with entries to about 1; raises where a row or column is zero."""
    i, j = a.indices, np.repeat(np.arange(a.shape[1]), np.diff(a.indptr))
    e = np.frexp(a.data)[1]
    row, column = np.full(a.shape[0], np.iinfo(np.int32).min), np.full(a.shape[1], np.iinfo(np.int32).min)
    for indices, word in ((i, "row"), (j, "column")):
        missing = np.flatnonzero(np.bincount(indices, minlength=a.shape[0]) == 0)
        if missing.size:
            k = int(missing[0])
            witness = np.eye(1, a.shape[0], k)[0] if word == "column" else None
            raise RankError(f"A: is singular: {word} {k} is zero", witness=witness, proved=True, fix=_FIX)
    np.maximum.at(row, i, e)
    np.maximum.at(column, j, e - row[i])
    data, _ = times_power(a.data, -row[i] - column[j])
    return sparse.csc_array((data, a.indices, a.indptr), shape=a.shape), -row, -column


def _refined(a: Any, lu: Any, c: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """y with a y = c, c - a y, |a||y| + |c|, and the rounds; each at least halves the backward error."""
    size = abs(a)

    def measured(y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        rest, sizes = c - a @ y, size @ np.abs(y) + np.abs(c)
        return y, rest, sizes, float((np.abs(rest) / np.where(sizes > 0, sizes, 1.0)).max())

    y, rest, sizes, error = measured(lu.solve(c))
    for k in range(_ROUNDS):
        following = measured(y + lu.solve(rest))
        if not following[3] < error / 2:
            return y, rest, sizes, k
        y, rest, sizes, error = following
    return y, rest, sizes, _ROUNDS


def _singular(a: Any, column: np.ndarray, lu: Any) -> RankError:
    n = a.shape[0]
    rank = int(structural_rank(a))
    if rank < n:
        return RankError(
            f"A: is singular: its pattern of zeros allows rank {rank} of {n} at most", proved=True, fix=_FIX,
            why=f"{n - rank} of its columns cannot be matched with a nonzero entry in a row of their own",
        )  # fmt: skip
    exact = null_vector(a.toarray()) if n <= MOST_EXACT else None
    if exact is not None:
        v = np.ldexp(exact, column - column.max())
        return RankError(f"A: is singular: A v = 0 for v = {short(v)}", witness=v, proved=True, fix=_FIX)
    v = None if lu is None else np.ldexp(_least(lu, n), column - column.max())
    return RankError(
        "A: is singular to working precision", witness=v, fix=_FIX,
        why="a pivot is 0" if v is None else f"A v is 0 to rounding for v = {short(v)}; no digit would be assured",
    )  # fmt: skip


def _least(lu: Any, n: int) -> np.ndarray:
    """About the right singular vector of the least singular value (inverse iteration), its largest entry 1."""
    v = np.cos(np.arange(n))
    for _ in range(3):
        v = lu.solve(v, "T")
        v = lu.solve(v / np.abs(v).max())
        v = v / v[np.argmax(np.abs(v))]
    return v
