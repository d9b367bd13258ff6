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
    P.eigh: lambda a, *, uplo: tuple(np.linalg.eigh(a, uplo)),
    P.eigvalsh: lambda a, *, uplo: np.linalg.eigvalsh(a, uplo),
    P.svd: lambda a, *, full_matrices: tuple(np.linalg.svd(a, full_matrices=full_matrices)),
    P.svdvals: lambda a: np.linalg.svd(a, compute_uv=False),
    P.qr: lambda a, *, mode: tuple(np.linalg.qr(a, mode=mode)),
    P.pinv: lambda a, *, rcond: np.linalg.pinv(a, rcond),
    P.lstsq: lambda a, b, *, rcond: np.linalg.lstsq(a, b, rcond=rcond)[0],
    P.lstsq_report: lambda a, b, *, rcond: tuple(np.linalg.lstsq(a, b, rcond=rcond)[1:]),
}
