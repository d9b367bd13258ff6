"""`draw(f, x)`: the computation graph of a function, with the value and the sensitivity of every node."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..graph import CONST, Graph, Node
from ..read.derive import differentiable, pull
from ..read.draw import LIMIT, Drawing
from ..tracer import recording, trace, wrap
from ..tracer.context import constant


def adjoints(graph: Graph, limit: int = LIMIT) -> dict[Node, Any]:
    """The derivative of the one scalar output with respect to each of the last `limit` nodes, where it was traced.

    Nodes on which the output does not depend smoothly, and constants, are left out; so is everything
    if the output is not one floating-point number.
    """
    if len(graph.outputs) != 1 or graph.outputs[0].shape != () or not differentiable(graph.outputs[0]):
        return {}
    (out,) = graph.outputs
    found = {}
    with recording():
        seed = wrap(constant(out.dtype.type(1)))
        for n in {*graph.nodes[-limit:], *graph.inputs}:
            if n.prim is not CONST and n.prim.outputs == 1 and differentiable(n):
                # one pass for each node: a pass stops at the nodes it differentiates with respect to
                (bar,) = pull({out: seed}, [n])
                if bar is not None:
                    found[n] = np.asarray(bar.value)[()]
    return found


def draw(f: Callable[..., Any] | Graph, *args: Any, path: str | Path | None = None, limit: int = LIMIT) -> Drawing:
    """Trace `f` at `args` and draw its graph: beside each edge the value, below it the sensitivity of the result to it.

    Sensitivities (adjoints, marked ∂) are there if the result is one number. `path` saves the picture as SVG.
    A traced `Graph` may stand for f.

    Raises `TraceError` for what cannot be traced.

    >>> from cauchy.calculus.picture import draw
    >>> def y(a, b):
    ...     return (a + b) * (b + 1)
    >>> d = draw(y, 2.0, 1.0)
    >>> d
    Drawing(7 boxes, 7 edges)
    >>> "∂ 5" in d.svg
    True
    """
    graph = f if isinstance(f, Graph) else trace(f, *args)
    return graph.draw(adjoints=adjoints(graph, limit), path=path, limit=limit)
