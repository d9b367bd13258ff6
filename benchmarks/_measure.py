"""One core, one thread, and times that can be compared: samples of all contenders take turns."""

from __future__ import annotations

import gc
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

ONE_THREAD = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"),
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
    "JAX_ENABLE_X64": "1",
}


def one_core() -> int | None:
    """Pin this process, and what it starts, to one core; to be called before NumPy and the peers are imported."""
    if "numpy" in sys.modules:
        raise RuntimeError("NumPy has started its threads already")
    os.environ.update(ONE_THREAD)
    if not hasattr(os, "sched_setaffinity"):
        return None
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return core


CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}  # the latter of all threads, for machines with others on


def _sample(f: Callable[[], Any], times: int, clock: str = "wall") -> float:
    now = CLOCKS[clock]
    begun = now()
    for _ in range(times):
        f()
    return (now() - begun) / times


def paired(
    contenders: Mapping[str, Callable[[], Any]], rounds: int, least: float, clock: str = "wall"
) -> dict[str, list[float]]:
    """Seconds per call, `rounds` samples each of at least `least` seconds; in every round each contender has a turn."""
    times = {}
    for name, f in contenders.items():
        _sample(f, 2)  # which trace and compile
        count, took = 1, _sample(f, 1)
        while took * count < least:
            count = max(2 * count, int(least / took) if count > 8 else 0)
            took = _sample(f, count)
        times[name] = count
    found: dict[str, list[float]] = {name: [] for name in contenders}
    gc.collect()
    gc.disable()
    try:
        for r in range(rounds):
            for name in list(contenders) if r % 2 else reversed(list(contenders)):
                found[name].append(_sample(contenders[name], times[name], clock))
    finally:
        gc.enable()
    return found


def ratio(slow: list[float], fast: list[float]) -> float:
    """The median of the ratios within rounds."""
    return statistics.median(s / f for s, f in zip(slow, fast, strict=True))


def fastest(candidates: list[Callable[[], Any]]) -> Callable[[], Any]:
    """The candidate that a few calls show to be the fastest."""
    if len(candidates) == 1:
        return candidates[0]
    for f in candidates:
        f()
    return min(candidates, key=lambda f: min(_sample(f, 1) for _ in range(5)))


def child_seconds(code: str) -> float:
    """Seconds of CPU time that a fresh interpreter spends on the code."""
    used = lambda: sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    # with the bytecode files that an installed package has
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    before = used()
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    return used() - before


def text(seconds: float) -> str:
    """`12.3 us`."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= 0.9995 * scale or unit == "us":
            return f"{seconds / scale:.3g} {unit}"
    raise AssertionError
