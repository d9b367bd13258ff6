"""Special functions in native code: error against Arb, SciPy's bits where its kernels are called, equal widths."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from flint import arb
from native_kernels import DTYPES, bits, edges, kernel, same, vector_width, worst
from scipy import special

from cauchy.errors import InternalError
from cauchy.read.native.functions import TABLE, external

KINDS = ("f64", "f32")


def ndtr(x: arb) -> arb:
    return arb(0) if x < -1000 else arb.erfc(-x / arb(2).sqrt()) / 2


def log_ndtr(x: arb) -> arb:
    if x < -1000:  # the asymptotic series, in which the terms after these are below 1e-18
        return -(x * x) / 2 - arb.log(-x * (2 * arb.pi()).sqrt()) + (1 - 1 / (x * x) + 3 / x**4 - 15 / x**6).log()
    return arb.log1p(-ndtr(-x)) if x > 0 else arb.log(ndtr(x))


def entr(x: arb) -> arb:
    return arb(0) if x * (1 - x) == 0 else -x * arb.log(x)


def logit(x: arb) -> arb:
    return arb(0) if x == 0.5 else arb.log(x / (1 - x))


def xlogy(x: arb, y: arb) -> arb:
    return arb(0) if x == 0 or y == 1 else x * arb.log(y)


def xlog1py(x: arb, y: arb) -> arb:
    return arb(0) if x == 0 or y == 0 else x * arb.log1p(y)


# truth, the interval of most interest, and further points: borders of the methods, of underflow, of an ulp from a limit
CASES: dict[str, tuple[Callable[..., arb], tuple[float, float], tuple[float, ...]]] = {
    "erf": (arb.erf, (-6.5, 6.5), (1.0, 3.9, 4.1, 5.8, 5.92, 6.0, 1e-8)),
    "erfc": (arb.erfc, (-6.0, 27.3), (0.5, 0.75, 1.0, 6.0, 9.19, 10.05, 10.1, 26.5432, 27.2264, 27.2972, 27.3)),
    "ndtr": (ndtr, (-38.6, 9.0), (0.5, 1.06, 1.0607, 8.3, 12.9, 14.17, 14.2, 37.519, 38.485, 38.6)),
    "log_ndtr": (
        log_ndtr,
        (-20.0, 9.0),
        (0.5, 1.06, 1.0607, 5.0, 14.2, 37.5, 38.6, 1e4, 1e12, 1.3e154, 1.8e154, 2e154),
    ),
    "entr": (entr, (0.0, 4.0), (0.5, math.e, 1e-300)),
    "logit": (logit, (0.0, 1.0), (0.25, 0.5, 2.0**-90, 2.0**-900)),
    "xlogy": (xlogy, (-4.0, 4.0), (0.5, 2.0)),
    "xlog1py": (xlog1py, (-1.0, 4.0), (0.5, 2.0)),
}


def at(name: str, kind: str, *xs: np.ndarray, width: int | None = None) -> np.ndarray:
    return kernel(name, kind, vector_width(kind) if width is None else width)(*xs)


def sample(name: str, kind: str, n: int, seed: int) -> tuple[np.ndarray, ...]:
    """Random bit patterns and the interval of interest, for each argument."""
    rng = np.random.default_rng(seed)
    low, high = CASES[name][1]
    return tuple(
        np.concatenate([bits(kind, n, seed + 7 * k), rng.uniform(low, high, n).astype(DTYPES[kind])])
        for k in range(TABLE[name].arity)
    )


def with_edges(name: str, kind: str, n: int, seed: int) -> tuple[np.ndarray, ...]:
    tiny, huge = float(np.finfo(DTYPES[kind]).smallest_normal), float(np.finfo(DTYPES[kind]).max)
    e = edges(kind, *(p for p in CASES[name][2] if tiny <= p <= huge))
    grid = np.meshgrid(*[e] * TABLE[name].arity)
    return tuple(np.concatenate([a.ravel(), b]) for a, b in zip(grid, sample(name, kind, n, seed), strict=True))


def scipy(name: str, *xs: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return getattr(special, "psi" if name == "digamma" else name)(*xs)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CASES)
def test_error_is_within_the_stated_bound(name: str, kind: str) -> None:
    xs = with_edges(name, kind, 1500, 1)
    y, expected = at(name, kind, *xs), scipy(name, *xs)
    assert np.array_equal(np.isnan(y), np.isnan(expected))
    found, where = worst(CASES[name][0], kind, xs, y)
    assert found <= TABLE[name].ulp[kind], where


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CASES)
def test_special_values_and_zeros_are_those_of_scipy(name: str, kind: str) -> None:
    e = np.array([0.0, 1.0, 2.0, math.inf, math.nan], DTYPES[kind])
    xs = tuple(a.ravel() for a in np.meshgrid(*[np.concatenate([e, -e])] * TABLE[name].arity))
    y, expected = at(name, kind, *xs), scipy(name, *xs)
    exact = ~np.isfinite(expected) | (expected == 0) | (expected == 1)
    assert same(y[exact], expected[exact])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CASES)
def test_a_number_has_the_same_bits_at_every_width_and_place(name: str, kind: str) -> None:
    xs = sample(name, kind, 3000, 2)
    one = at(name, kind, *xs, width=1)
    for width in (2, vector_width(kind)):
        assert same(one, at(name, kind, *xs, width=width))


# -- SciPy's kernels ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", external.KERNELS)
def test_a_kernel_of_scipy_keeps_its_bits(name: str, kind: str) -> None:
    dtype, rng = DTYPES[kind], np.random.default_rng(3)
    e = np.concatenate([edges(kind, 0.5, 2.0, 5.0, 35.0), np.array([170.0, 171.7, -3.0, -1.5], dtype)])
    grid = np.meshgrid(*[e] * TABLE[name].arity)
    some = [np.concatenate([rng.uniform(-3, 3, 1000), rng.uniform(0, 40, 1000)]).astype(dtype) for _ in grid]
    xs = [np.concatenate([g.ravel(), bits(kind, 1000, 8 + k), some[k]]) for k, g in enumerate(grid)]
    if name == "iv":  # an integer order
        xs[0] = np.resize(np.arange(-3.0, 12.0), len(xs[0])).astype(dtype)
    expected = scipy(name, *xs)
    for width in (1, vector_width(kind)):
        assert same(at(name, kind, *xs, width=width), expected)


def test_a_kernel_of_another_signature_is_refused() -> None:
    with pytest.raises(InternalError, match="expected `double"):
        external.address("gammaln", "double", 2)
    with pytest.raises(InternalError, match="expected `float"):
        external.address("no such kernel", "float", 1)


# -- sweeps ------------------------------------------------------------------------------------------------


@pytest.mark.sweep
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CASES)
def test_sweep(name: str, kind: str) -> None:
    for seed in range(10):
        xs = sample(name, kind, 100_000, 100 + seed)
        found, where = worst(CASES[name][0], kind, xs, at(name, kind, *xs))
        assert found <= TABLE[name].ulp[kind], where
        print(f"{name} {kind} {seed}: {found:.3f} at {where}")
