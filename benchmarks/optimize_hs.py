"""Hock and Schittkowski's problems from their starts: ours, SLSQP and trust-constr, judged by one certificate.

    python benchmarks/optimize_hs.py [NAME ...]

All solvers have the same compiled f, gradients, Jacobians and Hessians of the Lagrangian, and default settings. An
answer is solved if it is feasible and f no higher than the reference by 1e-6 (relative), and certified if the
certificate, made from the point alone, holds to 1e-6 and to 1e-9. Times are medians on one core after everything is
compiled; ours include the polish and the certificate, which SciPy's answers get for free, "loop" is the bare run.
HS13 has no multipliers at its solution: nobody can be certified there.
"""

from __future__ import annotations

import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _measure import one_core

CORE = one_core()
sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import numpy as np  # noqa: E402 (after the threads are settled)
import scipy.optimize  # noqa: E402
from problems import Case, hock_schittkowski  # noqa: E402

from cauchy.optimize.certificate import certify  # noqa: E402
from cauchy.optimize.methods.interior import constrained, interior  # noqa: E402
from cauchy.optimize.methods.interior_state import Settings  # noqa: E402
from cauchy.optimize.problem import Problem  # noqa: E402

SOLVED, TOLERANCES = 1e-6, (1e-6, 1e-9)
LIMIT = 2000  # iterations of SciPy's


def ours(p: Problem) -> Callable[[], Any]:
    def solve() -> Any:
        result = constrained(p, p.x0, 1.0, None, None, None, {})
        _ = result.certificate
        return result

    return solve


def slsqp(p: Problem) -> Callable[[], Any]:
    equal = p.cl == p.cu
    rows = []
    if equal.any():
        e = np.flatnonzero(equal)
        rows.append({"type": "eq", "fun": lambda x: (p.constraints(x) - p.cl)[e], "jac": lambda x: p.jacobian(x)[e]})
    for side, sign in ((p.cl, 1.0), (p.cu, -1.0)):
        i = np.flatnonzero(~equal & np.isfinite(side))
        if i.size:
            fun = lambda x, i=i, side=side, sign=sign: sign * (p.constraints(x) - side)[i]
            rows.append({"type": "ineq", "fun": fun, "jac": lambda x, i=i, sign=sign: sign * p.jacobian(x)[i]})
    return _scipy(p, "SLSQP", rows, {"maxiter": LIMIT})


def trust_constr(p: Problem) -> Callable[[], Any]:
    rows = []
    if p.m:
        zero = p.lagrangian_hessian
        bend = lambda x, v: zero(x, np.asarray(v, dtype=float)) - p.hessian(x)
        rows.append(scipy.optimize.NonlinearConstraint(p.constraints, p.cl, p.cu, jac=p.jacobian, hess=bend))
    return _scipy(p, "trust-constr", rows, {"maxiter": LIMIT}, hess=p.hessian)


def _scipy(p: Problem, method: str, rows: Any, options: dict[str, Any], **more: Any) -> Callable[[], Any]:
    bounds = scipy.optimize.Bounds(p.lower, p.upper)

    def pair(x: Any) -> tuple[float, Any]:
        f, g = p.value_and_gradient(np.asarray(x, dtype=float))
        return float(f), g

    def solve() -> Any:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return scipy.optimize.minimize(
                pair, p.x0, jac=True, method=method, bounds=bounds, constraints=rows, options=options, **more
            )

    return solve


SOLVERS: dict[str, Callable[[Problem], Callable[[], Any]]] = {
    "cauchy": ours, "SLSQP": slsqp, "trust-constr": trust_constr,
}  # fmt: skip


def seconds(f: Callable[[], Any], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        f()
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def row(case: Case, solve: Callable[[], Any], repeats: int) -> dict[str, Any]:
    """What one solver makes of one problem."""
    p = case.problem
    try:
        r = solve()
    except (ValueError, ArithmeticError, np.linalg.LinAlgError) as e:  # SciPy's answer to values that are not finite
        return {
            "claims": False,
            "solved": False,
            "certified": (False, False),
            "kind": type(e).__name__,
            "seconds": np.nan,
        }
    x = np.asarray(r.run.x if hasattr(r, "run") else r.x, dtype=float)
    clipped = np.clip(x, p.lower, p.upper)
    found = [certify(p, clipped, tol=t) for t in TOLERANCES]
    feasible = found[0].violation <= SOLVED
    close = float(p.value(clipped)) <= case.value + SOLVED * max(1.0, abs(case.value))
    return {
        "claims": bool(r.success), "solved": bool(feasible and close), "certified": tuple(c.certified for c in found),
        "kind": found[1].kind, "seconds": seconds(solve, repeats),
    }  # fmt: skip


def main(names: list[str]) -> None:
    cases = {n: c for n, c in hock_schittkowski().items() if not names or n in names}
    totals = {s: np.zeros(4, dtype=int) for s in SOLVERS}
    ratios: dict[str, list[float]] = {s: [] for s in SOLVERS}
    print(f"{'problem':8} {'n':>3} {'m':>3} {'loop':>11}  " + "  ".join(f"{s:>32}" for s in SOLVERS))
    for name, case in cases.items():
        cells, first = [], np.nan
        for solver, make in SOLVERS.items():
            r = row(case, make(case.problem), 5 if solver == "cauchy" else 3)
            totals[solver] += (r["claims"], r["solved"], *r["certified"])
            first = r["seconds"] if solver == "cauchy" else first
            ratios[solver].append(r["seconds"] / first)
            marks = "".join("+" if v else "-" for v in (r["claims"], r["solved"], *r["certified"]))
            cells.append(f"{marks} {r['kind']:>14} {1e3 * r['seconds']:8.2f} ms")
        loop = 1e6 * seconds(lambda p=case.problem: interior(p).solve(p.x0, Settings(), LIMIT), 9)
        cells = "  ".join(f"{c:>32}" for c in cells)
        print(f"{name:8} {case.n:3} {case.m:3} {loop:8.0f} us  {cells}", flush=True)
    print("marks: claims success, solved, certified at 1e-6, certified at 1e-9")
    for solver, (claims, solved, loose, tight) in totals.items():
        times = f"{np.nanmedian(ratios[solver]):8.1f} x our time (median)"
        print(f"{solver:13} of {len(cases)}: claims {claims}, solved {solved}, certified {loose} / {tight}, {times}")


if __name__ == "__main__":
    main(sys.argv[1:])
