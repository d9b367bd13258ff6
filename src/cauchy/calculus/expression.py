"""Formulas: text -> syntax tree -> NumPy function, SymPy, LaTeX.

The grammar and its limits stand in `syntax`; here is what a tree means.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import special

from ..errors import ParseError, ShapeError
from .syntax import CONSTANTS, Call, Name, Neg, Num, Op, Parser, Tree, children, variables, walk

if TYPE_CHECKING:
    import sympy

MAX_LENGTH, MAX_DEGREE = 500, 1000
_VALUES = {"pi": math.pi, "e": math.e}


class Function(NamedTuple):
    """NumPy's function, SymPy's, LaTeX's name."""

    run: Callable[..., Any]
    sympy: Callable[..., Any]
    latex: str


def _sympy(name: str) -> Callable[..., Any]:
    def build(sp: Any, *args: Any) -> Any:
        return getattr(sp, name)(*args)

    return build


# cbrt is the real root; SymPy's own is the principal one, complex for x < 0.
FUNCTIONS: dict[str, Function] = {
    "sqrt": Function(np.sqrt, _sympy("sqrt"), ""),
    "cbrt": Function(np.cbrt, lambda sp, x: sp.sign(x) * sp.Abs(x) ** sp.Rational(1, 3), ""),
    "abs": Function(np.absolute, _sympy("Abs"), ""),
    "sign": Function(np.sign, _sympy("sign"), r"\operatorname{sign}"),
    "exp": Function(np.exp, _sympy("exp"), r"\exp"),
    "log": Function(np.log, _sympy("log"), r"\log"),
    "log2": Function(np.log2, lambda sp, x: sp.log(x) / sp.log(2), r"\log_{2}"),
    "log10": Function(np.log10, lambda sp, x: sp.log(x) / sp.log(10), r"\log_{10}"),
    "sin": Function(np.sin, _sympy("sin"), r"\sin"),
    "cos": Function(np.cos, _sympy("cos"), r"\cos"),
    "tan": Function(np.tan, _sympy("tan"), r"\tan"),
    "cot": Function(lambda x: np.cos(x) / np.sin(x), _sympy("cot"), r"\cot"),
    "sec": Function(lambda x: 1 / np.cos(x), _sympy("sec"), r"\sec"),
    "csc": Function(lambda x: 1 / np.sin(x), _sympy("csc"), r"\csc"),
    "asin": Function(np.arcsin, _sympy("asin"), r"\arcsin"),
    "acos": Function(np.arccos, _sympy("acos"), r"\arccos"),
    "atan": Function(np.arctan, _sympy("atan"), r"\arctan"),
    "sinh": Function(np.sinh, _sympy("sinh"), r"\sinh"),
    "cosh": Function(np.cosh, _sympy("cosh"), r"\cosh"),
    "tanh": Function(np.tanh, _sympy("tanh"), r"\tanh"),
    "asinh": Function(np.arcsinh, _sympy("asinh"), r"\operatorname{arsinh}"),
    "acosh": Function(np.arccosh, _sympy("acosh"), r"\operatorname{arcosh}"),
    "atanh": Function(np.arctanh, _sympy("atanh"), r"\operatorname{artanh}"),
    "sigmoid": Function(special.expit, lambda sp, x: 1 / (1 + sp.exp(-x)), r"\sigma"),
    "erf": Function(special.erf, _sympy("erf"), r"\operatorname{erf}"),
    "gamma": Function(special.gamma, _sympy("gamma"), r"\Gamma"),
    "min": Function(lambda *a: reduce(np.minimum, a), _sympy("Min"), r"\min"),
    "max": Function(lambda *a: reduce(np.maximum, a), _sympy("Max"), r"\max"),
}


@dataclass(frozen=True, slots=True)
class Expression:
    """A formula: `.tree`, `.variables`, and a NumPy function of the variables in that order.

    Equal trees are equal expressions. `str(e)` is a canonical text that parses to the same tree.

    >>> e = parse("3x² − 4x")
    >>> str(e), e.variables, float(e(2.0))
    ('3*x^2 - 4*x', ('x',), 4.0)
    """

    tree: Tree
    variables: tuple[str, ...]

    def __call__(self, *values: Any) -> Any:
        """The value with one argument per variable: numbers, arrays (broadcast together) or traced values.

        Integers become float64; float32 stays; NaN, inf and points outside the domain give what NumPy gives.
        Raises ShapeError for a wrong number of arguments and for what is not a real number.
        """
        if len(values) != len(self.variables):
            wanted = ", ".join(self.variables)
            raise ShapeError(
                f"`{self}` is a function of ({wanted}): wanted {len(self.variables)} values, got {len(values)}"
            )
        named = {v: _real(v, x) for v, x in zip(self.variables, values, strict=True)}
        result = _run(self.tree, named)
        if isinstance(result, (int, float)) and not isinstance(result, np.generic):  # no variable took part
            shapes = [np.shape(x) for x in named.values() if isinstance(x, (np.ndarray, np.generic))]
            result = np.full(np.broadcast_shapes(*shapes), float(result))[()]
        return result

    def __str__(self) -> str:
        return _text(self.tree, 0)

    def pretty(self) -> str:
        """Readable Unicode, `3x² − 4x`; it parses to the same tree too."""
        return _pretty(self.tree, 0)

    def latex(self) -> str:
        """LaTeX of the formula as it was written.

        >>> parse("sqrt(x)/(1+x^2)").latex()
        '\\\\frac{\\\\sqrt{x}}{1 + x^{2}}'
        """
        return _latex(self.tree, 0)

    def sympy(self) -> sympy.Expr:
        """The SymPy expression over real symbols; decimals become exact fractions (0.1 is 1/10)."""
        import sympy as sp

        return _to_sympy(self.tree, sp)


def parse(text: str) -> Expression:
    """Read a formula. Raises ParseError with the column (from 1, in the user's text) and what was expected there.

    >>> str(parse("（ｘ＋１）²·sin x"))
    '(x + 1)^2*sin(x)'
    >>> parse("3x^2 - ")
    Traceback (most recent call last):
        ...
    cauchy.errors.ParseError: column 8: expected a number, a variable, a function or a bracket; found the end
        3x^2 -
               ^
    """
    return read(text, MAX_LENGTH)


def read(text: str, limit: int) -> Expression:
    """`parse` with another limit on the length: for texts that this library wrote itself."""
    if not isinstance(text, str):
        raise ParseError(f"an expression is a text, got {type(text).__name__}", column=1, fix="write it in quotes")
    if len(text) > limit:
        raise ParseError(f"an expression has at most {limit} characters, got {len(text)}", column=limit + 1)
    parser = Parser(text)
    tree, declared = parser.definition()
    _bounded(tree, parser)
    used = variables(tree)
    for t in walk(tree):
        if declared and isinstance(t, Name) and t.name in used - set(declared):
            raise parser.error(f"`{t.name}` is not among the declared variables ({', '.join(declared)})", t.column)
    return Expression(tree, declared or tuple(sorted(used)) or ("x",))


def _bounded(tree: Tree, parser: Parser) -> None:
    """Refuse what would explode: every constant part is a finite real double, every power at most 1000."""

    def look(t: Tree) -> tuple[float | None, float]:
        """The value where `t` is constant, else None; and the degree in the variables."""
        parts = [look(c) for c in children(t)]
        values, degrees = [v for v, _ in parts], [d for _, d in parts]
        if isinstance(t, Name) and t.name not in CONSTANTS:
            return None, 1.0
        if None not in values:
            with np.errstate(all="ignore"):
                value = float(_run(t, {}, values))
            if not math.isfinite(value):
                raise parser.error(
                    "this constant part is not a finite real number", t.column, why="it overflows or is undefined"
                )
            if isinstance(t, Call) and t.name == "gamma" and abs(values[0] or 0.0) > 170:
                raise parser.error("gamma of this number is too large", t.column)
            return value, 0.0
        degree = sum(degrees) if isinstance(t, Op) and t.op in "*/" else max(degrees)
        if isinstance(t, Op) and t.op == "^" and values[1] is not None:
            degree = degrees[0] * max(abs(values[1]), 1.0)
            if degree > MAX_DEGREE:
                raise parser.error(f"a power above {MAX_DEGREE} of the variable", t.column)
        return None, degree

    look(tree)


# -- meanings of a tree ----------------------------------------------------------------------------

_OPS: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "^": lambda a, b: a**b,
}


def _real(name: str, x: Any) -> Any:
    """A number or array as floating point; what is neither and does not trace is an error."""
    if hasattr(type(x), "__cauchy_apply__"):
        return x
    try:
        a = np.asarray(x)
    except ValueError as e:
        raise ShapeError(f"`{name}`: wanted a number or an array, got a ragged {type(x).__name__}") from e
    if a.dtype.kind in "biu":
        a = a.astype(np.float64)
    if a.dtype.kind != "f":
        raise ShapeError(
            f"`{name}`: wanted a real number or an array of them, got {type(x).__name__} of dtype {a.dtype}"
        )
    return a[()]


def _run(t: Tree, named: dict[str, Any], parts: list[Any] | None = None) -> Any:
    """The value of a tree; `parts` are the values of its children where they are known already.

    Constant parts are Python floats made by NumPy's own functions, so 0.0**-1 is inf and (-1)**0.5 is nan.
    """
    if parts is None:
        parts = [_run(c, named) for c in children(t)]
    match t:
        case Num():
            return t.value
        case Name():
            return _VALUES[t.name] if t.name in CONSTANTS else named[t.name]
        case Neg():
            return -parts[0]
        case Op():
            if all(type(p) in (int, float) for p in parts):
                return float(_OPS[t.op](*(np.float64(p) for p in parts)))
            return _OPS[t.op](*parts)
        case Call():
            value = FUNCTIONS[t.name].run(*parts)
            return float(value) if all(type(p) in (int, float) for p in parts) else value


def _to_sympy(t: Tree, sp: Any) -> Any:
    parts = [_to_sympy(c, sp) for c in children(t)]
    match t:
        case Num():
            return sp.Integer(t.mantissa) * sp.Integer(10) ** t.exponent
        case Name():
            return {"pi": sp.pi, "e": sp.E}[t.name] if t.name in CONSTANTS else sp.Symbol(t.name, real=True)
        case Neg():
            return -parts[0]
        case Op():
            return _OPS[t.op](*parts)
        case Call():
            return FUNCTIONS[t.name].sympy(sp, *parts)


# Levels of binding: 1 sum, 2 minus sign, 3 product, 4 power, 5 atom.
def _level(t: Tree) -> int:
    match t:
        case Neg():
            return 2
        case Op():
            return {"+": 1, "-": 1, "*": 3, "/": 3, "^": 4}[t.op]
    return 5


_NEEDS = {"+": (1, 3), "-": (1, 3), "*": (3, 4), "/": (3, 4), "^": (5, 5)}


def _text(t: Tree, least: int) -> str:
    """Canonical text, in brackets where `t` binds less than `least`."""
    if _level(t) < least:
        return f"({_text(t, 0)})"
    match t:
        case Num():
            return str(t)
        case Name():
            return t.name
        case Neg():
            return f"-{_text(t.arg, 3)}"
        case Op():
            a, b = (_text(part, need) for part, need in zip((t.left, t.right), _NEEDS[t.op], strict=True))
            return f"{a} {t.op} {b}" if t.op in "+-" else f"{a}{t.op}{b}"
        case Call():
            return f"{t.name}({', '.join(_text(a, 0) for a in t.args)})"


_RAISE = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def _small(t: Tree) -> str | None:
    """An integer exponent of few digits."""
    if isinstance(t, Neg):
        inner = _small(t.arg) if isinstance(t.arg, Num) else None
        return inner and f"-{inner}"
    return str(t) if isinstance(t, Num) and t.exponent >= 0 and len(str(t)) <= 4 else None


def _pretty(t: Tree, least: int) -> str:
    if _level(t) < least:
        return f"({_pretty(t, 0)})"
    match t:
        case Name():
            return "π" if t.name == "pi" else t.name
        case Neg():
            return f"−{_pretty(t.arg, 3)}"
        case Op(op="^", left=Call(name="sqrt" | "cbrt") as root):
            n = _small(t.right)
            return f"({_pretty(root, 0)})" + (f"^{_pretty(t.right, 5)}" if n is None else n.translate(_RAISE))
        case Op(op="^") if (n := _small(t.right)) is not None:
            return _pretty(t.left, 5) + n.translate(_RAISE)
        case Op():
            a, b = (_pretty(part, need) for part, need in zip((t.left, t.right), _NEEDS[t.op], strict=True))
            match t.op:
                case "*":
                    return a + ("" if _side_by_side(t, b) else "·") + b
                case "/" | "^":
                    return a + t.op + b
            return f"{a} {'−' if t.op == '-' else '+'} {b}"
        case Call(name="abs"):
            return f"|{_pretty(t.args[0], 0)}|" if not _has_bars(t.args[0]) else f"abs({_pretty(t.args[0], 0)})"
        case Call(name="sqrt" | "cbrt"):
            inner = _pretty(t.args[0], 0)
            short = isinstance(t.args[0], (Num, Name))
            return ("√" if t.name == "sqrt" else "∛") + (inner if short else f"({inner})")
        case Call():
            return f"{t.name}({', '.join(_pretty(a, 0) for a in t.args)})"
    return _text(t, least)


def _has_bars(t: Tree) -> bool:
    return any(isinstance(p, Call) and p.name == "abs" for p in walk(t))


def _side_by_side(t: Op, right: str) -> bool:
    """Can the product be written without a sign, and still be read in one way?"""
    left = t.left.right if isinstance(t.left, Op) and t.left.op == "*" else t.left
    match left:
        case Num():
            return right[0] in "(√" or (right[0].isalpha() and not (right[0] in "eE" and right[1:2].isdigit()))
        case Name():
            return right[0] == "(" and left.name not in "fghFGH"
        case Op(op="^"):
            return right[0] == "(" and _small(left.right) is not None
        case Op(op="+" | "-"):
            return right[0] == "("
    return False


def _latex(t: Tree, least: int) -> str:
    if _level(t) < least and not (isinstance(t, Op) and t.op == "/" and least <= 4):
        return rf"\left({_latex(t, 0)}\right)"
    match t:
        case Num() if "e" in (text := str(t)):
            digits, _, power = text.partition("e")
            return rf"{digits} \cdot 10^{{{power}}}"
        case Num():
            return str(t)
        case Name():
            return rf"\{t.name}" if t.name == "pi" else t.name
        case Neg():
            return f"-{_latex(t.arg, 3)}"
        case Op(op="/"):
            return rf"\frac{{{_latex(t.left, 0)}}}{{{_latex(t.right, 0)}}}"
        case Op(op="^"):
            return f"{_latex(t.left, 5)}^{{{_latex(t.right, 0)}}}"
        case Op(op="*"):
            a, b = _latex(t.left, 3), _latex(t.right, 4)
            return rf"{a} \cdot {b}" if b[0].isdigit() or b.startswith(r"\frac") else f"{a} {b}"
        case Op():
            a, b = (_latex(part, need) for part, need in zip((t.left, t.right), _NEEDS[t.op], strict=True))
            return f"{a} {t.op} {b}"
        case Call(name="abs"):
            return rf"\left|{_latex(t.args[0], 0)}\right|"
        case Call(name="sqrt" | "cbrt"):
            return rf"\sqrt{'[3]' if t.name == 'cbrt' else ''}{{{_latex(t.args[0], 0)}}}"
        case Call():
            return rf"{FUNCTIONS[t.name].latex}\left({', '.join(_latex(a, 0) for a in t.args)}\right)"
