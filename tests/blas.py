"""What BLAS is set to in this process."""

from sknn6.threads import blas_libraries


def blas_threads():
    """Return the number of threads of each BLAS library."""
    return [library.num_threads for library in blas_libraries()]
