"""What a compiled function depends on beside its arguments, checked by native code.

Objects are compared by identity. `Watch.holds` may know better (an equal number): then the slow path does. What has no
native form is asked of `holds` itself.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...tracer.watch import ABSENT, Watch
from . import layout
from .cobject import Code, address, at
from .layout import c_function
from .signature import Array

LONG = 64  # entries of a container that are compared one by one
HOLDS = "holds"


def need(code: Code, watch: Watch) -> None:
    """Leave for the slow path unless the watch holds."""
    if not _native(watch):
        arguments = f"ptr {at(HOLDS)}", f"ptr {code.pointers([at(watch)])}", "i64 1", "ptr null"
        answer = code.make(c_function("PyObject_VectorcallMethod"), *arguments)
        code.call("void", c_function("Py_DecRef"), f"ptr {answer}")
        code.need(code.equal("ptr", answer, at(True)))
    else:
        _RULES[watch.kind](code, watch.owner, watch.key, watch.expected)


def runs_python(watch: Watch) -> bool:
    """Whether the check may run Python code."""
    return watch.kind == "attr" or not _native(watch)


def _native(watch: Watch) -> bool:
    owner, expected = watch.owner, watch.expected
    match watch.kind:
        case "dict":
            return type(watch.key) in (str, int)
        case "list" | "items":
            return type(owner) in (list, dict) and len(expected) <= LONG
        case "bytes":
            plain = all(x.flags.c_contiguous and x.dtype in layout.DTYPES for x in (owner, expected))
            return plain and _memory_compare() is not None
    return watch.kind in _RULES


@functools.cache
def _memory_compare() -> int | None:
    """Address of C's memcmp."""
    try:
        return ctypes.cast(ctypes.CDLL(None).memcmp, ctypes.c_void_p).value
    except (TypeError, AttributeError):  # no such names on this platform
        return None


def _cell(code: Code, owner: Any, key: None, expected: Any) -> None:
    _same(code, [code.load_of("ptr", owner, layout.VALUE)], [expected])


def _dict(code: Code, owner: Any, key: Any, expected: Any) -> None:
    _same(code, [code.look_up(at(owner), key)], [expected])
    if expected is ABSENT:
        code.need(code.no_error(), "%error")


def _attr(code: Code, owner: Any, key: str, expected: Any) -> None:
    found = code.call("ptr", c_function("PyObject_GetAttr"), f"ptr {at(owner)}", f"ptr {at(key)}")
    missing, present, on = code.name(), code.name(), code.name()
    code.fork(code.equal("ptr", found, "null"), missing, present)
    code.place(missing[1:])
    matches = code.call("i32", c_function("PyErr_ExceptionMatches"), f"ptr {at(AttributeError)}")
    code.need(code.equal("i32", matches, 1), "%error")
    code.call("void", c_function("PyErr_Clear"))
    code.do(f"br label {on if expected is ABSENT else '%slow'}")
    code.place(present[1:])
    same = code.equal("ptr", found, _pointer(expected))
    code.call("void", c_function("Py_DecRef"), f"ptr {found}")
    code.fork(same, on, "%slow")
    code.place(on[1:])


def _code(code: Code, owner: Any, key: None, expected: tuple[Any, ...]) -> None:
    found = [code.load_of("ptr", owner, offset) for offset in layout.function_fields()]
    _same(code, found, [ABSENT if x is None else x for x in expected])  # no defaults: a null pointer


def _list(code: Code, owner: Any, key: None, expected: tuple[Any, ...]) -> None:
    code.need(code.equal("i64", code.load_of("i64", owner, layout.SIZE), len(expected)))
    items = code.load_of("ptr", owner, layout.LIST_ITEMS)
    _same(code, [code.load("ptr", items, 8 * i) for i in range(len(expected))], expected)


def _items(code: Code, owner: Any, key: None, expected: tuple[Any, ...]) -> None:
    code.need(code.equal("i64", code.load_of("i64", owner, layout.SIZE), len(expected) // 2))
    where, name, value = code.room("i64"), code.room("ptr"), code.room("ptr")
    code.store("i64", "0", where)
    for pair in zip(expected[::2], expected[1::2], strict=True):
        arguments = f"ptr {at(owner)}", f"ptr {where}", f"ptr {name}", f"ptr {value}"
        code.need(code.equal("i32", code.call("i32", c_function("PyDict_Next"), *arguments), 1))
        _same(code, [code.load("ptr", name), code.load("ptr", value)], pair)


def _array(code: Code, owner: np.ndarray, key: None, expected: tuple[Any, ...]) -> None:
    data, shape, strides, dtype = expected
    _same(code, [code.load_of("ptr", owner, layout.DESCR)], [dtype])
    fields = ("i64", layout.DATA, data), ("i32", layout.NDIM, len(shape))
    code.need(code.all([code.equal(kind, code.load_of(kind, owner, field), want) for kind, field, want in fields]))
    for field, wanted in ((layout.SHAPE, shape), (layout.STRIDES, strides)):
        table = code.load_of("ptr", owner, field)
        if wanted:
            code.need(code.all([code.equal("i64", code.load("i64", table, 8 * i), n) for i, n in enumerate(wanted)]))


def _bytes(code: Code, owner: np.ndarray, key: None, expected: np.ndarray) -> None:
    data = code.array(at(owner), Array(expected.dtype, expected.shape))
    compare = _memory_compare()
    assert compare is not None
    want = f"ptr {address(expected.ctypes.data)}", f"i64 {expected.nbytes}"
    code.need(code.equal("i32", code.call("i32", compare, f"ptr {data}", *want), 0))


_RULES = {
    "cell": _cell,
    "dict": _dict,
    "attr": _attr,
    "code": _code,
    "list": _list,
    "items": _items,
    "array": _array,
    "bytes": _bytes,
}


def _pointer(x: Any) -> str:
    return "null" if x is ABSENT else at(x)


def _same(code: Code, found: Sequence[str], expected: Sequence[Any]) -> None:
    if found:
        code.need(code.all([code.equal("ptr", x, _pointer(y)) for x, y in zip(found, expected, strict=True)]))
