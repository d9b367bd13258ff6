"""What the graph is worth in floating point: every primitive means the NumPy or SciPy function it is named after.

The bits are theirs. Contract of a rule: `rule(*values, **params) -> value` (a tuple for several outputs).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import Refused
from ...graph import Graph, Rules, interpret
from . import control, elementary, index, linalg, reduce, shape, special

value = Rules("value", "evaluate")
for family in (control, elementary, index, linalg, reduce, shape, special):
    value.update(family.rules)


@Graph.reading
def run(graph: Graph, *inputs: Any) -> Any:
    """Evaluate a graph at other inputs; raises `Refused` where a guard comes out otherwise than traced.

    Returns one NumPy value, or a tuple for several outputs.
    """
    env = interpret(value, graph, inputs)
    for g in graph.guards:
        if not agrees(env[g.node], g.outcome):
            raise Refused(
                "evaluate",
                graph.name,
                f"the graph was traced where %{graph.number()[g.node]} == {g.outcome}; here it is {env[g.node]}",
                where=g.site,
                fix="trace the function again at these inputs",
            )
    out = tuple(env[n] for n in graph.outputs)
    return out[0] if len(out) == 1 else out


def agrees(got: Any, outcome: Any) -> bool:
    """Whether a guarded value came out as recorded (arrays entry by entry)."""
    return bool(np.array_equal(got, outcome))
