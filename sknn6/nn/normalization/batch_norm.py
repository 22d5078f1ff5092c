"""Batch normalisation: by the mean and variance of each unit over the samples."""

import numpy as np
from numpy.random import Generator

from sknn6.nn.annotations import Array
from sknn6.nn.kernels import kernel
from sknn6.nn.normalization.base import scale_and_shift
from sknn6.nn.normalization.batch_statistics import BatchStatistics

__all__ = ["BatchNorm"]


class BatchNorm(BatchStatistics):
    """Xhat = (X - E[X]) / sqrt(Var[X] + eps), of each unit over the samples [1]_.

    Backward, with r = 1 / sqrt(Var[X] + eps)::

        dX = gamma r (dY - p (dbeta + Xhat dgamma))

    and dX = gamma r dY if the running averages were used, which do not depend on X.

    References
    ----------
    .. [1] Ioffe & Szegedy (2015), Batch Normalization: Accelerating Deep Network Training by Reducing
       Internal Covariate Shift, arXiv:1502.03167, algorithms 1 and 2.
    """

    kind = "batchnorm"

    running_var: Array  # (units,), a view of the network's statistics

    r: Array  # (units,)

    def __init__(self, units: int, momentum: float = 0.1, group_size: int = 1, eps: float = 1e-5) -> None:
        super().__init__(units, momentum, group_size, eps)
        self.statistics |= {"running_var": (units,)}

    def initialize(self, rng: Generator) -> None:
        super().initialize(rng)
        self.running_var[...] = 1

    def apply(self, X: Array, mean: Array) -> Array:
        if self.uses_batch:
            var = np.empty_like(mean)
            centre(X, mean, self.p, var, self.buffer("Y", X.shape, X.dtype))
            self.follow(self.running_var, self.unbiased * var)
        else:
            X -= mean
            var = self.running_var
        self.r = 1 / np.sqrt(var + self.eps)
        X *= self.r
        return X

    def differentiate(self, dY: Array, work: Array) -> Array:
        if self.uses_batch:
            batch_gradient(dY, self.Xhat, self.dgamma, self.dbeta, self.gamma * self.r, self.p, work)
        else:
            dY *= self.gamma * self.r
        return dY

    def predict(self, X: Array) -> Array:
        slope = self.gamma / np.sqrt(self.running_var + self.eps)
        X *= slope
        X += self.beta - slope * self.running_mean
        return X


@kernel
def centre(X: Array, mean: Array, p: Array, var: Array, work: Array) -> None:
    """Subtract the mean from X and write the variance, weighted by p, to `var`."""
    X -= mean
    var[...] = np.matmul(p, np.multiply(X, X, out=work)).reshape(var.shape)


@kernel
def batch_gradient(
    dY: Array, Xhat: Array, dgamma: Array, dbeta: Array, factor: Array, p: Array, work: Array
) -> None:
    """Write factor (dY - p (dbeta + Xhat dgamma)) to dY."""
    scale_and_shift(Xhat, dgamma, dbeta, work)
    work *= p[:, None]
    dY -= work
    dY *= factor
