"""A feed-forward network as plain NumPy: one flat vector of parameters, samples as rows, losses on logits.

Everything here is a function of arrays that can be traced: training compiles it, its derivatives come from
`cauchy.calculus.differentiate`, and it runs as it stands.

Reference: Goodfellow, Bengio & Courville (2016), Deep Learning, chapters 6 and 7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.special import expit, xlogy

from ...calculus.differentiate import stop_gradient


def relu(z: Any) -> Any:
    """max(z, 0) with the slope 0 at the kink (a network with a dead layer sits exactly there); NaN stays NaN."""
    return np.where(z <= 0, 0.0, z)


ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "identity": lambda z: z,
    "logistic": expit,
    "relu": relu,
    "sigmoid": expit,
    "tanh": np.tanh,
}


def _tail(z: Any) -> Any:
    """log(1 + exp(-|z|)).

    Written with `where` and the test that the callers use too: with max and abs, automatic differentiation adds up
    two conventions at their kinks, and is wrong at z = 0, where there is none.
    """
    return np.log1p(np.exp(np.where(z < 0, z, -z)))


def softplus(z: Any) -> Any:
    """log(1 + exp(z)) without overflow."""
    return np.where(z < 0, 0.0, z) + _tail(z)


# Per-sample losses as functions of the logits z (n, k) and the targets y (n, k), each (n,). With the output that
# belongs to it each has the derivative output(z) - y: the canonical link.


def cross_entropy(z: Any, y: Any) -> Any:
    """-y log sigma(z) - (1 - y) log(1 - sigma(z)), summed over the outputs.

    For y = 0 and 1 nothing cancels: value and derivative keep their digits however small they are.
    """
    return (np.where(z < 0, -y, 1 - y) * z + _tail(z)).sum(axis=1)


def softmax_cross_entropy(z: Any, y: Any) -> Any:
    """-log softmax(z) of the true class; y has one 1 in each row."""
    # the shift cancels, and so does its derivative: log sum exp is the same function for any constant
    top = stop_gradient(z.max(axis=1, keepdims=True))
    return np.log(np.exp(z - top).sum(axis=1)) - ((z - top) * y).sum(axis=1)


def squared_error(z: Any, y: Any) -> Any:
    """Half the squared error, summed over the outputs."""
    return ((z - y) ** 2).sum(axis=1) / 2


def poisson(z: Any, y: Any) -> Any:
    """Half the Poisson deviance for the prediction exp(z)."""
    return (np.exp(z) - y * z + (xlogy(y, y) - y)).sum(axis=1)


def softmax(z: np.ndarray) -> np.ndarray:
    """exp(z) over its row sums."""
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


LOSSES = {"logistic": cross_entropy, "softmax": softmax_cross_entropy, "identity": squared_error, "exp": poisson}
OUTPUTS: dict[str, Callable[[Any], Any]] = {
    "logistic": expit,
    "softmax": softmax,
    "identity": lambda z: z,
    "exp": np.exp,
}


def keep_mask(key: Any, rows: int, units: int, layer: int, keep: float) -> Any:
    """Which units of which samples stay: bool (rows, units), each True with probability `keep`, decided by `key`.

    Counter-based: an integer hash of (key, layer, place), so that it needs no state inside a compiled loop.
    Reference: the finalizer is Ellis' (2018) `lowbias32`.
    """
    place = np.arange(rows * units, dtype=np.uint32) * np.uint32(0x9E3779B9)
    z = place ^ (key + np.uint32((layer * 0x85EBCA6B) % 2**32))
    for _ in range(2):
        z = (z ^ (z >> np.uint32(16))) * np.uint32(0x7FEB352D)
        z = (z ^ (z >> np.uint32(15))) * np.uint32(0x846CA68B)
    z = z ^ (z >> np.uint32(16))
    return (z < np.uint32(min(round(keep * 2**32), 2**32 - 1))).reshape(rows, units)


def join(parts: Iterable[Any]) -> Any:
    """The vector of these parts."""
    return np.concatenate([part.ravel() for part in parts])


@dataclass(frozen=True)
class Net:
    """The structure: `sizes` of all layers, the `activations` of the hidden ones, and the `output`.

    Parameters are one vector: for each layer its weights (inputs, units), row by row, then its biases.
    `dropout`: the probability that a unit of each hidden layer is left out in training.
    """

    sizes: tuple[int, ...]
    activations: tuple[str, ...]
    output: str
    dropout: tuple[float, ...] = ()

    @property
    def size(self) -> int:
        """The number of parameters."""
        return sum((a + 1) * b for a, b in pairwise(self.sizes))

    def parts(self, theta: Any) -> tuple[Any, ...]:
        """Weights and biases of each layer in turn, as views of the vector; parts are given back as they are."""
        if isinstance(theta, tuple):
            return theta
        found, at = [], 0
        for a, b in pairwise(self.sizes):
            found += [theta[at : at + a * b].reshape(a, b), theta[at + a * b : at + (a + 1) * b]]
            at += (a + 1) * b
        return tuple(found)

    def layers(self, theta: Any) -> list[tuple[Any, Any]]:
        """The weights and biases, of the vector or of its parts."""
        found = self.parts(theta)
        return list(zip(found[::2], found[1::2], strict=True))

    def pack(self, weights: Sequence[np.ndarray], biases: Sequence[np.ndarray]) -> np.ndarray:
        return join(part for pair in zip(weights, biases, strict=True) for part in pair)

    def hidden(self, theta: Any, X: Any) -> list[Any]:
        """What each hidden layer gives at inference."""
        found, a = [], X
        for (w, b), name in zip(self.layers(theta), self.activations, strict=False):
            a = ACTIVATIONS[name](a @ w + b)
            found.append(a)
        return found

    def logits(self, theta: Any, X: Any, key: Any = None) -> Any:
        """The last layer before the output function, (n, outputs).

        With a `key` (uint32) units are dropped, and those kept are scaled up by 1 / (1 - dropout): the mean
        stays, and inference is the identity. Reference: Srivastava et al. (2014).
        """
        a, *rest = X, *self.layers(theta)
        for i, ((w, b), name) in enumerate(zip(rest, self.activations, strict=False)):
            a = ACTIVATIONS[name](a @ w + b)
            if key is not None and self.dropout[i]:
                keep = 1 - self.dropout[i]
                a = np.where(keep_mask(key, *a.shape, i, keep), a / keep, 0.0)
        w, b = rest[-1]
        return a @ w + b

    def loss(self, theta: Any, X: Any, Y: Any, w: Any = None, key: Any = None) -> Any:
        """The mean loss; with weights w (n,), the weighted mean."""
        each = LOSSES[self.output](self.logits(theta, X, key), Y)
        return each.mean() if w is None else (w * each).sum() / w.sum()

    def penalty(self, theta: Any, alpha: Any, l1: Any) -> Any:
        """alpha / 2 |W|^2 + l1 |W|_1, over the weights of all layers; None leaves a term out."""
        total: Any = 0.0
        for w, _ in self.layers(theta):
            if alpha is not None:
                total = total + alpha / 2 * (w * w).sum()
            if l1 is not None:
                total = total + l1 * np.abs(w).sum()
        return total

    def initial(self, rng: np.random.RandomState, init: str, scale: float) -> np.ndarray:
        """Parameters to begin with, float64; drawn layer by layer, weights before biases.

        he: N(0, 2 / inputs), for relu (He et al. 2015). glorot: uniform within sqrt(6 / (inputs + units)) (Glorot &
        Bengio 2010). Both with zero biases. normal: N(0, scale^2), biases too. auto: he for layers under a relu,
        glorot for the others.
        """
        parts = []
        for i, (a, b) in enumerate(pairwise(self.sizes)):
            relus = i < len(self.activations) and self.activations[i] == "relu"
            if init == "normal":
                parts += [rng.randn(a, b) * scale, rng.randn(1, b) * scale]
            elif init == "he" or (init == "auto" and relus):
                parts += [rng.randn(a, b) * np.sqrt(2 / a), np.zeros(b)]
            else:
                bound = np.sqrt(6 / (a + b))
                parts += [rng.uniform(-bound, bound, (a, b)), np.zeros(b)]
        return np.concatenate([p.ravel() for p in parts])
