"""NumPy's products and decompositions."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg

from ... import ops as P


def solve_triangular(a: Any, b: Any, *, lower: bool, trans: bool, unit_diagonal: bool) -> Any:
    return scipy.linalg.solve_triangular(
        a, b, lower=lower, trans=int(trans), unit_diagonal=unit_diagonal, check_finite=False
    )


def cholesky_or_nan(a: Any) -> Any:
    a = np.asarray(a)
    try:
        low = np.linalg.cholesky(a)
    except np.linalg.LinAlgError:
        if a.ndim < 2 or a.shape[-2] != a.shape[-1]:
            raise
        if a.ndim > 2:  # some of the stack
            return np.stack([cholesky_or_nan(m) for m in a])
        return np.full(a.shape, np.nan, np.float32 if a.dtype == np.float32 else np.float64)
    finite = np.isfinite(low).all(axis=(-2, -1), keepdims=True)  # an infinite diagonal has a root
    return low if finite.all() else np.where(finite, low, low.dtype.type(np.nan))


rules = {
    P.matmul: np.matmul,
    P.dot: np.dot,
    P.inner: np.inner,
    P.vdot: np.vdot,
    P.einsum: lambda *xs, subscripts: np.einsum(subscripts, *xs),
    P.convolve: lambda a, v, *, mode: np.convolve(a, v, mode),
    P.correlate: lambda a, v, *, mode: np.correlate(a, v, mode),
    P.solve: np.linalg.solve,
    P.solve_triangular: solve_triangular,
    P.inv: np.linalg.inv,
    P.det: np.linalg.det,
    P.slogdet: lambda a: tuple(np.linalg.slogdet(a)),
    P.cholesky: lambda a, *, upper: np.linalg.cholesky(a, upper=upper),
    P.cholesky_or_nan: cholesky_or_nan,
    P.eigh: lambda a, *, uplo: tuple(np.linalg.eigh(a, uplo)),
    P.eigvalsh: lambda a, *, uplo: np.linalg.eigvalsh(a, uplo),
    P.svd: lambda a, *, full_matrices: tuple(np.linalg.svd(a, full_matrices=full_matrices)),
    P.svdvals: lambda a: np.linalg.svd(a, compute_uv=False),
    P.qr: lambda a, *, mode: tuple(np.linalg.qr(a, mode=mode)),
    P.pinv: lambda a, *, rcond: np.linalg.pinv(a, rcond),
    P.lstsq: lambda a, b, *, rcond: np.linalg.lstsq(a, b, rcond=rcond)[0],
    P.lstsq_report: lambda a, b, *, rcond: tuple(np.linalg.lstsq(a, b, rcond=rcond)[1:]),
}
