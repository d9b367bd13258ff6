"""Error bounds in double arithmetic, proven: from an approximate inverse and residuals in twice the precision.

All rest on I - R A = E with a norm below 1: then A is not singular, and the error of x is within
|R r| + |E| |error|, r = b - A x (Rump 1999; Oishi, Rump 2002). Rounding is bounded a priori, |fl(P Q) - P Q| <=
n u |P| |Q| for products summed in any order (Jeannerod, Rump 2013), so no rounding mode is ever set. It is assumed
that the BLAS sums products of entries (no Strassen), in IEEE 754 double arithmetic.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import linalg as sl

from .data import along, times_power
from .factor import LAPACK
from .twice import UNIT, Twice, residual, two_product, up


class Defect(NamedTuple):
    """E = I - R A, with R computed: `entries` bounds |E| as computed, the rest the rounding of it."""

    r: np.ndarray
    entries: np.ndarray
    size_r: np.ndarray  # |R|
    size_a: np.ndarray

    def times(self, v: np.ndarray) -> np.ndarray:
        """An upper bound of |E| v, for v >= 0."""
        return up(self.entries @ v + (len(v) + 2) * UNIT * (self.size_r @ (self.size_a @ v) + v))

    def transposed(self, v: np.ndarray) -> np.ndarray:
        """An upper bound of |E|' v, for v >= 0."""
        return up(v @ self.entries + (len(v) + 2) * UNIT * ((v @ self.size_r) @ self.size_a + v))


def defect(a: np.ndarray, r: np.ndarray) -> Defect:
    """For a of shape (n, n) scaled to about 1 and r, an approximate inverse."""
    entries = np.abs(np.eye(len(a)) - r @ a)
    return Defect(r, entries * (1.0 + 2 * UNIT), np.abs(r), np.abs(a))


def solution_error(e: Defect, low: np.ndarray, rest: np.ndarray, slack: np.ndarray) -> np.ndarray | None:
    """Bounds, entry by entry, of |truth - high| where a truth = b and b - a (high + low) is `rest` to `slack`.

    All of shape (n,) or (n, k). None where a is not shown to be regular.
    """
    norm = float(e.times(np.ones(len(rest))).max())
    if not norm < 1:  # NaN too
        return None
    moved = up(np.abs(e.r @ rest) + e.size_r @ ((len(rest) + 1) * UNIT * np.abs(rest) + slack))
    bound = moved + up(norm / (1 - norm) * moved.max(axis=0))
    for _ in range(1 if norm < 1e-3 else 3):  # entry by entry: error <= |R r| + |E| error
        bound = np.minimum(bound, up(moved + e.times(bound)))
    return up(bound + np.abs(low))


def settled(high: np.ndarray, bound: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Zeros for entries that are not told from 0 and are far below rounding of the largest; and the bounds then."""
    size = np.abs(high)
    zero = (size <= bound) & (size + bound <= UNIT / 256 * size.max(axis=0))
    return np.where(zero, 0.0, high), np.where(zero, up(size + bound), bound)


# -- least squares: (A'A + diag(damping)) x = A'b, for b of shape (m,) or (m, k) -------------------------


def gradient(
    a: np.ndarray, b: np.ndarray, high: np.ndarray, low: np.ndarray, damping: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A'(b - A x) - damping x for x = high + low, and a bound of its error."""
    m, damping = len(b), along(damping, high)
    r: Twice = residual(a, high, b, low)
    p, e = two_product(damping, high)
    q = residual(np.ascontiguousarray(a.T), r.high, p)  # damping x - A'r
    across, sizes = np.abs(a.T), np.abs(r.low) + r.slack
    second = a.T @ r.low - (e + damping * low) - q.low
    value = second - q.high
    lost = 2 * m * UNIT * (across @ sizes) + across @ r.slack + q.slack
    lost = lost + 8 * UNIT * (np.abs(second) + np.abs(value) + np.abs(e) + np.abs(damping * low) + np.abs(q.low))
    return value, up(lost)


def least_squares_error(
    a: np.ndarray, b: np.ndarray, s: np.ndarray, high: np.ndarray, low: np.ndarray, damping: np.ndarray
) -> np.ndarray | None:
    """Bounds of |truth - high|, entry by entry; s is about (A'A + damping)^(-1/2), upper triangular or not.

    With W = A S, M = W'W + S' damping S = I - E, |E| < 1: the columns of A (with damping) are independent, and
    truth - x = S M^-1 S' (A'(b - A x) - damping x).
    """
    m, n = a.shape
    w = a @ s
    weighed = damping[:, None] * s
    off = np.eye(n) - (w.T @ w + s.T @ weighed)
    size = lambda v: up(float(np.sqrt(np.sum(v * v))))  # of Frobenius
    lost_w = up(n * UNIT * size(np.abs(a) @ np.abs(s)))
    lost = (m + 4) * UNIT * size(w) ** 2 + (2 * size(w) + lost_w) * lost_w
    lost = lost + (n + 4) * UNIT * (size(s) * size(weighed)) + 2 * UNIT * (n + size(off))
    norm = up(size(off) + lost)
    if not norm < 1:
        return None
    g, slack = gradient(a, b, high, low, damping)
    each = lambda v: up(np.sqrt(np.sum(v * v, axis=0)))
    z = s.T @ g
    unsure = up(np.abs(s.T) @ (n * UNIT * np.abs(g) + slack))
    step = np.abs(s @ z) + np.abs(s) @ (n * UNIT * np.abs(z) + unsure)
    rows = up(np.sqrt(np.sum(s * s, axis=1)))
    return up(step + along(rows, z) * up(norm / (1 - norm) * (each(z) + each(unsure))) + np.abs(low))


# -- singular values and definiteness --------------------------------------------------------------


class Singular(NamedTuple):
    values: np.ndarray  # falling
    radius: np.ndarray  # each true one is within its radius
    left: np.ndarray
    right: np.ndarray


def singular_values(a: np.ndarray) -> Singular:
    """The singular values of a (scaled to about 1), each with a proven radius.

    U S V' with U and V nearly orthogonal has the singular values S to relative (1 +- |U'U - I|)^(1/2) (1 +-
    |V'V - I|)^(1/2) (Ostrowski 1959), and A those of U S V' to |A - U S V'| (Weyl 1912).
    """
    if a.shape[0] < a.shape[1]:
        flipped = singular_values(a.T)
        return flipped._replace(left=flipped.right, right=flipped.left)
    n = a.shape[1]
    left, s, across = sl.svd(a, full_matrices=False)
    size = lambda v: up(float(np.sqrt(np.sum(v * v))), v.size)

    def tilt(q: np.ndarray) -> float:
        return up(size(q.T @ q - np.eye(n)) + (len(q) + 2) * UNIT * size(q) ** 2, 8)

    tilts = tilt(left), tilt(across.T)
    if not max(tilts) < 1:
        return Singular(s, np.full(n, np.inf), left, across.T)
    scaled = left * s
    gap = size(a - scaled @ across) * (1 + 4 * UNIT) + (n + 4) * UNIT * size(scaled) * size(across)
    stretch = max(
        np.sqrt((1 + tilts[0]) * (1 + tilts[1])) - 1,
        1 - np.sqrt((1 - tilts[0]) * (1 - tilts[1])),
    )
    return Singular(s, up(s * (stretch + 8 * UNIT) + gap, 8), left, across.T)


def positive_definite(a: np.ndarray) -> bool:
    """Is the symmetric matrix proven to be positive definite? (Rump 2006: Cholesky of A - c I runs through.)"""
    n, diagonal = len(a), np.diag(a)
    if not (diagonal > 0).all() or not np.array_equal(a, a.T):
        return False
    halves = -(np.frexp(diagonal)[1] // 2)  # D A D, D of powers of two, has a diagonal of about 1
    scaled, kept = times_power(a, halves[:, None] + halves)
    trace = float(np.diag(scaled).sum())
    shift = up((n + 4) * UNIT * trace / (1 - (2 * n + 8) * UNIT), n)
    np.fill_diagonal(scaled, np.diag(scaled) - shift)
    return kept and LAPACK.dpotrf(scaled, lower=1)[1] == 0
