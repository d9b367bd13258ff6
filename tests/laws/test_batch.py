"""Many examples at once are the examples one by one: over every primitive, and through derivatives."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from samples import PARAMS, STRUCTURAL, Sample, points

import cauchy
from cauchy import ops as P
from cauchy.calculus.control import cond, loop, scan
from cauchy.calculus.differentiate import grad, hessian, jacobian, jvp, vjp
from cauchy.errors import Refused, ShapeError, TraceError
from cauchy.graph import Primitive
from cauchy.read.batch import batch

B = 3
RNG = np.random.default_rng(5)


def samples(p: Primitive) -> list[Sample]:
    if not p.domain:
        return STRUCTURAL.get(p.name, [])
    xs = points(p, 12)
    shapes = [((),) * len(xs), ((3,), (2, 3), ())[: len(xs)]]
    return [
        Sample(tuple(np.resize(x, s)[()] for x, s in zip(xs, shape, strict=True)), how)
        for shape in shapes
        for how in PARAMS.get(p.name, [{}])
    ]


# where NumPy puts the axes of index arrays: together, apart, beside integers, after an ellipsis; and empty ones
_I, _J = np.array([[1, 0, 1]]), np.array([[1], [0]])
KEYS: list[tuple[tuple[int, ...], tuple[Any, ...], tuple[Any, ...]]] = [
    ((2, 3, 2, 2), (P.ARRAY, slice(None), P.ARRAY), (_I, _J)),
    ((2, 3, 2, 2), (0, slice(1, None), P.ARRAY), (_I,)),
    ((2, 2, 2), (slice(None), P.ARRAY, None, P.ARRAY), (_I, _J)),
    ((2, 3, 2, 2), (Ellipsis, P.ARRAY, P.ARRAY), (_I, _J)),
    ((2, 3, 2), (None, P.ARRAY, Ellipsis, 1), (_J,)),
    ((3, 2, 2), (slice(None), -1, P.ARRAY), (_I[0],)),
    ((0, 2), (P.ARRAY, 1), (np.zeros(0, int),)),
]


def _placed() -> Any:
    for shape, key, at in KEYS:
        x = RNG.normal(size=shape)
        part = x[tuple(next(it) if isinstance(k, str) else k for it in [iter(at)] for k in key)]
        v = RNG.normal(size=part.shape)
        yield P.getitem, Sample((x, *at), {"key": key})
        yield P.scatter_add, Sample((v, *at), {"key": key, "shape": shape})
        yield P.add_at, Sample((x, v, *at), {"key": key})
        yield P.setitem, Sample((x, v[:1], *at), {"key": key})


CASES = [*_placed(), *((p, s) for p in P.ALL if p in batch for s in samples(p))]


def examples(p: Primitive, x: Any) -> list[Any]:
    """Arguments like x."""
    x = np.asarray(x)
    if x.dtype.kind == "f":
        small = [0.0, 0.01, -0.02]
        # scaled, a sorted array stays sorted and a singular matrix singular
        scaled = p in (P.searchsorted, P.det)
        moved = [x * (1 + s) for s in small] if scaled else [x + s * _like(p, x) for s in small]
        return [m.astype(x.dtype)[()] for m in moved]
    if x.dtype.kind == "b":
        return [x, ~x, x]
    if p.family == "index":  # other places, still inside
        return [x, np.flip(x), np.roll(x, 1) if x.ndim else x]
    return [x, x + 1, x + 2]


def _like(p: Primitive, x: np.ndarray) -> Any:
    noise = np.sin(1.0 + np.arange(x.size)).reshape(x.shape)
    return noise + np.swapaxes(noise, -1, -2) if p is P.cholesky else noise


def parts(v: Any) -> tuple[Any, ...]:
    return tuple(v) if isinstance(v, tuple) else (v,)


def agree(got: Any, wanted: Any, slack: float = 1e-14) -> None:
    for a, b in zip(parts(got), parts(wanted), strict=True):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        if a.dtype.kind != "f":
            assert np.array_equal(a, b)
            continue
        finite = b[np.isfinite(b)]
        scale = np.max(np.abs(finite), initial=0.0)
        eps = float(np.finfo(b.dtype).eps) / float(np.finfo(float).eps)
        np.testing.assert_allclose(a, b, rtol=slack * eps, atol=slack * eps * scale)


def in_any_way(p: Primitive, how: Sample) -> Any:
    """Every choice of arguments that differ between the examples: (in_axes, arguments, those of each example)."""
    every = [examples(p, a) for a in how.args]
    for flags in itertools.product((True, False), repeat=len(every)):
        if any(flags):
            args = [np.stack(xs) if b else xs[0] for xs, b in zip(every, flags, strict=True)]
            each = [[xs[i] if b else xs[0] for xs, b in zip(every, flags, strict=True)] for i in range(B)]
            yield tuple(0 if b else None for b in flags), args, each


def over(cases: list[Any]) -> Any:
    count = itertools.count()
    return pytest.mark.parametrize(("p", "how"), cases, ids=[f"{p.name}-{next(count)}" for p, _ in cases])


def test_every_rule_is_tried() -> None:
    elsewhere = {"stop_gradient", "item", "custom", "scan", "cond", "while_loop"}
    assert {p.name for p in batch} - {p.name for p, _ in CASES} <= elsewhere


@over(CASES)
def test_many_examples_are_the_examples_one_by_one(p: Primitive, how: Sample) -> None:
    f = lambda *a: p(*a, **how.params)
    for axes, args, each in in_any_way(p, how):
        with np.errstate(all="ignore"):
            got = cauchy.vmap(f, axes)(*args)
            found = [parts(cauchy.trace(f, *a).run(*a)) for a in each]
        wanted = tuple(np.stack([np.asarray(x) for x in column]) for column in zip(*found, strict=True))
        agree(got, wanted, 1e-13 if p.family in ("linalg", "control") else 1e-15 if p.family == "reduce" else 0.0)


@over([(p, s) for p, s in CASES if s.wrt and p is not P.searchsorted])
def test_a_gradient_for_each_example_is_that_of_a_loop(p: Primitive, how: Sample) -> None:
    rng = np.random.default_rng(3)
    shapes = [np.shape(y) for y in parts(cauchy.trace(lambda *a: p(*a, **how.params), *how.args).run(*how.args))]
    weights = [rng.normal(size=s) for s in shapes]

    def f(*a: Any) -> Any:
        return sum(np.sum(w * y) for w, y in zip(weights, parts(p(*a, **how.params)), strict=True))

    g = grad(f, how.wrt)
    for axes, args, each in in_any_way(p, how):
        if axes.count(0) not in (1, len(axes)):
            continue
        with np.errstate(all="ignore"):
            got = cauchy.vmap(g, axes)(*args)
            found = [g(*a) for a in each]
        agree(got, tuple(np.stack(column) for column in zip(*found, strict=True)), 1e-11)
        # and the gradient of all examples together is their sum
        total = lambda *a: np.sum(cauchy.vmap(f, axes)(*a))  # noqa: B023
        together = grad(total, how.wrt)(*args)
        wanted = tuple(y if axes[i] == 0 else np.sum(y, axis=0) for i, y in zip(how.wrt, got, strict=True))
        agree(together, wanted, 1e-11)


# -- vmap ------------------------------------------------------------------------------------------

XS = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
W = np.array([1.0, -1.0])


def test_axes_and_trees() -> None:
    f = lambda p, x, k: {"y": p["w"] * x + k, "z": (x.sum(), p["b"])}
    p = {"w": XS, "b": np.array([2.0])}
    got = cauchy.vmap(f, ({"w": 0, "b": None}, 1, None), {"y": 1, "z": (0, None)})(p, XS.T, 3)
    assert np.array_equal(got["y"], (XS * XS + 3).T)
    assert np.array_equal(got["z"][0], XS.sum(axis=1))
    assert np.array_equal(got["z"][1], [2.0])
    assert np.array_equal(cauchy.vmap(lambda x: 7.0)(XS), [7.0, 7.0, 7.0])
    assert np.array_equal(cauchy.vmap(lambda x, k: x * k, -1)(XS, np.array([2, 3])), XS.T * [[2], [3]])
    assert np.array_equal(cauchy.vmap(lambda x, *, k: x * k)(XS, k=W), XS * W)
    assert np.array_equal(cauchy.vmap(lambda t, i: t[i], (None, 0))(W, np.array([1, 0, 1])), W[[1, 0, 1]])
    integers = cauchy.vmap(lambda i, j: i // j)(np.arange(6), np.arange(1, 7))
    assert np.array_equal(integers, np.arange(6) // np.arange(1, 7))
    assert integers.dtype == np.arange(6).dtype
    assert np.array_equal(cauchy.vmap(lambda x: np.add(x, 1, dtype=np.float32))(XS), np.float32(XS + 1))


def test_nested_and_inside_other_transforms() -> None:
    outer = cauchy.vmap(cauchy.vmap(lambda a, b: a * np.sin(b), (None, 0)), (0, None))
    assert np.array_equal(outer(W, XS[:, 0]), W[:, None] * np.sin(XS[:, 0]))
    loss = lambda w, x: np.log1p(np.exp(-x @ w))
    total = lambda w: np.mean(cauchy.vmap(loss, (None, 0))(w, XS))
    plain = lambda w: np.mean(np.log1p(np.exp(-XS @ w)))
    np.testing.assert_allclose(grad(total)(W), grad(plain)(W), rtol=1e-14)
    np.testing.assert_allclose(hessian(total)(W), hessian(plain)(W), rtol=1e-13)
    each = cauchy.vmap(hessian(loss), (None, 0))(W, XS)
    np.testing.assert_allclose(each, [hessian(loss)(W, x) for x in XS], rtol=1e-13)
    graph = cauchy.trace(cauchy.vmap(loss, (None, 0)), W, XS)
    np.testing.assert_allclose(graph.run(2 * W, XS + 1), np.log1p(np.exp(-(XS + 1) @ (2 * W))), rtol=1e-14)
    np.testing.assert_allclose(jvp(cauchy.vmap(np.sin), (XS,), (XS,))[1], XS * np.cos(XS), rtol=1e-15)


def test_a_branch_that_all_examples_take_is_a_guard() -> None:
    f = cauchy.vmap(lambda x: x * x if x > 0 else x)
    assert np.array_equal(f(np.array([1.0, 2.0])), [1.0, 4.0])
    graph = cauchy.trace(f, np.array([1.0, 2.0]))
    assert np.array_equal(graph.run(np.array([3.0, 5.0])), [9.0, 25.0])
    with pytest.raises(Refused, match="traced"):
        graph.run(np.array([3.0, -5.0]))
    with pytest.raises(TraceError, match=r"(?s)test_batch.py:\d+.*different examples.*np.where"):
        f(np.array([1.0, -2.0]))
    with pytest.raises(TraceError, match="different examples"):
        cauchy.vmap(lambda x: x[x > 2])(XS)
    with pytest.raises(TraceError, match="pass the table"):
        cauchy.vmap(lambda i: W[i])(np.array([1, 0]))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: cauchy.vmap(np.add)(XS, W), r"argument 1 of `add` holds 2 examples along axis 0; argument 0 .* 3"),
        (lambda: cauchy.vmap(np.sin)(np.zeros((0, 2))), "holds no example"),
        (lambda: cauchy.vmap(np.sin)(1.0), r"shape \(\); wanted examples along axis 0"),
        (lambda: cauchy.vmap(np.sin, 2)(XS), r"shape \(3, 2\); wanted examples along axis 2"),
        (lambda: cauchy.vmap(np.add, (0,))(XS, XS), "in_axes has 1 entries .* 2 positional"),
        (lambda: cauchy.vmap(lambda p: p["a"], ({"b": 0},))({"a": XS}), "in_axes .* does not fit argument 0"),
        (lambda: cauchy.vmap(np.sin, True)(XS), "in_axes True does not fit"),
        (lambda: cauchy.vmap(np.sin, 0, None)(XS), "out_axes is None .* depends on the example"),
        (lambda: cauchy.vmap(np.sin, 0, 3)(XS), r"out_axes=3 .* shape \(2,\)"),
        (lambda: cauchy.vmap(np.sin, None)(XS), "no examples"),
        (lambda: cauchy.vmap(np.sin)(np.array(["a"])), "text"),
        (lambda: cauchy.vmap(3), "needs a function"),  # pyright: ignore[reportArgumentType]
    ],
)
def test_what_does_not_fit_is_named(call: Callable[[], Any], words: str) -> None:
    with pytest.raises((ShapeError, TraceError), match=words):
        call()


def test_a_custom_derivative_and_a_stopped_one() -> None:
    @cauchy.custom_derivative
    def cube(x: Any) -> Any:
        return x**3

    cube.defvjp(lambda v, y, x: (10.0 * v * x,))
    assert np.array_equal(cauchy.vmap(cube)(XS), XS**3)
    assert np.array_equal(cauchy.vmap(grad(cube))(W), 10.0 * W)
    stopped = lambda x: x * cauchy.stop_gradient(x)
    assert np.array_equal(grad(lambda x: np.sum(cauchy.vmap(stopped)(x)))(W), W)


# loops and branches, which hold graphs: (function, arguments of one example); the rounds of HALVED depend on its value
STEP = RNG.normal(size=(2, 2)) / 2
SCAN: Callable[..., Any] = lambda h, xs, w: scan(lambda s, x: (np.tanh(w @ s + x), (s * x, 1.0)), h, xs)
BACK: Callable[..., Any] = lambda h, xs: scan(lambda s, x: (s * x, s), h, xs, reverse=True)[1]
SIDES: Callable[..., Any] = lambda c, x: cond(np.sum(c) > 0, lambda x: (np.log(x), x), lambda x: (x * x, 2.0 * x), x)
HALVED: Callable[..., Any] = lambda x, y: loop(
    lambda i, s: (s[0] / 2, s[1] * y), (x, y), while_=lambda s: np.max(s[0]) > 1
)
ROLLED: list[tuple[str, Callable[..., Any], tuple[Any, ...]]] = [
    ("scan", SCAN, (W, XS, STEP)),
    ("reverse", BACK, (W, XS)),
    ("no rounds", SCAN, (W, XS[:0], STEP)),
    ("cond", SIDES, (-W, XS)),
    ("while", HALVED, (10.0 * XS[:, 0], W)),
    ("times", lambda a: loop(lambda i, x: (x + a / x) / 2, a, 4), (XS,)),
]


@pytest.mark.parametrize(("f", "one"), [r[1:] for r in ROLLED], ids=[r[0] for r in ROLLED])
def test_loops_and_branches_of_many_examples(f: Callable[..., Any], one: tuple[Any, ...]) -> None:
    def flat(*a: Any) -> tuple[Any, ...]:
        found: list[Any] = []
        collect = lambda t: [collect(v) for v in t] if isinstance(t, tuple) else found.append(t)
        collect(f(*a))
        return tuple(found)

    loss = lambda *a: sum(np.sum(np.sin(v)) for v in flat(*a))
    gradient: Callable[..., Any] = jacobian(loss, tuple(range(len(one))), mode="forward")
    every = [[a, -2.0 * a, 3.0 * a] if f is HALVED else [a, 0.5 * a, 0.3 * a] for a in one]
    if f is SIDES:
        every[0] = [one[0], one[0] + 1.0, one[0] - 1.0]
    for flags in itertools.product((True, False), repeat=len(one)):
        if any(flags):
            axes = tuple(0 if b else None for b in flags)
            args = [np.stack(xs) if b else xs[0] for xs, b in zip(every, flags, strict=True)]
            each = [[xs[i] if b else xs[0] for xs, b in zip(every, flags, strict=True)] for i in range(B)]
            for g in (flat, gradient):
                found = [parts(g(*a)) for a in each]
                agree(cauchy.vmap(g, axes)(*args), tuple(np.stack(c) for c in zip(*found, strict=True)), 1e-12)
            if f is not HALVED:
                back = grad(loss, tuple(range(len(one))))
                agree(cauchy.vmap(back, axes)(*args), cauchy.vmap(gradient, axes)(*args), 1e-12)


def test_results_that_do_not_stack_are_refused() -> None:
    a = np.stack([np.eye(3, 2), np.ones((3, 2))])
    with pytest.raises(Refused, match="no stack"):
        cauchy.vmap(lambda a: np.linalg.lstsq(a, np.ones(3), rcond=None)[1])(a)


def test_jax_agrees() -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    rng = np.random.default_rng(1)
    a, x, w = rng.normal(size=(5, 4, 4)), rng.normal(size=(5, 4)), rng.normal(size=4)

    def loss(lib: Any) -> Any:
        return lambda w, a, x: lib.sum(lib.tanh(a @ w - x) ** 2) * lib.linalg.det(a) + lib.max(x * w[::-1])

    for make in (lambda m: m.grad, lambda m: lambda f: f):
        ours = cauchy.vmap(make(cauchy)(loss(np)), (None, 0, 0))(w, a, x)
        theirs = jax.vmap(make(jax)(loss(jax.numpy)), (None, 0, 0))(w, a, x)
        np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-11)


# -- jacobians in one pass -------------------------------------------------------------------------


def by_columns(f: Callable[..., Any], x: np.ndarray) -> np.ndarray:
    """The jacobian by its definition: the change along one input entry after the other."""
    columns = []
    for k in range(x.size):
        e = np.zeros(x.shape)
        e.flat[k] = 1.0
        columns.append(np.asarray(jvp(f, (x,), (e,))[1]))
    return np.stack(columns, axis=-1).reshape(columns[0].shape + x.shape)


def by_rows(f: Callable[..., Any], x: np.ndarray) -> np.ndarray:
    y, pullback = vjp(f, x)
    rows = []
    for k in range(np.size(y)):
        v = np.zeros(np.shape(y))
        v.flat[k] = 1.0
        rows.append(pullback(v[()])[0])
    return np.stack(rows).reshape(np.shape(y) + x.shape)


A = RNG.normal(size=(5, 3))
M = RNG.normal(size=(3, 4))
MAPS: list[tuple[str, Callable[[Any], Any], tuple[int, ...]]] = [
    ("product", lambda x: A @ x, (3,)),
    ("left product", lambda x: x @ M, (3,)),
    ("inner product", lambda x: M[:, 0] @ x, (3,)),
    ("matrix", lambda x: A @ x, (3, 2)),
    ("matrix from the left", lambda x: x @ M, (2, 3)),
    ("matrix and vector", lambda x: x @ M[:, 0], (2, 3)),
    ("vector and matrix", lambda x: M[:, 0] @ x, (3, 2)),
    ("column", lambda x: A @ x[:, None], (3,)),
    ("dot", lambda x: A.dot(x) * np.sum(x), (3,)),
    ("network", lambda x: np.tanh(A @ np.tanh(x @ M)[:3]), (3,)),
    ("elementwise", lambda x: np.exp(x) * np.sin(x), (2, 3)),
    ("scaled", lambda x: 2.0 * x, (3,)),
    ("itself", lambda x: x, (2, 2)),
    ("reshaped", lambda x: (x.reshape(3, 2) @ np.ones((2, 2)))[::-1].T, (6,)),
    ("gathered", lambda x: x[[0, 2, 0]] ** 2 + np.where(x > 0, x, x**2), (3,)),
    ("solved", lambda x: np.linalg.solve(np.eye(3) + x[:, None] * x, x), (3,)),
    ("constant", lambda x: np.ones(2) + 0.0 * x[0], (3,)),
    ("number", lambda x: np.sum(x**3), (3,)),
    ("of a number", lambda x: np.stack([x, x**2]), ()),
]


@pytest.mark.parametrize(("f", "shape"), [m[1:] for m in MAPS], ids=[m[0] for m in MAPS])
def test_a_jacobian_in_one_pass_is_that_entry_by_entry(f: Callable[[Any], Any], shape: tuple[int, ...]) -> None:
    x = np.asarray(np.random.default_rng(2).normal(size=shape))
    wanted = by_columns(f, x)
    for mode in ("forward", "reverse"):
        np.testing.assert_allclose(jacobian(f, mode=mode)(x), wanted, rtol=1e-14, atol=1e-14)
        inside = cauchy.trace(jacobian(f, mode=mode), x)  # where nothing is forgotten
        np.testing.assert_allclose(inside.run(x), wanted, rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(by_rows(f, x), wanted, rtol=1e-14, atol=1e-14)
    g = lambda x: np.sum(f(x) ** 2)
    np.testing.assert_allclose(hessian(g)(x), by_columns(grad(g), x), rtol=1e-13, atol=1e-13)
    twice = jacobian(jacobian(f))(x)
    np.testing.assert_allclose(twice, by_columns(jacobian(f), x), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(("f", "shape"), [m[1:] for m in MAPS if m[2]], ids=[m[0] for m in MAPS if m[2]])
def test_a_jacobian_in_parts_is_the_same(
    f: Callable[[Any], Any], shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    x = np.random.default_rng(2).normal(size=shape)
    jacobians = [jacobian(f, mode=m) for m in ("forward", "reverse")]
    again = jacobian(jacobians[0])
    wanted, second = [j(x) for j in jacobians], again(x)
    for size in (1, 300):
        monkeypatch.setattr("cauchy.calculus.differentiate.PASS_BYTES", size)
        for mode, w in zip(("forward", "reverse"), wanted, strict=True):
            np.testing.assert_allclose(jacobian(f, mode=mode)(x), w, rtol=1e-14, atol=1e-14)
        np.testing.assert_allclose(jacobian(jacobian(f))(x), second, rtol=1e-13, atol=1e-13)


def test_nothing_is_not_zero_in_a_product_with_a_basis() -> None:
    a = np.array([[1.0, np.inf], [np.nan, 2.0]])
    with np.errstate(all="ignore"):
        for mode in ("forward", "reverse"):
            assert np.array_equal(jacobian(lambda x: a @ x, mode=mode)(W), a, equal_nan=True)
            assert np.array_equal(jacobian(lambda x: a[0] * x, mode=mode)(W), np.diag(a[0]))


def test_single_precision_and_trees_in_one_pass() -> None:
    f = lambda p: {"y": p["a"] * p["b"][0], "n": np.sum(p["a"] > 0)}
    p = {"a": np.float32([1.0, 2.0]), "b": (np.float32(3.0), np.zeros(0, np.float32))}
    for mode in ("forward", "reverse"):
        j = jacobian(f, mode=mode)(p)
        assert np.array_equal(j["y"]["a"], np.diag(np.float32([3.0, 3.0])))
        assert np.array_equal(j["y"]["b"][0], [1.0, 2.0])
        assert j["y"]["b"][1].shape == (2, 0)
        assert j["n"]["a"].shape == (2,)
        assert not j["n"]["a"].any()
        assert j["y"]["a"].dtype == j["y"]["b"][0].dtype == np.float32
