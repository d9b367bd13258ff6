"""`cauchy doctor`: what is installed, and whether the basics answer rightly here."""

from __future__ import annotations

import importlib.metadata
import platform
import sys

import numpy as np

from .calculus.differentiate import grad
from .messages import say

PACKAGES = {"numpy": True, "scipy": True, "sympy": True, "matplotlib": False}


def main(argv: list[str]) -> int:
    """Print a line per finding; exit code 1 if something needed is missing or wrong."""
    if argv:
        print(say("doctor.usage"))
        return 0 if argv[0] in ("-h", "--help") else 2
    print(f"Python {platform.python_version()} ({platform.machine()}, {sys.platform})")
    healthy = True
    for name, needed in PACKAGES.items():
        try:
            print(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            healthy &= not needed
            print(say("doctor.missing" if needed else "doctor.optional", name=name))
    slope = grad(lambda v: v[0] ** 2 + v[1] ** 3)(np.array([2.0, 3.0]))
    right = slope.tolist() == [4.0, 27.0]
    print(say("doctor.right" if right else "doctor.wrong", slope=slope.tolist()))
    return 0 if healthy and right else 1
