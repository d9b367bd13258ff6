"""The catalogue of mistakes. A row looks at a claim and at the true derivative and names what was done, or is silent.

Rows work on plain arrays; those of the second table also have the graph of f. None of them guesses: what a row proposes
must give the claim at every component of every point within the errors, at three independent points at least.
`likely` adds where such a mistake comes from, most telling first.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

EXACT = 1e-6  # relative: how well a proposal must reproduce the claim
POINTS = 3  # the fewest points that confirm a cause


@dataclass(frozen=True)
class Cause:
    """A mistake by `name` (the entry `cause_<name>` of the catalog) with its `fields`; `factor` = claim / derivative where that
    is one number, or one for each component; `likely` names reasons."""

    name: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    factor: float | tuple[float, ...] | None = None
    likely: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """Both sides at several points. `claimed`, `true` and `error` (of `true`, absolute) have shape (P, *claim), `points` (P, *x).

    Optional: `values` f(x), (P, *y); `sizes`, lengths of arrays by name; `function`, f on arrays; `rerun(change, k)`, the
    derivative at point k with the graph of f changed; `graphs`, those graphs.
    """

    claimed: np.ndarray
    true: np.ndarray
    points: np.ndarray
    error: np.ndarray
    values: np.ndarray | None = None
    sizes: Mapping[str, int] = field(default_factory=dict)
    kind: str = "derivative"
    function: Callable[[Any], np.ndarray] | None = None
    graphs: Sequence[Any] = ()
    rerun: Callable[[Callable[[Any, Any], Any], int], np.ndarray | None] | None = None

    def fits(self, guess: Any, error: Any = None, where: Any = ...) -> bool:
        """Whether the guess is the claim, everywhere, and is not trivially so."""
        c, e = self.claimed[where], self.error[where] if error is None else error
        g = np.broadcast_to(guess, c.shape)
        if c.ndim == 0 or len(c) < POINTS or not np.isfinite(g).all():
            return False
        size = np.maximum(np.abs(g), np.abs(c))
        telling = size > 30 * np.broadcast_to(e, c.shape)
        return bool((np.abs(g - c) <= EXACT * size + 6 * e).all() and telling.any(axis=tuple(range(1, c.ndim))).sum() >= POINTS)


def explain(
    claimed: Any, true: Any, points: Any, *, error: Any = None, values: Any = None,
    sizes: Mapping[str, int] | None = None, kind: str = "derivative", **context: Any,
) -> Cause | None:  # fmt: skip
    """The mistake that turns the true derivative into the claimed one at all the points, or None.

    claimed, true: arrays of shape (P, *s); points: (P, *x), at least three of them; `error` of the true values (default: rounding).

    >>> x = np.array([0.5, 1.0, 2.0, 3.0])
    >>> cause = explain(3 * x**3, 3 * x**2, x)
    >>> cause.name
    'exponent_kept'
    >>> explain(2 * x, x, x).factor
    2.0
    """
    claimed, true, points = (np.asarray(a, dtype=float) for a in (claimed, true, points))
    error = 1e-13 * np.abs(true) if error is None else np.broadcast_to(np.asarray(error, dtype=float), true.shape)
    error = np.where(np.isfinite(error), error, np.inf)
    y = None if values is None else np.asarray(values, dtype=float)
    whole = tuple(range(1, claimed.ndim))
    finite = np.isfinite(claimed).all(axis=whole) & np.isfinite(true).all(axis=whole) & np.isfinite(error).all(axis=whole)
    graphs = context.get("graphs", ())
    if graphs:
        context["graphs"] = [g for g, ok in zip(graphs, finite, strict=True) if ok]
    if "rerun" in context and context["rerun"] is not None:
        kept, original = np.flatnonzero(finite), context["rerun"]
        context["rerun"] = lambda change, k: original(change, int(kept[k]))
    evidence = Evidence(
        claimed[finite], true[finite], points[finite], error[finite], None if y is None else y[finite],
        sizes or {}, kind, **context,
    )  # fmt: skip
    if len(evidence.claimed) < POINTS or evidence.fits(evidence.true):
        return None
    with np.errstate(all="ignore"):
        for row in (*PLAIN, *(TRACED if graphs else ()), *LOOSE):
            found = row(evidence)
            if found is not None:
                return found
    return None


# -- what a factor may come from ---------------------------------------------------------------------


def _ratio(e: Evidence, where: Any = ...) -> float | None:
    """claim / derivative, if it is one number."""
    c, d, err = e.claimed[where], e.true[where], e.error[where]
    use = np.abs(d) > 1e3 * err
    if not use.any():
        return None
    best = np.argmax(np.where(use, np.abs(d) / (err + 1e-15 * np.abs(d) + 1e-300), -1))
    r = float(c.flat[best] / d.flat[best])
    if r == 0 or not math.isfinite(r):
        return None
    return _round(r) if e.fits(r * d, abs(r) * err, where) else None


def _round(r: float) -> float:
    for q in range(1, 13):
        if abs(r * q - round(r * q)) < 1e-6 * abs(r * q) and round(r * q):
            return round(r * q) / q
    return r


NAMED = {
    math.pi / 180: "degrees", 180 / math.pi: "degrees", math.log(2): "log2", 1 / math.log(2): "log2",
    math.log(10): "log10", 1 / math.log(10): "log10", 2 * math.pi: "two_pi", 1 / (2 * math.pi): "two_pi",
}  # fmt: skip


def reasons(factor: float, sizes: Mapping[str, int], power: float | None = None) -> tuple[str, ...]:
    """Where a constant factor may come from, as names of entries `likely_<name>` of the catalog."""
    size = abs(factor)
    found = ["sign"] if factor < 0 else []
    if power is not None and abs(size * power - 1) < EXACT:
        found.append("exponent")
    for n in sorted(set(sizes.values()) - {1}):
        if abs(size / n - 1) < EXACT:
            found.append("sum_for_mean")
        elif abs(size * n - 1) < EXACT:
            found.append("mean_for_sum")
        elif abs(size / (2 * n) - 1) < EXACT:
            found.append("twice_sum")
        elif abs(size * n - 2) < EXACT:
            found.append("twice_mean")
    found += [name for value, name in NAMED.items() if abs(size / value - 1) < EXACT]
    if abs(size - 2) < EXACT:
        found.append("two")
    if abs(size - 0.5) < EXACT:
        found.append("half")
    return tuple(dict.fromkeys(found))


def _size_named(factor: float, sizes: Mapping[str, int]) -> str:
    for label, n in sizes.items():
        if n > 1 and any(abs(abs(factor) * t - 1) < EXACT for t in (n, 1 / n, n / 2, 0.5 / n)):
            return f"{label} = {n}"
    return ""


def _power(e: Evidence) -> float | None:
    """n, if f is c x^n along its argument."""
    if e.values is None or e.values.shape != e.true.shape or e.points.shape != e.true.shape:
        return None
    n = np.asarray(e.points * e.true / e.values)
    middle = float(np.median(n))
    return _round(middle) if np.isfinite(n).all() and np.allclose(n, middle, rtol=1e-6) and abs(middle) > 1e-9 else None


# -- rows on plain arrays ----------------------------------------------------------------------------


def zero(e: Evidence) -> Cause | None:
    return Cause("zero", factor=0.0) if not e.claimed.any() and np.any(np.abs(e.true) > 30 * e.error) else None


def opposite(e: Evidence) -> Cause | None:
    return Cause("sign", factor=-1.0) if _ratio(e) == -1.0 else None


def constant_factor(e: Evidence) -> Cause | None:
    r = _ratio(e)
    if r is None or r in (1.0, -1.0):
        return None
    power = _power(e)
    likely = reasons(r, e.sizes, power)
    inner = _inner_slope(e, r)
    if inner:
        likely = ("inner", *likely)
    name = "exponent_lowered" if power is not None and "exponent" in likely and power != 1 and r > 0 else "factor"
    if name == "factor" and inner and r > 0:
        name = "inner"
    fields = {"factor": f"{r:.7g}", "size": _size_named(r, e.sizes), "inner": inner, "n": f"{power or 0:g}"}
    return Cause(name, fields, r, likely)


def exponent_kept(e: Evidence) -> Cause | None:
    if e.points.shape != e.true.shape:
        return None
    for name, guess in (("exponent_kept", e.true * e.points), ("exponent_twice", e.true / e.points)):
        if e.fits(guess, e.error * np.abs(guess / np.where(e.true == 0, 1, e.true))):
            return Cause(name)
    return None


def itself(e: Evidence) -> Cause | None:
    if e.values is not None and e.values.shape == e.claimed.shape and e.fits(e.values, 0.0):
        return Cause("itself")
    return None


def transposed(e: Evidence) -> Cause | None:
    n = e.true.ndim - 1
    if e.kind != "jacobian" or n != 2 or e.true.shape[1] != e.true.shape[2]:
        return None
    return Cause("transposed") if e.fits(np.swapaxes(e.true, 1, 2), np.swapaxes(e.error, 1, 2)) else None


def diagonal(e: Evidence) -> Cause | None:
    if e.true.ndim != 3 or e.true.shape[1] != e.true.shape[2] or e.true.shape[1] < 2:
        return None
    eye = np.eye(e.true.shape[1])
    return Cause("diagonal") if e.fits(e.true * eye, e.error) else None


def rearranged(e: Evidence) -> Cause | None:
    """The right numbers in the wrong places."""
    if e.true.ndim < 2 or math.prod(e.true.shape[1:]) < 2:
        return None
    flat, err = e.true.reshape(len(e.true), -1), e.error.reshape(len(e.true), -1)
    n = flat.shape[1]
    orders = [tuple(range(n))[::-1], *(tuple(np.roll(range(n), k)) for k in range(1, n))]
    if n <= 5:
        orders += list(itertools.permutations(range(n)))
    for p in dict.fromkeys(orders):
        if p != tuple(range(n)) and e.fits(flat[:, p].reshape(e.true.shape), err[:, p].reshape(e.true.shape)):
            return Cause("swapped" if n == 2 else "rearranged", {"order": [int(i) for i in p]})
    return None


def of_all(e: Evidence) -> Cause | None:
    """Summed or averaged over the components."""
    if e.true.ndim < 2 or math.prod(e.true.shape[1:]) < 2:
        return None
    axes = tuple(range(1, e.true.ndim))
    for name, how in (("summed", np.sum), ("averaged", np.mean)):
        if e.fits(how(e.true, axis=axes, keepdims=True), np.sum(e.error, axis=axes, keepdims=True)):
            return Cause(name)
    return None


def function_of_it(e: Evidence) -> Cause | None:
    """The absolute value, the reciprocal, the square of the derivative."""
    relative = e.error / np.where(e.true == 0, 1, np.abs(e.true))
    for name, guess in (("absolute", np.abs(e.true)), ("reciprocal", 1 / e.true), ("squared", e.true**2)):
        if e.fits(guess, 2 * relative * np.abs(guess)):
            return Cause(name)
    return None


def stale(e: Evidence) -> Cause | None:
    """The same answer wherever it is asked."""
    if not np.all(e.claimed == e.claimed[0]) or np.allclose(e.true, e.true[0], rtol=1e-6, atol=0):
        return None
    return Cause("constant", {"value": _short(e.claimed[0])})


def offset(e: Evidence) -> Cause | None:
    gap = e.claimed - e.true
    shift = float(np.median(gap))
    big = np.abs(shift) > 1e3 * (e.error + 1e-12 * np.abs(e.true))
    if big.any(axis=tuple(range(1, gap.ndim))).sum() >= POINTS and (np.abs(gap - shift) <= EXACT * abs(shift) + 6 * e.error + 1e-12 * np.abs(e.true)).all():
        return Cause("offset", {"shift": f"{shift:.6g}"})
    return None


def penalty(e: Evidence) -> Cause | None:
    """Off by a multiple of x: the derivative of a squared norm is missing, or counted twice."""
    if e.points.shape != e.true.shape:
        return None
    gap = e.claimed - e.true
    rates = gap / e.points
    rate = float(np.median(rates))
    slack = (6 * e.error + 1e-12 * np.abs(e.true)) / np.abs(e.points)
    if abs(rate) > 1e3 * float(np.median(slack)) and (np.abs(rates - rate) <= EXACT * abs(rate) + slack).all():
        return Cause("penalty_missing" if rate < 0 else "penalty_extra", {"rate": f"{abs(rate):.6g}"})
    return None


def quotient(e: Evidence) -> Cause | None:
    """The claim is a difference quotient of f."""
    if e.function is None or e.points.ndim != 1:
        return None
    for k in range(1, 13):
        for h in (10.0**-k, -(10.0**-k), 2.0**-k):
            moved = [np.asarray(e.function(np.float64(x + h))) for x in e.points]
            here = [np.asarray(e.function(np.float64(x))) for x in e.points]
            with np.errstate(all="ignore"):
                guess = (np.array(moved) - np.array(here)) / h
            noise = 1e-15 * np.abs(np.array(here)) / abs(h)
            if guess.shape == e.claimed.shape and e.fits(guess, noise + 1e-300):
                return Cause("quotient", {"step": f"{h:g}"})
    return None


def monomials(e: Evidence) -> Cause | None:
    """Both are a power of x times a number: say which."""
    found = _monomials(e, ...) if e.points.shape == e.true.shape else None
    return found


def _monomials(e: Evidence, where: Any) -> Cause | None:
    x = e.points[where]
    sides = [_monomial(x, e.claimed[where]), _monomial(x, e.true[where])]
    if sides[0] is None or sides[1] is None or sides[0] == sides[1]:
        return None
    (a, p), (b, q) = sides[0], sides[1]
    fields = {"claim": _power_text(a, p), "true": _power_text(b, q)}
    if p == q:
        return None
    return Cause("monomial", fields, likely=("lower_power",) if a == p + 1 and b == q + 1 else ())


def _monomial(x: np.ndarray, y: np.ndarray) -> tuple[float, float] | None:
    lx, ly = np.log(np.abs(x)).ravel(), np.log(np.abs(y)).ravel()
    if len(lx) < POINTS or not np.isfinite(lx).all() or not np.isfinite(ly).all() or np.ptp(lx) < 0.1:
        return None
    i, j = int(np.argmin(lx)), int(np.argmax(lx))
    p = float((ly[j] - ly[i]) / (lx[j] - lx[i]))
    if abs(p * 2 - round(p * 2)) > 1e-5:
        return None
    p = round(p * 2) / 2
    a = y / (np.abs(x) ** p if p % 1 else x**p)
    middle = float(np.median(a))
    return (_round(middle), p) if np.allclose(a, middle, rtol=1e-6) else None


def _power_text(a: float, p: float) -> str:
    if p == 0:
        return f"{a:g}"
    return f"{'' if a == 1 else '-' if a == -1 else f'{a:g} '}x" + ("" if p == 1 else f"^{p:g}")


def some_components(e: Evidence) -> Cause | None:
    """Right in some components, wrong in others; and what was done to those."""
    if e.true.ndim < 2:
        return None
    right = (np.abs(e.claimed - e.true) <= EXACT * np.abs(e.true) + 6 * e.error).all(axis=0)
    wrong = np.argwhere(~right)
    if not right.any() or not len(wrong):
        return None
    where = [_index(i) for i in wrong]
    first = tuple(wrong[0])
    part = (slice(None), *first)
    x = e.points[part] if e.points.shape == e.true.shape else None
    fields: dict[str, Any] = {"components": ", ".join(where[:6]) + (" ..." if len(where) > 6 else ""), "detail": ""}
    r = [_ratio(e, (slice(None), *i)) for i in wrong]
    if all(v is not None for v in r):
        factors = np.ones(right.shape)
        for i, v in zip(wrong, r, strict=True):
            factors[tuple(i)] = v
        same = len(set(r)) == 1
        fields["detail"] = f"{r[0]:.7g}" if same else ", ".join(f"{v:.5g}" for v in r[:6])
        kept = tuple(float(v) for v in factors.flat)
        return Cause("components_factor", fields, kept, reasons(float(r[0] or 0), e.sizes) if same else ())
    if x is not None and len(wrong) == 1:
        powers = _monomials(e, part)
        if powers is not None:
            return Cause("components_monomial", {**fields, **powers.fields}, likely=powers.likely)
    others = [tuple(i) for i in np.argwhere(np.ones(right.shape, bool)) if tuple(i) != first]
    for i in others:
        if len(wrong) == 1 and e.fits(e.true[(slice(None), *i)], e.error[(slice(None), *i)], part):
            return Cause("components_other", {**fields, "other": _index(i)})
    flat = [np.all(e.claimed[(slice(None), *i)] == e.claimed[(0, *i)]) for i in wrong]
    moves = [not np.allclose(e.true[(slice(None), *i)], e.true[(0, *i)], rtol=1e-6, atol=0) for i in wrong]
    if all(flat) and all(moves):
        return Cause("components_zero" if not e.claimed[part].any() else "components_constant", {**fields, "detail": _short(e.claimed[(0, *first)])})
    return Cause("components", fields)


def factors(e: Evidence) -> Cause | None:
    """Each component has a factor of its own."""
    if e.true.ndim < 2 or math.prod(e.true.shape[1:]) < 2:
        return None
    found = [_ratio(e, (slice(None), *i)) for i in np.ndindex(e.true.shape[1:])]
    if any(r is None for r in found):
        return None
    return Cause("factors", {"factors": ", ".join(f"{r:.5g}" for r in found[:8])}, tuple(float(r or 0) for r in found))


def _index(i: Any) -> str:
    return f"[{', '.join(str(int(k)) for k in i)}]"


def _short(a: Any) -> str:
    return np.array2string(np.asarray(a), precision=6, threshold=6, edgeitems=2).replace("\n", "")


# -- rows on the graph ---------------------------------------------------------------------------------


def _inner_slope(e: Evidence, r: float) -> str:
    """A part u of f, not x itself, whose derivative is 1/r at every point: where it stands."""
    for label, slopes in _slopes(e):
        if np.allclose(slopes * r, 1.0, rtol=1e-7) and abs(r) != 1:
            return label
    return ""


def _slopes(e: Evidence) -> Iterator[tuple[str, np.ndarray]]:
    """For functions of one number: du/dx at the points, for each part u that goes into a function."""
    if e.rerun is None or e.points.ndim != 1 or e.true.ndim != 1 or not e.graphs:
        return
    from ... import ops as P

    graph = e.graphs[0]
    inside = {a for n in graph.nodes for a in n.args if n.prim.family in ("elementary", "special") and n.prim not in (P.multiply, P.add, P.subtract, P.divide, P.negative)}
    at = graph.number()
    for n in graph.nodes:
        if n in inside and n.live and n not in graph.inputs and n.shape == ():
            slopes = [_derivative_of(g, at[n], x) for g, x in zip(e.graphs, e.points, strict=True)]
            if all(s is not None for s in slopes):
                yield _place(n), np.array(slopes, dtype=float)


def _derivative_of(graph: Any, position: int, x: Any) -> float | None:
    from ...errors import CauchyError
    from ...graph import Graph
    from ..differentiate import derivative

    if position >= len(graph.nodes):
        return None
    part = Graph(graph.inputs, (graph.nodes[position],))
    try:
        return float(derivative(lambda t: part.run(t))(x))
    except CauchyError:
        return None


def _place(n: Any) -> str:
    return f"`{n.prim}`" + (f", {n.site}" if n.site else "")


def inner_slopes(e: Evidence) -> Cause | None:
    """The derivative of an inner function that varies was left out, or taken twice."""
    for label, slopes in _slopes(e):
        if np.ptp(slopes) == 0:
            continue
        for name, guess, scale in (("inner", e.true / slopes, 1 / slopes), ("inner_twice", e.true * slopes, slopes)):
            if e.fits(guess, e.error * np.abs(scale)):
                return Cause(name, {"inner": label})
    return None


def _changes(graph: Any) -> Iterator[tuple[str, dict[str, Any], Callable[[Any, Any], Any]]]:
    """(name, fields, change): `change(position, node, value, args)` gives the value with another derivative."""
    from ... import ops as P
    from ..differentiate import stop_gradient as held

    at = graph.number()
    live = [n for n in graph.nodes if n.live and n not in graph.inputs and n.prim.outputs == 1 and n.dtype.kind == "f"]

    def slope(spot: Any, m: Callable[..., Any], argument: int = 0) -> Callable[..., Any]:
        def change(k: int, y: Any, args: Any) -> Any:
            if not spot(k):
                return y
            u = args[argument]
            others = 0.0 if len(args) == 1 else y - _through(y, args, argument)
            del others
            return held(y) + m(held(y), *(held(a) for a in args)) * (u - held(u))

        return change

    single = lambda k0: lambda k: k == k0
    mistakes: dict[Any, list[tuple[str, Callable[..., Any]]]] = {
        P.sin: [("sin_cos", lambda y, u: np.sin(u)), ("slope_sign", lambda y, u: -np.cos(u))],
        P.cos: [("sin_cos", lambda y, u: -np.cos(u)), ("sin_cos", lambda y, u: np.cos(u)), ("slope_sign", lambda y, u: np.sin(u))],
        P.tanh: [("output_for_input", lambda y, u: 1 - u**2), ("square_missing", lambda y, u: 1 - y)],
        P.exp: [("slope_sign", lambda y, u: -y), ("exp_one", lambda y, u: 1.0 + 0 * u)],
        P.log: [("slope_sign", lambda y, u: -1 / u)],
        P.log10: [("log_base", lambda y, u: 1 / u)],
        P.log2: [("log_base", lambda y, u: 1 / u)],
        P.sqrt: [("root_half", lambda y, u: 1 / y)],
        P.reciprocal: [("slope_sign", lambda y, u: y * y)],
        P.square: [("square_two", lambda y, u: u), ("square_kept", lambda y, u: 2 * u * u)],
        P.absolute: [("abs_one", lambda y, u: 1.0 + 0 * u)],
    }  # fmt: skip
    for n in live:
        for name, m in mistakes.get(n.prim, []):
            yield name, {"place": _place(n)}, slope(single(at[n]), m)
        if n.prim is P.power and not n.args[1].live:
            yield "square_two", {"place": _place(n)}, slope(single(at[n]), lambda y, u, p: u ** (p - 1))
            yield "square_kept", {"place": _place(n)}, slope(single(at[n]), lambda y, u, p: p * u**p)
    x = graph.inputs[0]
    for n in live:  # the chain ends here: u counts as x
        if n.shape == x.shape and n not in graph.outputs and any(n in k.args for k in live if k.prim not in (P.add, P.subtract)):
            k0 = at[n]
            yield "inner", {"inner": _place(n)}, lambda k, y, args, k0=k0: _Chain(y) if k == k0 else y
    for n in live:
        if n not in graph.outputs:
            yield "dropped", {"place": _place(n)}, lambda k, y, args, k0=at[n]: held(y) if k == k0 else y
    for n in live:
        if n.prim in (P.divide, P.subtract) and n.args[1].live:
            flip = lambda k, y, args, k0=at[n]: 2 * held(y) - y if k == k0 else y
            yield "minus_lost", {"place": _place(n)}, _second(at[n], n.prim, held)
            del flip
        if n.prim in (P.multiply, P.divide, P.matmul) and all(a.live for a in n.args[:2]):
            for which in (0, 1):
                yield "product", {"place": _place(n)}, _one_factor(at[n], n.prim, which, held)
    yield from _last_only(graph, live, at, held)


class _Chain:
    """Marks a value whose derivative is to be 1."""

    def __init__(self, y: Any) -> None:
        self.y = y


def _through(y: Any, args: Any, argument: int) -> Any:
    return y


def _second(k0: int, prim: Any, held: Callable[[Any], Any]) -> Callable[..., Any]:
    """The second argument counts with the other sign."""

    def change(k: int, y: Any, args: Any) -> Any:
        if k != k0:
            return y
        a, b = args
        return prim(a, held(b)) - (prim(held(a), b) - held(y)) if prim is not None else y

    return change


def _one_factor(k0: int, prim: Any, which: int, held: Callable[[Any], Any]) -> Callable[..., Any]:
    def change(k: int, y: Any, args: Any) -> Any:
        if k != k0:
            return y
        kept = [a if i == which else held(a) for i, a in enumerate(args)]
        return prim(*kept)

    return change


def _last_only(graph: Any, live: Any, at: Any, held: Callable[[Any], Any]) -> Iterator[tuple[str, dict[str, Any], Callable[..., Any]]]:
    """Of the terms of a sum, only one counts."""
    from ... import ops as P

    def terms(n: Any) -> list[Any]:
        return terms(n.args[0]) + terms(n.args[1]) if n.prim is P.add and n.live else [n]

    users = {a for n in live if n.prim is P.add for a in n.args}
    for n in live:
        if n.prim is P.add and n not in users:
            parts = [t for t in terms(n) if t.live]
            for name, keep in (("last_only", parts[-1]), ("first_only", parts[0])) if len(parts) > 2 else ():
                rest = {at[t] for t in parts if t is not keep}
                yield name, {"place": _place(n), "count": len(parts)}, lambda k, y, args, rest=rest: held(y) if k in rest else y
        if n.prim in (P.sum, P.mean) and len(n.args[0].shape) and n.args[0].shape[0] > 1:
            for name, i in (("last_only", -1), ("first_only", 0)):
                mask = np.zeros(n.args[0].shape, bool)
                mask[i] = True
                k0, count = at[n.args[0]], n.args[0].shape[0]
                for times in (1, count) if n.prim is P.mean else (1,):
                    change = lambda k, y, args, k0=k0, mask=mask, times=times: np.where(mask, held(y) + times * (y - held(y)), held(y)) if k == k0 else y
                    yield name, {"place": _place(n), "count": count}, change


def changed_graph(e: Evidence) -> Cause | None:
    """One operation of f differentiated wrongly, or not at all."""
    if e.rerun is None or not e.graphs or len(e.graphs[0].nodes) > 80:
        return None
    if len({len(g.nodes) for g in e.graphs}) != 1:
        return None
    for name, fields, change in _changes(e.graphs[0]):
        first = e.rerun(change, 0)
        if first is None or not np.allclose(first, e.claimed[0], rtol=1e-5, atol=6 * float(np.max(e.error[0]))):
            continue
        guesses = [first, *(e.rerun(change, k) for k in range(1, len(e.claimed)))]
        if all(g is not None for g in guesses) and e.fits(np.array(guesses)):
            return Cause(name, fields)
    return None


PLAIN = (
    zero, opposite, transposed, constant_factor, exponent_kept, rearranged, diagonal, of_all, factors,
)  # fmt: skip
TRACED = (inner_slopes, changed_graph)
LOOSE = (itself, monomials, stale, penalty, offset, function_of_it, some_components, quotient)
