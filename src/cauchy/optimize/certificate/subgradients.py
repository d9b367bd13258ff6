"""Minima of convex problems without second derivatives: how low can f be, from its gradients around a point.

For convex f, f(y) >= f(x_k) + g_k'(y - x_k) at every x_k. Weights w_k >= 0 of sum 1 for which sum w_k g_k points out
of the box only (0, where no bound is active) give f(y) >= sum w_k (f(x_k) + g_k'(x - x_k)) for all feasible y.
Reference: C. Lemaréchal (1975), the aggregate subgradient of bundle methods.
"""

from __future__ import annotations

import weakref

import numpy as np
from scipy.optimize import nnls

from ...calculus import differentiate
from ...errors import CauchyError
from ...tracer import trace
from ..convexity.analysis import Analysis, curved
from ..convexity.composition import CONCAVE, CONVEX
from ..problem import Problem
from .kkt import Point, Vector

STEP = 2.0**-30  # of the points around, relative to the lengths
LEFT = 1e-10  # of the gradients, in their weighted sum
MOST = 100  # variables
MOST_ENCLOSED = 12  # for enclosing second derivatives

_convex: weakref.WeakKeyDictionary[Problem, bool] = weakref.WeakKeyDictionary()


def proved_convex(problem: Problem) -> bool:
    """Whether composition, or an enclosure of second derivatives, proves the problem convex.

    What `convexity` proves, without its search for a refutation, and so in milliseconds.
    """
    if problem.n > MOST:
        return False
    if problem not in _convex:
        _convex[problem] = _proved(problem)
    return _convex[problem]


def _proved(p: Problem) -> bool:
    try:
        f = Analysis(trace(p.f, p.x0))
        rows = CONVEX | CONCAVE if p.c is None else Analysis(trace(p.c, p.x0)).over(p.lower, p.upper).bits
        needs = np.where(np.isfinite(p.cu), CONVEX, 0) | np.where(np.isfinite(p.cl), CONCAVE, 0)
        if ((rows & needs) != needs).any():
            return False
        bits = f.bits(p.lower, p.upper)
        if not bits and f.regular and p.n <= MOST_ENCLOSED:
            bits = curved(Analysis(trace(differentiate.hessian(p.f), p.x0)), p.lower, p.upper)
    except CauchyError:  # nothing to look at
        return False
    return bool(bits & CONVEX)


def lowest_possible(point: Point) -> float:
    """A lower bound of a convex f over its box, as far as gradients around the point tell; -inf where they do not."""
    problem, n, t = point.problem, point.n, point.lengths
    if n > MOST or point.m:
        return -np.inf
    rng = np.random.default_rng(0)  # no symmetric directions: almost nowhere is a convex function not differentiable
    ways = np.vstack((np.eye(n) + rng.uniform(-0.1, 0.1, (n, n)), rng.normal(size=(n + 4, n))))
    values, gradients = [], []
    for d in np.vstack((ways, -ways)):
        x = np.clip(point.x + STEP * t * d, problem.lower, problem.upper)
        f, g = problem.value_and_gradient(x)
        values.append(float(f) + float(np.asarray(g) @ (point.x - x)))
        gradients.append(np.asarray(g) * t)
    G = np.array(gradients)
    fine = np.isfinite(G).all(axis=1) & np.isfinite(values)
    if not fine.any():
        return -np.inf
    G, bounds = G[fine], np.array(values)[fine]
    top = float(np.abs(G).max()) or 1.0
    out = np.vstack((np.eye(n)[point.x >= problem.upper], -np.eye(n)[point.x <= problem.lower]))
    columns = np.vstack((np.hstack((G.T / top, out.T)), np.r_[np.ones(len(G)), np.zeros(len(out))]))
    try:
        w, rest = nnls(columns, np.r_[np.zeros(n), 1.0])
    except RuntimeError:
        return -np.inf
    weights: Vector = w[: len(G)]
    return float(weights @ bounds / weights.sum()) if rest <= LEFT else -np.inf
