"""The state of a trace: one per thread, restored whatever happens.

It holds the guards taken so far, the table that makes equal nodes one node, and the line to which
nodes made by a derivative belong. Outside any trace (`cauchy.Variable`) nodes are simply made.
"""

from __future__ import annotations

import contextlib
import os
import sys
import sysconfig
import threading
from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Any

import numpy as np

from ..errors import Site, TraceError
from ..graph import CONST, Guard, Node, Primitive
from ..read.value import value as VALUE
from .later import postponed

NODE_LIMIT = 2_000_000

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# the machinery; functions in other rooms of this package (the tour's, say) are traced like a user's
_OURS = tuple(
    os.path.join(_ROOT, room) for room in ("graph.py", "tracer" + os.sep, "read" + os.sep, "calculus" + os.sep)
)
_LIBRARIES = tuple(
    {sysconfig.get_path(k) + os.sep for k in ("purelib", "platlib", "stdlib")}
    | {os.path.dirname(np.__path__[0]) + os.sep}
)


class _State(threading.local):
    depth: int = 0
    site: Site | None = None
    guards: list[Guard]
    table: dict[Any, Node] | None = None
    count: int = 0
    refused: TraceError | None = None
    keep: bool = False  # the graph will run again: whatever leaves the trace as a number or text is a guard
    shown: list[tuple[Any, tuple[Any, ...]]] | None = None  # captured arrays are traced: containers lent, their entries
    bodies: int = 0  # bodies of loops and branches traced so far: the last one's number
    open: tuple[int, ...] = ()  # the numbers of those being traced, innermost last
    floor: int = 0  # the innermost branch being traced: all nodes made now belong to it
    owner: dict[int, int]  # node index -> the innermost body whose inputs it depends on

    def __init__(self) -> None:
        self.guards, self.owner = [], {}


state = _State()

# The number of threads in a trace: native code answers no call while there is one, since the call may belong to it.
ACTIVE = np.zeros(1, np.int64)
_COUNT = threading.Lock()


@contextlib.contextmanager
def recording() -> Iterator[_State]:
    """Inside, equal nodes are one node and guards are collected. Nested traces share the outer one's table."""
    outer = state.depth
    if outer == 0:
        state.guards, state.table, state.count, state.refused = [], {}, 0, None
        state.bodies, state.owner = 0, {}
        with _COUNT:
            ACTIVE[0] += 1
    state.depth = outer + 1
    try:
        yield state
    finally:
        state.depth = outer
        if outer == 0:
            with _COUNT:
                ACTIVE[0] -= 1
            state.guards, state.table, state.site, state.refused = [], None, None, None


@contextlib.contextmanager
def on_behalf_of(site: Site | None) -> Iterator[None]:
    """Nodes made inside belong to this line: a derivative speaks of the line it differentiates."""
    before, state.site = state.site, site
    try:
        yield
    finally:
        state.site = before


def user_site() -> Site | None:
    """The innermost line that is neither ours nor a library's."""
    if state.site is not None:
        return state.site
    frame = sys._getframe(1)
    fallback = None
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith(_OURS) and not file.startswith("<__array_function__"):
            if not file.startswith(_LIBRARIES):
                return Site(file, frame.f_lineno)
            fallback = fallback or Site(file, frame.f_lineno)
        frame = frame.f_back
    return fallback


def refusal(what: str, *, why: str = "", fix: str = "") -> TraceError:
    """The error to raise at the user's line.

    It is remembered, since a function that catches it (`except TypeError:`) would go on along a path
    that it does not take untraced.
    """
    state.refused = TraceError(what, where=user_site(), why=why, fix=fix)
    return state.refused


_late = attrgetter("late")


def record(prim: Primitive, args: tuple[Node, ...], params: dict[str, Any]) -> Node:
    """The node of a primitive applied to nodes, its value computed by NumPy or put off; an equal one is reused."""
    table = state.table
    key = None
    owner = owner_of(args) if state.bodies else 0
    control = prim.family == "control"
    if table is not None and not control:
        key = (prim, args, _hashable(tuple(params.items())) if params else None)
        node = table.get(key)
        if node is not None:
            return node
    value: Any = None
    if control or any(map(_late, args)):
        value = postponed(prim, args, params)
    if value is None:
        value = VALUE[prim](*[a.value for a in args], **params)
    node = Node(prim, args, params, value, user_site())
    if owner:
        state.owner[node.index] = owner
    if table is not None:
        if key is not None:
            table[key] = node
        state.count += 1
        if state.count > NODE_LIMIT:
            raise TraceError(
                f"the trace has more than {NODE_LIMIT:,} nodes",
                where=node.site,
                why="a Python loop over traced values is unrolled, one node per operation",
                fix="write the loop with array operations, or differentiate the loop's body and iterate outside;"
                " for a plain array X, X @ w is one operation where X.dot(w) may be one per entry",
            )
    return node


def owner_of(args: Iterable[Node]) -> int:
    """The innermost open body (of a loop or branch) that a node over these belongs to; 0: none.

    What belongs to a body that is no longer being traced is the value of one round: it means nothing outside.
    """
    found = state.floor
    for a in args:
        owner = state.owner.get(a.index, 0)
        if owner and owner not in state.open:
            raise refusal(
                "a value made inside the body of a loop or branch is used outside of it",
                why="it is the value of one round, kept in a list, an attribute, or an array written to in the body",
                fix="return it from the body: as part of the carry, or as an output of cauchy.scan",
            )
        found = max(found, owner)
    return found


def constant(x: Any) -> Node:
    """The leaf of a value that is not traced. Python scalars stay Python scalars, so they do not promote.

    An array is copied: a buffer that the function writes again later must not change what was computed
    from it before. The leaf remembers the user's array, by pointer.
    """
    table = state.table
    if isinstance(x, np.ndarray):
        key = ("array", id(x))
        node = table.get(key) if table is not None else None
        if node is not None and node.origin is x and same_bits(node.value, x):
            return node
        node = Node(CONST, (), {}, _snapshot(x), None, x)
    else:
        key = (type(x), x.hex() if isinstance(x, float) and not isinstance(x, np.generic) else repr(x))
        node = table.get(key) if table is not None else None
        if node is not None:
            return node
        node = Node(CONST, (), {}, x, None)
    if table is not None:
        table[key] = node
    return node


def _snapshot(x: np.ndarray) -> np.ndarray:
    # np.array on a subclass would keep the matrix class and its `*`; the value must be a plain array
    return np.array(x, copy=True, subok=False)


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    """Equal arrays, NaN equal to NaN."""
    return a.shape == b.shape and a.dtype == b.dtype and bool(np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"))


def guard(node: Node, outcome: Any) -> None:
    """Record that Python decided something on a traced value."""
    if node.index in state.owner and node.live:
        raise refusal(
            "Python decides on a traced value inside the body of a loop or branch",
            why="the decision could come out otherwise in another round, and the body is recorded once",
            fix="np.where(condition, a, b) or cauchy.cond(condition, on_true, on_false)",
        )
    if state.depth:
        state.guards.append(Guard(node, outcome, user_site()))


def _hashable(v: Any) -> Any:
    if isinstance(v, (tuple, list)):
        return tuple(_hashable(x) for x in v)
    if isinstance(v, slice):
        return ("slice", v.start, v.stop, v.step)
    if isinstance(v, bool):
        return ("bool", v)  # x[True] is not x[1]
    return v.hex() if type(v) is float else v  # nor is 0.0 as a parameter -0.0
