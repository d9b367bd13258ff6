"""What a statement of the tour is: a claim, the computation that decides it, and how it came out."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import CauchyError


class Outcome(enum.Enum):
    """PROVED: shown symbolically or exactly. AGREES: the computed numbers are the claimed ones.
    REFUTED: the source's claim is wrong, and we say why. NOT_YET: the capability comes later. FAILED: we are wrong.
    """

    PROVED = "proved"
    AGREES = "agrees"
    REFUTED = "refuted"
    NOT_YET = "not_yet"
    FAILED = "failed"


class Mismatch(CauchyError, AssertionError):
    """A computed value is not the claimed one."""


@dataclass
class Report:
    """What a statement found: a verdict, and pairs (what, value) of what was computed; figures by file name."""

    outcome: Outcome = Outcome.AGREES
    computed: list[tuple[str, str]] = field(default_factory=list)
    figures: list[Any] = field(default_factory=list)
    why: str = ""

    def show(self, what: str, value: Any) -> Any:
        """Note a computed value; returned unchanged."""
        text = np.array2string(value, precision=17, threshold=8) if isinstance(value, np.ndarray) else repr(value) if isinstance(value, float) else str(value)
        self.computed.append((what, text))
        return value

    def expect(self, what: str, got: Any, want: Any, *, rtol: float = 0.0, atol: float = 0.0) -> Any:
        """Note a computed value and hold it to the claimed one; exactly, unless a tolerance is given."""
        a, b = np.asarray(got), np.asarray(want)
        close = a.shape == b.shape and (
            np.array_equal(a, b, equal_nan=a.dtype.kind == "f" and b.dtype.kind == "f")
            if not (rtol or atol)
            else bool(np.all(np.abs(a - b) <= atol + rtol * np.abs(b)))
        )
        if not close:
            raise Mismatch(f"{what}: computed {got!r}, claimed {want!r}")
        return self.show(what, got)

    def holds(self, what: str, truth: Any) -> None:
        """Note a property and hold it to be true."""
        if not bool(truth):
            raise Mismatch(f"{what}: does not hold")
        self.computed.append((what, "✓"))

    def raises(self, what: str, kind: type[BaseException], f: Callable[[], Any]) -> BaseException:
        """Hold a call to raise; the message is noted."""
        try:
            f()
        except kind as e:
            self.show(what, str(e).splitlines()[0])
            return e
        raise Mismatch(f"{what}: nothing was raised")


Computation = Callable[[Report], Outcome | None]


@dataclass(frozen=True)
class Statement:
    """One line of the inventory: its id and the computation that decides it (None: comes later)."""

    id: str
    compute: Computation | None

    def run(self) -> Report:
        report = Report()
        if self.compute is None:
            report.outcome = Outcome.NOT_YET
            return report
        try:
            report.outcome = self.compute(report) or Outcome.AGREES
        except (CauchyError, ArithmeticError, LookupError, TypeError, ValueError) as e:
            # a page of 135 lines goes on when one of them fails; the test suite shows the traceback
            report.outcome, report.why = Outcome.FAILED, f"{type(e).__name__}: {e}"
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
        STATEMENTS[id] = Statement(id, None)
