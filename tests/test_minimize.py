"""Every method against known optima and its recurrence written out; a named answer wherever there is no optimum."""

import _thread
import signal
import threading

import numpy as np
import pytest
from problems import more_garbow_hillstrom
from scipy.optimize import Bounds, LinearConstraint

import cauchy
from cauchy.errors import CauchyError, DomainError, ShapeError, TraceError
from cauchy.optimize.minimize import METHODS
from cauchy.optimize.status import Status

FIRST_ORDER = ("gradient-descent", "momentum", "nesterov", "rmsprop", "adam")


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def quadratic(x):
    return 0.5 * (x[0] ** 2 + 3 * x[1] ** 2) + x[0] * x[1] - x[0] - 2 * x[1]  # minimum -3/4 at (1/2, 1/2)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_the_minimum_of_a_quadratic(method):
    settings = {"rate": 0.05} if method in FIRST_ORDER else {}
    found = cauchy.minimize(quadratic, [3.0, -2.0], method=method, max_iterations=20_000, **settings)
    loose = method == "rmsprop"  # with a fixed rate it circles the minimum at that distance
    np.testing.assert_allclose(found.x, [0.5, 0.5], atol=0.06 if loose else 1e-7)
    assert found.fun == pytest.approx(-0.75, abs=1e-2 if loose else 1e-12)
    assert loose or (found.status is Status.CONVERGED and found.success), found.message


@pytest.mark.parametrize("method", ["bfgs", "l-bfgs", "newton", "trust-region"])
@pytest.mark.parametrize("name", ["ROSENBR", "BEALE", "WOODS", "CUBE", "ENGVAL2", "BROYDN3DLS"])
def test_published_minima(method, name):
    case = more_garbow_hillstrom()[name]
    found = cauchy.minimize(case.f, case.x0, method=method)
    assert found.status is Status.CONVERGED, found.message
    assert found.fun - case.value <= 1e-12 * max(1.0, abs(case.value))


@pytest.mark.sweep
@pytest.mark.parametrize("name", more_garbow_hillstrom())
def test_all_published_minima(name):
    """By default: a certified local minimum, or no success, with a reason: BIGGS6 leads to a saddle."""
    case = more_garbow_hillstrom()[name]
    found = cauchy.minimize(case.f, case.x0)
    assert found.certificate.certified or not found.success, found
    assert found.success or found.status is not Status.CONVERGED or "\n" in found.message


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum((x[:-1] ** 2 + x[1:] ** 2) ** 2) + np.sum(3 - 4 * x[:-1]),
        lambda x: np.sum(1e-5 * (x - 1) ** 2) + (np.sum(x**2) - 0.25) ** 2,  # its Hessian has no zeros
    ],
)
def test_limited_memory_is_finished_by_newton_steps(f):
    found = cauchy.minimize(f, np.full(400, 2.0))
    assert found.run.method == "l-bfgs"
    assert found.certificate.certified, found


@pytest.mark.parametrize("n", [2, 30, 1000])
def test_large_problems_take_limited_memory(n):
    found = cauchy.minimize(rosenbrock, np.tile([-1.2, 1.0], n // 2))
    assert found.run.method == ("l-bfgs" if n > 300 else "bfgs")
    assert found.status is Status.CONVERGED, found.message
    assert found.fun < 1e-12 or n == 30  # n >= 4 has a second, local minimum near (-1, 1, ..., 1)


# -- trajectories, written out -------------------------------------------------------------------------------------


def slope(x):
    return np.array([x[0] + x[1] - 1, 3 * x[1] + x[0] - 2])


def recurrence(method, x, steps, rate, beta=0.9, decay=0.999, floor=1e-8):
    """The updates as their authors state them."""
    m, v, path = np.zeros(2), np.zeros(2), [x]
    ahead = x
    for k in range(1, steps + 1):
        if method == "gradient-descent":
            x = x - rate * slope(x)
        elif method == "momentum":
            m = beta * m - rate * slope(x)
            x = x + m
        elif method == "nesterov":  # Sutskever et al.: the gradient at x + beta m; the path shows those points
            m = beta * m - rate * slope(ahead)
            x = x + m
            ahead = x + beta * m
            path.append(ahead)
            continue
        elif method == "rmsprop":
            v = decay * v + (1 - decay) * slope(x) ** 2
            x = x - rate * slope(x) / (np.sqrt(v) + floor)
        else:
            m = beta * m + (1 - beta) * slope(x)
            v = decay * v + (1 - decay) * slope(x) ** 2
            x = x - rate * (m / (1 - beta**k)) / (np.sqrt(v / (1 - decay**k)) + floor)
        path.append(x)
    return np.array(path)


@pytest.mark.parametrize("method", FIRST_ORDER)
def test_trajectories(method):
    decay = 0.9 if method == "rmsprop" else 0.999
    found = cauchy.minimize(quadratic, [3.0, -2.0], method=method, rate=0.07, max_iterations=60, trace=True)
    expected = recurrence(method, np.array([3.0, -2.0]), 60, 0.07, decay=decay)
    np.testing.assert_allclose(found.trace.x, expected, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found.trace.fun, [quadratic(x) for x in expected], rtol=1e-9, atol=1e-12)


def test_exact_line_search_needs_one_step_on_a_parabola():
    found = cauchy.minimize(lambda x: x**2, 10.0, method="steepest-descent", line_search="exact")
    assert (found.x, found.nit) == (0.0, 1)


@pytest.mark.parametrize("search", ["armijo", "wolfe", "strong-wolfe", "exact"])
def test_every_step_of_a_line_search_falls(search):
    found = cauchy.minimize(
        rosenbrock, [-1.2, 1.0], method="steepest-descent", line_search=search, max_iterations=200, trace=True
    )
    assert np.all(np.diff(found.trace.fun) < 0)
    assert np.isfinite(found.fun)


def test_newton_is_exact_on_quadratics_and_bare_elsewhere():
    found = cauchy.minimize(lambda x: x**2, 10.0, method="newton-step", trace=True)
    assert found.trace.x.ravel().tolist() == [10.0, 0.0]
    quartic = cauchy.minimize(lambda x: x**4, 1.0, method="newton-step", trace=True, tol=0.0, max_iterations=20)
    np.testing.assert_allclose(quartic.trace.x[1:, 0] / quartic.trace.x[:-1, 0], 2 / 3, rtol=1e-12)
    away = cauchy.minimize(lambda x: np.sqrt(1 + x**2), 1.5, method="newton-step", trace=True)
    np.testing.assert_allclose(away.trace.x[1:3, 0], [-3.375, 38.443359375], rtol=1e-13)
    assert away.status in (Status.DIVERGED, Status.SINGULAR)
    assert not away.success


def test_newton_to_a_maximum_is_no_success():
    cubic = lambda x: x**3 - 2 * x**2 + 1
    assert cauchy.minimize(cubic, 1.0, method="newton-step").x == pytest.approx(4 / 3, rel=1e-12)
    top = cauchy.minimize(cubic, 0.5, method="newton-step")
    assert top.x == pytest.approx(0.0, abs=1e-12)
    assert top.status is Status.CONVERGED
    assert top.verdict is cauchy.Verdict.REFUTED
    assert not top.success


def test_ascent_is_descent_of_the_negative_bit_for_bit():
    options = {"method": "gradient-descent", "rate": 0.1, "max_iterations": 80, "trace": True}
    down = cauchy.minimize(quadratic, [3.0, -2.0], **options)
    up = cauchy.maximize(lambda x: -quadratic(x), [3.0, -2.0], **options)
    assert np.array_equal(down.trace.x, up.trace.x)
    assert up.fun == -down.fun
    np.testing.assert_array_equal(up.jac, -down.jac)


# -- named answers -----------------------------------------------------------------------------------------------

NAMED = {
    "a rate too large": (lambda x: x @ x, [-3.0, 4.0], {"method": "gradient-descent", "rate": 10.0}, Status.DIVERGED),
    "overflow": (lambda x: x[0] ** 4, [1e3], {"method": "gradient-descent", "rate": 1.0}, Status.DIVERGED),
    "NaN at the start": (lambda x: np.log(x[0]), [-1.0], {}, Status.NOT_FINITE),
    "infinity at the start": (lambda x: 1 / x[0] + x[0], [0.0], {}, Status.NOT_FINITE),
    "no lower bound": (lambda x: -(x[0] ** 3), [1.0], {}, Status.UNBOUNDED),
    "no lower bound, linear": (lambda x: x[0] - 2 * x[1], [1.0, 1.0], {"method": "bfgs"}, Status.UNBOUNDED),
    "no curvature": (lambda x: x[0] ** 2, [1.0, 1.0], {"method": "newton-step"}, Status.SINGULAR),
    "the limit": (rosenbrock, [-1.2, 1.0], {"method": "bfgs", "max_iterations": 3}, Status.LIMIT),
    "steps below rounding": (
        lambda x: x[0] ** 2,
        [1e6],
        {"method": "gradient-descent", "rate": 1e-18, "max_iterations": 9},
        Status.STALLED,
    ),
}


@pytest.mark.parametrize("name", NAMED)
def test_no_number_is_dressed_as_a_result(name):
    f, x0, options, status = NAMED[name]
    found = cauchy.minimize(f, x0, **options)
    assert found.status is status, found.message
    assert not found.success
    assert len(found.message) > 20
    assert found.describe("zh") != found.message


def test_a_rate_too_large_is_told_its_limit():
    found = cauchy.minimize(lambda x: x @ x, [-3.0, 4.0], method="gradient-descent", rate=10.0, max_iterations=100)
    assert "needs a rate below 1" in found.message


def test_a_domain_is_searched_from_inside():
    found = cauchy.minimize(lambda x: x[0] - np.log(x[0]), [1e-3])
    assert found.x[0] == pytest.approx(1.0, abs=1e-6)


BAD = {
    "rate 0": ({"method": "adam", "rate": 0.0}, DomainError, "rate=0"),
    "negative rate": ({"method": "adam", "rate": -1.0}, DomainError, "rate=-1.0"),
    "unknown setting": ({"method": "bfgs", "rat": 1.0}, CauchyError, "no setting 'rat'"),
    "unknown method": ({"method": "sgd2"}, CauchyError, "no method"),
    "line search of adam": ({"method": "adam", "line_search": "wolfe"}, CauchyError, "has no line search"),
    "limit": ({"max_iterations": 1.5}, DomainError, "max_iterations"),
    "bounds for bfgs": ({"method": "bfgs", "bounds": [(0, 1), (0, 1)]}, CauchyError, "knows no bounds"),
    "crossed bounds": ({"bounds": [(0, 1), (2, 1)]}, DomainError, "no x satisfies the bounds"),
    "NaN bounds": ({"bounds": [(0, 1), (np.nan, 1)]}, DomainError, "NaN"),
    "bounds of three": ({"bounds": [(0, 1)] * 3}, ShapeError, "2 entries"),
    "one pair for two": ({"bounds": [(0.5, 1)]}, ShapeError, "2 entries"),
    "flat bounds": ({"bounds": [0, 1]}, ShapeError, "pairs"),
    "a lower bound at infinity": ({"bounds": [(np.inf, np.inf), (None, None)]}, DomainError, "no x satisfies"),
    "a side at infinity": ({"subject_to": (lambda x: x[0], np.inf, None)}, DomainError, "constraint 0 holds nowhere"),
    "a constraint without value": ({"subject_to": (lambda x: None, 0, None)}, ShapeError, "constraint 0 .* None"),
    "a constraint that compares": ({"subject_to": (lambda x: x[0] > 1, 0, None)}, ShapeError, "constraint 0 .* bool"),
    "a callback that is none": ({"callback": 3}, CauchyError, "callback=3"),
    "epochs without batches": ({"epochs": 3}, CauchyError, "batches"),
    "a text as constraint": ({"subject_to": ["x > 0"]}, ShapeError, "constraint 0 is a str"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_options(name):
    options, error, text = BAD[name]
    with pytest.raises(error, match=text):
        cauchy.minimize(quadratic, [1.0, 1.0], **options)


@pytest.mark.parametrize(
    ("f", "x0", "error", "text"),
    [
        (quadratic, [], ShapeError, "no entries"),
        (quadratic, [np.nan, 0.0], DomainError, "not finite"),
        (quadratic, [1j, 0.0], TraceError, "complex"),
        (quadratic, ["a", "b"], TraceError, "text"),
        (lambda x: x, [1.0, 2.0], ShapeError, "one number"),
        (lambda x: None, [1.0], ShapeError, "None"),
        (lambda x: x[0] > 0, [1.0], ShapeError, "bool"),
        (3.0, [1.0], ShapeError, "function"),
    ],
)
def test_bad_questions(f, x0, error, text):
    with pytest.raises(error, match=text):
        cauchy.minimize(f, x0)


def test_a_function_that_does_not_trace_names_its_line():
    def black(x):
        return float(x[0]) ** 2

    with pytest.raises(TraceError, match=r"test_minimize.py:\d+: float\(\)"):
        cauchy.minimize(black, [1.0])
    found = cauchy.minimize(black, [1.0], jac=lambda x: 2 * x)
    assert found.x[0] == pytest.approx(0.0, abs=1e-8)


@pytest.mark.parametrize("method", ["bfgs", "gradient-descent"])
def test_a_gradient_of_the_wrong_sign_is_named(method):
    f = lambda x: float(np.sum((np.asarray(x) - 1) ** 2))
    found = cauchy.minimize(
        f,
        [3.0, 2.0],
        method=method,
        jac=lambda x: -2 * (x - 1),
        **({"rate": 0.3, "max_iterations": 30} if method == "gradient-descent" else {}),
    )
    assert found.status is Status.CONTRADICTED, found.message
    assert "cauchy.check" in found.message


def test_questions_that_differ_in_a_sign_or_a_type_have_their_own_answers():
    angle = lambda x, a: (x - np.arctan2(a, -1.0)) ** 2
    kind = lambda x, a: (x - a) ** 2 if isinstance(a, bool) else (x - a - 5) ** 2
    for f, a, x in ((angle, 0.0, np.pi), (angle, -0.0, -np.pi), (kind, True, 1.0), (kind, 1, 6.0), (kind, 1.0, 6.0)):
        assert cauchy.minimize(f, 1.0, args=(a,)).x == pytest.approx(x, abs=1e-9)


@pytest.mark.parametrize("f", [lambda x: (x[0] - 1e12) ** 2, lambda x: 1e-12 * (x[0] - 3) ** 2])
def test_by_default_the_unit_of_f_does_not_decide_when_it_ends(f):
    found = cauchy.minimize(f, [0.5])
    assert found.success, found.message
    assert found.fun <= 1e-20


def test_where_it_converged_without_success_the_message_says_why():
    found = cauchy.minimize(lambda x: 1e-300 * (x[0] - 3) ** 2, [0.5])
    assert not found.success
    assert "not a minimum" in found.message


def test_half_the_gradient_is_named_where_both_vanish():
    found = cauchy.minimize(lambda x: (x @ x - 1) ** 2, [3.0, 1.0], jac=lambda x: 2 * (x @ x - 1) * x)
    assert found.status is Status.CONTRADICTED, found.message


def test_limited_memory_by_scipys_name_takes_bounds():
    found = cauchy.minimize(quadratic, [3.0, 3.0], method="L-BFGS-B", bounds=[(1, None), (None, None)])
    assert found.certificate.certified
    np.testing.assert_allclose(found.x, [1.0, 1 / 3], atol=1e-9)


def test_constraints_that_cannot_hold():
    found = cauchy.minimize(lambda x: x[0] ** 2, [0.5], subject_to=[(lambda x: x, None, 0.0), (lambda x: x, 1.0, None)])
    assert found.status is Status.INFEASIBLE, found.message
    assert not found.success
    lam = found.estimates["witness"].constraints  # the gradients of what is violated cancel
    assert lam[0] > 0 > lam[1]
    assert lam.sum() == pytest.approx(0.0, abs=1e-6)


def test_no_lower_bound_along_a_ray():
    found = cauchy.minimize(lambda x: -x[0] - x[1], [1.0, 1.0], subject_to=(lambda x: x[0] - x[1], 0, 0))
    assert found.status is Status.UNBOUNDED, found.message
    ray = found.estimates["witness"]
    np.testing.assert_allclose(ray, np.full(2, np.sqrt(0.5)), rtol=1e-6)


def test_a_minimum_at_a_kink_is_named():
    found = cauchy.minimize(lambda x: np.abs(x[0] - 1) + x[1] ** 2, [3.0, 2.0])
    assert found.certificate.kind in ("kink", "kink_minimum", "not_stationary", "unknown", "near"), found.certificate
    assert found.x[0] == pytest.approx(1.0, abs=1e-6)


def test_a_constraint_that_does_not_trace_names_its_line():
    with pytest.raises(TraceError, match=r"test_minimize.py:\d+: float\(\)"):
        cauchy.minimize(quadratic, [1.0, 1.0], subject_to=(lambda x: float(x[0]), 0, 1))


def test_a_wrong_gradient_is_named_even_where_it_vanishes():
    f = lambda x: float(np.sum((np.asarray(x) - [1, 2]) ** 2))
    found = cauchy.minimize(f, [0.0, 0.0], jac=lambda x: 2 * x)
    assert found.status is Status.CONTRADICTED
    assert not found.success


def test_the_edge_of_a_domain_is_gone_to():
    found = cauchy.minimize(np.sqrt, 1.0, method="bfgs")
    assert found.x < 1e-8
    assert not found.success


def test_endless_descent_shows_how_far_it_came():
    found = cauchy.minimize(lambda x: x[0] - 2 * x[1], [1.0, 1.0], method="bfgs")
    assert found.fun < -1e20
    np.testing.assert_allclose(found.estimates["witness"], [-np.sqrt(0.2), np.sqrt(0.8)], rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"constraints": ()}, "subject_to"),
        ({"options": {"maxiter": 3}}, "max_iterations"),
        ({"maxiter": 3}, "max_iterations"),
        ({"lr": 0.1}, "rate"),
        ({"subject_to": quadratic}, "between which values"),
        ({"subject_to": LinearConstraint(np.ones((1, 3)), 0, 1)}, "one column for each"),
    ],
)
def test_other_names_are_told_ours(options, text):
    with pytest.raises(CauchyError, match=text):
        cauchy.minimize(quadratic, [1.0, 1.0], **options)


def test_scipys_method_names_and_a_lone_argument():
    disk = (lambda x: x @ x, None, 1)
    assert cauchy.minimize(quadratic, [0.0, 0.0], method="SLSQP", subject_to=disk).run.method == "interior-point"
    assert cauchy.minimize(lambda x, a: (x - a) ** 2, 0.0, 3.0).x == pytest.approx(3.0)


def test_a_maximum_says_what_is_minimized():
    assert "minimization of -f" in str(cauchy.maximize(lambda x: -quadratic(x), [1.0, 0.0]))


# -- watching a run ------------------------------------------------------------------------------------------------


def test_callbacks_of_both_kinds():
    seen, values = [], []

    def with_result(intermediate_result):
        values.append(intermediate_result.fun)
        if intermediate_result.nit == 4:
            raise StopIteration

    cauchy.minimize(rosenbrock, [-1.2, 1.0], method="bfgs", callback=seen.append)
    stopped = cauchy.minimize(rosenbrock, [-1.2, 1.0], method="bfgs", callback=with_result)
    assert stopped.status is Status.STOPPED
    assert len(values) == 5
    np.testing.assert_allclose(values, [rosenbrock(x) for x in seen[:5]], rtol=1e-12)
    assert seen[0].tolist() == [-1.2, 1.0]


def test_a_watched_run_is_the_run():
    plain = cauchy.minimize(rosenbrock, [-1.2, 1.0], method="bfgs")
    watched = cauchy.minimize(rosenbrock, [-1.2, 1.0], method="bfgs", trace=True)
    assert np.array_equal(plain.x, watched.x)
    assert len(watched.trace) == plain.nit + 1


def test_interrupt_returns_the_point_reached():
    endless = {"method": "gradient-descent", "rate": 1e-12, "tol": 0.0}
    cauchy.minimize(rosenbrock, [-1.2, 1.0], **endless, max_iterations=5000)  # compiles
    # a process that a shell started in the background ignores interrupts
    kept = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        threading.Timer(0.5, _thread.interrupt_main).start()
        found = cauchy.minimize(rosenbrock, [-1.2, 1.0], **endless, max_iterations=10**9)
    finally:
        signal.signal(signal.SIGINT, kept)
    assert found.status is Status.INTERRUPTED
    assert 1000 < found.nit < 10**9
    assert found.fun < rosenbrock(np.array([-1.2, 1.0]))


def test_progress_is_written_to_stderr(capsys):
    cauchy.minimize(quadratic, [1.0, 1.0], method="gradient-descent", rate=0.01, max_iterations=50, progress=True)
    text = capsys.readouterr().err
    assert "50 iterations" in text
    assert text.endswith("s\n")


# -- structures, data, batches -----------------------------------------------------------------------------------------


def test_structures():
    number = cauchy.minimize(lambda t: (t - 2) ** 2, 0.0)
    assert np.ndim(number.x) == 0
    assert number.x == pytest.approx(2.0)
    tree = cauchy.minimize(lambda p: np.sum((p["W"] - 1) ** 2) + (p["b"] + 3) ** 2, {"W": np.zeros((2, 2)), "b": 0.0})
    np.testing.assert_allclose(tree.x["W"], np.ones((2, 2)), atol=1e-8)
    assert tree.x["b"] == pytest.approx(-3.0)
    start = np.array([3.0, -2.0])
    cauchy.minimize(quadratic, start)
    assert start.tolist() == [3.0, -2.0], "x0 is not written to"


def test_scipys_names():
    found = cauchy.minimize(quadratic, [3.0, -2.0], bounds=Bounds([-10, -10], [10, 10]))
    for name in found.keys():  # noqa: SIM118 - the result is no mapping, but says what it can be asked for
        assert found[name] is not None
    assert found.success
    assert found["success"]
    assert found.status == 0
    with pytest.raises(KeyError):
        found["hess_inv"]
    with pytest.raises(TypeError, match="ask"):
        bool(found)


def test_args_are_read_as_they_are_now():
    data = np.array([1.0, 2.0, 3.0])
    mean = lambda m, a: np.sum((a - m) ** 2)
    assert cauchy.minimize(mean, 0.0, (data,)).x == pytest.approx(2.0)
    data[:] = 10.0
    assert cauchy.minimize(mean, 0.0, (data,)).x == pytest.approx(10.0)


def regression(rows):
    rng = np.random.default_rng(0)
    a = rng.normal(size=(rows, 3))
    return a, a @ np.array([1.0, 2.0, 3.0]) + 0.1 * rng.normal(size=rows)


def squares(w, a, b):
    return np.mean((a @ w - b) ** 2) / 2


@pytest.mark.parametrize("method", FIRST_ORDER)
def test_one_batch_of_all_rows_is_the_full_gradient(method):
    a, b = regression(24)
    full = cauchy.minimize(squares, np.zeros(3), (a, b), method=method, rate=0.05, max_iterations=7)
    batch = cauchy.minimize(squares, np.zeros(3), (a, b), method=method, rate=0.05, batch_size=24, epochs=7, seed=0)
    np.testing.assert_allclose(batch.x, full.x, rtol=1e-12)


@pytest.mark.parametrize(("rows", "size"), [(24, 8), (25, 8), (10, 1), (7, 7), (9, 5)])
def test_an_epoch_written_out(rows, size):
    a, b = regression(rows)
    rate, w = 0.05, np.zeros(3)
    draw = np.random.default_rng(3)
    for _ in range(2):
        order = draw.permutation(rows)
        for at in range(0, rows, size):
            part = order[at : at + size]
            gradient = a[part].T @ (a[part] @ w - b[part]) / len(part)
            w = w - rate * gradient * len(part) / size
    found = cauchy.minimize(
        squares, np.zeros(3), (a, b), method="gradient-descent", rate=rate, batch_size=size, epochs=2, seed=3
    )
    np.testing.assert_allclose(found.x, w, rtol=1e-12)
    assert found.nfev == 2 * -(-rows // size)


def test_batches_need_data_and_a_size():
    a, b = regression(8)
    with pytest.raises(ShapeError, match="without data"):
        cauchy.minimize(quadratic, [1.0, 1.0], method="adam", batch_size=2)
    for size in (0, 9, 1.5, True):
        with pytest.raises(DomainError, match="batch_size"):
            cauchy.minimize(squares, np.zeros(3), (a, b), method="adam", batch_size=size)
    with pytest.raises(CauchyError, match="takes no batches"):
        cauchy.minimize(squares, np.zeros(3), (a, b), method="bfgs", batch_size=2)
