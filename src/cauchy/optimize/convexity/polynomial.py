"""A graph over the rationals: its value at a rational point, or the polynomial that it is, without rounding.

NumPy computes on arrays of objects, so the value reading runs on `Fraction` and `Polynomial` as they are. Every float
is a rational number: what is found here is found about the function that the graph means over the reals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from ... import ops as P
from ...graph import CONST, Graph, Node, reachable
from ...read.value import value as meaning

LINEAR = {
    P.add, P.subtract, P.negative, P.positive, P.identity, P.stop_gradient, P.reshape, P.transpose, P.broadcast_to,
    P.concatenate, P.getitem, P.sum, P.cumsum, P.astype,
}  # fmt: skip
PRODUCTS = {P.multiply, P.matmul, P.dot, P.inner, P.vdot, P.einsum, P.square}
MORE = {
    P.divide, P.absolute, P.prod, P.cumprod, P.setitem, P.take_along_axis, P.scatter_add, P.scatter_along_axis,
}  # evaluated too  # fmt: skip
MANY = 4  # stands for every degree above 3
MOST_TERMS = 300_000


class NotPolynomial(ArithmeticError):
    """Of degree at most 2: that is all that is followed."""


class Polynomial:
    """Of degree at most 2 in variables that are counted through: {(): c, (i,): a, (i, j): b with i <= j}."""

    __slots__ = ("terms",)

    def __init__(self, terms: dict[tuple[int, ...], Fraction]) -> None:
        self.terms = terms

    def __add__(self, other: Any) -> Polynomial:
        out = dict(self.terms)
        for k, v in _terms(other).items():
            out[k] = out.get(k, Fraction(0)) + v
        return Polynomial(out)

    __radd__ = __add__

    def __neg__(self) -> Polynomial:
        return Polynomial({k: -v for k, v in self.terms.items()})

    def __pos__(self) -> Polynomial:
        return self

    def __sub__(self, other: Any) -> Polynomial:
        return self + Polynomial({k: -v for k, v in _terms(other).items()})

    def __rsub__(self, other: Any) -> Polynomial:
        return -self + other

    def __mul__(self, other: Any) -> Polynomial:
        out: dict[tuple[int, ...], Fraction] = {}
        for i, a in self.terms.items():
            for j, b in _terms(other).items():
                if a and b:
                    k = tuple(sorted(i + j))
                    if len(k) > 2:
                        raise NotPolynomial
                    out[k] = out.get(k, Fraction(0)) + a * b
        return Polynomial(out)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Polynomial:
        if isinstance(other, Polynomial) or not other:
            raise NotPolynomial
        return self * (1 / Fraction(other))

    def __pow__(self, exponent: Any) -> Polynomial:
        if exponent not in (0, 1, 2):
            raise NotPolynomial
        return (Polynomial({(): Fraction(1)}), self, self * self if exponent == 2 else self)[int(exponent)]

    def hessian(self, n: int) -> list[list[Fraction]]:
        H = [[Fraction(0)] * n for _ in range(n)]
        for k, v in self.terms.items():
            if len(k) == 2:
                i, j = k
                H[i][j] += v
                H[j][i] += v
        return H


def _terms(v: Any) -> Mapping[tuple[int, ...], Fraction]:
    return v.terms if isinstance(v, Polynomial) else {(): v if isinstance(v, Fraction) else Fraction(v)}


def variables(graph: Graph) -> list[np.ndarray]:
    """The inputs of a graph as arrays of polynomials, counted through."""
    out, start = [], 0
    for n in graph.inputs:
        size = int(np.prod(n.shape))
        a = np.empty(size, object)
        a[:] = [Polynomial({(start + i,): Fraction(1)}) for i in range(size)]
        out.append(a.reshape(n.shape))
        start += size
    return out


def exactly(values: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Floats or Fractions as an array of Fractions."""
    flat = np.ravel(np.asarray(values, object)).tolist()
    out = np.empty(len(flat), object)
    out[:] = [Fraction(v) for v in flat]
    return out.reshape(shape)


def nearest(v: Fraction) -> float:
    """As a double: of the largest numbers infinity."""
    try:
        return float(v)
    except OverflowError:
        return np.inf if v > 0 else -np.inf


def evaluate(
    graph: Graph, inputs: Sequence[np.ndarray], wanted: Sequence[Node], constant: Callable[[Node], Any] | None = None
) -> list[np.ndarray] | None:
    """The wanted nodes for inputs of Fractions or Polynomials; None where a step leaves the rationals.

    So every step is defined there, and with Polynomials everywhere. constant: what constants mean, by default the
    floats that they are.
    """
    constant = constant or _constant

    found: dict[Node, Any] = dict(zip(graph.inputs, inputs, strict=True))
    nodes = reachable(wanted)
    if sum(int(np.prod(n.shape)) for n in nodes if isinstance(n.shape, tuple)) > MOST_TERMS:
        return None
    try:
        for n in nodes:
            if n not in found:
                found[n] = constant(n) if n.prim is CONST else _step(n, [found[a] for a in n.args])
    except (NotPolynomial, TypeError, ValueError, OverflowError, ZeroDivisionError):
        return None  # NumPy has no such operation for these objects, or the data are not finite
    return [np.asarray(found[n], object) for n in wanted]


def _step(n: Node, args: list[Any]) -> Any:
    if n.prim is P.astype:
        if np.dtype(n.params["dtype"]) != np.float64:
            raise NotPolynomial
        return args[0]
    if n.prim is P.power:
        return np.power(args[0], _integers(args[1]))
    if n.prim is P.square:
        return np.multiply(args[0], args[0])
    if n.prim is P.reciprocal:
        return np.divide(exactly([1], ()), args[0])
    if n.prim not in LINEAR | PRODUCTS | MORE:
        raise NotPolynomial
    return meaning[n.prim](*args, **n.params)


def _constant(n: Node) -> Any:
    a = np.asarray(n.value)
    if a.dtype.kind in "biu" and a.shape:
        return a
    if a.dtype.kind not in "fiu" or not np.isfinite(a).all():
        raise NotPolynomial
    return exactly(a.tolist() if a.ndim else [a.item()], a.shape)[()]


def _integers(v: Any) -> Any:
    a = np.asarray(v, object)
    flat = [int(e) if Fraction(e).denominator == 1 else None for e in a.ravel()]
    if None in flat:
        raise NotPolynomial
    out = np.empty(len(flat), object)
    out[:] = flat
    return out.reshape(a.shape)[()]


def degree(n: Node, degrees: Mapping[Node, int]) -> int:
    """The degree of a node's entries as polynomials, from those of its arguments: 0 for constants, MANY if none."""
    d = [degrees.get(a, 0) for a in n.args]
    if not any(d):
        return 0
    if n.prim in LINEAR:
        return max(d)
    if n.prim is P.square:
        return min(2 * d[0], MANY)
    if n.prim is P.divide:
        return d[0] if not d[1] else MANY
    if n.prim is P.power and not d[1]:
        exponent = np.asarray(n.args[1].value)
        if exponent.ndim == 0 and exponent in (1, 2, 3):
            return min(int(exponent) * d[0], MANY)
        return MANY
    if n.prim in PRODUCTS:
        return min(sum(d), MANY)
    return MANY
