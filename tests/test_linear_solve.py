"""Square systems: bounds hold against rational arithmetic, and every kind of unfit data has its answer."""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import linalg as sl
from scipy import sparse

from cauchy.errors import DomainError, ShapeError
from cauchy.linear import RankError, solve
from cauchy.linear.twice import residual, two_product, two_sum
from cauchy.linear.verify import positive_definite, singular_values
from cauchy.proof import Verdict

doubles = st.floats(-1e100, 1e100, allow_subnormal=False).map(lambda v: 0.0 if abs(v) < 1e-100 else v)


def exactly(a, b):
    """The solution over the rationals, by elimination with fractions."""
    rows = [[Fraction(v) for v in row] + [Fraction(w)] for row, w in zip(a.tolist(), b.tolist(), strict=True)]
    n = len(rows)
    for k in range(n):
        p = next(i for i in range(k, n) if rows[i][k])
        rows[k], rows[p] = rows[p], rows[k]
        rows[k] = [v / rows[k][k] for v in rows[k]]
        rows = [r if i == k else [s - r[k] * t for s, t in zip(r, rows[k], strict=True)] for i, r in enumerate(rows)]
    return [row[-1] for row in rows]


def within(x, truth, bound):
    return all(abs(Fraction(float(v)) - t) <= Fraction(float(d)) for v, t, d in zip(x, truth, bound, strict=True))


# -- sums in twice the precision ---------------------------------------------------------------------


@given(doubles, doubles)
def test_a_sum_and_a_product_keep_their_errors(a, b):
    s, e = two_sum(np.float64(a), np.float64(b))
    assert Fraction(float(s)) + Fraction(float(e)) == Fraction(a) + Fraction(b)
    p, e = two_product(np.array([a]), np.array([b]))
    assert Fraction(p.item()) + Fraction(e.item()) == Fraction(a) * Fraction(b)


@pytest.mark.parametrize("columns", [1, 2, 7, 40])
@pytest.mark.parametrize("spread", [0, 12])
def test_a_residual_is_within_its_slack(columns, spread):
    rng = np.random.default_rng(columns)
    a = rng.normal(size=(30, columns)) * 10.0 ** rng.integers(-spread, 1, (30, columns))
    x, low = rng.normal(size=columns), 1e-17 * rng.normal(size=columns)
    b = a @ x  # nearly everything cancels
    got = residual(a, x, b, low)
    for i in range(30):
        truth = Fraction(b[i]) - sum(
            Fraction(p) * (Fraction(q) + Fraction(r)) for p, q, r in zip(a[i], x, low, strict=True)
        )
        assert abs(Fraction(got.high[i]) + Fraction(got.low[i]) - truth) <= Fraction(got.slack[i])
        assert got.slack[i] <= 1e-29 * columns * (np.abs(a[i]) @ np.abs(x) + abs(b[i]))


# -- solutions and their bounds ----------------------------------------------------------------------

RANDOM = np.random.default_rng(1).normal(size=(5, 5))
SYSTEMS = {
    "regular": (np.random.default_rng(0).normal(size=(8, 8)), np.arange(8.0)),
    "near singular": (np.array([[1.0, 1.0], [1.0, 1.0001]]), np.array([2.0, 2.0001])),
    "hilbert 6": (sl.hilbert(6), np.ones(6)),
    "hilbert 10": (sl.hilbert(10), sl.hilbert(10) @ np.ones(10)),
    "scaled rows": (RANDOM * 10.0 ** np.arange(-150, 150, 60)[:, None], np.ones(5)),
    "scaled columns": (RANDOM * 10.0 ** np.arange(-50, 50, 20), np.ones(5)),
    "large numbers": (np.array([[1e308, -1e308], [1e308, 1e308]]), np.array([1e308, 0.0])),
    "a zero side": (sl.hilbert(4), np.zeros(4)),
    "one by one": (np.array([[3.0]]), np.array([1.0])),
}  # fmt: skip


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_bound_holds(name):
    a, b = SYSTEMS[name]
    s = solve(a, b)
    truth = exactly(a, b)
    assert s.verdict is Verdict.PROVED
    assert s.forward_bound is not None
    assert within(s.x, truth, s.forward_bound)
    assert s.digits.min() > 15.3  # refined to the last digit of a double
    assert s.componentwise_backward_error < 2.3e-16
    assert s.backward_error < 2.3e-16


@given(st.integers(0, 10**6), st.integers(2, 7), st.integers(0, 15))
def test_the_bound_holds_for_any_condition(seed, n, power):
    rng = np.random.default_rng(seed)
    u, v = (np.linalg.qr(rng.normal(size=(n, n)))[0] for _ in range(2))
    a, b = (u * np.geomspace(1, 10.0**-power, n)) @ v, rng.normal(size=n)
    try:
        s = solve(a, b)
    except RankError:
        assert power >= 13
        return
    if s.forward_bound is None:
        assert power >= 13
    else:
        assert within(s.x, exactly(a, b), s.forward_bound)


def test_no_proof_is_no_proof():
    a, b = SYSTEMS["hilbert 10"]
    s = solve(a, b, proof="none")
    assert s.verdict is Verdict.UNDECIDED
    assert s.forward_bound is None
    truth = np.array([float(v) for v in exactly(a, b)])
    assert np.abs(s.x - truth).max() <= 10.0 ** -s.digits.min() * np.abs(truth).max()
    assert "not proved" in s.text("en")
    large = np.random.default_rng(0).normal(size=(520, 520))
    s = solve(large, large @ np.ones(520))
    assert s.verdict is Verdict.UNDECIDED
    assert s.digits.min() > 10
    assert np.abs(s.x - 1).max() < 1e-9


def test_the_condition_is_that_of_the_matrix():
    a = np.random.default_rng(3).normal(size=(60, 60))
    assert solve(a, np.ones(60)).condition == pytest.approx(np.linalg.cond(a, 1), rel=1e-10)


def test_how_much_rounded_decimals_are_worth():
    """The doubles' solution is proven to the last digit, and differs from the decimals' own in the fourth."""
    h = [[Fraction(1, i + j + 1) for j in range(10)] for i in range(10)]
    b = [sum(row) for row in h]
    s = solve(np.array(h, dtype=float), np.array(b, dtype=float))
    assert s.digits.min() > 15
    assert 1 < s.estimates["data_digits"] < 4
    assert 1e-6 < np.abs(s.x - 1).max() < 1e-2
    assert "proof=" in s.text("en")
    exact = solve(h, b, proof="exact")
    assert exact.exact == (1,) * 10
    assert np.array_equal(exact.x, np.ones(10))
    assert exact.verdict is Verdict.PROVED


@pytest.mark.parametrize("kind", [str, Decimal, Fraction])
def test_exact_data_are_carried_as_written(kind):
    s = solve([[kind("0.1"), kind("0.2")], [kind("0.3"), kind("0.5")]], [kind("0.7"), kind("1.9")], proof="exact")
    assert s.exact == (3, 2)
    assert s.x.tolist() == [3.0, 2.0]
    assert solve([[0.1]], [1.0], proof="exact").exact == (Fraction(1) / Fraction(0.1),)
    assert s.forward_bound is not None
    assert not s.forward_bound.any()


def test_reports_in_both_languages():
    for s in (solve(*SYSTEMS["hilbert 6"]), solve([[2]], [1], proof="exact"), solve([[2.5]], [1.0], proof="none")):
        assert s.text("en").isprintable() or "\n" in s.text("en")
        assert any("\u4e00" <= c <= "\u9fff" for c in s.text("zh"))
        assert "<pre>" in s._repr_html_()


# -- singular matrices -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "a",
    [
        [[1, 2], [2, 4]],
        [[1, 2, 3], [4, 5, 6], [7, 8, 9]],
        [[0.1, 0.2], [0.2, 0.4]],
        [[0, 1], [0, 2]],
        [[1, 1], [0, 0]],
        [[0.0]],
        np.ones((4, 4)) * 1e300,
    ],
)
@pytest.mark.parametrize("proof", ["auto", "exact"])
def test_a_singular_matrix_is_named_with_a_null_vector(a, proof):
    with pytest.raises(RankError) as caught:
        solve(a, np.ones(len(a)), proof=proof)
    v = caught.value.witness
    assert caught.value.proved
    assert v is not None
    assert v.any()
    for row in np.asarray(a, dtype=float):
        assert sum(Fraction(p) * Fraction(q) for p, q in zip(row, v, strict=True)) == 0


def test_a_matrix_singular_to_working_precision_is_no_solution():
    h = sl.hilbert(14)
    with pytest.raises(RankError, match="working precision") as caught:
        solve(h, h @ np.ones(14))
    assert not caught.value.proved
    assert np.linalg.norm(h @ caught.value.witness) < 1e-12 * np.linalg.norm(caught.value.witness)
    rng = np.random.default_rng(0)
    with pytest.raises(RankError, match="working precision"):
        solve(rng.normal(size=(40, 39)) @ rng.normal(size=(39, 40)), np.ones(40))


# -- unfit data --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b", "kind", "words"),
    [
        ([[1.0, math.nan], [0.0, 1.0]], [1, 2], DomainError, r"A\[0, 1\]"),
        ([[1.0, 0.0], [math.inf, 1.0]], [1, 2], DomainError, r"A\[1, 0\]"),
        ([[1.0]], [math.nan], DomainError, r"b\[0\]"),
        (np.zeros((0, 0)), [], ShapeError, "empty"),
        ([1.0, 2.0], [1.0, 2.0], ShapeError, "matrix"),
        ([[1.0, 2.0]], [1.0], ShapeError, "square"),
        ([[1.0, 2.0], [3.0]], [1.0, 2.0], ShapeError, "lengths"),
        ([[1.0]], [1.0, 2.0], ShapeError, "1 entries"),
        ([[1.0]], [[1.0]], ShapeError, "vector"),
        ([["1.0"]], [1.0], ShapeError, "exact"),
        ([[Fraction(1, 3)]], [1.0], ShapeError, "exact"),
        ([[1j]], [1.0], ShapeError, "imaginary"),
        ([[None]], [1.0], ShapeError, "object"),
        ([[2**60 + 1]], [1], DomainError, "integers"),
        (sparse.eye_array(2), [1.0, 1.0], ShapeError, "sparse"),
        (np.ma.masked_array([[1.0]], mask=[[True]]), [1.0], DomainError, "masked"),
        ([[1e-300]], [1e300], DomainError, "largest double"),
    ],
)
def test_unfit_data_are_refused(a, b, kind, words):
    with pytest.raises(kind, match=words):
        solve(a, b)


@pytest.mark.parametrize(
    ("a", "kind", "words"),
    [
        ([["a"]], DomainError, r"A\[0, 0\]"),
        ([["nan"]], DomainError, "finite"),
        ([[math.inf]], DomainError, "finite"),
        ([[Decimal("NaN")]], DomainError, "finite"),
        ([["1e999999999"]], DomainError, "too large"),
        ([[Decimal("1e999999")]], DomainError, "too large"),
        ([[1j]], ShapeError, "complex"),
        ([[None]], ShapeError, "NoneType"),
        ([["1/0"]], DomainError, "finite"),
        ([["1", "2"]], ShapeError, "square"),
        ([["1", "2"], ["3"]], ShapeError, "lengths"),
        ([["1e-400"]], DomainError, "largest double"),
    ],
)
def test_unfit_exact_data_are_refused(a, kind, words):
    with pytest.raises(kind, match=words):
        solve(a, ["1"], proof="exact")


def test_an_unknown_proof_is_refused():
    with pytest.raises(DomainError, match="proof"):
        solve([[1.0]], [1.0], proof="sure")  # type: ignore[arg-type]


# -- the proofs beneath ------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(6, 6), (9, 4), (3, 8)])
def test_singular_values_are_within_their_radius(shape):
    import mpmath

    rng = np.random.default_rng(0)
    a = rng.normal(size=shape) * np.geomspace(1, 1e-9, shape[1])
    a /= np.abs(a).max()
    got = singular_values(a)
    with mpmath.workdps(60):
        truth = mpmath.svd_r(mpmath.matrix(a.tolist()), compute_uv=False)
        for s, r, t in zip(got.values, got.radius, truth, strict=True):
            assert abs(mpmath.mpf(float(s)) - t) <= float(r)
    assert (got.radius < 1e-13).all()


@given(st.integers(0, 10**6), st.integers(1, 5))
def test_what_is_proved_positive_definite_is(seed, n):
    rng = np.random.default_rng(seed)
    a = rng.integers(-3, 4, (n, n))
    a = a + a.T + np.diag(rng.integers(0, 9, n))
    minors = [round(np.linalg.det(a[:k, :k])) for k in range(1, n + 1)]  # whole numbers, and small
    definite = all(m > 0 for m in minors)
    assert positive_definite(a.astype(float)) == definite
