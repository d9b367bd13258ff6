"""Lagrange multipliers: the system, its points and what they are; what a multiplier is worth; proofs in fractions."""

from fractions import Fraction

import numpy as np
import pytest
from problems import hock_schittkowski

import cauchy
from cauchy import CauchyError, DomainError, ShapeError, Verdict, minimize
from cauchy.optimize.certificate import certify
from cauchy.optimize.certificate.polish import polish
from cauchy.optimize.certificate.prove import prove_optimum
from cauchy.optimize.lagrange import lagrange, sensitivity
from cauchy.optimize.lagrange.stationary import Solver
from cauchy.optimize.problem import problem

SQUARE = lambda x: x[0] ** 2 + x[1] ** 2
LINE = (lambda x: x[0] + x[1], 1, 1)


def separate(points: list[tuple[tuple[int, int], int]]) -> list[tuple[object, float, float]]:
    """Points with their class: the constraints of the widest margin."""
    return [(lambda w, p=p, s=s: s * (w[0] * p[0] + w[1] * p[1] + w[2]), 1, np.inf) for p, s in points]


THREE = separate([((0, 0), -1), ((1, 2), 1), ((2, 1), 1)])
SIX = separate([((-1, -1), -1), ((-3, -1), -1), ((0, 0), -1), ((3, 3), 1), ((1, 2), 1), ((2, 1), 1)])


def test_the_classic() -> None:
    r = lagrange(SQUARE, [1.0, 0.0], subject_to=LINE)
    assert r.verdict is Verdict.PROVED
    assert r.complete
    (p,) = r.points
    assert (p.exact, p.kind) == (("1/2", "1/2", "-1"), "minimum")
    assert p.multipliers.constraints.tolist() == [-1.0]
    assert p.saddle_of_lagrangian
    assert r.minimum is p
    assert r.equations == (r"\lambda + 2 x_{0}", r"\lambda + 2 x_{1}", "x_{0} + x_{1} - 1")
    assert r._repr_latex_().startswith("$")
    assert "saddle point of L" in str(r)
    assert "鞍点" in r.text("zh")


def test_hessian_of_the_lagrangian() -> None:
    """L = x^2 + lam (x - 1): [[2, 1], [1, 0]]."""
    (p,) = lagrange(lambda x: x**2, 1.0, subject_to=(lambda x: x, 1, 1)).points
    assert p.eigenvalues == pytest.approx([1 - np.sqrt(2), 1 + np.sqrt(2)], rel=1e-14)
    assert p.saddle_of_lagrangian


def test_minima_maxima_and_saddles_on_a_circle() -> None:
    """x + y^2 on x^2 + y^2 = 2: with x = sqrt(2) cos t the second derivative in t tells the kinds."""
    r = lagrange(lambda x: x[0] + x[1] ** 2, [1.0, 0.5], subject_to=(lambda x: x @ x, 2, 2), seconds=60)
    assert r.complete
    kinds = {tuple(np.round(p.x, 9) + 0.0): p.kind for p in r.points}
    s = round(np.sqrt(2), 9)
    y = round(np.sqrt(7) / 2, 9)
    assert kinds == {(-s, 0.0): "minimum", (s, 0.0): "minimum", (0.5, y): "maximum", (0.5, -y): "maximum"}
    assert {p.exact[1] for p in r.points if p.kind == "maximum"} == {"sqrt(7)/2", "-sqrt(7)/2"}


def test_saddle_on_a_sphere() -> None:
    """x^2 + 2 y^2 + 3 z^2 on the unit sphere: the axes, with eigenvalues as values."""
    r = lagrange(
        lambda x: x @ (np.array([1.0, 2.0, 3.0]) * x), [1.0, 0.1, 0.2], subject_to=(lambda x: x @ x, 1, 1), seconds=60
    )
    assert r.complete
    assert [(p.kind, round(p.fun, 12)) for p in r.points] == [
        (k, v) for k, v in (("minimum", 1), ("saddle", 2), ("maximum", 3)) for _ in "+-"
    ]
    assert all(p.multipliers.constraints[0] == pytest.approx(-p.fun, rel=1e-12) for p in r.points)


def test_without_a_polynomial() -> None:
    r = lagrange(lambda x: np.exp(x[0]) + x[1] ** 2, [1.0, 0.5], subject_to=(lambda x: x @ x, 2, 2))
    assert r.verdict is Verdict.UNDECIDED
    assert not r.complete
    assert [p.kind for p in r.points] == ["minimum", "maximum"]
    for p in r.points:
        lam = p.multipliers.constraints[0]
        assert abs(np.exp(p.x[0]) + 2 * lam * p.x[0]) < 1e-12
        assert abs(2 * p.x[1] * (1 + lam)) < 1e-12
    assert "may be others" in str(r)


def test_all_partials_zero_has_no_solution() -> None:
    """Six points: nine equations contradict each other; with complementary slackness there is the widest margin."""
    f = lambda w: w[0] ** 2 + w[1] ** 2
    all_nine = lagrange(f, np.ones(3), subject_to=SIX, active="all")
    assert len(all_nine.equations) == 9
    assert (all_nine.points, all_nine.verdict) == ((), Verdict.PROVED)
    assert "no real solution" in str(all_nine)
    found = lagrange(f, np.ones(3), subject_to=SIX).minimum
    assert found is not None
    assert found.exact == ("2/3", "2/3", "-1", "-8/9", "-4/9", "-4/9")
    assert found.active == (("c", 2), ("c", 4), ("c", 5))
    chosen = lagrange(f, np.ones(3), subject_to=SIX, active=[2, 4, 5])
    assert chosen.points[0].exact == found.exact


def test_systems_without_or_with_endless_solutions() -> None:
    sphere = (lambda x: x @ x, -1, -1)
    none = lagrange(lambda x: x[0] + x[1], [1.0, 1.0], subject_to=sphere, seconds=60)
    assert (none.points, none.complete) == ((), True)
    endless = lagrange(SQUARE, [1.0, 1.0], subject_to=(lambda x: x @ x, 1, 1), starts=3, seconds=60)
    assert not endless.complete
    assert all(p.kind == "degenerate" for p in endless.points)


def test_lagrange_input() -> None:
    with pytest.raises(CauchyError, match="active"):
        lagrange(SQUARE, [1.0, 0.0], subject_to=LINE, active=[3])
    with pytest.raises(CauchyError, match="two sides"):
        lagrange(SQUARE, [1.0, 0.0], subject_to=(lambda x: x[0], 0, 1), active="all")
    with pytest.raises(CauchyError, match="too many"):
        lagrange(lambda x: x @ x, np.ones(20), bounds=[(0, 1)] * 20)
    with pytest.raises(ShapeError, match="own x0, bounds"):
        lagrange(problem(SQUARE, [1.0, 1.0]), subject_to=LINE)
    assert lagrange(problem(SQUARE, [1.0, 1.0])).points[0].x.tolist() == [0.0, 0.0]


def test_a_late_answer_is_none() -> None:
    with Solver(0.0) as solver:
        assert solver.solve([[((3,), Fraction(1)), ((0,), Fraction(-2))]]).how == "unsolved"


# -- sensitivity -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["HS71", "HS43", "HS66", "HS21", "HS11", "HS60", "HS35"])
def test_slopes_against_solving_again(name: str) -> None:
    case = hock_schittkowski()[name]
    p = case.problem
    x, _ = polish(p, case.x)
    s = sensitivity(p, x)
    h = 1e-4
    for part, (low, high), slopes, moves, active in (
        ("c", (p.cl, p.cu), s.value_in_constraints, s.x_in_constraints, s.certificate.active),
        ("x", (p.lower, p.upper), s.value_in_bounds, s.x_in_bounds, s.certificate.active_bounds),
    ):
        reach = s.range_constraints if part == "c" else s.range_bounds
        for i in active:
            values, points = [], []
            assert reach[i, 0] < 0 < reach[i, 1]
            for step in (h, -h):
                kept = low[i], high[i]
                at = p.constraints(x)[i] if part == "c" else x[i]
                for side in (low, high):
                    side[i] += step * (abs(side[i] - at) < 1e-9)
                moved, _ = polish(p, x)
                assert certify(p, moved).certified
                values.append(p.value(moved))
                points.append(moved)
                low[i], high[i] = kept
            scale = max(1.0, abs(slopes[i]))
            assert (values[0] - values[1]) / (2 * h) == pytest.approx(slopes[i], rel=1e-5, abs=1e-6 * scale)
            assert (points[0] - points[1]) / (2 * h) == pytest.approx(moves[:, i], rel=1e-4, abs=1e-5)


def test_slopes_in_a_parameter() -> None:
    f = lambda x, p: (x[0] - p[0]) ** 2 + (x[1] - 2 * p[1]) ** 2 + x[0] * x[1]
    rows = lambda x, p: np.array([x[0] + x[1] ** 2 * p[0]])
    at = np.array([0.7, 0.4])

    def solved(q: np.ndarray) -> tuple[np.ndarray, float, float, object]:
        made = problem(lambda x: f(x, q), [0.5, 0.5], subject_to=(lambda x: rows(x, q), 1, 1))
        x = np.array([0.5, 0.8])
        for _ in range(3):
            x, m = polish(made, x)
        assert certify(made, x).certified
        return x, made.value(x), m.constraints[0], made

    x, _, _, made = solved(at)
    s = sensitivity(made, x, parameter=at, f=f, rows=rows)  # type: ignore[arg-type]
    assert s.value_in_parameter is not None
    assert s.x_in_parameter is not None
    assert s.multipliers_in_parameter is not None
    for i in range(2):
        step = 1e-5 * np.eye(2)[i]
        (xp, vp, lp, _), (xm, vm, lm, _) = solved(at + step), solved(at - step)
        assert s.value_in_parameter[i] == pytest.approx((vp - vm) / 2e-5, rel=1e-6)
        assert s.x_in_parameter[:, i] == pytest.approx((xp - xm) / 2e-5, rel=1e-5)
        assert s.multipliers_in_parameter[0, i] == pytest.approx((lp - lm) / 2e-5, rel=1e-5)
    assert "parameter" in str(s)


def test_range_of_the_slopes() -> None:
    """min x^2 + y^2, x + y >= b, x <= 0.75: from b = 1 the slope holds up to b = 1.5, and down to 0."""
    p = problem(SQUARE, [0.5, 0.5], bounds=[(None, 0.75), (None, None)], subject_to=(lambda x: x[0] + x[1], 1, np.inf))
    s = sensitivity(p, [0.5, 0.5])
    assert s.range_constraints[0] == pytest.approx([-1.0, 0.5])
    assert s.range_bounds[0] == pytest.approx([-0.25, np.inf])
    assert s.value_in_constraints[0] == pytest.approx(1.0)
    assert "c[0]" in str(s)
    assert s.text("zh")


def test_slopes_of_a_result_a_problem_and_a_function_are_the_same() -> None:
    row = (lambda x: x[0] + 3 * x[1], 1, np.inf)
    result = minimize(SQUARE, [1.0, 0.0], subject_to=row)
    made = problem(SQUARE, [1.0, 0.0], subject_to=row)
    for s in (sensitivity(result), sensitivity(made, result), sensitivity(SQUARE, result.x, subject_to=row)):
        assert s.value_in_constraints == pytest.approx([0.2], rel=1e-9)  # the value is b^2 / 10
        assert s.x_in_constraints.ravel() == pytest.approx([0.1, 0.3], rel=1e-9)
    with pytest.raises(ShapeError, match="x is missing"):
        sensitivity(made)
    with pytest.raises(ShapeError, match="own x0, bounds"):
        sensitivity(made, result, subject_to=row)


def test_slopes_that_do_not_exist() -> None:
    weak = problem(lambda x: x[0] ** 2, [0.0], bounds=[(0, None)])
    with pytest.raises(CauchyError, match="multiplier 0"):
        sensitivity(weak, [0.0])
    with pytest.raises(CauchyError, match="not certified"):
        sensitivity(problem(SQUARE, [1.0, 1.0]), [1.0, 1.0])
    twice = problem(SQUARE, [1.0, 1.0], subject_to=[LINE, LINE])
    with pytest.raises(CauchyError, match="depend"):
        sensitivity(twice, [0.5, 0.5])


# -- proofs ----------------------------------------------------------------------------------------------------------


def test_widest_margin_in_fractions() -> None:
    f = lambda w: w[0] ** 2 + w[1] ** 2
    for rows, at in ((THREE, [0, 1, 2]), (SIX, [2, 4, 5])):
        c = prove_optimum(f, [Fraction(2, 3), "2/3", -1], subject_to=rows)
        assert (c.verdict, c.scope, c.certified) == (Verdict.PROVED, "global", True)
        assert c.exact is not None
        assert c.exact.fun == Fraction(8, 9)
        assert [-c.exact.constraints[i] for i in at] == [Fraction(8, 9), Fraction(4, 9), Fraction(4, 9)]
        assert c.exact[4:] == (0, 0, 0, 0)
        assert c.require() is c
        assert (
            prove_optimum(f, [0.6666666666666666, 0.6666666666666667, -1.0], subject_to=rows).verdict is Verdict.PROVED
        )


def test_proofs_of_local_minima_and_their_limits() -> None:
    rosenbrock = lambda x: 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2
    c = prove_optimum(rosenbrock, [1, 1])
    assert (c.verdict, c.scope) == (Verdict.PROVED, "local")
    for f, x in (
        (lambda x: x[0] ** 4 + x[1] ** 2, [0, 0]),  # semidefinite
        (lambda x: np.exp(x[0]) - x[0] + x[1] ** 2, [0, 0]),  # no rational function
        (lambda x: np.abs(x[0]) ** 3 + x[1] ** 2, [0, 0]),
        (lambda x: (x[0] ** 2 - 2) ** 2 + x[1] ** 2, [np.sqrt(2), 0.0]),  # the minimum is not rational
    ):
        assert prove_optimum(f, x).verdict is Verdict.UNDECIDED
    saddle = prove_optimum(lambda x: x[0] ** 2 - x[1] ** 2, [0, 0])
    assert (saddle.verdict, saddle.kind) == (Verdict.REFUTED, "saddle")
    assert prove_optimum(rosenbrock, [1, Fraction(10**6 - 1, 10**6)]).verdict is Verdict.REFUTED
    wrong = prove_optimum(lambda x: x[0] ** 2, [1], subject_to=(lambda x: x[0], None, 1))
    assert wrong.verdict is Verdict.REFUTED
    assert wrong.proof is not None
    assert "wrong sign" in wrong.proof.statement
    assert prove_optimum(SQUARE, ["1/3", "1/3"], subject_to=LINE).kind == "infeasible"


CANCELLED = {  # what formulas cancel, and where f has no value
    "exp(log)": (lambda x: np.exp(np.log(x[0])) ** 2 + 2 * x[0], -1),
    "sin(arcsin)": (lambda x: np.sin(np.arcsin(x[0])) ** 2 - 4 * x[0], 2),
    "0 log": (lambda x: 0 * np.log(x[0]) + x[0] ** 2 + 2 * x[0], -1),
    "x^3/x": (lambda x: x[0] ** 3 / x[0], 0),
    "1/x - 1/x": (lambda x: 1 / x[0] - 1 / x[0] + x[0] ** 2, 0),
    "a power": (lambda x: x[0] ** -2 * x[0] ** 4, 0),
    "written": (lambda x: (x[0] - 0.1) ** 3 / (x[0] - 0.1), "1/10"),
}


@pytest.mark.parametrize("name", CANCELLED)
def test_no_proof_where_there_is_no_value(name: str) -> None:
    f, x = CANCELLED[name]
    at = Fraction(x)
    with np.errstate(all="ignore"):
        assert at.denominator > 1 or not np.isfinite(f(np.array([float(at)])))
    assert prove_optimum(f, [x]).verdict is not Verdict.PROVED
    row = prove_optimum(lambda x: x[0] ** 2 - 2 * float(at) * x[0], [x], subject_to=(f, None, 100))
    assert row.verdict is not Verdict.PROVED


def test_no_proof_against_a_minimum_at_the_end_of_the_domain() -> None:
    root = lambda x: np.sqrt(x[0]) ** 2
    assert (root(np.linspace(0, 1, 101)[:, None].T) >= root(np.zeros(1))).all()
    assert prove_optimum(root, [0]).verdict is Verdict.UNDECIDED


def test_a_hole_elsewhere_keeps_a_proof_local() -> None:
    for f, x, bounds in (
        (lambda x: x[0] ** 3 / x[0], 1, [(1, None)]),
        (lambda x: (x[0] ** 3 - x[0] ** 2) / x[0], "1/2", None),
    ):
        c = prove_optimum(f, [x], bounds=bounds)
        assert (c.verdict, c.scope) == (Verdict.PROVED, "local")


def test_a_proof_names_the_point_that_was_given() -> None:
    c = prove_optimum(lambda x: x[0] ** 2, [1e-10])
    assert c.proof is not None
    assert (c.x.tolist(), c.verdict) == ([0.0], Verdict.PROVED)
    for text in ("x = (0)", "(1e-10)", "1e-10 away"):
        assert text in c.proof.statement
    same = prove_optimum(lambda x: (x[0] - 0.1) ** 2, [0.1])
    assert same.proof is not None
    assert "away" not in same.proof.statement


def test_decimals_mean_what_is_written() -> None:
    c = prove_optimum(lambda x: (x[0] - 0.1) ** 2, ["1/10"])
    assert c.verdict is Verdict.PROVED
    tenth = prove_optimum(lambda x: x[0] ** 2, [0.1], bounds=[(0.1, None)])
    assert tenth.verdict is Verdict.PROVED
    assert tenth.exact is not None
    assert tenth.exact.bounds == (Fraction(-1, 5),)


def test_hs13_has_no_proof() -> None:
    f = lambda x: (x[0] - 2) ** 2 + x[1] ** 2
    c = prove_optimum(f, [1, 0], bounds=[(0, None)] * 2, subject_to=(lambda x: (1 - x[0]) ** 3 - x[1], 0, np.inf))
    assert (c.verdict, c.kind) == (Verdict.UNDECIDED, "qualification")


def test_dependent_gradients_are_proved_on_a_support() -> None:
    """Three constraints through one corner of the plane: multipliers are not unique, and x is."""
    rows = [(lambda x: x[0], 0, np.inf), (lambda x: x[1], 0, np.inf), (lambda x: x[0] + x[1], 0, np.inf)]
    c = prove_optimum(lambda x: x[0] + 2 * x[1], [0, 0], subject_to=rows)
    assert (c.verdict, c.scope, c.independent) == (Verdict.PROVED, "global", False)


@pytest.mark.parametrize("x", [["a"], [np.nan], [np.inf], [None], [1j]])
def test_bad_points(x: list[object]) -> None:
    with pytest.raises(DomainError, match="rational"):
        prove_optimum(lambda x: x[0] ** 2, x)


def test_public() -> None:
    assert cauchy.lagrange is lagrange
    assert cauchy.sensitivity is sensitivity
