"""Networks: losses and gradients against closed forms and differences, updates against formulas written out here,
whole trainings against scikit-learn's, and what a fit says of itself."""

import warnings
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit

from cauchy import figure
from cauchy.calculus.differentiate import grad, hessian
from cauchy.errors import CauchyError, DomainError, ShapeError
from cauchy.proof import Verdict

pytest.importorskip("sklearn")

from sklearn.datasets import load_iris, make_circles
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier as TheirClassifier
from sklearn.neural_network import MLPRegressor as TheirRegressor
from sklearn.utils.estimator_checks import check_estimator

from cauchy.learn import MLPClassifier, MLPRegressor, load
from cauchy.learn.mlp import curvature, network, training, update
from cauchy.learn.mlp.network import Net
from cauchy.learn.mlp.program import Program
from cauchy.tour.statement import every_glyph

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def circles(n: int = 200) -> Any:
    return make_circles(n, factor=0.5, noise=0.1, random_state=0)


def iris() -> Any:
    return load_iris(return_X_y=True)


# -- the objective's gradient ----------------------------------------------------------------------------------------


def plan_of(net, *, rule="sgd", batch=1, batches=1, alpha=False, l1=False, schedule="constant", held="", chunk=8):
    constants = tuple((name, NUMBERS[name]) for name in update.CONSTANTS.get(rule, ()))
    return training.Plan(net, rule, batch, batches, batches > 1, alpha, l1, schedule, held, chunk, constants)


NUMBERS = {"momentum": 0.9, "beta_1": 0.9, "beta_2": 0.999, "rho": 0.9, "epsilon": 1e-8, "alpha": 0.3, "l1": 0.2}
NUMBERS |= {"tol": 0.0, "patience": np.inf, "power_t": 0.5, "rate": 0.1}


@pytest.mark.parametrize("output", ["logistic", "softmax", "identity", "exp"])
@pytest.mark.parametrize("hidden", [("tanh", "logistic"), ("relu",), ()])
def test_gradient_against_central_differences(hidden, output):
    rng = np.random.default_rng(3)
    net = Net((3, *[5, 4][: len(hidden)], 3), hidden, output, (0.0,) * len(hidden))
    theta = rng.normal(size=net.size) / 2
    X, w = rng.normal(size=(7, 3)), rng.uniform(0.5, 2, 7)
    Y = np.eye(3)[rng.integers(0, 3, 7)]
    h = {k: np.float64(v) for k, v in NUMBERS.items()}
    f = lambda t: training.objective(plan_of(net, alpha=True, l1=True))(t, X, Y, w, None, h)
    slope, eps = grad(f)(theta), 1e-6
    for i in range(net.size):
        e = np.eye(net.size)[i] * eps
        assert slope[i] == pytest.approx((f(theta + e) - f(theta - e)) / (2 * eps), rel=1e-6, abs=1e-8)


def test_batches_of_an_equal_partition_average_to_the_whole():
    rng = np.random.default_rng(0)
    net = Net((2, 4, 1), ("tanh",), "logistic", (0.0,))
    theta, X, Y = rng.normal(size=net.size), rng.normal(size=(12, 2)), rng.integers(0, 2, (12, 1)).astype(float)
    slope = lambda rows: grad(lambda t: net.loss(t, X[rows], Y[rows]))(theta)
    whole = slope(slice(None))
    for size in (1, 3, 4):
        parts = [slope(slice(i, i + size)) for i in range(0, 12, size)]
        assert np.mean(parts, axis=0) == pytest.approx(whole, abs=1e-15)
    ragged = [slope(slice(0, 5)), slope(slice(5, 10)), slope(slice(10, 12))]
    assert np.average(ragged, axis=0, weights=[5, 5, 2]) == pytest.approx(whole, abs=1e-15)
    assert np.abs(np.mean(ragged, axis=0) - whole).max() > 1e-4


def test_same_loss_as_scikit_learn_at_the_same_weights():
    X, y = iris()
    options: Any = {"alpha": 0.5, "max_iter": 1, "learning_rate_init": 1e-300, "batch_size": 150}
    theirs = TheirClassifier((7,), **options).fit(X, y)
    net = Net((4, 7, 3), ("relu",), "softmax", (0.0,))
    theta = net.pack(theirs.coefs_, theirs.intercepts_)
    h = {k: np.float64(v) for k, v in NUMBERS.items()} | {"alpha": np.float64(0.5)}
    ours = training.objective(plan_of(net, alpha=True))(theta, X, np.eye(3)[y], None, None, h)
    assert ours == pytest.approx(theirs.loss_, rel=1e-13)


# -- updates ---------------------------------------------------------------------------------------------------------


def torch_formulas(rule, theta, gradients, rate):
    """The updates as torch.optim documents them, three steps, written out."""
    buffer = first = second = np.zeros_like(theta)
    for t, g in enumerate(gradients, 1):
        if rule == "sgd":
            theta = theta - rate * g
        elif rule == "momentum":
            buffer = 0.9 * buffer + g
            theta = theta - rate * buffer
        elif rule == "nesterov":
            buffer = 0.9 * buffer + g
            theta = theta - rate * (g + 0.9 * buffer)
        elif rule == "rmsprop":
            second = 0.9 * second + 0.1 * g**2
            theta = theta - rate * g / (np.sqrt(second) + 1e-8)
        else:
            first, second = 0.9 * first + 0.1 * g, 0.999 * second + 0.001 * g**2
            theta = theta - rate * (first / (1 - 0.9**t)) / (np.sqrt(second / (1 - 0.999**t)) + 1e-8)
    return theta


@pytest.mark.parametrize("rule", update.RULES)
def test_updates_against_torchs_formulas(rule):
    rng = np.random.default_rng(1)
    start, gradients = rng.normal(size=6), rng.normal(size=(3, 6)) * 10.0 ** rng.integers(-9, 3, (3, 6))
    theta, slots = start, update.slots(rule, start)
    h = {k: np.float64(v) for k, v in NUMBERS.items()}
    for g in gradients:
        theta, slots = update.RULES[rule](theta, slots, g, np.float64(0.01), h)
    assert theta == pytest.approx(torch_formulas(rule, start, gradients, 0.01), rel=1e-13)


def same_start(theirs, ours, X, y):
    """Both at the same weights, theirs drawn by a fit that does not move."""
    theirs.set_params(learning_rate_init=1e-300, max_iter=1).fit(X, y)
    ours.fit(X, y)
    ours.coefs_ = [w.copy() for w in theirs.coefs_]
    ours.intercepts_ = [b.copy() for b in theirs.intercepts_]


@pytest.mark.parametrize(
    "options",
    [
        {"momentum": 0.0},
        {"nesterovs_momentum": False, "learning_rate": "invscaling", "power_t": 0.1},
        {"learning_rate": "adaptive", "tol": 0.02, "n_iter_no_change": 2},
        {"alpha": 3.0, "activation": "tanh", "n_iter_no_change": 3, "tol": 1e-3},
    ],
    ids=lambda o: "-".join(map(str, o)),
)
def test_trainings_end_where_scikit_learns_do(options):
    X, y = iris()
    both = {"solver": "sgd", "shuffle": False, "warm_start": True, "batch_size": 40, "random_state": 0, **options}
    theirs, ours = TheirClassifier((6,), **both), MLPClassifier((6,), max_iter=1, **both)
    same_start(theirs, ours, X, y)
    theirs.set_params(learning_rate_init=0.02, max_iter=60).fit(X, y)
    ours.set_params(learning_rate_init=0.02, max_iter=60).fit(X, y)
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.loss_curve_ == pytest.approx(theirs.loss_curve_[-ours.n_iter_ :], rel=1e-10)
    for a, b in zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True):
        assert a == pytest.approx(b, rel=1e-8, abs=1e-10)
    assert ours.score(X, y) == theirs.score(X, y)


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_regressions_end_where_scikit_learns_do(loss):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 3))
    y, w = rng.poisson(np.exp(X[:, 0])).astype(float), rng.uniform(0.5, 2.0, 90)
    both = {"loss": loss, "solver": "sgd", "shuffle": False, "warm_start": True, "batch_size": 90, "random_state": 0}
    theirs = TheirRegressor(hidden_layer_sizes=(5,), **both)
    ours = MLPRegressor(hidden_layer_sizes=(5,), max_iter=1, **both)
    same_start(theirs, ours, X, y)
    for model in (theirs, ours):
        model.set_params(learning_rate_init=0.01, max_iter=30).fit(X, y, sample_weight=w)
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=1e-12)
    assert ours.predict(X) == pytest.approx(theirs.predict(X), rel=1e-10)


def test_adam_with_shuffled_batches_learns_what_scikit_learns_does():
    X, y = circles(300)
    ours = MLPClassifier((16,), learning_rate_init=0.01, random_state=0).fit(X, y)
    theirs = TheirClassifier((16,), learning_rate_init=0.01, random_state=0).fit(X, y)
    assert abs(ours.score(X, y) - theirs.score(X, y)) < 0.02


# -- the compiled loop -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{"batch_size": 70, "dropout": 0.3}, {"solver": "rmsprop", "l1": 0.1}, {}])
def test_machine_code_and_numpy_agree(options):
    X, y = circles()
    made = [
        MLPClassifier((8,), max_iter=12, random_state=1, backend=backend, **options).fit(X, y)
        for backend in ("native", "value")
    ]
    assert made[0].loss_curve_ == pytest.approx(made[1].loss_curve_, rel=1e-9)
    assert made[0].predict_proba(X) == pytest.approx(made[1].predict_proba(X), rel=1e-7)


def test_one_seed_one_network_however_the_epochs_fall_into_chunks(monkeypatch):
    X, y = circles()
    fit = lambda seed: (
        MLPClassifier((8,), batch_size=64, dropout=0.2, max_iter=9, random_state=seed).fit(X, y).coefs_[0]
    )
    first = fit(5)
    monkeypatch.setattr(training, "LONGEST", 2)
    assert np.array_equal(first, fit(5))
    assert not np.array_equal(first, fit(6))


def test_early_stopping_keeps_the_best_epoch():
    net = Net((2, 8, 1), ("tanh",), "logistic", (0.0,))
    (X, y), theta = circles(), net.initial(np.random.RandomState(0), "glorot", 0.0)
    held = (X[:60], y[:60, None] * 1.0, np.ones(60))
    plan = plan_of(net, rule="adam", batch=140, held="accuracy", chunk=32)
    begin = training.State(theta, update.slots("adam", theta), {})
    data, h = (X[60:], y[60:, None] * 1.0, None), NUMBERS | {"patience": 5.0}
    after = training.train(plan, begin, data, held, h, np.random.RandomState(0), longest=300, native=False, rate=0.05)
    scores = after.log["validation_score"]
    assert after.stopped
    assert len(scores) < 300
    assert after.best_theta is not None
    assert np.mean((net.logits(after.best_theta, held[0]) > 0) == (held[1] > 0)) == scores.max()
    last = net.logits(after.theta, held[0])
    assert np.mean((last > 0) == (held[1] > 0)) == scores[-1]
    assert after.log["validation_loss"][-1] == pytest.approx(network.cross_entropy(last, held[1]).mean())


def test_scores():
    from sklearn.metrics import accuracy_score, r2_score

    rng = np.random.default_rng(0)
    w, y, z = rng.uniform(size=30), rng.integers(0, 3, 30), rng.integers(0, 2, (30, 3)).astype(float)  # with ties
    got = training.score("label", "softmax", z, np.eye(3)[y], w)
    assert got == pytest.approx(accuracy_score(y, z.argmax(axis=1), sample_weight=w))
    y, z = rng.normal(size=(30, 2)), rng.normal(size=(30, 2))
    assert training.score("r2", "identity", z, y, w) == pytest.approx(r2_score(y, z, sample_weight=w))
    flat = np.ones((30, 2))
    assert training.score("r2", "identity", flat, flat, w) == r2_score(flat, flat)


def test_ctrl_c_keeps_what_was_reached(monkeypatch):
    X, y = circles()
    plain, calls = Program.__call__, []

    def interrupted(self, *args):
        calls.append(1)
        if len(calls) == 4 and "stop" not in calls:
            calls.append("stop")
            raise KeyboardInterrupt
        return plain(self, *args)

    monkeypatch.setattr(training, "LONGEST", 8)
    monkeypatch.setattr(Program, "__call__", interrupted)
    with pytest.warns(UserWarning, match="interrupted"):
        net = MLPClassifier((4,), max_iter=500, random_state=0, tol=0.0).fit(X, y)
    assert 0 < net.n_iter_ < 500
    assert len(net.loss_curve_) == net.n_iter_
    assert net.predict(X).shape == (200,)


# -- what a fit says of itself -----------------------------------------------------------------------------------------


def test_lanczos_finds_extreme_eigenvalues_within_its_bound():
    rng = np.random.default_rng(0)
    A = rng.normal(size=(40, 40))
    A = A + A.T
    true = np.linalg.eigvalsh(A)
    for steps in (5, 16, 40):
        values, bounds, vector = curvature.lanczos(lambda v: A @ v, rng.normal(size=40), steps)
        for value, bound in zip(values, bounds, strict=True):
            assert np.abs(true - value).min() <= bound + 1e-12
        assert vector @ vector == pytest.approx(1.0)
        assert vector @ A @ vector == pytest.approx(values[0])
    assert values[[0, -1]] == pytest.approx(true[[0, -1]])
    values, _, _ = curvature.lanczos(lambda v: 2 * v, rng.normal(size=40), 16)
    assert values == pytest.approx([2.0])


@pytest.mark.parametrize("weighted", [False, True])
def test_certificate_is_measured_and_never_says_optimal(weighted, monkeypatch):
    monkeypatch.setattr(curvature, "BLOCK", 64)
    X, y = circles(150)
    w = np.random.default_rng(0).uniform(0.5, 2, 150) if weighted else None
    net = MLPClassifier((3,), "tanh", alpha=0.7, max_iter=20, random_state=0).fit(X, y, sample_weight=w)
    c = net.certificate_
    assert c.verdict is not Verdict.PROVED
    assert "optim" not in str(c).lower()
    made = Net((2, 3, 1), ("tanh",), "logistic", (0.0,))
    theta, weights = made.pack(net.coefs_, net.intercepts_), np.ones(150) if w is None else w

    def objective(t):
        W1, b1, W2, b2 = t[:6].reshape(2, 3), t[6:9], t[9:12], t[12]
        z = np.tanh(X @ W1 + b1) @ W2 + b2
        each = np.log1p(np.exp(-z)) + (1 - y) * z
        return (
            (weights * each).sum() / weights.sum()
            + 0.35 * (W1**2).sum() / weights.sum()
            + 0.35 * (W2 @ W2) / weights.sum()
        )

    slope = grad(objective)(theta)
    values, vectors = np.linalg.eigh(hessian(objective)(theta))
    assert c.verdict is Verdict.REFUTED  # a lower loss is near, along the direction that the certificate means
    fall = max(objective(theta) - objective(theta + t * vectors[:, 0]) for t in (-0.1, 0.1))
    assert f"lower by {fall:.3g}" in c.statement
    assert c.residuals["objective"] == pytest.approx(objective(theta), rel=1e-12)
    assert c.residuals["gradient_norm"] == pytest.approx(np.linalg.norm(slope), rel=1e-9)
    assert c.residuals["least_curvature"] == pytest.approx(values[0], rel=1e-8)
    assert c.residuals["largest_curvature"] == pytest.approx(values[-1], rel=1e-8)


def test_dead_units_are_named():
    X, y = circles()
    net = MLPClassifier((4, 3), max_iter=1, learning_rate_init=1e-12, random_state=0).fit(X, y)
    net.intercepts_[0][2] = -100.0
    net.set_params(warm_start=True).fit(X, y)
    assert net.activity_[0][2] == 0
    assert 2 in net.dead_units_[0]
    assert net.certificate_.residuals["dead_units"] >= 1
    tanh = MLPClassifier((4,), "tanh", max_iter=1, random_state=0).fit(X, y)
    assert all(len(units) == 0 for units in tanh.dead_units_)


def test_history_and_pictures():
    X, y = circles()
    net = MLPClassifier((4,), early_stopping=True, learning_rate="invscaling", max_iter=20, random_state=0).fit(X, y)
    assert net.history_.names == ("loss", "learning_rate", "validation_loss", "validation_score")
    assert net.history_["learning_rate"][:2] == pytest.approx([1e-3, 1e-3 / np.sqrt(181)])
    assert net.validation_scores_ == net.history_["validation_score"].tolist()


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_pictures(lang):
    pytest.importorskip("matplotlib")
    X, y = circles()
    options = {"max_iter": 8, "random_state": 0}
    nets = [MLPClassifier((4,), early_stopping=True, **options).fit(X, y)]
    nets += [MLPClassifier((4,), **options).fit(X, np.arange(200) % 7), MLPRegressor(**options).fit(X, y)]
    for net, labels in zip(nets, (y, np.arange(200) % 7, None), strict=True):
        with every_glyph():
            made = net.plot(lang=lang) if labels is None else net.plot(X, labels, lang=lang)
            assert "<svg" in figure.svg(made)
        assert made.axes[0].get_xlabel() == {"en": "epoch", "zh": "轮次"}[lang]
    with pytest.raises(ShapeError, match="wanted"):
        nets[0].plot(np.ones((3, 5)))


def test_saved_networks_predict_the_same_bits(tmp_path):
    X, y = circles()
    net = MLPClassifier((4,), max_iter=5, random_state=0).fit(X, np.array(["in", "out"])[y])
    again = load(net.save(tmp_path / "net.npz"))
    assert np.array_equal(again.predict_proba(X), net.predict_proba(X))
    assert np.array_equal(again.predict(X), net.predict(X))
    assert str(again.certificate_) == str(net.certificate_)
    assert again.partial_fit(X, np.array(["in", "out"])[y]).n_iter_ == 6


# -- the estimators --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "estimator",
    [
        MLPClassifier((10,), max_iter=40, learning_rate_init=0.02),
        MLPRegressor(hidden_layer_sizes=(10,), max_iter=40, learning_rate_init=0.02),
    ],
    ids=["classifier", "regressor"],
)
def test_scikit_learns_own_checks(estimator):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report = check_estimator(estimator, on_fail=None)
    failed = {r["check_name"]: r["exception"] for r in report if r["status"] not in ("passed", "skipped")}
    assert not failed
    assert sum(r["status"] == "passed" for r in report) > 45


@pytest.mark.parametrize("solver", ["lbfgs", "bfgs"])
def test_whole_batch_solvers(solver):
    x = np.linspace(-1, 1, 40)[:, None]
    y = np.sin(3 * x[:, 0])
    net = MLPRegressor(
        hidden_layer_sizes=(6,), activation="tanh", solver=solver, alpha=0.0, tol=1e-6, max_iter=3000, random_state=0
    ).fit(x, y)
    assert net.certificate_.residuals["gradient_norm"] < 1e-5
    assert net.score(x, y) > 0.9999
    assert all(b <= a for a, b in zip(net.loss_curve_, net.loss_curve_[1:], strict=False))
    assert not hasattr(net, "partial_fit")


def test_several_labels_and_several_outputs():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3))
    Y = (X[:, :2] > 0).astype(int)
    net = MLPClassifier((16,), solver="lbfgs", random_state=0).fit(X, Y)
    assert net.score(X, Y) > 0.97
    assert net.predict_proba(X).shape == (120, 2)
    assert np.exp(net.predict_log_proba(X)) == pytest.approx(net.predict_proba(X))
    targets = np.column_stack([X[:, 0], X[:, 1] ** 2])
    assert (
        MLPRegressor(hidden_layer_sizes=(24,), solver="lbfgs", random_state=0).fit(X, targets).score(X, targets) > 0.97
    )


def test_log_probabilities_come_from_the_logits():
    X, y = circles()
    net = MLPClassifier((4,), max_iter=2, random_state=0).fit(X, y)
    net.coefs_[-1] *= 1e5
    found = net.predict_log_proba(X)
    assert np.isfinite(found).all()
    assert found.min() < -1000


def test_sparse_and_float32():
    X, y = circles()
    X[np.abs(X) < 0.3] = 0
    dense = MLPClassifier((6,), max_iter=5, random_state=0).fit(X, y)
    for kind in (sparse.csr_matrix, sparse.csc_array):
        other = MLPClassifier((6,), max_iter=5, random_state=0).fit(kind(X), y)
        assert np.array_equal(other.coefs_[0], dense.coefs_[0])
        assert other.predict_proba(kind(X)) == pytest.approx(dense.predict_proba(X), rel=1e-12)
    single = MLPClassifier((6,), max_iter=5, random_state=0).fit(X.astype(np.float32), y)
    assert {w.dtype for w in single.coefs_} == {np.dtype(np.float32)}
    assert single.predict_proba(X.astype(np.float32)).dtype == np.float32
    assert single.coefs_[0] == pytest.approx(dense.coefs_[0], abs=1e-4)


def test_partial_fit_goes_on():
    X, y = circles()
    options = {"hidden_layer_sizes": (6,), "random_state": 0, "shuffle": False, "batch_size": 50}
    whole = MLPClassifier(max_iter=4, tol=0.0, **options).fit(X, y)
    parts = MLPClassifier(**options)
    for _ in range(4):
        parts.partial_fit(X, y, classes=[0, 1])
    assert np.array_equal(whole.coefs_[0], parts.coefs_[0])
    assert parts.n_iter_ == 4
    assert parts.loss_curve_ == whole.loss_curve_
    assert parts.certificate_.verdict is Verdict.UNDECIDED


def test_weights_of_zero_are_absent_samples():
    X, y = circles()
    w = np.ones(200)
    w[150:] = 0
    a = MLPClassifier((6,), max_iter=5, random_state=0).fit(X, y, sample_weight=w)
    b = MLPClassifier((6,), max_iter=5, random_state=0).fit(X[:150], y[:150])
    assert a.coefs_[0] == pytest.approx(b.coefs_[0], rel=1e-12)


# -- what makes no sense is named ------------------------------------------------------------------------------------


def test_divergence_is_an_error_and_rising_a_warning():
    X, y = np.random.default_rng(0).normal(size=(50, 3)), np.arange(50.0)
    with pytest.raises(DomainError, match=r"diverged.*\n.*learning_rate_init=10 is too large"):
        MLPRegressor(solver="sgd", learning_rate_init=10, random_state=0).fit(X, y)
    linear = MLPRegressor(
        hidden_layer_sizes=(), solver="sgd", momentum=0, learning_rate_init=3.0, max_iter=4, random_state=0
    )
    with pytest.warns(ConvergenceWarning, match="nothing was learned"):
        linear.fit(X, y)
    with pytest.raises(DomainError, match="not finite"):
        MLPRegressor(solver="lbfgs", random_state=0).fit(X * 1e200, y)


BAD = {
    "hidden_layer_sizes": [0, -3, 2.5, "ten", (4, 0), (3, True), (None,), None],
    "activation": ["swish", None, 3, ["relu", "tanh"], ("relu", "tanh", "swish")],
    "solver": ["adamw", None],
    "alpha": [-1.0, np.nan, "a", np.inf],
    "l1": [-0.1],
    "dropout": [1.0, -0.1, "half", (0.1, 0.2)],
    "init": ["xavier"],
    "init_scale": [-1.0],
    "batch_size": [0, 2.5, "all"],
    "learning_rate": ["fast"],
    "learning_rate_init": [0.0, -1.0, np.nan],
    "max_iter": [0, 1.5],
    "tol": [-1.0],
    "momentum": [1.5],
    "beta_1": [1.0],
    "beta_2": [-0.1],
    "rho": [1.0],
    "epsilon": [0.0],
    "n_iter_no_change": [0],
    "validation_fraction": [0.0, 1.5],
    "shuffle": ["yes"],
    "backend": ["gpu"],
    "random_state": [-1, "seed"],
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, values in BAD.items() for v in values])
def test_parameters_that_make_no_sense(name, value):
    X, y = circles()
    with pytest.raises(CauchyError, match=name):
        MLPClassifier(**{name: value}).fit(X, y)


def test_data_that_make_no_sense():
    X, y = circles()
    bad = {
        "one class": (X, np.ones(200)),
        "NaN": (np.where(X > 1, np.nan, X), y),
        "infinity": (np.where(X > 1, np.inf, X), y),
        "inconsistent": (X, y[:50]),
        "0 sample": (X[:0], y[:0]),
        "0 feature": (X[:, :0], y),
        "2D array": (X[:, 0], y),
        "Unknown label type": (X, X[:, 0]),
        "convert": (np.full((200, 2), "a"), y),
    }
    for what, (a, b) in bad.items():
        with pytest.raises((CauchyError, ValueError)) as e:
            MLPClassifier().fit(a, b)
        assert what in str(e.value)
    with pytest.raises(DomainError, match=r"(?i)sample.weight"):
        MLPClassifier().fit(X, y, sample_weight=np.zeros(200))
    with pytest.warns(UserWarning, match="batch_size=500 is larger"):
        MLPClassifier((3,), batch_size=500, max_iter=1).fit(X, y)
    with pytest.raises(DomainError, match="early_stopping needs samples"):
        MLPClassifier((3,), early_stopping=True).fit(X[:8], y[:8])
    with pytest.raises(DomainError, match="y >= 0"):
        MLPRegressor("poisson").fit(X, -y)
    with pytest.raises(DomainError, match="dropout needs"):
        MLPClassifier((3,), solver="lbfgs", dropout=0.1).fit(X, y)
    wide = sparse.csr_matrix((np.ones(1), ([0], [0])), shape=(200, 10**7))
    with pytest.raises(DomainError, match="GiB"):
        MLPClassifier((3,)).fit(wide, y)


def test_changed_classes_and_layers_are_named():
    X, y = circles()
    net = MLPClassifier((3,), max_iter=1)
    with pytest.raises(DomainError, match="needs `classes`"):
        net.partial_fit(X, y)
    net.partial_fit(X, y, classes=[0, 1])
    with pytest.raises(DomainError, match="not among the known"):
        net.partial_fit(X, y + 1)
    with pytest.raises(DomainError, match="before"):
        net.partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(ShapeError, match=r"trained with layers \(2, 3, 1\)"):
        net.set_params(hidden_layer_sizes=(4,)).partial_fit(X, y)
    with pytest.raises(ShapeError, match="trained with layers"):
        MLPClassifier((3,), max_iter=1, warm_start=True).fit(X, y).set_params(hidden_layer_sizes=(4,)).fit(X, y)


def test_expit_is_the_output_of_two_classes():
    X, y = circles()
    net = MLPClassifier((3,), max_iter=1, random_state=0).fit(X, y)
    z = np.maximum(X @ net.coefs_[0] + net.intercepts_[0], 0) @ net.coefs_[1] + net.intercepts_[1]
    assert net.predict_proba(X)[:, 1] == pytest.approx(expit(z[:, 0]))
