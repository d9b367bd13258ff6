"""Linear algebra over the rationals: every float is one, so what is decided here is decided about the data as given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

Row = list[Fraction]


def rationals(values: Iterable[Any]) -> Row:
    """Floats, integers and Fractions as Fractions, exactly."""
    return [Fraction(v) for v in (values.tolist() if isinstance(values, np.ndarray) else values)]


def dot(a: Sequence[Fraction], b: Sequence[Fraction]) -> Fraction:
    return sum((x * y for x, y in zip(a, b, strict=True) if x and y), Fraction(0))


def eliminate(rows: list[Row]) -> tuple[list[Row], list[int]]:
    """Reduced row echelon form and its pivot columns."""
    rows, pivots, at = [list(r) for r in rows], [], 0
    for j in range(len(rows[0]) if rows else 0):
        pivot = next((i for i in range(at, len(rows)) if rows[i][j]), None)
        if pivot is None:
            continue
        rows[at], rows[pivot] = rows[pivot], rows[at]
        inverse = 1 / rows[at][j]
        rows[at] = head = [v * inverse if v else v for v in rows[at]]
        for i, row in enumerate(rows):
            if i != at and (factor := row[j]):
                rows[i] = [v - factor * h if h else v for v, h in zip(row, head, strict=True)]
        pivots.append(j)
        at += 1
        if at == len(rows):
            break
    return rows[:at], pivots


def kernel_point(rows: list[Row], near: Row) -> Row:
    """A v with rows v = 0 whose free entries are those of `near`."""
    reduced, pivots = eliminate(rows)
    out = list(near)
    for row, j in zip(reduced, pivots, strict=True):
        out[j] = Fraction(0)
        out[j] = -dot(row, out)
    return out


def solve(rows: list[Row], right: Row) -> Row | None:
    """One solution of rows x = right, free entries 0; None where there is none."""
    reduced, pivots = eliminate([[*row, b] for row, b in zip(rows, right, strict=True)])
    n = len(rows[0])
    if n in pivots:
        return None
    out = [Fraction(0)] * n
    for row, j in zip(reduced, pivots, strict=True):
        out[j] = row[n]
    return out


def semidefinite(matrix: list[Row]) -> Row | None:
    """None where the symmetric matrix is positive semidefinite (its LDL' has no negative pivot, and a zero pivot has a
    zero row); else a v with v'Mv < 0."""
    a = [list(r) for r in matrix]
    n = len(a)
    factors: list[Row] = []  # column k of L
    for k in range(n):
        d = a[k][k]
        if d < 0:
            return _pull_back(factors, k, [Fraction(0)] * k + [Fraction(1)] + [Fraction(0)] * (n - k - 1))
        if d == 0:
            j = next((j for j in range(k + 1, n) if a[k][j]), None)
            if j is not None:  # [[0, b], [b, c]]: v = (-sign(b) (c + 1) / |b|, 1) gives -(c + 2)
                v = [Fraction(0)] * n
                v[k], v[j] = -(abs(a[j][j]) + 1) / a[k][j], Fraction(1)
                return _pull_back(factors, k, v)
            factors.append([Fraction(0)] * n)
            continue
        column = [Fraction(0)] * n
        for i in range(k + 1, n):
            if a[i][k]:
                column[i] = a[i][k] / d
        for i in range(k + 1, n):
            if column[i]:
                for j in range(k + 1, n):
                    if a[k][j]:
                        a[i][j] -= column[i] * a[k][j]
        factors.append(column)
    return None


def _pull_back(factors: list[Row], k: int, v: Row) -> Row:
    """L^-T v for the first k columns of L: what the Schur complement sees as v."""
    out = list(v)
    for j in range(k - 1, -1, -1):
        out[j] = -dot(factors[j][j + 1 :], out[j + 1 :])
    return out
