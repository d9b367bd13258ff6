"""Derivatives that are not those of the function by rule, against a difference quotient along one direction."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from ... import ops as P
from ...calculus.difference import difference
from ...errors import CauchyError
from ...tracer import trace
from ..problem import Problem
from .kkt import Point, Vector

SURE = 10.0  # times the estimated error of the quotient
PART = 1e-6  # of the derivative: what is off by less is let pass


_detached: weakref.WeakKeyDictionary[Problem, bool] = weakref.WeakKeyDictionary()


def contradicted(point: Point) -> bool:
    """Whether a quotient of f, of c or of the gradient says otherwise than the derivative by hand, or held to be 0.

    Along one fixed direction that takes part of every variable. Where the quotient itself is unsure, as at a kink or
    at the end of a domain, nothing is contradicted.
    """
    p = point.problem
    if p not in _detached:
        _detached[p] = _holds(p)
    of_f, of_c = p.by_hand or _detached[p], p.rows_by_hand or (_detached[p] and p.m > 0)
    if not (of_f or of_c or p._hess is not None):
        return False
    rng = np.random.default_rng(0)
    d = rng.uniform(0.5, 1.0, p.n) * rng.choice([-1.0, 1.0], p.n) * point.lengths
    if of_f and _differs(p.value, point.x, d, point.g @ d, np.abs(point.g) @ np.abs(d)):
        return True
    if of_c:
        J = point.J
        if _differs(p.constraints, point.x, d, J @ d, np.abs(J) @ np.abs(d)):
            return True
    if p._hess is not None:
        H = np.asarray(p.hessian(point.x))
        return _differs(p.gradient, point.x, d, H @ d, np.abs(H) @ np.abs(d))
    return False


def _holds(p: Problem) -> bool:
    """Whether f or c holds something constant that is not (`stop_gradient`)."""
    try:
        graphs = [trace(part, p.x0) for part in (p.f, p.c) if part is not None]
    except CauchyError:
        return False
    return any(node.prim is P.stop_gradient for graph in graphs for node in graph.nodes)


def _differs(f: Callable[[Vector], Any], x: Vector, d: Vector, slope: Any, size: Any) -> bool:
    try:
        found = difference(lambda t: np.asarray(f(x + t * d), np.float64), 0.0)
    except (ArithmeticError, ValueError):  # the end of what f is made for
        return False
    sure = np.reshape(np.isin(found.kind, ("smooth", "left", "right")), np.shape(slope))
    off = np.abs(np.reshape(found.value, np.shape(slope)) - slope)
    return bool((sure & (off > SURE * np.reshape(found.error, np.shape(slope)) + PART * size)).any())
