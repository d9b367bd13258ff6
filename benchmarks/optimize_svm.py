"""Support vector machines against PIQP, SLSQP, Clarabel and scikit-learn, on one core.

    python benchmarks/optimize_svm.py [--quick] [--only NAME ...] [--clock cpu] [--markdown PATH] [--json PATH]

three: the widest margin between three points by `maximum_margin`, arguments checked and certificate included (PIQP:
set up and solved, dense; SLSQP with its gradients; `SVC(kernel="linear", C=1e10)`). exact: the same in fractions,
proved, against the solution in doubles. hinge: `LinearSVC(C=1).fit` to a relative gap of 1e-9, against Clarabel on
the same primal problem to 1e-9, and scikit-learn's `LinearSVC(loss="hinge")` (another problem: its intercept is
penalized, and it stops early). rbf: `SVC().fit` against scikit-learn's. Objectives are computed from the data for
every contender and stand in the table, as relative distances to the best lower bound. Times: medians of samples that
take turns; "x" is the median, over the rounds, of the peer's time over ours. Compilation is not in them (see --first).
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _measure import CLOCKS, one_core, paired, ratio, text

CORE = one_core()

import numpy as np  # noqa: E402 (after the threads are settled)

from cauchy.learn.svm import SVC, LinearSVC, maximum_margin  # noqa: E402
from cauchy.learn.svm import margin as margin_module  # noqa: E402

Run = Callable[[], Any]
POINTS, LABELS = np.array([[0.0, 0.0], [1.0, 2.0], [2.0, 1.0]]), np.array([-1.0, 1.0, 1.0])


def clouds(n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Normal points, and labels by a plane with noise: some tenths are on the wrong side or in the margin."""
    rng = np.random.default_rng(0)
    X, w = rng.normal(size=(n, d)), rng.normal(size=d)
    return X, np.where(X @ w / np.sqrt(d) + 0.5 * rng.normal(size=n) + 0.2 > 0, 1.0, -1.0)


# -- three points ------------------------------------------------------------------------------------------------------


def piqp_three() -> Run:
    import piqp

    P, q = np.diag([2.0, 2.0, 0.0]), np.zeros(3)
    G, h = -LABELS[:, None] * np.column_stack([POINTS, np.ones(3)]), -np.ones(3)

    def run() -> float:
        solver = piqp.DenseSolver()
        solver.settings.eps_abs = solver.settings.eps_rel = 1e-10
        solver.setup(P, q, None, None, G, None, h)
        solver.solve()
        x = solver.result.x
        return float(x[0] ** 2 + x[1] ** 2)

    return run


def slsqp_three() -> Run:
    from scipy.optimize import minimize

    A = LABELS[:, None] * np.column_stack([POINTS, np.ones(3)])
    limits = [{"type": "ineq", "fun": lambda v: A @ v - 1, "jac": lambda v: A}]
    fun, jac = lambda v: v[0] ** 2 + v[1] ** 2, lambda v: np.array([2 * v[0], 2 * v[1], 0.0])
    return lambda: minimize(fun, np.ones(3), jac=jac, method="SLSQP", constraints=limits, tol=1e-10).fun


def sklearn_three() -> Run:
    from sklearn.svm import SVC as Theirs

    return lambda: float(np.sum(Theirs(kernel="linear", C=1e10).fit(POINTS, LABELS).coef_ ** 2))


def three(quick: bool, clock: str) -> dict[str, Any]:
    for _ in range(margin_module.OFTEN + 1):
        maximum_margin(POINTS, LABELS)
    runs: dict[str, Run] = {"cauchy": lambda: maximum_margin(POINTS, LABELS).objective}
    missing = added(runs, {"PIQP": piqp_three, "SLSQP": slsqp_three, "scikit-learn": sklearn_three})
    off = {n: abs(f() - 8 / 9) / (8 / 9) for n, f in runs.items()}
    return row("three points, certified", runs, off, {"PIQP": 1.0, "SLSQP": 5.0}, missing, 1e-10, quick, clock)


def exact(quick: bool, clock: str) -> dict[str, Any]:
    points, labels = POINTS.astype(int).tolist(), LABELS.astype(int).tolist()
    for _ in range(margin_module.OFTEN + 1):
        maximum_margin(POINTS, LABELS)
    runs: dict[str, Run] = {
        "cauchy": lambda: float(maximum_margin(points, labels, exact=True).require().objective),
        "in doubles": lambda: maximum_margin(POINTS, LABELS).objective,
    }
    off = {n: abs(f() - 8 / 9) / (8 / 9) for n, f in runs.items()}
    return row("three points, proved in fractions", runs, off, {"in doubles": 0.05}, {}, 1e-15, quick, clock)


# -- large ones --------------------------------------------------------------------------------------------------------


def clarabel_hinge(X: np.ndarray, y: np.ndarray) -> Run:
    import clarabel
    from scipy import sparse

    n, d = X.shape
    P = sparse.diags(np.r_[np.ones(d), np.zeros(n + 1)]).tocsc()
    q = np.r_[np.zeros(d + 1), np.ones(n)]
    margins = sparse.hstack([-y[:, None] * np.column_stack([X, np.ones(n)]), -sparse.eye(n)])
    A = sparse.vstack([margins, sparse.hstack([sparse.csr_matrix((n, d + 1)), -sparse.eye(n)])]).tocsc()
    b = np.r_[-np.ones(n), np.zeros(n)]

    def run() -> tuple[np.ndarray, float]:
        settings = clarabel.DefaultSettings()
        settings.verbose = False
        settings.tol_gap_rel = settings.tol_feas = 1e-9
        x = np.array(clarabel.DefaultSolver(P, q, A, b, [clarabel.NonnegativeConeT(2 * n)], settings).solve().x)
        return x[:d], float(x[d])

    return run


def sklearn_hinge(X: np.ndarray, y: np.ndarray) -> Run:
    from sklearn.svm import LinearSVC as Theirs

    def run() -> tuple[np.ndarray, float]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit = Theirs(loss="hinge", C=1.0).fit(X, y)
        return fit.coef_[0], float(fit.intercept_[0])

    return run


def hinge(n: int, d: int, wanted: float, quick: bool, clock: str) -> dict[str, Any]:
    X, y = clouds(n, d)
    loss = lambda w, b: float(w @ w / 2 + np.maximum(0, 1 - y * (X @ w + b)).sum())
    ours = lambda: LinearSVC().fit(X, y)
    runs: dict[str, Run] = {"cauchy": ours}
    peers: dict[str, Callable[[], Run]] = {"scikit-learn": lambda: sklearn_hinge(X, y)}
    if not (quick and n > 20_000):
        peers["Clarabel"] = lambda: clarabel_hinge(X, y)
    missing = added(runs, peers)
    known = ours().certificate_
    off = {"cauchy": (known.gap + known.residuals["rounding"]) / known.primal}
    off |= {name: (loss(*f()) - known.dual) / known.primal for name, f in runs.items() if name != "cauchy"}
    return row(
        f"linear, hinge, {n} x {d}",
        runs,
        off,
        {"Clarabel": wanted},
        missing,
        1e-9,
        quick,
        clock,
        rounds=3 if n < 20_000 else 1,
    )


def rbf(quick: bool, clock: str) -> dict[str, Any]:
    from sklearn.svm import SVC as Theirs

    X, y = clouds(10_000, 20)
    runs: dict[str, Run] = {"cauchy": lambda: SVC().fit(X, y), "scikit-learn": lambda: Theirs().fit(X, y)}
    known = runs["cauchy"]().certificate_
    off = {"cauchy": known.gap / known.primal}
    other = runs["scikit-learn"]()
    gamma = 1 / (X.shape[1] * X.var())
    squares = (X**2).sum(axis=1)
    K = np.exp(-gamma * np.maximum(0, squares[:, None] + squares[other.support_] - 2 * X @ X[other.support_].T))
    beta = other.dual_coef_[0]
    f = K @ beta
    primal = beta @ f[other.support_] / 2 + np.maximum(0, 1 - y * (f + other.intercept_[0])).sum()
    off["scikit-learn"] = (primal - (np.abs(beta).sum() - beta @ f[other.support_] / 2)) / primal
    return row("rbf, 10000 x 20", runs, off, {"scikit-learn": 1.3}, {}, off["scikit-learn"], quick, clock, rounds=3)


# -- the report -------------------------------------------------------------------------------------------------------


def added(runs: dict[str, Run], peers: dict[str, Callable[[], Run]]) -> dict[str, str]:
    """Adds the peers that are installed; why the others are not."""
    missing = {}
    for name, make in peers.items():
        try:
            runs[name] = make()
        except ImportError as e:
            missing[name] = str(e)
    return missing


def row(
    name: str, runs: dict[str, Run], off: dict[str, float], targets: dict[str, float], missing: dict[str, str],
    bound: float, quick: bool, clock: str, rounds: int = 9,
) -> dict[str, Any]:  # fmt: skip
    times = paired(runs, 2 if quick else rounds, 1e-3 if quick else 1e-2, clock)
    return {
        "task": name, "seconds": {n: statistics.median(t) for n, t in times.items()},
        "times faster": {n: ratio(times[n], times["cauchy"]) for n in runs if n != "cauchy"},
        "targets": targets, "missing": missing, "off": off, "bound": bound,
    }  # fmt: skip


TASKS: dict[str, Callable[[bool, str], dict[str, Any]]] = {
    "three": three,
    "exact": exact,
    "hinge20": lambda quick, clock: hinge(10_000, 20, 10.0, quick, clock),
    "hinge50": lambda quick, clock: hinge(100_000, 50, 30.0, quick, clock),
    "rbf": rbf,
}


def rows(found: list[dict[str, Any]]) -> list[str]:
    lines = ["| machine | cauchy | gap | peers (distance to the optimum) | asked | met |", "|---|---|---|---|---|---|"]
    for r in found:
        cells = [f"{n} {text(r['seconds'][n])} ({x:.3g} x; {r['off'][n]:.0e})" for n, x in r["times faster"].items()]
        cells += [f"{n} – ({why})" for n, why in r["missing"].items()]
        asked = {n: t for n, t in r["targets"].items() if n in r["times faster"]}
        met = "yes" if asked and all(r["times faster"][n] >= t for n, t in asked.items()) else "no" if asked else "–"
        wanted = ", ".join(f"{t:g} x {n}" for n, t in asked.items())
        ours = text(r["seconds"]["cauchy"])
        lines.append(f"| {r['task']} | {ours} | {r['off']['cauchy']:.0e} | {'; '.join(cells)} | {wanted} | {met} |")
    return lines


def first() -> None:
    """Seconds of a first call that compiles, in this process."""
    begun = time.perf_counter()
    SVC().fit(*clouds(500, 5))
    print(f"first rbf fit of 500 points: {text(time.perf_counter() - begun)}")
    margin_module.OFTEN = 0
    begun = time.perf_counter()
    maximum_margin(POINTS, LABELS)
    print(f"first compiled margin of a shape: {text(time.perf_counter() - begun)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few samples, and no Clarabel on 100000 rows")
    parser.add_argument("--only", nargs="+", choices=[*TASKS], default=[*TASKS])
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--first", action="store_true", help="what compiling costs, instead")
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.first:
        return first()
    found = [TASKS[name](options.quick, options.clock) for name in options.only]
    page = "\n".join(rows(found))
    print(page)
    if options.markdown:
        options.markdown.write_text(page + "\n")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    wrong = [r for r in found if not r["off"]["cauchy"] <= r["bound"]]
    for r in wrong:
        print(f"WRONG: {r['task']}: {r['off']['cauchy']:.1e} from the optimum", file=sys.stderr)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
