"""What all normalisations have: a learned scale and shift of the normalised units."""

from abc import abstractmethod
from copy import copy

import numpy as np
from numpy.random import Generator

from sknn6.nn.annotations import Array
from sknn6.nn.kernels import kernel
from sknn6.nn.layer import Layer

__all__ = ["Normalization", "scale_and_shift"]


class Normalization(Layer):
    """Y = gamma Xhat + beta.

    Backward: dgamma = sum dY Xhat and dbeta = sum dY over the samples; `differentiate` computes dX.

    Parameters
    ----------
    units : int
        Number of units.
    eps : float
        Added to every variance.
    """

    # The network sets these: gamma and beta are views of its theta, dgamma and dbeta of its grad.
    gamma: Array  # (units,)
    beta: Array  # (units,)
    dgamma: Array  # as gamma
    dbeta: Array  # as beta

    Xhat: Array  # (samples, units), of the last forward

    def __init__(self, units: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.units, self.eps = units, eps
        self.parameters = {"gamma": (units,), "beta": (units,)}

    def initialize(self, rng: Generator) -> None:
        self.gamma[...] = 1
        self.beta[...] = 0

    @abstractmethod
    def normalize(self, X: Array, weight: Array | None) -> Array:
        """Return Xhat and keep what `differentiate` needs; X and the buffer "Y" may be overwritten."""

    @abstractmethod
    def differentiate(self, dY: Array, work: Array) -> Array:
        """Return the gradient with respect to X, given the gradient dY with respect to Y.

        `work` has the shape of dY; both may be overwritten. dgamma and dbeta have been computed before.
        """

    def forward(self, X: Array, weight: Array | None = None) -> Array:
        self.Xhat = self.normalize(X, weight)
        Y = self.buffer("Y", X.shape, X.dtype)
        scale_and_shift(self.Xhat, self.gamma, self.beta, Y)
        return Y

    def backward(self, dY: Array) -> Array:
        work = self.buffer("dX", dY.shape, dY.dtype)
        self.sum_samples(dY, out=self.dbeta)
        self.sum_samples(np.multiply(dY, self.Xhat, out=work), out=self.dgamma)
        return self.differentiate(dY, work)

    def predict(self, X: Array) -> Array:
        reader = copy(self)  # `forward` may write to the copy
        reader.training, reader._buffers = False, {}
        return reader.forward(X)


@kernel
def scale_and_shift(X: Array, scale: Array, shift: Array, out: Array) -> None:
    """Write X scale + shift to `out`."""
    np.multiply(X, scale, out=out)
    out += shift
