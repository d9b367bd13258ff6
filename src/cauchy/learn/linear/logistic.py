"""Logistic regression as an estimator."""

from __future__ import annotations

import math
import time
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse, special

from ...errors import DomainError
from ...linear.twice import residual
from ...messages import say
from ...proof import Proof, Verdict
from ..base import (
    Certificate,
    ClassifierMixin,
    ConvergenceWarning,
    Estimator,
    History,
    check_classification_targets,
    check_is_fitted,
    class_weights,
    data,
    number,
    one_of,
    sample_weights,
)
from ..certificate import bracket
from ..wording import at_most, shown
from .design import EPS, balanced
from .newton import MANY, doubt, gap_by_curvature, gap_by_duality, minimize
from .separation import search, separable, separated, unit
from .softmax import Logistic

if TYPE_CHECKING:
    from sklearn.utils import Tags

SMALL = 1e-8  # of the objective: a gap up to that is called optimal


def _labels(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sorted classes (K,) and the index of each sample's class (n,)."""
    if y.dtype.kind in "iu" and y.ndim == 1 and len(y) and int(y.max()) - int(y.min()) < 1000:  # without sorting
        lowest = y.min()
        there = np.bincount(y - lowest) > 0
        return np.flatnonzero(there).astype(y.dtype) + lowest, (np.cumsum(there) - 1)[y - lowest]
    try:
        check_classification_targets(y)
    except ValueError as e:
        raise DomainError(f"LogisticRegression: {e}") from e
    return np.unique(y, return_inverse=True)


def _near_zero(X: Any) -> tuple[Any, np.ndarray]:
    """(X - shift, shift): columns that lie far from zero beside their width are moved there, and no digit is lost.

    Where all of a column lies within a factor of two of the number taken off, no difference is rounded (Sterbenz
    1974): with an intercept that is the same problem in other parameters.
    """
    shift = np.zeros(X.shape[1])
    if sparse.issparse(X):
        return X, shift
    far = np.arange(X.shape[1])
    for rows in (X[:64], X):  # a few rows first: most columns are not far, and show it
        low, high = rows[:, far].min(axis=0), rows[:, far].max(axis=0)
        with np.errstate(over="ignore", invalid="ignore"):
            apart = np.maximum(low, -high)
            far, low, high = (v[(apart > 0) & ((high - low) * 16 <= apart)] for v in (far, low, high))
        if not len(far):
            return X, shift
        shift[far] = low + (high - low) / 2
    kept = np.zeros(len(shift), bool)
    kept[far] = True
    shift[~kept] = 0.0
    return X - shift, shift


def _moved(rows: np.ndarray, shift: np.ndarray) -> tuple[np.ndarray, float]:
    """The rows (m, p + 1) of X - shift as rows of X, and a bound of how far rounding moved the intercepts."""
    if not shift.any():
        return rows, 0.0
    sums = residual(rows[:, :-1], shift, np.ascontiguousarray(rows[:, -1]))
    found = sums.high + sums.low
    return np.column_stack([rows[:, :-1], found]), float(np.max(EPS * np.abs(found) + sums.slack))


class LogisticRegression(ClassifierMixin, Estimator):
    """Logistic regression, binary and multinomial: minimizes C sum weights loss(y, X w + b) + |w|²/2.

    X (n, p) dense or sparse, y (n,) labels. The objective, the classes' weights and the shapes are scikit-learn's;
    the intercept is not penalized. Two classes: `coef_` (1, p); more, K: one softmax over all, `coef_` (K, p).
    `penalty=None`, or C = inf: no penalty. `tol` bounds the gradient of the mean loss (with its penalty), each entry
    over the largest |x| of its feature; Newton's method goes on to 1e-8 at no great price. From 20 000 samples on the
    search starts from solutions for parts of them, drawn with `random_state` (None: the same ones each time).

    `certificate_`: gap, rounding included, is a bound of objective - minimum by duality, or by the
    curvature around the solution, which shows that the minimum exists (the only one without a penalty). PROVED if
    it is at most 1e-8 of the objective.

    Raises DomainError: one class only, parameters out of range, data that are empty, not numbers or not finite; its
    subclass `Separable` where without a penalty no maximum likelihood estimate exists: `.direction` is the
    witness. What scikit-learn takes besides (dual, intercept_scaling, l1_ratio, n_jobs, solver, verbose) is not taken.

    Reference: Cox 1958; Bach 2010.

    >>> X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), ["no", "yes", "no", "yes"]
    >>> model = LogisticRegression().fit(X, y)
    >>> model.coef_.round(6), model.predict([[2.5]]), model.certificate_.verdict
    (array([[0.452875]]), array(['yes'], dtype='<U3'), <Verdict.PROVED: 'proved'>)
    """

    classes_: np.ndarray
    coef_: np.ndarray
    intercept_: np.ndarray

    def __init__(
        self,
        penalty: str | None = "l2",
        *,
        C: float = 1.0,
        tol: float = 1e-8,
        fit_intercept: bool = True,
        class_weight: Any = None,
        random_state: Any = None,
        max_iter: int = 100,
        warm_start: bool = False,
    ) -> None:
        self.penalty = penalty
        self.C = C
        self.tol = tol
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight
        self.random_state = random_state
        self.max_iter = max_iter
        self.warm_start = warm_start

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> LogisticRegression:
        """X (n, p), y (n,) labels, sample_weight (n,) or None."""
        begun = time.perf_counter()
        C = number(self, "C", 0.0, open=True)
        tol = number(self, "tol", 0.0)
        most = int(number(self, "max_iter", 1, kind="integer"))
        if self.penalty in ("l1", "elasticnet"):
            raise DomainError(
                f"LogisticRegression: penalty={shown(self.penalty)} is not built",
                why="|w|_1 has kinks, and the method here is Newton's",
                fix="'l2' or None; for exact zeros, scikit-learn's LogisticRegression with solver='saga'",
            )
        one_of(self, "penalty", "l2", None)
        for name in ("fit_intercept", "warm_start"):
            one_of(self, name, True, False)
        large = isinstance(X, np.ndarray) and X.dtype == np.float64 and X.ndim == 2 and len(X) >= MANY
        given = X
        X, y = data(self, X, y, accept_sparse="csr", order="C", ensure_all_finite=not large)
        weights = sample_weights(self, sample_weight, X)
        self.classes_, codes = _labels(y)
        K = len(self.classes_)
        if K < 2:
            raise DomainError(
                f"LogisticRegression: y holds one class only, {self.classes_.tolist()[0]!r}",
                why="without a second class there is nothing to separate",
            )
        c = class_weights(self, self.class_weight, y, weights)
        if (c == 0).any():
            if large:
                data(self, given, y)  # what is left out must be data too
            kept = c > 0
            X, codes, c = X[kept], codes[kept], c[kept]
        counts = np.bincount(codes, weights=c, minlength=K)
        if (counts == 0).any():
            absent = self.classes_.tolist()[np.argmin(counts)]
            raise DomainError(f"LogisticRegression: the class {absent!r} has no sample of weight > 0")
        free = self.penalty is None or math.isinf(C)
        exponent = 0
        if free:  # the weights' unit changes nothing
            c, exponent = balanced(c)
        with np.errstate(over="ignore"):
            c = c if free else c * C
            total = float(c.sum())
        X, shift = _near_zero(X) if self.fit_intercept else (X, np.zeros(X.shape[1]))
        problem = Logistic(X, codes, K, c, 0.0 if free else 1.0, intercept=bool(self.fit_intercept))
        goal, rng = tol * total, self._rng()
        single = problem.single() if large and problem.n >= 400 * problem.q * problem.m else None
        largest = problem.largest()
        if large and not np.isfinite(largest).all():
            data(self, given, y)  # raises where an entry is not finite
        if single is not None and not ((largest > 1e-12) & (largest < 1e12)).all():  # or too close to float32's ends
            single, largest = None, problem.largest(again=True)
        if not float(largest.max()) * max(1.0, total) < 1e150:
            raise DomainError(
                "LogisticRegression: X or the weights are too large: products of them overflow",
                why=f"the largest |x| is {largest.max():.3g}, C times all weights add up to {total:.3g}",
                fix="use other units: divide the columns",
            )
        problem.unit = np.where(largest > 0, largest, 1.0)[:, None]
        now, trail = minimize(problem, self._start(problem, shift), goal, most, single=single, rng=rng)
        if free and now.value < problem.certain:
            direction = unit(self._rows(problem, now.v))
            margin = separated(X, codes, direction)
            if margin is not None:
                raise separable(_moved(direction, shift)[0], margin)
        gap, method = gap_by_duality(problem, now, largest), "linear_duality"
        local = lambda near: (gap_by_curvature(problem, now, near, largest), "linear_self_concordant")
        if gap > SMALL * now.value:
            gap, method = min((gap, method), local(trail.curved))
        if free and not math.isfinite(gap):
            found = search(X, codes, K, intercept=bool(self.fit_intercept))
            if found is not None:
                raise separable(_moved(found[0], shift)[0], found[1])
        if SMALL * now.value < gap and trail.converged and len(trail.value) < most:  # the value is small, or the slopes
            now, more = minimize(problem, now.v, 1e-4 * goal, most - len(trail.value), small=1e-20)
            trail = trail.then(more)
            gap, method = min((gap_by_duality(problem, now, largest), "linear_duality"), local(trail.curved))
        if gap > SMALL * now.value and problem.explicit and now.hessian is None:
            gap, method = min((gap, method), local(problem.at(now.v, hessian=True)))
        least = gap
        rows, off = _moved(self._rows(problem, now.v), shift)
        gap += EPS * float(np.sum(np.abs(now.gradient) * np.abs(now.v)))  # what the rounding of rows may add
        if problem.intercept:
            off += EPS * float(np.max(largest @ np.abs(now.v))) if problem.m > 1 else 0.0
            gap += off * (float(np.abs(now.gradient[-1]).sum()) + off * total / 2)
        self.coef_, self.intercept_ = np.ascontiguousarray(rows[:, :-1]), rows[:, -1].copy()
        self.n_iter_ = np.array([max(len(trail.value) - 1, 1)], dtype=np.int32)
        self.history_ = History({"objective": np.ldexp(trail.value, exponent), "gradient": np.array(trail.gradient)})
        proved = gap <= SMALL * now.value
        slack = doubt(problem, now, largest) + (gap - least if math.isfinite(gap) else 0.0)
        gap = math.ldexp(gap, exponent) if math.isfinite(gap) else math.nan
        primal, dual = bracket(math.ldexp(now.value, exponent), math.ldexp(slack, exponent), gap)
        self.certificate_ = Certificate(
            statement=say("learn.linear_gap", gap=at_most(gap)) if math.isfinite(gap) else say("learn.linear_no_gap"),
            primal=primal, dual=dual, gap=gap,
            residuals={"gradient": trail.gradient[-1] / total},
            verdict=Verdict.PROVED if proved else Verdict.UNDECIDED,
            proof=Proof("duality" if method == "linear_duality" else "self-concordance", say(f"learn.{method}"))
            if proved
            else None,
            cost={"passes": float(trail.passes), "seconds": time.perf_counter() - begun},
        )  # fmt: skip
        if free and not math.isfinite(gap) and trail.converged:
            warnings.warn(
                "LogisticRegression: the likelihood hardly changes any more, but that it has a maximum was not shown,"
                " nor that the classes are separable",
                ConvergenceWarning,
                stacklevel=2,
            )
        if not trail.converged and not proved:
            warnings.warn(
                f"LogisticRegression: after {len(trail.value) - 1} iterations the gradient of the mean loss is "
                f"{trail.gradient[-1] / total:.3g}, tol is {tol:.3g}",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def _start(self, problem: Logistic, shift: np.ndarray) -> np.ndarray:
        v = np.zeros((problem.q, problem.m))
        before = getattr(self, "coef_", None) if self.warm_start else None
        if before is not None and before.shape == (problem.m, problem.p):
            v[: problem.p] = before.T
            v[problem.p :] = self.intercept_ + before @ shift if problem.intercept else 0.0
        return v

    def _rng(self) -> Any:
        seed = self.random_state
        if isinstance(seed, (np.random.RandomState, np.random.Generator)):
            return seed
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0):
            raise DomainError(
                f"LogisticRegression: random_state must be None, an integer >= 0 or a generator, got {shown(seed)}"
            )
        return np.random.default_rng(0 if seed is None else seed)

    @staticmethod
    def _rows(problem: Logistic, v: np.ndarray) -> np.ndarray:
        """(m, p + 1): coefficients and intercept, the shift common to all classes taken out."""
        rows = np.zeros((problem.m, problem.p + 1))
        rows[:, : problem.q] = v.T
        if problem.m > 1:
            free = np.flatnonzero(problem.penalty[:, 0] == 0)
            rows[:, free] -= rows[:, free].mean(axis=0)
        return rows

    def decision_function(self, X: Any) -> np.ndarray:
        """The margins X w + b: (n,) for two classes, (n, K) for more."""
        check_is_fitted(self)
        X = data(self, X, reset=False, accept_sparse="csr")
        z = np.asarray(X @ self.coef_.T) + self.intercept_
        return z[:, 0] if z.shape[1] == 1 else z

    def predict(self, X: Any) -> np.ndarray:
        """The likeliest class of each sample (n,)."""
        z = self.decision_function(X)
        return self.classes_[(z > 0).astype(int) if z.ndim == 1 else z.argmax(axis=1)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class (n, K), in the order of `classes_`."""
        z = self.decision_function(X)
        return np.column_stack([special.expit(-z), special.expit(z)]) if z.ndim == 1 else special.softmax(z, axis=1)

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """The logarithms of the probabilities (n, K), without underflow."""
        z = self.decision_function(X)
        if z.ndim == 1:
            return np.column_stack([special.log_expit(-z), special.log_expit(z)])
        return special.log_softmax(z, axis=1)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
