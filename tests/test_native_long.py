"""Long straight-line code: cut into functions, with the columns of a derivative matrix as vectors."""

import math
import re

import numpy as np
import pytest

import cauchy
from cauchy.read.native.chunks import LONGEST, PIECE, split
from cauchy.read.native.columns import columned
from cauchy.read.native.ir import Builder
from cauchy.read.native.program import prepared


def chain(x, terms):
    """A sum of terms written out, every one of all entries, with truth values and integers on the way."""
    total, p = 0.0, 1.0
    for k in range(terms):
        a, b = x[k % len(x)], x[(k + 1) % len(x)]
        p = np.where(a > 0.1 * k, p * 0.5 + a, np.cos(p + b))
        total = total + p * np.exp(-a * a) / (1.0 + b * b) + float(k % 3)
    return total


def test_pieces_are_short_and_nothing_is_computed_twice():
    b = Builder()
    v = b.emit("fadd double 0x0000000000000000, 0x0000000000000000", "f64")
    for _ in range(4 * LONGEST):
        v = v * v
    functions, lines, size = split(b.lines, "f")
    assert len(functions) == len(lines) == math.ceil(len(b.lines) / PIECE)
    assert all(f.count("fmul") <= PIECE for f in functions)
    assert sum(f.count("fmul") for f in functions) == 4 * LONGEST
    assert 8 * (len(functions) - 1) <= size
    assert split(b.lines[:LONGEST], "f") == ([], b.lines[:LONGEST], 0)


@pytest.mark.parametrize(("n", "terms"), [(2, 20), (3, 60), (5, 20)])
def test_matrices_of_long_formulas(n, terms):
    x = np.linspace(-1.0, 1.3, n)
    f = lambda x: chain(x, terms)
    hessian = cauchy.hessian(f)
    fast = cauchy.compile(hessian)
    want = hessian(x)
    np.testing.assert_allclose(fast(x), want, rtol=1e-12, atol=1e-12 * np.abs(want).max())
    value, gradient = cauchy.compile(cauchy.value_and_grad(f))(x)
    np.testing.assert_allclose(value, f(x), rtol=1e-13)
    np.testing.assert_allclose(gradient, cauchy.grad(f)(x), rtol=1e-12)


def test_columns_of_many_outputs():
    def f(x):
        return np.stack([chain(x + 0.1 * k, 20) for k in range(3)])

    x = np.array([0.3, -0.2, 0.9])
    jacobian = cauchy.jacobian(f, mode="forward")
    assert columned(prepared(cauchy.trace(jacobian, x))) is not None
    np.testing.assert_allclose(cauchy.compile(jacobian)(x), jacobian(x), rtol=1e-12)


def test_a_guard_after_long_code():
    """What follows the pieces reads what they computed: a condition that comes out otherwise is seen."""

    def f(x):
        y = chain(x, 200)
        return y * 2.0 if y > 0.0 else y - 1.0

    fast = cauchy.compile(f)
    for x in (np.array([0.5, 1.0]), np.array([9.0, -8.0]), np.array([-3.0, 2.0])):
        np.testing.assert_allclose(fast(x), f(x), rtol=1e-12)


def test_long_bodies_of_loops():
    def f(x):
        return cauchy.scan(lambda c, e: (c * 0.5 + chain(np.stack([c, e]), 160), c), 0.1, x)

    x = np.array([0.2, -0.4, 0.6])
    for got, want in zip(cauchy.compile(f)(x), f(x), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12)


def test_long_code_of_numbers_beside_a_loop():
    """Steps without a loop are functions of their own where all of them would be too much for one."""

    def f(x, rounds):
        y = chain(x, rounds)
        return cauchy.scan(lambda c, e: (c * 0.5 + y * e, c), y, x)[0]

    x = np.array([0.2, -0.4, 0.6])
    for rounds in (3, 600):
        fast = cauchy.compile(lambda x, rounds=rounds: f(x, rounds))
        np.testing.assert_allclose(fast(x), f(x, rounds), rtol=1e-12)
        assert bool(re.search(r"@step\d+\(.*noinline", fast.llvm)) == (rounds > 3)
