"""How many threads the matrix products of a fit may use."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from threading import Lock

from joblib import cpu_count
from threadpoolctl import OpenBLASController, ThreadpoolController

from sknn6.nn.parallel import several_threads

__all__ = ["products_share_cores"]


@cache
def controller():
    """Look up the BLAS libraries of this process, which takes milliseconds, once."""
    return ThreadpoolController()


@cache
def cores():
    """Look up how many cores this process may use, by its quota too, once."""
    return cpu_count()


def blas_threads():
    """Give the number of threads that BLAS may use at present, which is the user's to set."""
    allowed = [library["num_threads"] for library in controller().info() if library["user_api"] == "blas"]
    return min(allowed, default=1)


def take_control():
    """Let any thread set the number; threadpoolctl from 3.7 on heeds only the thread that set it first."""
    clear = getattr(OpenBLASController, "clear_controlling_thread", None)
    if clear is not None:
        clear(force=True)


class Cores:
    """One thread for BLAS and helpers for large products, while any fit goes on.

    The number of BLAS threads is the process's: fits that overlap must not each restore what it found, so
    the first to begin limits it and the last to end restores it. They share the helpers, one less than the
    threads that BLAS was allowed.
    """

    def __init__(self):
        self.lock, self.users = Lock(), 0

    def __enter__(self):
        with self.lock:
            if self.users == 0:
                self.n_threads = min(blas_threads(), cores())
                self.helpers = ThreadPoolExecutor(max(1, self.n_threads - 1))  # started when needed
                take_control()
                self.limiter = controller().limit(limits=1, user_api="blas")
            self.users += 1

    def __exit__(self, *exception):
        with self.lock:
            self.users -= 1
            if self.users == 0:
                self.helpers.shutdown()
                take_control()
                self.limiter.restore_original_limits()
                take_control()


CORES = Cores()


@contextmanager
def products_share_cores():
    """Give a context in which small products run on one thread, and large ones on all that BLAS may use.

    A threaded BLAS takes several times as long for small products as one thread does, and for all of them
    where other threads or processes keep the cores busy.
    """
    with CORES:
        # Two parts a thread, so that one that is held up leaves less to wait for.
        n_parts = 1 if CORES.n_threads == 1 else 2 * CORES.n_threads
        with several_threads(CORES.helpers, n_parts):
            yield
