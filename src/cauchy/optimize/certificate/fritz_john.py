"""Fritz John multipliers: what holds at a minimum without any constraint qualification.

At a local minimum there are mu0 >= 0 and multipliers of the right signs, not all 0, with mu0 grad f + V'mu = 0. Where
mu0 = 0 is the only way, the gradients of the active constraints balance by themselves, and KKT multipliers need not
exist.
Reference: F. John, "Extremum problems with inequalities as subsidiary conditions" (1948).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls

from .kkt import Point, Sides, Vector


class FritzJohn(NamedTuple):
    """objective * grad f + J'constraints + bounds = 0 up to `residual`; for gradients scaled to length 1, sum 1."""

    objective: float
    constraints: Vector
    bounds: Vector
    residual: float


def fritz_john(point: Point, sides: Sides) -> FritzJohn:
    """Multipliers of f and of these rows, of the right signs, sum of sizes 1, that balance their gradients best."""
    t, m, sign = point.lengths, point.m, sides.sign
    B = point.matrix(sides.rows) * t
    size = np.sqrt((B * B).sum(axis=1))
    g = point.g * t
    top = float(np.sqrt(g @ g)) or 1.0
    B = B / np.where(size > 0, size, 1.0)[:, None] * np.where(sign == 0, 1, sign)[:, None]
    free = sign == 0
    columns = np.column_stack((g / top, B.T, -B[free].T))
    try:
        w, rest = nnls(np.vstack((columns, np.ones(columns.shape[1]))), np.append(np.zeros(point.n), 1.0))
    except RuntimeError:
        w, rest = np.zeros(columns.shape[1]), np.inf
    mu = w[1 : 1 + sign.size]
    mu[free] -= w[1 + sign.size :]
    total = w[0] + np.abs(mu).sum()
    y = np.zeros(m + point.n)
    if total > 0:
        y[sides.rows] = mu * np.where(free, 1, sign) / total
    residual = float(np.sqrt(((columns @ w) ** 2).sum())) / total if total > 0 else float(rest)
    return FritzJohn(float(w[0] / total) if total > 0 else 0.0, y[:m], y[m:], residual)


def normalized(point: Point, y: Vector) -> FritzJohn:
    """KKT multipliers as Fritz John ones; `objective` is 1 where y is 0."""
    mine = float(np.sqrt(((point.g * point.lengths) ** 2).sum()))
    theirs = float(np.abs(y) @ point.scale)
    part = mine / (mine + theirs) if theirs > 0 else 1.0
    scaled = y * point.scale * part / (mine or 1.0)
    return FritzJohn(part, scaled[: point.m], scaled[point.m :], 0.0)
