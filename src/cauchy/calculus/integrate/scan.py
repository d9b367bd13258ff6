"""Looking before leaping: where on the line a function lives, peaks, blows up, jumps into NaN, or does not decay.

Every quadrature rule believes in its nodes: a peak between them is lost, and the estimate of the error with it; a pole
can cancel by symmetry. So the function is first sampled on a mesh that refines itself where the mass is.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .integrand import Integrand

POINTS = 2500  # of the first mesh; a peak must show on it as a number above 0
ROUNDS = 70  # of bisection towards the mass
SHARE, CONTRAST = 0.01, 4.0  # a cell is bisected if it holds this share of the mass and varies by this factor
GOLDEN = 0.6180339887498949
SHELLS = 40


@dataclass
class Scan:
    """The mesh `x`, the norm of f there, the estimated `mass` (the integral of |f|), places to split at, and findings."""

    x: np.ndarray
    y: np.ndarray
    size: np.ndarray
    mass: float
    suspects: list[float] = field(default_factory=list)


def first_mesh(a: float, b: float, points: tuple[float, ...]) -> np.ndarray:
    """Jittered uniform points (no period can hide from them), geometric ones towards the ends, towards infinity and `points`."""
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
    return Scan(x, y, size, mass, _suspects(x, size, a, b))


def _size(y: np.ndarray) -> np.ndarray:
    return np.abs(y) if y.ndim == 1 else np.max(np.abs(y.reshape(len(y), -1)), axis=1)


def _suspects(x: np.ndarray, size: np.ndarray, a: float, b: float) -> list[float]:
    """Interior places where f seems to blow up: the summits of |f| towards which the mesh ran to its finest."""
    known = np.where(np.isfinite(size), size, np.inf)
    padded = np.concatenate([[-1.0], known, [-1.0]])
    summit = (known >= padded[:-2]) & (known >= padded[2:])
    ends = np.array([v for v in (a, b) if np.isfinite(v)])
    found: list[float] = []
    for i in np.flatnonzero(summit):
        low, high = x[max(i - 1, 0)], x[min(i + 1, len(x) - 1)]
        scale = max(abs(low), abs(high), 2.0**-40 * (x[-1] - x[0]))
        if np.isinf(known[i]) or high - low < 2.0**-30 * scale:
            p = 0.0 if low < 0 < high else float(x[i])
            if not (np.abs(ends - p) <= 2.0**-30 * scale).any() and not (found and abs(found[-1] - p) <= 2.0**-30 * scale):
                found.append(p)
    return found


@dataclass(frozen=True)
class Approach:
    """How f behaves on the way to one side of a place: `decay` is the rate at which the mass of dyadic shells falls,

    per halving of the distance (2^-decay; 1 for a bounded f at a finite place). `rest` is the mass beyond the last shell,
    `sign` that of f on the last shells (0 if it changes), `steady` whether decay keeps to one rate.
    """

    decay: float
    rest: float
    sign: int
    steady: bool
    undefined: bool = False


def approach(f: Integrand, place: float, side: int, reach: float, limit: float = np.inf) -> Approach:
    """Mass of f in the shells place + side * (reach 2^-k, reach 2^-(k+1)); at an infinite place, shells from `reach` outwards."""
    inside = np.array([0.53, 0.61, 0.68, 0.76, 0.83, 0.97])  # several per shell: the envelope of an oscillation
    if np.isinf(place):
        deepest = max(8, min(SHELLS * 10, 1000 - int(np.log2(max(abs(reach), 1.0)))))
        radius = abs(reach) * 2.0 ** np.arange(deepest)
        at = np.sign(place) * radius[:, None] * (2 * inside)
    else:
        finest = max(np.spacing(abs(place)) * 2**8, 1e-290)
        deepest = int(np.clip(np.log2(reach / finest), 4, SHELLS * 10))
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
        infinite = not np.isnan(size[keep]).any()  # overflow on the way in: the pole is steep, the shells before it tell
        if keep < 8 or not (infinite and shell[keep - 1] > 1e250):
            return Approach(0.0, np.inf, 0, False, undefined=True)
        shell, y = shell[:keep], y[: keep * len(inside)]
    last = shell[-1]
    positive, negative = (y[-4 * len(inside) :] > 0).all(), (y[-4 * len(inside) :] < 0).all()
    sign = int(positive) - int(negative)
    if last == 0.0:
        return Approach(np.inf, 0.0, sign, True)
    half = len(shell) // 2

    def rate(i: int, j: int) -> float:
        return float(np.log2(shell[i] / shell[j]) / (j - i)) if shell[i] > 0 else -np.inf

    late, middle = rate(len(shell) - 1 - half // 2, len(shell) - 1), rate(half // 2, half)
    rest = last / (2.0**late - 1) if late > 0 else np.inf
    return Approach(late, float(rest), sign, abs(late - middle) <= 0.02 * abs(late))
