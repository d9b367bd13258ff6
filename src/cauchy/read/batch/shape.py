"""Arrangements: the same one for each example."""

from __future__ import annotations

from typing import Any

from .vocabulary import Flags, P, align, batch, count, full, shifted


def _transpose(b: Flags, x: Any, *, axes: Any) -> Any:
    r = x.ndim - 1
    return P.transpose(x, axes=(0, *(range(r, 0, -1) if axes is None else shifted(axes, r))))


def _concatenate(b: Flags, *xs: Any, axis: int) -> Any:
    n = count(b, xs)
    wide = [full(x, many, n) for x, many in zip(xs, b, strict=True)]
    return P.concatenate(*wide, axis=shifted(axis, wide[0].ndim - 1))


batch[P.reshape] = lambda b, x, *, shape: P.reshape(x, shape=(x.shape[0], *shape))
batch[P.transpose] = _transpose
batch[P.broadcast_to] = lambda b, x, *, shape: P.broadcast_to(align(x, True, len(shape)), shape=(x.shape[0], *shape))
batch[P.concatenate] = _concatenate
