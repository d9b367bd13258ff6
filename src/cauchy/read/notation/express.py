"""`graph.sympy()`: the graph read with the symbolic table, within limits."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...errors import CauchyError, Refused, ShapeError
from ...graph import CONST, Graph, Node
from .exact import Cannot, Expr, Meaning, sp
from .exact import exact as exact_number
from .symbolic import symbolic

ENTRIES = 64  # of one array
SIZE = 5_000  # operations and symbols in one entry, shared parts counted each time
DEPTH = 120  # SymPy recurses into expressions
WORK = 20_000  # entries over all nodes


@Graph.reading
def sympy(graph: Graph, symbols: Mapping[str, Any] | Sequence[Any] | None = None, *, exact: str = "decimal") -> Any:
    """The function as an exact SymPy expression over real symbols.

    A scalar input `x` is the symbol `x`; an array input (at most 64 entries) is an array of symbols `x_0`,
    `x_1`, ..., indices joined by `_`. `symbols` gives others, by position or by name: symbols, numbers, or
    object arrays of them in the shape of the input. Integer inputs are integer symbols.

    Returns an expression, an object array of expressions, or a tuple for several outputs.

    `exact="decimal"`: a float constant means what was written, not the double: 0.1 is 1/10; and a long one is
    the simple number it rounds, as 0.3333333333333333 is 1/3 and 6.283185307179586 is 2*pi. `exact="binary"`:
    it means its double, exactly.

    The expression equals the function over the real numbers where every Python decision (`if`, `while`) comes
    out as traced, `graph.guards`. It knows no rounding, no overflow and no -0.0; where the function is NaN it may be
    complex, and SymPy cancels as it builds: x/x is 1. `stop_gradient` is its value: differentiating
    the expression goes through it.

    Raises `Refused`, with the user's line, for what has no expression (decompositions, sorting, custom
    derivatives) or too long a one.

    >>> import numpy as np, cauchy
    >>> cauchy.trace(lambda x: 0.1 * np.exp(-x / 2), 1.0).sympy()
    exp(-x/2)/10
    >>> cauchy.trace(lambda x: x @ x, np.ones(2)).sympy()
    x_0**2 + x_1**2
    """
    if exact not in ("decimal", "binary"):
        raise CauchyError(f"exact={exact!r}", fix='wanted exact="decimal" or exact="binary"')
    asked = Graph(graph.inputs, graph.outputs, names=graph.names)  # what only guards depend on is not asked for
    env: dict[Node, Meaning] = dict(zip(asked.inputs, _inputs(asked, symbols), strict=True))
    measure = _Measure()
    work = 0
    for n in asked.nodes:
        work += _entries(n)
        _check_room(n, work)
        if n in env:
            continue
        if n.prim is CONST:
            env[n] = _constants(
                n.value if n.origin is None else n.origin, functools.partial(exact_number, reading=exact)
            )
            continue
        try:
            env[n] = symbolic.rule(n)(*(env[a] for a in n.args), **n.params)
            measure(env[n])
        except Cannot as e:
            raise Refused(symbolic.verb, n.prim, e.why, where=n.site, fix=e.fix) from None
        except (TypeError, ValueError) as e:  # SymPy's answer to comparing what has no order: complex numbers, nan
            raise Refused(symbolic.verb, n.prim, f"SymPy says: {e}", where=n.site) from e
    out = tuple(env[n] for n in asked.outputs)
    return out[0] if len(out) == 1 else out


def _constants(c: Any, f: Callable[[Any], Expr]) -> Meaning:
    # entry by entry as NumPy scalars, which know their precision; NumPy's own loop would make them doubles
    out = np.empty(np.shape(c), object)
    for i in np.ndindex(out.shape):
        out[i] = f(c[i] if isinstance(c, np.ndarray) else c)
    return out[()]


def _entries(n: Node) -> int:
    return sum(map(math.prod, n.shape)) if n.prim.outputs > 1 else math.prod(n.shape)


def _check_room(n: Node, work: int) -> None:
    if _entries(n) > ENTRIES:
        why = f"the array has shape {n.shape}, and more than {ENTRIES} entries make no readable formula"
    elif work > WORK:
        why = f"the graph has more than {WORK:,} entries in all"
    else:
        return
    fix = "trace the function at a smaller input; graph.latex() keeps arrays whole"
    raise Refused(symbolic.verb, n.prim, why, where=n.site, fix=fix)


def _inputs(graph: Graph, symbols: Mapping[str, Any] | Sequence[Any] | None) -> list[Meaning]:
    names = graph.names or tuple(f"x{i}" for i in range(len(graph.inputs)))
    if symbols is None or isinstance(symbols, Mapping):
        given: Sequence[Any] = [None if symbols is None else symbols.get(name) for name in names]
        unknown = [] if symbols is None else [s for s in symbols if s not in names]
        if unknown:
            raise ShapeError(f"symbols for {unknown}; the inputs are {list(names)}")
    elif len(symbols) != len(names):
        raise ShapeError(f"{len(symbols)} symbols for {len(names)} inputs: {list(names)}")
    else:
        given = symbols
    used: set[str] = set()
    triples = zip(graph.inputs, names, given, strict=True)
    return [_given(n, name, s) if s is not None else _fresh(n, name, used) for n, name, s in triples]


def _given(n: Node, name: str, s: Any) -> Meaning:
    a = np.asarray(s, object)
    if a.shape != n.shape:
        raise ShapeError(f"symbols for `{name}`: wanted shape {n.shape}, got {a.shape}")
    try:
        return np.asarray(np.frompyfunc(lambda v: sp.sympify(v, strict=True), 1, 1)(a), object)[()]
    except sp.SympifyError:
        raise CauchyError(f"symbols for `{name}`: wanted SymPy expressions or numbers, got {s!r}") from None


def _fresh(n: Node, name: str, used: set[str]) -> Meaning:
    """Symbols named after the input, `p['w'][0]` as `p_w_0`, no two alike."""
    _check_room(n, 0)
    base = "_".join(re.findall(r"\w+", name))
    labels = ["_".join([base, *map(str, i)]) for i in np.ndindex(n.shape)]
    while used & set(labels):
        labels = [label + "_" for label in labels]
    used.update(labels)
    out = np.empty(n.shape, object)
    for i, label in zip(np.ndindex(n.shape), labels, strict=True):
        s = sp.Symbol(label, integer=True) if n.dtype.kind in "iub" else sp.Symbol(label, real=True)
        out[i] = sp.Ne(s, 0) if n.dtype.kind == "b" else s
    return out[()]


class _Measure:
    """Refuses expressions that would explode; what was measured once is remembered."""

    def __init__(self) -> None:
        self.known: dict[Expr, tuple[int, int]] = {}

    def __call__(self, meaning: Meaning) -> None:
        if isinstance(meaning, tuple):
            for part in meaning:
                self(part)
            return
        for e in np.asarray(meaning, object).flat:
            size, depth = self.of(e)
            if size > SIZE or depth > DEPTH:
                what = f"more than {SIZE:,} terms" if size > SIZE else f"more than {DEPTH} nested operations"
                fix = "graph.latex() names shared parts; print(graph) lists the operations"
                raise Cannot(f"the expression has {what}", fix)

    def of(self, e: Expr) -> tuple[int, int]:
        if e not in self.known:
            parts = [self.of(a) for a in e.args]
            self.known[e] = 1 + sum(s for s, _ in parts), 1 + max((d for _, d in parts), default=0)
        return self.known[e]
