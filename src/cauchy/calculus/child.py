"""SymPy in a child process, so that an answer that never comes costs a bounded time."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

COMMAND = "import sys; sys.path[:0] = {path!r}; from {room} import serve; serve()"
_START_SECONDS, _REQUESTS, _LATE = 60.0, 100, 3


def ask(request: dict[str, Any], questions: Sequence[str], seconds: float) -> dict[str, dict[str, Any]]:
    """Put questions to SymPy in a child process; each gets `seconds`, then that child is ended.

    After three late answers the rest is not asked. A child that answered everything is kept for the
    next call. Returns per question {"answer": ...}
    or {"unsolved": reason}.
    """
    answers: dict[str, dict[str, Any]] = {}
    late = 0
    while remaining := [q for q in questions if q not in answers]:
        if late == _LATE:
            return answers | {q: {"unsolved": "not asked: SymPy was late too often"} for q in remaining}
        child = Child.get("cauchy.calculus.symbolic")
        if child is None:
            return answers | {q: {"unsolved": "SymPy could not be started"} for q in remaining}
        child.write(request | {"questions": remaining})
        for question in remaining:
            line = child.next(seconds)
            if not line:
                late += line is None
                answers[question] = {"unsolved": "SymPy gave up" if line == "" else f"no answer within {seconds:g} s"}
                child.end()
                break
            answers[question] = json.loads(line)
        else:
            child.put_back()
    return answers


class Child:
    """A child process that answers requests, a line of JSON each, by the function `serve` of a module of ours.

    It says a first line when it is ready, and ends with us: its input closes.
    """

    idle: ClassVar[list[Child]] = []
    lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, room: str) -> None:
        self.room = room
        command = [sys.executable, "-c", COMMAND.format(path=[str(Path(__file__).parents[2])], room=room)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8",
            env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        )  # fmt: skip
        self.owner, self.served = os.getpid(), 0
        self.lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    @classmethod
    def get(cls, room: str) -> Child | None:
        """An idle child of this process, or a new one; None when none starts."""
        with cls.lock:
            cls.idle[:] = [c for c in cls.idle if c.owner == os.getpid() and c.process.poll() is None]
            for child in cls.idle:
                if child.room == room:
                    cls.idle.remove(child)
                    return child
        child = cls(room)
        if child.next(_START_SECONDS):
            return child
        child.end()
        return None

    def put_back(self) -> None:
        self.served += 1
        with self.lock:
            keep = self.served < _REQUESTS and all(c.room != self.room for c in self.idle)
            if keep:
                self.idle.append(self)
        if not keep:
            self.end()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put("")

    def write(self, request: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # then `next` says that it has ended
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()

    def next(self, seconds: float) -> str | None:
        """The next line; "" when the child has ended, None when it is late."""
        try:
            return self.lines.get(timeout=seconds)
        except queue.Empty:
            return None

    def end(self) -> None:
        """Leave nothing behind."""
        self.process.kill()
        self.process.wait()
        self.reader.join()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


@atexit.register
def end_idle() -> None:
    while Child.idle:
        child = Child.idle.pop()
        if child.owner == os.getpid():
            child.end()
