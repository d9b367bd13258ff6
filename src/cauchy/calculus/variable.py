"""The define-by-run face: values that remember how they were computed, and `backward()`."""

from __future__ import annotations

import weakref
from typing import Any, NoReturn

import numpy as np

from ..errors import ShapeError, TraceError
from ..graph import INPUT, Graph, Node, reachable
from ..read.derive import pull
from ..tracer import Array, as_array, check_input, recording, wrap
from ..tracer.array import NDArray
from ..tracer.context import constant, user_site

_leaves: weakref.WeakValueDictionary[int, Variable] = weakref.WeakValueDictionary()


class Variable(Array):
    """A number or array whose operations are recorded, and which collects a gradient.

    `value`: a number or array (integers become float64); copied. `requires_grad=False` makes it a constant.
    `x.grad` is None until a `backward()` reaches x; then a NumPy value of x's shape, to which every further
    `backward()` adds, until `zero_grad()`.

    >>> import cauchy
    >>> x = cauchy.Variable(3.0)
    >>> y = x**2
    >>> y.backward()
    >>> float(x.grad)
    6.0
    >>> y.backward(); float(x.grad)
    12.0
    """

    __slots__ = ("grad", "name", "requires_grad")
    grad: Any

    def __new__(cls, value: Any, *, requires_grad: bool = True, name: str = "x") -> Variable:
        return object.__new__(Variable if np.ndim(value) == 0 else VariableArray)

    def __init__(self, value: Any, *, requires_grad: bool = True, name: str = "x") -> None:
        self.requires_grad, self.name, self.grad = requires_grad, name, None
        self._view = self._seen = None
        self.set(value)

    def set(self, value: Any) -> None:
        """Give the variable a new value; what was computed from the old one keeps it."""
        value = check_input(value, "of Variable", real=True)
        self._node = Node(INPUT, (), {}, value) if self.requires_grad else constant(value)
        if self.requires_grad:
            _leaves[self._node.index] = self

    def zero_grad(self) -> None:
        """Forget the gradient collected so far."""
        self.grad = None

    def _assign(self, new: Array) -> NoReturn:
        raise TraceError(
            "a Variable is written to in place",
            where=user_site(),
            why="what was computed from it would no longer belong to it",
            fix="x.set(new_value), or work on a copy: x.copy()",
        )

    def __repr__(self) -> str:
        return f"Variable({self.value!r})"


class VariableArray(Variable, NDArray):
    """A Variable with axes."""

    __slots__ = ()


@Array.face
def backward(y: Array, gradient: Any = None) -> None:
    """Add to every Variable's `.grad` the derivative of y with respect to it.

    y is a single number, unless `gradient` (of y's shape) says what to multiply it with.
    Raises `ShapeError` otherwise.
    """
    if gradient is None:
        if y.size != 1:
            raise ShapeError(
                f"backward() of a value of shape {y.shape}",
                why="only a single number has a gradient",
                fix="y.sum().backward(), or y.backward(gradient)",
            )
        gradient = np.ones(y.shape, y.dtype)
    seed = as_array(check_input(gradient, "gradient"), y.dtype)
    if seed.shape != y.shape:
        raise ShapeError(f"gradient has shape {seed.shape}; y has shape {y.shape}")
    owners = [(n, v) for n in reachable([y.node]) if n.prim is INPUT and (v := _leaves.get(n.index)) is not None]
    if not owners:
        raise TraceError(
            "backward() reaches no Variable", why="the value was computed from constants", fix="cauchy.Variable(x)"
        )
    with recording():
        parts = pull({y.node: seed}, [n for n, _ in owners])
    for (n, v), g in zip(owners, parts, strict=True):
        found = np.zeros(n.shape, n.dtype) if g is None else g.value
        v.grad = found + 0 if v.grad is None else v.grad + found


@Array.face
def detach(y: Array) -> Array:
    """The value as a constant: no derivative passes."""
    return wrap(constant(y.value))


@Array.face
def graph(y: Array) -> Graph:
    """The graph from the Variables to y."""
    inputs = tuple(n for n in reachable([y.node]) if n.prim is INPUT)
    names = [v.name if (v := _leaves.get(n.index)) is not None else f"x{i}" for i, n in enumerate(inputs)]
    unique = tuple(a if names.count(a) == 1 else f"{a}{i}" for i, a in enumerate(names))
    return Graph(inputs, (y.node,), (), "y", unique)
