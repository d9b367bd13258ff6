"""Linear systems: conditioning, preconditioners, least squares, regularization."""

from __future__ import annotations

import importlib.util
from fractions import Fraction

import numpy as np
from scipy import linalg as sl
from scipy import sparse

from ...linear import NotPositiveDefinite, RankError, cg, condition, lstsq, precondition, ridge, solve
from ...proof import Verdict
from ..statement import Outcome, Report, statement

EXACT = importlib.util.find_spec("flint") is not None  # python-flint is optional
NEAR_SINGULAR = np.array([[1.0, 1.0], [1.0, 1.0001]])
TWO_UNITS = np.array([[1e6, 1.0], [1.0, 1e-4]])


@statement("S101")
def condition_number(r: Report) -> Outcome | None:
    c = condition(NEAR_SINGULAR)
    r.expect("κ([[1, 1], [1, 1.0001]]), 2-norm :: κ([[1, 1], [1, 1.0001]])，2-范数", c.value, 40002.000075, atol=5e-7)
    r.show("proven enclosure :: 已证明的区间", (c.lower, c.upper))
    doubles = condition(sl.hilbert(10))
    r.holds("Hilbert 10 in doubles: enclosed :: Hilbert 10（双精度数）：有界", doubles.verdict is Verdict.PROVED)
    r.show("value for the doubles :: 双精度矩阵的条件数", doubles.value)
    r.show("NumPy", float(np.linalg.cond(sl.hilbert(10))))
    r.picture(doubles.plot)
    if not EXACT:
        return None
    exact = condition([[Fraction(1, i + j + 1) for j in range(10)] for i in range(10)], proof="exact")
    r.expect("Hilbert 10, as fractions :: Hilbert 10（分数）", exact.value, 1.60262868702168828e13, rtol=2.3e-16)
    r.show("proven enclosure :: 已证明的区间", (exact.lower, exact.upper))
    return Outcome.PROVED


@statement("S102")
def small_in_large_out(r: Report) -> None:
    before, after = np.array([2.0, 2.0]), np.array([2.0, 2.0001])
    x, y = solve(NEAR_SINGULAR, before), solve(NEAR_SINGULAR, after)
    r.expect("A x = (2, 2): x :: A x = (2, 2)：x", x.x, [2.0, 0.0], atol=1e-12)
    r.expect("A x = (2, 2.0001): x :: A x = (2, 2.0001)：x", y.x, [1.0, 1.0], atol=1e-11)
    into = np.linalg.norm(after - before) / np.linalg.norm(before)
    out = np.linalg.norm(y.x - x.x) / np.linalg.norm(x.x)
    r.expect("relative change of b :: b 的相对变化", float(into), 0.0000354, atol=5e-8)
    r.expect("relative change of x :: x 的相对变化", float(out), 0.707, atol=5e-4)
    r.holds("their ratio is at most κ :: 两者之比不超过 κ", out / into <= condition(NEAR_SINGULAR).upper)


def descent_steps(eigenvalues: np.ndarray) -> int:
    """Steps of gradient descent at its best rate until the error, from 1 everywhere, is 1e-4."""
    rate = 2 / (eigenvalues.max() + eigenvalues.min())
    error, steps = np.ones_like(eigenvalues), 0
    while np.abs(error).max() > 1e-4:
        error, steps = error * (1 - rate * eigenvalues), steps + 1
    return steps


@statement("S103")
def conditioning_slows(r: Report) -> None:
    h = sl.hilbert(12)
    b = h @ np.ones(12)
    by_solve = r.show(
        "Hilbert 12, x = 1: error of NumPy's solve :: Hilbert 12，x = 1：NumPy solve 的误差",
        float(np.abs(np.linalg.solve(h, b) - 1).max()),
    )
    by_inverse = r.show("and of its inverse :: 用逆矩阵的误差", float(np.abs(np.linalg.inv(h) @ b - 1).max()))
    r.holds("both are useless :: 两者都不可用", by_solve > 1e-3 and by_inverse > 1e-2)
    r.raises("ours says so :: 本库直言不可解", RankError, lambda: solve(h, b))
    if EXACT:
        rows = [[Fraction(1, i + j + 1) for j in range(12)] for i in range(12)]
        ours = solve(rows, [sum(row) for row in rows], proof="exact")
        r.expect("with fractions, proven :: 用分数求解，已证明", ours.x, np.ones(12))
    counts = {}
    for k in (1e2, 1e4):
        # eigenvalues at the zeros of a Chebyshev polynomial, where the bound of conjugate gradients is sharp
        d = (k + 1) / 2 + (k - 1) / 2 * np.cos(np.pi * (np.arange(2000) + 0.5) / 2000)
        run = cg(sparse.diags_array(d), np.ones(2000), tol=1e-4)
        counts[k] = descent_steps(d), run.iterations
        text = f"κ = {k:g}"
        r.show(f"{text}: steps of gradient descent :: {text}：梯度下降的步数", counts[k][0])
        r.show(f"{text}: of conjugate gradients :: {text}：共轭梯度的步数", counts[k][1])
    growth = [counts[1e4][i] / counts[1e2][i] for i in (0, 1)]
    r.expect(
        "100 times κ: descent takes so many times more :: κ 增至 100 倍：梯度下降步数之比", growth[0], 100, rtol=0.25
    )
    r.expect("conjugate gradients, √κ :: 共轭梯度（√κ）步数之比", growth[1], 10, rtol=0.25)
    q = np.linalg.qr(np.random.default_rng(0).normal(size=(60, 60)))[0]
    a = (q * np.geomspace(1, 1e3, 60)) @ q.T
    r.picture(cg(a / 2 + a.T / 2, np.ones(60)).plot)


@statement("S104")
def diagonal_scaling(r: Report) -> None:
    m = precondition(TWO_UNITS)
    r.expect("κ(A)", m.before, 1.010101e10, rtol=1e-6)
    r.expect("after scaling: 11/9 :: 缩放后：11/9", m.after, 11 / 9, rtol=1e-14)
    r.holds("A is positive definite, proven :: A 正定，已证明", m.verdict is Verdict.PROVED)
    r.picture(m.plot)


@statement("S105")
def cholesky(r: Report) -> None:
    m = precondition(TWO_UNITS, kind="cholesky")
    r.expect("κ(L⁻¹ A L⁻ᵀ)", m.after, 1.0, atol=1e-8)
    r.expect("κ(L) = √κ(A)", condition(m.factor).value, 100504, atol=0.5)
    indefinite = [[1.0, 2.0], [2.0, 1.0]]
    try:
        precondition(indefinite, kind="cholesky")
    except NotPositiveDefinite as e:
        r.show("[[1, 2], [2, 1]] is rejected: v :: [[1, 2], [2, 1]] 被拒绝：v", e.witness)
        r.holds("vᵀAv ≤ 0, exactly :: vᵀAv ≤ 0（精确）", e.proved and e.witness @ indefinite @ e.witness <= 0)
        return
    r.holds("[[1, 2], [2, 1]] is rejected :: [[1, 2], [2, 1]] 被拒绝", False)


@statement("S106")
def shifted(r: Report) -> Outcome:
    a = np.diag([1.0, 4.0, 100.0])
    for lam in (1.0, 10.0):
        want = (100 + lam) / (1 + lam)
        r.expect(
            f"positive definite, λ = {lam:g} :: 正定，λ = {lam:g}",
            condition(a + lam * np.eye(3)).value,
            want,
            rtol=1e-14,
        )
    b = np.diag([-0.1, 1.0])
    r.expect("κ(diag(-0.1, 1))", condition(b).value, 10.0, rtol=1e-14)
    r.expect("+ 0.09 I", condition(b + 0.09 * np.eye(2)).value, 109.0, rtol=1e-13)
    singular = condition(b + 0.1 * np.eye(2))
    r.holds("+ 0.1 I: singular, proven :: + 0.1 I：奇异，已证明", np.isinf(singular.lower))
    r.say(
        "It lowers the condition number of a positive definite matrix; where eigenvalues are negative it may raise it.",
        "对正定矩阵它会降低条件数；若有负特征值，则可能反而升高，甚至使矩阵奇异。",
    )
    return Outcome.REFUTED


@statement("S107")
def lauchli(r: Report) -> None:
    e = 1e-8
    a = np.array([[1.0, 1.0], [e, 0.0], [0.0, e]])
    b = a @ np.ones(2)
    r.expect("AᵀA in doubles: determinant :: 双精度下 AᵀA 的行列式", float(np.linalg.det(a.T @ a)), 0.0)
    fit = lstsq(a, b)
    r.expect("through QR :: 用 QR", fit.x, [1.0, 1.0], atol=1e-15)
    u, s, vt = sl.svd(a, full_matrices=False)
    r.expect("through SVD :: 用 SVD", vt.T @ ((u.T @ b) / s), [1.0, 1.0], atol=1e-15)
    r.holds(
        "proven, digits at least 14 :: 已证明，至少 14 位", fit.verdict is Verdict.PROVED and fit.digits.min() >= 14
    )


@statement("S122")
def least_squares(r: Report) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(40, 4)), rng.normal(size=40)
    fit = lstsq(a, b)
    r.expect("Aᵀ(b - Ax)", a.T @ fit.residual, np.zeros(4), atol=1e-12)
    r.expect("x by SVD agrees :: 与 SVD 的 x 一致", fit.x, np.linalg.pinv(a) @ b, rtol=1e-12)
    r.show("proven digits :: 已证明的位数", float(fit.digits.min()))
    r.raises(
        "a rank is never decided silently :: 绝不默默判定秩",
        RankError,
        lambda: lstsq(np.c_[a, a[:, 0] + a[:, 1]], b),
    )


@statement("S123")
def regularized(r: Report) -> Outcome:
    a, b = np.diag([1.0, 1e-3]), np.ones(2)
    norms = [r.expect("|x|, λ = 0", float(np.linalg.norm(lstsq(a, b).x)), 1000.0005, atol=5e-7)]
    for lam, want, places in ((1e-6, 500.001, 5e-6), (1e-4, 9.95135192, 5e-9), (1.0, 0.500001, 5e-10)):
        fit = ridge(a, b, lam)
        norms.append(r.expect(f"|x|, λ = {lam:g}", float(np.linalg.norm(fit.x)), want, atol=places))
        r.expect(f"κ = (σ₁² + λ)/(σₙ² + λ), λ = {lam:g}", fit.condition, (1 + lam) / (1e-6 + lam), rtol=1e-12)
    r.holds("|x| falls as λ grows :: λ 增大时 |x| 减小", norms == sorted(norms, reverse=True))
    r.picture(ridge(a, b, 1e-4).plot)
    r.say(
        "The norm of x falls as λ grows, and so does the condition number: that is what makes x stable.",
        "λ 增大时 x 的范数减小，条件数也随之降低：解因此变得稳定。",
    )
    return Outcome.REFUTED
