"""Running sums: the area under a curve, cell by cell, as in a first course."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from ... import figure
from ...errors import DomainError, ShapeError
from .integrand import Integrand, number
from .quadrature import CELLS, MAX_CELLS
from .report import Note, Told, drawing, lines

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SumRule = Literal["left", "mid", "right", "trapezoid", "simpson"]


@dataclass(frozen=True)
class RunningSum(Told):
    """The sum of the cells so far, for every cell; all arrays have shape (n,).

    `left` and `right`: the ends of the cells; `cells`: rule times width; `value`: their cumulative sum, which is the
    area from the first left end up to `right`. (Plotted over `left`, as is often done, it is one cell early.)
    `error`: an estimate for each sum, from cells cut in half (for the rules other than Simpson's: from Simpson's).
    `width`: dx, or None on an uneven grid.
    """

    left: np.ndarray
    right: np.ndarray
    cells: np.ndarray
    value: np.ndarray
    error: np.ndarray
    rule: SumRule
    width: float | None
    function: Callable[..., Any] = field(repr=False, compare=False)

    def text(self, lang: str | None = None) -> str:
        i = int(np.argmin(self.value)) if np.isfinite(self.value).all() else 0
        return lines(
            Note(
                "running", rule=self.rule, count=len(self.value), low=float(self.left[0]), high=float(self.right[-1])
            ).text(lang),
            Note("running_last", value=repr(float(self.value[-1])), error=f"{self.error[-1]:.1e}").text(lang),
            Note("running_least", value=repr(float(self.value[i])), at=float(self.right[i])).text(lang),
        )

    def slope(self) -> tuple[np.ndarray, np.ndarray]:
        """(x, central differences of the sums there): by the fundamental theorem close to f(x). Shapes (n - 2,)."""
        return self.right[1:-1], (self.value[2:] - self.value[:-2]) / (self.right[2:] - self.right[:-2])

    def exact(self) -> list[Fraction]:
        """The sums in exact arithmetic, with a and dx as the decimals they are written as (0.1 is 1/10).

        Raises `DomainError` for an f that does not turn fractions into fractions, or an uneven grid.

        >>> [str(q) for q in running_sum(lambda x: 2 * x, (-10, 10), dx=0.1).exact()[::199]]
        ['-2', '-2']
        """
        if self.width is None:
            raise DomainError("exact: the grid is uneven", fix="give dx")
        a, dx = Fraction(repr(float(self.left[0]))), Fraction(repr(self.width))
        weights = [Fraction(w).limit_denominator(6) for w in CELLS[self.rule][1]]
        nodes = [Fraction(t) for t in CELLS[self.rule][0]]
        total, out = Fraction(0), []
        for i in range(len(self.value)):
            for t, w in zip(nodes, weights, strict=True):
                try:
                    y = self.function(a + (i + t) * dx)
                except (TypeError, AttributeError) as e:
                    raise self._not_rational(str(e)) from e
                if not isinstance(y, (int, Fraction)):
                    raise self._not_rational(f"it gives {type(y).__name__}")
                total += w * y * dx
            out.append(total)
        return out

    def _not_rational(self, why: str) -> DomainError:
        return DomainError(
            "exact: f does not turn fractions into fractions",
            why=why,
            fix="write f with + - * / and whole numbers only",
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """The curve f with the cells as bars, and the running sum over the right ends. Needs matplotlib."""
        with drawing(ax) as axes:
            width = self.right - self.left
            axes.bar(
                self.left,
                self.cells / width,
                width,
                align="edge",
                color=figure.BLUE,
                alpha=0.25,
                linewidth=0,
                label="f(x)",
            )
            axes.plot(self.right, self.value, color=figure.RED, label="Σ f(x) Δx")
            axes.legend()
            return axes


def running_sum(
    f: Callable[..., Any],
    x: Any,
    *,
    rule: SumRule = "left",
    dx: float | None = None,
    n: int | None = None,
) -> RunningSum:
    """The running sum of f over a grid: after each cell the area so far.

    x is (a, b) with dx or n (cells of equal width; with dx the left ends are `np.arange(a, b, dx)`), or an increasing
    array: with dx its entries are the left ends of cells of that width, without dx they are the edges of the cells.
    The sum is `np.cumsum(f(x) * dx)` to the last bit for the rule "left", and likewise for the others.

    Guarantee: none; the errors are estimates. Raises `ShapeError` and `DomainError` for an unfit grid, rule, dx or n.

    >>> s = running_sum(lambda x: 2 * x, (-10, 10), dx=0.1)
    >>> float(s.value[0]), float(s.value[-1])
    (-2.0, -2.000000000001413)
    """
    started = time.perf_counter()
    if rule not in get_args(SumRule):
        raise DomainError(f"rule: wanted one of {', '.join(get_args(SumRule))}, got {rule!r}")
    left, right, width = _grid(x, dx, n)
    g = Integrand(f, [(float(v),) for v in left[:: max(1, len(left) // 5)]])
    if g.shape:
        raise ShapeError(f"f: wanted one number for each x, got shape {g.shape}")
    dt: Any = right - left if width is None else width
    cells = cells_by(g, left, right, dt, rule)
    with np.errstate(all="ignore"):
        value = np.cumsum(cells)
        finer = cells_by(g, left, right, dt, "simpson")
        if rule == "simpson":
            half = (left + right) / 2
            finer = cells_by(g, left, half, dt / 2, rule) + cells_by(g, half, right, dt / 2, rule)
        rounding = 2.0**-52 * np.cumsum(np.abs(value) + np.abs(cells))
        error = np.abs(np.cumsum(cells - finer)) + rounding
    return RunningSum(
        left=left,
        right=right,
        cells=cells,
        value=value,
        error=error,
        rule=rule,
        width=width,
        function=f,
        estimates={"error": error},
        cost={"evaluations": g.evaluations, "seconds": time.perf_counter() - started},
    )


def cells_by(g: Integrand, left: np.ndarray, right: np.ndarray, dt: Any, rule: str) -> np.ndarray:
    with np.errstate(all="ignore"):
        if rule == "left":
            return g.many(left) * dt
        if rule == "right":
            return g.many(right) * dt
        middle = (left + right) / 2
        if rule == "mid":
            return g.many(middle) * dt
        ends = g.many(left) + g.many(right)
        return ends / 2 * dt if rule == "trapezoid" else (ends + 4 * g.many(middle)) / 6 * dt


def _grid(x: Any, dx: float | None, n: int | None) -> tuple[np.ndarray, np.ndarray, float | None]:
    h = None if dx is None else number(dx, "dx")
    if h is not None and not 0 < h < math.inf:
        raise DomainError(f"dx: wanted a positive finite number, got {dx!r}")
    if n is not None and (isinstance(n, bool) or not isinstance(n, (int, np.integer)) or not 1 <= n <= MAX_CELLS):
        raise DomainError(f"n: wanted a whole number from 1 to {MAX_CELLS}, got {n!r}")
    if isinstance(x, tuple):
        if len(x) != 2 or (h is None) == (n is None):
            raise DomainError("x: an interval is (a, b), with either dx or n", fix="running_sum(f, (a, b), dx=0.1)")
        a, b = number(x[0], "x"), number(x[1], "x")
        if not (math.isfinite(b - a) and a < b):
            raise DomainError(f"x: wanted finite a < b, got ({a!r}, {b!r})")
        if h is None:
            edges = np.linspace(a, b, int(n or 1) + 1)
            return edges[:-1], edges[1:], (b - a) / int(n or 1)
        count = round((b - a) / h) if (b - a) / h < MAX_CELLS + 1 else 0
        if not 1 <= count <= MAX_CELLS or abs((b - a) / h - count) > 1e-6:
            raise DomainError(
                f"dx: {h!r} does not divide [{a!r}, {b!r}] into 1 to {MAX_CELLS} whole cells",
                fix="choose another dx, or give n",
            )
        left = np.arange(a, b, h)[:count]
        return left, np.append(left[1:], b), h
    grid = np.asarray(x)
    if grid.ndim != 1 or grid.dtype.kind not in "fiu" or len(grid) < (1 if h else 2):
        raise ShapeError(
            f"x: wanted (a, b) or an increasing 1-d real array, got shape {grid.shape} and dtype {grid.dtype}"
        )
    grid = grid.astype(np.float64)
    if n is not None:
        raise DomainError("n: the array x already says how many cells there are")
    if not (np.isfinite(grid).all() and (np.diff(grid) > 0).all()):
        raise DomainError("x: wanted finite, increasing values")
    if h is None:
        return grid[:-1], grid[1:], None
    if len(grid) > 1 and np.max(np.abs(np.diff(grid) - h)) > 1e-6 * h:
        raise DomainError(f"dx: {h!r} is not the spacing of x", fix="leave dx out: then x holds the edges of the cells")
    return grid, np.append(grid[1:], grid[-1] + h), h
