"""The grammar of formulas, and its parser: text -> syntax tree.

    definition := [ name ["(" variable {"," variable} ")"] "=" ] sum
    sum        := term { ("+" | "-") term }
    term       := ("+" | "-") term | product                    -x y is -(x y)
    product    := factor { ("*" | "/") factor | factor }        2x, x(3x-4), sin(x)cos(x)
    factor     := ("+" | "-") factor | power
    power      := atom [ "^" factor ]                           from the right: 2^x^3 = 2^(x^3); -x^2 = -(x^2)
    atom       := number | variable | constant | "(" sum ")" | "|" sum "|" | root atom | call
    call       := function [ "^" integer ] ( "(" sum {"," sum} ")" | argument )
    argument   := ["-"] factors written side by side, up to the next sign or function: sin 2x cos x = sin(2x)*cos(x)

Signs of print are read as their ASCII forms: superscripts (x², x⁻¹), · × ÷ − –, full-width characters, √, π.
`log` is the natural logarithm, as in NumPy. `1e-3` is a number, `2e` is 2*e.

What people read in two ways is refused: `1/2x`, `e^2x`, `sin^-1 x`, `√x^2`, `log2 x`, `x2`.

Reading takes bounded time: at most 500 characters and 50 levels; every constant part must be a finite
real number in double precision, and powers of the variables go up to 1000.
Recursive descent with precedence climbing: V. Pratt (1973), "Top down operator precedence".
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..errors import ParseError

MAX_DEPTH, MAX_DIGITS = 50, 50

# -- the tree --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Num:
    """The number mantissa * 10**exponent, exactly; mantissa >= 0 and not divisible by 10 (zero: 0, 0)."""

    mantissa: int
    exponent: int
    column: int = field(default=0, compare=False)

    def __str__(self) -> str:
        digits, e = str(self.mantissa), self.exponent
        if e >= 0 and len(digits) + e <= 16:
            return digits + "0" * e
        if -16 <= e < 0:
            digits = digits.rjust(1 - e, "0")
            return f"{digits[:e]}.{digits[e:]}"
        return f"{digits}e{e}"

    @property
    def value(self) -> int | float:
        """The nearest double; small integers stay integers (they do not promote float32)."""
        return int(text) if (text := str(self)).isdigit() and len(text) <= 15 else float(text)


@dataclass(frozen=True, slots=True)
class Name:
    """A variable (one letter), or the constant pi or e."""

    name: str
    column: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Neg:
    """Minus its argument."""

    arg: Tree
    column: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Op:
    """`left op right` with op one of + - * / ^."""

    op: str
    left: Tree
    right: Tree
    column: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """A function of `FUNCTIONS` applied to its arguments."""

    name: str
    args: tuple[Tree, ...]
    column: int = field(default=0, compare=False)


Tree = Num | Name | Neg | Op | Call

CONSTANTS = ("pi", "e")
FUNCTIONS = (
    "sqrt", "cbrt", "abs", "sign", "exp", "log", "log2", "log10", "sin", "cos", "tan", "cot", "sec", "csc",
    "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "sigmoid", "erf", "gamma", "min", "max",
)  # fmt: skip
ALIASES = {
    "ln": "log", "lg": "log10", "expit": "sigmoid", "sgn": "sign", "tg": "tan", "ctg": "cot", "cosec": "csc",
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arctg": "atan",
    "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh", "arsinh": "asinh", "arcosh": "acosh", "artanh": "atanh",
}  # fmt: skip
_MANY = frozenset({"min", "max"})
_WORDS = {w: w for w in (*FUNCTIONS, *CONSTANTS) if not w[-1].isdigit()} | ALIASES


def children(t: Tree) -> tuple[Tree, ...]:
    """The direct parts of a tree."""
    match t:
        case Neg():
            return (t.arg,)
        case Op():
            return (t.left, t.right)
        case Call():
            return t.args
    return ()


def walk(t: Tree) -> Iterator[Tree]:
    """Every part of a tree, itself first."""
    stack = [t]
    while stack:
        t = stack.pop()
        yield t
        stack += children(t)


def variables(t: Tree) -> set[str]:
    """The names in a tree that are not constants."""
    return {p.name for p in walk(t) if isinstance(p, Name) and p.name not in CONSTANTS}


# -- characters to tokens --------------------------------------------------------------------------

_SIGNS = {c: ascii_ for ascii_, group in {
    "*": "·⋅∙•×✕✖∗⨯", "/": "÷∕⁄", "-": "−–—‐‑‒﹣", "+": "﹢", "|": "∣", "(": "【〔", ")": "】〕", ",": "、", "^": "ˆ",
}.items() for c in group}  # fmt: skip
_RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿˣʸᵗ", "0123456789+-()nxyt", strict=True))
_BRACKETS = {"(": ")", "[": "]", "{": "}"}
_DIGITS = frozenset("0123456789")


class _Token(NamedTuple):
    kind: str  # num, var, const, func, end, or the sign itself
    value: Any
    column: int
    spaced: bool = False  # white space stands before it


def _plain(c: str) -> str:
    """One character as its ASCII (or Greek) form; raised characters stay."""
    if c in _RAISED or c.isascii():
        return c
    if c in _SIGNS:
        return _SIGNS[c]
    n = unicodedata.normalize("NFKC", c)
    if len(n) == 1 and (n.isascii() or unicodedata.name(n, "").startswith("GREEK")):
        return _SIGNS.get(n, n)
    return " " if c.isspace() else c


class Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.plain = "".join(_plain(c) for c in text)
        self.at, self.depth = 0, 0
        self.tokens = list(self.scan())

    def error(self, what: str, column: int, why: str = "", fix: str = "") -> ParseError:
        wide = lambda c: 2 if unicodedata.east_asian_width(c) in "WF" else 1
        shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in self.text)
        caret = " " * sum(wide(c) for c in shown[: column - 1]) + "^"
        return ParseError(
            f"column {column}: {what}\n    {shown.rstrip()}\n    {caret}", column=column, why=why, fix=fix
        )

    def scan(self) -> Iterator[_Token]:
        s, i, n = self.plain, 0, len(self.plain)
        spaced = False
        while i < n:
            c, start = s[i], i
            if c.isspace():
                spaced, i = True, i + 1
                continue
            if c in _RAISED:
                while i < n and s[i] in _RAISED:
                    i += 1
                yield _Token("^", "raised", start + 1, spaced)
                yield _Token("(", "(", start + 1)
                yield from self.raised(start, i)
                yield _Token(")", ")", i)
            elif c in _DIGITS or (c == "." and s[i + 1 : i + 2] in _DIGITS):
                token, i = self.number(start)
                yield token._replace(spaced=spaced)
            elif _letter(c):
                while i < n and _letter(s[i]) and s[i].isascii() == c.isascii():
                    i += 1
                words = list(self.words(start, i))
                if words[-1].value == "log" and s[i : i + 1] in ("1", "2"):
                    words[-1], i = self.based_log(words[-1], i)
                yield words[0]._replace(spaced=spaced)
                yield from words[1:]
            elif c in "+-*/^=,|()[]{}√∛":
                i += 2 if s.startswith("**", i) else 1
                c = "^" if i == start + 2 else c
                yield _Token(c, c, start + 1, spaced)
            else:
                raise self.error(
                    f"the character {self.text[start]!r} (U+{ord(self.text[start]):04X}) has no meaning here", start + 1
                )
            spaced = False
        yield _Token("end", None, n + 1, spaced)

    def raised(self, start: int, stop: int) -> Iterator[_Token]:
        """A run of superscripts, as the tokens of the exponent it stands for."""
        i = start
        while i < stop:
            c, column = _RAISED[self.plain[i]], i + 1
            if c in _DIGITS:
                first = i
                while i < stop and _RAISED[self.plain[i]] in _DIGITS:
                    i += 1
                yield _Token("num", self.exact("".join(_RAISED[r] for r in self.plain[first:i]), column), column)
                continue
            yield _Token("var" if c.isalpha() else c, c, column)
            i += 1

    def number(self, start: int) -> tuple[_Token, int]:
        """Digits with one point, and an exponent only where digits follow the `e`."""
        s, i = self.plain, start
        skip = lambda i: next((k for k in range(i, len(s)) if s[k] not in _DIGITS), len(s))
        i = skip(i)
        if s[i : i + 1] == ".":
            i = skip(i + 1)
        if s[i : i + 1] in ("e", "E"):
            sign = i + 1 + (s[i + 1 : i + 2] in ("+", "-"))
            if s[sign : sign + 1] in _DIGITS and sign < len(s):
                i = skip(sign)
        if s[i : i + 1] == ".":
            raise self.error("a second decimal point in one number", i + 1)
        return _Token("num", self.exact(s[start:i], start + 1), start + 1), i

    def exact(self, literal: str, column: int) -> Num:
        digits, _, power = literal.lower().partition("e")
        whole, _, part = digits.partition(".")
        significant = (whole + part).lstrip("0")
        if len(significant) > MAX_DIGITS or len(power) > 5:
            raise self.error(f"a number of more than {MAX_DIGITS} digits or a huge exponent", column)
        stripped = significant.rstrip("0")
        if not stripped:
            return Num(0, 0, column)
        exponent = int(power or 0) - len(part) + len(significant) - len(stripped)
        if not -300 <= exponent + len(stripped) <= 308:
            raise self.error("the number lies outside the range 1e-300 .. 1e308", column)
        return Num(int(stripped), exponent, column)

    def words(self, start: int, stop: int) -> Iterator[_Token]:
        """A run of letters: a known word, or known words and single x, y, z, t run together (xsinx)."""
        word = self.plain[start:stop]
        known = lambda w: w if w in _WORDS else w.lower() if len(w) > 1 and w.lower() in _WORDS else None
        whole = known(word)
        if whole or len(word) == 1:
            yield self.word(whole or word, start)
            return
        pieces, i = [], 0
        while i < len(word):
            k = next((k for k in range(len(word), i + 1, -1) if word[i:k] in _WORDS), i + 1)
            pieces.append((word[i:k], start + i))
            i = k
        singles = [w for w, _ in pieces if len(w) == 1]
        if not set(singles) <= set("xyzte") or (len(set(singles)) < len(singles) == len(pieces)):
            near = difflib.get_close_matches(word.lower(), [*_WORDS, "log2", "log10"], 1, 0.6)
            hint = f"did you mean `{near[0]}`? " if near else ""
            raise self.error(
                f"unknown name `{word}`", start + 1, fix=f"{hint}write a product with a sign: {'*'.join(word[:3])}"
            )
        yield from (self.word(*p) for p in pieces)

    def word(self, word: str, start: int) -> _Token:
        word = _WORDS.get(word, word)
        word = "pi" if word == "π" else word
        kind = "func" if word in FUNCTIONS else "const" if word in CONSTANTS else "var"
        return _Token(kind, word, start + 1)

    def based_log(self, log: _Token, i: int) -> tuple[_Token, int]:
        """log2( and log10( are functions; without the bracket only a lowered base is clear."""
        base = "10" if self.plain.startswith("10", i) else self.plain[i]
        stop = i + len(base)
        lowered = self.text[i] in "₁₂"
        if base == "1" or not (lowered or self.plain[stop:].lstrip().startswith("(")):
            raise self.error(f"`log{base}` needs a bracket", i + 1, fix=f"write log2(x), log10(x) or log({base}*x)")
        return log._replace(value=f"log{base}"), stop

    # -- tokens to a tree --------------------------------------------------------------------------

    @property
    def next(self) -> _Token:
        return self.tokens[self.at]

    def take(self) -> _Token:
        self.at += 1
        return self.tokens[self.at - 1]

    def deeper(self, column: int, inside: Callable[[], Tree]) -> Tree:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error(f"more than {MAX_DEPTH} levels of brackets, signs and powers", column)
        result = inside()
        self.depth -= 1
        return result

    def expected(self, what: str) -> ParseError:
        t = self.next
        fix = "decimals are written with a point: 1.5" if t.kind == "," else ""
        found = "the end" if t.kind == "end" else f"`{self.text[t.column - 1]}`"
        return self.error(f"expected {what}; found {found}", t.column, fix=fix)

    def definition(self) -> tuple[Tree, tuple[str, ...]]:
        """The tree, and the variables where the text declares them: f(x, y) = ..."""
        kinds = "".join(t.kind if len(t.kind) == 1 else t.kind[0] for t in self.tokens[:40])
        name, declared = None, ()
        if kinds.startswith("v="):
            name, self.at = self.tokens[0], 2
        elif (head := re.match(r"v\(v(,v)*\)=", kinds)) is not None:
            name, self.at = self.tokens[0], head.end()
            declared = tuple(t.value for t in self.tokens[2 : self.at - 1 : 2])
            if len(set(declared)) < len(declared):
                raise self.error("a variable is declared twice", self.tokens[2].column)
        tree = self.sum("")
        if self.next.kind == "=":
            raise self.error(
                "an equation is not a function", self.next.column, fix="write the function alone, or y = ..."
            )
        if self.next.kind != "end":
            raise self.expected("an operator or the end")
        if name is not None and name.value in variables(tree):
            raise self.error(f"`{name.value}` is defined by itself", name.column)
        return tree, declared

    def sum(self, closing: str) -> Tree:
        left = self.term(closing)
        while self.next.kind in "+-":
            sign = self.take()
            left = Op(sign.kind, left, self.product(closing), sign.column)
        return left

    def term(self, closing: str) -> Tree:
        return self.signed(lambda: self.term(closing)) or self.product(closing)

    def signed(self, rest: Callable[[], Tree]) -> Tree | None:
        """A leading sign and what it applies to."""
        if self.next.kind not in "+-":
            return None
        sign = self.take()
        arg = self.deeper(sign.column, rest)
        return Neg(arg, sign.column) if sign.kind == "-" else arg

    def product(self, closing: str) -> Tree:
        left, divided = self.factor(), False
        while True:
            t = self.next
            if t.kind in "*/":
                self.take()
                left, divided = Op(t.kind, left, self.factor(), t.column), t.kind == "/"
            elif self.begins(t, closing):
                if divided:
                    raise self.error(
                        "a division followed by a product without a sign can be read in two ways", t.column,
                        fix="write (1/2)x or 1/(2x)",
                    )  # fmt: skip
                left = Op("*", left, self.power(), t.column)
            else:
                return left

    def begins(self, t: _Token, closing: str) -> bool:
        """Does a factor begin here, without a sign before it?"""
        if t.kind == "num":
            before = self.tokens[self.at - 1].kind
            fix = "write x^2 or 2x" if before == "var" else "put a sign between the two factors"
            raise self.error("a number stands directly behind a factor", t.column, fix=fix)
        return t.kind in ("var", "const", "func", "(", "[", "{", "√", "∛") or (t.kind == "|" and closing != "|")

    def factor(self) -> Tree:
        return self.signed(self.factor) or self.power()

    def power(self) -> Tree:
        base = self.atom()
        if self.next.kind != "^":
            return base
        hat = self.take()
        start = self.at
        exponent = self.deeper(hat.column, self.factor)
        t, last = self.next, self.tokens[self.at - 1]
        constant = not variables(base)
        bare = self.tokens[start].kind not in ("(", "func") and last.kind in ("num", "var", "const")
        if (
            constant
            and bare
            and not t.spaced
            and (t.kind in ("var", "const") or (t.kind == "(" and last.kind == "num"))
        ):
            raise self.error("where the exponent ends can be read in two ways", t.column, fix="write e^(2x) or e^2 * x")
        return Op("^", base, exponent, hat.column)

    def atom(self) -> Tree:
        t = self.next
        match t.kind:
            case "num":
                return self.take().value
            case "var":
                self.take()
                if t.value in "fghFGH" and self.next.kind == "(" and not self.next.spaced:
                    raise self.error(
                        f"`{t.value}` is not a known function", t.column, fix=f"for a product write {t.value}*(...)"
                    )
                return Name(t.value, t.column)
            case "const":
                return Name(self.take().value, t.column)
            case "func":
                return self.call()
            case "(" | "[" | "{":
                self.take()
                return self.enclosed(t, _BRACKETS[t.kind])
            case "|":
                self.take()
                return Call("abs", (self.enclosed(t, "|"),), t.column)
            case "√" | "∛":
                self.take()
                bracketed = self.next.kind in _BRACKETS
                arg = self.deeper(t.column, self.atom)
                if self.next.kind == "^" and not bracketed:
                    raise self.error(
                        "a power behind a root can be read in two ways", self.next.column, fix="write √(x^2) or (√x)^2"
                    )
                return Call("sqrt" if t.kind == "√" else "cbrt", (arg,), t.column)
        raise self.expected("a number, a variable, a function or a bracket")

    def enclosed(self, opening: _Token, closing: str) -> Tree:
        inside = self.deeper(opening.column, lambda: self.sum(closing))
        self.close(opening, closing)
        return inside

    def close(self, opening: _Token, closing: str) -> None:
        if self.next.kind != closing:
            raise self.expected(
                f"an operator or `{closing}`, for the `{self.text[opening.column - 1]}` at column {opening.column}"
            )
        self.take()

    def call(self) -> Tree:
        name, exponent = self.take(), None
        if self.next.kind == "^":
            exponent = self.exponent_of(name)
        t = self.next
        if t.kind in _BRACKETS:
            self.take()
            args = [self.deeper(t.column, lambda: self.sum(","))]
            while self.next.kind == ",":
                if name.value not in _MANY:
                    raise self.error(
                        f"`{name.value}` takes one argument; expected `{_BRACKETS[t.kind]}`", self.next.column
                    )
                self.take()
                args.append(self.deeper(t.column, lambda: self.sum(",")))
            self.close(t, _BRACKETS[t.kind])
            if self.next.kind == "^" and t.spaced:
                raise self.error("a power behind a function can be read in two ways", self.next.column,
                          fix=f"write {name.value}(x)^2 without a space, or {name.value}((x)^2)")  # fmt: skip
        elif name.value in _MANY:
            raise self.expected("`(`")
        else:
            args = [self.deeper(name.column, self.argument)]
        call = Call(name.value, tuple(args), name.column)
        return call if exponent is None else Op("^", call, exponent, name.column)

    def exponent_of(self, name: _Token) -> Tree:
        """The 2 of sin^2 x."""
        hat = self.take()
        exponent = self.deeper(hat.column, self.atom if self.next.kind != "-" else self.factor)
        if not isinstance(exponent, Num) or exponent.exponent < 0 or exponent == Num(0, 0):
            raise self.error(
                f"`{name.value}` to this power can be read in two ways", hat.column,
                fix=f"write 1/{name.value}(x), ({name.value}(x))^n, or arc{name.value}(x) where the inverse is meant",
            )  # fmt: skip
        return exponent

    def argument(self) -> Tree:
        """The argument of a function without a bracket."""
        if self.next.kind in "+-|" or self.next.kind in ("func", "√", "∛"):
            return self.signed(self.argument) or self.power()
        left = self.power()
        while self.next.kind in ("var", "const", *_BRACKETS) or self.next.kind == "num":
            if self.next.kind in _BRACKETS:
                raise self.error("where the argument of the function ends can be read in two ways", self.next.column,
                          fix="put the whole argument in brackets: sin(2x)")  # fmt: skip
            self.begins(self.next, "")
            left = Op("*", left, self.power(), self.next.column)
        return left


def _letter(c: str) -> bool:
    return c.isalpha() and c not in _RAISED and (c.isascii() or unicodedata.name(c, "").startswith("GREEK"))
