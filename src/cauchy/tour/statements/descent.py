"""The chapter on optimization: descent with all data or batches of it, and Newton's method."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from ...calculus.differentiate import grad, hessian
from ...optimize.minimize import minimize
from ...optimize.result import Optimum
from ...optimize.status import Status
from ...proof import Verdict
from ..statement import Outcome, Report, statement


def square(x: Any) -> Any:
    return x**2


def descent(f: Callable[..., Any], x: Any, rate: float, steps: int, *args: Any) -> Optimum:
    """Gradient descent that goes all its steps, with its iterates."""
    return minimize(f, x, args, method="gradient-descent", rate=rate, max_iterations=steps, tol=0.0, trace=True)


def path(found: Optimum) -> list[float]:
    """The iterates of one variable."""
    assert found.trace is not None
    return found.trace.x[:, 0].tolist()


@statement("S109")
def learning_rate(r: Report) -> None:
    for rate in (0.05, 0.5, 0.95):
        r.holds(f"rate {rate} converges :: 学习率 {rate}：收敛", abs(descent(square, 10.0, rate, 400).x) < 1e-15)
    r.expect(
        "rate 1 oscillates :: 学习率 1：振荡", path(descent(square, 10.0, 1.0, 4)), [10.0, -10.0, 10.0, -10.0, 10.0]
    )
    away = descent(square, 10.0, 1.1, 10)
    r.expect("rate 1.1, after 10 steps :: 学习率 1.1，10 步之后", away.x, 61.917, atol=5e-4)
    r.holds("and the result says so :: 结果指明发散", away.status is Status.DIVERGED and not away.success)
    r.say(away.describe("en"), away.describe("zh"))
    exact = minimize(square, 10.0, method="steepest-descent", line_search="exact", trace=True)
    r.expect("exact line search: iterates :: 精确线搜索的迭代点", path(exact), [10.0, 0.0])
    r.expect("its rate, x₀/f'(x₀) :: 其学习率 x₀/f'(x₀)", 10.0 / grad(square)(10.0), 0.5)


@statement("S110")
def geometric(r: Report) -> None:
    found = descent(square, 10.0, 0.1, 3500)
    x = np.array(path(found))
    r.expect("x² from 10, rate 0.1 :: x²，从 10 出发，学习率 0.1", x[:4], [10.0, 8.0, 6.4, 5.12], rtol=1e-15)
    r.expect("10·0.8ᵏ up to k = 200 :: 10·0.8ᵏ，k 至 200", x[:201], 10 * 0.8 ** np.arange(201), rtol=1e-13)
    r.expect("|x| < 1e-6 first at k = :: 首次 |x| < 1e-6 于 k =", int(np.argmax(np.abs(x) < 1e-6)), 73)
    r.expect("in doubles it stalls at :: 双精度下停在", x[-1], 1e-323)
    r.expect("after updates :: 所需更新次数", found.nit, 3343)
    r.holds("which is named, not called converged :: 如实称为停滞，而非收敛", found.status is Status.STALLED)


def regression() -> tuple[np.ndarray, np.ndarray, Callable[..., Any]]:
    """Twelve samples of three features, and the mean of their half squared residuals."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(12, 3)), rng.normal(size=12)
    return a, b, lambda w, a, b: np.mean((a @ w - b) ** 2) / 2


@statement("S111")
def batch(r: Report) -> None:
    a, b, loss = regression()
    w = np.array([1.0, -2.0, 0.5])
    r.expect(
        "gradient = Aᵀ(Aw - b)/n :: 梯度 = Aᵀ(Aw - b)/n", grad(loss)(w, a, b), a.T @ (a @ w - b) / len(b), rtol=1e-14
    )
    limit = r.show("2/L", 2 / np.linalg.eigvalsh(a.T @ a / len(b))[-1])
    for part, falls in ((0.99, True), (1.05, False)):
        found = descent(loss, w, part * limit, 60, a, b)
        assert found.trace is not None
        losses = found.trace.fun.tolist()
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
        return minimize(loss, w, (a, b), method="gradient-descent", rate=0.05, batch_size=1, epochs=5, seed=seed).x

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


def newton(f: Callable[..., Any], x: float, steps: int = 100) -> Optimum:
    """Newton's method without any safeguard."""
    return minimize(f, x, method="newton-step", max_iterations=steps, trace=True)


@statement("S118")
def newton_step(r: Report) -> Outcome:
    at = np.array([10.0])
    f = lambda v: np.sum(v**2)
    step = np.linalg.solve(hessian(f)(at), grad(f)(at))
    r.expect("x² from 10: x - H⁻¹∇f :: x²，从 10 出发：x - H⁻¹∇f", path(newton(square, 10.0)), [10.0, 0.0])
    r.expect("with the source's h = H⁻¹∇f: x + h :: 按原文 h = H⁻¹∇f：x + h", at + step, [20.0])
    cubic = lambda x: x**3 - 2 * x**2 + 1
    good, top = newton(cubic, 1.0), newton(cubic, 0.5)
    r.expect("x³-2x²+1 from 1.0 :: x³-2x²+1，从 1.0 出发", good.x, 4 / 3, atol=1e-15)
    r.holds("a minimum, says the certificate :: 证书：极小值", good.certificate.certified and good.success)
    r.expect("x³-2x²+1 from 0.5 :: x³-2x²+1，从 0.5 出发", top.x, 0.0, atol=1e-13)
    r.holds(
        "a maximum: refuted as a minimum :: 证书：极大值，否定其为极小值",
        top.verdict is Verdict.REFUTED and not top.success,
    )
    r.say(
        "The step is minus H⁻¹∇f: added as printed, h leads away. And it stops at maxima as well as at minima.",
        "步应为 -H⁻¹∇f：按原文的 h 前进只会走远。而且牛顿法遇到极大值点也会停下。",
    )
    return Outcome.REFUTED


@statement("S119")
def newton_in_one_step(r: Report) -> Outcome:
    r.expect("x² from 10, one step :: x²，从 10 出发，一步", path(newton(square, 10.0, 1))[-1], 0.0)
    quartic = path(newton(lambda x: x**4, 1.0, 6))
    r.expect(
        "x⁴: each step multiplies by :: x⁴：每步乘以", [b / a for a, b in pairwise(quartic)], [2 / 3] * 6, rtol=1e-14
    )
    away = newton(lambda x: np.sqrt(1 + x**2), 1.5)
    r.expect("√(1+x²) from 1.5 :: √(1+x²)，从 1.5 出发", path(away)[:3], [1.5, -3.375, 38.443359375], rtol=1e-13)
    r.holds("and the run is no success :: 且运行不算成功", not away.success)
    r.say(
        "One step suffices for a convex quadratic only; elsewhere Newton's method may be slow, or diverge.",
        "只有凸二次函数才能一步到位；其他情形下牛顿法可能很慢，甚至发散。",
    )
    return Outcome.REFUTED
