"""`cauchy explain "x^3-2x^2+1"`: everything a first course asks about a function of one variable.

What is exact comes from `symbolic`, in a child process that is ended when it takes too long. What it
leaves open is searched numerically and called an estimate.
"""

from __future__ import annotations

import argparse
import io
import math
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize

from ..errors import CauchyError, DomainError, ShapeError
from ..messages import language, say
from ..proof import Proof, Result, Verdict
from .child import ask
from .explanation import Explanation, Listing, Number, Point
from .expression import Expression, parse, read

QUESTIONS = ("domain", "derivatives", "stationary", "limits", "antiderivative", "inflections", "roots")
_SEARCH = (-10.0, 10.0)  # where to look for zeros when nothing else says where
_SAMPLES, _MOST = 4001, 12  # of a numerical search; zeros shown at most


def explain(
    text: str, *, interval: tuple[float, float] | None = None, lang: str | None = None, seconds: float = 5.0
) -> Explanation:
    """Explain a function of one variable, given as a formula.

    `interval` restricts it to a closed interval, whose ends then count as candidates for extrema.
    SymPy gets `seconds` for each of seven questions (three of them may be late); what it does not
    answer is searched numerically where that is possible and is an estimate. An antiderivative is shown only when
    differentiating it back gives f exactly; solutions only when substituting them gives exactly 0.

    Raises ParseError for a bad formula, ShapeError for a bad interval, DomainError for several variables.

    >>> e = explain("x^3 - 2x^2 + 1")
    >>> str(e.derivative), str(e.antiderivative)
    ('3*x^2 - 4*x', 'x^4/4 - 2*x^3/3 + x')
    >>> [(str(p.x), str(p.y), p.kind, p.everywhere) for p in e.stationary.points]
    [('0', '1', 'maximum', False), ('4/3', '−5/27', 'minimum', False)]
    """
    started = time.perf_counter()
    f = parse(text)
    if len(f.variables) != 1:
        names = ", ".join(f.variables)
        raise DomainError(f"`{f}` has {len(f.variables)} variables ({names}); a function of one is wanted")
    span = _interval(interval)
    found = ask({"text": str(f), "variable": f.variables[0], "interval": span}, QUESTIONS, seconds)
    return _Builder(f, span, found, language(lang)).build(time.perf_counter() - started)


def _interval(interval: Any) -> tuple[float, float] | None:
    if interval is None:
        return None
    try:
        a, b = (float(v) for v in interval)
    except (TypeError, ValueError) as e:
        raise ShapeError(f"`interval`: wanted two numbers, got {interval!r}") from e
    if not (math.isfinite(a) and math.isfinite(b) and a < b and 1e-9 * max(abs(a), abs(b)) < b - a < 1e12):
        raise ShapeError(f"`interval`: wanted finite a < b, neither too close nor too far apart, got {interval!r}")
    return a, b


class _Builder:
    """The answers of the child process, put together into an Explanation."""

    def __init__(self, f: Expression, span: tuple[float, float] | None, found: dict[str, Any], lang: str) -> None:
        self.f, self.span, self.lang = f, span, lang
        self.answers = {q: a["answer"] for q, a in found.items() if "answer" in a}
        self.unsolved = {q: a["unsolved"] for q, a in found.items() if "unsolved" in a}
        self.known: dict[str, Verdict] = {}
        self.notes: dict[str, str] = {}
        if self.answers.get("domain", {}).get("parts") == []:  # nowhere defined: nothing else has a meaning
            self.answers, self.unsolved = {"domain": self.answers["domain"]}, {}
        self.domain = [(_number(a), _number(b), lo, ro) for a, b, lo, ro in self.parts("domain", "parts")]
        period = self.answers.get("domain", {}).get("period")
        self.period = _number(period) if period else None

    def parts(self, question: str, key: str) -> list[Any]:
        return self.answers.get(question, {}).get(key, [])

    def formula(self, question: str, key: str) -> Expression | None:
        source = self.answers.get(question, {}).get(key)
        if source is None:
            return None
        e = read(source, 10_000)
        return Expression(e.tree, self.f.variables)

    def build(self, spent: float) -> Explanation:
        first, second = self.formula("derivatives", "first"), self.formula("derivatives", "second")
        F = self.formula("antiderivative", "F")
        self.searched = self.span or (
            (self.domain[0][0].value, self.domain[-1][1].value) if self.period and self.domain else _SEARCH
        )
        self.known["domain"] = _verdict("domain" in self.answers)
        for question, name in (("derivatives", "derivative"), ("antiderivative", "antiderivative")):
            if question in self.unsolved or question in self.answers:
                self.known[name] = _verdict(question in self.answers)
        gap = self.check_derivative(first) if first else math.nan
        stationary = self.listing("stationary", "points", first)
        inflections = self.listing("inflections", "points", second)
        roots = self.listing("roots", "points", self.f)
        complete = stationary.proved and "stationary" in self.answers
        corners = self.exact_listing("stationary", "corners", complete)
        through = {p.x.value for p in (*stationary.points, *corners.points) if p.kind != "jump"}
        level = tuple(p for p in corners.points if p.slopes and p.slopes[0].value == p.slopes[1].value == 0)
        level = tuple(p._replace(slopes=None) for p in level if p.kind != "jump")
        sharp = tuple(p for p in corners.points if p.kind == "jump" or not _smooth(p))
        stationary = stationary._replace(points=tuple(sorted((*stationary.points, *level), key=lambda p: p.x.value)))
        corners = corners._replace(points=sharp)
        ends = self.exact_listing("stationary", "ends", complete)
        limits = [(_number(a), _number(v)) for a, v in self.answers.get("limits", [])]
        if self.period is None and ("limits" in self.answers or "limits" in self.unsolved):
            self.known["limits"] = _verdict("limits" in self.answers)
        closed = {p.x.value for p in ends.points}
        open_ends = [v for a, v in limits if a.value not in closed]
        highest, lowest = (self.extent(sign, stationary, corners, ends, open_ends) for sign in (1, -1))
        if highest[0] and lowest[0]:
            self.known["extent"] = Verdict.PROVED
        stationary, corners, ends = (self.ranked(group, highest, lowest) for group in (stationary, corners, ends))
        chart = lambda q: [(_number(a), _number(b), s) for a, b, s in self.parts(q, "signs") if s is not None]
        monotone = _joined(chart("stationary"), through)
        curvature = tuple(chart("inflections"))
        self.known |= {k: Verdict.PROVED for k, v in (("monotone", monotone), ("curvature", curvature)) if v}
        proved = all(v is Verdict.PROVED for v in self.known.values())
        unsolved = {k: v for k, v in self.unsolved.items() if k != "limits" or self.period is None}
        return Explanation(
            function=self.f, interval=self.span, lang=self.lang,
            domain=tuple(self.domain) if "domain" in self.answers else None, period=self.period,
            derivative=first, factored=self.formula("derivatives", "factored"), second=second,
            antiderivative=F, elementary=self.answers.get("antiderivative", {}).get("elementary", True),
            stationary=stationary, corners=corners, ends=ends, inflections=inflections, roots=roots,
            limits=tuple(limits) if "limits" in self.answers and self.period is None else None,
            monotone=monotone, curvature=curvature, highest=highest, lowest=lowest,
            window=self.window(stationary, corners, ends, inflections, roots), searched=self.searched,
            known=self.known, unsolved={_NAMES.get(k, k): v for k, v in unsolved.items()}, notes=self.notes,
            verdict=Verdict.PROVED if proved else Verdict.UNDECIDED,
            proof=Proof("symbolic", f"the answers for {self.f}: {', '.join(self.known)}", _STEPS) if proved else None,
            estimates={"derivative against difference quotients": gap}, cost={"seconds": spent},
        )  # fmt: skip

    # points

    def listing(self, question: str, key: str, g: Expression | None) -> Listing:
        """The exact list; or, where there is none, zeros of g found numerically."""
        if question in self.answers:
            complete = self.answers[question]["complete"]
            exact = self.exact_listing(question, key, complete)
            self.known[question] = _verdict(exact.proved)
            if complete:
                return exact
            others = self.search(question, g, exact.points) if g else ()
            why = "" if exact.proved else self.say("incomplete")
            return Listing(tuple(sorted((*exact.points, *others), key=lambda p: p.x.value)), False, why, exact.flat)
        if question not in self.unsolved:
            return Listing((), False)
        self.known[question] = Verdict.UNDECIDED
        if g is None:
            return Listing((), False, self.say("unsolved", why=self.unsolved.pop(question)))
        self.unsolved.pop(question)
        found = self.search(question, g, ())
        a, b = (f"{v:.6g}".replace("-", "−") for v in self.searched)
        nearest = tuple(sorted(sorted(found, key=lambda p: abs(p.x.value))[:_MOST], key=lambda p: p.x.value))
        key = "nothing" if not found else "nearest" if len(found) > _MOST else "estimates"
        return Listing(nearest, False, self.say(key, a=a, b=b, shown=_MOST, found=len(found)))

    def exact_listing(self, question: str, key: str, complete: bool) -> Listing:
        points = tuple(_point(d) for d in self.parts(question, key))
        flat = self.parts(question, "flat") if key == "points" and question != "inflections" else []
        proved = complete and all(p.kind != "unknown" for p in points)
        return Listing(points, proved, "", tuple((_number(a), _number(b)) for a, b in flat))

    def search(self, question: str, g: Expression, known: Sequence[Point]) -> tuple[Point, ...]:
        """Sign changes of g on the searched window that are not on the list yet; poles are told apart by size."""
        value = lambda v: float(g(np.float64(v)))
        with np.errstate(all="ignore"):
            x = np.linspace(*self.searched, _SAMPLES) + 1e-9 * math.pi * (self.searched[1] - self.searched[0])
            y = np.broadcast_to(np.asarray(g(x), float), x.shape)
            found = []
            breaks = [v.value for a, b, *_ in self.domain for v in (a, b)]  # near a hole f' is rounding noise
            for i in np.flatnonzero(np.isfinite(y[:-1]) & np.isfinite(y[1:]) & (y[:-1] * y[1:] < 0)):
                at = optimize.root_scalar(value, bracket=(x[i], x[i + 1]), xtol=1e-14).root
                pole = not abs(value(at)) <= 1e-3 * min(abs(y[i]), abs(y[i + 1]))
                at = 0.0 if abs(at) < 1e-12 * (x[-1] - x[0]) and value(0.0) == 0 else at
                old = any(abs(at - v) < 1e-6 * max(1.0, abs(at)) for v in (*breaks, *(p.x.value for p in known)))
                height = float(self.f(np.float64(at)))
                if not pole and not old and math.isfinite(height):
                    kind = {"stationary": "maximum" if y[i] > 0 else "minimum"}.get(question, "inflection")
                    height = 0.0 if question == "roots" else height
                    found.append(Point(Number(None, at + 0.0), Number(None, height), kind, proved=False))
        return tuple(found)

    def extent(self, sign: int, *groups: Any) -> tuple[str, Number | None]:
        """Is there a highest (sign 1) or lowest (-1) value? ("has" | "no_global" | "open" | "", value)."""
        stationary, corners, ends, edges = groups
        if not (stationary.proved and corners.proved) or (self.period is None and "limits" not in self.answers):
            return "", None
        if any(p.kind == "jump" for p in corners.points):
            return "", None
        heights = [p.y for g in (stationary, corners, ends) for p in g.points]
        edges = [] if self.period and len(self.domain) == 1 else edges
        best = max((v.value * sign for v in (*heights, *edges)), default=math.nan)
        if math.isnan(best):
            return "", None
        if math.isinf(best):
            return "no_global", None
        near = lambda v: abs(v.value * sign - best) <= 1e-12 * max(1.0, abs(best))
        attained, approached = [v for v in heights if near(v)], [v for v in edges if near(v)]
        texts = {str(v.exact) for v in (*attained, *approached)}
        if len(texts) > 1 or (None in {v.exact for v in (*attained, *approached)} and attained and approached):
            return "", None  # equal to twelve digits, and not shown to be equal
        if attained:
            return "has", attained[0]
        return ("", None) if stationary.flat else ("open", approached[0])

    def ranked(self, group: Listing, highest: tuple[str, Number | None], lowest: tuple[str, Number | None]) -> Listing:
        def rank(p: Point) -> Point:
            state, best = {"maximum": highest, "minimum": lowest}.get(p.kind, ("", None))
            if not state:
                return p
            return p._replace(everywhere=state == "has" and best is not None and p.y.value == best.value)

        return group._replace(points=tuple(map(rank, group.points)))

    # cross-check and window

    def check_derivative(self, first: Expression) -> float:
        """Compare f' with extrapolated central differences; a conflict takes the verdict back."""
        parts = [(max(a.value, self.searched[0]), min(b.value, self.searched[1])) for a, b, *_ in self.domain]
        spans = [(a, b) for a, b in parts if a < b] or [self.searched]
        x = np.concatenate([a + (b - a) * (np.arange(12) + 0.37) / 12.7 for a, b in spans])
        h = 1e-3 * np.maximum(1e-3, np.minimum(1.0, np.abs(x)))
        with np.errstate(all="ignore"):
            central = lambda h: (self.f(x + h) - self.f(x - h)) / (2 * h)
            slope, exact = (4 * central(h / 2) - central(h)) / 3, first(x) * np.ones_like(x)
            noise = 1e-15 * np.abs(self.f(x)) / h + np.abs(central(h / 2) - central(h))
            scale = np.maximum(np.abs(exact), 1e-3 * np.nanmax(np.abs(np.append(exact[np.isfinite(exact)], 1e-300))))
            gaps = np.abs(slope - exact) / scale
        use = np.isfinite(gaps)
        wrong = use & (np.abs(slope - exact) > 10 * noise + 1e-6 * scale)
        gap = float(gaps[use].max()) if use.any() else math.nan
        x_name = self.f.variables[0]
        if wrong.any():
            self.notes["derivative"] = self.say("numeric_conflict", x=x_name, at=x[wrong][0])
        elif use.any():
            self.notes["derivative"] = self.say("numeric_check", n=int(use.sum()), gap=gap)
        self.known["derivative"] = _verdict(not wrong.any())
        return gap

    def say(self, key: str, **fields: object) -> str:
        return say(f"explain.{key}", self.lang, **fields)

    def window(self, *groups: Listing) -> tuple[float, float]:
        """Where to draw: around the extrema, and what else is near; an interval or two periods as they are."""
        if self.span:
            return self.span
        if self.period:
            return -0.3 * self.period.value, 1.7 * self.period.value
        stationary, corners, ends, inflections, roots = ([p.x.value for p in g.points] for g in groups)
        open_ends = [v.value for a, b, *_ in self.domain for v in (a, b) if math.isfinite(v.value)]
        core = [*stationary, *corners, *ends] or inflections or [*roots, *open_ends]
        if not core:
            return -5.0, 5.0
        low, high = min(core), max(core)
        reach = 1.5 * (high - low) or max(1.0, abs(low))
        near = [v for v in (*inflections, *roots, *open_ends) if low - reach <= v <= high + reach]
        low, high = min([low, *near]), max([high, *near])
        margin = (0.25 if len(core) > 1 else 2.0) * (high - low) or max(2.0, abs(low))
        if not (stationary or corners):
            margin = 3.0 * (high - low) or 2.0 * margin
        low, high = low - margin, high + margin
        if self.domain:
            inner = 0.03 * (high - low)
            low, high = max(low, self.domain[0][0].value - inner), min(high, self.domain[-1][1].value + inner)
        return low, high


def _smooth(p: Point) -> bool:
    """Do the one-sided slopes agree and are finite?"""
    return p.slopes is not None and p.slopes[0].exact == p.slopes[1].exact and math.isfinite(p.slopes[0].value)


def _joined(chart: list[tuple[Number, Number, int]], through: set[float]) -> tuple[tuple[Number, Number, int], ...]:
    """Neighboring gaps with the same sign of f' are one where f is continuous in between."""
    out: list[tuple[Number, Number, int]] = []
    for a, b, s in chart:
        if out and s and out[-1][1].value == a.value and out[-1][2] == s and a.value in through:
            a = out.pop()[0]  # noqa: PLW2901
        out.append((a, b, s))
    return tuple(out)


_NAMES = {"derivatives": "derivative"}
_STEPS = (
    "derivatives by the rules of differentiation",
    "the antiderivative, differentiated back, is f exactly",
    "every zero substituted gives exactly 0; real roots are isolated, so none is missing",
    "between neighboring zeros a continuous derivative keeps its sign: one exact test point per gap",
)


def _verdict(proved: bool) -> Verdict:
    return Verdict.PROVED if proved else Verdict.UNDECIDED


def _number(pair: Any) -> Number:
    source, value = pair
    return Number(None if source in (None, "oo", "-oo") else read(source, 10_000), float(value))


def _point(d: dict[str, Any]) -> Point:
    slopes = d.get("slopes")
    return Point(
        Number(d["x"] and read(d["x"], 10_000), d["x_value"]),
        Number(d["y"] and read(d["y"], 10_000), d["y_value"]),
        d.get("kind", "zero"),
        proved=d.get("kind") != "unknown",
        slopes=None if slopes is None else (_number(slopes[0]), _number(slopes[1])),
    )


# -- equal formulas --------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Equivalence(Result):
    """Is the answer the same function as the truth? `at` and `values` show a point where it is not."""

    answer: Expression
    truth: Expression
    at: dict[str, str] | None
    values: tuple[float, float] | None

    def __str__(self) -> str:
        claim = f"{self.answer.pretty()} = {self.truth.pretty()}"
        if self.at and self.values:
            where = ", ".join(f"{k} = {v}" for k, v in self.at.items())
            return f"{self.verdict.value}: {claim}; at {where} they are {self.values[0]:.10g} and {self.values[1]:.10g}"
        return f"{self.verdict.value}: {claim}"


def equivalent(answer: str, truth: str, *, seconds: float = 5.0) -> Equivalence:
    """Are two formulas the same function wherever both are real numbers?

    PROVED: SymPy reduces the difference to 0. REFUTED: at a rational point they differ in 40-digit
    arithmetic. Otherwise, and when SymPy takes longer than `seconds`, UNDECIDED. Raises ParseError.

    >>> equivalent("x·(3x–4)", "3x^2 - 4x").verdict.value
    'proved'
    >>> print(equivalent("3x^2", "3x^2 - 4x"))
    refuted: 3x² = 3x² − 4x; at x = -5 they are 75 and 95
    """
    started = time.perf_counter()
    a, b = parse(answer), parse(truth)
    request = {"text": str(a), "other": str(b)}
    found = ask(request, ["equal"], seconds)["equal"].get("answer", {"equal": None})
    verdict = {True: Verdict.PROVED, False: Verdict.REFUTED, None: Verdict.UNDECIDED}[found["equal"]]
    return Equivalence(
        answer=a,
        truth=b,
        at=found.get("at"),
        values=tuple(found["values"]) if "values" in found else None,
        verdict=verdict,
        proof=Proof("symbolic", f"{a} = {b} wherever both are real") if verdict is Verdict.PROVED else None,
        cost={"seconds": time.perf_counter() - started},
    )


# -- the command -----------------------------------------------------------------------------------


def main(argv: Sequence[str] | None = None) -> int:
    """`cauchy explain`: 0 when explained, 2 when the formula or an option is not usable."""
    parser = argparse.ArgumentParser(prog="cauchy explain", description="Explain a function of one variable.")
    parser.add_argument("expression", help='a formula, for example "x^3-2x^2+1"')
    parser.add_argument("--interval", nargs=2, type=float, metavar=("A", "B"), help="restrict it to A <= x <= B")
    parser.add_argument("--plot", metavar="FILE", help="write the figure as .png, .svg or .pdf")
    parser.add_argument("--no-plot", action="store_true", help="no curve in the terminal")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.add_argument("--lang", choices=("en", "zh"), help="language of the report")
    parser.add_argument("--width", type=int, help="columns of the terminal")
    parser.add_argument("--seconds", type=float, default=5.0, help="time for each symbolic question (default 5)")
    args = parser.parse_args(_guard_minus(sys.argv[1:] if argv is None else list(argv)))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        e = explain(args.expression, interval=args.interval, lang=args.lang, seconds=args.seconds)
        width = args.width or shutil.get_terminal_size().columns
        print(e.to_json() if args.json else e.text(plot=not args.no_plot, width=min(width, 100)))
        if args.plot:
            path = e.save(args.plot)
            print(say("explain.saved", args.lang, path=path), file=sys.stderr)
    except (CauchyError, OSError) as error:
        print(f"cauchy explain: {error}", file=sys.stderr)
        return 2
    return 0


def _guard_minus(argv: list[str]) -> list[str]:
    """A formula may begin with a minus sign; argparse would take it for an option."""
    for i, a in enumerate(argv):
        if a.startswith("-") and not a.startswith("--") and a != "-h" and not _is_number(a) and "--" not in argv[:i]:
            return [*argv[:i], *argv[i + 1 :], "--", a]
    return argv


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
