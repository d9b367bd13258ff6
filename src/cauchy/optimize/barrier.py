"""The interior point method as a state machine: one round evaluates f and c once, at a trial point, and judges it.

    min f(x)   subject to   lower <= x <= upper,   c_E(x) = 0,   c_I(x) = s,   cl <= s <= cu
becomes, with w = (x, s) and residuals r(w) = (c_E(x), c_I(x) - s), a sequence of barrier problems
    min f(x) - mu sum log(w - low) - mu sum log(high - w)   subject to   r(w) = 0,   mu -> 0,
each solved by Newton's method on its optimality conditions with a filter line search. A round ends in one of three ways:

    accept   the trial point is better for f or for |r|_1 and not dominated by an earlier one: multipliers move along,
             derivatives are evaluated, mu may fall, and Newton's system (condensed.py) gives the next direction
    correct  a full step that missed curved constraints is bent back to them (second-order correction)
    halve    half the step; when it is too short for either kind of progress, the search is for feasibility alone:
             phase 1 minimizes |r|^2 / 2 under the same barrier until the filter takes the point, or stops where |r| has a
             minimum: then no point nearby satisfies the constraints, and r / |r| are the multipliers that say so

Reference: A. Waechter, L. Biegler (2006), "On the implementation of an interior-point filter line-search algorithm for
large-scale nonlinear programming", Math. Programming 106, whose constants are used; phase 1 is of our own, theirs
minimizes |r|_1. Without second derivatives: BFGS of the Lagrangian, damped (Powell 1978).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..calculus.control import cond, loop
from ..calculus.factor import cholesky_or_nan, solve_factored
from . import condensed
from .condensed import EPS, Factors
from .status import Status

MEMORY = 64  # pairs that the filter keeps
RELAXED = 1e-10  # by which sides are moved apart, relative: a feasible set without interior gets one
STEEPEST = 100.0  # gradients at the start are scaled down to this
THETA, PHI = 1e-5, 1e-8  # margins of the filter
ARMIJO, ARMIJO_1 = 1e-8, 1e-4
LARGEST_MULTIPLIER = 1e3  # of first estimates; beyond, 0 is the better one
ONE_SIDED = 1e-5  # weight, times mu, that keeps sets unbounded on one side from drifting off
CORRECTIONS = 4
FLAT = 12  # iterations without a change beyond rounding
FAR = 1e20
MISSED = 1e-7  # scaled violation that counts as one


class Settings(NamedTuple):
    """tol: of the scaled KKT residuals. mu: the first barrier parameter. push: how far the start is kept from the sides."""

    tol: float = 1e-8
    mu: float = 0.1
    push: float = 1e-2


class Functions(NamedTuple):
    """What is minimized: plain functions of the n free variables; rows E of c first, less their right side, then rows I.

    values(x): f and c. slopes(x): the gradient of f in all variables and the Jacobian of c in the free ones. low, high: sides
    of (x, c_I). hessian(x, sigma, y) of sigma f + y'c, None for BFGS. full: free variables -> all; part: its reverse.
    """

    n: int
    equalities: int
    low: np.ndarray
    high: np.ndarray
    values: Callable[[Any], tuple[Any, Any]]
    slopes: Callable[[Any], tuple[Any, Any]]
    hessian: Callable[[Any, Any, Any], Any] | None
    full: Callable[[Any], Any]
    part: Callable[[Any], Any]


class Step(NamedTuple):
    """A direction (dw, dy), how far it may go and how far it goes; of it, `alpha` is on trial."""

    dw: Any
    dy: Any
    alpha: Any


class State(NamedTuple):
    x: Any  # all variables, as every state of a method has them
    f: Any
    g: Any
    k: Any
    evals: Any
    status: Any
    w: Any
    r: Any
    grad: Any  # of the free variables, scaled, as all that follows
    J: Any
    y: Any
    zl: Any
    zu: Any
    trial: Step
    newton: Step  # its alpha is the longest that stays inside
    shortest: Any
    mu: Any
    theta: Any
    phi: Any
    slope: Any
    halvings: Any
    corrections: Any
    missed: Any  # |r| that the last correction began from
    aim: Any  # residuals that it removes
    filter_theta: Any
    filter_phi: Any
    filter_size: Any
    theta0: Any
    shift: Any
    bent: Any  # H had to be shifted for the last direction
    factors: Factors
    phase: Any
    mu_kept: Any
    theta_kept: Any
    forced: Any  # the next trial point is taken whatever it is
    flat: Any
    tiny: Any
    scale_f: Any
    scale_c: Any
    low: Any
    high: Any
    error: Any
    B: Any  # BFGS matrix, of shape (0, 0) with second derivatives


def relaxed(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sides, moved apart."""
    move = lambda s: RELAXED * np.maximum(1.0, np.abs(np.where(np.isfinite(s), s, 0.0)))
    return low - move(low), high + move(high)


def inside(v: Any, low: Any, high: Any, push: Any) -> Any:
    """v moved off the sides, and between them."""
    hl, hu = np.isfinite(low), np.isfinite(high)
    l, u = np.where(hl, low, 0.0), np.where(hu, high, 0.0)
    width = np.where(hl & hu, u - l, np.inf)
    v = np.where(hl, np.maximum(v, l + push * np.minimum(np.maximum(1.0, np.abs(l)), width)), v)
    return np.where(hu, np.minimum(v, u - push * np.minimum(np.maximum(1.0, np.abs(u)), width)), v)


def machine(a: Functions) -> tuple[Callable[..., State], Callable[[State, Settings], State]]:
    """(start, step); start(x0 of the free variables, settings) is plain NumPy and evaluates nothing."""
    n, mE, m, N = a.n, a.equalities, a.low.size - a.n + a.equalities, a.low.size
    values, slopes, hessian, full, part = a.values, a.slopes, a.hessian, a.full, a.part
    mI, bounded = m - mE, int(np.isfinite(a.low).sum() + np.isfinite(a.high).sum())

    # -- pieces ----------------------------------------------------------------------------------------------------

    def start(x0: np.ndarray, settings: Settings) -> State:
        low, high = relaxed(a.low, a.high)
        w = np.zeros(N)
        w[:n] = inside(np.asarray(x0, dtype=np.float64), low[:n], high[:n], settings.push)
        y, z = np.zeros(m), np.zeros(N)
        none = Step(z, y, 0.0)
        empty = np.full(MEMORY, np.inf)
        x = np.asarray(full(w[:n]), dtype=np.float64)
        return State(
            x=x, f=np.inf, g=0.0 * x, k=-1.0, evals=0.0, status=float(Status.RUNNING),
            w=w, r=y, grad=np.zeros(n), J=np.zeros((m, n)), y=y, zl=z, zu=z, trial=none, newton=none, shortest=0.0,
            mu=float(settings.mu), theta=0.0, phi=0.0, slope=0.0, halvings=0.0, corrections=0.0, missed=0.0, aim=y,
            filter_theta=empty, filter_phi=empty, filter_size=0.0, theta0=1.0, shift=0.0, bent=0.0, factors=condensed.empty(n, mE, mI),
            phase=0.0, mu_kept=float(settings.mu), theta_kept=0.0, forced=1.0, flat=0.0, tiny=0.0, scale_f=1.0,
            scale_c=np.ones(m), low=low, high=high, error=np.inf, B=np.eye(n if hessian is None else 0),
        )  # fmt: skip

    def gaps(w: Any, low: Any, high: Any) -> tuple[Any, Any]:
        """Distances to the sides, positive; infinite where there is none."""
        tiny = EPS * EPS
        return np.maximum(w - low, tiny), np.maximum(high - w, tiny)

    def logs(s: State, w: Any) -> Any:
        """What mu multiplies in the barrier function. A side that is not there adds nothing."""
        dl, du = gaps(w, s.low, s.high)
        hl, hu = np.isfinite(s.low), np.isfinite(s.high)
        apart = np.where(hl & ~hu, dl, 0.0) + np.where(hu & ~hl, du, 0.0)
        return ONE_SIDED * apart.sum() - np.log(np.where(hl, dl, 1.0) * np.where(hu, du, 1.0)).sum()

    def logs_gradient(s: State, dl: Any, du: Any) -> Any:
        hl, hu = np.isfinite(s.low), np.isfinite(s.high)
        return 1 / du - 1 / dl + ONE_SIDED * (np.where(hl & ~hu, 1.0, 0.0) - np.where(hu & ~hl, 1.0, 0.0))

    def pulled(J: Any, y: Any) -> Any:
        """The residuals' Jacobian in w, transposed, times y."""
        on_x = J.T @ y if m else np.zeros(n)
        return np.concatenate([on_x, -y[mE:]]) if mI else on_x

    def padded(v: Any) -> Any:
        return np.concatenate([v, np.zeros(mI)]) if mI else v

    def residuals(c: Any, w: Any) -> Any:
        return np.concatenate([c[:mE], c[mE:] - w[n:]]) if mI else c

    def longest(dl: Any, du: Any, dw: Any, mu: Any) -> Any:
        """How far along dw, at most 1, until a gap shrinks to its part of max(0.99, 1 - mu)."""
        ratio = np.maximum(np.maximum(-dw / dl, dw / du).max(), EPS)
        return np.minimum(1.0, np.maximum(0.99, 1 - mu) / ratio)

    def filtered(s: State, yes: Any) -> State:
        """The filter with the current point, if so."""
        at = (np.arange(MEMORY) == s.filter_size % MEMORY) & yes
        return s._replace(
            filter_theta=np.where(at, (1 - THETA) * s.theta, s.filter_theta),
            filter_phi=np.where(at, s.phi - PHI * s.theta, s.filter_phi),
            filter_size=s.filter_size + np.where(yes, 1.0, 0.0),
        )

    # -- a round ---------------------------------------------------------------------------------------------------

    def step(s: State, settings: Settings) -> State:
        w = s.w + s.trial.alpha * s.trial.dw
        f, c = values(w[:n])
        r = residuals(c * s.scale_c, w)
        theta, second = np.abs(r).sum(), s.phase == 1
        barrier = logs(s, w)
        normal = s.scale_f * f + np.where(second, s.mu_kept, s.mu) * barrier
        phi = np.where(second, 0.5 * (r @ r) + s.mu * barrier, normal)
        finite = np.isfinite(f) & np.isfinite(theta) & np.isfinite(phi)
        noise = 10 * EPS * np.abs(s.phi)
        filter_noise = 10 * EPS * np.abs(normal)
        unfiltered = np.all((theta <= s.filter_theta) | (normal <= s.filter_phi + filter_noise))
        unfiltered = unfiltered & (theta <= 1e4 * np.maximum(1, s.theta0))
        alpha = np.where(s.corrections > 0, s.newton.alpha, s.trial.alpha)
        down = np.maximum(-s.slope, 0.0)
        switched = (s.slope < 0) & (alpha * down**2.3 > s.theta**1.1)
        armijo = phi <= s.phi + ARMIJO * alpha * s.slope + noise
        descent = switched & (s.theta <= 1e-4 * np.maximum(1, s.theta0))
        progress = (theta <= (1 - THETA) * s.theta) | (phi <= s.phi - PHI * s.theta + noise)
        good = unfiltered & np.where(descent, armijo, progress)
        good = np.where(second, phi <= s.phi + ARMIJO_1 * alpha * s.slope + noise, good)
        forced = s.forced > 0
        taken = forced | (finite & good)
        s = s._replace(evals=s.evals + 1)
        to_filter = ~forced & ~second & ~(switched & armijo)
        return cond(
            taken,
            lambda s: accept(filtered(s, to_filter), settings, w, f, c, unfiltered),
            lambda s: search(s, settings, r, theta, finite),
            s,
        )

    # -- the trial point is not taken --------------------------------------------------------------------------------

    def search(s: State, settings: Settings, r: Any, theta: Any, finite: Any) -> State:
        first = (s.corrections == 0) & (s.halvings == 0) & (theta >= s.theta) & (s.theta > 0)
        again = (s.corrections > 0) & (s.corrections < CORRECTIONS) & (theta <= 0.99 * s.missed)
        bend = (s.phase == 0) & finite & (first | again)
        return cond(bend, lambda s: correct(s, r, theta), lambda s: halve(s, settings, finite), s) if m else halve(
            s, settings, finite
        )  # fmt: skip

    def correct(s: State, r: Any, theta: Any) -> State:
        aim = s.trial.alpha * np.where(s.corrections == 0, s.r, s.aim) + r
        dl, du = gaps(s.w, s.low, s.high)
        right = padded(s.grad) + s.mu * logs_gradient(s, dl, du) + pulled(s.J, s.y)
        dw, dy = condensed.solve(s.factors, s.J, right[:n], right[n:], aim[:mE], aim[mE:])
        trial = Step(dw, dy, longest(dl, du, dw, s.mu))
        return s._replace(trial=trial, corrections=s.corrections + 1, missed=theta, aim=aim)

    def halve(s: State, settings: Settings, finite: Any) -> State:
        alpha = 0.5 * np.where(s.corrections > 0, s.newton.alpha, s.trial.alpha)
        over = alpha < np.where(finite, s.shortest, 1e-14)
        lost = over & ((s.phase == 1) | (s.theta <= settings.tol))
        turn = over & ~lost  # to phase 1: the current point once more, as a trial point that is taken
        s = filtered(s, turn)
        worst = np.abs(s.r).max() if m else 0.0
        reason = np.where((s.phase == 1) & (worst > MISSED), Status.INFEASIBLE, Status.STALLED)
        kept = np.where(turn, 0.0, 1.0)
        return s._replace(
            trial=Step(kept * s.newton.dw, kept * s.newton.dy, kept * alpha), corrections=0.0, halvings=s.halvings + 1,
            forced=1 - kept, phase=np.where(turn, 1.0, s.phase), theta_kept=np.where(turn, s.theta, s.theta_kept),
            status=np.where(lost, reason, Status.RUNNING) + 0.0,
        )  # fmt: skip

    # -- the trial point is taken ------------------------------------------------------------------------------------

    def accept(s: State, settings: Settings, w: Any, f: Any, c: Any, unfiltered: Any) -> State:
        first = s.k < 0
        whole, J = slopes(w[:n])
        g = part(whole)
        sound = np.isfinite(f) & np.all(np.isfinite(g)) & np.all(np.isfinite(c)) & np.all(np.isfinite(J))
        scale_f = np.where(first, _scale(np.abs(g).max()), s.scale_f)
        scale_c, low, high = s.scale_c, s.low, s.high
        if m:
            scale_c = np.where(first, _scale(np.abs(J).max(axis=1)), s.scale_c)
        if mI:
            sides = np.concatenate([np.ones(n), np.where(first, scale_c[mE:], 1.0)])
            low, high = low * sides, high * sides
            slack = np.where(first, inside((c * scale_c)[mE:], low[n:], high[n:], settings.push), w[n:])
            w = np.concatenate([w[:n], slack])
        r = residuals(c * scale_c, w)
        theta, worst = np.abs(r).sum(), np.abs(r).max() if m else 0.0
        grad, J = scale_f * g, scale_c[:, None] * J
        hl, hu = np.isfinite(low), np.isfinite(high)
        dl, du = gaps(w, low, high)

        # phases
        entering = (s.forced > 0) & (s.phase == 1)
        leaving = (s.phase == 1) & ~entering & unfiltered & (theta <= 0.9 * s.theta_kept)
        fresh = first | entering | leaving
        phase = np.where(leaving, 0.0, s.phase)
        second = phase == 1
        begin = np.maximum(s.mu, 0.1 * worst * np.minimum(worst, 1.0))
        mu = np.where(leaving, s.mu_kept, np.where(entering, begin, s.mu))
        mu_kept = np.where(entering, s.mu, np.where(second, s.mu_kept, mu))

        # multipliers
        ol, ou = gaps(s.w, low, high)
        dzl = s.mu / ol - s.zl - s.zl / ol * s.trial.dw
        dzu = s.mu / ou - s.zu + s.zu / ou * s.trial.dw
        along = _along(s, dzl, dzu)
        zl, zu = s.zl + along * dzl, s.zu + along * dzu
        zl = np.where(fresh, np.where(first, np.where(hl, 1.0, 0.0), np.minimum(mu / dl, LARGEST_MULTIPLIER)), zl)
        zu = np.where(fresh, np.where(first, np.where(hu, 1.0, 0.0), np.minimum(mu / du, LARGEST_MULTIPLIER)), zu)
        zl = np.maximum(np.minimum(zl, 1e10 * mu / dl), 1e-10 * mu / dl)
        zu = np.maximum(np.minimum(zu, 1e10 * mu / du), 1e-10 * mu / du)
        y = s.y + s.trial.alpha * s.trial.dy
        if m:
            y = cond(first | leaving, lambda y: fitted(padded(grad) - zl + zu, J), lambda y: y, y)
            y = np.where(second, r, y)

        # how far from optimal
        objective = np.where(second, 0.0, 1.0)
        dual = np.abs(objective * padded(grad) + pulled(J, y) - zl + zu).max()
        sides_left, z = max(1, bounded), zl.sum() + zu.sum()
        dual_scale = np.maximum(STEEPEST, (np.abs(y).sum() + z) / max(1, m + bounded)) / STEEPEST
        z_scale = np.maximum(STEEPEST, z / sides_left) / STEEPEST
        pl, pu = np.where(hl, dl, 0.0) * zl, np.where(hu, du, 0.0) * zu

        def complementarity(mu: Any) -> Any:
            return np.maximum(np.where(hl, np.abs(pl - mu), 0.0), np.where(hu, np.abs(pu - mu), 0.0)).max()

        def error(mu: Any) -> Any:
            missed = np.where(second, 0.0, worst)
            return np.maximum(np.maximum(dual / dual_scale, missed), complementarity(mu) / z_scale)

        # the next barrier problem
        smallest = np.where(second, 1e-9 * worst * np.minimum(worst, 1.0), settings.tol / 11)
        lower = lambda mu: np.maximum(smallest, np.minimum(0.2 * mu, mu**1.5))
        left = mu
        if bounded:
            mu = loop(lambda _, mu: lower(mu), mu, while_=lambda mu: (error(mu) <= 10 * mu) & (mu > smallest))
        s = s._replace(scale_f=scale_f, scale_c=scale_c, low=low, high=high)
        value = np.where(second, 0.5 * (r @ r), scale_f * f)
        barrier = logs(s, w)
        still = np.abs(value + left * barrier - s.phi) <= 10 * EPS * np.abs(s.phi)
        still = still & ~fresh & (mu == left) & (theta <= np.maximum(s.theta, settings.tol))
        flat = np.where(still, s.flat + 1, 0.0)
        mu = np.where(((flat >= FLAT) | (s.tiny >= 2)) & (mu == left), lower(mu), mu)
        over = ((flat >= FLAT) | (s.tiny >= 2)) & (mu == left)

        now = error(0.0)
        missed = second & (worst > MISSED)
        infeasible = missed & (np.maximum(dual, complementarity(0.0)) <= 1e-7 * worst)
        infinite = ~second & ((scale_f * f < -FAR) | (np.abs(w[:n]).max() > FAR))
        status = np.where(over, np.where(missed, Status.INFEASIBLE, Status.STALLED), Status.RUNNING)
        status = np.where(infinite, Status.UNBOUNDED, np.where(infeasible, Status.INFEASIBLE, status))
        status = np.where(~second & (now <= settings.tol), Status.CONVERGED, status)
        status = np.where(sound, status, np.where(first, Status.NOT_FINITE, Status.STALLED)) + 0.0
        seen = sound | first  # a point without derivatives is no answer

        clear = first | ((mu != left) & ~second)
        B = s.B if hessian is not None else _updated(s, w[:n], grad, J, y, first | second)
        s = s._replace(
            x=np.where(seen, full(w[:n]), s.x), f=np.where(seen, f, s.f), g=np.where(seen, whole, s.g), k=s.k + 1,
            status=status, w=w, r=r, grad=grad, J=J, y=y, zl=zl, zu=zu, mu=mu, theta=theta, phi=value + mu * barrier,
            filter_theta=np.where(clear, np.inf, s.filter_theta), filter_phi=np.where(clear, np.inf, s.filter_phi),
            filter_size=np.where(clear, 0.0, s.filter_size), theta0=np.where(first, theta, s.theta0), phase=phase,
            mu_kept=np.where(second, mu_kept, mu), flat=flat, error=now, B=B,
        )  # fmt: skip
        return newton(s, settings, dl, du)

    def fitted(gradient: Any, J: Any) -> Any:
        """First multipliers by least squares."""
        AA = J @ J.T + np.diag(np.concatenate([np.zeros(mE), np.ones(mI)]))
        AA = AA + 1e-10 * np.abs(AA).max() * np.eye(m)
        b = J @ gradient[:n]
        b = np.concatenate([b[:mE], b[mE:] - gradient[n:]]) if mI else b
        y = -solve_factored(cholesky_or_nan(AA), b)
        return np.where(np.abs(y).max() <= LARGEST_MULTIPLIER, y, 0.0)

    def newton(s: State, settings: Settings, dl: Any, du: Any) -> State:
        """The next direction, and the steps to try along it."""
        second = s.phase == 1
        objective = np.where(second, 0.0, 1.0)
        H = objective * s.B if hessian is None else hessian(s.w[:n], objective * s.scale_f, s.y * s.scale_c)
        D = s.zl / dl + s.zu / du
        least = np.where(second, 1e-8 * np.maximum(np.abs(H).max(), 1.0), 0.0)
        factors, shift, H0 = condensed.factor(H, D, s.J, mE, 1 - objective, least, s.shift)
        up = objective * padded(s.grad) + s.mu * logs_gradient(s, dl, du)
        right = up + pulled(s.J, s.y)
        aim = objective * s.r
        dw, dy = condensed.refined(factors, H0, s.J, right[:n], right[n:], aim[:mE], aim[mE:])
        slope = np.where(second, right, up) @ dw
        alpha = longest(dl, du, dw, s.mu)
        down = np.maximum(-slope, 1e-300)
        curved = np.where(s.theta <= 1e-4 * np.maximum(1, s.theta0), s.theta**1.1 / down**2.3, np.inf)
        shortest = np.where(slope < 0, np.minimum(np.minimum(THETA, PHI * s.theta / down), curved), THETA)
        shortest = np.where(second, 1e-14, np.maximum(0.05 * shortest, 1e-14))
        tiny = (np.max(np.abs(dw) / (1 + np.abs(s.w))) < 10 * EPS) & ~second & (s.theta <= 1e-6)
        lost = (s.status == Status.RUNNING) & ~np.all(np.isfinite(dw))
        trial = Step(dw, dy, alpha)
        return s._replace(
            trial=trial, newton=trial, shortest=shortest, slope=slope, halvings=0.0, corrections=0.0, factors=factors,
            shift=np.where(shift > least, shift, s.shift), bent=np.where(shift > least, 1.0, 0.0), tiny=np.where(tiny, s.tiny + 1, 0.0), forced=np.where(tiny, 1.0, 0.0),
            status=np.where(lost, Status.STALLED, s.status) + 0.0,
        )  # fmt: skip

    return start, step


def _scale(steepest: Any) -> Any:
    return np.maximum(np.minimum(STEEPEST / np.maximum(steepest, 1e-300), 1.0), 1e-8)


def _along(s: State, dzl: Any, dzu: Any) -> Any:
    """How far multipliers of the sides may go without becoming 0."""
    fall = np.maximum(-dzl / np.maximum(s.zl, 1e-300), -dzu / np.maximum(s.zu, 1e-300)).max()
    return np.minimum(1.0, np.maximum(0.99, 1 - s.mu) / np.maximum(fall, EPS))


def _updated(s: State, x: Any, grad: Any, J: Any, y: Any, kept: Any) -> Any:
    """The BFGS matrix of the Lagrangian after a step, damped so that it stays positive definite."""
    d = x - s.w[: x.size]
    change = grad - s.grad + ((J - s.J).T @ y if y.size else 0.0)
    Bd = s.B @ d
    dBd, dy = d @ Bd, d @ change
    part = np.where(dy >= 0.2 * dBd, 1.0, 0.8 * dBd / np.where(dBd > dy, dBd - dy, 1.0))
    change = part * change + (1 - part) * Bd
    dy = d @ change
    good = ~kept & (dBd > 0) & (dy > 0)
    B = s.B - Bd[:, None] * Bd / np.where(good, dBd, 1.0) + change[:, None] * change / np.where(good, dy, 1.0)
    return np.where(good, B, s.B)


class Packing:
    """States of the shapes of `like` as one vector, which calls of machine code take and give; where its fields are."""

    def __init__(self, like: State) -> None:
        self.shapes = tuple(np.shape(v) for v in _flat(like))
        names = [n for n in State._fields if n not in _INNER]
        ends = np.cumsum([math.prod(shape) for shape in self.shapes]).tolist()
        self.at = {n: slice(i, j) for n, i, j in zip(names, [0, *ends], ends, strict=False)}

    def pack(self, s: State) -> Any:
        return np.concatenate([np.reshape(v, (-1,)) for v in _flat(s)])

    def unpack(self, packed: Any) -> State:
        found, at = [], 0
        for shape in self.shapes:
            size = math.prod(shape)
            found.append(packed[at] if shape == () else np.reshape(packed[at : at + size], shape))
            at += size
        made = {name: found.pop(0) for name in State._fields if name not in _INNER}
        for name, kind in _INNER.items():
            made[name] = kind(*[found.pop(0) for _ in kind._fields])
        return State(**made)


_INNER = {"trial": Step, "newton": Step, "factors": Factors}


def _flat(s: State) -> list[Any]:
    return [v for n, v in zip(s._fields, s, strict=True) if n not in _INNER] + [
        v for n in _INNER for v in getattr(s, n)
    ]
