"""How low f can be anywhere: by its range, and in convex problems by gradients around a point, without second ones.

For convex f, f(y) >= f(x_k) + g_k'(y - x_k) at every x_k, and for a convex row c <= u, 0 >= c(x_k) - u + J_k(y - x_k)
where y is feasible. Weights of sum 1 for f, and weights >= 0 for the active rows, for which the sum of gradients is 0
or points out of the box give a lower bound of f(y) for all feasible y.
Reference: C. Lemaréchal (1975), the aggregate subgradient of bundle methods.
"""

from __future__ import annotations

import weakref

import numpy as np
from scipy.optimize import nnls

from ... import ops as P
from ...errors import CauchyError
from ...graph import Graph, Node, reachable
from ...tracer import trace
from ..convexity import proved
from ..convexity.polynomial import LINEAR, MORE, PRODUCTS
from ..problem import Problem
from .kkt import Point, Vector

STEP = 2.0**-30  # of the points around, relative to the lengths
LEVEL = 1e-12  # of the largest gradient: smaller parts along a direction count as none
LEFT = 1e-10  # of the gradients, in their weighted sum
MOST = 100  # variables for gradients all around
MOST_KNOWN = 2000  # variables for the graph to be looked at

_known: weakref.WeakKeyDictionary[Problem, tuple[bool, float]] = weakref.WeakKeyDictionary()
_attains: weakref.WeakKeyDictionary[Problem, bool] = weakref.WeakKeyDictionary()


def known(problem: Problem) -> tuple[bool, float]:
    """Whether the problem is proved convex, and a proved lower bound of f on its box."""
    if problem not in _known:
        _known[problem] = proved(problem) if problem.n <= MOST_KNOWN else (False, -np.inf)
    return _known[problem]


PIECES = LINEAR | PRODUCTS | MORE | {P.maximum, P.minimum, P.fmax, P.fmin, P.max, P.min, P.clip}


def attains(problem: Problem) -> bool:
    """Whether f and the rows are made of finitely many polynomials: then a convex problem has a minimum or no bound.

    Theorem: a convex polynomial that is bounded below on a set given by convex polynomial inequalities attains its
    least value there (E. Belousov, D. Klatte, 2002, extending M. Frank, P. Wolfe, 1956).
    """
    if problem not in _attains:
        try:
            graphs = [trace(part, problem.x0) for part in (problem.f, problem.c) if part is not None]
        except CauchyError:
            graphs = []
        _attains[problem] = bool(graphs) and all(map(_pieces, graphs))
    return _attains[problem]


def _pieces(graph: Graph) -> bool:
    moving: set[Node] = set(graph.inputs)
    for n in reachable(graph.outputs):
        if n not in moving and not moving.isdisjoint(n.args):
            moving.add(n)
            if n.prim is P.power:
                e = None if n.args[1] in moving else np.asarray(n.args[1].value)
                simple = e is not None and bool(((e >= 0) & (np.trunc(e) == e)).all())
            else:
                simple = n.prim in PIECES and not (n.prim is P.divide and n.args[1] in moving)
            if not simple:
                return False
    return not graph.guards


def lowest_possible(point: Point, active: Vector) -> tuple[float, bool]:
    """A lower bound of f in a convex problem, as far as gradients around the point tell; -inf where they do not.

    And whether they leave a direction along which f and the active rows do not change, as far as doubles tell.
    """
    problem, n, t = point.problem, point.n, point.lengths
    if n > MOST:
        return -np.inf, True
    rows = active[active < point.m]
    sign = np.where(point.upper(rows), 1, -1)
    both = point.equal[rows]  # these are affine
    rows, sign = np.concatenate((rows, rows[both])), np.concatenate((sign, -sign[both]))
    side = np.where(sign > 0, point.high[rows], point.low[rows])
    rng = np.random.default_rng(0)  # no symmetric directions: almost nowhere is a convex function not differentiable
    ways = np.vstack((np.eye(n) + rng.uniform(-0.1, 0.1, (n, n)), rng.normal(size=(n + 4, n))))
    cuts, of_rows = [], []
    for d in np.vstack((ways, -ways)):
        x = np.clip(point.x + STEP * t * d, problem.lower, problem.upper)
        f, g = problem.value_and_gradient(x)
        cuts.append((float(f) + float(np.asarray(g) @ (point.x - x)), np.asarray(g) * t))
        if rows.size:
            J = np.asarray(problem.jacobian(x))[rows]
            of_rows += zip(
                sign * (problem.constraints(x)[rows] + J @ (point.x - x) - side), sign[:, None] * J * t, strict=True
            )
    cuts, of_rows = ([(v, g) for v, g in all_ if np.isfinite(v + g @ g)] for all_ in (cuts, of_rows))
    if not cuts:
        return -np.inf, True
    G = np.array([g for _, g in cuts])
    top = float(np.abs(G).max()) or 1.0
    sizes = [float(np.abs(g).max()) or 1.0 for _, g in of_rows]
    normals = np.array([g / s for (_, g), s in zip(of_rows, sizes, strict=True)]).reshape(-1, n)
    out = np.vstack((normals, np.eye(n)[point.x >= problem.upper], -np.eye(n)[point.x <= problem.lower]))
    columns = np.vstack((np.hstack((G.T / top, out.T)), np.r_[np.ones(len(G)), np.zeros(len(out))]))
    try:
        w, rest = nnls(columns, np.r_[np.zeros(n), 1.0])
    except RuntimeError:
        return -np.inf, True
    weights, pushes = w[: len(G)], w[len(G) : len(G) + len(sizes)] * top
    over = sum(p * v / s for p, (v, _), s in zip(pushes, of_rows, sizes, strict=True))
    bound = float(weights @ [v for v, _ in cuts] + over) / float(weights.sum())
    level = int(np.linalg.matrix_rank(np.vstack((G / top, out)), tol=LEVEL)) < n
    return bound if rest <= LEFT else -np.inf, level
