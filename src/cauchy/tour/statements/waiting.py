"""Statements whose capability comes later."""

from ..statement import later

later(["S60", "S62", "S63", "S65", "S74"])
