"""What went wrong in a refuted claim: the catalogue of `cauchy.check`, asked with the points compared here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...errors import CauchyError
from ...graph import Graph
from ...tracer import trace
from ..check.causes import explain, reasons
from .evidence import Bench, Path, Unusable, call

POINTS = 10


def cause(
    bench: Bench, path: Path, samples: Sequence[tuple[float, ...]], factor: float | None, sizes: Mapping[str, int]
) -> dict[str, Any]:
    """The entries `cause`, `likely`, `details` of a report.

    `samples` are (x, claimed, true, error, value), for claims where one input moves one output.
    """
    named = {f"len({label})": n for label, n in sizes.items()}
    distinct = list({s[0]: s for s in samples if all(np.isfinite(s))}.values())
    rows = [distinct[round(i)] for i in np.linspace(0, len(distinct) - 1, min(POINTS, len(distinct)))]
    found = None
    if len(rows) >= 3:
        points, claimed, true, error, values = np.array(rows).T
        graphs = _graphs(bench, path, points)
        found = explain(claimed, true, points, error=error, values=values, sizes=named, graphs=graphs)
    if found is not None:
        return {"cause": found.name, "likely": list(found.likely), "details": dict(found.fields)}
    if factor is None:
        return {}
    size = next((f"{label} = {n}" for label, n in named.items() if n > 1 and _multiple(abs(factor), n)), "")
    likely = [name for name in reasons(factor, named) if name != "sign"]
    name = "sign" if abs(factor + 1) < 1e-6 else "factor"
    return {"cause": name, "likely": likely, "details": {"factor": f"{factor:.7g}", "size": size}}


def _multiple(factor: float, n: int) -> bool:
    return any(abs(factor / t - 1) < 1e-6 for t in (n, 2 * n, 1 / n, 2 / n))


def _graphs(bench: Bench, path: Path, points: np.ndarray) -> list[Graph]:
    """The function as graphs in one real variable, if it can be traced so."""
    others = {k: v for k, v in bench.at.arguments.items() if k != path[1]}
    if path[0] != "argument" or len(path) != 2 or bench.base is not None or any(np.ndim(v) for v in others.values()):
        return []

    def f(x: Any) -> Any:
        return call(bench.function(bench.pair.value_name, bench.pair.value, bench.at.owner), others | {path[1]: x})

    try:
        graphs = [trace(f, float(p)) for p in points]
    except (CauchyError, Unusable):
        return []
    return graphs if all(len(g.outputs) == 1 and g.outputs[0].shape == () for g in graphs) else []
