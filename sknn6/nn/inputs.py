"""What a network does to the rows of its input before the first layer."""

import numpy as np

__all__ = ["InputScaling"]

CLIP = 3.0


class InputScaling:
    """Z = (x - mean) / scale, then z / sqrt(1 + (z / c)^2), c = 3: standardised, outliers bent inwards [1]_.

    The result lies within (-3, 3) and keeps the order of the values. Computed in the dtype of the data,
    so that what is left of columns far from 0 is not lost in a narrower one, then cast.

    Parameters
    ----------
    mean, scale : ndarray of shape (n_features,)
        Of the training data. A mean of all zeros leaves sparse rows sparse.

    References
    ----------
    .. [1] Holzmüller, Grinsztajn & Steinwart (2024), Better by Default: Strong Pre-Tuned MLPs and Boosted
       Trees on Tabular Data, arXiv:2407.04491, section 3.
    """

    def __init__(self, mean, scale):
        self.mean, self.scale = mean, scale

    def __call__(self, X, dtype):
        """Give the rows in X, dense or CSR, scaled and cast; X itself may be overwritten."""
        if not isinstance(X, np.ndarray):
            if not self.mean.any():
                X.data = bend(X.data / self.scale[X.indices]).astype(dtype, copy=False)
                return X
            X = X.toarray()
        Z = np.subtract(X, self.mean, out=X, casting="same_kind")
        Z /= self.scale
        return bend(Z.astype(dtype, copy=False))


def bend(Z):
    """Give z / sqrt(1 + (z / c)^2), in place."""
    squares = np.multiply(Z, 1 / CLIP)
    np.multiply(squares, squares, out=squares)
    squares += 1
    Z /= np.sqrt(squares, out=squares)
    return Z
