"""Is this function the derivative of that one? Refute with numbers, name the mistake, or prove the identity."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ...errors import CauchyError, ShapeError
from ...graph import Graph
from ...proof import Proof, Verdict
from ...tracer import trace
from . import identity
from .causes import Cause, explain
from .question import (
    KINDS,
    UNDEFINED,
    Called,
    Kind,
    Raised,
    arguments,
    captured,
    form,
    guessed,
    kind_of,
    lengths,
    line_of,
    parameters,
    spread,
)
from .refute import Bench, Measured
from .report import Check, Worst, refutation

__all__ = ["Check", "check"]

PROBES = 8  # points for the cause, where f traces; else fewer, since each costs a ladder for each component of x
BLACK_PROBES = 5


def check(
    f: Callable[..., Any],
    claim: Callable[..., Any],
    *,
    at: Any = None,
    region: tuple[Any, Any] | None = None,
    argnums: int = 0,
    kind: Kind | None = None,
    samples: int = 8,
    seed: int = 0,
    seconds: float = 5.0,
) -> Check:
    """Whether `claim` is the derivative of `f`, and if not, what went wrong. Either may be a black box.

    The claim takes the arguments of f. For a number x it returns f'(x); for f with one number as value the gradient,
    shape of x; for f that acts entry by entry the derivatives, shape of x; else the Jacobian, shape `f(x).shape +
    x.shape`. The shapes tell which; `kind` ("derivative", "gradient", "elementwise", "jacobian", "hessian") insists.

    `at`: a point (number or array), a tuple of all arguments of a point, or a list of points; `argnums` is the argument
    that varies. `region=(low, high)`: `samples` points of that box (numbers or arrays). Neither: points are found by
    trying, and the result says which. `seconds` limits the symbolic proof; 0 leaves it out.

    Returns a `Check`. REFUTED: at a point the claim is off by more than 6 times the estimated error of the derivative
    and 10 times its own scatter, and it is so beside that point too. PROVED: SymPy shows that both are one formula.
    Otherwise UNDECIDED, with the digits to which they agree. At a kink every value between the limiting derivatives is
    right. A claim that is NaN or infinite is undefined there, not wrong; at a jump or on a staircase nothing is
    decided.

    Raises `ShapeError`, `DomainError` for unfit arguments, and `CauchyError` with the user's line for what f or the
    claim raises.

    References: L. F. Richardson (1911); O. V. Lepskii (1990), for the choice of the step.

    >>> import numpy as np, cauchy
    >>> r = cauchy.check(np.sin, lambda x: -np.cos(x), at=1.0)
    >>> r.verdict, r.cause, r.factor
    (<Verdict.REFUTED: 'refuted'>, 'sign', -1.0)
    >>> cauchy.check(np.tanh, lambda x: 1 - np.tanh(x) ** 2, region=(-2, 2)).verdict
    <Verdict.PROVED: 'proved'>
    """
    started = time.perf_counter()
    points, argument, chosen = _points(f, claim, at, region, argnums, kind, samples, seed)
    ask = _Asking(f, claim, argument, kind, points, seconds)
    found = ask.answer()
    cost = {
        "evaluations": float(ask.f.count),
        "claims": float(ask.claim.count),
        "seconds": time.perf_counter() - started,
    }
    return replace(found, chosen=chosen, cost=cost)


def _points(
    f: Any, claim: Any, at: Any, region: Any, argnums: Any, kind: Any, samples: int, seed: int
) -> tuple[list[tuple[Any, ...]], int, str]:
    for name, g in (("f", f), ("claim", claim)):
        if not callable(g):
            raise ShapeError(f"{name}: wanted a function, got a {type(g).__name__}", fix="check(f, claim, at=x)")
    if kind is not None and kind not in KINDS:
        raise ShapeError(f"kind: wanted one of {', '.join(KINDS)}, got {kind!r}")
    if isinstance(samples, bool) or not isinstance(samples, int) or samples < 1:
        raise ShapeError(f"samples: wanted a whole number from 1 on, got {samples!r}")
    if at is not None and region is not None:
        raise ShapeError("both `at` and `region` are given", fix="give one of them")
    if at is not None:
        return (*arguments(f, at, argnums), "at")
    needed = parameters(f)
    if region is not None:
        if not isinstance(region, (tuple, list)) or len(region) != 2:
            raise ShapeError(f"region: wanted (low, high), got {region!r}")
        if needed > 1:
            raise ShapeError(f"region: f takes {needed} arguments", fix="give the points with at=[(x, y), ...]")
        return [(x,) for x in spread(region[0], region[1], samples, seed)], 0, "region"
    if isinstance(argnums, bool) or not isinstance(argnums, int) or not -needed <= argnums < needed:
        raise ShapeError(f"argnums: wanted an index below {needed}, got {argnums!r}", fix="give the points: at=(x, y)")
    i = argnums % needed
    return guessed(Called(f, "f", i), Called(claim, "claim", i), needed, samples, seed), i, "guessed"


class _Asking:
    """One question, answered point by point."""

    def __init__(
        self, f: Any, claim: Any, argument: int, kind: Kind | None, points: list[tuple[Any, ...]], seconds: float
    ) -> None:
        self.f, self.claim = Called(f, "f", argument), Called(claim, "claim", argument)
        self.kind: Kind | None = kind
        self.points, self.seconds, self.argument = points, seconds, argument
        self.doubts: Counter[str] = Counter()

    def answer(self) -> Check:
        refuted: list[tuple[Measured, tuple[int, ...], Bench]] = []
        seen: list[tuple[Bench, Measured]] = []
        benches: list[tuple[Bench, Measured]] = []
        agreed = 0
        for p in self.points:
            x = p[self.argument]
            self.f.others = self.claim.others = p
            y, c = self._values(x)
            if y is None or c is None:
                self.doubts["undefined"] += 1
                continue
            if not self._repeats(self.f, x, y):
                self.doubts["random"] += 1
                continue
            kind = self._kind(y, x, c)
            if isinstance(kind, Check):
                return kind
            bench = Bench(self.f, self.claim, kind, form(kind, y.shape, np.shape(x)))
            try:
                m = bench.measure(x)
            except ShapeError as problem:
                if kind == "elementwise" and "not elementwise" in problem.what:
                    return self._mixed(x, y, c)
                raise
            seen.append((bench, m))
            word = self._point(bench, m, refuted)
            if word in ("agrees", "partly"):
                agreed += 1
                benches.append((bench, m))
            elif word != "wrong":
                self.doubts[word] += 1
        found = Check(
            kind=seen[0][0].kind if seen else self.kind or "",
            f=self.f.name,
            claim=self.claim.name,
            points=tuple(p[self.argument] for p in self.points),
            agreed=agreed,
            doubts=dict(self.doubts),
            notes=self._notes(),
            claimed=tuple(m.claimed for _, m in seen),
            derivative=tuple(m.derivative for _, m in seen),
        )
        if refuted:
            m, index, bench = max(refuted, key=lambda r: _weight(r[0], r[1]))
            worst = Worst(m.x, index, *(float(a[index]) for a in (m.claimed, m.derivative, m.error, m.low, m.high)))
            cause = self._cause(bench, [r[0] for r in refuted])
            return replace(found, verdict=Verdict.REFUTED, worst=worst, **refutation(cause))
        digits = [d for d in (m.digits() for _, m in seen) if d is not None]
        found = replace(found, digits=min(digits, default=None))
        return self._proved(found, *(benches or seen)[0]) if seen else found

    # -- shapes ---------------------------------------------------------------------------------------

    def _values(self, x: Any) -> tuple[np.ndarray | None, np.ndarray | None]:
        y = self.f.at(x)
        try:
            return y, self.claim(x)
        except CauchyError:
            raise
        except UNDEFINED as problem:
            if len(self.points) == 1:
                raise Raised(
                    f"the claim `{self.claim.name}` raised {type(problem).__name__}: {problem}",
                    where=line_of(problem),
                    why=f"it was called at the only point asked for, {x}",
                    fix="check at a point where it is defined",
                ) from problem
            return y, None

    def _repeats(self, g: Called, x: Any, first: np.ndarray) -> bool:
        again = g.at(x)
        return again is not None and again.shape == first.shape and np.array_equal(again, first, equal_nan=True)

    def _kind(self, y: np.ndarray, x: Any, c: np.ndarray) -> Kind | Check:
        ys, xs, cs = y.shape, np.shape(x), c.shape
        kind = kind_of(ys, xs, cs)
        asked: Kind | None = self.kind
        if asked is None and kind is not None and kind != "transposed":
            return kind
        if asked is not None:
            if asked == "derivative" and int(np.prod(xs)) > 1:
                several: Kind = "elementwise" if xs == ys else "jacobian"
                asked = "gradient" if y.size == 1 else several
            wanted = form(asked, ys, xs)
            sensible = {"gradient": y.size == 1, "hessian": y.size == 1, "elementwise": ys == xs}.get(asked, True)
            if not sensible:
                raise ShapeError(f"kind={asked!r} does not fit f, which maps shape {xs} to shape {ys}")
            if tuple(d for d in cs if d != 1) == tuple(d for d in wanted if d != 1):
                return asked
        else:
            wanted = form("gradient" if y.size == 1 else "jacobian", ys, xs)
        cause = Cause("shape", {"got": cs, "wanted": wanted, "x": xs, "y": ys})
        name = asked or ("gradient" if y.size == 1 else "jacobian")
        if kind == "transposed":
            bench = Bench(self.f, _Turned(self.claim, len(xs)), "jacobian", ys + xs)
            m = bench.measure(x)
            if np.isin(m.status, ("agrees", "close", "undefined", "unclear")).all() and (m.status == "agrees").any():
                cause = Cause("transposed_shape", dict(cause.fields))
        return self._wrong_shape(name, cause)

    def _wrong_shape(self, kind: str, cause: Cause) -> Check:
        found = Check(
            kind=kind, f=self.f.name, claim=self.claim.name, points=tuple(p[self.argument] for p in self.points)
        )
        return replace(found, verdict=Verdict.REFUTED, **refutation(cause))

    def _mixed(self, x: Any, y: np.ndarray, c: np.ndarray) -> Check:
        """f mixes its entries, and the claim has the shape of x: it may be a part of the Jacobian."""
        m = Bench(self.f, _Fixed(self.claim, y.shape + np.shape(x)), "jacobian", y.shape + np.shape(x)).measure(x)
        J = m.derivative.reshape(y.size, -1)
        tolerance = 1e-6 * np.abs(J).max() + 6 * np.nanmax(np.where(np.isfinite(m.error), m.error, 0.0))
        parts = {"sum": J.sum(axis=0), "diagonal": np.diag(J), "row_sum": J.sum(axis=1), "mean": J.mean(axis=0)}
        part = next((k for k, v in parts.items() if np.allclose(v, c.ravel(), rtol=0, atol=tolerance)), "")
        fields = {"got": c.shape, "wanted": y.shape + np.shape(x), "x": np.shape(x), "y": y.shape}
        return self._wrong_shape("jacobian", Cause(f"mixed_{part}" if part else "mixed", fields))

    # -- one point --------------------------------------------------------------------------------------

    def _point(self, bench: Bench, m: Measured, refuted: list[tuple[Measured, tuple[int, ...], Bench]]) -> str:
        if np.isin(m.status, ("wrong", "suspect")).any():
            index = bench.confirm(m) if not refuted else bench.worst(m)  # one confirmed point is enough
            if index is None:
                return "unconfirmed"
            if not refuted and self.seconds > 0 and self._formula_is_right(bench, m, index):
                return "unstable"
            refuted.append((m, index, bench))
            return "wrong"
        for word in ("disputed", "unclear", "undefined", "untested"):
            if (m.status == word).any() and (word == "disputed" or not np.isin(m.status, ("agrees", "close")).any()):
                return word
        return "agrees" if np.isin(m.status, ("agrees", "close")).all() else "partly"

    def _formula_is_right(self, bench: Bench, m: Measured, index: tuple[int, ...]) -> bool:
        """Where both trace, digits beyond the double's decide whether a wrong number comes from a wrong formula."""
        if not bench.traces or m.kind[index] == "kink":
            return False
        found = identity.formulas(*self._alone(), bench.kind, m.x)
        return found is not None and self._timed(identity.same_value, found, m.x, index) is True

    def _timed(self, question: Callable[..., Any], *args: Any) -> Any:
        """The answer within what is left of the time."""
        start = time.perf_counter()
        answer = question(*args, self.seconds)
        self.seconds = max(0.0, self.seconds - max(0.0, time.perf_counter() - start - 0.2))
        return answer

    def _alone(self) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
        """f and the claim of the varied argument alone."""
        f, claim = self.f, self.claim
        fixed, i = list(f.others), self.argument
        return (
            lambda x: f.function(*fixed[:i], x, *fixed[i + 1 :]),
            lambda x: claim.function(*fixed[:i], x, *fixed[i + 1 :]),
        )

    # -- what follows ------------------------------------------------------------------------------------

    def _notes(self) -> tuple[str, ...]:
        c, f = self.claim, self.f
        found = {"changes_input": c.changed, "reuses_memory": c.reused, "f_changes_input": f.changed}
        return tuple(word for word, seen in found.items() if seen)

    def _proved(self, found: Check, bench: Bench, m: Measured) -> Check:
        """The result with a proof, if there is one."""
        formulas = identity.formulas(*self._alone(), bench.kind, m.x) if self.seconds > 0 and bench.traces else None
        if formulas is None:
            return found
        if formulas.guarded:
            return replace(found, notes=(*found.notes, "branches"))
        if not formulas.barred and identity.same_program(formulas, bench.differentiated(), m.x):
            steps = ("differentiate the graph of f", "the claim performs the same operations")
            statement = "the same operations in the same order"
            return replace(found, verdict=Verdict.PROVED, proof=Proof("same program", statement, steps))
        formula = self._timed(identity.prove, formulas)
        if formula is None:
            return found
        steps = ("trace f and the claim", "differentiate f with SymPy", "the difference simplifies to 0")
        return replace(found, verdict=Verdict.PROVED, proof=Proof("symbolic identity", formula, steps))

    def _cause(self, bench: Bench, wrong: list[Measured]) -> Cause | None:
        """Independent points around the worst ones, and the catalogue."""
        shape = np.shape(wrong[0].x)
        wrong = [m for m in wrong if np.shape(m.x) == shape and m.claimed.shape == wrong[0].claimed.shape][:3]
        rng = np.random.default_rng(1823)
        xs = [np.asarray(m.x) for m in wrong]
        for k in range((PROBES if bench.traces else BLACK_PROBES) - len(xs)):
            x = xs[k % len(wrong)]
            u = rng.uniform(0.6, 1.6, x.shape)
            xs.append(np.asarray(np.where(x == 0, u * rng.choice([-1, 1], x.shape), x * u), dtype=x.dtype))
        rows: list[tuple[Any, ...]] = []
        for k, x in enumerate(xs):
            y = self.f.at(x if x.ndim else x[()])
            if y is None or (rows and y.shape != rows[0][4].shape):
                continue
            D = bench.graph(x) if wrong[0].traced else None
            if D is not None and (k >= len(wrong) or np.allclose(D, wrong[k].derivative, rtol=1e-6, equal_nan=True)):
                c, error = bench.claimed(x), 1e-12 * np.abs(D)
            else:
                m = wrong[k] if k < len(wrong) else bench.measure(x)
                smooth = np.isin(m.kind, ("smooth", "right", "left"))
                c, D, error = m.claimed, m.derivative, np.where(smooth, m.error, np.inf)
            rows.append((x, c, D, error, y))
        if len(rows) < 3:
            return None
        points, claimed, true, error, values = (np.array([r[i] for r in rows]) for i in range(5))
        f, _ = self._alone()
        graphs = _graphs(f, points) if bench.traces else []
        sizes = lengths([("x", points[0])]) | {
            f"len(argument {i})": n for i, a in enumerate(self.f.others) if i != self.argument for n in np.shape(a)[:1]
        }
        sizes |= captured(self.f.function) | captured(self.claim.function) | _constants(graphs)
        return explain(
            claimed, true, points, error=error, values=values.reshape(len(rows), *values.shape[1:]), sizes=sizes,
            kind=bench.kind, function=self.f, graphs=graphs,
        )  # fmt: skip


class _Turned(Called):
    """A claim whose Jacobian has inputs first, turned."""

    def __init__(self, claim: Called, inputs: int) -> None:
        super().__init__(claim.function, claim.role, claim.argument, claim.others)
        self.inputs = inputs

    def __call__(self, x: Any) -> np.ndarray:
        J = super().__call__(x)
        return np.moveaxis(J, tuple(range(self.inputs)), tuple(range(-self.inputs, 0)))


class _Fixed(Called):
    """A claim of another shape; only the derivative beside it is wanted."""

    def __init__(self, claim: Called, shape: tuple[int, ...]) -> None:
        super().__init__(claim.function, claim.role, claim.argument, claim.others)
        self.shape = shape

    def __call__(self, x: Any) -> np.ndarray:
        return np.zeros(self.shape)


def _weight(m: Measured, index: tuple[int, ...]) -> float:
    return float(m.distance[index] / (abs(m.claimed[index]) + abs(m.derivative[index])))


def _graphs(f: Callable[[Any], Any], points: np.ndarray) -> list[Graph]:
    try:
        with np.errstate(all="ignore"):
            graphs = [trace(f, p[()]) for p in points]
    except (CauchyError, ArithmeticError, ValueError, TypeError, AttributeError, LookupError, RuntimeError):
        return []
    return graphs if all(len(g.outputs) == 1 for g in graphs) else []


def _constants(graphs: list[Graph]) -> dict[str, int]:
    """Lengths of what is summed over."""
    out: dict[str, int] = {}
    for n in graphs[0].nodes if graphs else ():
        if n.prim.family == "reduce" and n.args and n.args[0].shape:
            for axis, size in enumerate(n.args[0].shape):
                out.setdefault(f"axis {axis} of `{n.prim}`", size)
            out.setdefault(f"size under `{n.prim}`", int(np.prod(n.args[0].shape)))
    return out
