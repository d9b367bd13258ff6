"""Nonlinear least squares: Levenberg-Marquardt in a compiled loop, polished by Newton steps through QR.

References: Levenberg (1944); Marquardt (1963); Moré (1978) for the scaling; Madsen, Nielsen & Tingleff (2004) for the
damping.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import solve_triangular

from ..calculus import compile as compiled
from ..calculus import differentiate
from ..calculus.control import cond
from ..calculus.factor import cholesky_or_nan, solve_factored
from ..errors import CauchyError, ShapeError
from ..tracer import call
from .methods import linesearch, newton, quasi_newton
from .methods.drive import Loop, Watcher, drive
from .methods.linesearch import EPS
from .options import chosen_settings, heard, unfit, whole
from .problem import Problem, Shape, must_be_real, problem
from .result import Optimum, Path, Run
from .status import Status

Function = Callable[..., Any]
POLISH = 20  # Newton steps at most
LIMIT = 20_000  # iterations: curved valleys take thousands, of a microsecond each
AGAIN = (1e2, 1e4)  # first dampings to try where a first long step ended on a plateau
METHODS = ("levenberg-marquardt", "gauss-newton")
ALIASES = {"lm": "levenberg-marquardt"}


class Settings(NamedTuple):
    """tol: cosine between the residual and the tangent plane at which to stop. damping: the first, times the scale."""

    tol: float = 1e-12
    damping: float = 1e-3


class State(NamedTuple):
    """p is the trial step; A = J'J; scale holds the largest diagonal of A so far (Moré's scaling)."""

    x: Any
    f: Any
    g: Any
    k: Any
    evals: Any
    status: Any
    p: Any
    predicted: Any
    damping: Any
    growth: Any
    A: Any
    scale: Any


def marquardt(residual: Function, jacobian: Function) -> tuple[Function, Function]:
    """(start, step): every round evaluates the residual at one trial point, and its Jacobian where that is accepted."""

    def start(x0: Any, s: Settings) -> State:
        zero = 0.0 * x0
        A = np.zeros((x0.size, x0.size))
        return State(x0, np.inf, zero, -1, 0, int(Status.RUNNING), zero, 1.0, s.damping, 2.0, A, zero)

    def step(a: State, s: Settings) -> State:
        x = a.x + a.p
        r = residual(x)
        f = 0.5 * (r @ r)
        first = a.k < 0
        finite = np.isfinite(f)
        noisy = finite & (np.maximum(np.abs(a.f - f), a.predicted) <= 100 * EPS * a.f)
        gain = np.where(first, 1.0, np.where(finite, (a.f - f) / a.predicted, -1.0))
        accepted = first | (finite & ((gain > 1e-4) | (noisy & (f <= a.f))))

        def arrive() -> tuple[Any, Any]:
            J = jacobian(x)
            return J.T @ J + 0.0 * a.A, J.T @ r

        A, g = cond(accepted, arrive, lambda: (a.A, a.g))
        pick = lambda new, old: np.where(accepted, new, old)
        new_x, new_f = pick(x, a.x), pick(f, a.f)
        calm = np.maximum(1.0 / 3.0, 1.0 - (2.0 * gain - 1.0) ** 3)
        damping = np.where(first, a.damping, a.damping * np.where(accepted, calm, a.growth))
        scale = np.maximum(a.scale, np.diagonal(A))
        weight = np.where(scale > 0, scale, 1.0)
        # in the unit of each column: (A + damping diag(weight)) p = -g
        unit = 1.0 / np.sqrt(weight)
        low = cholesky_or_nan(unit[:, None] * A * unit + damping * np.eye(a.x.size))
        p = np.where(np.isnan(low[0, 0]), 0.0, -unit * solve_factored(low, unit * g))
        predicted = 0.5 * (p @ (damping * weight * p - g))
        # |J'r| in units of |J| |r| is the cosine of the angle between residual and columns
        column = np.sqrt(np.where(np.diagonal(A) > 0, np.diagonal(A), 1.0))
        cosine = np.max(np.abs(g) / column) / np.sqrt(np.maximum(2.0 * new_f, 1e-300))
        done = (cosine <= s.tol) | (new_f <= 1e-290)
        small = np.all(np.abs(p) <= EPS * np.abs(new_x)) | (damping > 1e30)
        status = np.where(small & ~np.isnan(low[0, 0]), Status.STALLED, Status.RUNNING)
        status = np.where(done, Status.CONVERGED, status)
        status = np.where(first & ~(finite & np.all(np.isfinite(A))), Status.NOT_FINITE, status)
        return State(
            new_x, new_f, g, pick(a.k + 1, a.k), a.evals + 1, status, p, predicted, damping,
            np.where(accepted, 2.0, 2.0 * a.growth), A, scale,
        )  # fmt: skip

    return start, step


class Fit(Optimum):
    """The result of `least_squares`: an `Optimum` of |r|^2 / 2 with what a fit is asked for.

    residual, and fun as for SciPy: r(x), shape (m,). rss: |r|^2. dof: m - n. deviation: sqrt(rss / dof). covariance:
    deviation^2 (J'J)^-1, shape (n, n), and errors, the roots of its diagonal (standard errors under equal independent
    errors; estimates).
    digits: decimal digits of each entry of x to expect (estimate, from the last Newton step and the condition of J).
    """

    def __init__(self, p: Problem, run: Run, functions: tuple[Function, Function]) -> None:
        super().__init__(p, run)
        self.__dict__["_functions"] = functions

    @functools.cached_property
    def residual(self) -> np.ndarray:
        return np.asarray(self.__dict__["_functions"][0](self.run.x))

    @property
    def fun(self) -> np.ndarray:
        return self.residual

    @property
    def rss(self) -> float:
        return float(self.residual @ self.residual)

    @property
    def dof(self) -> int:
        return len(self.residual) - self.problem.n

    @property
    def deviation(self) -> float:
        return float(np.sqrt(self.rss / self.dof)) if self.dof > 0 else float("nan")

    @functools.cached_property
    def covariance(self) -> np.ndarray:
        _, R, scale = _factors(np.asarray(self.__dict__["_functions"][1](self.run.x)))
        if _deficient(R):
            return np.full(R.shape, np.inf)  # the data do not determine x
        inverse = solve_triangular(R, np.eye(len(R))) / scale[:, None]
        return self.deviation**2 * (inverse @ inverse.T)

    @property
    def errors(self) -> np.ndarray:
        return np.sqrt(np.diagonal(self.covariance))

    @property
    def digits(self) -> np.ndarray:
        return self.estimates["digits"]


def least_squares(
    residual: Function,
    x0: Any,
    args: tuple[Any, ...] = (),
    *,
    method: str = "levenberg-marquardt",
    tol: float | None = None,
    max_iterations: int | None = None,
    callback: Function | None = None,
    trace: bool = False,
    progress: bool = False,
    **settings: float,
) -> Fit:
    """Minimize |r(x)|^2 / 2 for r = residual(x, *args), a plain NumPy function whose value is a vector, m >= n entries.

    method: "levenberg-marquardt" (setting `damping`) or "gauss-newton" (with a line search). Either ends with Newton
    steps through a QR factorization of J, so that the normal equations' loss of digits does not stand in the answer.
    tol: of the cosine between the residual and the columns of J. The rest as for `minimize`.

    Returns a `Fit`. Its digits are an estimate; `certificate` tells from x alone what the point is. Raises `ShapeError`
    if r has fewer entries than x. References: see this module.

    >>> import numpy as np, cauchy
    >>> t = np.linspace(0, 4, 9)
    >>> fit = cauchy.least_squares(lambda b: b[0] * np.exp(-b[1] * t) - 2 * np.exp(-0.5 * t), [1.0, 1.0])
    >>> np.round(fit.x, 9)
    array([2. , 0.5])
    """
    method = ALIASES.get(method, method)
    unfit("least_squares", settings)
    if method not in METHODS:
        raise CauchyError(f"there is no method {method!r}", fix=f"one of {', '.join(METHODS)}")
    shape = Shape(x0)
    args = args if isinstance(args, tuple) else (args,)

    def r(x: Any) -> Any:
        return np.ravel(call(residual, (shape.wrap(x), *args), {}))

    start = shape.vector(x0)
    with np.errstate(all="ignore"):
        first = residual(shape.wrap(start.copy()), *args)
    must_be_real(first, "residual(x0)")
    first = np.ravel(first)
    if first.size < shape.n:
        raise ShapeError(
            f"the residual has {first.size} entries for {shape.n} unknowns",
            why="infinitely many x fit as well",
            fix="fewer unknowns, or a penalty appended to the residual",
        )
    p = problem(lambda x: 0.5 * np.sum(r(x) ** 2), start)
    p.shape = shape
    value, jacobian = compiled.compile(r), compiled.jacobian(r)
    if method == "gauss-newton":

        def squares(x: Any) -> Any:
            J = differentiate.jacobian(r)(x)
            return J.T @ J

        parts = quasi_newton.searching(p.plain_value_and_gradient, newton.newton_direction(squares), linesearch.ARMIJO)
        kind: Any = quasi_newton.Settings(tol=1e-10)
    else:
        parts, kind = marquardt(r, differentiate.jacobian(r)), Settings()
    chosen = chosen_settings(method, kind, tol, settings)
    limit = LIMIT if max_iterations is None else whole(max_iterations)
    loop = Loop(*parts, type(chosen), False)
    watcher = Watcher(callback and heard(callback, p, 1.0), trace, progress)
    seen, status = drive(loop, start, chosen, limit, watcher)
    for damping in AGAIN:
        if (
            method == "gauss-newton"
            or status is Status.NOT_FINITE
            or not _on_plateau(value, jacobian, np.asarray(seen.x))
        ):
            break
        other, ended = drive(loop, start, chosen._replace(damping=damping), limit, watcher)
        if other.f < seen.f:
            seen, status = other, ended
    x, f, details = np.asarray(seen.x), float(seen.f), {}
    if status in (Status.CONVERGED, Status.STALLED, Status.LIMIT):
        x, digits, settled = _polished(value, jacobian, r, x)
        f = 0.5 * float(np.sum(np.asarray(value(x)) ** 2))
        status = Status.CONVERGED if settled else status
        details = {"digits": digits}
    path = Path(np.array(watcher.points), np.array(watcher.values), method, p.f) if watcher.points else None
    run = Run(x, f, None, int(seen.k), int(seen.evals), status, method, chosen.tol, path, details=details)
    return Fit(p, run, (value, jacobian))


def _on_plateau(value: Function, jacobian: Function, x: np.ndarray) -> bool:
    """Whether r has stopped depending on an entry of x there: that is no minimum but a place too far out."""
    v, J = np.asarray(value(x)), np.asarray(jacobian(x))
    effect = np.linalg.norm(J, axis=0) * np.maximum(np.abs(x), 1.0)
    return bool(np.any(effect <= 1e-10 * np.linalg.norm(v)))


def _factors(J: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Q, R, scale with J = Q R diag(scale) and columns of unit length before the factorization."""
    norms = np.linalg.norm(J, axis=0)
    scale = np.where(norms > 0, norms, 1.0)
    Q, R = np.linalg.qr(J / scale)
    return Q, R, scale


def _deficient(R: np.ndarray) -> bool:
    """Whether the columns are dependent to rounding: then r does not determine x, and there is no Newton step."""
    d = np.abs(np.diagonal(R))
    return not bool(d.min() > len(d) * EPS * d.max())


def _polished(value: Function, jacobian: Function, r: Function, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
    """Newton's method on J'r = 0 through J = QR: with S the curvature sum r_i Hess r_i,

    (J'J + S) p = -J'r  is  (I + R^-T S R^-1) (R p) = -Q'r:  J'J, which squares the condition of J, is never formed.
    Returns x, digits to expect of each entry, and whether the steps became as small as rounding explains.
    """
    weighted = compiled.hessian(lambda y, w: r(y) @ w)
    step, floor = np.full(x.size, np.inf), np.zeros(x.size)
    for _ in range(POLISH):
        v, J = np.asarray(value(x)), np.asarray(jacobian(x))
        if not (np.all(np.isfinite(v)) and np.all(np.isfinite(J))):
            break
        Q, R, scale = _factors(J)
        if _deficient(R):
            break
        inverse = solve_triangular(R, np.eye(x.size))
        S = np.asarray(weighted(x, v)) / scale / scale[:, None]
        M = np.eye(x.size) + inverse.T @ S @ inverse
        try:
            p = inverse @ np.linalg.solve(M, -(Q.T @ v)) / scale
        except np.linalg.LinAlgError:
            break
        if not np.all(np.isfinite(p)) or np.max(np.abs(p) * scale) > 0.5 * np.max(np.abs(step) * scale):
            break
        after = np.asarray(value(x + p))
        rounding = 8 * EPS * np.linalg.norm(np.abs(J) @ np.abs(x))
        if not np.linalg.norm(after) <= (1 + 1e-6) * np.linalg.norm(v) + rounding:
            break
        # what rounding of r and J moves the solution by, to first order
        floor = EPS * np.abs(inverse @ np.linalg.inv(M)) @ (np.abs(Q.T) @ (np.abs(v) + np.abs(J) @ np.abs(x))) / scale
        step, x = p, x + p
        if np.all(np.abs(p) <= EPS * np.abs(x)):
            break
    error = np.maximum(np.abs(step), floor)
    with np.errstate(all="ignore"):
        digits = np.clip(-np.log10(error / np.abs(x)), 0.0, 16.0)
    settled = bool(np.all(np.abs(step) <= np.maximum(100 * floor, 1e-9 * np.abs(x))))
    return x, np.nan_to_num(digits), settled
