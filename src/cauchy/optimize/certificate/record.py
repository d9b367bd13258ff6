"""What a certificate says."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ...calculus.kink import Kink
from ...proof import Result
from ..problem import Problem
from ..result import Multipliers
from .fritz_john import FritzJohn
from .kkt import Vector
from .nearby import Better

if TYPE_CHECKING:
    from .prove import ExactKKT

Kind = Literal[
    "minimum", "degenerate", "kink_minimum", "near", "saddle", "maximum", "not_stationary", "multipliers", "infeasible",
    "qualification", "kink", "undefined", "unknown",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Certificate(Result):
    """What a candidate x is. All numbers are estimates in float64, made from x alone.

    certified: the candidate satisfies the first-order conditions to `tolerance` (relative, see below), Newton's method
    would move it by no more than that and lower f by no more than tolerance * max(1, |f|), and its kind is "minimum",
    "kink_minimum", or "degenerate" where more is known than that no lower point was found. That is: the problem is
    proved convex or f at a proved lower bound (`estimates["lowest"]`), and the least value seems attained (it is by
    polynomials; else eighty digits show no slope that goes on: that would be a doubt, "plateau", and "attained" where
    it was not found out); or f was followed along the flat directions in eighty digits (`estimates["digits"]`:
    "level", a valley of minima, or "between", higher on both sides within tolerance).
    kind: "minimum" (second-order sufficient condition: strict local minimum; with `estimates["digits"]` "strict" if
    that took eighty digits), "degenerate" (no curvature along some direction), "kink_minimum" (not smooth there: in one
    variable f rises on both sides, in a convex problem its gradients around balance; or the curvature may jump there
    in a problem without lower values), "near" (all conditions hold
    roughly; `distance` tells how far Newton's method would go), "saddle" (stationary, f falls along some direction),
    "maximum", "not_stationary", "multipliers" (those given do not fit, others do), "infeasible", "qualification" (no
    multipliers, and the gradients of the active constraints balance without f: see `fritz_john`), "kink" (not
    differentiable there), "undefined" (f, c or a derivative is not finite), "unknown".
    verdict: REFUTED where a violation or a lower feasible point nearby (`better`, along `witness`) shows that x is no
    local minimum, not even to the square root of the tolerance. PROVED where exact arithmetic shows it
    (`prove_optimum`).

    violation, stationarity, dual, complementarity: the largest of each, relative. A violation to what the constraint
    changes over the lengths max(1, |x_i|) (or the width of the box); stationarity to the terms of the gradient of the
    Lagrangian and their change over the lengths; dual is a multiplier of the wrong sign, as a part of those terms;
    complementarity is slack times multiplier. distance: Newton's step relative to the lengths.
    constraints, bounds: multipliers, for the signs see `cauchy.optimize.problem`. active, active_bounds: indices.
    weakly_active: those of them whose multiplier is 0, as ("c", i) or ("x", i). strict: there are none.
    independent: LICQ, the gradients of the active ones are linearly independent.
    inertia: of the reduced Hessian of the Lagrangian, (positive, zero, negative) eigenvalues; curvature: these, of the
    equilibrated matrix. scope: "local", or "global" where it was shown that no feasible point is lower.
    """

    problem: Problem
    x: Vector
    fun: float
    certified: bool
    kind: Kind
    tolerance: float
    violation: float = np.nan
    stationarity: float = np.nan
    dual: float = 0.0
    complementarity: float = np.nan
    distance: float = np.nan
    constraints: Vector
    bounds: Vector
    active: tuple[int, ...] = ()
    active_bounds: tuple[int, ...] = ()
    weakly_active: tuple[tuple[str, int], ...] = ()
    independent: bool = True
    inertia: tuple[int, int, int] = (0, 0, 0)
    curvature: Vector
    scope: Literal["local", "global"] = "local"
    fritz_john: FritzJohn | None = None
    witness: Vector | None = None
    better: Better | None = None
    kinks: tuple[Kink, ...] = ()
    given: bool = False  # whether the multipliers are the caller's
    exact: ExactKKT | None = None  # from `prove_optimum`
    doubts: tuple[str, ...] = ()  # what kept it from being certified, as names of sentences

    @property
    def strict(self) -> bool:
        return not self.weakly_active

    @cached_property
    def multipliers(self) -> Multipliers:
        return Multipliers(self.constraints, self.bounds)

    def text(self, lang: str | None = None) -> str:
        """The certificate in sentences."""
        from .sentences import certificate_text

        return certificate_text(self, lang)

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        from .sentences import certificate_html

        return certificate_html(self)

    def plot(self, *, lang: str | None = None) -> Any:
        """A matplotlib Figure of a point of two variables: contours, constraints, gradients times multipliers."""
        from ..picture import certificate_figure

        return certificate_figure(self, lang)
