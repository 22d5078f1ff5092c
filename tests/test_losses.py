"""Losses from the logits against torch's, and where a naive formula would fail."""

import numpy as np
import pytest

from sknn6.nn.losses import (
    LOSSES,
    REGRESSION_LOSSES,
    sigmoid_cross_entropy,
    softmax,
    softmax_cross_entropy,
)

ALL_LOSSES = LOSSES | REGRESSION_LOSSES


def test_softmax_cross_entropy_against_torch():
    """torch 2.13, cross_entropy in float64."""
    loss, dZ = softmax_cross_entropy(np.array([[1.0, 2, 3], [0, -1, 4]]), np.array([2, 0]))
    assert loss == pytest.approx(2.2161754272916014, rel=1e-12)
    expected = [
        [0.04501528658519022, 0.12236423552739882, -0.1673795221125891],
        [-0.49106600906484776, 0.0032866315926545426, 0.48777937747219324],
    ]
    np.testing.assert_allclose(dZ, expected, rtol=1e-12)


def test_sigmoid_cross_entropy_against_torch():
    """torch 2.13, binary_cross_entropy_with_logits in float64, summed over outputs, averaged over rows."""
    loss, dZ = sigmoid_cross_entropy(np.array([[1.0, -2], [0.5, 3]]), np.array([[1.0, 0], [0, 1]]))
    assert loss == pytest.approx(0.7314270171575221, rel=1e-12)
    expected = [
        [-0.13447071068499755, 0.05960146101105877],
        [0.3112296656009273, -0.023712936588783318],
    ]
    np.testing.assert_allclose(dZ, expected, rtol=1e-12)


def test_label_smoothing_against_torch():
    """torch 2.13, cross_entropy with label_smoothing=0.1."""
    Z = np.array([[1.0, 2, 3], [0, -1, 4]])
    loss, dZ = softmax_cross_entropy(Z.copy(), np.array([2, 0]), smoothing=0.1)
    assert loss == pytest.approx(2.2161754272916014, rel=1e-12)
    expected = [
        [0.02834861991852355, 0.10569756886073216, -0.13404618877925578],
        [-0.45773267573151444, -0.013380035074012125, 0.4711127108055266],
    ]
    np.testing.assert_allclose(dZ, expected, rtol=1e-12)


def test_label_smoothing_of_two_classes_is_the_same_with_one_logit_or_two():
    z, y = np.array([0.3, -1.2, 2.0]), np.array([0, 1, 1])
    one = sigmoid_cross_entropy(z[:, None].copy(), y[:, None].astype(float), smoothing=0.2)[0]
    two = softmax_cross_entropy(np.column_stack([0 * z, z]), y, smoothing=0.2)[0]
    assert one == pytest.approx(two, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "Z", "Y", "expected", "gradient"),
    [
        ("squared_error", [0.5, 3, -2], [0, 1, -1.5], (0.125 + 2 + 0.125) / 3, [0.5 / 3, 2 / 3, -0.5 / 3]),
        ("huber", [0.5, 3, -2], [0, 1, -1.5], 0.5833333333333334, [1 / 6, 1 / 3, -1 / 6]),
        # torch leaves out y log y - y of the deviance: 3 log 3 - 3 and -1, over three samples.
        (
            "poisson",
            [0.5, 2, -1],
            [0, 3, 1],
            1.4685522702674068 + (3 * np.log(3) - 3 - 1) / 3,
            [0.5495737569000427, 1.4630186996435501, -0.21070685294285255],
        ),
    ],
)
def test_regression_losses(name, Z, Y, expected, gradient):
    """By hand; torch 2.13, huber_loss and poisson_nll_loss in float64."""
    loss, dZ = REGRESSION_LOSSES[name].loss(np.array(Z)[:, None], np.array(Y, dtype=float)[:, None])
    assert loss == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(dZ[:, 0], gradient, rtol=1e-12)


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
    y = np.array([0, 2, 1, 1]) if name == "softmax" else rng.integers(0, 2, (4, 3)).astype(float)
    repeats = np.array([1, 0, 3, 2])
    loss, dZ = ALL_LOSSES[name].loss(Z.copy(), y, repeats.astype(float))
    rows = np.repeat(np.arange(4), repeats)
    expected, dZ_rows = ALL_LOSSES[name].loss(Z[rows], y[rows])
    assert loss == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(dZ[[0, 2, 3]], [dZ_rows[0], 3 * dZ_rows[1], 2 * dZ_rows[4]], rtol=1e-12)


def test_softmax_sums_to_one_at_any_scale():
    P = softmax(np.array([[1e30, 0, -1e30], [1, 1, 1]], np.float32))
    np.testing.assert_allclose(P, [[1, 0, 0], [1 / 3] * 3], rtol=1e-6)
