"""What a trace depends on besides its arguments, and how to see that it changed.

A kept graph is right only while everything the function read is what it was: globals, cells, defaults, attributes,
entries of containers. `survey(f)` walks from a function to all it can reach through the names in its code, and
returns one `Watch` for each place whose content the trace may have used. It errs on one side: what it cannot watch, or
what acts on the world, it names in `reasons`, and such a function is traced at each call.

Arrays are apart. One that the trace meets as a traced constant (`held`, see rescue.py) is read by pointer when the
graph runs; one that NumPy may have computed with while tracing is compared byte by byte.
"""

from __future__ import annotations

import abc
import collections
import copy
import dataclasses
import enum
import fractions
import functools
import gc
import importlib.util
import math
import os
import re
import sys
import sysconfig
import types
import typing
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import scipy

from .array import holdable
from .context import _LIBRARIES, _OURS
from .rescue import entries, writes_outside
from .text import ANY_NAME, IMPURE, SHOWN_BY, TEXTS, names

ABSENT: Any = type("Absent", (), {"__repr__": lambda self: "absent"})()
LIMIT = 20_000  # objects walked and watched: beyond it a function is traced at each call


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Watch:
    """A place outside the function, and what it held when the function was traced.

    | kind | owner | key | holds while |
    |---|---|---|---|
    | cell | a cell | None | its content is `expected` (ABSENT: it is empty) |
    | dict | a dict | a key | the entry is `expected` (ABSENT: there is none) |
    | attr | an object | a name | the attribute is `expected`; its class has the default `__getattribute__` |
    | code | a function | None | `(__code__, __defaults__, __kwdefaults__)` are the three `expected` |
    | list | a list or deque | None | its entries are those of the tuple `expected` |
    | items | a dict | None | its keys and values are those of the tuple `expected`, alternating |
    | array | an ndarray | None | `(address, shape, strides, dtype)` equals `expected` |
    | bytes | an ndarray | None | its bytes are those of the array `expected` |
    | python | a function without arguments | None | it returns True |

    Everything is compared by identity, except array and bytes. `holds()` also accepts another number or string
    of the same type and value; a stricter check may always ask it. `expected` is kept alive, so an id is never reused.
    """

    kind: str
    owner: Any
    key: Any
    expected: Any
    what: str

    def holds(self) -> bool:
        return _HOLDS[self.kind](self.owner, self.key, self.expected)


def _same(a: Any, b: Any) -> bool:
    if a is b:
        return True
    if type(a) is not type(b) or type(a) not in (int, float, str):
        return False
    return a == b and (type(a) is not float or math.copysign(1, a) == math.copysign(1, b))


def _all_same(xs: Iterable[Any], expected: tuple[Any, ...]) -> bool:
    return all(map(_same, xs, expected))


def _cell(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # a name not bound yet
        return ABSENT


def _code(f: types.FunctionType) -> tuple[Any, ...]:
    return f.__code__, f.__defaults__, f.__kwdefaults__


def _header(x: np.ndarray) -> tuple[Any, ...]:
    return x.__array_interface__["data"][0], x.shape, x.strides, x.dtype


def same_bytes(a: np.ndarray, b: np.ndarray) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.flags.c_contiguous and b.flags.c_contiguous and not a.nbytes % 8:
        return bool(np.array_equal(a.reshape(-1).view(np.uint64), b.reshape(-1).view(np.uint64)))
    return a.tobytes() == b.tobytes()


_HOLDS: dict[str, Callable[[Any, Any, Any], bool]] = {
    "cell": lambda o, k, e: _same(_cell(o), e),
    "dict": lambda o, k, e: _same(dict.get(o, k, ABSENT), e),
    "attr": lambda o, k, e: _same(getattr(o, k, ABSENT), e),
    "code": lambda o, k, e: all(a is b for a, b in zip(_code(o), e, strict=True)),
    "list": lambda o, k, e: len(o) == len(e) and _all_same(o, e),
    "items": lambda o, k, e: 2 * len(o) == len(e) and _all_same(entries(o), e),
    "array": lambda o, k, e: _header(o) == e,
    "bytes": lambda o, k, e: same_bytes(o, e),
    "python": lambda o, k, e: o() is True,
}


# -- what needs no watching ------------------------------------------------------------------------------------

ATOMS = (
    *(type(None), bool, int, float, complex, str, bytes, range, slice, type(Ellipsis), type(NotImplemented)),
    *(re.Pattern, fractions.Fraction, types.CodeType, types.GenericAlias, types.UnionType),
    *(types.MethodDescriptorType, types.WrapperDescriptorType, types.ClassMethodDescriptorType),
    *(types.GetSetDescriptorType, types.MemberDescriptorType, type(np.sum), typing.TypeVar),
    type(vars(collections.namedtuple("_", "field"))["field"]),
)
_ATOM_CLASSES = (np.generic, np.dtype, np.ufunc, np.finfo, np.iinfo)

# modules whose functions give the same for the same arguments, and whose names nobody rebinds
_PURE = frozenset(
    (
        "numpy scipy cauchy math cmath operator _operator itertools functools _functools collections copy dataclasses"
        " enum typing types numbers fractions string abc contextlib bisect _bisect heapq _heapq re textwrap warnings"
        " __future__ builtins reprlib keyword"
    ).split()
)
_PURE_BUILTINS = frozenset(
    (
        "abs all any ascii bin callable chr divmod format getattr hasattr hash hex isinstance issubclass iter len max"
        " min next oct ord pow repr round sorted sum __build_class__"
    ).split()
)
_SKIPPED = frozenset(
    (
        "__repr__ __str__ __format__ __del__ __reduce__ __reduce_ex__ __getstate__ __setstate__ __sizeof__ __dir__"
        " __class_getitem__ __init_subclass__ __subclasshook__ __getnewargs__ __instancecheck__"
    ).split()
)
_STDLIB = sysconfig.get_path("stdlib") + os.sep
_NUMERIC = tuple(os.path.dirname(str(m.__file__)) + os.sep for m in (np, scipy))


def _root(module: Any) -> str:
    return str(module or "").partition(".")[0]


def _pure_file(file: str) -> bool:
    """Whether Python code of this file keeps no state of its own: NumPy, SciPy, a few of the standard library."""
    if file.startswith(_NUMERIC):
        return True
    if file.startswith("<frozen "):
        return _root(file[8:-1]) in _PURE
    if not file.startswith(_STDLIB) or "site-packages" in file:
        return False
    return file[len(_STDLIB) :].replace(os.sep, ".").removesuffix(".py").partition(".")[0] in _PURE


def survey(f: Any, *arguments: Any) -> Survey:
    """All that the function can read, also through arguments that are objects."""
    found = Survey()
    found.walk(f, f"`{getattr(f, '__name__', 'f')}`", True)
    for x in arguments:
        found.walk(x, f"an argument that is a {type(x).__name__}", False)
    found.finish()
    return found


class Survey:
    """`watches` of everything reached; `arrays` by id; `exposed`: ids of arrays met as plain ones too.

    `typed`: the code asks for types. `reasons`: why a graph cannot be kept.
    """

    def __init__(self) -> None:
        self.watches: list[Watch] = []
        self.arrays: dict[int, np.ndarray] = {}
        self.exposed: set[int] = set()
        self.typed = False
        self.reasons: list[str] = []
        self._watched: set[tuple[str, int, Any]] = set()
        self._seen: set[tuple[int, bool]] = set()
        self._kept: list[Any] = []
        self._names: set[str] = set()
        self._tried: set[str] = set()  # names whose absence matters
        self._whole = False  # some code may read all attributes of objects,
        self._any_name = False  # and of modules
        self._owners: list[tuple[Any, str]] = []
        self._done: set[tuple[int, str]] = set()

    def refuse(self, reason: str) -> None:
        if reason not in self.reasons:
            self.reasons.append(reason)

    def watch(self, kind: str, owner: Any, key: Any, expected: Any, what: str) -> None:
        mark = (kind, id(owner), key)
        if mark not in self._watched:
            self._watched.add(mark)
            self.watches.append(Watch(kind, owner, key, expected, what))

    def walk(self, v: Any, what: str, held: bool) -> None:
        """Visit a value. `held` says that the trace meets it as rescue.World shows it, arrays as traced constants."""
        kind = type(v)
        if kind in ATOMS or isinstance(v, _ATOM_CLASSES) or self.reasons:
            return
        if (id(v), False) in self._seen or (id(v), held) in self._seen:
            return
        self._seen.add((id(v), held))
        self._kept.append(v)
        if len(self._kept) > LIMIT:
            self.refuse(f"it reaches more than {LIMIT:,} objects")
            return
        if issubclass(kind, np.ndarray):
            self._array(v, what, held)
        elif kind is types.FunctionType:
            self._function(v, what, held)
        elif kind is types.MethodType:
            self.walk(v.__self__, what, False)
            self.walk(v.__func__, what, held)
        elif kind is functools.partial:
            self.walk(v.func, what, held)
            self.walk(v.args, f"an argument of {what}", held)
            self.walk(v.keywords, f"an argument of {what}", held)
        elif kind in (tuple, frozenset):
            for i, x in enumerate(v):
                self.walk(x, f"{what}[{i}]", held and kind is tuple)
        elif kind in (list, dict, set, collections.deque, collections.OrderedDict, collections.defaultdict):
            self._container(v, what, held and kind in (list, dict))
        elif issubclass(kind, types.ModuleType):
            self._module(v, what)
        elif isinstance(v, type):
            self._class(v, what)
        elif kind is types.BuiltinFunctionType:
            self._builtin(v, what)
        elif kind is types.MethodWrapperType:
            self.walk(v.__self__, what, False)
        elif kind is property:
            for f in (v.fget, v.fset):
                self.walk(f, what, False)
        elif kind in (staticmethod, classmethod):
            self.walk(v.__func__, what, False)
        elif kind is functools.cached_property:
            self.walk(v.func, what, False)
        elif issubclass(kind, tuple) and hasattr(kind, "n_sequence_fields"):
            self.walk(tuple(v), what, False)
        elif kind is types.MappingProxyType:
            self.walk(gc.get_referents(v)[0], what, False)
        else:
            self._instance(v, what)

    def _array(self, x: np.ndarray, what: str, held: bool) -> None:
        if x.dtype.hasobject:
            self.refuse(f"{what} is an array of Python objects")
            return
        self.arrays[id(x)] = x
        self.watch("array", x, None, _header(x), what)
        if not (held and holdable(x)):
            self.exposed.add(id(x))
        if type(x) is not np.ndarray:
            self._attributes(x, what)

    def _container(self, v: Any, what: str, held: bool) -> None:
        if isinstance(v, dict):
            self.watch("items", v, None, entries(v), what)
            for k, x in dict.items(v):
                self.walk(k, f"a key of {what}", False)
                self.walk(x, f"{what}[{k!r}]", held)
            self.walk(getattr(v, "default_factory", None), f"the factory of {what}", False)
        elif isinstance(v, set):
            now = frozenset(v)
            self.watch("python", lambda: v == now, None, True, what)
            for x in now:
                self.walk(x, f"an element of {what}", False)
        else:
            self.watch("list", v, None, tuple(v), what)
            for i, x in enumerate(tuple(v)):
                self.walk(x, f"{what}[{i}]", held)

    # -- code ------------------------------------------------------------------------------------------------

    def _function(self, f: types.FunctionType, what: str, held: bool) -> None:
        code, name = f.__code__, f"`{f.__name__}`"
        ours, library = code.co_filename.startswith(_OURS), _pure_file(code.co_filename)
        for free, cell in zip(code.co_freevars, f.__closure__ or (), strict=True):
            content = _cell(cell)
            if not ours:
                self.watch("cell", cell, None, content, f"`{free}` of {name}")
            # a derivative calls what it holds as a root
            held_inside = True if ours else held and not library and self._rescued(code)
            self.walk(content, f"`{free}` of {name}", held_inside)
        if ours or library:
            self._whole |= code.co_filename == copy.__file__
            if code.co_name in IMPURE:
                self.refuse(f"it calls `{code.co_name}`")
            return
        text = names(code)
        if text.reason or writes_outside(code):
            self.refuse(f"{name}: {text.reason or 'it assigns names outside itself'}")
            return
        held = held and self._rescued(code)
        self.watch("code", f, None, _code(f), name)
        self.walk(f.__defaults__, f"a default of {name}", held)
        self.walk(f.__kwdefaults__, f"a default of {name}", held)
        for g in sorted(text.globals):
            self._global(f, g, held)
        for module in text.imports:
            self._import(module, name)
        new = text.attributes | text.tried
        new |= TEXTS if text.globals & SHOWN_BY else frozenset()
        self._names |= new
        self._tried |= new if text.guarded else text.tried
        self._any_name |= text.any_name
        self._whole |= text.any_name or "__dict__" in new
        if vars(f):
            self._owners.append((f, name))

    @staticmethod
    def _rescued(code: types.CodeType) -> bool:
        return not (code.co_filename.startswith(_OURS + _LIBRARIES) or writes_outside(code))

    def _global(self, f: types.FunctionType, name: str, held: bool) -> None:
        space, known = f.__globals__, f.__builtins__  # pyright: ignore[reportAttributeAccessIssue]
        value = space.get(name, ABSENT)
        self.watch("dict", space, name, value, f"global `{name}`")
        if value is ABSENT:
            value = known.get(name, ABSENT)
            self.watch("dict", known, name, value, f"the built-in `{name}`")
        self.typed |= value is type
        if (
            value is not ABSENT and value is not getattr and value is not hasattr
        ):  # what they are asked for is in `names`
            self.walk(value, f"`{name}`", held)

    def _import(self, name: str, by: str) -> None:
        value = sys.modules.get(name, ABSENT)
        if value is ABSENT:
            if _root(name) not in _PURE or importlib.util.find_spec(_root(name)) is None:
                self.refuse(f"{by}: it imports {name}, which is not loaded")
            return
        if _root(name) not in _PURE:
            self.watch("dict", sys.modules, name, value, f"module {name}")
            self.walk(value, f"module {name}", False)
            self._names |= set(name.split("."))
            self.walk(sys.modules.get(_root(name)), f"module {_root(name)}", False)

    def _builtin(self, f: Any, what: str) -> None:
        owner = f.__self__
        if owner is not None and not isinstance(owner, types.ModuleType):
            self.walk(owner, what, False)
            return
        root = _root(owner.__name__ if owner is not None else f.__module__)
        if root == "builtins":
            if f.__name__ not in _PURE_BUILTINS:
                self.refuse(f"it calls `{f.__name__}`")
            self._any_name |= f is getattr or f is hasattr
            self._whole |= self._any_name
        elif root not in _PURE:
            self.refuse(f"it calls {root or what}.{f.__name__}, which may answer otherwise each time")

    # -- owners of attributes --------------------------------------------------------------------------------

    def _module(self, m: types.ModuleType, what: str) -> None:
        self._whole |= m is copy
        if _root(m.__name__) not in _PURE:
            self._owners.append((m, what))

    def _class(self, c: type, what: str) -> None:
        if _root(c.__module__) in _PURE and _root(c.__module__) != "cauchy":
            self._any_name |= c.__name__ in ANY_NAME
            self._whole |= self._any_name
            if c.__name__ in IMPURE:
                self.refuse(f"it uses `{c.__name__}`")
            return
        if not c.__flags__ & (1 << 9):  # made in C
            self.refuse(f"{what} is the class {c.__module__}.{c.__name__}")
            return
        if type(c) not in (type, abc.ABCMeta, enum.EnumMeta):
            self.refuse(f"{what} is a class with the metaclass {type(c).__name__}")
            return
        self.watch("attr", c, "__mro__", c.__mro__, f"the bases of {c.__name__}")
        for base in c.__mro__:
            if base is object or _root(base.__module__) in _PURE - {"cauchy"}:
                continue
            self._owners.append((base, base.__name__))
            for name, value in vars(base).items():
                generated = isinstance(value, types.FunctionType) and value.__code__.co_filename == "<string>"
                if name == "__getattribute__" or name in ("__exit__", "__aexit__"):
                    self.refuse(f"{base.__name__} defines `{name}`")
                    return
                if name.startswith("__") and callable(value) and name not in _SKIPPED and not generated:
                    self._entry(base, name, f"{base.__name__}.{name}")

    def _entry(self, c: type, name: str, what: str) -> None:
        space = gc.get_referents(vars(c))[0]
        value = space.get(name, ABSENT)
        self.watch("dict", space, name, value, what)
        if value is not ABSENT:
            self.walk(value, what, False)

    def _instance(self, v: Any, what: str) -> None:
        c = type(v)
        ours = getattr(c, "__cauchy_reads__", None)
        if ours is not None:
            for x in ours(v):
                self.walk(x, what, True)
            return
        if isinstance(v, enum.Enum):
            self.walk(v.value, what, False)
            return
        solid = _solid(c)
        if isinstance(v, (np.random.Generator, np.random.RandomState)) or solid not in _SOLID:
            self.refuse(f"{what} is a {c.__module__}.{c.__qualname__}, whose state cannot be watched")
            return
        self.watch("attr", v, "__class__", c, f"the class of {what}")
        if solid is tuple:
            for i, x in enumerate(tuple.__iter__(v)):
                self.walk(x, f"{what}[{i}]", False)
        elif solid not in (object, types.SimpleNamespace):
            self._container(v, what, False)
        library = _root(c.__module__) in _PURE
        if not library:
            self._class(c, what)
        self._owners.append((v, what))
        if library:
            self._attributes(v, what)

    def _attributes(self, v: Any, what: str) -> None:
        """All attributes, since library code reads them, or the code does not name them."""
        for base in type(v).__mro__:
            for name, slot in vars(base).items():
                if isinstance(slot, types.MemberDescriptorType):
                    self._slot(v, name, f"`{what.strip('`')}.{name}`")
        if not hasattr(v, "__dict__"):
            return
        self.watch("attr", v, "__dict__", v.__dict__, what)
        self.watch("items", v.__dict__, None, entries(v.__dict__), f"the attributes of {what}")
        for k, x in list(v.__dict__.items()):
            self.walk(x, f"`{what.strip('`')}.{k}`", False)

    def _slot(self, v: Any, name: str, what: str) -> None:
        value = getattr(v, name, ABSENT)
        self.watch("attr", v, name, value, what)
        if value is not ABSENT:
            self.walk(value, what, False)

    def finish(self) -> None:
        """Read the attributes that the code names, until there is nothing new."""
        before = None
        while not self.reasons and before != (before := self._size()):
            for owner, what in list(self._owners):
                if self._whole and not isinstance(owner, (type, types.FunctionType)):
                    if isinstance(owner, types.ModuleType):
                        if self._any_name:
                            self.refuse(f"getattr may read any name of {what}")
                    else:
                        self._attributes(owner, what)
                for name in list(self._names):
                    if (id(owner), name) not in self._done:
                        self._done.add((id(owner), name))
                        self._attribute(owner, name, what)

    def _size(self) -> tuple[Any, ...]:
        return len(self._owners), len(self._names), len(self._tried), self._whole, self._any_name

    def _attribute(self, owner: Any, name: str, what: str) -> None:
        where = f"`{what.strip('`')}.{name}`"
        if isinstance(owner, type):
            if name in vars(owner) or name in self._tried:
                self._entry(owner, name, where)
            return
        own = owner.__dict__ if hasattr(owner, "__dict__") else {}
        found = _lookup(type(owner), name)
        if isinstance(owner, (types.ModuleType, types.FunctionType)):
            value = own.get(name, ABSENT)
            if value is not ABSENT or name in self._tried or "__getattr__" in own:
                if value is ABSENT and "__getattr__" in own:
                    self.refuse(f"{where} is made by the module's __getattr__")
                    return
                self.watch("dict", own, name, value, where)
                self.walk(value, where, False) if value is not ABSENT else None
        elif isinstance(found, types.MemberDescriptorType):  # a slot
            self._slot(owner, name, where)
        elif name in own and not hasattr(type(found), "__set__"):
            self.watch("attr", owner, name, own[name], where)
            self.walk(own[name], where, False)
        elif hasattr(owner, "__dict__") and (found is not ABSENT or name in self._tried):
            self.watch("attr", owner, "__dict__", own, what)
            self.watch("dict", own, name, ABSENT, where)
            for base in type(owner).__mro__:
                if name in vars(base):
                    break
                if base is not object and _root(base.__module__) not in _PURE:
                    self._entry(base, name, where)


_SOLID = (object, dict, list, set, tuple, types.SimpleNamespace, collections.OrderedDict, collections.defaultdict)
_NEW = type(object.__new__)


def _solid(c: type) -> type:
    """The first base made in C: where the state is that Python does not show."""
    for base in c.__mro__:
        if not base.__flags__ & (1 << 9):
            return base
        new = vars(base).get("__new__")
        if isinstance(new, _NEW) and getattr(new, "__self__", None) is base:
            return base
    return object


def _lookup(c: type, name: str) -> Any:
    for base in c.__mro__:
        if name in vars(base):
            return vars(base)[name]
    return ABSENT
