"""Training on all data at once, by L-BFGS or BFGS: the steps of `cauchy.optimize` around the network's objective."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ...calculus.control import loop
from ...calculus.differentiate import value_and_grad
from ...optimize.methods.linesearch import WOLFE
from ...optimize.methods.quasi_newton import DIRECTIONS, Settings, searching
from ...optimize.status import Status
from ...tracer.tree import leaves, rebuild
from .program import program
from .training import CHUNK_SECONDS, Plan, State, objective

METHODS = {"lbfgs": "l-bfgs", "bfgs": "bfgs"}


def _machine(plan: Plan, X: Any, Y: Any, w: Any, h: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """(start, step) of the method; the objective is evaluated once in each step."""
    both = value_and_grad(objective(plan))
    return searching(lambda theta: both(theta, X, Y, w, None, h), DIRECTIONS[METHODS[plan.rule]], WOLFE)


def _rounds(plan: Plan) -> Callable[..., Any]:
    """The loop: `(state, stop, X, Y, w, h) -> state`, to iteration `stop[0]` or evaluation `stop[1]`."""

    def run(parts: Any, stop: Any, X: Any, Y: Any, w: Any, h: Any) -> Any:
        start, step = _machine(plan, X, Y, w, h)
        settings = Settings(tol=h["tol"])
        s, began = rebuild(start(parts[0], settings), iter(parts)), parts[3]

        def body(_: Any, carry: Any) -> Any:
            s, log = carry
            s = step(s, settings)
            return s, np.where(np.arange(plan.chunk) == s.k - began - 1, s.f, log)

        going = lambda c: (c[0].status == Status.RUNNING) & (c[0].k < stop[0]) & (c[0].evals < stop[1])
        s, log = loop(body, (s, np.zeros(plan.chunk)), while_=going)
        return tuple(x for _, x in leaves(s)), log

    return run


def minimize(
    plan: Plan,
    theta: np.ndarray,
    data: tuple[Any, Any, Any],
    h: dict[str, float],
    *,
    longest: int,
    evaluations: int,
    native: bool,
    told: Callable[[int, dict[str, np.ndarray]], None] | None = None,
) -> tuple[State, Status]:
    """Up to `longest` steps and `evaluations` of the objective, from `theta`; in float64 whatever the data are."""
    numbers = {name: np.float64(value) for name, value in h.items()}
    start, _ = _machine(plan, *data, numbers)
    state = start(theta.astype(np.float64), Settings(tol=h["tol"]))
    parts = tuple(np.asarray(x, np.float64 if np.asarray(x).dtype.kind == "f" else np.int64) for _, x in leaves(state))
    losses: list[np.ndarray] = []
    status, k, ahead = Status.RUNNING, -1, 1
    try:
        while status is Status.RUNNING and k < longest and parts[4] < evaluations:
            stop = (np.int64(min(k + min(ahead, plan.chunk), longest)), np.int64(evaluations))
            begun = time.perf_counter()
            args = (parts, stop, *data, numbers)
            parts, log = program(plan, lambda: _rounds(plan), args, native=native)(*args)
            took, count = time.perf_counter() - begun, int(parts[3]) - k
            losses.append(log[:count])
            k, status = k + count, Status(int(parts[5]))
            if told is not None:
                told(k, {"loss": log[:count]})
            if took < CHUNK_SECONDS / 2:
                ahead *= 2
    except KeyboardInterrupt:
        warnings.warn(f"training was interrupted: the state after {max(k, 0)} steps is kept", stacklevel=3)
        status = Status.INTERRUPTED
    if status is Status.RUNNING:
        status = Status.LIMIT
    log = np.concatenate(losses) if losses else np.zeros(0)
    return State(parts[0].astype(theta.dtype), (), {"loss": log}, max(k, 0)), status
