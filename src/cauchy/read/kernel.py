"""What runs a graph again and again: the contract of compiled code, and the value reading under it.

A backend is a function `compile_graph(graph) -> Kernel`. A kernel takes the leaves of the arguments in the order of
`graph.inputs`, with the dtypes and shapes of the trace, and reads captured arrays (`node.origin`) from their
present memory. Any number of threads may run it at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from ..graph import CONST, Graph
from .value import agrees
from .value import value as VALUE


class Kernel(Protocol):
    """`run(leaves)` is `(status, outputs)`. Status 0: `outputs` are fresh arrays or NumPy scalars, shared with nothing.
    Status k > 0: the guard `graph.guards[k - 1]` came out otherwise than traced. -1: NumPy raises an error here.

    A leaf is an ndarray of any layout, a NumPy scalar, or a Python float (which does not promote).
    `explain()` tells what became of the nodes.
    """

    def run(self, leaves: Sequence[Any]) -> tuple[int, list[Any]]: ...

    def explain(self) -> str: ...


class ValueKernel:
    """The graph run by NumPy, node by node; each guard is looked at as soon as its value is known."""

    def __init__(self, graph: Graph) -> None:
        at = graph.number()
        self.inputs = [at[n] for n in graph.inputs]
        self.outputs = [at[n] for n in graph.outputs]
        self.start: list[Any] = [None] * len(at)
        self.captured: list[tuple[int, np.ndarray]] = []
        guards: dict[int, list[tuple[int, Any]]] = {}
        for k, g in enumerate(graph.guards):
            guards.setdefault(at[g.node], []).append((k + 1, g.outcome))
        self.steps: list[tuple[int, Any, tuple[int, ...], dict[str, Any], list[tuple[int, Any]]]] = []
        for n, i in at.items():
            rule = None
            if n.prim is CONST:
                self.start[i] = n.value
                if n.origin is not None:
                    self.captured.append((i, n.origin))
            elif n not in graph.inputs:
                rule = VALUE.rule(n)
            if rule is not None or i in guards:
                self.steps.append((i, rule, tuple(at[a] for a in n.args), dict(n.params), guards.get(i, [])))

    def run(self, leaves: Sequence[Any]) -> tuple[int, list[Any]]:
        env = self.start.copy()
        for i, x in zip(self.inputs, leaves, strict=True):
            env[i] = x
        for i, x in self.captured:
            env[i] = x
        for i, rule, args, params, guards in self.steps:
            if rule is not None:
                env[i] = rule(*[env[a] for a in args], **params)
            for k, outcome in guards:
                if not agrees(env[i], outcome):
                    return k, []
        return 0, [fresh(env[i]) for i in self.outputs]

    def explain(self) -> str:
        return f"{len(self.steps)} operations, by the value reading (NumPy)"


def fresh(x: Any) -> Any:
    """A value to give away: nobody else holds its memory, and an array without axes is a scalar."""
    return np.array(x)[()] if isinstance(x, np.ndarray) else x


def value_backend(graph: Graph) -> Kernel:
    return ValueKernel(graph)
