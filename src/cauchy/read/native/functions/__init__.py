"""Elementary functions of our own in IR: branch-free, so that a SIMD vector costs what a number costs.

A function is written once with the `Builder`, for scalars and vectors, `f64` and `f32`:

    @elementary("expit", ulp={"f64": 1.0, "f32": 1.0})
    def expit(b: Builder, x: Value) -> Value: ...

`ulp` is the stated bound on the error in units of the last place of the true value, for every argument
including subnormal results; tests hold it against correctly rounded values. Infinities, NaN and
signed zeros come out as in NumPy and SciPy (C99 Annex F).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass

from ..ir import Builder, Value, function_symbol


@dataclass(frozen=True)
class Elementary:
    """An elementary function: how to write it, and the bound on its error in ulps by kind."""

    name: str
    arity: int
    ulp: Mapping[str, float]
    write: Callable[..., Value]


TABLE: dict[str, Elementary] = {}


def elementary(
    name: str, *, ulp: Mapping[str, float], arity: int = 1
) -> Callable[[Callable[..., Value]], Callable[..., Value]]:
    """Decorator: the function that writes an elementary function's instructions enters the table."""

    def enter(write: Callable[..., Value]) -> Callable[..., Value]:
        TABLE[name] = Elementary(name, arity, ulp, write)
        return write

    return enter


_TEXTS: dict[tuple[str, str, int], tuple[str, frozenset[str], frozenset[tuple[str, str, int]]]] = {}


def define(name: str, kind: str, width: int) -> tuple[str, frozenset[str], frozenset[tuple[str, str, int]]]:
    """The definition of a function as IR text, the declarations it uses, and the functions it calls."""
    key = (name, kind, width)
    if key not in _TEXTS:
        f, b = TABLE[name], Builder(width)
        t = b.type(kind)
        out = f.write(b, *(Value(b, f"%x{i}", kind) for i in range(f.arity)))
        params = ", ".join(f"{t} %x{i}" for i in range(f.arity))
        head = f"define internal {t} @{function_symbol(name, kind, width)}({params})"
        text = "\n".join([f"{head} alwaysinline nounwind memory(none) {{", *b.lines, f"  ret {t} {out.ref}", "}"])
        _TEXTS[key] = text, frozenset(b.declares), frozenset(b.needs)
    return _TEXTS[key]


def definitions(
    needs: set[tuple[str, str, int]], far: Set[tuple[str, str, int]] = frozenset()
) -> tuple[list[str], set[str]]:
    """The texts of all these functions and of those they call, and the declarations of intrinsics they use.

    Those in `far` are defined (also) as functions that are never inlined.
    """
    texts, declares = dict[tuple[str, str, int], str](), set[str]()
    todo, called_far = list(needs), []
    for name, kind, width in far:
        text, used, called = define(name, kind, width)
        head, body = text.split("{", 1)
        head = head.replace(function_symbol(name, kind, width), function_symbol(name, kind, width, far=True))
        called_far.append(head.replace("alwaysinline", "noinline") + "{" + body)
        declares |= used
        todo += called
    while todo:
        key = todo.pop()
        if key not in texts:
            texts[key], used, called = define(*key)
            declares |= used
            todo += called
    return [*texts.values(), *called_far], declares


from . import error, exponential, external, hyperbolic, logarithm, power, trigonometric  # noqa: E402, F401 - fills the table
