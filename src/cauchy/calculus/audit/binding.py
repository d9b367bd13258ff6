"""How to feed a claim, and how to take apart what it returns or leaves behind in the object."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from .discover import Claim
from .evidence import Bench, Path, Situation, Unusable, numbers, places

_UPSTREAM = re.compile(
    r"g|v|grad.*|.*_grad(ient)?|upstream.*|delta.*|d[A-Z]\w*"
    r"|d_?(out|output|y|z|a|l|o|loss|next|prev|values|h|s|e)\w*|accum\w*|cotangent|err(or)?"
)
_STEP = re.compile(r"h|dx|dt|eps|epsilon|delta_?x|step(_?size)?|tol")
_RATE = re.compile(r"lr|learning_?rate|eta|rate|alpha")

Binding = dict[str, tuple[str, Any]]  # parameter of the claim -> (source, key)


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
        elif not upstream and (
            (stateful and backward and alone) or (_UPSTREAM.fullmatch(name) and (backward or len(left) > len(spare)))
        ):
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


def leaves(raw: Any, bench: Bench) -> Iterator[list[tuple[str, np.ndarray]]]:
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


def stored(owner: Any) -> list[tuple[str, np.ndarray, Path]]:
    """Gradients that backward left in the object, with their variables: dW and W, grads["W1"] and params["W1"]."""
    if owner is None or not hasattr(owner, "__dict__"):
        return []
    all_places = {p: np.asarray(v) for name, v in vars(owner).items() for p, v in places(v, ("attribute", name))}
    found = []
    for path, value in all_places.items():
        stems = stem(str(path[1]))
        for other, own in all_places.items():
            if other != path and str(other[1]) in stems and other[2:] == path[2:] and own.shape == value.shape:
                found.append((".".join(map(str, path[1:])), value.astype(np.float64), other))
    return found


def stem(name: str) -> set[str]:
    stems = {
        m.group(1)
        for pattern in (r"d_?(\w+)", r"(\w+?)_?(?:grad|gradient)s?", r"grad(?:ient)?_?(\w+)")
        if (m := re.fullmatch(pattern, name))
    }
    return stems | ({"params", "parameters", "weights"} if re.fullmatch(r"grads|gradients", name) else set())
