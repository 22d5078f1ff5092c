"""The scaling of a network's input, before the first layer."""

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from sknn6.nn.annotations import Array, Rows
from sknn6.nn.dense import Dense

__all__ = ["CLIP", "InputScaling", "bend"]

CLIP = 3.0

# If a mean or a deviation changes by less than this fraction of the deviation, the change is a rounding
# error.
ROUNDING = 1e-6


class InputScaling:
    """z = (x - mean) / scale, then z / sqrt(1 + (z / c)^2), c = 3, which compresses outliers [1]_.

    The result lies within (-3, 3) and keeps the order of the values. It is computed in the dtype of the data
    and then cast, because in a narrower dtype the differences of values far from 0 would be lost.

    Parameters
    ----------
    mean, scale : ndarray of shape (n_numbers,)
        Mean and standard deviation in the training data. Sparse rows stay sparse if all means are 0. Columns
        after the first n_numbers, which are codes of categories, are only cast.

    References
    ----------
    .. [1] Holzmüller, Grinsztajn & Steinwart (2024), Better by Default: Strong Pre-Tuned MLPs and Boosted
       Trees on Tabular Data, arXiv:2407.04491, section 3.
    """

    def __init__(self, mean: Array, scale: Array) -> None:
        self.mean, self.scale = mean, scale

    @property
    def fills(self) -> bool:
        """Whether sparse rows become dense."""
        return bool(self.mean.any())

    def __call__(self, X: Rows, dtype: DTypeLike) -> Rows:
        """Return the rows of X, dense or CSR, scaled and cast; X may be overwritten."""
        n_numbers = len(self.mean)
        if n_numbers < X.shape[1]:
            Z = X.astype(dtype)
            Z[:, :n_numbers] = self(X[:, :n_numbers], dtype)
            return Z
        with np.errstate(over="ignore"):  # `bend` maps infinity to c
            if not isinstance(X, np.ndarray):
                if not self.fills:
                    X.data = bend((X.data / self.scale[X.indices]).astype(dtype, copy=False))
                    return X
                X = X.toarray()
            Z = np.subtract(X, self.mean, out=X, casting="same_kind")
            Z /= self.scale
            return bend(Z.astype(dtype, copy=False))

    def is_near(self, other: "InputScaling") -> bool:
        """Return whether both scalings are equal up to rounding errors."""
        moved = np.abs(self.mean - other.mean) > ROUNDING * self.scale
        return not (moved | (np.abs(self.scale - other.scale) > ROUNDING * self.scale)).any()

    def scale_values(self, x: ArrayLike) -> Array:
        """Return the scaled values of x, which has one value per column, in float64."""
        return bend((np.asarray(x, np.float64) - self.mean) / self.scale)

    def adapt_first_layer(self, dense: Dense, before: "InputScaling", constants: Array) -> None:
        """Adapt the first layer so that it computes with this scaling what it computed with an earlier one.

        Each column has a factor f and an offset o: W' = f W, b' = b + o W. The outputs are then unchanged for
        values at the new mean ± the new scale, and nearly unchanged elsewhere. For a column that has been
        constant, W still has its initial values, which suit any scale: W is kept, and b alone is adapted so
        that the output for the constant stays.

        Parameters
        ----------
        dense : Dense
            The layer; its first inputs are the numbers.
        before : InputScaling
            The earlier scaling.
        constants : ndarray of shape (n_features,)
            The value of each column that has been constant; NaN for other columns.
        """
        constant = ~np.isnan(constants)
        high, low = (before.scale_values(self.mean + sign * self.scale) for sign in (1, -1))
        factor = np.where(constant, 1.0, (high - low) / (2 * bend(np.ones(1))))
        kept = np.where(constant, constants, self.mean + self.scale)
        offset = before.scale_values(kept) - factor * self.scale_values(kept)
        numbers = slice(len(factor))
        dense.b += (offset.astype(dense.b.dtype) @ dense.weights()[..., numbers, :]).reshape(dense.b.shape)
        dense.W[..., numbers, :] *= factor[:, None].astype(dense.W.dtype)


def bend(Z: Array, c: float = CLIP) -> Array:
    """Set Z to z / sqrt(1 + (z / c)^2), in place, and return it."""
    far = c / float(np.finfo(Z.dtype).eps)  # the result is c from here on, and no square overflows
    np.maximum(Z, -far, out=Z)
    np.minimum(Z, far, out=Z)
    squares = np.multiply(Z, 1 / c)
    np.multiply(squares, squares, out=squares)
    squares += 1
    Z /= np.sqrt(squares, out=squares)
    return Z
