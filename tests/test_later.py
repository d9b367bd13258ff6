"""Values put off: what is known of them beforehand is right, and they are the values NumPy computes."""

import numpy as np
import pytest

import cauchy
from cauchy import graph as G
from cauchy import ops as P
from cauchy.read.value import value as VALUE
from cauchy.tracer import later as L

X = np.linspace(0.1, 2.3, 24).reshape(2, 3, 4)
I = np.array([[1, 0], [2, 2]])


@pytest.fixture
def all_late(monkeypatch):
    """Every array counts as large."""
    monkeypatch.setattr(G, "LARGE", 1)


PROGRAMS = [
    lambda x: np.sin(x) * 2 + x,
    lambda x: np.sum(x * x, axis=1)[:, None] - np.max(x, axis=(0, 2), keepdims=True),
    lambda x: np.exp(x.T)[1:, ::2] + x.T[1:, ::2],
    lambda x: np.where(x > 1, np.log(x), x).astype(np.float32),
    lambda x: np.reshape((x + 1).T, (6, 4)) @ np.ones((4, 2)),
    lambda x: np.matmul((x + 1).transpose(0, 2, 1), x - 1),
    lambda x: np.dot(x + 1, (x * 2)[0].T) + np.inner(x * 2, np.ones(4))[..., None],
    lambda x: np.concatenate([x + 1, np.broadcast_to((x * 2)[:1], (3, 3, 4))]),
    lambda x: np.copy(np.broadcast_to((x * 2)[0, 0], (3, 4))) + 1,
    lambda x: (x * 2)[:, I] + (x + 1)[:, I],
    lambda x: np.sum(np.cumsum(x * 2, axis=2) * np.cumsum(x + 1)[:4], axis=0),
    lambda x: cauchy.scan(lambda s, v: (s + v, s * v), np.zeros(4), (x * 2)[0])[1] + 1,
    lambda x: cauchy.loop(lambda i, s: s * x[0, 0] + i, x[1, 1] + 1, 3),
    lambda x: cauchy.cond(np.sum(x * 2) > 3, np.sin, np.cos, x * 2),
    lambda x: np.ravel((x * 2).T, order="K") + np.squeeze((x + 1)[:, :1]).ravel()[0],
]


@pytest.mark.parametrize("f", PROGRAMS)
def test_what_is_known_beforehand_is_true(all_late, f):
    for g in (f, cauchy.grad(lambda x: np.sum(f(x))), lambda x: cauchy.jvp(f, (x,), (x,))):
        graph = cauchy.trace(g, X)
        claims = [(n, n.shape, n.dtype, L.order(n)) for n in graph.nodes if n.later]
        assert claims
        for n, shape, dtype, order in claims:
            assert G._signature(n.value) == (shape, dtype), n
            assert order <= 1 or not isinstance(n.value, np.ndarray) or (n.value.flags.c_contiguous and n.value.ndim), n
            assert n.later is None
    np.testing.assert_array_equal(cauchy.trace(f, X).outputs[0].value, f(X))


def test_a_loop_of_unknown_length(all_late):
    f = lambda x: cauchy.loop(lambda i, s: s * 2, (x + 1)[0, 0, 0], while_=lambda s: s < 50)
    (out,) = cauchy.trace(f, X).outputs
    assert out.later
    assert (out.later.shape, out.later.dtype, out.value) == ((), np.float64, f(X))


def test_writes_through_views_are_seen(all_late):
    def f(x):
        y = x * 2
        rows, flat, turned = y[0], np.reshape(y, -1), np.reshape(y.T, -1)
        rows += 1
        flat[3] = 7.0
        turned[0] = 99.0  # a copy
        return y

    np.testing.assert_array_equal(cauchy.trace(f, X).outputs[0].value, f(X))


def test_a_long_chain_is_computed_without_recursion(all_late):
    def f(x):
        for _ in range(5000):
            x = x + 1
        return x

    assert cauchy.trace(f, np.zeros(2)).outputs[0].value.tolist() == [5000, 5000]


def test_a_first_call_computes_no_large_value(monkeypatch):
    def computed(*_):
        raise AssertionError("computed by NumPy")

    monkeypatch.setitem(VALUE, P.exp, computed)
    x = np.linspace(0, 1, 5000)
    np.testing.assert_allclose(cauchy.grad(lambda x: np.sum(np.exp(x)))(x), np.exp(x), rtol=1e-15)
    loss = lambda a: np.sum(cauchy.scan(lambda s, v: (s + np.exp(a * v), s), 0.0, x)[1])
    with pytest.raises(AssertionError, match="computed by NumPy"):
        cauchy.trace(lambda a: cauchy.scan(lambda s, v: (s + np.exp(a * v), s), 0.0, x)[0] > 0 and a, 1.0)
    monkeypatch.undo()
    assert [n.prim for n in cauchy.trace(loss, 1.0).nodes if n.later][:1] == [P.scan]


def test_what_fails_on_values_fails_at_its_line():
    big = np.ones((100, 100))
    for f, error in (
        (lambda x: np.linalg.inv(x * 2), np.linalg.LinAlgError),
        (lambda x: x[(x[0] * 200).astype(int)], IndexError),
        (lambda x: (x * 2)[np.full(5, 100)], IndexError),
        (lambda x: x + np.ones(3), ValueError),
        (lambda x: cauchy.scan(lambda s, i: (s + x[i, 0], None), 0.0, np.arange(200))[0], IndexError),
    ):
        with pytest.raises(error) as e:
            cauchy.trace(f, big)
        assert any(entry.name == "<lambda>" and str(entry.path) == __file__ for entry in e.traceback)
    with np.errstate(all="raise"), pytest.raises(FloatingPointError):
        cauchy.trace(lambda x: np.log(x - 1), big)


def test_warnings_come_with_the_value():
    graph = cauchy.trace(lambda x: np.log(x - 1), np.ones(5000))
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        assert graph.outputs[0].value[0] == -np.inf


def test_small_values_are_computed_at_once():
    assert not any(n.later for n in cauchy.trace(lambda x: np.sin(x) + 1, np.ones(100)).nodes)
