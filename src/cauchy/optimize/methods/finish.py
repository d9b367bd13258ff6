"""The last digits after a method that knows no second derivatives: Newton's method from where it ended."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import CauchyError
from ..problem import Problem
from ..status import Status
from .descent import small
from .drive import Seen
from .linesearch import EPS
from .quasi_newton import Settings

ROUNDS = 20
CLOSE = 1e-12  # steps, relative to max(|x|, 1), after which one more would be rounding
DENSE = 3000  # variables up to which a Hessian without zeros is factored


def finished(p: Problem, seen: Seen, sparse: bool) -> tuple[Seen, Status]:
    """The end of Newton's method without constraints; converged if the gradient is as small as promised.

    sparse: by sparse factors of the Hessian, without a look at constraints; else as `polish` does.
    """
    if sparse:
        x = _newton(p, np.array(seen.x))
    else:
        from ..certificate.polish import polish

        x, _ = polish(p, seen.x)
    f, g = p.value_and_gradient(x)
    status = Status.CONVERGED if small(f, g, x, Settings().tol) else Status.STALLED
    return seen._replace(x=x, f=f, g=g), status


def _newton(p: Problem, x: Any) -> Any:
    """Newton steps as long as they make the scaled gradient smaller and f no larger than rounding explains."""
    f, g = p.value_and_gradient(x)
    for _ in range(ROUNDS):
        step = _step(p, x, g)
        if step is None:
            break
        f_new, g_new = p.value_and_gradient(x + step)
        scale = np.maximum(np.abs(x), 1.0)
        if not (np.max(np.abs(g_new) * scale) < np.max(np.abs(g) * scale) and f_new <= f + 100 * EPS * abs(f)):
            break
        x, f, g = x + step, f_new, g_new
        if np.max(np.abs(step) / scale) <= CLOSE:
            break
    return x


def _step(p: Problem, x: Any, g: Any) -> Any:
    """-H^-1 g; None where H is singular, not finite, too large or cannot be had."""
    from scipy.sparse.linalg import splu

    try:
        H = p.sparse_hessian(x)
        if H.nnz > 0.1 * p.n**2:
            return -np.linalg.solve(H.toarray(), g) if p.n <= DENSE else None
        step = -splu(H.tocsc()).solve(np.asarray(g))
    except (CauchyError, RuntimeError, np.linalg.LinAlgError, MemoryError):
        return None
    return step if np.all(np.isfinite(step)) else None
