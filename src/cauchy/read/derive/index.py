"""Reading a part is linear, and its transpose is adding to that part."""

from __future__ import annotations

from typing import Any

import numpy as np

from .shape import unbroadcast
from .vocabulary import P, linear, linearize, transpose

linear(P.getitem, lambda g, y, x, *i, key: P.scatter_add(g, *i, key=key, shape=x.shape))
linear(P.scatter_add, lambda g, y, v, *i, key, shape: P.getitem(g, *i, key=key))
linear(P.take_along_axis, lambda g, y, x, i, *, axis: P.scatter_along_axis(g, i, axis=axis, shape=x.shape))
linear(P.scatter_along_axis, lambda g, y, v, i, *, axis, shape: P.take_along_axis(g, i, axis=axis))


def _written(g: Any, y: Any, x: Any, v: Any, *i: Any, key: tuple[Any, ...]) -> Any:
    part = P.getitem(g, *i, key=key)
    if i:
        # where an index repeats, the last value written stays, and only that one has an influence
        entry = np.arange(part.size).reshape(part.shape)
        owner = P.setitem(np.zeros_like(y, dtype=int), entry, *i, key=key)
        part = np.where(np.equal(P.getitem(owner, *i, key=key), entry), part, 0.0)
    return unbroadcast(part, v.shape)


# x with v written at key: what was there has no influence, and v counts once per place it was written to
linearize[P.setitem] = (
    lambda t, y, x, v, *i, key: P.setitem(t, 0.0, *i, key=key),
    lambda t, y, x, v, *i, key: P.setitem(np.zeros_like(y), t, *i, key=key),
)
transpose[P.setitem] = (
    lambda g, y, x, v, *i, key: P.setitem(g, 0.0, *i, key=key),
    _written,
)

# x with v added at key, once per place: the identity in x, and in v its transpose reads the places
linearize[P.add_at] = (
    lambda t, y, x, v, *i, key: t,
    lambda t, y, x, v, *i, key: P.add_at(np.zeros_like(y), t, *i, key=key),
)
transpose[P.add_at] = (
    lambda g, y, x, v, *i, key: g,
    lambda g, y, x, v, *i, key: P.getitem(g, *i, key=key),
)
