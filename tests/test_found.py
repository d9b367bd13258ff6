"""Programs as people write them, on which a tracer can go wrong: each is NumPy's number, or an error at its line."""

from __future__ import annotations

import functools
import math
import warnings

import numpy as np
import pytest

import cauchy
from cauchy import TraceError
from cauchy.calculus import differentiate
from cauchy.tracer.context import state

POINT = np.array([0.6, -0.8, 1.7])
DATA = np.random.default_rng(0).normal(size=(60, 3))
with warnings.catch_warnings():
    warnings.simplefilter("ignore", PendingDeprecationWarning)
    MATRIX = np.matrix(np.eye(3))
TABLE = np.arange(12.0).reshape(6, 2)


def slope(f, x):
    """Central differences, twice extrapolated (Richardson): an error of order h^6."""

    def difference(e, h):
        return (f(x + h * e) - f(x - h * e)) / (2 * h)

    out = []
    for e in np.eye(x.size):
        a, b, c = (difference(e, h) for h in (4e-3, 2e-3, 1e-3))
        out.append((16 * (4 * c - b) / 3 - (4 * b - a) / 3) / 15)
    return np.array(out)


def twice(f):
    @functools.wraps(f)
    def g(*args):
        return 2 * f(*args)

    return g


@twice
def decorated_helper(x):
    z = np.zeros(3)
    z[1:] = x[:-1]
    return (z * x).sum() + math.exp(x[0])


def decorated(x):
    return decorated_helper(x) * x[1]


def true_is_not_one(x):
    return (x[1] * x[True]).sum() + (x[0] * x[False]).sum()


def array_without_axes(x):
    u = np.array(x[0])
    same = u
    u += 1
    same *= x[1]
    cell = np.zeros(())
    cell[...] = x[2] ** 2
    cell += u
    return same * cell + u


def scalar_is_no_array(x):
    u = x[0]
    before = u
    u += 1
    return u * before


def dot_of_captured_data(x):
    r = DATA.dot(x) - 1
    return r.dot(r) + DATA.T.dot(r)[0]


def helper_says_dot(x):
    return ridge(x, DATA)


def ridge(w, data):
    return (data.dot(w) ** 2).sum() + w.dot(w)


def likes_of_plain_arrays(x):
    z, o, f, c = np.zeros_like(POINT), np.ones_like(POINT), np.full(3, 2.0), np.copy(POINT)
    z[:], o[0], f[1], c[2] = x, x[1], x[2], x[0]
    w = np.array([1.0, 2.0])
    w[0] = x[0] * x[1]
    return (z * o * f * c).sum() + w.prod()


def table_of_a_dynamic_program(x):
    d = np.full((4, 4), np.inf)
    d[0, 0] = 0
    for i in range(1, 4):
        for j in range(1, 4):
            d[i, j] = (x[i - 1] - TABLE[j, 0]) ** 2 + min(d[i - 1, j], d[i, j - 1], d[i - 1, j - 1])
    return d[-1, -1]


def constants_leave(x):
    z = np.ones(2)
    return x[0] * float(z[0]) + z.sum().item() * x[1] + sum(z.tolist()) * x[2] + {z[0]: 3.0}[1.0] * x[0]


def flat(x):
    m = np.outer(x, x)
    m.flat[::4] = x**3
    m.flat[[1, 2]] *= 2
    return (m * m).sum() + m.flat[3] + sum(m.T.flat)


def method_arguments(x):
    return x.clip(0).sum() + x.clip(max=1.0)[2] * x[0] + x.compress([True, False, True]).prod()


def plain_tables_indexed(x):
    i, order = np.argmax(x), np.argsort(x)
    return TABLE[[i, order[0]]].sum() * x[0] + TABLE[order][:, 1] @ x + TABLE[:3][x > 0].sum() * x[1]


def local_imports(x):
    import math as m

    import numpy as numeric

    z = numeric.zeros(2)
    z[0] = m.exp(x[0])
    return z.sum()


def masked_out(x):
    return np.log(x, out=np.zeros_like(x), where=x > 0).sum()


def steps(x):
    paths = np.logaddexp.reduce(np.outer(x, x), axis=1).sum()
    return np.maximum.accumulate(x).sum() * x[0] + paths + np.logaddexp.accumulate(x)[1]


def rows_swapped_through_views(x):
    m = np.outer(x, x) + DATA[:3]
    m[0], m[1] = m[1], m[0]  # NumPy's own trap: both are views
    return (m * DATA[3:6]).sum()


def conditional_on_hasattr(x):
    return x.sum() if hasattr(x, "shape") and not hasattr(x, "iloc") else x[0]


RIGHT = [
    f
    for f in list(globals().values())
    if callable(f) and getattr(f, "__code__", None) and f.__code__.co_varnames[:1] == ("x",)
]


@pytest.mark.parametrize("f", RIGHT, ids=lambda f: f.__name__)
def test_value_and_gradient(f):
    x = POINT.copy()
    value, gradient = cauchy.value_and_grad(f)(x)
    np.testing.assert_allclose(value, f(POINT.copy()), rtol=1e-15)
    assert differentiate.value_and_grad(f)(x)[0] == f(POINT.copy())
    np.testing.assert_allclose(gradient, slope(f, POINT), rtol=1e-8, atol=1e-8)
    np.testing.assert_array_equal(x, POINT)
    assert state.depth == 0


def swallowed_float(x):
    try:
        s = float(x[0])
    except TypeError:
        s = 1.0
    return x.sum() * s


def swallowed_item(x):
    try:
        s = x[0].item()
    except Exception:
        s = 1.0
    return x.sum() * s


def asks_for_a_method(x):
    return x.sum() if hasattr(x, "tofile") else x[0]


def walks_over_memory(x):
    return sum(t * t for t in np.nditer(x))


def assigns_a_shape(x):
    x.shape = (3, 1)
    return x.sum()


def meets_a_matrix(x):
    return (x * MATRIX).sum()


def meets_a_mask(x):
    return (x * np.ma.masked_array(POINT, mask=[0, 1, 0])).sum()


def random_by_local_import(x):
    import numpy as numeric

    return (x * numeric.random.default_rng().normal(size=3)).sum()


REFUSED = [
    *(swallowed_float, swallowed_item, asks_for_a_method, walks_over_memory, assigns_a_shape),
    *(meets_a_matrix, meets_a_mask, random_by_local_import),
]


@pytest.mark.parametrize("f", REFUSED, ids=lambda f: f.__name__)
def test_refused_at_the_users_line(f):
    with pytest.raises(TraceError) as e:
        cauchy.grad(f)(POINT)
    first = f.__code__.co_firstlineno
    assert e.value.where is not None
    assert e.value.where.file == __file__
    assert first < e.value.where.line <= first + 4
    assert e.value.fix
    assert state.depth == 0
    assert state.refused is None


@pytest.mark.parametrize("x", [np.ma.masked_array(POINT, mask=[0, 1, 0]), MATRIX], ids=["mask", "matrix"])
def test_arguments_that_mean_something_else_are_refused(x):
    with pytest.raises(TraceError, match=r"np\.asarray"):
        cauchy.grad(lambda v: (v * v).sum())(x)


def test_an_argument_without_axes_is_written_to_in_place_as_numpy_does():
    def f(t):
        u = t
        u += 1
        return u * t

    x = np.array(0.7)
    assert cauchy.value_and_grad(f)(x) == (f(np.array(0.7)), 2 * 1.7)
    assert x == 0.7


def test_dot_of_data_is_one_operation():
    assert len(cauchy.trace(lambda w: DATA.dot(w).sum(), POINT).nodes) < 6
    assert len(cauchy.trace(lambda w: ridge(w, DATA), POINT).nodes) < 10


@pytest.mark.parametrize("error", [KeyError, KeyboardInterrupt, RecursionError])
def test_what_the_function_raises_leaves_nothing_behind(error):
    def f(x):
        raise error(x.sum() and "mine")

    with pytest.raises(error, match="mine"):
        cauchy.hessian(f)(POINT)
    assert state.depth == 0
    assert cauchy.grad(lambda x: x * x)(3.0) == 6.0
