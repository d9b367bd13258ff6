"""Sorting and what is built on it, differences, interpolation, statistics.

A sort is its permutation (`argsort`, an integer node that is recomputed with the values) and a gather: away from
ties the permutation is locally constant, so the derivative permutes alike.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.lib._function_base_impl import _QuantileMethods  # pyright: ignore[reportAttributeAccessIssue]

from ... import ops as P
from ..array import as_array
from .borrow import asarray, borrow
from .create import refused
from .registry import axes, implements, refuse, write_out
from .shape import static, unboxed

borrow(np.diff, np.ediff1d, np.gradient, np.trapezoid, np.unwrap, np.cov, np.corrcoef)
borrow(np.nanargmax, np.nanargmin, np.nanmax, np.nanmin, np.nancumsum, np.nancumprod)


# -- sorting ---------------------------------------------------------------------------------------------


@implements(np.argsort)
def argsort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    if order is not None:
        raise ValueError("Cannot specify order when the array has no fields.")
    if stable is not None and kind is not None:
        raise ValueError("`kind` and `stable` parameters can't be provided at the same time. Use only one of them.")
    x = as_array(a)
    if axis is None or x.ndim == 0:
        x, axis = np.ravel(x), 0 if axis is None else axis
    return P.argsort(x, axis=axes(x, static(axis))[0], kind="stable" if stable else kind)


@implements(np.sort)
def sort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    x = as_array(a)
    if x.ndim == 0 and axis is not None:
        raise np.exceptions.AxisError(axis, 0)
    if axis is None:
        x, axis = np.ravel(x), 0
    return P.take_along_axis(x, argsort(x, axis, kind, order, stable=stable), axis=axes(x, axis)[0])


@implements(np.lexsort)
def lexsort(keys: Any, axis: Any = -1) -> Any:
    """A stable sort by each key in turn, the last one last."""
    columns = [as_array(k) for k in keys]
    if not columns:
        raise TypeError("need sequence of keys with len > 0 in lexsort")
    (axis,) = axes(columns[0], axis)
    order = argsort(columns[0], axis, "stable")
    for k in columns[1:]:
        again = argsort(P.take_along_axis(k, order, axis=axis), axis, "stable")
        order = P.take_along_axis(order, again, axis=axis)
    return order


refused(
    "which of the other entries stand where is not part of its promise",
    "np.sort(x), whose k-th entry is the same",
    *(np.partition, np.argpartition),
)


@implements(np.unique)
def unique(
    ar: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: Any = None,
    *,
    equal_nan: bool = True,
    sorted: bool = True,
) -> Any:
    """The values; how many there are is a guard."""
    if return_index or return_inverse or return_counts or axis is not None:
        refuse(
            "np.unique with return_* or axis=",
            "only the values are traced",
            "np.unique of the untraced data, outside the function",
        )
    x = sort(ar, None)
    new = np.not_equal(x[1:], x[:-1])
    if equal_nan and x.dtype.kind == "f":
        new = np.logical_and(new, np.logical_not(np.logical_and(np.isnan(x[1:]), np.isnan(x[:-1]))))
    return x[np.concatenate([np.ones(min(x.size, 1), bool), new])]


# -- order statistics ------------------------------------------------------------------------------------


def _along_last(x: Any, axis: Any) -> tuple[Any, tuple[int, ...]]:
    """The reduced axes of x merged into one, the last; and which they were."""
    reduced = axes(x, axis)
    keep = [i for i in range(x.ndim) if i not in reduced]
    if axis is None:
        return np.ravel(x), reduced
    x = np.transpose(x, [*keep, *reduced])
    return np.reshape(x, (*x.shape[: len(keep)], -1)) if len(reduced) != 1 else x, reduced


def _kept(result: Any, x: Any, reduced: tuple[int, ...], lead: int = 0) -> Any:
    shape = tuple(1 if i in reduced else n for i, n in enumerate(x.shape))
    return np.reshape(result, result.shape[:lead] + shape)


@implements(np.median)
def median(a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: Any = False) -> Any:
    x = as_array(a)
    flat, reduced = _along_last(x, static(axis))
    n = flat.shape[-1] if flat.ndim else 1
    if n == 0:
        return write_out(out, np.mean(x, axis, keepdims=bool(keepdims)))
    ordered = np.sort(flat, axis=-1)
    # the two in the middle (or the one), averaged as NumPy does: over an axis, not by hand
    result = np.mean(ordered[..., (n - 1) // 2 : n // 2 + 1], axis=-1)
    if x.dtype.kind == "f":
        last = ordered[..., -1]  # NaN sorts last
        result = unboxed(P.where(np.isnan(last), last, result))
    return write_out(out, _kept(result, x, reduced) if keepdims is True else result)


def _quantile(
    scale: int,
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: Any = None,
) -> Any:
    """Hyndman & Fan (1996); a fraction of the way from one sorted value to the next, with NumPy's bits."""
    if weights is not None:
        refuse(
            "a quantile with weights=", "no rule for it", "repeat the values, or np.interp on the cumulative weights"
        )
    x, weak = as_array(a), type(q) in (int, float)
    q = asarray(q)
    q = asarray(q / scale) if scale != 1 else q
    if not bool(np.all(np.logical_and(q >= 0, q <= 1))):
        raise ValueError(
            "Percentiles must be in the range [0, 100]" if scale != 1 else "Quantiles must be in the range [0, 1]"
        )
    if q.ndim > 2:
        raise ValueError("q must be a scalar or 1d")
    if method not in _QuantileMethods:
        raise ValueError(f"{method!r} is not a valid method. Use one of: {_QuantileMethods.keys()}")
    rule = _QuantileMethods[method]
    flat, reduced = _along_last(x, static(axis))
    ordered = np.moveaxis(np.sort(flat, axis=-1), -1, 0)
    n = len(ordered)
    at = rule["get_virtual_index"](n, q)
    if rule["fix_gamma"] is None or (method == "linear" and at.dtype.kind in "iu"):
        result = np.take(ordered, at, axis=0)
    else:
        low = np.floor(at)
        above, below = at >= n - 1, at < 0
        previous, following = (np.where(above, -1, np.where(below, 0, i)).astype(np.intp) for i in (low, low + 1))
        t = rule["fix_gamma"](at - previous, at)
        t = float(t) if weak else np.reshape(t, q.shape + (1,) * (ordered.ndim - 1))
        result = _between(ordered[previous], ordered[following], t)
    if x.dtype.kind == "f":
        last = ordered[-1]  # NaN sorts last
        result = unboxed(P.where(np.isnan(last), last, result))
    return write_out(out, _kept(result, x, reduced, q.ndim) if keepdims else result)


def _between(a: Any, b: Any, t: Any) -> Any:
    # from the nearer end, so that t = 0 and t = 1 give the ends exactly
    from_a, from_b = a + (b - a) * t, b - (b - a) * (1 - t)
    return (from_b if t >= 0.5 else from_a) if type(t) is float else np.where(t >= 0.5, from_b, from_a)


implements(np.quantile)(functools.partial(_quantile, 1))
implements(np.percentile)(functools.partial(_quantile, 100))


# -- without the NaN -------------------------------------------------------------------------------------


def _nan_aside(a: Any, dtype: Any) -> tuple[Any, Any]:
    """The array with 0 for NaN, and where the numbers were."""
    x = as_array(a)
    if dtype is not None and np.dtype(dtype).kind != "f":
        raise TypeError("If a is inexact, then dtype must be inexact")
    missing = np.isnan(x)
    return P.where(missing, 0.0, x), np.logical_not(missing)


def _over(total: Any, count: Any) -> Any:
    return as_array(total / count, total.dtype)


@implements(np.nanmean)
def nanmean(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, **where: Any) -> Any:
    if as_array(a).dtype.kind != "f":
        return np.mean(a, axis, dtype, out, keepdims, **where)
    x, there = _nan_aside(a, dtype)
    count = np.sum(there, axis=axis, dtype=np.intp, keepdims=keepdims, **where)
    return write_out(out, _over(np.sum(x, axis=axis, dtype=dtype, keepdims=keepdims, **where), count))


@implements(np.nanvar)
def nanvar(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    *,
    mean: Any = np._NoValue,
    correction: Any = np._NoValue,
    **where: Any,
) -> Any:
    if correction is not np._NoValue and ddof != 0:
        raise ValueError("ddof and correction can't be provided simultaneously.")
    ddof = ddof if correction is np._NoValue else correction
    if as_array(a).dtype.kind != "f":
        return np.var(a, axis, dtype, out, ddof, keepdims, mean=mean, **where)
    x, there = _nan_aside(a, dtype)
    count = np.sum(there, axis=axis, dtype=np.intp, keepdims=True, **where)
    if mean is np._NoValue:
        mean = _over(np.sum(x, axis=axis, dtype=dtype, keepdims=True, **where), count)
    x = P.where(there, as_array(x - mean, x.dtype), 0.0)
    total = np.sum(x * x, axis=axis, dtype=dtype, keepdims=keepdims, **where)
    freedom = (np.reshape(count, total.shape) if total.ndim else np.sum(count)) - ddof
    result = P.where(np.less_equal(freedom, 0), np.nan, _over(total, freedom))
    return write_out(out, unboxed(result))


@implements(np.nanstd)
def nanstd(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, *args: Any, **kwargs: Any) -> Any:
    return write_out(out, np.sqrt(nanvar(a, axis, dtype, None, *args, **kwargs)))


# -- products along a line, interpolation ----------------------------------------------------------------


@implements(np.convolve)
def convolve(a: Any, v: Any, mode: Any = "full") -> Any:
    return _sliding(P.convolve, a, v, mode)


@implements(np.correlate)
def correlate(a: Any, v: Any, mode: Any = "valid") -> Any:
    return _sliding(P.correlate, a, v, mode)


def _sliding(prim: Any, a: Any, v: Any, mode: Any) -> Any:
    x, y = (w if w.ndim else np.reshape(w, (1,)) for w in (as_array(a), as_array(v)))
    return prim(x, y, mode=("valid", "same", "full")[mode] if isinstance(mode, int) else mode)


@implements(np.interp)
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    """NumPy's formula: from the knot to the left, by the slope of the segment."""
    x, xp, fp = (as_array(v, float) for v in (x, xp, fp))
    if xp.ndim != 1 or fp.ndim != 1:
        raise ValueError("Data points must be 1-D sequences")
    n = len(xp)
    if n == 0 or len(fp) != n:
        raise ValueError("array of sample points is empty" if n == 0 else "fp and xp are not of the same length.")
    if period is not None:
        if period == 0:
            raise ValueError("period must be a non-zero value")
        period, left, right = abs(period), None, None
        x, xp = x % period, xp % period
        order = np.argsort(xp)
        xp, fp = xp[order], fp[order]
        xp = np.concatenate((xp[-1:] - period, xp, xp[0:1] + period))
        fp = np.concatenate((fp[-1:], fp, fp[0:1]))
        n += 2
    left, right = fp[0] if left is None else left, fp[-1] if right is None else right
    at = P.searchsorted(xp, x, side="right") - 1  # -1: left of the first knot
    inner = fp[np.maximum(at, 0)]
    if n > 1:
        j = np.clip(at, 0, n - 2)
        x0, x1, f0, f1 = xp[j], xp[j + 1], fp[j], fp[j + 1]
        # beside the knots, and on a repeated last one, the line is not asked for: it must not divide 0 by 0 there
        inside, gap = np.clip(x, xp[0], xp[n - 1]), np.where(np.equal(x0, x1), 1.0, x1 - x0)
        slope = (f1 - f0) / gap
        line = slope * (inside - x0) + f0
        # an infinite end can spoil the line from one knot and not from the other
        line = np.where(np.isnan(line), slope * (inside - x1) + f1, line)
        line = np.where(np.logical_and(np.isnan(line), np.equal(f0, f1)), f0, line)
        inner = np.where(np.logical_or(np.equal(at, n - 1), np.equal(x0, x)), inner, line)
    # right of the last knot, left of the first, on it
    result = np.where(np.less(at, 0), left, np.where(np.greater(x, xp[n - 1]), right, inner))
    result = np.where(np.isnan(x), x, result)
    return unboxed(result)


# -- running sums ----------------------------------------------------------------------------------------


def _running(scan: Any) -> Any:
    def cumulative(
        x: Any, /, *, axis: Any = None, dtype: Any = None, out: Any = None, include_initial: bool = False
    ) -> Any:
        x = np.atleast_1d(as_array(x))
        if axis is None:
            if x.ndim > 1:
                raise ValueError("For arrays which have more than one dimension ``axis`` argument is required.")
            axis = 0
        (axis,) = axes(x, axis)
        result = scan(x, axis, dtype)
        if include_initial:
            first = np.full((*x.shape[:axis], 1, *x.shape[axis + 1 :]), int(scan is np.cumprod), result.dtype)
            result = np.concatenate([first, result], axis=axis)
        return write_out(out, result)

    return cumulative


implements(np.cumulative_sum)(_running(np.cumsum))
implements(np.cumulative_prod)(_running(np.cumprod))


@implements(np.bincount)
def bincount(x: Any, /, weights: Any = None, minlength: int = 0) -> Any:
    """Weights added up by bin; which bin is a guard."""
    i = static(x)
    if weights is None:
        return np.bincount(i, minlength=minlength)
    w, i = as_array(weights, float), np.asarray(i)
    length = len(np.bincount(i, w.value, minlength))
    return P.scatter_add(w, i, key=(P.ARRAY,), shape=(length,))


refused(
    "the binning that follows is constant between jumps",
    "np.searchsorted or np.digitize for the bins, np.where or np.isin for membership",
    *(np.intersect1d, np.setdiff1d, np.setxor1d, np.union1d),
    *(np.unique_all, np.unique_counts, np.unique_inverse),
)
