"""How native code recognizes the call that a graph was traced for, and builds its result."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from ..read.native.kernel import Calling
from ..read.native.signature import Array, Branch, Input, Same, Scalar
from .capture import Program, Slot, is_number


class _Unfit(Exception):
    """An argument that only Python takes apart."""


def calling(program: Program, args: tuple[Any, ...], varied: tuple[int, ...], name: str) -> Calling | None:
    """The arguments as this graph takes them and the result as it gives it; None where Python must look at them."""
    try:
        inputs = tuple(_input(x, i in varied) for i, x in enumerate(args))
    except _Unfit:
        return None
    number = iter(range(len(program.parts)))
    try:
        structure, rebuild = _structure(program.tree, number), None
    except _Unfit:
        count = sum(type(p) is Slot for p in program.parts)
        structure, rebuild = tuple(range(count)), lambda outputs: program.result(list(outputs))
    return Calling(inputs, structure, program.watches, rebuild, name)


def _input(x: Any, varied: bool) -> Input:
    kind, parts = type(x), cast(Any, x)
    if kind is np.ndarray:
        if not (is_number(x) and x.flags.c_contiguous and x.dtype.isnative):
            raise _Unfit
        return Array(x.dtype, x.shape)
    if x is None:
        return Same(x)
    if kind is float:
        return Scalar(np.dtype(np.float64), (float,))
    if isinstance(x, np.generic) and is_number(x):
        return Scalar(x.dtype, (kind,))
    if kind is int and varied:
        return Scalar(np.dtype(np.int64), (int,))
    if kind is list or kind is tuple or (isinstance(x, tuple) and hasattr(x, "_fields")):
        return Branch(kind, tuple(_input(v, varied) for v in parts))
    if kind is dict and all(type(k) in (str, int) for k in parts):
        return Branch(dict, tuple(_input(v, varied) for v in parts.values()), tuple(parts))
    if varied or isinstance(x, (dict, list, tuple, np.ndarray)) or hasattr(x, "__dataclass_fields__"):
        raise _Unfit
    return Same(x)


def _structure(tree: Any, number: Any) -> Any:
    if type(tree) is Slot:
        return next(number)
    if type(tree) in (list, tuple):
        return type(tree)([_structure(v, number) for v in tree])
    if type(tree) is dict:
        return {k: _structure(v, number) for k, v in tree.items()}
    if isinstance(tree, (dict, list, tuple)) or hasattr(tree, "__dataclass_fields__"):
        raise _Unfit
    return Same(tree)
