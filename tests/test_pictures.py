"""Pictures of optimization: they can be drawn in both languages, and show what the numbers say."""

import functools

import numpy as np
import pytest

import cauchy
from cauchy import figure
from cauchy.errors import CauchyError
from cauchy.optimize.picture import GRID, _window

pytest.importorskip("matplotlib")
DISK = (lambda x: x[0] ** 2 + x[1] ** 2, None, 1)


def distance(x):
    return (x[0] - 2) ** 2 + (x[1] - 1) ** 2


def rosen(x):
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


def bowl(x):
    return np.sum(np.arange(1, 6) * x**2) + np.sum(x**4)


def arrows(made):
    """The vectors of the arrows in a figure of a plane."""
    texts = made.axes[0].texts
    return [np.subtract(t.xy, t.xyann) for t in texts if getattr(t, "arrow_patch", None) is not None]


CASES = {
    "valley": lambda: cauchy.minimize(rosen, [-1.2, 1.0], trace=True),
    "disk": lambda: cauchy.minimize(distance, [0.0, 0.0], subject_to=DISK, bounds=[(0, None)] * 2, trace=True),
    "no trace": lambda: cauchy.minimize(distance, [0.0, 0.0], subject_to=DISK),
    "one variable": lambda: cauchy.minimize(lambda x: (x - 2) ** 2 + np.exp(x), 0.0, trace=True),
    "five variables": lambda: cauchy.minimize(bowl, np.ones(5), subject_to=(np.sum, 1, 1), trace=True),
    "diverged": lambda: cauchy.minimize(bowl, np.ones(5), method="gradient-descent", rate=1.0, trace=True),
    "candidate": lambda: cauchy.certify_optimum(distance, [0.8, 0.6], subject_to=DISK),
    "half undefined": lambda: cauchy.certify_optimum(lambda x: np.log(x[0]) + x[1], [1e-3, 0.0], bounds=[(0, 1)] * 2),
    "stationary": lambda: cauchy.lagrange(lambda x: x[0] ** 3 - 3 * x[0] + x[1] ** 2, [1.0, 1.0]),
    "dual": lambda: cauchy.dual(lambda x: x**2, 0.0, subject_to=(lambda x: x, 1, None)),
    "dual with a gap": lambda: cauchy.dual(lambda x: -(x**2), 0.5, bounds=[(-1, 2)], subject_to=(lambda x: x, None, 1)),
}  # fmt: skip


@functools.cache
def case(name):
    return CASES[name]()


@pytest.mark.parametrize("name", CASES)
def test_every_picture_in_both_languages(name, monkeypatch):
    monkeypatch.setattr("cauchy.optimize.duality.DRAWING", 0.0)  # fewer points
    asked = case(name)
    for lang in ("en", "zh"):
        made = asked.plot(lang=lang)
        assert made.axes[0].get_title()
        assert figure.svg(made).startswith("<svg")  # a missing glyph is a warning, and warnings are errors here


def test_the_forces_balance_at_a_minimum_and_only_there():
    good = case("no trace").plot()
    force = arrows(good)
    assert len(force) == 2
    np.testing.assert_allclose(sum(force), 0, atol=1e-9)
    assert force[0] @ np.array([2.0, 1.0]) < 0  # f falls towards (2, 1), its gradient points away
    assert np.linalg.norm(sum(arrows(case("candidate").plot()))) > 0.1


def test_gray_is_where_a_constraint_is_violated():
    made = case("no trace").plot(lang="en")
    filled = [c for c in made.axes[0].collections if getattr(c, "filled", False)]
    outside = lambda x: any(p.contains_point(x) for c in filled for p in c.get_paths())
    assert outside((1.0, 1.0))
    assert not outside((0.5, 0.2))
    assert "CERTIFIED" in made.axes[0].get_title()


def test_a_maximum_is_drawn_as_one():
    made = cauchy.maximize(lambda x: x * (4 - x), 0.0, trace=True).plot(lang="en")  # f is 0 at the start
    curve, way = made.axes[0].lines[:2]
    assert curve.get_ydata().max() == pytest.approx(4.0, abs=0.01)
    assert way.get_ydata()[-1] == pytest.approx(4.0)
    assert "minimization of -f" in made.axes[0].get_title()
    plane = cauchy.maximize(lambda x: x[0] + x[1], [0.0, 0.0], subject_to=DISK).plot(lang="en")
    np.testing.assert_allclose(sum(arrows(plane)), 0, atol=1e-9)
    assert "minimization of -f" in plane.axes[0].get_title()
    assert any(t.get_text() == r"$-\nabla f$" for t in plane.axes[0].texts)


def test_runs_without_a_way_and_out_of_sight_are_drawn():
    started_there = cauchy.minimize(bowl, np.zeros(5), trace=True)
    assert figure.svg(started_there.plot()).startswith("<svg")
    ring = lambda x: (x @ x - 1) ** 2
    off = cauchy.minimize(ring, [3.0, 1.0], method="gradient-descent", rate=0.5, trace=True)
    assert off.status.name == "DIVERGED"
    assert figure.svg(off.plot()).startswith("<svg")


def test_progress_is_measured_from_where_the_run_ended():
    """From the least value it would not fall where a run comes from outside of the constraints."""
    found = case("five variables")
    line = found.plot().axes[0].lines[0]
    away = np.abs(found.trace.fun - found.trace.fun[-1])
    np.testing.assert_array_equal(line.get_ydata(), away[away > 0])


def test_windows_hold_all_points_and_have_no_flat_side():
    for points in ([[0.0, 0.0]], [[0.0, 3.0], [5.0, 3.0]], [[1e6, 0.0], [2e6, 1e-3]], [[np.nan, 0.0], [1.0, 2.0]]):
        known = np.array(points)[np.isfinite(points).all(axis=1)]
        low, high = _window(np.array(points), 1.25)
        assert (low < known).all()
        assert (known < high).all()


def test_what_cannot_be_drawn_says_so():
    with pytest.raises(CauchyError, match="no trace"):
        cauchy.minimize(bowl, np.ones(5)).plot()
    with pytest.raises(CauchyError, match="5 variables"):
        cauchy.certify_optimum(bowl, np.zeros(5)).plot()
    with pytest.raises(CauchyError, match="5 variables"):
        cauchy.lagrange(lambda x: x @ x, np.ones(5)).plot()


def test_functions_with_derivatives_by_hand_are_drawn_on_a_coarse_grid():
    calls = []

    def f(x):
        calls.append(1)
        return float(x[0]) ** 2 + float(x[1]) ** 2

    found = cauchy.minimize(f, [1.0, 2.0], jac=lambda x: 2 * x, trace=True)
    calls.clear()
    found.plot()
    assert GRID**2 <= len(calls) <= GRID**2 + 10_000
