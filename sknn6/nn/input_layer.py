"""The base of the layers before the first linear map, which encode the columns of X."""

from abc import abstractmethod

import numpy as np

from sknn6.nn.annotations import Array, Shape
from sknn6.nn.layer import NO_GRADIENT, Layer

__all__ = ["InputLayer"]


class InputLayer(Layer):
    """A layer whose input are columns of X, so that nobody needs the gradient with respect to it.

    Attributes
    ----------
    width : int
        Number of columns of the output.
    """

    width: int

    @abstractmethod
    def encode(self, X: Array, Z: Array) -> Array:
        """Write the output for X to Z and return it."""

    def shape(self, X: Array) -> Shape:
        """Return the shape of the output for X."""
        return len(X), self.width

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the output, which is that of all arrays of the layer."""
        array: Array = getattr(self, next(iter(self.statistics)))
        return array.dtype

    def forward(self, X: Array, weight: Array | None = None) -> Array:
        return self.encode(X, self.buffer("Z", self.shape(X), self.dtype))

    def backward(self, dZ: Array) -> Array:
        return NO_GRADIENT

    def predict(self, X: Array) -> Array:
        return self.encode(X, np.empty(self.shape(X), self.dtype))
