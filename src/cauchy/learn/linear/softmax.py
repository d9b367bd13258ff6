"""The logistic losses over data in chunks: value, gradient and Hessian in one pass over X.

    F(w, b) = sum_i c_i loss(y_i, x_i w + b) + l2 |w|²/2,      loss = log sum_k exp z_k - z_y

Two classes: one column, z = (0, x w + b). More: one column for each class. Parameters are (q, m) arrays: rows for
features, the last one for the intercept if there is one; m = 1 or the number of classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

LARGE = 1500  # parameters beyond which no Hessian is written down
CHUNK = 4096  # rows at a time: a chunk of 50 features stays in the cache from its margins to its Hessian


@dataclass(frozen=True)
class Pass:
    """What one pass over the data found at the parameters `v`."""

    v: np.ndarray
    value: float
    gradient: np.ndarray  # (q, m)
    hessian: np.ndarray | None  # (q m, q m), of the loss and the penalty; parameters in the order of v.T.ravel()
    spread: np.ndarray  # (m, m): the Hessian in the intercepts, sum c (diag p - p p')


class Logistic:
    """The objective for X (n, p), codes (n,) of classes 0 .. K-1, weights c (n,)."""

    def __init__(self, X: Any, codes: np.ndarray, classes: int, c: np.ndarray, l2: float, *, intercept: bool) -> None:
        self.X, self.codes, self.l2, self.intercept = X, codes, l2, intercept
        self.c = c.astype(X.dtype, copy=False)  # float32 data are computed with in float32, up to the sums of chunks
        self.eps = float(np.finfo(X.dtype).eps)
        self.n, self.p = X.shape
        self.q = self.p + intercept
        self.kinds, self.m = classes, 1 if classes == 2 else classes
        self.signs = np.where(codes == 1, X.dtype.type(1), X.dtype.type(-1)) if self.m == 1 else np.zeros(0)
        self.even = bool((c == c[0]).all())  # one weight for all
        self.certain = 0.9 * math.log(2) * float(c.min(initial=np.inf))  # a value below: each own class has over half
        self.penalty = np.full((self.q, 1), l2)
        self.penalty[self.p :] = 0.0
        self.explicit = self.q * self.m <= LARGE
        self.unit = np.ones((self.q, 1))  # what gradients are measured in
        self._largest: np.ndarray | None = None
        self.sparse = sparse.issparse(X)
        self.step = self.n if self.sparse else max(256, min(CHUNK, CHUNK * 50 // max(self.p, 1)))

    def rows(self, some: np.ndarray) -> Logistic:
        """The objective of some of the samples in float32, weighted up to the total of all."""
        part = self.c[some]
        scale = self.c.sum() / part.sum()
        X = self.X[some].astype(np.float32, copy=False)
        return Logistic(X, self.codes[some], self.kinds, part * scale, self.l2, intercept=self.intercept)

    def single(self) -> Logistic:
        """The objective in float32: good to a few units in the seventh digit, in half the time."""
        X, top = np.empty(self.X.shape, np.float32), np.zeros(self.p, np.float32)
        with np.errstate(over="ignore", invalid="ignore"):
            for i in range(0, self.n, self.step):
                part = X[i : i + self.step]
                np.copyto(part, self.X[i : i + self.step], casting="same_kind")
                top = np.maximum(top, tops(part))
        self._largest = top.astype(np.float64) * (1 + 2.0**-22) + 2.0**-126  # what rounding may have taken off
        return Logistic(X, self.codes, self.kinds, self.c, self.l2, intercept=self.intercept)

    def margins(self, v: np.ndarray, part: Any) -> np.ndarray:
        v = v.astype(part.dtype, copy=False)
        z = part @ v[: self.p]
        if self.intercept:
            z += v[self.p]
        return z

    def at(self, v: np.ndarray, *, hessian: bool) -> Pass:
        """One pass over the data."""
        gradient = self.penalty * v
        value = float(np.sum(self.penalty * v * v)) / 2
        size = self.q * self.m
        h = np.zeros((size, size)) if hessian else None
        spread = np.zeros((self.m, self.m))
        visit = self._two if self.m == 1 else self._many
        for i in range(0, self.n, self.step):
            value += visit(slice(i, i + self.step), v, gradient, h, spread)
        if h is not None:
            at = np.arange(size)
            h[at, at] += np.tile(self.penalty[:, 0], self.m)
        return Pass(v, value, gradient, h, spread)

    def _two(self, at: slice, v: np.ndarray, gradient: np.ndarray, h: np.ndarray | None, spread: np.ndarray) -> float:
        part, signs, c = self.X[at], self.signs[at], self.c[at]
        margin = self.margins(v[:, 0], part)
        margin *= signs
        e = np.abs(margin)
        np.exp(np.negative(e, out=e), out=e)
        one = e + 1.0
        if self.even:
            value = float(c[0]) * (sum_of_logs(one, e) - float(np.minimum(margin, 0.0).sum()))
        else:
            value = c @ (np.log1p(e) - np.minimum(margin, 0.0))
        np.divide(1.0, one, out=one)
        e *= one  # the lesser of the two probabilities; `one` is the greater
        away = np.where(margin > 0, e, one)
        away *= signs
        away *= c
        gradient[: self.p, 0] -= self._pull(part, away)
        if self.intercept:
            gradient[self.p, 0] -= away.sum()
        e *= one
        e *= c
        total = float(e.sum())
        spread += total
        if h is not None:
            self._add(h, 0, 0, part, e, total)
        return float(value)

    def _many(self, at: slice, v: np.ndarray, gradient: np.ndarray, h: np.ndarray | None, spread: np.ndarray) -> float:
        part, codes, c = self.X[at], self.codes[at], self.c[at]
        z = self.margins(v, part)
        here = np.arange(len(codes))
        z -= z.max(axis=1, keepdims=True)
        own = z[here, codes]
        np.exp(z, out=z)
        total = z.sum(axis=1)
        value = c @ (np.log(total) - own)
        z /= total[:, None]
        weighted = z * c[:, None]
        spread += np.diag(weighted.sum(axis=0)) - z.T @ weighted
        if h is not None:
            for k in range(self.m):
                for l in range(k + 1):
                    d = -weighted[:, k] * z[:, l]
                    if k == l:
                        d += weighted[:, k]
                    self._add(h, k, l, part, d, float(d.sum()))
        weighted[here, codes] -= c
        gradient[: self.p] += self._pull(part, weighted)
        if self.intercept:
            gradient[self.p] += weighted.sum(axis=0)
        return float(value)

    def _pull(self, part: Any, r: np.ndarray) -> np.ndarray:
        """part' r; in float32 by pieces, so that long sums are sums of doubles."""
        if part.dtype == np.float32 and len(part) % 8 == 0 and not self.sparse:
            pieces = part.reshape(8, -1, self.p).transpose(0, 2, 1) @ r.reshape(8, len(part) // 8, -1)
            return pieces.sum(axis=0, dtype=np.float64).reshape(self.p, *r.shape[1:])
        return part.T @ r

    def _add(self, h: np.ndarray, k: int, l: int, part: Any, d: np.ndarray, total: float) -> None:
        """Add part' diag(d) part, bordered for the intercept, to the block (k, l) and to (l, k)."""
        p, q = self.p, self.q
        block = np.empty((q, q))
        if self.sparse:
            block[:p, :p] = (part.T @ part.multiply(d[:, None])).toarray()
        elif k == l:  # a product of a matrix with its own transpose costs half
            scaled = part * np.sqrt(np.maximum(d, 0.0))[:, None]
            block[:p, :p] = scaled.T @ scaled
        else:
            block[:p, :p] = part.T @ (part * d[:, None])
        if self.intercept:
            block[p, :p] = block[:p, p] = part.T @ d
            block[p, p] = total
        h[k * q : (k + 1) * q, l * q : (l + 1) * q] += block
        if k != l:
            h[l * q : (l + 1) * q, k * q : (k + 1) * q] += block

    def product(self, v: np.ndarray) -> Any:
        """The function u -> H(v) u, for parameters too many to write the Hessian down."""
        z = self.margins(v, self.X)
        if self.m == 1:
            z = np.concatenate([np.zeros_like(z), z], axis=1)
        z -= z.max(axis=1, keepdims=True)
        np.exp(z, out=z)
        z /= z.sum(axis=1, keepdims=True)
        if self.m == 1:
            z = z[:, 1:]

        def times(u: np.ndarray) -> np.ndarray:
            moved = self.margins(u, self.X) * z
            moved -= z * moved.sum(axis=1, keepdims=True)
            moved *= self.c[:, None]
            out = self.penalty * u
            out[: self.p] += self.X.T @ moved
            if self.intercept:
                out[self.p] += moved.sum(axis=0)
            return out

        return times

    def diagonal(self) -> np.ndarray:
        """(q, 1): an upper bound of the Hessian's diagonal, to precondition with."""
        squares = np.zeros(self.q)
        squares[: self.p] = np.asarray(self.X.multiply(self.X).T @ self.c if self.sparse else (self.X**2).T @ self.c)
        squares[self.p :] = self.c.sum()
        return squares[:, None] / 4 + self.penalty + np.finfo(np.float64).tiny

    def size(self, gradient: np.ndarray) -> float:
        """The largest entry, each measured in the unit of its feature."""
        return float(np.max(np.abs(gradient) / self.unit))

    def largest(self, *, again: bool = False) -> np.ndarray:
        """(q,): the largest |x_ij| of each column of X, or a little more; 1 for the intercept; NaN or inf if one is."""
        if self._largest is not None and not again:
            return np.append(self._largest, 1.0) if self.intercept else self._largest
        found = np.zeros(self.p)
        if self.sparse:
            found = np.asarray(abs(self.X).max(axis=0).todense()).ravel()
            if not np.isfinite(self.X.data).all():
                found[:] = np.nan
        else:
            for i in range(0, self.n, self.step):
                found = np.maximum(found, tops(self.X[i : i + self.step]))
        return np.append(found, 1.0) if self.intercept else found


def tops(part: np.ndarray) -> np.ndarray:
    """The largest |x| of each column: of 32 rows as one long one first, which NumPy is quicker at."""
    whole = len(part) - len(part) % 32
    wide = part[:whole].reshape(whole // 32, 32 * part.shape[1])
    pieces = [wide.max(axis=0), wide.min(axis=0)] if whole else []
    return np.abs(np.concatenate([*pieces, part[whole:].ravel()])).reshape(-1, part.shape[1]).max(axis=0)


def sum_of_logs(one: np.ndarray, e: np.ndarray) -> float:
    """sum log(1 + e) for 0 <= e <= 1, given one = 1 + e: one logarithm of 16 factors, where that is as good."""
    whole = len(one) - len(one) % 16
    found = float(np.log(np.multiply.reduce(one[:whole].reshape(16, -1), axis=0)).sum() + np.log(one[whole:]).sum())
    return found if found > 1e-3 * len(one) else float(np.log1p(e).sum())
