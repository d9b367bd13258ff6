"""Calculus for machine learning in which every answer is fast and checked."""

from .read import notation  # the readings make themselves methods of Graph
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
from .calculus.kink import differentiate
from .calculus.variable import Variable
from .errors import CauchyError, DomainError, InternalError, NoRule, NotProved, ParseError, Refused, ShapeError, TraceError
from .graph import Graph
from .proof import Proof, Verdict
from .trace import load, trace

__version__ = "0.1.0"
