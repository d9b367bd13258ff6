"""The update rules: what one gradient does to the parameters. Plain NumPy, so that they compile with the loop.

Each rule is `(theta, slots, g, rate, h) -> (theta, slots)`: `slots` is what it remembers (a tuple of arrays, zeros at
first), `rate` and the entries of `h` are float64 numbers; theta and g keep their dtype.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def sgd(theta: Any, slots: Any, g: Any, rate: Any, h: Any) -> Any:
    """theta - rate g. Reference: Cauchy (1847); Robbins & Monro (1951)."""
    return theta - rate.astype(theta.dtype) * g, slots


def momentum(theta: Any, slots: Any, g: Any, rate: Any, h: Any) -> Any:
    """v <- mu v - rate g; theta + v. Reference: Polyak (1964)."""
    v = h["momentum"].astype(theta.dtype) * slots[0] - rate.astype(theta.dtype) * g
    return theta + v, (v,)


def nesterov(theta: Any, slots: Any, g: Any, rate: Any, h: Any) -> Any:
    """v <- mu v - rate g; theta + mu v - rate g. Reference: Nesterov (1983); Sutskever et al. (2013)."""
    mu, rate = h["momentum"].astype(theta.dtype), rate.astype(theta.dtype)
    v = mu * slots[0] - rate * g
    return theta + mu * v - rate * g, (v,)


def rmsprop(theta: Any, slots: Any, g: Any, rate: Any, h: Any) -> Any:
    """s <- rho s + (1 - rho) g^2; theta - rate g / (sqrt(s) + eps). Reference: Tieleman & Hinton (2012)."""
    rho, rate, eps = (x.astype(theta.dtype) for x in (h["rho"], rate, h["epsilon"]))
    s = rho * slots[0] + (1 - rho) * g * g
    return theta - rate * g / (np.sqrt(s) + eps), (s,)


def adam(theta: Any, slots: Any, g: Any, rate: Any, h: Any) -> Any:
    """Algorithm 1 of Kingma & Ba (2015): theta - rate m^ / (sqrt(s^) + eps), with the bias-corrected m^ and s^."""
    m, s, t = slots
    t = t + 1.0
    # with s^ = (second sqrt(s))^2, the corrections come out of the vectors: two numbers instead of three divisions each
    first, second = 1 - h["beta_1"] ** t, 1 / np.sqrt(1 - h["beta_2"] ** t)
    scale = rate.astype(theta.dtype) / (first * second).astype(theta.dtype)
    eps = h["epsilon"].astype(theta.dtype) / second.astype(theta.dtype)
    b1, b2 = h["beta_1"].astype(theta.dtype), h["beta_2"].astype(theta.dtype)
    m = b1 * m + (1 - b1) * g
    s = b2 * s + (1 - b2) * g * g
    return theta - scale * m / (np.sqrt(s) + eps), (m, s, t)


RULES: dict[str, Callable[..., Any]] = {
    "sgd": sgd,
    "momentum": momentum,
    "nesterov": nesterov,
    "rmsprop": rmsprop,
    "adam": adam,
}
# the entries of h that each reads
CONSTANTS: dict[str, tuple[str, ...]] = {
    "momentum": ("momentum",),
    "nesterov": ("momentum",),
    "rmsprop": ("rho", "epsilon"),
    "adam": ("beta_1", "beta_2", "epsilon"),
}


def by_parts(rule: Callable[..., Any], theta: Any, slots: Any, g: Any, rate: Any, h: Any) -> Any:
    """One step of the rule for parameters in parts; what it remembers is in parts too, or a number that all share."""
    moved = [
        rule(part, tuple(x[i] if isinstance(x, tuple) else x for x in slots), slope, rate, h)
        for i, (part, slope) in enumerate(zip(theta, g, strict=True))
    ]
    kept = (
        tuple(after[k] for _, after in moved) if isinstance(x, tuple) else moved[0][1][k] for k, x in enumerate(slots)
    )
    return tuple(part for part, _ in moved), tuple(kept)


def slots(rule: str, theta: np.ndarray) -> tuple[Any, ...]:
    """What a rule remembers before the first step."""
    vectors = {"sgd": 0, "momentum": 1, "nesterov": 1, "rmsprop": 1, "adam": 2}[rule]
    found: tuple[Any, ...] = tuple(np.zeros_like(theta) for _ in range(vectors))
    return (*found, np.float64(0)) if rule == "adam" else found
