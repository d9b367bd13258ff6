"""What a statement of the tour is: a claim, the computation that decides it, and how it came out."""

from __future__ import annotations

import enum
import logging
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import figure
from ..errors import CauchyError
from ..messages import language


class Outcome(enum.Enum):
    """How a statement came out.

    PROVED: shown symbolically or exactly. AGREES: the computed numbers are the claimed ones. REFUTED: the source's
    claim is wrong, and the report says why. NOT_YET: the capability comes later. FAILED: we are wrong.
    """

    PROVED = "proved"
    AGREES = "agrees"
    REFUTED = "refuted"
    NOT_YET = "not_yet"
    FAILED = "failed"


class Mismatch(CauchyError, AssertionError):
    """A computed value is not the claimed one."""


@contextmanager
def every_glyph() -> Iterator[None]:
    """Hold what is drawn inside to have a glyph for each character. Not for several threads at once."""
    missing: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: missing.append(record.getMessage())
    log = logging.getLogger("matplotlib.mathtext")  # formulas are not warned about, but logged
    log.addHandler(handler)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message="Glyph .* missing")
            yield
    except UserWarning as e:
        raise Mismatch(f"a figure lacks a character: {e}") from e
    finally:
        log.removeHandler(handler)
    if missing:
        raise Mismatch(f"a figure lacks a character: {missing[0]}")


def written(value: Any) -> str:
    """Numbers to the last digit, long sequences abbreviated."""
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        parts = [written(v) for v in value]
        if len(parts) > 8:
            parts[2:-2] = ["…"]
        return ("({})" if isinstance(value, tuple) else "[{}]").format(", ".join(parts))
    return repr(value) if isinstance(value, float) else str(value)


@dataclass
class Report:
    """What a statement found: pairs (what, value) of what was computed, figures as SVG text, and why.

    `what` is written "English :: Chinese", or as mathematics alone where that is enough.
    """

    lang: str = "en"
    outcome: Outcome = Outcome.AGREES
    computed: list[tuple[str, str]] = field(default_factory=list)
    figures: list[str] = field(default_factory=list)  # SVG
    why: str = ""

    def say(self, en: str, zh: str) -> None:
        """A sentence of explanation, in the report's language: why a claim is refuted, what a number means."""
        sentence = zh if self.lang == "zh" else en
        self.why = f"{self.why} {sentence}".strip()

    def _note(self, what: str, text: str) -> None:
        en, _, zh = what.partition(" :: ")
        self.computed.append((zh or en if self.lang == "zh" else en, text))

    def show(self, what: str, value: Any) -> Any:
        """Note a computed value; returned unchanged."""
        self._note(what, written(value))
        return value

    def expect(self, what: str, got: Any, want: Any, *, rtol: float = 0.0, atol: float = 0.0) -> Any:
        """Note a computed value and hold it to the claimed one; exactly, unless a tolerance is given."""
        a, b = np.asarray(got), np.asarray(want)
        if a.shape != b.shape:
            close = False
        elif rtol or atol:
            close = bool(np.all(np.abs(a - b) <= atol + rtol * np.abs(b)))
        else:
            close = bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f" and b.dtype.kind == "f"))
        if not close:
            raise Mismatch(f"{what}: computed {got!r}, claimed {want!r}")
        return self.show(what, got)

    def holds(self, what: str, truth: Any) -> None:
        """Note a property and hold it to be true."""
        if not bool(truth):
            raise Mismatch(f"{what}: does not hold")
        self._note(what, "✓")

    def raises(self, what: str, kind: type[BaseException], f: Callable[[], Any]) -> None:
        """Hold a call to raise; the first line of the message is noted."""
        try:
            f()
        except kind as e:
            self.show(what, str(e).splitlines()[0])
        else:
            raise Mismatch(f"{what}: nothing was raised")

    def plot(
        self, draw: Callable[[Any, Any], object], *, size: tuple[float, float] = (7.0, 4.0), **options: Any
    ) -> Any:
        """Add a figure: `draw(figure, axes)` fills it; returns it. Without matplotlib: None, and the numbers alone."""
        if not figure.available():
            return None
        with every_glyph(), figure.style():
            made, axes = figure.new(size=size, **options)
            draw(made, axes)
            self.figures.append(figure.svg(made))
        return made

    def picture(self, plot: Callable[[], Any]) -> None:
        """Add the figure that a result draws of itself."""
        if figure.available():
            with every_glyph():
                self.figures.append(figure.svg(plot()))

    def summary(self) -> str:
        """What was computed, for the terminal."""
        named = lambda what, value: f"{what} {value}" if value == "✓" else f"{what.removesuffix(' =')}: {value}"
        return "; ".join(named(what, value) for what, value in self.computed)


Computation = Callable[[Report], Outcome | None]


@dataclass(frozen=True)
class Statement:
    """One line of the inventory: its id and the computation that decides it (None: comes later)."""

    id: str
    compute: Computation | None

    def run(self, lang: str | None = None) -> Report:
        """Compute; a failure is reported, so that the other statements still run."""
        report = Report(language(lang))
        if self.compute is None:
            report.outcome = Outcome.NOT_YET
            return report
        try:
            report.outcome = self.compute(report) or Outcome.AGREES
        except (
            CauchyError,
            ArithmeticError,
            AttributeError,
            ImportError,
            LookupError,
            OSError,
            RuntimeError,
            TypeError,
            ValueError,
        ) as e:
            report.outcome = Outcome.FAILED
            report.why = f"{type(e).__name__}: {e}"
        return report


STATEMENTS: dict[str, Statement] = {}


def statement(id: str) -> Callable[[Computation], Computation]:
    """Decorator: this decides statement `id`. It returns PROVED or REFUTED, or None for AGREES."""

    def register(compute: Computation) -> Computation:
        if id in STATEMENTS:
            raise ValueError(f"statement {id} is defined twice")
        STATEMENTS[id] = Statement(id, compute)
        return compute

    return register


def later(ids: Iterable[str]) -> None:
    """These wait for a capability to come."""
    for id in ids:
        if id in STATEMENTS:
            raise ValueError(f"statement {id} is defined twice")
        STATEMENTS[id] = Statement(id, None)
