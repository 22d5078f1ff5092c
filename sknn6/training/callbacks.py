"""What scikit-learn's callbacks are told of a training."""

__all__ = ["Callbacks"]


class Callbacks:
    """The callbacks of an estimator during one fit; none, with a scikit-learn that has no callbacks.

    Parameters
    ----------
    estimator : BaseMLP
        Whose `fit`, decorated with `with_callbacks`, is running.
    max_epochs : int
        Epochs, or iterations, at most.
    X, y : array-like
        The training data.
    sample_weight : ndarray or None
        Passed on to scorers, if there are weights.
    """

    def __init__(self, estimator, max_epochs, X, y, sample_weight=None):
        self.context = None
        self.stopped = False
        if not hasattr(estimator, "_init_callback_context"):
            return
        metadata = {} if sample_weight is None else {"sample_weight": sample_weight}
        self.data = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        self.context = estimator._init_callback_context(max_subtasks=max_epochs)
        self.context.call_on_fit_task_begin(**self.data)

    def begin_epoch(self):
        """Tell that an epoch begins."""
        if self.context is not None:
            self.epoch = self.context.subcontext(task_name="epoch")
            self.epoch.call_on_fit_task_begin(**self.data)

    def end_epoch(self, attributes):
        """Tell that it has ended, `attributes()` giving a model as it is now; return whether to stop."""
        if self.context is not None:
            told = self.epoch.call_on_fit_task_end(**self.data, reconstruction_attributes=attributes)
            self.stopped = bool(told)
        return self.stopped

    def end(self):
        """Tell that the training has ended and the estimator is fitted."""
        if self.context is not None:
            self.context.call_on_fit_task_end(**self.data, reconstruction_attributes={})
