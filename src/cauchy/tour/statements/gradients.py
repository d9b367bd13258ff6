"""Lesson 3: partial derivatives, the gradient, steepest increase."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...calculus.check import check
from ...calculus.difference import difference
from ...calculus.differentiate import grad, hessian
from ...optimize.minimize import maximize, minimize
from ...proof import Verdict
from ...tracer import trace
from ..statement import Outcome, Report, statement


def f(v: Any) -> Any:
    return v[0] ** 2 + v[1] ** 3


def bearing_search(
    f: Any, x: float, y: float, *, spacing: float = 0.1, step: float = 1e-4
) -> tuple[float, float, float]:
    """The source's search: the steepest bearing (degrees from +y, clockwise), and the vector it gives."""
    best, at = -np.inf, 0.0
    for angle in np.arange(0, 360, spacing):
        rad = angle * np.pi / 180
        dx, dy = np.sin(rad) * step, np.cos(rad) * step
        df = (f([x + dx, y + dy]) - f([x, y])) / step
        if df > best:
            best, at = df, angle
    rad = at * np.pi / 180
    return float(at), float(np.sin(rad) * best), float(np.cos(rad) * best)


@statement("S16")
def partials(r: Report) -> Outcome:
    import sympy

    x, y = sympy.symbols("x y", real=True)
    formula = trace(lambda x, y: x**2 + y**3, 2.0, 3.0).sympy()
    by_name = {s.name: s for s in formula.free_symbols}
    d = [sympy.diff(formula, by_name[n]) for n in "xy"]
    r.holds(
        "∂f/∂x = 2x, ∂f/∂y = 3y²",
        [
            sympy.simplify(e.subs({by_name["x"]: x, by_name["y"]: y}) - w) == 0
            for e, w in zip(d, (2 * x, 3 * y**2), strict=True)
        ]
        == [True, True],
    )
    at = np.array([2.0, 3.0])
    r.expect("grad f(2,3)", grad(f)(at), [4.0, 27.0])
    r.expect(
        "central differences :: 中心差分", difference(f, at, method="central", step=1e-5).value, grad(f)(at), atol=1e-7
    )
    return Outcome.PROVED


@statement("S17")
def surface(r: Report) -> None:
    x = np.linspace(-10, 10, 1000)
    xv, yv = np.meshgrid(x, x, indexing="ij")
    z = xv**2 + yv**3
    r.expect("range of z :: z 的范围", np.array([z.min(), z.max()]), np.array([-999.9998997996996, 1100.0]), rtol=1e-15)

    def draw(figure: Any, axes: Any) -> None:
        axes.plot_surface(xv, yv, z, cmap="viridis", rcount=40, ccount=40, rasterized=True)
        axes.set(title="$x^2+y^3$", xlabel="x", ylabel="y")

    r.expect("grid :: 网格", z.shape, (1000, 1000))
    r.plot(draw, size=(5, 5), subplot_kw={"projection": "3d"})


@statement("S18")
def gradient_vector(r: Report) -> Outcome:
    r.expect("grad f(2,3)", grad(f)(np.array([2.0, 3.0])), [4.0, 27.0])
    formula = trace(lambda x, y: x**2 + y**3, 2.0, 3.0).sympy()
    names = {s.name: s for s in formula.free_symbols}
    at = {names["x"]: 2, names["y"]: 3}
    r.expect("from the formula :: 由公式", [int(formula.diff(names[n]).subs(at)) for n in "xy"], [4, 27])
    return Outcome.PROVED


@statement("S19")
def steepest(r: Report) -> None:
    g = grad(f)(np.array([2.0, 3.0]))
    norm = r.expect("|grad f(2,3)| = sqrt(745)", np.linalg.norm(g), 27.294688127912361, rtol=2e-16)
    angles = np.linspace(0, 2 * np.pi, 36001)
    slopes = np.cos(angles) * g[0] + np.sin(angles) * g[1]
    r.holds(
        "no direction is steeper (36001 tried) :: 没有更陡的方向（试了 36001 个）", slopes.max() <= norm * (1 + 1e-15)
    )
    r.expect("attained at :: 取到于", g / norm, np.array([4, 27]) / np.sqrt(745), rtol=3e-16)


@statement("S20")
def field(r: Report) -> None:
    x = np.linspace(-10, 10, 20)
    points = np.stack(np.meshgrid(x, x, indexing="ij"), axis=-1)
    g = grad(lambda p: np.sum(p[..., 0] ** 2 + p[..., 1] ** 3))(points)
    size = np.linalg.norm(g, axis=-1)
    unit = g / size[..., None]
    r.holds(
        "400 unit arrows, all pointing up :: 400 个单位箭头，全部朝上",
        unit.shape == (20, 20, 2) and np.all(unit[..., 1] > 0),
    )
    r.expect(
        "color range :: 颜色范围",
        np.array([size.min(), size.max()]),
        np.array([1.3411322367767502, 300.66592756745814]),
        rtol=1e-14,
    )
    odd = np.stack(np.meshgrid(*[np.linspace(-10, 10, 21)] * 2, indexing="ij"), axis=-1)
    h = grad(lambda p: np.sum(p[..., 0] ** 2 + p[..., 1] ** 3))(odd)
    length = np.linalg.norm(h, axis=-1, keepdims=True)
    arrows = np.divide(h, length, out=np.zeros_like(h), where=length > 0)
    r.holds(
        "odd grid: no NaN at the origin :: 奇数网格：原点处无 NaN",
        np.all(np.isfinite(arrows)) and np.all(arrows[10, 10] == 0),
    )

    def draw(figure: Any, axes: Any) -> None:
        arrows = axes.quiver(points[..., 0], points[..., 1], unit[..., 0], unit[..., 1], size, cmap="viridis")
        figure.colorbar(arrows, label=r"$|\nabla f|$")
        axes.set_aspect("equal")

    r.plot(draw, size=(5.4, 4.6))


@statement("S21")
def steeper_at_the_edges(r: Report) -> None:
    g = grad(lambda p: np.sum(p[..., 0] ** 2 + p[..., 1] ** 3))
    r.expect(
        "|grad| at the corner (10,10) :: 角点 (10,10) 处的 |grad|",
        np.linalg.norm(g(np.array([10.0, 10.0]))),
        300.6659,
        atol=5e-5,
    )
    center = np.full(2, 10 / 19)
    r.expect("|grad| at a centre cell :: 中心格处的 |grad|", np.linalg.norm(g(center)), 1.3411, atol=5e-5)

    def draw(figure: Any, axes: Any) -> None:
        x = np.linspace(-10, 10, 81)
        points = np.stack(np.meshgrid(x, x, indexing="ij"), axis=-1)
        size = np.linalg.norm(g(points), axis=-1)
        shades = axes.imshow(size.T, extent=(-10, 10, -10, 10), origin="lower", cmap="viridis")
        figure.colorbar(shades, label=r"$|\nabla f|$")
        axes.set(xlabel="x", ylabel="y")
        axes.grid(visible=False)

    made = r.plot(draw, size=(5.2, 4.3))
    if made is not None:
        shades = made.axes[0].images[0]
        low, high = (shades.cmap(shades.norm(v))[:3] for v in (1.34, 300.67))
        r.holds(
            "small is violet, large is yellow, with a color bar :: 小为紫，大为黄，并有色条",
            len(made.axes) == 2 and low[2] > low[1] and min(high[:2]) > 0.85 > high[2],
        )


@statement("S22")
def angle_search(r: Report) -> None:
    angle, gx, gy = bearing_search(f, 2, 3)
    r.expect("bearing, as printed :: 输出的方位角", f"{angle}", "8.4")
    r.expect("vector, as printed :: 输出的向量", f"({gx},{gy})", "(3.987419245872443,27.002750276227097)")


@statement("S23")
def angle_search_error(r: Report) -> Outcome:
    angle, gx, gy = bearing_search(f, 2, 3)
    truth = grad(f)(np.array([2.0, 3.0]))
    error = r.expect("error :: 误差", np.array([gx, gy]) - truth, np.array([-0.01258075, 0.00275028]), atol=5e-9)
    d = np.array([np.sin(np.deg2rad(angle)), np.cos(np.deg2rad(angle))])
    step_part = r.expect(
        "step part, s/2 dᵀHd :: 步长部分，s/2 dᵀHd",
        0.5e-4 * d @ hessian(f)(np.array([2.0, 3.0])) @ d,
        8.82928e-4,
        atol=5e-9,
    )
    grid_part = r.expect(
        "angle-grid part :: 角度网格部分", d * (d @ truth) - truth, np.array([-0.01270974, 0.00187681]), atol=5e-9
    )
    r.expect("the two parts make the error :: 两部分合成误差", grid_part + step_part * d, error, atol=1e-7)
    _, fx, fy = bearing_search(f, 2, 3, spacing=0.001, step=1e-6)
    r.expect(
        "with 0.001° and step 1e-6 :: 取 0.001° 与步长 1e-6",
        np.array([fx, fy]),
        np.array([4.0000159, 27.0000066]),
        atol=5e-7,
    )
    r.say(
        "Not very close: the error of 0.0126 is a hundred times the step, and comes from the grid of angles.",
        "搜索结果并不“非常接近”：误差 0.0126 是步长的上百倍，主要来自角度网格。",
    )
    return Outcome.REFUTED


@statement("S24")
def bearing_and_polar_angle(r: Report) -> None:
    bearing = r.expect(
        "atan2(4,27): from +y :: atan2(4,27)：从 +y 轴量", np.degrees(np.arctan2(4, 27)), 8.426969021480673, rtol=3e-16
    )
    polar = r.expect(
        "atan2(27,4): from +x :: atan2(27,4)：从 +x 轴量", np.degrees(np.arctan2(27, 4)), 81.57303097851933, rtol=3e-16
    )
    r.expect("their sum :: 二者之和", bearing + polar, 90.0, atol=2e-14)


@statement("S25")
def task_three(r: Report) -> None:
    g = lambda v: v[0] ** 2 + v[1] ** 2
    exact = r.expect("gradient at (1,1) :: (1,1) 处的梯度", grad(g)(np.array([1.0, 1.0])), [2.0, 2.0])
    r.expect("its norm :: 其长度", np.linalg.norm(exact), 2.8284271247461903, rtol=2e-16)
    angle, gx, gy = bearing_search(g, 1, 1)
    r.expect(
        "the modified listing prints :: 修改后的代码输出",
        f"{angle} ({gx},{gy})",
        "45.0 (2.000070710675876,2.0000707106758764)",
    )
    r.expect("quotient = 2 sqrt 2 + step :: 差商 = 2√2 + 步长", np.hypot(gx, gy), 2 * np.sqrt(2) + 5e-5 * 2, rtol=1e-11)


@statement("S72")
def last_angle_only(r: Report) -> Outcome:
    g = lambda v: v[0] ** 2 + v[1] ** 2
    angles, step, x, y = np.arange(0, 360, 0.1), 1e-4, 1, 1
    quotients = [
        (g([x + np.sin(a * np.pi / 180) * step, y + np.cos(a * np.pi / 180) * step]) - g([x, y])) / step for a in angles
    ]
    r.expect(
        "with `if` outside the loop only the last angle is tested :: `if` 在循环之外时，只检验最后一个角",
        float(angles[-1]),
        359.90000000000003,
        rtol=1e-15,
    )
    r.holds("its quotient is not the largest :: 其差商并非最大", quotients[-1] < max(quotients))
    r.expect("inside the loop :: 放在循环之内", float(angles[int(np.argmax(quotients))]), 45.0)
    r.say(
        "The comparison stands outside the loop, so only the last iteration counts.",
        "比较语句写在了循环之外，因此只检验了最后一个角度。",
    )
    return Outcome.REFUTED


@statement("S68")
def wrong_partial(r: Report) -> Outcome:
    x = np.linspace(-10, 10, 20)
    points = np.stack(np.meshgrid(x, x, indexing="ij"), axis=-1)
    right = grad(lambda p: np.sum(p[..., 0] ** 2 + p[..., 1] ** 3))(points)
    claimed = 2 * points
    cosine = np.sum(right * claimed, -1) / np.linalg.norm(right, axis=-1) / np.linalg.norm(claimed, axis=-1)
    off = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    r.expect("direction error, mean in degrees :: 方向误差，平均（度）", off.mean(), 70.62, atol=0.005)
    r.expect("direction error, largest :: 方向误差，最大", off.max(), 176.79, atol=0.005)
    r.expect("arrows off by more than 90° :: 偏差超过 90° 的箭头数", int(np.sum(off > 90)), 150)
    r.expect(
        "arrows with the wrong vertical sign :: 竖直分量符号错误的箭头数",
        int(np.sum(np.sign(claimed[..., 1]) != np.sign(right[..., 1]))),
        200,
    )
    checked = check(f, lambda v: 2 * v, at=np.array([2.0, 3.0]))
    r.holds(
        "`check` refutes it, and only its second component :: `check` 予以推翻，且只有第二个分量有误",
        checked.verdict is Verdict.REFUTED and checked.cause == "components_monomial",
    )
    r.say(
        "∂f/∂y is 3y², not 2y: the listing differentiates x²+y².", "∂f/∂y 应为 3y² 而不是 2y：代码求的是 x²+y² 的梯度。"
    )
    return Outcome.REFUTED


@statement("S70")
def sine_for_dx(r: Report) -> None:
    g = lambda v: v[0] ** 2 + v[1] ** 3
    swapped = lambda v: g(v[::-1])
    angle, _, _ = bearing_search(lambda v: swapped([v[1], v[0]]), 2, 3)
    r.expect("bearing from +y (sin for dx) :: 从 +y 量的方位角（dx 用 sin）", round(angle, 9), 8.4)
    quotient = lambda a: (g([2 + np.cos(a) * 1e-4, 3 + np.sin(a) * 1e-4]) - g([2, 3])) / 1e-4
    angles = np.arange(0, 360, 0.1)
    best = angles[int(np.argmax([quotient(a * np.pi / 180) for a in angles]))]
    r.expect(
        "polar angle from +x (cos for dx), same grid :: 从 +x 量的极角（dx 用 cos），同一网格",
        round(float(best), 9),
        81.6,
    )
    r.say(
        "sin for dx measures the angle from the y axis, as a compass does; both name the same direction.",
        "用 sin 计算 dx 表示从 y 轴起量的方位角（如同指南针），两种约定指向同一方向。",
    )


@statement("S77")
def cosine_law(r: Report) -> None:
    g = grad(f)(np.array([2.0, 3.0]))
    from ...calculus.differentiate import jvp

    angles = np.arange(12) * np.pi / 6
    base = np.arctan2(g[1], g[0])
    slopes = np.array([jvp(f, (np.array([2.0, 3.0]),), (np.array([np.cos(a), np.sin(a)]),))[1] for a in angles])
    r.holds("none is steeper than |grad f| :: 无一超过 |grad f|", slopes.max() <= np.linalg.norm(g))
    r.expect(
        "D_u f = |grad f| cos(angle), 12 angles :: D_u f = |grad f| cos θ，12 个角度",
        slopes,
        np.linalg.norm(g) * np.cos(angles - base),
        atol=1e-12,
    )


@statement("S76")
def slopes_along_the_axes(r: Report) -> None:
    g = r.expect(
        "slopes of x²+y³ at (2,3) along x and y :: x²+y³ 在 (2,3) 处沿 x、y 的斜率",
        grad(f)(np.array([2.0, 3.0])),
        [4.0, 27.0],
    )
    r.holds("both positive :: 均为正", all(a > 0 for a in g))


@statement("S130")
def greatest_decrease(r: Report) -> Outcome:
    at = np.array([2.0, 3.0])
    g = grad(f)(at)
    u = 1e-3 * g / np.linalg.norm(g)
    r.expect("f changes along +grad by :: 沿 +grad，f 的变化", f(at + u) - f(at), 0.0273035, atol=5e-8)
    r.expect("and along -grad by :: 沿 -grad，f 的变化", f(at - u) - f(at), -0.0272859, atol=5e-8)
    r.say(
        "The gradient is the direction of greatest increase; its negative, of greatest decrease.",
        "梯度是函数值增加最快的方向；它的反方向才是减小最快的方向。",
    )
    return Outcome.REFUTED


@statement("S131")
def not_to_the_minimum(r: Report) -> None:
    at = np.array([-7.0, 2.0])
    down = -grad(lambda v: v[0] ** 2 / 20 + v[1] ** 2)(at)
    cosine = down @ -at / np.linalg.norm(down) / np.linalg.norm(at)
    r.expect(
        "angle between -grad and the minimum, degrees :: -grad 与最小值点方向的夹角（度）",
        np.degrees(np.arccos(cosine)),
        64.128,
        atol=5e-4,
    )


@statement("S132")
def descent_is_ascent_of_minus_f(r: Report) -> None:
    options: dict[str, Any] = {"method": "gradient-descent", "rate": 0.01, "max_iterations": 50, "trace": True}
    down, up = minimize(f, [2.0, -0.5], **options).trace, maximize(lambda v: -f(v), [2.0, -0.5], **options).trace
    assert down is not None
    assert up is not None
    r.holds("50 steps, bit for bit the same :: 50 步，逐位相同", np.array_equal(down.x, up.x))
    r.holds("and f decreases :: 且 f 递减", bool(np.all(np.diff(down.fun) < 0)))
