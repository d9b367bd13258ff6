"""Trees: nested dicts, lists, tuples, named tuples and dataclasses, with values at the leaves."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, cast

from .array import is_traced


def leaves(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves in order, each with its path for messages, e.g. `['W'][0]`; None holds no leaf."""
    for key, child in _children(tree):
        yield from leaves(child, path + key)
    if _is_leaf(tree):
        yield path, tree


def rebuild(tree: Any, values: Iterator[Any]) -> Any:
    """A tree of the same structure with other leaves."""
    if tree is None:
        return None
    if _is_leaf(tree):
        return next(values)
    if isinstance(tree, dict):
        new = copy.copy(tree)  # a subclass keeps what else it holds: a defaultdict its factory
        new.update((k, rebuild(v, values)) for k, v in tree.items())
        return new
    if dataclasses.is_dataclass(tree):
        parts = {f.name: rebuild(getattr(tree, f.name), values) for f in dataclasses.fields(tree) if f.init}
        return dataclasses.replace(cast(Any, tree), **parts)
    parts = [rebuild(v, values) for v in tree]
    return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)


def map_leaves(f: Callable[[Any], Any], tree: Any) -> Any:
    """The tree with f applied to every leaf."""
    return rebuild(tree, iter([f(x) for _, x in leaves(tree)]))


def same_structure(a: Any, b: Any) -> bool:
    """Whether two trees have the same branches."""
    return [p for p, _ in leaves(a)] == [p for p, _ in leaves(b)]


def _is_leaf(x: Any) -> bool:
    if is_traced(x):
        return True
    container = isinstance(x, (dict, list, tuple)) or (dataclasses.is_dataclass(x) and not isinstance(x, type))
    return x is not None and not container


def _children(x: Any) -> list[tuple[str, Any]]:
    if is_traced(x) or x is None:
        return []
    if isinstance(x, dict):
        return [(f"[{k!r}]", v) for k, v in x.items()]
    if isinstance(x, (list, tuple)):
        return [(f"[{i}]", v) for i, v in enumerate(x)]
    if dataclasses.is_dataclass(x) and not isinstance(x, type):
        return [(f".{f.name}", getattr(x, f.name)) for f in dataclasses.fields(x) if f.init]
    return []
