"""Sums of products in twice the working precision, with a bound on what is still missing.

Error-free transformations: a + b = s + e and a b = p + e hold exactly (Knuth 1969; Dekker 1971). All errors e are kept,
so a sum of products is a rounded number plus a sum of errors that is itself about u times smaller, and the one thing
left unknown, the rounding of that second sum, is bounded by its own terms (Ogita, Rump, Oishi 2005, Accurate sum and
dot product; the bound n u sum|e| for any order of summation: Jeannerod, Rump 2013).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

UNIT = 2.0**-53  # the relative error of one rounding
TINY = 2.0**-1000  # above all that underflow can lose where the data are scaled to about 1
_SPLIT = 2.0**27 + 1.0
_CHUNK = 1 << 17  # entries at a time, so that the passes below stay in cache
_FEW = 1200  # products of doubles that are summed one by one


def up(bound: Any, terms: int = 1 << 22) -> Any:
    """An upper bound, from the same computed in floating point as a sum of so many products of numbers >= 0."""
    return bound * (1.0 + (terms + 16) * 2 * UNIT) + TINY


def two_sum(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rounded sum and its error, exactly."""
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


def two_product(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rounded product and its error; exactly, but for underflow, and for factors below 2^996."""
    p = a * b
    high_a, high_b = a * _SPLIT, b * _SPLIT
    high_a, high_b = high_a - (high_a - a), high_b - (high_b - b)
    low_a, low_b = a - high_a, b - high_b
    return p, low_a * low_b - (((p - high_a * high_b) - low_a * high_b) - high_a * low_b)


class Twice(NamedTuple):
    """The unevaluated sum high + low; the number meant is within `slack` of it."""

    high: np.ndarray
    low: np.ndarray
    slack: np.ndarray


def residual(a: np.ndarray, x: np.ndarray, b: np.ndarray, low: np.ndarray | None = None) -> Twice:
    """b - a (x + low), proven to `slack`: a of shape (m, n), x and low (n,) or (n, k), b (m,) or (m, k).

    The entries should be scaled to about 1 or less.
    """
    rows = _few(a, x, b, low)
    high = _sums(rows, b.shape)
    if rows and high is not None:
        rest = _sums([[*row, -s] for row, s in zip(rows, high.ravel().tolist(), strict=True)], b.shape)
        if rest is not None:
            return Twice(high, rest, up(2 * UNIT * np.abs(rest)))
    if x.ndim == 2 and x.shape[1] > 1 and x.size > _CHUNK:
        half = x.shape[1] // 2
        some, others = (
            residual(a, x[:, part], b[:, part], None if low is None else low[:, part])
            for part in (slice(half), slice(half, None))
        )
        return Twice(*(np.concatenate(pair, axis=1) for pair in zip(some, others, strict=True)))
    step = max(_CHUNK // max(x.size, 1), 1)
    parts = [_sum(*_terms(a[i : i + step], x, b[i : i + step], low)) for i in range(0, len(b), step)]
    return parts[0] if len(parts) == 1 else Twice(*(np.concatenate(p) for p in zip(*parts, strict=True)))


def rounded_residual(
    a: np.ndarray, x: np.ndarray, b: np.ndarray, low: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """`residual` rounded to a double, and a bound of its error."""
    high = _sums(_few(a, x, b, low), b.shape)
    if high is not None:
        return high, up(2 * UNIT * np.abs(high))
    r = residual(a, x, b, low)
    return r.high, up(np.abs(r.low) + r.slack)


def _terms(a: np.ndarray, x: np.ndarray, b: np.ndarray, low: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """What is to be summed along axis 1: b with the rounded products, and their errors."""
    if low is not None:
        a, x = np.concatenate([a, a], axis=1), np.concatenate([x, low])
    p, e = two_product(a if x.ndim == 1 else a[..., None], -x)
    return np.concatenate([b[:, None], p], axis=1), e


def _few(a: np.ndarray, x: np.ndarray, b: np.ndarray, low: np.ndarray | None) -> list[list[float]]:
    """The terms of each entry where they are so few that summing them one by one is faster; else none."""
    if b.size * a.shape[1] > (_FEW if low is None else _FEW // 2):
        return []
    every = np.concatenate(_terms(a, x, b, low), axis=1)
    return every.tolist() if x.ndim == 1 else np.moveaxis(every, 1, 2).reshape(b.size, -1).tolist()


def _sums(rows: list[list[float]], shape: tuple[int, ...]) -> np.ndarray | None:
    """The sums, each to a unit in the last place at least (Shewchuk 1997); None where a term is not finite."""
    if not rows:
        return None
    try:
        return np.array([math.fsum(row) for row in rows]).reshape(shape)
    except (OverflowError, ValueError):
        return None


def _sum(terms: np.ndarray, errors: np.ndarray) -> Twice:
    """The sums along axis 1 of `terms`, and of `errors`, which are about u times smaller."""
    count = terms.shape[1] + errors.shape[1]
    second, mass = errors.sum(axis=1), np.abs(errors).sum(axis=1)
    while terms.shape[1] > 1:
        half = terms.shape[1] // 2
        s, e = two_sum(terms[:, :half], terms[:, half : 2 * half])
        second, mass = second + e.sum(axis=1), mass + np.abs(e).sum(axis=1)
        terms = np.concatenate([s, terms[:, 2 * half :]], axis=1)
    high, low = two_sum(terms[:, 0], second)
    return Twice(high, low, up(count * UNIT * mass))
