"""Integrals: running sums, definite integrals, areas, volumes, antiderivatives, and how the last two meet."""

from .antiderivative import Antiderivative, antiderivative
from .area import Area, area, volume_of_revolution
from .fundamental import FundamentalDefect, fundamental_defect
from .integral import Integral, integrate
from .sums import RunningSum, running_sum

__all__ = [
    "Antiderivative",
    "Area",
    "FundamentalDefect",
    "Integral",
    "RunningSum",
    "antiderivative",
    "area",
    "fundamental_defect",
    "integrate",
    "running_sum",
    "volume_of_revolution",
]
