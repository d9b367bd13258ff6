"""Linear regression and ridge regression as estimators."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import linalg as sl
from scipy import optimize, sparse

from ...errors import DomainError
from ...linear import RankError, lstsq
from ...messages import say
from ...proof import Proof, Verdict
from ..base import Certificate, ConvergenceWarning, History, RegressorMixin, data, number, one_of, sample_weights
from ..certificate import bracket
from ..wording import at_most, shown
from .design import EPS, Design, balanced, design, lengths, negligible, rounding
from .model import LinearModel

LAPACK: Any = sl.lapack  # made at run time: unknown to type checkers
DIRECT = 4000  # unknowns up to which a matrix of their number squared is factored
REFINED = 200_000  # entries of X up to which `cauchy.linear.lstsq` proves the digits of every coefficient
SMALL = 1e-8  # of the objective at w = 0: a gap up to that is called optimal
ROUNDS = 4

Solve = Callable[[np.ndarray], np.ndarray]


def refine(
    problem: Design, solve: Solve, alpha: np.ndarray, w: np.ndarray
) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """(w, gradient A'(b - A w) - alpha w, sizes of the steps): Newton's method with a rounded inverse (Bjorck 1987)."""
    sizes: list[float] = []
    gradient = lambda w: problem.transpose(problem.b - problem.times(w)) - alpha * w
    g = gradient(w)
    for _ in range(ROUNDS):
        step = solve(g)
        size = float(np.max(np.abs(step), initial=0.0) / (np.max(np.abs(w), initial=0.0) or 1.0))
        if not math.isfinite(size) or (sizes and size > sizes[-1] / 2):
            break
        w = w + step
        g = gradient(w)
        sizes.append(size)
        if size <= EPS:
            break
    return w, g, sizes


def iterate(problem: Design, alpha: np.ndarray, tol: float, most: int | None) -> tuple[np.ndarray, int]:
    """(w, iterations): LSMR for each target (Fong, Saunders 2011), columns at length 1 where nothing is penalized."""
    n, p = problem.shape
    found, rounds = np.empty((p, problem.b.shape[1])), 0
    for k, penalty in enumerate(np.broadcast_to(alpha, found.shape[1])):
        scale = np.ones(p) if penalty else np.where(problem.norms > 0, problem.norms, 1.0)
        operator = sparse.linalg.LinearOperator(
            (n, p),
            matvec=lambda v, s=scale: problem.times(np.ravel(v) / s),
            rmatvec=lambda r, s=scale: problem.transpose(np.ravel(r)) / s,
            dtype=np.float64,
        )
        most = most or 10 * min(n, p) + 100
        out = sparse.linalg.lsmr(
            operator, problem.b[:, k], damp=math.sqrt(penalty), atol=tol, btol=tol, conlim=0.0, maxiter=most
        )
        found[:, k], rounds = out[0] / scale, max(rounds, out[2])
    return found, rounds


class LinearRegression(RegressorMixin, LinearModel):
    """Ordinary least squares: minimizes sum weights (y - X w - b)².

    X (n, p) dense or sparse, y (n,) or (n, k). Dense: QR of the columns scaled to one length, refined, without normal
    equations; with up to 200 000 entries, one target and no weights by `cauchy.linear.lstsq`, whose bound of every
    coefficient's error is proven (`certificate_.residuals["coefficient_error"]`). Sparse: LSMR to `tol`, an estimate.

    The rank is never decided silently: if the columns are dependent, or are so to rounding, the coefficients are the
    shortest among the minimizers for singular values above max(n, p) eps times the largest, as in scikit-learn; then
    `rank_` < p, the certificate says so, and its verdict is UNDECIDED. `singular_` holds the singular values of the
    columns, centered and scaled to length 1 (dense only). With `positive` all coefficients are >= 0 (NNLS, Lawson and
    Hanson 1974), an estimate.

    `certificate_`: gap = g'(A'A)⁻¹g for the gradient g, rounding included, that of the intercept too: a bound of the
    weighted sum of squares - minimum. PROVED by it where it is at most 1e-8 of primal at w = 0 and 1e-3
    of primal (1e-16 of the former where the latter is about 0). What scikit-learn takes besides (copy_X, n_jobs) would
    change nothing and is not taken.

    Raises DomainError for data that are empty, not numbers or not finite.

    Reference: Bjorck 1996.

    >>> X, y = np.array([[0.0], [1.0], [2.0]]), np.array([1.0, 3.0, 5.0])
    >>> model = LinearRegression().fit(X, y)
    >>> model.coef_.round(12), float(model.intercept_.round(12)), model.certificate_.verdict
    (array([2.]), 1.0, <Verdict.PROVED: 'proved'>)
    """

    rank_: int
    singular_: np.ndarray

    def __init__(self, *, fit_intercept: bool = True, tol: float = 1e-12, positive: bool = False) -> None:
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.positive = positive

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> LinearRegression:
        """X (n, p), y (n,) or (n, k), sample_weight (n,) or None."""
        begun = time.perf_counter()
        for name in ("fit_intercept", "positive"):
            one_of(self, name, True, False)
        tol = number(self, "tol", 0.0)
        accept = False if self.positive else ("csr", "csc")
        X, y = data(self, X, y, accept_sparse=accept, y_numeric=True, multi_output=True)
        y = y.astype(np.float64, copy=False)
        weights, exponent = None, 0
        if sample_weight is not None:
            weights, exponent = balanced(sample_weights(self, sample_weight, X))
        problem = design(X, y.reshape(len(y), -1), weights, intercept=bool(self.fit_intercept))
        proof, residuals, estimates, gap, intercept = None, {}, {}, math.nan, None
        if self.positive:
            w = np.column_stack([optimize.nnls(problem.a, b)[0] for b in problem.b.T])
            g = problem.transpose(problem.b - problem.times(w))
            residuals["gradient_on_support"] = float(np.max(np.abs(g), where=w > 0, initial=0.0))
            residuals["gradient_off_support"] = float(np.max(g, where=w == 0, initial=0.0))
            statement, steps = say("learn.linear_nonnegative"), [0.0]
        elif sparse.issparse(X):
            w, rounds = iterate(problem, np.zeros(1), tol, None)
            g = problem.transpose(problem.b - problem.times(w))
            statement, steps = say("learn.linear_iterated", rounds=rounds), [0.0]
        else:
            w, g, steps, inverse = self._orthogonal(problem)
            p = len(w)
            values = self.singular_
            estimates["condition"] = math.inf if self.rank_ < p else float(values[0] / values[-1]) if p else 1.0
            if inverse is None:
                statement = say("learn.linear_dependent", rank=self.rank_, columns=p)
                residuals["rank"] = float(self.rank_)
            else:
                exact = None
                if weights is None and y.size == len(y) and X.size <= REFINED:
                    exact = self._proven(X, y.ravel())
                if exact is not None:
                    w, b, error, digits, proof = exact
                    intercept, g = np.array([b]), problem.transpose(problem.b - problem.times(w))
                    residuals["coefficient_error"], residuals["intercept_error"] = error
                    estimates["digits"] = digits
                worst = np.abs(inverse.T) @ (np.abs(problem.slack(w)))
                gap = 1.25 * np.sum((np.abs(inverse.T @ g) + worst) ** 2, axis=0)  # R is of a matrix a little off
                shaky = estimates["condition"] * math.sqrt(p) * rounding(len(y) + p) > 0.05
                intercept = problem.intercept(w) if intercept is None else intercept
                gap = gap + problem.excess(w, intercept)
                zeros, values = (np.sum(v * v, axis=0) for v in (problem.b, problem.b - problem.times(w)))
                small = all(negligible(*row, SMALL) for row in zip(gap, values, zeros, strict=True))
                gap = math.nan if shaky else float(np.ldexp(gap.max(initial=0.0), exponent))
                statement = say("learn.linear_squares", gap=at_most(gap))
                if exact is not None:
                    statement = say("learn.linear_coefficients_proven", error=at_most(residuals["coefficient_error"]))
                elif shaky:
                    statement = say("learn.linear_near_dependent", condition=f"{estimates['condition']:.2g}")
                elif small:
                    proof = Proof("gradient", say("learn.linear_gradient_bound"))
        intercept = problem.intercept(w) if intercept is None else intercept
        self._settle(w, intercept, flat=y.ndim == 1)
        r = problem.b - problem.times(w)
        squares = np.sum(r * r, axis=0)
        worst = int(np.argmax(squares))
        doubt = problem.doubt(w, intercept, squares)
        scale = np.linalg.norm(problem.norms) * np.sqrt(squares[worst])
        residuals["gradient"] = float(np.abs(g).max(initial=0.0) / scale) if scale else 0.0
        self.history_ = History({"step": np.array(steps or [0.0])})
        value, slack = np.ldexp([squares[worst], doubt[worst]], exponent).tolist()
        primal, dual = bracket(value, slack, gap)
        self.certificate_ = Certificate(
            statement=statement, primal=primal, dual=dual, gap=gap,
            residuals=residuals, verdict=Verdict.UNDECIDED if proof is None else Verdict.PROVED, proof=proof,
            estimates=estimates, cost={"seconds": time.perf_counter() - begun},
        )  # fmt: skip
        return self

    def _orthogonal(self, problem: Design) -> tuple[np.ndarray, np.ndarray, list[float], np.ndarray | None]:
        """(w, gradient, steps, S) with S S' = (A'A)⁻¹, or None where the columns are dependent to rounding."""
        n, p = problem.shape
        scale = lengths(problem.a)
        scale[scale == 0] = 1.0
        r = np.asarray(np.linalg.qr(problem.a / scale, mode="r"))
        self.singular_ = np.asarray(sl.svdvals(r)) if r.size else np.zeros(0)
        cut = max(n, p) * EPS * self.singular_.max(initial=0.0)
        self.rank_ = int(np.sum(self.singular_ > cut))
        if self.rank_ < p:
            u, s, vt = sl.svd(problem.a, full_matrices=False)
            kept = s > max(n, p) * EPS * s.max(initial=0.0)
            self.rank_ = min(int(kept.sum()), self.rank_)
            inverse = vt[kept].T / s[kept]
            solve = lambda g: inverse @ (inverse.T @ g)
            w, g, steps = refine(problem, solve, np.zeros(1), inverse @ (u[:, kept].T @ problem.b))
            return w, g, steps, None
        inverse = sl.solve_triangular(r, np.eye(p)) / scale[:, None]
        solve = lambda g: inverse @ (inverse.T @ g)
        return *refine(problem, solve, np.zeros(1), solve(problem.transpose(problem.b))), inverse

    def _proven(
        self, X: np.ndarray, y: np.ndarray
    ) -> tuple[np.ndarray, float, tuple[float, float], float, Proof] | None:
        """(w (p, 1), b, bounds of the errors of every coefficient and of b, least digits, proof), if there is one."""
        whole = np.column_stack([X, np.ones(len(y))]) if self.fit_intercept else X
        try:
            found = lstsq(whole, y)
        except RankError:
            return None
        if found.forward_bound is None or found.proof is None:
            return None
        p = X.shape[1]
        intercept = float(found.x[p]) if self.fit_intercept else 0.0
        each = found.forward_bound
        error = float(np.max(each[:p], initial=0.0)), float(np.max(each[p:], initial=0.0))
        return found.x[:p, None], intercept, error, float(np.min(found.digits)), found.proof


class Ridge(RegressorMixin, LinearModel):
    """Least squares with the penalty alpha |w|²: minimizes sum weights (y - X w - b)² + alpha |w|².

    X (n, p) dense or sparse, y (n,) or (n, k); `alpha` > 0, one number or one for each target. A Cholesky factor of
    A'A + alpha I, or of A A' + alpha I where that is smaller, and corrections by the gradient of the original problem
    until they no longer shrink; `solver="lsmr"` (and "auto" for sparse X with more than 4000 samples and features)
    iterates to `tol` instead, at most `max_iter` times.

    `certificate_`: the gap (|g| + rounding)²/curvature for half the objective's gradient g is a bound of objective -
    minimum, the curvature at least alpha, with the rounding of the intercept; so is primal, as the minimum is not
    negative. PROVED where the gap is at most 1e-8 of the objective at w = 0 and 1e-3 of the objective (1e-16 of the
    former where the latter is about 0). What scikit-learn takes besides (copy_X, positive, random_state) is not taken.

    Raises DomainError: alpha <= 0 (alpha = 0 is LinearRegression), data that are empty, not numbers or not finite.

    Reference: Hoerl and Kennard 1970.

    >>> model = Ridge(alpha=2.0, fit_intercept=False).fit([[1.0], [1.0]], [3.0, 3.0])
    >>> model.coef_, model.certificate_.verdict
    (array([1.5]), <Verdict.PROVED: 'proved'>)
    """

    def __init__(
        self,
        alpha: Any = 1.0,
        *,
        fit_intercept: bool = True,
        max_iter: int | None = None,
        tol: float = 1e-12,
        solver: str = "auto",
    ) -> None:
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.solver = solver

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Ridge:
        """X (n, p), y (n,) or (n, k), sample_weight (n,) or None."""
        begun = time.perf_counter()
        one_of(self, "fit_intercept", True, False)
        one_of(self, "solver", "auto", "cholesky", "lsmr")
        tol = number(self, "tol", 0.0)
        most = None if self.max_iter is None else int(number(self, "max_iter", 1, kind="integer"))
        X, y = data(self, X, y, accept_sparse=("csr", "csc"), y_numeric=True, multi_output=True)
        y = y.astype(np.float64, copy=False)
        alpha = self._alpha(1 if y.ndim == 1 else y.shape[1])
        weights, exponent = None, 0
        if sample_weight is not None:
            weights, exponent = balanced(sample_weights(self, sample_weight, X))
            alpha = self._beside(alpha, exponent)
        problem = design(X, y.reshape(len(y), -1), weights, intercept=bool(self.fit_intercept))
        iterated = self.solver == "lsmr" or (self.solver == "auto" and min(X.shape) > DIRECT and sparse.issparse(X))
        if iterated:
            w, rounds = iterate(problem, alpha, tol, most)
            steps, curvature = [0.0], alpha
        else:
            w, steps, curvature = _factored(problem, alpha)
            rounds = max(1, len(steps))
        r = problem.b - problem.times(w)
        g = problem.transpose(r) - alpha * w
        hidden = problem.slack(w) + 4 * EPS * alpha * np.abs(w)
        values = np.sum(r * r, axis=0) + alpha * np.sum(w * w, axis=0)
        with np.errstate(over="ignore"):
            gaps = np.sum((np.abs(g) + hidden) ** 2, axis=0) / curvature
        intercept = problem.intercept(w)
        doubt = problem.doubt(w, intercept, np.sum(r * r, axis=0)) + rounding(len(w) + 16) * values
        gaps = np.minimum(gaps + problem.excess(w, intercept), values + doubt)  # no minimum is below 0
        zeros = np.sum(problem.b**2, axis=0)
        proved = all(negligible(*row, SMALL) for row in zip(gaps, values, zeros, strict=True))
        self._settle(w, intercept, flat=y.ndim == 1)
        self.n_iter_ = rounds
        self.history_ = History({"step": np.array(steps or [0.0])})
        worst = int(np.argmax(gaps))
        value, slack, gap = np.ldexp([values[worst], doubt[worst], gaps[worst]], exponent).tolist()
        primal, dual = bracket(value, slack, gap)
        scale = float(np.abs(problem.transpose(problem.b)).max(initial=0.0)) or 1.0
        residuals: Mapping[str, float] = {
            "gradient": float(np.abs(g).max(initial=0.0) / scale),
            "rounding": float(np.max(hidden, initial=0.0) / scale),
        }
        self.certificate_ = Certificate(
            statement=say("learn.linear_gap", gap=at_most(gap)), primal=primal, dual=dual, gap=gap,
            residuals=residuals, verdict=Verdict.PROVED if proved else Verdict.UNDECIDED,
            proof=Proof("strong convexity", say("learn.linear_strongly_convex")) if proved else None,
            cost={"seconds": time.perf_counter() - begun},
        )  # fmt: skip
        if iterated and most is not None and rounds >= most and not proved:
            warnings.warn(f"Ridge: LSMR ended at max_iter = {most}", ConvergenceWarning, stacklevel=2)
        return self

    def _beside(self, alpha: np.ndarray, exponent: int) -> np.ndarray:
        """The penalty for weights that are 2^exponent times smaller."""
        with np.errstate(over="ignore", under="ignore"):
            scaled = np.ldexp(alpha, -exponent)
        if not (np.isfinite(scaled) & (scaled > 0)).all():
            raise DomainError(
                f"Ridge: alpha = {shown(self.alpha)} is out of range for sample_weight around 2^{exponent}"
            )
        return scaled

    def _alpha(self, targets: int) -> np.ndarray:
        """(1,) or (targets,), checked."""
        alpha = np.atleast_1d(np.asarray(self.alpha))
        if alpha.dtype.kind not in "fiu" or alpha.shape not in {(1,), (targets,)}:
            raise DomainError(f"Ridge: alpha must be a number, or one for each target, got {shown(self.alpha)}")
        if not (np.isfinite(alpha) & (alpha > 0)).all():
            raise DomainError(
                f"Ridge: alpha must be > 0 and finite, got {shown(self.alpha)}",
                fix="use LinearRegression" if (alpha == 0).all() else "",
            )
        return alpha.astype(np.float64)


def _factored(problem: Design, alpha: np.ndarray) -> tuple[np.ndarray, list[float], np.ndarray]:
    """(w, steps, a lower bound of A'A + alpha I for each target), by a factor for each alpha that there is."""
    n, p = problem.shape
    w, steps = np.zeros((p, problem.b.shape[1])), []
    wide = p > n
    outer = problem.dense() if wide else None
    square = outer @ outer.T if outer is not None else problem.gram()
    each = np.broadcast_to(alpha, w.shape[1])
    curvature = each.copy()
    for value in np.unique(each):
        mine = each == value
        part = problem.part(mine)
        lower, info = LAPACK.dpotrf(square + value * np.eye(len(square)), lower=1)
        if info or value < 1e-12 * np.trace(square):  # alpha is close to the rounding of A'A: singular values keep it
            u, s, vt = sl.svd(part.dense(), full_matrices=False)
            off = 8 * (n + p) * EPS * s.max(initial=0.0)
            kept = (s > off) | (value > off**2)  # what is rounding by both gives nothing
            v, filtered = vt[kept].T, s[kept] / (s[kept] ** 2 + value)
            solve = lambda g, v=v, d=s[kept] ** 2 + value: v @ ((v.T @ g) / d[:, None])
            start = v @ (filtered[:, None] * (u[:, kept].T @ part.b))
            curvature[mine] += 0.0 if wide else max(s[-1] - off, 0.0) ** 2
        elif outer is None:
            solve = lambda g, f=(lower, True): sl.cho_solve(f, g)
            start = solve(part.transpose(part.b))
        else:  # (A'A + a I)⁻¹ = (I - A'(AA' + a I)⁻¹A)/a
            solve = lambda g, f=(lower, True), a=value: (g - outer.T @ sl.cho_solve(f, outer @ g)) / a
            start = outer.T @ sl.cho_solve((lower, True), part.b)
        w[:, mine], _, found = refine(part, solve, np.array([value]), start)
        steps = max(steps, found, key=len)
    return w, steps, curvature
