"""Linear models: the optimum and its certificate, against closed forms, high precision and scikit-learn."""

import math
import pickle
import warnings

import mpmath
import numpy as np
import pytest
from learn_data import MODELS, classes, regression
from scipy import sparse
from sklearn import linear_model as sk
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from cauchy.errors import DomainError, ShapeError
from cauchy.learn import (
    ElasticNet,
    Lasso,
    LinearRegression,
    LogisticRegression,
    Ridge,
    Separable,
    lasso_path,
    shrink,
    soft_threshold,
)
from cauchy.learn.base import ConvergenceWarning
from cauchy.learn.linear import newton, softmax
from cauchy.learn.linear.separation import gains
from cauchy.proof import Verdict

REGRESSORS = MODELS[:4]


@pytest.fixture(scope="module")
def diabetes():
    X, y = load_diabetes(return_X_y=True)
    return X * 20, y


# -- scikit-learn's own rules -----------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks(MODELS)
def test_scikit_learn_rules(estimator, check):
    check(estimator)


def test_pipelines_and_searches_take_them(diabetes):
    found = GridSearchCV(make_pipeline(StandardScaler(), Ridge()), {"ridge__alpha": [0.1, 10.0]}, cv=3).fit(*diabetes)
    assert found.best_score_ > 0.4


# -- the same objective as scikit-learn's ----------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("k", [None, 3])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (LinearRegression(), sk.LinearRegression()),
        (Ridge(0.7), sk.Ridge(0.7, tol=1e-12)),
        (Lasso(0.3), sk.Lasso(0.3, tol=1e-14, max_iter=100_000)),
        (ElasticNet(0.3, l1_ratio=0.4), sk.ElasticNet(0.3, l1_ratio=0.4, tol=1e-14, max_iter=100_000)),
    ],
)
def test_regressors_agree(ours, theirs, k, intercept, weighted):
    X, y = regression(k=k)
    weights = np.random.default_rng(1).uniform(0.1, 3.0, len(y)) if weighted else None
    ours.set_params(fit_intercept=intercept).fit(X, y, sample_weight=weights)
    theirs.set_params(fit_intercept=intercept).fit(X, y, sample_weight=weights)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-7)
    assert ours.coef_.shape == theirs.coef_.shape
    assert np.shape(ours.intercept_) == np.shape(theirs.intercept_) or not intercept
    assert ours.certificate_.verdict is Verdict.PROVED


@pytest.mark.parametrize("model", REGRESSORS)
@pytest.mark.parametrize("weighted", [False, True])
def test_sparse_is_dense(model, weighted):
    X, y = regression(80, 6)
    X[np.abs(X) < 0.8] = 0.0
    weights = np.random.default_rng(1).uniform(0.1, 3.0, len(y)) if weighted else None
    dense = pickle.loads(pickle.dumps(model)).fit(X, y, sample_weight=weights)
    for kind in (sparse.csr_matrix, sparse.csc_array):
        thin = pickle.loads(pickle.dumps(model)).fit(kind(X), y, sample_weight=weights)
        np.testing.assert_allclose(thin.coef_, dense.coef_, rtol=1e-9, atol=1e-10)
        np.testing.assert_allclose(thin.intercept_, dense.intercept_, rtol=1e-9)
        np.testing.assert_allclose(thin.predict(kind(X)), dense.predict(X), rtol=1e-9)


@pytest.mark.parametrize("K", [2, 3, 5])
@pytest.mark.parametrize("C", [0.05, 1.0, 100.0])
@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("balanced", [None, "balanced"])
def test_logistic_agrees(K, C, intercept, balanced):
    X, y = classes(K=K)
    weights = np.random.default_rng(1).uniform(0.1, 3.0, len(y))
    options = {"C": C, "fit_intercept": intercept, "class_weight": balanced}
    ours = LogisticRegression(**options).fit(X, y, sample_weight=weights)
    theirs = sk.LogisticRegression(**options, tol=1e-12, solver="newton-cholesky").fit(X, y, sample_weight=weights)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-5)
    np.testing.assert_allclose(ours.predict_log_proba(X), np.log(ours.predict_proba(X)), rtol=1e-12)
    assert (ours.predict(X) == theirs.predict(X)).all()
    assert ours.certificate_.verdict is Verdict.PROVED
    thin = LogisticRegression(**options).fit(sparse.csr_matrix(X), y, sample_weight=weights)
    np.testing.assert_allclose(thin.coef_, ours.coef_, rtol=1e-7, atol=1e-9)


def test_without_a_penalty_the_minimum_is_shown_to_exist():
    for K in (2, 3):
        X, y = classes(K=K)
        ours = LogisticRegression(penalty=None).fit(X, y)
        theirs = sk.LogisticRegression(C=np.inf, tol=1e-12, solver="newton-cholesky").fit(X, y)
        np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-6, atol=1e-8)
        assert ours.certificate_.verdict is Verdict.PROVED
        assert ours.certificate_.proof.method == "self-concordance"
        assert (LogisticRegression(C=np.inf).fit(X, y).coef_ == ours.coef_).all()


# -- against closed forms and high precision ---------------------------------------------------------------


def test_soft_threshold_and_shrink():
    np.testing.assert_array_equal(soft_threshold([3.0, 0.5, -3.0, 1.0, np.nan], 1.0), [2.0, 0.0, -2.0, 0.0, np.nan])
    np.testing.assert_array_equal(soft_threshold(np.inf, 1.0), np.inf)
    assert shrink(3.0, 1.0) == 1.5
    a = np.random.default_rng(0).normal(size=50)
    for amount in (0.0, 0.3, 2.0):
        grid = np.linspace(-4, 4, 200_001)
        for x in a[:8]:
            best = grid[np.argmin((grid - x) ** 2 / 2 + amount * np.abs(grid))]
            assert abs(soft_threshold(x, amount) - best) <= 4.1e-5
    with pytest.raises(DomainError, match="amount"):
        soft_threshold(1.0, -1.0)
    with pytest.raises(DomainError, match="dtype"):
        soft_threshold("a", 1.0)
    with pytest.raises(DomainError, match="amount"):
        shrink(1.0, -1.0)


def test_an_orthogonal_lasso_is_soft_thresholding():
    Q = np.linalg.qr(np.random.default_rng(0).normal(size=(40, 6)))[0]
    y = Q @ np.array([3.0, -2.0, 0.5, 0.1, 0.0, 1.0])
    model = Lasso(0.6 / 40, fit_intercept=False).fit(Q, y)
    np.testing.assert_allclose(model.coef_, soft_threshold(Q.T @ y, 0.6), atol=1e-14)
    assert (model.coef_ != 0).sum() == 3


def gaps(problem, now, near):
    """Every bound that there is: by duality, by the curvature here and near by."""
    largest = problem.largest()
    yield newton.gap_by_duality(problem, now, largest)
    yield newton.gap_by_curvature(problem, now, now, largest)
    yield newton.gap_by_curvature(problem, now, near, largest)


def test_the_certified_gap_holds_in_high_precision():
    """The gaps, at points that are not optimal, against the objectives' minima in 60 digits."""
    X, y = classes(60, 3)
    mpmath.mp.dps = 60
    A = mpmath.matrix(np.column_stack([X, np.ones(len(y))]).tolist())
    signs = [1 if t else -1 for t in y]

    def value(v):
        z = A * v
        return (
            sum(mpmath.log1p(mpmath.exp(-s * t)) for s, t in zip(signs, z, strict=True))
            + sum(v[j] ** 2 for j in range(3)) / 2
        )

    best = LogisticRegression().fit(X, y)
    v = mpmath.matrix([*best.coef_[0], best.intercept_[0]])
    for _ in range(3):
        z = A * v
        p = [1 / (1 + mpmath.exp(-t)) for t in z]
        g = A.T * mpmath.matrix([pi - (s > 0) for pi, s in zip(p, signs, strict=True)])
        H = mpmath.matrix(4, 4)
        for i in range(len(y)):
            H += p[i] * (1 - p[i]) * (A[i, :].T * A[i, :])
        for j in range(3):
            g[j] += v[j]
            H[j, j] += 1
        v -= mpmath.lu_solve(H, g)
    least = value(v)
    assert abs(best.certificate_.primal - least) <= 1e-13 * least
    assert value(mpmath.matrix([*best.coef_[0], best.intercept_[0]])) - least <= best.certificate_.gap

    problem = softmax.Logistic(X, y, 2, np.ones(len(y)), 1.0, intercept=True)
    rng, tight = np.random.default_rng(0), 0
    for size in (1e-3, 1e-2, 0.05, 0.3):
        at = np.array([*best.coef_[0], best.intercept_[0]])[:, None] + size * rng.normal(size=(4, 1))
        truth = value(mpmath.matrix(at[:, 0].tolist())) - least
        now = problem.at(at, hessian=True)
        for gap in gaps(problem, now, problem.at(now.v + size / 9 * rng.normal(size=(4, 1)), hessian=True)):
            assert gap >= truth
            tight += gap < 100 * truth
    assert tight >= 5


def test_multinomial_gaps_bound_the_distance_to_the_minimum():
    X, y = classes(80, 3, 4)
    problem = softmax.Logistic(X, y, 4, np.full(80, 0.5), 1.0, intercept=True)
    best, _ = newton.minimize(problem, np.zeros((4, 4)), 1e-13, 100)
    rng, finite = np.random.default_rng(0), 0
    for size in (1e-4, 1e-3, 1e-2, 0.1):
        now = problem.at(best.v + size * rng.normal(size=(4, 4)), hessian=True)
        for gap in gaps(problem, now, problem.at(now.v + size / 9 * rng.normal(size=(4, 4)), hessian=True)):
            assert gap >= now.value - best.value
            finite += math.isfinite(gap)
    assert finite >= 6


@pytest.mark.parametrize("K", [2, 3])
def test_gradient_and_hessian_are_derivatives(K):
    X, y = classes(50, 3, K)
    c = np.random.default_rng(1).uniform(0.5, 2, 50)
    for data in (X, sparse.csr_matrix(X)):
        problem = softmax.Logistic(data, y, K, c, 0.3, intercept=True)
        v = np.random.default_rng(2).normal(size=(problem.q, problem.m))
        now, h = problem.at(v, hessian=True), 1e-5
        product = problem.product(v)
        for i in range(v.size):
            e = np.zeros(v.size)
            e[i] = h
            e = e.reshape(v.T.shape).T
            up, down = problem.at(v + e, hessian=False), problem.at(v - e, hessian=False)
            assert np.sum(now.gradient * e) / h == pytest.approx((up.value - down.value) / (2 * h), abs=1e-7)
            slope = (up.gradient - down.gradient).T.ravel() / (2 * h)
            np.testing.assert_allclose(now.hessian[i], slope, atol=1e-7)
            np.testing.assert_allclose(product(e / h).T.ravel(), now.hessian[i], atol=1e-10)


def test_sums_of_logs():
    for scale in (1.0, 1e-3, 1e-9):
        e = scale * np.random.default_rng(0).random(1003)
        truth = float(mpmath.fsum(mpmath.log1p(t) for t in e))
        assert softmax.sum_of_logs(e + 1.0, e) == pytest.approx(truth, rel=1e-13)


def test_the_largest_of_each_column():
    for n in (1, 31, 32, 100):
        X = np.random.default_rng(n).normal(size=(n, 3))
        np.testing.assert_array_equal(softmax.tops(X), [max(map(abs, column)) for column in X.T.tolist()])
        X[n // 2, 1] = np.nan
        assert np.isnan(softmax.tops(X)).tolist() == [False, True, False]


@pytest.mark.parametrize("kind", ["good", "collinear", "wide", "hilbert"])
@pytest.mark.parametrize("alpha", [1e-300, 1e-30, 1e-16, 1e-12, 1e-6])
def test_ridge_at_tiny_penalties(kind, alpha):
    n, p = (8, 12) if kind == "wide" else (12, 5)
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(n, p)), rng.normal(size=n)
    if kind == "collinear":
        X[:, 1] = X[:, 0] + 1e-9 * X[:, 1]
    if kind == "hilbert":
        X = 1 / (np.arange(n)[:, None] + np.arange(p) + 1.0)
    model = Ridge(alpha, fit_intercept=False).fit(X, y)
    with mpmath.workdps(700):
        A, b = mpmath.matrix(X), mpmath.matrix(y)
        objective = lambda w: mpmath.norm(b - A * w) ** 2 + mpmath.mpf(alpha) * mpmath.norm(w) ** 2
        least = objective(mpmath.lu_solve(A.T * A + mpmath.mpf(alpha) * mpmath.eye(p), A.T * b))
        above = float(objective(mpmath.matrix(model.coef_)) - least)
        found = model.certificate_
        assert above <= found.gap
        assert found.gap <= found.primal  # the minimum is not negative
        assert above <= 1e-3 * float(mpmath.norm(b) ** 2)  # and undecided or not, the fit is a good one
    assert found.verdict is Verdict.PROVED or (kind != "good" and alpha <= 1e-12)
    if found.verdict is Verdict.PROVED:
        assert found.gap <= max(1e-3 * found.primal, 1e-16 * float(y @ y))


def test_longley_to_the_last_digits():
    """NIST StRD Longley: the certified coefficients, to 13 digits (condition number 4.9e9)."""
    rows = [
        (60323, 83.0, 234289, 2356, 1590, 107608, 1947), (61122, 88.5, 259426, 2325, 1456, 108632, 1948),
        (60171, 88.2, 258054, 3682, 1616, 109773, 1949), (61187, 89.5, 284599, 3351, 1650, 110929, 1950),
        (63221, 96.2, 328975, 2099, 3099, 112075, 1951), (63639, 98.1, 346999, 1932, 3594, 113270, 1952),
        (64989, 99.0, 365385, 1870, 3547, 115094, 1953), (63761, 100.0, 363112, 3578, 3350, 116219, 1954),
        (66019, 101.2, 397469, 2904, 3048, 117388, 1955), (67857, 104.6, 419180, 2822, 2857, 118734, 1956),
        (68169, 108.4, 442769, 2936, 2798, 120445, 1957), (66513, 110.8, 444546, 4681, 2637, 121950, 1958),
        (68655, 112.6, 482704, 3813, 2552, 123366, 1959), (69564, 114.2, 502601, 3931, 2514, 125368, 1960),
        (69331, 115.7, 518173, 4806, 2572, 127852, 1961), (70551, 116.9, 554894, 4007, 2827, 130081, 1962),
    ]  # fmt: skip
    table = np.array(rows)
    model = LinearRegression().fit(table[:, 1:], table[:, 0])
    want = [
        15.0618722713733, -0.0358191792925910, -2.02022980381683,
        -1.03322686717359, -0.0511041056535807, 1829.15146461355,
    ]  # fmt: skip
    np.testing.assert_allclose(model.coef_, want, rtol=2e-14)
    assert model.intercept_ == pytest.approx(-3482258.63459582, rel=2e-14)
    assert model.certificate_.verdict is Verdict.PROVED
    assert model.certificate_.estimates["digits"] > 13
    assert model.certificate_.primal == pytest.approx(836424.055505915, rel=1e-12)


# -- paths ------------------------------------------------------------------------------------------------


def true_gap(X, y, w, alpha, ratio):
    """The gap by textbook formulas in extended precision, from the scaled residual of the augmented problem."""
    X, y, w = (np.asarray(v, np.longdouble) for v in (X, y, w))
    n = len(y)
    l1, l2 = n * alpha * ratio, n * alpha * (1 - ratio)
    r = y - X @ w
    s = min(1, l1 / np.abs(X.T @ r - l2 * w).max())
    primal = r @ r / 2 + l2 * (w @ w) / 2 + l1 * np.abs(w).sum()
    theta = np.concatenate([s * r, -s * np.sqrt(l2) * w])
    dual = (y @ y) / 2 - np.sum((np.concatenate([y, np.zeros_like(w)]) - theta) ** 2) / 2
    return float(primal - dual) / n


@pytest.mark.parametrize("ratio", [1.0, 0.7])
@pytest.mark.parametrize(("n", "p", "rho"), [(200, 30, 0.0), (200, 30, 0.95), (40, 120, 0.5), (10, 1500, 0.0)])
def test_paths(n, p, rho, ratio):
    rng = np.random.default_rng(n + p)
    X = rng.normal(size=(n, p))
    for j in range(1, p):
        X[:, j] = rho * X[:, j - 1] + math.sqrt(1 - rho**2) * X[:, j]
    y = X[:, ::5] @ rng.normal(size=len(range(0, p, 5))) + rng.normal(size=n)
    path = lasso_path(X, y, alphas=30, eps=0.01, l1_ratio=ratio)
    assert path.verdict is Verdict.PROVED
    assert (path.coefs[:, 0] == 0).all()
    alphas, coefs, gaps = path
    for k in range(0, 30, 6):
        assert true_gap(X, y, coefs[:, k], alphas[k], ratio) <= gaps[k] + 1e-12 * (y @ y) / n
    assert (gaps <= 1e-10 * (y @ y) / n).all()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = sk.enet_path(X, y, alphas=alphas[:12], l1_ratio=ratio, tol=1e-12, max_iter=100_000)[1]
    np.testing.assert_allclose(X @ coefs[:, :12], X @ theirs, atol=1e-4 * np.linalg.norm(y))
    assert str(path).startswith("proved")


@pytest.mark.parametrize("X", [np.ones((20, 3)), np.tile(np.arange(20.0)[:, None], (1, 4))])
def test_duplicated_columns(X):
    X = X + np.zeros_like(X)
    X[:, 0] += np.random.default_rng(0).normal(size=20)
    y = 2 * X[:, 0] - X[:, 1] + np.random.default_rng(1).normal(size=20)
    path = lasso_path(X, y, alphas=20)
    assert path.verdict is Verdict.PROVED
    for model in (Lasso(0.01), ElasticNet(0.01), Ridge(0.1)):
        assert model.fit(X, y).certificate_.verdict is Verdict.PROVED
    plain = LinearRegression().fit(X, y)
    assert plain.rank_ < X.shape[1]
    assert plain.certificate_.verdict is Verdict.UNDECIDED
    assert str(plain.rank_) in plain.certificate_.statement
    np.testing.assert_allclose(plain.coef_, sk.LinearRegression().fit(X, y).coef_, atol=1e-10)


def test_positive_paths_and_fits():
    X, y = regression(50, 12)
    path = lasso_path(X, y, alphas=15, positive=True)
    assert (path.coefs >= 0).all()
    assert path.verdict is Verdict.PROVED
    np.testing.assert_allclose(
        path.coefs, sk.lasso_path(X, y, alphas=path.alphas, positive=True, tol=1e-12, max_iter=10**5)[1], atol=1e-6
    )
    np.testing.assert_allclose(
        LinearRegression(positive=True).fit(X, y).coef_, sk.LinearRegression(positive=True).fit(X, y).coef_, atol=1e-10
    )


def test_near_saturation_the_path_is_followed():
    X, y = regression(30, 90, seed=3)
    path = lasso_path(X, y, alphas=40, eps=1e-4)
    assert path.verdict is Verdict.PROVED
    assert (path.coefs[:, -1] != 0).sum() <= 30
    one = lasso_path(X, y, alphas=path.alphas[-1:])  # at once, from zero
    np.testing.assert_allclose(one.coefs[:, 0], path.coefs[:, -1], atol=1e-8)


def test_warm_starts_reach_the_same_point():
    X, y = regression(40, 30)
    model = Lasso(0.5, warm_start=True).fit(X, y)
    model.set_params(alpha=0.05).fit(X, y)
    np.testing.assert_allclose(model.coef_, Lasso(0.05).fit(X, y).coef_, atol=1e-12)
    again = model.fit(X, y)
    assert again.n_iter_ <= 1
    X, y = classes(K=3)
    logistic = LogisticRegression(warm_start=True).fit(X, y)
    before = logistic.coef_.copy()
    assert logistic.fit(X, y).n_iter_[0] <= 1
    np.testing.assert_allclose(logistic.coef_, before, atol=1e-9)


# -- large problems ------------------------------------------------------------------------------------------


def test_many_samples_start_from_a_part():
    X, y = classes(30_000, 6, seed=4)
    model = LogisticRegression().fit(X, y)
    theirs = sk.LogisticRegression(tol=1e-11, solver="newton-cholesky").fit(X, y)
    np.testing.assert_allclose(model.coef_, theirs.coef_, rtol=1e-6)
    assert model.certificate_.verdict is Verdict.PROVED
    assert model.history_["objective"][0] < 0.99 * math.log(2) * len(y)  # not from zero
    assert (LogisticRegression().fit(X, y).coef_ == model.coef_).all()
    other = LogisticRegression(random_state=7).fit(X, y)
    assert not (other.coef_ == model.coef_).all()
    np.testing.assert_allclose(other.coef_, model.coef_, rtol=1e-6)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_many_samples_with_one_that_is_not_finite(wrong):
    X, y = classes(20_001, 3)
    X[12_345, 1] = wrong
    for weights in (None, np.ones(len(y)), (np.arange(len(y)) != 12_345).astype(float)):
        with pytest.raises(DomainError, match=r"NaN|infinity"):
            LogisticRegression().fit(X, y, sample_weight=weights)


@pytest.mark.parametrize("scale", [1e-60, 1e-25, 1e25, 1e60])
def test_many_samples_of_any_size(scale):
    """Beyond the range of float32, and of its squares."""
    X, y = classes(20_000, 3)
    plain = LogisticRegression(penalty=None).fit(X, y)
    model = LogisticRegression(penalty=None).fit(X * scale, y)
    np.testing.assert_allclose(model.coef_ * scale, plain.coef_, rtol=1e-5)


def test_more_parameters_than_a_hessian_is_written_for():
    rng = np.random.default_rng(0)
    X = sparse.random(400, 2000, 0.01, random_state=0, format="csr")
    y = rng.integers(0, 3, 400)
    model = LogisticRegression(C=5.0).fit(X, y)
    assert not softmax.Logistic(X, y, 3, np.ones(400), 1.0, intercept=True).explicit
    assert model.certificate_.verdict is Verdict.PROVED
    theirs = sk.LogisticRegression(C=5.0, tol=1e-10, max_iter=5000).fit(X, y)
    np.testing.assert_allclose(model.coef_, theirs.coef_, atol=1e-5)


# -- bad input ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (Ridge(-1.0), "alpha"), (Ridge(0.0), "LinearRegression"), (Ridge([1.0, 2.0]), "alpha"), (Ridge("a"), "alpha"),
        (Lasso(-0.1), "alpha"), (Lasso(0.0), "LinearRegression"), (Lasso(math.nan), "alpha"), (Lasso("x"), "alpha"),
        (ElasticNet(1.0, l1_ratio=2.0), "l1_ratio"), (ElasticNet(1.0, l1_ratio=0.0), "Ridge"),
        (Lasso(max_iter=0), "max_iter"), (Lasso(fit_intercept="yes"), "fit_intercept"), (Ridge(solver="sag"), "solver"),
        (LinearRegression(positive=2), "positive"), (Ridge(max_iter=1.5), "max_iter"),
    ],
)  # fmt: skip
def test_parameters_out_of_range(model, words):
    with pytest.raises(DomainError, match=words):
        model.fit(*regression())


@pytest.mark.parametrize(
    "options",
    [{"C": 0.0}, {"C": -1}, {"C": "a"}, {"penalty": "l1"}, {"tol": -1.0}, {"max_iter": 0}, {"random_state": "x"}],
)
def test_logistic_parameters_out_of_range(options):
    with pytest.raises(DomainError, match=next(iter(options))):
        LogisticRegression(**options).fit(*classes())


def test_a_penalty_that_is_not_built_names_who_has_it():
    with pytest.raises(DomainError, match="not built") as e:
        LogisticRegression("elasticnet").fit(*classes())
    assert "saga" in str(e.value)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("X", "y"),
    [
        (np.zeros((0, 3)), []), ([[1.0], [np.nan]], [0, 1]), ([[1.0], [np.inf]], [0, 1]), ([1.0, 2.0], [0, 1]),
        ([[1.0], [2.0]], [0, 1, 1]), ([["a"], ["b"]], [0, 1]), ([[1.0], [2.0]], [0, np.nan]),
        (np.ones((2, 1), complex) * 1j, [0, 1]), (np.zeros((3, 0)), [0, 1, 0]),
    ],
)  # fmt: skip
def test_data_that_are_none(model, X, y):
    with pytest.raises((DomainError, ValueError)):
        model.fit(X, y)


def test_weights_that_are_none():
    X, y = regression()
    for weights, words in ((-np.ones(60), "negative"), (np.zeros(60), "zero"), (np.ones(3), "shape|inconsistent")):
        for model in REGRESSORS:
            with pytest.raises(DomainError, match=words):
                model.fit(X, y, sample_weight=weights)
    with pytest.raises(DomainError, match="class 1"):
        LogisticRegression().fit(X, (y > y.mean()).astype(int), sample_weight=(y <= y.mean()).astype(float))


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"alphas": [-1.0]}, DomainError), ({"alphas": []}, DomainError), ({"alphas": 0}, DomainError),
        ({"eps": 2.0}, DomainError), ({"l1_ratio": 0.0}, DomainError), ({"tol": 0.0}, DomainError),
        ({"sample_weight": [1.0]}, ShapeError), ({"sample_weight": -np.ones(60)}, DomainError),
    ],
)  # fmt: skip
def test_path_options(options, error):
    with pytest.raises(error):
        lasso_path(*regression(), **options)


@pytest.mark.parametrize(
    ("X", "y"),
    [(np.zeros((0, 2)), []), (np.ones(3), np.ones(3)), (np.ones((3, 1)), np.ones(2)), ([["a"]], [1.0]),
     ([[np.nan]], [1.0]), ([[1.0]], [np.inf])],
)  # fmt: skip
def test_path_data(X, y):
    with pytest.raises((ShapeError, DomainError)):
        lasso_path(X, y)


def test_one_class_only():
    with pytest.raises(DomainError, match="one class only"):
        LogisticRegression().fit(np.ones((3, 1)), ["a", "a", "a"])


def test_separable_classes_have_a_witness():
    X, y = load_iris(return_X_y=True)
    X2, y2 = X[:100], y[:100]
    with pytest.raises(Separable) as found:
        LogisticRegression(penalty=None).fit(X2, y2)
    assert found.value.margin > 0
    assert gains(X2, y2, found.value.direction).min() == found.value.margin
    with pytest.raises(Separable) as found:  # setosa from the others, who do not separate
        LogisticRegression(penalty=None).fit(X, y)
    assert found.value.direction.shape == (3, 5)
    gain = gains(X, y, found.value.direction)
    assert gain.min() > -1e-6
    assert gain.max() > 1e-3
    with pytest.raises(Separable, match="but for ties"):
        LogisticRegression(penalty=None).fit([[0.0], [1.0], [1.0], [2.0]], [0, 0, 1, 1])
    LogisticRegression().fit(X, y)  # with a penalty there is nothing to say


def test_a_constant_column_gets_nothing():
    X, y = regression()
    X[:, 3] = 7.3
    for model in (Lasso(0.1), Ridge(), LinearRegression()):
        assert model.fit(X, y).coef_[3] == pytest.approx(0.0, abs=1e-12)
    assert abs(LogisticRegression().fit(X, y > y.mean()).coef_[0, 3]) < 1.0


def test_an_end_by_max_iter_is_said():
    X, y = regression(100, 30)
    with pytest.warns(ConvergenceWarning, match="max_iter"):
        model = Lasso(0.01, max_iter=1).fit(X, y)
    assert model.certificate_.verdict is Verdict.UNDECIDED
    assert model.certificate_.gap > 1e-8
    X, y = load_breast_cancer(return_X_y=True)
    with pytest.warns(ConvergenceWarning, match="gradient"):
        LogisticRegression(max_iter=2).fit(X, y)
