"""The words in which derivative rules are written, and the three tables that hold them.

Rules are plain NumPy over traced values, so a derivative is again a graph and has derivatives itself.
`y` is the primitive's own output, `x, a, b` its arguments, static parameters come by keyword.

partials[p] = one function per argument, for elementwise primitives:
    f(y, *args)            the partial derivative: d y = f * d arg
    Select(mask, weight)   d y = weight * d arg where mask holds, and nothing, not 0 * inf, elsewhere
    ZERO                   locally constant in this argument
linearize[p] = one function per argument, for structural primitives:
    f(t, y, *args)         the change of y when this argument changes by t; linear in t
transpose[p] = one function per argument in which p is linear:
    f(g, y, *args)         the transpose of linearize: <g, linearize(t)> = <transpose(g), t>
A `Joint` rule takes and gives all arguments at once: f(ts, y, *args) with None for unchanged ones.
A structural rule without a transpose gets one by transposing its linearization.

References: HIPS/autograd (the vocabulary: a rule is a line); Giles, "Collected matrix derivative results for
forward and reverse mode algorithmic differentiation" (2008); Griewank & Walther, "Evaluating Derivatives" (2008).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ... import ops as P
from ...graph import Primitive, Rules

Rule = Callable[..., Any]

partials = Rules("derive", "differentiate")
linearize = Rules("derive", "differentiate")
transpose = Rules("derive", "transpose")


class _Zero:
    def __repr__(self) -> str:
        return "ZERO"


ZERO = _Zero()


@dataclass(frozen=True)
class Select:
    """An elementwise rule that passes a change on where `mask(y, *args)` holds, times `weight(y, *args)`."""

    mask: Rule
    weight: Rule | None = None


@dataclass(frozen=True)
class Joint:
    """A rule for all arguments at once."""

    rule: Rule


def constant(*prims: Primitive) -> None:
    """These are locally constant in every argument."""
    for p in prims:
        partials[p] = (ZERO,) * max(len(p.domain), 2)


def linear(p: Primitive, transposed: Rule | Joint) -> None:
    """p is linear in its first argument (the only one that can change)."""
    linearize[p] = (lambda t, y, x, *rest, **params: p(t, *rest, **params),)
    transpose[p] = (transposed,)


def bilinear(p: Primitive, left: Rule, right: Rule) -> None:
    """p is linear in each of its two arguments; the transposes for both."""
    linearize[p] = (
        lambda t, y, a, b, **params: p(t, b, **params),
        lambda t, y, a, b, **params: p(a, t, **params),
    )
    transpose[p] = (left, right)


__all__ = [
    "ZERO",
    "Joint",
    "P",
    "Rule",
    "Select",
    "bilinear",
    "constant",
    "linear",
    "linearize",
    "partials",
    "transpose",
]
