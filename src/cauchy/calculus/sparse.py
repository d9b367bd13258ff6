"""Sparse Jacobians and Hessians: as many passes as the pattern needs colors, however many inputs there are.

The graph says which entries can differ from zero (`read.pattern`). A function that reads entries of its argument and
computes on what it read, y = R F(S x), has the Jacobian R J_F S, and J_F, whose columns are the *reads*, often
needs far fewer passes than J: with residuals that read cameras and points by index, as many as a residual has
components. S, R and the places where entries are added are integers known from the graph, so that after the coloring
all that remains is one graph from x to the vector of nonzeros.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from scipy.sparse import csr_array, vstack

from .. import ops as P
from ..errors import TraceError
from ..graph import CONST, Graph, Node, reachable
from ..read.derive import pull, push
from ..read.pattern import Pattern, leaves, patterns, roots
from ..read.pattern.rows import tidy
from ..tracer import Array, recording, wrap
from ..tracer.context import _hashable, constant, guard, same_bits, state
from .coloring import Coloring, color
from .compile import Compiled
from .differentiate import Argnums, Function, _like, _one, _plain, _Run
from .sink import sunk
from .weave import Order, key_of, weave, woven

Mode = Literal["forward", "reverse"] | None
KEPT = 4  # plans kept for one function


@dataclass
class _Look:
    """The values a plan was allowed to depend on; each is a guard, since the plan holds for no others."""

    at: dict[Node, Any] = field(default_factory=dict)

    def __call__(self, n: Node) -> Any:
        if n not in self.at:
            self.at[n] = n.value
            _hold(n, n.value)
        return n.value


def _hold(n: Node, value: Any) -> None:
    """A guard, unless nothing can change the value."""
    if n.prim is not CONST or n.origin is not None:
        guard(n, value)


@dataclass(frozen=True, eq=False)
class Structure:
    """Where the nonzeros of the matrix stand. All results of one function share these arrays; they are read-only."""

    indices: np.ndarray
    indptr: np.ndarray
    shape: tuple[int, int]
    passes: tuple[int, int]

    @functools.cached_property
    def _empty(self) -> csr_array:
        # SciPy checks the structure once
        found = csr_array((np.broadcast_to(0.0, self.indices.shape), self.indices, self.indptr), shape=self.shape)
        found.has_canonical_format = True
        return found

    def matrix(self, data: np.ndarray) -> csr_array:
        """The matrix with these values."""
        found = copy.copy(self._empty)
        found.data = data
        return found


@dataclass(frozen=True, eq=False)
class _Plan:
    """How the values are computed. Nodes are named by their position in the trace, so that it serves other traces.

    `forward` and `reverse`: for each pass the seed of each node (None: zero, True: all ones, or an array) and the
    nodes at which it is read. All that is read, one after the other, are the pieces. In the order `first` their entries
    are those of the matrix (or of its lower triangle); those in the order `rest` are added `onto` these; and `mirror`
    is the order in which the triangle gives the matrix.
    """

    structure: Structure
    cuts: list[int]
    ends: list[int]
    forward: list[tuple[list[Any], list[int]]]
    reverse: list[tuple[list[Any], list[int]]]
    first: Order
    rest: Order
    onto: slice | np.ndarray | None
    mirror: Order | None


class Plans:
    """Plans found before, by the structure of the trace and the values looked at."""

    def __init__(self) -> None:
        self.kept: list[tuple[Any, Any, list[tuple[int, Any]], Any]] = []

    def find(
        self, wrt: Sequence[Node], outputs: Sequence[Node], make: Any, given: Any = None
    ) -> tuple[Any, list[Node]]:
        """The result of make(look, position) and the nodes of the trace, which it names by position.

        `given` is whatever else it depends on: the very object.
        """
        at = {n: i for i, n in enumerate(wrt)}
        nodes = [*wrt, *(n for n in reachable(outputs, after=min(w.index for w in wrt)) if n not in at)]
        at = {n: i for i, n in enumerate(nodes)}
        for a in (*outputs, *(a for n in nodes[len(wrt) :] for a in n.args)):
            if a not in at:  # older than the arguments: whatever it is, it does not vary with them
                at[a] = len(at)
                nodes.append(a)
        key = [_kind(n, at) for n in nodes], [at[o] for o in outputs]
        for known, same, seen, plan in self.kept:
            if same is given and known == key and all(_same(nodes[i].value, v) for i, v in seen):
                for i, v in seen:
                    _hold(nodes[i], v)
                return plan, nodes
        look = _Look()
        plan = make(look, at)
        self.kept = [(key, given, [(at[n], v) for n, v in look.at.items()], plan), *self.kept[: KEPT - 1]]
        return plan, nodes


def _kind(n: Node, at: dict[Node, int]) -> Any:
    """All of a node that a pattern depends on, but for the values looked at."""
    if any(a not in at for a in n.args) or not n.args:
        return n.shape, n.dtype, repr(n.value) if isinstance(n.value, (int, float, np.generic)) else ""
    params = [(k, _form(v)) for k, v in n.params.items() if k != "fn"]
    return n.prim, [at[a] for a in n.args], params, n.shape, n.dtype


def _form(v: Any) -> Any:
    """A static parameter, or a body: its nodes, and the constants in it, which have one value for all rounds."""
    if not isinstance(v, Graph):
        return _hashable(v)
    at = v.number()
    held = [np.asarray(n.value).tobytes() for n in v.nodes if n.prim is CONST]
    return [_kind(n, at) for n in v.nodes], [at[n] for n in v.outputs], held


def _owned(nodes: Iterable[Node]) -> bool:
    """Whether a derivative of the user's own is among the nodes, or in a body."""
    bodies = lambda n: (v for v in n.params.values() if isinstance(v, Graph))
    return any(n.prim is P.custom or any(_owned(g.nodes) for g in bodies(n)) for n in nodes)


def _same(a: Any, b: Any) -> bool:
    return same_bits(np.asarray(a), np.asarray(b))


# -- finding a plan --------------------------------------------------------------------------------


def _sizes(nodes: Sequence[Node]) -> list[int]:
    return [wrap(n).size for n in nodes]


def _part(nodes: Sequence[Node]) -> np.ndarray:
    """For each entry the number of its node."""
    return np.repeat(np.arange(len(nodes)), _sizes(nodes))


def _matrix(ps: list[Pattern | None], sizes: list[int], width: int) -> Any:
    rows = [csr_array((s, width), dtype=bool) if p is None else p.csr() for p, s in zip(ps, sizes, strict=True)]
    return tidy(csr_array(vstack(rows, format="csr"))) if rows else csr_array((0, width), dtype=bool)


def _renamed(p: Any, names: np.ndarray, width: int) -> Any:
    """The columns of p under other names, several under one."""
    q = csr_array((p.data, names[p.indices], p.indptr), shape=(p.shape[0], width), copy=True)
    q.sum_duplicates()
    return tidy(q)


def _kept(p: Any, rows: np.ndarray, columns: np.ndarray) -> Any:
    """p without the entries of other rows and columns."""
    keep = np.repeat(rows, np.diff(p.indptr)) & columns[p.indices]
    indptr = np.concatenate(([0], np.cumsum(keep)))[p.indptr].astype(p.indptr.dtype)
    return csr_array((p.data[keep], p.indices[keep], indptr), shape=p.shape)


def _find(
    wrt: list[Node],
    cuts: list[Node],
    s: np.ndarray,
    outputs: list[Node],
    out: np.ndarray | None,
    symmetric: bool,
    mode: str | None,
    look: _Look,
    at: dict[Node, int],
) -> _Plan:
    """The plan for d outputs / d wrt; the outputs are functions of `cuts`, whose entries are the entries s of wrt.

    `out` gives the row of the matrix for each entry of the outputs, many to one; None: its place. Of a matrix that is
    `symmetric` the lower triangle is computed.
    """
    width = sum(_sizes(wrt))
    ends, r = roots(cuts, outputs, cuts, look) if cuts else ([], np.full(sum(_sizes(outputs)), -1))
    p: Any = _matrix(patterns(cuts, ends, look), _sizes(ends), s.size) if ends else csr_array((0, s.size), dtype=bool)
    asked = np.zeros(p.shape[0], bool)
    asked[r[r >= 0]] = True
    p = _kept(p, asked, s >= 0)
    may = {"forward": mode != "reverse", "reverse": mode != "forward"}
    coloring = color(p, (_part(ends), _part(cuts)), **may)
    if may["forward"]:  # by columns of x itself: entries that are read twice then share a pass
        q = _renamed(p, s, width)
        if int(np.diff(q.indptr).max(initial=0)) < sum(coloring.passes):
            other = color(q, (_part(ends), _part(wrt)), reverse=False)
            if sum(other.passes) < sum(coloring.passes):
                p, cuts, s, coloring = q, wrt, np.arange(width), other

    # for each entry of the sum that the matrix is: its row, its column, the entry of p that it comes from
    outs, held = np.flatnonzero(r >= 0), r[r >= 0]
    counts = np.diff(p.indptr)[held]
    of = _ranges(p.indptr[held], counts)
    rows = np.repeat(outs if out is None else out[outs], counts).astype(np.int64)
    columns = s[p.indices[of]].astype(np.int64)
    keep = rows >= (columns if symmetric else 0)
    if not keep.all():
        rows, columns, of = rows[keep], columns[keep], of[keep]
    shape = (r.size if out is None else width, width)
    rows, columns, new, order, mirror = _summed(rows, columns, shape, symmetric)
    of = of if order is None else of[order]

    forward, reverse, index, sizes = _passes(p, coloring, ends, cuts)
    first, rest = index[of[new]], index[of[~new]]
    onto: Any = (np.cumsum(new) - 1)[~new] if rest.size else None
    if onto is not None:
        onto = key_of(onto) or onto
    elif mirror is not None:
        first, mirror = first[mirror], None
    orders = weave(first, sizes), weave(rest, sizes), onto, None if mirror is None else weave(mirror, [first.size])
    kind = np.int32 if max(*shape, rows.size) < 2**31 else np.int64
    indptr = np.concatenate(([0], np.cumsum(np.bincount(rows, minlength=shape[0])))).astype(kind)
    structure = Structure(columns.astype(kind), indptr, shape, coloring.passes)
    structure.indices.flags.writeable = structure.indptr.flags.writeable = False
    places = [at[c] for c in cuts], [at[e] for e in ends]
    return _Plan(structure, *places, forward, reverse, *orders)


def _summed(
    rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int], symmetric: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None, np.ndarray | None]:
    """Entries brought into the order of the matrix, several of them in one place.

    Rows and columns of the places; which of the ordered entries is the first in its place; the order (None: as given);
    and for a symmetric matrix, of which the lower triangle is given, the place in that triangle of each place.
    """
    order, mirror = None, None
    key = rows * shape[1] + columns
    if (key[1:] < key[:-1]).any():
        order = np.argsort(key, kind="stable")
        rows, columns, key = rows[order], columns[order], key[order]
    new = np.ones(key.size, bool)
    new[1:] = key[1:] != key[:-1]
    rows, columns = rows[new], columns[new]
    if symmetric:
        below = np.flatnonzero(rows > columns)
        mirror = np.concatenate((np.arange(rows.size), below))
        rows, columns = np.concatenate((rows, columns[below])), np.concatenate((columns, rows[below]))
        to = np.argsort(rows * shape[1] + columns, kind="stable")
        rows, columns, mirror = rows[to], columns[to], mirror[to]
    return rows, columns, new, order, mirror


def _ranges(starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """start, start + 1, ... for each start, so many as its count says."""
    shift = starts - np.concatenate(([0], np.cumsum(counts)[:-1])) if counts.size else starts
    return np.repeat(shift, counts) + np.arange(counts.sum())


def _passes(
    p: Any, coloring: Coloring, ends: list[Node], cuts: list[Node]
) -> tuple[list[tuple[list[Any], list[int]]], list[tuple[list[Any], list[int]]], np.ndarray, list[int]]:
    """The seeds of each pass and the nodes at which it is read; for each entry of p its place in all that is read, and
    the sizes of the pieces of that."""
    rows = np.repeat(np.arange(p.shape[0]), np.diff(p.indptr))
    columns = p.indices.astype(np.int64)
    back = coloring.by_reverse(rows, columns)
    index = np.empty(p.nnz, np.intp)
    start, pieces = 0, list[int]()
    found: list[list[tuple[list[Any], list[int]]]] = []
    ways = (
        (~back, coloring.forward, columns, rows, cuts, ends),
        (back, coloring.reverse, rows, columns, ends, cuts),
    )
    for mine, colors, seeded, read, sources, targets in ways:
        entries = slice(None) if mine.all() else np.flatnonzero(mine)
        part, first = _part(targets), np.concatenate(([0], np.cumsum(_sizes(targets))))
        of_color, of_part = colors[seeded[entries]], part[read[entries]]
        used = np.zeros((int(colors.max(initial=-1)) + 1, len(targets)), bool)
        used[of_color, of_part] = True
        begin = np.zeros(used.shape, np.int64)
        for c, k in zip(*np.nonzero(used), strict=True):
            begin[c, k] = start - first[k]
            pieces.append(int(first[k + 1] - first[k]))
            start += pieces[-1]
        index[entries] = begin[of_color, of_part] + read[entries]
        cut = np.cumsum(_sizes(sources))[:-1]
        seeds = [
            [_seed(ones, n) for ones, n in zip(np.split(colors == c, cut), sources, strict=True)]
            for c in range(len(used))
        ]
        found.append([(s, np.flatnonzero(u).tolist()) for s, u in zip(seeds, used, strict=True)])
    return found[0], found[1], index, pieces


def _seed(ones: np.ndarray, n: Node) -> Any:
    """None for zero, True for all ones, else the array."""
    return None if not ones.any() else True if ones.all() else ones.astype(n.dtype).reshape(n.shape)


# -- computing the values --------------------------------------------------------------------------


def _values(plan: _Plan, nodes: list[Node], dtype: Any) -> Array:
    """The nonzeros as one traced vector: all passes in one graph, over the same forward part."""
    cuts, ends = [nodes[i] for i in plan.cuts], [nodes[i] for i in plan.ends]
    pieces: list[Array] = []

    def read(found: Array | None, n: Node) -> None:
        v = wrap(constant(np.zeros(n.shape))) if found is None else found
        pieces.append(P.reshape(v, shape=(v.size,)))

    for seeds, targets in plan.forward:
        tangents: dict[Node, Any] = {n: _start(s, n) for s, n in zip(seeds, cuts, strict=True)}
        for k, dot in zip(targets, push([ends[k] for k in targets], tangents), strict=True):
            read(dot, ends[k])
    for seeds, targets in plan.reverse:
        bars = pull({n: _start(s, n) for s, n in zip(seeds, ends, strict=True) if s is not None}, cuts)
        for k in targets:
            read(bars[k], cuts[k])
    if not pieces:
        return wrap(constant(np.zeros(plan.structure.indices.size, dtype)))
    pieces = [v if v.dtype == dtype else P.astype(v, dtype=dtype) for v in pieces]
    data = woven(pieces, plan.first)
    if plan.onto is not None:
        rest = woven(pieces, plan.rest)
        where = () if isinstance(plan.onto, slice) else (plan.onto,)
        data = P.add_at(data, rest, *where, key=(P.ARRAY if where else plan.onto,))
    return data if plan.mirror is None else woven([data], plan.mirror)


def _start(seed: Any, n: Node) -> Array | None:
    if seed is None:
        return None
    one = _one(wrap(n))
    if seed is True:
        return P.broadcast_to(one, shape=n.shape) if n.shape else one
    return wrap(constant(seed))


# -- the questions ---------------------------------------------------------------------------------


class Nonzeros(dict[str, Any]):
    """The tree {"data": vector} with the structure it belongs to: what is traced, and what the trace decides."""

    structure: Structure


class Sparse:
    """A sparse derivative of f. `compiled` is its graph from the arguments to the nonzeros, kept and run natively."""

    def __init__(self, f: Function, argnums: Argnums, mode: Mode, hessian: bool) -> None:
        self.f, self.argnums, self.mode, self.hessian = f, argnums, mode, hessian
        self.first, self.second = Plans(), Plans()
        name = "hessian" if hessian else "jacobian"
        eager = _like(f, name)(functools.partial(self.nonzeros))
        self.__wrapped__, self.__name__, self.__doc__ = f, eager.__name__, eager.__doc__
        self.compiled = Compiled(eager, f, (argnums,) if isinstance(argnums, int) else tuple(argnums))

    def __cauchy_reads__(self) -> tuple[Any, ...]:
        return (self.__wrapped__,)

    def __call__(self, *args: Any, **kwargs: Any) -> csr_array:
        if state.depth:
            raise TraceError(
                "a sparse derivative inside a traced function",
                why="a sparse matrix is not a traced value",
                fix="leave out sparse=True there, or take products with cauchy.jvp, cauchy.vjp and cauchy.hvp",
            )
        found = self.compiled(*args, **kwargs)
        return found.structure.matrix(found["data"])

    def nonzeros(self, *args: Any, **kwargs: Any) -> Nonzeros:
        """The nonzeros as a vector, and where they stand; the latter holds wherever the guards of the trace do."""
        with recording():
            data, structure = self.traced(*args, **kwargs)
        found = Nonzeros(data=data if state.depth else _plain(data))
        found.structure = structure
        return found

    def traced(self, *args: Any, **kwargs: Any) -> tuple[Array, Structure]:
        """Inside `recording()`. The structure holds wherever the guards of the trace do."""
        run = _Run(self.f, args, kwargs, self.argnums, False)
        ys = [run.scalar("a Hessian", self.f)] if self.hessian else run.out
        wrt = run.wrt
        outputs = sunk(wrt, [y.node for y in ys])

        def cut(look: _Look, at: dict[Node, int]) -> tuple[list[int], np.ndarray]:
            found, s = leaves(wrt, outputs, look)
            return [at[n] for n in found], s

        (places, s), nodes = self.first.find(wrt, outputs, cut)
        cuts, out, symmetric = [nodes[i] for i in places], None, False
        if self.hessian:
            bars = pull({outputs[0]: _one(ys[0])}, cuts) if ys[0].dtype.kind == "f" else []
            outputs = [b.node for b in bars if b is not None]
            known = np.repeat(np.array([b is not None for b in bars] or [False] * len(cuts), bool), _sizes(cuts))
            out = s[known]
            # a derivative of the user's own need not be one: then H is the Jacobian of the gradient, whatever it is
            symmetric = not _owned(nodes)
        plan, nodes = self.second.find(
            wrt,
            [*cuts, *outputs],
            lambda look, at: _find(wrt, cuts, s, outputs, out, symmetric, self.mode, look, at),
            s,
        )
        dtype = np.result_type(*(n.dtype for n in wrt), *(o.dtype for o in outputs if o.dtype.kind == "f"))
        return _values(plan, nodes, dtype), plan.structure


def sparse_jacobian(f: Function, argnums: Argnums = 0, *, mode: Mode = None) -> Sparse:
    """The Jacobian of f as a `scipy.sparse.csr_array`, in as many passes as its pattern needs colors.

    Row i is entry i of the value (all its leaves, each in C order, one after the other), column j entry j of the
    arguments that `argnums` names, likewise. Stored are the entries that could differ from zero by the structure of
    f; some may be zero. What a custom derivative, a decomposition or a triangular solve reads counts as read by all it
    gives. `mode` restricts the passes to forward or reverse; by default whatever takes fewest, both if a few rows
    or columns are full. All results share their read-only `indices` and `indptr`; `.copy()` is free to change.

    Raises `ShapeError` for a pattern of more than 100 million entries, `TraceError` (with the line) for what cannot be
    traced. References: Curtis, Powell & Reid (1974); Gebremedhin, Manne & Pothen (2005).

    >>> import numpy as np
    >>> J = sparse_jacobian(lambda x: x[1:] * x[:-1])(np.array([1.0, 2.0, 3.0]))
    >>> J.toarray()
    array([[2., 1., 0.],
           [0., 3., 2.]])
    """
    if mode not in (None, "forward", "reverse"):
        raise ValueError(f"mode is 'forward', 'reverse' or None, not {mode!r}")
    return Sparse(f, argnums, mode, False)


def sparse_hessian(f: Function, argnums: Argnums = 0) -> Sparse:
    """The Hessian of a function with one number as value as a `scipy.sparse.csr_array`; as `sparse_jacobian` otherwise.

    The lower triangle is computed and mirrored, so the result is exactly symmetric. With several arguments
    it is the Hessian with respect to all of them, mixed derivatives included.

    >>> import numpy as np
    >>> H = sparse_hessian(lambda x: np.sum(x[1:] ** 2 * x[:-1]))(np.array([1.0, 2.0, 3.0]))
    >>> H.toarray()
    array([[0., 4., 0.],
           [4., 2., 6.],
           [0., 6., 4.]])
    """
    return Sparse(f, argnums, None, True)
