"""Systems and decompositions of dense matrices: the function of one step, which goes over a stack of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from ... import ops as P
from ...graph import Node
from . import lapack, panel
from .access import strides
from .blocks import Blocks
from .ir import kind_of
from .matrices import RULES, terms

STRAIGHT = 200.0  # instructions that are written one by one
LOOPS_ONLY = (P.slogdet, P.eigh, P.eigvalsh)


def _outputs(n: Node) -> list[tuple[tuple[int, ...], np.dtype]]:
    return list(zip(n.shape, n.dtype, strict=True)) if n.prim.outputs > 1 else [(n.shape, n.dtype)]


def known(n: Node) -> bool:
    """Whether the node is one for this file: real matrices of one dtype."""
    if n.prim not in RULES and n.prim not in LOOPS_ONLY:
        return False
    kinds = {a.dtype for a in n.args} | {d for _, d in _outputs(n)}
    square = len(n.args[0].shape) >= 2 and n.args[0].shape[-1] == n.args[0].shape[-2]
    return square and len(kinds) == 1 and kinds <= {np.dtype(np.float64), np.dtype(np.float32)} and _filled(n)


def _filled(n: Node) -> bool:
    return n.prim in RULES or n.args[0].shape[-1] > 0


def straight(n: Node) -> bool:
    """Whether one matrix of the stack is written entry by entry."""
    return n.prim in RULES and terms(n) <= STRAIGHT


def workspace(n: Node) -> int:
    """Bytes of memory that the step needs beside its arguments and results."""
    if straight(n):
        return 0
    kind = kind_of(n.args[0].dtype)
    return panel.scratch(n, kind) if panel.fits(n, kind) else lapack.scratch(n)


def words(n: Node) -> str:
    by = "written out" if straight(n) else "rows" if panel.fits(n, kind_of(n.args[0].dtype)) else "LAPACK"
    return f"{by}: {n.prim} {', '.join(str(list(a.shape)) for a in n.args)} {n.args[0].dtype}"


def work(n: Node) -> float:
    batch, _ = stack(n)
    return math.prod(batch) * (terms(n) if straight(n) else float(n.args[0].shape[-1]) ** 3)


def stack(n: Node) -> tuple[tuple[int, ...], list[int]]:
    """The axes of the stack, and how many axes of each argument and result are not of it."""
    cores = [2] * len(n.args)
    if len(n.args) == 2 and len(n.args[1].shape) == 1:
        cores[1] = 1
    lead = [a.shape[: len(a.shape) - c] for a, c in zip(n.args, cores, strict=True)]
    batch = np.broadcast_shapes(*lead)
    return batch, [*cores, *(len(s) - len(batch) for s, _ in _outputs(n))]


def write(n: Node, name: str) -> tuple[str, Blocks]:
    """`i1 @name(arguments..., results..., workspace)`, and what wrote it."""
    b, kind = Blocks(), kind_of(n.args[0].dtype)
    shapes = [*(a.shape for a in n.args), *(s for s, _ in _outputs(n))]
    pointers = [f"%p{i}" for i in range(len(shapes))]
    batch, cores = stack(n)
    if straight(n):
        each = _straight(b, n, kind)
    else:
        each = (panel if panel.fits(n, kind) else lapack).one_matrix(b, n, kind, "%work")
    steps = []
    for shape, core in zip(shapes, cores, strict=True):
        own, full = shape[: len(shape) - core], strides(shape)
        padded = [0 if s == 1 else t for s, t in zip(own, full, strict=False)]
        steps.append([0] * (len(batch) - len(own)) + padded)

    def over(axis: int, at: Sequence[str]) -> None:
        if axis == len(batch):
            each(at[: len(n.args)], at[len(n.args) :])
            return
        b.loop(
            0,
            batch[axis],
            lambda i: over(
                axis + 1, [b.at(p, kind, i * s[axis]) if s[axis] else p for p, s in zip(at, steps, strict=True)]
            ),
        )

    over(0, pointers)
    head = ", ".join(f"ptr {p}" for p in (*pointers, "%work"))
    text = [
        f"define internal i1 @{name}({head}) alwaysinline nounwind {{",
        "entry:",
        *b.head,
        *b.lines,
        "  ret i1 false",
        "bad:",
        "  ret i1 true",
        "}",
    ]
    return "\n".join(text), b


def _straight(b: Blocks, n: Node, kind: str) -> Callable[[Sequence[str], Sequence[str]], None]:
    _, cores = stack(n)

    def each(args: Sequence[str], outs: Sequence[str]) -> None:
        found = []
        for p, a, core in zip(args, n.args, cores, strict=False):
            shape = a.shape[len(a.shape) - core :]
            entries = np.empty(math.prod(shape), object)
            for k in range(len(entries)):
                entries[k] = b.load(p, kind, k)
            found.append(entries.reshape(shape))
        result, bad = RULES[n.prim](b, kind, *found, **n.params)
        b.fail_if(bad)
        for k, v in enumerate(result.ravel()):
            b.save(v, outs[0], k)

    return each
