"""Threads that a search fits its candidates in, and when they take the place of processes.

A compiled epoch releases Python's lock, so that fits in threads of one process run side by side. No process
has to start, import the package and receive the data.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from threading import Event
from typing import Any

import numpy as np
from joblib import effective_n_jobs, parallel_config
from joblib.parallel import ThreadingBackend, default_parallel_config
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from sknn6.estimators.classifier import MLPClassifier
from sknn6.estimators.preparation import prepare
from sknn6.estimators.regressor import MLPRegressor
from sknn6.nn import kernels
from sknn6.nn.program import covers
from sknn6.search.proposals import Axis
from sknn6.threads import cores, products_share_cores, with_threads
from sknn6.training.interrupts import ended_by

__all__ = ["Threads", "fits_run_compiled", "workers_for"]

# Packages whose estimators can be fitted in several threads at a time. One of the user's may rely on having
# a process to itself.
THREAD_SAFE = {"sknn6", "sklearn"}

# The arguments of `joblib.parallel_config` that choose the workers.
WORKERS = "backend", "prefer", "require"

# Number of rows of y from which the loss is determined.
SAMPLE = 1000


class Threads(ThreadingBackend):
    """joblib's threads, in which the fits share the cores, and end at once if the search is interrupted."""

    def configure(self, n_jobs: int = 1, parallel: Any = None, **kwargs: Any) -> int:
        """Return the number of threads; called again after an interrupt."""
        n_jobs = super().configure(n_jobs, parallel, **kwargs)
        self.end, self.threads_each = Event(), max(1, cores() // n_jobs)
        return n_jobs

    def submit(self, func: Callable[[], Any], callback: Any = None) -> Any:
        """Let a thread call the function."""
        inherited = getattr(super(), "submit", None) or super().apply_async
        return inherited(partial(run, func, self.end, self.threads_each), callback)

    apply_async = submit  # its name before joblib 1.5

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """End the fits and wait for their threads before the caller goes on.

        The threads change the warnings filters of the process.
        """
        pool = self._pool
        self.end.set()
        super().abort_everything(ensure_ready)
        if pool is not None:
            pool.join()


def run(func: Callable[[], Any], end: Event, n_threads: int) -> Any:
    """Call a function in a thread of a search, unless the search has ended before."""
    if end.is_set():
        return None
    # The limit of BLAS is the process's, so it has to hold between the fits of this thread as well.
    with products_share_cores(), with_threads(n_threads), ended_by(end):
        return func()


@contextmanager
def workers_for(search: Any, X: Any, y: Any) -> Iterator[None]:
    """Return a context in which joblib has `Threads` if all fits of a search run compiled.

    What the user has set by `joblib.parallel_config` stays as it is.
    """
    with parallel_config() as config:
        chosen = any(config[name] is not default_parallel_config[name] for name in WORKERS)
    in_threads = not chosen and effective_n_jobs(search.n_jobs) > 1 and fits_run_compiled(search, X, y)
    with parallel_config(backend=Threads()) if in_threads else nullcontext():
        yield


def fits_run_compiled(search: Any, X: Any, y: Any) -> bool:
    """Return whether all candidates of a search train a network of the package, in compiled epochs."""
    if issparse(X) or y is None:
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            rows = sample(y)
            return all(
                runs_compiled(search.estimator, params, rows)
                for space, _ in search._subspaces()
                for params in one_at_a_time(space)
            )
        except Exception:  # the fits will raise it too
            return False


def sample(y: Any) -> Any:
    """Return rows of y that are spread over all of it."""
    n_rows = np.shape(y)[0]
    rows = np.linspace(0, n_rows - 1, min(n_rows, SAMPLE)).astype(int)
    return y[rows] if issparse(y) else np.asarray(y)[rows]


def one_at_a_time(space: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield parameters in which one dimension takes each of its ends, and the others their first.

    Each parameter alone decides whether a training can be compiled, so combinations need not be tried.
    """
    ends = {name: Axis.of(given).ends() for name, given in space.items()}
    first = {name: values[0] for name, values in ends.items()}
    yield first
    for name, values in ends.items():
        yield from (first | {name: value} for value in values[1:])


def runs_compiled(estimator: Any, params: dict[str, Any], y: Any) -> bool:
    """Return whether the estimator with these parameters trains a network in compiled epochs."""
    estimator = clone(estimator).set_params(**params)
    network = clone(estimator[-1] if isinstance(estimator, Pipeline) else estimator)
    parts = [estimator, *(part for part in estimator.get_params().values() if hasattr(part, "fit"))]
    if type(network) not in (MLPClassifier, MLPRegressor) or not all(map(is_thread_safe, parts)):
        return False
    # The names or indices of columns do not suit the single column of zeros below.
    if network.categorical_features is not None:
        network.set_params(categorical_features="from_dtype")
    prepared = prepare(network, np.zeros((y.shape[0], 1)), y)
    settings = prepared.settings
    return (
        kernels.are_compiled()
        and settings.stochastic
        and covers(prepared.network, prepared.targets.loss, prepared.make_update(keeps_state=False))
    )


def is_thread_safe(estimator: Any) -> bool:
    """Return whether an estimator can be fitted in several threads at a time."""
    return type(estimator).__module__.partition(".")[0] in THREAD_SAFE
