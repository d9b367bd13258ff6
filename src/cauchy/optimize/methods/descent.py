"""Descent with a given rate: plain, momentum, Nesterov, RMSprop, Adam.

One round: take the step d, evaluate f and its gradient there, choose the next d by a rule. A rule is a line in
RULES: (gradient, memory, iteration, settings) -> (step, memory), memory being two vectors that begin as zeros.
References: Cauchy (1847); Polyak (1964); Nesterov (1983), in the form of Sutskever et al. (2013); Tieleman & Hinton
(2012); Kingma & Ba (2015).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..status import Status

Function = Callable[..., Any]


class Settings(NamedTuple):
    """tol: of the scaled gradient. momentum, decay (of squares), floor (of roots): for the rules that have them."""

    rate: float = 0.01
    tol: float = 1e-8
    momentum: float = 0.9
    decay: float = 0.999
    floor: float = 1e-8


class State(NamedTuple):
    x: Any
    f: Any
    g: Any
    k: Any
    evals: Any
    status: Any
    d: Any  # the next step
    m: Any
    v: Any


def _plain(g: Any, m: Any, v: Any, k: Any, s: Settings) -> tuple[Any, Any, Any]:
    return -s.rate * g, m, v


def _momentum(g: Any, m: Any, v: Any, k: Any, s: Settings) -> tuple[Any, Any, Any]:
    m = s.momentum * m - s.rate * g
    return m, m, v


def _nesterov(g: Any, m: Any, v: Any, k: Any, s: Settings) -> tuple[Any, Any, Any]:
    # x stands where the gradient is wanted: ahead of the classical iterate by momentum * m
    new = s.momentum * m - s.rate * g
    return (1 + s.momentum) * new - s.momentum * m, new, v


def _rmsprop(g: Any, m: Any, v: Any, k: Any, s: Settings) -> tuple[Any, Any, Any]:
    v = s.decay * v + (1 - s.decay) * g * g
    return -s.rate * g / (np.sqrt(v) + s.floor), m, v


def _adam(g: Any, m: Any, v: Any, k: Any, s: Settings) -> tuple[Any, Any, Any]:
    m = s.momentum * m + (1 - s.momentum) * g
    v = s.decay * v + (1 - s.decay) * g * g
    rounds = k + 1.0
    rate = s.rate * np.sqrt(1 - s.decay**rounds) / (1 - s.momentum**rounds)
    return -rate * m / (np.sqrt(v) + s.floor * np.sqrt(1 - s.decay**rounds)), m, v


RULES: dict[str, Function] = {
    "gradient-descent": _plain,
    "momentum": _momentum,
    "nesterov": _nesterov,
    "rmsprop": _rmsprop,
    "adam": _adam,
}
DEFAULTS = {
    "gradient-descent": Settings(rate=0.01),
    "momentum": Settings(rate=0.01),
    "nesterov": Settings(rate=0.01),
    "rmsprop": Settings(rate=0.001, decay=0.9),
    "adam": Settings(rate=0.001),
}


def small(f: Any, g: Any, x: Any, tol: Any) -> Any:
    """The relative gradient of Dennis & Schnabel (1983): max |g_i| max(|x_i|, 1) / max(|f|, 1) <= tol."""
    return np.max(np.abs(g) * np.maximum(np.abs(x), 1.0)) <= tol * np.maximum(np.abs(f), 1.0)


def fixed_rate(value_and_gradient: Function, rule: Function) -> tuple[Function, Function]:
    """(start, step) of a rule."""

    def start(x0: Any, s: Settings) -> State:
        zero = 0.0 * x0
        return State(x0, np.inf, zero, -1, 0, int(Status.RUNNING), zero, zero, zero)

    def step(a: State, s: Settings) -> State:
        x = a.x + a.d
        f, g = value_and_gradient(x)
        d, m, v = rule(g, a.m, a.v, a.k + 1, s)
        finite = np.isfinite(f) & np.all(np.isfinite(g))
        stuck = (a.k >= 0) & np.all(x == a.x)
        status = np.where(stuck, Status.STALLED, Status.RUNNING)
        status = np.where(small(f, g, x, s.tol), Status.CONVERGED, status)
        status = np.where(finite, status, np.where(a.k < 0, Status.NOT_FINITE, Status.DIVERGED))
        return State(x, f, g, np.where(stuck, a.k, a.k + 1), a.evals + 1, status, d, m, v)

    return start, step
