"""One group of roots as one loop nest, its innermost loop in SIMD vectors.

Code that does not depend on the innermost variable is written before its loop (`levels`). The
iterations that do not fill a vector are a last, shorter or masked one. A sum over the innermost
loop has an accumulator for each lane (and `UNROLL` of them for cheap bodies), joined as a tree; a long one is cut
into blocks of `BLOCK` vectors, whose sums are added with the rounding errors carried along (Neumaier, 1974). Its
error is at most (BLOCK + log2(lanes) + 4) u sum |x| to first order, u = 2^-53 or 2^-24, however long it is.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ... import ops as P
from ...graph import CONST, Node
from .access import Dynamic, Place, place
from .ir import BITS, BYTES, LLVM_TYPE, Builder, Value, is_float, kind_of, storage
from .plan import Group, Plan
from .roots import Root
from .scalar import converted, native, power_of

BLOCK = 128  # vectors in a block of a long sum
CHEAP_BODY = 16.0  # below this many additions the latency of an accumulator shows: several of them then
UNROLL = 4
SHORT = 8  # vectors up to which a loop calls exp and the like instead of containing them
STRAIGHT = 2  # vectors up to which there is no loop
LONG = 4096  # entries from which a sum is cut into blocks


class Nest:
    """Writes the function of one group. `pointers` lists the memory it takes, in the order of its parameters."""

    def __init__(self, plan: Plan, group: Group, name: str, vector_bytes: int) -> None:
        self.plan, self.group, self.name = plan, group, name
        self.b = Builder()
        self.pointers: dict[Node, str] = {}
        self.depth = len(group.dims)
        self.loops = self._merged()
        self.extents = [math.prod(group.dims[d] for d in dims) for dims in self.loops]
        self.top = len(self.loops)
        self.levels: list[list[str]] = [[] for _ in range(self.top + 1)]
        self.outer: dict[Any, tuple[Value, int]] = {}
        self.vars: dict[int, tuple[str, int]] = {}  # loops whose variable is not `%i<loop>`
        self.width = self._width(vector_bytes)
        self.b.far = self.top == 0 or self.extents[-1] <= SHORT * self.width
        self.checked = False

    # -- the loops -------------------------------------------------------------------------------------------

    def _places(self) -> list[tuple[int, ...]]:
        found = [p.offset for r in self.group.roots for p in self.plan.info[r].places]
        found += [place(r.node, r.node.shape, r.target, self.depth).offset for r in self.group.roots]
        return found

    def _merged(self) -> list[list[int]]:
        """Neighbouring loops become one where every access walks through them as through one."""
        dims, places = self.group.dims, self._places()
        loops: list[list[int]] = []
        for d in range(self.depth):
            if loops and not self.group.roots[0].fixed:
                a = loops[-1][-1]
                walks = all(o[1 + a] == o[1 + d] * dims[d] for o in places)
                if walks and all(r.reduced[a] == r.reduced[d] for r in self.group.roots):
                    loops[-1].append(d)
                    continue
            loops.append([d])
        return loops

    def _width(self, vector_bytes: int) -> int:
        if not self.top or self.group.roots[0].fixed:
            return 1
        kinds = [kind_of(r.node.dtype) for r in self.group.roots]
        for r in self.group.roots:
            reads = self.plan.info[r]
            kinds += [kind_of(p.buffer.dtype) for p in reads.places]
            for n in reads.computed:
                kinds += [kind_of(n.dtype), *self.plan.kinds.get(n, [])]
        bits = max((BITS[k] for k in kinds if k != "i1"), default=8)
        width, n = 8 * vector_bytes // max(bits, 16), self.extents[-1]
        while width > 1 and n < width and not (self.group.cost > 40 and 2 * n > width):
            width //= 2
        return width

    def coefficients(self, offset: tuple[int, ...]) -> tuple[int, ...]:
        """An affine form in the variables of the merged loops."""
        return (offset[0], *(offset[1 + dims[-1]] for dims in self.loops))

    # -- writing at a level ------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def at(self, level: int) -> Iterator[None]:
        """Instructions go before loop `level`; those of the innermost level into the body, as vectors."""
        lines, width = self.b.lines, self.b.width
        self.b.lines = self.levels[level]
        self.b.width = self.body_width if level == self.top else 1
        try:
            yield
        finally:
            self.b.lines, self.b.width = lines, width

    def splat(self, v: Value, level: int) -> Value:
        """A number in every lane, made where the number is."""
        if level == self.top or self.body_width == 1:
            return v
        if not v.ref.startswith("%"):
            return Value(self.b, f"splat ({LLVM_TYPE[v.kind]} {v.ref})", v.kind)
        key = ("splat", v.ref, self.body_width)
        if key not in self.outer:
            with self.at(level):
                self.b.width = self.body_width
                all_ = self.b.everywhere(v)
            self.outer[key] = all_, level
        return self.outer[key][0]

    def _memo(self, key: Any, level: int, value: Value) -> tuple[Value, int]:
        (self.inner if level == self.top else self.outer)[key] = value, level
        return value, level

    # -- entries -----------------------------------------------------------------------------------------------

    def element(self, n: Node, index: Any, kind: str, defines: bool = False) -> tuple[Value, int]:
        """An entry in the wanted kind, and the level at which it stands."""
        what, where = self.plan.resolve(n, index, self.depth, defines)
        if what == "number":
            return self.b_const(kind, where.value), 0
        key = (what, where if what == "memory" else (where[0], tuple(where[1])))
        found: tuple[Value, int] | None = self.inner.get(key) or self.outer.get(key)
        if found is None:
            found = self.load(where, key) if what == "memory" else self.operation(where[0], where[1], key)
        return self.in_kind(*found, kind)

    def b_const(self, kind: str, v: Any) -> Value:
        width, self.b.width = self.b.width, 1
        c = self.b.const(kind, v)
        self.b.width = width
        return c

    def in_kind(self, v: Value, level: int, kind: str) -> tuple[Value, int]:
        if v.kind == kind:
            return v, level
        key = ("in", v.ref, kind, self.body_width if level == self.top else 1)
        found = (self.inner if level == self.top else self.outer).get(key)
        if found is not None:
            return found
        with self.at(level):
            new = converted(self.b, v, kind)
        return self._memo(key, level, new)

    def operation(self, n: Node, args: list[tuple[Node, Any]], key: Any) -> tuple[Value, int]:
        kinds = self.plan.kinds[n]
        found = [self.element(a, i, k) for (a, i), k in zip(args, kinds, strict=True)]
        level = max(level for _, level in found)
        with self.at(level):
            values = [self.splat(v, lv) if level == self.top else v for v, lv in found]
            values = [self._constant_here(v) for v in values]
            out = apply(self.b, n, values)
        out = Value(self.b, out.ref, kind_of(n.dtype))
        return self._memo(key, level, out)

    def _constant_here(self, v: Value) -> Value:
        if self.b.width > 1 and not v.ref.startswith(("%", "splat")):
            return Value(self.b, f"splat ({LLVM_TYPE[v.kind]} {v.ref})", v.kind)
        return v

    # -- memory ------------------------------------------------------------------------------------------------

    def pointer(self, n: Node) -> str:
        return self.pointers.setdefault(n, f"%p{len(self.pointers)}")

    def variable(self, loop: int) -> tuple[str, int]:
        """The variable of a loop as `reference + constant`; the innermost one may be a constant altogether."""
        if loop == self.top - 1:
            return self.here
        return self.vars.get(loop, (f"%i{loop}", 0))

    def _offset(self, c: tuple[int, ...], upto: int) -> tuple[Value | None, int, int]:
        """The part of an affine form in the variables of loops below `upto`: (value, constant, level)."""
        const, total, level = c[0], None, 0
        for loop in range(upto):
            if not c[1 + loop]:
                continue
            ref, shift = self.variable(loop)
            const += c[1 + loop] * shift
            if not ref:
                continue
            level = loop + 1
            with self.at_scalar(level):
                v = Value(self.b, ref, "i64")
                v = v if c[1 + loop] == 1 else v * c[1 + loop]
                total = v if total is None else total + v
        return total, const, level

    @contextlib.contextmanager
    def at_scalar(self, level: int) -> Iterator[None]:
        with self.at(level):
            self.b.width = 1
            yield

    def address(self, buffer: Node, c: tuple[int, ...], upto: int, dynamic: list[tuple[Value, int]]) -> tuple[str, int]:
        """Pointer to the entry at an affine form in the first `upto` loop variables plus computed offsets."""
        total, const, level = self._offset(c, upto)
        for v, lv in dynamic:
            level = max(level, lv)
            with self.at_scalar(level):
                total = v if total is None else total + v
        base = self.pointer(buffer)
        t = storage(kind_of(buffer.dtype))
        with self.at_scalar(level):
            if total is not None:
                base = self.b.emit(f"getelementptr {t}, ptr {base}, i64 {total.ref}", "ptr").ref
            if const:
                base = self.b.emit(f"getelementptr {t}, ptr {base}, i64 {const}", "ptr").ref
        return base, level

    def dynamic_offsets(self, p: Place) -> list[tuple[Value, int]]:
        """The computed part of a place, one offset per index array: wrapped, checked, times its stride."""
        out = []
        for d, stride in p.dynamic:
            key = ("dynamic", d, stride)
            found = self.inner.get(key) or self.outer.get(key)
            if found is None:
                v, level = self.element(d.node, d.index, "i64")
                with self.at(level):
                    v = self._constant_here(v)
                    v = self._checked(v, d)
                    v = v if stride == 1 else v * stride
                found = self._memo(key, level, v)
            out.append(found)
        return out

    def _checked(self, v: Value, d: Dynamic) -> Value:
        low, high = known_range(d.node)
        if low < 0:
            v = self.b.select(v.lt(0), v + d.extent, v)
        if low < -d.extent or high >= d.extent:
            self.checked = True
            v = self.b.bounded(v, d.extent)
        return v

    def load(self, p: Place, key: Any, hoist: bool = True) -> tuple[Value, int]:
        """The entry in memory; `hoist=False` where this loop writes to it as well."""
        if p in self.forward:
            return self.forward[p], self.top
        c = self.coefficients(p.offset)
        kind, dynamic = kind_of(p.buffer.dtype), self.dynamic_offsets(p)
        t = storage(kind)
        step = c[-1] if self.top else 0
        lanewise = [d for d in dynamic if d[1] == self.top] if self.body_width > 1 else []
        if self.body_width > 1 and (step not in (0, 1) or lanewise):
            v = self._lanes(p.buffer, c, step, dynamic, lanewise, kind)
            return self._memo(key, self.top, v)
        if self.body_width > 1 and step == 1:
            ptr, _ = self.address(p.buffer, (*c[:-1], 0), self.top - 1, dynamic)
            with self.at(self.top):
                ptr = self._along(ptr, t, 1)
                v = self._vector_load(ptr, t)
            return self._memo(key, self.top, self._loaded(v, kind, self.top))
        ptr, level = self.address(p.buffer, c, self.top, dynamic)
        level = level if hoist else self.top
        with self.at_scalar(level):
            v = self.b.emit(f"load {t}, ptr {ptr}", kind)
            v = self._loaded(v, kind, level)
        if hoist or self.body_width == 1:
            return self._memo(key, level, v)
        with self.at(self.top):
            return self.b.everywhere(v), level

    def _along(self, ptr: str, t: str, step: int) -> str:
        """From the start of a row to where the innermost loop stands."""
        ref, shift = self.here
        if ref:
            at = ref if step == 1 else self.b.emit(f"mul i64 {ref}, {step}", "i64").ref
            ptr = self.b.emit(f"getelementptr {t}, ptr {ptr}, i64 {at}", "ptr").ref
        if shift * step:
            ptr = self.b.emit(f"getelementptr {t}, ptr {ptr}, i64 {shift * step}", "ptr").ref
        return ptr

    def _vector_load(self, ptr: str, t: str) -> Value:
        w, align = self.body_width, BYTES[t]
        if self.full:
            return self.b.emit(f"load <{w} x {t}>, ptr {ptr}, align {align}", "i64")
        name = f"@llvm.masked.load.v{w}{MANGLED[t]}.p0"
        self.b.declares.add(f"declare <{w} x {t}> {name}(ptr, i32, <{w} x i1>, <{w} x {t}>)")
        return self.b.emit(
            f"call <{w} x {t}> {name}(ptr {ptr}, i32 {align}, <{w} x i1> {self.mask}, <{w} x {t}> zeroinitializer)",
            "i64",
        )

    def _loaded(self, v: Value, kind: str, level: int) -> Value:
        v.kind = kind
        if kind != "i1":
            return v
        with self.at(level):
            if self.body_width > 1 and "<" not in self.b.lines[-1]:
                self.b.width = 1
            return self.b.emit(f"icmp ne {vector(self.b.width, 'i8')} {v.ref}, {zero(self.b.width)}", "i1")

    def _lane_of(self, row: str, t: str, k: int, step: int, lanewise: list[tuple[Value, int]]) -> str:
        """Pointer to lane k's entry, `step` entries from lane to lane and as far as its computed indices say."""
        ptr = row
        for v, _ in lanewise:
            at = self.b.emit(f"extractelement <{self.body_width} x i64> {v.ref}, i64 {k}", "i64")
            ptr = self.b.emit(f"getelementptr {t}, ptr {ptr}, i64 {at.ref}", "ptr").ref
        if k * step:
            ptr = self.b.emit(f"getelementptr {t}, ptr {ptr}, i64 {k * step}", "ptr").ref
        return ptr

    def _lanes(
        self,
        buffer: Node,
        c: tuple[int, ...],
        step: int,
        dynamic: list[tuple[Value, int]],
        lanewise: list[tuple[Value, int]],
        kind: str,
    ) -> Value:
        """Entries that do not stand side by side, one load for each lane."""
        t, w = storage(kind), self.body_width
        row, _ = self.address(buffer, (*c[:-1], 0), self.top - 1, [d for d in dynamic if d not in lanewise])
        with self.at(self.top):
            self.b.width = 1
            row = self._along(row, t, step) if step else row
            ref = "zeroinitializer"
            for k in range(self.valid):
                ptr = self._lane_of(row, t, k, step, lanewise)
                one = self.b.emit(f"load {t}, ptr {ptr}", kind)
                ref = self.b.emit(f"insertelement <{w} x {t}> {ref}, {t} {one.ref}, i64 {k}", kind).ref
            v = Value(self.b, ref, kind)
        return self._loaded(v, kind, self.top)

    def store(self, root: Root, v: Value) -> None:
        """Write the entries of one body to the root's target."""
        p = place(root.node, root.node.shape, root.target, self.depth)
        kind = kind_of(root.node.dtype)
        self.forward[p] = v
        if root.op == "add":
            self._scatter(p, v, kind)
            return
        self._put(p, v, kind)

    def _put(self, p: Place, v: Value, kind: str) -> None:
        c, dynamic, t = self.coefficients(p.offset), self.dynamic_offsets(p), storage(kind)
        step = c[-1] if self.top else 0
        with self.at(self.top):
            if kind == "i1":
                v = self.b.emit(f"zext {self.b.type('i1')} {v.ref} to {vector(self.b.width, 'i8')}", "i8")
        if self.body_width == 1:
            ptr, _ = self.address(p.buffer, c, self.top, dynamic)
            with self.at(self.top):
                self.b.do(f"store {t} {v.ref}, ptr {ptr}")
            return
        lanewise = [d for d in dynamic if d[1] == self.top]
        row, _ = self.address(p.buffer, (*c[:-1], 0), self.top - 1, [d for d in dynamic if d not in lanewise])
        with self.at(self.top):
            w = self.body_width
            if step == 1 and not lanewise:
                ptr = self._along(row, t, 1)
                if self.full:
                    self.b.do(f"store <{w} x {t}> {v.ref}, ptr {ptr}, align {BYTES[t]}")
                else:
                    name = f"@llvm.masked.store.v{w}{MANGLED[t]}.p0"
                    self.b.declares.add(f"declare void {name}(<{w} x {t}>, ptr, i32, <{w} x i1>)")
                    self.b.do(
                        f"call void {name}(<{w} x {t}> {v.ref}, ptr {ptr}, i32 {BYTES[t]}, <{w} x i1> {self.mask})"
                    )
                return
            self._each_lane(row, t, step, lanewise, v, kind, add=False)

    def _scatter(self, p: Place, v: Value, kind: str) -> None:
        """Additions into memory one after the other: two lanes may mean the same entry."""
        c, dynamic, t = self.coefficients(p.offset), self.dynamic_offsets(p), storage(kind)
        if self.body_width == 1:
            ptr, _ = self.address(p.buffer, c, self.top, dynamic)
            with self.at(self.top):
                self._add_to(ptr, t, v, kind)
            return
        lanewise = [d for d in dynamic if d[1] == self.top]
        row, _ = self.address(p.buffer, (*c[:-1], 0), self.top - 1, [d for d in dynamic if d not in lanewise])
        with self.at(self.top):
            self._each_lane(row, t, c[-1], lanewise, v, kind, add=True)

    def _add_to(self, ptr: str, t: str, v: Value, kind: str) -> None:
        old = self.b.emit(f"load {t}, ptr {ptr}", kind)
        if kind == "i1":
            old = self.b.emit(f"or i8 {old.ref}, {self.b.emit(f'zext i1 {v.ref} to i8', 'i8').ref}", "i8")
            self.b.do(f"store i8 {old.ref}, ptr {ptr}")
        else:
            self.b.do(f"store {t} {(old + v).ref}, ptr {ptr}")

    def _each_lane(
        self, row: str, t: str, step: int, lanewise: list[tuple[Value, int]], v: Value, kind: str, add: bool
    ) -> None:
        w = self.body_width
        self.b.width = 1
        row = self._along(row, t, step) if step else row
        inner = LLVM_TYPE[kind] if add else t
        for k in range(self.valid):
            ptr = self._lane_of(row, t, k, step, lanewise)
            one = self.b.emit(f"extractelement <{w} x {inner}> {v.ref}, i64 {k}", kind)
            if add:
                self._add_to(ptr, t, one, kind)
            else:
                self.b.do(f"store {t} {one.ref}, ptr {ptr}")
        self.b.width = w

    # -- the body ------------------------------------------------------------------------------------------------

    def start_body(self, width: int, valid: int, here: tuple[str, int]) -> list[str]:
        """Begin the instructions of one round of the innermost loop."""
        self.body_width, self.valid, self.here = width, valid, here
        self.full = valid == width
        self.mask = "<" + ", ".join(f"i1 {'true' if k < valid else 'false'}" for k in range(width)) + ">"
        self.inner: dict[Any, tuple[Value, int]] = {}
        self.forward: dict[Place, Value] = {}
        self.levels[self.top] = []
        return self.levels[self.top]

    def folded(self, root: Root, old: Value) -> Value:
        """An accumulator with one more entry; for a sum of products by fma, rounded once."""
        kind = kind_of(root.node.dtype)
        if root.op != "sum" or not is_float(kind) or len(root.terms) != 2:
            v = self.value(root)
            with self.at(self.top):
                return combine(self.b, root.op, old, v)
        x, y = (self.element(n, i, kind) for n, i in root.terms)
        with self.at(self.top):
            return self.b.fma(self._constant_here(self.splat(*x)), self._constant_here(self.splat(*y)), old)

    def value(self, root: Root) -> Value:
        """The product of the root's terms, one vector of it."""
        kind = kind_of(root.node.dtype)
        inside = "i1" if root.op in ("any", "all", "count") else kind
        if not root.terms:
            return self._constant_here_at_top(self.b_const(kind, root.fill))
        factors = [self.element(n, i, inside, root.defines) for n, i in root.terms]
        with self.at(self.top):
            v = self._constant_here(self.splat(*factors[0]))
            for f in factors[1:]:
                g = self._constant_here(self.splat(*f))
                v = v & g if inside == "i1" else v * g
            return converted(self.b, v, kind) if inside != kind else v

    def _constant_here_at_top(self, v: Value) -> Value:
        with self.at(self.top):
            return self._constant_here(v)


def combine(b: Builder, op: str, x: Value, y: Value) -> Value:
    """Two values of a fold made one."""
    if op in ("sum", "count"):
        return x | y if x.kind == "i1" else x + y
    if op == "prod":
        return x & y if x.kind == "i1" else x * y
    if op in ("any", "all"):
        return x | y if op == "any" else x & y
    wins = x.ge(y) if op == "max" else x.le(y)
    return b.select(wins | b.isnan(x) if is_float(x.kind) else wins, x, y)


MANGLED = {"double": "f64", "float": "f32", "i64": "i64", "i32": "i32", "i16": "i16", "i8": "i8"}


def vector(width: int, t: str) -> str:
    return t if width == 1 else f"<{width} x {t}>"


def zero(width: int) -> str:
    return "0" if width == 1 else "zeroinitializer"


def known_range(n: Node) -> tuple[float, float]:
    """Bounds on the entries of an integer array, where it is a constant."""
    if n.prim is CONST and n.origin is None and np.size(n.value):
        return float(np.min(n.value)), float(np.max(n.value))
    return -math.inf, math.inf


def apply(b: Builder, n: Node, values: list[Value]) -> Value:
    """The instructions of an elementwise node."""
    if n.prim is P.power and n.args[1].prim is CONST and n.args[1].shape == () and n.args[1].origin is None:
        product = power_of(b, values[0], float(n.args[1].value))
        if product is not None:
            return product
    return native[n.prim].write(b, *values, **n.params)
