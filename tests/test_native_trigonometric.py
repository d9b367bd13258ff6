"""Trigonometric functions in native code: error against Arb, special values against NumPy, equal widths."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from flint import arb
from native_kernels import DTYPES, bits, edges, kernel, same, vector_width, worst

from cauchy.read.native.functions import TABLE

# truth, the interval of most interest, further points to look at
HUGE = (6381956970095103.0 * 2.0**797, 2.0**1000, 2.0**120, 1e22, 1.6e6, 3200.0, 2.0**40, 1048576.0)
TURNS = tuple(k * math.pi / 4 for k in (1, 2, 3, 4, 5, 6, 8, 100, 1000, 99999, 12345678))
CASES: dict[str, tuple[Callable[..., arb], float, tuple[float, ...]]] = {
    "sin": (arb.sin, 10.0, (*HUGE, *TURNS, 1e-4, 1e-8)),
    "cos": (arb.cos, 10.0, (*HUGE, *TURNS, 1e-4, 1e-8)),
    "tan": (arb.tan, 10.0, (*HUGE, *TURNS, 1e-4, 1e-8)),
    "arcsin": (arb.asin, 1.0, (0.5, 1e-4, 1e-8)),
    "arccos": (arb.acos, 1.0, (0.5, 1e-4, 1e-8)),
    "arctan": (arb.atan, 4.0, (math.sqrt(2) - 1, math.sqrt(2) + 1, 2.0**53, 2.0**100, 1e-4, 1e-8)),
    "deg2rad": (lambda x: x * arb.pi() / 180, 360.0, (180.0, 360.0)),
    "rad2deg": (lambda x: x * 180 / arb.pi(), 10.0, (math.pi,)),
}
KINDS = ("f64", "f32")


def near_turns(kind: str, n: int, seed: int) -> np.ndarray:
    """Numbers next to multiples of pi/2 of all sizes below 2^30."""
    rng = np.random.default_rng(seed)
    k = np.floor(2 ** rng.uniform(0, 30, n))
    return (k * (math.pi / 2)).astype(DTYPES[kind])


def sample(name: str, kind: str, n: int, seed: int) -> np.ndarray:
    """Random bit patterns, the interval of interest and, for a periodic function, numbers next to its turns."""
    rng = np.random.default_rng(seed)
    size = CASES[name][1]
    some = [bits(kind, n, seed), rng.uniform(-size, size, n).astype(DTYPES[kind])]
    return np.concatenate([*some, near_turns(kind, n // 4, seed)] if size > 4 else some)


def at(name: str, kind: str, *xs: np.ndarray, width: int | None = None) -> np.ndarray:
    return kernel(name, kind, vector_width(kind) if width is None else width)(*xs)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CASES)
def test_error_is_within_the_stated_bound(name: str, kind: str) -> None:
    truth, _, points = CASES[name]
    limit = float(np.finfo(DTYPES[kind]).max)
    x = np.concatenate([edges(kind, *(p for p in points if p < limit)), sample(name, kind, 1500, 1)])
    y = at(name, kind, x)
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(x)
    assert np.array_equal(np.isnan(y), np.isnan(expected))
    found, where = worst(truth, kind, (x,), y)
    assert found <= TABLE[name].ulp[kind], where


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CASES)
def test_special_values_and_zeros_are_those_of_numpy(name: str, kind: str) -> None:
    x = np.array([0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 1.5, -1.5], DTYPES[kind])
    if name in ("sin", "cos", "tan"):
        x = x[[0, 1, 4, 5, 6]]
    with np.errstate(all="ignore"):
        assert same(at(name, kind, x), getattr(np, name)(x))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CASES)
def test_a_number_has_the_same_bits_at_every_width_and_place(name: str, kind: str) -> None:
    x = np.concatenate([bits(kind, 4000, 2), np.random.default_rng(3).uniform(-9, 9, 4000).astype(DTYPES[kind])])
    np.random.default_rng(4).shuffle(x)
    one = at(name, kind, x, width=1)
    for width in (2, vector_width(kind), 2 * vector_width(kind)):
        assert same(one, at(name, kind, x, width=width))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["deg2rad", "rad2deg"])
def test_degrees_have_the_bits_of_numpy(name: str, kind: str) -> None:
    x = np.concatenate([edges(kind, 180.0, math.pi), bits(kind, 4000, 5)])
    with np.errstate(all="ignore"):
        assert same(at(name, kind, x), getattr(np, name)(x))


# -- two arguments -----------------------------------------------------------------------------------------


def pairs(kind: str, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Random bit patterns, numbers of like size, and the two regions' border."""
    rng = np.random.default_rng(seed)
    scale = 2.0 ** rng.uniform(-140 if kind == "f32" else -1060, 120 if kind == "f32" else 1000, n)
    x, y = rng.standard_normal((2, n)) * scale
    border = (
        x * rng.choice([math.sqrt(2) - 1, 1.0, math.sqrt(2) + 1, -1.0], n) * (1 + rng.integers(-4, 5, n) * 2.0**-23)
    )
    ys, xs = (y, border), (x, x)
    ys, xs = (np.concatenate(a).astype(DTYPES[kind]) for a in (ys, xs))
    return np.concatenate([bits(kind, n, seed), ys]), np.concatenate([bits(kind, n, seed + 1), xs])


@pytest.mark.parametrize("kind", KINDS)
def test_arctan2_is_within_the_stated_bound(kind: str) -> None:
    y, x = pairs(kind, 800, 6)
    e = edges(kind, 2.0**-90, 2.0**90)
    ye, xe = (a.ravel() for a in np.meshgrid(e, e))
    y, x = np.concatenate([y, ye]), np.concatenate([x, xe])
    keep = y != 0  # Arb knows no signed zero
    found, where = worst(arb.atan2, kind, (y[keep], x[keep]), at("arctan2", kind, y[keep], x[keep]))
    assert found <= TABLE["arctan2"].ulp[kind], where


@pytest.mark.parametrize("kind", KINDS)
def test_arctan2_of_zeros_infinities_and_nan_is_that_of_numpy(kind: str) -> None:
    v = [0.0, 1.0, 5e-324 if kind == "f64" else 1e-45, np.finfo(DTYPES[kind]).max, math.inf, math.nan]
    v = np.array(v + [-a for a in v], DTYPES[kind])
    y, x = (a.ravel() for a in np.meshgrid(v, v))
    with np.errstate(all="ignore"):
        special = ~np.isfinite(x) | ~np.isfinite(y) | (x == 0) | (y == 0)
        y, x = y[special], x[special]
        assert same(at("arctan2", kind, y, x), np.arctan2(y, x))


@pytest.mark.parametrize("kind", KINDS)
def test_arctan2_has_the_same_bits_at_every_width(kind: str) -> None:
    y, x = pairs(kind, 2000, 7)
    assert same(at("arctan2", kind, y, x, width=1), at("arctan2", kind, y, x))


# -- sweeps ------------------------------------------------------------------------------------------------


@pytest.mark.sweep
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [*CASES, "arctan2"])
def test_sweep(name: str, kind: str) -> None:
    for seed in range(10):
        if name == "arctan2":
            truth, xs = arb.atan2, pairs(kind, 50_000, 100 + seed)
            keep = xs[0] != 0
            xs = (xs[0][keep], xs[1][keep])
        else:
            truth, xs = CASES[name][0], (sample(name, kind, 100_000, 100 + seed),)
        found, where = worst(truth, kind, xs, at(name, kind, *xs))
        assert found <= TABLE[name].ulp[kind], where
        print(f"{name} {kind} {seed}: {found:.3f} at {where}")
