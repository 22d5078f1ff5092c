"""The layers of a network: maps with parameters, each with an explicit forward and backward.

A layer says which arrays it has (`parameters`, `statistics`: name to shape); `Network` binds them as
attributes, parameter ``W`` together with its gradient ``dW``. Arrays end in (samples, units).

Memory: what a layer returns is its own buffer, in use until its next `forward`. The layer after may write
into it, so `forward` may overwrite X and `backward` dZ, with two exceptions: `Dense`, which reads the user's
data, and `Dropout`, which follows an activation, leave X alone. `predict` writes to nothing that outlives the
call, so that any number of threads can run it on one network.
"""

from abc import ABC, abstractmethod

import numpy as np

__all__ = ["Activate", "Dense", "Dropout", "Layer"]


class Layer(ABC):
    """Base of all layers.

    Attributes
    ----------
    parameters : dict of str to tuple
        Shapes of the learned arrays.
    decayed : tuple of str
        The parameters that weight decay and the L2 penalty shrink.
    statistics : dict of str to tuple
        Shapes of the arrays that are kept but not learned.
    training : bool
        Whether `forward` is a training step; it makes a difference to layers with statistics.
    propagates : bool
        Whether `backward` is to compute the gradient of the input; the first layer's is not needed.
    """

    parameters = {}
    decayed = ()
    statistics = {}
    training = True
    propagates = True

    def __init__(self):
        self._buffers = {}

    def initialize(self, rng):  # noqa: B027, not abstract: a layer without parameters has none to write
        """Write the initial values into the bound arrays."""

    @abstractmethod
    def forward(self, X, weight=None):
        """Map X (samples, fan_in) to (samples, fan_out) and keep what `backward` needs.

        `weight` holds the samples' weights, None if all are 1, for layers that average over samples.
        """

    @abstractmethod
    def backward(self, dZ):
        """Write the gradients of the parameters; map the gradient of the output to the input's."""

    @abstractmethod
    def predict(self, X):
        """Map X as the trained layer does, keeping nothing."""

    def buffer(self, name, shape, dtype):
        """Give an array, at first of ones, that is the same at every call with that name and shape."""
        key = name, shape
        buffer = self._buffers.get(key)
        if buffer is None:
            buffer = self._buffers[key] = np.ones(shape, dtype)
        return buffer

    def sum_samples(self, X, out):
        """Sum X over the samples, as a product with ones: several times faster than `np.sum`."""
        return np.matmul(self.buffer("ones", X.shape[-2:-1], X.dtype), X, out=out)


def product(A, B, out):
    """Write the matrix product A @ B to `out`; A may be sparse."""
    if isinstance(A, np.ndarray):
        return np.matmul(A, B, out=out)
    out[...] = A @ B
    return out


def transpose(A):
    """Swap the last two axes."""
    return A.T if A.ndim == 2 else A.swapaxes(-1, -2)


class Dense(Layer):
    """Z = X W + b.

    Backward: dW = X^T dZ, db = sum over samples of dZ, dX = dZ W^T.

    Parameters
    ----------
    fan_in, fan_out : int
        Units before and after.
    initializer : callable, optional
        ``f(rng, fan_in, fan_out, gain) -> W``; b starts at 0.
    gain : float
        The gain of the activation that follows.
    scale : float
        Factor on the initial W.
    """

    decayed = ("W",)

    def __init__(self, fan_in, fan_out, initializer=None, gain=1.0, scale=1.0):
        super().__init__()
        self.fan_in, self.fan_out = fan_in, fan_out
        self.initializer, self.gain, self.scale = initializer, gain, scale
        self.parameters = {"W": (fan_in, fan_out), "b": (fan_out,)}

    def initialize(self, rng):
        W = self.scale * self.initializer(rng, self.fan_in, self.fan_out, self.gain)
        most = np.finfo(self.W.dtype).max
        self.W[...] = np.clip(W, -most, most)
        self.b[...] = 0

    def forward(self, X, weight=None):
        self.X = X
        Z = self.buffer("Z", (*X.shape[:-1], self.fan_out), self.W.dtype)
        product(X, self.W, out=Z)
        Z += self.b
        return Z

    def backward(self, dZ):
        product(transpose(self.X), dZ, out=self.dW)
        self.sum_samples(dZ, out=self.db)
        if not self.propagates:
            return None
        dX = self.buffer("dX", self.X.shape, self.W.dtype)
        return np.matmul(dZ, transpose(self.W), out=dX)

    def predict(self, X):
        Z = X @ self.W
        Z += self.b
        return Z


class Activate(Layer):
    """A = f(Z), elementwise.

    Parameters
    ----------
    activation : Activation
        f and its derivative.
    """

    def __init__(self, activation):
        super().__init__()
        self.activation = activation

    def forward(self, Z, weight=None):
        A, self.saved = self.activation.forward(Z)
        return A

    def backward(self, dA):
        return self.activation.backward(dA, self.saved)

    def predict(self, Z):
        return self.activation.forward(Z)[0]


class Dropout(Layer):
    """A = X M / (1 - rate), M ~ Bernoulli(1 - rate), drawn anew for each batch; A = X in prediction [1]_.

    Parameters
    ----------
    rate : float
        Fraction dropped, 0 to < 1.
    rng : numpy.random.Generator
        What draws M; not needed for prediction.

    References
    ----------
    .. [1] Srivastava, Hinton, Krizhevsky, Sutskever & Salakhutdinov (2014), Dropout: A Simple Way to Prevent
       Neural Networks from Overfitting, JMLR 15.
    """

    def __init__(self, rate, rng=None):
        super().__init__()
        self.rate, self.rng = rate, rng

    def forward(self, X, weight=None):
        if not self.training:
            self.mask = 1.0
            return X
        draws = self.buffer("draws", X.shape, X.dtype)
        self.rng.random(out=draws, dtype=X.dtype)
        np.greater_equal(draws, self.rate, out=draws)
        self.mask = np.multiply(draws, 1 / (1 - self.rate), out=draws)
        # Not into X, which the activation before may have saved for its backward.
        return np.multiply(X, self.mask, out=self.buffer("A", X.shape, X.dtype))

    def backward(self, dA):
        dA *= self.mask
        return dA

    def predict(self, X):
        return X
