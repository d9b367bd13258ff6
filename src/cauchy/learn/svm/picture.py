"""The picture of a machine with two features: where it decides, its margins, its points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from ... import figure
from ...errors import DomainError, ShapeError
from ...messages import say

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GRID = 300


def draw(machine: Any, X: Any, y: Any, lang: str | None = None) -> Figure:
    """`machine.plot(X, y, lang=lang)`: lines f = 0 and f = -1, 1 (two classes), or the regions of more."""
    points, labels = _points(machine, X, y)
    ringed = _dense(machine.support_vectors_)
    low, high = _window(np.vstack([points, ringed]))
    axes_of = [np.linspace(a, b, GRID) for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*axes_of), axis=-1).reshape(-1, 2)
    k = len(machine.classes_)
    with figure.style():
        made, ax = figure.new(size=(6.4, 4.8))
        colors = [figure.BLUE, figure.RED, figure.GREEN, figure.ORANGE, figure.GRAY]
        marks = "osD^v"
        handles = []
        if k == 2:
            values = machine.decision_function(grid).reshape(GRID, GRID)
            ax.contourf(*axes_of, values, levels=[-np.inf, 0, np.inf], colors=colors[:2], alpha=0.07)
            for level, line in ((0.0, "-"), (-1.0, "--"), (1.0, "--")):
                if values.min() < level < values.max():
                    ax.contour(*axes_of, values, levels=[level], colors="#111827", linestyles=line, linewidths=1.4)
            line = "axis_line" if hasattr(machine, "coef_") else "axis_curve"
            handles += ax.plot([], [], "-", color="#111827", lw=1.4, label=say(f"learn.svm_{line}", lang))
            handles += ax.plot([], [], "--", color="#111827", lw=1.4, label=say("learn.svm_axis_margin", lang))
        else:
            region = np.searchsorted(machine.classes_, machine.predict(grid)).reshape(GRID, GRID)
            shades = [colors[j % 5] for j in range(k)]
            ax.contourf(*axes_of, region, levels=np.arange(k + 1) - 0.5, colors=shades, alpha=0.12)
        for j, name in enumerate(machine.classes_):
            of = points[labels == name]
            label = say("learn.svm_axis_class", lang, name=name)
            handles += ax.plot(*of.T, marks[j % 5], color=colors[j % 5], ms=6 if len(points) < 200 else 3, label=label)
        if len(ringed):
            handles += ax.plot(
                *ringed.T, "o", mfc="none", mec="#111827", ms=11 if len(points) < 200 else 6, mew=1.2,
                label=say("learn.svm_axis_support", lang),
            )  # fmt: skip
        ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), xlabel="x₁", ylabel="x₂")
        ax.grid(False)
        ax.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return made


def _points(machine: Any, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    if X is None and y is None:
        return _dense(machine.support_vectors_), machine._support_labels()
    if X is None or y is None:
        raise DomainError("plot: give both X and y, or neither")
    X = np.asarray(_dense(X), dtype=float)
    y = np.asarray(y)
    if X.ndim != 2 or X.shape[1] != 2 or y.shape != X.shape[:1]:
        raise ShapeError(f"plot: X of shape {X.shape} and y of shape {y.shape}; wanted (n, 2) and (n,)")
    if not np.isfinite(X).all():
        raise DomainError("plot: X must be finite")
    return X, y


def _dense(X: Any) -> Any:
    return X.toarray() if sparse.issparse(X) else X


def _window(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    low, high = points.min(axis=0), points.max(axis=0)
    pad = np.maximum(0.15 * (high - low), 0.1 * np.max(high - low, initial=0.0)) + 1e-9 * np.abs(points).max(axis=0)
    pad = np.where(pad > 0, pad, 1.0)
    return low - pad, high + pad
