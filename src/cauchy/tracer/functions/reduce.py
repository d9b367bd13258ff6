"""Sums, means, extrema: along axes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ... import ops as P
from ..array import Array, as_array, wrap
from ..context import constant
from .registry import axes, cast, implements, write_out

_NONE = np._NoValue  # NumPy's own mark for an argument not given


def _flag(keepdims: Any) -> bool:
    return keepdims is not _NONE and bool(keepdims)


def _reducer(ufunc: np.ufunc) -> Any:
    def reduce(
        a: Any,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        keepdims: Any = _NONE,
        initial: Any = _NONE,
        where: Any = _NONE,
    ) -> Any:
        extra = {k: v for k, v in (("initial", initial), ("where", where)) if v is not _NONE}
        result = ufunc.reduce(as_array(a), axis=axis, dtype=dtype, keepdims=_flag(keepdims), **extra)
        return write_out(out, result)

    return reduce


sum_ = implements(np.sum)(_reducer(np.add))
implements(np.prod)(_reducer(np.multiply))


def _extremum(ufunc: np.ufunc) -> Any:
    reduce = _reducer(ufunc)

    def extremum(
        a: Any, axis: Any = None, out: Any = None, keepdims: Any = _NONE, initial: Any = _NONE, where: Any = _NONE
    ) -> Any:
        return reduce(a, axis, None, out, keepdims, initial, where)

    return extremum


implements(np.max, np.amax)(_extremum(np.maximum))
implements(np.min, np.amin)(_extremum(np.minimum))
implements(np.all)(_extremum(np.logical_and))
implements(np.any)(_extremum(np.logical_or))


def _count(a: Array, axis: Any, where: Any) -> Any:
    """How many entries go into each result (NumPy's rcount)."""
    if where is _NONE or where is True:
        return math.prod(a.shape[i] for i in axes(a, axis))
    mask = np.broadcast_to(where.value if isinstance(where, Array) else where, a.shape)
    return np.sum(mask, axis=axis, keepdims=False)


def _float_sum_dtype(a: Array, dtype: Any) -> Any:
    # NumPy sums integers in double precision when it averages
    return "f8" if dtype is None and a.dtype.kind in "iub" else dtype


@implements(np.mean)
def mean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = _NONE, *, where: Any = _NONE
) -> Any:
    a = as_array(a)
    total = sum_(a, axis, _float_sum_dtype(a, dtype), None, keepdims, where=where)
    return write_out(out, cast(total / _reshaped_count(_count(a, axis, where), total), total.dtype))


def _reshaped_count(count: Any, like: Array) -> Any:
    return count if np.ndim(count) == 0 else np.reshape(count, like.shape)


@implements(np.var)
def var(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = _NONE,
    *,
    where: Any = _NONE,
    mean: Any = _NONE,
    correction: Any = _NONE,
) -> Any:
    a = as_array(a)
    ddof = ddof if correction is _NONE else correction
    dtype = _float_sum_dtype(a, dtype)
    count = _count(a, axis, where)
    if mean is _NONE:
        total = sum_(a, axis, dtype, None, True, where=where)
        mean = cast(total / _reshaped_count(count, total), total.dtype)
    deviation = a - mean
    total = sum_(deviation * deviation, axis, dtype, None, keepdims, where=where)
    return write_out(out, cast(total / np.maximum(_reshaped_count(count, total) - ddof, 0), total.dtype))


@implements(np.std)
def std(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = _NONE, **kwargs: Any
) -> Any:
    return write_out(out, np.sqrt(var(a, axis, dtype, None, ddof, keepdims, **kwargs)))


@implements(np.ptp)
def ptp(a: Any, axis: Any = None, out: Any = None, keepdims: Any = _NONE) -> Any:
    a = as_array(a)
    k = _flag(keepdims)
    return write_out(out, P.max(a, axis=axis, keepdims=k) - P.min(a, axis=axis, keepdims=k))


@implements(np.average)
def average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: Any = _NONE) -> Any:
    a = as_array(a)
    if weights is None:
        avg = mean(a, axis, keepdims=keepdims)
        scale = wrap(constant(np.asarray(a.size / avg.size, avg.dtype)[()]))
    else:
        w = as_array(weights)
        if a.shape != w.shape:
            if axis is None:
                raise TypeError("Axis must be specified when shapes of a and weights differ.")
            dims = axes(a, axis)
            if w.shape != tuple(a.shape[d] for d in dims):
                raise ValueError("Shape of weights must be consistent with shape of a along specified axis.")
            w = np.transpose(w, np.argsort(dims))
            w = np.reshape(w, tuple(n if d in dims else 1 for d, n in enumerate(a.shape)))
        dtype = np.result_type(a.dtype, w.dtype, "f8") if a.dtype.kind in "iub" else np.result_type(a.dtype, w.dtype)
        scale = sum_(w, axis, dtype, None, keepdims)
        avg = sum_(np.multiply(a, w, dtype=dtype), axis, None, None, keepdims) / scale
    if not returned:
        return avg
    return avg, np.broadcast_to(scale, avg.shape)


@implements(np.cumsum)
def cumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return write_out(out, _scan(P.cumsum, a, axis, dtype))


@implements(np.cumprod)
def cumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return write_out(out, _scan(P.cumprod, a, axis, dtype))


def _scan(prim: Any, a: Any, axis: Any, dtype: Any) -> Any:
    a = as_array(a, dtype)
    return prim(np.ravel(a), axis=0) if axis is None else prim(a, axis=axis)


@implements(np.count_nonzero)
def count_nonzero(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return P.count_nonzero(as_array(a), axis=axis, keepdims=keepdims)


@implements(np.argmax)
def argmax(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = _NONE) -> Any:
    return write_out(out, P.argmax(as_array(a), axis=axis, keepdims=_flag(keepdims)))


@implements(np.argmin)
def argmin(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = _NONE) -> Any:
    return write_out(out, P.argmin(as_array(a), axis=axis, keepdims=_flag(keepdims)))


def _nan_version(plain: Any, fill: float) -> Any:
    def nan_reduce(a: Any, axis: Any = None, *args: Any, **kwargs: Any) -> Any:
        a = as_array(a)
        return plain(np.where(np.isnan(a), fill, a), axis, *args, **kwargs)

    return nan_reduce


implements(np.nansum)(_nan_version(sum_, 0.0))
implements(np.nanprod)(_nan_version(_reducer(np.multiply), 1.0))
