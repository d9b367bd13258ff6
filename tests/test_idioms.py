"""What people write: each idiom traces to the right derivative, or raises with its own line and the way out."""

import copy
import functools
import itertools
import math
import operator
import random
from collections import namedtuple
from dataclasses import dataclass
from math import exp as math_exp

import numpy as np
import pytest
import scipy.linalg
import scipy.special
from numpy import array as np_array
from scipy.special import logsumexp

import cauchy
from cauchy import TraceError
from cauchy.calculus import differentiate
from cauchy.tracer import context

A = np.array([[2.0, 0.3, 0.1], [0.3, 1.5, -0.2], [0.1, -0.2, 1.0]])
POINT = np.array([0.7, -1.3, 2.1])
SCALE = 3.0


def slope(f, x):
    """Central differences, extrapolated twice, of the plain function: an oracle that knows nothing of tracing."""
    x = np.asarray(x, float)
    out = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        table = []
        for h in (1e-2, 5e-3, 2.5e-3):
            up, down = x.copy(), x.copy()
            up[i] += h
            down[i] -= h
            table.append((float(f(up)) - float(f(down))) / (2 * h))
        a, b = (4 * table[1] - table[0]) / 3, (4 * table[2] - table[1]) / 3
        out[i] = (16 * b - a) / 15
    return out


# -- works -----------------------------------------------------------------------------------------


def array_of_scalars(x):
    return np.array([x[0], 2 * x[1] * x[0]]).sum()


def array_of_rows(x):
    return np.linalg.det(np.array([[x[0], 1.0], [x[1], x[2]]]))


def imported_array(x):
    return np_array([x[0] ** 2, x[2]]).prod()


def zeros_then_assign(x):
    z = np.zeros(3)
    z[0] = x[1]
    z[1] += x[0] * x[2]
    z[2] = np.sin(x[0])
    return (z**2).sum()


def empty_then_fill(x):
    z = np.empty_like(x)
    for i in range(3):
        z[i] = x[i] ** (i + 1)
    return z.sum()


def full_traced(x):
    return (np.full(4, x[0]) * np.full_like(x, x[1])[0]).sum()


def out_argument(x):
    z = np.zeros(3)
    np.multiply(x, x, out=z)
    np.add(z, x, out=z)
    return z.sum()


def add_at(x):
    z = np.zeros(2)
    np.add.at(z, [0, 1, 0], x)
    return (z**2).sum()


def copyto(x):
    z = np.zeros(3)
    np.copyto(z, x**3)
    return z.sum()


def assign_to_argument(x):
    x = x.copy()
    x[1] = x[0] * x[2]
    x[x > 5] = 0.0
    return (x * np.array([1.0, 2.0, 3.0])).sum()


def in_place_operators(x):
    y = x * 1.0
    y += x**2
    y *= 2
    y -= 1
    y /= x + 5
    y **= 2
    return y.sum()


def view_sees_write(x):
    y = x * 1.0
    tail = y[1:]
    y[1] = x[0] ** 2
    return (tail**2).sum()


def write_through_view(x):
    y = np.tile(x, 2).reshape(2, 3)
    y[0][1] = x[0] * x[2]
    y.T[2] *= x[0]
    y.ravel()[3] = 7 * x[1]
    return (y**2).sum()


def swap(x):
    x = x.copy()
    x[0], x[1] = x[1], x[0]
    return x[0] ** 2 + 3 * x[1]


def math_functions(x):
    t = x[0]
    return (
        math.exp(t)
        + math.sqrt(t)
        + math.log(t, 2)
        + math.atan2(t, x[2])
        + math.pow(t, 3)
        + math.hypot(t, x[1])
        + math_exp(t)
    )


def python_float_formatting(x):
    text = f"{x[0]:.2f}{x}{x!r}"[:4]
    return x[0] * len(text)


def branch(x):
    return x[0] ** 2 if x[0] > 0 else x[1]


def while_loop(x):
    t, n = x[2], 0
    while t > 0.1:
        t, n = t / 2, n + 1
    return t * n


def newton_root(x):
    t = x[2]
    for _ in range(30):
        new = (t + x[2] / t) / 2
        if abs(new - t) < 1e-14:
            break
        t = new
    return t


def python_max_min_sorted(x):
    a, b, c = sorted(x)
    return max(x[0], x[1]) * min(x[0], x[2]) + a * b**2 + c


def python_sum_abs_pow(x):
    return sum(abs(v) for v in x) + pow(x[0], 3) + sum(x) + divmod(x[2], 1.0)[1]


def membership(x):
    return x[0] * 2 if x[0] in [1.0, 2.0] or x[0] not in (0.0, 5.0) else x[0] * 3


def traced_integers(x):
    k = int(np.argmax(x))
    return x[k] * sum(x[i] for i in range(k)) + x[np.argsort(x)[0]] + x[round(x[2])]


def floor_as_index(x):
    table = np.array([1.0, 4.0, 9.0])
    i = math.floor(x[2])
    return table[i - 1] * x[0] + math.ceil(x[0]) * x[1]


def boolean_mask(x):
    return (x[x > 0] ** 2).sum() + x[np.abs(x) < 1].mean()


def where_and_select(x):
    return np.where(x > 0, x**2, -x).sum() + np.select([x < 0, x < 1], [x, x**3], default=1.0).sum()


def scipy_functions(x):
    return logsumexp(x) + scipy.special.softmax(x)[0] + scipy.special.logsumexp(x[:2])


def scipy_linalg(x):
    m = A + np.outer(x, x)
    low = scipy.linalg.cholesky(m, lower=True)
    return scipy.linalg.solve(m, x)[0] + low[2, 1] + scipy.linalg.det(m)


def helper(v):
    z = np.zeros(2)
    z[0] = v * SCALE
    return z[0] + math.exp(v)


def helpers_in_the_module(x):
    return helper(x[0]) * x[1]


def closure_helper(x):
    weight = 2.0

    def inner(v):
        buffer = np.zeros(1)
        buffer[0] = v * weight * x[1]
        return buffer[0]

    return sum(map(inner, x))


def counts_with_nonlocal(x):
    total = 0.0

    def add(v):
        nonlocal total
        total = total + v * v

    for v in x:
        add(v)
    return total


def reduce_and_accumulate(x):
    return functools.reduce(operator.mul, x) + list(itertools.accumulate(x))[-1]


def unpacking(x):
    a, *rest = x
    return a * rest[0] + len(rest) * rest[1]


def dictionary_inside(x):
    d = {"a": x[0], "b": x[1:]}
    return d["a"] * d["b"].sum()


Pair = namedtuple("Pair", "u v")


def named_tuple_inside(x):
    p = Pair(x[0], x[1])
    return p.u * p.v + p._replace(u=2 * p.v).u


def copies(x):
    return (copy.copy(x) * copy.deepcopy(x)).sum()


def isinstance_checks(x):
    if not isinstance(x, np.ndarray):
        x = np.asarray(x) * 100
    return x.sum() ** 2 if isinstance(x[0], float) else 0.0


def try_except(x):
    try:
        return x[7]
    except IndexError:
        return x[-1] ** 2


def comprehension_stack(x):
    return (
        np.stack([v * i for i, v in enumerate(x)]).sum()
        + np.concatenate([[x[0]], x[1:]]).sum()
        + np.asarray([x, x])[1, 2]
    )


def list_in_ufunc(x):
    return np.exp([x[0], 1.0]).sum() + np.add([x[0], x[1]], 1.0).prod()


def matrix_products(x):
    return x @ A @ x + A @ x @ x + (A * x).T[0, 1] + x.dot(A)[1]


def buffer_reused(x):
    total, buffer = 0.0, np.ones(3)
    for k in range(3):
        buffer[:] = k + 1.0
        total = total + (buffer * x**2).sum()
    return total


def methods(x):
    m = x.reshape(3, 1) * x
    return (
        m.sum()
        + m.mean(axis=0).max()
        + m.T.flatten()[1]
        + m.clip(-1, 1).sum()
        + m.astype(float).trace()
        + x.std()
        + x.cumsum()[1]
        + x.copy().min()
    )


def object_array(x):
    a = np.empty(2, dtype=object)
    a[0], a[1] = x[0], x[1] * x[2]
    return a.sum() + (a * a)[1] + np.sqrt(np.array([x[2]])).sum()


def integer_target(x):
    # NumPy truncates here, and so the derivative along z is zero
    z = np.zeros(3, dtype=int)
    z[0] = x[0]
    return z.sum() + x[0]


def fixed_seed(x):
    return (np.random.default_rng(3).normal(size=3) * x).sum()


def generator_expression(x):
    return np.sum(np.array([v**2 for v in x if v > 0]))


def ternary_chain(x):
    return 0.0 if x[0] < 0 else x[0] if x[0] < 0.5 else x[0] ** 2 if x[0] < 1 else 1.0


def walrus_and_any(x):
    return total if (total := (x * x).sum()) > 1 and (x > 0).any() and not np.all(x > 0) else x[0]


WORKS = [
    f
    for name, f in list(globals().items())
    if callable(f) and getattr(f, "__code__", None) and f.__code__.co_varnames[:1] == ("x",)
]


@pytest.mark.parametrize("f", WORKS, ids=lambda f: f.__name__)
def test_idiom(f):
    # a trace computes with NumPy; but scipy.linalg's functions are traced as np.linalg's: other LAPACK drivers
    rtol = 1e-15 if f is scipy_linalg else 0
    np.testing.assert_allclose(differentiate.value_and_grad(f)(POINT)[0], f(POINT.copy()), rtol=rtol, atol=0)
    np.testing.assert_allclose(cauchy.value_and_grad(f)(POINT)[0], f(POINT.copy()), rtol=2e-15, atol=0)
    np.testing.assert_allclose(cauchy.grad(f)(POINT), slope(f, POINT), rtol=1e-7, atol=1e-8)


class Model:
    def __init__(self):
        self.w = 2.0
        self.calls = 0

    def loss(self, x):
        self.calls += 1
        return (self.w * x**2).sum()

    def __call__(self, x):
        z = np.zeros(3)
        z[0] = self.loss(x)
        return z.sum()


def test_methods_partials_callables_and_state():
    m = Model()
    for f in (m.loss, m, functools.partial(lambda k, x: m.loss(x) * k, 1.0)):
        g = cauchy.grad(f)
        np.testing.assert_array_equal(g(POINT), 2 * m.w * POINT)
        m.w = 5.0  # a changed attribute is seen at the next call
        np.testing.assert_array_equal(g(POINT), 2 * m.w * POINT)
        m.w = 2.0
    assert m.calls == 6


def test_captured_data_is_read_at_each_call_and_by_pointer_from_a_graph():
    data = np.array([1.0, 2.0, 3.0])
    f = lambda x: (data * x).sum()
    g, graph = cauchy.grad(f), cauchy.trace(f, POINT)
    data *= 10
    np.testing.assert_array_equal(g(POINT), data)
    assert graph.run(POINT) == f(POINT)


def test_a_buffer_written_after_its_use_does_not_change_what_was_computed():
    def f(x):
        b = np.ones(3, dtype=int)
        y = b * x
        b[:] = 7
        return (y * x).sum()

    np.testing.assert_array_equal(cauchy.grad(f)(POINT), 2 * POINT)
    assert cauchy.trace(f, POINT).run(POINT) == f(POINT)


# -- raises, with this file's line and a way out ---------------------------------------------------------


def float_of(x):
    return float(x[0]) * x[1]


def item_of(x):
    return x[0].item() * x[1]


def tolist_of(x):
    return sum(x.tolist()) * x[0]


def random_draw(x):
    return (x * np.random.rand(3)).sum()


def random_unseeded(x):
    return (x * np.random.default_rng().normal(size=3)).sum()


def python_random_key(x):
    return {x[0]: 1.0}[x[0]]


def complex_numbers(x):
    return np.abs(x * 1j).sum()


def fourier(x):
    return np.abs(np.fft.fft(x)).sum()


def eigenvalues_general(x):
    return np.linalg.eig(A * x)[0].sum()


def unknown_ufunc(x):
    return scipy.special.jv(1.5, x).sum()


def outer_array(x):
    OUTER[0] = x[0]
    return OUTER.sum()


def outer_out(x):
    return np.multiply(x, x, out=OUTER).sum()


def outer_copyto(x):
    np.copyto(OUTER, x)
    return OUTER.sum()


def outer_add_at(x):
    np.add.at(OUTER, 0, x[0])
    return OUTER.sum()


def interpolated_by_scipy(x):
    return scipy.linalg.expm(np.outer(x, x))[0, 0]


def returns_text(x):
    return "loss"


def returns_none(x):
    pass


OUTER = np.zeros(3)
REFUSED = [
    float_of,
    item_of,
    tolist_of,
    random_draw,
    random_unseeded,
    python_random_key,
    complex_numbers,
    fourier,
    eigenvalues_general,
    unknown_ufunc,
    outer_array,
    outer_out,
    outer_copyto,
    outer_add_at,
    interpolated_by_scipy,
]


@pytest.mark.parametrize("f", REFUSED, ids=lambda f: f.__name__)
def test_refused_with_line_and_way_out(f):
    with pytest.raises(TraceError) as e:
        cauchy.grad(f)(POINT)
    first = f.__code__.co_firstlineno
    assert e.value.where is not None
    assert e.value.where.file == __file__
    assert first < e.value.where.line <= first + 4
    assert e.value.why or e.value.fix
    np.testing.assert_array_equal(OUTER, 0)
    assert cauchy.grad(lambda x: x * x)(3.0) == 6.0  # the failed trace left nothing behind


@pytest.mark.parametrize("f", [returns_text, returns_none], ids=lambda f: f.__name__)
def test_results_that_are_no_numbers(f):
    with pytest.raises(TraceError, match="returned"):
        cauchy.grad(f)(POINT)


RNG = np.random.default_rng(0)


def test_a_captured_generator_is_refused():
    before = RNG.bit_generator.state
    with pytest.raises(TraceError, match="random"):
        cauchy.grad(lambda x: (x * RNG.normal(size=3)).sum())(POINT)
    RNG.bit_generator.state = before


def test_a_generator_held_by_an_object_is_refused():
    class Layer:
        rng = np.random.default_rng(1)

        def __init__(self):
            self.own = np.random.default_rng(2)

        def f(self, x):
            return (x * self.own.normal(size=3)).sum()

    with pytest.raises(TraceError, match="random"):
        cauchy.grad(Layer().f)(POINT)


def test_the_random_module_of_python_is_refused():
    with pytest.raises(TraceError, match="random"):
        cauchy.grad(lambda x: x[0] * random.random())(POINT)


# -- trees --------------------------------------------------------------------------------------------------


@dataclass
class Params:
    w: np.ndarray
    b: float


def test_trees_of_arguments():
    loss = lambda p: (p["layers"][0] * p["layers"][1]).sum() + p["b"] ** 2
    p = {"layers": [np.array([1.0, 2.0]), np.array([3.0, 4.0])], "b": 3.0}
    g = cauchy.grad(loss)(p)
    assert g["b"] == 6.0
    np.testing.assert_array_equal(g["layers"][0], [3.0, 4.0])
    np.testing.assert_array_equal(g["layers"][1], [1.0, 2.0])
    d = cauchy.grad(lambda q: (q.w * q.b).sum())(Params(np.array([1.0, 2.0]), 4.0))
    assert isinstance(d, Params)
    assert d.b == 3.0
    np.testing.assert_array_equal(d.w, [4.0, 4.0])
    t = cauchy.grad(lambda q: q.u * q.v)(Pair(2.0, 3.0))
    assert t == Pair(3.0, 2.0)


def test_argnums_and_aux():
    f = lambda a, b, c: (a * b**2 + c, {"product": a * b})
    (value, aux), grads = cauchy.value_and_grad(f, argnums=(0, 1), has_aux=True)(2.0, 3.0, 1.0)
    assert (value, aux["product"], grads) == (19.0, 6.0, (9.0, 12.0))
    assert cauchy.grad(f, argnums=-2, has_aux=True)(2.0, 3.0, 1.0)[0] == 12.0


# -- nesting ---------------------------------------------------------------------------------------------------


def test_nested_derivatives_do_not_confuse_their_variables():
    inner = lambda x: cauchy.grad(lambda y: x * y * y)(3.0)
    assert cauchy.grad(lambda x: x * inner(x))(2.0) == 24.0
    # the classic: d/dx (x d/dy (x + y)) = 1
    assert cauchy.derivative(lambda x: x * cauchy.derivative(lambda y: x + y)(1.0))(1.0) == 1.0


def test_orders_agree_with_the_series_of_exp_sin():
    d = math.exp(0.3)
    f = lambda x: np.exp(x) * np.sin(x)
    for n in range(1, 12):
        # (e^x sin x)^(n) = 2^(n/2) e^x sin(x + n pi/4)
        want = 2 ** (n / 2) * d * math.sin(0.3 + n * math.pi / 4)
        assert cauchy.derivative(f, order=n)(0.3) == pytest.approx(want, rel=1e-12)
    g = f
    for _ in range(4):
        g = cauchy.grad(g)
    assert g(0.3) == pytest.approx(-4 * d * math.sin(0.3), rel=1e-13)


def test_hessian_forms_agree():
    f = lambda x: np.sum(x**3) * np.exp(x[0]) + x[1] * x[2] ** 2
    h = cauchy.hessian(f)(POINT)
    np.testing.assert_allclose(h, h.T, rtol=1e-14)
    np.testing.assert_allclose(cauchy.jacobian(cauchy.grad(f), mode="reverse")(POINT), h, rtol=1e-13)
    np.testing.assert_allclose(cauchy.hvp(f, (POINT,), (A[0],)), h @ A[0], rtol=1e-13)


# -- dtypes, bad input, threads -----------------------------------------------------------------------------


def test_dtypes():
    f = lambda x: (x * 2.0 + np.float32(1)).sum()
    assert cauchy.grad(f)(POINT.astype(np.float32)).dtype == np.float32
    assert cauchy.grad(f)(np.array([1, 2])).dtype == np.float64
    assert isinstance(cauchy.grad(lambda x: x * x)(3), np.float64)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (np.array(["a"]), "dtype"),
        (np.array([1j]), "complex"),
        (np.array([None]), "objects"),
        (np.array([True]), "wanted"),
        (np.zeros(2, np.float16), "float16"),
        ("text", "dtype"),
    ],
)
def test_bad_input_names_argument_and_dtype(bad, words):
    with pytest.raises(TraceError, match=words) as e:
        cauchy.grad(lambda x: x.sum())(bad)
    assert "argument 0" in str(e.value)


def test_vector_output_is_refused_by_grad():
    with pytest.raises(cauchy.ShapeError, match=r"shape \(3,\)"):
        cauchy.grad(lambda x: x * 2)(POINT)


def test_empty_and_nonfinite_arrays_pass_through():
    assert cauchy.grad(lambda x: np.sum(x * x))(np.zeros(0)).shape == (0,)
    g = cauchy.grad(lambda x: np.sum(x * x))(np.array([np.nan, np.inf, 1.0]))
    np.testing.assert_array_equal(g, [np.nan, np.inf, 2.0])


def test_derivative_of_a_function_that_mixes_entries_is_refused():
    with pytest.raises(cauchy.ShapeError, match="mixes"):
        cauchy.derivative(lambda x: x * x.sum())(POINT)


def test_guards_hold_a_graph_to_its_branch():
    g = cauchy.trace(lambda x: x**2 if x > 0 else -x, 2.0)
    assert g.run(3.0) == 9.0
    with pytest.raises(cauchy.Refused, match="traced where"):
        g.run(-1.0)


def test_graphs_save_load_and_compare(tmp_path):
    f = lambda x: np.where(x > 0, np.sin(x) * x[::-1], 0.1).sum() + x[[0, 0, 2]].prod()
    g = cauchy.trace(f, POINT)
    g.save(tmp_path / "f.json")
    h = cauchy.load(tmp_path / "f.json")
    assert h == g
    assert h.run(POINT) == f(POINT)
    assert g != cauchy.trace(lambda x: x.sum(), POINT)


def test_threads_trace_at_once():
    from concurrent.futures import ThreadPoolExecutor

    for grad, times in ((differentiate.grad, 200), (cauchy.grad, 24)):
        work = lambda k: grad(lambda x: np.sum(np.sin(x) * k))(POINT * k)  # noqa: B023
        with ThreadPoolExecutor(8) as pool:
            for k, g in enumerate(pool.map(work, range(times))):
                np.testing.assert_allclose(g, np.cos(POINT * k) * k, rtol=1e-15)


def test_a_trace_that_is_too_long_says_so(monkeypatch):
    monkeypatch.setattr(context, "NODE_LIMIT", 1000)

    def f(x):
        for _ in range(10**6):
            x = x * 1.0001 + 1
        return x

    with pytest.raises(TraceError, match="nodes"):
        cauchy.grad(f)(1.0)
