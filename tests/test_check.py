"""`cauchy.check`: right derivatives are never called wrong, wrong ones are found, and the mistake has its name."""

import importlib.util
import json
import os
import signal
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from cauchy.calculus.check import check, identity
from cauchy.calculus.check.causes import explain
from cauchy.calculus.child import Child
from cauchy.errors import CauchyError, DomainError, ShapeError
from cauchy.messages import say
from cauchy.proof import Verdict
from cauchy.testing import assert_derivative

RNG = np.random.default_rng(3)
DATA = RNG.normal(size=(20, 3))
TARGET = RNG.normal(size=20)
W = np.array([0.3, -0.5, 0.8])


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def relu(z):
    return np.maximum(z, 0)


def softmax(z):
    return np.exp(z) / np.exp(z).sum()


def mean_loss(w):
    return np.mean((DATA @ w - TARGET) ** 2)


def mean_loss_gradient(w):
    return 2 * DATA.T @ (DATA @ w - TARGET) / len(TARGET)


def loop_loss(w):
    total = 0.0
    for row, t in zip(DATA[:6], TARGET[:6], strict=True):
        total = total + (row @ w - t) ** 2
    return total


def last_only(w):
    for row, t in zip(DATA[:6], TARGET[:6], strict=True):
        gradient = 2 * (row @ w - t) * row
    return gradient


# name: (f, claim, options, cause, factor)
MISTAKES = {
    "2x": (sigmoid, lambda z: 2 * sigmoid(z) * (1 - sigmoid(z)), {"at": 0.4}, "factor", 2.0),
    "sign": (np.cos, np.sin, {"at": [0.4, 2.0]}, "sign", -1.0),
    "1/n": (lambda w: np.sum((DATA @ w) ** 2), lambda w: DATA.T @ (DATA @ w) / 10, {"at": W}, "factor", 1 / 20),
    "sum for mean": (mean_loss, lambda w: 20 * mean_loss_gradient(w), {"at": W}, "factor", 20.0),
    "degrees": (lambda x: np.sin(np.deg2rad(x)), lambda x: np.cos(np.deg2rad(x)), {"at": 30.0}, "inner", 180 / np.pi),
    "inner": (lambda x: np.sin(3 * x), lambda x: np.cos(3 * x), {"at": [0.5, 2.0]}, "inner", 1 / 3),
    "inner varies": (lambda x: np.exp(-(x**2)), lambda x: np.exp(-(x**2)), {"at": [0.5, 2.0]}, "inner", None),
    "exponent kept": (lambda x: x**3, lambda x: 3 * x**3, {"at": 2.0}, "exponent_kept", None),
    "exponent lost": (lambda x: x**3, lambda x: x**2, {"at": 2.0}, "exponent_lowered", 1 / 3),
    "transposed": (
        lambda v: np.stack([2 * v[0] * v[1], v[0] ** 2 * v[1]]),
        lambda v: np.array([[2 * v[1], 2 * v[0] * v[1]], [2 * v[0], v[0] ** 2]]),
        {"at": np.array([1.0, 2.0])}, "transposed", None,
    ),
    "transposed shape": (
        lambda v: np.stack([v[0] * v[1], v[0], v[1]]),
        lambda v: np.array([[v[1], 1, 0], [v[0], 0, 1]]),
        {"at": np.array([1.0, 2.0])}, "transposed_shape", None,
    ),
    "bearing": (
        lambda v: v[0] ** 2 + v[1] ** 3,
        lambda v: np.array([3 * v[1] ** 2, 2 * v[0]]),
        {"at": np.array([2.0, 3.0])}, "swapped", None,
    ),
    "lower power": (
        lambda v: v[0] ** 2 + v[1] ** 3, lambda v: 2 * v, {"at": np.array([2.0, 3.0])}, "components_monomial", None,
    ),
    "constant": (lambda x: x**3, lambda x: 12.0, {"at": [1.0, 3.0]}, "constant", None),
    "constant component": (
        lambda v: v[0] ** 2 + np.exp(v[1]),
        lambda v: np.array([2 * v[0], 5.0]),
        {"at": np.array([2.0, 3.0])}, "components_constant", None,
    ),
    "one component": (
        mean_loss,
        lambda w: mean_loss_gradient(w) * [1, 1, 3],
        {"at": W}, "components_factor", (1.0, 1.0, 3.0),
    ),
    "last only": (loop_loss, last_only, {"at": W}, "last_only", None),
    "sine for cosine": (
        lambda x: np.cos(3 * x) + x,
        lambda x: 3 * np.cos(3 * x) + 1,
        {"at": [0.5, 2.0]}, "sin_cos", None,
    ),
    "product": (lambda x: x * np.sin(x), np.sin, {"at": [0.5, 2.0]}, "product", None),
    "not differentiated": (lambda x: np.sin(x) + x, lambda x: np.sin(x) + x, {"at": [0.5, 2.0]}, "itself", None),
    "weight decay": (lambda w: mean_loss(w) + 0.05 * w @ w, mean_loss_gradient, {"at": W}, "penalty_missing", None),
    "quotient": (np.sin, lambda x: (np.sin(x + 1e-4) - np.sin(x)) / 1e-4, {"at": [0.5, 2.0]}, "quotient", None),
    "zero": (np.exp, lambda x: 0.0, {"at": 1.0}, "zero", 0.0),
    "diagonal": (
        softmax,
        lambda z: np.diag(softmax(z) * (1 - softmax(z))),
        {"at": np.array([0.1, -0.4, 1.0])}, "diagonal", None,
    ),
    "diagonal as vector": (
        softmax,
        lambda z: softmax(z) * (1 - softmax(z)),
        {"at": np.array([0.1, -0.4, 1.0])}, "mixed_diagonal", None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_found_and_named(name):
    f, claim, options, cause, factor = MISTAKES[name]
    found = check(f, claim, **options, seconds=0.0)
    assert found.verdict is Verdict.REFUTED
    assert found.cause == cause, str(found)
    assert found.factor == (factor if factor is None else pytest.approx(factor, rel=1e-6))
    for lang in ("en", "zh"):
        assert say("check.cause", lang, cause="").strip() in found.text(lang)
    assert json.loads(found.to_json())["cause"] == cause
    assert "<b>" in found._repr_html_()


BLACK = ["2x", "sign", "exponent kept", "bearing", "one component", "transposed", "constant"]


@pytest.mark.parametrize("name", BLACK)
def test_a_black_box_has_the_same_causes(name):
    f, claim, options, cause, _ = MISTAKES[name]
    closed = lambda g: lambda x: g(np.array(x.tolist()) if np.ndim(x) else float(x))
    assert check(closed(f), closed(claim), **options, seconds=0.0).cause == cause


def test_likely_reasons_are_read_off_the_program():
    assert "sum_for_mean" in check(*MISTAKES["sum for mean"][:2], at=W, seconds=0).likely
    assert "n = 20" not in (text := str(check(*MISTAKES["2x"][:2], at=0.4, seconds=0)))
    assert "= 20" in str(check(*MISTAKES["sum for mean"][:2], at=W, seconds=0)), text


def loses_digits(x):
    return (1 - np.cos(x)) / x**2


RIGHT = {
    "square": (lambda x: x**2, lambda x: 2 * x, [3.0, 0.0, -1e8, 1e-8]),
    "sin far out": (np.sin, np.cos, [1e8, -1e6, 1e-8]),
    "elementwise": (sigmoid, lambda z: sigmoid(z) * (1 - sigmoid(z)), np.linspace(-40, 40, 9)),
    "saturated": (sigmoid, lambda z: sigmoid(z) * (1 - sigmoid(z)), [40.0, 745.0, -745.0]),
    "relu": (relu, lambda z: np.where(z > 0, 1.0, 0.0), np.array([-1.0, 0.0, 2.0])),
    "relu, other convention": (relu, lambda z: np.where(z >= 0, 1.0, 0.0), np.array([-1.0, 0.0, 2.0])),
    "abs at 0, any subgradient": (abs, lambda x: 0.3 if x == 0 else float(np.sign(x)), [0.0]),
    "corner of min(|x|, |y|)": (
        lambda v: min(abs(v[0]), abs(v[1])),
        lambda v: np.array([np.sign(v[0]), 0.0]) if abs(v[0]) <= abs(v[1]) else np.array([0.0, np.sign(v[1])]),
        [np.array([0.0, 0.0]), np.array([1.0, 1.0]), np.array([0.0, 2.0])],
    ),
    "max with ties": (np.max, lambda v: (v == np.max(v)) / np.sum(v == np.max(v)), np.array([1.0, 1.0, 0.5])),
    "lost digits": (loses_digits, lambda x: np.sin(x) / x**2 - 2 * (1 - np.cos(x)) / x**3, [1e-9, 1e-7, 1e-5, 1e-3]),
    "float32 inside": (
        lambda x: float(np.tanh(np.float32(x))),
        lambda x: float(1 - np.tanh(np.float32(x)) ** 2),
        [0.3, 2.0],
    ),
    "float32 claim": (lambda w: np.sum(w**3), lambda w: (3 * w**2).astype(np.float32), W),
    "constant six digits long": (lambda x: np.pi * x, lambda x: 3.14159265 + 0 * x, [1.0]),
    "floor": (np.floor, lambda x: 0.0, [0.3, 7.5]),
    "floor, smooth claim": (np.floor, lambda x: 1.0, [0.3, 7.5]),
    "claim is NaN": (np.sin, lambda x: np.nan, [0.3]),
    "nan outside": (np.sqrt, lambda x: 0.5 / np.sqrt(x), [-1.0, 0.0, 2.0]),
    "large constant": (lambda x: 1e9 + np.sin(x), np.cos, [0.5, 2.0]),
    "integers": (lambda w: w[0] * w[1], lambda w: np.array([w[1], w[0]]), np.array([3, 4])),
    "matrix": (
        lambda m: np.sum(m @ m),
        lambda m: np.ones((2, 2)) @ m.T + m.T @ np.ones((2, 2)),
        np.array([[1.0, 2.0], [3.0, 4.0]]),
    ),
}


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("black", [False, True])
def test_a_right_derivative_is_never_called_wrong(name, black):
    f, claim, at = RIGHT[name]
    if black:
        inner = f
        f = lambda x: inner(np.array(x.tolist()) if np.ndim(x) else float(x))
    found = check(f, claim, at=at, seconds=0.0)
    assert found.verdict is Verdict.UNDECIDED, str(found)


def test_nothing_is_known_about_a_staircase_and_nothing_is_said():
    found = check(np.floor, lambda x: 1.0, at=[0.3, 7.5])
    assert found.verdict is Verdict.UNDECIDED
    assert found.agreed == 0


def test_a_refuted_point_is_the_evidence():
    found = check(lambda x: x**2, lambda x: np.where(x > 0, 2 * x, 3 * x), at=[1.0, -2.0, 3.0], seconds=0)
    assert found.verdict is Verdict.REFUTED
    assert found.worst is not None
    assert found.worst.x == -2.0
    assert (found.worst.claimed, found.worst.derivative) == (pytest.approx(-6.0), pytest.approx(-4.0, abs=1e-9))
    assert 0 < found.worst.error < 1e-8
    assert found.agreed == 2


@pytest.mark.parametrize(
    ("f", "claim", "at"),
    [
        (np.tanh, lambda x: 1 - np.tanh(x) ** 2, 0.3),
        (sigmoid, lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2, np.array([0.1, 2.0])),
        (lambda w: np.sum(w**2), lambda w: 2 * w, W),
        (loses_digits, lambda x: np.sin(x) / x**2 - 2 * (1 - np.cos(x)) / x**3, 1e-9),
        (lambda v: v[0] ** 2 + v[1] ** 3, lambda v: np.array([[2, 0], [0, 6 * v[1]]]), np.array([2.0, 3.0])),
    ],
)
def test_an_identity_is_proved(f, claim, at):
    found = check(f, claim, at=at, seconds=20.0)
    assert found.verdict is Verdict.PROVED, str(found)
    assert found.require().proof is not None


def test_a_large_gradient_is_proved_without_algebra(monkeypatch):
    monkeypatch.setattr(identity, "ask", lambda *_, **__: pytest.fail("SymPy was asked"))
    found = check(lambda w: np.sum(np.exp(w)), lambda w: 1.0 * np.exp(w), at=np.linspace(0, 1, 60))
    assert found.verdict is Verdict.PROVED
    found = check(lambda w: np.sum(np.exp(w)), lambda w: np.exp(w) + 0 * w, at=np.linspace(0, 1, 60))
    assert found.verdict is Verdict.UNDECIDED  # right, but not operation by operation


@pytest.mark.parametrize(
    ("f", "claim", "at"),
    [
        (lambda x: x * x if x > 0 else -x, lambda x: 2 * x, 3.0),  # one branch only
        (lambda x: x**2, lambda x: 2 * x if x > 0 else 7.0, 3.0),
        (np.floor, lambda x: 0 * x, 0.3),
        (lambda x: x**2, lambda x: 2 * x + 1e-9 * x**3, 1e-3),  # agrees to 14 digits, and is wrong
        (lambda x: float(np.tanh(float(x))), lambda x: 1 - np.tanh(x) ** 2, 0.3),
    ],
)
def test_what_is_not_an_identity_is_not_proved(f, claim, at):
    assert check(f, claim, at=at, seconds=20.0).verdict is Verdict.UNDECIDED


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="a process cannot be halted here")
def test_the_prover_survives_an_answer_that_never_comes():
    found = identity.formulas(np.tanh, lambda x: 1 - np.tanh(x) ** 2, "derivative", 0.5)
    assert found is not None
    assert identity.prove(found, 20.0) is not None
    first = next(c for c in Child.idle if c.room == identity.__name__)
    os.kill(first.process.pid, signal.SIGSTOP)
    assert identity.prove(found, 0.1) is None
    assert first.process.poll() is not None
    assert identity.prove(found, 20.0) is not None


def test_points_of_a_region_and_points_that_are_found():
    low, high = np.array([-1.0, 2.0]), np.array([1.0, 5.0])
    found = check(lambda v: v[0] * v[1], lambda v: v[::-1], region=(low, high), samples=5, seconds=0)
    assert found.agreed == 5
    assert all((low < p).all() and (p < high).all() for p in found.points)
    again = check(lambda v: v[0] * v[1], lambda v: v[::-1], region=(low, high), samples=5, seconds=0)
    assert np.array_equal(found.points, again.points)
    guessed = check(np.log, lambda x: 1 / x, seconds=0)
    assert guessed.agreed == 8
    assert min(guessed.points) > 0
    assert "8" in str(guessed)
    assert check(lambda v: v[0] * v[1] ** 2, lambda v: v, seconds=0).verdict is Verdict.REFUTED
    assert check(lambda a, b: a * b**2, lambda a, b: 2 * a * b, argnums=1, seconds=0).agreed == 8


def test_one_of_several_arguments():
    f = lambda x, y: np.sum(x * y**2)
    x, y = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    assert check(f, lambda x, y: 2 * x * y, at=(x, y), argnums=1, seconds=0).agreed == 1
    assert check(f, lambda x, y: x * y, at=[(x, y), (y, x)], argnums=1, seconds=0).factor == 0.5


@pytest.mark.parametrize("n", [1, 300])
def test_every_component_is_tested(n):
    x = np.linspace(0.5, 1.5, n)
    wrong = lambda x: 2 * x + (np.arange(len(x)) == len(x) - 1)
    assert check(lambda x: np.sum(x**2), wrong, at=x, seconds=0).verdict is Verdict.REFUTED
    assert check(lambda x: np.sum(x**2), lambda x: 2 * x, at=x, seconds=0).agreed == 1


@pytest.mark.parametrize(
    ("f", "claim", "options", "error", "text"),
    [
        (np.sin, 3, {"at": 1.0}, ShapeError, "claim: wanted a function"),
        ("sin", np.cos, {"at": 1.0}, ShapeError, "f: wanted a function"),
        (np.sin, lambda x: None, {"at": 1.0}, ShapeError, "returned nothing"),
        (np.sin, lambda x: "cos", {"at": 1.0}, ShapeError, "real numbers"),
        (np.sin, lambda x: 1j, {"at": 1.0}, ShapeError, "real numbers"),
        (np.sin, lambda x: {}["no"], {"at": 1.0}, CauchyError, "KeyError"),
        (np.sin, lambda x: 1 / 0, {"at": 1.0}, CauchyError, "ZeroDivisionError"),
        (lambda x: x.nothing, np.cos, {"at": 1.0}, CauchyError, "AttributeError"),
        (np.sin, np.cos, {"at": "here"}, ShapeError, "at: wanted real numbers"),
        (np.sin, np.cos, {"at": 1j}, ShapeError, "at: wanted real numbers"),
        (np.sin, np.cos, {"at": np.nan}, DomainError, "finite"),
        (np.sin, np.cos, {"at": np.zeros(0)}, ShapeError, "at least one"),
        (np.sin, np.cos, {"at": 1.0, "region": (0, 1)}, ShapeError, "both"),
        (np.sin, np.cos, {"region": (1, 0)}, DomainError, "low < high"),
        (np.sin, np.cos, {"region": 3}, ShapeError, "region"),
        (np.sin, np.cos, {"at": 1.0, "kind": "slope"}, ShapeError, "kind"),
        (np.sin, np.cos, {"at": 1.0, "argnums": 2}, ShapeError, "argnums"),
        (np.sin, np.cos, {"at": 1.0, "samples": 0}, ShapeError, "samples"),
        (lambda x: np.log(-1 - x**2) + 0 * x, np.cos, {}, DomainError, "no point was found"),
    ],
)
def test_bad_input_is_named(f, claim, options, error, text):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        with pytest.raises(error, match=text):
            check(f, claim, **options)


def test_an_error_in_the_claim_names_its_line():
    def broken(x):
        return x[0]["a"]

    with pytest.raises(CauchyError) as caught:
        check(np.sum, broken, at=np.ones(2))
    assert caught.value.where is not None
    assert caught.value.where.file == __file__
    assert caught.value.where.line == broken.__code__.co_firstlineno + 1


def test_a_wrong_shape_is_refuted_with_both_shapes():
    found = check(lambda w: w @ w, lambda w: np.ones(5), at=W)
    assert (found.verdict, found.cause) == (Verdict.REFUTED, "shape")
    assert "(5,)" in str(found)
    assert "(3,)" in str(found)


def test_a_claim_that_writes_or_shares_is_noted_and_x_stays_as_it_was():
    buffer = np.zeros(3)

    def shared(w):
        np.multiply(2, w, out=buffer)
        return buffer

    def writes(w):
        w *= 2
        return w

    x = W.copy()
    assert "reuses_memory" in check(lambda w: w @ w, shared, at=[x, x + 1], seconds=0).notes
    found = check(lambda w: w @ w, writes, at=x, seconds=0)
    assert "changes_input" in found.notes
    assert found.agreed == 1
    assert np.array_equal(x, W)


def test_a_function_that_draws_random_numbers_is_left_undecided():
    rng = np.random.default_rng(0)
    found = check(lambda x: x + rng.normal(), lambda x: 5.0, at=1.0)
    assert found.verdict is Verdict.UNDECIDED
    assert found.doubts == {"random": 1}


def test_assert_derivative():
    assert assert_derivative(np.sin, np.cos, [0.3, 1.0]).agreed == 2
    with pytest.raises(AssertionError, match="sign"):
        assert_derivative(np.cos, np.sin, 0.3)
    with pytest.raises(AssertionError, match="UNDECIDED"):
        assert_derivative(np.floor, lambda x: 0.0 * x, 0.3)
    assert_derivative(np.floor, lambda x: 0.0 * x, 0.3, allow_undecided=True)
    with pytest.raises(AssertionError):
        assert_derivative(lambda x: np.float32(np.sin(x)), np.cos, 0.3, digits=14)


def test_a_cause_needs_independent_points():
    x = np.array([0.5, 1.0, 2.0, 3.0])
    assert explain(2 * x[:2], x[:2], x[:2]) is None
    assert explain(x + 1e-9, x, x) is None
    assert explain(np.array([1.0, 2.0, -3.0, 4.0]), np.array([2.0, 2.2, 3.1, 5.0]), x) is None


def test_the_picture_is_drawn():
    pytest.importorskip("matplotlib")
    figure = check(lambda w: w @ w, lambda w: w * [2, 2, 1], at=W, seconds=0).plot()
    assert len(figure.axes[0].lines) == 3


def _benchmark():
    path = Path(__file__).parents[1] / "benchmarks" / "check.py"
    spec = importlib.util.spec_from_file_location("check_benchmark", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("every", [451, pytest.param(23, marks=pytest.mark.sweep)])
def test_no_false_alarm_and_no_wrong_gradient_passed(every):
    bench = _benchmark()
    ours = bench.summary([bench.run(t) for t in bench.tasks(every)])["cauchy"]
    assert ours["right"] >= 4
    assert ours["false alarms"] == 0
    assert ours["passed"] == 0
    assert ours["found"] >= 0.99 * ours["wrong"]
