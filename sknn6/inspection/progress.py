"""Progress bars for long inspections."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sklearn.base import clone

from sknn6._sklearn_compat import (
    ProgressBar,
    callback_context,
    callback_management_context,
    callbacks_of,
)
from sknn6.inspection.wrappers import path_to

__all__ = ["progress"]


@contextmanager
def progress(estimator: Any, task: str, n_parts: int) -> Iterator[Callable[[], None]]:
    """Show an inspection on the `ProgressBar` that is set on an estimator, or on an estimator inside it.

    Other callbacks are for fits and are not called.

    Parameters
    ----------
    estimator : MLPClassifier, MLPRegressor, or an estimator that trains one such network
    task : str
        Name of the bar.
    n_parts : int
        Number of parts of the inspection.

    Yields
    ------
    done : callable
        Call it after each part. Parts that remain at the end are shown as done.
    """
    path = path_to(estimator)
    callbacks = [callback for part in path for callback in callbacks_of(part)]
    bars = [callback for callback in callbacks if isinstance(callback, ProgressBar)][:1]
    if not bars:
        yield lambda: None
        return
    shown = clone(path[-1]).set_callbacks(*bars)
    with callback_management_context(shown):
        whole = callback_context(shown, task_name=task, max_subtasks=n_parts)
        whole.call_on_fit_task_begin(estimator=shown)

        def done() -> None:
            part = whole.subcontext(task_name="part").call_on_fit_task_begin(estimator=shown)
            part.call_on_fit_task_end(estimator=shown)

        yield done
        whole.call_on_fit_task_end(estimator=shown)
