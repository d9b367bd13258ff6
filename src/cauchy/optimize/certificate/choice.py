"""Of multipliers that are not unique, ones with which the Lagrangian curves upwards.

Any of them will do for the second-order sufficient condition. The curvature along a given direction is linear in them,
so the least one over the directions found so far is made largest by linear programs, until none is left.
Reference: J. Kelley (1960) for cutting planes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import linprog

from .kkt import RANK, Curvature, Point, Vector

ROUNDS = 20
REACH = 10.0  # times the largest multiplier known


def upward(
    point: Point, y: Vector, strong: Vector, first: Vector, ask: Callable[[Curvature], tuple[int | None, Vector | None]]
) -> tuple[Vector, Vector, Curvature] | None:
    """Multipliers, Hessian and curvature; None where there are none such.

    first: a direction along which it does not curve upwards. ask: the sign of the least curvature, and where.
    """
    A = point.matrix(strong) * point.lengths
    size = np.sqrt((A * A).sum(axis=1))
    size[size == 0] = 1.0
    u, s, _ = np.linalg.svd(A / size[:, None])
    others = np.zeros((y.size, strong.size - int((s > RANK * s[0]).sum())))
    others[strong] = u[:, strong.size - others.shape[1] :] / size[:, None]  # what can be added: V'others = 0
    if not others.shape[1]:
        return None
    H = point.hessian(y)
    more = [point.hessian(y + other) - H for other in others.T]
    held = strong[~point.equal[strong]]
    signs, reach = np.sign(y[held]), REACH * float(np.abs(y).max())
    left = np.hstack((-signs[:, None] * others[held], np.zeros((held.size, 1))))
    right = np.abs(y[held])
    bounds = [(-reach, reach)] * len(more) + [(None, 1.0)]
    for _ in range(ROUNDS):
        d = first / np.abs(first / point.lengths).max()
        left = np.vstack((left, [*(-d @ M @ d for M in more), 1.0]))
        right = np.append(right, d @ H @ d)
        found = linprog(np.r_[np.zeros(len(more)), -1.0], left, right, bounds=bounds)
        if found.status != 0 or not -found.fun > 0:
            return None
        other = y + others @ found.x[:-1]
        M = point.hessian(other)
        s = np.abs(point.g) + np.abs(M) @ point.lengths + np.abs(other[: point.m]) @ np.abs(point.J)
        curve = Curvature(point, M, strong, s)
        sign, where = ask(curve)
        if sign == 1:
            return other, M, curve
        if where is None:
            return None
        first = curve.directions @ where
    return None
