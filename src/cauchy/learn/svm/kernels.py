"""Kernels: blocks of the Gram matrix by one product and one elementwise function, and how far rounding moves them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from ...calculus.compile import compile

UNIT = np.finfo(np.float64).eps / 2
BLOCK = 1 << 20  # entries of a block that is made, used and forgotten
_PIECE = 1 << 14  # entries of one call of the compiled exp: its arguments and results stay in cache
NAMES = ("linear", "rbf", "poly", "sigmoid", "precomputed")


@functools.cache
def _compiled_exp() -> Callable[[np.ndarray], np.ndarray]:
    return compile(lambda x: np.exp(np.minimum(x, 0.0)))


def _exp_of_negative(x: np.ndarray) -> np.ndarray:
    """exp(min(x, 0)) in place; compiled where there is enough to do."""
    flat = x.reshape(-1)
    whole = 0
    if len(flat) >= 1 << 18:
        exp, whole = _compiled_exp(), len(flat) // _PIECE * _PIECE
        for k in range(0, whole, _PIECE):
            flat[k : k + _PIECE] = exp(flat[k : k + _PIECE])
    rest = flat[whole:]
    np.exp(np.minimum(rest, 0, out=rest), out=rest)
    return x


@dataclass(frozen=True)
class Kernel:
    """A kernel by name with its numbers; `shift` (d,) is taken off all points where that changes nothing (rbf)."""

    name: str
    gamma: float = 1.0
    coef0: float = 0.0
    degree: int = 3
    shift: np.ndarray | None = None

    def centered(self, X: Any) -> Kernel:
        """With the mean of X as shift: distances of points far from the origin lose no digits."""
        return replace(self, shift=np.asarray(X.mean(axis=0)).ravel()) if self.name == "rbf" and _dense(X) else self

    @property
    def positive(self) -> bool:
        """Is every Gram matrix positive semidefinite, by theorem? (Not known for a precomputed one.)"""
        return self.name in ("linear", "rbf") or (self.name == "poly" and self.coef0 >= 0 and self.gamma >= 0)

    def features(self, X: Any, dtype: Any = np.float64) -> tuple[Any, Any]:
        """(P, Q) such that the Gram matrix of points X, Z is a function, entry by entry, of P(X) @ Q(Z)'."""
        if self.name == "rbf":
            if not _dense(X):
                return X, X
            X = X - self.shift
            squares, one = -self.gamma * np.einsum("ij,ij->i", X, X), np.ones(len(X))
            X = np.sqrt(2 * self.gamma) * X
            left, right = np.column_stack([X, squares, one]), np.column_stack([X, one, squares])
            return left.astype(dtype, copy=False), right.astype(dtype, copy=False)
        if self.name in ("poly", "sigmoid"):
            return (X * self.gamma).astype(dtype, copy=False), X.astype(dtype, copy=False)
        return X.astype(dtype, copy=False), X.astype(dtype, copy=False)

    def block(self, P: Any, Q: Any) -> np.ndarray:
        """The Gram matrix (len(P), len(Q)) of `features`; for a precomputed kernel P is the block itself."""
        if self.name == "precomputed":
            return P
        G = P @ Q.T
        if not isinstance(G, np.ndarray):
            G = G.toarray()
        if self.name == "rbf":
            if not _dense(P):
                squares = lambda A: np.asarray(A.multiply(A).sum(axis=1)).ravel()
                G = self.gamma * (2 * G - squares(P)[:, None] - squares(Q))
            return _exp_of_negative(np.ascontiguousarray(G))
        if self.name == "poly":
            return (G + self.coef0) ** self.degree
        return np.tanh(G + self.coef0) if self.name == "sigmoid" else G

    def diagonal(self, X: Any) -> np.ndarray:
        if self.name == "precomputed":
            return np.ascontiguousarray(np.diagonal(X))
        if self.name == "rbf":
            return np.ones(X.shape[0])
        G = np.asarray(X.multiply(X).sum(axis=1)).ravel() if not _dense(X) else np.einsum("ij,ij->i", X, X)
        if self.name == "poly":
            return (self.gamma * G + self.coef0) ** self.degree
        return np.tanh(self.gamma * G + self.coef0) if self.name == "sigmoid" else G

    def times(self, X: Any, Z: Any, coefficients: np.ndarray) -> np.ndarray:
        """The Gram matrix of X and Z times `coefficients` (len(Z),) or (len(Z), k), block by block."""
        if self.name == "linear":
            return np.asarray(X @ (Z.T @ coefficients))
        n, m = X.shape[0], Z.shape[0]
        P = X if self.name == "precomputed" else self.features(X)[0]
        Q = Z if self.name == "precomputed" else self.features(Z)[1]
        out = np.empty((n, *coefficients.shape[1:]))
        rows = max(1, BLOCK // max(m, 1))
        for k in range(0, n, rows):
            out[k : k + rows] = self.block(P[k : k + rows], Q) @ coefficients
        return out

    def rounding(self, X: Any) -> float:
        """A bound of the error of any entry of the Gram matrix of X, as `block` computes it in double precision.

        Products of d terms err by at most d u sum|terms| (Higham 2002, section 3.1); through exp, and powers of
        relative error degree * u, such errors grow by the derivative. 0 for a precomputed matrix, inf for sigmoid.
        """
        if self.name == "precomputed":
            return 0.0
        if self.name == "sigmoid":
            return np.inf
        d = X.shape[1]
        Y = X - self.shift if self.name == "rbf" and self.shift is not None else X
        largest = float(np.max(np.asarray(Y.multiply(Y).sum(axis=1)) if not _dense(Y) else np.einsum("ij,ij->i", Y, Y)))
        if self.name == "linear":
            return 1.01 * (d + 2) * UNIT * largest
        if self.name == "rbf":
            return 1.01 * UNIT * (4 * (d + 8) * self.gamma * largest + 4)
        inner = self.gamma * largest
        top = (inner + abs(self.coef0)) ** self.degree
        slope = self.degree * (inner + abs(self.coef0)) ** (self.degree - 1) if self.degree else 0.0
        return 1.01 * UNIT * ((d + 4) * inner * slope + (self.degree + 4) * top)


def _dense(X: Any) -> bool:
    return not sparse.issparse(X)
