"""Loops and branches of a function of our own, in IR."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .ir import BYTES, LLVM_TYPE, Builder, Value, storage


class Blocks(Builder):
    """A builder that knows the block it writes in. Integers are i64; entries of memory are counted from a pointer."""

    def __init__(self) -> None:
        super().__init__()
        self.block = "entry"
        self.head: list[str] = []  # at the very beginning, so that no loop makes the stack grow

    def place(self, label: str) -> None:
        super().place(label)
        self.block = label

    def number(self, v: Any) -> Value:
        return v if isinstance(v, Value) else self.const("i64", v)

    # -- control -----------------------------------------------------------------------------------------------

    def loop(self, start: Any, stop: Any, body: Callable[..., Any], state: Sequence[Value] = ()) -> list[Value]:
        """for i in range(start, stop): state = body(i, *state); the last state. `body` gives None for no state."""
        start, stop = self.number(start), self.number(stop)
        test, inside, out = self.label("test"), self.label("inside"), self.label("out")
        before = self.block
        self.do(f"br label %{test}")
        self.place(test)
        heads = len(self.lines)
        i, *old = (self.emit("", v.kind) for v in (start, *state))
        self.do(f"br i1 {i.lt(stop).ref}, label %{inside}, label %{out}")
        self.place(inside)
        new = body(i, *old) or ()
        following = i + 1
        end = self.block
        self.do(f"br label %{test}")
        for k, (v, a, b) in enumerate(zip((i, *old), (start, *state), (following, *new), strict=True)):
            t = LLVM_TYPE[v.kind]
            self.lines[heads + k] = f"  {v.ref} = phi {t} [{a.ref}, %{before}], [{b.ref}, %{end}]"
        self.place(out)
        return old

    def down(self, start: Any, stop: Any, body: Callable[[Value], Any]) -> None:
        """for i in reversed(range(start, stop)): body(i)."""
        last = self.number(stop) - 1
        low = self.number(start)
        self.loop(0, last - low + 1, lambda k: body(last - k))

    def when(self, condition: Value, body: Callable[[], Any]) -> None:
        then, on = self.label("then"), self.label("on")
        self.do(f"br i1 {condition.ref}, label %{then}, label %{on}")
        self.place(then)
        body()
        self.do(f"br label %{on}")
        self.place(on)

    def fail_if(self, condition: Value) -> None:
        """Leave the function by its block `bad`."""
        if condition.ref != "false":
            on = self.label("on")
            self.do(f"br i1 {condition.ref}, label %bad, label %{on}")
            self.place(on)

    # -- memory ------------------------------------------------------------------------------------------------

    def at(self, pointer: str, kind: str, index: Any) -> str:
        """Pointer to an entry."""
        ref = index.ref if isinstance(index, Value) else str(index)
        return (
            pointer if ref == "0" else self.emit(f"getelementptr {storage(kind)}, ptr {pointer}, i64 {ref}", "ptr").ref
        )

    def load(self, pointer: str, kind: str, index: Any = 0) -> Value:
        t = storage(kind)
        v = self.emit(f"load {t}, ptr {self.at(pointer, kind, index)}, align {BYTES[t]}", kind)
        return self.emit(f"icmp ne i8 {v.ref}, 0", "i1") if kind == "i1" else v

    def save(self, v: Value, pointer: str, index: Any = 0) -> None:
        t = storage(v.kind)
        ref = self.emit(f"zext i1 {v.ref} to i8", "i8").ref if v.kind == "i1" else v.ref
        self.do(f"store {t} {ref}, ptr {self.at(pointer, v.kind, index)}, align {BYTES[t]}")

    def copy(self, to: str, source: str, count: int) -> None:
        """So many bytes."""
        self.declares.add("declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)")
        self.do(f"call void @llvm.memcpy.p0.p0.i64(ptr {to}, ptr {source}, i64 {count}, i1 false)")

    def room(self, t: str, v: Any = None) -> str:
        """A place on the stack, for an argument by reference."""
        self.count += 1
        p = f"%v{self.count}"
        self.head.append(f"  {p} = alloca {t}")
        if v is not None:
            self.head.append(f"  store {t} {v}, ptr {p}")
        return p
