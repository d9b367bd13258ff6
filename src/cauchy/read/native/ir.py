"""LLVM IR as text, one value at a time; scalars and SIMD vectors by the same code.

A `Builder` of width 1 writes scalars (`double`), of width 4 vectors (`<4 x double>`); everything else is
equal, so an elementary function or a loop body is written once. Floating-point instructions carry no
fast-math flag: what is written is what is computed. Text, because parsing it costs LLVM less than
building objects costs Python.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from ...errors import InternalError

# element kinds: NumPy's names of them, and LLVM's type
LLVM_TYPE = {
    "f64": "double",
    "f32": "float",
    "i64": "i64",
    "i32": "i32",
    "i16": "i16",
    "i8": "i8",
    "u64": "i64",
    "u32": "i32",
    "u16": "i16",
    "u8": "i8",
    "i1": "i1",
    "ptr": "ptr",
}
BITS = {"f64": 64, "f32": 32, "i1": 1} | {f"{s}{n}": n for s in "iu" for n in (8, 16, 32, 64)}
_KIND_OF = {("f", 8): "f64", ("f", 4): "f32", ("b", 1): "i1"} | {
    (c, n): f"{c}{8 * n}" for c in "iu" for n in (1, 2, 4, 8)
}


def kind_of(dtype: Any) -> str:
    """The element kind of a NumPy dtype; a bool is computed with as `i1` (and stored as a byte)."""
    dtype = np.dtype(dtype)
    return _KIND_OF[dtype.kind, dtype.itemsize]


BYTES = {"double": 8, "float": 4, "i64": 8, "i32": 4, "i16": 2, "i8": 1}


def storage(kind: str) -> str:
    """The LLVM type of an entry in memory: NumPy keeps a bool in a byte."""
    return "i8" if kind == "i1" else LLVM_TYPE[kind]


def is_float(kind: str) -> bool:
    return kind[0] == "f"


def literal(kind: str, v: Any) -> str:
    """A constant in LLVM's notation: floats by their bits."""
    if kind in ("f64", "f32"):
        v = float(np.float32(v)) if kind == "f32" else float(v)
        return f"0x{struct.unpack('<Q', struct.pack('<d', v))[0]:016X}"
    if kind == "i1":
        return "true" if v else "false"
    return str(int(v))


class Value:
    """An SSA value or a constant: `ref` as it stands in the text, and its kind. Operators write instructions."""

    __slots__ = ("b", "kind", "ref")

    def __init__(self, b: Builder, ref: str, kind: str) -> None:
        self.b, self.ref, self.kind = b, ref, kind

    def _with(self, other: Any) -> Value:
        return other if isinstance(other, Value) else self.b.const(self.kind, other)

    def _arith(self, other: Any, float_op: str, int_op: str, swap: bool = False) -> Value:
        other = self._with(other)
        x, y = (other, self) if swap else (self, other)
        return self.b.op(float_op if is_float(self.kind) else int_op, x, y)

    def __add__(self, o: Any) -> Value:
        return self._arith(o, "fadd", "add")

    def __radd__(self, o: Any) -> Value:
        return self._arith(o, "fadd", "add", swap=True)

    def __sub__(self, o: Any) -> Value:
        return self._arith(o, "fsub", "sub")

    def __rsub__(self, o: Any) -> Value:
        return self._arith(o, "fsub", "sub", swap=True)

    def __mul__(self, o: Any) -> Value:
        return self._arith(o, "fmul", "mul")

    def __rmul__(self, o: Any) -> Value:
        return self._arith(o, "fmul", "mul", swap=True)

    def __truediv__(self, o: Any) -> Value:
        return self.b.op("fdiv", self, self._with(o))

    def __rtruediv__(self, o: Any) -> Value:
        return self.b.op("fdiv", self._with(o), self)

    def __neg__(self) -> Value:
        return self.b.unary("fneg", self) if is_float(self.kind) else self.b.const(self.kind, 0) - self

    # bits (integers and booleans)
    def __and__(self, o: Any) -> Value:
        return self.b.op("and", self, self._with(o))

    def __or__(self, o: Any) -> Value:
        return self.b.op("or", self, self._with(o))

    def __xor__(self, o: Any) -> Value:
        return self.b.op("xor", self, self._with(o))

    def __lshift__(self, o: Any) -> Value:
        return self.b.op("shl", self, self._with(o))

    def __rshift__(self, o: Any) -> Value:
        """Arithmetic for signed kinds, logical for unsigned ones and in `lshr`."""
        return self.b.op("lshr" if self.kind[0] == "u" else "ashr", self, self._with(o))

    def lshr(self, o: Any) -> Value:
        return self.b.op("lshr", self, self._with(o))

    def invert(self) -> Value:
        return self ^ (True if self.kind == "i1" else -1)

    # comparisons: NaN compares as IEEE 754 has it (only `ne` is true of it)
    def _compare(self, o: Any, name: str) -> Value:
        return self.b.compare(name, self, self._with(o))

    def lt(self, o: Any) -> Value:
        return self._compare(o, "lt")

    def le(self, o: Any) -> Value:
        return self._compare(o, "le")

    def gt(self, o: Any) -> Value:
        return self._compare(o, "gt")

    def ge(self, o: Any) -> Value:
        return self._compare(o, "ge")

    def eq(self, o: Any) -> Value:
        return self._compare(o, "eq")

    def ne(self, o: Any) -> Value:
        return self._compare(o, "ne")

    def __repr__(self) -> str:
        return f"{self.kind} {self.ref}"


_INTRINSICS = {"sqrt", "fabs", "floor", "ceil", "trunc", "roundeven", "copysign", "fma"}


class Builder:
    """Writes the instructions of one function. `needs` collects elementary functions used, `declares` intrinsics.

    One instance may change `width` between blocks (a vector loop, then scalar code).
    """

    def __init__(self, width: int = 1) -> None:
        self.width = width
        self.lines: list[str] = []
        self.declares: set[str] = set()
        self.needs: set[tuple[str, str, int]] = set()
        self.far_needs: set[tuple[str, str, int]] = set()
        self.far = False  # elementary functions are called, not inlined: short loops gain nothing from it
        self.count = 0
        self.labels = 0

    # -- text --------------------------------------------------------------------------------------------

    def type(self, kind: str) -> str:
        t = LLVM_TYPE[kind]
        return t if self.width == 1 else f"<{self.width} x {t}>"

    def suffix(self, kind: str) -> str:
        return kind if self.width == 1 else f"v{self.width}{kind}"

    def const(self, kind: str, v: Any) -> Value:
        ref = literal(kind, v)
        return Value(self, ref if self.width == 1 else f"splat ({LLVM_TYPE[kind]} {ref})", kind)

    def emit(self, text: str, kind: str) -> Value:
        """`%n = text`."""
        self.count += 1
        ref = f"%v{self.count}"
        self.lines.append(f"  {ref} = {text}")
        return Value(self, ref, kind)

    def do(self, text: str) -> None:
        """An instruction without a result."""
        self.lines.append(f"  {text}")

    def label(self, hint: str = "b") -> str:
        self.labels += 1
        return f"{hint}{self.labels}"

    def place(self, label: str) -> None:
        self.lines.append(f"{label}:")

    # -- instructions ------------------------------------------------------------------------------------

    def op(self, name: str, x: Value, y: Value) -> Value:
        if BITS[x.kind] != BITS[y.kind] or is_float(x.kind) != is_float(y.kind):
            raise InternalError(f"{name} of {x.kind} and {y.kind}")
        return self.emit(f"{name} {self.type(x.kind)} {x.ref}, {y.ref}", x.kind)

    def unary(self, name: str, x: Value) -> Value:
        return self.emit(f"{name} {self.type(x.kind)} {x.ref}", x.kind)

    def compare(self, name: str, x: Value, y: Value) -> Value:
        if is_float(x.kind):
            code = "fcmp " + {"ne": "une"}.get(name, "o" + name)
        elif name in ("eq", "ne"):
            code = "icmp " + name
        else:
            code = f"icmp {'u' if x.kind[0] == 'u' or x.kind == 'i1' else 's'}{name}"
        return self.emit(f"{code} {self.type(x.kind)} {x.ref}, {y.ref}", "i1")

    def isnan(self, x: Value) -> Value:
        return self.emit(f"fcmp uno {self.type(x.kind)} {x.ref}, {x.ref}", "i1")

    def select(self, c: Value, x: Any, y: Any) -> Value:
        if not isinstance(x, Value):
            x = y._with(x)
        y = x._with(y)
        return self.emit(
            f"select {self.type('i1')} {c.ref}, {self.type(x.kind)} {x.ref}, {self.type(x.kind)} {y.ref}", x.kind
        )

    def intrinsic(self, name: str, *args: Value) -> Value:
        """A floating-point intrinsic whose arguments and result are of one kind."""
        if name not in _INTRINSICS:
            raise InternalError(f"`{name}` is not an intrinsic used here")
        t = self.type(args[0].kind)
        full = f"@llvm.{name}.{self._mangled(args[0].kind)}"
        self.declares.add(f"declare {t} {full}({', '.join([t] * len(args))})")
        return self.emit(f"call {t} {full}({', '.join(f'{t} {a.ref}' for a in args)})", args[0].kind)

    def _mangled(self, kind: str) -> str:
        return self.suffix(kind.replace("u", "i"))

    def fma(self, x: Value, y: Any, z: Any) -> Value:
        """x y + z, rounded once."""
        return self.intrinsic("fma", x, x._with(y), x._with(z))

    def sqrt(self, x: Value) -> Value:
        return self.intrinsic("sqrt", x)

    def fabs(self, x: Value) -> Value:
        return self.intrinsic("fabs", x)

    def rint(self, x: Value) -> Value:
        """To the nearest integer, ties to even."""
        return self.intrinsic("roundeven", x)

    def floor(self, x: Value) -> Value:
        return self.intrinsic("floor", x)

    def ceil(self, x: Value) -> Value:
        return self.intrinsic("ceil", x)

    def trunc(self, x: Value) -> Value:
        return self.intrinsic("trunc", x)

    def copysign(self, x: Value, sign: Any) -> Value:
        return self.intrinsic("copysign", x, x._with(sign))

    def bitcast(self, x: Value, kind: str) -> Value:
        return self.emit(f"bitcast {self.type(x.kind)} {x.ref} to {self.type(kind)}", kind)

    def convert(self, x: Value, kind: str) -> Value:
        """As C converts, with NumPy's result for a float that no integer holds (the smallest integer)."""
        if x.kind == kind:
            return x
        code = _conversion(x.kind, kind)
        if code is None:
            return Value(self, x.ref, kind)
        if kind == "i1":
            return x.ne(0)
        return self.emit(f"{code} {self.type(x.kind)} {x.ref} to {self.type(kind)}", kind)

    # -- lanes -------------------------------------------------------------------------------------------

    def any(self, mask: Value) -> str:
        """A scalar `i1`: does the mask hold in any lane?"""
        if self.width == 1:
            return mask.ref
        full = f"@llvm.vector.reduce.or.v{self.width}i1"
        self.declares.add(f"declare i1 {full}({self.type('i1')})")
        return self.emit(f"call i1 {full}({self.type('i1')} {mask.ref})", "i1").ref

    def lane(self, x: Value, i: int) -> str:
        """The scalar in lane i."""
        if self.width == 1:
            return x.ref
        return self.emit(f"extractelement {self.type(x.kind)} {x.ref}, i64 {i}", x.kind).ref

    def with_lane(self, x: Value, i: int, scalar: str) -> Value:
        """x with another scalar in lane i."""
        if self.width == 1:
            return Value(self, scalar, x.kind)
        t = LLVM_TYPE[x.kind]
        return self.emit(f"insertelement {self.type(x.kind)} {x.ref}, {t} {scalar}, i64 {i}", x.kind)

    def everywhere(self, v: Value) -> Value:
        """A number in every lane."""
        t, w = LLVM_TYPE[v.kind], self.width
        one = self.emit(f"insertelement <{w} x {t}> poison, {t} {v.ref}, i64 0", v.kind)
        return self.emit(
            f"shufflevector <{w} x {t}> {one.ref}, <{w} x {t}> poison, <{w} x i32> zeroinitializer", v.kind
        )

    def bounded(self, index: Value, extent: int) -> Value:
        """The index, or 0 where it is none into an axis of `extent` entries; `%bad` remembers that there was such."""
        fine = Value(self, index.ref, "u64").lt(extent)
        inside = self.select(fine, index, 0)
        width, bad = self.width, fine.invert()
        if width > 1:
            bad = self.emit(f"bitcast {self.type('i1')} {bad.ref} to i{width}", "i1")
            bad = self.emit(f"icmp ne i{width} {bad.ref}, 0", "i1")
        old = self.emit("load i1, ptr %bad", "i1")
        self.do(f"store i1 {self.emit(f'or i1 {old.ref}, {bad.ref}', 'i1').ref}, ptr %bad")
        return inside

    def call(self, name: str, *args: Value) -> Value:
        """An elementary function of `functions`, of the kind of its arguments."""
        kind = args[0].kind
        (self.far_needs if self.far else self.needs).add((name, kind, self.width))
        t = self.type(kind)
        return self.emit(
            f"call {t} @{function_symbol(name, kind, self.width, self.far)}({', '.join(f'{t} {a.ref}' for a in args)})",
            kind,
        )


def function_symbol(name: str, kind: str, width: int, far: bool = False) -> str:
    return f"cauchy.{name}.{kind}x{width}{'.far' * far}"


def _conversion(a: str, b: str) -> str | None:
    """The LLVM instruction that takes kind a to kind b; None where the bits stay."""
    if is_float(a) and is_float(b):
        return "fpext" if BITS[b] > BITS[a] else "fptrunc"
    if is_float(a):
        return "fptoui" if b[0] == "u" else "fptosi"
    if is_float(b):
        return "uitofp" if a[0] == "u" or a == "i1" else "sitofp"
    if BITS[a] == BITS[b]:
        return None
    if BITS[b] < BITS[a]:
        return "trunc"
    return "zext" if a[0] == "u" or a == "i1" else "sext"
