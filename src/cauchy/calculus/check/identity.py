"""Is the claim the derivative as a formula? SymPy answers in a child process, since it may think for ever.

One child serves all questions of a session; an answer that is late ends it, and the next question starts another.
Each question is one line of JSON that holds both graphs as data, so the child runs no code of the user.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import ops as P
from ...errors import CauchyError
from ...graph import CONST, Graph, Node
from ...tracer import trace
from ..child import Child

LARGEST = 400  # nodes of both graphs
ENTRIES = 36  # of the derivative
CHARACTERS = 200_000  # of a question

# f and its formula differ here in what a derivative is: staircases, the user's own rules, hidden inputs
BARRED = {
    P.custom, P.stop_gradient, P.floor, P.ceil, P.trunc, P.rint, P.around, P.sign, P.heaviside, P.floor_divide,
    P.remainder, P.fmod, P.argmax, P.argmin, P.argsort, P.searchsorted,
}  # fmt: skip
_NOT_TRACEABLE = (
    CauchyError, ArithmeticError, ValueError, TypeError, AttributeError, LookupError, RecursionError, RuntimeError,
)  # fmt: skip


@dataclass(frozen=True)
class Formulas:
    """The graphs of f and of the claim over one common input, at one point."""

    f: Graph
    claim: Graph
    kind: str

    @property
    def guarded(self) -> bool:
        return bool(self.f.guards or self.claim.guards)

    @property
    def barred(self) -> bool:
        return any(n.prim in BARRED for g in (self.f, self.claim) for n in g.nodes)


def formulas(f: Callable[[Any], Any], claim: Callable[[Any], Any], kind: str, x: Any) -> Formulas | None:
    """Both as graphs at x; None where one of them does not trace, or is too long."""
    graphs = []
    for g in (f, claim):
        try:
            with np.errstate(all="ignore"):
                graphs.append(trace(lambda x, g=g: g(x), x))
        except _NOT_TRACEABLE:
            return None
        if len(graphs[-1].outputs) != 1 or graphs[-1].outputs[0].value is None:
            return None
    found = Formulas(graphs[0], graphs[1], kind)
    return found if sum(len(g.nodes) for g in graphs) <= LARGEST else None


# -- a proof that needs no algebra -----------------------------------------------------------------


def normal(graph: Graph) -> str:
    """What a graph computes, as a text: without copies, factors 1 and summands 0, sums and products in one order."""
    text: dict[Node, str] = {n: f"x{i}" for i, n in enumerate(graph.inputs)}
    for n in graph.nodes:
        if n in text:
            continue
        args = [text[a] for a in n.args]
        if n.prim is CONST:
            a = np.asarray(n.value if n.origin is None else n.origin)
            text[n] = repr(float(a)) if a.ndim == 0 else f"{a.shape}{a.astype(float).tobytes().hex()}"
        elif n.prim is P.identity:
            text[n] = args[0]
        elif n.prim in (P.multiply, P.add):
            unit = 1.0 if n.prim is P.multiply else 0.0
            kept = [a for a in n.args if not _is_all(a, unit)]
            whole = len(kept) == 1 and kept[0].shape == n.shape
            text[n] = text[kept[0]] if whole else f"{n.prim}({','.join(sorted(args))})"
        elif n.prim is P.square:
            text[n] = f"power({args[0]},2.0)"
        else:
            text[n] = f"{n.prim}({','.join(args)};{sorted(n.params.items(), key=str)})"
        if len(text[n]) > 20_000:
            return f"long {id(graph)}"
    return ";".join(text[n] for n in graph.outputs)


def _is_all(n: Node, number: float) -> bool:
    """Whether a value is this number in every entry, as a constant."""
    while n.prim in (P.reshape, P.broadcast_to):
        n = n.args[0]
    return n.prim is CONST and n.origin is None and bool(np.all(np.equal(n.value, number)))


def same_program(found: Formulas, slope: Callable[[Any], Any], x: Any) -> bool:
    """Whether the claim is, operation by operation, what differentiation of f gives."""
    try:
        with np.errstate(all="ignore"):
            derived = trace(slope, x)
    except _NOT_TRACEABLE:
        return False
    return not derived.guards and len(derived.nodes) <= LARGEST and normal(derived) == normal(found.claim)


# -- the child ----------------------------------------------------------------------------------------


def ask(found: Formulas, seconds: float, **question: Any) -> dict[str, Any] | None:
    """Put one question to SymPy; None when it has no answer in time."""
    try:
        request = {"f": found.f.to_data(), "claim": found.claim.to_data(), "kind": found.kind} | question
    except CauchyError:
        return None
    if len(json.dumps(request)) > CHARACTERS or (child := Child.get(__name__)) is None:
        return None
    child.write(request)
    line = child.next(seconds)
    if not line:
        child.end()
        return None
    child.put_back()
    return json.loads(line)


def prove(found: Formulas, seconds: float) -> str | None:
    """The formula of the derivative if the claim is identical to it; None: not shown."""
    large = int(np.prod(found.claim.outputs[0].shape)) > ENTRIES
    answer = None if found.barred or large else ask(found, seconds, ask="prove")
    return answer.get("formula") if answer else None


def same_value(found: Formulas, x: Any, index: tuple[int, ...], seconds: float) -> bool | None:
    """Whether the formula of the claim and that of the derivative have one value at x, to 20 digits; None: unknown."""
    if any(n.prim in (P.custom, P.stop_gradient) for g in (found.f, found.claim) for n in g.nodes):
        return None
    point = [v.hex() for v in np.ravel(np.asarray(x, dtype=float)).tolist()]
    answer = ask(found, seconds, ask="value", point=point, index=list(index))
    return answer.get("same") if answer else None


# -- in the child ---------------------------------------------------------------------------------------


def serve() -> None:
    """Answer questions, one line of JSON each, until the pipe closes."""
    import sympy as sp

    from ..exact import is_zero

    out = sys.stdout
    print("ready", file=out, flush=True)
    for line in sys.stdin:
        try:
            reply = _answer(sp, is_zero, json.loads(line))
        except (CauchyError, ArithmeticError, ValueError, TypeError, AttributeError, LookupError,
                NotImplementedError, RecursionError) as problem:  # fmt: skip
            reply = {"problem": f"{type(problem).__name__}: {problem}"[:300]}
        print(json.dumps(reply), file=out, flush=True)


def _answer(sp: Any, is_zero: Callable[[Any], bool], q: dict[str, Any]) -> dict[str, Any]:
    f, claim = Graph.from_data(q["f"], P.BY_NAME), Graph.from_data(q["claim"], P.BY_NAME)
    reading: Any = "decimal" if q["ask"] == "prove" else "binary"
    shape = f.inputs[0].shape
    symbols = np.empty(shape, object)
    for i in np.ndindex(shape):
        symbols[i] = sp.Symbol("_".join(["x", *map(str, i)]), real=True)  # as `Graph.sympy` names them
    F = np.asarray(f.sympy(exact=reading), object)
    C = np.asarray(claim.sympy(exact=reading), object)
    D = _differentiated(sp, F, symbols, q["kind"])
    C = C.reshape(D.shape)
    if q["ask"] == "prove":
        start = time.monotonic()
        for d, c in zip(D.flat, C.flat, strict=True):
            if _odd(sp, d) or _odd(sp, c) or not is_zero(d - c):
                return {"formula": None, "seconds": time.monotonic() - start}
        return {"formula": _shown(C), "seconds": time.monotonic() - start}
    values = {
        s: sp.Rational(*float.fromhex(v).as_integer_ratio()) for s, v in zip(symbols.flat, q["point"], strict=True)
    }
    d, c = (sp.sympify(e[tuple(q["index"])]) for e in (D, C))
    if _odd(sp, d) or _odd(sp, c):
        return {"same": None}
    a, b = (e.evalf(25, subs=values, maxn=400) for e in (d, c))
    if not (a.is_Float or a.is_Integer or a == 0) or not (b.is_Float or b.is_Integer or b == 0):
        return {"same": None}
    # constants such as 0.1 differ from what was meant in the 17th digit, and a cancellation magnifies that
    return {"same": bool(abs(a - b) <= sp.Float("1e-9") * sp.Max(abs(a), abs(b))), "true": str(a), "claimed": str(b)}


def _differentiated(sp: Any, F: np.ndarray, symbols: np.ndarray, kind: str) -> np.ndarray:
    match kind:
        case "elementwise":
            parts = [sp.diff(e, s) for e, s in zip(F.flat, symbols.flat, strict=True)]
            shape = symbols.shape
        case "hessian":
            parts = [sp.diff(F.flat[0], s, t) for s in symbols.flat for t in symbols.flat]
            shape = symbols.shape * 2
        case "gradient":
            parts = [sp.diff(F.flat[0], s) for s in symbols.flat]
            shape = symbols.shape
        case "derivative":
            parts = [sp.diff(e, symbols.flat[0]) for e in F.flat]
            shape = F.shape
        case _:
            parts = [sp.diff(e, s) for e in F.flat for s in symbols.flat]
            shape = F.shape + symbols.shape
    out = np.empty(len(parts), object)
    out[:] = parts
    return out.reshape(shape)


def _odd(sp: Any, e: Any) -> bool:
    """Whether an expression has no plain value: a derivative SymPy could not take, a delta, nan, infinity."""
    return sp.sympify(e).has(sp.Derivative, sp.Subs, sp.DiracDelta, sp.nan, sp.oo, sp.zoo, sp.I)


def _shown(C: np.ndarray) -> str:
    texts = [str(e) for e in C.flat]
    whole = texts[0] if C.shape == () else f"[{', '.join(texts)}]"
    return whole if len(whole) <= 300 else f"{whole[:297]}..."


__all__ = ["Formulas", "formulas", "normal", "prove", "same_program", "same_value", "serve"]
