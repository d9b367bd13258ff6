"""Entries of several vectors in another order, by slices where the order is regular.

An index array costs a read of its own for each entry and hides the order from the compiler. The nonzeros of a matrix
often follow a pattern: entry k of row after row is entry after entry of one vector. `weave` finds such runs,
`woven` reads them as slices, side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .. import ops as P
from ..tracer import Array

SHORT = 256  # entries for which an index array is good enough
PERIOD, RUNS, HEAD = 64, 8, 4  # at most: columns of a run, runs, and entries by themselves before one


@dataclass(frozen=True)
class Run:
    """`count` rows, one after the other, of columns (vector, first entry, step from row to row)."""

    count: int
    columns: list[tuple[int, int, int]]


Order = np.ndarray | list[Run]


def weave(index: np.ndarray, sizes: Sequence[int]) -> Order:
    """The entries `index` of vectors of these sizes, one behind the other, as runs; the index itself if irregular."""
    if index.size < SHORT:
        return index
    bounds = np.concatenate(([0], np.cumsum(sizes)))
    runs: list[Run] = []
    at = 0
    while at < index.size:
        found = None
        for head in range(HEAD) if len(runs) < RUNS else ():  # a few entries before it becomes regular
            found = _longest(index[at + head :], bounds)
            if found is not None:
                runs += [_run(index[at : at + head], 1, bounds)] if head else []
                at += head
                break
        if found is None:
            return index
        runs.append(found)
        at += found.count * len(found.columns)
    return runs


def _longest(index: np.ndarray, bounds: np.ndarray) -> Run | None:
    """A run at the start that covers at least a half, or all of a short rest."""
    best, rows = 0, 0
    for q in range(1, min(PERIOD, index.size // 2) + 1):
        if _regular(index[: 8 * q], q) >= min(8 * q, index.size) // q:
            count = _regular(index, q)
            if count * q > best * rows:
                best, rows = q, count
            if best * rows > index.size - q:
                break
    if best * rows < max(index.size // 2, 1):
        best, rows = index.size, 1
    return _run(index[: best * rows], rows, bounds) if 0 < best <= PERIOD else None


def _run(index: np.ndarray, rows: int, bounds: np.ndarray) -> Run:
    """The run of so many rows, or of fewer: a column stays in its vector."""
    q = index.size // rows
    first = index[:q]
    step = index[q : 2 * q] - first if rows > 1 else np.zeros_like(first)
    vector = np.searchsorted(bounds, first, side="right") - 1
    room = np.where(step > 0, bounds[vector + 1] - 1 - first, np.where(step < 0, first - bounds[vector], 0))
    rows = min(rows, int(np.where(step == 0, rows, room // np.maximum(np.abs(step), 1) + 1).min()))
    columns = zip(vector.tolist(), (first - bounds[vector]).tolist(), step.tolist(), strict=True)
    return Run(rows, list(columns))


def _regular(index: np.ndarray, q: int) -> int:
    """How many rows of q entries there are at the start, each as far from the next as the first from the second."""
    step = index[q:] - index[:-q]
    wrong = step[q:] != step[:-q]
    return (int(np.argmax(wrong)) + 2 * q if wrong.any() else index.size) // q


def woven(pieces: Sequence[Array], order: Order) -> Array:
    """The entries of the vectors in this order."""
    if isinstance(order, np.ndarray):
        flat = joined(pieces)
        if order.size == flat.size and np.array_equal(order, np.arange(order.size)):
            return flat
        return P.getitem(flat, order, key=(P.ARRAY,))
    return joined([_side_by_side([_column(pieces[v], a, s, r.count) for v, a, s in r.columns]) for r in order])


def joined(parts: Sequence[Array]) -> Array:
    return parts[0] if len(parts) == 1 else P.concatenate(*parts, axis=0)


def _column(x: Array, first: int, step: int, count: int) -> Array:
    if step == 0:
        one = P.getitem(x, key=(slice(first, first + 1),))
        return one if count == 1 else P.broadcast_to(one, shape=(count,))
    if (first, step, count) == (0, 1, x.size):
        return x
    stop = first + step * count
    return P.getitem(x, key=(slice(first, stop if stop >= 0 else None, step),))


def _side_by_side(columns: list[Array]) -> Array:
    if len(columns) == 1:
        return columns[0]
    rows = columns[0].size
    if rows == 1:
        return joined(columns)
    upright = [P.reshape(c, shape=(rows, 1)) for c in columns]
    return P.reshape(P.concatenate(*upright, axis=1), shape=(rows * len(columns),))


def key_of(index: np.ndarray) -> slice | None:
    """The slice that reads these entries, if they are evenly spaced."""
    if index.size < 2:
        return None
    step = int(index[1] - index[0])
    if step < 1 or (np.diff(index) != step).any():
        return None
    return slice(int(index[0]), int(index[-1]) + 1, step)
