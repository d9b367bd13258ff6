"""The certificate of a quadratic program: what x and its multipliers are worth, recomputed from the data alone.

With w = (Ax, x), y = (lam, z) and g = Px + q + A'lam + z, the dual objective is f - gap, where
gap = x'g + sum_i y_i (side_i - w_i), side_i being the upper side where y_i > 0 and the lower one where y_i < 0:
the difference of both objectives, written so that nothing cancels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ..messages import say
from .columns import Vector
from .program import Program

BLUR = 1e-8


@dataclass(frozen=True)
class QuadraticCertificate:
    """Five residuals of a candidate, absolute; `scaled` has each relative to the terms it is made of.

    `primal`: the largest violation of a row or bound. `dual`: the largest multiplier of a side that is infinite.
    `stationarity`: the largest entry of |Px + q + A'lam + z|. `complementarity`: the largest |multiplier x slack|.
    `gap` = objective - dual_objective. Scaled, row i of `primal` is divided by max(1, |A_i||x|), entry j of
    `stationarity` by max(1, |P_j||x| + |q_j| + |A_j'||lam| + |z_j|), `dual` by max(1, max |y|), `complementarity` and
    `gap` by max(1, |objective|). `certified`: all five, scaled, are at most `tolerance`. For a convex program
    the dual objective bounds every feasible value from below up to the stationarity: x is then optimal up to the gap.
    """

    primal: float
    dual: float
    stationarity: float
    complementarity: float
    gap: float
    objective: float
    dual_objective: float
    tolerance: float
    program: Program = field(repr=False, compare=False)
    x: Vector = field(repr=False, compare=False)
    y: Vector = field(repr=False, compare=False)
    residuals: tuple[Vector, Vector] = field(repr=False, compare=False)  # violations, stationarity
    slack: Vector = field(repr=False, compare=False)  # to the side that the multiplier names

    @cached_property
    def certified(self) -> bool:
        """Are all residuals, scaled, within the tolerance?"""
        t = self.tolerance  # scales are at least 1, and NaN is within nothing
        if not abs(self.objective) < math.inf:
            return False
        if self.primal <= t and self.stationarity <= t and self.complementarity <= t and -t <= self.gap <= t:
            return self.dual <= t
        return all(value <= t for value in self.scaled.values())

    @property
    def blurred(self) -> bool:
        """Is some slack as far from zero as its multiplier is, so that it stays open which of them should vanish?"""
        return not float(np.minimum(abs(self.slack), abs(self.y)).max()) <= BLUR

    @cached_property
    def scaled(self) -> dict[str, float]:
        """The five residuals, each divided by its scale."""
        program, x, y = self.program, self.x, self.y
        m, size = program.m, abs(x)
        rows, columns = size, abs(program.q) + abs(y[m:])
        if program.A is not None:
            A = abs(program.A)
            rows = np.concatenate([A @ size, size])
            columns += abs(y[:m]) @ A
        if program.P is not None:
            columns += abs(program.P) @ size
        violations, g = self.residuals
        value = max(1.0, abs(self.objective))
        return {
            "primal": float((violations / np.maximum(rows, 1.0)).max(initial=0.0)),
            "dual": self.dual / max(1.0, float(abs(y).max())),
            "stationarity": float((abs(g) / np.maximum(columns, 1.0)).max()),
            "complementarity": self.complementarity / value,
            "gap": abs(self.gap) / value,
        }

    def text(self, lang: str | None = None) -> str:
        """The report in English ("en") or Chinese ("zh")."""
        head = say(
            f"optimize.quadratic_{'certified' if self.certified else 'uncertified'}", lang, tolerance=self.tolerance
        )
        lines = [
            f"{say(f'optimize.quadratic_{name}', lang)}: {getattr(self, name):.1e} ({value:.1e})"
            for name, value in self.scaled.items()
        ]
        return "\n  ".join([head, *lines])

    def __str__(self) -> str:
        return self.text()


def certificate(program: Program, x: Vector, y: Vector, tolerance: float) -> QuadraticCertificate:
    """The certificate of x with multipliers y = (lam, z)."""
    P, A, m = program.P, program.A, program.m
    g = program.q + y[m:]
    if A is None:
        w = x
    else:
        w = np.concatenate([A @ x, x])
        g += y[:m] @ A
    value = program.q @ x
    if P is not None:
        Px = P @ x
        g += Px
        value += 0.5 * (x @ Px)
    value = float(value) + program.r
    violations = np.maximum(program.low - w, w - program.high)
    slack = np.where(y > 0, program.high, np.where(y < 0, program.low, w)) - w
    products = y * slack
    largest = float(abs(products).max())
    dual, total = 0.0, float(products.sum())
    if not largest < math.inf:
        infinite = ~np.isfinite(products)
        dual = float(abs(y[infinite]).max())
        products[infinite] = 0.0
        largest, total = float(abs(products).max()), float(products.sum())
    gap = float(x @ g) + total
    return QuadraticCertificate(
        max(float(violations.max()), 0.0), dual, float(abs(g).max()), largest, gap, value, value - gap, tolerance,
        program, x, y, (violations, g), slack,
    )  # fmt: skip
