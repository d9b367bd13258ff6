"""Nonlinear least squares against NIST's certified values, from both official starts."""

import re
from pathlib import Path

import numpy as np
import pytest

import cauchy
from cauchy.errors import CauchyError, ShapeError
from cauchy.optimize.status import Status

DATA = Path(__file__).parent / "data" / "nist"  # NIST Statistical Reference Datasets, public domain
exp = np.exp

MODELS = {
    "Bennett5": lambda b, x: b[0] * (b[1] + x) ** (-1 / b[2]),
    "Chwirut1": lambda b, x: exp(-b[0] * x) / (b[1] + b[2] * x),
    "DanWood": lambda b, x: b[0] * x ** b[1],
    "Eckerle4": lambda b, x: b[0] / b[1] * exp(-0.5 * ((x - b[2]) / b[1]) ** 2),
    "Gauss2": lambda b, x: (
        b[0] * exp(-b[1] * x) + b[2] * exp(-((x - b[3]) ** 2) / b[4] ** 2) + b[5] * exp(-((x - b[6]) ** 2) / b[7] ** 2)
    ),
    "Hahn1": lambda b, x: (b[0] + b[1] * x + b[2] * x**2 + b[3] * x**3) / (1 + b[4] * x + b[5] * x**2 + b[6] * x**3),
    "Lanczos1": lambda b, x: b[0] * exp(-b[1] * x) + b[2] * exp(-b[3] * x) + b[4] * exp(-b[5] * x),
    "Lanczos3": lambda b, x: b[0] * exp(-b[1] * x) + b[2] * exp(-b[3] * x) + b[4] * exp(-b[5] * x),
    "MGH10": lambda b, x: b[0] * exp(b[1] / (x + b[2])),
    "Misra1a": lambda b, x: b[0] * (1 - exp(-b[1] * x)),
    "Misra1c": lambda b, x: b[0] * (1 - (1 + 2 * b[1] * x) ** (-0.5)),
    "Nelson": lambda b, x: b[0] - b[1] * x[:, 0] * exp(-b[2] * x[:, 1]),
    "Rat43": lambda b, x: b[0] / (1 + exp(b[1] - b[2] * x)) ** (1 / b[3]),
    "Thurber": lambda b, x: (b[0] + b[1] * x + b[2] * x**2 + b[3] * x**3) / (1 + b[4] * x + b[5] * x**2 + b[6] * x**3),
}


def read(name):
    """Two starts, certified parameters, their standard deviations, the residual sum of squares; x and y."""
    lines = (DATA / f"{name}.dat").read_text().splitlines()
    rows = [[float(v) for v in m[1].split()] for line in lines[:60] if (m := re.match(r"\s*b\d+ =\s*(.*)", line))]
    rss = next(float(line.split(":")[1]) for line in lines if line.startswith("Residual Sum of Squares"))
    data = np.array([[float(v) for v in line.split()] for line in lines[60:] if line.strip()])
    y, x = data[:, 0], data[:, 1] if data.shape[1] == 2 else data[:, 1:]
    return *np.array(rows).T, rss, x, np.log(y) if name == "Nelson" else y


@pytest.mark.parametrize("start", [1, 2])
@pytest.mark.parametrize("name", MODELS)
def test_nist(name, start):
    *starts, certified, deviations, rss, x, y = read(name)
    model = MODELS[name]
    fit = cauchy.least_squares(lambda b: model(b, x) - y, starts[start - 1])
    digits = -np.log10(np.maximum(np.abs(fit.x / certified - 1), 1e-16)).min()
    assert fit.status is Status.CONVERGED, fit.message
    assert digits >= 9, f"{digits:.1f} digits"
    assert fit.digits.min() >= 9, "and the result says so"
    # Lanczos1's residual is 1e-13 of its data: rounding of y alone moves it
    assert fit.rss == pytest.approx(rss, rel=1e-8 if name != "Lanczos1" else 1.0)
    if name != "Lanczos1":
        np.testing.assert_allclose(fit.errors, deviations, rtol=1e-7)


# Box, Hunter & Hunter (1978), and Kowalik & Osborne (1968): both are in NIST's collection too
BOX = np.array([1.0, 2, 3, 5, 7, 10]), np.array([109.0, 149, 149, 191, 213, 224])


@pytest.mark.parametrize("start", [[1.0, 1.0], [100.0, 0.75]])
@pytest.mark.parametrize("method", ["levenberg-marquardt", "gauss-newton"])
def test_boxbod(start, method):
    x, y = BOX
    fit = cauchy.least_squares(lambda b: b[0] * (1 - np.exp(-b[1] * x)) - y, start, method=method)
    if method == "levenberg-marquardt" or start[0] > 1:
        np.testing.assert_allclose(fit.x, [2.1380940889e2, 5.4723748542e-1], rtol=1e-10)


def test_kowalik_osborne():
    y = np.array([0.1957, 0.1947, 0.1735, 0.1600, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246])
    x = np.array([4.0, 2, 1, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625])
    model = lambda b: b[0] * (x**2 + x * b[1]) / (x**2 + x * b[2] + b[3]) - y
    for start in ([25.0, 39, 41.5, 39], [0.25, 0.39, 0.415, 0.39]):
        fit = cauchy.least_squares(model, start)
        want = [1.9280693458e-1, 1.9128232873e-1, 1.2305650693e-1, 1.3606233068e-1]
        np.testing.assert_allclose(fit.x, want, rtol=1e-9)
        np.testing.assert_array_equal(fit.fun, model(fit.x))  # the residuals, as for SciPy
        assert fit.rss == pytest.approx(np.sum(model(fit.x) ** 2))


def test_named_answers():
    with pytest.raises(ShapeError, match="1 entries for 2 unknowns"):
        cauchy.least_squares(lambda b: b[:1], [1.0, 2.0])
    with pytest.raises(CauchyError, match="no method"):
        cauchy.least_squares(lambda b: b, [1.0], method="newton")
    fit = cauchy.least_squares(np.log, [-1.0])
    assert fit.status is Status.NOT_FINITE
    assert not fit.success


def test_data_that_do_not_determine_x():
    """Two parameters of which only the sum counts: an answer, with infinite standard errors."""
    t = np.arange(5.0)
    fit = cauchy.least_squares(lambda b: (b[0] + b[1]) * t - 3 * t - np.array([0, 1, -1, 1, -1]) * 0.1, [1.0, 1.0])
    assert np.all(~np.isfinite(fit.errors)) or fit.errors.min() > 1e6


@pytest.mark.parametrize("start", [[0.0, 0.0], [3.0, 1.0], [1.0, 2.0]])
def test_directions_without_effect_are_not_run_along(start):
    t = np.linspace(0, 1, 20)
    y = 2 * np.exp(-3 * t)
    fit = cauchy.least_squares(lambda p: (p[0] + p[1]) * t - y, start)
    assert fit.rss == pytest.approx(np.linalg.lstsq(t[:, None], y, rcond=None)[1][0], rel=1e-9)
    assert np.abs(fit.x).max() < 1e3
    assert np.all(np.isinf(fit.covariance))


def test_other_names():
    assert cauchy.least_squares(lambda b: b - 1, [0.0, 0.0], method="lm").run.method == "levenberg-marquardt"
    with pytest.raises(CauchyError, match="bounds"):
        cauchy.least_squares(lambda b: b, [1.0], bounds=[(0, 1)])
