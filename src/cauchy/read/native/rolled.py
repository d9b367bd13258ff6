"""scan, cond and while_loop: machine loops around the code of their bodies.

A carry lives in two places by turns: a round reads it in one and writes it to the other, unless it leaves it as it is
(`keep.py`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ... import ops as P
from ...graph import Graph, Node
from .access import aligned

if TYPE_CHECKING:
    from .program import Program


def graphs(n: Node) -> tuple[Graph, ...]:
    """The bodies of a rolled primitive, in the order in which `write` takes their programs."""
    names = {P.scan: ("body",), P.cond: ("on_true", "on_false"), P.while_loop: ("test", "body")}[n.prim]
    return tuple(n.params[k] for k in names)


def _size(shape: Any, dtype: Any) -> int:
    return math.prod(shape) * dtype.itemsize


def _state(n: Node) -> list[int]:
    """Bytes of each part that goes from round to round."""
    count = n.params["carry"] if n.prim is P.scan else len(n.shape) if n.prim is P.while_loop else 0
    return [_size(n.shape[i], n.dtype[i]) for i in range(count)]


def scratch(n: Node, bodies: Sequence[int]) -> int:
    """Bytes of memory a step needs: two places for each carry, an answer, and what the bodies need."""
    return sum(2 * aligned(s) for s in _state(n)) + 64 + max(map(aligned, bodies))


def _call(p: Program, args: Sequence[str], flags: Mapping[int, str], inner: str, mark: str, lines: list[str]) -> None:
    pointers = ", ".join(f"ptr {a}" for a in (*args, *(flags[j] for j in p.keeps), inner))
    lines += [
        f"  %{mark} = call i32 @{p.name}.code({pointers})",
        f"  %{mark}.bad = icmp ne i32 %{mark}, 0",
        f"  br i1 %{mark}.bad, label %bad, label %{mark}.ok",
        f"{mark}.ok:",
    ]


def write(
    n: Node, name: str, bodies: Sequence[Program], parts: Sequence[Node], kept: Sequence[int] = ()
) -> tuple[str, float]:
    """`i1 @name(arguments..., parts..., scratch, flags...)`, and the work it is estimated to do.

    `kept`: the parts of a cond that may be left unwritten; the flags say which are.
    """
    args = [f"%a{i}" for i in range(len(n.args))]
    outs = [f"%o{i}" for i in range(len(parts))]
    flags = {i: f"%k{i}" for i in kept}
    if n.prim is P.cond:
        lines, work = _cond(n, bodies, args, outs, flags)
    else:
        lines, work = (_scan if n.prim is P.scan else _while)(n, bodies, args, outs)
    head = ", ".join(f"ptr {p}" for p in (*args, *outs, "%scratch", *flags.values()))
    text = [
        f"define internal i1 @{name}({head}) alwaysinline nounwind {{",
        "entry:",
        *lines,
        "  ret i1 false",
        "bad:",
        "  ret i1 true",
        "}",
    ]
    return "\n".join(text), work


class _Carries:
    """Where the carries are: `now` is read by a round, `new` written, `then` read by the next.

    `now` is the start or one of two places, `new` the other one; a carry that a round keeps stays where it is.
    """

    def __init__(self, pairs: Sequence[tuple[str, str]], init: Sequence[str], body: Program, lines: list[str]) -> None:
        self.pairs, self.init, self.lines, self.count = pairs, init, lines, len(pairs)
        names = lambda c: [f"%{c}{k}" for k in range(self.count)]
        self.now, self.new, self.then = names("c"), names("n"), names("m")
        self.flags = {k: f"%f{k}" for k in body.keeps}
        for k in body.keeps:
            lines += [f"  %f{k} = alloca i8"]

    def begin(self) -> None:
        for k, now in enumerate(self.now):
            self.lines += [
                f"  {now} = phi ptr [{self.init[k]}, %entry], [{self.then[k]}, %end]",
                f"  %u{k} = phi i1 [false, %entry], [%v{k}, %end]",
            ]
        for k, new in enumerate(self.new):
            x, y = self.pairs[k]
            self.lines.append(f"  {new} = select i1 %u{k}, ptr {y}, ptr {x}")
        self.lines += [f"  store i8 0, ptr {f}" for f in self.flags.values()]

    def end(self) -> None:
        for k, (now, new, then) in enumerate(zip(self.now, self.new, self.then, strict=True)):
            if k in self.flags:
                self.lines += [
                    f"  %f{k}.byte = load i8, ptr %f{k}",
                    f"  %w{k} = icmp eq i8 %f{k}.byte, 0",
                    f"  {then} = select i1 %w{k}, ptr {new}, ptr {now}",
                    f"  %v{k} = xor i1 %u{k}, %w{k}",
                ]
            else:
                self.lines += [f"  {then} = getelementptr i8, ptr {new}, i64 0", f"  %v{k} = xor i1 %u{k}, true"]


def _places(n: Node, lines: list[str]) -> tuple[list[tuple[str, str]], str, str]:
    """Two places for each carry, one for an answer, and the bodies' memory."""
    at, pairs = 0, []
    for k, size in enumerate(_state(n)):
        for turn in "xy":
            lines.append(f"  %{turn}{k} = getelementptr i8, ptr %scratch, i64 {at}")
            at += aligned(size)
        pairs.append((f"%x{k}", f"%y{k}"))
    lines += [
        f"  %answer = getelementptr i8, ptr %scratch, i64 {at}",
        f"  %inner = getelementptr i8, ptr %scratch, i64 {at + 64}",
    ]
    return pairs, "%answer", "%inner"


def _copy(to: str, source: str, size: int) -> list[str]:
    return [f"  call void @llvm.memcpy.p0.p0.i64(ptr {to}, ptr {source}, i64 {size}, i1 false)"] if size else []


def _along(base: str, to: str, size: int, index: str) -> list[str]:
    return [f"  {to}.at = mul i64 {index}, {size}", f"  {to} = getelementptr i8, ptr {base}, i64 {to}.at"]


def _scan(n: Node, bodies: Sequence[Program], args: list[str], outs: list[str]) -> tuple[list[str], float]:
    (body,) = bodies
    consts, carry, length = n.params["consts"], n.params["carry"], n.params["length"]
    lines: list[str] = []
    pairs, _, inner = _places(n, lines)
    sizes = _state(n)
    init = args[consts : consts + carry]
    if not length:
        for k in range(carry):
            lines += _copy(outs[k], init[k], sizes[k])
        return lines, 0.0
    carries = _Carries(pairs, init, body, lines)
    lines += ["  br label %loop", "loop:", "  %t = phi i64 [0, %entry], [%t.next, %end]"]
    carries.begin()
    index = "%t"
    if n.params["reverse"]:
        lines.append(f"  %back = sub i64 {length - 1}, %t")
        index = "%back"
    xs, ys = [], []
    for k, a in enumerate(n.args[consts + carry :]):
        xs.append(f"%e{k}")
        lines += _along(args[consts + carry + k], xs[-1], _size(a.shape[1:], a.dtype), index)
    for k in range(carry, len(outs)):
        ys.append(f"%z{k}")
        lines += _along(outs[k], ys[-1], _size(n.shape[k][1:], n.dtype[k]), index)
    _call(body, [*args[:consts], *carries.now, *xs, *carries.new, *ys], carries.flags, inner, "r", lines)
    lines += ["  br label %end", "end:"]
    carries.end()
    lines += [
        "  %t.next = add nuw nsw i64 %t, 1",
        f"  %more = icmp ult i64 %t.next, {length}",
        "  br i1 %more, label %loop, label %out",
        "out:",
    ]
    for k in range(carry):
        lines += _copy(outs[k], carries.then[k], sizes[k])
    return lines, length * max(body.work, 1.0)


def _cond(
    n: Node, bodies: Sequence[Program], args: list[str], outs: list[str], flags: Mapping[int, str]
) -> tuple[list[str], float]:
    lines: list[str] = []
    _, _, inner = _places(n, lines)
    lines += ["  %p = load i8, ptr %a0", "  %q = icmp ne i8 %p, 0", "  br i1 %q, label %yes, label %no"]
    for label, mark, body in zip(("yes", "no"), "tf", bodies, strict=True):
        lines.append(f"{label}:")
        _call(body, [*args[1:], *outs], flags, inner, mark, lines)
        lines.append("  br label %out")
    lines.append("out:")
    return lines, max(b.work for b in bodies)


def _while(n: Node, bodies: Sequence[Program], args: list[str], outs: list[str]) -> tuple[list[str], float]:
    test, body = bodies
    a, b = n.params["test_consts"], n.params["body_consts"]
    lines: list[str] = []
    pairs, answer, inner = _places(n, lines)
    sizes, init = _state(n), args[a + b :]
    carries = _Carries(pairs, init, body, lines)
    lines += ["  br label %loop", "loop:"]
    carries.begin()
    _call(test, [*args[:a], *carries.now, answer], {}, inner, "w", lines)
    lines += [f"  %p = load i8, ptr {answer}", "  %q = icmp ne i8 %p, 0", "  br i1 %q, label %go, label %out", "go:"]
    _call(body, [*args[a : a + b], *carries.now, *carries.new], carries.flags, inner, "r", lines)
    lines += ["  br label %end", "end:"]
    carries.end()
    lines += ["  br label %loop", "out:"]
    for k in range(len(init)):
        lines += _copy(outs[k], carries.now[k], sizes[k])
    return lines, 100.0 * max(body.work, 1.0)
