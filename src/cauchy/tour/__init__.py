"""`cauchy tour`: every statement of the inventory, computed by the library itself, as one page."""

from __future__ import annotations

import argparse
import sys
import time
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


def run(ids: list[str] | None = None, *, lang: str | None = None, progress: bool = False) -> dict[str, Report]:
    """Compute the statements (all by default, in order) and return their reports by id."""
    reports: dict[str, Report] = {}
    wanted = ids or sorted(STATEMENTS)
    for k, id in enumerate(wanted):
        if progress:
            _bar(k, len(wanted), id)
        reports[id] = STATEMENTS[id].run(lang)
    if progress:
        _bar(len(wanted), len(wanted), "")
        print(file=sys.stderr)
    return reports


def _bar(done: int, total: int, id: str) -> None:
    width = 40
    full = width * done // max(total, 1)
    print(f"\r[{'█' * full}{'·' * (width - full)}] {done:3d}/{total} {id:4s}", end="", file=sys.stderr, flush=True)


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
    reports = run(options.ids or None, lang=lang, progress=sys.stderr.isatty())
    for id, report in reports.items():
        print(f"{MARK[report.outcome]} {id}  {say(f'inventory.{id}', lang)}")
        print(f"     {say(f'tour.{report.outcome.value}', lang)}{'：' if lang == 'zh' else ': '}{report.summary()}")
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
