"""The objectives of ADBench (microsoft/ADBench, MIT) in plain NumPy, and its data; formulas from its sources.

Every objective takes the namespace it computes with (`np`, or `jax.numpy`), so that all libraries run one text.
`data/adbench` has the inputs, golden values, and reference gradients that three engines agree on to 6e-12. Of the
bundle adjustment files only the numbers are kept: they repeat one observation, which here stands as often as there.
"""

from __future__ import annotations

import json
import lzma
import math
import re
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(__file__).parent / "data" / "adbench"
PI = 3.14159265359  # theirs


def distance(x: Any, y: Any) -> float:
    """ADBench's measure: the largest |x - y| / max(1, |x| + |y|)."""
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    return float(np.max(np.abs(x - y) / np.maximum(1, np.abs(x) + np.abs(y)), initial=0.0))


def golden(name: str) -> np.ndarray:
    return np.array(json.loads((DATA / "golden.json").read_text())["values"][name])


# -- Gaussian mixtures ---------------------------------------------------------------------------------------------


FORMS = ("columns", "rows", "batched")


class Mixture:
    """alphas (K), means (K, d), icf (K, d + d(d-1)/2) of K components; n points x (n, d); the prior's gamma and m."""

    def __init__(self, parameters: tuple[np.ndarray, ...], x: np.ndarray, gamma: float, m: int) -> None:
        self.parameters, self.x, self.gamma, self.m = parameters, x, gamma, m
        k, d = parameters[1].shape
        # entry (i, j) of the lower triangle stands at place[i, j] of a row of icf, which is followed by a zero
        self.place = np.full((d, d), d + d * (d - 1) // 2)
        np.fill_diagonal(self.place, np.arange(d))
        columns, rows = np.triu_indices(d, 1)
        self.place[rows, columns] = np.arange(d, d + d * (d - 1) // 2)
        n_wishart = d + m + 1
        log_gamma = np.log(PI) * d * (d - 1) / 4 + sum(math.lgamma(n_wishart / 2 - j / 2) for j in range(d))
        self.constant = -len(x) * d / 2 * np.log(2 * PI)
        self.constant -= k * (n_wishart * d * np.log(gamma / np.sqrt(2)) - log_gamma)

    def objective(self, np: Any = np, form: str = "columns") -> Any:
        """The log posterior as a function of (alphas, means, icf), in one of `FORMS`, which differ in layout.

        "columns": one product of all factors with all points, (K d, n); "rows": the same, transposed, (n, K d);
        "batched": K products with centered points.
        """
        x, place, gamma, m, constant = self.x, self.place, self.gamma, self.m, self.constant
        n, d = x.shape
        columns = np.asarray(x.T.copy())

        def f(alphas: Any, means: Any, icf: Any) -> Any:
            k = len(alphas)
            q, l = icf[:, :d], icf[:, d:]
            entries = np.concatenate([np.exp(q), l, np.zeros((k, 1))], axis=1)
            factors = entries[:, place]  # (K, d, d), lower triangular
            if form == "columns":
                shift = np.sum(factors * means[:, None, :], axis=2)
                z = np.matmul(factors.reshape(k * d, d), columns).reshape(k, d, n) - shift[:, :, None]
                squares, axis = np.sum(z * z, axis=1), 0
            elif form == "rows":
                shift = np.sum(factors * means[:, None, :], axis=2)
                z = np.matmul(x, factors.reshape(k * d, d).T).reshape(n, k, d) - shift
                squares, axis = np.sum(z * z, axis=2), 1
            else:
                z = np.matmul(x - means[:, None, :], factors.transpose(0, 2, 1))  # (K, n, d)
                squares, axis = np.sum(z * z, axis=2), 0
            heights = alphas + np.sum(q, axis=1)
            terms = (heights[:, None] if axis == 0 else heights) - 0.5 * squares
            prior = 0.5 * gamma**2 * (np.sum(np.exp(q) ** 2) + np.sum(l**2)) - m * np.sum(q)
            return constant + np.sum(logsumexp(np, terms, axis)) - n * logsumexp(np, alphas, 0) + prior

        return f


def logsumexp(np: Any, x: Any, axis: int) -> Any:
    top = np.max(x, axis=axis, keepdims=True)
    return np.squeeze(top, axis) + np.log(np.sum(np.exp(x - top), axis=axis))


def read_mixture(name: str) -> Mixture:
    """`d2_K5`, ..., or `test`."""
    path = DATA / f"gmm_{name}.txt"
    text = path.read_text() if path.exists() else lzma.decompress(Path(f"{path}.xz").read_bytes()).decode()
    head, rest = text.split("\n", 1)
    d, k, n = map(int, head.split())
    numbers = np.array(rest.split(), dtype=float)
    width = d + d * (d - 1) // 2
    alphas, means, icf, x, prior = np.split(numbers, np.cumsum([k, k * d, k * width, n * d]))
    parameters = alphas, means.reshape(k, d), icf.reshape(k, width)
    return Mixture(parameters, x.reshape(n, d), prior[0], int(prior[1]))


def reference(name: str) -> tuple[np.ndarray, int]:
    """The gradient (alphas, means, icf), or every k-th entry of it, and k."""
    wanted = np.load(DATA / f"gradient_gmm_{name}.npy")
    return wanted, 7 if name == "d64_K25" else 1


def random_mixture(d: int, k: int, n: int) -> Mixture:
    """Data of another size, drawn as theirs: normal, but uniform means."""
    rng = np.random.default_rng(1)
    parameters = rng.normal(size=k), rng.uniform(size=(k, d)), rng.normal(size=(k, d + d * (d - 1) // 2))
    return Mixture(parameters, rng.normal(size=(n, d)), 1.0, 0)


# -- long short-term memory ----------------------------------------------------------------------------------------


class Sequence:
    """weights (2 layers, 4 d), extra (3, d), state (2 layers, d) and the sequence (c, d)."""

    def __init__(self, weights: np.ndarray, extra: np.ndarray, state: np.ndarray, xs: np.ndarray) -> None:
        self.parameters, self.state, self.xs = (weights, extra), state, xs

    def objective(self, np: Any = np, scan: Any = None) -> Any:
        """The loss as a function of (weights, extra)."""
        layers, d = len(self.state) // 2, self.state.shape[1]
        xs, gold = self.xs[:-1], self.xs[1:]
        start = self.state.reshape(layers, 2, d)
        sigmoid = lambda v: 1 / (1 + np.exp(-v))

        def f(weights: Any, extra: Any) -> Any:
            w = weights.reshape(layers, 2, 4, d)

            def body(state: Any, inputs: Any) -> Any:
                x, wanted = inputs
                h, new = x * extra[0], []
                for k in range(layers):
                    hidden, cell, (weight, bias) = state[k, 0], state[k, 1], w[k]
                    forget = sigmoid(h * weight[0] + bias[0])
                    ingate = sigmoid(hidden * weight[1] + bias[1])
                    outgate = sigmoid(h * weight[2] + bias[2])
                    change = np.tanh(hidden * weight[3] + bias[3])
                    cell = cell * forget + ingate * change
                    h = outgate * np.tanh(cell)
                    new.append(np.stack([h, cell]))
                y = h * extra[1] + extra[2]
                return np.stack(new), np.sum(wanted * (y - np.log(2 + np.sum(np.exp(y)))))

            return -np.sum(scan(body, start, (xs, gold))[1]) / xs.size

        return f


def read_sequence(name: str) -> Sequence:
    """`l2_c1024`, `l4_c4096`; other layers, lengths and widths (`l1_c100_d50`) are drawn."""
    path = DATA / f"lstm_{name}.txt"
    if not path.exists():
        sizes = re.fullmatch(r"l(\d+)_c(\d+)(?:_d(\d+))?", name)
        if not sizes:
            raise ValueError(f"a sequence is l2_c1024 or l2_c1024_d14, not {name}")
        layers, length, d = (int(v or 14) for v in sizes.groups())
        draw = np.random.default_rng(1).uniform
        return Sequence(*(draw(size=s) for s in ((2 * layers, 4 * d), (3, d), (2 * layers, d), (length, d))))
    lines = path.read_text().splitlines()
    layers = int(lines[0].split()[0])
    rows = [[float(v) for v in line.split()] for line in lines[1:] if line.strip()]
    cuts = np.cumsum([0, 2 * layers, 3, 2 * layers]).tolist()
    return Sequence(*(np.array(rows[a:b]) for a, b in zip(cuts, [*cuts[1:], None], strict=True)))


# -- bundle adjustment ---------------------------------------------------------------------------------------------


class Bundle:
    """p observations (weight w, feature) of m points from n cameras; observation i: camera i mod n, point i mod m."""

    def __init__(self, cameras: np.ndarray, points: np.ndarray, weights: np.ndarray, features: np.ndarray) -> None:
        self.parameters, self.features = (cameras, points, weights), features
        i = np.arange(len(weights))
        self.camera, self.point = i % len(cameras), i % len(points)

    def structure(self) -> tuple[tuple[np.ndarray, np.ndarray], tuple[int, int]]:
        """(indices, indptr) and shape of the Jacobian, with 15 entries in each row of a projection."""
        (n, _), (m, _), (p,) = (a.shape for a in self.parameters)
        camera = 11 * self.camera[:, None] + np.arange(11)
        point = 11 * n + 3 * self.point[:, None] + np.arange(3)
        weight = 11 * n + 3 * m + np.arange(p)
        row = np.concatenate([camera, point, weight[:, None]], axis=1)
        indices = np.concatenate([np.repeat(row, 2, axis=0).ravel(), weight])
        indptr = np.concatenate([15 * np.arange(2 * p), 30 * p + np.arange(p + 1)])
        return (indices, indptr), (3 * p, 11 * n + 3 * m + p)

    def residuals(self, np: Any = np) -> Any:
        """The errors of the projections (2 p), then those of the weights (p), of (cameras, points, weights)."""

        def f(cameras: Any, points: Any, weights: Any) -> Any:
            error = project(np, cameras[self.camera], points[self.point]) - self.features
            return np.concatenate([(weights[:, None] * error).reshape(-1), 1 - weights**2])

        return f


def project(np: Any, camera: Any, point: Any) -> Any:
    """Where the camera (r, c, f, x0, kappa) sees the point; leading axes run along."""
    r, c, focal, x0, kappa = (camera[..., a:b] for a, b in ((0, 3), (3, 6), (6, 7), (7, 9), (9, 11)))
    x = point - c
    theta = np.sqrt(np.sum(r * r, axis=-1, keepdims=True))
    w, cos, sin = r / theta, np.cos(theta), np.sin(theta)
    along = np.sum(w * x, axis=-1, keepdims=True) * (1 - cos)
    u = x * cos + cross(np, w, x) * sin + w * along
    v = u[..., :2] / u[..., 2:]
    s = np.sum(v * v, axis=-1, keepdims=True)
    return v * (1 + kappa[..., :1] * s + kappa[..., 1:] * s * s) * focal + x0


def cross(np: Any, a: Any, b: Any) -> Any:
    (a0, a1, a2), (b0, b1, b2) = ([v[..., i] for i in range(3)] for v in (a, b))
    return np.stack([a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0], axis=-1)


def read_bundle(name: str, spread: float = 0.0) -> Bundle:
    """`ba1`, `ba5`, `test`, or `10x500x2000`: cameras, points, observations.

    `spread` moves every number by a random relative amount, so that no two observations are the same.
    """
    table = json.loads((DATA / "ba.json").read_text())
    known = table.get(name, table["ba1"])
    n, m, p = known["size"] if name in table else map(int, name.split("x"))
    rng = np.random.default_rng(1)
    arrays = []
    for key, count in (("camera", n), ("point", m), ("weight", p), ("feature", p)):
        rows = np.tile(np.array(known[key], dtype=float), (count, 1))
        arrays.append(rows * (1 + spread * rng.uniform(-1, 1, rows.shape)))
    cameras, points, weights, features = arrays
    return Bundle(cameras, points, weights[:, 0], features)
