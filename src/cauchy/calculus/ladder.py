"""The reference derivative of a black box: a ladder of difference quotients that knows its own error.

Central quotients on steps of ratio 4 are extrapolated (Neville's scheme in h², Richardson 1911). Two errors compete:
truncation falls with h, rounding grows as noise/h. The noise of f is measured, not assumed: the residual of a cubic
in three narrow windows around x, the last bit that f ever sets (it betrays quantization and float32 inside), and the
size of its jumps. The rung is chosen by Lepskii's principle (1990): an answer from large steps is believed only as
far as no smaller step contradicts it beyond its own error. So sin at 1e8 is not taken for a constant, small as sin(x
+ 8e8) - sin(x - 8e8) is.

The error is an estimate, not a bound: between its samples a black box may do anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import DomainError, ShapeError

RUNGS = 24  # from 8|x| to 1e-13 |x|
RATIO = 4.0
ORDERS = 6  # columns of the Richardson table
SAFETY = 4.0  # the reported error over the one the rung was chosen by
WINDOWS = (2.0**-42, 2.0**-34, 2.0**-25, 2.0**-16)  # where noise is measured, relative to x
BISECTIONS = 3000  # calls that the search for the ends of plateaus may cost

_UNDEFINED = (ArithmeticError, ValueError)  # what math.log(-1), math.exp(1e9), 1/0 and linalg raise off the domain


@dataclass(frozen=True)
class Slope:
    """Derivative of a black box at one point; every array has the shape of f(x).

    `value` with its `error` (an estimate that is meant to be too large) and the part of it due to `rounding`, the
    `noise` level of f itself, the `step` the value rests on, the slopes from the `left` and the `right`, and `kind`,
    one word for each component:

    - ``"smooth"``: the value may be used.
    - ``"right"``, ``"left"``: f is defined on that side of x only; the value is the one-sided slope.
    - ``"kink"``: the two slopes differ; the value is their mean.
    - ``"quantized"``: f is a staircase around x, flat in every small window: 0 is what it shows, nobody knows the
      slope.
    - ``"rough"``: f looks like noise in every window, far above rounding (it is noise, or it oscillates faster than
      x resolves).
    - ``"unbounded"``: the quotients grow without limit (a jump, or a vertical tangent); the value is NaN.
    - ``"undefined"``: f is NaN or infinite at x, or on both sides of it; the value is NaN.

    The error is infinite for the last four. `single` marks outputs that only ever have float32 digits.
    """

    value: np.ndarray
    error: np.ndarray
    rounding: np.ndarray
    noise: np.ndarray
    step: np.ndarray
    left: np.ndarray
    right: np.ndarray
    kind: np.ndarray
    single: np.ndarray
    evaluations: int


@dataclass(frozen=True)
class Ladder(Slope):
    """The Jacobian of a black box: the fields of `Slope`, each of shape f(x).shape + x.shape (`evaluations` in all)."""


def slope(phi: Callable[[Any], Any], x: Any, *, scale: float | None = None) -> Slope:
    """The derivative of a black box phi: R -> R^shape at a scalar x, with an honest estimate of its error.

    float32 stays float32, every other real x becomes float64. phi may return any real array and is called with one
    NumPy scalar, 80 to 250 times. `scale` is a length on which phi is known to vary (default 1); it matters only
    where |x| says nothing, as at 0. The error is an *estimate*; in the sweep of `tests/test_ladder.py` it is not too
    small in 999 of 1000 cases.

    Raises `ShapeError` if phi returns no real numbers or changes its shape, or x is no real scalar, `DomainError` if
    x is not finite; what phi raises at x itself passes through, at other points an `ArithmeticError` or `ValueError`
    counts as undefined.

    References: L. F. Richardson (1911); O. V. Lepskii (1990); J. J. Moré and S. M. Wild (2012) on measuring noise.

    >>> s = slope(np.exp, 1.0)
    >>> bool(abs(s.value - np.e) <= s.error < 1e-11), str(s.kind)
    (True, 'smooth')
    >>> str(slope(abs, 0.0).kind), str(slope(np.floor, 0.3).kind)
    ('kink', 'quantized')
    """
    point = as_point(x)
    if point.shape != ():
        raise ShapeError(f"x: wanted one number, got shape {point.shape}", fix="use jacobian(f, x) for an array")
    if scale is not None and not 0 < scale < np.inf:
        raise DomainError(f"scale: wanted a positive finite length, got {scale!r}")
    return climb(Line(phi, point), scale).slope


def jacobian(f: Callable[[Any], Any], x: Any) -> Ladder:
    """All partial derivatives of a black box f at an array x: shape f(x).shape + x.shape, one component of x at a time.

    x is copied, never changed, and f gets a fresh copy for every call (a NumPy scalar if x is one number). float32
    stays float32; float64 and integers become float64. Raises as `slope` does, and `ShapeError` for complex, object,
    text or empty input.

    >>> J = jacobian(lambda w: np.array([w[0] * w[1], w.sum()]), np.array([2, 3]))
    >>> J.value.round(9)
    array([[3., 2.],
           [1., 1.]])
    """
    x = as_point(x)
    columns = [climb(line).slope for line in lines(f, x)]
    fields = {name: gather([getattr(c, name) for c in columns], x.shape) for name in Slope.__dataclass_fields__}
    return Ladder(**{**fields, "evaluations": sum(c.evaluations for c in columns)})


def lines(f: Callable[[Any], Any], x: np.ndarray) -> list[Line]:
    """f along each component of x; f gets a fresh copy of x each time."""

    def along(index: tuple[int, ...]) -> Callable[[Any], Any]:
        def moved(t: Any) -> Any:
            if not index:
                return f(t)
            y = x.astype(np.result_type(x, t))
            y[index] = t
            return f(y)

        return moved

    return [Line(along(index), x[index]) for index in np.ndindex(x.shape)]


def gather(columns: list[Any], shape: tuple[int, ...]) -> np.ndarray:
    """Answers of one shape, one for each component of x, as one array of that shape + x.shape."""
    return np.stack([np.asarray(c) for c in columns], axis=-1).reshape(np.shape(columns[0]) + shape)


def as_point(x: Any, name: str = "x") -> np.ndarray:
    """x as a fresh float64 (or float32) array; refuses what is not a finite, nonempty array of reals."""
    try:
        a = np.asarray(x)
    except ValueError as problem:
        raise ShapeError(
            f"{name}: wanted an array of real numbers, got a ragged {type(x).__name__}", fix="give every row one length"
        ) from problem
    if a.dtype.kind not in "fiu":
        raise ShapeError(
            f"{name}: wanted real numbers, got dtype {a.dtype} of shape {a.shape}",
            why="difference quotients move x by a small real step",
            fix="pass an array of float64, float32 or integers",
        )
    if a.size == 0:
        raise ShapeError(f"{name}: wanted at least one number, got shape {a.shape}", why="nothing depends on it")
    a = np.array(a, dtype=a.dtype if a.dtype == np.float32 else np.float64)
    if not np.isfinite(a).all():
        raise DomainError(
            f"{name}: wanted finite numbers, got {a[~np.isfinite(a)][0]}",
            why="there is no neighborhood to take differences in",
        )
    return a


class Line:
    """f of one number that moves (or, `elementwise`, of many that move together), NaN where undefined, counted.

    Points are arrays of shape (1,), or (m,) elementwise; answers are float64 of shape (m,).
    """

    def __init__(self, phi: Callable[[Any], Any], x: Any, *, elementwise: bool = False) -> None:
        self.phi, self.dtype, self.together, self.count = phi, x.dtype.type, elementwise, 1
        self.form = np.shape(x)
        self.x = np.ravel(x).astype(np.float64)
        with np.errstate(all="ignore"):
            first = real(phi(self.argument(self.x)))
        if elementwise and first.shape != self.form:
            raise ShapeError(
                f"f: wanted the shape of x, {self.form}, got {first.shape}",
                why="elementwise=True says that each output depends on the input at its own place",
                fix="leave elementwise out for the Jacobian",
            )
        self.shape, self.single = first.shape, first.dtype == np.float32
        self.at_x = first.astype(np.float64).ravel()

    def argument(self, point: np.ndarray) -> Any:
        return point.reshape(self.form).astype(self.dtype)[()] if self.form else self.dtype(point[0])

    def round(self, points: np.ndarray) -> np.ndarray:
        """The points as f will see them."""
        with np.errstate(over="ignore"):
            return points.astype(self.dtype).astype(np.float64)

    def __call__(self, point: np.ndarray) -> np.ndarray:
        """f at one point."""
        self.count += 1
        usable = np.isfinite(point)
        if not usable.any():
            return np.full(self.at_x.size, np.nan)
        try:
            y = real(self.phi(self.argument(np.where(usable, point, self.x))))
        except _UNDEFINED:
            return np.full(self.at_x.size, np.nan)
        if y.shape != self.shape:
            raise ShapeError(
                f"f returned shape {y.shape} at {point} and {self.shape} at {self.x}",
                why="a derivative needs one shape around x",
                fix="return the same shape for every argument",
            )
        y = y.ravel().astype(np.float64)
        y[~(np.isfinite(y) & usable)] = np.nan
        return y

    def raw(self, point: np.ndarray) -> np.ndarray:
        """f at one point in its own float type; NaN where undefined."""
        self.count += 1
        try:
            with np.errstate(all="ignore"):
                y = real(self.phi(self.argument(point))).ravel()
        except _UNDEFINED:
            y = np.full(self.at_x.size, np.nan)
        return y if y.dtype.kind == "f" else y.astype(np.float64)

    def many(self, points: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return np.array([self(p) for p in points]).reshape(len(points), self.at_x.size)

    def apart(self, points: np.ndarray, which: np.ndarray) -> np.ndarray:
        """Component j of f at points[j], for the components in the mask `which`; elsewhere NaN."""
        if self.together:
            return np.where(which, self(np.where(which, points, self.x)), np.nan)
        y = np.full(self.at_x.size, np.nan)
        for p in np.unique(points[which]):
            y = np.where(which & (points == p), self(np.array([p])), y)
        return y


def real(y: Any) -> np.ndarray:
    try:
        y = np.asarray(y)
    except ValueError as problem:
        raise ShapeError("f: wanted an array of real numbers, got a ragged sequence") from problem
    if y.dtype.kind not in "fiub":
        raise ShapeError(
            f"f: wanted real numbers, got dtype {y.dtype}",
            why="a difference quotient subtracts and divides",
            fix="return a float or an array of floats",
        )
    return y


@dataclass(frozen=True)
class Rungs:
    """What a climb has seen: steps h (K, 1 or m), falling, and (K, m) of f to either side, with its noise."""

    slope: Slope
    h: np.ndarray
    ahead: np.ndarray
    behind: np.ndarray
    up: np.ndarray
    down: np.ndarray
    noise: np.ndarray


def climb(line: Line, scale: float | None = None) -> Rungs:
    """Walk the ladder along a line."""
    at, x, m = line.at_x, line.x, line.at_x.size
    with np.errstate(over="ignore"):
        h = _steps(x, 1.0 if scale is None else scale, line.dtype)
    right, left = line.round(x + h), line.round(x - h)
    up, down = line.many(right), line.many(left)
    samples = np.concatenate([up, down])
    size = np.where(np.abs(x) < 1e-280, 1.0 if scale is None else scale, np.abs(x))  # of a subnormal no part is left
    level, single, patternless = _measure_noise(line, size)
    with np.errstate(all="ignore"):
        # float32 inside: every number seen, at points with all their bits, has at most 24 of them
        single &= (_is_single(samples) | np.isnan(samples)).all(axis=0)
        single &= (np.diff(np.sort(samples, axis=0), axis=0) > 0).sum(axis=0) >= 5
        single |= line.single
        unit = np.where(single | (line.dtype is np.float32), 2.0**-23, 2.0**-52)
        jump, flat = _plateaus(line, h, up, down)
        staircase = flat & (jump > 0)
        # stairs no higher than the rounding of what f reaches nearby are noise (log(1 + x²) at 1e-8); higher ones
        # are meant
        largest = np.fmax(np.nanmax(np.abs(samples), axis=0, initial=0.0, where=np.isfinite(samples)), np.abs(at))
        stuck = staircase & (jump > np.fmax(4 * unit * largest, np.finfo(float).tiny))
        rough = patternless & (level > 1000 * unit * np.abs(at))
        level = np.fmax(level, np.where(staircase, jump, 0.0))

        ulp = unit * np.fmax(np.fmax(np.abs(up), np.abs(down)), np.abs(at))
        noise = np.fmax(level, ulp)
        ahead, behind = right - x, x - left
        width, lean = (ahead + behind) / 2, np.abs(ahead - behind) / 2
        bend = np.abs((up - at) - (at - down)) / width  # x +- h are rounded: f'' times the shift of their middle
        value, error, rounding, step = _choose(
            h, (up - down) / (2 * width), (noise + np.fmax(bend * lean, 0)) / width, 2
        )
        sided = _choose(
            np.hstack([np.broadcast_to(h, up.shape)] * 2),
            np.hstack([(up - at) / ahead, (at - down) / behind]),
            2 * np.hstack([noise / ahead, noise / behind]),
            1,
        )
        from_right, from_left = tuple(a[:m] for a in sided), tuple(a[m:] for a in sided)

        word = np.full(m, "smooth", dtype="<U10")
        word[np.abs(from_right[0] - from_left[0]) > from_right[1] + from_left[1]] = "kink"
        no_right, no_left = (np.isnan(side[-2:]).any(axis=0) for side in (up, down))
        for name, gone, other in (("right", no_left, from_right), ("left", no_right, from_left)):
            here = gone & np.isfinite(other[1])
            word[here] = name
            value, error, rounding, step = (
                np.where(here, b, a) for a, b in zip((value, error, rounding, step), other, strict=True)
            )
        word[_grows(up - at, h, ulp) | _grows(at - down, h, ulp)] = "unbounded"
        stuck |= (word == "smooth") & _stairs(line, value, step, unit * np.abs(at))
        word[stuck] = "quantized"
        word[rough] = "rough"
        word[~np.isfinite(at) | (no_right & no_left) | (~np.isfinite(error) & (word == "smooth"))] = "undefined"
        value = np.where(np.isin(word, ["undefined", "unbounded"]), np.nan, np.where(word == "quantized", 0.0, value))
        error = np.where(np.isin(word, ["undefined", "unbounded", "quantized", "rough"]), np.inf, error)

    found = Slope(
        *(
            np.reshape(a, line.shape)
            for a in (value, error, rounding, np.fmax(level, unit * np.abs(at)), step, from_left[0], from_right[0])
        ),
        kind=np.reshape(word, line.shape),
        single=np.reshape(single, line.shape),
        evaluations=line.count,
    )
    return Rungs(found, h, ahead, behind, up, down, noise)


def _steps(x: np.ndarray, unit: float, dtype: type) -> np.ndarray:
    """Powers of two (x +- h is then mostly exact), largest first: around |x| and, above that, around `unit`.

    Shape (K, x.size); NaN where a step is too small for x or too large for the dtype.
    """
    size = np.abs(x)
    absolute = _power_of_two(np.full_like(x, unit)) * 8 * RATIO ** -np.arange(RUNGS + 14)[:, None]
    relative = _power_of_two(np.where(size == 0, np.nan, size)) * 8 * RATIO ** -np.arange(RUNGS)[:, None]
    h = np.concatenate([np.where((size == 0) | (absolute > 2 * relative[0]), absolute, np.nan), relative])
    smallest = np.where(size == 0, 0.0, 16 * np.spacing(size.astype(dtype)).astype(np.float64))
    h = np.where((h >= smallest) & (h < float(np.finfo(dtype).max) / 16), h, np.nan)
    order = np.argsort(-np.where(np.isnan(h), np.inf, h), axis=0)  # NaN first, then falling
    h = np.take_along_axis(h, order, axis=0)
    return h[np.isfinite(h).any(axis=1)]


def _power_of_two(t: np.ndarray) -> np.ndarray:
    return 2.0 ** np.clip(np.round(np.log2(t)), -1000, 1000)


def _choose(h: np.ndarray, d: np.ndarray, n: np.ndarray, power: int) -> tuple[np.ndarray, ...]:
    """Value, error, its rounding part and the step, for quotients d with noise n on steps h, columnwise."""
    rungs, m = d.shape
    if rungs < 3:
        return np.full(m, np.nan), np.full(m, np.inf), np.full(m, np.inf), np.full(m, np.nan)
    t, orders = h**power, min(ORDERS, rungs)
    table, noise, gap = np.full((3, orders, rungs, m), np.nan)
    table[0], noise[0] = d, n
    gap[0, 1:] = np.abs(d[1:] - d[:-1])
    for p in range(1, orders):
        w = 1 / (t[:-p] / t[p:] - 1)
        table[p, p:] = table[p - 1, p:] + w * (table[p - 1, p:] - table[p - 1, p - 1 : -1])
        noise[p, p:] = (1 + w) * noise[p - 1, p:] + w * noise[p - 1, p - 1 : -1]
        # what is still to come: less than the last extrapolation changed, and less than the last rung changed times the
        # rate at which these changes fall (Aitken), which is not trusted beyond half the digits that theory promises
        across, down = np.abs(table[p] - table[p - 1]), np.abs(np.diff(table[p], axis=0, prepend=np.nan))
        rate = 2 * down / np.roll(down, 1, axis=0)
        rate[: p + 2] = 1.0
        rate[np.isnan(rate)] = 1.0  # 0/0: nothing changes any more
        gap[p] = np.maximum(across / 4, down * np.clip(rate, RATIO ** (-power * (p + 1) / 2), 1.0))
    error = np.where(np.isnan(gap + table), np.inf, noise + gap)
    # Lepskii: an answer may differ from every answer of a smaller step by no more than the two errors. And what has not
    # converged at a smaller step has not at a larger one, whatever it looks like (a bounded f: D -> 0 as h grows).
    entry = np.argmin(error, axis=0)[None]
    here, its, its_noise = (np.take_along_axis(a, entry, 0)[0] for a in (table, error, noise))
    low = np.fmax.accumulate((here - 2 * its)[::-1], axis=0)[::-1]
    high = np.fmin.accumulate((here + 2 * its)[::-1], axis=0)[::-1]
    open_ = np.where((its > 8 * its_noise) & np.isfinite(its), its, 0.0)
    open_ = np.maximum.accumulate(open_[::-1], axis=0)[::-1]
    error[:, :-1] = np.fmax(error[:, :-1], np.fmax(table[:, :-1] - high[1:], low[1:] - table[:, :-1]))
    error[:, :-1] = np.fmax(error[:, :-1], open_[1:])
    best = np.argmin(error.reshape(-1, m), axis=0)[None]
    value, error, noise = (np.take_along_axis(a.reshape(-1, m), best, 0)[0] for a in (table, error, noise))
    step = np.take_along_axis(np.broadcast_to(h, d.shape), best % rungs, 0)[0]
    return value, SAFETY * error, SAFETY * noise, step


def _measure_noise(line: Line, size: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The noise of f near x (0 where no window shows any), which outputs may be float32, which are all noise."""
    m = line.at_x.size
    level, single, narrow, wide = np.zeros(m), np.full(m, True), np.full(m, np.nan), np.full(m, np.nan)
    seen, smooth = np.zeros((2, m), dtype=bool)
    rng = np.random.default_rng(1789)
    for width in WINDOWS:
        u = np.sort(rng.uniform(-1, 1, 12))[:, None]
        points = line.round(line.x + width * size * u)
        y, s = line.many(points), (points - line.x) / (width * size)
        with np.errstate(all="ignore"):
            single &= _is_single(y).all(axis=0)
            distinct = 1 + (np.diff(np.sort(y, axis=0), axis=0) != 0).sum(axis=0)
            use = np.isfinite(y).all(axis=0) & (distinct >= 6) & ((np.diff(s, axis=0) > 0).sum(axis=0) >= 6)
            if not use.any():
                continue
            y = np.where(use, y, 0.0)
            spread = np.fmax(np.ptp(y, axis=0), np.finfo(float).tiny)  # keeps the squares in range
            z = (y - y[0]) / spread
            scatter, basis = np.std(z, axis=0), []
            for degree in range(4):  # Gram-Schmidt: what is left of z is its distance from the cubics
                v = s**degree
                for b in basis:
                    v = v - (v * b).sum(axis=0) * b
                basis.append(v / np.sqrt((v * v).sum(axis=0)))
                z = z - (z * basis[-1]).sum(axis=0) * basis[-1]
            rms = np.sqrt((z * z).sum(axis=0) / 8)
            smooth |= use & (rms < 0.25 * scatter)
            rms, scatter = rms * spread, scatter * spread
            wide = np.where(use & seen, scatter, wide)
            narrow = np.where(use & ~seen, scatter, narrow)
            now = np.fmax(2 * rms, _last_bit(y))
            level = np.where(use, np.where(seen, np.minimum(level, now), now), level)
            seen |= use
    # a pattern is explained by a cubic somewhere, and there is less of it in narrower windows
    return level, single, seen & (~smooth | (narrow > wide / 4))


def _last_bit(y: np.ndarray) -> np.ndarray:
    """The value of the lowest bit that any of the numbers in a column sets."""
    mantissa, exponent = np.frexp(y)
    whole = np.abs(np.ldexp(mantissa, 53)).astype(np.int64)
    bit = np.ldexp((whole & -whole).astype(np.float64), exponent - 53)
    return np.min(np.where(whole == 0, np.inf, bit), axis=0)


def _is_single(y: np.ndarray) -> np.ndarray:
    return y.astype(np.float32) == y


def _plateaus(line: Line, h: np.ndarray, up: np.ndarray, down: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where f is exactly flat around x; and the jump at the end of the plateau, 0 where f leaves it continuously."""
    at, m = line.at_x, line.at_x.size
    x, h = np.broadcast_to(line.x, m), np.broadcast_to(h, up.shape)
    same = np.logical_and.accumulate(((up == at) & (down == at))[::-1], axis=0)[::-1]
    length, known = same.sum(axis=0), np.isfinite(h).sum(axis=0)
    flat = (length >= 2) & (length < known)
    jump = np.zeros(m)
    if not flat.any():
        return jump, flat
    pick = np.where(flat, len(h) - length, len(h) - 1)[None]

    def row(a: np.ndarray, k: np.ndarray) -> np.ndarray:
        return np.take_along_axis(a, k, 0)[0]

    inside, outside = row(h, pick), row(h, pick - 1)
    side = np.where(row(up, pick - 1) != at, 1.0, -1.0)
    outer = np.where(side > 0, row(up, pick - 1), row(down, pick - 1))
    open_ = flat & np.isfinite(outer)
    start = line.count
    while open_.any() and line.count - start < BISECTIONS:
        points = line.round(x + side * (inside + outside) / 2)
        middle = np.abs(points - x)
        open_ = open_ & (inside < middle) & (middle < outside)
        y = line.apart(points, open_)
        inner = open_ & (y == at)
        inside = np.where(inner, middle, inside)
        outside, outer = np.where(open_ & ~inner, middle, outside), np.where(open_ & ~inner, y, outer)
    far = outside + 64 * np.spacing((np.abs(x) + outside).astype(line.dtype)).astype(np.float64)
    first, beyond = np.abs(outer - at), np.abs(line.apart(line.round(x + side * far), flat) - at)
    return np.where(
        flat & ~(beyond > 8 * first), np.where(np.isnan(first), 0.0, first), 0.0
    ), flat  # a kink goes on rising


def _stairs(line: Line, value: np.ndarray, step: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Where f jumps on both sides of x, within |x|/2, though it is smooth between: (1 - cos x)/x² at 1e-7, whose
    smooth steps slope at -1e7 and whose stairs, as a whole, at -1e-8. Asked only where the ladder had to stop so short.
    """
    m = line.at_x.size
    x = np.broadcast_to(line.x, m)
    found = step < np.abs(x) / 256
    for side in (1.0, -1.0):
        if not found.any() or line.count > BISECTIONS:
            break
        which = found

        def bare(t: np.ndarray, side: float = side, which: np.ndarray = which) -> np.ndarray:  # f without its tangent
            points = line.round(x + side * t)
            return line.apart(points, which) - value * (points - x)

        low, high = np.zeros(m), np.abs(x) / 2
        f_low, f_high = line.at_x, bare(high)
        sooner = np.abs(f_high - f_low)
        for i in range(42):  # keep the half over which f changes more: its change falls to 0 unless there is a jump
            middle = (low + high) / 2
            y = bare(middle)
            left, right = np.abs(y - f_low), np.abs(f_high - y)
            sooner = np.fmax(left, right) if i == 32 else sooner
            first = left > right
            high, f_high = np.where(first, middle, high), np.where(first, y, f_high)
            low, f_low = np.where(first, low, middle), np.where(first, f_low, y)
        jump = np.abs(f_high - f_low)
        found = found & (jump > sooner / 4) & (jump < 4 * sooner) & (jump > 1000 * noise)  # at a pole it grows
    return found


def _grows(change: np.ndarray, h: np.ndarray, rounding: np.ndarray) -> np.ndarray:
    """Whether a one-sided quotient grows by one steady factor over the finest rungs, well above rounding."""
    if len(h) < 6:
        return np.zeros(change.shape[1], dtype=bool)
    quotient = np.abs(change[-6:]) / h[-6:]
    factor = quotient[1:] / quotient[:-1]
    steady = (factor.min(axis=0) > 1.05) & (factor.max(axis=0) < 1.02 * factor.min(axis=0))
    return steady & (np.abs(change[-6:]) > 100 * rounding[-6:]).all(axis=0)
