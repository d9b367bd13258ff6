"""Products end as few large ones where one factor is the same for all examples; decompositions take stacks."""

from __future__ import annotations

import math
from typing import Any

from ...graph import Primitive
from .vocabulary import Flags, P, align, batch, each, flat, move, rank, stacks

# -- words -----------------------------------------------------------------------------------------


def _T(x: Any) -> Any:
    """The matrices of a stack, transposed."""
    n = x.ndim
    return P.transpose(x, axes=(*range(n - 2), n - 1, n - 2))


def _column(x: Any) -> Any:
    return P.reshape(x, shape=(*x.shape, 1))


def _row(x: Any) -> Any:
    return P.reshape(x, shape=(*x.shape[:-1], 1, x.shape[-1]))


def _without(x: Any, *axes: int) -> Any:
    """x without these axes of length one."""
    gone = {a % x.ndim for a in axes}
    return P.reshape(x, shape=tuple(n for i, n in enumerate(x.shape) if i not in gone)) if gone else x


def _rows(x: Any) -> Any:
    """A stack of matrices as one matrix, their rows below each other."""
    return x if x.ndim <= 2 else P.reshape(x, shape=(math.prod(x.shape[:-1]), x.shape[-1]))


# -- products --------------------------------------------------------------------------------------


def _matmul(b: Flags, x: Any, y: Any) -> Any:
    rx, ry = map(rank, (x, y), b)
    if all(b):
        if rx == ry == 1:
            return P.sum(x * y, axis=-1, keepdims=False)
        r = max(rx, ry, 2)
        z = align(_row(x) if rx == 1 else x, True, r) @ align(_column(y) if ry == 1 else y, True, r)
        return _without(z, *([-2] if rx == 1 else []), *([-1] if ry == 1 else []))
    if b[0]:
        if ry <= 2:
            return P.reshape(_rows(x) @ y, shape=(*x.shape[:-1], *y.shape[1:]))
        return move(x @ y, -2, 0) if rx == 1 else align(x, True, ry) @ y
    if ry == 1:
        return P.reshape(y @ (_T(_rows(x)) if rx > 1 else x), shape=(y.shape[0], *x.shape[:-1]))
    if rx == ry == 2 and y.shape[-1] == 1:
        return _column(_matmul(b, x, _without(y, -1)))
    return x @ align(y, True, rx)


def _as_matrix(x: Any, b: bool, columns: int) -> Any:
    """Each example as a matrix of so many columns."""
    lead = x.shape[:b]
    return P.reshape(x, shape=(*lead, math.prod(x.shape[b:]) // max(columns, 1), columns))


def _dot(b: Flags, x: Any, y: Any) -> Any:
    rx, ry = map(rank, (x, y), b)
    if not rx or not ry:
        return batch[P.multiply](b, x, y)
    if ry <= 2:
        return _matmul(b, x, y)
    return _contracted(b, x, move(y, -2, -1))


def _inner(b: Flags, x: Any, y: Any) -> Any:
    rx, ry = map(rank, (x, y), b)
    return _contracted(b, x, y) if rx and ry else batch[P.multiply](b, x, y)


def _contracted(b: Flags, x: Any, y: Any) -> Any:
    """The sum over the last axes of both: one matrix product."""
    k = x.shape[-1]
    if not k:  # an empty sum; matrices without columns do not tell their rows
        return batch[P.einsum](b, x, y, subscripts=_last(rank(x, b[0]), rank(y, b[1])))
    z = _matmul(b, _as_matrix(x, b[0], k), _T(_as_matrix(y, b[1], k)))
    return P.reshape(z, shape=(z.shape[0], *x.shape[b[0] : -1], *y.shape[b[1] : -1]))


def _last(rx: int, ry: int) -> str:
    letters = "abcdefghijklmnopqrstuvwxyABCDEFGHIJKLMNOPQRSTUVWXY"
    left, right = letters[: rx - 1], letters[rx - 1 : rx + ry - 2]
    return f"{left}z,{right}z->{left}{right}"


def _vdot(b: Flags, x: Any, y: Any) -> Any:
    vector = lambda v, many: flat(v) if many else P.reshape(v, shape=(-1,)) if rank(v, False) else v
    if not any(map(rank, (x, y), b)):
        return batch[P.multiply](b, x, y)
    return _matmul(b, vector(x, b[0]), vector(y, b[1]))


def _einsum(b: Flags, *xs: Any, subscripts: str) -> Any:
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    if not arrow:
        letters = inputs.replace("...", "").replace(",", "")
        output = ("..." if "..." in inputs else "") + "".join(c for c in sorted(letters) if letters.count(c) == 1)
    new = next(c for c in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in subscripts)
    terms = [new + t if many else t for t, many in zip(inputs.split(","), b, strict=True)]
    return P.einsum(*xs, subscripts=f"{','.join(terms)}->{new}{output}")


batch[P.matmul] = _matmul
batch[P.dot] = _dot
batch[P.inner] = _inner
batch[P.vdot] = _vdot
batch[P.einsum] = _einsum
each(P.convolve, P.correlate)  # NumPy has them for two vectors alone

# -- systems and decompositions --------------------------------------------------------------------


def _system(p: Primitive) -> Any:
    def rule(b: Flags, a: Any, y: Any, **how: Any) -> Any:
        ra, ry = map(rank, (a, y), b)
        if not b[0] and ra == 2 and ry <= 2:  # one factorization serves the right sides of all examples
            columns = move(y, 0, 1)
            x = p(a, P.reshape(columns, shape=(y.shape[1], math.prod(columns.shape[1:]))), **how)
            return move(P.reshape(x, shape=columns.shape), 1, 0)
        r = max(ra, ry, 2)
        x = p(align(a, b[0], r), align(_column(y) if ry == 1 else y, b[1], r), **how)
        return _without(x, -1) if ry == 1 else x

    return rule


batch[P.solve] = _system(P.solve)
batch[P.solve_triangular] = _system(P.solve_triangular)
stacks(P.inv, P.det, P.slogdet, P.cholesky, P.cholesky_or_nan)
stacks(P.eigh, P.eigvalsh, P.svd, P.svdvals, P.qr, P.pinv)
each(P.lstsq, P.lstsq_report)
