"""The interior point method as a state machine: one round evaluates f and c once, at a trial point, and judges it.

    min f(x)   subject to   lower <= x <= upper,   c_E(x) = 0,   c_I(x) = s,   cl <= s <= cu
becomes, with w = (x, s) and residuals r(w) = (c_E(x), c_I(x) - s), a sequence of barrier problems
    min f(x) - mu sum log(w - low) - mu sum log(high - w)   subject to   r(w) = 0,   mu -> 0,
each solved by Newton's method on its optimality conditions with a filter line search. A round ends in one of three:

    accept   the trial point is better for f or for |r|_1, and no earlier one is better for both: multipliers move
             along, derivatives are evaluated, mu may fall, and Newton's system (condensed.py) gives a new direction
    correct  a full step that missed curved constraints is bent back to them (second-order correction)
    halve    half the step. When it is too short to gain anything, the search is for feasibility alone: phase 1
             minimizes |r|^2 / 2 under the same barrier until the filter takes the point, or ends where |r| has a
             minimum: then no point nearby satisfies the constraints, and r / |r| are the multipliers that show it

Reference: A. Waechter, L. Biegler (2006), "On the implementation of an interior-point filter line-search algorithm
for large-scale nonlinear programming", Math. Programming 106, with its constants. Phase 1 is another (theirs
minimizes |r|_1): it has no variables of its own. Without second derivatives: BFGS (damped, Powell 1978).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...calculus.factor import cholesky_or_nan, solve_factored
from ...tracer import is_traced
from ..status import Status
from . import condensed
from .condensed import EPS
from .drive import branch, repeat
from .interior_state import Functions, Settings, State, Step, inside, relaxed

MEMORY = 64  # pairs that the filter keeps
STEEPEST = 100.0  # gradients at the start are scaled down to this
THETA, PHI = 1e-5, 1e-8  # margins of the filter
ARMIJO, ARMIJO_1 = 1e-8, 1e-4  # in both phases
LARGEST = 1e3  # multipliers beyond it are no good to begin with
ONE_SIDED = 1e-5  # weight, times mu, that keeps sets unbounded on one side from drifting off
CORRECTIONS = 4
CUT = 8  # halvings that make a step a short one
FLAT = 12  # iterations without a change beyond rounding
MISSED = 1e-7  # scaled violation that counts as one
FAR = 1e20  # of x and f: unbounded


def machine(a: Functions) -> tuple[Callable[..., State], Callable[[State, Settings], State]]:
    """(start, step); start(x0 of the free variables, settings) is plain NumPy and evaluates nothing."""
    n, mE, N, m = a.n, a.equalities, a.low.size, a.low.size - a.n + a.equalities
    mI, values, slopes, hessian, full, part = m - mE, a.values, a.slopes, a.hessian, a.full, a.part
    sides = int(np.isfinite(a.low).sum() + np.isfinite(a.high).sum())

    def start(x0: np.ndarray, settings: Settings) -> State:
        low, high = relaxed(a.low, a.high)
        w, y, z, empty = np.zeros(N), np.zeros(m), np.zeros(N), np.full(MEMORY, np.inf)
        w[:n] = inside(np.asarray(x0, dtype=np.float64), low[:n], high[:n], settings.push)
        none, mu = Step(z, y, 0.0), float(settings.mu)
        x = np.asarray(full(w[:n]), dtype=np.float64)
        return State(
            x=x, f=np.inf, g=0.0 * x, k=-1.0, evals=0.0, status=float(Status.RUNNING), w=w, r=y, theta=0.0,
            grad=np.zeros(n), J=np.zeros((m, n)), y=y, zl=z, zu=z, trial=none, newton=none,
            factors=condensed.empty(n, mE, mI), shift=0.0, bent=0.0, slope=0.0, shortest=0.0, halvings=0.0, crawls=0.0,
            corrections=0.0, missed=0.0, aim=y, mu=mu, phi=0.0, filter_theta=empty, filter_phi=empty, filter_size=0.0,
            theta0=1.0, phase=0.0, visits=0.0, mu_kept=mu, goal=0.0, forced=1.0, flat=0.0, tiny=0.0, scale_f=1.0,
            scale_c=np.ones(m), low=low, high=high, B=np.eye(n if hessian is None else 0),
        )  # fmt: skip

    # -- pieces ----------------------------------------------------------------------------------------------------

    def residuals(c: Any, w: Any) -> Any:
        return np.concatenate([c[:mE], c[mE:] - w[n:]]) if mI else c

    def pulled(J: Any, y: Any) -> Any:
        """The transpose of the residuals' Jacobian, times y."""
        on_x = J.T @ y if m else np.zeros(n)
        return np.concatenate([on_x, -y[mE:]]) if mI else on_x

    def padded(v: Any) -> Any:
        return np.concatenate([v, np.zeros(mI)]) if mI else v

    def merit(s: State, second: Any) -> tuple[Any, Any]:
        """What is minimized without the barrier, and what mu multiplies."""
        return np.where(second, 0.5 * (s.r @ s.r), s.scale_f * s.f), _logs(s, s.w)

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
        theta, second, forced = np.abs(r).sum(), s.phase == 1, s.forced > 0
        logs = _logs(s, w)
        normal = s.scale_f * f + np.where(second, s.mu_kept, s.mu) * logs  # the merit outside of phase 1
        phi = np.where(second, 0.5 * (r @ r) + s.mu * logs, normal)
        finite = np.isfinite(f) & np.isfinite(theta) & np.isfinite(phi)
        new = np.all((theta <= s.filter_theta) | (normal <= s.filter_phi + 10 * EPS * np.abs(normal)))
        new = new & (theta <= 1e4 * np.maximum(1.0, s.theta0))

        noise = 10 * EPS * np.abs(s.phi)
        alpha = np.where(s.corrections > 0, s.newton.alpha, s.trial.alpha)
        steep = (s.slope < 0) & (alpha * np.maximum(-s.slope, 0.0) ** 2.3 > s.theta**1.1)
        rate = np.where(second, ARMIJO_1, ARMIJO)
        armijo = phi <= s.phi + rate * alpha * s.slope + noise
        progress = (theta <= (1 - THETA) * s.theta) | (phi <= s.phi - PHI * s.theta + noise)
        good = new & np.where(steep & (s.theta <= 1e-4 * np.maximum(1.0, s.theta0)), armijo, progress)
        good = finite & np.where(second, armijo, good)
        remembered = ~forced & ~second & ~(steep & armijo)
        return branch(
            forced | good,
            lambda s: accept(filtered(s, remembered), settings, w, f, c, new),
            lambda s: search(s, settings, r, theta, finite),
            s._replace(evals=s.evals + 1),
        )

    # -- the trial point is not taken ------------------------------------------------------------------------------

    def search(s: State, settings: Settings, r: Any, theta: Any, finite: Any) -> State:
        if not m:
            return halve(s, settings, finite)
        first = (s.corrections == 0) & (s.halvings == 0) & (theta >= s.theta) & (s.theta > 0)
        again = (s.corrections > 0) & (s.corrections < CORRECTIONS) & (theta <= 0.99 * s.missed)
        bend = (s.phase == 0) & finite & (first | again)
        return branch(bend, lambda s: correct(s, r, theta), lambda s: halve(s, settings, finite), s)

    def correct(s: State, r: Any, theta: Any) -> State:
        aim = s.trial.alpha * np.where(s.corrections == 0, s.r, s.aim) + r
        right = padded(s.grad) + s.mu * _logs_gradient(s) + pulled(s.J, s.y)
        dw, dy = condensed.solve(s.factors, s.J, right[:n], right[n:], aim[:mE], aim[mE:])
        trial = Step(dw, dy, _longest(s, dw))
        return s._replace(trial=trial, corrections=s.corrections + 1, missed=theta, aim=aim)

    def halve(s: State, settings: Settings, finite: Any) -> State:
        alpha = 0.5 * np.where(s.corrections > 0, s.newton.alpha, s.trial.alpha)
        over = alpha < np.where(finite, s.shortest, EPS)
        lost = over & ((s.phase == 1) | (s.theta <= settings.tol))
        turn = over & ~lost  # to phase 1: the current point once more, as a trial point that is taken
        s = filtered(s, turn)
        reason = np.where((s.phase == 1) & (np.abs(s.r).sum() > m * MISSED), Status.INFEASIBLE, Status.STALLED)
        goal = s.theta * np.maximum(0.9 * 0.5**s.visits, 1e-3)
        kept = np.where(turn, 0.0, 1.0)
        return s._replace(
            trial=Step(kept * s.newton.dw, kept * s.newton.dy, kept * alpha), corrections=0.0, halvings=s.halvings + 1,
            forced=1 - kept, phase=np.where(turn, 1.0, s.phase), goal=np.where(turn, goal, s.goal),
            visits=s.visits + 1 - kept, status=np.where(lost, reason, Status.RUNNING) + 0.0,
        )  # fmt: skip

    # -- the trial point is taken ----------------------------------------------------------------------------------

    def accept(old: State, settings: Settings, w: Any, f: Any, c: Any, new: Any) -> State:
        s, sound = arrived(old, settings, w, f, c)
        entering = (old.forced > 0) & (old.phase == 1)
        leaving = (old.phase == 1) & ~entering & new & (s.theta <= old.goal)
        fresh = (old.k < 0) | entering | leaving
        worst = np.abs(s.r).max() if m else 0.0
        begin = np.maximum(old.mu, 0.1 * worst * np.minimum(worst, 1.0))
        s = s._replace(
            phase=np.where(leaving, 0.0, old.phase),
            mu=np.where(leaving, old.mu_kept, np.where(entering, begin, old.mu)),
            mu_kept=np.where(entering, old.mu, old.mu_kept),
        )
        s = dual(old, s, fresh, leaving)
        if hessian is None:
            s = s._replace(B=_updated(old, s, fresh | (s.phase == 1)))
        return newton(advanced(old, s, settings, fresh, sound, worst), settings)

    def arrived(old: State, settings: Settings, w: Any, f: Any, c: Any) -> tuple[State, Any]:
        """The new point with its derivatives, scaled (and scales and slacks, if it is the first); all finite or not."""
        first = old.k < 0
        whole, J = slopes(w[:n])
        g = part(whole)
        sound = np.isfinite(f) & np.all(np.isfinite(g)) & np.all(np.isfinite(c)) & np.all(np.isfinite(J))
        seen = sound | first  # a later point without derivatives is no answer
        scale_f = np.where(first, _scale(np.abs(g).max()), old.scale_f)
        scale_c, low, high = old.scale_c, old.low, old.high
        if m:
            scale_c = np.where(first, _scale(np.abs(J).max(axis=1)), scale_c)
        if mI:
            sizes = np.concatenate([np.ones(n), np.where(first, scale_c[mE:], 1.0)])
            low, high = low * sizes, high * sizes
            slack = np.where(first, inside((c * scale_c)[mE:], low[n:], high[n:], settings.push), w[n:])
            w = np.concatenate([w[:n], slack])
        r = residuals(c * scale_c, w)
        theta = np.abs(r).sum()
        return old._replace(
            x=np.where(seen, full(w[:n]), old.x), f=np.where(seen, f, old.f), g=np.where(seen, whole, old.g),
            k=old.k + 1, w=w, r=r, theta=theta, theta0=np.where(first, theta, old.theta0), grad=scale_f * g,
            J=scale_c[:, None] * J, scale_f=scale_f, scale_c=scale_c, low=low, high=high,
        ), sound  # fmt: skip

    def dual(old: State, s: State, fresh: Any, leaving: Any) -> State:
        """Multipliers after the step; where another phase begins, of its own."""
        first = old.k < 0
        (ol, ou), (dl, du) = _gaps(old, old.w), _gaps(s, s.w)
        dzl = old.mu / ol - old.zl - old.zl / ol * old.trial.dw
        dzu = old.mu / ou - old.zu + old.zu / ou * old.trial.dw
        fall = np.maximum(-dzl / np.maximum(old.zl, 1e-300), -dzu / np.maximum(old.zu, 1e-300)).max()
        along = np.minimum(1.0, np.maximum(0.99, 1 - old.mu) / np.maximum(fall, EPS))
        zl = np.where(fresh, np.minimum(s.mu / dl, LARGEST), old.zl + along * dzl)
        zu = np.where(fresh, np.minimum(s.mu / du, LARGEST), old.zu + along * dzu)
        zl = np.where(first, np.where(np.isfinite(s.low), 1.0, 0.0), zl)
        zu = np.where(first, np.where(np.isfinite(s.high), 1.0, 0.0), zu)
        zl = np.maximum(np.minimum(zl, 1e10 * s.mu / dl), 1e-10 * s.mu / dl)
        zu = np.maximum(np.minimum(zu, 1e10 * s.mu / du), 1e-10 * s.mu / du)
        y = old.y + old.trial.alpha * old.trial.dy
        if m:
            y = branch(first | leaving, lambda y: fitted(padded(s.grad) - zl + zu, s.J), lambda y: y, y)
            y = np.where(s.phase == 1, s.r, y)
        return s._replace(y=y, zl=zl, zu=zu)

    def fitted(gradient: Any, J: Any) -> Any:
        """Multipliers by least squares."""
        A = J @ J.T + np.diag(np.concatenate([np.zeros(mE), np.ones(mI)]))
        A = A + 1e-10 * np.abs(A).max() * np.eye(m)
        y = -solve_factored(cholesky_or_nan(A), residuals(J @ gradient[:n], gradient))
        return np.where(np.abs(y).max() <= LARGEST, y, 0.0)

    def advanced(old: State, s: State, settings: Settings, fresh: Any, sound: Any, worst: Any) -> State:
        """How far from optimal: the status, and the next barrier problem if this one is solved."""
        second = s.phase == 1
        stationarity = np.abs(np.where(second, 0.0, 1.0) * padded(s.grad) + pulled(s.J, s.y) - s.zl + s.zu).max()
        z = s.zl.sum() + s.zu.sum()
        z_scale = np.maximum(STEEPEST, z / max(1, sides)) / STEEPEST
        dual_scale = np.maximum(STEEPEST, (np.abs(s.y).sum() + z) / max(1, m + sides)) / STEEPEST
        dl, du = _gaps(s, s.w)
        bounded, capped = np.isfinite(s.low), np.isfinite(s.high)
        below, above = np.where(bounded, dl, 0.0) * s.zl, np.where(capped, du, 0.0) * s.zu

        def complementarity(mu: Any) -> Any:
            return np.maximum(np.where(bounded, np.abs(below - mu), 0), np.where(capped, np.abs(above - mu), 0)).max()

        def error(mu: Any) -> Any:
            missed = np.where(second, 0.0, worst)
            return np.maximum(np.maximum(stationarity / dual_scale, missed), complementarity(mu) / z_scale)

        least = np.where(second, 1e-9 * worst * np.minimum(worst, 1.0), settings.tol / 11)
        lower = lambda mu: np.maximum(least, np.minimum(0.2 * mu, mu**1.5))
        mu = s.mu
        if sides:
            going = lambda mu: (error(mu) <= 10 * mu) & (mu > least)
            mu = repeat(lambda _, mu: lower(mu), mu, going, is_traced(mu))
        value, logs = merit(s, second)
        still = np.abs(value + s.mu * logs - old.phi) <= 10 * EPS * np.abs(old.phi)
        still = still & ~fresh & (mu == s.mu) & (s.theta <= np.maximum(old.theta, settings.tol))
        flat = np.where(still, old.flat + 1, 0.0)
        idle = ((flat >= FLAT) | (old.tiny >= 2)) & (mu == s.mu)
        mu = np.where(idle, lower(mu), mu)

        missed = second & (worst > MISSED)
        settled = missed & (np.maximum(stationarity, complementarity(0.0)) <= 1e-7 * worst)
        away = ~second & ((s.scale_f * s.f < -FAR) | (np.abs(s.w[:n]).max() > FAR))
        status = np.where(idle & (mu == s.mu), np.where(missed, Status.INFEASIBLE, Status.STALLED), Status.RUNNING)
        status = np.where(away, Status.UNBOUNDED, np.where(settled, Status.INFEASIBLE, status))
        status = np.where(~second & (error(0.0) <= settings.tol), Status.CONVERGED, status)
        status = np.where(sound, status, np.where(old.k < 0, Status.NOT_FINITE, Status.STALLED)) + 0.0
        clear = (old.k < 0) | ((mu != s.mu) & ~second)
        return s._replace(
            status=status, mu=mu, mu_kept=np.where(second, s.mu_kept, mu), phi=value + mu * logs, flat=flat,
            filter_theta=np.where(clear, np.inf, s.filter_theta), filter_phi=np.where(clear, np.inf, s.filter_phi),
            filter_size=np.where(clear, 0.0, s.filter_size),
        )  # fmt: skip

    def newton(s: State, settings: Settings) -> State:
        """The next direction, and the steps to try along it."""
        second = s.phase == 1
        objective = np.where(second, 0.0, 1.0)
        H = objective * s.B if hessian is None else hessian(s.w[:n], objective * s.scale_f, s.y * s.scale_c)
        dl, du = _gaps(s, s.w)
        least = np.where(second, 1e-8 * np.maximum(np.abs(H).max(), 1.0), 0.0)
        D = s.zl / dl + s.zu / du
        factors, shift, H0 = condensed.factor(H, D, s.J, mE, 1 - objective, least, s.shift)
        up = objective * padded(s.grad) + s.mu * _logs_gradient(s)
        right, aim = up + pulled(s.J, s.y), objective * s.r
        dw, dy = condensed.refined(factors, H0, s.J, right[:n], right[n:], aim[:mE], aim[mE:])
        slope = np.where(second, right, up) @ dw
        alpha = _longest(s, dw)

        down = np.maximum(-slope, 1e-300)
        curved = np.where(s.theta <= 1e-4 * np.maximum(1.0, s.theta0), s.theta**1.1 / down**2.3, np.inf)
        shortest = np.where(slope < 0, np.minimum(np.minimum(THETA, PHI * s.theta / down), curved), THETA)
        crawls = np.where((s.halvings >= CUT) & ~second, s.crawls + 1, 0.0)
        floor = np.where((crawls >= 2) & (s.theta > MISSED), alpha * 0.5**CUT, 1e-14)
        shortest = np.where(second, 1e-14, np.maximum(0.05 * shortest, floor))
        tiny = (np.max(np.abs(dw) / (1 + np.abs(s.w))) < 10 * EPS) & ~second & (s.theta <= 1e-6)
        lost = (s.status == Status.RUNNING) & ~np.all(np.isfinite(dw))
        trial = Step(dw, dy, alpha)
        return s._replace(
            trial=trial, newton=trial, factors=factors, shift=np.where(shift > least, shift, s.shift),
            bent=np.where(shift > least, 1.0, 0.0), slope=slope, shortest=shortest, halvings=0.0, crawls=crawls,
            corrections=0.0, tiny=np.where(tiny, s.tiny + 1, 0.0), forced=np.where(tiny, 1.0, 0.0),
            status=np.where(lost, Status.STALLED, s.status) + 0.0,
        )  # fmt: skip

    return start, step


def _gaps(s: State, w: Any) -> tuple[Any, Any]:
    """Distances to the sides, positive; infinite where there is none."""
    return np.maximum(w - s.low, EPS * EPS), np.maximum(s.high - w, EPS * EPS)


def _logs(s: State, w: Any) -> Any:
    """What mu multiplies in the barrier function. A side that is not there adds nothing."""
    dl, du = _gaps(s, w)
    bounded, capped = np.isfinite(s.low), np.isfinite(s.high)
    apart = np.where(bounded & ~capped, dl, 0.0) + np.where(capped & ~bounded, du, 0.0)
    return ONE_SIDED * apart.sum() - np.log(np.where(bounded, dl, 1.0) * np.where(capped, du, 1.0)).sum()


def _logs_gradient(s: State) -> Any:
    dl, du = _gaps(s, s.w)
    bounded, capped = np.isfinite(s.low), np.isfinite(s.high)
    lonely = np.where(bounded & ~capped, 1.0, 0.0) - np.where(capped & ~bounded, 1.0, 0.0)
    return 1 / du - 1 / dl + ONE_SIDED * lonely


def _longest(s: State, dw: Any) -> Any:
    """How far along dw, at most 1, until a gap shrinks by its part of max(0.99, 1 - mu)."""
    dl, du = _gaps(s, s.w)
    return np.minimum(1.0, np.maximum(0.99, 1 - s.mu) / np.maximum(np.maximum(-dw / dl, dw / du).max(), EPS))


def _scale(steepest: Any) -> Any:
    return np.maximum(np.minimum(STEEPEST / np.maximum(steepest, 1e-300), 1.0), 1e-8)


def _updated(old: State, s: State, kept: Any) -> Any:
    """The BFGS matrix of the Lagrangian after a step, damped so that it stays positive definite."""
    d = (s.w - old.w)[: s.grad.size]
    change = s.grad - old.grad + ((s.J - old.J).T @ s.y if s.y.size else 0.0)
    Bd = old.B @ d
    dBd, dy = d @ Bd, d @ change
    part = np.where(dy >= 0.2 * dBd, 1.0, 0.8 * dBd / np.where(dBd > dy, dBd - dy, 1.0))
    change = part * change + (1 - part) * Bd
    dy = d @ change
    good = ~kept & (dBd > 0) & (dy > 0)
    B = old.B - Bd[:, None] * Bd / np.where(good, dBd, 1.0) + change[:, None] * change / np.where(good, dy, 1.0)
    return np.where(good, B, old.B)
