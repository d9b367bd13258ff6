"""Large systems and decompositions by the LAPACK that SciPy brings, on arrays as they lie in memory.

LAPACK counts columns first, so what it sees is the transposed matrix: it is told the other triangle, and to solve
x' a' = b' from the right, and nothing is copied for its sake.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ... import ops as P
from ...graph import Node
from .access import aligned
from .blas import routine
from .blocks import Blocks
from .ir import BITS, LLVM_TYPE, Value
from .matrices import Product, determinant, logarithm, right_sides, times, unit


class Lapack:
    """Calls for matrices of one kind and size."""

    def __init__(self, b: Blocks, n: Node, kind: str, work: str) -> None:
        self.b, self.node, self.kind, self.work = b, n, kind, work
        self.size = n.args[0].shape[-1]
        self.t, self.bytes = LLVM_TYPE[kind], BITS[kind] // 8
        self.columns = right_sides(n)
        self.order = b.room("i32", self.size)

    def call(self, name: str, *args: Any) -> None:
        """Pointers as they are, letters, 32-bit integers and numbers of our kind through the stack."""
        refs = []
        for a in args:
            if isinstance(a, str) and a.startswith("%"):
                refs.append(a)
            elif isinstance(a, str):
                refs.append(self.b.room("i8", ord(a)))
            elif isinstance(a, float):
                refs.append(self.b.room(self.t, a))
            else:
                refs.append(self.b.room("i32", a))
        address = routine(("d" if self.kind == "f64" else "s") + name)
        self.b.do(f"call void inttoptr (i64 {address} to ptr)({', '.join(f'ptr {r}' for r in refs)})")

    def reported(self, info: str) -> Value:
        """Whether LAPACK gave up."""
        v = self.b.load(info, "i32")
        return v.ne(0)

    def part(self, offset: int) -> str:
        return self.b.at(self.work, "i8", offset)

    # -- one matrix ----------------------------------------------------------------------------------------------

    def cholesky(self, a: str, out: str, *, upper: bool = False, nan: bool = False) -> None:
        b, n = self.b, self.size
        b.copy(out, a, n * n * self.bytes)
        info = b.room("i32")
        self.call("potrf", "L" if upper else "U", self.order, out, self.order, info)
        if not nan:
            b.fail_if(self.reported(info))

        def clear(i: Value) -> None:
            row = i * n
            low, high = (b.number(0), i) if upper else (i + 1, b.number(n))
            b.loop(low, high, lambda j: b.save(b.const(self.kind, 0.0), out, row + j))

        b.loop(0, n, clear)
        if nan:

            def look(i: Value, fine: Value) -> list[Value]:
                d = b.load(out, self.kind, i * (n + 1))
                return [fine & d.gt(0.0) & d.lt(math.inf)]

            (fine,) = b.loop(0, n, look, [self.reported(info).invert()])
            b.when(
                fine.invert(),
                lambda: b.loop(0, n * n, lambda i: b.save(b.const(self.kind, math.nan), out, i)),
            )

    def solve_triangular(self, a: str, y: str, out: str, *, lower: bool, trans: bool, unit_diagonal: bool) -> None:
        b, n, m = self.b, self.size, self.columns
        if not unit_diagonal:
            (bad,) = b.loop(
                0, n, lambda i, bad: [bad | b.load(a, self.kind, i * (n + 1)).eq(0.0)], [b.const("i1", False)]
            )
            b.fail_if(bad)
        b.copy(out, y, n * m * self.bytes)
        if not m:
            return
        triangle, diagonal = "U" if lower else "L", "U" if unit_diagonal else "N"
        if m == 1:
            self.call("trsv", triangle, "N" if trans else "T", diagonal, self.order, a, self.order, out, 1)
        else:
            self.from_right(triangle, "T" if trans else "N", diagonal, a, out)

    def from_right(self, triangle: str, trans: str, diagonal: str, a: str, x: str) -> None:
        m = self.columns
        self.call("trsm", "R", triangle, trans, diagonal, m, self.order, 1.0, a, self.order, x, m)

    def factored(self, a: str) -> tuple[str, str, str]:
        """Pointers to the triangular factors of a copy, its exchanges, and LAPACK's report."""
        b, n = self.b, self.size
        copy, pivots, info = self.part(0), self.part(aligned(n * n * self.bytes)), b.room("i32")
        b.copy(copy, a, n * n * self.bytes)
        self.call("getrf", self.order, self.order, copy, self.order, pivots, info)
        return copy, pivots, info

    def solve(self, a: str, y: str, out: str) -> None:
        b, n, m = self.b, self.size, self.columns
        copy, pivots, info = self.factored(a)
        b.fail_if(self.reported(info))
        if not m:
            return
        if y:
            b.copy(out, y, n * m * self.bytes)
        self.from_right("U", "N", "N", copy, out)
        self.from_right("L", "N", "U", copy, out)

        def exchange(i: Value) -> None:
            k = b.convert(b.load(pivots, "i32", i), "i64") - 1

            def swap(j: Value) -> None:
                p, q = i * m + j, k * m + j
                x, z = b.load(out, self.kind, p), b.load(out, self.kind, q)
                b.save(z, out, p)
                b.save(x, out, q)

            b.when(k.ne(i), lambda: b.loop(0, m, swap))

        b.down(0, n, exchange)

    def inv(self, a: str, out: str) -> None:
        b, n = self.b, self.size
        b.loop(0, n * n, lambda i: b.save(b.const(self.kind, 0.0), out, i))
        b.loop(0, n, lambda i: b.save(b.const(self.kind, 1.0), out, i * (n + 1)))
        self.solve(a, "", out)

    def pivots(self, a: str) -> tuple[Value, Product]:
        """Whether one is 0, and their product."""
        b, n = self.b, self.size
        copy, pivots, info = self.factored(a)

        def factor(i: Value, negative: Value, m: Value, e: Value) -> Product:
            exchanged = b.convert(b.load(pivots, "i32", i), "i64").ne(i + 1)
            return times(b, (negative, m, e), b.load(copy, self.kind, i * (n + 1)), exchanged)

        negative, m, e = b.loop(0, n, factor, unit(b, self.kind))
        return self.reported(info), (negative, m, e)

    def det(self, a: str, out: str) -> None:
        self.b.save(determinant(self.b, *self.pivots(a)), out)

    def slogdet(self, a: str, sign: str, log: str) -> None:
        for v, out in zip(logarithm(self.b, *self.pivots(a)), (sign, log), strict=True):
            self.b.save(v, out)

    def eigh(self, a: str, values: str, vectors: str, *, uplo: str) -> None:
        b, n = self.b, self.size
        jobs = bool(vectors)
        copy = self.part(0)
        # NumPy's signs are those of the same triangle of the same matrix
        turned = lambda i, j: b.save(b.load(a, self.kind, i * n + j), copy, j * n + i)
        b.loop(0, n, lambda i: b.loop(0, n, lambda j: turned(i, j)))
        reals, ints = self.eigen_work()
        info, at = b.room("i32"), aligned(n * n * self.bytes)
        work, more = self.part(at), self.part(at + aligned(reals * self.bytes))
        job = "V" if jobs else "N"
        self.call("syevd", job, uplo, self.order, copy, self.order, values, work, reals, more, ints, info)
        b.fail_if(self.reported(info))
        if jobs:
            back = lambda i, j: b.save(b.load(copy, self.kind, j * n + i), vectors, i * n + j)
            b.loop(0, n, lambda i: b.loop(0, n, lambda j: back(i, j)))

    def eigen_work(self) -> tuple[int, int]:
        n = self.size
        return (1 + 6 * n + 2 * n * n, 3 + 5 * n) if self.node.prim is P.eigh else (2 * n + 1, 1)


def scratch(n: Node) -> int:
    """Bytes of memory that a call needs."""
    size, width = n.args[0].shape[-1], n.args[0].dtype.itemsize
    copy = aligned(size * size * width)
    if n.prim in (P.eigh, P.eigvalsh):
        reals, ints = (1 + 6 * size + 2 * size * size, 3 + 5 * size) if n.prim is P.eigh else (2 * size + 1, 1)
        return copy + aligned(reals * width) + aligned(4 * ints)
    return copy + aligned(4 * size) if n.prim in (P.solve, P.inv, P.det, P.slogdet) else 0


def one_matrix(b: Blocks, n: Node, kind: str, work: str) -> Callable[[Sequence[str], Sequence[str]], None]:
    """What is to be done for each matrix of the stack: pointers to its arguments, to its results."""
    calls, how = Lapack(b, n, kind, work), dict(n.params)
    rules: dict[Any, Callable[..., None]] = {
        P.cholesky: calls.cholesky,
        P.cholesky_or_nan: lambda a, out: calls.cholesky(a, out, nan=True),
        P.solve_triangular: calls.solve_triangular,
        P.solve: calls.solve,
        P.inv: calls.inv,
        P.det: calls.det,
        P.slogdet: calls.slogdet,
        P.eigh: calls.eigh,
        P.eigvalsh: lambda a, out, uplo: calls.eigh(a, out, "", uplo=uplo),
    }
    return lambda args, outs: rules[n.prim](*args, *outs, **how)
