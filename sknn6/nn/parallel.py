"""Large work on several threads.

BLAS's own threads wait for each other several times within a product. If other processes keep the cores busy,
each wait lasts until the operating system runs the other thread, and a product takes several times as long as
on one thread. Here, large work is split into independent parts, each of which BLAS computes on one thread.

The parts do not depend on the number of threads, so the result is the same to the last bit.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar

import numpy as np

from sknn6.nn.annotations import Array

__all__ = ["WORTH_THREADS", "is_large", "multiply", "several_threads", "share", "share_if_large"]

# Work of at least this many multiplications, which take one thread some milliseconds, is split across
# threads.
WORTH_THREADS = 5e8

# A part of a product has PART rows or columns, but there are at least FEWEST and at most MOST parts.
PART = 256
FEWEST, MOST = 4, 16

Item = TypeVar("Item")
Result = TypeVar("Result")
Part = tuple[Array, Array, Array]


class Pool(Protocol):
    """A pool of threads."""

    @property
    def n_helpers(self) -> int:
        """Number of threads."""

    def submit(self, function: Callable[[], None], /) -> Future[Any]:
        """Call the function on one of the threads."""


POOL: ContextVar[Pool | None] = ContextVar("POOL", default=None)


@contextmanager
def several_threads(pool: Pool) -> Iterator[None]:
    """Return a context in which the threads of a pool help with large work.

    Parameters
    ----------
    pool : Pool
        It may be shared by several contexts.
    """
    before = POOL.set(pool)
    try:
        yield
    finally:
        POOL.reset(before)


def share(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Return ``[function(item) for item in items]``, computed by this thread and those of the context.

    Each thread takes the next item until none is left. A helper that has not begun by then is not waited for.
    So even on a busy machine, the work takes no longer than on one thread.

    Examples
    --------
    >>> from sknn6.nn.parallel import share
    >>> share(abs, [-1, 2, -3])
    [1, 2, 3]
    """
    items, pool = list(items), POOL.get()
    if pool is None or len(items) < 2:
        return [function(item) for item in items]
    results: list[Any] = [None] * len(items)
    numbers, settings = iter(range(len(items))), np.geterr()

    def work() -> None:
        with np.errstate(**settings):  # each thread has its own settings
            for i in numbers:
                results[i] = function(items[i])

    jobs: list[Future[Any]] = []
    try:
        # One by one, so that none is missed if Ctrl-C comes meanwhile.
        jobs.extend(pool.submit(work) for _ in range(min(pool.n_helpers, len(items) - 1)))
        work()
    finally:
        end(numbers, jobs)
    for job in jobs:
        if not job.cancelled():
            job.result()
    return results


def end(numbers: Iterator[int], jobs: list[Future[Any]]) -> None:
    """Let no thread begin another item, and wait for those that have begun; also if Ctrl-C interrupts this.

    The caller may restore arrays to which the threads write.
    """
    try:
        deque(numbers, maxlen=0)
        wait([job for job in jobs if not job.cancel()])
    except BaseException:
        end(numbers, jobs)
        raise


def share_if_large(
    function: Callable[[Item], Result], items: Iterable[Item], multiplications: float
) -> list[Result]:
    """Return ``[function(item) for item in items]``, on several threads if there is enough work."""
    return share(function, items) if multiplications >= WORTH_THREADS else [*map(function, items)]


def is_large(A: Array, out: Array) -> bool:
    """Return whether a product of A with the result `out` is large enough for several threads."""
    return out.size * A.shape[-1] >= WORTH_THREADS


def multiply(A: Array, B: Array, out: Array) -> Array:
    """Write A @ B to `out`, for arrays of shape (..., rows, columns), on the threads of the context.

    Examples
    --------
    >>> import numpy as np
    >>> from sknn6.nn.parallel import multiply
    >>> multiply(np.eye(2), np.array([[1.0, 2.0], [3.0, 4.0]]), np.empty((2, 2)))
    array([[1., 2.],
           [3., 4.]])
    """
    share(multiply_part, parts(A, B, out))
    return out


def parts(A: Array, B: Array, out: Array) -> list[Part]:
    """Split A @ B = out along its longer side, so that the factor that all parts read is the smaller one."""
    rows, columns = out.shape[-2:]
    longer = max(rows, columns)
    number = min(max(longer // PART, FEWEST), MOST)
    bounds = np.linspace(0, longer, number + 1).astype(int)
    slices = [slice(*bounds[i : i + 2]) for i in range(number)]
    if rows >= columns:
        return [(A[..., some, :], B, out[..., some, :]) for some in slices]
    return [(A, B[..., some], out[..., some]) for some in slices]


def multiply_part(part: Part) -> None:
    """Compute one part of a product."""
    A, B, out = part
    np.matmul(A, B, out=out)
