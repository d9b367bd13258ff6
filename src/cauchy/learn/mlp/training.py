"""Training by batches: many epochs in one compiled loop, decisions and all.

The loop is `cauchy.loop` over epochs around `cauchy.scan` over batches; its body is `value_and_grad` of the network's
objective and an update rule, all plain NumPy. Python gives the permutations of a chunk of epochs, and reads the log.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...calculus.control import cond, loop, scan
from ...calculus.differentiate import value_and_grad
from .network import OUTPUTS, Net, join
from .program import program
from .update import RULES, by_parts

CHUNK_SECONDS = 0.1  # between two looks at the keyboard
ORDERS = 2**20  # entries of the permutations that are drawn ahead
LONGEST = 256  # epochs in a chunk
NATIVE_SECONDS = 0.7  # about what machine code takes to make; trainings that NumPy ends sooner are run by it


@dataclass(frozen=True)
class Plan:
    """What the compiled loop is written for."""

    net: Net
    rule: str
    batch: int  # rows in a batch
    batches: int  # in an epoch
    shuffle: bool
    alpha: bool  # has an L2 term
    l1: bool
    schedule: str  # constant, invscaling or adaptive
    held: str  # what early stopping watches: "", accuracy (of signs), label (of the largest) or r2
    chunk: int  # epochs that the log has room for
    constants: tuple[tuple[str, float], ...] = ()  # of the rule, by name: part of the code, which is then faster


@dataclass
class State:
    """Where the training stands: everything the next epoch needs, and how it came here (`log`: columns by name)."""

    theta: np.ndarray
    slots: tuple[Any, ...]
    log: dict[str, np.ndarray]
    epochs: int = 0
    seen: float = 0.0  # samples so far, which the schedule invscaling counts
    best_theta: np.ndarray | None = None
    interrupted: bool = False
    stopped: bool = False  # it was its own criterion that ended it


def objective(plan: Plan) -> Callable[..., Any]:
    """The penalized mean loss of some rows, as a function of the parameters first.

    The penalty is divided by the sum of the rows' weights, as scikit-learn's is: alpha and l1 belong to the sum of the
    losses, not to their mean.
    """
    net = plan.net

    def value(theta: Any, X: Any, Y: Any, w: Any, key: Any, h: Any) -> Any:
        total = net.loss(theta, X, Y, w, key)
        if plan.alpha or plan.l1:
            rows = float(X.shape[0]) if w is None else w.sum()
            alpha, l1 = (h[name].astype(total.dtype) for name in ("alpha", "l1"))
            total = total + net.penalty(theta, alpha if plan.alpha else None, l1 if plan.l1 else None) / rows
        return total

    return value


def score(kind: str, output: str, z: Any, y: Any, w: Any) -> Any:
    """Weighted accuracy of the predictions that the logits z stand for, or R^2 (the mean over the outputs)."""
    if kind == "r2":
        w = w / w.sum()
        z = OUTPUTS[output](z)
        left = (w[:, None] * (z - y) ** 2).sum(axis=0)
        total = (w[:, None] * (y - (w[:, None] * y).sum(axis=0)) ** 2).sum(axis=0)
        flat = total == 0
        return np.where(flat, np.where(left == 0, 1.0, 0.0), 1 - left / np.where(flat, 1.0, total)).mean()
    if kind == "label":
        # the first of the largest, as argmax has it
        places = np.arange(z.shape[1], dtype=z.dtype)
        first = np.where(z == z.max(axis=1, keepdims=True), places, float(z.shape[1])).min(axis=1)
        right = first == (y * places).sum(axis=1)
    else:
        right = ((z > 0) == (y > 0.5)).all(axis=1)
    return np.where(right, w, 0.0).sum() / w.sum()


def epochs(plan: Plan) -> Callable[..., Any]:
    """The loop: `(state, stop, data, orders, keys, held, h) -> state`, where state also holds the log of the chunk."""
    net, rule = plan.net, RULES[plan.rule]
    both = value_and_grad(objective(plan))
    K, B = plan.batches, plan.batch
    constants = {name: np.float64(value) for name, value in plan.constants}

    def batched(x: Any) -> Any:
        return None if x is None else x.reshape(K, B, *x.shape[1:])

    def once(s: Any, data: Any, orders: Any, keys: Any, h: Any) -> Any:
        theta, slots, rate = s["theta"], s["slots"], s["rate"]
        X, Y, w, live = data
        if K == 1:
            value, g = both(theta, X, Y, w, None if keys is None else keys[s["k"], 0], h)
            return (*rule(theta, slots, g, rate, constants), value.astype(np.float64))
        if orders is not None:
            rows = orders[s["k"]]
            X, Y, w = X[rows], Y[rows], None if w is None else w[rows]
        w = batched(w)
        if live is not None:
            w = live if w is None else w * live
        entries = {"X": batched(X), "Y": batched(Y), "w": w, "key": None if keys is None else keys[s["k"]]}

        def body(c: Any, e: Any) -> Any:
            value, g = both(c[0], e["X"], e["Y"], e["w"], e["key"], h)
            state = by_parts(rule, c[0], c[1], g, rate, constants)
            return state, (value.astype(np.float64), (value if e["w"] is None else e["w"].sum()).astype(np.float64))

        # layer by layer: BLAS reads each part where it stands, and the rule each part's derivative
        state = net.parts(theta), tuple(net.parts(x) if x.ndim else x for x in slots)
        (theta, slots), (values, weights) = scan(body, state, entries)
        mean = values.mean() if w is None else (values * weights).sum() / weights.sum()
        return join(theta), tuple(join(x) if isinstance(x, tuple) else x for x in slots), mean

    def watched(s: Any, held: Any) -> tuple[Any, Any]:
        X, Y, w = held
        z = net.logits(s["theta"], X)
        return net.loss(s["theta"], X, Y, w).astype(np.float64), score(plan.held, net.output, z, Y, w).astype(
            np.float64
        )

    def epoch(_: Any, s: Any, data: Any, orders: Any, keys: Any, held: Any, h: Any) -> Any:
        s = dict(s)
        here = np.arange(plan.chunk) == s["k"]
        s["theta"], s["slots"], value = once(s, data, orders, keys, h)
        s["log"] = dict(s["log"])
        s["log"]["loss"] = np.where(here, value, s["log"]["loss"])
        if plan.schedule != "constant":
            s["log"]["learning_rate"] = np.where(here, s["rate"], s["log"]["learning_rate"])
        merit = -value
        if plan.held:
            lost, merit = watched(s, held)
            s["log"]["validation_loss"] = np.where(here, lost, s["log"]["validation_loss"])
            s["log"]["validation_score"] = np.where(here, merit, s["log"]["validation_score"])
            better = merit > s["best"]
            s["best_theta"] = cond(better, lambda a, b: a, lambda a, b: b, s["theta"], s["best_theta"])
        # the criterion of scikit-learn: too many epochs without an improvement of at least tol
        s["stale"] = np.where(merit < s["best"] + h["tol"], s["stale"] + 1.0, 0.0)
        s["best"] = np.where(merit > s["best"], merit, s["best"])
        s["seen"] = s["seen"] + h["samples"]
        if plan.schedule == "invscaling":
            s["rate"] = h["rate"] / (s["seen"] + 1.0) ** h["power_t"]
        tired = s["stale"] > h["patience"]
        if plan.schedule == "adaptive":
            slower = tired & (s["rate"] > 1e-6)
            s["rate"] = np.where(slower, s["rate"] / 5, s["rate"])
            s["stale"] = np.where(slower, 0.0, s["stale"])
            tired = tired & ~slower
        s["done"] = tired | ~np.isfinite(value)
        s["k"] = s["k"] + 1
        return s

    def run(s: Any, stop: Any, data: Any, orders: Any, keys: Any, held: Any, h: Any) -> Any:
        body = lambda i, s: epoch(i, s, data, orders, keys, held, h)
        return loop(body, s, while_=lambda s: (s["k"] < stop) & ~s["done"])

    return run


def _seconds(plan: Plan, native: bool) -> float:
    """About what an epoch takes."""
    overhead, flop, unit = (2e-6, 3e-11, 2e-9) if native else (5e-4, 1e-10, 1e-8)
    return plan.batches * (overhead + plan.batch * (6 * flop * plan.net.size + unit * sum(plan.net.sizes[1:])))


def expensive(plan: Plan, longest: int) -> bool:
    """Whether NumPy would take longer than machine code takes to make: an estimate from the plan alone.

    From the plan alone, since the two differ in their last digits: what a fit gives must not depend on earlier fits.
    """
    return longest * _seconds(plan, native=False) > NATIVE_SECONDS


def train(
    plan: Plan,
    state: State,
    data: tuple[Any, Any, Any],
    held: Any,
    h: dict[str, float],
    rng: np.random.RandomState,
    *,
    longest: int,
    native: bool,
    rate: float,
    told: Callable[[int, dict[str, np.ndarray]], None] | None = None,
) -> State:
    """Run up to `longest` epochs from `state`, which is not changed; the state after them.

    `data` is (X, Y, weights or None). Ctrl-C gives the state after the last chunk that ended, `interrupted`.
    """
    X, Y, w = data
    n, size = len(X), plan.batch * plan.batches
    # the rows that fill the last batch up count with weight zero
    pad = np.arange(size) % n
    live = None if size == n else (np.arange(size) < n).astype(X.dtype).reshape(plan.batches, plan.batch)
    if not plan.shuffle and live is not None:
        X, Y, w = X[pad], Y[pad], None if w is None else w[pad]
    columns = ["loss"] + (["learning_rate"] if plan.schedule != "constant" else [])
    columns += ["validation_loss", "validation_score"] if plan.held else []
    numbers = {name: np.float64(value) for name, value in (h | {"samples": n}).items()}
    s: dict[str, Any] = {
        "theta": state.theta, "slots": state.slots, "rate": np.float64(rate), "best": np.float64(-np.inf),
        "stale": np.float64(0), "seen": np.float64(state.seen), "done": np.bool_(False), "k": np.int64(0),
    }  # fmt: skip
    if plan.held:
        s["best_theta"] = state.theta
    log: dict[str, list[np.ndarray]] = {name: [] for name in columns}
    ended, interrupted = 0, False
    ahead = max(1, int(CHUNK_SECONDS / 10 / _seconds(plan, native)))
    orders = keys = None
    try:
        while ended < longest and not s["done"]:
            stop = min(ahead, plan.chunk, longest - ended)
            # drawn epoch by epoch, so that the numbers do not depend on how the epochs fall into chunks
            if plan.shuffle:
                orders = np.zeros((plan.chunk, size), np.int64)
            if any(plan.net.dropout):
                keys = np.zeros((plan.chunk, plan.batches), np.uint32)
            for i in range(stop):
                if orders is not None:
                    orders[i] = rng.permutation(n)[pad]
                if keys is not None:
                    keys[i] = rng.randint(2**32, size=plan.batches, dtype=np.uint32)
            s |= {"k": np.int64(0), "log": {name: np.zeros(plan.chunk) for name in columns}}
            begun = time.perf_counter()
            args = (s, np.int64(stop), (X, Y, w, live), orders, keys, held, numbers)
            s = program(plan, lambda: epochs(plan), args, native=native)(*args)
            took, count = time.perf_counter() - begun, int(s["k"])
            for name, column in s["log"].items():
                log[name].append(column[:count])
            ended += count
            if told is not None:
                told(ended, {name: column[:count] for name, column in s["log"].items()})
            if took < CHUNK_SECONDS / 2:
                ahead *= 2
    except KeyboardInterrupt:
        warnings.warn(f"training was interrupted: the state after {ended} epochs is kept", stacklevel=3)
        interrupted = True
    columns_ = {name: np.concatenate(parts) if parts else np.zeros(0) for name, parts in log.items()}
    best = s.get("best_theta")
    seen = state.seen + ended * n
    return State(s["theta"], s["slots"], columns_, ended, seen, best, interrupted, bool(s["done"]))


def chunk_of(plan_batches: int, batch: int, longest: int, *, shuffle: bool) -> int:
    """How many epochs a chunk has room for."""
    room = ORDERS // max(plan_batches * batch, 1) if shuffle else LONGEST
    return int(min(max(room, 1), LONGEST, 1 << max(longest - 1, 0).bit_length()))
