"""What `explain` finds, as data; and how it is shown: text, HTML, JSON, figure."""

from __future__ import annotations

import html
import itertools
import json
import math
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import figure
from ..messages import say
from ..proof import Result, Verdict
from .expression import Expression

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Number(NamedTuple):
    """A point of the extended line: the exact formula (None where it has no short one) and the nearest double."""

    exact: Expression | None
    value: float

    def __str__(self) -> str:
        if math.isinf(self.value):
            return "∞" if self.value > 0 else "−∞"
        if self.exact is None:
            return f"≈ {self.value:.10g}".replace("-", "−")
        text = self.exact.pretty()
        plain = text.lstrip("−").replace("/", "").isdigit()
        return text if plain or len(text) == 1 else f"{text} ≈ {self.value:.6g}".replace("-", "−")

    def of(self, name: str) -> str:
        """`name = 4/3`, or `name ≈ 1.33` where there is no exact form."""
        return f"{name} {self}" if self.exact is None and math.isfinite(self.value) else f"{name} = {self}"

    def short(self) -> str:
        return str(self).split(" ≈")[0].removeprefix("≈ ")


class Point(NamedTuple):
    """A point of the graph; `kind` is maximum, minimum, inflection, corner, jump or unknown."""

    x: Number
    y: Number
    kind: str
    proved: bool
    everywhere: bool | None = None  # True: no value of f is beyond it; False: some is; None: not decided
    slopes: tuple[Number, Number] | None = None


class Listing(NamedTuple):
    """Points of one sort: `proved` when each is exact and there are no others; `why` where numbers had to do."""

    points: tuple[Point, ...]
    proved: bool
    why: str = ""
    flat: tuple[tuple[Number, Number], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Explanation(Result):
    """What is known about a function of one variable.

    Every answer has its own verdict in `known`; the result's verdict is PROVED when all of them are.
    None stands where nothing was found; `unsolved` says why. `window` is what the figure shows,
    `searched` where zeros were sought numerically, `notes` what the cross-checks said.
    """

    function: Expression
    interval: tuple[float, float] | None
    domain: tuple[tuple[Number, Number, bool, bool], ...] | None
    period: Number | None
    derivative: Expression | None
    factored: Expression | None
    second: Expression | None
    antiderivative: Expression | None
    elementary: bool
    stationary: Listing
    corners: Listing
    ends: Listing
    inflections: Listing
    roots: Listing
    limits: tuple[tuple[Number, Number], ...] | None
    monotone: tuple[tuple[Number, Number, int], ...]
    curvature: tuple[tuple[Number, Number, int], ...]
    highest: tuple[str, Number | None]
    lowest: tuple[str, Number | None]
    window: tuple[float, float]
    searched: tuple[float, float]
    known: Mapping[str, Verdict]
    unsolved: Mapping[str, str]
    notes: Mapping[str, str]
    lang: str

    def __str__(self) -> str:
        return self.text()

    @property
    def variable(self) -> str:
        return self.function.variables[0]

    # -- text --------------------------------------------------------------------------------------

    def text(self, *, plot: bool = True, width: int = 80) -> str:
        """The report for a terminal, with the curve in Braille dots unless `plot` is false."""
        lines = [f"f({self.variable}) = {self.function.pretty()}", ""]
        rows = self.rows()
        label_width = max(_cells(label) for label, _, _ in rows) + 2
        for label, texts, verdict in rows:
            for k, t in enumerate(texts):
                head = label + " " * (label_width - _cells(label)) if k == 0 else " " * label_width
                mark = " " if verdict is None or k else "✓" if verdict is Verdict.PROVED else "?"
                lines.append(f"{head}{mark} {t}".rstrip())
        lines += ["", *self.table_lines()]
        if plot and (curve := self.terminal_plot(width=width)):
            lines += ["", curve]
        legend = f"✓ {say('verdict.proved', self.lang)}   ? {say('verdict.undecided', self.lang)}"
        return "\n".join([*lines, "", legend])

    def rows(self) -> list[tuple[str, list[str], Verdict | None]]:
        """(label, lines, verdict) for every answer."""
        word = lambda key, **f: say(f"explain.{key}", self.lang, **f)
        x = self.variable
        out: list[tuple[str, list[str], Verdict | None]] = []

        def add(key: str, lines: list[str]) -> None:
            if key not in self.known and key not in self.unsolved:
                return
            if key in self.unsolved:
                lines = [*lines, word("unsolved", why=self.unsolved[key])]
            out.append((word(key), lines, self.known.get(key)))

        add("domain", [self._domain_text()])
        if self.period:
            out.append((word("period"), [str(self.period)], Verdict.PROVED))
        if self.derivative:
            factored = f" = {self.factored.pretty()}" if self.factored else ""
            notes = [self.notes["derivative"]] if "derivative" in self.notes else []
            but = [p.x.short() for p in self.corners.points if p.slopes]
            where = "   " + word("not_at", points=", ".join(f"{x} = {v}" for v in but)) if but else ""
            add("derivative", [f"f′({x}) = {self.derivative.pretty()}{factored}{where}", *notes])
        else:
            add("derivative", [])
        if self.second:
            out.append((word("second"), [f"f″({x}) = {self.second.pretty()}"], self.known.get("derivative")))
        if self.antiderivative:
            extra = "" if self.elementary else " " + word("not_elementary")
            add("antiderivative", [f"F({x}) = {self.antiderivative.pretty()} + C{extra}", word("proved_by_back")])
        else:
            add("antiderivative", [word("no_antiderivative")])
        add("stationary", self._point_lines(self.stationary))
        for key, listing in (("corners", self.corners), ("ends", self.ends)):
            if listing.points:
                out.append((word(key), self._point_lines(listing), self.known.get("stationary")))
        if "extent" in self.known:
            add("extent", [self._extent_text("maximum", self.highest), self._extent_text("minimum", self.lowest)])
        if limits := [f"{x} → {a}:  f → {v}" for a, v in self._outer_limits()] or "limits" in self.unsolved:
            add("limits", [] if limits is True else limits)
        if self.monotone:
            add("monotone", self._chart(self.monotone, "rising", "falling", "constant"))
        add("inflections", self._point_lines(self.inflections, kinds=False))
        if self.curvature:
            add("curvature", self._chart(self.curvature, "convex", "concave", "straight"))
        add("roots", self._point_lines(self.roots, kinds=False, values=False))
        return out

    def _outer_limits(self) -> list[tuple[str, Number]]:
        """Limits where f has no value, the side as a raised sign: they come in pairs, start and end of each part."""
        closed = {p.x.value for p in self.ends.points}
        side = lambda k, a: "" if math.isinf(a.value) else "⁺" if k % 2 == 0 else "⁻"
        return [(a.short() + side(k, a), v) for k, (a, v) in enumerate(self.limits or ()) if a.value not in closed]

    def _domain_text(self) -> str:
        word = lambda key, **f: say(f"explain.{key}", self.lang, **f)
        parts = self.domain
        if parts is None:
            return ""
        if not parts:
            return word("domain_empty")
        touching = all(a[1].value == b[0].value for a, b in itertools.pairwise(parts))
        first, last = parts[0], parts[-1]
        whole = math.isinf(first[0].value) and math.isinf(last[1].value)
        cyclic = self.period is not None and math.isclose(last[1].value - first[0].value, self.period.value)
        if self.interval is None and touching and (whole or (cyclic and not (first[2] or last[3]))):
            holes = [p[1].short() for p in parts[:-1]]
        elif self.interval is None and touching and cyclic:
            holes = [p[1].short() for p in parts]
        else:
            shown = [f"{'(' if lo else '['}{a.short()}, {b.short()}{')' if ro else ']'}" for a, b, lo, ro in parts]
            return f"{self.variable} ∈ {' ∪ '.join(shown)}{self._again()}"
        if not holes:
            return word("domain_all", x=self.variable)
        return word("domain_except", x=self.variable, points=", ".join(holes)) + self._again()

    def _again(self) -> str:
        return f"  ({say('explain.each_period', self.lang, period=self.period.short())})" if self.period else ""

    def _point_lines(self, listing: Listing, *, kinds: bool = True, values: bool = True) -> list[str]:
        word = lambda key, **f: say(f"explain.{key}", self.lang, **f)
        lines = []
        for p in listing.points:
            bits = [p.x.of(self.variable)]
            bits += [p.y.of("f")] if values else []
            if kinds:
                name = f"global_{p.kind}" if p.everywhere and p.kind in ("maximum", "minimum") else p.kind
                bits.append(word(name))
            if p.slopes:
                bits.append(word("slopes", left=p.slopes[0].short(), right=p.slopes[1].short()))
            lines.append("   ".join(bits))
        if listing.points and self.period:
            lines[-1] += self._again()
        lines += [word("everywhere", intervals=_intervals(listing.flat))] if listing.flat else []
        if not lines and not listing.why:
            lines = [word("none")]
        return [*lines, listing.why] if listing.why else lines

    def _extent_text(self, kind: str, found: tuple[str, Number | None]) -> str:
        return say(f"explain.{found[0]}_{kind}", self.lang, value=found[1])

    def _chart(self, signs: Iterable[tuple[Number, Number, int]], up: str, down: str, flat: str) -> list[str]:
        groups = [(key, [(a, b) for a, b, s in signs if s == want]) for key, want in ((up, 1), (down, -1), (flat, 0))]
        return [say(f"explain.{key}", self.lang, intervals=_intervals(g)) for key, g in groups if g]

    def table_lines(self) -> list[str]:
        """x, f(x), f'(x) at nice steps across the window."""
        a, b = self.window
        step = _nice((b - a) / 8)
        xs = np.arange(math.ceil(a / step - 1e-9), math.floor(b / step + 1e-9) + 1) * step
        with np.errstate(all="ignore"):
            columns = [xs, np.array(self.function(xs)), *([self.slope(xs)] if self.derivative else [])]
        names = [self.variable, f"f({self.variable})", f"f′({self.variable})"]
        columns[1][~self._defined(xs)] = np.nan
        show = lambda v: (
            f"{v:.6g}".replace("-", "−") if math.isfinite(v) else "–" if math.isnan(v) else str(Number(None, v))
        )
        return [
            f"{n:<6}" + "".join(f"{show(float(v) + 0.0):>13}" for v in c) for n, c in zip(names, columns, strict=False)
        ]

    # -- pictures ----------------------------------------------------------------------------------

    def _defined(self, x: np.ndarray) -> np.ndarray:
        """Is x in the domain? (True everywhere when the domain is not known.)"""
        if self.domain is None:
            return np.ones(x.shape, bool)
        if self.period and self.domain:
            start = self.domain[0][0].value
            x = start + np.mod(x - start, self.period.value)
        inside = np.zeros(x.shape, bool)
        for a, b, left_open, right_open in self.domain:
            eps = 1e-12 * max(1.0, *(abs(v.value) for v in (a, b) if math.isfinite(v.value)), 0.0)
            inside |= (x > a.value + eps if left_open else x >= a.value - eps) & (
                x < b.value - eps if right_open else x <= b.value + eps
            )
        return inside

    def slope(self, x: np.ndarray) -> np.ndarray:
        """f' at the points x, NaN where f has no derivative."""
        assert self.derivative is not None
        slope = np.array(np.broadcast_to(self.derivative(x), x.shape), dtype=float)
        slope[~self._defined(x)] = np.nan
        for p in self._repeated(self.corners.points, x.min(), x.max()):
            slope[np.abs(x - p.x.value) <= 1e-9 * max(1.0, abs(p.x.value))] = np.nan
        return slope

    def _repeated(self, points: Iterable[Point], a: float, b: float) -> list[Point]:
        """The points between a and b, at every period."""
        if not self.period:
            return [p for p in points if a <= p.x.value <= b]
        t = self.period.value
        turns = lambda p: range(math.ceil((a - p.x.value) / t), math.floor((b - p.x.value) / t) + 1)
        return [p._replace(x=Number(None, p.x.value + k * t)) for p in points for k in turns(p)]

    def _curve(self, n: int) -> tuple[np.ndarray, np.ndarray, tuple[float, float]]:
        """Samples of f across the window, and the vertical window: poles are cut, marked points are kept."""
        x = np.linspace(*self.window, n)
        with np.errstate(all="ignore"):
            y = np.array(self.function(x), dtype=float)
        y[~self._defined(x)] = np.nan
        for p in self._repeated(self.corners.points, *self.window):
            if p.kind == "jump":
                y[np.argmin(np.abs(x - p.x.value))] = np.nan
        seen = y[np.isfinite(y)]
        if not seen.size:
            return x, y, (-1.0, 1.0)
        low, high = float(seen.min()), float(seen.max())
        marked = [p.y.value for p in self.marked()]
        a, b = np.quantile(seen, [0.06, 0.94])
        if high - low > 6 * max(b - a, 1e-300):
            low = min([max(low, a - (b - a)), *marked])
            high = max([min(high, b + (b - a)), *marked])
        margin = 0.06 * (high - low) or max(abs(high), 1.0) * 0.5
        return x, y, (low - margin, high + margin)

    def marked(self) -> list[Point]:
        """The points that the pictures mark."""
        points = (*self.stationary.points, *self.corners.points, *self.ends.points)
        return [p for p in self._repeated(points, *self.window) if math.isfinite(p.y.value) and p.kind != "jump"]

    def terminal_plot(self, *, width: int = 80, height: int = 16) -> str:
        """The curve in Braille dots, stationary points marked ●, other extrema ◆; empty where f is nowhere defined."""
        x, y, window = self._curve(4001)
        if not np.isfinite(y).any():
            return ""
        level = {p.x.value for p in self._repeated(self.stationary.points, *self.window)}
        marks = [(p.x.value, p.y.value, "●" if p.x.value in level else "◆") for p in self.marked()]
        return figure.terminal(x, y, window, width=width, height=height, marks=marks)

    def plot(self) -> Figure:
        """f above f' where things happen, with the stationary points marked. Needs matplotlib."""
        x, y, (low, high) = self._curve(1601)
        with figure.style():
            if self.derivative:
                f, (top, bottom) = figure.new(2, 1, size=(7.0, 6.0), sharex=True, height_ratios=[2, 1])
                self._plot_slope(bottom, x)
            else:
                f, top = figure.new()
                bottom = top
            top.plot(x, _cut(y, low - 4 * (high - low), high + 4 * (high - low)), color=figure.BLUE)
            room = 0.14 * (high - low)  # for the names of the points
            top.set_ylim(low - room, high + room)
            top.set_xlim(*self.window)
            if len(str(self.function)) <= 60:
                top.set_title(f"$f({self.variable}) = {self.function.latex()}$")
            self._plot_points(top)
            top.set_ylabel(f"$f({self.variable})$")
            bottom.set_xlabel(f"${self.variable}$")
        return f

    def _plot_points(self, axes: Any) -> None:
        points = self.marked()
        for i, p in enumerate(points):
            turn = p.kind in ("maximum", "minimum")
            color = {"maximum": figure.RED, "minimum": figure.GREEN}.get(p.kind, figure.GRAY)
            axes.plot([p.x.value], [p.y.value], "o", color=color, markersize=6, zorder=5, clip_on=False)
            if len(points) > 10:  # the names would cover each other
                continue
            name = say(f"explain.{f'global_{p.kind}' if p.everywhere and turn else p.kind}", self.lang)
            above = p.kind != "minimum" if turn else i % 2 == 0
            axes.annotate(
                f"{name}\n({p.x.value:.4g}, {p.y.value:.4g})".replace("-", "−"),
                (p.x.value, p.y.value),
                xytext=(0, 9 if above else -9),
                textcoords="offset points",
                ha="center",
                va="bottom" if above else "top",
                fontsize=8.5,
                color=color,
            )

    def _plot_slope(self, axes: Any, x: np.ndarray) -> None:
        with np.errstate(all="ignore"):
            slope = self.slope(x)
        for p in self._repeated(self.corners.points, *self.window):
            slope[np.argmin(np.abs(x - p.x.value))] = np.nan  # f' jumps here: no line across
        seen = slope[np.isfinite(slope)]
        a, b = np.quantile(seen, [0.05, 0.95]) if seen.size else (-1.0, 1.0)
        axes.plot(x, _cut(slope, a - 3 * (b - a), b + 3 * (b - a)) if b > a else slope, color=figure.ORANGE)
        axes.axhline(0, color=figure.GRAY, linewidth=1)
        level = [p.x.value for p in self._repeated(self.stationary.points, *self.window)]
        axes.plot(level, np.zeros(len(level)), "o", color=figure.GRAY, markersize=5, zorder=5)
        axes.set_ylabel(f"$f'({self.variable})$")

    def save(self, path: str | Path) -> Path:
        """Write the figure as PNG, SVG or PDF, as the file's ending says."""
        return figure.save(self.plot(), path)

    # -- data --------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON-able data; formulas as text of the grammar, infinities as "oo" and "-oo"."""
        number = lambda n: {"exact": n.exact and str(n.exact), "value": _plain(n.value)}
        formula = lambda e: None if e is None else str(e)
        chart = lambda signs: [[number(a), number(b), s] for a, b, s in signs]

        def listing(found: Listing) -> dict[str, Any]:
            points = [
                {"x": number(p.x), "y": number(p.y), "kind": p.kind, "proved": p.proved, "global": p.everywhere}
                | ({"slopes": [number(s) for s in p.slopes]} if p.slopes else {})
                for p in found.points
            ]
            return {
                "points": points,
                "proved": found.proved,
                "everywhere": [[number(a), number(b)] for a, b in found.flat],
            }

        extent = lambda found: {"state": found[0], "value": found[1] and number(found[1])}
        return {
            "function": str(self.function),
            "variable": self.variable,
            "interval": self.interval,
            "domain": None if self.domain is None else [[number(a), number(b), lo, ro] for a, b, lo, ro in self.domain],
            "period": self.period and number(self.period),
            "derivative": formula(self.derivative),
            "factored": formula(self.factored),
            "second": formula(self.second),
            "antiderivative": formula(self.antiderivative),
            "stationary": listing(self.stationary),
            "corners": listing(self.corners),
            "ends": listing(self.ends),
            "inflections": listing(self.inflections),
            "roots": listing(self.roots),
            "limits": None if self.limits is None else [[number(a), number(v)] for a, v in self.limits],
            "monotone": chart(self.monotone),
            "curvature": chart(self.curvature),
            "highest": extent(self.highest),
            "lowest": extent(self.lowest),
            "window": self.window,
            "verdicts": {k: v.value for k, v in self.known.items()},
            "unsolved": dict(self.unsolved),
            "verdict": self.verdict.value,
            "cost": dict(self.cost),
        }

    def to_json(self) -> str:
        """`to_dict` as JSON text."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=2)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left;vertical-align:top'>{html.escape(label)}</th>"
            f"<td style='vertical-align:top'>{'' if v is None else '✓' if v is Verdict.PROVED else '?'}</td>"
            f"<td style='text-align:left'>{'<br>'.join(map(html.escape, lines))}</td></tr>"
            for label, lines, v in self.rows()
        )
        title = html.escape(f"f({self.variable}) = {self.function.pretty()}")
        return (
            f"<div><h4>{title}</h4><table>{rows}</table>{figure.svg(self.plot()) if figure.available() else ''}</div>"
        )


def _intervals(pairs: Iterable[tuple[Number, Number]]) -> str:
    return ", ".join(f"({a.short()}, {b.short()})" for a, b in pairs)


def _cut(y: np.ndarray, low: float, high: float) -> np.ndarray:
    """NaN outside the limits, so that no line is drawn across a pole."""
    return np.where((y >= low) & (y <= high), y, np.nan)


def _plain(v: float) -> float | str:
    return v if math.isfinite(v) else "oo" if v > 0 else "-oo" if v < 0 else "nan"


def _cells(text: str) -> int:
    """Columns a text takes in a terminal."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _nice(step: float) -> float:
    """The next 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(k * power for k in (1, 2, 5, 10) if k * power >= step * (1 - 1e-9))
