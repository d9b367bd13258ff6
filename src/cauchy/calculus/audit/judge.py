"""The verdict on one claim: in which sense, if any, it is the derivative it is named after.

A claim is *refuted* only if its calling convention and shape are clear, it fits no meaning for any variable, and it
misses at stable points by far more than the numerical error. A pair whose names fit but whose signatures, shapes or
values do not speak of a derivative is *undecided*.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .binding import Binding, bindings, leaves, stem, stored
from .cause import cause
from .discover import Claim, code_of, parameters
from .evidence import (
    COMPONENTS,
    Bench,
    Path,
    Situation,
    Tally,
    Target,
    Unusable,
    compare,
    components,
    meanings,
    numbers,
    places,
)
from .inputs import choices, first_derivative, situations, targets
from .record import Recorder, resolved
from .usage import fed_with_input, is_difference


@dataclass
class Meaning:
    """One reading of a claim: which variable, which kind, fed with what."""

    leaf: str
    path: Path
    kind: str
    via: str  # "", "output" (fed with the function's value), or the score map
    tally: Tally = field(default_factory=Tally)
    situations: int = 0


def judge(pair: Claim, recorder: Recorder, instances: list[Any], seconds: float) -> dict[str, Any] | None:
    """The report on one claim as plain data; None for abstract methods, which claim nothing."""
    start = time.process_time()
    if any(getattr(f, "__isabstractmethod__", False) for f in (pair.value, pair.claim)):
        return None
    report = _head(pair)
    trouble: list[str] = []
    verdicts: list[dict[str, Any]] = []

    def shapes(at: Situation) -> str:
        return "recorded" if at.source == "recorded" else str([np.shape(v) for v in at.arguments.values()])

    for key, group in itertools.groupby(
        targets(pair, situations(pair, recorder, instances)), lambda t: (shapes(t[0]), t[1])
    ):
        benches = []
        for at, only in group:
            try:
                bench = Bench(pair, at, first_derivative(pair, at, only[1]) if only else None, only)
            except Unusable as problem:
                trouble.append(str(problem))
                continue
            if bench.random:
                return report | {"status": "undecided", "reason": "random", "detail": ""}
            if np.isfinite(bench.out).any():
                benches.append(bench)
            else:
                trouble.append("nan")
        if benches:
            verdict = _judge_group(pair, benches, recorder, start + seconds)
            if key[1] and verdict["status"] == "refuted" and verdict["factor"] is None and choices(benches[0].at) > 1:
                verdict |= {"status": "undecided", "reason": "guessed"}
            verdicts.append(verdict)
            if _enough(pair, verdicts):
                break
        if time.process_time() - start > seconds:
            break
    if verdicts:
        return report | _combine(verdicts)
    if trouble and all(t.startswith("NotImplementedError") for t in trouble):
        return None
    reason = "not_called" if not trouble else "nan" if set(trouble) == {"nan"} else "unusable"
    return report | {"status": "undecided", "reason": reason, "detail": next((t for t in trouble if t != "nan"), "")}


def _enough(pair: Claim, verdicts: list[dict[str, Any]]) -> bool:
    """Recorded inputs settle it, except for one-argument functions that still look right; so does a fitting shape."""
    last = verdicts[-1]
    if last["reason"] == "inapplicable":
        return False
    if last["inputs"] == "recorded":
        if pair.order == 2 and last["status"] != "agrees":
            return False
        return not _simple(pair) or (last["status"] != "agrees" and last.get("compared", 0) >= 3)
    if sum(v.get("factor") is not None for v in verdicts) > 1:
        return True
    tried = sum(v["inputs"] == "generated" and v["reason"] != "inapplicable" for v in verdicts)
    return last["status"] == "agrees" or (tried > 1 and len(parameters(pair.value)) == 1)


def _head(pair: Claim) -> dict[str, Any]:
    code = code_of(pair.claim)
    value, claim = pair.label
    return {
        "value": value,
        "claim": claim,
        "order": pair.order,
        "how": pair.how,
        "file": resolved(code.co_filename) if code else "",
        "line": code.co_firstlineno if code else 0,
    }


def _simple(pair: Claim) -> bool:
    """One argument: then generated inputs mean the same as the program's own, and may add to them."""
    return len(parameters(pair.value)) == 1 and pair.owner is None


def _combine(verdicts: list[dict[str, Any]]) -> dict[str, Any]:
    """Recorded inputs decide; among several variables or generated shapes, one in which the claim fits is enough."""
    usable = [v for v in verdicts if v["reason"] != "inapplicable"] or verdicts
    recorded = [v for v in usable if v["inputs"] == "recorded"]
    generated = [v for v in usable if v["inputs"] == "generated"]

    def best(some: list[dict[str, Any]]) -> dict[str, Any] | None:
        return min(some, key=lambda v: (_RANK[v["status"]], v.get("factor") is None), default=None)

    first, second = best(recorded), best(generated)
    if first is None or second is None:
        return first or second or verdicts[0]
    if second["status"] == "refuted" and (first["status"] == "agrees" or second["factor"] is not None):
        return second
    return first


def _judge_group(pair: Claim, benches: list[Bench], recorder: Recorder, end: float) -> dict[str, Any]:
    """All situations of one kind together: every meaning is tallied over all of them."""
    table: dict[tuple[str, ...], Meaning] = {}
    families: dict[str, dict[tuple[str, ...], Tally]] = {}
    doubts: set[str] = set()
    trouble, usable = "", 0
    inputs = benches[0].at.source
    for indirect in (False, True):  # second, only if nothing fits: fed with the function's value, or in the scores
        for bench in benches:
            if time.process_time() > end and usable:
                break
            found: list[Meaning] = []
            limit = min(COMPONENTS, max(4, 16 // (len(benches) * pair.order)))
            for binding, via, doubt in bindings(pair, bench.at):
                if via and not indirect:
                    continue
                try:
                    found += _readings(_Trial(bench, binding, via, indirect, limit, _settled(table)))
                except Unusable as problem:
                    trouble = trouble or str(problem)
                    continue
                doubts |= {doubt} if doubt else set()
            for new in found:
                id_ = (new.leaf, str(new.path), new.kind, new.via)
                table.setdefault(id_, Meaning(new.leaf, new.path, new.kind, new.via)).tally.add(new.tally)
                table[id_].situations += 1
                families.setdefault(bench.at.family, {}).setdefault(id_, Tally()).add(new.tally)
            usable += bool(found) and not indirect
        if {m.leaf for m in table.values()} == {m.leaf for m in table.values() if m.tally.fits()}:
            break
    if not usable:
        reason = "returns" if trouble == "None" else "unusable" if trouble else "shape"
        return {
            "status": "undecided",
            "reason": "inapplicable" if inputs == "generated" else reason,
            "detail": trouble,
            "inputs": inputs,
        }
    difference = is_difference(pair, benches[0], recorder)
    parts = []
    for leaf in dict.fromkeys(m.leaf for m in table.values()):
        most = max(m.situations for m in table.values() if m.leaf == leaf)
        mine = {i: m for i, m in table.items() if m.leaf == leaf and m.situations >= 0.7 * most}
        parts.append(_decide(pair, leaf, mine, families, benches, recorder, difference, doubts, inputs))
    split = [p for p in parts if p["leaf"].isdigit()]
    whole = [p for p in parts if p["leaf"] == ""]
    if whole and split:  # the same numbers, once together and once apart: whichever makes sense
        ranks = {id(ps): sorted((_RANK[p["status"]] for p in ps), reverse=True) for ps in (whole, split)}
        better = min(whole, split, key=lambda ps: (ranks[id(ps)][0], ranks[id(ps)][-1]))
        parts = better + [p for p in parts if p not in whole and p not in split]
    worst = max(parts, key=lambda p: _RANK[p["status"]])
    return worst | {"inputs": inputs, "parts": parts if len(parts) > 1 else []}


def _settled(table: dict[tuple[str, ...], Meaning]) -> set[tuple[str, Path]]:
    """Variables that need no further look: the claim misses in them and fits in another one."""
    fits = {m.leaf for m in table.values() if m.tally.fits()}
    alive = {(m.leaf, m.path) for m in table.values() if not m.tally.wrong}
    return {(m.leaf, m.path) for m in table.values() if m.leaf in fits} - alive


_RANK = {"agrees": 0, "undecided": 1, "refuted": 2}


@dataclass
class _Trial:
    """One way to call the claim in one situation."""

    bench: Bench
    binding: Binding
    via: str
    indirect: bool
    limit: int  # components of each variable
    settled: set[tuple[str, Path]]

    @property
    def product(self) -> bool:
        return any(source == "up" for source, _ in self.binding.values())


Extract = Callable[[Any, Any], np.ndarray]  # (what the claim returned, the object afterwards) -> one of its arrays


def _readings(trial: _Trial) -> Iterator[Meaning]:
    bench = trial.bench
    raw, owner = bench.claim(trial.binding)
    kept = stored(owner) if trial.product and not trial.indirect else []
    for name, value, path in kept:
        yield from _tallies(
            trial, name, path, value, lambda _, own, n=name: next(g for m, g, _ in stored(own) if m == n)
        )
    if raw is None and kept:
        return
    for taken in leaves(raw, bench):
        own = [(n, g) for n, g in taken if g.size != bench.out.size or not np.array_equal(g.ravel(), bench.out.ravel())]
        for name, g in own if own and len(taken) > 1 else taken:  # the function's value beside the gradient is no claim
            for path in _candidates(bench.pair, name, bench.variables()):
                if trial.via and path[0] == "attribute":
                    continue

                def again(raw_: Any, _: Any, name: str = name) -> np.ndarray:
                    return numbers(raw_ if not name else raw_[name if isinstance(raw_, dict) else int(name)])

                yield from _tallies(trial, name, path, g, again)


def _candidates(pair: Claim, leaf: str, variables: list[Path]) -> list[Path]:
    """The variables a result may belong to: by name where there is one, else all."""
    arguments = [p for p in variables if p[0] != "attribute"]
    if pair.argument:
        return [p for p in arguments if p[1] == pair.argument and p[0] == "argument"]
    if leaf and not leaf.isdigit():
        named = [p for p in variables if str(p[-1]) == leaf or str(p[-1]) in stem(leaf)]
        return named or arguments
    return arguments


def _tallies(trial: _Trial, leaf: str, path: Path, g: np.ndarray, again: Extract) -> Iterator[Meaning]:
    """One array of the claim against one variable, under every kind."""
    if (leaf, path) in trial.settled:
        return
    bench = trial.bench
    x = np.asarray(bench.at.get(path), dtype=np.float64)
    kinds = list(meanings(bench, x, g, trial.product))
    ks = [k for k in components(x, trial.limit) if np.isfinite(x.flat[k])]
    for kind, target in kinds if trial.via or not trial.indirect else ():

        def scatter(kind: str = kind) -> Target | None:
            moved = x * (1 + 4 * np.finfo(float).eps)
            try:
                raw, owner = bench.claim(trial.binding, path, float(moved) if not x.ndim else moved)
                return dict(meanings(bench, x, again(raw, owner), trial.product)).get(kind)
            except Unusable:
                return None

        wide = kind in ("jacobian", "jacobian_t", "batched")
        tally = compare(bench, path, ks, target, scatter, wide=wide)
        if tally.agree or tally.close or tally.wrong or tally.unstable:
            yield Meaning(leaf, path, kind, trial.via, tally)
    if trial.indirect and not trial.product and not trial.via and path[0] == "argument":
        for through in _scores(x):
            for kind, target in kinds:
                if kind in ("sum", "mean", "mean0"):
                    tally = compare(bench, path, ks[:6], target, lambda: None, through=through)
                    if tally.agree and not tally.wrong:
                        yield Meaning(leaf, path, kind, through, tally)


def _scores(x: np.ndarray) -> list[str]:
    if not ((x > 0) & (x < 1)).all():
        return []
    sums = [axis for axis in range(x.ndim) if x.shape[axis] > 1 and np.allclose(x.sum(axis=axis), 1)]
    return ["sigmoid", *(f"softmax{axis}" for axis in sums)]


_ORDER = ("vjp", "own", "sum", "jacobian", "batched", "jacobian_t", "mean", "mean0")


def _decide(
    pair: Claim, leaf: str, table: dict[tuple[str, ...], Meaning], families: dict[str, dict[tuple[str, ...], Tally]],
    benches: list[Bench], recorder: Recorder, difference: bool, doubts: set[str], inputs: str,
) -> dict[str, Any]:  # fmt: skip
    def preference(m: Meaning) -> tuple[Any, ...]:
        kind = m.kind.split("/")[0]
        diagonal = kind == "own" and not m.tally.alone
        return (
            bool(m.via),
            "/" in m.kind,
            _ORDER.index(kind) + 1.5 * diagonal,
            m.path[0] != "argument",
            -m.tally.agree,
        )

    ranked = sorted(table.values(), key=preference)
    for m in ranked:
        if m.tally.fits() and doubts and (m.tally.agree < 3 or m.tally.single):
            return _part(leaf, m, "undecided", "extra") | {"detail": ", ".join(sorted(doubts))}
        if m.tally.fits():
            misfed = m.via == "output" and inputs == "recorded" and fed_with_input(pair, recorder)
            score = m.via not in ("", "output")
            status, reason = (
                ("refuted", "fed_input") if misfed else ("undecided", "scores") if score else ("agrees", "")
            )
            return _part(leaf, m, status, reason)
    near = [m for m in ranked if m.tally.near() and not m.via]
    if near:
        return _part(leaf, near[0], "undecided", "difference" if difference else "close")
    counted = [m for m in ranked if m.tally.wrong and m.via in ("",)]
    if not counted:
        return _part(leaf, ranked[0], "undecided", "unstable")
    worst = min(
        counted,
        key=lambda m: (m.tally.factor() is None, m.tally.wrong / (m.tally.wrong + m.tally.agree), preference(m)),
    )
    if difference:
        return _part(leaf, worst, "undecided", "difference")
    constant = worst.tally.factor() is not None
    if doubts:
        return _part(leaf, worst, "undecided", "extra") | {"detail": ", ".join(sorted(doubts))}
    if not pair.strong and not constant and parameters(pair.value) != parameters(pair.claim):
        return _part(leaf, worst, "undecided", "weak")
    if inputs == "generated" and len(benches[0].at.arguments) > 1:
        if any(t.fits() for fits in families.values() for i, t in fits.items() if i in table):
            return _part(leaf, worst, "undecided", "domain")
        if not constant or _counts(worst.tally.factor(), benches):
            return _part(leaf, worst, "undecided", "guessed")
    clipped = worst.tally.flat == worst.tally.wrong and "clip" in getattr(code_of(pair.value), "co_names", ())
    if clipped:
        return _part(leaf, worst, "undecided", "clipped")
    if not constant and _implausible(worst, benches):
        return _part(leaf, worst, "undecided", "stored" if worst.path[0] == "attribute" else "shape")
    found = _part(leaf, worst, "refuted", "")
    apart = found["kind"] in ("derivative", "elementwise")
    t = worst.tally
    return found | cause(benches[0], worst.path, t.samples if apart else [], t.factor(), t.sizes)


def _counts(factor: float | None, benches: list[Bench]) -> bool:
    """Whether a factor may come from the shapes alone: a guessed vector may be taken for one sample, or for many."""
    if factor is None:
        return False
    sizes = {n for b in benches for v in b.at.arguments.values() for n in (*np.shape(v), np.size(v))} - {1}
    return any(abs(abs(factor) / t - 1) < 1e-3 for n in sizes for t in (n, 2 * n, 1 / n, 2 / n))


def _implausible(m: Meaning, benches: list[Bench]) -> bool:
    """Whether the claim may well mean something else: a number where there are arrays, or something stored."""
    at = benches[0].at
    arrays = any(np.size(v) > 1 for name in at.arguments for _, v in places(at.arguments[name], (name,)))
    return m.path[0] == "attribute" or (arrays and np.size(at.get(m.path)) == 1)


def _part(leaf: str, m: Meaning, status: str, reason: str) -> dict[str, Any]:
    t = m.tally
    factor = t.factor() if status == "refuted" else None
    kind = m.kind
    if kind == "own":
        kind = "derivative" if t.single else "elementwise" if t.alone else "diagonal"
    elif kind == "sum":
        kind = "derivative" if t.single else "gradient" if t.sizes.get("outputs") == 1 else "sum"
    miss = max(t.misses, key=lambda w: w["off"], default=None)
    return {
        "status": status,
        "reason": reason,
        "leaf": leaf,
        "kind": kind,
        "via": m.via,
        "variable": _variable(m.path),
        "factor": factor,
        "factor_name": _name_factor(factor, t.sizes),
        "compared": t.agree + t.close + t.wrong,
        "wrong": t.wrong,
        "kinks": t.kinks,
        "digits": round(t.digits, 1),
        "worst": miss,
        "unstable": len(t.unstable),
        "unstable_point": t.unstable[0] if t.unstable else None,
        "detail": "",
    }


def _variable(path: Path) -> str:
    """As the program would write it: x, params['W1'], self.W, (x, y)."""
    if path[0] == "joint":
        return f"({', '.join(path[1:])})"
    return ("self." if path[0] == "attribute" else "") + path[1] + "".join(f"[{key!r}]" for key in path[2:])


def _name_factor(factor: float | None, sizes: dict[str, int]) -> str:
    """The factor as people write it: -1, 2, 1/2, n, 1/n."""
    if factor is None:
        return ""
    for size in sizes.values():
        for sign, mark in ((1, ""), (-1, "-")):
            for times in (1, 2):
                if size > 3 and abs(factor - sign * times * size) < 1e-3 * size:
                    return f"{mark}{times if times > 1 else ''}n (n = {size})"
                if size > 3 and abs(factor * size / times - sign) < 1e-3:
                    return f"{mark}{times}/n (n = {size})"
    for p, q in itertools.product(range(1, 13), range(1, 13)):
        if abs(abs(factor) - p / q) < 1e-4 * abs(factor):
            return ("-" if factor < 0 else "") + (str(p) if q == 1 else f"{p}/{q}")
    return f"{factor:.6g}"
