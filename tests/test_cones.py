"""Second-order cones of `quadratic`.

Truth: closed forms, Clarabel called directly, weak duality, and witnesses redone in rational arithmetic.
"""

import itertools
import math
from fractions import Fraction

import clarabel
import numpy as np
import pytest
import scipy.sparse as sp

from cauchy import Verdict, quadratic
from cauchy.errors import CauchyError, DomainError, ShapeError
from cauchy.optimize.quadratic.cones import Cones, cone_certificate, explained
from cauchy.optimize.quadratic.engines import Answer
from cauchy.optimize.quadratic.program import Program

INF = np.inf


def ball(center, radius=1.0):
    """|x - center| <= radius."""
    n = len(center)
    return np.vstack([np.zeros(n), np.eye(n)]), [radius, *(-np.asarray(center, float))]


def residuals(P, q, A, l, u, lower, upper, cones, x, lam, z, v):
    """The five residuals in extended precision, from the data."""
    L = np.longdouble
    x, lam, z = (np.asarray(part, L) for part in (x, lam, z))
    w, y = np.concatenate([A @ x, x]), np.concatenate([lam, z])
    low, high = np.concatenate([l, lower]).astype(L), np.concatenate([u, upper]).astype(L)
    outside = lambda s: max(0, math.hypot(*s[1:].astype(float)) - float(s[0]))
    primal, dual = np.maximum(np.maximum(low - w, w - high), 0).max(), 0.0
    slope, gap = P @ x + q + A.T @ lam + z, L(0)
    products = []
    for (C, d), part in zip(cones, v, strict=True):
        s = np.asarray(C, L) @ x + np.asarray(d, L)
        primal, dual = max(primal, outside(s)), max(dual, outside(part))
        slope = slope - np.asarray(C, L).T @ part
        products.append(part @ s)
        gap += part @ np.asarray(d, L)
    for a, b, h, value in zip(y, low, high, w, strict=True):
        side = h if a > 0 else b
        if a and np.isinf(side):
            dual = max(dual, abs(a))
        elif a:
            products.append(a * (side - value))
            gap += a * side
    return primal, dual, abs(slope).max(), max(map(abs, products)), x @ P @ x + q @ x + gap


# -- closed forms -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_projection_on_a_ball(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 30))
    center, p = rng.standard_normal(n), 5 * rng.standard_normal(n)
    best = quadratic(np.eye(n), -p, r=float(p @ p / 2), cones=[ball(center, 0.5)])
    way = (p - center) / np.linalg.norm(p - center)
    assert best.how == "optimal"
    assert np.abs(best.x - center - 0.5 * way).max() <= 1e-8
    (v,) = best.multipliers.cones
    assert np.abs(v[1:] - (best.x - p)).max() <= 1e-8
    assert abs(v[0] - np.linalg.norm(best.x - p)) <= 1e-8


def smallest_ball(points):
    """The best of all circles through two or three of the points that contain the others."""
    found = []
    for k in (2, 3):
        for some in itertools.combinations(points, k):
            S = np.array(some)
            directions = S[1:] - S[0]
            c = S[0] + np.linalg.lstsq(directions, (directions**2).sum(axis=1) / 2, rcond=None)[0]
            r = np.linalg.norm(S[0] - c)
            if (np.linalg.norm(points - c, axis=1) <= r * (1 + 1e-12)).all():
                found.append(r)
    return min(found)


@pytest.mark.parametrize("seed", range(5))
def test_smallest_enclosing_ball(seed):
    points = np.random.default_rng(seed).standard_normal((12, 2))
    cones = [(np.eye(3), [0.0, *-p]) for p in points]  # r >= |c - p|
    best = quadratic(None, [1.0, 0.0, 0.0], cones=cones)
    assert best.how == "optimal"
    assert abs(best.fun - smallest_ball(points)) <= 1e-8


@pytest.mark.parametrize("seed", range(5))
def test_a_robust_linear_program(seed):
    """max a'x such that (a + e)'x <= b for all |e| <= rho: a'x + rho |x| <= b, at x along a."""
    rng = np.random.default_rng(seed)
    n, rho, b = 7, 0.3, 2.0
    a = rng.standard_normal(n)
    best = quadratic(None, -a, cones=[(np.vstack([-a, rho * np.eye(n)]), [b, *np.zeros(n)])])
    size = np.linalg.norm(a)
    assert best.how == "optimal"
    assert abs(best.fun + b * size / (size + rho)) <= 1e-8


def test_the_point_of_fermat():
    """The least sum of distances to three points, of angles below 120 degrees: sqrt((a^2+b^2+c^2)/2 + 2 sqrt(3) S)."""
    points = np.array([[0.0, 0], [4, 0], [1, 3]])
    cones = []
    for k, p in enumerate(points):
        C = np.zeros((3, 5))
        C[0, 2 + k] = C[1, 0] = C[2, 1] = 1
        cones.append((sp.csc_matrix(C), [0.0, *-p]))
    best = quadratic(None, [0.0, 0, 1, 1, 1], cones=cones)
    squares = sum(((p - o) ** 2).sum() for p, o in itertools.combinations(points, 2))
    assert best.how == "optimal"
    assert abs(best.fun - math.sqrt(squares / 2 + 2 * math.sqrt(3) * 6)) <= 1e-8


def test_cones_of_one_row_are_rows():
    P, q = np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([-3.0, -2.0])
    row = quadratic(P, q, [[-1.0, -2.0]], l=[-1.0])
    cone = quadratic(P, q, cones=[([[-1.0, -2.0]], [1.0])])
    assert cone.how == "optimal"
    assert np.abs(row.x - cone.x).max() <= 1e-8
    assert np.abs(row.multipliers.constraints + cone.multipliers.cones[0]).max() <= 1e-7


# -- random programs --------------------------------------------------------------------------------------------------


def random_cones(seed):
    """Strictly feasible at a known x, with dual multipliers inside their cones, so an optimum exists."""
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(2, 15)), int(rng.integers(0, 6))
    F = rng.standard_normal((int(rng.integers(0, n)), n))
    P, A, x = F.T @ F, rng.standard_normal((m, n)), rng.standard_normal(n)
    l, u = A @ x - rng.exponential(size=m), np.where(rng.random(m) < 0.5, INF, A @ x + rng.exponential(size=m))
    lower, upper = np.where(rng.random(n) < 0.5, -INF, x - rng.exponential(size=n)), np.full(n, INF)
    lam = -rng.exponential(size=m)
    q, cones = -P @ x - A.T @ lam, []
    for _ in range(int(rng.integers(1, 5))):
        k = int(rng.integers(1, 6))
        C, tail = rng.standard_normal((k, n)), rng.standard_normal(k - 1)
        w = np.concatenate([[np.linalg.norm(tail) + rng.exponential()], tail])
        v = np.concatenate([[2 * np.linalg.norm(tail) + rng.exponential()], tail])
        cones.append((C, w - C @ x))
        q = q + C.T @ v
    return P, q, A, l, u, lower, upper, cones, x


def direct(P, q, A, l, u, lower, upper, cones):
    """Clarabel's own value."""
    n = q.size
    rows, sides, kinds = [], [], []
    for M, low, high in ((A, l, u), (np.eye(n), lower, upper)):
        for sign, side in ((1, high), (-1, low)):
            at = np.isfinite(side)
            rows.append(sign * M[at])
            sides.append(sign * side[at])
    kinds.append(clarabel.NonnegativeConeT(sum(map(len, sides))))
    for C, d in cones:
        rows.append(-C)
        sides.append(d)
        kinds.append(clarabel.SecondOrderConeT(len(d)) if len(d) > 1 else clarabel.NonnegativeConeT(1))
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    data = sp.triu(sp.csc_matrix(P), format="csc"), q, sp.csc_matrix(np.vstack(rows)), np.concatenate(sides), kinds
    return clarabel.DefaultSolver(*data, settings).solve()


@pytest.mark.parametrize("seed", range(40))
def test_random_programs(seed):
    *data, cones, inside = random_cones(seed)
    P, q = data[:2]
    best = quadratic(*data, cones=cones)
    assert best.how == "optimal"
    size = max(1.0, abs(best.fun))
    assert abs(best.fun - direct(*data, cones).obj_val) <= 1e-6 * size
    y, c = best.multipliers, best.certificate
    agree(c, residuals(*data, cones, best.x, y.constraints, y.bounds, y.cones))
    # weak duality: no feasible point is below the dual objective
    rng = np.random.default_rng(seed)
    for t in rng.random(20):
        x = best.x + t * (inside - best.x)
        assert x @ P @ x / 2 + q @ x >= c.dual_objective - 1e-7 * size


def agree(c, found):
    claimed = c.primal, c.dual, c.stationarity, c.complementarity, c.gap
    scale = 1e-11 * max(1.0, abs(c.objective), abs(c.x).max() ** 2)
    assert all(abs(float(a) - b) <= scale for a, b in zip(found, claimed, strict=True)), (found, claimed)


@pytest.mark.parametrize("seed", range(10))
def test_residuals_far_from_any_optimum(seed):
    *data, cones, x = random_cones(seed)
    rng = np.random.default_rng(seed)
    n, m, c = x.size, data[3].size, Cones(cones, x.size)
    x, lam, v = rng.standard_normal(n), -rng.exponential(size=m), rng.standard_normal(c.d.size)
    sheet = cone_certificate(Program(*data, 0.0), c, x, np.concatenate([lam, np.zeros(n)]), v, 1e-9)
    agree(sheet, residuals(*data, cones, x, lam, np.zeros(n), c.split(v)))
    for name, size in sheet.scaled.items():
        assert 0 <= size <= abs(getattr(sheet, name))


def test_certificates_refuse_what_is_not_optimal():
    rng, refused = np.random.default_rng(1), 0
    for seed in range(10):
        *data, cones, _ = random_cones(seed)
        best = quadratic(*data, cones=cones)
        all_cones, y = (
            Cones(cones, best.x.size),
            np.concatenate([best.multipliers.constraints, best.multipliers.bounds]),
        )
        v = np.concatenate(best.multipliers.cones)
        again = lambda x, v, best=best, all_cones=all_cones, y=y: cone_certificate(
            best.program, all_cones, x, y, v, 1e-9
        )
        assert again(best.x, v).certified
        for _ in range(10):
            step = 10.0 ** rng.uniform(-5, 0)
            refused += not again(best.x + step * rng.standard_normal(best.x.size), v).certified
            refused += not again(best.x, v + step * rng.standard_normal(v.size)).certified
        assert not again(best.x, -v).certified
    assert refused == 200


# -- witnesses --------------------------------------------------------------------------------------------------------


def times(M, v):
    rows = np.asarray(M, float).tolist()
    return [sum((Fraction(a) * b for a, b in zip(row, v, strict=True)), Fraction(0)) for row in rows]


def inside(w):
    return w[0] >= 0 and w[0] ** 2 >= sum(c * c for c in w[1:])


INFEASIBLE = {
    "two balls": (None, [1.0, 0], None, None, [ball([0, 0]), ball([3, 0])]),
    "two balls, just": (np.eye(2), [1.0, 0], None, None, [ball([0, 0]), ball([1.2, 1.7])]),
    "ball and row": (None, [1.0, 0], [[0.1, 0.3]], [0.4], [ball([0, 0])]),
    "one row": (None, [1.0, 0], [[1.0, 0]], [2.0], [([[-1.0, 0]], [1.0])]),
    "empty cone rows": (None, [1.0], None, None, [([[0.0], [0.0]], [1.0, 2.0])]),
}


@pytest.mark.parametrize("name", INFEASIBLE)
def test_infeasible(name):
    P, q, A, l, cones = INFEASIBLE[name]
    best = quadratic(P, q, A, l, cones=cones)
    assert (best.how, best.verdict, best.fun) == ("infeasible", Verdict.REFUTED, INF)
    y = best.witness.exactly["y"]
    m = 0 if l is None else len(l)
    total, right, at = [Fraction(0)] * len(q), Fraction(0), m
    for a, row, side in zip(y, A or [], l or [], strict=False):
        assert a <= 0  # lower sides
        total = [t + a * Fraction(c) for t, c in zip(total, row, strict=True)]
        right += a * Fraction(side)
    for C, d in cones:
        v = [-c for c in y[at : at + len(d)]]
        assert inside(v)
        total = [t - c for t, c in zip(total, times(np.transpose(C), v), strict=True)]
        right += sum(a * Fraction(float(b)) for a, b in zip(v, d, strict=True))
        at += len(d)
    assert not any(total)  # 0 = total'x <= right < 0
    assert right < 0


UNBOUNDED = {
    "cone": ([-1.0, 0], None, None, [(np.eye(2), [0.0, 0])]),
    "sideways": ([0.0, 1, 0], None, None, [(np.eye(3), [-1.0, 0, 5])]),
    "row": ([0.0, 1.0, 0], [[0.1, 0.3, 0]], [2.0], [(np.eye(3), [0.0, 0, 0])]),
    "on the boundary": ([0.0, -1.0], [[1.0, -1], [-1, 1]], [0.0, 0], [(np.eye(2), [0.0, 0])]),
}


@pytest.mark.parametrize("name", UNBOUNDED)
def test_unbounded(name):
    q, A, l, cones = UNBOUNDED[name]
    best = quadratic(None, q, A, l, cones=cones)
    assert (best.how, best.verdict, best.fun) == ("unbounded", Verdict.REFUTED, -INF)
    d, x = best.witness.exactly["direction"], best.witness.exactly["point"]
    assert times([q], d)[0] < 0
    if A is not None:
        assert all(a >= 0 for a in times(A, d))
        assert all(a >= b for a, b in zip(times(A, x), l, strict=True))
    for C, shift in cones:
        assert inside(times(C, d))
        assert inside([a + Fraction(float(b)) for a, b in zip(times(C, x), shift, strict=True)])


def test_what_solvers_claim_falsely_is_no_witness():
    plain = Program(None, [0.0, -1.0], None, None, None, None, None, 0.0)
    claim = lambda cones, status, x, v: explained(
        plain, Cones(cones, 2), Answer(np.array(x), np.zeros(2), status, 0, np.array(v))
    )
    balls = [ball([0, 0]), ball([1, 0])]  # they meet; without v in the cones the sum would be 0 <= -1
    assert claim(balls, "infeasible", [0.0, 0], [0.0, -1, 0, 0, 1, 0]) is None
    assert claim([(np.eye(2), [0.0, 0])], "unbounded", [0.0, 1], [0.0, 0]) is None
    assert claim([(np.eye(2), [0.0, 0])], "unbounded", [1.0, 1], [0.0, 0]).exact


@pytest.mark.parametrize(("w", "is_in"), [((5, 3, 4), True), ((5, 3, 4 + 1e-15), False), ((-5, 3, 4), False)])
def test_membership_is_exact(w, is_in):
    cones = Cones([(np.zeros((3, 1)), [1.0, 0, 0]), ([[1.0]], [0.0])], 1)
    assert cones.contain([*map(Fraction, w), Fraction(0)]) == is_in
    assert not cones.contain([*map(Fraction, w), Fraction(-1)])


HYPERBOLA = np.array([[1.0, 1], [1, -1], [0, 0]]), [0.0, 0, 2]  # s t >= 1, s, t >= 0


def test_what_hangs_on_a_limit_is_not_decided_falsely():
    touching = quadratic(None, [1.0, 0.0], [[1.0, 0]], l=[1.0], cones=[ball([0, 0])])  # x = (1, 0) alone
    assert touching.how in ("optimal", "uncertified")
    never = quadratic(None, [0.0, 0], upper=[0.0, INF], cones=[HYPERBOLA])  # s <= 0, by less and less
    assert never.how in ("infeasible", "uncertified")
    limit = quadratic(None, [1.0, 0], cones=[HYPERBOLA])  # s > 0, as small as one likes
    assert limit.how in ("optimal", "uncertified")
    assert not abs(limit.fun) > 1e-3
    assert quadratic(np.diag([1.0, -1]), [1.0, 0], cones=[ball([0, 0])]).how == "nonconvex"


def test_units_far_apart():
    q = [1.0, 1.0]
    best = quadratic(np.diag([1e12, 1e-12]), q, cones=[ball([0, 0], 1e14)])
    assert best.how in ("optimal", "uncertified")
    assert best.how == "uncertified" or abs(best.fun + 5e11) <= 5e3


# -- options and bad data ---------------------------------------------------------------------------------------------

B = ball([0, 0])
BAD = {
    "no list": ({"cones": np.eye(2)}, ShapeError, "a list of pairs"),
    "no pair": ({"cones": [np.eye(2)]}, ShapeError, r"cones\[0\] is no pair"),
    "text": ({"cones": "ab"}, ShapeError, r"cones\[0\] is no pair"),
    "columns": ({"cones": [B, (np.eye(3), [1.0, 0, 0])]}, ShapeError, r"C of cones\[1\] has shape"),
    "rows": ({"cones": [(np.eye(2), [1.0, 0, 0])]}, ShapeError, r"C of cones\[0\] has shape"),
    "empty": ({"cones": [(np.zeros((0, 2)), [])]}, ShapeError, "has no rows"),
    "nan": ({"cones": [(np.eye(2), [1.0, np.nan])]}, DomainError, r"d of cones\[0\]\[1\] is nan"),
    "inf": ({"cones": [(np.full((2, 2), INF), [1.0, 0])]}, DomainError, r"C of cones\[0\]"),
    "complex": ({"cones": [(np.eye(2) * 1j, [1.0, 0])]}, ShapeError, "real numbers"),
    "native": ({"cones": [B], "solver": "native"}, DomainError, "does not go with cones"),
    "piqp": ({"cones": [B], "solver": "piqp"}, DomainError, "does not go with cones"),
    "highs": ({"cones": [B], "solver": "highs"}, DomainError, "does not go with cones"),
    "polished": ({"cones": [B], "polished": True}, DomainError, "polished=True does not go"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_data(name):
    options, kind, match = BAD[name]
    with pytest.raises(kind, match=match):
        quadratic(np.eye(2), [1.0, 1.0], **options)


def test_reports_and_what_cones_do_not_have():
    best = quadratic(np.eye(2), [-3.0, -4.0], cones=[B], solver="clarabel")
    assert "multipliers of cones: [ 4.  -2.4 -3.2]" in best.text("en")
    assert "锥的乘子" in best.text("zh")
    assert best.polish() is best
    with pytest.raises(CauchyError, match="square root"):
        best.prove()
    assert quadratic(np.eye(2), [1.0, 1.0], cones=[]).multipliers.cones == ()
