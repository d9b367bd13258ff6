"""Methods that know the second derivatives: Newton's with a line search or bare, and the trust region.

The line search takes H + tau I, positive definite with the smallest tau of a sequence; the trust region solves its
subproblem by Newton's iteration on 1/|p| (Moré & Sorensen, 1983) or, beyond `EXACT` variables, by conjugate gradients
cut off at its edge (Steihaug, 1983). References: Nocedal & Wright (2006), chapters 3, 4; Conn, Gould & Toint (2000).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...calculus.control import cond, loop
from ...calculus.factor import cholesky_or_nan, solve_factored, solve_triangular
from ..status import Status
from .descent import small
from .linesearch import EPS
from .quasi_newton import Direction

Function = Callable[..., Any]
SHIFTS = 40  # factorizations of one step
EXACT = 20  # variables up to which factorizations cost less than the iterations that they save
FORCING = 0.1  # residual of the conjugate gradients, relative to |g|; less where |g| is small, for fast convergence
ACCEPTED = 1e-4  # least ratio of actual to predicted decrease
BARE_GROWTH = 1e150  # an iterate this large has diverged


def definite(H: Any) -> Any:
    """The Cholesky factor of H + tau I with the first tau of 0, s, 4 s, 16 s ... that makes it positive definite.

    NaN where H is not finite.
    """
    scale = np.maximum(np.max(np.abs(H)), 1e-300)

    def body(_: Any, s: Any) -> Any:
        tau, _, count = s
        tau = np.where(tau < 0, 0.0, np.maximum(4.0 * tau, 1e-3 * scale))
        return tau, cholesky_or_nan(H + tau * np.eye(len(H))), count + 1

    return loop(body, (-1.0, np.nan * H, 0), while_=lambda s: np.isnan(s[1][0, 0]) & (s[2] < SHIFTS))[1]


def newton_direction(hessian: Function) -> Direction:
    """For a line search: -(H + tau I)^-1 g."""
    return Direction(
        lambda x: 0.0, lambda memory, pairs, x, g, s, y: (-solve_factored(definite(hessian(x)), g), memory), curved=True
    )


class Bare(NamedTuple):
    """State of Newton's method without any safeguard."""

    x: Any
    f: Any
    g: Any
    k: Any
    evals: Any
    status: Any
    d: Any


class Settings(NamedTuple):
    """tol: of the scaled gradient. radius: the first one; 0 for |g| at most 1."""

    tol: float = 1e-8
    radius: float = 0.0


def bare(value_and_gradient: Function, hessian: Function) -> tuple[Function, Function]:
    """x - H^-1 g and nothing else: it may go to a maximum or a saddle, or away."""

    def start(x0: Any, s: Settings) -> Bare:
        return Bare(x0, np.inf, 0.0 * x0, -1, 0, int(Status.RUNNING), 0.0 * x0)

    def step(a: Bare, s: Settings) -> Bare:
        x = a.x + a.d
        f, g = value_and_gradient(x)
        stuck = (a.k >= 0) & np.all(x == a.x)
        done = small(f, g, x, s.tol)
        w, V = np.linalg.eigh(hessian(x))
        singular = ~(np.min(np.abs(w)) > len(w) * EPS * np.max(np.abs(w)))
        d = -(V @ ((V.T @ g) / np.where(singular, 1.0, w)))
        finite = np.isfinite(f) & np.all(np.isfinite(g)) & (np.max(np.abs(x)) < BARE_GROWTH)
        status = np.where(stuck, Status.STALLED, np.where(singular, Status.SINGULAR, Status.RUNNING))
        status = np.where(done, Status.CONVERGED, status)
        status = np.where(finite, status, np.where(a.k < 0, Status.NOT_FINITE, Status.DIVERGED))
        return Bare(x, f, g, np.where(stuck, a.k, a.k + 1), a.evals + 1, status, d)

    return start, step


class State(NamedTuple):
    """State of the trust region: p is the trial step, H the Hessian at x."""

    x: Any
    f: Any
    g: Any
    k: Any
    evals: Any
    status: Any
    p: Any
    predicted: Any
    radius: Any
    H: Any


def trust_region(value_and_gradient: Function, hessian: Function) -> tuple[Function, Function]:
    """(start, step): every round tries one p."""

    def start(x0: Any, s: Settings) -> State:
        zero = 0.0 * x0
        H = np.zeros((x0.size, x0.size))
        return State(x0, np.inf, zero, -1, 0, int(Status.RUNNING), zero, 1.0, s.radius, H)

    def step(a: State, s: Settings) -> State:
        x = a.x + a.p
        f, g = value_and_gradient(x)
        finite = np.isfinite(f) & np.all(np.isfinite(g))
        first = a.k < 0
        length = np.sqrt(a.p @ a.p)
        ratio = np.where(finite & ~first, (a.f - f) / a.predicted, -1.0)
        # where both decreases are rounding, the gradient decides
        noisy = finite & (np.maximum(np.abs(a.f - f), a.predicted) <= 100 * EPS * np.abs(a.f))
        ratio = np.where(noisy, np.where(g @ g < a.g @ a.g, 1.0, -1.0), ratio)
        accepted = first | (ratio > ACCEPTED)
        grown = np.where((ratio > 0.75) & (length > 0.8 * a.radius), 2.0 * a.radius, a.radius)
        radius = np.where(ratio < 0.25, 0.25 * length, grown)
        unit = np.maximum(1.0, np.sqrt(g @ g))
        radius = np.where(first, np.where(s.radius > 0, s.radius, unit), radius)
        pick = lambda new, old: np.where(accepted, new, old)
        H = cond(accepted, lambda: hessian(x) + 0.0 * a.H, lambda: a.H)
        new_x, new_f, new_g = pick(x, a.x), pick(f, a.f), pick(g, a.g)
        p = (inside if x.size <= EXACT else truncated)(H, new_g, radius)
        predicted = -(new_g @ p + 0.5 * (p @ (H @ p)))
        status = np.where(small(new_f, new_g, new_x, s.tol), Status.CONVERGED, Status.RUNNING)
        over = np.all(np.abs(p) <= 0.5 * EPS * np.abs(new_x)) | ~(predicted > 0)
        status = np.where(over & (status == Status.RUNNING), Status.STALLED, status)
        status = np.where(new_f < -1e300, Status.UNBOUNDED, status)
        status = np.where(first & ~finite, Status.NOT_FINITE, status)
        return State(new_x, new_f, new_g, pick(a.k + 1, a.k), a.evals + 1, status, p, predicted, radius, H)

    return start, step


def inside(H: Any, g: Any, radius: Any) -> Any:
    """The p with |p| <= radius that minimizes g'p + p'Hp/2, to a tenth of the radius."""
    size = np.sqrt(np.sum(H * H))
    length = np.sqrt(g @ g)
    low_end = np.maximum(0.0, np.maximum(np.max(-np.diagonal(H)), length / radius - size))

    def body(_: Any, s: Any) -> Any:
        t, lo, hi, _, _, count = s
        low = cholesky_or_nan(H + t * np.eye(len(H)))
        p = -solve_factored(low, g)
        q = solve_triangular(low, p, lower=True)
        pp, definite_ = p @ p, np.isfinite(low[0, 0])
        norm = np.sqrt(pp)
        fits = definite_ & (norm <= 1.1 * radius) & ((t == 0) | (norm >= 0.9 * radius))
        short = definite_ & (norm < radius)
        lo, hi = np.where(short, lo, np.maximum(lo, t)), np.where(short, np.minimum(hi, t), hi)
        newton = t + pp / (q @ q) * (norm - radius) / radius
        middle = np.maximum(np.sqrt(lo * hi), lo + 0.01 * (hi - lo))
        t = np.where(definite_ & (newton > lo) & (newton < hi), newton, middle)
        return t, lo, hi, np.where(definite_, p, s[3]), fits, count + 1

    first = (np.where(low_end > 0, low_end + 1e-3 * size, 0.0), low_end, length / radius + size, 0.0 * g, False, 0)
    _, _, _, p, _, _ = loop(body, first, while_=lambda s: ~s[4] & (s[5] < SHIFTS))
    norm = np.sqrt(p @ p)
    return np.where(norm > 1.1 * radius, radius / np.maximum(norm, 1e-300), 1.0) * p


def truncated(H: Any, g: Any, radius: Any) -> Any:
    """Conjugate gradients on p'Hp/2 + g'p until the residual is small, the edge is met or curvature is negative."""
    size = np.sqrt(g @ g)
    goal = np.minimum(FORCING, np.sqrt(size)) * size

    def body(i: Any, s: Any) -> Any:
        p, r, d, rr, _ = s
        Hd = H @ d
        curvature, dd, pd = d @ Hd, d @ d, p @ d
        full = rr / np.where(curvature > 0, curvature, 1.0)
        whole = p + full * d
        leaves = ~(curvature > 0) | (whole @ whole >= radius * radius)
        edge = np.sqrt(np.maximum(pd * pd + dd * (radius * radius - p @ p), 0.0)) - pd
        step = np.where(leaves, edge / np.where(dd > 0, dd, 1.0), full)
        r = r + step * Hd
        new = r @ r
        d_next = new / np.where(rr > 0, rr, 1.0) * d - r
        return p + step * d, r, d_next, new, leaves | (np.sqrt(new) <= goal) | (i >= 2 * g.size)

    first = (0.0 * g, g, -g, g @ g, size == 0)
    return loop(body, first, while_=lambda s: ~s[4])[0]
