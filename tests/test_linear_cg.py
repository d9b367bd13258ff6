"""Conjugate gradients and preconditioners: bounds on iterations, true residuals, and vectors that refute."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import linalg as sl
from scipy import sparse
from scipy.sparse.linalg import aslinearoperator

from cauchy import figure
from cauchy.errors import DomainError, ShapeError
from cauchy.linear import NotPositiveDefinite, cg, precondition
from cauchy.proof import Verdict


def grid(k):
    """The five-point Laplacian on k x k points."""
    line = sparse.diags_array([-np.ones(k - 1), 2 * np.ones(k), -np.ones(k - 1)], offsets=[-1, 0, 1])  # pyright: ignore[reportArgumentType]
    return (sparse.kron(sparse.eye_array(k), line) + sparse.kron(line, sparse.eye_array(k))).tocsr()


def spd(n, condition, seed=0):
    q = np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))[0]
    return (a := (q * np.geomspace(1, condition, n)) @ q.T) / 2 + a.T / 2


def form(a, v):
    """v'Av over the rational numbers."""
    a = a.toarray() if sparse.issparse(a) else np.asarray(a, dtype=float)
    v = [Fraction(t) for t in v]
    return sum(Fraction(a[i, j]) * v[i] * v[j] for i in range(len(v)) for j in range(len(v)))


# -- conjugate gradients -----------------------------------------------------------------------------


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array, aslinearoperator, lambda a: lambda v: a @ v])
def test_any_kind_of_matrix(make):
    a, b = spd(40, 100.0), np.arange(40.0)
    run = cg(make(a), b, tol=1e-12)
    assert run.converged
    assert np.linalg.norm(a @ run.x - b) <= 2e-12 * np.linalg.norm(b)
    assert run.x == pytest.approx(np.linalg.solve(a, b), rel=1e-9, abs=1e-9)
    assert (run.verdict is Verdict.PROVED) == (make is np.asarray)
    assert run.history[0] == pytest.approx(1.0)


@given(st.integers(0, 10**6), st.integers(2, 30), st.floats(1, 1e4))
def test_iterations_keep_to_the_bound(seed, n, condition):
    a = spd(n, condition, seed)
    b = np.random.default_rng(seed + 1).normal(size=n)
    run = cg(a, b, tol=1e-6)
    assert run.converged
    assert run.condition == pytest.approx(condition, rel=1e-6)
    x = np.linalg.solve(a, b)
    begun = math.sqrt(x @ a @ x)
    assert math.sqrt(abs((run.x - x) @ a @ (run.x - x))) <= max(1.01 * run.bound[-1], 1e-9) * begun
    assert (run.energy <= run.bound * 1.01).all()
    assert run.iterations <= run.most or run.iterations <= 3 * n


def test_work_grows_with_the_root_of_the_condition():
    """Eigenvalues as the zeros of a Chebyshev polynomial, where the bound is sharp."""
    nodes = np.cos(np.pi * (np.arange(2000) + 0.5) / 2000)
    counts, slow = [], []
    for condition in (1e2, 1e4):
        d = (condition + 1) / 2 + (condition - 1) / 2 * nodes
        counts.append(cg(sparse.diags_array(d), np.ones(2000), tol=1e-4).iterations)
        slow.append(descent_steps(d, condition))
    assert 7 < counts[1] / counts[0] < 12
    assert 80 < slow[1] / slow[0] < 125


def descent_steps(eigenvalues, largest):
    """Steps of gradient descent at its best rate until the error is 1e-4: (k - 1)/(k + 1) each."""
    rate = 2 / (largest + 1)
    error, steps = np.ones_like(eigenvalues), 0
    while np.abs(error).max() > 1e-4:
        error, steps = error * (1 - rate * eigenvalues), steps + 1
    return steps


@pytest.mark.parametrize("kind", ["jacobi", "cholesky", "ichol"])
def test_preconditioners_save_iterations(kind):
    d = np.geomspace(1, 1e4, 400)
    a = sparse.csr_array(sparse.diags_array(d) @ grid(20) @ sparse.diags_array(d))
    m = precondition(a, kind=kind)
    plain, better = cg(a, np.ones(400), tol=1e-8, max_iterations=3000), cg(a, np.ones(400), M=m, tol=1e-8)
    assert better.converged
    assert better.iterations < plain.iterations / 4
    assert m.after < m.before / 1e4
    assert better.condition == pytest.approx(m.after, rel=1e-4)
    assert m.verdict is Verdict.PROVED


def test_a_run_that_does_not_converge_says_so():
    run = cg(grid(30), np.ones(900), max_iterations=5)
    assert not run.converged
    assert run.verdict is Verdict.UNDECIDED
    assert run.iterations == 5
    assert "NOT converged" in run.text("en")
    assert "x =" not in run.text("en")
    run = cg(sl.hilbert(11), np.arange(11.0), max_iterations=20)
    assert not run.converged


def test_ends():
    run = cg(np.eye(3), np.zeros(3))
    assert run.x.tolist() == [0.0, 0.0, 0.0]
    assert run.converged
    assert cg(2 * np.eye(3), [2.0, 4.0, 6.0]).iterations == 1
    a = spd(10, 50.0)
    again = cg(a, a @ np.ones(10), x0=np.ones(10))
    assert again.iterations <= 1
    assert again.converged
    scaled = cg(1e-200 * a, 1e100 * np.ones(10))
    assert scaled.converged
    assert np.isfinite(scaled.x).all()
    with pytest.raises(DomainError, match="largest double"):
        cg(1e-200 * a, 1e150 * np.ones(10))


@pytest.mark.parametrize("bad", [[[1.0, 2.0], [2.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]], -np.eye(2), np.diag([1.0, -1e-9])])
@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array])
def test_an_indefinite_matrix_is_refuted_with_a_direction(bad, make):
    with pytest.raises(NotPositiveDefinite) as caught:
        cg(make(bad), np.array([1.0, 2.0]))
    assert caught.value.proved
    assert form(bad, caught.value.witness) <= 0
    assert float(form(bad, caught.value.witness)) == caught.value.form


def test_an_indefinite_operator_and_a_bad_preconditioner():
    with pytest.raises(NotPositiveDefinite) as caught:
        cg(lambda v: -v, np.ones(2))
    assert not caught.value.proved
    with pytest.raises(NotPositiveDefinite, match="M:"):
        cg(np.eye(2), np.ones(2), M=lambda r: -r)


def test_a_hidden_direction_is_found_when_the_run_stalls():
    a = sl.hilbert(14)  # as doubles, it is not positive definite
    with pytest.raises(NotPositiveDefinite) as caught:
        cg(a, np.arange(1.0, 15.0))
    assert form(a, caught.value.witness) <= 0


@pytest.mark.parametrize(
    ("a", "b", "options", "kind"),
    [
        ([[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0], {}, DomainError),
        (sparse.csr_array([[1.0, 2.0], [3.0, 4.0]]), [1.0, 1.0], {}, DomainError),
        ([[1.0, math.nan], [math.nan, 1.0]], [1.0, 1.0], {}, DomainError),
        (np.eye(2), [1.0, math.inf], {}, DomainError),
        (np.eye(2), [1.0], {}, ShapeError),
        (np.ones((2, 3)), [1.0, 1.0], {}, ShapeError),
        (sparse.csr_array((2, 3)), [1.0, 1.0], {}, ShapeError),
        (np.eye(2), [], {}, ShapeError),
        ([["1"]], [1.0], {}, ShapeError),
        (np.eye(2), [1j, 1], {}, ShapeError),
        (lambda v: v[:1], [1.0, 1.0], {}, ShapeError),
        (lambda v: v * math.nan, [1.0, 1.0], {}, DomainError),
        (np.eye(2), [1.0, 1.0], {"tol": 0.0}, DomainError),
        (np.eye(2), [1.0, 1.0], {"tol": "x"}, DomainError),
        (np.eye(2), [1.0, 1.0], {"max_iterations": 0}, DomainError),
        (np.eye(2), [1.0, 1.0], {"max_iterations": 1.5}, DomainError),
        (np.eye(2), [1.0, 1.0], {"x0": [1.0]}, ShapeError),
        (np.eye(2), [1.0, 1.0], {"M": 3}, ShapeError),
    ],
)
def test_unfit_data_are_refused(a, b, options, kind):
    with pytest.raises(kind):
        cg(a, b, **options)


# -- preconditioners ---------------------------------------------------------------------------------

TWO_UNITS = [[1e6, 1.0], [1.0, 1e-4]]


def test_diagonal_scaling():
    m = precondition(TWO_UNITS)
    assert m.before == pytest.approx(1.010101010103e10, rel=1e-6)
    assert m.after == pytest.approx(11 / 9, rel=1e-14)
    assert m.transformed == pytest.approx(np.array([[1.0, 0.1], [0.1, 1.0]]), abs=1e-15)
    assert m.apply(np.array([1e6, 1e-4])) == pytest.approx(np.ones(2))


def test_cholesky():
    m = precondition(TWO_UNITS, kind="cholesky")
    assert m.after == pytest.approx(1, abs=1e-8)
    assert np.linalg.cond(m.factor) == pytest.approx(100504, rel=1e-5)
    assert m.factor @ m.factor.T == pytest.approx(np.array(TWO_UNITS))


@pytest.mark.parametrize("kind", ["jacobi", "cholesky", "ichol"])
def test_apply_and_transformed_are_of_one_factor(kind):
    a = grid(6) + sparse.diags_array(np.linspace(0, 5, 36))
    m = precondition(a, kind=kind)
    low = m.factor.toarray() if sparse.issparse(m.factor) else m.factor
    r = np.arange(36.0)
    assert m.apply(r) == pytest.approx(np.linalg.solve(low @ low.T, r), rel=1e-10)
    half = np.linalg.inv(low)
    assert m.transformed == pytest.approx(half @ a.toarray() @ half.T, abs=1e-10)
    assert m.after == pytest.approx(np.linalg.cond(half @ a.toarray() @ half.T), rel=1e-8)


def test_incomplete_cholesky_keeps_the_zeros_and_matches_the_rest():
    a = grid(7)
    m = precondition(a, kind="ichol")
    low = m.factor.toarray()
    kept = sparse.tril(a).toarray() != 0
    assert m.shift == 0
    assert not low[~kept].any()
    assert (low @ low.T)[kept] == pytest.approx(a.toarray()[kept])


def test_incomplete_cholesky_shifts_where_it_breaks_down():
    a = np.array([[3.0, -2, 0, 2], [-2, 3, -2, 0], [0, -2, 3, -2], [2, 0, -2, 3]])
    assert np.linalg.eigvalsh(a)[0] > 0
    m = precondition(a, kind="ichol")
    assert m.shift > 0
    assert m.after < m.before
    assert str(m.shift) in m.text("en")


def test_large_sparse_matrices_have_estimates():
    a = grid(40)
    m = precondition(a, kind="ichol")
    exact = (np.cos(np.pi / 82) / np.sin(np.pi / 82)) ** 2
    assert 0.2 * exact < m.before <= exact * (1 + 1e-8)
    assert m.after < m.before / 4
    assert set(m.estimates) == {"before", "after"}
    assert m.verdict is Verdict.UNDECIDED
    with pytest.raises(DomainError, match="plot"):
        m.plot()


@pytest.mark.parametrize("kind", ["jacobi", "cholesky", "ichol"])
@pytest.mark.parametrize(
    "bad",
    [
        [[1.0, 2.0], [2.0, 1.0]],
        [[1.0, 1.0], [1.0, 1.0]],
        [[0.0, 0.0], [0.0, 1.0]],
        -np.eye(3),
        np.diag([1.0, 1.0, -1e-300]),
        sl.hilbert(14),
        grid(4) - 1.0 * sparse.eye_array(16),
    ],
)
def test_what_is_not_positive_definite_is_rejected_with_a_vector(kind, bad):
    with pytest.raises(NotPositiveDefinite) as caught:
        precondition(bad, kind=kind)
    e = caught.value
    assert e.proved
    assert e.witness.any()
    assert form(bad, e.witness) <= 0


@pytest.mark.parametrize(
    ("a", "options", "kind"),
    [
        ([[1.0, 2.0], [3.0, 4.0]], {}, DomainError),
        ([[1.0, 2.0]], {}, ShapeError),
        ([[math.nan]], {}, DomainError),
        ([["x"]], {}, ShapeError),
        ([[1.0]], {"kind": "lu"}, DomainError),
    ],
)
def test_unfit_matrices_are_refused(a, options, kind):
    with pytest.raises(kind):
        precondition(a, **options)


def test_reports_and_pictures():
    a = spd(12, 1e4)
    run, m = cg(a, np.ones(12)), precondition(a)
    for lang in ("en", "zh"):
        assert figure.svg(run.plot(lang=lang)).startswith("<svg")
        assert figure.svg(m.plot(lang=lang)).startswith("<svg")
    assert "迭代" in run.text("zh")
    assert "条件数" in m.text("zh")
