"""Linear maps that whiten and colour, from eigenvectors and eigenvalues: ZCA and its family.

A linear map is a tuple of its factors: (matrix,), or (right, left, diagonal) for x -> (left right + diag) x.
The second form is for fewer samples than features, when the matrix may not fit into memory.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sknn6.nn.annotations import Array

__all__ = ["COMPONENTS", "METHODS", "LinearMap", "apply", "inverse", "matrix", "scaled"]

LinearMap = tuple[Array, ...]


def inverse(values: Array) -> Array:
    """Return 1 / values, and 0 where a value is 0: the pseudo-inverse of a diagonal matrix."""
    return np.divide(1, values, out=np.zeros_like(values), where=values > 0)


def apply(X: Array, right: Array, *more: Array, out: Array | None = None) -> Array:
    """Apply a linear map to each row of X."""
    if not more:
        return np.matmul(X, right.T, out=out)
    left, diagonal = more
    Z = np.matmul(X @ right.T, left.T, out=out)
    Z += X * diagonal
    return Z


def matrix(right: Array, *more: Array) -> Array:
    """Return the matrix of a linear map."""
    if not more:
        return right
    left, diagonal = more
    return left @ right + np.diag(diagonal)


def scaled(unit: Array, right: Array, *more: Array) -> LinearMap:
    """Return the linear map x -> map(unit * x)."""
    if not more:
        return (right * unit,)
    left, diagonal = more
    return right * unit, left, diagonal * unit


def symmetric(U: Array, values: Array) -> LinearMap:
    """Return U diag(values) Uᵀ.

    U may have fewer columns than there are values; the missing eigenvectors then all have the last value.
    """
    k, p = U.shape[1], len(values)
    if k < p:
        return U.T, U * (values[:k] - values[-1]), np.full(p, values[-1])
    half = U * np.sqrt(values)
    return ((half @ half.T).T,)  # symmetric; transposed so that `apply` passes BLAS a contiguous matrix


def zca(U: Array, gain: Array, root: Array, rank: int) -> tuple[LinearMap, LinearMap]:
    """Return the symmetric whitening map and its inverse."""
    return symmetric(U, gain), symmetric(U, root)


def pca(U: Array, gain: Array, root: Array, rank: int) -> tuple[LinearMap, LinearMap]:
    """Return the map to the scaled principal components, and its inverse."""
    return ((U * gain[: U.shape[1]])[:, :rank].T,), ((U * root[: U.shape[1]])[:, :rank],)


def cholesky(U: Array, gain: Array, root: Array, rank: int) -> tuple[LinearMap, LinearMap]:
    """Return the triangular whitening map and its inverse.

    W = QᵀΣ^-½ with orthogonal Q has WᵀW = Σ⁻¹ as ZCA has; the Q of a QR decomposition of Σ^-½ makes W
    triangular, for any rank.
    """
    Q, R = np.linalg.qr(matrix(*symmetric(U, gain)))
    sign = np.where(np.diag(R) < 0, -1, 1)
    return (R * sign[:, None],), (matrix(*symmetric(U, root)) @ (Q * sign),)


class Method(NamedTuple):
    """A method: the function that computes both maps, and whether it decomposes the correlation.

    `maps(U, gain, root, rank)` returns (whitening map, colouring map), where root are the square roots of the
    eigenvalues, gain their inverses, and rank the number of eigenvalues that are not 0.
    """

    maps: Callable[[Array, Array, Array, int], tuple[LinearMap, LinearMap]]
    of_correlation: bool = False


METHODS = {
    "zca": Method(zca),
    "zca_cor": Method(zca, of_correlation=True),
    "pca": Method(pca),
    "pca_cor": Method(pca, of_correlation=True),
    "cholesky": Method(cholesky),
}
COMPONENTS = ("pca", "pca_cor")
