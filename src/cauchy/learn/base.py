"""What every estimator here has: scikit-learn's manners, a certificate, a history, a picture, and a way to disk.

scikit-learn is optional and imported by this file alone; the other files of the folder take its names from here.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import CauchyError, DomainError
from .certificate import Certificate, History
from .wording import shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.exceptions import ConvergenceWarning, NotFittedError
    from sklearn.utils.class_weight import compute_class_weight
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
else:

    def _sklearn():
        try:
            from sklearn import base, exceptions
            from sklearn.utils import class_weight, multiclass, validation
        except ImportError as e:
            raise CauchyError(
                "the estimators of cauchy.learn need scikit-learn", fix='pip install "cauchy-calculus[learn]"'
            ) from e
        return base, exceptions, class_weight, multiclass, validation

    _base, _exceptions, _class_weight, _multiclass, _validation = _sklearn()
    BaseEstimator = _base.BaseEstimator
    ClassifierMixin, RegressorMixin = _base.ClassifierMixin, _base.RegressorMixin
    ConvergenceWarning, NotFittedError = _exceptions.ConvergenceWarning, _exceptions.NotFittedError
    compute_class_weight = _class_weight.compute_class_weight
    check_classification_targets = _multiclass.check_classification_targets
    check_is_fitted, validate_data = _validation.check_is_fitted, _validation.validate_data
    _check_sample_weight = _validation._check_sample_weight

__all__ = [
    "BaseEstimator",
    "Certificate",
    "ClassifierMixin",
    "ConvergenceWarning",
    "Estimator",
    "History",
    "NotFittedError",
    "RegressorMixin",
    "check_classification_targets",
    "check_is_fitted",
    "class_weights",
    "compute_class_weight",
    "data",
    "number",
    "one_of",
    "sample_weights",
]


class Estimator(BaseEstimator):
    """The base of our estimators; stands last among the bases: `class Ridge(RegressorMixin, Estimator)`.

    `fit` sets `certificate_` and `history_` beside scikit-learn's own fitted attributes.
    """

    certificate_: Certificate
    history_: History
    n_features_in_: int

    def plot(self, *, lang: str | None = None) -> Figure:
        """A picture of the fit: by default of its history."""
        check_is_fitted(self)
        return self.history_.plot(lang=lang)

    def save(self, path: str | Path) -> Path:
        """Write the estimator to one file, without pickle: parameters, fitted attributes, certificate and history.

        A name that ends in `.safetensors` asks for that format, one that ends in `.npz` for NumPy's; any other name
        gets `.safetensors` where the package safetensors is installed, else `.npz`. Returns the path written.
        `cauchy.learn.load` gives the estimator again, with bit-identical predictions. What is not plain data (a
        callable, a RandomState) is refused by name.
        """
        from .store import save

        return save(self, path)


# -- checks that name the argument ----------------------------------------------------------------------------------


def number(
    owner: object, name: str, low: float = -math.inf, high: float = math.inf, *, kind: str = "real", open: bool = False
) -> Any:
    """The parameter `name` of the estimator, held to be a real (or `kind="integer"`) number in [low, high].

    `open=True` excludes `low`. NaN is refused.
    """
    value = getattr(owner, name)
    wanted = f"{'an integer' if kind == 'integer' else 'a number'} {'>' if open else '>='} {low}"
    if high < math.inf:
        wanted += f" and <= {high}"
    kinds = (int, np.integer) if kind == "integer" else (int, float, np.integer, np.floating)
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, kinds) or not low <= value <= high:
        raise DomainError(f"{type(owner).__name__}: {name} must be {wanted}, got {shown(value)}")
    if open and value == low:
        raise DomainError(f"{type(owner).__name__}: {name} must be {wanted}, got {shown(value)}")
    return value


def one_of(owner: object, name: str, *allowed: Any) -> Any:
    """The parameter `name` of the estimator, held to be one of the allowed values (True is not 1 here)."""
    value = getattr(owner, name)
    if not any(value is a or (type(value) is type(a) and value == a) for a in allowed):
        raise DomainError(
            f"{type(owner).__name__}: {name} must be one of {', '.join(map(repr, allowed))}, got {shown(value)}"
        )
    return value


def data(estimator: BaseEstimator, X: Any, y: Any = "no_validation", *, reset: bool = True, **options: Any) -> Any:
    """scikit-learn's `validate_data` with float64 as the default dtype; its ValueErrors come as `DomainError`."""
    options.setdefault("dtype", np.float64)
    try:
        found: Any = validate_data(estimator, X=X, y=y, reset=reset, **options)
    except CauchyError:
        raise
    except ValueError as e:
        raise DomainError(f"{type(estimator).__name__}: {e}") from e
    if options.get("y_numeric") and found[1].dtype.kind not in "biuf":
        raise DomainError(
            f"{type(estimator).__name__}: y must be real numbers, got dtype {found[1].dtype}",
            fix="for labels, use a classifier",
        )
    return found


def sample_weights(estimator: object, sample_weight: Any, X: Any, *, dtype: Any = np.float64) -> np.ndarray:
    """The weights (n,): ones for None; finite, not negative, not all zero."""
    try:
        weights = _check_sample_weight(sample_weight, X, dtype=dtype)
    except ValueError as e:
        raise DomainError(f"{type(estimator).__name__}: {e}") from e
    if (weights < 0).any():
        raise DomainError(
            f"{type(estimator).__name__}: sample_weight must not be negative, got {shown(weights.min())}",
            fix="leave the sample out, or give it the weight 0",
        )
    if not weights.any():
        raise DomainError(f"{type(estimator).__name__}: sample_weight is zero for every sample: there are no data")
    return weights


def class_weights(estimator: object, class_weight: Any, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """`weights` (n,) times the weight of each sample's class; `y` (n,) holds labels.

    `class_weight` is None, "balanced" (n / (classes * count), counts by sample weight) or a dict from label to weight,
    which must be finite and not negative.
    """
    name = type(estimator).__name__
    if isinstance(class_weight, dict):
        for label, weight in class_weight.items():
            if not isinstance(weight, (int, float, np.integer, np.floating)) or not 0 <= weight < math.inf:
                raise DomainError(
                    f"{name}: class_weight must be finite and not negative, got {shown(weight)} for {shown(label)}",
                    fix="0 leaves a class out",
                )
    if class_weight is None:
        return weights
    classes, codes = np.unique(y, return_inverse=True)
    try:
        per_class = compute_class_weight(class_weight, classes=classes, y=y, sample_weight=weights)
    except (ValueError, TypeError) as e:
        raise DomainError(f"{name}: {e}") from e
    with np.errstate(over="ignore"):
        found = weights * per_class[codes]
    if not np.isfinite(found).all():
        raise DomainError(f"{name}: sample_weight times class_weight overflows")
    return found
