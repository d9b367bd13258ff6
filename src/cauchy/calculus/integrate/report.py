"""What the results of this folder share: sentences in two languages."""

from __future__ import annotations

import html
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ... import figure
from ...messages import say
from ...proof import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Note:
    """A sentence of the catalog with its numbers filled in, in whichever language is asked for."""

    def __init__(self, entry: str, **fields: Any) -> None:
        self.entry = entry
        self.fields = {k: f"{v:.6g}" if isinstance(v, float) else v for k, v in fields.items()}

    def text(self, lang: str | None = None) -> str:
        fields = dict(self.fields)
        if "rule" in fields:
            fields["rule"] = say(f"integrate.rule_{fields['rule']}", lang)
        return say(f"integrate.{self.entry}", lang, **fields)

    def __repr__(self) -> str:
        return self.text("en")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Note) and (self.entry, self.fields) == (other.entry, other.fields)

    def __hash__(self) -> int:
        return hash((self.entry, tuple(self.fields.items())))


@dataclass(frozen=True, kw_only=True)
class Told(Result):
    """A result that tells itself in sentences."""

    def text(self, lang: str | None = None) -> str:
        """The report in English ("en") or Chinese ("zh"); by default in the user's language."""
        raise NotImplementedError

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.text())}</pre>"


def lines(*parts: str | None) -> str:
    return "\n  ".join(p for p in parts if p)


def short(value: Any) -> str:
    """A number with all its digits, an array with a few."""
    return repr(value) if isinstance(value, float) else str(value)


@contextmanager
def drawing(ax: Axes | None) -> Iterator[Axes]:
    """The axes given, or those of a new figure, in the project's style."""
    with figure.style():
        yield figure.new()[1] if ax is None else ax
