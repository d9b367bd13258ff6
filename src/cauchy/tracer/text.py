"""What the text of a function can reach: the names in its bytecode, and signs that it does more than compute."""

from __future__ import annotations

import dis
import functools
import types
from typing import NamedTuple

# attributes of pure modules that are not: they read or write files, settings, or swallow exceptions
IMPURE = frozenset(
    (
        "load loadtxt genfromtxt fromfile fromregex memmap open_memmap save savez savez_compressed savetxt tofile"
        " loadmat savemat seterr geterr seterrcall suppress"
    ).split()
)
# what reads attributes by names made while it runs
ANY_NAME = frozenset({"attrgetter", "methodcaller"})
# how objects become text, and what asks for it
TEXTS = frozenset({"__repr__", "__str__", "__format__"})
SHOWN_BY = frozenset({"str", "repr", "format", "ascii"})


class Names(NamedTuple):
    """What the text of a function can reach, the functions it defines included."""

    globals: frozenset[str]
    attributes: frozenset[str]
    tried: frozenset[str]  # attributes whose absence matters too: assigned, or asked for
    imports: frozenset[str]
    guarded: bool  # it has an exception handler, which may ask whether a name exists
    any_name: bool  # it reads attributes by names that are not in the text
    reason: str


@functools.lru_cache(maxsize=4096)
def names(code: types.CodeType) -> Names:
    globals_, attributes, tried, imports = set[str](), set[str](), set[str](), set[str]()
    catches = swallows = 0
    guarded, any_name, reason = bool(code.co_exceptiontable), False, ""
    instructions = list(dis.get_instructions(code))
    for k, i in enumerate(instructions):
        op = i.opname
        if op in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"):
            globals_.add(i.argval)
            if i.argval in ("getattr", "hasattr"):
                name = _constant_name(instructions[k + 1 :])
                any_name |= name is None
                tried.add(name or "")
        elif op.startswith(("FORMAT_", "CONVERT_")):
            attributes |= TEXTS
        elif op in ("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR", "IMPORT_FROM"):
            attributes.add(i.argval)
            any_name |= i.argval in ANY_NAME
            if i.argval in IMPURE:
                reason = f"it uses `{i.argval}`"
        elif op in ("STORE_ATTR", "DELETE_ATTR"):
            tried.add(i.argval)
        elif op == "IMPORT_NAME":
            imports.add(i.argval)
            level = instructions[k - 2].argval if k >= 2 else 0
            if level or "*" in (instructions[k - 1].argval or ()):
                reason = f"it imports {i.argval or 'a neighbor'} by a relative name"
        elif op in ("CHECK_EXC_MATCH", "CHECK_EG_MATCH"):
            reason = "it catches exceptions, and which way it goes may depend on values"
        elif op == "POP_EXCEPT":
            catches += k + 1 == len(instructions) or instructions[k + 1].opname != "RERAISE"
        elif op == "WITH_EXCEPT_START":
            swallows += 1
        elif op == "MATCH_CLASS":
            any_name = True
    if catches > swallows:
        reason = reason or "it catches all exceptions, and which way it goes may depend on values"
    for c in code.co_consts:
        if isinstance(c, types.CodeType):
            inner = names(c)
            globals_ |= inner.globals
            attributes |= inner.attributes
            tried |= inner.tried
            imports |= inner.imports
            guarded, any_name, reason = guarded or inner.guarded, any_name or inner.any_name, reason or inner.reason
    sets = frozenset(globals_), frozenset(attributes), frozenset(tried), frozenset(imports)
    return Names(*sets, guarded, any_name, reason)


def _constant_name(following: list[dis.Instruction]) -> str | None:
    """The second argument of `getattr(a.b, "name")`, if the code shows it."""
    for k, i in enumerate(following):
        if i.opname == "LOAD_CONST":
            after = [j.opname for j in following[k + 1 : k + 3]]
            if after and after[0].startswith("LOAD_") and after[0] not in ("LOAD_ATTR", "LOAD_METHOD"):
                del after[0]  # the default
            return i.argval if after and after[0] in ("PRECALL", "CALL") and isinstance(i.argval, str) else None
        if not i.opname.startswith("LOAD_") and i.opname != "PUSH_NULL":
            return None
    return None
