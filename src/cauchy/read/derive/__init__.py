"""Derivatives, as graphs: one table of rules, two passes that fold over it.

`push` carries changes forwards through recorded nodes (jvp), `pull` carries sensitivities backwards (vjp).
Both record what they compute, so a derivative is a graph like any other and nests without limit. A
derivative is taken with respect to *nodes*: a fresh node has no other name, so nested derivatives
cannot confuse their variables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ... import ops as P
from ...graph import CONST, Node, reachable
from ...tracer.array import Array, as_array, wrap
from ...tracer.context import on_behalf_of, record
from . import control, elementary, index, linalg, reduce, shape, special
from .shape import unbroadcast
from .vocabulary import ZERO, Joint, Select, linearize, partials, transpose

__all__ = [
    "control",
    "elementary",
    "index",
    "linalg",
    "linearize",
    "partials",
    "pull",
    "push",
    "reduce",
    "shape",
    "special",
    "transpose",
]


def differentiable(n: Node) -> bool:
    """Whether a node's value can change continuously (a tuple counts if one of its parts can)."""
    return any(d.kind == "f" for d in n.dtype) if isinstance(n.dtype, tuple) else n.dtype.kind == "f"


def _operand(n: Node) -> Any:
    # a Python scalar stays one in a rule, so that `n == 2` is decided there and dtypes do not widen
    return n.value if n.prim is CONST and not isinstance(n.value, np.ndarray) else wrap(n)


def _fit(c: Any, n: Node) -> Array:
    """A contribution in the shape and dtype of the node it belongs to."""
    c = unbroadcast(c, n.shape)
    return c if c.dtype == n.dtype else P.astype(c, dtype=n.dtype)


def varying(wrt: Sequence[Node], outputs: Sequence[Node]) -> list[Node]:
    """The nodes through which a change of `wrt` can reach the outputs, in evaluation order, `wrt` included.

    Nodes older than all of `wrt` cannot be among them.
    """
    live = set(wrt)
    for n in reachable(outputs, after=min(w.index for w in wrt) - 1):
        if n not in live and differentiable(n) and any(a in live for a in n.args):
            live.add(n)
    return sorted(live, key=lambda n: n.index)


def _elementwise(n: Node, i: int, t: Any) -> Any:
    """The change of n (or, the map being diagonal, the sensitivity of argument i) that t brings, unfitted."""
    rules = partials.rule(n)
    rule = rules[i]
    if rule is ZERO:
        return None
    y, args = wrap(n), [_operand(a) for a in n.args]
    if isinstance(rule, Select):
        weighted = t if rule.weight is None else t * rule.weight(y, *args, **n.params)
        return np.where(rule.mask(y, *args, **n.params), weighted, 0.0)
    factor = rule(y, *args, **n.params)
    if type(factor) is float and abs(factor) == 1.0:  # not isinstance: a traced scalar says it is a float
        return t if factor > 0 else -t
    return t * factor


# -- forwards --------------------------------------------------------------------------------------


def push(outputs: Sequence[Node], tangents: Mapping[Node, Array]) -> list[Array | None]:
    """The change of each output when the nodes change by their tangents; None where nothing arrives."""
    dot: dict[Node, Any] = dict(tangents)
    if not dot:
        return [None] * len(outputs)
    with np.errstate(all="ignore"):
        for n in varying(list(tangents), outputs):
            if n not in dot:
                with on_behalf_of(n.site):
                    t = _push_node(n, [dot.get(a) for a in n.args])
                if t is not None:
                    dot[n] = t
    return [dot.get(n) for n in outputs]


def _push_node(n: Node, ts: list[Any]) -> Any:
    if all(t is None for t in ts):
        return None
    if n.prim is P.item:
        return ts[0][n.params["index"]]
    rolled = linearize.get(n.prim)
    if isinstance(rolled, control.Rolled):
        return rolled.push(n, ts)
    y, args = wrap(n), [_operand(a) for a in n.args]
    if n.prim is P.custom:
        return n.params["fn"].push(ts, y, args)
    if n.prim in partials:
        parts = [_elementwise(n, i, t) for i, t in enumerate(ts) if t is not None]
        return _sum_to([p for p in parts if p is not None], n)
    rule = linearize.rule(n)
    if isinstance(rule, Joint):
        return rule.rule(ts, y, *args, **n.params)
    parts = [rule[i](t, y, *args, **n.params) for i, t in enumerate(ts) if t is not None]
    if n.prim.outputs > 1:
        return tuple(_sum_to(list(p), None) for p in zip(*parts, strict=True)) if parts else None
    return _sum_to(parts, n)


def _sum_to(parts: list[Any], n: Node | None) -> Array | None:
    if not parts:
        return None
    total = parts[0]
    for p in parts[1:]:
        total = total + p
    if n is not None:
        if total.shape != n.shape:
            total = P.broadcast_to(total, shape=n.shape)
        if total.dtype != n.dtype:
            total = P.astype(total, dtype=n.dtype)
    return total


# -- backwards -------------------------------------------------------------------------------------


class _Sensitivity:
    """What arrives at a node: a sum of contributions, and where it is zero by selection, not by value.

    Behind `np.where(x > 0, np.log(x), 0)` nothing arrives at entries not selected. Multiplying that
    nothing by log'(0) = inf must give nothing, not 0 * inf = nan; so selections travel as masks.
    """

    __slots__ = ("mask", "total")

    def __init__(self, total: Any, mask: Any = None) -> None:
        self.total, self.mask = total, mask

    def add(self, other: _Sensitivity) -> None:
        self.mask = None if self.mask is None or other.mask is None else np.logical_or(self.mask, other.mask)
        self.total = self.total + other.total


def pull(outputs: Mapping[Node, Any], wrt: Sequence[Node]) -> list[Array | None]:
    """The sensitivity of sum <g, output> to each node of `wrt`; None where it does not depend on it."""
    if not wrt:
        return []
    bar: dict[Node, Any] = {}
    for n, g in outputs.items():
        _arrive(bar, n, _Sensitivity(g))
    live = varying(wrt, list(outputs))
    inside, targets = set(live), set(wrt)
    with np.errstate(all="ignore"):
        for n in reversed(live):
            if n not in bar or n in targets:
                continue
            arrived = bar.pop(n)
            with on_behalf_of(n.site):
                for i, s in _pull_node(n, arrived, inside):
                    a = n.args[i]
                    if n.prim is P.item:
                        parts = bar.setdefault(a, [None] * len(a.shape))
                        k = n.params["index"]
                        parts[k] = s.total if parts[k] is None else parts[k] + s.total
                    else:
                        _arrive(bar, a, s)
    return [bar[w].total if w in bar else None for w in wrt]


def _arrive(bar: dict[Node, Any], n: Node, s: _Sensitivity) -> None:
    if n in bar:
        bar[n].add(s)
    else:
        bar[n] = s


def _pull_node(n: Node, arrived: Any, inside: set[Node]) -> list[tuple[int, _Sensitivity]]:
    wanted = [i for i, a in enumerate(n.args) if a in inside]
    if n.prim is P.item:
        return [(0, arrived)]
    if n.prim in partials and n.prim is not P.custom:
        return [(i, s) for i in wanted if (s := _pull_elementwise(n, i, arrived)) is not None]
    rolled = linearize.get(n.prim)
    if isinstance(rolled, control.Rolled):
        return [(i, _Sensitivity(_fit(g, n.args[i]))) for i, g in rolled.pull(n, arrived, wanted).items()]
    y, args = wrap(n), [_operand(a) for a in n.args]
    if n.prim is P.custom:
        found = n.params["fn"].pull(arrived.total, y, args)
        return [(i, _Sensitivity(_fit(found[i], n.args[i]))) for i in wanted if found[i] is not None]
    g = arrived if n.prim.outputs > 1 else arrived.total
    if n.prim in transpose:
        rule = transpose[n.prim]
        if isinstance(rule, Joint):
            found = rule.rule(g, y, *args, **n.params)
            return [(i, _Sensitivity(_fit(found[i], n.args[i]))) for i in wanted]
        masked = arrived.mask is not None and (n.prim.family in ("shape", "index") or n.prim is P.sum)
        return [
            (
                i,
                _Sensitivity(
                    _fit(rule[i](g, y, *args, **n.params), n.args[i]),
                    _moved_mask(rule[i], arrived.mask, y, args, n, i) if masked else None,
                ),
            )
            for i in wanted
        ]
    linearize.rule(n)
    return [(i, _Sensitivity(s)) for i in wanted if (s := _transposed(n, i, g, y, args)) is not None]


def _pull_elementwise(n: Node, i: int, arrived: _Sensitivity) -> _Sensitivity | None:
    a, mask = n.args[i], arrived.mask
    rule = partials.rule(n)[i]
    c: Any = _elementwise(n, i, arrived.total)
    if c is None:
        return None
    if mask is not None and not isinstance(rule, Select):
        c = np.where(mask, c, 0.0)
    if isinstance(rule, Select):
        chosen = as_array(rule.mask(wrap(n), *[_operand(b) for b in n.args], **n.params))
        mask = chosen if mask is None else np.logical_and(mask, chosen)
    if mask is not None and c.shape != a.shape:
        # summed over a broadcast: zero by selection is what was so everywhere
        counted = P.astype(P.broadcast_to(mask, shape=c.shape), dtype=c.dtype)
        mask = np.greater(unbroadcast(counted, a.shape), 0.0)
    return _Sensitivity(_fit(c, a), mask)


def _moved_mask(rule: Any, mask: Any, y: Array, args: list[Any], n: Node, i: int) -> Any:
    """A selection behind a rearrangement: moved as the sensitivity itself is, through 0 and 1."""
    moved = rule(P.astype(P.broadcast_to(mask, shape=n.shape), dtype=n.dtype), y, *args, **n.params)
    return np.greater(unbroadcast(moved, n.args[i].shape), 0.0)


def _transposed(n: Node, i: int, g: Any, y: Any, args: list[Any]) -> Array | None:
    """Reverse rule of a primitive that has only a linearization: trace it at zero change and pull back."""
    t = wrap(record(P.identity, (wrap_zero(n.args[i]),), {}))
    rule = linearize[n.prim]
    if isinstance(rule, Joint):
        out = rule.rule([t if k == i else None for k in range(len(args))], y, *args, **n.params)
    else:
        out = rule[i](t, y, *args, **n.params)
    pairs = zip(out, g, strict=True) if n.prim.outputs > 1 else [(out, g)]
    return pull({o.node: b for o, b in pairs if o is not None and b is not None}, [t.node])[0]


def wrap_zero(n: Node) -> Node:
    """A node of zeros like n."""
    from ...tracer.context import constant

    return constant(np.zeros(n.shape, n.dtype)) if n.shape else constant(n.dtype.type(0))
