"""The chapter on regularization: over-fitting, and what penalties do to coefficients."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...calculus.differentiate import grad
from ...learn import lasso_path, shrink, soft_threshold
from ...linear import lstsq, ridge
from ...proof import Verdict
from ..statement import Report, statement


def powers(x: np.ndarray) -> np.ndarray:
    """1, x, ..., x⁹ in the columns."""
    return np.vander(x, 10, increasing=True)


@statement("S83")
def over_fitting(r: Report) -> None:
    wave = lambda x: np.sin(2 * np.pi * x)
    x, fine = np.linspace(0, 1, 10), np.linspace(0, 1, 200)
    y = wave(x) + 0.2 * np.random.default_rng(0).standard_normal(10)
    rms = lambda w, x, y: float(np.sqrt(np.mean((powers(x) @ w - y) ** 2)))
    plain = lstsq(powers(x), y)
    r.holds("degree 9 through 10 points: proven :: 10 个点上的 9 次多项式：已证明", plain.verdict is Verdict.PROVED)
    r.holds("training error < 1e-10 :: 训练误差 < 1e-10", rms(plain.x, x, y) < 1e-10)
    r.expect("test error :: 测试误差", rms(plain.x, fine, wave(fine)), 0.165, atol=5e-4)
    r.expect("|w|", float(np.linalg.norm(plain.x)), 8.5e4, atol=500)
    slight, strong = (ridge(powers(x), y, lam).x for lam in (1e-6, 1.0))
    r.expect("ridge 1e-6: test error :: 岭回归 1e-6：测试误差", rms(slight, fine, wave(fine)), 0.145, atol=5e-4)
    r.expect("|w|", float(np.linalg.norm(slight)), 109.0, atol=0.5)
    r.expect("ridge 1: test error :: 岭回归 1：测试误差", rms(strong, fine, wave(fine)), 0.513, atol=5e-4)

    def draw(_: Any, ax: Any) -> None:
        ax.plot(fine, wave(fine), "--", color="gray", lw=1)
        for w, label in ((plain.x, "λ = 0"), (slight, "λ = 1e-6"), (strong, "λ = 1")):
            ax.plot(fine, powers(fine) @ w, label=label)
        ax.plot(x, y, "ko", ms=4)
        ax.set_ylim(-1.8, 1.8)
        ax.legend()

    r.plot(draw)
    r.say(
        "Without a penalty the polynomial meets every noisy point, with coefficients of size 85 000; a slight penalty "
        "makes them 800 times smaller and the test error less; a strong one bends too little.",
        "不加惩罚时，多项式穿过每个带噪声的点，系数大小达 8.5 万；"
        "轻微的惩罚使系数缩小约 800 倍，测试误差也更小；惩罚过强则欠拟合。",
    )


@statement("S84")
def l1(r: Report) -> None:
    r.expect("soft(3; 1), soft(0.5; 1), soft(-3; 1)", soft_threshold([3.0, 0.5, -3.0], 1.0), [2.0, 0.0, -2.0])
    rng = np.random.default_rng(0)
    X = rng.standard_normal((100, 12))
    y = X[:, :3] @ [3.0, -2.0, 1.0] + 0.5 * rng.standard_normal(100)
    path = lasso_path(X, y, alphas=40)
    r.holds("every gap on the path is proven :: 路径上每个间隙均已证明", path.verdict is Verdict.PROVED)
    half = path.coefs[:, 15]
    r.expect("exactly zero where nothing acts :: 无作用处恰为零", int(np.sum(half[3:] == 0)), 9)
    r.holds("and three that are not :: 另外三个不为零", (half[:3] != 0).all())
    r.picture(path.plot)


@statement("S85")
def l2(r: Report) -> None:
    r.expect("a = 3, λ = 1: a/(1 + λ)", float(shrink(3.0, 1.0)), 1.5)
    slope = grad(lambda w, a, penalty: (w - a) ** 2 / 2 + penalty * w**2 / 2)
    r.expect("slope there :: 该处的斜率", float(slope(1.5, 3.0, 1.0)), 0.0)
    penalties = 10.0 ** np.arange(0, 16)
    kept = [float(ridge([[1.0]], [3.0], float(penalty)).x[0]) for penalty in penalties]
    r.expect("by ridge, λ = 1 to 1e15 :: 岭回归，λ 从 1 到 1e15", kept, shrink(3.0, penalties), rtol=1e-15)
    r.holds("never exactly 0 :: 从不恰为 0", all(w > 0 for w in kept))
