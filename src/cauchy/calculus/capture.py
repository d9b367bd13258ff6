"""From a call to a graph that can run again: arguments taken apart, one trace, what it may depend on."""

from __future__ import annotations

import dataclasses
import math
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import numpy as np

from ..errors import CauchyError
from ..graph import CONST, INPUT, Graph, Node
from ..read.kernel import Kernel, fresh, value_backend
from ..tracer import Array, as_array, check_input, is_traced, outputs_of, parameter_names, recording, wrap
from ..tracer.array import boxed, holdable
from ..tracer.context import state
from ..tracer.rescue import entries
from ..tracer.tree import leaves, rebuild
from ..tracer.watch import Survey, Watch, same_bytes

_VALUES = (bool, int, str, bytes)
_SINGLE = np.dtype(np.float32)


def named_backend() -> str:
    """What the environment variable CAUCHY_BACKEND names: native (the default) or value."""
    name = os.environ.get("CAUCHY_BACKEND", "native")
    if name not in ("native", "value"):
        raise CauchyError(f"CAUCHY_BACKEND is {name!r}", fix="set it to native or value, or unset it")
    return name


def backend() -> Callable[..., Kernel]:
    """The compiler of graphs."""
    if named_backend() == "value":
        return value_backend
    from ..read.native import compile_graph  # LLVM is loaded with the first compilation

    return compile_graph


class Is:
    """An argument that counts by identity."""

    __slots__ = ("it",)

    def __init__(self, it: Any) -> None:
        self.it = it

    def __hash__(self) -> int:
        return id(self.it)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Is) and self.it is other.it


class Unkept(Exception):
    """These arguments cannot be part of a key."""


def is_number(x: Any) -> bool:
    return x.dtype.kind in "iub" or (x.dtype.kind == "f" and x.dtype.itemsize in (4, 8))


class Arguments:
    """The arguments of a call, taken apart: `leaves` vary, `key` and `values` decide which graphs fit.

    Arrays, NumPy scalars and floats are leaves; so are integers in the arguments that are differentiated. Other
    integers, texts and objects are values: a graph holds for them alone. A float where nothing is differentiated is a
    Python float in the graph too (`floats` of them): it does not promote.
    """

    __slots__ = ("floats", "key", "leaves", "values")

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any], varied: tuple[int, ...] | None) -> None:
        self.leaves: list[Any] = []
        self.floats: list[int] = []
        self.values: list[Any] = []
        self.key: list[Any] = [len(args), *kwargs]
        n = len(args)
        wanted = {i % n for i in varied if -n <= i < n} if varied and n else ()
        for i, x in enumerate(args):
            self._flatten(x, i in wanted)
        for x in kwargs.values():
            self._flatten(x, False)

    def _flatten(self, x: Any, varied: bool) -> None:
        kind = type(x)
        key = self.key
        if varied and (kind is bool or (isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind == "b")):
            raise Unkept  # an error, which the eager run raises
        if kind is np.ndarray and is_number(x):
            if not x.dtype.isnative:
                x = x.astype(x.dtype.newbyteorder("="))
            if x.flags.c_contiguous:
                key += (x.dtype, x.shape)
            else:
                x = np.array(x)  # contiguous, its axes in the same order in memory
                key += (x.dtype, x.shape) if x.flags.c_contiguous else (x.dtype, x.shape, x.strides)
            self.leaves.append(x)
        elif kind is float:
            key.append(float)
            if varied:
                x = np.float64(x)
            else:
                self.floats.append(len(self.leaves))
            self.leaves.append(x)
        elif x is None:
            key.append(None)
        elif kind is list or kind is tuple:
            key += (kind, len(cast(Any, x)))
            for v in cast(Any, x):
                self._flatten(v, varied)
        elif isinstance(x, dict) and kind in (dict, OrderedDict):
            key += (kind, tuple(x), tuple(map(type, x)))
            for v in x.values():
                self._flatten(v, varied)
        elif is_traced(x):
            raise Unkept
        elif isinstance(x, np.generic) and is_number(x):
            key.append(x.dtype)
            self.leaves.append(x)
        elif varied and kind is int:
            key.append(kind)
            self.leaves.append(check_input(x, ""))
        elif isinstance(x, tuple) and hasattr(x, "_fields"):
            key += (kind, len(x))
            for v in x:
                self._flatten(v, varied)
        elif dataclasses.is_dataclass(x) and not isinstance(x, type):
            fields = [f.name for f in dataclasses.fields(x) if f.init]
            if getattr(x, "__dict__", {}).keys() != set(fields):
                raise Unkept
            key += (kind, len(fields))
            for name in fields:
                self._flatten(getattr(x, name), varied)
        elif varied or isinstance(x, (dict, list, tuple, np.ndarray)):
            raise Unkept
        else:
            key.append(kind)
            self.values.append(x if kind in _VALUES else Is(x))


class Program:
    """One graph, kept: `graph`, the tree of its results, and the `watches` under which it holds."""

    def __init__(self, graph: Graph, tree: Any, parts: list[Any], watches: tuple[Watch, ...], note: str) -> None:
        self.graph, self.tree, self.parts, self.watches, self.note = graph, tree, parts, watches, note
        self.single = type(tree) is Slot
        self.runs = 0
        self.kernel: Kernel
        self.born = time.perf_counter()
        self.price = math.inf  # seconds that tracing and compiling took

    def compile(self, started: float, calling: Callable[[Program], Any] | None = None) -> None:
        """Make the kernel; `calling` says how Python calls it, for a backend that has use for it."""
        make = backend()
        self.kernel = make(self.graph) if make is value_backend else make(self.graph, calling and calling(self))
        self.born = time.perf_counter()
        self.price = self.born - started

    def earned(self) -> bool:
        """Whether it lived long enough to have been worth its making."""
        return self.runs > 1 or time.perf_counter() - self.born > 10 * self.price

    def broken(self) -> Watch | None:
        """The first watch that does not hold."""
        for w in self.watches:
            if not w.holds():
                return w
        return None

    def result(self, outputs: list[Any]) -> Any:
        outputs = [x[()] if type(x) is np.ndarray and not x.ndim else x for x in outputs]
        if self.single:
            return outputs[0]
        it = iter(outputs)
        return rebuild(self.tree, iter([next(it) if type(p) is Slot else p for p in self.parts]))


class Slot:
    """The place of an output in the tree of results."""


class Trace:
    """One trace to be kept. `hold`: with captured arrays as traced constants, else with their bytes compared."""

    def __init__(self, owner: Any, found: Survey, given: Arguments, hold: bool) -> None:
        self.owner, self.given, self.hold, self.survey = owner, given, hold, found
        exposed = found.exposed if hold else found.arrays.keys()
        self.kept = {i for i in found.arrays if i not in exposed}
        self.compared = [x for i, x in found.arrays.items() if i in exposed]
        content = [Watch("bytes", x, None, x.copy(), "the content of a captured array") for x in self.compared]
        self.watches = (*found.watches, *content)
        self.note = (
            f"{len(content)} captured arrays are compared at each call" if content else "arrays are read in place"
        )
        self.inputs: list[Node] = []
        self.names: list[str] = []
        self.lent: list[tuple[Any, tuple[Any, ...]]] = []  # containers rebuilt for the function, and their entries
        self.handles: list[tuple[Array, Node]] = []
        self.program: Program | None = None
        self.mixes = False  # float32 among the nodes
        self.undone = ""  # an effect that the trace swallowed
        self.reason = ""

    def run(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        with recording(), keeping(self.hold):
            it = iter(self.given.leaves)
            n = len(args)
            varied = {i % n for i in self.owner._varied if -n <= i < n} if self.owner._varied and n else set[int]()
            labels = parameter_names(self.owner.__wrapped__, n)
            new = tuple(self._entered(x, it, i in varied, labels[i]) for i, x in enumerate(args))
            words = {k: self._entered(x, it, False, k) for k, x in kwargs.items()}
            out = self.owner._eager(*new, **words)
            if self.owner._varied is None:
                out = rebuild(out, iter(outputs_of(out, self.owner.__wrapped__)))
            tree, parts, outputs = self._results(out)
            lent = [*self.lent, *(state.shown or ())]
            if any(a is not b for c, before in lent for a, b in _zipped(entries(c), before)):
                self.undone = "it changes a list or dict that it was given or captured"
            elif any(h.node is not n for h, n in self.handles):
                self.undone = "it writes to an array that it was given"
            self._found = tree, parts, [x.node for x in outputs]
            self._settle(*self._found)

    def result(self) -> Any:
        """What the trace computed."""
        tree, parts, ends = self._found
        values = iter([fresh(n.value) for n in ends])
        return rebuild(tree, iter([next(values) if type(p) is Slot else p for p in parts]))

    def forget(self) -> None:
        """Let go of the values in the kept graph: they are as large as all intermediate results together."""
        assert self.program is not None
        for n in self.program.graph.nodes:
            if n.prim is not CONST:
                n.value = None

    def _entered(self, x: Any, it: Iterator[Any], varied: bool, name: str) -> Any:
        if isinstance(x, (list, dict, tuple)) or (dataclasses.is_dataclass(x) and not isinstance(x, type)):
            paths = [name + path for path, _ in leaves(x)]
            new = rebuild(
                x, iter([self._entered(v, it, varied, p) for p, (_, v) in zip(paths, leaves(x), strict=True)])
            )
            if not varied:
                self._lend(new)
            return new
        is_leaf = (isinstance(x, (np.ndarray, np.generic)) and is_number(x)) or type(x) is float
        if not is_leaf and not (varied and type(x) is int):
            return x
        value = next(it)
        node = Node(INPUT, (), {}, value if type(value) is float else check_input(value, name))
        node.live = False  # it varies for this trace, but no derivative is taken with respect to it
        self.inputs.append(node)
        self.names.append(name)
        new = boxed(wrap(node)) if isinstance(x, np.ndarray) else wrap(node)
        if isinstance(x, np.ndarray) and not varied:
            self.handles.append((new, node))
        return new

    def _lend(self, x: Any) -> None:
        if isinstance(x, (list, dict)):
            self.lent.append((x, entries(x)))
        for child in x.values() if isinstance(x, dict) else x if isinstance(x, (list, tuple)) else ():
            self._lend(child)

    def _results(self, out: Any) -> tuple[Any, list[Any], list[Array]]:
        """The tree with a slot for each output; other leaves, which only aux has, stand as they are."""
        outputs: list[Array] = []
        parts: list[Any] = []
        for _, x in leaves(out):
            if is_traced(x) or (isinstance(x, np.ndarray) and holdable(x)):
                outputs.append(cast(Array, x) if is_traced(x) else as_array(x))
                parts.append(Slot())
            else:
                parts.append(x)
                if not isinstance(x, (bool, int, float, complex, str, bytes, np.generic)):
                    self.reason = f"it returns a {type(x).__name__}"
        return rebuild(out, iter(parts)), parts, outputs

    def _settle(self, tree: Any, parts: list[Any], outputs: list[Node]) -> None:
        """Decide whether the graph can be kept, and make it independent of the values of this trace."""
        inputs, ends = tuple(self.inputs), tuple(outputs)
        name = getattr(self.owner, "__name__", "f")
        varies = set(inputs)
        for n in Graph(inputs, ends, tuple(state.guards)).nodes:
            self.mixes |= _SINGLE in n.dtype if isinstance(n.dtype, tuple) else n.dtype == _SINGLE
            if n.prim is CONST and n.origin is not None:
                if id(n.origin) not in self.kept:
                    n.origin = None
                elif same_bytes(n.value, n.origin):
                    n.value = n.origin
                    varies.add(n)
                else:
                    self.reason = "it writes to an array that it captured"
            elif any(a in varies for a in n.args):
                varies.add(n)
        for w in self.watches:
            if not w.holds():
                self.reason = f"it changes what it depends on: {w.what}"
        if self.reason or self.undone:
            return
        guards = {}
        for g in state.guards:
            if g.node in varies:
                guards.setdefault((g.node, type(g.outcome)), g)
        graph = Graph(inputs, ends, tuple(guards.values()), name, tuple(self.names))
        self.program = Program(graph, tree, parts, self.watches, self.note)


_seal = threading.RLock()


@contextmanager
def sealed(arrays: list[np.ndarray]) -> Iterator[None]:
    """Inside, these arrays cannot be written to: a trace that would is not kept, even if it writes what is there."""
    if not arrays:
        yield
        return
    with _seal:
        open_ = sorted((x for x in arrays if x.flags.writeable), key=lambda x: x.base is not None)
        try:
            for x in open_:
                x.flags.writeable = False
            yield
        finally:
            for x in open_:  # a view may be written to if its base may
                x.flags.writeable = True


class keeping:
    """Inside, whatever leaves the trace is a guard; with `hold`, captured arrays are traced."""

    def __init__(self, hold: bool) -> None:
        self.hold = hold

    def __enter__(self) -> None:
        state.keep, state.shown = True, [] if self.hold else None

    def __exit__(self, *_: object) -> None:
        state.keep, state.shown = False, None


def _zipped(a: tuple[Any, ...], b: tuple[Any, ...]) -> Iterator[tuple[Any, Any]]:
    return zip(a, b, strict=True) if len(a) == len(b) else iter([(a, b)])
