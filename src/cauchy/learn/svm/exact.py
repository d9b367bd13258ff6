"""Support vector machines in exact fractions: the active set from doubles, its equations in integers, all checked.

Multiplied by a common denominator the points are integers, and so is the system of an active set; it is solved
without fractions (Bareiss 1968). What is returned satisfies every optimality condition exactly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from operator import mul
from typing import Any

import numpy as np

from ...errors import CauchyError, DomainError, ShapeError
from ...proof import Proof, Verdict
from ..wording import shown
from .margin import Margin, maximum_margin, ready

FEW = 16  # points, up to which the search for the active set needs no guess from doubles
CHANGES = 200  # of the active set, at most


def rationals(values: Any, name: str) -> list[Fraction]:
    """The numbers as fractions: doubles are binary fractions, texts like "2/3" and "0.1" are what they say."""
    values = list(values)
    if all(type(v) is int or type(v) is Fraction for v in values):
        return values
    found = []
    for given in values:
        v = given.item() if isinstance(given, np.generic) else given
        try:
            found.append(Fraction(v) if isinstance(v, int | float | str | Fraction | Decimal) else Fraction("none"))
        except (ValueError, OverflowError, ZeroDivisionError) as e:
            raise DomainError(
                f"{name}: {shown(v)} is no rational number", fix="integers, fractions or finite floats"
            ) from e
    return found


def integers(X: Sequence[Sequence[Any]], name: str = "X") -> tuple[list[list[int]], int]:
    """The rows as integers over one common denominator."""
    if all(type(v) is int for row in X for v in row):
        return [list(row) for row in X], 1
    rows = [rationals(row, name) for row in X]
    scale = math.lcm(*(v.denominator for row in rows for v in row))
    return [[v.numerator * (scale // v.denominator) for v in row] for row in rows], scale


def solve_integers(A: list[list[int]]) -> tuple[list[int], int] | None:
    """Solve A x = b for the augmented integer matrix [A b]: numerators of x over one denominator, the determinant.

    None for a singular A. Bareiss (1968): every division is exact, numbers grow no larger than minors.
    """
    m, before, sign, done = len(A), 1, 1, []
    rest = A
    for k in range(m):
        p = 0
        while not rest[p][0]:
            p += 1
            if p == m - k:
                return None
        if p:
            rest = [rest[p], *rest[1:p], rest[0], *rest[p + 1 :]]
            sign = -sign
        pivot, *row = rest[0]
        done.append((pivot, row))
        rest = [[(pivot * u - f * v) // before for u, v in zip(other, row, strict=True)] for f, *other in rest[1:]]
        before = pivot
    # from the last unknown up, all over the last pivot
    x: list[int] = []
    for pivot, row in reversed(done):
        total = before * row[-1]
        for c, v in zip(row, x, strict=False):
            total -= c * v
        x.insert(0, total // pivot)
    return x, before


def hard_margin(
    points: list[list[int]], signs: list[int], guess: Sequence[int], most: int = CHANGES
) -> tuple[Any, ...] | None:
    """w, b and the multipliers a of |w|^2/2 with w = sum a_i y_i x_i, all fractions; None where no active set is found.

    Starts from the set `guess`; then the most negative multiplier leaves or the most violated point enters.
    """
    active = list(guess)
    seen = set()
    for _ in range(most):
        if tuple(active) in seen or not active:
            return None
        seen.add(tuple(active))
        m = len(active)
        chosen = [points[i] for i in active]
        rows = [[sum(map(mul, u, v)) for v in chosen] + [1, signs[i]] for i, u in zip(active, chosen, strict=True)]
        rows.append([1] * m + [0, 0])
        solved = solve_integers(rows)
        if solved is None:
            return None
        (*beta, b), D = solved  # beta_i = a_i y_i and b are over one denominator D
        if D < 0:
            D, b, beta = -D, -b, [-v for v in beta]
        a = [signs[i] * v for i, v in zip(active, beta, strict=True)]
        if min(a) < 0:
            active.pop(a.index(min(a)))
            continue
        w = [sum(map(mul, beta, column)) for column in zip(*chosen, strict=True)]
        margins = [s * (sum(map(mul, w, x)) + b) for s, x in zip(signs, points, strict=True)]
        worst = min(margins)
        if worst < D:
            active.append(margins.index(worst))
            continue
        multipliers = [0] * len(points)
        for i, v in zip(active, a, strict=True):
            multipliers[i] = v
        return w, b, multipliers, margins, D
    return None


def widest(X: Any, y: Any) -> Margin:
    """`maximum_margin(X, y, exact=True)`."""
    rows, labels = [list(r) for r in _rows(X)], list(y)
    if not rows or any(len(r) != len(rows[0]) for r in rows) or not rows[0] or len(labels) != len(rows):
        raise ShapeError("maximum_margin: X must be (n, d) and y (n,), not empty")
    points, scale = integers(rows)
    values = rationals(labels, "y")
    low, high = min(values), max(values)
    if low == high or any(v not in (low, high) for v in values):
        raise DomainError(
            f"maximum_margin: two classes are separated, got {len(set(values))}: {sorted(set(values))[:5]}"
        )
    signs = [1 if v == high else -1 for v in values]
    # the active set of the solution in doubles; or, where that is not at hand within microseconds, of few points the
    # nearest pair of both classes first, and then what it takes
    found = None
    if len(points) <= FEW and not ready(len(points), len(points[0])):
        found = hard_margin(points, signs, _nearest(points, signs), 10)
    if found is None:
        found = _through_doubles(points, signs, scale)
    w, b, a, margins, D = found
    # in the units of the data: x = point / scale, so w is `scale` times as large, and a `scale`^2
    square = scale * scale
    squares = sum(map(mul, w, w))
    objective = Fraction(squares * square, D * D)
    dual = Fraction((2 * sum(a) * D - squares) * square, D * D)
    multipliers = tuple([Fraction(2 * v * square, D) if v else _ZERO for v in a])
    return Margin.made(
        w=tuple([Fraction(v * scale, D) for v in w]), b=Fraction(b, D), multipliers=multipliers,
        margins=tuple([_ONE if v == D else Fraction(v, D) for v in margins]),
        objective=objective, dual=dual, rounding=0.0, verdict=Verdict.PROVED, proof=_KKT, estimates={}, cost={},
    )  # fmt: skip


def _nearest(points: list[list[int]], signs: list[int]) -> list[int]:
    best: tuple[int, int, int] | None = None
    for i, u in enumerate(points):
        if signs[i] < 0:
            for j, v in enumerate(points):
                if signs[j] > 0:
                    distance = sum([(s - t) * (s - t) for s, t in zip(u, v, strict=True)])
                    if best is None or distance < best[0]:
                        best = distance, i, j
    assert best is not None
    return [best[1], best[2]]


def _through_doubles(points: list[list[int]], signs: list[int], scale: int) -> tuple[Any, ...]:
    size = max([max(map(abs, row)) for row in points]) or 1
    scaled = np.array(
        [[v / size for v in row] for row in points]
    )  # division of integers rounds correctly, however large
    try:
        near = maximum_margin(scaled, np.array(signs, float))
    except DomainError as e:
        witness = getattr(e, "weights", None)
        if witness is None:
            raise
        proof = _apart(points, signs, witness)
        if proof is not None:
            e.add_note(f"proved in fractions: {proof}")
            raise
        found = hard_margin(points, signs, [int(i) for i in np.flatnonzero(witness > 1e-9)])
        if found is None:
            raise _undecided(
                "in doubles the classes touch, in fractions neither a line nor a common point was found"
            ) from e
        return found
    found = hard_margin(points, signs, near.support)
    if found is None:
        found = hard_margin(points, signs, _independent(scaled, np.array(signs, float), near))
    if found is None:
        raise _undecided(
            f"in doubles the margin is {near.width * size / scale:.3g} wide, data reach {size / scale:.3g}"
        )
    return found


def _undecided(why: str) -> CauchyError:
    return CauchyError("maximum_margin: no active set was found in fractions", why=why, fix="exact=False")


_ZERO, _ONE = Fraction(0), Fraction(1)
_KKT = Proof(
    "kkt",
    "an exact point of the optimality conditions of a convex problem",
    (
        "margins y_i (w'x_i + b) >= 1",
        "lambda_i >= 0",
        "lambda_i (margin_i - 1) = 0",
        "w = sum lambda_i y_i x_i / 2 and sum lambda_i y_i = 0",
    ),
)


def _rows(X: Any) -> Any:
    if isinstance(X, np.ndarray) and X.ndim != 2:
        raise ShapeError(f"maximum_margin: X must be (n, d), got shape {X.shape}")
    try:
        return [tuple(row) for row in X]
    except TypeError as e:
        raise ShapeError("maximum_margin: X must be a sequence of points") from e


def _independent(X: np.ndarray, y: np.ndarray, near: Margin) -> list[int]:
    """A support of linearly independent equations: multipliers are not unique, and this is a corner of them."""
    from scipy.optimize import nnls

    on = np.flatnonzero(np.abs(near.margins - 1) <= 1e-6)
    equations = np.vstack([(y[on, None] * X[on]).T, y[on]])
    weights, _ = nnls(equations, np.append(near.w, 0.0))
    return [int(i) for i in on[weights > 1e-9 * weights.max()]]


def _apart(points: list[list[int]], signs: list[int], weights: np.ndarray) -> str | None:
    """The weighted means that coincide, solved in fractions on the support of `weights`; None where they do not."""
    some = [int(i) for i in np.flatnonzero(weights > 1e-9)]
    equations = [[signs[i] * points[i][k] for i in some] for k in range(len(points[0]))]
    equations += [[int(signs[i] == s) for i in some] for s in (-1, 1)]
    right = [0] * len(points[0]) + [1, 1]
    columns = list(zip(*equations, strict=True))
    solved = solve_integers([[sum(map(mul, u, v)) for v in columns] + [sum(map(mul, u, right))] for u in columns])
    if solved is None:
        return None
    exact = [Fraction(v, solved[1]) for v in solved[0]]
    if min(exact) < 0 or any(sum(map(mul, row, exact)) != b for row, b in zip(equations, right, strict=True)):
        return None
    mean = lambda s: " + ".join([f"{v} of sample {i}" for i, v in zip(some, exact, strict=True) if v and signs[i] == s])
    return f"{mean(-1)} = {mean(1)}"
