"""Centred differences, as the lecture checks a gradient: float64, h = 1e-5, relative error at most 1e-7.

Where the derivative jumps, a difference over the kink is wrong however right the gradient is. A smaller step
makes that rare; its rounding error, 1e-16 / h, asks for the larger tolerance there.
"""

import numpy as np

from sknn6.nn.activations import ACTIVATIONS
from sknn6.nn.dense import Dense, Projection, ScaledDense
from sknn6.nn.layers import Activate, Dropout, Residual
from sknn6.nn.losses import LOSSES, REGRESSION_LOSSES
from sknn6.nn.network import Network
from sknn6.nn.normalization import NORMALIZATIONS, LayerNorm

SMOOTH, KINKED = 1e-7, 1e-4
STEPS = {SMOOTH: 1e-5, KINKED: 1e-8}

# Two samples normalise to +-1 whatever they are, with next to no gradient, unless eps is near their variance.
EPS = 0.1
WIDTH = 6
N_DIRECTIONS = 8


def numerical_gradient(f, theta, h=STEPS[SMOOTH]):
    """Differentiate the number f() by every entry of theta, which f reads."""
    gradient = np.empty_like(theta)
    for index in np.ndindex(theta.shape):
        value = theta[index]
        theta[index] = value + h
        above = f()
        theta[index] = value - h
        below = f()
        theta[index] = value
        gradient[index] = (above - below) / (2 * h)
    return gradient


def directional_error(f, theta, gradient, rng, h):
    """Return the error of a gradient along random directions, in which all its entries take part."""
    directions = rng.standard_normal((N_DIRECTIONS, theta.size))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    start, numeric = theta.copy(), []
    for direction in directions:
        theta[:] = start + h * direction
        above = f()
        theta[:] = start - h * direction
        numeric.append((above - f()) / (2 * h))
    theta[:] = start
    return relative_error(directions @ gradient, np.array(numeric))


def relative_error(analytic, numeric):
    """Return max |a - n| / max(|a|, |n|), the maxima over all entries."""
    return np.abs(analytic - numeric).max() / max(np.abs(analytic).max(), np.abs(numeric).max())


def has_kink(activation):
    """Return whether the derivative jumps, at 0 or where pieces meet."""
    learned = [start for _, start in activation.learned]
    ends = np.zeros((1, 2 * activation.pieces))
    ends[:, :2] = -1e-9, 1e-9
    result = activation.backward(np.ones((1, 2)), activation.forward(ends, *learned)[1], *learned)
    slopes = (result[0] if learned else result)[:, :2]
    return abs(slopes[0, 1] - slopes[0, 0]) > 1e-3


def tolerance(name):
    """Return the largest error that is let pass."""
    return KINKED if name in ACTIVATIONS and has_kink(ACTIVATIONS[name]) else SMOOTH


def dense(fan_in, fan_out, kind=Dense):
    """Return a linear map of random weights."""
    return kind(fan_in, fan_out, lambda rng, *shape_and_gain: rng.standard_normal((fan_in, fan_out)))


def layers():
    """Return functions that make the layers of `WIDTH` inputs, one for each that is registered now."""
    return {
        "dense": lambda: dense(WIDTH, 4),
        "scaled_dense": lambda: dense(WIDTH, 4, ScaledDense),
        "dropout": lambda: Dropout(0.4, np.random.default_rng(0)),
        "residual": lambda: Residual([LayerNorm(WIDTH, eps=EPS), dense(WIDTH, WIDTH)]),
        "projected": lambda: Residual(
            [LayerNorm(WIDTH, eps=EPS), dense(WIDTH, 4)], dense(WIDTH, 4, Projection)
        ),
        "layernorm": lambda: LayerNorm(WIDTH, eps=EPS),
        # Groups of 4 and 2 units; seven samples are more than a group has units, two are fewer.
        **{
            kind.kind: lambda kind=kind: kind(WIDTH, group_size=4, eps=EPS)
            for kind in NORMALIZATIONS.values()
        },
        **{
            name: lambda act=act: Activate(act, units=WIDTH // act.pieces)
            for name, act in ACTIVATIONS.items()
        },
    }


def losses():
    """Return the losses that are registered now."""
    return LOSSES | REGRESSION_LOSSES


def allocated(layer, rng):
    """Bind the layer to arrays of its own, and give their network."""
    network = Network([layer]).allocate(np.float64)
    network.initialize(rng)
    network.theta += 0.1 * rng.standard_normal(network.theta.shape)
    make_up_statistics(network, rng)
    layer.gradient_from = 0
    return network


def make_up_statistics(network, rng):
    """Let the running averages be any, of covariances that are symmetric."""
    for layer in network.leaves:
        for name in layer.statistics:
            array = getattr(layer, name)
            array += 0.5 * rng.random(array.shape)
        for covariance in layer.covariances() if hasattr(layer, "covariances") else ():
            covariance[...] = covariance @ covariance.swapaxes(-1, -2)


def layer_error(name, n_samples=7, training=True, weighted=False):
    """Return the error of a layer's gradient, in its input or in its parameters, whichever is larger."""
    rng = np.random.default_rng(n_samples)
    layer = layers()[name]()
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
    h = STEPS[tolerance(name)]
    errors = [relative_error(dX, numerical_gradient(inner_product, X, h))]
    if grad.size:
        errors.append(relative_error(grad, numerical_gradient(inner_product, network.theta, h)))
    return float(np.max(errors))  # NaN if one is


def targets(loss_name, n_samples, n_outputs, rng):
    """Draw targets for a loss: classes, or zeros and ones, ones and twos where the loss has no zeros."""
    if loss_name == "softmax":
        return rng.integers(0, n_outputs, n_samples)
    return rng.integers(0, 2, (n_samples, n_outputs)) + float(losses()[loss_name].excludes_least)


def loss_error(name, n_samples=7, weighted=False):
    """Return the error of a loss's gradient in the logits."""
    rng = np.random.default_rng(n_samples)
    Z = 3 * rng.standard_normal((n_samples, 4))
    y = targets(name, n_samples, 4, rng)
    weight = rng.random(n_samples) if weighted else None
    loss = losses()[name].loss
    dZ = loss(Z.copy(), y, weight)[1]
    return relative_error(dZ, numerical_gradient(lambda: loss(Z.copy(), y, weight)[0], Z))
