"""What a multiplier is worth: how the optimum and its value answer to small changes of sides, bounds and parameters.

Where the gradients of the active constraints are independent, none has a zero multiplier and the second-order
sufficient condition holds, x and the multipliers are differentiable in the data (implicit function theorem), and the
slope of the optimal value in a side is minus its multiplier.
Reference: A. Fiacco, "Introduction to Sensitivity and Stability Analysis in Nonlinear Programming" (1983).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...calculus import differentiate
from ...errors import CauchyError, ShapeError
from ...messages import say
from ...proof import Result
from ...tracer import call
from ..certificate import Certificate, candidate, certify
from ..certificate.kkt import Point, Vector
from ..problem import Problem, asked_about
from ..result import Optimum


@dataclass(frozen=True, kw_only=True)
class Sensitivity(Result):
    """Slopes of the optimum, at its certificate's point. n variables, m constraints, k parameters.

    value_in_constraints, shape (m,), value_in_bounds, (n,): of the optimal value in the active side of each; minus
    the multipliers. x_in_constraints, (n, m), x_in_bounds, (n, n): of x; multipliers_in_constraints, (m, m), of theirs.
    Zero where the constraint is not active.
    value_in_parameter, shape (k,), x_in_parameter, (n, k), multipliers_in_parameter, (m, k): None without parameter.
    range_constraints, (m, 2), range_bounds, (n, 2): by how much a side may move down and up until, to first order,
    another constraint becomes active or an active one lets go: an estimate of how far the slopes hold. Where a
    constraint is not active: how far its upper side may come down and its lower side up until it is.
    """

    certificate: Certificate
    value_in_constraints: Vector
    value_in_bounds: Vector
    x_in_constraints: Vector
    x_in_bounds: Vector
    multipliers_in_constraints: Vector
    range_constraints: Vector
    range_bounds: Vector
    value_in_parameter: Vector | None = None
    x_in_parameter: Vector | None = None
    multipliers_in_parameter: Vector | None = None

    def text(self, lang: str | None = None) -> str:
        """One sentence for each active constraint, and for each parameter."""
        c, lines = self.certificate, []
        for name, rows, value, reach in (
            ("c", c.active, self.value_in_constraints, self.range_constraints),
            ("x", c.active_bounds, self.value_in_bounds, self.range_bounds),
        ):
            lines += [
                say(
                    "optimize.sensitivity_side",
                    lang,
                    name=f"{name}[{i}]",
                    slope=value[i],
                    down=reach[i, 0],
                    up=reach[i, 1],
                )
                for i in rows
            ]
        for i, slope in enumerate(() if self.value_in_parameter is None else self.value_in_parameter):
            lines.append(say("optimize.sensitivity_parameter", lang, i=i, slope=slope))
        return "\n".join(lines or [say("optimize.sensitivity_none", lang)])

    def __str__(self) -> str:
        return self.text()


def sensitivity(
    problem: Problem | Optimum | Callable[..., Any], x: Any = None, multipliers: Any = None, *, bounds: Any = None,
    subject_to: Any = (), parameter: Any = None, rows: Callable[..., Any] | None = None,
    f: Callable[..., Any] | None = None,
) -> Sensitivity:  # fmt: skip
    """How the minimum x of a problem answers to changes of its constraints' sides, of its bounds, and of a parameter.

    problem: the result of `minimize` (or of `maximize`: then all is told of -f), which has x too, a `Problem`, or a
    function, with `bounds` and `subject_to` as `minimize` takes them. x: a certified minimum, or a result that has it;
    multipliers: computed by default. parameter: a number or array p; then `f` is f(x, p) and `rows` (if the problem
    has constraints) c(x, p), of flat x, which agree with the problem's at this p.

    Raises `CauchyError` where the slopes do not exist: x is not certified as a strict minimum, a constraint is
    weakly active, or gradients of active constraints depend on each other.

    >>> import cauchy
    >>> result = cauchy.minimize(lambda x: x[0] ** 2 + x[1] ** 2, [1.0, 0.5], subject_to=(lambda x: x[0] + x[1], 1, 1))
    >>> s = cauchy.sensitivity(result)
    >>> s.value_in_constraints, s.x_in_constraints.ravel()
    (array([1.]), array([0.5, 0.5]))
    """
    if isinstance(problem, Optimum):
        problem, x = problem.problem, problem.run.x if x is None else x
    start = None if isinstance(problem, Problem) else getattr(x, "x", x)
    problem = asked_about("sensitivity", problem, start, (), bounds, subject_to)
    if x is None:
        raise ShapeError("sensitivity: x is missing", fix="sensitivity(problem, x), or sensitivity(minimize(...))")
    x = candidate(problem, x)
    c = certify(problem, x, multipliers=multipliers)
    if not c.certified or c.kind != "minimum":
        raise CauchyError("x is not certified as a strict minimum", why=str(c), fix="polish it, or minimize further")
    if not c.independent:
        raise CauchyError("gradients of the active constraints depend on each other: the multipliers are not unique")
    if c.weakly_active:
        named = ", ".join(f"{kind}[{i}]" for kind, i in c.weakly_active)
        why = "a multiplier 0 means another slope for each direction of change"
        raise CauchyError(f"the slopes do not exist: {named} active with multiplier 0", why=why)
    m, n = problem.m, problem.n
    point = Point(problem, x)
    y = np.concatenate((c.constraints, c.bounds))
    held = np.array([*c.active, *(m + i for i in c.active_bounds)], dtype=int)
    V, k = point.matrix(held), held.size
    K = np.block([[point.hessian(y), V.T], [V, np.zeros((k, k))]])
    sides = np.linalg.solve(K, np.vstack((np.zeros((n, k)), np.eye(k))))  # answers to moves of the active sides
    dx, dy = np.zeros((n, m + n)), np.zeros((m + n, m + n))
    dx[:, held] = sides[:n]
    dy[np.ix_(held, held)] = sides[n:]
    reach = _reach(point, y, held, dx, dy)
    found: dict[str, Any] = {}
    if parameter is not None:
        found = _parameter(problem, x, y, held, K, parameter, f, rows)
    return Sensitivity(
        certificate=c, value_in_constraints=-c.constraints, value_in_bounds=-c.bounds, x_in_constraints=dx[:, :m],
        x_in_bounds=dx[:, m:], multipliers_in_constraints=dy[:m, :m], range_constraints=reach[:m],
        range_bounds=reach[m:], **found,
    )  # fmt: skip


def _reach(point: Point, y: Vector, held: Vector, dx: Vector, dy: Vector) -> Vector:
    """Moves (down <= 0 <= up) of each side until a slack or a multiplier would be 0 to first order."""
    m = point.m
    moved = np.vstack((point.J @ dx, dx)) if m else dx  # of all rows
    rest = np.ones(point.v.size, bool)
    rest[held] = False
    signed = held[~point.equal[held]]
    out = np.zeros((point.v.size, 2))
    for j in range(point.v.size):
        if j not in held:
            slack = point.low[j] - point.v[j], point.high[j] - point.v[j]
            # its lower side may go up, its upper side down, until it meets the value
            out[j] = slack[1] * -1, slack[0] * -1
            continue
        with np.errstate(divide="ignore", invalid="ignore"):
            steps = np.concatenate((
                ((point.low - point.v) / moved[:, j])[rest], ((point.high - point.v) / moved[:, j])[rest],
                (-y / dy[:, j])[signed],
            ))  # fmt: skip
        steps = steps[np.isfinite(steps)]
        out[j] = max(steps[steps < 0], default=-np.inf), min(steps[steps > 0], default=np.inf)
    return out


def _parameter(
    problem: Problem, x: Vector, y: Vector, held: Vector, K: Vector, p: Any, f: Any, rows: Any
) -> dict[str, Any]:
    m, n = problem.m, problem.n
    if f is None or (m and rows is None):
        raise CauchyError(
            "parameter without functions of it", fix="f=lambda x, p: ..., and rows=lambda x, p: ... with constraints"
        )
    lam = y[:m]

    def lagrangian(x: Any, p: Any) -> Any:
        value = call(f, (x, p), {})
        return value + lam @ column(x, p) if m else value

    def column(x: Any, p: Any) -> Any:
        return np.reshape(call(rows, (x, p), {}), m)

    p = np.asarray(p, dtype=np.float64)
    same = np.isclose(lagrangian(x, p), problem.value(x) + lam @ problem.constraints(x), rtol=1e-9)
    if not same:
        raise CauchyError("f and rows at this parameter are not the problem's functions")
    k = p.size
    value = np.reshape(differentiate.grad(lambda p: lagrangian(x, p))(p), k)
    cross = np.reshape(differentiate.jacobian(lambda p: differentiate.grad(lambda x: lagrangian(x, p))(x))(p), (n, k))
    right = [cross]
    if held.size:
        moved = np.zeros((m + n, k))
        if m:
            moved[:m] = np.reshape(differentiate.jacobian(lambda p: column(x, p))(p), (m, k))
        right.append(moved[held])
    found = np.linalg.solve(K, -np.vstack(right))
    multipliers = np.zeros((m + n, k))
    multipliers[held] = found[n:]
    return {"value_in_parameter": value, "x_in_parameter": found[:n], "multipliers_in_parameter": multipliers[:m]}
