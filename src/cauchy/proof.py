"""Verdicts, and what every result has in common.

A *bound* is proven, an *estimate* is not. Undecided is an answer, not an error.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from .errors import NotProved


class Verdict(enum.Enum):
    """What is known about a claim: PROVED, REFUTED or UNDECIDED."""

    PROVED = "proved"
    REFUTED = "refuted"
    UNDECIDED = "undecided"

    def __bool__(self) -> bool:
        raise TypeError("a verdict has three values, not two: compare it, `result.verdict is Verdict.PROVED`")


@dataclass(frozen=True)
class Proof:
    """Why a verdict holds: the `method` in one word, the `statement` that was shown, and the `steps` to redo it.

    >>> Proof("identity", "f' - claim simplifies to 0").method
    'identity'
    """

    method: str
    statement: str
    steps: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Result:
    """The last four fields of every result; each question adds its own in front.

    `estimates` maps a name to a number that is *not* proven; `cost` counts what was spent
    (evaluations, seconds). A result is not a truth value: ask `.verdict`.
    """

    verdict: Verdict = Verdict.UNDECIDED
    proof: Proof | None = None
    estimates: Mapping[str, Any] = field(default_factory=dict)
    cost: Mapping[str, float] = field(default_factory=dict)

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if cls.__str__ is not object.__str__ and "__repr__" not in vars(cls):
            cls.__repr__ = Result._brief  # what a dataclass would write are its fields, thousands of characters long

    def _brief(self) -> str:
        """The first line of what it says."""
        return f"<{type(self).__name__}, {self.verdict.value}: {str(self).strip().partition(chr(10))[0]}>"

    def __bool__(self) -> bool:
        raise TypeError(f"a result ({type(self).__name__}) is not a truth value: ask .verdict")

    def require(self) -> Self:
        """Return the result itself if it is proved, else raise `NotProved`."""
        if self.verdict is not Verdict.PROVED:
            raise NotProved(
                f"the verdict is {self.verdict.value}, not proved", why=str(self), fix="read .verdict and .estimates"
            )
        return self
