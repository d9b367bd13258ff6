"""Values put off until somebody reads them.

A kept graph is run as compiled code, which needs none of the values of its trace. So what is computed from
large arrays or by loops has a shape, a dtype and a layout at once, found by the rules below, and a value only when a
guard, a Python decision or the result asks for it. Whatever NumPy may refuse because of values (decompositions,
indices computed from such arrays, integer powers) has no rule here: it is computed, and fails, at the user's line.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import ops as P
from ..graph import Graph, Later, Node, Primitive
from ..read.value import value as VALUE
from ..read.value.index import full_key

Kind = tuple[Any, Any, int]  # shape, dtype, order, as in `Later`

LOOPS = {P.scan, P.cond, P.while_loop}
_VIEWS = (P.reshape, P.transpose, P.broadcast_to, P.getitem)


def postponed(prim: Primitive, args: tuple[Node, ...], params: dict[str, Any]) -> Later | None:
    """The value of a primitive, put off; None: it is to be computed, because it is cheap, or could fail."""
    rule = _rules.get(prim)
    try:
        kind = rule and rule(prim, args, params)
    except (ValueError, IndexError, TypeError):
        return None  # NumPy says it better
    errors = np.geterr() if kind else {}
    if not kind or not _QUIET.issuperset(errors.values()):
        return None  # a floating error is raised at the user's line
    return Later(functools.partial(_apply, prim, params), args, *kind, errors)


_QUIET = {"ignore", "warn"}


def _apply(prim: Primitive, params: dict[str, Any], *values: Any) -> Any:
    return VALUE[prim](*values, **params)


def like(n: Node) -> Any:
    """An array or NumPy scalar of the shape, dtype and layout of the value; its entries mean nothing."""
    later = n.later
    if later is None or later.order < 2:
        return n.value
    return np.empty(n.shape, n.dtype)[()]


def part(n: Node, rule: Callable[[Any], Any], shape: Any) -> Any:
    """A part of a value, of this shape: put off as the value is."""
    later = n.later
    return rule(n.value) if later is None else Later(rule, (n,), shape, n.dtype, 0, later.errors)


def order(n: Node) -> int:
    later = n.later
    return _order(n.value) if later is None else later.order


def _order(x: Any) -> int:
    if not isinstance(x, np.ndarray):
        return 2
    if x.flags.c_contiguous:
        return 2 if x.ndim else 0
    steps = [s for s, n in zip(x.strides, x.shape, strict=True) if s and n > 1]
    return int(all(s > 0 for s in steps) and sorted(steps, reverse=True) == steps)


# -- the families --------------------------------------------------------------------------------------


@functools.cache
def _one(dtype: np.dtype[Any], ndim: int = 1) -> np.ndarray:
    return np.ones((1,) * ndim, dtype)


def _weak(n: Node) -> Any:
    """What decides about the dtype of a result: a Python scalar itself, else one entry of the dtype."""
    return n.value if not n.later and type(n.value) in (bool, int, float) else _one(n.dtype)


_dtypes: dict[Any, np.dtype[Any]] = {}


def _dtype(prim: Primitive, args: tuple[Node, ...], params: dict[str, Any]) -> np.dtype[Any]:
    weak = [_weak(a) for a in args]
    key = (prim, *(type(w) if not isinstance(w, np.ndarray) else w.dtype for w in weak), *params.values())
    found = _dtypes.get(key)
    if found is None:
        with np.errstate(all="ignore"):
            found = _dtypes[key] = np.asarray(VALUE[prim](*weak, **params)).dtype
    return found


def _elementwise(prim: Primitive, args: tuple[Node, ...], params: dict[str, Any]) -> Kind | None:
    dtype = _dtype(prim, args, params)
    if dtype.kind not in "fb":
        return None
    shape = np.broadcast_shapes(*(a.shape for a in args))
    needed = 2 if prim is P.astype else 1  # NumPy copies broadcast axes into the innermost ones
    ordered = all(not a.shape or order(a) >= needed for a in args) and (shape or prim is not P.where)
    return shape, dtype, 2 if ordered else 0


def _reduced(prim: Primitive, args: tuple[Node, ...], params: dict[str, Any]) -> Kind | None:
    (x,) = args
    with np.errstate(all="ignore"):
        dtype = VALUE[prim](_one(x.dtype, len(x.shape)), axis=params["axis"], keepdims=True).dtype
    every = range(len(x.shape))
    axes = every if params["axis"] is None else np.lib.array_utils.normalize_axis_tuple(params["axis"], len(x.shape))
    if dtype.kind not in "fb" or not math.prod(x.shape[i] for i in axes):
        return None
    if params["keepdims"]:
        shape = tuple(1 if i in axes else x.shape[i] for i in every)
    else:
        shape = tuple(x.shape[i] for i in every if i not in axes)
    simple = prim not in (P.logsumexp,) and order(x)
    return shape, dtype, 2 if simple or len(shape) < 2 else 0


def _along(prim: Primitive, args: tuple[Node, ...], params: dict[str, Any]) -> Kind | None:
    (x,) = args
    with np.errstate(all="ignore"):
        dtype = VALUE[prim](_one(x.dtype, len(x.shape)), **params).dtype
    flat = params["axis"] is None and prim in (P.cumsum, P.cumprod)
    shape = (math.prod(x.shape),) if flat else x.shape
    return (shape, dtype, 2 if len(shape) < 2 else 0) if dtype.kind == "f" else None


def stand_in(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """An array of this shape that takes no memory."""
    return np.broadcast_to(np.zeros((), dtype), shape)


def _view(prim: Primitive, args: tuple[Node, ...], params: dict[str, Any]) -> Kind | None:
    x, *arrays = args
    if x.later is None:
        return None
    if arrays:
        shape = _places(x.shape, tuple(arrays), params["key"])
        return None if shape is None else (shape, x.dtype, 2 if len(shape) < 2 else 0)
    if order(x) == 2:
        out = VALUE[prim](np.empty(x.shape, x.dtype), **params)
        return out.shape, out.dtype, _order(out)
    out = VALUE[prim](stand_in(x.shape, x.dtype), **params)
    if prim is P.reshape and is_squeeze(x.shape, out.shape):
        return out.shape, out.dtype, order(x)
    return out.shape, out.dtype, 0 if isinstance(out, np.ndarray) else 2


def is_squeeze(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    """Whether two shapes differ in axes of length 1 alone."""
    return [n for n in a if n != 1] == [n for n in b if n != 1]


def shares(n: Node, base: Node) -> bool:
    """Whether the value of n, which was computed from that of base, is memory of it."""
    while n.later and n is not base and n.prim in _VIEWS and len(n.args) == 1:
        (a,) = n.args
        if n.prim is P.reshape and order(a) < 2 and not is_squeeze(a.shape, n.shape):
            break  # a view or a copy, as the layout has it
        n = a
    if n is base and n.later:
        return math.prod(n.shape) > 0
    return isinstance(base.value, np.ndarray) and np.may_share_memory(n.value, base.value)


def _joined(prim: Primitive, args: tuple[Node, ...], params: dict[str, Any]) -> Kind | None:
    at = params["axis"]
    shapes = [list(a.shape) for a in args]
    sizes = [s.pop(at) for s in shapes]
    dtype = np.result_type(*(a.dtype for a in args))
    if at < 0 or dtype.kind not in "fb" or any(s != shapes[0] for s in shapes):
        return None
    shape = (*shapes[0][:at], sum(sizes), *shapes[0][at:])
    return shape, dtype, 2 if len(shape) < 2 or all(order(a) == 2 for a in args) else 0


def _places(shape: tuple[int, ...], arrays: tuple[Node, ...], key: Any) -> tuple[int, ...] | None:
    """The shape of x[key], if nothing has to be computed to know that NumPy takes the key."""
    if any(a.later for a in arrays):
        return None
    return np.shape(stand_in(shape, bool)[full_key(key, tuple(a.value for a in arrays))])


def _written(prim: Primitive, args: tuple[Node, ...], params: dict[str, Any]) -> Kind | None:
    x, v, *arrays = args
    shape = _places(x.shape, tuple(arrays), params["key"]) if x.shape and x.dtype.kind == "f" else None
    if shape is None or np.broadcast_shapes(v.shape, shape) != shape:
        return None
    return x.shape, x.dtype, 2 if order(x) == 2 else 0


def _scattered(prim: Primitive, args: tuple[Node, ...], params: dict[str, Any]) -> Kind | None:
    v, *arrays = args
    shape = _places(params["shape"], tuple(arrays), params["key"])
    if shape is None or not params["shape"] or v.dtype.kind != "f" or np.broadcast_shapes(v.shape, shape) != shape:
        return None
    return params["shape"], v.dtype, 2


def _product(prim: Primitive, args: tuple[Node, ...], params: dict[str, Any]) -> Kind | None:
    a, b = args
    dtype = np.result_type(a.dtype, b.dtype)
    if dtype.kind != "f" or not a.shape or not b.shape:
        return None
    s, t = a.shape, b.shape
    if prim is P.vdot:
        return ((), dtype, 2) if math.prod(s) == math.prod(t) else None
    if s[-1] != (t[-1] if prim is P.inner or len(t) == 1 else t[-2]):
        return None
    if prim is P.inner:
        return s[:-1] + t[:-1], dtype, 2
    if prim is P.dot:
        return s[:-1] + t[:-2] + (t[-1:] if len(t) > 1 else ()), dtype, 2
    rows, columns = s[-2:-1], t[-1:] if len(t) > 1 else ()
    stack = np.broadcast_shapes(s[:-2], t[:-2])
    return stack + rows + columns, dtype, 2 if not stack or (order(a) and order(b)) else 0


def _same(prim: Primitive, args: tuple[Node, ...], params: dict[str, Any]) -> Kind | None:
    (x,) = args
    return None if x.later is None else (x.shape, x.dtype, x.later.order)


# -- loops and branches --------------------------------------------------------------------------------


def _item(prim: Primitive, args: tuple[Node, ...], params: dict[str, Any]) -> Kind | None:
    (n,), i = args, params["index"]
    if n.later is None:
        return None
    stacked = n.prim is P.scan and i >= n.params["carry"]
    return n.shape[i], n.dtype[i], 2 if stacked else 0


def _looped(prim: Primitive, args: tuple[Node, ...], params: dict[str, Any]) -> Kind | None:
    graphs = [g for g in params.values() if isinstance(g, Graph)]
    if not all(map(_steady, graphs)):
        return None
    found = [(n.shape, n.dtype) for n in graphs[-1].outputs]
    if prim is P.scan:
        i, m, length = params["consts"], params["carry"], params["length"]
        start = [(n.shape, n.dtype) for n in args[i : i + m]]
        found = (found[:m] if length else start) + [((length, *s), d) for s, d in found[m:]]
    shapes, dtypes = zip(*found, strict=True)
    return shapes, dtypes, 0


def _steady(graph: Graph) -> bool:
    """Whether no round can fail because of the values it meets."""
    found = graph.__dict__.get("_steady")
    if found is None:
        found = all(map(_safe, graph.nodes))
        object.__setattr__(graph, "_steady", found)  # the graph is frozen; this is no part of what it says
    return found


def _safe(n: Node) -> bool:
    if n.prim in LOOPS:
        return all(_steady(g) for g in n.params.values() if isinstance(g, Graph))
    if n.prim in (P.getitem, P.setitem, P.scatter_add):
        return P.ARRAY not in n.params["key"]
    if n.prim is P.power and n.dtype.kind in "iu":
        return False
    return not n.args or n.prim in _rules or n.prim in _NEVER_FAIL


_NEVER_FAIL = {p for p in P.ALL if p.family == "reduce"} | {P.einsum, P.convolve, P.correlate}

_rules: dict[Primitive, Callable[[Primitive, tuple[Node, ...], dict[str, Any]], Kind | None]] = {
    **{p: _elementwise for p in P.ALL if p.family in ("elementary", "special")},
    **dict.fromkeys((P.sum, P.prod, P.max, P.min, P.any, P.all, P.logsumexp), _reduced),
    **dict.fromkeys((P.cumsum, P.cumprod, P.softmax, P.log_softmax), _along),
    **dict.fromkeys(_VIEWS, _view),
    P.concatenate: _joined,
    P.setitem: _written,
    P.scatter_add: _scattered,
    **dict.fromkeys((P.matmul, P.dot, P.inner, P.vdot), _product),
    **dict.fromkeys((P.identity, P.stop_gradient), _same),
    P.item: _item,
    **dict.fromkeys(LOOPS, _looped),
}
