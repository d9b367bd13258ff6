"""Is this candidate a minimum? The Karush-Kuhn-Tucker conditions and curvature, from the candidate alone.

Order of questions: is everything defined and differentiable there; is it feasible; are there multipliers of the right
signs that make the Lagrangian stationary; how does it curve along the directions that the constraints leave free; and
how far would Newton's method still move. What is measured relative to what stands in `kkt.py`.

References: W. Karush (1939); F. John (1948); H. Kuhn, A. Tucker (1951); J. Nocedal, S. Wright, "Numerical
Optimization" (2006), chapter 12; D. Gromoll, W. Meyer (1969) for the splitting lemma.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ...errors import CauchyError, ShapeError
from ..problem import Problem, asked_about, problem
from .judge import Judge
from .kkt import Vector
from .record import Certificate, Kind
from .subgradients import known

__all__ = ["Certificate", "Kind", "candidate", "certify", "certify_optimum"]


def certify(problem: Problem, x: Any, *, multipliers: Any = None, tol: float = 1e-9) -> Certificate:
    """The certificate of x for a problem in standard form; see `certify_optimum`, which takes functions too."""
    started = time.perf_counter()
    with np.errstate(all="ignore"):
        found = Judge(problem, candidate(problem, x), multipliers, tol).answer()
    found.cost["seconds"] = time.perf_counter() - started  # type: ignore[index] - a dict, made for this
    return found


def certify_optimum(
    f: Callable[..., Any] | Problem,
    x: Any,
    *,
    args: tuple[Any, ...] = (),
    bounds: Any = None,
    subject_to: Any = (),
    jac: Any = None,
    hess: Any = None,
    multipliers: Any = None,
    tol: float = 1e-9,
    globally: bool = False,
) -> Certificate:
    """What x is for the problem: minimize f(x) where `bounds` and `subject_to` hold. Whatever solver found it.

    f: a function, or a `Problem`. x: an array, a number or tree of them as f takes, or a result with an `x` (SciPy's
    OptimizeResult, ours). bounds, subject_to: as `cauchy.minimize` takes them. multipliers: a pair (constraints,
    bounds) or the constraints' alone, to be judged; by default they are computed. tol: relative, see `Certificate`.
    globally: ask too whether the problem is convex (`cauchy.convexity`), so that a certified x is a global minimum.

    Guarantee: an estimate, not a proof (for that: `prove_optimum`). A candidate off by more than the tolerance is not
    certified unless the problem hides it below rounding; `estimates["rounding"]` tells how far that may move the
    optimum. Raises `ShapeError`, `DomainError` for bad input; a candidate that holds NaN is "undefined".

    >>> import cauchy
    >>> inside = (lambda x: x[0] + x[1], 1, 1)
    >>> c = cauchy.certify_optimum(lambda x: x[0] ** 2 + x[1] ** 2, [0.5, 0.5], subject_to=inside)
    >>> c.certified, c.kind, c.constraints
    (True, 'minimum', array([-1.]))
    >>> cauchy.certify_optimum(lambda x: x**3 - 2 * x**2 + 1, 0.0).kind
    'maximum'
    """
    if isinstance(f, Problem):
        p = asked_about("certify_optimum", f, None, args, bounds, subject_to)
    else:
        start = _finite(x.x if hasattr(x, "x") else x)
        p = problem(f, start, args=args, bounds=bounds, subject_to=subject_to, jac=jac, hess=hess)
    c = certify(p, x, multipliers=multipliers, tol=tol)
    return replace(c, scope="global") if globally and c.certified and known(p)[0] else c


def _finite(x: Any) -> Any:
    """A start of the same structure, for a candidate that holds NaN."""
    try:
        a = np.asarray(x, dtype=np.float64)
    except (TypeError, ValueError):
        return x  # a tree; what it holds is checked later
    if a.ndim == 0:
        return float(a) if np.isfinite(a) else 0.0
    return x if np.isfinite(a).all() else np.where(np.isfinite(a), a, 0.0)


def candidate(problem: Problem, x: Any) -> Vector:
    """x as the problem's flat vector."""
    x = x.x if hasattr(x, "x") else x
    if type(x) is np.ndarray and x.dtype == np.float64 and x.shape == (problem.n,):
        return x
    try:
        flat = problem.shape.flat(x, "x")
        if np.iscomplexobj(flat) or flat.dtype.kind not in "fiu":
            raise ShapeError(f"x has dtype {flat.dtype}; wanted real numbers")
        return np.array(flat, dtype=np.float64)
    except ValueError as e:
        if isinstance(e, CauchyError):
            raise
        raise ShapeError(f"x does not fit the problem: {e}", fix=f"wanted {problem.n} numbers") from None
