"""The loop around every method: compiled, in chunks that leave room for Ctrl-C, callbacks, a trace and a progress line.

A method is two plain NumPy functions over a `NamedTuple` of arrays: `start(x0, settings)` and `step(state, settings)`.
Every round evaluates the objective once. The whole loop `while status == RUNNING: state = step(state)` is traced with
the user's function inside and runs as machine code; functions that do not trace but come with derivatives
run through the same step, round by round in Python. Between chunks a state is the flat tuple of its leaves, which
calls of machine code take and give without Python; every state begins with the fields of `Seen`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...calculus import compile as compiled
from ...calculus.control import cond, loop
from ...errors import TraceError
from ...tracer import is_traced
from ...tracer.tree import leaves, rebuild
from ..status import Status

Function = Callable[..., Any]
CHUNK = 0.05  # seconds between two looks at Ctrl-C
RUNNING = int(Status.RUNNING)  # NumPy compares with plain integers ten times as fast
ROUNDS = 1000  # of the first chunk: whatever ends within it is one call of machine code


class Seen(NamedTuple):
    """What every state begins with: the iterate, f and its gradient there, iterations (-1 before f(x0) is known)."""

    x: Any
    f: Any
    g: Any
    k: Any
    evals: Any
    status: Any


def rolled(step: Function, state: Any, settings: Any, rounds: Any, until: Any) -> Any:
    """The state after at most `rounds` more rounds and up to iteration `until`, as a loop to be compiled."""

    def body(_: Any, carry: Any) -> Any:
        return step(carry[0], settings), carry[1] - 1.0

    def going(carry: Any) -> Any:
        s, left = carry
        return (s.status == RUNNING) & (left > 0) & (s.k < until)

    return loop(body, (state, rounds), while_=going)[0]


def unrolled(step: Function, state: Any, settings: Any, rounds: float, until: float) -> Any:
    """The same, round by round in Python, for functions that do not trace."""
    while rounds > 0 and state.status == RUNNING and state.k < until:
        state = step(state, settings)
        rounds -= 1
    return state


def branch(pred: Any, on_true: Function, on_false: Function, state: Any) -> Any:
    """`cond`; where nothing is traced the branch is run at once, without the copies that keep a trace apart."""
    if is_traced(pred):
        return cond(pred, on_true, on_false, state)
    return on_true(state) if pred else on_false(state)


def repeat(body: Function, state: Any, going: Function, traced: bool) -> Any:
    """`loop` while `going(state)`, likewise; `traced`: whether what the body sees is."""
    if traced:
        return loop(body, state, while_=going)
    k = 0
    while going(state):
        state, k = body(k, state), k + 1
    return state


class Loop:
    """A method's loop over one problem, compiled at the first run and kept from then on.

    `kind` is the NamedTuple of numbers that are the settings.
    """

    def __init__(self, start: Function, step: Function, kind: Function, by_hand: bool) -> None:
        self.start, self.step, self.kind, self.by_hand = start, step, kind, by_hand

        def run(state: Any, settings: Any, rounds: Any, until: Any) -> Any:
            return tuple(x for _, x in leaves(rolled(step, state, settings, rounds, until)))

        def first(x0: Any, rounds: Any, until: Any, *numbers: Any) -> Any:
            settings = kind(*numbers)
            with np.errstate(all="ignore"):  # of the values that the trace computes with
                return run(start(x0, settings), settings, rounds, until)

        def more(parts: Any, rounds: Any, until: Any, *numbers: Any) -> Any:
            settings = kind(*numbers)
            with np.errstate(all="ignore"):
                return run(rebuild(start(parts[0], settings), iter(parts)), settings, rounds, until)

        self._first, self._more = compiled.compile(first), compiled.compile(more)

    def first(self, x0: np.ndarray, settings: Any, rounds: float, until: float) -> tuple[Any, ...]:
        """The state after at most `rounds` rounds and `until` iterations from x0."""
        try:
            return self._first(x0, rounds, until, *settings)
        except TraceError:
            if not self.by_hand:
                raise
            return self._plainly(self.start(x0, settings), settings, rounds, until)

    def more(self, parts: tuple[Any, ...], settings: Any, rounds: float, until: float) -> tuple[Any, ...]:
        """As many more."""
        try:
            return self._more(parts, rounds, until, *settings)
        except TraceError:
            if not self.by_hand:
                raise
            return self._plainly(rebuild(self.start(parts[0], settings), iter(parts)), settings, rounds, until)

    def _plainly(self, state: Any, settings: Any, rounds: float, until: float) -> tuple[Any, ...]:
        with np.errstate(all="ignore"):
            state = unrolled(self.step, state, settings, rounds, until)
        return tuple(x for _, x in leaves(state))


class Watcher:
    """What looks on between iterations: callback, trace, progress. `None` of them costs nothing."""

    def __init__(self, callback: Function | None, trace: bool, progress: bool) -> None:
        self.callback, self.progress = callback, progress
        self.points: list[np.ndarray] | None = [] if trace else None
        self.values: list[float] = []
        self.each = callback is not None or trace
        self.began = self.shown = time.perf_counter()

    def see(self, state: Any) -> bool:
        """Look at a state; True where the callback asks to stop."""
        if self.points is not None:
            self.points.append(np.array(state.x))
            self.values.append(float(state.f))
        if self.callback is not None:
            try:
                if self.callback(state) is True:
                    return True
            except StopIteration:
                return True
        return False

    def tick(self, state: Any, limit: float, last: bool = False) -> None:
        now = time.perf_counter()
        if self.progress and (last or now - self.shown > 2 * CHUNK):
            self.shown = now
            part = min(1.0, int(state.k) / limit)
            bar = "#" * int(30 * part)
            text = f"\r[{bar:<30}] {int(state.k)} iterations, f = {float(state.f):.6g}, {now - self.began:.1f} s"
            print(text, end="\n" if last else "", file=sys.stderr, flush=True)


def drive(run: Loop, x0: np.ndarray, settings: Any, limit: int, watcher: Watcher | None) -> tuple[Seen, Status]:
    """Run to the end, to `limit` iterations, to Ctrl-C or to the callback's stop: the last whole state, and why."""
    parts: tuple[Any, ...] = ()
    until, rounds = float(limit), float(ROUNDS)
    try:
        if watcher is not None and watcher.each:
            parts, last = run.first(x0, settings, rounds, 0.0), -1
            while (seen := Seen(*parts[:6])).k > last and not watcher.see(seen):
                if seen.status != RUNNING or seen.k >= limit:
                    break
                watcher.tick(seen, until)
                parts, last = _iteration(run, parts, settings), seen.k
        else:
            then = time.perf_counter()
            parts = run.first(x0, settings, rounds, until)
            while parts[5] == RUNNING and parts[3] < limit:
                now = time.perf_counter()
                rounds = max(1.0, min(rounds * 8.0, rounds * CHUNK / max(now - then, 1e-9)))
                if watcher is not None:
                    watcher.tick(Seen(*parts[:6]), until)
                then = time.perf_counter()
                parts = run.more(parts, settings, rounds, until)
    except KeyboardInterrupt:
        if not parts:
            raise
        return Seen(*parts[:6]), Status.INTERRUPTED
    seen = Seen(*parts[:6])
    if watcher is not None:
        watcher.tick(seen, until, last=True)
    if seen.status != RUNNING:
        return seen, Status(int(seen.status))
    return seen, Status.LIMIT if seen.k >= limit else Status.STOPPED


def _iteration(run: Loop, parts: tuple[Any, ...], settings: Any) -> tuple[Any, ...]:
    """To the end of this iteration; a long one is looked at now and then, for Ctrl-C."""
    until = float(parts[3]) + 1.0
    while parts[5] == RUNNING and parts[3] < until:
        parts = run.more(parts, settings, float(ROUNDS), until)
    return parts
