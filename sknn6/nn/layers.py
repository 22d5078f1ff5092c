"""The layers of a network: maps with parameters, each with an explicit forward and backward.

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
from scipy.sparse import csc_array, csr_array

from sknn6.nn.activations import Activation
from sknn6.nn.annotations import Array, Rows, Shape
from sknn6.nn.blas import GEMM
from sknn6.nn.initializers import CALIBRATED, Initializer, he_uniform
from sknn6.nn.kernels import kernel
from sknn6.nn.parallel import is_large, multiply

__all__ = ["Activate", "Dense", "Dropout", "Layer", "Projection", "Residual", "ScaledDense"]

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
    propagates : bool
        Whether `backward` is to compute the gradient of the input; the first layer's is not needed.
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
    propagates = True
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


def product(A: Rows, B: Array, out: Array) -> Array:
    """Write the matrix product A @ B to `out`; A may be sparse."""
    if isinstance(A, np.ndarray):
        return multiply(A, B, out) if is_large(A, out) else np.matmul(A, B, out=out)
    rows: slice | Array = slice(None)
    if A.format == "csc" and A.nnz < A.shape[0]:
        # A transposed batch of many features: most of its rows are empty, and so are those of the product.
        out[...] = 0
        rows, A = rows_with_entries(A)
    for member in np.ndindex(B.shape[:-2]):
        out[member][rows] = A @ B[member]
    return out


def rows_with_entries(A: csc_array) -> tuple[Array, csc_array]:
    """Return the numbers of the rows of a CSC matrix that are not empty, and the matrix of these."""
    rows, row = np.unique(A.indices, return_inverse=True)
    return rows, csc_array((A.data, row, A.indptr), shape=(len(rows), A.shape[1]))


def affine(A: Rows, B: Array, c: Array, out: Array) -> Array:
    """Write A @ B + c to `out`, c the same for all rows; A may be sparse.

    BLAS adds the product to what is there already, which saves a pass over the result. It counts columns
    first, so it is given, and computes, the transposed of everything. SciPy's call keeps all other Python
    threads waiting, which is too long for a large product.
    """
    if not isinstance(A, np.ndarray) or is_large(A, out):
        product(A, B, out)
        out += c
        return out
    out[...] = c
    gemm = GEMM[out.dtype]
    if out.ndim == 2:
        gemm(1.0, B.T, A.T, 1.0, out.T, overwrite_c=True)
    else:
        for member in range(len(out)):
            of_member = A if A.ndim == 2 else A[member]
            gemm(1.0, B[member].T, of_member.T, 1.0, out[member].T, overwrite_c=True)
    return out


def transpose(A: Array) -> Array:
    """Swap the last two axes."""
    return A.T if A.ndim == 2 else A.swapaxes(-1, -2)


class Dense(Layer):
    """Z = X W + b.

    Backward: dW = X^T dZ, db = sum over samples of dZ, dX = dZ W^T.

    Parameters
    ----------
    fan_in, fan_out : int
        Units before and after.
    initializer : callable, default=he_uniform
        ``f(rng, fan_in, fan_out, gain) -> W``; b starts at 0, unless it is a row below W.
    gain : float
        The gain of the activation that follows.
    scale : float
        Factor on what is drawn.
    pieces : int
        Linear maps of each unit, each drawn by itself: W is (fan_in, pieces fan_out).
    """

    kind = "dense"
    decayed = ("W",)

    # The network binds them, the first two as views of its theta, the others of its grad.
    W: Array  # (fan_in, width)
    b: Array  # (width,)
    dW: Array  # as W
    db: Array  # as b

    X: Rows  # (samples, fan_in), the input of the last forward

    def __init__(
        self,
        fan_in: int,
        fan_out: int,
        initializer: Initializer = he_uniform,
        gain: float = 1.0,
        scale: float = 1.0,
        pieces: int = 1,
    ) -> None:
        super().__init__()
        self.fan_in, self.fan_out, self.pieces = fan_in, fan_out, pieces
        self.initializer, self.gain, self.scale = initializer, gain, scale
        self.width = pieces * fan_out
        self.parameters = {"W": (fan_in, self.width), "b": (self.width,)}

    def initialize(self, rng: Generator) -> None:
        most = np.finfo(self.W.dtype).max
        for member in np.ndindex(self.W.shape[:-2]):
            drawn = self.scale * np.hstack([self._draw(rng) for _ in range(self.pieces)])
            drawn = np.clip(drawn, -most, most)
            self.W[member] = drawn[: self.fan_in]
            self.b[member] = drawn[self.fan_in] if len(drawn) > self.fan_in else 0
        self.uncalibrated = any(self.initializer is calibrated for calibrated in CALIBRATED)

    def _draw(self, rng: Generator) -> Array:
        """Return W of one of the pieces, perhaps with the biases below it."""
        shape = self.fan_in, self.fan_out
        W = np.asarray(self.initializer(rng, *shape, self.gain))
        fits = W.shape in (shape, (self.fan_in + 1, self.fan_out))
        if not fits or np.isnan(W).any():
            got = "NaN in it" if fits else f"one of shape {W.shape}"
            raise ValueError(f"init must return an array of numbers of shape {shape}, got {got}.")
        return W

    def calibrate(self, X: Rows, weight: Array | None) -> Array:
        Z = self.predict(X)
        if not self.uncalibrated:
            return Z
        self.uncalibrated = False
        Z = Z.astype(float)
        weight = np.ones(Z.shape[-2]) if weight is None else weight
        p = (weight / weight.sum())[:, None]
        mean = (p * Z).sum(axis=-2, keepdims=True).mean(axis=-1, keepdims=True)
        var = (p * (Z - mean) ** 2).sum(axis=-2, keepdims=True).mean(axis=-1, keepdims=True)
        usable = (var > 0) & (var < np.inf)
        self.W *= np.where(usable, self.scale / np.sqrt(np.where(usable, var, 1)), 1).astype(self.W.dtype)
        return self.predict(X)

    def forward(self, X: Rows, weight: Array | None = None) -> Array:
        self.X = X
        return self.map(X, self.buffer("Z", (*self.W.shape[:-2], X.shape[-2], self.width), self.W.dtype))

    def weights(self) -> Array:
        """Return the matrix that X is multiplied with."""
        return self.W

    def map(self, X: Rows, Z: Array) -> Array:
        """Write the output for X to Z and give it."""
        return affine(X, self.weights(), self.b, out=Z)

    def backward(self, dZ: Array) -> Array:
        product(transpose(self.X), dZ, out=self.dW)
        self.sum_samples(dZ, out=self.db)
        if not self.propagates:
            return NO_GRADIENT
        dX = self.buffer("dX", self.X.shape, self.W.dtype)
        return product(dZ, transpose(self.W), out=dX)

    def predict(self, X: Rows) -> Array:
        # NumPy's product lets the threads that predict other blocks run, SciPy's does not.
        Z = np.empty((*self.W.shape[:-2], X.shape[-2], self.width), self.W.dtype)
        if not isinstance(X, np.ndarray):
            return self.map(X, Z)
        product(X, self.weights(), out=Z)
        Z += self.b
        return Z


# How many times as fast as the other parameters the factors of a ScaledDense are to move.
SCALE_SPEED = 6.0


class ScaledDense(Dense):
    """Z = (s X) W + b, with a learned factor s for each input, 1 at first [1]_.

    What is learned is u, s = 6 u: an optimizer like Adam, whose steps are as large whatever the scale of the
    gradient, moves s six times as fast as W. It is computed as X V + b, V = diag(s) W. Backward, with
    dV = X^T dZ::

        dW = diag(s) dV    du = 6 sum over units of W dV

    References
    ----------
    .. [1] Holzmüller, Grinsztajn & Steinwart (2024), Better by Default: Strong Pre-Tuned MLPs and Boosted
       Trees on Tabular Data, arXiv:2407.04491, section 3.
    """

    kind = "dense"

    u: Array  # (fan_in,), a view of the network's theta
    du: Array  # as u, of its grad

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.parameters |= {"u": (self.fan_in,)}

    def initialize(self, rng: Generator) -> None:
        super().initialize(rng)
        self.u[...] = 1 / SCALE_SPEED

    def _factors(self) -> Array:
        """Return s as a column, or one a member."""
        u = self.u[:, None] if self.u.ndim == 1 else self.u.swapaxes(-1, -2)
        return SCALE_SPEED * u

    def weights(self) -> Array:
        return self.W * self._factors()

    def map(self, X: Rows, Z: Array) -> Array:
        if isinstance(X, np.ndarray):
            return super().map(X, Z)
        s = self._factors()
        for member in np.ndindex(s.shape[:-2]):  # W may have many more numbers than X has entries
            scaled = csr_array((X.data * s[member][X.indices, 0], X.indices, X.indptr), shape=X.shape)
            Z[member] = scaled @ self.W[member]
        Z += self.b
        return Z

    def backward(self, dZ: Array) -> Array:
        dX = super().backward(dZ)
        s = self._factors()
        if isinstance(self.X, np.ndarray):
            self.du[...] = self._gradient(self.W, self.dW)
            self.dW *= s
        else:
            used = np.unique(self.X.indices)  # elsewhere dW is 0
            dV = self.dW[..., used, :]
            self.du[...] = 0
            self.du[..., used] = self._gradient(self.W[..., used, :], dV)
            self.dW[..., used, :] = dV * s[..., used, :]
        return np.multiply(dX, s.swapaxes(-1, -2), out=dX) if self.propagates else dX

    def _gradient(self, W: Array, dV: Array) -> Array:
        """Return du for rows of W and dV."""
        du = SCALE_SPEED * np.einsum("...ij,...ij->...i", W, dV)
        return du if self.u.ndim == 1 else du[:, None]


class Projection(Dense):
    """Z = X W + b beside a residual block whose ends differ in width.

    A class of its own for the sake of its kind: ``coefs_`` are the W of the layers of kind "dense".
    """

    kind = "projection"


class Residual(Layer):
    """Y = X + F(X), or P(X) + F(X) where X and F(X) differ in width [1]_.

    Backward: dX = dY + F'(X)^T dY, so that the gradient reaches every block.

    Parameters
    ----------
    body : list of Layer
        F, a normalisation first and a Dense last, whose output it adds to.
    projection : Projection or None
        P.

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

    def twin(self) -> Self:
        twin = super().twin()
        twin.body = [layer.twin() for layer in self.body]
        twin.projection = self.projection and self.projection.twin()
        return twin

    def forward(self, X: Array, weight: Array | None = None) -> Array:
        Y = self.buffer("X", X.shape, X.dtype)  # the body may overwrite its input, which is still needed
        Y[...] = X
        for layer in self.body:
            Y = layer.forward(Y, weight)
        Y += X if self.projection is None else self.projection.forward(X)
        return Y

    def backward(self, dY: Array) -> Array:
        dX = dY
        for layer in reversed(self.body):
            dX = layer.backward(dX)
        dX += dY if self.projection is None else self.projection.backward(dY)
        return dX

    def predict(self, X: Array) -> Array:
        return self._pass(X, "predict")

    def calibrate(self, X: Array, weight: Array | None) -> Array:
        return self._pass(X, "calibrate", weight)

    def settle(self, X: Array, weight: Array | None, weights_averaged: bool) -> Array:
        return self._pass(X, "settle", weight, weights_averaged)

    def _pass(self, X: Array, method: str, *args: Any) -> Array:
        """Return X + F(X), passing through the layers by that method."""
        Y = X.copy()
        for layer in self.body:
            Y = getattr(layer, method)(Y, *args)
        Y += X if self.projection is None else getattr(self.projection, method)(X, *args)
        return Y


class Activate(Layer):
    """A = f(Z), f perhaps with parameters that are learned.

    Parameters
    ----------
    activation : Activation
        f and its derivative.
    units : int
        Units that it has parameters for.
    """

    kind = "activate"

    saved: Any  # what the activation keeps for its backward

    def __init__(self, activation: Activation, units: int = 1) -> None:
        super().__init__()
        self.activation, self.saved = activation, None
        for name, _ in activation.learned:
            if hasattr(self, name) or not name.isidentifier():
                raise ValueError(
                    "The learned parameters of an Activation must have names that are free in its layer, "
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
        return A

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

    The rate is rounded to a multiple of 2^-16: M compares integers of 16 bits, four of them from one draw.

    Parameters
    ----------
    rate : float
        Fraction dropped, 0 to < 1.
    rng : numpy.random.Generator or None
        What draws M; None is one of its own. Prediction needs none.

    References
    ----------
    .. [1] Srivastava, Hinton, Krizhevsky, Sutskever & Salakhutdinov (2014), Dropout: A Simple Way to Prevent
       Neural Networks from Overfitting, JMLR 15.
    """

    kind = "dropout"

    mask: Array | float  # (samples, units): 0 or 1 / (1 - rate); 1 if the last forward was no training

    def __init__(self, rate: float, rng: Generator | None = None) -> None:
        super().__init__()
        self.threshold, self.rng = min(round(rate * 2**16), 2**16 - 1), np.random.default_rng(rng)

    def forward(self, X: Array, weight: Array | None = None) -> Array:
        if not self.training:
            self.mask = 1.0
            return X
        draws = self.rng.integers(2**64, size=-(-X.size // 4), dtype=np.uint64).view(np.uint16)
        scale = X.dtype.type(2**16 / (2**16 - self.threshold))
        self.mask = self.buffer("mask", X.shape, X.dtype)
        A = self.buffer("A", X.shape, X.dtype)  # not X, which the activation before may have saved
        drop(X, draws, self.threshold, scale, self.mask, A)
        return A

    def backward(self, dA: Array) -> Array:
        dA *= self.mask
        return dA

    def predict(self, X: Array) -> Array:
        return X


@kernel
def drop(X: Array, draws: Array, threshold: int, scale: np.floating, mask: Array, out: Array) -> None:
    """Write to `mask` the scale where a draw reaches the threshold, else 0, and to `out` X times it."""
    kept = draws[: X.size].reshape(X.shape) >= threshold
    np.multiply(X, np.multiply(kept, scale, out=mask), out=out)
