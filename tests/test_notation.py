"""Formulas: the symbolic reading equals the value reading; LaTeX brackets are where they are needed, and only there."""

import re

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from laws.samples import PARAMS, STRUCTURAL, Sample

import cauchy
from cauchy import ops as P
from cauchy.errors import CauchyError, Refused, ShapeError
from cauchy.graph import Graph, Primitive
from cauchy.read.notation import formula, symbolic
from cauchy.read.notation.exact import exact

# -- sympy: the expression is the function ---------------------------------------------------------


def traced(p: Primitive, args: tuple, params: dict, wrt: tuple[int, ...]) -> Graph:
    """The primitive as a graph of the arguments `wrt`; the others are constants."""

    def f(*xs):
        full = list(args)
        for i, x in zip(wrt, xs, strict=True):
            full[i] = x
        out = p(*full, **params)
        return out if isinstance(out, tuple) else (out,)

    return cauchy.trace(f, *(args[i] for i in wrt))


def holds(g: Graph, *xs) -> None:
    """The expressions, evaluated at xs with 30 digits, are the values of the graph."""
    symbols = [sp_array(f"x{i}", np.shape(x)) for i, x in enumerate(xs)]
    got, want = g.sympy(symbols, exact="binary"), g.run(*xs)
    at = {
        s: exact(float(v), "binary")
        for ss, x in zip(symbols, xs, strict=True)
        for s, v in zip(np.ravel(ss), np.ravel(x), strict=True)
    }
    for e, w in zip(got, want, strict=True) if isinstance(got, tuple) else [(got, want)]:
        assert np.shape(e) == np.shape(w)
        for entry, value in zip(np.ravel(np.asarray(e, object)), np.ravel(w), strict=True):
            number = entry.subs(at)
            number = float(number == sp.true) if number in (sp.true, sp.false) else float(number.evalf(30))
            assert number == pytest.approx(float(value), rel=1e-6 if w.dtype == np.float32 else 1e-9, abs=1e-12)


def sp_array(name: str, shape: tuple[int, ...]) -> np.ndarray:
    out = np.empty(shape, object)
    for i in np.ndindex(shape):
        out[i] = sp.Symbol("_".join([name, *map(str, i)]), real=True)
    return out


ELEMENTWISE = [p for p in P.ALL if p.domain and p in symbolic]


@pytest.mark.parametrize("p", ELEMENTWISE, ids=str)
def test_elementwise_expressions_are_the_function(p):
    rng = np.random.default_rng(P.ALL.index(p))
    for params in PARAMS.get(p.name, [{}]):
        for _ in range(2):
            xs = tuple(float(rng.uniform(low, high)) for low, high in p.domain)
            holds(traced(p, xs, params, tuple(range(len(xs)))), *xs)


def small(s: Sample) -> bool:
    return sum(np.size(a) for a in s.args) <= 12


STRUCTURES = [(p, s) for p in P.ALL for s in STRUCTURAL.get(p.name, []) if p in symbolic and small(s) and s.wrt]


@pytest.mark.parametrize(("p", "s"), STRUCTURES, ids=lambda v: getattr(v, "name", ""))
def test_structural_expressions_are_the_function(p, s):
    g = traced(p, s.args, s.params, s.wrt)
    xs = [s.args[i] for i in s.wrt]
    if p is P.solve_triangular and s.args[0].ndim > 2:
        with pytest.raises(Refused):
            g.sympy()
    else:
        holds(g, *xs)


def test_the_samples_reach_every_structural_rule():
    reached = {p for p, _ in STRUCTURES} | set(ELEMENTWISE)
    without = {p.name for p in symbolic if p not in reached}
    assert without <= {
        "item",
        "stop_gradient",
        "left_shift",
        "right_shift",
        "bitwise_and",
        "bitwise_or",
        "bitwise_xor",
        "invert",
    }


@given(st.integers(-20, 20), st.integers(1, 40))
def test_decimal_constants_are_read_as_written(a, b):
    assert exact(a / 8) == sp.Rational(a, 8)
    assert exact(a / b) == sp.Rational(a, b)
    assert exact(float(f"{a}.{b}")) == sp.Rational(f"{a}.{b}")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_constants_are_exact_or_their_shortest_decimal(x):
    assert float(exact(x, "binary")) == x
    assert sp.Rational(exact(x, "binary")) == sp.Rational(*x.as_integer_ratio())
    assert float(exact(x).evalf(30)) == pytest.approx(x, rel=5e-16)


@pytest.mark.parametrize(
    ("x", "meant"),
    [
        (2 * np.pi, 2 * sp.pi),
        (np.pi / 180, sp.pi / 180),
        (np.sqrt(2), sp.sqrt(2)),
        (1 / np.sqrt(2 * np.pi), 1 / sp.sqrt(2 * sp.pi)),
        (-2 / np.sqrt(np.pi), -2 / sp.sqrt(sp.pi)),
        (np.e, sp.E),
        (np.float32(0.1), sp.Rational(1, 10)),
        (1e-5, sp.Rational(1, 100_000)),
        (3, sp.Integer(3)),
        (np.inf, sp.oo),
        (True, sp.true),
    ],
)
def test_long_constants_are_the_numbers_they_round(x, meant):
    assert sp.simplify(exact(x) - meant) == 0 if meant not in (sp.true, sp.oo) else exact(x) == meant


def test_the_two_readings_of_a_constant():
    g = cauchy.trace(lambda x: 0.1 * x, 1.0)
    x = sp.Symbol("x", real=True)
    assert g.sympy() == x / 10
    assert g.sympy(exact="binary") == x * sp.Rational(3602879701896397, 36028797018963968)
    with pytest.raises(CauchyError, match="decimal"):
        g.sympy(exact="exact")


def test_derivatives_are_proved_with_expressions():
    for f in (
        lambda x: np.exp(-x * x / 2) / np.sqrt(2 * np.pi),
        lambda x: np.tanh(x) * np.log1p(x**2),
        lambda x: x**0.3,
    ):
        x = sp.Symbol("x", real=True)
        g, d = cauchy.trace(f, 0.7).sympy([x]), cauchy.trace(cauchy.grad(f), 0.7).sympy([x])
        assert sp.simplify(sp.diff(g, x) - d) == 0


def test_names_symbols_and_trees():
    g = cauchy.trace(lambda p, k: p["w"] @ p["w"] * k, {"w": np.ones(2)}, 3)
    assert str(g.sympy()) == "k*(p_w_0**2 + p_w_1**2)"
    assert sp.Symbol("k", integer=True) in g.sympy().free_symbols
    t = sp.Symbol("t")
    assert g.sympy({"k": 2, "p['w']": [t, 1]}) == 2 * (t**2 + 1)
    for wrong in ([t], {"q": t}, [[t, t, t], 1]):
        with pytest.raises(ShapeError):
            g.sympy(wrong)
    assert len(cauchy.trace(lambda x, x_0: x[0] + x_0, np.ones(2), 1.0).sympy().free_symbols) == 2


def _sorted(x):
    return np.sort(x).sum()


def _squared(x):
    for _ in range(30):
        x = np.sin(x) * x + np.cos(x)
    return x


@pytest.mark.parametrize(
    ("f", "x", "why"),
    [
        (_sorted, np.ones(3), "permutations"),
        (_squared, 0.5, "terms|nested"),
        (lambda x: x.sum(), np.ones(65), "64 entries"),
        (lambda x: np.linalg.inv(2 * x), np.eye(4), "3 x 3"),
        (lambda x: x[np.argmax(x)], np.array([1.0, 2.0]), "depends on the values"),
        (lambda x: np.where(np.isnan(np.log(x)), 0.0, x), 1.0, "depends on the values"),
    ],
)
def test_refusals_say_why_and_where(f, x, why):
    with pytest.raises(CauchyError, match=why) as e:
        cauchy.trace(f, x).sympy()
    if "entries" not in why and "argmax" not in why:
        assert e.value.where.file == __file__


def test_only_what_the_outputs_need_is_expressed():
    g = cauchy.trace(lambda x: x * 2 if np.sort(x)[0] > 0 else x, np.ones(2))
    assert [str(e) for e in g.sympy()] == ["2*x_0", "2*x_1"]


# -- LaTeX and text ------------------------------------------------------------------------------

WRITTEN = [
    (lambda x, y: (x + y) * (y + 1), r"\left(x + y\right) \left(y + 1\right)", "(x + y)·(y + 1)"),
    (lambda x, y: x * y + 1, "x y + 1", "x·y + 1"),
    (lambda x, y: x - (y - 1), r"x - \left(y - 1\right)", "x - (y - 1)"),
    (lambda x, y: (x - y) - 1, "x - y - 1", "x - y - 1"),
    (lambda x, y: x + -y, "x - y", "x - y"),
    (lambda x, y: -(x * y), "-x y", "-x·y"),
    (lambda x, y: -(x + y), r"-\left(x + y\right)", "-(x + y)"),
    (lambda x, y: (-x) ** 2 + y, r"\left(-x\right)^{2} + y", "(-x)² + y"),
    (lambda x, y: x ** (y + 1), "x^{y + 1}", "x^(y + 1)"),
    (lambda x, y: (x**2) ** y, r"\left(x^{2}\right)^{y}", "(x²)^y"),
    (lambda x, y: x / y / 2, r"\frac{\frac{x}{y}}{2}", "x/y/2"),
    (lambda x, y: x / (y / 2), r"\frac{x}{\frac{y}{2}}", "x/(y/2)"),
    (lambda x, y: (x / y) ** 2, r"\left(\frac{x}{y}\right)^{2}", "(x/y)²"),
    (lambda x, y: np.sin(x) * y, r"\sin\left(x\right) y", "sin(x)·y"),
    (lambda x, y: y * np.sin(x), r"y \sin x", "y·sin(x)"),
    (lambda x, y: np.sin(x * y) ** 2, r"\sin^{2}\left(x y\right)", "sin²(x·y)"),
    (lambda x, y: np.exp(-x) + np.sqrt(y), r"\mathrm{e}^{-x} + \sqrt{y}", "exp(-x) + √y"),
    (lambda x, y: np.where(x > y, x, 0.5),
     r"\begin{cases} x & \text{if } x > y \\ 0.5 & \text{otherwise} \end{cases}", "x if x > y else 0.5"),
    (lambda x, y: (x > y) * 2.0, r"\left[x > y\right] \cdot 2", "[x > y]·2"),
    (lambda x, y: x * 2 * 1e-9, r"x \cdot 2 \cdot 10^{-9}", "x·2·10⁻⁹"),
    (lambda x, y: -2 * x + np.pi, r"-2 x + \pi", "-2·x + π"),
    (lambda x, y: abs(x) // y, r"\left\lfloor \frac{\left|x\right|}{y}\right\rfloor", "⌊|x|/y⌋"),
]  # fmt: skip


@pytest.mark.parametrize(("f", "latex", "text"), WRITTEN, ids=[t for *_, t in WRITTEN])
def test_brackets_where_needed_and_only_there(f, latex, text):
    g = cauchy.trace(f, 3.0, 2.0)
    assert g.latex() == latex
    assert g.text() == text


v, A = np.ones(3), np.ones((2, 3))
ARRAYS = [
    (lambda x: (x * x).sum(), (v,), r"\sum_{i} x_{i} x_{i}", "Σ_i x[i]·x[i]"),
    (lambda x: x.mean(), (v,), r"\frac{1}{3} \sum_{i} x_{i}", "(1/3)·Σ_i x[i]"),
    (lambda a, x: a @ x, (A, v), r"\mathbf{a} \mathbf{x}", "a @ x"),
    (lambda a, x: (a @ x) @ (a @ x), (A, v),
     r"\left(\mathbf{a} \mathbf{x}\right)^{\top} \mathbf{a} \mathbf{x}", "a @ x @ (a @ x)"),
    (lambda a: a.T.sum(axis=0), (A,), r"\left(\sum_{j} a_{ij}\right)_{i}", "(Σ_j a[i, j])[i]"),
    (lambda x, y: ((x[:, None] - y) ** 2).sum(), (v, v),
     r"\sum_{i, j} \left(x_{i} - y_{j}\right)^{2}", "Σ_i,j (x[i] - y[j])²"),
    (lambda x: (x[1:] - x[:-1]).max(), (v,), r"\max_{i} \left(x_{i+1} - x_{i}\right)", "max_i (x[i+1] - x[i])"),
    (lambda x: np.array([x[0], 2 * x[1]]), (v,), r"\begin{pmatrix} x_{0} \\ 2 x_{1} \end{pmatrix}", "[x[0], 2·x[1]]"),
    (lambda x, y: x * y, (v, v), r"\mathbf{x} \odot \mathbf{y}", "x·y"),
    (lambda x: x**2 / 2, (v,), r"\frac{\mathbf{x}^{\circ 2}}{2}", "x²/2"),
    (lambda x: x.cumsum(), (v,), r"\left(\sum_{j \le i} x_{j}\right)_{i}", "(Σ_j≤i x[j])[i]"),
    (lambda a: np.einsum("ij,ij->", a, a), (A,), r"\sum_{i, j} a_{ij} a_{ij}", "Σ_i,j a[i, j]·a[i, j]"),
    (lambda i: i.sum(), (v,), r"\sum_{j} i_{j}", "Σ_j i[j]"),
]  # fmt: skip


@pytest.mark.parametrize(("f", "args", "latex", "text"), ARRAYS, ids=[t for *_, t in ARRAYS])
def test_sums_run_over_entries(f, args, latex, text):
    g = cauchy.trace(f, *args)
    assert g.latex() == latex
    assert g.text() == text


def balanced(latex: str) -> bool:
    opened = re.sub(r"\\[{}]", "", latex)
    environments = re.findall(r"\\(begin|end)\{(\w+)\}", latex)
    return (
        opened.count("{") == opened.count("}")
        and latex.count(r"\left") - latex.count(r"\leftarrow") == latex.count(r"\right")
        and [k for k, _ in environments].count("begin") * 2 == len(environments)
    )


@pytest.mark.parametrize("p", [p for p in P.ALL if p in formula], ids=str)
def test_every_primitive_can_be_written(p):
    samples = [
        Sample(tuple(np.full(s, (low + high) / 2) for low, high in p.domain), params)
        for s in ((), (2,))
        for params in PARAMS.get(p.name, [{}])
    ]
    for s in samples if p.domain else STRUCTURAL.get(p.name, []):
        g = traced(
            p, s.args, s.params, tuple(i for i in range(len(s.args)) if np.asarray(s.args[i]).dtype.kind == "f") or (0,)
        )
        assert balanced(g.latex()), g.latex()
        assert g.text()


@pytest.mark.parametrize("name", ["theta", "x_1", "w12", "learning_rate", "alpha_long"])
def test_names_are_set_as_symbols(name):
    scope: dict = {}
    exec(f"def f({name}): return {name} * 2", scope)
    written = cauchy.trace(scope["f"], 1.0).latex()
    wanted = {
        "theta": r"\theta",
        "x_1": "x_{1}",
        "w12": "w_{12}",
        "learning_rate": r"\mathrm{learning}_{\mathrm{rate}}",
        "alpha_long": r"\alpha_{\mathrm{long}}",
    }
    assert written == wanted[name] + r" \cdot 2"


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from("abcd"), min_size=20, max_size=60))
def test_length_grows_with_operations_only(steps):
    def f(x):
        for s in steps:
            x = {
                "a": lambda x: x * np.tanh(x),
                "b": lambda x: np.sin(x) + x,
                "c": lambda x: np.hypot(x, x),
                "d": lambda x: x - 1,
            }[s](x)
        return x

    g = cauchy.trace(f, 0.5)
    for text in (g.latex(), g.text()):
        assert len(text) < 120 * len(g.nodes)
    assert balanced(g.latex())


def test_what_is_no_longer_readable_is_not_written():
    def f(x):
        for k in range(600):
            x = x + np.sin(x) / (k + 1)
        return x

    with pytest.raises(CauchyError, match="operations"):
        cauchy.trace(f, 1.0).latex()


def test_named_parts_stand_before_their_use():
    g = cauchy.trace(lambda z: [z := np.sin(z) * z + z**3 for _ in range(6)][-1], 0.5)
    lines = g.text().splitlines()
    assert lines[0] == "u1 = sin(z)·z + z³"  # z is taken
    assert lines[-1] == "f = sin(u5)·u5 + u5³"
    assert g.latex().startswith(r"\begin{aligned} u_{1} &= ")
