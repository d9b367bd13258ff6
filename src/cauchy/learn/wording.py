"""How messages show values."""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, Context, Decimal

import numpy as np


def shown(value: object) -> str:
    """`repr`, with NumPy's numbers and strings as Python writes its own, wherever in the value they are.

    >>> shown((np.float64(2.5), np.str_("a")))
    "(2.5, 'a')"
    """
    with np.printoptions(legacy="1.25"):
        return repr(value)


def at_most(bound: float, figures: int = 2) -> str:
    """A bound in that many figures, rounded up: what is printed is a bound too.

    >>> at_most(7.8429e-17), at_most(0.25)
    ('7.9e-17', '0.25')
    """
    if not math.isfinite(bound):
        return repr(float(bound))
    return f"{Context(prec=figures, rounding=ROUND_CEILING).create_decimal(Decimal(float(bound))):.{figures}g}"
