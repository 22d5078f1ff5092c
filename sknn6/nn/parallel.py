"""Large work on several threads.

BLAS's own threads wait for each other again and again within a product. Where others keep the cores busy,
each wait lasts until the system lets the other thread run, and a product takes several times as long as on
one. Here large work is cut into parts that need nothing of each other, and BLAS has one thread for each.

The parts are the same whatever the number of threads, and so is the result, to the last bit.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar

import numpy as np

from sknn6.nn.annotations import Array

__all__ = ["is_large", "multiply", "several_threads", "share", "share_if_large"]

# Work of at least this many multiplications, some milliseconds of one thread, is split across threads.
WORTH_THREADS = 5e8

# Rows or columns of a part of a product, if that makes FEWEST to MOST parts.
PART = 256
FEWEST, MOST = 4, 16

Item = TypeVar("Item")
Result = TypeVar("Result")
Part = tuple[Array, Array, Array]


class Pool(Protocol):
    """What runs the parts of a thread's work: `n_helpers` threads that take what is given to `submit`."""

    n_helpers: int

    def submit(self, function: Callable[[], None], /) -> Future[Any]:
        """Let a thread call the function."""


helpers: ContextVar[Pool | None] = ContextVar("helpers", default=None)


@contextmanager
def several_threads(pool: Pool) -> Iterator[None]:
    """Return a context in which other threads help with large work.

    Parameters
    ----------
    pool : object
        With the number `n_helpers`, and ``submit(function)`` that gives a `concurrent.futures.Future`. It
        may be shared with others.
    """
    before = helpers.set(pool)
    try:
        yield
    finally:
        helpers.reset(before)


def share(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Return ``[function(item) for item in items]``, computed by the threads of the context.

    Each thread takes the next item that none has begun, until there are no more. A helper that does not come
    to it is not waited for. So a busy machine makes work no slower than one thread is.

    Examples
    --------
    >>> from sknn6.nn.parallel import share
    >>> share(abs, [-1, 2, -3])
    [1, 2, 3]
    """
    items = list(items)
    results: list[Any] = [None] * len(items)
    numbers, settings = iter(range(len(items))), np.geterr()

    def work() -> None:
        with np.errstate(**settings):  # a setting of each thread
            for i in numbers:
                results[i] = function(items[i])

    pool = helpers.get()
    jobs = [pool.submit(work) for _ in range(min(pool.n_helpers, len(items) - 1))] if pool else []
    try:
        work()
    finally:
        deque(numbers, maxlen=0)  # what is left after an error, nobody begins
        begun = [job for job in jobs if not job.cancel()]
        try:
            wait(begun)
        except BaseException:  # a second Ctrl-C; a helper must not write to what the caller then puts back
            wait(begun)
            raise
    for job in begun:
        job.result()
    return results


def share_if_large(
    function: Callable[[Item], Result], items: Iterable[Item], multiplications: float
) -> list[Result]:
    """Return ``[function(item) for item in items]``, by several threads if that is enough work for them."""
    return share(function, items) if multiplications >= WORTH_THREADS else [*map(function, items)]


def is_large(A: Array, out: Array) -> bool:
    """Return whether the product of A and as many columns as `out` has is worth several threads."""
    return out.size * A.shape[-1] >= WORTH_THREADS


def multiply(A: Array, B: Array, out: Array) -> Array:
    """Write A @ B to `out`, arrays of (..., rows, columns), by the threads of the context.

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
    """Cut A @ B = out by its longer side: the factor that all parts read is then the smaller one."""
    rows, columns = out.shape[-2:]
    longer = max(rows, columns)
    number = min(max(longer // PART, FEWEST), MOST)
    bounds = np.linspace(0, longer, number + 1).astype(int)
    slices = [slice(*bounds[i : i + 2]) for i in range(number)]
    if rows >= columns:
        return [(A[..., some, :], B, out[..., some, :]) for some in slices]
    return [(A, B[..., some], out[..., some]) for some in slices]


def multiply_part(part: Part) -> None:
    """Write A @ B to out."""
    A, B, out = part
    np.matmul(A, B, out=out)
