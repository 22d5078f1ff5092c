"""What a network does to the rows of its input before the first layer."""

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from sknn6.nn.annotations import Array, Rows
from sknn6.nn.dense import Dense

__all__ = ["CLIP", "InputScaling", "bend"]

CLIP = 3.0

# A mean that moves by less than this part of the deviation, or a deviation that does, has only been rounded.
ROUNDING = 1e-6


class InputScaling:
    """Z = (x - mean) / scale, then z / sqrt(1 + (z / c)^2), c = 3: standardised, outliers bent inwards [1]_.

    The result lies within (-3, 3) and keeps the order of the values. Computed in the dtype of the data,
    so that what is left of columns far from 0 is not lost in a narrower one, then cast.

    Parameters
    ----------
    mean, scale : ndarray of shape (n_numbers,)
        Of the training data. A mean of all zeros leaves sparse rows sparse. Columns after these, the codes
        of categories, are only cast.

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
        """Return the rows in X, dense or CSR, scaled and cast; X itself may be overwritten."""
        n_numbers = len(self.mean)
        if n_numbers < X.shape[1]:
            Z = X.astype(dtype)
            Z[:, :n_numbers] = self(X[:, :n_numbers], dtype)
            return Z
        with np.errstate(over="ignore"):  # what is infinite then is bent to c
            if not isinstance(X, np.ndarray):
                if not self.fills:
                    X.data = bend((X.data / self.scale[X.indices]).astype(dtype, copy=False))
                    return X
                X = X.toarray()
            Z = np.subtract(X, self.mean, out=X, casting="same_kind")
            Z /= self.scale
            return bend(Z.astype(dtype, copy=False))

    def is_near(self, other: "InputScaling") -> bool:
        """Return whether they differ by no more than rounding."""
        moved = np.abs(self.mean - other.mean) > ROUNDING * self.scale
        return not (moved | (np.abs(self.scale - other.scale) > ROUNDING * self.scale)).any()

    def of(self, x: ArrayLike) -> Array:
        """Return what the network has for the values x, one a column, in float64."""
        return bend((np.asarray(x, np.float64) - self.mean) / self.scale)

    def hand_over(self, dense: Dense, before: "InputScaling", constants: Array) -> None:
        """Have the first layer compute with this scaling what it computed with the one before.

        With W' = f W and b' = b + o W it does so exactly for values at mean ± scale, and between and beyond
        them as nearly as the bends are alike. A column that was constant has W from the start of the
        training, which fits any scale, so that W stays and only b makes up for the new origin.

        Parameters
        ----------
        dense : Dense
            Its first inputs are the numbers.
        before : InputScaling
        constants : ndarray of shape (n_features,)
            The value of each column that has been constant, NaN for the others.
        """
        constant = ~np.isnan(constants)
        high, low = (before.of(self.mean + sign * self.scale) for sign in (1, -1))
        factor = np.where(constant, 1.0, (high - low) / (2 * bend(np.ones(1))))
        kept = np.where(constant, constants, self.mean + self.scale)
        offset = before.of(kept) - factor * self.of(kept)
        numbers = slice(len(factor))
        dense.b += (offset.astype(dense.b.dtype) @ dense.weights()[..., numbers, :]).reshape(dense.b.shape)
        dense.W[..., numbers, :] *= factor[:, None].astype(dense.W.dtype)


def bend(Z: Array, c: float = CLIP) -> Array:
    """Return z / sqrt(1 + (z / c)^2), in place."""
    far = c / float(np.finfo(Z.dtype).eps)  # the result is c from here on, and no square overflows
    np.maximum(Z, -far, out=Z)
    np.minimum(Z, far, out=Z)
    squares = np.multiply(Z, 1 / c)
    np.multiply(squares, squares, out=squares)
    squares += 1
    Z /= np.sqrt(squares, out=squares)
    return Z
