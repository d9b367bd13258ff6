"""Callables that keep their graphs: whatever changes between two calls, the answer is that of a fresh trace."""

from __future__ import annotations

import copy
import enum
import functools
import itertools
import math
import operator
import pickle
import time
import types
import warnings
from collections import OrderedDict, deque, namedtuple
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pytest
import scipy.interpolate
import test_found
import test_idioms
from hypothesis import given, settings
from hypothesis import strategies as st

import cauchy
from cauchy.calculus import capture, differentiate
from cauchy.calculus.compile import KINDS, PATHS, VALUES, Compiled
from cauchy.tracer.context import state

POINT = np.array([0.7, -1.3, 2.1])
RTOL = 1e-13  # native code and NumPy may round differently


def same(a, b):
    """Equal trees, of equal types: what a kept graph gives and what a fresh trace gives."""
    assert type(a) is type(b), (a, b)
    if isinstance(a, dict):
        assert list(a) == list(b)
        for k in a:
            same(a[k], b[k])
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            same(x, y)
    elif isinstance(a, (np.ndarray, np.generic, float)):
        assert np.asarray(a).dtype == np.asarray(b).dtype
        np.testing.assert_allclose(a, b, rtol=RTOL, atol=1e-14, strict=True)
    elif hasattr(a, "__dataclass_fields__"):
        same(vars(a), vars(b))
    else:
        assert a == b


def agrees(f, *args, **kwargs):
    """The kept gradient of f, called twice, against a fresh one."""
    g = f if isinstance(f, Compiled) else cauchy.value_and_grad(f)
    want = differentiate.value_and_grad(g.__wrapped__)(*args, **kwargs)
    for _ in range(2):
        same(g(*args, **kwargs), want)
    return g


def kept(g):
    """How many graphs are kept."""
    return sum(len(programs) for case in g._cases.values() for programs in case.programs.values())


def answers(g, *args):
    """Whether a kept graph answers this call: nothing is traced."""
    eager, ran = g._eager, []
    g._eager = lambda *a, **k: ran.append(a) or eager(*a, **k)
    try:
        g(*args)
    finally:
        g._eager = eager
    return not ran


def reason(g):
    (case,) = g._cases.values()
    return case.reason


# -- captured state that changes between calls ---------------------------------------------------------------

SCALE = 2.0
WEIGHTS = [1.0, 2.0, 3.0]
TABLE = {"a": 2.0, "deep": [np.array([1.0, 2.0, 3.0]), 5.0]}
ARRAY = np.array([1.0, 2.0, 3.0])
PAIR = (ARRAY, [ARRAY, 2.0])


def by_global(x):
    return (x * x).sum() * SCALE


def helper_of_helper(x):
    return x * SCALE


def helper(x):
    return helper_of_helper(x).sum()


def by_helper(x):
    return helper(x) * x[0]


class Model:
    rate = 2.0
    table = np.array([1.0, 2.0, 3.0])

    def __init__(self):
        self.w = np.array([1.0, 2.0, 3.0])
        self.k = 3.0
        self.parts = [1.0, 2.0]

    @property
    def twice(self):
        return 2 * self.k

    @staticmethod
    def shift():
        return 1.0

    def inner(self, x):
        return (self.w * x**2).sum() * self.k + self.parts[1]

    def loss(self, x):
        return self.inner(x) * self.rate * self.twice + x @ self.table + self.shift() * x[0]

    def __call__(self, x):
        return self.loss(x) + x[0]


class Slots:
    __slots__ = ("k",)

    def __init__(self):
        self.k = 2.0


class Params(dict):
    pass


LIBRARY = types.ModuleType("library")
LIBRARY.scale = 2.0
LIBRARY.data = np.array([1.0, 2.0, 3.0])
LIBRARY.act = lambda x: x**2


def changes():
    """(function, ways to change what it captured): each is applied in turn, and must be seen."""
    module = globals()

    def setter(name, value):
        return lambda: module.__setitem__(name, value)

    yield by_global, [setter("SCALE", 5.0), setter("SCALE", np.array([1.0, 2.0, 4.0])[1]), setter("SCALE", 2.0)]
    yield by_helper, [setter("SCALE", 5.0), setter("helper_of_helper", lambda x: x**3), setter("SCALE", 2.0)]

    c = 2.0

    def by_cell(x):
        return (x * c).prod()

    def rebind(value):
        def act():
            nonlocal c
            c = value

        return act

    yield by_cell, [rebind(3.0), rebind(np.array([1.0, 2.0, 3.0])), rebind(4)]

    m = Model()
    edits = [
        lambda: setattr(m, "k", 5.0),
        lambda: setattr(m, "w", np.array([3.0, 1.0, 1.0])),
        lambda: m.w.__imul__(2),
        lambda: setattr(Model, "rate", 7.0),
        lambda: setattr(m, "rate", 8.0),
        lambda: Model.table.__setitem__(0, 9.0),
        lambda: m.parts.__setitem__(1, -1.0),
        lambda: m.__dict__.update(k=11.0),
        lambda: setattr(Model, "shift", staticmethod(lambda: 4.0)),
        lambda: setattr(Model, "twice", property(lambda self: self.k + 100)),
        lambda: setattr(m, "inner", lambda x: x.sum()),
        lambda: setattr(m, "__dict__", {"k": 1.5, "w": np.ones(3), "parts": [0.0, 1.0]}),
        lambda: setattr(m, "__class__", type("Other", (Model,), {"rate": 0.5})),
    ]
    yield m.loss, edits
    yield lambda x: m.loss(x) * x[1], [lambda: setattr(m, "k", -5.0), lambda: m.w.__setitem__(0, 7.0)]
    n = Model()
    yield n, [lambda: setattr(n, "k", 5.0), lambda: n.w.__imul__(2)]

    s = Slots()
    yield lambda x: (x * s.k).sum(), [lambda: setattr(s, "k", 4.0)]

    space = types.SimpleNamespace(a=np.ones(3), b=2.0)
    yield (
        lambda x: (x * space.a).sum() * space.b,
        [lambda: setattr(space, "b", 3.0), lambda: space.a.__setitem__(1, 4.0), lambda: setattr(space, "a", ARRAY)],
    )

    yield (
        lambda x: (x * LIBRARY.data).sum() * LIBRARY.scale + LIBRARY.act(x).sum(),
        [
            lambda: setattr(LIBRARY, "scale", 3.0),
            lambda: LIBRARY.data.__setitem__(0, 7.0),
            lambda: setattr(LIBRARY, "act", lambda x: x**4),
        ],
    )

    weights = [1.0, 2.0, 3.0]
    table = {"a": 2.0, "deep": [np.array([1.0, 2.0, 3.0]), 5.0]}
    yield (
        lambda x: sum(w * v for w, v in zip(weights, x, strict=False)) ** 2,
        [lambda: weights.__setitem__(0, 9.0), lambda: weights.append(3.0), weights.pop, weights.reverse],
    )
    yield (
        lambda x: (x * table["deep"][0]).sum() * table["a"] + table["deep"][1] * x[0] + len(table),
        [
            lambda: table.__setitem__("a", 3.0),
            lambda: table["deep"][0].__imul__(3),
            lambda: table["deep"].__setitem__(1, 8.0),
            lambda: table.__setitem__("new", 1),
        ],
    )
    params = Params(w=np.ones(3), b=1.0)
    yield (
        lambda x: (x * params["w"]).sum() + params["b"] * x[0],
        [
            lambda: params.__setitem__("b", 2.0),
            lambda: params["w"].__setitem__(2, 5.0),
        ],
    )
    queue, group, order = deque([1.0, 2.0]), {1.0, 2.0}, OrderedDict(a=1.0)
    yield (
        lambda x: x[0] * queue[0] + x[1] * len(group) + x[2] * order["a"],
        [lambda: queue.appendleft(7.0), lambda: group.add(9.0), lambda: order.update(a=4.0)],
    )

    data = np.array([1.0, 2.0, 3.0])
    yield (
        lambda x: (x * data).sum() * data.std() + float(data[0]) * x[0] + (x[0] if data[1] > 3 else x[1]),
        [lambda: data.__imul__(2), lambda: data.__setitem__(0, -1.0)],
    )
    shaped = np.array([1.0, 2.0, 3.0])
    yield (
        lambda x: (x * shaped).sum() * len(shaped) * shaped.max(),
        [lambda: setattr(shaped, "shape", (1, 3)), lambda: setattr(shaped, "shape", (3, 1))],
    )
    yield lambda x: (x * np.sort(data.tolist())).sum(), [lambda: data.__setitem__(0, 50.0)]
    index = np.array([0, 2])
    yield (
        lambda x: x[index].sum() + x[list(index)].prod() + sum(x[: index[1]]),
        [lambda: index.__setitem__(0, 1), lambda: index.__setitem__(1, 1)],
    )
    mask = np.array([True, False, True])
    yield lambda x: (x[mask] ** 2).sum() + np.where(mask, x, 0).sum(), [lambda: mask.__setitem__(1, True)]
    single = np.array(2.0)
    yield lambda x: (x * single).sum() * float(single), [lambda: single.__setitem__((), 3.0)]
    view = data.reshape(-1)[::-1]
    yield lambda x: (x * view).sum() + view.max() * x[0], [lambda: data.__imul__(2)]

    def default(x, a=data.reshape(-1), b=[2.0], *, c={"k": 3.0}):  # noqa: B006, B008
        return (x * a).sum() * b[0] * c["k"]

    yield (
        default,
        [
            lambda: data.__imul__(2),
            lambda: default.__defaults__[1].__setitem__(0, 5.0),
            lambda: default.__kwdefaults__["c"].__setitem__("k", 7.0),
            lambda: setattr(default, "__defaults__", (np.ones(3), [1.0])),
            lambda: setattr(default, "__code__", (lambda x, a, b, *, c: (x**2).sum()).__code__),
        ],
    )
    partial = functools.partial(lambda d, k, x: (x * d["w"]).sum() * k[0], {"w": ARRAY.copy()}, [2.0])
    yield partial, [lambda: partial.args[1].__setitem__(0, 4.0), lambda: partial.args[0]["w"].__imul__(3)]
    yield lambda x: partial(x) * x[0], [lambda: partial.args[0]["w"].__imul__(3)]

    def remembered(x):
        return x.sum() * remembered.factor

    remembered.factor = 2.0
    yield remembered, [lambda: setattr(remembered, "factor", 3.0)]

    def attribute(x):
        return (x * getattr(space, "a")).sum() * (space.gain if hasattr(space, "gain") else 1.0)  # noqa: B009

    yield attribute, [lambda: setattr(space, "gain", 3.0), lambda: setattr(space, "a", np.ones(3))]
    yield lambda x: cauchy.grad(by_global)(x).sum() * x[0], [setter("SCALE", 5.0), setter("SCALE", 2.0)]
    inner = cauchy.grad(lambda x: (x**2 * data.reshape(-1)).sum())
    yield lambda x: inner(x).sum() * x[0], [lambda: data.__imul__(2)]
    yield lambda x: cauchy.jvp(lambda y: y * data.reshape(-1), (x,), (x,))[1].sum(), [lambda: data.__imul__(2)]

    def by_class_inside(x):
        class Layer:
            k = space.b

            def go(self, x):
                return (x * self.k).sum()

        return Layer().go(x)

    yield by_class_inside, [lambda: setattr(space, "b", 9.0)]
    yield lambda x: x.sum() * copy.deepcopy(m).w[0], [lambda: m.w.__setitem__(0, 0.25)]
    yield lambda x: x.sum() * getattr(space, "".join(["b"])), [lambda: setattr(space, "b", 10.0)]
    yield lambda x: x.sum() * operator.attrgetter("b")(space), [lambda: setattr(space, "b", 12.0)]
    yield lambda x: x.sum() * (2 if type(data) is np.ndarray else 3) * data.std(), [lambda: data.__imul__(2)]
    yield (
        lambda x: x.sum() * np.copysign(1.0, float(single)),
        [
            lambda: single.__setitem__((), 0.0),
            lambda: single.__setitem__((), -0.0),
        ],
    )
    masked = np.ma.masked_array([1.0, 2.0, 3.0], mask=[False, True, False])
    yield lambda x: (x * masked.filled(0)).sum(), [lambda: masked.mask.__setitem__(0, True)]
    spline = scipy.interpolate.CubicSpline(np.arange(4.0), np.arange(4.0) ** 2)
    yield lambda x: x.sum() * float(spline(1.5)), [lambda: spline.c.__imul__(2)]
    mapped = cauchy.vmap(lambda r: r * data.std())
    yield lambda x: mapped(x).sum(), [lambda: data.__imul__(2)]
    step = lambda s, _: (s * data.std(), None)
    yield lambda x: cauchy.scan(step, x.sum(), length=2)[0], [lambda: data.__imul__(0.5)]
    bound = types.MethodType(lambda d, x: (x * d["w"].std()).sum(), {"w": data})
    yield lambda x: bound(x) * 2, [lambda: data.__imul__(2)]
    yield lambda x: abs(x).sum(), [lambda: module.__setitem__("abs", np.square), lambda: module.pop("abs")]


CHANGES = [(f, acts, backend) for backend in ("native", "value") for f, acts in changes()]


@pytest.mark.parametrize(("f", "acts", "backend"), CHANGES, ids=lambda v: getattr(v, "__name__", ""))
def test_a_change_of_captured_state_is_seen(f, acts, backend, monkeypatch):
    monkeypatch.setenv("CAUCHY_BACKEND", backend)  # machine code and Python have each their own watches
    before = dict(vars(Model))
    g = agrees(f, POINT)
    try:
        for act in acts:
            act()
            agrees(g, POINT)
        assert answers(g, POINT), g.explain()
    finally:
        for k in ("rate", "table", "twice", "shift"):
            setattr(Model, k, before[k])


def test_nothing_is_traced_again_without_a_change():
    calls = []

    class Counted:
        def __init__(self):
            self.w = ARRAY

        def loss(self, x):
            return (x * self.w).sum()

    f = Counted().loss
    g = cauchy.grad(f)
    trace = differentiate.call

    def counting(*args):
        calls.append(1)
        return trace(*args)

    differentiate.call = counting
    try:
        for k in range(10):
            g(POINT * k)
    finally:
        differentiate.call = trace
    assert len(calls) == 1
    assert kept(g) == 1


# -- what cannot be kept is traced at each call --------------------------------------------------------------


def test_effects_happen_at_each_call_and_nothing_is_kept():
    log, total, buffer, m = [], 0.0, np.zeros(3), Model()

    def appends(x):
        log.append(len(log))
        return (x * len(log)).sum()

    def counts(x):
        nonlocal total
        total = total + 1
        return (x * total).sum()

    def stores(x):
        m.k = m.k + 1
        return (x * m.k).sum()

    def fills(x):
        buffer[:] = 2.0
        return (x * buffer).sum()

    def tells(x):
        print("called")
        return x.sum()

    for f in (appends, counts, stores, fills, tells):
        g = cauchy.grad(f)
        values = [g(POINT)[0] for _ in range(6)]
        assert kept(g) == 0, f
        if f in (appends, counts, stores):
            assert values == sorted(set(values)), f
    assert len(log) >= 6
    assert total == 6
    buffer[:] = 7.0
    np.testing.assert_array_equal(cauchy.grad(fills)(POINT), [2.0, 2.0, 2.0])
    np.testing.assert_array_equal(buffer, 2.0)


def test_printing_happens_at_each_call(capsys):
    def tells(x):
        print("called")
        return x.sum()

    g = cauchy.grad(tells)
    for _ in range(3):
        g(POINT)
    assert capsys.readouterr().out == "called\n" * 3
    assert "print" in reason(g)
    assert "print" in g.explain()
    with pytest.raises(cauchy.CauchyError, match="print"):
        g.graph  # noqa: B018


def test_what_cannot_be_watched_is_named():
    count, clock = itertools.count(1), time.perf_counter
    cases = [
        (lambda x: x.sum() * next(count), "count"),
        (lambda x: x.sum() * (1 + 0 * clock()), "time"),
        (lambda x: x.sum() * len(globals()), "globals"),
        (lambda x: x.sum() * eval("2.0"), "eval"),
        (lambda x: x.sum() * np.load("x.npy")[0] if x[0] is None else x.sum(), "load"),
        (lambda x: x.sum() * once(2), "lru_cache"),
    ]
    for f, word in cases:
        g = cauchy.grad(f)
        g(POINT)
        g(POINT)
        assert kept(g) == 0
        assert word in reason(g), reason(g)


@functools.lru_cache
def once(n):
    return SCALE * n


def test_a_buffer_that_is_written_and_read():
    class Buffer:
        def __init__(self):
            self.b = np.zeros(3)

        def f(self, x):
            self.b[:] = 2.0
            return (x * self.b).sum()

    owner = Buffer()
    g = cauchy.grad(owner.f)
    for _ in range(4):
        np.testing.assert_array_equal(g(POINT), 2.0)
        np.testing.assert_array_equal(owner.b, 2.0)
        owner.b[:] = 7.0  # writing what is there already looks like no change
        assert owner.b.flags.writeable
        g(POINT)


def test_an_attribute_of_the_function_is_written():
    def f(x):
        f.calls += 1
        return x.sum() * f.calls

    f.calls = 0
    g = cauchy.grad(f)
    assert [g(POINT)[0] for _ in range(5)] == [1, 2, 3, 4, 5]


def test_an_array_is_resized_in_place():
    data = np.ones(3)
    f = lambda x: (x * data[:3]).sum() * data.size
    g = cauchy.grad(f)
    for n in (3, 5, 4, 3):
        data.resize(n, refcheck=False)
        same(g(POINT), differentiate.grad(f)(POINT))


def test_an_exception_that_is_caught_may_depend_on_values():
    def f(x):
        try:
            return np.linalg.cholesky(x * np.eye(2)).sum()
        except np.linalg.LinAlgError:
            return x * 10

    g = cauchy.grad(f)
    for t in (-1.0, 4.0, -1.0, 9.0):
        same(g(t), differentiate.grad(f)(t))


def test_an_argument_that_is_written_to():
    def f(x, y):
        y[0] = 5.0
        return (x * y).sum()

    def h(x, xs):
        xs.append(1.0)
        return x.sum() * len(xs)

    y, xs = np.ones(3), []
    g = cauchy.grad(f)
    for _ in range(3):
        same(g(POINT, y), np.array([5.0, 1.0, 1.0]))
        assert y[0] == 5.0
        y[0] = 1.0
    g = cauchy.grad(h)
    for k in range(1, 4):
        g(POINT, xs)
        assert len(xs) == k


# -- arguments ----------------------------------------------------------------------------------------------------


def test_shapes_and_dtypes_are_variants():
    f = lambda x: (x**3).sum()
    g = cauchy.value_and_grad(f)
    for x in (POINT, POINT.astype(np.float32), np.arange(5), np.ones((2, 3)), 2.0, 3, np.float32(2), np.array(2.0)):
        agrees(g, x)
    agrees(g, np.ones((4, 6), order="F")[::2])
    agrees(g, POINT[::-1])
    agrees(g, POINT.astype(">f8"))
    agrees(g, np.zeros(0))
    assert all(not case.reason for case in g._cases.values())


BLOCK = np.arange(24.0).reshape(2, 3, 4)
LAYOUTS = [
    BLOCK,
    BLOCK[:, ::-1],
    BLOCK.repeat(2, axis=1)[:, ::2],
    BLOCK.repeat(2, axis=0)[::2],
    np.asfortranarray(BLOCK),
    BLOCK.transpose(1, 0, 2).copy().transpose(1, 0, 2),
    np.asfortranarray(BLOCK.repeat(2, axis=0))[::2],
    np.broadcast_to(BLOCK[:1], BLOCK.shape),
    np.broadcast_to(BLOCK[:, :, :1], BLOCK.shape),
]


@pytest.mark.parametrize("debug", ["", "redzones"])
def test_memory_order_decides_what_ravel_gives(debug, monkeypatch):
    monkeypatch.setenv("CAUCHY_DEBUG", debug)
    f = lambda x: (x.ravel(order="K") * np.arange(24.0)).sum()
    for first in LAYOUTS[::2]:
        g = cauchy.grad(f)
        for x in (first, *LAYOUTS):
            same(g(x), differentiate.grad(f)(x))


class Kind(enum.Enum):
    SUM = 1
    PROD = 2


def test_arguments_that_are_no_numbers_count_by_value():
    def f(x, how, power=2, *, act=None, scale=1.0, shift=None):
        y = act(x) if act else x
        y = y**power * scale
        y = y if shift is None else y + shift
        return y.sum() if how in ("sum", Kind.SUM) else y.prod()

    g = cauchy.value_and_grad(f)
    m = Model()
    for how in ("sum", "prod", Kind.SUM, Kind.PROD):
        for options in (
            {},
            {"act": np.tanh},
            {"act": lambda x: x * m.k},
            {"scale": 3.0},
            {"scale": 4.0},
            {"shift": POINT},
            {"shift": 2 * POINT, "scale": 2.0},
            {"power": 3},
            {"power": True},
        ):
            agrees(g, POINT, how, **options)
    agrees(g, POINT, "sum", 5)
    act = lambda x: x * m.k
    agrees(g, POINT, "sum", act=act)
    m.k = 17.0  # state captured by an argument
    agrees(g, POINT, "sum", act=act)
    data = np.array([1.0, 2.0, 4.0])
    act = lambda x: x * data.std()
    for _ in range(3):
        data *= 2
        agrees(g, POINT, "sum", act=act)


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setenv("CAUCHY_BACKEND", "value")  # hundreds of graphs
    g = cauchy.grad(lambda x, n: (x * n).sum())
    for n in range(VALUES + 5):
        assert g(2.0, n) == n
    assert str(VALUES) in reason(g)
    for n in range(1, KINDS + 5):
        g(np.ones(n), 1)
    assert len(g._cases) == KINDS


def test_a_float_argument_does_not_promote():
    f = lambda x, lr: (x * lr * 2).sum()
    g = cauchy.value_and_grad(f)
    for lr in (0.5, 0.25, np.float32(0.5), np.float64(0.5)):
        agrees(g, POINT.astype(np.float32), lr)
        agrees(g, POINT, lr)
    before = kept(g)
    for lr in np.linspace(0, 1, 30).tolist():
        same(g(POINT, lr), differentiate.value_and_grad(f)(POINT, lr))
    assert kept(g) == before, "a float is no reason to trace again"


def test_an_argument_that_is_not_differentiated_may_leave_the_trace():
    def f(x, n, t, a):
        return sum(x[:n]) * float(t) * a.tolist()[0] * np.fft.fft(a)[0].real

    g = cauchy.value_and_grad(f)
    for n in (1, 2, 3):
        for t in (1.0, 2.0):
            agrees(g, POINT, n, t, POINT * t)


Pair = namedtuple("Pair", "u v")


@dataclass
class Weights:
    w: np.ndarray
    b: float


def test_trees_in_and_out():
    f = lambda p: sum((v * v).sum() for v in p["layers"]) * p["b"] + p["pair"].u * p["pair"].v[0]
    g = cauchy.value_and_grad(f)
    for k in (1.0, 2.0):
        agrees(g, {"layers": [POINT * k, POINT[:2]], "b": k, "pair": Pair(k, [3.0]), "none": None})
    assert kept(g) == 1
    agrees(g, {"layers": [POINT], "b": 1.0, "pair": Pair(2.0, (3.0,))})
    agrees(lambda q: (q.w * q.b).sum(), Weights(POINT, 4.0))
    agrees(lambda q: (q["a"] ** 2).sum(), OrderedDict(b=1.0, a=POINT))
    h = cauchy.jacobian(lambda d: {"s": d["a"] * d["b"], "t": [d["a"].sum()]})
    for k in (1.0, 2.0, 3.0):
        same(h({"a": POINT * k, "b": k}), differentiate.jacobian(h.__wrapped__)({"a": POINT * k, "b": k}))


def test_aux():
    def f(x):
        return (x * x).sum(), {
            "y": x * 2,
            "n": len(x),
            "name": "loss",
            "data": ARRAY,
            "made": np.arange(3.0),
            "one": 1.5,
        }

    for transform in ("grad", "value_and_grad"):
        g = getattr(cauchy, transform)(f, has_aux=True)
        want = getattr(differentiate, transform)(f, has_aux=True)
        for k in (1.0, 2.0, 3.0):
            same(g(POINT * k), want(POINT * k))
        assert kept(g) == 1
        assert answers(g, POINT)
        out = g(POINT)
        made = (out[1] if transform == "grad" else out[0][1])["made"]
        made[:] = 99.0  # ours to write to
        same(g(POINT), want(POINT))


def test_results_are_fresh_and_of_numpys_types():
    for f in (lambda x: x, lambda x: (x, x), lambda x: ARRAY, lambda x: [x.sum(), 1.0, True, None], lambda x: x[0]):
        g = cauchy.compile(f)
        for k in (1.0, 2.0, 3.0):
            x = POINT * k
            out, want = g(x), f(x)
            parts = out if isinstance(out, (tuple, list)) else [out]
            for a, b in zip(parts, want if isinstance(out, (tuple, list)) else [want], strict=True):
                assert a is None if b is None else type(a) in (np.ndarray, np.float64, np.bool_)
                np.testing.assert_array_equal(a, b) if b is not None else None
                assert not np.shares_memory(a, x) if isinstance(a, np.ndarray) else True
                assert not np.shares_memory(a, ARRAY) if isinstance(a, np.ndarray) else True
        if isinstance(out, tuple):
            assert not np.shares_memory(*out)


# -- guards --------------------------------------------------------------------------------------------------------


def test_paths_are_kept_side_by_side():
    def f(x):
        t = x[0]
        while t > 1:
            t = t / 2
        return (t if x[1] > 0 else -t) * x[int(np.argmax(x))] + max(x) * abs(x[2])

    g = cauchy.value_and_grad(f)
    rng = np.random.default_rng(0)
    points = rng.normal(size=(40, 3)) * 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for x in points:
            same(g(x), differentiate.value_and_grad(f)(x))


def test_too_many_paths_are_traced_at_each_call_and_said_once():
    def f(x):
        t, n = x, 0
        while n < x:
            t, n = t * 1.01, n + 1
        return t

    g = cauchy.grad(f)
    for k in range(PATHS):
        same(g(k + 0.5), differentiate.grad(f)(k + 0.5))
    assert kept(g) == PATHS
    line = f.__code__.co_firstlineno + 2
    with pytest.warns(RuntimeWarning, match=rf"test_compile.py:{line}.*\n?.*np\.where"):
        g(PATHS + 0.5)
    for k in range(PATHS + 5):  # silent from now on
        same(g(k + 0.25), differentiate.grad(f)(k + 0.25))
    assert str(PATHS) in reason(g)
    g.retrace()
    assert kept(g) == 0


def test_truth_of_a_number_is_a_guard_on_its_truth():
    f = lambda x: (x[0] if x[1] else x[2]) * (np.argmax(x) or 5)
    g = cauchy.grad(f)
    points = [3.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 3.0, 1.0], [1.0, 5.0, 2.0], [1.0, 2.0, 3.0], [9.0, 0.0, 1.0]
    for x in map(np.array, points * 2):
        same(g(x), differentiate.grad(f)(x))
        assert answers(g, x)
    assert kept(g) == 3


def test_text_of_a_value_is_a_guard():
    f = lambda x, t: x.sum() * len(f"{t}") * len(str(t))
    g = cauchy.value_and_grad(f)
    for t in (1.0, 0.125, 1.0, 0.0625):
        agrees(g, POINT, t)


def test_state_that_changes_all_the_time_is_not_compiled_for_ever():
    k = 0.0

    def f(x):
        return (x * k).sum()

    g = cauchy.grad(f)
    for i in range(40):
        k = float(i) + 0.5
        same(g(POINT), np.full(3, k))
    assert "changes all the time" in reason(g)


# -- the table of idioms --------------------------------------------------------------------------------------------

IDIOMS = {f.__name__: f for f in (*test_idioms.WORKS, *test_found.RIGHT)}


@pytest.mark.parametrize("name", IDIOMS)
def test_idioms_kept_and_fresh_agree(name):
    f = IDIOMS[name]
    g = cauchy.value_and_grad(f)
    rng = np.random.default_rng(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for x in [POINT, POINT, POINT * 1.01, *rng.normal(size=(4, 3)), POINT]:
            try:
                want = differentiate.value_and_grad(f)(x.copy())
            except (cauchy.CauchyError, ArithmeticError, LookupError, ValueError) as e:
                with pytest.raises(type(e)):
                    g(x)
            else:
                np.testing.assert_equal(np.isnan(want[0]), np.isnan(g(x)[0]))
                if not np.isnan(want[0]):
                    same(g(x), want)
    assert state.depth == 0
    assert not state.keep


def test_most_idioms_are_kept():
    traced = []
    for name, f in IDIOMS.items():
        g = cauchy.grad(f)
        g(POINT)
        if not answers(g, POINT):
            traced.append(name)
    # it catches an exception
    assert traced == ["try_except"]


@pytest.mark.parametrize("f", test_idioms.REFUSED, ids=lambda f: f.__name__)
def test_refusals_are_those_of_a_fresh_trace(f):
    for _ in range(2):
        with pytest.raises(cauchy.TraceError) as e:
            cauchy.grad(f)(POINT)
        assert f.__code__.co_firstlineno < e.value.where.line <= f.__code__.co_firstlineno + 4


# -- nesting, threads, errors ------------------------------------------------------------------------------------


def test_kept_functions_nest():
    f = lambda x: np.sum(x**3) * np.exp(x[0])
    h = cauchy.hessian(f)
    forms = [h, cauchy.jacobian(cauchy.grad(f)), cauchy.compile(cauchy.jacobian(cauchy.grad(f), mode="forward"))]
    for k in (1.0, 0.5, 2.0):
        want = differentiate.hessian(f)(POINT * k)
        for form in forms:
            np.testing.assert_allclose(form(POINT * k), want, rtol=1e-12)
    assert all(kept(form) == 1 and answers(form, POINT) for form in forms)
    inner = cauchy.compile(lambda y: y * y)
    assert cauchy.grad(lambda x: inner(x) * x)(2.0) == 12.0
    np.testing.assert_array_equal(cauchy.hvp(cauchy.compile(lambda x: (x**3).sum()), (POINT,), (POINT,)), 6 * POINT**2)


def test_a_function_that_calls_its_own_compiled_form():
    def power(x, n):
        return x * (own(x, n - 1) if n else 1.0)

    own = cauchy.compile(power)
    g = cauchy.grad(power)
    for n in (0, 1, 4):
        for _ in range(3):
            assert own(1.5, n) == pytest.approx(1.5 ** (n + 1), rel=1e-15)
            assert g(1.5, n) == pytest.approx((n + 1) * 1.5**n, rel=1e-15)


def test_as_a_decorator_of_a_method():
    class Owner:
        def __init__(self, k):
            self.k = k

        @functools.partial(cauchy.grad, argnums=1)
        def slope(self, x):
            return self.k * (x**2).sum()

    a, b = Owner(1.0), Owner(2.0)
    for _ in range(3):
        np.testing.assert_array_equal(a.slope(POINT), 2 * POINT)
        np.testing.assert_array_equal(b.slope(POINT), 4 * POINT)
    a.k = 5.0
    np.testing.assert_array_equal(a.slope(POINT), 10 * POINT)


def test_threads():
    k = 1.0
    data = np.ones(3)

    def f(x):
        return (x**2 * data).sum() * k if x[0] > 0 else (x * data).sum()

    g = cauchy.grad(f)
    work = [POINT * s for s in np.linspace(-2, 2, 200)] + [np.ones(n) for n in range(1, 4) if n in (1, 3)] * 20
    want = [differentiate.grad(f)(x) for x in work]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            for a, b in zip(pool.map(g, work), want, strict=True):
                np.testing.assert_allclose(a, b, rtol=RTOL)
    assert kept(g) < 40


@pytest.mark.parametrize("error", [KeyError, RuntimeError, KeyboardInterrupt, RecursionError])
def test_an_exception_leaves_nothing_behind(error):
    wrong = True

    def f(x):
        if wrong:
            raise error("mine")
        return x.sum()

    g = cauchy.grad(f)
    for _ in range(2):
        with pytest.raises(error, match="mine"):
            g(POINT)
    assert kept(g) == 0
    assert state.depth == 0
    assert not state.keep
    wrong = False
    np.testing.assert_array_equal(g(POINT), 1.0)
    assert not reason(g)


def test_a_compiler_that_fails_is_an_error(monkeypatch):
    def broken(graph, calling=None):
        raise cauchy.InternalError("no such instruction")

    monkeypatch.setattr(capture, "backend", lambda: broken)
    g = cauchy.grad(lambda x: x.sum())
    for _ in range(2):
        with pytest.raises(cauchy.InternalError, match="no such instruction"):
            g(POINT)
    monkeypatch.undo()
    np.testing.assert_array_equal(g(POINT), 1.0)
    assert kept(g) == 1


@pytest.mark.parametrize(
    "bad", [np.array(["a"]), np.array([1j]), np.array([None]), np.zeros(2, np.float16), "text", None]
)
def test_bad_input_is_refused_as_ever(bad):
    for transform in (differentiate.grad, cauchy.grad):
        with pytest.raises(cauchy.TraceError, match=r"argument 0|nothing to differentiate"):
            transform(lambda x: x.sum())(bad)


def test_what_a_compiled_function_tells(monkeypatch):
    def f(x):
        "Sum."
        return x.sum() * SCALE

    g = cauchy.grad(f)
    assert (g.__name__, g.__wrapped__) == ("grad(f)", f)
    with pytest.raises(cauchy.CauchyError, match="not been called"):
        g.graph  # noqa: B018
    g(POINT)
    assert g.graph.name == "grad(f)"
    assert [n.shape for n in g.graph.inputs] == [(3,)]
    g(POINT)
    assert "SCALE" in g.explain()
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(g)
    with pytest.raises(cauchy.TraceError, match="function"):
        cauchy.compile(3)
    assert cauchy.compile(f).__doc__ == "Sum."
    monkeypatch.setenv("CAUCHY_BACKEND", "gpu")
    with pytest.raises(cauchy.CauchyError, match="native or value"):
        cauchy.grad(f)


def test_compile_gives_what_the_function_gives():
    def f(x, k, how="sum"):
        return {"r": getattr(np, how)(x * k), "t": math.exp(k)}

    g = cauchy.compile(f)
    for k in (0.5, 1.5):
        for how in ("sum", "prod"):
            out = g(POINT, k, how=how)
            np.testing.assert_allclose(out["r"], f(POINT, k, how)["r"], rtol=RTOL)
            np.testing.assert_allclose(out["t"], math.exp(k), rtol=RTOL)
    x = POINT.copy()

    @cauchy.compile
    def writes(x):
        x[0] = 5.0
        return x.sum()

    for _ in range(3):
        assert writes(x) == pytest.approx(5.0 + POINT[1:].sum(), rel=RTOL)
    np.testing.assert_array_equal(x, POINT)


# -- a law over random programs ------------------------------------------------------------------------------------

STEPS = {
    "scale": lambda x, s: x * s["k"],
    "array": lambda x, s: x + s["a"],
    "std": lambda x, s: x * s["a"].std(),
    "branch": lambda x, s: x * 2 if s["a"][0] > 0 else x + 1,
    "own branch": lambda x, s: np.sin(x) if x.sum() > 0 else np.cos(x),
    "list": lambda x, s: x * sum(s["l"]),
    "float": lambda x, s: x * float(s["a"][1]),
    "order": lambda x, s: x[np.argsort(s["a"])],
    "entry": lambda x, s: x - s["l"][0],
}
EDITS = {
    "k": lambda s, v: s.__setitem__("k", v),
    "a": lambda s, v: s["a"].__setitem__(int(abs(v)) % 3, v),
    "rebind": lambda s, v: s.__setitem__("a", np.array([v, 1.0, -v])),
    "l": lambda s, v: s["l"].__setitem__(0, v),
    "append": lambda s, v: s["l"].append(v),
    "none": lambda s, v: None,
}


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=5),
    st.lists(st.tuples(st.sampled_from(sorted(EDITS)), st.floats(-4, 4)), max_size=6),
    st.sampled_from(["value", "value", "value", "native"]),
)
def test_random_programs_over_random_state(steps, edits, backend):
    state = {"k": 2.0, "a": np.array([1.0, -2.0, 0.5]), "l": [1.0, 2.0]}
    chain = [STEPS[s] for s in steps]

    def f(x):
        for step in chain:
            x = step(x, state)
        return x.sum()

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAUCHY_BACKEND", backend)
        g = cauchy.value_and_grad(f)
        same(g(POINT), differentiate.value_and_grad(f)(POINT))
        for name, v in edits:
            EDITS[name](state, v)
            for x in (POINT, -POINT):
                same(g(x), differentiate.value_and_grad(f)(x))
