"""What a graph means for many examples at once: every primitive with one more axis, in front.

`replay` gives some nodes a value for each example and reads what depends on them again. What does not
depend on them is there already, once for all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ... import ops as P
from ...errors import TraceError
from ...graph import Guard, Node, reachable
from ...tracer.context import guard, on_behalf_of
from . import control, elementary, index, linalg, reduce, shape, special
from .basis import Basis, selections
from .vocabulary import batch, operand

__all__ = ["Basis", "batch", "control", "elementary", "index", "linalg", "reduce", "replay", "shape", "special"]


def replay(outputs: Sequence[Node], entries: Mapping[Node, Any], guards: Sequence[Guard] = ()) -> list[Any]:
    """The outputs for all examples, the examples along the first axis; None for what does not depend on `entries`.

    `entries`: for each node that varies its values (a traced array, or a `Basis`). `guards`: the decisions that
    were taken on the way; they must come out the same for every example.
    """
    env: dict[Node, Any] = dict(entries)
    roots = [*outputs, *(g.node for g in guards)]
    with np.errstate(all="ignore"):
        for n in reachable(roots, after=min(n.index for n in entries) - 1):
            if n not in env and any(a in env for a in n.args):
                with on_behalf_of(n.site):
                    env[n] = _read(n, env)
        for g in guards:
            _same_for_all(g, env.get(g.node))
    return [_dense(env.get(n)) for n in outputs]


def _dense(x: Any) -> Any:
    return x.dense if isinstance(x, Basis) else x


def _read(n: Node, env: dict[Node, Any]) -> Any:
    many = tuple(a in env for a in n.args)
    args = [env[a] if a in env else operand(a) for a in n.args]
    if any(isinstance(a, Basis) for a in args):
        found = selections[n.prim](many, *args, **n.params) if n.prim in selections else None
        if found is not None:
            return found
        args = [_dense(a) for a in args]
    return batch.rule(n)(many, *args, **n.params)


def _same_for_all(g: Guard, values: Any) -> None:
    with on_behalf_of(g.site):
        if values is None:  # no example has a say in it
            guard(g.node, g.outcome)
            return
        agreed = P.all(P.equal(_dense(values), g.outcome), axis=None, keepdims=False)
        if not agreed.value:
            raise TraceError(
                "a Python decision (an `if`, a loop, an index or a mask) comes out differently for different examples",
                where=g.site,
                why="the function runs once, so all examples take the path of the first one",
                fix="np.where(condition, a, b) or cauchy.cond decides for each example; for table[i] pass the table as"
                " an argument that all examples share (in_axes=None); or loop over the examples",
            )
        guard(agreed.node, True)
