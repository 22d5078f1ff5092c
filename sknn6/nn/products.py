"""Matrix products of layers: dense or sparse, for one network or several members."""

from collections.abc import Iterable
from itertools import repeat

import numpy as np
from scipy.sparse import csc_array

from sknn6.nn.annotations import Array, Rows
from sknn6.nn.parallel import is_large, multiply

__all__ = ["as_column", "by_member", "product", "transpose"]


def product(A: Rows, B: Array, out: Array) -> Array:
    """Write the matrix product A @ B to `out`; A may be sparse."""
    if isinstance(A, np.ndarray):
        return multiply(A, B, out) if is_large(A, out) else np.matmul(A, B, out=out)
    rows: slice | Array = slice(None)
    if A.format == "csc" and A.nnz < A.shape[0]:
        # A transposed batch of many features: most of its rows are empty, and so are the rows of the product.
        out[...] = 0
        rows, A = rows_with_entries(A)
    for member in np.ndindex(B.shape[:-2]):
        out[member][rows] = A @ B[member]
    return out


def rows_with_entries(A: csc_array) -> tuple[Array, csc_array]:
    """Return the indices of the rows of a CSC matrix that are not empty, and the matrix of these rows."""
    rows, row = np.unique(A.indices, return_inverse=True)
    return rows, csc_array((A.data, row, A.indptr), shape=(len(rows), A.shape[1]))


def by_member(Z: Array, W: Array, X: Array) -> Iterable[tuple[Array, Array, Array]]:
    """Return Z, W and X of each network; X may be the same for all."""
    if Z.ndim == 2:
        return [(Z, W, X)]
    return zip(Z, W, repeat(X) if X.ndim == 2 else X, strict=False)


def transpose(A: Array) -> Array:
    """Swap the last two axes."""
    return A.T if A.ndim == 2 else A.swapaxes(-1, -2)


def as_column(v: Array) -> Array:
    """Return a vector as a column, or those of several members, (members, 1, n), as one column each."""
    return v[:, None] if v.ndim == 1 else v.swapaxes(-1, -2)
