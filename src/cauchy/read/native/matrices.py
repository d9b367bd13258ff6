"""Small systems and decompositions entry by entry: arrays of values, each number a register.

No branch depends on an entry (pivots are chosen by selects), so the code serves whatever the entries are. Where NumPy
would raise, the second answer says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ... import ops as P
from ...graph import Node
from .ir import Builder, Value

Entries = np.ndarray  # of values
Found = tuple[Entries, Value]  # the result, and whether NumPy would raise
Product = tuple[Value, Value, Value]  # whether it is negative; mantissa and exponent of its size


def _no(b: Builder) -> Value:
    return b.const("i1", False)


def _full(b: Builder, shape: tuple[int, ...], kind: str, v: float) -> Entries:
    out = np.empty(shape, object)
    for i in np.ndindex(shape):
        out[i] = b.const(kind, v)
    return out


def _identity(b: Builder, n: int, kind: str) -> Entries:
    out = _full(b, (n, n), kind, 0.0)
    for k in range(n):
        out[k, k] = b.const(kind, 1.0)
    return out


def _lessened(b: Builder, row: Entries, f: Value, other: Entries) -> Entries:
    """row - f other, each entry rounded once."""
    minus, out = -f, np.empty(len(row), object)
    for j, (x, y) in enumerate(zip(row, other, strict=True)):
        out[j] = b.fma(minus, y, x)
    return out


# -- positive definite matrices ------------------------------------------------------------------------


def _factor(b: Builder, kind: str, a: Entries) -> Found:
    """The lower Cholesky factor, from the lower triangle, and whether there is none."""
    n = len(a)
    low, bad = _full(b, a.shape, kind, 0.0), _no(b)
    for j in range(n):
        column = a[j:, j]
        for k in range(j):
            column = _lessened(b, column, low[j, k], low[j:, k])
        bad = bad | column[0].gt(0.0).invert()
        low[j, j] = b.sqrt(column[0])
        scale = 1.0 / low[j, j]
        for i, v in enumerate(column[1:], j + 1):
            low[i, j] = v * scale
    return low, bad


def cholesky(b: Builder, kind: str, a: Entries, *, upper: bool) -> Found:
    low, bad = _factor(b, kind, a.T if upper else a)
    return (low.T if upper else low), bad


def cholesky_or_nan(b: Builder, kind: str, a: Entries) -> Found:
    low, bad = _factor(b, kind, a)
    for k in range(len(a)):
        bad = bad | low[k, k].lt(math.inf).invert()
    for i in np.ndindex(low.shape):
        low[i] = b.select(bad, b.const(kind, math.nan), low[i])
    return low, _no(b)


# -- elimination ---------------------------------------------------------------------------------------


def solve_triangular(
    b: Builder, kind: str, a: Entries, y: Entries, *, lower: bool, trans: bool, unit_diagonal: bool
) -> Found:
    if trans:
        a, lower = a.T, not lower
    n, bad = len(a), _no(b)
    x = y.reshape(n, math.prod(y.shape[1:])).copy()
    for k in range(n) if lower else reversed(range(n)):
        if not unit_diagonal:
            bad = bad | a[k, k].eq(0.0)
            for j in range(x.shape[1]):
                x[k, j] = x[k, j] / a[k, k]
        for i in range(k + 1, n) if lower else range(k):
            x[i] = _lessened(b, x[i], a[i, k], x[k])
    return x.reshape(y.shape), bad


def _eliminated(b: Builder, rows: Entries, n: int) -> tuple[Value, Value]:
    """Make the first n columns of the rows upper triangular, in place, the largest entry of a column as pivot.

    Gives whether a pivot is 0, and whether the number of exchanges is odd.
    """
    singular = odd = _no(b)
    for k in range(n):
        size = b.fabs(rows[k, k])
        for i in range(k + 1, n):
            other = b.fabs(rows[i, k])
            larger = other.gt(size)
            size = b.select(larger, other, size)
            odd = odd ^ larger
            for j in range(k, rows.shape[1]):
                x, y = rows[k, j], rows[i, j]
                rows[k, j], rows[i, j] = b.select(larger, y, x), b.select(larger, x, y)
        singular = singular | rows[k, k].eq(0.0)
        for i in range(k + 1, n):
            rows[i, k + 1 :] = _lessened(b, rows[i, k + 1 :], rows[i, k] / rows[k, k], rows[k, k + 1 :])
    return singular, odd


def solve(b: Builder, kind: str, a: Entries, y: Entries) -> Found:
    n = len(a)
    rows = np.concatenate([a, y.reshape(n, math.prod(y.shape[1:]))], axis=1)
    singular, _ = _eliminated(b, rows, n)
    x, _ = solve_triangular(b, kind, rows[:, :n], rows[:, n:], lower=False, trans=False, unit_diagonal=False)
    return x.reshape(y.shape), singular


def inv(b: Builder, kind: str, a: Entries) -> Found:
    return solve(b, kind, a, _identity(b, len(a), kind))


# -- determinants: products that neither overflow nor underflow on the way -------------------------------------


def split(b: Builder, x: Value) -> tuple[Value, Value]:
    """(m, e) with x = m 2^e and 1 <= |m| < 2; m = x where x is infinite, NaN or 0."""
    kind = x.kind
    bits, digits, bias = ("i64", 52, 1023) if kind == "f64" else ("i32", 23, 127)
    tiny = b.fabs(x).lt(2.0 ** (1 - bias))
    word = b.bitcast(b.select(tiny, x * 2.0 ** (digits + 2), x), bits)
    field = word.lshr(digits) & (2 * bias + 1)
    m = b.bitcast((word & ~((2 * bias + 1) << digits)) | (bias << digits), kind)
    e = field - b.select(tiny, b.const(bits, bias + digits + 2), b.const(bits, bias))
    odd = x.eq(0.0) | field.eq(2 * bias + 1)
    return b.select(odd, x, m), b.convert(b.select(odd, b.const(bits, 0), e), "i64")


def unit(b: Builder, kind: str) -> Product:
    return _no(b), b.const(kind, 1.0), b.const("i64", 0)


def times(b: Builder, product: Product, x: Value, exchanged: Value) -> Product:
    """A product with one more pivot."""
    negative, m, e = product
    n, f = split(b, b.fabs(x))
    p, g = split(b, m * n)
    return negative ^ x.lt(0.0) ^ exchanged, p, e + f + g


def determinant(b: Builder, singular: Value, product: Product) -> Value:
    """The product of the pivots, rounded once; 0 where one of them is."""
    negative, m, e = product
    bits, digits, bias = ("i64", 52, 1023) if m.kind == "f64" else ("i32", 23, 127)
    most = 2 * bias - 2
    e = b.select(e.lt(-most), b.const("i64", -most), b.select(e.gt(most), b.const("i64", most), e))
    half = e >> 1
    for h in (half, e - half):
        m = m * b.bitcast(b.convert(h + bias, bits) << digits, m.kind)
    return b.select(singular, b.const(m.kind, 0.0), b.select(negative, -m, m))


def logarithm(b: Builder, singular: Value, product: Product) -> tuple[Value, Value]:
    """Sign and logarithm of the determinant."""
    negative, m, e = product
    number = lambda v: b.const(m.kind, v)
    sign = b.select(singular, number(0.0), b.select(negative, number(-1.0), number(1.0)))
    size = b.fma(b.convert(e, m.kind), number(math.log(2.0)), b.call("log", m))
    return sign, b.select(singular, number(-math.inf), size)


def det(b: Builder, kind: str, a: Entries) -> Found:
    rows = a.copy()
    singular, odd = _eliminated(b, rows, len(a))
    product = unit(b, kind)
    for k in range(len(a)):
        product = times(b, product, rows[k, k], odd if not k else _no(b))
    out = np.empty((), object)
    out[()] = determinant(b, singular, product)
    return out, _no(b)


RULES: dict[Any, Callable[..., Found]] = {
    P.cholesky: cholesky,
    P.cholesky_or_nan: cholesky_or_nan,
    P.solve_triangular: solve_triangular,
    P.solve: solve,
    P.inv: inv,
    P.det: det,
}


def terms(n: Node) -> float:
    """Instructions for one matrix, about."""
    size, columns = float(n.args[0].shape[-1]), float(right_sides(n))
    if n.prim is P.solve_triangular:
        return columns * size * (size + 16) / 2
    if n.prim in (P.cholesky, P.cholesky_or_nan):
        return size**3 / 6 + 12 * size
    return size**3 + 30 * size + columns * size**2


def right_sides(n: Node) -> int:
    """The columns of what is solved for."""
    if n.prim is P.inv:
        return n.shape[-1]
    return n.args[1].shape[-1] if len(n.args) > 1 and len(n.args[1].shape) > 1 else 1
