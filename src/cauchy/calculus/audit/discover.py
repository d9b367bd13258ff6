"""Which functions of a program claim to be the derivative of which others.

A claim is made by a name (`relu`/`drelu`, `loss`/`loss_grad`, `f`/`dfdx`), by the roles of two methods in one class
(`forward`/`backward`, `fn`/`grad`/`grad2`), or by the decorator `derivative_of`. A name is a hint, not a promise:
`strong` says whether the name spells the word out, and the judge asks more of the weak ones.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import CodeType, FunctionType, MethodType
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

_WORDS = (
    "gradient",
    "grad",
    "derivative",
    "derivate",
    "deriv",
    "der",
    "prime",
    "jacobian",
    "jac",
    "backward",
    "bwd",
    "dash",
)
_WORDS_2 = (
    "hessian",
    "hess",
    "secondderivative",
    "secondderiv",
    "doubleprime",
    "primeprime",
    "grad2",
    "deriv2",
    "d2",
    "derivative2",
)
_BEFORE = (
    "gradient",
    "grad",
    "derivative",
    "deriv",
    "jacobian",
    "jac",
    "gradientof",
    "gradof",
    "derivativeof",
    "derivof",
    "backward",
)
_BEFORE_2 = ("hessian", "hess", "hessianof", "secondderivative", "secondderivativeof", "grad2", "d2")
_VERBS = ("compute", "calculate", "calc", "get", "eval", "evaluate")
_NOUNS = ("forward", "fwd", "function", "func", "fn", "value")

# The roles of methods, in the order in which they are preferred.
_VALUE_ROLES = (
    "forward", "forward_pass", "__call__", "call", "fn", "func", "function", "f", "loss", "cost", "value",
    "activate", "activation", "apply", "compute", "evaluate", "objective",
)  # fmt: skip
_CLAIM_ROLES = {
    1: (
        "gradient",
        "grad",
        "derivative",
        "deriv",
        "derivate",
        "prime",
        "df",
        "jacobian",
        "jac",
        "backward",
        "backward_pass",
    ),
    2: ("grad2", "hessian", "hess", "second_derivative", "double_prime", "d2f"),
}


@dataclass(frozen=True, eq=False)
class Claim:
    """`claim` is said to be the derivative of `value`; for methods `owner` is the class that has both."""

    value: Callable[..., Any]
    claim: Callable[..., Any]
    value_name: str
    claim_name: str
    order: int
    how: str  # "name", "method" or "decorator"
    strong: bool
    owner: type | None = None
    argument: str | None = None  # from names such as df_dx
    first: str | None = None  # for order 2: the name of the claimed first derivative, where there is one

    @property
    def label(self) -> tuple[str, str]:
        """The two names as a reader writes them."""
        prefix = f"{self.owner.__name__}." if self.owner else ""
        return prefix + self.value_name, prefix + self.claim_name


def derivative_of(value: Callable[..., Any], *, order: int = 1) -> Callable[[F], F]:
    """Mark a function as the hand-written derivative of `value`, so that `cauchy check` finds it under any name.

    It only marks: the function itself is returned, unchanged.

    >>> def area(r): return 3.0 * r * r
    >>> @derivative_of(area)
    ... def rim(r): return 6.0 * r
    >>> rim(2.0)
    12.0
    """

    def mark(claim: F) -> F:
        claim.__cauchy_derivative_of__ = (value, order)  # type: ignore[attr-defined]
        return claim

    return mark


def underlying(obj: Any) -> Any:
    """The plain function behind decorators, `np.vectorize`, and just-in-time compilers."""
    for _ in range(20):  # a wrapper may wrap itself
        if isinstance(obj, MethodType):
            obj = obj.__func__
            continue
        kept = getattr(obj, "__dict__", {})
        inner = next((kept[a] for a in ("__wrapped__", "py_func", "pyfunc") if callable(kept.get(a))), None)
        if inner is None:
            break
        obj = inner
    return obj


def code_of(fn: Any) -> CodeType | None:
    plain = underlying(fn)
    return plain.__code__ if isinstance(plain, FunctionType) else None


def find(namespace: Mapping[str, Any], belongs: Callable[[str], bool]) -> list[Claim]:
    """All claims among the functions and classes of a namespace whose source file `belongs`."""
    functions: dict[str, Any] = {}
    classes: list[type] = []
    for name, obj in list(namespace.items()):
        if isinstance(obj, type):
            if any(_methods(obj, belongs)) and obj not in classes:
                classes.append(obj)
        elif (code := code_of(obj)) is not None and belongs(code.co_filename):
            functions[name] = obj
    claims = [
        Claim(value, fn, getattr(underlying(value), "__name__", "?"), name, order, "decorator", True)
        for name, fn in functions.items()
        if isinstance(mark := getattr(fn, "__cauchy_derivative_of__", None), tuple)
        for value, order in [mark]
    ]
    claims += _by_name(functions, None)
    for cls in classes:
        claims += _in_class(cls, belongs)
    seen: set[tuple[Any, ...]] = set()
    unique = []
    for c in claims:
        key = (code_of(c.claim) or id(c.claim), c.owner)
        if key not in seen:
            seen.add(key)
            unique.append(c)
    return unique


def _methods(cls: type, belongs: Callable[[str], bool]) -> dict[str, Any]:
    found = {}
    for name, raw in inspect.getmembers_static(cls):
        fn = raw.__func__ if isinstance(raw, (staticmethod, classmethod)) else raw
        mangled = name.startswith(f"_{cls.__name__.lstrip('_')}__")
        if not mangled and isinstance(fn, FunctionType) and (code := code_of(fn)) and belongs(code.co_filename):
            found[name] = fn
    return found


def _in_class(cls: type, belongs: Callable[[str], bool]) -> list[Claim]:
    methods = _methods(cls, belongs)
    claims = _by_name({n: f for n, f in methods.items() if n not in _VALUE_ROLES}, cls)
    taken = {code_of(c.claim) for c in claims}
    for order, roles in _CLAIM_ROLES.items():
        for role in roles:
            claim = methods.get(role)
            if claim is None or code_of(claim) in taken:
                continue
            value = _partner(role, claim, methods)
            if value is not None:
                first = next((r for r in _CLAIM_ROLES[1] if r in methods), None) if order == 2 else None
                claims.append(Claim(methods[value], claim, value, role, order, "method", True, cls, None, first))
    return claims


def _partner(role: str, claim: Any, methods: Mapping[str, Any]) -> str | None:
    values = [r for r in _VALUE_ROLES if r in methods]
    if role.startswith("backward"):
        return next((r for r in values if r.startswith("forward") or r in ("__call__", "call")), None)
    wanted = set(parameters(claim))
    values.sort(key=lambda r: (set(parameters(methods[r])) != wanted, _VALUE_ROLES.index(r)))
    return values[0] if values else None


def parameters(fn: Any) -> list[str]:
    """Names of the parameters, without `self`."""
    code = code_of(fn)
    names = list(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]) if code else []
    return [n for n in names if n not in ("self", "cls")]


def _by_name(functions: Mapping[str, Any], owner: type | None) -> list[Claim]:
    pairs: dict[str, tuple[str, int, bool, str | None]] = {}
    for value in functions:
        for claim in functions:
            if claim == value:
                continue
            hit = relation(value, claim, parameters(functions[value]))
            if hit and (claim not in pairs or len(value) > len(pairs[claim][0])):
                pairs[claim] = (value, *hit)
    claims = []
    for claim, (value, order, strong, argument) in pairs.items():
        first = None
        if order == 2:
            first = next((c for c, (v, o, *_) in pairs.items() if v == value and o == 1), None)
        claims.append(
            Claim(functions[value], functions[claim], value, claim, order, "name", strong, owner, argument, first)
        )
    return claims


def relation(value: str, claim: str, arguments: Iterable[str] = ()) -> tuple[int, bool, str | None] | None:
    """What the name `claim` says of `value`: the order of the derivative, whether in so many words, in which argument.

    >>> relation("sigmoid", "sigmoid_prime"), relation("f", "d2f"), relation("f", "dfdy", ["x", "y"])
    ((1, True, None), (2, True, None), (1, True, 'y'))
    >>> relation("f", "df"), relation("f", "g")
    ((1, False, None), None)
    """
    said = _glue(claim, _VERBS, ())
    for base in dict.fromkeys((_glue(value, (), ()), _glue(value, _VERBS, ()), _glue(value, _VERBS, _NOUNS))):
        if not base or base not in said or (len(base) == 1 and value not in claim):
            continue
        rest_after = said[len(base) :] if said.startswith(base) else None
        rest_before = said[: -len(base)] if said.endswith(base) else None
        if rest_after in _WORDS_2 or rest_before in _BEFORE_2:
            return 2, True, None
        if rest_before == "dd":
            return 2, False, None
        if rest_after in _WORDS or rest_before in _BEFORE:
            return 1, True, None
        if rest_before == "d":
            return 1, claim.startswith("d_") or claim[1:2].isupper() or len(base) >= 5, None
        for a in arguments:
            glued = _glue(a, (), ())
            if said in (
                f"d{base}d{glued}",
                f"{base}d{glued}",
                f"d{base}by{glued}",
                f"{base}grad{glued}",
                f"grad{base}{glued}",
            ):
                return 1, True, a
            if said in (f"d2{base}d{glued}2", f"d2{base}d{glued}d{glued}"):
                return 2, True, a
    return None


def _glue(name: str, prefixes: tuple[str, ...], suffixes: tuple[str, ...]) -> str:
    words = [w.lower() for w in re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).split("_") if w]
    if len(words) > 1 and words[0] in prefixes:
        words = words[1:]
    if len(words) > 1 and words[-1] in suffixes:
        words = words[:-1]
    return "".join(words)
