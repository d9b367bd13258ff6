"""The child process: limits itself, runs the program, judges what it finds, writes one JSON report."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from .discover import Claim, find
from .judge import judge
from .record import Outcome, Recorder, TimeUp, deadline, resolved, run
from .usage import promise

EACH = 8.0  # seconds of processor time for one claim


def main(request: dict[str, Any]) -> None:
    _limit_memory(request["memory"])
    root = Path(request["root"])

    def belongs(filename: str) -> bool:
        path = Path(resolved(filename))
        return path.suffix == ".py" and path.is_relative_to(root) and not _FOREIGN & set(path.parts[len(root.parts) :])

    sys.path.append(request["here"])  # where packages lie that are used from a checkout, uninstalled
    recorder = Recorder(belongs)
    outcome = run(
        request["target"],
        as_module=request["as_module"],
        seconds=request["timeout"],
        belongs=belongs,
        recorder=recorder,
    )
    claims, promises = [], []
    end = time.process_time() + request["judging"]
    for pair, module in _claims(outcome, belongs):
        seconds = min(EACH, request["timeout"], end - time.process_time())
        report, promised = _judged(pair, recorder, list(vars(module).values()), seconds)
        claims += [report] if report else []
        promises += [promised] if promised and promised not in promises else []
    done = {
        "status": outcome.status,
        "error": outcome.error,
        "file": outcome.file,
        "line": outcome.line,
        "seconds": round(outcome.seconds, 3),
        "claims": claims,
        "promises": promises,
    }
    Path(request["report"]).write_text(json.dumps(_plain(done), allow_nan=False), "utf-8")


_FOREIGN = {"site-packages", ".venv", "venv", "node_modules", "__pycache__"}


def _claims(outcome: Outcome, belongs: Any) -> list[tuple[Claim, ModuleType]]:
    """The claims of the program itself and of the modules of its own folder that it imported."""
    if outcome.module is None:
        return []
    modules = [outcome.module]
    modules += [
        m for n, m in list(sys.modules.items()) if n != "__main__" and belongs(str(getattr(m, "__file__", None) or ""))
    ]
    found: dict[Any, tuple[Claim, ModuleType]] = {}
    for module in modules:
        for pair in find(vars(module), belongs):
            code = getattr(pair.claim, "__code__", None)
            place = (code.co_filename, code.co_firstlineno, code.co_qualname) if code else id(pair.claim)
            found.setdefault((place, pair.label), (pair, module))
    return list(found.values())


def _judged(
    pair: Claim, recorder: Recorder, instances: list[Any], seconds: float
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    value, claim = pair.label
    gave_up = {
        "value": value,
        "claim": claim,
        "order": pair.order,
        "how": pair.how,
        "status": "undecided",
        "detail": "",
    }
    code = getattr(pair.claim, "__code__", None)
    gave_up |= {"file": resolved(code.co_filename) if code else "", "line": code.co_firstlineno if code else 0}
    if seconds <= 0:
        return gave_up | {"reason": "time"}, None
    try:
        with np.errstate(all="ignore"), deadline(10 * seconds, 2 * seconds):
            return judge(pair, recorder, instances, seconds), promise(pair, recorder)
    except TimeUp:
        return gave_up | {"reason": "time"}, None
    except MemoryError:
        return gave_up | {"reason": "memory"}, None


def _plain(x: Any) -> Any:
    """JSON as the standard has it: no NaN, no infinity, no NumPy scalars."""
    if isinstance(x, Mapping):
        return {str(k): _plain(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return [_plain(v) for v in x]
    if isinstance(x, np.generic):
        x = x.item()
    if isinstance(x, float) and not math.isfinite(x):
        return str(x)
    return x


def _limit_memory(mebibytes: int) -> None:
    try:
        import resource
    except ImportError:
        return
    size = mebibytes * 2**20
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if hard != resource.RLIM_INFINITY:
        size = min(size, hard)
    try:
        resource.setrlimit(resource.RLIMIT_AS, (size, hard))
    except (ValueError, OSError):  # macOS refuses; the parent's time limit remains
        return
