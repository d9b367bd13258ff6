"""Programs without an optimum: each witness is verified anew from the data; nothing is infinite without one."""

from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp

from cauchy import Verdict
from cauchy.optimize.quadratic import quadratic, witness
from cauchy.optimize.quadratic.program import Program, curvature

INF = np.inf


def verify_ray(P, q, A, l, u, lower, upper, seen):
    """Exactly: P d = 0, q'd < 0, no side is reached along d; and, where it is said, the point is feasible."""
    exact = lambda M: [[Fraction(v) for v in row] for row in np.asarray(M, float).tolist()]
    times = lambda M, v: [sum((a * b for a, b in zip(row, v, strict=True) if a), Fraction(0)) for row in M]
    d = seen.exactly["direction"]
    assert sum(Fraction(a) * b for a, b in zip(np.asarray(q, float).tolist(), d, strict=True)) < 0
    assert not any(times(exact(P), d))
    for along, low, high in ((times(exact(A), d), l, u), (d, lower, upper)):
        assert all(a <= 0 or h == INF for a, h in zip(along, high, strict=True))
        assert all(a >= 0 or b == -INF for a, b in zip(along, low, strict=True))
    if seen.exact:
        x = seen.exactly["point"]
        for w, low, high in ((times(exact(A), x), l, u), (x, lower, upper)):
            assert all(b <= v <= h for v, b, h in zip(w, low, high, strict=True))


INFEASIBLE = {
    "two rows": (np.eye(2), [0, 0], [[1, 1], [1, 1]], [2, -INF], [INF, 1], None, None),
    "linear": (None, [1.0, 1], [[1, 1], [1, 1]], [2, -INF], [INF, 1], None, None),
    "decimals": (np.eye(2), [0.1, 0], [[0.1, 0.3], [0.2, 0.6]], [1, -INF], [INF, 1.9999], None, None),
    "row and box": (np.eye(3), [0, 0, 0], [[1, 1, 1]], [4], [INF], [0, 0, 0], [1, 1, 1]),
    "empty row": (np.eye(2), [1, 1], [[0, 0.0]], [1], [2], None, None),
    "three equalities": (None, [0, 0], [[1, 2], [3, 4], [5, 7]], [1, 2, 3], [1, 2, 3], None, None),
}


@pytest.mark.parametrize("name", INFEASIBLE)
def test_infeasible(name):
    P, q, A, l, u, lower, upper = INFEASIBLE[name]
    best = quadratic(P, np.array(q, float), np.array(A, float), l, u, lower, upper)
    assert (best.how, best.verdict, best.fun) == ("infeasible", Verdict.REFUTED, INF)
    assert np.isnan(best.x).all()
    y = best.witness.exactly["y"]
    rows = [[Fraction(v) for v in row] for row in np.array(A, float).tolist()]
    c = [sum(v * row[j] for v, row in zip(y, rows, strict=True)) for j in range(len(q))]
    most = sum(v * Fraction(u[i] if v > 0 else l[i]) for i, v in enumerate(y) if v)
    least = sum(v * Fraction((lower if v > 0 else upper)[j]) for j, v in enumerate(c) if v)  # (None: c must be 0)
    assert least > most


def test_a_large_infeasible_program_is_verified_in_floats(monkeypatch):
    """With a box a bound of the rounding is a proof; without one there is none beyond some distance."""
    rng = np.random.default_rng(0)
    A = rng.standard_normal((300, 200))
    A = np.vstack([A, -A.sum(axis=0)])
    l = np.append(np.ones(300), -299.0)
    monkeypatch.setattr(witness, "EXACT_WORK", 1000)
    best = quadratic(np.eye(200), np.ones(200), A, l=l, lower=-1e6, upper=1e6)
    assert (best.how, best.verdict) == ("infeasible", Verdict.UNDECIDED)
    y = best.witness.y
    c, most = y.astype(np.longdouble) @ A, y @ l
    assert (y <= 0).all()
    assert -1e6 * abs(c).sum() > most
    far = quadratic(np.eye(200), np.ones(200), A, l=l)
    assert (far.how, far.success) == ("uncertified", False)
    assert far.witness.radius > 1e9
    assert "not decided" in far.text("en")


def test_a_repair_that_turns_signs_is_no_witness():
    """x >= 1, x >= 2: the sum y = (-1, -0.001) must vanish on the free x, and then names an upper side that is none."""
    program = Program(None, [0.0], [[1.0], [1.0]], [1.0, 2.0], None, None, None, 0.0)
    assert witness.infeasible(program, np.array([-1.0, -1e-3])) is None


E = Fraction(2) ** -20
FAR_AWAY = {  # bounded, with an optimum far away: (program, its value)
    **{
        f"P 1e{k}, 1e-{k}": ((np.diag([10.0**k, 10.0**-k]), [1.0, 1.0]), -(Fraction(10**k) + Fraction(1, 10**k)) / 2)
        for k in (6, 9, 12, 20)
    },
    **{f"P 1e-{k}": ((np.array([[10.0**-k]]), [1.0]), Fraction(-(10**k), 2)) for k in (3, 12, 20, 30)},
    **{f"A 1e-{k}": ((None, [-1.0], [[10.0**-k]], None, [1.0]), -(10**k)) for k in (3, 9, 12, 20)},
    **{f"lower 1e-{k}": ((None, [1.0], [[10.0**-k]], [1.0]), 10**k) for k in (9, 12, 20)},
    "P and A": ((np.diag([1.0, 0]), [0.0, -1], [[1, 1e-12]], None, [1.0]), -Fraction(10**24, 2) - 10**12),
    "two rows": ((None, [0.0, 1], [[1, 1e-12], [-1, 0]], [1.0, 0]), 10**12),
    "equations": ((None, [1.0, 1], [[1e-12, 1], [1e-12, -1]], [1, 0], [1, 0]), Fraction(10**12 + 1, 2)),
    "nearly singular": ((np.array([[1, 1], [1, 1 + float(E)]]), [1.0, -1]), -(4 + E) / (2 * E)),
    "nearly parallel": ((None, [-1.0, -1], [[1, -1], [-1, 1 + float(E)]], None, [1.0, 1]), -(4 / E + 1)),
}


@pytest.mark.parametrize("name", FAR_AWAY)
def test_an_optimum_far_away_is_not_infinite(name):
    program, value = FAR_AWAY[name]
    best = quadratic(*program)
    assert best.how == "optimal"
    assert abs(Fraction(best.fun) - value) <= abs(value) / 10**8


@pytest.mark.parametrize("k", [30, 40, 50])
def test_what_floats_cannot_tell_from_unbounded_is_not_called_so(k):
    tiny = 2.0**-k
    P = np.array([[1, 1], [1, 1 + tiny]])
    rows = [[1, -1], [-1, 1 + tiny]]
    wide = [1, -1, *[0.0] * 38]  # too large for a proof
    for given in ((P, [1.0, -1]), (None, [-1.0, -1], rows, None, [1.0, 1]), (np.pad(P, (0, 38)), wide)):
        best = quadratic(*given)
        assert best.how in ("optimal", "uncertified")
        assert best.verdict is Verdict.UNDECIDED
        if best.how == "uncertified":
            assert "not decided" in best.text("en")
            assert "未定" in best.text("zh")
    x = np.array([0.0, 1 / tiny])  # x1 + tiny x2 >= 1, x1 <= 0
    assert [x[0] + tiny * x[1], x[0]] == [1, 0]
    assert quadratic(np.eye(2) * tiny**2, [0.0, 0], [[1, tiny], [1, 0]], [1, -INF], [INF, 0]).how != "infeasible"


def test_rows_that_cannot_hold_exactly_are_said_to_be_open():
    """2x = 0.1 + 0.2 and 2x = 0.3 differ in the last digit; along y nothing holds f."""
    best = quadratic(None, [0.0, -1], [[2, 0], [2, 0]], [0.1 + 0.2, 0.3], [0.1 + 0.2, 0.3])
    assert best.how in ("uncertified", "infeasible")
    assert best.how == "infeasible" or best.witness.exactly["direction"] == (0, 1)


@pytest.mark.parametrize(
    ("P", "q", "A", "l", "lower"),
    [
        (None, [-1.0, -1.0], None, None, 0.0),
        (np.diag([1.0, 0]), [0, -1.0], [[1, 1.0]], [0], -INF),
        (np.ones((2, 2)), [1, -1.0], [[0.1, 0.2]], [-INF], -INF),
        (None, [1.0, 1.0], [[1, -1.0]], [0.5], -INF),
    ],
)
def test_unbounded(P, q, A, l, lower):
    best = quadratic(P, q, A, l, lower=lower)
    assert (best.how, best.verdict, best.fun) == ("unbounded", Verdict.REFUTED, -INF)
    full = lambda v: np.full(2, v)
    M = np.zeros((0, 2)) if A is None else np.array(A)
    rows = (np.zeros(0), np.zeros(0)) if l is None else (np.array(l, float), np.full(1, INF))
    verify_ray(np.zeros((2, 2)) if P is None else P, np.array(q), M, *rows, full(lower), full(INF), best.witness)


NOT_CONVEX = {
    "indefinite": np.array([[1.0, 2], [2, 1]]),
    "small": np.diag([1.0, -1e-9]),
    "zero diagonal": np.array([[0.0, 1], [1, 0]]),
    "zero beside": np.array([[2.0, 1, 0], [1, 0, 0], [0, 0, 5]]),
    "rank": np.array([[1.0, 1, 1], [1, 1, 1], [1, 1, 0.999]]),
}


@pytest.mark.parametrize("name", NOT_CONVEX)
def test_not_convex(name):
    P = NOT_CONVEX[name]
    best = quadratic(P, np.zeros(len(P)), lower=-1.0, upper=1.0)
    assert (best.how, best.verdict) == ("nonconvex", Verdict.REFUTED)
    v = [Fraction(c) for c in best.witness.direction]
    assert sum(a * Fraction(float(P[i, j])) * b for i, a in enumerate(v) for j, b in enumerate(v)) < 0


def test_large_matrices_are_tested_sparsely():
    n = 2000
    P = sp.diags([np.full(n - 1, -1.0), np.full(n, 2.0), np.full(n - 1, -1.0)], [-1, 0, 1], format="csc")
    program = Program(P, np.ones(n), None, None, None, None, None, 0.0)
    assert program.sparse
    assert curvature(program) is None
    bad = (P - 1.9999 * sp.identity(n)).tocsc()
    v = curvature(Program(bad, np.ones(n), None, None, None, None, None, 0.0))
    assert v @ bad @ v < 0


def test_positive_semidefinite_up_to_rounding_is_convex():
    """As no zero of the exact spectrum survives rounding; the report says where it did not."""
    P = np.array([[1, 1 + 2.0**-52], [1 + 2.0**-52, 1]])
    best = quadratic(P, [1.0, 1.0])
    assert best.success
    assert best.prove().verdict is Verdict.UNDECIDED
    assert "up to its own rounding" in best.text("en")
    assert "up to its own rounding" not in quadratic(np.ones((2, 2)), [1.0, 1.0]).text("en")
    B = np.random.default_rng(0).standard_normal((5, 40))
    assert quadratic(B.T @ B, np.zeros(40), lower=-1.0, upper=1.0).success
    assert quadratic(np.array([[1, 1.0], [1, 1]]), [1.0, 1.0]).success
