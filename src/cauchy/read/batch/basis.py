"""A basis as the batch: of a product with an identity matrix nothing need be computed.

A @ E is A, and c * E is c on a diagonal: entries are selected, not multiplied. That is also right where
0 * inf would not be: nothing is not zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from ...graph import Primitive
from ...tracer.array import Array, is_traced, wrap
from ...tracer.context import constant
from .vocabulary import Flags, P


class Basis:
    """Rows of the identity matrix as examples of shape `shape`: example k is 1 at the flat position `index[k]`.

    Without an index it is the whole basis, in order.
    """

    def __init__(self, shape: tuple[int, ...], dtype: Any, index: Array | None = None) -> None:
        self.shape, self.dtype, self.whole = shape, np.dtype(dtype), index is None
        self.index: Any = wrap(constant(np.arange(math.prod(shape)))) if index is None else index

    @cached_property
    def mask(self) -> Any:
        unit = P.equal(P.reshape(self.index, shape=(-1, 1)), np.arange(math.prod(self.shape)))
        return P.reshape(unit, shape=(unit.shape[0], *self.shape))

    @cached_property
    def dense(self) -> Any:
        return P.astype(self.mask, dtype=self.dtype)

    def reshaped(self, shape: tuple[int, ...]) -> Basis:
        return Basis(shape, self.dtype, None if self.whole else self.index)

    def rows(self, x: Any, position: Any) -> Any:
        """For each example the row of x at a position."""
        return x if self.whole and position is self.index else P.getitem(x, position, key=(P.ARRAY,))


selections: dict[Primitive, Callable[..., Any]] = {}
"""selections[p] = f(b, *args, **params) with a Basis among the arguments; None where there is no short way."""


def _getitem(b: Flags, e: Any, *arrays: Any, key: tuple[Any, ...]) -> Any:
    if arrays or any(not (k is None or k is Ellipsis or k == slice(None)) for k in key):
        return None
    return e.reshaped(np.broadcast_to(0.0, e.shape)[key].shape)


def _multiply(b: Flags, x: Any, y: Any) -> Any:
    e, c = (x, y) if isinstance(x, Basis) else (y, x)
    if all(b) or not is_traced(c) or c.dtype != e.dtype or np.broadcast_shapes(c.shape, e.shape) != e.shape:
        return None
    return P.where(e.mask, c, 0.0)


def _matmul(b: Flags, x: Any, y: Any) -> Any:
    e, a = (x, y) if isinstance(x, Basis) else (y, x)
    if all(b) or a.ndim not in (1, 2) or len(e.shape) not in (1, 2) or a.dtype != e.dtype:
        return None
    left = e is x
    a = a if left or a.ndim == 1 else P.transpose(a, axes=(1, 0))
    if len(e.shape) == 1:
        return e.rows(a, e.index)
    # the one of e in row i, column j takes row j of a to row i of e @ a, and column i of a to column j of a @ e
    height, width = e.shape
    i = e.index if width == 1 else P.floor_divide(e.index, width)
    j = e.index if height == 1 else P.remainder(e.index, width)
    return _spread(e.rows(a, j), 1, i, height) if left else _spread(e.rows(a, i), a.ndim, j, width)


def _spread(values: Any, axis: int, index: Any, n: int) -> Any:
    """Example k has `values[k]` at place index[k] of a new axis, and nothing elsewhere."""
    values = P.reshape(values, shape=(*values.shape[:axis], 1, *values.shape[axis:]))
    if n == 1:
        return values
    sides = [1] * values.ndim
    sides[0], sides[axis] = values.shape[0], n
    mask = P.equal(P.reshape(index, shape=(-1, 1)), np.arange(n))
    return P.where(P.reshape(mask, shape=tuple(sides)), values, 0.0)


def _dot(b: Flags, x: Any, y: Any) -> Any:
    return None if any(getattr(v, "shape", ()) == () for v in (x, y)) else _matmul(b, x, y)


selections[P.identity] = lambda b, e: e
selections[P.reshape] = lambda b, e, *, shape: e.reshaped(np.broadcast_to(0.0, e.shape).reshape(shape).shape)
selections[P.getitem] = _getitem
selections[P.multiply] = _multiply
selections[P.matmul] = _matmul
selections[P.dot] = _dot
