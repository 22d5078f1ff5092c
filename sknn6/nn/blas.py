"""BLAS routines of SciPy, by dtype, which can add their result to an existing array."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.linalg import blas

__all__ = ["AXPY", "GEMM"]

Routines = dict[np.dtype[Any], Callable[..., Any]]

AXPY: Routines = {np.dtype(np.float32): blas.saxpy, np.dtype(np.float64): blas.daxpy}
GEMM: Routines = {np.dtype(np.float32): blas.sgemm, np.dtype(np.float64): blas.dgemm}
