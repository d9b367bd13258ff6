"""Square systems: bounds hold against rational arithmetic, and every kind of unfit data has its answer."""

import math
from dataclasses import replace
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
from cauchy.linear.report import correct_digits
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
    s, e = two_sum(np.array([a]), np.array([b]))
    assert Fraction(s.item()) + Fraction(e.item()) == Fraction(a) + Fraction(b)
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


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("proof", ["auto", "none", "exact"])
def test_several_right_hand_sides_are_as_good_as_one(name, proof):
    a, b = SYSTEMS[name]
    sides = np.column_stack([b, np.zeros_like(b), 2.0**-40 * b, np.cos(np.arange(len(b))) * (np.abs(b).max() or 1)])
    s = solve(a, sides, proof=proof)
    assert s.x.shape == s.residual.shape == s.digits.shape == sides.shape
    for k in range(4):
        alone = solve(a, sides[:, k], proof=proof)
        assert s.verdict is alone.verdict
        if proof == "none":
            error = 10.0 ** -alone.digits.min() + 10.0 ** -s.digits[:, k].min()
            assert np.abs(s.x[:, k] - alone.x).max() <= error * np.abs(alone.x).max()
        else:
            assert s.forward_bound is not None
            assert within(s.x[:, k], exactly(a, sides[:, k]), s.forward_bound[:, k])
            assert s.digits[:, k].min() > 15.3
    if proof == "exact":
        assert s.exact is not None
        assert [row[3] for row in s.exact] == exactly(a, sides[:, 3])


@given(st.integers(0, 10**6), st.integers(2, 6), st.integers(1, 5), st.integers(0, 14))
def test_the_bound_holds_for_every_column(seed, n, k, power):
    rng = np.random.default_rng(seed)
    u, v = (np.linalg.qr(rng.normal(size=(n, n)))[0] for _ in range(2))
    a = (u * np.geomspace(1, 10.0**-power, n)) @ v
    b = rng.normal(size=(n, k)) * 10.0 ** rng.integers(-200, 200, k)
    try:
        s = solve(a, b)
    except RankError:
        assert power >= 13
        return
    if s.forward_bound is not None:
        for j in range(k):
            assert within(s.x[:, j], exactly(a, b[:, j]), s.forward_bound[:, j])


def test_many_columns_and_large_matrices():
    """Sums of many terms take another way than those of few."""
    rng = np.random.default_rng(0)
    a, x = rng.integers(-9, 10, (12, 12)).astype(float), rng.integers(-99, 100, (12, 11000)).astype(float)
    s = solve(a, a @ x)  # whole numbers, and so exact
    assert s.verdict is Verdict.PROVED
    assert s.forward_bound is not None
    assert (np.abs(s.x - x) <= s.forward_bound).all()
    assert np.array_equal(s.x, x)


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


def test_what_a_double_cannot_hold_is_not_promised():
    s = solve([[1, 2], [3, 4]], [1, 2])
    assert s.x.tolist() == [0.0, 0.5]
    assert s.digits.tolist() == [16.0, 16.0]
    assert "to the last digit" in s.text("en")
    assert "最后一位" in s.text("zh")
    assert "x is exact" in solve([[1, 2], [3, 4]], [1, 2], proof="exact").text("en")
    third = solve([["3"]], ["1"], proof="exact")
    assert "to the last digit" in third.text("en")
    assert np.isinf(solve(np.eye(2), np.zeros(2)).digits).all()


def test_the_sentence_on_x_is_that_of_its_bound():
    s = solve([[3.0, 1.0], [1.0, 7.0]], [1.0, 2.0])
    assert "to the last digit" in s.text("en")
    for bound, words in ((1e-11, "at least 10 correct digits (fewest: x[0])"), (0.5, "within 0.5 of the true value")):
        weaker = replace(s, forward_bound=np.full(2, bound), digits=correct_digits(s.x, np.full(2, bound)))
        assert words in weaker.text("en")


def test_a_matrix_is_printed_row_by_row():
    text = solve(np.eye(20), np.ones((20, 14)) / 3).text("en")
    assert text.count("0.3333333333333333") == 9 * 9
    assert max(map(len, text.splitlines())) < 220


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
    assert caught.value.witness is not None
    assert np.linalg.norm(h @ caught.value.witness) < 1e-12 * np.linalg.norm(caught.value.witness)
    rng = np.random.default_rng(0)
    with pytest.raises(RankError, match="working precision"):
        solve(rng.normal(size=(40, 39)) @ rng.normal(size=(39, 40)), np.ones(40))


# -- sparse matrices ---------------------------------------------------------------------------------


def poisson(k):
    d = sparse.csr_array(2 * np.eye(k) - np.eye(k, k=1) - np.eye(k, k=-1))
    return sparse.kron(d, sparse.eye_array(k)) + sparse.kron(sparse.eye_array(k), d)


@pytest.mark.parametrize("make", [sparse.csr_array, sparse.csc_matrix, sparse.coo_array, sparse.lil_array])
@pytest.mark.parametrize("several", [False, True])
def test_a_sparse_system_is_estimated(make, several):
    dense = poisson(7).toarray() * 10.0 ** np.random.default_rng(0).integers(-60, 60, (49, 1))
    b = np.sin(np.arange(49.0 * 3).reshape(49, 3)) if several else np.sin(np.arange(49.0))
    s, proved = solve(make(dense), b), solve(dense, b)
    assert s.verdict is Verdict.UNDECIDED
    assert s.forward_bound is None
    assert s.x.shape == b.shape
    off = np.abs(s.x - proved.x).max(axis=0) / np.abs(proved.x).max(axis=0)
    assert (off <= s.estimates["forward_error"]).all()
    assert s.estimates["forward_error"] < 1e-12
    assert s.condition == pytest.approx(proved.condition, rel=2)
    assert s.componentwise_backward_error < 4e-16
    units = np.abs(dense).max(axis=1).reshape(-1, *[1] * (b.ndim - 1))
    assert np.abs((s.residual - (b - dense @ s.x)) / units).max() < 1e-14 * np.abs(s.x).max()
    assert "not proved" in s.text("en")


@given(st.integers(0, 10**6), st.integers(0, 14))
def test_the_estimated_error_of_a_sparse_system(seed, power):
    """An estimate may fall short, though hardly ever by a factor of 10."""
    rng = np.random.default_rng(seed)
    u, v = (np.linalg.qr(rng.normal(size=(6, 6)))[0] for _ in range(2))
    a, b = (u * np.geomspace(1, 10.0**-power, 6)) @ v, rng.normal(size=6)
    try:
        s = solve(sparse.csc_array(a), b)
    except RankError:
        assert power >= 13
        return
    truth = np.array([float(t) for t in exactly(a, b)])
    assert np.abs(s.x - truth).max() <= 10 * s.estimates["forward_error"] * np.abs(truth).max()


def test_a_large_sparse_system():
    a = poisson(40)
    x = np.sin(np.arange(1600.0))
    s = solve(a, a @ x)
    assert np.abs(s.x - x).max() <= s.estimates["forward_error"]
    assert s.digits.min() > 9
    assert s.condition == pytest.approx(np.linalg.cond(a.toarray(), 1), rel=0.5)


PATTERN = np.triu(np.random.default_rng(0).normal(size=(40, 40)))
PATTERN[20:, 20:] = 0  # 20 columns left for 20 rows that are zero there
PATTERN[20:, 0] = 1.0
CYCLE = np.eye(40) - np.roll(np.eye(40), 1, axis=1)  # rows that add up to 0


@pytest.mark.parametrize(
    ("a", "words", "proved"),
    [
        (np.array([[1.0, 2.0], [2.0, 4.0]]), "A v = 0", True),
        (np.diag([1.0, 0.0, 2.0]), "row 1 is zero", True),
        (np.array([[1.0, 0.0], [2.0, 0.0]]), "column 1 is zero", True),
        (PATTERN, "pattern", True),
        (CYCLE, "singular", False),
        (np.kron(np.array([[1.0, 1.0], [1.0, 1.0]]), poisson(5).toarray()), "working precision", False),
        (sl.hilbert(12), "working precision", False),
    ],
)
def test_a_singular_sparse_matrix_is_named(a, words, proved):
    with pytest.raises(RankError, match=words) as caught:
        solve(sparse.csr_array(a), np.ones(len(a)))
    assert caught.value.proved == proved
    v = caught.value.witness
    if v is not None:
        assert np.abs(a @ v).max() <= (0 if proved else 1e-13 * np.abs(a).max() * np.abs(v).max())


def test_a_sparse_system_with_fractions_or_without():
    a = sparse.csr_array([[2.0, 0.0], [1.0, 4.0]])
    assert solve(a, [1.0, 1.0], proof="exact").exact == (Fraction(1, 2), Fraction(1, 8))
    with pytest.raises(DomainError, match="proof"):
        solve(a, [1.0, 1.0], proof="double")


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
        ([[1.0]], [[[1.0]]], ShapeError, "vector"),
        ([[1.0]], [[1.0], [2.0]], ShapeError, "1 rows"),
        ([[1.0]], np.zeros((1, 0)), ShapeError, "empty"),
        ([[1.0]], [[1.0, math.nan]], DomainError, r"b\[0, 1\]"),
        ([["1.0"]], [1.0], ShapeError, "exact"),
        ([[Fraction(1, 3)]], [1.0], ShapeError, "exact"),
        ([[1j]], [1.0], ShapeError, "imaginary"),
        ([[None]], [1.0], ShapeError, "object"),
        ([[2**60 + 1]], [1], DomainError, "integers"),
        (np.eye(2), sparse.eye_array(2), ShapeError, "sparse"),
        (sparse.csr_array([[1.0, 2.0]]), [1.0], ShapeError, "square"),
        (sparse.csr_array([[math.nan]]), [1.0], DomainError, "finite"),
        (sparse.csr_array([[1j]]), [1.0], ShapeError, "imaginary"),
        (sparse.coo_array([1.0, 2.0]), [1.0, 1.0], ShapeError, "matrix"),
        (sparse.csr_array((3, 0)), [1.0, 1.0, 1.0], ShapeError, "empty"),
        (sparse.eye_array(2), [1.0], ShapeError, "2 entries"),
        (sparse.eye_array(2), [1.0, math.inf], DomainError, r"b\[1\]"),
        (sparse.csr_array([[1e-300]]), [1e300], DomainError, "largest double"),
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
        (sparse.eye_array(10**5), DomainError, "too large"),
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
