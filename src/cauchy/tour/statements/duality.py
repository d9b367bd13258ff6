"""The chapter on duality: convexity, dual functions and their gap, Slater's condition."""

from __future__ import annotations

import numpy as np

from ...calculus.differentiate import hessian
from ...optimize.convexity import convexity
from ...optimize.duality import dual
from ...optimize.duality.slater import slater
from ...optimize.problem import problem
from ..statement import Outcome, Report, statement


@statement("S88")
def convex(r: Report) -> Outcome:
    bowl = convexity(lambda v: v[0] ** 2 + v[1] ** 2, np.zeros(2))
    r.expect("x² + y²", bowl.verdict.value, "proved")
    cubic = convexity(lambda v: v[0] ** 2 + v[1] ** 3, np.zeros(2))
    r.expect("x² + y³", cubic.verdict.value, "refuted")
    segment = cubic.segment
    assert segment is not None
    r.show("a, b", [segment.a, segment.b])
    r.holds("f((a + b)/2) > (f(a) + f(b))/2", segment.exact and segment.excess > 0)
    r.expect("∇²f(·, -1)", hessian(lambda v: v[0] ** 2 + v[1] ** 3)(np.array([0.0, -1.0])), [[2.0, 0.0], [0.0, -6.0]])
    if cubic.stop is not None:
        r.show("where the rules of composition stop :: 复合规则止步于", cubic.stop.what)
    return Outcome.PROVED


@statement("S89")
def dual_problem(r: Report) -> Outcome:
    d = dual(lambda x: x**2, 0.0, subject_to=(lambda x: x, 1, None))
    grid = np.array([0.5, 1.0, 2.0, 3.0])
    values = np.array([d.function([-t]).value for t in grid])
    r.expect("g(l) at l = 1/2, 1, 2, 3 :: l = 1/2、1、2、3 处的 g(l)", values, grid - grid**2 / 4, atol=1e-12)
    r.expect("max g", d.value, 1.0, atol=1e-9)
    r.expect("at l = :: 取到处 l =", float(-d.multipliers[0]), 2.0, atol=1e-7)
    r.expect("gap :: 间隙", d.gap, 0.0, atol=1e-9)
    r.expect("strong duality :: 强对偶", d.verdict.value, "proved")
    gap = dual(lambda x: -(x**2), 0.2, bounds=[(0, 1)], subject_to=(lambda x: x, None, 0.5))
    r.expect("-x²: p* :: -x²：p*", gap.primal, -0.25, atol=1e-8)
    r.expect("d*", gap.value, -0.5, atol=1e-8)
    r.expect("gap of -x² :: -x² 的间隙", gap.gap, 0.25, atol=1e-7)
    r.expect("strong duality there :: 此处的强对偶", gap.verdict.value, "refuted")
    r.picture(gap.plot)
    return Outcome.PROVED


@statement("S91")
def slater_condition(r: Report) -> Outcome:
    holds = slater(problem(lambda x: x**2, 0.0, subject_to=(lambda x: x, 1, None)))
    r.expect("x >= 1", holds.verdict.value, "proved")
    r.expect("strict at x = :: 严格成立于 x =", np.asarray(holds.point), [2.0])
    fails = slater(problem(lambda x: x, 1.0, subject_to=(lambda x: x**2, None, 0)))
    r.expect("x² <= 0", fails.verdict.value, "refuted")
    assert fails.multipliers is not None
    r.show("the row with this weight is nowhere negative :: 以此为权的约束处处非负", fails.multipliers.constraints)
    d = dual(lambda x: x, 1.0, subject_to=(lambda x: x**2, None, 0))
    values = [d.function([t]).value for t in (1.0, 10.0, 100.0)]
    r.expect("min x: g(l) = -1/(4l), l = 1, 10, 100", np.array(values), [-0.25, -0.025, -0.0025], atol=1e-12)
    r.holds("no multiplier attains p* = 0 :: 没有乘子达到 p* = 0", not d.attained)
    return Outcome.PROVED
