"""Reading and writing parts: `x[key]`, `x[key] = v`, with views that see each other's writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import ops as P
from .array import Array, View, as_array, is_traced, wrap
from .context import guard, refusal
from .later import shares


def split_key(x: Array, key: Any) -> tuple[list[Any], tuple[Any, ...]]:
    """The index arrays of a NumPy key (as arguments) and its static rest with markers in their places.

    A boolean mask becomes the integers it selects; a traced one is a guard, since it decides a shape.
    """
    parts = key if type(key) is tuple else (key,)
    arrays: list[Any] = []
    static: list[Any] = []
    for k in parts:
        if k is None or k is Ellipsis:
            static.append(k)
        elif isinstance(k, slice):
            static.append(slice(*(None if s is None else s.__index__() for s in (k.start, k.stop, k.step))))
        elif isinstance(k, (bool, np.bool_)) and not is_traced(k):
            static.append(bool(k))
        elif not is_traced(k) and isinstance(k, (int, np.integer)):
            static.append(int(k))
        else:
            a: Any = as_array(k) if is_traced(k) or not isinstance(k, np.ndarray) or k.dtype.kind == "O" else k
            if a.size == 0 and isinstance(k, (list, tuple)):
                a = np.zeros(np.shape(k), np.intp)
            if a.dtype.kind == "b":
                if is_traced(a):
                    guard(a.node, a.value)
                    a = a.value
                for i in np.nonzero(a):
                    arrays.append(i)
                    static.append(P.ARRAY)
            elif a.dtype.kind in "iu":
                arrays.append(a)
                static.append(P.ARRAY)
            else:
                raise IndexError(f"arrays used as indices must be of integer (or boolean) type, not {a.dtype}")
    return arrays, tuple(static)


def getitem(x: Array, key: Any) -> Array:
    arrays, static = split_key(x, key)
    if arrays:
        return P.getitem(x, *arrays, key=static)
    return view(
        x,
        lambda base: P.getitem(base, key=static),
        lambda base, part: P.setitem(base, part, key=static),
    )


def view(base: Array, get: Callable[[Array], Array], put: Callable[[Array, Array], Array]) -> Array:
    """`get(base)`, tied to `base` where NumPy's result shares its memory and can be written to."""
    out = get(base)
    if out.ndim and shares(out.node, base.node):
        return wrap(out.node, View(base, get, put))
    return out


def assign(x: Array, key: Any, v: Any) -> None:
    arrays, static = split_key(x, key)
    v = as_array(v)
    if v.dtype != x.dtype:
        # assignment casts as `astype` does (NumPy: "unsafe"), but a derivative must not vanish in it
        if v.dtype.kind == "f" and x.dtype.kind != "f":
            raise refusal(
                f"traced {v.dtype} values are written into an array of {x.dtype}",
                why="NumPy would round them towards zero, and every derivative with them",
                fix="make the array with dtype=float",
            )
        v = P.astype(v, dtype=x.dtype)
    if not x.writeable:
        raise refusal("this view is read-only", fix="take a copy: x.copy()")
    x._assign(P.setitem(x, v, *arrays, key=static))
