"""A large axis as SIMD lanes: what a graph does along it entry by entry becomes one loop over a small, unrolled graph.

Arrays of 30 000 points with 3 coordinates are bad loops either way; but one point is a graph of a few dozen
numbers. So the nodes that work along an axis of n entries without mixing them are cut out (`outlined`), the axis is
taken off their shapes, and the small graph that remains is written once, each of its numbers a vector of lanes. Sums
over the axis are accumulators. It is the inverse of vmap.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import ops as P
from ...graph import CONST, INPUT, Graph, Node, Primitive
from ...rewrite import make
from .access import full_key, is_array
from .roots import letters
from .scalar import kinds_supported, loop_kinds, native

LANES = Primitive("lanes", "control", outputs=2)
SHORTEST = 64  # entries of an axis worth it
ENTRIES = 64  # numbers of one node in a lane
TERMS = 256  # products of one contraction in a lane
WORK = 2500.0  # instructions of the loop body
GAIN = 3.0  # arithmetic for each number read or written

_FOLDS = {P.sum: "sum", P.prod: "prod", P.max: "max", P.min: "min", P.any: "any", P.all: "all"}
_CONTRACTED = (P.matmul, P.dot, P.inner, P.vdot, P.einsum)
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


class _No(Exception):
    """This node does not work along the axis entry by entry."""


@dataclass(frozen=True)
class Input:
    """An argument of the loop body. kind "lane": entry i along `axis`; "uniform": all; "gather": source[index[i]]."""

    kind: str
    axis: int = 0


@dataclass(frozen=True, eq=False)
class Body:
    """One lane: `graph` over `inputs`. Outputs are stored along an axis (`stores`) or folded over lanes (`folds`)."""

    graph: Graph
    n: int
    inputs: tuple[Input, ...]
    stores: tuple[int, ...]  # the axis of each stored output
    folds: tuple[str, ...]


def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return shape[:axis] + shape[axis + 1 :]


class Cut:
    """The classification of a graph's nodes for one length n."""

    def __init__(self, graph: Graph, n: int) -> None:
        self.graph, self.n = graph, n
        self.axis: dict[Node, int] = {}  # lane nodes
        self.small: dict[Node, Node] = {}  # their counterparts in one lane
        self.after: dict[Node, int] = {}  # phase in which a node is known
        self.sources: dict[Node, tuple[Node, Input]] = {}  # inputs of lanes: small node -> (node, how)
        self.known: dict[Any, Node] = {}
        self.ends: dict[Node, tuple[Node, str]] = {}  # folds over the lanes: node -> (small node, how)
        for n_ in graph.nodes:
            self._place(n_)

    def memory_axis(self, m: Node) -> int | None:
        """The axis along which an array in memory is read lane by lane."""
        if isinstance(m.shape, tuple) and m.prim.outputs == 1 and sum(s == self.n for s in m.shape) == 1:
            return m.shape.index(self.n)
        return None

    def label(self, m: Node) -> int | None:
        if m in self.axis:
            return self.axis[m]
        return None if m.prim.outputs > 1 else self.memory_axis(m)

    def lane(self, m: Node) -> Node:
        """The small node of an argument along the axis."""
        return self.small[m] if m in self.axis else self._source(m, Input("lane", self.memory_axis(m) or 0))

    def uniform(self, m: Node, shape: tuple[int, ...] | None = None) -> Node:
        """The small node of an argument that is the same in all lanes, in another shape of as many entries."""
        small = m if m.prim is CONST and m.origin is None and m.shape == () else self._source(m, Input("uniform"))
        if shape is None or shape == m.shape:
            return small
        return make(P.reshape, (small,), shape, m.dtype, {"shape": shape}, m.site)

    def _source(self, m: Node, how: Input, shape: tuple[int, ...] | None = None) -> Node:
        if math.prod(m.shape) > (ENTRIES * self.n if how.kind == "lane" else TERMS):
            raise _No
        key = (m, how)
        if key not in self.known:
            at = _without(m.shape, how.axis) if how.kind == "lane" else m.shape
            self.known[key] = make(INPUT, (), at if shape is None else shape, m.dtype)
            self.sources[self.known[key]] = (m, how)
        return self.known[key]

    def _place(self, m: Node) -> None:
        """Decide what a node is; `after` is the phase in which it is known."""
        self.after[m] = max((self.after[a] for a in m.args), default=0)
        if m.prim is CONST or m in self.graph.inputs or m.prim is INPUT:
            return
        try:
            if m.prim.outputs > 1 or any(a.prim.outputs > 1 for a in m.args) or not kinds_supported([m.dtype]):
                raise _No
            self._lane_node(m)
        except _No:
            self._outside(m)

    def _outside(self, m: Node) -> None:
        # whatever reads lanes without being one is known only when their loop is done
        self.after[m] = max((self.after[a] + (a in self.axis) for a in m.args), default=0)

    def _lane_node(self, m: Node) -> None:
        small = self._small(m)
        if small is None:
            raise _No
        kind, axis, node = small
        if math.prod(node.shape) > (TERMS if kind == "fold" else ENTRIES):
            raise _No
        if kind == "fold":
            self.ends[m] = (node, "sum" if axis < 0 else _FOLDS[m.prim])
            self.after[m] = max(self.after[a] for a in m.args) + 1
            return
        self.axis[m], self.small[m] = axis, node

    # -- one primitive without the axis ------------------------------------------------------------------------

    def _small(self, m: Node) -> tuple[str, int, Node] | None:
        if m.prim in native and m.prim.family in ("elementary", "special"):
            return self._elementwise(m)
        rule = {
            P.reshape: self._reshape,
            P.transpose: self._transpose,
            P.broadcast_to: self._broadcast,
            P.getitem: self._getitem,
            P.scatter_add: self._scatter,
            P.concatenate: self._concatenate,
        }.get(m.prim)
        if rule is not None:
            return rule(m)
        if m.prim in _FOLDS:
            return self._fold(m)
        if m.prim in _CONTRACTED:
            return self._contraction(m)
        return None

    def _make(self, m: Node, args: tuple[Node, ...], shape: tuple[int, ...], params: Any = None) -> Node:
        return make(m.prim, args, shape, m.dtype, m.params if params is None else params, m.site)

    def _elementwise(self, m: Node) -> tuple[str, int, Node]:
        if loop_kinds(m) is None:
            raise _No
        rank = len(m.shape)
        axes = {x + rank - len(a.shape) for a in m.args if (x := self.label(a)) is not None}
        if len(axes) != 1:
            raise _No
        (axis,) = axes
        if m.shape[axis] != self.n:
            raise _No
        return "lane", axis, self._make(m, tuple(self._aligned(a, axis, rank) for a in m.args), _without(m.shape, axis))

    def _aligned(self, a: Node, axis: int, rank: int) -> Node:
        """An operand of a broadcast operation whose result has the lanes along `axis`."""
        own = axis - (rank - len(a.shape))
        if own < 0:
            if self.label(a) is not None:
                raise _No
            return self.uniform(a)
        if a.shape[own] == self.n:
            if self.label(a) != own:
                raise _No
            return self.lane(a)
        if self.label(a) is not None:
            raise _No
        return self.uniform(a, _without(a.shape, own))

    def _one(self, m: Node) -> int:
        axis = self.label(m.args[0])
        if axis is None:
            raise _No
        return axis

    def _reshape(self, m: Node) -> tuple[str, int, Node]:
        x, axis = m.args[0], self._one(m)
        before = math.prod(x.shape[:axis])
        for k, s in enumerate(m.shape):
            if s == self.n and math.prod(m.shape[:k]) == before:
                shape = _without(m.shape, k)
                return "lane", k, self._make(m, (self.lane(x),), shape, {"shape": shape})
        raise _No

    def _transpose(self, m: Node) -> tuple[str, int, Node]:
        x, axis, rank = m.args[0], self._one(m), len(m.shape)
        axes = tuple(range(rank))[::-1] if m.params["axes"] is None else tuple(a % rank for a in m.params["axes"])
        at = axes.index(axis)
        rest = tuple(a - (a > axis) for a in axes if a != axis)
        return "lane", at, self._make(m, (self.lane(x),), _without(m.shape, at), {"axes": rest})

    def _broadcast(self, m: Node) -> tuple[str, int, Node]:
        x, rank = m.args[0], len(m.shape)
        axis, lead = self.label(x), rank - len(x.shape)
        if axis is None:
            return self._repeated(m, x, lead)
        at = axis + lead
        shape = _without(m.shape, at)
        return "lane", at, self._make(m, (self.lane(x),), shape, {"shape": shape})

    def _repeated(self, m: Node, x: Node, lead: int) -> tuple[str, int, Node]:
        """The same in all lanes."""
        new = [k for k, s in enumerate(m.shape) if s == self.n and (k < lead or x.shape[k - lead] == 1)]
        if len(new) != 1:
            raise _No
        (at,) = new
        shape = _without(m.shape, at)
        small = self.uniform(x, _without(x.shape, at - lead) if at >= lead else x.shape)
        return "lane", at, self._make(m, (small,), shape, {"shape": shape})

    def _getitem(self, m: Node) -> tuple[str, int, Node]:
        x, *arrays = m.args
        items = full_key(m.params["key"], len(x.shape))
        if arrays:
            return self._gathered(m, x, arrays, items)
        axis = self._one(m)
        at, out, key, place = 0, 0, [], -1
        for k in items:
            if k is not None and at == axis:
                if k != slice(None):
                    raise _No
                place = out
            else:
                if not (k is None or isinstance(k, (slice, int, np.integer))) or isinstance(k, bool):
                    raise _No
                key.append(k)
            at += k is not None
            out += k is None or isinstance(k, slice)
        return "lane", place, self._make(m, (self.lane(x),), _without(m.shape, place), {"key": tuple(key)})

    def _gathered(self, m: Node, x: Node, arrays: list[Node], items: list[Any]) -> tuple[str, int, Node]:
        """source[index] with one index for each lane, on the first axis, everything behind it read whole."""
        (i,) = arrays if len(arrays) == 1 else (None,)
        if i is None or not is_array(items[0]) or any(k != slice(None) for k in items[1:]):
            raise _No
        if x in self.axis or i in self.axis or i.shape != (self.n,) or i.dtype.kind not in "iu" or len(x.shape) < 1:
            raise _No
        if math.prod(x.shape[1:]) > ENTRIES or not x.shape[0]:
            raise _No
        index = self._source(i, Input("lane", 0))
        key = (m, "gather")
        if key not in self.known:
            self.known[key] = make(INPUT, (index,), x.shape[1:], m.dtype)
            self.sources[self.known[key]] = (x, Input("gather"))
        return "lane", 0, self.known[key]

    def _scatter(self, m: Node) -> tuple[str, int, Node]:
        v, *arrays = m.args
        if arrays:
            raise _No
        shape = m.params["shape"]
        axis = self.label(v)
        if axis is None:
            raise _No
        items = full_key(m.params["key"], len(shape))
        # the axis of the result that the lanes of v go to
        at, out = 0, 0
        found, key = -1, []
        for k in items:
            lanes = isinstance(k, slice) and out == axis
            if lanes:
                if k != slice(None) or shape[at] != self.n:
                    raise _No
                found = at
            elif isinstance(k, bool) or not (k is None or isinstance(k, (slice, int, np.integer))):
                raise _No
            else:
                key.append(k)
            at += k is not None
            out += k is None or isinstance(k, slice)
        if found < 0 or len(v.shape) != out:
            raise _No
        rest = _without(shape, found)
        return "lane", found, self._make(m, (self.lane(v),), rest, {"key": tuple(key), "shape": rest})

    def _concatenate(self, m: Node) -> tuple[str, int, Node]:
        labels = {self.label(a) for a in m.args}
        axis = m.params["axis"]
        if len(labels) != 1 or None in labels or axis is None:
            raise _No
        (at,) = labels
        axis %= len(m.shape)
        if axis == at or at is None:
            raise _No
        args = tuple(map(self.lane, m.args))
        return "lane", at, self._make(m, args, _without(m.shape, at), {"axis": axis - (axis > at)})

    def _fold(self, m: Node) -> tuple[str, int, Node]:
        x, axis, rank = m.args[0], self._one(m), len(m.args[0].shape)
        given = m.params["axis"]
        axes = tuple(range(rank)) if given is None else given if isinstance(given, tuple) else (given,)
        axes = tuple(a % rank for a in axes)
        rest = tuple(a - (a > axis) for a in axes if a != axis)
        keep = m.params["keepdims"]
        small = self.lane(x)
        if axis in axes:
            if x not in self.axis:
                raise _No  # a plain sum of an array in memory
            at = _without(m.shape, axis) if keep else m.shape
            if rest:
                small = self._make(m, (small,), at, {"axis": rest, "keepdims": keep})
            elif small.shape != at:
                small = make(P.reshape, (small,), at, m.dtype, {"shape": at}, m.site)
            if small.dtype != m.dtype:
                small = make(P.astype, (small,), small.shape, m.dtype, {"dtype": m.dtype}, m.site)
            return "fold", 0, small
        at = axis if keep else axis - sum(a < axis for a in axes)
        return "lane", at, self._make(m, (small,), _without(m.shape, at), {"axis": rest, "keepdims": keep})

    def _contraction(self, m: Node) -> tuple[str, int, Node]:
        found = letters(m)
        if found is None or m.dtype.kind != "f" or any(len(set(o)) != len(o) for o in found[0]):
            raise _No
        operands, out = found
        axes = [self.label(a) for a in m.args]
        names = {o[x] for o, x in zip(operands, axes, strict=True) if x is not None}
        if len(names) != 1 or not any(a in self.axis for a in m.args):
            raise _No
        (lane,) = names
        sizes = {c: s for o, a in zip(operands, m.args, strict=True) for c, s in zip(o, a.shape, strict=True) if s != 1}
        rest = [c for c in sizes if c != lane]
        if math.prod(sizes[c] for c in rest) > TERMS:
            raise _No
        args = []
        for o, a, x in zip(operands, m.args, axes, strict=True):
            if x is not None:
                args.append(self.lane(a))
            elif lane in o:
                args.append(self.uniform(a, _without(a.shape, o.index(lane))))
            else:
                args.append(self.uniform(a))
        short = {c: _LETTERS[k] for k, c in enumerate(dict.fromkeys(c for o in operands for c in o))}
        text = lambda o: "".join(short[c] for c in o if c != lane)
        sub = ",".join(text(o) for o in operands) + "->" + text(out)
        shape = _without(m.shape, out.index(lane)) if lane in out else m.shape
        node = make(P.einsum, tuple(args), shape, m.dtype, {"subscripts": sub}, m.site)
        return ("lane", out.index(lane), node) if lane in out else ("fold", -1, node)


def _instructions(n: Node) -> float:
    cost = native[n.prim].cost if n.prim in native else 0.0
    size = math.prod(n.shape)
    if n.prim is P.einsum:
        found = letters(n)
        assert found is not None
        sizes = {c: s for o, a in zip(found[0], n.args, strict=True) for c, s in zip(o, a.shape, strict=True)}
        return float(math.prod(sizes.values()))
    if n.prim in _FOLDS:
        return float(math.prod(n.args[0].shape))
    return size * cost


def outlined(graph: Graph) -> Graph:
    """The graph with the work along its longest busy axis in `LANES` nodes, where that pays."""
    count = Counter(
        s for n in graph.nodes if n.prim.outputs == 1 and len(n.shape) > 1 for s in n.shape if s >= SHORTEST
    )
    for n, times in count.most_common(2):
        if times > 3:
            graph = _with_lanes(graph, n)
    return graph


def _with_lanes(graph: Graph, n: int) -> Graph:
    cut = Cut(graph, n)
    users: dict[Node, list[Node]] = {}
    for m in graph.nodes:
        for a in m.args:
            users.setdefault(a, []).append(m)
    wanted = {*graph.outputs, *(g.node for g in graph.guards)}
    phases: dict[int, list[Node]] = {}
    for m in cut.axis:
        phases.setdefault(cut.after[m], []).append(m)
    ends: dict[int, list[Node]] = {}
    for m in cut.ends:
        ends.setdefault(cut.after[m] - 1, []).append(m)
    made: dict[Node, Node] = {}
    for phase, members in phases.items():
        folds = ends.get(phase, [])
        # lanes of a later phase are computed again there
        outside = lambda u: u not in cut.axis and u not in cut.ends
        stores = [m for m in members if m in wanted or any(map(outside, users.get(m, ())))]
        if stores or folds:
            made |= _loop(cut, stores, folds)
    return _replaced(graph, made) if made else graph


def _loop(cut: Cut, stores: list[Node], folds: list[Node]) -> dict[Node, Node]:
    """A LANES node for one phase, and the nodes it stands for; nothing where it does not pay."""
    outputs = [cut.small[m] for m in stores] + [cut.ends[m][0] for m in folds]
    found = Graph((), tuple(outputs))
    order = [s for s in found.nodes if s in cut.sources]
    body = Graph(tuple(order), tuple(outputs))
    work = sum(_instructions(s) for s in body.nodes if s not in cut.sources and s.prim is not CONST)
    moved = sum(math.prod(s.shape) * (1.0 if cut.sources[s][1].kind != "uniform" else 0.1) for s in order) + sum(
        math.prod(cut.small[m].shape) for m in stores
    )
    several = any(math.prod(s.shape) > 1 for s in body.nodes)
    if not several or work > WORK or work < GAIN * moved:
        return {}
    args: list[Node] = []
    inputs: list[Input] = []
    for s in order:
        m, how = cut.sources[s]
        args.append(m)
        inputs.append(how)
    axes = tuple(cut.axis[m] for m in stores)
    kinds = tuple(cut.ends[m][1] for m in folds)
    all_ = [*stores, *folds]
    node = make(
        LANES,
        tuple(args),
        tuple(m.shape for m in all_),
        tuple(m.dtype for m in all_),
        {"body": Body(body, cut.n, tuple(inputs), axes, kinds)},
        all_[0].site,
    )
    return {m: make(P.item, (node,), m.shape, m.dtype, {"index": i}, m.site) for i, m in enumerate(all_)}


def _replaced(graph: Graph, made: dict[Node, Node]) -> Graph:
    """The graph with these nodes for those; the new ones' arguments are replaced as well."""
    new: dict[Node, Node] = {i: i for i in graph.inputs}

    def build(m: Node) -> Node:
        stack = [m]
        while stack:
            k = stack[-1]
            if k in new:
                stack.pop()
                continue
            target = made.get(k, k)
            missing = [a for a in target.args if a not in new]
            if missing:
                stack += missing
                continue
            args = tuple(new[a] for a in target.args)
            same = args == target.args
            out = target if same else make(target.prim, args, target.shape, target.dtype, target.params, target.site)
            if same or target.prim is CONST:
                out = target
            new[k] = out
            new.setdefault(target, out)
            stack.pop()
        return new[m]

    outputs = tuple(build(o) for o in graph.outputs)
    guards = tuple(type(g)(build(g.node), g.outcome, g.site) for g in graph.guards)
    return Graph(graph.inputs, outputs, guards, graph.name, graph.names)
