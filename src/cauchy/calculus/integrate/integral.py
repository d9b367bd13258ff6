"""The definite integral of a function, in one or several dimensions, with an estimate of its error."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from ... import figure
from ...errors import DomainError, ShapeError
from .integrand import Integrand, number
from .quadrature import MAX_CELLS, Quadrature, adaptive, by_rule
from .report import Note, Told, drawing, lines, short
from .volume import Bound, box

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Rule = Literal["adaptive", "left", "mid", "right", "trapezoid", "simpson", "gauss"]


@dataclass(frozen=True)
class Integral(Told):
    """The value of an integral, and how far to trust it.

    `value`: a float, or an array of the shape of f(x); NaN where no number could be given, infinite where f surely
    diverges with one sign. `error`: an estimate, not a bound (for arrays: of the largest component); infinite if
    there is no number.
    `method`; `evaluations` of f; `singular`: interior and end points where f blows up or is undefined; `notes`: what
    was noticed. The verdict is always undecided: f was seen at finitely many places.
    """

    value: Any
    error: float
    method: str
    evaluations: int
    lower: Any
    upper: Any
    singular: tuple[float, ...] = ()
    notes: tuple[Note, ...] = ()
    function: Callable[..., Any] | None = field(default=None, repr=False, compare=False)

    @property
    def converged(self) -> bool:
        """Is there a number?"""
        return bool(np.isfinite(self.value).all())

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was noticed, as sentences in the user's language."""
        return tuple(n.text() for n in self.notes)

    def text(self, lang: str | None = None) -> str:
        fields = {"value": short(self.value), "error": f"{self.error:.1e}", "method": self.method}
        head = Note("value" if self.converged else "no_value", evaluations=self.evaluations, **fields).text(lang)
        where = (
            Note("singular", where=", ".join(f"{p:.6g}" for p in self.singular)).text(lang) if self.singular else None
        )
        return lines(head, where, *(n.text(lang) for n in self.notes))

    def plot(self, ax: Axes | None = None) -> Axes:
        """The curve with the area between it and the axis, positive and negative in two colors. Needs matplotlib."""
        if self.function is None or isinstance(self.lower, tuple) or np.ndim(self.value):
            raise ShapeError("plot: wanted the integral of a number-valued function of one variable")
        low, high = sorted((self.lower, self.upper))
        low, high = max(low, min(high, 0.0) - 20.0), min(high, max(low, 0.0) + 20.0)
        with drawing(ax) as axes:
            x = np.linspace(low, high, 801)
            y = Integrand(self.function, [(float(v),) for v in x[1:-1:97]]).many(x)
            axes.plot(x, y, color=figure.BLUE)
            axes.fill_between(x, y, where=y >= 0, color=figure.BLUE, alpha=0.2, interpolate=True, linewidth=0)
            axes.fill_between(x, y, where=y < 0, color=figure.RED, alpha=0.2, interpolate=True, linewidth=0)
            for p in self.singular:
                axes.axvline(p, color=figure.GRAY, linestyle=":")
            finite = np.sort(np.abs(y[np.isfinite(y)]))
            if self.singular and len(finite):
                top = 1.5 * float(finite[int(0.97 * (len(finite) - 1))])
                axes.set_ylim(-top if (y < 0).any() else -0.05 * top, top)
            axes.axhline(0, color=figure.GRAY, linewidth=0.8)
            return axes


def integrate(
    f: Callable[..., Any],
    a: Bound | Sequence[Bound],
    b: Bound | Sequence[Bound],
    *,
    rule: Rule = "adaptive",
    n: int | None = None,
    points: Iterable[float] | None = None,
    rtol: float | None = None,
    atol: float = 0.0,
) -> Integral:
    """The definite integral of f from a to b, with an estimate of its error.

    One variable: a and b are numbers, infinite ones and a > b too; f takes a number, or an array of them, and returns
    a number or an array (then so is the value). Several: a and b are sequences of d bounds, f takes d arguments, and
    a bound may be a function of the variables before it: `integrate(f, [0, 0], [1, lambda x: x])`.

    `rule="adaptive"` samples f on a mesh that refines itself where the mass of f is, looks how f behaves at both ends
    and wherever it blows up or is NaN, and lets QUADPACK loose on panels cut accordingly. `points` are places to cut
    at that you know of (narrow peaks, jumps). It aims at an error below max(atol, rtol * integral of |f|); rtol is
    1e-12 by default, 1e-8 in two or three dimensions, 1e-6 in more. Any other rule is applied as in books, on n equal
    cells ("gauss": n nodes of Gauss-Legendre); its error is judged from 2n cells.

    Where the integral diverges, where f is NaN on an interval, or where no convergence is seen, the value is NaN or
    infinite, the error infinite, and `warnings` say why; Cauchy's principal value is then among the `estimates`, if
    there is one.

    Guarantee: none, the error is an estimate. What vanishes exactly at every point of the first mesh is not seen.
    Raises `ShapeError` for limits that are no real numbers and for an f that returns anything but real numbers,
    `DomainError` for NaN limits and unfit options; what f raises everywhere passes through.

    References: R. Piessens, E. de Doncker-Kapenga, C. W. Überhuber, D. K. Kahaner, QUADPACK (1983).

    >>> import numpy as np
    >>> q = integrate(np.sin, 0, np.pi)
    >>> abs(q.value - 2) <= q.error < 1e-12
    True
    >>> print(integrate(lambda x: 1 / x, -1, 2).text("en"))
    no value (adaptive, ... evaluations)
      singular points: 0
      The integral diverges at 0: the mass of f does not fall on the way there.
      Cauchy's principal value, which lets both sides cancel, is 0.693147.
    >>> round(integrate(lambda x, y: x * y, [0, 0], [1, lambda x: x]).value, 12)
    0.125
    """
    started = time.perf_counter()
    if rule not in get_args(Rule):
        raise DomainError(f"rule: wanted one of {', '.join(get_args(Rule))}, got {rule!r}")
    several = _several(a) or _several(b)
    rtol = _tolerance(len(np.atleast_1d(np.array(a, dtype=object))) if several else 1) if rtol is None else rtol
    for name, tolerance in (("rtol", rtol), ("atol", atol)):
        if not 0 <= number(tolerance, name) < math.inf:
            raise DomainError(f"{name}: wanted a number >= 0, got {tolerance!r}")
    if several:
        if rule != "adaptive" or n is not None or points is not None:
            raise DomainError("rule, n, points: are for one variable only", fix="leave them out")
        g, found, low, high = box(f, a, b, rtol, atol)
    else:
        low, high = number(a, "a"), number(b, "b")
        g, found = _line(f, low, high, rule, _cells(rule, n), _inside(points, low, high), rtol, atol)
    return Integral(
        value=found.value,
        error=found.error,
        method=found.method,
        evaluations=g.evaluations,
        lower=low,
        upper=high,
        singular=tuple(found.singular),
        notes=tuple(found.notes),
        function=f,
        estimates={"error": found.error} | found.estimates,
        cost={"evaluations": g.evaluations, "seconds": time.perf_counter() - started},
    )


def _tolerance(dimensions: int) -> float:
    return 1e-12 if dimensions == 1 else 1e-8 if dimensions <= 3 else 1e-6


def _several(limit: Any) -> bool:
    return isinstance(limit, (list, tuple)) or np.ndim(limit) > 0


def _cells(rule: str, n: int | None) -> int:
    if rule == "adaptive":
        if n is not None:
            raise DomainError('n: "adaptive" chooses its own cells', fix="leave n out, or name a rule")
        return 0
    if n is None:
        return 20 if rule == "gauss" else 1000
    most = 1000 if rule == "gauss" else MAX_CELLS
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or not 1 <= n <= most:
        raise DomainError(f"n: wanted a whole number from 1 to {most}, got {n!r}")
    return int(n)


def _inside(points: Iterable[float] | None, a: float, b: float) -> tuple[float, ...]:
    if points is None:
        return ()
    low, high = min(a, b), max(a, b)
    given = tuple(number(p, "points") for p in points)
    if len(given) > 100:
        raise DomainError(f"points: wanted at most 100, got {len(given)}")
    for p in given:
        if not low <= p <= high:
            raise DomainError(f"points: {p!r} lies outside [{low!r}, {high!r}]")
    return tuple(sorted({p for p in given if low < p < high}))


def _line(
    f: Callable[..., Any],
    a: float,
    b: float,
    rule: str,
    n: int,
    points: tuple[float, ...],
    rtol: float,
    atol: float,
) -> tuple[Integrand, Quadrature]:
    if a == b:
        if math.isinf(a):
            raise DomainError("a, b: are the same infinity")
        g = Integrand(f, [(a,)])
        return g, Quadrature(np.zeros(g.shape) if g.shape else 0.0, 0.0, rule)
    low, high = min(a, b), max(a, b)
    if math.isfinite(low) and math.isfinite(high) and math.isinf(high - low):
        raise DomainError("a, b: lie further apart than the largest double", fix="use infinite limits")
    g = Integrand(f, [(p,) for p in _probes(low, high)])
    if rule == "adaptive":
        found = adaptive(g, low, high, points, rtol, atol)
    elif math.isinf(low) or math.isinf(high):
        raise DomainError(f'a, b: the rule "{rule}" needs finite limits', fix='use rule="adaptive"')
    else:  # seen from a, left and right change sides
        turned = {"left": "right", "right": "left"}.get(rule, rule) if a > b else rule
        found = by_rule(g, low, high, turned, n)
        found.method = f"{rule}, n = {n}"
    if a > b:
        found.value = -found.value
        if "principal_value" in found.estimates:
            found.estimates["principal_value"] *= -1
    return g, found


def _probes(a: float, b: float) -> list[float]:
    if math.isfinite(a) and math.isfinite(b):
        return [a + (b - a) * t for t in (0.4871, 0.2113, 0.8517, 0.0419, 0.9641)]
    if math.isfinite(a) or math.isfinite(b):
        start, sign = (a, 1.0) if math.isfinite(a) else (b, -1.0)
        return [start + sign * t for t in (0.9137, 0.1213, 7.31, 51.7, 0.0119)]
    return [0.1137, -0.9213, 3.17, -17.3, 91.1]
