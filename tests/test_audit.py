"""`cauchy check`: what it finds in programs, what it must not call wrong, how it survives programs that misbehave."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest

from cauchy.calculus import audit
from cauchy.calculus.audit.discover import Claim, code_of, derivative_of, find, relation
from cauchy.calculus.audit.evidence import Bench, Situation, compare, meanings
from cauchy.calculus.audit.record import Recorder, TimeUp, deadline
from cauchy.errors import DomainError
from cauchy.proof import Verdict

LISTINGS = Path(__file__).parent / "listings"
CORPUS = runpy.run_path(str(LISTINGS / "corpus.py"))["CORPUS"]
SLOW = {
    "rosenbrock",
    "grads_dict",
    "layers",
    "fn_grad_grad2",
    "gelu_swish",
    "l2_regularised",
    "compute_cost",
    "numerical",
}


def allowed(want: Any) -> tuple[Any, ...]:
    return want if isinstance(want, tuple) else (want,)


@dataclass
class Found:
    """What is true of the claims of some programs, and what was said of them."""

    expected: dict[tuple[str, str], Any]
    claims: dict[tuple[str, str], dict[str, Any]]

    def __getitem__(self, key: tuple[str, str]) -> dict[str, Any]:
        return self.claims[key]


@pytest.fixture(scope="module", params=["quick", pytest.param("whole", marks=pytest.mark.sweep)])
def corpus(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Found:
    """The corpus as modules of one program: one child process, every claim by file and name."""
    programs = [p for p in CORPUS if request.param == "whole" or p[0] not in SLOW]
    folder = tmp_path_factory.mktemp("corpus")
    for name, source, _ in programs:
        (folder / f"{name}.py").write_text(source)
    (folder / "main.py").write_text("".join(f"import {name}\n" for name, _, _ in programs))
    (program,) = audit.audit(folder / "main.py").programs
    assert program["status"] == "finished", program["error"]
    expected = {(name, claim): want for name, _, claims in programs for claim, want in claims.items()}
    return Found(expected, {(Path(c["file"]).stem, c["claim"]): c for c in program["claims"]})


def test_no_false_alarm(corpus: Found) -> None:
    alarms = [
        k for k, c in corpus.claims.items() if c["status"] == "refuted" and "refuted" not in allowed(corpus.expected[k])
    ]
    assert alarms == []


def test_no_wrong_one_passes(corpus: Found) -> None:
    wrong = [k for k, want in corpus.expected.items() if want == "refuted"]
    assert len(wrong) >= 20
    assert [k for k in wrong if corpus[k]["status"] != "refuted"] == []


def test_every_claim_as_expected(corpus: Found) -> None:
    got = {k: corpus.claims[k]["status"] if k in corpus.claims else None for k in corpus.expected}
    assert {k: v for k, v in got.items() if v not in allowed(corpus.expected[k])} == {}


@pytest.mark.parametrize(
    ("claim", "kind", "variable", "via"),
    [
        (("from_output", "sigmoid_derivative"), "elementwise", "x", "output"),
        (("tanh_output", "tanh_deriv"), "elementwise", "x", "output"),
        (("softmax_kinds", "softmax_grad"), "diagonal", "z", ""),
        (("softmax_kinds", "softmax_jacobian"), "jacobian", "z", ""),
        (("linear_regression", "loss_grad"), "gradient", "w", ""),
        (("linear_regression", "loss_hess"), "jacobian", "w", ""),
        (("two_variables", "grad_f"), "gradient", "(x, y)", ""),
        (("two_variables", "df_dy"), "derivative", "y", ""),
        (("coursera", "relu_backward"), "vjp", "Z", ""),
        (("bce_module", "mse_prime"), "gradient", "y_pred", ""),
        (("textbook_classes", "CrossEntropy.gradient"), "elementwise", "p", ""),
    ],
)
def test_kind(corpus: Found, claim: tuple[str, str], kind: str, variable: str, via: str) -> None:
    c = corpus[claim]
    assert (c["kind"], c["variable"], c["via"]) == (kind, variable, via)


def test_causes_come_from_the_catalogue(corpus: Found) -> None:
    assert corpus["w_chain_rule", "g_deriv"]["cause"] == "exponent_kept"
    assert corpus["w_chain_rule", "k_prime"]["cause"] == "sign"
    assert "sum_for_mean" in corpus["w_jacobian", "bce_prime"]["likely"]


@pytest.mark.parametrize(
    ("claim", "factor"),
    [
        (("w_factor", "dsigmoid"), 2),
        (("w_one_over_n", "loss_grad"), 40),
        (("w_one_over_n", "cost_grad"), -1),
        (("w_jacobian", "bce_prime"), 4),
        (("w_chain_rule", "h_der"), -0.5),
        (("w_chain_rule", "k_prime"), -1),
        (("w_layers", "Square.backward"), 0.5),
        (("w_second", "d2f"), -1),
    ],
)
def test_factor(corpus: Found, claim: tuple[str, str], factor: float) -> None:
    assert corpus[claim]["factor"] == pytest.approx(factor, rel=1e-6)


def test_reasons(corpus: Found) -> None:
    assert corpus["w_fed_input", "sigmoid_derivative"]["reason"] == "fed_input"
    assert corpus["scores", "cross_entropy_grad"]["reason"] == "scores"
    assert corpus["difference", "df"]["reason"] == "difference"
    assert corpus["random_dropout", "noisy_grad"]["reason"] == "random"
    assert corpus["overflow", "softplus_grad"]["unstable"] > 0
    assert corpus["activations_where", "relu_grad"]["kinks"] == 1
    parts = {p["leaf"]: p["status"] for p in corpus["w_tuple", "mse_grad"]["parts"]}
    assert parts == {"0": "agrees", "1": "refuted"}


def test_the_listing_unprompted(capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main([str(LISTINGS / "l5_mlp.py"), "--json"]) == 1
    (program,) = json.loads(capsys.readouterr().out)["programs"]
    claims = {c["claim"]: c for c in program["claims"]}
    assert claims["dsigmoid"]["status"] == "refuted"
    assert claims["dsigmoid"]["factor_name"] == "2"
    assert claims["dsigmoid"]["kind"] == "elementwise"
    assert claims["dsigmoid"]["line"] == 14
    assert claims["drelu"]["status"] == claims["d_cross_entropy"]["status"] == "agrees"
    assert (claims["d_cross_entropy"]["kind"], claims["d_cross_entropy"]["variable"]) == ("gradient", "yhat")
    assert claims["mlp.backward"]["status"] == "undecided"
    (promise,) = program["promises"]
    assert (promise["function"], promise["word"], promise["samples"]) == ("cross_entropy", "平均", 1000)


def test_the_backward_pass_of_the_listing() -> None:
    ratios = runpy.run_path(str(Path(__file__).parents[1] / "examples" / "check_backward.py"))["ratios"]
    found = ratios(LISTINGS / "l5_mlp.py")
    assert sum(r.size for r in found.values()) == 31
    for label, ratio in found.items():
        alive = ratio[~np.isnan(ratio)]
        assert alive.size
        np.testing.assert_allclose(alive, 2 if label.startswith("dW") else 0.002, rtol=1e-5)


# ---------------------------------------------------------------------------------------- programs that misbehave

PAIR = "def f(x): return x * x\ndef df(x): return {} * x\n"
RIGHT, WRONG = PAIR.format(2), PAIR.format(3)
TROUBLE: dict[str, tuple[str, int, str, str]] = {  # name: (source, exit code, status, a word of the error)
    "hangs": (WRONG + "f(2.0)\nwhile True:\n    try: f(1.0)\n    except: pass\n", 1, "timeout", ""),
    "sleeps": ("import time\ntime.sleep(1000)\n", 2, "timeout", ""),
    "eats_memory": (RIGHT + "hog = []\nwhile True: hog.append(bytearray(10**9))\n", 0, "failed", "MemoryError"),
    "exits": (WRONG + "import sys; sys.exit(3)\n", 1, "failed", "sys.exit(3)"),
    "exits_well": (RIGHT + "if __name__ == '__main__': raise SystemExit\n", 0, "stopped", ""),
    "asks": ("n = input('how many? ')\n" + RIGHT, 2, "failed", "EOFError"),
    "misses_module": ("import no_such_module_anywhere\n" + RIGHT, 2, "failed", "no_such_module_anywhere"),
    "misses_data": (RIGHT + "open('no_such_file.csv')\n", 0, "failed", "no_such_file.csv"),
    "no_syntax": ("def f(x: return x\n", 2, "unreadable", "SyntaxError"),
    "recursion": ("def f(x): return f(x)\nf(1)\n", 2, "failed", "RecursionError"),
    "crashes": ("import ctypes\nctypes.string_at(0)\n", 2, "crashed", "SIGSEGV"),
    "talks": (RIGHT + "for _ in range(20000): print('x' * 1000)\nf(1.0)\n", 0, "finished", ""),
    "nothing": ("print('hello')\n", 0, "finished", ""),
    "recursive_pair": ("def g(x): return g(x)\ndef dg(x): return 1.0\n", 0, "finished", ""),
    "endless_function": (
        "def g(x):\n    while x > 0: x = x * 1\n    return x\ndef dg(x): return 1.0\n",
        0,
        "finished",
        "",
    ),
}


@pytest.mark.parametrize("name", TROUBLE)
def test_trouble(name: str, tmp_path: Path) -> None:
    source, code, status, word = TROUBLE[name]
    file = tmp_path / f"{name}.py"
    file.write_text(source)
    result = audit.audit(file, timeout=1.5 if status == "timeout" or name == "endless_function" else 30, memory=2000)
    (program,) = result.programs
    assert (result.exit_code, program["status"]) == (code, status), program
    assert word in program["error"]
    if status in ("failed", "timeout") and program["line"]:
        assert program["file"] == str(file)
    for lang in ("en", "zh"):
        assert str(file) in result.text(lang)


def test_what_it_started_is_ended(tmp_path: Path) -> None:
    file, mark = tmp_path / "leaves_behind.py", tmp_path / "alive"
    beat = (
        f"import time, pathlib\nwhile True: pathlib.Path({str(mark)!r}).write_text(str(time.time())); time.sleep(0.05)"
    )
    file.write_text(
        f"import subprocess, sys, time\nsubprocess.Popen([sys.executable, '-c', {beat!r}])\ntime.sleep(1)\n"
    )
    audit.audit(file, timeout=5)
    last = mark.read_text()
    time.sleep(0.3)
    assert mark.read_text() == last


def test_a_package_with_relative_imports_and_plots(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    package = tmp_path / "pkg"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "act.py").write_text(
        "import numpy as np\ndef relu(x): return np.maximum(x, 0)\ndef drelu(x): return 2.0 * (x > 0)\n"
    )
    (package / "train.py").write_text(
        dedent("""
        import matplotlib
        matplotlib.use("TkAgg")
        import matplotlib.pyplot as plt
        import numpy as np
        from .act import relu, drelu
        if __name__ == "__main__":
            x = np.linspace(-2, 2, 50)
            plt.plot(x, relu(x)); plt.plot(x, drelu(x)); plt.show(); plt.pause(1000)
        """)
    )
    whole = audit.audit(package)
    assert [p["status"] for p in whole.programs] == ["finished", "finished"], whole.programs
    assert [(Path(p["path"]).name, len(p["claims"])) for p in whole.programs] == [("act.py", 1), ("train.py", 0)]
    (claim,) = whole.programs[0]["claims"]  # act.py alone never calls relu: the inputs are those of train.py
    assert (claim["inputs"], claim["factor_name"], claim["line"]) == ("recorded", "2", 3)
    assert (whole.verdict, whole.exit_code) == (Verdict.REFUTED, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        assert audit.main(["-m", "pkg.act", "--lang", "zh"]) == 1
    out = capsys.readouterr().out
    assert "已推翻" in out
    assert "drelu" in out


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main([str(tmp_path / "no.py")]) == 2
    assert "no such file" in capsys.readouterr().err
    assert audit.main([str(tmp_path), "--lang", "en"]) == 0
    assert "No hand-written derivative found" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="2"):
        audit.main([])
    with pytest.raises(DomainError, match="timeout"):
        audit.audit(tmp_path, timeout=float("nan"))


def test_the_reports_know_every_word() -> None:
    """Each word the judge can emit has a text, and each text both languages."""
    folder = Path(audit.__file__).parent
    texts = tomllib.loads((folder.parents[1] / "messages" / "audit.toml").read_text("utf-8"))
    assert {tuple(t) for t in texts.values()} == {("en", "zh")}
    emitted = [line for line in (folder / "judge.py").read_text().splitlines() if "undecided" in line]
    words = {w for line in emitted for w in re.findall(r'"([a-z_]+)"', line)}
    words -= {"undecided", "status", "reason", "detail", "inputs", "agrees", "refuted", "attribute"}
    assert len(words) > 10
    assert {f"because_{w}" for w in words} <= set(texts)


# ---------------------------------------------------------------------------------------- the parts


def test_decorator_only_marks() -> None:
    def area(r: float) -> float:
        return r * r

    def rim(r: float) -> float:
        return 2 * r

    assert derivative_of(area)(rim) is rim
    claims = find({"area": area, "rim": rim}, lambda _: True)
    assert [(c.value_name, c.claim_name, c.how) for c in claims] == [("area", "rim", "decorator")]


@pytest.mark.parametrize(
    ("value", "claim"),
    [
        ("f", "df"), ("f", "d_f"), ("f", "f_grad"), ("f", "grad_f"), ("f", "f_prime"), ("f", "fprime"),
        ("f", "f_deriv"), ("f", "f_jac"), ("relu", "drelu"), ("sigmoid", "dsigmoid"), ("loss", "loss_grad"),
        ("ReLU", "dReLU"), ("cross_entropy", "d_cross_entropy"), ("sigmoid", "sigmoidPrime"),
        ("relu_forward", "relu_backward"),
        ("cost_function", "cost_gradient"), ("compute_loss", "compute_loss_gradient"), ("softmax", "jacobian_softmax"),
    ],
)  # fmt: skip
def test_names_of_first_derivatives(value: str, claim: str) -> None:
    found = relation(value, claim)
    assert found is not None
    assert found[0] == 1
    assert relation(claim, value) is None


@pytest.mark.parametrize("claim", ["d2f", "ddf", "f_hess", "hess_f", "f_double_prime", "f_grad2"])
def test_names_of_second_derivatives(claim: str) -> None:
    found = relation("f", claim)
    assert found is not None
    assert found[0] == 2


@pytest.mark.parametrize(
    ("value", "claim"),
    [
        ("f", "g"),
        ("descent", "gradient_ascent"),
        ("F", "f_prime"),
        ("loss", "loss_plot"),
        ("x", "dxf"),
        ("mean", "median"),
    ],
)
def test_names_of_no_derivatives(value: str, claim: str) -> None:
    assert relation(value, claim) is None


def test_arguments_are_copied_at_the_time_of_the_call() -> None:
    def f(x: np.ndarray, scale: float = 2.0) -> float:
        return float(scale * x.sum())

    x = np.zeros(3)
    with Recorder(lambda name: name == __file__) as recorder:
        for i in range(100):
            x[:] = i
            f(x)
    history = recorder.history(code_of(f))
    assert history.count == 100
    assert [c.arguments["x"][0] for c in history.calls] == [0, 1, 2, 3, 7, 15, 31, 63]
    assert history.calls[0].arguments["scale"] == 2.0


def test_the_deadline_rings_until_it_is_heard() -> None:
    start = time.monotonic()
    with pytest.raises(TimeUp), deadline(0.05):
        time.sleep(5)
    assert time.monotonic() - start < 2
    with deadline(0.05):
        pass
    time.sleep(0.1)


@pytest.mark.parametrize("at_kink", [0.0, 0.3, 1.0])
@pytest.mark.parametrize(("beside", "fits"), [(1.0, True), (1.01, False)])
def test_a_kink_accepts_every_limit_but_nothing_is_forgiven_beside_it(
    at_kink: float, beside: float, fits: bool
) -> None:
    def relu(x: np.ndarray) -> np.ndarray:
        return np.maximum(x, 0)

    def claim(x: np.ndarray) -> np.ndarray:
        return np.where(x > 0, beside, np.where(x == 0, at_kink, 0.0))

    bench = Bench(Claim(relu, claim, "relu", "claim", 1, "name", True), Situation({"x": np.array([-1.0, 0.0, 2.0])}))
    x = bench.at.arguments["x"]
    kind, target = next(meanings(bench, x, claim(x), False))
    tally = compare(bench, ("argument", "x"), [0, 1, 2], target, lambda: None)
    assert kind == "own"
    assert tally.kinks == 1
    assert tally.fits() is fits


def test_runs_as_a_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cauchy.calculus.audit", "--help"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "--timeout" in done.stdout
