"""Products of arrays, systems, decompositions, norms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy._core import einsumfunc as _einsumfunc
from numpy.linalg import _linalg

from ... import ops as P
from ..array import as_array
from ..context import guard
from ..indexing import view
from ..later import stand_in
from ..ufuncs import LOWERED
from .borrow import SUBSTITUTES, borrow, borrowed
from .registry import implements, refuse, write_out

EINSUM: Any = _einsumfunc  # its private names are not in the type stubs

borrow(np.outer, np.tensordot, np.kron, np.einsum, np.einsum_path)
borrow(np.linalg.outer, np.linalg.tensordot, np.linalg.matmul, np.linalg.multi_dot, np.linalg.matrix_power)
borrow(np.linalg.norm, np.linalg.vector_norm, np.linalg.matrix_norm, np.linalg.cond, np.linalg.matrix_rank)
borrow(np.linalg.tensorinv, np.linalg.svdvals, np.linalg.cross)
borrow(np.polyfit)


# -- products --------------------------------------------------------------------------------------------


@implements(np.dot)
def dot(a: Any, b: Any, out: Any = None) -> Any:
    return write_out(out, P.dot(as_array(a), as_array(b)))


@implements(np.vdot)
def vdot(a: Any, b: Any, /) -> Any:
    return P.vdot(as_array(a), as_array(b))


@implements(np.inner)
def inner(a: Any, b: Any, /) -> Any:
    return P.inner(as_array(a), as_array(b))


@implements(np.linalg.vecdot)
def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    a, b = np.moveaxis(as_array(x1), axis, -1), np.moveaxis(as_array(x2), axis, -1)
    if a.shape[-1] != b.shape[-1]:
        raise ValueError(f"vecdot: the axes to contract have {a.shape[-1]} and {b.shape[-1]} entries")
    return np.matmul(a[..., None, :], b[..., :, None])[..., 0, 0]


LOWERED[np.vecdot] = vecdot
if hasattr(np, "matvec"):  # NumPy 2.2
    LOWERED[np.matvec] = lambda a, x: np.matmul(a, as_array(x)[..., None])[..., 0]
    LOWERED[np.vecmat] = lambda x, a: np.matmul(as_array(x)[..., None, :], a)[..., 0, :]


@implements(np.cross)
def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: Any = None) -> Any:
    if axis is not None:
        axisa = axisb = axisc = axis
    x, y = as_array(a), as_array(b)
    if x.ndim < 1 or y.ndim < 1:
        raise ValueError("At least one array has zero dimension")
    x, y = np.moveaxis(x, axisa, -1), np.moveaxis(y, axisb, -1)
    if x.shape[-1] != 3 or y.shape[-1] != 3:
        if {x.shape[-1], y.shape[-1]} <= {2, 3}:
            refuse("np.cross of vectors in the plane", "NumPy has deprecated it", "a[0] * b[1] - a[1] * b[0]")
        raise ValueError("incompatible dimensions for cross product\n(dimension must be 2 or 3)")
    dtype = np.promote_types(x.dtype, y.dtype)
    (a0, a1, a2), (b0, b1, b2) = ([as_array(v[..., i], dtype) for i in range(3)] for v in (x, y))
    parts = (a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0)
    return np.moveaxis(np.stack(parts, axis=-1), -1, axisc)


def _einsum(*operands: Any, dtype: Any = None, order: str = "K", casting: str = "safe", out: Any = None) -> Any:
    """One contraction, without an order of its own; a subscript that only rearranges gives a view."""
    if dtype is not None or order != "K" or casting != "safe":
        refuse("np.einsum(..., dtype=, order=, casting=)", "no rule for these options", "x.astype(dtype)")
    # both call forms, "ij,jk", a, b and a, [0, 1], b, [1, 2]; NumPy spells out ellipses and the implicit output
    subscripted = isinstance(operands[0], str)
    xs = [as_array(v) for v in (operands[1:] if subscripted else operands[: len(operands) // 2 * 2 : 2])]
    words = [operands[0]] if subscripted else operands[1::2]
    parts = [stand_in(x.shape, x.dtype) for x in xs]
    if subscripted:
        call = [operands[0], *parts]
    else:
        call = [v for pair in zip(parts, words, strict=True) for v in pair] + list(operands[2 * len(xs) :])
    left, right, _ = EINSUM._parse_einsum_input(call)
    subscripts = f"{left}->{right}"
    if len(xs) > 1:
        return write_out(out, P.einsum(*xs, subscripts=subscripts))

    def put(base: Any, part: Any) -> Any:
        at = np.einsum(subscripts, np.arange(base.size).reshape(base.shape))
        flat = P.setitem(np.reshape(base, -1), np.reshape(part, -1), at.ravel(), key=(P.ARRAY,))
        return P.reshape(flat, shape=base.shape)

    return write_out(out, view(xs[0], lambda base: P.einsum(base, subscripts=subscripts), put))


SUBSTITUTES[id(EINSUM.c_einsum)] = _einsum


# -- systems and decompositions --------------------------------------------------------------------------


@implements(np.linalg.solve)
def solve(a: Any, b: Any) -> Any:
    return P.solve(as_array(a), as_array(b))


@implements(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    x, y = as_array(a), as_array(b)
    if axes is not None:
        last = [k % x.ndim for k in axes]
        x = np.transpose(x, [k for k in range(x.ndim) if k not in last] + last)
    shape = x.shape[y.ndim - x.ndim :]
    n = math.prod(shape)
    if x.size != n * n:
        raise np.linalg.LinAlgError("Input arrays must satisfy prod(a.shape[b.ndim:]) == prod(a.shape[:b.ndim])")
    return np.reshape(solve(np.reshape(x, (n, n)), np.ravel(y)), shape)


@implements(np.linalg.inv)
def inv(a: Any) -> Any:
    return P.inv(as_array(a))


@implements(np.linalg.det)
def det(a: Any) -> Any:
    return P.det(as_array(a))


@implements(np.linalg.slogdet)
def slogdet(a: Any) -> Any:
    return _linalg.SlogdetResult(*P.slogdet(as_array(a)))


@implements(np.linalg.cholesky)
def cholesky(a: Any, /, *, upper: bool = False) -> Any:
    return P.cholesky(as_array(a), upper=bool(upper))


def _uplo(UPLO: str) -> str:
    if UPLO.upper() not in ("L", "U"):
        raise ValueError("UPLO argument must be 'L' or 'U'")
    return UPLO.upper()


@implements(np.linalg.eigh)
def eigh(a: Any, UPLO: str = "L") -> Any:
    return _linalg.EighResult(*P.eigh(as_array(a), uplo=_uplo(UPLO)))


@implements(np.linalg.eigvalsh)
def eigvalsh(a: Any, UPLO: str = "L") -> Any:
    return P.eigvalsh(as_array(a), uplo=_uplo(UPLO))


_hermitian_svd = borrowed(np.linalg.svd)


@implements(np.linalg.svd)
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    if hermitian:
        return _hermitian_svd(a, full_matrices, compute_uv, True)
    if not compute_uv:
        return P.svdvals(as_array(a))
    return _linalg.SVDResult(*P.svd(as_array(a), full_matrices=bool(full_matrices)))


@implements(np.linalg.qr)
def qr(a: Any, mode: str = "reduced") -> Any:
    x = as_array(a)
    if x.ndim < 2:
        raise np.linalg.LinAlgError(f"{x.ndim}-dimensional array given. Array must be at least two-dimensional")
    if mode == "raw":
        refuse("np.linalg.qr(mode='raw')", "Householder vectors have no rule", "mode='reduced'")
    if mode not in ("reduced", "complete", "r"):
        raise ValueError(f"Unrecognized mode '{mode}'")
    if mode == "complete" and x.shape[-2] > x.shape[-1]:
        why = "the columns of Q beyond those of A are arbitrary, so they have no derivative"
        refuse("np.linalg.qr(mode='complete') of a tall matrix", why, "mode='reduced'")
    q, r = P.qr(x, mode="reduced")
    return r if mode == "r" else _linalg.QRResult(q, r)


_hermitian_pinv = borrowed(np.linalg.pinv)


@implements(np.linalg.pinv)
def pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = np._NoValue) -> Any:
    x = as_array(a)
    if rcond is not None and rtol is not np._NoValue:
        raise ValueError("`rtol` and `rcond` can't be both set.")
    if rcond is None:
        eps = max(x.shape[-2:]) * np.finfo(x.dtype).eps if rtol is None else 0.0
        rcond = 1e-15 if rtol is np._NoValue else eps if rtol is None else rtol
    if hermitian:
        return _hermitian_pinv(x, rcond, True)
    if np.ndim(rcond) or not isinstance(rcond, (int, float, np.number)):
        refuse("np.linalg.pinv with an array or traced rcond=", "the cutoff is a fixed number", "rcond=1e-15")
    return P.pinv(x, rcond=float(rcond))


@implements(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    """(solution, residuals, rank, singular values): the rank is a guard, since it decides shapes."""
    x, y = as_array(a), as_array(b)
    rcond = None if rcond is None else float(rcond)
    residuals, rank, s = P.lstsq_report(x, y, rcond=rcond)
    guard(rank.node, rank.value)
    return P.lstsq(x, y, rcond=rcond), residuals, rank.value, s
