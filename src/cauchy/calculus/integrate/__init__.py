"""Integrals: running sums, definite integrals, areas, volumes, antiderivatives, and how the last two meet."""

from .integral import Integral, integrate
__all__ = ["Integral", "integrate"]
