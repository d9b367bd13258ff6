"""The statements, one file per chapter."""

from . import gradients, integrals, jacobians, numbers, rates, waiting

__all__ = ["gradients", "integrals", "jacobians", "numbers", "rates", "waiting"]
