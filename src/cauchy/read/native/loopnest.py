"""The loops around the bodies of a `Nest`: vector loop, remainder, accumulators, and the function they make."""

from __future__ import annotations

import math
from typing import Any

from .access import place
from .ir import BITS, LLVM_TYPE, Value, is_float, kind_of, literal, storage
from .nest import BLOCK, CHEAP_BODY, LONG, STRAIGHT, UNROLL, Nest, combine
from .roots import FOLDS, RUNNING, Root


def identity_of(op: str, kind: str, empty: bool) -> Any:
    """What a fold starts from: the element that changes nothing, -0.0 for sums (0.0 + -0.0 would be 0.0)."""
    if op in ("sum", "count"):
        return 0 if empty or not is_float(kind) else -0.0
    if op == "prod":
        return 1
    if op in ("any", "all"):
        return op == "all"
    if kind == "i1":
        return op == "min"
    if is_float(kind):
        return -math.inf if op == "max" else math.inf
    bits, signed = BITS[kind], kind[0] == "i"
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return low if op == "max" else high


class LoopNest(Nest):
    """`write()` gives the function's text: `i1 @name(ptr ...)`, true if a computed index was out of bounds."""

    def write(self) -> str:
        self.text: list[str] = ["entry:"]
        body = self._scalar() if not self.top else self._loops()
        if self.checked:
            self.text += ["  %bad = alloca i1", "  store i1 false, ptr %bad"]
        self.text += self.fills + self.levels[0] * bool(self.top) + body
        if self.checked:
            self.text += ["  %failed = load i1, ptr %bad", "  ret i1 %failed"]
        else:
            self.text += ["  ret i1 false"]
        params = ", ".join(f"ptr noalias nonnull {p}" for p in self.pointers.values())
        return "\n".join([f"define internal i1 @{self.name}({params}) alwaysinline nounwind {{", *self.text, "}"])

    @property
    def roots(self) -> list[Root]:
        return self.group.roots

    # -- no loop at all ------------------------------------------------------------------------------------------

    def _running(self, r: Root) -> list[str]:
        """A fold along the innermost loop of which every partial result is stored."""
        b, label, kind, op = self.b, self.b.label("run"), kind_of(r.node.dtype), RUNNING[r.op]
        if not self.extents[-1]:
            return []
        j = f"%{label}.j"
        body = self.start_body(1, 1, (j, 0))
        v = self.value(r)
        with self.at(self.top):
            new = combine(b, op, Value(b, f"%{label}.a", kind), v)
        self._put(place(r.node, r.node.shape, r.target, self.depth), new, kind)
        start = literal(kind, identity_of(op, kind, False))
        return [
            f"  br label %{label}.pre",
            f"{label}.pre:",
            f"  br label %{label}",
            f"{label}:",
            f"  {j} = phi i64 [0, %{label}.pre], [{j}.next, %{label}]",
            f"  %{label}.a = phi {LLVM_TYPE[kind]} [{start}, %{label}.pre], [{new.ref}, %{label}]",
            *body,
            f"  {j}.next = add nuw nsw i64 {j}, 1",
            f"  {j}.more = icmp ult i64 {j}.next, {self.extents[-1]}",
            f"  br i1 {j}.more, label %{label}, label %{label}.out",
            f"{label}.out:",
        ]

    def _scalar(self) -> list[str]:
        self.fills: list[str] = []
        lines = self.start_body(1, 1, ("", 0))
        for r in self.roots:
            self.store(r, self.value(r))
        return lines

    # -- loops ---------------------------------------------------------------------------------------------------

    def _reduced(self, r: Root, loop: int) -> bool:
        return r.op in FOLDS and r.reduced[self.loops[loop][-1]]

    def _loops(self) -> list[str]:
        self.fills = []
        inner = self._running(self.roots[0]) if self.roots[0].fixed else self._innermost()
        for r in self.roots:
            if any(self._reduced(r, k) for k in range(self.top - self._reduced(r, self.top - 1))) or (
                self._reduced(r, self.top - 1) and not self.extents[-1]
            ):
                self._fill(r)
        lines = inner
        for loop in reversed(range(self.top - 1)):
            lines = self._around(loop, [*self.levels[loop + 1], *lines])
        return lines

    def _around(self, loop: int, body: list[str]) -> list[str]:
        i, label = f"%i{loop}", self.b.label("loop")
        if not self.extents[loop]:
            return []
        return [
            f"  br label %{label}.pre",
            f"{label}.pre:",
            f"  br label %{label}",
            f"{label}:",
            f"  {i} = phi i64 [0, %{label}.pre], [{i}.next, %{label}.end]",
            *body,
            f"  br label %{label}.end",
            f"{label}.end:",
            f"  {i}.next = add nuw nsw i64 {i}, 1",
            f"  {i}.more = icmp ult i64 {i}.next, {self.extents[loop]}",
            f"  br i1 {i}.more, label %{label}, label %{label}.out",
            f"{label}.out:",
        ]

    def _fill(self, r: Root) -> None:
        """The identity of a fold that goes on in memory."""
        kind, n = kind_of(r.node.dtype), math.prod(r.node.shape)
        empty = not math.prod(self.group.dims)
        t, label, p = storage(kind), self.b.label("fill"), self.pointer(r.node)
        v = literal(
            "i8" if kind == "i1" else kind,
            int(identity_of(r.op, kind, empty)) if kind == "i1" else identity_of(r.op, kind, empty),
        )
        if not n:
            return
        self.fills += [
            f"  br label %{label}.pre",
            f"{label}.pre:",
            f"  br label %{label}",
            f"{label}:",
            f"  %{label}.i = phi i64 [0, %{label}.pre], [%{label}.next, %{label}]",
            f"  %{label}.p = getelementptr {t}, ptr {p}, i64 %{label}.i",
            f"  store {t} {v}, ptr %{label}.p",
            f"  %{label}.next = add nuw nsw i64 %{label}.i, 1",
            f"  %{label}.more = icmp ult i64 %{label}.next, {n}",
            f"  br i1 %{label}.more, label %{label}, label %{label}.out",
            f"{label}.out:",
        ]

    # -- the innermost loop ----------------------------------------------------------------------------------------

    def _innermost(self) -> list[str]:
        n, w = self.extents[-1], self.width
        folds = [r for r in self.roots if self._reduced(r, self.top - 1)]
        many = UNROLL if folds and self.group.cost <= CHEAP_BODY and n >= 2 * UNROLL * w and w > 1 else 1
        whole, main = n // (many * w) * (many * w), n // w * w
        lines: list[str] = []
        acc: dict[Root, Value] = {}
        totals: dict[Root, Value] = {}
        if n >= LONG and folds and w > 1:
            lines += self._blocked(whole, w, many, folds, totals)
        elif whole:
            lines += self._loop("0", str(whole), w, many, folds, acc)
        if whole < main:
            lines += self._loop(str(whole), str(main), w, 1, folds, acc)
        parts: dict[Root, list[Value]] = {r: [] for r in folds}
        if main < n:
            rest = n - main
            tail = 1 << (rest - 1).bit_length()
            lines += self._tail(main, rest, tail, folds, acc, parts)
        self._finish(lines, folds, acc, totals, parts)
        return lines

    def _identity(self, r: Root) -> Value:
        kind = kind_of(r.node.dtype)
        return self.b.const(kind, identity_of(r.op, kind, False))

    def combine(self, op: str, x: Value, y: Value) -> Value:
        return combine(self.b, op, x, y)

    def _body(self, folds: list[Root]) -> dict[Root, Value]:
        """One round: stores and memory folds are done, what the register folds take is returned."""
        found: dict[Root, Value] = {}
        for r in self.roots:
            v = self.value(r)
            if r in folds:
                found[r] = v
            elif r.op in FOLDS and any(self._reduced(r, k) for k in range(self.top)):
                p = place(r.node, r.node.shape, r.target, self.depth)
                old = self._memory(p)
                with self.at(self.top):
                    v = self.combine(r.op, old, v)
                self._put(p, v, kind_of(r.node.dtype))
            else:
                self.store(r, v)
        return found

    def _memory(self, p: Any) -> Value:
        v, _ = self.load(p, ("fold", p), hoist=False)
        return v

    def _loop(self, start: str, stop: str, w: int, many: int, folds: list[Root], acc: dict[Root, Value]) -> list[str]:
        """A loop of vectors; `acc` holds each fold's vector before, and after."""
        if start.isdigit() and stop.isdigit() and (int(stop) - int(start)) // (w * many) <= STRAIGHT:
            return self._straight(int(start), int(stop), w, folds, acc)
        b, label = self.b, self.b.label("vec")
        j = f"%{label}.j"
        phis: dict[tuple[Root, int], str] = {
            (r, u): f"%{label}.a{k}.{u}" for k, r in enumerate(folds) for u in range(many)
        }
        out: dict[tuple[Root, int], str] = {}
        body: list[str] = []
        b.width = w
        for u in range(many):
            lines = self.start_body(w, w, (j, u * w))
            found = self._body(folds)
            with self.at(self.top):
                for r in folds:
                    old = Value(b, phis[r, u], found[r].kind)
                    out[r, u] = self.combine(r.op, old, found[r]).ref
            body += lines
        b.width = w
        head = [f"  br label %{label}.pre", f"{label}.pre:", f"  br label %{label}", f"{label}:"]
        head.append(f"  {j} = phi i64 [{start}, %{label}.pre], [{j}.next, %{label}]")
        for (r, u), ref in phis.items():
            first = acc[r].ref if u == 0 and r in acc else self._identity(r).ref
            head.append(
                f"  {ref} = phi {b.type(kind_of(r.node.dtype))} [{first}, %{label}.pre], [{out[r, u]}, %{label}]"
            )
        end = [
            f"  {j}.next = add nuw nsw i64 {j}, {w * many}",
            f"  {j}.more = icmp ult i64 {j}.next, {stop}",
            f"  br i1 {j}.more, label %{label}, label %{label}.out",
            f"{label}.out:",
        ]
        after: list[str] = []
        b.lines, keep = after, b.lines
        for r in folds:
            lanes = [Value(b, out[r, u], kind_of(r.node.dtype)) for u in range(many)]
            while len(lanes) > 1:
                lanes = [self.combine(r.op, x, y) for x, y in zip(lanes[::2], lanes[1::2], strict=True)]
            acc[r] = lanes[0]
        b.lines = keep
        b.width = 1
        return [*head, *body, *end, *after]

    def _straight(self, start: int, stop: int, w: int, folds: list[Root], acc: dict[Root, Value]) -> list[str]:
        """A few vectors without a loop."""
        b, lines = self.b, list[str]()
        for at in range(start, stop, w):
            body = self.start_body(w, w, ("", at))
            found = self._body(folds)
            with self.at(self.top):
                for r in folds:
                    acc[r] = self.combine(r.op, acc[r], found[r]) if r in acc else found[r]
            lines += body
        b.width = 1
        return lines

    def _horizontal(self, op: str, v: Value, w: int) -> Value:
        """All lanes folded into one number, as a tree."""
        b, t = self.b, LLVM_TYPE[v.kind]
        while w > 1:
            h = w // 2
            halves = [", ".join(f"i32 {k}" for k in range(lo, lo + h)) for lo in (0, h)]
            parts = [
                b.emit(f"shufflevector <{w} x {t}> {v.ref}, <{w} x {t}> poison, <{h} x i32> <{half}>", v.kind)
                for half in halves
            ]
            b.width = h
            if h == 1:
                b.width = 1
                parts = [b.emit(f"extractelement <1 x {t}> {p.ref}, i64 0", v.kind) for p in parts]
            v = self.combine(op, *parts)
            w = h
        b.width = 1
        return v

    def _blocked(self, whole: int, w: int, many: int, folds: list[Root], totals: dict[Root, Value]) -> list[str]:
        """The vector loop in blocks; the blocks' sums are added with their rounding errors carried along."""
        b, label = self.b, self.b.label("block")
        size = BLOCK * w * many
        s = f"%{label}.s"
        acc: dict[Root, Value] = {}
        inner = self._loop(s, f"%{label}.stop", w, many, folds, acc)
        head = [
            f"  br label %{label}.pre",
            f"{label}.pre:",
            f"  br label %{label}",
            f"{label}:",
            f"  {s} = phi i64 [0, %{label}.pre], [{s}.next, %{label}.end]",
        ]
        after: list[str] = []
        keep, b.lines = b.lines, after
        carried: list[tuple[Root, str, Value, str, Value]] = []
        for k, r in enumerate(folds):
            kind = kind_of(r.node.dtype)
            t, old = LLVM_TYPE[kind], Value(b, f"%{label}.t{k}", kind)
            part = self._horizontal(r.op, acc[r], w)
            start = literal(kind, identity_of(r.op, kind, False))
            if r.op == "sum" and is_float(kind):
                err = Value(b, f"%{label}.e{k}", kind)
                new = old + part
                z = new - old
                lost = (old - (new - z)) + (part - z)
                more = err + lost
                head.append(f"  {err.ref} = phi {t} [{literal(kind, 0.0)}, %{label}.pre], [{more.ref}, %{label}.end]")
                carried.append((r, kind, new, "error", more))
            else:
                new = self.combine(r.op, old, part)
                carried.append((r, kind, new, "", new))
            head.append(f"  {old.ref} = phi {t} [{start}, %{label}.pre], [{new.ref}, %{label}.end]")
        after += [
            f"  br label %{label}.end",
            f"{label}.end:",
            f"  {s}.next = add nuw nsw i64 {s}, {size}",
            f"  {s}.more = icmp ult i64 {s}.next, {whole}",
            f"  br i1 {s}.more, label %{label}, label %{label}.out",
            f"{label}.out:",
        ]
        for r, _, new, how, more in carried:
            if how:
                # an infinite sum leaves inf - inf behind: then the plain sum counts
                total = new + more
                totals[r] = b.select((more - more).eq(0.0), total, new)
            else:
                totals[r] = new
        b.lines = keep
        head += [
            f"  %{label}.far = add nuw nsw i64 {s}, {size}",
            f"  %{label}.near = icmp ult i64 %{label}.far, {whole}",
            f"  %{label}.stop = select i1 %{label}.near, i64 %{label}.far, i64 {whole}",
        ]
        # phis stand first in a block
        phis = [x for x in head if " = phi " in x]
        rest = head.index(phis[0])
        head = [*head[:rest], *phis, *[x for x in head[rest:] if " = phi " not in x]]
        return [*head, *inner, *after]

    def _tail(
        self, main: int, rest: int, tail: int, folds: list[Root], acc: dict[Root, Value], parts: dict[Root, list[Value]]
    ) -> list[str]:
        """The last entries, which do not fill a vector: a narrower one, masked where it is not full."""
        b = self.b
        b.width = tail
        lines = self.start_body(tail, rest, ("", main))
        found = self._body(folds)
        keep, b.lines = b.lines, lines
        b.width = tail
        for r in folds:
            v = found[r]
            if rest < tail:
                t = b.type(v.kind)
                v = b.emit(f"select <{tail} x i1> {self.mask}, {t} {v.ref}, {t} {self._identity(r).ref}", v.kind)
            if tail == self.width and r in acc:
                acc[r] = self.combine(r.op, acc[r], v)
            elif tail == self.width:
                acc[r] = v
            else:
                parts[r].append(self._horizontal(r.op, v, tail))
                b.width = tail
        b.width = 1
        b.lines = keep
        return lines

    def _finish(
        self,
        lines: list[str],
        folds: list[Root],
        acc: dict[Root, Value],
        totals: dict[Root, Value],
        parts: dict[Root, list[Value]],
    ) -> None:
        """After the innermost loop each register fold is one number: stored, or folded on in memory."""
        b = self.b
        self.body_width, self.here = 1, ("", 0)
        for r in folds:
            keep, b.lines = b.lines, lines
            found = [totals[r]] if r in totals else []
            if r in acc:
                found.append(self._horizontal(r.op, acc[r], self.width))
            found += parts[r]
            b.lines = keep
            if not found:
                continue
            p = place(r.node, r.node.shape, r.target, self.depth)
            kind = kind_of(r.node.dtype)
            c = self.coefficients(p.offset)
            ptr, _ = self.address(p.buffer, c, self.top - 1, [])
            b.lines, b.width = lines, 1
            v = found[0]
            for x in found[1:]:
                v = self.combine(r.op, v, x)
            if any(self._reduced(r, k) for k in range(self.top - 1)):
                old = self._loaded_here(ptr, kind)
                v = self.combine(r.op, old, v)
            if kind == "i1":
                v = b.emit(f"zext i1 {v.ref} to i8", "i8")
            b.do(f"store {storage(kind)} {v.ref}, ptr {ptr}")
            b.lines = keep

    def _loaded_here(self, ptr: str, kind: str) -> Value:
        v = self.b.emit(f"load {storage(kind)}, ptr {ptr}", kind)
        return self.b.emit(f"icmp ne i8 {v.ref}, 0", "i1") if kind == "i1" else v
