"""A sparse matrix as four arrays: row, column and value of each entry, column after column, and where columns start.

SciPy's matrices check themselves whenever one is made, which costs more than a small program takes to solve.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

Vector = np.ndarray


class Columns:
    """A matrix of float64 in compressed columns, rows sorted, no duplicates."""

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
        rows, columns = a.shape
        out = cls(a.data, a.indices, a.indptr, (rows, columns))
        out._made = a
        return out

    @property
    def columns(self) -> Vector:
        """The column of each entry."""
        if self._columns is None:
            starts = self.starts
            self._columns = np.arange(self.shape[1], dtype=np.int32).repeat(starts[1:] - starts[:-1])
        return self._columns

    @property
    def count(self) -> int:
        return self.values.size

    def __matmul__(self, x: Vector) -> Vector:
        return np.bincount(self.rows, self.values * x[self.columns], self.shape[0])

    def __rmatmul__(self, y: Vector) -> Vector:
        return np.bincount(self.columns, self.values * y[self.rows], self.shape[1])

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
        if np.array_equal(self.rows, self.columns):
            return True
        order = self.rows.argsort(kind="stable")  # the entries of the transpose, column after column
        return (
            np.array_equal(self.rows[order], self.columns)
            and np.array_equal(self.columns[order], self.rows)
            and np.array_equal(self.values[order], self.values)
        )

    def toarray(self) -> np.ndarray:
        out = np.zeros(self.shape)
        out[self.rows, self.columns] = self.values
        return out

    def diagonal(self) -> Vector:
        out = np.zeros(self.shape[0])
        on = self.rows == self.columns
        out[self.rows[on]] = self.values[on]
        return out

    def some_rows(self, mask: Vector) -> Columns:
        """The rows that the mask names."""
        kept = mask[self.rows]
        renamed = mask.cumsum(dtype=np.int32) - 1
        starts = np.zeros(kept.size + 1, self.starts.dtype)
        np.cumsum(kept, out=starts[1:])
        shape = int(renamed[-1]) + 1, self.shape[1]
        return Columns(self.values[kept], renamed[self.rows[kept]], starts[self.starts], shape)

    def block(self, where: Vector) -> np.ndarray:
        """The dense submatrix of these rows and columns."""
        place = np.full(self.shape[0], -1)
        place[where] = np.arange(where.size)
        i, j = place[self.rows], place[self.columns]
        kept = (i >= 0) & (j >= 0)
        out = np.zeros((where.size, where.size))
        out[i[kept], j[kept]] = self.values[kept]
        return out
