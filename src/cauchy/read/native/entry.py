"""The C function through which Python calls a kernel, written in LLVM IR: no wrapper in between.

It is a METH_FASTCALL function that reads the structs of its arguments itself. Whatever it does not expect (another
type, shape or dtype, keywords, a watch that tripped, a kernel that gave up) it hands to `slow`, a Python callable,
with the arguments as they came. It allocates the results through NumPy's and Python's C functions.

The objects whose addresses stand in the text are those of the `Signature`, which the callable keeps alive.
"""

from __future__ import annotations

import ctypes
import itertools
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from ...tracer.context import ACTIVE
from . import layout
from .cobject import ALIGN, STACK, Code, address, at, stored
from .driver import Driver, redzones_wanted
from .layout import c_function, numpy_function
from .llvm import Library
from .signature import Array, Input, Same, Scalar, Signature, output_numbers
from .watches import need, runs_python

METH_FASTCALL_KEYWORDS = 0x0082


class _Entry(Code):
    """The entry of one signature. `owned` are places of references to drop when the call ends early."""

    def __init__(self, spec: Signature) -> None:
        super().__init__()
        self.spec = spec
        self.owned: list[str] = []
        self.given: set[str] = set()

    def text(self) -> str:
        spec = self.spec
        few = self.equal("i64", "%nargs", len(spec.inputs))
        idle = self.equal("i64", self.load("i64", address(ACTIVE.ctypes.data), 0), 0)
        self.need(self.all([few, self.let("icmp eq ptr %names, null"), idle]))
        for watch in sorted(spec.watches, key=runs_python, reverse=True):  # what Python runs may change the rest
            need(self, watch)
        arguments = [self.load("ptr", "%args", 8 * i) for i in range(len(spec.inputs))]
        data = [p for x, s in zip(arguments, spec.inputs, strict=True) for p in self.argument(x, s)]
        data += [self.array(at(x), Array(x.dtype, x.shape)) for x in spec.captured]
        outputs = [self.output(k, s) for k, s in enumerate(spec.outputs)]
        self.kernel(data, [target for _, target in outputs])
        for (place, target), s in zip(outputs, spec.outputs, strict=True):
            if isinstance(s, Scalar):
                self.store("ptr", self.boxed(target, s), place)
        result = self.result([place for place, _ in outputs])
        self.drop(but=self.given)
        self.do(f"ret ptr {result}")
        self.place("slow")
        self.need(self.no_error(), "%error")
        self.drop()
        handler = self.load("ptr", "%self", layout.TUPLE_ITEMS)
        vectorcall = address(c_function("PyObject_Vectorcall"))
        answer = self.let(f"call ptr {vectorcall}(ptr {handler}, ptr %args, i64 %nargs, ptr %names) cold")
        self.do(f"ret ptr {answer}")
        self.place("error")
        self.drop()
        self.do("ret ptr null")
        # optnone is the quick instruction selection: LLVM's time for places of references that many exits share would
        # grow with their square, and a call takes no longer
        head = f"define ptr @{spec.symbol}(ptr %self, ptr %args, i64 %nargs, ptr %names) noinline optnone {{"
        declared = "declare i32 @kernel(ptr, ptr, ptr)"
        return "\n".join([declared, *self.globals, head, *self.storage, *self.lines, "}", ""])

    # -- references --------------------------------------------------------------------------------------

    def own(self, x: str) -> str:
        """A place that holds a reference of ours."""
        place = self.room("ptr", "null")
        self.store("ptr", x, place)
        self.owned.append(place)
        return place

    def take(self, place: str) -> str:
        """The reference in a place, now the caller's."""
        x = self.load("ptr", place)
        self.store("ptr", "null", place)
        self.given.add(place)
        return x

    def drop(self, but: Collection[str] = ()) -> None:
        for place in (p for p in self.owned if p not in but):
            self.call("void", c_function("Py_DecRef"), f"ptr {self.load('ptr', place)}")

    def share(self, x: str) -> str:
        self.call("void", c_function("Py_IncRef"), f"ptr {x}")
        return x

    # -- arguments ---------------------------------------------------------------------------------------

    def argument(self, x: str, spec: Input) -> list[str]:
        """Data pointers of the leaves of an argument."""
        if isinstance(spec, Same):
            self.need(self.equal("ptr", x, at(spec.value)))
            return []
        kind = self.load("ptr", x, layout.TYPE)
        if isinstance(spec, Array):
            self.need(self.equal("ptr", kind, at(np.ndarray)))
            return [self.array(x, spec)]
        if isinstance(spec, Scalar):
            return [self.scalar(x, kind, spec)]
        self.need(self.equal("ptr", kind, at(spec.type)))
        self.need(self.equal("i64", self.load("i64", x, layout.SIZE), len(spec.children)))
        if spec.type is dict:
            found = []
            for key in spec.keys:
                found.append(self.look_up(x, key))
                self.need(self.let(f"icmp ne ptr {found[-1]}, null"))
        else:
            items = self.load("ptr", x, layout.LIST_ITEMS) if spec.type is list else self.offset(x, layout.TUPLE_ITEMS)
            found = [self.load("ptr", items, 8 * i) for i in range(len(spec.children))]
        data = []
        for child, s in zip(found, spec.children, strict=True):
            data += self.argument(child, s)
            if self.spec.release_gil and isinstance(s, Array):  # another thread may take it out of its list
                self.own(self.share(child))
        return data

    def scalar(self, x: str, kind: str, spec: Scalar) -> str:
        slot, of = self.room(stored(spec.dtype)), stored(spec.dtype)
        matches = [self.equal("ptr", kind, at(t)) for t in spec.types]
        accept = matches[0]
        for m in matches[1:]:
            accept = self.let(f"or i1 {accept}, {m}")
        self.need(accept)
        if int in spec.types:
            overflow = self.room("i32")
            value = self.call("i64", c_function("PyLong_AsLongLongAndOverflow"), f"ptr {x}", f"ptr {overflow}")
            self.need(self.equal("i32", self.load("i32", overflow), 0))
        elif bool in spec.types:
            value = self.let(f"zext i1 {self.equal('ptr', x, at(True))} to i8")
        else:
            value = self.load(of, x, layout.VALUE)
        self.store(of, value, slot)
        return slot

    def plain(self, x: str, ready: str, spec: Array) -> str:
        """The array, or where it is not contiguous and aligned a copy of it.

        The copy is in C order. Where NumPy's would be in another (of a transposed matrix), functions that ask for the
        order in memory, as x.ravel("K") does, have another graph: Python looks for it.
        """
        place, copy, on = self.room("ptr", "null"), self.name(), self.name()
        used = self.room("ptr")
        self.owned.append(place)
        self.store("ptr", x, used)
        self.fork(ready, on, copy)
        self.place(copy[1:])
        if falling := self.falling(x, spec.shape):
            self.need(self.all(falling))
        self.share(at(spec.dtype))  # the call takes over this reference
        made = self.make(numpy_function(layout.FROM_ARRAY), f"ptr {x}", f"ptr {at(spec.dtype)}", f"i32 {layout.READY}")
        self.store("ptr", made, place)
        self.store("ptr", made, used)
        self.do(f"br label {on}")
        self.place(on[1:])
        return self.load("ptr", used)

    def falling(self, x: str, shape: tuple[int, ...]) -> list[str]:
        """Whether no stride is longer than the one before it: NumPy's own copy would be in C order."""
        axes = [i for i, n in enumerate(shape) if n > 1]
        strides = self.load("ptr", x, layout.STRIDES) if len(axes) > 1 else ""
        sizes: list[str] = []
        for i in axes if strides else ():
            s = self.load("i64", strides, 8 * i)
            back, forward = self.let(f"sub i64 0, {s}"), self.let(f"icmp sge i64 {s}, 0")
            sizes.append(self.let(f"select i1 {forward}, i64 {s}, i64 {back}"))
        return [self.let(f"icmp sge i64 {a}, {b}") for a, b in itertools.pairwise(sizes)]

    # -- results -----------------------------------------------------------------------------------------

    def output(self, k: int, spec: Array | Scalar) -> tuple[str, str]:
        """The place of an output's reference and the pointer the kernel writes to."""
        if isinstance(spec, Scalar):
            place = self.room("ptr", "null")
            self.owned.append(place)
            return place, self.room(stored(spec.dtype))
        shape = "null"
        if spec.shape:
            shape = f"@{self.spec.symbol}.shape{k}"
            sizes = ", ".join(f"i64 {n}" for n in spec.shape)
            self.globals.append(f"{shape} = private unnamed_addr constant [{len(spec.shape)} x i64] [{sizes}]")
        self.share(at(spec.dtype))  # the call takes over this reference
        arguments = [f"ptr {at(np.ndarray)}", f"ptr {at(spec.dtype)}", f"i32 {len(spec.shape)}", f"ptr {shape}"]
        made = self.make(numpy_function(layout.NEW_FROM_DESCR), *arguments, "ptr null", "ptr null", "i32 0", "ptr null")
        return self.own(made), self.load("ptr", made, layout.DATA)

    def boxed(self, slot: str, spec: Scalar) -> str:
        """A new reference to the Python object of a number."""
        (kind,), of = spec.types, stored(spec.dtype)
        value = self.load(of, slot)
        if kind is float:
            return self.make(c_function("PyFloat_FromDouble"), f"double {value}")
        if kind is int:
            return self.make(c_function("PyLong_FromLongLong"), f"i64 {value}")
        if spec.dtype.kind == "b":
            yes, no = at(kind(True)), at(kind(False))
            return self.share(self.let(f"select i1 {self.equal('i8', value, 0)}, ptr {no}, ptr {yes}"))
        made = self.make(layout.allocator(kind), f"ptr {at(kind)}", "i64 0")
        self.store(of, value, made, layout.VALUE)
        return made

    def result(self, places: Sequence[str]) -> str:
        left = Counter(output_numbers(self.spec.structure))

        def build(s: Any) -> tuple[str, str]:
            """(object, place of our reference to it if we have one to give away)."""
            if type(s) is int:
                left[s] -= 1
                return self.load("ptr", places[s]), places[s] if not left[s] else ""
            if s is None or isinstance(s, Same):
                return at(s.value if isinstance(s, Same) else None), ""
            if isinstance(s, dict):
                place = self.own(made := self.make(c_function("PyDict_New")))
                for key, part in s.items():
                    x, owner = build(part)
                    rc = self.call("i32", c_function("PyDict_SetItem"), f"ptr {made}", f"ptr {at(key)}", f"ptr {x}")
                    self.need(self.equal("i32", rc, 0), "%error")
                    if owner:
                        self.call("void", c_function("Py_DecRef"), f"ptr {self.take(owner)}")
                return made, place
            new = "PyList_New" if isinstance(s, list) else "PyTuple_New"
            place = self.own(made := self.make(c_function(new), f"i64 {len(s)}"))
            items = self.load("ptr", made, layout.LIST_ITEMS) if isinstance(s, list) else made
            for i, part in enumerate(s):
                x, owner = build(part)
                x = self.take(owner) if owner else self.share(x)
                self.store("ptr", x, items, 8 * i + (0 if isinstance(s, list) else layout.TUPLE_ITEMS))
            return made, place

        x, owner = build(self.spec.structure)
        if self.spec.rebuild is not None:
            return self.make(c_function("PyObject_CallOneArg"), f"ptr {at(self.spec.rebuild)}", f"ptr {x}")
        return self.take(owner) if owner else self.share(x)

    # -- the kernel --------------------------------------------------------------------------------------

    def kernel(self, data: Sequence[str], targets: Sequence[str]) -> None:
        """The call of the kernel, with scratch memory, without the GIL if it is long."""
        spec, control, private = self.spec, "", ""
        if spec.scratch <= STACK:
            scratch = self.room(f"[{spec.scratch} x i8]") if spec.scratch else "null"
        else:
            control = self.load("ptr", self.load("ptr", "%self", layout.TUPLE_ITEMS + 8), layout.DATA)
            scratch = self.load("ptr", control, 8)
            if spec.release_gil:
                scratch, private = self.arena(control, scratch)
        arguments = f"ptr {self.pointers(data)}, ptr {self.pointers(targets)}, ptr {scratch}"
        thread = self.call("ptr", c_function("PyEval_SaveThread")) if spec.release_gil else ""
        code = self.let(f"call i32 @kernel({arguments})")
        if private:
            free, shared, on = self.name(), self.name(), self.name()
            self.fork(self.equal("ptr", private, "null"), shared, free)
            self.place(shared[1:])
            self.do(f"store atomic i64 0, ptr {control} release, align 8")
            self.do(f"br label {on}")
            self.place(free[1:])
            self.call("void", c_function("PyMem_RawFree"), f"ptr {private}")
            self.do(f"br label {on}")
            self.place(on[1:])
        if thread:
            self.call("void", c_function("PyEval_RestoreThread"), f"ptr {thread}")
        self.need(self.equal("i32", code, 0))

    def arena(self, control: str, shared: str) -> tuple[str, str]:
        """The callable's own scratch memory if no other thread uses it (then the second is null), else new memory."""
        busy, full, on = self.name(), self.name(), self.name()
        taken = self.let(f"cmpxchg ptr {control}, i64 0, i64 1 acquire monotonic")
        won = self.let(f"extractvalue {{ i64, i1 }} {taken}, 1")
        fresh, where = self.room("ptr", "null"), self.room("ptr")
        self.store("ptr", shared, where)
        self.store("ptr", "null", fresh)
        self.fork(won, on, busy)
        self.place(busy[1:])
        raw = self.call("ptr", c_function("PyMem_RawMalloc"), f"i64 {self.spec.scratch + ALIGN}")
        some = self.name()
        self.fork(self.equal("ptr", raw, "null"), full, some)
        self.place(full[1:])
        self.call("ptr", c_function("PyErr_NoMemory"))
        self.do("br label %error")
        self.place(some[1:])
        self.store("ptr", self.aligned(raw), where)
        self.store("ptr", raw, fresh)
        self.do(f"br label {on}")
        self.place(on[1:])
        return self.load("ptr", where), self.load("ptr", fresh)


def entry_ir(spec: Signature) -> str:
    """Text that defines `@{spec.symbol}`, to be linked with `@kernel` as it is. Only where `layout.available()`."""
    return _Entry(spec).text()


class _Method(ctypes.Structure):
    """CPython's PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


def make_callable(library: Library, spec: Signature, slow: Callable[..., Any]) -> Callable[..., Any]:
    """The builtin function that runs the kernel; `slow(*args, **kwargs)` answers what it cannot.

    `library` has the text of `entry_ir(spec)`, of this very `spec`. Where native entries are not available, and where
    buffers are to be checked (`spec.redzones`, or the environment's `CAUCHY_DEBUG=redzones`), it has only the kernel,
    which is then driven from Python.
    """
    if redzones_wanted(spec) or not layout.available():
        return Driver(library, spec, slow)
    method = _Method(spec.name.encode(), library.address(spec.symbol), METH_FASTCALL_KEYWORDS, None)
    # [lock, address of the arena]
    arena = np.empty(spec.scratch + ALIGN if spec.scratch > STACK else 0, np.uint8)
    control = np.array([0, -(-arena.ctypes.data // ALIGN) * ALIGN], np.int64)
    # Machine code and method must outlive every finalizer that might still call the function. The garbage collector
    # does not look into arrays of objects: what one holds is freed last, when the function itself is.
    last = np.empty(3, object)
    last[0], last[1], last[2] = library, method, arena
    bind = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)
    return bind(c_function("PyCFunction_NewEx"))(ctypes.addressof(method), (slow, control, last, spec), None)
