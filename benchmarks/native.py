"""Compiled derivatives against NumPy by hand, numba, JAX, torch, autograd and CasADi, on one core.

    python benchmarks/native.py [--quick] [--only NAME ...] [--sizes SIZE,...] [--no-first] [--clock cpu]
                                [--markdown PATH] [--json PATH]

Names: rosenbrock, gauss, gmm, lstm, ba, logistic, hvp, hessian, mlp; imports (what `import cauchy` costs). Sizes are
for one name: `--only gmm --sizes d5_K3,d30_K10_n500`, `--only ba --sizes 10x500x2000`. Times: medians of samples that
take turns; "x" is the median, over the rounds, of the peer's time over ours. A peer that has several ways to
write the same (layouts, modes) is given its fastest. Every result is checked first: against the value reading, against
the peers, and where ADBench has them, against golden values and reference gradients to 1e-8 in its measure
|x - y| / max(1, |x| + |y|). First calls are those of fresh processes that have compiled a trivial function before.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from _measure import CLOCKS, child_seconds, fastest, one_core, paired, ratio, text

CORE = one_core()

from _workloads import FAMILIES, Case  # noqa: E402 (after the threads are settled)

PACKAGES = ("numpy", "scipy", "llvmlite", "jax", "torch", "autograd", "casadi", "numba")


def measure(case: Case, quick: bool, clock: str) -> dict[str, Any]:
    """Checks and times of one case, as a row of the report."""
    ours = case.ours()
    ours()
    checks = [{"against": a, "error": e, "bound": b} for a, e, b in case.checks(ours())]
    contenders: dict[str, Callable[[], Any]] = {"cauchy": ours}
    if case.function is not None:
        contenders["function"] = case.function()
    missing = {}
    for name, make in case.peers.items():
        try:
            made = make()
        except ImportError as e:
            missing[name] = str(e)
            continue
        contenders[name] = fastest(made if isinstance(made, list) else [made])
    times = paired(contenders, 5 if quick else 21, 1e-3 if quick else 1e-2, clock)
    found: dict[str, Any] = {
        "family": case.family, "size": case.size, "seconds": {n: statistics.median(t) for n, t in times.items()},
        "spread": {n: [min(t), max(t)] for n, t in times.items()},
        "times faster": {n: ratio(times[n], times["cauchy"]) for n in case.peers if n in times},
        "targets": case.targets, "missing": missing, "checks": checks, "elements": case.elements,
    }  # fmt: skip
    if case.function is not None:
        found["over function"] = ratio(times["cauchy"], times["function"])
        found["slope"] = case.slope
    return found


# -- first calls and imports ---------------------------------------------------------------------------------------


def first_call(family: str, size: str, library: str, clock: str) -> float:
    """Seconds of a first call in this process, which has compiled nothing but a trivial function."""
    case = FAMILIES[family].make(size)
    if library == "cauchy":
        import cauchy

        cauchy.compile(lambda x: x + 1.0)(1.0)
    else:
        from _peers import jitted

        jitted(lambda jax: lambda x: x + 1.0, 1.0)()
    begun = CLOCKS[clock]()
    if library == "cauchy":
        case.ours()()
    else:
        made = case.peers[library]()
        call = made[0] if isinstance(made, list) else made
        call()
    return CLOCKS[clock]() - begun


def first_calls(family: str, size: str, times: int, clock: str) -> dict[str, Any]:
    seconds: dict[str, list[float]] = {"cauchy": [], "JAX": []}
    for _ in range(times):
        for library, found in seconds.items():
            command = [sys.executable, __file__, "--first", family, size, library, clock]
            run = subprocess.run(command, capture_output=True, text=True, check=False)
            if run.returncode:
                reason = run.stderr.strip().splitlines()[-1]
                if "ImportError" in reason or "ModuleNotFoundError" in reason:
                    return {"family": family, "size": size, "missing": reason}
                raise RuntimeError(run.stderr)
            found.append(float(run.stdout))
    medians = {n: statistics.median(t) for n, t in seconds.items()}
    return {"family": family, "size": size, "seconds": medians, "times faster": medians["JAX"] / medians["cauchy"]}


def imports(times: int) -> dict[str, Any]:
    codes = {"interpreter": "pass", "cauchy": "import cauchy", "numpy, scipy.linalg": "import numpy, scipy.linalg"}
    seconds: dict[str, list[float]] = {n: [] for n in codes}
    for _ in range(times):
        for name, code in codes.items():
            seconds[name].append(child_seconds(code))
    medians = {n: statistics.median(t) for n, t in seconds.items()}
    bare = medians.pop("interpreter")
    ours, theirs = (m - bare for m in medians.values())
    return {"seconds": {"cauchy": ours, "numpy, scipy.linalg": theirs}, "ratio": ours / theirs}


# -- tables --------------------------------------------------------------------------------------------------------


def rows(report: dict[str, Any]) -> list[str]:
    lines = []
    if report["rows"]:
        lines += ["| workload | size | cauchy | peers | asked | met | largest error |", "|---|---|---|---|---|---|---|"]
    for r in report["rows"]:
        per = r["elements"]
        told = (lambda s, per=per: f"{1e9 * s / per:.3g} ns/n") if per else text
        cells = [f"{n} {told(r['seconds'][n])} ({x:.3g} x)" for n, x in r["times faster"].items()]
        cells += [f"{n} – ({why})" for n, why in r["missing"].items()]
        asked = {n: t for n, t in r["targets"].items() if n in r["times faster"]}
        met = [r["times faster"][n] >= t for n, t in asked.items()]
        worst = max(r["checks"], key=lambda c: c["error"] / c["bound"])
        lines.append(
            f"| {FAMILIES[r['family']].title} | {r['size']} | {told(r['seconds']['cauchy'])} | {'; '.join(cells)} | "
            f"{', '.join(f'{t:g} x {n}' for n, t in asked.items())} | {'yes' if all(met) else 'no'} | "
            f"{worst['error']:.0e} ({worst['against']}) |"
        )
    slopes = [r for r in report["rows"] if "over function" in r]
    if slopes:
        lines += ["", "| derivative / function | size | function | ratio | asked |", "|---|---|---|---|---|"]
        for r in slopes:
            asked = f"<= {r['slope']:g}" if r["slope"] else "–"
            lines.append(
                f"| {FAMILIES[r['family']].title} | {r['size']} | {text(r['seconds']['function'])} | "
                f"{r['over function']:.2f} | {asked} |"
            )
        bounded = [r["over function"] for r in slopes if r["slope"]]
        if bounded:
            lines.append(f"| median of those with a bound | | | {statistics.median(bounded):.2f} | <= 2 |")
    if report["first"]:
        lines += ["", "| first call | size | cauchy | JAX | times faster (asked: 4) |", "|---|---|---|---|---|"]
        for r in report["first"]:
            title = FAMILIES[r["family"]].title
            if "missing" in r:
                lines.append(f"| {title} | {r['size']} | | – ({r['missing']}) | |")
            else:
                s = r["seconds"]
                told = f"{text(s['cauchy'])} | {text(s['JAX'])} | {r['times faster']:.2g}"
                lines.append(f"| {title} | {r['size']} | {told} |")
    if report["imports"]:
        s = report["imports"]["seconds"]
        lines += ["", f"`import cauchy` {text(s['cauchy'])}, `import numpy, scipy.linalg` "
                  f"{text(s['numpy, scipy.linalg'])}: {report['imports']['ratio']:.2f} (asked: <= 1.5)"]  # fmt: skip
    return lines


def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "–"
    return found


def processor() -> str:
    path = Path("/proc/cpuinfo")
    names = (
        [x.split(":", 1)[1].strip() for x in path.read_text().splitlines() if x.startswith("model name")]
        if path.exists()
        else []
    )
    return names[0] if names else platform.processor()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sizes, few samples")
    parser.add_argument("--only", nargs="+", choices=[*FAMILIES, "imports"], default=[*FAMILIES, "imports"])
    parser.add_argument("--sizes", help="sizes of the one workload chosen, with commas between them")
    parser.add_argument(
        "--clock", choices=CLOCKS, default="wall", help="cpu: not disturbed by other processes, but blind to waits"
    )
    parser.add_argument("--no-first", action="store_true", help="leave out the first calls")
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--first", nargs=4, metavar=("NAME", "SIZE", "LIBRARY", "CLOCK"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.first:
        print(first_call(*options.first))
        return
    if options.sizes and len(options.only) != 1:
        parser.error("--sizes needs --only with one name")
    report: dict[str, Any] = {
        "machine": f"{processor()}, core {CORE}" if CORE is not None else processor(), "versions": versions(),
        "clock": options.clock, "rows": [], "first": [], "imports": None,
    }  # fmt: skip
    for name in (n for n in options.only if n in FAMILIES):
        family = FAMILIES[name]
        sizes = options.sizes.split(",") if options.sizes else family.sizes[: family.quick if options.quick else None]
        for size in sizes:
            report["rows"].append(measure(family.make(size), options.quick, options.clock))
            print(f"{name} {size}: done", file=sys.stderr)
            if family.first and not options.no_first:
                report["first"].append(first_calls(name, size, 1 if options.quick else 3, options.clock))
    if "imports" in options.only:
        report["imports"] = imports(5 if options.quick else 15)
    used = ", ".join(f"{n} {v}" for n, v in report["versions"].items())
    page = "\n".join([f"{report['machine']}; {used}", "", *rows(report)])
    print(page)
    if options.markdown:
        options.markdown.write_text(page + "\n")
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    wrong = [(r["family"], r["size"], c) for r in report["rows"] for c in r["checks"] if not c["error"] <= c["bound"]]
    for family, size, c in wrong:
        print(f"WRONG: {family} {size} differs from {c['against']} by {c['error']:.1e}", file=sys.stderr)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
