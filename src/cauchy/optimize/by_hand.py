"""Derivatives that came by hand, against a difference quotient along one direction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..calculus.difference import difference
from .kkt import Point, Vector

SURE = 10.0  # times the estimated error of the quotient
PART = 1e-6  # of the derivative: what is off by less is let pass


def contradicted(point: Point) -> bool:
    """Whether a quotient of f, of c or of the gradient says otherwise than what was given for its derivative.

    Along one fixed direction that takes part of every variable. Where the quotient itself is unsure, as at a kink or
    at the end of a domain, nothing is contradicted.
    """
    p = point.problem
    rng = np.random.default_rng(0)
    d = rng.uniform(0.5, 1.0, p.n) * rng.choice([-1.0, 1.0], p.n) * point.lengths
    if p.by_hand and _differs(p.value, point.x, d, point.g @ d, np.abs(point.g) @ np.abs(d)):
        return True
    if any(row.jac is not None for row in p.rows):
        J = point.J
        if _differs(p.constraints, point.x, d, J @ d, np.abs(J) @ np.abs(d)):
            return True
    if p._hess is not None:
        H = np.asarray(p.hessian(point.x))
        return _differs(p.gradient, point.x, d, H @ d, np.abs(H) @ np.abs(d))
    return False


def _differs(f: Callable[[Vector], Any], x: Vector, d: Vector, slope: Any, size: Any) -> bool:
    try:
        found = difference(lambda t: np.asarray(f(x + t * d), np.float64), 0.0)
    except (ArithmeticError, ValueError):  # the end of what f is made for
        return False
    sure = np.reshape(np.isin(found.kind, ("smooth", "left", "right")), np.shape(slope))
    off = np.abs(np.reshape(found.value, np.shape(slope)) - slope)
    return bool((sure & (off > SURE * np.reshape(found.error, np.shape(slope)) + PART * size)).any())
