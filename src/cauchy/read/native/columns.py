"""Straight-line code in which a short axis is a SIMD vector.

A matrix of derivatives of a formula of thousands of numbers is the formula once more for each column. Entry by entry
that would be that many times the code; here a number with an axis of n columns is one vector (`Cut` of `lanes` finds
which), and what has no columns stays a number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from ...graph import CONST, Graph, Node
from .ir import LLVM_TYPE, Builder, Value, kind_of
from .lanes import Cut
from .unroll import Unrolled, each, small

FEWEST = 500  # nodes with columns worth it
WIDEST = 64


def columned(graph: Graph) -> Cut | None:
    """The columns of a graph of numbers, where they are most of its work."""
    if len(graph.nodes) < FEWEST:
        return None
    count = Counter(s for n in graph.nodes if n.prim.outputs == 1 for s in set(n.shape) if 1 < s <= WIDEST)
    (n, times), *_ = count.most_common(1) or [(0, 0)]
    if times < max(FEWEST, len(graph.nodes) // 4):
        return None
    cut = Cut(graph, n)
    if len(cut.axis) < FEWEST or any(how.kind == "gather" for _, how in cut.sources.values()):
        return None
    return cut if small(graph, cut) else None


class Columns(Unrolled):
    """Vectors have a power of two of entries: behind the columns stands the first one again."""

    def __init__(self, graph: Graph, slots: tuple[Node, ...], numbers: Sequence[int], cut: Cut) -> None:
        self.cut, self.n, self.wide = cut, cut.n, 1 << (cut.n - 1).bit_length()
        super().__init__(graph, slots, numbers)

    def entries(self, n: Node, kind: str) -> np.ndarray:
        if n in self.cut.axis and n not in self.env:
            axis = self.cut.axis[n]
            rows = [each(self.env[self.cut.small[n]], lambda v, k=k: self._extracted(v, k)) for k in range(self.n)]
            self.env[n] = np.stack(rows, axis)
        return super().entries(n, kind)

    def add(self, n: Node) -> None:
        if n not in self.cut.axis:
            super().add(n)
            return
        todo = [self.cut.small[n]]
        while todo:
            s = todo[-1]
            missing = [a for a in s.args if a not in self.env and not (a.prim is CONST and a not in self.cut.sources)]
            if s not in self.cut.sources and missing:
                todo += missing
                continue
            todo.pop()
            if s in self.env:
                continue
            if s in self.cut.sources:
                self.env[s] = self._source(s)
            else:
                self.b.width = self.wide
                self.env[s] = self._entries(s)
                self.b.width = 1
        self.store(n)

    def _source(self, s: Node) -> np.ndarray:
        m, how = self.cut.sources[s]
        x = self.entries(m, kind_of(m.dtype))
        if how.kind == "uniform":
            return each(x, lambda v: self._vector([v]))
        rows = np.moveaxis(x, how.axis, -1)
        out = np.empty(rows.shape[:-1], object)
        for at in np.ndindex(out.shape):
            out[at] = self._vector(list(rows[at]))
        return out

    def _extracted(self, v: Value, k: int) -> Value:
        return self.b.emit(f"extractelement <{self.wide} x {LLVM_TYPE[v.kind]}> {v.ref}, i64 {k}", v.kind)

    def _vector(self, row: list[Value]) -> Value:
        """The columns as a vector; one value stands for all."""
        b, kind = self.b, row[0].kind
        t = LLVM_TYPE[kind]
        row = row + row[:1] * (self.wide - len(row))
        if not any(v.ref.startswith("%") for v in row):
            return Value(b, f"<{', '.join(f'{t} {v.ref}' for v in row)}>", kind)
        if all(v.ref == row[0].ref for v in row):
            return _everywhere(b, row[0], self.wide)
        ref = "poison"
        for k, v in enumerate(row):
            ref = b.emit(f"insertelement <{self.wide} x {t}> {ref}, {t} {v.ref}, i64 {k}", kind).ref
        return Value(b, ref, kind)


def _everywhere(b: Builder, v: Value, width: int) -> Value:
    b.width = width
    found = b.everywhere(v)
    b.width = 1
    return found
