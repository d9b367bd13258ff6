"""Convexity by composition and by refutation, the dual function, the gap, and Slater's condition.

Truth: convexity known from books, rational arithmetic, mpmath, and weak duality itself.
"""

import time
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from scipy import special

import cauchy
from cauchy import Verdict
from cauchy import ops as P
from cauchy.errors import DomainError, ShapeError
from cauchy.graph import INPUT, Node
from cauchy.optimize.convexity import convexity
from cauchy.optimize.convexity.analysis import Analysis, semidefinite
from cauchy.optimize.convexity.composition import ATOMS, RULES, _quarters
from cauchy.optimize.convexity.facts import AFFINE, CONCAVE, CONVEX, variable
from cauchy.optimize.duality import dual
from cauchy.optimize.duality.everywhere import least
from cauchy.optimize.duality.slater import slater
from cauchy.optimize.problem import problem
from cauchy.read.value import value as meaning

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((20, 3)), np.sign(RNG.standard_normal(20))
Q = np.array([[2.0, 1, 0], [1, 2, 1], [0, 1, 2]])
POSITIVE = [(1e-3, None)] * 3
ZERO_PI = [(0, np.pi)] * 3


def assigned(x):
    z = np.zeros_like(x)
    z[0] = x[0] ** 2
    return z.sum()


CONVEX_ONES = {
    "squares": (lambda x: x[0] ** 2 + x[1] ** 2, None),
    "cube on the right": (lambda x: x[0] ** 2 + x[1] ** 3, [(None, None), (0, None), (None, None)]),
    "logistic loss": (lambda w: np.log1p(np.exp(-Y * (X @ w))).mean() + 0.1 * w @ w, None),
    "logaddexp": (lambda w: np.logaddexp(0, -Y * (X @ w)).mean() + 0.1 * (w**2).sum(), None),
    "log of a sum of exponentials": (lambda x: np.log(np.exp(X @ x).sum()), None),
    "logsumexp": (lambda x: special.logsumexp(X @ x), None),
    "least squares": (lambda w: np.sum((X @ w - Y) ** 2), None),
    "quadratic form": (lambda x: x @ Q @ x + x.sum(), None),
    "quadratic form by einsum": (lambda x: np.einsum("i,ij,j->", x, Q, x), None),
    "cross terms": (lambda x: x[0] ** 2 + x[0] * x[1] + x[1] ** 2 + np.exp(x[2]), None),
    "length": (lambda x: np.linalg.norm(X @ x - 1), None),
    "root of 1 + squares": (lambda x: np.sqrt(1 + x[0] ** 2 + x[1] ** 2), None),
    "root of a form": (lambda x: np.sqrt(x[0] ** 2 + x[0] * x[1] + x[1] ** 2), None),
    "entropy": (lambda x: (x * np.log(x)).sum(), POSITIVE),
    "barrier": (lambda x: -np.log(x).sum(), None),
    "reciprocal": (lambda x: (1 / x).sum(), POSITIVE),
    "hinge": (lambda w: np.maximum(0, 1 - Y * (X @ w)).sum() + 0.5 * w @ w, None),
    "spread": (lambda x: x.max() - x.min(), None),
    "quadratic over linear": (lambda x: x[0] ** 2 / x[1], POSITIVE),
    "minus sine": (lambda x: -np.sin(x).sum(), ZERO_PI),
    "absolute": (lambda x: np.abs(x).sum(), None),
    "product of exponentials": (lambda x: np.exp(x[0]) * np.exp(x[1]), None),
    "variance": (np.var, None),
    "standard deviation": (np.std, None),
    "power": (lambda x: (x**1.5).sum(), None),
    "exponential": (lambda x: (2.0**x).sum(), None),
    "affine": (lambda x: 3 + x @ np.ones(3), None),
    "assignment": (assigned, None),
    "sums": (lambda x: (np.cumsum(x) ** 2).sum(), None),
    "by its Hessian": (lambda x: x[0] ** 4 - x[0] ** 2, [(1, 2)] * 3),
    "a wave on a parabola": (lambda x: x[0] ** 2 + 0.5 * np.sin(x[0]), None),
    "clipped": (lambda x: np.maximum(np.minimum(x, 5.0), 6.0).sum(), None),
}


@pytest.mark.parametrize("name", CONVEX_ONES)
def test_convex(name):
    f, bounds = CONVEX_ONES[name]
    found = convexity(f, np.full(3, 1.5 if bounds else 0.5), bounds=bounds)
    assert found.verdict is Verdict.PROVED
    assert found.curvature in ("convex", "affine", "constant")
    assert found.proof.steps
    low = np.array([-3.0 if b is None or b[0] is None else b[0] for b in bounds or [None] * 3])
    high = np.array([3.0 if b is None or b[1] is None else b[1] for b in bounds or [None] * 3])
    for _ in range(50):  # and it is
        a, b = low + (high - low) * RNG.random((2, 3))
        with np.errstate(invalid="ignore"):
            fa, fb, fm = f(a), f(b), f((a + b) / 2)
        if np.isfinite([fa, fb, fm]).all():
            assert fm <= (fa + fb) / 2 + 1e-9 * (1 + abs(fa) + abs(fb))


OTHERS = {
    "cube": (lambda x: x[0] ** 2 + x[1] ** 3, None, "neither", "power"),
    "concave form": (lambda x: x @ (Q - 4 * np.eye(3)) @ x, None, "concave", None),
    "poles": (lambda x: (1 / x).sum(), None, "neither", "divide"),
    "sine": (lambda x: np.sin(x).sum(), None, "neither", "sin"),
    "valley": (lambda x: 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2, None, "neither", "power"),
    "difference": (lambda x: np.abs(x).sum() - (x**2).sum(), None, "unknown", "subtract"),
    "product": (lambda x: x[0] * x[1], None, "neither", "multiply"),
    "tanh": (lambda x: np.tanh(x).sum(), None, "neither", "tanh"),
    "double well": (lambda x: x[0] ** 4 - x[0] ** 2, None, "neither", "subtract"),
    "minus squares": (lambda x: -(x**2).sum(), None, "concave", None),
}


@pytest.mark.parametrize("name", OTHERS)
def test_not_convex(name):
    f, bounds, curvature, stop = OTHERS[name]
    found = convexity(f, np.full(3, 0.5), bounds=bounds)
    assert found.verdict is Verdict.REFUTED
    assert found.curvature == curvature
    assert (found.stop and found.stop.what) == stop
    s = found.segment
    with mpmath.workdps(50):
        high = lambda x: (
            f(np.array([mpmath.mpf(float(v)) for v in x], object)) if name not in ("tanh", "sine") else f(x)
        )
        assert (s.middle == (s.a + s.b) / 2).all()
        assert float(high(s.middle) - (high(s.a) + high(s.b)) / 2) >= s.excess * (1 - 1e-9) > 0


def test_the_source_line_is_named():
    def f(x):
        y = x[0] ** 2
        z = x[1] ** 3  # this one
        return y + z

    found = convexity(f, np.zeros(2))
    assert found.stop.where.line == f.__code__.co_firstlineno + 2
    assert np.array_equal(found.segment.hessian, [[2, 0], [0, -6]])
    assert found.segment.middle[1] == -1
    assert "power" in found.text("en")
    assert "未" not in found.text("zh").splitlines()[0]


UNDECIDED = {
    "geometric mean": (lambda x: -np.sqrt(x[0] * x[1]), POSITIVE),
    "branch": (lambda x: x[0] ** 2 if x[0] > 0 else -x[0], None),
    "decomposition": (lambda x: -np.linalg.slogdet(np.diag(x))[1], POSITIVE),
    "huber by where": (lambda x: np.where(np.abs(x) < 1, 0.5 * x * x, np.abs(x) - 0.5).sum(), None),
}


@pytest.mark.parametrize("name", UNDECIDED)
def test_undecided_says_why(name):
    f, bounds = UNDECIDED[name]
    found = convexity(f, np.full(3, 0.5), bounds=bounds)
    assert found.verdict is Verdict.UNDECIDED
    assert found.stop is not None
    assert found.segment is None


# what must not be proved: near misses of the rules
TRAPS = {
    "root of a difference of squares": (lambda x: np.sqrt(x[0] ** 2 - x[1] ** 2 + 10), [(-1, 1)] * 3),
    "square of what may be negative": (lambda x: (np.exp(x[0]) - 2) ** 2, None),
    "power beyond its domain": (lambda x: (x[0] ** 2 - 1) ** 1.5, None),
    "log-convex minus": (lambda x: np.log(np.exp(x[0]) - 0.1), None),
    "square over what falls": (lambda x: x[0] ** 2 / (x[1] ** 2 + 1), None),
    "entropy of a square": (lambda x: x[0] ** 2 * np.log(x[0] ** 2), POSITIVE),
    "nearly definite": (lambda x: x[0] ** 2 + 2 * x[0] * x[1] + (1 - 1e-15) * x[1] ** 2, None),
    "sine a bit too far": (lambda x: -np.sin(x[0]), [(0, 3.1416)] * 3),
    "maximum of concave": (lambda x: np.maximum(-(x[0] ** 2), -1.0), None),
    "convex of concave": (lambda x: np.exp(-(x[0] ** 2)), None),
    "product of convex": (lambda x: x[0] ** 2 * np.exp(x[1]), None),
    "reciprocal around 0": (lambda x: 1 / x[0], [(-1, 1)] * 3),
}


@pytest.mark.parametrize("name", TRAPS)
def test_is_not_proved(name):
    f, bounds = TRAPS[name]
    found = convexity(f, np.full(3, 0.5), bounds=bounds)
    assert found.verdict is not Verdict.PROVED
    if name == "nearly definite":
        assert found.verdict is Verdict.REFUTED or found.segment is None


C2, C5, SOME = np.array([[1.0, 2.0], [2.0, 1.0]]), np.array([[1.0, 5.0], [5.0, 1.0]]), np.array([1e-200])
WIDE = np.full((45, 45), -0.49) + np.eye(45)
# proved once by rounding: f, box, x and d with f(x) above the mean of f(x +- d), in 700 digits
ROUNDED = {
    "a diagonal that swallows its row": (
        lambda x: np.sum(np.exp(x)) + 1e-9 * (x @ C2 @ x), [(-40, 40)] * 2, [-39, -39], [1, -1],
    ),
    "a diagonal of powers": (lambda x: np.sum(x**4) + x @ C2 @ x, [(-1e9, 1e9)] * 2, [0, 0], [0.25, -0.25]),
    "two basins": (
        lambda x: np.sum(x**4) + x @ C5 @ x + 0.5 * (x[0] - x[1]), [(-1e10, 1e10)] * 2, [0, 0], [0.5, -0.5],
    ),
    "a product that underflows": (
        lambda x: (x[:1] @ SOME) * x[1] * 1e200 * 1e200, [(0, 1e-200), (None, None)], [5e-201, 0], [5e-201, -1],
    ),
    "weights that underflow": (
        lambda x: np.einsum("i,j,k->", -(x**2), SOME, SOME) * 1e200 * 1e200, None, [0, 0], [1, 0],
    ),
    "wide and definite but for a little": (lambda x: (x @ WIDE @ x) * 1e308 * 10, None, np.zeros(45), np.ones(45)),
}  # fmt: skip


@pytest.mark.parametrize("name", ROUNDED)
def test_rounding_proves_nothing(name):
    f, bounds, x, d = ROUNDED[name]
    x, d = np.asarray(x, float), np.asarray(d, float)
    exact = {  # NumPy's exp and einsum take no mpf
        "a diagonal that swallows its row": lambda v: (
            mpmath.exp(v[0]) + mpmath.exp(v[1]) + mpmath.mpf(1e-9) * (v @ C2 @ v)
        ),
        "weights that underflow": lambda v: -(v @ v) * (mpmath.mpf(1e-200) * mpmath.mpf(1e200)) ** 2,
    }.get(name, f)
    with mpmath.workdps(700):
        a, b, m = (exact(np.array([mpmath.mpf(t) for t in v.tolist()], object)) for v in (x - d, x + d, x))
        assert m > (a + b) / 2
    assert convexity(f, x, bounds=bounds).verdict is not Verdict.PROVED


@pytest.mark.parametrize(
    ("f", "exact", "low", "sign"),
    [
        (lambda x: np.sin(x[0]), mpmath.sin, 2, 1),
        (lambda x: np.cos(x[0]), mpmath.cos, 1, 1),
        (lambda x: -np.cos(x[0]), mpmath.cos, 3, -1),
        (lambda x: -np.sin(x[0]), mpmath.sin, 4, -1),
    ],
)
def test_waves_bend_at_pi_and_not_at_its_double(f, exact, low, sign):
    """Between the double and the number lies a segment that is bent the other way; above both there is none."""
    start = low * np.pi / 2
    with mpmath.workdps(60):
        a, b = mpmath.mpf(start), low * mpmath.pi / 2
        assert a < b
        assert sign * exact((a + b) / 2) > sign * (exact(a) + exact(b)) / 2
    end = (low + 1) * np.pi / 2
    assert convexity(f, [end], bounds=[(start, end)]).verdict is not Verdict.PROVED
    assert convexity(f, [end], bounds=[(np.nextafter(start, 9), end)]).verdict is Verdict.PROVED


def test_no_global_minimum_beside_a_lower_basin():
    f, bounds, _, _ = ROUNDED["two basins"]
    x = cauchy.minimize(f, [1.0, -1.0]).x
    assert f(-x) != f(x)
    lower = min((x, -x), key=f)
    other = cauchy.minimize(f, -lower).x
    for point in (lower, other):
        assert cauchy.certify_optimum(f, point, bounds=bounds, globally=True).scope == "local"
    row = (lambda x: x[0] + x[1], -1, 1)
    found = dual(lambda x: np.sum(x**4) + x @ C5 @ x, np.zeros(2), bounds=bounds, subject_to=row, seconds=1)
    assert found.verdict is not Verdict.PROVED


def test_a_box_outside_the_domain_proves_nothing():
    found = convexity(lambda x: -np.log(x[0]), [1.0], bounds=[(-2, -1)])
    assert (found.verdict, found.stop.why, found.stop.what) == (Verdict.UNDECIDED, "domain", "log")
    assert convexity(lambda x: -np.log(x[0]), [1.0], bounds=[(-2, 1)]).verdict is Verdict.PROVED


def test_numbers_beyond_doubles():
    huge = lambda x: (x @ x) * 1e200 * 1e200
    assert convexity(huge, np.ones(2)).curvature == "convex"
    assert convexity(lambda x: (x @ (np.eye(45) + 0.5) @ x) * 1e308 * 10, np.zeros(45)).curvature == "convex"
    assert slater(lambda x: x @ x, np.ones(2), subject_to=(huge, None, 1)).verdict is not Verdict.REFUTED  # 0 is strict
    with pytest.raises(DomainError, match="no feasible point with a finite f"):
        dual(huge, np.ones(2), subject_to=(lambda x: x[0], 1, None))


SIZES = 10.0 ** np.array([-320, -310, -200, -160, -20, 0, 20, 160, 200, 300])
SUMS = {  # of x and constants A (3, 3), B (3, 3), c (3)
    "matmul": lambda x, A, B, c: A @ x,
    "scaled": lambda x, A, B, c: (A @ x) * c,
    "sum": lambda x, A, B, c: x.sum() * c,
    "two matrices": lambda x, A, B, c: np.einsum("i,ij,jk->k", x, abs(A), abs(B)),
    "two matrices first": lambda x, A, B, c: np.einsum("ij,jk,k->i", abs(A), abs(B), x),
    "weights": lambda x, A, B, c: (x * c).sum(),
    "square": lambda x, A, B, c: x @ x * c,
    "quotient": lambda x, A, B, c: x / c,
    "products": lambda x, A, B, c: (x * c[0]) * (x * c[1]),
    "twice": lambda x, A, B, c: x * c * c[::-1],
    "index": lambda x, A, B, c: x[np.array([0, 1, 2, 0, 1])].sum() * c,
}


@pytest.mark.parametrize("name", SUMS)
def test_ranges_of_numbers_of_all_sizes(name):
    """In rational arithmetic, where nothing underflows, overflows or is rounded."""
    f, rng = SUMS[name], np.random.default_rng(0)
    exact = lambda v: np.array([Fraction(t) for t in np.ravel(v).tolist()], object).reshape(np.shape(v))
    some = lambda k: rng.choice([-1, 1], k) * rng.uniform(0.5, 1, k) * rng.choice(SIZES, k)
    for k in range(25):
        A, B, c, low = some((3, 3)), some((3, 3)), some(3), some(3)
        high = np.maximum(low, some(3)) if k % 3 else low
        with np.errstate(all="ignore"):
            found = Analysis(cauchy.trace(lambda x: f(x, A, B, c), np.ones(3))).over(low, high)  # noqa: B023
        for x in (low, high, np.where(rng.random(3) < 0.5, low, high)):
            if name.startswith("two matrices"):
                M = abs(exact(A)) @ abs(exact(B))
                values = M @ exact(x) if name.endswith("first") else exact(x) @ M
            else:
                values = f(exact(x), exact(A), exact(B), exact(c))
            for v, a, b in zip(np.ravel(values), found.low.ravel(), found.high.ravel(), strict=True):
                assert a == -np.inf or Fraction(float(a)) <= v
                assert b == np.inf or v <= Fraction(float(b))


@pytest.mark.parametrize("m", [1, 2, 3, 4, 7, 1000, 12345677])
def test_multiples_of_half_pi_are_enclosed(m):
    below, above = _quarters(np.array([float(m), -float(m)]))
    with mpmath.workdps(60):
        true = mpmath.mpf(m) * mpmath.pi / 2
        assert mpmath.mpf(float(below[0])) < true < mpmath.mpf(float(above[0]))
        assert np.nextafter(below[0], np.inf) == above[0]
    assert (above[1], below[1]) == (-below[0], -above[0])


# -- the rules, against the functions themselves ----------------------------------------------------------------------

INTERVALS = [
    (-2.5, -0.3), (-0.7, 0.6), (0.0, 0.9), (0.1, 0.45), (0.55, 0.95), (1.1, 1.9), (1.6, 3.0), (3.2, 6.0), (-6.2, -3.2),
    (-1.0, 0.0),
]  # fmt: skip


def applied(p, low, high, params=None):
    """The fact about p(x) for one x in [low, high], and p itself."""
    x = Node(INPUT, (), {}, np.float64((low + high) / 2))
    params = params or ({"order": 0} if p.name == "sinc" else {"order": 1} if p.name in ("polygamma", "iv") else {})
    n = Node(p, (x,), params, np.float64(0.0))
    with np.errstate(all="ignore"):
        return RULES[p](n, variable(low, high)), lambda v: meaning[p](v, **params)


@pytest.mark.parametrize("p", ATOMS, ids=lambda p: p.name)
def test_shapes_and_ranges_of_functions(p):
    seen = 0
    for low, high in INTERVALS:
        fact, f = applied(p, low, high)
        t = np.linspace(low, high, 201)
        with np.errstate(all="ignore"):
            v = np.asarray(f(t), float)
        inside = np.isfinite(v)
        if inside.sum() < 3:
            continue
        seen += 1
        assert (v[inside] >= fact.low - 0.0).all()
        assert (v[inside] <= fact.high).all()
        with np.errstate(invalid="ignore"):
            second, room = v[:-2] - 2 * v[1:-1] + v[2:], 1e-13 * (1 + abs(v[1:-1]))
        known = np.isfinite(second)
        if fact.bits & CONVEX:
            assert (second[known] >= -room[known]).all(), (p, low, high)
        if fact.bits & CONCAVE:
            assert (second[known] <= room[known]).all(), (p, low, high)
    assert seen


@pytest.mark.parametrize("exponent", [-2, -1, -0.5, 0, 0.5, 1, 1.5, 2, 3, 4, -3])
def test_powers(exponent):
    for low, high in INTERVALS:
        x = Node(INPUT, (), {}, np.float64(low))
        c = Node(P.positive, (), {}, np.float64(exponent))
        n = Node(P.power, (x, c), {}, np.float64(0.0))
        t = np.linspace(low, high, 201)
        with np.errstate(all="ignore"):
            fact = RULES[P.power](n, variable(low, high), variable(exponent, exponent))
            v = t**exponent
            second = v[:-2] - 2 * v[1:-1] + v[2:]
        known = np.isfinite(second)
        assert (v[np.isfinite(v)] >= fact.low).all()
        assert (v[np.isfinite(v)] <= fact.high).all()
        room = 1e-12 * (1 + abs(v[1:-1][known]))
        if fact.bits & CONVEX:
            assert (second[known] >= -room).all(), (exponent, low, high)
        if fact.bits & CONCAVE:
            assert (second[known] <= room).all(), (exponent, low, high)


ARRAYS = {
    "matmul": lambda x: X[:3] @ np.exp(x),
    "matmul on the left": lambda x: np.abs(x) @ X[:3].T,
    "einsum": lambda x: np.einsum("ij,j->i", X[:3], x**2),
    "convolve": lambda x: np.convolve(np.exp(x), [1.0, -2.0, 0.5]),
    "cumsum": lambda x: np.cumsum(np.exp(x)),
    "concatenate": lambda x: np.concatenate([np.exp(x), -np.exp(x), x]),
    "index": lambda x: np.exp(x)[[2, 0, 0]],
    "clip": lambda x: np.clip(x, -0.5, 0.25),
    "minimum": lambda x: np.minimum(x, 1 - x),
    "hypot": lambda x: np.hypot(x, x[::-1]),
    "logaddexp": lambda x: np.logaddexp(x, x**2),
    "log_softmax": lambda x: special.log_softmax(x),  # noqa: PLW0108 (a function of ours is traced otherwise)
    "divide": lambda x: np.exp(x) / np.array([2.0, -3.0, 4.0]),
    "products": lambda x: np.outer(x, [1.0, -1.0]) @ np.ones(2) + x * x,
    "maxima": lambda x: np.array([x.max(), x.min(), np.max(x**2)]),
}


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("seed", range(3))
def test_arrays_entry_by_entry(name, seed):
    """Ranges hold, and what is called convex or concave is so along random segments."""
    f, rng = ARRAYS[name], np.random.default_rng(seed)
    low = rng.uniform(-1.5, 0.5, 3)
    high = low + rng.uniform(0.1, 1.5, 3)
    fact = Analysis(cauchy.trace(f, low)).over(low, high)
    for _ in range(30):
        a, b = low + (high - low) * rng.random((2, 3))
        fa, fb, fm = (np.asarray(f(v)) for v in (a, b, (a + b) / 2))
        assert (fa >= fact.low).all()
        assert (fa <= fact.high).all()
        excess = fm - (fa + fb) / 2
        room = 1e-12 * (1 + abs(fa) + abs(fb))
        assert (excess <= room)[(fact.bits & CONVEX) > 0].all()
        assert (excess >= -room)[(fact.bits & CONCAVE) > 0].all()


def test_definite_matrices_by_cholesky_and_exactly():
    n = 60  # beyond LDL' over the rationals
    M = [[Fraction(2 if i == j else -1 if abs(i - j) == 1 else 0) for j in range(n)] for i in range(n)]
    assert semidefinite(M)
    M[0][0] = Fraction(0)
    assert not semidefinite(M)


def test_problems_are_judged_with_their_constraints():
    p = problem(lambda x: x @ x, np.zeros(2), subject_to=[(lambda x: x[0] + x[1], 1, 1), (lambda x: x @ x, None, 4)])
    found = convexity(p)
    assert (found.problem_convex, found.rows) == (True, ("affine", "convex"))
    outside = problem(lambda x: x @ x, np.zeros(2), subject_to=(lambda x: x @ x, 1, None))
    assert not convexity(outside).problem_convex


@pytest.mark.parametrize("ask", [convexity, dual])
def test_bad_questions(ask):
    with pytest.raises(ShapeError, match="x0 is missing"):
        ask(lambda x: x)
    with pytest.raises(ShapeError, match="has its own"):
        ask(problem(lambda x: x, 0.0), 1.0)


# -- duality -----------------------------------------------------------------------------------------------------------


def test_parabola():
    d = dual(lambda x: x**2, 0.0, subject_to=(lambda x: x, 1, None))
    for t in (0.5, 1.0, 2.0, 3.5):
        assert abs(d.function([-t]).value - (t - t * t / 4)) <= 1e-12
    assert d.function([1.0]).value == -np.inf
    assert abs(d.value - 1) <= 1e-9
    assert abs(d.multipliers[0] + 2) <= 1e-7
    assert abs(d.gap) <= 1e-9
    assert d.verdict is Verdict.PROVED
    assert d.attained


def test_a_gap():
    d = dual(lambda x: -(x**2), 0.2, bounds=[(0, 1)], subject_to=(lambda x: x, None, 0.5))
    assert d.verdict is Verdict.REFUTED
    assert abs(d.primal + 0.25) <= 1e-8
    assert abs(d.value + 0.5) <= 1e-8
    assert abs(d.gap - 0.25) <= 1e-7
    assert sum(w for w, _ in d.mixture) == pytest.approx(1)
    assert sum(w * x[0] for w, x in d.mixture) <= 0.5 + 1e-12
    assert sum(-w * x[0] ** 2 for w, x in d.mixture) == pytest.approx(d.upper)
    assert "gap" in d.text("en")
    assert "对偶间隙" in d.text("zh")


def test_no_multiplier():
    d = dual(lambda x: x, 1.0, subject_to=(lambda x: x**2, None, 0))
    assert not d.attained
    assert abs(d.value) <= 1e-7
    assert d.verdict is Verdict.UNDECIDED
    assert d.slater.verdict is Verdict.REFUTED
    assert abs(d.function([2.0]).value + 1 / 8) <= 1e-12


PROBLEMS = {
    "equality": (lambda x: x[0] ** 2 + x[1] ** 2, None, (lambda x: x[0] + x[1], 1, 1), 0.5),
    "disc": (lambda x: x[0] + x[1], None, (lambda x: x @ x, None, 2), -2.0),
    "two rows": (
        lambda x: np.exp(x[0]) + np.exp(-x[1]), None,
        (lambda x: np.array([x[0] - x[1], x @ x]), [0, -np.inf], [np.inf, 4]), 2.0,
    ),
    "saddle in a box": (lambda x: x[0] * x[1], [(-1, 1), (-1, 1)], (lambda x: x[0] - x[1], None, 0), -1.0),
}  # fmt: skip


@pytest.mark.parametrize("name", PROBLEMS)
def test_weak_duality(name):
    f, bounds, rows, best = PROBLEMS[name]
    d = dual(f, np.array([0.3, 0.4]), bounds=bounds, subject_to=rows)
    assert abs(d.primal - best) <= 1e-7
    rng = np.random.default_rng(1)
    p = problem(f, np.zeros(2), bounds=bounds, subject_to=rows)
    for _ in range(5):
        lam = d.multipliers + rng.standard_normal(p.m)
        lam = np.where((lam > 0) & np.isinf(p.cu) | (lam < 0) & np.isinf(p.cl), 0.0, lam)
        assert d.function(lam).value <= d.value + 1e-7
        assert d.function(lam).value <= d.primal + 1e-7
    if d.convexity.problem_convex:
        assert d.verdict is Verdict.PROVED
        assert abs(d.gap) <= 1e-7


SLATER = {
    "half line": (lambda x: x, (lambda x: x, 1, None), Verdict.PROVED),
    "one point": (lambda x: x, (lambda x: x**2, None, 0), Verdict.REFUTED),
    "touching discs": (
        lambda x: x[0], (lambda x: np.array([x @ x, (x[0] - 2) ** 2 + x[1] ** 2]), -np.inf, 1.0), Verdict.REFUTED,
    ),
    "overlapping discs": (
        lambda x: x[0], (lambda x: np.array([x @ x, (x[0] - 1) ** 2 + x[1] ** 2]), -np.inf, 1.0), Verdict.PROVED,
    ),
    "lines that meet": (lambda x: x[0], (lambda x: np.array([x[0], -x[0]]), -np.inf, 0.0), Verdict.PROVED),
    "disc and tangent": (
        lambda x: x[0], (lambda x: np.array([x @ x, x[0]]), [-np.inf, 1.0], [1.0, 1.0]), Verdict.REFUTED,
    ),
    "disc and chord": (
        lambda x: x[0], (lambda x: np.array([x @ x, x[0] + 3 * x[1]]), [-np.inf, 0.1], [1.0, 0.1]), Verdict.PROVED,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SLATER)
def test_slater(name):
    f, rows, verdict = SLATER[name]
    p = problem(f, 1.0 if name in ("half line", "one point") else np.array([0.9, 0.2]), subject_to=rows)
    found = slater(p)
    assert found.verdict is verdict
    if verdict is Verdict.PROVED:
        c = np.asarray(p.constraints(found.point))
        equal = p.cl == p.cu
        assert (np.abs(c - p.cl)[equal] <= 1e-15).all()
        if not found.refined:
            assert (c[~equal] < p.cu[~equal]).all()
            assert (c[~equal] > p.cl[~equal]).all()
    else:
        lam = found.multipliers.constraints
        weighted = lambda x: (
            lam @ np.asarray(p.constraints(x)) - np.where(lam == 0, 0, lam * np.where(lam > 0, p.cu, p.cl)).sum()
        )
        assert min(weighted(x) for x in 3 * RNG.standard_normal((200, p.n))) >= -1e-12


def test_least_value_of_what_is_not_convex():
    f = lambda x: np.sin(3 * x[0]) + 0.1 * x[0] ** 2
    low, high = np.array([-4.0]), np.array([4.0])
    graph = cauchy.trace(f, low)
    second = cauchy.trace(cauchy.calculus.differentiate.hessian(f), low)
    slope = cauchy.value_and_grad(f)
    found = least(Analysis(graph), Analysis(second), slope, low, high, np.array([3.0]))
    grid = np.linspace(-4, 4, 100001)
    assert found.how == "boxes"
    assert found.value <= (np.sin(3 * grid) + 0.1 * grid**2).min() + 1e-9
    assert found.bound <= found.value <= found.bound + 1e-8


def test_a_dual_needs_rows():
    with pytest.raises(DomainError, match="no constraints"):
        dual(lambda x: x**2, 0.0)
    with pytest.raises(DomainError, match="no feasible point"):
        dual(lambda x: x**2, 0.0, subject_to=(lambda x: x**2, None, -1))


def test_affine_bits_are_both():
    assert AFFINE == CONVEX | CONCAVE


# -- domains: what is left out of the box must stop every argument -----------------------------------------------------

LEFT_OUT = {
    "x**-2": lambda x: x**-2,
    "x**-4": lambda x: x**-4,
    "power": lambda x: np.power(x, -2.0),
    "(x-1)**-2": lambda x: (x - 1) ** -2.0,
    "x**-2 + x**2": lambda x: x**-2 + x**2,
    "1/x": lambda x: 1 / x,
    "1/x**2": lambda x: 1 / x**2,
    "x**-1": lambda x: x**-1,
    "x**-3": lambda x: x**-3,
    "reciprocal of a parabola": lambda x: 1 / (x**2 - 1),
    "reciprocal of a square": lambda x: np.reciprocal(np.square(x)),
    "a pole times 0": lambda x: x**2 + 0.0 * x**-3,
    "0 over x": lambda x: 0.0 / x,
    "a pole in a maximum": lambda x: np.maximum(5.0, np.sin(1 / x)),
    "a pole to the power 0 times x": lambda x: x**2 + np.minimum(0.0, 1.0 + np.cos(1 / x)),
    "tan": lambda x: np.tan(x) ** 2,
    "slope of tan": lambda x: 1 + np.tan(x) * np.tan(x),
    "-log|x|": lambda x: -np.log(np.abs(x)),
    "-log x**2": lambda x: -np.log(x**2),
    "log of a parabola": lambda x: -np.log(x**2 - 1),
    "x**0.5": lambda x: x**0.5,
    "|x|**0.5": lambda x: np.abs(x) ** 0.5,
    "sqrt of a wave": lambda x: x**2 + np.sqrt(np.cos(x)),
    "x**2 to the power 0.25": lambda x: (x**2) ** 0.25,
    "x**x": lambda x: x**x,
    "arcsin": lambda x: np.arcsin(x) ** 2 - x,
    "arccosh of a square": lambda x: np.arccosh(x**2),
    "floor": np.floor,
    "floor and a parabola": lambda x: x**2 + np.floor(x),
    "ceil": lambda x: x**2 + np.ceil(x),
    "trunc": lambda x: x**2 + np.trunc(x),
    "rint": lambda x: x**2 + np.rint(x),
    "round": lambda x: x**2 + np.round(x, 1),
    "sign": np.sign,
    "sign times x**2": lambda x: x**2 + np.sign(x) * 0.1,
    "heaviside": lambda x: x**2 + np.heaviside(x, 0.5),
    "where": lambda x: np.where(x > 0, x**2 + 1, x**2),
    "mod": lambda x: x**2 + np.mod(x, 1.0),
    "fmod": lambda x: x**2 + np.fmod(x, 1.0),
    "arctan2": lambda x: x**2 + np.arctan2(x, x * 0 - 1.0),
    "clip": lambda x: np.clip(x, -1.0, 1.0),
    "clip and a parabola": lambda x: 0.01 * x**2 + np.clip(x, -1.0, 1.0),
    "minimum": lambda x: np.minimum(x, 1.0),
    "fmax skips NaN": lambda x: np.fmax(-np.sqrt(x), -5.0),
    "a kink downwards": lambda x: x**2 - np.abs(x),
    "root of x**2, downwards": lambda x: x**2 - np.sqrt(x**2),
    "cube root": np.cbrt,
    "sinc": lambda x: x**2 + np.sinc(x),
    "gamma": special.gamma,
    "logit": lambda x: special.logit(x) ** 2 - 5 * x,
    "copysign": lambda x: x**2 + np.copysign(1.0, x),
    "hidden derivative": lambda x: cauchy.stop_gradient(-x) * x,
}  # fmt: skip
# convex where they are defined, which is a convex set, or on the box of the table
ALL_IN = {
    "x**-2": (lambda x: x**-2, [(0, None)], 0.5),
    "x**-2 on the left": (lambda x: x**-2.0, [(None, 0)], -0.5),
    "sum of powers": (lambda x: x**-2 + x**2, [(0.1, 3)], 0.5),
    "by its Hessian": (lambda x: x**4 - x**2 - np.log(x), [(1, 2)], 1.5),
    "poles at an end": (lambda x: np.tan(x) ** 2, [(0, 1.5)], 0.5),
    "sinc": (lambda x: 2 * x**2 + np.sinc(x), None, 0.5),
    "root of x**2": (lambda x: np.sqrt(x**2), None, 0.5),
}


@pytest.mark.parametrize("bounds", [None, [(-1, 2)]], ids=["line", "box"])
@pytest.mark.parametrize("name", LEFT_OUT)
def test_what_is_left_out_stops_the_proof(name, bounds):
    found = convexity(LEFT_OUT[name], 0.5, bounds=bounds)
    assert found.verdict is not Verdict.PROVED
    assert found.stop is not None or found.segment is not None


@pytest.mark.parametrize("name", ALL_IN)
def test_what_is_defined_on_the_box_is_still_proved(name):
    f, bounds, x0 = ALL_IN[name]
    assert convexity(f, x0, bounds=bounds).verdict is Verdict.PROVED


def test_a_pole_gives_no_global_certificate():
    f = lambda x: x**-2.0 + x
    found = cauchy.certify_optimum(f, 2 ** (1 / 3), globally=True)
    assert found.scope != "global"
    assert f(-5.0) < f(2 ** (1 / 3))


def test_powers_with_exponents_that_vary_live_on_the_right():
    found = convexity(lambda x: x**x, 1.0)
    assert (found.verdict, found.stop.why) == (Verdict.UNDECIDED, "domain")
    assert "not defined" in found.text("en")
    assert "定义" in found.text("zh")


def test_a_concave_box_with_corners_outside_the_domain():
    """log on [-1, 1] has no least value, and its corner at -1 has none at all."""
    slope = lambda x: (float(np.log(x[0])), 1 / x)
    with np.errstate(all="ignore"):
        found = least(
            Analysis(cauchy.trace(lambda x: np.log(x[0]), np.ones(1))), None, slope, -np.ones(1), np.ones(1), np.ones(1)
        )
    assert found.how == "search"
    assert found.bound == -np.inf


def test_convexity_of_a_problem_in_parts():
    ball = (lambda x: x @ x, None, 4)
    found = convexity(lambda x: x.sum(), np.ones(2), subject_to=ball)
    assert (found.problem_convex, found.rows, found.curvature) == (True, ("convex",), "affine")
    outside = convexity(lambda x: x.sum(), np.ones(2), subject_to=(lambda x: x @ x, 4, None))
    assert (outside.problem_convex, outside.verdict) == (False, Verdict.PROVED)
    assert "problem is convex" in found.text("en")
    assert "not shown" in outside.text("en")


# -- unbounded problems, and time --------------------------------------------------------------------------------------

FALLING = {
    "linear": (lambda x: -x[0] - x[1], [0.5, 0.5], [(0, None)] * 2, (lambda x: x[0] + 2 * x[1], 2, None)),
    "almost flat": (lambda x: 1e-9 * x[0] + x[1] ** 2, [0.5, 0.5], None, (lambda x: x[1], 1, None)),
    "by intervals": (lambda x: np.exp(-x) - x, 1.0, None, (lambda x: np.exp(-x), None, 1)),
    "below a parabola": (lambda x: -x[0] * x[1], [1.0, 1.0], None, (lambda x: x[0] ** 2 - x[1], None, 0)),
    "concave on a line": (lambda x: x[0] ** 2 - 2 * x[1] ** 2, [1.0, 1.0], None, (lambda x: x[0] + x[1], 0, 0)),
}  # fmt: skip


@pytest.mark.parametrize("name", FALLING)
def test_unbounded_problems_are_named(name):
    f, x0, bounds, rows = FALLING[name]
    d = dual(f, x0, bounds=bounds, subject_to=rows)
    assert (d.primal, d.value, d.gap, d.verdict) == (-np.inf, -np.inf, 0.0, Verdict.PROVED)
    assert d.ray.proved
    assert "unbounded" in d.text("en")
    assert "e+" not in d.text("en")
    p = problem(f, x0, bounds=bounds, subject_to=rows)
    values = []
    for t in (1e4, 1e6, 1e8):  # the ray is one
        x = d.ray.point + t * d.ray.direction
        c = np.asarray(p.constraints(x))
        assert (x >= p.lower).all()
        assert (x <= p.upper).all()
        assert (c >= p.cl).all()
        assert (c <= p.cu).all()
        values.append(float(p.value(x)))
    assert values[0] > values[1] > values[2]
    assert values[1] - values[2] > 10 * (values[0] - values[1])


@pytest.mark.parametrize(
    ("f", "x0", "rows"),
    [
        (lambda x: -np.log(x), 1.0, (lambda x: x, 1, None)),
        (lambda x: -(x[0] ** 3), [1.0, 1.0], (lambda x: x[1] - x[0], 0, None)),
    ],
)
def test_what_seems_unbounded_is_said_to_seem_so(f, x0, rows):
    d = dual(f, x0, subject_to=rows)
    assert d.primal == -np.inf
    assert not d.ray.proved
    assert "not proved" in d.text("en")


@pytest.mark.parametrize("f", [lambda x: np.exp(-x), lambda x: 1 / x, lambda x: np.sqrt(1 + x * x) - x])
def test_an_infimum_far_away_is_not_minus_infinity(f):
    d = dual(f, 2.0, bounds=[(0.5, None)], subject_to=(lambda x: x, 1, None))
    assert d.ray is None
    assert -1e-6 <= d.primal <= 1e-3


def test_time_runs_out():
    f = lambda x: x[0] * x[1] + x[1] * x[2] - x[0] * x[2]
    start = time.perf_counter()
    d = dual(f, [0.5] * 3, bounds=[(-1, 1)] * 3, subject_to=(lambda x: x**2, 1, 1), seconds=0.5)
    assert time.perf_counter() - start < 8.0
    assert not d.finished
    assert d.verdict is Verdict.UNDECIDED
    assert "ran out" in d.text("en")
    assert "时限" in d.text("zh")
    with pytest.raises(DomainError, match="seconds"):
        dual(f, [0.5] * 3, subject_to=(lambda x: x**2, 1, 1), seconds=0)


def test_the_point_of_slater_lies_in_the_domain_of_f():
    """-sqrt(x) for x <= 0: x = -1 is strict, but f lives on x >= 0, and no multiplier attains d* = 0."""
    d = dual(lambda x: -np.sqrt(x), 0.0, subject_to=(lambda x: x, None, 0))
    assert d.slater.verdict is Verdict.PROVED
    assert d.verdict is Verdict.UNDECIDED
    assert dual(lambda x: -np.log(x), 0.5, subject_to=(lambda x: x, None, 1)).verdict is Verdict.PROVED


REASONS = {
    "equality": (lambda x: x[0] ** 2, 1, 1),
    "form": (lambda x: np.exp(x[0]) - x[0] - 1, None, 0),
    "untraced": (lambda x: float(np.asarray(x)[0]) ** 2, None, 0),
}


@pytest.mark.parametrize("name", REASONS)
def test_slater_says_why_it_is_undecided(name):
    found = slater(lambda x: x[0], [1.0, 2.0], subject_to=REASONS[name])
    assert (found.verdict, found.reason) == (Verdict.UNDECIDED, name)
    assert len(found.text("en")) > len("Slater's condition: undecided ()")
    assert "未定（" in found.text("zh")


@pytest.mark.parametrize("row", [lambda x: np.exp(x[0]), lambda x: (x[0] - 1) ** 4 + (x[1] - 1) ** 4])
def test_slater_fails_where_a_row_is_nowhere_negative(row):
    found = slater(lambda x: x[0], [1.0, 2.0], subject_to=(row, None, 0))
    assert found.verdict is Verdict.REFUTED
    assert found.multipliers.constraints.tolist() == [1.0]


def test_slater_takes_what_dual_takes():
    f, rows = lambda x: x @ x, (lambda x: x @ x, None, 1)
    whole = slater(problem(f, np.zeros(2), bounds=[(0, 1)] * 2, subject_to=rows))
    parts = slater(f, np.zeros(2), bounds=[(0, 1)] * 2, subject_to=rows)
    assert whole.verdict is parts.verdict is Verdict.PROVED
    assert np.array_equal(whole.point, parts.point)
    with pytest.raises(ShapeError, match="x0 is missing"):
        slater(f)
    with pytest.raises(ShapeError, match="has its own"):
        slater(problem(f, np.zeros(2)), np.zeros(2))
