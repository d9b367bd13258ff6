"""Lesson 2 and the chapter on integrals: sums, areas, antiderivatives, volumes, and what readers posted."""

from __future__ import annotations

import ast
from fractions import Fraction
from typing import Any

import numpy as np

from ...calculus.explain import equivalent, explain
from ...calculus.expression import parse
from ...calculus.integrate import antiderivative, area, fundamental_defect, integrate, running_sum, volume_of_revolution
from ...calculus.picture import draw
from ...proof import Verdict
from ...tracer import trace
from ..statement import Outcome, Report, statement

X = np.arange(-10, 10, 0.1)


def line(x: Any) -> Any:
    return 2 * x


def parabola(x: Any) -> Any:
    return 3 * x**2 - 4 * x


def cubic(x: Any) -> Any:
    return x**3 - 2 * x**2


@statement("S08")
def left_sum(r: Report) -> Outcome:
    s = running_sum(line, X, dx=0.1)
    exact = s.exact()
    formula = [Fraction(n * n, 100) - Fraction(201 * n, 100) for n in range(1, 201)]
    r.holds("after N cells exactly N²/100 - 201N/100 :: N 格之后恰为 N²/100 - 201N/100", exact == formula)
    r.expect("N = 200", exact[-1], Fraction(-2))
    r.expect("floating cumsum ends at :: 浮点 cumsum 的终值", s.value[-1], -2.000000000001413)
    return Outcome.PROVED


@statement("S09")
def signed_and_unsigned(r: Report) -> None:
    a = area(line, -10, 10)
    r.expect("signed integral of 2x :: 2x 的积分（带符号）", a.signed, 0.0, atol=1e-12)
    r.expect("unsigned area :: 面积（不带符号）", a.unsigned, 200.0, rtol=1e-14)


@statement("S10")
def fundamental_theorem(r: Report) -> Outcome:
    import sympy

    t, x = sympy.symbols("t x", real=True)
    r.expect(
        "d/dx of the integral from -10 to x :: 从 -10 到 x 的积分对 x 求导",
        sympy.diff(sympy.integrate(2 * t, (t, -10, x)), x),
        2 * x,
    )
    at, slope = running_sum(line, (-10, 10), rule="trapezoid", n=200).slope()
    r.expect("numeric slope of the trapezoid sums :: 梯形和的数值斜率", slope, 2 * at, atol=1e-9)
    return Outcome.PROVED


@statement("S11")
def lesson_two_figure(r: Report) -> None:
    s = running_sum(line, X, dx=0.1)
    y = s.value
    r.expect("points :: 点数", y.size, 200)
    r.expect("first, last :: 首、尾", y[[0, -1]], [-2.0, -2.000000000001413])
    r.expect("least :: 最小值", y.min(), -101.00000000000037)
    r.expect("at x = :: 所在 x =", X[int(np.argmin(y))], -0.1, atol=1e-12)
    r.plot(lambda figure, axes: s.plot(axes), size=(6, 3.6))


@statement("S12")
def shifted_vertically(r: Report) -> Outcome:
    s = running_sum(line, X, dx=0.1)
    u = [Fraction(n, 10) - 10 for n in range(1, 201)]
    r.holds(
        "left sum at the right end u is u² - 100 - (u/10 + 1) :: 右端 u 处的左和为 u² - 100 - (u/10 + 1)",
        s.exact() == [v * v - 100 - (v / 10 + 1) for v in u],
    )
    defect = [e - (v * v - 100) for e, v in zip(s.exact(), u, strict=True)]
    r.expect("defect, first and last :: 偏差，首与尾", [float(defect[0]), float(defect[-1])], [-0.01, -2.0])
    exact = running_sum(line, (-10, 10), rule="trapezoid", n=200)
    r.expect(
        "the trapezoid rule gives u² - 100 :: 梯形法则给出 u² - 100", exact.value, exact.right**2 - 100, atol=1e-11
    )
    r.say(
        "Not a pure shift: the left rule adds a bias -(u/10+1) that grows along the curve.",
        "并非单纯平移：左端点法则另有随 u 增长的偏差 -(u/10+1)。",
    )
    return Outcome.REFUTED


@statement("S13")
def constant_of_integration(r: Report) -> Outcome:
    for text, want in (("2x", "x^2"), ("x", "x^2/2")):
        found = antiderivative(text).require()
        formula = parse(want).sympy()
        gap = found.value - formula.subs(dict.fromkeys(formula.free_symbols, found.variable))
        r.show(f"∫{text} dx", found.text(r.lang).splitlines()[0])
        r.holds(f"is {want} + C :: 即 {want} + C", gap.is_constant() or gap == 0)
    from ...calculus.differentiate import derivative

    at = np.linspace(-3, 3, 13)
    r.holds(
        "x² and x²+5 share the derivative 2x :: x² 与 x²+5 的导数同为 2x",
        np.array_equal(derivative(lambda x: x**2)(at), derivative(lambda x: x**2 + 5)(at)),
    )
    r.say("The source prints x² as the antiderivative of x; it is x²/2.", "原文把 x 的原函数写成 x²，应为 x²/2。")
    return Outcome.REFUTED


@statement("S14")
def task_two(r: Report) -> Outcome:
    found = antiderivative(parabola).require()
    r.show("antiderivative :: 原函数", found.text(r.lang).splitlines()[0])
    r.holds(
        "is x³ - 2x² + C :: 即 x³ - 2x² + C",
        np.ptp(found(np.linspace(-2, 2, 9)) - cubic(np.linspace(-2, 2, 9))) < 1e-13,
    )
    r.expect("integral over [-10,10] :: 在 [-10,10] 上的积分", integrate(parabola, -10, 10).value, 2000.0, rtol=1e-13)
    s = running_sum(parabola, X, dx=0.1)
    r.expect("left sum, exactly :: 左和，精确值", s.exact()[-1], Fraction(20041, 10))
    gap = s.value - cubic(X)
    r.expect(
        "gap = 0.15x² - 0.195x + 1217.05 :: 间距 = 0.15x² - 0.195x + 1217.05",
        gap,
        0.15 * X**2 - 0.195 * X + 1217.05,
        atol=1e-9,
    )
    r.expect(
        "at -10, at 9.9, least :: 在 -10、9.9 处及最小值",
        [gap[0], gap[-1], gap.min()],
        [1234.0, 1229.821, 1216.987],
        atol=1e-3,
    )
    return Outcome.PROVED


def both_curves(r: Report) -> None:
    s = running_sum(parabola, X, dx=0.1)
    zh = r.lang == "zh"

    def both(figure: Any, axes: Any) -> None:
        axes.plot(X, s.value, label="面积（左和）" if zh else "area (left sums)")
        axes.plot(X, cubic(X), label="原函数 x³ − 2x²" if zh else "antiderivative x³ − 2x²")
        axes.legend()

    made = r.plot(both, size=(6, 3.8))
    if made is not None:
        area, original = made.axes[0].lines
        r.holds(
            "the upper line is labeled area, the lower antiderivative :: 上方的线标为面积，下方标为原函数",
            np.all(area.get_ydata() > original.get_ydata()) and area.get_label()[:2] in ("ar", "面积"),
        )


@statement("S15")
def task_two_figure(r: Report) -> None:
    s, f = running_sum(parabola, X, dx=0.1).value, cubic(X)
    r.expect("area from, to :: 面积：起、止", s[[0, -1]], [34.0, 2004.1], rtol=1e-12)
    r.expect("antiderivative from, to :: 原函数：起、止", f[[0, -1]], [-1200.0, 774.279], rtol=1e-12)
    r.expect("vertical gap :: 竖直间距", [np.min(s - f), np.max(s - f)], [1217, 1234], atol=0.1)
    both_curves(r)


@statement("S66")
def jakobs_listing(r: Report) -> None:
    fx = parabola(X) * 0.1
    r.expect("its sums end at :: 其累加和的终值", np.cumsum(fx)[-1], 2004.1, rtol=1e-12)
    gap = np.cumsum(fx) - cubic(X)
    r.expect("gap, least and largest :: 间距，最小与最大", [gap.min(), gap.max()], [1216.987, 1234.0], atol=1e-3)
    r.raises(
        "a `def` without its colon :: `def` 后缺冒号",
        SyntaxError,
        lambda: compile("def f(x)\n    return x", "listing", "exec"),
    )
    r.holds(
        "the en dash is read as a minus :: 连接号“–”按减号读入",
        equivalent("(3*x**2) – (4*x)", "3x^2-4x").verdict is Verdict.PROVED,
    )
    idle = [
        ast.unparse(e.value)
        for e in ast.parse("plt.plot(x, y)\nplt.show").body
        if isinstance(e, ast.Expr) and not isinstance(e.value, ast.Call)
    ]
    r.expect("named, but not called :: 只提到而未调用", idle, ["plt.show"])
    r.say(
        "`plt.show` without brackets is only named, not called: no window opens.",
        "`plt.show` 后没有括号，只是提到而未调用：不会弹出窗口。",
    )


@statement("S67")
def only_the_upper_curve(r: Report) -> None:
    defect = fundamental_defect(parabola, cubic, X, dx=0.1, at="left")
    r.expect(
        "gap between the curves :: 两曲线的间距", [defect.defect.min(), defect.defect.max()], [1217, 1234], atol=0.1
    )
    r.holds("explained by constant, bias and offset :: 由常数、偏差与错位完全解释", defect.explained)
    r.why = defect.text(r.lang)


@statement("S71")
def swapped_labels(r: Report) -> Outcome:
    first = np.cumsum(parabola(X) * 0.1)[0]
    r.expect("the curve labeled 'antiderivative' starts at :: 标为“原函数”的曲线起于", first, 34.0, rtol=1e-13)
    r.expect("the antiderivative starts at :: 原函数起于", cubic(X)[0], -1200.0)
    r.say(
        "The labels are swapped: the curve that starts at 34 is the area.", "图例标反了：从 34 开始的那条是面积曲线。"
    )
    return Outcome.REFUTED


@statement("S92")
def areas(r: Report) -> None:
    r.expect("∫ sin over [0, π] :: ∫ sin，在 [0, π] 上", integrate(np.sin, 0, np.pi).value, 2.0, atol=1e-12)
    between = area(lambda x: x, 0, 1, lambda x: x**2)
    r.expect("area between x and x² :: x 与 x² 之间的面积", between.unsigned, 1 / 6, atol=1e-12)


@statement("S93")
def volumes(r: Report) -> None:
    turned = volume_of_revolution(np.sqrt, 0, 1)
    r.expect("√x about the x axis :: √x 绕 x 轴", turned.value, np.pi / 2, rtol=1e-12)
    ball = integrate(
        lambda x, y: 2 * np.sqrt(np.maximum(1 - x * x - y * y, 0.0)),
        [-1.0, lambda x: -np.sqrt(1 - x * x)],
        [1.0, lambda x: np.sqrt(1 - x * x)],
    )
    r.expect("unit ball, as a double integral :: 单位球，二重积分", ball.value, 4.1887902047863905, rtol=1e-7)
    r.show("its error, estimated :: 其误差（估计）", f"{ball.error:.1e}")
    turned = volume_of_revolution(lambda x: np.sqrt(1 - x * x), -1, 1)
    r.expect("unit ball, as a solid of revolution :: 单位球，旋转体", turned.value, 4.1887902047863905, rtol=1e-12)


@statement("S82")
def computation_graph(r: Report) -> None:
    from ...calculus.variable import Variable

    a, b = Variable(2.0, name="a"), Variable(1.0, name="b")
    y: Any = (a + b) * (b + 1)
    y.backward()
    r.expect("y", float(y.value), 6.0)
    r.expect("dy/da, dy/db", [float(a.grad), float(b.grad)], [2.0, 5.0])
    graph = y.graph()
    operations = [n for n in graph.nodes if n.args]
    r.expect("inputs, operations :: 输入数、运算数", [len(graph.inputs), len(operations)], [2, 3])
    drawn = draw(lambda a, b: (a + b) * (b + 1), 2.0, 1.0).svg
    r.holds("exported as SVG, sensitivities on it :: 导出为 SVG，并标出灵敏度", "∂ 2" in drawn and "∂ 5" in drawn)
    r.figures.append(drawn)


@statement("S81")
def accumulation(r: Report) -> None:
    from ...calculus.variable import Variable

    x = Variable(3.0)
    y: Any = x**2
    seen = []
    for _ in range(3):
        y.backward()
        seen.append(float(x.grad))
    r.expect("three backward() calls :: 三次 backward()", seen, [6.0, 12.0, 18.0])
    x.zero_grad()
    y.backward()
    r.expect("after zero_grad() :: zero_grad() 之后", float(x.grad), 6.0)
    constant = Variable(2.0, requires_grad=False)
    z: Any = constant * x
    z.backward()
    r.holds("requires_grad=False collects nothing :: requires_grad=False 不累积梯度", constant.grad is None)


@statement("S79")
def backward_and_optimizer(r: Report) -> None:
    from ...calculus.differentiate import value_and_grad

    data, target = np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 7.0])
    gradient = value_and_grad(lambda w: np.mean((data * w - target) ** 2))

    def descend(w: float, rate: float, momentum: float) -> tuple[list[float], float]:
        speed, first = 0.0, []
        for _ in range(50):
            _, g = gradient(w)
            first.append(float(g))
            speed = momentum * speed - rate * g
            w = w + speed
        return first, float(w)

    plain, a = descend(0.0, 0.05, 0.0)
    heavy, b = descend(0.0, 0.02, 0.8)
    r.holds("the first gradient does not depend on the optimizer :: 首个梯度与优化器无关", plain[0] == heavy[0])
    best = float(data @ target / (data @ data))
    r.expect(
        "both optimizers, one gradient, the same minimum :: 两种优化器，同一梯度，同一最小值",
        [a, b],
        [best, best],
        atol=1e-2,
    )


@statement("S78")
def descent(r: Report) -> None:
    from ...calculus.differentiate import derivative

    slope = derivative(lambda x: x**2)
    x, path = 10.0, [10.0]
    for _ in range(73):
        x = x - 0.1 * slope(x)
        path.append(float(x))
    r.expect("x² from 10, rate 0.1 :: x²，从 10 出发，学习率 0.1", path[:4], [10.0, 8.0, 6.4, 5.12], rtol=1e-15)
    r.expect(
        "|x| < 1e-6 first at step :: 首次 |x| < 1e-6 的步数", next(k for k, v in enumerate(path) if abs(v) < 1e-6), 73
    )


@statement("S61")
def equivalent_answers(r: Report) -> Outcome:
    for answer in ("x*(3*x-4)", "3x^2 – 4x", "x(3x−4)", "3x²-4x"):
        r.holds(
            f"{answer} equals 3x^2-4x :: {answer} 等于 3x^2-4x", equivalent(answer, "3x^2-4x").verdict is Verdict.PROVED
        )
    r.holds("3x^2 - 4 does not :: 3x^2 - 4 则不等", equivalent("3x^2-4", "3x^2-4x").verdict is Verdict.REFUTED)
    return Outcome.PROVED


@statement("S47")
def stationary_points(r: Report) -> Outcome:
    e = explain("x^3-2x^2+1", lang=r.lang)
    found = {p.x.value: (p.kind, p.y.value) for p in e.stationary.points}
    kinds = {"maximum": "极大值", "minimum": "极小值"}
    r.holds("two stationary points, proved :: 两个驻点，已证明", e.stationary.proved and len(found) == 2)
    for p in e.stationary.points:
        r.show(f"{p.kind} at x = {p.x.short()} :: {kinds[p.kind]}位于 x = {p.x.short()}", p.y.value)
    r.expect("kinds :: 类型", [found[0.0][0], found[4 / 3][0]], ["maximum", "minimum"])
    r.expect("values :: 函数值", sorted(v for _, v in found.values()), [-5 / 27, 1.0], rtol=1e-15)
    trace_second = trace(lambda x: x**3 - 2 * x**2 + 1, 1.0).sympy()
    (x,) = trace_second.free_symbols
    r.expect(
        "f'' there :: 该处的 f''", [trace_second.diff(x, 2).subs(x, v) for v in (0, parse("4/3").sympy())], [-4, 4]
    )
    r.expect(
        "limits at -∞ and ∞ :: 在 -∞ 与 ∞ 处的极限", [limit.value for _, limit in e.limits or ()], [-np.inf, np.inf]
    )
    r.holds("neither is global :: 都不是全局最值", all(p.everywhere is False for p in e.stationary.points))
    return Outcome.PROVED


@statement("S48")
def zero_slope_is_extremum(r: Report) -> Outcome:
    cube = explain("x^3", lang=r.lang)
    r.show("x³ at 0 :: x³ 在 0 处", [p.kind for p in cube.stationary.points])
    r.holds(
        "x³: flat at 0 and no extremum :: x³：在 0 处平坦却非极值",
        [p.x.value for p in cube.stationary.points] == [0.0]
        and "min" not in cube.stationary.points[0].kind
        and "max" not in cube.stationary.points[0].kind,
    )
    corner = explain("|x|", lang=r.lang)
    r.holds(
        "|x|: an extremum at 0 without derivative :: |x|：在 0 处取极值却不可导",
        [p.x.value for p in corner.corners.points] == [0.0] and not corner.stationary.points,
    )
    ramp = explain("x", interval=(0, 1), lang=r.lang)
    r.holds(
        "x on [0,1]: extrema at the ends, slope 1 :: [0,1] 上的 x：极值在端点，斜率为 1",
        [p.x.value for p in ramp.ends.points] == [0.0, 1.0] and not ramp.stationary.points,
    )
    r.say("f' = 0 is neither sufficient nor necessary for an extremum.", "f'=0 对极值既不充分也不必要。")
    return Outcome.REFUTED


@statement("S49")
def zoom(r: Report) -> None:
    gap = r.expect("extremum gap :: 两极值之差", 1 + 5 / 27, 32 / 27, rtol=1e-15)
    r.expect("of the range over [-10,10] :: 占 [-10,10] 上值域的比例", gap / 2000, 0.000593, atol=5e-7)
    e = explain("x^3-2x^2+1", lang=r.lang)
    r.holds("the figure zooms in :: 图已放大", e.window[1] - e.window[0] < 6 and e.window[0] < 0 < 4 / 3 < e.window[1])
    r.picture(e.plot)


@statement("S50")
def logarithm(r: Report) -> Outcome:
    e = explain("log x", lang=r.lang)
    r.holds("no stationary point, proved :: 没有驻点，已证明", e.stationary.proved and not e.stationary.points)
    r.holds(
        "no maximum and no minimum :: 既无最大值也无最小值", e.highest[0] != "attained" and e.lowest[0] != "attained"
    )
    r.expect("derivative :: 导数", str(e.derivative), "1/x")
    r.expect("second derivative :: 二阶导数", str(e.second), "-1/x^2")
    r.expect("limits at 0 and ∞ :: 在 0 与 ∞ 处的极限", [limit.value for _, limit in e.limits or ()], [-np.inf, np.inf])
    r.holds(
        "increasing and concave on (0, ∞) :: 在 (0, ∞) 上递增且上凸",
        [[(a.value, b.value, sign) for a, b, sign in signs] for signs in (e.monotone, e.curvature)]
        == [[(0, np.inf, 1)], [(0, np.inf, -1)]],
    )
    r.say(
        "There is no maximum at infinity: log x grows without bound and attains none.",
        "不存在“无穷处的最大值”：log x 无界增长，取不到最大值。",
    )
    r.picture(e.plot)
    return Outcome.REFUTED
