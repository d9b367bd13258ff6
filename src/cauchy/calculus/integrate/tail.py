"""Integrals that converge only because signs alternate, as that of sin(x)/x: zero to zero, and extrapolated."""

from __future__ import annotations

import numpy as np

from .integrand import Integrand

MESH, WANTED = 4001, 48
FALLS = -0.15  # log-log slope of the pieces above which they are not taken to tend to 0


def alternating_tail(f: Integrand, start: float, sign: float) -> tuple[float, float, float] | None:
    """(z, value, error): the integral from the first good zero z of f to the infinite end on the side of `sign`.

    None where the pieces between zeros do not alternate, or do not fall.

    References: P. Wynn (1956), the epsilon algorithm; I. M. Longman (1956).
    """
    reach = 64.0
    for _ in range(40):
        t = np.linspace(reach / MESH, reach, MESH)
        y = f.many(start + sign * t)
        if not np.isfinite(y).all():
            return None
        flips = np.flatnonzero(y[1:] * y[:-1] < 0)
        if len(flips) > MESH // 16:
            reach *= 8 * WANTED / len(flips)
        elif len(flips) < WANTED:
            reach *= 4
        else:
            break
    else:
        return None
    flips = flips[2 : WANTED + 2] if len(flips) >= WANTED + 2 else flips
    low, high = t[flips], t[flips + 1]
    rising = y[flips] < 0
    for _ in range(60):
        middle = (low + high) / 2
        below = (f.many(start + sign * middle) < 0) == rising
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    zeros = (low + high) / 2
    pieces, coarse = (_pieces(f, start, sign, zeros, k) for k in (24, 16))
    sizes = np.abs(pieces)
    half = len(pieces) // 2
    slope = np.polyfit(np.log(np.arange(half, len(pieces)) + 1.0), np.log(np.maximum(sizes[half:], 1e-300)), 1)[0]
    if (pieces[1:] * pieces[:-1] >= 0).any() or (sizes[half + 1 :] > sizes[half:-1]).any() or slope > FALLS:
        return None
    table = _epsilon(np.cumsum(pieces))
    error = 10 * abs(table[-1] - table[-2]) + float(np.sum(np.abs(pieces - coarse))) + 1e-15 * float(np.sum(sizes))
    return float(start + sign * zeros[0]), table[-1], error


def _pieces(f: Integrand, start: float, sign: float, zeros: np.ndarray, nodes: int) -> np.ndarray:
    t, w = np.polynomial.legendre.leggauss(nodes)
    middle, radius = (zeros[1:] + zeros[:-1]) / 2, np.diff(zeros) / 2
    y = f.many((start + sign * (middle[:, None] + radius[:, None] * t)).ravel()).reshape(-1, nodes)
    return radius * (y @ w)


def _epsilon(sums: np.ndarray) -> list[float]:
    """The last entries of the even columns of Wynn's table; each is an extrapolated limit."""
    previous, column = np.zeros(len(sums) + 1), sums
    limits = [float(sums[-1])]
    for k in range(1, len(sums)):
        step = np.diff(column)
        if (np.abs(step) < 1e-15 * np.max(np.abs(sums))).any():
            break
        previous, column = column, previous[1:-1] + 1 / step
        if k % 2 == 0:
            limits.append(float(column[-1]))
    return limits
