"""Control how many threads the matrix products of a call use."""

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from functools import cache
from threading import RLock
from typing import Any

from joblib import cpu_count
from threadpoolctl import OpenBLASController, ThreadpoolController

from sknn6.nn.parallel import several_threads

__all__ = ["cores", "cores_for", "products_share_cores", "with_threads"]

# Products of up to so many multiplications are computed by OpenBLAS on one thread, however many it may use
# (SMP_THRESHOLD_MIN in its interface/gemm.c; version 0.3.23 splits those of a single row from 9216 on).
SMALL = 2**16

# How many threads the large work of one call may use.
MOST_THREADS: ContextVar[int] = ContextVar("MOST_THREADS", default=sys.maxsize)


@cache
def blas_libraries() -> list[Any]:
    """Return the BLAS libraries of this process; cached, for the search takes milliseconds."""
    return [library for library in ThreadpoolController().lib_controllers if library.user_api == "blas"]


@cache
def cores() -> int:
    """Return the number of cores that this process may use, quotas included; cached."""
    return cpu_count()


def let_any_thread_control() -> None:
    """Allow any thread to set the number; threadpoolctl >= 3.7 obeys only the thread that set it first."""
    clear = getattr(OpenBLASController, "clear_controlling_thread", None)
    if clear is not None:
        clear(force=True)


def set_threads(numbers: list[tuple[Any, int]]) -> None:
    """Set the number of threads of BLAS libraries, given as pairs (library, number)."""
    if numbers:
        let_any_thread_control()
        for library, number in numbers:
            library.set_num_threads(number)
        let_any_thread_control()


class Cores:
    """Limit BLAS to one thread while calls run, and provide helper threads for large work.

    The number of BLAS threads is a setting of the process. If calls overlap, the first one to begin sets it
    and the last one to end restores it. The calls share the helpers, one fewer than the threads that BLAS was
    allowed. `begin` and `end` can be repeated, which is needed after an interrupt.
    """

    def __init__(self) -> None:
        # An RLock, because garbage collection may close the context of another call, and so run its `end`,
        # while this thread is in `begin`.
        self.lock = RLock()
        self.calls: set[object] = set()
        self.found: list[tuple[Any, int]] = []
        self.executor: ThreadPoolExecutor | None = None

    def begin(self, call: object) -> None:
        with self.lock:
            if not self.calls:
                found = [(library, library.get_num_threads()) for library in blas_libraries()]
                self.n_threads: int = min([cores(), *(number for _, number in found)]) if found else 1
                self.found = [(library, number) for library, number in found if number > 1]
            self.calls.add(call)
            if len(self.calls) == 1:
                set_threads([(library, 1) for library, _ in self.found])

    def end(self, call: object) -> None:
        with self.lock:
            if self.calls == {call}:
                if self.executor is not None:
                    self.executor.shutdown(wait=False)
                    self.executor = None
                # If the number is not 1, somebody else has set it in the meantime, and it is kept.
                set_threads([(library, n) for library, n in self.found if library.get_num_threads() == 1])
            self.calls.discard(call)

    @property
    def n_helpers(self) -> int:
        return min(self.n_threads, MOST_THREADS.get()) - 1

    def submit(self, function: Callable[[], None]) -> Future[None]:
        """Run a function on a helper thread; the threads are created at the first call."""
        with self.lock:
            if self.executor is None:
                self.executor = ThreadPoolExecutor(self.n_threads - 1)
            return self.executor.submit(function)


CORES = Cores()


@contextmanager
def products_share_cores() -> Iterator[None]:
    """Return a context in which small products run on one thread and large work on all threads of BLAS.

    A threaded BLAS takes several times as long as one thread for small products, and for all products if the
    cores are busy. NumPy and SciPy have separate BLAS libraries, whose threads also compete for the cores
    when calls alternate.
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


def cores_for(multiplications: float) -> AbstractContextManager[None]:
    """Return `products_share_cores()`, or a context without effect if the largest product is small.

    Setting the number of BLAS threads takes as long as predicting one row with a network of 100 units.
    """
    return products_share_cores() if multiplications > SMALL else nullcontext()


@contextmanager
def with_threads(number: int) -> Iterator[None]:
    """Return a context in which the large work of this thread's calls has at most so many threads."""
    before = MOST_THREADS.set(number)
    try:
        yield
    finally:
        MOST_THREADS.reset(before)
