"""A quadratic form on a polyhedral cone: is there a direction along which it is negative?"""

from __future__ import annotations

import itertools

import numpy as np

MOST_ROWS = 7  # their faces are enumerated: 2^rows
SLACK = 1e-9


def lowest(values: np.ndarray, rows: np.ndarray, noise: np.ndarray) -> tuple[int, np.ndarray | None]:
    """The sign of the least value of sum(values y^2) over the cone rows @ y <= 0, y != 0, and where it is attained.

    Theorem: a minimizer on the unit sphere of the cone lies inside some face, and is an eigenvector of the form
    restricted to that face's span; going to smaller faces, one for which an eigenvector as computed is in the cone.
    So faces are enumerated. The sign is 0 where it is lost in `noise`. The cone {0} gives 1.
    """
    best, where = np.inf, None
    level = float(noise.max(initial=0.0))
    for count in range(len(rows) + 1):
        for face in itertools.combinations(range(len(rows)), count):
            N = _null(rows[list(face)], values.size)
            if not N.shape[1]:
                continue
            e, q = np.linalg.eigh(N.T @ (values[:, None] * N))
            for value, v in zip(e, (N @ q).T, strict=True):
                if value >= best:
                    break
                for w in (v, -v):
                    if np.all(rows @ w <= SLACK):
                        best, where = float(value), w
                        break
    return (0 if abs(best) <= level else 1 if best > 0 else -1), where


def _null(A: np.ndarray, n: int) -> np.ndarray:
    if not len(A):
        return np.eye(n)
    _, s, vt = np.linalg.svd(A)
    return vt[int((s > 1e-10 * max(s[0], 1e-300)).sum()) :].T
