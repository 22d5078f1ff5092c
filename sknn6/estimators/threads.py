"""How many threads the matrix products of a fit may use."""

from contextlib import nullcontext
from functools import cache

from threadpoolctl import ThreadpoolController

__all__ = ["limit_blas_threads"]

# Multiplications in a matrix product from which more threads than one are worth their coordination. Below,
# and above all beside other busy processes, a threaded product can take ten times as long as a serial one.
WORTH_THREADS = 5e8


@cache
def controller():
    """Look up the BLAS libraries of this process, which takes milliseconds, once."""
    return ThreadpoolController()


def limit_blas_threads(largest_product):
    """Give a context in which products of at most so many multiplications run as they are fastest."""
    if largest_product >= WORTH_THREADS:
        return nullcontext()
    return controller().limit(limits=1, user_api="blas")
