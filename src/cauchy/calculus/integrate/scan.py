"""Looking before leaping: where on the line a function lives, peaks, blows up, jumps into NaN, or does not decay.

Every quadrature rule believes in its nodes: a peak between them is lost, and the estimate of the error with it; a pole
can cancel by symmetry. So the function is first sampled on a mesh that refines itself where the mass is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .integrand import Integrand

POINTS = 2500  # of the first mesh; a peak must show on it as a number above 0
ROUNDS = 70  # of bisection towards the mass
SHARE, CONTRAST = 0.004, 4.0  # a cell is bisected if it holds this share of the mass and varies by this factor
GOLDEN = 0.6180339887498949
SHELLS = 40
MOST_SUMMITS, MOST_JUMPS = 32, 1000


@dataclass
class Scan:
    """The mesh `x` with the `size` |f| there (the largest component).

    `mass` estimates the integral of |f|; `suspects` are places where f seems to blow up, `jumps` those where it, or its
    slope, leaps, and `slack` what their inaccuracy may cost.
    """

    x: np.ndarray
    size: np.ndarray
    mass: float
    suspects: list[float]
    jumps: list[float]
    slack: float


def first_mesh(a: float, b: float, points: tuple[float, ...]) -> np.ndarray:
    """Jittered uniform points (no period hides from them), and geometric ones towards ends, infinity and `points`."""
    i = np.arange(POINTS)
    t = (i + 0.5 + 0.3 * ((i * GOLDEN) % 1 - 0.5)) / POINTS
    powers = 2.0 ** (np.arange(-40 * 4, 0) / 4)
    if np.isfinite(a) and np.isfinite(b):
        w = b - a
        near = w * powers / 2
        parts = [a + w * t, a + near, b - near, *(p + s * near for p in points for s in (-1, 1))]
    else:
        far = 2.0 ** (np.arange(-40 * 8, 60 * 8) / 8)
        rays = np.concatenate([t / (1 - t), far])
        if np.isfinite(a):
            parts = [a + rays]
        elif np.isfinite(b):
            parts = [b - rays]
        else:
            parts = [rays, -rays]
        parts += [p + s * far for p in points for s in (-1, 1)]
    x = np.unique(np.concatenate(parts))
    return x[(a < x) & (x < b)]


def scan(f: Integrand, a: float, b: float, points: tuple[float, ...]) -> Scan:
    """Sample f on the open interval (a, b), with bisection towards its mass."""
    x = first_mesh(a, b, points)
    if not len(x):  # a and b are neighbors among the doubles
        x = np.array([a / 2 + b / 2])
    y = f.many(x)
    for _ in range(ROUNDS):
        size = _size(y)
        known = np.where(np.isfinite(size), size, 0.0)
        width = np.diff(x)
        with np.errstate(all="ignore"):
            high, low = np.maximum(known[1:], known[:-1]), np.minimum(known[1:], known[:-1])
            mass = high * width
            split = (mass > SHARE * np.sum(mass)) & (high > CONTRAST * low)
        split[1:] |= split[:-1].copy()
        split[:-1] |= split[1:].copy()  # a symmetric peak shows in the cells beside it
        middle = x[:-1][split] / 2 + x[1:][split] / 2
        fresh = (middle > x[:-1][split]) & (middle < x[1:][split])
        if not fresh.any():
            break
        x, y = np.concatenate([x, middle[fresh]]), np.concatenate([y, f.many(middle[fresh])])
        order = np.argsort(x)
        x, y = x[order], y[order]
    size = _size(y)
    known = np.where(np.isfinite(size), size, 0.0)
    with np.errstate(all="ignore"):
        mass = float(np.sum((known[1:] + known[:-1]) / 2 * np.diff(x)))
    with np.errstate(all="ignore"):
        suspects, jumps, (kinks, slack) = _suspects(f, x, size, a, b), _jumps(f, x, y), _kinks(f, x, y)
    return Scan(x, size, mass, suspects, sorted({*jumps, *kinks}), slack)


def _size(y: np.ndarray) -> np.ndarray:
    return np.abs(y) if y.ndim == 1 else np.max(np.abs(y.reshape(len(y), -1)), axis=1)


def _suspects(f: Integrand, x: np.ndarray, size: np.ndarray, a: float, b: float) -> list[float]:
    """Interior places where |f| seems to rise without limit: its steepest summits, followed down to the last bit."""
    known = np.where(np.isfinite(size), size, 0.0)
    if len(x) < 5:
        return []
    at = np.arange(2, len(x) - 2)
    flank = np.maximum(known[at - 2], known[at + 2])
    summit = (known[at] >= known[at - 1]) & (known[at] >= known[at + 1]) & (known[at] / 1.25 > flank)
    with np.errstate(all="ignore"):
        steepest = at[summit][np.argsort(-(known[at[summit]] / flank[summit]))][:MOST_SUMMITS]
    low, top, high = x[steepest - 1].copy(), x[steepest].copy(), x[steepest + 1].copy()
    best, history = known[steepest].copy(), list[np.ndarray]()
    for _ in range(ROUNDS):
        history.append(best.copy())
        left, right = low / 2 + top / 2, top / 2 + high / 2
        tried = _size(f.many(np.concatenate([left, right]))) if len(top) else np.empty(0)
        l, r = np.split(np.where(np.isnan(tried), 0.0, tried), 2)
        go_left, go_right = (l > best) & (l >= r), (r > best) & (r > l)
        low, high = (
            np.where(go_left, low, np.where(go_right, top, left)),
            np.where(go_left, top, np.where(go_right, high, right)),
        )
        top = np.where(go_left, left, np.where(go_right, right, top))
        best = np.maximum(best, np.maximum(l, r))
    rising = best > 1.1 * history[20]  # still, after the bracket had shrunk a million times
    found: list[float] = []
    for k in np.flatnonzero(rising):
        p = 0.0 if low[k] <= 0 <= high[k] else float(top[k])
        near = 2.0**-40 * max(abs(p), 2.0**-12 * (x[-1] - x[0]) if np.isfinite([a, b]).all() else 1e-3)
        if all(abs(p - q) > near for q in (a, b, *found)):
            found.append(p)
    return found


def _jumps(f: Integrand, x: np.ndarray, y: np.ndarray) -> list[float]:
    """Places where f leaps: a cell far steeper than its neighbors that stays so down to the last bit."""
    if len(x) < 5:
        return []
    with np.errstate(all="ignore"):
        step = _size(np.diff(y, axis=0))
    step[~np.isfinite(step)] = 0.0
    around = np.maximum(np.concatenate([[0.0], step[:-1]]), np.concatenate([step[1:], [0.0]]))
    cells = np.flatnonzero((step / 4 > around) & (step > max(1e-9, 64 * f.eps) * np.max(_finite(_size(y)))))
    cells = cells[np.argsort(-step[cells])][:MOST_JUMPS]
    if not len(cells):
        return []
    low, high, lower, upper = x[cells].copy(), x[cells + 1].copy(), y[cells].copy(), y[cells + 1].copy()
    leap = step[cells]
    for _ in range(ROUNDS):
        middle = low / 2 + high / 2
        value = f.many(middle)
        left = _size(value - lower) > _size(upper - value)  # the larger half of the leap
        shape = (-1, *(1,) * (y.ndim - 1))
        mask = left.reshape(shape)
        low, high = np.where(left, low, middle), np.where(left, middle, high)
        lower, upper = np.where(mask, lower, value), np.where(mask, value, upper)
    stays = _size(upper - lower) > leap / 2
    return sorted({float(p) for p in high[stays]})


def _kinks(f: Integrand, x: np.ndarray, y: np.ndarray) -> tuple[list[float], float]:
    """Places where the slope leaps, and what their inaccuracy can do to an integral.

    They lie in cells with far larger second differences than those beside, and are narrowed by bisection.
    """
    if len(x) < 9 or y.ndim > 1:
        return [], 0.0
    h = np.diff(x)
    with np.errstate(all="ignore"):
        slope = np.diff(y) / h
        bend = np.abs(np.diff(slope)) / (h[1:] + h[:-1])  # bend[i] belongs to x[i + 1]
        sure = np.abs(np.diff(slope)) * np.minimum(h[1:], h[:-1]) > max(1e-9, 64 * f.eps) * (
            np.abs(y[1:-1]) + np.abs(np.diff(y)[1:])
        )
    bend[~np.isfinite(bend)] = np.inf
    c = np.arange(3, len(x) - 4)  # the cell from x[c] to x[c + 1]
    here = np.maximum(bend[c - 1], bend[c])
    beside = np.maximum(bend[c - 2], bend[c + 1])
    known = np.isfinite(here) & (sure[c - 1] | sure[c])
    # with the kink in the cell both its ends bend; with the kink on a node, one cell stands for it
    cells = c[known & (here / 6 > np.maximum(beside, np.maximum(bend[c - 3], bend[c + 2])))]
    alone = known & (bend[c] / 6 > np.maximum(bend[c - 1], bend[c + 1]))
    cells = np.unique(np.concatenate([cells, c[alone]]))
    cells = cells[np.argsort(-np.maximum(bend[cells - 1], bend[cells]))][:MOST_JUMPS]
    if not len(cells):
        return [], 0.0
    # a kink close to a node may lie beyond it, so the bracket reaches into the cells beside
    low, high = x[cells] - 0.25 * h[cells - 1], x[cells + 1] + 0.25 * h[cells + 1]
    below, above = np.split(f.many(np.concatenate([low, high])), 2)
    with np.errstate(all="ignore"):
        left, right = (below - y[cells - 1]) / (0.75 * h[cells - 1]), (y[cells + 2] - above) / (0.75 * h[cells + 1])
        leap = np.abs(right - left)
        least = 200 * f.eps * np.maximum(np.abs(below), np.abs(above)) / leap  # below this width rounding decides
    for _ in range(52):
        inner = [low + t * (high - low) for t in (0.3, 0.4, 0.6, 0.7)]
        at = np.split(f.many(np.concatenate(inner)), 4)
        with np.errstate(all="ignore"):
            first, last = (at[1] - below) / (inner[1] - low), (above - at[2]) / (high - inner[2])
            wide = high - low > least
            # a kink in the middle stays inside either way, and so does one too close to it to show in these slopes
            lower = wide & (np.abs(first - left) > np.abs(last - right))
            upper = wide & ~lower
            left = np.where(upper, (at[0] - below) / (inner[0] - low), left)
            right = np.where(lower, (above - at[3]) / (high - inner[3]), right)
        low, below = np.where(upper, inner[0], low), np.where(upper, at[0], below)
        high, above = np.where(lower, inner[3], high), np.where(lower, at[3], above)
        if not wide.any():
            break
    sound = np.isfinite(low + high + leap)
    slack = float(np.sum((leap * (high - low) ** 2)[sound]))
    return sorted({float(p) for p in (low / 2 + high / 2)[sound]}), slack


def _finite(v: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(v), v, 0.0)


@dataclass(frozen=True)
class Approach:
    """How f behaves on the way to one side of a place.

    The mass of dyadic shells falls like 2^-decay per shell (decay is 1 for a bounded f at a finite place). `rest` is
    the mass beyond the last shell, `sign` that of f on the last shells (0 if it changes), `steady` whether decay keeps
    to one rate.
    """

    decay: float
    rest: float
    sign: int
    steady: bool
    undefined: bool = False


UNDEFINED = Approach(0.0, np.inf, 0, False, undefined=True)


def _sign(y: np.ndarray) -> int:
    return int((y > 0).all()) - int((y < 0).all())


def approach(f: Integrand, place: float, side: int, reach: float) -> Approach:
    """Mass of f in the shells place + side * (reach 2^-k, reach 2^-(k+1)); at infinity, in shells outwards."""
    seen = _approach(f, place, side, reach, SHELLS)
    return _approach(f, place, side, reach, 10 * SHELLS) if seen.decay < 0.3 and not seen.undefined else seen


def _approach(f: Integrand, place: float, side: int, reach: float, shells: int) -> Approach:
    inside = np.array([0.53, 0.61, 0.68, 0.76, 0.83, 0.97])  # several per shell: the envelope of an oscillation
    if np.isinf(place):
        deepest = max(8, min(shells, 1000 - int(np.log2(max(abs(reach), 1.0)))))
        radius = abs(reach) * 2.0 ** np.arange(deepest)
        at = np.sign(place) * radius[:, None] * (2 * inside)
    else:
        finest = max(np.spacing(abs(place)) * 2**8, 1e-290)
        deepest = int(np.clip(np.log2(reach / finest), 4, shells))
        radius = reach * 2.0 ** -np.arange(deepest)
        at = place + side * radius[:, None] * inside
    count = len(f.bad)
    y = f.many(at.ravel())
    del f.bad[count:]
    size = _size(y).reshape(at.shape)
    with np.errstate(all="ignore"):
        shell = np.max(size, axis=1) * radius / 2
    defined = np.isfinite(shell)
    if not defined.all():
        keep = int(np.argmin(defined))
        soars = not np.isnan(size[keep]).any() and keep > 2 and shell[keep - 1] > 1e6 * shell[0]  # it overflows
        return Approach(-np.inf, np.inf, _sign(y[: keep * len(inside)]), True) if soars else UNDEFINED
    last, sign = shell[-1], _sign(y[-4 * len(inside) :])
    if last == 0.0:
        return Approach(np.inf, 0.0, sign, True)
    half = len(shell) // 2

    def rate(i: int, j: int) -> float:
        return float(np.log2(shell[i] / shell[j]) / (j - i)) if shell[i] > 0 else -np.inf

    late, middle = rate(len(shell) - 1 - half // 2, len(shell) - 1), rate(half // 2, half)
    rest = last / (2.0**late - 1) if late > 0 else np.inf
    return Approach(late, float(rest), sign, abs(late - middle) <= 0.02 * abs(late))
