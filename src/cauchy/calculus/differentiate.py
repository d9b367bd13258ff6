"""Derivatives of plain NumPy functions.

Every function here runs the user's function once on traced values and folds over the recorded nodes
(Griewank & Walther, "Evaluating Derivatives", 2008). Values are NumPy's own; the derivative is
computed in the same precision. Arguments may be numbers, arrays, or trees (dict, list, tuple, dataclass) of them;
integers are differentiated as float64. Everything nests: grad of grad of ....
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from .. import ops as P
from ..errors import ShapeError, TraceError
from ..graph import Node, reachable
from ..read.derive import pull, push, wrap_zero
from ..tracer import Array, as_array, call, check_input, is_traced, outputs_of, recording, wrap
from ..tracer.array import boxed
from ..tracer.body import scanned
from ..tracer.context import constant, record, state, user_site
from ..tracer.tree import leaves, map_leaves, rebuild

Function = Callable[..., Any]
Argnums = int | Sequence[int]
Mode = Literal["forward", "reverse"] | None


class _Run:
    """One run of f with fresh nodes for the arguments that vary. Used inside `recording()` only."""

    def __init__(
        self, f: Function, args: tuple[Any, ...], kwargs: dict[str, Any], argnums: Argnums, has_aux: bool
    ) -> None:
        self.single = isinstance(argnums, int)
        wanted = (argnums,) if isinstance(argnums, int) else tuple(argnums)
        for i in wanted:
            if not -len(args) <= i < len(args):
                raise TraceError(
                    f"argnums names argument {i}, but {len(args)} positional arguments were given",
                    fix="pass the arguments to differentiate by position",
                )
        wanted = tuple(i % len(args) for i in wanted)
        self.varied = [args[i] for i in wanted]
        self.wrt: list[Node] = []
        new = list(args)
        for i in wanted:
            parts = [self._enter(x, f"{i} of `{getattr(f, '__name__', 'f')}`{path}") for path, x in leaves(args[i])]
            new[i] = rebuild(args[i], iter(parts))
        if not self.wrt:
            raise TraceError("there is nothing to differentiate with respect to", why="the argument holds no number")
        out = call(f, tuple(new), kwargs)
        self.aux = None
        if has_aux:
            if not isinstance(out, tuple) or len(out) != 2:
                raise TraceError("with has_aux=True the function returns a pair (value, aux)", fix="return value, aux")
            out, self.aux = out
        self.tree = out
        self.out = outputs_of(out, f)

    def _enter(self, x: Any, name: str) -> Array:
        boxes = isinstance(x, np.ndarray)
        x = check_input(x, name, real=True)
        node = record(P.identity, (x.node if is_traced(x) else constant(x),), {})
        self.wrt.append(node)
        return boxed(wrap(node)) if boxes else wrap(node)

    def scalar(self, what: str, f: Function) -> Array:
        """The one output, which must be a single real number."""
        if len(self.out) != 1 or self.out[0].size != 1:
            shapes = [o.shape for o in self.out]
            raise ShapeError(
                f"{what} needs a function with one number as value; `{getattr(f, '__name__', 'f')}` returned shape"
                f" {shapes[0] if len(shapes) == 1 else shapes}",
                fix="sum or average the result, or ask for cauchy.jacobian",
            )
        y = self.out[0]
        return y if y.ndim == 0 else P.reshape(y, shape=())

    def pulled(self, seeds: list[Any]) -> list[Array]:
        """The sensitivities of all varied leaves, zeros where there is none."""
        bars = {o.node: s for o, s in zip(self.out, seeds, strict=True) if s is not None and o.dtype.kind == "f"}
        merged = pull(bars, self.wrt)
        return [b if b is not None else _zeros(n) for b, n in zip(merged, self.wrt, strict=True)]

    def trees(self, values: list[Any]) -> Any:
        """Values for the varied leaves, in the structure of the arguments."""
        it = iter(values)
        out = tuple(rebuild(v, it) for v in self.varied)
        return out[0] if self.single else out


def _zeros(n: Node) -> Array:
    return wrap(constant(np.zeros(n.shape, n.dtype) if n.shape else n.dtype.type(0)))


def _one(y: Array) -> Array:
    return wrap(constant(y.dtype.type(1)))


def release(tree: Any) -> Any:
    """At the outermost level traced results become the user's own NumPy values; inside they stay traced."""
    if state.depth:
        return tree
    return map_leaves(_plain, tree)


def _plain(x: Any) -> Any:
    if not is_traced(x):
        return x
    v = x.value
    return np.array(v)[()] if isinstance(v, np.ndarray) else v


def _like(f: Function, name: str) -> Callable[[Function], Function]:
    if not callable(f):
        raise TraceError(f"{name} needs a function, got a {type(f).__name__}", fix=f"cauchy.{name}(f)(x)")

    def decorate(g: Function) -> Function:
        g.__name__ = f"{name}({getattr(f, '__name__', 'f')})"
        g.__doc__ = f"{name} of {getattr(f, '__name__', 'f')}."
        return g

    return decorate


def value_and_grad(f: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """The function's value together with its gradient: `(value, gradient)`, or `((value, aux), gradient)`.

    As `grad` otherwise.

    >>> import cauchy
    >>> value, slope = cauchy.value_and_grad(lambda x: x**3)(2.0)
    >>> float(value), float(slope)
    (8.0, 12.0)
    """

    @_like(f, "value_and_grad")
    def g(*args: Any, **kwargs: Any) -> Any:
        with recording():
            run = _Run(f, args, kwargs, argnums, has_aux)
            y = run.scalar("a gradient", f)
            found = pull({y.node: _one(y)}, run.wrt) if y.dtype.kind == "f" else [None] * len(run.wrt)
            parts = [b if b is not None else _zeros(n) for b, n in zip(found, run.wrt, strict=True)]
            result = ((y, run.aux) if has_aux else y, run.trees(parts))
        return release(result)

    return g


def grad(f: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """The gradient of a function with one real number as value, by one backward pass.

    `grad(f)(*args)` has the structure, shapes and float dtypes of the arguments that `argnums` names
    (an index, or several for a tuple of gradients). With `has_aux`, f returns `(value, aux)` and so does the gradient.
    At a kink it is the midpoint of the limiting derivatives; `cauchy.differentiate` says so and gives both.

    Raises `ShapeError` if f returns more than one number, `TraceError` (with the line) for what cannot be traced.
    Reference: Linnainmaa (1970); Griewank & Walther (2008).

    >>> import numpy as np, cauchy
    >>> cauchy.grad(lambda w: np.sum(w**2))(np.array([1.0, 2.0]))
    array([2., 4.])
    """
    both = value_and_grad(f, argnums, has_aux)

    @_like(f, "grad")
    def g(*args: Any, **kwargs: Any) -> Any:
        value, gradient = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return g


def vjp(f: Function, *args: Any, **kwargs: Any) -> tuple[Any, Function]:
    """The value of f and its pullback: `pullback(v)` is the tuple of v J, one part for each argument.

    v has the structure and shapes of f's value.

    >>> import numpy as np, cauchy
    >>> y, pullback = cauchy.vjp(lambda x: x**2, np.array([1.0, 3.0]))
    >>> y, pullback(np.array([1.0, 10.0]))[0]
    (array([1., 9.]), array([ 2., 60.]))
    """
    with recording():
        run = _Run(f, args, kwargs, tuple(range(len(args))), False)
        value = rebuild(run.tree, iter(run.out))

    def pullback(v: Any) -> Any:
        seeds = _matching(v, run.out, "the cotangent", "value")
        with recording():
            result = run.trees(run.pulled(seeds))
        return release(result)

    return release(value), pullback


def jvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """The value of f and its directional derivative J t, by one forward pass.

    `tangents` has the structure and shapes of `primals`. Reference: Wengert (1964).

    >>> import cauchy
    >>> y, dy = cauchy.jvp(lambda a, b: a * b, (2.0, 3.0), (1.0, 10.0))
    >>> float(y), float(dy)
    (6.0, 23.0)
    """
    with recording():
        run = _Run(f, tuple(primals), {}, tuple(range(len(primals))), False)
        ts = _matching(tuple(tangents), [wrap(n) for n in run.wrt], "the tangent", "argument")
        dots = push([o.node for o in run.out], dict(zip(run.wrt, ts, strict=True)))
        dots = [d if d is not None else _zeros_float(o) for d, o in zip(dots, run.out, strict=True)]
        result = rebuild(run.tree, iter(run.out)), rebuild(run.tree, iter(dots))
    return release(result)


def _zeros_float(o: Array) -> Array:
    dtype = o.dtype if o.dtype.kind == "f" else np.dtype(float)
    return wrap(constant(np.zeros(o.shape, dtype) if o.shape else dtype.type(0)))


def _matching(tree: Any, like: Sequence[Array], what: str, whose: str) -> list[Array]:
    """The leaves of a tangent or cotangent, each checked against the value it belongs to."""
    given = list(leaves(tree))
    if len(given) != len(like):
        raise ShapeError(f"{what} has {len(given)} parts where the {whose} has {len(like)}")
    out = []
    for (path, leaf), o in zip(given, like, strict=True):
        v = as_array(check_input(leaf, f"{what}{path}"))
        if v.shape != o.shape:
            raise ShapeError(f"{what}{path} has shape {v.shape}; the {whose} has shape {o.shape}")
        dtype = o.dtype if o.dtype.kind == "f" else np.dtype(float)
        out.append(v if v.dtype == dtype else P.astype(v, dtype=dtype))
    return out


def jacobian(f: Function, argnums: Argnums = 0, *, mode: Mode = None) -> Function:
    """The matrix of all partial derivatives: shape `f(x).shape + x.shape`, row = output, column = input.

    `mode` is forward (the changes with all input entries in one pass) or reverse (the sensitivities of all output
    entries in one pass); by default the one with fewer entries. For trees: the tree of the value, at each leaf the
    tree of the arguments.

    >>> import numpy as np, cauchy
    >>> cauchy.jacobian(lambda v: np.stack([2 * v[0] * v[1], v[0] ** 2 * v[1]]))(np.array([1.0, 2.0]))
    array([[4., 2.],
           [4., 1.]])
    """
    if mode not in (None, "forward", "reverse"):
        raise ValueError(f"mode is 'forward', 'reverse' or None, not {mode!r}")

    @_like(f, "jacobian")
    def g(*args: Any, **kwargs: Any) -> Any:
        with recording():
            run = _Run(f, args, kwargs, argnums, False)
            inputs, outputs = sum(wrap(n).size for n in run.wrt), sum(o.size for o in run.out)
            forward = mode == "forward" or (mode is None and inputs < outputs)
            blocks = _columns(run) if forward else _rows(run)
            result = rebuild(run.tree, iter([run.trees(row) for row in blocks]))
        return release(result)

    return g


PASS_BYTES = 2**28  # what the values of one pass over a basis may take; beyond, it goes in several


def _over_basis(found: list[Array | None], seed: Node, mark: int) -> list[Array | None]:
    """What was found with `seed` as tangent or cotangent, for every entry of a basis in its place, along a first axis.

    All entries at once, or a loop over parts of the basis where that would need too much memory.
    `mark`: the number of guards before the seed was used.
    """
    from ..read.batch import Basis, replay  # loaded with the first matrix of derivatives

    guards, size = state.guards[mark:], math.prod(seed.shape)
    roots = [*(x.node for x in found if x is not None), *(g.node for g in guards)]
    live = {seed}
    for n in reachable(roots, after=seed.index - 1):
        if any(a in live for a in n.args):
            live.add(n)
    state.guards[mark:] = [g for g in guards if g.node not in live]
    guards = [g for g in guards if g.node in live]
    # what does not depend on the seed is linear in it all the same: it is zero
    wanted = list(dict.fromkeys(x.node for x in found if x is not None and x.node in live))
    rounds = -(-size * sum(math.prod(n.shape) * n.dtype.itemsize for n in live if n.prim.outputs == 1) // PASS_BYTES)
    if rounds <= 1 or guards:
        many = replay(wanted, {seed: Basis(seed.shape, seed.dtype)}, guards)
    else:
        step = -(-size // rounds)
        index = np.minimum(np.arange(-(-size // step) * step), size - 1).reshape(-1, step)  # the last entry fills up
        part = lambda _, x: ((), replay(wanted, {seed: Basis(seed.shape, seed.dtype, x[0])}))
        parts = scanned(part, (), [constant(index)], len(index), False)
        many = [P.reshape(v, shape=(index.size, *v.shape[2:]))[:size] for v in parts]
    of = dict(zip(wanted, many, strict=True))
    return [None if x is None else of.get(x.node) for x in found]


def _block(x: Array | None, shape: tuple[int, ...], dtype: Any) -> Array:
    return (
        wrap(constant(np.zeros(shape, dtype) if shape else dtype.type(0))) if x is None else P.reshape(x, shape=shape)
    )


def _rows(run: _Run) -> list[list[Array]]:
    """Reverse mode: for each output leaf, the blocks of derivatives with respect to the varied leaves."""
    blocks = []
    for o in run.out:
        found: list[Array | None] = [None] * len(run.wrt)
        if o.size and o.dtype.kind == "f":
            mark, seed = len(state.guards), wrap(record(P.identity, (wrap_zero(o.node),), {}))
            found = _over_basis(pull({o.node: seed}, run.wrt), seed.node, mark)
        blocks.append([_block(r, o.shape + n.shape, n.dtype) for r, n in zip(found, run.wrt, strict=True)])
    return blocks


def _columns(run: _Run) -> list[list[Array]]:
    """Forward mode: the same blocks, from the changes of the outputs with each varied leaf."""
    from ..read.batch.vocabulary import move

    columns = []
    for n in run.wrt:
        found: list[Array | None] = [None] * len(run.out)
        if math.prod(n.shape):
            mark, seed = len(state.guards), wrap(record(P.identity, (wrap_zero(n),), {}))
            found = _over_basis(push([o.node for o in run.out], {n: seed}), seed.node, mark)
        columns.append([None if d is None else move(d, 0, -1) for d in found])
    return [
        [_block(columns[i][j], o.shape + n.shape, _zeros_float(o).dtype) for i, n in enumerate(run.wrt)]
        for j, o in enumerate(run.out)
    ]


def hessian(f: Function, argnums: int = 0) -> Function:
    """The matrix of second derivatives of a function with one number as value: shape `x.shape + x.shape`.

    Forward over reverse: one gradient, differentiated along all input entries in one pass.

    >>> import numpy as np, cauchy
    >>> cauchy.hessian(lambda v: v[0] ** 2 + v[1] ** 3)(np.array([2.0, 3.0]))
    array([[ 2.,  0.],
           [ 0., 18.]])
    """
    return _like(f, "hessian")(jacobian(grad(f, argnums), argnums, mode="forward"))


def hvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """The Hessian of f times a vector, without the Hessian: the gradient's directional derivative.

    Costs a few gradients whatever the size. Reference: Pearlmutter (1994).

    >>> import numpy as np, cauchy
    >>> cauchy.hvp(lambda x: np.sum(x**3), (np.array([1.0, 2.0]),), (np.array([1.0, 1.0]),))
    array([ 6., 12.])
    """
    argnums = tuple(range(len(primals)))
    gradient = jvp(grad(f, argnums), primals, tangents)[1]
    return gradient[0] if len(gradient) == 1 else gradient


def derivative(f: Function, order: int = 1) -> Function:
    """The n-th derivative of a function of one number; on an array, of an elementwise function entry by entry.

    `derivative(f)(x)` has the shape of x. f may return a number or (for a number x) an array.
    Raises `ShapeError` if f, on an array, is not elementwise: then `cauchy.jacobian` is meant.

    >>> import numpy as np, cauchy
    >>> float(cauchy.derivative(lambda x: x**3 - 2 * x**2 + 1)(3.0))
    15.0
    >>> cauchy.derivative(np.sin, order=2)(np.array([0.0, np.pi / 2]))
    array([-0., -1.])
    """
    if not isinstance(order, int) or isinstance(order, bool) or order < 0:
        raise ValueError(f"order is a whole number >= 0, not {order!r}")

    @_like(f, f"derivative[{order}]")
    def g(x: Any, *args: Any, **kwargs: Any) -> Any:
        with recording():
            run = _Run(f, (x, *args), kwargs, 0, False)
            if len(run.wrt) != 1:
                raise ShapeError(
                    "derivative needs one number or one array", fix="ask for cauchy.grad or cauchy.jacobian"
                )
            node, ys = run.wrt[0], run.out
            if node.shape and order:
                _require_elementwise(node, [y.node for y in ys], f)
            seed = wrap(constant(np.ones(node.shape, node.dtype) if node.shape else node.dtype.type(1)))
            for _ in range(order):
                dots = push([y.node for y in ys], {node: seed})
                ys = [d if d is not None else _zeros_float(y) for d, y in zip(dots, ys, strict=True)]
            result = rebuild(run.tree, iter(ys))
        return release(result)

    return g


def _require_elementwise(x: Node, outputs: list[Node], f: Function) -> None:
    """Read off the graph that entry i of each output depends on entry i of x alone."""
    live = {x}
    for n in reachable(outputs, after=x.index - 1):
        if n is not x and any(a in live for a in n.args):
            live.add(n)
            fine = n.prim.family in ("elementary", "special") or n.prim in (P.identity, P.stop_gradient)
            if not (fine and n.shape == x.shape):
                raise ShapeError(
                    f"`{getattr(f, '__name__', 'f')}` mixes the entries of its argument of shape {x.shape}",
                    where=n.site,
                    why=f"`{n.prim}` gives shape {n.shape}, so there is no derivative entry by entry",
                    fix="cauchy.grad for one number as value, cauchy.jacobian for several",
                )


def stop_gradient(x: Any) -> Any:
    """x itself, as a constant: no derivative passes. Outside a trace, x unchanged. Trees are taken leaf by leaf.

    >>> import cauchy
    >>> float(cauchy.grad(lambda x: x * cauchy.stop_gradient(x))(3.0))
    3.0
    """
    return map_leaves(lambda v: P.stop_gradient(v) if is_traced(v) else v, x)


class custom_derivative:
    """A function with a derivative of your own: for what cannot be traced, or has a better formula.

    `f.defjvp(rule)`: `rule(primals, tangents)` is the directional derivative of the value.
    `f.defvjp(rule)`: `rule(v, value, *primals)` is the tuple of v J, one part for each argument.
    One of the two is enough in its own mode; a rule written with NumPy functions can be differentiated again.
    f runs on plain NumPy values, so it may call anything. It returns one number or array.

    >>> import numpy as np, cauchy
    >>> @cauchy.custom_derivative
    ... def softplus(x):
    ...     return np.log1p(np.exp(x))
    >>> @softplus.defvjp
    ... def _(v, y, x):
    ...     return (v / (1 + np.exp(-x)),)
    >>> float(cauchy.grad(softplus)(0.0))
    0.5
    """

    def __init__(self, f: Function) -> None:
        functools.update_wrapper(self, f)
        self.f = f
        self._jvp: Function | None = None
        self._vjp: Function | None = None

    def defjvp(self, rule: Function) -> Function:
        self._jvp = rule
        return rule

    def defvjp(self, rule: Function) -> Function:
        self._vjp = rule
        return rule

    def __call__(self, *args: Any) -> Any:
        if not any(is_traced(a) for a in args):
            return self.f(*args)
        from ..tracer.array import apply

        return apply(P.custom, args, {"fn": _Plain(self)})

    def _missing(self, name: str, mode: str) -> TraceError:
        return TraceError(
            f"`{self.f.__name__}` has no {name} rule and is differentiated in {mode} mode",
            where=user_site(),
            fix=f"give it one with @{self.f.__name__}.{name}",
        )


class _Plain:
    """What a `custom` node holds: f on plain values, and the user's rules for the passes."""

    def __init__(self, owner: custom_derivative) -> None:
        self.owner = owner

    def __call__(self, *values: Any) -> Any:
        return check_input(self.owner.f(*values), f"returned by `{self.owner.f.__name__}`")

    def push(self, ts: list[Any], y: Any, args: list[Any]) -> Any:
        if self.owner._jvp is None:
            raise self.owner._missing("defjvp", "forward")
        tangents = tuple(t if t is not None else np.zeros_like(a) for t, a in zip(ts, args, strict=True))
        return self._checked(self.owner._jvp(tuple(args), tangents), y.shape, "defjvp")

    def pull(self, g: Any, y: Any, args: list[Any]) -> list[Any]:
        if self.owner._vjp is None:
            raise self.owner._missing("defvjp", "reverse")
        parts = self.owner._vjp(g, y, *args)
        if not isinstance(parts, (tuple, list)) or len(parts) != len(args):
            raise ShapeError(f"the defvjp rule of `{self.owner.f.__name__}` must return a tuple of {len(args)} parts")
        return [
            None if p is None else self._checked(p, np.shape(a), "defvjp") for p, a in zip(parts, args, strict=True)
        ]

    def _checked(self, x: Any, shape: tuple[int, ...], name: str) -> Array:
        x = as_array(x)
        if x.shape != shape:
            raise ShapeError(f"the {name} rule of `{self.owner.f.__name__}` returned shape {x.shape}; wanted {shape}")
        return x
