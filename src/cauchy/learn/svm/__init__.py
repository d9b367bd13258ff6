"""Support vector machines that know how good they are: every fit has a duality gap from feasible points."""

from __future__ import annotations

from .binary import NotSeparable
from .estimators import SVC, LinearSVC
from .explain import Explanation, Readings, readings
from .margin import Margin, maximum_margin

__all__ = [
    "SVC",
    "Explanation",
    "LinearSVC",
    "Margin",
    "NotSeparable",
    "Readings",
    "maximum_margin",
    "readings",
]
