"""Statements whose capability comes later: training, constrained optimization, conditioning, models, the course."""

from ..statement import later

later(f"S{n:02d}" for n in [*range(39, 47), *range(51, 60), *range(83, 92)])
later(f"S{n}" for n in [*range(101, 108), *range(120, 124)])
later(["S60", "S62", "S63", "S64", "S65", "S74"])
