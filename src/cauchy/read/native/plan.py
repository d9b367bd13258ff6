"""Which nodes get memory, and which loops are one: from a graph to a list of steps.

A node is *virtual* (an entry is computed where it is read), or has memory: inputs, constants, folds,
products, whatever several loops read and is dear to compute again. Loops over one iteration space become one
(`Group`), if none reads what another has not finished; what they share is computed once, and an entry stored by one
is read by the next from its register.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ... import ops as P
from ...graph import CONST, Graph, Node
from ...rewrite import make
from .access import Dynamic, Index, Place, broadcast, follow, immediate, is_view, place
from .blas import product
from .lanes import LANES
from .own import family
from .roots import Root, letters, loops, stored
from .scalar import kinds_supported, loop_kinds, native

PRODUCTS = (P.matmul, P.dot, P.inner, P.vdot, P.einsum)
ROLLED = (P.scan, P.cond, P.while_loop)
CHAIN = 100  # virtual nodes that follow one from the other
CHEAP = 8.0  # a virtual node that costs more additions than this is not computed twice


@dataclass(eq=False)
class Group:
    """Roots computed in one loop nest."""

    dims: tuple[int, ...]
    roots: list[Root] = field(default_factory=list)
    cost: float = 0.0


@dataclass(eq=False)
class Call:
    """A step that is not a loop nest: `how` is "blas" for a product, "own" for a function of its own, "rolled" or
    "lanes" for a loop around other code, "value" for NumPy itself."""

    node: Node
    how: str


Step = Group | Call


@dataclass
class Reads:
    """What one root reads: places in memory, and the virtual nodes computed on the way."""

    places: set[Place] = field(default_factory=set)
    computed: dict[Node, set[Index]] = field(default_factory=dict)
    cost: float = 0.0
    seen: set[Node] = field(default_factory=set)  # nodes followed without memory


class Plan:
    """The steps of a graph; `owner(n)` is the node whose memory holds n."""

    def __init__(self, graph: Graph, lanes: int, rolls: Callable[[Node], bool]) -> None:
        self.graph, self.lanes = graph, lanes
        self.virtual: set[Node] = set()
        self.calls: dict[Node, str] = {}
        self.roots: dict[Node, list[Root]] = {}
        self.alias: dict[Node, Node] = {}
        self.parts: dict[Node, list[Node]] = {}  # of a call, the nodes that hold its results
        self.work: dict[Node, Node] = {}  # of a call, what stands for the memory it works in
        self.kinds: dict[Node, list[str]] = {}
        self._known: dict[Root, Reads] = {}
        self._classify(rolls)
        self._force()
        self._shorten()
        self.inside = self._nested()
        self._order: dict[Root, Root] = {}
        self.steps = self._grouped()
        for round_ in itertools.count():
            if not self._share(all_=round_ > 5):
                break
            self.steps = self._grouped()

    # -- what each node is ---------------------------------------------------------------------------------

    def _classify(self, rolls: Callable[[Node], bool]) -> None:
        """`rolls`: whether the bodies of a rolled loop run without Python."""
        for n in self.graph.nodes:
            if self.is_leaf(n):
                continue
            if n.prim is LANES or (n.prim in ROLLED and rolls(n)):
                self.calls[n] = "lanes" if n.prim is LANES else "rolled"
                self.parts[n] = _items(n)
            elif n.prim is P.item and n.args[0] in self.parts:
                self.parts[n.args[0]][n.params["index"]] = n
            elif (writer := family(n)) is not None:
                self.calls[n], self.parts[n] = "own", [n] if n.prim.outputs == 1 else _items(n)
                self.work[n] = make(P.identity, (n,), (writer.workspace(n),), np.dtype(np.uint8))
            elif not self._native(n):
                self.calls[n] = "value"
            elif is_view(n):
                self.virtual.add(n)
            elif n.prim is P.reshape:
                self.alias[n] = n.args[0]
            elif n.prim in native:
                self.kinds[n] = loop_kinds(n) or []
                self.virtual.add(n)
            elif product(n) is not None:
                self.calls[n] = "blas"
            else:
                self.roots[n] = self._packed(n)

    def _packed(self, n: Node) -> list[Root]:
        """The loops of n; small operands of a product are first laid out so that its vectors lie in memory as such."""
        roots = loops(n)
        found = letters(n) if n.prim in PRODUCTS else None
        if found is None or not found[1] or len(found[0]) != 2:
            return roots
        operands, out = found
        (root,) = roots
        inner = out[-1]
        rounds = math.prod(s for s, r in zip(root.dims, root.reduced, strict=True) if r)
        dots = all(o and o[-1] not in out for o in operands)
        if inner not in {c for o in operands for c in o} or n.shape[-1] < self.lanes // 2 or (dots and rounds >= 64):
            return roots
        packs: list[Root] = []
        terms = list(root.terms)
        for k, (o, x) in enumerate(zip(operands, n.args, strict=True)):
            if inner in o[:-1] and o.count(inner) == 1 and 8 * math.prod(x.shape) <= math.prod(root.dims):
                axes = (*(i for i, c in enumerate(o) if c != inner), o.index(inner))
                p = make(P.transpose, (x,), tuple(x.shape[a] for a in axes), x.dtype, {"axes": axes}, n.site)
                packs += stored(p)
                terms[k] = (p, tuple(root.terms[k][1][a] for a in axes))
        return [*packs, replace(root, terms=tuple(terms))] if packs else roots

    def is_leaf(self, n: Node) -> bool:
        """Whether the node is memory to begin with: an input, a constant array."""
        return n in self.graph.inputs or n.prim is CONST

    def _native(self, n: Node) -> bool:
        if isinstance(n.dtype, tuple) or n.prim is P.item:
            return False
        if not kinds_supported([n.dtype, *(a.dtype for a in n.args if not isinstance(a.dtype, tuple))]):
            return False
        if any(isinstance(a.dtype, tuple) for a in n.args):
            return False
        if n.prim in native:
            return loop_kinds(n) is not None
        return is_view(n) or n.prim is P.reshape or bool(loops(n))

    def _force(self) -> None:
        """Memory for what must have it."""
        for n in (*self.graph.outputs, *(g.node for g in self.graph.guards)):
            self._materialize(n)
        for n, how in list(self.calls.items()):
            for a in self.reads_of(n, how):
                self._materialize(a)
        for n in list(self.alias):
            self._materialize(self.alias[n])
        # a computed index is looked up in memory
        for n in self.graph.nodes:
            if n.prim is P.getitem and n not in self.calls and n.args[1:]:
                self._materialize(n.args[0])
            if n.prim is P.take_along_axis and n in self.roots:
                self._materialize(n.args[0])
            # and an operand that is looked up entry by entry is looked up once
            if n.prim in PRODUCTS and n in self.roots:
                for a in n.args:
                    if _looked_up(a):
                        self._materialize(a)

    def _shorten(self) -> None:
        """Memory for every so many links of a chain of virtual nodes: they are followed by recursion."""
        links: dict[Node, int] = {}
        for n in self.graph.nodes:
            if n in self.virtual:
                links[n] = 1 + max((links.get(a, 0) for a in n.args), default=0)
                if links[n] > CHAIN:
                    self._materialize(n)
                    links[n] = 0

    def reads_of(self, n: Node, how: str) -> list[Node]:
        """The nodes whose memory a call reads."""
        if how != "blas":
            return list(n.args)
        p = product(n)
        assert p is not None
        return [p.a.node, p.b.node]

    def _materialize(self, n: Node) -> None:
        if n in self.virtual:
            self.virtual.discard(n)
            self.roots[n] = stored(n)

    def _nested(self) -> dict[Node, tuple[Node, int]]:
        """Parts that only a concatenation reads are computed in its place: part -> (whole, entries before it).

        What a call gives and an output names once more is an output at once.
        """
        uses: dict[Node, int] = {}
        for n in self.graph.nodes:
            for a in n.args:
                uses[a] = uses.get(a, 0) + 1
        for n in (*self.graph.outputs, *(g.node for g in self.graph.guards)):
            uses[n] = uses.get(n, 0) + 1
        found: dict[Node, tuple[Node, int]] = {}
        for n in self.graph.nodes:
            if n.prim is not P.concatenate or n not in self.roots:
                continue
            if math.prod(n.shape[: n.params["axis"] % len(n.shape)]) != 1:
                continue
            start, kept = 0, []
            for a, root in zip(n.args, self.roots[n], strict=True):
                o, alone = a, uses[a] == 1
                while o in self.alias:
                    o = self.alias[o]
                    alone &= uses[o] == 1
                computed = o in self.roots or (o.prim is P.item and o.args[0] in self.parts)
                if alone and computed and o.dtype == n.dtype and o not in found and math.prod(o.shape) > 64:
                    found[o] = (n, start)
                else:
                    kept.append(root)
                start += math.prod(a.shape)
            self.roots[n] = kept
        for n in self.graph.outputs:
            o = n.args[0] if n.prim is P.identity else n
            if o is not n and o not in found and o.prim is P.item and o.args[0] in self.parts:
                found[o], self.roots[n] = (n, 0), []
        return found

    def owner(self, n: Node) -> Node:
        while n in self.alias:
            n = self.alias[n]
        return n

    def in_memory(self, n: Node) -> bool:
        return n not in self.virtual and not immediate(n)

    # -- what a root reads ---------------------------------------------------------------------------------

    def resolve(
        self, n: Node, index: Index, depth: int, defines: bool = False, seen: set[Node] | None = None
    ) -> tuple[str, Any]:
        """Where the entry comes from: ("number", node), ("memory", place), or ("operation", [(argument, index)])."""
        while True:
            if immediate(n):
                return "number", n
            if not defines and self.in_memory(n):
                return "memory", place(self.owner(n), n.shape, index, depth)
            defines = False
            if seen is not None:
                seen.add(n)
            step = follow(n, index, depth)
            if step is None:
                return "operation", (n, [(a, broadcast(index, a.shape, depth)) for a in n.args])
            n, index = step

    def reads(self, root: Root) -> Reads:
        if root not in self._known:
            self._known[root] = self._read(root)
        return self._known[root]

    def _read(self, root: Root) -> Reads:
        found, depth = Reads(), len(root.dims)
        seen: set[tuple[Node, Index]] = set()

        def visit(n: Node, index: Index, defines: bool = False) -> None:
            if (n, index) in seen and not defines:
                return
            seen.add((n, index))
            kind, what = self.resolve(n, index, depth, defines, found.seen)
            if kind == "memory":
                found.places.add(what)
                found.cost += 1
                for d, _ in what.dynamic:
                    visit(d.node, d.index)
            elif kind == "operation":
                n, args = what
                at = found.computed.setdefault(n, set())
                if index not in at:
                    at.add(index)
                    found.cost += native[n.prim].cost
                for a, i in args:
                    visit(a, i)

        for n, index in root.terms:
            visit(n, index, root.defines)
        for i in root.target:
            if isinstance(i, Dynamic):
                visit(i.node, i.index)
        return found

    # -- loops -----------------------------------------------------------------------------------------------

    def _arranged(self, root: Root) -> Root:
        """The root without loops of one round, ordered so that the innermost loop walks along memory."""
        depth = len(root.dims)
        if root.fixed:
            return root
        keep = [d for d in range(depth) if root.dims[d] != 1]
        if len(keep) > 1:
            places = [p.offset for p in self.reads(root).places]
            target = place(root.node, root.node.shape, root.target, depth).offset

            def badness(d: int) -> tuple[float, int]:
                jumps = sum(o[1 + d] not in (0, 1) for o in places)
                jumps += target[1 + d] not in (0, 1) or (target[1 + d] == 0 and not root.reduced[d])
                short = root.dims[d] < self.lanes and max(root.dims) >= 4 * self.lanes
                return jumps + (3 * len(places) + 3 if short else 0), -d

            inner = min(keep, key=badness)
            keep = [d for d in keep if d != inner] + [inner]
        return root.permuted(keep) if keep != list(range(depth)) else root

    def _grouped(self) -> list[Step]:
        steps: list[Step] = []
        ready: dict[Node, int] = {}  # owner -> number of the step that finishes it
        self.info: dict[Root, Reads] = {}
        self.group_of: dict[Node, set[int]] = {}
        parts_of: dict[Node, list[Node]] = {}
        for part, (whole, _) in self.inside.items():
            parts_of.setdefault(whole, []).append(part)
        for n in self.graph.nodes:
            if n in self.calls:
                ready[n] = len(steps)
                ready.update(dict.fromkeys(self.parts.get(n, ()), len(steps)))
                steps.append(Call(n, self.calls[n]))
                continue
            last_stage, floor = -1, 0
            for root in self.roots.get(n, ()):
                if root.stage != last_stage and root.node is n:
                    last_stage, floor = root.stage, ready.get(n, -1) + 1
                if root not in self._order:
                    self._order[root] = self._arranged(root)
                ready[root.node] = max(ready.get(root.node, 0), self._join(steps, ready, self._order[root], floor))
            for part in parts_of.get(n, ()):
                ready[n] = max(ready.get(n, 0), ready[part])
        return steps

    def _join(self, steps: list[Step], ready: dict[Node, int], root: Root, floor: int) -> int:
        reads = self.info[root] = self.reads(root)
        depth = len(root.dims)
        earliest, forwarded = floor, -1
        for p in reads.places:
            at = ready.get(p.buffer)
            if at is None:
                continue
            step = steps[at]
            here = isinstance(step, Group) and step.dims == root.dims and not p.dynamic and self._stores(step, p, depth)
            earliest = max(earliest, at if here else at + 1)
            if here:
                forwarded = max(forwarded, at)
        for i in range(earliest, len(steps)):
            step = steps[i]
            if isinstance(step, Group) and step.dims == root.dims and self._fits(step, root, reads, i == forwarded):
                break
        else:
            i = len(steps)
            steps.append(Group(root.dims))
        group = steps[i]
        assert isinstance(group, Group)
        group.roots.append(root)
        group.cost += reads.cost
        for n in reads.computed:
            self.group_of.setdefault(n, set()).add(i)
        return i

    def _stores(self, group: Group, p: Place, depth: int) -> bool:
        """Whether every write of the group to this memory is the very entry read: then it is still in a register."""
        writes = [r for r in group.roots if r.node is p.buffer]
        return bool(writes) and all(
            r.op == "store" and place(r.node, r.node.shape, r.target, depth) == p for r in writes
        )

    def _fits(self, group: Group, root: Root, reads: Reads, forwarded: bool) -> bool:
        """Whether a root shares enough with a group to join it."""
        if len(group.roots) >= 24:
            return False
        if any(r.op == "add" or r.fixed for r in (root, *group.roots)) or not root.terms or not group.roots[0].terms:
            return False
        if any(r.node is root.node and r.stage != root.stage for r in group.roots):
            return False
        if forwarded or math.prod(root.dims) <= 4096:
            return True
        mine = {p.buffer for p in reads.places}
        theirs = {p.buffer for r in group.roots for p in self.info[r].places}
        return bool(mine & theirs) or (not mine and not theirs)

    def _share(self, all_: bool) -> bool:
        """Give memory to virtual nodes that are dear and computed more than once; whether there were any."""
        cost: dict[Node, float] = {}
        uses: dict[Node, int] = {}
        spread: set[Node] = set()  # read at several indices, or for many more entries than it has
        for root, reads in self.info.items():
            entries = math.prod(root.dims)
            for n, at in reads.computed.items():
                size = math.prod(n.shape)
                uses[n] = uses.get(n, 0) + math.ceil(len(at) * max(1.0, entries / max(size, 1)))
                if len(at) > 1 or entries >= 2 * max(size, 1) > 0:
                    spread.add(n)
        todo = []
        for n in self.graph.nodes:
            if n in self.virtual and n.prim in native:
                cost[n] = native[n.prim].cost + sum(cost.get(a, 1.0) for a in n.args)
                if cost[n] > CHEAP and uses.get(n, 0) > 1 and (len(self.group_of.get(n, ())) > 1 or n in spread):
                    todo.append(n)
            elif is_view(n):
                cost[n] = cost.get(n.args[0], 1.0)
        # those nearest to the inputs first: behind them the rest may have become cheap
        chosen, behind = set(todo), set[Node]()
        for n in () if all_ else self.graph.nodes:
            if any(a in chosen or a in behind for a in n.args):
                behind.add(n)
        shallow = [n for n in todo if n not in behind]
        for n in shallow:
            self._materialize(n)
        new = set(shallow)
        self._known = {r: reads for r, reads in self._known.items() if new.isdisjoint(reads.seen)}
        return bool(shallow)


def _items(n: Node) -> list[Node]:
    """A node for each result of a primitive with several."""
    return [make(P.item, (n,), s, d, {"index": i}) for i, (s, d) in enumerate(zip(n.shape, n.dtype, strict=True))]


def _looked_up(n: Node) -> bool:
    """Whether a view reads its entries at computed indices."""
    while is_view(n):
        if n.prim is P.getitem and n.args[1:]:
            return True
        n = n.args[0]
    return False
