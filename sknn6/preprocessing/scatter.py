"""The weighted mean and scatter matrix of the rows of a matrix, computed in blocks."""

from collections.abc import Iterable, Iterator

import numpy as np
from sklearn.utils import gen_batches

from sknn6.nn.annotations import Array
from sknn6.nn.parallel import share_if_large

__all__ = ["CentredRows", "blocks", "merged", "squares"]

# Threads sum up groups of blocks. The number of groups is fixed, so that the result is the same for any
# number of threads.
GROUPS = 4


def blocks(X: Array) -> Iterator[slice]:
    """Return slices of rows.

    X is centred in blocks, so that it is never copied as a whole. A block fits into the cache; if X has so
    many columns, p, that not even a p×p matrix does, a block has p rows.
    """
    return gen_batches(len(X), max(2**15 // X.shape[1], X.shape[1]))


def near_mean(X: Array, weight: Array) -> Array:
    """Return a point near the weighted mean of the rows; for a constant column, exactly the constant.

    It is the mean of the s rows of the largest weights, which is within √(n/s) standard deviations of the
    mean.
    """
    heaviest = np.argpartition(weight, -min(256, len(X)))[-256:]
    first = X[0].astype(np.float64)
    return first + np.average(X[heaviest] - first, axis=0, weights=weight[heaviest])


class CentredRows:
    """The rows √w (x − m) in float64, where m is the weighted mean.

    `scatter` is Σ w (x − m)(x − m)ᵀ, of which only the lower triangle is valid. If there are fewer rows than
    features, `scatter` holds the rows instead.
    """

    def __init__(self, X: Array, weight: Array) -> None:
        self.X, self.weight, self.n = X, weight, weight.sum()
        self.root = np.sqrt(weight)
        self.weighted = (weight != 1).any()
        self.mean = near_mean(X, weight)
        if len(X) < X.shape[1]:
            self.mean = self.mean + sum(self.root[b] @ self[b] for b in blocks(X)) / self.n
            self.scatter = self[:]
        else:
            self.mean, self.scatter = self._moments()

    def _moments(self) -> tuple[Array, Array]:
        """Return mean and scatter in one pass, from moments about a point o near the mean.

        m = o + Σ w (x − o) / n, Σ w (x − m)(x − m)ᵀ = Σ w (x − o)(x − o)ᵀ − n (m − o)(m − o)ᵀ.
        """
        parts = list(blocks(self.X))
        groups = [parts[i::GROUPS] for i in range(min(GROUPS, len(parts)))]
        sums = share_if_large(self._sums, groups, self.X.size * self.X.shape[1])
        total, scatter = (sum(terms) for terms in zip(*sums, strict=True))
        step = total / self.n
        return self.mean + step, scatter - np.outer(step, total)

    def _sums(self, part: Iterable[slice]) -> tuple[Array, Array]:
        """Return Σ √w z and Σ z zᵀ over the rows z of some blocks; NumPy computes one triangle of Zᵀ Z."""
        p = self.X.shape[1]
        total, scatter = np.zeros(p), np.zeros((p, p))
        for b in part:
            rows = self[b]
            total += self.root[b] @ rows
            scatter += rows.T @ rows
        return total, scatter

    def __getitem__(self, b: slice) -> Array:
        rows = self.X[b] - self.mean
        if self.weighted:
            rows *= self.root[b, None]
        return rows

    def squares(self) -> Array:
        """Return Σ w (x − m)² for each feature."""
        return squares(self.scatter)

    def quartic(self, unit: Array) -> float:
        """Return Σ w ‖(x − m) * unit‖⁴."""
        norms = np.concatenate([((self[b] * unit) ** 2).sum(axis=1) for b in blocks(self.X)])
        return (norms**2 / self.weight).sum()


def square(scatter: Array) -> Array:
    """Return a scatter as a p×p matrix, also if it is held as rows."""
    n, p = scatter.shape
    return scatter.T @ scatter if n < p else scatter


def squares(scatter: Array) -> Array:
    """Return Σ w (x − m)² for each feature, also if the scatter is held as rows."""
    n, p = scatter.shape
    return (scatter**2).sum(axis=0) if n < p else np.diag(scatter)


def merged(first: Array, second: Array, row: Array) -> Array:
    """Return the sum of two scatters and that of a row, held as rows if these are fewer than the features."""
    if len(first) + len(second) + 1 < len(row):
        return np.concatenate([first, second, row[None]])
    return square(first) + square(second) + np.outer(row, row)
