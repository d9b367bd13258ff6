"""Steps with a function of their own: neither loop nests nor other graphs.

Each family has a file with `known(node)`, the bytes of `workspace(node)`, the additions it is about (`work`), the text
of `write(node, name)`, and `words` for explanations.
"""

from __future__ import annotations

from typing import Protocol

from ...graph import Node
from . import dense, order
from .blocks import Blocks


class Family(Protocol):
    def known(self, n: Node) -> bool: ...
    def workspace(self, n: Node) -> int: ...
    def work(self, n: Node) -> float: ...
    def words(self, n: Node) -> str: ...
    def write(self, n: Node, name: str) -> tuple[str, Blocks]: ...


FAMILIES: tuple[Family, ...] = (dense, order)


def family(n: Node) -> Family | None:
    """Who writes a node; None where it is something else."""
    return next((f for f in FAMILIES if f.known(n)), None)
