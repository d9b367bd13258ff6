"""Conjugate gradients with a preconditioner: the iterations beside their bound, and the residual recomputed.

References: Hestenes, Stiefel 1952; the bound 2 ((sqrt k - 1)/(sqrt k + 1))^i in the energy norm: Kaniel 1966, Daniel
1967; Saad 2003, Iterative Methods for Sparse Linear Systems.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import linalg as sl
from scipy import sparse

from .. import figure
from ..errors import DomainError, ShapeError
from ..messages import say
from ..proof import Proof, Verdict
from .data import matrix, numbers, symmetric, times_power, vector
from .factor import LAPACK, short
from .report import NotPositiveDefinite, Told, entries, quadratic_form
from .solve import unscaled
from .twice import UNIT, residual, up

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXACT_FORM = 200_000  # entries of A up to which p'Ap <= 0 is shown with whole numbers
SPECTRUM = 500  # rows up to which the spectrum is computed

Apply = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class ConjugateGradients(Told):
    """x with A x about b, and the run that led there.

    `residual` b - A x, recomputed at the end; `relative_residual` its length over that of b, `drift` how far the
    residual that the recurrence carried is from it (over |b|); `history`: the recurrence's |r_i|/|b|, one more than
    `iterations`; `condition` of M^-1 A: from its spectrum, or estimated from the run (Lanczos), as `condition_by`
    says; `energy`: |x_i - x|_A / |x_0 - x|_A, as the run lets it be computed; `bound`: what theory allows it,
    2 ((sqrt k - 1)/(sqrt k + 1))^i; `most` the iterations that this bound allows for the reduction asked for.
    PROVED: |b - A x| <= tol |b| with every rounding bounded (dense A).
    """

    x: np.ndarray
    residual: np.ndarray
    relative_residual: float
    converged: bool
    iterations: int
    history: np.ndarray
    energy: np.ndarray
    bound: np.ndarray
    condition: float
    condition_by: str
    most: int
    drift: float
    tol: float = field(repr=False)

    def text(self, lang: str | None = None) -> str:
        head = say(
            "linear.cg_converged" if self.converged else "linear.cg_stopped", lang,
            iterations=self.iterations, residual=f"{self.relative_residual:.2e}", tol=f"{self.tol:.0e}",
        )  # fmt: skip
        theory = say(f"linear.cg_{self.condition_by}", lang, condition=f"{self.condition:.4g}", most=self.most)
        drift = say("linear.cg_drift", lang, drift=f"{self.drift:.1e}")
        x = f"x = {entries(self.x)}" if self.converged else ""
        return "\n  ".join(s for s in (head, x, theory, drift) if s)

    def plot(self, *, lang: str | None = None) -> Figure:
        """The energy error and the residual by iteration, beside the bound. Needs matplotlib."""
        with figure.style():
            made, ax = figure.new()
            k = np.arange(len(self.history))
            floor = lambda v: np.maximum(v, 1e-17)  # an exact 0 stands at the bottom
            name = say("linear.theory", lang, condition=f"{self.condition:.3g}")
            ax.semilogy(k, np.minimum(self.bound, 2.0), "--", color=figure.ORANGE, label=name)
            ax.semilogy(k, floor(self.history), color=figure.GRAY, linewidth=1.0, label=say("linear.history", lang))
            ax.semilogy(k, floor(self.energy), color=figure.BLUE, label=say("linear.energy", lang))
            verdict, residual = say(f"verdict.{self.verdict.value}", lang), f"{self.relative_residual:.2g}"
            title = say("linear.cg", lang, iterations=self.iterations, residual=residual, verdict=verdict)
            ax.set(xlabel=say("linear.iteration", lang), title=title)
            ax.xaxis.get_major_locator().set_params(integer=True)
            ax.legend()
        return made


def cg(
    A: Any,
    b: Any,
    *,
    M: Any = None,
    x0: Any = None,
    tol: float = 1e-10,
    max_iterations: int | None = None,
) -> ConjugateGradients:
    """Solve A x = b for a symmetric positive definite A by preconditioned conjugate gradients.

    A: array (n, n), sparse array, `scipy.sparse.linalg.LinearOperator`, or a callable v -> A v. M: the result of
    `precondition`, or a callable r -> M^-1 r, symmetric positive definite; x0 the first x (0). The run ends when the
    residual, recomputed, is at most tol |b|, or after `max_iterations` (default 10 n + 100), or where rounding lets
    it fall no further.

    Guarantee: verdict PROVED: |b - A x| <= tol |b| (dense A: the residual is computed in twice the precision). For
    sparse A and operators it is recomputed in working precision: undecided. Raises `NotPositiveDefinite` with a
    vector p, p'Ap <= 0, where a direction shows that A (or M) is not positive definite; `ShapeError` and
    `DomainError` for unfit data. A run that does not converge says so: `converged` is False.

    >>> run = cg([[4.0, 1.0], [1.0, 3.0]], [1.0, 2.0])
    >>> run.iterations, run.x.round(12).tolist(), run.verdict.value
    (2, [0.090909090909, 0.636363636364], 'proved')
    """
    begun = time.perf_counter()
    rhs = numbers(b, "b", 1)
    n = len(rhs)
    apply, known = operator(A, n)
    solve = preconditioner(M, n)
    limit = _count(max_iterations, 10 * n + 100)
    if not (isinstance(tol, (int, float)) and 0 < tol < 1):
        raise DomainError(f"tol: wanted a number between 0 and 1, got {tol!r}")
    power = int(np.frexp(np.abs(rhs).max())[1]) if rhs.any() else 0
    side = np.ldexp(rhs, -power)
    start = np.zeros(n) if x0 is None else times_power(vector(x0, n, "x0"), -power)[0]
    run = _run(apply, solve, side, start, tol, limit, known)
    size = float(np.linalg.norm(side)) or 1.0
    true, slack = _true_residual(apply, known, run.x, side)
    relative = float(np.linalg.norm(true)) / size
    x, whole = unscaled(run.x, np.zeros(n, int), power)
    proved = (
        whole
        and slack is not None
        and float(up(np.linalg.norm(np.abs(true) + slack)) * (1 + 4 * UNIT)) <= tol * size * (1 - (n + 4) * UNIT)
    )
    if relative > tol:
        _definite(known)
    condition, by = _condition(known, solve, run)
    ratio = (np.sqrt(condition) - 1) / (np.sqrt(condition) + 1) if np.isfinite(condition) else 1.0
    k = np.arange(len(run.history))
    most = 0 if ratio <= 0 else int(np.ceil(np.log(2 / tol) / -np.log(ratio))) if ratio < 1 else limit
    return ConjugateGradients(
        x=x,
        residual=times_power(true, power)[0],
        relative_residual=relative,
        converged=relative <= tol,
        iterations=len(run.history) - 1,
        history=np.array(run.history) / size,
        energy=run.energy(),
        bound=2 * ratio**k,
        condition=condition,
        condition_by=by,
        most=max(most, 1),
        drift=float(np.linalg.norm(true - run.r)) / size,
        tol=tol,
        verdict=Verdict.PROVED if proved else Verdict.UNDECIDED,
        proof=Proof("residual", "|b - A x| <= tol |b|", ("b - A x in twice the precision",)) if proved else None,
        estimates={"condition": condition} if by != "spectrum" else {},
        cost={"seconds": time.perf_counter() - begun, "products": run.products},
    )


def _count(value: int | None, default: int) -> int:
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise DomainError(f"max_iterations: wanted a whole number above 0, got {value!r}")
    return int(value)


def operator(A: Any, n: int | None = None) -> tuple[Apply, Any]:
    """(v -> A v, A itself as a dense or CSR array if it is one)."""
    if sparse.issparse(A):
        a: Any = sparse.csr_array(A).astype(np.float64)
        numbers(a.data if a.nnz else np.zeros(1), "A", 1)
        _square(a.shape, n)
        off = abs(a - a.T)
        if off.nnz and off.max() > 2.0**-48 * abs(a).max():
            raise DomainError("A: is not symmetric", fix="(A + A.T)/2 is, if that is what is meant")
        return lambda v: a @ v, a
    if hasattr(A, "matvec"):
        _square(A.shape, n)
        return _checked(A.matvec, "A"), None
    if callable(A):
        return _checked(A, "A"), None
    dense = symmetric(matrix(A, square=True))
    _square(dense.shape, n)
    return lambda v: dense @ v, dense


def _square(shape: tuple[int, ...], n: int | None) -> None:
    if shape[0] != shape[1] or shape[0] != (n or shape[0]):
        raise ShapeError(f"A: wanted a square matrix{f' of {n} rows, as b has' if n else ''}, got shape {shape}")


def _checked(f: Callable[[np.ndarray], Any], name: str) -> Apply:
    def apply(v: np.ndarray) -> np.ndarray:
        out = np.asarray(f(v.copy()))
        if out.dtype.kind not in "fiu" or out.shape != v.shape:
            raise ShapeError(f"{name}: wanted {len(v)} real numbers back, got shape {out.shape}, dtype {out.dtype}")
        if not np.isfinite(out).all():
            raise DomainError(f"{name}: gave a value that is not finite, for v = {short(v)}")
        return out.astype(np.float64)

    return apply


def preconditioner(M: Any, n: int) -> Apply | None:
    if M is None:
        return None
    apply = getattr(M, "apply", None) or getattr(M, "matvec", None) or M
    if not callable(apply):
        raise ShapeError(
            f"M: wanted the result of precondition or a callable r -> M^-1 r, got {type(M).__name__}",
            fix="M=precondition(A)",
        )
    return _checked(apply, "M")


@dataclass
class _Run:
    x: np.ndarray
    r: np.ndarray
    history: list[float] = field(default_factory=list)
    steps: list[float] = field(default_factory=list)  # alpha
    gains: list[float] = field(default_factory=list)  # beta
    squares: list[float] = field(default_factory=list)  # alpha r'z: what a step takes off the squared energy error
    products: int = 0

    def energy(self) -> np.ndarray:
        """|x_i - x|_A from the steps to come (Hestenes, Stiefel 1952), over the first; the last is set to 0."""
        left = np.concatenate([np.cumsum(self.squares[::-1])[::-1], [0.0]])
        return np.sqrt(left / left[0]) if left[0] > 0 else np.zeros(len(left))

    def ritz(self) -> np.ndarray:
        """Values inside the spectrum of M^-1 A, the extreme ones near its ends (Lanczos's matrix of the run)."""
        a, g = np.array(self.steps), np.array(self.gains[: max(len(self.steps) - 1, 0)])
        if len(a) == 0:
            return np.ones(1)
        diagonal = 1 / a + np.concatenate([[0.0], g / a[:-1]])
        values: Any = sl.eigvalsh_tridiagonal(diagonal, np.sqrt(g) / a[:-1])
        return values


def _run(apply: Apply, solve: Apply | None, b: np.ndarray, x: np.ndarray, tol: float, limit: int, known: Any) -> _Run:
    size = float(np.linalg.norm(b))
    run = _Run(x.copy(), b - apply(x) if x.any() else b.copy(), products=int(x.any()))
    run.history.append(float(np.linalg.norm(run.r)))
    if size == 0:
        run.x = np.zeros_like(x)
        run.r = np.zeros_like(x)
        run.history = [0.0]
        return run
    p, rho = np.zeros_like(b), 0.0
    restarted = False
    while len(run.history) <= limit:
        if run.history[-1] <= 0.9 * tol * size or run.history[-1] == 0:
            true = b - apply(run.x)
            run.products += 1
            if float(np.linalg.norm(true)) <= tol * size or restarted:
                break
            restarted, run.r, rho = True, true, 0.0  # the recurrence drifted off: start again from here, once
        z = run.r if solve is None else solve(run.r)
        new = float(run.r @ z)
        if not new > 0:
            raise NotPositiveDefinite(
                f"M: is not positive definite: r'M^-1 r = {new:.3g} for r = {short(run.r)}",
                witness=run.r.copy(), form=new, proved=False, fix="conjugate gradients need a positive definite M",
            )  # fmt: skip
        gain = new / rho if rho else 0.0
        p, rho = z + gain * p, new
        image = apply(p)
        run.products += 1
        curvature = float(p @ image)
        if not curvature > 0:
            raise not_positive(known, p, curvature)
        if rho / curvature * np.abs(p).max() <= 2.0**-60 * np.abs(run.x).max():
            break  # steps no longer change x
        if run.steps:
            run.gains.append(gain)
        step = rho / curvature
        run.x, run.r = run.x + step * p, run.r - step * image
        run.steps.append(step)
        run.squares.append(step * rho)
        run.history.append(float(np.linalg.norm(run.r)))
        if not np.isfinite(run.history[-1]):
            raise DomainError("cg: the numbers overflow", fix="scale A to entries of about 1")
    return run


def not_positive(known: Any, p: np.ndarray, value: float) -> NotPositiveDefinite:
    """The error with its witness; the sign is shown with whole numbers where A is a matrix of moderate size."""
    p = p / np.abs(p).max()
    if known is not None and (known.nnz if sparse.issparse(known) else known.size) <= EXACT_FORM:
        form = quadratic_form(known, p)
        proved, value = form <= 0, float(form)
    else:
        proved = False
    if known is not None and not proved and value > 0:
        why = "p'Ap is above 0, and below its rounding error: A is singular or indefinite to working precision"
    else:
        why = "conjugate gradients minimize x'Ax/2 - b'x, which has no minimum"
    return NotPositiveDefinite(
        f"A: is not positive definite{'' if proved else ' to rounding'}: p'Ap = {value:.6g} for p = {short(p)}",
        witness=p, form=value, proved=proved, why=why,
        fix="solve(A, b) takes any square matrix, lstsq(A, b) any at all",
    )  # fmt: skip


def _true_residual(apply: Apply, known: Any, x: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    if isinstance(known, np.ndarray) and known.size <= 4_000_000 and x.any():
        powers = int(np.frexp(np.abs(known).max())[1]), int(np.frexp(np.abs(x).max())[1])
        (a, kept), (y, also) = times_power(known, -powers[0]), times_power(x, -powers[1])
        side, third = times_power(b, -sum(powers))
        r = residual(a, y, side)
        with np.errstate(over="ignore", under="ignore"):
            slack = np.ldexp(np.abs(r.low) + r.slack, sum(powers)) + 2.0**-1070
            return np.ldexp(r.high, sum(powers)), slack if kept and also and third else None
    return b - apply(x), None


def spectrum(known: Any, solve: Apply | None) -> np.ndarray | None:
    """The eigenvalues of M^-1 A, rising, for a matrix of moderate size: those of A restricted to M^-1's root."""
    if known is None or known.shape[0] > SPECTRUM:
        return None
    a = known.toarray() if sparse.issparse(known) else known
    if solve is None:
        return sl.eigvalsh(a)
    inverse = np.column_stack([solve(e) for e in np.eye(len(a))])
    inverse = (inverse + inverse.T) / 2
    factor, info = LAPACK.dpotrf(inverse, lower=1, clean=1)
    return None if info else sl.eigvalsh(factor.T @ a @ factor)


def _definite(known: Any) -> None:
    """Raise if a matrix of moderate size has a vector with v'Av <= 0, exactly: a run that stalled may be due to it."""
    if known is None or known.shape[0] > SPECTRUM:
        return
    least = sl.eigh(known.toarray() if sparse.issparse(known) else known, subset_by_index=[0, 0])[1][:, 0]
    error = not_positive(known, least, float(least @ (known @ least)))
    if error.proved:
        raise error


def _condition(known: Any, solve: Apply | None, run: _Run) -> tuple[float, str]:
    values, by = spectrum(known, solve), "spectrum"
    if values is None or values[0] <= 0:
        values, by = run.ritz(), "lanczos"
    return float(values[-1] / values[0]) if values[0] > 0 else np.inf, by
