"""Every backward against centred differences: each layer, each loss, whole networks."""

import numpy as np
import pytest
from gradient_check import KINKED, SMOOTH, has_kink, numerical_gradient, relative_error

from sknn6.nn.activations import ACTIVATIONS
from sknn6.nn.layers import Activate, Dense, Dropout, Projection, Residual, ScaledDense
from sknn6.nn.losses import LOSSES, REGRESSION_LOSSES
from sknn6.nn.network import Network, perceptron
from sknn6.nn.normalization import NORMALIZATIONS, LayerNorm
from sknn6.nn.training import loss_and_gradient


def dense(fan_in, fan_out, kind=Dense):
    return kind(fan_in, fan_out, lambda rng, *shape_and_gain: rng.standard_normal((fan_in, fan_out)))


# Two samples normalise to +-1 whatever they are, with next to no gradient, unless eps is near their variance.
EPS = 0.1
WIDTH = 6
LAYERS = {
    "dense": lambda: dense(WIDTH, 4),
    "scaled_dense": lambda: dense(WIDTH, 4, ScaledDense),
    "dropout": lambda: Dropout(0.4, np.random.default_rng(0)),
    "residual": lambda: Residual([LayerNorm(WIDTH, eps=EPS), dense(WIDTH, WIDTH)]),
    "projected": lambda: Residual([LayerNorm(WIDTH, eps=EPS), dense(WIDTH, 4)], dense(WIDTH, 4, Projection)),
    "layernorm": lambda: LayerNorm(WIDTH, eps=EPS),
    # Groups of 4 and 2 units; the seven samples are more than a group has units, the two are fewer.
    **{
        kind.__name__.lower(): lambda kind=kind: kind(WIDTH, group_size=4, eps=EPS)
        for kind in NORMALIZATIONS.values()
    },
    **{name: lambda act=act: Activate(act, units=WIDTH // act.pieces) for name, act in ACTIVATIONS.items()},
}
N_SAMPLES = [1, 2, 7]
ALL_LOSSES = LOSSES | REGRESSION_LOSSES


def tolerance(name):
    return KINKED if name in ACTIVATIONS and has_kink(ACTIVATIONS[name]) else SMOOTH


def allocated(layer, rng):
    network = Network([layer]).allocate(np.float64)
    network.initialize(rng)
    network.theta += 0.1 * rng.standard_normal(network.theta.shape)
    make_up_statistics(network, rng)
    layer.propagates = True
    return network


def make_up_statistics(network, rng):
    """Let the running averages be any, of covariances that are symmetric."""
    for layer in network.leaves:
        for name in layer.statistics:
            array = getattr(layer, name)
            array += 0.5 * rng.random(array.shape)
        for covariance in layer.covariances() if hasattr(layer, "covariances") else ():
            covariance[...] = covariance @ covariance.swapaxes(-1, -2)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("n_samples", N_SAMPLES)
@pytest.mark.parametrize("name", LAYERS)
def test_layer(name, n_samples, training, weighted):
    rng = np.random.default_rng(n_samples)
    layer = LAYERS[name]()
    network = allocated(layer, rng)
    layer.training = training
    X = rng.standard_normal((n_samples, WIDTH))
    weight = rng.random(n_samples) + 0.5 if weighted else None
    statistics = network.statistics.copy()
    G = rng.standard_normal(layer.forward(X.copy(), weight).shape)

    def inner_product():
        network.statistics[:] = statistics
        if hasattr(layer, "rng"):
            layer.rng = np.random.default_rng(1)  # the same units dropped at each evaluation
        return float(np.sum(layer.forward(X.copy(), weight) * G))

    inner_product()
    dX = np.array(layer.backward(G.copy()))
    grad = network.grad.copy()
    assert relative_error(dX, numerical_gradient(inner_product, X)) <= tolerance(name)
    if grad.size:
        assert relative_error(grad, numerical_gradient(inner_product, network.theta)) <= tolerance(name)


@pytest.mark.parametrize("name", LOSSES)
def test_smoothed_loss(name):
    rng = np.random.default_rng(0)
    Z, y = rng.standard_normal((7, 4)), targets(name, 7, 4, rng)
    loss = LOSSES[name].loss
    dZ = loss(Z.copy(), y, smoothing=0.3)[1]
    assert relative_error(dZ, numerical_gradient(lambda: loss(Z.copy(), y, smoothing=0.3)[0], Z)) <= SMOOTH


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_samples", N_SAMPLES)
@pytest.mark.parametrize("name", ALL_LOSSES)
def test_loss(name, n_samples, weighted):
    rng = np.random.default_rng(n_samples)
    Z = 3 * rng.standard_normal((n_samples, 4))
    y = targets(name, n_samples, 4, rng)
    weight = rng.random(n_samples) if weighted else None
    loss = ALL_LOSSES[name].loss
    dZ = loss(Z.copy(), y, weight)[1]
    numeric = numerical_gradient(lambda: loss(Z.copy(), y, weight)[0], Z)
    assert relative_error(dZ, numeric) <= SMOOTH


def targets(loss_name, n_samples, n_outputs, rng):
    if loss_name == "softmax":
        return rng.integers(0, n_outputs, n_samples)
    return rng.integers(0, 2, (n_samples, n_outputs)).astype(float)


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
    statistics = network.statistics.copy()

    def loss():
        network.statistics[:] = statistics
        for layer in network.leaves:
            layer.rng = np.random.default_rng(1)  # the same units dropped at each evaluation
        return loss_and_gradient(network, LOSSES["softmax"].loss, [(X, y, weight)], alpha=0.1)[0]

    loss()
    grad = network.grad.copy()
    assert relative_error(grad, numerical_gradient(loss, network.theta)) <= tolerance(activation)


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
