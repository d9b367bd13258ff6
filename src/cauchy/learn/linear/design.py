"""The least squares problem behind a linear model: weights folded in, means taken out, dense and sparse alike."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from ...errors import DomainError
from ...linear.twice import residual

EPS = np.finfo(np.float64).eps
TINY = 2.0**-1000  # above what underflow loses


def rounding(terms: int) -> float:
    """gamma of Higham (2002, section 3.1): a sum of `terms` products is off by at most gamma sum |terms|, any order."""
    return terms * EPS / (1 - terms * EPS) if terms * EPS < 0.5 else np.inf


@dataclass(frozen=True)
class Design:
    """min over w of |b - A w|², with A = S (X - 1 mean'), b = S (y - mean), S = diag(sqrt(weights)).

    `A` is dense (and centered), or sparse, where the centering stays implicit: A = `a` - outer(root, mean).
    `norms` (p,) bound the columns of A as they are computed with: what roundings are measured by. The means taken out
    are x_mean + x_rest and y_mean + y_rest, unrounded; what they miss is A'root, `drift`.
    """

    a: Any
    b: np.ndarray
    root: np.ndarray
    x_mean: np.ndarray
    x_rest: np.ndarray
    y_mean: np.ndarray
    y_rest: np.ndarray
    norms: np.ndarray
    b_norm: np.ndarray
    drift: np.ndarray
    centered: bool
    implicit: bool

    @property
    def shape(self) -> tuple[int, int]:
        return self.a.shape

    def target(self, k: int) -> Design:
        """The problem of column k of b alone."""
        return replace(self, b=self.b[:, k], y_mean=self.y_mean[k], y_rest=self.y_rest[k], b_norm=self.b_norm[k])

    def part(self, mask: np.ndarray) -> Design:
        """The problem of some columns of b."""
        return replace(
            self, b=self.b[:, mask], y_mean=self.y_mean[mask], y_rest=self.y_rest[mask], b_norm=self.b_norm[mask]
        )

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

    def intercept(self, w: np.ndarray) -> Any:
        """() or (k,): the best intercept for the coefficients w (p,) or (p, k), rounded once."""
        if not self.centered:
            return np.zeros(w.shape[1:])[()]
        return self._off(w, np.zeros(w.shape[1:]))[0][()]

    def excess(self, w: np.ndarray, intercept: Any) -> Any:
        """() or (k,): a bound of what a better intercept than this one would take off |b - A w|²."""
        if not self.centered:
            return np.zeros(w.shape[1:])[()]
        n, p = self.shape
        length = float(np.linalg.norm(self.root))
        off, unknown = self._off(w, np.asarray(intercept))
        hidden = rounding(2 * (n + p + 8)) * (self.b_norm + self.norms @ np.abs(w))
        drift = np.abs(self.root @ self.b - self.drift @ w) / length
        found = (1 + 8 * EPS) * (length * (np.abs(off) + unknown) + drift + hidden) ** 2
        return np.where(np.isfinite(found), found, np.inf)[()]

    def doubt(self, w: np.ndarray, intercept: Any, squares: Any) -> Any:
        """() or (k,): how far `squares`, |b - A w|² as computed here, may be off sum weights (y - X w - intercept)².

        An entry of b - A w is a sum of p products and a few more roundings of its terms, whose norms are known.
        """
        n, p = self.shape
        with np.errstate(over="ignore"):
            off = rounding(p + 16) * (self.b_norm + self.norms @ np.abs(w))
            found = (2 * np.sqrt(squares) + off) * off + rounding(n + 16) * squares
            return (1 + 16 * EPS) * (found + self.excess(w, intercept)) + TINY

    def _off(self, w: np.ndarray, intercept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The mean of y - X w - intercept to one rounding of its own, and a bound of its error."""
        shape = w.shape[1:]
        w = w.reshape(len(w), -1)
        mean, rest = (np.broadcast_to(np.ravel(v), w.shape[1:]) for v in (self.y_mean, self.y_rest))
        ones = np.ones((w.shape[1], 2))
        a = np.column_stack([w.T, ones[:, :1] * np.ravel(intercept)[:, None], -ones[:, :1] * rest[:, None]])
        with np.errstate(over="ignore", invalid="ignore"):
            sums = residual(
                a, np.append(self.x_mean, [1.0, 1.0]), np.ascontiguousarray(mean), np.append(self.x_rest, [0.0, 0.0])
            )
            off = sums.high + sums.low
            return off.reshape(shape), (EPS * np.abs(off) + sums.slack).reshape(shape)

    def slack(self, w: np.ndarray) -> np.ndarray:
        """(p,) or (p, k): how far A'(b - A w) as computed here may be off by rounding; proven, and pessimistic."""
        n, p = self.shape
        size = self.b_norm + self.norms @ np.abs(w)
        return rounding(2 * (n + p + 8)) * np.multiply.outer(self.norms, size)


def balanced(weights: np.ndarray) -> tuple[np.ndarray, int]:
    """(weights / 2^k, k) with a mean between 1/2 and 1: exact, but for weights that are nothing beside the largest."""
    top = int(np.frexp(weights.max())[1])
    weights = np.ldexp(weights, -top)
    mean = int(np.frexp(weights.mean())[1])
    return np.ldexp(weights, -mean), top + mean


def negligible(gap: float, value: float, zero: float, tol: float) -> bool:
    """Is the gap at most tol of the objective at w = 0, and small beside the objective too, or nothing beside both?"""
    return gap <= tol * zero and (gap <= 1e-3 * value or gap <= tol**2 * zero)


def centered(v: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(v - mean - rest, mean, rest) of the columns, a copy; the first difference is exact where the mean is large.

    So the rounding is that of what is left, not of the mean (Sterbenz 1974); constant columns become zero.
    """
    mean = shares @ v
    out = v - mean
    rest = shares @ out
    out -= rest
    same = np.flatnonzero(v[0] == v[len(v) // 2])
    same = same[(v[:, same] == v[0, same]).all(axis=0)]
    if len(same):
        out[:, same], mean[same], rest[same] = 0.0, v[0, same], 0.0
    return out, mean, rest


def lengths(a: np.ndarray) -> np.ndarray:
    """(p,): the norms of the columns; inf where their squares overflow."""
    squares = np.einsum("ij,ij->j", a, a)
    tiny = np.flatnonzero(squares < 1e-200)
    found = np.sqrt(squares)
    if len(tiny):  # squares may have underflowed
        top = np.abs(a[:, tiny]).max(axis=0, initial=0.0)
        found[tiny] = top * np.linalg.norm(a[:, tiny] / np.where(top > 0, top, 1.0), axis=0)
    return found


def design(X: Any, y: np.ndarray, weights: np.ndarray | None, *, intercept: bool) -> Design:
    """X (n, p) and y (n,) or (n, k) with weights (n,) of mean about 1, prepared; X and y are not changed."""
    if weights is not None and not weights.all():
        kept = weights > 0
        X, y, weights = X[kept], y[kept], weights[kept]
    n, p = X.shape
    whole = weights is None
    root = np.ones(n) if whole else np.sqrt(weights)
    length = float(np.linalg.norm(root))
    shares = np.full(n, 1 / n) if whole else weights / weights.sum()
    x_mean, x_rest = np.zeros(p), np.zeros(p)
    b = y.reshape(n, -1)
    y_mean, y_rest = np.zeros(b.shape[1]), np.zeros(b.shape[1])
    implicit = sparse.issparse(X) and intercept
    with np.errstate(over="ignore", invalid="ignore"):
        if intercept:
            b, y_mean, y_rest = centered(b, shares)
        b = b if whole else b * root[:, None]
        size = lengths(b) + length * np.abs(y_rest)
        if sparse.issparse(X):
            a = X if whole else sparse.csr_matrix(sparse.diags(root) @ X)
            if intercept:
                x_mean = np.asarray(shares @ X).ravel()
            # of the columns before centering: |A| <= |S X| + |root| |mean|, and that is what is rounded
            norms = np.sqrt(np.asarray(a.multiply(a).sum(axis=0)).ravel()) + length * np.abs(x_mean)
        else:
            a = X
            if intercept:
                a, x_mean, x_rest = centered(X, shares)
            a = a if whole else a * root[:, None]
            norms = lengths(a) + length * np.abs(x_rest)
    if not (np.isfinite(norms).all() and np.isfinite(size).all()):
        raise DomainError(
            "X or y is too large: its squares overflow",
            why=f"the largest |x| is {abs(X).max():.3g}, the largest |y| {np.abs(y).max():.3g}",
            fix="use other units: divide the columns",
        )
    drift = np.zeros(p)
    if intercept:
        drift = a.T @ root - (x_mean * (root @ root) if implicit else 0.0)
    b, y_mean, y_rest, size = (v[..., 0] if y.ndim == 1 else v for v in (b, y_mean, y_rest, size))
    return Design(a, b, root, x_mean, x_rest, y_mean, y_rest, norms, size, drift, intercept, implicit)
