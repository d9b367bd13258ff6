"""The table from NumPy functions to ours, and what they share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import numpy as np

from ..array import Array, as_array, is_traced
from ..context import refusal

F = TypeVar("F", bound=Callable[..., Any])

FUNCTIONS: dict[Any, Callable[..., Any]] = {}


def implements(*functions: Any) -> Callable[[F], F]:
    """Decorator: this is what these NumPy functions mean on traced values."""

    def register(ours: F) -> F:
        for f in functions:
            FUNCTIONS[f] = ours
        return ours

    return register


def write_out(out: Any, result: Any) -> Any:
    """NumPy's `out=`: write the result through the handle, which must be traced."""
    if out is None:
        return result
    if not is_traced(out):
        refuse(
            "out= is a plain array",
            "it cannot take a traced value",
            "leave out= away, or make it with np.zeros_like(x)",
        )
    out._assign(result)
    return out


def refuse(what: str, why: str = "", fix: str = "") -> NoReturn:
    raise refusal(what, why=why, fix=fix)


def axes(x: Any, axis: Any) -> tuple[int, ...]:
    """`axis` (None, an integer or a tuple) as a tuple of non-negative integers, checked as NumPy checks it."""
    if axis is None:
        return tuple(range(x.ndim))
    return np.lib.array_utils.normalize_axis_tuple(axis, x.ndim)


def cast(x: Any, dtype: Any) -> Array:
    """np.asarray(x, dtype) of a traced value."""
    return as_array(x, dtype)
