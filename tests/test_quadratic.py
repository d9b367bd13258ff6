"""Quadratic and linear programs: certificates, witnesses, polish, bad data.

Truth: published optima, exact rational arithmetic, and residuals recomputed here in extended precision.
"""

import json
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from test_quadratic_witness import verify_ray

from cauchy import Verdict
from cauchy.errors import CauchyError, DomainError, ShapeError
from cauchy.optimize import rational
from cauchy.optimize.quadratic import engines, often, quadratic
from cauchy.optimize.quadratic.exact import exact_point
from cauchy.optimize.quadratic.gap import certificate
from cauchy.optimize.quadratic.program import Program, rescaled

DATA = Path(__file__).parent / "data" / "optimization"
GIVEN = json.loads((DATA / "maros_meszaros.json").read_text())
ARRAYS = np.load(DATA / "maros_meszaros_small.npz")
INF = np.inf


def maros(problem):
    name, n = problem["name"], problem["n"]
    q, r, l, u = (ARRAYS[f"{name}/{k}"] for k in "qrlu")
    matrix = lambda k, rows: sp.csc_matrix(
        (ARRAYS[f"{name}/{k}.v"], (ARRAYS[f"{name}/{k}.i"], ARRAYS[f"{name}/{k}.j"])), shape=(rows, n)
    )
    return matrix("P", n), q, matrix("A", l.size), l, u, float(r)


def residuals(P, q, A, l, u, lower, upper, r, x, lam, z):
    """(violation, wrong sign, stationarity, complementarity, gap, objective) in extended precision, from the data."""
    L = np.longdouble
    P, A = (np.asarray(M.toarray() if sp.issparse(M) else M, L) for M in (P, A))
    x, lam, z = (np.asarray(v, L) for v in (x, lam, z))
    w, y = np.concatenate([A @ x, x]), np.concatenate([lam, z])
    low, high = np.concatenate([l, lower]).astype(L), np.concatenate([u, upper]).astype(L)
    violation = np.maximum(np.maximum(low - w, w - high), 0)
    wrong = np.where((y > 0) & np.isinf(high) | (y < 0) & np.isinf(low), abs(y), 0)
    slope = P @ x + np.asarray(q, L) + A.T @ lam + z
    slack = np.where(y > 0, high, np.where(y < 0, low, w)) - w
    products = np.where(wrong > 0, 0, y * np.where(np.isfinite(slack), slack, 0))
    value = x @ P @ x / 2 + np.asarray(q, L) @ x + L(r)
    dual = (
        -(x @ P @ x) / 2
        + L(r)
        - sum(
            a * (h if a > 0 else b)
            for a, h, b in zip(y, high, low, strict=True)
            if a and np.isfinite(h if a > 0 else b)
        )
    )
    return violation.max(), wrong.max(), abs(slope).max(), abs(products).max(), value - dual, value


# -- the collection ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("problem", GIVEN["problems"], ids=lambda p: p["name"])
def test_maros_meszaros(problem):
    P, q, A, l, u, r = maros(problem)
    best = quadratic(P, q, A, l, u, r=r)
    assert best.how == "optimal"
    assert best.success
    published = GIVEN["published_optima"][problem["name"]]
    assert abs(best.fun - published) <= 1e-8 * max(1.0, abs(published))
    y = best.multipliers
    none = np.full(q.size, INF)
    found = residuals(P, q, A, l, u, -none, none, r, best.x, y.constraints, y.bounds)
    size = max(1.0, abs(best.fun))
    assert found[1] == 0
    assert abs(found[4]) <= 1.01e-9 * size
    assert found[3] <= 1.01e-9 * size
    c = best.certificate
    assert abs(float(found[0]) - c.primal) <= 1e-14 * (1 + abs(best.x).max() * abs(A).max())
    assert abs(float(found[2]) - c.stationarity) <= 1e-12 * (1 + abs(q).max() + abs(y.constraints).max())
    assert abs(float(found[4]) - c.gap) <= 1e-12 * size
    assert max(c.scaled.values()) <= 1e-9


@pytest.mark.parametrize("name", ["CVXQP1_S", "DUALC1", "HS53", "QAFIRO", "QPCBOEI2", "QSHARE2B", "QISRAEL"])
def test_each_solver_and_the_polish(name):
    P, q, A, l, u, r = maros(next(p for p in GIVEN["problems"] if p["name"] == name))
    published = GIVEN["published_optima"][name]
    for solver in ("piqp", "clarabel"):
        best = quadratic(P, q, A, l, u, r=r, solver=solver, polished=True)
        assert abs(best.fun - published) <= 1e-6 * max(1.0, abs(published)), solver
        if name != "QISRAEL":  # Clarabel stops there at 2e-5, which no active set explains
            assert max(best.certificate.scaled.values()) <= 1e-11, solver


def test_bounds_may_be_rows_or_bounds():
    P, q, A, l, u, r = maros(next(p for p in GIVEN["problems"] if p["name"] == "QRECIPE"))
    n, m = q.size, l.size - q.size
    rows = quadratic(P, q, A, l, u, r=r)
    box = quadratic(P, q, A[:m], l[:m], u[:m], l[m:], u[m:], r=r)
    dense = quadratic(P.toarray(), q, A[:m].toarray(), l[:m], u[:m], l[m:], u[m:], r=r)
    assert A[m:].shape == (n, n)
    for other in (box, dense):
        assert other.success
        assert abs(rows.fun - other.fun) <= 2e-9 * abs(rows.fun)


# -- random programs --------------------------------------------------------------------------------------------------


def random_program(rng, shape=None):
    """Low rank, badly scaled, dependent rows, integers, empty sides, fixed variables; feasible by construction."""
    n, m = shape or (int(rng.integers(1, 40)), int(rng.integers(0, 40)))
    rank, density = int(rng.integers(0, n + 1)), rng.choice([0.1, 0.3, 1.0])
    scale = 10.0 ** rng.integers(-3, 4, n) if rng.random() < 0.4 else np.ones(n)
    F = rng.standard_normal((rank, n)) * (rng.random((rank, n)) < density)
    F = np.round(3 * F) if rng.random() < 0.5 else F
    P = (F.T @ F) * scale * scale[:, None]
    A = rng.standard_normal((m, n)) * (rng.random((m, n)) < density) * scale
    A = np.round(2 * A) if rng.random() < 0.5 else A
    if m > 4 and rng.random() < 0.4:
        A[m // 2 :] = A[: m - m // 2] * rng.choice([1.0, 2.0, -1.0])
    x = rng.standard_normal(n) / scale
    side = lambda v, sign: np.where(
        rng.random(v.size) < 0.3, sign * INF, v + sign * rng.exponential(size=v.size) * (rng.random(v.size) < 0.5)
    )
    l, u = side(A @ x, -1), side(A @ x, 1)
    lower, upper = side(x, -1), side(x, 1)
    lam, z = rng.standard_normal(m), rng.standard_normal(n) * scale
    for y, a, b in ((lam, l, u), (z, lower, upper)):
        y[((y > 0) & np.isinf(b)) | ((y < 0) & np.isinf(a))] = 0
    q = -(P @ x + A.T @ lam + z) if rng.random() < 0.6 else rng.standard_normal(n) * scale
    P = P * 0 if rng.random() < 0.3 else (P + P.T) / 2
    return P, q, A, l, u, lower, upper


def check(data, best, rng):
    """Optimal with a small gap and no lower feasible point nearby, or unbounded along a ray; in extended precision."""
    P, q, A, l, u, lower, upper = data
    if best.how == "unbounded" or (best.how == "uncertified" and best.witness.exactly):
        assert best.witness.exact == (best.how == "unbounded")  # rounded equations may have no solution
        verify_ray(P, q, A, l, u, lower, upper, best.witness)
        return
    assert best.how == "optimal"
    found = residuals(P, q, A, l, u, lower, upper, 0.0, best.x, best.multipliers.constraints, best.multipliers.bounds)
    assert abs(found[4]) <= 1.01e-9 * max(1.0, abs(best.fun))
    # weak duality: no feasible point is below the dual objective
    for _ in range(20):
        x = np.clip(best.x + rng.standard_normal(q.size) * 0.1, lower, upper)
        if (A @ x >= l).all() and (A @ x <= u).all():
            assert x @ P @ x / 2 + q @ x >= best.certificate.dual_objective - 1e-6 * max(1.0, abs(best.fun))


@pytest.mark.parametrize("seed", range(60))
def test_random_programs(seed):
    rng = np.random.default_rng(seed)
    data = P, q, A, *sides = random_program(rng)
    check(data, quadratic(sp.csr_matrix(P), q, sp.csr_matrix(A), *sides) if seed % 2 else quadratic(*data), rng)


def test_what_fails_as_given_is_solved_in_other_units():
    """The diagonal of P reaches from 1e-5 to 1e8: both interior points stop early, in units of size 1 neither does."""
    rng = np.random.default_rng(402)
    data = random_program(rng)
    program = Program(*data, 0.0)
    for name in ("piqp", "clarabel"):
        answer = engines.ENGINES[name](program, engines.Reduced(program), 1e-9)
        assert not certificate(program, answer.x, answer.y, 1e-9).certified
    for given in (data, (sp.csc_matrix(data[0]), data[1], sp.csc_matrix(data[2]), *data[3:])):
        best = quadratic(*given)
        assert best.how == "optimal"
        check(data, best, rng)


def test_units_are_powers_of_two():
    P, q, A, *sides = random_program(np.random.default_rng(402))
    for given in (P, A), (sp.csc_matrix(P), sp.csc_matrix(A)), (None, A), (P, None):
        rows = sides if given[1] is not None else [None, None, *sides[2:]]
        scaled, units = rescaled(Program(given[0], q, given[1], *rows, 0.0))
        assert (np.frexp(units)[0] == 0.5).all()
        full = lambda M: M if isinstance(M, np.ndarray) else M.toarray()
        if given[0] is not None:
            assert (full(scaled.P) == P * units * units[:, None]).all()
            diagonal = full(scaled.P).diagonal()
            assert (np.minimum(diagonal, 1 / diagonal) > 0.499).all()
        if given[1] is not None:
            assert (full(scaled.A) == A * units).all()
        assert (scaled.low[scaled.m :] * units == sides[2]).all()
        assert (scaled.q == q * units).all()
    assert rescaled(Program(np.eye(3), q[:3], None, None, None, None, None, 0.0)) is None
    far = Program(np.diag([1.0, 1e-250]), np.ones(2), None, None, None, None, None, 0.0)
    assert rescaled(far) is None  # q would be 1e125
    assert quadratic(far.P, far.q).how in ("uncertified", "unbounded")


@pytest.mark.sweep
def test_many_random_programs():
    for seed in range(100, 1500):
        rng = np.random.default_rng(seed)
        data = random_program(rng)
        best = quadratic(*data)
        if best.how == "uncertified" and not best.witness.exactly:
            assert "seen to fall" in best.text("en"), seed
            continue
        if best.how == "infeasible":  # which the rounding of sides makes of rows that depend on each other
            assert best.witness.exact, seed
            assert best.witness.margin <= 1e-12, seed
            continue
        check(data, best, rng)


def test_certificates_refuse_what_is_not_optimal():
    """500 candidates that are perturbed, infeasible, or have multipliers of the wrong sign."""
    rng, tried = np.random.default_rng(7), 0
    while tried < 500:
        data = random_program(rng)
        best = quadratic(*data, polished=True)
        if best.how != "optimal":
            continue
        program = Program(*data, 0.0)
        y = np.concatenate([best.multipliers.constraints, best.multipliers.bounds])
        for _ in range(10):
            tried += 1
            x2, y2 = best.x.copy(), y.copy()
            i, j = int(rng.integers(x2.size)), int(abs(y).argmax())
            step = 10.0 ** rng.uniform(-4, 1) * (1 + abs(x2[i]))
            if rng.random() < 0.3 and abs(y[j]) > 1e-3 and program.low[j] != program.high[j]:
                y2[j] = -y2[j]
            else:
                x2[i] += step
            sheet = certificate(program, x2, y2, 1e-9)
            if sheet.certified:  # only where x2 is optimal too: the same value, and no violation
                found = residuals(*data, 0.0, x2, y2[: program.m], y2[program.m :])
                assert found[0] <= 1e-6
                assert abs(found[5] - best.fun) <= 1e-8 * max(1.0, abs(best.fun))


# -- compiled for a shape --------------------------------------------------------------------------------------------


def test_native_certificates_are_those_of_the_data():
    tried = certified = 0
    for seed in range(150):
        data = random_program(np.random.default_rng(seed), (5, 7))
        best, other = quadratic(*data, solver="native"), quadratic(*data, solver="piqp")
        assert (best.how, best.success) == (other.how, other.success)
        if not best.success or not data[0].any():
            continue
        tried += 1
        certified += best.solver == "native"
        assert abs(best.fun - other.fun) <= 2e-9 * max(1.0, abs(best.fun))
        y, c = best.multipliers, best.certificate
        found = residuals(*data, 0.0, best.x, y.constraints, y.bounds)
        size = 1e-12 * max(1.0, abs(best.fun), abs(best.x).max(), abs(y.bounds).max(), abs(y.constraints).max())
        claimed = c.primal, c.dual, c.stationarity, c.complementarity, c.gap, best.fun
        assert all(abs(float(a) - b) <= size for a, b in zip(found, claimed, strict=True)), (found, claimed)
    assert tried > 60
    assert certified >= 0.9 * tried


NATIVE = ["HS21", "HS35", "HS51", "HS53", "TAME", "ZECEVIC2", "GENHS28", "LOTSCHD"]


@pytest.mark.parametrize("name", NATIVE)
def test_native_solves_the_small_ones(name):
    P, q, A, l, u, r = maros(next(p for p in GIVEN["problems"] if p["name"] == name))
    published = GIVEN["published_optima"][name]
    best = quadratic(P, q, A, l, u, r=r, solver="native")
    assert (best.how, best.solver) == ("optimal", "native")
    assert abs(best.fun - published) <= 1e-8 * max(1.0, abs(published))
    assert best.program.A.tolist() == A.toarray().tolist()


def test_native_takes_over_and_leaves_what_it_cannot(monkeypatch):
    monkeypatch.setattr(often, "OFTEN", 3)
    monkeypatch.setattr(often, "_calls", {})
    data = np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([-3.0, -2.0]), np.array([[1.0, 2.0]]), None, np.array([1.0])
    assert [quadratic(*data).solver for _ in range(5)] == ["piqp"] * 3 + ["native"] * 2
    rare = {
        "nonconvex": (np.diag([1.0, -1.0]), np.ones(2), data[2], None, data[4], -1.0, 1.0),
        "infeasible": (np.eye(2), np.ones(2), np.zeros((1, 2)), np.ones(1), None),
        "unbounded": (np.diag([1.0, 0.0]), np.array([0.0, -1.0]), np.zeros((1, 2)), None, np.ones(1)),
    }
    for how, given in rare.items():
        assert quadratic(*given).how == how
    with pytest.raises(DomainError, match="not symmetric"):
        quadratic(np.array([[1.0, 2], [3, 4]]), *data[1:])
    with pytest.raises(DomainError, match="is nan"):
        quadratic(data[0], np.array([1.0, np.nan]), *data[2:])
    with pytest.raises(DomainError, match="no x satisfies"):
        quadratic(*data[:3], np.array([2.0]), np.array([1.0]))
    with pytest.raises(DomainError, match="native"):
        quadratic(np.eye(40), np.ones(40), solver="native")
    assert np.abs(quadratic(np.eye(2), np.ones(2), solver="native").x + 1).max() <= 1e-14


# -- polish, active sets, exactness -----------------------------------------------------------------------------------

POINTS, LABELS = np.array([[0, 0], [1, 2], [2, 1.0]]), np.array([-1, 1, 1.0])


def margin(points=POINTS, labels=LABELS):
    return quadratic(
        np.diag([2.0, 2, 0]), np.zeros(3), np.column_stack([points * labels[:, None], labels]), l=np.ones(len(labels))
    )


def test_three_points_exactly():
    best = margin().prove()
    assert best.verdict is Verdict.PROVED
    x, lam, z, fun = best.exact
    assert x == (Fraction(2, 3), Fraction(2, 3), -1)
    assert lam == (Fraction(-8, 9), Fraction(-4, 9), Fraction(-4, 9))  # lower sides: <= 0
    assert z == (0, 0, 0)
    assert fun == Fraction(8, 9)
    assert best.active.constraints.tolist() == [-1, -1, -1]


def test_what_is_not_optimal_is_not_proved():
    program = margin().program
    assert exact_point(program, np.array([-1, -1, -1, 0, 0, 0])) is not None
    for side in ([-1, -1, 0, 0, 0, 0], [0, -1, -1, 0, 0, 0], [0] * 6, [1, -1, -1, 0, 0, 0]):
        assert exact_point(program, np.array(side)) is None


def test_weakly_active_and_dependent_are_named():
    weak = quadratic(np.eye(2), [0.0, 0.0], [[1, 1.0]], u=[0.0])
    assert weak.weakly_active.constraints.tolist() == [True]
    assert np.abs(weak.x).max() <= 1e-15
    many = quadratic(np.eye(2), [-1.0, -1.0], [[1, 1.0], [1, 0], [0, 1]], u=[2, 1, 1.0])
    assert many.dependent.constraints.all()
    clear = quadratic(np.eye(2), [-3.0, -2.0], [[1, 1.0]], u=[1.0])
    assert not clear.dependent.constraints.any()
    assert not clear.weakly_active.constraints.any()
    twice = quadratic(np.eye(2), [1, 1.0], [[1, 2.0], [2.0, 4.0]], [3, 6], [3, 6])
    assert twice.dependent.constraints.tolist() == [True, True]
    assert "not unique" in twice.text("en")
    assert "不唯一" in twice.text("zh")


def test_multipliers_are_slopes():
    P, q, A = np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([-3.0, -2.0]), np.array([[1.0, 2.0]])
    at = lambda u: quadratic(P, q, A, u=[u]).polish()
    h = 1e-4
    assert abs((at(1 + h).fun - at(1 - h).fun) / (2 * h) + at(1.0).multipliers.constraints[0]) <= 1e-8


def test_linear_programs():
    best = quadratic(None, [-1.0, -2.0], [[1.0, 1.0]], u=[4.0], lower=0.0, upper=[3.0, 3.0])
    assert best.solver == "highs"
    assert best.x.tolist() == [1.0, 3.0]
    assert best.multipliers.constraints.tolist() == [1.0]
    assert best.multipliers.bounds.tolist() == [0.0, 1.0]
    assert quadratic(np.zeros((2, 2)), [0.0, 0.0], [[1, 1]], [1], [1]).success


def test_reports_read_well():
    best = margin()
    text = best.text("en")
    assert "optimal: f = 0.888888888" in text
    assert "duality gap" in text
    assert "multipliers: rows [-0.888888889 -0.444444444 -0.444444444], bounds [0. 0. 0.]" in text
    assert text.count("relative to its terms)") == 5
    proved = best.prove()
    lines = str(proved.text("en")).splitlines()
    assert lines[0].startswith("proved: the optimum is f = 8/9, exactly")
    assert "x = [2/3 2/3 -1]" in lines[1]
    assert "rows [-8/9 -4/9 -4/9], bounds [0 0 0]" in lines[2]
    assert "已证明：最优值精确等于 f = 8/9" in proved.text("zh")
    assert "乘子：行 [-8/9 -4/9 -4/9]" in proved.text("zh")
    assert "最优" in best.text("zh")
    assert "<pre>" in best._repr_html_()
    with pytest.raises(TypeError, match="not a truth value"):
        bool(best)


# -- bad data ---------------------------------------------------------------------------------------------------------

I2 = np.eye(2)
BAD = {
    "nan in q": ((I2, [np.nan, 1]), DomainError, r"q\[0\] is nan"),
    "inf in A": ((I2, [1, 1], [[1, INF]], [0], [1]), DomainError, r"A\[0, 1\] is inf"),
    "huge": ((I2 * 1e300, [1.0, 1]), DomainError, "at most 1e"),
    "shapes": ((I2, [1, 2, 3]), ShapeError, "P has shape"),
    "asymmetric": (([[1, 2], [3, 4]], [1, 1]), DomainError, "not symmetric"),
    "triangle": ((np.triu(np.ones((2, 2))), [1, 1]), DomainError, "triangle"),
    "crossed box": ((I2, [1, 1], None, None, None, [1, 1], [0, 2]), DomainError, r"lower\[0\] = 1.0, upper\[0\] = 0.0"),
    "crossed rows": ((I2, [1, 1], [[1, 1]], [2], [1]), DomainError, r"l\[0\] = 2.0"),
    "nan side": ((I2, [1, 1], [[1, 1]], [np.nan], [1]), DomainError, r"l\[0\] is NaN"),
    "no point": ((I2, [1, 1], [[1, 1]], [INF], [INF]), DomainError, "no x satisfies"),
    "complex": ((I2, [1, 1j]), ShapeError, "complex"),
    "text": ((I2, ["a", "b"]), ShapeError, "real numbers"),
    "objects": ((np.array([[object()]]), [1.0]), ShapeError, "real numbers"),
    "bool": ((I2, [True, False]), ShapeError, "bool"),
    "sparse bool": ((sp.csc_matrix(np.eye(2, dtype=bool)), [1.0, 1]), ShapeError, "bool"),
    "empty": ((I2, []), ShapeError, "no entries"),
    "ragged": (([[1, 2], [3]], [1, 1]), ShapeError, "ragged"),
    "sides without rows": ((I2, [1, 1], None, [1]), ShapeError, "without A"),
    "too many sides": ((I2, [1, 1], [[1, 1]], [1, 2]), ShapeError, "l has shape"),
    "matrix for q": ((I2, [[1, 1]]), ShapeError, "q has shape"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_data(name):
    args, kind, match = BAD[name]
    with pytest.raises(kind, match=match):
        quadratic(*args)


@pytest.mark.parametrize(
    ("options", "kind", "match"),
    [
        ({"r": np.nan}, DomainError, "finite"),
        ({"r": [1.0]}, ShapeError, "wanted a number"),
        ({"r": np.float64(np.inf)}, DomainError, r"r = inf;"),
        ({"solver": "x"}, DomainError, "wanted one of"),
        ({"solver": ["piqp"]}, DomainError, "wanted one of"),
        ({"tolerance": 2}, DomainError, "between 0 and 1"),
        ({"tolerance": np.float64(2)}, DomainError, r"got 2\.0"),
        ({"tolerance": np.nan}, DomainError, "got nan"),
        ({"tolerance": "1e-9"}, ShapeError, "real numbers"),
        ({"tolerance": None}, ShapeError, "real numbers"),
    ],
)
def test_bad_options(options, kind, match):
    with pytest.raises(kind, match=match):
        quadratic(I2, [1.0, 1.0], **options)


def test_highs_is_for_linear_programs():
    with pytest.raises(DomainError, match="P is not zero"):
        quadratic(I2, [1.0, 1.0], solver="highs")


def test_missing_packages(monkeypatch):
    engines.load.cache_clear()
    monkeypatch.setitem(sys.modules, "piqp", None)
    monkeypatch.setitem(sys.modules, "clarabel", None)
    try:
        with pytest.raises(CauchyError, match=r"cauchy-calculus\[optimize\]"):
            quadratic(I2, [1.0, 1.0])
        assert quadratic(None, [1.0, 1.0], lower=0.0).success
    finally:
        engines.load.cache_clear()


def test_data_are_left_alone():
    P, q, A = (
        sp.csc_matrix(([1.0, 1.0, 2.0], ([0, 0, 1], [0, 0, 1])), shape=(2, 2)),
        np.ones(2),
        sp.eye(2, format="coo"),
    )
    before = P.data.copy()
    quadratic(P, q, A, [-1, -1], [1, 1])
    assert (P.data == before).all()


# -- the rationals ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_semidefinite_exactly(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 7))
    B = rng.integers(-3, 4, (int(rng.integers(1, n + 1)), n))
    M = [[Fraction(int(v)) for v in row] for row in B.T @ B]
    assert rational.semidefinite(M) is None
    M[seed % n][seed % n] -= Fraction(int(10 * np.abs(B).max() ** 2 * n) + 1)
    v = rational.semidefinite(M)
    assert rational.dot(v, [rational.dot(row, v) for row in M]) < 0


def test_semidefinite_sees_the_last_digit():
    tiny = Fraction(1, 10**40)
    assert rational.semidefinite([[Fraction(1), Fraction(1)], [Fraction(1), 1 + tiny]]) is None
    v = rational.semidefinite([[Fraction(1), Fraction(1)], [Fraction(1), 1 - tiny]])
    assert v is not None


def test_rational_systems():
    F = Fraction
    assert rational.solve([[F(1), F(2)], [F(2), F(4)]], [F(3), F(6)]) == [3, 0]
    assert rational.solve([[F(1), F(2)], [F(2), F(4)]], [F(3), F(7)]) is None
    v = rational.kernel_point([[F(1), F(1), F(0)]], [F(5), F(2), F(9)])
    assert v[0] + v[1] == 0
    assert v[2] == 9


def test_nothing_verified_is_said():
    """P is singular but for its rounding: along its kernel f falls, as far as doubles can tell."""
    rng = np.random.default_rng(3)
    F = rng.standard_normal((8, 20)) * 1e4
    best = quadratic(F.T @ F, rng.standard_normal(20))
    assert best.how in ("uncertified", "unbounded")
    if best.how == "uncertified":
        assert not best.success
        assert best.verdict is Verdict.UNDECIDED
