"""Newton's system of a barrier problem, condensed to the variables: two Cholesky factorizations say that it is right.

Unknown are the steps dx, ds of variables and slacks and dy, dz of the multipliers of rows E (equalities) and I,

    [ H + Dx          E'   I'  ] [dx]     [rx]
    [         Ds         -1    ] [ds]     [rs]
    [   E         -e           ] [dy] = - [p ]           Dx, Ds > 0 diagonal, from the sides; e, d >= 0
    [   I    -1         -d     ] [dz]     [q ]

Eliminating ds and dz leaves H + Dx + I' Ds/(1 + d Ds) I in the place of H + Dx. A multiple E'R of the third line is
added to the first: K = H + Dx + I' Ds/(1 + d Ds) I + E'RE. The solution is the same for every diagonal R >= 0, and
where K is positive definite the system has the inertia that a minimum needs: positive definite on the null space of E.
For R large enough the converse holds (Debreu 1952; Nocedal & Wright 2006, theorem 17.5). Where K has no Cholesky
factor for a moderate nor for a large R, a multiple of the unit matrix is added to H, more and more (Waechter &
Biegler 2006, section 3.1). Then S = (1 - R e) E K^-1 E' + e is positive definite and gives dy; e > 0 keeps rows
apart that depend on each other.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.linalg.lapack import get_lapack_funcs

from ...calculus.factor import cholesky_or_nan, solve_factored, solve_triangular
from ...tracer import is_traced
from .drive import repeat

EPS = float(np.finfo(float).eps)
MODERATE, LARGE = 10.0, 1e5  # R, in units of the size of H over that of the row
FIRST, LEAST, GROWTH, JUMP, DECAY = 1e-4, 1e-20, 8.0, 100.0, 1 / 3  # multiples of the unit matrix
ATTEMPTS = 60
APART = 1e-10  # e, in units of 1 / R
(_potrs,) = get_lapack_funcs(("potrs",), dtype=np.float64)


class Factors(NamedTuple):
    """What solving needs: Cholesky factors of K (n, n) and S (mE, mE), Ds (mI,), R and e (mE,), and d."""

    low: Any
    schur: Any
    slack: Any
    penalty: Any
    dual: Any
    elastic: Any


def empty(n: int, equalities: int, inequalities: int) -> Factors:
    """Factors of the right shapes."""
    rows = np.zeros(equalities)
    return Factors(np.eye(n), np.eye(equalities), np.zeros(inequalities), rows, rows + 0.0, 0.0)


def factor(H: Any, D: Any, J: Any, equalities: int, elastic: Any, least: Any, last: Any) -> tuple[Factors, Any, Any]:
    """The factors, the shift of H that they took, and H0.

    D: Dx and Ds in one vector. J: rows E, then I. elastic: 1.0 if rows may be missed at the price of half the square
    (then e = d = 1), else 0.0. least: the shift to begin with. last: the last that was needed, 0.0 if none was.
    """
    n, mE = H.shape[0], equalities
    E, G = J[:mE], J[mE:]
    size = np.maximum(np.abs(H).max(), 1e-8)
    rows = np.maximum((E * E).sum(axis=1), 1e-16) if mE else np.zeros(0)
    inequalities = D.size - n

    def attempt(shift: Any, weight: Any) -> tuple[Any, Any]:
        """K's factor, and whether it is one: a pivot that is rounding alone means nothing."""
        K = H + np.diag(D[:n] + shift)
        if inequalities:
            Ds = D[n:] + shift
            K = K + G.T @ ((Ds / (1 + elastic * Ds))[:, None] * G)
        if mE:
            K = K + E.T @ (_penalty(weight, elastic, size, rows)[:, None] * E)
        low = cholesky_or_nan(K)
        return low, np.all(np.diag(low) ** 2 > 4 * n * EPS * np.diag(K))

    def body(_: Any, carry: Any) -> Any:
        shift, _, _, _, tries = carry
        begin = np.where(last > 0, np.maximum(LEAST, last * DECAY), FIRST)
        more = shift * np.where(last > 0, GROWTH, JUMP)
        new = np.where(tries < (2 if mE else 1), least, np.where(shift <= least, np.maximum(begin, 2 * least), more))
        weight = np.where(tries < 1, MODERATE, LARGE)
        low, good = attempt(new, weight)
        return new, weight, low, good, tries + 1.0

    start = (0.0, MODERATE, np.eye(n), np.bool_(False), 0.0)
    shift, weight, low, _, _ = repeat(body, start, lambda c: ~c[3] & (c[4] < ATTEMPTS), is_traced(H))
    H0 = H + np.diag(D[:n] + shift)
    schur, penalty, dual = np.eye(0), rows, rows
    if mE:
        penalty = _penalty(weight, elastic, size, rows)
        dual = np.where(elastic > 0, 1.0, APART / penalty)
        V = solve_triangular(low, E.T)
        schur = cholesky_or_nan((1 - penalty * dual) * (V.T @ V) + np.diag(dual))
    return Factors(low, schur, D[n:] + shift, penalty, dual, elastic), shift, H0


def _penalty(weight: Any, elastic: Any, size: Any, rows: Any) -> Any:
    return np.where(elastic > 0, 1.0, weight * size / rows)


def _solved(low: Any, b: Any) -> Any:
    """`solve_factored`; by itself LAPACK's own, as SciPy's checks take ten times as long as a small system."""
    return solve_factored(low, b) if is_traced(low) or is_traced(b) else _potrs(low, b, lower=True)[0]


def solve(a: Factors, J: Any, rx: Any, rs: Any, p: Any, q: Any) -> tuple[Any, Any]:
    """The steps (dx, ds) and (dy, dz), each in one vector."""
    mE = a.penalty.size
    E, G = J[:mE], J[mE:]
    d, Ds = a.elastic, a.slack
    right = -rx - (G.T @ ((Ds * q + rs) / (1 + d * Ds)) if Ds.size else 0.0)
    if mE:
        t = _solved(a.low, right - E.T @ (a.penalty * p))
        dy = _solved(a.schur, E @ t + p)
        dx = t - _solved(a.low, E.T @ ((1 - a.penalty * a.dual) * dy))
    else:
        dy, dx = p, _solved(a.low, right)
    if not Ds.size:
        return dx, dy
    across = G @ dx + q
    dz = (Ds * across + rs) / (1 + d * Ds)
    return np.concatenate([dx, across - d * dz]), np.concatenate([dy, dz])


def refined(a: Factors, H0: Any, J: Any, rx: Any, rs: Any, p: Any, q: Any) -> tuple[Any, Any]:
    """`solve`, and once more for what is left of the right side."""
    n, mE = rx.size, a.penalty.size
    dw, dy = solve(a, J, rx, rs, p, q)
    dx, ds = dw[:n], dw[n:]
    rx = rx + H0 @ dx + (J.T @ dy if J.shape[0] else 0.0)
    along = J @ dx
    more, also = solve(
        a,
        J,
        rx,
        rs + a.slack * ds - dy[mE:],
        p + along[:mE] - a.dual * dy[:mE],
        q + along[mE:] - ds - a.elastic * dy[mE:],
    )
    return dw + more, dy + also
