"""Small graphs as straight-line code: every entry of every node is a value of its own.

Arrangements then are NumPy's own, on arrays of values, and cost nothing; LLVM finds the SIMD vectors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ... import ops as P
from ...graph import CONST, Graph, Node
from ..value import value
from ..value.index import full_key
from . import dense, order
from .ir import Builder, Value, kind_of, storage
from .lanes import Cut
from .loopnest import identity_of
from .matrices import RULES as DENSE
from .nest import apply, combine
from .order import EXTREMA
from .roots import letters
from .scalar import converted, kinds_supported, loop_kinds, native

LIMIT = 1000.0  # additions; a function like exp counts as 25
NUMBERS = 40_000.0  # instructions, in a graph of numbers and very short arrays, of which loops would have nothing
SHORT = 4, 64  # entries of a very short array; of the longest few among many numbers

_ARRANGED = (P.reshape, P.transpose, P.broadcast_to, P.identity, P.stop_gradient)
_INDEXED = {P.getitem: 1, P.scatter_add: 1, P.setitem: 2, P.add_at: 2}  # number of arguments before the index arrays
_FOLDS = {
    P.sum: "sum",
    P.prod: "prod",
    P.max: "max",
    P.min: "min",
    P.any: "any",
    P.all: "all",
    P.count_nonzero: "count",
}


def small(graph: Graph, cut: Cut | None = None) -> bool:
    """Whether a graph is worth unrolling, and made of what this file knows.

    `cut`: nodes of which a vector of columns counts as `cut.n / 8` numbers, and at least one.
    """
    work = 0.0

    def entries(n: Node) -> float:
        if cut is not None and n in cut.axis:
            return math.prod(cut.small[n].shape) * max(1.0, cut.n / 8)
        return math.prod(n.shape)

    sizes = [entries(n) for n in graph.nodes if n.prim.outputs == 1]
    numbers = max(sizes, default=1) <= SHORT[0] or (max(sizes) <= SHORT[1] and sum(sizes) <= 1.5 * len(sizes))
    limit = NUMBERS if numbers else LIMIT
    for n in graph.nodes:
        if n in graph.inputs or n.prim is CONST:
            if not kinds_supported([n.dtype]) or math.prod(n.shape) > limit:
                return False
            continue
        if isinstance(n.dtype, tuple) or not kinds_supported([n.dtype]) or not _known(n):
            return False
        cost = native[n.prim].cost if n.prim in native else 1.0
        work += entries(n) * (min(cost, 3.0) if numbers else cost)
        if n.prim in _FOLDS or n.prim not in native:
            work += sum(map(entries, n.args))
        if n.prim in (P.matmul, P.dot, P.inner, P.vdot, P.einsum):
            work += _terms(n)
        if n.prim in DENSE:
            work += dense.work(n)
        if n.prim in EXTREMA:
            work += order.work(n)
        if work > limit:
            return False
    return True


def _known(n: Node) -> bool:
    if n.prim in native:
        return loop_kinds(n) is not None
    if n.prim in _INDEXED:
        arrays = n.args[_INDEXED[n.prim] :]
        return all(a.prim is CONST and a.origin is None for a in arrays) and _bounded(n)
    if n.prim in _FOLDS:
        return bool(math.prod(n.args[0].shape)) or n.prim not in (P.max, P.min)
    if n.prim in (P.matmul, P.dot, P.inner, P.vdot, P.einsum):
        return letters(n) is not None
    if n.prim in DENSE:
        return dense.known(n) and dense.straight(n)
    if n.prim in EXTREMA:
        return order.known(n)
    return n.prim in _ARRANGED or n.prim is P.concatenate


def _bounded(n: Node) -> bool:
    """Whether no constant index is out of bounds (NumPy raises there)."""
    shape = n.params["shape"] if n.prim is P.scatter_add else n.args[0].shape
    try:
        np.broadcast_to(np.int8(0), shape)[
            full_key(n.params["key"], tuple(a.value for a in n.args[_INDEXED[n.prim] :]))
        ]
    except IndexError:
        return False
    return True


def _terms(n: Node) -> int:
    found = letters(n)
    assert found is not None
    size: dict[Any, int] = {}
    for o, x in zip(found[0], n.args, strict=True):
        for c, s in zip(o, x.shape, strict=True):
            size[c] = max(size.get(c, 1), s)
    return math.prod(size.values())


class Entries:
    """Every entry of every node of a graph as a value of its own; `env` knows those of the inputs.

    The builder's values may be numbers or SIMD vectors.
    """

    def __init__(self, b: Builder, graph: Graph, env: dict[Node, np.ndarray]) -> None:
        self.b, self.env = b, env
        self.bad = b.const("i1", False)  # whether NumPy would raise
        for n in graph.nodes:
            if n not in self.env and n.prim is not CONST:
                self.add(n)

    def add(self, n: Node) -> None:
        self.env[n] = self._entries(n)

    # -- entries -----------------------------------------------------------------------------------------------

    def entries(self, n: Node, kind: str) -> np.ndarray:
        """The values of a node in an element kind, as an array of its shape."""
        if n.prim is CONST and n not in self.env:
            if not n.shape:
                return np.array(self.b.const(kind, n.value), object)
            return each(np.asarray(n.value), lambda v: self.b.const(kind, v))
        found = self.env[n]
        if kind == kind_of(n.dtype):
            return found
        return each(found, lambda v: converted(self.b, v, kind))

    def _entries(self, n: Node) -> np.ndarray:
        kind = kind_of(n.dtype)
        if n.prim in native:
            return self._elementwise(n)
        if n.prim in _FOLDS:
            inside = "i1" if n.prim in (P.any, P.all, P.count_nonzero) else kind
            x = self.entries(n.args[0], inside)
            axis = n.params["axis"]
            axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
            x = each(x, lambda v: converted(self.b, v, kind)) if inside != kind else x
            return self._folded(x, axes, _FOLDS[n.prim], kind).reshape(n.shape)
        if n.prim in (P.matmul, P.dot, P.inner, P.vdot, P.einsum):
            return self._contracted(n, kind)
        if n.prim in _INDEXED:
            return self._indexed(n, kind)
        if n.prim in DENSE:
            return self._matrices(n, kind)
        if n.prim in EXTREMA:
            return self._extrema(n)
        args = [self.entries(a, kind) for a in n.args]
        return np.asarray(value[n.prim](*args, **n.params), object).reshape(n.shape)

    def _elementwise(self, n: Node) -> np.ndarray:
        kinds, kind = loop_kinds(n) or [], kind_of(n.dtype)
        if not n.shape:
            v = apply(self.b, n, [self.entries(a, k).item() for a, k in zip(n.args, kinds, strict=True)])
            return np.array(Value(self.b, v.ref, kind), object)
        args = [np.broadcast_to(self.entries(a, k), n.shape).ravel() for a, k in zip(n.args, kinds, strict=True)]
        known: dict[tuple[str, ...], Value] = {}
        out = np.empty(math.prod(n.shape), object)
        for k, row in enumerate(zip(*args, strict=True)):
            key = tuple(v.ref for v in row)
            if key not in known:
                v = apply(self.b, n, list(row))
                known[key] = Value(self.b, v.ref, kind)
            out[k] = known[key]
        return out.reshape(n.shape)

    def _folded(self, x: np.ndarray, axes: tuple[int, ...], op: str, kind: str) -> np.ndarray:
        """Entries folded over axes, pair by pair as a tree."""
        axes = tuple(a % x.ndim for a in axes) if x.ndim else ()
        kept = tuple(d for d in range(x.ndim) if d not in axes)
        size = math.prod(x.shape[d] for d in kept)
        rows = np.transpose(x, (*axes, *kept)).reshape(math.prod(x.shape[a] for a in axes), size)
        if not len(rows):
            return each(np.empty(size), lambda _: self.b.const(kind, identity_of(op, kind, True)))
        parts: list[np.ndarray] = list(rows)
        join: Any = np.frompyfunc(lambda a, c: combine(self.b, op, a, c), 2, 1)
        while len(parts) > 1:
            parts = [join(p, q) for p, q in zip(parts[::2], parts[1::2], strict=False)] + parts[len(parts) & ~1 :]
        return parts[0]

    def _contracted(self, n: Node, kind: str) -> np.ndarray:
        found = letters(n)
        assert found is not None
        operands, out = found
        names = list(dict.fromkeys((*out, *(c for o in operands for c in o))))
        size: dict[Any, int] = {}
        factors: list[np.ndarray] = []
        for labels, a in zip(operands, n.args, strict=True):
            o, x = labels, self.entries(a, kind)
            for c in {c for c in o if o.count(c) > 1}:  # a repeated letter is a diagonal
                first, *others = [i for i, d in enumerate(o) if d == c]
                for i in reversed(others):
                    x = np.moveaxis(np.diagonal(x, axis1=first, axis2=i), -1, first)
                    o = (*o[:i], *o[i + 1 :])
            order = [c for c in names if c in o]
            x = np.transpose(x, [o.index(c) for c in order])
            size |= {c: s for c, s in zip(order, x.shape, strict=True) if size.get(c, 1) == 1}
            factors.append(x.reshape([x.shape[order.index(c)] if c in o else 1 for c in names]))
        whole = tuple(size[c] for c in names)
        rows = math.prod(size[c] for c in out)
        count = math.prod(size[c] for c in names if c not in out)
        terms = [np.broadcast_to(x, whole).reshape(rows, count) for x in factors]
        result = np.empty(rows, object)
        for i in range(rows):
            result[i] = self._dotted([t[i] for t in terms], kind)
        return result.reshape(n.shape)

    def _dotted(self, factors: list[np.ndarray], kind: str) -> Value:
        """The sum of the products of corresponding entries, each added by fma."""
        total: Value | None = None
        for first, *rest in zip(*factors, strict=True):
            *inner, last = (first, *rest)
            x = inner[0] if inner else last
            for y in inner[1:]:
                x = x & y if kind == "i1" else x * y
            if not inner:
                total = x if total is None else combine(self.b, "sum", total, x)
            elif total is not None and kind in ("f64", "f32"):
                total = self.b.fma(x, last, total)
            else:
                product = x & last if kind == "i1" else x * last
                total = product if total is None else combine(self.b, "sum", total, product)
        return self.b.const(kind, 0) if total is None else total

    def _matrices(self, n: Node, kind: str) -> np.ndarray:
        batch, cores = dense.stack(n)
        args = [self.entries(a, kind) for a in n.args]
        args = [np.broadcast_to(x, batch + x.shape[x.ndim - c :]) for x, c in zip(args, cores, strict=False)]
        out = np.empty(n.shape, object)
        for at in np.ndindex(batch):
            result, bad = DENSE[n.prim](self.b, kind, *(x[at] for x in args), **n.params)
            out[at] = result[()]
            if bad.ref != "false":
                self.bad = self.bad | bad
        return out

    def _extrema(self, n: Node) -> np.ndarray:
        x = n.args[0]
        x, axis = self.entries(x, kind_of(x.dtype)), n.params["axis"]
        rows = x.reshape(1, -1) if axis is None or not x.ndim else np.moveaxis(x, axis, -1).reshape(-1, x.shape[axis])
        out = np.empty(len(rows), object)
        for k, row in enumerate(rows):
            out[k] = order.first(self.b, EXTREMA[n.prim], list(row))
        return out.reshape(n.shape)

    def _indexed(self, n: Node, kind: str) -> np.ndarray:
        count = _INDEXED[n.prim]
        key = full_key(n.params["key"], tuple(a.value for a in n.args[count:]))
        if n.prim is P.getitem:
            return _boxed(self.entries(n.args[0], kind)[key]).reshape(n.shape)
        v = self.entries(n.args[count - 1], kind)
        zero = lambda shape: each(np.empty(shape), lambda _: self.b.const(kind, 0.0))
        out = zero(n.params["shape"]) if n.prim is P.scatter_add else self.entries(n.args[0], kind).copy()
        at = np.arange(out.size).reshape(out.shape)[key]
        v = np.broadcast_to(v, np.shape(at)).ravel()
        flat = out.reshape(-1)
        add = n.prim is P.add_at or (n.prim is P.scatter_add and len(n.args) > 1)
        for i, x in zip(np.ravel(at), v, strict=True):
            flat[i] = flat[i] + x if add and kind != "i1" else flat[i] | x if add else x
        return flat.reshape(out.shape)


class _Late(Value):
    """An entry of memory, loaded where it is first read: LLVM's scheduler is slow where many values wait."""

    __slots__ = ("_ref", "pointer")

    def __init__(self, b: Builder, kind: str, pointer: str) -> None:
        self.b, self.kind, self.pointer, self._ref = b, kind, pointer, ""

    @property
    def ref(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride] - it is only read
        if not self._ref:
            b, t = self.b, storage(self.kind)
            p = b.emit(f"getelementptr {t}, {self.pointer}", "ptr").ref
            self._ref = b.emit(f"load {t}, ptr {p}", self.kind).ref
            if self.kind == "i1":
                self._ref = b.emit(f"icmp ne i8 {self._ref}, 0", "i1").ref
        return self._ref


class Unrolled(Entries):
    """Writes the lines of a function over pointers `%in<i>` and `%out<i>`."""

    def __init__(self, graph: Graph, slots: tuple[Node, ...], numbers: Sequence[int]) -> None:
        self.b = Builder()
        self.b.far = sum(math.prod(n.shape) for n in graph.nodes if n.prim in native and native[n.prim].cost > 20) > 2
        self.targets = {n: f"%out{i}" for i, n in zip(numbers, graph.outputs, strict=True)}
        super().__init__(self.b, graph, {n: self._loaded(f"%in{i}", n) for i, n in enumerate(slots)})
        for k, g in enumerate(graph.guards):
            ok = self.entries(g.node, "i1").item()
            self.b.do(f"br i1 {ok.ref}, label %held{k}, label %fail{k}")
            self.b.place(f"fail{k}")
            self.b.do(f"ret i32 {k + 1}")
            self.b.place(f"held{k}")
        if self.bad.ref != "false":
            self.b.do(f"br i1 {self.bad.ref}, label %bad, label %fine")
            self.b.place("fine")

    def add(self, n: Node) -> None:
        super().add(n)
        self.store(n)

    # -- memory ------------------------------------------------------------------------------------------------

    def _loaded(self, pointer: str, n: Node) -> np.ndarray:
        kind = kind_of(n.dtype)
        out = np.empty(math.prod(n.shape), object)
        for k in range(len(out)):
            out[k] = _Late(self.b, kind, f"ptr {pointer}, i64 {k}")
        return out.reshape(n.shape)

    def store(self, n: Node) -> None:
        """Write an output to its memory, at once: what fails later is not looked at."""
        if n not in self.targets:
            return
        kind = kind_of(n.dtype)
        t = storage(kind)
        for k, entry in enumerate(self.entries(n, kind).ravel()):
            v = self.b.emit(f"zext i1 {entry.ref} to i8", "i8") if kind == "i1" else entry
            p = self.b.emit(f"getelementptr {t}, ptr {self.targets[n]}, i64 {k}", "ptr").ref
            self.b.do(f"store {t} {v.ref}, ptr {p}")


def each(x: np.ndarray, f: Callable[[Any], Value]) -> np.ndarray:
    out = np.empty(x.size, object)
    for k, v in enumerate(x.ravel()):
        out[k] = f(v)
    return out.reshape(x.shape)


def _boxed(x: Any) -> np.ndarray:
    if isinstance(x, np.ndarray):
        return x
    out = np.empty((), object)
    out[()] = x
    return out
