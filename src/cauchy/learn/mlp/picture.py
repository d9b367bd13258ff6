"""Pictures of a trained network: its losses by epoch, and what it decides where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ... import figure
from ...errors import ShapeError
from ...messages import say

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FINE = 200  # points along each side of a map of regions


def draw(net: Any, X: Any, y: Any, lang: str | None = None) -> Figure:
    """Losses; for a classifier of two features the regions beside them, with the points (X, y) if given."""
    regions = hasattr(net, "classes_") and net.n_features_in_ == 2 and not net._multilabel
    with figure.style():
        made, axes = figure.new(1, 2 if regions else 1, size=(10.5 if regions else 7.0, 4.4), squeeze=False)
        made.set_layout_engine("constrained", wspace=0.06)
        _losses(axes[0, 0], net.history_, lang)
        if regions:
            _regions(made, axes[0, 1], net, X, y, lang)
    return made


def _losses(ax: Any, history: Any, lang: str | None) -> None:
    epochs = np.arange(1, len(history) + 1)
    ax.plot(epochs, history["loss"], label=say("learn.mlp_training", lang))
    if "validation_loss" in history.names:
        ax.plot(epochs, history["validation_loss"], label=say("learn.mlp_validation", lang))
        twin = ax.twinx()
        twin.plot(epochs, history["validation_score"], color=figure.GREEN, lw=1)
        twin.grid(visible=False)
        twin.set_ylabel(say("learn.mlp_score", lang), color=figure.GREEN)
        ax.legend(loc="center right")
    if history["loss"].min() > 0 and history["loss"].max() > 50 * history["loss"].min():
        ax.set_yscale("log")
    ax.set_xlabel(say("learn.mlp_epoch", lang))
    ax.set_ylabel(say("learn.mlp_loss", lang))


def _regions(made: Any, ax: Any, net: Any, X: Any, y: Any, lang: str | None) -> None:
    low, high = net._box
    if X is not None:
        X = np.asarray(X, float)
        if X.ndim != 2 or X.shape[1] != 2 or (y is not None and len(y) != len(X)):
            raise ShapeError(f"the points to draw have shape {X.shape}; wanted (n, 2), and y (n,)")
        low, high = np.minimum(low, X.min(axis=0)), np.maximum(high, X.max(axis=0))
    margin = 0.05 * np.where(high > low, high - low, 1.0)
    low, high = low - margin, high + margin
    across, up = (np.linspace(low[i], high[i], FINE) for i in range(2))
    grid = np.column_stack([g.ravel() for g in np.meshgrid(across, up)])
    classes = net.classes_
    colors = _colors(len(classes))
    if len(classes) == 2:
        p = net.predict_proba(grid)[:, 1].reshape(FINE, FINE)
        shown = ax.contourf(across, up, p, levels=np.linspace(0, 1, 11), cmap="RdBu_r", alpha=0.6)
        made.colorbar(shown, ax=ax, label=f"P({classes[1]})")
        ax.contour(across, up, p, levels=[0.5], colors=[figure.GRAY], linewidths=1.2)
    else:
        codes = np.searchsorted(classes, net.predict(grid)).reshape(FINE, FINE)
        ax.contourf(across, up, codes, levels=np.arange(len(classes) + 1) - 0.5, colors=colors, alpha=0.35)
    if X is not None:
        for i, c in enumerate([None] if y is None else classes):
            part = X if c is None else X[np.asarray(y) == c]
            label = None if c is None else say("learn.svm_axis_class", lang, name=c)
            ax.plot(*part.T, "o", ms=4.5, mec="white", mew=0.4, color=colors[i], label=label)
        if y is not None:
            ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3)
    ax.grid(visible=False)
    ax.set_title(say("learn.mlp_regions", lang))
    ax.set_xlabel(say("learn.mlp_feature", lang, number=1))
    ax.set_ylabel(say("learn.mlp_feature", lang, number=2))


def _colors(count: int) -> list[Any]:
    """One for each class: ours as long as they last."""
    ours = [figure.BLUE, figure.RED, figure.GREEN, figure.ORANGE, figure.GRAY]
    if count <= len(ours):
        return ours[:count]
    from matplotlib import colormaps

    return [colormaps["nipy_spectral"]((i + 0.5) / count) for i in range(count)]
