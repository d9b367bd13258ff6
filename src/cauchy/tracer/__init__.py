"""A NumPy function becomes a graph: run once on its arguments, with every operation recorded."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from .. import ops as P
from ..errors import CauchyError, Site, TraceError
from ..graph import INPUT, Graph, Node
from .array import Array, apply, as_array, contains_traced, is_traced, plain, wrap
from .context import _LIBRARIES, _OURS, owner_of, recording, same_bits, state
from .data import says_dot, seen
from .rescue import generators, random_state, rescued
from .tree import leaves, map_leaves, rebuild
from .ufuncs import DETACHED, REATTACH

__all__ = [
    "Array",
    "apply",
    "as_array",
    "call",
    "is_traced",
    "load",
    "outputs_of",
    "parameter_names",
    "recording",
    "trace",
    "wrap",
]


def check_input(x: Any, name: str, *, real: bool = False) -> Any:
    """A leaf as a private NumPy value; `real=True` turns integers into float64, since they cannot vary."""
    if is_traced(x):
        return x if not real or x.dtype.kind == "f" else x.astype(np.float64)
    plain(x)
    try:
        a = np.array(x)
    except (TypeError, ValueError) as e:
        raise TraceError(
            f"argument {name} is a {type(x).__name__}", why=str(e), fix="pass a number or an array of numbers"
        ) from None
    kind = a.dtype.kind
    if kind not in "fiub" or (kind == "f" and a.dtype.itemsize not in (4, 8)) or (real and kind == "b"):
        wanted = "float64, float32 or integers" if real else "float64, float32, integers or bool"
        why = {"c": "complex numbers are not supported", "O": "its entries are Python objects", "U": "it is text"}.get(
            kind, ""
        )
        raise TraceError(
            f"argument {name} has dtype {a.dtype} and shape {a.shape}; wanted {wanted}",
            why=why,
            fix="convert it: np.asarray(x, dtype=float)",
        )
    if real and kind in "iu":
        a = a.astype(np.float64)
    if not a.dtype.isnative:  # what NumPy's functions make of it is native
        a = a.astype(a.dtype.newbyteorder("="))
    return a if a.ndim else a[()]


# how NumPy's messages betray that traced values sat in an array of objects
_OBJECT_MARKS = (
    *("dtype('O')", "dtype object", "type object", "from dtype O"),
    *("type Array", "type NDArray", "'Array'", "'NDArray'"),
    *("for the input types", "Unsupported dtype object", "unsupported data types in input"),
)


@contextmanager
def _naming_the_line() -> Iterator[None]:
    """NumPy's own errors about arrays of objects become ours, with the user's line."""
    try:
        yield
    except CauchyError:
        raise
    except (TypeError, ValueError) as e:
        text = str(e)
        written = "setting an array element" in text
        if not written and not any(mark in text for mark in _OBJECT_MARKS):
            raise
        stack = traceback.extract_tb(e.__traceback__)
        written = written and not stack[-1].filename.startswith(_LIBRARIES)
        frames = [f for f in stack if not f.filename.startswith(_OURS + _LIBRARIES)]
        where = Site(frames[-1].filename, frames[-1].lineno or 0) if frames else None
        if written:
            raise TraceError(
                "a traced value is written into a plain array", where=where, why=DETACHED, fix=REATTACH
            ) from e
        raise TraceError(
            "a traced value reached code that cannot be traced",
            where=where,
            why=f"NumPy saw an array of Python objects: {text}",
            fix="build arrays with np.stack([...]) or np.array([...]) in the traced function itself",
        ) from e


def call(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run f on traced arguments; random draws inside are refused."""
    if not callable(f):
        raise TraceError(f"wanted a function, got a {type(f).__name__}")
    sources = generators(f)
    before = random_state(sources)
    with _naming_the_line():
        args = tuple(map(seen, args)) if says_dot(f) else args
        out = rescued(f)(*args, **kwargs)
        if state.refused is not None:
            state.refused.add_note("(the function caught this error and went on without the value)")
            raise state.refused
    if random_state(sources) != before:
        code = getattr(getattr(f, "__func__", f), "__code__", None)
        raise TraceError(
            f"`{getattr(f, '__name__', f)}` draws random numbers",
            where=Site(code.co_filename, code.co_firstlineno) if code else None,
            why="it would be another function at each call, and the derivative that of no function",
            fix="draw the sample outside and pass it in as an argument",
        )
    return out


def outputs_of(out: Any, f: Any) -> list[Array]:
    """The leaves of a result as traced values; anything but numbers is refused by name."""
    found = []
    out = map_leaves(lambda x: as_array(x) if contains_traced(x) else x, out)
    for path, x in leaves(out):
        if is_traced(x):
            found.append(x)
        else:
            found.append(as_array(check_input(x, f"`{getattr(f, '__name__', 'f')}` returned{path or ''}:")))
    if not found:
        raise TraceError(f"`{getattr(f, '__name__', 'f')}` returned nothing", fix="return a number or an array")
    owner_of(x.node for x in found)
    return found


def trace(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Graph:
    """The graph of `f` at these arguments (positional ones: numbers, arrays, or trees of them; all become inputs).

    The graph holds where every Python decision (`if`, `while`, an index, a mask) comes out as it did here:
    its guards. Arrays that f captured are read from their present memory when the graph runs.

    Raises `TraceError`, with the user's line and the way out, for what cannot be traced.

    >>> import numpy as np, cauchy
    >>> g = cauchy.trace(lambda x: np.sin(x) * x, 2.0)
    >>> bool(g.run(1.0) == np.sin(1.0))
    True
    """
    with recording():
        inputs: list[Node] = []
        names: list[str] = []

        def enter(path: str, x: Any, name: str) -> Any:
            node = Node(INPUT, (), {}, check_input(x, name + path))
            inputs.append(node)
            names.append(name + path)
            return wrap(node)

        labels = parameter_names(f, len(args))
        traced = tuple(
            rebuild(a, iter([enter(p, x, n) for p, x in leaves(a)])) for a, n in zip(args, labels, strict=True)
        )
        found = outputs_of(call(f, traced, kwargs), f)
        outputs = tuple(x.node for x in found)
        for n in Graph(tuple(inputs), outputs).nodes:
            # a captured array that the function itself wrote to later is a buffer: its content then counts
            if n.origin is not None and not same_bits(n.value, n.origin):
                n.origin = None
        return Graph(tuple(inputs), outputs, tuple(state.guards), getattr(f, "__name__", "f"), tuple(names))


def load(path: str | Path) -> Graph:
    """The graph that `graph.save(path)` wrote. Plain data: loading runs no code.

    Raises `CauchyError` for a file that is no saved graph.

    >>> import cauchy, pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     cauchy.trace(lambda x: x * x, 2.0).save(pathlib.Path(folder, "square.json"))
    ...     float(cauchy.load(pathlib.Path(folder, "square.json")).run(3.0))
    9.0
    """
    try:
        data = json.loads(Path(path).read_text("utf-8"))
        return Graph.from_data(data, P.BY_NAME)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as e:
        raise CauchyError(f"{path} is not a saved graph", why=f"{type(e).__name__}: {e}") from None


def parameter_names(f: Any, count: int) -> list[str]:
    code = getattr(getattr(f, "__func__", f), "__code__", None)
    known = list(code.co_varnames[: code.co_argcount]) if code else []
    if hasattr(f, "__self__"):
        known = known[1:]
    return [known[i] if i < len(known) else f"x{i}" for i in range(count)]
