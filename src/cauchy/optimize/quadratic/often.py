"""Small quadratic programs of one shape, solved again and again: solver and certificate, compiled for the shape.

Mehrotra's predictor and corrector (1992) on the condensed system P + B'DB, B = (A, I): D = z/s for the sides of
inequalities, 1/DELTA for equalities, whose multipliers are updated as in the method of multipliers (as PIQP does).
What does not come out certified is left to the solvers for programs at large.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp

from ...calculus.compile import compile
from ...calculus.control import loop
from ...calculus.factor import cholesky_or_nan, solve_factored
from .columns import dense
from .gap import BLUR, QuadraticCertificate
from .program import LARGEST, ROUNDING, Program

SMALL, WORK = 32, 1 << 16  # n and n^2 m up to which a solver is compiled for the shape
OFTEN = 2000  # calls of one shape before it is: by then they have cost about what compiling costs
ROUNDS = 25
EPS = 2.0**-52
DELTA, RHO = 1e-8, 1e-9  # proximal terms of equalities and of x
FIRST = 1e-6  # that of the start
CLOSE = 1e-11  # of all residuals, where the loop ends

_calls: dict[tuple[int, int], int] = {}


@functools.lru_cache(64)
def _compiled(n: int, m: int) -> Callable[..., Any]:
    return compile(solve)


def fits(n: int, m: int) -> bool:
    """Are so many variables and rows few enough?"""
    return 0 < n <= SMALL and n * n * m <= WORK


def certified(
    P: Any, q: Any, A: Any, l: Any, u: Any, lower: Any, upper: Any, r: Any, tolerance: float, always: bool
) -> tuple[QuadraticCertificate, int] | None:
    """The certified optimum and the number of rounds.

    None where the shape is large, or rare (unless `always`), f is linear, the data are no float64 arrays (or CSC), or
    the certificate fails.
    """
    if not (type(q) is np.ndarray and q.dtype == np.float64 and q.ndim == 1 and type(r) is float) or P is None:
        return None
    n = q.size
    shape = (0, n) if A is None else getattr(A, "shape", None)
    if shape is None or len(shape) != 2 or not fits(n, m := shape[0]):
        return None
    if not always and (count := _calls.get((n, m), 0)) < OFTEN:
        _calls[n, m] = count + 1
        return None
    if (quadratic := _transposed(P, n, n)) is None or (rows := _transposed(A, m, n)) is None:
        return None
    low, high = _stacked(l, lower, m, n, -np.inf), _stacked(u, upper, m, n, np.inf)
    if low is None or high is None:
        return None
    x, y, g, violations, slack, numbers = _compiled(n, m)(quadratic, q, rows, low, high)
    rounds, primal, dual, stationarity, complementarity, gap, value, blurred, narrowest = numbers.tolist()
    if not rounds or blurred or not abs(r) < np.inf:
        return None
    program = Program.__new__(Program)
    program.n, program.m, program.q, program.low, program.high, program.r = n, m, q, low, high, r
    program.P, program.A, program.sparse = quadratic, rows.T if m else None, False
    program.boxed, program.narrowest = not (lower is None and upper is None), narrowest
    value += r
    sheet = QuadraticCertificate.__new__(QuadraticCertificate)
    sheet.__dict__.update(
        primal=primal, dual=dual, stationarity=stationarity, complementarity=complementarity, gap=gap,
        objective=value, dual_objective=value - gap, tolerance=tolerance, program=program, x=x, y=y,
        residuals=(violations, g), slack=slack,
    )  # fmt: skip
    return (sheet, int(rounds)) if sheet.certified else None


def _transposed(M: Any, m: int, n: int) -> np.ndarray | None:
    """The transpose as an array of its own, row after row; None if M is neither a float64 array nor CSC."""
    if M is None:
        return np.zeros((n, m))
    if type(M) is np.ndarray:
        return np.ascontiguousarray(M.T) if M.dtype == np.float64 and M.shape == (m, n) else None
    if not isinstance(M, sp.csc_matrix) or M.shape != (m, n) or M.data.dtype != np.float64:
        return None
    return dense((m, n), M.indptr, M.indices, M.data).T


def _stacked(rows: Any, box: Any, m: int, n: int, none: float) -> np.ndarray | None:
    out = np.empty(m + n)
    for given, part in ((rows, out[:m]), (box, out[m:])):
        if given is None:
            part.fill(none)
        elif type(given) is float or (
            type(given) is np.ndarray and given.dtype == np.float64 and given.shape == part.shape
        ):
            part[:] = given
        else:
            return None
    return out


def solve(P: Any, q: Any, At: Any, low: Any, high: Any) -> tuple[Any, ...]:
    """x, y, the residuals entry by entry, and the numbers of the certificate (recomputed from the data).

    0 rounds where the data are not finite, sides cross, P is not symmetric or not positive semidefinite up to rounding.
    """
    n, m = At.shape
    width = high - low
    equal = width == 0
    has_u, has_l = (high < np.inf) & ~equal, (low > -np.inf) & ~equal
    top, bottom = np.where(has_u, high, 0.0), np.where(low > -np.inf, low, 0.0)
    sides = np.maximum(has_u.sum() + has_l.sum(), 1)
    stiff = np.where(equal, 1 / DELTA, 0.0)
    good = (width.min() >= 0) & (np.maximum(np.maximum((P * P).sum(), (q * q).sum()), (At * At).sum()) <= LARGEST**2)
    diagonal = np.diagonal(P)
    scale = 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    shifted = P * scale * scale[:, None] + n * ROUNDING * np.eye(n)
    good = good & (P == P.T).all() & (cholesky_or_nan(shifted)[0, 0] > 0)
    good = good & (P != 0).any() & (diagonal >= 0).all() & ~((diagonal == 0)[:, None] & (P != 0)).any()

    stacked = lambda At, x: np.concatenate([x @ At, x])
    pulled = lambda At, y: At @ y[:m] + y[m:]

    # scaled: the diagonal of P (or columns of A), rows of A, then the objective, to entries of size 1
    given = P, q, At
    size = lambda v: np.where(v > 0, v, 1.0)
    widest = np.abs(At).max(axis=1) if m else np.zeros(n)
    columns = 1 / size(np.where(diagonal > 0, np.sqrt(np.maximum(diagonal, 0.0)), widest))
    rows = 1 / size((np.abs(At) * columns[:, None]).sum(axis=0))
    units = np.concatenate([rows, 1 / columns])  # of w
    P, q, At = P * columns * columns[:, None], q * columns, At * columns[:, None] * rows
    top, bottom = top * units, bottom * units
    cost = np.maximum(np.abs(P).max(), np.abs(q).max())
    P, q = P / cost, q / cost

    def residuals(x: Any, su: Any, sl: Any, zu: Any, zl: Any, ye: Any) -> tuple[Any, ...]:
        w = stacked(At, x)
        return (
            P @ x + q + pulled(At, zu - zl + ye), np.where(has_u, w + su - top, 0.0),
            np.where(has_l, w - sl - bottom, 0.0), np.where(equal, w - bottom, 0.0),
        )  # fmt: skip

    def round_(_: Any, state: Any) -> Any:
        x, su, sl, zu, zl, ye, _, count = state
        rd, ru, rl, re = residuals(x, su, sl, zu, zl, ye)
        mu = ((su * zu).sum() + (sl * zl).sum()) / sides
        D = zu / su + zl / sl + stiff
        M = P + (At * D[:m]) @ At.T + np.eye(n) * D[m:]
        L = cholesky_or_nan(M + np.eye(n) * (RHO + n * EPS * np.diagonal(M)))

        def direction(cu: Any, cl: Any) -> tuple[Any, ...]:
            t = (cu + zu * ru) / su - (cl - zl * rl) / sl + stiff * re
            dx = solve_factored(L, -rd - pulled(At, t))
            dw = stacked(At, dx)
            dsu, dsl = np.where(has_u, -ru - dw, 0.0), np.where(has_l, rl + dw, 0.0)
            return dx, dsu, dsl, (cu - zu * dsu) / su, (cl - zl * dsl) / sl, stiff * (dw + re)

        def longest(dsu: Any, dsl: Any, dzu: Any, dzl: Any, part: Any) -> Any:
            most = np.maximum((-dsu / su).max(), (-dsl / sl).max())
            u, l = np.where(has_u, -dzu / (zu + ~has_u), 0.0), np.where(has_l, -dzl / (zl + ~has_l), 0.0)
            return part / np.maximum(part, np.maximum(most, np.maximum(u.max(), l.max())))

        _, dsu, dsl, dzu, dzl, _ = direction(-su * zu, -sl * zl)
        step = longest(dsu, dsl, dzu, dzl, 1.0)
        after = (((su + step * dsu) * (zu + step * dzu)).sum() + ((sl + step * dsl) * (zl + step * dzl)).sum()) / sides
        target = mu * np.minimum(1.0, after / (mu + 1e-300)) ** 3
        dx, dsu, dsl, dzu, dzl, dye = direction(
            np.where(has_u, target - su * zu - dsu * dzu, 0.0), np.where(has_l, target - sl * zl - dsl * dzl, 0.0)
        )
        step = longest(dsu, dsl, dzu, dzl, np.minimum(np.maximum(0.99, 1.0 - mu), 1 - 1e-9))
        x, su, sl = x + step * dx, su + step * dsu, sl + step * dsl
        zu, zl, ye = zu + step * dzu, zl + step * dzl, ye + step * dye
        rd, ru, rl, re = residuals(x, su, sl, zu, zl, ye)
        largest = lambda v: np.abs(v).max()
        Px = P @ x
        off = largest(rd) / np.maximum(1.0 / cost, np.maximum(largest(Px), largest(q)))
        off_w = np.maximum(np.maximum(largest(ru), largest(rl)), largest(re)) / np.maximum(1.0, largest(stacked(At, x)))
        value = 1.0 / cost + np.abs(q @ x + 0.5 * (x @ Px))
        off = np.maximum(np.maximum(off, off_w), ((su * zu).sum() + (sl * zl).sum()) / value)
        open_ = np.maximum(np.minimum(su, zu).max(), np.minimum(sl, zl).max())
        return x, su, sl, zu, zl, ye, np.maximum(off / CLOSE, open_ / (BLUR / 2)), count + 1

    # start: least squares to the middle of what is between two sides, and to single sides
    sided = 1.0 * (has_u | has_l)
    middle = np.where(has_u & has_l, 0.5 * (top + bottom), np.where(has_u, top, bottom))
    D = sided + stiff
    L = cholesky_or_nan(P + (At * D[:m]) @ At.T + np.eye(n) * (D[m:] + FIRST))
    x = solve_factored(L, pulled(At, D * middle) - q)
    w = stacked(At, x)
    least = np.maximum(1.0, 0.1 * np.abs(w).max())
    start = (
        x, np.where(has_u, np.maximum(top - w, least), 1.0), np.where(has_l, np.maximum(w - bottom, least), 1.0),
        1.0 * has_u, 1.0 * has_l, np.zeros(m + n), np.inf, 0,
    )  # fmt: skip
    going = lambda state: (state[6] > 1.0) & (state[7] < ROUNDS) & good
    x, _, _, zu, zl, ye, _, count = loop(round_, start, while_=going)
    x, y = columns * x, cost * units * (zu - zl + ye)
    P, q, At = given
    # the certificate, from the data alone
    Px, w = P @ x, stacked(At, x)
    g = Px + q + pulled(At, y)
    value = q @ x + 0.5 * (x @ Px)
    above, below = high - w, low - w
    violations = np.maximum(below, -above)
    slack = np.where(y > 0, above, np.where(y < 0, below, 0.0))
    infinite = np.abs(slack) == np.inf
    products = np.where(infinite, 0.0, y * np.where(infinite, 0.0, slack))
    blurred = ~(np.minimum(np.abs(slack), np.abs(y)).max() <= BLUR)
    numbers = np.stack(
        [
            np.where(good, count, 0) * 1.0, np.maximum(violations.max(), 0.0), np.where(infinite, np.abs(y), 0.0).max(),
            np.abs(g).max(), np.abs(products).max(), x @ g + products.sum(), value, blurred * 1.0, width.min(),
        ]
    )  # fmt: skip
    return x, y, g, violations, slack, numbers
