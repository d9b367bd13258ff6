"""Support vector machines: optimal by independent measure, exact where the data are, and able to explain themselves."""

import json
import math
import warnings
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import linprog, minimize
from sklearn import svm as theirs
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from cauchy.errors import DomainError, ShapeError
from cauchy.learn import load
from cauchy.learn.svm import SVC, LinearSVC, NotSeparable, maximum_margin, readings
from cauchy.learn.svm import exact as exact_module
from cauchy.learn.svm import margin as margin_module
from cauchy.learn.svm.binary import Problem
from cauchy.learn.svm.kernels import Kernel
from cauchy.messages import say
from cauchy.proof import Verdict

THREE, LABELS = [[0, 0], [1, 2], [2, 1]], [-1, 1, 1]
SIX = [[-1, -1], [-3, -1], [0, 0], [3, 3], [1, 2], [2, 1]]


def clouds(n=80, d=3, seed=0, noise=1.0):
    rng = np.random.default_rng(seed)
    X, w = rng.normal(size=(n, d)), rng.normal(size=d)
    return X, np.where(X @ w + 0.3 + noise * rng.normal(size=n) > 0, 1, -1)


def objective(X, y, w, b, c, power=1):
    return w @ w / 2 + np.sum(c * np.maximum(0.0, 1 - y * (X @ w + b)) ** power)


def gram(kernel, X, Z, gamma):
    if kernel == "rbf":
        return np.exp(-gamma * ((X[:, None] - Z[None]) ** 2).sum(axis=-1))
    return (gamma * X @ Z.T + 1.0) ** 3


def conditions(K, y, c, beta, b):
    """The worst violation of the optimality conditions, from the Gram matrix."""
    a, slack = beta * y, y * (K @ beta + b) - 1
    worst = max(-a.min(), (a - c).max(), abs(beta.sum()))
    worst = max(worst, np.max(-slack[a < 1e-12 * c], initial=0.0), np.max(slack[a > (1 - 1e-12) * c], initial=0.0))
    between = (a >= 1e-12 * c) & (a <= (1 - 1e-12) * c)
    return max(worst, np.abs(slack[between]).max(initial=0.0))


# -- scikit-learn's manners ----------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks([LinearSVC(), LinearSVC(loss="squared_hinge"), SVC(), SVC(kernel="linear")])
def test_scikit_learn_accepts_it(estimator, check):
    check(estimator)


@pytest.mark.parametrize("kernel", ["linear", "rbf", "poly", "precomputed", "callable"])
@pytest.mark.parametrize("classes", [2, 3])
def test_same_machine_as_scikit_learn(kernel, classes):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(90, 3))
    y = np.digitize(X[:, 0] + 0.5 * rng.normal(size=90), [-0.4, 0.5] if classes == 3 else [0.1])
    options = {"C": 0.7, "gamma": 0.2, "coef0": 0.1}
    given = X
    if kernel == "precomputed":
        given = gram("rbf", X, X, 0.2)
    kernel = (lambda A, B: gram("rbf", A, B, 0.2)) if kernel == "callable" else kernel
    mine = SVC(kernel=kernel, tol=1e-10, **options).fit(given, y)
    other = theirs.SVC(kernel=kernel, tol=1e-9, **options).fit(given, y)
    np.testing.assert_allclose(mine.decision_function(given), other.decision_function(given), atol=2e-6)
    assert (mine.predict(given) == other.predict(given)).all()
    assert mine.dual_coef_.shape[0] == other.dual_coef_.shape[0] == classes - 1
    full = lambda m: [np.bincount(m.support_, row, 90) for row in m.dual_coef_]
    np.testing.assert_allclose(full(mine), full(other), atol=1e-5)
    np.testing.assert_array_equal(mine.classes_, other.classes_)
    if kernel == "linear":
        np.testing.assert_allclose(mine.coef_, other.coef_, atol=1e-6)
    if classes == 3:
        pairs = [m.set_params(decision_function_shape="ovo").decision_function(given) for m in (mine, other)]
        np.testing.assert_allclose(*pairs, atol=2e-6)


def test_ties_are_broken_by_value():
    X, y = np.random.default_rng(0).normal(size=(60, 2)), np.arange(60) % 4
    mine = SVC(break_ties=True, tol=1e-9).fit(X, y)
    assert (mine.predict(X) == mine.decision_function(X).argmax(axis=1)).all()
    with pytest.raises(DomainError, match="ovr"):
        mine.set_params(decision_function_shape="ovo").predict(X)


# -- optimality, measured by others --------------------------------------------------------------------------------


@pytest.mark.parametrize("noise", [0.0, 0.3, 2.0])
@pytest.mark.parametrize("weights", ["none", "random"])
@pytest.mark.parametrize("C", [1e-3, 1.0, 1e3])
def test_linear_machine_is_optimal(C, weights, noise):
    X, y = clouds(noise=noise, seed=5)
    s = np.random.default_rng(1).uniform(0.1, 3, len(y)) if weights == "random" else np.ones(len(y))
    fit = LinearSVC(C=C).fit(X, y, sample_weight=s)
    known, (w,) = fit.certificate_, fit.coef_
    assert known.verdict is Verdict.PROVED
    assert math.isclose(objective(X, y, w, fit.intercept_[0], C * s), known.primal, rel_tol=1e-12)
    # an independent lower bound: the dual value of the multipliers, in fractions
    a = [Fraction(float(v)) for v in np.abs(np.bincount(fit.support_, fit.dual_coef_[0], len(y)))]
    v = [sum(ai * int(yi) * Fraction(float(x[k])) for ai, yi, x in zip(a, y, X, strict=True)) for k in range(3)]
    assert all(0 <= ai <= Fraction(float(ci)) for ai, ci in zip(a, C * s, strict=True))
    assert abs(sum(ai * int(yi) for ai, yi in zip(a, y, strict=True))) <= known.residuals["rounding"]
    dual = sum(a) - sum(x * x for x in v) / 2
    assert abs(float(dual) - known.dual) <= known.residuals["rounding"]
    assert 0 <= known.primal - float(dual) + known.residuals["rounding"] <= 1e-9 * known.primal
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        reference = theirs.SVC(kernel="linear", C=C, tol=1e-8, max_iter=10**5).fit(X, y, sample_weight=s)
    assert known.primal <= objective(X, y, reference.coef_[0], reference.intercept_[0], C * s) * (1 + 1e-9)


@pytest.mark.parametrize("intercept", [True, False])
def test_squared_hinge_is_optimal(intercept):
    X, y = clouds(noise=1.0)
    fit = LinearSVC(loss="squared_hinge", C=2.0, fit_intercept=intercept).fit(X, y)
    assert fit.certificate_.verdict is Verdict.PROVED
    loss = lambda v: objective(X, y, v[:3], v[3] if intercept else 0.0, 2.0, 2)
    other = minimize(loss, np.zeros(4), method="BFGS", options={"gtol": 1e-7})
    np.testing.assert_allclose(fit.certificate_.primal, other.fun, rtol=1e-9)
    assert intercept or fit.intercept_[0] == 0.0


def test_no_intercept():
    X, y = clouds()
    fit = LinearSVC(fit_intercept=False).fit(X, y)
    assert fit.intercept_[0] == 0.0
    assert fit.certificate_.verdict is Verdict.PROVED
    around = [fit.coef_[0] + 1e-3 * e for e in np.vstack([np.eye(3), -np.eye(3)])]
    assert all(objective(X, y, w, 0.0, 1.0) >= fit.certificate_.primal for w in around)


@pytest.mark.parametrize("kernel", ["rbf", "poly"])
@pytest.mark.parametrize("n", [60, 700])  # by features, by pairs
def test_kernel_machine_is_optimal(kernel, n):
    X, y = clouds(n, 4, noise=0.6)
    fit = SVC(kernel=kernel, gamma=0.2, coef0=1.0, tol=1e-7).fit(X, y)
    K = gram(kernel, X, X, 0.2)
    beta = np.bincount(fit.support_, fit.dual_coef_[0], n)
    assert conditions(K, y, np.ones(n), beta, fit.intercept_[0]) < 1e-3
    f = K @ beta + fit.intercept_[0]
    np.testing.assert_allclose(fit.decision_function(X), f, atol=1e-9)
    primal = beta @ K @ beta / 2 + np.maximum(0, 1 - y * f).sum()
    dual = np.abs(beta).sum() - beta @ K @ beta / 2
    known = fit.certificate_
    assert abs(primal - known.primal) + abs(dual - known.dual) <= 2 * known.residuals["rounding"] + 1e-10 * primal
    assert known.verdict is Verdict.PROVED
    other = theirs.SVC(kernel=kernel, gamma=0.2, coef0=1.0, tol=1e-5).fit(X, y)
    theta = np.bincount(other.support_, other.dual_coef_[0], n)
    assert dual >= np.abs(theta).sum() - theta @ K @ theta / 2 - 1e-6 * dual


def test_both_ways_through_the_kernel_agree():
    X, y = clouds(300, 3, noise=0.5)
    kernel, c = Kernel("rbf", 0.3).centered(X), np.full(300, 5.0)
    problem = Problem(kernel, X, y.astype(float), c)
    features, pairs = problem.solve(1e-9), problem._by_pairs(1e-9, 1.0, -1)
    np.testing.assert_allclose(features.f, pairs.f, atol=1e-6)
    assert abs(features.certificate.primal - pairs.certificate.primal) <= 2e-9 * features.certificate.primal


def test_sifting_gives_what_the_full_problem_gives():
    X, y = clouds(9000, 4, noise=0.5)
    fit = LinearSVC().fit(X, y)
    assert fit.certificate_.verdict is Verdict.PROVED
    assert len(fit.history_) < 8
    # the certificate's claim, checked by its definition
    a = np.bincount(fit.support_, fit.dual_coef_[0], 9000)
    dual = math.fsum(np.abs(a)) - sum(math.fsum(a * column) ** 2 for column in X.T) / 2
    primal = objective(X, y, fit.coef_[0], fit.intercept_[0], 1.0)
    assert abs(math.fsum(a)) < 1e-9
    assert -1e-9 <= primal - dual <= 1e-9 * primal


def test_more_features_than_samples_and_sparse():
    rng = np.random.default_rng(2)
    X = sparse.random_array((60, 500), density=0.05, rng=rng, format="csr")
    y = np.where(np.asarray(X.sum(axis=1)).ravel() > np.median(X.sum(axis=1)), "many", "few")
    dense, thin = (LinearSVC(C=10.0).fit(Z, y) for Z in (X.toarray(), X))
    assert dense.certificate_.verdict is thin.certificate_.verdict is Verdict.PROVED
    np.testing.assert_allclose(dense.coef_, thin.coef_, atol=1e-7)
    kernels = [SVC(gamma=0.5, tol=1e-9).fit(Z, y) for Z in (X.toarray(), X)]
    np.testing.assert_allclose(kernels[0].decision_function(X), kernels[1].decision_function(X.toarray()), atol=1e-7)


def test_the_intercept_is_not_penalized():
    X, y = clouds()
    near, far = LinearSVC().fit(X, y), LinearSVC().fit(X + 1e4, y)
    np.testing.assert_allclose(near.coef_, far.coef_, rtol=1e-6)
    for fit in (near, far):
        assert fit.certificate_.gap <= 1e-9 * fit.certificate_.primal


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_scales(scale):
    X, y = clouds(noise=0.0)
    base, other = (LinearSVC(C=np.inf).fit(Z, y) for Z in (X, scale * X))
    np.testing.assert_allclose(other.coef_ * scale, base.coef_, rtol=1e-6)


def test_class_weights_and_repeated_samples():
    X, y = clouds(noise=1.5)
    by_class = SVC(class_weight={-1: 3.0, 1: 1.0}, gamma=0.5, tol=1e-9).fit(X, y)
    by_sample = SVC(gamma=0.5, tol=1e-9).fit(X, y, sample_weight=np.where(y < 0, 3.0, 1.0))
    repeated = SVC(gamma=0.5, tol=1e-9).fit(
        np.repeat(X, np.where(y < 0, 3, 1), axis=0), np.repeat(y, np.where(y < 0, 3, 1))
    )
    for other in (by_sample, repeated):
        np.testing.assert_allclose(by_class.decision_function(X), other.decision_function(X), atol=1e-6)


def test_a_machine_that_is_cut_short_says_so():
    X, y = clouds(600, 4)
    with pytest.warns(ConvergenceWarning, match="duality gap"):
        fit = SVC(max_iter=50).fit(X, y)
    assert fit.certificate_.verdict is Verdict.UNDECIDED
    assert fit.fit_status_ == 1
    assert fit.certificate_.gap > 1e-6 * fit.certificate_.primal


def test_a_kernel_that_is_not_positive_proves_nothing():
    X, y = clouds()
    fit = SVC(kernel="sigmoid", gamma=0.5, tol=1e-4).fit(X, y)
    assert fit.certificate_.verdict is Verdict.UNDECIDED


def test_a_wrong_answer_is_not_certified():
    X, y = clouds()
    problem = Problem(Kernel("linear"), X, y.astype(float), np.ones(len(y)))
    right = problem.solve(1e-9)
    assert right.certificate.verdict is Verdict.PROVED
    for spoiled in (right.beta * 0.99, np.where(np.arange(len(y)) == np.argmax(np.abs(right.beta)), 0.0, right.beta)):
        known = problem.measured(problem.feasible(spoiled), 1e-9).certificate
        assert known.verdict is Verdict.UNDECIDED
        assert known.gap > 0
        assert known.primal >= right.certificate.primal * (1 - 1e-9)
        assert known.dual <= right.certificate.dual * (1 + 1e-9)


# -- the widest margin, exactly ---------------------------------------------------------------------------------------


def kkt(X, y, found):
    """All conditions in fractions, from the definition alone."""
    lam, d = found.multipliers, len(X[0])
    g = [s * (sum(w * v for w, v in zip(found.w, x, strict=True)) + found.b) - 1 for s, x in zip(y, X, strict=True)]
    half = [sum(m * s * x[k] for m, s, x in zip(lam, y, X, strict=True)) / 2 for k in range(d)]
    return (
        min(g) >= 0
        and min(lam) >= 0
        and not any(m * v for m, v in zip(lam, g, strict=True))
        and list(found.w) == half
        and sum(m * s for m, s in zip(lam, y, strict=True)) == 0
    )


def test_three_points():
    found = maximum_margin(THREE, LABELS, exact=True)
    assert (found.w, found.b) == ((Fraction(2, 3), Fraction(2, 3)), -1)
    assert found.multipliers == (Fraction(8, 9), Fraction(4, 9), Fraction(4, 9))
    assert found.objective == found.dual == Fraction(8, 9)
    assert found.line() == (2, 2, -3)
    assert found.margins == (1, 1, 1)
    assert found.verdict is Verdict.PROVED
    assert kkt(THREE, LABELS, found)


@pytest.mark.parametrize("compiled", [False, True])
def test_three_points_in_doubles(compiled, monkeypatch):
    monkeypatch.setattr(margin_module, "OFTEN", 0 if compiled else 10**9)
    found = maximum_margin(np.array(THREE, float), np.array(LABELS, float))
    assert found.verdict is Verdict.PROVED
    assert abs(found.objective - 8 / 9) < 1e-12
    np.testing.assert_allclose([*found.w, found.b], [2 / 3, 2 / 3, -1], atol=1e-12)
    np.testing.assert_allclose(found.multipliers, [8 / 9, 4 / 9, 4 / 9], atol=1e-10)
    with pytest.raises(NotSeparable):
        maximum_margin(np.array([[0.0, 0.0], [1, 1], [2, 2]]), np.array([-1.0, 1, -1]))
    with pytest.raises(DomainError, match="finite"):
        maximum_margin(np.array([[0.0, np.nan], [1, 1], [2, 2]]), np.array([-1.0, 1, 1]))
    with pytest.raises(DomainError, match="two classes"):
        maximum_margin(np.array(THREE, float), np.array([1.0, 2.0, 3.0]))


def test_six_points_both_readings():
    found = readings(SIX, {"intended": [-1, -1, -1, 1, 1, 1], "literal": [-1, -1, 1, 1, 1, 1]})
    assert not found.agree
    assert found.disputed == (2,)
    intended, literal = found.solutions.values()
    assert intended.w == (Fraction(2, 3), Fraction(2, 3))
    assert intended.multipliers == (0, 0, Fraction(8, 9), 0, Fraction(4, 9), Fraction(4, 9))
    assert intended.margins == (Fraction(7, 3), Fraction(11, 3), 1, 3, 1, 1)
    assert intended.inactive == (0, 1, 3)
    assert (*literal.w, literal.b, literal.objective) == (1, 1, 1, 2)
    assert literal.margins == (1, 3, 1, 7, 4, 4)
    assert "2/3" in str(found)


points = st.lists(st.tuples(*[st.integers(-6, 6)] * 2), min_size=2, max_size=12)


@settings(max_examples=60, deadline=None)
@given(points, st.data())
def test_random_rational_problems(X, data):
    y = data.draw(st.lists(st.sampled_from([-1, 1]), min_size=len(X), max_size=len(X)))
    if len(set(y)) < 2:
        with pytest.raises(DomainError, match="two classes"):
            maximum_margin(X, y, exact=True)
        return
    A = -np.array(y)[:, None] * np.column_stack([np.array(X, float), np.ones(len(X))])
    separable = linprog(np.zeros(3), A, -np.ones(len(X)), bounds=(None, None)).status == 0
    scale = data.draw(st.sampled_from([1, Fraction(1, 7), 10**30]))
    scaled = [[v * scale for v in x] for x in X]
    if not separable:
        with pytest.raises(NotSeparable) as e:
            maximum_margin(scaled, y, exact=True)
        assert "proved in fractions" in e.value.__notes__[0]
        weights = e.value.weights
        np.testing.assert_allclose((weights * np.array(y)) @ np.array(X, float), 0.0, atol=1e-6)
        return
    found = maximum_margin(scaled, y, exact=True)
    assert kkt(scaled, y, found)
    near = maximum_margin(np.array(X, float), np.array(y, float))
    assert near.verdict is Verdict.PROVED
    assert math.isclose(near.objective, float(found.objective) * float(scale) ** 2, rel_tol=1e-9)


@pytest.mark.parametrize(
    ("X", "y", "line"),
    [
        ([[-3, 6], [0, 5], [-5, 0]], [-1, -1, 1], (-0.1, -0.3, 0.5)),
        ([[2, 1], [2, 0], [2, 1], [0, 1]], [1, -1, 1, 1], (0, 2, -1)),
        ([[-3, 1], [-1, -1], [6, -1], [-1, -1], [-1, 1]], [1, -1, -1, -1, 1], (0, 1, 0)),
        ([[2, 1], [-5, 0], [-3, -1], [-4, 2], [-4, 2]], [1, -1, -1, 1, 1], (0.4, 0.8, 1)),
    ],
)
def test_points_that_touch_and_hold_nothing_and_points_twice(X, y, line):
    found = maximum_margin(np.array(X, float), y)
    assert found.verdict is Verdict.PROVED
    np.testing.assert_allclose([*found.w, found.b], line, atol=1e-12)


def test_the_compiled_solver_on_random_problems(monkeypatch):
    monkeypatch.setattr(margin_module, "OFTEN", 0)
    rng = np.random.default_rng(4)
    for _ in range(100):
        X, w = rng.normal(size=(6, 2)), rng.normal(size=2)
        y = np.where(X @ w > 0, 1.0, -1.0)
        if len(set(y)) < 2:
            continue
        size = 10.0 ** rng.integers(-5, 6)
        X = (X + 0.3 * y[:, None] * w) * size
        found = maximum_margin(X, y)
        exact = maximum_margin(X, y, exact=True)
        assert kkt([[Fraction(v) for v in x] for x in X.tolist()], [int(v) for v in y], exact)
        assert abs(Fraction(found.objective) - exact.objective) <= Fraction(1, 10**9) * exact.objective
        # what is called a bound is one, rounding included
        assert Fraction(found.dual) - Fraction(found.rounding) <= exact.objective
        assert Fraction(found.objective) + Fraction(found.rounding) >= exact.objective


def test_a_mutant_of_the_exact_solver_is_noticed(monkeypatch):
    right = exact_module.solve_integers

    def wrong(A):
        found = right(A)
        return found and ([found[0][0] + 1, *found[0][1:]], found[1])

    monkeypatch.setattr(exact_module, "solve_integers", wrong)
    with pytest.raises((DomainError, AssertionError)):
        assert kkt(THREE, LABELS, maximum_margin(THREE, LABELS, exact=True))


def test_bareiss():
    rng = np.random.default_rng(0)
    for n in range(1, 7):
        A, x = rng.integers(-5, 6, (n, n)).astype(object), rng.integers(-9, 10, n).astype(object)
        found = exact_module.solve_integers([[*row, r] for row, r in zip(A.tolist(), (A @ x).tolist(), strict=True)])
        if found is None:
            assert abs(np.linalg.det(A.astype(float))) < 1e-6
        else:
            assert [Fraction(v, found[1]) for v in found[0]] == list(x)
    assert exact_module.solve_integers([[1, 2, 1], [2, 4, 1]]) is None


# -- the machine explains itself --------------------------------------------------------------------------------------


@pytest.mark.parametrize("machine", [LinearSVC(C=np.inf), SVC(C=np.inf, kernel="linear")])
def test_new_points_that_change_nothing(machine):
    new, labels = np.array([SIX[0], SIX[1], SIX[3]]), [-1, -1, 1]
    fit = machine.fit(THREE, LABELS)
    told = fit.explain(THREE, LABELS, adding=(new, labels))
    np.testing.assert_array_equal(told.support, [0, 1, 2])
    assert told.unique
    assert told.changing is not None
    assert not len(told.changing)
    np.testing.assert_allclose(told.added_margins, [7 / 3, 11 / 3, 3], atol=1e-9)
    assert any("change nothing" in s for s in told.sentences("en"))
    assert any("不改变解" in s for s in told.sentences("zh"))
    again = machine.fit([*THREE, *new], [*LABELS, *labels])
    np.testing.assert_allclose(again.coef_, [[2 / 3, 2 / 3]], atol=1e-12)
    inside = fit.fit(THREE, LABELS).explain(THREE, LABELS, adding=([[0.9, 0.9], [5, 5]], [1, 1]))
    np.testing.assert_array_equal(inside.changing, [0])


def test_multipliers_that_are_not_unique():
    X, y = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1], [1, 0], [3, 0]]), np.array([1, 1, -1, -1, 1, 1])
    told = LinearSVC(C=np.inf).fit(X, y).explain(X, y)
    assert told.unique is False
    # by hand: the multipliers of each side add up to 1/2 and balance in x_2
    np.testing.assert_allclose(told.least, np.zeros(6), atol=1e-9)
    np.testing.assert_allclose(told.most, [0.5, 0.5, 0.5, 0.5, 0.5, 0.0], atol=1e-9)
    assert 5 in told.deletable
    for i in told.replaceable:
        keep = np.arange(6) != i
        np.testing.assert_allclose(LinearSVC(C=np.inf).fit(X[keep], y[keep]).coef_, [[1, 0]], atol=1e-9)


def test_on_the_margin_with_multiplier_zero():
    X, y = np.array([[0, 0], [2, 0], [2, 1], [0, 5.0]]), np.array([-1, 1, 1, -1])
    told = SVC(kernel="linear", C=np.inf).fit(X, y).explain(X, y)
    assert set(told.touching) | set(told.support) == {0, 1, 2, 3}
    assert "\n" in str(told)
    assert told._repr_html_().startswith("<p>")


def test_points_at_the_bound_and_deletable_ones():
    X, y = clouds(noise=1.0)
    fit = SVC(gamma=0.5).fit(X, y)
    told = fit.explain(X, y)
    np.testing.assert_array_equal(told.support, np.sort(fit.support_))
    assert (told.margins[told.bounded] <= 1 + 1e-6).all()
    assert (told.margins[told.deletable] >= 1 - 1e-6).all()
    keep = told.support
    less = SVC(gamma=0.5).fit(X[keep], y[keep])
    np.testing.assert_allclose(less.decision_function(X), fit.decision_function(X), atol=2e-4)


def test_explaining_what_was_not_fitted():
    X, y = clouds()
    fit = LinearSVC().fit(X, y)
    with pytest.raises(ShapeError):
        fit.explain(X[1:], y[1:])
    with pytest.raises(DomainError, match="not the samples"):
        fit.explain(X[::-1], y[::-1])
    with pytest.raises(DomainError, match="two classes"):
        LinearSVC().fit(X, np.arange(len(y)) % 3).explain(X, np.arange(len(y)) % 3)
    with pytest.raises(DomainError, match="none of the classes"):
        fit.explain(X, y + 5)


def test_every_text_has_both_languages():
    for key in ("counts", "support", "touching", "deletable", "replaceable", "unique", "range", "added_nothing"):
        fields = dict.fromkeys(("n", "support", "bounded", "inactive", "which", "others"), 1) | {"least": 1.0}
        english, chinese = (say(f"learn.svm_{key}", lang, **fields) for lang in ("en", "zh"))
        assert english.isascii() or "·" in english or "≥" in english
        assert any("\u4e00" <= c <= "\u9fff" for c in chinese)


# -- bad input ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("machine", [LinearSVC(), SVC()])
@pytest.mark.parametrize(
    ("X", "y", "words"),
    [
        ([[0.0], [1.0]], [1, 1], "1 class"),
        ([[0.0], [np.nan]], [0, 1], "NaN"),
        ([[0.0], [np.inf]], [0, 1], "infinity"),
        (np.zeros((0, 2)), [], "0 sample"),
        ([[0.0], [1.0], [2.0]], [0, 1], "inconsistent"),
        ([0.0, 1.0], [0, 1], "2D"),
        ([[0.0], [1.0]], [0.5, 1.7], "continuous"),
    ],
)
def test_data_that_are_none(machine, X, y, words):
    with pytest.raises(DomainError, match=words):
        machine.fit(X, y)


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        (LinearSVC(C=0.0), "C must be"),
        (LinearSVC(C=-1.0), "C must be"),
        (LinearSVC(C=np.nan), "C must be"),
        (LinearSVC(C="1"), "C must be"),
        (LinearSVC(tol=0.0), "tol must be"),
        (LinearSVC(loss="log"), "loss must be"),
        (LinearSVC(loss="squared_hinge", C=np.inf), "hard margin"),
        (SVC(kernel="cubic"), "kernel must be"),
        (SVC(gamma=-1.0), "gamma must be"),
        (SVC(gamma="large"), "gamma must be"),
        (SVC(kernel="poly", degree=-1), "degree must be"),
        (SVC(kernel="precomputed"), "square"),
        (SVC(kernel=lambda X, Z: np.zeros(3)), "the kernel gave"),
        (SVC(class_weight={5: 1.0}), "classes"),
    ],
)
def test_parameters_that_are_none(machine, words):
    with pytest.raises(DomainError, match=words):
        machine.fit([[0.0], [1.0], [2.0]], [0, 1, 1])


@pytest.mark.parametrize("machine", [LinearSVC(C=np.inf), SVC(C=np.inf, kernel="linear"), SVC(C=np.inf)])
def test_contradictory_duplicates(machine):
    with pytest.raises(NotSeparable) as e:
        machine.fit([[0.0, 1.0], [0.0, 1.0], [3.0, 3.0]], [0, 1, 1])
    np.testing.assert_allclose(e.value.weights, [1, 1, 0], atol=1e-6)
    assert "1 of sample 0 = 1 of sample 1" in str(e.value)
    assert e.value.distance < 1e-9
    fit = machine.set_params(C=1.0).fit([[0.0, 1.0], [0.0, 1.0], [3.0, 3.0]], [0, 1, 1])
    assert fit.certificate_.gap <= 1e-6 * fit.certificate_.primal


def test_constant_columns_and_data():
    X, y = clouds()
    with_constant = np.column_stack([X, np.full(len(y), 7.0)])
    fit, other = LinearSVC().fit(X, y), LinearSVC().fit(with_constant, y)
    np.testing.assert_allclose(other.coef_[0, :3], fit.coef_[0], atol=1e-6)
    assert abs(other.coef_[0, 3]) < 1e-9
    fit = LinearSVC().fit(np.ones((5, 2)), [0, 0, 1, 1, 1])
    assert (fit.predict(np.ones((5, 2))) == 1).all()


def test_zero_weights():
    X, y = clouds()
    s = np.where(np.arange(len(y)) % 3 == 0, 0.0, 1.0)
    np.testing.assert_allclose(LinearSVC().fit(X, y, s).coef_, LinearSVC().fit(X[s > 0], y[s > 0]).coef_, atol=1e-9)
    with pytest.raises(DomainError, match="class"):
        LinearSVC().fit(X, y, np.where(y > 0, 1.0, 0.0))


@pytest.mark.parametrize(
    "X", ["abc", [[1, 2], [3]], [["x", 1], [2, 3]], [[1j, 1], [2, 3]], [[math.nan, 1], [2, 3]], []]
)
@pytest.mark.parametrize("exact", [False, True])
def test_margins_of_what_is_no_data(X, exact):
    with pytest.raises((DomainError, ShapeError, ValueError)):
        maximum_margin(X, [1, -1], exact=exact)


# -- pictures and files -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("lang", "classes", "machine"), [("en", 2, SVC()), ("zh", 3, SVC()), ("zh", 2, LinearSVC())])
def test_pictures_have_every_character(lang, classes, machine, tmp_path):
    from cauchy import figure

    X = np.random.default_rng(0).normal(size=(40, 2))
    y = np.digitize(X[:, 0], [0.0] if classes == 2 else [-0.5, 0.5])
    fit = machine.fit(X, y)
    for made in (
        fit.plot(lang=lang),
        fit.plot(X, y, lang=lang),
    ):  # a missing glyph is a warning, and warnings are errors here
        assert figure.save(made, tmp_path / "a.png").stat().st_size > 5000
        assert {"en": "class 1", "zh": "类别 1"}[lang] in [t.get_text() for t in made.axes[0].get_legend().get_texts()]
    with pytest.raises(ShapeError):
        fit.plot(X[:, :1], y)
    with pytest.raises(DomainError, match="both"):
        fit.plot(X)
    history = LinearSVC().fit(np.column_stack([X, X[:, 0]]), y).plot(lang=lang)
    assert history.axes[-1].get_xlabel() == {"en": "iteration", "zh": "迭代次数"}[lang]


@pytest.mark.parametrize("machine", [SVC(), SVC(kernel="linear"), SVC(kernel="precomputed"), LinearSVC()])
@pytest.mark.parametrize("labels", [(0, 1), ("a", "b", "c")])
def test_to_disk_and_back(machine, labels, tmp_path):
    X = np.random.default_rng(0).normal(size=(40, 3))
    y = np.array(labels)[np.argsort(np.argsort(X[:, 0])) * len(labels) // 40]
    given = X @ X.T if getattr(machine, "kernel", "") == "precomputed" else X
    fit = machine.fit(given, y)
    again = load(fit.save(tmp_path / "machine.npz"))
    np.testing.assert_array_equal(again.decision_function(given), fit.decision_function(given))
    assert (again.predict(given) == fit.predict(given)).all()
    assert again.certificate_ == fit.certificate_
    assert json.dumps(again.certificate_.primal) == json.dumps(fit.certificate_.primal)


def test_one_against_the_rest():
    X = np.random.default_rng(0).normal(size=(60, 3))
    y = np.digitize(X[:, 0], [-0.5, 0.5])
    fit = LinearSVC().fit(X, y)
    assert fit.coef_.shape == (3, 3)
    assert len(fit.certificates_) == 3
    for k in range(3):
        alone = LinearSVC().fit(X, (y == k).astype(int))
        np.testing.assert_allclose(alone.coef_[0], fit.coef_[k], atol=1e-9)
    assert math.isclose(fit.certificate_.gap, sum(c.gap for c in fit.certificates_), abs_tol=1e-15)
    assert len(list(combinations(range(3), 2))) == len(SVC().fit(X, y).certificates_)


def test_a_margin_too_thin_for_doubles_is_found_in_fractions():
    X, y = [[0, 0], [2, 0], [1, Fraction(1, 10**20)], [5, 7]], [-1, -1, 1, 1]
    found = maximum_margin(X, y, exact=True)
    assert kkt(X, y, found)
    big = [[v * 3 for v in x] for x in [*X, *([9 + k, 9 + k * k] for k in range(20))]]
    assert kkt(big, [*y, *[1] * 20], maximum_margin(big, [*y, *[1] * 20], exact=True))
