"""The picture of a trace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import figure
from ..messages import say

if TYPE_CHECKING:
    from .result import Path

GRID = 121  # points of each axis under the contours


def path_figure(path: Path, lang: str | None = None) -> Any:
    """A matplotlib Figure: the iterates over contours of f for two variables, else f over its least value."""
    from matplotlib.figure import Figure

    with figure.style():
        fig = Figure(figsize=(6.0, 4.5), layout="constrained")
        axes = fig.subplots()
        title = say("optimize.trace_title", lang, method=path.method)
        axes.set_title(title)
        if path.x.shape[1] == 2:
            _contours(axes, path)
        else:
            rise = path.fun - np.nanmin(path.fun)
            k = np.arange(len(rise))
            axes.semilogy(k[rise > 0], rise[rise > 0], color=figure.BLUE)
            axes.set_xlabel(say("optimize.trace_iteration", lang))
            axes.set_ylabel(say("optimize.trace_value", lang))
        return fig


def _contours(axes: Any, path: Path) -> None:
    x = path.x[np.isfinite(path.x).all(axis=1)]
    low, high = x.min(axis=0), x.max(axis=0)
    room = 0.15 * np.maximum(high - low, 1e-3 * np.maximum(np.abs(high), 1e-3))
    u, v = (np.linspace(a, b, GRID) for a, b in zip(low - room, high + room, strict=True))
    with np.errstate(all="ignore"):
        height = np.array([[float(np.ravel(path.f(np.array([a, b])))[0]) for a in u] for b in v])
    seen = height[np.isfinite(height)]
    if seen.size:
        base = seen.min()
        # levels as close at the bottom as at the top: those of a logarithm
        levels = base + np.geomspace(1e-4, 1.0, 14) * max(seen.max() - base, 1e-300)
        axes.contour(u, v, height, levels=levels, colors=figure.GRAY, linewidths=0.7)
    axes.plot(x[:, 0], x[:, 1], "o-", color=figure.BLUE, markersize=3, linewidth=1.0)
    axes.plot(*x[0], "o", color=figure.ORANGE)
    axes.plot(*x[-1], "*", color=figure.RED, markersize=12)
    axes.set_xlabel("$x_0$")
    axes.set_ylabel("$x_1$")
