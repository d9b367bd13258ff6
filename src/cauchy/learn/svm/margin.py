"""The widest margin between two classes of points: small problems again and again, or in exact fractions.

    min |w|^2  subject to  g_i = y_i (w'x_i + b) - 1 >= 0          (y_i = +-1: the larger label is +1)
    L = |w|^2 - sum_i lambda_i g_i,  lambda_i >= 0;   so w = sum_i lambda_i y_i x_i / 2  and  sum_i lambda_i y_i = 0.

lambda is twice the dual variable of |w|^2/2, which `SVC.dual_coef_` holds. With the other sign, L = |w|^2 + sum_i
lambda_i g_i, as some texts have it, all multipliers come out negative. (In terms of `cauchy.minimize` these are
constraints with a lower side, and its multipliers are -lambda.)
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from ...calculus.compile import compile
from ...calculus.control import loop
from ...errors import CauchyError, DomainError, ShapeError
from ...messages import say
from ...proof import Proof, Result, Verdict

TOLERANCE = 1e-10  # relative gap, rounding included, up to which a solution in doubles counts as proved
ROUNDS = 60
SMALL = (32, 6)  # points and features up to which a solver is compiled for the shape, entry by entry
OFTEN = 50  # calls of one shape before it is: compiling costs as much as some hundred calls


@dataclass(frozen=True, kw_only=True)
class Margin(Result):
    """The widest margin: the line w'x + b = 0 and why there is no wider one.

    `w` (d,), `b`: as asked, doubles or fractions; `multipliers` (n,): lambda >= 0 of L = |w|^2 - sum lambda_i g_i;
    `margins` (n,): y_i (w'x_i + b), at least 1; `objective` = |w|^2 and `dual`, a lower bound of it; `gap` their
    difference. The width of the margin is 2 / |w|.
    """

    w: Any
    b: Any
    multipliers: Any
    margins: Any
    objective: Any
    dual: Any
    rounding: float = 0.0

    @classmethod
    def made(cls, **fields: Any) -> Margin:
        """The constructor, given all fields: that of a frozen dataclass takes longer than the solution."""
        margin = object.__new__(cls)
        object.__setattr__(margin, "__dict__", fields)
        return margin

    @property
    def gap(self) -> Any:
        return self.objective - self.dual

    @property
    def exact(self) -> bool:
        return isinstance(self.objective, (int, Fraction))

    @property
    def support(self) -> tuple[int, ...]:
        """The points with a positive multiplier: they alone determine w."""
        values = self.multipliers.tolist() if isinstance(self.multipliers, np.ndarray) else self.multipliers
        least = 0 if self.exact else 1e-9 * max(values)
        return tuple([i for i, m in enumerate(values) if m > least])

    @property
    def inactive(self) -> tuple[int, ...]:
        """The points with multiplier zero: without any or all of them the solution is the same."""
        kept = set(self.support)
        return tuple(i for i in range(len(self.multipliers)) if i not in kept)

    @property
    def width(self) -> float:
        """The distance between the two sides of the margin, 2 / |w|."""
        return 2 / math.sqrt(self.objective)

    def line(self) -> tuple[int, ...]:
        """Whole numbers (a_1, ..., a_d, c) without common factor with a'x + c = 0 on the line; exact solutions only."""
        if not self.exact:
            raise CauchyError("a line in whole numbers needs an exact solution", fix="maximum_margin(..., exact=True)")
        return _whole([*self.w, self.b])

    def __str__(self) -> str:
        numbers = lambda v: ", ".join(str(x) if self.exact else f"{float(x):.10g}" for x in v)
        return "\n".join(
            [
                say(
                    "learn.svm_margin",
                    w=numbers(self.w),
                    b=numbers([self.b]),
                    verdict=say(f"verdict.{self.verdict.value}"),
                ),
                "  " + say("learn.svm_multipliers", values=numbers(self.multipliers)),
                "  " + say("learn.svm_margins", values=numbers(self.margins)),
                "  " + say("learn.svm_objective", primal=numbers([self.objective]), dual=numbers([self.dual])),
            ]
        )


def _whole(values: Sequence[Any]) -> tuple[int, ...]:
    ratios = [Fraction(v) for v in values]
    scale = math.lcm(*(r.denominator for r in ratios))
    whole = [int(r * scale) for r in ratios]
    common = math.gcd(*whole) or 1
    return tuple(v // common for v in whole)


def maximum_margin(X: Any, y: Any, *, exact: bool = False) -> Margin:
    """The line of widest margin between the points X (n, d) of two classes y (n,), with its certificate.

    In doubles: by an interior point, to a relative gap of 1e-10 with all rounding counted, or the verdict is undecided.
    For small shapes that come often the whole of it, certificate included, is compiled once (microseconds a call).
    `exact=True` takes the data as the rational numbers they are (fractions, integers, or doubles, which are
    binary fractions): the active set is read off the solution in doubles, its equations are solved in integers, and
    all optimality conditions are checked; the verdict is then proved, and the numbers are fractions.

    Raises `DomainError` for NaN, for labels that are not two; `NotSeparable` (with the witness) where there is no line;
    `ShapeError` for shapes. Reference: Boser, Guyon, Vapnik (1992).

    >>> from cauchy.learn.svm import maximum_margin
    >>> found = maximum_margin([[0, 0], [1, 2], [2, 1]], [-1, 1, 1], exact=True)
    >>> found.line(), [str(m) for m in found.multipliers], found.verdict.value
    ((2, 2, -3), ['8/9', '4/9', '4/9'], 'proved')
    """
    if exact:
        return _exactly()(X, y)
    points, labels = np.asarray(X), np.asarray(y)
    if points.dtype != np.float64 or labels.dtype != np.float64:
        points, labels = _numbers(points, X, "X"), _numbers(labels, y, "y")
    if points.ndim != 2 or labels.shape != points.shape[:1] or not points.size:
        raise ShapeError(
            f"maximum_margin: X of shape {points.shape} and y of shape {labels.shape}; wanted (n, d), (n,)"
        )
    found = _solver(*points.shape)(points, labels)
    w, b, multipliers, margins, objective, dual, rounding, state = found
    if state != 0:
        _explained(points, labels, int(state))
    close = objective - dual + rounding <= TOLERANCE * objective
    return Margin.made(
        w=w, b=float(b), multipliers=multipliers, margins=margins, objective=float(objective), dual=float(dual),
        rounding=float(rounding), verdict=_PROVED if close else _UNDECIDED, proof=_BY_DUALITY if close else None,
        estimates={}, cost={},
    )  # fmt: skip


_PROVED, _UNDECIDED = Verdict.PROVED, Verdict.UNDECIDED


@functools.cache
def _exactly() -> Callable[..., Margin]:
    from .exact import widest

    return widest


_BY_DUALITY = Proof("duality", f"|w|^2 exceeds a lower bound of it by less than {TOLERANCE:g}, relatively")


def _numbers(a: np.ndarray, given: Any, name: str) -> np.ndarray:
    if a.dtype.kind not in "fiub" and not (a.dtype.kind == "O" and all(isinstance(v, Fraction | int) for v in a.flat)):
        raise DomainError(f"maximum_margin: {name} must be real numbers, got {type(given).__name__} of dtype {a.dtype}")
    return a.astype(np.float64)


def _explained(X: np.ndarray, y: np.ndarray, state: int) -> None:
    """Raise what the solver stopped at."""
    from .binary import Problem
    from .kernels import Kernel

    if not (np.isfinite(X).all() and np.isfinite(y).all()):
        raise DomainError("maximum_margin: X and y must be finite")
    labels = np.unique(y)
    if len(labels) != 2:
        raise DomainError(f"maximum_margin: two classes are separated, got {len(labels)}: {labels[:5].tolist()}")
    problem = Problem(Kernel("linear"), X, np.where(y == labels[1], 1.0, -1.0), np.full(len(y), np.inf))
    found = problem.solve(TOLERANCE)  # raises NotSeparable
    raise CauchyError(
        f"maximum_margin: no solution after {ROUNDS} rounds",
        why=str(found.certificate),
        fix="exact=True, or SVC(C=...)",
    )


# -- the solver ---------------------------------------------------------------------------------------------------


_calls: dict[tuple[int, int], int] = {}


def ready(n: int, d: int) -> bool:
    """Is the next problem of this shape solved by compiled code?"""
    return _calls.get((n, d), 0) >= OFTEN


def _solver(n: int, d: int) -> Callable[..., Any]:
    """Plain NumPy at first; compiled for this shape when it has come often enough."""
    if n > SMALL[0] or d > SMALL[1]:
        return _large
    if ready(n, d):
        return _compiled(n, d)
    _calls[n, d] = _calls.get((n, d), 0) + 1
    return _large


@functools.lru_cache(64)  # one for each shape: a call finds its code without looking through the others
def _compiled(n: int, d: int) -> Callable[..., Any]:
    return compile(small)


def _large(X: np.ndarray, y: np.ndarray) -> tuple[Any, ...]:
    """The same through `Problem`, in the same order of results."""
    from .binary import Problem
    from .kernels import Kernel

    high = y.max()
    two = bool(np.isfinite(X).all() and np.isfinite(y).all()) and len(np.unique(y)) == 2
    if not two:
        return *[None] * 7, 1
    signs = np.where(y == high, 1.0, -1.0)
    found = Problem(Kernel("linear"), X, signs, np.full(len(y), np.inf)).solve(TOLERANCE / 10)
    known = found.certificate
    return (
        found.w, found.b, 2 * np.abs(found.beta), signs * found.f, 2 * known.primal, 2 * known.dual,
        2 * known.residuals["rounding"], 0 if math.isfinite(known.primal) else 2,
    )  # fmt: skip


def small(X: Any, y: Any) -> tuple[Any, ...]:
    """Interior point and certificate for a few points, written to be compiled: no branches, no library calls.

    Returns w, b, lambda, margins, |w|^2, its lower bound, a bound of the rounding in both, and 0 (1: bad data; 2: no
    separation found).
    """
    n, d = X.shape
    high, low = y.max(), y.min()
    sign = np.where(y == high, 1.0, -1.0)
    good = np.isfinite(np.abs(X).sum() + high - low) & (high > low) & ((y == high) | (y == low)).all()
    mean = X.sum(axis=0) / n
    F = X - mean
    squares = (F * F).sum() / n
    size = np.sqrt(np.where(squares > 0, squares, 1.0))
    F = F / size

    def round_(_: Any, state: Any) -> Any:
        w, b, a, s, _, count = state
        r_p = 1.0 - sign * (F @ w + b) + s
        r_w, r_b = (sign * a) @ F - w, (sign * a).sum()
        mu = (a * s).sum() / n
        theta = a / s
        L = _cholesky(F, theta)

        def direction(r_s: Any) -> tuple[Any, ...]:
            t = r_p + r_s / a
            weighted = sign * theta * t
            dw, db = _solved(L, weighted @ F + r_w, weighted.sum() + r_b)
            da = theta * (t - sign * (F @ dw + db))
            return dw, db, da, (r_s - s * da) / a

        longest = lambda da, ds, part: part / np.maximum(part, np.maximum((-da / a).max(), (-ds / s).max()))
        _, _, da, ds = direction(-a * s)
        step = longest(da, ds, 1.0)
        after = ((a + step * da) * (s + step * ds)).sum() / n
        target = mu * (after / mu) ** 3
        dw, db, da, ds = direction(target - a * s - da * ds)
        step = longest(da, ds, np.minimum(np.maximum(0.99, 1.0 - mu), 1 - 1e-9))
        w, b, a, s = w + step * dw, b + step * db, a + step * da, s + step * ds
        off = np.maximum(np.abs(r_w).max(), np.abs(r_p).max()) * (1.0 - step)
        gap = n * mu * (1 - step) + np.abs((a * s).sum()) + off * (1.0 + a.max())
        return w, b, a, s, gap / ((w * w).sum() + 1e-300), count + 1

    start = (np.zeros(d), 0.0, np.ones(n), np.ones(n), np.inf, 0)
    _, _, a, _, _, _ = loop(
        round_, start, while_=lambda state: (state[4] > 1e-13) & (state[5] < ROUNDS) & (state[2].sum() < 1e12)
    )
    return (
        *_certified(X, sign, a / size**2),
        np.where(good, np.where(np.isfinite(a.sum()) & (a.sum() < 1e12), 0, 2), 1),
    )


def _certified(X: Any, sign: Any, a: Any) -> tuple[Any, ...]:
    """From multipliers of |w|^2/2 alone: the line they stand for, scaled to be feasible, and the gap in |w|^2."""
    n, d = X.shape
    positive = sign > 0
    plus, minus = np.where(positive, a, 0.0).sum(), np.where(positive, 0.0, a).sum()
    least = np.minimum(plus, minus)
    a = a * np.where(positive, least / plus, least / minus)
    w = (sign * a) @ X
    values = X @ w
    above, below = np.where(positive, values, np.inf).min(), np.where(positive, -np.inf, values).max()
    half = (above - below) / 2
    w, a, values = w / half, a / half, values / half
    b = -(above + below) / (2 * half)
    margins = sign * (values + b)
    quad = (w * w).sum()
    dual = 2 * a.sum() - quad
    # Higham (2002), section 3.1: sums of products in any order; the primal is scaled once more, by the least margin
    unit = 2.0**-53
    off_w = (n + 4) * unit * (a @ np.abs(X))
    off_f = (d + 4) * unit * ((np.abs(X) @ np.abs(w)).max() + np.abs(b)) + 4 * unit
    spread = 1.0 + np.abs(b) + np.sqrt(quad * (X * X).sum(axis=1).max())
    rounding = (
        4 * quad * off_f + 2 * np.sqrt(quad) * np.sqrt((off_w * off_w).sum()) + 4 * (n + 8) * unit * (a.sum() + quad)
        + 2 * (np.abs((sign * a).sum()) + (n + 4) * unit * a.sum()) * spread
    )  # fmt: skip
    return w, b, 2 * a, margins, quad, dual, rounding + quad * np.maximum(0.0, 1.0 - margins.min())


def _cholesky(F: Any, theta: Any) -> list[list[Any]]:
    """The factor of diag(1, ..., 1, 0) + [F 1]' diag(theta) [F 1], entry by entry."""
    d = F.shape[1]
    columns = [F[:, i] for i in range(d)]
    weighted = [theta * f for f in columns]
    M = [[(weighted[i] * columns[j]).sum() for j in range(i + 1)] for i in range(d)]
    for i in range(d):
        M[i][i] = M[i][i] + 1.0
    M.append([w.sum() for w in weighted] + [theta.sum()])
    L: list[list[Any]] = []
    for i in range(d + 1):
        L.append([])
        for j in range(i + 1):
            rest = M[i][j]
            for k in range(j):
                rest = rest - L[i][k] * L[j][k]
            # at the end of the way rounding may leave nothing of the last pivot
            L[i].append(np.sqrt(np.maximum(rest, 1e-15 * M[i][i])) if i == j else rest / L[j][j])
    return L


def _solved(L: list[list[Any]], right: Any, last: Any) -> tuple[Any, Any]:
    d = len(L) - 1
    z: list[Any] = []
    for i in range(d + 1):
        rest = right[i] if i < d else last
        for k in range(i):
            rest = rest - L[i][k] * z[k]
        z.append(rest / L[i][i])
    for i in reversed(range(d + 1)):
        rest = z[i]
        for k in range(i + 1, d + 1):
            rest = rest - L[k][i] * z[k]
        z[i] = rest / L[i][i]
    return np.stack(z[:d]), z[d]
