"""How many threads the matrix products of a call may use."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from threading import RLock

from joblib import cpu_count
from threadpoolctl import OpenBLASController, ThreadpoolController

from sknn6.nn.parallel import several_threads

__all__ = ["products_share_cores"]


@cache
def blas_libraries():
    """Look up the BLAS libraries of this process, which takes milliseconds, once."""
    return [library for library in ThreadpoolController().lib_controllers if library.user_api == "blas"]


@cache
def cores():
    """Look up how many cores this process may use, by its quota too, once."""
    return cpu_count()


def let_any_thread_control():
    """Let any thread set the number; threadpoolctl from 3.7 on heeds only the thread that set it first."""
    clear = getattr(OpenBLASController, "clear_controlling_thread", None)
    if clear is not None:
        clear(force=True)


def set_threads(numbers):
    """Set the threads of BLAS libraries, pairs (library, number), and let other threads set them after."""
    if numbers:
        let_any_thread_control()
        for library, number in numbers:
            library.set_num_threads(number)
        let_any_thread_control()


class Cores:
    """One thread for BLAS and helpers for large work, while any call goes on.

    The number of BLAS threads is the process's: calls that overlap must not each restore what they found, so
    the first to begin limits it and the last to end restores it. They share the helpers, one less than the
    threads that BLAS was allowed. Both `begin` and `end` can be repeated, as an interrupt may make it needed.
    """

    def __init__(self):
        # A call that is garbage may end in the middle of another one's beginning, in the same thread.
        self.lock, self.calls, self.found, self.executor = RLock(), set(), [], None

    def begin(self, call):
        with self.lock:
            if not self.calls:
                found = [(library, library.get_num_threads()) for library in blas_libraries()]
                self.n_threads = min([cores(), *(number for _, number in found)]) if found else 1
                self.found = [(library, number) for library, number in found if number > 1]
            self.calls.add(call)
            if len(self.calls) == 1:
                set_threads([(library, 1) for library, _ in self.found])

    def end(self, call):
        with self.lock:
            if self.calls == {call}:
                if self.executor is not None:
                    self.executor.shutdown(wait=False)
                    self.executor = None
                # Where the number is not 1, somebody has set it meanwhile, and it stays.
                set_threads([(library, n) for library, n in self.found if library.get_num_threads() == 1])
            self.calls.discard(call)

    @property
    def n_helpers(self):
        return self.n_threads - 1

    def submit(self, function):
        """Have a helper run a function, and start the helpers if none has been needed so far."""
        with self.lock:
            if self.executor is None:
                self.executor = ThreadPoolExecutor(self.n_helpers)
            return self.executor.submit(function)


CORES = Cores()


@contextmanager
def products_share_cores():
    """Return a context in which small products run on one thread, and large work on all that BLAS may use.

    A threaded BLAS takes several times as long for small products as one thread does, and for all of them
    where other threads or processes keep the cores busy. The threads of NumPy's BLAS and of SciPy's, which
    are not the same, also keep each other from the cores when calls alternate.
    """
    call = object()
    try:
        CORES.begin(call)
        with several_threads(CORES):
            yield
    finally:
        try:
            CORES.end(call)
        except KeyboardInterrupt:
            CORES.end(call)
            raise
