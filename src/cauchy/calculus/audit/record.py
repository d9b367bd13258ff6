"""Run a program as `python file.py` would, while noting what its functions are called with.

The program runs in this very process, which the parent started for it alone: no display, no standard input, limits on
time and memory. A trace function sees every call of a Python function of the project; arrays are copied at the time of
the call, so that a later change in place does not change the record. Of many calls the 1st, 2nd, 4th, 8th ... are kept:
the beginning and the end of a training differ.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import importlib.util
import inspect
import signal
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

import numpy as np

KEEP = 12  # calls kept of each function
LARGEST = 2_000_000  # elements of an array that is still copied
TOTAL = 256 * 2**20  # bytes of all copies
DIGESTS = 256


class TimeUp(BaseException):
    """The time limit; not an `Exception`, so that the program's own handlers let it pass."""


@dataclass
class Call:
    """One call: parameter name -> value (arrays copied), `self` apart."""

    arguments: dict[str, Any]
    owner: Any = None


@dataclass
class History:
    """The calls of one function: how many, some of them, and the digests of the first few hundred array arguments."""

    count: int = 0
    calls: list[Call] = field(default_factory=list)
    digests: set[bytes] = field(default_factory=set)


class Recorder:
    """A context manager; inside it the history of every function whose file `belongs` grows."""

    def __init__(self, belongs: Callable[[str], bool]) -> None:
        self.belongs, self.bytes = belongs, 0
        self._known: dict[
            int, tuple[CodeType, History | None]
        ] = {}  # by identity: hashing code is slow; the reference keeps the id alive
        self._histories: dict[tuple[str, int, str], History] = {}

    def __enter__(self) -> Recorder:
        threading.settrace(self._on_call)
        sys.settrace(self._on_call)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]

    def _on_call(self, frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        known = self._known.get(id(code))
        if known is None:
            known = self._known[id(code)] = (code, self._new(code))
        if known[1] is not None and event == "call":
            self._note(known[1], frame, code)

    def _new(self, code: CodeType) -> History | None:
        skip = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
        if code.co_flags & skip or not code.co_flags & inspect.CO_NEWLOCALS or not self.belongs(code.co_filename):
            return None
        return self._histories.setdefault(_key(code), History())

    def history(self, code: CodeType | None) -> History:
        return self._histories.get(_key(code), History()) if code is not None else History()

    def _note(self, history: History, frame: FrameType, code: CodeType) -> None:
        history.count += 1
        n = history.count
        keep = (n <= 3 or n & (n - 1) == 0) and len(history.calls) < KEEP and self.bytes < TOTAL
        if not keep and len(history.digests) >= DIGESTS:
            return
        flags = bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + flags]
        values = frame.f_locals
        arguments = {name: values[name] for name in names if name in values}
        owner = arguments.pop("self", None)
        arguments.pop("cls", None)
        for value in arguments.values():
            if isinstance(value, np.ndarray) and value.size > 1 and len(history.digests) < DIGESTS:
                history.digests.add(digest(value))
        if keep:
            history.calls.append(Call({k: self.copy(v) for k, v in arguments.items()}, owner))

    def copy(self, value: Any, depth: int = 0) -> Any:
        """Arrays copied, dicts, lists and tuples of them too (to depth 3); everything else by reference."""
        if isinstance(value, np.ndarray) and value.size <= LARGEST:
            self.bytes += value.nbytes
            return value.copy()
        if depth < 3 and type(value) in (list, tuple, dict) and len(value) <= 1000:
            if isinstance(value, dict):
                return {k: self.copy(v, depth + 1) for k, v in value.items()}
            copies = [self.copy(v, depth + 1) for v in value]
            return copies if isinstance(value, list) else tuple(copies)
        return value


def _key(code: CodeType) -> tuple[str, int, str]:
    return resolved(code.co_filename), code.co_firstlineno, code.co_qualname


@functools.cache
def resolved(filename: str) -> str:
    """A file name without `..`, as left by programs that extend `sys.path`; not a file at all: as it is."""
    return str(Path(filename).resolve()) if filename.endswith(".py") else filename


def single_to_double(value: Any) -> Any:
    """float32 arrays as float64: differences need the digits, the program's arithmetic does not mind."""
    return value.astype(np.float64) if isinstance(value, np.ndarray) and value.dtype == np.float32 else value


def digest(array: np.ndarray) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(array).data.cast("B") if array.size else b"", digest_size=12).digest()


@contextlib.contextmanager
def deadline(seconds: float, processor: float | None = None) -> Iterator[None]:
    """Raise `TimeUp` here when the time (or the processor time) is over, and every second after if it was swallowed.

    Without POSIX timers (Windows) nothing happens here: the parent then ends the whole process.
    """
    if not hasattr(signal, "setitimer"):
        yield
        return

    def ring(*_: object) -> None:
        raise TimeUp

    timers = [(signal.ITIMER_REAL, signal.SIGALRM, seconds)]
    timers += [] if processor is None else [(signal.ITIMER_PROF, signal.SIGPROF, processor)]
    before = [signal.signal(number, ring) for _, number, _ in timers]
    try:
        for timer, _, limit in timers:
            signal.setitimer(timer, max(limit, 1e-3), 1.0)
        yield
    finally:
        for (timer, number, _), handler in zip(timers, before, strict=True):
            signal.setitimer(timer, 0)
            signal.signal(number, handler)


class _NoWindows:
    """Import hook: matplotlib draws into memory (Agg), and `show` and every request for another backend do nothing."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name not in ("matplotlib", "matplotlib.pyplot"):
            return None
        spec = PathFinder.find_spec(name, path)
        if spec is None or spec.loader is None:
            return spec
        load = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            load(module)
            if name == "matplotlib":
                module.use("Agg")
                module.use = lambda *_, **__: None  # type: ignore[attr-defined]
            else:
                choose = module.switch_backend
                module.switch_backend = lambda *_, **__: choose("Agg")  # type: ignore[attr-defined]
                for waits in ("show", "pause", "waitforbuttonpress", "ginput"):
                    setattr(module, waits, lambda *_, **__: None)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


@dataclass
class Outcome:
    """How the run ended: "finished", "stopped" (sys.exit), "failed", "timeout" or "unreadable" (it never started)."""

    status: str
    module: ModuleType | None = None
    error: str = ""
    line: int | None = None
    file: str | None = None
    seconds: float = 0.0


def run(target: str, *, as_module: bool, seconds: float, belongs: Callable[[str], bool], recorder: Recorder) -> Outcome:
    """Execute a file (or a module by name) as `__main__` under the recorder."""
    start = time.monotonic()
    sys.meta_path.insert(0, _NoWindows())  # type: ignore[arg-type]
    module: ModuleType | None = None
    outcome = Outcome("finished")
    try:
        with deadline(seconds):
            path, package = _locate(target, as_module)
            source = path.read_bytes()
            code = compile(source, str(path), "exec", dont_inherit=True)
            module = types.ModuleType("__main__", ast.get_docstring(ast.parse(source)))
            module.__file__, module.__package__ = str(path), package
            module.__dict__["__builtins__"] = __builtins__
            sys.modules["__main__"] = module
            sys.argv[:] = [str(path)]
            with recorder:
                exec(code, module.__dict__)
    except TimeUp as ending:
        outcome = _ending("timeout", ending, belongs)
    except SystemExit as ending:
        outcome = _ending("stopped" if ending.code in (None, 0) else "failed", ending, belongs)
        if ending.code not in (None, 0):
            outcome.error = f"sys.exit({ending.code!r})"
    except (
        BaseException
    ) as ending:  # the program may raise anything, KeyboardInterrupt included: all of it is its failure, none ours
        outcome = _ending("unreadable" if module is None else "failed", ending, belongs)
    outcome.module, outcome.seconds = module, time.monotonic() - start
    return outcome


def _locate(target: str, as_module: bool) -> tuple[Path, str]:
    """The source file and its package; `sys.path[0]` and the parent packages are set up as `python` itself does."""
    if as_module:
        sys.path.insert(0, str(Path.cwd()))
        spec = importlib.util.find_spec(target)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = importlib.util.find_spec(f"{target}.__main__") or spec
        if spec is None or not spec.origin or not spec.has_location:
            raise ModuleNotFoundError(f"No module named {target!r} with Python source")
        package = spec.parent or ""
        return Path(spec.origin), package
    path = Path(target).resolve()
    root, parts = path.parent, []
    while (root / "__init__.py").exists():  # inside a package: relative imports need its name
        parts.insert(0, root.name)
        root = root.parent
    sys.path.insert(0, str(path.parent))
    package = ".".join(parts)
    if parts:
        sys.path.insert(1, str(root))
        if any(isinstance(n, ast.ImportFrom) and n.level for n in ast.walk(ast.parse(path.read_bytes()))):
            importlib.import_module(package)
        else:
            package = ""
    return path, package


def _ending(status: str, problem: BaseException, belongs: Callable[[str], bool]) -> Outcome:
    """What was raised, and the innermost line of the program itself on the way there."""
    line = file = None
    if isinstance(problem, SyntaxError):
        line, file = problem.lineno, problem.filename
    trace = problem.__traceback__
    while trace is not None:
        if belongs(trace.tb_frame.f_code.co_filename):
            line, file = trace.tb_lineno, resolved(trace.tb_frame.f_code.co_filename)
        trace = trace.tb_next
    text = str(problem)
    return Outcome(
        status,
        error=f"{type(problem).__name__}: {text}"[:500] if text else type(problem).__name__,
        line=line,
        file=file,
    )
