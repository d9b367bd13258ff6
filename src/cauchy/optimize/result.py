"""What an optimization returns: the point, and what is known about it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..messages import say
from ..proof import Proof, Result, Verdict
from .status import Status

if TYPE_CHECKING:
    from .certificate import Certificate
    from .problem import Problem

SCIPY = ("x", "fun", "success", "status", "message", "nit", "nfev", "njev", "jac")


@dataclass(frozen=True)
class Multipliers:
    """`constraints`: shape (m,), one for each row of c; `bounds`: shape (n,), one for each entry of x.

    The convention: grad f + J' constraints + bounds = 0; >= 0 where an upper side is active, <= 0 where a lower one is.
    `cones`: one array in each second-order cone of `quadratic`, whose term is -C'v; () for all else.
    """

    constraints: np.ndarray
    bounds: np.ndarray
    cones: tuple[np.ndarray, ...] = ()


@dataclass(frozen=True)
class Path:
    """Every iterate: `x` of shape (iterations + 1, n), flat, and `fun` of shape (iterations + 1,)."""

    x: np.ndarray
    fun: np.ndarray
    method: str
    f: Any  # of flat vectors; for the contours of the picture

    def __len__(self) -> int:
        return len(self.fun)

    def plot(self, *, lang: str | None = None) -> Any:
        """A matplotlib Figure: the way over f (one variable), over its contours (two), else how f came to its end.

        `Optimum.plot` draws the constraints and their multipliers too.
        """
        from .picture import path_figure

        return path_figure(self, lang)


@dataclass(slots=True)  # not frozen: that would cost microseconds of a solve
class Run:
    """What a solver hands over: nothing in it is trusted by the certificate but x."""

    x: np.ndarray  # flat
    f: float
    g: np.ndarray | None
    iterations: int
    evaluations: int
    status: Status
    method: str
    tol: float
    path: Path | None = None
    constraints: np.ndarray | None = None  # the solver's multipliers
    bounds: np.ndarray | None = None
    details: Mapping[str, Any] | None = None


class Optimum(Result):
    """The result of `minimize` and its sisters.

    x: in the structure of x0. fun: f(x). status, success, message, nit, nfev, njev, jac: as SciPy names them, also by
    `result["x"]`; `success` means that the solver converged *and* the certificate does not refute the point.
    certificate: the KKT conditions at x, computed from x alone when first asked for. multipliers: those of the
    certificate, see `Multipliers` for the signs. verdict, proof: the certificate's. trace: every iterate, if asked for.
    """

    problem: Problem
    run: Run

    def __init__(self, problem: Problem, run: Run, sign: float = 1.0) -> None:
        fill = cast(dict[str, Any], self.__dict__)
        fill["problem"], fill["run"], fill["_sign"] = problem, run, sign

    # -- the answer ----------------------------------------------------------------------------------------------

    @functools.cached_property
    def x(self) -> Any:
        return self.problem.shape.wrap(self.run.x)

    @property
    def _value(self) -> float:
        return self.__dict__["_sign"] * self.run.f

    @property
    def fun(self) -> Any:
        return self._value

    @property
    def trace(self) -> Path | None:
        return self.run.path

    @functools.cached_property
    def certificate(self) -> Certificate:
        from .certificate import certify

        return certify(self.problem, self.run.x)

    @functools.cached_property
    def multipliers(self) -> Multipliers:
        c = self.certificate
        return Multipliers(c.constraints, c.bounds)

    @property
    def verdict(self) -> Verdict:  # type: ignore[override] - computed when asked for, not stored
        return self.certificate.verdict

    @property
    def proof(self) -> Proof | None:  # type: ignore[override]
        return self.certificate.proof

    @functools.cached_property
    def estimates(self) -> Mapping[str, Any]:  # type: ignore[override]
        found = {"scaled_gradient": self._gradient()} if self.problem.m == 0 else {}
        return {**found, **(self.run.details or {})}

    @property
    def cost(self) -> Mapping[str, float]:  # type: ignore[override]
        return {"iterations": self.run.iterations, "evaluations": self.run.evaluations}

    # -- SciPy's names -------------------------------------------------------------------------------------------

    @property
    def status(self) -> Status:
        return self.run.status

    @property
    def success(self) -> bool:
        return self.run.status == Status.CONVERGED and self.certificate.verdict is not Verdict.REFUTED

    @property
    def message(self) -> str:
        """How the run ended, and why `success` is False where it converged all the same."""
        doubt = self.run.status == Status.CONVERGED and not self.success
        return "\n".join([self.describe("en"), *(self.certificate.text("en").splitlines()[:1] if doubt else [])])

    @property
    def nit(self) -> int:
        return self.run.iterations

    @property
    def nfev(self) -> int:
        return self.run.evaluations

    njev = nfev

    @functools.cached_property
    def jac(self) -> np.ndarray:
        """The gradient of f at x, flat, shape (n,)."""
        g = self.run.g
        return self.__dict__["_sign"] * np.asarray(self.problem.gradient(self.run.x) if g is None else g)

    def __getitem__(self, name: str) -> Any:
        if name not in SCIPY:
            raise KeyError(name)
        return getattr(self, name)

    def keys(self) -> tuple[str, ...]:
        return SCIPY

    # -- in words ------------------------------------------------------------------------------------------------

    def _gradient(self) -> float:
        x, g = self.run.x, self.jac
        return float(np.max(np.abs(g) * np.maximum(np.abs(x), 1.0)) / max(abs(self.run.f), 1.0))

    def describe(self, lang: str | None = None) -> str:
        """How the run ended, in one sentence."""
        run, p = self.run, self.problem
        key = f"status_{run.status.name.lower()}"
        fields: dict[str, Any] = {"k": run.iterations, "tol": run.tol, "f": self._value, "x": self._short()}
        if run.status in (Status.LIMIT, Status.STALLED):
            fields["gradient"] = self._gradient()
        if run.status is Status.CONVERGED and not p.free:
            key += "_constrained"
        if run.status is Status.DIVERGED:
            fields["f0"] = self.__dict__["_sign"] * float(p.value(p.x0))
        fields |= dict(run.details or {})
        if run.status is Status.DIVERGED and "rate" in fields:
            curvature = self._curvature()
            if curvature > 0 and 2 / curvature <= fields["rate"]:
                key += "_rate"
                fields |= {"curvature": curvature, "limit": 2 / curvature}
        return say(f"optimize.{key}", lang, **fields)

    def _curvature(self) -> float:
        """The largest eigenvalue of the Hessian at the start, for problems of moderate size."""
        if self.problem.n > 500:
            return 0.0
        H = np.asarray(self.problem.hessian(self.problem.x0))
        return float(np.linalg.eigvalsh(H)[-1]) if np.all(np.isfinite(H)) else 0.0

    def _short(self) -> str:
        return np.array2string(np.asarray(self.run.x), precision=8, threshold=8, edgeitems=3)

    def text(self, lang: str | None = None) -> str:
        """The answer, how the run ended, and what the certificate says."""
        told = self.certificate.text(lang)
        if self.run.status not in (Status.CONVERGED, Status.STALLED, Status.LIMIT):
            told = told.splitlines()[0]  # the rest would describe a place where nothing ends
        lines = [
            say("optimize.result_line", lang, fun=self._value, x=self._short()),
            self.describe(lang),
            say("optimize.result_cost", lang, method=self.run.method, nit=self.nit, nfev=self.nfev),
            *([say("optimize.result_maximized", lang)] if self.__dict__["_sign"] < 0 else []),
            told,
        ]
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<Optimum {self.run.status.name}: fun={self._value:.10g}, x={self._short()}>"

    def _repr_html_(self) -> str:
        import html

        return f"<pre>{html.escape(self.text())}</pre>"

    def plot(self, *, lang: str | None = None) -> Any:
        """A matplotlib Figure; the iterates in it need `trace=True`, which only two variables can do without.

        One variable: f and the iterates on it. Two: contours of f, gray where a constraint is violated, and at the
        result the gradients of f and of the active constraints times their multipliers, which add up to 0 at a
        minimum. More: by iteration, how far f was from its last value, and the largest violation of a constraint.
        """
        from ..errors import CauchyError
        from .picture import certificate_figure, path_figure

        if self.run.path is not None:
            return path_figure(self.run.path, lang, self)
        if self.problem.n == 2:
            return certificate_figure(self.certificate, lang, self.__dict__["_sign"])
        raise CauchyError("there is no trace to draw", fix="minimize(..., trace=True)")
