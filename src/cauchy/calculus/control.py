"""Loops and branches that stay loops and branches: `scan`, `loop`, `cond`.

A Python `for` over traced values is unrolled, and a Python `if` holds for the side it took. These three are recorded
as what they are: the body is traced once, in the first round, and becomes a graph inside the graph. Bodies are
plain functions; they may use traced values and arrays from outside, and must not write to them.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import ops as P
from ..errors import ShapeError, Site, TraceError
from ..graph import Node
from ..tracer import Array, as_array, call, check_input, is_traced, outputs_of, recording
from ..tracer.body import branched, looped, scanned
from ..tracer.context import constant, state, user_site
from ..tracer.rescue import entries
from ..tracer.tree import leaves, map_leaves, rebuild
from .differentiate import _plain

Function = Callable[..., Any]


def scan(
    body: Function, init: Any, xs: Any = None, length: int | None = None, *, reverse: bool = False
) -> tuple[Any, Any]:
    """Run `carry, y = body(carry, x)` for every x along the leading axis of xs: the last carry, and all y stacked.

    `init`, `xs` and y may be numbers, arrays or trees of them (None holds nothing); all leaves of `xs` have one
    leading axis, of `length` entries; without `xs`, `length` says how many rounds. `reverse=True` goes from the last x
    to the first; `ys[i]` always belongs to `xs[i]`.

    Every round has one graph: the carry keeps its structure, shapes and dtypes. Python numbers count as float64 and
    int64; where a round makes an integer a float, the carry is a float from the start.
    Derivatives run the loop backwards in O(length) time. Memory: what a round leaves for the way back is kept up to
    8 MiB in all; beyond, only the carry of every sqrt(length)-th round, and each stretch is run again: O(sqrt(length)).

    Raises `ShapeError` naming the leaf that does not fit, `TraceError` (with the line) for a Python decision on traced
    values in the body. References: Griewank (1992), "Achieving logarithmic growth of temporal and spatial complexity
    in reverse automatic differentiation"; Chen et al. (2016) for the square root.

    >>> import numpy as np, cauchy
    >>> total, sums = cauchy.scan(lambda s, x: (s + x, s + x), 0.0, np.array([1.0, 2.0, 4.0]))
    >>> float(total), sums
    (7.0, array([1., 3., 7.]))
    >>> def growth(rate):
    ...     return cauchy.scan(lambda s, _: (s * rate, None), 1.0, length=10)[0]
    >>> float(growth(2.0)), float(cauchy.grad(growth)(2.0))
    (1024.0, 5120.0)
    """
    with recording():
        stacked = _entered(xs, "xs")
        rounds = _length(stacked, xs, length)
        carry = _Carry(body, "carry", init)
        shape: list[Any] = [None]

        def step(s: list[Array], x: list[Array]) -> tuple[list[Array], list[Array]]:
            out = _run(body, carry.tree(s), rebuild(xs, iter(x)))
            if not isinstance(out, tuple) or len(out) != 2:
                raise TraceError(
                    f"{_called(body)} is the body of a scan and does not return a pair",
                    where=_defined(body),
                    fix="return carry, y (y may be None)",
                )
            ys = _results(out[1], body)
            shape[0] = out[1]
            return carry.fitted(out[0], s), ys

        found = carry.run(lambda start: scanned(step, start, [x.node for x in stacked], rounds, bool(reverse)))
        result = carry.tree(found[: len(carry.start)]), rebuild(shape[0], iter(found[len(carry.start) :]))
    return _released(result)


def loop(body: Function, init: Any, times: int | None = None, *, while_: Function | None = None) -> Any:
    """Run `state = body(i, state)` for i = 0, 1, 2, ...: `times` rounds, or as long as `while_(state)` holds.

    `init` is a number, an array or a tree of them; the state keeps its structure, shapes and dtypes, as the carry of
    `cauchy.scan` does, and derivatives with `times` cost what they do there. With both `times` and `while_` there are
    at most `times` rounds. With `while_` alone the number of rounds is not known beforehand: forward derivatives
    (`jvp`, `jacobian(mode="forward")`) work, backward ones (`grad`) raise `Refused` and name `times`.

    >>> import cauchy
    >>> def root(a):                                    # Heron's iteration
    ...     return cauchy.loop(lambda i, x: (x + a / x) / 2, a, 6)
    >>> [round(float(v), 12) for v in cauchy.value_and_grad(root)(2.0)]
    [1.414213562373, 0.353553390593]
    >>> float(cauchy.loop(lambda i, x: x / 2, 1000.0, while_=lambda x: x > 1))
    0.9765625
    """
    if times is None and while_ is None:
        raise TraceError("a loop without an end", where=user_site(), fix="loop(body, init, times), or while_=condition")
    with recording():
        carry = _Carry(body, "state", init)
        zero = constant(np.int64(0))

        def step(s: list[Array]) -> list[Array]:
            return [s[0] + 1, *carry.fitted(_run(body, s[0], carry.tree(s[1:])), s[1:])]

        def test(s: list[Array]) -> Array:
            return _truth(_run(while_, carry.tree(s[1:])), while_)

        def guarded(s: list[Array]) -> Sequence[Array]:
            return branched(test(s).node, lambda: step(s), lambda: s)

        if times is None:
            run = lambda start: looped(test, step, [zero, *start])
        else:
            once = step if while_ is None else guarded
            run = lambda start: scanned(lambda s, _: (once(s), ()), [zero, *start], (), _count(times, "times"), False)
        result = carry.tree(carry.run(run)[1:])
    return _released(result)


def cond(pred: Any, on_true: Function, on_false: Function, *operands: Any) -> Any:
    """`on_true(*operands)` if pred, else `on_false(*operands)`, decided anew whenever the graph runs.

    Only the chosen function is computed then; while tracing, both are recorded. They return trees of the same structure
    and shapes; dtypes are promoted to a common one. Operands are handed over as copies, so writing to them
    changes nothing outside. A pred that is not traced decides at once, as `if` does.
    `np.where` computes both sides and chooses entry by entry; `cond` is for one choice between costly computations.

    Raises `ShapeError` for results that differ in structure or shape, or a pred that is not one truth value.

    >>> import numpy as np, cauchy
    >>> f = lambda x: cauchy.cond(x > 1, np.log, lambda x: x - 1, x)
    >>> float(f(0.5)), float(cauchy.grad(f)(4.0)), float(cauchy.grad(f)(0.5))
    (-0.5, 0.25, 1.0)
    """
    if not is_traced(pred):
        if np.ndim(pred):
            raise _no_truth("pred of cond", np.shape(pred), user_site())
        return (on_true if pred else on_false)(*_copies(operands))
    with recording():
        truth = _truth(pred, None)
        first: list[tuple[Any, list[Array]]] = []

        def side(f: Function) -> Callable[[], list[Array]]:
            def run() -> list[Array]:
                tree = _run(f, *_copies(operands))
                found = _results(tree, f)
                if first:
                    _same_kinds(*first[0], tree, found, (on_true, on_false))
                first.append((tree, found))
                return found

            return run

        parts = branched(truth.node, side(on_true), side(on_false))
        result = rebuild(first[0][0], iter(parts))
    return _released(result)


# -- what goes in --------------------------------------------------------------------------------------


def _entered(tree: Any, name: str) -> list[Array]:
    """The leaves as traced values; an array is read by pointer, as a captured one is."""
    found = []
    for path, x in leaves(tree):
        value = check_input(x, name + path)
        found.append(as_array(x if isinstance(x, np.ndarray) and x.ndim else value))
    return found


def _copies(operands: Any) -> Any:
    return map_leaves(lambda x: np.copy(x) if isinstance(x, np.ndarray) else x, operands)


def _length(stacked: list[Array], xs: Any, length: int | None) -> int:
    """The number of rounds, on which all leaves of xs and `length` agree."""
    sizes: dict[str, int] = {} if length is None else {"length": _count(length, "length")}
    for x, (path, _) in zip(stacked, leaves(xs), strict=True):
        if not x.ndim:
            fix = "let the body use it from outside, or stack it"
            raise ShapeError(f"xs{path} of a scan has no axes", where=user_site(), fix=fix)
        sizes[f"xs{path}"] = x.shape[0]
    if not sizes:
        raise TraceError("a scan without an end", where=user_site(), fix="give xs, or length=")
    if len(set(sizes.values())) > 1:
        each = ", ".join(f"{n} has {k}" for n, k in sizes.items())
        raise ShapeError(f"a scan of unequal lengths: {each}", where=user_site(), fix="one leading axis for all")
    return next(iter(sizes.values()))


def _count(n: Any, name: str) -> int:
    try:
        count = operator.index(n)
    except TypeError:
        count = -1
    if isinstance(n, (bool, np.bool_)) or count < 0:
        raise TraceError(f"{name}={n!r}", where=user_site(), why=f"{name} is a whole number of rounds, 0 or more")
    return count


def _no_truth(what: str, shape: tuple[int, ...], where: Site | None) -> ShapeError:
    fix = "np.where chooses entry by entry; np.any or np.all make one of many"
    return ShapeError(f"{what} has shape {shape}; wanted one truth value", where=where, fix=fix)


def _truth(x: Any, f: Function | None) -> Array:
    what = "pred of cond" if f is None else f"{_called(f)}, the condition of a loop,"
    x = as_array(check_input(x, what))
    if x.shape:
        raise _no_truth(what, x.shape, x.node.site or user_site())
    return x if x.dtype.kind == "b" else np.not_equal(x, 0)


def _run(f: Any, *args: Any) -> Any:
    """Call a body. Arrays that it captured are traced, so that `table[i]` is recorded and not decided on."""
    outer = state.shown
    state.shown = [] if outer is None else outer
    try:
        out = call(f, args, {})
        for lent, before in state.shown if outer is None else ():
            now = entries(lent)
            if len(now) != len(before) or any(a is not b for a, b in zip(now, before, strict=True)):
                raise TraceError(
                    f"{_called(f)}, the body of a loop or branch, changes a {type(lent).__name__} from outside",
                    where=_defined(f),
                    why="it is run once to be recorded, and not in every round",
                    fix="return what changes: as part of the carry, or as an output of cauchy.scan",
                )
    finally:
        state.shown = outer
    return out


# -- what comes out ------------------------------------------------------------------------------------


class _Promoted(Exception):
    """A round gave a wider dtype than it was given: the loop begins again with that one."""

    def __init__(self, dtypes: list[np.dtype[Any]]) -> None:
        self.dtypes = dtypes


class _Carry:
    """What is handed from round to round."""

    def __init__(self, f: Function, name: str, init: Any) -> None:
        self.f, self.name, self.init = f, name, init
        self.start = _entered(init, "init")

    def tree(self, values: Sequence[Any]) -> Any:
        return rebuild(self.init, iter(values))

    def run(self, attempt: Callable[[list[Node]], list[Array]]) -> list[Array]:
        while True:
            try:
                return attempt([x.node for x in self.start])
            except _Promoted as e:
                self.start = [_cast(x, d) for x, d in zip(self.start, e.dtypes, strict=True)]

    def fitted(self, out: Any, given: Sequence[Array]) -> list[Array]:
        """The leaves of the next carry, which must be of the kinds of this one."""
        found, paths = _results(out, self.f), [p for p, _ in leaves(self.init)]
        if [p for p, _ in leaves(out)] != paths:
            _differ(self.f, f"the {self.name}", out, f"{self.name} began", self.init)
        for path, new, old in zip(paths, found, given, strict=True):
            what = f"{self.name}{path} of {_called(self.f)}"
            where = new.node.site or _defined(self.f)
            if new.shape != old.shape:
                raise ShapeError(
                    f"{what} has shape {old.shape} before a round and {new.shape} after it",
                    where=where,
                    why="every round has the same graph",
                    fix=f"begin with that shape, say np.zeros({new.shape}), or reduce it in the body",
                )
            if _common(new, old) is None:
                raise ShapeError(
                    f"{what} has dtype {old.dtype} before a round and {new.dtype} after it",
                    where=where,
                    fix="x.astype(dtype) in the body",
                )
        dtypes = [_common(new, old) or old.dtype for new, old in zip(found, given, strict=True)]
        if any(d != x.dtype for d, x in zip(dtypes, given, strict=True)):
            raise _Promoted(dtypes)
        return [_cast(x, d) for x, d in zip(found, dtypes, strict=True)]


def _results(tree: Any, f: Function) -> list[Array]:
    return outputs_of(tree, f) if next(leaves(tree), None) is not None else []


def _common(a: Array, b: Array) -> np.dtype[Any] | None:
    """The dtype that holds both; a truth value and a number have none."""
    if a.dtype == b.dtype:
        return a.dtype
    return None if "b" in (a.dtype.kind, b.dtype.kind) else np.promote_types(a.dtype, b.dtype)


def _cast(x: Array, dtype: np.dtype[Any]) -> Array:
    return x if x.dtype == dtype else P.astype(x, dtype=dtype)


def _same_kinds(
    tree: Any, found: list[Array], other: Any, also: list[Array], functions: tuple[Function, Function]
) -> None:
    yes, no = map(_called, functions)
    if [p for p, _ in leaves(tree)] != [p for p, _ in leaves(other)]:
        _differ(functions[1], "the result", other, f"that of {yes} is", tree)
    for (path, _), a, b in zip(leaves(tree), found, also, strict=True):
        if a.shape != b.shape or _common(a, b) is None:
            raise ShapeError(
                f"the sides of a cond differ: {yes}{path} is {a.dtype} of shape {a.shape}, {no}{path} {b.dtype} of"
                f" shape {b.shape}",
                where=user_site(),
                fix="return arrays of one shape and kind from both",
            )


def _differ(f: Function, what: str, out: Any, wanted: str, like: Any) -> None:
    got, want = ([p or "one leaf" for p, _ in leaves(t)] for t in (out, like))
    raise ShapeError(
        f"{what} that {_called(f)} returns has another structure: {', '.join(got) or 'nothing'}",
        where=_defined(f),
        why=f"{wanted} with {', '.join(want) or 'nothing'}",
        fix="return a tree of the same keys and lengths",
    )


def _released(tree: Any) -> Any:
    """Outside of any trace results are NumPy's values, but for those that a Variable is waiting for."""
    if state.depth:
        return tree
    return map_leaves(lambda x: x if is_traced(x) and x.node.live else _plain(x), tree)


def _called(f: Any) -> str:
    return f"`{getattr(f, '__name__', type(f).__name__)}`"


def _defined(f: Any) -> Site | None:
    code = getattr(getattr(f, "__func__", f), "__code__", None)
    return Site(code.co_filename, code.co_firstlineno) if code else user_site()
