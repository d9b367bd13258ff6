"""The data of a quadratic program: min x'Px/2 + q'x + r subject to l <= Ax <= u and lower <= x <= upper.

Rows and bounds are stacked: w(x) = (Ax, x) lies between `low` and `high`, and y = (lam, z) are its multipliers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.linalg.lapack import get_lapack_funcs
from scipy.sparse import linalg

from ...errors import CauchyError, DomainError, ShapeError
from .columns import Columns, Vector, dense

Matrix = np.ndarray | Columns
(_potrf,) = get_lapack_funcs(("potrf",), dtype=np.float64)
LARGEST = 1e100  # of the entries of P, q and A: their products must not overflow
DENSE_BLOCK = 700  # a block of this order is factored densely
ROUNDING = 1e-13  # times the order: what the unit diagonal is given before Cholesky


class Program:
    """n variables, m rows. P, A: both arrays or both `Columns`; P is None where f is linear, A where m = 0."""

    __slots__ = ("A", "P", "boxed", "high", "low", "m", "n", "narrowest", "q", "r", "sparse")

    def __init__(self, P: Any, q: Any, A: Any, l: Any, u: Any, lower: Any, upper: Any, r: Any) -> None:
        self.q = vector(q, "q", None)
        finite(self.q, "q")
        n = self.n = self.q.size
        if not n:
            raise ShapeError("q has no entries", why="there is nothing to choose", fix="one entry for each variable")
        if P is not None:
            P, size = matrix(P, "P", n, n)
            if not size and not (P if isinstance(P, np.ndarray) else P.data).any():  # (tiny squares underflow)
                P = None
        if A is not None:
            A, _ = matrix(A, "A", None, n)
        m = self.m = 0 if A is None else A.shape[0]
        if A is None and not (l is None and u is None):
            raise ShapeError("l or u came without A", fix="bounds of x itself are `lower` and `upper`")
        self.low = _side(l, "l", lower, "lower", m, n, -np.inf)
        self.high = _side(u, "u", upper, "upper", m, n, np.inf)
        self.boxed = not (lower is None and upper is None)
        self.narrowest = np.minimum.reduce(self.high - self.low)  # NaN where both are the same infinity
        if not self.narrowest >= 0:
            self._bad_sides()
        self.r = number(r, "r")
        if not abs(self.r) < np.inf:
            raise DomainError(f"r = {self.r}; wanted a finite number")
        self._settle(P, A if m else None)

    def _bad_sides(self) -> None:
        i = int(np.argmin((self.low <= self.high) & (self.low < np.inf) & (self.high > -np.inf)))
        low, high = self.low[i], self.high[i]
        names, k = (("l", "u"), i) if i < self.m else (("lower", "upper"), i - self.m)
        if np.isnan(low) or np.isnan(high):
            side = names[0] if np.isnan(low) else names[1]
            raise DomainError(f"{side}[{k}] is NaN", fix="-np.inf or np.inf where there is no bound")
        raise DomainError(
            f"no x satisfies the bounds: {names[0]}[{k}] = {low}, {names[1]}[{k}] = {high}",
            fix=f"{names[0]} < inf, {names[1]} > -inf, {names[0]} <= {names[1]}; equal sides make an equality",
        )

    def _settle(self, P: Any, A: Any) -> None:
        """Both matrices as arrays or both sparse, whichever suits their size and density."""
        n, m = self.n, self.m
        # microseconds per factorization, measured: dense, and sparse at 55 ns an entry
        self.sparse = n > 16 and n * n * (n / 3 + m) / 4e3 > 4 + 0.055 * (n + _count(P) + _count(A))
        change = Columns.of if self.sparse else _dense
        self.P: Any = None if P is None else _symmetric(change(P))
        self.A: Any = None if A is None else change(A)


def _side(rows: Any, name: str, box: Any, box_name: str, m: int, n: int, none: float) -> Vector:
    """The lower or the upper sides of rows, then of variables."""
    out = np.empty(m + n)
    for given, called, part in ((rows, name, out[:m]), (box, box_name, out[m:])):
        if given is None:
            part.fill(none)
        else:
            part[:] = given if type(given) in (int, float) else vector(given, called, part.size)
    return out


def _count(M: Any) -> int:
    if M is None:
        return 0
    return int(np.count_nonzero(M)) if isinstance(M, np.ndarray) else M.data.size


def _dense(M: Any) -> np.ndarray:
    return M if isinstance(M, np.ndarray) else dense(M.shape, M.indptr, M.indices, M.data)


def vector(given: Any, name: str, size: int | None) -> Vector:
    """A float64 vector of this size."""
    a = given if type(given) is np.ndarray and given.dtype == np.float64 else _numbers(given, name)
    if a.ndim != 1 or (size is not None and a.size != size):
        wanted = "a vector" if size is None else f"a vector of {size} entries"
        raise ShapeError(f"{name} has shape {a.shape}; wanted {wanted}")
    return a


def matrix(given: Any, name: str, rows: int | None, columns: int) -> tuple[Any, float]:
    """A finite float64 matrix, an array or SciPy's CSC, and the sum of the squares of its entries."""
    a: Any = given
    if not isinstance(given, np.ndarray) and sp.issparse(given):
        if not isinstance(a, sp.csc_matrix):
            a = sp.csc_matrix(a)
        if a.data.dtype != np.float64:
            _numbers(a.data, name)
            a = a.astype(np.float64)
        entries = a.data
    else:
        a = entries = _numbers(given, name)
    shape: Any = a.shape
    if len(shape) != 2 or shape[1] != columns or (rows is not None and shape[0] != rows):
        wanted = f"({'m' if rows is None else rows}, {columns})"
        raise ShapeError(f"{name} has shape {shape}; wanted {wanted}, as q has {columns} entries")
    return a, finite(entries, name)


def _numbers(given: Any, name: str) -> np.ndarray:
    try:
        a = np.asarray(given)
    except ValueError:
        raise ShapeError(f"{name} is ragged", fix="rows of equal length") from None
    if a.dtype == np.float64:
        return a
    if a.dtype.kind not in "fiu":
        raise ShapeError(f"{name} has dtype {a.dtype}; wanted real numbers", fix=f"np.asarray({name}, dtype=float)")
    return a.astype(np.float64)


def number(given: Any, name: str) -> float:
    if type(given) is float:
        return given
    a = _numbers(given, name)
    if a.ndim:
        raise ShapeError(f"{name} has shape {a.shape}; wanted a number")
    return float(a)


def finite(a: np.ndarray, name: str) -> float:
    """The sum of squares, of finite numbers."""
    flat = a if a.ndim == 1 else a.ravel(order="K")
    total = flat.dot(flat)
    if total <= LARGEST**2:  # False for NaN
        return total
    where = np.argwhere(~(abs(a) <= LARGEST))
    if where.size:
        at = tuple(where[0].tolist())
        raise DomainError(
            f"{name}[{', '.join(map(str, at))}] is {a[at]}; wanted a finite number, at most {LARGEST:g} in size",
            fix="infinite sides belong to the bounds; choose units in which the data are of size 1",
        )
    return total


def _symmetric(P: Matrix) -> Matrix:
    """P itself, or its symmetric part where it is symmetric up to rounding."""
    if P.symmetric() if isinstance(P, Columns) else P.tobytes("C") == P.tobytes("F") or (P == P.T).all():
        return P
    M: Any = P if isinstance(P, np.ndarray) else P.matrix()
    off = abs(M - M.T)
    if off.max() > 1e-12 * abs(M).max():
        i, j = divmod(int(off.argmax()), P.shape[1])
        raise DomainError(
            f"P is not symmetric: P[{i}, {j}] = {M[i, j]}, P[{j}, {i}] = {M[j, i]}",
            why="x'Px sees the symmetric part alone, and a triangle of P may stand for all of it or for itself",
            fix="(P + P.T) / 2 for the matrix as it is; P + P.T - np.diag(np.diag(P)) for a triangle",
        )
    half = (M + M.T) / 2
    return half if isinstance(P, np.ndarray) else Columns.of(half)


def rescaled(program: Program) -> tuple[Program, Vector] | None:
    """The program in x / units, and the units: powers of two, so nothing is rounded.

    P then has a diagonal between 1/2 and 2; where that is zero, the largest entry in the column of A is of size 1.
    None where all units are 1, or too large a number would come of them.
    """
    P, A = (M.matrix() if isinstance(M, Columns) else M for M in (program.P, program.A))
    size = np.zeros(program.n) if P is None else np.sqrt(np.maximum(P.diagonal(), 0.0))
    if A is not None:
        largest = abs(A).max(axis=0)
        size = np.where(size > 0, size, largest.toarray().ravel() if sp.issparse(largest) else largest)
    units = np.exp2(-np.rint(np.log2(np.where(size > 0, size, 1.0))))
    if (units == 1).all():
        return None
    D, m = sp.diags(units), program.m
    P, A = None if P is None else D @ P @ D, None if A is None else A @ D
    l, u = (None, None) if A is None else (program.low[:m], program.high[:m])
    lower, upper = program.low[m:] / units, program.high[m:] / units
    try:
        return Program(P, program.q * units, A, l, u, lower, upper, program.r), units
    except DomainError:
        return None


# -- convexity ---------------------------------------------------------------------------------------------------------


def curvature(program: Program) -> Vector | None:
    """None where P is positive semidefinite up to rounding; else a direction v in which v'Pv seems negative.

    P plus `ROUNDING` times its order times its diagonal must have a Cholesky factor (which no scaling changes).
    """
    P, n = program.P, program.n
    if P is None or (not program.sparse and not _potrf(P, clean=0)[1]):
        return None
    d = P.diagonal()
    if d[worst := int(d.argmin())] < 0:
        return _unit(n, worst)
    sums = np.ones(n) @ abs(P)
    if np.minimum.reduce(2 * d - sums) >= 0:
        return None  # Gershgorin's discs; diagonal matrices are among these
    support = d.nonzero()[0]
    if np.count_nonzero(sums) > support.size and (found := _from_minor(P, d)) is not None:
        return found
    if program.sparse and support.size > DENSE_BLOCK:
        v = _sparse_direction(P.matrix()[:, support][support], 1 / np.sqrt(d[support]))
    else:
        C = P.block(support) if program.sparse else P if support.size == n else P[np.ix_(support, support)]
        v = _direction(C, d[support])
    if v is None:
        return None
    out = np.zeros(n)
    out[support] = v
    return out


def _direction(C: np.ndarray, d: Vector) -> Vector | None:
    shifted = C.T.copy(order="F")  # C is symmetric
    np.fill_diagonal(shifted, d * (1 + ROUNDING * len(C)))
    if not _potrf(shifted, clean=0, overwrite_a=1)[1]:
        return None
    scale = 1 / np.sqrt(d)
    values, vectors = np.linalg.eigh(C * scale * scale[:, None])
    return vectors[:, 0] * scale if values[0] < 0 else None


def _sparse_direction(S: Any, scale: Vector) -> Vector | None:
    """An LU factorization that pivots along the diagonal is LDL': positive pivots are what Cholesky asks for.

    Where pivot k is negative, the solution of L'v = e_k has v'Cv = d_k < 0.
    """
    D = sp.diags(scale)
    k = S.shape[0]
    C = (D @ S @ D + ROUNDING * k * sp.identity(k)).tocsc()
    try:
        lu = linalg.splu(C, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    except RuntimeError:  # a pivot that is exactly zero
        return _lowest(C, scale)
    if not np.array_equal(lu.perm_r, lu.perm_c):
        return _lowest(C, scale)
    pivots = lu.U.diagonal()
    if (pivots > 0).all():
        return None
    e = _unit(k, int(pivots.argmin()))
    v = linalg.spsolve_triangular(lu.L.T.tocsr(), e, lower=False, unit_diagonal=True)
    return v[lu.perm_c] * scale


def _lowest(C: Any, scale: Vector) -> Vector | None:
    try:
        values, vectors = linalg.eigsh(C, k=1, which="SA")
    except linalg.ArpackNoConvergence as e:
        raise CauchyError("P: it could not be decided whether it is positive semidefinite", why=str(e)) from None
    return vectors[:, 0] * scale if values[0] < 0 else None


def _from_minor(P: Matrix, d: Vector) -> Vector | None:
    """A direction from an entry beside a zero of the diagonal, if there is one: that 2 x 2 minor is negative."""
    if isinstance(P, Columns):
        at = (d[P.rows] == 0) & (P.values != 0)
        i, j, b = (a[at] for a in (P.rows, P.columns, P.values))
    else:
        i, j = np.nonzero((d == 0)[:, None] & (P != 0))
        b = P[i, j]
    if not b.size:
        return None
    k = int(abs(b).argmax())
    v = _unit(d.size, j[k])
    v[i[k]] = -(d[j[k]] + 1) / b[k]  # v'Pv = d_j - 2 (d_j + 1) < 0
    return v


def _unit(n: int, i: int) -> Vector:
    e = np.zeros(n)
    e[i] = 1.0
    return e
