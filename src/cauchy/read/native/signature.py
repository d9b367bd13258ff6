"""How Python calls a kernel: what its arguments are, what it hands back, and what must not have changed.

A kernel is `i32 @kernel(ptr %in, ptr %out, ptr %scratch)`. `%in` holds the data pointers of the leaves of the
arguments, in order, then those of the captured arrays; `%out` those of the outputs. Data is C-contiguous, in
native byte order, a bool is a byte. It returns 0, or anything else to have the call answered by Python.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...errors import InternalError
from ...tracer.watch import Watch
from .ir import kind_of
from .layout import singleton


@dataclass(frozen=True)
class Array:
    """An ndarray of this dtype and shape."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "dtype", singleton(self.dtype))
        kind_of(self.dtype)


@dataclass(frozen=True)
class Scalar:
    """A number of one of these exact types, which the kernel sees as one element of `dtype`.

    `float` goes with float64, `int` with int64, `bool` with bool, a NumPy scalar with its own dtype. An input may
    accept two types where both mean the same to the traced function; an output has one.
    """

    dtype: np.dtype[Any]
    types: tuple[type, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "dtype", singleton(self.dtype))
        own = {float: "f8", int: "i8", bool: "?"}
        if not self.types or any(np.dtype(own.get(t, t)) != self.dtype for t in self.types):
            raise InternalError(f"a scalar of {self.dtype} is no {' or '.join(t.__name__ for t in self.types)}")


@dataclass(frozen=True, eq=False)
class Same:
    """This very object: an argument that is no number, or a constant in the result."""

    value: Any


@dataclass(frozen=True)
class Branch:
    """An argument that is a tuple (named tuples included), list or dict, of exactly this type."""

    type: type
    children: tuple[Input, ...]
    keys: tuple[Any, ...] = ()  # of a dict

    def __post_init__(self) -> None:
        if self.type is dict and len(self.keys) == len(self.children) and all(type(k) in (str, int) for k in self.keys):
            return
        if self.type is list or issubclass(self.type, tuple):
            return
        raise InternalError(f"a {self.type.__name__} with keys {self.keys} cannot be an argument of native code")


Input = Array | Scalar | Same | Branch

_count = itertools.count()


@dataclass(frozen=True, eq=False)
class Signature:
    """One variant of a compiled function.

    `structure` says what is returned: the number of an output, None, `Same`, or a tuple, list or dict of such.
    With `rebuild`, that is what this function makes of it: `rebuild(structure)`.
    `scratch` is in bytes. `release_gil` is for kernels that run long. With `redzones` every call is checked for
    writes outside of its buffers; it is then slow. Captured arrays are read at each call, wherever their data is then.
    `symbol` names the entry: its text holds addresses of what this very signature keeps alive.
    """

    inputs: tuple[Input, ...]
    outputs: tuple[Array | Scalar, ...]
    structure: Any = 0
    captured: tuple[np.ndarray, ...] = ()
    watches: tuple[Watch, ...] = ()
    scratch: int = 0
    release_gil: bool = False
    rebuild: Callable[[Any], Any] | None = None
    redzones: bool = False
    name: str = "f"
    symbol: str = field(init=False, default_factory=lambda: f"cauchy.entry.{next(_count)}")

    def __post_init__(self) -> None:
        used = list(output_numbers(self.structure))
        if not all(0 <= k < len(self.outputs) for k in used):
            raise InternalError(f"outputs {used} of {len(self.outputs)}")
        if any(isinstance(out, Scalar) and len(out.types) != 1 for out in self.outputs):
            raise InternalError("the type of a scalar output is one type")


def leaves(inputs: tuple[Input, ...]) -> Iterator[Array | Scalar]:
    """The leaves with data, in the order of the kernel's pointers."""
    for x in inputs:
        if isinstance(x, Branch):
            yield from leaves(x.children)
        elif not isinstance(x, Same):
            yield x


def output_numbers(structure: Any) -> Iterator[int]:
    """The outputs a structure names, with repetition."""
    if isinstance(structure, (tuple, list)):
        for s in structure:
            yield from output_numbers(s)
    elif isinstance(structure, dict):
        for s in structure.values():
            yield from output_numbers(s)
    elif type(structure) is int:
        yield structure
    elif structure is not None and not isinstance(structure, Same):
        raise InternalError(f"{structure!r} is no part of a result")
