"""Arrays like others, choices between arrays, and questions about values and types."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import ops as P
from ..array import as_array, is_traced
from ..context import guard
from ..later import like as layout
from .borrow import borrow, filled
from .registry import FUNCTIONS, implements, refuse, write_out
from .shape import contiguous, into, static, unboxed

borrow(np.select, np.piecewise, np.polyval, np.vander, np.fix, np.angle, np.real_if_close, np.iscomplex, np.isreal)
borrow(np.allclose, np.array_equiv, np.isposinf, np.isneginf, np.common_type)
borrow(np.linspace, np.logspace, np.geomspace, np.polyadd, np.polysub, np.polyder, np.polyint)


# -- arrays like others ----------------------------------------------------------------------------------


def _like(fill: Any) -> Any:
    def like(
        a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, *, device: Any = None
    ) -> Any:
        return full_like(a, fill, dtype, order, subok, shape)

    return like


implements(np.zeros_like)(_like(0))
implements(np.ones_like)(_like(1))
implements(np.empty_like)(_like(0))  # never uninitialised memory


@implements(np.full_like)
def full_like(
    a: Any,
    fill_value: Any,
    dtype: Any = None,
    order: str = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Any:
    like = as_array(a)
    shape = like.shape if shape is None else static(shape)
    dtype = np.dtype(dtype or like.dtype)
    value = into(fill_value, dtype)
    if order in ("K", "A") and like.ndim and shape == like.shape and layout(like.node).flags.fnc:
        value = P.broadcast_to(value, shape=shape)  # a fill of several values has its axes in this order
        return np.transpose(contiguous(np.transpose(value)))
    return filled(shape, value, dtype)


@implements(np.copyto)
def copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    if not is_traced(dst):
        refuse(
            "np.copyto into a plain array",
            "it cannot take a traced value",
            "make it with np.zeros_like(x), or use np.where",
        )
    kind = as_array(src).dtype
    if type(src) is not int and not np.can_cast(kind, dst.dtype, casting):  # pyright: ignore[reportArgumentType]
        raise TypeError(f"Cannot cast array data from {kind!r} to {dst.dtype!r} according to the rule '{casting}'")
    new = into(src, dst.dtype)
    dst._assign(new if where is True else P.where(where, new, dst))


# -- choices ---------------------------------------------------------------------------------------------


@implements(np.where)
def where(condition: Any, x: Any = None, y: Any = None, /) -> Any:
    if x is None and y is None:
        return np.nonzero(as_array(condition))
    if x is None or y is None:
        raise ValueError("either both or neither of x and y should be given")
    return P.where(*(_element(v) for v in (condition, x, y)))


def _element(v: Any) -> Any:
    """Lists become arrays; Python scalars stay, since they do not promote."""
    return as_array(v) if isinstance(v, (list, tuple)) else v


@implements(np.clip)
def clip(
    a: Any,
    a_min: Any = np._NoValue,
    a_max: Any = np._NoValue,
    out: Any = None,
    *,
    min: Any = None,
    max: Any = None,
    **kwargs: Any,
) -> Any:
    for name, k in kwargs.items():
        refuse(f"np.clip(..., {name}={k!r})", "no rule for this option", f"leave {name}= away")
    if a_min is np._NoValue and a_max is np._NoValue:
        a_min, a_max = min, max
    elif a_min is np._NoValue or a_max is np._NoValue:
        raise TypeError(
            f"clip() missing 1 required positional argument: 'a_{'min' if a_min is np._NoValue else 'max'}'"
        )
    elif min is not None or max is not None:
        raise ValueError("Passing `min` or `max` keyword argument when `a_min` and `a_max` are provided is forbidden.")
    x: Any = as_array(a)
    low, high = _element(a_min), _element(a_max)
    if x.dtype.kind in "iu":  # bounds outside the integers' range bound nothing
        if type(low) is int and low <= np.iinfo(x.dtype).min:
            low = None
        if type(high) is int and high >= np.iinfo(x.dtype).max:
            high = None
    if low is None:
        result = np.positive(x) if high is None else np.minimum(x, high)
    else:
        result = np.maximum(x, low) if high is None else P.clip(x, low, high)
    return write_out(out, result)


@implements(np.round, np.around)
def around(a: Any, decimals: Any = 0, out: Any = None) -> Any:
    return write_out(out, P.around(as_array(a), decimals=int(static(decimals))))


@implements(np.nan_to_num)
def nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    given = as_array(x)
    out = given
    if given.dtype.kind == "f":
        limits = np.finfo(given.dtype)
        for found, value in (
            (np.isnan(given), nan),
            (np.isposinf(given), limits.max if posinf is None else posinf),
            (np.isneginf(given), limits.min if neginf is None else neginf),
        ):
            out = P.where(found, into(value, given.dtype), out)
    elif copy:
        return np.copy(given) if given.ndim else given
    if not copy and given.ndim:
        given._assign(out)
        return given
    return unboxed(out)


@implements(np.sinc)
def sinc(x: Any) -> Any:
    return P.sinc(as_array(x), order=0)


@implements(np.i0)
def i0(x: Any) -> Any:
    return P.numpy_i0(as_array(x))


@implements(np.real)
def real(val: Any) -> Any:
    return val


@implements(np.imag)
def imag(val: Any) -> Any:
    return np.zeros_like(val)


# -- questions -------------------------------------------------------------------------------------------


@implements(np.isclose)
def isclose(a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False) -> Any:
    x, y = _element(a), _element(b)
    if type(y) is int:
        y = float(y)
    elif type(y) is not float:
        y = as_array(y, np.result_type(as_array(y).dtype, 1.0))
    finite = np.isfinite(y)
    y0 = np.where(finite, y, 0)  # no inf - inf
    near = np.less_equal(abs(x - y0), atol + rtol * abs(y0))
    result = np.logical_or(np.logical_and(near, finite), np.equal(x, y))
    if equal_nan:
        result = np.logical_or(result, np.logical_and(np.isnan(x), np.isnan(y)))
    return unboxed(result)


@implements(np.array_equal)
def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> bool:
    a, b = as_array(a1), as_array(a2)
    if a.shape != b.shape:
        return False
    same = np.equal(a, b)
    if equal_nan and a.dtype.kind == b.dtype.kind == "f":
        same = np.logical_or(same, np.logical_and(np.isnan(a), np.isnan(b)))
    return bool(np.all(same))


@implements(np.isin)
def isin(
    element: Any, test_elements: Any, assume_unique: bool = False, invert: bool = False, *, kind: Any = None
) -> Any:
    x, tests = as_array(element), np.ravel(as_array(test_elements))
    found = P.any(np.equal(np.reshape(x, (*x.shape, 1)), tests), axis=-1, keepdims=False)
    found = np.reshape(found, x.shape) if x.ndim else P.broadcast_to(found, shape=())
    return np.logical_not(found) if invert else found


@implements(np.iscomplexobj)
def iscomplexobj(x: Any) -> bool:
    return False


@implements(np.isrealobj)
def isrealobj(x: Any) -> bool:
    return True


def _kind(x: Any) -> Any:
    return x.dtype if is_traced(x) else x


@implements(np.result_type)
def result_type(*arrays_and_dtypes: Any) -> Any:
    return np.result_type(*map(_kind, arrays_and_dtypes))


@implements(np.can_cast)
def can_cast(from_: Any, to: Any, casting: Any = "safe") -> bool:
    return np.can_cast(_kind(from_), _kind(to), casting)


@implements(np.min_scalar_type)
def min_scalar_type(a: Any, /) -> Any:
    if a.ndim == 0:
        guard(a.node, a.value)  # the smallest type depends on the value
    return np.min_scalar_type(a.value)


def _shown(show: Any) -> Any:
    return lambda a, *args, **kwargs: show(a.value if is_traced(a) else a, *args, **kwargs)


for _show in (np.array2string, np.array_repr, np.array_str):
    FUNCTIONS[_show] = _shown(_show)


# -- refusals --------------------------------------------------------------------------------------------


def refused(why: str, fix: str, *functions: Any) -> None:
    """These will never be traced: say why, and what to do instead."""

    def refusal(name: str) -> Any:
        def raises(*args: Any, **kwargs: Any) -> Any:
            refuse(f"{name} of a traced value", why, fix)

        return raises

    for f in functions:
        FUNCTIONS[f] = refusal(f"{f.__module__}.{f.__name__}".replace("numpy", "np", 1))


refused(
    "a file would hold the numbers of one call, and none of the others",
    "return the value, and save what the derivative function returns",
    *(np.save, np.savez, np.savez_compressed, np.savetxt),
)
refused(
    "its counts are constant between jumps, so the derivative is 0 where it exists",
    "a smooth density (a sum of kernels), or np.searchsorted for the bins alone",
    *(np.histogram, np.histogram2d, np.histogramdd, np.histogram_bin_edges),
)
refused(
    "its results are complex, and complex numbers are not traced",
    "for a symmetric matrix np.linalg.eigh / eigvalsh; singular values are np.linalg.svdvals",
    *(np.linalg.eig, np.linalg.eigvals, np.roots, np.poly, np.sort_complex),
)
