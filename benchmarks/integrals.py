"""Definite integrals against SciPy's: how many errors lie within the estimate, how many digits are right, the cost.

    python benchmarks/integrals.py [--json PATH] [--kinks N]

Truth is the closed form (mpmath, 40 digits for the table in tests/data). Three tables: known integrals; N random kinked
functions for each of five kinds; divergent integrals, where the only right answer is not to give a number. "Covered":
the true error is at most the estimated one, plus an ulp of the truth.
"""

from __future__ import annotations

import argparse
import json
import math
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import mpmath
import numpy as np
from scipy import integrate as scipy_integrate

from cauchy.calculus.integrate import integrate

KNOWN = Path(__file__).parents[1] / "tests" / "data" / "integrals_known_1d.json"
NAMES = {n: getattr(np, n) for n in ("sin", "cos", "exp", "log", "log1p", "tanh", "maximum", "abs", "pi")}
INF = math.inf


class Case(NamedTuple):
    name: str
    f: Callable[[Any], Any]
    a: float
    b: float
    truth: Any


def known() -> Iterator[Case]:
    for row in json.loads(KNOWN.read_text()):
        f = eval(f"lambda x: {row['expr']}", dict(NAMES))
        a, b = (math.pi if v == "pi" else v for v in (row["a"], row["b"]))
        yield Case(row["name"], f, a, b, mpmath.mpf(row["value"]))


KINKED: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "|x-c|": (lambda x, c: abs(x - c), lambda x, c: (x - c) * abs(x - c) / 2),
    "relu(x-c) + sin x": (
        lambda x, c: np.maximum(x - c, 0) + np.sin(x),
        lambda x, c: max(x - c, mpmath.mpf(0)) ** 2 / 2 - mpmath.cos(x),
    ),
    "sqrt|x-c|": (lambda x, c: np.sqrt(abs(x - c)), lambda x, c: mpmath.sign(x - c) * abs(x - c) ** 1.5 / 1.5),
    "(x-c)+^2": (lambda x, c: (x > c) * (x - c) ** 2, lambda x, c: max(x - c, mpmath.mpf(0)) ** 3 / 3),
    "exp(-5|x-c|)": (
        lambda x, c: np.exp(-5 * abs(x - c)),
        lambda x, c: -mpmath.sign(x - c) * mpmath.expm1(-5 * abs(x - c)) / 5,
    ),
}


def kinked(name: str, count: int) -> Iterator[Case]:
    f, F = KINKED[name]
    rng = np.random.default_rng(2)
    for i in range(count):
        a, b = (float(v) for v in (rng.integers(-32, 33, 2) / 8 if i % 2 else rng.uniform(-4, 4, 2)))
        c = float(rng.integers(-16, 17) / 8 if i % 3 else rng.uniform(-2, 2))
        truth = F(mpmath.mpf(b), c) - F(mpmath.mpf(a), c)
        yield Case(name, lambda x, c=c: f(x, c), a, b, truth)


DIVERGENT: dict[str, tuple[Callable[[Any], Any], float, float]] = {
    "1/x on (-1, 1)": (lambda x: 1 / x, -1, 1),
    "1/x on (-1, 2)": (lambda x: 1 / x, -1, 2),
    "1/(x-0.3) on (0, 1)": (lambda x: 1 / (x - 0.3), 0, 1),
    "1/x^2 on (-1, 2)": (lambda x: 1 / x**2, -1, 2),
    "tan on (0, 3)": (np.tan, 0, 3),
    "1/sin on (0.5, 4)": (lambda x: 1 / np.sin(x), 0.5, 4),
    "1/x on (1, inf)": (lambda x: 1 / x, 1, INF),
    "1/(x log x) on (2, inf)": (lambda x: 1 / (x * np.log(x)), 2, INF),
    "sin on (0, inf)": (np.sin, 0, INF),
    "1 on (0, inf)": (lambda x: 1.0 + 0 * x, 0, INF),
}


def ours(f: Callable[[Any], Any], a: float, b: float) -> tuple[float, float, bool]:
    q = integrate(f, a, b)
    return q.value, q.error, bool(q.notes)


def quad(f: Callable[[Any], Any], a: float, b: float) -> tuple[float, float, bool]:
    value, error, _, *message = scipy_integrate.quad(f, a, b, epsabs=0, epsrel=1e-12, limit=200, full_output=1)
    return value, error, bool(message)


def tanhsinh(f: Callable[[Any], Any], a: float, b: float) -> tuple[float, float, bool]:
    done = scipy_integrate.tanhsinh(f, a, b)
    return float(done.integral), float(done.error), not bool(done.success)


LIBRARIES = {"cauchy": ours, "scipy quad": quad, "scipy tanhsinh": tanhsinh}


def measure(cases: list[Case], library: str) -> dict[str, Any]:
    covered, digits, seconds, missed = 0, [], [], []
    for case in cases:
        begun = time.perf_counter()
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            value, error, _ = LIBRARIES[library](case.f, case.a, case.b)
        seconds.append(time.perf_counter() - begun)
        off = abs(mpmath.mpf(value) - case.truth)
        if off <= error + 2.3e-16 * abs(case.truth):
            covered += 1
        else:
            missed.append(f"{case.name}: off {float(off):.1e}, estimated {error:.1e}")
        scale = max(abs(case.truth), mpmath.mpf("1e-300"))
        digits.append(
            min(16.0, max(0.0, -float(mpmath.log10(off / scale + mpmath.mpf("1e-17")))))
            if mpmath.isfinite(off)
            else 0.0
        )
    return {
        "covered": covered,
        "of": len(cases),
        "digits_least": round(min(digits), 1),
        "digits_median": round(float(np.median(digits)), 1),
        "ms_median": round(1e3 * float(np.median(seconds)), 2),
        "missed": missed,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--kinks", type=int, default=60)
    options = parser.parse_args()
    mpmath.mp.dps = 40
    tables = {"known": list(known())} | {name: list(kinked(name, options.kinks)) for name in KINKED}
    report: dict[str, Any] = {}
    print(f"{'':20}{'library':16}{'covered':>10}{'digits: least':>15}{'median':>8}{'ms':>8}")
    for table, cases in tables.items():
        for library in LIBRARIES:
            m = report.setdefault(table, {})[library] = measure(cases, library)
            covered = f"{m['covered']}/{m['of']}"
            print(
                f"{table:20}{library:16}{covered:>10}{m['digits_least']:>15}{m['digits_median']:>8}{m['ms_median']:>8}"
            )
            for line in m["missed"][:5]:
                print(f"{'':22}{line}")
    print("\ndivergent: is a finite number given, and is it given without a word?")
    for name, (f, a, b) in DIVERGENT.items():
        row = report.setdefault("divergent", {})[name] = {}
        for library, run in LIBRARIES.items():
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                try:
                    value, _, warned = run(f, a, b)
                except ZeroDivisionError:  # f met its pole as a Python float
                    value, warned = math.nan, True
            row[library] = "no number" if not math.isfinite(value) else f"{value:.4g}" + (" (warned)" if warned else "")
        print(f"  {name:26}" + "".join(f"{row[k]:>26}" for k in LIBRARIES))
    if options.json:
        options.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
