"""The covariance of groups of units over the samples, and its decomposition."""

import numpy as np
from numpy.random import Generator

from sknn6.nn.annotations import Array
from sknn6.nn.normalization.batch_statistics import BatchStatistics
from sknn6.nn.products import transpose

__all__ = ["RUNNING_ROUNDING", "GroupStatistics", "floored_eigh"]

# The relative rounding error of running covariances: that of float32, whatever their dtype, so that a network
# that was trained in float32 makes the same predictions for float64.
RUNNING_ROUNDING = np.finfo(np.float32).eps


class GroupStatistics(BatchStatistics):
    """Normalisation by covariance matrices of groups of consecutive units.

    The last group may be smaller. ``running_cov`` has one row per unit: its covariances with the units of its
    group, in their order.

    If the units of a group are linearly dependent, their covariance matrix has directions without variance,
    which turn as the weights change. A running average over batches mixes these directions: it has small
    variances where the present weights give none, and whitening then multiplies noise by large factors. So
    the statistics for prediction are recomputed, see `Network.recomputed_statistics`.
    """

    drifts = True

    running_cov: Array  # (units, group_size), a view of the network's statistics

    def __init__(self, units: int, momentum: float = 0.1, group_size: int = 16, eps: float = 1e-5) -> None:
        super().__init__(units, momentum, group_size, eps)
        self.statistics |= {"running_cov": (units, self.group_size)}
        n_whole, rest = divmod(units, self.group_size)
        shapes = (n_whole, self.group_size), (1, rest)
        starts = 0, units - rest
        self.blocks = [(start, *shape) for start, shape in zip(starts, shapes, strict=True) if all(shape)]

    def initialize(self, rng: Generator) -> None:
        super().initialize(rng)
        self.running_cov[...] = 0
        for running in self.covariances():
            running[...] = np.eye(running.shape[-1])

    def split(self, X: Array) -> list[Array]:
        """Return views of X of shape (..., groups, samples, units of a group), one for each size of group."""
        return [
            X[..., start : start + n * size].reshape(*X.shape[:-1], n, size).swapaxes(-2, -3)
            for start, n, size in self.blocks
        ]

    def covariances(self) -> list[Array]:
        """Return views of running_cov of shape (..., groups, units, units), one for each size of group."""
        cov = self.running_cov
        return [
            cov[..., start : start + n * size, :size].reshape(*cov.shape[:-2], n, size, size)
            for start, n, size in self.blocks
        ]

    def covariance(self, X: Array, running: Array) -> Array:
        """Return the covariance of the centred groups in X if `uses_batch`, else the running covariance."""
        if not self.uses_batch:
            return running
        cov = transpose(X) @ (X * self.p[:, None])
        self.follow(running, self.unbiased * cov)
        return cov

    @property
    def rounding(self) -> np.floating:
        """The relative rounding error of the covariance in use: the batch's or the running one."""
        return np.finfo(self.running_cov.dtype).eps if self.uses_batch else RUNNING_ROUNDING


def floored_eigh(S: Array, eps: np.floating) -> tuple[Array, Array]:
    """Decompose positive semidefinite matrices; raise tiny eigenvalues to the rounding error of the largest.

    Otherwise directions whose variance is 0 up to rounding errors would be amplified. For matrices with
    numbers that are not finite, as in a training that diverges, the result is NaN, and so is the loss.
    """
    try:
        a, U = np.linalg.eigh(S)
    except np.linalg.LinAlgError:
        return np.full(S.shape[:-1], np.nan, S.dtype), np.full_like(S, np.nan)
    return np.maximum(a, 10 * S.shape[-1] * eps * a[..., -1:]), U
