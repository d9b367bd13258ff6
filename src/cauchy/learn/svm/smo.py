"""The dual of a kernel machine by decomposition: a few hundred points at a time, their pairs in a native loop.

In beta_i = a_i y_i the dual is  max sum_i y_i beta_i - beta' K beta / 2  with  sum_i beta_i = 0, low <= beta <= high
(low = min(0, c y), high = max(0, c y)), and its slope is v = y - K beta. At the optimum v_i <= b where beta_i may
still grow and v_i >= b where it may still fall; b is the intercept.

References: Joachims (1999), "Making large-scale SVM learning practical" (decomposition); Fan, Chen, Lin (2005),
"Working set selection using second order information" (the pair); Wen et al. (2018), "ThunderSVM" (blocks and reuse).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.linalg import LinAlgError, cho_solve, cholesky

from ...calculus.compile import compile
from ...calculus.control import loop
from .kernels import Kernel

SIZE = 512
TINY = 1e-12  # the least curvature of a pair, for kernels that are not positive definite
HUGE = 1e30  # multipliers beyond which there is no end to them
STALL = 100  # rounds in a row that may gain nothing
NEWTON = 1500  # the most free multipliers that are solved for at once


class Unbounded(ArithmeticError):
    """The multipliers grow without end."""


def pairs(
    K: Any, diagonal: Any, beta: Any, v: Any, low: Any, high: Any, eps: Any, most: Any
) -> tuple[Any, Any, Any, Any]:
    """Maximal violating pairs of second order until the violation is at most eps, or `most` of them have been done.

    Plain NumPy. Returns beta, v, the violation max v(may grow) - min v(may fall), and the number of pairs.
    """
    index = np.arange(SIZE)

    def pair(_: Any, state: Any) -> Any:
        beta, v, _, count = state
        growing = np.where(beta < high, v, -np.inf)
        top = growing.max()
        i = np.minimum(np.where(growing == top, index, SIZE).min(), SIZE - 1)
        falling = np.where(beta > low, v, np.inf)
        violation = top - falling.min()
        rise = top - falling
        Ki = K[i]
        bend = np.maximum(diagonal + diagonal[i] - 2 * Ki, TINY)
        gain = np.where(rise > 0, rise * rise / bend, -1.0)
        j = np.where(gain == gain.max(), index, SIZE).min()
        j = np.minimum(j, SIZE - 1)
        step = np.minimum(np.minimum(high[i] - beta[i], beta[j] - low[j]), (top - v[j]) / bend[j])
        step = np.where(violation > eps, step, 0.0)
        beta = beta + np.where(index == i, step, 0.0) - np.where(index == j, step, 0.0)
        return beta, v - step * (Ki - K[j]), violation, count + 1

    start = beta, v, 2 * eps + 1.0, 0
    return loop(pair, start, while_=lambda state: (state[2] > eps) & (state[2] < HUGE) & (state[3] < most))


@functools.cache
def compiled_pairs() -> Callable[..., Any]:
    return compile(pairs)


class Rows:
    """Rows of the Gram matrix in single precision, the latest used of them kept within `megabytes`."""

    def __init__(self, kernel: Kernel, X: Any, megabytes: float) -> None:
        n = X.shape[0]
        self.kernel, self.X = kernel, X
        if kernel.name != "precomputed":
            self.left, self.right = kernel.features(X, np.float32)
        self.places = int(min(n, max(megabytes * 1e6 / (4 * n), 2 * SIZE)))
        self.kept = np.empty((self.places, n), np.float32)
        self.place = np.full(n, -1)
        self.owner = np.full(self.places, -1)
        self.used = np.zeros(self.places, int)
        self.clock = 0

    def fetch(self, points: np.ndarray) -> np.ndarray:
        """Where in `kept` the rows of these points stand; at most 2 SIZE of them."""
        self.clock += 1
        here = self.place[points]
        self.used[here[here >= 0]] = self.clock
        new = points[here < 0]
        if len(new):
            free = np.argpartition(self.used, len(new) - 1)[: len(new)] if len(new) < self.places else slice(None)
            places = np.arange(self.places)[free]
            gone = self.owner[places]
            self.place[gone[gone >= 0]] = -1
            if self.kernel.name == "precomputed":
                self.kept[places] = self.X[new]
            else:
                self.kept[places] = self.kernel.block(self.left[new], self.right)
            self.place[new], self.owner[places], self.used[places] = places, new, self.clock
        return self.place[points]


def ascend(
    kernel: Kernel, X: Any, y: np.ndarray, low: np.ndarray, high: np.ndarray, beta: np.ndarray, v: np.ndarray,
    rows: Rows, enough: Callable[[np.ndarray, np.ndarray, float], bool], most: int,
) -> tuple[np.ndarray, np.ndarray, int, list[tuple[float, float]]]:  # fmt: skip
    """From a feasible beta with slope v upwards, until `enough(beta, v, b)` or no pair violates by more than rounding,
    or nothing has been gained for long.

    Returns beta, v, the number of pairs and, for each round, (dual value, violation). v drifts by the single precision
    of the rows; the caller computes it anew.
    """
    beta, v = beta.copy(), v.copy()
    diagonal = kernel.diagonal(X)
    members = np.zeros(0, int)
    total, history = 0, []
    highest, least, stalled = -np.inf, np.inf, 0
    while total < most:
        grow, fall = beta < high, beta > low
        top, bottom = v[grow].max(), v[fall].min()
        b, violation = (top + bottom) / 2, top - bottom
        history.append((float(y @ beta - beta @ (y - v) / 2), float(violation)))
        scale = float(np.abs(v).max()) + 1.0
        if enough(beta, v, b) or violation <= 1e-12 * scale or not np.isfinite(scale):
            break
        # rounding, or a kernel that is not what it should be, can keep pairs moving with nothing gained
        value = history[-1][0]
        gained = value > highest + 1e-12 * abs(highest) or violation < 0.99 * least
        highest, least, stalled = max(highest, value), min(least, violation), 0 if gained else stalled + 1
        if stalled > STALL:
            break
        members = _working_set(members, beta, v, low, high, b)
        places = rows.fetch(members)
        K = np.zeros((SIZE, SIZE))
        for r, place in enumerate(places):
            K[r, : len(members)] = rows.kept[place].take(members)
        eps = max(0.1 * violation, 1e-13 * scale)
        vectors = [_padded(x, members) for x in (diagonal, beta, v, low, high)]
        arguments = K, *vectors, eps, 100 * SIZE
        found, _, _, count = compiled_pairs()(*arguments)
        total += int(count)
        if np.isinf(high).any() and not np.abs(found).max() < HUGE:
            raise Unbounded
        _move(beta, v, members, places, np.asarray(found)[: len(members)] - beta[members], rows)
        free = np.flatnonzero((beta > low) & (beta < high))
        if violation < 1e-3 and 1 < len(free) <= min(NEWTON, rows.places // 2):
            _newton(beta, v, low, high, free, rows)
    return beta, v, total, history


def _padded(x: np.ndarray, members: np.ndarray) -> np.ndarray:
    """The entries of these points, and zeros; a point with low = high = 0 takes no part."""
    return np.concatenate([x[members], np.zeros(SIZE - len(members))])


def _working_set(
    old: np.ndarray, beta: np.ndarray, v: np.ndarray, low: np.ndarray, high: np.ndarray, b: float
) -> np.ndarray:
    """Half of it old (free ones first), half the points that violate most, as many from above as from below."""
    n = len(v)
    if n <= SIZE:
        return np.arange(n)
    fresh = SIZE // 2 if len(old) else SIZE
    free = (beta[old] > low[old]) & (beta[old] < high[old])
    keep = np.concatenate([old[free][::-1], old[~free][::-1]])[: SIZE - fresh]
    taken = np.zeros(n, bool)
    taken[keep] = True
    chosen = [keep]
    for score in (np.where(beta < high, v - b, -np.inf), np.where(beta > low, b - v, -np.inf)):
        score[taken] = -np.inf
        best = np.argpartition(score, n - fresh // 2)[n - fresh // 2 :]
        best = best[score[best] > 0]
        taken[best] = True
        chosen.append(best)
    members = np.concatenate(chosen)
    if len(members) < SIZE:  # the rest: whatever lies nearest to the margin
        distance = np.where(taken, np.inf, np.abs(v - b))
        members = np.concatenate([members, np.argpartition(distance, SIZE - len(members))[: SIZE - len(members)]])
    return members


def _move(
    beta: np.ndarray, v: np.ndarray, points: np.ndarray, places: np.ndarray, change: np.ndarray, rows: Rows
) -> None:
    moved = np.flatnonzero(change)
    beta[points[moved]] += change[moved]
    for k in range(0, len(moved), 64):
        part = moved[k : k + 64]
        v -= change[part].astype(np.float32) @ rows.kept[places[part]]


def _newton(beta: np.ndarray, v: np.ndarray, low: np.ndarray, high: np.ndarray, free: np.ndarray, rows: Rows) -> None:
    """The maximum over all free multipliers at once, or as far towards it as the box allows."""
    m = len(free)
    places = rows.fetch(free)
    K = np.empty((m, m))
    for r, place in enumerate(places):
        K[r] = rows.kept[place].take(free)
    K[np.arange(m), np.arange(m)] *= 1 + 1e-6  # more than single precision takes away
    try:
        factor = cholesky(K, lower=True, overwrite_a=True, check_finite=False)
    except LinAlgError:
        return
    solved = cho_solve((factor, True), np.column_stack([v[free], np.ones(m)]), check_finite=False)
    change = solved[:, 0] - solved[:, 1] * (solved[:, 0].sum() / solved[:, 1].sum())
    if not np.isfinite(change).all():
        return
    change -= change.mean()
    room = np.where(change > 0, high[free] - beta[free], low[free] - beta[free])
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(change != 0, room / change, np.inf)
    step = min(1.0, float(ratio.min()))
    _move(beta, v, free, places, step * change, rows)
    beta[free] = np.clip(beta[free], low[free], high[free])
    if step < 1.0:
        hit = free[ratio <= step]
        beta[hit] = np.where(change[ratio <= step] > 0, high[hit], low[hit])
