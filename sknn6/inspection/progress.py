"""The progress of long inspections."""

from contextlib import contextmanager

from sklearn.base import clone

from sknn6._sklearn_compat import ProgressBar, callback_management_context, callbacks_of
from sknn6.inspection.probe import perceptron_of

__all__ = ["progress"]


@contextmanager
def progress(estimator, task, n_parts):
    """Show an inspection on the `ProgressBar` that is set on an estimator, or on the perceptron in it.

    Other callbacks are for fits, and are told of nothing.

    Parameters
    ----------
    estimator : MLPClassifier, MLPRegressor, Pipeline that ends in one, or a search over such
    task : str
        What the bar is named.
    n_parts : int
        Parts of the inspection.

    Yields
    ------
    done : callable
        To be called after each part; any parts that are missing in the end are shown as done.
    """
    mlp = perceptron_of(estimator)
    callbacks = callbacks_of(estimator) + callbacks_of(mlp)
    bars = [callback for callback in callbacks if isinstance(callback, ProgressBar)][:1]
    if not bars:
        yield lambda: None
        return
    shown = clone(mlp).set_callbacks(*bars)
    with callback_management_context(shown):
        whole = shown._init_callback_context(task_name=task, max_subtasks=n_parts)
        whole.call_on_fit_task_begin(estimator=shown)

        def done():
            part = whole.subcontext(task_name="part").call_on_fit_task_begin(estimator=shown)
            part.call_on_fit_task_end(estimator=shown)

        yield done
        whole.call_on_fit_task_end(estimator=shown)
