"""argmax and argmin: the first of the largest entries, where NaN is larger than all."""

from __future__ import annotations

import math

from ... import ops as P
from ...graph import Node
from .blocks import Blocks
from .ir import BITS, BYTES, Builder, Value, is_float, kind_of, storage
from .llvm import vector_bytes
from .scalar import kinds_supported

EXTREMA = {P.argmax: "gt", P.argmin: "lt"}


def known(n: Node) -> bool:
    """Whether the node is one for this file."""
    if n.prim not in EXTREMA or not kinds_supported([n.args[0].dtype]):
        return False
    _, length, _ = _axes(n)
    return length > 0


def workspace(n: Node) -> int:
    return 0


def work(n: Node) -> float:
    return 5.0 * math.prod(n.args[0].shape)


def words(n: Node) -> str:
    return f"search: {n.prim} {list(n.args[0].shape)} {n.args[0].dtype}"


def _axes(n: Node) -> tuple[int, int, int]:
    """Entries before, along and behind the axis."""
    shape, axis = n.args[0].shape, n.params["axis"]
    if axis is None:
        return 1, math.prod(shape), 1
    axis %= max(len(shape), 1)
    return math.prod(shape[:axis]), shape[axis] if shape else 1, math.prod(shape[axis + 1 :])


def beats(b: Builder, how: str, new: Value, old: Value) -> Value:
    """Whether an entry wins against one before it."""
    if not is_float(new.kind):
        return b.compare(how, new, old)
    wins = b.emit(f"fcmp u{how} {b.type(new.kind)} {new.ref}, {old.ref}", "i1")
    return wins & b.isnan(old).invert()


def first(b: Builder, how: str, entries: list[Value]) -> Value:
    """The index of the winner among values one after the other."""
    best, at = entries[0], b.const("i64", 0)
    for k, v in enumerate(entries[1:], 1):
        wins = beats(b, how, v, best)
        best, at = b.select(wins, v, best), b.select(wins, b.const("i64", k), at)
    return at


def write(n: Node, name: str) -> tuple[str, Blocks]:
    """`i1 @name(argument, result, workspace)`, and what wrote it."""
    b, how = Blocks(), EXTREMA[n.prim]
    kind = kind_of(n.args[0].dtype)
    kind = "u8" if kind == "i1" else kind
    before, length, behind = _axes(n)

    def row(o: Value) -> None:
        def one(i: Value) -> None:
            start = b.at("%p0", kind, o * (length * behind) + i)
            search = _lanes if behind == 1 and length >= 4 * _width(kind) else _along
            b.save(search(b, how, kind, start, length, behind), "%p1", o * behind + i)

        b.loop(0, behind, one)

    b.loop(0, before, row)
    head = f"define internal i1 @{name}(ptr %p0, ptr %p1, ptr %work) alwaysinline nounwind {{"
    return "\n".join([head, "entry:", *b.head, *b.lines, "  ret i1 false", "}"]), b


def _along(
    b: Blocks, how: str, kind: str, start: str, length: int, step: int, begin: int = 1, state: list[Value] | None = None
) -> Value:
    """The winner's index: entries one after the other, from `begin` on with the winner of those before as `state`."""

    def better(j: Value, best: Value, at: Value) -> list[Value]:
        v = b.load(start, kind, j * step)
        wins = beats(b, how, v, best)
        return [b.select(wins, v, best), b.select(wins, j, at)]

    return b.loop(begin, length, better, state or [b.load(start, kind), b.const("i64", 0)])[1]


def _width(kind: str) -> int:
    return 8 * vector_bytes() // max(BITS[kind], 32)


def _lanes(b: Blocks, how: str, kind: str, start: str, length: int, _: int) -> Value:
    """The same, a vector of entries at a time."""
    w, t = _width(kind), storage(kind)
    best, places = b.room(f"<{w} x {t}>"), b.room(f"<{w} x i64>")
    own = "<" + ", ".join(f"i64 {k}" for k in range(w)) + ">"

    def entries(p: str) -> Value:
        return b.emit(f"load <{w} x {t}>, ptr {p}, align {BYTES[t]}", kind)

    b.do(f"store <{w} x {t}> {entries(start).ref}, ptr {best}")
    b.do(f"store <{w} x i64> {own}, ptr {places}")

    def better(c: Value) -> None:
        j = c * w
        p = b.at(start, kind, j)
        b.width = w
        here = b.everywhere(j) + Value(b, own, "i64")
        v, old = entries(p), b.emit(f"load <{w} x {t}>, ptr {best}", kind)
        at = b.emit(f"load <{w} x i64>, ptr {places}", "i64")
        wins = beats(b, how, v, old)
        b.do(f"store <{w} x {t}> {b.select(wins, v, old).ref}, ptr {best}")
        b.do(f"store <{w} x i64> {b.select(wins, here, at).ref}, ptr {places}")
        b.width = 1

    b.loop(1, length // w, better)
    lanes = [(b.load(best, kind, k), b.load(places, "i64", k)) for k in range(w)]
    winner, at = lanes[0]
    for v, i in lanes[1:]:
        same = v.eq(winner) | (b.isnan(v) & b.isnan(winner)) if is_float(kind) else v.eq(winner)
        wins = beats(b, how, v, winner) | (same & i.lt(at))
        winner, at = b.select(wins, v, winner), b.select(wins, i, at)
    return _along(b, how, kind, start, length, 1, length // w * w, [winner, at])
