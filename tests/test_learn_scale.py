"""Units, offsets and weights of any size: they decide neither the answer nor what is said of it."""

import math
import re
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from learn_data import classes, regression
from scipy import sparse
from sklearn import linear_model as sk

from cauchy.errors import DomainError
from cauchy.learn import (
    SVC,
    ElasticNet,
    Lasso,
    LinearRegression,
    LinearSVC,
    LogisticRegression,
    Ridge,
    Separable,
    lasso_path,
)
from cauchy.learn.linear.design import balanced
from cauchy.learn.linear.separation import gains
from cauchy.learn.svm import NotSeparable
from cauchy.learn.wording import at_most
from cauchy.proof import Verdict

SIZED = [
    LinearRegression(),
    Ridge(),
    Lasso(),
    ElasticNet(),
    LogisticRegression(),
    LinearSVC(),
    SVC(),
    SVC(kernel="poly"),
]


def solve(rows):
    """The solution of a square system [A | b], in fractions."""
    for i in range(len(rows)):
        j = next(j for j in range(i, len(rows)) if rows[j][i])
        rows[i], rows[j] = rows[j], rows[i]
        rows[i] = [v / rows[i][i] for v in rows[i]]
        for k in range(len(rows)):
            if k != i and rows[k][i]:
                rows[k] = [u - rows[k][i] * v for u, v in zip(rows[k], rows[i], strict=True)]
    return [row[-1] for row in rows]


def excess(X, y, w, alpha, coef, intercept):
    """(F(coef, intercept) - min F, F) for sum w (y - X coef - intercept)² + alpha |coef|², in fractions."""
    A = [[Fraction(v) for v in row] + [Fraction(1)] for row in X.tolist()]
    b, w, alpha = [Fraction(v) for v in y.tolist()], [Fraction(v) for v in w.tolist()], Fraction(alpha)
    q = len(A[0])

    def objective(v):
        square = sum(
            c * (t - sum(a * u for a, u in zip(row, v, strict=True))) ** 2 for c, t, row in zip(w, b, A, strict=True)
        )
        return square + alpha * sum(u * u for u in v[:-1])

    normal = [
        [sum(c * row[i] * row[j] for c, row in zip(w, A, strict=True)) + alpha * (i == j < q - 1) for j in range(q)]
        + [sum(c * row[i] * t for c, row, t in zip(w, A, b, strict=True))]
        for i in range(q)
    ]
    value = objective([*map(Fraction, coef.tolist()), Fraction(float(intercept))])
    return value - objective(solve(normal)), value


@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1e-13, 3.0, 1e13, 1e300])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (LinearRegression(), sk.LinearRegression()),
        (Ridge(0.5), sk.Ridge(0.5)),
        (Lasso(0.1), sk.Lasso(0.1, tol=1e-14)),
        (ElasticNet(0.1), sk.ElasticNet(0.1, tol=1e-14)),
        (LogisticRegression(C=np.inf), sk.LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000)),
    ],
)
def test_the_size_of_the_weights_changes_nothing(ours, theirs, scale):
    X, y = regression(40, 3)
    y = (y > y.mean()) * 1 if isinstance(ours, LogisticRegression) else y
    if isinstance(ours, LogisticRegression):
        y[:12] = [0, 1] * 6
    if isinstance(ours, Ridge):
        ours = Ridge(0.5 * scale)
    model = ours.fit(X, y, sample_weight=np.full(40, scale))
    np.testing.assert_allclose(model.coef_, theirs.fit(X, y).coef_, rtol=1e-5, atol=1e-7)
    assert model.certificate_.verdict is Verdict.PROVED
    assert 0 <= model.certificate_.gap <= 1e-6 * model.certificate_.primal


def test_weights_are_balanced_exactly():
    weights = np.random.default_rng(0).uniform(size=9) * 1e-200
    found, exponent = balanced(weights)
    assert (np.ldexp(found, exponent) == weights).all()
    assert 0.5 <= found.mean() <= 1
    assert balanced(np.full(3, 1.5e308))[0] == pytest.approx(np.ldexp(1.5e308, -1024))


def test_far_data_with_tiny_weights():
    """The columns are not constant, whatever their weights."""
    X = 1.7e9 + 1e3 * np.random.default_rng(3).normal(size=(1000, 2))
    y = (X - 1.7e9) @ [1e-3, 2e-3]
    want = sk.Lasso(0.01, tol=1e-14).fit(X - 1.7e9, y).coef_
    for weights in (None, np.full(1000, 1e-13)):
        model = Lasso(0.01).fit(X, y, sample_weight=weights)
        np.testing.assert_allclose(model.coef_, want, rtol=1e-9)
        assert model.certificate_.verdict is Verdict.PROVED


def test_a_constant_column_is_seen_under_any_weights():
    rng = np.random.default_rng(3)
    X, y = np.c_[rng.normal(size=(30, 2)), np.full(30, 0.1)], rng.normal(size=30)
    weights = 1e8 * rng.random(30)
    weights[0], X[0, 2] = 0.0, 5.0  # a sample that does not count
    model = LinearRegression().fit(X, y, sample_weight=weights)
    assert (model.coef_[2], model.rank_, model.certificate_.verdict) == (0.0, 2, Verdict.UNDECIDED)
    want = LinearRegression().fit(X[1:, :2], y[1:], sample_weight=weights[1:])
    np.testing.assert_allclose(model.coef_[:2], want.coef_, rtol=1e-12)
    for model in (Ridge(), Lasso(0.01)):
        assert model.fit(X, y, sample_weight=weights).coef_[2] == 0.0


def printed(statement):
    return Fraction(re.search(r"within (\S+)", statement)[1])


@pytest.mark.parametrize("seed", range(40))
def test_bounds_hold_with_the_rounding_of_their_evaluation(seed):
    """In fractions: dual <= minimum <= objective <= primal, and the sentence is true as printed."""
    rng = np.random.default_rng(seed)
    n, p = int(rng.integers(5, 12)), int(rng.integers(1, 4))
    X = rng.normal(size=(n, p)) * 10.0 ** rng.integers(-3, 4) + rng.choice([0.0, 1.0, 1e3])
    y = rng.normal(size=n) * 10.0 ** rng.integers(-3, 6) + rng.choice([0.0, 1e5])
    w = rng.random(n) * 10.0 ** rng.integers(-6, 7) if seed % 2 else np.ones(n)
    for model in (LinearRegression(), Ridge(10.0 ** rng.integers(-3, 3))):
        found = model.fit(X, y, sample_weight=w if seed % 2 else None).certificate_
        above, value = excess(X, y, w, getattr(model, "alpha", 0.0), model.coef_, model.intercept_)
        assert found.verdict is Verdict.PROVED
        assert above <= Fraction(found.gap)
        assert Fraction(found.dual) <= value - above <= value <= Fraction(found.primal)
        if "coefficient_error" in found.residuals:
            assert Fraction(found.residuals["coefficient_error"]) <= printed(found.statement)
        else:
            assert Fraction(found.gap) <= printed(found.statement) <= Fraction(found.gap) * Fraction(11, 10)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("seed", range(40))
def test_bounds_of_logistic_regression_hold_with_the_rounding_of_their_evaluation(seed):
    """In 40 digits, where margins and weights are large: dual <= minimum <= objective <= primal."""
    rng = np.random.default_rng(seed)
    n, p, C = int(rng.integers(6, 12)), int(rng.integers(1, 3)), 10.0 ** rng.integers(-2, 4)
    X = rng.normal(size=(n, p)) * 10.0 ** rng.integers(-1, 3) + rng.choice([0.0, 1e3, 1e5])
    y, w = np.arange(n) % 2, rng.random(n) * 10.0 ** rng.integers(-3, 7)
    model = LogisticRegression(C=C).fit(sparse.csr_matrix(X) if seed % 2 else X, y, sample_weight=w)
    found = model.certificate_
    with mpmath.workdps(40):
        A = mpmath.matrix(np.column_stack([X, np.ones(n)]).tolist())
        c, signs = [mpmath.mpf(C) * v for v in w.tolist()], [1 if t else -1 for t in y]
        keep = mpmath.diag([1] * p + [0])

        def objective(v):
            losses = (k * mpmath.log1p(mpmath.exp(-s * t)) for k, s, t in zip(c, signs, A * v, strict=True))
            return mpmath.fsum(losses) + (v.T * keep * v)[0] / 2

        v = mpmath.matrix([*model.coef_[0].tolist(), float(model.intercept_[0])])
        value = objective(v)
        for _ in range(8):
            chances = [1 / (1 + mpmath.exp(-t)) for t in A * v]
            pulls = mpmath.matrix([k * (q - (s > 0)) for k, q, s in zip(c, chances, signs, strict=True)])
            H = A.T * mpmath.diag([k * q * (1 - q) for k, q in zip(c, chances, strict=True)]) * A + keep
            g = A.T * pulls + keep * v
            step = mpmath.lu_solve(H, g)
            v -= step
        assert abs((g.T * step)[0]) <= 1e-25 * value  # the Newton decrement: v is the minimum
        least = objective(v)
        assert mpmath.mpf(found.dual) <= least <= value <= mpmath.mpf(found.primal)
        assert value - least <= mpmath.mpf(found.gap) <= mpmath.mpf(re.search(r"within (\S+)", found.statement)[1])


@pytest.mark.parametrize("figures", [1, 2, 3])
def test_printed_bounds_are_rounded_up(figures):
    rng = np.random.default_rng(0)
    for bound in [5e-324, 1.7976931348623157e308, 0.0, 0.25, 9.96, *10.0 ** rng.uniform(-300, 300, 200)]:
        exact, shown = Fraction(float(bound)), Fraction(at_most(bound, figures))
        assert exact <= shown <= exact * (1 + Fraction(10, 10**figures))
    assert at_most(math.inf) == "inf"
    assert at_most(7.8429e-17) == "7.9e-17"


@pytest.mark.parametrize("offset", [0.0, 1.0, 1e4, 1e8, 1e12])
@pytest.mark.parametrize("unit", [1e-8, 1.0, 1e5])
@pytest.mark.parametrize("model", [LinearRegression(), Ridge(1.0)])
def test_the_gap_holds_at_the_coefficients_returned(model, unit, offset):
    """coef_ and intercept_ are doubles, and the gap is that of these doubles: in fractions."""
    rng = np.random.default_rng(3)
    X, y = unit * rng.normal(size=(12, 3)) + offset, rng.normal(size=12)
    assert np.ptp(X, axis=0).all() or (unit, offset) == (1e-8, 1e12)
    for weights in (None, rng.uniform(0.5, 2, 12)):
        model.fit(X, y, sample_weight=weights)
        if isinstance(model, LinearRegression) and not np.ptp(X, axis=0).all():
            assert (model.rank_, model.certificate_.verdict) == (0, Verdict.UNDECIDED)
            continue
        w = np.ones(12) if weights is None else weights
        above, value = excess(X, y, w, getattr(model, "alpha", 0.0), model.coef_, model.intercept_)
        found = model.certificate_
        assert found.gap >= above or found.verdict is Verdict.UNDECIDED
        assert found.primal == pytest.approx(float(value), rel=1e-6)
        if found.verdict is Verdict.PROVED:
            assert Fraction(found.dual) <= value - above <= value <= Fraction(found.primal)
            assert "exact least squares" in found.statement or above <= printed(found.statement)
        if offset < 1e12 and (unit == 1 or offset <= 1):
            assert found.verdict is Verdict.PROVED
        if found.verdict is Verdict.PROVED:
            assert found.gap <= 1e-3 * found.primal
            assert above <= 1e-6 * value


@pytest.mark.parametrize("offset", [0.0, 1e8, 1e12])
def test_far_data_are_fitted_as_near_ones(offset):
    """Multiples of 2^-8 move by the offset without rounding, so the solutions are the same."""
    rng = np.random.default_rng(5)
    X, y = np.round(256 * rng.normal(size=(50, 4))) / 256, rng.normal(size=50)
    for model in (LinearRegression(), Ridge(), Lasso(0.02), ElasticNet(0.02)):
        near = model.fit(X, y).coef_.copy()
        far = model.fit(X + offset, y)
        np.testing.assert_allclose(far.coef_, near, rtol=1e-10, atol=1e-13)
        assert far.certificate_.verdict is Verdict.PROVED
    path = lasso_path(X + offset, y, alphas=[0.1, 0.02], fit_intercept=True)
    np.testing.assert_allclose(path.coefs, lasso_path(X, y, alphas=[0.1, 0.02], fit_intercept=True).coefs, atol=1e-12)
    assert path.verdict is Verdict.PROVED
    labels = np.r_[0, 1, rng.integers(0, 2, 48)]
    three = np.r_[0, 1, 2, rng.integers(0, 3, 47)]
    for options in ({}, {"C": np.inf}, {"C": np.inf, "fit_intercept": True, "max_iter": 30}):
        for target in (labels, three):
            near = LogisticRegression(**options).fit(X, target)
            far = LogisticRegression(**options).fit(X + offset, target)
            np.testing.assert_allclose(far.coef_, near.coef_, rtol=1e-6, atol=1e-7)
            assert far.certificate_.verdict is (Verdict.PROVED if offset < 1e12 else far.certificate_.verdict)
            shares = far.predict_proba(X + offset).sum(axis=0)
            np.testing.assert_allclose(shares, np.bincount(target), atol=0.05 if offset == 1e12 else 1e-5)


@pytest.mark.parametrize("offset", [0.0, 1e8, 1e12])
@pytest.mark.parametrize("C", [1.0, np.inf])
def test_the_logistic_gap_holds_at_the_coefficients_returned(C, offset):
    """Newton's method in 50 digits, from the solution of data that are near."""
    rng = np.random.default_rng(1)
    X, y = np.round(256 * rng.normal(size=(20, 2))) / 256, np.r_[0, 1, rng.integers(0, 2, 18)]
    model = LogisticRegression(C=C).fit(X + offset, y)
    near = LogisticRegression(C=C).fit(X, y)
    with mpmath.workdps(60):
        A = mpmath.matrix(np.c_[X, np.ones(20)].tolist())
        penalty = mpmath.diag([mpmath.mpf(np.inf > C)] * 2 + [0])

        def value(v):
            z = A * v
            return sum(mpmath.log1p(mpmath.exp(t if k == 0 else -t)) for k, t in zip(y, z, strict=True)) + (
                (v.T * penalty * v)[0] / 2
            )

        v = mpmath.matrix([*near.coef_[0], near.intercept_[0]])
        for _ in range(4):
            p = [1 / (1 + mpmath.exp(-t)) for t in A * v]
            slope = A.T * mpmath.matrix([pi - int(k) for pi, k in zip(p, y, strict=True)]) + penalty * v
            v -= mpmath.lu_solve(A.T * mpmath.diag([pi * (1 - pi) for pi in p]) * A + penalty, slope)
        w = mpmath.matrix(model.coef_[0].tolist())
        b = mpmath.mpf(float(model.intercept_[0])) + offset * (w[0] + w[1])
        above = value(mpmath.matrix([w[0], w[1], b])) - value(v)
    assert -1e-50 < above <= model.certificate_.gap
    assert model.certificate_.gap < 1e-5


def test_warm_starts_of_far_data():
    X, y = classes(60, 3)
    model = LogisticRegression(warm_start=True).fit(X + 1e8, y)
    again = model.coef_.copy()
    assert model.fit(X + 1e8, y).n_iter_[0] <= 1
    np.testing.assert_allclose(model.coef_, again, rtol=1e-6)


# -- separation, decided in fractions -----------------------------------------------------------------------


def test_classes_that_overlap_by_a_hair_are_fitted():
    """The slope is zero where exp(-w) = 1e-9 / 2, up to terms of 1e-16."""
    model = LogisticRegression(C=np.inf).fit([[-1.0], [1e-9], [-1e-9], [1.0]], [0, 0, 1, 1])
    assert model.coef_[0, 0] == pytest.approx(np.log(2e9), rel=1e-7)
    assert model.certificate_.verdict is Verdict.PROVED


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_classes_that_are_a_hair_apart_are_not(offset):
    X = np.array([[-1.0], [-(2.0**-30)], [2.0**-30], [1.0]]) + offset
    with pytest.raises(Separable) as found:
        LogisticRegression(C=np.inf).fit(X, [0, 0, 1, 1])
    assert found.value.margin > 0


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("K", [2, 3])
def test_ties_on_a_plane(seed, K):
    """Classes share points that span a plane, and all others lie on their own side of it: no estimate exists.

    Points of each class on the wrong side, and one does. The plane is no double's: its points are divided by 7.
    """
    rng = np.random.default_rng(seed)
    normal = rng.integers(1, 6, 3).astype(float)
    X = rng.integers(-9, 10, (40, 3)).astype(float)
    X = X[X @ normal != 0]
    y = np.where(X @ normal > 0, K - 1, 0)
    span = np.array([[normal[1], -normal[0], 0.0], [0.0, normal[2], -normal[1]]])
    shared = np.vstack([span, -span, 0 * span[:1]])
    X, y = np.vstack([X, shared, shared]) / 7, np.concatenate([y, np.zeros(5, int), np.full(5, K - 1)])
    if K == 3:  # two classes on one side, which are the same
        X, y = np.vstack([X, X[y > 0]]), np.concatenate([y, np.ones(np.sum(y > 0), int)])
    with pytest.raises(Separable, match="but for ties") as found:
        LogisticRegression(C=np.inf).fit(X, y)
    assert found.value.margin == 0
    gain = gains(X, y, found.value.direction)
    assert gain.min() > -1e-14
    assert gain.max() > 1e-3
    wrong = np.vstack([normal, normal, -normal]) / 7
    model = LogisticRegression(C=np.inf).fit(np.vstack([X, wrong]), np.append(y, [0, 0, K - 1]))
    assert model.certificate_.verdict is Verdict.PROVED


# -- what is no data ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [LinearSVC, LogisticRegression, SVC])
@pytest.mark.parametrize("weight", [-1.0, np.nan, np.inf, "1", None])
def test_class_weights_that_are_none(model, weight):
    X, y = classes(30, 2)
    with pytest.raises(DomainError, match=r"class_weight must be finite and not negative, got .* for 0"):
        model(class_weight={0: weight, 1: 1.0}).fit(X, y)


@pytest.mark.parametrize("model", [LinearSVC(), LogisticRegression(), SVC(), Ridge(), Lasso(), LinearRegression()])
@pytest.mark.parametrize("weight", [-1.0, np.nan, np.inf])
def test_sample_weights_that_are_none(model, weight):
    X, y = classes(30, 2)
    with pytest.raises(DomainError, match="sample_weight"):
        model.fit(X, y, sample_weight=np.r_[weight, np.ones(29)])


def test_weights_that_overflow():
    X, y = classes(30, 2)
    for model in (LinearSVC, SVC, LogisticRegression):
        with pytest.raises(DomainError, match="overflow"):
            model(C=1e200).fit(X, y, sample_weight=np.full(30, 1e200))
    with pytest.raises(DomainError, match="out of range"):
        Ridge(1e20).fit(X, y, sample_weight=np.full(30, 1e-300))


@pytest.mark.parametrize("model", SIZED)
def test_squares_that_overflow(model):
    X, y = classes(30, 2)
    for scale in (1e307, 1e200):
        with pytest.raises(DomainError, match="overflow"):
            model.fit(X * scale, y)


@pytest.mark.parametrize("model", [LinearRegression(), Ridge(), Lasso(), ElasticNet()])
def test_a_regression_of_labels(model):
    with pytest.raises(DomainError, match="y must be real numbers, got dtype <U1"):
        model.fit(np.eye(3), ["a", "b", "c"])


def test_gram_matrices_that_are_none():
    y = np.arange(30) % 2
    G = np.random.default_rng(0).normal(size=(30, 30))
    with pytest.raises(DomainError, match="not symmetric: samples 28 and 15 have") as found:
        SVC(kernel="precomputed").fit(G, y)
    assert f"have {G[28, 15]:.6g} one way and {G[15, 28]:.6g} the other" in str(found.value)
    with pytest.raises(DomainError, match="not symmetric"):
        SVC(kernel=lambda X, Z: G).fit(G, y)
    with pytest.raises(DomainError, match="indefinite"):
        SVC(kernel="precomputed", C=np.inf).fit(G + G.T, y)
    model = SVC(kernel="precomputed").fit(G + G.T, y)
    assert model.certificate_.verdict is Verdict.UNDECIDED
    assert "estimate" in model.certificate_.statement


@pytest.mark.parametrize("seed", range(3))
def test_indefinite_kernels_come_to_an_end(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(600, 5))
    y = (X[:, 0] + rng.normal(size=600) > 0) * 1
    for C in (1.0, 1e6):
        model = SVC(kernel="sigmoid", gamma=2.0, coef0=1.0, C=C, tol=0.01).fit(X, y)
        assert model.certificate_.verdict is Verdict.UNDECIDED
    with pytest.raises(DomainError, match="the sigmoid kernel is indefinite"):
        SVC(kernel="sigmoid", gamma=2.0, coef0=1.0, C=np.inf).fit(X, y)


def test_classes_that_touch_in_rounding_only_are_not_called_inseparable():
    for hair in (1e-14, 2.0**-52):
        with pytest.raises(NotSeparable, match="no separation of the classes was found"):
            LinearSVC(C=np.inf).fit([[0.0], [1.0], [1 + hair], [2.0]], [0, 0, 1, 1])
    with pytest.raises(NotSeparable, match="cannot be separated"):
        LinearSVC(C=np.inf).fit([[0.0], [1.0], [1.0], [2.0]], [0, 0, 1, 1])
