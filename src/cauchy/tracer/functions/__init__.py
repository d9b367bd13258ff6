"""`__array_function__`: a NumPy function met a traced value. One file per family, one function per NumPy function.

Each says, in primitives and ufuncs, what NumPy computes, with the same bits; where NumPy's
own source is a composition the composition here is the same.
"""

from __future__ import annotations

from typing import Any

from ..context import refusal
from . import create, index, linalg, order, reduce, shape
from .registry import FUNCTIONS

__all__ = ["FUNCTIONS", "create", "dispatch", "index", "linalg", "order", "reduce", "shape"]


def dispatch(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Apply our version of `func`, or say which line called what is not traced."""
    ours = FUNCTIONS.get(func)
    if ours is None:
        name = f"{getattr(func, '__module__', 'numpy')}.{getattr(func, '__name__', func)}".replace("numpy", "np", 1)
        raise refusal(
            f"{name} is not traced",
            why="cauchy has no rule for it",
            fix="express it with others, or give it a derivative with cauchy.custom_derivative",
        )
    return ours(*args, **kwargs)
