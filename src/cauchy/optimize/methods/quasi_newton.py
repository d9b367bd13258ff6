"""Steepest descent, BFGS and L-BFGS: a direction from the gradients seen so far, and a line search.

References: Broyden, Fletcher, Goldfarb, Shanno (1970); Nocedal (1980); Nocedal & Wright (2006), chapters 6 and 7.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...calculus.control import cond
from ..status import Status
from . import linesearch
from .descent import small
from .linesearch import EPS, Bracket, Rule

Function = Callable[..., Any]
MEMORY = 10  # pairs that L-BFGS keeps


class Settings(NamedTuple):
    """tol: of the scaled gradient. rate: the first trial of steepest descent and of the first step, 0 for 1/|g|.

    step: of the next step, relative to max(|x|, 1), beyond which a small gradient does not suffice (0: it does).
    """

    tol: float = 1e-8
    rate: float = 0.0
    step: float = 0.0


class State(NamedTuple):
    x: Any
    f: Any
    g: Any
    k: Any
    evals: Any
    status: Any
    d: Any
    slope: Any
    b: Bracket
    memory: Any  # of the direction: a tree of arrays
    pairs: Any  # updates since the memory was fresh


class Direction(NamedTuple):
    """fresh(x) is the memory before the first step; after(memory, pairs, x, g, s, y) is (direction, memory).

    s, y are the last changes of x and of the gradient g; what the memory holds counts only where `pairs` > 0.
    """

    fresh: Function
    after: Function
    scaled: bool = True  # the direction is a step, so that t = 1 is the natural trial
    curved: bool = False  # ... from the first step on


def _steepest(memory: Any, pairs: Any, x: Any, g: Any, s: Any, y: Any) -> tuple[Any, Any]:
    return -g, memory


def _curved(s: Any, y: Any) -> tuple[Any, Any]:
    """Whether the pair has positive curvature, beyond rounding (else an update loses definiteness), and s'y."""
    sy = s @ y
    good = sy > EPS * np.sqrt((y @ y) * (s @ s))
    return good, np.where(good, sy, 1.0)


def _bfgs(H: Any, pairs: Any, x: Any, g: Any, s: Any, y: Any) -> tuple[Any, Any]:
    good, sy = _curved(s, y)
    scale = np.where(good, sy / np.where(good, y @ y, 1.0), 1.0)
    H = np.where(pairs > 0, H, scale * np.eye(g.size))
    Hy = H @ y
    u = np.where(good, s / sy, 0.0)
    H = H + (sy + y @ Hy) * (u[:, None] * u) - Hy[:, None] * u - u[:, None] * Hy
    return -(H @ g), H


def _lbfgs(memory: Any, pairs: Any, x: Any, g: Any, s: Any, y: Any) -> tuple[Any, Any]:
    S, Y, rho = memory  # newest first; a pair that is not there has rho = 0 and changes nothing
    good, sy = _curved(s, y)
    S = np.where(good, np.concatenate([s[None], S[:-1]]), S)
    Y = np.where(good, np.concatenate([y[None], Y[:-1]]), Y)
    rho = np.where(pairs > 0, rho, 0.0)
    rho = np.where(good, np.concatenate([np.reshape(1.0 / sy, (1,)), rho[:-1]]), rho)
    q, a = g, []
    for i in range(MEMORY):
        a.append(rho[i] * (S[i] @ q))
        q = q - a[i] * Y[i]
    there = rho[0] > 0
    q = np.where(there, 1.0 / np.where(there, rho[0] * (Y[0] @ Y[0]), 1.0), 1.0) * q
    for i in reversed(range(MEMORY)):
        q = q + (a[i] - rho[i] * (Y[i] @ q)) * S[i]
    return -q, (S, Y, rho)


DIRECTIONS = {
    "steepest-descent": Direction(lambda x: 0.0, _steepest, scaled=False),
    "bfgs": Direction(lambda x: np.eye(x.size), _bfgs),
    "l-bfgs": Direction(lambda x: (np.zeros((MEMORY, x.size)), np.zeros((MEMORY, x.size)), np.zeros(MEMORY)), _lbfgs),
}


def searching(value_and_gradient: Function, direction: Direction, rule: Rule) -> tuple[Function, Function]:
    """(start, step) of a direction with a line search."""

    def start(x0: Any, s: Settings) -> State:
        zero, at = 0.0 * x0, linesearch.begin(0.0, 0.0, 0.0)
        return State(x0, np.inf, zero, -1, 0, int(Status.RUNNING), zero, 0.0, at, direction.fresh(x0), 0)

    def step(a: State, settings: Settings) -> State:
        x = a.x + a.b.t * a.d
        f, g = value_and_gradient(x)
        accepted, bracket = linesearch.judge(rule, a.b, a.f, a.slope, f, g @ a.d)
        first = a.k < 0
        # the best trial of a search that ended, at the edge of where f is defined, say
        settled = (a.b.trials >= linesearch.SETTLED) & (f < a.f) & np.all(np.isfinite(g))
        accepted = accepted | settled

        def arrive(memory: Any) -> State:
            d, memory = direction.after(memory, a.pairs, x, g, x - a.x, g - a.g)
            d = np.where(g @ d < 0, d, -g)
            slope = g @ d
            natural = 1.0 if direction.scaled else a.b.t * a.slope / slope  # as far down as the last step
            if not direction.scaled:
                natural = np.where(settings.rate > 0, settings.rate, natural)
            t = natural if direction.curved else np.where(first, _unit(g, settings), natural)
            # before the first pair a direction says nothing about the distance
            near = np.all(np.abs(d) <= np.where(first, 0.0, settings.step) * np.maximum(np.abs(x), 1.0))
            near = near | (settings.step == 0)
            status = np.where(small(f, g, x, settings.tol) & near, Status.CONVERGED, Status.RUNNING)
            status = np.where(f < -1e300, Status.UNBOUNDED, status)
            status = np.where(np.isfinite(f) & np.all(np.isfinite(g)), status, Status.NOT_FINITE)
            pairs = np.where(first, 0, a.pairs + 1)
            return State(x, f, g, a.k + 1, a.evals + 1, status, d, slope, linesearch.begin(t, f, slope), memory, pairs)

        def search(memory: Any) -> State:
            over = linesearch.spent(bracket, a.x, a.d)
            endless = over & ~np.isfinite(bracket.hi)
            lower = over & ~endless & (bracket.lo > 0) & (a.b.trials < linesearch.SETTLED)
            again = (
                over & ~endless & ~lower & (a.pairs > 0) & direction.scaled
            )  # along the gradient, nothing remembered
            status = np.where(over & ~again & ~lower, Status.STALLED, Status.RUNNING)
            status = np.where(endless, Status.UNBOUNDED, status)
            fresh = linesearch.begin(_unit(a.g, settings), a.f, -(a.g @ a.g))
            b = Bracket(*(np.where(again, new, old) for new, old in zip(fresh, bracket, strict=True)))
            b = b._replace(t=np.where(lower, bracket.lo, b.t), trials=np.where(lower, linesearch.SETTLED, b.trials))
            d, slope = np.where(again, -a.g, a.d), np.where(again, fresh.s_lo, a.slope)
            here = lambda new, old: np.where(endless, new, old)  # as far as it came
            return State(
                here(x, a.x),
                here(f, a.f),
                here(g, a.g),
                a.k,
                a.evals + 1,
                status,
                d,
                slope,
                b,
                memory,
                np.where(again, 0, a.pairs),
            )

        return cond(accepted | first, arrive, search, a.memory)

    return start, step


def _unit(g: Any, settings: Settings) -> Any:
    """The first trial along -g: the given rate, else a step of length 1 at most."""
    return np.where(settings.rate > 0, settings.rate, np.minimum(1.0, 1.0 / np.sqrt(np.maximum(g @ g, 1e-300))))
