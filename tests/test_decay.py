"""The penalty and the decay of the weights."""

import numpy as np
import pytest

from sknn6.nn.decay import Decay


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_penalty_and_decay_of_the_first_numbers(dtype):
    theta, grad = np.array([3.0, -4.0, 5.0], dtype), np.ones(3, dtype)
    assert Decay(l2=0.5, shrink=0.25, n=2).apply(theta, grad) == 25
    np.testing.assert_array_equal(grad, [2.5, -1, 1])
    np.testing.assert_array_equal(theta, [0.75, -1, 5])


@pytest.mark.parametrize(("l2", "n"), [(0.0, 2), (0.5, 0)])
def test_no_penalty(l2, n):
    theta, grad = np.array([3.0, -4.0]), np.ones(2)
    assert Decay(l2, 1.0, n).apply(theta, grad) == 0
    np.testing.assert_array_equal(grad, 1)
    np.testing.assert_array_equal(theta, [3, -4])
