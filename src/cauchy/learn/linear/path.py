"""The path of the lasso and the elastic net, with a duality gap for every penalty."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from ... import figure
from ...errors import DomainError, ShapeError
from ...messages import say
from ...proof import Proof, Result, Verdict
from ..wording import at_most, shown
from .active import Solver
from .design import EPS, Design, balanced, design, negligible
from .shrink import numbers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMED = 12  # coefficients that a picture names


def duality_gap(
    w: np.ndarray, c: np.ndarray, squares: float, l1: float, l2: float, slack: np.ndarray, positive: bool
) -> tuple[float, float]:
    """(gap, what rounding may hide) of F at w, where c = A'(b - A w) and squares = |b - A w|²; F - gap is below min F.

    Two dual points, the better counts. The residual, scaled down to feasibility, of the lasso over the rows of A and
    sqrt(l2) I (Fercoq, Gramfort, Salmon 2015); and for l2 > 0 the residual itself, whose gap is a Fenchel-Young gap of
    l1 |.| + l2 |.|²/2 in each coordinate. Both are sums of terms that are not negative: nothing cancels.
    """
    found: list[tuple[float, float]] = []
    if l1 > 0:
        u = c - l2 * w
        largest = float(np.max((u if positive else np.abs(u)) + slack, initial=0.0))
        s = min(1.0, l1 / largest) if largest > 0 else 1.0
        terms = np.maximum(l1 * np.abs(w) - s * w * u, 0.0)
        hidden = np.abs(w) @ (slack + 4 * EPS * (l1 + np.abs(u)))
        found.append((float((1 - s) ** 2 * (squares + l2 * (w @ w)) / 2 + terms.sum()), float(hidden)))
    if l2 > 0:
        pull = np.maximum(c - l1, 0.0) if positive else np.sign(c) * np.maximum(np.abs(c) - l1, 0.0)
        away = w - pull / l2
        edge = np.maximum(l1 * np.abs(w) - w * (c - pull), 0.0)
        hidden = np.sum(np.abs(away) * slack + slack**2 / l2 + 4 * EPS * np.abs(w) * (l1 + np.abs(c)))
        found.append((float(l2 * (away @ away) / 2 + edge.sum()), float(hidden)))
    return min(found, key=sum, default=(math.inf, 0.0))


@dataclass(frozen=True)
class LassoPath(Result):
    """Lasso or elastic net for a falling sequence of penalties.

    `alphas` (m,) falling; `coefs` (p, m); `intercepts` (m,); `objectives` (m,) and `gaps` (m,): the objective
    |y - X w - b|²/(2 n) + alpha l1_ratio |w|_1 + alpha (1 - l1_ratio) |w|²/2 exceeds its minimum by at most the gap,
    rounding included (a bound); `steps` (m,): linear systems solved. PROVED: as of `ElasticNet`, for
    every penalty.
    Unpacks as scikit-learn's does: `alphas, coefs, gaps = lasso_path(X, y)`.
    """

    alphas: np.ndarray
    coefs: np.ndarray
    intercepts: np.ndarray
    objectives: np.ndarray
    gaps: np.ndarray
    steps: np.ndarray

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter((self.alphas, self.coefs, self.gaps))

    def __str__(self) -> str:
        found = (self.coefs != 0).sum(axis=0)
        fields = {"count": len(self.alphas), "first": self.alphas[0], "last": self.alphas[-1]}
        sizes = {"few": found.min(), "many": found.max(), "gap": at_most(self.gaps.max())}
        return f"{say(f'verdict.{self.verdict.value}')}: {say('learn.linear_path', **fields, **sizes)}"

    def plot(self, *, lang: str | None = None) -> Figure:
        """Each coefficient against alpha; the gap below."""
        with figure.style():
            made, axes = figure.new(2, size=(7.0, 5.5), sharex=True, height_ratios=[3, 1])
            for i, row in enumerate(self.coefs):
                axes[0].plot(self.alphas, row, ("-", "--", "-.", ":")[i % 4], lw=1.2, label=f"w[{i}]")
            if len(self.coefs) <= NAMED:
                axes[0].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
            axes[0].set_ylabel(say("learn.linear_coefficients", lang))
            axes[0].set_xscale("log")
            axes[0].invert_xaxis()
            axes[1].plot(self.alphas, np.maximum(self.gaps, np.finfo(np.float64).tiny))
            axes[1].set_yscale("log")
            axes[1].set_ylabel(say("learn.gap", lang))
            axes[1].set_xlabel("alpha")
        return made


def lasso_path(
    X: Any,
    y: Any,
    *,
    alphas: int | Any = 100,
    eps: float = 1e-3,
    l1_ratio: float = 1.0,
    fit_intercept: bool = False,
    sample_weight: Any = None,
    positive: bool = False,
    tol: float = 1e-8,
    max_iter: int = 1000,
) -> LassoPath:
    """The minimizers of |y - X w|²/(2 n) + alpha l1_ratio |w|_1 + alpha (1 - l1_ratio) |w|²/2, for many alphas.

    X (n, p) real, dense or sparse; y (n,). `alphas`: how many, spaced evenly in the logarithm from the smallest that
    gives zeros alone down to `eps` times that; or the alphas themselves. As in scikit-learn there is no intercept
    unless asked for. `sample_weight` (n,) counts relative to its mean. Every solution comes with its duality gap,
    rounding included: a bound. Raises ShapeError and DomainError for what is not such data.

    >>> X = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    >>> path = lasso_path(X, [3.0, 0.5, 0.0], alphas=[1 / 3])
    >>> path.coefs[:, 0]
    array([2., 0.])
    >>> path.verdict
    <Verdict.PROVED: 'proved'>
    """
    begun = time.perf_counter()
    X, y, weights = _data(X, y, sample_weight)
    if not 0 < l1_ratio <= 1:
        fix = "for the ridge path see cauchy.ridge"
        raise DomainError(f"l1_ratio must be in (0, 1], got {shown(l1_ratio)}", fix=fix)
    if not tol > 0 or not max_iter >= 1:
        raise DomainError(f"tol must be > 0 and max_iter >= 1, got {shown(tol)} and {shown(max_iter)}")
    problem = design(X, y, weights, intercept=fit_intercept)
    total = float(len(y) if weights is None else weights.sum())
    c0 = problem.transpose(problem.b)
    if np.ndim(alphas) == 0:
        if isinstance(alphas, bool) or int(alphas) != alphas or alphas < 1 or not 0 < eps < 1:
            wanted = "alphas must be a count >= 1 or an array, and eps in (0, 1)"
            raise DomainError(f"{wanted}, got {shown(alphas)} and {shown(eps)}")
        top = float(np.max(c0 if positive else np.abs(c0), initial=0.0)) / (total * l1_ratio)
        ladder = np.geomspace(top, top * eps, int(alphas)) if top > 0 else np.full(int(alphas), EPS)
    else:
        ladder = np.sort(numbers("alphas", alphas))[::-1]
        if ladder.ndim != 1 or not len(ladder) or not (ladder > 0).all() or not np.isfinite(ladder).all():
            raise DomainError(
                "alphas must be positive and finite, in one dimension", fix="alpha = 0 is LinearRegression"
            )
    fits = [(total * a * l1_ratio, total * a * (1 - l1_ratio)) for a in ladder]
    w, intercepts, objectives, gaps, steps, _ = solve(problem, c0, fits, positive=positive, most=max_iter)
    zero = float(problem.b @ problem.b) / 2
    proved = all(negligible(gap, value, zero, tol) for gap, value in zip(gaps, objectives, strict=True))
    verdict = Verdict.PROVED if proved else Verdict.UNDECIDED
    return LassoPath(
        ladder, w, intercepts, objectives / total, gaps / total, steps, verdict=verdict,
        proof=Proof("duality", say("learn.linear_path_proof")) if verdict is Verdict.PROVED else None,
        cost={"solves": float(steps.sum()), "seconds": time.perf_counter() - begun},
    )  # fmt: skip


def solve(
    problem: Design,
    c0: np.ndarray,
    penalties: list[tuple[float, float]],
    *,
    positive: bool,
    most: int,
    start: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, list[tuple[float, int]]]:
    """(w (p, m), intercepts (m,), F, gap with rounding, steps (m,), trail) for pairs (l1, l2).

    Each starts from the solution before.
    The trail holds F and the number of active columns at every step.
    """
    p, m = len(c0), len(penalties)
    found, values, gaps, steps = np.zeros((p, m)), np.zeros(m), np.zeros(m), np.zeros(m, np.int64)
    solver = Solver(problem, c0, positive=positive, start=start)
    squares = float(problem.b @ problem.b)
    for k, (l1, l2) in enumerate(penalties):
        steps[k] = solver.minimize(l1, l2, most)
        w, c = solver.w, solver.c
        rest = max(squares - float(w @ (c0 + c)), 0.0)
        gap, hidden = duality_gap(w, c, rest, l1, l2, problem.slack(w), positive)
        found[:, k], gaps[k] = w, gap + hidden
        values[k] = rest / 2 + l2 / 2 * float(w @ w) + l1 * float(np.abs(w).sum())
    intercepts = np.atleast_1d(problem.intercept(found))
    excess = problem.excess(found, intercepts) / 2
    return found, intercepts, values + excess, gaps + excess, steps, solver.trail


def _data(X: Any, y: Any, weights: Any) -> tuple[Any, np.ndarray, np.ndarray | None]:
    if sparse.issparse(X):
        if X.dtype.kind not in "biuf":
            raise DomainError(f"X must be real numbers, got dtype {X.dtype}")
        X = sparse.csr_matrix(X, dtype=np.float64)
    else:
        X = numbers("X", X)
    y = numbers("y", y)
    if X.ndim != 2 or 0 in X.shape:
        raise ShapeError(f"X must be (samples, features), neither of them 0, got shape {X.shape}")
    if y.shape != X.shape[:1]:
        raise ShapeError(f"y must have shape {X.shape[:1]}, one value per row of X, got {y.shape}")
    entries = X.data if sparse.issparse(X) else X
    # a finite sum has finite terms, and is cheaper to see
    if not (np.isfinite(entries.sum()) or np.isfinite(entries).all()) or not np.isfinite(y).all():
        raise DomainError("X and y must be finite; there is a NaN or an infinity")
    if weights is not None:
        weights = numbers("sample_weight", weights)
        if weights.shape != y.shape:
            raise ShapeError(f"sample_weight must have shape {y.shape}, got {weights.shape}")
        if not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
            raise DomainError("sample_weight must be finite, not negative, and not all zero")
        weights = balanced(weights)[0]
    return X, y, weights
