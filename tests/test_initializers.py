"""Initial weights: the moments and bounds of their formulas."""

import numpy as np
import pytest

from sknn6.nn.activations import ACTIVATIONS
from sknn6.nn.initializers import INITIALIZERS, find_initializer
from sknn6.nn.network import perceptron

FAN_IN, FAN_OUT, GAIN = 400, 300, 1.3

VARIANCES = {
    "zeros": 0,
    "normal": 1,
    "uniform": 1 / 3,
    "xavier_uniform": 2 / (FAN_IN + FAN_OUT),
    "xavier_normal": 2 / (FAN_IN + FAN_OUT),
    "he_uniform": GAIN**2 / FAN_IN,
    "he_normal": GAIN**2 / FAN_IN,
    "lecun_uniform": 1 / FAN_IN,
    "lecun_normal": 1 / FAN_IN,
    "orthogonal": GAIN**2 / FAN_IN,
}
BOUNDS = {
    "uniform": 1,
    "lecun_uniform": np.sqrt(3 / FAN_IN),
    "xavier_uniform": np.sqrt(6 / (FAN_IN + FAN_OUT)),
    "he_uniform": GAIN * np.sqrt(3 / FAN_IN),
}


def draw(name, fan_in=FAN_IN, fan_out=FAN_OUT, gain=GAIN):
    return INITIALIZERS[name](np.random.default_rng(0), fan_in, fan_out, gain)


@pytest.mark.parametrize("name", INITIALIZERS)
def test_moments(name):
    """Mean 0 within 4 standard errors; the variance within 2 %, some four standard errors of a normal."""
    W = draw(name)
    assert W.shape == (FAN_IN, FAN_OUT)
    assert abs(W.mean()) <= 4 * np.sqrt(VARIANCES[name] / W.size)
    assert W.var() == pytest.approx(VARIANCES[name], rel=0.02)


@pytest.mark.parametrize("name", BOUNDS)
def test_bounds(name):
    """Uniform laws fill their range, which 120000 draws come within 0.1 % of, and do not leave it."""
    W = draw(name)
    assert 0.999 * BOUNDS[name] < np.abs(W).max() <= BOUNDS[name]


@pytest.mark.parametrize(("fan_in", "fan_out"), [(30, 20), (20, 30), (25, 25)])
def test_orthogonal(fan_in, fan_out):
    W = draw("orthogonal", fan_in, fan_out)
    gram = W.T @ W if fan_in >= fan_out else W @ W.T
    np.testing.assert_allclose(gram, GAIN**2 * np.eye(len(gram)), atol=1e-12)


def test_orthogonal_has_no_preferred_sign():
    """Without the signs of diag(R), Householder's QR leaves the first entry negative almost always."""
    rng = np.random.default_rng(0)
    corners = [INITIALIZERS["orthogonal"](rng, 3, 3, 1.0)[0, 0] for _ in range(1000)]
    assert abs(np.mean(np.array(corners) > 0) - 0.5) < 0.06  # 4 standard errors


@pytest.mark.parametrize(
    ("activation", "name"),
    [
        ("relu", "he_uniform"),
        ("leaky_relu", "he_uniform"),
        ("elu", "he_uniform"),
        ("gelu", "he_uniform"),
        ("silu", "he_uniform"),
        ("selu", "lecun_normal"),
        ("tanh", "xavier_uniform"),
        ("logistic", "xavier_uniform"),
    ],
)
def test_auto_is_he_for_the_relu_family_and_xavier_for_the_sigmoids(activation, name):
    assert find_initializer("auto", ACTIVATIONS[activation]) is INITIALIZERS[name]


def test_network_uses_init_gain_and_scale():
    """He et al., equation 10: variance 2 / fan_in with ReLU, here times 0.5^2; biases start at 0."""
    network = perceptron(FAN_IN, [FAN_OUT], 2, "relu", init_scale=0.5).allocate(np.float64)
    network.initialize(np.random.default_rng(0))
    assert network.layers[0].W.var() == pytest.approx(0.25 * 2 / FAN_IN, rel=0.02)
    assert not network.layers[0].b.any()
