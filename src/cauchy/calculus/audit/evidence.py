"""One situation, one claim: the numbers on both sides, compared under every meaning the claim could have.

A *situation* is a set of arguments. A *variable* is a place in it that can be moved: an argument, an entry of a dict
argument, an attribute of the object. The reference is `ladder.slope` along one component of the variable, of all
outputs at once; the claim is compared with it as elementwise derivative, gradient of the sum, of the mean, diagonal,
Jacobian, vector-Jacobian product.
"""

from __future__ import annotations

import copy
import functools
import inspect
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...errors import CauchyError
from ...tracer.rescue import random_state
from ..ladder import Slope, slope
from .discover import Claim, underlying

Path = tuple[Any, ...]  # ("argument", "x"), ("argument", "params", "W1"), ("attribute", "W"), ("joint", "x", "y")

COMPONENTS = 12  # of a variable, compared in one situation; fewer in each of several
OUTPUTS = 16  # of the function, watched in each comparison
SAME = 1e-6  # relative: what rounding, single precision inside a claim, and guards such as 1e-8 may change
CLOSE = 2e-3  # of the largest derivative: more than rounding, less than a wrong formula


class Unusable(Exception):
    """The program's function cannot be called so, or does not return real numbers."""


@dataclass
class Situation:
    """Arguments of the function by name; `extra` are recorded arguments that only the claim takes."""

    arguments: dict[str, Any]
    owner: Any = None
    source: str = "recorded"
    family: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    def get(self, path: Path) -> Any:
        if path[0] == "joint":
            return np.array([float(self.arguments[name]) for name in path[1:]])
        place = self.arguments if path[0] == "argument" else vars(self.owner)
        for key in path[1:]:
            place = place[key]
        return place


def attempt(fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call the program's code. It may raise anything, `SystemExit` included; here that means: not usable so."""
    try:
        return fn(*args, **kwargs)
    except (Exception, SystemExit) as problem:
        raise Unusable(f"{type(problem).__name__}: {problem}"[:200]) from problem


def call(fn: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """Call by parameter name, also where a parameter is positional-only, starred, or left to its default."""
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    gap = False
    plain = underlying(fn)
    for name, kind, needed in _parameters(plain, inspect.ismethod(fn)):
        if kind is inspect.Parameter.VAR_POSITIONAL:
            args += arguments.get(name, ())
        elif kind is inspect.Parameter.VAR_KEYWORD:
            kwargs |= arguments.get(name, {})
        elif name not in arguments:
            if needed:
                raise Unusable(f"nothing to pass for the parameter {name!r}")
            gap = True
        elif gap or kind is inspect.Parameter.KEYWORD_ONLY:
            kwargs[name] = arguments[name]
        else:
            args.append(arguments[name])
    return attempt(fn, *args, **kwargs)


@functools.lru_cache(maxsize=1000)
def _parameters(fn: Callable[..., Any], bound: bool) -> list[tuple[str, Any, bool]]:
    try:
        found = list(inspect.signature(fn).parameters.values())
    except (ValueError, TypeError) as problem:
        raise Unusable(str(problem)) from problem
    return [(p.name, p.kind, p.default is p.empty) for p in found[bound:]]


def duplicate(value: Any, depth: int = 0) -> Any:
    """Fresh arrays and containers, so that no call sees what another one changed."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if depth < 3 and type(value) in (list, tuple):
        return type(value)(duplicate(v, depth + 1) for v in value)
    if depth < 3 and type(value) is dict:
        return {k: duplicate(v, depth + 1) for k, v in value.items()}
    return value


def numbers(raw: Any) -> np.ndarray:
    """A real array, or `Unusable`."""
    if raw is None:
        raise Unusable("None")
    if not isinstance(raw, (int, float, np.generic, list, tuple)) and not hasattr(raw, "__array_namespace__"):
        raise Unusable(f"a {type(raw).__name__}")  # a table of pandas would turn into an array, but is no derivative
    array = attempt(np.asarray, raw)
    if array.dtype.kind not in "fiub" or array.size == 0:
        raise Unusable(f"{type(raw).__name__} (dtype {array.dtype}, shape {array.shape})")
    return array.astype(np.float64)


def output(raw: Any) -> tuple[np.ndarray, Any]:
    """The value of a function and what it returns beside it (a cache, an auxiliary result)."""
    if isinstance(raw, tuple) and len(raw) >= 2 and (isinstance(raw[0], np.ndarray) or not _scalar(raw[1])):
        return numbers(raw[0]), raw[1] if len(raw) == 2 else raw[1:]
    return numbers(raw), None


def _scalar(x: Any) -> bool:
    return isinstance(x, (int, float, np.number)) and not isinstance(x, bool)


def movable(x: Any) -> bool:
    """Whether a value can be a variable of differentiation."""
    if isinstance(x, np.ndarray):
        return x.dtype.kind in "fiu" and x.size > 0 and bool(np.isfinite(x).any())
    if type(x) is list:
        return 0 < len(x) <= 1000 and all(_scalar(v) for v in x)
    return _scalar(x) and math.isfinite(x)


def places(value: Any, path: Path, depth: int = 0) -> Iterator[tuple[Path, Any]]:
    """Every movable place inside nested dicts, lists and tuples."""
    if movable(value):
        yield path, value
    elif depth < 2 and type(value) is dict:
        for key, v in value.items():
            yield from places(v, (*path, key), depth + 1)
    elif depth < 2 and type(value) in (list, tuple) and len(value) <= 50:
        for i, v in enumerate(value):
            yield from places(v, (*path, i), depth + 1)


class Bench:
    """The function and the claim of one pair in one situation, ready to be called again and again."""

    def __init__(
        self, pair: Claim, at: Situation, base: Callable[..., Any] | None = None, only: Path | None = None
    ) -> None:
        self.pair, self.at, self.base, self.only = pair, at, base, only
        self.columns: dict[tuple[Path, str, int, bool], Column] = {}
        self.seeded = False
        before = random_state([])
        self.out, self.cache = self.value()
        self.seeded = random_state([]) != before or not self._repeats()
        if self.seeded:
            self.out, self.cache = self.value()
        self.random = self.seeded and not self._repeats()
        self.up = (
            np.random.default_rng(1821).standard_normal(self.out.shape)
            if self.out.size > 1
            else np.ones(self.out.shape)
        )

    def _repeats(self) -> bool:
        return np.array_equal(self.out, self.value()[0], equal_nan=True)

    def _stage(self, path: Path | None, new: Any) -> tuple[dict[str, Any], Any]:
        arguments, owner = duplicate(self.at.arguments), _clone(self.at.owner)
        if path is not None and path[0] == "joint":
            arguments |= {name: float(v) for name, v in zip(path[1:], new, strict=True)}
        elif path is not None:
            if path[0] == "attribute" and owner is self.at.owner:
                raise Unusable("the object cannot be copied")
            place = arguments if path[0] == "argument" else vars(owner)
            _put(place, path[1:], new)
        if self.seeded:  # the program's own generators: dropout must draw the same mask again
            random.seed(1789)
            np.random.seed(1789)
        return arguments, owner

    def function(self, name: str, plain: Callable[..., Any], owner: Any) -> Callable[..., Any]:
        return plain if self.pair.owner is None else attempt(getattr, self.pair.owner if owner is None else owner, name)

    def value(self, path: Path | None = None, new: Any = None) -> tuple[np.ndarray, Any]:
        arguments, owner = self._stage(path, new)
        if self.base is not None:
            return output(call(self.base, arguments))
        return output(call(self.function(self.pair.value_name, self.pair.value, owner), arguments))

    def claim(self, binding: dict[str, tuple[str, Any]], path: Path | None = None, new: Any = None) -> tuple[Any, Any]:
        """What the claim returns when its parameters are bound so, and the object afterwards."""
        arguments, owner = self._stage(path, new)
        cache = self.cache
        if owner is not None and self.base is None:  # forward first: backward uses what it left behind
            _, cache = output(call(self.function(self.pair.value_name, self.pair.value, owner), duplicate(arguments)))
        given = {}
        for name, (source, key) in binding.items():
            match source:
                case "argument":
                    if key in arguments:
                        given[name] = arguments[key]
                case "extra":
                    given[name] = duplicate(self.at.extra[key])
                case "up":
                    given[name] = self.up.copy() if self.up.ndim else 1.0
                case "out":
                    given[name] = self.out.copy() if self.out.ndim else float(self.out)
                case "cache":
                    given[name] = duplicate(cache)
                case "zero":
                    given[name] = 0.0
        return call(self.function(self.pair.claim_name, self.pair.claim, owner), given), owner

    def variables(self) -> list[Path]:
        if self.only is not None:
            return [self.only]
        found = [p for name, v in self.at.arguments.items() for p, _ in places(v, ("argument", name))]
        if self.at.owner is not None and self.base is None and hasattr(self.at.owner, "__dict__"):
            found += [p for name, v in vars(self.at.owner).items() for p, _ in places(v, ("attribute", name))]
        scalars = [n for n, v in self.at.arguments.items() if _scalar(v)]
        if len(scalars) > 1:
            found.append(("joint", *scalars))
        return found

    def column(self, path: Path, k: int, through: str, wide: bool) -> Column:
        """The derivative of all watched outputs along component k of a variable (cached)."""
        key = (path, through, k, wide)
        if key not in self.columns:
            self.columns[key] = Column(self, path, k, through, wide)
        return self.columns[key]


def _clone(owner: Any) -> Any:
    try:
        return copy.deepcopy(owner)
    except (Exception, SystemExit):  # locks, files, the program's own __deepcopy__: then the object itself must do
        return owner


def _put(place: Any, keys: Path, new: Any) -> None:
    for key in keys[:-1]:
        if isinstance(place[key], tuple):
            place[key] = list(place[key])
        place = place[key]
    old = place[keys[-1]]
    if isinstance(old, np.ndarray) and old.dtype == np.float64 and old.shape == np.shape(new) and old.flags.writeable:
        old[...] = new  # in place: a layer and a dict of parameters may share the array
    else:
        place[keys[-1]] = [float(v) for v in new] if type(old) is list else new


class Column:
    """d out / d x_k: of the sum, of <up, out>, and of some outputs (`rows`), of more if the column is `wide`."""

    def __init__(self, bench: Bench, path: Path, k: int, through: str, wide: bool) -> None:
        old = bench.at.get(path)
        x = np.array(old, dtype=np.float64)
        forward, z = _through(through, x)
        m = bench.out.size
        self.k, self.point = k, float(x.flat[k])
        limit = OUTPUTS if wide else 4
        rows = np.arange(m)
        if m > limit:
            chosen = {k} if m == x.size else set()
            if bench.out.ndim and x.ndim and bench.out.shape[0] == x.shape[0]:  # outputs of the same sample
                width, sample = m // x.shape[0], k // (x.size // x.shape[0])
                chosen |= {sample * width + (k + i) % width for i in range(min(width, limit - 1))}
            spread = np.random.default_rng(k).permutation(m)[:limit]
            rows = np.array(sorted(chosen | {int(i) for i in spread[: limit - len(chosen)]}))
        self.rows = {int(r): i + 2 for i, r in enumerate(rows)}

        def phi(t: Any) -> np.ndarray:
            moved = z.copy()
            moved.flat[k] = float(t)
            moved = forward(moved)
            new: Any = moved if isinstance(old, (np.ndarray, list)) or path[0] == "joint" else float(moved)
            try:
                out, _ = bench.value(path, new)
            except Unusable as problem:
                raise ArithmeticError(str(problem)) from problem
            if out.shape != bench.out.shape:
                raise ArithmeticError("the shape of the result changed")
            return np.concatenate([[out.sum(), (bench.up * out).sum()], out.ravel()[rows]])

        try:
            self.slope: Slope = slope(phi, float(z.flat[k]))
        except CauchyError as problem:
            raise Unusable(problem.what) from problem
        except ArithmeticError as problem:
            raise Unusable(str(problem)) from problem
        self.size = np.concatenate([[np.abs(bench.out).sum()] * 2, np.abs(bench.out.ravel()[rows])])
        self.total = np.array([bench.out.sum(), (bench.up * bench.out).sum()])

    def alone(self) -> bool:
        """Whether no watched output but number k moves."""
        others = [i for r, i in self.rows.items() if r != self.k]
        return not others or not np.any(np.abs(self.slope.value[others]) > self.slope.error[others])


def _through(name: str, x: np.ndarray) -> tuple[Callable[[np.ndarray], np.ndarray], np.ndarray]:
    """A reparametrization p = T(z) and the z that belongs to x: losses are often differentiated in the scores z."""
    if not name:
        return (lambda z: z), x
    if name == "sigmoid":
        return (lambda z: 1 / (1 + np.exp(-z))), np.log(x) - np.log1p(-x)
    axis = int(name.removeprefix("softmax"))

    def softmax(z: np.ndarray) -> np.ndarray:
        e = np.exp(z - z.max(axis=axis, keepdims=True))
        return e / e.sum(axis=axis, keepdims=True)

    return softmax, np.log(x)


@dataclass
class Tally:
    """The outcome of all comparisons under one meaning."""

    agree: int = 0
    close: int = 0
    wrong: int = 0
    kinks: int = 0
    unstable: list[dict[str, Any]] = field(default_factory=list)
    misses: list[dict[str, Any]] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    samples: list[tuple[float, ...]] = field(default_factory=list)  # (x, claimed, true, error, value) of stable points
    digits: float = 15.0  # of the largest derivative
    flat: int = 0  # of the wrong ones: where the function does not move at all
    alone: bool = True
    single: bool = True  # one input, one output throughout
    sizes: dict[str, int] = field(default_factory=dict)

    def fits(self) -> bool:
        return self.agree > 0 and self.wrong == 0 and self.close == 0

    def near(self) -> bool:
        return self.wrong == 0 and self.agree + self.close > 0

    def factor(self) -> float | None:
        """claim / derivative, if that is one number at three or more points and both are 0 together."""
        r = np.array(self.ratios)
        if len(r) < 3 or self.flat:
            return None
        c = float(np.median(r))
        return c if np.all(np.abs(r - c) <= 1e-4 * abs(c)) and abs(c - 1) > 1e-3 and c != 0 else None

    def add(self, other: Tally) -> None:
        self.agree += other.agree
        self.close += other.close
        self.wrong += other.wrong
        self.kinks += other.kinks
        self.flat += other.flat
        self.unstable += other.unstable
        self.misses += other.misses
        self.ratios += other.ratios
        self.samples += other.samples
        self.digits = min(self.digits, other.digits)
        self.alone &= other.alone
        self.single &= other.single
        self.sizes |= other.sizes


Target = Callable[[Column], list[tuple[int, float, float]]]  # -> (index into slope, claimed value, divisor)


def meanings(bench: Bench, x: np.ndarray, g: np.ndarray, product: bool) -> Iterator[tuple[str, Target]]:
    """Every kind of derivative that the claim g could be by its shape, the likely ones first."""
    n, m, flat = x.size, bench.out.size, g.ravel()
    rows = bench.out.shape[0] if bench.out.ndim else 1
    if g.size == n:
        if product:
            yield "vjp", lambda c: [(1, flat[c.k], 1.0)]
            batch = x.shape[0] if x.ndim > 1 else 1
            for size in {rows, batch, m} - {1}:
                yield f"vjp/{size}", lambda c, size=size: [(1, flat[c.k], float(size))]
            return
        if n == m:
            yield "own", lambda c: [(c.rows[c.k], flat[c.k], 1.0)]
        yield "sum", lambda c: [(0, flat[c.k], 1.0)]
        if m > 1:
            yield "mean", lambda c: [(0, flat[c.k], float(m))]
            if rows not in (1, m):
                yield "mean0", lambda c: [(0, flat[c.k], float(rows))]
    elif g.size == 1 and n == m and not product:
        yield "own", lambda c: [(c.rows[c.k], flat[0], 1.0)]
    if product:
        return
    if g.size == n * m and n * m > 1:
        by_row, by_column = flat.reshape(m, n), flat.reshape(n, m)
        yield "jacobian", lambda c: [(i, by_row[r, c.k], 1.0) for r, i in c.rows.items()]
        if n > 1 and m > 1:
            yield "jacobian_t", lambda c: [(i, by_column[c.k, r], 1.0) for r, i in c.rows.items()]
    if x.ndim > 1 and bench.out.ndim > 1 and (b := x.shape[0]) == rows and b > 1 and g.size * b == n * m and m > b:
        block = flat.reshape(b, m // b, n // b)

        def batched(c: Column) -> list[tuple[int, float, float]]:
            i, j = divmod(c.k, n // b)
            return [(at, block[i, r % (m // b), j] if r // (m // b) == i else 0.0, 1.0) for r, at in c.rows.items()]

        yield "batched", batched


def components(x: np.ndarray, limit: int = COMPONENTS) -> list[int]:
    """Which components to move: the extremes, the one next to zero, and a spread of distinct values."""
    flat = x.ravel()
    if flat.size <= limit:
        return list(range(flat.size))
    finite = np.where(np.isfinite(flat), flat, 0.0)
    chosen = [int(np.argmin(finite)), int(np.argmax(finite)), int(np.argmin(np.abs(finite)))]
    _, distinct = np.unique(finite, return_index=True)
    rng = np.random.default_rng(1857)
    chosen += [int(i) for i in rng.choice(distinct, min(limit, distinct.size), replace=False)]
    return list(dict.fromkeys(chosen + [int(i) for i in rng.integers(0, flat.size, limit)]))[:limit]


def compare(
    bench: Bench, path: Path, ks: list[int], target: Target, scatter: Callable[[], Target | None],
    *, through: str = "", wide: bool = False,
) -> Tally:  # fmt: skip
    """Compare one meaning of the claim with the reference, component by component."""
    tally = Tally()
    x = np.asarray(bench.at.get(path), dtype=np.float64)
    tally.single = x.size == 1 and bench.out.size == 1
    tally.sizes = {"outputs": bench.out.size, "inputs": x.size, "rows": max(x.shape[:1], default=1)}
    rows: list[tuple[Column, int, float, float, int]] = []
    for k in ks:
        try:
            column = bench.column(path, k, through, wide)
        except Unusable:
            continue
        tally.alone &= column.alone()
        rows += [(column, i, g, by, j) for j, (i, g, by) in enumerate(target(column))]
    sure = [abs(c.slope.value[i]) / by for c, i, _, by, _ in rows if c.slope.kind[i] in ("smooth", "kink")]
    scale = float(np.nanmax(sure)) if sure and np.isfinite(sure).any() else 0.0
    nudged: list[Target | None] = []
    for c, i, g, by, j in rows:
        s, kind = c.slope, str(c.slope.kind[i])
        true, error = float(s.value[i]) / by, float(s.error[i]) / by
        where = {"x": c.point, "index": c.k, "claimed": g, "true": true}
        if kind not in ("smooth", "kink", "left", "right") or not math.isfinite(error) or not math.isfinite(true):
            tally.unstable.append(where | {"why": kind if kind != "smooth" else "undefined"})
            continue
        if not math.isfinite(g):
            tally.unstable.append(where | {"why": "claim"})
            continue
        invisible = 1e-12 * float(c.size[i]) / by / max(abs(c.point), 1.0)
        slack = 6 * error + SAME * max(abs(true), abs(g)) + 1e-9 * scale + invisible
        low, high = true, true
        if kind == "kink":
            low, high = sorted((float(s.left[i]) / by, float(s.right[i]) / by))
        off = max(low - g, g - high, 0.0)
        if off > slack:  # how far does the claim itself scatter when its input moves by a few last bits?
            if not nudged:
                nudged = [scatter()]
            if nudged[0] is not None:
                slack += 10 * abs(nudged[0](c)[j][1] - g)
        if off <= slack:
            tally.agree += 1
            tally.kinks += kind == "kink"
            if abs(true) > 100 * error and kind == "smooth":
                tally.digits = min(tally.digits, -math.log10(max(off / scale, 1e-15)))
        elif (
            kind != "smooth"
        ):  # beside a kink, or at the end of the domain, a different answer is a convention, not a mistake
            tally.unstable.append(where | {"why": kind})
            continue
        elif off <= CLOSE * max(scale, abs(g) if scale == 0 else 0.0):
            tally.close += 1
        else:
            tally.wrong += 1
            tally.flat += true == 0
            tally.misses.append(where | {"error": error, "off": off / max(abs(true), abs(g), 1e-300)})
        if kind == "smooth":
            tally.samples.append((c.point, g, true, error, float(bench.out.flat[c.k % bench.out.size])))
        if abs(true) > 100 * error + 1e-6 * scale and kind == "smooth":
            tally.ratios.append(g / true)
    return tally
