"""What composition finds out about every node of a graph over a box, and where it stops."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Literal, NamedTuple

import numpy as np

from ... import ops as P
from ...errors import Site
from ...graph import Graph, Node, reachable
from .. import rational
from . import polynomial
from .composition import RULES, UNDERFLOW
from .domains import ROUGH, SMOOTH, defined
from .facts import AFFINE, CONCAVE, CONVEX, EPS, Fact, constant, unknown, variable
from .polynomial import MANY

MOST_EXACT = 40  # variables, for LDL' over the rationals
MOST_QUADRATIC = 100  # variables of a quadratic form whose coefficients are collected
MOST_ENTRIES = 32  # quadratic forms in one node
HUGE = 1e150  # entries whose squares are doubles
CHOICES = {P.maximum, P.minimum, P.fmax, P.fmin, P.clip, P.where}  # what infinite constants are good for
WORDS = {AFFINE: "affine", CONVEX: "convex", CONCAVE: "concave"}


Why = Literal["composition", "rule", "domain", "control", "guard", "untraced"]


class Stop(NamedTuple):
    """Where composition ends: "composition" (the rules do not cover this use), "rule" (no rule for the primitive),
    "domain" (nor is it defined wherever its arguments are, or a constant is not finite), "control" (a loop or branch),
    "guard" (Python branched on a value), "untraced"."""

    why: Why
    what: str
    where: Site | None


class Analysis:
    """A graph of one input, to be looked at over boxes: `over` gives the fact about its first output.

    `stop` and `steps` tell of the last box: where composition ended, and which steps kept convexity; `regular`: is the
    output twice continuously differentiable inside the box, and defined on all of it up to parts of its boundary?
    Without that second derivatives say nothing about the shape. `inner`: the box lies in the interior of the domain.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        (self.x,) = graph.inputs
        self.out = graph.outputs[0]
        self.degrees: dict[Node, int] = {self.x: 1}
        for n in graph.nodes:
            if n is not self.x:
                self.degrees[n] = MANY if isinstance(n.dtype, tuple) else polynomial.degree(n, self.degrees)
        needed = reachable([self.out])
        self.order = [n for n in needed if self.degrees[n] and n is not self.x]
        self.constants = {
            n: constant(n.value) for n in needed if not self.degrees[n] and not isinstance(n.dtype, tuple)
        }
        self.endless = {n for n, known in self.constants.items() if not np.isfinite(known.low).all()}
        # quadratics that are used as more than parts of quadratics: there the form as a whole counts
        self.whole = {a for n in graph.nodes if self.degrees[n] > 2 for a in n.args} | {self.out}
        self.guard = next((g for g in graph.guards if self.degrees[g.node]), None)
        self.forms: dict[Node, np.ndarray | None] = {}
        self.steps: list[tuple[Node, np.ndarray]] = []
        self.stop: Stop | None = None
        self.regular = self.inner = False
        # of the last box: is a node defined on all of it, and is, of each entry, the domain known to be convex?
        self.total: dict[Node, bool] = {}
        self.convex_domain: dict[Node, bool] = {}

    @property
    def varies(self) -> bool:
        return self.degrees[self.out] > 0

    def over(self, lower: np.ndarray, upper: np.ndarray) -> Fact:
        """The fact about the output for inputs between lower and upper."""
        self.steps, self.stop = [], None
        self.regular = self.inner = self.guard is None
        self.total, self.convex_domain = {}, {}
        facts = {self.x: variable(lower, upper), **self.constants}
        with np.errstate(all="ignore"):
            for n in self.order:
                facts[n] = self._learn(n, facts)
        if self.guard is None:
            return facts[self.out]
        self.stop = Stop("guard", "", self.guard.site)
        return unknown(self.out.shape)

    def bits(self, lower: np.ndarray, upper: np.ndarray) -> int:
        """CONVEX, CONCAVE, both or neither, for all entries."""
        return int(np.bitwise_and.reduce(self.over(lower, upper).bits, axis=None)) & AFFINE

    def _learn(self, n: Node, facts: dict[Node, Fact]) -> Fact:
        rule = None if isinstance(n.dtype, tuple) else RULES.get(n.prim)
        endless = n.prim not in CHOICES and not self.endless.isdisjoint(n.args)
        if rule is None or endless:
            self.regular = self.inner = self.total[n] = self.convex_domain[n] = False
            control = isinstance(n.dtype, tuple) or n.prim is P.item
            self._stops("control" if control else "domain" if endless else "rule", n)
            return unknown(() if isinstance(n.dtype, tuple) else n.shape)
        given = [facts[a] for a in n.args]
        fact = rule(n, *given)
        if n.prim is P.power and self.degrees[n.args[1]]:  # u^v with v that varies means exp(v log u)
            given[1] = unknown(n.args[1].shape)
        if not fact.bits.all() and n.prim is P.sqrt and self.degrees[n.args[0]] == 2:
            fact = self._better(n, fact, self._norms)
        if not fact.bits.all() and self.degrees[n] == 2 and n in self.whole:
            fact = self._better(n, fact, self._forms)
        here = self._placed(n, given)
        if not self.convex_domain[n] or (n.prim in (P.fmax, P.fmin) and not self.total[n]):  # these two skip NaN
            fact = unknown(n.shape, fact.low, fact.high)
        elif not fact.bits.all():
            self.convex_domain[n] = here
        if not fact.bits.all():
            if self.degrees[n] > 2 or n in self.whole:
                self._stops("composition" if here else "domain", n)
        elif n.prim.family not in ("shape", "index", "control"):
            self.steps.append((n, fact.bits))
        return fact

    def _placed(self, n: Node, given: list[Fact]) -> bool:
        """Is n defined wherever its arguments are?"""
        affine = all(self.degrees.get(a, 0) <= 1 for a in n.args)
        here = defined(n, given, affine)
        smooth = defined(n, given, affine, smooth=True)
        self.regular &= n.prim in SMOOTH and smooth
        self.inner &= n.prim in ROUGH or smooth
        self.total[n] = here and all(self.total.get(a, True) for a in n.args)
        self.convex_domain[n] = all(self.convex_domain.get(a, True) for a in n.args)
        return here

    def _stops(self, why: Why, n: Node) -> None:
        if self.stop is None:
            self.stop = Stop(why, n.prim.name, n.site)

    def told(self) -> tuple[str, ...]:
        """The steps of the last box, as text."""
        out = []
        for n, bits in self.steps:
            kinds = np.unique(bits)
            word = WORDS[int(kinds[0])] if kinds.size == 1 else "convex or concave, by entries"
            out.append(f"{n.site or ''}: {n.prim} {word}".lstrip(": "))
        return tuple(out)

    def _better(self, n: Node, fact: Fact, ask: Callable[[Node], np.ndarray | None]) -> Fact:
        if n not in self.forms:
            self.forms[n] = ask(n)
        bits = self.forms[n]
        return fact if bits is None else Fact(fact.low, fact.high, fact.bits | bits, fact.log)

    # -- quadratic forms ---------------------------------------------------------------------------------------------

    def _polynomials(self, n: Node) -> list[polynomial.Polynomial] | None:
        size = int(np.prod(self.x.shape))
        if size > MOST_QUADRATIC or int(np.prod(n.shape)) > MOST_ENTRIES:
            return None
        found = polynomial.evaluate(self.graph, polynomial.variables(self.graph), [n])
        as_is = lambda v: v if isinstance(v, polynomial.Polynomial) else polynomial.Polynomial({(): Fraction(v)})
        return None if found is None else [as_is(v) for v in found[0].ravel().tolist()]

    def _forms(self, n: Node) -> np.ndarray | None:
        """Bits of quadratic polynomials, from their Hessians."""
        forms = self._polynomials(n)
        if forms is None:
            return None
        size = int(np.prod(self.x.shape))
        bits = []
        for form in forms:
            H = form.hessian(size)
            minus = [[-v for v in row] for row in H]
            bits.append((CONVEX if semidefinite(H) else 0) | (CONCAVE if semidefinite(minus) else 0))
        return np.array(bits, int).reshape(n.shape)

    def _norms(self, n: Node) -> np.ndarray | None:
        """Where the root n of a quadratic is the length of an affine vector: (x, 1)'M(x, 1) with M >= 0."""
        forms = self._polynomials(n.args[0])
        if forms is None:
            return None
        size = int(np.prod(self.x.shape))
        bits = []
        for form in forms:
            M = [[v / 2 for v in row] for row in form.hessian(size)]
            linear = [form.terms.get((i,), Fraction(0)) / 2 for i in range(size)]
            M = [[*row, b] for row, b in zip(M, linear, strict=True)]
            M.append([*linear, form.terms.get((), Fraction(0))])
            bits.append(CONVEX if semidefinite(M) else 0)
        return np.array(bits, int).reshape(n.shape)


def curved(hessian: Analysis, lower: np.ndarray, upper: np.ndarray) -> int:
    """Bits of a function on a box from its Hessian there, enclosed: convex where no eigenvalue can be negative.

    By Gershgorin's discs, or by Weyl's inequality: an eigenvalue of middle + E is at most |E| off one of the middle.
    """
    fact = hessian.over(lower, upper)
    n = lower.size
    low, high = fact.low.reshape(n, n), fact.high.reshape(n, n)
    size = np.maximum(np.abs(low), np.abs(high))
    # not the whole row less its diagonal, which would cancel; rounded up
    beside = np.where(np.eye(n, dtype=bool), 0.0, size).sum(axis=1) * (1 + 2 * n * EPS)
    bits = CONVEX * bool((low.diagonal() >= beside).all()) | CONCAVE * bool((high.diagonal() <= -beside).all())
    if not bits and size.max() < HUGE:
        middle, width, whole = (low + high) / 2, high - low, size.sum(axis=1) + size.sum(axis=0)
        values = np.linalg.eigvalsh((middle + middle.T) / 2)
        reach = float((width.sum(axis=1) + width.sum(axis=0)).max()) / 4  # of the symmetric part of E
        reach += 32 * n * n * EPS * float(whole.max()) + UNDERFLOW
        bits = CONVEX * bool(values[0] >= reach) | CONCAVE * bool(values[-1] <= -reach)
    return bits


def semidefinite(M: list[list[Fraction]]) -> bool:
    """Is the symmetric matrix proved to be positive semidefinite? Exactly for small ones; large ones must be definite.

    S. M. Rump, "Verification of positive definiteness" (2006): if Cholesky runs through for M less a small multiple
    of the identity, which bounds its rounding, then M is positive definite.
    """
    used = [i for i, row in enumerate(M) if any(row)]
    if len(used) <= MOST_EXACT:
        return rational.semidefinite([[M[i][j] for j in used] for i in used]) is None
    if any(M[i][i] <= 0 for i in used):
        return False
    # powers of 2 that make the diagonal about 1, whatever size numbers have; then entries above 4 are above it
    size = {i: (M[i][i].numerator.bit_length() - M[i][i].denominator.bit_length()) // 2 for i in used}
    scaled = [[M[i][j] / Fraction(2) ** (size[i] + size[j]) for j in used] for i in used]
    if any(abs(v) > 4 for row in scaled for v in row):
        return False
    A = np.array(scaled, float)
    scale = 1 / np.sqrt(A.diagonal())
    k = len(used)
    A = A * scale * scale[:, None]  # diagonal 1: each of the roundings up to here changes A by less than 8 EPS |A|
    bound = float(8 * EPS * np.abs(A).sum(axis=1).max()) + 4 * k * (k + 2) * EPS
    try:
        np.linalg.cholesky(A - bound * np.eye(k))
    except np.linalg.LinAlgError:
        return False
    return True
