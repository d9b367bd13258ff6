"""Arrangements are linear; their transposes arrange back."""

from __future__ import annotations

from typing import Any

import numpy as np

from .vocabulary import Joint, P, linear, linearize, transpose


def unbroadcast(g: Any, shape: tuple[int, ...]) -> Any:
    """Sum g over the axes along which `shape` was broadcast: the transpose of broadcasting."""
    if g.shape == shape:
        return g
    lead = g.ndim - len(shape)
    axes = (*range(lead), *(i for i in range(lead, g.ndim) if shape[i - lead] == 1 and g.shape[i] != 1))
    return P.reshape(P.sum(g, axis=axes, keepdims=False), shape=shape)


def _concatenate(ts: Any, y: Any, *xs: Any, axis: int) -> Any:
    return P.concatenate(
        *[np.zeros(x.shape, y.dtype) if t is None else t for t, x in zip(ts, xs, strict=True)], axis=axis
    )


def _split(g: Any, y: Any, *xs: Any, axis: int) -> list[Any]:
    parts, start = [], 0
    for x in xs:
        stop = start + x.shape[axis]
        parts.append(P.getitem(g, key=(*(slice(None),) * (axis % y.ndim), slice(start, stop))))
        start = stop
    return parts


linear(P.reshape, lambda g, y, x, *, shape: P.reshape(g, shape=x.shape))
linear(
    P.transpose,
    lambda g, y, x, *, axes: P.transpose(
        g, axes=None if axes is None else tuple(int(i) for i in np.argsort([i % x.ndim for i in axes]))
    ),
)
linear(P.broadcast_to, lambda g, y, x, *, shape: unbroadcast(g, x.shape))
linearize[P.concatenate] = Joint(_concatenate)
transpose[P.concatenate] = Joint(_split)
