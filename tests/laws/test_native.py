"""Compiled graphs give what the value reading gives: every primitive, random programs and their gradients.

Where NumPy computes an entry by one rounding, so does native code, and bits are equal; elementary functions keep their
stated ulps, and sums their stated bounds. Here all of them are held to a few ulps of the largest entry. Every
kernel also runs between red zones, with poisoned outputs.
"""

import dataclasses
import threading
import warnings

import numpy as np
import pytest
from samples import PARAMS, STRUCTURAL, TRUTH
from test_trace import SHAPES, program

import cauchy
from cauchy import ops as P
from cauchy.calculus import differentiate
from cauchy.read.native.driver import Driver
from cauchy.read.native.entry import entry_ir
from cauchy.read.native.kernel import Calling, Kernel
from cauchy.read.native.signature import Array, Scalar

EXACT = {"b", "i", "u"}


def spec(x):
    x = np.asarray(x)
    return Array(x.dtype, x.shape) if x.ndim else Scalar(x.dtype, (x.dtype.type,))


def difference(got, want, ulps=64.0, floor=0.0):
    """What is wrong with a result, or nothing; entries below `floor` count as that large."""
    if got.shape != want.shape or got.dtype != want.dtype:
        return f"{got.dtype}{list(got.shape)}, wanted {want.dtype}{list(want.shape)}"
    if want.dtype.kind in EXACT:
        return "" if np.array_equal(got, want) else f"{got}, wanted {want}"
    fine = np.isfinite(want)
    if not np.array_equal(np.where(fine, 0.0, want), np.where(np.isfinite(got), 0.0, got), equal_nan=True):
        return f"other entries are infinite or NaN: {got}, wanted {want}"
    scale = max(floor, np.max(np.abs(want[fine]), initial=np.finfo(want.dtype).tiny))
    error = np.max(np.abs(got[fine] - want[fine]), initial=0.0) / (scale * np.finfo(want.dtype).eps)
    return "" if error <= ulps else f"off by {error:.3g} ulps of the largest entry"


def disagreement(graph, args, ulps=64.0, floor=0.0):
    """How native code and the value reading differ on a graph; with red zones around every buffer."""
    args = tuple(np.asarray(a)[()] for a in args)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        want = graph.run(*args)
        want = [np.asarray(w) for w in (want if isinstance(want, tuple) else (want,))]
        whole = tuple(range(len(want)))
        kernel = Kernel(graph, Calling(tuple(map(spec, args)), whole))
        status, got = kernel.run(args)
        if status:
            return f"status {status}"
        results = [got]
        if kernel.signature is not None:
            checked = dataclasses.replace(kernel.signature, redzones=True)
            results.append(Driver(kernel.library, checked, lambda *a: pytest.fail("given up"))(*args))
    return "; ".join(
        filter(None, (difference(np.asarray(g), w, ulps, floor) for r in results for g, w in zip(r, want, strict=True)))
    )


def traced(p, args, params):
    return cauchy.trace(lambda *a: p(*a, **params), *args)


@pytest.mark.parametrize("name", STRUCTURAL)
def test_structural_primitives(name):
    for sample in STRUCTURAL[name]:
        graph = traced(P.BY_NAME[name], sample.args, sample.params)
        assert not disagreement(graph, sample.args), sample


@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("name", TRUTH)
def test_elementwise_primitives(name, dtype):
    p, rng = P.BY_NAME[name], np.random.default_rng(7)
    for params in PARAMS.get(name, [{}]):
        for shape in ((11,), (3, 5), ()):
            args = [rng.uniform(*d, size=shape).astype(dtype)[()] for d in p.domain]
            if name == "where":
                args[0] = args[0] > 0
            assert not disagreement(traced(p, args, params), args), (params, shape)


def random_graph(seed, gradient):
    rng = np.random.default_rng(seed)
    f = program(rng)
    x = np.round(rng.normal(size=SHAPES[rng.integers(len(SHAPES))]), 3)
    x = (x.astype(np.float32) if rng.random() < 0.2 else x)[()]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        if gradient:
            y = f(np.array(x)[()])
            if np.asarray(y).dtype.kind != "f":
                return None
            weights = rng.normal(size=np.shape(y))
            return cauchy.trace(differentiate.value_and_grad(lambda x: np.sum(f(x) * weights)), x), (x,)
        return cauchy.trace(f, x), (x,)


JUMPS = {"floor", "ceil", "trunc", "rint", "argsort", "sign", "floor_divide"}


def check_program(seed, gradient):
    made = random_graph(seed, gradient)
    if made is None:
        return
    graph, args = made
    # where a rounding error meets a jump, results differ by the jump; cancellation may eat any number of digits
    values = [n for n in graph.nodes if n.prim.name in JUMPS or n.prim.outputs > 1]
    if values or any(n.dtype == np.float32 for n in graph.nodes):
        return
    with np.errstate(all="ignore"):
        sizes = [np.abs(n.value) for n in graph.nodes if n.dtype.kind == "f" and np.size(n.value)]
        largest = max((np.max(s[np.isfinite(s)], initial=0.0) for s in sizes), default=0.0)
    # where terms cancel, what is left is rounding of the terms
    wrong = disagreement(graph, args, ulps=1e6, floor=1e-5 * largest)
    assert not wrong, (seed, wrong)


@pytest.mark.parametrize("block", range(4))
@pytest.mark.parametrize("gradient", [False, True])
def test_random_programs(block, gradient):
    for seed in range(30 * block, 30 * block + 30):
        check_program(seed, gradient)


@pytest.mark.sweep
@pytest.mark.parametrize("block", range(40))
@pytest.mark.parametrize("gradient", [False, True])
def test_many_random_programs(block, gradient):
    for seed in range(1000 + 100 * block, 1100 + 100 * block):
        check_program(seed, gradient)


def test_no_fast_math():
    flags = {"fast", "nnan", "ninf", "nsz", "arcp", "contract", "afn", "reassoc"}
    for seed in range(20):
        made = random_graph(seed, True)
        if made is not None:
            kernel = Kernel(made[0], Calling(tuple(map(spec, made[1])), (0, 1)))
            assert kernel.signature is None or not flags & set(entry_ir(kernel.signature).split())
            assert not flags & set(kernel.llvm.replace("=", " ").split())


def test_many_threads_share_a_kernel():
    x = np.linspace(-3.0, 3.0, 4000)
    graph = cauchy.trace(differentiate.value_and_grad(lambda x: np.sum(x * np.exp(-x * x)) + np.sum(x) ** 2), x)
    kernel = Kernel(graph, Calling((Array(x.dtype, x.shape),), (0, 1)))
    entry = kernel.entry(lambda *a: pytest.fail("given up"))
    want, wrong = entry(x), []

    def work():
        for _ in range(300):
            got = entry(x)
            if got[0] != want[0] or not np.array_equal(got[1], want[1]):
                wrong.append(got)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


@pytest.mark.parametrize("n", [1, 3, 4, 7, 8, 100, 4096, 100_003])
def test_sums_keep_their_bound(n):
    rng = np.random.default_rng(n)
    x = rng.normal(size=n) * 10.0 ** rng.integers(-8, 8, size=n)
    graph = cauchy.trace(np.sum, x)
    ((total,),) = [Kernel(graph).run((x,))[1]]
    import math

    exact = math.fsum(x)
    assert abs(total - exact) <= (128 + 8) * 2.0**-53 * math.fsum(np.abs(x))


def test_sums_with_infinities():
    for extra in (np.inf, -np.inf, np.nan):
        x = np.ones(10_000)
        x[777] = extra
        assert np.array_equal(Kernel(cauchy.trace(np.sum, x)).run((x,))[1][0], extra, equal_nan=True)


def test_a_bad_computed_index_is_given_up():
    graph = cauchy.trace(lambda x, i: x[i] * 2.0, np.arange(20.0), np.array([1, 2]))
    assert Kernel(graph).run((np.arange(20.0), np.array([-20, 19])))[1][0].tolist() == [0.0, 38.0]
    for i in ([0, 20], [-21, 0]):
        assert Kernel(graph).run((np.arange(20.0), np.array(i)))[0] == -1


def test_an_output_that_is_looked_up_in_a_computed_view():
    x, i = np.arange(24.0).reshape(2, 4, 3), np.array([1, 0, 3])
    graph = cauchy.trace(lambda x, i: np.sin(x[::-1] * 2.0)[0, i], x, i)
    assert not disagreement(graph, (x, i))


def test_empty_products():
    for a, b in (((0, 3), (3, 2)), ((2, 0), (0, 3)), ((2, 3), (3, 0))):
        args = np.ones(a), np.ones(b)
        assert not disagreement(cauchy.trace(np.matmul, *args), args)
