"""The same numbers in another arrangement. Where NumPy's result shares memory with its argument, ours is a view of it.

An arrangement that NumPy makes by copying is made of reshapes, broadcasts, slices and concatenations, so that it stays
cheap to transpose; index arrays are used only where the order is irregular (`repeat` by counts, `pad` by reflection).
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from ... import ops as P
from ..array import as_array, contains_traced, is_traced, wrap
from ..context import guard
from ..indexing import view
from ..later import like, stand_in
from .borrow import borrow, filled
from .registry import axes, implements, refuse, write_out

borrow(np.moveaxis, np.rollaxis, np.expand_dims, np.matrix_transpose, np.linalg.matrix_transpose)
borrow(
    np.stack, np.unstack, np.vstack, np.hstack, np.dstack, np.column_stack, np.atleast_1d, np.atleast_2d, np.atleast_3d
)
borrow(np.split, np.array_split, np.hsplit, np.vsplit, np.dsplit)
borrow(np.flip, np.fliplr, np.flipud, np.rot90, np.append, np.insert, np.delete, np.resize)
borrow(np.tril, np.triu, np.linalg.diagonal, np.linalg.trace, np.apply_along_axis, np.apply_over_axes, np.trim_zeros)


def values(x: Any) -> Any:
    """Traced values as plain ones, to ask NumPy about shapes and errors: neither entries nor strides mean anything."""
    return stand_in(x.shape, x.dtype) if is_traced(x) else x


def static(x: Any) -> Any:
    """A number or array that decides a shape or an order: traced integers become guards, traced floats do not fit."""
    if not is_traced(x):
        return [static(v) for v in x] if isinstance(x, (list, tuple)) and contains_traced(x) else x
    if x.dtype.kind not in "iub":
        refuse(
            f"a traced {x.dtype} decides a shape or an order", "NumPy takes integers here", "convert it: x.astype(int)"
        )
    guard(x.node, x.value)
    return x.value


def unboxed(x: Any) -> Any:
    """A zero-dimensional array as a scalar: NumPy's x[()]."""
    return x if x.ndim or isinstance(like(x.node), np.generic) else P.getitem(x, key=())


def into(v: Any, dtype: np.dtype[Any]) -> Any:
    """v as assignment into an array of this dtype casts it; a derivative must not vanish in the cast."""
    if not contains_traced(v):
        return as_array(np.asarray(v, dtype))
    if (v := as_array(v)).dtype.kind == "f" and dtype.kind != "f":
        why = "NumPy would round them towards zero, and every derivative with them"
        refuse(f"traced {v.dtype} values are written into an array of {dtype}", why, "make the array with dtype=float")
    return as_array(v, dtype)


def alias(x: Any) -> Any:
    """A view of all of x."""
    return view(x, lambda base: wrap(base.node), lambda base, part: part)


def contiguous(x: Any) -> Any:
    """x with its entries side by side in C order: sums of a copy have other last bits than sums of a view."""
    value = like(x.node)
    if not isinstance(value, np.ndarray) or value.flags.c_contiguous:
        return x
    return P.reshape(_flat_copy(x), shape=x.shape)


def _flat_copy(x: Any) -> Any:
    flags = like(x.node).flags
    if flags.c_contiguous or not flags.forc:
        x = P.astype(x, dtype=x.dtype)
    return P.reshape(x, shape=(x.size,))


# -- reshape and its kind --------------------------------------------------------------------------------


def _reshaped(x: Any, shape: tuple[int, ...]) -> Any:
    if shape == x.shape:
        return alias(x)
    return view(x, lambda base: P.reshape(base, shape=shape), lambda base, part: P.reshape(part, shape=base.shape))


def _fortran(x: Any, order: str | None) -> bool:
    match order:
        case "F":
            return True
        case "A":
            return isinstance(value := like(x.node), np.ndarray) and value.flags.fnc
        case "C" | "K" | None:
            return False
    raise ValueError(f"order must be one of 'C', 'F', 'A', or 'K' (got '{order}')")


@implements(np.reshape)
def reshape(a: Any, /, shape: Any, order: Any = "C", *, copy: bool | None = None) -> Any:
    x = as_array(a)
    shape = np.reshape(like(x.node) if copy is False else values(x), static(shape), order=order, copy=copy).shape
    if copy:
        x = np.copy(x)
    if _fortran(x, order) and x.ndim + len(shape) > 2:
        return np.transpose(_reshaped(np.transpose(x), shape[::-1]))
    return _reshaped(x, shape)


@implements(np.ravel)
def ravel(a: Any, order: Any = "C") -> Any:
    x = as_array(a)
    if order == "K" and x.ndim > 1:
        x = transpose(x, [int(i) for i in np.argsort([-abs(s) for s in like(x.node).strides], kind="stable")])
    elif _fortran(x, order):
        x = transpose(x)
    if x.ndim == 0 or like(x.node).flags.c_contiguous:
        return _reshaped(x, (x.size,))
    return _flat_copy(x)


@implements(np.transpose, np.permute_dims)
def transpose(a: Any, axes: Any = None) -> Any:
    x = as_array(a)
    order = tuple(range(x.ndim))[::-1] if axes is None else tuple(static(axes))
    if len(order) != x.ndim:
        raise ValueError("axes don't match array")
    order = np.lib.array_utils.normalize_axis_tuple(order, x.ndim)
    if order == tuple(range(x.ndim)):
        return alias(x)
    back = tuple(int(i) for i in np.argsort(order))
    return view(x, lambda base: P.transpose(base, axes=order), lambda base, part: P.transpose(part, axes=back))


@implements(np.swapaxes)
def swapaxes(a: Any, axis1: Any, axis2: Any) -> Any:
    x = as_array(a)
    (i,), (j,), order = axes(x, static(axis1)), axes(x, static(axis2)), list(range(x.ndim))
    order[i], order[j] = j, i
    return transpose(x, order)


@implements(np.squeeze)
def squeeze(a: Any, axis: Any = None) -> Any:
    x = as_array(a)
    return _reshaped(x, np.squeeze(values(x), static(axis)).shape) if x.ndim else x


@implements(np.broadcast_to)
def broadcast_to(array: Any, shape: Any, subok: bool = False) -> Any:
    shape = np.broadcast_to(values(array), static(shape)).shape
    return view(as_array(array), lambda base: P.broadcast_to(base, shape=shape), _read_only)


def _read_only(base: Any, part: Any) -> NoReturn:
    raise ValueError("assignment destination is read-only")


@implements(np.broadcast_arrays)
def broadcast_arrays(*args: Any, subok: bool = False) -> Any:
    xs = [as_array(a) for a in args]
    shape = np.broadcast_shapes(*(x.shape for x in xs))
    return tuple(x if x.shape == shape else broadcast_to(x, shape) for x in xs)


@implements(np.meshgrid)
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    n = len(xi)
    if indexing not in ("xy", "ij"):
        raise ValueError("Valid values for `indexing` are 'xy' and 'ij'.")
    at = list(range(n))
    if indexing == "xy" and n > 1:
        at[:2] = 1, 0
    out = [reshape(x, (1,) * i + (-1,) + (1,) * (n - 1 - i)) for x, i in zip(xi, at, strict=True)]
    if not sparse:
        out = broadcast_arrays(*out)
    return tuple(np.copy(x, order="C") for x in out) if copy else tuple(out)


# -- copies ----------------------------------------------------------------------------------------------


@implements(np.copy)
def copy(a: Any, order: Any = "K", subok: bool = False) -> Any:
    x = as_array(a)
    if x.ndim == 0:
        return P.broadcast_to(x, shape=())
    if order != "K" and _fortran(x, order):
        return np.transpose(copy(np.transpose(x), "C"))
    if order != "K" and not like(x.node).flags.c_contiguous:
        return contiguous(x)
    return wrap(x.node) if like(x.node).flags.forc else P.astype(x, dtype=x.dtype)


@implements(np.astype)
def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    dtype = np.dtype(dtype)
    if dtype.kind not in "fiub":
        refuse(f"a traced array becomes {dtype}", "only real numbers, integers and booleans are traced")
    return x if not copy and x.dtype == dtype else P.astype(x, dtype=dtype)


# -- joining and repeating -------------------------------------------------------------------------------


@implements(np.concatenate)
def concatenate(
    arrays: Any, /, axis: Any = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind"
) -> Any:
    xs = [as_array(a) for a in arrays]
    axis = static(axis)
    if not xs:
        raise ValueError("need at least one array to concatenate")
    kinds = [x.dtype for x in xs]
    dtype = np.dtype(out.dtype if out is not None else dtype or np.result_type(*kinds))
    if not all(np.can_cast(k, dtype, casting) for k in kinds):  # pyright: ignore[reportArgumentType]
        raise TypeError(f"Cannot cast array data from {kinds} to {dtype!r} according to the rule '{casting}'")
    if axis is None:
        xs, axis = [ravel(x) for x in xs], 0
    if xs[0].ndim == 0:
        raise ValueError("zero-dimensional arrays cannot be concatenated")
    (axis,) = axes(xs[0], axis)
    return write_out(out, P.concatenate(*[x if x.dtype == dtype else P.astype(x, dtype=dtype) for x in xs], axis=axis))


@implements(np.block)
def block(arrays: Any) -> Any:
    def depth(a: Any) -> int:
        if type(a) is tuple:
            raise TypeError("arrays is a tuple. Only lists can be used to arrange blocks")
        if type(a) is list and not a:
            raise ValueError("List depths are mismatched or a list is empty")
        return 1 + depth(a[0]) if type(a) is list else 0

    deep = depth(arrays)
    shape_only = lambda a: [shape_only(v) for v in a] if type(a) is list else np.zeros(np.shape(values(a)))
    ndim = max(np.block(shape_only(arrays)).ndim, deep)

    def join(a: Any, level: int) -> Any:
        if type(a) is list:
            return np.concatenate([join(v, level + 1) for v in a], axis=level - deep)
        x = as_array(a)
        return reshape(x, (1,) * (ndim - x.ndim) + x.shape) if x.ndim < ndim else x

    return np.copy(join(arrays, 0))


@implements(np.tile)
def tile(A: Any, reps: Any) -> Any:
    reps = static(reps)
    reps = tuple(reps) if np.ndim(reps) else (reps,)
    x = as_array(A)
    x = np.reshape(x, (1,) * (len(reps) - x.ndim) + x.shape) if x.ndim < len(reps) else x
    reps = (1,) * (x.ndim - len(reps)) + tuple(int(r) for r in reps)
    if all(r == 1 for r in reps):
        return np.copy(x)
    apart = tuple(n for pair in zip((1,) * x.ndim, x.shape, strict=True) for n in pair)
    wide = tuple(n for pair in zip(reps, x.shape, strict=True) for n in pair)
    return _merged(
        np.broadcast_to(np.reshape(x, apart), wide), tuple(r * n for r, n in zip(reps, x.shape, strict=True))
    )


@implements(np.repeat)
def repeat(a: Any, repeats: Any, axis: Any = None) -> Any:
    repeats, x = static(repeats), as_array(a)
    if axis is None:
        x, axis = np.ravel(x), 0
    (axis,) = axes(x, static(axis))
    if np.size(repeats) == 1:
        (r,) = np.ravel(repeats)
        if int(r) < 0:
            raise ValueError("repeats may not contain negative values.")
        lead, n, tail = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
        wide = np.broadcast_to(np.reshape(x, (*lead, n, 1, *tail)), (*lead, n, int(r), *tail))
        return _merged(wide, (*lead, n * int(r), *tail))
    return np.take(x, np.repeat(np.arange(x.shape[axis]), repeats), axis=axis)


def _merged(x: Any, shape: tuple[int, ...]) -> Any:
    """A fresh array, in C order, of a broadcast one."""
    return P.reshape(contiguous(x), shape=shape)


@implements(np.roll)
def roll(a: Any, shift: Any, axis: Any = None) -> Any:
    x, shift = as_array(a), static(shift)
    if axis is None:
        return np.reshape(roll(np.ravel(x), shift, 0), x.shape)
    pairs = np.broadcast(shift, axes_allowing_repeats(x, axis))
    if pairs.ndim > 1:
        raise ValueError("'shift' and 'axis' should be scalars or 1D sequences")
    shifts = dict.fromkeys(range(x.ndim), 0)
    for s, i in pairs:
        shifts[i] += int(s)
    out = x
    for i, offset in shifts.items():
        if s := offset % (x.shape[i] or 1):
            lead = (slice(None),) * i
            parts = P.getitem(out, key=(*lead, slice(-s, None))), P.getitem(out, key=(*lead, slice(None, -s)))
            out = P.concatenate(*parts, axis=i)
    return np.copy(out) if out is x else out


def axes_allowing_repeats(x: Any, axis: Any) -> tuple[int, ...]:
    return np.lib.array_utils.normalize_axis_tuple(static(axis), x.ndim, allow_duplicate=True)


# -- padding ---------------------------------------------------------------------------------------------


@implements(np.pad)
def pad(array: Any, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Any:
    x, pad_width = as_array(array), static(pad_width)
    if callable(mode) or mode in ("linear_ramp", "maximum", "mean", "median", "minimum", "empty"):
        name = getattr(mode, "__name__", mode)
        refuse(f"np.pad(..., mode={name!r})", "no rule for this mode", "np.concatenate the edges you want to the array")
    fill = kwargs.pop("constant_values", 0) if mode == "constant" else None
    if kwargs.get("reflect_type", "even") != "even":
        refuse("np.pad(..., reflect_type='odd')", "no rule for this mode", "2 * x[:1] - np.flip(x[1:k+1]) at each edge")
    # NumPy pads the positions along each axis: this validates the arguments, and says what goes where
    shape = np.pad(np.broadcast_to(np.zeros((), bool), x.shape), pad_width, mode, **kwargs).shape
    if isinstance(pad_width, dict):
        pairs = [
            (w, w) if isinstance(w, int) else w
            for w in (pad_width.get(i, pad_width.get(i - x.ndim, 0)) for i in range(x.ndim))
        ]
    else:
        pairs = np.broadcast_to(pad_width, (x.ndim, 2)).tolist()
    if mode != "constant":
        for i, (before, after) in enumerate(pairs):
            if before or after:
                x = np.take(x, np.pad(np.arange(x.shape[i]), (before, after), mode, **kwargs), axis=i)
        return np.copy(x) if x is array else x
    key = tuple(slice(b, b + n) for (b, _), n in zip(pairs, x.shape, strict=True))
    if np.ndim(values(fill)) == 0:
        blank = P.broadcast_to(into(fill, x.dtype), shape=shape)
        return P.setitem(blank, x, key=key)
    fill = into(fill, x.dtype)
    fill = np.broadcast_to(fill, (x.ndim, 2))
    for i, (before, after) in enumerate(pairs):
        sides = [(before, fill[i, 0]), (after, fill[i, 1])]
        lead = [P.broadcast_to(v, shape=(*x.shape[:i], n, *x.shape[i + 1 :])) for n, v in sides]
        x = P.concatenate(lead[0], x, lead[1], axis=i)
    return x


# -- diagonals -------------------------------------------------------------------------------------------


@implements(np.diagonal)
def diagonal(a: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1) -> Any:
    x, k = as_array(a), int(static(offset))
    if x.ndim < 2:
        raise ValueError("diag requires an array of at least two dimensions")
    (i,), (j,) = axes(x, static(axis1)), axes(x, static(axis2))
    if i == j:
        raise ValueError("axis1 and axis2 cannot be the same")
    order = (*(d for d in range(x.ndim) if d not in (i, j)), i, j)
    n, m = x.shape[i], x.shape[j]
    length = max(min(n, m - k) if k >= 0 else min(n + k, m), 0)
    start = k if k >= 0 else -k * m
    stop = start + (length - 1) * (m + 1) + 1 if length else start
    key = (Ellipsis, slice(start, stop, m + 1))

    def get(base: Any) -> Any:
        rows = base if order == tuple(range(base.ndim)) else P.transpose(base, axes=order)
        return P.getitem(P.reshape(rows, shape=(*rows.shape[:-2], n * m)), key=key)

    return view(x, get, _read_only)


@implements(np.trace)
def trace(a: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1, dtype: Any = None, out: Any = None) -> Any:
    return write_out(out, np.add.reduce(diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype))


@implements(np.diag)
def diag(v: Any, k: Any = 0) -> Any:
    x, k = as_array(v), int(static(k))
    if x.ndim not in (1, 2):
        raise ValueError("Input must be 1- or 2-d.")
    return diagonal(x, k) if x.ndim == 2 else diagflat(x, k)


@implements(np.diagflat)
def diagflat(v: Any, k: Any = 0) -> Any:
    x, k = np.ravel(as_array(v)), int(static(k))
    n = x.size + abs(k)
    start = k if k >= 0 else -k * n
    key = (slice(start, start + (x.size - 1) * (n + 1) + 1 if x.size else start, n + 1),)
    return P.reshape(P.setitem(filled(n * n, 0, x.dtype), x, key=key), shape=(n, n))


@implements(np.fill_diagonal)
def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    if a.ndim < 2:
        raise ValueError("array must be at least 2-d")
    if a.ndim == 2:
        step, end = a.shape[1] + 1, None if wrap else a.shape[1] ** 2
    else:
        if len(set(a.shape)) > 1:
            raise ValueError("All dimensions of input must be of equal length")
        step, end = 1 + int(np.cumprod(a.shape[:-1]).sum()), None
    count = len(range(a.size)[:end:step])
    flat = P.reshape(a, shape=(a.size,))
    written = P.setitem(flat, np.resize(into(val, a.dtype), count), key=(slice(None, end, step),))
    a._assign(P.reshape(written, shape=a.shape))


# -- questions about shapes ------------------------------------------------------------------------------


@implements(np.shape)
def shape(a: Any) -> Any:
    return as_array(a).shape


@implements(np.ndim)
def ndim(a: Any) -> int:
    return as_array(a).ndim


@implements(np.size)
def size(a: Any, axis: Any = None) -> int:
    return np.size(np.broadcast_to(0, as_array(a).shape), axis)


@implements(np.may_share_memory, np.shares_memory)
def shares_memory(a: Any, b: Any, /, max_work: Any = None) -> bool:
    return _root(a) is _root(b)


def _root(x: Any) -> Any:
    while is_traced(x) and x._view is not None:
        x = x._view.base
    return x
