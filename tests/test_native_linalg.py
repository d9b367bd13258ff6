"""Systems, decompositions and searches in machine code: against what defines them, and inside loops and branches."""

import dataclasses
from fractions import Fraction

import numpy as np
import pytest
import scipy.linalg

import cauchy
from cauchy import ops as P
from cauchy.calculus.factor import cholesky_or_nan, solve_factored, solve_triangular
from cauchy.read.native.driver import Driver
from cauchy.read.native.kernel import Calling, Kernel
from cauchy.read.native.signature import Array, Scalar

# written out, by rows in vectors of one, two, three and more, by LAPACK
KINDS = [(n, np.float64) for n in (1, 2, 3, 4, 5, 8, 9, 13, 33, 48, 100)] + [(n, np.float32) for n in (2, 7, 17, 60)]


def spec(x):
    return Array(x.dtype, x.shape) if x.ndim else Scalar(x.dtype, (x.dtype.type,))


def run(f, *args, at=None):
    """The results of native code alone, between red zones, traced `at` other arguments."""
    args = [np.asarray(a) for a in args]
    graph = cauchy.trace(f, *(args if at is None else at))
    kernel = Kernel(graph, Calling(tuple(map(spec, args)), tuple(range(len(graph.outputs)))))
    assert not kernel.program.values, kernel.explain()
    checked = dataclasses.replace(kernel.signature, redzones=True)
    return Driver(kernel.library, checked, lambda *a: None)(*args)


def matrices(n, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed + n)
    a = rng.normal(size=(n, n)).astype(dtype)
    return (
        a,
        (a @ a.T / n + np.eye(n)).astype(dtype),
        rng.normal(size=n).astype(dtype),
        rng.normal(size=(n, 3)).astype(dtype),
    )


def systems(a, h, b, c):
    low = P.cholesky_or_nan(h)
    return (
        low,
        np.linalg.cholesky(h),
        np.linalg.cholesky(h, upper=True),
        P.cholesky_or_nan(-h),
        np.linalg.solve(a, b),
        np.linalg.solve(a, c),
        np.linalg.inv(a),
        np.linalg.det(a / np.sqrt(len(a), dtype=a.dtype)),
    )


def triangles(low, b, c):
    """Both triangles, both right sides, transposed or not."""
    full = low + low.T
    return tuple(
        P.solve_triangular(full, r, lower=lower, trans=trans, unit_diagonal=unit)
        for r in (b, c)
        for lower in (True, False)
        for trans in (True, False)
        for unit in (True, False)
    )


def near(got, want, scale, n):
    """To rounding: a modest multiple of n u |A| |X|."""
    assert np.all(np.abs(got - want) <= 30 * n * np.finfo(got.dtype).eps * scale)


@pytest.mark.parametrize(("n", "dtype"), KINDS)
def test_systems_have_small_residuals(n, dtype):
    a, h, b, c = matrices(n, dtype)
    low, same, up, nan, x, xs, inverse, det = run(systems, a, h, b, c)
    assert np.array_equal(low, np.tril(low))
    assert np.array_equal(up, np.triu(up))
    assert np.isnan(nan).all()
    for factor in (low, same, up.T):
        near(factor @ factor.T, h, np.abs(factor) @ np.abs(factor.T), n)
    growth = np.abs(a).max() * n  # of elimination with pivots; more is not seen of random matrices
    near(a @ x, b, growth * np.abs(x).sum(), n)
    near(a @ xs, c, growth * np.abs(xs).sum(axis=0), n)
    near(a @ inverse, np.eye(n, dtype=dtype), growth * np.abs(inverse).sum(axis=0), n)
    sign, log = np.linalg.slogdet(a.astype(np.float64) / np.sqrt(n))
    condition = np.linalg.cond(a.astype(np.float64)) * n
    assert np.isclose(float(det), sign * np.exp(log), rtol=10 * float(np.finfo(dtype).eps) * condition, atol=0)


@pytest.mark.parametrize(("n", "dtype"), KINDS)
def test_triangular_systems(n, dtype):
    _, h, b, c = matrices(n, dtype)
    low = np.linalg.cholesky(h).astype(dtype) / dtype(np.sqrt(n))
    found = iter(run(triangles, low, b, c))
    full = low + low.T
    for r in (b, c):
        for lower in (True, False):
            for trans in (True, False):
                for unit in (True, False):
                    m = np.tril(full) if lower else np.triu(full)
                    if unit:
                        m = m - np.diag(np.diag(m)) + np.eye(n, dtype=dtype)
                    m = m.T if trans else m
                    x = next(found)
                    near(m @ x, r, np.abs(m) @ np.abs(x) + np.abs(r), n)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 9, 33, 60])
def test_spectra(n):
    a, h, _, _ = matrices(n)

    def spectra(a, h):
        return (*np.linalg.eigh(h), np.linalg.eigvalsh(h), *np.linalg.eigh(a, UPLO="U"), *np.linalg.slogdet(a))

    w, v, alone, wu, vu, sign, log = run(spectra, a, h)
    triangle = np.triu(a) + np.triu(a, 1).T
    for m, values, vectors in ((h, w, v), (triangle, wu, vu)):
        near(m @ vectors, vectors * values, np.abs(m).sum(), n)
        near(vectors.T @ vectors, np.eye(n), n, n)
        assert np.all(np.diff(values) >= 0)
    near(alone, w, np.abs(w).max(), n)
    want = np.linalg.slogdet(a)
    assert sign == want[0]
    assert np.isclose(log, want[1], rtol=0, atol=1e-14 * n * np.linalg.cond(a))


def exact_determinant(m):
    rows, d = [[Fraction(int(v)) for v in row] for row in m], Fraction(1)
    for k in range(len(rows)):
        p = next((i for i in range(k, len(rows)) if rows[i][k]), None)
        if p is None:
            return Fraction(0)
        if p != k:
            rows[k], rows[p], d = rows[p], rows[k], -d
        d *= rows[k][k]
        for i in range(k + 1, len(rows)):
            f = rows[i][k] / rows[k][k]
            rows[i] = [x - f * y for x, y in zip(rows[i], rows[k], strict=True)]
    return d


@pytest.mark.parametrize("n", [1, 2, 3, 4, 6, 20])
def test_determinants_are_those_of_exact_arithmetic(n):
    m = np.random.default_rng(n).integers(-9, 10, size=(n, n)).astype(float)
    want = float(exact_determinant(m))
    (d,) = run(lambda m: (np.linalg.det(m),), m)
    assert np.isclose(d, want, rtol=1e-15 * n * np.linalg.cond(m), atol=0)


@pytest.mark.parametrize("n", [4, 8, 60])
def test_determinants_do_not_overflow_on_the_way(n):
    scale = np.ones(n)
    scale[:4] = 1e-200, 1e-180, 1e190, 1e189
    small = np.where(np.arange(n) < 2, 2.0**-530, 1.0)
    diagonals = scale, small, np.full(n, 1e300), np.full(n, 1e-300)
    det = lambda m: run(lambda m: (np.linalg.det(m),), m, at=(np.eye(n),))[0]
    middle, tiny, huge, nothing = map(det, map(np.diag, diagonals))
    assert np.isclose(middle, 0.1, rtol=1e-13)
    assert tiny == 2.0**-1060
    assert huge == np.inf
    assert nothing == 0.0


@pytest.mark.parametrize("n", [2, 3, 6, 40, 60])
def test_hilbert_matrices(n):
    h = scipy.linalg.hilbert(n)
    (low,) = run(lambda h: (P.cholesky_or_nan(h),), h)
    if n < 12:
        near(low @ low.T, h, 1.0, n)
    else:  # not positive definite in double precision
        assert np.isnan(low).all()
    (x,) = run(lambda h, b: (np.linalg.solve(h, b),), h, np.ones(n))
    near(h @ x, np.ones(n), np.abs(x).sum(), n)


@pytest.mark.parametrize("n", [1, 2, 3, 6, 17, 60])
def test_what_has_no_factor(n):
    _, h, _, _ = matrices(n)
    factor = cauchy.compile(cholesky_or_nan)
    assert np.isfinite(factor(h)).all()
    for i, j, v in (
        (n - 1, n - 1, np.nan),
        (n - 1, 0, np.nan),
        (0, 0, np.inf),
        (n - 1, 0, np.inf),
        (n - 1, n - 1, -1.0),
    ):
        m = h.copy()
        m[i, j] = v
        assert np.isnan(factor(m)).all() == (v != -1.0 or np.linalg.eigvalsh(m)[0] <= 0), (i, j, v)
        assert np.isnan(cholesky_or_nan(m)).all() == np.isnan(factor(m)).all()
    assert np.isnan(factor(np.zeros((n, n)))).all()
    upper = h.copy()
    upper[np.triu_indices(n, 1)] = np.nan  # is not read
    assert np.array_equal(factor(upper), factor(h))


@pytest.mark.parametrize("n", [1, 2, 3, 6, 17, 60])
def test_errors_are_those_of_numpy(n):
    _, h, b, _ = matrices(n)
    for f, bad in (
        (np.linalg.cholesky, -h),
        (lambda m: np.linalg.solve(m, b), np.zeros((n, n))),
        (np.linalg.inv, np.zeros((n, n))),
    ):
        compiled = cauchy.compile(f)
        compiled(h)
        for _ in range(2):
            with pytest.raises(np.linalg.LinAlgError):
                compiled(bad)
        assert np.allclose(compiled(h), f(h), rtol=1e-10, atol=1e-12)
    substitute = cauchy.compile(lambda m: solve_triangular(m, b))
    with pytest.raises(np.linalg.LinAlgError):
        substitute(np.zeros((n, n)))
    assert cauchy.compile(np.linalg.det)(np.ones((n, n))) == (n == 1)


@pytest.mark.parametrize("n", [2, 6, 17, 60])
def test_nan_reaches_the_result(n):
    a, _, b, _ = matrices(n)
    b[n - 1] = np.nan
    (x,) = run(lambda a, b: (np.linalg.solve(a, b),), a, b)
    assert np.isnan(x).all()
    a[n - 1, n - 1] = np.nan
    (d,) = run(lambda a: (np.linalg.det(a),), a, at=(np.eye(n),))
    assert np.isnan(d)


@pytest.mark.parametrize("n", [0, 2, 6, 40])
def test_stacks_and_transposed_arguments(n):
    rng = np.random.default_rng(n)
    stack, columns = rng.normal(size=(2, 1, n, n)), rng.normal(size=(3, n, 2))

    def f(stack, columns):
        h = stack @ np.swapaxes(stack, -1, -2) + np.eye(n)
        low = P.cholesky_or_nan(h)
        return (
            np.linalg.solve(stack, columns),
            np.linalg.inv(np.swapaxes(stack, -1, -2)),
            np.linalg.det(stack),
            low,
            solve_triangular(low[0, 0].T, columns[0][::-1], lower=False),
            np.linalg.solve(stack[0, 0], columns[:, :, 0].T),
        )

    kernel = Kernel(cauchy.trace(f, stack, columns))
    assert not kernel.program.values
    status, found = kernel.run((stack, columns))
    assert status == 0
    for got, want in zip(found, cauchy.trace(f, stack, columns).run(stack, columns), strict=True):
        assert got.shape == want.shape
        assert np.allclose(got, want, rtol=1e-9, atol=1e-10)
    mixed = np.array([np.eye(n) if k else -np.eye(n) for k in range(3)])
    (low,) = Kernel(cauchy.trace(P.cholesky_or_nan, mixed)).run((mixed,))[1]
    assert np.isnan(low[0]).all()
    assert np.array_equal(low[1:], mixed[1:])


def test_views_go_into_the_compiled_call():
    a = np.random.default_rng(0).normal(size=(20, 20))
    f = cauchy.compile(np.linalg.solve)
    for m in (a[:6, :6], a[::2, ::2], a.T[3:9, 3:9], a[::-1][:5, 4:9]):
        b = a[0, : len(m)]
        assert np.allclose(f(m, b), np.linalg.solve(m, b), rtol=1e-10)


# -- searches ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "i4", "u1", "?"])
def test_the_first_of_the_largest(dtype):
    rng = np.random.default_rng(5)
    for shape in ((5,), (1000,), (3, 40), (2, 50, 3)):
        x = rng.integers(0, 9, size=shape).astype(dtype)
        cases = [x]
        if x.dtype.kind == "f":
            holes = x.copy()
            holes.flat[rng.integers(0, x.size, size=3)] = np.nan, np.inf, -np.inf
            cases += [-x, np.full_like(x, np.nan), np.full_like(x, -np.inf), holes]
        for axis in (None, 0, -1):

            def f(x, axis=axis):
                return np.argmax(x, axis=axis), np.argmin(x, axis=axis, keepdims=True)

            kernel = Kernel(cauchy.trace(f, x))
            assert not kernel.program.values
            for case in cases:
                status, found = kernel.run((case,))
                assert status == 0
                for got, want in zip(found, f(case), strict=True):
                    assert np.array_equal(got, want), (shape, axis, case)
                    assert np.asarray(got).dtype == np.asarray(want).dtype


# -- inside loops and branches -----------------------------------------------------------------------------


def native(f, *args):
    """What the compiled function gives; nothing of it is run by NumPy."""
    compiled = cauchy.compile(f)
    compiled(*args)
    text = compiled.explain()
    assert "rolled" in text
    assert "NumPy:" not in text, text
    return compiled(*args)


def agree(got, want, tolerance=1e-8):
    for x, y in zip(got, want, strict=True):
        assert np.allclose(x, y, rtol=tolerance, atol=tolerance)


def rosen(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


@pytest.mark.parametrize("n", [2, 6, 12, 60])
def test_newton_with_a_shift_that_is_found(n):
    """A factor that fails sends the round into the other branch."""
    value_and_grad = cauchy.calculus.differentiate.value_and_grad(rosen)
    hessian = cauchy.calculus.differentiate.hessian(rosen)

    def step(i, s):
        x, shift, _, k, failed = s
        _, g = value_and_grad(x)
        low = cholesky_or_nan(hessian(x) + shift * np.eye(n))

        def down(x, shift, low, g, failed):
            return x - solve_factored(low, g), np.where(shift < 1e-6, 0.0, shift / 4), failed

        def up(x, shift, low, g, failed):
            return x, 4 * shift + 1e-2, failed + 1

        x, shift, failed = cauchy.cond(np.isfinite(low[0, 0]), down, up, x, shift, low, g, failed)
        return x, shift, np.abs(g).max(), k + 1, failed

    def solve(x):
        return cauchy.loop(step, (x, 0.0, np.inf, 0, 0), while_=lambda s: (s[2] > 1e-10) & (s[3] < 300))

    x0 = np.tile([0.0, 2.0], n // 2)
    x, _, size, rounds, failed = native(solve, x0)
    assert size <= 1e-10
    assert rounds < 300
    assert failed > 0
    if n == 2:
        assert np.allclose(x, 1.0, atol=1e-9)


@pytest.mark.parametrize("n", [3, 9, 60])
def test_systems_in_a_scan(n):
    _, h, b, _ = matrices(n)

    def body(s, x):
        y = np.linalg.solve(h + x * np.eye(n), s)
        w, v = np.linalg.eigh(h + np.outer(y, y))
        return y + v[:, -1] * np.sign(v[0, -1]), np.linalg.slogdet(h + x)[1] + w[0]

    f = lambda b: cauchy.scan(body, b, np.linspace(0.0, 1.0, 5))
    agree(native(f, b), f(b))


@pytest.mark.parametrize("n", [6, 300])
def test_selection_by_argmax_in_a_loop(n):
    """Coordinate by coordinate, always the one of the largest gradient: Gauss-Southwell."""
    rng = np.random.default_rng(n)
    m = rng.normal(size=(n, n)) / np.sqrt(n)
    q, b = m @ m.T + np.eye(n), rng.normal(size=n)

    def step(i, s):
        x, g, *_ = s
        k = np.argmax(np.abs(g))
        t = g[k] / q[k, k]
        x = x.copy()
        x[k] = x[k] - t
        g = g - t * q[k]
        return x, g, k, np.argmin(np.where(g > 0, np.inf, g))

    f = lambda b: cauchy.loop(step, (np.zeros(n), -b, 0, 0), 50)
    got, want = native(f, b), f(b)
    assert got[2:] == want[2:]
    agree(got[:2], want[:2])


# -- state that a round leaves as it is ----------------------------------------------------------------------

BIG = 2000  # numbers of a state that is not copied


def walk(rule, times=None):
    """A loop whose state (two arrays, a number) `rule(i, a, b, c)` changes, up to a limit of the number."""
    return lambda limit, a, b: cauchy.loop(
        lambda i, s: rule(s[2], *s), (a, b, 0.0), times, while_=lambda s: s[2] < limit
    )


def either(i, a, b, c):
    return cauchy.cond(i % 3.0 < 1.0, lambda a, b: (a, b + a, c + 1.0), lambda a, b: (a * 0.5 + b, b, c + 1.0), a, b)


def swapped(i, a, b, c):
    return cauchy.cond(i % 3.0 < 1.0, lambda a, b: (b, a, c + 1.0), lambda a, b: (a + 1.0, b, c + 1.0), a, b)


def nested(i, a, b, c):
    def inner(a, b):
        return cauchy.cond(i % 2.0 < 1.0, lambda a, b: (a, b - a, c + 1.0), lambda a, b: (a, b, c + 1.0), a, b)

    return cauchy.cond(i % 5.0 < 3.0, inner, lambda a, b: (np.sin(a) + b, b, c + 1.0), a, b)


def read_again(i, a, b, c):
    """What a branch gives is used once more: it must be there."""
    a, b, c = either(i, a, b, c)
    return a, b + 1e-3 * a.sum(), c


def always(i, a, b, c):
    return a, np.cos(b), c + 1.0


def twice(i, a, b, c):
    a, b, c = either(i, a, b, c)
    return a, a, c


@pytest.mark.parametrize("times", [None, 9])  # a scan, where the state also stays as it is once the loop is over
@pytest.mark.parametrize("rule", [either, swapped, nested, read_again, always, twice])
def test_state_that_a_branch_leaves_as_it_is(rule, times):
    a, b = np.random.default_rng(1).normal(size=(2, BIG))
    f, compiled = walk(rule), cauchy.compile(walk(rule, times))
    for limit in (7.0, 0.0, 1.0, 2.0):
        agree(compiled(limit, a, b), f(limit, a, b), 1e-12)
    assert "NumPy:" not in compiled.explain()


def test_unchanged_state_is_not_written():
    f = cauchy.compile(walk(either))
    a = np.ones(BIG)
    f(6.0, a, a)
    _, sides = f.explain().split("rolled cond")
    assert sides.count(f"store float64[{BIG}]") == 2  # one array on each side


def test_numpy_reads_what_a_loop_left_in_an_output():
    def f(a):
        x = cauchy.loop(lambda i, x: np.linalg.solve(a, x), a + 1.0, 2)
        return x, np.linalg.svd(x)[1], np.linalg.eigvalsh(x.T @ x)

    a = matrices(4)[1]
    kernel = Kernel(cauchy.trace(f, a))
    assert kernel.program.values
    agree(kernel.run((a,))[1], f(a))
