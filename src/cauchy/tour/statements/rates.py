"""Lesson 1 and the chapter on numerical derivatives: rates of change, steps, and what rounding does to them."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

from ...calculus.difference import Method, difference, step_study
from ...calculus.differentiate import derivative, grad
from ...errors import DomainError
from ...optimize.minimize import minimize
from ...optimize.status import Status
from ...tracer import trace
from ..statement import Outcome, Report, statement

D = 1e-4
NAMES = {"forward": "前向", "central": "中心"}
X = np.linspace(-10, 10, 500)


def square(x: Any) -> Any:
    return x**2


def cubic(x: Any) -> Any:
    return x**3 - 2 * x**2 + 1


def forward(f: Any, x: Any, h: float) -> Any:
    return difference(f, x, "forward", step=h, elementwise=True).value


def symbolic(f: Any, at: float = 1.5) -> tuple[Any, Any]:
    """The function as a SymPy expression read off its graph, and its variable."""
    formula = trace(f, at).sympy()
    (x,) = formula.free_symbols
    return formula, x


@statement("S01")
def forward_quotient(r: Report) -> None:
    q = forward(square, X, D)
    r.holds(
        "|quotient - (2x + d)| <= 1e-9 at all 500 points :: 500 个点上 |差商 - (2x + d)| <= 1e-9",
        np.all(np.abs(q - (2 * X + D)) <= 1e-9),
    )
    r.expect("first and last :: 首尾两点", q[[0, -1]], [-19.99990000001617, 20.000099999890608])


@statement("S02")
def limit_of_the_quotient(r: Report) -> Outcome:
    import sympy

    h = sympy.Symbol("h")
    for name, f, want in (("x²", square, lambda x: 2 * x), ("x³-2x²+1", cubic, lambda x: 3 * x**2 - 4 * x)):
        formula, x = symbolic(f)
        limit = sympy.limit((formula.subs(x, x + h) - formula) / h, h, 0)
        r.show(f"limit of the quotient of {name} :: {name} 的差商的极限", sympy.expand(limit))
        r.holds("as claimed :: 与所述一致", sympy.expand(limit - want(x)) == 0)
    return Outcome.PROVED


@statement("S03")
def power_rule(r: Report) -> Outcome:
    import sympy

    def right(n: float) -> bool:
        formula, x = symbolic(lambda x: x**n)
        exact = sympy.nsimplify(n)
        slope = derivative(lambda x: x**n)(1.7)
        by_rule = sympy.simplify(formula.diff(x) - exact * x ** (exact - 1)) == 0
        return bool(by_rule and abs(slope / (n * 1.7 ** (n - 1)) - 1) <= 1e-15)

    r.holds(
        "n = -3, ..., 7 and 1/2 :: n = -3, ..., 7 及 1/2", all(right(n) for n in (*range(-3, 0), *range(1, 8), 0.5))
    )
    r.expect("n = 0", derivative(lambda x: x**0)(1.7), 0.0)
    graph = trace(lambda x, n: x**n, 1.7, 2.5).sympy()
    x, n = (next(s for s in graph.free_symbols if s.name == k) for k in "xn")
    r.holds("n symbolic :: n 为符号", sympy.simplify(graph.diff(x) - n * x ** (n - 1)) == 0)
    return Outcome.PROVED


def two_panels(r: Report, f: Any, title: str) -> Any:
    """f on the left; on the right its derivative, by quotient and by formula."""
    zh = r.lang == "zh"

    def draw(figure: Any, axes: Any) -> None:
        axes[0].plot(X, f(X))
        axes[0].set_title(title)
        axes[1].plot(X, forward(f, X, D), label="变化率" if zh else "rate of change", alpha=0.6)
        axes[1].plot(X, derivative(f)(X), "--", label="公式" if zh else "formula")
        axes[1].set_title("y=f'(x)")
        axes[1].legend()

    return r.plot(draw, size=(9, 3.6), columns=2)


@statement("S04")
def lesson_one_figure(r: Report) -> None:
    made = two_panels(r, square, "y=f(x)")
    r.expect("points in each line :: 每条线的点数", X.size, 500)
    if made is not None:
        left, right = made.axes
        r.expect("titles :: 标题", [a.get_title() for a in made.axes], ["y=f(x)", "y=f'(x)"])
        r.expect("lines left, right :: 左右线条数", [len(left.lines), len(right.lines)], [1, 2])
        r.holds(
            "500 points each :: 各 500 点", all(line.get_xdata().size == 500 for a in made.axes for line in a.lines)
        )
        r.expect("entries of the legend :: 图例条目数", len(right.get_legend().get_texts()), 2)
        r.holds("every character has a glyph :: 每个字符都有字形", True)  # `plot` raises where one is missing


@statement("S05")
def curves_coincide(r: Report) -> Outcome:
    offset = forward(square, X, D) - 2 * X
    r.expect("mean of quotient - 2x :: 差商 - 2x 的平均", offset.mean(), 1.0000000265736916e-4, rtol=1e-12)
    r.expect("largest rounding residue :: 最大舍入残差", np.abs(offset - D).max(), 1.58355e-10, rtol=1e-4)
    r.say(
        "The curves do not coincide: the quotient lies above by the step d.",
        "两条曲线并不重合：差商整体偏高一个步长 d。",
    )
    return Outcome.REFUTED


@statement("S06")
def smaller_is_better(r: Report) -> Outcome:
    for d, want in ((1e-4, 20.000099999890608), (1e-14, 21.316282072803006), (1e-15, 42.63256414560601)):
        r.expect(f"d = {d:g}", float(difference(square, 10.0, "forward", step=d).value), want)
    r.expect("d = 8e-16", (square(10.0 + 8e-16) - square(10.0)) / 8e-16, 0.0)
    r.raises(
        "d = 8e-16, asked of the library :: d = 8e-16，问本库",
        DomainError,
        lambda: difference(square, 10.0, "forward", step=8e-16),
    )
    study = step_study(square, 10.0, "forward", truth=20.0)
    r.show("best forward step :: 最佳前向步长", f"{study.best_step:.1e}")
    r.plot(lambda figure, axes: study.plot(axes, lang=r.lang), size=(6, 4))
    automatic = difference(square, 10.0)
    r.expect("automatic step :: 自动步长", float(automatic.value), 20.0, atol=1e-6)
    r.say(
        "Below the best step rounding takes over: the smaller the step, the worse, until x + d == x.",
        "步长小于最佳值后舍入误差占上风：越小越差，直到 x + d == x。",
    )
    return Outcome.REFUTED


@statement("S07")
def task_one(r: Report) -> Outcome:
    import sympy

    formula, x = symbolic(cubic)
    d = sympy.Symbol("d")
    r.holds("f' = 3x² - 4x = x(3x - 4)", sympy.expand(formula.diff(x) - x * (3 * x - 4)) == 0)
    quotient = (formula.subs(x, x + d) - formula) / d - formula.diff(x)
    r.holds(
        "quotient - f' = d(3x - 2) + d² :: 差商 - f' = d(3x - 2) + d²",
        sympy.simplify(quotient - d * (3 * x - 2) - d**2) == 0,
    )
    deviation = forward(cubic, X, D) - derivative(cubic)(X)
    k = int(np.argmax(np.abs(deviation)))
    r.expect("largest deviation :: 最大偏差", abs(deviation[k]), 0.00319999011, atol=5e-9)
    r.expect("at x = :: 所在 x =", X[k], -10.0)
    r.expect(
        "range of f' :: f' 的范围", [derivative(cubic)(2 / 3), derivative(cubic)(-10.0)], [-4 / 3, 340.0], rtol=1e-15
    )
    r.expect("range of f :: f 的范围", [cubic(-10.0), cubic(10.0)], [-1199.0, 801.0])
    two_panels(r, cubic, "$y=x^3-2x^2+1$")
    return Outcome.PROVED


@statement("S69")
def results_will_not_agree(r: Report) -> Outcome:
    deviation = forward(cubic, X, D) - derivative(cubic)(X)
    r.expect("largest deviation :: 最大偏差", np.abs(deviation).max(), 3.2e-3, atol=1e-5)
    r.expect(
        "relative to the range of f' :: 相对于 f' 的范围", np.abs(deviation).max() / (340 + 4 / 3), 9.4e-6, atol=5e-8
    )
    r.say("They agree to d(3x-2) + d², which the eye cannot see.", "二者之差仅为 d(3x-2)+d²，肉眼无法察觉。")
    return Outcome.REFUTED


@statement("S73")
def exponential_collapses(r: Report) -> None:
    t = np.linspace(0, 100, 1001)
    r.expect(
        "half the gap between doubles at 100 :: 100 附近双精度数间距的一半", math.ulp(100.0) / 2, 7.105427357601002e-15
    )
    tiny = (np.exp(t + 1e-15) - np.exp(t)) / 1e-15
    zeros = t + 1e-15 == t
    r.expect("zero quotients with h = 1e-15 :: h = 1e-15 时为零的差商个数", int(np.sum(tiny == 0)), 841)
    r.expect("the first at x = :: 首次出现于 x =", float(t[tiny == 0][0]), 16.0)
    r.holds("they are zero exactly where x + h == x :: 恰在 x + h == x 处为零", np.array_equal(tiny == 0, zeros))
    quotient = forward(np.exp, t, 1e-4)
    r.holds("h = 1e-4: no zero :: h = 1e-4：没有零", np.all(quotient > 0))
    r.expect("and relative error :: 相对误差", np.max(np.abs(quotient / np.exp(t) - 1)), 5.0e-5, rtol=0.02)
    above, below = np.exp(t + 1e-4), np.exp(t)
    condition = (above + below) / (above - below)
    r.expect(
        "condition of the subtraction, least and largest :: 相减的条件数，最小与最大",
        [condition.min(), condition.max()],
        [2e4, 2e4],
        rtol=1e-8,
    )
    r.say("The condition of the subtraction is 2/h, whatever x is.", "相减的条件数为 2/h，与 x 无关。")


@statement("S75")
def tangent(r: Report) -> None:
    slope = r.expect("slope of x² at 3 :: x² 在 3 处的斜率", derivative(square)(3.0), 6.0)
    r.expect("tangent y = 6x + c, c = :: 切线 y = 6x + c，c =", square(3.0) - slope * 3.0, -9.0)


@statement("S80")
def automatic(r: Report) -> None:
    f = lambda v: v[0] * v[1] + np.sin(v[0])
    r.expect(
        "grad of x1 x2 + sin x1 at (2,3) :: x1 x2 + sin x1 在 (2,3) 处的梯度",
        grad(f)(np.array([2.0, 3.0])),
        [2.5838531634528574, 2.0],
    )


@statement("S124")
def underflow_in_single(r: Report) -> Outcome:
    r.expect("float32(1e-50)", float(np.float32(1e-50)), 0.0)
    tie = r.expect("ties to zero at 2^-150 :: 舍入到零的临界值 2^-150", 2.0**-150, 7.006492321624085e-46)
    r.holds("just above it does not vanish :: 略大于它则不为零", np.float32(tie * 1.01) > 0 and np.float32(tie) == 0)
    r.expect("relative error :: 相对误差", abs(float(np.float32(1e-50)) - 1e-50) / 1e-50, 1.0)
    r.expect("least subnormal :: 最小非规格化数", float(np.nextafter(np.float32(0), np.float32(1))), 1.4e-45, rtol=0.01)
    r.expect("NumPy prints :: NumPy 输出", repr(np.float32(1e-50)), "np.float32(0.0)")
    r.say(
        "This is underflow: a relative error of 100 %, not a rounding error.",
        "这是下溢：相对误差 100%，并非普通舍入误差。",
    )
    return Outcome.REFUTED


@statement("S125")
def central_quotient(r: Report) -> Outcome:
    r.expect(
        "x³-2x²+1 at 1, h=1e-4 :: x³-2x²+1 在 1 处，h=1e-4",
        float(difference(cubic, 1.0, "central", step=1e-4).value),
        -0.9999999899990009,
    )
    third = derivative(cubic, order=3)(1.0)
    r.expect("error = h²/6 f''' :: 误差 = h²/6 f'''", 1e-8 / 6 * third, -0.9999999899990009 + 1, rtol=1e-3)
    r.expect("the exact derivative :: 准确的导数", derivative(cubic)(1.0), -1.0)
    r.expect("with h - h for x - h :: 把 x - h 写成 h - h", (cubic(1.0 + 1e-4) - cubic(0.0)) / 2e-4, -5000.5, atol=0.01)
    r.say("(h - h) in the text is 0; the denominator is 2h.", "文中的 (h-h) 等于 0；分母应为 2h。")
    return Outcome.REFUTED


@statement("S126")
def forward_versus_central(r: Report) -> None:
    truth = math.cos(1.0)
    for method, want in (("forward", 4.2074e-5), ("central", 9.004e-10)):
        got = float(difference(np.sin, 1.0, method, step=1e-4).value)  # pyright: ignore[reportArgumentType]
        r.expect(f"error at h=1e-4, {method} :: h=1e-4 时的误差，{NAMES[method]}", abs(got - truth), want, rtol=2e-3)
    best_steps: tuple[tuple[Method, float], ...] = (("forward", 7e-9), ("central", 8e-6))
    for method, want in best_steps:
        study = step_study(np.sin, 1.0, method, truth=truth)
        best = r.show(f"best step, {method} :: 最佳步长，{NAMES[method]}", study.best_step)
        r.holds(f"about {want:g} :: 约为 {want:g}", want / 3 <= best <= 3 * want)


@statement("S127")
def numerical_diff(r: Report) -> None:
    r.expect("x² at 3.0 :: x² 在 3.0 处", float(difference(square, 3.0, "central", step=1e-4).value), 6.000000000012662)


@statement("S128")
def error_free(r: Report) -> Outcome:
    rounded = 2 * 0.3
    exact = 2 * Fraction(3, 10)
    r.show("2x at x = 3/10, exactly :: x = 3/10 处的 2x，精确值", exact)
    r.show("the double nearest to it, exactly :: 最接近的双精度数，精确值", Fraction(rounded))
    r.holds("they differ :: 二者不同", Fraction(rounded) != exact)
    r.say("An analytic derivative is free of truncation, not of rounding.", "解析导数没有截断误差，但仍有舍入误差。")
    return Outcome.REFUTED


def in_place(f: Any, x: np.ndarray) -> np.ndarray:
    """Central quotients as the listing takes them: each coordinate shifted inside the caller's array."""
    slopes = np.zeros_like(x)
    for i in range(len(x)):
        kept = x[i]
        x[i] = kept + 1e-4
        above = f(x)
        x[i] = kept - 1e-4
        slopes[i] = (above - f(x)) / 2e-4
        x[i] = kept
    return slopes


@statement("S129")
def numerical_gradient(r: Report) -> None:
    f = lambda v: np.sum(v**2)
    r.expect(
        "at (3.,4.) :: 在 (3.,4.) 处",
        difference(f, [3.0, 4.0], "central", step=1e-4).value,
        [6.00000000000378, 7.999999999999119],
    )
    r.expect("the listing, at integers (3,4) :: 原代码在整数 (3,4) 处", in_place(f, np.array([3, 4])), [25000, 35000])
    r.expect(
        "the listing, at a column :: 原代码在列向量处", in_place(f, np.array([[3.0], [4.0]])), [[3.0], [4.0]], rtol=1e-4
    )
    ints = np.array([3, 4])
    r.expect(
        "at integers (3,4), cast :: 在整数 (3,4) 处（转为浮点）",
        difference(f, ints, "central", step=1e-4).value,
        [6.0, 8.0],
        rtol=1e-11,
    )
    r.holds("the input is untouched :: 输入未被改动", np.array_equal(ints, [3, 4]))
    r.expect(
        "2-D input :: 二维输入",
        difference(f, np.array([[3.0], [4.0]]), "central", step=1e-4).value,
        [[6.0], [8.0]],
        rtol=1e-11,
    )


@statement("S133")
def simultaneous(r: Report) -> Outcome:
    f = lambda v: v[0] ** 2 + v[0] * v[1] + v[1] ** 2
    g = grad(f)
    once = minimize(f, np.ones(2), method="gradient-descent", rate=0.1, max_iterations=1)
    r.expect(
        "simultaneous update from (1,1), rate .1 :: 同时更新，从 (1,1) 出发，学习率 .1", once.x, [0.7, 0.7], rtol=1e-15
    )
    v = np.ones(2)
    v[0] -= 0.1 * g(v)[0]
    v[1] -= 0.1 * g(v)[1]
    r.expect("sequential, as printed :: 照原文逐个更新", v, [0.7, 0.73], rtol=1e-15)
    r.say(
        "Updating one coordinate after the other uses a stale point for the first only: another method.",
        "逐个坐标更新时第二个分量用的是已改变的点：这是另一种算法。",
    )
    return Outcome.REFUTED


def quotient_gradient(f: Any, x: np.ndarray) -> np.ndarray:
    return difference(f, x, "central", step=1e-4).value


@statement("S134")
def descent_listing(r: Report) -> None:
    f = lambda v: v[0] ** 2 + v[1] ** 2
    for rate, want in (
        (0.1, [-6.111107928998789e-10, 8.148143905314271e-10]),
        (0.01, [-0.39785866768397027, 0.5304782235783754]),
    ):
        start = np.array([-3.0, 4.0])
        x = start
        for _ in range(100):
            x = x - rate * quotient_gradient(f, x)
        r.expect(f"100 steps, rate {rate} :: 100 步，学习率 {rate}", x, want, rtol=1e-12)
        r.holds("the start is untouched :: 初值未被改动", np.array_equal(start, [-3.0, 4.0]))
        ours = minimize(f, start, method="gradient-descent", rate=rate, max_iterations=100, tol=0.0)
        r.expect(
            "ours, by exact gradients :: 用精确梯度", ours.x, np.array([-3.0, 4.0]) * (1 - 2 * rate) ** 100, rtol=1e-12
        )
    start = x = np.array([-3.0, 4.0])
    x -= 0.1 * in_place(f, x)
    r.holds(
        "the listing's `x -= ...` changes the caller's array :: 原代码的 `x -= ...` 改动了调用者的数组",
        not np.array_equal(start, [-3.0, 4.0]),
    )


@statement("S135")
def learning_rates(r: Report) -> None:
    f = lambda v: v[0] ** 2 + v[1] ** 2
    run = lambda rate: minimize(f, np.array([-3.0, 4.0]), method="gradient-descent", rate=rate, max_iterations=100)
    wild = run(10.0)
    r.expect(
        "rate 10: the true iterate is (-3,4) 19^100 :: 学习率 10：真实的迭代值为 (-3,4)·19^100",
        np.abs(wild.x),
        np.array([3.0, 4.0]) * 19.0**100,
        rtol=1e-12,
    )
    r.holds("reported as divergence :: 报告为发散", wild.status is Status.DIVERGED)
    r.say(wild.describe("en"), wild.describe("zh"))
    far = np.array([-3.0, 4.0])
    for _ in range(100):
        far = far - 10.0 * in_place(f, far.copy())
    r.expect("the listing ends at :: 原代码停在", far, [-2.58983747e13, -1.29524862e12], rtol=1e-8)
    r.holds("where the listing freezes x + h == x :: 原代码停滞处 x + h == x", np.all(far + 1e-4 == far))
    r.raises("and a quotient there :: 在该处求差商", DomainError, lambda: quotient_gradient(f, far))
    r.expect("rate 1e-10 :: 学习率 1e-10", run(1e-10).x, [-2.99999994, 3.99999992], atol=5e-10)
