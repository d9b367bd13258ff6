"""Layered drawing of a directed acyclic graph, in pure Python: boxes in rows, every edge downwards.

Four steps (Sugiyama, Tagawa, Toda 1981): rows by longest paths; one chain of joints per box for its edges
that cross rows; few crossings by sweeps of barycenters and swaps of neighbors; positions by the four
alignments of Brandes and Köpf (2001), compacted over blocks, so that chains are straight and no two
boxes meet. Everything is deterministic.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

GAP = 22.0  # between neighbors in a row
JOINT = 7.0  # half the width of a joint
NEARLY = 12.0  # a line that is so much aslant should have been straight
SWEEPS = 24


@dataclass(frozen=True)
class Box:
    """What is placed: how far it reaches left and right of its center line."""

    left: float
    right: float


@dataclass(frozen=True)
class Layout:
    """Center lines `x` and `row` of each box; for each edge the joints (x, row) it runs through."""

    x: list[float]
    row: list[int]
    joints: list[list[tuple[float, int]]]


def place(boxes: Sequence[Box], edges: Sequence[tuple[int, int]]) -> Layout:
    """Lay out boxes, listed such that every edge (u, v) has u < v."""
    n = len(boxes)
    row = _rows(n, edges)
    joint_of, wide = _joints(boxes, edges, row)
    segments = []
    for u, v in edges:
        segments.append((joint_of.get((u, row[v] - 1), u), v))
    for (u, r), j in joint_of.items():
        segments.append((joint_of.get((u, r - 1), u), j))
        row.append(r)
    assert len(row) == len(wide)
    above: list[list[int]] = [[] for _ in wide]
    below: list[list[int]] = [[] for _ in wide]
    for a, b in segments:
        below[a].append(b)
        above[b].append(a)
    order = _order(row, above, below)
    twigs = {
        a for a in range(len(wide)) if not above[a] and len(below[a]) == 1 and any(above[w] for w in above[below[a][0]])
    }
    x = _positions(order, *_without(twigs, above, below), wide, n)
    _gather(twigs, order, below, wide, x)
    for rows in (order, order[::-1]):
        _straighten(rows, above, below, wide, x)
    joints = [[(x[joint_of[u, r]], r) for r in range(row[u] + 1, row[v])] for u, v in edges]
    return Layout(x[:n], row[:n], joints)


def _rows(n: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """Longest paths from the sources; a source then stands just above its first use."""
    row, first, inner = [0] * n, [n] * n, [False] * n
    for u, v in sorted(edges, key=lambda e: e[1]):
        row[v] = max(row[v], row[u] + 1)
        inner[v] = True
    for u, v in edges:
        first[u] = min(first[u], row[v])
    return [first[i] - 1 if first[i] < n and not inner[i] else row[i] for i in range(n)]


def _joints(
    boxes: Sequence[Box], edges: Sequence[tuple[int, int]], row: list[int]
) -> tuple[dict[tuple[int, int], int], list[Box]]:
    """A joint for each row that edges of a box cross; the edges of one box share theirs."""
    last = dict[int, int]()
    for u, v in edges:
        last[u] = max(last.get(u, 0), row[v])
    joints, wide = dict[tuple[int, int], int](), list(boxes)
    for u in sorted(last):
        for r in range(row[u] + 1, last[u]):
            joints[u, r] = len(wide)
            wide.append(Box(JOINT, JOINT))
    return joints, wide


# -- order in the rows -------------------------------------------------------------------------------


def _order(row: list[int], above: list[list[int]], below: list[list[int]]) -> list[list[int]]:
    order: list[list[int]] = [[] for _ in range(max(row, default=-1) + 1)]
    seen: set[int] = set()
    for start in range(len(row)):  # depth first: what belongs together begins together
        stack = [start] if not above[start] else []
        while stack:
            v = stack.pop()
            if v not in seen:
                seen.add(v)
                order[row[v]].append(v)
                stack += reversed(below[v])
    best, fewest, stale = [list(level) for level in order], _crossings(order, below), 0
    for sweep in range(SWEEPS):
        if not fewest or stale > 6:
            break
        down = sweep % 2 == 0
        for level in order if down else reversed(order):
            _sort(level, above if down else below, order, row)
        _swap(order, above, below)
        count = _crossings(order, below)
        stale = 0 if count < fewest else stale + 1
        if count < fewest:
            best, fewest = [list(level) for level in order], count
    return best


def _sort(level: list[int], neighbors: list[list[int]], order: list[list[int]], row: list[int]) -> None:
    """By the mean place of the neighbors; what has none keeps its place."""
    place = {v: i for r in {row[w] for v in level for w in neighbors[v]} for i, v in enumerate(order[r])}
    mean = {v: sum(place[w] for w in neighbors[v]) / len(neighbors[v]) for v in level if neighbors[v]}
    moving = iter(sorted(mean, key=mean.__getitem__))
    level[:] = [next(moving) if v in mean else v for v in level]


def _crossings(order: list[list[int]], below: list[list[int]]) -> int:
    total = 0
    for upper, lower in pairwise(order):
        place = {v: i for i, v in enumerate(lower)}
        ends: list[int] = []
        for v in upper:
            targets = sorted(place[w] for w in below[v])
            total += sum(len(ends) - bisect_right(ends, t) for t in targets)
            for t in targets:
                insort(ends, t)
    return total


def _swap(order: list[list[int]], above: list[list[int]], below: list[list[int]]) -> None:
    """Exchange neighbors in a row while that removes crossings."""
    for r, level in enumerate(order):
        places = []
        for other, neighbors in ((r - 1, above), (r + 1, below)):
            if 0 <= other < len(order):
                place = {v: i for i, v in enumerate(order[other])}
                places.append({v: sorted(place[w] for w in neighbors[v]) for v in level})
        for _ in range(len(level)):
            changed = False
            for i in range(len(level) - 1):
                u, v = level[i], level[i + 1]
                if sum(_pair(p[v], p[u]) - _pair(p[u], p[v]) for p in places) < 0:
                    level[i], level[i + 1], changed = v, u, True
            if not changed:
                break


def _pair(left: list[int], right: list[int]) -> int:
    return sum(bisect_left(right, a) for a in left)


def _without(
    twigs: set[int], above: list[list[int]], below: list[list[int]]
) -> tuple[list[list[int]], list[list[int]]]:
    """The segments that draw boxes into line: a constant joins the trunk from the side, it does not bend it."""
    up = [[u for u in level if u not in twigs] for level in above]
    return up, [[] if v in twigs else level for v, level in enumerate(below)]


# -- positions in the rows -----------------------------------------------------------------------------


def _positions(
    order: list[list[int]], above: list[list[int]], below: list[list[int]], wide: list[Box], real: int
) -> list[float]:
    """The median of four extreme alignments: towards upper or lower neighbors, packed to the left or right."""
    crossing = _conflicts(order, below, real)
    runs = []
    for rows, neighbors in ((order, above), (order[::-1], below)):
        for sign in (1, -1):
            levels = [level[::sign] for level in rows]
            boxes = wide if sign > 0 else [Box(b.right, b.left) for b in wide]
            root = _align(levels, neighbors, crossing)
            runs.append([sign * x for x in _compact(levels, root, boxes)])
    # each run is shifted to the narrowest one: left-packed by their left ends, right-packed by their right ends
    spans = [(min(x, default=0.0), max(x, default=0.0)) for x in runs]
    low, high = min(spans, key=lambda s: s[1] - s[0])
    shifts = [low - s[0] if i % 2 == 0 else high - s[1] for i, s in enumerate(spans)]
    out = []
    for v in range(len(wide)):
        _, b, c, _ = sorted(x[v] + s for x, s in zip(runs, shifts, strict=True))
        out.append((b + c) / 2)
    return out


def _conflicts(order: list[list[int]], below: list[list[int]], real: int) -> set[tuple[int, int]]:
    """Segments that cross one between two joints: those stay straight."""
    found = set()
    for upper, lower in pairwise(order):
        place = {v: i for i, v in enumerate(lower)}
        segments = [(i, place[w], v, w) for i, v in enumerate(upper) for w in below[v]]
        straight = [(i, j) for i, j, v, w in segments if v >= real and w >= real]
        for i, j, v, w in segments:
            if (v < real or w < real) and any((i - k) * (j - m) < 0 for k, m in straight):
                found |= {(v, w), (w, v)}
    return found


def _align(levels: list[list[int]], neighbors: list[list[int]], conflicts: set[tuple[int, int]]) -> dict[int, int]:
    """Blocks, each vertex with a median neighbor in the row before; no two blocks cross. Vertex to root."""
    root = {v: v for level in levels for v in level}
    taken: set[int] = set()
    for before, level in pairwise(levels):
        place = {v: i for i, v in enumerate(before)}
        reached = -1
        for v in level:
            near = sorted(set(neighbors[v]), key=place.__getitem__)
            for m in sorted({(len(near) - 1) // 2, len(near) // 2}) if near else ():
                w = near[m]
                if (w, v) not in conflicts and reached < place[w] and w not in taken:
                    root[v], reached = root[w], place[w]
                    taken.add(w)
                    break
    return root


def _compact(levels: list[list[int]], root: dict[int, int], boxes: list[Box]) -> list[float]:
    """Blocks as far left as separation allows, then right up to their neighbors."""
    after: dict[int, dict[int, float]] = {}
    before: dict[int, dict[int, float]] = {}
    for level in levels:
        for u, v in pairwise(level):
            a, b, gap = root[u], root[v], boxes[u].right + GAP + boxes[v].left
            if gap > after.setdefault(a, {}).get(b, 0.0):
                after[a][b] = gap
                before.setdefault(b, {})[a] = gap
    blocks = _sorted(sorted(set(root.values())), after, before)
    x: dict[int, float] = {}
    for b in blocks:
        x[b] = max((x[a] + gap for a, gap in before.get(b, {}).items()), default=0.0)
    for a in reversed(blocks):
        room = [x[b] - gap for b, gap in after.get(a, {}).items()]
        if room:
            x[a] = min(room)
    return [x[root[v]] for v in range(len(root))]


def _sorted(blocks: list[int], after: dict[int, dict[int, float]], before: dict[int, dict[int, float]]) -> list[int]:
    """From left to right: blocks do not cross, so their order is a partial one."""
    waiting = {b: len(before.get(b, {})) for b in blocks}
    ready, out = [b for b in reversed(blocks) if not waiting[b]], []
    while ready:
        a = ready.pop()
        out.append(a)
        for b in after.get(a, {}):
            waiting[b] -= 1
            if not waiting[b]:
                ready.append(b)
    return out


def _room(level: list[int], i: int, wide: list[Box], x: list[float]) -> tuple[float, float]:
    """How far the i-th box of a row may go to the left and to the right."""
    v, low, high = level[i], float("-inf"), float("inf")
    if i:
        low = x[level[i - 1]] + wide[level[i - 1]].right + GAP + wide[v].left
    if i + 1 < len(level):
        high = x[level[i + 1]] - wide[level[i + 1]].left - GAP - wide[v].right
    return low, high


def _gather(twigs: set[int], order: list[list[int]], below: list[list[int]], wide: list[Box], x: list[float]) -> None:
    """Move each twig, which nothing held in its place, as near to its trunk as its neighbors let it."""
    for level in order:
        for indices in (range(len(level)), reversed(range(len(level)))):
            for i in indices:
                v = level[i]
                if v in twigs:
                    low, high = _room(level, i, wide, x)
                    x[v] = max(low, min(high, x[below[v][0]]))


def _straighten(
    order: list[list[int]], above: list[list[int]], below: list[list[int]], wide: list[Box], x: list[float]
) -> None:
    """The mean of four alignments leaves lines that are nearly straight: make as many as possible quite so."""
    for level in order:
        for i, v in enumerate(level):
            low, high = _room(level, i, wide, x)
            lines = [x[w] for w in above[v] + below[v]]
            places = [p for p in lines if abs(p - x[v]) <= NEARLY and low <= p <= high]
            x[v] = max([x[v], *places], key=lambda p: sum(abs(q - p) < 0.05 for q in lines))
