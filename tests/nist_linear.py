"""The linear sets of NIST's Statistical Reference Datasets: design matrix as fractions, and certified values."""

import math
import re
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent / "data" / "nist_linear"
NAMES = sorted(path.stem for path in FOLDER.glob("*.dat"))


class Problem(NamedTuple):
    rows: list[list[Fraction]]
    y: list[Fraction]
    estimates: list[Fraction]
    deviations: list[Fraction]
    deviation: Fraction


def read(name: str) -> Problem:
    lines = (FOLDER / f"{name}.dat").read_text("ascii").splitlines()
    head = "\n".join(lines[:60])
    first, last = map(int, re.search(r"Data\s+\(lines (\d+) to (\d+)\)", head).groups())
    certified = [m.groups() for m in re.finditer(r"^ +B\d+ +(\S+) +(\S+) *$", head, re.MULTILINE)]
    table = [[Fraction(v) for v in line.split()] for line in lines[first - 1 : last]]
    if "(x**2)" in head:
        rows = [[x**k for k in range(len(certified))] for _, x in table]
    else:
        rows = [[Fraction(1)] * bool(re.search(r"y += +B0", head)) + xs for _, *xs in table]
    assert all(len(row) == len(certified) for row in rows)
    return Problem(
        rows,
        [y for y, *_ in table],
        [Fraction(e) for e, _ in certified],
        [Fraction(d) for _, d in certified],
        Fraction(re.search(r"Residual\s+Standard Deviation +(\S+)", head)[1]),
    )


def digits(x: float, certified: Fraction) -> float:
    """Digits on which x and the certified value agree, 15 at most (so many are certified)."""
    off = abs(Fraction(float(x)) - certified)
    return 15.0 if off == 0 else min(15.0, max(0.0, -math.log10(off / abs(certified) if certified else off)))
