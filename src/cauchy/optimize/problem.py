"""A problem in standard form: minimize f(x) subject to lower <= x <= upper and cl <= c(x) <= cu.

The Lagrangian is L(x, lam, z) = f(x) + lam'c(x) + z'x, so that grad f + J'lam + z = 0 where x is stationary. A
multiplier is >= 0 where the upper side of its constraint is active, <= 0 where the lower side is, free for an equality
(cl == cu) and 0 elsewhere; minus the multiplier is the slope of the optimal value in the active bound.
All functions take one flat float64 vector x of n entries; `wrap` gives it the structure of the user's x0.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..calculus import compile as compiled
from ..calculus import differentiate
from ..errors import DomainError, ShapeError
from ..tracer import call, check_input
from ..tracer.tree import leaves, map_leaves, rebuild

Function = Callable[..., Any]
Vector = np.ndarray


@dataclass(frozen=True)
class Row:
    """One constraint as given: `fun(x)` between `lower` and `upper`, `jac` where it came by hand, whether linear."""

    fun: Function
    lower: Any
    upper: Any
    jac: Function | None = None
    linear: bool = False


class Problem:
    """What is minimized: functions of a flat vector, bounds, and compiled derivatives.

    n, m: numbers of variables and of rows of c. x0, lower, upper: shape (n,). cl, cu: shape (m,). linear: shape (m,),
    rows known to be linear. f, c: plain functions (c is None where m = 0). by_hand: the user gave derivatives.
    Usually made by `cauchy.problem`, which takes SciPy's forms. Raises `ShapeError`, `DomainError` for unfit parts.

    >>> import numpy as np
    >>> p = Problem(lambda x: x[0] * x[1], [1.0, 2.0], lower=0.0, rows=[Row(lambda x: x[0] + x[1], 3.0, 3.0)])
    >>> p.n, p.m, p.gradient(p.x0), p.lagrangian_hessian(p.x0, np.ones(1))
    (2, 1, array([2., 1.]), array([[0., 1.],
           [1., 0.]]))
    """

    def __init__(
        self,
        f: Function,
        x0: Any,
        *,
        args: tuple[Any, ...] = (),
        lower: Any = -np.inf,
        upper: Any = np.inf,
        rows: Sequence[Row] = (),
        jac: Function | bool | None = None,
        hess: Function | None = None,
    ) -> None:
        if not callable(f):
            raise ShapeError(f"f is a {type(f).__name__}; wanted a function of x", fix="minimize(lambda x: ..., x0)")
        self.shape = Shape(x0)
        self.n = self.shape.n
        self.x0 = self.shape.vector(x0)
        self.user, self.args = f, args
        self.lower, self.upper = (_bound(b, self.n, name) for b, name in ((lower, "lower"), (upper, "upper")))
        crossed = np.flatnonzero(~(self.lower <= self.upper) | (self.lower == np.inf) | (self.upper == -np.inf))
        if crossed.size:
            i = int(crossed[0])
            raise DomainError(
                f"no x satisfies the bounds: lower[{i}] = {self.lower[i]}, upper[{i}] = {self.upper[i]}",
                fix="lower <= upper in every entry, equal entries fix a variable; -inf below, inf above for no bound",
            )
        pair = jac is True
        with np.errstate(all="ignore"):  # where it starts is the solver's to judge
            first = f(self.wrap(self.x0.copy()), *args)
        if pair:
            first = first[0]
        must_be_real(first, "f(x0)")
        if np.size(first) != 1:
            why = "what is minimized is one number"
            raise ShapeError(f"f(x0) has shape {np.shape(first)}; wanted one number", why=why, fix="sum it, or choose")
        self.f = _flat_function(f, self.shape, args, flatten=np.ndim(first) > 0, pick=0 if pair else None)
        shape = self.shape
        self._jac = (lambda x: f(shape.wrap(x), *args)[1]) if pair else None
        if callable(jac):
            self._jac = lambda x: jac(shape.wrap(x), *args)
        self._hess = None if hess is None else lambda x: hess(shape.wrap(x), *args)
        self._rows(rows)
        self.by_hand = self._jac is not None
        # to be traced inside a step, or run as they are: closures over little, since what they reach is watched
        self.plain_value_and_gradient = _with_gradient(self.f, self._jac, shape)
        self.plain_hessian = _second(self.f, self._hess, self.n)
        self.plain_jacobian = _first(
            [(r.fun, r.jac, k) for r, k in zip(self.rows, self.sizes, strict=True)], self.c, shape
        )

    def _rows(self, rows: Sequence[Row]) -> None:
        self.rows = tuple(rows)
        sizes, lowers, uppers = [], [], []
        for k, row in enumerate(self.rows):
            with np.errstate(all="ignore"):
                value = row.fun(self.wrap(self.x0.copy()))
            must_be_real(value, f"constraint {k} at x0")
            value = _column(value)
            sizes.append(value.size)
            lo, hi = (
                _bound(b, value.size, f"the {side} side of constraint {k}")
                for b, side in ((row.lower, "lower"), (row.upper, "upper"))
            )
            if np.any(~(lo <= hi) | (lo == np.inf) | (hi == -np.inf)):
                sides = "lower <= upper, and neither is the infinity that no value reaches"
                raise DomainError(f"constraint {k} holds nowhere: wanted {sides}; got {row.lower}, {row.upper}")
            lowers.append(lo)
            uppers.append(hi)
        self.m = sum(sizes)
        self.sizes = tuple(sizes)
        self.cl, self.cu = (np.concatenate([np.empty(0), *sides]) for sides in (lowers, uppers))
        self.linear = np.repeat([r.linear for r in self.rows], sizes) if rows else np.zeros(0, bool)
        self.c = None if not self.m else _stacked([_flat_function(r.fun, self.shape) for r in self.rows])

    def __repr__(self) -> str:
        equal = int(np.sum(self.cl == self.cu))
        bounded = int(np.sum(np.isfinite(self.lower) | np.isfinite(self.upper)))
        parts = [f"{self.n} variables", f"{bounded} bounded", f"{equal} equalities", f"{self.m - equal} inequalities"]
        said = [p for p, k in zip(parts, (1, bounded, equal, self.m - equal), strict=True) if k]
        return f"<Problem: minimize {getattr(self.user, '__name__', 'f')}; {', '.join(said)}; x0={self.x0}>"

    @functools.cached_property
    def rows_by_hand(self) -> bool:
        """Whether the derivatives of a constraint came by hand."""
        return any(r.jac is not None for r in self.rows)

    @property
    def free(self) -> bool:
        """Whether nothing restricts x: no rows, and no finite bound."""
        return not (self.m or np.isfinite(self.lower).any() or np.isfinite(self.upper).any())

    def wrap(self, x: Any) -> Any:
        """The flat vector in the structure of the user's x0."""
        return self.shape.wrap(x)

    # -- compiled, or by hand where given ------------------------------------------------------------------------

    @functools.cached_property
    def value(self) -> Function:
        """x -> f(x)."""
        return self.f if self.by_hand else compiled.compile(self.f)

    @functools.cached_property
    def value_and_gradient(self) -> Function:
        """x -> f(x), grad f(x)."""
        if self.by_hand:
            return self.plain_value_and_gradient
        return compiled.value_and_grad(self.f)

    def gradient(self, x: Vector) -> Vector:
        """Grad f(x), shape (n,)."""
        return self.value_and_gradient(x)[1]

    @functools.cached_property
    def hessian(self) -> Function:
        """x -> the matrix of second derivatives of f, shape (n, n)."""
        return self.plain_hessian if self._hess is not None else compiled.hessian(self.f)

    @functools.cached_property
    def sparse_hessian(self) -> Function:
        """x -> the same as a `scipy.sparse.csr_array`, without its zeros."""
        return compiled.hessian(self.f, sparse=True)

    @functools.cached_property
    def constraints(self) -> Function:
        """x -> c(x), shape (m,)."""
        if self.c is None:
            return lambda x: np.empty(0)
        return self.c if self.rows_by_hand else compiled.compile(self.c)

    @functools.cached_property
    def jacobian(self) -> Function:
        """x -> the Jacobian of c, shape (m, n)."""
        if self.c is None or self.rows_by_hand:
            return self.plain_jacobian
        return compiled.jacobian(self.c)

    @functools.cached_property
    def lagrangian_hessian(self) -> Function:
        """x, lam -> the Hessian of f + lam'c, shape (n, n)."""
        if self.c is None:
            return lambda x, lam: self.hessian(x)
        f, c = self.f, self.c
        return compiled.hessian(lambda x, lam: f(x) + lam @ c(x))

    @functools.cached_property
    def curvature(self) -> Function:
        """x, lam, d -> d'Hd with that Hessian, at a small multiple of the cost of f and c."""
        f, c = self.f, self.c or (lambda x: np.zeros(0))

        def along(x: Any, lam: Any, d: Any) -> Any:
            return d @ differentiate.hvp(lambda x: f(x) + lam @ c(x), (x,), (d,))

        return compiled.compile(along)


def must_be_real(value: Any, name: str) -> None:
    """A function's value: real numbers, not True and False, nothing or complex ones."""
    a = _column(value)
    if a.dtype.kind not in "fiu":
        got = "None (is a return missing?)" if value is None else f"dtype {a.dtype}"
        fix = "return the value that is compared with the sides, not the comparison" if a.dtype.kind == "b" else ""
        raise ShapeError(f"{name}: got {got}; wanted real numbers", fix=fix)


def _with_gradient(f: Function, jac: Function | None, shape: Shape) -> Function:
    """x -> f(x), grad f(x)."""
    if jac is None:
        return differentiate.value_and_grad(f)
    return lambda x: (f(x), shape.flat(jac(x), "jac(x)"))


def _second(f: Function, hess: Function | None, n: int) -> Function:
    """x -> the matrix of second derivatives."""
    return differentiate.hessian(f) if hess is None else lambda x: np.reshape(hess(x), (n, n))


def _first(rows: list[tuple[Function, Function | None, int]], c: Function | None, shape: Shape) -> Function:
    """x -> J(x), shape (m, n)."""
    if c is None:
        return lambda x: np.empty((0, shape.n))
    if all(jac is None for _, jac, _ in rows):
        return differentiate.jacobian(c)
    parts = [
        (lambda x, jac=jac, k=k: np.reshape(jac(shape.wrap(x)), (k, shape.n)))
        if jac is not None
        else differentiate.jacobian(_stacked([_flat_function(fun, shape)]))
        for fun, jac, k in rows
    ]
    return lambda x: np.concatenate([part(x) for part in parts])


class Shape:
    """How a number, an array or a tree of them becomes a flat float64 vector and back."""

    def __init__(self, x0: Any) -> None:
        parts = self._leaves(x0)
        self.shapes = [a.shape for a in parts]
        self.n = sum(a.size for a in parts)
        self.tree = map_leaves(lambda _: 0.0, x0)  # the structure alone
        if not self.n:
            raise ShapeError("x0 has no entries", why="there is nothing to choose", fix="give a start, say np.zeros(3)")
        self.single = not isinstance(x0, (list, tuple, dict)) and len(self.shapes) == 1
        self.plain = self.single and len(self.shapes[0]) == 1
        if isinstance(x0, (list, tuple)) and all(s == () for s in self.shapes) and not hasattr(x0, "_fields"):
            self.plain = True  # a list of numbers is a vector, as for SciPy

    def _leaves(self, x0: Any) -> list[Vector]:
        parts = []
        for path, leaf in leaves(x0):
            a = np.asarray(check_input(leaf, f"x0{path}", real=True), dtype=np.float64)
            if not np.all(np.isfinite(a)):
                raise DomainError(f"x0{path} has entries that are not finite", fix="start where f is defined")
            parts.append(a)
        return parts

    def vector(self, x0: Any) -> Vector:
        """A start of this structure as a flat vector of its own memory."""
        if type(x0) is np.ndarray and x0.dtype == np.float64 and x0.ndim == 1:
            return x0.copy()  # the solver looks at what is not finite
        return np.concatenate([a.ravel() for a in self._leaves(x0)])

    def wrap(self, x: Any) -> Any:
        if self.plain:
            return x
        parts, at = [], 0
        for shape in self.shapes:
            size = int(np.prod(shape))
            parts.append(x[at] if shape == () else np.reshape(x[at : at + size], shape))
            at += size
        return parts[0] if self.single else rebuild(self.tree, iter(parts))

    def flat(self, tree: Any, name: str) -> Any:
        """A tree of this structure as one vector."""
        found = [np.ravel(x) for _, x in leaves(tree)] if not self.plain else [np.ravel(tree)]
        x = found[0] if len(found) == 1 else np.concatenate(found)
        if x.size != self.n:
            raise ShapeError(f"{name} has {x.size} entries; wanted {self.n}, one for each entry of x0")
        return x


def _flat_function(
    f: Function, shape: Shape, args: tuple[Any, ...] = (), flatten: bool = False, pick: int | None = None
) -> Function:
    """f of the user's structure as a function of the flat vector."""
    if shape.plain and not args and not flatten and pick is None:
        return f

    def flat(x: Any) -> Any:
        y = call(f, (shape.wrap(x), *args), {})
        y = y if pick is None else y[pick]
        return np.reshape(y, ()) if flatten else y

    flat.__name__ = getattr(f, "__name__", "f")
    return flat


def _stacked(parts: list[Function]) -> Function:
    """One function for all constraints: their values in one column."""

    def c(x: Any) -> Any:
        found = [_column(call(f, (x,), {})) for f in parts]
        return found[0] if len(found) == 1 else np.concatenate(found)

    return c


def _column(value: Any) -> Any:
    """A number, an array or a list of them as one vector."""
    if isinstance(value, (list, tuple)):
        return np.concatenate([np.ravel(v) for v in value]) if value else np.empty(0)
    return np.ravel(value)


def _bound(given: Any, size: int, name: str) -> Vector:
    try:
        if isinstance(given, list) and np.size(given) != size:  # pairs are one for each entry
            raise ValueError
        b = np.array(
            np.broadcast_to(np.asarray(given, dtype=np.float64).ravel() if np.ndim(given) else given, (size,)),
            dtype=np.float64,
        )
    except (TypeError, ValueError):
        got = f"shape {np.shape(given)}" if np.ndim(given) else repr(given)
        raise ShapeError(f"{name}: got {got}, wanted {size} entries", fix="a number, or one number for each") from None
    if np.any(np.isnan(b)):
        raise DomainError(f"{name} holds NaN", fix="-np.inf or np.inf where there is no bound")
    return b


def problem(
    f: Function,
    x0: Any,
    *,
    args: tuple[Any, ...] = (),
    bounds: Any = None,
    subject_to: Any = (),
    jac: Function | bool | None = None,
    hess: Function | None = None,
) -> Problem:
    """The problem in standard form.

    `bounds`: None, `scipy.optimize.Bounds`, or a sequence of n pairs (lower, upper) in which None means no bound.
    `subject_to`: one or a sequence of `(fun, lower, upper)`, `scipy.optimize.NonlinearConstraint`, `LinearConstraint`,
    or SciPy's dicts {"type": "eq" or "ineq", "fun": ..., "jac": ..., "args": ...} ("ineq" means fun(x) >= 0).

    >>> import cauchy
    >>> total = lambda x: x[0] + x[1]
    >>> p = problem(lambda x: x @ x, [1.0, 2.0], bounds=[(0, None), (None, 3)], subject_to=(total, 1, 1))
    >>> p.n, p.m, p.lower, p.cu
    (2, 1, array([  0., -inf]), array([1.]))
    """
    lower, upper = _pairs(bounds)
    return Problem(f, x0, args=args, lower=lower, upper=upper, rows=_given(subject_to), jac=jac, hess=hess)


def asked_about(
    front: str, f: Function | Problem, x0: Any, args: tuple[Any, ...], bounds: Any, subject_to: Any
) -> Problem:
    """The problem that `front(f, x0, ...)` or `front(problem)` is about."""
    if isinstance(f, Problem):
        if x0 is not None or bounds is not None or np.size(subject_to) or args:
            raise ShapeError(f"{front}: a problem has its own x0, bounds and constraints", fix="leave these out")
        return f
    if x0 is None:
        why = "it tells the structure of the variables"
        raise ShapeError(f"{front}: x0 is missing", why=why, fix=f"{front}(f, x0, ...)")
    return problem(f, x0, args=args, bounds=bounds, subject_to=subject_to)


def _pairs(bounds: Any) -> tuple[Any, Any]:
    if bounds is None:
        return -np.inf, np.inf
    if hasattr(bounds, "lb") and hasattr(bounds, "ub"):
        return bounds.lb, bounds.ub
    try:
        pairs = [(lo, hi) for lo, hi in bounds]
    except (TypeError, ValueError):
        raise ShapeError(
            f"bounds={bounds!r} is no sequence of pairs",
            fix="one (lower, upper) for each entry of x, None for no bound",
        ) from None
    lower, upper = (
        [none if b is None else b for b in side]
        for side, none in zip(zip(*pairs, strict=True), (-np.inf, np.inf), strict=True)
    )
    return lower, upper


class _Linear:
    """x -> A x."""

    def __init__(self, k: int, A: Vector) -> None:
        self.k, self.A = k, A

    def __call__(self, x: Any) -> Any:
        if np.shape(x) != self.A.shape[1:]:
            raise ShapeError(
                f"constraint {self.k}: its matrix has shape {self.A.shape}, x has shape {np.shape(x)}",
                fix="one column for each entry of x",
            )
        return self.A @ x


def _given(subject_to: Any) -> list[Row]:
    single = (
        isinstance(subject_to, dict)
        or hasattr(subject_to, "lb")
        or (isinstance(subject_to, tuple) and len(subject_to) == 3 and callable(subject_to[0]))
    )
    if subject_to is None or single:
        return [_row(0, subject_to)] if single else []
    if not hasattr(subject_to, "__iter__"):
        raise ShapeError(
            f"subject_to={subject_to!r}: between which values?", fix="(fun, lower, upper), or a list of such"
        )
    return [_row(k, c) for k, c in enumerate(subject_to)]


def _row(k: int, c: Any) -> Row:
    if isinstance(c, Row):
        return c
    if isinstance(c, dict):
        if c.get("type") not in ("eq", "ineq") or not callable(c.get("fun")):
            raise ShapeError(f"constraint {k} is {c!r}", fix='{"type": "eq" or "ineq", "fun": a function of x}')
        fun, jac, args = c["fun"], c.get("jac"), tuple(c.get("args", ()))
        bind = lambda g: g if not args or not callable(g) else lambda x: g(x, *args)
        return Row(bind(fun), 0.0, 0.0 if c["type"] == "eq" else np.inf, bind(jac) if callable(jac) else None)
    if hasattr(c, "A") and hasattr(c, "lb"):
        A = np.asarray(c.A.toarray() if hasattr(c.A, "toarray") else c.A, dtype=np.float64)
        A = A[None] if A.ndim == 1 else A
        return Row(_Linear(k, A), c.lb, c.ub, None, linear=True)
    if hasattr(c, "fun") and hasattr(c, "lb"):
        return Row(c.fun, c.lb, c.ub, c.jac if callable(c.jac) else None)
    if isinstance(c, (tuple, list)) and len(c) == 3 and callable(c[0]):
        lower, upper = c[1:]
        return Row(c[0], -np.inf if lower is None else lower, np.inf if upper is None else upper)
    raise ShapeError(
        f"constraint {k} is a {type(c).__name__}",
        fix="(fun, lower, upper), scipy.optimize.NonlinearConstraint or LinearConstraint, or SciPy's dict",
    )
