"""Integrals over regions of several dimensions whose bounds may depend on the variables before."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from scipy import integrate as quadpack

from ...errors import DomainError, ShapeError
from .integrand import Integrand, number
from .quadrature import Quadrature
from .report import Note

Bound: TypeAlias = float | Callable[..., Any]

MOST_NESTED, MOST_BOX = 4, 10  # dimensions: nested rules cost 21^d calls, cubature 2^d a region
CALLS, POINTS = 1_000_000, 4_000_000  # of f: one by one, and in arrays


def box(f: Callable[..., Any], a: Any, b: Any, rtol: float, atol: float) -> tuple[Integrand, Quadrature, Any, Any]:
    """The integral of f(x1, ..., xd) over lower_i <= x_i <= upper_i; (f with its count, value, lower, upper)."""
    lower, upper = _bounds(a, "a"), _bounds(b, "b")
    d = len(lower)
    if len(upper) != d or not d:
        raise ShapeError(f"a, b: wanted equally many bounds, at least one, got {d} and {len(upper)}")
    fixed = not any(callable(v) for v in (*lower, *upper))
    most = MOST_BOX if fixed else MOST_NESTED
    if d > most:
        raise DomainError(
            f"a, b: at most {most} dimensions {'' if fixed else 'with bounds that are functions'}, got {d}",
            why="the number of points grows like a power of the dimension",
            fix="integrate some variables by hand, or sample at random",
        )
    g = Integrand(f, _probes(lower, upper))
    if g.shape:
        raise ShapeError(f"f: wanted one number in {d} dimensions, got shape {g.shape}", fix="integrate each component")
    if not fixed or d <= 2:
        return g, _nested(g, lower, upper, rtol, atol), lower, upper
    return g, _cubature(g, lower, upper, rtol, atol), lower, upper


def _bounds(limit: Sequence[Any], name: str) -> tuple[Bound, ...]:
    if not isinstance(limit, (list, tuple)) and np.ndim(limit) != 1:
        raise ShapeError(f"{name}: wanted a sequence of bounds like the other limit, got {type(limit).__name__}")
    bounds: list[Bound] = [v if callable(v) else number(v, name) for v in limit]
    return tuple(bounds)


def _at(bound: Bound, before: tuple[float, ...], name: str) -> float:
    if not callable(bound):
        return bound
    with np.errstate(all="ignore"):
        value = float(np.asarray(bound(*(np.float64(v) for v in before))))
    if math.isnan(value):
        raise DomainError(f"{name}: the bound of variable {len(before) + 1} is NaN at {before}")
    return value


def _probes(lower: Sequence[Bound], upper: Sequence[Bound]) -> list[tuple[float, ...]]:
    found = []
    for t in (0.4871, 0.2113, 0.8517):
        point: tuple[float, ...] = ()
        for low, high in zip(lower, upper, strict=True):
            ends = (_at(low, point, "a"), _at(high, point, "b"))
            lo, hi = (v if math.isfinite(v) else math.copysign(3.0, v) for v in ends)
            point += (lo + (hi - lo) * t,)
        found.append(point)
    return found


class _Hopeless(Exception):
    """An inner integral has no value, or the budget of calls is used up; carries the sentence."""


def _nested(f: Integrand, lower: Sequence[Bound], upper: Sequence[Bound], rtol: float, atol: float) -> Quadrature:
    """QUADPACK inside QUADPACK. The error of the inner integrals, times the width, adds to that of the outer one."""
    troubles: list[str] = []

    def over(before: tuple[float, ...]) -> tuple[float, float]:
        if f.evaluations > CALLS:
            raise _Hopeless(Note("budget", count=CALLS))
        k = len(before)
        low, high = _at(lower[k], before, "a"), _at(upper[k], before, "b")
        worst: list[float] = [0.0]

        def inner(x: float) -> float:
            if k + 1 == len(lower):
                return f(*before, x)
            value, error = over((*before, x))
            worst[0] = max(worst[0], error)
            return value

        if low == high:
            return 0.0, 0.0
        value, error, *rest = quadpack.quad(
            inner, low, high, epsabs=atol or 1e-300, epsrel=rtol, limit=100, full_output=1
        )
        if len(rest) > 1 and not error <= max(atol, 1e3 * rtol * abs(value), 1e-14):
            if not error <= 1e-3 * max(abs(value), 1e-6):
                raise _Hopeless(Note("not_converged" if math.isfinite(value) else "not_finite"))
            troubles.append(rest[1])
        width = abs(high - low)
        return value, error + (worst[0] * width if math.isfinite(width) else 10 * worst[0])

    found = Quadrature(math.nan, math.inf, "nested")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", quadpack.IntegrationWarning)
            value, error = over(())
    except _Hopeless as e:
        found.notes.append(e.args[0])
        return found
    return _settle(found, f, value, error, bool(troubles))


def _cubature(f: Integrand, lower: Sequence[Any], upper: Sequence[Any], rtol: float, atol: float) -> Quadrature:
    found = Quadrature(math.nan, math.inf, "cubature")
    low, high = np.array(lower), np.array(upper)
    d = len(low)
    if (low == high).any():
        found.value, found.error = 0.0, 0.0
        return found
    per_region = 21**d if d <= 3 else 2 ** (d + 1) + 4 * d * d
    cubature: Any = quadpack.cubature  # its stub takes the default 0 of atol for its type
    done = cubature(
        lambda x: f.many(*x.T),
        low,
        high,
        rule="gk21" if d <= 3 else "genz-malik",
        rtol=rtol,
        atol=atol,
        max_subdivisions=max(8, POINTS // per_region // 2**d),
    )
    return _settle(found, f, float(done.estimate), float(done.error), done.status != "converged")


def _settle(found: Quadrature, f: Integrand, value: float, error: float, troubled: bool) -> Quadrature:
    """Give the value, unless there is reason not to believe it."""
    if not math.isfinite(value):
        found.notes.append(Note("not_finite"))
    elif troubled and error > 1e-3 * abs(value):
        found.notes.append(Note("not_converged"))
        found.estimates["last"] = value
    else:
        found.value, found.error = value, error + 50 * f.eps * abs(value)
        if troubled:
            found.notes.append(Note("slow"))
        if f.eps > 1e-12:
            found.notes.append(Note("single"))
    return found
