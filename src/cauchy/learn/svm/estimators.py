"""`SVC` and `LinearSVC`: scikit-learn's interface over the solvers of this folder."""

from __future__ import annotations

import math
import warnings
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from ...errors import DomainError
from ..base import (
    ClassifierMixin,
    ConvergenceWarning,
    Estimator,
    check_classification_targets,
    check_is_fitted,
    class_weights,
    data,
    number,
    one_of,
    sample_weights,
)
from ..certificate import Certificate, History
from ..wording import shown
from .binary import NotSeparable, Problem, Solution
from .kernels import NAMES, Kernel

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .explain import Explanation


class _Machine(ClassifierMixin, Estimator):
    """What both machines share: checks of the data, weights, the report of convergence, the picture."""

    C: float
    tol: float
    class_weight: Any
    classes_: np.ndarray
    n_support_: np.ndarray

    def _sparse(self) -> Any:
        return False if getattr(self, "kernel", None) == "precomputed" else "csr"

    def _taken(self, X: Any, y: Any, sample_weight: Any, **options: Any) -> tuple[Any, np.ndarray, np.ndarray]:
        """X, codes of the classes, and the price c of each sample; checked."""
        number(self, "C", 0.0, open=True)
        number(self, "tol", 0.0, open=True)
        X, y = data(self, X, y, accept_sparse=self._sparse(), accept_large_sparse=False, **options)
        try:
            check_classification_targets(y)
        except ValueError as e:
            raise DomainError(f"{type(self).__name__}: {e}") from e
        weights = sample_weights(self, sample_weight, X)
        self.classes_, codes = np.unique(y, return_inverse=True)
        weights = class_weights(self, self.class_weight, y, weights)
        present = np.unique(codes[weights > 0])
        if len(present) < 2:
            only = self.classes_[present[0]] if len(present) else None
            raise DomainError(
                f"{type(self).__name__}: a separation needs at least two classes, got 1 class: {shown(only)}",
                why="" if len(self.classes_) < 2 else "the samples of all others have weight zero",
            )
        _representable(self, X)
        with np.errstate(invalid="ignore", over="ignore"):
            c = np.where(weights > 0, float(self.C) * weights, 0.0)
        if math.isfinite(self.C) and not np.isfinite(c).all():
            raise DomainError(f"{type(self).__name__}: C = {shown(self.C)} times the largest weight overflows")
        return X, codes, c

    def _solved(self, problem: Problem, names: tuple[Any, Any], cache: float = 200.0, most: int = -1) -> Solution:
        try:
            found = problem.solve(float(self.tol), cache, most)
        except NotSeparable as e:
            e.add_note(f"classes {shown(names[0])} and {shown(names[1])}")
            raise
        gap, primal = found.certificate.gap, abs(found.certificate.primal)
        if not gap <= self.tol * max(primal, np.finfo(float).tiny):
            warnings.warn(
                f"{type(self).__name__}: stopped at a relative duality gap of {gap / primal if primal else gap:.1e},"
                f" tol is {self.tol:.1e}; see .certificate_",
                ConvergenceWarning,
                stacklevel=4,
            )
        return found

    def plot(self, X: Any = None, y: Any = None, *, lang: str | None = None) -> Figure:
        """For two features: the line, its margins and the points, support points ringed; else the history of the fit.

        `X`, `y`: the points to show; by default the support points alone.
        """
        check_is_fitted(self)
        if self.n_features_in_ != 2 or getattr(self, "kernel", "linear") == "precomputed":
            return super().plot(lang=lang)
        from .picture import draw

        return draw(self, X, y, lang)

    def explain(self, X: Any, y: Any, *, adding: tuple[Any, Any] | None = None) -> Explanation:
        """What each of the samples X, y is to the machine: support point, on the margin, deletable, replaceable.

        X (n, p), y (n,): the samples that it was fitted to, of two classes. `adding=(X_new, y_new)`: which new samples
        would change the solution, and why the others would not. The answer prints as a report; its fields, and an
        example, are with `cauchy.learn.svm.Explanation`. Estimates, but for the verdict of the fit.

        Raises DomainError where there are more than two classes, the loss is the squared hinge, or the samples are not
        those of the fit; ShapeError where they are not as many.
        """
        check_is_fitted(self)
        from .explain import explain

        return explain(self, X, y, adding)

    def _support_labels(self) -> np.ndarray:
        return np.repeat(self.classes_, self.n_support_)


def _merged(certificates: list[Certificate]) -> Certificate:
    """One certificate for several problems: values add up; the verdict is that of the weakest."""
    if len(certificates) == 1:
        return certificates[0]
    worst = min(certificates, key=lambda c: (c.verdict.value == "proved", -c.gap / max(abs(c.primal), 1e-300)))
    total = lambda name: float(sum(getattr(c, name) for c in certificates))
    residuals = {k: max(c.residuals[k] for c in certificates) for k in worst.residuals}
    residuals["rounding"] = float(sum(c.residuals["rounding"] for c in certificates))
    return Certificate(
        verdict=worst.verdict,
        proof=worst.proof,
        statement=f"in each of {len(certificates)} two-class problems {worst.statement}",
        primal=total("primal"),
        dual=total("dual"),
        gap=total("gap"),
        residuals=residuals,
    )


def _joined(histories: list[History]) -> History:
    """The histories one after the other, with the number of the problem."""
    if len(histories) == 1:
        return histories[0]
    names = [n for n in histories[0].names if all(n in h.names for h in histories)]
    columns = {n: np.concatenate([h[n] for h in histories]) for n in names}
    return History({"problem": np.repeat(np.arange(len(histories)), [len(h) for h in histories]), **columns})


class LinearSVC(_Machine):
    """A linear classifier of least hinge loss: min |w|^2/2 + C sum_i loss(1 - y_i (w'x_i + b)), to a certified gap.

    `loss`: "hinge" max(0, t), or "squared_hinge" max(0, t)^2. `C` may be inf (hinge): the hard margin. `tol` is the
    *relative duality gap* at which the fit ends. More than two classes: one against the rest. Deterministic.

    The intercept is not penalized; liblinear's, which scikit-learn's `LinearSVC` calls, is (as one more weight, scaled
    by `intercept_scaling`), so that its solutions differ from these and move when the data are shifted. As in
    scikit-learn, `sample_weight` and `class_weight` multiply C.

    Attributes: `coef_` (1 or classes, features), `intercept_`, `classes_`, `n_iter_`, `certificate_`, `history_`,
    and for each problem `certificates_`; `support_`, `support_vectors_`, `n_support_`, and the signed multipliers
    `dual_coef_` (1 or classes, support points). Cost: some tens of (d+1) x (d+1) systems,
    each made of a few percent of the rows.
    References: Ferris and Munson (2002); Keerthi and DeCoste (2005) for the squared hinge.

    >>> import numpy as np
    >>> from cauchy.learn import LinearSVC
    >>> machine = LinearSVC(C=np.inf).fit([[0, 0], [1, 2], [2, 1]], [-1, 1, 1])
    >>> machine.coef_.round(9), machine.intercept_.round(9), machine.certificate_.verdict.value
    (array([[0.66666667, 0.66666667]]), array([-1.]), 'proved')
    """

    def __init__(
        self,
        *,
        C: float = 1.0,
        loss: str = "hinge",
        tol: float = 1e-9,
        fit_intercept: bool = True,
        class_weight: Any = None,
        random_state: Any = None,
    ) -> None:
        self.C = C
        self.loss = loss
        self.tol = tol
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> LinearSVC:
        """Fit to X (n, d), dense or sparse, and labels y (n,).

        Raises `DomainError` for data that are no data, one class, or a hard margin that does not exist
        (`NotSeparable`, with the witness).
        """
        one_of(self, "loss", "hinge", "squared_hinge")
        one_of(self, "fit_intercept", True, False)
        X, codes, c = self._taken(X, y, sample_weight)
        if self.loss == "squared_hinge" and np.isinf(c).any():
            raise DomainError("LinearSVC: C=inf is the hard margin, and that is loss='hinge'", fix="loss='hinge'")
        self._price, used = c, np.flatnonzero(c)
        X, codes, c = (X, codes, c) if len(used) == len(c) else (X[used], codes[used], c[used])
        k = len(self.classes_)
        found = []
        for j in [1] if k == 2 else range(k):
            signs = np.where(codes == j, 1.0, -1.0)
            if not (signs > 0).any():  # all its samples have weight zero
                raise DomainError(f"LinearSVC: the samples of class {shown(self.classes_[j])} all have weight zero")
            problem = Problem(Kernel("linear"), X, signs, c, self.fit_intercept, self.loss == "squared_hinge")
            found.append(self._solved(problem, ("the rest", self.classes_[j])))
        self.coef_ = np.array([s.w for s in found])
        self.intercept_ = np.array([s.b for s in found])
        betas = np.array([s.beta for s in found])
        support = np.flatnonzero(betas.any(axis=0))
        support = support[np.argsort(codes[support], kind="stable")]
        self.support_, self.support_vectors_ = used[support].astype(np.int32), X[support]
        self.n_support_ = np.bincount(codes[support], minlength=k).astype(np.int32)
        self.dual_coef_ = betas[:, support]
        self.certificates_ = [s.certificate for s in found]
        self.certificate_ = _merged(self.certificates_)
        self.history_ = _joined([s.history for s in found])
        self.n_iter_ = max(s.rounds for s in found)
        return self

    def _gram_of(self, X: Any, rows: np.ndarray) -> np.ndarray:
        part = (X if sparse.issparse(X) else np.asarray(X, dtype=np.float64))[rows]
        return Kernel("linear").block(part, part)

    def decision_function(self, X: Any) -> np.ndarray:
        """w'x + b: (n,) for two classes, positive for the second; else (n, classes)."""
        check_is_fitted(self)
        X = data(self, X, accept_sparse="csr", reset=False)
        values = np.asarray(X @ self.coef_.T) + self.intercept_
        return values[:, 0] if len(self.classes_) == 2 else values

    def predict(self, X: Any) -> np.ndarray:
        """The class of the largest decision value."""
        values = self.decision_function(X)
        return self.classes_[(values > 0).astype(int) if values.ndim == 1 else values.argmax(axis=1)]


class SVC(_Machine):
    """A kernel classifier: min |w|^2/2 + C sum_i max(0, 1 - y_i (w'phi(x_i) + b)), to a certified gap.

    The parameters are scikit-learn's, with these differences: `tol` is the *relative duality gap* at which the fit ends
    (there: a violation of the optimality conditions); `C` may be inf, the hard margin; `gamma="scale"` takes the
    variance with the sample weights, so that a weight of two is a sample twice; there is no `probability`.
    `kernel`: "linear", "rbf", "poly", "sigmoid", "precomputed", or a function of (X, Z) that gives the Gram matrix.
    `cache_size`: megabytes of Gram rows kept. `max_iter`: the most pairs of multipliers moved, -1 for no limit.
    More than two classes: one against one, as there. Deterministic, whatever `random_state`.

    Linear kernels and small problems go through the interior point of `LinearSVC`, the others through pairs of
    multipliers in a native loop (the first such fit compiles it, half a second).
    Attributes as scikit-learn's: `support_`, `support_vectors_`, `n_support_`, `dual_coef_`, `intercept_`, `coef_`
    (linear), `classes_`, `n_iter_`; and `certificate_`, `history_`, `certificates_` (one for each pair of classes).
    References: Boser, Guyon, Vapnik (1992); Fan, Chen, Lin (2005).

    >>> import numpy as np
    >>> from cauchy.learn import SVC
    >>> X, y = np.array([[0, 0], [1, 1], [0, 1], [1, 0]]), np.array([0, 0, 1, 1])  # exclusive or
    >>> machine = SVC(C=np.inf, kernel="poly", degree=2, gamma=1, coef0=1).fit(X, y)
    >>> machine.predict(X), machine.decision_function(X).round(6)
    (array([0, 0, 1, 1]), array([-1., -1.,  1.,  1.]))
    """

    def __init__(
        self,
        *,
        C: float = 1.0,
        kernel: Any = "rbf",
        degree: int = 3,
        gamma: Any = "scale",
        coef0: float = 0.0,
        tol: float = 1e-6,
        cache_size: float = 200,
        class_weight: Any = None,
        max_iter: int = -1,
        decision_function_shape: str = "ovr",
        break_ties: bool = False,
        random_state: Any = None,
    ) -> None:
        self.C = C
        self.kernel = kernel
        self.degree = degree
        self.gamma = gamma
        self.coef0 = coef0
        self.tol = tol
        self.cache_size = cache_size
        self.class_weight = class_weight
        self.max_iter = max_iter
        self.decision_function_shape = decision_function_shape
        self.break_ties = break_ties
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = self.kernel != "precomputed"
        tags.input_tags.pairwise = self.kernel == "precomputed"
        return tags

    # -- the kernel ---------------------------------------------------------------------------------------------------

    def _kernel(self, X: Any, weights: np.ndarray) -> Kernel:
        if callable(self.kernel) or self.kernel == "precomputed":
            return Kernel("precomputed")
        gamma: Any = self.gamma
        if isinstance(gamma, str):
            one_of(self, "gamma", "scale", "auto")
            gamma = 1.0 / X.shape[1]
            if self.gamma == "scale":
                gamma = gamma / _variance(X, weights) if _variance(X, weights) > 0 else 1.0
        else:
            gamma = number(self, "gamma", 0.0)
        return Kernel(
            self.kernel, float(gamma), float(number(self, "coef0")), int(number(self, "degree", 0, kind="integer"))
        )

    def _called(self, X: Any, Z: Any) -> np.ndarray:
        G = np.asarray(self.kernel(X, Z), dtype=np.float64)
        if G.shape != (X.shape[0], Z.shape[0]) or not np.isfinite(G).all():
            raise DomainError(
                f"SVC: the kernel gave an array of shape {G.shape} for {X.shape[0]} and {Z.shape[0]} points",
                fix="a function of (X, Z) that returns a finite array (len(X), len(Z))",
            )
        return G

    # -- fit --------------------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> SVC:
        """Fit to X (n, d), dense or sparse ((n, n) for a precomputed kernel), and labels y (n,).

        Raises `DomainError` for data that are no data, one class, or a hard margin that does not exist
        (`NotSeparable`, with the witness).
        """
        if not callable(self.kernel):
            one_of(self, "kernel", *NAMES)
        number(self, "cache_size", 0.0, open=True)
        number(self, "max_iter", -1, kind="integer")
        one_of(self, "decision_function_shape", "ovr", "ovo")
        one_of(self, "break_ties", True, False)
        X, codes, c = self._taken(X, y, sample_weight)
        n, self._price = X.shape[0], c
        if self.kernel == "precomputed" and X.shape != (n, n):
            raise DomainError(f"SVC: a precomputed kernel is a square matrix, got X of shape {X.shape}")
        kernel = self._kernel(X, np.where(np.isinf(c), 1.0, c)).centered(X)
        with np.errstate(over="ignore"):
            _representable(self, kernel.diagonal(X)[:, None])
        # the samples of a class stand together, as the columns of dual_coef_ do
        order = np.argsort(codes, kind="stable")
        order = order[c[order] > 0]
        codes, c = codes[order], c[order]
        if callable(self.kernel):
            G = self._called(X[order], X[order])
        else:
            G = X[np.ix_(order, order)] if self.kernel == "precomputed" else X[order]
        if kernel.name == "precomputed":
            _symmetric(G, order)
        k = len(self.classes_)
        if len(np.unique(codes)) < k:
            gone = np.setdiff1d(np.arange(k), codes)[0]
            raise DomainError(f"SVC: the samples of class {shown(self.classes_[gone])} all have weight zero")
        problems, betas = [], []
        for i, j in combinations(range(k), 2):
            rows = np.flatnonzero((codes == i) | (codes == j))
            # of two classes the second is positive, as everywhere in scikit-learn; of SVC's pairs (i, j) the first
            signs = np.where(codes[rows] == (j if k == 2 else i), 1.0, -1.0)
            part = G[np.ix_(rows, rows)] if kernel.name == "precomputed" else G if k == 2 else G[rows]
            found = self._solved(
                Problem(kernel, part, signs, c[rows]),
                (self.classes_[i], self.classes_[j]),
                self.cache_size,
                self.max_iter,
            )
            problems.append(found)
            beta = np.zeros(len(order))
            beta[rows] = found.beta
            betas.append(beta)
        self._kept(X, order, codes, np.array(betas), kernel)
        self.intercept_ = np.array([s.b for s in problems])
        if kernel.name == "linear":
            self.coef_ = np.array([s.w for s in problems])
        self.certificates_ = [s.certificate for s in problems]
        self.certificate_ = _merged(self.certificates_)
        self.history_ = _joined([s.history for s in problems])
        self.n_iter_ = np.array([s.rounds for s in problems], dtype=np.int32)
        self.fit_status_ = int(not all(c.gap <= self.tol * abs(c.primal) for c in self.certificates_))
        self.shape_fit_ = tuple(X.shape)
        return self

    def _kept(self, X: Any, order: np.ndarray, codes: np.ndarray, betas: np.ndarray, kernel: Kernel) -> None:
        """The support points, and `dual_coef_` (classes - 1, support points) in the layout of LIBSVM."""
        k = len(self.classes_)
        support = np.flatnonzero(betas.any(axis=0))
        self.support_ = order[support].astype(np.int32)
        self.support_vectors_ = X[self.support_] if self.kernel != "precomputed" else np.empty((0, 0))
        self.n_support_ = np.bincount(codes[support], minlength=k).astype(np.int32)
        self.dual_coef_ = np.zeros((k - 1, len(support)))
        of = codes[support]
        for (i, j), beta in zip(combinations(range(k), 2), betas[:, support], strict=True):
            self.dual_coef_[j - 1, of == i] = beta[of == i]
            self.dual_coef_[i, of == j] = beta[of == j]
        self._gamma = kernel.gamma
        self._shift = kernel.shift

    def _gram_of(self, X: Any, rows: np.ndarray) -> np.ndarray:
        X = X if sparse.issparse(X) else np.asarray(X, dtype=np.float64)
        if self.kernel == "precomputed":
            return X[np.ix_(rows, rows)]
        if callable(self.kernel):
            return self._called(X[rows], X[rows])
        kernel = Kernel(self.kernel, self._gamma, float(self.coef0), int(self.degree), self._shift)
        left, right = kernel.features(X[rows])
        return kernel.block(left, right)

    # -- prediction -----------------------------------------------------------------------------------------------

    def _pairs(self, X: Any) -> np.ndarray:
        """(n, pairs): the value of each two-class machine, in its own orientation."""
        X = data(self, X, accept_sparse=self._sparse(), reset=False)
        k = len(self.classes_)
        if hasattr(self, "coef_"):
            return np.asarray(X @ self.coef_.T) + self.intercept_
        of = np.repeat(np.arange(k), self.n_support_)
        coefficients = np.zeros((len(of), len(self.intercept_)))
        for p, (i, j) in enumerate(combinations(range(k), 2)):
            coefficients[of == i, p] = self.dual_coef_[j - 1, of == i]
            coefficients[of == j, p] = self.dual_coef_[i, of == j]
        if callable(self.kernel):
            return self._called(X, self.support_vectors_) @ coefficients + self.intercept_
        if self.kernel == "precomputed":
            return X[:, self.support_] @ coefficients + self.intercept_
        kernel = Kernel(self.kernel, self._gamma, float(self.coef0), int(self.degree), self._shift)
        if sparse.issparse(X) != sparse.issparse(self.support_vectors_):
            X = sparse.csr_matrix(X) if sparse.issparse(self.support_vectors_) else X.toarray()
        return kernel.times(X, self.support_vectors_, coefficients) + self.intercept_

    def decision_function(self, X: Any) -> np.ndarray:
        """(n,) for two classes, positive for the second; else (n, classes), or (n, pairs) for "ovo".

        The values per class are votes of the pairs, with the sum of their values to break ties, as scikit-learn's.
        """
        check_is_fitted(self)
        values = self._pairs(X)
        k = len(self.classes_)
        if k == 2:
            return values[:, 0]
        return values if self.decision_function_shape == "ovo" else _votes(values, k)

    def predict(self, X: Any) -> np.ndarray:
        """The class with the most votes; the first of several, or with `break_ties` the one of the largest value."""
        check_is_fitted(self)
        k = len(self.classes_)
        if self.break_ties and k > 2 and self.decision_function_shape == "ovo":
            raise DomainError("SVC: break_ties=True needs decision_function_shape='ovr'")
        values = self._pairs(X)
        if k == 2:
            return self.classes_[(values[:, 0] > 0).astype(int)]
        if self.break_ties:
            return self.classes_[_votes(values, k).argmax(axis=1)]
        return self.classes_[_counts(values, k).argmax(axis=1)]


def _representable(owner: object, values: Any) -> None:
    """Refuse data, or squared lengths, whose squares overflow."""
    largest = float(abs(values).max())
    if not largest < 1e150:
        raise DomainError(
            f"{type(owner).__name__}: X is too large: products of its entries overflow",
            why=f"entries of X, or products of its rows, reach {largest:.3g}",
            fix="use other units: divide the columns",
        )


def _symmetric(G: np.ndarray, names: np.ndarray) -> None:
    """Refuse a Gram matrix that is not symmetric to the rounding of single precision."""
    off = np.abs(G - G.T)
    i, j = np.unravel_index(int(np.argmax(off)), off.shape)
    if off[i, j] > 1e-5 * float(np.abs(G).max()):
        raise DomainError(
            f"SVC: the Gram matrix is not symmetric: samples {names[i]} and {names[j]} have"
            f" {G[i, j]:.6g} one way and {G[j, i]:.6g} the other",
            why="a kernel k(x, z) = k(z, x) is symmetric",
            fix="give (K + K.T) / 2 if that is what is meant",
        )


def _counts(values: np.ndarray, k: int) -> np.ndarray:
    votes = np.zeros((len(values), k))
    for p, (i, j) in enumerate(combinations(range(k), 2)):
        votes[:, i] += values[:, p] > 0
        votes[:, j] += values[:, p] <= 0
    return votes


def _votes(values: np.ndarray, k: int) -> np.ndarray:
    """Votes, and within (-1/3, 1/3) the sums of the values: scikit-learn's `_ovr_decision_function`."""
    sums = np.zeros((len(values), k))
    for p, (i, j) in enumerate(combinations(range(k), 2)):
        sums[:, i] += values[:, p]
        sums[:, j] -= values[:, p]
    return _counts(values, k) + sums / (3 * (np.abs(sums) + 1))


def _variance(X: Any, weights: np.ndarray) -> float:
    """The variance of all entries of X, its rows weighted."""
    d = X.shape[1]
    total = float(weights.sum()) * d
    if sparse.issparse(X):
        mean = float(weights @ np.asarray(X.sum(axis=1)).ravel()) / total
        return float(weights @ np.asarray(X.multiply(X).sum(axis=1)).ravel()) / total - mean**2
    mean = float(weights @ X.sum(axis=1)) / total
    return float(weights @ np.einsum("ij,ij->i", X - mean, X - mean)) / total
