"""Sums of products in twice the working precision, with a bound on what is still missing.

Error-free transformations: a + b = s + e and a b = p + e hold exactly (Knuth 1969; Dekker 1971). All errors e are kept,
so a sum of products is a rounded number plus a sum of errors that is itself about u times smaller, and the one thing
left unknown, the rounding of that second sum, is bounded by its own terms (Ogita, Rump, Oishi 2005, Accurate sum and
dot product; the bound n u sum|e| for any order of summation: Jeannerod, Rump 2013).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

UNIT = 2.0**-53  # the relative error of one rounding
TINY = 2.0**-1000  # above all that underflow can lose where the data are scaled to about 1
_SPLIT = 2.0**27 + 1.0
_CHUNK = 1 << 17  # entries at a time, so that the passes below stay in cache


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
    high_a, high_b = (v * _SPLIT for v in (a, b))
    high_a, high_b = high_a - (high_a - a), high_b - (high_b - b)
    low_a, low_b = a - high_a, b - high_b
    return p, low_a * low_b - (((p - high_a * high_b) - low_a * high_b) - high_a * low_b)


class Twice(NamedTuple):
    """The unevaluated sum high + low; the number meant is within `slack` of it."""

    high: np.ndarray
    low: np.ndarray
    slack: np.ndarray


def residual(a: np.ndarray, x: np.ndarray, b: np.ndarray, low: np.ndarray | None = None) -> Twice:
    """b - a (x + low) for a of shape (m, n), proven to `slack`. The entries should be scaled to about 1 or less."""
    parts = []
    rows = max(_CHUNK // max(a.shape[1], 1), 1)
    for i in range(0, len(b), rows):
        some = a[i : i + rows]
        products = [two_product(some, -x)] + ([] if low is None else [two_product(some, -low)])
        terms = np.concatenate([b[i : i + rows, None], *(p for p, _ in products)], axis=1)
        errors = [e for _, e in products]
        parts.append(_sum(terms, errors))
    return Twice(*(np.concatenate(p) for p in zip(*parts, strict=True)))


def _sum(terms: np.ndarray, errors: list[np.ndarray]) -> Twice:
    """The sums along the rows of `terms`, and of `errors`, which are about u times smaller."""
    count = terms.shape[1] + sum(e.shape[1] for e in errors)
    second = sum((e.sum(axis=1) for e in errors), np.zeros(len(terms)))
    mass = sum((np.abs(e).sum(axis=1) for e in errors), np.zeros(len(terms)))
    while terms.shape[1] > 1:
        half = terms.shape[1] // 2
        s, e = two_sum(terms[:, :half], terms[:, half : 2 * half])
        second, mass = second + e.sum(axis=1), mass + np.abs(e).sum(axis=1)
        terms = np.concatenate([s, terms[:, 2 * half :]], axis=1)
    high, low = two_sum(terms[:, 0], second)
    return Twice(high, low, up(count * UNIT * mass))
