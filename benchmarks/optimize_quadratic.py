"""Quadratic programs of Maros and Mészáros: time over the solver beneath, and what the certificates say.

    python benchmarks/optimize_quadratic.py [NAME ...]

"beneath": PIQP (dense or sparse, the faster) from the matrices it wants, at the tolerance 1e-9, setup and solve;
"Clarabel" likewise. "ours": `quadratic` from the sparse matrices as they are in the collection (bounds as rows), data
checked, convexity of P tested, solved, certified at 1e-9. "native": the same by the solver compiled for the shape,
which small programs get after 2000 calls; compiling is not counted. Residuals: the largest of the five, scaled.
Times: CPU time, medians of samples that take turns, on one core.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _measure import fastest, one_core, paired, ratio, text

one_core()

import clarabel  # noqa: E402 (after the threads are settled)
import numpy as np  # noqa: E402
import piqp  # noqa: E402
import scipy.sparse as sp  # noqa: E402

from cauchy.optimize.quadratic import often, quadratic  # noqa: E402

DATA = Path(__file__).parents[1] / "tests" / "data" / "optimization"
TOLERANCE = 1e-9


def collection() -> dict[str, tuple[Any, ...]]:
    """name -> P, q, A, l, u, r, m: the rows of A from m on are the bounds."""
    arrays = np.load(DATA / "maros_meszaros_small.npz")
    found = {}
    for p in json.loads((DATA / "maros_meszaros.json").read_text())["problems"]:
        name, n = p["name"], p["n"]
        q, r, l, u = (arrays[f"{name}/{k}"] for k in "qrlu")
        matrix = lambda k, rows, name=name, n=n: sp.csc_matrix(
            (arrays[f"{name}/{k}.v"], (arrays[f"{name}/{k}.i"], arrays[f"{name}/{k}.j"])), shape=(rows, n)
        )
        found[name] = matrix("P", n), q, matrix("A", l.size), l, u, float(r), p["m"]
    return found


def beneath(P: Any, q: Any, A: Any, l: Any, u: Any, m: int, dense: bool) -> Callable[[], Any]:
    """PIQP alone, equalities and inequalities told apart beforehand."""
    A, lower, upper, l, u = A.tocsr()[:m], l[m:], u[m:], l[:m], u[:m]
    equal = l == u
    change = (lambda M: np.asfortranarray(M.toarray())) if dense else (lambda M: M.tocsc())
    P, E, G = change(P), change(A[equal]), change(A[~equal])
    e, low, high = l[equal], l[~equal], u[~equal]

    def solve() -> Any:
        s = piqp.DenseSolver() if dense else piqp.SparseSolver()
        t = s.settings
        t.eps_abs = t.eps_rel = t.eps_duality_gap_abs = t.eps_duality_gap_rel = TOLERANCE
        s.setup(P, q, E, e, G, low, high, lower, upper)
        s.solve()
        return s.result.x

    return solve


def conic(P: Any, q: Any, A: Any, l: Any, u: Any) -> Callable[[], Any]:
    """Clarabel alone."""
    equal, A = l == u, A.tocsr()
    up, down = ~equal & np.isfinite(u), ~equal & np.isfinite(l)
    rows = sp.vstack([A[equal], A[up], -A[down]]).tocsc()
    sides = np.concatenate([l[equal], u[up], -l[down]])
    P = sp.triu(P).tocsc()
    cones = [clarabel.ZeroConeT(int(equal.sum())), clarabel.NonnegativeConeT(int(up.sum() + down.sum()))]

    def solve() -> Any:
        settings = clarabel.DefaultSettings()
        settings.verbose, settings.max_threads = False, 1
        settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = TOLERANCE
        return clarabel.DefaultSolver(P, q, rows, sides, cones, settings).solve()

    return solve


def main(names: list[str]) -> None:
    columns = f"{'ours':>9} {'native':>9} {'PIQP':>9} {'Clarabel':>9}"
    head = f"{'program':10} {'n':>4} {columns} {'over PIQP':>10} {'native':>10} {'over Clarabel':>14}"
    programs = collection()
    if unknown := set(names) - set(programs):
        raise SystemExit(f"no program {', '.join(sorted(unknown))}; there are {', '.join(programs)}")
    print(f"{head} {'residual':>9}  solver")
    totals: dict[str, float] = {}
    overs = []
    for name, (P, q, A, l, u, r, m) in programs.items():
        if names and name not in names:
            continue
        best = quadratic(P, q, A, l, u, r=r)
        ours = lambda solver, P=P, q=q, A=A, l=l, u=u, r=r: lambda: quadratic(P, q, A, l, u, r=r, solver=solver)
        native = often.fits(q.size, l.size)
        found = paired(
            {
                "ours": ours("piqp"),
                **({"native": ours("native")} if native else {}),
                "PIQP": fastest([beneath(P, q, A, l, u, m, dense) for dense in (True, False)]),
                "Clarabel": conic(P, q, A, l, u),
            },
            7,
            1e-2,
            "cpu",
        )
        middle = {who: statistics.median(t) for who, t in found.items()}
        for who, seconds in middle.items():
            totals[who] = totals.get(who, 0.0) + seconds
        worst = max(best.certificate.scaled.values()) if best.certificate else np.nan
        row = " ".join(
            f"{text(middle[who]) if who in middle else '':>9}" for who in ("ours", "native", "PIQP", "Clarabel")
        )
        over = [ratio(found["ours"], found[who]) for who in ("PIQP", "Clarabel")]
        overs.append(over)
        small = f"{ratio(found['native'], found['PIQP']):9.2f}x" if native else f"{'':10}"
        who = f"{best.how} {best.solver}"
        print(f"{name:10} {q.size:4} {row} {over[0]:9.2f}x {small} {over[1]:13.2f}x {worst:9.1e}  {who}")
    row = " ".join(f"{text(totals[who]) if who in totals else '':>9}" for who in ("ours", "", "PIQP", "Clarabel"))
    print(
        f"{'all':10} {'':4} {row} {totals['ours'] / totals['PIQP']:9.2f}x {'':10} "
        f"{totals['ours'] / totals['Clarabel']:13.2f}x"
    )
    means = [statistics.geometric_mean(column) for column in zip(*overs, strict=True)]
    print(f"{'geometric mean of the ratios':55} {means[0]:9.2f}x {'':10} {means[1]:13.2f}x")


if __name__ == "__main__":
    main(sys.argv[1:])
