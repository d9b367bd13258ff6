"""Lesson 5: the multi-layer perceptron, as printed and as it should be; dropout."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ... import figure
from ...calculus.check import check
from ...calculus.differentiate import grad, jacobian, vjp
from ...learn.mlp import curvature, training, update
from ...learn.mlp.network import Net, keep_mask, relu
from ..statement import Outcome, Report, statement
from . import jacobians
from .jacobians import EPSILON

SOURCE = Net((2, 4, 3, 1), ("relu", "relu"), "logistic", (0.0, 0.0))
SOLVED = Net((2, 8, 8, 1), ("relu", "relu"), "logistic", (0.0, 0.0))
SEEDS = 20


circles = functools.cache(jacobians.circles)


def initial() -> np.ndarray:
    """The source's initial parameters: seed 42, deviation 0.1, biases too."""
    return SOURCE.initial(np.random.RandomState(42), "normal", 0.1)


def printed(theta: Any, x: np.ndarray, y: np.ndarray) -> tuple[Any, Any, Any]:
    """What the source's program computes at these parameters: its loss, its accuracy, its gradient.

    The loss is the sum over the samples, the sigmoid's derivative has a factor 2, weights get the sum over the samples
    and biases the mean.
    """
    layers = SOURCE.layers(theta)
    a, zs = [x], []
    for i, (w, b) in enumerate(layers):
        zs.append(a[-1] @ w + b)
        a.append(np.maximum(0, zs[-1]) if i < 2 else 1 / (1 + np.exp(-zs[-1].clip(-500, 500))))
    p = a[-1]
    loss = -(y.T @ np.log(p.clip(EPSILON)) + (1 - y.T) @ np.log((1 - p).clip(EPSILON)))
    da = -np.divide(y, p.clip(EPSILON)) + np.divide(1 - y, (1 - p).clip(EPSILON))
    dz = da * (2 * p * (1 - p))
    parts: list[Any] = []
    for i in (2, 1, 0):
        parts = [(a[i].T @ dz).ravel(), dz.mean(axis=0), *parts]
        if i:
            dz = (dz @ layers[i][0].T) * (zs[i - 1] > 0)
    return loss[0, 0], np.mean((p > 0.5) == y), np.concatenate(parts)


def mean_loss(theta: Any) -> Any:
    x, y = circles()
    return SOURCE.loss(theta, x, y)


@statement("S39")
def initial_network(r: Report) -> None:
    (x, _), theta = circles(), initial()
    r.expect("W1[0, 0]", theta[0], 0.04967141530112327)
    r.expect("b3", theta[-1], -0.060170661222939695)
    counts = curvature.activity(SOURCE, theta, x)
    r.show("layer 1: samples for which each unit is active :: 第 1 层：各单元被激活的样本数", counts[0])
    r.expect("layer 2 :: 第 2 层", counts[1], [0, 835, 0])
    dead = curvature.dead(SOURCE, counts)
    r.expect("dead units of layer 2 :: 第 2 层的死亡单元", dead[1], [0, 2])
    slope = SOURCE.layers(grad(mean_loss)(theta))
    r.holds(
        "no gradient reaches them :: 梯度到不了它们",
        not slope[1][0][:, dead[1]].any() and not slope[1][1][dead[1]].any(),
    )


@statement("S40")
def forward(r: Report) -> None:
    (x, _), theta = circles(), initial()
    layers = [x, *SOURCE.hidden(theta, x), SOURCE.logits(theta, x)]
    r.expect("shapes :: 形状", [a.shape for a in layers], [(1000, 2), (1000, 4), (1000, 3), (1000, 1)])
    r.holds(
        "samples are rows: each row alone gives the same :: 样本按行排列：单独一行结果相同",
        np.allclose(SOURCE.logits(theta, x[7:8]), layers[-1][7:8], rtol=1e-14, atol=0),
    )
    r.say(
        "The comments of the source say columns; its code, and these shapes, say rows.",
        "原文注释说样本是列，而其代码与上述形状表明样本是行。",
    )


@statement("S41")
def backward(r: Report) -> Outcome:
    (x, y), theta = circles(), initial()
    steps = 1e-5 * np.eye(SOURCE.size)
    central = np.array([(mean_loss(theta + e) - mean_loss(theta - e)) / 2e-5 for e in steps])
    r.expect(
        "corrected gradient less central differences, 31 parameters :: 改正后的梯度与中心差商之差，31 个参数",
        float(np.abs(grad(mean_loss)(theta) - central).max()),
        0.0,
        atol=1e-8,
    )
    weights = np.concatenate(
        [np.ones(k, bool) if i % 2 == 0 else np.zeros(k, bool) for i, k in enumerate((8, 4, 12, 3, 3, 1))]
    )
    for name, part, factor in (("dW", weights, 2000.0), ("db", ~weights, 2.0)):
        place = np.flatnonzero(part)

        def at(v: Any, place: Any = place) -> Any:
            inside = np.zeros((SOURCE.size, len(place)))
            inside[place, np.arange(len(place))] = 1.0
            return inside @ v + np.where(np.isin(np.arange(SOURCE.size), place), 0.0, theta)

        found = check(
            lambda v, at=at: mean_loss(at(v)),
            lambda v, at=at, place=place: printed(at(v), x, y)[2][place],
            at=theta[place],
        )
        r.expect(
            f"the source's {name} is, times the derivative :: 原文的 {name} 是导数的倍数",
            found.factor,
            factor,
            rtol=1e-9,
        )
    r.say(
        "The sigmoid's derivative has a 2 too many; weights get a sum over 1000 samples, biases a mean: 2000 and 2"
        " times the gradient of the mean loss, 2 and 0.002 times that of the sum.",
        "sigmoid 的导数多了因子 2；权重对 1000 个样本求和，偏置求平均：分别是平均损失梯度的 2000 倍与 2 倍，"
        "总和损失梯度的 2 倍与 0.002 倍。",
    )
    return Outcome.REFUTED


@statement("S42")
def one_step(r: Report) -> None:
    theta = initial()
    before, slope = mean_loss(theta), grad(mean_loss)(theta)
    after = mean_loss(theta - slope)
    r.show("mean loss before :: 之前的平均损失", before)
    r.show("after one step, η = 1 :: η = 1，一步之后", after)
    r.holds("lower :: 更低", after < before)
    rates = [0.5**k for k in range(30)]
    enough = next(t for t in rates if mean_loss(theta - t * slope) <= before - 1e-4 * t * (slope @ slope))
    r.show("Armijo's condition holds at η = :: 满足 Armijo 条件的 η =", enough)


@statement("S43")
def the_listing(r: Report) -> None:
    (x, y), theta = circles(), initial()
    losses, scores = [], []
    for _ in range(150):
        loss, score, slope = printed(theta, x, y)
        losses.append(loss)
        scores.append(score)
        theta = theta - 0.005 * slope
    claimed = {
        0: (693.6297274732938, 0.5), 50: (693.4884936165481, 0.5), 100: (691.1441122351641, None),
        110: (687.8951916810652, 0.709), 120: (687.3144505523106, 0.5), 130: (684.1876831201675, 0.674),
        140: (688.4429775033148, 0.676), 149: (683.6170298013071, 0.614),
    }  # fmt: skip
    for epoch, (loss, score) in claimed.items():
        r.expect(f"epoch {epoch}: loss :: 第 {epoch} 轮：损失", losses[epoch], loss, rtol=1e-12)
        if score is not None:
            r.expect(f"epoch {epoch}: accuracy :: 第 {epoch} 轮：准确率", scores[epoch], score)

    def draw(_: Any, ax: Any) -> None:
        ax.plot(losses)
        ax.set_xlabel("轮次" if r.lang == "zh" else "epoch")
        ax.set_ylabel("损失（总和）" if r.lang == "zh" else "loss (sum)")

    r.plot(draw)


def solved(seed: int) -> training.State:
    """The corrected network after 500 epochs of gradient descent on all points, rate 1, He's initial weights."""
    x, y = circles()
    chunk = training.chunk_of(1, len(x), 500, shuffle=False)
    plan = training.Plan(SOLVED, "sgd", len(x), 1, False, False, False, "constant", "", chunk)
    theta = SOLVED.initial(np.random.RandomState(seed), "he", 0.0)
    h = {"alpha": 0.0, "l1": 0.0, "tol": 0.0, "power_t": 0.0, "patience": np.inf, "rate": 1.0}
    begin = training.State(theta, update.slots("sgd", theta), {})
    data = (x, y.astype(float), None)
    return training.train(plan, begin, data, None, h, np.random.RandomState(0), longest=500, native=True, rate=1.0)


@statement("S44")
def circles_solved(r: Report) -> None:
    x, y = circles()
    states = [solved(seed) for seed in range(SEEDS)]
    scores = [float(np.mean((SOLVED.logits(s.theta, x) > 0) == (y > 0))) for s in states]
    r.show("training accuracy, 20 seeds :: 20 个种子的训练准确率", sorted(scores))
    r.holds("each at least 0.99 :: 每个都不低于 0.99", min(scores) >= 0.99)

    def draw(_: Any, axes: Any) -> None:
        for s in states:
            axes[0].semilogy(s.log["loss"], lw=0.8, color=figure.BLUE, alpha=0.5)
        axes[0].set_xlabel("轮次" if r.lang == "zh" else "epoch")
        axes[0].set_ylabel("平均损失" if r.lang == "zh" else "mean loss")
        across = np.linspace(-1.4, 1.4, 160)
        grid = np.stack([g.ravel() for g in np.meshgrid(across, across)], axis=1)
        z = SOLVED.logits(states[0].theta, grid).reshape(160, 160)
        axes[1].contourf(across, across, z > 0, levels=[-0.5, 0.5, 1.5], colors=[figure.BLUE, figure.RED], alpha=0.2)
        for k, color in enumerate((figure.BLUE, figure.RED)):
            axes[1].plot(*x[y[:, 0] == k].T, ".", ms=2.5, color=color)
        axes[1].set_aspect("equal")
        axes[1].grid(visible=False)

    r.plot(draw, size=(9.0, 4.0), columns=2)


@statement("S45")
def where_the_jacobian_is(r: Report) -> None:
    (x, _), theta = circles(), initial()
    (w1, b1), (w2, _), _ = SOURCE.layers(theta)
    z, a = x[0] @ w1 + b1, relu(x[0] @ w1 + b1)
    rng = np.random.default_rng(0)
    da, dz = rng.normal(size=4), rng.normal(size=3)
    full = jacobian(relu)(z)
    r.expect(
        "the Jacobian of a = g(z) is diag(g'(z)) :: a = g(z) 的雅可比矩阵是 diag(g'(z))", full, np.diag((z > 0) * 1.0)
    )
    r.expect("da ∘ g'(z) = da · J :: da ∘ g'(z) = da · J", da * (z > 0), da @ full)
    r.expect("and vjp gives it, without J :: vjp 不构造 J 即得", vjp(relu, z)[1](da)[0], da @ full)
    step = lambda a: a @ w2
    r.expect("the Jacobian of a W is Wᵀ :: a W 的雅可比矩阵是 Wᵀ", jacobian(step)(a), w2.T)
    r.expect("dz Wᵀ = dz · J :: dz Wᵀ = dz · J", vjp(step, a)[1](dz)[0], dz @ w2.T, rtol=1e-15)
    r.show("dz has the shape of z, a Jacobian would have :: dz 与 z 同形，而雅可比矩阵的形状是", full.shape)
    r.say(
        "No Jacobian is formed: both lines of backward() multiply by one. dz is a vector times a Jacobian, not the"
        " Jacobian: the printed answer is half right.",
        "backward() 从未构造雅可比矩阵，两行各与一个雅可比矩阵相乘。dz 是向量与雅可比矩阵的乘积，而非雅可比矩阵本身："
        "读者的答案对了一半。",
    )


@statement("S46")
def accuracy_at_one_half(r: Report) -> None:
    x, y = circles()
    _, score, _ = printed(initial(), x, y)
    r.expect("accuracy before training :: 训练之前的准确率", score, 0.5)
    same = np.mean((SOURCE.logits(initial(), x) > 0) == y)
    r.expect("threshold 0.5 on ŷ is 0 on the logit :: ŷ 以 0.5 为阈值，即 logit 以 0 为阈值", float(same), 0.5)


@statement("S86")
def dropout(r: Report) -> None:
    mask = keep_mask(np.uint32(0), 1000, 1000, 0, 0.8)
    mean = r.show(
        "keep 0.8 of 10⁶ ones: mean of mask / 0.8 :: 以 0.8 保留 10⁶ 个 1：mask/0.8 的均值", float((mask / 0.8).mean())
    )
    r.holds("within 4 standard deviations (0.002) of 1 :: 与 1 相差不超过 4 个标准差（0.002）", abs(mean - 1) < 2e-3)
    other = keep_mask(np.uint32(1), 1000, 1000, 0, 0.8)
    r.holds("another key, another mask :: 换一把密钥，换一个掩码", abs((mask & other).mean() - 0.64) < 2e-3)
    rng = np.random.default_rng(0)
    net, plain = (Net((3, 20, 1), ("relu",), "identity", (p,)) for p in (0.2, 0.0))
    theta, x = rng.normal(size=net.size), rng.normal(size=(5, 3))
    r.holds(
        "inference is the identity :: 推断时为恒等映射", np.array_equal(net.logits(theta, x), plain.logits(theta, x))
    )
    kept = np.mean([net.logits(theta, x, np.uint32(k)) for k in range(4000)], axis=0)
    r.expect(
        "the mean over 4000 masks is it, up to :: 对 4000 个掩码取平均，与之相差",
        float(np.abs(kept - plain.logits(theta, x)).max()),
        0.0,
        atol=0.2,
    )
