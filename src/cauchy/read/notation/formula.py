"""A formula before it is set in type, and its entries.

`Formula` is a tree: a kind, its parts, and what the kind needs besides. A formula of arrays has entries:
`at(formula, ("i", "j"))` carries the indices inwards as far as they go, so that the sum of `x * y` can be
written with a summand x_i y_i.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

Index = tuple[str, ...]
COMPARISONS = ("=", "≠", "<", "≤", ">", "≥")
RUNNING = ("reduce", "scan", "einsum")
LOGIC = ("∧", "∨", "⊕")


@dataclass(frozen=True)
class Formula:
    """`each`: entry i of the formula is made of entries i of its parts. A rule may leave `shape` to the node."""

    kind: str
    args: tuple[Formula, ...] = ()
    data: Any = None
    shape: tuple[int, ...] | None = None
    each: bool = False

    @functools.cached_property
    def size(self) -> int:
        """How many signs it takes, parts that occur twice counted twice."""
        return 1 + sum(a.size for a in self.args)

    @property
    def running(self) -> bool:
        """Whether letters must run over it: an array made of sums along axes."""
        return bool(self.dims) and (self.kind in RUNNING or (self.each and any(a.running for a in self.args)))

    @property
    def dims(self) -> tuple[int, ...]:
        assert self.shape is not None
        return self.shape

    @property
    def logical(self) -> bool:
        return self.kind == "negation" or (self.kind == "infix" and self.data in (*COMPARISONS, *LOGIC))


def each(kind: str, *args: Formula, data: Any = None) -> Formula:
    """An elementwise formula; its shape is that to which the parts broadcast."""
    return Formula(kind, args, data, np.broadcast_shapes(*(a.dims for a in args)), True)


def whole(kind: str, *args: Formula, data: Any = None, shape: tuple[int, ...] | None = None) -> Formula:
    """A formula of arrays as wholes."""
    return Formula(kind, args, data, shape)


def number(x: Any, shape: tuple[int, ...] = ()) -> Formula:
    return Formula("number", (), x, shape)


def name(base: str, shape: tuple[int, ...] = (), index: Index = ()) -> Formula:
    return Formula("name", (), (base, index), shape)


def call(function: str, *args: Formula, sub: str = "", sup: str = "") -> Formula:
    return each("call", *args, data=(function, sub, sup))


def apply(function: str, *args: Formula, sub: str = "") -> Formula:
    return whole("call", *args, data=(function, sub, ""))


def infix(op: str, a: Formula, b: Formula) -> Formula:
    return each("infix", a, b, data=op)


def integer(f: Formula) -> int | None:
    """The value of a formula that is an integer number."""
    is_number = f.kind == "number" and f.shape == () and not isinstance(f.data, (bool, np.bool_))
    return int(f.data) if is_number and float(f.data).is_integer() else None


def constant(c: Any, symbol: Callable[[tuple[int, ...]], Formula]) -> Formula:
    """A number; a small array entry by entry; a large one as a symbol."""
    a = np.asarray(c)
    if a.size and (a == a.flat[0]).all():
        return number(c if a.ndim == 0 else a.flat[0], a.shape)
    if a.size > 12 or a.ndim > 2 or max((len(str(v)) for v in a.flat), default=9) > 6:
        return symbol(a.shape)
    return whole("grid", *(number(v) for v in a.flat), shape=a.shape)


def fit(index: Index, shape: tuple[int, ...]) -> Index:
    """The index of an operand of this shape where the result has `index`: broadcasting read backwards."""
    return tuple("0" if n == 1 else i for i, n in zip(index[len(index) - len(shape) :], shape, strict=True))


def at(f: Formula, index: Index) -> Formula:
    """Entry `index` of a formula (one letter or number for each axis)."""
    if not f.dims:
        return f
    if f.each:
        return replace(f, args=tuple(at(a, fit(index, a.dims)) for a in f.args), shape=())
    inner = f.args[0] if f.args else f
    match f.kind:
        case "number":
            return number(f.data)
        case "name":
            base, outer = f.data
            return name(base, (), outer + index)
        case "grid" if all(i.isdigit() for i in index):
            k = int(np.ravel_multi_index([int(i) for i in index], f.dims)) if not inner.dims else int(index[0])
            return f.args[k] if not inner.dims else at(f.args[k], index[1:])
        case "transpose":
            places = dict(zip(f.data, index, strict=True))
            return at(inner, tuple(places[d] for d in range(len(index))))
        case "broadcast":
            return at(inner, fit(index, inner.dims))
        case "reshape" if [n for n in inner.dims if n > 1] == [n for n in f.dims if n > 1]:
            kept = iter([i for i, n in zip(index, f.dims, strict=True) if n > 1])
            return at(inner, tuple(next(kept) if n > 1 else "0" for n in inner.dims))
        case "part" if len(f.args) == 1 and (moved := _through(f.data, index, inner.dims)) is not None:
            return at(inner, moved)
    return Formula("entry", (f,), index, ())


def _through(key: tuple[Any, ...], index: Index, shape: tuple[int, ...]) -> Index | None:
    """The index into x of entry `index` of x[key]; None where it cannot be written simply."""
    key = expand(key, len(shape))
    left, out, axis = list(index), [], 0
    for k in key:
        if k is None:
            left.pop(0)
            continue
        if isinstance(k, bool):
            return None
        if isinstance(k, slice):
            start, _, step = k.indices(shape[axis])
            moved = _affine(left.pop(0), start, step)
            if moved is None:
                return None
            out.append(moved)
        else:
            out.append(str(k % shape[axis]))
        axis += 1
    return tuple(out)


def expand(key: tuple[Any, ...], ndim: int) -> tuple[Any, ...]:
    """A basic index without its ellipsis: one entry for each axis, beside the new ones."""
    named = sum(k is not None and k is not Ellipsis for k in key)
    rest = (slice(None),) * (ndim - named)
    where = next((i for i, k in enumerate(key) if k is Ellipsis), len(key))
    return (*key[:where], *rest, *key[where + 1 :])


def _affine(i: str, start: int, step: int) -> str | None:
    if i.isdigit():
        return str(start + step * int(i))
    if (start, step) == (0, 1):
        return i
    found = re.fullmatch(r"([a-z])(?:\+(\d+))?", i)
    if found is None:
        return None
    start += step * int(found[2] or 0)
    i = found[1]
    if step < 0:
        return f"{start}-{'' if step == -1 else -step}{i}"
    return f"{'' if step == 1 else step}{i}" + (f"+{start}" if start else "")
