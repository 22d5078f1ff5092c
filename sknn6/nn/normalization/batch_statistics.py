"""The statistics of a batch: their weights, their running averages, and when which of them is used."""

from abc import abstractmethod

import numpy as np
from numpy.random import Generator

from sknn6.nn.annotations import Array
from sknn6.nn.normalization.base import Normalization

__all__ = ["BatchStatistics"]


class BatchStatistics(Normalization):
    """Normalisation by a mean, and a variance or covariance, over the samples of the batch.

    In training, these statistics are those of the batch, with the weights of the samples; the variance is the
    biased one. Running averages are updated by new = (1 - momentum) old + momentum batch, with the unbiased
    variance. Prediction uses the running averages, and so does a batch of one row, which has no variance.

    Parameters
    ----------
    units : int
        Number of units.
    momentum : float
        Weight of the new batch in the running averages.
    group_size : int
        Number of units that share a covariance matrix, for the subclasses that have one.
    eps : float
        Added to every variance.

    Attributes
    ----------
    uses_batch : bool
        Whether the last forward used the statistics of the batch, so that the gradient passes through them.
    """

    running_mean: Array  # (units,), a view of the network's statistics

    p: Array  # (samples,), the normalised weights
    unbiased: float  # the factor from a biased variance to the unbiased one

    def __init__(self, units: int, momentum: float = 0.1, group_size: int = 1, eps: float = 1e-5) -> None:
        super().__init__(units, eps)
        self.momentum, self.group_size = momentum, min(group_size, units)
        self.statistics = {"running_mean": (units,)}

    def initialize(self, rng: Generator) -> None:
        super().initialize(rng)
        self.running_mean[...] = 0

    def normalize(self, X: Array, weight: Array | None) -> Array:
        if weight is None:
            n = n_rows = X.shape[-2]
            self.p = np.full(n, 1 / n, X.dtype)
        else:
            total = float(weight.sum())
            self.p = (weight / total).astype(X.dtype, copy=False)
            n_rows = np.count_nonzero(self.p)
            # Weights that sum to less than the number of samples are not repetitions, and only their ratios
            # count.
            n = max(total, n_rows)
        self.uses_batch = self.training and n_rows > 1
        if not self.uses_batch:
            return self.apply(X, self.running_mean)
        self.unbiased = n / max(n - 1, 1)
        mean = self.average(X)
        self.follow(self.running_mean, mean)
        return self.apply(X, mean)

    def recompute_statistics(self, X: Array, weight: Array | None, weights_averaged: bool) -> Array:
        if X.shape[-2] > 1 and (self.drifts or weights_averaged):
            momentum, self.momentum = self.momentum, 1.0
            self.normalize(X.copy(), weight)
            self.momentum = momentum
        return self.predict(X)

    def average(self, X: Array) -> Array:
        """Return the weighted mean of X over the samples, in the shape of a vector of the layer."""
        mean = self.p @ X
        return mean if X.ndim == 2 else mean[..., None, :]

    @abstractmethod
    def apply(self, X: Array, mean: Array) -> Array:
        """Return Xhat for this mean.

        The variances or covariances are those of the batch, which also update the running ones, or without
        `uses_batch` the running ones.
        """

    def follow(self, running: Array, batch: Array) -> None:
        """Move a running average towards the batch's statistic.

        With a momentum of 1 the statistic replaces it, even if it was NaN.
        """
        if self.momentum == 1:
            running[...] = batch
        else:
            running += self.momentum * (batch - running)
