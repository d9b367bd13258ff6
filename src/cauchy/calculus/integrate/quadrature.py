"""One integral over an interval: adaptive (QUADPACK on panels that follow the mass of f), or a rule on equal cells."""

from __future__ import annotations

import itertools
import math
import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import integrate as quadpack

from .integrand import Integrand
from .report import Note
from .scan import Approach, Scan, approach, scan
from .tail import alternating_tail

PANELS = 8  # quantiles of the mass; more panels come from suspects and from grading
GROWTH = 8.0  # no panel is wider than this many times its neighbor: nodes of a wide one see the flank of a peak
LIMIT = 200  # bisections within a panel
CUTS, OTHER_CUTS = (0.0173, 0.3719, 0.9787), (0.1319, 0.5527, 0.8293)
DIVERGES, CRAWLS = 1e-3, 0.02  # rates of decay below which the mass does not fall, or too slowly to tell
MAX_SPLITS = 40
MAX_CELLS = 10_000_000

# rule: nodes and weights on [0, 1]
CELLS: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "left": ((0.0,), (1.0,)),
    "right": ((1.0,), (1.0,)),
    "mid": ((0.5,), (1.0,)),
    "trapezoid": ((0.0, 1.0), (1 / 2, 1 / 2)),
    "simpson": ((0.0, 0.5, 1.0), (1 / 6, 4 / 6, 1 / 6)),
}


@dataclass
class Quadrature:
    """A value with its estimated error and what was noticed on the way; NaN or infinite where there is no number."""

    value: Any
    error: float
    method: str
    singular: list[float] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    estimates: dict[str, Any] = field(default_factory=dict)


def by_rule(f: Integrand, a: float, b: float, rule: str, n: int) -> Quadrature:
    """The rule on n equal cells; the error is twice the distance to the same rule on 2n cells, plus rounding."""
    coarse, size = _composite(f, a, b, rule, n)
    fine, _ = _composite(f, a, b, rule, 2 * n)
    rounding = 4 * f.eps * size
    error = 2 * float(np.max(np.abs(fine - coarse))) + rounding
    found = Quadrature(coarse if f.shape else float(coarse), error, f"{rule}, n = {n}")
    if not np.isfinite(coarse).all():
        found.notes.append(Note("not_finite_at", where=_places(f.bad)))
        found.singular = sorted(set(f.bad))
        found.error = math.inf
    return found


def _composite(f: Integrand, a: float, b: float, rule: str, n: int) -> tuple[np.ndarray, float]:
    if rule == "gauss":
        t, w = np.polynomial.legendre.leggauss(n)
        t, w = (t + 1) / 2, w / 2
    else:
        nodes, weights = CELLS[rule]
        t = ((np.arange(n)[:, None] + np.array(nodes)) / n).ravel()
        w = np.tile(np.array(weights) / n, n)
    y = f.many(np.clip(a + (b - a) * t, a, b))
    w = w.reshape(-1, *(1,) * (y.ndim - 1))
    with np.errstate(all="ignore"):
        return (b - a) * np.sum(w * y, axis=0), (b - a) * float(np.max(np.sum(w * np.abs(y), axis=0)))


def adaptive(f: Integrand, a: float, b: float, points: tuple[float, ...], rtol: float, atol: float) -> Quadrature:
    """The integral over (a, b), a < b, either of them infinite."""
    seen = scan(f, a, b, points)
    found = Quadrature(_nan(f), math.inf, "adaptive")
    if (hole := _hole(seen)) is not None:
        found.notes.append(Note("undefined_on", low=hole[0], high=hole[1]))
        return found
    cuts = dict.fromkeys(
        (p for p in (*points, *seen.jumps) if a < p < b), False
    )  # place: does f blow up or fail there?
    ends = {p: {side: _examine(f, p, side, a, b)} for p, side in ((a, 1), (b, -1))}
    for p, sides in ends.items():
        worst = next(iter(sides.values()))
        if np.isinf(p) and worst.decay <= CRAWLS and not (worst.sign or worst.undefined or f.shape):
            return _alternating(f, a, b, p, found, (points, rtol, atol))
    found.singular = [p for p, sides in ends.items() if np.isfinite(p) and min(s.decay for s in sides.values()) < 0.9]
    rough = dict.fromkeys(found.singular, True)
    burst = _burst(seen)  # where f overflows: its edges are no places of their own, the way there tells
    alone = [
        p for p in sorted({*seen.suspects, *f.bad}) if a < p < b and not any(low <= p <= high for low, high in burst)
    ]
    places = ends | {p: _both(f, p, a, b) for p in alone}
    value, error, troubles = _nan(f), math.inf, False
    for _ in range(MAX_SPLITS):
        if _fails(found, places):
            if len(found.singular) == len(found.notes) == 1 and a < found.singular[0] < b:
                p = found.singular[0]
                _principal_value(f, p, places[p], a, b, found, (points, rtol, atol))
            return found
        if burst:
            found.notes.append(Note("not_finite_at", where=_places([p for run in burst for p in run])))
            return found
        cuts |= dict.fromkeys((p for p in places if a < p < b), True)
        f.bad.clear()
        f.log.clear()
        value, error, troubles = _panels(f, seen, a, b, cuts | rough, rtol, atol)
        places = {p: _both(f, p, a, b) for p in sorted(set(f.bad)) if a < p < b and not cuts.get(p)}
        if not places:
            break
    found.singular = sorted({*found.singular, *(p for p, bad in cuts.items() if bad)})
    if not np.isfinite(value).all():
        where = _places([*f.bad, *found.singular])
        found.notes.append(Note("not_finite_at", where=where) if where else Note("not_converged"))
        return found

    extra = sum(
        s.rest for e in ends.values() for s in e.values() if np.isfinite(s.rest) and not s.steady and s.decay < 0.5
    )
    rounding = f.eps * seen.mass if f.eps > 1e-12 else 0.0
    noise = _noise(f, seen)
    found.error = float(error + extra + rounding + noise * seen.mass + _blur(f.log) + seen.slack)
    found.value = value
    found.estimates |= {"noise": noise}
    size = float(np.max(np.abs(value)))
    if seen.mass == 0.0 and size == 0.0:
        found.notes.append(Note("all_zero", count=len(seen.x)))
    if f.eps > 1e-12:
        found.notes.append(Note("single"))
    if noise > max(rtol, 1e-10):
        found.notes.append(Note("noisy", noise=noise))
    if troubles and found.error > max(atol, 10 * rtol * max(seen.mass, size)):
        believable = found.error <= 1e-3 * max(size, 1e-3 * seen.mass)
        found.notes.append(Note("slow" if believable else "not_converged"))
        if not believable:
            found.estimates["last"] = value
            found.value, found.error = _nan(f), math.inf
    return found


def _blur(log: list[tuple[float, float]]) -> float:
    """What rounding the nodes does to the integral: half an ulp of x times |f'|, summed over all that QUADPACK saw."""
    x, y = np.array(sorted(log)).T
    with np.errstate(all="ignore"):
        moves = np.abs(x[1:]) * np.abs(np.diff(np.where(np.isfinite(y), y, 0.0)))
    return float(np.sum(moves[np.isfinite(moves)])) * 2.0**-53


def _nan(f: Integrand) -> Any:
    return np.full(f.shape, np.nan) if f.shape else math.nan


def _places(bad: list[float]) -> str:
    unique = sorted(set(bad))
    return ", ".join(f"{p:.6g}" for p in unique[:5]) + (", ..." if len(unique) > 5 else "")


def _hole(seen: Scan) -> tuple[float, float] | None:
    """The ends of where f is NaN, if it is so at two neighbors of the mesh; else it may be a single point."""
    nan = np.isnan(seen.size)
    if not (nan[1:] & nan[:-1]).any():
        return None
    run = np.flatnonzero(nan)
    return float(seen.x[run[0]]), float(seen.x[run[-1]])


def _burst(seen: Scan) -> list[tuple[float, float]]:
    """The stretches of two mesh points and more on which f is infinite, with the points before and after."""
    full = np.concatenate([[False], np.isinf(seen.size), [False]])
    first, last = np.flatnonzero(full[1:] & ~full[:-1]), np.flatnonzero(full[:-1] & ~full[1:]) - 1
    end = len(seen.x) - 1
    return [
        (float(seen.x[max(i - 1, 0)]), float(seen.x[min(k + 1, end)]))
        for i, k in zip(first, last, strict=True)
        if k > i
    ]


def _examine(f: Integrand, p: float, side: int, a: float, b: float) -> Approach:
    if np.isinf(p):
        finite = [abs(v) for v in (a, b) if np.isfinite(v)]
        return approach(f, p, side, 64.0 * max([1.0, *finite]))
    room = min((abs(v - p) for v in (a, b) if np.isfinite(v) and v != p), default=1.0)
    return approach(f, p, side, min(room, 1.0 + abs(p)) / 16)


def _both(f: Integrand, p: float, a: float, b: float) -> dict[int, Approach]:
    return {side: _examine(f, p, side, a, b) for side in (-1, 1)}


def _fails(found: Quadrature, places: dict[float, dict[int, Approach]]) -> bool:
    """Does the mass of f not fall on the way to some place? Say so; if all signs agree, the value is infinite."""
    signs: set[int] = set()
    for p, sides in places.items():
        bad = [s for s in sides.values() if s.undefined or s.decay <= CRAWLS]
        if not bad:
            continue
        worst = min(bad, key=lambda s: s.decay)
        here = {s.sign for s in bad}
        if any(s.undefined for s in bad):
            entry = "undefined_near"
        elif worst.decay > DIVERGES:
            entry = "crawls"
        else:
            entry = "oscillates" if 0 in here else "diverges"
        signs |= here if entry == "diverges" else {0}
        found.notes.append(Note(entry, at=p))
        found.singular = sorted({*found.singular, p})
    if signs in ({1}, {-1}) and isinstance(found.value, float):
        found.value = math.inf * min(signs)
    return bool(signs)


def _alternating(f: Integrand, a: float, b: float, p: float, found: Quadrature, how: tuple[Any, ...]) -> Quadrature:
    """The integral up to the infinite end p, where f oscillates: the tail by `tail`, the rest as usual."""
    sign = 1.0 if p > 0 else -1.0
    start = max(a, 0.0) if p > 0 else min(b, 0.0)
    done = alternating_tail(f, start, sign)
    if done is None:
        found.notes.append(Note("oscillates", at=p))
        found.singular.append(p)
        return found
    end, value, error = done
    inner = tuple(q for q in how[0] if (q - end) * sign < 0)
    rest = adaptive(f, *((a, end) if p > 0 else (end, b)), inner, how[1], how[2])
    rest.value, rest.error = rest.value + value, rest.error + error
    rest.notes.append(Note("alternating"))
    return rest


def _principal_value(
    f: Integrand, p: float, sides: dict[int, Approach], a: float, b: float, found: Quadrature, how: tuple[Any, ...]
) -> None:
    """Cauchy's principal value at a simple pole inside: QUADPACK on f(x) (x - p) with the weight 1/(x - p)."""
    left, right = sides[-1], sides[1]
    if f.shape or left.sign * right.sign != -1 or max(abs(left.decay), abs(right.decay)) > 0.01:
        return
    radius = min(p - a, b - p, 1.0 + abs(p)) / 2
    residue = abs(f(p + radius)) * radius
    near, error, *_ = quadpack.quad(  # not symmetric, so that p is no node
        lambda x: f(x) * (x - p),
        p - radius, p + 0.8 * radius, weight="cauchy", wvar=p, epsabs=1e-10 * residue, epsrel=1e-10, full_output=1,
    )  # fmt: skip
    if not error <= 1e-6 * residue:
        return
    parts = [adaptive(f, low, high, (), how[1], how[2]) for low, high in ((a, p - radius), (p + 0.8 * radius, b))]
    total = near + sum(q.value for q in parts)
    if np.isfinite(total):
        found.estimates["principal_value"] = total
        found.notes.append(Note("principal_value", value=total))


def _panels(
    f: Integrand, seen: Scan, a: float, b: float, hard: dict[float, bool], rtol: float, atol: float
) -> tuple[Any, float, bool]:
    """The integral panel by panel; (value, sum of the errors, did any panel complain?)."""
    edges = _edges(seen, a, b, [p for p in sorted(hard) if a < p < b])
    goal = max(atol, rtol * seen.mass, f.eps * seen.mass / 4, 1e-300) / (len(edges) - 1)
    pieces, error, troubles = [], 0.0, False
    for low, high in itertools.pairwise(edges):
        smooth = math.isfinite(high - low) and not (hard.get(low) or hard.get(high))
        value, err, trouble = _panel(f, low, high, goal, [e for e in edges if math.isfinite(e)], smooth)
        pieces.append(value)
        error += err
        troubles |= trouble
    total = np.sum(pieces, axis=0) if f.shape else math.fsum(pieces) if np.isfinite(pieces).all() else math.nan
    return total, error, troubles


def _panel(
    f: Integrand, low: float, high: float, goal: float, edges: list[float], smooth: bool
) -> tuple[Any, float, bool]:
    """QUADPACK twice: on the whole panel, and cut at CUTS, which no bisection meets; what that changes counts as error.

    A kink close to an end lies between the end and the first node, unseen. At other kinks the extrapolation (Wynn's
    epsilon algorithm) may converge to a wrong number with a tiny error; then bisection alone decides, if the panel is
    `smooth` at its ends.
    """
    g, ends = f, (low, high)
    cuts = [low + t * (high - low) for t in CUTS]
    if math.isinf(low) or math.isinf(high):  # bring the scale of the last panel into the tail
        start, sign = (low, 1.0) if math.isinf(high) else (high, -1.0)
        scale = min((abs(v - start) for v in edges if v != start), default=1.0)
        g, ends, cuts = (lambda t: f(start + sign * scale * t) * scale), (0.0, math.inf), [0.023, 1.37]
    if f.shape:
        return _bisected(g, *ends, goal)
    parts = list(itertools.pairwise([ends[0], *cuts, ends[1]]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", quadpack.IntegrationWarning)  # the message comes back in the answer too
        whole, *pieces = (
            quadpack.quad(g, *p, epsabs=goal, epsrel=1e-14, limit=LIMIT, full_output=1) for p in [ends, *parts]
        )
    value = math.fsum(p[0] for p in pieces)
    off = abs(value - whole[0])
    if off > goal and smooth:
        again = list(itertools.pairwise([low, *(low + t * (high - low) for t in OTHER_CUTS), high]))
        one, other = ([_bisected(g, *p, goal) for p in cells] for cells in (parts, again))
        first, value = (math.fsum(p[0] for p in pieces) for pieces in (one, other))
        return value, sum(p[1] for p in other) + 2 * abs(value - first), any(p[2] for p in other)
    # one application of the rule overstates its error; bisection stops as soon as it looks below the goal
    error = sum(max(p[1], goal) if p[2]["last"] > 1 else p[1] for p in pieces)
    return value, error + off, any(len(p) > 3 for p in pieces)


def _bisected(f: Any, low: float, high: float, goal: float) -> tuple[Any, float, bool]:
    """The rule of Gauss and Kronrod with bisection alone."""
    value, err, info = quadpack.quad_vec(
        f, low, high, epsabs=goal, epsrel=1e-14, norm="max", limit=LIMIT, full_output=True
    )
    return value, max(float(err), goal), not info.success


def _edges(seen: Scan, a: float, b: float, cuts: list[float]) -> list[float]:
    known = np.where(np.isfinite(seen.size), seen.size, 0.0)
    with np.errstate(all="ignore"):
        cells = np.maximum(known[1:], known[:-1]) * np.diff(seen.x)
    heap = np.cumsum(cells)
    inner: set[float] = set()
    if len(heap) and 0 < heap[-1] < np.inf:
        at = np.searchsorted(heap, heap[-1] * np.arange(1, PANELS) / PANELS)
        inner = {float(seen.x[i + 1]) for i in at}
    wide = b - a
    least = 2.0**-44 * wide if np.isfinite(wide) else 0.0
    edges = sorted({*inner, *cuts, *(v for v in (a, b) if np.isfinite(v))}) or [0.0]
    keep = {*cuts, a, b}
    edges = [e for i, e in enumerate(edges) if e in keep or (i and e - edges[i - 1] > least and a < e < b)]
    edges = _graded(edges)
    return sorted({*edges, a, b})


def _graded(edges: list[float]) -> list[float]:
    """Split panels until none is much wider than its neighbor."""
    if len(edges) < 3:
        return edges
    out = list(edges)
    for _ in range(60):
        widths = np.diff(out)
        wide = [
            i
            for i in range(len(widths))
            if (i and widths[i] > 2 * GROWTH * widths[i - 1])
            or (i + 1 < len(widths) and widths[i] > 2 * GROWTH * widths[i + 1])
        ]
        if not wide:
            break
        for i in reversed(wide):
            left = widths[i - 1] if i else np.inf
            right = widths[i + 1] if i + 1 < len(widths) else np.inf
            cut = out[i] + GROWTH * left if left <= right else out[i + 1] - GROWTH * right
            out.insert(i + 1, float(cut))
    return out


def _noise(f: Integrand, seen: Scan) -> float:
    """The relative noise of f's own rounding, where its mass is: residuals of a line fitted in narrow windows."""
    if f.shape or seen.mass == 0.0:
        return 0.0
    known = np.where(np.isfinite(seen.size), seen.size, 0.0)
    heap = np.cumsum(known[1:] * np.diff(seen.x))
    at = seen.x[1 + np.searchsorted(heap, heap[-1] * (np.arange(7) + 0.5) / 7)]
    count = len(f.bad)
    steps = np.arange(-4, 5)
    x = at[:, None] + steps * np.spacing(np.abs(at))[:, None] * 2.0**10
    y = f.many(x.ravel()).reshape(x.shape)
    del f.bad[count:]
    y = y[np.isfinite(y).all(axis=1)]
    if not len(y):
        return 0.0
    base = np.stack([np.ones(9), steps, steps**2], axis=1)
    residual = y.T - base @ np.linalg.lstsq(base, y.T, rcond=None)[0]
    size = np.max(np.abs(y), axis=1)
    with np.errstate(all="ignore"):
        relative = np.sqrt(np.mean(residual**2, axis=0)) / size
    return float(np.median(relative[np.isfinite(relative)])) if np.isfinite(relative).any() else 0.0
