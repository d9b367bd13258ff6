"""`Array`: what a traced function computes with. It looks like an ndarray and records what happens to it.

An `Array` is a handle on an immutable node. Assignment (`x[i] = v`, `x += v`) moves the handle to a
new node; a view keeps its base and re-reads it, so aliases see each other's writes as NumPy's do.

Traps this file is built around: `__array__` would lose gradients silently, so only constants have one;
zero-dimensional values have no `__len__`, so `np.array([t, t])` makes an array of objects whose
elements are still traced; a `__getitem__` that never raises IndexError would loop for ever.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, NamedTuple, NoReturn

import numpy as np

from .. import ops as P
from ..graph import Later, Node, Primitive
from .context import constant, guard, record, refusal, state
from .later import like
from .methods import InPlace, Methods


class View(NamedTuple):
    """How to read a part of `base` and how to write it: `put(base, new part)` is the new whole."""

    base: Array
    get: Callable[[Array], Array]
    put: Callable[[Array, Array], Array]


class Array(Methods):
    """A traced value: zero-dimensional here, `NDArray` below has axes."""

    __slots__ = ("__weakref__", "_node", "_seen", "_view")
    __array_priority__ = 1000.0
    faces: ClassVar[dict[str, Callable[..., Any]]] = {}

    def __init__(self, node: Node, view: View | None = None) -> None:
        self._node = node
        self._view = view
        self._seen = view.base.node if view else None

    # -- the handle ----------------------------------------------------------------------------------

    @property
    def node(self) -> Node:
        """The present node; a view whose base was written to reads it again."""
        if self._view is not None and self._view.base.node is not self._seen:
            self._node, self._seen = self._view.get(self._view.base).node, self._view.base.node
        return self._node

    @property
    def value(self) -> Any:
        """The concrete NumPy value at the point of the trace."""
        return self.node.value

    def _assign(self, new: Array) -> None:
        """Write through this handle and the bases it is a view of; dtype as NumPy's in-place rule has it."""
        if new.dtype != self.dtype:
            if not np.can_cast(new.dtype, self.dtype, "same_kind"):
                self._fail(
                    f"cannot write {new.dtype} values into an array of {self.dtype}",
                    why="in-place operations keep the dtype of their left side, in NumPy too",
                    fix="make the array with dtype=float, or use `x = x + v`",
                )
            new = P.astype(new, dtype=self.dtype)
        if new.shape != self.shape:
            new = P.broadcast_to(new, shape=self.shape)
        if self._view is not None:
            if not self._view.base.writeable:
                self._fail("this view is read-only", fix="take a copy: x.copy()")
            self._view.base._assign(self._view.put(self._view.base, new))
            self._seen = self._view.base.node
        self._node = new.node

    @property
    def writeable(self) -> bool:
        return True

    @classmethod
    def __cauchy_apply__(cls, prim: Primitive, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        return apply(prim, args, params)

    @classmethod
    def face(cls, f: Callable[..., Any]) -> Callable[..., Any]:
        """Decorator: a function of a traced value, from a layer above, becomes one of its methods."""
        cls.faces[f.__name__] = f
        return f

    def __getattr__(self, name: str) -> Any:
        if name in Array.faces:
            return Array.faces[name].__get__(self)
        if not name.startswith("__") and hasattr(self._pretend(), name):
            # NumPy has it: an AttributeError would send `hasattr` another way than untraced
            self._fail(f".{name} of a traced value", why="cauchy has no rule for it", fix="make a new array instead")
        raise AttributeError(f"a traced value has no attribute {name!r}")

    # -- what NumPy asks -----------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        from .ufuncs import dispatch

        return dispatch(ufunc, method, inputs, kwargs)

    def __array_function__(self, func: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        from .functions import dispatch

        return dispatch(func, args, kwargs)

    @property
    def __array__(self) -> Any:
        # NumPy asks the instance. What a derivative passes through must not become a plain array
        if self.node.live and self.dtype.kind == "f":
            raise AttributeError("__array__")
        return self._plain

    def _plain(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        if self.node.live or state.keep:
            self._leave()  # integers carry no derivative, but another input may give others
        return np.array(self.value, dtype=dtype)

    @property
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride]
        # `isinstance(x, np.ndarray)` and `isinstance(t, float)` branch in users' code as they would untraced
        return self._pretend()

    def _pretend(self) -> type:
        n = self.node
        value = n._value  # asked very often, and not to be computed for it
        return type(value) if not isinstance(value, (np.ndarray, Later)) else n.dtype.type

    @property
    def shape(self) -> tuple[int, ...]:
        return self._node.shape

    @shape.setter
    def shape(self, new: Any) -> NoReturn:
        self._fail("the shape of a traced array is assigned", fix="x = x.reshape(shape)")

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._node.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        return self.size * self.itemsize

    @property
    def strides(self) -> tuple[int, ...]:
        return np.asarray(like(self.node)).strides

    @property
    def flags(self) -> Any:
        return np.asarray(self.value).flags

    # -- Python's questions: each answer that decides something is a guard ------------------------------

    def _fail(self, what: str, *, why: str = "", fix: str = "") -> NoReturn:
        raise refusal(what, why=why, fix=fix)

    def __bool__(self) -> bool:
        outcome = bool(self.value)
        guard(self.node if self.dtype.kind == "b" else P.not_equal(self, 0).node, outcome)
        return outcome

    def __index__(self) -> int:
        if self.dtype.kind not in "iub":
            self._fail(f"a traced {self.dtype} is not an integer index", fix="convert it: int(x), or x.astype(int)")
        outcome = int(self.value)
        guard(self.node, outcome)
        return outcome

    def _integer(self, rounding: Primitive) -> int:
        rounded = self if self.dtype.kind in "iub" else rounding(self)
        outcome = int(rounded.value)
        guard(rounded.node, outcome)
        return outcome

    def __int__(self) -> int:
        return self._integer(P.trunc)

    __trunc__ = __int__

    def __floor__(self) -> int:
        return self._integer(P.floor)

    def __ceil__(self) -> int:
        return self._integer(P.ceil)

    def __round__(self, ndigits: int | None = None) -> Any:
        return self._integer(P.rint) if ndigits is None else P.around(self, decimals=ndigits)

    def _constant(self) -> bool:
        """Whether the value depends on no input, and so may leave the trace; where it came from may change: a guard."""
        if self.node.live:
            return False
        self._leave()
        return True

    def _leave(self) -> None:
        """The value leaves the trace: a guard. A kept graph tells the zeros apart too."""
        guard(self.node, self.value)
        if state.keep and self.dtype.kind == "f" and not np.all(self.value):
            sign = P.signbit(self).node
            guard(sign, sign.value)

    def __float__(self) -> float:
        if not self._constant():
            self._fail(
                "float() of a traced value",
                why="a Python float carries no derivative: the gradient would silently be lost",
                fix="leave the value as it is; math.exp(x) is np.exp(x), np.zeros(n) with z[i] = x is np.stack([...])"
                " or np.zeros_like(x); once the trace is over, x.value is the number",
            )
        return float(self.value)

    def __complex__(self) -> NoReturn:
        self._fail("complex() of a traced value", why="complex numbers are not traced")

    def __hash__(self) -> int:
        if self._constant():
            return hash(self.value)
        raise refusal(
            "a traced value cannot be a dictionary key or a member of a set",
            fix="key by position instead",
        )

    # a scalar is indexable by (), None and ... alone; NumPy asks for the length, finds none, and so never unpacks it
    __iter__ = None

    def __getitem__(self, key: Any) -> Any:
        from .indexing import getitem

        return getitem(self, key)

    def item(self, *args: Any) -> Any:
        if not self._constant():
            self._fail(".item() of a traced value", why="a Python number carries no derivative", fix="index it: x[i]")
        return np.asarray(self.value).item(*args)

    def tolist(self) -> Any:
        if not self._constant():
            self._fail(
                ".tolist() of a traced array", why="Python numbers carry no derivative", fix="list(x) stays traced"
            )
        return np.asarray(self.value).tolist()

    def tobytes(self, *args: Any) -> NoReturn:
        self._fail(".tobytes() of a traced array", why="bytes carry no derivative")

    def view(self, *args: Any) -> Array:
        if args:
            self._fail(
                ".view(dtype) of a traced array", why="reinterpreting bits has no derivative", fix="x.astype(dtype)"
            )
        return self

    def __repr__(self) -> str:
        return f"Array({self._told()!r})"

    def __str__(self) -> str:
        return str(self._told())

    def __format__(self, spec: str) -> str:
        return format(self._told(), spec)

    def _told(self) -> Any:
        if state.keep:
            self._leave()  # a kept graph must not remember a text of other values
        return self.value

    def __copy__(self) -> Array:
        return wrap(self.node)

    def __deepcopy__(self, memo: Any) -> Array:
        return wrap(self.node)

    def __reduce__(self) -> NoReturn:
        self._fail("a traced value cannot be pickled", fix="save the graph: cauchy.trace(f, x).save(path)")


class Cell(InPlace, Array):
    """A traced array without axes. Unlike a scalar it is written to in place: `u = np.array(t); u += 1`."""

    __slots__ = ()

    def _pretend(self) -> type:
        return np.ndarray

    def __setitem__(self, key: Any, value: Any) -> None:
        from .indexing import assign

        assign(self, key, value)


class NDArray(Cell):
    """A traced array with one axis or more."""

    __slots__ = ()

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Array]:
        return (self[i] for i in range(len(self)))

    def __contains__(self, x: Any) -> bool:
        return bool((self == x).any())

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(
                "The truth value of an array with more than one element is ambiguous. Use a.any() or a.all()"
            )
        return super().__bool__()

    @property
    def writeable(self) -> bool:
        # a broadcast view has entries that share memory: NumPy refuses to write, so do we
        return self._view is None or (self._node.prim is not P.broadcast_to and self._view.base.writeable)


class Held(NDArray):
    """A captured array as a traced constant: what is read from it is recorded. It is never written to."""

    __slots__ = ()

    @property
    def writeable(self) -> bool:
        return False

    def _assign(self, new: Array) -> None:
        self._fail("a captured array is written to", why="the graph of a trace changes nothing outside of it")


class HeldCell(Cell):
    """The same for an array without axes."""

    __slots__ = ()

    @property
    def writeable(self) -> bool:
        return False

    _assign = Held._assign


def holdable(x: np.ndarray) -> bool:
    """Whether a captured array can be a traced constant."""
    return type(x) is np.ndarray and x.dtype.kind in "fiub" and (x.dtype.kind != "f" or x.dtype.itemsize in (4, 8))


def held(x: np.ndarray) -> Array:
    """A captured array as a traced constant, which the graph reads by pointer."""
    return (Held if x.ndim else HeldCell)(constant(x))


def wrap(node: Node, view: View | None = None) -> Any:
    """The handle on a node: an Array, or a tuple of them for a primitive of several outputs."""
    if node.prim.outputs > 1:
        return tuple(wrap(record(P.item, (node,), {"index": i})) for i in range(len(node.shape)))
    return (NDArray if node.shape else Array)(node, view)


def boxed(x: Any) -> Any:
    """x as NumPy's np.asarray gives it: a scalar becomes an array without axes."""
    return Cell(x.node) if type(x) is Array else x


def plain(x: Any) -> Any:
    """x, unless it is an array to which NumPy's operations mean something else."""
    if isinstance(x, (np.matrix, np.ma.MaskedArray)):
        raise refusal(
            f"a {type(x).__name__} meets a traced value",
            why="its operations are not those of an array: `*` of a matrix, entries that do not count",
            fix="np.asarray(m) and `@` for a matrix; np.where(mask, 0, x.data) for masked entries",
        )
    return x


def apply(prim: Primitive, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Record a primitive applied to traced values, arrays and scalars."""
    return wrap(record(prim, tuple(lift(a) for a in args), params))


def lift(x: Any) -> Node:
    """The node of anything that may stand beside a traced value."""
    if type(x) in (Array, NDArray) or issubclass(type(x), Array):
        return x.node
    if type(x) in (float, int, bool):
        return constant(x)
    if isinstance(plain(x), (np.ndarray, np.generic)):
        if x.dtype.kind in "fiub":
            return constant(x)
        if x.dtype.kind == "O":
            return lift_objects(np.asarray(x)).node
        kind = "complex numbers are" if x.dtype.kind == "c" else f"dtype {x.dtype} is"
        raise refusal(f"an array of dtype {x.dtype} meets a traced value", why=f"{kind} not traced")
    if isinstance(x, (list, tuple)):
        return as_array(x).node
    if isinstance(x, (float, int)):
        return constant(x)
    fix = "compute real and imaginary parts apart" if isinstance(x, complex) else ""
    raise refusal(f"a {type(x).__name__} meets a traced value", why="wanted a real number or an array of them", fix=fix)


def lift_objects(x: np.ndarray) -> Any:
    """An array of Python objects, some of them traced, becomes one traced array."""
    if x.ndim == 0:
        inner = x[()]
        return inner if is_traced(inner) else wrap(lift(inner))
    parts = [as_array(v) for v in x.ravel()]
    dtype = np.result_type(*[like(p.node) for p in parts])
    flat = [P.reshape(p if p.dtype == dtype else P.astype(p, dtype=dtype), shape=(1, *p.shape)) for p in parts]
    return P.reshape(P.concatenate(*flat, axis=0), shape=x.shape + parts[0].shape)


def as_array(x: Any, dtype: Any = None) -> Any:
    """np.asarray for anything that holds traced values: nested lists, object arrays, scalars."""
    if not is_traced(x):
        if isinstance(x, (list, tuple)) and contains_traced(x):
            x = _stack(x) if len(x) else np.zeros((0,))
        elif isinstance(x, np.ndarray) and x.dtype.kind == "O":
            x = lift_objects(x)
        else:
            x = wrap(lift(x if isinstance(x, np.ndarray) and x.ndim else np.asarray(x)[()]))
    if dtype is not None and np.dtype(dtype) != x.dtype:
        x = P.astype(x, dtype=np.dtype(dtype))
    return x


def _stack(xs: Any) -> Array:
    # nested lists of scalars meet one concatenate, not one per row
    if all(isinstance(v, (list, tuple)) for v in xs):
        widths = {len(v) for v in xs}
        if len(widths) == 1:
            inner = [w for v in xs for w in v]
            flat = as_array(inner) if contains_traced(inner) else wrap(lift(np.asarray(inner)))
            return P.reshape(flat, shape=(len(xs), widths.pop(), *flat.shape[1:]))
    parts = [as_array(v) for v in xs]
    shapes = {p.shape for p in parts}
    if len(shapes) > 1:
        raise refusal(
            f"an array of rows of unequal shapes {sorted(shapes)}",
            why="NumPy would make an array of objects",
            fix="pad the rows, or np.concatenate them",
        )
    dtype = np.result_type(*[like(p.node) for p in parts])
    return P.concatenate(
        *[P.reshape(p if p.dtype == dtype else P.astype(p, dtype=dtype), shape=(1, *p.shape)) for p in parts], axis=0
    )


def is_traced(x: Any) -> bool:
    """Whether x itself is a traced value (its `__class__` pretends, its type does not)."""
    return issubclass(type(x), Array)


def contains_traced(x: Any) -> bool:
    """Whether a nested list, tuple or object array holds a traced value."""
    if is_traced(x):
        return True
    if type(x) in (list, tuple):
        return any(map(contains_traced, x))
    return isinstance(x, np.ndarray) and x.dtype.kind == "O" and any(map(is_traced, x.flat))
