"""Products unite along the axes they sum, decompositions over each matrix of a stack.

A constant factor that is mostly zeros is looked at: x enters A @ x where A is not 0.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...graph import Node
from ..derive.linalg import _first, _labels
from .vocabulary import Found, Look, P, Pattern, broadcast, everywhere, merge, rules, union

SPARSE = 0.5  # a constant factor of fewer nonzeros than this share is looked at


# -- products --------------------------------------------------------------------------------------


def _contract(n: Node, ps: list[Any], look: Look, terms: list[str], output: str) -> Found:
    """An einsum with a letter for every axis; an axis of length one stands for every index."""
    found = []
    for i, (p, own) in enumerate(zip(ps, terms, strict=True)):
        if p is not None:
            other = 1 - i if len(ps) == 2 and ps[1 - i] is None else None
            by = _zeros_of(n.args[other], look) if other is not None else None
            pairs = None if by is None or other is None else _through(n, own, n.args[i].shape, terms[other], by, output)
            found.append(_free(n, p, own, n.args[i].shape, output) if pairs is None else merge(p, *pairs))
    return union(found)


def _zeros_of(a: Node, look: Look) -> np.ndarray | None:
    v = np.asarray(a.value)
    return look(a) if v.ndim and np.count_nonzero(v) < SPARSE * v.size else None


def _free(n: Node, p: Pattern, own: str, shape: tuple[int, ...], output: str) -> Pattern:
    """Whatever the other factors hold: all along the letters that are summed."""
    letters = "".join(dict.fromkeys(own))
    names = np.einsum(f"{own}->{letters}", np.arange(math.prod(shape)).reshape(shape))  # a repeated letter: a diagonal
    stay = [c for c in output if c in letters]
    gone = [c for c in letters if c not in output]
    names = names.transpose([letters.index(c) for c in (*stay, *gone)])
    lengths = names.shape[: len(stay)]
    count = math.prod(lengths)
    into = np.repeat(np.arange(count), math.prod(names.shape[len(stay) :]))
    summed = merge(p, into, count, names.ravel())
    one = tuple(lengths[stay.index(c)] if c in stay else 1 for c in output)
    result = broadcast(summed, one, n.shape)
    assert result is not None
    return result


def _through(
    n: Node, own: str, shape: tuple[int, ...], other: str, v: np.ndarray, output: str
) -> tuple[np.ndarray, int, np.ndarray] | None:
    """(entry of the result, number of entries, entry of the argument) for each nonzero of a constant factor."""
    lengths: dict[str, int] = {}
    for letters, dims in ((own, shape), (other, v.shape)):
        for c, m in zip(letters, dims, strict=True):
            lengths[c] = max(lengths.get(c, 1), m)
    if any(v.shape[other.index(c)] != lengths[c] for c in other) or len(set(other)) < len(other):
        return None
    nonzero = dict(zip(other, (i[:, None] for i in np.nonzero(v)), strict=True))
    free = [c for c in dict.fromkeys(own) if c not in nonzero]
    grid = np.indices([lengths[c] for c in free]).reshape(len(free), -1) if free else np.zeros((0, 1), int)
    at = nonzero | {c: g[None, :] for c, g in zip(free, grid, strict=True)}
    full = np.broadcast_shapes(*(a.shape for a in at.values()))

    def flat(letters: str, dims: tuple[int, ...]) -> np.ndarray:
        where = [np.broadcast_to(at[c] if m > 1 else 0, full).ravel() for c, m in zip(letters, dims, strict=True)]
        return np.ravel_multi_index(where, dims) if where else np.zeros(math.prod(full), int)

    return flat(output, n.shape), math.prod(n.shape), flat(own, shape)


def _matmul(n: Node, ps: list[Any], look: Look) -> Found:
    a, b = (len(x.shape) for x in n.args)
    batch = "abcdefgh"[: max(a, b, 2) - 2]
    left = "k" if a == 1 else batch[len(batch) - (a - 2) :] + "ik"
    right = "k" if b == 1 else batch[len(batch) - (b - 2) :] + "kj"
    return _contract(n, ps, look, [left, right], batch + "i" * (a > 1) + "j" * (b > 1))


def _dot(n: Node, ps: list[Any], look: Look) -> Found:
    a, b = (len(x.shape) for x in n.args)
    one, two = "abcdefgh"[:a], "ijklmnop"[:b]
    if a and b:  # the last axis of a meets the last but one of b; of `inner` the last, too
        at = -1 if b == 1 or n.prim is P.inner else -2
        two = two[:at] + one[-1] + (two[at + 1 :] if at + 1 else "")
    shared = set(one) & set(two)
    return _contract(n, ps, look, [one, two], "".join(c for c in one + two if c not in shared))


def _vdot(n: Node, ps: list[Any], look: Look) -> Found:
    return union([merge(p, np.zeros(p.size, np.int32), 1) for p in ps if p is not None])


def _einsum(n: Node, ps: list[Any], look: Look) -> Found:
    terms, output = _labels(n.params["subscripts"], tuple(np.broadcast_to(0, a.shape) for a in n.args))
    return _contract(n, ps, look, terms, output)


def _convolve(n: Node, ps: list[Any], look: Look) -> Found:
    a, v = (np.broadcast_to(0, x.shape or (1,)) for x in n.args)
    i, j = (k.ravel() for k in np.indices((a.size, v.size)))
    flipped = n.prim is P.correlate
    # correlation is convolution with the second turned round
    to = i + (v.size - 1 - j if flipped else j) - _first(a, v, n.params["mode"], flipped)
    size = math.prod(n.shape)
    inside = (to >= 0) & (to < size)
    pairs = zip(ps, (i, j), strict=True)
    return union([merge(p, to[inside], size, k[inside]) for p, k in pairs if p is not None])


rules[P.matmul] = _matmul
rules[P.dot] = rules[P.inner] = _dot
rules[P.vdot] = _vdot
rules[P.einsum] = _einsum
rules[P.convolve] = rules[P.correlate] = _convolve

# -- systems and decompositions --------------------------------------------------------------------


def _by_matrix(n: Node, ps: list[Any], look: Look) -> Found:
    """All that a member of the stack gives depends on all of this member."""
    cores = [2] * len(ps)
    if len(ps) == 2 and len(n.args[1].shape) == 1:
        cores[1] = 1  # a vector of right sides
    stacks = [a.shape[: len(a.shape) - k] for a, k in zip(n.args, cores, strict=True)]
    batch = np.broadcast_shapes(*stacks)
    united = []
    for p, a, lead in zip(ps, n.args, stacks, strict=True):
        inner = math.prod(a.shape[len(lead) :])
        count = math.prod(lead)
        united.append(None if p is None else merge(p, np.repeat(np.arange(count), inner), count))
    return everywhere(n, united, stacks, batch)


for p in (P.solve, P.solve_triangular, P.inv, P.det, P.slogdet, P.cholesky, P.cholesky_or_nan):
    rules[p] = _by_matrix
for p in (P.eigh, P.eigvalsh, P.svd, P.svdvals, P.qr, P.pinv, P.lstsq, P.lstsq_report):
    rules[p] = _by_matrix
