"""`MLPClassifier` and `MLPRegressor`: networks with scikit-learn's interface.

Parameters and fitted attributes have scikit-learn's names and meanings where it has them, so that code can switch.
"""

from __future__ import annotations

from typing import Any, Self, cast

import numpy as np

from ...errors import DomainError, ShapeError
from ..base import ClassifierMixin, RegressorMixin, check_classification_targets, one_of
from ..wording import shown
from .network import OUTPUTS, softplus
from .shared import ByBatches, Network


class MLPClassifier(ClassifierMixin, Network):
    """A multi-layer perceptron for two classes, several, or several labels at once.

    The loss is the cross-entropy of the logits (never of rounded probabilities), with softmax for several classes and
    sigmoids for two classes or labels: its slope is output - y at every z. `solver="adam"` follows Kingma & Ba's
    algorithm 1; scikit-learn's has epsilon in another place.

    Parameters (those of scikit-learn's MLPClassifier, and):
        activation: relu, tanh, logistic (or sigmoid), identity; or a sequence, one for each hidden layer.
        solver: sgd (with `momentum` and `nesterovs_momentum`; momentum=0 is plain), momentum, nesterov, rmsprop
            (decay `rho`), adam, or on all data at once lbfgs, bfgs.
        l1: weight of |W|_1 beside alpha |W|^2 / 2; both belong to the sum of the losses, as in scikit-learn.
        dropout: part of the hidden units left out in training, one number or one for each layer (inverted dropout).
        init: auto (he under relu, else glorot), he, glorot, or normal with deviation `init_scale`, biases too.
        backend: native compiles the training, value runs it by NumPy; auto compiles trainings of about a second and
            longer, decided from sizes and max_iter alone.

    Fitted: coefs_, intercepts_, classes_, loss_, loss_curve_, n_iter_, history_, certificate_ (gradient norm and
    extreme curvatures, never "optimal"), activity_ (for each hidden layer, for how many samples each unit is
    positive), dead_units_ (relus that are positive for none).

    References: Rumelhart, Hinton & Williams (1986); Glorot & Bengio (2010); He et al. (2015); Kingma & Ba (2015).

    >>> import numpy as np
    >>> from cauchy.learn import MLPClassifier
    >>> X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> net = MLPClassifier((8,), solver="lbfgs", tol=1e-3, random_state=0).fit(X, [0, 1, 1, 0])
    >>> net.predict(X)
    array([0, 1, 1, 0])
    """

    classes_: np.ndarray
    _multilabel: bool

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: Any = "adam",
        alpha: Any = 0.0001,
        l1: Any = 0.0,
        dropout: Any = 0.0,
        init: Any = "auto",
        init_scale: Any = 0.1,
        batch_size: Any = "auto",
        learning_rate: Any = "constant",
        learning_rate_init: Any = 0.001,
        power_t: Any = 0.5,
        max_iter: Any = 200,
        shuffle: Any = True,
        random_state: Any = None,
        tol: Any = 1e-4,
        verbose: Any = False,
        warm_start: Any = False,
        momentum: Any = 0.9,
        nesterovs_momentum: Any = True,
        early_stopping: Any = False,
        validation_fraction: Any = 0.1,
        beta_1: Any = 0.9,
        beta_2: Any = 0.999,
        rho: Any = 0.9,
        epsilon: Any = 1e-8,
        n_iter_no_change: Any = 10,
        max_fun: Any = 15000,
        backend: Any = "auto",
    ) -> None:
        self._set(locals())

    @ByBatches
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """One pass over these data, from where the network stands. The first call names all `classes`."""
        return self._fit(X, y, sample_weight, again=_begun(self, classes), passes=1, classes=classes)

    def _output(self) -> str:
        return "softmax" if not self._multilabel and len(self.classes_) > 2 else "logistic"

    def _watched(self) -> str:
        return "label" if self._output() == "softmax" else "accuracy"

    def _strata(self, Y: np.ndarray) -> np.ndarray | None:
        if self._multilabel:
            return None
        return Y.argmax(axis=1) if Y.shape[1] > 1 else Y[:, 0]

    def _targets(self, y: np.ndarray, dtype: Any, reset: bool, classes: Any) -> np.ndarray:
        try:
            check_classification_targets(y)
        except ValueError as e:
            raise DomainError(f"{type(self).__name__}: {e}") from e
        y = np.asarray(y)
        multilabel = y.ndim == 2
        if reset:
            self._multilabel = multilabel
            own = np.arange(y.shape[1]) if multilabel else np.unique(y)
            self.classes_ = own if classes is None else np.unique(classes)
        if multilabel != self._multilabel:
            raise ShapeError(
                f"{type(self).__name__}: y has shape {y.shape}; before, it had {1 + self._multilabel} axes"
            )
        if multilabel:
            if y.shape[1] != len(self.classes_):
                raise ShapeError(f"{type(self).__name__}: y has {y.shape[1]} labels, before {len(self.classes_)}")
            if not np.isin(y, (0, 1)).all():
                raise DomainError(f"{type(self).__name__}: labels, one column each, are 0 or 1")
            return y.astype(dtype)
        if len(self.classes_) < 2:
            raise DomainError(
                f"{type(self).__name__}: y has one class only, {shown(self.classes_[0])}",
                why="there is nothing to tell apart",
                fix="data with at least two classes",
            )
        codes = np.clip(np.searchsorted(self.classes_, y), 0, len(self.classes_) - 1)
        if (alien := self.classes_[codes] != y).any():
            raise DomainError(
                f"{type(self).__name__}: y has a class that is not among the known ones: {shown(y[alien][0])}",
                why=f"the classes are {self.classes_.tolist()}",
                fix="fit anew, or name all classes in the first call of partial_fit",
            )
        if len(self.classes_) == 2:
            return codes[:, None].astype(dtype)
        return (codes[:, None] == np.arange(len(self.classes_))).astype(dtype)

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each row, (n,); for labels, 0 or 1 for each, (n, labels)."""
        z = self._logits(X)
        if self._multilabel:
            return (z > 0).astype(int)
        return self.classes_[z.argmax(axis=1) if z.shape[1] > 1 else (z[:, 0] > 0).astype(int)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probabilities, (n, classes); for labels, of each, (n, labels)."""
        z = self._logits(X)
        p = OUTPUTS[self._output()](z)
        return p if p.shape[1] > 1 or self._multilabel else np.column_stack([OUTPUTS["logistic"](-z), p])

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """The logarithms of `predict_proba`, from the logits: finite where the probabilities round to 0."""
        z = self._logits(X)
        if self._output() == "softmax":
            top = z - z.max(axis=1, keepdims=True)
            return top - np.log(np.exp(top).sum(axis=1, keepdims=True))
        return -softplus(-z) if self._multilabel else -softplus(np.column_stack([z, -z]))

    def __sklearn_tags__(self) -> Any:
        tags = cast(Any, super()).__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        tags.input_tags.sparse = True
        return tags


class MLPRegressor(RegressorMixin, Network):
    """A multi-layer perceptron for one or several numbers.

    `loss` is squared_error (half the squared error, summed over the outputs) or poisson (half the deviance, with the
    prediction exp(z); y >= 0). Everything else is as in `MLPClassifier`; early stopping watches R^2.

    >>> import numpy as np
    >>> from cauchy.learn import MLPRegressor
    >>> x = np.linspace(-1, 1, 40)[:, None]
    >>> net = MLPRegressor(hidden_layer_sizes=(16,), activation="tanh", solver="lbfgs", random_state=0)
    >>> bool(np.abs(net.fit(x, np.sin(3 * x[:, 0])).predict(x) - np.sin(3 * x[:, 0])).max() < 0.05)
    True
    """

    loss: str

    def __init__(
        self,
        loss: Any = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: Any = "adam",
        alpha: Any = 0.0001,
        l1: Any = 0.0,
        dropout: Any = 0.0,
        init: Any = "auto",
        init_scale: Any = 0.1,
        batch_size: Any = "auto",
        learning_rate: Any = "constant",
        learning_rate_init: Any = 0.001,
        power_t: Any = 0.5,
        max_iter: Any = 200,
        shuffle: Any = True,
        random_state: Any = None,
        tol: Any = 1e-4,
        verbose: Any = False,
        warm_start: Any = False,
        momentum: Any = 0.9,
        nesterovs_momentum: Any = True,
        early_stopping: Any = False,
        validation_fraction: Any = 0.1,
        beta_1: Any = 0.9,
        beta_2: Any = 0.999,
        rho: Any = 0.9,
        epsilon: Any = 1e-8,
        n_iter_no_change: Any = 10,
        max_fun: Any = 15000,
        backend: Any = "auto",
    ) -> None:
        self._set(locals())

    @ByBatches
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """One pass over these data, from where the network stands."""
        return self._fit(X, y, sample_weight, again=_begun(self, None), passes=1)

    def _check(self) -> dict[str, float]:
        one_of(self, "loss", "squared_error", "poisson")
        return super()._check()

    def _output(self) -> str:
        return "exp" if self.loss == "poisson" else "identity"

    def _watched(self) -> str:
        return "r2"

    def _strata(self, Y: np.ndarray) -> np.ndarray | None:
        return None

    def _targets(self, y: np.ndarray, dtype: Any, reset: bool, classes: Any) -> np.ndarray:
        Y = np.asarray(y, dtype).reshape(len(y), -1)
        if self.loss == "poisson" and (Y < 0).any():
            raise DomainError(f"{type(self).__name__}: the poisson loss needs y >= 0, got {shown(Y.min())}")
        return Y

    def predict(self, X: Any) -> np.ndarray:
        """The predictions, (n,) or (n, outputs)."""
        found = OUTPUTS[self._output()](self._logits(X))
        return found[:, 0] if found.shape[1] == 1 else found

    def __sklearn_tags__(self) -> Any:
        tags = cast(Any, super()).__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.input_tags.sparse = True
        return tags


def _begun(estimator: Any, classes: Any) -> bool:
    """Whether partial_fit continues; at its first call, what it needs to begin."""
    name = type(estimator).__name__
    if estimator.early_stopping:
        raise DomainError(f"{name}: partial_fit makes one pass: early_stopping has nothing to stop")
    begun = hasattr(estimator, "coefs_")
    if isinstance(estimator, MLPClassifier):
        if not begun and classes is None:
            raise DomainError(f"{name}: the first call of partial_fit needs `classes`", fix="classes=np.unique(all_y)")
        if classes is not None:
            known = np.unique(classes)
            if begun and not np.array_equal(known, estimator.classes_):
                raise DomainError(f"{name}: classes={known.tolist()}, before {estimator.classes_.tolist()}")
    return begun
