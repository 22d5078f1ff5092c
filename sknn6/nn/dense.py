"""Linear layers: Z = X W + b, with or without a learned factor for each input."""

from typing import Any

import numpy as np
from numpy.random import Generator
from scipy.sparse import csr_array

from sknn6.nn.annotations import Array, Rows
from sknn6.nn.blas import GEMM
from sknn6.nn.initializers import CALIBRATED, Initializer, he_uniform
from sknn6.nn.layer import NO_GRADIENT, Layer
from sknn6.nn.parallel import is_large, multiply
from sknn6.nn.products import as_column, by_member, product, transpose

__all__ = ["SCALE_SPEED", "Dense", "Projection", "ScaledDense"]


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
        Number of linear maps of each unit, which are drawn separately: W has shape (fan_in, pieces fan_out).
    """

    kind = "dense"
    decayed = ("W",)

    # The network sets these: W and b are views of its theta, dW and db of its grad.
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
        """Return the initial W of one linear map, with a row of biases if the initializer has one."""
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
        Z = self.buffer("Z", (*self.W.shape[:-2], X.shape[-2], self.width), self.W.dtype)
        if not isinstance(X, np.ndarray):
            return self.map_sparse(X, Z)
        W = self.weights()
        if is_large(X, Z):  # NumPy's product can use several threads; SciPy's keeps Python's lock
            multiply(X, W, Z)
            Z += self.b
            return Z
        # BLAS adds the product to the biases in Z, which saves a pass over Z. It stores matrices by columns,
        # so all of them are transposed.
        Z[...] = self.b
        gemm = GEMM[Z.dtype]
        for z, w, x in by_member(Z, W, X):
            gemm(1.0, w.T, x.T, 1.0, z.T, overwrite_c=True)
        return Z

    def weights(self) -> Array:
        """Return the matrix by which X is multiplied."""
        return self.W

    def map_sparse(self, X: Rows, Z: Array) -> Array:
        """Write the output for a sparse X to Z and return Z."""
        product(X, self.W, out=Z)
        Z += self.b
        return Z

    def backward(self, dZ: Array) -> Array:
        product(transpose(self.X), dZ, out=self.dW)
        self.sum_samples(dZ, out=self.db)
        if self.gradient_from is None:
            return NO_GRADIENT
        W = self.W[..., self.gradient_from :, :]
        dX = self.buffer("dX", (*self.X.shape[:-1], W.shape[-2]), W.dtype)
        return product(dZ, transpose(W), out=dX)

    def predict(self, X: Rows) -> Array:
        if not isinstance(X, np.ndarray):
            return self.map_sparse(X, self.new_output(X))
        return self.map_dense(X, self.weights())

    def map_dense(self, X: Array, W: Array) -> Array:
        """Return X W + b."""
        # NumPy's product releases the lock of Python for threads that predict other blocks; SciPy's does not.
        Z = product(X, W, out=self.new_output(X))
        Z += self.b
        return Z

    def new_output(self, X: Rows) -> Array:
        """Return an array for the output of X."""
        return np.empty((*self.W.shape[:-2], X.shape[-2], self.width), self.W.dtype)


# The factors of a ScaledDense change this many times as fast as other parameters.
SCALE_SPEED = 6.0


class ScaledDense(Dense):
    """Z = (s X) W + b, with a learned factor s for each input, 1 at first [1]_.

    The learned parameter is u, with s = 6 u. The steps of an optimizer such as Adam do not depend on the
    scale of the gradient, so that s moves six times as fast as W. Z is computed as X V + b, V = diag(s) W.
    Backward, with dV = X^T dZ::

        dW = diag(s) dV    du = 6 sum over units of W dV

    References
    ----------
    .. [1] Holzmüller, Grinsztajn & Steinwart (2024), Better by Default: Strong Pre-Tuned MLPs and Boosted
       Trees on Tabular Data, arXiv:2407.04491, section 3.
    """

    u: Array  # (fan_in,), a view of the network's theta
    du: Array  # as u, of its grad

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.parameters |= {"u": (self.fan_in,)}

    def initialize(self, rng: Generator) -> None:
        super().initialize(rng)
        self.u[...] = 1 / SCALE_SPEED

    def _factors(self) -> Array:
        """Return s as a column, or as one column for each member."""
        return SCALE_SPEED * as_column(self.u)

    def weights(self) -> Array:
        return self.W * self._factors()

    def predict(self, X: Rows) -> Array:
        if isinstance(X, np.ndarray) and X.shape[-2] < self.width:  # fewer numbers to multiply than W has
            return self.map_dense(X * self._factors().swapaxes(-1, -2), self.W)
        return super().predict(X)

    def map_sparse(self, X: Rows, Z: Array) -> Array:
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
        if self.gradient_from is None:
            return dX
        return np.multiply(dX, s.swapaxes(-1, -2)[..., self.gradient_from :], out=dX)

    def _gradient(self, W: Array, dV: Array) -> Array:
        """Return du for rows of W and dV."""
        du = SCALE_SPEED * np.einsum("...ij,...ij->...i", W, dV)
        return du if self.u.ndim == 1 else du[:, None]


class Projection(Dense):
    """Z = X W + b, the shortcut of a residual block whose input and output differ in width.

    It has its own class for the sake of `kind`: ``coefs_`` has the W of the layers of kind "dense" only.
    """

    kind = "projection"
