"""Elementwise: the examples are one more axis to broadcast over."""

from .vocabulary import P, elementwise

elementwise(*(p for p in P.ALL if p.family == "elementary"))
