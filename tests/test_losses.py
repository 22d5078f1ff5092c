"""Losses from the logits, and where a naive formula would fail; values in test_torch_values.py."""

import numpy as np
import pytest
from gradient_check import targets

from sknn6.nn.links import LINKS, exponential, softmax
from sknn6.nn.losses import (
    LOSSES,
    REGRESSION_LOSSES,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
)

ALL_LOSSES = LOSSES | REGRESSION_LOSSES


def test_label_smoothing_of_two_classes_is_the_same_with_one_logit_or_two():
    z, y = np.array([0.3, -1.2, 2.0]), np.array([0, 1, 1])
    one = sigmoid_cross_entropy(z[:, None].copy(), y[:, None].astype(float), smoothing=0.2)[0]
    two = softmax_cross_entropy(np.column_stack([0 * z, z]), y, smoothing=0.2)[0]
    assert one == pytest.approx(two, rel=1e-12)


def test_initial_loss_is_log_of_the_number_of_classes():
    """The lecture's sanity check: equal logits, ten classes, 2.3026."""
    assert softmax_cross_entropy(np.zeros((5, 10)), np.arange(5))[0] == pytest.approx(np.log(10))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logits_of_ten_thousand(dtype):
    """The loss of a wrong answer is the distance of the logits: no overflow, no log of 0."""
    loss, dZ = softmax_cross_entropy(np.array([[1e4, -1e4], [1e4, -1e4]], dtype), np.array([0, 1]))
    assert loss == pytest.approx(1e4)
    np.testing.assert_array_equal(dZ, [[0, 0], [0.5, -0.5]])
    loss, dZ = sigmoid_cross_entropy(np.array([[1e4], [1e4]], dtype), np.array([[1], [0]], dtype))
    assert loss == pytest.approx(5e3)
    np.testing.assert_array_equal(dZ, [[0], [0.5]])


@pytest.mark.parametrize("name", ALL_LOSSES)
def test_a_weight_counts_as_repetition(name):
    rng = np.random.default_rng(0)
    Z = rng.standard_normal((4, 3))
    y = targets(name, 4, 3, rng)
    repeats = np.array([1, 0, 3, 2])
    loss, dZ = ALL_LOSSES[name].loss(Z.copy(), y, repeats.astype(float))
    rows = np.repeat(np.arange(4), repeats)
    expected, dZ_rows = ALL_LOSSES[name].loss(Z[rows], y[rows])
    assert loss == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(dZ[[0, 2, 3]], [dZ_rows[0], 3 * dZ_rows[1], 2 * dZ_rows[4]], rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_exponential_is_held_to_the_range_of_the_floats(dtype):
    """Also in float32, where the logarithm of the largest number is rounded up."""
    most = np.finfo(dtype).max
    np.testing.assert_allclose(
        exponential(np.array([0, 85, 1e4, most], dtype)), [1, np.exp(85), most, most], 1e-4
    )


def test_softmax_sums_to_one_at_any_scale():
    P = softmax(np.array([[1e30, 0, -1e30], [1, 1, 1]], np.float32))
    np.testing.assert_allclose(P, [[1, 0, 0], [1 / 3] * 3], rtol=1e-6)


@pytest.mark.parametrize("name", LINKS)
def test_the_properties_of_a_link_are_those_of_its_function(name):
    link, Z = LINKS[name], np.random.default_rng(0).standard_normal((20, 4))
    P = link.predict(Z)
    assert link.is_identity == np.array_equal(P, Z)
    assert link.is_sorted == bool((np.diff(P, axis=1) >= 0).all())
    assert link.is_equivariant == np.allclose(link.predict(3 + 2 * Z), 3 + 2 * P)
    assert link.is_exponential == np.allclose(link.predict(Z + np.log(3)), 3 * P)
