"""The statements, one file per chapter."""

from . import gradients, jacobians, numbers, rates, waiting

__all__ = ["gradients", "jacobians", "numbers", "rates", "waiting"]
