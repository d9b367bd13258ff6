from .symbolic import symbolic
