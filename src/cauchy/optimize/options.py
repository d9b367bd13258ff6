"""Options of the solvers: what they may be, the names that other libraries give them, the callback."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..errors import CauchyError, DomainError
from .methods.drive import Seen
from .problem import Problem
from .result import Optimum, Run
from .status import Status

NAMED_OTHERWISE = {  # what other libraries call it
    "constraints": "subject_to=..., which takes SciPy's constraints",
    "maxiter": "max_iterations=...",
    "options": "max_iterations=..., tol=... and the settings of the method, by keyword",
    "lr": "rate=...",
    "learning_rate": "rate=...",
    "bounds": "cauchy.minimize(lambda x: 0.5 * np.sum(residual(x) ** 2), x0, bounds=...)",
    "jac": "leave it out: derivatives come from the trace of the function",
    "loss": "put the loss into the function, or minimize it with cauchy.minimize",
}


def unfit(front: str, given: dict[str, Any]) -> None:
    """Raise for an option under another library's name, with the name that it has here."""
    for name in given.keys() & NAMED_OTHERWISE.keys():
        raise CauchyError(f"{front} has no option {name!r}", fix=NAMED_OTHERWISE[name])


def chosen_settings(
    name: str, defaults: Any, tol: float | None, given: Mapping[str, Any], positive: bool = False
) -> Any:
    """The settings of a method with what was given for this run. positive: none of them may be 0."""
    for key, value in (given if tol is None else {"tol": tol, **given}).items():
        if key not in defaults._fields:
            raise CauchyError(f"{name} has no setting {key!r}", fix=f"it has {', '.join(defaults._fields)}")
        number = isinstance(value, (int, float, np.number))
        if not number or not math.isfinite(value) or value < 0 or (positive and value == 0):
            raise DomainError(f"{key}={value!r}; wanted a number {'>' if positive else '>='} 0")
        if key == "rate" and value == 0:
            raise DomainError(
                "rate=0: no step would ever be taken", fix="a positive rate; 2 over the curvature bounds it"
            )
        defaults = defaults._replace(**{key: float(value)})
    return defaults


def whole(limit: Any, name: str = "max_iterations") -> int:
    """A number of iterations, checked."""
    if isinstance(limit, bool) or not isinstance(limit, (int, np.integer)) or limit < 0:
        raise DomainError(f"{name}={limit!r}; wanted a whole number, 0 or more")
    return int(limit)


def heard(callback: Callable[..., Any], p: Problem, sign: float) -> Callable[..., Any]:
    """The callback as SciPy calls it, with x or with an intermediate result."""
    if not callable(callback):
        raise CauchyError(f"callback={callback!r} is no function", fix="a function of x")
    try:
        wants = set(inspect.signature(callback).parameters) == {"intermediate_result"}
    except (TypeError, ValueError):  # a builtin without a signature takes x
        wants = False

    def tell(seen: Seen) -> Any:
        if not wants:
            return callback(p.wrap(np.array(seen.x)))
        run = Run(np.array(seen.x), float(seen.f), seen.g, int(seen.k), int(seen.evals), Status.RUNNING, "", 0.0)
        return callback(intermediate_result=Optimum(p, run, sign))

    return tell
