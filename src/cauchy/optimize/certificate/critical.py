"""A quadratic form on a polyhedral cone: is there a direction along which it is negative?

References: S. Bundfuss, M. Dür (2008), Linear Algebra and its Applications 428, for copositivity by simplices.
"""

from __future__ import annotations

import itertools

import numpy as np

MOST_ROWS = 7  # their faces are enumerated: 2^rows; beyond, simplices are cut in two
MOST_SIMPLICES = 3000
SLACK = 1e-9


def least(values: np.ndarray, rows: np.ndarray, noise: np.ndarray) -> tuple[int | None, np.ndarray | None]:
    """As `lowest`; with many rows None where that takes too long, or the least value may be 0."""
    if len(rows) <= MOST_ROWS:
        return lowest(values, rows, noise)
    u, s, vt = np.linalg.svd(rows)
    if s.size < len(rows) or s[-1] <= 1e-10 * s[0]:
        return None, None
    # y = N v - Y u with u = -rows @ y >= 0; of all v the one where the form is least
    N, Y, level = vt[s.size :].T, (vt[: s.size].T / s) @ u.T, float(noise.max(initial=0.0))
    form = lambda a, b: a.T @ (values[:, None] * b)
    free = form(N, N)
    e, q = np.linalg.eigh(free)
    if e.size and e[0] <= level:
        return (-1, N @ q[:, 0]) if e[0] < -level else (None, None)
    Y = N @ np.linalg.solve(free, form(N, Y)) - Y
    found, where = copositive(form(Y, Y), level * float((Y * Y).sum(axis=0).max()))
    return found, None if where is None else Y @ where


def copositive(S: np.ndarray, level: float = 0.0) -> tuple[int | None, np.ndarray | None]:
    """Is u'S u > 0 for all u >= 0 but 0, beyond `level` for those of length 1?

    1: yes; -1: no, with a u; None: not found out. On a simplex with vertices V it is where no entry of V'S V is
    negative and none of its diagonal 0; where there are negative ones, it is cut in the middle of such an edge.
    """
    simplices = [np.eye(len(S))]
    for _ in range(MOST_SIMPLICES):
        if not simplices:
            return 1, None
        V = simplices.pop()
        M = V.T @ S @ V
        d = M.diagonal()
        if d.min() < -level:
            return -1, V[:, int(d.argmin())]
        if d.min() <= len(S) * level:
            return None, None
        i, j = np.unravel_index(M.argmin(), M.shape)
        if M[i, j] >= 0:
            continue
        middle = V[:, i] + V[:, j]
        middle /= np.sqrt(middle @ middle)
        for k in (i, j):
            W = V.copy()
            W[:, k] = middle
            simplices.append(W)
    return None, None


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
