"""Newton's method for logistic losses, and what can be proven of where it ends.

One pass over the data gives value, gradient and, if asked for, the Hessian. Many samples: parts of them, then all, lead
close to the minimum in float32; then a Hessian is kept as long as BFGS corrections of it (Nocedal 1980) make good
progress.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import linalg as sl

from .design import EPS, TINY, rounding
from .softmax import Logistic, Pass

LAPACK: Any = sl.lapack  # made at run time: unknown to type checkers
MANY = 20_000  # samples from which parts of them are solved first, in float32


@dataclass
class Trail:
    """What the iterations saw, and how many passes over all data they took."""

    value: list[float] = field(default_factory=list)
    gradient: list[float] = field(default_factory=list)
    passes: int = 0
    converged: bool = False
    curved: Pass | None = None  # the last pass with a Hessian

    def then(self, more: Trail) -> Trail:
        """This search and one that goes on from its end, to a finer goal that need not be met."""
        value, gradient = self.value + more.value[1:], self.gradient + more.gradient[1:]
        return Trail(value, gradient, self.passes + more.passes, self.converged, more.curved or self.curved)


class Inverse:
    """About H⁻¹: the Cholesky factor of a Hessian, corrected by the steps and the changes of the gradient since."""

    def __init__(self, hessian: np.ndarray, objective: Logistic) -> None:
        self.shape = (objective.m, objective.q)
        self.factor = positive(fixed(hessian, objective))
        self.pairs: list[tuple[np.ndarray, np.ndarray, float]] = []

    def __call__(self, g: np.ndarray) -> np.ndarray:
        flat = g.T.ravel().copy()
        taken = []
        for s, y, product in reversed(self.pairs):
            part = (s @ flat) / product
            flat -= part * y
            taken.append(part)
        flat = sl.cho_solve((self.factor, True), flat)
        for (s, y, product), part in zip(self.pairs, reversed(taken), strict=True):
            flat += (part - (y @ flat) / product) * s
        return flat.reshape(self.shape).T

    def learn(self, step: np.ndarray, change: np.ndarray) -> None:
        s, y = step.T.ravel(), change.T.ravel()
        product = float(s @ y)
        if product > EPS * np.linalg.norm(s) * np.linalg.norm(y):
            self.pairs.append((s, y, product))


def fixed(hessian: np.ndarray, objective: Logistic) -> np.ndarray:
    """The Hessian, made definite where the same shift of all classes changes nothing: there the gradient is zero."""
    if objective.m == 1:
        return hessian
    q, out = objective.q, hessian.copy()
    free = np.flatnonzero(objective.penalty[:, 0] == 0)
    amount = max(float(np.trace(hessian)) / len(hessian), np.finfo(np.float64).tiny)
    for k in range(objective.m):
        for l in range(objective.m):
            out[k * q + free, l * q + free] += amount
    return out


def positive(matrix: np.ndarray) -> np.ndarray:
    """A Cholesky factor of the matrix, or of the matrix plus as little of the identity as makes it definite."""
    size = float(np.trace(matrix)) / len(matrix) or 1.0
    shift = 0.0
    while True:
        factor, info = LAPACK.dpotrf(matrix + shift * np.eye(len(matrix)), lower=1, clean=1)
        if info == 0 and np.diagonal(factor).min() ** 2 > 8 * len(matrix) * EPS * (size if shift else 0.0):
            return factor
        shift = max(100 * shift, 1e-12 * size)


def conjugate(product: Callable[[np.ndarray], np.ndarray], g: np.ndarray, scale: np.ndarray, accuracy: float) -> Any:
    """An approximate solution of H d = g by conjugate gradients, preconditioned by a diagonal (Steihaug 1983)."""
    d, r = np.zeros_like(g), g.copy()
    z = r / scale
    along, rz = z.copy(), float(np.sum(r * z))
    goal = accuracy**2 * rz
    for _ in range(250):
        image = product(along)
        curvature = float(np.sum(along * image))
        if curvature <= 0:
            break
        t = rz / curvature
        d += t * along
        r -= t * image
        z = r / scale
        after = float(np.sum(r * z))
        if after <= goal:
            break
        along = z + (after / rz) * along
        rz = after
    return d if d.any() else g / scale


def minimize(
    objective: Logistic, v: np.ndarray, goal: float, most: int, *,
    small: float = 1e-8, single: Logistic | None = None, rng: Any = None,
) -> tuple[Pass, Trail]:  # fmt: skip
    """From v to objective.size(gradient) <= goal, or to what rounding allows, in at most `most` iterations.

    The squared Newton decrement must be at most `small` times the value as well: units do not decide when to end.
    Without a penalty it ends too where every sample's own class has more than half. With the objective in float32,
    `single`, and a generator: from where these lead first.
    """
    size = objective.q * objective.m
    explicit = objective.explicit
    cheap = not explicit or size <= 8 or objective.n * size * size < 4e6
    inverse, trail = None, Trail()
    if single is not None:
        v, inverse = rough(single, v, rng)
    now = objective.at(v, hessian=explicit and inverse is None)
    trail.passes += 1
    scale = objective.diagonal() if not explicit else np.zeros(0)
    first = float(np.linalg.norm(now.gradient)) or 1.0
    for step in range(most + 1):
        trail.curved = now if now.hessian is not None else trail.curved
        largest = objective.size(now.gradient)
        trail.value.append(now.value)
        trail.gradient.append(largest)
        if not math.isfinite(now.value) or (objective.l2 == 0 and now.value < objective.certain):
            break
        if now.hessian is not None:
            inverse = Inverse(now.hessian, objective)
        d = None if inverse is None else -inverse(now.gradient)
        if largest <= goal and (d is None or -float(np.sum(now.gradient * d)) <= small * now.value):
            trail.converged = True
            break
        if step == most:
            break
        if d is None:
            accuracy = min(0.1, math.sqrt(float(np.linalg.norm(now.gradient)) / first))
            d = -conjugate(objective.product(now.v), now.gradient, scale, accuracy)
        # a new Hessian where the last step shows that the old one has served its time
        slow = len(trail.gradient) > 1 and largest > 0.1 * trail.gradient[-2]
        after = search(objective, now, d, hessian=explicit and (cheap or slow), trail=trail)
        if after is None:
            if inverse is not None and now.hessian is None:  # try again with what the Hessian is here
                now = objective.at(now.v, hessian=True)
                trail.passes += 1
                continue
            break
        if inverse is not None:
            inverse.learn(after.v - now.v, after.gradient - now.gradient)
        now = after
    return now, trail


def search(objective: Logistic, now: Pass, d: np.ndarray, *, hessian: bool, trail: Trail) -> Pass | None:
    """The first of t = 1, ... that lowers the value enough (Armijo); where values drown in rounding, the gradient."""
    slope = float(np.sum(now.gradient * d))
    if not slope < 0:
        return None
    noise = 16 * objective.eps * abs(now.value) + 1e-300
    t = 1.0
    for _ in range(40):
        after = objective.at(now.v + t * d, hessian=hessian and t == 1.0)
        trail.passes += 1
        if after.value <= now.value + 1e-4 * t * slope:
            return after
        if -t * slope <= 1e4 * noise:
            smaller = objective.size(after.gradient) < 0.9 * objective.size(now.gradient)
            return after if smaller and after.value <= now.value + noise else None
        bend = after.value - now.value - t * slope
        best = -slope * t * t / (2 * bend) if math.isfinite(bend) else 0.0
        t = min(max(best, 0.1 * t), 0.5 * t)
    return None


def rough(whole: Logistic, v: np.ndarray, rng: Any) -> tuple[np.ndarray, Inverse | None]:
    """A point close to the minimum and about H⁻¹ there, in float32: from 2 % of the samples, 10 %, and all.

    What it gets wrong costs passes later on, and nothing else. From v, which stands where a part is no help.
    """
    start, inverse, size, total = v, None, whole.q * whole.m, float(whole.c.sum(dtype=np.float64))
    for share in (50, 10):
        count = max(whole.n // share, 40 * size)
        part = whole.rows(np.sort(rng.choice(whole.n, count, replace=False)))
        now = part.at(v, hessian=True)
        noise = 0.25 * size * total / count
        for _ in range(12):
            inverse = Inverse(now.hessian, part) if now.hessian is not None else inverse
            d = -inverse(now.gradient) if inverse is not None else -now.gradient
            # less than what the samples left out will change; the step still to go squares what is left
            if -float(np.sum(now.gradient * d)) <= noise:
                v = now.v + d
                break
            after = search(part, now, d, hessian=True, trail=Trail())
            if after is None:
                break
            now = after if after.hessian is not None else part.at(after.v, hessian=True)
        else:
            return start, None
    now = whole.at(v, hessian=inverse is None)
    if not math.isfinite(now.value):
        return start, None
    for _ in range(5):
        inverse = inverse if now.hessian is None else Inverse(now.hessian, whole)
        if inverse is None:
            return now.v, None
        d = -inverse(now.gradient)
        near = -float(np.sum(now.gradient * d)) <= 3e-5 * total
        if near and now.hessian is not None:
            return now.v + d, inverse
        after = search(whole, now, d, hessian=near, trail=Trail())
        if after is None:
            break
        inverse.learn(after.v - now.v, after.gradient - now.gradient)
        now = after
    return now.v, None


# -- what is proven -------------------------------------------------------------------------------------------------


def gap_by_duality(objective: Logistic, now: Pass, largest: np.ndarray) -> float:
    """A bound of F(v) - min F, for l2 > 0, from a dual feasible point; rounding included.

    The dual variables are c (p - y) at v, with p corrected by (diag p - p p') delta so that they sum to zero where
    there is an intercept. Fenchel's equality at v leaves |gradient|²/(2 l2), and the correction s'M⁺s for what the
    intercepts' gradient s is off, M the Hessian in the intercepts (a chi² bound of Kullback-Leibler divergences).
    """
    if not objective.l2 > 0:
        return math.inf
    p, total = objective.p, float(objective.c.sum())
    n = objective.n
    size = np.abs(now.v)
    hidden = rounding(2 * n + 64) * total * largest[:, None] + 4 * EPS * objective.penalty * size
    g = np.abs(now.gradient) + hidden
    shift, extra = np.zeros(objective.m), 0.0
    if objective.intercept:
        s = now.gradient[p]
        mean = np.diagonal(now.spread).mean()
        spread = now.spread + (mean if objective.m > 1 else 0.0)  # definite: s sums to zero, as do the rows of M
        if not (mean > 0 and np.isfinite(spread).all() and np.linalg.cond(spread) < 1e10):
            return math.inf
        delta = np.linalg.solve(spread, s)
        reach = 2 * (float(np.ptp(delta)) if objective.m > 1 else abs(float(delta[0])))
        reach += float((hidden[p] / np.linalg.eigvalsh(spread).min()).max()) * math.sqrt(objective.m)
        if not reach <= 1:
            return math.inf
        shift = 1.1 * reach * np.diagonal(now.spread)
        extra = 2 * float(np.sum(g[p])) * reach
    norm = float(np.linalg.norm(g[:p] + largest[:p, None] * shift))
    return norm * norm / (2 * objective.l2) + extra + 16 * EPS * total


def doubt(objective: Logistic, now: Pass, largest: np.ndarray) -> float:
    """How far now.value may be off the objective at now.v, by rounding and by that of the weights.

    A loss falls to exp(-u) of itself at most, and changes by at most 2 u (1 - p) <= 2 u min(1, loss), e^u times that
    included, where no margin moves by more than u; the logarithms are of numbers from 1 on, some in products of 16.
    """
    total, n, m = float(objective.c.sum()), objective.n, objective.m
    loss = now.value * (1 + 1e-6)
    u = rounding(objective.p + 16) * float((largest @ np.abs(now.v)).max())
    moved = 2 * u * (min(total, loss * math.exp(u)) if u < 1 else total)
    logs = 8 * EPS * min(total, 1e3 * loss) if m == 1 else 8 * (m + 8) * EPS * total
    sums = rounding(min(objective.step, n) + n // objective.step + objective.q * m + 64) * loss
    return (1 + 1e-6) * (moved + logs + sums) + TINY


def gap_by_curvature(objective: Logistic, now: Pass, near: Pass | None, largest: np.ndarray) -> float:
    """A bound of F(v) - min F, which shows too that there is a minimum; works without a penalty.

    It needs a Hessian, here or `near` (else the bound is inf).

    Where no margin moves by more than u, the Hessian falls to exp(-u) of itself at most (exp(-sqrt 6 |u|) with more
    than two classes). If r is the furthest that a step of length 1 in the Hessian's norm moves a margin, and lambda
    that norm of the Newton step: lambda r <= 1/2 implies that F attains its minimum and F(v) - min F <= lambda²
    (Bach 2010; Tran-Dinh, Li, Cevher 2015).
    """
    if near is None or near.hessian is None or not np.isfinite(now.gradient).all():
        return math.inf
    m, total, size = objective.m, float(objective.c.sum()), len(near.hessian)
    scale = np.tile(np.where(largest > 0, largest, 1.0), m)
    off = rounding(2 * objective.n + 64)
    h = fixed(near.hessian, objective) / np.multiply.outer(scale, scale)
    h[np.diag_indices(size)] -= size * off * (total + float(np.trace(h)) / size)
    nothing = np.flatnonzero(np.tile(largest == 0, m))
    h[nothing, nothing] += total  # nothing depends on the coefficient of a column of zeros
    factor, info = LAPACK.dpotrf(h, lower=1, clean=1)
    if info:
        return math.inf
    root = sl.solve_triangular(factor, np.eye(size), lower=True)
    inverse = root.T @ root
    q = objective.q
    squares = sum(float(np.abs(inverse[k * q : (k + 1) * q, k * q : (k + 1) * q]).sum()) for k in range(m))
    reach = math.sqrt(squares) * (1.0 if m == 1 else math.sqrt(6.0))
    step = (now.v - near.v).T.ravel() * scale
    moved = reach * math.sqrt(max(float(step @ (h @ step)), 0.0)) * (1 + 1e-6)
    if not moved < 20:
        return math.inf
    hidden = off * total + 4 * EPS * float(np.abs(objective.penalty * now.v).max())
    newton = float(np.linalg.norm(root @ (now.gradient.T.ravel() / scale)))
    newton += hidden * float(np.linalg.norm(root)) * math.sqrt(size)
    inflated = math.exp(moved / 2)  # H(v) is at least exp(-moved) of the Hessian near by
    newton, reach = newton * inflated, reach * inflated
    return newton * newton if newton * reach <= 0.5 else math.inf
