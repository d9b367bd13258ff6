"""`cauchy tour`: every statement of the inventory, computed by the library itself, as one page."""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path

from ..messages import language, say
from . import statements  # the chapters register their statements
from .page import write_page
from .statement import STATEMENTS, Outcome, Report, Statement

__all__ = ["STATEMENTS", "Outcome", "Report", "Statement", "main", "run", "statements"]

MARK = {
    Outcome.PROVED: "✓",
    Outcome.AGREES: "✓",
    Outcome.REFUTED: "✗",
    Outcome.NOT_YET: "…",
    Outcome.FAILED: "!",
}
MOST_LINES = 6  # of the terminal, for what a statement computed; the page has all


def run(
    ids: list[str] | None = None,
    *,
    lang: str | None = None,
    progress: bool = False,
    each: Callable[[str, Report], None] = lambda id, report: None,
) -> dict[str, Report]:
    """Compute the statements (all by default, in order): their reports by id; `each` sees them as they come."""
    reports: dict[str, Report] = {}
    wanted = ids or sorted(STATEMENTS, key=lambda id: int(id[1:]))
    for k, id in enumerate(wanted):
        if progress:
            _bar(k, len(wanted), id)
        reports[id] = STATEMENTS[id].run(lang)
        if progress:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
        each(id, reports[id])
    return reports


def _bar(done: int, total: int, id: str) -> None:
    width = 40
    full = width * done // total
    print(f"\r[{'█' * full}{'·' * (width - full)}] {done:3d}/{total} {id:4s}", end="", file=sys.stderr, flush=True)


def told(id: str, report: Report, width: int) -> str:
    """A statement for the terminal: mark, id and claim, then the verdict and what was computed."""
    claim = wrap(f"{MARK[report.outcome]} {id:4s}  {say(f'inventory.{id}', report.lang)}", width, indent=8)
    verdict = say(f"tour.{report.outcome.value}", report.lang)
    if report.why:
        verdict += f"{'：' if report.lang == 'zh' else ': '}{report.why.replace(chr(10), ' ')}"
    lines = [line for text in (verdict, report.summary()) if text for line in wrap(" " * 8 + text, width, indent=8)]
    if len(lines) > MOST_LINES:
        lines[MOST_LINES - 1 :] = [" " * 8 + "…"]
    return "\n".join([*claim, *lines])


def wrap(text: str, width: int, *, indent: int) -> list[str]:
    """Lines of at most `width` columns, broken at spaces or beside Chinese characters; the later ones indented."""
    columns = lambda s: sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in s)
    lines, line = [], ""
    # a word, or one wide character with the punctuation that must not begin a line
    for part in re.findall(r"\s+|[\u2e80-\uffef][，。；：、！？）”]*|[^\s\u2e80-\uffef]+", text):
        rest = part
        while columns(line + rest) > width:
            if line.strip() and columns(rest) <= width - indent:
                lines.append(line.rstrip())
                line, rest = " " * indent, rest.lstrip()
            else:
                room = max(width - columns(line), 1)
                lines.append(line + rest[:room])
                line, rest = " " * indent, rest[room:]
        line += rest
    return [*lines, line.rstrip()]


def main(argv: list[str]) -> int:
    """The command: prints each statement, writes the page; exit code 1 if a statement fails."""
    parser = argparse.ArgumentParser(prog="cauchy tour", description=say("tour.description"))
    parser.add_argument("ids", nargs="*", metavar="ID", help=say("tour.help_ids"))
    parser.add_argument("--output", type=Path, default=Path("cauchy-tour.html"), help=say("tour.help_output"))
    parser.add_argument("--lang", choices=["zh", "en"], default=None, help=say("tour.help_lang"))
    options = parser.parse_args(argv)
    unknown = [i for i in options.ids if i not in STATEMENTS]
    if unknown:
        parser.error(say("tour.unknown", ids=", ".join(unknown)))
    lang = language(options.lang)
    start = time.perf_counter()
    width = min(max(shutil.get_terminal_size((100, 24)).columns, 40), 100)
    show = lambda id, report: print(told(id, report, width))
    reports = run(options.ids or None, lang=lang, progress=sys.stderr.isatty(), each=show)
    counts = {o: sum(r.outcome is o for r in reports.values()) for o in Outcome}
    seconds = time.perf_counter() - start
    write_page(options.output, reports, lang, seconds)
    print()
    print(
        say(
            "tour.total",
            lang,
            total=len(reports),
            proved=counts[Outcome.PROVED],
            agrees=counts[Outcome.AGREES],
            refuted=counts[Outcome.REFUTED],
            not_yet=counts[Outcome.NOT_YET],
            failed=counts[Outcome.FAILED],
            seconds=f"{seconds:.1f}",
        )
    )
    print(say("tour.written", lang, path=options.output))
    return 1 if counts[Outcome.FAILED] else 0
