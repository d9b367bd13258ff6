"""Functions of arrays as programs that are kept: traced once for each kind of arguments, then run again and again.

A program is machine code, or the same graph run by NumPy where machine code would take longer to make than it saves.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Any

import numpy as np

from ...calculus.capture import backend
from ...errors import InternalError
from ...graph import CONST
from ...read.kernel import Kernel, value_backend
from ...tracer import trace
from ...tracer.tree import leaves, rebuild

KEPT = 64  # programs; beyond, the one that was used longest ago is forgotten
_lock = threading.Lock()
_programs: OrderedDict[Any, Program] = OrderedDict()


class Program:
    """A function's graph at arguments of one kind, and what runs it. They are trees of arrays and NumPy scalars."""

    def __init__(self, f: Callable[..., Any], args: tuple[Any, ...], native: bool) -> None:
        found: list[Any] = []

        def noting(*args: Any) -> Any:
            found.append(f(*args))
            return found[0]

        with np.errstate(all="ignore"):
            graph = trace(noting, *args)
        self.kernel: Kernel = (backend() if native else value_backend)(graph)
        for n in graph.nodes:
            if n.prim is not CONST:
                n.value = None  # the values of the trace are as large as all intermediate results together
        self.name = graph.name
        self.tree = rebuild(found[0], iter([0] * len(list(leaves(found[0])))))

    def __call__(self, *args: Any) -> Any:
        with np.errstate(all="ignore"):
            status, outputs = self.kernel.run([np.asarray(x) for x in flat(args)])
        if status:
            raise InternalError(f"a kept program ended with status {status}")
        return rebuild(self.tree, iter(outputs))


def program(key: Hashable, make: Callable[[], Callable[..., Any]], args: tuple[Any, ...], *, native: bool) -> Program:
    """The program of `make()` at arguments like these: kept by `key` and their shapes and dtypes."""
    name = (key, native, tuple((np.shape(x), np.asarray(x).dtype.str) for x in flat(args)))
    with _lock:
        found = _programs.get(name)
        if found is not None:
            _programs.move_to_end(name)
            return found
    found = Program(make(), args, native)
    with _lock:
        _programs[name] = found
        while len(_programs) > KEPT:
            _programs.popitem(last=False)
    return found


def flat(tree: Any) -> Iterator[Any]:
    """The leaves of nested tuples and dicts, in the order of `tracer.tree.leaves`, without its generality."""
    if isinstance(tree, dict):
        tree = tree.values()
    elif not isinstance(tree, tuple):
        if tree is not None:
            yield tree
        return
    for part in tree:
        yield from flat(part)
