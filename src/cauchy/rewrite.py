"""Graph to graph: patterns, each with the side condition under which the value keeps its bits.

A rule gets a node (with its arguments already rewritten) and returns another node, or None to keep it. Nodes made
here carry no value: shapes and dtypes are stated. Identities that hold over the reals but not in floating point
(x + 0 for x = -0, x * 0, x / x) have no place here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from . import ops as P
from .errors import Site
from .graph import CONST, INPUT, Graph, Guard, Node, Primitive

Rule = Callable[[Node], "Node | None"]


def make(
    prim: Primitive,
    args: tuple[Node, ...],
    shape: Any,
    dtype: Any,
    params: Mapping[str, Any] | None = None,
    site: Site | None = None,
) -> Node:
    """A node whose value nobody computed."""
    n = Node(prim, args, params or {}, None, site)
    n.shape, n.dtype = shape, dtype if isinstance(dtype, tuple) else np.dtype(dtype)
    return n


def number(x: float) -> Node:
    """The leaf of a Python number."""
    return Node(CONST, (), {}, x)


def _hashable(v: Any) -> Any:
    if isinstance(v, (tuple, list)):
        return (type(v).__name__, *map(_hashable, v))
    if isinstance(v, slice):
        return ("slice", v.start, v.stop, v.step)
    if isinstance(v, Graph):
        return id(v)
    return (type(v), v.hex() if isinstance(v, float) else v)


def _key(n: Node, args: tuple[Node, ...]) -> Any:
    """What makes two nodes one. Constants by their bits; arrays by the memory they are read from."""
    if n.prim is CONST:
        if n.origin is not None:
            return ("origin", id(n.origin))
        v = n.value
        if isinstance(v, (np.ndarray, np.generic)):
            return (type(v), (v.dtype, v.shape, v.tobytes()))
        return (type(v), v.hex() if isinstance(v, float) else v)
    return (n.prim, args, tuple((k, _hashable(v)) for k, v in n.params.items()))


def rewrite(graph: Graph, *rules: Rule) -> Graph:
    """The graph with every rule applied at every node, equal nodes made one, and what nothing needs left out."""
    new: dict[Node, Node] = {n: n for n in graph.inputs}
    table: dict[Any, Node] = {}
    for n in graph.nodes:
        if n in new:
            continue
        if n.prim is INPUT:
            new[n] = n
            continue
        args = tuple(new[a] for a in n.args)
        try:
            key = _key(n, args)
            known = table.get(key)
        except TypeError:
            key = known = None
        if known is None:
            known = n if args == n.args else make(n.prim, args, n.shape, n.dtype, n.params, n.site)
            if key is not None:
                table[key] = known
        for rule in rules:
            known = rule(known) or known
        new[n] = known
    return Graph(
        graph.inputs,
        tuple(new[n] for n in graph.outputs),
        tuple(Guard(new[g.node], g.outcome, g.site) for g in graph.guards),
        graph.name,
        graph.names,
    )


# -- exact identities ----------------------------------------------------------------------------------------


def passes_on(n: Node) -> Node | None:
    """What only names a value again: identity, stop_gradient, a cast to the dtype it has."""
    if n.prim in (P.identity, P.stop_gradient) and not _python(n.args[0]):
        return n.args[0]
    if n.prim is P.astype and n.args[0].dtype == n.dtype and n.args[0].shape == n.shape and not _python(n.args[0]):
        return n.args[0]
    if n.prim in (P.reshape, P.broadcast_to) and n.args[0].shape == n.shape and not _python(n.args[0]):
        return n.args[0]
    return None


def _python(n: Node) -> bool:
    return n.prim is CONST and not isinstance(n.value, (np.ndarray, np.generic))


def _is(n: Node, v: float) -> bool:
    """Whether a node is this constant number, with its sign."""
    return (
        n.prim is CONST
        and n.origin is None
        and n.shape == ()
        and float(n.value) == v
        and math.copysign(1.0, float(n.value)) == math.copysign(1.0, v)
    )


def _whole(n: Node, x: Node) -> bool:
    return x.shape == n.shape and x.dtype == n.dtype and not _python(x)


def neutral(n: Node) -> Node | None:
    """x * 1 = x, x / 1 = x, x - 0 = x, x + (-0) = x, x ** 1 = x and -(-x) = x for every x, NaN and -0 included."""
    if n.prim is P.multiply:
        a, b = n.args
        if _is(b, 1.0) and _whole(n, a):
            return a
        if _is(a, 1.0) and _whole(n, b):
            return b
    elif (n.prim in (P.divide, P.power) and _is(n.args[1], 1.0) and _whole(n, n.args[0])) or (
        n.prim is P.subtract and _is(n.args[1], 0.0) and _whole(n, n.args[0])
    ):
        return n.args[0]
    elif n.prim is P.add:
        a, b = n.args
        if _is(b, -0.0) and _whole(n, a) and n.dtype.kind == "f":
            return a
        if _is(a, -0.0) and _whole(n, b) and n.dtype.kind == "f":
            return b
    elif n.prim is P.negative and n.args[0].prim is P.negative and n.dtype.kind == "f":
        return n.args[0].args[0]
    return None


def transposed_twice(n: Node) -> Node | None:
    """The transpose of a transpose is one transpose."""
    if n.prim is not P.transpose or n.args[0].prim is not P.transpose:
        return None
    inner, k = n.args[0], len(n.shape)
    order = lambda t: tuple(range(k))[::-1] if t.params["axes"] is None else tuple(a % k for a in t.params["axes"])
    axes = tuple(order(inner)[a] for a in order(n))
    x = inner.args[0]
    return x if axes == tuple(range(k)) else make(P.transpose, (x,), n.shape, n.dtype, {"axes": axes}, n.site)


def _only_renames_axes(n: Node) -> bool:
    """Whether x[key] has the entries of x in their order: new axes, and entry 0 of axes of length one."""
    if n.args[1:] or n.args[0].shape == () or math.prod(n.shape) != math.prod(n.args[0].shape):
        return False
    return all(
        k is None or k is Ellipsis or k == slice(None) or (type(k) is int and k in (0, -1)) for k in n.params["key"]
    )


def reshaped_once(n: Node) -> Node | None:
    """Views that keep entries in order are one reshape, or nothing."""
    if n.prim is P.getitem and _only_renames_axes(n):
        n = make(P.reshape, n.args, n.shape, n.dtype, {"shape": n.shape}, n.site)
    elif n.prim is not P.reshape:
        return None
    x = n.args[0]
    while x.prim is P.reshape:
        x = x.args[0]
    if _python(x):
        return None
    if x.shape == n.shape:
        return x
    return n if x is n.args[0] else make(P.reshape, (x,), n.shape, n.dtype, {"shape": n.shape}, n.site)


def column_of_flat(n: Node) -> Node | None:
    """Every c-th entry of a flattened matrix with c columns is a column."""
    if n.prim is not P.getitem or n.args[1:] or len(n.params["key"]) != 1:
        return None
    (k,), x = n.params["key"], n.args[0]
    if x.prim is not P.reshape or len(x.shape) != 1 or not isinstance(k, slice):
        return None
    start, stop, step = k.indices(x.shape[0])
    m = x.args[0]
    if (
        step < 2
        or len(m.shape) != 2
        or m.shape[1] != step
        or start >= step
        or len(range(start, stop, step)) != m.shape[0]
    ):
        return None
    return make(P.getitem, (m,), n.shape, n.dtype, {"key": (slice(None), start)}, n.site)


def transposed_last(n: Node) -> Node | None:
    """f(a', b') = f(a, b)' entry by entry: computed in the order of memory, and transposed where it is read."""
    if n.prim.family not in ("elementary", "special") or len(n.shape) != 2 or n.prim.outputs > 1:
        return None
    rows, columns = n.shape
    args, turned = [], 0
    for a in n.args:
        if a.shape == n.shape and a.prim is P.transpose and math.prod(n.shape) != 1:
            args.append(a.args[0])
            turned += 1
        elif a.shape == ():
            args.append(a)
        elif a.shape in ((columns,), (1, columns)) and 1 not in n.shape:
            args.append(make(P.reshape, (a,), (columns, 1), a.dtype, {"shape": (columns, 1)}, n.site))
        elif a.shape == (rows, 1) and 1 not in n.shape:
            args.append(make(P.reshape, (a,), (1, rows), a.dtype, {"shape": (1, rows)}, n.site))
        else:
            return None
    if not turned:
        return None
    inner = make(n.prim, tuple(args), (columns, rows), n.dtype, n.params, n.site)
    return make(P.transpose, (inner,), n.shape, n.dtype, {"axes": (1, 0)}, n.site)


def _piece(n: Node) -> tuple[int, int, int, Node] | None:
    """A scatter of one slice (or row) as (axis, start, stop, values with that axis); None for any other node."""
    if n.prim is not P.scatter_add or n.args[1:] or not n.shape:
        return None
    key, v = n.params["key"], n.args[0]
    key = tuple(k for i, k in enumerate(key) if k is not Ellipsis or i < len(key) - 1)
    if len(key) > len(n.shape) or any(k is None or k is Ellipsis for k in key):
        return None
    cut = [i for i, k in enumerate(key) if not isinstance(k, slice) or k.indices(n.shape[i]) != (0, n.shape[i], 1)]
    if len(cut) != 1:
        return None
    (axis,) = cut
    k = key[axis]
    if isinstance(k, slice):
        start, stop, step = k.indices(n.shape[axis])
        if step != 1 or stop <= start:
            return None
    elif type(k) is int:
        start, stop = k % n.shape[axis], k % n.shape[axis] + 1
    else:
        return None
    shape = (*n.shape[:axis], stop - start, *n.shape[axis + 1 :])
    if math.prod(v.shape) != math.prod(shape) or v.dtype != n.dtype:
        return None
    if v.shape != shape:
        v = make(P.reshape, (v,), shape, v.dtype, {"shape": shape}, n.site)
    return axis, start, stop, v


def assembled(n: Node) -> Node | None:
    """A sum of scatters to disjoint slices that cover an axis is a concatenation of v + 0 (0 + -0 is 0)."""
    if n.prim is not P.add or n.dtype.kind != "f" or not n.shape:
        return None
    pieces, stack = [], list(n.args)
    while stack:
        a = stack.pop()
        if a.prim is P.add and a.shape == n.shape and all(b.shape == n.shape for b in a.args):
            stack += a.args
            continue
        found = _piece(a) if a.shape == n.shape and a.dtype == n.dtype else None
        if found is None or len(pieces) > 4096:
            return None
        pieces.append(found)
    axis = pieces[0][0]
    pieces.sort(key=lambda p: p[1])
    ends = [0, *(p[2] for p in pieces)]
    if any(p[0] != axis or p[1] != end for p, end in zip(pieces, ends, strict=False)) or ends[-1] != n.shape[axis]:
        return None
    parts = [make(P.add, (v, number(0.0)), v.shape, n.dtype, None, n.site) for *_, v in pieces]
    return make(P.concatenate, tuple(parts), n.shape, n.dtype, {"axis": axis}, n.site)


def chosen_once(n: Node) -> Node | None:
    """where(c, where(c, a, b), d) = where(c, a, d) and where(c, a, where(c, b, d)) = where(c, a, d), bit by bit.

    Both conditions are one node. The result must have its dtype and shape without what was left out.
    """
    if n.prim is not P.where:
        return None
    c, a, b = n.args
    again = lambda x: x.prim is P.where and x.args[0] is c and x.dtype == n.dtype
    a, b = a.args[1] if again(a) else a, b.args[2] if again(b) else b
    if (a, b) == n.args[1:] or np.broadcast_shapes(c.shape, a.shape, b.shape) != n.shape:
        return None
    kept = [x for x in (a, b) if not _python(x)]
    if not kept or any(x.dtype != n.dtype for x in kept):
        return None
    return make(P.where, (c, a, b), n.shape, n.dtype, n.params, n.site)


EXACT: tuple[Rule, ...] = (
    passes_on,
    reshaped_once,
    column_of_flat,
    neutral,
    chosen_once,
    assembled,
    transposed_twice,
    transposed_last,
)


# -- compositions written out ----------------------------------------------------------------------------------


def soft(n: Node) -> Node | None:
    """logsumexp, softmax and log_softmax in elementary steps, shifted by the maximum (which must be finite)."""
    if n.prim not in (P.logsumexp, P.softmax, P.log_softmax) or not math.prod(n.args[0].shape):
        return None
    x, dtype, site = n.args[0], n.dtype, n.site
    if x.dtype.kind != "f" or x.dtype != dtype:
        return None
    axis = n.params["axis"]
    ndim = len(x.shape)
    given = range(ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(a % ndim for a in given)
    thin = tuple(1 if d in axes else s for d, s in enumerate(x.shape))
    fold = {"axis": axes, "keepdims": True}
    one = lambda p, *args, shape: make(p, args, shape, dtype, None, site)
    top = make(P.max, (x,), thin, dtype, fold, site)
    if n.prim is P.logsumexp:
        finite = make(P.isfinite, (top,), thin, np.bool_, None, site)
        top = make(P.where, (finite, top, number(0.0)), thin, dtype, None, site)
    shifted = one(P.subtract, x, top, shape=x.shape)
    e = one(P.exp, shifted, shape=x.shape)
    total = make(P.sum, (e,), thin, dtype, fold, site)
    if n.prim is P.softmax:
        return one(P.divide, e, total, shape=x.shape)
    log = one(P.log, total, shape=thin)
    if n.prim is P.log_softmax:
        return one(P.subtract, shifted, log, shape=x.shape)
    whole = one(P.add, log, top, shape=thin)
    return whole if whole.shape == n.shape else make(P.reshape, (whole,), n.shape, dtype, {"shape": n.shape}, site)
