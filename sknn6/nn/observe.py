"""What the layers of a network see in a pass: inputs, outputs, gradients, and where they are flat."""

from contextlib import contextmanager
from functools import cache

import numpy as np

from sknn6.nn.layers import Activate

__all__ = ["LayerRecord", "flat", "observed"]

# A slope below this share of the activation's steepest lets next to no gradient pass.
SATURATED = 0.05


class LayerRecord:
    """The last input and output of a layer, and the gradient that came back to it; copies.

    Attributes
    ----------
    X, Y : ndarray or None
        Of the last `forward` or `predict`.
    dY : ndarray or None
        The gradient in Y of the last `backward`.
    """

    def __init__(self, layer):
        self.layer, self.X, self.Y, self.dY = layer, None, None, None

    def _through(self, method):
        original = getattr(self.layer, method)

        def run(X, *args):
            self.X = X.copy()
            Y = original(X, *args)
            self.Y = Y.copy()
            return Y

        return run

    def _back(self):
        original = self.layer.backward

        def backward(dY):
            self.dY = dY.copy()
            return original(dY)

        return backward

    def attach(self):
        """Have the layer write to this record."""
        self.layer.forward, self.layer.predict = self._through("forward"), self._through("predict")
        self.layer.backward = self._back()

    def detach(self):
        """Leave the layer as it was."""
        for method in ("forward", "predict", "backward"):
            del vars(self.layer)[method]


@contextmanager
def observed(network):
    """Give a context in which the hidden layers' activations and the output layer are recorded.

    Parameters
    ----------
    network : Network

    Yields
    ------
    list of LayerRecord
        One for each `Activate` layer, in order, and one for the last layer.

    Examples
    --------
    >>> import numpy as np
    >>> from sknn6.nn.network import perceptron
    >>> from sknn6.nn.observe import observed
    >>> network = perceptron(4, [8], 3, "relu").allocate(np.float64)
    >>> network.initialize(np.random.default_rng(0))
    >>> with observed(network) as records:
    ...     Z = network.predict(np.ones((2, 4)))
    >>> [record.Y.shape for record in records]
    [(2, 8), (2, 3)]
    """
    watched = [leaf for leaf in network.leaves if isinstance(leaf, Activate)]
    records = [LayerRecord(layer) for layer in (*watched, network.layers[-1])]
    for record in records:
        record.attach()
    try:
        yield records
    finally:
        for record in records:
            record.detach()


def flat(activation, Z, learned=None):
    """Tell where an activation lets next to no gradient pass: |f'(z)| below 0.05 of its largest value.

    Parameters
    ----------
    activation : Activation
    Z : ndarray of shape (..., samples, pieces units)
    learned : list of ndarray, optional
        Values of its learned parameters; None is where they start.

    Returns
    -------
    ndarray of bool, shape (..., samples, units)
        Of a unit of several pieces, whether that is so of all of them.

    Examples
    --------
    >>> import numpy as np
    >>> from sknn6.nn.activations import ACTIVATIONS
    >>> from sknn6.nn.observe import flat
    >>> flat(ACTIVATIONS["tanh"], np.array([[-3.0, 0.5, 2.0]]))
    array([[ True, False, False]])
    """
    return slopes(activation, Z, learned) < SATURATED * steepest(activation)


def slopes(activation, Z, learned=None):
    """Give |f'(Z)|, of a unit of several pieces the largest of theirs."""
    if learned is None:
        learned = [np.array([start], Z.dtype) for _, start in activation.learned]
    A, saved = activation.forward(Z.copy(), *learned)
    slope = activation.backward(np.ones_like(A), saved, *learned)
    slope = np.abs(slope[0] if activation.learned else slope)
    return np.maximum.reduce(np.split(slope, activation.pieces, axis=-1))


@cache
def steepest(activation):
    """Give the largest |f'(z)| over -8 <= z <= 8."""
    Z = np.tile(np.linspace(-8, 8, 1601)[:, None], activation.pieces)
    return float(slopes(activation, Z).max())
