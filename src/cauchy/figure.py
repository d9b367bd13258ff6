"""Figures: one style, Chinese glyphs on every machine, PNG and SVG; and curves for the terminal.

Matplotlib is optional and imported here alone. No pyplot, no backend, no global state.
"""

from __future__ import annotations

import importlib.util
import io
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import CauchyError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, RED, GREEN, ORANGE, GRAY = "#2563ab", "#c2362f", "#2f7d4f", "#c77700", "#6b7280"
FORMATS = ("png", "svg", "pdf")
_FONT = "Cauchy Sans SC"  # the 6763 characters of GB 2312, from Noto Sans CJK SC; see fonts/OFL.txt
_STYLE: dict[str, Any] = {
    "font.family": ["DejaVu Sans", _FONT],
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlesize": 12,
    "grid.color": "#e5e7eb",
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "mathtext.fontset": "dejavusans",
    "savefig.dpi": 150,
    "svg.fonttype": "path",
    "svg.hashsalt": "cauchy",
}


def available() -> bool:
    """Is matplotlib installed?"""
    return importlib.util.find_spec("matplotlib") is not None


@contextmanager
def style() -> Iterator[None]:
    """The project's look for every figure that is made, and drawn, inside the `with`. Needs matplotlib."""
    try:
        import matplotlib as mpl
        from matplotlib import font_manager, rcsetup
    except ImportError as e:
        raise CauchyError("a figure needs matplotlib", fix='pip install "cauchy-calculus[plot]"') from e
    if not any(font.name == _FONT for font in font_manager.fontManager.ttflist):
        with resources.as_file(resources.files("cauchy") / "fonts" / "cauchy-sans-sc.otf") as path:
            font_manager.fontManager.addfont(path)
    rc: Any = _STYLE | {"axes.prop_cycle": rcsetup.cycler(color=[BLUE, RED, GREEN, ORANGE, GRAY])}
    with mpl.rc_context(rc):
        yield


def new(
    rows: int = 1, columns: int = 1, *, size: tuple[float, float] = (7.0, 4.5), **options: Any
) -> tuple[Figure, Any]:
    """A figure and its axes (one, or an array of rows x columns); call it inside `with style():`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.subplots(rows, columns, **options)


def save(figure: Figure, path: str | Path) -> Path:
    """Write the figure as the file's ending says (png, svg, pdf); the same figure gives the same bytes."""
    path = Path(path)
    kind = path.suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        raise CauchyError(f"cannot save a figure as {path.name!r}", fix=f"end the name in one of: {', '.join(FORMATS)}")
    with style():
        figure.savefig(path, format=kind, metadata=_UNDATED.get(kind))
    return path


_UNDATED = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}


def svg(figure: Figure) -> str:
    """The figure as one <svg> element, to stand inside an HTML page."""
    out = io.StringIO()
    with style():
        figure.savefig(out, format="svg", metadata=_UNDATED["svg"])
    text = out.getvalue()
    return text[text.index("<svg") :]


# -- the terminal ----------------------------------------------------------------------------------

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # a Braille cell is 2 wide, 4 high


def terminal(
    x: np.ndarray,
    y: np.ndarray,
    window: tuple[float, float],
    *,
    width: int = 72,
    height: int = 16,
    marks: Iterable[tuple[float, float, str]] = (),
) -> str:
    """A curve in Braille dots, with the axes, the labels of both ends, and one character per mark.

    x and y have one length; values outside the vertical window and NaN leave gaps. Lines are at most
    `width` characters long (at least 24).
    """
    low, high = window
    labels = [f"{high:.4g}", f"{low:.4g}"]
    margin = max(map(len, labels)) + 2
    columns, rows = max(width, 24) - margin, max(height, 4)
    left, right = float(x[0]), float(x[-1])
    column = lambda v: (v - left) / (right - left) * (2 * columns - 1)
    row = lambda v: (high - v) / (high - low) * (4 * rows - 1)
    dots = np.zeros((rows, columns), int)
    sample = np.interp(np.arange(2 * columns), column(x), y)
    previous: float | None = None
    for i, v in enumerate(sample):
        if not math.isfinite(v) or not low <= v <= high:
            previous = None
            continue
        here = row(v)
        first, last = sorted((here, here if previous is None else (here + 3 * previous) / 4 + (here - previous) / 4))
        for r in range(round(first), round(last) + 1):
            dots[r // 4, i // 2] |= _DOTS[r % 4][i % 2]
        previous = here
    cells = [[chr(0x2800 + d) if d else " " for d in line] for line in dots]
    if low < 0 < high:
        zero = round(row(0.0)) // 4
        cells[zero] = ["┄" if c == " " else c for c in cells[zero]]
    if left < 0 < right:
        zero = round(column(0.0)) // 2
        for line in cells:
            line[zero] = "┊" if line[zero] == " " else "┼" if line[zero] == "┄" else line[zero]
    for mx, my, sign in marks:
        if left <= mx <= right and low <= my <= high:
            cells[round(row(my)) // 4][round(column(mx)) // 2] = sign
    side = [labels[0], *[""] * (rows - 2), labels[1]]
    lines = [f"{s:>{margin - 2}} │{''.join(c)}".rstrip() for s, c in zip(side, cells, strict=True)]
    ends = f"{left:.4g}", f"{right:.4g}"
    lines.append(" " * (margin - 1) + "└" + "─" * columns)
    lines.append(" " * margin + ends[0] + ends[1].rjust(columns - len(ends[0])))
    return "\n".join(lines)
