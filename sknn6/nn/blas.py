"""BLAS routines by dtype, as SciPy gives them: they can add to an array that is there."""

import numpy as np
from scipy.linalg import blas

__all__ = ["AXPY", "GEMM"]

AXPY = {np.dtype(np.float32): blas.saxpy, np.dtype(np.float64): blas.daxpy}
GEMM = {np.dtype(np.float32): blas.sgemm, np.dtype(np.float64): blas.dgemm}
