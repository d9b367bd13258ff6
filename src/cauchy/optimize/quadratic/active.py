"""Polish of a quadratic program: guess which sides are active, solve the equations that remain, correct the guess.

With the active rows S at their sides b_S, the active bounds at theirs, and F the free variables, what is left is
    P_FF x_F + A_SF' lam_S = -(q_F + P_FX x_X),    A_SF x_F = b_S - A_SX x_X.
The matrix is scaled to entries of size 1, shifted by +-SHIFT so that it has an LDL' factorization (Vanderbei 1995),
and the error of the shift is refined away; where active rows depend on each other that still converges.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.linalg.lapack import get_lapack_funcs
from scipy.sparse.linalg import splu

from .columns import Columns, Vector
from .gap import QuadraticCertificate, certificate
from .program import Program

_getrf, _getrs = get_lapack_funcs(("getrf", "getrs"), dtype=np.float64)
SHIFT = 1e-9
ROUNDING = 1e-15  # of residuals, whose scales are at least 1: there refinement ends
ROUNDS = 12  # corrections of the active set
REFINEMENTS = 12
SCALINGS = 3  # rounds of Ruiz 2001: rows and columns of norm 1


def repair(program: Program, found: QuadraticCertificate) -> QuadraticCertificate:
    """The same x and lam, with z = -(Px + q + A'lam) where stationarity fails, if complementarity can pay for it."""
    m, g = program.m, found.residuals[1]
    z = found.y[m:] - g
    side = np.where(z > 0, program.high[m:], np.where(z < 0, program.low[m:], found.x))
    where = np.flatnonzero((abs(g) > 0.1 * found.tolerance) & np.isfinite(side))
    if not where.size:
        return found
    price = abs(g[where]) * abs(side[where] - found.x[where])
    cheap = np.cumsum(np.sort(price)) <= 0.5 * found.tolerance * max(1.0, abs(found.objective))
    where = where[np.argsort(price)[: int(cheap.sum())]]
    y = found.y.copy()
    y[m:][where] = z[where]
    return better(found, certificate(program, found.x, y, found.tolerance))


def better(a: QuadraticCertificate, b: QuadraticCertificate) -> QuadraticCertificate:
    """The one whose largest scaled residual is smaller; the first if they tie."""
    worst = lambda c: max(math.inf if math.isnan(v) else v for v in c.scaled.values())
    return b if worst(b) < worst(a) else a


def polish(program: Program, found: QuadraticCertificate) -> QuadraticCertificate:
    """The best of the candidate and of the solutions on the active sets that it suggests."""
    low, high = program.low, program.high
    best = found
    w = _sides(program, found.x)
    y = found.y
    with np.errstate(invalid="ignore"):
        state = np.where(y > high - w, 1, np.where(-y > w - low, -1, 0))  # +1: at the upper side, -1: at the lower
    equal = low == high
    state[equal] = 1
    x, seen = found.x, set()
    for _ in range(ROUNDS):
        key = state.tobytes()
        if key in seen:
            break
        seen.add(key)
        solved = _solve(program, x, y, state)
        if solved is None:
            break
        x, y = solved
        now = certificate(program, x, y, found.tolerance)
        best = better(best, now)
        size = max(1.0, float(abs(y).max()))
        wrong = (state * y < -1e-14 * size) & ~equal
        violated = now.residuals[0] > 1e-13 * np.maximum(1.0, abs(_sides(program, x)))
        if not (wrong.any() or violated.any()):
            break
        state = np.where(wrong, 0, state)
        w = _sides(program, x)
        state = np.where(violated & (state == 0), np.where(w > high, 1, -1), state)
    return best


def _sides(program: Program, x: Vector) -> Vector:
    return x if program.A is None else np.concatenate([program.A @ x, x])


def _solve(program: Program, x: Vector, y: Vector, state: Vector) -> tuple[Vector, Vector] | None:
    """x and y with the sides named by `state` active and all others without multiplier; None if that overflows."""
    m, n = program.m, program.n
    low, high = program.low, program.high
    x = x.copy()
    at = state[m:] != 0
    x[at] = np.where(state[m:] > 0, high[m:], low[m:])[at]
    F, S = np.flatnonzero(~at), np.flatnonzero(state[:m])
    b = np.where(state[:m] > 0, high[:m], low[:m])[S]
    lam = np.where(state[:m] != 0, y[:m], 0.0)
    A = None if program.A is None else program.A.some_rows(S) if program.sparse else program.A[S]
    if F.size:
        apply = _factor(program, A, F, S.size)
        last, kept = np.inf, (x, lam)
        for _ in range(REFINEMENTS):
            r = -_gradient(program, x, lam)[F]
            s = b - A @ x if A is not None else b
            norm = float(max(abs(r).max(initial=0.0), abs(s).max(initial=0.0)))
            if not norm < 0.5 * last:
                break
            last, kept = norm, (x.copy(), lam.copy())
            if norm <= ROUNDING:
                break
            d = apply(np.concatenate([r, s]))
            if not np.isfinite(d).all():
                return None
            x[F] += d[: F.size]
            lam[S] += d[F.size :]
        else:
            kept = x, lam
        x, lam = kept
    y = np.zeros(m + n)
    y[:m] = lam
    y[m:][at] = -_gradient(program, x, lam)[at]
    return x, y


def _gradient(program: Program, x: Vector, lam: Vector) -> Vector:
    g = program.q.copy()
    if program.P is not None:
        g += program.P @ x
    if program.A is not None:
        g += lam @ program.A
    return g


def _factor(program: Program, A: Any, F: Vector, k: int) -> Callable[[Vector], Vector]:
    """Solves with the matrix of the equations, scaled and shifted."""
    f = F.size
    if program.sparse:
        return _sparse_factor(program, A, F, k)
    K = np.zeros((f + k, f + k))
    if program.P is not None:
        K[:f, :f] = program.P[np.ix_(F, F)]
    if A is not None:
        K[f:, :f] = A[:, F]
        K[:f, f:] = K[f:, :f].T
    scale = np.ones(f + k)
    for _ in range(SCALINGS):
        size = abs(K).max(axis=0)
        if size.min() > 0.25 and size.max() < 4:
            break
        step = 1 / np.sqrt(np.where(size > 0, size, 1.0))
        K *= step
        K *= step[:, None]
        scale *= step
    K.flat[:: f + k + 1] += _shift(f, k)
    lu, pivots, _ = _getrf(K.T, overwrite_a=1)  # K is symmetric
    return lambda r: scale * _getrs(lu, pivots, scale * r)[0]


def _sparse_factor(program: Program, A: Any, F: Vector, k: int) -> Callable[[Vector], Vector]:
    f = F.size
    place: Any = np.full(program.n, -1)
    place[F] = np.arange(f)
    parts: list[Any] = [(np.arange(f + k), np.arange(f + k), np.zeros(f + k))]  # the diagonal, for the shift
    if program.P is not None:
        i, j, v = program.P.rows, program.P.columns, program.P.values
        kept = (place[i] >= 0) & (place[j] >= 0)
        parts.append((place[i[kept]], place[j[kept]], v[kept]))
    if A is not None and k:
        i, j, v = A.rows, A.columns, A.values
        kept = place[j] >= 0
        i, j, v = f + i[kept], place[j[kept]], v[kept]
        parts += [(i, j, v), (j, i, v)]
    i, j, v = (np.concatenate(part) for part in zip(*parts, strict=True))
    scale = np.ones(f + k)
    for _ in range(SCALINGS):
        size = np.zeros(f + k)
        np.maximum.at(size, j, abs(v))
        step = 1 / np.sqrt(np.where(size > 0, size, 1.0))
        v = v * step[i] * step[j]
        scale *= step
    v[: f + k] += _shift(f, k)
    K = Columns.entries(v, i, j, (f + k, f + k)).matrix()
    lu = splu(K, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.001, options={"SymmetricMode": True})
    return lambda r: scale * lu.solve(scale * r)


def _shift(f: int, k: int) -> Vector:
    return np.concatenate([np.full(f, SHIFT), np.full(k, -SHIFT)])
