"""Large matrix products on several threads.

BLAS's own threads wait for each other again and again within a product. Where others keep the cores busy,
each wait lasts until the system lets the other thread run, and a product takes several times as long as on
one. Here a large product is cut into parts that need nothing of each other, and BLAS has one thread for each.
"""

from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

__all__ = ["is_large", "multiply", "several_threads"]

# Multiplications in a matrix product from which more threads than one are worth handing parts over to them:
# some milliseconds of one thread.
WORTH_THREADS = 5e8

# The executor that takes parts of this thread's products, and how many parts to make.
helpers = ContextVar("helpers", default=(None, 1))


@contextmanager
def several_threads(executor, n_parts):
    """Give a context in which large products are cut into parts that an executor's threads may take.

    Parameters
    ----------
    executor : concurrent.futures.Executor
        Of threads; it may be shared with others.
    n_parts : int
        Parts of a product, the first of them for the thread that asks for it.
    """
    before = helpers.set((executor, n_parts))
    try:
        yield
    finally:
        helpers.reset(before)


def is_large(A, out):
    """Tell whether the product of A and as many columns as `out` has is worth several threads."""
    return out.size * A.shape[-1] >= WORTH_THREADS


def multiply(A, B, out):
    """Write A @ B to `out`, arrays of (..., rows, columns), by the threads of the context.

    A part that no other thread has begun when this one is done with its own, it computes itself. So a busy
    machine makes a product no slower than one thread is.

    Examples
    --------
    >>> import numpy as np
    >>> from sknn6.nn.parallel import multiply
    >>> multiply(np.eye(2), np.array([[1.0, 2.0], [3.0, 4.0]]), np.empty((2, 2)))
    array([[1., 2.],
           [3., 4.]])
    """
    executor, n_parts = helpers.get()
    own, *others = parts(A, B, out, n_parts)
    jobs = [(executor.submit(multiply_part, *part), part) for part in others]
    multiply_part(*own)
    for job, part in reversed(jobs):  # the first ones are begun first
        if job.cancel():
            multiply_part(*part)
        else:
            job.result()
    return out


def parts(A, B, out, number):
    """Cut A @ B = out by its longer side: the factor that all parts read is then the smaller one."""
    rows, columns = out.shape[-2:]
    bounds = np.linspace(0, max(rows, columns), number + 1).astype(int)
    slices = [slice(*bounds[i : i + 2]) for i in range(number)]
    if rows >= columns:
        return [(A[..., some, :], B, out[..., some, :]) for some in slices]
    return [(A, B[..., some], out[..., some]) for some in slices]


def multiply_part(A, B, out):
    """Write A @ B to `out`; how to treat overflow is a setting of the thread that asked for it."""
    with np.errstate(all="ignore"):
        np.matmul(A, B, out=out)
