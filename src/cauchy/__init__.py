"""Calculus for machine learning in which every answer is fast and checked.

A plain NumPy function is traced once into a graph and read in many ways: value, derivative, formula, drawing, check.
Start with `grad`, `check`, `explain`; `docs/design.md` tells how the parts fit.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .calculus.compile import compile, derivative, grad, hessian, jacobian, value_and_grad
from .calculus.differentiate import custom_derivative, hvp, jvp, stop_gradient, vjp
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
from .tracer import load, trace

if TYPE_CHECKING:
    from .calculus.audit import derivative_of
    from .calculus.check import check
    from .calculus.control import cond, loop, scan
    from .calculus.difference import difference, step_study
    from .calculus.explain import equivalent, explain
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
    from .calculus.vectorize import vmap
    from .linear import cg, condition, lstsq, precondition, ridge, solve
    from .optimize.certificate import certify_optimum
    from .optimize.certificate.prove import prove_optimum
    from .optimize.convexity import convexity
    from .optimize.duality import dual
    from .optimize.duality.slater import slater
    from .optimize.lagrange import lagrange
    from .optimize.lagrange.sensitivity import sensitivity
    from .optimize.least_squares import least_squares
    from .optimize.minimize import maximize, minimize
    from .optimize.problem import Problem, problem
    from .optimize.quadratic import quadratic

__version__ = "0.1.0"

__all__ = [
    "CauchyError",
    "DomainError",
    "Graph",
    "InternalError",
    "NoRule",
    "NotProved",
    "ParseError",
    "Problem",
    "Proof",
    "Refused",
    "ShapeError",
    "TraceError",
    "Variable",
    "Verdict",
    "antiderivative",
    "area",
    "certify_optimum",
    "cg",
    "check",
    "compile",
    "cond",
    "condition",
    "convexity",
    "custom_derivative",
    "derivative",
    "derivative_of",
    "difference",
    "differentiate",
    "draw",
    "dual",
    "equivalent",
    "explain",
    "fundamental_defect",
    "grad",
    "hessian",
    "hvp",
    "integrate",
    "jacobian",
    "jvp",
    "lagrange",
    "least_squares",
    "load",
    "loop",
    "lstsq",
    "maximize",
    "minimize",
    "parse",
    "precondition",
    "problem",
    "prove_optimum",
    "quadratic",
    "ridge",
    "running_sum",
    "scan",
    "sensitivity",
    "slater",
    "solve",
    "step_study",
    "stop_gradient",
    "trace",
    "value_and_grad",
    "vjp",
    "vmap",
    "volume_of_revolution",
]

# Rooms that a first derivative does not need load when they are first asked for (PEP 562), and so do some readings.
Graph.rooms |= {"draw": "draw", "latex": "notation", "sympy": "notation", "text": "notation"}
_ROOMS = {
    "calculus.audit": ("derivative_of",),
    "calculus.check": ("check",),
    "calculus.control": ("cond", "loop", "scan"),
    "calculus.difference": ("difference", "step_study"),
    "calculus.explain": ("equivalent", "explain"),
    "calculus.expression": ("parse",),
    "calculus.integrate": (
        "antiderivative",
        "area",
        "fundamental_defect",
        "integrate",
        "running_sum",
        "volume_of_revolution",
    ),
    "calculus.kink": ("differentiate",),
    "calculus.picture": ("draw",),
    "calculus.variable": ("Variable",),
    "calculus.vectorize": ("vmap",),
    "linear": ("cg", "condition", "lstsq", "precondition", "ridge", "solve"),
    "optimize.certificate": ("certify_optimum",),
    "optimize.convexity": ("convexity",),
    "optimize.duality": ("dual",),
    "optimize.lagrange": ("lagrange",),
    "optimize.least_squares": ("least_squares",),
    "optimize.minimize": ("maximize", "minimize"),
    "optimize.problem": ("Problem", "problem"),
    "optimize.certificate.prove": ("prove_optimum",),
    "optimize.quadratic": ("quadratic",),
    "optimize.lagrange.sensitivity": ("sensitivity",),
    "optimize.duality.slater": ("slater",),
}
_PACKAGES = ("learn", "linear", "optimize")  # scikit-learn is loaded with cauchy.learn
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return importlib.import_module(f"cauchy.{name}")
    if name not in _ROOM_OF:
        raise AttributeError(f"module 'cauchy' has no attribute {name!r}")
    found = getattr(importlib.import_module(f"cauchy.{_ROOM_OF[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return [*__all__, "__doc__", "__version__"]
