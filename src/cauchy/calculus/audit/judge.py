"""The verdict on one claim: in which sense, if any, it is the derivative it is named after.

A claim is *refuted* only if its calling convention and shape are clear, it fits no meaning for any variable, and it misses at stable points by far
more than the numerical error. A pair whose names fit but whose signatures, shapes or values do not speak of a derivative is *undecided*.
"""

from __future__ import annotations

import inspect
import itertools
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .discover import Claim, code_of, parameters
from .evidence import (
    COMPONENTS, Bench, Path, Situation, Tally, Target, Unusable, attempt, call, compare, components, meanings, numbers, output, places,
)  # fmt: skip
from .record import Recorder, digest

_UPSTREAM = re.compile(
    r"g|v|grad.*|.*_grad(ient)?|upstream.*|delta.*|d[A-Z]\w*|d_?(out|output|y|z|a|l|o|loss|next|prev|values|h|s|e)\w*|accum\w*|cotangent|err(or)?"
)
_STEP = re.compile(r"h|dx|dt|eps|epsilon|delta_?x|step(_?size)?|tol")
_RATE = re.compile(r"lr|learning_?rate|eta|rate|alpha")
_RECORDED = 4  # situations of each pair that are used

Binding = dict[str, tuple[str, Any]]


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
    start = time.monotonic()
    if any(getattr(f, "__isabstractmethod__", False) for f in (pair.value, pair.claim)):
        return None
    report = _head(pair)
    trouble: list[str] = []
    verdicts: list[dict[str, Any]] = []

    def shapes(at: Situation) -> str:
        return "recorded" if at.source == "recorded" else str([np.shape(v) for v in at.arguments.values()])

    for _, group in itertools.groupby(_situations(pair, recorder, instances), shapes):
        benches = []
        for at in group:
            try:
                bench = Bench(pair, at, _first_derivative(pair, at) if pair.order == 2 else None)
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
            verdicts.append(_judge_group(pair, benches, recorder, start + seconds))
            if _enough(pair, verdicts):
                break
        if time.monotonic() - start > seconds:
            break
    if verdicts:
        return report | _combine(verdicts)
    if trouble and all(t.startswith("NotImplementedError") for t in trouble):
        return None
    reason = "not_called" if not trouble else "nan" if set(trouble) == {"nan"} else "unusable"
    return report | {"status": "undecided", "reason": reason, "detail": next((t for t in trouble if t != "nan"), "")}


def _enough(pair: Claim, verdicts: list[dict[str, Any]]) -> bool:
    """Recorded inputs settle it, but for one-argument functions that still look right; of generated ones, the first shape that fits does."""
    last = verdicts[-1]
    if last["reason"] == "inapplicable":
        return False
    if last["inputs"] == "recorded":
        return last["status"] != "agrees" or not _simple(pair)
    return last["status"] == "agrees" or (_simple(pair) and sum(v["status"] == "refuted" for v in verdicts) > 1)


def _head(pair: Claim) -> dict[str, Any]:
    code = code_of(pair.claim)
    value, claim = pair.label
    return {
        "value": value,
        "claim": claim,
        "order": pair.order,
        "how": pair.how,
        "file": code.co_filename if code else "",
        "line": code.co_firstlineno if code else 0,
    }


def _simple(pair: Claim) -> bool:
    """One argument: then generated inputs mean the same as the program's own, and may add to them."""
    return len(parameters(pair.value)) == 1 and pair.owner is None


def _combine(verdicts: list[dict[str, Any]]) -> dict[str, Any]:
    """Recorded inputs decide; of generated shapes, one in which the claim fits is enough."""
    usable = [v for v in verdicts if v["reason"] != "inapplicable"]
    if not usable:
        return verdicts[0]
    recorded = [v for v in usable if v["inputs"] == "recorded"]
    generated = [v for v in usable if v["inputs"] == "generated"]
    if recorded and recorded[0]["status"] != "agrees":
        return recorded[0]
    for status in ("agrees", "undecided", "refuted"):
        for v in generated:
            if v["status"] == status:
                if recorded and status != "refuted":
                    return recorded[0]
                return v
    return recorded[0]


# ------------------------------------------------------------------------------------------------ situations


def _situations(pair: Claim, recorder: Recorder, instances: list[Any]) -> Iterator[Situation]:
    names, claim_names = parameters(pair.value), parameters(pair.claim)
    calls = [(c, False) for c in recorder.history(code_of(pair.value)).calls]
    calls += [(c, True) for c in recorder.history(code_of(pair.claim)).calls]
    calls = [(c, of) for c, of in calls if pair.owner is None or c.owner is None or isinstance(c.owner, pair.owner)]
    fed = _fed_with_output(pair, recorder)
    pick = [c for c in calls if not c[1]]
    by_claim = [c for c in calls if c[1]]
    chosen = _spread(pick, _RECORDED - bool(by_claim)) + _spread(by_claim, 2)
    backward = pair.claim_name.startswith("backward")
    for recorded, of_claim in chosen:
        given = {k: _floats(v) for k, v in recorded.arguments.items()}
        if not of_claim:
            extra = next((c.arguments for c, of in reversed(calls) if of and (c.owner is recorded.owner)), {})
            yield Situation(given, recorded.owner, extra={k: _floats(v) for k, v in extra.items() if k not in names})
        elif not backward and not (fed and len(names) == 1):
            arguments = _rename(given, names, claim_names)
            yield Situation(arguments, recorded.owner, extra={k: v for k, v in given.items() if k not in names})
    owners: list[Any] = [None]
    if pair.owner is not None:
        owners = [i for i in instances if type(i) is pair.owner][:1] or [c.owner for c, _ in calls if c.owner is not None][-1:]
        if not owners:
            owners = [None] if _static(pair) else _fresh(pair.owner)
    for owner in owners:
        for arguments, family in generated(pair.value):
            yield Situation(arguments, owner, "generated", family)


def _spread(items: list[Any], count: int) -> list[Any]:
    if len(items) <= count:
        return items
    return [items[round(i)] for i in np.linspace(0, len(items) - 1, count)]


def _floats(value: Any) -> Any:
    return value.astype(np.float64) if isinstance(value, np.ndarray) and value.dtype == np.float32 else value


def _rename(given: dict[str, Any], names: list[str], claim_names: list[str]) -> dict[str, Any]:
    """The claim's arguments under the function's parameter names: equal names first, then by position."""
    out = {n: given[n] for n in names if n in given}
    left = [n for n in names if n not in given]
    spare = [n for n in claim_names if n in given and n not in names]
    if len(left) == len(spare):
        out |= {n: given[s] for n, s in zip(left, spare, strict=True)}
    return out


def _static(pair: Claim) -> bool:
    return isinstance(inspect.getattr_static(pair.owner, pair.value_name, None), (staticmethod, classmethod))


def _fresh(owner: type) -> list[Any]:
    try:
        return [attempt(owner)]
    except Unusable:
        return []


def generated(value: Callable[..., Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Inputs for a function that was never called: scalars, vectors and matrices, in (0, 1) and wider."""
    try:
        required = [
            p
            for p in inspect.signature(value).parameters.values()
            if p.name not in ("self", "cls") and p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
        ]
    except (ValueError, TypeError):
        return
    names = [p.name for p in required]
    if not names or len(names) > 4 or any(p.annotation in (int, str, bool, "int", "str", "bool") for p in required):
        return
    rng = np.random.default_rng(1823)

    def draw(shape: tuple[int, ...], family: str) -> Any:
        x = rng.uniform(0.1, 0.9, shape) if family == "unit" else rng.normal(0, 2, shape)
        return x if shape else float(x)

    same: list[tuple[int, ...]] = [(5,), (), (4, 3), (5, 1)]
    for shape in same:
        for family in ("unit", "wide"):
            for _ in range(1 if shape else 4):
                yield {n: draw(shape, family) for n in names}, family
    if len(names) > 1:
        if len(names) == 2:  # targets and probabilities, as cross-entropies want them
            p = rng.uniform(0.1, 0.9, (4, 3))
            pair = (np.eye(3)[[0, 2, 1, 0]], p / p.sum(axis=1, keepdims=True))
            yield dict(zip(names, pair, strict=True)), "probabilities"
            yield dict(zip(names, pair[::-1], strict=True)), "probabilities"
        shapes: list[tuple[int, ...]] = [(), (3,), (5,), (5, 3), (3, 1), (5, 1)]
        for combination in itertools.product(shapes, repeat=len(names)):
            if len(set(combination)) > 1 and len(names) <= 3:
                yield {n: draw(s, "unit") for n, s in zip(names, combination, strict=True)}, "mixed"


# ------------------------------------------------------------------------------------------------ second derivatives


def _first_derivative(pair: Claim, at: Situation) -> Callable[..., Any]:
    """f' as a function of f's arguments, by central differences of order six.

    For a second derivative the ladder then differentiates this; its truncation error is smooth, of relative size 1e-10 or so.
    """
    names = list(at.arguments)
    movable = [p for n in names for p, _ in places(at.arguments[n], ("argument", n))]
    if len(movable) != 1 or len(movable[0]) != 2:
        raise Unusable("a second derivative is checked for functions of one real argument")
    name = movable[0][1]
    weights = ((1, 45.0), (2, -9.0), (3, 1.0))

    def first(**arguments: Any) -> np.ndarray:
        x = np.asarray(arguments[name], dtype=np.float64)

        def f(z: np.ndarray) -> np.ndarray:
            owner_fn = pair.value if pair.owner is None else getattr(at.owner if at.owner is not None else pair.owner, pair.value_name)
            return output(call(owner_fn, arguments | {name: z if x.ndim else float(z)}))[0]

        if not x.ndim or f(x).shape == x.shape:
            h = 2.0**-7 * np.maximum(np.abs(x), 0.5)
            return np.asarray(sum(w * (f(x + k * h) - f(x - k * h)) for k, w in weights) / (60 * h))
        grad = np.zeros(x.shape)
        for index in np.ndindex(x.shape):
            step = np.zeros(x.shape)
            step[index] = h = 2.0**-7 * max(abs(x[index]), 0.5)
            terms = [w * (f(x + k * step) - f(x - k * step)) for k, w in weights]
            grad[index] = float(np.sum(terms)) / (60 * h)
        return grad

    first.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(n, inspect.Parameter.KEYWORD_ONLY) for n in names]
    )
    return first


# ------------------------------------------------------------------------------------------------ how to call the claim


def bindings(pair: Claim, at: Situation) -> Iterator[tuple[Binding, str, str | None]]:
    """Ways to feed the claim: (binding, via, doubt). `doubt` names a parameter nobody can account for."""
    names = list(at.arguments)
    signature = inspect.signature(pair.claim).parameters
    binding: Binding = {}
    left, doubt, upstream = [], None, False
    stateful = pair.owner is not None and at.owner is not None
    for name, p in signature.items():
        if name in ("self", "cls"):
            continue
        if name in names:
            binding[name] = ("argument", name)
        elif p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            continue
        else:
            left.append((name, p.default is p.empty))
    spare = [n for n in names if n not in binding]
    backward = "backward" in pair.claim_name or "bwd" in pair.claim_name
    alone = sum(needed and "cache" not in n and not _RATE.fullmatch(n) for n, needed in left) == 1
    for name, needed in left:
        if not needed:
            continue
        if "cache" in name:
            binding[name] = ("cache", None)
        elif _RATE.fullmatch(name):
            binding[name] = ("zero", None)
        elif not upstream and ((stateful and backward and alone) or (_UPSTREAM.fullmatch(name) and (backward or len(left) > len(spare)))):
            binding[name], upstream = ("up", None), True
            doubt = doubt or (None if _UPSTREAM.fullmatch(name) else name)
        elif spare and not (stateful and backward):
            binding[name] = ("argument", spare.pop(0))
        elif name in at.extra and not _STEP.fullmatch(name):
            binding[name], doubt = ("extra", name), name
        else:
            doubt = name
            binding[name] = ("extra", name) if name in at.extra else ("argument", name)
    if stateful and backward and doubt is None and any(n in names for n in binding) and not upstream:
        again = {n: ("up", None) if i == 0 else b for i, (n, b) in enumerate(binding.items())}
        yield again, "", next(iter(again))  # backward(x) called like forward(x): the name does not say it is upstream
    yield binding, "", doubt
    single = [n for n, b in binding.items() if b[0] == "argument"]
    if len(single) == 1 and not doubt:
        yield {**binding, single[0]: ("out", None)}, "output", None


def _leaves(raw: Any, bench: Bench) -> Iterator[list[tuple[str, np.ndarray]]]:
    """The arrays a claim returned, under every way to take them apart."""
    if type(raw) is dict:
        yield [(str(k), numbers(v)) for k, v in raw.items() if v is not None]
        return
    whole: list[tuple[str, np.ndarray]] = []
    try:
        whole = [("", numbers(raw))]
        yield whole
    except Unusable:
        if not isinstance(raw, (tuple, list)):
            raise
    if isinstance(raw, (tuple, list)):
        parts = []
        for i, part in enumerate(raw):
            try:
                parts.append((str(i), numbers(part)))
            except Unusable:
                continue
        if len(parts) > 1 or not whole:
            yield parts
    elif whole and whole[0][1].ndim and 1 < len(whole[0][1]) == len(bench.at.arguments):
        yield [(str(i), part) for i, part in enumerate(whole[0][1])]


def _stored(owner: Any) -> list[tuple[str, np.ndarray, Path]]:
    """Gradients that backward left in the object: dW beside W, grads["W1"] beside params["W1"], with the variable they belong to."""
    if owner is None or not hasattr(owner, "__dict__"):
        return []
    all_places = {p: np.asarray(v) for name, v in vars(owner).items() for p, v in places(v, ("attribute", name))}
    found = []
    for path, value in all_places.items():
        stem = _stem(str(path[1]))
        for other, own in all_places.items():
            if stem and other != path and str(other[1]) in stem and other[2:] == path[2:] and own.shape == value.shape:
                found.append((".".join(map(str, path[1:])), value.astype(np.float64), other))
    return found


def _stem(name: str) -> set[str]:
    stems = {m.group(1) for pattern in (r"d_?(\w+)", r"(\w+?)_?(?:grad|gradient)s?", r"grad(?:ient)?_?(\w+)") if (m := re.fullmatch(pattern, name))}
    return stems | ({"params", "parameters", "weights"} if re.fullmatch(r"grads|gradients", name) else set())


# ------------------------------------------------------------------------------------------------ one group of situations


def _judge_group(pair: Claim, benches: list[Bench], recorder: Recorder, end: float) -> dict[str, Any]:
    """All situations of one kind together: every meaning is tallied over all of them."""
    table: dict[tuple[str, ...], Meaning] = {}
    families: dict[str, dict[tuple[str, ...], Tally]] = {}
    doubts: set[str] = set()
    trouble, usable = "", 0
    inputs = benches[0].at.source
    for indirect in (False, True):  # second, only if nothing fits: fed with the function's value, or in the scores
        for bench in benches:
            if time.monotonic() > end and usable:
                break
            found: list[Meaning] = []
            for binding, via, doubt in bindings(pair, bench.at):
                if via and not indirect:
                    continue
                try:
                    raw, owner = bench.claim(binding)
                    found += _readings(pair, bench, binding, via, raw, owner, end, len(benches), indirect)
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
    leaf_names = dict.fromkeys(m.leaf for m in table.values())
    if not usable:
        reason = "inapplicable" if inputs == "generated" else "returns" if trouble in ("None",) else "shape" if not trouble else "unusable"
        return {"status": "undecided", "reason": reason, "detail": trouble, "inputs": inputs}
    difference = _is_difference(pair, benches[0], recorder)
    parts = []
    for leaf in leaf_names:
        mine = {i: m for i, m in table.items() if m.leaf == leaf and m.situations >= 0.7 * _most(table, leaf)}
        parts.append(_decide(pair, leaf, mine, families, benches, recorder, difference, doubts, inputs))
    split = [p for p in parts if p["leaf"].isdigit()]
    whole = [p for p in parts if p["leaf"] == ""]
    if whole and split:  # the same numbers, once together and once apart: whichever makes sense
        better = min((whole, split), key=lambda ps: max(_RANK[p["status"]] for p in ps))
        parts = better + [p for p in parts if p not in whole and p not in split]
    worst = max(parts, key=lambda p: _RANK[p["status"]])
    return worst | {"inputs": inputs, "parts": parts if len(parts) > 1 else []}


_RANK = {"agrees": 0, "undecided": 1, "refuted": 2}


def _most(table: dict[tuple[str, ...], Meaning], leaf: str) -> int:
    return max(m.situations for m in table.values() if m.leaf == leaf)


def _readings(pair: Claim, bench: Bench, binding: Binding, via: str, raw: Any, owner: Any, end: float, share: int, indirect: bool) -> Iterator[Meaning]:
    product = any(b[0] == "up" for b in binding.values())
    variables = bench.variables()
    if product and not via:
        for name, value, path in _stored(owner):
            if not indirect:
                yield from _tallies(bench, binding, via, name, path, value, product, end, share, lambda _, own, n=name: _pick_stored(own, n), False)
    if raw is None:
        if not (product and _stored(owner)):
            raise Unusable("None")
        return
    for leaves in _leaves(raw, bench):
        if any(g.size == bench.out.size and np.array_equal(g.ravel(), bench.out.ravel()) for _, g in leaves) and len(leaves) > 1:
            leaves = [(n, g) for n, g in leaves if not np.array_equal(g.ravel(), bench.out.ravel())]  # noqa: PLW2901 - (value, gradient)
        for name, g in leaves:
            for path in _candidates(pair, name, variables):
                if via and path[0] == "attribute":
                    continue
                many = len(leaves) > 1

                def again(raw_: Any, owner_: Any, name: str = name, many: bool = many) -> np.ndarray:
                    if not many:
                        return numbers(raw_)
                    return numbers(raw_[name]) if isinstance(raw_, dict) and name in raw_ else numbers(raw_[int(name)])

                yield from _tallies(bench, binding, via, name, path, g, product, end, share, again, indirect)


def _pick_stored(owner: Any, name: str) -> np.ndarray:
    return next(g for n, g, _ in _stored(owner) if n == name)


def _candidates(pair: Claim, leaf: str, variables: list[Path]) -> list[Path]:
    """The variables a result may belong to: by name where there is one, else all."""
    arguments = [p for p in variables if p[0] != "attribute"]
    if pair.argument:
        return [p for p in arguments if p[1] == pair.argument and p[0] == "argument"]
    if leaf and not leaf.isdigit():
        named = [p for p in variables if str(p[-1]) == leaf or str(p[-1]) in _stem(leaf)]
        return named or arguments
    return arguments


def _tallies(
    bench: Bench, binding: Binding, via: str, leaf: str, path: Path, g: np.ndarray, product: bool, end: float, share: int,
    again: Callable[[Any, Any], np.ndarray], indirect: bool,
) -> Iterator[Meaning]:  # fmt: skip
    x = np.asarray(bench.at.get(path), dtype=np.float64)
    kinds = list(meanings(bench, x, g, product))
    limit = 3 if time.monotonic() > end else max(4, 24 // share)
    ks = [k for k in components(x, min(limit, COMPONENTS)) if np.isfinite(x.flat[k])]
    for kind, target in kinds if via or not indirect else ():

        def scatter(kind: str = kind) -> Target | None:
            moved = x * (1 + 4 * np.finfo(float).eps)
            try:
                raw, owner = bench.claim(binding, path, float(moved) if not x.ndim and path[0] != "joint" else moved)
                return dict(meanings(bench, x, again(raw, owner), product)).get(kind)
            except Unusable:
                return None

        tally = compare(bench, path, ks, target, scatter)
        if tally.agree or tally.close or tally.wrong or tally.unstable:
            yield Meaning(leaf, path, kind, via, tally)
    if indirect and not product and not via and path[0] == "argument":
        for through in _scores(x):
            for kind, target in kinds:
                if kind in ("sum", "mean", "mean0"):
                    tally = compare(bench, path, ks[:6], target, lambda: None, through)
                    if tally.agree and not tally.wrong:
                        yield Meaning(leaf, path, kind, through, tally)


def _scores(x: np.ndarray) -> list[str]:
    if not ((x > 0) & (x < 1)).all():
        return []
    sums = [axis for axis in range(x.ndim) if x.shape[axis] > 1 and np.allclose(x.sum(axis=axis), 1)]
    return ["sigmoid", *(f"softmax{axis}" for axis in sums)]


_ORDER = ("vjp", "own", "sum", "jacobian", "batched", "jacobian_t", "mean", "mean0")


def _decide(
    pair: Claim, leaf: str, table: dict[tuple[str, ...], Meaning], families: dict[str, dict[tuple[str, ...], Tally]], benches: list[Bench],
    recorder: Recorder, difference: bool, doubts: set[str], inputs: str,
) -> dict[str, Any]:  # fmt: skip
    def preference(m: Meaning) -> tuple[Any, ...]:
        kind = m.kind.split("/")[0]
        diagonal = kind == "own" and not m.tally.alone
        return (bool(m.via), "/" in m.kind, _ORDER.index(kind) + 1.5 * diagonal, m.path[0] != "argument", -m.tally.agree)

    ranked = sorted(table.values(), key=preference)
    for m in ranked:
        if m.tally.fits() and (m.tally.agree >= 3 or not doubts):
            misfed = m.via == "output" and inputs == "recorded" and _fed_with_input(pair, recorder)
            score = m.via not in ("", "output")
            status, reason = ("refuted", "fed_input") if misfed else ("undecided", "scores") if score else ("agrees", "")
            return _part(leaf, m, status, reason)
    near = [m for m in ranked if m.tally.near() and not m.via]
    if near:
        return _part(leaf, near[0], "undecided", "difference" if difference else "close")
    counted = [m for m in ranked if m.tally.wrong and m.via in ("", )]
    if not counted:
        return _part(leaf, ranked[0], "undecided", "unstable")
    worst = min(counted, key=lambda m: (m.tally.factor() is None, m.tally.wrong / (m.tally.wrong + m.tally.agree), preference(m)))
    if difference:
        return _part(leaf, worst, "undecided", "difference")
    constant = worst.tally.factor() is not None
    if doubts:
        return _part(leaf, worst, "undecided", "extra") | {"detail": ", ".join(sorted(doubts))}
    if inputs == "generated" and not constant:
        shapes = {np.shape(v) for b in benches for v in b.at.arguments.values()}
        if len(shapes) > 1:
            return _part(leaf, worst, "undecided", "guessed")
        if len(parameters(pair.value)) > 1 and any(t.fits() for fits in families.values() for i, t in fits.items() if i in table):
            return _part(leaf, worst, "undecided", "domain")
    clipped = worst.tally.flat == worst.tally.wrong and "clip" in getattr(code_of(pair.value), "co_names", ())
    if clipped:
        return _part(leaf, worst, "undecided", "clipped")
    if not constant and _implausible(worst, benches):
        return _part(leaf, worst, "undecided", "shape")
    return _part(leaf, worst, "refuted", "")


def _implausible(m: Meaning, benches: list[Bench]) -> bool:
    """A number cannot be meant as the derivative in a lone scalar when there is an array to differentiate in, or in a stored attribute."""
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
        "variable": ".".join(map(str, m.path[1:])) if m.path[0] != "attribute" else "self." + ".".join(map(str, m.path[1:])),
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


# ------------------------------------------------------------------------------------------------ how the program feeds the claim


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


def _fed_with_output(pair: Claim, recorder: Recorder) -> bool:
    """Whether the program passes results of the function to the claim, as in `dsigmoid(sigmoid(z))`."""
    return bool(recorder.history(code_of(pair.claim)).digests & _outputs(pair, recorder))


def _fed_with_input(pair: Claim, recorder: Recorder) -> bool:
    """... or, on the contrary, the very arrays that the function itself got, and never a result."""
    mine = recorder.history(code_of(pair.claim)).digests
    return bool(mine & recorder.history(code_of(pair.value)).digests) and not mine & _outputs(pair, recorder)


def _is_difference(pair: Claim, bench: Bench, outer: Recorder) -> bool:
    """Whether the claim itself calls the function at points beside x: a difference quotient, not a formula."""
    code = code_of(pair.value)
    with Recorder(outer.belongs) as watch:
        for binding, _, _ in itertools.islice(bindings(pair, bench.at), 1):
            try:
                bench.claim(binding)
            except Unusable:
                continue
    here = [np.ravel(np.asarray(v, dtype=float)) for n in bench.at.arguments for _, v in places(bench.at.arguments[n], (n,))]
    for c in watch.history(code).calls:
        for name in c.arguments:
            for _, v in places(c.arguments[name], (name,)):
                now = np.ravel(np.asarray(v, dtype=float))
                if not any(h.shape == now.shape and np.array_equal(np.abs(h), np.abs(now), equal_nan=True) for h in here):
                    return True
    return False


# ------------------------------------------------------------------------------------------------ what the docstring promises

_MEAN = re.compile(r"\b(mean|averaged?)\b|平均|均值", re.IGNORECASE)
_NOT_MEAN = re.compile(r"\b(sum(med|s)?|total|not|from the mean|around the mean|zero mean)\b|总和|求和|之和|不.{0,3}平均", re.IGNORECASE)


def promise(pair: Claim, recorder: Recorder) -> dict[str, Any] | None:
    """A docstring that promises a mean, tested: with every sample twice, a mean stays and a sum doubles."""
    text = inspect.getdoc(pair.value) or ""
    said = _MEAN.search(text)
    if said is None or _NOT_MEAN.search(text) or pair.owner is not None:
        return None
    for c in recorder.history(code_of(pair.value)).calls[:3]:
        arguments = {k: _floats(v) for k, v in c.arguments.items()}
        verdicts = {_grows(pair.value, arguments, axis, n) for axis in (0, 1) for n in _lengths(arguments, axis)}
        if "mean" in verdicts:
            return None
        if "sum" in verdicts:
            code = code_of(pair.value)
            return {
                "function": pair.value_name,
                "file": code.co_filename if code else "",
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


def loaded_instances() -> list[Any]:
    """Objects at the top level of the program that ran."""
    return list(vars(sys.modules["__main__"]).values())
