"""The loop of a `LANES` node: its small graph, written once with a vector of lanes for each number.

The body is a function of the first lane's index and a mask. The entries that do not fill a vector are done
with the last full vector again, masked where a fold has had them. A fold has an accumulator vector for each of its
entries, in memory; after `FLUSH` rounds they are added to totals, so a sum of n entries errs by at most
(FLUSH + n/(FLUSH lanes) + log2(lanes)) u sum |x| to first order.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...graph import CONST, Node
from .access import strides
from .ir import BITS, BYTES, LLVM_TYPE, Builder, Value, kind_of, storage
from .lanes import Body
from .loopnest import identity_of
from .nest import combine
from .scalar import converted, native
from .unroll import Entries

FLUSH = 256


def width_of(body: Body, vector_bytes: int) -> int:
    """Two registers at once for folds: what all lanes share (constants, weights) is loaded once for both, and the
    latencies of two sums overlap. Bodies that only store gain nothing from it."""
    bits = max(BITS[kind_of(n.dtype)] for n in body.graph.nodes if n.prim is not CONST)
    return (2 if body.folds else 1) * 8 * vector_bytes // max(bits, 32)


class LaneLoop:
    """Writes `i1 @name(arguments..., results..., scratch)` for a body."""

    def __init__(self, node: Node, name: str, vector_bytes: int) -> None:
        self.node, self.name = node, name
        self.body: Body = node.params["body"]
        self.width = width_of(self.body, vector_bytes)
        self.b = Builder(self.width)
        graph = self.body.graph
        dear = sum(math.prod(n.shape) for n in graph.nodes if n.prim in native and native[n.prim].cost > 20)
        self.b.far = dear > 8
        self.folds = list(zip(graph.outputs[len(self.body.stores) :], self.body.folds, strict=True))
        self.args = [f"%a{i}" for i in range(len(node.args))]
        self.outs = [f"%o{i}" for i in range(len(graph.outputs))]
        self.checked = False

    def sizes(self) -> list[int]:
        """Bytes of the accumulators of each fold."""
        return [self.width * math.prod(n.shape) * BYTES[storage(kind_of(n.dtype))] for n, _ in self.folds]

    def scratch(self) -> int:
        return 2 * sum(self.sizes())

    def write(self) -> str:
        lanes = [self._lane(masked=False)]
        if self.body.n % self.width:
            lanes.append(self._lane(masked=True))
        return "\n\n".join([*lanes, self._loop()])

    @property
    def parameters(self) -> str:
        return ", ".join(f"ptr noalias {p}" for p in (*self.args, *self.outs, "%scratch"))

    # -- one vector of lanes ------------------------------------------------------------------------------------

    def _lane(self, masked: bool) -> str:
        """The body for one vector: without a mask for the loop, with one for the entries that do not fill a vector."""
        b, graph = self.b, self.body.graph
        b.lines = []
        env: dict[Node, np.ndarray] = {}
        for k, (n, how) in enumerate(zip(graph.inputs, self.body.inputs, strict=True)):
            whole = self.node.args[k]
            if how.kind == "uniform":
                env[n] = self._uniform(self.args[k], n)
            elif how.kind == "gather":
                env[n] = self._gathered(self.args[k], whole, env[n.args[0]].item(), n)
            else:
                env[n] = self._loaded(self.args[k], whole, how.axis, n)
        entries = Entries(b, graph, env)
        for k, axis in enumerate(self.body.stores):
            self._stored(self.outs[k], entries.entries(graph.outputs[k], kind_of(graph.outputs[k].dtype)), axis, k)
        at = 0
        for (n, op), size in zip(self.folds, self.sizes(), strict=True):
            self._folded(entries.entries(n, kind_of(n.dtype)), op, n, at, masked)
            at += size
        bad = ["  %failed = load i1, ptr %bad", "  ret i1 %failed"] if self.checked else ["  ret i1 false"]
        start = ["  %bad = alloca i1", "  store i1 false, ptr %bad"] if self.checked else []
        name, mask = ("some", f", <{self.width} x i1> %mask") if masked else ("lane", "")
        head = f"define internal i1 @{self.name}.{name}({self.parameters}, i64 %i{mask}) nounwind {{"
        return "\n".join([head, "entry:", *start, *b.lines, *bad, "}"])

    def _uniform(self, pointer: str, n: Node) -> np.ndarray:
        kind = kind_of(n.dtype)
        t = storage(kind)

        def one(k: int) -> Value:
            p = self._scalar(f"getelementptr {t}, ptr {pointer}, i64 {k}", "ptr")
            v = self._scalar(f"load {t}, ptr {p.ref}", kind)
            if kind == "i1":
                v = self._scalar(f"icmp ne i8 {v.ref}, 0", "i1")
            return self.b.everywhere(v)

        return _entries(n.shape, one)

    def _scalar(self, text: str, kind: str) -> Value:
        self.b.width = 1
        v = self.b.emit(text, kind)
        self.b.width = self.width
        return v

    def _offsets(self, shape: tuple[int, ...], axis: int) -> tuple[int, list[int]]:
        """Entries from lane to lane, and where each entry of a lane stands."""
        steps = strides(shape)
        rest = [d for d in range(len(shape)) if d != axis]
        places = [
            sum(i * steps[d] for i, d in zip(at, rest, strict=True)) for at in np.ndindex(*[shape[d] for d in rest])
        ]
        return steps[axis], places

    def _row(self, pointer: str, t: str, step: int) -> str:
        at = self._scalar(f"mul i64 %i, {step}", "i64").ref if step != 1 else "%i"
        return self._scalar(f"getelementptr {t}, ptr {pointer}, i64 {at}", "ptr").ref

    def _loaded(self, pointer: str, whole: Node, axis: int, n: Node) -> np.ndarray:
        kind = kind_of(n.dtype)
        t, w, b = storage(kind), self.width, self.b
        step, places = self._offsets(whole.shape, axis)
        row = self._row(pointer, t, step)

        def one(k: int) -> Value:
            if step == 1:
                p = self._scalar(f"getelementptr {t}, ptr {row}, i64 {places[k]}", "ptr").ref
                v = b.emit(f"load <{w} x {t}>, ptr {p}, align {BYTES[t]}", kind)
            else:
                v = self._collected([(row, places[k] + lane * step) for lane in range(w)], t, kind)
            return b.emit(f"icmp ne <{w} x i8> {v.ref}, zeroinitializer", "i1") if kind == "i1" else v

        return _entries(n.shape, one)

    def _collected(self, where: list[tuple[str, int]], t: str, kind: str) -> Value:
        ref, w = "poison", self.width
        for lane, (row, at) in enumerate(where):
            p = self._scalar(f"getelementptr {t}, ptr {row}, i64 {at}", "ptr").ref
            v = self._scalar(f"load {t}, ptr {p}", kind)
            ref = self.b.emit(f"insertelement <{w} x {t}> {ref}, {t} {v.ref}, i64 {lane}", kind).ref
        return Value(self.b, ref, kind)

    def _gathered(self, pointer: str, source: Node, index: Value, n: Node) -> np.ndarray:
        b, w, kind = self.b, self.width, kind_of(n.dtype)
        t, rows = storage(kind), source.shape[0]
        i = converted(b, index, "i64")
        i = b.select(i.lt(0), i + rows, i)
        i = b.bounded(i, rows)
        self.checked = True
        size = math.prod(source.shape[1:])
        lanes = []
        for lane in range(w):
            at = self._scalar(f"extractelement <{w} x i64> {i.ref}, i64 {lane}", "i64")
            at = self._scalar(f"mul i64 {at.ref}, {size}", "i64")
            lanes.append(self._scalar(f"getelementptr {t}, ptr {pointer}, i64 {at.ref}", "ptr").ref)

        def one(k: int) -> Value:
            v = self._collected([(row, k) for row in lanes], t, kind)
            return b.emit(f"icmp ne <{w} x i8> {v.ref}, zeroinitializer", "i1") if kind == "i1" else v

        return _entries(n.shape, one)

    def _stored(self, pointer: str, entries: np.ndarray, axis: int, k: int) -> None:
        b, w = self.b, self.width
        shape, kind = self.node.shape[k], kind_of(self.node.dtype[k])
        t = storage(kind)
        step, places = self._offsets(shape, axis)
        row = self._row(pointer, t, step)
        for entry, at in zip(entries.ravel(), places, strict=True):
            v = b.emit(f"zext <{w} x i1> {entry.ref} to <{w} x i8>", "i8") if kind == "i1" else entry
            if step == 1:
                p = self._scalar(f"getelementptr {t}, ptr {row}, i64 {at}", "ptr").ref
                b.do(f"store <{w} x {t}> {v.ref}, ptr {p}, align {BYTES[t]}")
                continue
            for lane in range(w):
                p = self._scalar(f"getelementptr {t}, ptr {row}, i64 {at + lane * step}", "ptr").ref
                x = self._scalar(f"extractelement <{w} x {t}> {v.ref}, i64 {lane}", kind)
                b.do(f"store {t} {x.ref}, ptr {p}")

    def _folded(self, entries: np.ndarray, op: str, n: Node, at: int, masked: bool) -> None:
        b, w, kind = self.b, self.width, kind_of(n.dtype)
        t = LLVM_TYPE[kind]
        neutral = b.const(kind, identity_of(op, kind, False))
        size = w * BYTES[storage(kind)]
        for k, entry in enumerate(entries.ravel()):
            v = entry
            if masked:
                v = b.emit(f"select <{w} x i1> %mask, <{w} x {t}> {entry.ref}, <{w} x {t}> {neutral.ref}", kind)
            p = self._scalar(f"getelementptr i8, ptr %scratch, i64 {at + k * size}", "ptr").ref
            old = b.emit(f"load <{w} x {t}>, ptr {p}, align 8", kind)
            b.do(f"store <{w} x {t}> {combine(b, op, old, v).ref}, ptr {p}, align 8")

    # -- all of them ---------------------------------------------------------------------------------------------

    def _loop(self) -> str:
        n, w, b = self.body.n, self.width, Builder()
        whole = n // w * w
        total = sum(self.sizes())
        call = ", ".join(f"ptr {p}" for p in (*self.args, *self.outs, "%scratch"))
        lines = [f"define internal i1 @{self.name}({self.parameters}) alwaysinline nounwind {{", "entry:"]
        lines += self._each(b, "set", self._identities)
        lines += [
            "  br label %loop",
            "loop:",
            "  %i = phi i64 [0, %PRE], [%i.next, %end]",
            "  %bad = phi i1 [false, %PRE], [%bad.next, %end]",
            f"  %now = call i1 @{self.name}.lane({call}, i64 %i)",
            "  %bad.next = or i1 %bad, %now",
            f"  %i.next = add nuw nsw i64 %i, {w}",
        ]
        pre = next((x[:-1] for x in reversed(lines[: lines.index("loop:")]) if x.endswith(":")), "entry")
        lines = [x.replace("%PRE", f"%{pre}") for x in lines]
        if n > 2 * FLUSH * w and total:
            lines += [
                f"  %full = urem i64 %i.next, {FLUSH * w}",
                "  %flush = icmp eq i64 %full, 0",
                "  br i1 %flush, label %add, label %end",
                "add:",
                *self._each(b, "add", self._added),
                "  br label %end",
            ]
        else:
            lines += ["  br label %end"]
        lines += [
            "end:",
            f"  %more = icmp ult i64 %i.next, {whole}",
            "  br i1 %more, label %loop, label %rest",
            "rest:",
        ]
        last = "%bad.next"
        if whole < n:
            mask = ", ".join(f"i1 {'true' if whole - (n - w) <= k else 'false'}" for k in range(w))
            lines += [
                f"  %tail = call i1 @{self.name}.some({call}, i64 {n - w}, <{w} x i1> <{mask}>)",
                "  %failed = or i1 %bad.next, %tail",
            ]
            last = "%failed"
        lines += self._each(b, "fold", self._horizontal)
        return "\n".join([*lines, f"  ret i1 {last}", "}"])

    def _each(self, b: Builder, hint: str, body: Any) -> list[str]:
        """A loop over the entries of each fold."""
        lines: list[str] = []
        at = 0
        for k, ((n, op), size) in enumerate(zip(self.folds, self.sizes(), strict=True)):
            count = math.prod(n.shape)
            if count:
                label = f"{hint}{k}"
                b.lines = []
                b.width = self.width
                body(b, k, n, op, at, f"%{label}.k")
                lines += [
                    f"  br label %{label}.pre",
                    f"{label}.pre:",
                    f"  br label %{label}",
                    f"{label}:",
                    f"  %{label}.k = phi i64 [0, %{label}.pre], [%{label}.next, %{label}]",
                    *b.lines,
                    f"  %{label}.next = add nuw nsw i64 %{label}.k, 1",
                    f"  %{label}.more = icmp ult i64 %{label}.next, {count}",
                    f"  br i1 %{label}.more, label %{label}, label %{label}.out",
                    f"{label}.out:",
                ]
            at += size
        return lines

    def _places(self, b: Builder, n: Node, at: int, k: str) -> tuple[str, str, str]:
        """Pointers to an accumulator and to its total, and the vector's type."""
        w, kind = self.width, kind_of(n.dtype)
        t = f"<{w} x {LLVM_TYPE[kind]}>"
        refs = []
        for start in (at, at + sum(self.sizes())):
            base = b.emit(f"getelementptr i8, ptr %scratch, i64 {start}", "ptr").ref
            offset = b.emit(f"mul i64 {k}, {w * BYTES[storage(kind)]}", "i64").ref
            refs.append(b.emit(f"getelementptr i8, ptr {base}, i64 {offset}", "ptr").ref)
        return refs[0], refs[1], t

    def _identities(self, b: Builder, _: int, n: Node, op: str, at: int, k: str) -> None:
        kind = kind_of(n.dtype)
        v = b.const(kind, identity_of(op, kind, False)).ref
        here, there, t = self._places(b, n, at, k)
        for p in (here, there):
            b.do(f"store {t} {v}, ptr {p}, align 8")

    def _added(self, b: Builder, _: int, n: Node, op: str, at: int, k: str) -> None:
        kind = kind_of(n.dtype)
        here, there, t = self._places(b, n, at, k)
        x, y = (b.emit(f"load {t}, ptr {p}, align 8", kind) for p in (there, here))
        b.do(f"store {t} {combine(b, op, x, y).ref}, ptr {there}, align 8")
        b.do(f"store {t} {b.const(kind, identity_of(op, kind, False)).ref}, ptr {here}, align 8")

    def _horizontal(self, b: Builder, i: int, n: Node, op: str, at: int, k: str) -> None:
        kind = kind_of(n.dtype)
        here, there, t = self._places(b, n, at, k)
        x, y = (b.emit(f"load {t}, ptr {p}, align 8", kind) for p in (there, here))
        v = combine(b, op, x, y)
        b.width = 1
        lanes = [b.emit(f"extractelement {t} {v.ref}, i64 {lane}", kind) for lane in range(self.width)]
        while len(lanes) > 1:
            lanes = [combine(b, op, p, q) for p, q in zip(lanes[::2], lanes[1::2], strict=True)]
        out = self.outs[len(self.body.stores) + i]
        p = b.emit(f"getelementptr {storage(kind)}, ptr {out}, i64 {k}", "ptr").ref
        last = b.emit(f"zext i1 {lanes[0].ref} to i8", "i8") if kind == "i1" else lanes[0]
        b.do(f"store {storage(kind)} {last.ref}, ptr {p}")


def _entries(shape: tuple[int, ...], one: Any) -> np.ndarray:
    out = np.empty(math.prod(shape), object)
    for k in range(len(out)):
        out[k] = one(k)
    return out.reshape(shape)
