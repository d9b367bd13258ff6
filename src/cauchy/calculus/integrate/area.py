"""Areas between curves, with and without sign, and the volumes of solids of revolution."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ... import figure
from ...errors import DomainError, ShapeError
from .integral import Integral, integrate
from .integrand import Integrand, number
from .report import Note, Told, drawing, lines
from .scan import first_mesh

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_CROSSINGS = 200


@dataclass(frozen=True)
class Area(Told):
    """The area between the curve f and the curve g (or the axis) from a to b, both ways of counting.

    `signed`: the integral of f - g, where what lies below counts negative. `unsigned`: the integral of |f - g|, the
    size of the region. `error`: an estimate for either. `crossings`: where f - g changes its sign; `pieces`: the
    integrals between them.
    """

    signed: float
    unsigned: float
    error: float
    crossings: tuple[float, ...]
    pieces: tuple[Integral, ...]
    notes: tuple[Note, ...]
    functions: tuple[Callable[..., Any], Callable[..., Any] | None] = field(repr=False, compare=False)

    def text(self, lang: str | None = None) -> str:
        head = Note("area", signed=repr(self.signed), unsigned=repr(self.unsigned), error=f"{self.error:.1e}").text(
            lang
        )
        where = ", ".join(f"{c:.10g}" for c in self.crossings[:20]) + (", ..." if len(self.crossings) > 20 else "")
        cross = Note("crossings", count=len(self.crossings), where=where).text(lang) if self.crossings else None
        return lines(head, cross, *(n.text(lang) for n in self.notes))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Both curves with the region between them, the part below in another color. Needs matplotlib."""
        f, g = self.functions
        ends = [v for p in self.pieces for v in (p.lower, p.upper)]
        low, high = min(ends), max(ends)
        if not (math.isfinite(low) and math.isfinite(high)):
            raise DomainError("plot: the region has no end")
        with drawing(ax) as axes:
            x = np.linspace(low, high, 801)
            probes = [(float(v),) for v in x[1:-1:97]]
            y = Integrand(f, probes).many(x)
            base = np.zeros_like(x) if g is None else Integrand(g, probes).many(x)
            axes.plot(x, y, color=figure.BLUE)
            axes.plot(x, base, color=figure.GRAY, linewidth=0.8 if g is None else 1.8)
            axes.fill_between(x, y, base, where=y >= base, color=figure.BLUE, alpha=0.2, interpolate=True, linewidth=0)
            axes.fill_between(x, y, base, where=y < base, color=figure.RED, alpha=0.2, interpolate=True, linewidth=0)
            return axes


def area(
    f: Callable[..., Any],
    a: float,
    b: float,
    g: Callable[..., Any] | None = None,
    *,
    rtol: float = 1e-12,
    atol: float = 0.0,
) -> Area:
    """The signed and the unsigned area between f and g (default: the axis) from a to b.

    The interval is split where f - g changes its sign: at sign changes on a fine mesh and at pairs of them found by
    following each valley of |f - g| to its bottom; a lobe between two such places is integrated by itself. With a > b
    the signed area changes its sign, the unsigned one does not.

    Guarantee: none, `error` is an estimate. Raises as `integrate` does.

    >>> s = area(lambda x: 2 * x, -10, 10)
    >>> print(s.text("en"))
    signed area 0.0, unsigned area 200.0, estimated error ...
      sign changes: 1, at 0
    >>> round(area(lambda x: x, 0, 1, lambda x: x**2).unsigned, 12)
    0.166666666667
    """
    started = time.perf_counter()
    low, high = sorted((number(a, "a"), number(b, "b")))
    sign = -1.0 if number(a, "a") > number(b, "b") else 1.0
    h = f if g is None else (lambda x: f(x) - g(x))
    cuts, calls = list[float](), 0
    if low < high:
        probe = Integrand(h, [(float(v),) for v in first_mesh(low, high, ())[1::379]])
        if probe.shape:
            raise ShapeError(f"f: wanted one number, got shape {probe.shape}", fix="take each component by itself")
        cuts, calls = _crossings(probe, low, high), probe.evaluations
    notes: list[Note] = []
    if len(cuts) > MOST_CROSSINGS:
        notes.append(Note("many_crossings", count=len(cuts)))
        signed = integrate(h, low, high, rtol=rtol, atol=atol)
        pieces = [integrate(lambda x: np.abs(h(x)), low, high, rtol=rtol, atol=atol)]
        total, error = signed.value, max(signed.error, pieces[0].error)
    else:
        ends = [low, *cuts, high]
        pieces = [integrate(h, p, q, rtol=rtol, atol=atol) for p, q in itertools.pairwise(ends)]
        total, error = _sum([p.value for p in pieces]), sum(p.error for p in pieces)
    notes += list(dict.fromkeys(n for p in pieces for n in p.notes if n.entry != "all_zero"))
    return Area(
        signed=sign * total + 0.0,
        unsigned=_sum([abs(p.value) for p in pieces]),
        error=error,
        crossings=tuple(cuts),
        pieces=tuple(pieces),
        notes=tuple(notes),
        functions=(f, g),
        estimates={"error": error},
        cost={
            "evaluations": sum(p.evaluations for p in pieces) + calls,
            "seconds": time.perf_counter() - started,
        },
    )


def _sum(values: list[float]) -> float:
    return math.fsum(values) if np.isfinite(values).all() else float(np.sum(values))


def _crossings(h: Integrand, low: float, high: float) -> list[float]:
    """Sign changes of h, by bisection to the last bit."""
    x = first_mesh(low, high, ())
    y = h.many(x)
    x, y = x[np.isfinite(y)], y[np.isfinite(y)]
    x, y = _with_valleys(h, x, y)
    x, y = (
        x[y != 0],
        y[y != 0],
    )  # at a touch, and along a stretch of zeros, the sign changes between the neighbors or not at all
    i = np.flatnonzero(np.sign(y[1:]) != np.sign(y[:-1]))
    left, right, before = x[i].copy(), x[i + 1].copy(), np.sign(y[i])
    if not len(i):
        return []
    for _ in range(80):
        middle = left / 2 + right / 2
        same = np.sign(h.many(middle)) == before
        left, right = np.where(same, middle, left), np.where(same, right, middle)
    at = np.where(np.abs(h.many(left)) <= np.abs(h.many(right)), left, right)
    return [0.0 if lo <= 0 <= hi else float(m) for lo, hi, m in zip(left, right, at, strict=True)]


def _with_valleys(h: Integrand, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mesh with the bottoms of the valleys of |h| between points of one sign, where two roots may hide."""
    if len(x) < 3:
        return x, y
    s = np.abs(y)
    one = (np.sign(y[:-2]) == np.sign(y[1:-1])) & (np.sign(y[1:-1]) == np.sign(y[2:]))
    at = 1 + np.flatnonzero(one & (s[1:-1] <= s[:-2]) & (s[1:-1] <= s[2:]))
    if not len(at):
        return x, y
    low, high, sign = x[at - 1].copy(), x[at + 1].copy(), np.sign(y[at])
    ratio = (math.sqrt(5) - 1) / 2
    tried: list[tuple[np.ndarray, np.ndarray]] = []
    for _ in range(40):
        p, q = high - ratio * (high - low), low + ratio * (high - low)
        values = h.many(np.concatenate([p, q]))
        tried.append((np.concatenate([p, q]), values))
        hp, hq = np.split(values, 2)
        lower = hp * sign < hq * sign
        low, high = np.where(lower, low, p), np.where(lower, q, high)
    more, values = (np.concatenate(v) for v in zip(*tried, strict=True))
    flips = np.isfinite(values) & (np.tile(np.tile(sign, 2), 40) * values < 0)
    x, first = np.unique(np.concatenate([x, more[flips]]), return_index=True)
    return x, np.concatenate([y, values[flips]])[first]


def volume_of_revolution(
    f: Callable[..., Any],
    a: float,
    b: float,
    *,
    axis: Literal["x", "y"] = "x",
    rtol: float = 1e-12,
    atol: float = 0.0,
) -> Integral:
    """The volume of the solid that the region between the curve f and the x axis, from a to b, sweeps out in one turn.

    About the x axis: disks, pi * integral of f(x)^2. About the y axis: shells, 2 pi * integral of |x f(x)|; the
    region must lie on one side of the axis. Order of a and b does not matter. Guarantee: none, the error is an
    estimate. Raises as `integrate`, and `DomainError` where the region lies on both sides of the axis it turns about.

    >>> import numpy as np
    >>> v = volume_of_revolution(np.sqrt, 0, 1)
    >>> abs(v.value - np.pi / 2) <= v.error < 1e-12
    True
    """
    if axis not in ("x", "y"):
        raise DomainError(f'axis: wanted "x" or "y", got {axis!r}')
    low, high = sorted((number(a, "a"), number(b, "b")))
    if axis == "y" and low < 0 < high:
        raise DomainError(
            f"a, b: [{low:g}, {high:g}] lies on both sides of the y axis",
            why="both halves sweep out the same space, which would count twice",
            fix="take a >= 0, or b <= 0",
        )

    def slice_(x: Any) -> Any:
        y = f(x)
        return np.pi * np.square(y) if axis == "x" else 2 * np.pi * np.abs(x * y)

    return integrate(slice_, low, high, rtol=rtol, atol=atol)
