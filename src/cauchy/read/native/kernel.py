"""A compiled graph, ready to be called."""

from __future__ import annotations

import ctypes
import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy

from ...errors import CauchyError, InternalError
from ...graph import CONST, Graph, Node
from ...tracer.watch import Watch
from ..kernel import ValueKernel
from ..value import value
from . import layout
from .entry import entry_ir, make_callable
from .explain import explain
from .functions import definitions
from .llvm import Library
from .lowlevel import QUAD, SCALAR, scalar_entry_ir
from .program import OK, Program, Text
from .signature import Array, Input, Scalar, Signature

LONG_TEXT = 2000  # lines of straight-line code that are much for LLVM
LONG_WORK = 50_000.0  # additions from which other Python threads should run meanwhile


@dataclass(frozen=True, eq=False)
class Calling:
    """What Python's call of a graph looks like: see `Signature`, which also knows what the kernel needs."""

    inputs: tuple[Input, ...]
    structure: Any
    watches: tuple[Watch, ...] = ()
    rebuild: Callable[[Any], Any] | None = None
    name: str = "f"


def _number(n: Node) -> Array | Scalar:
    return Array(n.dtype, n.shape) if n.shape else Scalar(n.dtype, (n.dtype.type,))


class Kernel:
    """Machine code for a graph. `run(leaves)` is `(status, outputs)`: status 0, or k > 0 if guard k - 1 of the graph
    came out otherwise than traced, or -1 where NumPy raises an error.

    A leaf is an array of any layout or a number; captured arrays are read where they are now. With a `calling`,
    `entry(slow)` is a C function that Python calls without a detour.
    """

    def __init__(self, graph: Graph, calling: Calling | None = None) -> None:
        text = Text()
        self.program = p = Program(graph, text)
        functions, declares = definitions(text.needs, text.far_needs)
        self.llvm = "\n\n".join([*sorted(text.declares | declares), *functions, *text.functions]) + "\n"
        self.signature: Signature | None = None
        entry = ""
        if calling is not None and not p.values and layout.available():
            self.signature = Signature(
                calling.inputs,
                tuple(map(_number, p.graph.outputs)),
                calling.structure,
                self._captured,
                calling.watches,
                p.scratch,
                p.work > LONG_WORK,
                calling.rebuild,
                name=calling.name,
            )
            entry = entry_ir(self.signature)
        self.library = Library(self.llvm, entry=entry, keep=text.constants, long=text.long > LONG_TEXT)
        call = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
        self._calls = [call(self.library.address(s.name)) for s in p.segments]

    @property
    def _captured(self) -> tuple[np.ndarray, ...]:
        return tuple(n.origin for n in self.program.captured if n.origin is not None)

    def entry(self, slow: Callable[..., Any]) -> Callable[..., Any] | None:
        """The C function of the calling; it hands what it does not know to `slow`. None if there is none."""
        if self.signature is None:
            return None
        return make_callable(self.library, self.signature, slow)

    def run(self, leaves: Sequence[Any]) -> tuple[int, list[Any]]:
        p = self.program
        memory = [
            _plain(x, n.dtype) for x, n in zip((*leaves, *self._captured), (*p.graph.inputs, *p.captured), strict=True)
        ]
        out = [np.empty(n.shape, n.dtype.newbyteorder("=")) for n in p.graph.outputs]
        scratch = np.empty(p.scratch + 64, np.uint8)
        scratch = scratch[-scratch.ctypes.data % 64 :]
        env: dict[Node, Any] = dict(zip(p.slots, memory, strict=False))
        slots = (ctypes.c_void_p * max(len(p.slots), 1))(*[a.ctypes.data for a in memory])
        outs = (ctypes.c_void_p * max(len(out), 1))(*[a.ctypes.data for a in out])
        for call, segment in zip(self._calls, p.segments, strict=True):
            status = call(slots, outs, scratch.ctypes.data)
            if status:
                return status, []
            for n in segment.after:
                args = [self._value(a, env, out, scratch) for a in n.args]
                got = value.rule(n)(*args, **n.params)
                if n.prim.outputs == 1:
                    got = _plain(got, n.dtype)
                    slots[p.slots.index(n)] = got.ctypes.data
                env[n] = got
        found = [np.array(env[n]) if n in env else a for n, a in zip(p.graph.outputs, out, strict=True)]
        return OK, [a if a.ndim else a[()] for a in found]

    def _value(self, n: Node, env: dict[Node, Any], out: list[np.ndarray], scratch: np.ndarray) -> Any:
        """The present value of a node as NumPy sees it."""
        p = self.program
        owner = p.planned.owner(n)
        if n in env:
            a = env[n]
        elif owner in env or owner.prim is CONST:
            a = env.get(owner, owner.value)
        else:
            home, before = owner, 0
            while home in p.planned.inside:
                home, start = p.planned.inside[home]
                before += start * home.dtype.itemsize
            space, at = p.where[home]
            size = math.prod(owner.shape) * owner.dtype.itemsize
            memory = out[at].reshape(-1).view(np.uint8) if space == "out" else scratch[at:]
            a = memory[before : before + size].view(owner.dtype)
        if isinstance(a, tuple) or n.prim is CONST:
            return a
        a = np.reshape(a, n.shape)
        return a if n.shape else a[()]

    def explain(self) -> str:
        """What was fused, what went to BLAS, what is left to NumPy and why."""
        return explain(self.program)

    # -- for callers in C --------------------------------------------------------------------------------------

    @functools.cached_property
    def _scalar(self) -> Library:
        p = self.program
        if p.values:
            raise CauchyError("this function has no address", why=f"a part of it is run by NumPy: {self.explain()}")
        try:
            spec = Signature(
                tuple(map(_number, p.graph.inputs)),
                tuple(map(_number, p.graph.outputs)),
                tuple(range(len(p.graph.outputs))),
                self._captured,
                scratch=p.scratch,
            )
            text = scalar_entry_ir(spec)
        except InternalError as e:
            raise CauchyError(
                "this function has no address",
                why=str(e),
                fix="C calls a function of float64 numbers with one as value",
            ) from None
        return Library(self.llvm + text, keep=self.library.keep)

    @property
    def address(self) -> int:
        """Where the C function `double f(double, ...)` lies, as long as this kernel lives."""
        return self._scalar.address(SCALAR)

    def low_level(self) -> scipy.LowLevelCallable:
        """For SciPy's integrators and filters: `double f(int n, double *x)`, or `double f(double)` of one number."""
        one = len(self.program.graph.inputs) == 1
        kind = ctypes.CFUNCTYPE(ctypes.c_double, *((ctypes.c_double,) if one else (ctypes.c_int, ctypes.c_void_p)))
        pointer = kind(self._scalar.address(SCALAR if one else QUAD))
        if not one:
            pointer = ctypes.cast(
                pointer, ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_int, ctypes.POINTER(ctypes.c_double))
            )
        # the machine code lives as long as what points to it
        pointer.kernel = self  # pyright: ignore[reportAttributeAccessIssue]  # ctypes functions take attributes
        return scipy.LowLevelCallable(pointer)


def _plain(x: Any, dtype: Any) -> np.ndarray:
    """x as machine code reads it: contiguous, aligned, in native byte order."""
    a = np.asarray(x, dtype=dtype.newbyteorder("="), order="C")
    return a if a.flags.aligned else a.copy()


LARGEST = 12_000  # nodes; beyond, LLVM would take minutes


class TooLarge(ValueKernel):
    """A graph that is better run node by node."""

    def explain(self) -> str:
        return (
            f"{super().explain()}: with more than {LARGEST:,} nodes machine code would take minutes to make;"
            " write the loop that was unrolled as cauchy.scan or cauchy.loop"
        )


def compile_graph(graph: Graph, calling: Calling | None = None) -> Kernel | ValueKernel:
    """Machine code for a graph; one that is too large for it runs by the value reading."""
    return Kernel(graph, calling) if len(graph.nodes) <= LARGEST else TooLarge(graph)
