"""A function of one example becomes a function of many, at the speed of array operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import ops as P
from ..errors import ShapeError, TraceError
from ..graph import Node
from ..read.batch import replay
from ..read.batch.vocabulary import move
from ..tracer import as_array, call, check_input, is_traced, outputs_of, recording, wrap
from ..tracer.context import record, state
from ..tracer.tree import _children, leaves, rebuild
from .differentiate import _like, release

Function = Callable[..., Any]


def vmap(f: Function, in_axes: Any = 0, out_axes: Any = 0) -> Function:
    """f for many examples at once: `vmap(f)(xs)[i]` is `f(xs[i])`.

    `in_axes` says along which axis of each positional argument the examples lie: an integer for all, or a tuple with
    an entry for each argument: an integer, None for an argument that all examples share, or a tree of these.
    `out_axes` says the same of the results; None for one that does not depend on the example. Arguments by
    keyword are shared.

    f runs once, on the first example, and what depends on the examples is then computed with one axis more, in the
    same dtypes. Results agree with those of a loop up to rounding (products are taken together). A Python `if`
    on an example's value must come out the same for all examples. The result can be differentiated, and
    `vmap(grad(f), in_axes=(None, 0))` is the gradient for each example.

    Raises `ShapeError` where the numbers of examples differ or are zero, `TraceError` (with the line) for what cannot
    be traced or for a Python decision that differs between examples, `Refused` for what has no stack of results.
    Reference: Bradbury et al., JAX (2018).

    >>> import numpy as np, cauchy
    >>> xs = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    >>> cauchy.vmap(lambda x: x @ x)(xs)
    array([ 5., 25., 61.])
    >>> loss = lambda w, x: (x @ w) ** 2
    >>> cauchy.vmap(cauchy.grad(loss), in_axes=(None, 0))(np.array([1.0, -1.0]), xs)
    array([[ -2.,  -4.],
           [ -6.,  -8.],
           [-10., -12.]])
    """

    @_like(f, "vmap")
    def g(*args: Any, **kwargs: Any) -> Any:
        with recording():
            mark = len(state.guards)
            entries, size, first = _examples(f, args, in_axes)
            out = call(f, first, kwargs)
            found = outputs_of(out, f)
            guards, state.guards[mark:] = state.guards[mark:], []
            many = replay([o.node for o in found], entries, guards)
            axes = _spread(out_axes, out, "out_axes", "the result")
            result = rebuild(out, iter(list(map(_placed, many, found, axes, [size] * len(found)))))
        return release(result)

    return g


def _examples(f: Function, args: tuple[Any, ...], in_axes: Any) -> tuple[dict[Node, Any], int, tuple[Any, ...]]:
    """For each leaf with examples a fresh node for the first of them, with all of them; and the first arguments."""
    name = getattr(f, "__name__", "f")
    if isinstance(in_axes, (tuple, list)):
        if len(in_axes) != len(args):
            raise ShapeError(
                f"in_axes has {len(in_axes)} entries and `{name}` got {len(args)} positional arguments",
                fix="one entry for each, None for an argument that all examples share",
            )
    else:
        in_axes = (in_axes,) * len(args)
    entries: dict[Node, Any] = {}
    first, size, whose = [], -1, ""
    for i, (arg, spec) in enumerate(zip(args, in_axes, strict=True)):
        parts = []
        for (path, x), axis in zip(leaves(arg), _spread(spec, arg, "in_axes", f"argument {i}"), strict=True):
            if axis is None:
                # traced, so that each example can read its own entry: table[i]
                plain = isinstance(x, np.ndarray) and not is_traced(x) and x.ndim and x.dtype.kind in "fiub"
                parts.append(as_array(x) if plain else x)
                continue
            label = f"{i} of `{name}`{path}"
            xs = as_array(check_input(x, label))
            if not -xs.ndim <= axis < xs.ndim:
                raise ShapeError(
                    f"argument {label} has shape {xs.shape}; wanted examples along axis {axis}",
                    fix="in_axes=None for an argument that all examples share",
                )
            xs = move(xs, axis, 0)
            if not xs.shape[0]:
                raise ShapeError(
                    f"argument {label} holds no example: its axis {axis} has length 0",
                    why="the function runs on the first example to learn what it does",
                    fix="treat the empty batch before the call",
                )
            if size not in (-1, xs.shape[0]):
                raise ShapeError(
                    f"argument {label} holds {xs.shape[0]} examples along axis {axis}; argument {whose} holds {size}"
                )
            size, whose = xs.shape[0], label
            node = record(P.identity, (P.getitem(xs, key=(0,)).node,), {})
            entries[node] = wrap(xs.node)
            parts.append(wrap(node))
        first.append(rebuild(arg, iter(parts)))
    if not entries:
        raise TraceError(
            f"vmap of `{name}` has no examples", why="no argument has an axis", fix="in_axes=0 for one of them"
        )
    return entries, size, tuple(first)


def _spread(axes: Any, tree: Any, what: str, whose: str) -> list[Any]:
    """An axis for each leaf: an integer or None stands for all leaves of its branch."""
    if axes is None or (isinstance(axes, int) and not isinstance(axes, bool)):
        return [axes for _ in leaves(tree)]
    mine, theirs = _children(axes), _children(tree)
    if not mine or [k for k, _ in mine] != [k for k, _ in theirs]:
        raise ShapeError(
            f"{what} {axes!r} does not fit {whose}",
            why=f"{what} is an integer, None, or a tree of them with the branches of {whose}",
        )
    return [
        a for (k, spec), (_, branch) in zip(mine, theirs, strict=True) for a in _spread(spec, branch, what, whose + k)
    ]


def _placed(many: Any, one: Any, axis: int | None, size: int) -> Any:
    """A result with its examples along the axis asked for."""
    if axis is None:
        if many is None:
            return one
        raise ShapeError(
            f"out_axes is None for a result of shape {one.shape} that depends on the example",
            fix="name an axis: out_axes=0",
        )
    if not -one.ndim - 1 <= axis <= one.ndim:
        raise ShapeError(f"out_axes={axis} for a result that has shape {one.shape} for one example")
    return move(P.broadcast_to(one, shape=(size, *one.shape)) if many is None else many, 0, axis)
