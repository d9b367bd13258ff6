"""Whole solves of smooth problems against SciPy's driver with the same compiled derivatives, on one core.

    python benchmarks/optimize.py [--quick]

Rosenbrock's function (chained for n > 2) from (-1.2, 1, -1.2, ...): BFGS, Newton with a line search, trust region,
called from Python, results included. SciPy runs at its own tolerances (gradient 1e-5, 1e-4), ours at 1e-8 of the scaled
gradient. Times: medians of samples that take turns; "x" is the median of the ratios. "certified" is the
certificate of both answers, made from x alone, at 1e-6.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

from _measure import one_core, paired, ratio

CORE = one_core()

import numpy as np  # noqa: E402 (after the threads are settled)
import scipy.optimize  # noqa: E402

import cauchy  # noqa: E402
from cauchy.optimize.certificate import certify  # noqa: E402

# (n, our method, SciPy's, wanted)
ROWS = [
    (2, "bfgs", "BFGS", 200),
    (10, "bfgs", "BFGS", 80),
    (2, "newton", "trust-ncg", 100),
    (10, "newton", "trust-ncg", 50),
    (100, "newton", "trust-ncg", 5),
    (2, "trust-region", "trust-ncg", 100),
    (10, "trust-region", "trust-ncg", 50),
    (100, "trust-region", "trust-ncg", 5),
    (1000, "l-bfgs", "L-BFGS-B", 0),
]


def rosenbrock(x: Any) -> Any:
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def row(n: int, method: str, peer: str, wanted: float, quick: bool) -> str:
    x0 = np.tile([-1.2, 1.0], n // 2)
    value, both, hess = cauchy.compile(rosenbrock), cauchy.value_and_grad(rosenbrock), cauchy.hessian(rosenbrock)
    slope = lambda x: both(x)[1]
    second = {"hess": hess} if peer == "trust-ncg" else {}
    contenders = {
        "cauchy": lambda: cauchy.minimize(rosenbrock, x0, method=method),
        "scipy": lambda: scipy.optimize.minimize(
            value if second else both, x0, jac=slope if second else True, method=peer, **second
        ),
    }
    begun = time.perf_counter()
    ours = contenders["cauchy"]()
    first = time.perf_counter() - begun
    theirs = contenders["scipy"]()
    p = cauchy.problem(rosenbrock, x0)
    marks = ["yes" if certify(p, x, tol=1e-6).certified else "no" for x in (ours.x, theirs.x)] if n <= 100 else ["", ""]
    times = paired(contenders, 5 if quick else 21, 1e-3 if quick else 2e-2)
    us = {name: 1e6 * statistics.median(t) for name, t in times.items()}
    return (
        f"{n:5d}  {method:13s} {us['cauchy']:10.1f} us  {peer:10s} {us['scipy']:10.0f} us   x "
        f"{ratio(times['scipy'], times['cauchy']):6.1f}  (wanted {wanted})   {ours.nit}/{theirs.nit} iterations, "
        f"f {ours.fun:.1e}/{theirs.fun:.1e}, certified {marks[0]}/{marks[1]}, first call {first:.2f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    print(f"one core: {CORE}; NumPy {np.__version__}, SciPy {scipy.__version__}")
    for each in ROWS:
        print(row(*each, quick), flush=True)


if __name__ == "__main__":
    main()
