"""Captured arrays whose `dot` method reaches the tracer.

`np.dot(X, w)` and `X @ w` dispatch; the method `X.dot(w)` of a plain array does not: NumPy would take a traced w
apart and multiply numbers one by one. Where a function says `.dot`, the arrays it captures are seen through `Data`.
"""

from __future__ import annotations

import functools
import types
from typing import Any

import numpy as np

from .context import _LIBRARIES, _OURS


class Data(np.ndarray):
    """The same memory as a plain array. Views of it are like it; what NumPy computes from it is plain."""

    def dot(self, b: Any, out: Any = None) -> Any:
        return np.dot(np.asarray(self), b, out=out)

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        return array[()] if return_scalar else np.asarray(array)


def seen(x: Any) -> Any:
    """A plain array of numbers as `Data`; anything else as it is."""
    return x.view(Data) if type(x) is np.ndarray and x.dtype.kind in "fiub" else x


@functools.lru_cache(maxsize=4096)
def names_in(code: types.CodeType) -> frozenset[str]:
    """Global names used by the code and the functions it defines."""
    inner = [names_in(c) for c in code.co_consts if isinstance(c, types.CodeType)]
    return frozenset(code.co_names).union(*inner)


def says_dot(f: Any, known: set[int] | None = None) -> bool:
    """Whether the function, or one it captured, has `.dot` in its text."""
    f = getattr(f, "__func__", f)
    if isinstance(f, functools.partial):
        return says_dot(f.func, known)
    known = set() if known is None else known
    if not isinstance(f, types.FunctionType) or id(f) in known or f.__code__.co_filename.startswith(_OURS + _LIBRARIES):
        return False
    known.add(id(f))
    names = names_in(f.__code__)
    return (
        "dot" in names
        or any(says_dot(f.__globals__.get(n), known) for n in names)
        or any(says_dot(v, known) for v in cells(f))
    )


def cells(f: types.FunctionType) -> list[Any]:
    held = []
    for cell in f.__closure__ or ():
        try:
            held.append(cell.cell_contents)
        except ValueError:  # a name not bound yet
            continue
    return held
