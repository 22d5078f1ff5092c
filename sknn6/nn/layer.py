"""The base class of layers: maps with parameters, with an explicit forward and backward.

A layer names its arrays and their shapes (`parameters`, `statistics`). `Network` sets them as attributes, a
parameter ``W`` together with its gradient ``dW``. Each class declares these arrays with their shapes in a
single network. The last axes of data are (samples, units).

Several networks, called members, can be trained side by side. Their arrays then have a leading axis of
members; vectors with one number per unit have shape (members, 1, units), so that they broadcast over the
samples. The input data have no such axis; the first layer with `per_member` adds it.

Memory: `forward` returns either an array of the layer's own, valid until its next `forward`, or its input.
The next layer may write into it: `forward` may overwrite X, and `backward` may overwrite dZ. But layers that
may be the first do not overwrite X, which is the user's, and neither does `Dropout`, which follows an
activation. `predict` writes only to memory of the call, so that any number of threads can run it on the same
network.
"""

import math
from abc import ABC, abstractmethod
from copy import copy
from typing import Any, Self

import numpy as np
from numpy.random import Generator
from numpy.typing import DTypeLike

from sknn6.nn.annotations import Array, Shape

__all__ = ["NO_GRADIENT", "Layer"]

# Returned in place of the gradient with respect to the input, if that is not needed.
NO_GRADIENT = np.empty((0, 0))


class Layer(ABC):
    """Base of all layers.

    Attributes
    ----------
    kind : str
        First part of the layer's name in saved models, as "dense" in "dense_0". Keep it when the class is
        renamed, or saved models cannot be loaded.
    parameters : dict of str to tuple
        Shapes of the learned arrays.
    decayed : tuple of str
        The parameters that weight decay and the L2 penalty shrink.
    statistics : dict of str to tuple
        Shapes of the arrays that are part of the network but not learned by gradients.
    training : bool
        Whether `forward` is a training step, which differs for layers with statistics and for dropout.
    gradient_from : int or None
        The first column of the input for which `backward` computes the gradient; None if no gradient is
        needed. If it is not 0, the layer is a `Dense`, and the gradient has no columns for the inputs before
        it.
    learned_from : int
        The first column of the output that depends on what the layer learns.
    uncalibrated : bool
        Whether `calibrate` still has to adapt the initial values to data.
    drifts : bool
        Whether running averages, which come from earlier weights, are too poor for prediction, so that the
        statistics are recomputed with the present weights.
    group_size : int
        Number of units that share a statistic.
    per_member : bool
        Whether each of several members has its own arrays.
    """

    kind: str
    parameters: dict[str, Shape] = {}
    decayed: tuple[str, ...] = ()
    statistics: dict[str, Shape] = {}
    training = True
    gradient_from: int | None = 0
    learned_from = 0
    uncalibrated = False
    drifts = False
    group_size = 1
    per_member = True

    def __init__(self) -> None:
        self._buffers: dict[Any, Array] = {}
        self.name = ""  # such as "dense_0", set by the network

    def leaves(self) -> "list[Layer]":
        """Return the layers of which this one consists, and which have the arrays: usually itself."""
        return [self]

    def view(self) -> Self:
        """Return a layer that shares the arrays of this one and has its own buffers."""
        view = copy(self)
        view._buffers = {}
        return view

    def initialize(self, rng: Generator) -> None:  # noqa: B027, not abstract: some layers have no parameters
        """Write the initial values into the bound arrays."""

    def calibrate(self, X: Array, weight: Array | None) -> Array:
        """Adapt initial values that depend on data to the layer's input X; return the output."""
        return self.predict(X)

    def recompute_statistics(self, X: Array, weight: Array | None, weights_averaged: bool) -> Array:
        """Replace running averages that do not fit the weights by statistics of X, and return the output.

        They do not fit if the layer `drifts`, nor after averaging of the weights, since no batch was computed
        with the averaged weights.
        """
        return self.predict(X)

    @abstractmethod
    def forward(self, X: Array, weight: Array | None = None) -> Array:
        """Map X (samples, fan_in) to (samples, fan_out) and keep what `backward` needs.

        `weight` has the weights of the samples, for layers that average over samples; None if all are 1.
        """

    @abstractmethod
    def backward(self, dZ: Array) -> Array:
        """Write the gradients of the parameters and return the gradient with respect to the input."""

    @abstractmethod
    def predict(self, X: Array) -> Array:
        """Map X as the trained layer does, without keeping anything for `backward`."""

    def buffer(self, name: str, shape: Shape, dtype: DTypeLike) -> Array:
        """Return the layer's reusable array of this name and shape.

        New memory is filled with ones, on which `sum_samples` relies.

        A smaller array shares the memory of a larger one of the same name that was asked for before, so that
        the smaller last batch of an epoch needs no more.
        """
        key = name, shape
        buffer = self._buffers.get(key)
        if buffer is None:
            size = math.prod(shape)
            memory = self._buffers.get(name)
            if memory is None or memory.size < size:
                memory = self._buffers[name] = np.ones(size, dtype)
            buffer = self._buffers[key] = memory[:size].reshape(shape)
        return buffer

    def sum_samples(self, X: Array, out: Array) -> Array:
        """Write the sum of X over the samples to `out`, by a product with ones, much faster than `np.sum`."""
        n = X.shape[-2]
        ones = self.buffer("ones", (n,) if X.ndim == 2 else (1, n), X.dtype)
        return np.matmul(ones, X, out=out)
