"""Systems and decompositions of middle size: elimination row by row in SIMD vectors, on a copy with padded rows.

The pivot row stays in registers while the rows below are changed, so each of their entries is read and written once a
step. Entries of the padding and of the other triangle are computed along and never read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ... import ops as P
from ...graph import Node
from .blocks import Blocks
from .ir import BITS, LLVM_TYPE, Value
from .llvm import vector_bytes
from .matrices import Product, determinant, logarithm, right_sides, times, unit

LARGEST = 48  # rows; beyond, LAPACK is faster
STAGES = 3  # for which the code is written again, with shorter rows
VECTORS = 14  # of a row, so that the registers hold them


def _lanes(kind: str) -> int:
    return 8 * vector_bytes() // BITS[kind]


def _columns(n: Node, w: int) -> tuple[int, int]:
    """Padded lengths: of a row of the matrix, and with its right sides behind it."""
    size, m = n.args[0].shape[-1], right_sides(n) if n.prim in (P.solve, P.inv) else 0
    pad = lambda k: -(-k // w) * w
    return pad(size), pad(size + m) if m < 2 else pad(size) + pad(m)


def fits(n: Node, kind: str) -> bool:
    """Whether a matrix is neither too large nor of another kind."""
    w = _lanes(kind)
    small = n.args[0].shape[-1] <= LARGEST and _columns(n, w)[1] <= VECTORS * w
    return small and n.prim in (P.cholesky, P.cholesky_or_nan, P.solve, P.inv, P.det, P.slogdet)


def scratch(n: Node, kind: str) -> int:
    """Bytes of memory that it takes: the rows, and a column."""
    w = _lanes(kind)
    size, (width, whole) = n.args[0].shape[-1], _columns(n, w)
    return (BITS[kind] // 8) * (size * whole + width)


class Panel:
    """Writes the work on one matrix."""

    def __init__(self, b: Blocks, n: Node, kind: str, work: str) -> None:
        self.b, self.kind, self.work, self.w = b, kind, work, _lanes(kind)
        self.n, self.m = n.args[0].shape[-1], right_sides(n)
        self.width, self.whole = _columns(n, self.w)
        self.t, self.size = LLVM_TYPE[kind], BITS[kind] // 8
        self.vector = f"<{self.w} x {self.t}>"

    # -- words ---------------------------------------------------------------------------------------------------

    def entry(self, i: Any, j: Any) -> Value:
        return i * self.whole + j

    def get(self, i: Any, j: Any) -> Value:
        return self.b.load(self.work, self.kind, self.entry(i, j))

    def wide(self, text: str) -> Value:
        self.b.width = self.w
        v = self.b.emit(text, self.kind)
        self.b.width = 1
        return v

    def vectors(self, pointer: str, start: Any, first: int, last: int) -> list[Value]:
        """The vectors of a row from one number to another."""
        found = []
        for c in range(first, last):
            p = self.b.at(pointer, self.kind, start + c * self.w)
            found.append(self.wide(f"load {self.vector}, ptr {p}, align {self.size}"))
        return found

    def put(self, v: Value, pointer: str, start: Any, c: int) -> None:
        p = self.b.at(pointer, self.kind, start + c * self.w)
        self.b.do(f"store {self.vector} {v.ref}, ptr {p}, align {self.size}")

    def splat(self, v: Value) -> Value:
        self.b.width = self.w
        v = self.b.everywhere(v)
        self.b.width = 1
        return v

    def less(self, i: Value, f: Value, row: list[Value], first: int) -> None:
        """Row i less f times a row, from vector `first` on."""
        f = self.splat(-f)
        start = i * self.whole
        old = self.vectors(self.work, start, first, first + len(row))
        for c, (x, y) in enumerate(zip(old, row, strict=True), first):
            self.b.width = self.w
            new = self.b.fma(f, y, x)
            self.b.width = 1
            self.put(new, self.work, start, c)

    def rows(self, source: str, to: str, count: int, steps: tuple[int, int], filled: int = 0) -> None:
        """Copy rows of so many entries, at distances `steps` in the two places, and zeros up to `filled`."""

        def row(i: Value) -> None:
            for c in range(count // self.w):
                (v,) = self.vectors(source, i * steps[0], c, c + 1)
                self.put(v, to, i * steps[1], c)
            for j in range(count // self.w * self.w, count):
                self.b.save(self.b.load(source, self.kind, i * steps[0] + j), to, i * steps[1] + j)
            for j in range(count, filled):
                self.b.save(self.b.const(self.kind, 0.0), to, i * steps[1] + j)

        self.b.loop(0, self.n, row)

    def each_column(self, body: Callable[[Value, int], None]) -> None:
        """body(k, number of a vector at or before column k) for all columns."""
        step = -(-self.width // self.w // STAGES)
        for c in range(0, self.width // self.w, step):
            self.b.loop(c * self.w, min((c + step) * self.w, self.n), lambda k, c=c: body(k, c))

    # -- one matrix ----------------------------------------------------------------------------------------------

    def cholesky(self, a: str, out: str, *, upper: bool = False, nan: bool = False) -> None:
        b, n = self.b, self.n
        zero, ok = b.const(self.kind, 0.0), b.room("i1")
        b.do(f"store i1 true, ptr {ok}")
        column = b.at(self.work, self.kind, n * self.whole)
        b.loop(0, self.width, lambda j: b.save(zero, column, j))
        if upper:  # the lower triangle of the transposed matrix
            turned = lambda i, j: b.save(b.load(a, self.kind, j * n + i), self.work, self.entry(i, j))
            b.loop(0, n, lambda i: b.loop(0, n, lambda j: turned(i, j)))
        else:
            self.rows(a, self.work, n, (n, self.whole), self.width)
        place = lambda i, j: j * n + i if upper else i * n + j

        def step(k: Value, c: int) -> None:
            root = b.sqrt(pivot := self.get(k, k))
            fine = pivot.gt(0.0) & root.lt(math.inf) if nan else pivot.gt(0.0)
            b.do(f"store i1 {(b.emit(f'load i1, ptr {ok}', 'i1') & fine).ref}, ptr {ok}")
            scale = 1.0 / root
            b.save(root, out, place(k, k))

            def factor(i: Value) -> None:
                v = self.get(i, k) * scale
                b.save(v, column, i)
                b.save(v, out, place(i, k))
                b.save(zero, out, place(k, i))

            b.loop(k + 1, n, factor)
            row = self.vectors(column, b.number(0), c, self.width // self.w)
            b.loop(k + 1, n, lambda i: self.less(i, b.load(column, self.kind, i), row, c))

        self.each_column(step)
        bad = b.emit(f"load i1, ptr {ok}", "i1").invert()
        if nan:
            b.when(bad, lambda: b.loop(0, n * n, lambda i: b.save(b.const(self.kind, math.nan), out, i)))
        else:
            b.fail_if(bad)

    def eliminated(self, pivoted: Callable[[Value, Value], None] | None = None) -> Value:
        """Make the rows upper triangular; whether a pivot is 0. `pivoted(pivot, whether rows were exchanged)`."""
        b, n = self.b, self.n
        bad = b.room("i1")
        b.do(f"store i1 false, ptr {bad}")

        def step(k: Value, c: int) -> None:
            def larger(i: Value, best: Value, at: Value) -> list[Value]:
                size = b.fabs(self.get(i, k))
                wins = size.gt(best)
                return [b.select(wins, size, best), b.select(wins, i, at)]

            _, p = b.loop(k + 1, n, larger, [b.fabs(self.get(k, k)), k])
            moved = p.ne(k)
            b.when(moved, lambda: exchange(k, p, c))
            pivot = self.get(k, k)
            old = b.emit(f"load i1, ptr {bad}", "i1")
            b.do(f"store i1 {(old | pivot.eq(0.0)).ref}, ptr {bad}")
            if pivoted is not None:
                pivoted(pivot, moved)
            row = self.vectors(self.work, k * self.whole, c, self.whole // self.w)
            b.loop(k + 1, n, lambda i: self.less(i, self.get(i, k) / pivot, row, c))

        def exchange(k: Value, p: Value, c: int) -> None:
            one, other = (self.vectors(self.work, i * self.whole, c, self.whole // self.w) for i in (k, p))
            for j, (x, y) in enumerate(zip(one, other, strict=True), c):
                self.put(y, self.work, k * self.whole, j)
                self.put(x, self.work, p * self.whole, j)

        self.each_column(step)
        return b.emit(f"load i1, ptr {bad}", "i1")

    def solve(self, a: str, y: str, out: str) -> None:
        b, n, m = self.b, self.n, self.m
        self.rows(a, self.work, n, (n, self.whole), self.width)
        right = n if m < 2 else self.width
        self.rows(y, b.at(self.work, self.kind, right), m, (m, self.whole), self.whole - right)
        self._finish(out, right)

    def inv(self, a: str, out: str) -> None:
        b, n = self.b, self.n
        self.rows(a, self.work, n, (n, self.whole), self.width)
        right = n if self.m < 2 else self.width
        zero, one = b.const(self.kind, 0.0), b.const(self.kind, 1.0)

        def identity(i: Value) -> None:
            entry = lambda j: b.save(b.select(j.eq(i), one, zero), self.work, self.entry(i, j + right))
            b.loop(0, self.whole - right, entry)

        b.loop(0, n, identity)
        self._finish(out, right)

    def _finish(self, out: str, right: int) -> None:
        b, n, m = self.b, self.n, self.m
        b.fail_if(self.eliminated())
        if m == 1:

            def number(k: Value) -> None:
                x = self.get(k, b.number(right)) / self.get(k, k)
                b.save(x, out, k)

                def above(i: Value) -> None:
                    v = b.fma(-self.get(i, k), x, self.get(i, b.number(right)))
                    b.save(v, self.work, self.entry(i, right))

                b.loop(0, k, above)

            b.down(0, n, number)
            return
        first, last = right // self.w, self.whole // self.w

        def row(k: Value) -> None:
            pivot = self.splat(self.get(k, k))
            found = self.vectors(self.work, k * self.whole, first, last)
            b.width = self.w
            found = [v / pivot for v in found]
            b.width = 1
            for c, v in enumerate(found, first):
                self.put(v, self.work, k * self.whole, c)
            b.loop(0, k, lambda i: self.less(i, self.get(i, k), found, first))

        b.down(0, n, row)
        self.rows(b.at(self.work, self.kind, right), out, m, (self.whole, m))

    def pivots(self, a: str) -> tuple[Value, Product]:
        """Whether one is 0, and their product."""
        b = self.b
        self.rows(a, self.work, self.n, (self.n, self.whole), self.width)
        negative, m, e = b.room("i8"), b.room(self.t), b.room("i64")
        product = lambda: (b.load(negative, "i1"), b.load(m, self.kind), b.load(e, "i64"))

        def save(found: Product) -> None:
            for v, p in zip(found, (negative, m, e), strict=True):
                b.save(v, p)

        save(unit(b, self.kind))
        singular = self.eliminated(lambda pivot, exchanged: save(times(b, product(), pivot, exchanged)))
        return singular, product()

    def det(self, a: str, out: str) -> None:
        self.b.save(determinant(self.b, *self.pivots(a)), out)

    def slogdet(self, a: str, sign: str, log: str) -> None:
        for v, out in zip(logarithm(self.b, *self.pivots(a)), (sign, log), strict=True):
            self.b.save(v, out)


def one_matrix(b: Blocks, n: Node, kind: str, work: str) -> Callable[[Sequence[str], Sequence[str]], None]:
    """What is to be done for each matrix of the stack: pointers to its arguments, to its results."""
    panel, how = Panel(b, n, kind, work), dict(n.params)
    rules: dict[Any, Callable[..., None]] = {
        P.cholesky: panel.cholesky,
        P.cholesky_or_nan: lambda a, out: panel.cholesky(a, out, nan=True),
        P.solve: panel.solve,
        P.inv: panel.inv,
        P.det: panel.det,
        P.slogdet: panel.slogdet,
    }
    return lambda args, outs: rules[n.prim](*args, *outs, **how)
