"""`Pattern`: which variables each entry of a value may depend on.

Row i of a pattern is row `rows[i]` of its base, and empty where `rows[i] < 0`; without `rows` it is row i. A base of
None is the identity: variable i alone. So what only moves, repeats or drops entries is a vector of integers, however
many variables there are, and a compressed sparse row matrix is made where rows are united, not before.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from scipy.sparse import csr_array, vstack

from ...errors import ShapeError

LIMIT = 100_000_000  # entries of a pattern: half a gigabyte

Index = np.ndarray[Any, np.dtype[np.int32]]


class Pattern:
    """See above. Immutable; `width` is the number of variables, `size` that of the value's entries."""

    __slots__ = ("_flat", "base", "rows", "size", "width")

    def __init__(self, width: int, base: Any, rows: Index | None) -> None:
        self.width, self.base, self.rows = width, base, rows
        self.size = width if base is None else base.shape[0]
        if rows is not None:
            self.size = rows.size
        self._flat: Any = None

    def names(self) -> Index:
        """The row of the base that each entry has."""
        return np.arange(self.size, dtype=np.int32) if self.rows is None else self.rows

    def take(self, index: np.ndarray) -> Pattern:
        """The pattern of the entries at these positions; none at negative ones."""
        if self.rows is None:
            return Pattern(self.width, self.base, index.astype(np.int32, copy=False))
        if not self.size:
            return Pattern(self.width, self.base, np.full(index.shape, -1, np.int32))
        found = self.rows[index]
        found[index < 0] = -1
        return Pattern(self.width, self.base, found)

    def csr(self) -> Any:
        """One row for each entry, as a Boolean matrix with sorted indices."""
        if self._flat is None:
            self._flat = self._flatten()
        return self._flat

    def _flatten(self) -> Any:
        if self.rows is None and self.base is not None:
            return self.base
        rows = self.names()
        kept = rows >= 0
        if self.base is None:
            counts, indices = kept, rows[kept]
        else:
            counts = np.zeros(self.size, np.int64)
            counts[kept] = np.diff(self.base.indptr)[rows[kept]]
            check(int(counts.sum()))
            indices = self.base[rows[kept]].indices
        return matrix(indices, np.concatenate(([0], np.cumsum(counts))), (self.size, self.width))


def matrix(indices: np.ndarray, indptr: np.ndarray, shape: tuple[int, int]) -> Any:
    """A Boolean matrix that is true at the indices."""
    kind = np.int32 if max(*shape, len(indices)) < 2**31 else np.int64
    return csr_array((np.ones(len(indices), bool), indices.astype(kind), indptr.astype(kind)), shape=shape)


def tidy(c: Any) -> Any:
    """Sorted indices, and no room beyond them: SciPy leaves both as it finds convenient."""
    c.sort_indices()
    c.prune()
    return c


def check(entries: int) -> None:
    """Refuse a pattern that would not fit into memory."""
    if entries > LIMIT:
        raise ShapeError(
            f"a sparse derivative needs a pattern of {entries:,} entries",
            why=f"an intermediate value depends on so many inputs that it is not sparse; the limit is {LIMIT:,}",
            fix="multiply by it without forming it: cauchy.jvp, cauchy.vjp or cauchy.hvp",
        )


def both(p: Pattern, q: Pattern) -> Pattern:
    """Row by row the union."""
    if p is q:
        return p
    aligned = p.rows is q.rows or (p.rows is not None and q.rows is not None and np.array_equal(p.rows, q.rows))
    if aligned and p.base is q.base:
        return p
    if aligned and p.base is not None and q.base is not None and p.base.shape == q.base.shape:
        return Pattern(p.width, tidy(p.base + q.base), p.rows)
    a, b = p.csr(), q.csr()
    check(a.nnz + b.nnz)
    c = tidy(a + b)
    return p if c.nnz == a.nnz else q if c.nnz == b.nnz else Pattern(p.width, c, None)


def union(patterns: Iterable[Pattern | None]) -> Pattern | None:
    """Row by row the union; None is the empty pattern."""
    total: Pattern | None = None
    for p in patterns:
        total = p if total is None else total if p is None else both(total, p)
    return total


def merge(p: Pattern, into: np.ndarray, size: int, source: np.ndarray | None = None) -> Pattern:
    """Row `into[k]` of the result, of `size` rows, receives row `source[k]` of p (row k without `source`)."""
    rows = p.names() if source is None else p.names()[source]
    kept = rows >= 0
    rows, into = rows[kept], into[kept]
    if into.size == size and np.array_equal(into, np.arange(size)):
        return Pattern(p.width, p.base, rows.astype(np.int32, copy=False))
    height = p.width if p.base is None else p.base.shape[0]
    check(rows.size)
    if p.base is not None:
        check(int(np.diff(p.base.indptr).astype(np.int64)[rows].sum()))
    summed = csr_array((np.ones(rows.size, bool), (into, rows)), shape=(size, height))
    summed.sum_duplicates()
    if p.base is not None:
        summed = summed @ p.base
    return Pattern(p.width, tidy(summed), None)


def positions(shape: tuple[int, ...], target: tuple[int, ...]) -> np.ndarray:
    """For each entry of `target` the flat position of the entry of `shape` that broadcasting puts there."""
    own = np.arange(math.prod(shape), dtype=np.int32).reshape(shape)
    return np.broadcast_to(own, target).ravel()


def broadcast(p: Pattern | None, shape: tuple[int, ...], target: tuple[int, ...]) -> Pattern | None:
    """The pattern of a value of this shape broadcast to another."""
    return p if p is None or shape == target else p.take(positions(shape, target))


def stack(patterns: list[Pattern | None], sizes: list[int]) -> tuple[int, Any, list[Index]]:
    """One base for several patterns: (width, base, the rows of each); those that depend on nothing have rows -1."""
    known = [p for p in patterns if p is not None]
    first = known[0]
    none = lambda size: np.full(size, -1, np.int32)
    if all(p.base is first.base for p in known):
        rows = [none(s) if p is None else p.names() for p, s in zip(patterns, sizes, strict=True)]
        return first.width, first.base, rows
    rows, start = [], 0
    for p, s in zip(patterns, sizes, strict=True):
        rows.append(none(s) if p is None else np.arange(start, start + s, dtype=np.int32))
        start += 0 if p is None else s
    return first.width, tidy(csr_array(vstack([p.csr() for p in known], format="csr"))), rows
