"""What the interior point method works on: the functions of a problem, and the state between two rounds."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

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
