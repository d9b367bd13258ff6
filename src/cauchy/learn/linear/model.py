"""What the linear regressors share: centered fits become coefficients, and predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..base import Estimator, check_is_fitted, data

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from sklearn.utils import Tags

from ... import figure
from ...messages import say


class LinearModel(Estimator):
    """A regressor with `coef_` (p,) or (k, p) and `intercept_` a number or (k,)."""

    coef_: np.ndarray
    intercept_: Any

    def _settle(self, w: np.ndarray, intercept: np.ndarray, *, flat: bool) -> None:
        """Take coefficients (p, k) and intercepts (k,); `flat` where there is one target."""
        self.coef_ = np.ascontiguousarray(w[:, 0] if flat else w.T)
        self.intercept_ = intercept[0] if flat else intercept

    def predict(self, X: Any) -> np.ndarray:
        """X w + b: (n,) or (n, k) for X (n, p), dense or sparse."""
        check_is_fitted(self)
        X = data(self, X, reset=False, accept_sparse=("csr", "csc", "coo"))
        return np.asarray(X @ self.coef_.T) + self.intercept_

    def plot(self, *, lang: str | None = None) -> Figure:
        """The coefficients, as bars; the largest are named where the features have names."""
        check_is_fitted(self)
        coef = np.atleast_2d(self.coef_)
        names = getattr(self, "feature_names_in_", None)
        with figure.style():
            made, axes = figure.new(len(coef), size=(7.0, max(3.0, 2.0 * len(coef))), squeeze=False, sharex=True)
            for ax, row in zip(axes[:, 0], coef, strict=True):
                ax.bar(np.arange(len(row)), row)
                ax.axhline(0.0, color=figure.GRAY, lw=0.8)
                ax.set_ylabel(say("learn.linear_coefficients", lang))
            last = axes[-1, 0]
            if names is not None and len(names) <= 30:
                last.set_xticks(np.arange(len(names)), [str(n) for n in names], rotation=45, ha="right")
            else:
                last.set_xlabel(say("learn.linear_feature", lang))
        return made

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.multi_output = True
        return tags
