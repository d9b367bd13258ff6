"""A sparse matrix as four arrays: row, column and value of each entry, column after column, and where columns start.

SciPy's matrices check themselves whenever one is made, which costs more than a small program takes to solve; the loops
beneath them are called here directly.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse import _sparsetools

Vector = np.ndarray
_loops: Any = _sparsetools  # compressed columns of a matrix are compressed rows of its transpose


def dense(shape: tuple[int, int], starts: Vector, rows: Vector, values: Vector) -> np.ndarray:
    """The array of compressed columns, column after column; duplicates are added up."""
    out = np.zeros(shape, order="F")
    _loops.csr_todense(*shape[::-1], starts, rows, values, out.T)
    return out


class Columns:
    """A matrix of float64 in compressed columns, rows sorted, no duplicates, indices int32."""

    __array_ufunc__ = None  # so that `vector @ matrix` comes here
    __slots__ = ("_columns", "_made", "rows", "shape", "starts", "values")

    def __init__(
        self, values: Vector, rows: Vector, starts: Vector, shape: tuple[int, int], columns: Any = None
    ) -> None:
        self.values, self.rows, self.starts, self.shape = values, rows, starts, shape
        self._columns = columns
        self._made: Any = None

    @classmethod
    def of(cls, given: Any) -> Columns:
        """From one of SciPy's sparse matrices or a NumPy array."""
        a: Any = given if isinstance(given, sp.csc_matrix) else sp.csc_matrix(given)
        if not a.has_canonical_format:
            a = a.copy()
            a.sum_duplicates()
        out = cls(a.data, a.indices.astype(np.int32, copy=False), a.indptr.astype(np.int32, copy=False), a.shape)
        out._made = a
        return out

    @classmethod
    def entries(cls, values: Vector, rows: Vector, columns: Vector, shape: tuple[int, int]) -> Columns:
        """From entries in any order, of which those at one place are added up."""
        made: Any = sp.csc_matrix.__new__(sp.csc_matrix)
        made.data, made.indices = np.empty(values.size), np.empty(values.size, np.int32)
        made.indptr, made._shape = np.empty(shape[1] + 1, np.int32), shape
        i, j = rows.astype(np.int32, copy=False), columns.astype(np.int32, copy=False)
        _loops.coo_tocsr(*shape[::-1], values.size, j, i, values, made.indptr, made.indices, made.data)
        made.sum_duplicates()
        return cls.of(made)

    @property
    def columns(self) -> Vector:
        """The column of each entry."""
        if self._columns is None:
            self._columns = np.empty(self.rows.size, np.int32)
            _loops.expandptr(self.shape[1], self.starts, self._columns)
        return self._columns

    @property
    def count(self) -> int:
        return self.values.size

    def __matmul__(self, x: Vector) -> Vector:
        out = np.zeros(self.shape[0])
        _loops.csc_matvec(*self.shape, self.starts, self.rows, self.values, x, out)
        return out

    def __rmatmul__(self, y: Vector) -> Vector:
        out = np.zeros(self.shape[1])
        _loops.csr_matvec(*self.shape[::-1], self.starts, self.rows, self.values, y, out)
        return out

    def __abs__(self) -> Columns:
        return Columns(abs(self.values), self.rows, self.starts, self.shape, self._columns)

    def matrix(self) -> sp.csc_matrix:
        """SciPy's."""
        if self._made is None:
            self._made = sp.csc_matrix((self.values, self.rows, self.starts), shape=self.shape)
        return self._made

    def shell(self) -> sp.csc_matrix:
        """SciPy's, unchecked: for a solver that reads the three arrays and the shape, and nothing else."""
        if self._made is None:
            made: Any = sp.csc_matrix.__new__(sp.csc_matrix)
            made.data, made.indices, made.indptr, made._shape = self.values, self.rows, self.starts, self.shape
            return made
        return self._made

    def symmetric(self) -> bool:
        """Is the matrix its own transpose, bit for bit?"""
        starts, rows, values = np.empty_like(self.starts), np.empty_like(self.rows), np.empty_like(self.values)
        _loops.csr_tocsc(*self.shape, self.starts, self.rows, self.values, starts, rows, values)
        pairs = (starts, self.starts), (rows, self.rows), (values, self.values)
        return all(a.tobytes() == b.tobytes() for a, b in pairs)

    def toarray(self) -> np.ndarray:
        """The array, column after column."""
        return dense(self.shape, self.starts, self.rows, self.values)

    def diagonal(self) -> Vector:
        out = np.zeros(self.shape[0])
        _loops.csr_diagonal(0, *self.shape, self.starts, self.rows, self.values, out)
        return out

    def some_rows(self, at: Vector) -> Columns:
        """The rows with these numbers, which ascend."""
        starts, places = np.empty_like(self.starts), np.zeros(self.shape[0], np.int32)
        at, shape = at.astype(np.int32), (at.size, self.shape[1])
        _loops.csr_column_index1(at.size, at, *self.shape[::-1], self.starts, self.rows, places, starts)
        rows, values = np.empty(starts[-1], np.int32), np.empty(starts[-1])
        order = np.arange(at.size, dtype=np.int32)
        _loops.csr_column_index2(order, places, self.rows.size, self.rows, self.values, rows, values)
        return Columns(values, rows, starts, shape)

    def block(self, where: Vector) -> np.ndarray:
        """The dense submatrix of these rows and columns."""
        if where.size == self.shape[0]:
            return self.toarray()
        place = np.full(self.shape[0], -1)
        place[where] = np.arange(where.size)
        i, j = place[self.rows], place[self.columns]
        kept = (i >= 0) & (j >= 0)
        out = np.zeros((where.size, where.size))
        out[i[kept], j[kept]] = self.values[kept]
        return out
