"""Layers without statistics."""

import numpy as np
import pytest

from sknn6.nn.layers import Dropout


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
