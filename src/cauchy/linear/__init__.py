"""Linear algebra with an error bound: every answer says how far it can be trusted."""

from .cg import ConjugateGradients, cg
from .condition import Condition, condition
from .least_squares import LeastSquares, lstsq
from .precondition import Preconditioner, precondition
from .report import NotPositiveDefinite, RankError
from .ridge import Path, Ridge, ridge
from .solve import Solution, solve

__all__ = [
    "Condition",
    "ConjugateGradients",
    "LeastSquares",
    "NotPositiveDefinite",
    "Path",
    "Preconditioner",
    "RankError",
    "Ridge",
    "Solution",
    "cg",
    "condition",
    "lstsq",
    "precondition",
    "ridge",
    "solve",
]
