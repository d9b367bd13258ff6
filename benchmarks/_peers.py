"""The other libraries, imported when they are asked for; a missing one raises ImportError, which the tables show."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

Call = Callable[[], Any]


@cache
def jax() -> Any:
    import jax

    jax.config.update("jax_enable_x64", True)
    return jax


@cache
def torch() -> Any:
    import torch

    torch.set_num_threads(1)
    return torch


def jitted(make: Callable[[Any], Callable[..., Any]], *args: Any) -> Call:
    """`jax.jit(make(jax))` at device arrays, waited for."""
    library = jax()
    f = library.jit(make(library))
    put = library.tree_util.tree_map(library.numpy.asarray, args)
    return lambda: library.block_until_ready(f(*put))


# -- chained Rosenbrock --------------------------------------------------------------------------------------------


def rosenbrock(np: Any = np) -> Callable[[Any], Any]:
    return lambda x: np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def numba_rosenbrock(x: np.ndarray) -> Call:
    """The gradient by hand."""
    import numba

    @numba.njit
    def gradient(x):  # type: ignore[no-untyped-def]
        g = np.zeros_like(x)
        for i in range(len(x) - 1):
            t = x[i + 1] - x[i] * x[i]
            g[i] += -400.0 * x[i] * t - 2.0 * (1.0 - x[i])
            g[i + 1] += 200.0 * t
        return g

    return lambda: gradient(x)


def jax_rosenbrock(x: np.ndarray) -> Call:
    return jitted(lambda jax: jax.grad(rosenbrock(jax.numpy)), x)


def autograd_rosenbrock(x: np.ndarray) -> Call:
    import autograd
    import autograd.numpy

    g = autograd.grad(rosenbrock(autograd.numpy))
    return lambda: g(x)


def torch_rosenbrock(x: np.ndarray) -> Call:
    lib = torch()
    f = rosenbrock(lib)

    def run() -> Any:
        t = lib.from_numpy(x).requires_grad_()
        f(t).backward()
        return t.grad

    return run


def casadi_rosenbrock(x: np.ndarray, what: str, v: np.ndarray | None = None) -> list[Call]:
    """`gradient`, `hvp` or `hessian`, from scalar (SX) and from vector (MX) expressions; called, and with buffers."""
    import casadi

    found: list[Call] = []
    for symbols in (casadi.SX, casadi.MX):
        if symbols is casadi.SX and len(x) > 20_000:
            continue  # minutes to build, and slower
        s, t = symbols.sym("x", len(x)), symbols.sym("v", len(x))
        f = casadi.sum1(100 * (s[1:] - s[:-1] ** 2) ** 2 + (1 - s[:-1]) ** 2)
        g = casadi.gradient(f, s)
        if what == "hessian":
            inputs, given, y = [s], [x], casadi.hessian(f, s)[0]
        elif what == "hvp":
            inputs, given, y = [s, t], [x, v], casadi.jtimes(g, s, t)
        else:
            inputs, given, y = [s], [x], g
        function = casadi.Function("f", inputs, [y])
        found.append(lambda function=function, given=given: function(*given))
        found.append(_buffered(function, given))
    return found


def _buffered(function: Any, given: list[Any]) -> Call:
    """The call that copies nothing; values of a Hessian are those of its nonzeros, by columns."""
    buffer, evaluate = function.buffer()
    result = np.zeros(function.nnz_out(0))
    for i, a in enumerate(given):
        buffer.set_arg(i, memoryview(a))
    buffer.set_res(0, memoryview(result))

    def run() -> np.ndarray:
        evaluate()
        return result

    run.keep = buffer, given  # type: ignore[attr-defined]
    return run


# -- dense networks ------------------------------------------------------------------------------------------------


def torch_network(params: list[Any], batch: np.ndarray, labels: np.ndarray) -> Call:
    lib = torch()
    leaves = [[lib.from_numpy(a.copy()).requires_grad_() for a in layer] for layer in params]
    flat = [a for layer in leaves for a in layer]
    x, y = lib.from_numpy(batch), lib.from_numpy(labels)

    def f() -> Any:
        h = x
        for w, b in leaves[:-1]:
            h = lib.relu(lib.addmm(b, h, w))
        w, b = leaves[-1]
        z = lib.addmm(b, h, w)
        return lib.mean(lib.logsumexp(z, 1) - lib.sum(z * y, 1))

    return lambda: lib.autograd.grad(f(), flat)
