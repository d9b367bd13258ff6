"""`graph.draw()`: the graph as a picture, with values and sensitivities beside its edges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ... import ops as P
from ...errors import CauchyError
from ...graph import CONST, INPUT, Graph, Node, Primitive
from .svg import Edge, Item, Picture, compose
from .svg import draw as to_svg

LIMIT = 200  # nodes

# a sign, where it says more than the name
SIGNS: dict[Primitive, str] = {
    P.add: "+", P.subtract: "−", P.multiply: "×", P.divide: "÷", P.power: "xʸ", P.negative: "−x", P.reciprocal: "1/x",
    P.square: "x²", P.sqrt: "√", P.cbrt: "∛", P.absolute: "|x|", P.exp2: "2ˣ", P.floor: "⌊x⌋", P.ceil: "⌈x⌉",
    P.floor_divide: "⌊a/b⌋", P.remainder: "mod", P.maximum: "max", P.minimum: "min", P.arctan2: "atan2",
    P.equal: "=", P.not_equal: "≠", P.less: "<", P.less_equal: "≤", P.greater: ">", P.greater_equal: "≥",
    P.logical_and: "∧", P.logical_or: "∨", P.logical_xor: "⊕", P.logical_not: "¬", P.expit: "σ", P.gamma: "Γ",
    P.digamma: "ψ", P.ndtr: "Φ", P.sum: "Σ", P.prod: "Π", P.matmul: "@", P.dot: "·", P.transpose: "xᵀ", P.inv: "A⁻¹",
    P.pinv: "A⁺", P.convolve: "∗", P.positive: "+x", P.concatenate: "stack", P.broadcast_to: "broadcast",
}  # fmt: skip

# the order of the operands does not matter to these
SYMMETRIC = {
    P.add, P.multiply, P.maximum, P.minimum, P.fmax, P.fmin, P.hypot, P.logaddexp, P.logaddexp2, P.equal, P.not_equal,
    P.logical_and, P.logical_or, P.logical_xor, P.bitwise_and, P.bitwise_or, P.bitwise_xor, P.gcd, P.lcm, P.vdot,
    P.beta, P.betaln,
}  # fmt: skip


@dataclass(frozen=True)
class Drawing:
    """A picture of a graph: `svg` is its text; notebooks show it by themselves.

    >>> import cauchy
    >>> d = cauchy.trace(lambda a, b: (a + b) * (b + 1), 2.0, 1.0).draw()
    >>> d.svg.startswith("<svg")
    True
    """

    svg: str
    picture: Picture

    def _repr_svg_(self) -> str:
        return self.svg

    def save(self, path: str | Path) -> None:
        """Write the picture to a file whose name ends in .svg."""
        path = Path(path)
        if path.suffix.lower() != ".svg":
            raise CauchyError(
                f"a drawing cannot be saved as {path.suffix or 'a file without suffix'!r}",
                why="it is made as SVG text",
                fix=f"save {path.with_suffix('.svg')}; browsers, rsvg-convert and Inkscape turn SVG into PNG",
            )
        path.write_text(self.svg, "utf-8")

    def __str__(self) -> str:
        return f"Drawing({len(self.picture.items)} boxes, {len(self.picture.edges)} edges)"

    __repr__ = __str__


@Graph.reading
def draw(
    graph: Graph,
    *,
    values: bool | Mapping[Node, Any] = True,
    adjoints: Mapping[Node, Any] | None = None,
    path: str | Path | None = None,
    limit: int = LIMIT,
) -> Drawing:
    """A picture of the graph: inputs on top, outputs below, every edge downwards. No other program is needed.

    `values`: beside the edge that leaves a node stands its value at the point of the trace (True), the one given, or
    none (False). `adjoints`: the sensitivity of the output to each node, written below it with the sign `∂`.
    Operands stand from left to right, or are counted by small numbers where they could not. Pointing at a box shows
    its line of code.

    Of a graph of more than `limit` nodes the last ones are drawn, and the picture says so.

    `path`: a file for it, ending in .svg.

    >>> import numpy as np, cauchy
    >>> cauchy.trace(lambda x: np.sin(x) * x, 2.0).draw()
    Drawing(4 boxes, 4 edges)
    """
    adjoints = adjoints or {}
    if values is True:
        values = {n: n.value for n in graph.nodes if n.value is not None}
    shown = _shown(graph, limit)
    items: list[Item] = []
    edges: list[Edge] = []
    at: dict[Node, int] = {}
    named = dict(zip(graph.inputs, graph.names or (f"x{i}" for i in range(len(graph.inputs))), strict=True))
    names = _output_names(graph)

    def add(item: Item) -> int:
        items.append(item)
        return len(items) - 1

    def source(n: Node) -> int:
        if n in at:
            return at[n]
        if n.prim is CONST:  # one box for each use: edges across the picture would say less
            return add(Item("constant", _brief(n.value if n.origin is None else n.origin)))
        return add(Item("constant", "⋯", _labels(n, values or {}, adjoints), "left out: see the note"))

    for n in shown:
        labels = _labels(n, values or {}, adjoints)
        if n.prim is INPUT:
            at[n] = add(Item("input", _short(named.get(n, "?")), labels, f"input {named.get(n, '')}"))
        elif n.prim is not CONST:
            sources = [source(a) for a in n.args]
            at[n] = add(Item("operation", _operation(n), labels, _hint(n)))
            counted = len(sources) > 1 and n.prim not in SYMMETRIC
            edges += [Edge(s, at[n], str(k + 1) if counted else "") for k, s in enumerate(sources)]
    for n, label in zip(graph.outputs, names, strict=True):
        s = source(n)
        edges.append(Edge(s, add(Item("output", _short(label), (), f"output {label}"))))
    left_out = len(graph.nodes) - len(shown)
    note = f"the last {len(shown):,} of {len(graph.nodes):,} nodes" if left_out else ""
    picture = compose(items, edges, note)
    title = f"Computation graph of {names[0] if len(names) == 1 else graph.name}"
    drawing = Drawing(to_svg(picture, title, _described(graph, note), note), picture)
    if path is not None:
        drawing.save(path)
    return drawing


def _shown(graph: Graph, limit: int) -> list[Node]:
    """The inputs and the last nodes that the outputs depend on (what serves guards alone is not drawn)."""
    asked = Graph(graph.inputs, graph.outputs).nodes
    if len(asked) <= limit:
        return list(asked)
    kept = set(asked[-limit:])
    used = {a for n in kept for a in n.args} | set(graph.outputs)
    return [n for n in asked if n in kept or (n.prim is INPUT and n in used)]


def _output_names(graph: Graph) -> list[str]:
    name = graph.name if graph.name.isidentifier() else "f"
    return [name] if len(graph.outputs) == 1 else [f"{name}[{i}]" for i in range(len(graph.outputs))]


def _operation(n: Node) -> str:
    """The sign or name of an operation, and the parameters that tell it from its like."""
    what = SIGNS.get(n.prim, n.prim.name.replace("_", " "))
    match n.params:
        case {"key": key}:
            part = ", ".join(map(_key, key))
            return _short(f"[{part}]" if n.prim is P.getitem else f"{what} [{part}]", 20)
        case {"axis": axis} if axis is not None and n.prim is not P.concatenate:
            return f"{what} axis {axis}"
        case {"dtype": dtype}:
            return str(dtype)
        case {"subscripts": subscripts}:
            return _short(f"einsum {subscripts}", 24)
        case {"order": order} if order:
            return f"{what} {order}"
        case {"index": index}:
            return f"[{index}]"
        case {"fn": fn}:
            inner = getattr(fn, "owner", fn)
            return _short(getattr(inner, "__name__", "custom"))
    return what


def _key(k: Any) -> str:
    if isinstance(k, slice):
        return f"{'' if k.start is None else k.start}:{'' if k.stop is None else k.stop}" + (
            f":{k.step}" if k.step else ""
        )
    return "…" if k is Ellipsis else "·" if k == P.ARRAY else str(k)


def _labels(n: Node, values: Mapping[Node, Any], adjoints: Mapping[Node, Any]) -> tuple[tuple[str, str], ...]:
    out = [("value", _brief(values[n]))] if n in values else []
    return (*out, ("adjoint", f"∂ {_brief(adjoints[n])}")) if adjoints.get(n) is not None else tuple(out)


def _hint(n: Node) -> str:
    return " ".join(map(str, (n.prim, n.dtype, n.shape, n.site or "")))


def _described(graph: Graph, note: str) -> str:
    operations = sum(n.prim not in (INPUT, CONST) for n in graph.nodes)
    counts = f"{len(graph.inputs)} inputs, {operations} operations, {len(graph.outputs)} outputs"
    return f"{counts}; {note}" if note else counts


def _short(text: str, most: int = 16) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _brief(x: Any) -> str:
    """A value in few signs: a number, or the shape of an array and its first entries."""
    if isinstance(x, tuple):
        return f"({len(x)} parts)"
    a = np.asarray(getattr(x, "value", x))
    if a.ndim == 0:
        return _number(a[()])
    shape = "×".join(map(str, a.shape))
    some = a.ravel()[: 3 if a.size == 3 else 2]
    first = ", ".join(_number(v, 3) for v in some)
    return f"[{shape}] {first}{', …' if a.size > len(some) else ''}" if a.size else f"[{shape}]"


def _number(v: Any, digits: int = 4) -> str:
    if not isinstance(v, (float, np.floating)):
        return str(v).lower() if isinstance(v, (bool, np.bool_)) else str(v)
    return f"{v:.{digits}g}".replace("-", "−")
