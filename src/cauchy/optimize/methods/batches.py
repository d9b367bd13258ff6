"""Stochastic and mini-batch descent: one compiled epoch over rows of data in an order of its own seed.

The loss is a mean over rows. Every epoch visits each row once, in a fresh permutation; a last, smaller batch counts by
its size, so that the gradients of an epoch average to the full one. References: Robbins & Monro (1951); Bottou (2012).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...calculus import compile as compiled
from ...calculus import differentiate
from ...calculus.control import scan
from ...errors import DomainError, ShapeError
from ...tracer import call
from ..problem import Problem
from ..status import Status
from .descent import small
from .drive import Seen, Watcher

Function = Callable[..., Any]


class Epochs:
    """Descent by a rule of `descent.RULES` over batches of `size` rows; compiled at the first epoch."""

    def __init__(self, p: Problem, rule: Function, kind: Function, size: Any) -> None:
        self.problem, self.size = p, size
        arrays = [a for a in p.args if isinstance(a, np.ndarray) and a.ndim]
        if not arrays:
            raise ShapeError("batch_size without data", fix="minimize(loss, w0, args=(X, y), batch_size=32)")
        self.rows = len(arrays[0])
        if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or not 1 <= size <= self.rows:
            raise DomainError(f"batch_size={size!r}; wanted a whole number from 1 to {self.rows}, the rows of the data")
        self.whole, self.rest = divmod(self.rows, int(size))
        split = [isinstance(a, np.ndarray) and a.ndim > 0 and len(a) == self.rows for a in p.args]

        def update(carry: Any, rows: Any, weight: float, settings: Any, data: Any) -> Any:
            x, m, v, k, total = carry
            part = [a[rows] if s else a for a, s in zip(data, split, strict=True)]
            f, g = differentiate.value_and_grad(lambda w: call(p.user, (p.wrap(w), *part), {}))(x)
            d, m, v = rule(weight * g, m, v, k, settings)
            return x + d, m, v, k + 1, total + weight * f

        def epoch(x: Any, m: Any, v: Any, k: Any, order: Any, data: Any, *numbers: Any) -> Any:
            settings = kind(*numbers)
            full = self.whole * int(size)
            batches = np.reshape(order[:full], (self.whole, int(size)))
            carry = (x, m, v, k, 0.0)
            carry, _ = scan(lambda c, rows: (update(c, rows, 1.0, settings, data), None), carry, batches)
            if self.rest:
                carry = update(carry, order[full:], self.rest / size, settings, data)
            return carry

        self._epoch = compiled.compile(epoch)

    def run(
        self, x0: np.ndarray, settings: Any, epochs: int, seed: Any, watcher: Watcher | None
    ) -> tuple[Seen, Status]:
        """The parameters after so many epochs; their loss and gradient over all the data."""
        draw = np.random.default_rng(seed)
        x, m, v, k, done, reason = x0, np.zeros_like(x0), np.zeros_like(x0), 0, 0, Status.LIMIT
        f, g = self.problem.value_and_gradient(x)
        seen = Seen(x, f, g, 0, 0, 0)
        try:
            while done < epochs and not (watcher and watcher.each and watcher.see(seen)):
                order = draw.permutation(self.rows)
                x, m, v, k, total = self._epoch(x, m, v, k, order, self.problem.args, *settings)
                done += 1
                mean = total / (self.whole + self.rest / self.size)
                seen = Seen(x, mean, None, done, int(k), 0)
                if watcher is not None:
                    watcher.tick(seen, float(epochs))
                if not (np.isfinite(mean) and np.all(np.isfinite(x))):
                    return seen, Status.DIVERGED
            reason = Status.LIMIT if done == epochs else Status.STOPPED
        except KeyboardInterrupt:
            reason = Status.INTERRUPTED
        f, g = self.problem.value_and_gradient(x)
        seen = Seen(x, f, g, done, int(k), 0)
        if watcher is not None and watcher.each and done == epochs:
            watcher.see(seen)
        return seen, Status.CONVERGED if small(f, g, x, settings.tol) else reason
