"""A derivative that says what it is: at a kink, the convention used and the limiting derivatives."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import ops as P
from ..errors import ShapeError, Site
from ..graph import Graph, Node, interpret
from ..proof import Result
from ..read.derive import kinks
from ..read.value import value as evaluate
from ..read.value.control import rounds
from ..tracer import check_input, trace
from .differentiate import derivative, grad

MOST_COMPONENTS = 256


@dataclass(frozen=True)
class Kink:
    """One place where two formulas meet: the primitive, the user's line, and which entries sit on the edge."""

    primitive: str
    where: Site | None
    count: int

    def __str__(self) -> str:
        return (
            f"`{self.primitive}` is on its edge ({self.count} entr{'y' if self.count == 1 else 'ies'}) at {self.where}"
        )


@dataclass(frozen=True, kw_only=True)
class Derivative(Result):
    """`value` = f(x) and `derivative` = f'(x) or the gradient, shape of x.

    `left` and `right` are the limiting derivatives from below and above, entry by entry along
    each coordinate axis (None where nothing is on an edge); the set of limiting derivatives of entry i
    spans [min, max] of the two. They are estimates: derivatives evaluated a step of 2^-36 beside x.
    `finite` is False where the derivative or the value is NaN or infinite.
    """

    value: Any
    derivative: Any
    kinks: tuple[Kink, ...] = ()
    left: Any = None
    right: Any = None
    finite: bool = True

    @property
    def smooth(self) -> bool:
        """Whether the limits agree with the derivative given, as far as evaluation beside x can tell."""
        return not self.kinks or (
            self.left is not None and _close(self.left, self.derivative) and _close(self.right, self.derivative)
        )

    def __str__(self) -> str:
        lines = [f"derivative {self.derivative} (value {self.value})"]
        if not self.finite:
            lines.append(
                "not finite here: the function or its derivative has a pole, an overflow or an undefined value"
            )
        lines += [str(k) for k in self.kinks]
        if self.left is not None and not self.smooth:
            lines.append(
                f"limiting derivatives: {self.left} from below, {self.right} from above;"
                f" the value given follows the convention for the edge (midpoint, or the branch taken)"
            )
        return "\n".join(lines)


def _close(a: Any, b: Any) -> bool:
    return bool(np.allclose(a, b, rtol=1e-6, atol=1e-9, equal_nan=True))


def on_edge(graph: Graph) -> tuple[Kink, ...]:
    """The recorded operations that sit on an edge at the traced point and depend on an input."""
    found: Counter[tuple[str, Site | None]] = Counter()
    with np.errstate(all="ignore"):
        _count(graph, {n: n.value for n in graph.nodes}, found)
    return tuple(Kink(name, site, count) for (name, site), count in found.items())


def _count(graph: Graph, values: Mapping[Node, Any], found: Counter[tuple[str, Site | None]]) -> None:
    """Count the operations on an edge, and those of the bodies of loops in every round."""
    for n in graph.nodes:
        if n.live and n.prim in kinks.at and _real(n):
            count = int(np.sum(kinks.at[n.prim](*(values[a] for a in n.args), **n.params)))
            if count:
                found[n.prim.name, n.site] += count
        elif n.live and n.prim in (P.scan, P.cond, P.while_loop):
            for body, inputs in rounds(n, [values[a] for a in n.args]):
                _count(body, interpret(evaluate, body, inputs), found)


def _real(n: Node) -> bool:
    return any(a.live and not isinstance(a.dtype, tuple) and a.dtype.kind == "f" for a in n.args)


def differentiate(f: Callable[..., Any], x: Any) -> Derivative:
    """f'(x) of a function of one number, or the gradient of a function of one array, with what is special at x.

    The plain value is `cauchy.derivative(f)(x)` or `cauchy.grad(f)(x)`; this result adds the operations on an edge
    (abs at 0, a maximum with ties, an `if` whose sides are equal), the limiting derivatives on both sides, and whether
    all is finite. Raises `ShapeError` unless f returns one number.
    Reference: Clarke, "Optimization and Nonsmooth Analysis" (1983); in one dimension his gradient is the span
    of the limiting derivatives.

    >>> import cauchy
    >>> d = cauchy.differentiate(abs, 0.0)
    >>> float(d.derivative), float(d.left), float(d.right)
    (0.0, -1.0, 1.0)
    """
    start = time.perf_counter()
    x = check_input(x, "x", real=True)
    slope = derivative(f) if np.ndim(x) == 0 else grad(f)
    graph = trace(f, x)
    if len(graph.outputs) != 1 or graph.outputs[0].value is None or np.size(graph.outputs[0].value) != 1:
        raise ShapeError(
            f"differentiate needs a function with one number as value; got shape {[n.shape for n in graph.outputs]}"
        )
    value, d = graph.outputs[0].value, slope(x)
    edges = on_edge(graph)
    left = right = None
    evaluations = 1
    if edges and np.size(x) <= MOST_COMPONENTS:
        left, right = _beside(slope, x, -1.0), _beside(slope, x, 1.0)
        evaluations += 2 * np.size(x)
    finite = bool(np.all(np.isfinite(d)) and np.all(np.isfinite(value)))
    cost = {"gradients": evaluations, "seconds": time.perf_counter() - start}
    return Derivative(value=value, derivative=d, kinks=edges, left=left, right=right, finite=finite, cost=cost)


def _beside(slope: Callable[..., Any], x: Any, side: float) -> Any:
    """Entry i of the derivative, evaluated a step away along axis i."""
    digits = 36 if x.dtype.itemsize == 8 else 16
    if np.ndim(x) == 0:
        return slope(x + x.dtype.type(side * 2.0**-digits * max(1.0, abs(x))))
    out = np.empty_like(x)
    for i in np.ndindex(x.shape):
        moved = x.copy()
        moved[i] += side * 2.0**-digits * max(1.0, abs(x[i]))
        out[i] = slope(moved)[i]
    return out
