"""The graph as mathematics: `graph.latex()`, `graph.text()`, `graph.sympy()`."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import count
from typing import Any

from ...errors import CauchyError
from ...graph import CONST, Graph, Node
from .express import sympy
from .formula import Formula, constant, name
from .hands import LaTeX, Text
from .pens import fresh_base
from .rules import formula
from .symbolic import symbolic

__all__ = ["formula", "latex", "symbolic", "sympy", "text"]

LIMIT = 500  # operations
INLINE = 60  # a formula of so many signs stays whole, its shared parts written each time
SHARED = 5  # a shared part of a longer one has a name from this many signs on
LINE = 80  # no line is much longer


def _formulas(graph: Graph, naming: bool) -> tuple[list[tuple[Formula, Formula]], list[Formula]] | None:
    """(name, formula) of each named part, in order, and the formulas of the outputs; None: too long without names."""
    names = graph.names or tuple(f"x{i}" for i in range(len(graph.inputs)))
    base = fresh_base(set(names))
    uses = Counter(a for n in graph.nodes for a in n.args) + Counter(graph.outputs)
    env: dict[Node, Any] = {n: name(s, n.shape) for n, s in zip(graph.inputs, names, strict=True)}
    parts: list[tuple[Formula, Formula]] = []
    constants = count(1)

    def symbol(shape: tuple[int, ...]) -> Formula:
        return name(f"{'C' if len(shape) > 1 else 'c'}{next(constants)}", shape)

    for n in graph.nodes:
        if n in env:
            continue
        if n.prim is CONST:
            env[n] = constant(n.value if n.origin is None else n.origin, symbol)
            continue
        f = formula.rule(n)(*(env[a] for a in n.args), **n.params)
        if n.prim.outputs > 1:
            env[n] = f
            continue
        env[n] = f = f if f.shape is not None else replace(f, shape=n.shape)
        if not naming:
            if f.size > INLINE:
                return None
        elif (f.size >= SHARED and uses[n] > 1) or (f.size > LINE and n not in graph.outputs):
            parts.append((name(f"{base}{len(parts) + 1}", n.shape), f))
            env[n] = parts[-1][0]
    return parts, [env[n] for n in graph.outputs]


def _written(graph: Graph, hand: type[LaTeX] | type[Text]) -> str:
    asked = Graph(graph.inputs, graph.outputs, name=graph.name, names=graph.names)
    if len(asked.nodes) > LIMIT:
        raise CauchyError(
            f"`{graph.name}` has {len(asked.nodes):,} operations",
            why=f"a formula of more than {LIMIT} is not readable",
            fix="print(graph) lists them, with the lines they come from",
        )
    found = _formulas(asked, naming=False) or _formulas(asked, naming=True)
    assert found is not None
    parts, outputs = found
    pen = hand(set(asked.names))
    if not parts and len(outputs) == 1:
        return pen.write(outputs[0])
    title = graph.name if graph.name.isidentifier() else "f"
    heads = [name(title if len(outputs) == 1 else f"{title}{i}", f.dims) for i, f in enumerate(outputs)]
    lines = [(pen.write(left), pen.write(right)) for left, right in [*parts, *zip(heads, outputs, strict=True)]]
    return pen.lines(lines)


@Graph.reading
def latex(graph: Graph) -> str:
    r"""The formula in LaTeX (amsmath; read by KaTeX and MathJax), without dollar signs.

    Arrays are bold, functions act entry by entry, sums run over the entries: indices count from 0 as in
    the program. Large captured arrays are called c_1 or C_1. In a long formula shared parts get names, and the
    result has one line for each (`aligned`); so its length grows with the number of operations only.

    Raises `CauchyError` for more than 500 operations.

    >>> import numpy as np, cauchy
    >>> print(cauchy.trace(lambda x, y: np.sqrt(x) * np.sin(y) ** 2 / (1 + x), 1.0, 2.0).latex())
    \frac{\sqrt{x} \sin^{2} y}{1 + x}
    >>> print(cauchy.trace(lambda x, y: ((x - y) ** 2).mean(), np.ones(3), np.ones(3)).latex())
    \frac{1}{3} \sum_{i} \left(x_{i} - y_{i}\right)^{2}
    """
    return _written(graph, LaTeX)


@Graph.reading
def text(graph: Graph) -> str:
    """The formula in Unicode: one line, or one for each named part of a long one. As `latex` in all else.

    >>> import numpy as np, cauchy
    >>> print(cauchy.trace(lambda x, y: x**2 * np.sin(y) - (x - y), 1.0, 2.0).text())
    x²·sin(y) - (x - y)
    >>> print(cauchy.trace(lambda A, b: (A @ b).sum(), np.ones((2, 2)), np.ones(2)).text())
    Σ_i (A @ b)[i]
    """
    return _written(graph, Text)
