"""Exponentials, logarithms, hyperbolic functions, roots and powers in IR against Arb's correctly rounded ones."""

from __future__ import annotations

import math

import flint
import numpy as np
import pytest
import scipy.special
from native_kernels import DTYPES, kernel, vector_width

from cauchy.read.native.functions import TABLE

INF, NAN = math.inf, math.nan
KINDS = ["f64", "f32"]
FORMAT = {"f64": (52, -1022, 1023), "f32": (23, -126, 127)}  # mantissa bits, smallest and largest normal exponent
_HUGE = 1e5  # e^x is far out of range for |x| beyond

arb = flint.arb


def _clip(t):
    return arb(_HUGE) if t > _HUGE else arb(-_HUGE) if t < -_HUGE else t


def _power(x, y):
    size = _clip(y * abs(x).log()).exp()
    return -size if x < 0 and int(y.floor().unique_fmpz()) % 2 else size


def _log_expit(x):
    return x - _clip(x).exp().log1p() if x < 0 else -_clip(-x).exp().log1p()


def _logaddexp(x, y):
    high, low = (x, y) if x > y else (y, x)
    return high + _clip(low - high).exp().log1p()


def _cbrt(x):
    return x.root(3) if x > 0 else -((-x).root(3))


def everywhere(*xs):
    return np.ones(len(xs[0]), bool)


# name: (truth on exact finite arguments, where it is real, ranges of interest beyond random bits)
FUNCTIONS = {
    "exp": (lambda x: _clip(x).exp(), everywhere, [(-1, 1), (-750, 715)]),
    "exp2": (lambda x: arb(2) ** _clip(x), everywhere, [(-1, 1), (-1080, 1030)]),
    "expm1": (lambda x: _clip(x).expm1(), everywhere, [(-1, 1), (-45, 715)]),
    "expit": (lambda x: 1 / (1 + _clip(-x).exp()), everywhere, [(-2, 2), (-750, 40)]),
    "log_expit": (_log_expit, everywhere, [(-2, 2), (-50, 750)]),
    "log": (lambda x: x.log(), lambda x: x > 0, [(0.5, 2), (0, 1000)]),
    "log2": (lambda x: x.log() / arb(2).log(), lambda x: x > 0, [(0.5, 2), (0, 1000)]),
    "log10": (lambda x: x.log() / arb(10).log(), lambda x: x > 0, [(0.5, 2), (0, 1000)]),
    "log1p": (lambda x: x.log1p(), lambda x: x > -1, [(-0.5, 1), (-1, 50)]),
    "sinh": (lambda x: _clip(x).sinh(), everywhere, [(-1, 1), (-715, 715)]),
    "cosh": (lambda x: _clip(x).cosh(), everywhere, [(-1, 1), (-715, 715)]),
    "tanh": (lambda x: x.tanh() if abs(x) < 100 else arb(1) * (1 if x > 0 else -1), everywhere, [(-1, 1), (-20, 20)]),
    "arcsinh": (lambda x: x.asinh(), everywhere, [(-1, 1), (-10, 10)]),
    "arccosh": (lambda x: x.acosh(), lambda x: x >= 1, [(1, 1.1), (1, 100)]),
    "arctanh": (lambda x: x.atanh(), lambda x: np.abs(x) < 1, [(-0.1, 0.1), (-1, 1)]),
    "sqrt": (lambda x: x.sqrt(), lambda x: x >= 0, [(0, 10)]),
    "cbrt": (_cbrt, everywhere, [(-1, 1), (-1000, 1000)]),
    "power": (
        _power,
        lambda x, y: (x > 0) | (x < 0) & (y == np.rint(y)),
        [((0, 10), (-5, 5)), ((0, 1000), (-120, 120)), ((0.7, 1.4), (-2000, 2000))],
    ),
    "hypot": (lambda x, y: (x * x + y * y).sqrt(), everywhere, [((-1, 1), (-1, 1)), ((-1, 1), (-1e-3, 1e-3))]),
    "logaddexp": (_logaddexp, everywhere, [((-1, 1), (-1, 1)), ((-100, 100), (-100, 100)), ((-2, 0), (-2, 0))]),
}
BOTH = pytest.mark.parametrize(("name", "kind"), [(n, k) for n in FUNCTIONS for k in KINDS])


def vector(name, kind):
    return kernel(name, kind, vector_width(kind))


def truths(name, xs):
    """The true values as (high, low, shift): value 2^shift = high + low; scaled away from the ends of float64."""
    f = FUNCTIONS[name][0]
    high, low, shift = (np.empty(len(xs[0])) for _ in range(3))
    flint.ctx.prec = 128
    for i, args in enumerate(zip(*(x.tolist() for x in xs), strict=True)):
        t = f(*map(arb, args))
        h = float(t)
        s = 0
        if abs(h) < 1e-250 or abs(h) > 1e250:
            s = 200 if abs(h) < 1 else -200
            t = t * arb(2) ** s
            h = float(t)
        high[i], shift[i] = h, s
        low[i] = float(t - h) if math.isfinite(h) else 0.0
    return high, low, shift


def ulps(name, kind, got, xs):
    """|error| of `got` in units of the last place of the true value; an infinity counts as 2^(emax + 1)."""
    mantissa, smallest, largest = FORMAT[kind]
    high, low, shift = truths(name, xs)
    exponent = np.clip(np.frexp(high)[1] - 1, smallest + shift, largest + shift)
    exponent = np.where(np.isfinite(high), exponent, largest + shift)
    if name == "logaddexp":  # the larger argument may cancel against the logarithm: the bound is in its ulps
        top = np.frexp(np.maximum(*xs).astype(np.float64))[1] - 1 + shift
        exponent = np.maximum(exponent, top)
    unit = np.ldexp(1.0, (exponent - mantissa).astype(int))
    end = np.minimum(largest + shift, 1000).astype(int)  # numbers of size 2^1000 come scaled down
    over = np.abs(high) >= np.ldexp(2.0 - 2.0 ** (-mantissa - 1), end)
    top = np.ldexp(2.0, end)
    g = np.where(np.isinf(got), np.copysign(top, got), np.ldexp(got.astype(np.float64), shift.astype(int)))
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.abs((g - high) - low) / unit
    return np.where(over & np.isinf(got) & (np.sign(got) == np.sign(high)), 0.0, error)


def random_bits(kind, n, seed):
    rng = np.random.default_rng(seed)
    return (
        rng.integers(0, 2 ** (64 if kind == "f64" else 32), n, np.uint64)
        .astype(f"u{DTYPES[kind](0).nbytes}")
        .view(DTYPES[kind])
    )


def samples(name, kind, n, seed):
    """n tuples of random bit patterns, and about n more in the ranges of interest."""
    arity, rng = TABLE[name].arity, np.random.default_rng(seed)
    columns = [[random_bits(kind, n, 10 * seed + i)] for i in range(arity)]

    def more(*ranges, change=lambda x: x):
        for c, (a, b) in zip(columns, ranges, strict=True):
            c.append(change(rng.uniform(a, b, n // 2)).astype(DTYPES[kind]))

    for ranges in FUNCTIONS[name][2]:
        more(*(ranges if arity > 1 else [ranges]))
    if name == "power":  # negative bases, integer exponents
        more((-9, -1), (-99, 99), change=np.rint)
    if name == "hypot":  # near the ends of the range
        for e in FORMAT[kind][1:]:
            more((-1, 1), (-1, 1), change=lambda x, e=e: np.ldexp(x, e))
    return [np.concatenate(c) for c in columns]


def edges(kind):
    """Ends of the format, thresholds of exp's family, ends of reduced intervals, and neighbors of all these."""
    tiny = np.finfo(DTYPES[kind])
    marks = [tiny.smallest_subnormal, tiny.tiny, tiny.max, tiny.max / 2, tiny.eps, tiny.eps / 2]
    marks += [2.0**e for e in (-30, -15, -1, 0, 1, 2, 10, 15, 23, 24, 30, 52, 53, 60, 100)]
    marks += [math.sqrt(0.5), math.sqrt(2), 3.0, 10.0, 18.0, 19.0, 20.0, 36.7, 37.5, 38.0, 40.0, 50.0, 60.0, 1e30]
    marks += [
        88.0,
        88.72283,
        89.0,
        89.41599,
        90.0,
        87.33655,
        103.27893,
        103.97208,
        105.0,
        126.0,
        128.0,
        149.0,
        150.0,
        151.0,
    ]
    marks += [708.3964185322641, 709.782712893384, 710.0, 710.4758600739439, 711.0, 744.4400719213812]
    marks += [745.1332191019412, 746.0, 1022.0, 1024.0, 1074.0, 1075.0, 1076.0]
    marks += [(k + 0.5) * math.log(2) for k in (0, 1, 2, 3, 10, 30, 52, 53, 126, 1021, 1022, 1023)]
    marks += [k / 2 + 0.5 for k in range(5)]
    x = np.array(marks, DTYPES[kind])
    with np.errstate(over="ignore"):
        steps = [x, np.nextafter(x, DTYPES[kind](0)), np.nextafter(x, DTYPES[kind](INF))]
        steps.append(np.nextafter(steps[-1], DTYPES[kind](INF)))
    x = np.unique(np.concatenate(steps))
    x = x[np.isfinite(x) & (x != 0)]
    return np.concatenate([x, -x])


def arguments(name, kind, n, seed):
    xs = samples(name, kind, n, seed)
    e = edges(kind)
    if len(xs) == 1:
        return [np.concatenate([xs[0], e])]
    rng = np.random.default_rng(seed)
    return [np.concatenate([x, rng.choice(e, 2000)]) for x in xs]


def worst(name, kind, xs):
    """The largest error in ulps, and its arguments. Outside the domain the result must be NaN."""
    got = vector(name, kind)(*xs)
    with np.errstate(invalid="ignore"):
        finite = np.logical_and.reduce([np.isfinite(x) for x in xs])
        real = FUNCTIONS[name][1](*xs) & finite
    if name == "power":
        real &= xs[0] != 0
    outside = finite & ~real
    if name in ("log", "log2", "log10", "power"):
        outside &= xs[0] != 0
    if name == "log1p":
        outside &= xs[0] != -1
    if name == "arctanh":
        outside &= np.abs(xs[0]) != 1
    assert np.isnan(got[outside]).all()
    error = ulps(name, kind, got[real], [x[real] for x in xs])
    assert not np.isnan(error).any()
    i = np.argmax(error)
    return error[i], [x[real][i] for x in xs]


@BOTH
def test_bound(name, kind):
    """Random bit patterns, ranges of interest, and every edge stay within the stated bound."""
    error, at = worst(name, kind, arguments(name, kind, 2000, 1))
    assert error <= TABLE[name].ulp[kind], (error, at)


@pytest.mark.sweep
@BOTH
def test_bound_sweep(name, kind):
    error, at = worst(name, kind, arguments(name, kind, 1_000_000, 2))
    print(f"{name} {kind}: {error:.3f} ulp at {at}")
    assert error <= TABLE[name].ulp[kind], (error, at)


@BOTH
def test_stated_bounds_are_those_promised(name, kind):
    assert TABLE[name].ulp[kind] <= (1.0 if name in ("exp", "log", "sqrt", "expit") else 2.0)


@BOTH
def test_one_number_and_a_vector_give_the_same_bits(name, kind):
    xs = arguments(name, kind, 500, 3)
    specials = np.array([0.0, -0.0, INF, -INF, NAN, 1.0, -1.0], DTYPES[kind])
    grid = np.meshgrid(*[specials] * len(xs))
    xs = [np.concatenate([x, g.ravel()]) for x, g in zip(xs, grid, strict=True)]
    one, many = kernel(name, kind, 1)(*xs), vector(name, kind)(*xs)
    nan = np.isnan(one)
    assert (nan == np.isnan(many)).all()
    assert one[~nan].tobytes() == many[~nan].tobytes()


LN2 = math.log(2)
SPECIAL = {  # at 0, -0, inf, -inf
    "exp": (1.0, 1.0, INF, 0.0),
    "exp2": (1.0, 1.0, INF, 0.0),
    "expm1": (0.0, -0.0, INF, -1.0),
    "expit": (0.5, 0.5, 1.0, 0.0),
    "log_expit": (-LN2, -LN2, -0.0, -INF),
    "log": (-INF, -INF, INF, NAN),
    "log2": (-INF, -INF, INF, NAN),
    "log10": (-INF, -INF, INF, NAN),
    "log1p": (0.0, -0.0, INF, NAN),
    "sinh": (0.0, -0.0, INF, -INF),
    "cosh": (1.0, 1.0, INF, INF),
    "tanh": (0.0, -0.0, 1.0, -1.0),
    "arcsinh": (0.0, -0.0, INF, -INF),
    "arccosh": (NAN, NAN, INF, NAN),
    "arctanh": (0.0, -0.0, NAN, NAN),
    "sqrt": (0.0, -0.0, INF, NAN),
    "cbrt": (0.0, -0.0, INF, -INF),
}


def same(got, want):
    got, want = np.asarray(got), np.asarray(want).astype(got.dtype)
    nan = np.isnan(want)
    assert (np.isnan(got) == nan).all()
    assert (got[~nan] == want[~nan]).all()
    assert (np.signbit(got[~nan]) == np.signbit(want[~nan])).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", SPECIAL)
def test_zeros_infinities_and_nan(name, kind):
    x = np.array([0.0, -0.0, INF, -INF, NAN], DTYPES[kind])
    same(vector(name, kind)(x), [*SPECIAL[name], NAN])


@pytest.mark.parametrize("kind", KINDS)
def test_poles(kind):
    one = np.array([1.0, -1.0], DTYPES[kind])
    same(vector("arctanh", kind)(one), [INF, -INF])
    same(vector("log1p", kind)(one)[1:], [-INF])
    same(vector("log", kind)(one)[:1], [0.0])
    same(vector("arccosh", kind)(one), [0.0, NAN])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["power", "hypot", "logaddexp"])
def test_two_arguments_at_special_values(name, kind):
    """As NumPy: every pair with a zero, an infinity, a NaN; every sign of a power."""
    dtype = DTYPES[kind]
    huge, tiny = np.finfo(dtype).max, np.finfo(dtype).smallest_subnormal
    whole = 2.0 ** FORMAT[kind][0]
    odd = [1, 3, 2 * whole - 1, whole + 1]
    finite = [*odd, 2, 4, whole * 2, 0.5, 0.25, 1.5, huge, tiny, float(np.nextafter(dtype(1), dtype(0))), 1.25]
    values = np.array([0.0, INF, NAN, *finite], dtype)
    values = np.concatenate([values, -values])
    x, y = (g.ravel() for g in np.meshgrid(values, values))
    with np.errstate(all="ignore"):
        want = getattr(np, name)(x, y)
    got = vector(name, kind)(x, y)
    ordinary = np.isfinite(x) & np.isfinite(y)
    if name == "power":
        ordinary &= (x != 0) & (y != 0) & (np.abs(x) != 1) & ~np.isnan(want)
    exact = ~ordinary  # the others are a matter of the bound
    same(got[exact], want[exact])
    rest = ~np.isnan(want)
    assert (np.signbit(got[rest]) == np.signbit(want[rest]))[want[rest] != 0].all()


@pytest.mark.parametrize("kind", KINDS)
def test_exact_cases(kind):
    """Results that are numbers of the format come out as these."""
    dtype, (mantissa, smallest, largest) = DTYPES[kind], FORMAT[kind]
    k = np.arange(smallest - mantissa, largest + 1)
    powers = np.ldexp(1.0, k).astype(dtype)
    same(vector("exp2", kind)(k.astype(dtype)), powers)
    same(vector("log2", kind)(powers), k)
    ten = np.arange(23 if kind == "f64" else 11)
    same(vector("log10", kind)((10.0**ten).astype(dtype)), ten)
    n = np.arange(1, 200).astype(dtype)
    same(vector("cbrt", kind)(n**3), n)
    same(vector("hypot", kind)(3 * n, 4 * n), 5 * n)
    same(vector("power", kind)(n, np.full_like(n, 2)), n * n)
    same(vector("power", kind)(-n, np.full_like(n, 3)), -n * n * n)
    same(vector("power", kind)(n * n, np.full_like(n, 0.5)), n)
    same(vector("power", kind)(n, np.ones_like(n)), n)


def test_log_expit_and_expit_agree_with_scipy():
    x = np.linspace(-700, 700, 1001)
    np.testing.assert_allclose(vector("expit", "f64")(x), scipy.special.expit(x), rtol=1e-15)
    np.testing.assert_allclose(vector("log_expit", "f64")(x), scipy.special.log_expit(x), rtol=1e-15)
