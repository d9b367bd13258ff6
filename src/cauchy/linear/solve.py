"""Square systems: the solution, its condition, its backward errors, and a proven bound of its error."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from ..errors import DomainError
from ..messages import say
from ..proof import Proof, Verdict
from . import rational
from .data import Proof as ProofKind
from .data import along, matrix, proof_kind, rational_sides, rationals, sides, times_power
from .factor import SMALL, Factor, one_norm
from .report import Answer, correct_digits, data_estimates, estimated_digits, number, whole_numbers
from .twice import UNIT, rounded_residual
from .verify import defect, settled, solution_error

VERIFIED = 500  # rows up to which "auto" proves: the proof takes about six times the work of the factorization
_NONE = -10000  # below the exponent of any double


@dataclass(frozen=True)
class Solution(Answer):
    """The solution of A x = b; see `Answer` for the fields.

    `condition` is |A| |A^-1| in the 1-norm, estimated. `backward_error`: the smallest e such that x solves a system
    with |dA| <= e |A|, |db| <= e |b| in the max-norm, of the equilibrated system (Rigal, Gaches 1967);
    `componentwise_backward_error`: the same entry by entry (Oettli, Prager 1964).
    """

    componentwise_backward_error: float

    def text(self, lang: str | None = None) -> str:
        component = say("linear.componentwise", lang, error=number(self.componentwise_backward_error))
        return self.told(lang, component, say("linear.fractions", lang) if self.exact else None)


def solve(A: Any, b: Any, *, proof: ProofKind = "auto") -> Solution:
    """The solution of A x = b with a proven bound of its error: A of shape (n, n), b (n,) or, for several, (n, k).

    A is equilibrated by powers of two, factored by LU and the solution refined with residuals in twice the working
    precision. `proof`: "double" proves a bound of every entry's error in double arithmetic, for the doubles that A
    and b hold; it succeeds up to condition numbers (of the equilibrated matrix) of about 1e13 to 1e15. "auto" does so
    up to n = 500; "none" refines once and estimates. "exact" solves over the rational numbers: texts ("0.1"), Decimals
    and Fractions are carried as they are written, doubles as the binary numbers they are, and x is rounded once (needs
    python-flint; about 1 s for n = 200).

    A sparse A is factored by SuperLU, refined in working precision, and the error estimated (Arioli, Demmel, Duff
    1989): undecided.

    Guarantee: verdict PROVED: |x - truth| <= `forward_bound`, entry by entry. Undecided: `digits` is an estimate.
    Raises `RankError` if A is singular, or singular to working precision; `ShapeError` and `DomainError` for data
    that are no system.

    Reference: Rump 1999; Demmel et al. 2006; Higham 2002, Accuracy and Stability of Numerical Algorithms.

    >>> s = solve([[1.0, 1.0], [1.0, 1.0001]], [2.0, 2.0001])
    >>> s.verdict.value, [round(v, 9) for v in s.x.tolist()]
    ('proved', [1.0, 1.0])
    >>> solve([["1", "1"], ["1", "1.0001"]], ["2", "2.0001"], proof="exact").exact
    (Fraction(1, 1), Fraction(1, 1))
    """
    begun = time.perf_counter()
    if proof_kind(proof) == "exact":
        return _exactly(A, b, begun)
    if sparse.issparse(A):
        from .sparse_lu import solved

        return Solution(**solved(A, b, proof, begun))
    a = matrix(A, square=True)
    n = len(a)
    rhs = sides(b, n)
    factor = Factor(a)
    if factor.reciprocal < UNIT:
        raise factor.singular()
    c, power, kept = scaled_side(rhs, factor.row)
    high, low, rounds, last = factor.refine(c) if proof != "none" else _once(factor, c)
    prove = proof != "none" and (n <= VERIFIED or proof == "double")
    r = factor.inverse() if prove or n <= SMALL else None
    rest, slack = rounded_residual(factor.b, high, c, low)
    bound = None
    if r is not None and prove and kept and factor.kept:
        bound = solution_error(defect(factor.b, r), low, rest, slack)
    if bound is not None:
        found, bound = settled(high, bound)
        high, low = found, low + (high - found)
    rest = rest + factor.b @ low  # c - b high
    x, whole = unscaled(high, factor.column, power)
    if bound is not None:
        bound = unscaled_bound(bound, along(factor.column, x) + power, whole, rhs)
    sizes = factor.size @ np.abs(high) + np.abs(c)
    component, backward = backward_errors(rest, sizes, factor.size, high, c)
    estimates: dict[str, Any] = {"condition_equilibrated": 1 / factor.reciprocal}
    effect = None if r is None else np.abs(r) @ sizes * UNIT
    if bound is None:
        largest = np.maximum(np.abs(high).max(axis=0), 5e-324)
        if effect is None:
            spread = _error_estimate(factor, (sizes / largest).reshape(n, -1).max(axis=1)) * UNIT
        else:
            spread = effect.max(axis=0) / largest
        error = spread * max(component / UNIT, 1.0)
        if high.any():  # every step of a refinement that converges is at least halved
            error = np.minimum(error, last / largest)
        digits = estimated_digits(error, x)
        estimates["forward_error"] = max(float(np.max(error)), UNIT)
    else:
        digits = correct_digits(x, bound)
    if effect is not None and not whole_numbers(a, rhs):
        estimates |= data_estimates(high, effect, along(factor.column, x) + power)
    return Solution(
        x=x,
        residual=times_power(rest, power - along(factor.row, x))[0],
        rank=n,
        condition=one_norm_condition(a, factor, r),
        backward_error=backward,
        forward_bound=bound,
        digits=digits,
        exact=None,
        componentwise_backward_error=component,
        verdict=Verdict.UNDECIDED if bound is None else Verdict.PROVED,
        proof=None if bound is None else VERIFICATION,
        estimates=estimates,
        cost={"seconds": time.perf_counter() - begun, "refinements": rounds},
    )


VERIFICATION = Proof(
    "verification",
    "|x - truth| <= forward_bound, entry by entry",
    (
        "R, an approximate inverse of the equilibrated matrix B; |I - R B| < 1 with every rounding bounded",
        "r = b - A x in twice the precision, with its slack",
        "|x - truth| <= |R r| + |I - R B| |x - truth|",
    ),
)


def _once(factor: Factor, c: np.ndarray) -> tuple[np.ndarray, np.ndarray, int, Any]:
    """One solution with one refinement in working precision."""
    y = factor.once(c)
    return y + factor.once(c - factor.b @ y), np.zeros_like(c), 1, np.inf


def scaled_side(b: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
    """2^(row - power) b with entries to about 1, the power of each column, and whether no digit was lost."""
    shift = along(row, b)
    power = np.where(b == 0, _NONE, np.frexp(b)[1] + shift).max(axis=0)
    power = np.where(power == _NONE, 0, power)
    scaled, kept = times_power(b, shift - power)
    return scaled, power, kept


def backward_errors(
    rest: np.ndarray, sizes: np.ndarray, size: Any, x: np.ndarray, c: np.ndarray
) -> tuple[float, float]:
    """The least relative change of the data that makes x exact: entry by entry, and in the max-norm; `size` is |A|."""
    found = np.abs(rest)
    component = float((found / np.where(sizes > 0, sizes, 1.0)).max())
    inside = float(size.sum(axis=1).max()) * np.abs(x).max(axis=0) + np.abs(c).max(axis=0)
    return component, float((found.max(axis=0) / np.where(inside > 0, inside, 1.0)).max())


def unscaled(y: np.ndarray, exponent: np.ndarray, power: np.ndarray | int) -> tuple[np.ndarray, bool]:
    x, kept = times_power(y, along(exponent, y) + power)
    if not np.isfinite(x).all():
        at = np.argwhere(~np.isfinite(x))[0].tolist()
        raise DomainError(
            f"x[{', '.join(map(str, at))}]: is beyond the largest double",
            fix="take larger units for it: multiply its column of A",
        )
    return x, kept


def unscaled_bound(bound: np.ndarray, exponent: np.ndarray, kept: bool, b: np.ndarray) -> np.ndarray:
    out, _ = times_power(bound, exponent)
    if not kept or out.min() <= 2.0**-1000:
        out = out + 2.0**-1070
    return np.where(b.any(axis=0), out, 0.0)  # a regular system with b = 0: x = 0 is the solution


def one_norm_condition(a: np.ndarray, factor: Factor, inverse: np.ndarray | None = None) -> float:
    """|A|_1 |A^-1|_1, the second from the inverse of the equilibrated matrix or estimated."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        down, across = np.ldexp(1.0, factor.column), np.ldexp(1.0, factor.row)
        if inverse is not None:
            size = float((down @ np.abs(inverse) * across).max())
        else:
            size = one_norm(
                len(a),
                lambda v: down * factor.once(across * v),
                lambda v: across * factor.once(down * v, transposed=True),
            )
        found = float(np.abs(a).sum(axis=0).max()) * size
    return found if not np.isnan(found) else np.inf


def _error_estimate(factor: Factor, sizes: np.ndarray) -> float:
    """About max |B^-1| sizes: the 1-norm of the transpose of B^-1 diag(sizes), as LAPACK's xGERFS has it."""
    return one_norm(len(sizes), lambda v: sizes * factor.once(v, transposed=True), lambda v: factor.once(sizes * v))


def _exactly(A: Any, b: Any, begun: float) -> Solution:
    a = rationals(A, "A", 2)
    n = len(a)
    matrix(np.zeros(a.shape), square=True)
    rhs = rational_sides(b, n)
    truth = rational.solve(rational.rows(a), rational.rows(rhs), "A: is singular").reshape(rhs.shape)
    x = rational.rounded(truth)
    unscaled(x, np.zeros(n, int), 0)  # raises where an entry is beyond the largest double
    rest = rhs - a.dot(rational.fractions(x))
    sizes = np.abs(a).dot(np.abs(truth)) + np.abs(rhs)
    component = max(
        (rational.nearest(abs(r) / s) for r, s in zip(rest.flat, sizes.flat, strict=True) if s), default=0.0
    )
    inside = np.atleast_1d(np.abs(a).sum(axis=1).max() * np.abs(truth).max(axis=0) + np.abs(rhs).max(axis=0))
    backward = [abs(r) / s for r, s in zip(np.atleast_1d(np.abs(rest).max(axis=0)), inside, strict=True) if s]
    bound = rational.distance(x, truth)
    return Solution(
        x=x,
        residual=rational.rounded(rest),
        rank=n,
        condition=exact_condition(a),
        backward_error=rational.nearest(max(backward, default=rational.Fraction(0))),
        forward_bound=bound,
        digits=correct_digits(x, bound),
        exact=rational.nested(truth),
        componentwise_backward_error=component,
        verdict=Verdict.PROVED,
        proof=Proof("exact arithmetic", "A x = b over the rational numbers; x is rounded once", ("x = A^-1 b",)),
        cost={"seconds": time.perf_counter() - begun, "refinements": 0},
    )


def exact_condition(a: np.ndarray) -> float:
    """|A|_1 |A^-1|_1 over the rational numbers, rounded."""
    inverse = rational.rows(a).inv()
    n = len(a)
    entries = rational.column(inverse).reshape(n, n)
    return rational.nearest(max(np.abs(a).sum(axis=0)) * max(np.abs(entries).sum(axis=0)))
