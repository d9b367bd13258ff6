"""Constrained minima: Lagrange multipliers and the conditions of Karush, Kuhn and Tucker."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from ... import figure
from ...optimize.certificate import certify_optimum
from ...optimize.certificate.prove import prove_optimum
from ...optimize.lagrange import CriticalPoint, lagrange
from ...proof import Verdict
from ..statement import Outcome, Report, statement


def square(x: Any) -> Any:
    return x[0] ** 2 + x[1] ** 2


@statement("S87")
def lagrange_multipliers(r: Report) -> Outcome:
    found = lagrange(square, [1.0, 0.0], subject_to=(lambda x: x[0] + x[1], 1, 1))
    r.show("L", "x² + y² + λ (x + y - 1)")
    r.holds("all stationary points, exactly :: 精确求得全部驻点", found.verdict is Verdict.PROVED)
    (point,) = found.points
    r.expect("x", point.x, [0.5, 0.5])
    r.expect(
        "multiplier for L = f + λ (x + y - 1) :: 对应于 L = f + λ (x + y - 1) 的乘子",
        point.multipliers.constraints,
        [-1.0],
    )
    r.holds("a minimum of f on the line :: f 在直线上的极小点", point.kind == "minimum")
    r.holds("and a saddle point of L :: 同时是 L 的鞍点", point.saddle_of_lagrangian)
    r.show("eigenvalues of the Hessian of L :: L 的海森矩阵的特征值", point.eigenvalues)
    r.plot(lambda made, axes: _line_and_circles(axes, point), size=(4.5, 4.5))
    return Outcome.PROVED


def _line_and_circles(axes: Any, point: CriticalPoint) -> None:
    """Level curves of f, the line, and both gradients where the line touches a level curve."""
    u = np.linspace(-0.6, 1.6, 200)
    x, y = np.meshgrid(u, u)
    axes.contour(x, y, x**2 + y**2, levels=[0.1, 0.25, 0.5, 1.0, 2.0], colors=figure.GRAY, linewidths=0.8)
    axes.plot(u, 1 - u, color=figure.BLUE, label="x + y = 1")
    axes.plot(*point.x, "o", color=figure.RED)
    for vector, color, name in (((1.0, 1.0), figure.RED, "∇f"), ((-1.0, -1.0), figure.GREEN, "λ ∇c")):
        axes.annotate("", point.x + 0.5 * np.array(vector), point.x, arrowprops={"arrowstyle": "->", "color": color})
        axes.text(*(point.x + 0.55 * np.array(vector)), name, color=color, ha="center", va="center")
    axes.set(xlim=(-0.6, 1.6), ylim=(-0.6, 1.6), aspect="equal", xlabel="x", ylabel="y")
    axes.legend(loc="upper right")


@statement("S90")
def karush_kuhn_tucker(r: Report) -> Outcome:
    classes = [((0, 0), -1), ((1, 2), 1), ((2, 1), 1)]
    rows = [(lambda w, p=p, s=s: s * (w[0] * p[0] + w[1] * p[1] + w[2]), 1, np.inf) for p, s in classes]
    c = prove_optimum(square, [Fraction(2, 3), Fraction(2, 3), -1], subject_to=rows)
    assert c.exact is not None
    residuals = {
        "stationarity :: 驻点性": c.exact.stationarity,
        "primal feasibility :: 原始可行性": c.exact.violation,
        "dual feasibility :: 对偶可行性": c.exact.dual,
        "complementarity :: 互补松弛性": c.exact.complementarity,
    }
    for name, rest in residuals.items():
        r.expect(name, rest, Fraction(0))
    r.expect("f", c.exact.fun, Fraction(8, 9))
    multipliers = [-m for m in c.exact.constraints]
    r.expect("multipliers :: 乘子", multipliers, [Fraction(8, 9), Fraction(4, 9), Fraction(4, 9)])
    r.holds(
        "convex, so the minimum is global :: 问题是凸的，故为全局极小点",
        c.scope == "global" and c.verdict is Verdict.PROVED,
    )
    return Outcome.PROVED


@statement("S120")
def generalized_lagrangian(r: Report) -> None:
    (point,) = lagrange(lambda x: x**2, 1.0, subject_to=(lambda x: x, 1, 1)).points
    r.expect(
        "L = x² + λ (x - 1): eigenvalues of [[2, 1], [1, 0]] :: L = x² + λ (x - 1)：[[2, 1], [1, 0]] 的特征值",
        point.eigenvalues, [1 - np.sqrt(2), 1 + np.sqrt(2)], rtol=1e-14,
    )  # fmt: skip
    r.holds("the stationary point of L is a saddle :: L 的驻点是鞍点", point.saddle_of_lagrangian)
    at_most = certify_optimum(lambda x: (x[0] - 3) ** 2, [1.0], subject_to=(lambda x: x[0], None, 1))
    at_least = certify_optimum(lambda x: (x[0] + 3) ** 2, [1.0], subject_to=(lambda x: x[0], 1, None))
    r.expect("(x - 3)², x ≤ 1: multiplier ≥ 0 :: (x - 3)²，x ≤ 1：乘子 ≥ 0", at_most.constraints, [4.0])
    r.expect("(x + 3)², x ≥ 1: multiplier ≤ 0 :: (x + 3)²，x ≥ 1：乘子 ≤ 0", at_least.constraints, [-8.0])
    r.say(
        "With L = f + Σ λᵢ gᵢ the sign of a multiplier belongs to the side: at least 0 for g ≤ 0, at most 0 for g ≥ 0.",
        "取 L = f + Σ λᵢ gᵢ 时，乘子的符号取决于约束的方向：g ≤ 0 时乘子非负，g ≥ 0 时乘子非正。",
    )


@statement("S121")
def dual_feasibility(r: Report) -> Outcome:
    constraint = (lambda x: x[0], None, 1)
    c = certify_optimum(lambda x: x[0] ** 2, [1.0], subject_to=constraint, multipliers=[-2.0])
    r.expect(
        "min x², x ≤ 1, at x = 1 with λ = -2: stationarity :: min x²，x ≤ 1，在 x = 1、λ = -2 处：驻点性",
        c.stationarity,
        0.0,
    )
    r.expect("violation :: 违反量", c.violation, 0.0)
    r.expect("slack times multiplier :: 松弛量乘以乘子", c.complementarity, 0.0)
    r.holds(
        "multiplier of the wrong sign: rejected :: 乘子符号错误：不予接受", c.verdict is Verdict.REFUTED and c.dual > 0
    )
    assert c.better is not None
    r.show("a better feasible point nearby :: 附近更好的可行点", c.better.x)
    proof = prove_optimum(lambda x: x[0] ** 2, [1], subject_to=constraint)
    r.holds("refuted without rounding :: 在精确算术中被推翻", proof.verdict is Verdict.REFUTED)
    good = certify_optimum(lambda x: x[0] ** 2, [0.0], subject_to=constraint)
    r.holds("x = 0 is certified :: x = 0 通过核验", good.certified)
    trap = certify_optimum(
        lambda x: (x[0] - 2) ** 2 + x[1] ** 2, [1.0, 0.0], bounds=[(0, None), (0, None)],
        subject_to=(lambda x: (1 - x[0]) ** 3 - x[1], 0, None),
    )  # fmt: skip
    r.holds(
        "(x - 2)² + y², y ≤ (1 - x)³, x, y ≥ 0: no multipliers at the minimum (1, 0)"
        " :: (x - 2)² + y²，y ≤ (1 - x)³，x、y ≥ 0：极小点 (1, 0) 处无乘子",
        trap.kind == "qualification",
    )
    r.say(
        "Without dual feasibility the list accepts x = 1, where f = 1 > 0. And what it lists is necessary only where a"
        " constraint qualification holds.",
        "若缺少对偶可行性，则会接受 x = 1，而该处 f = 1 > 0。此外，只有在约束规范成立时，这些条件才是必要的。",
    )
    return Outcome.REFUTED
