"""The statements, one file per chapter."""

from . import descent, gradients, integrals, jacobians, numbers, rates, systems, waiting

__all__ = ["descent", "gradients", "integrals", "jacobians", "numbers", "rates", "systems", "waiting"]
