"""Models that ML users fit, with scikit-learn's interface: every fit says how far from optimal it is.

The estimators need scikit-learn (`pip install cauchy-calculus[learn]`), which is imported when the first of them is
asked for; `lasso_path` and `soft_threshold` do without. A fitted estimator has `.certificate_` (duality gap or
residuals, and a verdict), `.history_`, `.plot()` and `.save(path)`; `cauchy.learn.load(path)` reads it again, without
pickle.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .certificate import Certificate, History
    from .linear.lasso import ElasticNet, Lasso
    from .linear.least_squares import LinearRegression, Ridge
    from .linear.logistic import LogisticRegression
    from .linear.path import LassoPath, lasso_path
    from .linear.separation import Separable
    from .linear.shrink import shrink, soft_threshold
    from .mlp import MLPClassifier, MLPRegressor
    from .store import load
    from .svm import SVC, LinearSVC

__all__ = [
    "SVC",
    "Certificate",
    "ElasticNet",
    "History",
    "Lasso",
    "LassoPath",
    "LinearRegression",
    "LinearSVC",
    "LogisticRegression",
    "MLPClassifier",
    "MLPRegressor",
    "Ridge",
    "Separable",
    "lasso_path",
    "load",
    "shrink",
    "soft_threshold",
]

# What `load` may build: nothing else in a file names a class.
ESTIMATORS = {
    "ElasticNet": "linear.lasso",
    "Lasso": "linear.lasso",
    "LinearRegression": "linear.least_squares",
    "LinearSVC": "svm",
    "LogisticRegression": "linear.logistic",
    "MLPClassifier": "mlp",
    "MLPRegressor": "mlp",
    "Ridge": "linear.least_squares",
    "SVC": "svm",
}
_ROOM_OF = ESTIMATORS | {
    "Certificate": "certificate",
    "History": "certificate",
    "LassoPath": "linear.path",
    "Separable": "linear.separation",
    "lasso_path": "linear.path",
    "load": "store",
    "shrink": "linear.shrink",
    "soft_threshold": "linear.shrink",
}


def __getattr__(name: str) -> Any:
    if name not in _ROOM_OF:
        raise AttributeError(f"module 'cauchy.learn' has no attribute {name!r}")
    found = getattr(importlib.import_module(f"{__name__}.{_ROOM_OF[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return [*__all__, "__doc__"]
