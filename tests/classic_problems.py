"""Constrained problems written from the literature, with the optimal values published there.

W. Hock, K. Schittkowski, "Test Examples for Nonlinear Programming Codes" (1981): problems that the data files leave
out. Exact values where there are closed forms, else the digits that are known. `PROBLEMS` maps a name to
((f, x0, bounds, c, cl, cu), value); where value is a tuple it has the values of two local minima.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

inf, sqrt = np.inf, np.sqrt
rosen = lambda x: 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2
free = lambda n: (n * [-inf], n * [inf])
positive = lambda n: (n * [0.0], n * [inf])


def geometric(a):
    """HS101, 102, 103."""

    def f(x):
        return (
            10 * x[0] * x[3] ** 2 * x[6] ** a / (x[1] * x[5] ** 3)
            + 15 * x[2] * x[3] / (x[0] * x[1] ** 2 * x[4] * x[6] ** 0.5)
            + 20 * x[1] * x[5] / (x[0] ** 2 * x[3] * x[4] ** 2)
            + 25 * x[0] ** 2 * x[1] ** 2 * x[4] ** 0.5 * x[6] / (x[2] * x[5] ** 2)
        )

    def c(x):
        return np.array(
            [
                1
                - 0.5 * x[0] ** 0.5 * x[6] / (x[2] * x[5] ** 2)
                - 0.7 * x[0] ** 3 * x[1] * x[5] * x[6] ** 0.5 / x[2] ** 2
                - 0.2 * x[2] * x[5] ** (2 / 3) * x[6] ** 0.25 / (x[1] * x[3] ** 0.5),
                1
                - 1.3 * x[1] * x[5] / (x[0] ** 0.5 * x[2] * x[4])
                - 0.8 * x[2] * x[5] ** 2 / (x[3] * x[4])
                - 3.1 * x[1] ** 0.5 * x[5] ** (1 / 3) / (x[0] * x[3] ** 2 * x[4]),
                1
                - 2 * x[0] * x[4] * x[6] ** (1 / 3) / (x[2] ** 1.5 * x[5])
                - 0.1 * x[1] * x[4] / (x[2] ** 0.5 * x[5] * x[6] ** 0.5)
                - x[1] * x[2] ** 0.5 * x[4] / x[0]
                - 0.65 * x[2] * x[4] * x[6] / (x[1] ** 2 * x[5]),
                1
                - 0.2 * x[1] * x[4] ** 0.5 * x[6] ** (1 / 3) / (x[0] ** 2 * x[3])
                - 0.3 * x[0] ** 0.5 * x[1] ** 2 * x[2] * x[3] ** (1 / 3) * x[6] ** 0.25 / x[4] ** (2 / 3)
                - 0.4 * x[2] * x[4] * x[6] ** 0.75 / (x[0] ** 3 * x[1] ** 2)
                - 0.5 * x[3] * x[6] ** 0.5 / x[2] ** 2,
                f(x),
            ]
        )

    return f, 7 * [6.0], (6 * [0.1] + [0.01], 7 * [10.0]), c, 4 * [0.0] + [100.0], 4 * [inf] + [3000.0]


def network(limit):
    """HS74, 75."""
    c = lambda x: np.array(
        [
            x[3] - x[2],
            1000 * np.sin(-x[2] - 0.25) + 1000 * np.sin(-x[3] - 0.25) - x[0],
            1000 * np.sin(x[2] - 0.25) + 1000 * np.sin(x[2] - x[3] - 0.25) - x[1],
            1000 * np.sin(x[3] - 0.25) + 1000 * np.sin(x[3] - x[2] - 0.25),
        ]
    )
    f = lambda x: 3 * x[0] + 1e-6 * x[0] ** 3 + 2 * x[1] + 2e-6 / 3 * x[1] ** 3
    rhs = [-894.8, -894.8, -1294.8]
    return f, 4 * [0.0], ([0, 0, -limit, -limit], [1200, 1200, limit, limit]), c, [-limit, *rhs], [limit, *rhs]


def bivariate():
    """HS54."""
    mean, width = np.array([1e4, 1, 2e6, 10, 1e-3, 1e8]), np.array([8e3, 1, 7e6, 50, 0.05, 5e8])

    def f(x):
        z = (x - mean) / width
        return -np.exp(-((z[0] ** 2 + 0.4 * z[0] * z[1] + z[1] ** 2) / 0.96 + np.sum(z[2:] ** 2)) / 2)

    bounds = [0, -10, 0, 0, -1, 0], [2e4, 10, 1e7, 20, 1, 2e8]
    return f, [6e3, 1.5, 4e6, 2, 3e-3, 5e7], bounds, lambda x: np.array([x[0] + 4e3 * x[1]]), [1.76e4], [1.76e4]


def chart(a, b, d, n):
    """HS68, 69."""

    def f(x):
        grown = np.exp(x[0]) - 1
        return (a * n - (b * grown - x[2]) * x[3] / (grown + x[3])) / x[0]

    far = d * sqrt(n)
    c = lambda x: np.array([x[2] - 2 * ndtr(-x[1]), x[3] - ndtr(-x[1] + far) - ndtr(-x[1] - far)])
    return f, 4 * [1.0], ([1e-4, 0, 0, 0], [100, 100, 2, 2]), c, [0, 0], [0, 0]


def plant(b):
    """HS95 to 98."""
    w = np.array([4.3, 31.8, 63.3, 15.8, 68.5, 4.7])
    A = np.array(
        [
            [17.1, 38.2, 204.2, 212.3, 623.4, 1495.5],
            [17.9, 36.8, 113.9, 169.7, 337.8, 1385.2],
            [0, -273, 0, -70, -819, 0],
            [159.9, -311, 0, 587, 391, 2198],
        ]
    )

    def c(x):
        return A @ x - np.array(
            [
                169 * x[0] * x[2] + 3580 * x[2] * x[4] + 3810 * x[3] * x[4] + 18500 * x[3] * x[5] + 24300 * x[4] * x[5],
                139 * x[0] * x[2] + 2450 * x[3] * x[4] + 16600 * x[3] * x[5] + 17200 * x[4] * x[5],
                -26000 * x[3] * x[4],
                14000 * x[0] * x[5],
            ]
        )

    up = [0.31, 0.046, 0.068, 0.042, 0.028, 0.0134]
    return lambda x: w @ x, 6 * [0.0], (6 * [0.0], up), c, b, 4 * [inf]


def flight():
    """HS99: the data are those of an optimal control problem; f is of the size 1e9."""
    a = [50, 50, 75, 75, 75, 100, 100]
    t = [0, 25, 50, 100, 150, 200, 290, 380]

    def run(x):
        r = q = s = 0.0
        for i in range(7):
            d = t[i + 1] - t[i]
            up = a[i] * np.sin(x[i]) - 32
            r = r + a[i] * d * np.cos(x[i])
            q = q + 0.5 * d**2 * up + d * s
            s = s + d * up
        return r, q, s

    c = lambda x: np.array(run(x)[1:])
    return lambda x: -(run(x)[0] ** 2), 7 * [0.5], (7 * [0.0], 7 * [1.58]), c, [1e5, 1e3], [1e5, 1e3]


E_ = np.array([-15.0, -27, -36, -18, -12])
D_ = np.array([4.0, 8, 10, 6, 2])
C_ = np.array(
    [
        [30.0, -20, -10, 32, -10],
        [-20, 39, -6, -31, 32],
        [-10, -6, 10, -6, -10],
        [32, -31, -6, 39, -20],
        [-10, 32, -10, -20, 30],
    ]
)
A_ = np.array(
    [
        [-16, 2, 0, 1, 0], [0, -2, 0, 0.4, 2], [-3.5, 0, 2, 0, 0], [0, -2, 0, -4, -1], [0, -9, -2, 1, -2.8],
        [2, 0, -4, 0, 0], [-1, -1, -1, -1, -1], [-1, -2, -3, -2, -1], [1, 2, 3, 4, 5], [1, 1, 1, 1, 1],
    ]
)  # fmt: skip
B_ = np.array([-40.0, -2, -0.25, -4, -4, -1, -40, -60, 5, 1])


def colville2():
    """HS117."""
    f = lambda x: -B_ @ x[:10] + x[10:] @ C_ @ x[10:] + 2 * D_ @ x[10:] ** 3
    c = lambda x: 2 * C_ @ x[10:] + 3 * D_ * x[10:] ** 2 + E_ - A_.T @ x[:10]
    x0 = np.full(15, 0.001)
    x0[6] = 60
    return f, x0, positive(15), c, 5 * [0.0], 5 * [inf]


def alkylation():
    """HS114."""
    a, b = 0.99, 0.9

    def c(x):
        g1 = 35.82 - 0.222 * x[9] - b * x[8]
        g2 = -133 + 3 * x[6] - a * x[9]
        g5 = 1.12 * x[0] + 0.13167 * x[0] * x[7] - 0.00667 * x[0] * x[7] ** 2 - a * x[3]
        g6 = 57.425 + 1.098 * x[7] - 0.038 * x[7] ** 2 + 0.325 * x[5] - a * x[6]
        return np.array(
            [
                g1, g2, -g1 + x[8] * (1 / b - b), -g2 + (1 / a - a) * x[9], g5, g6, -g5 + (1 / a - a) * x[3],
                -g6 + (1 / a - a) * x[6], 1.22 * x[3] - x[0] - x[4], 98000 * x[2] / (x[3] * x[8] + 1000 * x[2]) - x[5],
                (x[1] + x[4]) / x[0] - x[7],
            ]
        )  # fmt: skip

    f = lambda x: 5.04 * x[0] + 0.035 * x[1] + 10 * x[2] + 3.36 * x[4] - 0.063 * x[3] * x[6]
    lo = [1e-5, 1e-5, 1e-5, 1e-5, 1e-5, 85, 90, 3, 1.2, 145]
    up = [2000, 16000, 120, 5000, 2000, 93, 95, 12, 4, 162]
    x0 = [1745, 12000, 110, 3048, 1974, 89.2, 92.8, 8, 3.6, 145]
    return f, x0, (lo, up), c, 11 * [0.0], 8 * [inf] + 3 * [0.0]


def five(f, x0, bounds):
    """HS78 and 80."""
    c = lambda x: np.array([x @ x - 10, x[1] * x[2] - 5 * x[3] * x[4], x[0] ** 3 + x[1] ** 3 + 1])
    return f, x0, bounds, c, [0, 0, 0], [0, 0, 0]


def ge(f, x0, bounds, *rows):
    """With rows >= 0."""
    return f, x0, bounds, lambda x: np.array([r(x) for r in rows]), len(rows) * [0.0], len(rows) * [inf]


def eq(f, x0, bounds, *rows):
    return f, x0, bounds, lambda x: np.array([r(x) for r in rows]), len(rows) * [0.0], len(rows) * [0.0]


def chemical():
    """HS112."""
    k = np.array([-6.089, -17.164, -34.054, -5.914, -24.721, -14.986, -24.1, -10.708, -26.662, -22.179])
    f = lambda x: x @ (k + np.log(x / np.sum(x)))
    c = lambda x: np.array(
        [x[0] + 2 * x[1] + 2 * x[2] + x[5] + x[9], x[3] + 2 * x[4] + x[5] + x[6], x[2] + x[6] + x[7] + 2 * x[8] + x[9]]
    )
    return f, 10 * [0.1], (10 * [1e-6], 10 * [inf]), c, [2, 1, 1], [2, 1, 1]


a56, b56 = np.arcsin(sqrt(1 / 4.2)), np.arcsin(sqrt(5 / 7.2))
PROBLEMS = {
    "HS2": ((rosen, [-2.0, 1.0], ([-inf, 1.5], [inf, inf]), None, [], []), (0.0504261879, 4.9412293)),
    "HS4": ((lambda x: (x[0] + 1) ** 3 / 3 + x[1], [1.125, 0.125], ([1, 0], [inf, inf]), None, [], []), 8 / 3),
    "HS6": (eq(lambda x: (1 - x[0]) ** 2, [-1.2, 1.0], free(2), lambda x: 10 * (x[1] - x[0] ** 2)), 0.0),
    "HS8": (
        eq(lambda x: 0 * x[0] - 1, [2.0, 1.0], free(2), lambda x: x @ x - 25, lambda x: x[0] * x[1] - 9),
        -1.0,
    ),
    "HS10": (
        ge(lambda x: x[0] - x[1], [-10.0, 10.0], free(2), lambda x: -3 * x[0] ** 2 + 2 * x[0] * x[1] - x[1] ** 2 + 1),
        -1.0,
    ),
    "HS12": (
        ge(
            lambda x: 0.5 * x[0] ** 2 + x[1] ** 2 - x[0] * x[1] - 7 * x[0] - 7 * x[1],
            [0.0, 0.0],
            free(2),
            lambda x: 25 - 4 * x[0] ** 2 - x[1] ** 2,
        ),
        -30.0,
    ),
    "HS14": (
        (
            lambda x: (x[0] - 2) ** 2 + (x[1] - 1) ** 2,
            [2.0, 2.0],
            free(2),
            lambda x: np.array([x[0] - 2 * x[1] + 1, -(x[0] ** 2) / 4 - x[1] ** 2 + 1]),
            [0, 0],
            [0, inf],
        ),
        9 - 2.875 * sqrt(7),
    ),
    "HS16": (
        ge(rosen, [-2.0, 1.0], ([-0.5, -inf], [0.5, 1]), lambda x: x[0] + x[1] ** 2, lambda x: x[0] ** 2 + x[1]),
        0.25,
    ),
    "HS18": (
        ge(
            lambda x: 0.01 * x[0] ** 2 + x[1] ** 2,
            [2.0, 2.0],
            ([2, 0], [50, 50]),
            lambda x: x[0] * x[1] - 25,
            lambda x: x @ x - 25,
        ),
        5.0,
    ),
    "HS20": (
        ge(
            rosen,
            [-2.0, 1.0],
            ([-0.5, -inf], [0.5, inf]),
            lambda x: x[0] + x[1] ** 2,
            lambda x: x[0] ** 2 + x[1],
            lambda x: x @ x - 1,
        ),
        (81.5 - 25 * sqrt(3), 40.1987298),
    ),
    "HS22": (
        ge(
            lambda x: (x[0] - 2) ** 2 + (x[1] - 1) ** 2,
            [2.0, 2.0],
            free(2),
            lambda x: 2 - x[0] - x[1],
            lambda x: x[1] - x[0] ** 2,
        ),
        1.0,
    ),
    "HS24": (
        ge(
            lambda x: ((x[0] - 3) ** 2 - 9) * x[1] ** 3 / (27 * sqrt(3)),
            [1.0, 0.5],
            positive(2),
            lambda x: x[0] / sqrt(3) - x[1],
            lambda x: x[0] + sqrt(3) * x[1],
            lambda x: 6 - x[0] - sqrt(3) * x[1],
        ),
        -1.0,
    ),
    "HS26": (
        eq(
            lambda x: (x[0] - x[1]) ** 2 + (x[1] - x[2]) ** 4,
            [-2.6, 2.0, 2.0],
            free(3),
            lambda x: (1 + x[1] ** 2) * x[0] + x[2] ** 4 - 3,
        ),
        0.0,
    ),
    "HS28": (
        eq(
            lambda x: (x[0] + x[1]) ** 2 + (x[1] + x[2]) ** 2,
            [-4.0, 1.0, 1.0],
            free(3),
            lambda x: x[0] + 2 * x[1] + 3 * x[2] - 1,
        ),
        0.0,
    ),
    "HS30": (ge(lambda x: x @ x, 3 * [1.0], ([1, -10, -10], 3 * [10]), lambda x: x[0] ** 2 + x[1] ** 2 - 1), 1.0),
    "HS32": (
        (
            lambda x: (x[0] + 3 * x[1] + x[2]) ** 2 + 4 * (x[0] - x[1]) ** 2,
            [0.1, 0.7, 0.2],
            positive(3),
            lambda x: np.array([6 * x[1] + 4 * x[2] - x[0] ** 3 - 3, 1 - x[0] - x[1] - x[2]]),
            [0, 0],
            [inf, 0],
        ),
        1.0,
    ),
    "HS34": (
        ge(
            lambda x: -x[0],
            [0.0, 1.05, 2.9],
            ([0, 0, 0], [100, 100, 10]),
            lambda x: x[1] - np.exp(x[0]),
            lambda x: x[2] - np.exp(x[1]),
        ),
        -np.log(np.log(10)),
    ),
    "HS36": (
        ge(
            lambda x: -x[0] * x[1] * x[2],
            3 * [10.0],
            (3 * [0], [20, 11, 42]),
            lambda x: 72 - x[0] - 2 * x[1] - 2 * x[2],
        ),
        -3300.0,
    ),
    "HS38": (
        (
            lambda x: (
                100 * (x[1] - x[0] ** 2) ** 2
                + (1 - x[0]) ** 2
                + 90 * (x[3] - x[2] ** 2) ** 2
                + (1 - x[2]) ** 2
                + 10.1 * ((x[1] - 1) ** 2 + (x[3] - 1) ** 2)
                + 19.8 * (x[1] - 1) * (x[3] - 1)
            ),
            [-3.0, -1.0, -3.0, -1.0],
            (4 * [-10], 4 * [10]),
            None,
            [],
            [],
        ),
        0.0,
    ),
    "HS40": (
        eq(
            lambda x: -x[0] * x[1] * x[2] * x[3],
            4 * [0.8],
            free(4),
            lambda x: x[0] ** 3 + x[1] ** 2 - 1,
            lambda x: x[0] ** 2 * x[3] - x[2],
            lambda x: x[3] ** 2 - x[1],
        ),
        -0.25,
    ),
    "HS42": (
        eq(
            lambda x: np.sum((x - np.array([1.0, 2, 3, 4])) ** 2),
            4 * [1.0],
            free(4),
            lambda x: x[0] - 2,
            lambda x: x[2] ** 2 + x[3] ** 2 - 2,
        ),
        28 - 10 * sqrt(2),
    ),
    "HS44": (
        ge(
            lambda x: x[0] - x[1] - x[2] - x[0] * x[2] + x[0] * x[3] + x[1] * x[2] - x[1] * x[3],
            4 * [0.0],
            positive(4),
            lambda x: 8 - x[0] - 2 * x[1],
            lambda x: 12 - 4 * x[0] - x[1],
            lambda x: 12 - 3 * x[0] - 4 * x[1],
            lambda x: 8 - 2 * x[2] - x[3],
            lambda x: 8 - x[2] - 2 * x[3],
            lambda x: 5 - x[2] - x[3],
        ),
        -15.0,
    ),
    "HS46": (
        eq(
            lambda x: (x[0] - x[1]) ** 2 + (x[2] - 1) ** 2 + (x[3] - 1) ** 4 + (x[4] - 1) ** 6,
            [sqrt(2) / 2, 1.75, 0.5, 2.0, 2.0],
            free(5),
            lambda x: x[0] ** 2 * x[3] + np.sin(x[3] - x[4]) - 1,
            lambda x: x[1] + x[2] ** 4 * x[3] ** 2 - 2,
        ),
        0.0,
    ),
    "HS48": (
        eq(
            lambda x: (x[0] - 1) ** 2 + (x[1] - x[2]) ** 2 + (x[3] - x[4]) ** 2,
            [3.0, 5.0, -3.0, 2.0, -2.0],
            free(5),
            lambda x: np.sum(x) - 5,
            lambda x: x[2] - 2 * (x[3] + x[4]) + 3,
        ),
        0.0,
    ),
    "HS50": (
        eq(
            lambda x: (x[0] - x[1]) ** 2 + (x[1] - x[2]) ** 2 + (x[2] - x[3]) ** 4 + (x[3] - x[4]) ** 2,
            [35.0, -31.0, 11.0, 5.0, -5.0],
            free(5),
            lambda x: x[0] + 2 * x[1] + 3 * x[2] - 6,
            lambda x: x[1] + 2 * x[2] + 3 * x[3] - 6,
            lambda x: x[2] + 2 * x[3] + 3 * x[4] - 6,
        ),
        0.0,
    ),
    "HS52": (
        eq(
            lambda x: (4 * x[0] - x[1]) ** 2 + (x[1] + x[2] - 2) ** 2 + (x[3] - 1) ** 2 + (x[4] - 1) ** 2,
            5 * [2.0],
            free(5),
            lambda x: x[0] + 3 * x[1],
            lambda x: x[2] + x[3] - 2 * x[4],
            lambda x: x[1] - x[4],
        ),
        1859 / 349,
    ),
    "HS54": (bivariate(), -np.exp(-27 / 280)),
    "HS56": (
        eq(
            lambda x: -x[0] * x[1] * x[2],
            [1.0, 1.0, 1.0, a56, a56, a56, b56],
            free(7),
            lambda x: x[0] - 4.2 * np.sin(x[3]) ** 2,
            lambda x: x[1] - 4.2 * np.sin(x[4]) ** 2,
            lambda x: x[2] - 4.2 * np.sin(x[5]) ** 2,
            lambda x: x[0] + 2 * x[1] + 2 * x[2] - 7.2 * np.sin(x[6]) ** 2,
        ),
        -3.456,
    ),
    "HS61": (
        eq(
            lambda x: 4 * x[0] ** 2 + 2 * x[1] ** 2 + 2 * x[2] ** 2 - 33 * x[0] + 16 * x[1] - 24 * x[2],
            3 * [0.0],
            free(3),
            lambda x: 3 * x[0] - 2 * x[1] ** 2 - 7,
            lambda x: 4 * x[0] - x[2] ** 2 - 11,
        ),
        -143.6461422,
    ),
    "HS63": (
        eq(
            lambda x: 1000 - x[0] ** 2 - 2 * x[1] ** 2 - x[2] ** 2 - x[0] * x[1] - x[0] * x[2],
            3 * [2.0],
            positive(3),
            lambda x: 8 * x[0] + 14 * x[1] + 7 * x[2] - 56,
            lambda x: x @ x - 25,
        ),
        961.7151721,
    ),
    "HS65": (
        ge(
            lambda x: (x[0] - x[1]) ** 2 + (x[0] + x[1] - 10) ** 2 / 9 + (x[2] - 5) ** 2,
            [-5.0, 5.0, 0.0],
            ([-4.5, -4.5, -5], [4.5, 4.5, 5]),
            lambda x: 48 - x @ x,
        ),
        0.9535288567,
    ),
    "HS68": (chart(1e-4, 1, 1, 24), -0.920425026),
    "HS69": (chart(0.1, 1000, 1, 4), -956.71288),
    "HS72": (
        ge(
            lambda x: 1 + np.sum(x),
            4 * [1.0],
            (4 * [0.001], [4e5, 3e5, 2e5, 1e5]),
            lambda x: 0.0401 - 4 / x[0] - 2.25 / x[1] - 1 / x[2] - 0.25 / x[3],
            lambda x: 0.010085 - 0.16 / x[0] - 0.36 / x[1] - 0.64 / x[2] - 0.64 / x[3],
        ),
        727.67937,
    ),
    "HS74": (network(0.55), 5126.4981),
    "HS76": (
        ge(
            lambda x: (
                x[0] ** 2
                + 0.5 * x[1] ** 2
                + x[2] ** 2
                + 0.5 * x[3] ** 2
                - x[0] * x[2]
                + x[2] * x[3]
                - x[0]
                - 3 * x[1]
                + x[2]
                - x[3]
            ),
            4 * [0.5],
            positive(4),
            lambda x: 5 - x[0] - 2 * x[1] - x[2] - x[3],
            lambda x: 4 - 3 * x[0] - x[1] - 2 * x[2] + x[3],
            lambda x: x[1] + 4 * x[2] - 1.5,
        ),
        -103 / 22,
    ),
    "HS78": (five(np.prod, [-2.0, 1.5, 2.0, -1.0, -1.0], free(5)), -2.91970041),
    "HS80": (
        five(
            lambda x: np.exp(np.prod(x)),
            [-2.0, 2.0, 2.0, -1.0, -1.0],
            ([-2.3, -2.3, -3.2, -3.2, -3.2], [2.3, 2.3, 3.2, 3.2, 3.2]),
        ),
        0.0539498478,
    ),
    "HS83": (
        (
            lambda x: 5.3578547 * x[2] ** 2 + 0.8356891 * x[0] * x[4] + 37.293239 * x[0] - 40792.141,
            [78.0, 33.0, 27.0, 27.0, 27.0],
            ([78, 33, 27, 27, 27], [102, 45, 45, 45, 45]),
            lambda x: np.array(
                [
                    85.334407 + 0.0056858 * x[1] * x[4] + 0.0006262 * x[0] * x[3] - 0.0022053 * x[2] * x[4],
                    80.51249 + 0.0071317 * x[1] * x[4] + 0.0029955 * x[0] * x[1] + 0.0021813 * x[2] ** 2,
                    9.300961 + 0.0047026 * x[2] * x[4] + 0.0012547 * x[0] * x[2] + 0.0019085 * x[2] * x[3],
                ]
            ),
            [0, 90, 20],
            [92, 110, 25],
        ),
        -30665.53867,
    ),
    "HS95": (plant([4.97, -1.88, -29.08, -78.02]), 0.015619514),
    "HS97": (plant([32.97, 25.12, -29.08, -78.02]), 3.1358091),
    "HS99": (flight(), -831079892.0),
    "HS101": (geometric(-0.25), 1809.76476),
    "HS103": (geometric(0.5), 543.667958),
    "HS110": (
        (
            lambda x: np.sum(np.log(x - 2) ** 2 + np.log(10 - x) ** 2) - np.prod(x) ** 0.2,
            10 * [9.0],
            (10 * [2.001], 10 * [9.999]),
            None,
            [],
            [],
        ),
        -45.77846971,
    ),
    "HS112": (chemical(), -47.76109),
    "HS114": (alkylation(), -1768.80696),
    "HS117": (colville2(), 32.348679),
}
