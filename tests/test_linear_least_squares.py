"""Least squares and ridge: certified values of NIST, bounds against rational arithmetic, ranks that are asked for."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nist_linear import NAMES, digits, read
from test_linear_solve import exactly, within

from cauchy import figure
from cauchy.errors import DomainError, ShapeError
from cauchy.linear import RankError, lstsq, ridge
from cauchy.proof import Verdict


def floats(problem):
    return np.array(problem.rows, dtype=float), np.array(problem.y, dtype=float)


def normal_equations(a, b, lam=0.0):
    """The solution of (A'A + lam I) x = A'b over the rational numbers."""
    rows = [[Fraction(v) for v in row] for row in a.tolist()]
    side = [Fraction(v) for v in b.tolist()]
    n = a.shape[1]
    gram = [[sum(r[i] * r[j] for r in rows) + Fraction(lam) * (i == j) for j in range(n)] for i in range(n)]
    right = [sum(r[i] * s for r, s in zip(rows, side, strict=True)) for i in range(n)]
    return exactly(np.array(gram, dtype=object), np.array(right, dtype=object))


# -- NIST --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_nist_with_decimals_carried_exactly(name):
    """Certified values have 15 digits; where their last one rounds, 14 of them are a double's."""
    p = read(name)
    s = lstsq(p.rows, p.y, proof="exact")
    assert s.verdict is Verdict.PROVED
    assert s.digits.min() >= 15.9
    assert min(map(digits, s.x, p.estimates)) >= 14
    assert min(map(digits, s.deviations, p.deviations)) >= 14
    assert digits(s.deviation, p.deviation) >= 14


@pytest.mark.parametrize("name", NAMES)
def test_nist_in_doubles(name):
    """Proven for the doubles; and `data_digits` foretells what rounding the decimals to doubles costs."""
    p = read(name)
    a, b = floats(p)
    s = lstsq(a, b)
    assert s.verdict is Verdict.PROVED
    assert s.forward_bound is not None
    assert within(s.x, normal_equations(a, b), s.forward_bound)
    assert s.digits.min() >= 10.5
    assert s.rank == a.shape[1]
    least = min(map(digits, s.x, p.estimates))
    assert least >= min(s.estimates.get("data_digits", 15.0), 14) - 1


def test_filip_where_a_truncated_decomposition_has_no_digit():
    p = read("Filip")
    a, b = floats(p)
    naive = np.linalg.lstsq(a, b, rcond=None)[0]
    assert min(map(digits, naive, p.estimates)) < 1
    assert min(map(digits, lstsq(a, b).x, p.estimates)) > 6.5


# -- bounds ------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(0, 4), st.integers(0, 10), st.booleans())
def test_the_bound_holds(seed, n, more, power, regularized):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(n + more, n)) * 10.0 ** rng.integers(-8, 9, n)
    if n > 1:
        a[:, -1] = a[:, 0] + 10.0**-power * rng.normal(size=n + more)
    b = rng.normal(size=n + more)
    lam = float(rng.uniform(1e-3, 1)) if regularized else 0.0
    try:
        s = ridge(a, b, lam) if regularized else lstsq(a, b)
    except RankError:
        return
    if s.forward_bound is not None:
        assert within(s.x, normal_equations(a, b, lam), s.forward_bound)


@pytest.mark.parametrize("f", [lstsq, lambda a, b, **o: ridge(a, b, 0.25, **o)])
@pytest.mark.parametrize("proof", ["auto", "none", "exact"])
def test_several_right_hand_sides_are_as_good_as_one(f, proof):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(9, 3)) * 10.0 ** np.arange(3), rng.normal(size=(9, 4)) * 10.0 ** np.arange(-100, 100, 50)
    b[:, 2] = 0
    s = f(a, b, proof=proof)
    assert s.x.shape == s.digits.shape == (3, 4)
    assert s.residual.shape == b.shape
    for k in range(4):
        alone = f(a, b[:, k], proof=proof)
        assert s.verdict is alone.verdict
        assert s.x[:, k] == pytest.approx(alone.x, rel=1e-13)
        assert s.residual[:, k] == pytest.approx(alone.residual, rel=1e-13)
        assert alone.backward_error <= 2 * s.backward_error + 1e-17
        if f is lstsq:
            assert s.deviations[:, k] == pytest.approx(alone.deviations, rel=1e-13)
            assert s.deviation[k] == pytest.approx(alone.deviation, rel=1e-13)
        if proof != "none":
            assert within(s.x[:, k], normal_equations(a, b[:, k], 0.0 if f is lstsq else 0.25), s.forward_bound[:, k])
    assert s.text("en") != s.text("zh")


def test_the_path_of_several_right_hand_sides():
    a, b = np.random.default_rng(0).normal(size=(9, 3)), np.random.default_rng(1).normal(size=(9, 2))
    both, each = ridge(a, b, 1.0), [ridge(a, c, 1.0) for c in b.T]
    assert both.path.x == pytest.approx(np.stack([r.path.x for r in each], axis=2))
    assert both.path.norm == pytest.approx(np.hypot(*(r.path.norm for r in each)))
    assert both.path.residual == pytest.approx(np.hypot(*(r.path.residual for r in each)))


def test_the_shortest_of_several_solutions():
    a = np.c_[BASE, BASE[:, 0] + BASE[:, 1]]
    b = np.random.default_rng(1).normal(size=(20, 2))
    s = lstsq(a, b, rank=3)
    assert s.x == pytest.approx(np.linalg.pinv(a, rcond=1e-10) @ b, abs=1e-11)
    assert np.isnan(s.deviation).all()


def test_small_numbers_are_not_printed_as_zeros():
    s = lstsq(np.vander(np.linspace(0, 1, 10), 4), np.arange(10.0) ** 2)
    text = s.text("en")
    assert "standard errors of x [7.11e-14, 1.08e-13, 4.51e-14, 4.92e-15]" in text
    assert "0.0," not in text
    moved = s.estimates["data_effect"]  # true for the decimals, k/9 and k^2: 0, 81, 0, 0
    assert (np.abs(s.x - [0, 81, 0, 0]) <= moved).all()
    assert moved.max() < 1e-12
    assert f"about [{moved[0]:.2g}, {moved[1]:.2g}" in text


def test_the_residual_is_orthogonal_to_the_columns():
    a = np.random.default_rng(0).normal(size=(50, 4))
    b = np.random.default_rng(1).normal(size=50)
    s = lstsq(a, b)
    assert np.abs(a.T @ s.residual).max() < 1e-12
    assert s.residual == pytest.approx(b - a @ s.x, abs=1e-14)
    assert s.backward_error < 1e-16
    assert s.condition == pytest.approx(np.linalg.cond(a / 2.0 ** np.frexp(np.linalg.norm(a, axis=0))[1]), rel=1e-10)


@pytest.mark.parametrize("power", [-290, -100, 100, 250])
def test_units_do_not_matter(power):
    a = np.random.default_rng(0).normal(size=(12, 3))
    b = np.random.default_rng(1).normal(size=12)
    plain, scaled = lstsq(a, b), lstsq(a * np.array([1.0, 2.0**power, 2.0**-power]), b)
    assert scaled.verdict is Verdict.PROVED
    assert np.array_equal(scaled.x, plain.x * np.array([1.0, 2.0**-power, 2.0**power]))


def test_an_entry_that_is_zero():
    s = lstsq([[1.0, 2.0], [3.0, 4.0]], [1.0, 2.0])
    assert s.x.tolist() == [0.0, 0.5]
    assert s.digits.min() > 15
    assert s.forward_bound is not None
    assert within(s.x, [Fraction(0), Fraction(1, 2)], s.forward_bound)


def test_lauchli():
    """The normal equations are singular in doubles; the triangular factor is not."""
    e = 1e-8
    a = np.array([[1.0, 1.0], [e, 0.0], [0.0, e]])
    assert np.linalg.det(a.T @ a) == 0
    assert np.abs(lstsq(a, a @ np.ones(2)).x - 1).max() <= 1e-15


def test_large_problems_are_estimated():
    rng = np.random.default_rng(0)
    a = rng.normal(size=(1500, 6))
    b = a @ np.arange(6.0) + rng.normal(size=1500)
    plain, proved = lstsq(a, b, proof="none"), lstsq(a, b)
    assert plain.verdict is Verdict.UNDECIDED
    assert np.abs(plain.x - proved.x).max() <= 10.0 ** -plain.digits.min() * np.abs(proved.x).max()
    assert "not proved" in plain.text("en")


# -- ranks -------------------------------------------------------------------------------------------

BASE = np.random.default_rng(7).normal(size=(20, 3))
DEFICIENT = {
    "sum of columns": (np.c_[BASE, BASE[:, 0] + BASE[:, 1]], 3, "0, 1 and 3", False),
    "duplicate": (np.c_[BASE, BASE[:, 1]], 3, "1 and 3", True),
    "two constant columns": (np.c_[BASE, np.full(20, 1.0), np.full(20, 4.0)], 4, "3 and 4", True),
    "zero column": (np.c_[BASE, np.zeros(20)], 3, "column 3 is zero", True),
    "wide": (BASE[:2], 2, "more columns", False),
    "whole numbers": (np.array([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]]), 1, "0 and 1", True),
    "long duplicate": (np.vstack([np.c_[BASE, BASE[:, 1]]] * 3), 3, "1 and 3", True),
}


@pytest.mark.parametrize("name", DEFICIENT)
def test_a_rank_is_never_decided_silently(name):
    a, rank, words, proved = DEFICIENT[name]
    b = np.arange(len(a), dtype=float)
    with pytest.raises(RankError, match=words) as caught:
        lstsq(a, b)
    e = caught.value
    assert e.proved == proved
    assert e.singular_values is not None
    assert np.sum(e.singular_values > 1e-12) == rank
    assert np.linalg.norm(a @ e.witness) <= (0.0 if proved else 1e-14)
    assert f"rank={rank}" in str(e)
    assert "ridge" in str(e)


@pytest.mark.parametrize("name", DEFICIENT)
@pytest.mark.parametrize("decision", ["rank", "rcond"])
def test_the_shortest_solution_if_asked(name, decision):
    a, rank, _, _ = DEFICIENT[name]
    b = np.arange(len(a), dtype=float)
    s = lstsq(a, b, rank=rank) if decision == "rank" else lstsq(a, b, rcond=1e-10)
    assert s.rank == rank
    assert s.verdict is Verdict.UNDECIDED
    assert s.x == pytest.approx(np.linalg.pinv(a, rcond=1e-10) @ b, abs=1e-11)


def test_the_shortest_solution_is_shortest_in_the_units_given():
    a = np.c_[BASE, 1e6 * BASE[:, 0]]
    s = lstsq(a, np.ones(20), rank=3)
    assert s.x == pytest.approx(np.linalg.pinv(a) @ np.ones(20), rel=1e-8, abs=1e-12)


def test_exact_ranks():
    with pytest.raises(RankError, match="rank 1") as caught:
        lstsq([["0.1", "0.3"], ["0.2", "0.6"]], ["1", "2"], proof="exact")
    assert caught.value.proved
    one = lstsq([["0.1", "0.3"], ["0.2", "0.60000000000000000001"]], ["1", "2"], proof="exact")
    assert one.exact == (10, 0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rank": 0}, "rank"),
        ({"rank": 4}, "rank"),
        ({"rank": 1.5}, "rank"),
        ({"rank": True}, "rank"),
        ({"rcond": 0.0}, "rcond"),
        ({"rcond": math.nan}, "rcond"),
        ({"rcond": "1"}, "rcond"),
        ({"rank": 1, "rcond": 0.1}, "one of them"),
        ({"rank": 1, "proof": "exact"}, "computed"),
        ({"proof": "maybe"}, "proof"),
    ],
)
def test_unfit_decisions_are_refused(options, words):
    with pytest.raises(DomainError, match=words):
        lstsq(BASE, np.ones(20), **options)


def test_a_rank_beyond_the_matrix_is_refused():
    with pytest.raises(RankError, match="not possible"):
        lstsq(np.c_[BASE, np.zeros(20)], np.ones(20), rank=4)


@pytest.mark.parametrize("f", [lstsq, lambda a, b: ridge(a, b, 0.1)])
@pytest.mark.parametrize(
    ("a", "b", "kind"),
    [
        ([[1.0, math.nan]], [1.0], DomainError),
        ([[1.0], [2.0]], [1.0, math.inf], DomainError),
        ([[]], [1.0], ShapeError),
        ([[1.0], [2.0]], [1.0], ShapeError),
        ([["1"]], [1.0], ShapeError),
        ([[1j]], [1.0], ShapeError),
    ],
)
def test_unfit_data_are_refused(f, a, b, kind):
    with pytest.raises(kind):
        f(a, b)


# -- ridge -------------------------------------------------------------------------------------------


def test_the_norm_falls_with_lambda():
    a, b = np.diag([1.0, 1e-3]), np.ones(2)
    assert np.linalg.norm(lstsq(a, b).x) == pytest.approx(1000.0005, abs=1e-6)
    for lam, norm in ((1e-6, 500.001), (1e-4, 9.95135192), (1.0, 0.500001)):
        r = ridge(a, b, lam)
        assert r.verdict is Verdict.PROVED
        assert np.linalg.norm(r.x) == pytest.approx(norm, rel=1e-8)
        assert r.condition == pytest.approx((1 + lam) / (1e-6 + lam), rel=1e-12)
    assert ridge(np.eye(1), [3.0], 1.0).x.tolist() == [1.5]


def test_the_path_is_that_of_the_single_solutions():
    a = np.vander(np.linspace(0, 1, 12), 6)
    b = np.sin(5 * np.linspace(0, 1, 12))
    lams = np.geomspace(1e-6, 10, 9)
    path = ridge(a, b, 1.0, lams=lams).path
    for k, lam in enumerate(lams):
        r = ridge(a, b, lam)
        assert path.x[k] == pytest.approx(r.x, rel=1e-9)
        assert path.residual[k] == pytest.approx(np.linalg.norm(r.residual), rel=1e-9)
        hat = a @ np.linalg.solve(a.T @ a + lam * np.eye(6), a.T)
        assert path.dof[k] == pytest.approx(np.trace(hat), rel=1e-7)
        assert r.dof == pytest.approx(path.dof[k], rel=1e-12)
    assert (np.diff(path.norm) < 0).all()
    assert (np.diff(path.residual) > 0).all()
    assert path.best in lams


@pytest.mark.parametrize("name", DEFICIENT)
def test_ridge_takes_any_rank(name):
    a = DEFICIENT[name][0]
    b = np.arange(len(a), dtype=float)
    r = ridge(a, b, 0.5)
    assert r.verdict is Verdict.PROVED
    assert r.x == pytest.approx(np.linalg.solve(a.T @ a + 0.5 * np.eye(a.shape[1]), a.T @ b), abs=1e-10)
    assert r.condition >= 1


def test_ridge_with_decimals_carried_exactly():
    r = ridge([["1", "0"], ["0", "0.001"]], ["1", "1"], "0.0001", proof="exact")
    assert r.exact == (Fraction(10000, 10001), Fraction(1000, 101))
    assert r.digits.min() > 15.9
    assert ridge([[1, 2], [2, 4]], [1, 1], Fraction(1, 3), proof="exact").exact is not None


@pytest.mark.parametrize("lam", [0, -1.0, math.nan, math.inf, "1", None, [1.0], 1j])
def test_unfit_lambda_is_refused(lam):
    with pytest.raises((DomainError, ShapeError), match="lam"):
        ridge(np.eye(2), [1.0, 1.0], lam)
    if lam != "1":
        with pytest.raises((DomainError, ShapeError), match="lam"):
            ridge(np.eye(2), [1.0, 1.0], lam, proof="exact")


def test_reports_and_pictures():
    r = ridge(np.vander(np.linspace(0, 1, 12), 6), np.sin(np.arange(24.0)).reshape(12, 2), 1e-3)
    s = lstsq(*floats(read("Norris")))
    for text in (r.text("zh"), s.text("zh")):
        assert any("\u4e00" <= c <= "\u9fff" for c in text)
    assert "deviation" in s.text("en")
    for lang in ("en", "zh"):
        assert figure.svg(r.plot(lang=lang)).startswith("<svg")
