"""Matrix products of layers: dense or sparse, with or without a bias, for one network or several members."""

import numpy as np
from scipy.sparse import csc_array

from sknn6.nn.annotations import Array, Rows
from sknn6.nn.blas import GEMM
from sknn6.nn.parallel import is_large, multiply

__all__ = ["affine", "product", "transpose"]


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


def affine(A: Array, B: Array, c: Array, out: Array) -> Array:
    """Write A @ B + c to `out`, where c is the same for all rows.

    BLAS adds the product to the c that `out` contains already, which saves a pass over the result. It stores
    matrices by columns, so all of them are transposed. SciPy's function keeps the global lock of Python, so
    large products are computed by NumPy, on several threads.
    """
    if is_large(A, out):
        multiply(A, B, out)
        out += c
        return out
    out[...] = c
    gemm = GEMM[out.dtype]
    if out.ndim == 2:
        gemm(1.0, B.T, A.T, 1.0, out.T, overwrite_c=True)
    else:
        for member in range(len(out)):
            of_member = A if A.ndim == 2 else A[member]
            gemm(1.0, B[member].T, of_member.T, 1.0, out[member].T, overwrite_c=True)
    return out


def transpose(A: Array) -> Array:
    """Swap the last two axes."""
    return A.T if A.ndim == 2 else A.swapaxes(-1, -2)
