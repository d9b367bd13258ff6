"""Checking a hand-written gradient: false alarms and misses, beside the usual rules of SciPy, PyTorch and JAX.

    python benchmarks/check.py [--every N] [--json PATH] [--processes N]

45 functions (numbers and vectors) x (the right gradient, 8 wrong ones) x input scales x output scales from 1e-8 to 1e8,
each as a black box and as a traceable function, at three points. A wrong gradient that equals the right one to 1e-3 at
all three points is no test and is left out. The rules of the peers:

- scipy: `scipy.optimize.check_grad(f, g, x) < 1e-6` (forward differences, step 1.5e-8)
- torch: the rule of `torch.autograd.gradcheck`: central differences, eps 1e-6, |a - n| <= 1e-5 + 1e-3 |n|
- jax: the rule of `jax.test_util.check_grads`, float64: one random direction, step 1e-4, |a - n| <= 1e-5 + 1e-5 |n|
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import check_grad
from scipy.special import erf, expit

from cauchy.calculus.check import check
from cauchy.proof import Verdict

Array = np.ndarray
SCALES = (1e-8, 1e-4, 1.0, 1e4, 1e8)
A = np.array([[2.0, 0.5, -0.3], [0.5, 1.5, 0.2], [-0.3, 0.2, 1.0]])
DATA = np.random.default_rng(7).normal(size=(20, 3))
LABELS = np.sign(DATA[:, 0] + 0.3)
TARGET = DATA @ np.array([1.0, -2.0, 0.5]) + 0.1

# f, f', points
NUMBERS: list[tuple[Callable, Callable, tuple[float, ...]]] = [
    (lambda x: x**2, lambda x: 2 * x, (0.7, -1.3, 2.1)),
    (lambda x: x**3 - 2 * x**2 + 1, lambda x: 3 * x**2 - 4 * x, (0.7, -1.3, 2.1)),
    (lambda x: x**9 - x**5 + x, lambda x: 9 * x**8 - 5 * x**4 + 1, (0.7, -1.3, 1.1)),
    (np.sqrt, lambda x: 0.5 / np.sqrt(x), (0.7, 1.3, 2.1)),
    (lambda x: 1 / x, lambda x: -1 / x**2, (0.7, -1.3, 2.1)),
    (lambda x: 1 / (1 + 25 * x**2), lambda x: -50 * x / (1 + 25 * x**2) ** 2, (0.1, -0.3, 0.7)),
    (np.exp, np.exp, (0.7, -1.3, 2.1)),
    (lambda x: np.exp(-(x**2)), lambda x: -2 * x * np.exp(-(x**2)), (0.7, -1.3, 2.1)),
    (lambda x: np.exp(-1 / x), lambda x: np.exp(-1 / x) / x**2, (0.7, 1.3, 2.1)),
    (np.log, lambda x: 1 / x, (0.7, 1.3, 2.1)),
    (lambda x: x * np.log(x), lambda x: np.log(x) + 1, (0.7, 1.3, 2.1)),
    (lambda x: np.log1p(x**2), lambda x: 2 * x / (1 + x**2), (0.7, -1.3, 2.1)),
    (np.sin, np.cos, (0.7, -1.3, 2.1)),
    (lambda x: np.sin(3 * x) * x, lambda x: 3 * x * np.cos(3 * x) + np.sin(3 * x), (0.7, -1.3, 2.1)),
    (np.tan, lambda x: 1 / np.cos(x) ** 2, (0.7, -1.3, 0.2)),
    (lambda x: np.sin(x) / x, lambda x: np.cos(x) / x - np.sin(x) / x**2, (0.7, -1.3, 2.1)),
    (lambda x: np.cos(np.exp(x)), lambda x: -np.sin(np.exp(x)) * np.exp(x), (0.7, -1.3, 1.1)),
    (np.tanh, lambda x: 1 - np.tanh(x) ** 2, (0.7, -1.3, 2.1)),
    (expit, lambda x: expit(x) * (1 - expit(x)), (0.7, -1.3, 3.1)),
    (lambda x: np.log1p(np.exp(x)), lambda x: 1 / (1 + np.exp(-x)), (0.7, -1.3, 2.1)),
    (np.arctan, lambda x: 1 / (1 + x**2), (0.7, -1.3, 2.1)),
    (lambda x: np.sqrt(1 + x**2), lambda x: x / np.sqrt(1 + x**2), (0.7, -1.3, 2.1)),
    (lambda x: np.abs(x) * x, lambda x: 2 * np.abs(x), (0.7, -1.3, 0.0)),
    (lambda x: np.maximum(x, 0.1 * x), lambda x: np.where(x > 0, 1.0, 0.1), (0.7, -1.3, 0.0)),
    (erf, lambda x: 2 / np.sqrt(np.pi) * np.exp(-(x**2)), (0.7, -1.3, 2.1)),
    (lambda x: x / (1 + np.sqrt(x)), lambda x: (1 + np.sqrt(x) / 2) / (1 + np.sqrt(x)) ** 2, (0.7, 1.3, 2.1)),
    (lambda x: np.cosh(x) + 1000, np.sinh, (0.7, -1.3, 2.1)),
    (lambda x: 3 * x - 7, lambda x: 3 + 0 * x, (0.7, -1.3, 2.1)),
    (lambda x: np.sin(50 * x), lambda x: 50 * np.cos(50 * x), (0.7, -1.3, 2.1)),
]


def logistic(w: Array) -> Any:
    return np.mean(np.logaddexp(0, -LABELS * (DATA @ w)))


def logistic_gradient(w: Array) -> Array:
    return DATA.T @ (-LABELS * expit(-LABELS * (DATA @ w))) / len(LABELS)


def softmax(z: Array) -> Array:
    e = np.exp(z - np.max(z))
    return e / e.sum()


# f, gradient, how many entries x has
VECTORS: list[tuple[Callable, Callable, int]] = [
    (lambda w: np.sum(w**2), lambda w: 2 * w, 4),
    (lambda w: w[0] ** 2 + w[1] ** 3, lambda w: np.array([2 * w[0], 3 * w[1] ** 2]), 2),
    (lambda w: w @ A @ w / 2, lambda w: A @ w, 3),
    (lambda w: np.sum((DATA @ w - TARGET) ** 2), lambda w: 2 * DATA.T @ (DATA @ w - TARGET), 3),
    (lambda w: np.mean((DATA @ w - TARGET) ** 2), lambda w: 2 * DATA.T @ (DATA @ w - TARGET) / len(DATA), 3),
    (logistic, logistic_gradient, 3),
    (lambda w: np.log(np.sum(np.exp(w))), softmax, 5),
    (lambda w: -np.log(np.exp(w[1]) / np.sum(np.exp(w))), lambda w: softmax(w) - np.eye(3)[1], 3),
    (
        lambda w: 100 * (w[1] - w[0] ** 2) ** 2 + (1 - w[0]) ** 2,
        lambda w: np.array([-400 * w[0] * (w[1] - w[0] ** 2) - 2 * (1 - w[0]), 200 * (w[1] - w[0] ** 2)]),
        2,
    ),
    (np.prod, lambda w: np.prod(w) / w, 4),
    (lambda w: np.sqrt(np.sum(w**2)), lambda w: w / np.sqrt(np.sum(w**2)), 3),
    (lambda w: np.sum(np.abs(w)), np.sign, 4),
    (lambda w: np.sum(np.tanh(w)) + 0.05 * np.sum(w**2), lambda w: 1 - np.tanh(w) ** 2 + 0.1 * w, 5),
    (lambda w: np.sum(np.sin(w[1:] * w[:-1])), None, 4),  # type: ignore[list-item]
    (lambda w: np.max(w) + np.mean(w), lambda w: (w == np.max(w)) + 1 / w.size, 3),
    (
        lambda w: np.sum(np.maximum(0, 1 - LABELS * (DATA @ w))),
        lambda w: -(LABELS * (LABELS * (DATA @ w) < 1)) @ DATA,
        3,
    ),
]


def chained(w: Array) -> Array:
    c = np.cos(w[1:] * w[:-1])
    return np.concatenate([[0.0], c * w[:-1]]) + np.concatenate([c * w[1:], [0.0]])


VECTORS = [(f, g if g is not None else chained, n) for f, g, n in VECTORS]


@dataclass(frozen=True)
class Task:
    """One function at one pair of scales: F(x) = s f(x / u), dF(x) = s / u f'(x / u)."""

    number: int
    vector: bool
    u: float
    s: float
    black: bool

    def functions(self) -> tuple[Callable, Callable, list[Any]]:
        f, g, where = (VECTORS if self.vector else NUMBERS)[self.number]
        u, s = self.u, self.s
        F: Callable = lambda x: s * f(x / u)
        dF: Callable = lambda x: s / u * g(x / u)
        if self.vector:
            rng = np.random.default_rng(self.number)
            points = [u * rng.uniform(0.3, 1.7, where) * rng.choice([-1, 1], where) for _ in range(3)]
        else:
            points = [np.float64(u * p) for p in where]
        if self.black:
            plain = (lambda x: np.array(x.tolist())) if self.vector else float
            return (lambda x: F(plain(x))), (lambda x: dF(plain(x))), points
        return F, dF, points


def wrong(dF: Callable, points: list[Any], u: float) -> Iterator[tuple[str, Callable]]:
    """Eight mistakes."""
    size = max(float(np.max(np.abs(dF(p)))) for p in points)
    stuck = dF(points[0])
    vector = np.ndim(points[0]) > 0

    def one(x: Any) -> Any:
        g = np.array(dF(x), dtype=float)
        g.flat[-1] *= 1.2
        return g if vector else g[()]

    yield "2x", lambda x: 2 * dF(x)
    yield "sign", lambda x: -dF(x)
    yield "1/n", lambda x: dF(x) / (len(x) if vector and len(x) > 1 else 20)
    yield "one component", one
    yield "exponent", lambda x: dF(x) * (x / u)
    yield "stale", lambda x: stuck + 0 * x
    yield "offset", lambda x: dF(x) + 0.1 * size
    yield "reversed", (lambda x: dF(x)[::-1]) if vector else (lambda x: 0 * dF(x))


def differ(dF: Callable, g: Callable, points: list[Any]) -> bool:
    return any(np.any(np.abs(g(p) - dF(p)) > 1e-3 * np.abs(dF(p))) for p in points)


# -- the peers' rules; True: accepted --------------------------------------------------------------


def scipy_rule(F: Callable, g: Callable, x: Any) -> bool:
    shape = np.shape(x)
    back = lambda v: v.reshape(shape)[()]
    return bool(check_grad(lambda v: F(back(v)), lambda v: np.atleast_1d(g(back(v))), np.atleast_1d(x)) < 1e-6)


def torch_rule(F: Callable, g: Callable, x: Any) -> bool:
    numeric = np.zeros(np.shape(x))
    for i in np.ndindex(np.shape(x)):
        step = np.zeros(np.shape(x))
        step[i] = 1e-6
        numeric[i] = (F(x + step[()]) - F(x - step[()])) / 2e-6
    return bool(np.allclose(g(x), numeric, rtol=1e-3, atol=1e-5))


def jax_rule(F: Callable, g: Callable, x: Any) -> bool:
    v = np.random.default_rng(0).standard_normal(np.shape(x))
    v = v if np.shape(x) else np.float64(v)
    numeric = (F(x + 0.5e-4 * v) - F(x - 0.5e-4 * v)) / 1e-4
    return bool(np.allclose(np.sum(g(x) * v), numeric, rtol=1e-5, atol=1e-5))


PEERS = {"scipy": scipy_rule, "torch": torch_rule, "jax": jax_rule}


def run(task: Task) -> dict[str, Any]:
    """Verdicts on the right gradient and on the wrong ones: Counter[(who, right or wrong, verdict)]."""
    F, dF, points = task.functions()
    counts: Counter[tuple[str, str, str]] = Counter()
    odd: list[str] = []
    took = 0.0
    for name, g in [("right", dF), *wrong(dF, points, task.u)]:
        if name != "right" and not differ(dF, g, points):
            continue
        truth = "right" if name == "right" else "wrong"
        start = time.perf_counter()
        with np.errstate(all="ignore"):
            result = check(F, g, at=points, seconds=0.0 if task.black else 5.0)
        took += time.perf_counter() - start
        agreed = result.verdict is not Verdict.REFUTED and result.agreed > 0
        verdict = "refuted" if result.verdict is Verdict.REFUTED else "accepted" if agreed else "nothing"
        counts["cauchy", truth, verdict] += 1
        if result.cause:
            counts["cauchy", truth, "named"] += 1
        if (truth, verdict) != ("right", "accepted") and (truth, verdict) != ("wrong", "refuted"):
            odd.append(f"{task} {name}: {verdict}; {result.text('en').splitlines()[1:]}")
        for peer, rule in PEERS.items():
            with np.errstate(all="ignore"):
                accepted = all(rule(F, g, x) for x in points)
            counts[peer, truth, "accepted" if accepted else "refuted"] += 1
    return {"counts": counts, "odd": odd, "seconds": took}


def tasks(every: int = 1) -> list[Task]:
    which = [(False, i) for i in range(len(NUMBERS))] + [(True, i) for i in range(len(VECTORS))]
    found = [Task(i, v, u, s, black) for (v, i), u, s, black in itertools.product(which, SCALES, SCALES, (True, False))]
    return found[::every]


def summary(results: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    total: Counter[tuple[str, str, str]] = sum((r["counts"] for r in results), Counter())
    table = {}
    for who in ("cauchy", *PEERS):
        of = lambda truth, *words, who=who: sum(total[who, truth, w] for w in words)
        right, bad = of("right", "refuted", "accepted", "nothing"), of("wrong", "refuted", "accepted", "nothing")
        table[who] = {
            "right": right, "false alarms": of("right", "refuted"), "wrong": bad, "found": of("wrong", "refuted"),
            "passed": of("wrong", "accepted"), "undecided": of("right", "nothing") + of("wrong", "nothing"),
            "named": total[who, "wrong", "named"],
        }  # fmt: skip
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--every", type=int, default=1, help="take one task in N")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    chosen = tasks(args.every)
    with ProcessPoolExecutor(args.processes) as pool:
        results = list(pool.map(run, chosen, chunksize=4))
    for line in [line for r in results for line in r["odd"]]:
        print(line)
    table = summary(results)
    print(
        "\n| | right gradients | false alarms | wrong gradients | found | passed as right | undecided | cause named |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for who, t in table.items():
        share = lambda a, b: f"{a} ({100 * a / max(b, 1):.1f} %)"
        cells = [t["right"], share(t["false alarms"], t["right"]), t["wrong"], share(t["found"], t["wrong"])]
        cells += [share(t["passed"], t["wrong"]), t["undecided"], share(t["named"], t["found"]) if t["named"] else ""]
        print(f"| {who} | {' | '.join(map(str, cells))} |")
    checks = sum(t for t in (table["cauchy"]["right"], table["cauchy"]["wrong"]))
    print(f"\n{checks} checks, {1e3 * sum(r['seconds'] for r in results) / checks:.0f} ms each")
    if args.json:
        args.json.write_text(json.dumps(table, indent=1))


if __name__ == "__main__":
    main()
