"""Reductions and scans along axes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...graph import Node
from .rows import check
from .vocabulary import Found, Look, P, kept, merge, nothing, reduced, rules


def _reduce(n: Node, ps: list[Any], look: Look) -> Found:
    shape, axis = n.args[0].shape, n.params["axis"]
    return merge(ps[0], kept(shape, axis), reduced(shape, axis))


def _along(n: Node, ps: list[Any], look: Look) -> Found:
    """Every entry depends on all of its line along the axis."""
    shape, axis = n.args[0].shape, n.params["axis"]
    at = kept(shape, axis)
    return merge(ps[0], at, reduced(shape, axis)).take(at)


def _scan(n: Node, ps: list[Any], look: Look) -> Found:
    """An entry depends on those up to it along the axis."""
    shape = n.args[0].shape or (1,)
    length = shape[n.params["axis"]]
    check(math.prod(shape) * (length + 1) // 2)
    lines = np.arange(math.prod(shape)).reshape(shape)
    lines = np.moveaxis(lines, n.params["axis"], -1).reshape(-1, length) if lines.size else lines.reshape(0, 0)
    to, of = np.tril_indices(length if lines.size else 0)
    return merge(ps[0], lines[:, to].ravel(), lines.size, lines[:, of].ravel())


for p in (P.sum, P.prod, P.max, P.min, P.logsumexp):
    rules[p] = _reduce
for p in (P.softmax, P.log_softmax):
    rules[p] = _along
for p in (P.cumsum, P.cumprod):
    rules[p] = _scan
for p in (P.argmax, P.argmin, P.argsort, P.any, P.all, P.count_nonzero, P.searchsorted):
    rules[p] = nothing
