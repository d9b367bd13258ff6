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

from ...messages import say
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
        t = self.tolerance
        if not abs(self.objective) < math.inf:
            return False
        for name in ("primal", "dual", "stationarity", "complementarity", "gap"):
            # scales are at least 1, and NaN is within nothing
            if not (abs(getattr(self, name)) <= t or getattr(self, f"_{name}") <= t):
                return False
        return True

    @property
    def blurred(self) -> bool:
        """Is some slack as far from zero as its multiplier is, so that it stays open which of them should vanish?"""
        return not np.maximum.reduce(np.minimum(abs(self.slack), abs(self.y))) <= BLUR

    @property
    def _primal(self) -> float:
        rows = size = abs(self.x)
        if self.program.A is not None:
            rows = np.concatenate((abs(self.program.A) @ size, size))
        return float((self.residuals[0] / np.maximum(rows, 1.0)).max(initial=0.0)) + 0.0  # no -0

    @property
    def _dual(self) -> float:
        return self.dual / max(1.0, float(abs(self.y).max()))

    def _terms(self) -> Vector:
        """The sizes of what stationarity adds up."""
        program, m = self.program, self.program.m
        size = abs(self.y)
        columns = abs(program.q) + size[m:]
        if program.A is not None:
            columns += size[:m] @ abs(program.A)
        if program.P is not None:
            columns += abs(program.P) @ abs(self.x)
        return columns

    @property
    def _stationarity(self) -> float:
        return float((abs(self.residuals[1]) / np.maximum(self._terms(), 1.0)).max())

    @property
    def _complementarity(self) -> float:
        return self.complementarity / max(1.0, abs(self.objective))

    @property
    def _gap(self) -> float:
        return abs(self.gap) / max(1.0, abs(self.objective))

    @cached_property
    def scaled(self) -> dict[str, float]:
        """The five residuals, each divided by its scale."""
        return {
            "primal": self._primal,
            "dual": self._dual,
            "stationarity": self._stationarity,
            "complementarity": self._complementarity,
            "gap": self._gap,
        }

    def text(self, lang: str | None = None) -> str:
        """The report in English ("en") or Chinese ("zh")."""
        head = say(
            f"optimize.quadratic_{'certified' if self.certified else 'uncertified'}", lang, tolerance=self.tolerance
        )
        name = lambda key: say(f"optimize.quadratic_{key}", lang)
        lines = [
            say("optimize.quadratic_residual", lang, name=name(key), value=getattr(self, key), scaled=scaled)
            for key, scaled in self.scaled.items()
        ]
        return "\n  ".join([head, *lines])

    def __str__(self) -> str:
        return self.text()


def certificate(program: Program, x: Vector, y: Vector, tolerance: float) -> QuadraticCertificate:
    """The certificate of x with multipliers y = (lam, z)."""
    P, A, m, q = program.P, program.A, program.m, program.q
    g = q + y[m:]
    value = program.r + float(q.dot(x))
    w = x
    if A is not None:
        w = np.concatenate((A @ x, x))
        g += y[:m] @ A
    if P is not None:
        Px = P @ x
        g += Px
        value += 0.5 * float(x.dot(Px))
    above, below = program.high - w, program.low - w
    violations = np.maximum(below, -above)
    slack = np.where(y > 0, above, below)
    slack[y == 0] = 0.0
    products = y * slack
    largest = float(np.maximum.reduce(abs(products)))
    dual, total = 0.0, float(np.add.reduce(products))
    if not largest < math.inf:
        infinite = ~np.isfinite(products)
        dual = float(abs(y[infinite]).max())
        products[infinite] = 0.0
        largest, total = float(abs(products).max()), float(products.sum())
    gap = float(x.dot(g)) + total
    made = QuadraticCertificate.__new__(QuadraticCertificate)  # without a call for each of its fields
    made.__dict__.update(
        primal=max(float(np.maximum.reduce(violations)), 0.0) + 0.0, dual=dual,
        stationarity=float(np.maximum.reduce(abs(g))), complementarity=largest, gap=gap, objective=value,
        dual_objective=value - gap, tolerance=tolerance, program=program, x=x, y=y, residuals=(violations, g),
        slack=slack,
    )  # fmt: skip
    return made
