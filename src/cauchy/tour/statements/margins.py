"""Lesson 7: support vector machines as a constrained optimum, with its certificate in fractions."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from scipy.optimize import minimize

from ...calculus.differentiate import derivative, grad, jacobian
from ...learn.svm import Margin, maximum_margin, readings
from ..statement import Mismatch, Outcome, Report, statement
from .gradients import bearing_search

POINTS, LABELS = [[0, 0], [1, 2], [2, 1]], [-1, 1, 1]
SIX = [[-1, -1], [-3, -1], [0, 0], [3, 3], [1, 2], [2, 1]]
INTENDED, LITERAL = [-1, -1, -1, 1, 1, 1], [-1, -1, 1, 1, 1, 1]
THIRDS = Fraction(2, 3), Fraction(4, 9), Fraction(8, 9)


def plain(values: Any) -> str:
    return "(" + ", ".join(map(str, values)) + ")"


def constraints(points: Any, labels: Any) -> list[Any]:
    """g_i(a, b, c) = y_i (a x_i + b y_i + c) - 1, one for each point."""
    return [lambda v, x=x, s=s: s * (v[0] * x[0] + v[1] * x[1] + v[2]) - 1 for x, s in zip(points, labels, strict=True)]


def line(found: Margin) -> list[Any]:
    return [*found.w, found.b]


def same(r: Report, what: str, got: Any, want: Any) -> None:
    """Fractions, compared exactly and shown as they are written."""
    if list(got) != list(want):
        raise Mismatch(f"{what}: computed {plain(got)}, claimed {plain(want)}")
    r.show(what, plain(got))


@statement("S51")
def distance(r: Report) -> Outcome:
    found = maximum_margin(POINTS, LABELS, exact=True)
    a, b, c = found.line()
    same(r, "the line, in whole numbers :: 直线（整系数）", (a, b, c), (2, 2, -3))
    squares = [Fraction((a * x + b * y + c) ** 2, a * a + b * b) for x, y in POINTS]
    same(r, "squared distances of the points :: 各点距离的平方", squares, [Fraction(9, 8)] * 3)
    for x, y in POINTS:
        foot = minimize(lambda p, x=x, y=y: (p[0] - x) ** 2 + ((-c - a * p[0]) / b - y) ** 2, [0.0], tol=1e-14)
        r.expect(
            f"nearest point to ({x}, {y}) :: 到 ({x}, {y}) 的最短距离", foot.fun**0.5, 1.0606601717798212, rtol=1e-8
        )
    return Outcome.PROVED


@statement("S52")
def three_points(r: Report) -> Outcome:
    found = maximum_margin(POINTS, LABELS, exact=True).require()
    two, _, eight = THIRDS
    same(r, "(a, b, c)", line(found), [two, two, -1])
    same(r, "a² + b²", [found.objective], [eight])
    same(r, "margins :: 间隔", found.margins, [1, 1, 1])
    g = [c(line(found)) for c in constraints(POINTS, LABELS)]
    r.holds("g ≥ 0, λ ≥ 0, λg = 0 :: g ≥ 0，λ ≥ 0，λg = 0", min(*g, *found.multipliers) >= 0 and not any(g))
    near = maximum_margin(np.array(POINTS, float), np.array(LABELS, float))
    r.expect("in doubles: a² + b² :: 双精度：a² + b²", near.objective, 8 / 9, rtol=1e-14)
    r.holds(
        "in doubles: gap, rounding included, below 1e-12 :: 双精度：间隙（含舍入）小于 1e-12",
        near.gap + near.rounding < 1e-12,
    )
    return Outcome.PROVED


@statement("S53")
def multipliers(r: Report) -> Outcome:
    found = maximum_margin(POINTS, LABELS, exact=True)
    _, four, eight = THIRDS
    same(r, "λ of L = f - Σλg :: L = f - Σλg 的 λ", found.multipliers, [eight, four, four])
    for sign, lam in ((-1, found.multipliers), (1, [-m for m in found.multipliers])):
        lagrangian = lambda v, sign=sign, lam=lam: (
            v[0] ** 2
            + v[1] ** 2
            + sum(sign * float(m) * c(v) for m, c in zip(lam, constraints(POINTS, LABELS), strict=True))
        )
        name = "f - Σλg" if sign < 0 else "f + Σλg"
        r.expect(
            f"gradient of {name} :: {name} 的梯度",
            grad(lagrangian)(np.array([2 / 3, 2 / 3, -1.0])),
            [0, 0, 0],
            atol=1e-15,
        )
    same(r, "with the source's + sign :: 按原文的加号", [-m for m in found.multipliers], [-eight, -four, -four])
    return Outcome.PROVED


@statement("S54")
def slsqp(r: Report) -> None:
    limits = [{"type": "ineq", "fun": g} for g in constraints(POINTS, LABELS)]
    found = minimize(
        lambda v: v[0] ** 2 + v[1] ** 2, np.ones(3), method="SLSQP", bounds=[(-10, 10)] * 3, constraints=limits
    )
    r.holds("it reports success :: 报告成功", found.success)
    r.expect("objective :: 目标函数值", found.fun, 8 / 9, atol=1e-12)
    r.expect("w", found.x, [2 / 3, 2 / 3, -1], atol=1e-12)


@statement("S55")
def rounded(r: Report) -> Outcome:
    found = maximum_margin(POINTS, LABELS, exact=True)
    same(r, "the exact line :: 精确的直线", found.line(), (2, 2, -3))
    near = [Fraction("0.67"), Fraction("0.67"), Fraction(-1)]
    slack = [g(near) for g in constraints(POINTS, LABELS)]
    same(
        r,
        "slacks of 0.67x + 0.67y - 1 = 0 :: 0.67x + 0.67y - 1 = 0 的余量",
        slack,
        [0, Fraction(1, 100), Fraction(1, 100)],
    )
    same(r, "its objective :: 其目标函数值", [near[0] ** 2 + near[1] ** 2], [Fraction(8978, 10000)])
    r.say(
        "The rounded line satisfies the constraints and is not the optimum: .8978 > 8/9. The line is 2x + 2y - 3 = 0 "
        "scaled by 1/3; 0.67 is 2/3 rounded, and moves it.",
        "舍入后的直线满足约束，但不是最优：0.8978 > 8/9。"
        "精确直线为 2x + 2y - 3 = 0（除以 3）；0.67 是 2/3 的舍入，直线因此移动。",
    )
    return Outcome.REFUTED


@statement("S56")
def generated(r: Report) -> None:
    for points, labels in ((POINTS, LABELS), (SIX, INTENDED)):
        g = constraints(points, labels)
        n = r.expect(f"{len(points)} points: constraints :: {len(points)} 个点：约束个数", len(g), len(points))
        limits = [{"type": "ineq", "fun": c} for c in g]
        found = minimize(lambda v: v[0] ** 2 + v[1] ** 2, np.ones(3), method="SLSQP", constraints=limits)
        r.expect(f"N = {n}: objective :: N = {n}：目标函数值", found.fun, 8 / 9, atol=1e-9)


@statement("S57")
def support(r: Report) -> Outcome:
    found = maximum_margin(SIX, INTENDED, exact=True)
    same(r, "support points :: 支持点", [tuple(SIX[i]) for i in found.support], [(0, 0), (1, 2), (2, 1)])
    r.holds(
        "on the margin, λ > 0 :: 在边界上且 λ > 0",
        all(found.margins[i] == 1 < 1 + found.multipliers[i] for i in found.support),
    )
    half = [sum(m * s * x[k] for m, s, x in zip(found.multipliers, INTENDED, SIX, strict=True)) / 2 for k in (0, 1)]
    same(r, "w = Σλyx/2, from them alone :: 仅由它们得 w = Σλyx/2", half, found.w)
    r.picture(lambda: _machine().plot(np.array(SIX, float), np.array(INTENDED)))
    return Outcome.PROVED


def _machine() -> Any:
    from ...learn.svm import SVC

    return SVC(kernel="linear", C=np.inf).fit(np.array(SIX, float), INTENDED)


@statement("S58")
def six_points(r: Report) -> Outcome:
    found = readings(SIX, {"(0, 0) → -1": INTENDED, "(0, 0) → +1": LITERAL})
    one, other = found.solutions.values()
    two, four, eight = THIRDS
    same(r, "(a, b, c)", line(one), [two, two, -1])
    same(r, "λ", one.multipliers, [0, 0, eight, 0, four, four])
    same(r, "margins :: 间隔", one.margins, [Fraction(7, 3), Fraction(11, 3), 1, 3, 1, 1])
    same(
        r,
        "read literally, (0,0) in the second class :: 按字面（(0,0) 属第二类）",
        [*line(other), other.objective],
        [1, 1, 1, 2],
    )
    same(r, "margins then :: 此时的间隔", other.margins, [1, 3, 1, 7, 4, 4])
    r.holds(
        "the two readings differ, and it is said :: 两种读法结果不同，并已指出",
        not found.agree and found.disputed == (2,),
    )
    r.say(
        "The new points (-1,-1), (-3,-1), (3,3) lie beyond the margin: multipliers 0, so nothing changes. The text can "
        "be read otherwise: with (0,0) in the second class the line is x + y + 1 = 0.",
        "新增的 (-1,-1)、(-3,-1)、(3,3) 在间隔之外，乘子为 0，解因此不变。"
        "原文另有一读：若 (0,0) 属第二类，则直线为 x + y + 1 = 0。",
    )
    return Outcome.PROVED


@statement("S59")
def all_partials_zero(r: Report) -> Outcome:
    # unknowns a, b, c, six multipliers: L = f - sum lambda g; partials in the multipliers say g = 0 for every point
    rows = [[*(s * v for v in x), s] for x, s in zip(SIX, INTENDED, strict=True)]
    matrix = [
        [2, 0, 0, *(-row[0] for row in rows)],
        [0, 2, 0, *(-row[1] for row in rows)],
        [0, 0, 0, *(-row[2] for row in rows)],
    ]
    matrix += [[*row, *[0] * 6] for row in rows]
    right = [0, 0, 0, *[1] * 6]
    # a combination of the equations that reads 0 = 1: the first three points fix the line, and the fourth is not on it
    proof = contradiction(matrix, right)
    r.holds("a combination of the nine equations reads 0 = 1 :: 九个方程的某个组合给出 0 = 1", proof is not None)
    r.show("its coefficients :: 组合系数", plain(proof or ()))
    found = maximum_margin(SIX, INTENDED, exact=True)
    slack = [m - 1 for m in found.margins]
    r.holds(
        "λg = 0 at the solution :: 在解处 λg = 0", not any(m * g for m, g in zip(found.multipliers, slack, strict=True))
    )
    r.say(
        "All nine equations together have no solution: they would put all six points on the margin. What holds is "
        "λ = 0 or g = 0 for each point (complementary slackness).",
        "九个方程联立无解：它们要求六个点都在间隔边界上。实际成立的是每个点 λ = 0 或 g = 0（互补松弛）。",
    )
    return Outcome.REFUTED


def contradiction(A: list[list[int]], b: list[int]) -> list[Fraction] | None:
    """z with z'A = 0 and z'b = 1, by elimination in fractions; None where A x = b has a solution."""
    n = len(A)
    rows = [
        [Fraction(v) for v in (*row, t)] + [Fraction(int(i == k)) for k in range(n)]
        for i, (row, t) in enumerate(zip(A, b, strict=True))
    ]
    width, top = len(A[0]), 0
    for column in range(width):
        pivot = next((i for i in range(top, n) if rows[i][column]), None)
        if pivot is None:
            continue
        rows[top], rows[pivot] = rows[pivot], rows[top]
        for i in range(top + 1, n):
            factor = rows[i][column] / rows[top][column]
            rows[i] = [u - factor * v for u, v in zip(rows[i], rows[top], strict=True)]
        top += 1
    bad = next((row for row in rows[top:] if row[width]), None)
    if bad is None:
        return None
    z = [v / bad[width] for v in bad[width + 1 :]]
    combined = [sum(zi * Fraction(row[k]) for zi, row in zip(z, A, strict=True)) for k in range(width)]
    return z if not any(combined) and sum(zi * t for zi, t in zip(z, b, strict=True)) == 1 else None


@statement("S64")
def reader(r: Report) -> None:
    found = maximum_margin(SIX, INTENDED, exact=True)
    same(
        r,
        "inactive constraints, λ = 0 :: 不起作用的约束，λ = 0",
        [tuple(SIX[i]) for i in found.inactive],
        [(-1, -1), (-3, -1), (3, 3)],
    )
    # 'x = infinity is the maximum of log x'
    slope = derivative(np.log)
    r.holds(
        "log x: slope > 0 at every x = 10ᵏ, no maximum :: log x：x = 10ᵏ 处斜率均 > 0，无最大值",
        all(slope(10.0**k) > 0 for k in range(300)),
    )
    # 'the Jacobian is dz[l]'
    z, da = np.array([0.3, -1.2, 2.0]), np.array([1.0, -0.5, 0.25])
    sigmoid = lambda v: 1 / (1 + np.exp(-v))
    J = jacobian(sigmoid)(z)
    dz = da * sigmoid(z) * (1 - sigmoid(z))
    r.expect("dz = Jᵀ da", dz, J.T @ da, rtol=1e-15, atol=1e-16)
    r.expect("J is 3×3, dz has 3 entries :: J 为 3×3，dz 为 3 个数", [*J.shape, *dz.shape], [3, 3, 3])
    # the gradient of x^2 + y^2 at (1, 1)
    _, x, y = bearing_search(lambda v: v[0] ** 2 + v[1] ** 2, 1, 1)
    exact = grad(lambda v: v[0] ** 2 + v[1] ** 2)(np.array([1.0, 1.0]))
    error = r.expect("gradient: error :: 梯度：误差", np.abs([x, y] - exact), [7.07e-5] * 2, rtol=1e-3)
    r.expect("= step/√2 :: = 步长/√2", error, [1e-4 / np.sqrt(2)] * 2, rtol=1e-5)
    r.say(
        "Marked: the SVM is the same since the new constraints are inactive. 'x = ∞' is wrong: log has no maximum. "
        "'dz[l]' is half right: a vector times the Jacobian, not the Jacobian. The gradient is right, up to the step.",
        "批改：新约束不起作用，故支持向量机不变。“x = ∞”错误：log 无最大值。"
        "“dz[l]”对一半：它是向量与雅可比矩阵之积，并非雅可比矩阵。梯度正确，误差源于步长。",
    )
