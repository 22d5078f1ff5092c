"""Batch normalisation against torch's, with weights, and at the edges."""

import numpy as np
import pytest

from sknn6.nn.network import Network
from sknn6.nn.normalization import BatchNorm

X = np.array([[1.0, 2], [3, -1], [0, 5]])
G = np.array([[1.0, -1], [0.5, 2], [-2, 0.25]])


def batchnorm(units=2, **params):
    layer = BatchNorm(units, **params)
    Network([layer]).allocate(np.float64).initialize(None)
    layer.propagates = True
    return layer


def test_against_torch():
    """torch 2.13, BatchNorm1d in float64 with weight (1.5, 0.5) and bias (0.1, -0.2)."""
    layer = batchnorm()
    layer.gamma[:], layer.beta[:] = [1.5, 0.5], [0.1, -0.2]
    np.testing.assert_allclose(
        layer.forward(X.copy()),
        [
            [-0.30089057429386146, -0.2],
            [2.1044528714693076, -0.8123719253860695],
            [-1.503562297175446, 0.4123719253860693],
        ],
        rtol=1e-10,
    )
    np.testing.assert_allclose(
        layer.backward(G.copy()),
        [
            [1.6751481509563013, -0.28917563143231056],
            [-0.5583745560512061, 0.14458811339645616],
            [-1.1167735949050952, 0.14458751803585435],
        ],
        rtol=1e-9,
    )
    np.testing.assert_allclose(layer.dgamma, [2.5389736371944562, -2.143301738851243], rtol=1e-10)
    np.testing.assert_allclose(layer.dbeta, [-0.5, 1.25])
    np.testing.assert_allclose(layer.running_mean, [0.13333333333333333, 0.2])
    np.testing.assert_allclose(layer.running_var, [1.1333333333333333, 1.8])
    np.testing.assert_allclose(
        layer.predict(X.copy()),
        [
            [1.3211319802809534, 0.47081852986771966],
            [4.139128857852384, -0.6472123532451465],
            [-0.08786645850476206, 1.588849412980586],
        ],
    )


def test_gamma_and_beta_can_recover_the_identity():
    """The lecture: gamma = sqrt(Var[x] + eps), beta = E[x]."""
    layer = batchnorm()
    layer.gamma[:] = np.sqrt(X.var(axis=0) + layer.eps)
    layer.beta[:] = X.mean(axis=0)
    np.testing.assert_allclose(layer.forward(X.copy()), X, atol=1e-14)


def test_a_weight_counts_as_repetition():
    """In the batch's statistics, in the running ones, and in the gradient."""
    repeats = np.array([2, 1, 3])
    rows = np.repeat(np.arange(3), repeats)
    weighted, repeated = batchnorm(), batchnorm()
    Y = weighted.forward(X.copy(), repeats.astype(float))
    np.testing.assert_allclose(Y[rows], repeated.forward(X[rows]), rtol=1e-12)
    np.testing.assert_allclose(weighted.running_mean, repeated.running_mean, rtol=1e-12)
    np.testing.assert_allclose(weighted.running_var, repeated.running_var, rtol=1e-12)
    # The loss of a sample given three times has three times its gradient.
    dX = weighted.backward(G * repeats[:, None])
    np.testing.assert_allclose(dX[rows] / repeats[rows, None], repeated.backward(G[rows]), rtol=1e-11)


def test_a_batch_of_one_uses_the_running_averages_and_leaves_them():
    layer = batchnorm()
    layer.forward(X.copy())
    mean, var = layer.running_mean.copy(), layer.running_var.copy()
    one = np.array([[4.0, 4.0]])
    np.testing.assert_allclose(layer.forward(one.copy()), (one - mean) / np.sqrt(var + layer.eps))
    np.testing.assert_array_equal(layer.running_mean, mean)
    np.testing.assert_array_equal(layer.running_var, var)


@pytest.mark.parametrize("weight", [[1e-3, 1e-3, 1e-3], [0.4, 0.4, 0.2], [1e-8, 1.0, 1e-8]])
def test_weights_that_sum_to_little_keep_the_running_variance_bounded(weight):
    """n / (n - 1) has a pole at n = 1; no batch counts for less than two samples."""
    layer = batchnorm(momentum=1.0)
    layer.forward(X.copy(), np.array(weight))
    assert (layer.running_var >= 0).all()
    assert (layer.running_var <= 2 * X.var(axis=0) * 1.5).all()


def test_constant_unit():
    layer = batchnorm()
    constant = np.full((5, 2), 1e6)
    np.testing.assert_array_equal(layer.forward(constant.copy()), np.zeros((5, 2)))
    assert np.isfinite(layer.backward(np.ones((5, 2)))).all()
