"""The two hands that write: LaTeX, and one line of Unicode."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import ClassVar

from .formula import Formula, Index, integer
from .pens import APPLY, ATOM, LOOSE, OR, POWER, PRODUCT, Pen, Piece, negative


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


class LaTeX(Pen):
    """Standard LaTeX with amsmath, as KaTeX and MathJax read it. Arrays are bold; functions act entry by entry."""

    associative, dot, hadamard = True, " ", r" \odot "
    signs: ClassVar = {
        "true": r"\mathrm{true}", "false": r"\mathrm{false}", "nan": r"\mathrm{NaN}", "inf": r"\infty",
        "π": r"\pi", "e": r"\mathrm{e}", "…": r"\ldots", "≠": r"\ne", "≤": r"\le", "≥": r"\ge",
        "¬": r"\lnot", "∧": r"\land", "∨": r"\lor", "⊕": r"\oplus", "mod": r"\bmod", "∗": r"\ast", "⋆": r"\star",
        "×": r" \times ",
    }  # fmt: skip
    greek = words(
        """alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi pi rho sigma tau
        upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"""
    )
    known = words("sin cos tan arcsin arccos arctan sinh cosh tanh exp log max min det gcd")
    short = words("name number fence call part marked reduce")  # what follows sin or log without brackets
    special: ClassVar = {
        "sigma": r"\sigma", "Phi": r"\Phi", "Gamma": r"\Gamma", "psi": r"\psi", "Beta": r"\mathrm{B}",
        "I": "I", "Q": "Q", "R": "R",
    }  # fmt: skip
    bigs: ClassVar = {
        "sum": r"\sum", "prod": r"\prod", "max": r"\max", "min": r"\min", "any": r"\bigvee", "all": r"\bigwedge",
        "argmax": r"\operatorname*{arg\,max}", "argmin": r"\operatorname*{arg\,min}",
    }  # fmt: skip

    def bracket(self, text: str, pair: str = "()") -> str:
        return rf"\left{pair[0]}{text}\right{pair[1]}"

    def symbol(self, base: str, vector: bool) -> str:
        stem, *rest = [p for p in re.split(r"\W+|_", base) if p] or ["f"]
        if not rest and (found := re.fullmatch(r"([^\W\d]+?)(\d+)", stem)):
            stem, rest = found[1], [found[2]]
        text = f"\\{stem}" if stem in self.greek else stem if len(stem) == 1 else rf"\mathrm{{{stem}}}"
        if vector:
            text = rf"\boldsymbol{{{text}}}" if stem in self.greek else rf"\mathbf{{{stem}}}"
        index = ", ".join(r if len(r) == 1 or r.isdigit() else rf"\mathrm{{{r}}}" for r in rest)
        return f"{text}_{{{index}}}" if rest else text

    def subscript(self, text: str, index: str) -> str:
        index = index.replace("…", r"\ldots")
        stem, _, old = text.rpartition("_{")
        if stem and re.fullmatch(r"[^{}]*\}", old):  # a second subscript joins the first
            return f"{stem}_{{{old[:-1]}, {index}}}"
        return f"{text}_{{{index}}}"

    def digits(self, mantissa: str, exponent: str) -> str:
        return (rf"{mantissa} \cdot " if mantissa != "1" else "") + f"10^{{{exponent}}}"

    def number(self, f: Formula) -> Piece:
        piece = super().number(f)
        return Piece(rf"\mathbf{{{piece.text}}}", ATOM) if f.dims and f.data in (0, 1) else piece

    def big(self, op: str, under: str) -> str:
        return f"{self.bigs[op]}_{{{under}}}"

    def beside(self, left: str, right: str, arrays: bool) -> str:
        if arrays:
            return f"{left}{self.hadamard}{right}"
        clash = right[0].isdigit() or (left[-1].isdigit() and right.startswith(r"\frac"))
        return rf"{left} \cdot {right}" if clash else rf"{left} {right}"

    def quotient(self, a: Formula, b: Formula) -> Piece:
        return Piece(rf"\frac{{{self.write(a)}}}{{{self.write(b)}}}", APPLY)

    def raised(self, base: str, exponent: Formula, entrywise: bool) -> str:
        mark = r"\circ " if entrywise else ""
        return f"{base}^{{{mark}{self.write(exponent)}}}"

    def exp(self, f: Formula) -> Piece:
        if f.dims:
            return self.call(replace(f, kind="call", data=("exp", "", "")))
        return Piece(rf"\mathrm{{e}}^{{{self.write(f.args[0])}}}", POWER)

    def root(self, f: Formula) -> Piece:
        return Piece(rf"\sqrt{'[3]' if f.data == 3 else ''}{{{self.write(f.args[0])}}}", POWER)

    def call(self, f: Formula) -> Piece:
        word, sub, sup = f.data
        head = rf"\{word}" if word in self.known else self.special.get(word, "")
        head = head or r"\operatorname{" + word.replace("_", r"\_") + "}"
        head += (f"_{{{sub}}}" if sub else "") + (f"^{{{sup}}}" if sup else "")
        if not f.args:
            return Piece(head)
        closed = head + self.bracket(", ".join(self.write(a) for a in f.args))
        x = f.args[0]
        simple = x.kind in self.short and not x.running and not negative(x)
        nested = x.kind == "call" and x.data[0] in self.known
        if len(f.args) > 1 or word not in self.known or not simple or nested:
            return Piece(closed, APPLY)
        return Piece(f"{head} {self.write(x, PRODUCT)}", APPLY, closed)

    def fence(self, f: Formula) -> Piece:
        left, right = {"abs": ("|", "|"), "floor": (r"\lfloor ", r"\rfloor "), "ceil": (r"\lceil ", r"\rceil ")}[f.data]
        return Piece(rf"\left{left}{self.write(f.args[0])}\right{right}".rstrip())

    def cases(self, f: Formula) -> Piece:
        lines, rest = [], f
        while rest.kind == "cases":
            lines.append(rf"{self.write(rest.args[1])} & \text{{if }} {self.write(rest.args[0])}")
            rest = rest.args[2]
        lines.append(rf"{self.write(rest)} & \text{{otherwise}}")
        return Piece(self.environment("cases", lines), LOOSE)

    def grid(self, f: Formula) -> Piece:
        width = f.dims[1] if len(f.dims) == 2 and not f.args[0].dims else 1
        cells = [self.write(a) for a in f.args]
        rows = [" & ".join(cells[i : i + width]) for i in range(0, len(cells), width)]
        if len(rows) > 12:
            rows = [*rows[:6], r"\vdots", rows[-1]]
        return Piece(self.environment("pmatrix", rows))

    def times(self, left: str, right: str, f: Formula) -> str:
        row = rf"{self.write(f.args[0], ATOM)}^{{\top}}" if len(f.args[0].dims) == 1 else left
        return f"{row} {right}"

    def transpose(self, f: Formula) -> Piece:
        if f.data != (1, 0):
            return self.call(Formula("call", f.args, ("transpose", ", ".join(map(str, f.data)), ""), f.shape))
        return Piece(rf"{self.write(f.args[0], ATOM)}^{{\top}}", POWER)

    def marked(self, f: Formula) -> Piece:
        return Piece(f"{self.write(f.args[0], ATOM)}^{{{f.data}}}", POWER)

    def put(self, f: Formula) -> Piece:
        (x, v, *arrays), (key, arrow) = f.args, f.data
        key = self.key(key, arrays).replace("…", r"\ldots")
        arrow = r"\gets" if arrow == "←" else r"\mathrel{+}\gets"
        return Piece(rf"{self.write(x, ATOM)}\left[{key} {arrow} {self.write(v)}\right]")

    def lines(self, definitions: list[tuple[str, str]]) -> str:
        return self.environment("aligned", [f"{left} &= {right}" for left, right in definitions])

    def environment(self, kind: str, rows: list[str]) -> str:
        inner = r" \\ ".join(rows)
        return rf"\begin{{{kind}}} {inner} \end{{{kind}}}"


class Text(Pen):
    """One line of Unicode, read as Python with mathematical signs: `x²·sin(y)`, `Σ_i x[i]`, `A @ b`."""

    associative = False
    dot = hadamard = "·"
    signs: ClassVar = {
        "true": "true",
        "false": "false",
        "nan": "nan",
        "inf": "∞",
        "∧": "and",
        "∨": "or",
        "⊕": "xor",
        "¬": "not",
    }
    raise_: ClassVar = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
    lower: ClassVar = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
    special: ClassVar = {"sigma": "σ", "Phi": "Φ", "Gamma": "Γ", "psi": "ψ", "Beta": "B"}
    bigs: ClassVar = {"sum": "Σ", "prod": "Π", "any": "any", "all": "all"}

    def bracket(self, text: str, pair: str = "()") -> str:
        return f"{pair[0]}{text}{pair[1]}"

    def symbol(self, base: str, vector: bool) -> str:
        return base

    def subscript(self, text: str, index: str) -> str:
        return f"{text}[{index}]"

    def join(self, index: Index) -> str:
        return ", ".join(index)

    def digits(self, mantissa: str, exponent: str) -> str:
        return (f"{mantissa}·" if mantissa != "1" else "") + "10" + exponent.translate(self.raise_)

    def big(self, op: str, under: str) -> str:
        return f"{self.bigs.get(op, op)}_{under.replace(' ', '')}"

    def quotient(self, a: Formula, b: Formula) -> Piece:
        return Piece(f"{self.write(a, PRODUCT, followed=True)}/{self.write(b, APPLY)}", PRODUCT)

    def raised(self, base: str, exponent: Formula, entrywise: bool) -> str:
        n = integer(exponent)
        return base + str(n).translate(self.raise_) if n is not None else f"{base}^{self.write(exponent, ATOM)}"

    def exp(self, f: Formula) -> Piece:
        return Piece(f"exp({self.write(f.args[0])})")

    def root(self, f: Formula) -> Piece:
        return Piece(f"{'∛' if f.data == 3 else '√'}{self.write(f.args[0], ATOM)}", POWER)

    def call(self, f: Formula) -> Piece:
        word, sub, sup = f.data
        raised = sup.translate(self.raise_) if re.fullmatch(r"-?\d+", sup) else f"^{sup}" if sup else ""
        lowered = sub.translate(self.lower) if sub.isdigit() else f"_{sub.replace(' ', '')}" if sub else ""
        head = f"{self.special.get(word, word)}{lowered}{raised}"
        return Piece(f"{head}({', '.join(self.write(a) for a in f.args)})")

    def fence(self, f: Formula) -> Piece:
        left, right = {"abs": "||", "floor": "⌊⌋", "ceil": "⌈⌉"}[f.data]
        return Piece(f"{left}{self.write(f.args[0])}{right}")

    def cases(self, f: Formula) -> Piece:
        c, a, b = f.args
        return Piece(f"{self.write(a, OR)} if {self.write(c, OR)} else {self.write(b)}", LOOSE)

    def grid(self, f: Formula) -> Piece:
        cells = [self.write(a) for a in f.args]
        if len(cells) > 12:
            cells = [*cells[:6], "…", cells[-1]]
        elif len(f.dims) == 2 and not f.args[0].dims:
            n = f.dims[1]
            return Piece("[" + "; ".join(", ".join(cells[i : i + n]) for i in range(0, len(cells), n)) + "]")
        return Piece(f"[{', '.join(cells)}]")

    def times(self, left: str, right: str, f: Formula) -> str:
        return f"{left} @ {right}"

    def transpose(self, f: Formula) -> Piece:
        mark = "ᵀ" if f.data == (1, 0) else f".transpose({', '.join(map(str, f.data))})"
        return Piece(f"{self.write(f.args[0], ATOM)}{mark}")

    def marked(self, f: Formula) -> Piece:
        return Piece(self.write(f.args[0], ATOM) + {"-1": "⁻¹", "+": "⁺"}[f.data])

    def put(self, f: Formula) -> Piece:
        (x, v, *arrays), (key, arrow) = f.args, f.data
        return Piece(f"{self.write(x, ATOM)}[{self.key(key, arrays)} {arrow} {self.write(v)}]")

    def lines(self, definitions: list[tuple[str, str]]) -> str:
        return "\n".join(f"{left} = {right}" for left, right in definitions)
