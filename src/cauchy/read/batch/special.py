"""Elementwise, as the elementary functions."""

from .vocabulary import P, elementwise

elementwise(*(p for p in P.ALL if p.family == "special"))
