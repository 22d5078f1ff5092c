"""What a layer of a network is: a map with parameters, with an explicit forward and backward.

A layer says which arrays it has (`parameters`, `statistics`: name to shape); `Network` binds them as
attributes, parameter ``W`` together with its gradient ``dW``. Each class declares these arrays with their
shapes for one network. Arrays end in (samples, units).

Several networks can be trained side by side: their arrays then have a leading axis of members, those of
vectors, one number a unit, being (members, 1, units), so that they broadcast over the samples. The data have
no such axis; the first Dense makes it.

Memory: what a layer returns is its own buffer, in use until its next `forward`. The layer after may write
into it, so `forward` may overwrite X and `backward` dZ, with two exceptions: `Dense`, which reads the user's
data, and `Dropout`, which follows an activation, leave X alone. `predict` writes to nothing that outlives the
call, so that any number of threads can run it on one network.
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

# What stands for the gradient of the input where nobody needs it; it adds to no batch and multiplies none.
NO_GRADIENT = np.empty((0, 0))


class Layer(ABC):
    """Base of all layers.

    Attributes
    ----------
    kind : str
        What layers of the class are called, with a number, in saved models; so it outlives the class's name.
    parameters : dict of str to tuple
        Shapes of the learned arrays.
    decayed : tuple of str
        The parameters that weight decay and the L2 penalty shrink.
    statistics : dict of str to tuple
        Shapes of the arrays that are kept but not learned.
    training : bool
        Whether `forward` is a training step; it makes a difference to layers with statistics.
    gradient_from : int or None
        The first column of the input whose gradient `backward` computes; None if nobody needs any. Where it
        is not 0, the layer is a `Dense`, and the gradient has no columns for the inputs before it.
    learned_from : int
        The first column of the output that depends on what the layer learns.
    uncalibrated : bool
        Whether the initial values wait for `calibrate`.
    drifts : bool
        Whether running averages over batches with different weights make bad statistics for prediction.
    group_size : int
        Units that share a statistic.
    per_member : bool
        Whether each network has arrays of its own, where several are trained side by side.
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
        self.name = ""  # the network's for it, like "dense_0"

    def leaves(self) -> "list[Layer]":
        """Return the layers that this one is made of, which have the arrays; here itself."""
        return [self]

    def twin(self) -> Self:
        """Return a layer that has the same arrays, and buffers of its own."""
        twin = copy(self)
        twin._buffers = {}
        return twin

    def initialize(self, rng: Generator) -> None:  # noqa: B027, not abstract: a layer without parameters has none to write
        """Write the initial values into the bound arrays."""

    def calibrate(self, X: Array, weight: Array | None) -> Array:
        """Adapt initial values that depend on data to X, the layer's input; give the output."""
        return self.predict(X)

    def settle(self, X: Array, weight: Array | None, weights_averaged: bool) -> Array:
        """Take the statistics of prediction anew from X, if the layer `drifts` or needs to; give the output.

        It needs to where the weights have been averaged, so that no batch has seen them.
        """
        return self.predict(X)

    @abstractmethod
    def forward(self, X: Array, weight: Array | None = None) -> Array:
        """Map X (samples, fan_in) to (samples, fan_out) and keep what `backward` needs.

        `weight` holds the samples' weights, None if all are 1, for layers that average over samples.
        """

    @abstractmethod
    def backward(self, dZ: Array) -> Array:
        """Write the gradients of the parameters; map the gradient of the output to the input's."""

    @abstractmethod
    def predict(self, X: Array) -> Array:
        """Map X as the trained layer does, keeping nothing."""

    def buffer(self, name: str, shape: Shape, dtype: DTypeLike) -> Array:
        """Return an array, at first of ones, that is the same at every call with that name and shape.

        The arrays of a name share memory: those of the last batch of an epoch, which is smaller, take none.
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
        """Sum X over the samples, as a product with ones: several times faster than `np.sum`."""
        n = X.shape[-2]
        ones = self.buffer("ones", (n,) if X.ndim == 2 else (1, n), X.dtype)
        return np.matmul(ones, X, out=out)
