"""What a function is once traced.

A `Primitive` is an operation by name; what it means is written in the readings' tables (`Rules`),
never here. A `Node` is a primitive applied to nodes. A `Graph` is a list of nodes in evaluation
order, with its inputs, outputs and guards: plain data that can be printed, saved, hashed, compared.
"""

from __future__ import annotations

import base64
import hashlib
import importlib
import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from .errors import CauchyError, InternalError, NoRule, Refused, Site

Interval = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Primitive:
    """An operation: its name, and where the laws may test it.

    `domain` holds one open interval per argument (where tests draw it from), `edges` the points at which
    something happens (kinks, poles, ends of the domain). An empty domain marks a structural
    primitive, whose samples the law tests list by name. `outputs > 1`: the value is a tuple.
    """

    name: str
    family: str
    domain: tuple[Interval, ...] = ()
    edges: tuple[float, ...] = ()
    outputs: int = 1

    def __call__(self, *args: Any, **params: Any) -> Any:
        """Apply the primitive to traced values: their class knows how to record it."""
        for a in args:
            record = getattr(type(a), "__cauchy_apply__", None)
            if record is not None:
                return record(self, args, params)
        raise InternalError(f"primitive `{self.name}` was applied to no traced value")

    def __repr__(self) -> str:
        return self.name


INPUT = Primitive("input", "leaf")
CONST = Primitive("const", "leaf")

_clock = itertools.count()


@dataclass(frozen=True, eq=False, slots=True)
class Later:
    """A value put off: `rule(*values of args)`, and what is known of it beforehand. Its floating warnings come when it
    is computed, by the `errors` (as `np.geterr` has them) of the line it belongs to.

    `order`: 2, a NumPy scalar or an array in C order without gaps; 1, axes in C order, perhaps with gaps or
    broadcast (what is computed from it entry by entry is in C order); 0, unknown.
    """

    rule: Callable[..., Any]
    args: tuple[Node, ...]
    shape: Any
    dtype: Any
    order: int = 0
    errors: Any = None


LARGE = 4096  # entries from which on the values computed from an array are put off


class Node:
    """A primitive applied to nodes; immutable. `index` grows with creation, so it orders any set of
    nodes topologically. `value` is the concrete value seen while tracing (None in a loaded graph), computed when it is
    first read where it was given as `Later`. `late`: values computed from this one should be.

    For a CONST leaf, `value` is the constant (a Python scalar stays one: it does not promote), and
    `origin` the user's own array it was copied from, which the graph reads by pointer.
    `live` says whether the value depends on anything a derivative could be taken with respect to.
    """

    __slots__ = ("_value", "args", "dtype", "index", "late", "live", "origin", "params", "prim", "shape", "site")

    def __init__(
        self,
        prim: Primitive,
        args: tuple[Node, ...],
        params: Mapping[str, Any],
        value: Any,
        site: Site | None = None,
        origin: np.ndarray | None = None,
    ) -> None:
        self.prim, self.args, self.params, self._value, self.site, self.origin = prim, args, params, value, site, origin
        self.index = next(_clock)
        self.live = prim is INPUT or prim.name == "identity" or any(a.live for a in args)
        kind = type(value)
        if kind is np.ndarray:
            self.shape, self.dtype, self.late = value.shape, value.dtype, value.size >= LARGE
        elif kind is Later:
            self.shape, self.dtype, self.late = value.shape, value.dtype, True
        else:
            (self.shape, self.dtype), self.late = _signature(value), False

    @property
    def value(self) -> Any:
        value = self._value
        return value if type(value) is not Later else _compute(self)

    @value.setter
    def value(self, value: Any) -> None:
        self._value = value

    @property
    def later(self) -> Later | None:
        """The value as long as it is put off."""
        return self._value if type(self._value) is Later else None

    def __repr__(self) -> str:
        inner = ", ".join(f"%{a.index}" for a in self.args)
        return f"%{self.index} = {self.prim}({inner}) : {self.dtype}{list(self.shape)}"


def _compute(node: Node) -> Any:
    """Compute a value that was put off, and those it depends on first: no recursion, however long the chain."""
    todo: set[Node] = set()
    stack = [node]
    while stack:
        n = stack.pop()
        if n not in todo and (later := n.later):
            todo.add(n)
            stack += later.args
    for n in sorted(todo, key=lambda n: n.index):
        if later := n.later:  # another thread may have computed it
            with np.errstate(**(later.errors or {})):
                value = later.rule(*[a.value for a in later.args])
            n._value, n.late = value, type(value) is np.ndarray and value.size >= LARGE
    return node.value


def _signature(value: Any) -> tuple[Any, Any]:
    if isinstance(value, tuple):
        return tuple(np.shape(v) for v in value), tuple(np.asarray(v).dtype for v in value)
    if isinstance(value, (np.ndarray, np.generic)):
        return value.shape, value.dtype
    return np.shape(value), np.asarray(value).dtype


@dataclass(frozen=True)
class Guard:
    """A Python decision the trace took: the graph holds for inputs at which `node` has this `outcome` again."""

    node: Node
    outcome: Any
    site: Site | None


class Rules(dict[Primitive, Any]):
    """A reading: a table from primitives to meanings. A hole in it speaks."""

    def __init__(self, reading: str, verb: str | None = None) -> None:
        super().__init__()
        self.reading, self.verb, self.refused = reading, verb or reading, dict[Primitive, str]()

    def refuse(self, prims: Primitive | Iterable[Primitive], why: str) -> None:
        """Say that these primitives will have no rule here, and why."""
        for p in (prims,) if isinstance(prims, Primitive) else prims:
            self.refused[p] = why

    def rule(self, node: Node) -> Any:
        """The rule for a node; a refusal names the user's line."""
        try:
            return self[node.prim]
        except NoRule as e:
            raise type(e)(e.reading, e.primitive, e.why, where=node.site, fix=e.fix) from None

    def __missing__(self, prim: Primitive) -> Any:
        if prim in self.refused:
            raise Refused(self.verb, prim, self.refused[prim])
        raise NoRule(self.verb, prim, fix=f"add one line to cauchy/read/{self.reading}, family {prim.family}")


def reachable(outputs: Iterable[Node], after: int = -1) -> list[Node]:
    """All nodes the outputs depend on with an index above `after`, in evaluation order."""
    seen: set[Node] = set()
    stack = [n for n in outputs if n.index > after]
    while stack:
        n = stack.pop()
        if n not in seen:
            seen.add(n)
            stack += [a for a in n.args if a.index > after and a not in seen]
    return sorted(seen, key=lambda n: n.index)


@dataclass(frozen=True, eq=False)
class Graph:
    """A traced function: `outputs` as nodes over `inputs`, valid where every guard has its recorded outcome.

    Readings add themselves as methods: `graph.run(x)`, `graph.latex()`, `graph.sympy()`, `graph.draw()`.

    >>> import numpy as np, cauchy
    >>> graph = cauchy.trace(lambda x: np.sin(x) ** 2, 0.5)
    >>> [n.prim.name for n in graph.nodes], graph.text()
    (['input', 'sin', 'const', 'power'], 'sin²(x)')
    """

    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]
    guards: tuple[Guard, ...] = ()
    name: str = "f"
    names: tuple[str, ...] = ()
    nodes: tuple[Node, ...] = field(init=False)

    readings: ClassVar[dict[str, Callable[..., Any]]] = {}
    rooms: ClassVar[dict[str, str]] = {}  # the room of cauchy.read for a reading that loads when first asked for

    def __post_init__(self) -> None:
        roots = (*self.inputs, *self.outputs, *(g.node for g in self.guards))
        object.__setattr__(self, "nodes", tuple(reachable(roots)))

    @classmethod
    def reading(cls, f: Callable[..., Any]) -> Callable[..., Any]:
        """Decorator: make a function of a graph one of its methods."""
        cls.readings[f.__name__] = f
        return f

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name in self.rooms and name not in self.readings:
            importlib.import_module(f"cauchy.read.{self.rooms[name]}")
        if name in self.readings:
            return self.readings[name].__get__(self)
        known = sorted(self.readings | self.rooms)
        raise AttributeError(f"a Graph has no attribute or reading {name!r}; it has {known}")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(self.readings | self.rooms)]

    def number(self) -> dict[Node, int]:
        """Position of each node in evaluation order: its name in print and on disk."""
        return {n: i for i, n in enumerate(self.nodes)}

    def __str__(self) -> str:
        """One line per node: `%3 = multiply(%1, %2)  float64[3]  file.py:7`."""
        at, names = self.number(), self.names or tuple(f"x{i}" for i in range(len(self.inputs)))
        named = dict(zip(self.inputs, names, strict=True))
        width = len(str(len(at)))
        lines = [f"{self.name}({', '.join(names)}):"]
        for n, i in at.items():
            if n in named:
                what = named[n]
            elif n.prim is CONST:
                what = np.array2string(np.asarray(n.value), threshold=4, edgeitems=2).replace("\n", "")
            else:
                params = [f"{k}={v.name if isinstance(v, Graph) else v}" for k, v in n.params.items()]
                what = f"{n.prim}({', '.join([f'%{at[a]}' for a in n.args] + params)})"
            kind = ", ".join(f"{d}{list(s)}" for s, d in _parts(n))
            lines.append(f"  %{i:<{width}} = {what:<40} {kind:<16} {n.site or ''}".rstrip())
            lines += [f"    {s}" for v in n.params.values() if isinstance(v, Graph) for s in str(v).split("\n")]
        lines += [f"  guard %{at[g.node]} == {g.outcome}  {g.site or ''}".rstrip() for g in self.guards]
        return "\n".join([*lines, f"  return {', '.join(f'%{at[n]}' for n in self.outputs)}"])

    # -- plain data: save, load, hash, compare -----------------------------------------------------

    def to_data(self) -> dict[str, Any]:
        """The graph as JSON-able data (captured arrays are stored with their present content)."""
        at = self.number()
        return {
            "cauchy": 1,
            "name": self.name,
            "names": list(self.names),
            "inputs": [at[n] for n in self.inputs],
            "outputs": [at[n] for n in self.outputs],
            "guards": [[at[g.node], _encode(g.outcome), g.site] for g in self.guards],
            "nodes": [
                {
                    "prim": n.prim.name,
                    "args": [at[a] for a in n.args],
                    "params": {k: _encode(v) for k, v in n.params.items()},
                    "kind": [[list(s), d.str] for s, d in _parts(n)],
                    "site": n.site,
                }
                | ({"value": _encode(n.value if n.origin is None else n.origin)} if n.prim is CONST else {})
                for n in self.nodes
            ],
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any], primitives: Mapping[str, Primitive]) -> Graph:
        """The inverse of `to_data`, over a table of primitives by name."""
        if data.get("cauchy") != 1:
            raise CauchyError("this is not a saved graph of a known version", fix="save it again with this version")
        table = {INPUT.name: INPUT, CONST.name: CONST, **primitives}
        nodes: list[Node] = []
        for d in data["nodes"]:
            if d["prim"] not in table:
                raise CauchyError(f"the saved graph uses an unknown primitive `{d['prim']}`")
            args = tuple(nodes[i] for i in d["args"])
            params = {
                k: cls.from_data(v["graph"], primitives) if isinstance(v, dict) and "graph" in v else _decode(v)
                for k, v in d["params"].items()
            }
            site = Site(*d["site"]) if d["site"] else None
            n = Node(table[d["prim"]], args, params, _decode(d["value"]) if "value" in d else None, site)
            parts = [(tuple(s), np.dtype(t)) for s, t in d["kind"]]
            n.shape, n.dtype = parts[0] if n.prim.outputs == 1 else tuple(zip(*parts, strict=True))
            nodes.append(n)
        guards = tuple(Guard(nodes[i], _decode(o), Site(*s) if s else None) for i, o, s in data["guards"])
        pick = lambda key: tuple(nodes[i] for i in data[key])
        return cls(pick("inputs"), pick("outputs"), guards, data["name"], tuple(data["names"]))

    def save(self, path: str | Path) -> None:
        """Write the graph as JSON; arrays exactly, in base 64."""
        Path(path).write_text(json.dumps(self.to_data()), "utf-8")

    def digest(self) -> str:
        """A hash of what the graph computes: equal for equal programs, whatever their source lines."""
        data = _nameless(self.to_data())
        return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Graph) and self.digest() == other.digest()

    def __hash__(self) -> int:
        return hash(self.digest())


def _parts(n: Node) -> list[tuple[tuple[int, ...], np.dtype[Any]]]:
    return list(zip(n.shape, n.dtype, strict=True)) if isinstance(n.dtype, tuple) else [(n.shape, n.dtype)]


def _nameless(data: dict[str, Any]) -> dict[str, Any]:
    """The data of a graph, and of the graphs in it, without what the user called things and where they stood."""
    for n in data["nodes"]:
        del n["site"]
        n["params"] = {
            k: {"graph": _nameless(v["graph"])} if isinstance(v, dict) and "graph" in v else v
            for k, v in n["params"].items()
        }
    data["guards"] = [g[:2] for g in data["guards"]]
    del data["name"], data["names"]
    return data


def _encode(v: Any) -> Any:
    """Static parameters and constants as JSON: what has no JSON form becomes {"kind": payload}."""
    match v:
        case None | bool() | str():
            return v
        case np.ndarray() | np.generic():
            a = np.ascontiguousarray(v)
            if a.dtype.hasobject:
                raise CauchyError("an array of objects cannot be saved in a graph")
            raw = base64.b64encode(a.tobytes()).decode()
            return {"array": [a.dtype.str, list(np.shape(v)), raw, isinstance(v, np.generic)]}
        case int():
            return v
        case float():
            return {"float": v.hex()}
        case tuple() | list():
            return {"tuple": [_encode(x) for x in v]}
        case slice():
            return {"slice": [_encode(x) for x in (v.start, v.stop, v.step)]}
        case np.dtype():
            return {"dtype": v.str}
        case Graph():
            return {"graph": v.to_data()}
        case _ if v is Ellipsis:
            return {"ellipsis": None}
    raise CauchyError(
        f"a graph that holds a {type(v).__name__} cannot be saved",
        why="custom derivatives and other Python functions are not data",
    )


def _decode(v: Any) -> Any:
    if not isinstance(v, dict):
        return v
    ((kind, x),) = v.items()
    match kind:
        case "array":
            a = np.frombuffer(base64.b64decode(x[2]), np.dtype(x[0])).reshape(x[1]).copy()
            return a[()] if x[3] else a
        case "float":
            return float.fromhex(x)
        case "tuple":
            return tuple(_decode(i) for i in x)
        case "slice":
            return slice(*(_decode(i) for i in x))
        case "dtype":
            return np.dtype(x)
        case "ellipsis":
            return Ellipsis
    raise CauchyError(f"unknown datum {kind!r} in a saved graph")


def interpret(
    rules: Rules, graph: Graph, inputs: Sequence[Any], const: Callable[[Any], Any] = lambda c: c
) -> dict[Node, Any]:
    """Read the graph forwards: every node means its rule applied to what its arguments mean.

    `rules[prim](*meanings, **params)`; a captured array is read from the user's own memory.
    """
    env = dict(zip(graph.inputs, inputs, strict=True))
    for n in graph.nodes:
        if n not in env:
            if n.prim is CONST:
                env[n] = const(n.value if n.origin is None else n.origin)
            elif n.prim is INPUT:
                raise InternalError("the graph depends on an input that is not among its inputs")
            else:
                env[n] = rules.rule(n)(*(env[a] for a in n.args), **n.params)
    return env
