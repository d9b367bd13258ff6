"""Operators and ndarray methods of traced values: each is the NumPy function of that name."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import numpy as np

FOREIGN = (type(None), str, bytes, dict, set, frozenset, type)


def _binary(ufunc: np.ufunc) -> tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]:
    def forward(self: Any, other: Any) -> Any:
        return NotImplemented if isinstance(other, FOREIGN) else ufunc(self, other)

    def reflected(self: Any, other: Any) -> Any:
        return NotImplemented if isinstance(other, FOREIGN) else ufunc(other, self)

    return forward, reflected


# the exponents for which ndarray.__pow__ (not np.power, not scalars) calls another ufunc
_FAST_POWER = {-1.0: np.reciprocal, 0.5: np.sqrt, 2.0: np.square}


def _power(self: Any, other: Any, mod: Any = None) -> Any:
    if isinstance(other, FOREIGN) or mod is not None:
        return NotImplemented
    if type(other) in (int, float) and isinstance(self, np.ndarray) and (self.dtype.kind == "f" or other == 2):
        fast = _FAST_POWER.get(float(other))
        if fast is not None:
            return fast(self)
    return np.power(self, other)


def _rpower(self: Any, other: Any, mod: Any = None) -> Any:
    return NotImplemented if isinstance(other, FOREIGN) or mod is not None else np.power(other, self)


_ARITHMETIC = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "truediv": np.divide,
    "floordiv": np.floor_divide,
    "mod": np.remainder,
    "divmod": np.divmod,
    "matmul": np.matmul,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
    "lshift": np.left_shift,
    "rshift": np.right_shift,
}
_COMPARISON = {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
}
# methods whose arguments are those of the function, the array first
_SAME = """
    all any argmax argmin argsort cumprod cumsum diagonal dot max mean min nonzero prod
    ravel repeat round searchsorted squeeze std sum swapaxes take trace var
""".split()
# NumPy's ufuncs on arrays of objects call a method of each element: this is how np.exp(np.array([t, u])) stays traced
_ELEMENTWISE = """
    sqrt cbrt square reciprocal exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan sinh cosh tanh
    arcsinh arccosh arctanh floor ceil trunc rint sign fabs absolute deg2rad rad2deg degrees radians positive
    isnan isfinite isinf signbit logical_not conjugate arctan2 hypot logaddexp copysign fmod
""".split()


class Flat:
    """`x.flat`: the entries in C order, to iterate over, to read and to write."""

    def __init__(self, x: Any) -> None:
        self.base = x

    def __iter__(self) -> Any:
        return iter(np.ravel(self.base))

    def __len__(self) -> int:
        return self.base.size

    def __getitem__(self, key: Any) -> Any:
        found = np.ravel(self.base)[key]
        return np.copy(found) if found.ndim else found

    def __setitem__(self, key: Any, value: Any) -> None:
        at = np.ravel(np.arange(self.base.size)[key])
        value = np.ravel(value)
        # fewer values than places are repeated; of more, the first are taken
        self.base[np.unravel_index(at, self.base.shape)] = value if value.size == 1 else np.resize(value, at.shape)


class Methods:
    """What Array and ndarray have in common, said once."""

    __slots__ = ()

    if TYPE_CHECKING:  # set below, from the tables
        __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __matmul__ = __rmatmul__ = cast(Any, None)
        __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = cast(Any, None)
        __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = cast(Any, None)
        __lt__ = __le__ = __gt__ = __ge__ = cast(Any, None)

    __pow__, __rpow__ = _power, _rpower

    def __neg__(self: Any) -> Any:
        return np.negative(self)

    def __pos__(self: Any) -> Any:
        return np.positive(self)

    def __abs__(self: Any) -> Any:
        return np.absolute(self)

    def __invert__(self: Any) -> Any:
        return np.invert(self)

    @property
    def T(self: Any) -> Any:
        return np.transpose(self)

    @property
    def mT(self: Any) -> Any:
        return np.swapaxes(self, -1, -2)

    @property
    def real(self: Any) -> Any:
        return self

    @property
    def imag(self: Any) -> Any:
        return np.zeros_like(self)

    @property
    def flat(self: Any) -> Any:
        return Flat(self)

    def conj(self: Any) -> Any:
        return self

    def clip(self: Any, min: Any = None, max: Any = None, out: Any = None, **kwargs: Any) -> Any:
        return np.clip(self, min, max, out=out, **kwargs)

    def compress(self: Any, condition: Any, axis: Any = None, out: Any = None) -> Any:
        return np.compress(condition, self, axis=axis, out=out)

    def astype(
        self, dtype: Any, order: str = "K", casting: str = "unsafe", subok: bool = True, copy: bool = True
    ) -> Any:
        return np.astype(cast(Any, self), np.dtype(dtype))

    def copy(self: Any, order: str = "C") -> Any:
        return np.copy(cast(Any, self), order=cast(Any, order))

    def flatten(self: Any, order: Any = "C") -> Any:
        return np.copy(np.ravel(self, order=order))

    def reshape(self: Any, *shape: Any, order: Any = "C", copy: Any = None) -> Any:
        return np.reshape(self, shape[0] if len(shape) == 1 else shape, order=order, copy=copy)

    def transpose(self: Any, *axes: Any) -> Any:
        return np.transpose(
            self,
            None
            if not axes or axes == (None,)
            else axes[0]
            if len(axes) == 1 and not isinstance(axes[0], int)
            else axes,
        )


class InPlace:
    """Writing through the handle: what arrays have and scalars have not."""

    __slots__ = ()

    def sort(self: Any, axis: int = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> None:
        self._assign(np.sort(self, axis=axis, kind=kind))  # pyright: ignore[reportAttributeAccessIssue]

    def fill(self: Any, value: Any) -> None:
        self[...] = value  # pyright: ignore[reportIndexIssue]


def _forwarded(name: str) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(np, name)(self, *args, **kwargs)

    method.__name__ = name
    method.__doc__ = f"As np.{name}."
    return method


def _in_place(ufunc: np.ufunc, forward: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        result = forward(self, other)
        if result is NotImplemented:
            return result
        if result.shape != self.shape:
            shapes = f"shape {self.shape} doesn't match the broadcast shape {result.shape}"
            raise ValueError(f"non-broadcastable output operand with {shapes}")
        self._assign(result)
        return self

    return method


for _name in {*_SAME, *_ELEMENTWISE}:
    setattr(Methods, _name, _forwarded(_name))
for _name, _ufunc in _ARITHMETIC.items():
    _forward, _reflected = _binary(_ufunc)
    setattr(Methods, f"__{_name}__", _forward)
    setattr(Methods, f"__r{_name}__", _reflected)
    if _name != "divmod":
        setattr(InPlace, f"__i{_name}__", _in_place(_ufunc, _forward))
for _name, _ufunc in _COMPARISON.items():
    setattr(Methods, f"__{_name}__", _binary(_ufunc)[0])
InPlace.__ipow__ = _in_place(np.power, operator.pow)  # pyright: ignore[reportAttributeAccessIssue]
