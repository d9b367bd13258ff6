"""Is a function convex? Proved by composition over its graph, or refuted by three points of a segment."""

from __future__ import annotations

import html
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from ... import ops as P
from ...calculus import compile as compiled
from ...calculus import differentiate
from ...errors import CauchyError
from ...graph import Graph, Node
from ...messages import say
from ...proof import Proof, Result, Verdict
from ...tracer import trace
from ..problem import Problem, asked_about
from . import polynomial
from .analysis import Analysis, Stop, curved
from .facts import AFFINE, CONCAVE, CONVEX

Curvature = Literal["constant", "affine", "convex", "concave", "neither", "unknown"]
SAMPLES = 40
MOST_ENCLOSED = 12  # variables, for enclosing second derivatives
MOST_HESSIAN = 60  # variables, for looking at second derivatives


@dataclass(frozen=True)
class Segment:
    """f at the middle of a and b is above the mean of f(a) and f(b), by `excess`: f is not convex there.

    `exact`: found in rational arithmetic, and `excess` is that number rounded; else by intervals around every
    rounding, and the true excess is at least `excess`. `hessian`: at the middle, where
    f has one (float64).
    """

    a: np.ndarray
    b: np.ndarray
    excess: float
    exact: bool
    hessian: np.ndarray | None = None

    @property
    def middle(self) -> np.ndarray:
        return (self.a + self.b) / 2


@dataclass(frozen=True)
class Convexity(Result):
    """Whether f is convex on the box: verdict PROVED, REFUTED (by `segment`) or UNDECIDED.

    `curvature`: "constant", "affine", "convex" or "concave" where that is proved, "neither" where both are refuted,
    else "unknown". `stop`: where composition ends (`stop.where`, the source line) and why; None where it says all.
    `rows`: the same for each constraint of a problem; `problem_convex`: f convex, c_i convex where cu_i is finite,
    concave where cl_i is, all proved.
    """

    curvature: Curvature
    segment: Segment | None
    stop: Stop | None
    rows: tuple[Curvature, ...] = ()
    problem_convex: bool = False

    def text(self, lang: str | None = None) -> str:
        """The report in English ("en") or Chinese ("zh"); by default in the user's language."""
        parts = [say(f"optimize.convexity_{self.verdict.value}", lang)]
        if self.curvature not in ("unknown", "convex"):
            parts.append(say(f"optimize.convexity_is_{self.curvature}", lang))
        if self.segment is not None:
            s = self.segment
            short = lambda v: np.array2string(v, precision=6, threshold=8)
            fields = {"a": short(s.a), "b": short(s.b), "excess": s.excess}
            parts.append(say(f"optimize.convexity_segment_{'exact' if s.exact else 'enclosed'}", lang, **fields))
            if s.hessian is not None and s.hessian.size <= 16:
                matrix = np.array2string(s.hessian, precision=6).replace("\n", "")
                parts.append(say("optimize.convexity_hessian", lang, matrix=matrix, point=short(s.middle)))
        if self.stop is not None:
            fields = {"where": str(self.stop.where or "f"), "what": self.stop.what}
            parts.append(say(f"optimize.convexity_stop_{self.stop.why}", lang, **fields))
        if self.verdict is Verdict.PROVED and self.proof is not None:
            parts += self.proof.steps[-12:]
        if self.rows:
            parts.append(say("optimize.convexity_rows", lang, rows=", ".join(self.rows)))
            parts.append(say(f"optimize.dual_{'convex' if self.problem_convex else 'not_convex'}", lang))
        return "\n  ".join(parts)

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.text())}</pre>"


def convexity(
    f: Callable[..., Any] | Problem,
    x0: Any = None,
    *,
    args: tuple[Any, ...] = (),
    bounds: Any = None,
    subject_to: Any = (),
) -> Convexity:
    """Is f convex on the box? And is the problem convex: f, and the set of feasible points?

    f: a function of numbers, arrays or trees of them, as for `minimize`; x0: arguments of that structure (their values
    matter where f branches on them, and as a place to look at first); or a `Problem`. `bounds`, `subject_to`: as for
    `minimize`; without bounds the box is all of R^n. args: further arguments, held fixed.

    The verdict is about f on the box; `rows` and `problem_convex` of the result are about the constraints.
    PROVED: every step of the graph keeps convexity (disciplined convex programming), where quadratic forms are
    decided by an exact LDL' of their Hessian; or f is twice differentiable on the box, and the Hessian, enclosed over
    it, has no negative eigenvalue. "On the box" means where f is defined, which must be a convex set: log(x) lives on
    x > 0, x**x too; 1/x**2, defined on both sides of 0, is not convex on R, but is with bounds=[(0, None)].
    REFUTED: by a `segment` whose middle lies above its chord, in rational or interval arithmetic.
    Both are proofs about the function over the reals that the graph means. UNDECIDED names the line and the reason.
    Raises `ShapeError` or `DomainError`, as `minimize` does, for functions, bounds and constraints that are none.

    References: M. Grant, S. Boyd, Y. Ye, Disciplined convex programming (2006).

    >>> import numpy as np
    >>> convexity(lambda x: x[0] ** 2 + x[1] ** 2, np.zeros(2)).curvature
    'convex'
    >>> no = convexity(lambda x: x[0] ** 2 + x[1] ** 3, np.zeros(2))
    >>> no.verdict, no.stop.what
    (<Verdict.REFUTED: 'refuted'>, 'power')
    >>> convexity(lambda x: x @ x, np.ones(2), subject_to=(lambda x: x[0] * x[1], 1, None)).problem_convex
    False
    """
    started = time.perf_counter()
    f = asked_about("convexity", f, x0, args, bounds, subject_to)
    with np.errstate(all="ignore"):
        found = _Asked(f).answer()
    found.cost["seconds"] = time.perf_counter() - started  # type: ignore[index]
    return found


def proved(p: Problem) -> tuple[bool, float]:
    """What is found without searching, fast: is the problem proved convex? And a lower bound of f on its box.

    The bound is one of the function over the reals that the graph means, where it is defined; -inf where none is known.
    """
    with np.errstate(all="ignore"):
        asked = _Asked(p)
        if asked.graph is None:
            return False, -np.inf
        analysis = asked.analysis
        fact = analysis.over(p.lower, p.upper)
        bits = int(np.bitwise_and.reduce(fact.bits, axis=None)) & AFFINE
        fits = p.c is None or asked.rows()[1]
        return bool(fits and (bits or asked.by_hessian()) & CONVEX), float(np.min(fact.low))


class _Asked:
    """One question: f over the box of a problem."""

    def __init__(self, p: Problem) -> None:
        self.f, self.p = p.f, p
        try:
            self.graph: Graph | None = trace(p.f, p.x0)
        except CauchyError as e:
            self.graph, self.stop = None, Stop("untraced", e.what, e.where)
        else:
            self.analysis = Analysis(self.graph)

    def answer(self) -> Convexity:
        if self.graph is None:
            return Convexity("unknown", None, self.stop, ("unknown",) * self.p.m, cost={})
        analysis = self.analysis
        bits = analysis.bits(self.p.lower, self.p.upper)
        steps, stop = analysis.told(), analysis.stop
        if not bits and (bits := self.by_hessian()):
            word: Curvature = "convex" if bits & CONVEX else "concave"
            sign = "negative" if word == "convex" else "positive"
            steps = (f"the Hessian, enclosed over the box, has no {sign} eigenvalue",)
        rows, fits = self.rows() if self.p.c is not None else ((), True)
        if bits and (nowhere := self._nowhere()) is not None:
            return Convexity("unknown", None, nowhere, rows, cost={})
        if bits & CONVEX:
            word = "constant" if not analysis.varies else "affine" if bits == AFFINE else "convex"
            proof = Proof("composition", "f is convex on the box, where it is defined", steps)
            return Convexity(word, None, None, rows, fits, verdict=Verdict.PROVED, proof=proof, cost={})
        segment = self._segment(1)
        if segment is None:
            return Convexity("concave" if bits & CONCAVE else "unknown", None, stop, rows, cost={})
        word = "concave" if bits & CONCAVE else "neither" if self._segment(-1) is not None else "unknown"
        proof = Proof(
            "rational" if segment.exact else "intervals",
            "f((a + b)/2) > (f(a) + f(b))/2",
            (f"a = {segment.a}", f"b = {segment.b}"),
        )
        return Convexity(word, segment, stop, rows, verdict=Verdict.REFUTED, proof=proof, cost={})

    def _nowhere(self) -> Stop | None:
        """What keeps f from a value, if no point of the box is seen where every step is defined."""
        p, analysis = self.p, self.analysis
        rng = np.random.default_rng(0)
        low = np.maximum(p.lower, np.minimum(p.x0 - 2.0, p.upper - 4.0))
        high = np.minimum(p.upper, np.maximum(p.x0 + 2.0, p.lower + 4.0))
        places = (np.clip(p.x0, p.lower, p.upper), (low + high) / 2, *(low + (high - low) * rng.random((SAMPLES, p.n))))
        for x in places:
            analysis.over(x, x)
            if analysis.total.get(analysis.out, True):
                return None
        n = next(n for n in analysis.order if not analysis.total[n])
        return Stop("domain", n.prim.name, n.site)

    def by_hessian(self) -> int:
        """Bits from the enclosure of all second derivatives over the box, on all of which f must have them."""
        p = self.p
        if p.n > MOST_ENCLOSED or not self.analysis.regular:
            return 0
        try:
            return curved(Analysis(trace(differentiate.hessian(self.f), p.x0)), p.lower, p.upper)
        except CauchyError:
            return 0

    def rows(self) -> tuple[tuple[Curvature, ...], bool]:
        p = self.p
        try:
            fact = Analysis(trace(p.c, p.x0)).over(p.lower, p.upper)  # type: ignore[arg-type]
        except CauchyError:
            nothing: tuple[Curvature, ...] = ("unknown",) * p.m
            return nothing, False
        bits = np.broadcast_to(fact.bits, (p.m,))
        words: dict[int, Curvature] = {AFFINE: "affine", CONVEX: "convex", CONCAVE: "concave", 0: "unknown"}
        needs = np.where(np.isfinite(p.cu), CONVEX, 0) | np.where(np.isfinite(p.cl), CONCAVE, 0)
        return tuple(words[int(b)] for b in bits), bool(((bits & needs) == needs).all())

    # -- refutation ----------------------------------------------------------------------------------------------

    def _segment(self, sign: int) -> Segment | None:
        """A segment on which sign * f is above its chord."""
        if self.graph is None or any(g.node.live for g in self.graph.guards):
            return None
        p = self.p
        low, high = (np.where(np.isfinite(s), s, 0.0) for s in (p.lower, p.upper))
        wide = np.where(np.isfinite(p.lower) & np.isfinite(p.upper), high - low, 4.0)
        low = np.where(np.isfinite(p.lower), low, np.where(np.isfinite(p.upper), high - wide, p.x0 - wide / 2))
        if not (wide > 0).any():
            return None
        inside = lambda v: np.clip(v, p.lower, p.upper)
        simple = [inside(np.full(p.n, t)) for t in (0.0, -1.0, 1.0)] + [low + wide / 2, p.x0]  # which read well
        rng = np.random.default_rng(0)
        points = [*simple, *(low + wide * t for t in rng.random((SAMPLES, p.n)))]
        ways = [(x, *self._lowest(x, sign)) for x in points]
        for x, curvature, v in ways[: len(simple)] + sorted(ways, key=lambda way: way[1])[:4]:
            for part in (0.25, 0.03):
                if curvature < 0 and (found := self._tried(x, v * wide * part, sign)) is not None:
                    return found
        for a, b in pairwise(points):
            if (found := self._tried((a + b) / 2, (b - a) / 2, sign)) is not None:
                return found
        return None

    def _lowest(self, x: np.ndarray, sign: int) -> tuple[float, np.ndarray]:
        """The least curvature of sign * f at x in units of the box, and its direction there."""
        if self.p.n > MOST_HESSIAN:
            return np.inf, x
        try:
            H = np.asarray(self._hessian(x), np.float64)
        except CauchyError:
            return np.inf, x
        H = sign * (H + H.T) / 2
        if not np.isfinite(H).all():
            return np.inf, x
        values, vectors = np.linalg.eigh(H)
        return float(values[0]), vectors[:, 0]

    @cached_property
    def _hessian(self) -> Callable[..., Any]:
        return compiled.hessian(self.f)

    def _tried(self, x: np.ndarray, d: np.ndarray, sign: int) -> Segment | None:
        """The segment x +- d, moved to where its middle is exact, if f says so beyond rounding."""
        p = self.p
        unit = 2.0 ** np.floor(np.log2(np.maximum(np.abs(x) + np.abs(d), 1e-30)) - 24)
        x, d = np.round(x / unit) * unit, np.round(d / unit) * unit
        d = np.minimum(np.abs(d), np.maximum(np.minimum(p.upper - x, x - p.lower), 0.0)) * np.sign(d)
        if not d.any():
            return None
        a, b = x - d, x + d
        if ((a + b) / 2 != x).any() or (a < p.lower).any() or (b > p.upper).any():
            return None
        if not all(self._analytic(v) for v in (a, b, x)):
            return None
        values = [sign * self._float(v) for v in (a, b, x)]
        if not np.isfinite(values).all() or not values[2] > (values[0] + values[1]) / 2:
            return None
        found = self._exactly(a, b, x, sign)
        exact = found is not None
        if found is None:
            found = self._enclosed(a, b, x, sign)
        if found is None or found <= 0:
            return None
        H = None
        if p.n <= 4:
            try:
                H = np.asarray(self._hessian(x))
            except CauchyError:
                H = None
        return Segment(a, b, float(found), exact, H)

    def _analytic(self, x: np.ndarray) -> bool:
        """No power u^v with an exponent that varies has u <= 0 at x: there only some exponents are allowed."""
        if self.powers:
            self.analysis.over(x, x)
        return all(self.analysis.total[n] for n in self.powers)

    @cached_property
    def powers(self) -> list[Node]:
        degrees = self.analysis.degrees
        return [n for n in self.analysis.order if n.prim is P.power and degrees[n.args[1]]]

    def _float(self, x: np.ndarray) -> float:
        return float(np.asarray(self.f(x)))

    def _exactly(self, a: np.ndarray, b: np.ndarray, x: np.ndarray, sign: int) -> Fraction | None:
        assert self.graph is not None
        values = []
        for v in (a, b, x):
            out = polynomial.evaluate(self.graph, [polynomial.exactly(v, v.shape)], self.graph.outputs)
            if out is None:
                return None
            values.append(sign * Fraction(out[0].ravel()[0]))
        return values[2] - (values[0] + values[1]) / 2

    def _enclosed(self, a: np.ndarray, b: np.ndarray, x: np.ndarray, sign: int) -> float | None:
        ends = []
        for v in (a, b, x):
            fact = self.analysis.over(v, v)
            low, high = float(fact.low.ravel()[0]), float(fact.high.ravel()[0])
            ends.append((low, high) if sign > 0 else (-high, -low))
        return ends[2][0] - np.nextafter((ends[0][1] + ends[1][1]) / 2, np.inf)
