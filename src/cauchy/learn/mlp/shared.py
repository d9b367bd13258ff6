"""What `MLPClassifier` and `MLPRegressor` share: parameters, training, fitted attributes."""

from __future__ import annotations

import functools
import math
import types
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
from scipy import sparse

from ...errors import DomainError, ShapeError
from ...messages import say
from ...optimize.status import Status
from ..base import (
    Certificate,
    ConvergenceWarning,
    Estimator,
    History,
    RegressorMixin,
    check_is_fitted,
    data,
    number,
    one_of,
    sample_weights,
)
from ..wording import shown
from . import curvature, quasi, training, update
from .network import ACTIVATIONS, Net

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DENSE_BYTES = 2**31  # a sparse X that would take more as an array is refused
WHOLE = ("lbfgs", "bfgs")  # solvers that see all data at once
SOLVERS = ("sgd", "momentum", "nesterov", "rmsprop", "adam", *WHOLE)


class ByBatches:
    """A method that is there for solvers by batches alone: for the others `hasattr` says no."""

    def __init__(self, f: Any) -> None:
        self.f = f
        functools.update_wrapper(cast(Any, self), f)

    def __get__(self, estimator: Any, owner: type) -> Any:
        if estimator is None:
            return self.f
        if estimator.solver in WHOLE:
            raise AttributeError(
                f"{owner.__name__}: {self.f.__name__} needs a solver by batches, not {estimator.solver!r}"
            )
        return types.MethodType(self.f, estimator)


class Network(Estimator):
    """What the classifier and the regressor share."""

    coefs_: list[np.ndarray]
    intercepts_: list[np.ndarray]

    def _set(self, parameters: dict[str, Any]) -> None:
        for name, value in parameters.items():
            if name not in ("self", "__class__"):
                setattr(self, name, value)

    # -- the question --------------------------------------------------------------------------------------------

    def _targets(self, y: np.ndarray, dtype: Any, reset: bool, classes: Any) -> np.ndarray:
        """y as the network has it, (n, outputs); with `reset` the classes are those given, or those of y."""
        raise NotImplementedError

    def _output(self) -> str:
        raise NotImplementedError

    def _watched(self) -> str:
        """The score that early stopping looks at."""
        raise NotImplementedError

    def _strata(self, Y: np.ndarray) -> np.ndarray | None:
        """Labels whose parts a validation set should keep."""
        raise NotImplementedError

    def _check(self) -> dict[str, float]:
        """The parameters held to their domains; the numbers that the compiled loop reads."""
        me: Any = self
        one_of(self, "solver", *SOLVERS)
        one_of(self, "init", "auto", "he", "glorot", "normal")
        one_of(self, "learning_rate", "constant", "invscaling", "adaptive")
        one_of(self, "backend", "auto", "native", "value")
        for name in ("shuffle", "warm_start", "nesterovs_momentum", "early_stopping"):
            one_of(self, name, True, False)
        number(self, "max_iter", 1, kind="integer")
        number(self, "max_fun", 1, kind="integer")
        number(self, "n_iter_no_change", 1)
        number(self, "validation_fraction", 0.0, 1.0, open=True)
        number(self, "init_scale", 0.0, 1e6)
        if me.batch_size != "auto":
            number(self, "batch_size", 1, kind="integer")
        found = {name: number(self, name, 0.0, 1e300) for name in ("alpha", "l1", "tol", "power_t")}
        found["learning_rate_init"] = number(self, "learning_rate_init", 0.0, 1e300, open=True)
        found["epsilon"] = number(self, "epsilon", 0.0, 1e300, open=True)
        for name in ("momentum", "beta_1", "beta_2", "rho"):
            found[name] = number(self, name, 0.0, 1.0)
            if found[name] == 1 and name != "momentum":
                raise DomainError(
                    f"{type(self).__name__}: {name} must be less than 1, got {shown(getattr(self, name))}"
                )
        found |= {"patience": float(me.n_iter_no_change), "rate": found["learning_rate_init"]}
        return {name: float(value) for name, value in found.items()}

    def _structure(self, features: int, outputs: int) -> Net:
        me: Any = self
        name = type(self).__name__
        sizes = me.hidden_layer_sizes
        listed = list(sizes) if isinstance(sizes, Iterable) and not isinstance(sizes, (str, bytes)) else [sizes]
        for units in listed:
            if isinstance(units, (bool, np.bool_)) or not isinstance(units, (int, np.integer)) or units < 1:
                fix = "an integer >= 1 for each hidden layer, e.g. (100,) or (64, 32); () for none"
                raise DomainError(
                    f"{name}: hidden_layer_sizes={shown(sizes)}", why=f"{shown(units)} is no size", fix=fix
                )
        hidden = tuple(int(units) for units in listed)
        activations = self._per_layer("activation", len(hidden))
        for one in activations:
            if not isinstance(one, str) or one not in ACTIVATIONS:
                raise DomainError(
                    f"{name}: activation must be one of {', '.join(map(repr, ACTIVATIONS))}, got {shown(one)}",
                    fix="one for all hidden layers, or a sequence with one for each",
                )
        dropout = self._per_layer("dropout", len(hidden))
        for p in dropout:
            real = isinstance(p, (int, float, np.integer, np.floating)) and not isinstance(p, (bool, np.bool_))
            if not real or not 0 <= p < 1:
                raise DomainError(
                    f"{name}: dropout must be a probability, 0 <= p < 1, got {shown(p)}",
                    fix="the part of the units to leave out, one number for all hidden layers or one for each",
                )
        return Net((features, *hidden, outputs), activations, self._output(), tuple(float(p) for p in dropout))

    def _per_layer(self, parameter: str, layers: int) -> tuple[Any, ...]:
        value = getattr(self, parameter)
        if isinstance(value, (list, tuple, np.ndarray)):
            if len(value) != layers:
                raise ShapeError(
                    f"{type(self).__name__}: {parameter} has {len(value)} entries for {layers} hidden layers"
                )
            return tuple(x.item() if isinstance(x, np.generic) else x for x in value)
        return (value,) * layers

    # -- training ------------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on X (n, features), array or sparse matrix, and y; `sample_weight` (n,) weighs the samples' losses.

        With float32 data the network is float32, else float64. Raises `DomainError` for parameters and data that make
        no sense, and when the training diverges. Ctrl-C keeps the state reached, with a warning.
        """
        me: Any = self
        return self._fit(X, y, sample_weight, again=bool(me.warm_start) and hasattr(self, "coefs_"))

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, *, again: bool, passes: int | None = None, classes: Any = None
    ) -> Self:
        me: Any = self
        h = self._check()
        X, y = data(
            self, X, y, reset=not again, accept_sparse=("csr", "csc"), multi_output=_several(y),
            dtype=(np.float64, np.float32), y_numeric=isinstance(self, RegressorMixin),
        )  # fmt: skip
        weights = None if sample_weight is None else sample_weights(self, sample_weight, X, dtype=X.dtype)
        Y = self._targets(y, X.dtype, not again, classes)
        X = self._dense(X)
        net = self._structure(X.shape[1], Y.shape[1])
        if again and tuple(net.sizes) != tuple(self._sizes()):
            raise ShapeError(
                f"{type(self).__name__}: the network was trained with layers {self._sizes()}, not {net.sizes}",
                fix="keep hidden_layer_sizes and the outputs while warm_start or partial_fit continue a training",
            )
        if weights is not None and not weights.all():
            there = weights > 0  # a sample without weight is no sample: not of a batch, nor of a validation set
            X, Y, weights = X[there], Y[there], weights[there]
        rng = _random(me.random_state)
        if again:
            theta = net.pack(self.coefs_, self.intercepts_).astype(X.dtype)
        else:
            theta = net.initial(rng, me.init, float(me.init_scale)).astype(X.dtype)
        whole = (X, Y, weights)
        if me.solver in WHOLE:
            self._fit_whole(net, theta, whole, h)
        else:
            self._fit_batches(net, theta, whole, h, rng, again=again, passes=passes)
        return self

    def _plan(self, net: Net, rows: int, rule: str, batch: int, held: str, longest: int) -> training.Plan:
        me: Any = self
        batches = -(-rows // batch)
        shuffle = bool(me.shuffle) and batches > 1
        chunk = training.chunk_of(batches, batch, longest, shuffle=shuffle)
        constants = tuple((name, float(getattr(me, name))) for name in update.CONSTANTS.get(rule, ()))
        return training.Plan(
            net, rule, batch, batches, shuffle, me.alpha > 0, me.l1 > 0, me.learning_rate, held, chunk, constants
        )

    def _native(self, plan: training.Plan, longest: int) -> bool:
        me: Any = self
        return me.backend == "native" or (me.backend == "auto" and training.expensive(plan, longest))

    def _told(self, ended: int, log: dict[str, np.ndarray]) -> None:
        first = ended - len(log["loss"]) + 1
        for i, loss in enumerate(log["loss"]):
            held = f", validation score {log['validation_score'][i]:.6f}" if "validation_score" in log else ""
            print(f"epoch {first + i}: loss {loss:.8f}{held}")

    def _fit_whole(self, net: Net, theta: np.ndarray, whole: tuple[Any, Any, Any], h: dict[str, float]) -> None:
        me: Any = self
        for name in ("early_stopping",):
            if getattr(me, name):
                raise DomainError(f"{type(self).__name__}: {name} needs a solver by batches, not {me.solver!r}")
        if any(net.dropout):
            raise DomainError(
                f"{type(self).__name__}: dropout needs a solver by batches, not {me.solver!r}",
                why="a line search needs the same function at each step",
            )
        plan = self._plan(net, len(whole[0]), me.solver, len(whole[0]), "", me.max_iter)
        state, status = quasi.minimize(
            plan, theta, whole, h, longest=me.max_iter, evaluations=me.max_fun,
            native=self._native(plan, me.max_iter), told=self._told if me.verbose else None,
        )  # fmt: skip
        if status in (Status.NOT_FINITE, Status.UNBOUNDED) or not np.isfinite(state.theta).all():
            raise DomainError(
                f"{type(self).__name__}: the loss is not finite ({status.name.lower()})",
                why="the data or the initial weights are too large",
                fix="scale the features to about unit size",
            )
        if status is Status.LIMIT:
            warnings.warn(
                f"{me.solver} reached its limit ({state.epochs} steps) before the gradient fell below tol={me.tol}",
                ConvergenceWarning,
                stacklevel=4,
            )
        self._finish(plan, state, whole, h, fresh=True)
        self.t_ = 0

    def _fit_batches(
        self, net: Net, theta: np.ndarray, whole: tuple[Any, Any, Any], h: dict[str, float],
        rng: np.random.RandomState, *, again: bool, passes: int | None,
    ) -> None:  # fmt: skip
        me: Any = self
        name = type(self).__name__
        used, held = whole, None
        if me.early_stopping:
            used, held = self._split(whole, rng)
        n = len(used[0])
        batch = min(200, n) if me.batch_size == "auto" else int(me.batch_size)
        if batch > n:
            warnings.warn(f"batch_size={batch} is larger than the data: all {n} samples are one batch", stacklevel=4)
            batch = n
        longest = int(me.max_iter) if passes is None else passes
        rule = me.solver
        if rule == "sgd" and me.momentum > 0:
            rule = "nesterov" if me.nesterovs_momentum else "momentum"
        plan = self._plan(net, n, rule, batch, self._watched() if held else "", longest)
        slots = update.slots(rule, theta)
        if passes is not None and again and len(old := getattr(self, "_slots", ())) == len(slots):
            slots = old
        seen, rate = float(getattr(self, "t_", 0)) if again else 0.0, h["rate"]
        if passes is not None and me.learning_rate == "invscaling":
            rate /= (seen + 1) ** h["power_t"]
        state = training.train(
            plan, training.State(theta, slots, {}, seen=seen), used, held, h, rng,
            longest=longest, native=self._native(plan, longest), rate=rate,
            told=self._told if me.verbose else None,
        )  # fmt: skip
        losses = state.log["loss"]
        if not (np.isfinite(losses).all() and np.isfinite(state.theta).all()):
            where = int(np.argmin(np.isfinite(losses))) + 1 if not np.isfinite(losses).all() else len(losses)
            raise DomainError(
                f"{name}: the training diverged: the loss is not finite in epoch {where}",
                why=f"learning_rate_init={me.learning_rate_init} is too large for these data, or they are too large",
                fix="a smaller learning_rate_init (a tenth, say); features scaled to about unit size",
            )
        if len(losses) > 1 and losses[-1] > losses[0] and passes is None:
            warnings.warn(
                f"the loss rose from {losses[0]:.6g} to {losses[-1]:.6g}: nothing was learned;"
                f" learning_rate_init={me.learning_rate_init} is probably too large",
                ConvergenceWarning,
                stacklevel=4,
            )
        elif passes is None and not state.stopped and not state.interrupted:
            warnings.warn(
                f"max_iter={me.max_iter} epochs ended before the training had stopped to improve",
                ConvergenceWarning,
                stacklevel=4,
            )
        if held:
            assert state.best_theta is not None
            state.theta = state.best_theta
        self._finish(plan, state, whole, h, fresh=passes is None)
        self._slots = state.slots
        self.t_ = int(state.seen)

    def _finish(
        self, plan: training.Plan, state: training.State, whole: tuple[Any, Any, Any], h: dict[str, float], fresh: bool
    ) -> None:
        """The fitted attributes."""
        net = plan.net
        layers = net.layers(state.theta)
        self.coefs_ = [w.copy() for w, _ in layers]
        self.intercepts_ = [b.copy() for _, b in layers]
        self.n_layers_, self.n_outputs_ = len(net.sizes), net.sizes[-1]
        self.out_activation_ = net.output
        log = state.log
        if not fresh and hasattr(self, "history_") and self.history_.names == tuple(log):
            log = {name: np.concatenate([self.history_[name], log[name]]) for name in log}
        self.history_ = History(log)
        self.n_iter_ = state.epochs if fresh else len(log["loss"])
        self.loss_curve_ = log["loss"].tolist()
        self.loss_ = self.loss_curve_[-1] if self.loss_curve_ else math.nan
        self.validation_scores_ = log["validation_score"].tolist() if plan.held else None
        self.best_validation_score_ = (
            max(self.validation_scores_, default=math.nan) if self.validation_scores_ else None
        )
        self.best_loss_ = None if plan.held else min(self.loss_curve_, default=math.nan)
        X = whole[0]
        self.activity_ = curvature.activity(net, state.theta, X)
        self.dead_units_ = curvature.dead(net, self.activity_)
        if X.shape[1] == 2:
            self._box = np.array([X.min(axis=0), X.max(axis=0)], float)
        if fresh:
            self.certificate_ = curvature.certify(plan, state.theta, whole, h, self.activity_)
        else:
            self.certificate_ = Certificate(statement=say("learn.mlp_partial"), residuals={"loss": self.loss_})

    def _split(self, whole: tuple[Any, Any, Any], rng: np.random.RandomState) -> tuple[Any, Any]:
        """(training, validation), each (X, Y, weights); classes keep their parts."""
        me: Any = self
        X, Y, w = whole
        n = len(X)
        order = rng.permutation(n)
        strata = self._strata(Y)
        if strata is not None:
            order = order[np.argsort(strata[order], kind="stable")]
        count = math.ceil(n * me.validation_fraction)
        if count < 2 or n - count < 1:
            raise DomainError(
                f"{type(self).__name__}: early_stopping needs samples on both sides: {n} samples,"
                f" validation_fraction={me.validation_fraction} holds out {count}",
                fix="a larger validation_fraction, or more data",
            )
        chosen = np.zeros(n, bool)
        chosen[order[(np.arange(count) * n) // count]] = True  # evenly through the classes
        parts = [(X[c], Y[c], None if w is None else w[c]) for c in (~chosen, chosen)]
        held = parts[1]
        return parts[0], (held[0], held[1], np.ones(count, X.dtype) if held[2] is None else held[2])

    def _dense(self, X: Any) -> np.ndarray:
        if not sparse.issparse(X):
            return np.ascontiguousarray(X)
        size = X.shape[0] * X.shape[1] * X.dtype.itemsize
        if size > DENSE_BYTES:
            raise DomainError(
                f"{type(self).__name__}: X is sparse, and would be {size / 2**30:.1f} GiB as an array",
                why="batches are gathered from an array",
                fix="partial_fit on parts of the rows, or fewer features",
            )
        return np.ascontiguousarray(X.toarray())

    def _sizes(self) -> tuple[int, ...]:
        return (len(self.coefs_[0]), *(w.shape[1] for w in self.coefs_))

    # -- answers -------------------------------------------------------------------------------------------------

    def _logits(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        a = data(self, X, reset=False, accept_sparse=("csr", "csc"), dtype=(np.float64, np.float32))
        last = len(self.coefs_) - 1
        activations = self._per_layer("activation", last)
        for i, (w, b) in enumerate(zip(self.coefs_, self.intercepts_, strict=True)):
            a = a @ w + b
            if i < last:
                a = ACTIVATIONS[activations[i]](a)
        return a

    def plot(self, X: Any = None, y: Any = None, *, lang: str | None = None) -> Figure:
        """The losses by epoch; for a classifier of two features also the regions it decides for.

        X (n, 2) and y (n,), if given, are drawn as points.
        """
        from .picture import draw

        check_is_fitted(self)
        return draw(self, X, y, lang)


def _several(y: Any) -> bool:
    """Whether y has several columns; of what is no array, validation will tell."""
    try:
        shape = y.shape if hasattr(y, "shape") else np.asarray(y).shape
    except ValueError:
        return False
    return len(shape) > 1 and shape[1] != 1


def _random(seed: Any) -> np.random.RandomState:
    """scikit-learn's rule for `random_state`."""
    if seed is None:
        return cast(Any, np.random.mtrand)._rand
    if isinstance(seed, np.random.RandomState):
        return seed
    if isinstance(seed, (int, np.integer)) and not isinstance(seed, bool) and 0 <= seed < 2**32:
        return np.random.RandomState(seed)
    raise DomainError(f"random_state={shown(seed)}", fix="None, an integer from 0 to 2**32 - 1, or a RandomState")
