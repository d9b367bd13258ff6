"""Few passes for a sparse matrix: columns that meet in no row share a color, and one pass gives them all.

A pass with the seed `sum of e_j over the columns of one color` gives in each row the one entry of that color (Curtis,
Powell & Reid, "On the estimation of sparse Jacobian matrices", 1974). To find the fewest colors is NP-hard (Coleman &
Moré, 1983); here the colorings that structure suggests are tried first (position in the row, part of the argument,
j mod k), then greedy ones. A full row would give every column a color of its own: rows that long are computed by
reverse passes instead (Gebremedhin, Manne & Pothen, "What color is your Jacobian?", 2005, section 4).

Every coloring is verified before it is used: no row sees a color twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from ..errors import InternalError
from ..read.pattern.rows import tidy

SMALL = 300_000  # entries up to which the sequential greedy coloring is tried: its loop is Python's


@dataclass(frozen=True)
class Coloring:
    """Which passes give a matrix: `forward[j]` is the color of column j, `reverse[i]` that of row i, -1 for none.

    Row i is read from reverse passes if it has a color, else from forward ones; of a coloring that starts
    with rows, column j is read from forward passes if it has a color, else from reverse ones.
    """

    forward: np.ndarray
    reverse: np.ndarray
    rows_first: bool

    @property
    def passes(self) -> tuple[int, int]:
        """How many forward and reverse passes."""
        return int(self.forward.max(initial=-1)) + 1, int(self.reverse.max(initial=-1)) + 1

    def by_reverse(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """For each entry whether a reverse pass gives it."""
        return self.forward[columns] < 0 if self.rows_first else self.reverse[rows] >= 0


def color(
    p: Any, parts: tuple[np.ndarray, np.ndarray] | None = None, *, forward: bool = True, reverse: bool = True
) -> Coloring:
    """Passes for the Boolean matrix p; `parts` numbers the pieces of the result and of the argument."""
    of_rows, of_columns = parts or (np.zeros(p.shape[0], int), np.zeros(p.shape[1], int))
    ways = []
    if forward:
        ways.append((_bound(np.diff(p.indptr)), p, of_columns, of_rows, False))
    if reverse:
        t = transposed(p)
        ways.append((_bound(np.diff(t.indptr)), t, of_rows, of_columns, True))
    best: Coloring | None = None
    for (bound, _), *way in sorted(ways, key=lambda w: w[0][0]):
        if best is None or bound < sum(best.passes):
            found = _two_sided(*way)
            if best is None or sum(found.passes) < sum(best.passes):
                best = found
    if best is None:
        raise InternalError("a coloring needs a direction")
    return best


def transposed(p: Any) -> Any:
    """The transpose, in compressed rows with sorted indices."""
    return tidy(p.T.tocsr())


def _bound(lengths: np.ndarray) -> tuple[int, int]:
    """(passes needed at least, rows to compute one by one): k long rows leave rows of the k-th length."""
    ordered = np.append(np.sort(lengths)[::-1], 0)
    k = int(np.argmin(np.arange(len(ordered)) + ordered))
    return k + int(ordered[k]), k


def _two_sided(p: Any, of_columns: np.ndarray, of_rows: np.ndarray, rows_first: bool) -> Coloring:
    """Columns colored, but for the rows that are too long; `rows_first`: p is the transpose."""
    lengths = np.diff(p.indptr)
    k = _bound(lengths)[1]
    long = np.zeros(p.shape[0], bool)
    long[np.argsort(-lengths, kind="stable")[:k]] = True
    few = np.full(p.shape[0], -1)
    rest = p
    if k:
        rest = only(p, ~long)
        few = color_columns(transposed(only(p, long)), of_rows)
    columns = color_columns(rest, of_columns)
    return Coloring(few, columns, True) if rows_first else Coloring(columns, few, False)


def only(p: Any, rows: np.ndarray) -> Any:
    """The matrix with the other rows emptied."""
    lengths = np.diff(p.indptr)
    indptr = np.concatenate(([0], np.cumsum(np.where(rows, lengths, 0)))).astype(p.indptr.dtype)
    kept = np.repeat(rows, lengths)
    return type(p)((p.data[kept], p.indices[kept], indptr), shape=p.shape)


def color_columns(p: Any, of_columns: np.ndarray) -> np.ndarray:
    """A color for each column, counted from 0, so that no row of p sees one twice; -1 for empty columns."""
    lengths = np.diff(p.indptr)
    bound = int(lengths.max(initial=0))
    best = np.where(np.bincount(p.indices, minlength=p.shape[1]) > 0, 0, -1)
    if bound <= 1:
        return best
    found: np.ndarray | None = None
    for colors, enough in _structured(p, lengths, bound, of_columns):
        if valid(p, colors) and (found is None or colors.max() < found.max()):
            found = np.where(best < 0, -1, colors)
            if found.max() < enough:
                return found
    if p.nnz <= SMALL or found is None or found.max() + 1 > bound + 3:
        for colors in _greedy(p):
            if found is None or colors.max() < found.max():
                found = colors
    assert found is not None
    if not valid(p, found):
        raise InternalError("a coloring gives two columns of one row the same color")
    return found


def valid(p: Any, colors: np.ndarray) -> bool:
    """Whether in every row all colors differ."""
    count = int(colors.max(initial=-1)) + 1
    lengths = np.diff(p.indptr)
    if not p.nnz:
        return True
    seen = colors[p.indices]
    if seen.min() < 0:
        return False
    rows = np.repeat(np.arange(p.shape[0], dtype=np.int32), lengths)
    if lengths.max() <= 8:  # entries d apart in one row
        apart = range(1, int(lengths.max()))
        return not any(((seen[d:] == seen[:-d]) & (rows[d:] == rows[:-d])).any() for d in apart)
    if count <= 62:  # distinct powers of 2 have their sum as union
        bits, starts = np.int64(1) << seen.astype(np.int64), p.indptr[:-1][lengths > 0]
        return bool(np.array_equal(np.add.reduceat(bits, starts), np.bitwise_or.reduceat(bits, starts)))
    keys = np.sort(rows.astype(np.int64) * count + seen)
    return bool((np.diff(keys) > 0).all())


def _structured(p: Any, lengths: np.ndarray, bound: int, of_columns: np.ndarray) -> Any:
    """Colorings that structure suggests, not all of them valid, each with the number of colors that is few enough."""
    parts = _parts(p, of_columns)
    if parts is not None:
        # a part has one color: its seeds are all ones, and other parts cost nothing in its pass
        yield parts, bound + bound // 2
    position = np.arange(p.nnz, dtype=np.int32) - np.repeat(p.indptr[:-1], lengths)
    colors = np.zeros(p.shape[1], np.int32)
    colors[p.indices] = position
    if np.array_equal(colors[p.indices], position):
        yield colors, bound
    j = np.arange(p.shape[1], dtype=np.int32)
    head = p[:1000]  # a quick no
    for k in range(bound, min(2 * bound + 2, p.shape[1])):
        if valid(head, j % k):
            yield j % k, bound


def _parts(p: Any, of_columns: np.ndarray) -> np.ndarray | None:
    """Whole parts colored greedily, if no row meets a part twice."""
    count = int(of_columns.max(initial=0)) + 1
    if count == 1:
        return None
    met = csr_array((np.ones(p.nnz, np.int32), of_columns[p.indices], p.indptr), shape=(p.shape[0], count), copy=True)
    met.sum_duplicates()
    if met.data.max() > 1:
        return None
    meet = met.T.tocsr() @ met
    colors = np.full(count, -1)
    for k in range(count):
        taken = set(colors[meet.indices[meet.indptr[k] : meet.indptr[k + 1]]].tolist())
        colors[k] = next(c for c in range(count + 1) if c not in taken)
    return colors[of_columns].astype(np.int32)


def _greedy(p: Any) -> Any:
    """Greedy colorings: in natural order, then longest columns first, if small; else in parallel rounds."""
    t = transposed(p)
    if p.nnz > SMALL:
        yield _rounds(t)
        return
    lengths = np.diff(t.indptr)
    rows = [r.tolist() for r in np.split(t.indices, t.indptr[1:-1])]
    for order in (np.arange(t.shape[0]), np.argsort(-lengths, kind="stable")):
        colors = np.full(t.shape[0], -1)
        used = [0] * t.shape[1]
        for j in order[lengths[order] > 0].tolist():
            taken = 0
            for i in rows[j]:
                taken |= used[i]
            bit = ~taken & (taken + 1)
            for i in rows[j]:
                used[i] |= bit
            colors[j] = bit.bit_length() - 1
        yield colors


def _rounds(t: Any) -> np.ndarray:
    """Color by color a maximal set of columns that do not meet: in each round the columns of highest priority in all
    their rows win (Luby, 1986; Jones & Plassmann, 1993). t holds the rows of each column."""
    lengths = np.diff(t.indptr)
    priority = np.empty(t.shape[0], np.int32)
    chance = np.random.default_rng(0).permutation(t.shape[0])  # fixed: the coloring of a pattern is reproducible
    priority[np.lexsort((chance, lengths))] = np.arange(t.shape[0], dtype=np.int32)
    colors = np.where(lengths > 0, -2, -1)
    todo, now = np.flatnonzero(lengths), 0
    while todo.size:
        active, taken = todo, np.zeros(t.shape[1], bool)
        while active.size:
            here = t[active]
            starts, mine = here.indptr[:-1], np.repeat(priority[active], lengths[active])
            best = np.full(t.shape[1], -1, np.int32)
            np.maximum.at(best, here.indices, mine)
            wins = np.logical_and.reduceat(best[here.indices] == mine, starts)
            colors[active[wins]] = now
            taken[here.indices[np.repeat(wins, lengths[active])]] = True
            active = active[~np.logical_or.reduceat(taken[here.indices], starts)]
        todo, now = todo[colors[todo] < 0], now + 1
    return colors
