"""Difference quotients that say how wrong they are: the part that the step cuts off, and the part that rounding adds."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from ..errors import DomainError, ShapeError
from ..messages import say
from ..proof import Result
from .ladder import Line, Rungs, as_point, climb, gather, lines, real

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Method = Literal["auto", "forward", "backward", "central", "complex", "richardson"]

ORDER = {"forward": 1, "backward": 1, "central": 2, "complex": 2, "richardson": 6}  # truncation ~ step ** order
NOISES = {"forward": 2.0, "backward": 2.0, "central": 1.0, "richardson": 6.5}  # rounding ~ noises * noise / step
COMPLEX_STEP = 2.0**-66  # nothing is subtracted, so it may be as small as one likes; its square is below every rounding

_NOT_COMPLEX = (TypeError, ValueError, ArithmeticError, AttributeError, NotImplementedError)  # f was written for reals


@dataclass(frozen=True)
class Difference(Result):
    """A derivative by differences. Arrays have shape f(x).shape + x.shape, or x.shape if elementwise.

    `value`; the estimates `truncation` and `rounding` of the two parts of its error (their sum is `error`); the `step` and, in a
    sentence, `why` it was taken; the `method`; `stuck`, where x + step == x, so that there is no quotient and the value is NaN;
    `kind`, one word for each component on how f behaves there (see `cauchy.calculus.ladder.Slope`).
    The verdict is always undecided: these are estimates, not bounds.
    """

    value: np.ndarray
    truncation: np.ndarray
    rounding: np.ndarray
    step: np.ndarray
    why: str
    method: Method
    stuck: np.ndarray
    kind: np.ndarray

    @property
    def error(self) -> np.ndarray:
        """The estimate of the whole error."""
        return self.truncation + self.rounding

    def __str__(self) -> str:
        if self.value.size == 1:
            v, t, r = (a.item() for a in (self.value, self.truncation, self.rounding))
            body = f"{v!r}  (truncation ~ {t:.1e}, rounding ~ {r:.1e})"
        else:
            body = f"{self.value}\n  largest truncation ~ {np.max(self.truncation):.1e}, rounding ~ {np.max(self.rounding):.1e}"
        odd = sorted(set(self.kind.ravel().tolist()) - {"smooth"})
        note = f"\n  not smooth: {', '.join(odd)}" if odd else ""
        return f"{self.method}: {body}\n  {self.why}{note}"


def difference(
    f: Callable[[Any], Any],
    x: Any,
    method: Method = "auto",
    *,
    step: float | None = None,
    elementwise: bool = False,
) -> Difference:
    """The derivative of a black box by difference quotients, with both parts of its error.

    The answer has shape f(x).shape + x.shape: a number, a gradient, a Jacobian. Shapes alone cannot tell a vectorized function
    of one variable from a function of a vector, so it must be said: with `elementwise=True` every output depends on the input at
    its own place only (this is spot-checked), and the answer has the shape of x.

    With `step=None` the step is chosen for each component; `"auto"`, the most accurate, takes the best of a Richardson
    table over 22 or more steps and, where f accepts complex numbers and the result agrees, the complex step. With a given
    step each formula is computed as it is written in books:
    forward (f(x+h)-f(x))/h, backward (f(x)-f(x-h))/h, central (f(x+h)-f(x-h))/(2h), complex Im f(x+ih)/h,
    richardson: central quotients of h, h/2 and h/4, extrapolated twice. The given step is then a number, the same for all components.

    x: real array or number; copied, never changed; integers become float64, float32 stays. Guarantee: none; the errors are
    estimates. Raises `ShapeError` and `DomainError` for unfit x, f, method or step, and if x + step == x everywhere.

    References: L. F. Richardson (1911); W. Squire and G. Trapp (1998) for the complex step.

    >>> d = difference(lambda x: x**2, 10.0, "forward", step=1e-4)
    >>> float(d.value), f"{d.truncation:.0e} {d.rounding:.0e}"
    (20.000099999890608, '1e-04 4e-10')
    >>> difference(lambda w: w[0] * w[1], [2.0, 3.0]).value
    array([3., 2.])
    """
    started = time.perf_counter()
    if method not in get_args(Method):
        raise DomainError(f"method: wanted one of {', '.join(get_args(Method))}, got {method!r}")
    at = as_point(x)
    h = _step(step, at)
    along = [_elementwise(f, at)] if elementwise else lines(f, at)
    parts = [_quotient(line, climb(line), method, h) for line in along]
    shape = along[0].shape if elementwise else along[0].shape + at.shape

    def together(i: int) -> np.ndarray:
        columns = [np.reshape(p[i], along[0].shape) for p in parts]
        return columns[0] if elementwise else gather(columns, at.shape)

    value, truncation, rounding, steps, stuck, kind, by_complex = (together(i) for i in range(7))
    single = at.dtype == np.float32 and not np.any(np.abs(value) > np.finfo(np.float32).max)
    if stuck.all() and value.size:
        raise DomainError(
            f"step: x + h == x for h = {h:g}",
            why=f"the spacing of {at.dtype} numbers at x is {np.max(np.spacing(np.abs(at))):.3g}; the quotient would be 0/h",
            fix="take a larger step, or step=None to have it chosen",
        )
    calls = sum(line.count for line in along)
    return Difference(
        value=value.astype(np.float32) if single else value,
        truncation=truncation,
        rounding=rounding,
        step=steps,
        why=_why(method, h, stuck, by_complex, shape),
        method=method,
        stuck=stuck,
        kind=kind,
        estimates={"truncation": truncation, "rounding": rounding},
        cost={"evaluations": calls, "seconds": time.perf_counter() - started},
    )


def _step(step: float | None, x: np.ndarray) -> float | None:
    if step is None:
        return None
    h = np.asarray(step)
    if h.shape != () or h.dtype.kind not in "fiu" or not 0 < h < np.inf:
        raise DomainError(
            f"step: wanted one positive finite number, got {step!r}", fix="choose the side by method, not by the sign"
        )
    return h.astype(x.dtype).item() if x.dtype == np.float32 else float(h)


def _elementwise(f: Callable[[Any], Any], x: np.ndarray) -> Line:
    line = Line(f, x, elementwise=True)
    if x.size > 1:  # move every other input: the outputs between must not notice
        still = np.arange(x.size) % 2 == 0
        for keep in (still, ~still):
            moved = line(line.round(np.where(keep, line.x, line.x + 2.0**-10 * np.fmax(np.abs(line.x), 2.0**-10))))
            off = keep & ~np.isnan(moved) & (np.abs(moved - line.at_x) > 1e-5 * np.abs(line.at_x))
            if off.any():
                raise ShapeError(
                    f"f: is not elementwise: output {np.flatnonzero(off)[0]} changes when only other inputs move",
                    fix="leave elementwise out for the Jacobian",
                )
    return line


@dataclass(frozen=True)
class _Part:
    """The answer along one line; arrays of one number for each component."""

    value: np.ndarray
    truncation: np.ndarray
    rounding: np.ndarray
    step: np.ndarray
    stuck: np.ndarray
    kind: np.ndarray
    by_complex: np.ndarray


def _differentiate(line: Line, method: Method, h: float | None) -> _Part:
    rungs = climb(line)
    best, error, rounding, step, kind = (
        a.ravel() for a in (s := rungs.slope, s.value, s.error, s.rounding, s.step, s.kind)[1:]
    )
    never = np.zeros(best.shape, dtype=bool)
    if h is None and method in ("auto", "richardson"):
        value, taken = best, never
        if method == "auto":
            size = COMPLEX_STEP * np.where(line.x == 0, 1.0, np.abs(line.x))
            other = _complex(line, size)
            taken = (kind == "smooth") & (np.abs(other - best) <= error)
            value, step = np.where(taken, other, best), np.where(taken, size, step)
        return _Part(value, np.fmax(error - rounding, 0.0), np.fmin(rounding, error), step, never, kind, taken)
    if method == "complex":
        return _complex_alone(line, rungs, h)
    if method in ("auto", "richardson"):
        method = "richardson"

    quotients, noises = _along(rungs, method)
    target = np.where(kind == "kink", {"forward": s.right.ravel(), "backward": s.left.ravel()}.get(method, best), best)
    away = np.abs(quotients - target)
    clear = away > 4 * (noises + error)
    cut = np.where(clear, away, 0.0)  # the truncation of each rung, continued below the noise by its power of h
    for k in range(1, len(cut)):
        below = cut[k - 1] * (rungs.h[k] / rungs.h[k - 1]) ** ORDER[method]
        cut[k] = np.where(clear[k], cut[k], np.where(np.isfinite(below), below, 0.0))
    if h is None:
        score = np.where(np.isfinite(quotients + cut + noises), cut + noises, np.inf)
        k = np.argmin(score, axis=0)[None]
        value, cut, noise, step = (np.take_along_axis(np.broadcast_to(a, cut.shape), k, 0)[0] for a in (quotients, cut, noises, rungs.h))
        return _Part(value, cut + error, noise, step, never, kind, never)
