"""Weights of the samples: of shape (samples,), or (samples, members) if each member has its own."""

import numpy as np

from sknn6.nn.annotations import Array

__all__ = ["normalized_weights", "per_sample", "repetitions"]


def normalized_weights(weight: Array) -> Array:
    """Return weights that sum to 1, with the samples last.

    Weights of shape (samples, members) are all divided by the mean of the members' sums. A member's own sum
    would give 0 / 0 in a batch in which it has no weight.
    """
    total = weight.sum() / (1 if weight.ndim == 1 else weight.shape[1])
    return weight.T / total


def per_sample(weight: Array | None) -> Array | None:
    """Return one weight for each sample, the largest over the members."""
    return weight if weight is None or weight.ndim == 1 else weight.max(axis=1)


def repetitions(weight: Array | None, n_rows: int) -> Array:
    """Return how many rows each of n_rows rows counts as: its weight, or 1 without weights.

    Weights that sum to less than the number of rows of positive weight are scaled up until their sum is that
    number.
    """
    if weight is None:
        return np.ones(n_rows)
    return weight / min(1.0, weight.sum() / np.count_nonzero(weight))
