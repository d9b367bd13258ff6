"""Classes that a hyperplane separates: then no coefficients are the most likely, and the hyperplane says so."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import optimize, sparse

from ...errors import DomainError


class Separable(DomainError):
    """No maximum likelihood estimate exists; `direction` is the witness.

    `direction` (K, p + 1), one row for each class (the last entry its intercept), or (1, p + 1) for two classes, the
    row of the second: along it every sample's own class gains on every other, or stays, so the likelihood grows for
    ever. `margin`: the least gain of a sample (> 0: complete separation; 0 up to rounding: quasi-complete).
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


def separable(X: Any, codes: np.ndarray, direction: np.ndarray) -> Separable:
    """The error with its witness, scaled to a largest entry of 1."""
    direction = direction / np.abs(direction).max()
    margin = float(gains(X, codes, direction).min())
    complete = margin > 0
    return Separable(
        "LogisticRegression: no maximum likelihood estimate exists: the classes are "
        + ("separable" if complete else "separable but for ties"),
        direction,
        margin,
        why=f"along .direction every sample's own class gains {'at least ' if complete else ''}{margin:.3g}"
        f"{'' if complete else ' (0 up to rounding) or more'}, so the likelihood grows without end",
        fix="give a finite C, or leave out the feature that separates",
    )


def search(X: Any, codes: np.ndarray, classes: int, *, intercept: bool) -> Separable | None:
    """A direction along which no sample loses and some gain, by linear programming (Albert and Anderson 1984).

    None if there is none: then the maximum likelihood estimate exists (both to the tolerance 1e-7 of the solver).
    """
    n, p = X.shape
    whole: Any = sparse.hstack([sparse.csr_matrix(X), np.full((n, 1), float(intercept))], format="csr")
    q, pairs = p + 1, []
    if classes == 2:
        pairs.append(sparse.diags(np.where(codes == 1, 1.0, -1.0)) @ whole)
    else:
        for k in range(classes):
            own = [np.flatnonzero((codes == j) & (codes != k)) for j in range(classes)]
            for j, rows in enumerate(own):
                if len(rows):
                    blocks: list[Any] = [sparse.csr_matrix((len(rows), q))] * classes
                    blocks[j], blocks[k] = whole[rows], -whole[rows]
                    pairs.append(sparse.hstack(blocks))
    gain = sparse.vstack(pairs, format="csr")
    size = np.asarray(abs(gain).max(axis=1).todense()).ravel()
    gain = sparse.diags(1.0 / np.where(size > 0, size, 1.0)) @ gain
    total = np.asarray(gain.sum(axis=0)).ravel()
    found = optimize.linprog(-total, A_ub=-gain, b_ub=np.zeros(gain.shape[0]), bounds=(-1.0, 1.0), method="highs")
    if found.status != 0 or -found.fun <= 1e-6 * gain.shape[0] ** 0.5:
        return None
    return separable(X, codes, found.x.reshape(-1, q))
