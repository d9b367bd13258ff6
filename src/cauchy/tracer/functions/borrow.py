"""NumPy functions that NumPy writes in Python: its own source, run on traced values.

NumPy's `gradient` or `cov` is a composition of smaller NumPy functions. Run as it stands, with the few calls that
do not dispatch (`np.asarray`, `np.zeros` ...) replaced by ones that keep traced values traced, it gives NumPy's bits by
construction, and its errors, and every version of NumPy gives its own.
"""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy._core import _multiarray_umath  # pyright: ignore[reportAttributeAccessIssue]
from numpy.linalg import _linalg  # pyright: ignore[reportAttributeAccessIssue]

from ... import ops as P
from ..array import as_array, contains_traced, is_traced
from .registry import FUNCTIONS, refuse


def borrow(*functions: Any) -> None:
    """These NumPy functions mean, on traced values, what their source says."""
    for f in functions:
        FUNCTIONS[f] = borrowed(f)


def borrowed(function: Any) -> Callable[..., Any]:
    """The source of a NumPy function, made to keep traced values traced."""
    source = getattr(function, "__wrapped__", function)

    @functools.wraps(source)
    def call(*args: Any, **kwargs: Any) -> Any:
        return _retarget(source)(*args, **kwargs)

    return call


@functools.cache
def _retarget(f: types.FunctionType) -> types.FunctionType:
    ours = types.FunctionType(
        f.__code__, _namespace(f.__globals__["__name__"]), f.__name__, f.__defaults__, f.__closure__
    )
    ours.__kwdefaults__ = f.__kwdefaults__
    return ours


_namespaces: dict[str, dict[str, Any]] = {}


def _namespace(module: str) -> dict[str, Any]:
    """The globals of a NumPy module, each name meaning its traced counterpart."""
    if module not in _namespaces:
        ours = _namespaces[module] = {}  # entered first: modules refer to each other in circles
        ours |= {name: _ours(v) for name, v in vars(sys.modules[module]).items()}
    return _namespaces[module]


def _ours(v: Any) -> Any:
    if id(v) in SUBSTITUTES:
        return SUBSTITUTES[id(v)]
    if isinstance(v, types.ModuleType) and v.__name__.partition(".")[0] == "numpy":
        return _Module(v)
    if isinstance(v, types.FunctionType) and v.__globals__.get("__name__", "").startswith("numpy."):
        return _Lazy(v)
    return v


class _Module:
    """A NumPy module whose attributes mean their traced counterparts."""

    def __init__(self, module: types.ModuleType) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return _ours(getattr(self._module, name))


class _Lazy:
    """A helper function, given its traced globals when it is first called: not all of NumPy at once."""

    def __init__(self, f: types.FunctionType) -> None:
        self._f = f

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return _retarget(self._f)(*args, **kwargs)


# -- what stands for the calls that do not dispatch -----------------------------------------------------


def asarray(a: Any, dtype: Any = None, *args: Any, **kwargs: Any) -> Any:
    if is_traced(a) or contains_traced(a):
        return as_array(a, dtype)
    return np.asarray(a, dtype)


def array(a: Any, dtype: Any = None, *, copy: Any = True, order: str = "K", subok: bool = False, ndmin: int = 0) -> Any:
    if not (is_traced(a) or contains_traced(a)):
        return np.array(a, dtype, copy=copy, order=order, subok=subok, ndmin=ndmin)  # pyright: ignore[reportArgumentType, reportCallIssue]
    a = as_array(a, dtype)
    if copy:
        a = np.copy(a, order=order)  # pyright: ignore[reportArgumentType, reportCallIssue]
    return a if a.ndim >= ndmin else np.reshape(a, (1,) * (ndmin - a.ndim) + a.shape)


def filled(shape: Any, value: Any, dtype: Any) -> Any:
    """A traced array of equal entries, each in memory of its own, so that views of it are views."""
    shape = tuple(n.__index__() for n in ((shape,) if np.ndim(shape) == 0 else shape))
    value = as_array(value if contains_traced(value) else np.asarray(value, dtype), np.dtype(dtype))
    return P.astype(P.broadcast_to(value, shape=shape), dtype=value.dtype) if shape else P.broadcast_to(value, shape=())


def zeros(shape: Any, dtype: Any = float, *args: Any, **kwargs: Any) -> Any:
    return filled(shape, 0, dtype)


def isscalar(x: Any) -> bool:
    return not is_traced(x) and np.isscalar(x)  # NumPy asks before it writes into a plain array


class Converter:
    """NumPy's `_array_converter`: the arguments as arrays."""

    def __init__(self, *args: Any) -> None:
        self._args = args
        self._arrays = tuple(map(asarray, args))
        self.scalar_input = tuple(a.ndim == 0 for a in self._arrays)

    def __getitem__(self, i: int) -> Any:
        return self._arrays[i]

    def as_arrays(self, *, subok: bool = True, pyscalars: str = "preserve") -> tuple[Any, ...]:
        keep = pyscalars == "preserve"
        return tuple(
            x if keep and type(x) in (int, float) else a for x, a in zip(self._args, self._arrays, strict=True)
        )

    def result_type(self, *extra: Any, ensure_inexact: bool = False) -> Any:
        given = [x if type(x) in (int, float) else a.dtype for x, a in zip(self._args, self._arrays, strict=True)]
        return np.result_type(*given, *extra, *([1.0] if ensure_inexact else []))

    def wrap(self, a: Any, /, to_scalar: Any = None) -> Any:
        return a


def _makearray(a: Any) -> tuple[Any, Callable[[Any], Any]]:
    return asarray(a), lambda x: x


def _inverse(a: Any, signature: str = "") -> Any:
    try:
        return P.inv(a)
    except np.linalg.LinAlgError:
        refuse(
            "np.linalg.cond of a singular matrix", "it is infinite there, and has no derivative", "np.linalg.svdvals"
        )


_LINALG: Any = _linalg  # its private names are not in the type stubs

SUBSTITUTES: dict[int, Any] = {
    id(theirs): ours
    for theirs, ours in (
        (np.asarray, asarray),
        (np.asanyarray, asarray),
        (np.ascontiguousarray, asarray),
        (np.array, array),
        (np.zeros, zeros),
        (np.empty, zeros),
        (np.isscalar, isscalar),
        (_multiarray_umath._array_converter, Converter),
        (_LINALG._makearray, _makearray),
        (_LINALG._umath_linalg, types.SimpleNamespace(inv=_inverse)),
        # these read shapes alone, and stay as they are
        *((f, f) for f in (np.eye, np.identity, np.tri, _LINALG._multi_dot_matrix_chain_order)),
    )
}
