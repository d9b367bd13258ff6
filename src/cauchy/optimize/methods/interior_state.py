"""What the interior point method works on: the functions of a problem, and the state between two rounds."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...calculus import differentiate
from ...errors import NoRule, TraceError
from ..problem import Problem
from .condensed import Factors

RELAXED = 1e-10  # by which sides are moved apart, relative: a feasible set without interior gets one


class Settings(NamedTuple):
    """tol: of the scaled KKT residuals. mu: the first barrier parameter. push: how far starts keep from the sides."""

    tol: float = 1e-8
    mu: float = 0.1
    push: float = 1e-2


class Functions(NamedTuple):
    """What is minimized: plain functions of the n free variables. Rows E of c, less their right side, before rows I.

    values(x): f and c. slopes(x): the gradient of f in all variables, the Jacobian of c in the free ones.
    hessian(x, sigma, y) of sigma f + y'c, None for BFGS. low, high: the sides of (x, c_I).
    full(x): all variables. part(v): the free ones of all.
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
    """A direction of w and y, and how far to go along it."""

    dw: Any
    dy: Any
    alpha: Any


class State(NamedTuple):
    """Between two rounds. w = (x, s): free variables and slacks. Everything but x, f, g is scaled."""

    x: Any  # all variables; the first six are what every method shows of its state
    f: Any
    g: Any
    k: Any
    evals: Any
    status: Any
    w: Any
    r: Any  # residuals (c_E, c_I - s)
    theta: Any  # |r|_1
    grad: Any  # of f, in the free variables
    J: Any  # of c
    y: Any  # multipliers of the residuals, and of the sides of w
    zl: Any
    zu: Any
    trial: Step  # from w, on trial
    newton: Step  # Newton's; its alpha is the longest that stays inside
    factors: Factors
    shift: Any  # of H, the last that was needed
    bent: Any  # 1.0 if Newton's system needed one now
    slope: Any  # of the merit function along Newton's direction
    shortest: Any  # alpha below which the line search is given up
    halvings: Any
    crawls: Any  # steps in a row that were halved often
    corrections: Any
    missed: Any  # theta of the last trial point that was corrected
    aim: Any  # the residuals that the correction removes
    mu: Any
    phi: Any  # merit: f and barrier, in phase 1 |r|^2 / 2 and barrier
    filter_theta: Any
    filter_phi: Any
    filter_size: Any
    theta0: Any  # at the start
    phase: Any  # 0.0, or 1.0: the search for feasibility
    visits: Any  # of phase 1
    mu_kept: Any  # to go on with after phase 1
    goal: Any  # theta that ends phase 1
    forced: Any  # 1.0: the trial point is taken whatever it is
    flat: Any  # iterations in a row that changed phi by rounding alone
    tiny: Any  # ... and w
    scale_f: Any
    scale_c: Any
    low: Any
    high: Any
    B: Any  # the BFGS matrix; of shape (0, 0) with second derivatives


_INNER = {"trial": Step, "newton": Step, "factors": Factors}


class Packing:
    """States of the shapes of `like` as one vector, which is what calls of machine code take and give.

    at: where in the vector the fields are.
    """

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
        made |= {name: kind(*[found.pop(0) for _ in kind._fields]) for name, kind in _INNER.items()}
        return State(**made)


def _flat(s: State) -> list[Any]:
    return [v for n, v in zip(s._fields, s, strict=True) if n not in _INNER] + [
        v for n in _INNER for v in getattr(s, n)
    ]


def relaxed(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sides, moved apart."""
    move = lambda s: RELAXED * np.maximum(1.0, np.abs(np.where(np.isfinite(s), s, 0.0)))
    return low - move(low), high + move(high)


def inside(v: Any, low: Any, high: Any, push: Any) -> Any:
    """v moved off the sides, and between them."""
    bounded, capped = np.isfinite(low), np.isfinite(high)
    floor, roof = np.where(bounded, low, 0.0), np.where(capped, high, 0.0)
    width = np.where(bounded & capped, roof - floor, np.inf)
    v = np.where(bounded, np.maximum(v, floor + push * np.minimum(np.maximum(1.0, np.abs(floor)), width)), v)
    return np.where(capped, np.minimum(v, roof - push * np.minimum(np.maximum(1.0, np.abs(roof)), width)), v)


def functions(p: Problem) -> tuple[Functions, Functions, np.ndarray]:
    """The problem in its free variables, equalities first, rows without sides left out; and which rows these are.

    First as functions to be traced, then as calls of the problem's compiled functions, which run by themselves; where
    derivatives came by hand these are the first once more.
    """
    free, fixed = np.flatnonzero(p.lower < p.upper), np.flatnonzero(p.lower == p.upper)
    equal = np.flatnonzero(p.cl == p.cu)
    between = np.flatnonzero((p.cl != p.cu) & (np.isfinite(p.cl) | np.isfinite(p.cu)))
    rows = np.concatenate([equal, between])
    n, m, c = free.size, rows.size, p.c
    values, order = p.lower[fixed], np.argsort(np.concatenate([free, fixed]), kind="stable")
    back = np.full(p.m, m)
    back[rows] = np.arange(m)
    target = np.concatenate([p.cl[equal], np.zeros(between.size)])
    in_order, shifted = np.array_equal(rows, np.arange(p.m)), bool(target.any())
    by_hand = p.rows_by_hand

    def full(x: Any) -> Any:
        return np.concatenate([x, values])[order] if fixed.size else x

    def part(v: Any) -> Any:
        return v[free] if fixed.size else v

    def chosen(v: Any) -> Any:
        return v if in_order else v[rows]

    def missed(v: Any) -> Any:
        return chosen(v) - target if shifted else chosen(v)

    def residuals(x: Any) -> Any:
        return np.zeros(0) if c is None or not m else missed(c(full(x)))

    def slopes(x: Any) -> tuple[Any, Any]:
        _, g = p.plain_value_and_gradient(full(x))
        if not m:
            return g, np.zeros((0, n))
        return g, chosen(p.plain_jacobian(full(x)))[:, free] if by_hand else differentiate.jacobian(residuals)(x)

    def spread(y: Any) -> Any:
        return y if in_order else np.concatenate([y, np.zeros(1)])[back]

    def weighted(x: Any, y: Any) -> Any:
        return 0.0 if c is None or not m else spread(y) @ c(full(x))

    def hessian(x: Any, sigma: Any, y: Any) -> Any:
        if p._hess is None:
            return differentiate.hessian(lambda x: sigma * p.f(full(x)) + weighted(x, y))(x)
        H = sigma * part(part(p.plain_hessian(full(x))).T)
        return H + differentiate.hessian(lambda x: weighted(x, y))(x) if m else H

    def ready_slopes(x: Any) -> tuple[Any, Any]:
        at = full(x)
        return p.gradient(at), chosen(p.jacobian(at))[:, free] if m else np.zeros((0, n))

    def ready_hessian(x: Any, sigma: Any, y: Any) -> Any:
        at, lam, second = full(x), spread(y), p.lagrangian_hessian
        H = sigma * second(at, lam / sigma) if sigma else second(at, lam) - second(at, 0.0 * lam)
        return part(part(H).T)

    exact = not (p.by_hand or by_hand) or _traces(hessian, p.x0[free], m)
    low, high = np.concatenate([p.lower[free], p.cl[between]]), np.concatenate([p.upper[free], p.cu[between]])
    value = lambda x: (p.f(full(x)), residuals(x))
    plain = Functions(n, equal.size, low, high, value, slopes, hessian if exact else None, full, part)
    if p.by_hand or by_hand or p._hess is not None:
        return plain, plain, rows
    ready = lambda x: (p.value_and_gradient(full(x))[0], missed(p.constraints(full(x))) if m else np.zeros(0))
    return plain, plain._replace(values=ready, slopes=ready_slopes, hessian=ready_hessian), rows


def _traces(hessian: Callable[..., Any], x: np.ndarray, m: int) -> bool:
    """Whether there are second derivatives."""
    try:
        with np.errstate(all="ignore"):
            hessian(x, 1.0, np.ones(m))
    except (TraceError, NoRule):
        return False
    return True
