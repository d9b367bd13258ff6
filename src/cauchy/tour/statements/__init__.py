"""The statements, one file per chapter."""

from . import (
    descent,
    duality,
    gradients,
    integrals,
    jacobians,
    margins,
    multipliers,
    networks,
    numbers,
    rates,
    shrinkage,
    systems,
    waiting,
)

__all__ = [
    "descent",
    "duality",
    "gradients",
    "integrals",
    "jacobians",
    "margins",
    "multipliers",
    "networks",
    "numbers",
    "rates",
    "shrinkage",
    "systems",
    "waiting",
]
