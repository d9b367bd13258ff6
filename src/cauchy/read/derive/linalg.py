"""Products, systems and decompositions, on stacks of matrices.

Products are linear in each argument: their transposes are products again. Of a decomposition only the
linearization is written; the passes transpose it. `cholesky` and `eigh` read one triangle of their argument,
and so do their derivatives: an entry of the other triangle has derivative 0, as it has no influence.

Where a derivative does not exist it is NaN: eigenvectors and singular vectors of values that are equal to
rounding (the values themselves keep theirs), log|det| and R^-1 at singular matrices (the latter raises, as
np.linalg.solve does). `det` has a derivative everywhere, singular matrices included.

References: Giles, "Collected matrix derivative results" (2008); Golub & Pereyra (1973) for `pinv` and `lstsq`;
Murray, "Differentiation of the Cholesky decomposition" (2016); Townsend, "Differentiating the singular value
decomposition" (2016); Walter & Lehmann (2010) for `qr`; Bird (2011) and Stewart (1998) for `det`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...errors import Refused
from ...tracer.array import is_traced
from .shape import unbroadcast
from .vocabulary import Joint, P, bilinear, linearize, transpose

# -- words -----------------------------------------------------------------------------------------


def _T(x: Any) -> Any:
    """The matrices of a stack, transposed."""
    n = x.ndim
    return P.transpose(x, axes=(*range(n - 2), n - 1, n - 2))


def _at(x: Any, *key: Any) -> Any:
    return P.getitem(x, key=key)


def _column(x: Any) -> Any:
    return _at(x, Ellipsis, None)


def _row(x: Any) -> Any:
    return _at(x, Ellipsis, None, slice(None))


def _drop(x: Any) -> Any:
    return _at(x, Ellipsis, 0)


def _diagonal(x: Any) -> Any:
    return P.einsum(x, subscripts="...ii->...i")


def _lower(x: Any, k: int = 0) -> Any:
    return P.where(np.tri(x.shape[-2], x.shape[-1], k, dtype=bool), x, 0.0)


def _upper(x: Any, k: int = 0) -> Any:
    return P.where(~np.tri(x.shape[-2], x.shape[-1], k - 1, dtype=bool), x, 0.0)


def _symmetric(x: Any, lower: bool) -> Any:
    """The symmetric matrix of which one triangle is read."""
    return _lower(x) + _T(_lower(x, -1)) if lower else _upper(x) + _T(_upper(x, 1))


def _matrix(x: Any, rows: int, columns: int) -> Any:
    return P.reshape(x, shape=(rows, columns))


# -- products --------------------------------------------------------------------------------------


def _matmul_left(g: Any, y: Any, a: Any, b: Any) -> Any:
    if b.ndim == 1:
        return g * b if a.ndim == 1 else _column(g) * b
    if a.ndim == 1:
        return _drop(b @ _column(g))
    return g @ _T(b)


def _matmul_right(g: Any, y: Any, a: Any, b: Any) -> Any:
    if a.ndim == 1:
        return g * a if b.ndim == 1 else _column(a) * _row(g)
    if b.ndim == 1:
        return _drop(_T(a) @ _column(g))
    if b.ndim == 2 and a.ndim > 2:  # one product instead of a stack of them and a sum
        rows = math.prod(a.shape[:-1])
        return _T(_matrix(a, rows, a.shape[-1])) @ _matrix(g, rows, g.shape[-1])
    return _T(a) @ g


def _dot_forms(g: Any, a: Any, b: Any) -> tuple[Any, Any, Any]:
    """np.dot as a product of two matrices: g (I, J), a (I, K), b (K, J)."""
    k = a.shape[-1]
    rows, columns = math.prod(a.shape[:-1]), math.prod(b.shape[:-2]) * (b.shape[-1] if b.ndim > 1 else 1)
    if b.ndim > 2:
        b = P.transpose(b, axes=(b.ndim - 2, *range(b.ndim - 2), b.ndim - 1))
    return _matrix(g, rows, columns), _matrix(a, rows, k), _matrix(b, k, columns)


def _dot_left(g: Any, y: Any, a: Any, b: Any) -> Any:
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return g * b
    g, _, right = _dot_forms(g, a, b)
    return P.reshape(g @ _T(right), shape=a.shape)


def _dot_right(g: Any, y: Any, a: Any, b: Any) -> Any:
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return g * a
    g, left, _ = _dot_forms(g, a, b)
    found = _T(left) @ g
    if b.ndim <= 2:
        return P.reshape(found, shape=b.shape)
    found = P.reshape(found, shape=(b.shape[-2], *b.shape[:-2], b.shape[-1]))
    return P.transpose(found, axes=(*range(1, b.ndim - 1), 0, b.ndim - 1))


def _inner_left(g: Any, y: Any, a: Any, b: Any) -> Any:
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return g * b
    k, rows, columns = a.shape[-1], math.prod(a.shape[:-1]), math.prod(b.shape[:-1])
    return P.reshape(_matrix(g, rows, columns) @ _matrix(b, columns, k), shape=a.shape)


def _inner_right(g: Any, y: Any, a: Any, b: Any) -> Any:
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return g * a
    k, rows, columns = a.shape[-1], math.prod(a.shape[:-1]), math.prod(b.shape[:-1])
    return P.reshape(_T(_matrix(g, rows, columns)) @ _matrix(a, rows, k), shape=b.shape)


bilinear(P.matmul, _matmul_left, _matmul_right)
bilinear(P.dot, _dot_left, _dot_right)
bilinear(P.inner, _inner_left, _inner_right)
bilinear(
    P.vdot,
    lambda g, y, a, b: g * (P.reshape(b, shape=np.shape(a)) if np.ndim(b) else b),
    lambda g, y, a, b: g * (P.reshape(a, shape=np.shape(b)) if np.ndim(a) else a),
)


def _labels(subscripts: str, xs: tuple[Any, ...]) -> tuple[list[str], str]:
    """A letter for every axis of every operand and of the result: ellipsis and implicit output written out."""
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    free = [c for c in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in subscripts]
    terms = inputs.split(",")
    hidden = [np.ndim(x) - len(t.replace("...", "")) for t, x in zip(terms, xs, strict=True)]
    dots = "".join(free[: max(hidden)])
    written = [t.replace("...", dots[len(dots) - h :]) for t, h in zip(terms, hidden, strict=True)]
    if not arrow:
        letters = inputs.replace("...", "").replace(",", "")
        return written, dots + "".join(c for c in sorted(letters) if letters.count(c) == 1)
    return written, output.replace("...", dots)


def _einsum(ts: Any, y: Any, *xs: Any, subscripts: str) -> Any:
    parts = [P.einsum(*xs[:i], t, *xs[i + 1 :], subscripts=subscripts) for i, t in enumerate(ts) if t is not None]
    total = parts[0]
    for p in parts[1:]:
        total = total + p
    return total


def _einsum_back(g: Any, y: Any, *xs: Any, subscripts: str) -> list[Any]:
    terms, output = _labels(subscripts, xs)
    return [_einsum_operand(i, g, xs, terms, output) for i in range(len(xs))]


def _einsum_operand(i: int, g: Any, xs: tuple[Any, ...], terms: list[str], output: str) -> Any:
    own, x = terms[i], xs[i]
    letters = list(dict.fromkeys(own))
    shape = tuple(np.shape(x)[own.index(c)] for c in letters)
    known = "".join(c for c in letters if c in output or any(c in t for k, t in enumerate(terms) if k != i))
    others = [k for k in range(len(xs)) if k != i]
    found = P.einsum(
        g, *(xs[k] for k in others), subscripts=",".join([output, *(terms[k] for k in others)]) + "->" + known
    )
    if known != "".join(letters):  # what this operand sums alone: every entry counts the same
        found = _at(found, *(slice(None) if c in known else None for c in letters))
    # an axis of length one stands for every index: of the others here, of this operand there
    found = unbroadcast(found, tuple(1 if n == 1 else m for n, m in zip(shape, found.shape, strict=True)))
    if found.shape != shape:
        found = P.broadcast_to(found, shape=shape)
    if len(letters) == len(own):
        return found
    grid = dict(zip(letters, np.ix_(*map(np.arange, shape)), strict=True))  # a repeated letter reads a diagonal
    return P.scatter_add(found, *(grid[c] for c in own), key=(P.ARRAY,) * len(own), shape=x.shape)


linearize[P.einsum] = Joint(_einsum)
transpose[P.einsum] = Joint(_einsum_back)


def _vector(x: Any) -> Any:
    # np.convolve takes a number for an array of one
    return x if np.ndim(x) else P.reshape(x, shape=(1,)) if is_traced(x) else np.reshape(x, (1,))


def _full(g: Any, a: Any, v: Any, start: int) -> Any:
    """The sensitivity of a part of the full convolution as one of the whole."""
    n = np.size(a) + np.size(v) - 1
    return g if g.shape == (n,) else P.scatter_add(g, key=(slice(start, start + g.shape[0]),), shape=(n,))


def _first(a: Any, v: Any, mode: str, flipped: bool) -> int:
    """Where the kept part of the full convolution starts; np.correlate turns round when its second is the longer."""
    short = min(np.size(a), np.size(v))
    same = short // 2 if flipped and np.size(a) < np.size(v) else (short - 1) // 2
    return {"full": 0, "same": same, "valid": short - 1}[mode]


def _flip(x: Any) -> Any:
    return _at(x, slice(None, None, -1))


def _convolve_with(which: int) -> Any:
    def back(g: Any, y: Any, a: Any, v: Any, *, mode: str) -> Any:
        return P.correlate(_full(g, a, v, _first(a, v, mode, False)), _vector((v, a)[which]), mode="valid")

    return back


bilinear(P.convolve, _convolve_with(0), _convolve_with(1))
bilinear(
    P.correlate,
    lambda g, y, a, v, *, mode: P.convolve(_full(g, a, v, _first(a, v, mode, True)), v, mode="valid"),
    lambda g, y, a, v, *, mode: _flip(P.correlate(_full(g, a, v, _first(a, v, mode, True)), a, mode="valid")),
)

# -- systems ---------------------------------------------------------------------------------------


def _solved(a: Any, b: Any, vector: bool) -> Any:
    """a^-1 b for a stack of vectors or of matrices b."""
    return _drop(P.solve(a, _column(b))) if vector else P.solve(a, b)


def _outer(a: Any, b: Any, vector: bool) -> Any:
    """a b^T."""
    return _column(a) * _row(b) if vector else a @ _T(b)


def _applied(a: Any, x: Any, vector: bool) -> Any:
    return _drop(a @ _column(x)) if vector else a @ x


linearize[P.solve] = (
    lambda t, y, a, b: -_solved(a, _applied(t, y, b.ndim == 1), b.ndim == 1),
    lambda t, y, a, b: P.solve(a, t),
)
transpose[P.solve] = (
    lambda g, y, a, b: -_outer(_solved(_T(a), g, b.ndim == 1), y, b.ndim == 1),
    lambda g, y, a, b: _solved(_T(a), g, b.ndim == 1),
)


def _read_triangle(x: Any, lower: bool, unit_diagonal: bool) -> Any:
    k = 1 if unit_diagonal else 0
    return _lower(x, -k) if lower else _upper(x, k)


def _triangular(a: Any, b: Any, vector: bool, **how: bool) -> Any:
    return _drop(P.solve_triangular(a, _column(b), **how)) if vector else P.solve_triangular(a, b, **how)


def _triangular_matrix(t: Any, y: Any, a: Any, b: Any, **how: bool) -> Any:
    read = _read_triangle(t, how["lower"], how["unit_diagonal"])
    return -_triangular(a, _applied(_T(read) if how["trans"] else read, y, b.ndim == 1), b.ndim == 1, **how)


def _triangular_back(g: Any, y: Any, a: Any, b: Any, **how: bool) -> Any:
    return _triangular(a, g, b.ndim == 1, **how | {"trans": not how["trans"]})


def _triangular_matrix_back(g: Any, y: Any, a: Any, b: Any, **how: bool) -> Any:
    s = _triangular_back(g, y, a, b, **how)
    left, right = (y, s) if how["trans"] else (s, y)
    return -_read_triangle(_outer(left, right, b.ndim == 1), how["lower"], how["unit_diagonal"])


linearize[P.solve_triangular] = (
    _triangular_matrix,
    lambda t, y, a, b, **how: P.solve_triangular(a, t, **how),
)
transpose[P.solve_triangular] = (_triangular_matrix_back, _triangular_back)

linearize[P.inv] = (lambda t, y, a: -(y @ t @ y),)
transpose[P.inv] = (lambda g, y, a: -(_T(y) @ g @ _T(y)),)

# -- determinants ----------------------------------------------------------------------------------


def _polynomial_det(a: Any) -> Any:
    """det a without a division (Bird 2011), so that its derivatives of every order exist at singular a too.

    Turned first to a = U S V^T with U, V held constant, the value of S is diagonal, and the polynomial
    sums products of singular values, all of one sign: nothing cancels. O(n^4).
    """
    n = a.shape[-1]
    u, _, vh = P.svd(P.stop_gradient(a), full_matrices=False)
    turned = _T(u) @ a @ _T(vh)
    f, later, eye = turned, np.tri(n, k=-1, dtype=a.dtype), np.eye(n, dtype=a.dtype)
    for _ in range(n - 1):
        f = (_upper(f, 1) - _row(_diagonal(f) @ later) * eye) @ turned
    return P.rint(P.det(u) * P.det(vh)) * (-1.0) ** (n - 1) * _at(f, Ellipsis, 0, 0)


def _cofactors(y: Any, a: Any) -> Any:
    """The derivative of det as a matrix.

    det(a) a^-T has full relative precision as long as the last pivot, which cancels in it, is not
    exactly 0 (Stewart, "On the adjugate matrix", 1998). Which form is used is a guard of the graph.
    """
    if a.shape[-1] == 0:
        return np.zeros_like(a)
    if not P.any(P.equal(y, 0.0), axis=None, keepdims=False):
        return _column(_column(y)) * _T(P.inv(a))
    from . import pull

    x = P.identity(a)
    d = _polynomial_det(x)
    return pull({d.node: np.ones_like(d)}, [x.node])[0]


def _inverse_or_nan(a: Any) -> Any:
    singular = P.equal(P.det(a), 0.0)
    hole = _column(_column(singular))
    safe = P.where(hole, np.eye(a.shape[-1], dtype=a.dtype), a)
    return P.where(hole, math.nan, P.inv(safe))


def _trace_of_product(a: Any, b: Any) -> Any:
    return P.sum(_T(a) * b, axis=(-2, -1), keepdims=False)


linearize[P.det] = (lambda t, y, a: P.sum(_cofactors(y, a) * t, axis=(-2, -1), keepdims=False),)
linearize[P.slogdet] = (lambda t, y, a: (np.zeros_like(y[0]), _trace_of_product(_inverse_or_nan(a), t)),)

# -- decompositions --------------------------------------------------------------------------------


def _cholesky(t: Any, y: Any, a: Any, *, upper: bool) -> Any:
    # d L = L Phi(L^-1 dA L^-T), Phi taking the lower triangle with half the diagonal
    low = _T(y) if upper else y
    inner = P.solve(low, _T(P.solve(low, _symmetric(t, lower=not upper))))
    change = low @ (_lower(inner, -1) + _lower(_upper(inner)) * 0.5)
    return _T(change) if upper else change


def _reciprocal_gaps(values: Any) -> Any:
    """1 / (v_j - v_i), 0 on the diagonal; NaN where two values are equal to rounding: their vectors are arbitrary."""
    n = values.shape[-1]
    gap = _row(values) - _column(values)
    size = P.max(P.absolute(values), axis=-1, keepdims=True) if n else values
    equal = P.less_equal(P.absolute(gap), _column(size * (n * float(np.finfo(values.dtype).eps))))
    own = np.eye(n, dtype=bool)
    return P.where(own, 0.0, 1.0 / P.where(equal, math.nan, gap))


def _eigh(t: Any, y: Any, a: Any, *, uplo: str) -> Any:
    w, v = y
    inner = _T(v) @ _symmetric(t, uplo.upper() == "L") @ v
    return _diagonal(inner), v @ (_reciprocal_gaps(w) * inner)


def _eigvalsh(t: Any, y: Any, a: Any, *, uplo: str) -> Any:
    v = P.eigh(a, uplo=uplo)[1]
    return P.sum(v * (_symmetric(t, uplo.upper() == "L") @ v), axis=-2, keepdims=False)


def _svd(t: Any, y: Any, a: Any, *, full_matrices: bool) -> Any:
    m, n = a.shape[-2:]
    if full_matrices and m != n:
        raise Refused(
            "differentiate",
            P.svd,
            f"with full_matrices=True a matrix of shape {(m, n)} gets {abs(m - n)} singular vectors too many",
            fix="np.linalg.svd(a, full_matrices=False)",
        )
    u, s, vh = y
    v = _T(vh)
    inner = _T(u) @ t @ v
    rows, columns = _column(s), _row(s)
    # 1 / (s_j^2 - s_i^2), factored: squares would double the relative error of a small gap
    f = _reciprocal_gaps(s) * P.where(np.eye(s.shape[-1], dtype=bool), 1.0, 1.0 / (rows + columns))
    du = u @ (f * (inner * columns + rows * _T(inner)))
    dv = v @ (f * (rows * inner + _T(inner) * columns))
    if m > n:
        tv = t @ v
        du = du + (tv - u @ (_T(u) @ tv)) / columns
    if n > m:
        tu = _T(t) @ u
        dv = dv + (tu - v @ (_T(v) @ tu)) / columns
    return du, _diagonal(inner), _T(dv)


def _svdvals(t: Any, y: Any, a: Any) -> Any:
    u, _, vh = P.svd(a, full_matrices=False)
    return P.sum(u * (t @ _T(vh)), axis=-2, keepdims=False)


def _qr(t: Any, y: Any, a: Any, *, mode: str) -> Any:
    # of the first k columns a_1 = Q R_1; the others are carried along by R = Q^T A
    q, r = y
    k = r.shape[-2]
    left, r1 = _at(t, Ellipsis, slice(0, k)), _at(r, Ellipsis, slice(0, k))
    x = _T(P.solve(_T(r1), _T(left)))
    inner = _T(q) @ x
    low = _lower(inner, -1)
    skew = low - _T(low)
    return q @ (skew - inner) + x, _upper(_T(q) @ t - skew @ r)


def _pinv(t: Any, p: Any, a: Any, *, rcond: Any) -> Any:
    # where the rank is constant (Golub & Pereyra 1973)
    tt, pt = _T(t), _T(p)
    right = tt - tt @ a @ p
    left = tt - p @ (a @ tt)
    return p @ (pt @ right) + left @ pt @ p - p @ t @ p


def _pseudoinverse(a: Any, rcond: Any) -> Any:
    # with the cut-off that np.linalg.lstsq means by the same argument
    eps = float(np.finfo(a.dtype).eps)
    return P.pinv(a, rcond=eps * max(a.shape[-2:]) if rcond is None else max(float(rcond), eps))


def _lstsq(t: Any, x: Any, a: Any, b: Any, *, rcond: Any) -> Any:
    p, vector = _pseudoinverse(a, rcond), b.ndim == 1
    rest = b - _applied(a, x, vector)
    px = _applied(_T(p), x, vector)
    tx = _applied(_T(t), px, vector)
    return (
        _applied(p, _applied(_T(p), _applied(_T(t), rest, vector), vector) - _applied(t, x, vector), vector)
        + tx
        - _applied(p, _applied(a, tx, vector), vector)
    )


def _lstsq_report(ts: Any, y: Any, a: Any, b: Any, *, rcond: Any) -> tuple[Any, Any, Any]:
    # residuals |b - A x|^2, of which x is the minimizer: to first order its own change does not count
    (da, db), (residuals, rank, s) = ts, y
    x = P.lstsq(a, b, rcond=rcond)
    change = np.zeros_like(b) if db is None else db
    if da is not None:
        change = change - da @ x
    moved = P.sum(2.0 * (b - a @ x) * change, axis=0, keepdims=b.ndim == 1)
    return (
        moved if residuals.size else np.zeros_like(residuals),
        np.zeros_like(rank),
        np.zeros_like(s) if da is None else _svdvals(da, s, a),
    )


linearize[P.cholesky] = (_cholesky,)
linearize[P.cholesky_or_nan] = (lambda t, y, a: _cholesky(t, y, a, upper=False),)  # NaN where the factor is
linearize[P.eigh] = (_eigh,)
linearize[P.eigvalsh] = (_eigvalsh,)
linearize[P.svd] = (_svd,)
linearize[P.svdvals] = (_svdvals,)
linearize[P.qr] = (_qr,)
linearize[P.pinv] = (_pinv,)
linearize[P.lstsq] = (
    _lstsq,
    lambda t, x, a, b, *, rcond: _applied(_pseudoinverse(a, rcond), t, b.ndim == 1),
)
linearize[P.lstsq_report] = Joint(_lstsq_report)
