"""Where a primitive's derivative is a convention: `at[p](*values, **params)` says at which entries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ... import ops as P
from ...graph import Primitive


def _whole(x: Any) -> Any:
    return np.equal(x, np.trunc(x)) & np.isfinite(x)


def _ties(x: Any, *, axis: Any, **params: Any) -> Any:
    """Whether an extremum or a sort has equal entries to choose between."""
    s = np.sort(x, axis=axis) if axis is None or isinstance(axis, (int, np.integer)) else np.sort(x, axis=None)
    return (
        np.any(np.equal(s[..., 1:], s[..., :-1]))
        if axis is None or np.ndim(s) == 1
        else np.any(np.diff(s, axis=axis) == 0)
    )


def _shared(best: Callable[..., Any]) -> Callable[..., Any]:
    def at(x: Any, *, axis: Any, keepdims: bool) -> Any:
        return np.sum(np.equal(x, best(x, axis=axis, keepdims=True)), axis=axis) > 1

    return at


at: dict[Primitive, Callable[..., Any]] = {
    P.absolute: lambda x: np.equal(x, 0),
    P.copysign: lambda a, b: np.equal(b, 0),
    P.clip: lambda x, low, high: np.equal(x, low) | np.equal(x, high),
    P.sign: lambda x: np.equal(x, 0),
    P.i0e: lambda x: np.equal(x, 0),
    P.hypot: lambda a, b: np.equal(a, 0) & np.equal(b, 0),
    P.heaviside: lambda x, h: np.equal(x, 0),
    P.floor: _whole,
    P.ceil: _whole,
    P.trunc: lambda x: _whole(x) & np.not_equal(x, 0),
    P.rint: lambda x: _whole(x - 0.5),
    P.around: lambda x, *, decimals: _whole(x * 10.0**decimals - 0.5),
    P.floor_divide: lambda a, b: _whole(np.asarray(a) / b),
    P.remainder: lambda a, b: _whole(np.asarray(a) / b),
    P.fmod: lambda a, b: _whole(np.asarray(a) / b) & np.not_equal(a, 0),
    P.max: _shared(np.max),
    P.min: _shared(np.min),
    P.argmax: _ties,
    P.argmin: _ties,
    P.argsort: _ties,
} | dict.fromkeys(
    (P.maximum, P.minimum, P.fmax, P.fmin, P.equal, P.not_equal, P.less, P.less_equal, P.greater, P.greater_equal),
    np.equal,
)
