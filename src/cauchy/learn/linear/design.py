"""The least squares problem behind a linear model: weights folded in, means taken out, dense and sparse alike."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

EPS = np.finfo(np.float64).eps


def rounding(terms: int) -> float:
    """gamma of Higham (2002, section 3.1): a sum of `terms` products is off by at most gamma sum |terms|, any order."""
    return terms * EPS / (1 - terms * EPS) if terms * EPS < 0.5 else np.inf


@dataclass(frozen=True)
class Design:
    """min over w of |b - A w|², with A = S (X - 1 mean'), b = S (y - mean), S = diag(sqrt(weights)).

    `A` is dense (and centered), or sparse, where the centering stays implicit: A = `a` - outer(root, mean).
    `norms` (p,) bound the columns of A and of S X: what roundings are measured by.
    """

    a: Any
    b: np.ndarray
    root: np.ndarray
    x_mean: np.ndarray
    y_mean: np.ndarray
    norms: np.ndarray
    b_norm: np.ndarray
    implicit: bool

    @property
    def shape(self) -> tuple[int, int]:
        return self.a.shape

    def target(self, k: int) -> Design:
        """The problem of column k of b alone."""
        return replace(self, b=self.b[:, k], y_mean=self.y_mean[k], b_norm=self.b_norm[k])

    def part(self, mask: np.ndarray) -> Design:
        """The problem of some columns of b."""
        return replace(self, b=self.b[:, mask], y_mean=self.y_mean[mask], b_norm=self.b_norm[mask])

    def at(self, w: np.ndarray, intercept: float) -> Design:
        """The same problem around the intercept given, for one target: y_mean and b move with it."""
        y_mean = intercept + self.x_mean @ w
        return replace(self, b=self.b + np.multiply.outer(self.root, self.y_mean - y_mean), y_mean=y_mean)

    def times(self, w: np.ndarray) -> np.ndarray:
        """A w."""
        out = self.a @ w
        return out - np.multiply.outer(self.root, self.x_mean @ w) if self.implicit else out

    def transpose(self, r: np.ndarray) -> np.ndarray:
        """A' r."""
        out = self.a.T @ r
        return out - np.multiply.outer(self.x_mean, self.root @ r) if self.implicit else out

    def columns(self, which: np.ndarray) -> np.ndarray:
        """Some columns of A, dense."""
        if not sparse.issparse(self.a):
            return self.a[:, which]
        out = self.a[:, which].toarray()
        return out - np.multiply.outer(self.root, self.x_mean[which]) if self.implicit else out

    def gram(self) -> np.ndarray:
        """A' A, dense."""
        if not sparse.issparse(self.a):
            return self.a.T @ self.a
        out = (self.a.T @ self.a).toarray()
        if self.implicit:
            cross = np.multiply.outer(self.a.T @ self.root, self.x_mean)
            out -= cross + cross.T - np.multiply.outer(self.x_mean, self.x_mean) * (self.root @ self.root)
        return out

    def dense(self) -> np.ndarray:
        return self.columns(np.arange(self.shape[1])) if sparse.issparse(self.a) else self.a

    def offset(self, w: np.ndarray) -> np.ndarray:
        """(k,): what a better intercept would take off |b - A w|², rounding included; a bound."""
        n, p = self.shape
        length = float(np.linalg.norm(self.root))
        hidden = rounding(2 * (n + p + 8)) * length * (self.b_norm + self.norms @ np.abs(w))
        return ((np.abs(self.root @ (self.b - self.times(w))) + hidden) / length) ** 2

    def slack(self, w: np.ndarray) -> np.ndarray:
        """(p,) or (p, k): how far A'(b - A w) as computed here may be off by rounding; proven, and pessimistic."""
        n, p = self.shape
        size = self.b_norm + self.norms @ np.abs(w)
        return rounding(2 * (n + p + 8)) * np.multiply.outer(self.norms, size)


def design(X: Any, y: np.ndarray, weights: np.ndarray | None, *, intercept: bool) -> Design:
    """X (n, p) and y (n,) or (n, k) with weights (n,), prepared; X and y are not changed."""
    n, p = X.shape
    whole = weights is None
    root = np.ones(n) if whole else np.sqrt(weights)
    shares = np.full(n, 1 / n) if whole else weights / weights.sum()
    x_mean, y_mean = np.zeros(p), np.zeros(y.shape[1:])
    if intercept:
        x_mean, y_mean = np.asarray(shares @ X).ravel(), shares @ y
    column = (slice(None),) + (None,) * (y.ndim - 1)
    b = y - y_mean if intercept else y
    b = b if whole else b * root[column]
    size = np.linalg.norm(y if whole else y * root[column], axis=0)
    if sparse.issparse(X):
        a = X if whole else sparse.csr_matrix(sparse.diags(root) @ X)
        # of the columns before centering: |A| <= |S X| + |root| |mean|, and that is what is rounded
        squares = np.asarray(a.multiply(a).sum(axis=0)).ravel()
        norms = np.sqrt(squares) + np.linalg.norm(root) * np.abs(x_mean)
    else:
        a = X - x_mean if intercept else X
        a = a if whole else a * root[:, None]
        if intercept:  # what is left of a constant column is rounding
            squares = np.einsum("ij,ij->j", a, a)
            constant = squares <= (4 * n * EPS) ** 2 * n * x_mean**2
            if constant.any():
                a[:, constant] = 0.0
        else:
            squares = np.einsum("ij,ij->j", a, a)
        norms = np.sqrt(squares) + np.linalg.norm(root) * np.abs(x_mean)
    return Design(a, b, root, x_mean, y_mean, norms, size, sparse.issparse(X) and intercept)
