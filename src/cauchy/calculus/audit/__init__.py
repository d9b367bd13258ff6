"""`cauchy check`: find the hand-written derivatives of a program and say which are wrong.

The program is *run*, in a child process of its own with limits on time and memory, without display and standard input,
in its own folder. What its functions are called with is recorded; every pair of function and claimed derivative is then
compared with difference quotients at those inputs (generated ones where there are none). The verdicts rest on error
*estimates*: `refuted` means wrong by far more than the numerical error at stable points.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import html
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import DomainError
from ...messages import language, say
from ...proof import Result, Verdict
from . import report
from .discover import derivative_of, relation

__all__ = ["Audit", "audit", "derivative_of", "main"]

# The child finds this very package wherever it lies; last in its path, so that nothing of the program is shadowed.
_CHILD = f"""
import json, sys
sys.path.append({str(Path(__file__).parents[3])!r})
from cauchy.calculus.audit.child import main
main(json.loads(sys.argv[1]))
"""
JUDGING = 120.0  # seconds of processor time for all claims of one program
_SKIP = {"__pycache__", "node_modules", "site-packages", "venv", "env", "build", "dist"}


@dataclass(frozen=True, kw_only=True)
class Audit(Result):
    """What was found in some programs: plain data, one dict each (the JSON of the command line).

    The verdict is REFUTED if a claim or a promise is; else UNDECIDED, for agreement at points proves nothing.
    """

    programs: tuple[dict[str, Any], ...]

    @property
    def exit_code(self) -> int:
        """1 if something was refuted, else 2 if a program failed before anything in it could be checked, else 0."""
        if self.verdict is Verdict.REFUTED:
            return 1
        return 2 * any(p["status"] not in ("finished", "stopped") and not p["checked"] for p in self.programs)

    def text(self, lang: str | None = None) -> str:
        lang = language(lang)
        claims = [c for p in self.programs for c in p["claims"]]
        broken = sum(len(p["promises"]) for p in self.programs)
        blocks = [
            report.text(p, lang)
            for p in self.programs
            if p["claims"] or p["promises"] or p["error"] or len(self.programs) == 1
        ]
        if claims:
            counts = {s: sum(c["status"] == s for c in claims) for s in ("agrees", "refuted", "undecided")}
            blocks.append(say("audit.summary", lang, promises=broken, **counts))
        elif len(self.programs) != 1:
            blocks.append(say("audit.nothing_at_all", lang, files=len(self.programs)))
        return "\n\n".join(blocks)

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.text())}</pre>"


def audit(path: str | os.PathLike[str], *, module: bool = False, timeout: float = 60.0, memory: int = 4096) -> Audit:
    """Check the hand-written derivatives of a file, of all files of a folder, or (`module=True`) of a module by name.

    This *runs* the files: as `python FILE` would, each for at most `timeout` seconds with at most `memory` MiB. Raises
    `DomainError` if there is no such file.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "cube.py")
    ...     _ = file.write_text("def f(x): return x**3\\ndef df(x): return 6 * x**2\\nf(2.0)")
    ...     result = audit(file)
    >>> result.verdict.value, result.programs[0]["claims"][0]["factor_name"]
    ('refuted', '2')
    """
    if not timeout > 0 or memory < 64:
        raise DomainError(f"wanted timeout > 0 and memory >= 64 MiB, got {timeout} and {memory}")
    if module:
        programs = [_check(str(path), Path.cwd(), Path.cwd(), True, timeout, memory)]
    else:
        where = Path(path).resolve()
        if where.is_dir():
            files = _worth_running(where)
            programs = _merge([_check(str(f), f.parent, where, False, timeout, memory) for f in files])
        elif where.is_file():
            programs = [_check(str(where), where.parent, _project(where), False, timeout, memory)]
        else:
            raise DomainError(f"no such file or folder: {path}", fix="pass a Python file, a folder, or -m MODULE")
    refuted = any(c["status"] == "refuted" for p in programs for c in p["claims"]) or any(
        p["promises"] for p in programs
    )
    cost = {"seconds": float(sum(p["seconds"] for p in programs)), "files": float(len(programs))}
    return Audit(programs=tuple(programs), verdict=Verdict.REFUTED if refuted else Verdict.UNDECIDED, cost=cost)


def _project(file: Path) -> Path:
    """The folder whose functions are the program's own: the file's, or the outermost package around it."""
    folder = file.parent
    while (folder / "__init__.py").exists():
        folder = folder.parent
    return folder if folder == file.parent else folder / file.relative_to(folder).parts[0]


def _check(target: str, cwd: Path, root: Path, as_module: bool, timeout: float, memory: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="cauchy-") as scratch:
        result = Path(scratch) / "report.json"
        request = {
            "target": target,
            "as_module": as_module,
            "root": str(root),
            "here": str(Path.cwd()),
            "timeout": timeout,
            "judging": JUDGING,
            "memory": memory,
            "report": str(result),
        }
        env = os.environ | {"MPLBACKEND": "Agg", "PYTHONDONTWRITEBYTECODE": "1"}
        if "PYTHONPATH" in env:  # relative entries mean this folder, not the program's
            env["PYTHONPATH"] = os.pathsep.join(
                str(Path(p).resolve()) for p in env["PYTHONPATH"].split(os.pathsep) if p
            )
        for name in ("DISPLAY", "WAYLAND_DISPLAY"):
            env.pop(name, None)
        child = subprocess.Popen(
            [sys.executable, "-P", "-c", _CHILD, json.dumps(request)],
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            code: int | None = child.wait(timeout + 3 * JUDGING)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end(child)
        found = {
            "status": "timeout",
            "error": "",
            "file": None,
            "line": None,
            "seconds": timeout,
            "claims": [],
            "promises": [],
        }
        if result.exists():
            found = json.loads(result.read_text("utf-8"))
        elif code is not None:
            name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            found |= {"status": "crashed", "error": name}
    return {"path": target, "checked": len(found["claims"])} | found


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the child and whatever it started."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
    else:
        child.kill()
    child.wait()


def _worth_running(folder: Path) -> list[Path]:
    """The files that define a pair of names, and those that import such a file (their calls are its inputs)."""
    sources: dict[Path, ast.Module] = {}
    for file in sorted(folder.rglob("*.py")):
        parts = file.relative_to(folder).parts
        if any(p in _SKIP or p.startswith(".") for p in parts):
            continue
        try:
            sources[file] = ast.parse(file.read_bytes())
        except (SyntaxError, ValueError):
            if _looks_paired(_words(file.read_text("utf-8", "replace"))):
                sources[file] = ast.Module([], [])
            continue
    paired = {f for f, tree in sources.items() if _looks_paired(_names(tree))}
    stems = {f.stem for f in paired}
    return [f for f, tree in sources.items() if f in paired or stems & _imports(tree)]


def _words(source: str) -> set[str]:
    return {
        line.split("def ", 1)[1].split("(")[0].strip()
        for line in source.splitlines()
        if line.lstrip().startswith("def ")
    }


def _names(tree: ast.Module) -> set[str]:
    names = {n.name for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
    names |= {t.id for n in ast.walk(tree) if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Name)}
    decorators = {ast.unparse(d) for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) for d in n.decorator_list}
    return names | {"derivative_of" for d in decorators if "derivative_of" in d}


def _looks_paired(names: set[str]) -> bool:
    roles = {"gradient", "grad", "derivative", "deriv", "backward", "backward_pass", "prime", "derivative_of"}
    if names & roles:
        return True
    return any(
        relation(v, c) or c.startswith(f"d{v}d") or c.startswith(f"d{v}_d")
        for v in names
        for c in names
        if v != c and v
    )


def _imports(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for n in ast.walk(tree):
        if isinstance(n, ast.Import):
            found |= {part for a in n.names for part in a.name.split(".")}
        elif isinstance(n, ast.ImportFrom):
            found |= set((n.module or "").split(".")) | {a.name for a in n.names}
    return found


def _merge(programs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One verdict for each claim of a folder, whoever called it: recorded inputs first, then the worst."""

    def rank(c: dict[str, Any]) -> tuple[bool, bool]:
        return c.get("inputs") == "recorded", c["status"] == "refuted"

    best: dict[tuple[str, int, str], dict[str, Any]] = {}
    for p in programs:
        for c in p["claims"]:
            key = (c["file"], c["line"], c["claim"])
            if key not in best or rank(c) > rank(best[key]):
                best[key] = c
    home: dict[str, dict[str, Any]] = {p["path"]: p for p in programs}
    promises = {(q["file"], q["line"]): q for p in programs for q in p["promises"]}
    found_in = {id(c): p["path"] for p in programs for c in p["claims"]}
    for p in programs:
        p["claims"], p["promises"] = [], []
    for c in best.values():
        home.get(c["file"], home[found_in[id(c)]])["claims"].append(c)
    for q in promises.values():
        home.get(q["file"], programs[0])["promises"].append(q)
    return programs


def main(argv: Sequence[str] | None = None) -> int:
    """`cauchy check`: exit code 0 (nothing refuted), 1 (refuted), 2 (a program could not be checked)."""
    lang = language(next((b for a, b in _pairs(argv or sys.argv[1:]) if a == "--lang"), None))
    parser = argparse.ArgumentParser(prog="cauchy check", description=say("audit.description", lang))
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("path", nargs="?", help=say("audit.help_path", lang))
    what.add_argument("-m", dest="module", metavar="MODULE", help=say("audit.help_module", lang))
    parser.add_argument("--timeout", type=float, default=60.0, metavar="SECONDS", help=say("audit.help_timeout", lang))
    parser.add_argument("--memory", type=int, default=4096, metavar="MIB", help=say("audit.help_memory", lang))
    parser.add_argument("--json", action="store_true", help=say("audit.help_json", lang))
    parser.add_argument("--lang", choices=("en", "zh"), help=say("audit.help_lang", lang))
    options = parser.parse_args(argv)
    target = options.module or options.path
    if not options.json:
        print(
            say("audit.running", lang, target=target, timeout=f"{options.timeout:g}", memory=options.memory), flush=True
        )
    try:
        result = audit(target, module=bool(options.module), timeout=options.timeout, memory=options.memory)
    except DomainError as problem:
        print(json.dumps({"error": problem.what}) if options.json else problem, file=sys.stderr)
        return 2
    if options.json:
        print(
            json.dumps(
                {"version": 1, "exit_code": result.exit_code, "programs": result.programs}, ensure_ascii=False, indent=1
            )
        )
    else:
        print(result.text(lang))
    return result.exit_code


def _pairs(argv: Iterable[str]) -> list[tuple[str, str]]:
    words = [w for a in argv for w in a.split("=", 1)]
    return list(itertools.pairwise(words))
