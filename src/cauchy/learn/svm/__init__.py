"""Support vector machines that know how good they are: every fit has a duality gap from feasible points.

`SVC` and `LinearSVC` need scikit-learn, and load it when they are asked for; `maximum_margin` and `readings` do not.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .binary import NotSeparable
from .margin import Margin, maximum_margin

if TYPE_CHECKING:
    from .estimators import SVC, LinearSVC
    from .explain import Explanation, Readings, readings

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

_ROOM_OF = {
    "Explanation": "explain",
    "LinearSVC": "estimators",
    "Readings": "explain",
    "SVC": "estimators",
    "readings": "explain",
}


def __getattr__(name: str) -> Any:
    if name not in _ROOM_OF:
        raise AttributeError(f"module 'cauchy.learn.svm' has no attribute {name!r}")
    found = getattr(importlib.import_module(f"{__name__}.{_ROOM_OF[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return [*__all__, "__doc__"]
