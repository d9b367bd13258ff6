"""Words of linear algebra for solvers that are run by NumPy, traced and compiled alike.

On arrays they compute at once; on traced values they are recorded, whether or not the code that calls them is one whose
names mean something else while it is traced.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops as P
from ..graph import Primitive
from ..read.value import value
from ..tracer import is_traced


def _apply(p: Primitive, *args: Any, **how: Any) -> Any:
    return p(*args, **how) if any(map(is_traced, args)) else value[p](*map(np.asarray, args), **how)


def cholesky_or_nan(a: Any) -> Any:
    """The lower Cholesky factor of a symmetric matrix, or of each of a stack (..., n, n); all NaN where there is none.

    Reads the lower triangle. A matrix that is not positive definite to working precision, or not finite, has a factor
    of NaN alone: one look at `low[..., 0, 0]` says whether it is. Nothing is raised but for wrong shapes.

    >>> import numpy as np
    >>> from cauchy.calculus.factor import cholesky_or_nan
    >>> cholesky_or_nan(np.array([[4.0, 0.0], [2.0, 2.0]]))
    array([[2., 0.],
           [1., 1.]])
    >>> cholesky_or_nan(np.array([[1.0, 2.0], [2.0, 1.0]]))
    array([[nan, nan],
           [nan, nan]])
    """
    return _apply(P.cholesky_or_nan, a)


def solve_triangular(a: Any, b: Any, *, lower: bool = True, trans: bool = False, unit_diagonal: bool = False) -> Any:
    """x with a x = b, or a' x = b if `trans`; only the named triangle of a (n, n) is read. b is (n,) or (n, m).

    NaN of `a` or `b` reach the result; a zero on the diagonal raises `np.linalg.LinAlgError`.
    """
    return _apply(P.solve_triangular, a, b, lower=lower, trans=trans, unit_diagonal=unit_diagonal)


def solve_factored(low: Any, b: Any) -> Any:
    """x with low low' x = b, for a lower Cholesky factor: NaN alone where the factor is.

    >>> import numpy as np
    >>> from cauchy.calculus.factor import cholesky_or_nan, solve_factored
    >>> solve_factored(cholesky_or_nan(np.array([[4.0, 2.0], [2.0, 2.0]])), np.array([6.0, 4.0]))
    array([1., 1.])
    """
    return solve_triangular(low, solve_triangular(low, b), trans=True)
