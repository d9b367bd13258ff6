"""`__array_ufunc__`: a NumPy or SciPy ufunc met a traced value."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from scipy import special

from .. import ops as P
from ..graph import Primitive
from ..read.value import value as VALUE
from .array import Array, NDArray, apply, as_array, is_traced
from .context import refusal

BY_UFUNC: dict[np.ufunc, Primitive] = {f: p for p, f in VALUE.items() if isinstance(f, np.ufunc)}


def _divmod(a: Any, b: Any) -> tuple[Any, Any]:
    return P.floor_divide(a, b), P.remainder(a, b)


def _modf(x: Any) -> tuple[Any, Any]:
    whole = P.trunc(x)
    return P.copysign(np.where(np.isinf(x), 0.0, x - whole), x), whole


# ufuncs that are other primitives under a second name, or short compositions with the same bits
LOWERED: dict[np.ufunc, Callable[..., Any]] = {
    np.radians: P.deg2rad,
    np.degrees: P.rad2deg,
    np.fabs: lambda x: P.absolute(x if x.dtype.kind == "f" else P.astype(x, dtype=np.dtype(float))),
    np.float_power: lambda a, b: P.power(as_array(a, float), as_array(b, float)),
    np.conjugate: P.positive,
    np.divmod: _divmod,
    np.modf: _modf,
    special.expm1: P.expm1,
    special.log1p: P.log1p,
    special.exp2: P.exp2,
    special.cbrt: P.cbrt,
}

# ufunc.reduce and ufunc.accumulate
REDUCED = {
    np.add: P.sum,
    np.multiply: P.prod,
    np.maximum: P.max,
    np.minimum: P.min,
    np.logical_and: P.all,
    np.logical_or: P.any,
}
ACCUMULATED = {np.add: P.cumsum, np.multiply: P.cumprod}

DETACHED = "a plain array cannot take a traced value"
MEMORY = "its memory holds numbers alone, and no derivative"
REATTACH = (
    "make the array traced: np.zeros_like(x), or np.stack([...]) of its parts;"
    " np.zeros(n) works in the traced function and in the functions it calls, unless they assign `global` names"
)


def dispatch(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The entry: sort out `out=`, `where=`, `dtype=`, then apply, reduce, accumulate, outer or at."""
    out = kwargs.pop("out", None)
    mask = kwargs.pop("where", True)
    if out is not None:
        out = out if isinstance(out, tuple) else (out,)
        if any(o is not None and not is_traced(o) for o in out):
            raise refusal(
                f"np.{ufunc.__name__}(..., out=), or its operator in place: {DETACHED}", why=MEMORY, fix=REATTACH
            )
    if method == "at":
        return _at(ufunc, *inputs)
    inputs = tuple(as_array(x) if isinstance(x, (list, tuple)) or _objects(x) else x for x in inputs)
    match method:
        case "__call__":
            with contextlib.nullcontext() if mask is True else np.errstate(all="ignore"):  # of entries not selected
                result = _call(ufunc, inputs, kwargs)
            if mask is not True:
                if out is None or out[0] is None:
                    raise refusal(
                        f"np.{ufunc.__name__}(..., where=mask) without out=",
                        why="the unselected entries would be uninitialised memory",
                        fix="np.where(mask, f(x), other)",
                    )
                result = np.where(mask, result, out[0])
        case "reduce" if ufunc in REDUCED:
            result = _reduce(ufunc, *inputs, where=mask, **kwargs)
        case "accumulate" if ufunc in ACCUMULATED:
            result = ACCUMULATED[ufunc](_cast(inputs[0], kwargs.get("dtype")), axis=kwargs.get("axis", 0))
        case "reduce" | "accumulate" if ufunc in BY_UFUNC and ufunc.nin == 2:
            result = _steps(ufunc, method, *inputs, where=mask, **kwargs)
        case "outer":
            a, b = map(as_array, inputs)
            result = _call(ufunc, (P.reshape(a, shape=a.shape + (1,) * b.ndim), b), kwargs)
        case _:
            raise refusal(f"np.{ufunc.__name__}.{method} is not traced", fix="use array operations")
    if out is None or out[0] is None:
        return result
    if isinstance(result, tuple):
        for o, r in zip(out, result, strict=True):
            o._assign(r)
        return out
    out[0]._assign(result)
    return out[0]


def _call(ufunc: np.ufunc, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    kwargs = {
        k: v for k, v in kwargs.items() if not (k in ("casting", "order", "subok") and v in ("same_kind", "K", True))
    }
    dtype = kwargs.pop("dtype", None)
    if isinstance(dtype, type(np.dtype)):  # a class such as np.dtypes.Float64DType
        dtype = cast(Any, dtype)()
    if dtype is not None and np.dtype(dtype).kind == "f":
        inputs = tuple(as_array(x, dtype) for x in inputs)
    elif dtype is not None:
        kwargs["dtype"] = dtype
    if kwargs:
        raise refusal(f"np.{ufunc.__name__}(..., {', '.join(kwargs)}=) is not traced")
    if ufunc in BY_UFUNC:
        return apply(BY_UFUNC[ufunc], inputs, {})
    if ufunc in LOWERED:
        return LOWERED[ufunc](*inputs)
    raise refusal(
        f"the ufunc `{ufunc.__name__}` is not traced",
        why="cauchy has no primitive for it",
        fix="express it with others, or give it a derivative with cauchy.custom_derivative",
    )


def _cast(x: Any, dtype: Any) -> Any:
    return x if dtype is None else as_array(x, dtype)


def _reduce(
    ufunc: np.ufunc,
    x: Any,
    axis: Any = 0,
    dtype: Any = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    x = _cast(as_array(x), dtype)
    if where is not True:
        x = np.where(where, x, _neutral(ufunc, x, initial))
    if initial is not None and ufunc.identity is None and not x.size:  # of nothing, initial is left
        shape = np.empty(x.shape).sum(axis=axis, keepdims=keepdims).shape
        return np.broadcast_to(as_array(initial, np.result_type(x.dtype, initial)), shape)[()]
    result = REDUCED[ufunc](x, axis=axis, keepdims=bool(keepdims))
    return result if initial is None else _call(ufunc, (result, initial), {})


def _steps(ufunc: np.ufunc, method: str, x: Any, axis: Any = 0, keepdims: bool = False, **kwargs: Any) -> Any:
    """Any other reduction or accumulation along one axis, one step after the other, as NumPy takes them."""
    x = as_array(x)
    if type(axis) is not int or not x.ndim or not x.shape[axis] or kwargs.pop("where") is not True or kwargs:
        raise refusal(f"np.{ufunc.__name__}.{method} is not traced with these options", fix="give one axis alone")
    rows = list(np.moveaxis(x, axis, 0))
    for i in range(1, len(rows)):
        rows[i] = _call(ufunc, (rows[i - 1], rows[i]), {})
    if method == "reduce":
        return np.expand_dims(rows[-1], axis) if keepdims else rows[-1]
    return np.moveaxis(np.stack(rows), 0, axis)


def _neutral(ufunc: np.ufunc, x: Array, initial: Any) -> Any:
    if initial is not None:
        return initial if ufunc in (np.maximum, np.minimum) else ufunc.identity
    if ufunc.identity is None:
        raise ValueError(
            f"reduction operation '{ufunc.__name__}' does not have an identity,"
            " so to use a where mask one has to specify 'initial'"
        )
    return np.asarray(ufunc.identity, x.dtype)[()]


def _at(ufunc: np.ufunc, x: Any, key: Any, v: Any = None) -> None:
    """np.add.at(x, key, v): unbuffered, so that repeated indices count each time."""
    if not is_traced(x):
        raise refusal(f"np.{ufunc.__name__}.at: {DETACHED}", why=MEMORY, fix=REATTACH)
    if ufunc not in (np.add, np.subtract):
        raise refusal(f"np.{ufunc.__name__}.at is not traced", fix="only np.add.at and np.subtract.at")
    from .indexing import split_key

    arrays, static = split_key(x, key)
    v = P.broadcast_to(as_array(v), shape=P.getitem(x, *arrays, key=static).shape)
    x._assign(P.add_at(x, v if ufunc is np.add else np.negative(v), *arrays, key=static))


def _objects(x: Any) -> bool:
    return isinstance(x, np.ndarray) and type(x) is not NDArray and not is_traced(x) and x.dtype.kind == "O"
