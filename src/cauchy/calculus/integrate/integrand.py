"""The function under the integral sign: any Python callable of real numbers, with its calls counted."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ...errors import DomainError, ShapeError

UNDEFINED = (ArithmeticError, ValueError)  # what math.log(-1), 1/0 and math.exp(1e9) raise off the domain
_UNFIT = (
    TypeError,
    IndexError,
    AttributeError,
)  # what a function written for arrays raises on a number, and vice versa


def number(x: Any, name: str) -> float:
    """One real number, infinities allowed."""
    try:
        a = np.asarray(x)
    except ValueError as e:
        raise ShapeError(f"{name}: wanted one real number, got a ragged {type(x).__name__}") from e
    if a.shape != () or a.dtype.kind not in "fiu":
        raise ShapeError(
            f"{name}: wanted one real number, got {type(x).__name__} of shape {a.shape} and dtype {a.dtype}"
        )
    value = float(a)
    if np.isnan(value):
        raise DomainError(f"{name}: is NaN", why="there is no such place on the line")
    return value


class Integrand:
    """f with d real arguments; `shape` and `eps` are those of its values, `bad` the places where it was not finite.

    f may work on numbers only, on arrays only, or on both: this is found out by trying, and an answer for an array is
    believed only where it agrees with answers for single numbers. What f raises off its domain counts as NaN, unless
    it raises at every one of the `probes` (tuples of d coordinates): then f is wrong, and its exception passes through.
    """

    def __init__(self, f: Callable[..., Any], probes: Iterable[tuple[float, ...]]) -> None:
        if not callable(f):
            raise ShapeError(f"f: wanted a function of real numbers, got {type(f).__name__}")
        self.f = f
        self.evaluations = 0
        self.bad: list[float] = []
        self.log: list[tuple[float, float]] = []  # (x, |f|) of the latest calls one by one; cleared by whom it concerns
        self.wraps = False  # f wants arrays: a number goes in as an array of one
        self.vectorized: bool | None = None  # not known yet
        self.shape, self.eps = self._probe(probes)

    def _probe(self, probes: Iterable[tuple[float, ...]]) -> tuple[tuple[int, ...], float]:
        first: Exception | None = None
        for at in probes:
            for wraps in (False, True):
                self.wraps = wraps
                try:
                    value = self._raw(at)
                except UNDEFINED as e:
                    first = first or e
                    break
                except _UNFIT as e:
                    first = first or e
                else:
                    single = value.dtype.kind == "f" and value.dtype.itemsize < 8
                    return value.shape, float(np.finfo(value.dtype if single else np.float64).eps)
        raise first or DomainError("f: no point to try it at")

    def _raw(self, at: tuple[float, ...]) -> np.ndarray:
        """f at one point, as f gives it; raises what f raises."""
        self.evaluations += 1
        with np.errstate(all="ignore"):
            if self.wraps:
                value = _real(self.f(*(np.array([c]) for c in at)))
                if value.shape[:1] != (1,):
                    raise ShapeError(f"f: wanted one value for an array of one number, got shape {value.shape}")
                return value[0]
            return _real(self.f(*(np.float64(c) for c in at)))

    def __call__(self, *at: float) -> Any:
        """The value at one point: a float, or an array if f is array-valued."""
        try:
            if self.shape == () and not self.wraps:  # the way most calls go, without arrays
                self.evaluations += 1
                with np.errstate(all="ignore"):
                    quick = self.f(*map(np.float64, at))
                if type(quick) in (float, np.float64):
                    self.log.append((at[0], quick))
                    if not math.isfinite(quick):
                        self.bad.append(at[0])
                    return float(quick)
                value = _real(quick)
            else:
                value = self._raw(at)
        except UNDEFINED:
            value = np.full(self.shape, np.nan)
        if value.shape != self.shape:
            raise ShapeError(f"f: returned shape {self.shape} before, and shape {value.shape} at {at}")
        if self.shape == ():
            result: Any = float(value)
            finite = np.isfinite(result)
            self.log.append((at[0], result))
        else:
            result = value.astype(np.float64)
            finite = np.isfinite(result).all()
            self.log.append((at[0], float(np.max(np.abs(result)))))
        if not finite:
            self.bad.append(at[0])
        return result

    def many(self, *xs: np.ndarray) -> np.ndarray:
        """The values at n points, given by d arrays of n coordinates: shape (n, *shape)."""
        n = len(xs[0])
        if self.shape == () and n > 1 and self.vectorized is not False:
            values = self._at_once(xs)
            if self.vectorized is None:
                spots = sorted({0, n // 3, n // 2, n - 1})
                alone = np.array([self(*(float(x[i]) for x in xs)) for i in spots])
                self.vectorized = values is not None and _same(values[spots], alone)
            if values is not None and self.vectorized:
                self.bad += [float(x) for x in xs[0][~np.isfinite(values)]]
                return values
        return np.array([self(*(float(x[i]) for x in xs)) for i in range(n)]).reshape(n, *self.shape)

    def _at_once(self, xs: tuple[np.ndarray, ...]) -> np.ndarray | None:
        self.evaluations += len(xs[0])
        try:
            with np.errstate(all="ignore"):
                values = _real(self.f(*(x.copy() for x in xs)))
        except (*UNDEFINED, *_UNFIT):
            return None
        return values.astype(np.float64) if values.shape == xs[0].shape else None


def _real(value: Any) -> np.ndarray:
    a = np.asarray(value)
    if a.dtype.kind not in "fiub" or not a.size:
        raise ShapeError(
            f"f: wanted real numbers, got {type(value).__name__} of shape {a.shape} and dtype {a.dtype}",
            fix="integrate the real and the imaginary part one after the other" if a.dtype.kind == "c" else "",
        )
    return a


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.allclose(a, b, rtol=1e-9, atol=0.0, equal_nan=True))
