"""The chapter on optimization, as far as it needs derivatives alone: descent and Newton's method."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from ...calculus.differentiate import derivative, grad, hessian
from ..statement import Outcome, Report, statement


def square(x: Any) -> Any:
    return x**2


def descent(slope: Callable[[Any], Any], x: Any, rate: float, steps: int) -> list[Any]:
    """The points of gradient descent, the first included."""
    path = [x]
    for _ in range(steps):
        path.append(path[-1] - rate * slope(path[-1]))
    return path


@statement("S109")
def learning_rate(r: Report) -> None:
    slope = derivative(square)
    for rate in (0.05, 0.5, 0.95):
        r.holds(f"rate {rate} converges :: 学习率 {rate}：收敛", abs(descent(slope, 10.0, rate, 400)[-1]) < 1e-15)
    r.expect("rate 1 oscillates :: 学习率 1：振荡", descent(slope, 10.0, 1.0, 4), [10.0, -10.0, 10.0, -10.0, 10.0])
    r.expect("rate 1.1, after 10 steps :: 学习率 1.1，10 步之后", descent(slope, 10.0, 1.1, 10)[-1], 61.917, atol=5e-4)
    x, g, h = 10.0, slope(10.0), derivative(square, order=2)(10.0)
    rate = r.expect("exact line search: rate :: 精确线搜索：学习率", (g * g) / (g * h * g), 0.5)
    r.expect("and it reaches, in one step :: 一步到达", x - rate * g, 0.0)


@statement("S110")
def geometric(r: Report) -> None:
    slope = derivative(square)
    path = np.array(descent(slope, 10.0, 0.1, 3500))
    r.expect("x² from 10, rate 0.1 :: x²，从 10 出发，学习率 0.1", path[:4], [10.0, 8.0, 6.4, 5.12], rtol=1e-15)
    r.expect("10·0.8ᵏ up to k = 200 :: 10·0.8ᵏ，k 至 200", path[:201], 10 * 0.8 ** np.arange(201), rtol=1e-13)
    r.expect("|x| < 1e-6 first at k = :: 首次 |x| < 1e-6 于 k =", int(np.argmax(np.abs(path) < 1e-6)), 73)
    r.expect("in doubles it stalls at :: 双精度下停在", path[-1], 1e-323)
    r.expect("after updates :: 所需更新次数", int(np.argmax(path == path[-1])), 3343)


def regression() -> tuple[np.ndarray, np.ndarray, Callable[..., Any]]:
    """Twelve samples of three features, and the mean of their half squared residuals."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(12, 3)), rng.normal(size=12)
    return a, b, lambda w, a, b: np.mean((a @ w - b) ** 2) / 2


@statement("S111")
def batch(r: Report) -> None:
    a, b, loss = regression()
    slope = grad(loss)
    w = np.array([1.0, -2.0, 0.5])
    r.expect("gradient = Aᵀ(Aw - b)/n :: 梯度 = Aᵀ(Aw - b)/n", slope(w, a, b), a.T @ (a @ w - b) / len(b), rtol=1e-14)
    limit = r.show("2/L", 2 / np.linalg.eigvalsh(a.T @ a / len(b))[-1])
    for part, falls in ((0.99, True), (1.05, False)):
        losses = [loss(v, a, b) for v in descent(lambda v: slope(v, a, b), w, part * limit, 60)]
        what = f"rate {part}·2/L: the loss {'falls in each step' if falls else 'grows in the end'}"
        zh = f"学习率 {part}·2/L：损失{'每步下降' if falls else '终将上升'}"
        r.holds(f"{what} :: {zh}", all(q < p for p, q in pairwise(losses)) if falls else losses[-1] > losses[0])


@statement("S112")
def stochastic(r: Report) -> None:
    a, b, loss = regression()
    w = np.array([1.0, -2.0, 0.5])
    single = [grad(loss)(w, a[i : i + 1], b[i : i + 1]) for i in range(len(b))]
    r.expect(
        "mean of the single-sample gradients :: 单样本梯度的平均",
        np.mean(single, axis=0),
        grad(loss)(w, a, b),
        atol=1e-15,
    )

    def run(seed: int) -> np.ndarray:
        rng, v = np.random.default_rng(seed), w
        for i in rng.integers(len(b), size=50):
            v = v - 0.05 * grad(loss)(v, a[i : i + 1], b[i : i + 1])
        return v

    r.holds(
        "one seed, one path :: 同一种子，同一路径",
        np.array_equal(run(1), run(1)) and not np.array_equal(run(1), run(2)),
    )


@statement("S113")
def mini_batches(r: Report) -> None:
    a, b, loss = regression()
    w = np.array([1.0, -2.0, 0.5])
    full = grad(loss)(w, a, b)

    def parts(size: int) -> tuple[list[np.ndarray], list[int]]:
        cuts = range(0, len(b), size)
        return [grad(loss)(w, a[i : i + size], b[i : i + size]) for i in cuts], [len(b[i : i + size]) for i in cuts]

    r.expect(
        "three batches of four: their mean :: 三批，每批四个：平均", np.mean(parts(4)[0], axis=0), full, atol=1e-15
    )
    gradients, sizes = parts(5)
    r.expect(
        "batches of 5, 5 and 2, by weight :: 每批 5、5、2 个：加权平均",
        np.average(gradients, axis=0, weights=sizes),
        full,
        atol=1e-15,
    )
    r.holds("unweighted they are off :: 不加权则有偏差", np.abs(np.mean(gradients, axis=0) - full).max() > 1e-3)


def newton(f: Callable[..., Any], x: float, steps: int) -> list[float]:
    first, second = derivative(f), derivative(f, order=2)
    path = [x]
    for _ in range(steps):
        path.append(float(path[-1] - first(path[-1]) / second(path[-1])))
    return path


@statement("S118")
def newton_step(r: Report) -> Outcome:
    at = np.array([10.0])
    f = lambda v: np.sum(v**2)
    step = np.linalg.solve(hessian(f)(at), grad(f)(at))
    r.expect("x² from 10: x - H⁻¹∇f :: x²，从 10 出发：x - H⁻¹∇f", at - step, [0.0])
    r.expect("with the source's h = H⁻¹∇f: x + h :: 按原文 h = H⁻¹∇f：x + h", at + step, [20.0])
    cubic = lambda x: x**3 - 2 * x**2 + 1
    second = derivative(cubic, order=2)
    for start, want, kind in ((1.0, 4 / 3, "minimum :: 极小值"), (0.5, 0.0, "maximum :: 极大值")):
        end = r.expect(
            f"x³-2x²+1 from {start} :: x³-2x²+1，从 {start} 出发", newton(cubic, start, 12)[-1], want, atol=1e-15
        )
        r.holds(f"f'' there says {kind.replace(' :: ', ' :: 由 f″ 知为')}", (second(end) > 0) == (want > 0))
    r.say(
        "The step is minus H⁻¹∇f: added as printed, h leads away. And it stops at maxima as well as at minima.",
        "步应为 -H⁻¹∇f：按原文的 h 前进只会走远。而且牛顿法遇到极大值点也会停下。",
    )
    return Outcome.REFUTED


@statement("S119")
def newton_in_one_step(r: Report) -> Outcome:
    r.expect("x² from 10, one step :: x²，从 10 出发，一步", newton(square, 10.0, 1)[-1], 0.0)
    quartic = newton(lambda x: x**4, 1.0, 6)
    r.expect(
        "x⁴: each step multiplies by :: x⁴：每步乘以", [b / a for a, b in pairwise(quartic)], [2 / 3] * 6, rtol=1e-14
    )
    away = newton(lambda x: np.sqrt(1 + x**2), 1.5, 2)
    r.expect("√(1+x²) from 1.5 :: √(1+x²)，从 1.5 出发", away, [1.5, -3.375, 38.443359375], rtol=1e-13)
    r.say(
        "One step suffices for a convex quadratic only; elsewhere Newton's method may be slow, or diverge.",
        "只有凸二次函数才能一步到位；其他情形下牛顿法可能很慢，甚至发散。",
    )
    return Outcome.REFUTED
