"""A graph in eighty digits: its value reading, on arrays of `Decimal`.

Every float of the graph means the rational number that it is. What is computed here is no proof, but where doubles
leave a sign to rounding, it has sixty digits to spare.
"""

from __future__ import annotations

import decimal
import functools
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from ... import ops as P
from ...graph import CONST, Graph, Primitive
from ...read.value import agrees
from ...read.value import value as meaning

DIGITS, MORE = 80, 120
FAR = 10**15  # exponents: exp(-x) is a number for all but the largest x
SAME = {
    P.add, P.subtract, P.negative, P.positive, P.multiply, P.divide, P.absolute, P.maximum, P.minimum, P.max, P.min,
    P.identity, P.reshape, P.transpose, P.broadcast_to, P.concatenate, P.getitem, P.setitem, P.add_at, P.scatter_add,
    P.take_along_axis, P.scatter_along_axis, P.sum, P.prod, P.cumsum, P.cumprod, P.matmul, P.dot, P.inner, P.vdot,
    P.einsum, P.less, P.less_equal, P.greater, P.greater_equal, P.equal, P.not_equal, P.where,
}  # fmt: skip
OWN = {P.exp: Decimal.exp, P.log: Decimal.ln, P.log10: Decimal.log10, P.sqrt: Decimal.sqrt}
OTHERS = {
    P.cbrt: "cbrt", P.expm1: "expm1", P.log1p: "log1p", P.sin: "sin", P.cos: "cos", P.tan: "tan", P.arcsin: "asin",
    P.arccos: "acos", P.arctan: "atan", P.arctan2: "atan2", P.sinh: "sinh", P.cosh: "cosh", P.tanh: "tanh",
    P.arcsinh: "asinh", P.arccosh: "acosh", P.arctanh: "atanh", P.erf: "erf", P.erfc: "erfc", P.gamma: "gamma",
    P.gammaln: "loggamma", P.digamma: "digamma", P.hypot: "hypot", P.sign: "sign",
}  # fmt: skip


class NotReal(ArithmeticError):
    """No value among the real numbers, or no rule for it."""


def precise(digits: int = DIGITS) -> Any:
    """The context in which to compute."""
    return decimal.localcontext(decimal.Context(prec=digits, Emin=-FAR, Emax=FAR))


def many(values: Any) -> np.ndarray:
    """Floats as an array of Decimals, exactly."""
    flat = np.asarray(values, np.float64)
    out = np.empty(flat.size, object)
    out[:] = [Decimal(v) for v in flat.ravel().tolist()]
    return out.reshape(flat.shape)


def _borrowed(name: str) -> Callable[..., Any]:
    """A function of mpmath's."""
    import mpmath

    mp = mpmath.MPContext()  # apart from the precision that the user may have set up
    mp.dps = MORE + 5
    f = getattr(mp, name)

    def rule(*args: Any) -> Decimal:
        try:
            y = f(*(mp.mpf(str(a)) for a in args))
        except (ValueError, ZeroDivisionError):
            raise NotReal from None
        if not isinstance(y, mp.mpf) or not mp.isfinite(y):
            raise NotReal
        return Decimal(str(mp.nstr(y, MORE + 2)))

    return np.frompyfunc(rule, 2 if name in ("atan2", "hypot") else 1, 1)


def _astype(x: Any, *, dtype: Any) -> Any:
    if np.asarray(x).dtype != object:
        return meaning[P.astype](x, dtype=dtype)
    if np.dtype(dtype) != np.float64:
        raise NotReal
    return x


@functools.cache
def _rules() -> dict[Primitive, Callable[..., Any]]:
    own = {p: np.frompyfunc(f, 1, 1) for p, f in OWN.items()}
    others = {p: _borrowed(name) for p, name in OTHERS.items()}
    log1p = others[P.log1p]
    power = lambda x, e: Decimal(1) if e == 0 else Decimal(x) ** e
    exp = own[P.exp]
    more = {
        P.power: np.frompyfunc(power, 2, 1),
        P.square: lambda x: np.multiply(x, x),
        P.reciprocal: lambda x: Decimal(1) / x,
        P.astype: _astype,
        P.expit: lambda x: 1 / (1 + exp(-x)),
        P.log_expit: lambda x: -log1p(exp(-x)),
        P.logaddexp: lambda a, b: np.maximum(a, b) + log1p(exp(-np.abs(np.subtract(a, b)))),
    }
    return {p: meaning[p] for p in SAME} | own | others | more


def evaluate(graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The outputs; raises NotReal where something has no real value, no rule here, or a guard comes out otherwise."""
    rules, found = _rules(), dict(zip(graph.inputs, inputs, strict=True))
    try:
        for n in graph.nodes:
            if n in found:
                continue
            if n.prim is CONST:
                y = n.value if n.origin is None else n.origin
            else:
                y = rules[n.prim](*(found[a] for a in n.args), **n.params)
            found[n] = many(y)[()] if np.asarray(y).dtype.kind == "f" else y
    except (KeyError, TypeError, ValueError, decimal.DecimalException):
        raise NotReal from None
    if not all(agrees(found[g.node], g.outcome) for g in graph.guards):
        raise NotReal
    return [np.asarray(found[n], object) for n in graph.outputs]
