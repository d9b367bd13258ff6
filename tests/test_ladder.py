"""Laws of the reference derivative: its error covers the truth of mpmath, and it says where there is no derivative."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cauchy.calculus.ladder import jacobian, slope
from cauchy.errors import DomainError, ShapeError

# name: (f for NumPy, f for mpmath)
SMOOTH = {
    "square": (lambda x: x * x, lambda x: x * x),
    "cubic": (lambda x: x**3 - 2 * x**2 + 1, lambda x: x**3 - 2 * x**2 + 1),
    "degree 9": (lambda x: x**9 - x**5 + x, lambda x: x**9 - x**5 + x),
    "linear": (lambda x: 3 * x - 7, lambda x: 3 * x - 7),
    "constant": (lambda x: 0 * x + 3.0, lambda x: mpmath.mpf(3)),
    "reciprocal": (lambda x: 1 / x, lambda x: 1 / x),
    "power 1.5": (lambda x: x**1.5, lambda x: x ** mpmath.mpf(1.5)),
    "sqrt": (np.sqrt, mpmath.sqrt),
    "exp": (np.exp, mpmath.exp),
    "expm1": (np.expm1, mpmath.expm1),
    "gauss": (lambda x: np.exp(-x * x), lambda x: mpmath.exp(-x * x)),
    "log": (np.log, mpmath.log),
    "log1p": (np.log1p, mpmath.log1p),
    "x log x": (lambda x: x * np.log(x), lambda x: x * mpmath.log(x)),
    "sin": (np.sin, mpmath.sin),
    "sin 100x": (lambda x: np.sin(100 * x), lambda x: mpmath.sin(100 * x)),
    "sin x^2": (lambda x: np.sin(x * x), lambda x: mpmath.sin(x * x)),
    "sinc": (lambda x: np.sin(x) / x, lambda x: mpmath.sin(x) / x),
    "1 - cos": (lambda x: 1 - np.cos(x), lambda x: 1 - mpmath.cos(x)),
    "tanh": (np.tanh, mpmath.tanh),
    "logistic": (lambda x: 1 / (1 + np.exp(-x)), lambda x: 1 / (1 + mpmath.exp(-x))),
    "softplus": (lambda x: np.log1p(np.exp(x)), lambda x: mpmath.log1p(mpmath.exp(x))),
    "arctan": (np.arctan, mpmath.atan),
    "arcsinh": (np.arcsinh, mpmath.asinh),
    "hypot": (lambda x: np.hypot(x, 1), lambda x: mpmath.sqrt(x * x + 1)),
    "rational": (lambda x: (x * x - 1) / (x * x + 1), lambda x: (x * x - 1) / (x * x + 1)),
    "runge": (lambda x: 1 / (1 + 25 * x * x), lambda x: 1 / (1 + 25 * x * x)),
    "log cosh": (lambda x: np.log(np.cosh(x)), lambda x: mpmath.log(mpmath.cosh(x))),
    "offset": (lambda x: x * x + 1e8, lambda x: x * x + 10**8),
    "root of 1 - gauss": (lambda x: np.sqrt(1 - np.exp(-x * x)), lambda x: mpmath.sqrt(1 - mpmath.exp(-x * x))),
    "huber": (
        lambda x: np.where(np.abs(x) < 1, x * x / 2, np.abs(x) - 0.5),
        lambda x: x * x / 2 if abs(x) < 1 else abs(x) - mpmath.mpf(0.5),
    ),
    "relu": (lambda x: np.maximum(x - 0.7, 0), lambda x: max(x - mpmath.mpf(0.7), mpmath.mpf(0))),
    "abs": (np.abs, abs),
    "float32 inside": (lambda x: np.float64(np.float32(np.sin(x))), mpmath.sin),
    "float32 at work": (lambda x: np.float64(np.float32(x * x + 1)), lambda x: x * x + 1),
}


def truth(g, x: float) -> float:
    with mpmath.workdps(150):
        h = abs(mpmath.mpf(x)) * mpmath.mpf(10) ** -40
        return float(mpmath.re(g(x + h) - g(x - h)) / (2 * h))


def sweep(points, scales):
    """(name, x, relative error claimed, |value - truth| / error) wherever a slope is said to be smooth."""
    for name, (f, g) in SMOOTH.items():
        for x in points:
            with np.errstate(all="ignore"):
                if not np.isfinite(f(x)):
                    continue
            exact = truth(g, x)
            for scale in scales:
                s = slope(lambda t, scale=scale, f=f: scale * f(t), x)
                if s.kind == "smooth":
                    off = abs(s.value - scale * exact)
                    claim = float(s.error / abs(scale * exact)) if exact else 0.0
                    yield name, x, claim, float(off / s.error) if off else 0.0


def test_error_covers_the_truth():
    ratios = list(sweep([s * 3.7 * 10.0**e for e in range(-8, 9, 4) for s in (1, -1)], (1.0, 1e8)))
    assert len(ratios) > 400
    assert sum(r > 1 for *_, r in ratios) <= len(ratios) / 1000, sorted(ratios, key=lambda r: -r[3])[:5]
    assert max(r for *_, r in ratios) < 6
    assert np.median([claim for *_, claim, _ in ratios]) < 1e-11  # and it is no idle pessimism


@pytest.mark.sweep
def test_error_covers_the_truth_everywhere():
    grid = [s * m * 10.0**e for e in range(-8, 9) for s in (1, -1) for m in (1, 1.234, 2.6, 5.819, 8.682)]
    ratios = list(sweep(grid, (1e-8, 1.0, 1e8)))
    assert sum(r > 1 for *_, r in ratios) <= len(ratios) / 1000, sorted(ratios, key=lambda r: -r[3])[:5]
    assert max(r for *_, r in ratios) < 6


@pytest.mark.parametrize(
    ("f", "x", "kind"),
    [
        (np.abs, 0.0, "kink"),
        (lambda t: np.maximum(t, 0), 0.0, "kink"),
        (lambda t: np.clip(t, 0, 1), 1.0, "kink"),
        (lambda t: np.maximum(t, 0), -1.0, "smooth"),  # flat, but it is left without a jump
        (np.floor, 0.3, "quantized"),
        (lambda t: np.round(t, 2), 0.333, "quantized"),
        (lambda t: np.float64(np.float16(t * t)), 0.333, "quantized"),
        (lambda t: (1 - np.cos(t)) / t**2, 1e-9, "quantized"),
        (lambda t: (1 - np.cos(t)) / t**2, 1e-7, "quantized"),  # smooth steps of slope -1e7; the truth is -8e-9
        (lambda t: (np.exp(t) - 1) / t, 1e-9, "quantized"),
        (np.sign, 0.0, "unbounded"),
        (np.sqrt, 0.0, "unbounded"),
        (np.cbrt, 0.0, "unbounded"),
        (np.arcsin, 1.0, "unbounded"),
        (np.log, 0.0, "undefined"),
        (lambda t: np.sin(t) / t, 0.0, "undefined"),
        (lambda t: t * math.nan, 1.0, "undefined"),
        (lambda t: t**1.5, 0.0, "right"),
        (lambda t: np.sqrt(-t) ** 3, 0.0, "left"),
        (lambda t: math.log(float(t)), 1e-5, "smooth"),  # raises for large steps
        (lambda t: np.sin(1e17 * t), 1.0, "rough"),
        (lambda t: np.sin(t * t), 2.6e6, "rough"),
        (lambda t: t**3, 0.0, "smooth"),
        (np.tan, 100.0, "smooth"),  # poles on both sides are no stairs
        (lambda t: abs(t - 1e-3), 0.0, "smooth"),
    ],
)
@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e6])
def test_says_what_it_saw(f, x, kind, scale):
    s = slope(lambda t: scale * f(t), x)
    assert s.kind == kind
    assert np.isinf(s.error) == (kind in {"quantized", "rough", "unbounded", "undefined"})
    assert np.isnan(s.value) == (kind in {"unbounded", "undefined"})


def test_one_sided_slopes():
    s = slope(lambda t: np.where(t < 0, -3 * t, np.sin(t)), 0.0)
    assert (s.left, s.right) == pytest.approx((-3, 1), abs=1e-7)
    s = slope(lambda t: np.sqrt(t) ** 3 + np.exp(t), 0.0)
    assert s.kind == "right"
    assert abs(s.value - 1) <= s.error < 1e-3


@pytest.mark.parametrize(("f", "x", "exact"), [(np.sin, 1e8, np.cos(1e8)), (lambda t: np.sin(1e8 * t), 0.0, 1e8)])
def test_large_steps_do_not_deceive(f, x, exact):
    s = slope(f, x)
    assert abs(s.value - exact) <= s.error < 1e-7 * abs(exact)


def test_extreme_arguments():
    assert slope(np.log, 1e-100).value == pytest.approx(1e100, rel=1e-8)
    assert slope(lambda t: t, 1e308).value == pytest.approx(1)
    assert slope(lambda t: t, 1e-310).value == pytest.approx(1)
    assert slope(np.exp, 700.0).value == pytest.approx(np.exp(700.0), rel=1e-10)


def test_float32_is_float32_throughout():
    seen = []
    s = slope(lambda t: seen.append(type(t)) or np.sin(t), np.float32(1))
    assert set(seen) == {np.float32}
    assert s.single
    assert abs(s.value - np.cos(1.0)) <= s.error < 1e-3
    assert not slope(np.sin, 1.0).single


def test_deterministic():
    assert slope(np.sin, 1.1).value == slope(np.sin, 1.1).value


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.floats(-10, 10), min_size=1, max_size=4),
    st.sampled_from([np.float64, np.float32, np.int64, np.uint8]),
)
def test_jacobian_of_a_quadratic(w, dtype):
    x = np.abs(np.array(w)).astype(dtype).reshape(-1, 1)
    before = x.copy()
    J = jacobian(lambda v: np.stack([v * v, v.sum() + 0 * v]), x)
    assert (x == before).all()
    assert J.value.shape == J.kind.shape == (2, *x.shape, *x.shape)
    v = x.astype(float)
    exact = np.stack([np.diag(2 * v.ravel()), np.ones((x.size, x.size))]).reshape(J.value.shape)
    assert (np.abs(J.value - exact) <= J.error + 1e-30).all()
    assert J.error.max() < (1e-2 if dtype == np.float32 else 1e-10)


def test_f_may_write_into_its_argument():
    def f(w):
        w *= 2
        return w.sum()

    x = np.array([1.0, 2.0])
    assert jacobian(f, x).value == pytest.approx([2, 2])
    assert x.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("x", "error"),
    [
        ("a", ShapeError),
        (None, ShapeError),
        (1j, ShapeError),
        (True, ShapeError),
        ([], ShapeError),
        ([[1.0], [1.0, 2.0]], ShapeError),
        (np.array([1, "a"], dtype=object), ShapeError),
        ([1.0, np.nan], DomainError),
        (np.inf, DomainError),
    ],
)
def test_refuses_bad_points(x, error):
    with pytest.raises(error, match="x: wanted"):
        jacobian(np.sin, x)


@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan, np.inf])
def test_refuses_bad_scales(scale):
    with pytest.raises(DomainError, match="scale: wanted"):
        slope(np.sin, 0.0, scale=scale)


@pytest.mark.parametrize("f", [lambda t: "a", lambda t: None, lambda t: 1j * t, lambda t: np.zeros(2 if t == 1 else 3)])
def test_refuses_bad_functions(f):
    with pytest.raises(ShapeError, match="f"):
        slope(f, 1.0)


def test_errors_of_f_at_x_pass():
    with pytest.raises(ZeroDivisionError):
        slope(lambda t: 1 // (float(t) - 1), 1.0)
