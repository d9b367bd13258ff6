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
    return P.where(np.tri(*x.shape[-2:], k, dtype=bool), x, 0.0)


def _upper(x: Any, k: int = 0) -> Any:
    return P.where(~np.tri(*x.shape[-2:], k - 1, dtype=bool), x, 0.0)


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
    found = P.einsum(g, *(xs[k] for k in others), subscripts=",".join([output, *(terms[k] for k in others)]) + "->" + known)
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
    return x if np.ndim(x) else np.reshape(x, (1,))


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


def _triangular_matrix(t: Any, y: Any, a: Any, b: Any, *, lower: bool, trans: bool, unit_diagonal: bool) -> Any:
    read = _read_triangle(t, lower, unit_diagonal)
    change = (_T(read) if trans else read) @ y
    return -P.solve_triangular(a, change, lower=lower, trans=trans, unit_diagonal=unit_diagonal)


def _triangular_back(g: Any, y: Any, a: Any, b: Any, *, lower: bool, trans: bool, unit_diagonal: bool) -> Any:
    return P.solve_triangular(a, g, lower=lower, trans=not trans, unit_diagonal=unit_diagonal)


def _triangular_matrix_back(g: Any, y: Any, a: Any, b: Any, *, lower: bool, trans: bool, unit_diagonal: bool) -> Any:
    s = _triangular_back(g, y, a, b, lower=lower, trans=trans, unit_diagonal=unit_diagonal)
    left, right = (y, s) if trans else (s, y)
    return -_read_triangle(_outer(left, right, b.ndim == 1), lower, unit_diagonal)


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
    sums products of singular values, all of one sign: nothing cancels.
    """
    n = a.shape[-1]
    u, _, vh = P.svd(P.stop_gradient(a), full_matrices=False)
    turned = _T(u) @ a @ _T(vh)
    f = turned
    eye = np.eye(n, dtype=a.dtype)
    for _ in range(n - 1):
        d = _diagonal(f)
        later = P.sum(d, axis=-1, keepdims=True) - P.cumsum(d, axis=-1) if n else d
        f = (_upper(f, 1) - _row(later) * eye) @ turned
    sign = P.rint(P.det(u) * P.det(vh)) * (-1.0) ** (n - 1)
    return sign * _at(f, Ellipsis, 0, 0)


def _det(t: Any, y: Any, a: Any) -> Any:
    # y a^-T is the cofactor matrix to full relative precision as long as the last pivot, which cancels in
    # it, is not exactly 0 (Stewart, "On the adjugate matrix", 1998)
    if a.shape[-1] == 0:
        return P.sum(t, axis=(-2, -1), keepdims=False)
    if not P.any(P.equal(y, 0.0), axis=None, keepdims=False):
        return y * P.sum(_T(P.inv(a)) * t, axis=(-2, -1), keepdims=False)
    return None
