"""Statements whose capability comes later: training, constrained optimization, conditioning, models, the course."""

from ..statement import later

later(f"S{n:02d}" for n in [*range(39, 47), *range(51, 60), *range(83, 92)])
later(["S120", "S121"])
later(["S60", "S62", "S63", "S64", "S65", "S74"])
