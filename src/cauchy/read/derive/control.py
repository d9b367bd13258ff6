"""Steering nodes. `item` and `custom` are read by the passes themselves; loops and branches derive their bodies.

Forwards, a scan of the body becomes a scan of the body and its change. Backwards, the body and its pullback are
recorded together and cut in two: what does not depend on a sensitivity belongs to the way forward, which hands its
*residuals* (values that the other part needs) to the way back, a scan in the other direction. Residuals of more than
`KEPT` bytes are not stored: a scan over sqrt(length) stretches keeps the carry at the start of each, and the way back
runs stretch after stretch forward again (Griewank 1992; Chen et al. 2016). A branch runs forward again
where it is pulled back.

A loop of unknown length has no place for its residuals: it is refused backwards.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import Refused
from ...graph import Graph, Node
from ...tracer.array import Array, wrap
from ...tracer.body import between, body, branched, closed, entry, first, looped, replay, scan, scanned, whole
from ...tracer.context import constant, record, state
from .merge import merge_scans
from .vocabulary import ZERO, P, linearize, partials

KEPT = 8 * 2**20  # bytes of residuals that a loop may store

partials[P.identity] = (lambda y, x: 1.0,)
partials[P.stop_gradient] = (ZERO,)
partials[P.item] = partials[P.custom] = ()


@dataclass(frozen=True)
class Rolled:
    """The rules of a node that holds bodies.

    `push(n, ts)`: the changes of the parts of n when its arguments change by ts, None where nothing does.
    `pull(n, gs, wanted)`: the sensitivity of each wanted argument, by position, where gs arrive at the parts.
    """

    push: Callable[[Node, list[Any]], Any]
    pull: Callable[[Node, list[Any], list[int]], dict[int, Array]]


def zeros(n: Node, lead: tuple[int, ...] = ()) -> Array:
    """A plain zero in the shape of n, behind more axes."""
    shape = lead + n.shape
    return wrap(constant(np.zeros(shape, n.dtype) if shape else n.dtype.type(0)))


def influences(graph: Graph) -> list[int]:
    """For each output the inputs that it may depend on continuously, as bits."""
    found = graph.__dict__.get("_influences")
    if found is None:
        bits = {n: 1 << i if n.dtype.kind == "f" else 0 for i, n in enumerate(graph.inputs)}
        for n in graph.nodes:
            if n not in bits:
                kinds = n.dtype if isinstance(n.dtype, tuple) else (n.dtype,)
                flat = n.prim in partials and n.args and all(r is ZERO for r in partials[n.prim] or (None,))
                mask = 0
                if not flat and any(d.kind == "f" for d in kinds):
                    for a in n.args:
                        mask |= bits[a]
                bits[n] = mask
        found = [bits[n] for n in graph.outputs]
        object.__setattr__(graph, "_influences", found)  # the graph is frozen; this is no part of what it says
    return found


def _bytes(n: Node) -> int:
    return math.prod(n.shape) * n.dtype.itemsize


def _bits(which: Any) -> int:
    return sum(1 << i for i in which)


def _renamed(nodes: Sequence[Node]) -> list[Node]:
    """Fresh names: what a derivative within a body is taken with respect to."""
    return [record(P.identity, (n,), {}) for n in nodes]


def _pushed(graph: Graph, inputs: Sequence[Node], ts: Sequence[Any]) -> tuple[list[Array], list[Any]]:
    """The outputs of a body, and their changes."""
    from . import push

    moved = [i for i, t in enumerate(ts) if t is not None]
    named = list(inputs)
    for i, n in zip(moved, _renamed([inputs[i] for i in moved]), strict=True):
        named[i] = n
    outs = replay(graph, named)
    return [wrap(o) for o in outs], push(outs, {named[i]: ts[i] for i in moved})


# -- scan: forwards ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Parts:
    """The arguments of a scan node by their role."""

    graph: Graph
    consts: list[Node]
    carry: list[Node]
    xs: list[Node]
    length: int
    reverse: bool

    @classmethod
    def of(cls, n: Node) -> Parts:
        p, args = n.params, list(n.args)
        i, j = p["consts"], p["consts"] + p["carry"]
        return cls(p["body"], args[:i], args[i:j], args[j:], p["length"], p["reverse"])

    @property
    def first_carry(self) -> int:
        return len(self.consts)

    @property
    def first_x(self) -> int:
        return len(self.consts) + len(self.carry)

    def moving(self, inputs: int) -> int:
        """The inputs of the body that vary in some round when these do."""
        reach = influences(self.graph)
        while True:
            more = inputs | _bits(self.first_carry + j for j in range(len(self.carry)) if reach[j] & inputs)
            if more == inputs:
                return inputs
            inputs = more


def _push_scan(n: Node, ts: list[Any]) -> Any:
    p = Parts.of(n)
    i, j, m = p.first_carry, p.first_x, len(p.carry)
    if not p.length:
        return (*ts[i:j], *[None] * (len(n.shape) - m))
    moving = p.moving(_bits(k for k, t in enumerate(ts) if t is not None))
    reach = influences(p.graph)
    live = [k for k in range(m) if moving >> (i + k) & 1]
    shown = [k for k in range(m, len(reach)) if reach[k] & moving]
    moved_xs = [k for k in range(len(p.xs)) if ts[j + k] is not None]

    def step(carry: list[Array], xs: list[Array]) -> tuple[list[Array], list[Array]]:
        changes = ts[:i] + [None] * (m + len(p.xs))
        for k, t in zip([*(i + k for k in live), *(j + k for k in moved_xs)], carry[m:] + xs[len(p.xs) :], strict=True):
            changes[k] = t
        inputs = [*p.consts, *(c.node for c in carry[:m]), *(x.node for x in xs[: len(p.xs)])]
        outs, dots = _pushed(p.graph, inputs, changes)
        dots = [zeros(o.node) if d is None else d for o, d in zip(outs, dots, strict=True)]
        return outs[:m] + [dots[k] for k in live], outs[m:] + [dots[k] for k in shown]

    start = [(zeros(p.carry[k]) if ts[i + k] is None else ts[i + k]).node for k in live]
    found = scanned(step, p.carry + start, p.xs + [ts[j + k].node for k in moved_xs], p.length, p.reverse)
    dots: list[Any] = [None] * len(n.shape)
    for at, k in enumerate(live):
        dots[k] = found[m + at]
    for at, k in enumerate(shown):
        dots[k] = found[len(n.shape) + len(live) + at]
    return tuple(dots)


# -- scan: backwards -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pullback:
    """The two halves of a loop's derivative: bodies, the outer nodes they need, and what goes from one to the other."""

    onward: Graph  # (*consts, *carry, *x) -> (*carry, *y, *residuals)
    onward_consts: list[Node]
    kept: int  # the number of residuals
    size: int  # their bytes in one round
    back: Graph  # (*consts, *g, *sums; *residuals, *x, *gy) -> (*g, *sums; *gx)
    back_consts: list[Node]
    xs: list[int]  # the x that the way back reads
    live: list[int]  # the carries that have a sensitivity
    heard: list[int]  # the outputs y at which one arrives
    summed: list[int]  # the consts that have one
    asked: list[int]  # the x that have one


def _pullback(n: Node, wanted: list[int], given: tuple[bool, ...]) -> Pullback | None:
    """How to pull back through a loop where sensitivities are given; None: nothing arrives."""
    p = Parts.of(n)
    i, j, m = p.first_carry, p.first_x, len(p.carry)
    reach, moving = influences(p.graph), p.moving(_bits(wanted))
    heard = [k for k in range(m, len(reach)) if given[k] and reach[k] & moving]
    live = {k for k in range(m) if given[k]}
    while True:
        heads = [reach[k] for k in (*live, *heard)]
        more = live | {k for k in range(m) if any(r >> (i + k) & 1 for r in heads)}
        if more == live:
            break
        live = more
    back_carry = sorted(k for k in live if moving >> (i + k) & 1)
    if not back_carry and not heard:
        return None
    return _cut(p, back_carry, heard, [k for k in wanted if k < i], [k - j for k in wanted if k >= j])


def _cut(p: Parts, live: list[int], heard: list[int], consts: list[int], asked: list[int]) -> Pullback:
    from . import pull

    with body() as number:
        s = [entry(whole(c)) for c in p.carry]
        x = [entry(first(v, p.length, p.reverse)) for v in p.xs]
        named = dict(zip(consts, _renamed([p.consts[k] for k in consts]), strict=True))
        outs = replay(p.graph, [named.get(k, c) for k, c in enumerate(p.consts)] + s + x)
        g = [entry(np.zeros(outs[k].shape, outs[k].dtype)[()]) for k in (*live, *heard)]
        arrived: dict[Node, Array] = {}
        for k, bar in zip((*live, *heard), g, strict=True):
            arrived[outs[k]] = arrived[outs[k]] + wrap(bar) if outs[k] in arrived else wrap(bar)
        wrt = [*(s[k] for k in live), *named.values(), *(x[k] for k in asked)]
        found = pull(arrived, wrt)
        found_s, rest = found[: len(live)], found[len(live) :]
        summed = [k for k, b in zip(consts, rest, strict=False) if b is not None]
        asked_found = [(k, b) for k, b in zip(asked, rest[len(consts) :], strict=True) if b is not None]
        sums = [entry(np.zeros(p.consts[k].shape, p.consts[k].dtype)[()]) for k in summed]
        added = [wrap(a) + b for a, b in zip(sums, [b for b in rest[: len(consts)] if b is not None], strict=True)]
        results = [
            *((zeros(a) if b is None else b).node for a, b in zip((s[k] for k in live), found_s, strict=True)),
            *(a.node for a in added),
            *(b.node for _, b in asked_found),
        ]
        entries = [*g[: len(live)], *sums, *g[len(live) :]]
    kept, read = _residuals(number, {*s, *x}, entries, results, x)
    renamed = {v: p.consts[k] for k, v in named.items()}
    onward, onward_consts = closed(number, [*s, *x], [*outs, *kept], known=p.consts, names=renamed)
    onward = merge_scans(onward)  # an inner loop was recorded again by its own pullback
    order = [*g[: len(live)], *sums, *kept, *(x[k] for k in read), *g[len(live) :]]
    back, back_consts = closed(number, order, results, names=renamed)
    size = sum(map(_bytes, kept))
    told = [k for k, _ in asked_found]
    return Pullback(onward, onward_consts, len(kept), size, back, back_consts, read, live, heard, summed, told)


# what is stored instead is the argument; and what is computed again if its arguments are there anyway
_MOVES = {P.reshape, P.transpose, P.broadcast_to, P.identity, P.negative, P.positive}
_CHEAP = {
    P.add, P.subtract, P.multiply, P.square, P.astype, P.where,
    P.equal, P.not_equal, P.less, P.less_equal, P.greater, P.greater_equal, P.logical_and, P.logical_or, P.logical_not,
}  # fmt: skip


def _residuals(
    number: int, forward: set[Node], sensitivities: list[Node], results: list[Node], x: list[Node]
) -> tuple[list[Node], list[int]]:
    """What the way back needs of the way forward: nodes to store, and positions of x to read again."""
    order = between(number, [*forward, *sensitivities], results)
    after = set(sensitivities)
    for n in order:
        if any(a in after for a in n.args):
            after.add(n)
    mine = lambda a: state.owner.get(a.index) == number and a not in after
    needed = {a for n in order if n in after for a in n.args if mine(a)} | {r for r in results if mine(r)}
    queue = [(-n.index, n) for n in needed]
    heapq.heapify(queue)
    while queue:
        n = heapq.heappop(queue)[1]
        inner = [a for a in n.args if mine(a)]
        moved = n.prim in _MOVES and inner and _bytes(inner[0]) <= _bytes(n)
        if moved or (n.prim in _CHEAP and all(a in needed or a in x for a in inner)):
            needed.discard(n)
            for a in inner:
                if a not in needed:
                    needed.add(a)
                    heapq.heappush(queue, (-a.index, a))
    read = [k for k, v in enumerate(x) if v in needed]
    return sorted(needed - set(x), key=lambda n: n.index), read


def _pull_scan(n: Node, gs: list[Any], wanted: list[int]) -> dict[int, Array]:
    p = Parts.of(n)
    i, j = p.first_carry, p.first_x
    if not p.length:
        return {k: gs[k - i] for k in wanted if i <= k < j and gs[k - i] is not None}
    key = ("pullback", n, tuple(wanted), tuple(g is not None for g in gs))
    table: dict[Any, Any] = {} if state.table is None else state.table
    if key not in table:
        table[key] = _pullback(n, wanted, key[-1])
    plan: Pullback | None = table[key]
    if plan is None:
        return {}
    g = [zeros(p.carry[k]) if gs[k] is None else gs[k] for k in plan.live]
    g += [zeros(p.consts[k]) for k in plan.summed]
    gys = [gs[k] for k in plan.heard]
    stored = p.length * plan.size <= KEPT or p.length < MANY
    found = (_way_back if stored else _in_stretches)(plan, p.carry, p.xs, g, gys, p.length, p.reverse)
    at = [*(i + k for k in plan.live), *plan.summed, *(j + k for k in plan.asked)]
    return {k: b for k, b in zip(at, found, strict=True) if k in wanted}


MANY = 8  # rounds from which on cutting into stretches saves memory


def _way_back(
    plan: Pullback,
    carry: Sequence[Node],
    xs: Sequence[Node],
    g: Sequence[Array],
    gys: Sequence[Array],
    length: int,
    reverse: bool,
) -> list[Array]:
    """Forward with residuals stored, then back: the sensitivities of carry, consts and xs."""
    kept = scan(plan.onward, plan.onward_consts, carry, xs, length, reverse)
    kept = kept[len(kept) - plan.kept :]
    stacked = [*(r.node for r in kept), *(xs[k] for k in plan.xs), *(v.node for v in gys)]
    return scan(plan.back, plan.back_consts, [v.node for v in g], stacked, length, not reverse)


def _in_stretches(
    plan: Pullback,
    carry: Sequence[Node],
    xs: Sequence[Node],
    g: Sequence[Array],
    gys: Sequence[Array],
    length: int,
    reverse: bool,
) -> list[Array]:
    """As `_way_back`, with the carry stored at the start of each of sqrt(length) stretches alone."""
    size = math.isqrt(length - 1) + 1
    count, rest = divmod(length, size)
    whole = slice(rest, length) if reverse else slice(0, count * size)
    last = slice(0, rest) if reverse else slice(count * size, length)
    part = lambda v, k: P.getitem(v, key=(k,))
    folded = lambda v: P.reshape(part(v, whole), shape=(count, size, *v.shape[1:])).node
    step = Graph(plan.onward.inputs, plan.onward.outputs[: len(carry)], name="body")
    nodes = lambda vs: [v.node for v in vs]

    def onward(s: list[Array], x: list[Array]) -> tuple[list[Array], list[Array]]:
        return scan(step, plan.onward_consts, nodes(s), nodes(x), size, reverse), s

    def back(bars: list[Array], of: list[Array]) -> tuple[list[Array], list[Array]]:
        s, x, gy = of[: len(carry)], of[len(carry) : len(carry) + len(xs)], of[len(carry) + len(xs) :]
        found = _way_back(plan, nodes(s), nodes(x), bars, gy, size, reverse)
        return found[: len(bars)], found[len(bars) :]

    x_folded, gy_folded = [folded(wrap(x)) for x in xs], [folded(v) for v in gys]
    reached = scanned(onward, carry, x_folded, count, reverse)
    ends, starts = reached[: len(carry)], reached[len(carry) :]
    tails: list[Array] = []
    if rest:
        last_xs, last_gys = [part(wrap(x), last).node for x in xs], [part(v, last) for v in gys]
        found = _way_back(plan, nodes(ends), last_xs, g, last_gys, rest, reverse)
        g, tails = found[: len(g)], found[len(g) :]
    found = scanned(back, nodes(g), [*nodes(starts), *x_folded, *gy_folded], count, not reverse)
    gxs = [P.reshape(v, shape=(count * size, *v.shape[2:])) for v in found[len(g) :]]
    if rest:
        pairs = zip(tails, gxs, strict=True) if reverse else zip(gxs, tails, strict=True)
        gxs = [P.concatenate(a, b, axis=0) for a, b in pairs]
    return [*found[: len(g)], *gxs]


# -- branches ------------------------------------------------------------------------------------------


def _push_cond(n: Node, ts: list[Any]) -> Any:
    moved = _bits(k for k, t in enumerate(ts[1:]) if t is not None)
    graphs = n.params["on_true"], n.params["on_false"]
    shown = [k for k, masks in enumerate(zip(*map(influences, graphs), strict=True)) if any(m & moved for m in masks)]

    def side(graph: Graph) -> Callable[[], list[Array]]:
        def run() -> list[Array]:
            outs, dots = _pushed(graph, n.args[1:], ts[1:])
            return outs + [zeros(outs[k].node) if dots[k] is None else dots[k] for k in shown]

        return run

    found = branched(n.args[0], side(graphs[0]), side(graphs[1]))[len(n.shape) :]
    dots: list[Any] = [None] * len(n.shape)
    for k, d in zip(shown, found, strict=True):
        dots[k] = d
    return tuple(dots)


def _pull_cond(n: Node, gs: list[Any], wanted: list[int]) -> dict[int, Array]:
    from . import pull

    graphs, operands = (n.params["on_true"], n.params["on_false"]), n.args[1:]
    heard = [k for k, g in enumerate(gs) if g is not None]
    reach = [influences(g)[k] for g in graphs for k in heard]
    asked = [k - 1 for k in wanted if any(r >> (k - 1) & 1 for r in reach)]
    if not asked:
        return {}

    def side(graph: Graph) -> Callable[[], list[Array]]:
        def run() -> list[Array]:
            named = dict(zip(asked, _renamed([operands[k] for k in asked]), strict=True))
            outs = replay(graph, [named.get(k, a) for k, a in enumerate(operands)])
            arrived: dict[Node, Array] = {}
            for k in heard:
                arrived[outs[k]] = arrived[outs[k]] + gs[k] if outs[k] in arrived else gs[k]
            found = pull(arrived, list(named.values()))
            return [zeros(operands[k]) if b is None else b for k, b in zip(asked, found, strict=True)]

        return run

    return dict(zip([k + 1 for k in asked], branched(n.args[0], side(graphs[0]), side(graphs[1])), strict=True))


# -- loops of unknown length ---------------------------------------------------------------------------


def _push_while(n: Node, ts: list[Any]) -> Any:
    p, args = n.params, list(n.args)
    i, j = p["test_consts"], p["test_consts"] + p["body_consts"]
    fixed, start, m = args[i:j], args[j:], len(args) - j
    whole = Parts(p["body"], fixed, start, [], 0, False)
    moving = whole.moving(_bits(k for k, t in enumerate(ts[i:]) if t is not None))
    live = [k for k in range(m) if moving >> (len(fixed) + k) & 1]

    def test(s: list[Array]) -> Array:
        return wrap(replay(p["test"], args[:i] + [v.node for v in s[:m]])[0])

    def step(s: list[Array]) -> list[Array]:
        changes = ts[i:j] + [None] * m
        for k, t in zip(live, s[m:], strict=True):
            changes[len(fixed) + k] = t
        outs, dots = _pushed(p["body"], fixed + [v.node for v in s[:m]], changes)
        return outs + [zeros(start[k]) if dots[k] is None else dots[k] for k in live]

    changes = [(zeros(start[k]) if ts[j + k] is None else ts[j + k]).node for k in live]
    found = looped(test, step, start + changes)[m:]
    dots: list[Any] = [None] * m
    for k, d in zip(live, found, strict=True):
        dots[k] = d
    return tuple(dots)


def _pull_while(n: Node, gs: list[Any], wanted: list[int]) -> dict[int, Array]:
    raise Refused(
        "differentiate backwards",
        "while_loop",
        "the number of rounds is not known before it has run, so there is no place for what the way back needs",
        where=n.site,
        fix="give loop(..., times=most, while_=...) the most rounds there can be; or go forwards:"
        ' cauchy.jvp, cauchy.jacobian(f, mode="forward")',
    )


linearize[P.scan] = Rolled(_push_scan, _pull_scan)
linearize[P.cond] = Rolled(_push_cond, _pull_cond)
linearize[P.while_loop] = Rolled(_push_while, _pull_while)
