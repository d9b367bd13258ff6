"""How messages show values."""

from __future__ import annotations

import numpy as np


def shown(value: object) -> str:
    """`repr`, with NumPy's numbers and strings as Python writes its own, wherever in the value they are.

    >>> shown((np.float64(2.5), np.str_("a")))
    "(2.5, 'a')"
    """
    with np.printoptions(legacy="1.25"):
        return repr(value)
