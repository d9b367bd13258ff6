"""Claim against derivative, component by component, with the errors of both; what is wrong is confirmed beside the
point.

The reference is the ladder of difference quotients, which measures its own error. Where f traces, the graph's
derivative is a second witness: a claim that it confirms is never called wrong. A component is wrong only if
|claim - D| > 6 x the error of D + 10 x the scatter of the claim under moves of x by a few ulps. And it must stay so:
a wrong claim is wrong beside x too, or f' is continuous there; else x lies on a kink that no axis shows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...errors import CauchyError, ShapeError, TraceError
from ..difference import _elementwise
from ..differentiate import derivative, grad, hessian, jacobian
from ..ladder import Line, climb, lines
from .question import UNDEFINED, Called, Kind

ERRORS, SCATTER = 6.0, 10.0
CLOSE = 1e-6  # relative: constants written with six digits, single precision inside, guards such as 1e-8
COLUMNS = 256  # more components of x than this are tested through the graph, or a choice of them
ULPS = 8  # moves of x for the scatter
USABLE = ("smooth", "right", "left", "kink")

_NOT_TRACEABLE = (
    CauchyError, ArithmeticError, ValueError, TypeError, AttributeError, LookupError, RecursionError, RuntimeError,
)  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """Both sides at one point; arrays have the shape of the claim. `status` is one word for each component:

    "agrees", "close" (by less than 1e-6, yet more than rounding), "wrong", "disputed" (the two witnesses differ, the
    claim is with one of them), "undefined" (f, f' or the claim has no finite value), "unclear" (a jump, a staircase,
    noise), "untested".
    """

    x: Any
    claimed: np.ndarray
    derivative: np.ndarray
    low: np.ndarray
    high: np.ndarray
    error: np.ndarray
    scatter: np.ndarray
    kind: np.ndarray
    status: np.ndarray
    traced: bool

    @property
    def distance(self) -> np.ndarray:
        """How far the claim is from the set of limiting derivatives."""
        return np.fmax(np.fmax(self.low - self.claimed, self.claimed - self.high), 0.0)

    @property
    def tolerance(self) -> np.ndarray:
        return ERRORS * self.error + SCATTER * self.scatter

    def digits(self) -> float | None:
        """Significant digits to which the claim is known to agree, over the components that are not lost in the
        error."""
        size = np.fmax(np.abs(self.low), np.abs(self.high))
        with np.errstate(all="ignore"):
            loss = (self.distance + self.error) / size
        use = np.isin(self.status, ("agrees", "close")) & (size > 3 * self.tolerance)
        return float(np.clip(-np.log10(np.max(loss[use])), 0, 16)) if use.any() and np.max(loss[use]) > 0 else None


class Bench:
    """f and the claim, measured at points of one shape."""

    def __init__(self, f: Called, claim: Called, kind: Kind, shape: tuple[int, ...]) -> None:
        self.f, self.claim, self.kind, self.shape = f, claim, kind, shape  # `shape`: of the derivative
        self.traces = True
        self.slopes: Callable[[Any], np.ndarray] = self._gradient if kind == "hessian" else f

    def _gradient(self, x: Any) -> np.ndarray:
        """What a Hessian is the Jacobian of."""
        try:
            return np.asarray(grad(self.f.function, self.f.argument)(*self.f.arguments(x)))
        except CauchyError as problem:
            raise TraceError(
                f"the Hessian of `{self.f.name}` cannot be checked: it does not trace",
                where=problem.where,
                why=f"differences of differences are too noisy ({problem.what})",
                fix='check the gradient, then the Hessian as its Jacobian: check(gradient, hessian, kind="jacobian")',
            ) from problem

    # -- the two witnesses -------------------------------------------------------------------------

    def reference(self, x: np.ndarray, columns: np.ndarray | None = None) -> list[np.ndarray]:
        """value, error, left, right, kind of the derivative by the ladder, flat, as (outputs, columns) or
        (entries,)."""
        g = self.slopes
        if self.kind == "elementwise":
            parts = [climb(_elementwise(g, x) if columns is None else Line(g, x, elementwise=True)).slope]
        else:
            along = lines(g, x)
            parts = [climb(along[k]).slope for k in (range(x.size) if columns is None else columns)]
        names = ("value", "error", "left", "right", "kind")
        found = [np.stack([np.ravel(getattr(p, name)) for p in parts], axis=-1) for name in names]
        return [a[:, 0] for a in found] if self.kind == "elementwise" else found

    def graph(self, x: np.ndarray) -> np.ndarray | None:
        """The derivative by the graph, flat; None where f does not trace."""
        if not self.traces:
            return None
        try:
            with np.errstate(all="ignore"):
                out = self.differentiated()(x if x.ndim else x[()])
            return np.asarray(out, dtype=float).reshape(self.shape)
        except _NOT_TRACEABLE:
            self.traces = False
            return None

    def differentiated(self) -> Callable[[Any], Any]:
        """The derivative by the graph as a function of the varied argument, to be traced itself."""
        f, i, args = self.f.function, self.f.argument, list(self.f.others)
        alone = lambda v: f(*args[:i], v, *args[i + 1 :])
        how = {"gradient": grad, "hessian": hessian, "elementwise": derivative}.get(self.kind, jacobian)
        return how(alone)

    # -- one point ----------------------------------------------------------------------------------

    def claimed(self, x: np.ndarray) -> np.ndarray:
        """The claim in the shape of the derivative; NaN where it is undefined."""
        c = self.claim.at(x if x.ndim else x[()])
        if c is None:
            return np.full(self.shape, np.nan)
        if c.size != int(np.prod(self.shape)):
            raise ShapeError(
                f"the claim `{self.claim.name}` returned shape {c.shape} at one point and {self.shape} at another"
            )
        return c.astype(np.float64).reshape(self.shape)

    def scatter(self, x: np.ndarray, c: np.ndarray, single: bool) -> np.ndarray:
        """The largest change of the claim when x moves by 1 to 4 ulps, and its own last bits."""
        rng = np.random.default_rng(1847)
        unit = np.spacing(np.abs(x))
        if single and x.dtype != np.float32:
            unit = np.spacing(np.abs(x).astype(np.float32)).astype(np.float64)
        largest = np.zeros(c.shape)
        with np.errstate(all="ignore"):
            for k in range(ULPS):
                steps = rng.integers(1, 5, x.shape) * (rng.choice([-1.0, 1.0], x.shape) if k > 1 else (-1.0) ** k)
                moved = (x + steps * unit).astype(x.dtype)
                largest = np.fmax(largest, np.abs(self.claimed(moved) - c))
            return largest + np.abs(c) * (2.0**-21 if single else 2.0**-50)

    def measure(self, x: Any, columns: np.ndarray | None = None) -> Measured:
        """Claim and derivative at x (of chosen columns, if asked), compared."""
        x = np.asarray(x)
        raw = self.claim.at(x if x.ndim else x[()])
        c = self.claimed(x)
        fit = (-1, x.size) if self.kind != "elementwise" else (x.size,)
        blank = np.full(c.shape, np.nan).reshape(fit)
        value, error, left, right = (blank.copy() for _ in range(4))
        word = np.full(blank.shape, "untested", dtype="<U10")
        if columns is None and x.size > COLUMNS and self.kind != "elementwise":
            columns = np.random.default_rng(x.size).choice(x.size, COLUMNS // 4, replace=False)
        try:
            parts = self.reference(x, columns)
        except UNDEFINED as problem:
            if isinstance(problem, CauchyError):
                raise
            word[:] = "undefined"
        else:
            where: Any = ... if columns is None or self.kind == "elementwise" else (slice(None), columns)
            for whole, part in zip((value, error, left, right, word), parts, strict=True):
                whole[where] = part
        value, error, left, right, word = (a.reshape(c.shape) for a in (value, error, left, right, word))
        auto = self.graph(x)
        single = (raw is not None and raw.dtype == np.float32) or x.dtype == np.float32 or self._single(x, c)
        scatter = self.scatter(x, c, single) if np.isfinite(c).any() else np.full(c.shape, np.nan)
        kink = word == "kink"
        low, high = np.where(kink, np.fmin(left, right), value), np.where(kink, np.fmax(left, right), value)
        m = Measured(x, c, value, low, high, error, scatter, word, word.copy(), auto is not None)
        return self._judge(m, auto)

    def _single(self, x: np.ndarray, c: np.ndarray) -> bool:
        """Whether the claim has only float32 digits though x has more."""
        short = lambda a: bool((a.astype(np.float32) == a).all())
        with np.errstate(over="ignore"):
            return bool(np.isfinite(c).all()) and short(c) and not short(x) and bool((c != np.rint(c)).any())

    def _judge(self, m: Measured, auto: np.ndarray | None) -> Measured:
        with np.errstate(all="ignore"):
            size = np.fmax(np.abs(m.low), np.abs(m.high))
            near = CLOSE * size
            status = np.where(m.distance > m.tolerance, np.where(m.distance > near, "wrong", "close"), "agrees")
            status = status.astype("<U10")
            # excused by the claim's own scatter alone, which is as large as what is compared: nothing is seen
            blurred = (m.distance > ERRORS * m.error + near) & (status == "agrees") & (2 * SCATTER * m.scatter > size)
            status[blurred] = "unclear"
            value = m.derivative
            if auto is not None:
                # agreement with the graph's derivative is agreement, whatever the ladder says
                own = SCATTER * m.scatter + CLOSE * np.abs(auto)
                with_graph = np.abs(m.claimed - auto) <= own
                status[(status == "wrong") & with_graph] = "disputed"
                apart = (auto < m.low - ERRORS * m.error) | (auto > m.high + ERRORS * m.error)
                status[(status == "wrong") & apart] = "disputed"
                sharp = ~apart & (m.kind != "kink") & np.isfinite(auto)
                untested = (m.kind == "untested") & np.isfinite(auto)
                value = np.where(sharp | untested, auto, value)
                status[untested] = np.where(with_graph, "agrees", "suspect")[untested]
            else:
                status[m.kind == "untested"] = "untested"
        status[~np.isin(m.kind, (*USABLE, "untested"))] = "unclear"
        status[(m.kind == "undefined") | ~np.isfinite(m.claimed)] = "undefined"
        return replace(m, derivative=value, status=status)

    # -- confirmation -------------------------------------------------------------------------------

    def confirm(self, m: Measured) -> tuple[int, ...] | None:
        """The index of the worst wrong component, if it is wrong beyond the one point; else None."""
        suspects = np.argwhere(m.status == "suspect")
        if len(suspects):  # only the graph was asked so far: ask the ladder about the worst of them
            gap = np.where(m.status == "suspect", np.abs(m.claimed - m.derivative), -1.0)
            k = np.unravel_index(int(np.argmax(gap)), gap.shape)
            m = self.measure(m.x, np.array([int(np.ravel_multi_index(k, gap.shape)) % np.size(m.x)]))
        weight = self._weights(m)
        for flat in np.argsort(-weight, axis=None)[:3]:
            index = tuple(int(i) for i in np.unravel_index(flat, weight.shape))
            if weight[index] < 0:
                break
            if self._stays(m, index):
                return index
        return None

    def _weights(self, m: Measured) -> np.ndarray:
        """How telling each wrong component is; -1 for the others."""
        with np.errstate(all="ignore"):
            weight = m.distance / (np.fmax(np.abs(m.derivative), np.abs(m.claimed)) + np.finfo(float).tiny)
            weight = weight * np.sqrt(np.abs(m.claimed - m.derivative))
        return np.where(m.status == "wrong", np.where(np.isfinite(weight), weight, 0.0), -1.0)

    def worst(self, m: Measured) -> tuple[int, ...] | None:
        """The index of the worst wrong component, unconfirmed."""
        weight = self._weights(m)
        index = tuple(int(i) for i in np.unravel_index(int(np.argmax(weight)), weight.shape))
        return index if weight[index] >= 0 else None

    def _stays(self, m: Measured, index: tuple[int, ...]) -> bool:
        x = np.asarray(m.x)
        column = int(np.ravel_multi_index(index, m.claimed.shape)) % x.size if m.claimed.ndim else 0
        size = np.where(x == 0, np.max(np.abs(x), initial=0.0) or 1.0, np.abs(x))
        rng = np.random.default_rng(column)
        steady: list[bool] = []
        gap = float(m.distance[index])
        for side in (1.0, -1.0):
            r = 2.0**-13 * size * rng.uniform(0.5, 1.0, x.shape)
            step = side * r * (np.sign(rng.standard_normal(x.shape)) if x.size > 1 else 1.0)
            if x.size > 1:
                step.flat[column] = side * r.flat[column]
            beside = self.measure((x + step).astype(x.dtype), np.array([column]))
            match str(beside.status[index]):
                case "wrong":
                    return True
                case "undefined" | "unclear" | "untested":
                    continue
            wanted = m.derivative[index]
            if m.kind[index] == "kink":
                if x.size > 1:
                    continue
                wanted = m.low[index] if abs(beside.derivative[index] - m.low[index]) < gap / 4 else m.high[index]
            steady.append(bool(abs(beside.derivative[index] - wanted) <= gap / 4))
        return len(steady) > 0 and all(steady)
