"""Laws of difference quotients: textbook numbers bit for bit, estimates that cover the truth, and inputs left alone."""

import math

import matplotlib as mpl
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cauchy.calculus.difference import difference, step_study
from cauchy.errors import DomainError, NotProved, ShapeError
from cauchy.proof import Verdict

mpl.use("Agg")

METHODS = ["auto", "forward", "backward", "central", "complex", "richardson"]


def square(x):
    return x**2


def cubic(x):
    return x**3 - 2 * x**2 + 1


# ---- published numbers


@pytest.mark.parametrize(
    ("f", "x", "method", "step", "value"),
    [
        (square, 10.0, "forward", 1e-4, 20.000099999890608),
        (square, 10.0, "forward", 1e-14, 21.316282072803006),
        (square, 10.0, "forward", 1e-15, 42.63256414560601),
        (cubic, 1.0, "central", 1e-4, -0.9999999899990009),
        (square, 3.0, "central", 1e-4, 6.000000000012662),
    ],
)
def test_published_numbers(f, x, method, step, value):
    d = difference(f, x, method, step=step)
    assert d.value == value
    exact = {square: 2 * x, cubic: 3 * x**2 - 4 * x}[f]
    assert abs(value - exact) <= d.error
    assert d.verdict is Verdict.UNDECIDED
    with pytest.raises(NotProved):
        d.require()


def test_published_grid():
    x = np.linspace(-10, 10, 500)
    d = difference(square, x, "forward", step=1e-4, elementwise=True)
    assert d.value.shape == x.shape
    assert (d.value == (square(x + 1e-4) - square(x)) / 1e-4).all()
    assert d.value[[0, -1]].tolist() == [-19.99990000001617, 20.000099999890608]
    assert np.abs(d.value - (2 * x + 1e-4)).max() <= 1e-9
    assert (np.abs(d.value - 2 * x) <= d.error).all()
    assert d.truncation == pytest.approx(1e-4, rel=1e-4)
    assert d.rounding.max() < 1e-8


def test_published_gradient():
    f = lambda x: x[0] ** 2 + x[1] ** 2
    assert difference(f, (3.0, 4.0), "central", step=1e-4).value.tolist() == [6.00000000000378, 7.999999999999119]
    assert difference(f, np.array([3, 4]), "central", step=1e-4).value == pytest.approx([6, 8], abs=1e-10)
    column = difference(lambda x: (x**2).sum(), np.array([[3.0], [4.0]]), "central", step=1e-4)
    assert column.value == pytest.approx(np.array([[6], [8]]), abs=1e-10)


def test_published_sine():
    exact = np.cos(1.0)
    assert abs(difference(np.sin, 1.0, "forward", step=1e-4).value - exact) == pytest.approx(4.2074e-5, rel=1e-4)
    assert abs(difference(np.sin, 1.0, "central", step=1e-4).value - exact) == pytest.approx(9.004e-10, rel=1e-3)
    assert 1e-9 < step_study(np.sin, 1.0, "forward", truth=exact).best_step < 1e-7
    assert 1e-6 < step_study(np.sin, 1.0, "central", truth=exact).best_step < 1e-4
    assert 1e-9 < difference(np.sin, 1.0, "forward").step < 1e-7
    assert 1e-6 < difference(np.sin, 1.0, "central").step < 1e-4


def test_automatic_step_on_the_square():
    assert abs(difference(square, 10.0).value - 20) <= 1e-13


# ---- x + h == x


@pytest.mark.parametrize("method", ["forward", "central"])
def test_a_step_that_does_not_move_is_refused(method):
    with pytest.raises(DomainError, match="x \\+ h == x"):
        difference(square, 10.0, method, step=8e-16 if method == "forward" else 4e-16)


def test_stuck_components_are_nan_and_named():
    x = np.linspace(0, 100, 1001)
    d = difference(np.exp, x, "forward", step=1e-15, elementwise=True)
    assert d.stuck.sum() == (x + 1e-15 == x).sum() == 841
    assert (np.isnan(d.value) == d.stuck).all()
    assert "841" in d.why
    fine = difference(np.exp, x, "forward", step=1e-4, elementwise=True)
    assert not fine.stuck.any()
    assert np.abs(fine.value / np.exp(x) - 1).max() == pytest.approx(5.0e-5, rel=1e-2)


# ---- laws


CASES = [
    (np.sin, mpmath.cos, 1.0),
    (np.exp, mpmath.exp, 3.0),
    (np.exp, mpmath.exp, -20.0),
    (np.tanh, lambda x: 1 / mpmath.cosh(x) ** 2, 0.5),
    (np.log, lambda x: 1 / x, 1e-3),
    (np.sqrt, lambda x: 1 / (2 * mpmath.sqrt(x)), 1e6),
    (cubic, lambda x: 3 * x**2 - 4 * x, -7.0),
    (lambda x: 1 / (1 + x * x), lambda x: -2 * x / (1 + x * x) ** 2, 2.0),
]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("step", [None, 1e-1, 1e-3, 1e-5, 1e-8, 1e-11])
def test_estimates_cover_the_truth(method, step):
    for f, df, x in CASES:
        if step and (step > abs(x) / 2 or x + step / 4 == x):  # no quotient: log(x - h), x + h == x
            continue
        d = difference(f, x, method, step=step)
        with mpmath.workdps(40):
            off = float(abs(mpmath.mpf(float(d.value)) - df(mpmath.mpf(x))))
        assert off <= 3 * d.error + 1e-300
        if step is None:
            assert d.error <= {"forward": 1e-5, "backward": 1e-5, "central": 1e-7}.get(method, 1e-9) * abs(d.value)


@settings(deadline=None, max_examples=50)
@given(st.floats(-100, 100), st.floats(-5, 5), st.floats(-5, 5), st.floats(-5, 5), st.integers(-8, 0))
def test_exact_on_low_degree(x, a, b, c, k):
    """Forward quotients are exact on lines, central ones on parabolas, Richardson's to degree 6, up to rounding."""
    h = 2.0**k
    line = difference(lambda t: a * t + b, x, "forward", step=h)
    assert abs(line.value - a) <= line.rounding + line.truncation + 1e-300
    assert line.truncation <= 1e-9
    parabola = difference(lambda t: (a * t + b) * t + c, x, "central", step=h)
    assert abs(parabola.value - (2 * a * x + b)) <= parabola.error + 1e-300
    # the estimate is that of the slope beside it, which is careful where f all but vanishes at x and not around
    size = max(abs((a * t + b) * t + c) for t in (x - h, x + h))
    assert parabola.truncation <= 1e-6 or abs((a * x + b) * x + c) < 1e-3 * size


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(-3, 3), min_size=1, max_size=5), st.sampled_from([np.float64, np.float32, np.int32]))
def test_shapes_types_and_inputs(w, dtype):
    x = np.array(w).astype(dtype)
    before = x.copy()
    gradient = difference(lambda v: (v * v).sum(), x)
    assert (x == before).all()
    assert gradient.value.shape == x.shape
    assert gradient.value.dtype == (np.float32 if dtype == np.float32 else np.float64)
    assert (np.abs(gradient.value - 2.0 * x) <= 2 * gradient.error + 1e-5 * (dtype == np.float32)).all()
    each = difference(lambda v: v * v, x, elementwise=True)
    assert each.value.shape == x.shape
    assert (np.abs(each.value - 2.0 * x) <= 2 * each.error + 1e-5 * (dtype == np.float32)).all()


def test_elementwise_and_jacobian_agree():
    x = np.array([[0.0, 1e-6, 0.5], [-3.0, 40.0, 2e5]])
    J = difference(np.arctan, x)
    assert J.value.shape == (2, 3, 2, 3)
    each = difference(np.arctan, x, elementwise=True)
    assert each.value.ravel() == pytest.approx(np.diag(J.value.reshape(6, 6)), rel=1e-9)
    assert each.value == pytest.approx(1 / (1 + x**2), rel=1e-9)


def test_elementwise_is_checked():
    with pytest.raises(ShapeError, match="not elementwise"):
        difference(lambda v: v / v.sum(), np.arange(1.0, 5.0), elementwise=True)
    with pytest.raises(ShapeError, match="shape of x"):
        difference(np.sum, np.arange(1.0, 5.0), elementwise=True)


def test_kinks():
    d = difference(np.abs, 0.0)
    assert (d.value, d.kind) == (0, "kink")
    assert difference(np.abs, 0.0, "forward").value == 1
    assert difference(np.abs, 0.0, "backward").value == -1
    assert "kink" in str(d)


def test_undefined_is_nan_not_a_number():
    d = difference(lambda t: np.log(t - 2), 1.0)
    assert np.isnan(d.value)
    assert d.kind == "undefined"
    assert np.isinf(d.error)


def test_the_complex_step_is_not_believed_blindly():
    with pytest.raises(DomainError, match="complex step"):
        difference(np.abs, -1.0, "complex")
    with pytest.raises(DomainError, match="complex"):
        difference(np.cbrt, 2.0, "complex")
    assert difference(np.abs, -1.0).value == -1
    assert difference(lambda t: t.real * t.real, 3.0).value == pytest.approx(6)
    assert difference(math.exp, 1.0).value == pytest.approx(np.e, rel=1e-12)


@pytest.mark.parametrize("step", [0, -1e-3, np.nan, np.inf, "a", [1e-3, 1e-3], 1j])
def test_refuses_bad_steps(step):
    with pytest.raises(DomainError, match="step: wanted"):
        difference(np.sin, 1.0, "forward", step=step)


def test_refuses_bad_methods_and_points():
    with pytest.raises(DomainError, match="method: wanted"):
        difference(np.sin, 1.0, "sideways")
    with pytest.raises(ShapeError, match="x: wanted"):
        difference(np.sin, "1.0")
    with pytest.raises(DomainError, match="x: wanted"):
        difference(np.sin, np.nan)
    with pytest.raises(TypeError):
        bool(difference(np.sin, 1.0))


# ---- the valley


def test_valley():
    v = step_study(np.exp, 10.0, "forward", truth=np.exp(10.0))
    assert (np.diff(v.steps) < 0).all()
    assert (v.stuck == (10.0 + v.steps == 10.0)).all()
    assert v.stuck.any()
    assert (v.values[v.stuck] == 0).all()
    assert v.values[~v.stuck] == pytest.approx(
        (np.exp(10.0 + v.steps) - np.exp(10.0))[~v.stuck] / v.steps[~v.stuck], rel=1e-15
    )
    moves = ~v.stuck
    assert (v.errors <= 3 * (v.truncation + v.rounding))[moves].all()
    assert v.errors[v.steps == v.best_step] == v.errors[moves].min() < 1e-2
    assert "x + h == x" in str(v)
    assert abs(step_study(np.exp, 10.0).truth - np.exp(10.0)) <= step_study(np.exp, 10.0).truth_error


def test_valley_of_given_steps():
    v = step_study(square, 10.0, steps=[1e-4, 1e-14, 1e-15, 8e-16], truth=20.0)
    assert v.values.tolist() == [20.000099999890608, 21.316282072803006, 42.63256414560601, 0.0]
    assert v.stuck.tolist() == [False, False, False, True]
    assert v.best_step == 1e-4
    with pytest.raises(DomainError, match="steps"):
        step_study(square, 10.0, steps=[1e-4, -1.0])
    with pytest.raises(ShapeError, match="two numbers"):
        step_study(square, [1.0, 2.0])


def test_valley_draws():
    ax = step_study(np.sin, 1.0).plot()
    assert ax.get_xscale() == ax.get_yscale() == "log"
    assert len(ax.get_lines()) >= 3
