"""Calling the user's function so that what does not dispatch is traced too.

NumPy's protocols reach functions that *receive* a traced value. They do not reach `np.zeros(n)` (to
which one is assigned later), `np.array([x, y])`, `math.exp(x)`, `float(x)`, `scipy.special.logsumexp`, nor
`np.random`. So the function runs with the same code in the same world, except that those names mean our
versions: its globals are a copy in which they are replaced. Helpers found there are run the same way.

A function that writes globals, or is not plain Python, is called as it is; then only the protocols trace it,
and what they cannot trace raises.
"""

from __future__ import annotations

import builtins
import dis
import functools
import inspect
import math
import random
import types
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import scipy.linalg
import scipy.special

from .. import ops as P
from .array import as_array, boxed, contains_traced, held, holdable, is_traced, wrap
from .context import _LIBRARIES, _OURS, constant, refusal, state
from .data import cells, names_in, says_dot, seen
from .functions.registry import FUNCTIONS


class Namespace:
    """A module seen through the table: names in it mean ours, all others what they were."""

    def __init__(self, module: Any, ours: dict[str, Any]) -> None:
        self.__dict__.update(_module=module, _ours=ours)

    def __getattr__(self, name: str) -> Any:
        ours = self.__dict__["_ours"]
        return ours[name] if name in ours else getattr(self.__dict__["_module"], name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.__dict__["_module"], name, value)

    def __dir__(self) -> list[str]:
        return dir(self.__dict__["_module"])

    def __repr__(self) -> str:
        return repr(self.__dict__["_module"])


# NumPy functions whose argument is a sequence of arrays, not an array written as a sequence
_SEQUENCES = frozenset(
    (
        "concatenate concat stack vstack hstack dstack column_stack row_stack"
        " select meshgrid broadcast_arrays multi_dot ix_ choose"
    ).split()
)


def _converted(x: Any, depth: int) -> Any:
    """Lists and arrays of objects that hold traced values, as traced arrays."""
    if is_traced(x) or not contains_traced(x):
        return x
    return (
        as_array(x) if depth == 0 or not isinstance(x, (list, tuple)) else type(x)(_converted(v, depth - 1) for v in x)
    )


class Listening:
    """A NumPy function or ufunc that also takes lists of traced values, of which NumPy would make arrays of objects."""

    def __init__(self, original: Any) -> None:
        self.__dict__.update(_original=original, __wrapped__=original, __doc__=original.__doc__)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        original = self.__dict__["_original"]
        if original is np.block:  # finds traced values at any depth itself
            return original(*args, **kwargs)
        depth = int(original.__name__ in _SEQUENCES)
        return original(*[_converted(a, depth) for a in args], **{k: _converted(v, depth) for k, v in kwargs.items()})

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_original"], name)

    def __eq__(self, other: Any) -> bool:
        return other is self or other is self.__dict__["_original"]

    def __hash__(self) -> int:
        return hash(self.__dict__["_original"])

    def __repr__(self) -> str:
        return repr(self.__dict__["_original"])


class NumpyNamespace(Namespace):
    """numpy or numpy.linalg, whose functions listen."""

    def __getattr__(self, name: str) -> Any:
        found = super().__getattr__(name)
        if isinstance(found, np.ufunc) or found in FUNCTIONS if isinstance(found, Hashable) else False:
            found = self.__dict__["_ours"].setdefault(name, Listening(found))
        return found


def traced(original: Callable[..., Any], ours: Callable[..., Any]) -> Callable[..., Any]:
    """`ours` if an argument is or holds a traced value, else the original."""

    @functools.wraps(original)
    def either(*args: Any, **kwargs: Any) -> Any:
        if any(map(contains_traced, args)) or any(map(contains_traced, kwargs.values())):
            return ours(*args, **kwargs)
        return original(*args, **kwargs)

    return either


# -- creation: fresh float arrays are traced, so that traced values can be written into them ----------


def _creator(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def create(*args: Any, **kwargs: Any) -> Any:
        made = original(*args, **kwargs)
        if not state.depth or type(made) is not np.ndarray or made.dtype.kind != "f":
            return made
        return boxed(wrap(constant(made if made.ndim else made[()])))

    return create


def _array(x: Any, dtype: Any = None, *, copy: Any = True, ndmin: int = 0, **kwargs: Any) -> Any:
    out = as_array(x, dtype)
    out = wrap(out.node) if copy else out
    while out.ndim < ndmin:
        out = np.expand_dims(out, 0)
    return boxed(out)


def _asarray(x: Any, dtype: Any = None, **kwargs: Any) -> Any:
    return boxed(as_array(x, dtype))


def _full(shape: Any, fill_value: Any, dtype: Any = None, **kwargs: Any) -> Any:
    return np.copy(np.broadcast_to(as_array(fill_value, dtype), shape))


def _full_like(
    a: Any, fill_value: Any, dtype: Any = None, order: Any = "K", subok: bool = True, shape: Any = None
) -> Any:
    return _full(np.shape(a) if shape is None else shape, fill_value, np.result_type(a) if dtype is None else dtype)


def _nditer(*args: Any, **kwargs: Any) -> Any:
    raise refusal("np.nditer of a traced array", why="it walks over memory", fix="for i in np.ndindex(x.shape): x[i]")


def _random(name: str) -> Any:
    target = getattr(np.random, name)
    if isinstance(target, type) or not callable(target):
        return target

    def refuse(*args: Any, **kwargs: Any) -> Any:
        if name == "default_rng" and (args or kwargs) and args != (None,):
            return target(*args, **kwargs)
        raise refusal(
            f"np.random.{name} inside a traced function",
            why="the function would be another one at each call, and its derivative that of no function",
            fix="draw the sample outside and pass it in as an argument (default_rng(seed) with a fixed seed is fine)",
        )

    return refuse


class _Random(Namespace):
    def __getattr__(self, name: str) -> Any:
        return _random(name)


# -- math: the same functions under NumPy's names -------------------------------------------------------

_MATH = {
    **{
        n: n
        for n in (
            "exp expm1 exp2 log2 log10 log1p sqrt cbrt sin cos tan sinh cosh tanh hypot copysign isnan isinf isfinite"
        ).split()
    },
    **{"asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2", "asinh": "arcsinh"},
    **{"acosh": "arccosh", "atanh": "arctanh", "pow": "power", "fabs": "fabs", "fmod": "fmod"},
    **{"degrees": "degrees", "radians": "radians", "prod": "prod"},
}


def _math_log(x: Any, base: Any = None) -> Any:
    return np.log(x) if base is None else np.log(x) / np.log(base)


def _fsum(xs: Any) -> Any:
    return np.sum(as_array(list(xs)))


_MATH_OURS: dict[str, Callable[..., Any]] = {
    **{k: getattr(np, v) for k, v in _MATH.items() if hasattr(math, k)},
    "log": _math_log,
    "fsum": _fsum,
    "dist": lambda p, q: np.linalg.norm(as_array(p) - as_array(q)),
    "erf": scipy.special.erf,
    "erfc": scipy.special.erfc,
    "gamma": scipy.special.gamma,
    "lgamma": scipy.special.gammaln,
}


# -- SciPy's Python functions ------------------------------------------------------------------------------


def _logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False) -> Any:
    if b is not None or return_sign:
        raise refusal("logsumexp with b= or return_sign= is not traced", fix="np.log(np.sum(b * np.exp(a)))")
    return P.logsumexp(as_array(a), axis=axis, keepdims=keepdims)


def _softmax(x: Any, axis: Any = None) -> Any:
    return P.softmax(as_array(x), axis=axis)


def _log_softmax(x: Any, axis: Any = None) -> Any:
    return P.log_softmax(as_array(x), axis=axis)


def _polygamma(n: Any, x: Any) -> Any:
    return P.polygamma(as_array(x), order=int(n))


def _solve(
    a: Any,
    b: Any,
    lower: bool = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    assume_a: Any = None,
    transposed: bool = False,
) -> Any:
    a = np.transpose(a) if transposed else a
    return np.linalg.solve(a, b)


def _cholesky(a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    return np.linalg.cholesky(a, upper=not lower)


def _solve_triangular(
    a: Any,
    b: Any,
    trans: Any = 0,
    lower: bool = False,
    unit_diagonal: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Any:
    return P.solve_triangular(
        as_array(a), as_array(b), lower=lower, trans=trans in (1, "T", 2, "C"), unit_diagonal=unit_diagonal
    )


def _scipy(module: Any, ours: dict[str, Callable[..., Any]]) -> dict[str, Any]:
    return {name: traced(getattr(module, name), f) for name, f in ours.items()}


_SPECIAL = _scipy(
    scipy.special,
    {
        "logsumexp": _logsumexp,
        "softmax": _softmax,
        "log_softmax": _log_softmax,
        "polygamma": _polygamma,
        "sinc": np.sinc,
    },
)
_LINALG = _scipy(
    scipy.linalg,
    {
        "solve": _solve,
        "cholesky": _cholesky,
        "solve_triangular": _solve_triangular,
        "inv": lambda a, **kw: np.linalg.inv(a),
        "det": lambda a, **kw: np.linalg.det(a),
        "norm": lambda a, ord=None, axis=None, keepdims=False, **kw: np.linalg.norm(a, ord, axis, keepdims),
    },
)

_NUMPY: dict[str, Any] = {
    **{name: _creator(getattr(np, name)) for name in "zeros ones eye identity".split()},
    **{name: _creator(Listening(getattr(np, name))) for name in "zeros_like ones_like copy".split()},
    "empty": _creator(np.zeros),  # what is never written reads as 0, not as old memory
    "empty_like": _creator(Listening(np.zeros_like)),
    "array": traced(_creator(np.array), _array),
    "ascontiguousarray": traced(np.ascontiguousarray, _array),
    "full": traced(_creator(np.full), _full),
    "full_like": traced(_creator(np.full_like), _full_like),
    "nditer": traced(np.nditer, _nditer),
    **{name: traced(getattr(np, name), _asarray) for name in ("asarray", "asanyarray")},
    "random": _Random(np.random, {}),
}

_SPECIAL_SPACE = Namespace(scipy.special, _SPECIAL)
_LINALG_SPACE = Namespace(scipy.linalg, _LINALG)

_NUMPY_LINALG = NumpyNamespace(np.linalg, {})
MODULES: dict[int, Any] = {
    id(np): NumpyNamespace(np, _NUMPY | {"linalg": _NUMPY_LINALG}),
    id(np.linalg): _NUMPY_LINALG,
    id(math): Namespace(math, {k: traced(getattr(math, k), f) for k, f in _MATH_OURS.items() if hasattr(math, k)}),
    id(scipy.special): _SPECIAL_SPACE,
    id(scipy.linalg): _LINALG_SPACE,
    id(scipy): Namespace(scipy, {"special": _SPECIAL_SPACE, "linalg": _LINALG_SPACE}),
    id(np.random): _NUMPY["random"],
}
# names imported from those modules: `from numpy import array`, `from math import exp`
FUNCTIONS_BY_ID: dict[int, Any] = {
    **{id(getattr(np, k)): v for k, v in _NUMPY.items() if k != "random"},
    **{id(getattr(math, k)): MODULES[id(math)]._ours[k] for k in MODULES[id(math)]._ours},
    **{id(getattr(scipy.special, k)): v for k, v in _SPECIAL.items()},
    **{id(getattr(scipy.linalg, k)): v for k, v in _LINALG.items()},
}


def _importer(original: Callable[..., Any]) -> Callable[..., Any]:
    """`import numpy as np` inside the function means what it means above it."""

    def load(*args: Any, **kwargs: Any) -> Any:
        module = original(*args, **kwargs)
        return MODULES.get(id(module), module)

    return load


class Globals(dict[str, Any]):
    """The names that mean something else, over the function's living globals.

    CPython looks names up in a subclass of dict by `__getitem__`, hence by `__missing__`.
    """

    def __init__(self, live: dict[str, Any]) -> None:
        known = live.get("__builtins__", builtins)
        known = known if isinstance(known, dict) else vars(known)
        super().__init__(__builtins__={**known, "__import__": _importer(known["__import__"])})
        self.live = live

    def __missing__(self, name: str) -> Any:
        return self.live[name]


def generators(f: Any) -> list[Any]:
    """The sources of random numbers that f captured: in cells, globals, or its object's attributes."""
    owner, f = getattr(f, "__self__", None), getattr(f, "__func__", f)
    if isinstance(f, functools.partial):
        return generators(f.func) + [v for v in (*f.args, *f.keywords.values()) if isinstance(v, _SOURCES)]
    held: list[Any] = (
        list(vars(owner).values()) if hasattr(owner, "__dict__") and not isinstance(owner, types.ModuleType) else []
    )
    if isinstance(f, types.FunctionType):
        held += [f.__globals__.get(n) for n in names_in(f.__code__)]
        held += cells(f)
    elif hasattr(f, "__dict__"):
        held += vars(f).values()
    return [v for v in held if isinstance(v, _SOURCES)]


_SOURCES = (np.random.Generator, np.random.RandomState, random.Random)


def random_state(sources: list[Any]) -> list[Any]:
    """A fingerprint of the sources and of the two global ones, to see whether anything was drawn."""
    return [random.getstate(), *map(_state, (np.random.mtrand._rand, *sources))]


def _state(source: Any) -> Any:
    if isinstance(source, random.Random):
        return source.getstate()
    state = source.bit_generator.state if isinstance(source, np.random.Generator) else source.get_state(legacy=False)
    return [
        (k, v.tobytes() if isinstance(v, np.ndarray) else v)
        for k, v in (*state["state"].items(), *state.items())
        if k != "state" or not isinstance(v, dict)
    ]


class World:
    """What the user's functions see during one trace."""

    def __init__(self, dots: bool) -> None:
        self.dots = dots
        self.globals: dict[int, Globals] = {}
        self.functions: dict[int, tuple[Any, types.FunctionType]] = {}
        self.copies: dict[int, tuple[Any, Any]] = {}

    def replaced(self, value: Any) -> Any:
        """What a captured value means inside the trace; the value itself if nothing changes."""
        if id(value) in MODULES:
            return MODULES[id(value)]
        if id(value) in FUNCTIONS_BY_ID:
            return FUNCTIONS_BY_ID[id(value)]
        if isinstance(value, types.FunctionType):
            return self.function(value)
        if state.shown is not None:
            return self.shown(value)
        return seen(value) if self.dots else value

    def shown(self, value: Any) -> Any:
        """For a graph that is kept: captured arrays as traced constants, in copies of the containers that hold them."""
        kind = type(value)
        if kind is np.ndarray and holdable(value):
            return self.copies.setdefault(id(value), (value, held(value)))[1]
        if kind is types.MethodType and isinstance(value.__func__, types.FunctionType):
            return types.MethodType(self.function(value.__func__), value.__self__)
        if kind is functools.partial:
            keywords = {k: self.replaced(v) for k, v in value.keywords.items()}
            return functools.partial(self.replaced(value.func), *map(self.replaced, value.args), **keywords)
        if kind not in (tuple, list, dict):
            return value
        if id(value) in self.copies:
            copy = self.copies[id(value)][1]
            if copy is None:
                raise refusal("a captured tuple holds itself")
            return copy
        copy: Any = None if kind is tuple else kind()
        self.copies[id(value)] = value, copy
        if kind is dict:
            copy.update((k, self.replaced(v)) for k, v in value.items())
        elif kind is list:
            copy.extend(map(self.replaced, value))
        else:
            copy = tuple(map(self.replaced, value))
            self.copies[id(value)] = value, copy
        if kind is not tuple and state.shown is not None:
            state.shown.append((copy, entries(copy)))
        return copy

    def function(self, f: types.FunctionType) -> types.FunctionType:
        """The same code over other globals and cells; f itself where it must run in its own."""
        if id(f) in self.functions:
            return self.functions[id(f)][1]
        code = f.__code__
        if code.co_filename.startswith(_OURS + _LIBRARIES) or writes_outside(code):
            return f
        space = self.globals.setdefault(id(f.__globals__), Globals(f.__globals__))
        new = self._copy(f, space, f.__closure__)  # known before its cells: functions capture each other
        if f.__closure__:
            new = self._copy(f, space, tuple(self._cell(c) for c in f.__closure__))
        for name in names_in(code):
            if name not in space and name in f.__globals__:
                value = self.replaced(f.__globals__[name])
                if value is not f.__globals__[name] or name in class_names(code):
                    space[name] = value
        return new

    def _copy(self, f: types.FunctionType, space: Globals, cells: Any) -> types.FunctionType:
        new = types.FunctionType(f.__code__, space, f.__name__, f.__defaults__, cells)
        new.__kwdefaults__, new.__qualname__, new.__module__ = f.__kwdefaults__, f.__qualname__, f.__module__
        new.__dict__ = f.__dict__  # the same one: what the code writes there is written
        self.functions[id(f)] = (f, new)
        if state.shown is not None:
            new.__defaults__, new.__kwdefaults__ = self.shown(f.__defaults__), self.shown(f.__kwdefaults__)
        return new

    def _cell(self, cell: types.CellType) -> types.CellType:
        try:
            inside = cell.cell_contents
        except ValueError:  # a name not bound yet
            return cell
        new = self.replaced(inside)
        return cell if new is inside else types.CellType(new)


@functools.lru_cache(maxsize=4096)
def class_names(code: types.CodeType) -> frozenset[str]:
    """Names in bodies of classes that the code defines: there CPython looks up globals as in a plain dict."""
    inner = [c for c in code.co_consts if isinstance(c, types.CodeType)]
    own = code.co_names if not code.co_flags & inspect.CO_OPTIMIZED else ()
    return frozenset(own).union(*map(class_names, inner))


def entries(container: Any) -> tuple[Any, ...]:
    """The entries of a list, or the keys and values of a dict, alternating."""
    return tuple(x for item in container.items() for x in item) if isinstance(container, dict) else tuple(container)


@functools.lru_cache(maxsize=4096)
def _stores(code: types.CodeType) -> frozenset[str]:
    """Names assigned outside the code's own scope: free variables, and "*" for any global."""
    names = set()
    for i in dis.get_instructions(code):
        if i.opname in ("STORE_GLOBAL", "DELETE_GLOBAL"):
            names.add("*")
        elif i.opname in ("STORE_DEREF", "DELETE_DEREF"):
            names.add(i.argval)
    for c in code.co_consts:
        if isinstance(c, types.CodeType):
            names |= _stores(c)
    return frozenset(names & {"*", *code.co_freevars})


def writes_outside(code: types.CodeType) -> bool:
    """Whether the code assigns globals or enclosing variables: then it must run in its own world."""
    return bool(_stores(code))


def rescued(f: Callable[..., Any]) -> Callable[..., Any]:
    """The function to call while tracing."""
    world = World(says_dot(f))
    if isinstance(f, types.FunctionType):
        return world.function(f)
    if isinstance(f, types.MethodType) and isinstance(f.__func__, types.FunctionType):
        return types.MethodType(world.function(f.__func__), f.__self__)
    if isinstance(f, functools.partial):
        args, keywords = f.args, f.keywords
        if state.shown is not None:
            args, keywords = world.shown(args), world.shown(keywords)
        return functools.partial(rescued(f.func), *args, **keywords)
    called = type(f).__call__
    if isinstance(called, types.FunctionType):  # an object that is called: its class says how
        return types.MethodType(world.function(called), f)
    return world.replaced(f)
