"""Large products by the BLAS that SciPy brings, called through its pointers (scipy.linalg.cython_blas).

A product is matrices m x k and k x n for each index of its batch axes, wherever they stand in memory: BLAS takes any
distance between rows, and a transposed matrix as it is. What it cannot take (two axes summed at once, no axis
with neighbouring entries) is left to our own loops.
"""

from __future__ import annotations

import ctypes
import functools
import math
from dataclasses import dataclass
from typing import Any

import scipy.linalg.cython_blas
import scipy.linalg.cython_lapack

from ... import ops as P
from ...graph import Node
from .access import strides
from .roots import letters

LARGE = 32**3  # products with more multiplications go to BLAS
SIDE = 24  # ... if no side of their matrices is shorter
MIDDLE = 2**20  # of float32 (a quarter of float64): up to there our tiles, which pack nothing, are faster than BLAS
PRODUCTS = (P.matmul, P.dot, P.inner, P.einsum)


@functools.cache
def routine(name: str) -> int:
    """The address of a BLAS or LAPACK routine in the Fortran convention: arguments by reference, 32-bit integers."""
    known = scipy.linalg.cython_blas.__pyx_capi__ | scipy.linalg.cython_lapack.__pyx_capi__
    capsule = known[name]
    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype, api.PyCapsule_GetName.argtypes = ctypes.c_char_p, [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    return int(api.PyCapsule_GetPointer(capsule, api.PyCapsule_GetName(capsule)))


@dataclass(frozen=True)
class Matrix:
    """Where an operand's matrices stand: node in memory, whether transposed, distance of rows, of batches."""

    node: Node
    turned: bool
    leading: int
    steps: tuple[int, ...]


@dataclass(frozen=True)
class Product:
    """c = a b for each of the `batches`, all row by row: m x n, summed over k."""

    m: int
    n: int
    k: int
    batches: tuple[int, ...]
    a: Matrix
    b: Matrix
    c: Matrix


def _source(x: Node, names: tuple[Any, ...]) -> tuple[Node, tuple[Any, ...]]:
    """A transposed operand as what it is in memory."""
    while x.prim is P.transpose:
        rank = len(names)
        axes = tuple(range(rank))[::-1] if x.params["axes"] is None else tuple(a % rank for a in x.params["axes"])
        names = tuple(names[axes.index(i)] for i in range(rank))
        x = x.args[0]
    return x, names


def _matrix(node: Node, names: tuple[Any, ...], rows: Any, columns: Any, batch: tuple[Any, ...]) -> Matrix | None:
    step = dict(zip(names, strides(node.shape), strict=True))
    steps = tuple(step.get(c, 0) for c in batch)
    size = dict(zip(names, node.shape, strict=True))
    for turned, inner, outer in ((False, columns, rows), (True, rows, columns)):
        leading = step[outer]
        if step[inner] == 1 and leading >= size[inner]:
            return Matrix(node, turned, leading, steps)
    return None


def product(n: Node) -> Product | None:
    """The node as matrices for BLAS; None where it is none, or too small to gain."""
    if n.prim not in PRODUCTS or n.dtype.kind != "f" or len(n.args) != 2 or any(a.dtype != n.dtype for a in n.args):
        return None
    found = letters(n)
    if found is None or any(len(set(o)) != len(o) for o in (*found[0], found[1])):
        return None
    (p, q), out = found
    sizes = [dict(zip(o, a.shape, strict=True)) for o, a in zip((p, q), n.args, strict=True)]
    if any(sizes[0][c] != sizes[1][c] for c in p if c in q):
        return None  # a broadcast axis
    both, one, other = [c for c in p if c in q], [c for c in p if c not in q], [c for c in q if c not in p]
    summed = [c for c in both if c not in out]
    rows, columns = [c for c in out if c in one], [c for c in out if c in other]
    if len(summed) != 1 or not rows or not columns or len(rows) < len(one) or len(columns) < len(other):
        return None
    # of several rows or columns all but the last are batches as well, in which the other operand stays where it is
    (k,), m, j = summed, rows[-1], columns[-1]
    batch = tuple(c for c in out if c not in (m, j))
    size = sizes[0] | sizes[1]
    if min(size[k], size[m], size[j]) < SIDE or math.prod(size.values()) < LARGE:
        return None
    first, second = _source(n.args[0], p), _source(n.args[1], q)
    whole = dict(zip(out, strides(n.shape), strict=True))
    if whole[j] != 1 and whole[m] == 1:  # the result stands transposed: c' = b' a'
        first, second, m, j = second, first, j, m
    a, b = _matrix(*first, m, k, batch), _matrix(*second, k, j, batch)
    c = _matrix(n, out, m, j, batch)
    if a is None or b is None or c is None or c.turned:
        return None
    if not batch and not b.turned and size[k] * size[m] * size[j] * (n.dtype.itemsize // 4) ** 2 <= MIDDLE:
        return None
    return Product(size[m], size[j], size[k], tuple(size[x] for x in batch), a, b, c)


def gemm(n: Node, name: str) -> tuple[str, list[Node]]:
    """A function `i1 @name(a, b, c)`: one call of BLAS for each batch.

    BLAS counts columns first, so it is told c' = b' a'.
    """
    p = product(n)
    assert p is not None
    t = "double" if n.dtype.itemsize == 8 else "float"
    address = routine("dgemm" if t == "double" else "sgemm")
    numbers = {"m": p.n, "n": p.m, "k": p.k, "ldb": p.b.leading, "lda": p.a.leading, "ldc": p.c.leading}
    lines = [f"define internal i1 @{name}(ptr %p0, ptr %p1, ptr %p2) alwaysinline nounwind {{", "entry:"]
    for x, v in numbers.items():
        lines += [f"  %{x} = alloca i32", f"  store i32 {v}, ptr %{x}"]
    for x, v in (("alpha", "1.0"), ("beta", "0.0")):
        lines += [f"  %{x} = alloca {t}", f"  store {t} {v}, ptr %{x}"]
    for x, turned in (("tb", p.b.turned), ("ta", p.a.turned)):
        lines += [f"  %{x} = alloca i8", f"  store i8 {ord('T' if turned else 'N')}, ptr %{x}"]
    opened, block, ends = ["%p0", "%p1", "%p2"], "entry", []
    for d, count in enumerate(p.batches):
        lines += [
            f"  br label %loop{d}",
            f"loop{d}:",
            f"  %i{d} = phi i64 [0, %{block}], [%i{d}.next, %end{d}]",
        ]
        moved = []
        for x, (base, matrix) in enumerate(zip(opened, (p.a, p.b, p.c), strict=True)):
            lines += [
                f"  %o{d}.{x} = mul i64 %i{d}, {matrix.steps[d]}",
                f"  %q{d}.{x} = getelementptr {t}, ptr {base}, i64 %o{d}.{x}",
            ]
            moved.append(f"%q{d}.{x}")
        opened, block = moved, f"loop{d}"
        ends = [
            f"  br label %end{d}",
            f"end{d}:",
            f"  %i{d}.next = add nuw nsw i64 %i{d}, 1",
            f"  %i{d}.more = icmp ult i64 %i{d}.next, {count}",
            f"  br i1 %i{d}.more, label %loop{d}, label %out{d}",
            f"out{d}:",
            *ends,
        ]
    a, b, c = opened
    args = ["%tb", "%ta", "%m", "%n", "%k", "%alpha", b, "%ldb", a, "%lda", "%beta", c, "%ldc"]
    lines.append(f"  call void inttoptr (i64 {address} to ptr)({', '.join(f'ptr {x}' for x in args)})")
    return "\n".join([*lines, *ends, "  ret i1 false", "}"]), [p.a.node, p.b.node, n]
