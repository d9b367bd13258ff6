"""The workloads: what is computed, with which libraries, against what it is checked, and which speed is asked for."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import _adbench as adbench
import _peers as peers
import numpy as np
from _adbench import distance
from _peers import Call
from scipy.sparse import csr_array, issparse

import cauchy

MakeCall = Callable[[], Call | list[Call]]
Check = tuple[str, float, float]  # against what, error, bound


@dataclass
class Case:
    """`ours`, `function` and the peers make a fresh callable without arguments; a list stands for its fastest member.

    `targets`: how many times faster than which peer. `slope`: the bound on our time / our time for the function.
    """

    family: str
    size: str
    ours: Callable[[], Call]
    function: Callable[[], Call] | None
    peers: dict[str, MakeCall]
    targets: dict[str, float]
    references: Callable[[Any], list[Check]] = lambda result: []
    bound: float = 1e-8
    slope: float | None = 3.0
    elements: int = 0  # times are told per element

    def checks(self, result: Any) -> Iterator[Check]:
        """The errors of our result, in the measure of ADBench; peers that are not there are left out."""
        yield "value reading", difference(result, self.by_value()), self.bound
        yield from self.references(result)
        for name, make in self.peers.items():
            try:
                made = make()
            except ImportError:
                continue
            yield name, difference(result, (made[0] if isinstance(made, list) else made)()), self.bound

    def by_value(self) -> Any:
        before = os.environ.get("CAUCHY_BACKEND")
        os.environ["CAUCHY_BACKEND"] = "value"
        try:
            call = self.ours()
            call()
            return call()
        finally:
            os.environ.pop("CAUCHY_BACKEND")
            if before is not None:
                os.environ["CAUCHY_BACKEND"] = before


def difference(a: Any, b: Any) -> float:
    x, y = flat(a), flat(b)
    return distance(x, y) if x.shape == y.shape else np.inf


def flat(result: Any) -> np.ndarray:
    """All numbers of a result; of a sparse matrix its nonzeros and their places."""
    if issparse(result):
        a = csr_array(result).copy()
        a.sum_duplicates()
        a.eliminate_zeros()
        return np.concatenate([a.data, a.indices, a.indptr]).astype(float)
    if isinstance(result, (list, tuple)):
        return np.concatenate([flat(r) for r in result])
    if hasattr(result, "sparse"):  # CasADi's matrices
        return flat(result.sparse()) if min(result.shape) > 1 else np.ravel(result.toarray())
    return np.ravel(np.asarray(result, dtype=float))


def at(f: Callable[..., Any], *args: Any) -> Call:
    return lambda: f(*args)


def known(name: str, result: Any, wanted: Any) -> Check:
    return name, difference(result, wanted), 1e-8


# -- small, and elementwise ----------------------------------------------------------------------------------------


def rosenbrock(size: str) -> Case:
    x = np.random.default_rng(0).normal(size=int(size))
    f = peers.rosenbrock()
    return Case(
        "rosenbrock", size, lambda: at(cauchy.grad(f), x), lambda: at(cauchy.compile(f), x),
        {
            "numba by hand": lambda: peers.numba_rosenbrock(x), "JAX": lambda: peers.jax_rosenbrock(x),
            "CasADi": lambda: peers.casadi_rosenbrock(x, "gradient"), "torch": lambda: peers.torch_rosenbrock(x),
            "autograd": lambda: peers.autograd_rosenbrock(x),
        },
        {"numba by hand": 3, "JAX": 40},
    )  # fmt: skip


def gauss(size: str) -> Case:
    x = np.random.default_rng(0).normal(size=int(float(size)))
    f = lambda np: lambda x: np.sum(x * np.exp(-x * x))
    in_jax = lambda jax: jax.value_and_grad(f(jax.numpy))

    def by_hand() -> tuple[Any, np.ndarray]:
        e = np.exp(-x * x)
        return np.sum(x * e), e * (1 - 2 * x * x)

    return Case(
        "gauss", size, lambda: at(cauchy.value_and_grad(f(np)), x), lambda: at(cauchy.compile(f(np)), x),
        {"NumPy by hand": lambda: by_hand, "JAX": lambda: peers.jitted(in_jax, x)},
        {"NumPy by hand": 4.5, "JAX": 5}, elements=x.size,
    )  # fmt: skip


# -- ADBench -------------------------------------------------------------------------------------------------------


def gmm(size: str) -> Case:
    numbers = re.fullmatch(r"d(\d+)_K(\d+)(?:_n(\d+))?", size)
    if not numbers:
        raise ValueError(f"a mixture is d10_K10 or d10_K10_n500, not {size}")
    d, k, n = (int(v or 1000) for v in numbers.groups())
    published = (d, k) in ((2, 5), (10, 10), (20, 25), (64, 25)) and n == 1000
    m = adbench.read_mixture(f"d{d}_K{k}") if published else adbench.random_mixture(d, k, n)
    f, p = m.objective(), m.parameters

    def in_jax(form: str) -> Call:
        return peers.jitted(lambda jax: jax.grad(m.objective(jax.numpy, form), argnums=(0, 1, 2)), *p)

    def references(result: Any) -> list[Check]:
        test, golden = adbench.read_mixture("test"), lambda name: adbench.golden(f"gmm.{name}")
        g = cauchy.grad(test.objective(), (0, 1, 2))
        value, wanted = test.objective()(*test.parameters), golden("jacobian_calculation_correctness.expected_gradient")
        found = [known("golden value", value, golden("objective_calculation_correctness.value"))]
        found += [known("golden gradient", g(*test.parameters), wanted) for _ in range(2)]
        if published:
            wanted, every = adbench.reference(f"d{d}_K{k}")
            found.append(known("reference", flat(result)[::every], wanted))
        return found

    asked = {2: 2.0, 10: 3.0, 20: 2.5, 64: 2.0}
    return Case(
        "gmm", size, lambda: at(cauchy.grad(f, (0, 1, 2)), *p), lambda: at(cauchy.compile(f), *p),
        {"JAX": lambda: [in_jax(form) for form in adbench.FORMS]},
        {"JAX": asked.get(d, 2.0)}, references,
    )  # fmt: skip


def lstm(size: str) -> Case:
    s = adbench.read_sequence(size)
    f, p = s.objective(scan=cauchy.scan), s.parameters

    def in_jax(unroll: int) -> Call:
        def make(jax: Any) -> Any:
            scan = lambda *args: jax.lax.scan(*args, unroll=unroll)
            return jax.grad(s.objective(jax.numpy, scan), argnums=(0, 1))

        return peers.jitted(make, *p)

    def references(result: Any) -> list[Check]:
        if size != "l2_c1024":
            return []
        return [
            known(
                "golden value", cauchy.compile(f)(*p), adbench.golden("lstm.objective_calculation_correctness.value")
            ),
            known("golden gradient", result, adbench.golden("lstm.jacobian_calculation_correctness.expected_gradient")),
        ]

    return Case(
        "lstm", size, lambda: at(cauchy.grad(f, (0, 1)), *p), lambda: at(cauchy.compile(f), *p),
        {"JAX": lambda: [in_jax(1), in_jax(8)]}, {"JAX": 5}, references,
    )  # fmt: skip


def ba(size: str) -> Case:
    """No two observations hold the same numbers, as in the files: they are moved by up to 1e-3."""
    b = adbench.read_bundle(size, 1e-3)
    f, p = b.residuals(), b.parameters
    jacobian = lambda f: cauchy.jacobian(f, (0, 1, 2), sparse=True)

    def references(result: Any) -> list[Check]:
        test = adbench.read_bundle("test")
        value, j = test.residuals()(*test.parameters), jacobian(test.residuals())
        golden = lambda name: adbench.golden(f"ba.{name}")
        errors = [golden(f"objective_calculation_correctness.expected_{n}") for n in ("reproj_err", "weight_err")]
        (indices, indptr), shape = test.structure()
        wanted = csr_array((golden("jacobian_calculation_correctness.expected_J_values"), indices, indptr), shape=shape)
        return [
            known("golden value", value, np.concatenate(errors)),
            *(known("golden Jacobian", j(*test.parameters), wanted) for _ in range(2)),
        ]

    return Case(
        "ba", size, lambda: at(jacobian(f), *p), lambda: at(cauchy.compile(f), *p),
        {"JAX": lambda: [jax_blocks(b, way) for way in ("jacrev", "jacfwd")]}, {"JAX": 10}, references, slope=None,
    )  # fmt: skip


def jax_blocks(b: adbench.Bundle, way: str) -> Call:
    """The 15 derivatives of both errors of each observation; the places of the nonzeros are known beforehand."""
    jax = peers.jax()

    def residual(v: Any, feature: Any) -> Any:
        return v[14] * (adbench.project(jax.numpy, v[:11], v[11:14]) - feature)

    def make(jax: Any) -> Any:
        blocks = jax.vmap(getattr(jax, way)(residual))
        join = jax.numpy.concatenate

        def run(cameras: Any, points: Any, weights: Any, features: Any) -> Any:
            v = join([cameras[b.camera], points[b.point], weights[:, None]], axis=1)
            return join([blocks(v, features).reshape(-1), -2 * weights])

        return run

    run = peers.jitted(make, *b.parameters, b.features)
    (indices, indptr), shape = b.structure()
    return lambda: csr_array((np.asarray(run()), indices, indptr), shape=shape)


# -- statistics and networks ---------------------------------------------------------------------------------------


def logistic(size: str) -> Case:
    n, d = map(int, size.split("x"))
    rng = np.random.default_rng(0)
    x, labels, w = rng.normal(size=(n, d)), np.sign(rng.normal(size=n)), rng.normal(size=d) / 10
    f = lambda np: lambda w: np.mean(np.log1p(np.exp(-labels * (x @ w))))
    return Case(
        "logistic", size, lambda: at(cauchy.hessian(f(np)), w), lambda: at(cauchy.compile(f(np)), w),
        {"JAX": lambda: peers.jitted(lambda jax: jax.hessian(f(jax.numpy)), w)}, {"JAX": 2}, slope=None,
    )  # fmt: skip


def mlp(size: str) -> Case:
    rng = np.random.default_rng(0)
    widths, n = (784, 512, 256, 10), int(size)
    normal = lambda *shape: rng.normal(size=shape).astype(np.float32)
    params = [(normal(a, b) / np.sqrt(np.float32(a)), normal(b) / 10) for a, b in pairwise(widths)]
    batch, labels = normal(n, widths[0]), np.eye(10, dtype=np.float32)[rng.integers(0, 10, n)]

    def loss(np: Any) -> Callable[[Any], Any]:
        def f(params: Any) -> Any:
            h = batch
            for w, b in params[:-1]:
                h = np.maximum(h @ w + b, 0)
            w, b = params[-1]
            z = h @ w + b
            return np.mean(adbench.logsumexp(np, z, 1) - np.sum(z * labels, axis=1))

        return f

    return Case(
        "mlp", size, lambda: at(cauchy.grad(loss(np)), params), lambda: at(cauchy.compile(loss(np)), params),
        {
            "torch": lambda: peers.torch_network(params, batch, labels),
            "JAX": lambda: peers.jitted(lambda jax: jax.grad(loss(jax.numpy)), params),
        },
        {"torch": 1, "JAX": 1}, bound=1e-5,
    )  # fmt: skip


# -- second derivatives of the chained Rosenbrock function ---------------------------------------------------------


def hvp(size: str) -> Case:
    rng = np.random.default_rng(0)
    x, v = rng.normal(size=(2, int(float(size))))
    f = peers.rosenbrock()
    return Case(
        "hvp", size, lambda: at(cauchy.compile(lambda x, v: cauchy.hvp(f, (x,), (v,))), x, v),
        lambda: at(cauchy.compile(f), x), {"CasADi": lambda: peers.casadi_rosenbrock(x, "hvp", v)}, {"CasADi": 3},
        slope=None, elements=x.size,
    )  # fmt: skip


def hessian(size: str) -> Case:
    x = np.random.default_rng(0).normal(size=int(float(size)))
    f = peers.rosenbrock()
    return Case(
        "hessian", size, lambda: at(cauchy.hessian(f, sparse=True), x), lambda: at(cauchy.compile(f), x),
        {"CasADi": lambda: peers.casadi_rosenbrock(x, "hessian")}, {"CasADi": 3}, slope=None, elements=x.size,
    )  # fmt: skip


@dataclass(frozen=True)
class Family:
    title: str
    make: Callable[[str], Case]
    sizes: tuple[str, ...]
    first: bool = True  # the first call is compared with JAX's
    quick: int = 1  # how many of the sizes a quick run takes


FAMILIES = {
    "rosenbrock": Family("gradient of Rosenbrock, n", rosenbrock, ("2", "10"), quick=2),
    "gauss": Family("sum(x exp(-x^2)), value and gradient, n", gauss, ("1e3", "1e5", "1e7"), quick=2),
    "gmm": Family("GMM gradient", gmm, ("d2_K5", "d10_K10", "d20_K25", "d64_K25"), quick=2),
    "lstm": Family("LSTM gradient", lstm, ("l2_c1024", "l4_c4096")),
    "ba": Family("bundle adjustment, sparse Jacobian", ba, ("ba1", "ba5")),
    "logistic": Family("Hessian of logistic regression, n x d", logistic, ("10000x50",)),
    "hvp": Family("Hessian-vector product, chained Rosenbrock, n", hvp, ("1e3", "1e4", "1e5", "1e6"), False, 2),
    "hessian": Family("sparse Hessian, chained Rosenbrock, n", hessian, ("1e3", "1e4", "1e5", "1e6"), False, 2),
    "mlp": Family("MLP 784-512-256-10 gradient, float32, batch", mlp, ("256",)),
}
