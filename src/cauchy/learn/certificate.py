"""What a fit says of itself: the certificate, and the history of its iterations."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from .. import figure
from ..errors import CauchyError
from ..messages import say
from ..proof import Result
from .wording import at_most

if TYPE_CHECKING:
    from matplotlib.figure import Figure


# of histories, with names in the catalog
COLUMNS = (
    "objective", "primal", "dual", "gradient", "step", "active", "inside", "measure", "band", "violation", "problem",
    "loss", "learning_rate", "validation_loss", "validation_score",
)  # fmt: skip

BOUNDS = frozenset({"coefficient_error", "intercept_error", "rounding"})  # residuals that are bounds


def bracket(value: float, slack: float, gap: float) -> tuple[float, float]:
    """`primal` and `dual` of an objective >= 0 that is within slack of value and within gap of its minimum."""
    value, slack, gap = float(value), float(slack), float(gap)
    off = math.nextafter(slack + gap, math.inf)
    dual = math.nextafter(value - off, -math.inf)
    return math.nextafter(value + slack, math.inf), 0.0 if dual < 0 else dual


@dataclass(frozen=True, kw_only=True)
class Certificate(Result):
    """What is known about a fit.

    `statement`: the claim that `verdict` is about, in a sentence. `gap`: the objective at the fitted parameters exceeds
    its minimum by at most that. Linear models: `primal`, an upper bound of that objective, and `dual`, a lower bound of
    the minimum, both with the rounding of their evaluation; so primal - dual, which holds that rounding too, can be
    many times `gap`, which is proven without it. Support vector machines: primal and dual as computed and
    their difference, all up to `residuals["rounding"]`. NaN where nothing is known. `residuals`: by name, what should
    be zero or is bounded: gradient norms, backward errors, rounding.
    """

    statement: str
    primal: float = math.nan
    dual: float = math.nan
    gap: float = math.nan
    residuals: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("primal", "dual", "gap"):
            object.__setattr__(self, name, float(getattr(self, name)))
        object.__setattr__(self, "residuals", {name: float(value) for name, value in self.residuals.items()})

    def _rows(self) -> list[tuple[str, str]]:
        own = [(name, getattr(self, name)) for name in ("primal", "dual", "gap")]
        rows = [(say(f"learn.{name}"), repr(value)) for name, value in own if not math.isnan(value)]
        for name, value in self.residuals.items():
            rows.append((name.replace("_", " "), at_most(value, 3) if name in BOUNDS else f"{value:.3g}"))
        return rows

    def __str__(self) -> str:
        head = f"{say(f'verdict.{self.verdict.value}')}: {self.statement}"
        width = max((len(name) for name, _ in self._rows()), default=0)
        return "\n".join([head, *(f"  {name:{width}}  {value}" for name, value in self._rows())])

    def _repr_html_(self) -> str:
        cells = "".join(f"<tr><td>{html.escape(n)}</td><td>{html.escape(v)}</td></tr>" for n, v in self._rows())
        verdict = html.escape(say(f"verdict.{self.verdict.value}"))
        return f"<p><b>{verdict}</b>: {html.escape(self.statement)}</p><table>{cells}</table>"


@dataclass(frozen=True)
class History:
    """What each iteration recorded: arrays of one length by name; the first axis counts iterations.

    >>> history = History({"loss": np.array([2.0, 1.0]), "gap": np.array([1.5, 0.0])})
    >>> history["loss"][-1], len(history), history.names
    (np.float64(1.0), 2, ('loss', 'gap'))
    """

    columns: Mapping[str, np.ndarray]

    def __post_init__(self) -> None:
        columns = {name: np.asarray(values) for name, values in self.columns.items()}
        object.__setattr__(self, "columns", columns)
        if len({len(values) for values in columns.values()}) > 1:
            raise CauchyError(f"columns of different lengths: { {n: len(v) for n, v in columns.items()} }")

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.columns)

    def __getitem__(self, name: str) -> np.ndarray:
        return self.columns[name]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def __str__(self) -> str:
        last = ", ".join(f"{n} {v[-1]:.6g}" for n, v in self.columns.items() if v.ndim == 1 and len(v))
        return f"{say('learn.iterations', count=len(self))}{': ' if last else ''}{last}"

    def plot(self, *names: str, lang: str | None = None) -> Figure:
        """The columns named (all that are numbers, by default) against the iteration, one below the other."""
        shown = names or tuple(n for n, v in self.columns.items() if v.ndim == 1 and v.dtype.kind in "fiu")
        rows = max(len(shown), 1)
        with figure.style():
            made, axes = figure.new(rows, size=(7.0, 1.2 + 1.8 * rows), squeeze=False, sharex=True)
            for ax, name in zip(axes[:, 0], shown, strict=False):
                values = self.columns[name]
                finite = values[np.isfinite(values)]
                ax.plot(np.arange(len(values)), values, marker="o" if len(values) < 40 else None, ms=3)
                if finite.size and finite.min() > 0 and finite.max() > 50 * finite.min():
                    ax.set_yscale("log")
                ax.set_ylabel(say(f"learn.column_{name}", lang) if name in COLUMNS else name.replace("_", " "))
            axes[-1, 0].set_xlabel(say("learn.iteration", lang))
            axes[-1, 0].xaxis.get_major_locator().set_params(integer=True)
        return made
