"""What became of a graph, in words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ...graph import Node
from .own import family
from .plan import Call, Group
from .roots import Root
from .scalar import native

if TYPE_CHECKING:
    from .program import Program


def _names(nodes: Iterable[Node]) -> str:
    """Primitives by name, with their number."""
    count: dict[str, int] = {}
    for n in nodes:
        count[n.prim.name] = count.get(n.prim.name, 0) + 1
    return ", ".join(f"{name} x {k}" if k > 1 else name for name, k in count.items())


def _sites(nodes: Iterable[Node]) -> str:
    found = list(dict.fromkeys(str(n.site) for n in nodes if n.site))
    more = f" and {len(found) - 2} more" if len(found) > 2 else ""
    return f"  ({', '.join(found[:2])}{more})" if found else ""


def _result(r: Root) -> str:
    what = "store" if r.op == "store" else r.node.prim.name if r.op == "add" or r.fixed else r.op
    return f"{what} {r.node.dtype}{list(r.node.shape)}"


def _group(program: Program, g: Group) -> str:
    computed = list(dict.fromkeys(n for r in g.roots for n in program.planned.info[r].computed))
    over = " x ".join(map(str, g.dims)) if g.dims else ""
    head = f"loop over {over}" if over else "numbers"
    inside = f": {_names(computed)}" if computed else ""
    return (
        f"{head}{inside} -> {', '.join(_result(r) for r in g.roots)}{_sites([*computed, *(r.node for r in g.roots)])}"
    )


def _call(program: Program, c: Call, indent: str) -> list[str]:
    n = c.node
    if c.how == "blas":
        shapes = " @ ".join(str(list(a.shape)) for a in n.args)
        return [f"{indent}BLAS: {n.prim} {shapes} {n.dtype}{_sites([n])}"]
    if c.how == "own":
        writer = family(n)
        assert writer is not None
        return [f"{indent}{writer.words(n)}{_sites([n])}"]
    if c.how == "rolled":
        lines = [f"{indent}rolled {n.prim}{_sites([n])}"]
        for body in program.bodies[n]:
            lines += _lines(body, indent + "  ")
        return lines
    if c.how == "lanes":
        loop = program.loops[n]
        inside = [m for m in loop.body.graph.nodes if m.prim in native or m.prim.family in ("reduce", "linalg")]
        ends = [*(f"store {d}{list(s)}" for s, d in zip(n.shape, n.dtype, strict=True))][: len(loop.body.stores)]
        ends += [f"{op} {m.dtype}{list(m.shape)}" for m, op in loop.folds]
        head = f"{indent}lanes over {loop.body.n}, {loop.width} at a time: {_names(inside)}"
        return [f"{head} -> {', '.join(ends)}{_sites(inside)}"]
    known = n.prim in native
    why = "no machine loop for these dtypes" if known else "no native rule"
    return [f"{indent}NumPy: {n.prim}, {why}{_sites([n])}"]


def _lines(program: Program, indent: str = "") -> list[str]:
    if program.plan is None:
        inside = [n for n in program.graph.nodes if n.prim in native]
        return [f"{indent}straight-line code: {_names(inside) or 'no arithmetic'}"]
    lines: list[str] = []
    for step in program.plan.steps:
        lines += [indent + _group(program, step)] if isinstance(step, Group) else _call(program, step, indent)
    return lines


def explain(program: Program) -> str:
    """One line for each loop nest, BLAS product, rolled loop, and node that NumPy computes."""
    head = f"native code, {program.scratch:,} bytes of scratch memory"
    return "\n".join([head, *_lines(program, "  ")])
