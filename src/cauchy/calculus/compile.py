"""Callables that keep what they traced: `compile`, and `grad` and its sisters.

The first call of a `Compiled` traces the function at its arguments, as the eager functions in `differentiate` do at
every call. The graph is kept and runs again (compiled) wherever it means the same:

- same structure, types, dtypes and shapes of the arguments, and same values of those that are no floats or arrays;
- same outcome of every guard: one graph for each path through the function's `if`s and loops;
- same state read from outside: every `Watch` holds. Captured arrays are read from their present memory.

What cannot be kept with certainty is not: such a function is traced at each call, and `explain()` says why.
"""

from __future__ import annotations

import functools
import inspect
import threading
import time
import types
import warnings
from collections.abc import Callable
from typing import Any, ParamSpec, cast

import numpy as np

from ..errors import CauchyError, TraceError
from ..graph import INPUT, Graph, Guard, Node
from ..tracer import call, check_input, is_traced, outputs_of, recording, wrap
from ..tracer.array import boxed
from ..tracer.context import state
from ..tracer.tree import leaves, map_leaves, rebuild
from ..tracer.watch import Watch, survey
from . import differentiate
from .capture import Arguments, Is, Program, Trace, Unkept, named_backend, sealed
from .differentiate import Argnums, Function, Mode, release

PATHS = 16  # graphs kept for one kind of arguments; beyond, every call is traced
KINDS = 256  # kinds of arguments remembered; beyond, the oldest is forgotten
VALUES = 64  # values of integers, texts and objects among the arguments, for one kind
ENTRIES = 8  # native functions tried one after the other
CHANGES = 16  # times a graph is lost to changed state before it has run twice; beyond, every call is traced

# what NumPy and our own rules raise: the eager run then tells whether it is the function's own error
_FAILURES = (CauchyError, ArithmeticError, LookupError, ValueError, TypeError, AttributeError, BufferError)


class _Case:
    """All that is kept for one kind of arguments: programs by the values of those that are no leaves."""

    def __init__(self) -> None:
        self.programs: dict[tuple[Any, ...], tuple[Program, ...]] = {}
        self.float_values = False  # floats count by value: the graph mixes precisions
        self.reason = ""  # why every call is traced
        self.changes = 0
        self.last_change = ""


class Compiled:
    """A function with its traced graphs. What `cauchy.compile`, `grad` and the other transforms return.

    `graph`: the graph of the last call. `explain()`: what is kept, and why something is not. `retrace()`: forget it.
    """

    def __init__(self, eager: Function, f: Function, varied: tuple[int, ...] | None) -> None:
        self._eager, self._varied = eager, varied
        self.__wrapped__ = f
        self.__name__, self.__doc__ = eager.__name__, eager.__doc__
        self._lock = threading.Lock()
        self._cases: dict[Any, _Case] = {}
        self._latest: Program | None = None
        self._why = ""
        self._entries = 0  # native functions in front of `_slow`
        named_backend()  # a wrong name is an error here, not at a call

    def __cauchy_reads__(self) -> tuple[Any, ...]:
        return (self.__wrapped__,)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._slow(*args, **kwargs)

    def __get__(self, owner: Any, kind: type | None = None) -> Any:
        return self if owner is None else types.MethodType(self, owner)

    def __repr__(self) -> str:
        return f"<cauchy.{self.__name__}>"

    def __reduce__(self) -> Any:
        raise TypeError(
            f"{self!r} cannot be pickled: it holds graphs of live state. Send the function and compile there"
        )

    # -- what is kept ------------------------------------------------------------------------------------------

    @property
    def graph(self) -> Graph:
        """The graph of the last call."""
        return self._last().graph

    def _last(self) -> Program:
        if self._latest is None:
            if self._why:
                raise CauchyError(
                    f"no graph of `{self.__name__}` is kept", why=self._why, fix="cauchy.trace(f, x) gives the one at x"
                )
            fix = "call it once: the graph is that of the last call"
            raise CauchyError(f"`{self.__name__}` has not been called yet", fix=fix)
        return self._latest

    def _of_kernel(self, name: str) -> Any:
        kernel = self._last().kernel
        if not hasattr(kernel, name):
            raise CauchyError(
                f"`{self.__name__}` has no {name}",
                why=f"its graph is run as {kernel.explain()}",
                fix="use the native backend",
            )
        return getattr(kernel, name)

    @property
    def llvm(self) -> str:
        """The LLVM code of the last call's graph."""
        return self._of_kernel("llvm")

    @property
    def address(self) -> int:
        """The address of the native code of the last call's graph."""
        return self._of_kernel("address")

    def low_level(self) -> Any:
        """The last call's graph as a `scipy.LowLevelCallable`."""
        return self._of_kernel("low_level")()

    def retrace(self) -> None:
        """Forget every graph: the next call traces anew."""
        with self._lock:
            self._cases, self._latest, self._why = {}, None, ""
            self._become(Compiled)
            self._entries = 0

    def explain(self) -> str:
        """What is kept for which arguments, what it depends on, and what is traced at each call and why."""
        lines = [f"{self.__name__}: {len(self._cases)} kind{'s' * (len(self._cases) != 1)} of arguments seen"]
        for key, case in list(self._cases.items()):
            lines.append("arguments " + ", ".join(str(k) for k in key))
            if case.reason:
                lines.append(f"  traced at each call: {case.reason}")
            for programs in list(case.programs.values()):
                for p in programs:
                    lines.append(f"  a graph of {len(p.graph.nodes)} nodes, {len(p.graph.guards)} guards; {p.note}")
                    lines.append("    runs as " + p.kernel.explain().replace("\n", "\n    "))
                    lines += [f"    depends on {what}" for what in dict.fromkeys(w.what for w in p.watches)]
        return "\n".join(lines)

    # -- calls -------------------------------------------------------------------------------------------------

    def _slow(self, *args: Any, **kwargs: Any) -> Any:
        """Every call that native code does not answer."""
        if state.depth:
            return self._eager(*args, **kwargs)
        try:
            given = Arguments(args, kwargs, self._varied)
            case = self._case(tuple(given.key))
        except (Unkept, TypeError, TraceError):  # or a key that cannot be hashed
            return self._eager(*args, **kwargs)
        if case.reason:
            self._latest, self._why = None, case.reason
            return self._eager(*args, **kwargs)
        values = _values(given, case)
        missed: Guard | None = None
        for p in case.programs.get(values, ()):
            broken = p.broken()
            if broken is not None:
                self._drop(case, values, p, broken)
                continue
            try:
                status, outputs = p.kernel.run(given.leaves)
            except _FAILURES:
                status, outputs = -1, []
            if status == 0:
                p.runs += 1
                self._latest = p
                return p.result(outputs)
            if status < 0:
                return self._eager(*args, **kwargs)
            missed = p.graph.guards[status - 1]
        if values not in case.programs and len(case.programs) >= VALUES:
            case.reason = f"it was called with more than {VALUES} values of arguments that are no arrays or floats"
            return self._eager(*args, **kwargs)
        if missed is not None and len(case.programs[values]) >= PATHS:
            self._give_up(case, missed)
            return self._eager(*args, **kwargs)
        return self._trace(case, given, args, kwargs)

    def _case(self, key: tuple[Any, ...]) -> _Case:
        case = self._cases.get(key)
        if case is None:
            with self._lock:
                case = self._cases.setdefault(key, _Case())
                if len(self._cases) > KINDS:
                    del self._cases[next(iter(self._cases))]
        return case

    def _drop(self, case: _Case, values: tuple[Any, ...], p: Program, broken: Watch) -> None:
        with self._lock:
            case.programs[values] = tuple(q for q in case.programs.get(values, ()) if q is not p)
            case.changes = 0 if p.earned() else case.changes + 1
            if case.changes > CHANGES:
                case.reason = f"{broken.what} changes all the time: pass it as an argument"

    def _give_up(self, case: _Case, missed: Guard) -> None:
        case.reason = f"the function took more than {PATHS} paths, at {missed.site}"
        warnings.warn(
            f"{missed.site}: `{self.__name__}` takes another path here for ever new arguments; from now on it is traced"
            " at each call, which is right but slow. Write a choice as np.where or cauchy.cond, a loop as cauchy.loop",
            RuntimeWarning,
            stacklevel=4,
        )

    def _trace(self, case: _Case, given: Arguments, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Trace at these arguments, keep the graph if it is safe to, and return the result of the trace."""
        found = survey(self.__wrapped__, *(v.it for v in given.values if type(v) is Is))
        if found.reasons:
            return self._unkept(case, found.reasons[0], args, kwargs)
        failure, started = "", time.perf_counter()
        for hold in (True, False) if len(found.exposed) < len(found.arrays) and not found.typed else (False,):
            try:
                trace = Trace(self, found, given, hold)
                with sealed(trace.compared):
                    trace.run(args, kwargs)
            except _FAILURES as e:
                failure = str(e)
                continue
            if trace.mixes and given.floats and not case.float_values:
                case.float_values = True
                return self._slow(*args, **kwargs)
            if trace.undone:
                return self._unkept(case, trace.undone, args, kwargs)
            if trace.program is not None:
                p = trace.program
                p.compile(started, None if kwargs or case.float_values else functools.partial(self._calling, args))
                # the first call gives the bits of all later ones
                status, outputs = p.kernel.run(given.leaves)
                result = p.result(outputs) if status == 0 else trace.result()
                trace.forget()
                self._enter(p)
                values = _values(given, case)
                with self._lock:
                    kept = case.programs.get(values, ())
                    case.programs[values] = (*kept, trace.program)
                self._latest = trace.program
                return result
            case.changes += 1
            if case.changes > 2:
                case.reason = trace.reason
            return trace.result()
        result = self._eager(*args, **kwargs)  # or its error
        case.reason = f"it could not be traced to be kept: {failure}"
        self._latest, self._why = None, case.reason
        return result

    def _calling(self, args: tuple[Any, ...], p: Program) -> Any:
        from .calling import calling

        n = len(args)
        varied = tuple(i % n for i in self._varied if -n <= i < n) if self._varied and n else ()
        return calling(p, args, varied, self.__name__)

    def _enter(self, p: Program) -> None:
        """Put the program's native function in front: it answers the calls it knows, and hands on all others."""
        entry = getattr(p.kernel, "entry", None)
        if entry is None:
            return
        with self._lock:
            first = self._entries % ENTRIES == 0
            native = entry(self._slow if first else type(self).__call__)
            if native is not None:
                # a builtin function as `__call__` of the object's own class: called without binding
                self._become(type("Compiled", (Compiled,), {"__call__": native}))
                self._entries += 1

    def _become(self: Any, kind: type) -> None:
        self.__class__ = kind

    def _unkept(self, case: _Case, reason: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self._latest, self._why = None, reason
        case.reason = reason
        return self._eager(*args, **kwargs)


def _values(given: Arguments, case: _Case) -> tuple[Any, ...]:
    if case.float_values:
        return (*given.values, *(given.leaves[i].hex() for i in given.floats))
    return tuple(given.values)


# -- the public transforms ----------------------------------------------------------------------------------------

Options = ParamSpec("Options")


def compiled(transform: Callable[Options, Function]) -> Callable[Options, Compiled]:
    """The transform with kept graphs: what it returns traces at the first call, and runs the graph from then on."""
    picks = "argnums" in inspect.signature(transform).parameters

    @functools.wraps(transform)
    def public(f: Function, *options: Any, **named: Any) -> Compiled:
        eager = cast(Any, transform)(f, *options, **named)
        argnums = named.get("argnums", options[0] if options else 0) if picks else 0
        return Compiled(eager, f, (argnums,) if isinstance(argnums, int) else tuple(argnums))

    return cast(Any, public)


grad = compiled(differentiate.grad)
value_and_grad = compiled(differentiate.value_and_grad)
_jacobian = compiled(differentiate.jacobian)
_hessian = compiled(differentiate.hessian)
derivative = compiled(differentiate.derivative)


def jacobian(f: Function, argnums: Argnums = 0, *, mode: Mode = None, sparse: bool = False) -> Any:
    """The matrix of all partial derivatives: shape `f(x).shape + x.shape`, row = output, column = input.

    `mode` is forward (a pass per input entry) or reverse (a pass per output entry), all passes at once; by default
    whichever takes fewer. For trees: the tree of the value, at each leaf the tree of the arguments.
    With `sparse`, a `scipy.sparse.csr_array` with a row for each output entry and a column for each input entry (of all
    leaves, in order): the pattern is read from the graph and colored, so that the number of passes depends on the
    pattern and not on the size. References: Curtis, Powell & Reid (1974); Gebremedhin, Manne & Pothen (2005).

    >>> import numpy as np, cauchy
    >>> f = lambda v: np.stack([2 * v[0] * v[1], v[0] ** 2 * v[1]])
    >>> cauchy.jacobian(f)(np.array([1.0, 2.0]))
    array([[4., 2.],
           [4., 1.]])
    >>> J = cauchy.jacobian(lambda v: np.diff(v**2), sparse=True)(np.arange(1000.0))
    >>> J.shape, J.nnz
    ((999, 1000), 1998)
    """
    if sparse:
        from .sparse import sparse_jacobian

        return sparse_jacobian(f, argnums, mode=mode)
    return _jacobian(f, argnums, mode=mode)


def hessian(f: Function, argnums: int = 0, *, sparse: bool = False) -> Any:
    """The matrix of second derivatives of a function with one number as value: shape `x.shape + x.shape`.

    Forward over reverse: the gradient's pushforward of all basis vectors at once. With `sparse`, a symmetric
    `scipy.sparse.csr_array`, by as many Hessian-vector products as the pattern has colors (Coleman & Moré, 1984).

    >>> import numpy as np, cauchy
    >>> cauchy.hessian(lambda v: v[0] ** 2 + v[1] ** 3)(np.array([2.0, 3.0]))
    array([[ 2.,  0.],
           [ 0., 18.]])
    """
    if sparse:
        from .sparse import sparse_hessian

        return sparse_hessian(f, argnums)
    return _hessian(f, argnums)


def compile(f: Function) -> Compiled:
    """The function, traced at its first call and run as compiled code from then on.

    `compile(f)(*args)` is `f(*args)` with NumPy scalars for numbers: arrays, floats, and trees (dict, list, tuple,
    dataclass) of them vary from call to call; other arguments count by value. New types, dtypes or shapes, another path
    through the function's `if`s, and changed state (globals, closures, attributes) are noticed, and traced anew.
    f's arguments are never written to. Raises `TraceError` (with the line) for what cannot be traced.

    >>> import numpy as np, cauchy
    >>> norm = cauchy.compile(lambda x: np.sqrt(np.sum(x * x)))
    >>> float(norm(np.array([3.0, 4.0]))), float(norm(np.array([6.0, 8.0])))
    (5.0, 10.0)
    """

    if not callable(f):
        raise TraceError(f"compile needs a function, got a {type(f).__name__}", fix="cauchy.compile(f)(x)")

    def enter(x: Any) -> Any:
        if not (type(x) is float or isinstance(x, (np.ndarray, np.generic))):
            return x
        node = Node(INPUT, (), {}, x if type(x) is float else check_input(x, f"of `{g.__name__}`"))
        node.live = False
        return boxed(wrap(node)) if isinstance(x, np.ndarray) else wrap(node)

    def g(*args: Any, **kwargs: Any) -> Any:
        if state.depth or any(is_traced(x) for _, x in leaves((args, kwargs))):
            return call(f, args, kwargs)
        with recording():
            new, words = map_leaves(enter, (args, kwargs))
            out = call(f, new, words)
            result = rebuild(out, iter(outputs_of(out, f)))
        return release(result)

    g.__name__, g.__doc__ = getattr(f, "__name__", "f"), f.__doc__
    return Compiled(g, f, None)
