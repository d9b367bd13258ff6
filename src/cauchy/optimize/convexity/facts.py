"""What is known of a node over a box, entry by entry: its range, and whether it is convex or concave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

CONVEX, CONCAVE, AFFINE = 1, 2, 3
EPS = 2.0**-52
TINY = 5e-324


@dataclass(frozen=True)
class Fact:
    """What is known of a node, entry by entry: it lies in [low, high]; `bits` CONVEX | CONCAVE; log-convex."""

    low: np.ndarray
    high: np.ndarray
    bits: np.ndarray
    log: np.ndarray

    @property
    def fixed(self) -> bool:
        """Is it a constant, known exactly?"""
        return bool(np.all(self.low == self.high))


def constant(value: Any) -> Fact:
    a = np.asarray(value)
    numbers = a.astype(np.float64) if a.dtype.kind in "fiub" else np.full(a.shape, np.nan)
    return Fact(numbers, numbers, np.where(np.isfinite(numbers), AFFINE, 0), numbers >= 0)


def variable(low: Any, high: Any) -> Fact:
    low, high = np.asarray(low, np.float64) + 0.0, np.asarray(high, np.float64) + 0.0
    return Fact(low, high, np.full(low.shape, AFFINE), np.zeros(low.shape, bool))


def unknown(shape: tuple[int, ...], low: Any = -np.inf, high: Any = np.inf) -> Fact:
    full = lambda v: np.broadcast_to(np.asarray(v, np.float64), shape)
    return Fact(full(low), full(high), np.zeros(shape, int), np.zeros(shape, bool))


def fact(low: Any, high: Any, bits: Any, log: Any = False) -> Fact:
    """Outward rounded; NaN means not known. What is log-convex is convex."""
    low, high = np.asarray(low, np.float64), np.asarray(high, np.float64)
    low, high = (np.where(np.isnan(v), s, v) for v, s in ((low, -np.inf), (high, np.inf)))
    bits, log = np.broadcast_to(bits, low.shape), np.broadcast_to(log, low.shape)
    # a sum that comes out as 0 is 0, and a product is 0 only with a factor (see `_product_range`); -0.0 has another 1/x
    low, high = (np.where(v == 0, 0.0, np.nextafter(v, s)) for v, s in ((low, -np.inf), (high, np.inf)))
    return Fact(low, high, bits | (log * CONVEX), log)


def swap(bits: Any) -> Any:
    return ((bits & CONVEX) << 1) | ((bits & CONCAVE) >> 1)


def compose(convex: Any, concave: Any, up: Any, down: Any, bits: Any) -> Any:
    """Bits of h(g) from those of g: h convex or concave, rising or falling on the range of g."""
    affine = bits == AFFINE
    passes = lambda side: affine | (up & ((bits & side) > 0)) | (down & ((swap(bits) & side) > 0))
    return np.where(convex & passes(CONVEX), CONVEX, 0) | np.where(concave & passes(CONCAVE), CONCAVE, 0)
