"""The ways in which Numba compiles the functions of the interpreter."""

from typing import Any

from numba import njit

__all__ = ["cached_on_disk", "compiled", "inlined", "summing"]

# Only `train` is called from Python. The functions that it calls need no wrappers; they take time to compile.
INNER: dict[str, Any] = {
    "error_model": "numpy",
    "nogil": True,
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}
compiled = njit(**INNER)
# A function with one caller becomes part of it before Numba infers types, which is faster to compile.
inlined = njit(inline="always")
# With "reassoc", sums may be computed in any order, so that they can use vector instructions.
summing = njit(**INNER, fastmath={"reassoc"})
# `train` is kept on disk, together with all that it calls.
cached_on_disk = njit(cache=True, error_model="numpy", nogil=True)
