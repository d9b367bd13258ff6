"""The exact questions about a function of one real variable, answered with SymPy.

SymPy may think for ever, so nobody calls this module directly: `explain` runs `serve` in a child
process, reads one JSON line per answer and ends the child when an answer is late.

The line is cut at the ends of the domain and at the kinks (zeros of what stands inside abs, sign, min,
max and roots). On each open piece the function is smooth, and everything rests on three facts:
a solution is a solution because substituting it gives exactly 0; the list of solutions is complete where
each factor is a polynomial (real root isolation), nowhere 0, or becomes a polynomial under a one-to-one
substitution; a continuous function without zeros keeps its sign, so one exact test point settles a gap.
"""

from __future__ import annotations

import functools
import itertools
import json
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import sympy as sp

from ..errors import CauchyError
from .expression import Expression, read
from .syntax import Call, Name, Neg, Num, Op, Tree, variables, walk

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
    for factor in sp.Mul.make_args(sp.factor(sp.fraction(sp.together(sp.powsimp(g)))[0])):
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


# -- the analysis of one function ------------------------------------------------------------------


@dataclass(frozen=True)
class Piece:
    """An open interval on which the function is the smooth expression f."""

    low: Q
    high: Q
    f: Q


class Analysis:
    """One function on a region: the interval asked for, one period, or the whole line."""

    def __init__(self, source: str, interval: tuple[float, float] | None) -> None:
        e = read(source, 10_000)
        self.tree = e.tree
        self.x: Q = sp.Symbol(e.variables[0], real=True)
        self.f: Q = e.sympy()
        self.interval = (
            None if interval is None else tuple(sp.nsimplify(sp.Float(v, 17), rational=True) for v in interval)
        )

    # where it lives

    @functools.cached_property
    def period(self) -> Q | None:
        """The period, shown by f(x + T) - f(x) = 0."""
        if not self.f.has(sp.sin, sp.cos, sp.tan, sp.cot, sp.sec, sp.csc):
            return None
        t = sp.periodicity(self.f, self.x)
        return t if t is not None and t.is_positive and is_zero(self.f.subs(self.x, self.x + t) - self.f) else None

    @functools.cached_property
    def region(self) -> Q:
        """Where to look. A period begins where f, f' and f'' are not 0, so that no point falls on its ends."""
        if self.interval:
            return sp.Interval(*self.interval)
        if self.period is None:
            return sp.S.Reals
        slopes = (self.f, self.f.diff(self.x), self.f.diff(self.x, 2))
        for k in range(1, 16):
            start = -self.period * k / 64
            if all(sign_of(g.subs(self.x, start)) for g in slopes):
                return sp.Interval(start, start + self.period)
        raise Unsolved("no good beginning of a period")

    @functools.cached_property
    def domain(self) -> list[Q]:
        """The intervals of the region where the formula is a real number, read off the formula as written."""
        where = self.region
        for u, kind in self.conditions():
            if (
                (kind == "!=" and u.is_nonzero)
                or (kind == ">" and u.is_positive)
                or (kind == ">=" and u.is_nonnegative)
            ):
                continue
            relation = {"!=": sp.Eq, ">": sp.Le, ">=": sp.Lt}[kind](u, 0)
            try:
                where -= sp.solveset(relation, self.x, self.region)
            except (NotImplementedError, ValueError, TypeError, AttributeError) as e:
                raise Unsolved("SymPy cannot find the domain") from e
        if where is sp.S.EmptySet:
            return []
        parts = list(where.args) if isinstance(where, sp.Union) else [where]
        if not all(isinstance(p, sp.Interval) for p in parts):
            raise Unsolved("the domain is not a finite union of intervals")
        return sorted(parts, key=lambda p: number(p.start))

    def conditions(self) -> Iterator[tuple[Q, str]]:
        for t in walk(self.tree):
            if not variables(t):
                continue
            match t:
                case Op(op="/") if variables(t.right):
                    yield _s(t.right), "!="
                case Op(op="^") if not variables(t.right):
                    n = _s(t.right)
                    if not n.is_integer:
                        yield _s(t.left), ">=" if n.is_positive else ">"
                    elif n.is_negative:
                        yield _s(t.left), "!="
                case Op(op="^"):
                    yield _s(t.left), ">"
                case Call():
                    u = _s(t.args[0])
                    match t.name:
                        case "log" | "log2" | "log10":
                            yield u, ">"
                        case "sqrt":
                            yield u, ">="
                        case "tan" | "sec":
                            yield sp.cos(u), "!="
                        case "cot" | "csc":
                            yield sp.sin(u), "!="
                        case "asin" | "acos":
                            yield 1 - u**2, ">="
                        case "acosh":
                            yield u - 1, ">="
                        case "atanh":
                            yield 1 - u**2, ">"
                        case "gamma":
                            raise Unsolved("gamma has infinitely many poles")

    @functools.cached_property
    def kinks(self) -> list[Q]:
        """Where the formula may fail to be smooth inside its domain."""
        inside: list[Q] = []
        for t in walk(self.tree):
            match t:
                case Call(name="abs" | "sign" | "cbrt" | "sqrt"):
                    inside.append(_s(t.args[0]))
                case Call(name="min" | "max"):
                    inside += [a - b for a, b in itertools.combinations(map(_s, t.args), 2)]
                case Op(op="^") if not variables(t.right) and not _s(t.right).is_integer:
                    inside.append(_s(t.left))
        points: set[Q] = set()
        for u in inside:
            if u.has(self.x) and not is_zero(u) and not u.is_positive:
                for part in self.domain:
                    found = self.smooth_zeros(u, part.start, part.end)
                    if not found.complete:
                        raise Unsolved(f"cannot be sure of all zeros of {u}")
                    points |= set(found.points)
        return sorted(points, key=number)

    def smooth_zeros(self, u: Q, low: Q, high: Q) -> Zeros:
        if u.has(sp.Abs, sp.sign, sp.Max, sp.Min):
            raise Unsolved("a kink inside a kink")
        return zeros(u, self.x, low, high)

    @functools.cached_property
    def pieces(self) -> list[Piece]:
        cut = []
        for part in self.domain:
            ends = [part.start, *(k for k in self.kinks if number(part.start) < number(k) < number(part.end)), part.end]
            cut += [Piece(a, b, self.smooth(self.f, between(a, b))) for a, b in itertools.pairwise(ends)]
        return cut

    def smooth(self, e: Q, at: Q) -> Q:
        """The expression that e is around the point: abs, sign, min and max resolved."""

        def side(u: Q) -> int:
            s = sign_of(u.subs(self.x, at))
            if not s:
                raise Unsolved("cannot tell a sign")
            return s

        e = e.replace(sp.DiracDelta, lambda *_: sp.S.Zero).replace(
            sp.Heaviside, lambda u, *_: sp.Integer((1 + side(u)) // 2)
        )
        e = e.replace(sp.sign, lambda u: sp.Integer(side(u))).replace(sp.Abs, lambda u: side(u) * u)
        pick = lambda args, s: functools.reduce(lambda a, b: a if s * side(a - b) > 0 else b, args)
        return e.replace(sp.Max, lambda *a: pick(a, 1)).replace(sp.Min, lambda *a: pick(a, -1))

    # the answers

    def answer_domain(self) -> dict[str, Any]:
        return {
            "parts": [[*map(end, (p.start, p.end)), bool(p.left_open), bool(p.right_open)] for p in self.domain],
            "period": self.period and text(self.period),
            "kinks": [self.point(k) for k in self.kinks],
        }

    def answer_derivatives(self) -> dict[str, Any]:
        first = _shortest(self.clean(self.f.diff(self.x)))
        second = _shortest(self.clean(first.diff(self.x)))
        product = sp.factor(first)
        factored = text(product) if first.is_polynomial() and product != first and product.is_Mul else None
        return {"first": text(first), "second": text(second), "factored": factored}

    def clean(self, e: Q) -> Q:
        """Derivatives away from the kinks: no point masses, no steps but sign."""
        e = e.replace(sp.DiracDelta, lambda *_: sp.S.Zero).replace(sp.Heaviside, lambda u, *_: (1 + sp.sign(u)) / 2)
        even = lambda p: p.is_Pow and isinstance(p.base, sp.sign) and p.exp.is_even
        return sp.expand(e).replace(even, lambda p: sp.S.One) if e.has(sp.sign) else e

    def answer_antiderivative(self) -> dict[str, Any]:
        F = _integrate(self.f, self.x)
        tests = [(between(p.low, p.high), p.f) for p in self.pieces]
        if any(not F.subs(self.x, at).evalf(15).is_real for at, _ in tests):
            F = F.replace(sp.log, lambda u: sp.log(sp.Abs(u)))
        for at, f in tests:
            if not is_zero(self.smooth(F, at).diff(self.x) - f):
                raise Unsolved("differentiating the candidate back does not give the function exactly")
        for k in self.kinks:
            if not is_zero(F.limit(self.x, k, "+") - F.limit(self.x, k, "-")):
                raise Unsolved("the candidate jumps at a kink")
        return {"F": text(_shortest(F)), "elementary": not F.has(sp.erf)}

    def answer_roots(self) -> dict[str, Any]:
        found = self.listed(0)
        at_kinks = [self.point(k) for k in (*self.kinks, *self.closed_ends) if is_zero(self.f.subs(self.x, k))]
        points = sorted(found["points"] + at_kinks, key=lambda d: d["x_value"])
        return found | {"points": points}

    def answer_inflections(self) -> dict[str, Any]:
        """Zeros of f'' across which f'' changes its sign; and the sign of f'' between them."""
        found = self.listed(2)
        return found | {"points": [p for p in found["points"] if p["kind"] == "inflection"]}

    def answer_stationary(self) -> dict[str, Any]:
        """Zeros of f' and the kinks, with their kind; and the sign of f' between them."""
        found = self.listed(1)
        corners = []
        for k in self.kinks:
            left = next((p for p in self.pieces if p.high == k), None)
            right = next((p for p in self.pieces if p.low == k), None)
            if left and right:
                corners.append(self.corner(k, left, right, found["signs"]))
        ends = [] if self.period else [self.boundary(k, found["signs"]) for k in self.closed_ends]
        return found | {"corners": corners, "ends": ends}

    @property
    def closed_ends(self) -> list[Q]:
        inner = [(p.start, p.left_open) for p in self.domain] + [(p.end, p.right_open) for p in self.domain]
        return sorted((q for q, is_open in inner if not is_open and q.is_finite), key=number)

    def corner(self, k: Q, left: Piece, right: Piece, signs: list[Any]) -> dict[str, Any]:
        value = self.f.subs(self.x, k)
        sides = ((left, "-"), (right, "+"))
        slopes = [sp.limit(p.f.diff(self.x), self.x, k, d) for p, d in sides]
        before = next((s for _, b, s in signs if b == end(k)), None)
        after = next((s for a, _, s in signs if a == end(k)), None)
        smooth = slopes[0] == slopes[1] or (slopes[0].is_finite and is_zero(slopes[0] - slopes[1]))
        if not all(is_zero(sp.limit(p.f, self.x, k, d) - value) for p, d in sides):
            kind, smooth = "jump", False
        elif before is None or after is None:
            kind = "unknown"
        else:
            turns = [
                k for k, s in (("maximum", 1), ("minimum", -1)) if s * before >= 0 >= s * after and before != after
            ]
            kind = turns[0] if turns else "inflection" if smooth else "corner"
        stationary = bool(smooth) and is_zero(slopes[0])
        return self.point(k) | {"kind": kind, "slopes": [end(s) for s in slopes], "stationary": stationary}

    def boundary(self, k: Q, signs: list[Any]) -> dict[str, Any]:
        after = next((s for a, _, s in signs if a == end(k)), None)
        before = next((s for _, b, s in signs if b == end(k)), None)
        s = after if after is not None else None if before is None else -before
        return self.point(k) | {"kind": {1: "minimum", -1: "maximum"}.get(s or 0, "unknown")}

    def answer_limits(self) -> list[Any]:
        """Limits of f at both ends of every interval of the domain."""
        out = []
        for part in self.domain:
            first = next(p for p in self.pieces if p.low == part.start)
            last = next(p for p in self.pieces if p.high == part.end)
            limits = (sp.limit(first.f, self.x, part.start, "+"), sp.limit(last.f, self.x, part.end, "-"))
            if not all(v.is_number and v.is_extended_real and not v.has(sp.AccumBounds) for v in limits):
                raise Unsolved("no limit was found")
            out += [[end(at), end(v)] for at, v in zip((part.start, part.end), limits, strict=True)]
        return out

    def listed(self, n: int) -> dict[str, Any]:
        """Zeros of the n-th derivative on the pieces, each with its kind, and the sign chart between them."""
        points, signs, complete, flat = [], [], True, []
        for p in self.pieces:
            g = p.f.diff(self.x, n)
            if is_zero(g):
                flat.append([end(p.low), end(p.high)])
                signs.append([end(p.low), end(p.high), 0])
                continue
            found = zeros(g, self.x, p.low, p.high)
            complete &= found.complete
            gaps = list(itertools.pairwise([p.low, *found.points, p.high])) if found.complete else []
            chart = [sign_of(g.subs(self.x, between(a, b))) for a, b in gaps]
            signs += [[end(a), end(b), s] for (a, b), s in zip(gaps, chart, strict=True)]
            for i, e in enumerate(found.points):
                point = self.point(e, p.f)
                if n == 0:
                    points.append(point | {"y": "0", "y_value": 0.0})
                elif chart and chart[i] and chart[i + 1]:  # the sign chart of f' or f'' settles the kind
                    kind = {(1, 1, -1): "maximum", (1, -1, 1): "minimum"}.get((n, chart[i], chart[i + 1]))
                    same = chart[i] == chart[i + 1]
                    points.append(point | {"kind": kind or ("inflection" if same == (n == 1) else "none")})
                else:
                    points.append(point | {"kind": self.kind_by_order(p.f, e)})
        return {"points": points, "signs": signs, "complete": complete, "flat": flat}

    def kind_by_order(self, f: Q, at: Q) -> str:
        """The kind by the lowest order >= 2 whose derivative at the point is not 0."""
        for k in range(2, 9):
            s = sign_of(f.diff(self.x, k).subs(self.x, at))
            if s != 0:
                return "unknown" if s is None else "inflection" if k % 2 else "minimum" if s == 1 else "maximum"
        return "unknown"

    def point(self, at: Q, f: Q | None = None) -> dict[str, Any]:
        if self.period and number(at) < 0:
            at += self.period
        v = (self.f if f is None else f).subs(self.x, at)
        forms = [v] if v.has(sp.CRootOf) else [v, sp.expand(v), sp.radsimp(v), sp.simplify(v)]
        (x, xv), (y, yv) = end(at), end(min(forms, key=lambda e: e.count_ops()))
        return {"x": x, "x_value": xv, "y": y, "y_value": yv}


def _s(t: Tree) -> Q:
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


def _shortest(e: Q) -> Q:
    """The shortest of a few equal forms that bring in no new function."""
    if e.is_polynomial() and all(sp.degree(e, v) <= 12 for v in e.free_symbols):
        return sp.expand(e)
    heads = lambda c: {type(a) for a in c.atoms(sp.Function, sp.Piecewise)}
    forms = [e, sp.factor(e), sp.cancel(e), sp.together(e), sp.simplify(e)]
    return min((c for c in forms if heads(c) <= heads(e)), key=lambda c: c.count_ops())


def _integrate(f: Q, x: Q) -> Q:
    """An antiderivative, not yet checked. One abs or sign of a straight line is taken apart: f = A + s B, s^2 = 1."""
    f = f.rewrite(sp.Abs) if f.has(sp.Max, sp.Min) else f
    inside = {a.args[0] for a in f.atoms(sp.Abs, sp.sign)}
    if not inside:
        F = sp.integrate(f, x)
    elif len(inside) == 1 and (u := inside.pop()).is_polynomial(x) and sp.degree(u, x) == 1:
        s = sp.Symbol("s")
        g = sp.expand(f.subs({sp.Abs(u): s * u, sp.sign(u): s}))
        g = g.replace(lambda e: e.is_Pow and e.base == s and e.exp.is_Integer, lambda e: s ** (e.exp % 2))
        A, B = g.coeff(s, 0), g.coeff(s, 1)
        if is_zero(g - A - s * B):
            G = sp.integrate(B, x)
            F = sp.integrate(A, x) + sp.factor(G - G.subs(x, sp.solve(u, x)[0])) * sp.sign(u)
        else:
            F = _by_parity(f, x)
    else:
        F = _by_parity(f, x)
    if F.has(sp.Integral, sp.Piecewise):
        raise Unsolved("SymPy finds no elementary antiderivative")
    return F


def _by_parity(f: Q, x: Q) -> Q:
    """An odd f has an even antiderivative, an even f an odd one: solve for x > 0 and reflect."""
    p = sp.Symbol("p", positive=True)
    G = sp.integrate(f.subs(x, p), p)
    if G.has(sp.Integral, sp.Piecewise):
        raise Unsolved("SymPy finds no elementary antiderivative")
    even, odd = (is_zero(f.subs(x, -p) - k * f.subs(x, p)) for k in (1, -1))
    if not (even or odd):
        raise Unsolved("kinks that SymPy cannot integrate over")
    G = (G - sp.limit(G, p, 0, "+")).subs(p, sp.Abs(x))
    return G * sp.sign(x) if even else G


def answer_equal(source: str, other: str) -> dict[str, Any]:
    """Are two formulas equal wherever both are real? {"equal": True | False | None, "at": point, "values": [..]}"""
    a, b = read(source, 10_000), read(other, 10_000)
    f, g = a.sympy(), b.sympy()
    names = sorted(set(a.variables) | set(b.variables))
    domains = True
    for k in range(24):
        at = {sp.Symbol(n, real=True): sp.Rational((7 * k + 3 * i) % 97 - 40, 8 + k % 5) for i, n in enumerate(names)}
        v, w = (e.subs(at).evalf(40) for e in (f, g))
        real = [(z.is_Float and z.is_finite) or z == 0 for z in (v, w)]
        if all(real) and abs(v - w) > sp.Float("1e-20") * (1 + abs(v) + abs(w)):
            return {"equal": False, "at": {str(n): str(q) for n, q in at.items()}, "values": [float(v), float(w)]}
        domains &= real[0] == real[1]
    return {"equal": True if is_zero(f - g) else None, "domains": domains}


QUESTIONS = ("domain", "derivatives", "stationary", "limits", "antiderivative", "inflections", "roots")


def serve() -> None:
    """Answer the questions on standard input, one JSON line each; end on the first thing SymPy cannot stand."""
    request = json.loads(sys.stdin.readline())
    analysis = None
    for question in request["questions"]:
        try:
            if question == "equal":
                answer = answer_equal(request["text"], request["other"])
            else:
                analysis = analysis or Analysis(request["text"], request["interval"])
                answer = getattr(analysis, f"answer_{question}")()
            line = {"answer": answer}
        except Unsolved as e:
            line = {"unsolved": e.what}
        print(json.dumps({"question": question} | line), flush=True)
