"""scan, cond and while_loop: machine loops around the code of their bodies.

A carry lives in two places by turns: a round reads it in one and writes it to the other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
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


def _call(p: Program, args: Sequence[str], mark: str, lines: list[str]) -> None:
    pointers = ", ".join(f"ptr {a}" for a in args)
    lines += [
        f"  %{mark} = call i32 @{p.name}.code({pointers})",
        f"  %{mark}.bad = icmp ne i32 %{mark}, 0",
        f"  br i1 %{mark}.bad, label %bad, label %{mark}.ok",
        f"{mark}.ok:",
    ]


def write(n: Node, name: str, bodies: Sequence[Program], parts: Sequence[Node]) -> tuple[str, float]:
    """`i1 @name(arguments..., parts..., scratch)`, and the work it is estimated to do."""
    args = [f"%a{i}" for i in range(len(n.args))]
    outs = [f"%o{i}" for i in range(len(parts))]
    writer = {P.scan: _scan, P.cond: _cond, P.while_loop: _while}[n.prim]
    lines, work = writer(n, bodies, args, outs)
    head = ", ".join(f"ptr {p}" for p in (*args, *outs, "%scratch"))
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
    now = [f"%c{k}" for k in range(carry)]
    new = [f"%n{k}" for k in range(carry)]
    lines += ["  br label %loop", "loop:", "  %t = phi i64 [0, %entry], [%t.next, %end]"]
    for k in range(carry):
        lines.append(f"  {now[k]} = phi ptr [{init[k]}, %entry], [{new[k]}, %end]")
    lines.append("  %odd = trunc i64 %t to i1")
    for k, (x, y) in enumerate(pairs):
        lines.append(f"  {new[k]} = select i1 %odd, ptr {y}, ptr {x}")
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
    _call(body, [*args[:consts], *now, *xs, *new, *ys, inner], "r", lines)
    lines += [
        "  br label %end",
        "end:",
        "  %t.next = add nuw nsw i64 %t, 1",
        f"  %more = icmp ult i64 %t.next, {length}",
        "  br i1 %more, label %loop, label %out",
        "out:",
    ]
    for k in range(carry):
        lines += _copy(outs[k], new[k], sizes[k])
    return lines, length * max(body.work, 1.0)


def _cond(n: Node, bodies: Sequence[Program], args: list[str], outs: list[str]) -> tuple[list[str], float]:
    lines: list[str] = []
    _, _, inner = _places(n, lines)
    lines += ["  %p = load i8, ptr %a0", "  %q = icmp ne i8 %p, 0", "  br i1 %q, label %yes, label %no", "yes:"]
    _call(bodies[0], [*args[1:], *outs, inner], "t", lines)
    lines += ["  br label %out", "no:"]
    _call(bodies[1], [*args[1:], *outs, inner], "f", lines)
    lines += ["  br label %out", "out:"]
    return lines, max(b.work for b in bodies)


def _while(n: Node, bodies: Sequence[Program], args: list[str], outs: list[str]) -> tuple[list[str], float]:
    test, body = bodies
    a, b = n.params["test_consts"], n.params["body_consts"]
    lines: list[str] = []
    pairs, answer, inner = _places(n, lines)
    sizes, init = _state(n), args[a + b :]
    now, new = [f"%c{k}" for k in range(len(init))], [f"%n{k}" for k in range(len(init))]
    lines += ["  br label %loop", "loop:", "  %t = phi i64 [0, %entry], [%t.next, %end]"]
    for k in range(len(init)):
        lines.append(f"  {now[k]} = phi ptr [{init[k]}, %entry], [{new[k]}, %end]")
    _call(test, [*args[:a], *now, answer, inner], "w", lines)
    lines += [
        f"  %p = load i8, ptr {answer}",
        "  %q = icmp ne i8 %p, 0",
        "  br i1 %q, label %go, label %out",
        "go:",
        "  %odd = trunc i64 %t to i1",
    ]
    for k, (x, y) in enumerate(pairs):
        lines.append(f"  {new[k]} = select i1 %odd, ptr {y}, ptr {x}")
    _call(body, [*args[a : a + b], *now, *new, inner], "r", lines)
    lines += ["  br label %end", "end:", "  %t.next = add nuw nsw i64 %t, 1", "  br label %loop", "out:"]
    for k in range(len(init)):
        lines += _copy(outs[k], now[k], sizes[k])
    return lines, 100.0 * max(body.work, 1.0)
