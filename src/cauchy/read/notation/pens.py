"""Setting formulas in type: what needs brackets, and over what letters run."""

from __future__ import annotations

import itertools
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ... import ops as P
from .formula import RUNNING, Formula, Index, at, integer, number

# how tightly a piece holds together: what a context asks at least, else brackets
LOOSE, OR, AND, COMPARE, SUM, PRODUCT, APPLY, POWER, ATOM = range(9)
INFIX = {"+": SUM, "-": SUM, "mod": PRODUCT, "∗": PRODUCT, "⋆": PRODUCT, "∧": AND, "∨": OR, "⊕": OR}
TRIGONOMETRIC = {"sin", "cos", "tan", "sinh", "cosh", "tanh"}
LETTERS = ("i", "j", "k", "l", "m", "n", "p", "q", "r", "s", "t")
CONSTANTS = {float(np.pi): "π", float(np.e): "e"}


class Piece(NamedTuple):
    """Written text, how tightly it holds, and how it must be written where something follows on its right."""

    text: str
    level: int = ATOM
    closed: str | None = None


class Pen(ABC):
    """Writes formulas. The hands below say how each sign looks; what needs brackets is decided here."""

    associative: ClassVar[bool]  # whether A (B C) is written without brackets
    dot: ClassVar[str]
    hadamard: ClassVar[str]
    signs: ClassVar[dict[str, str]]

    def __init__(self, taken: set[str]) -> None:
        self.taken = set(taken)  # letters that name something already

    def write(self, f: Formula, least: int = LOOSE, *, followed: bool = False) -> str:
        """The formula as text, in brackets unless it holds together at least so tightly."""
        piece = self.family(f) if f.running else getattr(self, f.kind)(f)
        if piece.level < least:
            # a truth value among numbers is 1 or 0: Iverson's bracket
            return self.bracket(piece.text, "[]" if f.logical and least >= SUM else "()")
        if followed and piece.closed is not None:
            return piece.closed
        return piece.text

    # -- hands -----------------------------------------------------------------------------------------

    @abstractmethod
    def bracket(self, text: str, pair: str = "()") -> str:
        """The text in brackets."""

    @abstractmethod
    def symbol(self, base: str, vector: bool) -> str:
        """A name of the program."""

    @abstractmethod
    def subscript(self, text: str, index: str) -> str:
        """An entry of what is written."""

    @abstractmethod
    def digits(self, mantissa: str, exponent: str) -> str:
        """A number times a power of ten."""

    @abstractmethod
    def big(self, op: str, under: str) -> str:
        """The sign of a reduction over letters."""

    @abstractmethod
    def quotient(self, a: Formula, b: Formula) -> Piece:
        """a over b."""

    @abstractmethod
    def raised(self, base: str, exponent: Formula, entrywise: bool) -> str:
        """A power."""

    @abstractmethod
    def times(self, left: str, right: str, f: Formula) -> str:
        """A matrix product."""

    @abstractmethod
    def call(self, f: Formula) -> Piece:
        """A function of arguments."""

    def sign(self, s: str) -> str:
        return self.signs.get(s, s)

    # -- leaves ----------------------------------------------------------------------------------------

    def name(self, f: Formula) -> Piece:
        base, index = f.data
        text = self.symbol(base, bool(f.dims))
        return Piece(self.subscript(text, self.join(index)) if index else text)

    def number(self, f: Formula) -> Piece:
        x = f.data
        if isinstance(x, (bool, np.bool_)):
            return Piece(self.sign("true" if x else "false"))
        if not np.isfinite(x):
            text = self.sign("nan") if np.isnan(x) else self.sign("inf")
        elif abs(float(x)) in CONSTANTS:
            text = self.sign(CONSTANTS[abs(float(x))])
        elif isinstance(x, (int, np.integer)):
            text = str(abs(int(x)))
        else:
            digits, _, power = str(abs(x)).partition("e")
            digits = digits.removesuffix(".0")
            if len(digits) > 10:  # cut, not rounded: the dots say so
                digits = digits[:8] + self.sign("…")
            text = self.digits(digits, str(int(power))) if power else digits
            if power:
                return Piece(("-" if x < 0 else "") + text, SUM if x < 0 else PRODUCT)
        if x < 0 or (x == 0 and np.signbit(x)):
            return Piece("-" + text, SUM)
        return Piece(text)

    # -- arithmetic ------------------------------------------------------------------------------------

    def infix(self, f: Formula) -> Piece:
        a, b = f.args
        level = INFIX.get(f.data, COMPARE)
        sign = self.sign(f.data)
        if f.data == "+":
            left, right = self.write(a, SUM, followed=True), self.write(b, SUM)
            joined = f"{left} - {right[1:].lstrip()}" if right.startswith("-") else f"{left} + {right}"
            return Piece(joined, SUM)
        associative = f.data in ("∧", "∨")
        left = self.write(a, level if associative or f.data == "-" else level + 1, followed=True)
        return Piece(f"{left} {sign} {self.write(b, level if associative else level + 1)}", level)

    def product(self, f: Formula) -> Piece:
        factors = list(_factors(f))
        first = integer(factors[0])
        if len(factors) > 1 and (first == -1 or negative(factors[0])):
            rest = factors[1:] if first == -1 else [replace(factors[0], data=-factors[0].data), *factors[1:]]
            return Piece("-" + self.factors(rest), SUM)
        return Piece(self.factors(factors), PRODUCT)

    def factors(self, fs: list[Formula]) -> str:
        arrays = sum(bool(g.dims) for g in fs) > 1
        out = ""
        for k, g in enumerate(fs):
            last = k == len(fs) - 1
            whole = g.kind == "matmul" and arrays
            text = self.write(g, APPLY if whole or not last else PRODUCT, followed=not last)
            out = self.beside(out, text, arrays) if out else text
        return out

    def beside(self, left: str, right: str, arrays: bool) -> str:
        return f"{left}{self.hadamard if arrays else self.dot}{right}"

    def minus(self, f: Formula) -> Piece:
        return Piece("-" + self.write(f.args[0], PRODUCT), SUM)

    def fraction(self, f: Formula) -> Piece:
        a, b = f.args
        if a.kind == "minus" or (negative(a) and a.kind == "number"):
            positive = a.args[0] if a.kind == "minus" else replace(a, data=-a.data)
            return Piece("-" + self.write(replace(f, args=(positive, b)), PRODUCT), SUM)
        if b.kind == "number" and (a.args[0] if a.kind == "entry" else a).kind in ("reduce", "einsum"):
            # one over n, times the sum: the mean as it is usually written
            return self.product(replace(f, kind="product", args=(replace(f, args=(number(1), b), shape=b.shape), a)))
        return self.quotient(a, b)

    def power(self, f: Formula) -> Piece:
        a, b = f.args
        n = integer(b)
        if a.kind == "call" and a.data[0] in TRIGONOMETRIC and not any(a.data[1:]) and n is not None and 2 <= n <= 9:
            return self.call(replace(a, data=(a.data[0], "", str(n))))
        return Piece(self.raised(self.write(a, ATOM), b, bool(f.dims)), POWER)

    # -- reductions: letters run over the axes -----------------------------------------------------------

    def join(self, index: Index) -> str:
        return "".join(index) if all(len(i) == 1 and i.isalpha() for i in index) else ", ".join(index)

    @contextmanager
    def letters(self, count: int) -> Iterator[list[str]]:
        free = [*(s for s in LETTERS if s not in self.taken), *(f"i{k}" for k in range(count))][:count]
        self.taken.update(free)
        try:
            yield free
        finally:
            self.taken.difference_update(free)

    def family(self, f: Formula) -> Piece:
        """An array written by its general entry: (entry)_ij."""
        with self.letters(len(f.dims)) as index:
            text = self.write(at(f, tuple(index)))
            return Piece(self.subscript(self.bracket(text), self.join(tuple(index))))

    def entry(self, f: Formula) -> Piece:
        inner, index = f.args[0], f.data
        if inner.kind in RUNNING:
            return getattr(self, inner.kind)(inner, index)
        return Piece(self.subscript(self.write(inner, ATOM), self.join(index)))

    def reduce(self, f: Formula, index: Index = ()) -> Piece:
        x, (op, axes, keepdims) = f.args[0], f.data
        outer = iter(index)
        running = [i for i in axes if x.dims[i] != 1]
        with self.letters(len(running)) as new:
            fresh = iter(new)
            full = []
            for i in range(len(x.dims)):
                if i in axes:
                    full.append(next(fresh) if i in running else "0")
                    if keepdims:
                        next(outer, None)
                else:
                    full.append(next(outer))
            body = self.write(at(x, tuple(full)), PRODUCT)
            if not running:
                return Piece(body, PRODUCT)
            return self.under(op, ", ".join(new), body)

    def under(self, op: str, letters: str, body: str) -> Piece:
        text = f"{self.big(op, letters)} {body}"
        return Piece(text, PRODUCT, self.bracket(text))

    def scan(self, f: Formula, index: Index) -> Piece:
        op, axis = f.data
        with self.letters(1) as (k,):
            inner = (*index[:axis], k, *index[axis + 1 :])
            return self.under(op, f"{k} {self.sign('≤')} {index[axis]}", self.write(at(f.args[0], inner), PRODUCT))

    def einsum(self, f: Formula, index: Index = ()) -> Piece:
        operands, _, free = f.data.replace(" ", "").partition("->")
        if "." in f.data or "->" not in f.data:
            return self.call(replace(f, kind="call", data=("einsum", "", "")))
        names = dict(zip(free, index, strict=True))
        summed = list(dict.fromkeys(c for c in operands if c.isalpha() and c not in names))
        with self.letters(len(summed)) as new:
            names |= zip(summed, new, strict=True)
            parts = [at(x, tuple(names[c] for c in s)) for x, s in zip(f.args, operands.split(","), strict=True)]
            body = self.factors(parts)
            return self.under("sum", ", ".join(new), body) if summed else Piece(body, PRODUCT)

    # -- arrays ------------------------------------------------------------------------------------------

    def matmul(self, f: Formula) -> Piece:
        a, b = f.args
        left = self.write(a, PRODUCT if a.kind == "matmul" else APPLY, followed=True)
        right = self.write(b, PRODUCT if b.kind == "matmul" and self.associative else APPLY)
        return Piece(self.times(left, right, f), PRODUCT)

    def negation(self, f: Formula) -> Piece:
        return Piece(f"{self.sign('¬')} {self.write(f.args[0], ATOM)}", COMPARE)

    def reshape(self, f: Formula) -> Piece:
        size = self.sign("×").join(map(str, f.dims))
        return self.call(Formula("call", f.args, ("reshape", size, ""), f.shape))

    def broadcast(self, f: Formula) -> Piece:
        return getattr(self, f.args[0].kind)(f.args[0])

    def part(self, f: Formula) -> Piece:
        x, *arrays = f.args
        return Piece(self.subscript(self.write(x, ATOM), self.key(f.data, arrays)))

    def key(self, key: tuple[Any, ...], arrays: Any) -> str:
        rest = iter(arrays)
        return ", ".join(self.write(next(rest)) if isinstance(k, str) and k == P.ARRAY else _static(k) for k in key)


def _static(k: Any) -> str:
    if isinstance(k, slice):
        start, stop, step = ("" if v is None else str(v) for v in (k.start, k.stop, k.step))
        return f"{start}:{stop}" + (f":{step}" if step else "")
    return "…" if k is Ellipsis else str(k)


def negative(f: Formula) -> bool:
    return f.kind == "number" and not f.dims and not isinstance(f.data, (bool, np.bool_)) and bool(f.data < 0)


def _factors(f: Formula) -> Iterator[Formula]:
    for a in f.args:
        if a.kind == "product" and a.shape == f.shape:
            yield from _factors(a)
        else:
            yield a


def fresh_base(taken: set[str]) -> str:
    """A letter for named parts with which no given name begins."""
    return next(b for b in itertools.chain("zuvw", ("part",)) if not any(re.fullmatch(rf"{b}\d*", t) for t in taken))
