"""Directions in which a problem falls without end: a ray that shows that the least value is -inf.

Along x + td the rows and f are functions of t alone. If they are quadratic, three rational numbers say what becomes of
each for large t; else intervals over all t >= 0 may show that the rows hold and that f falls at a rate.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from ...calculus import differentiate
from ...errors import CauchyError
from ...tracer import trace
from ..convexity.analysis import Analysis
from ..convexity.polynomial import Polynomial, nearest
from ..problem import Problem
from ..quadratic import quadratic
from ..quadratic.witness import NotConvex, Unbounded

MOST = 40  # variables whose axes are tried
MOST_SIGNS = 4  # variables for which all signs are


class Ray(NamedTuple):
    """All point + t direction with t large enough are feasible, and f falls to -inf there: proved, or as it seems.

    The proof, rational or by intervals, is about exactly these floats.
    """

    point: np.ndarray
    direction: np.ndarray
    proved: bool


def quadratic_ray(p: Problem, forms: list[Polynomial], points: Iterable[np.ndarray]) -> Ray | None:
    """A proved ray of a problem whose f and rows are these polynomials."""
    f, *rows = forms
    n = p.n
    H, q = matrix(f, n)
    found: list[tuple[np.ndarray, np.ndarray]] = []
    points = list(points)
    if all(len(k) < 2 or not v for row in rows for k, v in row.terms.items()):
        shifts = np.array([nearest(row.terms.get((), Fraction(0))) for row in rows])
        A = np.array([matrix(row, n)[1] for row in rows])
        sides = {"l": p.cl - shifts, "u": p.cu - shifts, "lower": p.lower, "upper": p.upper}
        finite = all(bool(np.isfinite(part).all()) for part in (H, q, A, shifts))
        closest = quadratic(np.eye(n), -p.x0, A, **sides) if finite else None
        if closest is not None and closest.success:
            points.append(closest.x)
        seen = quadratic(H, q, A, **sides).witness if finite else None
        if isinstance(seen, Unbounded):
            found.append((seen.point, seen.direction))
        elif isinstance(seen, NotConvex):
            found += [(x, s * seen.direction) for x in points for s in (1, -1)]
    found += [(x, d) for x in points for d in _ways(x)]
    for x, d in found:
        if np.isfinite(d).all() and d.any():
            for at, way in itertools.product(_rounded(x), _rounded(d)):
                if way.any() and _ends_low(p, forms, at, way):
                    return Ray(at, way, True)
    return None


def line_ray(p: Problem, points: Iterable[np.ndarray]) -> Ray | None:
    """A proved ray by intervals: from a point, or away from 0 through it."""
    for x in points:
        for d in _ways(x):
            for at in _rounded(x):
                if _falls(p, at, d):
                    return Ray(at, d, True)
    return None


def _away(x: np.ndarray) -> Iterator[np.ndarray]:
    """The direction of a point that a search ran off to."""
    size = float(np.abs(x).max(initial=0.0))
    if np.isfinite(size) and size > 10:
        yield from _rounded(x / size)


def _ways(x: np.ndarray) -> Iterator[np.ndarray]:
    """Away from 0, and simple directions."""
    yield from _away(x)
    if x.size <= MOST_SIGNS:
        yield from (np.array(d) for d in itertools.product((0.0, 1.0, -1.0), repeat=x.size) if any(d))
    elif x.size <= MOST:
        yield from np.vstack([np.eye(x.size), -np.eye(x.size)])


def seen_ray(p: Problem, x: np.ndarray, far: np.ndarray) -> Ray | None:
    """The way from the feasible point x to one far away, if along it f goes on to fall, as far as floats reach.

    That proves nothing.
    """
    way = far - x
    size = float(np.abs(way).max(initial=0.0))
    if not 0 < size < np.inf:
        return None
    d = way / size
    last, fell = float(p.value(x)), 0
    for t in 10.0 ** np.array([12, 24, 36, 48, 60, 90, 120]):
        here = x + t * d
        value, c = float(p.value(here)), np.asarray(p.constraints(here))
        room = 1e-9 * t
        if (here < p.lower).any() or (here > p.upper).any() or not ((c >= p.cl - room) & (c <= p.cu + room)).all():
            return None
        if not np.isfinite(value) and value > -np.inf:
            break
        if value > last - 1e-3:
            return None
        last, fell = value, fell + 1
        if value == -np.inf:
            break
    return Ray(x, d, False) if fell else None


def _rounded(x: np.ndarray) -> Iterator[np.ndarray]:
    last = None
    for digits in (0, 2, 6, None):
        here = x if digits is None else np.round(x, digits)
        if last is None or (here != last).any():
            yield here
        last = here


def matrix(form: Polynomial, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Its Hessian and its gradient at 0, rounded."""
    H = np.array([[nearest(v) for v in row] for row in form.hessian(n)])
    return H, np.array([nearest(form.terms.get((j,), Fraction(0))) for j in range(n)])


def _along(form: Polynomial, x: list[Fraction], d: list[Fraction]) -> tuple[Fraction, Fraction, Fraction]:
    """The coefficients of t^2, t and 1 in form(x + td)."""
    two = one = none = Fraction(0)
    for k, v in form.terms.items():
        if len(k) == 2:
            i, j = k
            two, one, none = two + v * d[i] * d[j], one + v * (x[i] * d[j] + d[i] * x[j]), none + v * x[i] * x[j]
        elif k:
            one, none = one + v * d[k[0]], none + v * x[k[0]]
        else:
            none += v
    return two, one, none


def _ends_low(p: Problem, forms: list[Polynomial], x: np.ndarray, d: np.ndarray) -> bool:
    """Do all rows and bounds hold for all large t, while f falls to -inf?"""
    at, way = ([Fraction(float(v)) for v in side] for side in (x, d))
    falls = lambda h: h[0] < 0 or (h[0] == 0 and h[1] < 0)
    below = lambda h, side: falls(h) or (h[0] == h[1] == 0 and h[2] <= side)
    f, *rows = (_along(form, at, way) for form in forms)
    if not falls(f):
        return False
    lines = [(Fraction(0), v, u) for u, v in zip(at, way, strict=True)]
    sides = itertools.chain(zip(rows, p.cl, p.cu, strict=True), zip(lines, p.lower, p.upper, strict=True))
    return all(
        (high == np.inf or below(h, Fraction(float(high))))
        and (low == -np.inf or below(tuple(-v for v in h), -Fraction(float(low))))
        for h, low, high in sides
    )


def _falls(p: Problem, x: np.ndarray, d: np.ndarray) -> bool:
    """Is x + td feasible for all t >= 0, and f' there below a negative number? By intervals."""
    if (d < 0)[p.lower > -np.inf].any() or (d > 0)[p.upper < np.inf].any():
        return False
    if (x < p.lower).any() or (x > p.upper).any() or p.c is None:
        return False
    f, c = p.f, p.c
    line = lambda t: f(x + t * d)
    start, end = np.array(0.0), np.array(np.inf)
    try:
        value, rows = Analysis(trace(line, 0.0)), Analysis(trace(lambda t: c(x + t * d), 0.0))
        value.over(start, end)
        fact = rows.over(start, end)
        if not value.regular or not value.total.get(value.out, True) or not rows.total.get(rows.out, True):
            return False
        slope = Analysis(trace(differentiate.grad(line), 0.0)).over(start, end)
    except CauchyError:
        return False
    holds = (fact.low >= p.cl).all() and (fact.high <= p.cu).all()
    return bool(holds and rows.guard is None and float(slope.high) < 0)
