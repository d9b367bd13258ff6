"""Lessons 4 and 5: Jacobians, the chain rule, what backpropagation computes."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from scipy.special import expit

from ...calculus.check import check
from ...calculus.difference import difference
from ...calculus.differentiate import grad, hessian, jacobian, vjp
from ...calculus.kink import differentiate
from ...proof import Verdict
from ...tracer import trace
from ..statement import Outcome, Report, statement

INNER = np.array([[0.1, 0.2], [0.3, -0.4], [-0.5, 0.6]])
OUTER = np.array([0.7, -0.8, 0.9])
INPUT = np.array([1.0, 2.0])


def field(v: Any) -> Any:
    return np.stack([2 * v[0] * v[1], v[0] ** 2 * v[1]])


def network(x: Any) -> Any:
    return expit(OUTER @ np.tanh(INNER @ x))


@statement("S26")
def two_by_two(r: Report) -> Outcome:
    import sympy

    graph = trace(lambda x, y: np.stack([2 * x * y, x**2 * y]), 1.0, 2.0)
    parts = np.ravel(graph.sympy())
    x, y = (next(s for s in parts[0].free_symbols if s.name == n) for n in "xy")
    matrix = sympy.Matrix(list(parts)).jacobian([x, y])
    r.holds(
        "J = [[2y, 2x], [2xy, x²]]",
        sympy.simplify(matrix - sympy.Matrix([[2 * y, 2 * x], [2 * x * y, x**2]])).is_zero_matrix,
    )
    r.holds("det J = -2x²y", sympy.simplify(matrix.det() + 2 * x**2 * y) == 0)
    r.expect("J(1,2)", jacobian(field)(np.array([1.0, 2.0])), [[4.0, 2.0], [4.0, 1.0]])
    return Outcome.PROVED


@statement("S27")
def rows_are_outputs(r: Report) -> None:
    wide = lambda v: np.stack([v[0], v[1], v[0] * v[1]])
    for mode in ("forward", "reverse"):
        j = jacobian(wide, mode=mode)(np.array([2.0, 3.0]))
        r.expect(f"3 outputs, 2 inputs, {mode}: shape :: 3 个输出、2 个输入，{mode}：形状", j.shape, (3, 2))
        r.expect("row 2, columns: ∂(xy)/∂x, ∂(xy)/∂y :: 第 2 行各列：∂(xy)/∂x，∂(xy)/∂y", j[2], [3.0, 2.0])


@statement("S28")
def printed_matrix(r: Report) -> None:
    import sympy

    graph = trace(lambda x, y: np.stack([2 * x * y, x**2 * y]), 1.0, 2.0)
    parts = np.ravel(graph.sympy())
    renamed = {s: sympy.Symbol(s.name) for s in parts[0].free_symbols}
    matrix = sympy.Matrix([p.subs(renamed) for p in parts]).jacobian(sympy.symbols("x y"))
    box = sympy.pretty(matrix, use_unicode=True).splitlines()
    r.expect("lines of the box :: 方框的行数", len(box), 4)
    r.expect(
        "without spaces :: 去掉空格", ["".join(line.split()) for line in box], ["⎡2⋅y2⋅x⎤", "⎢⎥", "⎢2⎥", "⎣2⋅x⋅yx⎦"]
    )


@statement("S29")
def three_sigmoids(r: Report) -> None:
    p, q, s, t, u, v = 1.0, 2.0, -1.0, 0.5, 3.0, -2.0
    coefficients = np.array([[p, q], [s, t], [u, v]])
    j = jacobian(lambda x: 1 / (1 + np.exp(-(coefficients @ x))))(np.array([0.3, -0.7]))
    want = [
        [0.18736987954752058, 0.37473975909504117],
        [-0.22534771461105384, 0.11267385730552692],
        [0.24845870097222343, -0.16563913398148229],
    ]
    r.expect("J", j, want, rtol=4e-15)


@statement("S30")
def one_hidden_layer(r: Report) -> None:
    r.expect("y", network(INPUT), 0.7750599981798478, rtol=1e-15)


@statement("S31")
def chain_rule(r: Report) -> None:
    want = np.array([-0.07310664324114237, 0.1228283542553243])
    r.expect("dy/dx by the graph :: 由计算图得 dy/dx", grad(network)(INPUT), want, rtol=1e-14)
    z = np.tanh(INNER @ INPUT)
    y = network(INPUT)
    summed = [sum(y * (1 - y) * OUTER[k] * (1 - z[k] ** 2) * INNER[k, i] for k in range(3)) for i in range(2)]
    r.expect("dy/dx as the sum over k :: 对 k 求和得 dy/dx", np.array(summed), want, rtol=1e-14)


@statement("S32")
def layer_form(r: Report) -> None:
    layer = lambda x: np.tanh(INNER @ x)
    w = jacobian(layer)(INPUT)
    z, pullback = vjp(layer, INPUT)
    y = network(INPUT)
    dz = y * (1 - y) * OUTER
    r.expect("Wᵀ dy/dz = dy/dx", w.T @ dz, grad(network)(INPUT), atol=1e-15)
    r.expect(
        "the same by one pullback, no matrix formed :: 一次拉回得同样结果，不构造矩阵",
        pullback(dz)[0],
        w.T @ dz,
        atol=1e-15,
    )
    r.expect("W is diag(f') times the weights :: W 等于 diag(f') 乘以权重", w, (1 - z**2)[:, None] * INNER, atol=1e-15)
    r.holds("and not the weights themselves :: 而不是权重本身", not np.allclose(w, INNER))


@statement("S33")
def several_layers(r: Report) -> None:
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=s) for s in ((4, 2), (3, 4), (1, 3))]
    x = np.array([0.3, -0.8])
    outputs, a = [], x
    for w in weights:
        outputs.append((w, a))
        a = np.tanh(w @ a)
    total = lambda x: np.tanh(weights[2] @ np.tanh(weights[1] @ np.tanh(weights[0] @ x)))[0]
    sensitivity = np.ones(1)
    for w, a in reversed(outputs):
        step = jacobian(lambda v, w=w: np.tanh(w @ v))(a)
        sensitivity = step.T @ sensitivity
    r.expect(
        "product of layer Jacobians, right to left :: 各层雅可比矩阵从右向左的乘积",
        sensitivity,
        grad(total)(x),
        rtol=1e-13,
    )
    da = np.ones(1)
    for w, a in reversed(outputs):
        da = w.T @ (da * (1 - np.tanh(w @ a) ** 2))
    r.expect("da of a hand-written backward pass :: 手写反向传播的 da", da, sensitivity, rtol=1e-14)
    second = lambda v: np.tanh(weights[1] @ v)
    at = outputs[1][1]
    r.expect(
        "layer 2 against central differences :: 第 2 层，与中心差分对照",
        difference(second, at, method="richardson").value,
        jacobian(second)(at),
        atol=1e-11,
    )


@statement("S34")
def sigmoid(r: Report) -> Outcome:
    naive = lambda t: 1 / (1 + np.exp(-t))
    r.expect("sigma(0)", naive(0.0), 0.5)
    right = r.expect("sigma'(0)", grad(naive)(0.0), 0.25)
    claimed = lambda t: 2 * naive(t) * (1 - naive(t))
    r.expect("the source's dsigmoid(0) :: 原文的 dsigmoid(0)", claimed(0.0), 2 * right)
    checked = check(naive, claimed, region=(-4.0, 4.0))
    r.holds("`check` refutes it :: `check` 予以推翻", checked.verdict is Verdict.REFUTED)
    r.expect("and names the factor :: 并指出倍数", checked.factor, 2.0, rtol=1e-9)
    r.expect(
        "expit and its slope at ±745 :: expit 及其斜率在 ±745 处",
        [*expit([745.0, -745.0]), grad(expit)(745.0), grad(expit)(-745.0)],
        [1, 0, 0, 0],
        atol=1e-300,
    )
    r.say("dsigmoid in the source is twice the derivative.", "原文的 dsigmoid 是正确导数的 2 倍。")
    return Outcome.REFUTED


@statement("S35")
def relu(r: Report) -> None:
    f = lambda x: np.maximum(0, x)
    r.expect("relu(-1, 0, 2)", f(np.array([-1.0, 0.0, 2.0])), [0.0, 0.0, 2.0])
    r.expect("slopes at -1 and 2 :: -1 与 2 处的斜率", [float(grad(f)(-1.0)), float(grad(f)(2.0))], [0.0, 1.0])
    kink = differentiate(f, 0.0)
    r.expect("at 0: limiting derivatives :: 0 处：左右极限导数", [float(kink.left), float(kink.right)], [0.0, 1.0])
    r.holds("the value used lies between them :: 所用的值介于其间", kink.left <= kink.derivative <= kink.right)


EPSILON = np.finfo(float).eps


def clipped_sigmoid(z: float) -> float:
    return float(expit(min(max(z, -500.0), 500.0)))


def clipped_seed(z: float, y: float) -> float:
    """dL/dz as the source computes it: dL/dyhat times its dsigmoid, both clipped. Lost where sigma is saturated."""
    s = clipped_sigmoid(z)
    return (-y / max(s, EPSILON) + (1 - y) / max(1 - s, EPSILON)) * 2 * s * (1 - s)


@statement("S37")
def fused_logit(r: Report) -> None:
    loss = lambda z, y: np.logaddexp(0.0, z) - y * z
    r.expect("dL/dz at z=-745, y=1", grad(loss)(-745.0, 1.0), -1.0, rtol=1e-15)
    r.expect("dL/dz at z=40, y=0", grad(loss)(40.0, 0.0), 1.0, rtol=1e-15)
    r.expect(
        "through dL/dyhat, as the source :: 照原文先求 dL/dyhat",
        [clipped_seed(-745.0, 1.0), clipped_seed(40.0, 0.0)],
        [-6.4e-202, 0.0],
        rtol=0.01,
    )
    z = np.linspace(-6, 6, 25)
    r.expect(
        "sigma(z) - y everywhere :: 处处等于 sigma(z) - y",
        grad(lambda t: np.sum(loss(t, 1.0)))(z),
        expit(z) - 1.0,
        atol=2e-16,
    )


@statement("S36")
def cross_entropy(r: Report) -> Outcome:
    loss = lambda z, y: np.logaddexp(0.0, z) - y * z
    r.expect("at z=-745, y=1 the loss is :: z=-745，y=1 时的损失", loss(-745.0, 1.0), 745.0)
    r.expect(
        "clipped as in the source :: 照原文截断",
        -np.log(max(clipped_sigmoid(-745.0), EPSILON)),
        36.0436533891,
        atol=5e-11,
    )
    x, y = circles()
    z = initial_logits(x)
    mean = np.mean(loss(z, y))
    r.expect(
        "mean over the source's data and weights :: 在原文数据与权重上的平均", mean, 0.6936297274732938, rtol=1e-14
    )
    r.expect("the source prints the sum :: 原文输出的是总和", mean * len(y), 693.6297274732938, rtol=1e-14)
    r.say(
        "It divides by the number of columns, which is 1: the result is the sum over the samples, 1000 times the mean.",
        "代码除以的是列数，即 1：结果是对全部样本求和，为平均值的 1000 倍。",
    )
    return Outcome.REFUTED


def circles() -> tuple[np.ndarray, np.ndarray]:
    """Two noisy circles, drawn in the order in which scikit-learn's make_circles draws them with np.random.seed(0)."""
    rng = np.random.RandomState(0)
    n = 500
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    x = np.concatenate([ring, 0.5 * ring])
    y = np.repeat([0, 1], n)
    order = np.arange(2 * n)
    rng.shuffle(order)
    x, y = x[order], y[order]
    x += rng.normal(scale=0.1, size=x.shape)
    return x, y.reshape(-1, 1)


def initial_logits(x: np.ndarray) -> np.ndarray:
    """The last layer's input in the source's network at its initial weights (seed 42, scale 0.1, sizes 2-4-3-1)."""
    rng = np.random.RandomState(42)
    a = x
    for i, (n, m) in enumerate(((2, 4), (4, 3), (3, 1))):
        w, b = rng.randn(n, m) * 0.1, rng.randn(1, m) * 0.1
        z = a @ w + b
        a = np.maximum(0, z) if i < 2 else z
    return a


@statement("S38")
def data_set(r: Report) -> None:
    x, y = circles()
    r.expect("first point :: 第一个点", x[0], np.array([0.5414954906553926, 0.011964244574963104]))
    r.expect(
        "SHA-256 of X begins :: X 的 SHA-256 开头", hashlib.sha256(x.tobytes()).hexdigest()[:16], "37dc6b19ccf4f6b3"
    )
    r.expect("points in each class :: 各类点数", [int(np.sum(y == k)) for k in (0, 1)], [500, 500])
    r.expect(
        "accuracy of the rule r < 0.75 :: 规则 r < 0.75 的准确率",
        float(np.mean((np.linalg.norm(x, axis=1) < 0.75) == y[:, 0])),
        0.996,
    )


@statement("S115")
def hessian_of_scalar(r: Report) -> Outcome:
    f = lambda v: v[0] ** 2 + v[1] ** 3
    h = r.expect("H(2,3)", hessian(f)(np.array([2.0, 3.0])), [[2.0, 0.0], [0.0, 18.0]])
    r.holds("symmetric :: 对称", np.array_equal(h, h.T))
    r.raises(
        "of a vector-valued function :: 对向量值函数求黑塞矩阵",
        ValueError,
        lambda: hessian(field)(np.array([1.0, 2.0])),
    )
    r.say(
        "The source defines the Hessian for f: Rⁿ→Rᵐ; it is the matrix of one scalar function.",
        "原文对 f: Rⁿ→Rᵐ 定义黑塞矩阵；它只属于标量函数。",
    )
    return Outcome.REFUTED


@statement("S116")
def curvatures(r: Report) -> None:
    h = hessian(lambda v: v[0] ** 2 + v[1] ** 3)(np.array([2.0, 3.0]))
    values, vectors = np.linalg.eigh(h)
    r.expect("curvatures :: 曲率", values, [2.0, 18.0])
    r.expect("along :: 方向", np.abs(vectors), [[1.0, 0.0], [0.0, 1.0]])
    angles = np.linspace(0, np.pi, 181)
    u = np.stack([np.cos(angles), np.sin(angles)])
    quotients = np.sum(u * (h @ u), axis=0)
    r.holds(
        "Rayleigh quotients lie in [2, 18] :: 瑞利商都在 [2, 18] 内",
        quotients.min() >= 2 - 1e-15 and quotients.max() <= 18 + 1e-14,
    )


@statement("S117")
def taylor(r: Report) -> Outcome:
    import sympy

    graph = trace(lambda x, y: x**2 + y**3, 2.0, 3.0)
    formula = graph.sympy()
    x, y = (next(s for s in formula.free_symbols if s.name == n) for n in "xy")
    a, b = sympy.symbols("h1 h2")
    at = {x: 2, y: 3}
    g = sympy.Matrix([formula.diff(v) for v in (x, y)]).subs(at)
    h = sympy.hessian(formula, (x, y)).subs(at)
    step = sympy.Matrix([a, b])
    rest = formula.subs({x: 2 + a, y: 3 + b}) - formula.subs(at) - (g.T * step)[0] - (step.T * h * step)[0] / 2
    r.show("remainder of the second-order expansion :: 二阶展开的余项", sympy.expand(rest))
    r.holds("is h2³ exactly :: 恰为 h2³", sympy.expand(rest - b**3) == 0)
    return Outcome.PROVED


@statement("S114")
def jacobian_shape(r: Report) -> None:
    j = jacobian(field)(np.array([1.0, 2.0]))
    r.expect("shape outputs by inputs :: 形状：输出数 × 输入数", j.shape, (2, 2))
    tall = lambda v: np.stack([v[0], v[1], v[0] * v[1]])
    r.expect("three outputs of two inputs :: 两个输入、三个输出", jacobian(tall)(np.array([1.0, 2.0])).shape, (3, 2))
    r.expect("J[0,1] = ∂f0/∂x1 = 2x", j[0, 1], 2.0)


@statement("S108")
def weighted_squares(r: Report) -> None:
    i = np.arange(1, 8)
    x = np.linspace(-1, 2, 7)
    r.expect("grad of sum i x_i² :: Σ i x_i² 的梯度", grad(lambda v: np.sum(i * v**2))(x), 2 * i * x, rtol=3e-16)
