"""Every backward against centred differences: each layer, each loss, whole networks."""

import numpy as np
import pytest
from gradient_check import (
    EPS,
    SMOOTH,
    STEPS,
    directional_error,
    layer_error,
    layers,
    loss_error,
    losses,
    numerical_gradient,
    relative_error,
    targets,
    tolerance,
)
from networks import perceptron

from sknn6.nn.activations import ACTIVATIONS
from sknn6.nn.descent import loss_and_gradient
from sknn6.nn.layers import Dropout
from sknn6.nn.losses import LOSSES
from sknn6.nn.normalization import NORMALIZATIONS

N_SAMPLES = [1, 2, 7]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("n_samples", N_SAMPLES)
@pytest.mark.parametrize("name", layers())
def test_layer(name, n_samples, training, weighted):
    assert layer_error(name, n_samples, training, weighted) <= tolerance(name)


@pytest.mark.parametrize("name", LOSSES)
def test_smoothed_loss(name):
    rng = np.random.default_rng(0)
    Z, y = rng.standard_normal((7, 4)), targets(name, 7, 4, rng)
    loss = LOSSES[name].loss
    dZ = loss(Z.copy(), y, smoothing=0.3)[1]
    assert relative_error(dZ, numerical_gradient(lambda: loss(Z.copy(), y, smoothing=0.3)[0], Z)) <= SMOOTH


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_samples", N_SAMPLES)
@pytest.mark.parametrize("name", losses())
def test_loss(name, n_samples, weighted):
    assert loss_error(name, n_samples, weighted) <= SMOOTH


SHAPES = {
    "plain": {},
    "dropout": {"dropout": 0.4},
    **{f"batchnorm={name}": {"batchnorm": name, "batchnorm_group_size": 4} for name in NORMALIZATIONS},
    "layernorm": {"layernorm": True},
    "residual": {"residual": True},
    "all": {"batchnorm": "switchable", "layernorm": True, "residual": True, "dropout": 0.4},
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("n_samples", N_SAMPLES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_network(activation, shape, n_samples, training):
    """Hidden layers of 6, 5 and 5 units: of the residual blocks one has a projection, one has none."""
    rng = np.random.default_rng(n_samples)
    network = perceptron(4, [6, 5, 5], 3, activation, **SHAPES[shape]).allocate(np.float64)
    network.initialize(rng)
    network.theta += 0.1 * rng.standard_normal(network.theta.shape)
    for layer in network.leaves:
        layer.training, layer.eps = training, EPS
    X = rng.standard_normal((n_samples, 4))
    y = targets("softmax", n_samples, 3, rng)
    weight = rng.random(n_samples) + 0.5
    statistics, loss = network.statistics.copy(), LOSSES["softmax"].loss
    dropouts = [layer for layer in network.leaves if isinstance(layer, Dropout)]

    def as_before():
        network.statistics[:] = statistics
        for layer in dropouts:
            layer.rng = np.random.default_rng(1)  # the same units dropped at each evaluation

    def penalised_loss():
        as_before()
        return loss(network.forward(X, weight), y, weight)[0] + network.penalise(0.1 / weight.sum())

    as_before()
    loss_and_gradient(network, loss, [(X, y, weight)], alpha=0.1)
    grad, allowed = network.grad.copy(), tolerance(activation)
    assert directional_error(penalised_loss, network.theta, grad, rng, STEPS[allowed]) <= allowed


@pytest.mark.parametrize("batchnorm", [None, *NORMALIZATIONS])
def test_short_tail_batch(batchnorm):
    """Buffers of a full batch do not leak into the gradient of a shorter one that follows."""
    rng = np.random.default_rng(0)
    network = perceptron(4, [6], 3, "tanh", batchnorm=batchnorm).allocate(np.float64)
    network.initialize(rng)
    loss = LOSSES["softmax"].loss
    for layer in network.leaves:
        layer.eps = EPS
    for n_samples in (7, 3, 7, 2):
        X, y = rng.standard_normal((n_samples, 4)), rng.integers(0, 3, n_samples)
        batch = [(X, y, None)]
        loss_and_gradient(network, loss, batch, alpha=0.1)
        grad = network.grad.copy()
        numeric = numerical_gradient(
            lambda batch=batch: loss_and_gradient(network, loss, batch, alpha=0.1)[0], network.theta
        )
        assert relative_error(grad, numeric) <= SMOOTH
