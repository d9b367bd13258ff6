"""Loops and branches in the graph: they compute what Python's do, and so do their derivatives."""

import gc
import math
import tracemalloc
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import cauchy
from cauchy import Graph, Refused, ShapeError, TraceError
from cauchy.calculus import differentiate
from cauchy.read.derive import control
from cauchy.read.derive.merge import merge_scans

RNG = np.random.default_rng(5)
W = RNG.normal(size=(3, 3)) / 2
HERE = __file__


def python_scan(body, init, xs, length=None, *, reverse=False):
    """What scan means."""
    length = len(xs) if length is None else length
    ys = [None] * length
    carry = init
    for i in reversed(range(length)) if reverse else range(length):
        carry, ys[i] = body(carry, None if xs is None else xs[i])
    return carry, np.stack(ys) if length else np.zeros((0,))


def cell(w, s, x):
    """One round of a small recurrent network: a new state, and an output."""
    return np.tanh(W @ s * w + x) + 0.1 * s[0] * x, np.sum(s * x) * w


def network(scan, X, reverse=False):
    def f(w):
        end, ys = scan(lambda s, x: cell(w, s, x), np.ones(3) * w, X, reverse=reverse)
        return np.sum(end**2) + np.sum(np.cos(ys))

    return f


@pytest.fixture(params=["stored", "stretches"])
def residuals(request, monkeypatch):
    """Both ways to go back: all residuals stored, and none that need not be."""
    if request.param == "stretches":
        monkeypatch.setattr(control, "KEPT", 0)


LENGTHS = [0, 1, 2, 7, 9, 16]


# -- values ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", [*LENGTHS, 1000])
def test_a_scan_has_the_bits_of_the_python_loop(length, reverse):
    X = RNG.normal(size=(length, 3))
    step = lambda s, x: cell(0.7, s, x)
    got, wanted = (f(step, np.ones(3), X, reverse=reverse) for f in (cauchy.scan, python_scan))
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(a, b, strict=True)
    graph = cauchy.trace(network(cauchy.scan, X, reverse), 0.7)
    f = network(python_scan, X, reverse)
    assert graph.run(0.7) == f(0.7)
    assert graph.run(-1.3) == f(-1.3)
    assert len(graph.nodes) < 20


def test_a_graph_with_loops_is_data(tmp_path):
    def f(x):
        inner = lambda i, s: cauchy.cond(s > 1, lambda s: s / 2, lambda s: s + x, s)
        return cauchy.scan(lambda s, k: (cauchy.loop(inner, s, 3), s * k), x, np.arange(4.0))[1]

    graph = cauchy.trace(f, 0.3)
    graph.save(tmp_path / "g.json")
    again = cauchy.load(tmp_path / "g.json")
    for x in (0.3, 0.9, -2.0):
        np.testing.assert_array_equal(again.run(x), graph.run(x))
        np.testing.assert_array_equal(graph.run(x), f(x))
    assert again == graph
    assert graph != cauchy.trace(lambda x: f(x) * 1.0, 0.3)
    other = cauchy.trace(lambda x: cauchy.scan(lambda s, k: (s + k, s), x, np.arange(4.0))[1], 0.3)
    assert other != cauchy.trace(lambda x: cauchy.scan(lambda s, k: (s - k, s), x, np.arange(4.0))[1], 0.3)
    assert "body(" in str(graph)
    for g in bodies(graph):
        assert all(n.origin is None and n.value is None for n in g.nodes if n.prim.name != "const")
        assert {n for n in g.nodes if n.prim.name == "input"} == set(g.inputs)


def bodies(graph):
    for n in graph.nodes:
        for v in n.params.values():
            if isinstance(v, Graph):
                yield v
                yield from bodies(v)


def test_captured_arrays_are_read_by_pointer():
    table, start, steps = np.ones(3), np.zeros(3), np.ones((2, 3))
    graph = cauchy.trace(lambda x: cauchy.scan(lambda s, k: (s + x * table + k, None), start, steps)[0], 2.0)
    np.testing.assert_array_equal(graph.run(2.0), [6, 6, 6])
    table[:], start[:], steps[:] = 10, 100, 1000
    np.testing.assert_array_equal(graph.run(2.0), np.full(3, 100 + 2 * 1020))


@dataclass
class State:
    position: Any
    speed: Any


def test_trees():
    def body(s, x):
        a = -s.position * x["k"]
        new = State(s.position + 0.1 * s.speed, s.speed + 0.1 * a)
        return new, (new.position, {"energy": new.speed**2 + new.position**2})

    xs = {"k": np.array([1.0, 2.0, 3.0]), "unused": None}
    end, (path, more) = cauchy.scan(body, State(1.0, 0.0), xs)
    s = State(1.0, 0.0)
    for i, k in enumerate(xs["k"]):
        s, (p, e) = body(s, {"k": k})
        assert path[i] == p
        assert more["energy"][i] == e["energy"]
    assert end == s
    assert isinstance(end, State)


def test_an_integer_start_becomes_a_float_where_a_round_makes_it_one():
    end, ys = cauchy.scan(lambda s, x: (s + x, s), 0, np.array([0.5, 0.25]))
    assert end == 0.75
    np.testing.assert_array_equal(ys, [0.0, 0.5], strict=True)
    count = cauchy.loop(lambda i, s: s + i, 0, 5)
    assert count == 10
    assert count.dtype == np.int64
    single = cauchy.loop(lambda i, s: s * np.float32(0.5), np.float32(1), 3)
    assert single.dtype == np.float32
    a, b = cauchy.loop(lambda i, s: (s[1], s[0] + s[1] / 2), (0, 1), 4)
    assert (a, b) == (1.125, 1.8125)  # a becomes a float one round after b


@pytest.mark.parametrize("times", [0, 1, 5])
def test_loops(times):
    wanted = 1.0
    for i in range(times):
        wanted = wanted * 1.5 + i
    assert cauchy.loop(lambda i, s: s * 1.5 + i, 1.0, times) == wanted
    halved = lambda most: cauchy.loop(lambda i, x: x / 2, 1000.0, most, while_=lambda x: x > 1)
    assert halved(times) == 1000.0 / 2**times
    assert halved(None) == halved(50) == 1000.0 / 2**10
    assert cauchy.loop(lambda i, x: x / 2, 0.5, while_=lambda x: x > 1) == 0.5


def test_a_loop_of_unknown_length_ends_anew_at_each_run():
    f = lambda x: cauchy.loop(lambda i, s: (s[0] / 2, i), (x, 0), while_=lambda s: s[0] > 1)
    graph = cauchy.trace(f, 8.0)
    assert [graph.run(x) for x in (8.0, 1000.0, 0.5)] == [(1.0, 2), (1000 / 1024, 9), (0.5, 0)]


def test_only_the_chosen_side_is_computed():
    seen = []

    @cauchy.custom_derivative
    def spy(x):
        seen.append(float(x))
        return x * 10

    graph = cauchy.trace(lambda x: cauchy.cond(x > 0, spy, lambda x: x - 1, x), 2.0)
    seen.clear()
    assert graph.run(-3.0) == -4.0
    assert seen == []
    assert graph.run(3.0) == 30.0
    assert seen == [3.0]


def test_sides_meet_in_one_dtype_and_may_close_over_anything():
    a, b = np.arange(3.0), np.arange(3)
    f = lambda x: cauchy.cond(x > 0, lambda: {"v": a * x}, lambda: {"v": b})["v"]
    graph = cauchy.trace(f, 2.0)
    np.testing.assert_array_equal(graph.run(2.0), a * 2, strict=True)
    np.testing.assert_array_equal(graph.run(-2.0), a, strict=True)
    assert cauchy.cond(True, lambda: 1, lambda: 2) == 1
    x = np.zeros(2)

    def write(v):
        v[0] = 7.0
        return v

    np.testing.assert_array_equal(cauchy.cond(np.True_, write, write, x), [7, 0])
    np.testing.assert_array_equal(cauchy.grad(lambda t: np.sum(cauchy.cond(t[0] > 0, write, write, t)))(x), [0, 1])
    np.testing.assert_array_equal(x, [0, 0])


def test_nothing_of_a_side_is_computed_outside_it():
    """Equal operations in both sides, and behind them, are not shared with a side that may not run."""
    graph = cauchy.trace(lambda x: cauchy.cond(x > 1, lambda: np.log(x), lambda: np.log(x) + 1) + np.log(x), 3.0)
    names = [n.prim.name for n in graph.nodes]
    assert names.count("log") == 1
    assert [[n.prim.name for n in g.nodes].count("log") for g in bodies(graph)] == [1, 1]


def test_what_a_body_computes_from_outside_alone_is_computed_once():
    graph = cauchy.trace(lambda x: cauchy.loop(lambda i, s: s + np.exp(x) * s, x, 5), 0.1)
    assert "exp" in [n.prim.name for n in graph.nodes]
    assert all("exp" not in [n.prim.name for n in g.nodes] for g in bodies(graph))


# -- derivatives -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("residuals")
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", LENGTHS)
def test_derivatives_are_those_of_the_unrolled_loop(length, reverse):
    X = RNG.normal(size=(length, 3))
    rolled, unrolled = (network(f, X, reverse) for f in (cauchy.scan, python_scan))
    for of in (
        lambda f, d: d.value_and_grad(f),
        lambda f, d: lambda w: d.jvp(f, (w,), (1.0,)),
        lambda f, d: lambda w: d.hvp(f, (w,), (1.0,)),
        lambda f, d: d.grad(d.grad(f)),
        lambda f, d: d.hessian(f),
    ):
        np.testing.assert_allclose(of(rolled, cauchy)(0.7), of(unrolled, differentiate)(0.7), rtol=1e-11, atol=1e-13)


@pytest.mark.usefixtures("residuals")
def test_single_precision_stays_single():
    def f(scan):
        def loss(s, w, X):
            end, ys = scan(lambda s, x: (np.tanh(s * w + x), s * x), s, X)
            return np.sum(end) + np.sum(ys * ys)

        return loss

    args = [x.astype(np.float32) for x in (RNG.normal(size=3), RNG.normal(size=3), RNG.normal(size=(11, 3)))]
    wanted = differentiate.grad(f(python_scan), (0, 1, 2))(*(x.astype(float) for x in args))
    for d in (differentiate, cauchy):
        for a, b in zip(d.grad(f(cauchy.scan), (0, 1, 2))(*args), wanted, strict=True):
            assert a.dtype == np.float32
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
        moved = d.jvp(f(cauchy.scan), args, args)
        assert [x.dtype for x in moved] == [np.float32] * 2


@pytest.mark.usefixtures("residuals")
@pytest.mark.parametrize("reverse", [False, True])
def test_every_argument_has_its_gradient(reverse):
    def f(scan):
        def loss(init, W, X):
            def body(s, x):
                new = np.tanh(W @ s + x)
                return new, {"a": new[0] * x, "b": s[1]}

            def stacked(s, x):
                s, y = body(s, x)
                return s, np.concatenate([y["a"], np.reshape(y["b"], (1,))])

            if scan is cauchy.scan:
                end, ys = scan(body, init, X, reverse=reverse)
                return np.sum(end) + np.sum(np.sin(ys["a"])) + np.sum(ys["b"] ** 2)
            end, ys = scan(stacked, init, X, reverse=reverse)
            return np.sum(end) + np.sum(np.sin(ys[:, :-1])) + np.sum(ys[:, -1] ** 2)

        return loss

    args = RNG.normal(size=3), W, RNG.normal(size=(11, 3))
    got, wanted = (cauchy.grad(f(s), (0, 1, 2))(*args) for s in (cauchy.scan, python_scan))
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)
    got, wanted = (cauchy.jacobian(f(s), 0, mode="forward")(*args) for s in (cauchy.scan, python_scan))
    np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-14)


@pytest.mark.usefixtures("residuals")
@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_closed_forms(n):
    power = lambda x: cauchy.loop(lambda i, s: s * x, 1.0, n)
    assert math.isclose(cauchy.grad(power)(1.1), n * 1.1 ** (n - 1), rel_tol=1e-13)
    assert math.isclose(cauchy.hessian(power)(1.1), n * (n - 1) * 1.1 ** (n - 2), rel_tol=1e-12)
    # x -> 2x(1-x) is conjugate to squaring: 1 - 2 x_n = (1 - 2x)^(2^n)
    k = min(n, 6)
    logistic = lambda x: cauchy.loop(lambda i, s: 2 * s * (1 - s), x, k)
    for x in (0.001, 0.01):
        assert math.isclose(cauchy.grad(logistic)(x), 2**k * (1 - 2 * x) ** (2**k - 1), rel_tol=1e-10)
    # sum of i x^i, through the counter
    series = lambda x: cauchy.loop(lambda i, s: s + i * x**i, 0.0, n)
    slope = sum(i * i * 0.9 ** (i - 1) for i in range(n))
    assert math.isclose(cauchy.grad(series)(0.9), slope, rel_tol=1e-12, abs_tol=1e-15)
    xs = RNG.normal(size=n)
    sums = lambda x: cauchy.scan(lambda s, v: (s + v, s + v), 0.0, x)[1]
    np.testing.assert_array_equal(cauchy.jacobian(sums, mode="reverse")(xs), np.tril(np.ones((n, n))))
    np.testing.assert_array_equal(cauchy.jacobian(sums, mode="forward")(xs), np.tril(np.ones((n, n))))


@pytest.mark.usefixtures("residuals")
def test_loops_in_loops_and_branches_in_loops():
    def f(loop, cond):
        def inner(i, s):
            return cond(s > 1, lambda s: np.log(s) * w[0], lambda s: s * s + 0.3 + 0.1 * i, s)

        def outer(i, s):
            return np.sin(loop(inner, s, 5) + w[0] * s) * 2

        def g(v):
            nonlocal_w(v)
            return loop(outer, v * 0.9, 9)

        w = [0.0]

        def nonlocal_w(v):
            w[0] = v

        return g

    def python_loop(body, s, n):
        for i in range(n):
            s = body(i, s)
        return s

    rolled, unrolled = f(cauchy.loop, cauchy.cond), f(python_loop, lambda p, a, b, *xs: a(*xs) if p else b(*xs))
    for x in (0.4, 0.7, 1.9):
        assert math.isclose(rolled(x), unrolled(x), rel_tol=1e-14)
        for of in (cauchy.grad, lambda f: cauchy.grad(cauchy.grad(f)), lambda f: cauchy.derivative(f, 2)):
            assert math.isclose(of(rolled)(x), of(unrolled)(x), rel_tol=1e-9), x


def test_both_sides_of_a_branch_have_derivatives():
    f = lambda x, a: cauchy.cond(x > 1, lambda x: np.log(x) * a, lambda x: x - 1, x)
    graph = cauchy.trace(cauchy.grad(f, (0, 1)), 3.0, 2.0)  # the gradient itself decides anew
    for x, wanted in ((3.0, (2 / 3, math.log(3))), (0.5, (1.0, 0.0))):
        np.testing.assert_allclose(graph.run(x, 2.0), wanted, rtol=1e-15)
        np.testing.assert_allclose(cauchy.jvp(f, (x, 2.0), (1.0, 0.0))[1], wanted[0], rtol=1e-15)
        np.testing.assert_allclose(cauchy.hessian(f)(x, 2.0), -2 / x**2 if x > 1 else 0.0, rtol=1e-15)


def test_a_loop_of_unknown_length_goes_forward():
    root = lambda a, most=None: cauchy.loop(
        lambda i, x: (x + a / x) / 2, a, most, while_=lambda x: np.abs(x * x - a) > 1e-12
    )
    slope = 0.5 / math.sqrt(2.0)
    value, forward = cauchy.jvp(root, (2.0,), (1.0,))
    assert math.isclose(value, math.sqrt(2.0), rel_tol=1e-12)
    assert math.isclose(forward, slope, rel_tol=1e-9)
    assert math.isclose(cauchy.grad(lambda a: root(a, 30))(2.0), slope, rel_tol=1e-9)
    assert math.isclose(cauchy.jacobian(root, mode="forward")(2.0), slope, rel_tol=1e-9)
    with pytest.raises(Refused, match="times=") as e:
        cauchy.grad(root)(2.0)
    assert e.value.where is not None
    assert e.value.where.file == HERE


def test_inner_derivatives_and_outer_values():
    """A gradient step inside a scan, of a loss that closes over the outer variable; differentiated from outside."""

    def f(loop):
        def trained(rate):
            loss = lambda w: (w - 1.5) ** 2 * rate
            return loop(lambda i, w: w - 0.1 * cauchy.grad(loss)(w), 0.0 * rate, 6)

        return trained

    # w_{k+1} = w_k - 0.2 r (w_k - 1.5): w_n = 1.5 (1 - (1 - 0.2 r)^n)
    r = 0.8
    assert math.isclose(f(cauchy.loop)(r), 1.5 * (1 - (1 - 0.2 * r) ** 6), rel_tol=1e-14)
    assert math.isclose(cauchy.grad(f(cauchy.loop))(r), 1.5 * 6 * 0.2 * (1 - 0.2 * r) ** 5, rel_tol=1e-13)


def test_nothing_arrives_from_what_was_not_selected_in_a_round():
    xs = np.array([-1.0, 0.0, 4.0])
    f = lambda x: cauchy.scan(lambda s, v: (s + np.where(v > 0, np.log(v), 0.0), None), 0.0, x)[0]
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(cauchy.grad(f)(xs), [0, 0, 0.25])


def test_kinks_in_a_body_are_found_in_every_round():
    f = lambda x: cauchy.loop(lambda i, s: np.abs(s) + cauchy.cond(s > 5, np.abs, lambda s: s * 0.5, s), x, 3)
    at_kink, beside = cauchy.differentiate(f, 0.0), cauchy.differentiate(f, 1.0)
    assert [(k.primitive, k.where.file, k.count) for k in at_kink.kinks] == [("absolute", HERE, 3)]
    assert not at_kink.smooth
    assert beside.kinks == ()


def test_variables():
    x = cauchy.Variable(1.1)
    y = cauchy.loop(lambda i, s: s * x, 1.0, 4)
    y.backward()
    assert math.isclose(x.grad, 4 * 1.1**3, rel_tol=1e-14)


def test_against_jax():
    jax = pytest.importorskip("jax")
    jnp, lax = jax.numpy, jax.lax
    X = RNG.normal(size=(30, 3))

    def loss(scan, cond, xp):
        def body(s, x):
            new = xp.tanh(s @ W + x)
            return cond(xp.sum(new) > 0, lambda s: s * 0.5, xp.sin, new), xp.sum(s * x)

        def f(init, xs):
            end, ys = scan(body, init, xs)
            return xp.sum(end**2) + xp.sum(xp.exp(-ys))

        return f

    with jax.enable_x64(True):
        wanted = jax.grad(loss(lax.scan, lax.cond, jnp), (0, 1))(jnp.ones(3), jnp.asarray(X))
    ours = loss(cauchy.scan, cauchy.cond, np)
    for a, b in zip(cauchy.grad(ours, (0, 1))(np.ones(3), X), wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


# -- cost ------------------------------------------------------------------------------------------


SIZE = 6000


def peak(length):
    start = np.linspace(0.1, 1.0, SIZE)
    f = lambda a: np.sum(cauchy.loop(lambda i, s: np.sin(s) * a, start, length))
    gc.collect()
    tracemalloc.start()
    try:
        cauchy.grad(f)(0.99)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_grows_with_the_square_root_of_the_length():
    peak(10)
    small, large = peak(400), peak(1_600)
    assert large < 2.6 * small
    assert 400 * SIZE * 8 > control.KEPT  # neither stores a state of each round
    assert small > 2 * 20 * SIZE * 8  # it is the states that are measured, not the machinery


def test_a_gradient_records_the_loop_once_more_and_merging_forgets_the_first():
    X = RNG.normal(size=(5, 3))
    f = network(cauchy.scan, X)
    both = cauchy.trace(cauchy.value_and_grad(f), 0.7)
    merged = merge_scans(both)
    count = lambda g: sum(n.prim.name == "scan" for n in g.nodes)
    assert (count(both), count(merged)) == (3, 2)
    for w in (0.7, -0.2):
        np.testing.assert_array_equal(merged.run(w), both.run(w))
    pushed = cauchy.trace(lambda w: cauchy.jvp(f, (w,), (1.0,)), 0.7)
    assert (count(pushed), count(merge_scans(pushed))) == (2, 1)
    np.testing.assert_array_equal(merge_scans(pushed).run(0.3), pushed.run(0.3))
    nested = cauchy.trace(cauchy.value_and_grad(lambda x: cauchy.loop(lambda i, s: cauchy.loop(
        lambda j, t: np.sin(t * x), s, 3), x, 4)), 0.7)  # fmt: skip
    smaller = merge_scans(nested)
    assert (count(nested), count(smaller)) == (3, 2)
    assert all(count(g) <= 1 for g in bodies(smaller))
    np.testing.assert_array_equal(smaller.run(0.3), nested.run(0.3))


def test_loops_that_differ_are_not_merged():
    X = np.arange(3.0)

    def f(x):
        sums = cauchy.scan(lambda s, v: (s + v * x, s), 0.0, X)[1]
        back = cauchy.scan(lambda s, v: (s + v * x, s), 0.0, X, reverse=True)[1]
        late = cauchy.scan(lambda s, v: (s + v * x, s), 1.0, X)[1]
        less = cauchy.scan(lambda s, v: (s - v * x, s), 0.0, X)[1]
        twice = cauchy.scan(lambda s, v: ((s[0] + s[1], s[1] + v * x), s[0]), (0.0, 0.0), X)[1]
        same = cauchy.scan(lambda s, v: (s + v * x, (s * s, s)), 0.0, X)[1][1]
        return sums, back, late, less, twice, same

    graph = cauchy.trace(f, 2.0)
    merged = merge_scans(graph)
    scans = [sum(n.prim.name == "scan" for n in g.nodes) for g in (graph, merged)]
    assert scans == [6, 5]
    for a, b in zip(graph.run(3.0), merged.run(3.0), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_pullback_is_made_once_for_all_rows():
    xs = np.ones(6)
    g = cauchy.trace(cauchy.jacobian(lambda x: cauchy.scan(lambda s, v: (s * v, s), 1.0, x)[1], mode="reverse"), xs)
    assert len(g.nodes) < 60


# -- what cannot be, says so -----------------------------------------------------------------------


def line_of(text):
    with open(__file__, encoding="utf-8") as file:
        return next(i for i, line in enumerate(file, 1) if text in line and "line_of" not in line)


def branching(s, x):
    return (s if s > 0 else -s), None  # marked: python decision


def test_a_python_decision_in_a_body_is_refused_with_its_line():
    for run in (
        lambda: cauchy.scan(branching, 0.0, np.ones(2)),
        lambda: cauchy.grad(lambda a: cauchy.scan(branching, a, np.ones(2))[0])(1.0),
        lambda: cauchy.trace(lambda a: cauchy.loop(lambda i, s: branching(s, i)[0], a, 2), 1.0),
        lambda: cauchy.grad(lambda a: cauchy.cond(a > 0, lambda: branching(a * 2, 0)[0], lambda: a))(1.0),
    ):
        with pytest.raises(TraceError, match=r"np\.where.*cauchy\.cond") as e:
            run()
        assert (e.value.where.file, e.value.where.line) == (HERE, line_of("# marked: python decision"))


def test_a_decision_on_what_is_the_same_in_all_rounds_is_a_guard():
    f = lambda x: cauchy.loop(lambda i, s: s + x if x > 0 else s - x, 0.0, 3)
    graph = cauchy.trace(f, 2.0)
    assert graph.run(3.0) == 9.0
    assert len(graph.guards) == 1
    with pytest.raises(Refused):
        graph.run(-3.0)
    assert cauchy.grad(f)(-2.0) == -3.0


def growing(s, x):
    return {"a": s["a"], "b": np.concatenate([s["b"], s["b"]])}, None  # marked: growing


@pytest.mark.parametrize(
    ("run", "words", "mark"),
    [
        (
            lambda: cauchy.scan(growing, {"a": 0.0, "b": np.ones(2)}, length=3),
            r"carry\['b'\] of `growing` has shape \(2,\) before a round and \(4,\)",
            "# marked: growing",
        ),
        (lambda: cauchy.scan(lambda s, x: (s > 0, None), 0.0, length=3), "dtype float64 before .* bool", None),
        (lambda: cauchy.scan(lambda s, x: ((s, s), None), 0.0, length=3), "another structure", None),
        (lambda: cauchy.loop(lambda i, s: s[:1], np.ones(3), 2), r"state of .* shape \(3,\)", None),
        (
            lambda: cauchy.scan(lambda s, x: (s, None), 0.0, (np.ones(2), np.ones(3))),
            r"xs\[0\] has 2, xs\[1\] has 3",
            None,
        ),
        (lambda: cauchy.scan(lambda s, x: (s, None), 0.0, np.ones(2), length=3), "length has 3, xs has 2", None),
        (lambda: cauchy.scan(lambda s, x: (s, None), 0.0, 1.0), "has no axes", None),
        (
            lambda: cauchy.grad(lambda x: cauchy.cond(x > 0, lambda: x, lambda: np.ones(2)))(1.0),
            r"sides of a cond differ.*\(2,\)",
            None,
        ),
        (lambda: cauchy.grad(lambda x: cauchy.cond(x > 0, lambda: x, lambda: (x, x)))(1.0), "another structure", None),
        (lambda: cauchy.cond(np.ones(2) > 0, np.sin, np.cos, 1.0), "one truth value", None),
        (lambda: cauchy.grad(lambda x: cauchy.cond(x > 0, np.sum, np.prod, x))(np.ones(2)), "one truth value", None),
        (lambda: cauchy.loop(lambda i, x: x, np.ones(2), while_=lambda x: x > 0), "one truth value", None),
    ],
)
def test_what_does_not_fit_is_named(run, words, mark):
    with pytest.raises(ShapeError, match=words) as e:
        run()
    if mark:
        assert e.value.where.line == line_of(mark)


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (lambda: cauchy.scan(lambda s, x: s, 0.0, length=3), "does not return a pair"),
        (lambda: cauchy.scan(lambda s, x: (s, None), 0.0), "without an end"),
        (lambda: cauchy.loop(lambda i, s: s, 0.0), "without an end"),
        *((lambda n=n: cauchy.loop(lambda i, s: s, 0.0, n), "whole number of rounds") for n in (-1, 2.0, True, "3")),
        (lambda: cauchy.scan(lambda s, x: (s, None), "text", length=1), "argument init"),
        (lambda: cauchy.scan(lambda s, x: (s, None), 1j, length=1), "complex"),
        (lambda: cauchy.scan(lambda s, x: (s, "text"), 0.0, length=1), "returned"),
        (lambda: cauchy.scan(3, 0.0, length=1), "wanted a function"),
        (lambda: cauchy.scan(lambda s, x: (s + np.random.normal(), None), 0.0, length=2), "np.random"),
    ],
)
def test_bad_input_is_refused(run, words):
    with pytest.raises(TraceError, match=words):
        run()


def test_a_value_of_one_round_does_not_leave_the_body():
    def leaking(x):
        kept = State(None, None)

        def body(s, v):
            kept.speed = s * v
            return s + v, None

        end, _ = cauchy.scan(body, x, np.ones(3))
        return end + kept.speed

    def writing(x):
        z = np.zeros(3)

        def body(i, s):
            z[0] = s
            return s * 2

        return cauchy.loop(body, x, 3) + np.sum(z)

    def bypassing(x):
        kept = State(None, None)
        cauchy.cond(x > 0, lambda: setattr(kept, "speed", x * 2) or x, lambda: x)
        return kept.speed

    for f in (leaking, writing, bypassing):
        with pytest.raises(TraceError, match="outside of it"):
            cauchy.grad(f)(1.0)


def test_a_list_from_outside_is_not_changed_by_a_body():
    kept = []
    for f in (
        lambda x: cauchy.loop(lambda i, s: kept.append(s) or s, x, 3),
        lambda x: cauchy.cond(x > 0, lambda: kept.append(x) or x, lambda: x),
    ):
        with pytest.raises(TraceError, match="changes a list from outside"):
            cauchy.grad(f)(1.0)
    assert kept == []


def test_captured_tables_are_indexed_by_the_round():
    table, rows = np.arange(4.0) ** 2, {"w": np.arange(8.0).reshape(4, 2)}
    f = lambda x: cauchy.loop(lambda i, s: s + table[i] * x + np.sum(rows["w"][i] * rows["w"][i - 1, 0]), 0.0, 4)
    wanted = lambda x: sum(table[i] * x + np.sum(rows["w"][i] * rows["w"][i - 1, 0]) for i in range(4))
    assert f(2.0) == wanted(2.0)
    assert cauchy.grad(f)(2.0) == 14.0
    graph = cauchy.trace(f, 2.0)
    table[:], rows["w"][:] = 1.0, 2.0
    assert graph.run(3.0) == wanted(3.0)
    assert cauchy.loop(lambda i, s: s + (i if table[0] > 0 else -i), 0, 4) == 6  # the same in every round
    decided = lambda x: cauchy.cond(x > 0, lambda: x * 2 if table[0] > 0 else x, lambda: x)
    assert cauchy.grad(decided)(1.0) == 2.0


def test_warnings_are_those_of_the_loop():
    with pytest.warns(RuntimeWarning, match="overflow"):
        cauchy.loop(lambda i, s: s * s, 1e200, 2)
    graph = cauchy.trace(lambda x: cauchy.cond(x > 0, np.log, lambda x: x, x), -1.0)  # log(-1) is not computed
    assert graph.run(-1.0) == -1.0
