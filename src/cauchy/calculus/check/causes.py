"""The catalogue of mistakes. A row looks at a claim and at the true derivative and names what was done, or is silent.

Rows work on plain arrays; those of the second table also have the graph of f. None of them guesses: what a row proposes
must give the claim at every component of every point within the errors, at three independent points at least.
`likely` adds where such a mistake comes from, most telling first.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import mistakes

EXACT = 1e-6  # relative: how well a proposal must reproduce the claim
POINTS = 3  # the fewest points that confirm a cause


@dataclass(frozen=True)
class Cause:
    """A mistake by `name` (the entry `cause_<name>` of the catalog) with its `fields`; `factor` = claim / derivative
    where that is one number, or one for each component; `likely` names reasons."""

    name: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    factor: float | tuple[float, ...] | None = None
    likely: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """Both sides at several points. `claimed`, `true` and `error` (of `true`, absolute) have shape (P, *claim),
    `points` (P, *x).

    Optional: `values` f(x), (P, *y); `sizes`, lengths of arrays by name; `function`, f itself; `graphs`, f traced at
    each point.
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

    def fits(self, guess: Any, error: Any = None, where: Any = ...) -> bool:
        """Whether the guess is the claim, everywhere, and is not trivially so."""
        c, e = self.claimed[where], self.error[where] if error is None else error
        g = np.broadcast_to(guess, c.shape)
        if c.ndim == 0 or len(c) < POINTS or not np.isfinite(g).all():
            return False
        size = np.maximum(np.abs(g), np.abs(c))
        telling = size > 30 * np.broadcast_to(e, c.shape)
        return bool(
            (np.abs(g - c) <= EXACT * size + 6 * e).all() and telling.any(axis=tuple(range(1, c.ndim))).sum() >= POINTS
        )


def explain(
    claimed: Any, true: Any, points: Any, *, error: Any = None, values: Any = None,
    sizes: Mapping[str, int] | None = None, kind: str = "derivative",
    function: Callable[[Any], np.ndarray] | None = None, graphs: Sequence[Any] = (),
) -> Cause | None:  # fmt: skip
    """The mistake that turns the true derivative into the claimed one at all the points, or None.

    claimed, true: arrays of shape (P, *s); points: (P, *x), at least three of them; `error` of the true values
    (default: rounding).

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
    finite = (
        np.isfinite(claimed).all(axis=whole) & np.isfinite(true).all(axis=whole) & np.isfinite(error).all(axis=whole)
    )
    graphs = [g for g, ok in zip(graphs, finite, strict=True) if ok] if graphs else []
    evidence = Evidence(
        claimed[finite], true[finite], points[finite], error[finite], None if y is None else y[finite],
        sizes or {}, kind, function, graphs,
    )  # fmt: skip
    if len(evidence.claimed) < POINTS or evidence.fits(evidence.true):
        return None
    rows = (*PLAIN, *(TRACED if graphs else ()), *LOOSE)
    with np.errstate(all="ignore"):
        for row in rows:
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
    inner = inner_slope(e, r)
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
    if (
        big.any(axis=tuple(range(1, gap.ndim))).sum() >= POINTS
        and (np.abs(gap - shift) <= EXACT * abs(shift) + 6 * e.error + 1e-12 * np.abs(e.true)).all()
    ):
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
    return _monomials(e, ...) if e.points.shape == e.true.shape else None


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
        fields["size"] = _size_named(float(r[0] or 0), e.sizes)
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
        return Cause(
            "components_zero" if not e.claimed[part].any() else "components_constant",
            {**fields, "detail": _short(e.claimed[(0, *first)])},
        )
    return Cause("components", fields)


def factors(e: Evidence) -> Cause | None:
    """Each component has a factor of its own."""
    if e.true.ndim < 2 or math.prod(e.true.shape[1:]) < 2:
        return None
    found = [_ratio(e, (slice(None), *i)) for i in np.ndindex(e.true.shape[1:])]
    if any(r in (None, 1.0) for r in found):
        return None
    return Cause("factors", {"factors": ", ".join(f"{r:.5g}" for r in found[:8])}, tuple(float(r or 0) for r in found))


def _index(i: Any) -> str:
    return f"[{', '.join(str(int(k)) for k in i)}]"


def _short(a: Any) -> str:
    return np.array2string(np.asarray(a), precision=6, threshold=6, edgeitems=2).replace("\n", "")


# -- rows on the graph -------------------------------------------------------------------------------


def inner_slopes(e: Evidence) -> Cause | None:
    """The derivative of an inner function that varies was left out, or taken twice."""
    for place, slopes in mistakes.slopes(e.graphs, e.points, e.true):
        if np.ptp(slopes) == 0:
            continue
        for name, guess, scale in (("inner", e.true / slopes, 1 / slopes), ("inner_twice", e.true * slopes, slopes)):
            if e.fits(guess, e.error * np.abs(scale)):
                return Cause(name, {"inner": place})
    return None


def inner_slope(e: Evidence, r: float) -> str:
    """Where a part of f stands whose derivative is 1/r at every point, if there is one."""
    found = (p for p, slopes in mistakes.slopes(e.graphs, e.points, e.true) if np.allclose(slopes * r, 1.0, rtol=1e-7))
    return next(found, "")


def one_operation(e: Evidence) -> Cause | None:
    """One operation of f differentiated wrongly, or not at all."""
    for name, fields, guess in mistakes.derivatives(e.graphs, e.points, e.kind):
        first = guess(0)
        if first is None or first.shape != e.claimed[0].shape:
            continue
        if np.all(
            np.abs(first - e.claimed[0]) <= EXACT * np.maximum(np.abs(first), np.abs(e.claimed[0])) + 6 * e.error[0]
        ):
            rest = [guess(k) for k in range(1, len(e.claimed))]
            if all(g is not None for g in rest) and e.fits(np.array([first, *rest])):
                return Cause(name, fields)
    return None


TRACED = (inner_slopes, one_operation)
PLAIN = (zero, opposite, transposed, constant_factor, exponent_kept, rearranged, diagonal, of_all, factors, penalty)
LOOSE = (itself, stale, monomials, offset, function_of_it, some_components, quotient)
