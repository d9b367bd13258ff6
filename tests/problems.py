"""The optimization problems in tests/data/optimization, as NumPy functions with their reference optima."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cauchy.optimize.problem import Problem, Row

DATA = Path(__file__).parent / "data" / "optimization"


@dataclass(frozen=True)
class Case:
    """A problem of the collections: minimize f, lower <= x <= upper, cl <= c(x) <= cu (c is None without constraints).

    x, lam, z, value: the reference optimum, rounded from 30 digits. `reference`: all that is known about it.
    """

    name: str
    n: int
    m: int
    f: Callable[[Any], Any]
    c: Callable[[Any], Any] | None
    x0: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    cl: np.ndarray
    cu: np.ndarray
    x: np.ndarray
    lam: np.ndarray
    z: np.ndarray
    value: float
    reference: dict[str, Any]

    @functools.cached_property
    def problem(self) -> Problem:
        rows = () if self.c is None else (Row(self.c, self.cl, self.cu),)
        return Problem(self.f, self.x0, lower=self.lower, upper=self.upper, rows=rows)

    @property
    def regular(self) -> bool:
        """Whether the multipliers are unique and none that belongs to an active constraint is 0."""
        return self.reference["licq"] and self.reference["strict"]


def _function(let: list[str], result: str) -> Callable[[Any], Any]:
    lines = ["def function(x):", *(f"    {line}" for line in let), f"    return {result}"]
    names: dict[str, Any] = {"np": np}
    exec("\n".join(lines), names)
    return names["function"]


def _numbers(values: list[Any], none: float = np.nan) -> np.ndarray:
    return np.array([none if v is None else float(v) for v in values], dtype=float)


def _case(p: dict[str, Any]) -> Case:
    r = p["reference"]
    c = _function(p["let"], f"np.array([{', '.join(p['c'])}])") if p["m"] else None
    return Case(
        name=p["name"], n=p["n"], m=p["m"], f=_function(p["let"], p["f"]), c=c, x0=_numbers(p["x0"]),
        lower=_numbers(p["xl"], -np.inf), upper=_numbers(p["xu"], np.inf), cl=_numbers(p["cl"], -np.inf),
        cu=_numbers(p["cu"], np.inf), x=_numbers(r["x"]), lam=_numbers(r["lam"]), z=_numbers(r["z"]),
        value=float(r["f"]), reference=r,
    )  # fmt: skip


@functools.cache
def _collection(name: str) -> dict[str, Case]:
    return {p["name"]: _case(p) for p in json.loads((DATA / f"{name}.json").read_text("utf-8"))}


def hock_schittkowski() -> dict[str, Case]:
    """Constrained problems by name, "HS1" and so on."""
    return _collection("hock_schittkowski")


def more_garbow_hillstrom() -> dict[str, Case]:
    """Unconstrained problems by name, "ROSENBR" and so on."""
    return _collection("more_garbow_hillstrom")
