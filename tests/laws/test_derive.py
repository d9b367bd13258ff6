"""The laws of the derivative tables: one test per law, over all primitives.

Values are NumPy's bits. Slopes agree with mpmath (elementwise) or with extrapolated differences, entry by entry
(structural). Reverse is the transpose of forward, to second order too. At an edge a finite derivative lies between
the limits from both sides.
"""

import itertools
import math
from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import HARD, PARAMS, STRUCTURAL, TRUTH, WAIVED, Sample, edges, points, reference

import cauchy
from cauchy import ops as P
from cauchy.calculus import differentiate
from cauchy.errors import Refused
from cauchy.graph import Graph, Primitive
from cauchy.read.derive import partials
from cauchy.read.derive.vocabulary import ZERO

Params = dict[str, Any]

ELEMENTWISE = [(p, how) for p in P.ALL if p.domain for how in PARAMS.get(p.name, [{}])]
CONSTANT = {p for p in P.ALL if p in partials and set(partials[p]) == {ZERO}}
SMOOTH = [(p, how) for p, how in ELEMENTWISE if p not in CONSTANT]
CASES = [(P.BY_NAME[name], s) for name, samples in STRUCTURAL.items() for s in samples]
VARYING = [(p, s) for p, s in CASES if s.wrt and p not in CONSTANT]


def over(cases: list[Any]) -> Any:
    """Parametrize over (primitive, static parameters or sample)."""
    count = itertools.count()
    ids = [
        f"{p.name}-{next(count)}" if isinstance(how, Sample) else "-".join([p.name, *map(str, how.values())])
        for p, how in cases
    ]
    return pytest.mark.parametrize(("p", "how"), cases, ids=ids)


def parts(v: Any) -> tuple[Any, ...]:
    return tuple(v) if isinstance(v, tuple) else (v,)


def same(a: Any, b: Any) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def test_all_primitives_are_tried() -> None:
    assert {p.name for p in P.ALL if not p.domain} == {*STRUCTURAL, *WAIVED}
    assert [p.name for p in P.ALL if p.domain and p not in CONSTANT and p.name not in TRUTH] == []
    assert all(len(why) > 10 for why in WAIVED.values())


# -- values ----------------------------------------------------------------------------------------


@over(ELEMENTWISE)
def test_an_elementwise_value_has_the_bits_of_numpy(p: Primitive, how: Params) -> None:
    for dtype in (np.float64, np.float32):
        xs = [x if x.dtype == bool else x.astype(dtype) for x in points(p, 6)]
        if p is P.sinc and how["order"]:  # NumPy has no such function: the truth is mpmath's
            with mp.workdps(30):
                wanted = [float(TRUTH["sinc"](mp.mpf(float(x)), **how)) for x in xs[0]]
            np.testing.assert_allclose(_traced(p, how, xs), wanted, rtol=1e-13 if dtype is np.float64 else 1e-6)
            continue
        assert same(_traced(p, how, xs), reference(p)(*xs, **how))
        for x in zip(*xs, strict=True):
            assert same(_traced(p, how, list(x)), reference(p)(*x, **how))


def _traced(p: Primitive, how: Params, xs: Any) -> Any:
    """The value seen while tracing, which must be that of the graph run again."""
    graph = cauchy.trace(lambda *a: p(*a, **how), *xs)
    seen = [n.value for n in graph.outputs]
    again = parts(graph.run(*xs))
    assert all(same(a, b) for a, b in zip(seen, again, strict=True))
    return seen[0] if len(seen) == 1 else tuple(seen)


@over(CASES)
def test_a_structural_value_has_the_bits_of_numpy(p: Primitive, how: Sample) -> None:
    got, wanted = parts(_traced(p, how.params, how.args)), parts(reference(p)(*how.args, **how.params))
    assert len(got) == len(wanted)
    assert all(same(a, b) for a, b in zip(got, wanted, strict=True))


# -- slopes of elementwise primitives --------------------------------------------------------------


def slope(p: Primitive, how: Params, xs: Any, orders: tuple[int, ...]) -> Any:
    """The mixed partial derivative of these orders: forward passes, one inside the other."""
    f = lambda *a: p(*a, **how)
    for i, k in enumerate(orders):
        for _ in range(k):
            f = _along(f, i)
    return f(*xs)


def _along(f: Callable[..., Any], i: int) -> Callable[..., Any]:
    one = lambda x: np.ones(np.shape(x)) if np.ndim(x) else 1.0
    return lambda *a: cauchy.jvp(lambda x: f(*a[:i], x, *a[i + 1 :]), (a[i],), (one(a[i]),))[1]


def true_slope(p: Primitive, how: Params, x: Any, orders: tuple[int, ...], digits: int = 60) -> float:
    """The same by central differences, a third of the digits as step: the others pay for the subtraction."""
    with mp.workdps(digits):
        at = [mp.mpf(float(v)) for v in x]
        steps = [(abs(v) or 1) * mp.mpf(10) ** (-digits // 3) for v in at]
        varied = [i for i, k in enumerate(orders) for _ in range(k)]
        total = mp.mpf(0)
        for signs in itertools.product((-1, 1), repeat=len(varied)):
            moved = list(at)
            for i, s in zip(varied, signs, strict=True):
                moved[i] += s * steps[i]
            total += math.prod(signs) * TRUTH[p.name](*moved, **how)
        return float(total / math.prod(2 * steps[i] for i in varied))


def orders_of(p: Primitive, total: int) -> list[tuple[int, ...]]:
    free = [p is not P.where or i > 0 for i in range(len(p.domain))]
    return [
        k
        for k in itertools.product(range(total + 1), repeat=len(free))
        if sum(k) == total and all(f or not n for f, n in zip(free, k, strict=True))
    ]


@over(SMOOTH)
@pytest.mark.parametrize("order", [1, 2])
def test_a_slope_is_the_one_of_mpmath(p: Primitive, how: Params, order: int) -> None:
    xs = points(p, 4)
    for orders in orders_of(p, order):
        got = slope(p, how, xs, orders)
        wanted = np.array([true_slope(p, how, x, orders) for x in zip(*xs, strict=True)])
        # relative to the entry, and to the largest where the slope crosses zero
        scale = np.max(np.abs(wanted)) + 0.01
        assert np.all(np.abs(got - wanted) <= 1e-12 * np.abs(wanted) + 1e-14 * scale), (orders, xs, got, wanted)


# the slope is exp(-700) times as large as the value here
MANY_DIGITS = ("expit", "log_expit", "tanh", "logaddexp")


@pytest.mark.parametrize("name", HARD)
def test_a_slope_keeps_its_digits_in_hard_places(name: str) -> None:
    p, how = P.BY_NAME[name], PARAMS.get(name, [{}])[0]
    for x, total in itertools.product(HARD[name], (1, 2)):
        for orders in orders_of(p, total):
            got = float(slope(p, how, x, orders))
            wanted = true_slope(p, how, x, orders, 1000 if name in MANY_DIGITS else 200)
            noise = 1e-60 if got == 0.0 else 1e-290  # the differences of an exact zero
            assert math.isclose(got, wanted, rel_tol=1e-12 if total == 1 else 1e-9, abs_tol=noise), (
                x,
                orders,
                got,
                wanted,
            )


SATURATING = ("expit", "log_expit", "tanh", "erf", "erfc", "ndtr", "log_ndtr", "arctan", "i0e", "i1e", "arcsinh")


@pytest.mark.parametrize("name", SATURATING)
def test_a_saturated_slope_is_not_nan(name: str) -> None:
    for x, order in itertools.product((-1e3, 1e3, -1e9, 1e9), (1, 2, 3)):
        with np.errstate(all="ignore"):
            assert np.isfinite(slope(P.BY_NAME[name], {}, (x,), (order,))), (x, order)


@pytest.mark.parametrize("p", sorted((p for p in CONSTANT if p.domain), key=str), ids=str)
def test_what_is_locally_constant_has_derivative_zero(p: Primitive) -> None:
    how = PARAMS.get(p.name, [{}])[0]
    xs = points(p, 6)
    for i, x in enumerate(xs):
        moved = [*xs[:i], x + 1e-9, *xs[i + 1 :]]
        assert np.array_equal(reference(p)(*xs, **how), reference(p)(*moved, **how))
        assert np.array_equal(_along(lambda *a: p(*a, **how), i)(*xs), np.zeros(6))


# -- edges -----------------------------------------------------------------------------------------


def one_sided(p: Primitive, how: Params, x: tuple[float, ...], i: int, side: int) -> mp.mpf | None:
    """The limit of the slope from one side of x[i], None where there is none."""
    found = []
    try:
        for h in (mp.mpf("1e-40"), mp.mpf("1e-50")):
            at = mp.mpf(x[i]) + side * h
            f = lambda t: TRUTH[p.name](*map(mp.mpf, x[:i]), t, *map(mp.mpf, x[i + 1 :]), **how)
            found.append((f(at + h / 2**40) - f(at - h / 2**40)) / (h / 2**39))
    except (ZeroDivisionError, ValueError):
        return None
    if not all(mp.isfinite(s) and mp.im(s) == 0 for s in found) or abs(found[1] - found[0]) > 1e-9 * (
        1 + abs(found[0])
    ):
        return None
    return mp.re(found[1])


def continuous(p: Primitive, how: Params, x: tuple[float, ...], i: int) -> bool:
    f = lambda t: TRUTH[p.name](*map(mp.mpf, x[:i]), t, *map(mp.mpf, x[i + 1 :]), **how)
    try:
        here = f(mp.mpf(x[i]))
    except ZeroDivisionError:
        return False
    return mp.isfinite(here) and all(abs(f(mp.mpf(x[i]) + s) - here) < 1e-9 for s in (1e-20, -1e-20))


AT_EDGES = [(p, how) for p, how in ELEMENTWISE if edges(p) and p.name in TRUTH]


@over(AT_EDGES)
def test_at_an_edge_a_finite_slope_lies_between_the_limits(p: Primitive, how: Params) -> None:
    for x, i in itertools.product(edges(p), range(len(p.domain))):
        f = lambda t: p(*x[:i], t, *x[i + 1 :], **how)  # noqa: B023
        with np.errstate(all="ignore"):
            got = [float(_along(lambda *a: p(*a, **how), i)(*x)), float(differentiate.grad(f)(x[i]))]
        assert np.array_equal(got[0], got[1], equal_nan=True), (x, i, got)
        with mp.workdps(150):
            sides = [s for s in (one_sided(p, how, x, i, -1), one_sided(p, how, x, i, 1)) if s is not None]
            if math.isfinite(got[0]):
                assert sides, (x, i, got)
                slack = 1e-12 * max(map(abs, sides)) + 1e-30
                assert min(sides) - slack <= got[0] <= max(sides) + slack, (x, i, got, sides)
            elif len(sides) == 2:
                assert not continuous(p, how, x, i), (x, i, got, sides)


@pytest.mark.parametrize("name", ["absolute", "hypot", "maximum", "minimum", "fmax", "fmin", "i0e"])
def test_at_a_kink_the_slope_is_the_midpoint(name: str) -> None:
    p = P.BY_NAME[name]
    x = edges(p)[0]
    for i in range(len(x)):
        with mp.workdps(150):
            left, right = one_sided(p, {}, x, i, -1), one_sided(p, {}, x, i, 1)
            assert left is not None
            assert right is not None
            assert math.isclose(_along(p, i)(*x), (left + right) / 2, abs_tol=1e-30)


# -- broadcasting and precision --------------------------------------------------------------------


@over(SMOOTH)
def test_broadcasting_and_dtype(p: Primitive, how: Params) -> None:
    n = len(p.domain)
    shapes = {1: [((),), ((0,),), ((2, 3),)], 2: [((), (4,)), ((3, 1), (4,)), ((2, 3), (3,)), ((0, 1), (2,))]}.get(
        n, [((3, 1), (), (4,)), ((2,),) * 3]
    )
    free = range(1 if p is P.where else 0, n)
    f = lambda *a: p(*a, **how)
    for shape, dtype in itertools.product(shapes, (np.float64, np.float32)):
        drawn = [np.resize(x, s) for x, s in zip(points(p, 12), shape, strict=True)]
        xs = [x if x.dtype == bool else x.astype(dtype)[()] for x in drawn]
        whole = np.broadcast_shapes(*shape)
        for i in free:
            g = lambda x: f(*xs[:i], x, *xs[i + 1 :])  # noqa: B023
            t = np.cos(np.arange(np.size(xs[i]))).reshape(shape[i]).astype(dtype)[()]
            y, dy = cauchy.jvp(g, (xs[i],), (t,))
            assert np.shape(dy) == np.shape(y) == whole
            assert dy.dtype == y.dtype
            flat = [np.broadcast_to(x, whole) for x in xs]
            wide = cauchy.jvp(lambda x: f(*flat[:i], x, *flat[i + 1 :]), (flat[i],), (np.broadcast_to(t, whole),))[1]  # noqa: B023
            np.testing.assert_allclose(dy, wide, rtol=1e-6 if dtype is np.float32 else 1e-15)
            v = np.asarray(np.sin(1.0 + np.arange(np.size(y))).reshape(whole).astype(y.dtype))[()]
            (back,) = cauchy.vjp(g, xs[i])[1](v)
            assert np.shape(back) == shape[i]
            assert back.dtype == dtype
            size = float(np.sum(np.abs(v * dy)))
            assert (
                abs(np.sum(v * dy) - np.sum(back * t))
                <= 100 * max(float(np.finfo(d).eps) for d in (y.dtype, dtype)) * size
            )


# -- structural primitives -------------------------------------------------------------------------


def varied(p: Primitive, how: Sample) -> Callable[..., Any]:
    """The primitive as a function of the arguments that vary, its float outputs as a tuple."""

    def f(*xs: Any) -> Any:
        args = list(how.args)
        for i, x in zip(how.wrt, xs, strict=True):
            args[i] = x
        return tuple(o for o in parts(p(*args, **how.params)) if o.dtype.kind == "f")

    return f


def numeric(p: Primitive, how: Sample) -> Callable[..., Any]:
    def f(*xs: Any) -> Any:
        args = list(how.args)
        for i, x in zip(how.wrt, xs, strict=True):
            args[i] = x
        return tuple(np.asarray(o) for o in parts(reference(p)(*args, **how.params)) if np.asarray(o).dtype.kind == "f")

    return f


def difference(f: Callable[[float], Any], h: float = 2.0**-8) -> Any:
    """f'(0) of tuples of arrays: central differences, extrapolated three times: O(h^8) beside rounding eps/h."""
    rows = [[(a - b) / (2 * s) for a, b in zip(f(s), f(-s), strict=True)] for s in (h, h / 2, h / 4, h / 8)]
    for k in (1, 2, 3):
        rows = [[(4**k * b - a) / (4**k - 1) for a, b in zip(r, q, strict=True)] for r, q in itertools.pairwise(rows)]
    return rows[0]


def basis(x: Any, k: int) -> Any:
    e = np.zeros(np.shape(x))
    e.flat[k] = 1.0
    return e[()]


@over(VARYING)
def test_a_structural_slope_is_that_of_differences_entry_by_entry(p: Primitive, how: Sample) -> None:
    xs = [how.args[i] for i in how.wrt]
    f, g = varied(p, how), numeric(p, how)
    forward, reverse = (differentiate.jacobian(f, tuple(range(len(xs))), mode=m)(*xs) for m in ("forward", "reverse"))
    for i, x in enumerate(xs):
        for k in range(np.size(x)):
            move = lambda s: g(*xs[:i], x + s * basis(x, k), *xs[i + 1 :])  # noqa: B023
            for o, wanted in enumerate(difference(move)):
                column = np.reshape(forward[o][i], (*wanted.shape, np.size(x)))[..., k]
                scale = 1.0 + np.max(np.abs(wanted), initial=0.0)
                np.testing.assert_allclose(
                    column, wanted, rtol=0, atol=1e-9 * scale, err_msg=f"argument {i}, entry {k}"
                )
        for o in range(len(forward)):
            scale = 1.0 + np.max(np.abs(forward[o][i]), initial=0.0)
            np.testing.assert_allclose(reverse[o][i], forward[o][i], rtol=0, atol=1e-12 * scale)


@over(VARYING)
def test_a_structural_rule_can_be_differentiated_again(p: Primitive, how: Sample) -> None:
    rng = np.random.default_rng(7)
    xs = [how.args[i] for i in how.wrt]
    weights = [rng.normal(size=np.shape(o)) for o in numeric(p, how)(*xs)]

    def weighted(*a: Any) -> Any:
        return sum(np.sum(w * o * o) for w, o in zip(weights, varied(p, how)(*a), strict=True))

    gradient = differentiate.grad(weighted, tuple(range(len(xs))))
    us, vs = ([rng.normal(size=np.shape(x))[()] if np.ndim(x) else float(rng.normal()) for x in xs] for _ in range(2))
    hu, hv = (parts(cauchy.jvp(gradient, xs, t)[1]) for t in (us, vs))
    wanted = difference(lambda s: gradient(*(x + s * u for x, u in zip(xs, us, strict=True))))
    for a, b in zip(hu, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-8 * (1.0 + np.max(np.abs(b), initial=0.0)))
    left, right = (sum(float(np.sum(a * b)) for a, b in zip(x, y, strict=True)) for x, y in ((hu, vs), (hv, us)))
    assert math.isclose(
        left, right, rel_tol=1e-9, abs_tol=1e-9 * (1 + sum(np.sum(np.abs(a * b)) for a, b in zip(hu, vs, strict=True)))
    )


@over(
    [(p, how) for p, how in VARYING if not any(isinstance(v, Graph) for v in how.params.values())]
)  # bodies are typed
def test_single_precision_stays_single(p: Primitive, how: Sample) -> None:
    single = Sample(tuple(np.float32(a) if i in how.wrt else a for i, a in enumerate(how.args)), how.params)
    xs = [single.args[i] for i in single.wrt]
    ys, dys = cauchy.jvp(varied(p, single), xs, [np.ones_like(x) for x in xs])
    assert [d.dtype for d in dys] == [y.dtype for y in ys]
    assert {y.dtype for y in ys} == {np.dtype(np.float32)}
    back = cauchy.vjp(varied(p, single), *xs)[1](tuple(np.ones_like(y) for y in ys))
    assert {b.dtype for b in back} == {np.dtype(np.float32)}


def test_where_a_decomposition_has_no_derivative_it_is_nan_and_the_values_keep_theirs() -> None:
    t = np.array([[1.0, 2.0], [2.0, 3.0]])
    _, (dw, dv) = cauchy.jvp(lambda a: P.eigh(a, uplo="L"), (np.eye(2),), (t,))
    assert np.isnan(dv).any()
    assert np.array_equal(np.sum(dw), 4.0)
    assert np.isnan(differentiate.grad(lambda a: P.slogdet(a)[1])(np.ones((2, 2)))).all()
    trace = differentiate.grad(lambda a: np.sum(P.eigvalsh(a, uplo="L")))(np.diag([2.0, 2.0, 1.0]))
    np.testing.assert_allclose(trace, np.eye(3), atol=1e-15)
    nuclear = differentiate.grad(lambda a: np.sum(P.svdvals(a)))(np.eye(3))
    np.testing.assert_allclose(nuclear, np.eye(3), atol=1e-15)


def test_the_full_svd_of_an_oblong_matrix_is_refused_with_the_way_out() -> None:
    with pytest.raises(Refused, match="full_matrices=False"):
        differentiate.grad(lambda a: np.sum(P.svd(a, full_matrices=True)[1]))(np.ones((3, 2)))


# -- selections ------------------------------------------------------------------------------------

XS = np.array([-1.0, 0.0, 4.0])
SELECTIONS: list[tuple[str, Callable[[Any], Any], list[float]]] = [
    ("log", lambda x: np.where(x > 0, np.log(x), 0.0), [0, 0, 0.25]),
    ("other side", lambda x: np.where(x <= 0, 1.0, np.log(x)), [0, 0, 0.25]),
    ("sqrt of max", lambda x: np.sqrt(np.maximum(x, 0.0)), [0, math.inf, 0.25]),
    ("sqrt behind where", lambda x: np.where(x > 0, np.sqrt(x), 0.0), [0, 0, 0.25]),
    ("reciprocal", lambda x: np.where(x == 0, 1.0, 1.0 / x), [-1, 0, -0.0625]),
    ("chain", lambda x: np.where(x > 0, np.sin(np.log(x) * 0.0 + x), 0.0), [0, 0, math.cos(4.0)]),
    ("reshaped", lambda x: np.where((x > 0)[:, None], np.log(x).reshape(3, 1), 0.0), [0, 0, 0.25]),
    ("part", lambda x: np.where(x[1:] > 0, np.log(x)[1:], 0.0), [0, 0, 0.25]),
    ("reversed", lambda x: np.where(x > 0, np.log(x)[::-1][::-1], 0.0), [0, 0, 0.25]),
    ("two uses", lambda x: np.where(x > 0, np.log(x), 0.0) + np.where(x > 1, np.sqrt(x), x), [1, 1, 0.5]),
    ("nested", lambda x: np.where(x > 0, np.where(x > 1, np.log(x), 0.0), 0.0), [0, 0, 0.25]),
    ("select", lambda x: np.select([x > 1, x > -0.5], [np.log(x), x], 0.0), [0, 1, 0.25]),
    ("clip", lambda x: np.log(np.clip(x, 0.5, 3.0)), [0, 0, 0]),
    ("x log x", lambda x: np.where(x > 0, x * np.log(x), 0.0), [0, 0, math.log(4.0) + 1]),
    ("broadcast", lambda x: np.where((x > 0)[:, None], np.log(x)[:, None] * np.ones(2), 0.0), [0, 0, 0.5]),
    ("scalar", lambda x: np.where(x[0] > 0, np.log(x[0]), x[2] ** 2), [0, 0, 8]),
]


@pytest.mark.parametrize(("f", "wanted"), [s[1:] for s in SELECTIONS], ids=[s[0] for s in SELECTIONS])
def test_nothing_arrives_from_what_was_not_selected(f: Callable[[Any], Any], wanted: list[float]) -> None:
    with np.errstate(all="ignore"):
        pulled = differentiate.grad(lambda x: np.sum(f(x)))(XS)
        pushed = [np.sum(cauchy.jvp(f, (XS,), (e,))[1]) for e in np.eye(3)]
    np.testing.assert_allclose(pulled, wanted, rtol=1e-15)
    if np.isfinite(wanted).all():  # an infinite slope times a change of 0 is nan
        np.testing.assert_allclose(pushed, wanted, rtol=1e-15)


POWERS = [(n, x) for n in (0, 1, 2, 3, 5, 0.0, 1.0, 2.0, 2.5) for x in (0.0, 1.0, 2.0)]


@pytest.mark.parametrize(("n", "x"), POWERS)
def test_powers_at_zero_to_second_order(n: float, x: float) -> None:
    first, second = (n * x ** (n - 1) if n else 0.0), (n * (n - 1) * x ** (n - 2) if n not in (0, 1) else 0.0)
    for f in (
        lambda t: t**n,
        lambda t: np.power(t, np.float64(n)),
        lambda t: np.power(t * np.ones(2), np.full(2, float(n)))[0],
    ):
        assert math.isclose(differentiate.derivative(f)(x), first)
        assert math.isclose(differentiate.derivative(f, 2)(x), second)
        assert math.isclose(differentiate.grad(differentiate.grad(f))(x), second)


# -- programs --------------------------------------------------------------------------------------

UNARY: list[Callable[[Any], Any]] = [
    np.sin, np.tanh, np.arctan, np.exp, np.arcsinh, np.square, P.expit, P.erf, P.log_expit, P.log_ndtr, P.erfcx, P.i0e,
    lambda x: np.sqrt(1.5 + x), lambda x: np.log(1.5 + x), lambda x: 1.0 / (2.0 + x), lambda x: P.gammaln(2.0 + x),
    np.sinc, lambda x: (x + 2.0) ** 1.5,
]  # fmt: skip
BINARY: list[Callable[[Any, Any], Any]] = [
    np.add, np.subtract, np.multiply, np.hypot, np.logaddexp, np.matmul, lambda a, b: a / (2.0 + b),
    lambda a, b: np.arctan2(a, 2.0 + b), lambda a, b: P.solve(a + 4.0 * np.eye(3), b),
    lambda a, b: P.einsum(a, b, subscripts="ij,kj->ik"), lambda a, b: P.where(np.eye(3, dtype=bool), a, b),
    lambda a, b: P.betaln(2.0 + a, 2.0 + b), lambda a, b: P.setitem(a, P.getitem(b, key=(1,)), key=(0,)),
]  # fmt: skip
ROUND: list[Callable[[Any], Any]] = [
    lambda x: P.softmax(x, axis=1), lambda x: P.cumsum(x, axis=0), lambda x: P.cumprod(x, axis=1), lambda x: x.T,
    lambda x: P.inv(x + 4.0 * np.eye(3)), lambda x: P.cholesky(x @ x.T + np.eye(3), upper=False),
    lambda x: x - P.logsumexp(x, axis=1, keepdims=True), lambda x: x * P.sum(x, axis=0, keepdims=True),
    lambda x: x * P.det(x), lambda x: x[::-1],
]  # fmt: skip
STEPS = st.one_of(
    st.tuples(st.sampled_from(UNARY), st.integers(0, 9)),
    st.tuples(st.sampled_from(ROUND), st.integers(0, 9)),
    st.tuples(st.sampled_from(BINARY), st.integers(0, 9), st.integers(0, 9)),
)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.lists(STEPS, min_size=2, max_size=6), st.integers(0, 2**31))
def test_random_programs(steps: list[tuple[Any, ...]], seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, u, v, w = (rng.uniform(-1, 1, size=(3, 3)) for _ in range(4))

    def program(x: Any) -> Any:
        values = [x]
        for op, *which in steps:
            y = op(*(values[k % len(values)] for k in which))
            values.append(y / np.sqrt(1.0 + y * y))  # within (-1, 1): in the domain of the next
        return values[-1] + values[len(values) // 2]

    loss = lambda x: np.sum(w * program(x))
    _, pushed = cauchy.jvp(program, (x,), (u,))
    (pulled,) = cauchy.vjp(program, x)[1](v)
    assert math.isclose(
        np.sum(v * pushed), np.sum(pulled * u), rel_tol=1e-10, abs_tol=1e-10 * (1 + np.sum(np.abs(v * pushed)))
    )
    evaluate = cauchy.trace(program, x).run
    (wanted,) = difference(lambda s: (evaluate(x + s * u),), 2.0**-10)
    np.testing.assert_allclose(pushed, wanted, rtol=0, atol=1e-7 * (1 + np.max(np.abs(wanted))))
    hu, hv = (cauchy.hvp(loss, (x,), (t,)) for t in (u, v))
    assert math.isclose(np.sum(hu * v), np.sum(hv * u), rel_tol=1e-8, abs_tol=1e-8 * (1 + np.sum(np.abs(hu * v))))
    (wanted,) = difference(lambda s: (differentiate.grad(loss)(x + s * u),), 2.0**-10)
    np.testing.assert_allclose(hu, wanted, rtol=0, atol=1e-6 * (1 + np.max(np.abs(wanted))))
