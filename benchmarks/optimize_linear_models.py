"""Logistic regression and the lasso path against scikit-learn, on one core, at the same accuracy.

    python benchmarks/optimize_linear_models.py [--quick]

Logistic regression: every solver of scikit-learn is given the loosest tolerance that makes its gradient as small as
1e-8 of the gradient at zero, as ours is. "gap": what the certificate proves, relative to the objective. Lasso: the path
of 100 penalties at scikit-learn's default tolerance (1e-4, which bounds gap/|y|²) and at 1e-8; the gaps are those
that each side states, the largest on the path. Times: medians of samples that take turns; "x": the median, over the
rounds, of the peer's time over ours.
"""

from __future__ import annotations

import statistics
import sys
import warnings
from collections.abc import Callable
from typing import Any

from _measure import one_core, paired, ratio, text

one_core()

import numpy as np  # noqa: E402 (after the threads are settled)
from scipy.special import expit  # noqa: E402
from sklearn import linear_model as sk  # noqa: E402

from cauchy.learn import LogisticRegression, lasso_path  # noqa: E402

ROUNDS = 3 if "--quick" in sys.argv else 11
GOAL = 1e-8


def table(contenders: dict[str, Callable[[], Any]], notes: dict[str, str]) -> None:
    times = paired(contenders, ROUNDS, 1e-3)
    for name, found in times.items():
        faster = "" if name == "cauchy" else f"{ratio(found, times['cauchy']):6.2f} x"
        print(f"    {name:34} {text(statistics.median(found)):>10} {faster:>9}   {notes[name]}")


def slope(X: np.ndarray, y: np.ndarray, coef: np.ndarray, intercept: float) -> float:
    """|gradient| over |gradient at zero|, of the loss with C = 1."""
    size = lambda w, b, r: float(np.linalg.norm(np.append(X.T @ r + w, r.sum())))
    zero = size(np.zeros_like(coef), 0.0, 0.5 - y)
    return size(coef, intercept, expit(X @ coef + intercept) - y) / zero


def logistic(n: int, p: int, kind: str) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, p))
    if kind == "correlated":
        X = X @ (rng.standard_normal((p, p)) * 0.95 ** np.arange(p))
        X /= X.std(axis=0)
    w = rng.standard_normal(p)
    z = X @ w
    y = (rng.random(n) < expit(2 * z / z.std() + 0.3)).astype(int)
    at = lambda model: slope(X, y, model.coef_[0], float(model.intercept_[0]))
    ours = LogisticRegression(tol=1e-9).fit(X, y)
    goal = max(GOAL, at(ours))
    assert goal < 2 * GOAL, goal
    certificate = ours.certificate_
    notes = {
        "cauchy": f"gradient {at(ours):.1e}, gap {certificate.gap / certificate.primal:.0e} "
        f"{certificate.verdict.value}, {certificate.cost['passes']:.0f} passes"
    }
    contenders: dict[str, Callable[[], Any]] = {"cauchy": lambda: LogisticRegression(tol=1e-9).fit(X, y)}
    for solver in ("lbfgs", "newton-cholesky"):
        for tol in 10.0 ** -np.arange(4.0, 13.0, 0.5):
            model = sk.LogisticRegression(solver=solver, tol=tol, max_iter=10_000).fit(X, y)
            if at(model) <= goal:
                name = f"sklearn {solver}, tol {tol:.0e}"
                contenders[name] = lambda s=solver, t=tol: sk.LogisticRegression(solver=s, tol=t, max_iter=9999).fit(
                    X, y
                )
                notes[name] = f"gradient {at(model):.1e}, {model.n_iter_[0]} iterations"
                break
        else:
            print(f"    sklearn {solver}: no tolerance down to 1e-12 gets there")
    print(f"logistic regression {n} x {p}, {kind}")
    table(contenders, notes)


def path(n: int, p: int, kind: str) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, p))
    if kind == "correlated":
        for j in range(1, p):
            X[:, j] = 0.9 * X[:, j - 1] + np.sqrt(0.19) * X[:, j]
    w = np.zeros(p)
    w[rng.choice(p, p // 10, replace=False)] = rng.standard_normal(p // 10)
    y = X @ w + 3 * rng.standard_normal(n)
    size = float(y @ y)
    ours = lasso_path(X, y)
    notes = {"cauchy": f"gap/|y|² {ours.gaps.max() * n / size:.0e} {ours.verdict.value}"}
    contenders: dict[str, Callable[[], Any]] = {"cauchy": lambda: lasso_path(X, y)}
    for tol in (1e-4, 1e-8):
        call = lambda t=tol: sk.lasso_path(X, y, alphas=ours.alphas, tol=t, max_iter=100_000)
        name = f"sklearn lasso_path, tol {tol:.0e}"
        contenders[name] = call
        notes[name] = f"gap/|y|² {call()[2].max() / size:.0e}"
    print(f"lasso path {n} x {p}, {kind}, 100 penalties, {(ours.coefs[:, -1] != 0).sum()} active at the end")
    table(contenders, notes)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for kind in ("independent", "correlated"):
        logistic(100_000, 50, kind)
    for kind in ("independent", "correlated"):
        path(10_000, 500, kind)
    path(200, 500, "independent")
