"""Automatic difference quotients against SciPy and numdifftools: 60 functions, points 1e-8 to 1e8, truth from mpmath.

    python benchmarks/differences.py [--json PATH] [--points N]

Every library gets its default settings. Two of ours: `auto` (with the complex step where f takes complex numbers) and
`richardson` (real arguments only, as the peers). A relative error above 1, a NaN or an exception counts as 1.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import mpmath
import numdifftools
import numpy as np
import scipy.special
from scipy.differentiate import derivative

from cauchy.calculus.difference import difference

# Each is read twice: with NumPy's functions and with mpmath's.
FUNCTIONS = """
x*x; x**3-2*x**2+1; x**9-x**5+x; x**0.5; x**1.5; x**-2; 1/x; 1/(1+x); 1/(1+x*x); x/(1+x*x); (x*x-1)/(x*x+1)
1/(1+25*x*x); exp(x); exp(-x); exp(-x*x); exp(-1/x); exp(sin(x)); x*exp(-x); x*x*exp(-x); exp(x)/(1+x*x); 1/(1+exp(-x))
exp(-x)*sin(3*x); log(x); log(1+x*x); x*log(x); log(x)/x; log(x)**2; log1p(x); expm1(x); log1p(exp(-x)); log(2+sin(x))
sqrt(x)*log(x); sin(x); cos(x); tan(x); sin(x)*cos(2*x); sin(x)/x; x*sin(x); sin(1/x); sin(sqrt(x)); cos(log(x))
sin(x)**3; sin(10*x)+x; sinh(x); cosh(x); tanh(x); 1/cosh(x); x*tanh(x); arctan(x); arctan(1/x); arcsinh(x); x*arctan(x)
sqrt(1+x*x); sqrt(x+1); 1/sqrt(1+x); cbrt(x); x/(1+sqrt(x)); 3*x-7; gammaln(x); erf(x)
"""

SHARED = ("exp", "log", "log1p", "expm1", "sin", "cos", "tan", "sinh", "cosh", "tanh", "sqrt", "cbrt")
NUMPY = {n: getattr(np, n) for n in (*SHARED, "arctan", "arcsinh")}
NUMPY |= {"gammaln": scipy.special.gammaln, "erf": scipy.special.erf}
MPMATH = {n: getattr(mpmath, n) for n in (*SHARED, "erf")}
MPMATH |= {"arctan": mpmath.atan, "arcsinh": mpmath.asinh, "gammaln": mpmath.loggamma}

LIBRARIES: dict[str, Callable] = {
    "cauchy auto": lambda f, x: float(difference(f, x).value),
    "cauchy richardson": lambda f, x: float(difference(f, x, "richardson").value),
    "scipy": lambda f, x: float(derivative(f, x).df),
    "numdifftools": lambda f, x: float(numdifftools.Derivative(f)(x)),
}


def cases(points: int) -> list[SimpleNamespace]:
    """Every function at every point where it is defined and its derivative is a nonzero double."""
    grid = np.concatenate([[10.0**e, 3.7 * 10.0**e] for e in range(-8, 9)])[: 2 * 17]
    grid = grid[:: max(1, len(grid) // points)] if points else grid
    found = []
    for text in (t.strip() for line in FUNCTIONS.strip().splitlines() for t in line.split(";")):
        code = compile(text, text, "eval")
        f = lambda x, code=code: eval(code, NUMPY, {"x": x})
        g = lambda x, code=code: eval(code, MPMATH, {"x": x})
        for x in grid:
            with np.errstate(all="ignore"):
                defined = np.isfinite(f(x))
            truth = exact(g, float(x)) if defined else float("nan")
            if np.isfinite(truth) and abs(truth) > 1e-290:
                found.append(SimpleNamespace(text=text, f=f, x=float(x), truth=truth))
    return found


def exact(g: Callable, x: float) -> float:
    """The derivative to double precision: a central quotient of 300 digits, whose step is 1e-60 |x|."""
    with mpmath.workdps(300):
        h = mpmath.mpf(x) * mpmath.mpf(10) ** -60
        return float(mpmath.re(g(x + h) - g(x - h)) / (2 * h))


def run(library: Callable, case: SimpleNamespace) -> tuple[float, float]:
    """Relative error (capped at 1) and seconds."""
    start = time.perf_counter()
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            value = library(case.f, case.x)
    except (ValueError, ArithmeticError, IndexError) as problem:
        print(f"{case.text} at {case.x}: {problem!r}")
        value = float("nan")
    seconds = time.perf_counter() - start
    error = abs(value - case.truth) / abs(case.truth)
    return (error if error < 1 else 1.0), seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--points", type=int, default=0, help="points per function (default: all 34)")
    args = parser.parse_args()
    table = cases(args.points)
    texts = {c.text for c in table}
    print(f"{len(texts)} functions, {len(table)} derivatives\n")
    results = {name: np.array([run(library, c) for c in table]) for name, library in LIBRARIES.items()}
    report: dict = {"functions": len(texts), "derivatives": len(table), "libraries": {}, "versus": {}}

    print("| library | median error | 95 % | max | errors > 1e-6 | ms per derivative |\n|---|---|---|---|---|---|")
    for name, r in results.items():
        e, ms = r[:, 0], 1e3 * np.median(r[:, 1])
        row = [np.median(e), np.percentile(e, 95), e.max(), int((e > 1e-6).sum()), ms]
        report["libraries"][name] = dict(
            zip(("median", "p95", "max", "above_1e-6", "ms"), map(float, row), strict=True)
        )
        print(f"| {name} | {row[0]:.1e} | {row[1]:.1e} | {row[2]:.1e} | {row[3]} | {row[4]:.2f} |")

    print("\n| ours | peer | closer | equal | farther | at least as accurate (strictly) | within 2x or 1e-14 |")
    print("|---|---|---|---|---|---|---|")
    for ours in list(LIBRARIES)[:2]:
        for peer in list(LIBRARIES)[2:]:
            a, b = results[ours][:, 0], results[peer][:, 0]
            strict, near = (a <= b).mean(), (a <= np.maximum(2 * b, 1e-14)).mean()
            row = {"closer": int((a < b).sum()), "equal": int((a == b).sum()), "farther": int((a > b).sum())}
            report["versus"][f"{ours} / {peer}"] = row | {"strictly": strict, "nearly": near}
            print(
                f"| {ours} | {peer} | {row['closer']} | {row['equal']} | {row['farther']} | {strict:.1%} | {near:.1%} |"
            )

    for ours in list(LIBRARIES)[:2]:
        a, b = results[ours][:, 0], np.minimum(results["scipy"][:, 0], results["numdifftools"][:, 0])
        worst = sorted(np.flatnonzero(a > np.maximum(2 * b, 1e-14)), key=lambda i: b[i] / a[i])
        print(f"\nWhere {ours} is farther than the better of the two, {len(worst)} in all; the worst:\n")
        for i in worst[:12]:
            print(f"- `{table[i].text}` at {table[i].x:g}: {a[i]:.1e} against {b[i]:.1e}")
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
