"""A laid out graph as one self-contained SVG that reads on light and dark paper."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from .layout import Box, Layout, place

HEIGHT = 34.0  # of every box
LINE = 16.0  # of a label
TAIL = 10.0  # below the labels, before an edge may turn
MARGIN = 20.0
NEAR, FAR = 38.0, 96.0  # between rows

SANS = "'Inter','Segoe UI','Helvetica Neue',Arial,'Noto Sans','Noto Sans CJK SC','Microsoft YaHei',sans-serif"
SERIF = "'STIX Two Text','Cambria','Times New Roman','DejaVu Serif','Noto Serif CJK SC',serif"
MONO = "'SF Mono','Menlo','Consolas','DejaVu Sans Mono','Noto Sans Mono CJK SC',monospace"

# what each class looks like on light and on dark paper: properties that renderers without CSS variables know too
COLORS = {
    "paper": ("fill:#ffffff", "fill:#15181d"),
    "input rect": ("fill:#e3effd;stroke:#2f6fbf", "fill:#17304d;stroke:#6aa9f0"),
    "input text": ("fill:#173a66", "fill:#d3e6ff"),
    "constant rect": ("fill:#f4f4f2;stroke:#b9b8b2", "fill:#23262b;stroke:#5d6168"),
    "constant text": ("fill:#55544f", "fill:#b9bcc2"),
    "operation rect": ("fill:#ffffff;stroke:#4a4a48", "fill:#1f242b;stroke:#a9aeb6"),
    "operation text": ("fill:#1c1c1a", "fill:#f0f1f3"),
    "output rect": ("fill:#e2f3e4;stroke:#3b8a4a", "fill:#17361f;stroke:#6fc283"),
    "output text": ("fill:#1c4f28", "fill:#d0f2d8"),
    "edge": ("stroke:#8b8a85", "stroke:#7d828a"),
    "arrow": ("fill:#6f6e69", "fill:#969ba3"),
    "value": ("fill:#1a5fa8", "fill:#7fb8f5"),
    "adjoint": ("fill:#b4470c", "fill:#f2a06a"),
    "order": ("fill:#85847e", "fill:#8b9098"),
    "note": ("fill:#6b6a65", "fill:#9a9fa7"),
}


@dataclass(frozen=True)
class Item:
    """A box of the picture: its kind (input, constant, operation, output), text, and the lines beside its stem."""

    kind: str
    text: str
    labels: tuple[tuple[str, str], ...] = ()  # (class, text)
    hint: str = ""

    @property
    def width(self) -> float:
        size = width(self.text, 17.0 if self.kind in ("input", "output") or len(self.text) < 3 else 14.0)
        return max(HEIGHT, size + (20.0 if self.kind != "constant" else 14.0))

    @property
    def box(self) -> Box:
        beside = max((8.0 + width(t, 12.5, mono=True) for _, t in self.labels), default=0.0)
        return Box(self.width / 2, max(self.width / 2, beside))


@dataclass(frozen=True)
class Edge:
    source: int
    target: int
    order: str = ""  # which operand it is, where that matters


def width(text: str, size: float, *, mono: bool = False) -> float:
    """An upper bound of the width of a text in common fonts."""
    return sum(
        size * (1.05 if unicodedata.east_asian_width(c) in "WF" else 0.63 if mono or not c.isupper() else 0.78)
        for c in text
    )


@dataclass(frozen=True)
class Picture:
    """Where everything is: for each item its corner (x, y), and the rows' tops and bottoms."""

    items: Sequence[Item]
    edges: Sequence[Edge]
    layout: Layout
    tops: list[float]
    ends: list[float]
    shift: float
    size: tuple[float, float]

    def box(self, i: int) -> tuple[float, float, float, float]:
        """Left, top, width and height of the box of an item."""
        w = self.items[i].width
        return self.x(i) - w / 2, self.tops[self.layout.row[i]], w, HEIGHT

    def label(self, i: int) -> tuple[float, float, float, float]:
        """The same for the labels beside its stem."""
        item = self.items[i]
        return self.x(i), self.box(i)[1] + HEIGHT, item.box.right, LINE * len(item.labels)

    def x(self, i: int) -> float:
        return self.layout.x[i] + self.shift

    def stem(self, i: int) -> float:
        """The height at which the edges of an item may turn."""
        return self.ends[self.layout.row[i]]


def compose(items: Sequence[Item], edges: Sequence[Edge], note: str = "") -> Picture:
    """Lay the picture out; items are listed so that edges go from earlier to later ones."""
    layout = place([i.box for i in items], [(e.source, e.target) for e in edges])
    rows = max(layout.row, default=-1) + 1
    steep = [0.0] * (rows + 1)
    for e, joints in zip(edges, layout.joints, strict=True):
        points = [(layout.x[e.source], layout.row[e.source]), *joints, (layout.x[e.target], layout.row[e.target])]
        for (x0, r), (x1, _) in pairwise(points):
            steep[r] = max(steep[r], abs(x1 - x0))
    tops, ends, y = [], [], MARGIN
    for r in range(rows):
        labels = max((len(i.labels) for i, at in zip(items, layout.row, strict=True) if at == r), default=0)
        tops.append(y)
        ends.append(y + HEIGHT + (LINE * labels + TAIL if labels else 0.0))
        y = ends[-1] + min(FAR, max(NEAR, 0.22 * steep[r]))
    lefts = [x - i.box.left for x, i in zip(layout.x, items, strict=True)] + [
        x - 8.0 for j in layout.joints for x, _ in j
    ]
    rights = [x + i.box.right for x, i in zip(layout.x, items, strict=True)] + [
        x + 8.0 for j in layout.joints for x, _ in j
    ]
    left, right = min(lefts, default=0.0), max(rights, default=0.0)
    below = MARGIN + (LINE + 8.0 if note else 0.0)
    across = max(right - left, width(note, 12.5)) + 2 * MARGIN
    return Picture(items, edges, layout, tops, ends, MARGIN - left, (across, (ends[-1] if ends else MARGIN) + below))


# -- drawing -------------------------------------------------------------------------------------------


def _n(x: float) -> str:
    return f"{x:.1f}".removesuffix(".0").replace("-0", "0") if abs(x) < 0.05 else f"{x:.1f}".removesuffix(".0")


def _points(*values: float) -> str:
    return " ".join(map(_n, values))


def draw(picture: Picture, title: str, description: str, note: str = "") -> str:
    """The SVG text."""
    w, h = picture.size
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="cauchy-graph" role="img" width="{_n(w)}" height="{_n(h)}" '
        f'viewBox="0 0 {_n(w)} {_n(h)}" aria-label="{escape(title)}">',
        f"<title>{escape(title)}</title>",
        f"<desc>{escape(description)}</desc>",
        f"<style>{_style()}</style>",
        f'<rect class="paper" width="{_n(w)}" height="{_n(h)}" rx="6"/>',
        '<g class="edges">',
    ]
    copies: dict[tuple[int, int], int] = {}
    sides = _sides(picture)
    for i, (e, joints) in enumerate(zip(picture.edges, picture.layout.joints, strict=True)):
        k = copies[e.source, e.target] = copies.get((e.source, e.target), -1) + 1
        many = sum((f.source, f.target) == (e.source, e.target) for f in picture.edges)
        out += _edge(picture, e, joints, (k - (many - 1) / 2) * 18.0, sides.get(i, 0))
    out.append("</g>")
    for i in range(len(picture.items)):
        out += _item(picture, i)
    if note:
        out.append(f'<text class="note" x="{_n(MARGIN)}" y="{_n(h - MARGIN + 2)}">{escape(note)}</text>')
    return "\n".join([*out, "</svg>"]) + "\n"


def _style() -> str:
    def rules(which: int) -> str:
        return "".join(f".cauchy-graph .{name}{{{pair[which]}}}" for name, pair in COLORS.items())

    fixed = (
        f".cauchy-graph text{{font-family:{SANS};font-size:14px}}"
        ".cauchy-graph .edge{fill:none;stroke-width:1.4}.cauchy-graph rect{stroke-width:1.3}"
        ".cauchy-graph .box text{text-anchor:middle}.cauchy-graph .sign text{font-size:17px}"
        f".cauchy-graph .input text,.cauchy-graph .output text{{font-family:{SERIF};font-style:italic;font-size:17px}}"
        f".cauchy-graph .value,.cauchy-graph .adjoint{{font-family:{MONO};font-size:12.5px}}"
        ".cauchy-graph .order{font-size:10px}.cauchy-graph .note{font-size:12.5px}"
        ".cauchy-graph .paper{stroke:none}.cauchy-graph .constant rect{stroke-dasharray:3 2.5}"
    )
    return f"{fixed}{rules(0)}@media (prefers-color-scheme:dark){{{rules(1)}}}"


def _item(picture: Picture, i: int) -> Iterable[str]:
    item, (left, top, w, h) = picture.items[i], picture.box(i)
    round_ = {"constant": 5.0, "operation": h / 2 if len(item.text) < 3 else 9.0}.get(item.kind, h / 2)
    size = 17.0 if item.kind in ("input", "output") or len(item.text) < 3 else 14.0
    yield f'<g class="box {item.kind}{" sign" if item.kind == "operation" and len(item.text) < 3 else ""}">'
    if item.hint:
        yield f"<title>{escape(item.hint)}</title>"
    yield f'<rect x="{_n(left)}" y="{_n(top)}" width="{_n(w)}" height="{_n(h)}" rx="{_n(round_)}"/>'
    yield f'<text x="{_n(left + w / 2)}" y="{_n(top + h / 2 + 0.35 * size)}">{escape(item.text)}</text></g>'
    x, y = picture.x(i) + 7.0, top + h
    for k, (kind, text) in enumerate(item.labels):
        yield f'<text class="{kind}" x="{_n(x)}" y="{_n(y + LINE * (k + 1) - 2.0)}">{escape(text)}</text>'


def _sides(picture: Picture) -> dict[int, int]:
    """Where the numbers of operands stand: -1 left of the arrow, 1 right of it. None from left to right."""
    arriving: dict[int, list[int]] = {}
    for i, e in enumerate(picture.edges):
        if e.order:
            arriving.setdefault(e.target, []).append(i)
    last = [
        (j[-1][0] if j else picture.layout.x[e.source])
        for e, j in zip(picture.edges, picture.layout.joints, strict=True)
    ]
    sides = dict[int, int]()
    for edges in arriving.values():
        from_left = sorted(edges, key=last.__getitem__)
        if from_left != edges:
            sides |= dict.fromkeys(edges, 1) | {from_left[0]: -1}
    return sides


def _edge(picture: Picture, e: Edge, joints: list[tuple[float, int]], aside: float, side: int) -> Iterable[str]:
    """One stroke from below the source to the rim of the target, and the head of the arrow."""
    x, y = picture.x(e.source), picture.stem(e.source)
    path = [f"M{_points(x, picture.tops[picture.layout.row[e.source]] + HEIGHT)}", f"V{_n(y)}"]
    for joint, r in joints:
        path += [_curve(x, y, joint + picture.shift, picture.tops[r]), f"V{_n(picture.ends[r])}"]
        x, y = joint + picture.shift, picture.ends[r]
    left, top, w, h = picture.box(e.target)
    center, round_ = left + w / 2, w <= h + 1.0
    lean = max(
        -0.6, min(0.6, (x - center + 2.2 * aside) / (2.2 * (top - y)))
    )  # of the last stretch: 0 is straight down
    lean += aside / 40.0
    if round_:
        norm = math.hypot(lean, 1.0)
        end = center + h / 2 * lean / norm, top + h / 2 - h / 2 / norm
    else:
        end = center + max(-w / 2 + 12.0, min(w / 2 - 12.0, lean * h / 2)), top
    tip = 7.5
    norm = math.hypot(lean, 1.0)
    dx, dy = -lean / norm, 1.0 / norm  # the direction in which it arrives
    foot = end[0] - tip * dx, end[1] - tip * dy
    reach = 0.45 * (foot[1] - y)
    path.append(f"C{_points(x + aside, y + reach, foot[0] - reach * dx / dy, foot[1] - reach, *foot)}")
    yield f'<path class="edge" d="{"".join(path)}"/>'
    wing = 3.6
    head = (end[0], end[1], foot[0] - wing * dy, foot[1] + wing * dx, foot[0] + wing * dy, foot[1] - wing * dx)
    yield f'<path class="arrow" d="M{_points(*head[:2])}L{_points(*head[2:4])}L{_points(*head[4:])}Z"/>'
    if side:
        x, y = end[0] + (7.0 if side > 0 else -13.0), end[1] + (3.0 if round_ else -3.0)
        yield f'<text class="order" x="{_n(x)}" y="{_n(y)}">{e.order}</text>'


def _curve(x0: float, y0: float, x1: float, y1: float) -> str:
    if abs(x1 - x0) < 0.05:
        return f"V{_n(y1)}"
    mid = (y0 + y1) / 2
    return f"C{_points(x0, mid, x1, mid, x1, y1)}"
