"""Training of networks against JAX, torch, NumPy by hand and scikit-learn, on one core: seconds per epoch.

    python benchmarks/optimize_mlp.py [--quick] [--only NAME ...] [--clock cpu] [--markdown PATH] [--json PATH]

circles: sizes 2-4-3-1 with relu, binary cross-entropy, 1000 points, full batch, gradient descent, float64.
digits: sizes 64-128-64-10 with relu, softmax cross-entropy, the 1797 digits of scikit-learn, batches of 64 in a new
order each epoch, Adam, float32. Ours is what `MLPClassifier.fit` runs by epoch (orders drawn, log read), JAX is one
`jit` of `scan` over epochs and batches, the faster of two layouts. All start from the same weights, and NumPy, JAX and
ours see the same batches: their losses are compared before anything is timed. Times: medians of samples that take
turns; "x" is the median, over the rounds, of the peer's time over ours.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _measure import CLOCKS, fastest, one_core, paired, ratio, text

CORE = one_core()

import numpy as np  # noqa: E402 (after the threads are settled)
from scipy.special import expit  # noqa: E402

from cauchy.learn.mlp import training, update  # noqa: E402
from cauchy.learn.mlp.network import Net  # noqa: E402

Run = Callable[[], Any]


@dataclass
class Task:
    """A network, data, and how they are trained."""

    name: str
    net: Net
    X: np.ndarray
    Y: np.ndarray
    batch: int
    rate: float
    rule: str
    epochs: int  # in one sample
    targets: dict[str, float]

    def __post_init__(self) -> None:
        self.n = len(self.X)
        self.batches = -(-self.n // self.batch)
        self.full = self.batches == 1
        self.theta = self.net.initial(np.random.RandomState(0), "he", 0.0).astype(self.X.dtype)
        self.layers = [(w.copy(), b.copy()) for w, b in self.net.layers(self.theta)]
        rng, pad = np.random.RandomState(1), np.arange(self.batch * self.batches) % self.n
        self.orders = np.array([rng.permutation(self.n)[pad] for _ in range(self.epochs)])
        self.live = (np.arange(len(pad)) < self.n).astype(self.X.dtype).reshape(self.batches, self.batch)


def circles() -> Task:
    from sklearn.datasets import make_circles

    X, y = map(np.asarray, make_circles(1000, factor=0.5, noise=0.1, random_state=0))
    net = Net((2, 4, 3, 1), ("relu", "relu"), "logistic", (0.0, 0.0))
    targets = {"JAX": 2.0, "NumPy": 4.0, "torch": 10.0}
    return Task("circles 2-4-3-1, full batch", net, X, y[:, None].astype(float), 1000, 0.5, "sgd", 256, targets)


def digits() -> Task:
    from sklearn.datasets import load_digits

    X, y = map(np.asarray, load_digits(return_X_y=True))
    net = Net((64, 128, 64, 10), ("relu", "relu"), "softmax", (0.0, 0.0))
    Y = np.eye(10, dtype=np.float32)[y.astype(int)]
    targets = {"JAX": 1.0, "scikit-learn": 5.0, "torch": 5.0}
    return Task(
        "digits 64-128-64-10, Adam, float32", net, (X / 16).astype(np.float32), Y, 64, 1e-3, "adam", 16, targets
    )


TASKS = {"circles": circles, "digits": digits}


# -- ours and the peers: each returns a function that trains task.epochs epochs and returns their losses -------------


def ours(task: Task) -> Run:
    chunk = training.chunk_of(task.batches, task.batch, task.epochs, shuffle=not task.full)
    constants = (("beta_1", 0.9), ("beta_2", 0.999), ("epsilon", 1e-8)) if task.rule == "adam" else ()
    plan = training.Plan(
        task.net, task.rule, task.batch, task.batches, not task.full, False, False, "constant", "", chunk, constants
    )
    h = {"alpha": 0.0, "l1": 0.0, "tol": 0.0, "power_t": 0.0, "patience": np.inf, "rate": task.rate}
    begin = training.State(task.theta, update.slots(task.rule, task.theta), {})

    def run() -> np.ndarray:
        state = training.train(
            plan, begin, (task.X, task.Y, None), None, h, np.random.RandomState(1),
            longest=task.epochs, native=True, rate=task.rate,
        )  # fmt: skip
        return state.log["loss"]

    return run


def numpy_by_hand(task: Task) -> Run:
    f = task.X.dtype.type

    def run() -> np.ndarray:
        P = [p.copy() for layer in task.layers for p in layer]
        m, v, t, losses = [np.zeros_like(p) for p in P], [np.zeros_like(p) for p in P], 0, []
        for order in task.orders:
            total = 0.0
            for k in range(task.batches):
                rows = order[k * task.batch : (k + 1) * task.batch][: task.n - k * task.batch]
                X, Y = (task.X, task.Y) if task.full else (task.X[rows], task.Y[rows])
                a = [X]
                for w, b in zip(P[:-2:2], P[1:-2:2], strict=True):
                    a.append(np.maximum(a[-1] @ w + b, f(0)))
                z = a[-1] @ P[-2] + P[-1]
                if task.full:
                    loss = (np.maximum(z, 0) - Y * z + np.log1p(np.exp(-np.abs(z)))).mean()
                    d = (expit(z) - Y) / f(len(X))
                else:
                    top = z.max(axis=1, keepdims=True)
                    e = np.exp(z - top)
                    s = e.sum(axis=1, keepdims=True)
                    loss = (np.log(s) + top - (z * Y).sum(axis=1, keepdims=True)).mean()
                    d = (e / s - Y) / f(len(X))
                g = []
                for i in range(len(a) - 1, -1, -1):
                    g = [a[i].T @ d, d.sum(axis=0), *g]
                    if i:
                        d = (d @ P[2 * i].T) * (a[i] > 0)
                t += 1
                c = np.sqrt(1 - 0.999**t)
                scale = f(task.rate * c / (1 - 0.9**t))
                for i, q in enumerate(g):
                    if task.rule == "sgd":
                        P[i] -= task.rate * q
                        continue
                    m[i] *= f(0.9)
                    m[i] += f(0.1) * q
                    v[i] *= f(0.999)
                    v[i] += f(0.001) * q * q
                    P[i] -= scale * m[i] / (np.sqrt(v[i]) + f(1e-8 * c))
                total += float(loss) * len(X)
            losses.append(total / task.n)
        return np.array(losses)

    return run


def jax_scan(task: Task) -> list[Run]:
    import jax
    import jax.numpy as jnp

    live, weights = jnp.asarray(task.live), jnp.asarray(task.live.sum(axis=1) / task.n)
    f = task.X.dtype.type

    def made(columns: bool) -> Run:
        def loss(P: Any, X: Any, Y: Any, w: Any) -> Any:
            a = X.T if columns else X
            for W, b in P[:-1]:
                a = jax.nn.relu(W.T @ a + b[:, None] if columns else a @ W + b)
            W, b = P[-1]
            z = (W.T @ a + b[:, None]).T if columns else a @ W + b
            if task.full:
                return (jnp.logaddexp(0.0, z) - Y * z).mean()
            return ((jax.nn.logsumexp(z, axis=1) - (z * Y).sum(axis=1)) * w).sum() / w.sum()

        both, each = jax.value_and_grad(loss), jax.tree_util.tree_map

        def step(s: Any, entry: Any) -> Any:
            P, m, v, t = s
            X, Y, w = entry
            value, g = both(P, X, Y, w)
            if task.rule == "sgd":
                return (each(lambda p, q: p - task.rate * q, P, g), m, v, t), value
            t = t + 1
            m = each(lambda a, q: f(0.9) * a + f(0.1) * q, m, g)
            v = each(lambda a, q: f(0.999) * a + f(0.001) * q * q, v, g)
            c = jnp.sqrt(1 - 0.999**t)
            scale, eps = (task.rate * c / (1 - 0.9**t)).astype(f), (1e-8 * c).astype(f)
            return (each(lambda p, a, b: p - scale * a / (jnp.sqrt(b) + eps), P, m, v), m, v, t), value

        def epoch(data: Any) -> Any:
            X, Y = data

            def run(s: Any, order: Any) -> Any:
                if task.full:
                    return step(s, (X, Y, None))
                entry = lambda x: x[order].reshape(task.batches, task.batch, -1)
                s, values = jax.lax.scan(step, s, (entry(X), entry(Y), live))
                return s, (values * weights).sum()

            return run

        @jax.jit
        def train(P: Any, X: Any, Y: Any, orders: Any) -> Any:
            zeros = each(jnp.zeros_like, P)
            return jax.lax.scan(epoch((X, Y)), (P, zeros, zeros, jnp.zeros(())), orders)

        args = jax.device_put((task.layers, task.X, task.Y, task.orders))
        return lambda: np.asarray(jax.block_until_ready(train(*args))[1])

    return [made(False), made(True)]


def torch_loop(task: Task) -> Run:
    import torch

    torch.set_num_threads(1)
    X, Y = torch.from_numpy(task.X), torch.from_numpy(task.Y)
    orders = torch.from_numpy(task.orders)
    F = torch.nn.functional
    labels = Y.argmax(dim=1)

    def run() -> np.ndarray:
        P = [torch.tensor(p, requires_grad=True) for layer in task.layers for p in layer]
        optimizer = (
            torch.optim.SGD(P, lr=task.rate) if task.rule == "sgd" else torch.optim.Adam(P, lr=task.rate, eps=1e-8)
        )
        losses = []
        for order in orders:
            total = torch.zeros(())
            for k in range(task.batches):
                rows = order[k * task.batch : min((k + 1) * task.batch, task.n)]
                a = X if task.full else X[rows]
                for i in range(0, len(P) - 2, 2):
                    a = torch.relu(torch.addmm(P[i + 1], a, P[i]))
                z = torch.addmm(P[-1], a, P[-2])
                loss = F.binary_cross_entropy_with_logits(z, Y) if task.full else F.cross_entropy(z, labels[rows])
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
                total = total + loss.detach() * (task.n if task.full else len(rows))
            losses.append(float(total) / task.n)
        return np.array(losses)

    return run


def sklearn_fit(task: Task) -> Run:
    from sklearn.neural_network import MLPClassifier

    labels = task.Y[:, 0] if task.full else task.Y.argmax(axis=1)
    options: dict[str, Any] = {"solver": "sgd", "momentum": 0.0} if task.rule == "sgd" else {"solver": "adam"}
    options |= {"learning_rate_init": task.rate, "batch_size": task.batch, "alpha": 0.0, "random_state": 0}
    options |= {"max_iter": task.epochs, "tol": 0.0, "n_iter_no_change": 10**6}
    model = MLPClassifier(task.net.sizes[1:-1], **options)

    def run() -> np.ndarray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.array(model.fit(task.X, labels).loss_curve_)

    return run


PEERS: dict[str, Callable[[Task], Run | list[Run]]] = {
    "JAX": jax_scan,
    "NumPy": numpy_by_hand,
    "torch": torch_loop,
    "scikit-learn": sklearn_fit,
}
SAME = ("JAX", "NumPy", "torch")  # same weights and batches: the same losses


def measure(task: Task, quick: bool, clock: str) -> dict[str, Any]:
    contenders = {"cauchy": ours(task)}
    losses = contenders["cauchy"]()
    bound = 1e-6 if task.X.dtype == np.float64 else 2e-2  # chaos of relu kinks and of float32, over the epochs
    checks, missing = [], {}
    for name, make in PEERS.items():
        try:
            made = make(task)
        except ImportError as e:
            missing[name] = str(e)
            continue
        contenders[name] = fastest(made if isinstance(made, list) else [made])
        if name in SAME:
            error = float(np.max(np.abs(contenders[name]() - losses) / losses))
            checks.append({"against": name, "error": error, "bound": bound})
    times = paired(contenders, 5 if quick else 15, 5e-3 if quick else 3e-2, clock)
    return {
        "task": task.name, "seconds": {n: statistics.median(t) / task.epochs for n, t in times.items()},
        "times faster": {n: ratio(times[n], times["cauchy"]) for n in PEERS if n in times},
        "targets": task.targets, "missing": missing, "checks": checks,
    }  # fmt: skip


def rows(found: list[dict[str, Any]]) -> list[str]:
    lines = ["| training, per epoch | cauchy | peers | asked | met | largest difference |", "|---|---|---|---|---|---|"]
    for r in found:
        cells = [f"{n} {text(r['seconds'][n])} ({x:.3g} x)" for n, x in r["times faster"].items()]
        cells += [f"{n} – ({why})" for n, why in r["missing"].items()]
        asked = {n: t for n, t in r["targets"].items() if n in r["times faster"]}
        met = "yes" if all(r["times faster"][n] >= t for n, t in asked.items()) else "no"
        worst = max(r["checks"], key=lambda c: c["error"] / c["bound"], default=None)
        told = f"{worst['error']:.0e} ({worst['against']})" if worst else "–"
        wanted = ", ".join(f"{t:g} x {n}" for n, t in asked.items())
        ours = text(r["seconds"]["cauchy"])
        lines.append(f"| {r['task']} | {ours} | {'; '.join(cells)} | {wanted} | {met} | {told} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few samples")
    parser.add_argument("--only", nargs="+", choices=[*TASKS], default=[*TASKS])
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = [measure(TASKS[name](), options.quick, options.clock) for name in options.only]
    page = "\n".join(rows(found))
    print(page)
    if options.markdown:
        options.markdown.write_text(page + "\n")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    wrong = [(r["task"], c) for r in found for c in r["checks"] if not c["error"] <= c["bound"]]
    for name, c in wrong:
        print(f"WRONG: {name} differs from {c['against']} by {c['error']:.1e}", file=sys.stderr)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
