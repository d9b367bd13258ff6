"""How the program uses its functions: what it feeds a claim, whether a claim takes differences, what docstrings say."""

from __future__ import annotations

import inspect
import itertools
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from .binding import bindings
from .discover import Claim, code_of
from .evidence import Bench, Unusable, call, numbers, output, places
from .record import Recorder, digest, resolved, single_to_double


def _outputs(pair: Claim, recorder: Recorder) -> set[bytes]:
    found = set()
    for c in recorder.history(code_of(pair.value)).calls:
        if pair.owner is None:
            try:
                out = numbers(output(call(pair.value, c.arguments))[0])
            except Unusable:
                continue
            if out.size > 1:
                found |= {digest(out), digest(out.astype(np.float32))}
    return found


def fed_with_output(pair: Claim, recorder: Recorder) -> bool:
    """Whether the program passes results of the function to the claim, as in `dsigmoid(sigmoid(z))`."""
    return bool(recorder.history(code_of(pair.claim)).digests & _outputs(pair, recorder))


def fed_with_input(pair: Claim, recorder: Recorder) -> bool:
    """... or, on the contrary, the very arrays that the function itself got, and never a result."""
    mine = recorder.history(code_of(pair.claim)).digests
    return bool(mine & recorder.history(code_of(pair.value)).digests) and not mine & _outputs(pair, recorder)


def is_difference(pair: Claim, bench: Bench, outer: Recorder) -> bool:
    """Whether the claim itself calls the function at points beside x: a difference quotient, not a formula."""
    code = code_of(pair.value)
    with Recorder(outer.belongs) as watch:
        for binding, _, _ in itertools.islice(bindings(pair, bench.at), 1):
            try:
                bench.claim(binding)
            except Unusable:
                continue
    here = [
        np.ravel(np.asarray(v, dtype=float)) for n in bench.at.arguments for _, v in places(bench.at.arguments[n], (n,))
    ]
    for c in watch.history(code).calls:
        for name in c.arguments:
            for _, v in places(c.arguments[name], (name,)):
                now = np.ravel(np.asarray(v, dtype=float))
                if not any(
                    h.shape == now.shape and np.array_equal(np.abs(h), np.abs(now), equal_nan=True) for h in here
                ):
                    return True
    return False


_MEAN = re.compile(r"\b(mean|averaged?)\b|平均|均值", re.IGNORECASE)
_NOT_MEAN = re.compile(
    r"\b(sum(med|s)?|total|not|from the mean|around the mean|zero mean)\b|总和|求和|之和|不.{0,3}平均", re.IGNORECASE
)


def promise(pair: Claim, recorder: Recorder) -> dict[str, Any] | None:
    """A docstring that promises a mean, tested: with every sample twice, a mean stays and a sum doubles."""
    text = inspect.getdoc(pair.value) or ""
    said = _MEAN.search(text)
    if said is None or _NOT_MEAN.search(text) or pair.owner is not None:
        return None
    for c in recorder.history(code_of(pair.value)).calls[:3]:
        arguments = {k: single_to_double(v) for k, v in c.arguments.items()}
        verdicts = {_grows(pair.value, arguments, axis, n) for axis in (0, 1) for n in _lengths(arguments, axis)}
        if "mean" in verdicts:
            return None
        if "sum" in verdicts:
            code = code_of(pair.value)
            return {
                "function": pair.value_name,
                "file": resolved(code.co_filename) if code else "",
                "line": code.co_firstlineno if code else 0,
                "word": said.group(0),
                "samples": max(_lengths(arguments, 0) | _lengths(arguments, 1)),
            }
    return None


def _lengths(arguments: dict[str, Any], axis: int) -> set[int]:
    return {v.shape[axis] for v in arguments.values() if isinstance(v, np.ndarray) and v.ndim > axis}


def _grows(fn: Callable[..., Any], arguments: dict[str, Any], axis: int, n: int) -> str:
    def twice(v: Any) -> Any:
        return np.concatenate([v, v], axis) if isinstance(v, np.ndarray) and v.ndim > axis and v.shape[axis] == n else v

    try:
        once = numbers(output(call(fn, arguments))[0])
        both = numbers(output(call(fn, {k: twice(v) for k, v in arguments.items()}))[0])
    except Unusable:
        return ""
    if once.size != 1 or both.size != 1 or not np.isfinite(once).all() or not once.any():
        return ""
    ratio = float(both.sum() / once.sum())
    return "sum" if abs(ratio - 2) < 1e-9 else "mean" if abs(ratio - 1) < 1e-9 else ""
