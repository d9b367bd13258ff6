"""What can be said of a trained network: its gradient, the extreme curvatures of its loss, units that never fire.

A network's loss is not convex, and no test at one point makes a minimum of it: nothing here says "optimal". That it
is *not* a minimum can be shown: a direction of negative curvature leads to a lower loss, and that loss is evaluated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...calculus.differentiate import hvp, value_and_grad
from ...messages import say
from ...proof import Proof, Verdict
from ..certificate import Certificate
from .network import Net
from .program import program
from .training import Plan, objective

BLOCK = 4096  # rows at once
SAMPLE = 512  # rows that the curvature is measured on
STEPS = 16  # of Lanczos


def lanczos(
    product: Callable[[np.ndarray], np.ndarray], v: np.ndarray, steps: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ritz values of a symmetric operator, ascending; for each a bound on its distance to an eigenvalue; and the Ritz
    vector of the least.

    The bound |beta s| is a theorem of exact arithmetic (Parlett 1998, theorem 4.5.1); full reorthogonalization keeps
    the basis orthogonal to rounding. At most `steps` values.
    """
    v = v / np.linalg.norm(v)
    basis, alphas, betas, scale = [v], [], [], 0.0
    for _ in range(min(steps, v.size)):
        u = product(basis[-1])
        alphas.append(float(u @ basis[-1]))
        Q = np.array(basis)
        for _ in range(2):
            u = u - Q.T @ (Q @ u)
        beta = float(np.linalg.norm(u))
        betas.append(beta)
        scale = max(scale, abs(alphas[-1]) + beta)
        if beta <= 1e-14 * scale:
            break
        basis.append(u / beta)
    T = np.diag(alphas) + np.diag(betas[:-1], 1) + np.diag(betas[:-1], -1)
    values, vectors = np.linalg.eigh(T)
    return values, betas[-1] * np.abs(vectors[-1]), vectors[:, 0] @ np.array(basis[: len(values)])


def activity(net: Net, theta: np.ndarray, X: np.ndarray) -> list[np.ndarray]:
    """For each hidden layer, how many of the rows of X make each unit's output positive.

    A relu unit that counts none is dead: no gradient passes through it.
    """
    counts = [np.zeros(units, np.int64) for units in net.sizes[1:-1]]
    for at in range(0, len(X), BLOCK):
        fired = [(a > 0).sum(axis=0) for a in net.hidden(theta, X[at : at + BLOCK])]
        counts = [c + f for c, f in zip(counts, fired, strict=True)]
    return counts


def dead(net: Net, counts: list[np.ndarray]) -> list[np.ndarray]:
    """The units of each hidden layer that are relus and fire for no row."""
    silent = zip(net.activations, counts, strict=True)
    return [np.flatnonzero((c == 0) & (name == "relu")) for name, c in silent]


def gradient(
    plan: Plan, theta: np.ndarray, data: tuple[Any, Any, Any], h: dict[str, float]
) -> tuple[float, np.ndarray]:
    """The objective of all rows, without dropout, and its gradient; block by block."""
    X, Y, w = data
    n = len(X)
    weights = np.ones(n, X.dtype) if w is None else w
    whole, value, slope = float(weights.sum(dtype=np.float64)), 0.0, np.zeros(theta.size)
    numbers = {name: np.float64(x) for name, x in h.items()}
    make = lambda: lambda theta, X, Y, w, h: value_and_grad(objective(plan))(theta, X, Y, w, None, h)
    for at in range(0, n, BLOCK):
        part = slice(at, at + BLOCK)
        mine = float(weights[part].sum(dtype=np.float64))
        # the penalty is divided by the weight of the rows at hand: scaled, that is the whole's share
        shared = numbers | {name: np.float64(h[name] * mine / whole) for name in ("alpha", "l1")}
        args = (theta, X[part], Y[part], weights[part], shared)
        f, g = program(("gradient", plan), make, args, native=False)(*args)
        value += float(f) * mine / whole
        slope += g.astype(np.float64) * (mine / whole)
    return value, slope


def curvatures(
    plan: Plan, theta: np.ndarray, data: tuple[Any, Any, Any], h: dict[str, float]
) -> tuple[float, float, float, int, np.ndarray]:
    """The least and the largest eigenvalue of the objective's Hessian that Lanczos finds, a residual, rows used, and
    the direction of the least.

    On at most `SAMPLE` rows evenly spread over the data, in float64. Where relus have kinks, of the smooth piece.
    """
    X, Y, w = data
    n = len(X)
    rows = np.unique(np.linspace(0, n - 1, min(n, SAMPLE)).astype(int))
    X, Y = X[rows].astype(np.float64), Y[rows].astype(np.float64)
    w = np.ones(len(rows)) if w is None else w[rows].astype(np.float64)
    # the same penalty on the mean loss as all rows have
    whole = n if data[2] is None else float(data[2].sum(dtype=np.float64))
    numbers = {name: np.float64(x) for name, x in h.items()}
    numbers |= {name: np.float64(h[name] * w.sum() / whole) for name in ("alpha", "l1")}

    def make() -> Callable[..., Any]:
        f = objective(plan)
        return lambda theta, v, X, Y, w, h: hvp(lambda t: f(t, X, Y, w, None, h), (theta,), (v,))

    theta = theta.astype(np.float64)
    product = program(("hvp", plan), make, (theta, theta, X, Y, w, numbers), native=False)
    values, residuals, direction = lanczos(
        lambda v: product(theta, v, X, Y, w, numbers), np.random.RandomState(0).randn(theta.size), STEPS
    )
    return float(values[0]), float(values[-1]), float(max(residuals[0], residuals[-1])), len(rows), direction


def _fall(
    plan: Plan, theta: np.ndarray, direction: np.ndarray, value: float, data: tuple[Any, Any, Any], h: dict[str, float]
) -> tuple[float, float] | None:
    """(distance, by how much the objective of all rows is lower there), beyond its rounding; None if it is not."""
    for distance in (0.1, 0.01, 0.001):
        there = (theta + distance * direction).astype(theta.dtype)
        drop = value - gradient(plan, there, data, h)[0]
        if drop > 1000 * np.finfo(data[0].dtype).eps * abs(value):
            return distance, drop
    return None


def certify(
    plan: Plan, theta: np.ndarray, data: tuple[Any, Any, Any], h: dict[str, float], counts: list[np.ndarray]
) -> Certificate:
    """Gradient norm, curvature and dead units, as a certificate: undecided, or refuted where a lower loss is near."""
    value, slope = gradient(plan, theta, data, h)
    low, high, residual, rows, direction = curvatures(plan, theta, data, h)
    norm = float(np.linalg.norm(slope))
    silent = sum(len(units) for units in dead(plan.net, counts))
    numbers = {"norm": f"{norm:.3g}", "low": f"{low:.3g}", "high": f"{high:.3g}"}
    statement, verdict, proof = say("learn.mlp_flat", **numbers), Verdict.UNDECIDED, None
    if low < -residual and low < -1e-8 * abs(high):
        fall = _fall(plan, theta, direction if slope @ direction <= 0 else -direction, value, data, h)
        if fall is not None:
            statement = say("learn.mlp_saddle", **numbers, distance=f"{fall[0]:g}", drop=f"{fall[1]:.3g}")
            verdict, proof = Verdict.REFUTED, Proof("evaluation", say("learn.mlp_lower"))
    return Certificate(
        statement=statement,
        verdict=verdict,
        proof=proof,
        residuals={
            "objective": value,
            "gradient_norm": norm,
            "largest_gradient_entry": float(np.abs(slope).max()),
            "least_curvature": low,
            "largest_curvature": high,
            "curvature_residual": residual,
            "curvature_rows": float(rows),
            "dead_units": float(silent),
        },
    )
