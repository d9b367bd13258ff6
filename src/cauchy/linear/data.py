"""What the functions here accept: real numbers, finite, of the right shape; decimals and fractions where asked for.

A matrix is scaled by powers of two, which changes no digit of it.
"""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, get_args

import numpy as np
from scipy import sparse

from ..errors import DomainError, ShapeError

Proof = Literal["auto", "none", "double", "exact"]
_PROOFS = get_args(Proof)
LARGEST_EXACT = 4_000_000  # entries of a sparse matrix that is solved with fractions
LARGEST_POWER = 5000  # of ten, in a text or Decimal carried exactly


def proof_kind(proof: str) -> str:
    if proof not in _PROOFS:
        raise DomainError(f"proof: wanted one of {', '.join(_PROOFS)}, got {proof!r}")
    return proof


_WANTED = {(1,): "a vector", (2,): "a matrix", (1, 2): "a vector, or a matrix with a column for each problem"}


def numbers(value: Any, name: str, *ndim: int) -> np.ndarray:
    """The argument as a float64 array with entries, all finite, none rounded; `ndim`: the numbers of axes allowed."""
    if sparse.issparse(value):
        raise ShapeError(
            f"{name}: wanted a dense array, got a sparse one",
            fix=f"{name}.toarray(); solve, cg, precondition and condition take a sparse A",
        )
    if isinstance(value, np.ma.MaskedArray) and np.ma.getmaskarray(value).any():
        raise DomainError(f"{name}: has masked entries", fix="leave the rows out, or fill them")
    try:
        array = np.asarray(value)
    except ValueError as e:
        raise ShapeError(f"{name}: wanted {_WANTED[ndim]}, got rows of different lengths") from e
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise ShapeError(
            f"{name}: wanted real numbers that fit a double, got dtype {array.dtype}",
            fix="give real and imaginary parts apart"
            if array.dtype.kind == "c"
            else 'proof="exact" takes texts, Decimals, Fractions and large integers as they are written',
        )
    if array.ndim not in ndim:
        raise ShapeError(f"{name}: wanted {_WANTED[ndim]}, got shape {array.shape}")
    if array.size == 0:
        raise ShapeError(f"{name}: is empty, of shape {array.shape}")
    out = array.astype(np.float64)
    if not np.isfinite(out).all():
        at = tuple(int(i) for i in np.argwhere(~np.isfinite(out))[0])
        raise DomainError(f"{name}[{', '.join(map(str, at))}]: wanted a finite number, got {out[at]}")
    if (
        array.dtype.kind in "iu"
        and (np.abs(out) >= 2.0**53).any()
        and any(int(v) != int(w) for v, w in zip(array.ravel(), out.ravel(), strict=True))
    ):
        raise DomainError(f"{name}: holds integers that a double cannot", fix='proof="exact" keeps every digit')
    return out


def matrix(value: Any, name: str = "A", *, square: bool = False) -> np.ndarray:
    a = numbers(value, name, 2)
    if square and a.shape[0] != a.shape[1]:
        raise ShapeError(f"{name}: wanted a square matrix, got shape {a.shape}", fix="lstsq takes any shape")
    return a


def vector(value: Any, length: int, name: str = "b") -> np.ndarray:
    return _fitting(numbers(value, name, 1), length, name)


def sides(value: Any, length: int, name: str = "b") -> np.ndarray:
    """One right-hand side, shape (length,), or several, (length, k)."""
    return _fitting(numbers(value, name, 1, 2), length, name)


def _fitting(b: np.ndarray, length: int, name: str) -> np.ndarray:
    if len(b) != length:
        what = "entries" if b.ndim == 1 else "rows"
        raise ShapeError(f"{name}: wanted {length} {what}, one for each row of A, got {len(b)}")
    return b


def symmetric(a: np.ndarray, name: str = "A") -> np.ndarray:
    """The matrix itself, held to be symmetric up to what rounding may leave."""
    off = np.abs(a - a.T)
    scale = np.sqrt(np.abs(np.diag(a)))
    allowed = 2.0**-48 * np.maximum(np.outer(scale, scale), np.abs(a) + np.abs(a.T))
    if (off > allowed).any():
        i, j = np.unravel_index(np.argmax(off - allowed), a.shape)
        raise DomainError(
            f"{name}: is not symmetric: {name}[{i}, {j}] = {a[i, j]!s}, {name}[{j}, {i}] = {a[j, i]!s}",
            fix=f"({name} + {name}.T)/2 is, if that is what is meant",
        )
    return a


# -- exact data ------------------------------------------------------------------------------------


def rational_sides(value: Any, length: int) -> np.ndarray:
    return _fitting(rationals(value, "b", 1, 2), length, "b")


def rationals(value: Any, name: str, *ndim: int) -> np.ndarray:
    """The argument as an object array of Fractions: texts and Decimals as written, doubles as the numbers they are."""
    if sparse.issparse(value):
        if np.prod(value.shape, dtype=float) > LARGEST_EXACT:
            raise DomainError(f"{name}: of shape {value.shape} is too large for fractions", fix='proof="auto"')
        value = value.toarray()
    if isinstance(value, np.ma.MaskedArray) and np.ma.getmaskarray(value).any():
        raise DomainError(f"{name}: has masked entries", fix="leave the rows out, or fill them")
    try:
        array = np.array(value, dtype=object)
    except ValueError as e:
        raise ShapeError(f"{name}: wanted {_WANTED[ndim]}, got rows of different lengths") from e
    if any(isinstance(v, (list, tuple, np.ndarray)) for v in array.flat):
        raise ShapeError(f"{name}: wanted {_WANTED[ndim]}, got rows of different lengths")
    if array.ndim not in ndim:
        raise ShapeError(f"{name}: wanted {_WANTED[ndim]}, got shape {array.shape}")
    if array.size == 0:
        raise ShapeError(f"{name}: is empty, of shape {array.shape}")
    out = np.empty(array.shape, dtype=object)
    for at in np.ndindex(array.shape):
        out[at] = _fraction(array[at], f"{name}[{', '.join(map(str, at))}]")
    return out


def _fraction_of_wide(v: Any, name: str) -> Any:
    """A long double has no Python number of its own."""
    if isinstance(v, np.floating) and np.isfinite(v):
        return Fraction(*v.as_integer_ratio())
    return v.item()


def _fraction(v: Any, name: str) -> Fraction:
    if isinstance(v, str):
        power = re.search(r"[eE]([+-]?\d+)", v)
        large = len(v) > LARGEST_POWER or (power is not None and abs(int(power[1])) > LARGEST_POWER)
    else:
        large = isinstance(v, Decimal) and v.is_finite() and not -LARGEST_POWER < v.adjusted() < LARGEST_POWER
    if large:
        raise DomainError(f"{name}: is too long a number, or too large, to be carried exactly")
    if isinstance(v, np.generic):
        v = _fraction_of_wide(v, name) if v.dtype.itemsize > 8 else v.item()
    if not isinstance(v, (str, int, float, Decimal, Fraction)):
        raise ShapeError(f"{name}: wanted a real number, got {type(v).__name__}")
    try:
        return Fraction(v)
    except (ValueError, OverflowError, ZeroDivisionError) as e:
        raise DomainError(f"{name}: wanted a finite number or its text, got {v!r}") from e


# -- scaling ---------------------------------------------------------------------------------------


def exponents(a: np.ndarray, axis: int | None = None) -> np.ndarray:
    """e with max|a| in [2^(e-1), 2^e); 0 for zeros."""
    return np.frexp(np.max(np.abs(a), axis=axis))[1]


@np.errstate(over="ignore", under="ignore")
def times_power(a: np.ndarray, e: np.ndarray | int) -> tuple[np.ndarray, bool]:
    """a 2^e, and whether no digit was lost to underflow."""
    out = np.ldexp(a, e)
    return out, bool((np.ldexp(out, np.negative(e)) == a).all())


def along(v: np.ndarray, like: np.ndarray) -> np.ndarray:
    """A vector as a column beside the columns of `like`, where that is a matrix."""
    return v if like.ndim == 1 else v[:, None]
