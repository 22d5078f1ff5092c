"""How many threads the matrix products of a fit may use."""

from contextlib import nullcontext
from functools import cache
from threading import Lock

from threadpoolctl import OpenBLASController, ThreadpoolController

__all__ = ["limit_blas_threads"]

# Multiplications in a matrix product from which more threads than one are worth their coordination. Below,
# and above all beside other busy processes, a threaded product can take ten times as long as a serial one.
WORTH_THREADS = 5e8


@cache
def controller():
    """Look up the BLAS libraries of this process, which takes milliseconds, once."""
    return ThreadpoolController()


def take_control():
    """Let any thread set the number; threadpoolctl from 3.7 on heeds only the thread that set it first."""
    clear = getattr(OpenBLASController, "clear_controlling_thread", None)
    if clear is not None:
        clear(force=True)


class Limit:
    """One thread a product, from when the first fit that wants it begins until the last has ended.

    The number of threads is the process's: fits that overlap must not each restore what it found.
    """

    def __init__(self):
        self.lock, self.users, self.limiter = Lock(), 0, None

    def __enter__(self):
        with self.lock:
            if self.users == 0:
                take_control()
                self.limiter = controller().limit(limits=1, user_api="blas")
            self.users += 1

    def __exit__(self, *exception):
        with self.lock:
            self.users -= 1
            if self.users == 0:
                take_control()
                self.limiter.restore_original_limits()
                take_control()


ONE_THREAD = Limit()


def limit_blas_threads(largest_product):
    """Give a context in which products of at most so many multiplications run as they are fastest."""
    return nullcontext() if largest_product >= WORTH_THREADS else ONE_THREAD
