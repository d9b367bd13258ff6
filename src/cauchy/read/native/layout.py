"""What native code must know of the running interpreter and NumPy: where fields lie, where functions are.

Nothing here is believed: `problem()` tests every field on live objects once, before the first native call.
Where a test fails (another interpreter, a build without the GIL, a debug build), kernels are called through
ctypes instead, which assumes nothing.
"""

from __future__ import annotations

import ctypes
import functools
import struct
import sys
import sysconfig
import types
from typing import Any

import numpy as np

HEAD = 16  # of every object: reference count, type
TYPE = 8
SIZE = HEAD  # number of items of a tuple or list, entries of a dict
VALUE = HEAD  # of a float and of NumPy's scalars; the content of a cell
LIST_ITEMS = HEAD + 8  # pointer to the items of a list
TUPLE_ITEMS = tuple.__basicsize__  # the items themselves
DATA, NDIM, SHAPE, STRIDES, DESCR, FLAGS = (HEAD + i for i in (0, 8, 16, 24, 40, 48))  # of an ndarray
BYTEORDER, TYPE_NUM = HEAD + 10, HEAD + 12  # of a dtype
READY = 0x0101  # ndarray flags: C-contiguous and aligned

# indices into NumPy's table of C functions: part of its binary interface, fixed since NumPy 2.0
ABI_VERSION, ARRAY_TYPE, NEW_FROM_DESCR, FROM_ARRAY = 0, 2, 94, 109

DTYPES = tuple(np.dtype(c) for c in "f8 f4 i8 i4 i2 i1 u8 u4 u2 u1 ?".split())


def singleton(dtype: Any) -> np.dtype[Any]:
    """The dtype object that NumPy itself gives to new arrays of this type, in native byte order."""
    dtype = np.dtype(dtype)
    return np.dtype(f"{dtype.kind}{dtype.itemsize}")


@functools.cache
def c_function(name: str) -> int:
    """Address of a function of Python's C API."""
    address = ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value
    assert address is not None
    return address


@functools.cache
def numpy_function(index: int) -> int:
    """Address at an index of NumPy's C API table."""
    get = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(c_function("PyCapsule_GetPointer"))
    table = get(np._core._multiarray_umath._ARRAY_API, None)  # type: ignore[attr-defined]
    return word(table + 8 * index)


@functools.cache
def allocator(kind: type) -> int:
    """Address of the function that makes an empty instance of a type."""
    tp_alloc = 47
    slot = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_int)(c_function("PyType_GetSlot"))
    return slot(kind, tp_alloc)


@functools.cache
def function_fields() -> tuple[int, int, int]:
    """Offsets of `__code__`, `__defaults__` and `__kwdefaults__` in a function object, found by looking."""

    def example(a: Any = (), *, b: Any = ()) -> Any:
        return a, b

    fields = (example.__code__, example.__defaults__, example.__kwdefaults__)
    offsets = range(HEAD, types.FunctionType.__basicsize__, 8)
    found = [[at for at in offsets if word(id(example) + at) == id(field)] for field in fields]
    if any(len(at) != 1 for at in found):
        raise LookupError("the fields of a function object")
    (code,), (defaults,), (kwdefaults,) = found
    return code, defaults, kwdefaults


def word(address: int) -> int:
    return ctypes.c_uint64.from_address(address).value


def available() -> bool:
    """Whether native entries may be used in this process."""
    return problem() is None


@functools.cache
def problem() -> str | None:
    """Why native entries cannot be used here; None if they can."""
    if sys.implementation.name != "cpython" or sys.byteorder != "little" or struct.calcsize("P") != 8:
        return f"{sys.implementation.name} on a {8 * struct.calcsize('P')}-bit {sys.byteorder}-endian machine"
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        return "Python without the global interpreter lock"
    if hasattr(sys, "gettotalrefcount") or object.__basicsize__ != HEAD:
        return "a debug build of Python"
    if int(np.__version__.split(".")[0]) != 2:
        return f"NumPy {np.__version__}"
    for test in (_objects, _functions, _arrays, _dtypes, _table, _scalars):
        try:
            fine = test()
        except (LookupError, AttributeError, TypeError, ValueError) as e:
            return f"{test.__name__.strip('_')}: {e}"
        if not fine:
            return f"{test.__name__.strip('_')} are laid out in an unknown way"
    return None


def _objects() -> bool:
    a, b = object(), 1.5
    some, listed, keyed = (a, b, a), [a, b], {"a": a, "b": b}
    cell, empty = types.CellType(a), types.CellType()
    return (
        all(word(id(x) + TYPE) == id(type(x)) for x in (a, b, some, listed, keyed, cell))
        and [word(id(x) + SIZE) for x in (some, listed, keyed)] == [3, 2, 2]
        and [word(id(some) + TUPLE_ITEMS + 8 * i) for i in range(3)] == [id(a), id(b), id(a)]
        and [word(word(id(listed) + LIST_ITEMS) + 8 * i) for i in range(2)] == [id(a), id(b)]
        and word(id(cell) + VALUE) == id(a)
        and word(id(empty) + VALUE) == 0
        and ctypes.c_double.from_address(id(b) + VALUE).value == b
    )


def _functions() -> bool:
    def one() -> None: ...
    def two(x: Any = 1.5, *, y: Any = None) -> Any:
        return x, y

    return all(
        [word(id(f) + at) for at in function_fields()]
        == [0 if v is None else id(v) for v in (f.__code__, f.__defaults__, f.__kwdefaults__)]
        for f in (one, two)
    )


def _arrays() -> bool:
    base = np.arange(24.0)
    misaligned = np.frombuffer(bytes(33), np.uint8)[1:].view("f8")
    samples = (base, base.reshape(2, 3, 4), base.reshape(4, 6).T, base[::-2], np.array(3, "i2"), base[:0], misaligned)
    return all(
        word(id(a) + DATA) == a.__array_interface__["data"][0]
        and ctypes.c_int32.from_address(id(a) + NDIM).value == a.ndim
        and all(word(word(id(a) + SHAPE) + 8 * i) == n for i, n in enumerate(a.shape))
        and all(word(word(id(a) + STRIDES) + 8 * i) == n % 2**64 for i, n in enumerate(a.strides))
        and word(id(a) + DESCR) == id(a.dtype)
        and ctypes.c_int32.from_address(id(a) + FLAGS).value == a.flags.num
        and (a.flags.num & READY == READY) == (a.flags.c_contiguous and a.flags.aligned)
        for a in samples
    )


def _dtypes() -> bool:
    samples = (*DTYPES, *(d.newbyteorder() for d in DTYPES), np.dtype("q"), np.dtype("c16"))
    return all(singleton(d) is d for d in DTYPES) and all(
        ctypes.c_int32.from_address(id(d) + TYPE_NUM).value == d.num
        and ctypes.c_char.from_address(id(d) + BYTEORDER).value == d.byteorder.encode()
        for d in samples
    )


def _table() -> bool:
    version = ctypes.PYFUNCTYPE(ctypes.c_uint)(numpy_function(ABI_VERSION))()
    if version >> 24 != 2 or numpy_function(ARRAY_TYPE) != id(np.ndarray):
        return False
    # both functions take over one reference to the dtype
    dtype, shape, own = np.dtype("f4"), (ctypes.c_int64 * 2)(3, 5), ctypes.PYFUNCTYPE(None, ctypes.py_object)
    o, p, i = ctypes.py_object, ctypes.c_void_p, ctypes.c_int
    own(c_function("Py_IncRef"))(dtype)
    new = ctypes.PYFUNCTYPE(o, o, o, i, p, p, p, i, p)(numpy_function(NEW_FROM_DESCR))
    made = new(np.ndarray, dtype, 2, shape, None, None, 0, None)
    own(c_function("Py_IncRef"))(dtype)
    made[...] = 1
    copy = ctypes.PYFUNCTYPE(o, o, o, i)(numpy_function(FROM_ARRAY))(made.T, dtype, READY)
    return (
        all(type(x) is np.ndarray and x.dtype is dtype and x.flags.num & READY == READY for x in (made, copy))
        and (made.shape, copy.shape) == ((3, 5), (5, 3))
        and made.flags.owndata
        and bool((copy == 1).all())
    )


def _scalars() -> bool:
    for dtype in DTYPES:
        x = dtype.type(3)
        if ctypes.string_at(id(x) + VALUE, dtype.itemsize) != x.tobytes():
            return False
        if dtype.kind != "b":  # np.True_ and np.False_ are all there are
            made = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object, ctypes.c_ssize_t)(allocator(dtype.type))(
                dtype.type, 0
            )
            ctypes.memmove(id(made) + VALUE, x.tobytes(), dtype.itemsize)
            if type(made) is not dtype.type or made != x:
                return False
    return True
