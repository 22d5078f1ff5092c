"""Against numbers worked out with torch, stored by tests/data/torch_values.py, to 1e-6."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import xlogy

from sknn6.nn.activations import ACTIVATIONS
from sknn6.nn.dense import Dense
from sknn6.nn.initializers import INITIALIZERS
from sknn6.nn.layers import Activate
from sknn6.nn.losses import LOSSES, REGRESSION_LOSSES
from sknn6.nn.network import Network
from sknn6.nn.normalization import BatchNorm, LayerNorm
from sknn6.nn.optimizers import Adam
from sknn6.nn.update import Update

TORCH = json.loads((Path(__file__).parent / "data" / "torch_values.json").read_text())


def close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(name):
    expected = TORCH["activations"][name]
    layer = Activate(ACTIVATIONS[name])
    Network([layer]).allocate(np.float64).initialize(None)
    z = np.array(expected["z"])[:, None]
    others = np.zeros((len(z), layer.activation.pieces - 1))
    close(layer.forward(np.hstack([z, others]))[:, 0], expected["A"])
    close(layer.backward(np.ones_like(z))[:, 0], expected["slope"])


@pytest.mark.parametrize(("name", "kind"), [("batchnorm", BatchNorm), ("layernorm", LayerNorm)])
def test_normalization(name, kind):
    """BatchNorm1d and LayerNorm: two training steps, then a prediction."""
    expected = TORCH[name]
    layer = kind(5)
    Network([layer]).allocate(np.float64).initialize(None)
    layer.gamma[:], layer.beta[:] = expected["gamma"], expected["beta"]
    for step in expected["steps"]:
        close(layer.forward(np.array(step["X"])), step["Y"])
        close(layer.backward(np.array(step["G"])), step["dX"])
        close(layer.dgamma, step["dgamma"])
        close(layer.dbeta, step["dbeta"])
    for statistic, value in expected["statistics"].items():
        close(getattr(layer, statistic), value)
    close(layer.predict(np.array(expected["steps"][0]["X"])), expected["prediction"])


class Ones:
    """Draws that show the scale that they are drawn with."""

    def uniform(self, low, high, shape):
        return np.full(shape, high)

    def standard_normal(self, shape):
        return np.ones(shape)


@pytest.mark.parametrize("name", TORCH["initializers"]["laws"])
def test_initializer(name):
    """The bound of the uniform laws, the deviation of the normal ones."""
    expected = TORCH["initializers"]
    W = INITIALIZERS[name](Ones(), expected["fan_in"], expected["fan_out"], expected["gain"])
    (scale,) = expected["laws"][name].values()
    close(W, np.full((expected["fan_in"], expected["fan_out"]), scale))


@pytest.mark.parametrize(("name", "weight_decay"), [("adam", 0.0), ("adamw", 0.3)])
def test_adam(name, weight_decay):
    """torch.optim.Adam and AdamW: betas (0.8, 0.99), rate 0.01."""
    expected = TORCH[name]
    network = Network([Dense(2, 3)]).allocate(np.float64)
    theta = np.array(expected["theta"])
    network.theta[:6] = theta
    update = Update(
        network, Adam(network.theta, beta_1=0.8, beta_2=0.99, epsilon=1e-12), weight_decay=weight_decay
    )
    for grad, after in zip(expected["grads"], expected["path"], strict=True):
        network.grad[:6] = grad
        update(0.01)
        close(network.theta[:6], after)


@pytest.mark.parametrize("name", ["softmax", "softmax_smoothed", "logistic", "huber", "poisson"])
def test_loss(name):
    """cross_entropy, binary_cross_entropy_with_logits, huber_loss, poisson_nll_loss; mean over samples."""
    values, expected = TORCH["losses"], TORCH["losses"][name]
    kind, _, smoothed = name.partition("_")
    Z, targets = np.array(values["Z"]), np.array(values["targets"])
    Y = {"softmax": np.array(values["y"]), "logistic": targets.round()}.get(kind, targets)
    options = {"smoothing": 0.2} if smoothed else {}
    loss, dZ = (LOSSES | REGRESSION_LOSSES)[kind].loss(Z, Y, **options)
    left_out = np.sum(xlogy(Y, Y) - Y) / len(Y) if kind == "poisson" else 0  # of the deviance, by torch
    close(loss, expected["loss"] + left_out)
    close(dZ, expected["dZ"])
