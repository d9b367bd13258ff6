"""Calculus for machine learning in which every answer is fast and checked.

A plain NumPy function is traced once into a graph and read in many ways: value, derivative, formula, drawing, check.
Start with `grad`, `check`, `explain`; `docs/design.md` tells how the parts fit.
"""

from .calculus.audit import derivative_of
from .calculus.check import check
from .calculus.difference import difference, step_study
from .calculus.differentiate import (
    custom_derivative,
    derivative,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    stop_gradient,
    value_and_grad,
    vjp,
)
from .calculus.explain import explain
from .calculus.expression import parse
from .calculus.integrate import (
    antiderivative,
    area,
    fundamental_defect,
    integrate,
    running_sum,
    volume_of_revolution,
)
from .calculus.kink import differentiate
from .calculus.picture import draw
from .calculus.variable import Variable
from .errors import (
    CauchyError,
    DomainError,
    InternalError,
    NoRule,
    NotProved,
    ParseError,
    Refused,
    ShapeError,
    TraceError,
)
from .graph import Graph
from .proof import Proof, Verdict
from .read import notation as _notation  # makes graph.latex(), graph.text() and graph.sympy()
from .trace import load, trace

__version__ = "0.1.0"

__all__ = [
    "CauchyError",
    "DomainError",
    "Graph",
    "InternalError",
    "NoRule",
    "NotProved",
    "ParseError",
    "Proof",
    "Refused",
    "ShapeError",
    "TraceError",
    "Variable",
    "Verdict",
    "antiderivative",
    "area",
    "check",
    "custom_derivative",
    "derivative",
    "derivative_of",
    "difference",
    "differentiate",
    "draw",
    "explain",
    "fundamental_defect",
    "grad",
    "hessian",
    "hvp",
    "integrate",
    "jacobian",
    "jvp",
    "load",
    "parse",
    "running_sum",
    "step_study",
    "stop_gradient",
    "trace",
    "value_and_grad",
    "vjp",
    "volume_of_revolution",
]
