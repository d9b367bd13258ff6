"""One two-class problem: which algorithm solves it, and what is known of the answer.

Signed multipliers beta_i = a_i y_i throughout: w = sum_i beta_i phi(x_i), f = K beta + b.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NoReturn

import numpy as np
from scipy import sparse
from scipy.linalg import LinAlgError, get_lapack_funcs

from ...errors import DomainError
from ...proof import Proof, Verdict
from ..certificate import Certificate, History
from ..wording import at_most
from .interior import sift
from .kernels import UNIT, Kernel
from .smo import Rows, Unbounded, ascend
from .squared import newton

DENSE = 2_000  # features that a linear problem is solved in; beyond, by pairs
SMALL = 400  # points whose Gram matrix is factored instead


class NotSeparable(DomainError):
    """C=inf asks for a separation of classes that have none.

    `weights` (n,) >= 0 add up to 1 in each class; the two means that they give coincide up to `distance`.
    `proved`: they are equal, in fractions, and so nothing separates the classes; else no more is known.
    """

    def __init__(self, weights: np.ndarray, y: np.ndarray, distance: float, scale: float, proved: bool) -> None:
        self.weights, self.distance, self.proved = weights, distance, proved
        parts = []
        for side in (-1.0, 1.0):
            of = np.flatnonzero((y == side) & (weights > 1e-6))
            named = [f"{weights[i]:.4g} of sample {i}" for i in of[np.argsort(-weights[of])][:4]]
            parts.append(" + ".join(named) + (" + ..." if len(of) > 4 else ""))
        super().__init__(
            "C=inf: the classes cannot be separated"
            if proved
            else "C=inf: no separation of the classes was found: they touch or overlap, up to rounding",
            why=f"a weighted mean of one class is one of the other: {parts[0]} = {parts[1]}"
            f" (they differ by {distance:.1e}, the data by {scale:.1e})",
            fix="a finite C allows errors at a price; a kernel separates more",
        )


@dataclass
class Solution:
    """beta (n,), b, the values f of all training points (n,), w for linear kernels, and what is known."""

    beta: np.ndarray
    b: float
    f: np.ndarray
    w: np.ndarray | None
    certificate: Certificate
    history: History
    rounds: int


@dataclass
class Problem:
    """`c` (n,) > 0, inf everywhere for a hard margin; y (n,) is +-1 with both signs; X is dense or CSR."""

    kernel: Kernel
    X: Any
    y: np.ndarray
    c: np.ndarray
    intercept: bool = True
    squared: bool = False

    @property
    def hard(self) -> bool:
        return bool(np.isinf(self.c[0]))

    # -- what is known of a point, from the data alone ------------------------------------------------------------

    def feasible(self, beta: np.ndarray) -> np.ndarray:
        """The nearest of its kind that is dual feasible: in the box, the heavier class scaled down to the other."""
        a = np.maximum(beta * self.y, 0.0)
        if not self.squared:
            a = np.minimum(a, self.c)
        if self.intercept:
            plus, minus = float(a[self.y > 0].sum()), float(a[self.y < 0].sum())
            least = min(plus, minus)
            a = a * np.where(self.y > 0, least / plus, least / minus) if least > 0 else np.zeros_like(a)
        return a * self.y

    def measured(self, beta: np.ndarray, tol: float, w: np.ndarray | None = None) -> Solution:
        """The point that a feasible beta stands for, with primal and dual value and the gap between them.

        The primal point takes w from beta (or as given, for a linear kernel) and the best b for that w; so the gap is a
        bound of what is missing to the optimum, whatever found it. Rounding is bounded too (Higham 2002, section 3.1).
        """
        y, c = self.y, self.c
        linear = self.kernel.name == "linear"
        some = np.flatnonzero(beta)
        if linear:
            from_beta = _blocked(self.X, beta)
            w = from_beta if w is None else w
            f = np.asarray(self.X @ w)
            quad, dual_quad = float(w @ w), float(from_beta @ from_beta)
        else:
            Z, columns = self._support(some)
            f = self.kernel.times(columns if self.kernel.name == "precomputed" else self.X, Z, beta[some])
            quad = dual_quad = float(beta[some] @ f[some])
        b = self._best_b(f) if self.intercept else 0.0
        if self.hard and quad > 0:
            least = float((y * (f + b)).min())
            if least > 0:  # the same line, scaled to be feasible
                beta, f, b = beta / least, f / least, b / least
                quad, dual_quad = quad / (least * least), dual_quad / (least * least)
                w = None if w is None else w / least
        f = f + b
        a = np.abs(beta)
        loss = np.maximum(1.0 - y * f, 0.0)
        total = float(a.sum())
        if self.squared:
            primal, dual = quad / 2 + float(np.sum(c * loss**2)), total - dual_quad / 2 - float(np.sum(a * a / (4 * c)))
        elif self.hard:
            primal, dual = (quad / 2 if loss.max() <= 1e-12 else np.inf), total - dual_quad / 2
        else:
            primal, dual = quad / 2 + float(np.sum(c * loss)), total - dual_quad / 2
        rounding = self._rounding(beta, w, f, max(quad, dual_quad), primal, loss)
        return Solution(beta, b, f, w, self._certificate(beta, f, loss, primal, dual, rounding, tol), History({}), 0)

    def _support(self, some: np.ndarray) -> tuple[Any, Any]:
        if self.kernel.name == "precomputed":
            return some, self.X[:, some]
        return self.X[some], None

    def _best_b(self, f: np.ndarray) -> float:
        """The b of least loss for these values without intercept; the middle of them where there are several."""
        y, c = self.y, self.c
        if self.hard:
            return -(float(f[y > 0].min()) + float(f[y < 0].max())) / 2
        if self.squared:
            return self._best_b_squared(f)
        at = y - f
        order = np.argsort(at, kind="stable")
        reached = np.cumsum(c[order])  # the slope in b after each kink, less that before the first
        wanted = float(c[y > 0].sum())
        k = int(np.searchsorted(reached, wanted * (1 - 1e-14)))
        k = min(k, len(at) - 1)
        flat = abs(reached[k] - wanted) <= 1e-14 * wanted and k + 1 < len(at)
        return float(at[order[k]] + at[order[k + 1]]) / 2 if flat else float(at[order[k]])

    def _best_b_squared(self, f: np.ndarray) -> float:
        low, high = float((self.y - f).min()), float((self.y - f).max())
        b = (low + high) / 2
        for _ in range(100):
            loss = 1.0 - self.y * (f + b)
            inside = loss > 0
            weight = float(self.c[inside].sum())
            step = float((self.c * self.y * loss)[inside].sum()) / weight if weight else 0.0
            if weight == 0.0 or abs(step) <= 4 * UNIT * (abs(b) + 1.0):
                break
            low, high = (b, high) if step > 0 else (low, b)
            b = b + step if low < b + step < high else (low + high) / 2
        return b

    def _rounding(
        self, beta: np.ndarray, w: np.ndarray | None, f: np.ndarray, quad: float, primal: float, loss: np.ndarray
    ) -> float:
        """How far primal - dual, as computed, can lie below what it is in exact arithmetic."""
        a = np.abs(beta)
        total, m = float(a.sum()), int(np.count_nonzero(a))
        peak = float(np.abs(self.kernel.diagonal(self.X)).max())
        if w is not None:  # w is the primal point as it stands; only the dual has an error in it
            d = len(w)
            terms = m if sparse.issparse(self.X) else min(m, 1024) + m / 1024
            off_w = 1.01 * (terms + 4) * UNIT * np.asarray(abs(self.X).T @ a).ravel()
            off_f = 1.01 * (d + 3) * UNIT * (math.sqrt(peak) * math.sqrt(quad) + float(np.abs(f).max()))
            off_quad = 2 * math.sqrt(quad) * float(np.linalg.norm(off_w)) + float(off_w @ off_w)
        else:
            off_f = self.kernel.rounding(self.X) * total + 1.01 * (m + 2) * UNIT * peak * total
            off_quad = total * off_f * 2
        # the loss of points that are clearly outside cannot be felt
        near = loss > 0
        if not self.hard:
            near |= 1.0 - self.y * f > -off_f
        felt = 0.0 if self.hard else float(self.c[near].sum()) * off_f
        if self.squared:
            felt = float(np.sum(self.c[near] * (2 * loss[near] + off_f))) * off_f
        if self.hard:
            felt = 2 * (off_f + float(loss.max())) * quad
        sums = 64 * UNIT * (total + quad + (abs(primal) if math.isfinite(primal) else 0.0))
        # sum beta = 0 holds up to rounding; an optimal b lies where some point is on its margin
        unequal = abs(math.fsum(beta)) * (1 + math.sqrt(2 * peak * max(primal, 0.0))) if self.intercept else 0.0
        return felt + off_quad + sums + unequal

    def _certificate(
        self, beta: np.ndarray, f: np.ndarray, loss: np.ndarray, primal: float, dual: float, rounding: float, tol: float
    ) -> Certificate:
        y, c, a = self.y, self.c, np.abs(beta)
        gap = primal - dual
        slack = y * f - 1.0
        with np.errstate(invalid="ignore"):
            room = np.where(np.isinf(c), np.inf, c - a)
        complementary = float(np.abs(a * np.maximum(slack, 0.0)).max())
        if not self.hard and not self.squared:
            complementary = max(complementary, float((room * loss).max()))
        residuals = {
            "primal_violation": float(loss.max()) if self.hard else 0.0,
            "dual_violation": abs(math.fsum(beta)) if self.intercept else 0.0,
            "complementarity": complementary,
            "rounding": rounding,
        }
        close = math.isfinite(primal) and gap + rounding <= tol * max(abs(primal), np.finfo(float).tiny)
        if self.kernel.positive and close:
            statement = f"the objective is within {tol:.1e} of its minimum, relatively"
            proof = Proof("duality", f"{gap:.3g} + {rounding:.3g} <= {tol:.1e} * {primal:.6g}")
            verdict = Verdict.PROVED
        else:
            verdict, proof = Verdict.UNDECIDED, None
            if not self.kernel.positive:
                statement = f"a {self.kernel.name} kernel need not be positive semidefinite: the gap is an estimate"
            elif math.isfinite(primal) and gap <= tol * abs(primal):
                statement = "the gap is as small as asked for, but its rounding errors are not"
            elif math.isfinite(primal):
                share = at_most(gap / abs(primal) if primal else math.inf)
                statement = f"the objective is within {share} of its minimum"
            else:
                statement = "no separating line was reached"
        return Certificate(
            verdict=verdict, proof=proof, statement=statement, primal=primal, dual=dual, gap=gap, residuals=residuals
        )

    # -- solving ---------------------------------------------------------------------------------------------------

    def solve(self, tol: float, megabytes: float = 200.0, most: int = -1) -> Solution:
        n, d = self.X.shape
        linear = self.kernel.name == "linear"
        if linear and not sparse.issparse(self.X) and min(n, d) <= DENSE:
            return self._by_features(self.X, tol)
        if linear and n * d <= 1 << 24 and min(n, d) <= DENSE:
            return self._by_features(self.X.toarray(), tol)
        if n <= SMALL and (self.kernel.positive or self.kernel.name == "precomputed") and self.intercept:
            features = self._factored()
            if features is not None:
                return self._by_features(features, tol)
        if self.squared or not self.intercept:
            raise DomainError(
                f"{n} samples of {d} features: too many features for this loss",
                fix='loss="hinge" with fit_intercept=True, or fewer features',
            )
        return self._by_pairs(tol, megabytes, most)

    def _factored(self) -> np.ndarray | None:
        """F with F F' = the Gram matrix, or None where it has no such factor up to rounding."""
        n = self.X.shape[0]
        K = self.kernel.block(self.X, None) if self.kernel.name == "precomputed" else self._gram()
        size = float(np.abs(np.diag(K)).max())
        if not np.allclose(K, K.T, rtol=1e-10, atol=1e-12 * size):
            return None
        (pstrf,) = get_lapack_funcs(("pstrf",), (K,))
        factor, pivots, rank, _ = pstrf(K, tol=n * UNIT * size, lower=1)
        factor = np.tril(factor)[:, :rank]
        features = np.empty_like(factor)
        features[pivots - 1] = factor
        if np.abs(features @ features.T - K).max() > 1e-11 * size * n:
            return None
        return features

    def _gram(self) -> np.ndarray:
        left, right = self.kernel.features(self.X)
        return self.kernel.block(left, right)

    def _by_features(self, features: np.ndarray, tol: float) -> Solution:
        """In the primal, (d+1) x (d+1): on features of mean 0 and size 1, which have the same solution."""
        n, d = features.shape
        turn = None
        if d > n:  # as good: n features with the same products
            turn, triangle = np.linalg.qr(features.T)
            features, d = triangle.T, n
        mean = features.mean(axis=0) if self.intercept else np.zeros(d)
        F = features - mean
        size = math.sqrt(float(np.mean(np.einsum("ij,ij->i", F, F)))) or 1.0
        F = np.column_stack([F / size, np.ones(n)]) if self.intercept else F / size
        ridge = np.ones(F.shape[1])
        ridge[d:] = 0.0
        c = self.c * size**2
        point = (newton if self.squared else sift)(F, self.y, c, ridge, min(tol / 4, 1e-9))
        beta = self.feasible(point.a * self.y / size**2)
        best = self.measured(beta, tol)
        if self.hard and not (point.separable and best.certificate.gap < np.inf):
            weights = _meeting(F, self.y, point.a)
            if weights is not None:
                self._refuse(weights)
        if self.kernel.name == "linear" and best.certificate.gap > 1e-12 * abs(best.certificate.primal):
            w = point.wb[:d] / size
            other = self.measured(beta, tol, w if turn is None else turn @ w)
            best = min(best, other, key=lambda s: s.certificate.gap)
        sharper = None if self.squared else self._sharpened(F, ridge, point.a * self.y, point.wb, c)
        if sharper is not None:
            other = self.measured(self.feasible(sharper / size**2), tol)
            if other.certificate.gap <= max(best.certificate.gap, 1e-13 * abs(best.certificate.primal)):
                best = other
        names = ("primal", "gradient", "inside") if self.squared else ("primal", "dual", point.third)
        best.history = History({k: np.array(v) for k, v in zip(names, zip(*point.history, strict=True), strict=True)})
        best.rounds = len(point.history)
        return best

    def _sharpened(
        self, F: np.ndarray, ridge: np.ndarray, beta: np.ndarray, wb: np.ndarray, c: np.ndarray
    ) -> np.ndarray | None:
        """Exact zeros and bounds, and for what is between them one step onto the margin; None where that fails."""
        a, slack = np.abs(beta), self.y * (F @ wb) - 1.0
        unit = np.full_like(a, a.max()) if self.hard else c
        zero = a / unit < np.maximum(slack, 0.0)
        full = np.zeros_like(zero) if self.hard else (c - a) / c < np.maximum(-slack, 0.0)
        free = np.flatnonzero(~zero & ~full)
        if not 0 < len(free) <= 1500:
            return None
        beta = np.where(zero, 0.0, np.where(full, c * self.y if not self.hard else 0.0, beta))
        w = ridge * (F.T @ beta)
        G = F[free] * ridge
        off = self.y[free] - F[free] @ (w + (1 - ridge) * wb)
        m = len(free)
        if self.intercept:
            system = np.block([[G @ G.T, np.ones((m, 1))], [np.ones((1, m)), np.zeros((1, 1))]])
            right = np.append(off, -beta.sum())
        else:
            system, right = G @ G.T, off
        try:  # equal samples make it singular; the least change keeps them equal
            regular = 64 < m <= F.shape[1]
            change = np.linalg.solve(system, right) if regular else np.linalg.lstsq(system, right)[0]
        except LinAlgError:
            return None
        beta[free] += change[:m]
        a = beta * self.y
        near = 1e-9 * unit  # of a bound: rounding, which the measured gap will judge
        if not np.isfinite(a).all() or (a < -near).any() or (a > c + near).any():
            return None
        return np.clip(a, 0.0, c) * self.y

    def _refuse(self, a: np.ndarray) -> NoReturn:
        weights = a / np.where(self.y > 0, a[self.y > 0].sum(), a[self.y < 0].sum())
        some = np.flatnonzero(weights)
        if self.kernel.name == "linear":
            gap = self.X.T @ (weights * self.y)
            distance, scale = float(np.linalg.norm(gap)), float(abs(self.X).max())
        else:
            Z, columns = self._support(some)
            X = columns if self.kernel.name == "precomputed" else self.X
            f = self.kernel.times(X, Z, (weights * self.y)[some])
            distance = math.sqrt(max(float((weights * self.y) @ f), 0.0))
            scale = math.sqrt(float(np.abs(self.kernel.diagonal(self.X)).max()))
        proved = (
            distance == 0 and self.kernel.name == "linear" and _same_means(self.X[some], weights[some] * self.y[some])
        )
        raise NotSeparable(weights, self.y, distance, scale, proved)

    def _by_pairs(self, tol: float, megabytes: float, most: int) -> Solution:
        y = self.y
        low, high = np.minimum(0.0, self.c * y), np.maximum(0.0, self.c * y)
        n = len(y)
        rows = Rows(self.kernel, self.X, megabytes)
        beta, v = np.zeros(n), y.copy()
        left = most if most > 0 else 10**9
        wanted = 0.5 * tol
        done, history = 0, []

        def enough(beta: np.ndarray, v: np.ndarray, b: float) -> bool:
            quad = float(beta @ (y - v))
            if self.hard:
                total = float(np.abs(beta).sum())
                if not self.kernel.positive and quad < -1e-10 * total * total:
                    raise Unbounded
                if total > 1e9 and quad <= 1e-16 * total * total:
                    self._refuse(np.abs(beta))
                least = float((1.0 - y * (v - b)).min())
                return least > 0 and quad / (least * least) / 2 - float(y @ beta) + quad / 2 <= wanted * quad / 2
            primal = quad / 2 + float(self.c @ np.maximum(y * (v - b), 0.0))
            return primal - float(y @ beta) + quad / 2 <= wanted * primal

        best = None
        for _ in range(6):
            try:
                beta, v, count, part = ascend(self.kernel, self.X, y, low, high, beta, v, rows, enough, left - done)
            except Unbounded:
                what = "separates nothing here" if self.kernel.positive else "is indefinite on these samples"
                raise DomainError(
                    f"C=inf: the {self.kernel.name} kernel {what}",
                    why="along some multipliers the dual grows without end: there is no hard margin",
                    fix="a finite C, or a positive definite kernel",
                ) from None
            done += count
            history += part
            found = self.measured(self.feasible(beta), tol)
            gap = found.certificate.gap
            if best is not None and gap >= best.certificate.gap:
                break
            best = found
            if gap <= 0.9 * tol * abs(found.certificate.primal) or done >= left or not count:
                break
            beta, v = best.beta.copy(), y - (best.f - best.b)
        assert best is not None
        best.history = History(
            {k: np.array(x) for k, x in zip(("dual", "violation"), zip(*history, strict=True), strict=True)}
        )
        best.rounds = done
        return best


def _meeting(F: np.ndarray, y: np.ndarray, a: np.ndarray) -> np.ndarray | None:
    """Weights that add up to 1 in each class and make its means equal, few of them positive; None where there are none.

    A corner of the polytope of such weights, by linear programming; `a` says which points may matter.
    """
    from scipy.optimize import linprog

    for some in (np.flatnonzero(a > 1e-6 * a.max()), np.arange(len(y))):
        if not (y[some] > 0).any() or not (y[some] < 0).any():
            continue
        signs = y[some]
        equations = np.vstack([(F[some] * signs[:, None]).T, signs > 0, signs < 0])
        right = np.zeros(len(equations))
        right[-2:] = 1.0
        found = linprog(np.zeros(len(some)), A_eq=equations, b_eq=right, bounds=(0, None), method="highs-ds")
        if found.status == 0:
            weights = np.zeros(len(y))
            weights[some] = np.maximum(found.x, 0.0)
            return weights
        if len(some) == len(y):
            break
    return None


def _same_means(X: Any, signed: np.ndarray) -> bool:
    """Is the weighted mean of the points of positive weight exactly that of the others? In fractions."""
    rows = X.toarray() if sparse.issparse(X) else X
    exact = [Fraction(v) for v in signed.tolist()]
    plus, minus = (sum((v for v in exact if s * v > 0), Fraction(0)) for s in (1, -1))
    shares = [v / plus if v > 0 else -v / minus for v in exact]
    return all(sum(s * Fraction(x) for s, x in zip(shares, column, strict=True)) == 0 for column in rows.T.tolist())


def _blocked(X: Any, beta: np.ndarray) -> np.ndarray:
    """X' beta; dense data in blocks of rows, so that rounding grows with the length of a block."""
    if sparse.issparse(X):
        return np.asarray(X.T @ beta)
    return np.sum([beta[k : k + 1024] @ X[k : k + 1024] for k in range(0, len(beta), 1024)], axis=0)
