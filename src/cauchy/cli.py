"""The command line: each verb is a room of its own, loaded when it is called."""

from __future__ import annotations

import importlib
import os
import sys

from .messages import say

VERBS = {
    "check": "cauchy.calculus.audit",
    "explain": "cauchy.calculus.explain",
    "tour": "cauchy.tour",
    "doctor": "cauchy.doctor",
}


def main(argv: list[str] | None = None) -> int:
    """Run `cauchy VERB ...`; the verb's own exit code, 2 for a wrong call."""
    argv = sys.argv[1:] if argv is None else argv
    if argv in (["--version"], ["-V"]):
        from . import __version__

        print(f"cauchy {__version__}")
        return 0
    if not argv or argv[0] not in VERBS:
        usage = say("cli.usage")
        asked_for_help = bool(argv) and argv[0] in ("-h", "--help", "help")
        print(usage if not argv or asked_for_help else say("cli.unknown", verb=argv[0]) + "\n\n" + usage)
        return 0 if asked_for_help else 2
    try:
        return importlib.import_module(VERBS[argv[0]]).main(argv[1:])
    except BrokenPipeError:
        # the reader went away (`cauchy ... | head`): not an error, but Python would complain at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    raise SystemExit(main())
