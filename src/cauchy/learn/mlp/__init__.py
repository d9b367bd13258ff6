"""Multi-layer perceptrons: compiled training, and an honest account of where it ended."""

from __future__ import annotations

from .estimator import MLPClassifier, MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
