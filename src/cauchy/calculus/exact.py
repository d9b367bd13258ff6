"""Exact answers with SymPy: from its expressions to our grammar, signs and zeros of constants, zeros of functions.

A solution is one because substituting it gives exactly 0. A list of solutions is complete where each
factor is a polynomial (real root isolation), nowhere 0, or becomes a polynomial under a one-to-one
substitution.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import sympy as sp

from ..errors import CauchyError
from .expression import Expression
from .syntax import Call, Name, Neg, Num, Op, Tree

Q = Any  # a SymPy expression: SymPy is not typed
oo = sp.oo


class Unsolved(CauchyError):
    """SymPy found no exact answer; numbers have to do."""


# -- from SymPy to the grammar ---------------------------------------------------------------------

_CALLS = {
    "Abs": "abs", "sign": "sign", "exp": "exp", "log": "log", "erf": "erf", "gamma": "gamma",
    "Max": "max", "Min": "min",
    **{n: n for n in ("sin", "cos", "tan", "cot", "sec", "csc", "asin", "acos", "atan")},
    **{n: n for n in ("sinh", "cosh", "tanh", "asinh", "acosh", "atanh")},
}  # fmt: skip


def tree(e: Q) -> Tree:
    """The syntax tree of a SymPy expression; raises Unsolved where the grammar has no word for it."""
    if e.is_Integer:
        return Neg(tree(-e)) if e < 0 else _integer(int(e))
    if e.is_Rational:
        return Neg(tree(-e)) if e < 0 else Op("/", _integer(e.p), _integer(e.q))
    if e.is_Symbol or e in (sp.pi, sp.E):
        return Name({sp.pi: "pi", sp.E: "e"}.get(e, str(e)))
    if e.is_Add:
        terms = e.as_ordered_terms()
        first, *rest = sorted(terms, key=_negative) if _negative(terms[0]) else terms
        total = tree(first)
        for term in rest:
            minus = _negative(term)
            total = Op("-" if minus else "+", total, tree(-term if minus else term))
        return total
    if _negative(e):
        return Neg(tree(-e))
    if e.is_Mul or (e.is_Pow and e.exp.is_Rational and e.exp < 0):
        up, down = sp.fraction(e, exact=True)
        return _product(up) if down == 1 else Op("/", _product(up), _product(down))
    if isinstance(e, sp.exp):
        return Op("^", Name("e"), tree(e.args[0]))
    if e.is_Pow:
        return Call("sqrt", (tree(e.base),)) if e.exp == sp.S.Half else Op("^", tree(e.base), tree(e.exp))
    name = _CALLS.get(type(e).__name__)
    if name is None or (name == "log" and len(e.args) != 1):
        raise Unsolved(f"the answer needs {type(e).__name__}, which is not an elementary function")
    return Call(name, tuple(tree(a) for a in e.args))


def _integer(n: int) -> Num:
    digits = str(n).rstrip("0") or "0"
    return Num(int(digits), len(str(n)) - len(digits) if n else 0)


def _negative(e: Q) -> bool:
    return bool(e.as_coeff_Mul()[0].is_negative)


def _product(e: Q) -> Tree:
    factors = list(e.as_ordered_factors()) if e.is_Mul else [e]
    return functools.reduce(lambda a, b: Op("*", a, b), (tree(f) for f in factors))


def text(e: Q) -> str:
    """Canonical text of a SymPy expression in the grammar."""
    t = str(Expression(tree(e), ()))
    if len(t) > 2000:
        raise Unsolved("the answer is too long to print")
    return t


# -- exact tests -----------------------------------------------------------------------------------


def is_zero(e: Q) -> bool:
    """Is e identically 0? True is exact; False means: not shown."""
    attempts: tuple[Callable[[Q], Q], ...] = (
        lambda e: e, sp.expand, sp.simplify, lambda e: sp.simplify(e.rewrite(sp.exp)), sp.radsimp,
    )  # fmt: skip
    return any(attempt(e) == 0 for attempt in attempts) or (not e.free_symbols and e.equals(0) is True)


def sign_of(e: Q) -> int | None:
    """The sign of a real constant: +-1 from digits that evalf guarantees, 0 only when shown exactly."""
    if e in (oo, -oo):
        return 1 if e == oo else -1
    v = e.evalf(30)
    if v.is_Float and v.is_finite and abs(v) > sp.Float("1e-20"):
        return 1 if v > 0 else -1
    return 0 if is_zero(e) else None


def number(e: Q) -> float:
    v = complex(e.evalf(20)) if e.is_finite is not False else complex(float(e))
    return v.real


@dataclass(frozen=True)
class Zeros:
    """Exact solutions, sorted; `complete`: shown to be all of them."""

    points: tuple[Q, ...]
    complete: bool


def zeros(g: Q, x: Q, low: Q, high: Q) -> Zeros:
    """The solutions of g = 0 in the open interval, each checked by substitution. Raises Unsolved."""
    if is_zero(g):
        raise Unsolved("it is 0 everywhere here")
    found: set[Q] = set()
    complete = True
    product: Q = sp.factor(sp.fraction(sp.together(sp.powsimp(g)))[0])
    for factor in sp.Mul.make_args(product):
        points, sure = _factor_zeros(factor, x, low, high)
        complete &= sure
        found |= {p for p in points if number(low) < number(p) < number(high)}
    exact = []
    for p in found:
        isolated = p.has(sp.CRootOf)
        if isolated or is_zero(g.subs(x, p)):
            exact.append(p)
        else:
            complete = False
    return Zeros(tuple(sorted(exact, key=number)), complete)


def _factor_zeros(h: Q, x: Q, low: Q, high: Q) -> tuple[list[Q], bool]:
    base, n = h.as_base_exp()
    if isinstance(h, sp.exp) or not h.has(x) or h.is_nonzero or h.is_positive:
        return [], True
    if h.is_Pow and n.has(x):
        return [], True  # the domain demands a positive base
    if h.is_Pow:
        return _factor_zeros(base, x, low, high) if n.is_positive else ([], bool(n.is_negative))
    if (p := _polynomial(h, x)) is not None:
        return [r for r, _ in p.real_roots(multiple=False)], True
    if h.is_polynomial(x) and sp.degree(h, x) <= 2:
        a, b, c = (h.coeff(x, k) if k else h.subs(x, 0) for k in (2, 1, 0))
        if a == 0:
            return [-c / b], True
        if (s := sign_of(d := b**2 - 4 * a * c)) is not None:
            return [] if s < 0 else [(-b + k * sp.sqrt(d)) / (2 * a) for k in ((-1, 1) if s else (0,))], True
    if (points := _by_substitution(h, x)) is not None or (points := _by_half_angle(h, x, low, high)) is not None:
        return points, True
    return _by_solver(h, x, low, high), False


def _polynomial(h: Q, x: Q) -> Q | None:
    if not h.is_polynomial(x):
        return None
    p = sp.Poly(h, x)
    return p if p.domain.is_ZZ or p.domain.is_QQ else None


def _by_substitution(h: Q, x: Q) -> list[Q] | None:
    """Solutions where h is a polynomial in exp(k x) or in log(x), both one-to-one."""
    u = sp.Symbol("u", real=True)
    exps = {e.args[0] for e in h.atoms(sp.exp)}
    rates = [sp.cancel(a / x) for a in exps]
    if rates and all(r.is_Rational for r in rates):
        unit = sp.gcd_list(rates)
        inner = sp.fraction(sp.together(h.replace(sp.exp, lambda a: u ** (a / x / unit))))[0]
        if not inner.has(x) and (p := _polynomial(sp.expand(inner), u)) is not None:
            return [sp.log(r) / unit for r, _ in p.real_roots(multiple=False) if r > 0]
    if h.has(sp.log) and not (inner := h.subs(sp.log(x), u)).has(x) and (p := _polynomial(inner, u)) is not None:
        return [sp.exp(r) for r, _ in p.real_roots(multiple=False)]
    return None


def _by_half_angle(h: Q, x: Q, low: Q, high: Q) -> list[Q] | None:
    """Solutions where h is rational in the sines and cosines of k x: with t = tan(k x/2) it is rational in t.

    t is one-to-one on each period without its end k x = pi, which is tried by itself.
    """
    angles = {e.args[0] for e in h.atoms(sp.sin, sp.cos, sp.tan, sp.cot, sp.sec, sp.csc)}
    rates = [sp.cancel(a / x) for a in angles]
    if not rates or not all(r.is_Rational or (r / sp.pi).is_Rational for r in rates):
        return None
    unit = sp.pi * sp.gcd_list([r / sp.pi for r in rates]) if rates[0].has(sp.pi) else sp.gcd_list(rates)
    t, z = sp.symbols("t z", real=True)
    g = h.subs(x, z / unit)
    for name, rule in (
        (sp.tan, lambda a: sp.sin(a) / sp.cos(a)), (sp.cot, lambda a: sp.cos(a) / sp.sin(a)),
        (sp.sec, lambda a: 1 / sp.cos(a)), (sp.csc, lambda a: 1 / sp.sin(a)),
    ):  # fmt: skip
        g = g.replace(name, rule)
    g = sp.expand_trig(g).subs({sp.sin(z): 2 * t / (1 + t**2), sp.cos(z): (1 - t**2) / (1 + t**2)})
    p = None if g.has(z) else _polynomial(sp.fraction(sp.together(g))[0], t)
    if p is None:
        return None
    base = [2 * sp.atan(r) for r, _ in p.real_roots(multiple=False)] + (
        [sp.pi] if is_zero(h.subs(x, sp.pi / unit)) else []
    )
    if base and not (low.is_finite and high.is_finite):
        raise Unsolved("infinitely many solutions")
    turns = [math.floor(number(end * unit / (2 * sp.pi))) for end in (low, high)] if base else [0, 0]
    return [(b + 2 * sp.pi * n) / unit for b in base for n in range(min(turns) - 1, max(turns) + 2)]


def _by_solver(h: Q, x: Q, low: Q, high: Q) -> list[Q]:
    try:
        found = sp.solveset(h, x, sp.Interval(low, high))
    except (NotImplementedError, ValueError, TypeError, AttributeError) as e:
        raise Unsolved(f"SymPy cannot solve {h} = 0") from e
    if found is sp.S.EmptySet:
        return []
    if not isinstance(found, sp.FiniteSet):
        raise Unsolved(f"SymPy cannot solve {h} = 0")
    return [p for p in found if p.is_real is not False]


def exactly(t: Tree) -> Q:
    return Expression(t, ()).sympy()


def end(q: Q) -> list[Any]:
    """A number of the extended line as [exact text or None, nearest double]."""
    if q in (oo, -oo):
        return [str(q), float(q)]
    if q.has(sp.CRootOf) or q.count_ops() > 30:
        return [None, number(q)]
    return [text(q), number(q)]


def between(low: Q, high: Q) -> Q:
    """A simple rational strictly between."""
    a, b = number(low), number(high)
    if math.isinf(a) and math.isinf(b):
        return sp.Integer(0)
    if math.isinf(a):
        return sp.Integer(math.ceil(b) - 1)
    if math.isinf(b):
        return sp.Integer(math.floor(a) + 1)
    middle, width = Fraction(a) / 2 + Fraction(b) / 2, Fraction(b) - Fraction(a)
    q = next(q for k in range(1, 400) if abs((q := middle.limit_denominator(2**k)) - middle) < width / 4)
    return sp.Rational(q.numerator, q.denominator)
