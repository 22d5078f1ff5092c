"""Layer normalisation: by the mean and variance of each sample over its units."""

import numpy as np

from sknn6.nn.annotations import Array
from sknn6.nn.normalization.base import Normalization

__all__ = ["LayerNorm", "row_means"]


class LayerNorm(Normalization):
    """Xhat = (X - E[X]) / sqrt(Var[X] + eps), of each sample over its units [1]_.

    Backward, with D = gamma dY and r = 1 / sqrt(Var[X] + eps)::

        dX = r (D - E[D] - Xhat E[D Xhat])

    References
    ----------
    .. [1] Ba, Kiros & Hinton (2016), Layer Normalization, arXiv:1607.06450.
    """

    kind = "layernorm"

    r: Array  # (samples, 1)

    def normalize(self, X: Array, weight: Array | None) -> Array:
        X -= row_means(X)
        squares = np.multiply(X, X, out=self.buffer("Y", X.shape, X.dtype))
        self.r = 1 / np.sqrt(row_means(squares) + self.eps)
        X *= self.r
        return X

    def differentiate(self, dY: Array, work: Array) -> Array:
        D = np.multiply(dY, self.gamma, out=dY)
        along = row_means(np.multiply(D, self.Xhat, out=work))
        D -= row_means(D)
        D -= np.multiply(self.Xhat, along, out=work)
        D *= self.r
        return D


def row_means(X: Array) -> Array:
    """Return the mean of each row, computed by a product with 1/units, which is faster than `np.mean`."""
    units = X.shape[-1]
    return (X @ np.full(units, 1 / units, X.dtype))[..., None]
