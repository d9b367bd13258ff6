"""The antiderivative of a formula, found by SymPy in a process of its own and proved by differentiating it back."""

from __future__ import annotations

import math
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from ...errors import DomainError, ShapeError
from ...proof import Proof, Verdict
from ...tracer import trace
from ..expression import Expression, parse
from .integrand import number
from .report import Note, Told, lines

if TYPE_CHECKING:
    import sympy

TRIAL = 0.7  # where a function is traced; a graph without guards is the same everywhere


@runtime_checkable
class Symbolic(Protocol):
    """Anything with a SymPy form, such as `Expression` and a graph."""

    def sympy(self) -> Any: ...


@dataclass(frozen=True)
class Antiderivative(Told):
    """F with F' = f, up to a constant C of one's choice (on each interval of the domain).

    `value`: F as a SymPy expression without C, or None where none was found; `function` and `variable`: what was asked;
    `jumps`: places in [-10, 10] where F leaps though f is continuous: there, too, C may differ between the two sides.
    PROVED: the derivative of F is f by symbolic identity. UNDECIDED: there is no F to give; `notes` say why.
    """

    function: sympy.Expr
    variable: sympy.Symbol
    value: sympy.Expr | None
    form: str
    jumps: tuple[float, ...] = ()
    notes: tuple[Note, ...] = ()

    def __call__(self, x: Any) -> np.ndarray:
        """F at real x (number or array) with C = 0, as float64; NaN off its domain. F must have no parameters."""
        if self.value is None:
            raise DomainError("there is no antiderivative to evaluate", why=str(self))
        if self.value.free_symbols - {self.variable}:
            raise DomainError(f"F: contains {self.value.free_symbols - {self.variable}} besides {self.variable}")
        at = np.asarray(x)
        if at.dtype.kind not in "fiu":
            raise ShapeError(f"x: wanted real numbers, got dtype {at.dtype}")
        run = _numeric(self.value, self.variable)
        if run is None:
            raise DomainError(f"F: NumPy and SciPy cannot compute {self.value}", fix="use .value.evalf of SymPy")
        return run(at.astype(np.float64))

    def text(self, lang: str | None = None) -> str:
        what = f"∫ {_pretty(self.function)} d{self.variable}"
        if self.value is None:
            return lines(what, *(n.text(lang) for n in self.notes))
        return lines(
            f"{what} = {self.form} + C", Note("antiderivative_proved").text(lang), *(n.text(lang) for n in self.notes)
        )


def antiderivative(f: Any, variable: str | None = None, *, timeout: float | None = 20.0) -> Antiderivative:
    """The antiderivative of f with "+ C", proved by differentiating it back.

    f: a formula as text, an `Expression`, a SymPy expression, anything with `.sympy()`, or a function that can be
    traced.
    `variable`: needed only where f has several. SymPy works in a child process that is ended after `timeout` seconds;
    with None it works here, without a limit (it saves the second that a process takes to start).

    Guarantee: if PROVED, F' = f by symbolic identity wherever both are defined. Otherwise no F is given.
    Raises `ParseError`, `ShapeError` and `DomainError` for what is no formula of a real variable.

    >>> F = antiderivative("3x^2 - 4x")
    >>> print(F.text("en"))
    ∫ (3x² − 4x) dx = x³ − 2x² + C
      Proved: differentiating the right side gives the left side exactly.
    >>> float(F(10) - F(-10))
    2000.0
    """
    started = time.perf_counter()
    if timeout is not None and not 0 < number(timeout, "timeout") < math.inf:
        raise DomainError(f"timeout: wanted a positive number of seconds, got {timeout!r}")
    formula, x = _real(_as_sympy(f), variable)
    answer = _solve(formula, x) if timeout is None else _ask(formula, x, float(timeout))
    F, notes = answer.get("F"), tuple(Note(entry, **fields) for entry, fields in answer.get("notes", ()))
    proof = None
    if F is not None:
        proof = Proof("symbolic", f"d/d{x} ({F}) = {formula}", (f"F = {F}", f"F' - f simplifies to 0 for real {x}"))
    jumps = tuple(answer.get("jumps", ()))
    if jumps:
        notes += (Note("jumps", where=", ".join(f"{j:.6g}" for j in jumps[:6])),)
    return Antiderivative(
        function=formula,
        variable=x,
        value=F,
        form=_pretty(F, bare=True) if F is not None else "",
        jumps=jumps,
        notes=notes,
        verdict=Verdict.PROVED if F is not None else Verdict.UNDECIDED,
        proof=proof,
        estimates={"candidate": answer["candidate"]} if "candidate" in answer else {},
        cost={"seconds": time.perf_counter() - started},
    )


def _as_sympy(f: Any) -> Any:
    """f as a SymPy expression."""
    import sympy as sp

    if isinstance(f, str):
        return parse(f).sympy()
    if isinstance(f, sp.Basic):
        return f
    if isinstance(f, Symbolic):
        return f.sympy()
    if callable(f):
        graph = trace(f, TRIAL)
        if graph.guards:
            raise DomainError(
                "f: takes decisions that depend on x", why="one trace shows one branch", fix="write it with np.where"
            )
        return graph.sympy()
    raise ShapeError(
        f"f: wanted a formula, got {type(f).__name__}", fix='write it as text, antiderivative("3x^2 - 4x"), or as SymPy'
    )


def _real(f: Any, variable: str | None) -> tuple[Any, Any]:
    """The formula in one real variable, and that variable."""
    import sympy as sp

    if not isinstance(f, sp.Expr) or f.has(sp.I, sp.nan, sp.zoo, sp.oo):
        raise DomainError(f"f: wanted a real formula, got {f}")
    names = sorted({s.name for s in f.free_symbols if isinstance(s, sp.Symbol)})
    if variable is None:
        if len(names) > 1:
            raise DomainError(f"variable: f has several, {', '.join(names)}", fix=f'name one: variable="{names[0]}"')
        variable = names[0] if names else "x"
    if not isinstance(variable, str) or not variable.isidentifier():
        raise DomainError(f"variable: wanted a name, got {variable!r}")
    x = sp.Symbol(variable, real=True)
    return f.xreplace({s: x for s in f.free_symbols if isinstance(s, sp.Symbol) and s.name == variable}), x


def _pretty(e: Any, *, bare: bool = False) -> str:
    from ..exact import Unsolved, tree

    try:
        text = Expression(tree(e), ()).pretty()
    except Unsolved:
        text = str(e)
    return text if bare or not e.is_Add else f"({text})"


def _numeric(F: Any, x: Any) -> Callable[[np.ndarray], np.ndarray] | None:
    """F as a function of real arrays, NaN where it is not real; None where NumPy and SciPy have no word for it."""
    import sympy as sp

    formula: Callable[..., Any] = sp.lambdify(x, F, ["scipy", "numpy"])

    def run(at: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            value = np.asarray(formula(at))
        if value.dtype.kind == "c":
            value = np.where(np.abs(np.imag(value)) <= 1e-12 * np.abs(value), np.real(value), np.nan)
        return np.array(np.broadcast_to(value.astype(np.float64), at.shape))

    try:
        run(np.array([TRIAL]))
    except (NameError, TypeError):
        return None
    return run


# -- the child -------------------------------------------------------------------------------------


def _ask(f: Any, x: Any, timeout: float) -> dict[str, Any]:
    """Find F in a child process: SymPy may think for ever, or recurse until it dies."""
    root = str(Path(__file__).parents[3])
    env = os.environ | {"PYTHONPATH": os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])}
    command = [sys.executable, "-c", f"from {__name__} import serve; serve()"]
    try:
        done = subprocess.run(
            command, input=pickle.dumps((f, x)), capture_output=True, timeout=timeout, env=env, check=False
        )
    except subprocess.TimeoutExpired:
        return {"notes": [("timeout", {"seconds": timeout})]}
    if done.returncode:
        return {"notes": [("crashed", {"why": done.stderr.decode(errors="replace").strip().rpartition("\n")[2]})]}
    return pickle.loads(done.stdout)


def serve() -> None:
    """Read (f, x) from standard input, write the answer to standard output; both are our own pickles."""
    answer = _solve(*pickle.load(sys.stdin.buffer))
    sys.stdout.buffer.write(pickle.dumps(answer))


def _solve(f: Any, x: Any) -> dict[str, Any]:
    import sympy as sp

    g = f.rewrite(sp.Piecewise) if f.has(sp.Abs, sp.sign, sp.Max, sp.Min, sp.Heaviside) else f
    g = sp.piecewise_fold(g)
    F = sp.integrate(g, x)
    if F.has(sp.Integral):
        return {"notes": [("none_found", {})]}
    for G in dict.fromkeys([F, _absolute_logs(F)]):
        if _is_real(G, f, x) and _vanishes(sp.piecewise_fold(_derivative(G, x) - g)):
            shown = sp.expand(G) if G.is_polynomial(x) else G
            return {"F": shown, "jumps": [] if len(G.free_symbols) > 1 else _leaps(G, f, x)}
    return {"notes": [("unverified", {})], "candidate": F}


def _vanishes(e: Any) -> bool:
    """Is e shown to be 0 on each of its branches, those of no length left out?"""
    import sympy as sp

    from ..exact import is_zero

    if not isinstance(e, sp.Piecewise):
        return is_zero(e)
    left: Any = sp.S.Reals
    pairs: Any = e.args
    for branch, condition in pairs:
        try:
            here = left & sp.sympify(condition).as_set()
        except NotImplementedError:  # a condition in several variables
            return False
        left -= here
        if here.measure != 0 and not is_zero(branch):
            return False
    return True


def _absolute_logs(F: Any) -> Any:
    """log u read as log|u|: real on both sides of a pole."""
    import sympy as sp

    return F.replace(sp.log, lambda u: sp.log(u) if u.is_positive or u.has(sp.log) else sp.log(sp.Abs(u)))


def _derivative(F: Any, x: Any) -> Any:
    """dF/dx wherever F is differentiable: log|u| has the derivative u'/u, and a floor is locally constant."""
    import sympy as sp

    logs = {e: sp.Dummy() for e in F.atoms(sp.log) if isinstance(e.args[0], sp.Abs)}
    flat = {e: sp.Dummy() for e in F.atoms(sp.floor, sp.ceiling)}
    H = F.xreplace(logs | flat)
    inner = {e: e.args[0].args[0] for e in logs}
    D = H.diff(x) + sp.Add(*(H.diff(L) * inner[e].diff(x) / inner[e] for e, L in logs.items()))
    return D.xreplace({v: k for k, v in (logs | flat).items()})


def _is_real(F: Any, f: Any, x: Any) -> bool:
    """Is F real at a few places where f is?"""
    if len(F.free_symbols) > 1:
        return True
    for k in range(-7, 8):
        at = f.subs(x, k + 0.37)
        v, w = at.evalf(15), F.subs(x, k + 0.37).evalf(15)
        if v.is_real and v.is_finite and w.is_number and not abs(w.as_real_imag()[1]) < 1e-12 * (1 + abs(w)):
            return False
    return True


def _leaps(F: Any, f: Any, x: Any) -> list[float]:
    """Cells of a mesh over which F changes by far more than f, seen at five points, allows."""
    edges = np.linspace(-10.0, 10.0, 1602) + 1e-4
    at = edges[:-1, None] + np.diff(edges)[0] * np.linspace(0, 1, 5)
    before, after = _numeric(f, x), _numeric(F, x)
    if before is None or after is None:
        return []
    y, G = before(at), after(at[:, [0, -1]])
    change, most = np.abs(G[:, 1] - G[:, 0]), np.max(np.abs(y), axis=1) * np.diff(edges)[0]
    leap = np.isfinite(y).all(axis=1) & (change > 20 * most + 1e-9 * np.max(np.abs(G), axis=1))
    return [float(v) for v in at[leap, 2]]
