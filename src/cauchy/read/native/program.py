"""A graph as IR text: the plan's steps written out as functions over one layout of memory.

`@NAME.code(in..., out..., scratch)` takes a pointer for each input (the graph's, then the captured arrays), for each
output, and one to scratch memory; it gives 0, the number of the guard that failed, or -1 for a computed
index out of bounds. Rolled loops call the code of their bodies, which are programs of their own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ... import ops as P
from ...graph import CONST, Graph, Guard, Node
from ...rewrite import EXACT, make, number, rewrite, soft
from ..derive.merge import merge_scans
from . import rolled
from .access import aligned
from .blas import gemm
from .chunks import LONGEST, split
from .columns import Columns, columned
from .ir import Builder
from .keep import Pairs, kept, wanted
from .lanecode import LaneLoop
from .lanes import Cut, outlined
from .llvm import vector_bytes
from .own import family
from .plan import Call, Group, Plan
from .tile import Tiled
from .unroll import Unrolled, small

OK, OUT_OF_BOUNDS = 0, -1
MANY = 500  # places in scratch memory from which no room is looked for between them


def prepared(graph: Graph) -> Graph:
    """The graph as it is compiled: exact rewrites done, guards as truth values, every output memory of its own."""
    graph = rewrite(rewrite(merge_scans(graph), soft), *EXACT)
    guards = tuple(Guard(_holds(g), True, g.site) for g in graph.guards)
    outputs: list[Node] = []
    for n in graph.outputs:
        if n in graph.inputs or n.prim is CONST or n.prim in (P.reshape, P.item) or n in outputs:
            outputs.append(make(P.identity, (n,), n.shape, n.dtype, None, n.site))
        else:
            outputs.append(n)
    return outlined(Graph(graph.inputs, tuple(outputs), guards, graph.name, graph.names))


def _holds(g: Guard) -> Node:
    """Whether a guarded value is what it was: one truth value."""
    outcome = np.asarray(g.outcome)
    if outcome.shape == ():
        want = number(outcome.item()) if outcome.dtype.kind != "f" else Node(CONST, (), {}, outcome[()])
    else:
        want = Node(CONST, (), {}, np.ascontiguousarray(outcome))
    if g.node.dtype.kind == "b" and outcome.shape == ():
        same = g.node if outcome else make(P.logical_not, (g.node,), g.node.shape, np.bool_)
    else:
        same = make(P.equal, (g.node, want), g.node.shape, np.bool_, None, g.site)
    if same.shape:
        same = make(P.all, (same,), (), np.bool_, {"axis": None, "keepdims": False}, g.site)
    return same


@dataclass
class Text:
    """What the programs of one module write into."""

    functions: list[str] = field(default_factory=list)
    declares: set[str] = field(default_factory=set)
    needs: set[tuple[str, str, int]] = field(default_factory=set)
    far_needs: set[tuple[str, str, int]] = field(default_factory=set)
    constants: list[np.ndarray] = field(default_factory=list)  # their addresses stand in the text
    bodies: dict[Any, Program] = field(default_factory=dict)  # of rolled loops, by the identity of their graph
    count: int = 0
    long: int = 0  # lines of the longest straight-line code

    def body(self, graph: Graph, pairs: Pairs) -> Program:
        key = id(graph), *pairs.items()
        if key not in self.bodies:
            self.bodies[key] = Program(graph, self, self.name("body"), pairs)
        return self.bodies[key]

    def take(self, b: Builder) -> None:
        self.declares |= b.declares
        self.needs |= b.needs
        self.far_needs |= b.far_needs

    def name(self, hint: str) -> str:
        self.count += 1
        return f"{hint}{self.count}"


@dataclass(frozen=True)
class Segment:
    """Steps that run without Python: the name of their function, and the Python steps that come after."""

    name: str
    after: tuple[Node, ...]


class Program:
    """The functions of a graph. `segments` are more than one where Python steps stand between them.

    `keeps`: outputs that may be left unwritten, each with a flag that says so, because they are as the inputs that
    `pairs` gives for them.
    """

    def __init__(self, graph: Graph, text: Text, name: str = "kernel", pairs: Pairs | None = None) -> None:
        self.graph, self.text, self.name = prepared(graph), text, name
        self.kept = kept(self.graph, pairs or {})
        self.keeps = sorted(self.kept.passed)
        self.count = len(self.graph.outputs)
        self.numbers = [i for i in range(self.count) if i not in self.kept.passed]
        self.graph = replace(self.graph, outputs=tuple(self.graph.outputs[i] for i in self.numbers))
        self.work, self.scratch = 0.0, 0
        self.plan: Plan | None = None
        self.captured = tuple(n for n in self.graph.nodes if n.prim is CONST and n.origin is not None)
        cut = columned(self.graph)
        if cut is not None or small(self.graph):
            self.slots, self.values = (*self.graph.inputs, *self.captured), ()
            self._write_unrolled(cut)
            return
        self.plan = Plan(self.graph, vector_bytes() // 8, self._rolls)
        self.values = tuple(n for n, how in self.plan.calls.items() if how == "value")
        self.slots = (*self.graph.inputs, *self.captured, *(n for n in self.values if n.prim.outputs == 1))
        self._bodies()
        said = {j: any(i in b.keeps for b in self.bodies.get(n, ())) for j, (n, i) in self.kept.branched.items()}
        self.keeps = sorted({*self.keeps, *(j for j, yes in said.items() if yes)})
        self._lay_out()
        self._write()

    @property
    def planned(self) -> Plan:
        """The plan, where there is one: small graphs are unrolled without."""
        assert self.plan is not None
        return self.plan

    def _programs(self, n: Node) -> tuple[Program, ...]:
        return tuple(map(self.text.body, rolled.graphs(n), wanted(n, self.kept.wanted.get(n, {}))))

    def _rolls(self, n: Node) -> bool:
        """Whether the bodies of a rolled loop run without Python."""
        return not any(p.values or p.graph.guards for p in self._programs(n))

    def _bodies(self) -> None:
        """The bodies of rolled loops become programs first: their scratch memory is part of ours."""
        self.bodies: dict[Node, tuple[Program, ...]] = {}
        self.loops: dict[Node, LaneLoop] = {}
        for n, how in self.planned.calls.items():
            if how == "lanes":
                self.loops[n] = LaneLoop(n, self.text.name("lanes"), vector_bytes())
            if how == "rolled":
                self.bodies[n] = self._programs(n)

    # -- memory ------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        """Where each owner lives: ("in", i), ("out", i) or ("scratch", offset)."""
        plan, graph = self.planned, self.graph
        self.where: dict[Node, tuple[str, int]] = {n: ("in", i) for i, n in enumerate(self.slots)}
        for i, n in zip(self.numbers, graph.outputs, strict=True):
            self.where.setdefault(n, ("out", i))
        first: dict[Node, int] = {}
        last: dict[Node, int] = {}
        for k, step in enumerate(plan.steps):
            for n in map(self._home, self._touched(step)):
                first.setdefault(n, k)
                last[n] = k
        for n in (g.node for g in graph.guards):
            last[plan.owner(n)] = len(plan.steps)
        laid: list[tuple[int, int, int]] = []  # (last step, offset, size)
        self.scratch = 0
        for n in sorted(first, key=lambda n: (first[n], n.index)):
            if n in self.where or n.prim is CONST:
                continue
            size = self._bytes(n)
            at = 0 if len(laid) < MANY else self.scratch
            for o, s in () if len(laid) >= MANY else sorted((o, s) for end, o, s in laid if end >= first[n]):
                if at + size <= o:
                    break
                at = max(at, o + s)
            laid.append((last[n], at, size))
            self.where[n] = ("scratch", at)
            self.scratch = max(self.scratch, at + size)

    def _home(self, n: Node) -> Node:
        """The node in whose memory this one lies."""
        while n in self.planned.inside:
            n = self.planned.inside[n][0]
        return n

    def _bytes(self, n: Node) -> int:
        if n in self.loops:
            return aligned(self.loops[n].scratch())
        if n in self.bodies:
            return rolled.scratch(n, [b.scratch for b in self.bodies[n]])
        return aligned(math.prod(n.shape) * n.dtype.itemsize)

    def _touched(self, step: Group | Call) -> set[Node]:
        plan = self.planned
        if isinstance(step, Group):
            return {r.node for r in step.roots} | {p.buffer for r in step.roots for p in plan.info[r].places}
        args = {plan.owner(a) for a in plan.reads_of(step.node, step.how) if not isinstance(a.dtype, tuple)}
        if step.how == "own":
            return args | {plan.work[step.node], *plan.parts[step.node]}
        if step.how in ("rolled", "lanes"):
            return args | {step.node, *plan.parts[step.node]}
        return args | ({step.node} if step.node.prim.outputs == 1 else set())

    def _pointer(self, n: Node, lines: list[str], known: dict[Node, str]) -> str:
        if n not in known:
            if n.prim is CONST and n.origin is None:
                a = np.asarray(n.value, n.dtype.newbyteorder("="), order="C")
                self.text.constants.append(a)
                known[n] = f"inttoptr (i64 {a.ctypes.data} to ptr)"
            elif n in self.planned.inside:
                whole, before = self.planned.inside[n]
                base = self._pointer(whole, lines, known)
                known[n] = f"%b{len(known)}"
                lines.append(f"  {known[n]} = getelementptr i8, ptr {base}, i64 {before * n.dtype.itemsize}")
            else:
                space, at = self.where[n]
                if space == "scratch":
                    known[n] = f"%b{len(known)}"
                    lines.append(f"  {known[n]} = getelementptr i8, ptr %scratch, i64 {at}")
                else:
                    known[n] = f"%{space}{at}"
        return known[n]

    # -- text --------------------------------------------------------------------------------------------------

    def _write(self) -> None:
        self.segments: list[Segment] = []
        self.straight: list[int] = []  # which functions are steps without a loop
        lines: list[str] = []
        known: dict[Node, str] = {}
        waiting: list[Node] = []

        def close(final: bool) -> None:
            nonlocal lines, known, waiting
            if final:
                lines += self._guards(known)
            name = self.name if final and not self.segments else f"{self.name}.{len(self.segments)}"
            self.text.functions.append(self._function(name, lines))
            self.segments.append(Segment(name, tuple(waiting)))
            lines, known, waiting = [], {}, []

        for k, step in enumerate(self.planned.steps):
            if isinstance(step, Call) and step.how == "value":
                waiting.append(step.node)
                continue
            if waiting:
                close(False)
            lines += self._step(k, step, known)
        close(True)
        written = self.text.functions
        if sum(written[i].count("\n") for i in self.straight) > LONGEST:  # in one place LLVM would take too long
            for i in self.straight:
                written[i] = written[i].replace(" alwaysinline ", " noinline ", 1)

    def _write_unrolled(self, cut: Cut | None) -> None:
        parts = self.graph, self.slots, self.numbers
        code = Unrolled(*parts) if cut is None else Columns(*parts, cut)
        self.text.take(code.b)
        self.text.long = max(self.text.long, len(code.b.lines))
        pieces, lines, self.scratch = split(code.b.lines, self.name)
        self.text.functions += [*pieces, self._function(self.name, lines)]
        self.segments = [Segment(self.name, ())]

    def _step(self, k: int, step: Group | Call, known: dict[Node, str]) -> list[str]:
        lines: list[str] = []
        plan = self.planned
        name = self.text.name("step")
        checked, more = False, list[str]()
        if isinstance(step, Group):
            nest = Tiled(plan, step, name, vector_bytes())
            body, args, checked = nest.write(), list(nest.pointers), nest.checked
            self.text.take(nest.b)
            self.work += math.prod(step.dims) * step.cost
            if not step.dims:
                self.straight.append(len(self.text.functions))
        elif step.how == "blas":
            body, args = gemm(step.node, name)
            self.work += math.prod(step.node.shape) * 8.0
        elif step.how == "own":
            writer = family(step.node)
            assert writer is not None
            body, code = writer.write(step.node, name)
            args, checked = [*step.node.args, *plan.parts[step.node], plan.work[step.node]], True
            self.work += writer.work(step.node)
            self.text.take(code)
        elif step.how == "lanes":
            loop = self.loops[step.node]
            name, body = loop.name, loop.write()
            args, checked = [*step.node.args, *plan.parts[step.node], step.node], loop.checked
            self.work += loop.body.n * len(loop.b.lines) / loop.width
            self.text.take(loop.b)
        else:
            bodies = self.bodies[step.node]
            flags = {i: f"%kept{j}" for j, (n, i) in self.kept.branched.items() if n is step.node and j in self.keeps}
            body, work = rolled.write(step.node, name, bodies, plan.parts[step.node], sorted(flags))
            args, checked = [*step.node.args, *plan.parts[step.node], step.node], True
            more = [flags[i] for i in sorted(flags)]
            self.work += work
            self.text.declares.add("declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)")
        self.text.functions.append(body)
        found = [*(self._pointer(plan.owner(a), lines, known) for a in args), *more]
        pointers = ", ".join(f"ptr {p}" for p in found)
        lines.append(f"  %s{k} = call i1 @{name}({pointers})")
        if checked:
            lines += [f"  br i1 %s{k}, label %bad, label %on{k}", f"on{k}:"]
        return lines

    def _function(self, name: str, lines: list[str]) -> str:
        """The code over single pointers, and a function that takes them as arrays."""
        params = [f"%in{i}" for i in range(len(self.slots))] + [f"%out{i}" for i in range(self.count)]
        params += [f"%kept{j}" for j in self.keeps]
        head = ", ".join(f"ptr noalias {p}" for p in (*params, "%scratch"))
        inline = " alwaysinline" if self.name == "kernel" else ""
        code = [
            f"define internal i32 @{name}.code({head}){inline} nounwind {{",
            "entry:",
            *(f"  store i8 1, ptr %kept{j}" for j in sorted(self.kept.passed)),
            *lines,
            "  ret i32 0",
            "bad:",
            f"  ret i32 {OUT_OF_BOUNDS}",
            "}",
        ]
        if self.name != "kernel":
            return "\n".join(code)
        loads: list[str] = []
        for p in params:
            space, i = ("in", p[3:]) if p.startswith("%in") else ("out", p[4:])
            loads += [f"  {p}.p = getelementptr ptr, ptr %{space}, i64 {i}", f"  {p} = load ptr, ptr {p}.p"]
        entry = [
            f"define i32 @{name}(ptr noalias %in, ptr noalias %out, ptr noalias %scratch) nounwind {{",
            *loads,
            f"  %status = call i32 @{name}.code({', '.join(f'ptr {p}' for p in (*params, '%scratch'))})",
            "  ret i32 %status",
            "}",
        ]
        return "\n".join([*code, "", *entry])

    def _guards(self, known: dict[Node, str]) -> list[str]:
        out: list[str] = []
        for k, g in enumerate(self.graph.guards):
            if g.node.prim is CONST and g.node.origin is None:
                out.append(f"  %h{k} = icmp ne i8 {int(bool(g.node.value))}, 0")
            else:
                p = self._pointer(self.planned.owner(g.node), out, known)
                out += [f"  %g{k} = load i8, ptr {p}", f"  %h{k} = icmp ne i8 %g{k}, 0"]
            out += [
                f"  br i1 %h{k}, label %held{k}, label %fail{k}",
                f"fail{k}:",
                f"  ret i32 {k + 1}",
                f"held{k}:",
            ]
        return out
