"""Floating point: rounding, underflow, overflow, softmax."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from scipy.special import log_softmax, logsumexp, softmax

from ...calculus.differentiate import grad, jacobian
from ..statement import Outcome, Report, statement


def exact_softmax(x: list[int]) -> np.ndarray:
    """Softmax of integers at 200 bits, rounded once."""
    import mpmath

    with mpmath.workprec(200):
        e = [mpmath.exp(v) for v in x]
        return np.array([float(v / mpmath.fsum(e)) for v in e])


@statement("S94")
def accumulated_rounding(r: Report) -> None:
    total = 0.0
    for _ in range(10):
        total += 0.1
    r.expect("ten additions of 0.1 :: 0.1 连加十次", total, 0.9999999999999999)
    r.expect("fsum", math.fsum([0.1] * 10), 1.0)
    low = high = Fraction(0)
    for _ in range(10):
        # the decimal 0.1 lies between the neighbors of the double, and a sum between the neighbors of the rounded sum
        low = Fraction(math.nextafter(float(low + Fraction(math.nextafter(0.1, 0.0))), -math.inf))
        high = Fraction(math.nextafter(float(high + Fraction(math.nextafter(0.1, 1.0))), math.inf))
    r.show("the sum, every rounding taken outward :: 每次舍入都向外取的和", f"[{float(low)!r}, {float(high)!r}]")
    r.holds("contains 1 :: 包含 1", low <= 1 <= high)


@statement("S95")
def underflow(r: Report) -> None:
    r.expect("exp(-746)", float(np.exp(-746.0)), 0.0)
    for name, f, want, word in (
        ("log(0)", lambda: np.log(np.float64(0.0)), -math.inf, "log"),
        ("1/0", lambda: np.float64(1.0) / np.float64(0.0), math.inf, "divide"),
    ):
        with np.errstate(divide="ignore"):
            r.expect(name, float(f()), want)
        with np.errstate(divide="raise"):
            r.raises(f"{name} names the operation :: {name} 指明运算", FloatingPointError, f)
        r.holds("the message has its name :: 报错含其名称", word in r.computed[-1][1].removeprefix("divide by zero"))


@statement("S96")
def overflow(r: Report) -> None:
    r.holds(
        "exp(709.782712893384) is finite :: exp(709.782712893384) 有限", math.isfinite(float(np.exp(709.782712893384)))
    )
    with np.errstate(over="ignore", invalid="ignore"):
        r.expect("exp(709.79)", float(np.exp(709.79)), math.inf)
        r.holds("inf - inf is NaN :: inf - inf 为 NaN", math.isnan(np.float64(np.inf) - np.float64(np.inf)))
    r.expect("inf + 1", np.inf + 1, np.inf)


@statement("S97")
def softmax_of_one_two_three(r: Report) -> None:
    p = softmax([1.0, 2.0, 3.0])
    r.holds(
        "within 4 ulp of the value at 200 bits :: 与 200 位精度的值相差不超过 4 ulp",
        np.all(np.abs(p - exact_softmax([1, 2, 3])) <= 4 * np.spacing(p)),
    )
    r.expect("softmax(1,2,3)", p, [0.09003057317038046, 0.24472847105479765, 0.66524095577482189], rtol=9e-16)
    r.expect("rounded to three digits :: 保留三位小数", np.round(p, 3), [0.09, 0.245, 0.665])
    r.expect("sum of the rounded :: 舍入后之和", round(float(np.round(p, 3).sum()), 12), 1.0)


@statement("S98")
def shifted_softmax(r: Report) -> None:
    truth = exact_softmax([1, 2, 3])
    r.expect("softmax(1000,1001,1002)", softmax([1000.0, 1001.0, 1002.0]), truth, rtol=1e-15)
    r.expect("softmax(-1000,-1001,-1002)", softmax([-1000.0, -1001.0, -1002.0]), truth[::-1], rtol=1e-15)
    with np.errstate(invalid="ignore"):
        e = np.exp(np.array([-1000.0, -1001.0, -1002.0]))
        r.holds("the naive form is 0/0 :: 直接计算得 0/0", np.all(np.isnan(e / e.sum())))
    j = jacobian(softmax)(np.array([1000.0, 1001.0, 1002.0]))
    r.expect(
        "its Jacobian is finite too: rows sum to :: 其雅可比矩阵也有限：各行之和",
        np.abs(j.sum(axis=1)).max(),
        0.0,
        atol=1e-16,
    )


@statement("S99")
def log_of_softmax(r: Report) -> Outcome:
    r.expect("log softmax(0,-1000)", log_softmax([0.0, -1000.0]), [0.0, -1000.0])
    with np.errstate(divide="ignore"):
        r.expect(
            "log of the shifted softmax :: 平移后的 softmax 取对数", np.log(softmax([0.0, -1000.0])), [0.0, -np.inf]
        )
    r.expect(
        "logsumexp(1000,1001,1002)",
        np.asarray(logsumexp([1000.0, 1001.0, 1002.0])).item(),
        1002.4076059644443803,
        rtol=2e-16,
    )
    g = grad(lambda v: -log_softmax(v)[1])(np.array([0.0, -1000.0]))
    r.expect("gradient of -log softmax :: -log softmax 的梯度", g, [1.0, -1.0])
    r.say(
        "Shifting cures the overflow of softmax, not the logarithm of its zeros.",
        "平移能避免 softmax 溢出，却救不了对其零值取对数。",
    )
    return Outcome.REFUTED


@statement("S100")
def probabilities(r: Report) -> None:
    x = np.random.default_rng(0).normal(scale=5.0, size=(1000, 10))
    p = softmax(x, axis=1)
    r.holds(
        "1000 random 10-vectors: entries in [0, 1] :: 1000 个随机 10 维向量：元素在 [0, 1] 内",
        np.all((p >= 0) & (p <= 1)),
    )
    r.holds("sums 1 to 4 ulp :: 和为 1，误差至多 4 ulp", np.abs(p.sum(axis=1) - 1).max() <= 4 * np.spacing(1.0))
    r.holds("the largest stays the largest :: 最大元素的位置不变", np.array_equal(p.argmax(axis=1), x.argmax(axis=1)))
    for v in (x[0], np.array([1.0, 2.0, 3.0])):
        q = softmax(v)
        r.expect(
            f"J - (diag(p) - ppᵀ), n = {v.size}",
            np.abs(jacobian(softmax)(v) - (np.diag(q) - np.outer(q, q))).max(),
            0.0,
            atol=1e-16,
        )
    g = grad(lambda v: -log_softmax(v)[2])(np.array([1.0, 2.0, 3.0]))
    r.expect("dCE/dx = p - onehot", g, [0.09003057, 0.24472847, -0.33475904], atol=5e-9)
