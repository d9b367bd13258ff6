"""Classes that a hyperplane separates: then no coefficients are the most likely, and the hyperplane says so."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from scipy import linalg as sl
from scipy import optimize, sparse

from ...errors import DomainError
from .design import EPS

NOISE = 1e-9  # entries of a direction that may be the tolerance of linear programming
NEAR = 1e-6  # gains that may be
MANY = 20_000  # rows that are looked at in fractions
FEW = 60  # unknowns that are solved for in fractions
TINY = 5e-324


class Separable(DomainError):
    """No maximum likelihood estimate exists; `direction` is the witness.

    `direction` (K, p + 1), one row for each class (the last entry its intercept), or (1, p + 1) for two classes, the
    row of the second: along it every sample's own class gains on every other, or stays, so the likelihood grows for
    ever. `margin`: the least gain of a sample (> 0: complete separation; 0: quasi-complete, shown in
    fractions for a direction that is `direction` but for its rounding).
    """

    def __init__(self, what: str, direction: np.ndarray, margin: float, *, why: str = "", fix: str = "") -> None:
        self.direction, self.margin = direction, margin
        super().__init__(what, why=why, fix=fix)


def gains(X: Any, codes: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """(n,): by how much a sample's own class gains on the best of the others along the direction."""
    z = np.asarray(X @ direction[:, :-1].T) + direction[:, -1]
    if z.shape[1] == 1:
        return np.where(codes == 1, z[:, 0], -z[:, 0])
    own = z[np.arange(len(z)), codes]
    z[np.arange(len(z)), codes] = -np.inf
    return own - z.max(axis=1)


def separated(X: Any, codes: np.ndarray, direction: np.ndarray) -> float | None:
    """The least gain along the direction, where every one is positive beyond rounding; else None."""
    size = np.asarray(abs(X) @ np.abs(direction[:, :-1]).T) + np.abs(direction[:, -1])
    gain = gains(X, codes, direction)
    doubt = 2 * (direction.shape[1] + 4) * EPS * size.max(axis=1)
    return float(gain.min()) if (gain > doubt).all() else None


def separable(direction: np.ndarray, margin: float) -> Separable:
    """The error with its witness: the least gain along it is `margin`."""
    complete = margin > 0
    return Separable(
        "LogisticRegression: no maximum likelihood estimate exists: the classes are "
        + ("separable" if complete else "separable but for ties"),
        direction,
        margin,
        why=f"along .direction every sample's own class gains {'at least ' if complete else ''}{margin:.3g}"
        f"{'' if complete else ' or more, and some gain'}, so the likelihood grows without end",
        fix="give a finite C, or leave out the feature that separates",
    )


def unit(direction: np.ndarray) -> np.ndarray:
    """The direction with a largest entry in [1, 2): times a power of two, which rounds nothing."""
    return np.ldexp(direction, 1 - int(np.frexp(np.abs(direction).max())[1]))


def search(X: Any, codes: np.ndarray, classes: int, *, intercept: bool) -> tuple[np.ndarray, float] | None:
    """(a direction along which no sample loses and some gain, the least gain), where one is found.

    Linear programming finds candidates (Albert and Anderson 1984), to a tolerance; what is returned was shown in
    fractions: the direction itself, or (least gain 0) one within rounding of it.
    """
    gain = _pairs(X, codes, classes, intercept=intercept)
    size = np.asarray(abs(gain).max(axis=1).todense()).ravel()
    scaled = sparse.diags(1.0 / np.where(size > 0, size, 1.0)) @ gain
    total = np.asarray(scaled.sum(axis=0)).ravel()
    found = optimize.linprog(-total, A_ub=-scaled, b_ub=np.zeros(len(size)), bounds=(-1.0, 1.0), method="highs")
    if found.status != 0 or not found.x.any():
        return None
    d = unit(found.x)
    for candidate in (d, np.where(np.abs(d) < NOISE, 0.0, d)):
        least = _least(gain, candidate.tolist())
        if least is not None:
            return candidate.reshape(-1, X.shape[1] + 1), least
    exact = _through_ties(gain, scaled @ d, d)
    least = None if exact is None else _least(gain, exact)
    if exact is None or least is None:
        return None
    return np.array([float(v) for v in exact]).reshape(-1, X.shape[1] + 1), least


def _pairs(X: Any, codes: np.ndarray, classes: int, *, intercept: bool) -> Any:
    """One row for each sample and other class: times a direction (flat), by how much its own class gains on that."""
    n = X.shape[0]
    whole: Any = sparse.hstack([sparse.csr_matrix(X), np.full((n, 1), float(intercept))], format="csr")
    if classes == 2:
        return sparse.csr_matrix(sparse.diags(np.where(codes == 1, 1.0, -1.0)) @ whole)
    pairs = []
    for k in range(classes):
        for j in range(classes):
            rows = np.flatnonzero(codes == j)
            if j != k and len(rows):
                blocks: list[Any] = [sparse.csr_matrix((len(rows), whole.shape[1]))] * classes
                blocks[j], blocks[k] = whole[rows], -whole[rows]
                pairs.append(sparse.hstack(blocks))
    return sparse.vstack(pairs, format="csr")


def _least(gain: Any, d: Sequence[float | Fraction]) -> float | None:
    """The least entry of gain @ d, if none is negative and one is positive; exact where doubles cannot tell."""
    rounded = np.array([float(v) for v in d])
    value = gain @ rounded
    terms = np.diff(gain.indptr)
    doubt = (terms + 4) * EPS * (abs(gain) @ np.abs(rounded))
    if (value < -doubt).any():
        return None
    there = np.array([v != 0 for v in d], float)
    unsure = np.flatnonzero((value <= doubt) & (abs(gain).sign() @ there > 0))
    if len(unsure) > MANY:
        return None
    value[value <= doubt] = 0.0
    exact = [Fraction(v) for v in d]
    for i in unsure:
        at = slice(gain.indptr[i], gain.indptr[i + 1])
        row = zip(gain.indices[at].tolist(), gain.data[at].tolist(), strict=True)
        true = sum((Fraction(x) * exact[j] for j, x in row if exact[j]), Fraction(0))
        if true < 0:
            return None
        value[i] = float(true) or (TINY if true else 0.0)
    return float(value.min()) if (value > 0).any() else None


def _through_ties(gain: Any, value: np.ndarray, d: np.ndarray) -> list[Fraction] | None:
    """A direction near d that gains exactly nothing where d gains next to nothing, in fractions."""
    ties = np.flatnonzero(np.abs(value) <= NEAR)
    if not len(ties) or len(ties) > MANY or len(d) > FEW:
        return None
    rows = np.unique(gain[ties].toarray(), axis=0)
    qr: Any = sl.qr  # its result depends on its arguments: unknown to type checkers
    r, order = qr(rows.T, mode="r", pivoting=True)
    size = np.abs(np.diagonal(r))
    independent = rows[order[: int((size > 1e-12 * size.max(initial=0.0)).sum())]]
    solved: list[tuple[int, list[Fraction]]] = []  # each row, one at its pivot and zero at those before
    for given in independent:
        row = [Fraction(x) for x in given.tolist()]
        for pivot, other in solved:
            if row[pivot]:
                row = [x - row[pivot] * y for x, y in zip(row, other, strict=True)]
        pivot = max(range(len(row)), key=lambda j: abs(row[j]))
        if row[pivot]:
            solved.append((pivot, [x / row[pivot] for x in row]))
    out = [Fraction(v) for v in d.tolist()]
    for pivot, row in reversed(solved):
        out[pivot] -= sum((x * v for x, v in zip(row, out, strict=True)), Fraction(0))
    return out
