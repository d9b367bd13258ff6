"""Square systems: the solution, its condition, its backward errors, and a proven bound of its error."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import DomainError
from ..messages import say
from ..proof import Proof, Verdict
from . import rational
from .data import Proof as ProofKind
from .data import matrix, proof_kind, rationals, times_power, vector
from .factor import Factor, one_norm
from .report import Answer, correct_digits
from .twice import UNIT, residual
from .verify import defect, settled, solution_error

VERIFIED = 500  # rows up to which "auto" proves: the proof takes about six times the work of the factorization
SMALL = 100  # rows up to which the inverse costs nothing to speak of


@dataclass(frozen=True)
class Solution(Answer):
    """The solution of A x = b; see `Answer` for the fields.

    `condition` is |A| |A^-1| in the 1-norm, estimated. `backward_error`: the smallest e such that x solves a system
    with |dA| <= e |A|, |db| <= e |b| in the max-norm, of the equilibrated system (Rigal, Gaches 1967);
    `componentwise_backward_error`: the same entry by entry (Oettli, Prager 1964).
    """

    componentwise_backward_error: float

    def text(self, lang: str | None = None) -> str:
        more = say("linear.componentwise", lang, error=f"{self.componentwise_backward_error:.1e}")
        return self.told(lang, more, say("linear.fractions", lang) if self.exact else None)


def solve(A: Any, b: Any, *, proof: ProofKind = "auto") -> Solution:
    """The solution of A x = b, A of shape (n, n) and b of shape (n,), with a proven bound of its error.

    A is equilibrated by powers of two, factored by LU and the solution refined with residuals in twice the working
    precision. `proof`: "double" proves a bound of every entry's error in double arithmetic, for the doubles that A
    and b hold; it succeeds up to condition numbers (of the equilibrated matrix) of about 1e13 to 1e15. "auto" does so
    up to n = 500; "none" refines once and estimates. "exact" solves over the rational numbers: texts ("0.1"), Decimals
    and Fractions are carried as they are written, doubles as the binary numbers they are, and x is rounded once (needs
    python-flint; about 1 s for n = 200).

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
    a = matrix(A, square=True)
    n = len(a)
    rhs = vector(b, n)
    factor = Factor(a)
    if factor.reciprocal < UNIT:
        raise factor.singular()
    c, power, kept = scaled_side(rhs, factor.row)
    high, low, rounds, last = factor.refine(c) if proof != "none" else _once(factor, c)
    prove = proof != "none" and (n <= VERIFIED or proof == "double")
    r = factor.inverse() if prove or n <= SMALL else None
    sizes = np.abs(factor.b) @ np.abs(high) + np.abs(c)
    effect = None if r is None else np.abs(r) @ sizes * UNIT
    bound = None
    if r is not None and prove and kept and factor.kept:
        bound = solution_error(defect(factor.b, r), c, high, low)
    if bound is not None:
        high, bound = settled(high, bound)
    x, whole = unscaled(high, factor.column, power)
    if bound is not None:
        bound = unscaled_bound(bound, factor.column + power, whole, rhs)
    rest = residual(factor.b, high, c)
    component = float(np.max(np.abs(rest.high) / np.where(sizes > 0, sizes, 1.0)))
    inside = float(np.abs(factor.b).sum(axis=1).max() * np.abs(high).max() + np.abs(c).max())
    backward = float(np.abs(rest.high).max() / inside) if inside > 0 else 0.0
    condition = one_norm_condition(a, factor, r)
    estimates = {"condition_equilibrated": 1 / factor.reciprocal}
    if bound is None:
        spread = effect if effect is not None else np.full(n, _error_estimate(factor, sizes) * UNIT)
        error = float(np.max(spread) * max(component / UNIT, 1.0) / max(np.abs(high).max(), 5e-324))
        if high.any():  # every step of a refinement that converges is at least halved
            error = min(error, last / float(np.abs(high).max()))
        error = max(error, UNIT)
        digits = np.full(n, max(-np.log10(error), 0.0))
        estimates["forward_error"] = error
    else:
        digits = correct_digits(x, bound)
    if effect is not None and not _whole(a, rhs):
        estimates["data_digits"] = float(correct_digits(high, effect).min())
    return Solution(
        x=x,
        residual=times_power(rest.high, power - factor.row)[0],
        rank=n,
        condition=condition,
        backward_error=backward,
        forward_bound=bound,
        digits=digits,
        exact=None,
        componentwise_backward_error=component,
        verdict=Verdict.UNDECIDED if bound is None else Verdict.PROVED,
        proof=None if bound is None else Proof("verification", "|x - truth| <= forward_bound, entry by entry", STEPS),
        estimates=estimates,
        cost={"seconds": time.perf_counter() - begun, "refinements": rounds},
    )


STEPS = (
    "R, an approximate inverse of the equilibrated matrix B; |I - R B| < 1 with every rounding bounded",
    "r = b - A x in twice the precision, with its slack",
    "|x - truth| <= |R r| + |I - R B| |x - truth|",
)


def _once(factor: Factor, c: np.ndarray) -> tuple[np.ndarray, np.ndarray, int, float]:
    """One solution with one refinement in working precision."""
    y = factor.once(c)
    return y + factor.once(c - factor.b @ y), np.zeros(len(c)), 1, np.inf


def scaled_side(b: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, int, bool]:
    """2^(row - power) b with entries to about 1, the power, and whether no digit was lost."""
    power = int(np.max(np.where(b != 0, np.frexp(b)[1] + row, -5000)))
    power = 0 if power == -5000 else power
    scaled, kept = times_power(b, row - power)
    return scaled, power, kept


def unscaled(y: np.ndarray, exponent: np.ndarray, power: int) -> tuple[np.ndarray, bool]:
    x, kept = times_power(y, exponent + power)
    if not np.isfinite(x).all():
        raise DomainError(
            f"x[{int(np.argmax(~np.isfinite(x)))}]: is beyond the largest double",
            fix="take larger units for it: multiply its column of A",
        )
    return x, kept


def unscaled_bound(bound: np.ndarray, exponent: np.ndarray, kept: bool, b: np.ndarray) -> np.ndarray:
    if not b.any():  # a regular system: x = 0 is the solution
        return np.zeros_like(bound)
    out, _ = times_power(bound, exponent)
    return out if kept and (out > 2.0**-1000).all() else out + 2.0**-1070


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


def _whole(*arrays: np.ndarray) -> bool:
    """Whole numbers are taken as meant; others may be rounded decimals."""
    return all(bool((v == np.round(v)).all()) for v in arrays)


def _exactly(A: Any, b: Any, begun: float) -> Solution:
    a, rhs = rationals(A, "A", 2), rationals(b, "b", 1)
    n = len(a)
    matrix(np.zeros(a.shape), square=True)
    vector(np.zeros(rhs.shape), n)
    truth = rational.solve(rational.rows(a), rational.rows(rhs), "A: is singular")
    x = np.array([rational.nearest(t) for t in truth])
    rest = rhs - a.dot(np.array([rational.Fraction(float(t)) for t in _finite(x)], dtype=object))
    sizes = [
        sum(abs(p) * abs(t) for p, t in zip(row, truth, strict=True)) + abs(q) for row, q in zip(a, rhs, strict=True)
    ]
    component = max((rational.nearest(abs(r) / s) for r, s in zip(rest, sizes, strict=True) if s), default=0.0)
    largest = max(abs(t) for t in truth)
    inside = max(sum(abs(p) for p in row) for row in a) * largest + max(abs(q) for q in rhs)
    bound = rational.distance(x, truth)
    return Solution(
        x=x,
        residual=np.array([rational.nearest(r) for r in rest]),
        rank=n,
        condition=exact_condition(a),
        backward_error=rational.nearest(max(abs(r) for r in rest) / inside) if inside else 0.0,
        forward_bound=bound,
        digits=correct_digits(x, bound),
        exact=tuple(truth),
        componentwise_backward_error=component,
        verdict=Verdict.PROVED,
        proof=Proof("exact arithmetic", "A x = b over the rational numbers; x is rounded once", ("x = A^-1 b",)),
        cost={"seconds": time.perf_counter() - begun, "refinements": 0},
    )


def _finite(x: np.ndarray) -> np.ndarray:
    return unscaled(x, np.zeros(len(x), int), 0)[0]


def exact_condition(a: np.ndarray) -> float:
    """|A|_1 |A^-1|_1 over the rational numbers, rounded."""
    inverse = rational.rows(a).inv()
    n = len(a)
    entries = np.array(rational.column(inverse), dtype=object).reshape(n, n)
    return rational.nearest(max(np.abs(a).sum(axis=0)) * max(np.abs(entries).sum(axis=0)))
