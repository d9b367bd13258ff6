"""Digits on NIST's linear sets, iterations of conjugate gradients beside their bound, and what a proof costs.

    python benchmarks/optimize_linear.py

Digits: the least number on which a coefficient and its certified value (15 digits) agree; "proven" is what `lstsq`
shows for the doubles, without the certified values. Times are medians of samples that take turns, on one core.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

from _measure import one_core, paired, text

one_core()
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import numpy as np  # noqa: E402 (after the threads are settled)
from nist_linear import NAMES, digits, read  # noqa: E402
from scipy import sparse  # noqa: E402

from cauchy.linear import cg, lstsq, precondition, solve  # noqa: E402


def nist() -> None:
    print(f"{'set':10} {'numpy lstsq':>12} {'doubles':>9} {'proven':>9} {'decimals, proven':>17}")
    for name in NAMES:
        p = read(name)
        a, b = np.array(p.rows, dtype=float), np.array(p.y, dtype=float)
        least = lambda x, p=p: min(map(digits, x, p.estimates))
        ours, exact = lstsq(a, b), lstsq(p.rows, p.y, proof="exact")
        numpy = least(np.linalg.lstsq(a, b, rcond=None)[0])
        print(f"{name:10} {numpy:12.1f} {least(ours.x):9.1f} {min(ours.digits.min(), 16):9.1f} {least(exact.x):17.1f}")


def iterations() -> None:
    print(f"\n{'grid':>9} {'condition':>10} {'bound':>6} {'cg':>5} {'condition, ichol':>17} {'bound':>6} {'cg':>5}")
    for k in (10, 20, 40, 80):
        line = sparse.diags_array([-np.ones(k - 1), 2 * np.ones(k), -np.ones(k - 1)], offsets=[-1, 0, 1])
        a = (sparse.kron(sparse.eye_array(k), line) + sparse.kron(line, sparse.eye_array(k))).tocsr()
        b = np.random.default_rng(0).normal(size=k * k)
        plain, better = cg(a, b, tol=1e-8), cg(a, b, M=precondition(a, kind="ichol"), tol=1e-8)
        print(
            f"{k:4} x {k:<3}{plain.condition:10.4g} {plain.most:6} {plain.iterations:5} "
            f"{better.condition:17.4g} {better.most:6} {better.iterations:5}"
        )


def times() -> None:
    print(f"\n{'n':>5} {'numpy solve':>12} {'no proof':>10} {'proven':>10} {'over numpy':>11}")
    for n in (10, 100, 300):
        rng = np.random.default_rng(n)
        a, b = rng.normal(size=(n, n)), rng.normal(size=n)
        found = paired(
            {
                "numpy": lambda a=a, b=b: np.linalg.solve(a, b),
                "none": lambda a=a, b=b: solve(a, b, proof="none"),
                "proof": lambda a=a, b=b: solve(a, b),
            },
            5,
            1e-2,
        )
        middle = {name: statistics.median(t) for name, t in found.items()}
        row = " ".join(f"{text(middle[name]):>{w}}" for name, w in (("numpy", 12), ("none", 10), ("proof", 10)))
        print(f"{n:5} {row} {middle['proof'] / middle['numpy']:10.0f}x")


if __name__ == "__main__":
    nist()
    iterations()
    times()
