"""Where a running sum and an antiderivative part: the fundamental theorem of calculus, with its small print."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ... import figure
from ...errors import DomainError, ShapeError
from .integrand import Integrand
from .report import Note, Told, drawing, lines
from .sums import SumRule, cells_by, running_sum

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class FundamentalDefect(Told):
    """The defect S_i - F(x_i) of a running sum S against F, in parts that add up to it; arrays of shape (n,).

    `x`: where each sum stands (the left or the right end of its last cell); `sum`; `antiderivative`: F(x); `defect`.
    `constant`: -F(a), the choice of C. `bias`: what the rule adds by taking each cell at one side; for the left rule
    -dx/2 (f(u) - f(a)), u the right end (the first term of Euler and Maclaurin). `curvature`: what the bend of f
    inside the cells adds, of the order dx^2. `offset`: F(u) - F(x), as a sum that belongs to u stands over x. `rest`:
    the remainder, of the order dx^4 plus rounding, if F' = f. `allowance`: an estimate of how large the rest may then
    be; `explained`: it is not larger.
    """

    x: np.ndarray
    sum: np.ndarray
    antiderivative: np.ndarray
    constant: float
    bias: np.ndarray
    curvature: np.ndarray
    offset: np.ndarray
    rest: np.ndarray
    allowance: np.ndarray
    rule: SumRule
    at: str

    @property
    def defect(self) -> np.ndarray:
        return self.sum - self.antiderivative

    @property
    def explained(self) -> bool:
        """Is the rest as small as it should be if F' = f?"""
        return bool((np.abs(self.rest) <= self.allowance).all())

    def text(self, lang: str | None = None) -> str:
        def span(v: np.ndarray) -> dict[str, Any]:
            return {"low": float(np.min(v)), "high": float(np.max(v))}

        d = self.defect
        parts = [
            Note("defect", rule=self.rule, first=float(d[0]), last=float(d[-1]), **span(d)).text(lang),
            Note("defect_constant", value=self.constant).text(lang),
        ]
        if self.rule in ("left", "right"):
            parts.append(Note(f"defect_{self.rule}", **span(self.bias)).text(lang))
        if (np.abs(self.curvature) > self.allowance).any():
            parts.append(Note("defect_curvature", **span(self.curvature)).text(lang))
        if self.at == "left":
            parts.append(Note("defect_offset", **span(self.offset)).text(lang))
        worst = int(np.argmax(np.abs(self.rest) - self.allowance))
        entry = "defect_rest" if self.explained else "defect_unexplained"
        parts.append(Note(entry, value=float(np.max(np.abs(self.rest))), at=float(self.x[worst])).text(lang))
        return lines(*parts)

    def plot(self, ax: Axes | None = None) -> Axes:
        """The running sum and F, one above the other, with the gap at both ends. Needs matplotlib."""
        with drawing(ax) as axes:
            axes.plot(self.x, self.sum, label=f"Σ f(x) Δx ({self.rule})")
            axes.plot(self.x, self.antiderivative, label="F(x)")
            for i in (0, -1):
                low, high = sorted((self.sum[i], self.antiderivative[i]))
                axes.vlines(self.x[i], low, high, color=figure.GRAY, linestyle=":")
                axes.annotate(
                    f"{self.defect[i]:.6g}",
                    (self.x[i], (low + high) / 2),
                    color=figure.GRAY,
                    ha="left" if i == 0 else "right",
                )
            axes.legend()
            return axes


def fundamental_defect(
    f: Callable[..., Any],
    F: Callable[..., Any],
    x: Any,
    *,
    rule: SumRule = "left",
    dx: float | None = None,
    n: int | None = None,
    at: Literal["left", "right"] = "right",
) -> FundamentalDefect:
    """How far a running sum of f is from F, and why: the constant, the side taken in each cell, and what is left.

    x, dx, n: the grid, as in `running_sum`. `at`: the sum after each cell is compared with F at the cell's right end,
    where it belongs, or at the left end, where `plt.plot(x, cumsum)` draws it. F: a function of arrays or numbers,
    such as an `Antiderivative`.

    Guarantee: the parts add up to the defect by construction (to rounding); that the rest is small is an observation.
    Raises as `running_sum`, and `DomainError` for an f or F that is not finite on the grid.

    References: L. Euler (1738) and C. Maclaurin (1742) on sums and integrals.

    >>> d = fundamental_defect(lambda x: 2 * x, lambda x: x**2, (-10, 10), dx=0.1)
    >>> print(d.text("en"))
    The running sum (left rule) minus F goes from -100.01 to -102, between -102 and -100.01.
      The constant -F(a) = -100: the sum starts at 0, F does not. This is the choice of C.
      The left ends of the cells add -dx/2 (f(u) - f(a)): between -2 and -0.01.
      The rest is at most ...: rounding, and terms of the order dx^4.
    """
    started = time.perf_counter()
    if at not in ("left", "right"):
        raise DomainError(f'at: wanted "left" or "right", got {at!r}')
    s = running_sum(f, x, rule=rule, dx=dx, n=n)
    left, right = s.left, s.right
    g, G = (Integrand(h, [(float(v),) for v in left[:: max(1, len(left) // 5)]]) for h in (f, F))
    if G.shape:
        raise ShapeError(f"F: wanted one number for each x, got shape {G.shape}")
    dt: Any = right - left if s.width is None else s.width
    half = (left + right) / 2
    trapezoid, simpson = (cells_by(g, left, right, dt, r) for r in ("trapezoid", "simpson"))
    finer = cells_by(g, left, half, dt / 2, "simpson") + cells_by(g, half, right, dt / 2, "simpson")
    at_right, start = G.many(right), float(G.many(left[:1])[0])
    here = at_right if at == "right" else G.many(left)
    if not (
        np.isfinite(s.value).all() and np.isfinite(here).all() and np.isfinite(simpson).all() and np.isfinite(start)
    ):
        raise DomainError("f, F: are not finite everywhere on the grid", fix="choose a grid inside their domain")
    middle = trapezoid if rule in ("left", "right") else s.cells
    total = np.cumsum(simpson)
    # Simpson's own error by halving; below it, the rounding of the sums, of F, and of the grid (dx against the gaps
    # of x)
    eps = 2.0**-52
    cells = np.arange(1, len(left) + 1)
    size = np.maximum.accumulate(np.abs(total)) + np.cumsum(np.abs(s.cells)) + np.abs(at_right) + abs(start)
    drift = np.cumsum(np.abs(right - left - dt) * np.abs(g.many(half)))
    allowance = 4 * np.cumsum(np.abs(simpson - finer)) + eps * (size * 8 + cells * np.max(size)) + 2 * drift
    return FundamentalDefect(
        x=right if at == "right" else left,
        sum=s.value,
        antiderivative=here,
        constant=-start,
        bias=s.value - np.cumsum(middle),
        curvature=np.cumsum(middle) - total,
        offset=at_right - here,
        rest=total - (at_right - start),
        allowance=allowance,
        rule=rule,
        at=at,
        estimates={"rest": float(np.max(allowance))},
        cost={
            "evaluations": s.cost["evaluations"] + g.evaluations + G.evaluations,
            "seconds": time.perf_counter() - started,
        },
    )
