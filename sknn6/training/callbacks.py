"""Call scikit-learn's callbacks during a training."""

from collections.abc import Callable
from typing import Any

from numpy.typing import ArrayLike

from sknn6._sklearn_compat import begin_callbacks
from sknn6.annotations import Matrix

__all__ = ["Callbacks"]


class Callbacks:
    """The callbacks of an estimator during one fit; without effect before scikit-learn 1.9.

    Parameters
    ----------
    estimator : BaseMLP
        The estimator whose `fit`, decorated with `with_callbacks`, is running.
    max_epochs : int
        Largest number of epochs or iterations.
    X, y : array-like
        The training data.
    sample_weight : ndarray or None
        Passed on to scorers, if there are weights.
    """

    def __init__(
        self, estimator: Any, max_epochs: int, X: Matrix, y: ArrayLike, sample_weight: ArrayLike | None
    ) -> None:
        self.context, self.data = begin_callbacks(estimator, X, y, sample_weight, max_subtasks=max_epochs)

    def begin_epoch(self) -> None:
        """Call the callbacks at the start of an epoch."""
        if self.context is not None:
            self.epoch = self.context.subcontext(task_name="epoch")
            self.epoch.call_on_fit_task_begin(**self.data)

    def end_epoch(self, attributes: Callable[[], dict[str, Any]]) -> bool:
        """Call the callbacks at the end of an epoch and return whether one asks to stop.

        `attributes()` returns the fitted attributes of the model at this point.
        """
        if self.context is None:
            return False
        return bool(self.epoch.call_on_fit_task_end(**self.data, reconstruction_attributes=attributes))

    def end(self) -> None:
        """Call the callbacks at the end of the training, when the estimator is fitted."""
        if self.context is not None:
            self.context.call_on_fit_task_end(**self.data, reconstruction_attributes={})
