"""`explain` against the textbook and against arithmetic of its own: mpmath, differences, direct substitution."""

import functools
import json
import math
import time
import xml.etree.ElementTree as ET

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cauchy import figure, messages
from cauchy.calculus import child
from cauchy.calculus.explain import equivalent, explain, main
from cauchy.calculus.expression import parse
from cauchy.errors import DomainError, ParseError, ShapeError
from cauchy.proof import Verdict

CUBIC = "x^3-2x^2+1"


explained = functools.cache(explain)


def found(listing):
    return [(str(p.x.exact) if p.x.exact else round(p.x.value, 6), p.kind, p.everywhere) for p in listing.points]


# formula, stationary points, corners: (x, kind, is it global?)
TEXTBOOK = [
    (CUBIC, [("0", "maximum", False), ("4/3", "minimum", False)], []),
    ("x^3", [("0", "inflection", None)], []),
    ("x^4", [("0", "minimum", True)], []),
    ("|x|", [], [("0", "minimum", True)]),
    ("x|x|", [("0", "inflection", None)], []),
    ("cbrt(x)", [], [("0", "inflection", None)]),
    ("|x|^3", [("0", "minimum", True)], []),
    ("max(x, 0)", [], [("0", "minimum", True)]),
    ("|x^2-1|", [("0", "maximum", False)], [("-1", "minimum", True), ("1", "minimum", True)]),
    ("log x", [], []),
    ("1/x", [], []),
    ("x e^(-x)", [("1", "maximum", True)], []),
    ("ln(x)/x", [("e", "maximum", True)], []),
    ("x^x", [("e^(-1)", "minimum", True)], []),
    ("1/(x^2-1)", [("0", "maximum", False)], []),
    ("sin x", [("pi/2", "maximum", True), ("3*pi/2", "minimum", True)], []),
    ("sigmoid(x)", [], []),
    ("tan x", [], []),
    ("sqrt(1-x^2)", [("0", "maximum", True)], []),
    ("x^2-sqrt(2)x", [("sqrt(2)/2", "minimum", True)], []),
]


@pytest.mark.parametrize(("text", "stationary", "corners"), TEXTBOOK, ids=[t[0] for t in TEXTBOOK])
def test_textbook(text, stationary, corners):
    e = explained(text)
    assert found(e.stationary) == stationary
    assert found(e.corners) == corners
    assert e.known["stationary"] is Verdict.PROVED
    assert e.known["derivative"] is Verdict.PROVED


def test_the_cubic_in_full():
    e = explained(CUBIC)
    assert e.verdict is Verdict.PROVED
    assert e.require() is e
    assert (str(e.derivative), str(e.factored), str(e.second)) == ("3*x^2 - 4*x", "x*(3*x - 4)", "6*x - 4")
    assert str(e.antiderivative) == "x^4/4 - 2*x^3/3 + x"
    assert [str(p.y) for p in e.stationary.points] == ["1", "−5/27"]
    assert [p.x.value for p in e.roots.points] == pytest.approx([(1 - math.sqrt(5)) / 2, 1, (1 + math.sqrt(5)) / 2])
    assert [v.value for _, v in e.limits] == [-math.inf, math.inf]
    assert e.highest[0] == e.lowest[0] == "no_global"
    a, b = e.window  # the gap 32/27 of the extrema must be seen, not vanish in the range of the window
    _, _, (low, high) = e._curve(400)
    assert a < 0 < 4 / 3 < b
    assert 32 / 27 / (high - low) > 0.1


def test_log_has_no_extremum():
    e = explained("log x")
    assert (str(e.derivative), str(e.second)) == ("1/x", "-1/x^2")
    assert e.stationary.proved
    assert [(a.value, v.value) for a, v in e.limits] == [(0.0, -math.inf), (math.inf, math.inf)]
    assert [s for *_, s in e.monotone] == [1]
    assert [s for *_, s in e.curvature] == [-1]
    assert e.highest[0] == e.lowest[0] == "no_global"


def test_ends_of_an_interval_are_candidates():
    e = explain("x", interval=(0, 1))
    assert found(e.ends) == [("0", "minimum", True), ("1", "maximum", True)]
    assert str(e.highest[1]) == "1"
    assert e.window == (0, 1)


@pytest.mark.parametrize("text", ["sin(x)/x", "x sin x", "e^x - x^2 cos x", "x + cos(x^2)"])
def test_what_is_not_solved_is_an_estimate(text):
    e = explained(text)
    f = parse(text)
    assert e.verdict is Verdict.UNDECIDED
    assert e.known["stationary"] is Verdict.UNDECIDED
    assert e.stationary.why
    for p in e.stationary.points:
        assert not p.proved
        assert abs(mpmath.diff(lambda x: _mp(f, x), p.x.value)) < 1e-6


def _mp(f, x):
    import sympy as sp

    return sp.lambdify(sp.Symbol("x", real=True), f.sympy(), "mpmath")(mpmath.mpf(x))


ANTIDERIVATIVES = [
    CUBIC,
    "1/x",
    "x e^(-x)",
    "sin(x)^2",
    "sqrt(1-x^2)",
    "|x-1|",
    "cbrt(x)",
    "tan x",
    "1/(1+x^2)",
    "e^(-x^2)",
]


@pytest.mark.parametrize("text", ANTIDERIVATIVES)
def test_antiderivative_by_quadrature(text):
    """F(b) - F(a) is the integral of f: an arithmetic that knows nothing of SymPy's rules."""
    e, f = explained(text), parse(text)
    a, b = 0.15, 0.85
    assert e.antiderivative is not None
    nodes, weights = np.polynomial.legendre.leggauss(60)
    integral = (b - a) / 2 * float(np.sum(weights * f((a + b) / 2 + (b - a) / 2 * nodes)))
    assert e.antiderivative(b) - e.antiderivative(a) == pytest.approx(integral, rel=1e-9)


def test_antiderivative_is_continuous_over_a_kink():
    F = explained("|x-1|").antiderivative
    assert F(1 + 1e-9) - F(1 - 1e-9) == pytest.approx(0, abs=1e-8)


def test_nowhere_defined_claims_nothing():
    e = explain("log(-1-x^2)")
    assert e.domain == ()
    assert (e.derivative, e.antiderivative) == (None, None)
    assert set(e.known) == {"domain"}


DOMAINS = [
    ("x/x", [(-math.inf, 0), (0, math.inf)]),  # the formula as written, not simplified
    ("sqrt(x)*sqrt(x)", [(0, math.inf)]),
    ("log(x) + log(2-x)", [(0, 2)]),
    ("asin(x/2)", [(-2, 2)]),
    ("x^(-1/2)", [(0, math.inf)]),
    ("1/(1+e^-x)", [(-math.inf, math.inf)]),
]


@pytest.mark.parametrize(("text", "parts"), DOMAINS)
def test_domain(text, parts):
    assert [(a.value, b.value) for a, b, *_ in explain(text).domain] == parts


@settings(max_examples=5, deadline=None)
@given(st.lists(st.integers(-4, 4), min_size=2, max_size=5), st.integers(1, 3))
def test_polynomials_with_known_stationary_points(roots, lead):
    """f' = lead * product(x - r): its simple and odd roots are extrema, the even ones are not."""
    p = np.poly1d([lead * 60]) * np.poly1d(roots, r=True)
    f = p.integ()
    coefficients = [round(c * 60) for c in f.coeffs]
    text = "+".join(f"({c})*x^{len(coefficients) - 1 - i}" for i, c in enumerate(coefficients))
    text = f"({text})/60"
    e = explained(text)
    distinct = sorted(set(roots))
    kinds = []
    for r in distinct:
        left, right = (np.sign(lead * np.prod([r + d - s for s in roots])) for d in (-0.5, 0.5))
        kinds.append("inflection" if left == right else "maximum" if left > 0 else "minimum")
    assert [(p.x.value, p.kind) for p in e.stationary.points] == list(zip(distinct, kinds, strict=True))
    assert e.known["stationary"] is Verdict.PROVED


def test_time_is_bounded(monkeypatch):
    """Whatever SymPy does, a call ends."""
    child.end_idle()
    slow = "print('ready', flush=True); import time; time.sleep(60)"
    monkeypatch.setattr(child, "COMMAND", slow)
    start = time.perf_counter()
    e = explain("x^2", seconds=0.1)
    assert time.perf_counter() - start < 30
    assert e.verdict is Verdict.UNDECIDED
    assert e.derivative is None
    assert "0.1 s" in str(e)


def test_a_child_that_dies_is_an_answer(monkeypatch):
    child.end_idle()
    monkeypatch.setattr(child, "COMMAND", "import sys; print('ready', flush=True); sys.exit(3)")
    e = explain("x^2")
    assert "gave up" in str(e)
    assert e.known["domain"] is Verdict.UNDECIDED


@pytest.mark.parametrize(
    ("answer", "truth", "verdict"),
    [
        ("x*(3*x-4)", "3x^2-4x", "proved"),
        ("x·(3x–4)", "3x^2-4x", "proved"),
        ("-4x+3x**2", "3x²−4x", "proved"),
        ("sin(x)^2+cos(x)^2", "1", "proved"),
        ("sigmoid(x)(1-sigmoid(x))", "e^x/(1+e^x)^2", "proved"),
        ("2x", "x", "refuted"),
        ("3x^2-4x+1e-9", "3x^2-4x", "refuted"),
        ("x y", "y x", "proved"),
    ],
)
def test_equivalent(answer, truth, verdict):
    assert equivalent(answer, truth).verdict.value == verdict


def test_a_refutation_can_be_checked_by_hand():
    r = equivalent("2sigmoid(x)(1-sigmoid(x))", "sigmoid(x)(1-sigmoid(x))")
    x = float(mpmath.mpf(eval(r.at["x"])))
    assert r.answer(x) == pytest.approx(r.values[0])
    assert r.values[0] == pytest.approx(2 * r.values[1])


def test_bad_input():
    with pytest.raises(ParseError):
        explain("1/2x")
    with pytest.raises(DomainError, match="2 variables"):
        explain("x y")
    for bad in ((1, 1), (2, 1), (0, math.inf), (math.nan, 1), "ab", 3, (1, 2, 3)):
        with pytest.raises(ShapeError, match="interval"):
            explain("x", interval=bad)


# -- what it looks like ----------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["en", "zh"])
def cubic(request):
    return explain(CUBIC, lang=request.param)


def test_text(cubic):
    lines = str(cubic).splitlines()
    assert lines[0] == "f(x) = x³ − 2x² + 1"
    assert any("3x² − 4x = x(3x − 4)" in line for line in lines)
    assert max(len(line) for line in cubic.text(width=60).splitlines() if "│" in line) <= 60
    assert "│" not in cubic.text(plot=False)
    word = {"en": "local maximum", "zh": "极大值"}[cubic.lang]
    assert word in str(cubic)


def test_figures(cubic, tmp_path):
    png = cubic.save(tmp_path / "a.png")
    assert png.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    svg = cubic.save(tmp_path / "a.svg")
    again = cubic.save(tmp_path / "b.svg")
    assert svg.read_bytes() == again.read_bytes()
    ET.parse(svg)
    assert cubic._repr_html_().count("<svg") == 1
    with pytest.raises(figure.CauchyError, match="png, svg"):
        cubic.save(tmp_path / "a.bmp")


def test_json(cubic):
    data = json.loads(cubic.to_json())
    assert data["derivative"] == "3*x^2 - 4*x"
    assert data["stationary"]["points"][1]["x"] == {"exact": "4/3", "value": 4 / 3}
    assert data["limits"][0][1] == {"exact": None, "value": "-oo"}


def test_the_font_has_every_character_of_the_catalog():
    from importlib import resources

    from fontTools.ttLib import TTFont

    known = set(TTFont(resources.files("cauchy") / "fonts" / "cauchy-sans-sc.otf").getBestCmap())
    used = {
        c
        for path in resources.files(messages).iterdir()
        if path.name.endswith(".toml")
        for c in path.read_text("utf-8")
    }
    assert {c for c in used if "\u4e00" <= c <= "\u9fff" and ord(c) not in known} == set()


def test_command(capsys, tmp_path):
    assert main([CUBIC, "--lang", "zh", "--plot", str(tmp_path / "f.svg"), "--width", "70"]) == 0
    assert "驻点" in capsys.readouterr().out
    assert (tmp_path / "f.svg").stat().st_size > 1000
    assert main(["-x^2", "--json", "--interval", "-1", "2"]) == 0
    assert json.loads(capsys.readouterr().out)["derivative"] == "-2*x"
    assert main(["3x^2 -", "--no-plot"]) == 2
    err = capsys.readouterr().err
    assert "column 7" in err
    assert "^" in err
    assert main(["x", "--interval", "1", "0"]) == 2
    assert main(["x", "--no-plot", "--plot", str(tmp_path / "no" / "such" / "f.png")]) == 2
