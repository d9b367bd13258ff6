"""Sparse derivatives are the dense ones, in few passes, for every primitive and every shape of pattern."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from laws.samples import PARAMS, STRUCTURAL, Sample, points
from scipy.sparse import csr_array, random_array

import cauchy
from cauchy import ops as P
from cauchy.calculus import differentiate
from cauchy.calculus.coloring import color, transposed, valid
from cauchy.calculus.sparse import Sparse, sparse_hessian, sparse_jacobian
from cauchy.calculus.weave import weave, woven
from cauchy.errors import ShapeError, TraceError
from cauchy.graph import Primitive
from cauchy.read.pattern.rows import tidy
from cauchy.tracer import as_array, recording

rng = np.random.default_rng(7)


def dense(f: Callable[..., Any], args: tuple[Any, ...], argnums: tuple[int, ...], mode: Any = None) -> np.ndarray:
    """The dense Jacobian as one matrix: entries of the value by entries of the arguments."""
    sizes = [np.size(n.value) for n in cauchy.trace(f, *args).outputs]
    blocks = differentiate.jacobian(f, argnums, mode=mode)(*args)
    rows = [
        [np.reshape(b, (m, np.size(args[i]))) for i, b in zip(argnums, row, strict=True)]
        for m, row in zip(sizes, blocks if isinstance(blocks[0], tuple) else (blocks,), strict=True)
    ]
    return np.concatenate([np.concatenate(r, axis=1) for r in rows])


def passes(f: Callable[..., Any], *args: Any, argnums: Any = 0, mode: Any = None, hessian: bool = False) -> Any:
    """How many forward and reverse passes."""
    with recording():
        return Sparse(f, argnums, mode, hessian).traced(*args)[1].passes


def agree(f: Callable[..., Any], args: tuple[Any, ...], argnums: tuple[int, ...] = (0,), mode: Any = None) -> csr_array:
    """The sparse Jacobian is the dense one, and well formed."""
    found, wanted = sparse_jacobian(f, argnums, mode=mode)(*args), dense(f, args, argnums, mode)
    assert type(found) is csr_array
    assert found.shape == wanted.shape
    assert found.has_canonical_format
    np.testing.assert_allclose(found.toarray(), wanted, rtol=1e-9, atol=1e-11)
    return found


def agree_hessian(f: Callable[..., Any], x: np.ndarray) -> csr_array:
    found, wanted = sparse_hessian(f)(x), differentiate.hessian(f)(x).reshape(x.size, x.size)
    assert found.shape == wanted.shape
    assert found.has_canonical_format
    np.testing.assert_allclose(found.toarray(), wanted, rtol=1e-9, atol=1e-11)
    assert (found.toarray() == found.toarray().T).all()
    return found


# -- the law: every dependence is in the pattern -------------------------------------------------------

ELEMENTWISE = [(p, how) for p in P.ALL if p.domain for how in PARAMS.get(p.name, [{}])]
CASES = [(P.BY_NAME[name], s) for name, samples in STRUCTURAL.items() for s in samples if s.wrt]


@pytest.mark.parametrize(("p", "how"), ELEMENTWISE, ids=lambda v: getattr(v, "name", None))
def test_an_elementwise_jacobian_is_diagonal(p: Primitive, how: dict[str, Any]) -> None:
    xs = points(p, 5)
    wrt = tuple(i for i, x in enumerate(xs) if x.dtype.kind == "f")
    found = agree(lambda *a: p(*a, **how), tuple(xs), wrt)
    assert found.nnz <= 5 * len(wrt)
    assert sum(passes(lambda *a: p(*a, **how), *xs, argnums=wrt)) <= 1


@pytest.mark.parametrize(("p", "how"), CASES, ids=lambda v: getattr(v, "name", None))
def test_a_structural_jacobian_is_the_dense_one(p: Primitive, how: Sample) -> None:
    # nearly all would do without the products: those hide no dependence behind a read
    agree(lambda *a: p(*[x * 1.0 if i in how.wrt else x for i, x in enumerate(a)], **how.params), how.args, how.wrt)
    agree(lambda *a: p(*a, **how.params), how.args, how.wrt)


def test_a_constant_factor_is_looked_at() -> None:
    a = np.diag(np.arange(1.0, 7.0)) + np.diag(np.ones(4), 2)
    x, m = rng.normal(size=6), rng.normal(size=(6, 3))
    assert agree(lambda x: a @ x**2, (x,)).nnz == 10
    assert agree(lambda x: np.sin(x) @ a, (x,)).nnz == 10
    assert agree(lambda x: np.dot(x**2, a), (x,)).nnz == 10
    assert agree(lambda m: a @ m**2, (m,)).nnz == 30
    assert agree(lambda m: np.einsum("ij,jk->ki", a, m**2), (m,)).nnz == 30
    assert agree(lambda x: np.convolve(x**2, [1.0, 0.0, 2.0]), (x,)).nnz == 18
    a[0, 5] = 3.0  # the pattern was that of the old content
    assert agree(lambda x: a @ x**2, (x,)).nnz == 11


def test_what_has_no_derivative_has_no_entries() -> None:
    x = rng.normal(size=5)
    assert agree(lambda x: np.floor(x) + (x > 0) + cauchy.stop_gradient(x), (x,)).nnz == 0
    assert agree(lambda x: np.where(x > 0, 1.0, 2.0) * np.ones(5), (x,)).nnz == 0
    assert agree(np.argsort, (x,)).nnz == 0


# -- patterns of applications, and how many passes they take --------------------------------------------

CAMERAS, POINTS, SEEN = 6, 25, 80
of_camera, of_point = rng.integers(0, CAMERAS, SEEN), rng.integers(0, POINTS, SEEN)


def reprojection(cameras: np.ndarray, points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Bundle adjustment: cameras and points are read by index."""
    c, x = cameras[of_camera], points[of_point] - cameras[of_camera, 3:6]
    turned = x + np.cross(c[:, :3], x)
    flat = turned[:, :2] / (turned[:, 2:] + 9.0)
    r = np.sum(flat**2, axis=1)[:, None]
    seen = c[:, 6:7] * flat * (1 + c[:, 9:10] * r + c[:, 10:] * r**2) + c[:, 7:9]
    return np.concatenate([(seen * weights[:, None]).ravel(), 1 - weights**2])


def rosenbrock(x: np.ndarray) -> Any:
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def residuals(x: np.ndarray) -> np.ndarray:
    return np.concatenate([10 * (x[1:] - x[:-1] ** 2), 1 - x[:-1]])


def laplace(u: np.ndarray) -> np.ndarray:
    """Five points, nonlinear."""
    v = np.pad(u, 1)
    return np.exp(u) * (v[2:, 1:-1] + v[:-2, 1:-1] + v[1:-1, 2:] + v[1:-1, :-2] - 4 * u) + u**3


def energy(u: np.ndarray) -> Any:
    return np.sum(np.cosh(u[1:] - u[:-1])) + np.sum((u[:, 1:] - u[:, :-1]) ** 4) + np.sum(u**2)


def test_bundle_adjustment_takes_two_reverse_passes() -> None:
    args = rng.normal(size=(CAMERAS, 11)), rng.normal(size=(POINTS, 3)), rng.normal(size=SEEN)
    found = agree(reprojection, args, (0, 1, 2))
    assert found.nnz == 2 * SEEN * 14 + SEEN  # of the principal point, each component reads its own
    assert passes(reprojection, *args, argnums=(0, 1, 2)) == (0, 2)
    assert sum(passes(reprojection, *args, argnums=(0, 1, 2), mode="forward")) == 14
    agree(reprojection, args, (0, 1, 2), "forward")
    agree(reprojection, args, (1,))


def test_chains_take_a_pass_for_each_read() -> None:
    x = rng.normal(size=40)
    agree(residuals, (x,))
    assert sum(passes(residuals, x)) == 2
    assert agree_hessian(rosenbrock, x).nnz == 3 * 40 - 2
    assert sum(passes(rosenbrock, x, hessian=True)) == 2
    smoothed = lambda x: np.convolve(np.tanh(x), [1.0, -2.0, 1.0], "valid") * x[1:-1]
    agree(smoothed, (x,))
    assert sum(passes(smoothed, x)) == 3


def test_a_stencil_takes_at_most_seven_passes() -> None:
    u = rng.normal(size=(7, 9))
    assert agree(laplace, (u,)).nnz == 7 * 9 * 5 - 2 * (7 + 9)
    assert sum(passes(laplace, u)) == 1
    assert 5 <= sum(passes(laplace, u, mode="forward")) <= 7
    agree(laplace, (u,), mode="forward")
    rolled = lambda u: u * sum(np.roll(np.tanh(u), k, axis) for k in (1, -1) for axis in (0, 1))
    agree(rolled, (u,))
    assert sum(passes(rolled, u)) <= 9
    agree_hessian(energy, u)
    assert sum(passes(energy, u, hessian=True)) <= 7


def test_full_rows_and_columns_are_computed_apart() -> None:
    x = rng.normal(size=30)
    arrow = lambda x: np.concatenate([np.sum(x**2)[None], x[0] * np.sin(x[1:])])
    agree(arrow, (x,))
    assert sum(passes(arrow, x)) <= 3
    agree_hessian(lambda x: x[0] * np.sum(x[1:] ** 2) + x[0] ** 3, x)
    assert sum(passes(lambda x: x[0] * np.sum(x[1:] ** 2), x, hessian=True)) <= 3
    line = lambda p, t: p[0] + p[1] * t + np.sin(t)
    agree(line, (rng.normal(size=2), x), (0, 1))
    assert sum(passes(line, rng.normal(size=2), x, argnums=(0, 1))) <= 3


def test_loops_are_read_as_they_run() -> None:
    def walk(x: np.ndarray) -> np.ndarray:
        z = np.zeros_like(x)
        for i in range(1, len(x) - 1):
            z[i] = x[i - 1] * x[i + 1] + np.sin(x[i])
        z[2] += z[1]
        return z

    agree(walk, (rng.normal(size=12),))
    assert sum(passes(walk, rng.normal(size=12))) <= 5


def test_bodies_are_read_to_their_fixed_point() -> None:
    x = np.array([1.5, -0.4, 0.8, 2.0, 1.1, -1.7])  # c[::-1] * x grows: the loop below ends
    shift = lambda x: cauchy.scan(lambda c, t: (np.roll(c, 1) * t, c[0] + t), x, x[:3])
    agree(shift, (x,))
    apart = lambda x: cauchy.loop(lambda i, c: np.sin(c) + x, x, 4)
    assert agree(apart, (x,)).nnz == 6
    agree(lambda x: cauchy.loop(lambda i, c: c[::-1] * x, x, while_=lambda c: np.sum(c**2) < 9), (x,), mode="forward")
    agree(lambda x: cauchy.cond(x[0] > 0, lambda v: v[::-1] ** 2, lambda v: v**3, x), (x,))
    table = np.array([2, 0, 1])
    agree(lambda x: cauchy.loop(lambda i, c: np.concatenate([c[:3][table] * c[3:], c[:3]]), x, 2), (x,))


def test_a_derivative_of_the_users_own_is_dense() -> None:
    @cauchy.custom_derivative
    def odd(x: Any) -> Any:
        return x**3

    odd.defvjp(lambda v, y, x: (3 * v * x**2,))
    x = rng.normal(size=4)
    assert agree(lambda x: odd(x[::-1]), (x,), mode="reverse").nnz == 16
    mine = cauchy.custom_derivative(lambda x: x[0] * x[1])
    mine.defvjp(lambda v, y, x: (v * np.stack([x[1], 0 * x[0]]),))  # not the derivative, but the user's
    f = lambda x: np.sum(mine(x))
    np.testing.assert_array_equal(sparse_hessian(f)(x[:2]).toarray(), differentiate.hessian(f)(x[:2]))


# -- random functions -----------------------------------------------------------------------------------


@st.composite
def programs(draw: st.DrawFn) -> Callable[[np.ndarray], Any]:
    """Functions of a vector of 8 that read, mix and rearrange."""
    n = 8
    index = st.lists(st.integers(-n, n - 1), min_size=n, max_size=n).map(np.array)
    steps: list[Callable[[Any, Any], Any]] = []
    for _ in range(draw(st.integers(1, 5))):
        k, i = draw(st.integers(0, 10)), draw(index)
        j = int(i[0]) % n
        steps.append(
            [
                lambda v, x, i=i: v[i] * x,
                lambda v, x: np.sin(v) + np.roll(x, 1),
                lambda v, x, j=j: np.concatenate([v[j:], x[:j]]),
                lambda v, x, i=i: np.where(i > 0, v, x[i] ** 2),
                lambda v, x: (v.reshape(4, 2).T * x.reshape(2, 4)).ravel(),
                lambda v, x, j=j: v + x[j],
                lambda v, x: v * np.cos(v) + np.flip(x),
                lambda v, x, i=i: _added(v, i, x),
                lambda v, x, i=i: _put(v, np.unique(i % n), x),
                lambda v, x, j=j: v * np.sum(np.reshape(x * x, (2, 4)), axis=0)[j % 4],
                lambda v, x: np.convolve(v, [1.0, -1.0], "same") * np.maximum(v, x),
            ][k]
        )

    def f(x: np.ndarray) -> Any:
        v = x
        for step in steps:
            v = step(v, x)
        return v

    return f


def _added(v: Any, i: np.ndarray, x: Any) -> Any:
    out = v.copy()
    np.add.at(out, i, np.tanh(x))
    return out


def _put(v: Any, i: np.ndarray, x: Any) -> Any:
    out = v.copy()
    out[i] = x[: len(i)]
    return out


BACKENDS = st.sampled_from(["value", "value", "value", "native"])


def run_by(backend: str, f: Callable[..., Any], x: np.ndarray) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAUCHY_BACKEND", backend)
        return f(x)


@settings(max_examples=60, deadline=None)
@given(programs(), st.sampled_from([None, "forward", "reverse"]), BACKENDS, st.integers(0, 2**31))
def test_random_functions_agree_with_the_dense_jacobian(f: Any, mode: Any, backend: str, seed: int) -> None:
    x = np.random.default_rng(seed).uniform(-1.5, 1.5, 8)
    found, wanted = run_by(backend, sparse_jacobian(f, mode=mode), x).toarray(), differentiate.jacobian(f)(x)
    np.testing.assert_allclose(found, wanted, rtol=1e-8, atol=1e-8 * (1 + np.abs(wanted).max()))


@settings(max_examples=30, deadline=None)
@given(programs(), BACKENDS, st.integers(0, 2**31))
def test_random_functions_agree_with_the_dense_hessian(f: Any, backend: str, seed: int) -> None:
    x = np.random.default_rng(seed).uniform(-1.5, 1.5, 8)
    g = lambda x: np.sum(np.sin(f(x)) * x)
    found, wanted = run_by(backend, sparse_hessian(g), x).toarray(), differentiate.hessian(g)(x)
    np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=1e-7 * (1 + np.abs(wanted).max()))
    assert (found == found.T).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 9), st.integers(0, 9), st.floats(0, 1), st.integers(0, 2**31), st.booleans())
def test_a_coloring_separates(m: int, n: int, density: float, seed: int, full: bool) -> None:
    p = random_array((m, n), density=density, rng=np.random.default_rng(seed), format="lil", dtype=float)
    if full and m and n:
        p[0, :] = 1
    p = tidy(csr_array(p.astype(bool)))
    found = color(p)
    rows, columns = np.repeat(np.arange(m), np.diff(p.indptr)), p.indices
    back = found.by_reverse(rows, columns)
    for mine, colors in ((~back, found.forward[columns]), (back, found.reverse[rows])):
        assert (colors[mine] >= 0).all()
    # in its pass an entry stands alone: in a row one column of a color, in a column one row
    for i, j, b in zip(rows, columns, back, strict=True):
        if b:
            assert np.sum(found.reverse[rows[columns == j]] == found.reverse[i]) == 1
        else:
            assert np.sum(found.forward[columns[rows == i]] == found.forward[j]) == 1
    assert sum(found.passes) <= min(m, n)


def test_large_irregular_patterns_are_colored_in_rounds() -> None:
    n = 60_000
    of = np.random.default_rng(3).integers(0, n, (n, 6))
    p = csr_array((np.ones(of.size, bool), of.ravel(), np.arange(0, of.size + 1, 6)), shape=(n, n))
    p.sum_duplicates()
    p = tidy(p)
    found = color(p, reverse=False)
    assert valid(p, found.forward)
    assert sum(found.passes) <= 25
    bad = found.forward.copy()
    bad[p.indices[p.indptr[0] : p.indptr[1]]] = 0
    assert not valid(p, bad)
    assert valid(transposed(p), color(p, forward=False).reverse)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 90), st.lists(st.tuples(st.integers(0, 9), st.integers(-3, 3)), min_size=1, max_size=4)
        ),
        min_size=1,
        max_size=5,
    ),
    st.integers(0, 2**31),
)
def test_an_order_is_read_by_slices_where_it_is_regular(runs: Any, seed: int) -> None:
    index = np.concatenate(
        [np.stack([a + (s < 0) * -s * m + s * np.arange(m) for a, s in columns], axis=1).ravel() for m, columns in runs]
    )
    vectors = [np.random.default_rng(seed).normal(size=n) for n in (40, 300, 1)]
    order = weave(index, [40, 300, 1])
    with recording():
        found = woven([as_array(v) for v in vectors], order).value
    np.testing.assert_array_equal(found, np.concatenate(vectors)[index])


def test_reads_move_in_front_of_elementwise_operations() -> None:
    k, of = np.arange(3.0), np.array([2, 0, 1, 1])

    def f(a: Any, b: Any) -> Any:
        d = np.exp(a[of] * k - b) / 2  # read in three columns, and nowhere else
        return d[:, 0] * d[:, 1] - d[:, 2]

    args = rng.normal(size=(3, 3)), rng.normal(size=(4, 1))
    agree(f, args, (0, 1))
    graph = cauchy.trace(lambda *x: Sparse(f, (0, 1), "reverse", False).traced(*x)[0], *args)
    assert not any(n.prim is P.scatter_add for n in graph.nodes)

    def twice(x: Any) -> Any:
        d = np.tanh(x)
        return d[1:] * d[:-1]  # each tanh is computed once

    graph = cauchy.trace(lambda x: Sparse(twice, 0, None, False).traced(x)[0], np.ones(9))
    assert sum(n.prim is P.tanh for n in graph.nodes) == 1
    agree(twice, (rng.normal(size=9),))


def test_chains_and_blocks_need_no_index_arrays() -> None:
    x = rng.normal(size=300)
    agree(residuals, (x,))
    agree_hessian(rosenbrock, x)
    for f, hessian in ((residuals, False), (rosenbrock, True)):
        sparse = Sparse(f, 0, None, hessian)
        sparse.nonzeros(x)
        plan = sparse.second.kept[0][-1]
        assert not any(isinstance(order, np.ndarray) and order.size for order in (plan.first, plan.rest, plan.onto))
        assert not isinstance(plan.mirror, np.ndarray)


# -- edges ----------------------------------------------------------------------------------------------


def test_empty_and_single() -> None:
    assert agree(lambda x: x**2, (np.zeros(0),)).shape == (0, 0)
    assert agree(lambda x: x[:0] ** 2, (rng.normal(size=3),)).shape == (0, 3)
    assert agree(lambda x: np.sum(x**2), (np.zeros(0),)).shape == (1, 0)
    assert agree(lambda x: x**2, (3.0,)).toarray() == [[6.0]]
    assert agree(lambda x: np.ones(2), (rng.normal(size=3),)).nnz == 0
    assert agree(lambda x: x, (rng.normal(size=3),)).nnz == 3
    assert agree(lambda x: np.concatenate([x, x])[::-1], (rng.normal(size=3),)).nnz == 6
    assert sparse_jacobian(lambda x, k: (k, x * k))(np.ones(2), np.ones(2)).toarray().tolist() == [
        [0, 0],
        [0, 0],
        [1, 0],
        [0, 1],
    ]
    assert sparse_hessian(lambda x: 2 * x)(1.0).toarray().tolist() == [[0.0]]
    assert sparse_hessian(np.sum)(np.ones(3)).nnz == 0
    assert sparse_hessian(np.argmax)(np.ones(3)).nnz == 0


def test_float32_and_trees() -> None:
    assert sparse_jacobian(lambda x: x**2)(np.ones(3, np.float32)).dtype == np.float32
    tree = {"a": rng.normal(size=2), "b": [rng.normal(size=(2, 2))]}
    found = sparse_jacobian(lambda t: (t["a"] ** 2, t["b"][0] @ t["a"]))(tree)
    flat = lambda v: (v[:2] ** 2, v[2:].reshape(2, 2) @ v[:2])
    wanted = dense(flat, (np.concatenate([tree["a"], tree["b"][0].ravel()]),), (0,))
    np.testing.assert_allclose(found.toarray(), wanted)
    both = sparse_hessian(lambda a, b: np.sum(a * b), (0, 1))(np.ones(2), np.ones(2))
    assert both.toarray().tolist() == [[0, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0], [0, 1, 0, 0]]


def test_a_plan_serves_again_and_only_where_it_holds() -> None:
    idx = np.array([0, 1, 2])
    sparse = Sparse(lambda x, k: x[idx] ** 2 if k > 0 else x[::-1] ** 3, 0, None, False)
    for k in (1, -1):
        for x in rng.normal(size=(2, 3)):
            np.testing.assert_allclose(
                sparse(x, k).toarray(), np.diag(2 * x) if k > 0 else np.diag(3 * x**2)[:, ::-1].T
            )
    assert len(sparse.second.kept) == 2
    idx[:] = [2, 1, 0]
    np.testing.assert_allclose(sparse(np.arange(3.0), 1).toarray(), np.diag([0.0, 2.0, 4.0])[::-1])
    assert len(sparse.second.kept) == 3


def test_values_that_decide_a_pattern_are_guards() -> None:
    f = lambda x: np.sort(x) ** 2
    values = lambda x: Sparse(f, 0, None, False).traced(x)[0]
    graph = cauchy.trace(values, np.array([1.0, 3.0, 2.0]))
    assert graph.run(np.array([1.0, 5.0, 4.0])).tolist() == [2.0, 8.0, 10.0]
    with pytest.raises(cauchy.CauchyError, match="traced where"):
        graph.run(np.array([5.0, 1.0, 4.0]))


def test_results_share_their_structure_read_only() -> None:
    f = sparse_jacobian(lambda x: x[1:] * x[:-1])
    a, b = f(np.ones(4)), f(np.zeros(4))
    assert np.shares_memory(a.indices, b.indices)
    assert not a.indices.flags.writeable
    assert a.copy().indices.flags.writeable
    a.data[:] = 7.0
    assert f(np.ones(4)).data.tolist() == [1.0] * 6


def test_refusals() -> None:
    with pytest.raises(TraceError, match="inside a traced function"):
        cauchy.grad(lambda x: np.sum(sparse_jacobian(np.sin)(x).data))(np.ones(2))
    with pytest.raises(ShapeError, match="one number"):
        sparse_hessian(lambda x: x**2)(np.ones(3))
    with pytest.raises(ShapeError, match="100,000,000"):
        sparse_jacobian(lambda x: x * np.sum(x**2))(np.ones(20_000))
    with pytest.raises(ValueError, match="mode"):
        sparse_jacobian(np.sin, mode="sideways")  # pyright: ignore[reportArgumentType]
    with pytest.raises(TraceError, match="dtype"):
        sparse_jacobian(np.sin)(np.array(["a"]))
    assert np.isnan(sparse_jacobian(lambda x: x**2)(np.array([np.nan, 1.0])).toarray()[0, 0])


# -- size -----------------------------------------------------------------------------------------------

LARGE = """
import resource, sys, time
import numpy as np
from cauchy.calculus.sparse import sparse_hessian
x = np.random.default_rng(0).normal(size=1_000_000)
f = sparse_hessian(lambda x: np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2))
start = time.perf_counter()
H = f(x)
assert H.nnz == 2_999_998
d = np.zeros(1_000_000)
d[:-1] += 1200 * x[:-1] ** 2 - 400 * x[1:] + 2
d[1:] += 200
assert np.allclose(H.diagonal(), d)
assert np.array_equal(H.diagonal(1), -400 * x[:-1])
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
"""


@pytest.mark.sweep
def test_a_million_unknowns_take_seconds_and_less_than_two_gigabytes() -> None:
    out = subprocess.run([sys.executable, "-c", LARGE], capture_output=True, text=True, check=True, timeout=120)
    seconds, gigabytes = map(float, out.stdout.split())
    assert seconds < 30
    assert gigabytes < 2
