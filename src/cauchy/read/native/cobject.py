"""Instructions that read and make the objects of Python and NumPy, as LLVM IR text."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from . import layout
from .ir import LLVM_TYPE, kind_of
from .layout import c_function
from .signature import Array

STACK = 8192  # bytes of scratch memory that are taken from the stack
ALIGN = 64  # of scratch memory


def address(n: int) -> str:
    """An address as a constant of the text."""
    return f"inttoptr (i64 {n} to ptr)"


def at(x: Any, offset: int = 0) -> str:
    """The address of an object, or of a field of it."""
    return address(id(x) + offset)


def stored(dtype: Any) -> str:
    """LLVM's type of an element in memory."""
    kind = kind_of(dtype)
    return "i8" if kind == "i1" else LLVM_TYPE[kind]


class Code:
    """Instructions of one function. Storage is taken in its first block."""

    def __init__(self) -> None:
        self.storage: list[str] = []
        self.lines: list[str] = []
        self.globals: list[str] = []
        self._numbers = itertools.count()

    def name(self) -> str:
        return f"%t{next(self._numbers)}"

    def let(self, text: str) -> str:
        name = self.name()
        self.lines.append(f"  {name} = {text}")
        return name

    def do(self, text: str) -> None:
        self.lines.append(f"  {text}")

    def place(self, label: str) -> None:
        self.lines.append(f"{label}:")

    def room(self, kind: str, initial: str | None = None) -> str:
        name = self.name()
        self.storage.append(f"  {name} = alloca {kind}, align {ALIGN if kind[0] == '[' else 8}")
        if initial is not None:
            self.storage.append(f"  store {kind} {initial}, ptr {name}")
        return name

    def offset(self, base: str, by: int) -> str:
        return self.let(f"getelementptr i8, ptr {base}, i64 {by}") if by else base

    def load(self, kind: str, base: str, offset: int = 0) -> str:
        return self.let(f"load {kind}, ptr {self.offset(base, offset)}")

    def load_of(self, kind: str, x: Any, offset: int) -> str:
        """A field of an object known now."""
        return self.let(f"load {kind}, ptr {at(x, offset)}")

    def store(self, kind: str, value: str, base: str, offset: int = 0) -> None:
        self.do(f"store {kind} {value}, ptr {self.offset(base, offset)}")

    def equal(self, kind: str, x: str, y: Any) -> str:
        return self.let(f"icmp eq {kind} {x}, {y}")

    def all(self, conditions: Sequence[str]) -> str:
        done, *rest = conditions
        for c in rest:
            done = self.let(f"and i1 {done}, {c}")
        return done

    def fork(self, condition: str, yes: str, no: str) -> None:
        self.do(f"br i1 {condition}, label {yes}, label {no}")

    def need(self, condition: str, otherwise: str = "%slow") -> None:
        """Go on only if the condition holds."""
        on = self.name()
        self.fork(condition, on, otherwise)
        self.place(on[1:])

    def call(self, result: str, function: int, *args: str) -> str:
        """A call of a C function by its address."""
        text = f"call {result} {address(function)}({', '.join(args)})"
        if result == "void":
            self.do(text)
            return ""
        return self.let(text)

    def make(self, function: int, *args: str) -> str:
        """A call that returns an object or a pointer; null raises the error that Python has set."""
        made = self.call("ptr", function, *args)
        self.need(self.let(f"icmp ne ptr {made}, null"), "%error")
        return made

    def look_up(self, space: str, key: Any) -> str:
        """What a dict has under a key: a borrowed reference; null without it or if a strange key beside it raised."""
        find = c_function("_PyDict_GetItem_KnownHash")
        return self.call("ptr", find, f"ptr {space}", f"ptr {at(key)}", f"i64 {hash(key)}")

    def no_error(self) -> str:
        return self.equal("ptr", self.call("ptr", c_function("PyErr_Occurred")), "null")

    def array(self, x: str, spec: Array) -> str:
        """The data pointer of an ndarray, once its dtype and shape are those of `spec`."""
        ndim = self.equal("i32", self.load("i32", x, layout.NDIM), len(spec.shape))
        descr = self.load("ptr", x, layout.DESCR)
        same = self.equal("ptr", descr, at(spec.dtype))
        other, on = self.name(), self.name()
        self.fork(same, on, other)
        self.place(other[1:])  # an array that was pickled has a dtype object of its own
        number = self.equal("i32", self.load("i32", descr, layout.TYPE_NUM), spec.dtype.num)
        native = self.let(f"icmp ne i8 {self.load('i8', descr, layout.BYTEORDER)}, {ord('>')}")
        self.fork(self.all([number, native]), on, "%slow")
        self.place(on[1:])
        self.need(ndim)
        if spec.shape:
            shape = self.load("ptr", x, layout.SHAPE)
            self.need(
                self.all([self.equal("i64", self.load("i64", shape, 8 * i), n) for i, n in enumerate(spec.shape)])
            )
        flags = self.load("i32", x, layout.FLAGS)
        ready = self.equal("i32", self.let(f"and i32 {flags}, {layout.READY}"), layout.READY)
        return self.load("ptr", self.plain(x, ready, spec), layout.DATA)

    def plain(self, x: str, ready: str, spec: Array) -> str:
        """The array itself if it is `ready`: contiguous and aligned."""
        self.need(ready)
        return x

    def pointers(self, values: Sequence[str]) -> str:
        """An array of pointers."""
        table = self.room(f"[{max(len(values), 1)} x ptr]")
        for i, v in enumerate(values):
            self.store("ptr", v, table, 8 * i)
        return table

    def aligned(self, raw: str) -> str:
        """The first aligned address from `raw` on."""
        up = self.let(f"add i64 {self.let(f'ptrtoint ptr {raw} to i64')}, {ALIGN - 1}")
        return self.let(f"inttoptr i64 {self.let(f'and i64 {up}, -{ALIGN}')} to ptr")
