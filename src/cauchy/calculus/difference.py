"""Difference quotients that say how wrong they are: what the step cuts off, and what rounding adds."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from .. import figure
from ..errors import DomainError, ShapeError
from ..messages import say
from ..proof import Result
from .ladder import Line, Rungs, as_point, climb, gather, lines

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

    `value`; the estimates `truncation` and `rounding` of the two parts of its error (their sum is `error`); the
    `step` and, in a sentence, `why` it was taken; the `method`; `stuck`, where x + step == x, so that there is no
    quotient and the value is NaN; `kind`, one word for each component on how f behaves there (see
    `cauchy.calculus.ladder.Slope`). The verdict is always undecided: these are estimates, not bounds.
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
            t, r = np.max(self.truncation), np.max(self.rounding)
            body = f"{self.value}\n  (truncation up to ~ {t:.1e}, rounding up to ~ {r:.1e})"
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

    The answer has shape f(x).shape + x.shape: a number, a gradient, a Jacobian. Shapes alone cannot tell a
    vectorized function of one variable from a function of a vector, so it must be said: with `elementwise=True`
    every output depends on the input at its own place only (this is spot-checked), and the answer has the shape of x.

    With `step=None` the step is chosen for each component; `"auto"`, the most accurate, takes the best of a Richardson
    table over some two dozen steps and, where f accepts complex numbers and the result agrees, the complex step. With a
    given step each formula is computed as it is written in books:
    forward (f(x+h)-f(x))/h, backward (f(x)-f(x-h))/h, central (f(x+h)-f(x-h))/(2h), complex Im f(x+ih)/h,
    richardson: central quotients of h, h/2 and h/4, extrapolated twice. The given step is then a number, the same
    for all components.

    x: real array or number; copied, never changed; integers become float64, float32 stays. Guarantee: none; the
    errors are estimates. Raises `ShapeError` and `DomainError` for unfit x, f, method or step, and if x + step == x
    everywhere.

    References: L. F. Richardson (1911); W. Squire and G. Trapp (1998) for the complex step.

    >>> d = difference(lambda x: x**2, 10.0, "forward", step=1e-4)
    >>> float(d.value), f"{d.truncation:.0e} {d.rounding:.0e}"
    (20.000099999890608, '1e-04 5e-10')
    >>> difference(lambda w: w[0] * w[1], [2.0, 3.0]).value
    array([3., 2.])
    """
    started = time.perf_counter()
    if method not in get_args(Method):
        raise DomainError(f"method: wanted one of {', '.join(get_args(Method))}, got {method!r}")
    at = as_point(x)
    h = _step(step, at)
    along = [_elementwise(f, at)] if elementwise else lines(f, at)
    parts = [_differentiate(line, method, h, climb(line)) for line in along]

    def whole(name: str) -> np.ndarray:
        columns = [np.reshape(getattr(p, name), along[0].shape) for p in parts]
        return columns[0] if elementwise else gather(columns, at.shape)

    value, truncation, rounding, steps, stuck, kind, by_complex = (whole(n) for n in _Part.__dataclass_fields__)
    if stuck.all() and value.size:
        raise DomainError(
            f"step: x + h == x for h = {h:g}",
            why=f"{at.dtype} numbers at x are {np.min(np.spacing(np.abs(at))):.3g} apart or more: the quotient is 0/h",
            fix="take a larger step, or step=None to have it chosen",
        )
    calls = sum(line.count for line in along)
    return Difference(
        value=value.astype(np.float32) if at.dtype == np.float32 else value,
        truncation=truncation,
        rounding=rounding,
        step=steps,
        why=_why(method, h, stuck, by_complex),
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
            moved = line.many(
                line.round(np.where(keep, line.x, line.x + 2.0**-10 * np.fmax(np.abs(line.x), 2.0**-10)))[None]
            )[0]
            off = keep & ~np.isnan(moved) & (np.abs(moved - line.at_x) > 1e-5 * np.abs(line.at_x))
            if off.any():
                raise ShapeError(
                    f"f: is not elementwise: output {np.flatnonzero(off)[0]} changes when only other inputs move",
                    fix="leave elementwise out for the Jacobian",
                )
    return line


@dataclass(frozen=True)
class _Part:
    """The answer along one line: one number for each component."""

    value: np.ndarray
    truncation: np.ndarray
    rounding: np.ndarray
    step: np.ndarray
    stuck: np.ndarray
    kind: np.ndarray
    by_complex: np.ndarray


def _differentiate(line: Line, method: Method, h: float | None, rungs: Rungs) -> _Part:
    s = rungs.slope
    best, error, kind = s.value.ravel(), s.error.ravel(), s.kind.ravel()
    never = np.zeros(best.shape, dtype=bool)
    if method == "complex":
        return _complex_alone(line, best, error, kind, h)
    if h is None and method in ("auto", "richardson"):
        value, step, taken = best, s.step.ravel(), never
        if method == "auto":
            size = _complex_size(line)
            other = _complex(line, size)
            taken = (kind == "smooth") & (np.abs(other - best) <= error)
            value, step = np.where(taken, other, best), np.where(taken, size, step)
        rounding = np.fmin(s.rounding.ravel(), error)
        return _Part(value, np.where(np.isinf(error), np.inf, error - rounding), rounding, step, never, kind, taken)

    formula = "central" if method == "auto" else method
    order = ORDER[formula]
    sides = {"forward": s.right.ravel(), "backward": s.left.ravel()}
    target = np.where(kind == "kink", sides.get(formula, best), best)
    quotients, noises = _rungs_by(formula, line, rungs)
    away = np.abs(quotients - target)
    clear = away > 4 * (noises + error)
    cut = np.where(clear, away, 0.0)  # the truncation of each rung, continued below the noise by its power of h
    for k in range(1, len(cut)):
        below = cut[k - 1] * (rungs.h[k] / rungs.h[k - 1]) ** order
        cut[k] = np.where(clear[k], cut[k], np.where(np.isfinite(below), below, 0.0))
    if h is None:
        total = np.where(np.isfinite(quotients + cut + noises), cut + noises, np.inf)
        k = np.argmin(total, axis=0)[None]
        value, cut, rounding, step = (
            np.take_along_axis(np.broadcast_to(a, total.shape), k, 0)[0] for a in (quotients, cut, noises, rungs.h)
        )
        return _Part(value, cut + error, rounding, step, never, kind, never)

    value, rounding, stuck = _as_written(formula, line, h, s.noise.ravel(), target)
    off = np.abs(value - target)
    k = np.sum(rungs.h >= h, axis=0) - 1  # the smallest rung not below h
    k = np.broadcast_to(np.maximum(k, 0), cut.shape[1:])[None]
    near, rung = (np.take_along_axis(np.broadcast_to(a, cut.shape), k, 0)[0] for a in (cut, rungs.h))
    model = 0.0 if formula == "richardson" else near * (h / rung) ** order
    cut = np.where(off > rounding + error, off, model) + error
    return _Part(value, cut, rounding, np.full(best.shape, h), stuck, kind, never)


def _rungs_by(formula: str, line: Line, rungs: Rungs) -> tuple[np.ndarray, np.ndarray]:
    """The quotients on all rungs, and their rounding."""
    at, wide = line.at_x, rungs.ahead + rungs.behind
    if formula == "forward":
        return (rungs.up - at) / rungs.ahead, 2 * rungs.noise / rungs.ahead
    if formula == "backward":
        return (at - rungs.down) / rungs.behind, 2 * rungs.noise / rungs.behind
    return (rungs.up - rungs.down) / wide, 2 * rungs.noise / wide


def _as_written(
    formula: str, line: Line, h: float, noise: np.ndarray, slope: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The textbook formula in f's own arithmetic, with the rounding to be expected, and where x + h == x."""
    seen: list[np.ndarray] = []
    shift = np.zeros_like(line.x)  # |actual step - h| / h, from rounding x + h
    stuck = np.zeros(line.x.shape, dtype=bool)

    def at(h: float) -> np.ndarray:
        nonlocal shift, stuck
        point = line.round(line.x + h)
        if h:
            stuck = stuck | (point == line.x)
            shift = np.maximum(shift, np.abs((point - line.x) / h - 1))
        seen.append(line.raw(point))
        return seen[-1]

    def central(h: float) -> np.ndarray:
        return (at(h) - at(-h)) / (2 * h)

    with np.errstate(all="ignore"):
        if formula == "forward":
            value = (at(h) - at(0.0)) / h
        elif formula == "backward":
            value = (at(0.0) - at(-h)) / h
        elif formula == "central":
            value = central(h)
        else:
            first, second, third = central(h), central(h / 2), central(h / 4)
            value = (16 * (4 * third - second) / 3 - (4 * second - first) / 3) / 15
        largest = np.max(np.abs(np.stack(seen)), axis=0).astype(np.float64)
        level = np.fmax(noise, np.finfo(seen[0].dtype).eps * largest)
        rounding = NOISES[formula] * level / h + np.abs(slope) * shift
    stuck = np.broadcast_to(stuck, value.shape)
    return np.where(stuck, np.nan, value.astype(np.float64)), rounding, stuck


def _complex_size(line: Line) -> np.ndarray:
    return COMPLEX_STEP * np.where(line.x == 0, 1.0, np.abs(line.x))


def _complex(line: Line, size: np.ndarray) -> np.ndarray:
    """Im f(x + i size) / size, NaN where f takes no complex numbers."""
    line.count += 1
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", np.exceptions.ComplexWarning)
            y = np.asarray(line.phi((line.x + 1j * size).reshape(line.form)[()]))
            if y.shape == line.shape and y.dtype.kind in "fiubc":
                return np.imag(y).ravel() / size
    except _NOT_COMPLEX:
        pass
    return np.full(line.at_x.size, np.nan)


def _complex_alone(line: Line, best: np.ndarray, error: np.ndarray, kind: np.ndarray, h: float | None) -> _Part:
    limit = _complex(line, _complex_size(line))
    size = _complex_size(line) if h is None else np.full(line.x.shape, h)
    value = limit if h is None else _complex(line, size)
    if np.isnan(limit[np.isfinite(best)]).any():
        raise DomainError(
            f"f: gives no numbers at the complex point {line.x[0]:g} + ih",
            why="the complex step needs a function written with operations that take complex numbers",
            fix='use method="auto"',
        )
    wrong = np.abs(limit - best) > 6 * error
    if wrong.any():
        raise DomainError(
            f"f: the complex step says {limit[wrong][0]:.6g}, real steps {best[wrong][0]:.6g}",
            why="f is not analytic as it is written: it has an abs, a maximum, a comparison, a conj or a cast to real",
            fix='use method="auto"',
        )
    never = np.zeros(best.shape, dtype=bool)
    step = np.broadcast_to(size, best.shape)
    return _Part(value, np.abs(value - limit), error, step, never, kind, ~never)


def _why(method: str, h: float | None, stuck: np.ndarray, by_complex: np.ndarray) -> str:
    if stuck.any():
        return say("difference.stuck", count=int(stuck.sum()), size=stuck.size)
    if h is not None:
        return say("difference.given")
    if method == "complex":
        return say("difference.complex")
    if method in ("auto", "richardson"):
        return say(
            "difference.confirmed"
            if by_complex.all()
            else "difference.mixed"
            if by_complex.any()
            else "difference.ladder"
        )
    return say("difference.balance")


@dataclass(frozen=True)
class StepStudy(Result):
    """The error of a difference quotient against its step, one row for each of `steps` (falling).

    `values` as the formula gives them; the estimates `truncation` and `rounding`; `errors` against `truth` (given,
    or the best value known: then `truth_error` estimates its own error); `stuck` where x + h == x, and the quotient
    is 0 whatever f is; `best_step`, the step of least error. Estimates, no bounds.
    """

    method: Method
    steps: np.ndarray
    values: np.ndarray
    truncation: np.ndarray
    rounding: np.ndarray
    errors: np.ndarray
    stuck: np.ndarray
    best_step: float
    truth: float
    truth_error: float

    def __str__(self) -> str:
        head = [say(f"difference.{word}") for word in ("step", "value", "error", "truncation", "rounding")]
        lines = ["  ".join(f"{w:>{n}}" for w, n in zip(head, (10, 24, 10, 10, 10), strict=True))]
        for h, v, e, t, r, s in zip(
            self.steps, self.values, self.errors, self.truncation, self.rounding, self.stuck, strict=True
        ):
            note = "  x + h == x" if s else "  *" if h == self.best_step else ""
            lines.append(f"{h:10.3e}  {float(v)!r:>24}  {e:10.2e}  {t:10.2e}  {r:10.2e}{note}")
        return "\n".join(lines)

    def plot(self, ax: Axes | None = None, *, lang: str | None = None) -> Axes:
        """Draw the valley: the error and its two estimated parts against the step (needs matplotlib)."""
        word = lambda key: say(f"difference.plot_{key}", lang, method=self.method)
        with figure.style():
            axes: Any = figure.new()[1] if ax is None else ax
        for y, style, label in (
            (self.errors, "o-", word("error")),
            (self.truncation, "--", word("truncation")),
            (self.rounding, ":", word("rounding")),
        ):
            axes.loglog(self.steps, np.where((y > 0) & ~self.stuck, y, np.nan), style, label=label, markersize=3)
        if self.stuck.any():
            axes.axvspan(self.steps[-1], self.steps[self.stuck].max(), alpha=0.15, color="tab:red", label="x + h == x")
        axes.axvline(self.best_step, color="0.7", lw=1, zorder=0)
        axes.set(xlabel=word("step"), ylabel=word("error"), title=word("title"))
        axes.legend()
        return axes


def step_study(
    f: Callable[[Any], Any],
    x: Any,
    method: Literal["forward", "backward", "central", "complex", "richardson"] = "forward",
    *,
    steps: Sequence[float] | np.ndarray | None = None,
    truth: float | None = None,
) -> StepStudy:
    """The valley: how the error of a difference quotient of f at the number x falls with the step, and rises again.

    steps: positive numbers, any order (default: four per decade from max(1, |x|) down past the last step that moves
    x). truth: the exact derivative if known; else the best value that `difference` finds. Raises `ShapeError` unless
    x and f(x) are single numbers.

    >>> v = step_study(np.sin, 1.0, "central", truth=np.cos(1.0))
    >>> 1e-6 < v.best_step < 1e-4, bool(v.stuck[-1]), bool(v.stuck[0])
    (True, True, False)
    """
    started = time.perf_counter()
    if method not in ORDER:
        raise DomainError(f"method: wanted one of {', '.join(ORDER)}, got {method!r}")
    at = as_point(x)
    best = difference(f, at)
    if best.value.shape != ():
        raise ShapeError(
            f"x, f: wanted two numbers, got a derivative of shape {best.value.shape} at x of shape {at.shape}",
            why="a valley is drawn for one derivative",
            fix="fix all but one component: step_study(lambda t: f(...t...), x[i])",
        )
    if steps is None:
        top, eps = max(1.0, abs(float(at))), float(np.finfo(at.dtype).eps)
        h = top * 10.0 ** -np.arange(0, -np.log10(eps) + 1.5, 0.25)
    else:
        h = np.sort(np.unique(as_point(steps, "steps").ravel()))[::-1]
    if not (h > 0).all():
        raise DomainError(f"steps: wanted positive numbers, got {h.min()}")
    line = lines(f, at)[0]
    rungs = climb(line)
    parts = [_differentiate(line, method, float(t), rungs) for t in h]
    values, truncation, rounding = (
        np.array([getattr(p, n).item() for p in parts]) for n in ("value", "truncation", "rounding")
    )
    stuck = np.array([p.stuck.item() for p in parts])
    values = np.where(stuck, 0.0, values)
    exact = float(best.value) if truth is None else float(truth)
    errors = np.abs(values - exact)
    usable = np.where(stuck | np.isnan(errors), np.inf, errors)
    return StepStudy(
        method=method,
        steps=h,
        values=values,
        truncation=truncation,
        rounding=rounding,
        errors=errors,
        stuck=stuck,
        best_step=float(h[np.argmin(usable)]) if np.isfinite(usable).any() else float("nan"),
        truth=exact,
        truth_error=float(best.error) if truth is None else 0.0,
        estimates={"truncation": truncation, "rounding": rounding},
        cost={"evaluations": line.count + best.cost["evaluations"], "seconds": time.perf_counter() - started},
    )
