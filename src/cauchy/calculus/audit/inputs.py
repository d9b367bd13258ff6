"""The situations in which a claim is tried: what the program itself passes; where that is little, generated inputs."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .discover import Claim, code_of, parameters
from .evidence import Path, Situation, Unusable, attempt, call, movable, output
from .record import Recorder, single_to_double
from .usage import fed_with_output

RECORDED = 4  # situations of each pair that are used


def situations(pair: Claim, recorder: Recorder, instances: list[Any]) -> Iterator[Situation]:
    names, claim_names = parameters(pair.value), parameters(pair.claim)
    calls = [(c, False) for c in recorder.history(code_of(pair.value)).calls]
    calls += [(c, True) for c in recorder.history(code_of(pair.claim)).calls]
    calls = [(c, of) for c, of in calls if pair.owner is None or c.owner is None or isinstance(c.owner, pair.owner)]
    fed = fed_with_output(pair, recorder)
    pick = [c for c in calls if not c[1]]
    by_claim = [c for c in calls if c[1]]
    chosen = _spread(pick, RECORDED - bool(by_claim)) + _spread(by_claim, 2)
    backward = pair.claim_name.startswith("backward")
    for recorded, of_claim in chosen:
        given = {k: single_to_double(v) for k, v in recorded.arguments.items()}
        if not of_claim:
            extra = next((c.arguments for c, of in reversed(calls) if of and (c.owner is recorded.owner)), {})
            extra = {k: single_to_double(v) for k, v in extra.items() if k not in names}
            yield Situation(given, recorded.owner, extra=extra)
            if (
                given and len(chosen) < RECORDED and all(type(v) is float for v in given.values())
            ):  # a lone point says little: some beside it
                near = np.random.default_rng(1815).uniform(0.8, 1.2, (RECORDED - len(chosen), len(given)))
                yield from (
                    Situation({n: v * float(t) for (n, v), t in zip(given.items(), row, strict=True)}, recorded.owner)
                    for row in near
                )
        elif not backward and not (fed and len(names) == 1):
            arguments = _rename(given, names, claim_names)
            yield Situation(arguments, recorded.owner, extra={k: v for k, v in given.items() if k not in names})
    owners: list[Any] = [None]
    if pair.owner is not None:
        owners = [i for i in instances if type(i) is pair.owner][:1] or [
            c.owner for c, _ in calls if c.owner is not None
        ][-1:]
        if not owners:
            owners = [None] if _static(pair) else _fresh(pair.owner)
    for owner in owners:
        for arguments, family in generated(pair.value):
            yield Situation(arguments, owner, "generated", family)


def _spread(items: list[Any], count: int) -> list[Any]:
    if len(items) <= count:
        return items
    return [items[round(i)] for i in np.linspace(0, len(items) - 1, count)]


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
            if p.name not in ("self", "cls")
            and p.default is p.empty
            and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
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


def targets(pair: Claim, situations: Iterator[Situation]) -> Iterator[tuple[Situation, Path | None]]:
    """For second derivatives, each situation once for every argument, those of one argument together."""
    if pair.order == 1:
        yield from ((at, None) for at in situations)
        return
    for _, group in itertools.groupby(
        situations, lambda at: (at.source, str([np.shape(v) for v in at.arguments.values()]))
    ):
        together = list(group)
        names = [n for n in together[0].arguments if movable(together[0].arguments[n])]
        for name in names if pair.argument not in names else [pair.argument]:
            yield from ((at, ("argument", name)) for at in together)


def choices(at: Situation) -> int:
    return sum(movable(v) for v in at.arguments.values())


def first_derivative(pair: Claim, at: Situation, name: str) -> Callable[..., Any]:
    """The derivative of f in one argument, as a function of all, by central differences of order six.

    For a second derivative the ladder then differentiates this; its truncation error is smooth, about 1e-10 relative.
    """
    names = list(at.arguments)
    weights = ((1, 45.0), (2, -9.0), (3, 1.0))

    def first(**arguments: Any) -> np.ndarray:
        x = np.asarray(arguments[name], dtype=np.float64)

        def f(z: np.ndarray) -> np.ndarray:
            owner_fn = (
                pair.value
                if pair.owner is None
                else getattr(at.owner if at.owner is not None else pair.owner, pair.value_name)
            )
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
