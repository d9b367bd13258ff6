"""f and a claim about its derivative, made callable: fresh copies in, real numbers out, the shapes settled once."""

from __future__ import annotations

import inspect
import traceback
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np

from ...errors import CauchyError, DomainError, ShapeError, Site
from ..ladder import as_point, real

Kind = Literal["derivative", "gradient", "jacobian", "elementwise", "hessian"]
KINDS = get_args(Kind)
UNDEFINED = (ArithmeticError, ValueError)  # what math.log(-1), math.exp(1e9), 1/0 and linalg raise off the domain
OURS = __file__.rpartition("check")[0]


def name_of(g: Any, otherwise: str) -> str:
    found = getattr(g, "__name__", otherwise)
    return otherwise if found == "<lambda>" else found


def line_of(problem: BaseException) -> Site | None:
    """The line of the user's program from which the problem came."""
    frames = [t for t in traceback.extract_tb(problem.__traceback__) if not t.filename.startswith(OURS)]
    return Site(frames[-1].filename, frames[-1].lineno or 0) if frames else None


def site_of(g: Any) -> Site | None:
    code = getattr(getattr(g, "__func__", g), "__code__", None)
    return Site(code.co_filename, code.co_firstlineno) if code else None


class Raised(CauchyError):
    """The user's function raised what no point of a domain explains."""


@dataclass
class Called:
    """One of the two functions as a map from the varied argument to an array of reals."""

    function: Callable[..., Any]
    role: str
    argument: int
    others: tuple[Any, ...] = ()  # all arguments, the varied one included
    changed: bool = False  # it wrote to its argument
    reused: bool = False  # two answers share their memory
    last: Any = None
    count: int = 0
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = name_of(self.function, self.role)

    def arguments(self, x: Any) -> list[Any]:
        args = [np.array(a) if isinstance(a, np.ndarray) else a for a in self.others]
        args[self.argument] = x
        return args

    def __call__(self, x: Any) -> np.ndarray:
        """The answer at x, as a fresh array; `UNDEFINED` errors pass through, all others name the line."""
        given = np.array(x) if isinstance(x, np.ndarray) and x.ndim else x
        self.count += 1
        try:
            with np.errstate(all="ignore"):
                raw = self.function(*self.arguments(given))
        except (CauchyError, *UNDEFINED):
            raise
        except Exception as problem:  # the user's own code may raise anything: it is reported, never swallowed
            raise Raised(
                f"{self.role} `{self.name}` raised {type(problem).__name__}: {problem}",
                where=line_of(problem),
                why=f"it was called with {(np.shape(x) and f'an array of shape {np.shape(x)}') or 'a number'}",
                fix="call it yourself with the same argument, or pass points that fit it with at=...",
            ) from problem
        if raw is None:
            raise ShapeError(
                f"{self.role} `{self.name}` returned nothing",
                where=site_of(self.function),
                fix="end it with a `return`",
            )
        try:
            out = real(raw)
        except ShapeError as problem:
            wanted = f"{self.role} `{self.name}` must return real numbers, got {_described(raw)}"
            raise ShapeError(wanted, where=site_of(self.function), fix=problem.fix) from None
        if given is not x and not np.array_equal(given, x, equal_nan=True):
            self.changed = True
        if isinstance(raw, np.ndarray):
            self.reused |= self.last is not None and np.shares_memory(raw, self.last)
            self.last = raw
        return np.array(out)

    def at(self, x: Any) -> np.ndarray | None:
        """As a call; None where it is undefined."""
        try:
            return self(x)
        except CauchyError:
            raise
        except UNDEFINED:
            return None


def _described(raw: Any) -> str:
    if isinstance(raw, (np.ndarray, np.generic)):
        return f"dtype {raw.dtype} of shape {raw.shape}"
    return f"a {type(raw).__name__}"


def arguments(f: Callable[..., Any], at: Any, argnums: Any) -> tuple[list[tuple[Any, ...]], int]:
    """`at` as a list of argument tuples. A list means several points, a tuple the arguments of one."""
    if isinstance(argnums, bool) or not isinstance(argnums, int):
        raise ShapeError(
            f"argnums: wanted one index, got {argnums!r}",
            fix="check one argument at a time: check(f, lambda *a: claim(*a)[0], argnums=0)",
        )
    several = isinstance(at, list) and len(at) > 0
    points = [a if isinstance(a, tuple) else (a,) for a in (at if several else [at])]
    if several and all(np.ndim(a[0]) == 0 and len(a) == 1 for a in points) and not _takes_numbers(f, points[0][0]):
        points = [(np.array(at),)]
    for p in points:
        if not -len(p) <= argnums < len(p):
            raise ShapeError(
                f"argnums names argument {argnums}, but `at` gives {len(p)}",
                fix="give all arguments of a point as a tuple: at=(x, y)",
            )
    i = argnums % len(points[0])
    ready = []
    for p in points:
        x = as_point(p[i], "at")
        ready.append((*p[:i], x if x.ndim else x[()], *p[i + 1 :]))
    return ready, i


def _takes_numbers(f: Callable[..., Any], x: Any) -> bool:
    try:
        with np.errstate(all="ignore"):
            f(x)
    except (IndexError, TypeError, AttributeError):
        return False
    except UNDEFINED:
        return True
    return True


def parameters(f: Callable[..., Any]) -> int:
    """How many arguments f cannot do without."""
    try:
        found = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return 1
    needed = [p for p in found if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return max(1, len(needed))


def spread(low: Any, high: Any, samples: int, seed: int) -> list[Any]:
    """Points of a box: half of them even, half with magnitudes of every scale, none on the boundary."""
    a, b = as_point(low, "region[0]"), as_point(high, "region[1]")
    try:
        a, b = np.broadcast_arrays(a, b)
    except ValueError:
        raise ShapeError(f"region: low has shape {np.shape(low)}, high has shape {np.shape(high)}") from None
    if not (a < b).all():
        raise DomainError(f"region: wanted low < high everywhere, got {low!r} and {high!r}")
    rng = np.random.default_rng(seed)
    grid = (np.arange(samples) + rng.uniform(0.1, 0.9, (*a.shape, samples))) / samples
    u = np.moveaxis(rng.permuted(grid, axis=-1), -1, 0)
    points = a + (b / 2 - a / 2) * 2 * u
    outer = np.maximum(np.abs(a), np.abs(b))
    inner = np.where(a * b > 0, np.minimum(np.abs(a), np.abs(b)), outer * 1e-6)
    with np.errstate(divide="ignore", invalid="ignore"):
        size = inner * (outer / inner) ** u
    side = np.where((a >= 0) | ((b > 0) & (rng.random(u.shape) < 0.5)), 1.0, -1.0)
    wild = np.where((a < side * size) & (side * size < b), side * size, points)
    points[1::2] = wild[1::2]
    return [p if a.ndim else p[()] for p in points]


SCALES = np.array([0.7, -1.3, 2.1, -0.31, 5.3, 0.043, -11.7, 130.3, 1.9e-3, -3.1e-4, 0.93, -0.77])
SHAPES = ((), (2,), (3,), (1,), (4,), (5,), (8,), (2, 2), (3, 2), (3, 3))


def guessed(f: Called, claim: Called, needed: int, samples: int, seed: int) -> list[tuple[Any, ...]]:
    """Points at which both functions have values, found by trying shapes and scales."""
    rng = np.random.default_rng(seed)
    tried: CauchyError | None = None
    for shape in SHAPES:
        found: list[tuple[Any, ...]] = []
        for k in range(3 * samples):
            size = SCALES[k % len(SCALES)] * (1 + k // len(SCALES) * 0.37)
            args = [size * (rng.uniform(0.6, 1.6, shape) if shape else 1 + 0.1 * i) for i in range(needed)]
            args = [np.float64(a) if not shape else a for a in args]
            f.others = claim.others = tuple(args)
            try:
                y, c = f.at(args[f.argument]), claim.at(args[f.argument])
            except CauchyError as problem:
                tried = tried or problem
                break
            if y is not None and c is not None and np.isfinite(y).any() and np.isfinite(c).any():
                found.append(tuple(args))
            if len(found) == samples:
                break
        if found:
            return found
    if isinstance(tried, (Raised, ShapeError)):
        raise tried
    raise DomainError(
        f"no point was found at which both `{f.name}` and `{claim.name}` have values",
        why=f"tried shapes {', '.join(map(str, SHAPES))} at several scales",
        fix="say where to look: at=x, or region=(low, high)",
    )


def kind_of(y: tuple[int, ...], x: tuple[int, ...], c: tuple[int, ...]) -> Kind | Literal["transposed"] | None:
    """What a claim of shape c can be for f: x -> y; None where it fits nothing."""
    ny, nx = int(np.prod(y)), int(np.prod(x))
    trim = lambda s: tuple(d for d in s if d != 1)
    if int(np.prod(c)) == nx == ny == 1:
        return "derivative"
    if ny == 1 and trim(c) == trim(x):
        return "gradient"
    if ny == 1 and c == x + x:
        return "hessian"
    if nx == 1 and trim(c) == trim(y):
        return "derivative"
    if y == x == c:
        return "elementwise"
    if c == y + x:
        return "jacobian"
    return "transposed" if c == x + y else None


def form(kind: Kind, y: tuple[int, ...], x: tuple[int, ...]) -> tuple[int, ...]:
    """The shape a claim of this kind should have."""
    match kind:
        case "elementwise" | "gradient":
            return x
        case "hessian":
            return x + x
        case "derivative" if int(np.prod(x)) == 1:
            return y
        case "derivative":
            return x
    return y + x


def captured(f: Callable[..., Any]) -> dict[str, int]:
    """Lengths of the arrays that f holds: in enclosing variables, defaults, globals it names."""
    code = getattr(getattr(f, "__func__", f), "__code__", None)
    if not isinstance(code, types.CodeType):
        return {}
    held: list[tuple[str, Any]] = []
    for cell_name, cell in zip(code.co_freevars, getattr(f, "__closure__", None) or (), strict=False):
        try:
            held.append((cell_name, cell.cell_contents))
        except ValueError:  # not yet assigned
            continue
    scope = getattr(f, "__globals__", {})
    held += [(n, scope[n]) for n in code.co_names if n in scope]
    held += [(f"argument {i}", d) for i, d in enumerate(getattr(f, "__defaults__", None) or ())]
    return lengths(held)


def lengths(held: Sequence[tuple[str, Any]]) -> dict[str, int]:
    out: dict[str, int] = {}
    for label, v in held:
        if isinstance(v, (np.ndarray, list)) and np.size(v) > 1:
            dims = np.shape(v)
            for axis, n in enumerate(dims):
                out.setdefault(f"len({label})" if axis == 0 else f"{label}.shape[{axis}]", n)
            if len(dims) > 1:
                out.setdefault(f"{label}.size", int(np.size(v)))
    return out
