"""Record the inputs and outputs of layers, and compute statistics of them."""

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from sknn6.nn.activations import Activation
from sknn6.nn.annotations import Array, Rows
from sknn6.nn.dense import Dense, Projection
from sknn6.nn.layer import Layer
from sknn6.nn.layers import Activate
from sknn6.nn.network import Network

__all__ = [
    "NO_SLOPE",
    "SATURATED",
    "LayerRecord",
    "LayerTracker",
    "linear_maps",
    "norm",
    "observed",
    "relative_slopes",
]

# An activation is saturated where its slope is below this fraction of its largest slope: it passes little
# gradient.
SATURATED = 0.05

# A unit is dead if for every sample its slope is below this fraction of the largest: it passes no gradient.
# Leaky ReLU's 0.01 is above it, for its units go on learning.
NO_SLOPE = 1e-3


class LayerRecord:
    """Copies of the last input and output of a layer.

    Attributes
    ----------
    layer : Layer
    X, Y : ndarray or None
        Input and output of the last `forward` or `predict`.
    """

    X: Any
    Y: Any

    def __init__(self, layer: Layer) -> None:
        self.layer, self.X, self.Y = layer, None, None
        for name in ("forward", "predict"):
            setattr(layer, name, self._recorded(getattr(layer, name)))

    def slopes(self) -> Array:
        """Return the relative slopes at the last input; the layer must be an `Activate`."""
        assert isinstance(self.layer, Activate)
        return relative_slopes(self.layer.activation, self.X, self.layer.learned_values())

    def _recorded(self, method: Callable[..., Array]) -> Callable[..., Array]:
        def run(X: Rows, *args: Any) -> Array:
            self.X = X.copy()
            Y = method(X, *args)
            self.Y = Y.copy()
            return Y

        return run


def observed(network: Network) -> tuple[Network, list[LayerRecord]]:
    """Return a view of a network whose activations and last layer are recorded, and their records.

    The view shares the arrays of the network: it always computes with the present weights, and its `backward`
    writes the network's gradient. The network itself is not slowed down.

    Parameters
    ----------
    network : Network

    Returns
    -------
    observer : Network
        The view.
    records : list of LayerRecord
        One for each `Activate` layer, in order, and one for the last layer.

    Examples
    --------
    >>> import numpy as np
    >>> from sknn6.nn.architecture import Architecture
    >>> from sknn6.nn.observe import observed
    >>> network = Architecture(4, [8], 3, "relu").build().allocate(np.float64)
    >>> network.initialize(np.random.default_rng(0))
    >>> observer, records = observed(network)
    >>> Z = observer.predict(np.ones((2, 4)))
    >>> [record.Y.shape for record in records]
    [(2, 8), (2, 3)]
    """
    observer = network.view()
    watched = [leaf for leaf in observer.leaves if isinstance(leaf, Activate)]
    return observer, [LayerRecord(layer) for layer in (*watched, observer.layers[-1])]


def linear_maps(network: Network) -> list[Dense]:
    """Return the Dense layers in order, without the projections of shortcuts.

    There is one for each record of `observed`: that of the same hidden layer or of the output.
    """
    return [layer for layer in network.dense() if not isinstance(layer, Projection)]


def relative_slopes(activation: Activation, Z: Array, learned: list[Array] | None = None) -> Array:
    """Return |f'(z)| divided by its largest value.

    Parameters
    ----------
    activation : Activation
    Z : ndarray of shape (..., samples, pieces units)
    learned : list of ndarray, optional
        Values of the learned parameters; None means the initial values.

    Returns
    -------
    ndarray of shape (..., samples, units)
        The slope of a unit with several pieces is the largest of theirs.

    Examples
    --------
    >>> import numpy as np
    >>> from sknn6.nn.activations import ACTIVATIONS
    >>> from sknn6.nn.observe import relative_slopes
    >>> relative_slopes(ACTIVATIONS["tanh"], np.array([[-3.0, 0.0, 2.0]])).round(2)
    array([[0.01, 1.  , 0.07]])
    """
    return slopes(activation, Z, learned) / steepest(activation)


def slopes(activation: Activation, Z: Array, learned: list[Array] | None = None) -> Array:
    """Return |f'(Z)|; for a unit with several pieces, the largest of them."""
    if learned is None:
        learned = [np.array([start], Z.dtype) for _, start in activation.learned]
    A, saved = activation.forward(Z.copy(), *learned)
    slope = activation.backward(np.ones_like(A), saved, *learned)
    slope = np.abs(slope[0] if activation.learned else slope)
    return np.maximum.reduce(np.split(slope, activation.pieces, axis=-1))


@cache
def steepest(activation: Activation) -> float:
    """Return the largest |f'(z)| over -8 <= z <= 8."""
    Z = np.tile(np.linspace(-8, 8, 1601)[:, None], activation.pieces)
    return float(slopes(activation, Z).max())


def norm(W: Array) -> np.floating:
    """Return the Euclidean norm of a matrix, or the mean of the norms of several members."""
    if W.ndim == 2:
        return np.sqrt(np.vdot(W, W))
    return np.mean([norm(of_member) for of_member in W])


def fraction_of_true(flags: Array) -> float:
    """Return the fraction of True, much faster than NumPy's `mean`."""
    return np.count_nonzero(flags) / flags.size


def mean_and_std(Y: Array) -> tuple[float, float]:
    """Return the mean and the standard deviation, in half the time of NumPy's functions."""
    mean = float(np.add.reduce(Y, axis=None)) / Y.size
    deviation = Y - mean
    return mean, math.sqrt(np.vdot(deviation, deviation) / Y.size)


class LayerTracker:
    """Statistics of every layer, computed again and again during a training.

    Parameters
    ----------
    network : Network
    X : ndarray or sparse matrix
        The rows for the statistics, in the form that the first layer takes.
    """

    def __init__(self, network: Network, X: Rows) -> None:
        self.observer, self.records = observed(network)
        self.X = X
        self.weights = [layer.W.copy() for layer in linear_maps(network)]

    def __call__(self) -> dict[str, float]:
        """Return the statistics, named as "mean_1", where 1 is the first layer.

        Returns
        -------
        dict of str to float
            "mean" and "std" of the layer's output; "saturated", the fraction of its outputs, and "dead", the
            fraction of its units, not for the last layer; "weight_norm", the norm of W; "change", the norm of
            the change of W since the last call, divided by the norm of W at that time. For several members,
            the means over them.
        """
        figures = {}
        self.observer.predict(self.X)
        for i, record in enumerate(self.records, 1):
            figures[f"mean_{i}"], figures[f"std_{i}"] = mean_and_std(record.Y)
            if isinstance(record.layer, Activate):
                slope = record.slopes()
                figures[f"saturated_{i}"] = fraction_of_true(slope < SATURATED)
                figures[f"dead_{i}"] = fraction_of_true(slope.max(axis=-2) < NO_SLOPE)
        for i, (layer, W) in enumerate(zip(linear_maps(self.observer), self.weights, strict=True), 1):
            figures[f"weight_norm_{i}"] = float(norm(layer.W))
            figures[f"change_{i}"] = float(norm(layer.W - W) / norm(W))
            W[...] = layer.W
        return figures
