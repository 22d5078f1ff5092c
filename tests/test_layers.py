"""Layers without statistics."""

import numpy as np
import pytest
from networks import perceptron
from scipy import sparse

from sknn6.nn.activations import Activation
from sknn6.nn.layers import Activate, Dropout
from sknn6.nn.products import product


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9])
def test_dropout_keeps_the_mean(rate, dtype):
    """Dropped with that probability, within 4 standard errors of 40000 draws; the rest scaled to match."""
    layer = Dropout(rate, np.random.default_rng(0))
    A = layer.forward(np.ones((200, 200), dtype))
    assert A.dtype == dtype
    dropped = A == 0
    assert abs(dropped.mean() - rate) <= 4 * np.sqrt(rate * (1 - rate) / A.size)
    # The rate is a multiple of 2^-16, half of one off at most.
    np.testing.assert_allclose(A[~dropped], 1 / (1 - rate), rtol=2**-17 / (1 - rate) + 1e-6)
    np.testing.assert_array_equal(layer.backward(np.ones((200, 200), dtype)), A)


def test_dropout_draws_anew_and_not_in_prediction():
    layer = Dropout(0.5, np.random.default_rng(0))
    first, second = (layer.forward(np.ones((9, 9))).copy() for _ in range(2))
    assert (first != second).any()
    np.testing.assert_array_equal(layer.predict(np.ones((9, 9))), np.ones((9, 9)))


def some_rows(n_samples, n_features, n_entries, container=sparse.csr_array):
    """Draw a sparse batch with that many entries."""
    rng = np.random.default_rng(0)
    X = np.zeros((n_samples, n_features))
    X.flat[rng.choice(X.size, n_entries, replace=False)] = rng.standard_normal(n_entries)
    return container(X)


@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csr_matrix])
@pytest.mark.parametrize("members", [(), (2,)])
@pytest.mark.parametrize("n_entries", [0, 1, 30, 60, 200])
def test_products_of_sparse_batches_are_those_of_dense_ones(n_entries, members, container):
    """Both ways, with fewer entries than features and with more; what was in `out` is forgotten."""
    X = some_rows(6, 50, n_entries, container)
    rng = np.random.default_rng(1)
    for A, columns in ((X, (50, 3)), (X.T, (6, 3))):
        B = rng.standard_normal((*members, *columns))
        out = np.full((*members, A.shape[0], 3), np.nan)
        np.testing.assert_allclose(product(A, B, out), A.toarray() @ B, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("learned_scale", [False, True])
@pytest.mark.parametrize("n_entries", [30, 200])
def test_a_sparse_batch_has_the_gradient_of_the_dense_one(n_entries, learned_scale, members):
    X = some_rows(6, 50, n_entries)
    network = perceptron(50, [4], 3, "tanh", members=members, learned_scale=learned_scale)
    network.allocate(np.float64)
    network.theta[:] = np.random.default_rng(1).standard_normal(network.theta.size)
    gradients = []
    for batch in (X, X.toarray()):
        network.grad[:] = np.nan
        Z = network.forward(batch)
        np.testing.assert_allclose(network.predict(batch), Z, rtol=1e-12)
        network.backward(Z - 1)
        gradients.append(network.grad.copy())
    np.testing.assert_allclose(*gradients, rtol=1e-9, atol=1e-12)


def test_the_highest_dropout_keeps_a_share_of_one_in_65536():
    """The rate is held to what sixteen bits can tell from 1, so that the scale 1 / (1 - rate) is finite."""
    layer, X = Dropout(1 - 1e-9, np.random.default_rng(0)), np.ones((1000, 1000), np.float32)
    kept = layer.forward(X)
    assert set(np.unique(kept)) == {0, 2.0**16}
    assert np.count_nonzero(kept) == pytest.approx(1e6 / 2**16, abs=4 * np.sqrt(1e6 / 2**16))


def test_the_output_of_an_activation_that_returns_a_part_of_an_array_is_contiguous():
    """As the compiled kernels of the layers after it need it."""
    halved = Activation(lambda Z: (np.repeat(Z, 2, axis=-1)[..., ::2], None), lambda dA, saved: dA)
    A = Activate(halved).forward(np.ones((3, 4)))
    assert A.flags.c_contiguous
    np.testing.assert_array_equal(A, np.ones((3, 4)))
