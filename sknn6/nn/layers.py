"""The nonlinearity, dropout and the residual block as layers."""

from typing import Any, Self

import numpy as np
from numpy.random import Generator

from sknn6.nn.activations import Activation
from sknn6.nn.annotations import Array
from sknn6.nn.dense import Dense
from sknn6.nn.kernels import kernel
from sknn6.nn.layer import Layer
from sknn6.nn.random_words import random_words

__all__ = ["Activate", "Dropout", "Residual"]


class Residual(Layer):
    """Y = X + F(X), or P(X) + F(X) where X and F(X) differ in width [1]_.

    Backward: dX = dY + F'(X)^T dY, so that the gradient reaches every block.

    Parameters
    ----------
    body : list of Layer
        The layers of F. The last is a Dense, to whose output X is added.
    projection : Projection or None
        P; None if the widths are equal.

    References
    ----------
    .. [1] He, Zhang, Ren & Sun (2016), Identity Mappings in Deep Residual Networks, arXiv:1603.05027,
       figure 4e.
    """

    kind = "residual"

    def __init__(self, body: list[Layer], projection: Dense | None = None) -> None:
        super().__init__()
        self.body, self.projection = body, projection

    def leaves(self) -> list[Layer]:
        body = [leaf for layer in self.body for leaf in layer.leaves()]
        return body if self.projection is None else [*body, self.projection]

    def view(self) -> Self:
        view = super().view()
        view.body = [layer.view() for layer in self.body]
        view.projection = self.projection and self.projection.view()
        return view

    def forward(self, X: Array, weight: Array | None = None) -> Array:
        Y = self.buffer("X", X.shape, X.dtype)  # a copy: the body may overwrite its input
        Y[...] = X
        for layer in self.body:
            Y = layer.forward(Y, weight)
        Y += X if self.projection is None else self.projection.forward(X)
        return Y

    def backward(self, dY: Array) -> Array:
        dX = dY
        for layer in reversed(self.body):
            dX = layer.backward(dX)
        # dY is intact: the body ends in a Dense, whose backward does not overwrite its argument.
        dX += dY if self.projection is None else self.projection.backward(dY)
        return dX

    def predict(self, X: Array) -> Array:
        return self._pass(X, "predict")

    def calibrate(self, X: Array, weight: Array | None) -> Array:
        return self._pass(X, "calibrate", weight)

    def recompute_statistics(self, X: Array, weight: Array | None, weights_averaged: bool) -> Array:
        return self._pass(X, "recompute_statistics", weight, weights_averaged)

    def _pass(self, X: Array, method: str, *args: Any) -> Array:
        """Return X + F(X), computed by the given method of each layer."""
        Y = X.copy()
        for layer in self.body:
            Y = getattr(layer, method)(Y, *args)
        Y += X if self.projection is None else getattr(self.projection, method)(X, *args)
        return Y


class Activate(Layer):
    """A = f(Z), where f may have learned parameters.

    Parameters
    ----------
    activation : Activation
        f and its derivative.
    units : int
        Number of units, each with its own learned parameters.
    """

    kind = "activate"

    saved: Any  # what the backward of the activation needs

    def __init__(self, activation: Activation, units: int = 1) -> None:
        super().__init__()
        self.activation, self.saved = activation, None
        for name, _ in activation.learned:
            if hasattr(self, name) or not name.isidentifier():
                raise ValueError(
                    "The learned parameters of an Activation must have names that its layer does not use, "
                    f"got {name!r}."
                )
        self.parameters = {name: (units,) for name, _ in activation.learned}

    def initialize(self, rng: Generator) -> None:
        for name, start in self.activation.learned:
            getattr(self, name)[...] = start

    def learned_values(self) -> list[Array]:
        """Return the arrays of the learned parameters."""
        return [getattr(self, name) for name in self.parameters]

    def forward(self, Z: Array, weight: Array | None = None) -> Array:
        A, self.saved = self.activation.forward(Z, *self.learned_values())
        return np.ascontiguousarray(A)  # a user's function may return a part of an array

    def backward(self, dA: Array) -> Array:
        if not self.parameters:
            return self.activation.backward(dA, self.saved)
        dZ, *gradients = self.activation.backward(dA, self.saved, *self.learned_values())
        for name, gradient in zip(self.parameters, gradients, strict=True):
            into = getattr(self, f"d{name}")
            into[...] = gradient.reshape(into.shape)
        return dZ

    def predict(self, Z: Array) -> Array:
        return self.activation.forward(Z, *self.learned_values())[0]


class Dropout(Layer):
    """A = X M / (1 - rate), M ~ Bernoulli(1 - rate), drawn anew for each batch; A = X in prediction [1]_.

    The rate is rounded to a multiple of 2^-16, because M comes from comparisons of random integers of 16
    bits. For each batch, a seed is drawn from the generator, and `random_words` computes the integers from
    it, so that threads can compute those of several members.

    Parameters
    ----------
    rate : float
        Fraction of the activations to drop, from 0 to below 1.
    rng : numpy.random.Generator or None
        Generator of the seeds; None creates a new one. Prediction does not use it.

    References
    ----------
    .. [1] Srivastava, Hinton, Krizhevsky, Sutskever & Salakhutdinov (2014), Dropout: A Simple Way to Prevent
       Neural Networks from Overfitting, JMLR 15.
    """

    kind = "dropout"

    mask: Array | float  # (samples, units): 0 or 1 / (1 - rate); 1 if the last forward was not in training

    def __init__(self, rate: float, rng: Generator | None = None) -> None:
        super().__init__()
        self.threshold, self.rng = min(round(rate * 2**16), 2**16 - 1), np.random.default_rng(rng)

    def forward(self, X: Array, weight: Array | None = None) -> Array:
        if not self.training:
            self.mask = 1.0
            return X
        seed = self.draw_seed()
        scale = X.dtype.type(2**16 / (2**16 - self.threshold))
        self.mask = self.buffer("mask", X.shape, X.dtype)
        A = self.buffer("A", X.shape, X.dtype)  # not X, which the activation before may have saved
        drop(X, seed, self.threshold, scale, self.mask, A)
        return A

    def draw_seed(self) -> np.uint64:
        """Draw the seed from which M is computed for the next batch."""
        return self.rng.integers(2**64, dtype=np.uint64)

    def backward(self, dA: Array) -> Array:
        dA *= self.mask
        return dA

    def predict(self, X: Array) -> Array:
        return X


@kernel
def drop(X: Array, seed: np.uint64, threshold: int, scale: np.floating, mask: Array, out: Array) -> None:
    """Write `scale` to `mask` where the random integer is >= `threshold`, else 0; write X * mask to `out`.

    The members use consecutive parts of the sequence `random_words`; each word holds four integers of 16
    bits.
    """
    size = X.shape[-2] * X.shape[-1]
    words = random_words(seed, X.size // size * -(-size // 4))
    integers = words.astype("<u8", copy=False).view("<u2").reshape(X.size // size, -1)[:, :size]
    kept = integers.reshape(X.shape) >= threshold
    np.multiply(X, np.multiply(kept, scale, out=mask), out=out)
