"""Exact numbers and truth values in SymPy, and how a function of entries becomes one of arrays."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any, Literal

import numpy as np

Expr = Any  # SymPy is not typed
Meaning = Any  # an expression, or an object array of them


class _SymPy:
    """SymPy, imported when first asked for something: it is slow to load."""

    def __getattr__(self, name: str) -> Any:
        import sympy

        return getattr(sympy, name)


sp: Any = _SymPy()


class Cannot(Exception):
    """These operands have no expression: why, and what to do."""

    def __init__(self, why: str, fix: str = "") -> None:
        super().__init__(why)
        self.why, self.fix = why, fix


def exact(c: Any, reading: Literal["decimal", "binary"] = "decimal") -> Expr:
    """A floating-point constant as an exact number: see `sympy` for the two readings."""
    if isinstance(c, (bool, np.bool_)):
        return sp.true if c else sp.false
    if isinstance(c, (int, np.integer)):
        return sp.Integer(int(c))
    x = float(c)
    if not math.isfinite(x):
        return sp.nan if math.isnan(x) else sp.oo if x > 0 else -sp.oo
    if reading == "binary":
        return sp.Rational(*x.as_integer_ratio())
    single = getattr(c, "dtype", None) == np.float32
    shortest = str(c) if single else repr(x)  # float32 has shorter decimals than its double
    digits = re.sub(r"e.*|\D", "", shortest).strip("0")
    return (_recognized(x) if len(digits) > 12 and not single else None) or sp.Rational(shortest)


def _recognized(x: float) -> Expr | None:
    """The rational, or rational multiple of e, pi, pi^2, 1/pi, or root of one, that a long decimal stands for.

    About 10^5 candidates lie between 0 and 10, each with a window of 4e-16: a double that is none of them
    is taken for one with a chance below 1e-10.
    """
    if not 1e-6 < abs(x) < 1e6:
        return None
    units = [(sp.Integer(1), 1.0), (sp.pi, math.pi), (sp.pi**2, math.pi**2), (1 / sp.pi, 1 / math.pi), (sp.E, math.e)]
    for unit, u in units:
        if (r := _ratio(x / u, 1000 if u == 1.0 else 360)) is not None:
            return r * unit
    for unit, u in units[:2] + units[3:4]:
        if (r := _ratio(x * x / u, 100)) is not None:
            return sp.sign(sp.Rational(x)) * sp.sqrt(r * unit)
    return None


def _ratio(x: float, largest: int) -> Expr | None:
    r = Fraction(x).limit_denominator(largest)
    near = r != 0 and abs(r.numerator) < 10_000 and math.isclose(float(r), x, rel_tol=4.5e-16)
    return sp.Rational(r.numerator, r.denominator) if near else None


def logical(e: Expr) -> bool:
    # a Symbol is a Boolean too in SymPy; ours stand for numbers
    kinds: Any = (sp.core.relational.Relational, sp.logic.boolalg.BooleanFunction, sp.logic.boolalg.BooleanAtom)
    return isinstance(e, kinds)


def number(e: Expr) -> Expr:
    """A truth value as 1 or 0."""
    return choose((sp.Integer(1), e), (sp.Integer(0), sp.true)) if logical(e) else e


def truth(e: Expr) -> Expr:
    """A number as NumPy takes it for a truth value."""
    return e if logical(e) else sp.Ne(e, 0)


def choose(*cases: tuple[Expr, Expr]) -> Expr:
    """(value, condition) pairs, the first true one counts. Nested choices are left as they stand: folding explodes."""
    live = [(value, condition) for value, condition in cases if condition != sp.false]
    if live[0][1] == sp.true:
        return live[0][0]
    return sp.Piecewise(*live, evaluate=not any(v.has(sp.Piecewise) or c.has(sp.Piecewise) for v, c in live))


def sympys(name: str) -> Callable[..., Expr]:
    """SymPy's function of this name, looked up when called."""

    def f(*es: Expr) -> Expr:
        return getattr(sp, name)(*es)

    return f


def each(f: Callable[..., Expr], take: Callable[[Expr], Expr] = number) -> Callable[..., Meaning]:
    """Apply f entry by entry, with NumPy's broadcasting."""

    def rule(*xs: Meaning, **params: Any) -> Meaning:
        return np.frompyfunc(lambda *es: f(*map(take, es), **params), len(xs), 1)(*xs)

    return rule
