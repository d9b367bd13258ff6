"""Networks as functions: losses on logits, dropout and initial weights against closed forms."""

import mpmath
import numpy as np
import pytest

from cauchy.calculus.differentiate import grad, value_and_grad
from cauchy.learn.mlp import network
from cauchy.learn.mlp.network import Net

# -- losses on logits ------------------------------------------------------------------------------------------------

LOGITS = [-745.0, -40.0, -1.5, -1e-300, 0.0, 1e-300, 0.3, 36.0, 40.0, 745.0]


@pytest.mark.parametrize("y", [0.0, 1.0, 0.25])
@pytest.mark.parametrize("z", LOGITS)
def test_cross_entropy_on_logits(z, y):
    at = lambda z: network.cross_entropy(z.reshape(1, 1), np.array([[y]]))[0]
    value, slope = value_and_grad(at)(np.array([z]))
    with mpmath.workdps(400):
        s = 1 / (1 + mpmath.exp(-mpmath.mpf(z)))
        true, steep = mpmath.log(1 + mpmath.exp(z)) - y * z, s - y
    # relative, unless y = .25 makes the parts cancel
    assert value == pytest.approx(float(true), rel=1e-15, abs=0)
    assert slope[0] == pytest.approx(float(steep), rel=1e-15, abs=1e-16 if y == 0.25 else 5e-324)


def test_the_listing_loses_what_the_logits_keep():
    slope = lambda z, y: grad(lambda z: network.cross_entropy(z.reshape(1, 1), np.array([[y]]))[0])(np.array([z]))[0]
    assert slope(-745.0, 1.0) == -1.0
    assert slope(40.0, 0.0) == 1.0


def test_softmax_cross_entropy():
    z = np.array([[1000.0, 0.0, -1000.0], [0.5, 0.5, 0.5], [-3.0, 2.0, 1.0]])
    y = np.eye(3)[[1, 2, 0]]
    value, slope = value_and_grad(lambda z: network.softmax_cross_entropy(z, y).sum())(z)
    assert slope == pytest.approx(network.softmax(z) - y, abs=2e-16)
    assert value == pytest.approx(1000 + np.log(3) + np.log(np.exp([-3.0, 2.0, 1.0]).sum()) + 3, rel=1e-15)


@pytest.mark.parametrize(
    ("loss", "output"), [(network.squared_error, lambda z: z), (network.poisson, np.exp)], ids=["squared", "poisson"]
)
def test_canonical_links(loss, output):
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=(5, 2)), rng.poisson(2.0, size=(5, 2)).astype(float)
    assert grad(lambda z: loss(z, y).sum())(z) == pytest.approx(output(z) - y, rel=1e-14, abs=1e-14)


def test_a_dead_layer_has_no_gradient_and_nan_stays_nan():
    assert np.array_equal(grad(lambda z: network.relu(z).sum())(np.array([-1.0, 0.0, 2.0])), [0.0, 0.0, 1.0])
    assert np.isnan(network.relu(np.array([np.nan]))[0])


# -- dropout and initial weights ---------------------------------------------------------------------------------------


def test_dropout_keeps_the_mean_and_inference_is_the_identity():
    mask = network.keep_mask(np.uint32(7), 1000, 1000, 0, 0.8)
    assert abs(np.mean(mask / 0.8) - 1) < 2e-3  # 4 standard deviations: 4 sqrt(.2 / .8 / 1e6)
    assert abs(np.corrcoef(mask[:, 0], mask[:, 1])[0, 1]) < 0.13
    other = network.keep_mask(np.uint32(8), 1000, 1000, 0, 0.8)
    assert abs(np.mean(mask & other) - 0.64) < 3e-3
    net = Net((3, 50, 1), ("relu",), "identity", (0.5,))
    theta, X = np.random.default_rng(0).normal(size=net.size), np.ones((2000, 3))
    assert np.array_equal(net.logits(theta, X), Net((3, 50, 1), ("relu",), "identity", (0.0,)).logits(theta, X))
    dropped = net.logits(theta, X, np.uint32(3))
    assert dropped.std() > 0
    assert abs(dropped.mean() - net.logits(theta, X).mean()) < 5 * dropped.std() / np.sqrt(2000)


def test_initial_weights():
    net = Net((300, 400, 5), ("relu",), "softmax", (0.0,))
    (w, b), (v, _) = net.layers(net.initial(np.random.RandomState(0), "auto", 0.1))
    assert w.std() == pytest.approx(np.sqrt(2 / 300), rel=0.02)
    assert not b.any()
    assert np.abs(v).max() <= np.sqrt(6 / 405)
    theta = Net((2, 4, 3, 1), ("relu", "relu"), "logistic").initial(np.random.RandomState(42), "normal", 0.1)
    assert theta[0] == 0.04967141530112327
    assert theta[-1] == -0.060170661222939695
