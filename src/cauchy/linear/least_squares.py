"""Least squares by QR of the columns scaled to one length: no normal equations, no silent decision on the rank.

Refined by corrected seminormal equations with residuals in twice the working precision (Bjorck 1987, 1996): the
gradient A'(b - A x) is known so well that its solution through R converges to the last digit of x.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from scipy import linalg as sl

from ..errors import DomainError
from ..messages import say
from ..proof import Proof, Verdict
from . import rational
from .data import Proof as ProofKind
from .data import along, exponents, matrix, proof_kind, rational_sides, rationals, sides, times_power
from .factor import null_vector, short, tolerance
from .report import Answer, RankError, correct_digits, data_estimates, entries, estimated_digits, whole_numbers
from .solve import unscaled, unscaled_bound
from .twice import UNIT, rounded_residual, two_sum
from .verify import gradient, least_squares_error, settled

VERIFIED = 2_000_000  # entries up to which "auto" refines and proves
_ROUNDS = 12


@dataclass(frozen=True)
class LeastSquares(Answer):
    """The x that makes |A x - b| smallest; see `Answer` for the fields.

    `condition`: the 2-norm condition number of A with its columns scaled to about one length, which governs the error;
    `singular_values`: of that matrix; `backward_error`: the smallest relative change of A that makes x the solution, or
    up to 1.28 times that; `deviations`: the standard deviations of the entries of x, and `deviation` that of the
    observations, sqrt(|r|^2/(m - n)), if b has independent errors of one size (NaN for m = n or where the rank was
    decided); for b of shape (m, k) an array, one for each column.
    """

    singular_values: np.ndarray
    deviations: np.ndarray
    deviation: Any

    def text(self, lang: str | None = None) -> str:
        s = self.singular_values
        rank = say(
            "linear.rank", lang, rank=self.rank, columns=len(self.x), largest=f"{s[0]:.3g}", least=f"{s[-1]:.3g}"
        )
        spread = None
        if np.isfinite(self.deviation).all():
            three = lambda v: f"{v:.3g}"
            each = three(self.deviation) if self.x.ndim == 1 else entries(np.asarray(self.deviation), three)
            spread = say("linear.deviations", lang, deviation=each, each=entries(self.deviations, three))
        return self.told(lang, "", rank, spread, say("linear.fractions", lang) if self.exact else None)


class Scaled(NamedTuple):
    """2^-power b and A 2^column with entries to about 1, and what solves with them: S S' = (A'A + damping)^-1."""

    a: np.ndarray
    b: np.ndarray
    column: np.ndarray
    power: np.ndarray  # of each column of b
    damping: np.ndarray
    s: np.ndarray
    right: np.ndarray  # V of R = U diag(values) V'
    values: np.ndarray
    kept: bool


def scaled(a: np.ndarray, b: np.ndarray, lam: float = 0.0) -> Scaled:
    column = -exponents(a, 0)
    small, kept = times_power(a, column)
    lengths = np.sqrt(np.sum(small * small, axis=0))
    column = column - np.where(lengths > 0, np.frexp(np.where(lengths > 0, lengths, 1.0))[1], 0)
    small, kept = times_power(a, column)
    power = exponents(b, 0)
    rhs, also = times_power(b, -power)
    with np.errstate(over="ignore", under="ignore"):
        damping = np.ldexp(lam, 2 * column)
    if not np.isfinite(damping).all() or (lam > 0 and (damping == 0).any()):
        raise DomainError(f"lam: {lam:g} overflows against the columns of A", fix="scale the columns of A to one size")
    full = np.vstack([small, np.diag(np.sqrt(damping))]) if lam else small
    n = a.shape[1]
    r = np.linalg.qr(full, mode="r")
    r = np.vstack([r, np.zeros((n - len(r), n))])
    values, across = sl.svd(r)[1:]
    s = np.zeros((n, n))
    if np.diag(r).all():
        with np.errstate(over="ignore", invalid="ignore"):
            s = sl.solve_triangular(r, np.eye(n), check_finite=False)
    return Scaled(small, rhs, column, power, damping, s, across.T, values, kept and also)


def lstsq(
    A: Any, b: Any, *, rank: int | None = None, rcond: float | None = None, proof: ProofKind = "auto"
) -> LeastSquares:
    """The x that makes |A x - b| smallest, with a proven bound of its error: A (m, n), b (m,) or, for several, (m, k).

    The columns are scaled by powers of two to about one length, so units do not decide the rank; then QR,
    and refinement with residuals in twice the working precision. If the columns are independent beyond
    doubt, x is the only solution. If they are dependent, or are so to rounding (the least singular value of the scaled
    columns at most max(m, n) 2^-52 of the largest; m < n always), nothing is decided silently: `RankError` lists the
    singular values and asks. `rank=k` keeps the k largest, `rcond=t` those above t times the largest; the answer is
    then the shortest x of the problem so reduced, and is not proved. `ridge` is the other way out.

    `proof`: "double" proves a bound of every entry's error for the doubles that A and b hold; "auto" does so up to
    2 million entries; "none" estimates. "exact" solves over the rational numbers: texts ("0.1"), Decimals and
    Fractions are carried as they are written, and x is rounded once (needs python-flint).

    Guarantee: verdict PROVED: the columns are independent and |x - truth| <= `forward_bound`, entry by entry.
    Raises `RankError`; `ShapeError` and `DomainError` for data that are no such problem.

    Reference: Bjorck 1996, Numerical Methods for Least Squares Problems.

    >>> fit = lstsq([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]], [1.0, 2.0, 4.0])
    >>> fit.x.round(12).tolist(), fit.rank, fit.verdict.value
    ([0.833333333333, 1.5], 2, 'proved')
    """
    begun = time.perf_counter()
    if proof_kind(proof) == "exact":
        if rank is not None or rcond is not None:
            raise DomainError('rank, rcond: with proof="exact" the rank is computed, not decided', fix="leave them out")
        return _exactly(A, b, begun)
    a = matrix(A)
    rhs = sides(b, len(a))
    kept_rank = _asked(rank, rcond, a.shape)
    p = scaled(a, rhs)
    m, n = a.shape
    cut = max(m, n) * 2 * UNIT * p.values[0]
    if kept_rank is not None or rcond is not None:
        k = kept_rank if kept_rank is not None else int(np.sum(p.values > (rcond or 0.0) * p.values[0]))
        if k == 0 or p.values[k - 1] <= p.values[0] * UNIT / 4:
            raise RankError(f"rank: {k} is not possible", singular_values=p.values, fix=_decide(p.values, cut))
        if k < n:
            return _shortest(a, p, k, begun)
    if m < n or p.values[-1] <= cut:
        raise _undecided(a, p, cut)
    return _regular(a, p, proof, begun)


def _asked(rank: int | None, rcond: float | None, shape: tuple[int, int]) -> int | None:
    if rank is not None and rcond is not None:
        raise DomainError("rank, rcond: wanted one of them, got both")
    if rcond is not None and not (isinstance(rcond, (int, float)) and 0 < rcond < 1):
        raise DomainError(f"rcond: wanted a number between 0 and 1, got {rcond!r}")
    if rank is not None and (
        isinstance(rank, bool) or not isinstance(rank, (int, np.integer)) or not 1 <= rank <= min(shape)
    ):
        raise DomainError(f"rank: wanted a whole number from 1 to {min(shape)}, got {rank!r}")
    return None if rank is None else int(rank)


def _undecided(a: np.ndarray, p: Scaled, cut: float) -> RankError:
    """Says what is dependent: a zero column, two parallel ones, or a combination."""
    m, n = a.shape
    v, proved = np.ldexp(p.right[:, -1], p.column - p.column.max()), False
    zero = np.flatnonzero(~a.any(axis=0))
    if m < n:
        what = f"A: has more columns ({n}) than rows ({m}), so there is no single solution"
    elif zero.size:
        v, proved = np.eye(n)[zero[0]], True
        what = f"A: column {zero[0]} is zero, so there is no single solution"
    else:
        exact = null_vector(a)
        v, proved = (v, False) if exact is None else (exact, True)
        parts = np.flatnonzero(np.abs(v) * np.abs(a).max(axis=0) > 1e-8 * np.max(np.abs(v) * np.abs(a).max(axis=0)))
        if len(parts) == 2 and np.array_equal(a[:, parts[0]], a[:, parts[1]]):
            v, proved = np.eye(n)[parts[0]] - np.eye(n)[parts[1]], True
        names = ", ".join(map(str, parts[:-1])) + (f" and {parts[-1]}" if len(parts) > 1 else str(parts[0]))
        what = f"A: columns {names} are dependent" + (
            ", so there is no single solution" if proved else ", to rounding: the rank cannot be told"
        )
    v = v / np.abs(v).max()
    values = ", ".join(f"{t:.3g}" for t in p.values[:12]) + (", ..." if n > 12 else "")
    return RankError(
        what,
        witness=v,
        singular_values=p.values,
        proved=proved,
        why=f"A v = 0{'' if proved else ' to rounding'} for v = {short(v)}; "
        f"singular values of the columns scaled to one length: {values}",
        fix=_decide(p.values, cut),
    )


def _decide(values: np.ndarray, cut: float) -> str:
    k = max(int(np.sum(values > cut)), 1)
    return f"decide: rank={k} or rcond=... for the shortest solution, leave columns out, or ridge(A, b, lam)"


def refined(p: Scaled) -> tuple[np.ndarray, np.ndarray, int]:
    """The scaled solution as a sum high + low, and the rounds it took."""
    high = p.s @ (p.s.T @ (p.a.T @ p.b))
    low = np.zeros_like(high)
    most = np.abs(high).max(axis=0)
    enough = tolerance(high, most)
    before, last, going = most, np.full(most.shape, np.inf), most > 0
    for k in range(_ROUNDS):
        g, _ = gradient(p.a, p.b, high, low, p.damping)
        step = p.s @ (p.s.T @ g)
        size = np.abs(step).max(axis=0)
        going = going & (size < last / 2)
        if not going.any():
            return high, low, k
        high, low = two_sum(high, low + np.where(going, step, 0.0))
        last = np.where(going, size, last)
        going = going & (size * size > enough * before)
        if not going.any():
            return high, low, k + 1
        before = size
    return high, low, _ROUNDS


class Found(NamedTuple):
    """What `lstsq` and `ridge` have in common."""

    fields: dict[str, Any]
    scaled_x: np.ndarray
    scaled_residual: np.ndarray


def answer(a: np.ndarray, p: Scaled, proof: str, begun: float) -> Found:
    """The fields of an answer of full rank."""
    n = a.shape[1]
    prove = proof == "double" or (proof == "auto" and a.size <= VERIFIED)
    if prove:
        high, low, rounds = refined(p)
    else:
        high, rounds = p.s @ (p.s.T @ (p.a.T @ p.b)), 2
        for _ in range(rounds):
            high = high + p.s @ (p.s.T @ (p.a.T @ (p.b - p.a @ high) - along(p.damping, high) * high))
        low = np.zeros_like(high)
    bound = least_squares_error(p.a, p.b, p.s, high, low, p.damping) if prove and p.kept else None
    if bound is not None:
        high, bound = settled(high, bound)
    x, whole = unscaled(high, p.column, p.power)
    if bound is not None:
        bound = unscaled_bound(bound, along(p.column, x) + p.power, whole, p.b)
    rest = rounded_residual(p.a, high, p.b)[0] if prove else p.b - p.a @ high
    condition = float(p.values[0] / p.values[-1])
    sizes = np.abs(p.a) @ np.abs(high) + np.abs(p.b)
    # to first order x moves by A^+ (db - dA x) + (A'A)^-1 dA' r
    pseudo = np.abs(p.s @ (p.a @ p.s).T)
    effect = UNIT * (pseudo @ sizes + np.abs(p.s @ p.s.T) @ (np.abs(p.a.T) @ np.abs(rest)))
    estimates: dict[str, Any] = {}
    if bound is None:
        error = effect.max(axis=0) / np.maximum(np.abs(high).max(axis=0), 5e-324)
        digits = estimated_digits(error, x)
        estimates["forward_error"] = max(float(np.max(error)), UNIT)
    else:
        digits = correct_digits(x, bound)
    if not whole_numbers(a, np.ldexp(p.b, p.power)):
        estimates |= data_estimates(high, effect, along(p.column, x) + p.power)
    fields = {
        "x": x, "residual": times_power(rest, p.power)[0], "rank": n, "condition": condition,
        "forward_bound": bound, "digits": digits, "exact": None, "singular_values": p.values,
        "verdict": Verdict.UNDECIDED if bound is None else Verdict.PROVED,
        "proof": None if bound is None else VERIFICATION,
        "estimates": estimates, "cost": {"seconds": time.perf_counter() - begun, "refinements": rounds},
    }  # fmt: skip
    return Found(fields, high, rest)


VERIFICATION = Proof(
    "verification",
    "|x - truth| <= forward_bound, entry by entry",
    (
        "S, about the inverse of R in A = Q R; |I - S'A'A S| < 1 with every rounding bounded: independent columns",
        "g = A'(b - A x) in twice the precision, with its slack",
        "|x - truth| <= |S (S'A'A S)^-1 S'g|",
    ),
)


def backward(p: Scaled, x: np.ndarray, r: np.ndarray) -> float:
    """The least relative change of A (in the Frobenius norm) that makes x the solution, or up to 1.28 times it.

    |(|x|^2 A'A + |r|^2 I)^(-1/2) A'r| (Karlson, Walden 1997; the factor: Gratton, Jiranek, Titley-Peloquin 2012).
    """
    x, r = x.reshape(len(x), -1), r.reshape(len(r), -1)
    damped = p.damping[:, None] * x
    g = p.right.T @ (p.a.T @ r - damped)
    squares = np.sum(x * x, axis=0) * p.values[:, None] ** 2 + np.sum(r * r, axis=0) + np.sum(damped * x, axis=0)
    parts = np.divide(g, np.sqrt(squares), out=np.zeros_like(g), where=squares > 0)
    return float(np.linalg.norm(parts, axis=0).max() / np.linalg.norm(p.values))


def _regular(a: np.ndarray, p: Scaled, proof: str, begun: float) -> LeastSquares:
    m, n = a.shape
    found = answer(a, p, proof, begun)
    free = m - n
    with np.errstate(over="ignore", under="ignore"):
        lengths = np.linalg.norm(found.scaled_residual, axis=0)
        deviation = lengths / np.sqrt(free) if free else np.full_like(lengths, np.nan)
        rows = along(np.sqrt(np.sum(p.s * p.s, axis=1)), found.scaled_x)
        deviations = np.ldexp(deviation * rows, along(p.column, found.scaled_x) + p.power)
        deviation = _number(np.ldexp(deviation, p.power))
    change = backward(p, found.scaled_x, found.scaled_residual)
    return LeastSquares(backward_error=change, deviations=deviations, deviation=deviation, **found.fields)


def _number(v: np.ndarray) -> Any:
    """A float, or an array where there are several columns."""
    return v if v.ndim else float(v)


def _shortest(a: np.ndarray, p: Scaled, k: int, begun: float) -> LeastSquares:
    """The shortest x of the problem with the n - k least singular values of the scaled columns taken as 0."""
    n = a.shape[1]
    kept, null = p.right[:, :k], p.right[:, k:]
    image = p.a @ kept
    y = kept @ np.linalg.lstsq(image, p.b, rcond=None)[0]
    y = y + kept @ np.linalg.lstsq(image, p.b - p.a @ y, rcond=None)[0]
    lowest = int(p.column.min())  # x = 2^column y, made shortest along 2^column null
    with np.errstate(under="ignore"):
        weights = np.ldexp(1.0, p.column - lowest)
    basis = sl.orth(weights[:, None] * null)
    x = along(weights, y) * y
    x, _ = unscaled(x - basis @ (basis.T @ x), np.full(n, lowest), p.power)
    with np.errstate(over="ignore"):
        scaled_x = np.ldexp(x, -along(p.column, x) - p.power)
    rest = p.b - p.a @ scaled_x
    condition = float(p.values[0] / p.values[k - 1])
    gap = float(p.values[k - 1] - (p.values[k] if k < len(p.values) else 0.0))
    error = max(UNIT * float(p.values[0]) / gap, UNIT) if gap > 0 else 1.0  # how far rounding turns the subspace kept
    return LeastSquares(
        x=x,
        residual=times_power(rest, p.power)[0],
        rank=k,
        condition=condition,
        backward_error=backward(p, scaled_x, rest),
        forward_bound=None,
        digits=estimated_digits(error, x),
        exact=None,
        singular_values=p.values,
        deviations=np.full_like(x, np.nan),
        deviation=_number(np.full(p.power.shape, np.nan)),
        estimates={"forward_error": error},
        cost={"seconds": time.perf_counter() - begun, "refinements": 1},
    )


# -- over the rational numbers ---------------------------------------------------------------------


class Gram(NamedTuple):
    """(A'A + lam I)^-1 A'b, and what the statistics need, as fractions."""

    truth: np.ndarray
    gram: Any
    x: np.ndarray
    residual: np.ndarray
    squares: np.ndarray  # |b - A truth|^2, one for each column


def exact_gram(a: np.ndarray, b: np.ndarray, lam: Fraction) -> Gram:
    f = rational.flint()
    left, right = rational.rows(a), rational.rows(b)
    across = left.transpose()
    n = a.shape[1]
    gram = across * left
    if lam:
        weight = f.fmpq(lam.numerator, lam.denominator)
        gram += f.fmpq_mat([[weight if i == j else f.fmpq(0) for j in range(n)] for i in range(n)])
    truth = rational.solve(gram, across * right, f"A: the columns are dependent, of rank {left.rank()}")
    truth = truth.reshape(n, *b.shape[1:])
    best = rational.column(right - left * rational.rows(truth)).reshape(b.shape)
    x = rational.rounded(truth)
    unscaled(x, np.zeros(n, int), 0)  # raises where an entry is beyond the largest double
    rest = rational.column(right - left * rational.rows(rational.fractions(x))).reshape(b.shape)
    return Gram(truth, gram, x, rational.rounded(rest), np.asarray((best * best).sum(axis=0), dtype=object))


def exact_fields(g: Gram, begun: float, statement: str) -> dict[str, Any]:
    bound = rational.distance(g.x, g.truth)
    return {
        "x": g.x, "residual": g.residual, "rank": len(g.x), "forward_bound": bound,
        "digits": correct_digits(g.x, bound), "exact": rational.nested(g.truth), "verdict": Verdict.PROVED,
        "proof": Proof("exact arithmetic", statement, ("solved over the rational numbers; x is rounded once",)),
        "cost": {"seconds": time.perf_counter() - begun, "refinements": 0},
    }  # fmt: skip


def _exactly(A: Any, b: Any, begun: float) -> LeastSquares:
    a = rationals(A, "A", 2)
    m, n = a.shape
    rhs = rational_sides(b, m)
    g = exact_gram(a, rhs, Fraction(0))
    p = scaled(rational.rounded(a), rational.rounded(rhs))
    deviations, deviation = np.full_like(g.x, np.nan), np.full(g.squares.shape, np.nan)
    if m > n:
        inverse = g.gram.inv()
        spread = np.array([rational.fraction(inverse[j, j]) for j in range(n)], dtype=object)
        variance = np.asarray(g.squares / Fraction(m - n), dtype=object)
        deviation, deviations = _roots(variance), _roots(along(spread, g.x) * variance)
    fields = exact_fields(g, begun, "A'(b - A x) = 0 over the rational numbers, and the columns are independent")
    with np.errstate(over="ignore"):
        scaled_x = np.ldexp(g.x, -along(p.column, g.x) - p.power)
    return LeastSquares(
        condition=float(p.values[0] / p.values[-1]) if p.values[-1] > 0 else np.inf,
        backward_error=backward(p, scaled_x, np.ldexp(g.residual, -p.power)),
        singular_values=p.values,
        deviations=deviations,
        deviation=_number(deviation),
        **fields,
    )


def _roots(values: np.ndarray) -> np.ndarray:
    return np.array([rational.root(v) for v in values.flat]).reshape(values.shape)
