"""min over w of |b - A w|²/2 + l2 |w|²/2 + l1 |w|_1 by active sets, each solved to its end.

On the support, with its signs, the objective F is a quadratic, and its minimum two triangular solves away. A step goes
there, or stops at the sign change that makes F smallest; then the coordinates that violate the optimality conditions
come in. F falls strictly, so no (support, signs) comes twice, and it ends (Osborne, Presnell, Turlach 2000; Lee,
Battle, Raina, Ng 2007). The active columns stay linearly independent: a dependent one comes in by moving along the
null direction, where F is piecewise linear, until another leaves.

Near saturation (as many active columns as samples) such steps are many and short. There the solution is followed as l1
falls: it is piecewise linear in l1, and its kinks are computed (Osborne et al.; Efron, Hastie, Johnstone, Tibshirani
2004). Which way a point was reached does not matter: the optimality conditions are checked, and the gap is stated.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import linalg as sl

from .design import EPS, Design

BLAS: Any = sl.blas  # made at run time: unknown to type checkers
LAPACK: Any = sl.lapack
PATIENCE = 12  # steps before the path is followed
FULL_GRAM = 1000  # features up to which A'A is formed even if there are fewer samples


class Gram:
    """A'A: whole, or by the columns that became active."""

    def __init__(self, problem: Design) -> None:
        n, p = problem.shape
        self.problem = problem
        self.whole = p <= max(n, FULL_GRAM)
        self.where = np.arange(p) if self.whole else np.full(p, -1)
        self.rows = problem.gram() if self.whole else np.empty((0, p))  # symmetric: row = column, and contiguous

    def block(self, some: np.ndarray, others: np.ndarray) -> np.ndarray:
        """(A'A)[some, others]; the columns `some` are formed if need be."""
        new = some[self.where[some] < 0]
        if len(new):
            self.where[new] = len(self.rows) + np.arange(len(new))
            self.rows = np.vstack([self.rows, self.problem.transpose(self.problem.columns(new)).T])
        return self.rows[self.where[some][:, None], others]

    def times(self, active: np.ndarray, w: np.ndarray) -> np.ndarray:
        """A'A w for the w that is `w` on `active`, whose columns are formed, and zero elsewhere."""
        if 4 * len(active) < len(self.rows):
            return w @ self.rows[self.where[active]]
        spread = np.zeros(len(self.rows))
        spread[self.where[active]] = w
        return spread @ self.rows


class Factor:
    """The Cholesky factor of A'A + l2 I on an ordered set of independent columns, which grows and shrinks at its end.

    Upper triangular, packed by columns: a smaller set's factor is a prefix of the larger's.
    """

    def __init__(self, gram: Gram, l2: float) -> None:
        self.gram, self.l2 = gram, l2
        self.order = np.zeros(0, np.int64)
        self.packed = np.empty(128)

    def __len__(self) -> int:
        return len(self.order)

    def half(self, right: np.ndarray, transposed: bool = True) -> np.ndarray:
        """U'^-1 right, or U^-1 right."""
        return BLAS.dtpsv(len(self), self.packed, right, trans=int(transposed)) if len(self) else right

    def solve(self, right: np.ndarray) -> np.ndarray:
        return self.half(self.half(right), transposed=False)

    def curvature(self, d: np.ndarray) -> float:
        """d' (A'A + l2 I) d."""
        half = BLAS.dtpmv(len(self), self.packed, d) if len(self) else d
        return float(half @ half)

    def append(self, new: np.ndarray) -> np.ndarray:
        """Take the columns in that are independent of those there; returns which were not."""
        k, m = len(self), len(new)
        if not m:
            return new
        corner = self.gram.block(new, new)
        corner[np.arange(m), np.arange(m)] += self.l2
        size = np.diagonal(corner).copy()
        cross = np.array([self.half(row) for row in self.gram.block(new, self.order)])
        corner -= cross @ cross.T
        root, info = LAPACK.dpotrf(corner, lower=1, clean=1)
        if info or (np.diagonal(root) ** 2 <= 64 * (k + m) * EPS * size).any():
            if m == 1:
                return new
            middle = m // 2  # halves, until those that fail stand alone
            return np.concatenate([self.append(new[:middle]), self.append(new[middle:])])
        end = (k + m) * (k + m + 1) // 2
        if end > len(self.packed):
            self.packed = np.concatenate([self.packed, np.empty(2 * end)])
        for j in range(m):
            begin = (k + j) * (k + j + 1) // 2
            self.packed[begin : begin + k] = cross[j]
            self.packed[begin + k : begin + k + j + 1] = root[j, : j + 1]
        self.order = np.concatenate([self.order, new])
        return new[:0]

    def drop(self, gone: np.ndarray) -> np.ndarray:
        """Take out the positions where the mask `gone` is True; what stands before the first of them stays as it is.

        Returns columns that turned out to be dependent, which are out too.
        """
        first = int(np.argmax(gone))
        rest = self.order[first:][~gone[first:]]
        self.order = self.order[:first]
        return self.append(rest)


def best_step(
    start: np.ndarray, d: np.ndarray, slope: float, curvature: float, l1: float, *, last: float, positive: bool
) -> float:
    """The t > 0 among `last` and the sign changes before it that makes F smallest on start + t d; 0 if none lowers F.

    F(t) - F(0) = t slope + t² curvature / 2 + l1 (|start + t d|_1 - |start|_1). With `positive` no sign may change.
    """
    with np.errstate(divide="ignore"):
        changes = np.where(start * d < 0, -start / np.where(d == 0, 1.0, d), np.inf)
    first = changes.min(initial=np.inf)
    times = np.array([min(first, last)]) if positive else np.append(changes[changes < last], last)
    times = times[np.isfinite(times)]
    if not len(times):
        return 0.0
    rise = (np.abs(start + np.multiply.outer(times, d)) - np.abs(start)).sum(axis=1)
    fall = times * slope + times**2 * (curvature / 2) + l1 * rise
    best = int(np.argmin(fall))
    return float(times[best]) if fall[best] < 0 else 0.0


class Solver:
    """The minimizer w (p,) for one pair of penalties after the other; c = A'(b - A w) goes with it."""

    def __init__(self, problem: Design, c0: np.ndarray, *, positive: bool, start: np.ndarray | None = None) -> None:
        self.problem, self.c0, self.positive = problem, c0, positive
        self.gram = Gram(problem)
        self.w, self.c = np.zeros(len(c0)), c0
        self.half_square = float(problem.b @ problem.b) / 2
        self.trail: list[tuple[float, int]] = []  # F and the number of active columns, step by step
        self.factor = Factor(self.gram, 0.0)
        self.l1 = np.inf  # the penalty that w is the minimizer for
        self.rate: np.ndarray | None = None  # dc/dl1 on the last stretch of the path
        if start is not None and start.any():
            self._rebuild(start, np.flatnonzero(start), 0.0)
            self.l1 = -np.inf  # none

    def _note(self, l1: float, l2: float) -> None:
        w = self.w[self.factor.order]
        smooth = self.half_square - float(self.w @ (self.c0 + self.c)) / 2 + l2 / 2 * float(w @ w)
        self.trail.append((smooth + l1 * float(np.abs(w).sum()), len(w)))

    def _moved(self) -> None:
        self.c = self.c0 - self.gram.times(self.factor.order, self.w[self.factor.order])

    def minimize(self, l1: float, l2: float, most: int) -> int:
        """Move to the minimum of F; the number of steps. Stops after `most`: the duality gap tells how far off."""
        begin, order, c = (self.l1, self.w.copy()), self.factor.order, self.c
        if l2 != self.factor.l2:
            begin, self.rate = (np.inf, np.zeros_like(self.w)), None
            self._rebuild(self.w, order, l2)
        steps, done = self._descend(l1, l2, min(most, PATIENCE))
        if not done and steps < most and l1 > 0:
            if l2 == 0 and begin[0] >= l1:
                self._rebuild(begin[1], order, l2)
            else:
                begin = (np.inf, np.zeros_like(self.w))
                self._rebuild(begin[1], order[:0], l2)
            steps += self._follow(begin[0], l1, most - steps)
            steps += self._descend(l1, l2, most - steps)[0]
        straight = l2 == self.factor.l2 and l1 < begin[0] < np.inf
        self.rate = (self.c - c) / (l1 - begin[0]) if straight else None
        self.l1 = l1
        return steps

    def _rebuild(self, w: np.ndarray, order: np.ndarray, l2: float) -> None:
        self.w, self.factor = w.copy(), Factor(self.gram, l2)
        self.w[self.factor.append(order)] = 0.0
        self._moved()

    def _follow(self, l1: float, end: float, most: int) -> int:
        """Follow the solution from l1 (inf: from w = 0) down to `end`, kink by kink; the number of kinks."""
        g = self.c - self.factor.l2 * self.w
        if l1 == np.inf:
            l1 = float(np.max(g if self.positive else np.abs(g)))
        left, shut = -1, np.zeros(len(g), bool)
        for step in range(most):
            active = self.factor.order
            w = self.w[active]
            self._note(l1, self.factor.l2)
            signs = np.where(w == 0, np.sign(g[active]), np.sign(w))
            d = self.factor.solve(signs)
            fall = self.gram.times(active, d)
            with np.errstate(divide="ignore", invalid="ignore"):
                leave = np.where(signs * d < 0, -w / d, np.inf)
                up = (l1 - g) / (1.0 - fall)
                down = np.full_like(g, np.inf) if self.positive else (l1 + g) / (1.0 + fall)
            up, down = (np.where((t >= 0) & (t < np.inf), t, np.inf) for t in (up, down))
            for enter in (up, down):
                enter[active] = enter[shut] = np.inf
            if left >= 0:  # it left this bound just now, for the inside
                (up if g[left] > 0 else down)[left] = np.inf
            enter = np.minimum(up, down)
            j = int(np.argmin(enter))
            i = int(np.argmin(leave)) if len(leave) else 0
            first = min(enter[j], leave.min(initial=np.inf))
            t = min(first, l1 - end)
            self.w[active] = w + t * d
            self.c = self.c - t * fall
            l1 -= t
            if t < first:
                self.w[active] = self.factor.solve(self.c0[active] - end * signs)
                self._moved()
                return step
            left = -1
            if enter[j] <= first:
                shut[self.factor.append(np.array([j]))] = True
                g = self.c - self.factor.l2 * self.w
                g[j] = np.copysign(l1, 1.0 if up[j] <= down[j] else -1.0)
            else:
                left = int(active[i])
                self.w[left] = 0.0
                gone = np.zeros(len(active), bool)
                gone[i] = True
                self.w[self.factor.drop(gone)] = 0.0
                shut[:] = False
                self._moved()
                g = self.c - self.factor.l2 * self.w
        return most

    def _descend(self, l1: float, l2: float, most: int) -> tuple[int, bool]:
        """Steps that lower F; their number, and whether they ended where the optimality conditions hold."""
        slack = self.problem.slack(self.w) / 64  # roundings as they come, not at their worst
        shut = np.zeros(len(self.w), bool)  # dependent columns that no step lets in
        for step in range(most):
            g = self.c - l2 * self.w
            active = self.factor.order
            excess = (g if self.positive else np.abs(g)) - l1 - slack
            excess[active] = -1.0
            excess[shut] = -1.0
            new = np.flatnonzero(excess > 0)
            settled = not (np.abs(g[active] - l1 * np.sign(self.w[active])) > slack[active]).any()
            self._note(l1, l2)
            if settled and not len(new):
                return step, True
            if not settled:  # who comes in shows once those there have moved; on a path, before
                new = new[:0]
                if step == 0 and self.rate is not None:
                    ahead = g + self.rate * (l1 - self.l1)
                    ahead[active] = 0.0
                    new = np.flatnonzero((ahead if self.positive else np.abs(ahead)) > l1)
            if self._step(g, new, l1):
                continue
            if not settled:
                return step, False  # nothing but rounding is left of the slope
            # alone, the worst either makes F fall or depends on the columns there
            worst = int(np.argmax(excess))
            if not self._step(g, np.array([worst]), l1) and not self._swap(g, worst, l1):
                shut[worst] = True
        return most, False

    def _step(self, g: np.ndarray, new: np.ndarray, l1: float) -> bool:
        """Towards the minimum on the support and `new`, whose signs are those of g; did F fall?"""
        k = len(self.factor)
        while True:
            self.factor.append(new)
            every = self.factor.order
            start = self.w[every]
            theta = np.sign(np.where(start == 0, g[every], start))
            d = self.factor.solve(self.c0[every] - l1 * theta) - start
            right = d[k:] * theta[k:] > 0
            if right.all():
                break
            new = every[k:][right]  # those that would leave with the wrong sign stay out
            self.factor.order = every[:k]
        t, slope = 1.0, l1 * float(theta @ d) - float(g[every] @ d)
        if (start * (start + d) < 0).any():
            t = best_step(
                start, d, -float(g[every] @ d), self.factor.curvature(d), l1, last=1.0, positive=self.positive
            )
        if t == 0.0 or not slope < 0:  # on one orthant F is a quadratic, and d leads to its minimum
            self.factor.order = every[:k]
            return False
        self._go(every, start, d, t)
        return True

    def _go(self, every: np.ndarray, start: np.ndarray, d: np.ndarray, t: float) -> None:
        moved = start + t * d
        gone = np.zeros(len(every), bool)
        if t != 1.0:
            gone = np.abs(moved) <= 8 * EPS * np.abs(start)
            gone &= start != 0
        moved[gone] = 0.0
        self.w[every] = moved
        if gone.any():
            self.w[self.factor.drop(gone)] = 0.0
        self._moved()

    def _swap(self, g: np.ndarray, j: int, l1: float) -> bool:
        """Let column j, a combination of the active ones, in along the null direction, until one of them leaves."""
        active = self.factor.order
        sign = np.sign(g[j])
        along = -self.factor.solve(self.gram.block(np.array([j]), active)[0]) * sign
        every, d = np.append(active, j), np.append(along, sign)
        start = self.w[every]
        t = best_step(start, d, -float(g[every] @ d), 0.0, l1, last=np.inf, positive=self.positive)
        if t == 0.0:
            return False
        moved = start + t * d
        leaves = int(np.argmin(np.abs(moved[:-1]) / np.maximum(np.abs(start[:-1]), np.finfo(float).tiny)))
        moved[leaves] = 0.0
        self.w[every] = moved
        gone = np.zeros(len(active), bool)
        gone[leaves] = True
        self.w[self.factor.drop(gone)] = 0.0
        self.w[self.factor.append(np.array([j]))] = 0.0
        self._moved()
        return True
