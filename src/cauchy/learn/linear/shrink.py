"""What a penalty does to one number: the proximal maps of |w| and of w²/2."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import DomainError
from ..wording import shown


def soft_threshold(a: Any, amount: Any) -> Any:
    """argmin over w of (w - a)²/2 + amount |w|: towards zero by `amount`, and exactly zero within it.

    Elementwise, with broadcasting; float64. Exact up to one rounding; zeros are exact. NaN gives NaN. Raises
    `DomainError` where `amount` is negative (the minimum would not be unique).

    Reference: Donoho and Johnstone 1994.

    >>> soft_threshold([3.0, 0.5, -3.0], 1.0)
    array([ 2.,  0., -2.])
    """
    a, amount = (numbers(name, v) for name, v in (("a", a), ("amount", amount)))
    if (amount < 0).any():
        raise DomainError(f"amount must not be negative, got {shown(amount.min())}")
    return np.where(np.abs(a) <= amount, 0.0, a - np.copysign(amount, a))[()]


def shrink(a: Any, amount: Any) -> Any:
    """argmin over w of (w - a)²/2 + amount w²/2 = a / (1 + amount): smaller, but zero only where `a` is.

    Elementwise, with broadcasting; float64. Raises `DomainError` where amount <= -1 (there is no minimum).

    >>> shrink(3.0, 1.0)
    np.float64(1.5)
    """
    a, amount = (numbers(name, v) for name, v in (("a", a), ("amount", amount)))
    if (amount <= -1).any():
        raise DomainError(f"amount must be > -1, got {shown(amount.min())}")
    return (a / (1.0 + amount))[()]


def numbers(name: str, value: Any) -> np.ndarray:
    """The value as a float64 array (itself, if it is one); what is not real numbers is refused by name."""
    found = np.asarray(value)
    if found.dtype.kind not in "biuf":
        raise DomainError(f"{name} must be real numbers, got dtype {found.dtype}")
    return found.astype(np.float64, copy=False)
