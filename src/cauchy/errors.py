"""Everything cauchy raises.

CauchyError
 +- TraceError     (TypeError)             the Python function could not become a graph
 +- ShapeError     (ValueError)            shapes or dtypes that do not fit the question
 +- DomainError    (ValueError)            a value outside the domain where the answer is defined
 |   +- RankError, NotPositiveDefinite       ... a matrix without the property, with a witness (cauchy.linear)
 +- ParseError     (ValueError)            a text is not an expression of the grammar
 +- NoRule         (NotImplementedError)   a reading has no rule for a primitive
 |   +- Refused                            ... and says why it never will
 +- NotProved                              `.require()` was called on a result that is not proved
 +- InternalError                          a broken invariant of ours: please report it

A message says what happened, where (the user's own line), why, and what to do next;
the error carries the same four as fields.
"""

from __future__ import annotations

from typing import NamedTuple


class Site(NamedTuple):
    """A line of the user's program."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class CauchyError(Exception):
    """The root. Fields: `what`, `where` (a `Site` or None), `why`, `fix`; all but `what` may be empty."""

    def __init__(self, what: str, *, where: Site | None = None, why: str = "", fix: str = "") -> None:
        self.what, self.where, self.why, self.fix = what, where, why, fix
        lines = [f"{where}: {what}" if where else what]
        lines += [f"  why: {why}"] if why else []
        lines += [f"  do:  {fix}"] if fix else []
        super().__init__("\n".join(lines))


class TraceError(CauchyError, TypeError):
    """The Python function could not become a graph."""


class ShapeError(CauchyError, ValueError):
    """A shape or dtype that does not fit: names the argument, what was wanted and what came."""


class DomainError(CauchyError, ValueError):
    """A value outside the domain where the answer is defined."""


class ParseError(CauchyError, ValueError):
    """A text is not an expression; `column` counts from 1."""

    def __init__(self, what: str, *, column: int, why: str = "", fix: str = "") -> None:
        self.column = column
        super().__init__(what, why=why, fix=fix)


class NoRule(CauchyError, NotImplementedError):
    """A reading has no rule for a primitive."""

    def __init__(
        self, reading: str, primitive: object, why: str = "no rule yet", *, where: Site | None = None, fix: str = ""
    ) -> None:
        self.reading, self.primitive = reading, primitive
        super().__init__(f"cannot {reading} `{primitive}`", where=where, why=why, fix=fix)


class Refused(NoRule):
    """A reading will never have this rule, and says why."""


class NotProved(CauchyError):
    """`.require()` was called on a result whose verdict is not PROVED."""


class InternalError(CauchyError):
    """A broken invariant of ours."""
