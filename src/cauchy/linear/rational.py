"""Linear systems over the rational numbers, by FLINT: nothing is rounded before the answer is.

Reference: The FLINT team, fmpq_mat (fraction-free and Dixon solvers); F. Johansson 2017 (Arb).
"""

from __future__ import annotations

import functools
import math
from fractions import Fraction
from typing import Any

import numpy as np

from ..errors import CauchyError, DomainError
from .report import RankError


def flint() -> Any:
    try:
        import flint as module
    except ImportError as e:
        raise CauchyError('proof="exact" needs python-flint', fix='pip install "cauchy-calculus[exact]"') from e
    return module


def rows(values: np.ndarray) -> Any:
    """An array of Fractions, of one or two axes, as a matrix of FLINT."""
    f = flint()
    shaped = values.reshape(len(values), -1)
    return f.fmpq_mat([[f.fmpq(v.numerator, v.denominator) for v in row] for row in shaped])


def fraction(v: Any) -> Fraction:
    return Fraction(int(v.p), int(v.q))


def column(m: Any) -> np.ndarray:
    """All entries, row by row."""
    return np.array([fraction(v) for v in m.entries()], dtype=object)


def fractions(x: np.ndarray) -> np.ndarray:
    """Doubles as the fractions they are."""
    return np.array([Fraction(v) for v in x.ravel().tolist()], dtype=object).reshape(x.shape)


def nested(values: np.ndarray) -> tuple[Any, ...]:
    """The entries of a vector, or a tuple for each row of a matrix."""
    return tuple(values) if values.ndim == 1 else tuple(map(tuple, values))


def solve(a: Any, b: Any, what: str) -> np.ndarray:
    """The entries of the solution of a x = b, row by row; `RankError`, with an exact null vector, if a is singular."""
    try:
        return column(a.solve(b))
    except ZeroDivisionError:
        v = null_vector(a)
        shown = ", ".join(str(t) if len(str(t)) < 20 else f"{float(t):.6g}" for t in v[:6])
        raise RankError(
            f"{what}: v = ({shown}{', ...' if len(v) > 6 else ''}) has A v = 0",
            witness=np.array([nearest(t) for t in v]), proved=True,
            fix="leave a column out, or decide without proof: lstsq(A, b, rank=...), ridge(A, b, lam)",
        ) from None  # fmt: skip


def null_vector(a: Any) -> list[Fraction]:
    """v with a v = 0, scaled so that its largest entry is 1 in size; a has one."""
    echelon, rank = a.rref()
    n = a.ncols()
    pivots = [next(j for j in range(n) if echelon[i, j] != 0) for i in range(rank)]
    free = next(j for j in range(n) if j not in pivots)
    v = [Fraction(0)] * n
    v[free] = Fraction(1)
    for i, p in enumerate(pivots):
        v[p] = -fraction(echelon[i, free])
    largest = max(abs(t) for t in v)
    return [t / largest for t in v]


def nearest(v: Fraction) -> float:
    """The double nearest to v; infinite beyond the largest."""
    try:
        return v.numerator / v.denominator
    except OverflowError:
        return math.inf if v > 0 else -math.inf


def above(v: Fraction) -> float:
    """A double not below v >= 0, and next to it."""
    x = nearest(v)
    return x if math.isinf(x) or Fraction(x) >= v else math.nextafter(x, math.inf)


def rounded(values: np.ndarray) -> np.ndarray:
    """The doubles nearest to an array of fractions."""
    return np.array([nearest(v) for v in values.flat]).reshape(values.shape)


def distance(x: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """|x - truth| entry by entry, rounded up."""
    return np.array([above(abs(v)) for v in (fractions(x) - truth).flat]).reshape(x.shape)


def root(v: Fraction) -> float:
    """The square root of v >= 0, to within one unit in the last place."""
    if v == 0:
        return 0.0
    shift = max(0, 130 - (v.numerator.bit_length() - v.denominator.bit_length()))
    shift += shift % 2
    return nearest(Fraction(math.isqrt((v.numerator << shift) // v.denominator), 1 << shift // 2))


# -- the extreme eigenvalues of a rational matrix, in ball arithmetic ---------------------------------

STEPS = (
    "V, about the eigenvectors of G = A'A; G' = V'G V in balls",
    "each eigenvalue of G' is an entry of its diagonal to within the norm of the rest (Weyl)",
    "and is one of G up to a factor in 1 ± |V'V - I| (Ostrowski)",
)
_MOST_BITS = 4096


def spectral_condition(gram: Any) -> tuple[float, float, float]:
    """(lower, upper, nearest) of sqrt(largest/least eigenvalue) of a positive definite rational matrix."""
    f = flint()
    bits, before = 192, f.ctx.prec
    try:
        while bits <= _MOST_BITS:
            f.ctx.prec = bits
            ratio = _ratio(f, gram, bits)
            if ratio is not None and ratio.rel_accuracy_bits() > 60:
                return _outward(ratio)
            bits *= 2
    finally:
        f.ctx.prec = before
    raise DomainError(f"A: its condition number is beyond 2^{_MOST_BITS // 4}")


def _ratio(f: Any, gram: Any, bits: int) -> Any:
    import mpmath

    n = gram.nrows()
    with mpmath.workprec(bits):
        near = mpmath.matrix(n, n)
        for i in range(n):
            for j in range(n):
                near[i, j] = mpmath.mpf(int(gram[i, j].p)) / int(gram[i, j].q)
        vectors = mpmath.eigsy(near)[1]
        # mpmath's numbers are binary fractions, and so exact in FLINT
        exact = [[_binary(f, vectors[i, j]) for j in range(n)] for i in range(n)]
    v = f.arb_mat(exact)
    turned = v.transpose() * f.arb_mat(gram) * v
    tilt = _size(f, v.transpose() * v - f.arb_mat([[f.arb(int(i == j)) for j in range(n)] for i in range(n)]))
    rest = _size(f, f.arb_mat([[f.arb(0) if i == j else turned[i, j] for j in range(n)] for i in range(n)]))
    spread = f.arb(0, 1) * rest
    diagonal = [turned[i, i] for i in range(n)]
    largest = functools.reduce(lambda a, b: a.max(b), diagonal) + spread
    least = functools.reduce(lambda a, b: a.min(b), diagonal) + spread
    factor = 1 + f.arb(0, 1) * tilt
    if not (least > 0 and factor > 0):
        return None
    return (largest / factor / (least / factor)).sqrt()


def _binary(f: Any, v: Any) -> Any:
    sign, mantissa, exponent, _ = v._mpf_
    whole = f.fmpz(-int(mantissa) if sign else int(mantissa))
    return f.arb(whole) * f.arb(2) ** int(exponent)  # exact: a power of two


def _size(f: Any, m: Any) -> Any:
    """The Frobenius norm, as a ball."""
    total: Any = sum((e * e for e in m.entries()), f.arb(0))
    return total.abs_upper().sqrt()


def _outward(ball: Any) -> tuple[float, float, float]:
    ends = []
    for end in (ball.lower(), ball.upper(), ball.mid()):
        mantissa, exponent = end.man_exp()
        ends.append(Fraction(int(mantissa)) * Fraction(2) ** int(exponent))
    low = nearest(ends[0])
    return (
        low if math.isfinite(low) and Fraction(low) <= ends[0] else math.nextafter(low, 0),
        above(ends[1]),
        nearest(ends[2]),
    )
