"""Tikhonov's regularized least squares, with the path of its solutions."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import linalg as sl

from .. import figure
from ..errors import DomainError, ShapeError
from ..messages import say
from . import rational
from .data import Proof as ProofKind
from .data import along, exponents, matrix, proof_kind, rational_sides, rationals, sides, times_power, vector
from .least_squares import answer, backward, exact_fields, exact_gram, scaled
from .report import Answer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STEPS = 81  # of the path


@dataclass(frozen=True)
class Path:
    """Solutions along lambda, from the singular value decomposition (estimates, to about the condition times 1e-16).

    `lam` rising, shape (k,); `x` (k, n), or (k, n, q) for b of shape (m, q), where all norms are Frobenius's; `norm`
    |x| (falls); `residual` |A x - b| (rises); `dof` the effective degrees of freedom, sum s^2/(s^2 + lam); `gcv` the
    criterion of generalized cross-validation m |A x - b|^2/(m - dof)^2 (Golub, Heath, Wahba 1979).
    """

    lam: np.ndarray
    x: np.ndarray
    norm: np.ndarray
    residual: np.ndarray
    dof: np.ndarray
    gcv: np.ndarray

    @property
    def best(self) -> float:
        """The lambda of the path with the least cross-validation error."""
        return float(self.lam[int(np.argmin(self.gcv))])


@dataclass(frozen=True)
class Ridge(Answer):
    """The x that makes |A x - b|^2 + lam |x|^2 smallest; see `Answer` for the fields.

    `condition`: of A'A + lam I, (s_1^2 + lam)/(s_n^2 + lam); `singular_values` of A; `dof`: effective degrees of
    freedom; `path`: what other lambda give. `backward_error` is that of the least-squares problem with sqrt(lam) I
    under A.
    """

    lam: float
    dof: float
    singular_values: np.ndarray
    path: Path = field(repr=False)

    def text(self, lang: str | None = None) -> str:
        more = say(
            "linear.ridge", lang, lam=f"{self.lam:g}", norm=f"{np.linalg.norm(self.x):.6g}",
            residual=f"{np.linalg.norm(self.residual):.6g}", dof=f"{self.dof:.4g}",
        )  # fmt: skip
        inside = self.path.lam[0] < self.path.best < self.path.lam[-1]
        best = say("linear.best", lang, best=f"{self.path.best:.2g}") if inside else None
        return self.told(lang, "", more, best, say("linear.fractions", lang) if self.exact else None)

    def plot(self, *, lang: str | None = None) -> Figure:
        """The L-curve |x| against |A x - b|, and the first 12 entries of x, along lambda. Needs matplotlib."""
        from matplotlib.ticker import LogLocator

        p, size, misfit = self.path, float(np.linalg.norm(self.x)), float(np.linalg.norm(self.residual))
        with figure.style():
            made, (left, right) = figure.new(1, 2, size=(10.0, 4.8))
            left.loglog(p.residual, p.norm)
            left.loglog(misfit, size, "o", color=figure.RED)
            left.annotate(f"λ = {self.lam:g}", (misfit, size), textcoords="offset points", xytext=(8, 4))
            for axis in (left.xaxis, left.yaxis):
                axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=8))
                axis.set_major_formatter("{x:g}")
                axis.set_minor_formatter("")
            left.set(xlabel="‖Ax - b‖", ylabel="‖x‖", title=say("linear.l_curve", lang))
            x = p.x.reshape(len(p.lam), -1)
            for i in range(min(x.shape[1], 12)):
                right.semilogx(p.lam, x[:, i], ("-", "--", "-.", ":")[i % 4], label=f"x[{i}]")
            right.axvline(p.best, color=figure.GRAY, linewidth=1.2, linestyle=":",
                          label=say("linear.best", lang, best=f"{p.best:.2g}"))  # fmt: skip
            if self.lam > 0:
                right.axvline(self.lam, color=figure.RED, linewidth=1.2, label=f"λ = {self.lam:g}")
            right.set(xlabel="λ", ylabel="x", title=say("linear.entries", lang))
            made.suptitle(self._known(lang), fontsize=11)
            made.legend(loc="outside lower center", ncols=4, fontsize=9)
        return made


def ridge(
    A: Any, b: Any, lam: float | str | Decimal | Fraction, *, lams: Any = None, proof: ProofKind = "auto"
) -> Ridge:
    """The x that makes |A x - b|^2 + lam |x|^2 smallest, lam > 0: the answer for any rank, with a proven error bound.

    A of shape (m, n), b (m,) or, for several problems with one lam, (m, k). The same x makes (1/2)|A x - b|^2 +
    (lam/2)|x|^2 smallest. There is no mean over the rows and no unpenalized column. `lams`: the lambda of `path`, 81
    over the range of the squared singular values by default. `proof` is that of `lstsq`; with "exact" lam may be a
    text or a Fraction.

    Guarantee: verdict PROVED: |x - truth| <= `forward_bound`, entry by entry; the path is an estimate. Raises
    `DomainError` for lam <= 0 (lstsq is lam = 0), and as `lstsq` does.

    Reference: Tikhonov 1963; Hoerl, Kennard 1970; Hansen 1992 (the L-curve).

    >>> r = ridge([[1.0, 0.0], [0.0, 1e-3]], [1.0, 1.0], 1e-4)
    >>> round(float(np.linalg.norm(r.x)), 8), round(r.condition, 2), r.verdict.value
    (9.95135192, 9901.98, 'proved')
    """
    begun = time.perf_counter()
    if proof_kind(proof) == "exact":
        return _exactly(A, b, lam, lams, begun)
    a = matrix(A)
    rhs = sides(b, len(a))
    weight = _positive(lam)
    p = scaled(a, rhs, weight)
    found = answer(a, p, proof, begun)
    change = backward(p, found.scaled_x, found.scaled_residual)
    path, s = _path(a, rhs, lams)
    fields = found.fields | _spectral(s, weight, a.shape[1])
    return Ridge(backward_error=change, lam=weight, path=path, **fields)


def _positive(lam: Any) -> float:
    value = np.asarray(lam)
    if value.shape != () or value.dtype.kind not in "fiu":
        raise ShapeError(f"lam: wanted a number, got {lam!r}")
    if not 0 < value < np.inf:
        raise DomainError(f"lam: wanted a number above 0, got {lam!r}", fix="lam = 0 is lstsq(A, b)")
    return float(value)


def _spectral(s: np.ndarray, lam: float, columns: int) -> dict[str, Any]:
    power = int(exponents(s))
    with np.errstate(over="ignore", under="ignore"):
        squares, weight = np.ldexp(s, -power) ** 2, float(np.ldexp(lam, -2 * power))
    least = float(squares[-1]) if len(s) == columns else 0.0
    with np.errstate(divide="ignore", over="ignore"):
        condition = float(np.divide(squares[0] + weight, least + weight))
        dof = float(np.sum(squares / (squares + weight)))
    return {"singular_values": s, "condition": condition, "dof": dof}


def _path(a: np.ndarray, b: np.ndarray, lams: Any) -> tuple[Path, np.ndarray]:
    power = int(exponents(a))
    small, _ = times_power(a, -power)
    u, s, vt = sl.svd(small, full_matrices=False)
    if lams is None:
        low = max(float(s[-1]), 1e-10 * float(s[0]))
        grid = np.geomspace((low / 10 or 1e-300) ** 2, (10 * float(s[0]) or 1.0) ** 2, _STEPS)
        with np.errstate(over="ignore", under="ignore"):
            outer = np.ldexp(grid, 2 * power)
    else:
        outer = np.sort(vector(lams, np.size(lams), "lams"))
        if (outer <= 0).any():
            raise DomainError(f"lams: wanted numbers above 0, got {outer[0]!r}")
        grid = np.ldexp(outer, -2 * power)
    side = (u.T @ b).reshape(len(s), -1)
    outside = float(np.sum((b - u @ (u.T @ b)) ** 2))
    filters = s**2 / (s**2 + grid[:, None])
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        weights = (s / (s**2 + grid[:, None]))[:, :, None] * side
        x = np.ldexp(vt.T @ weights, -power)
        residual = np.sqrt(outside + np.sum(((1 - filters)[:, :, None] * side) ** 2, axis=(1, 2)))
        dof = filters.sum(axis=1)
        gcv = len(b) * residual**2 / (len(b) - dof) ** 2
        norm = np.sqrt(np.sum(x * x, axis=(1, 2)))
        path = Path(outer, x.reshape(len(grid), -1, *b.shape[1:]), norm, residual, dof, gcv)
        return path, np.ldexp(s, power)


def _exactly(A: Any, b: Any, lam: Any, lams: Any, begun: float) -> Ridge:
    a = rationals(A, "A", 2)
    rhs = rational_sides(b, len(a))
    weight = rationals([lam], "lam", 1)[0]
    if weight <= 0:
        raise DomainError(f"lam: wanted a number above 0, got {lam!r}", fix='lam = 0 is lstsq(A, b, proof="exact")')
    g = exact_gram(a, rhs, weight)
    fields = exact_fields(g, begun, "A'(b - A x) = lam x over the rational numbers")
    near, side = rational.rounded(a), rational.rounded(rhs)
    path, s = _path(near, side, lams)
    spectral = _spectral(s, float(weight), a.shape[1])
    p = scaled(near, side, float(weight))
    with np.errstate(over="ignore"):
        change = backward(p, np.ldexp(g.x, -along(p.column, g.x) - p.power), np.ldexp(g.residual, -p.power))
    return Ridge(backward_error=change, lam=float(weight), path=path, **fields, **spectral)
