"""Statements whose capability comes later: training, constrained optimization, models, the course."""

from ..statement import later

later(f"S{n:02d}" for n in [*range(39, 47), *range(51, 60), *range(83, 92)])
later(f"S{n}" for n in [*range(100, 108), *range(109, 114), *range(118, 124)])
later(["S60", "S62", "S63", "S64", "S65", "S74"])
