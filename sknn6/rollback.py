"""Restore an estimator after a fit that failed."""

from contextlib import contextmanager

__all__ = ["unchanged_if_it_fails"]

# Attributes that scikit-learn needs until it tears down the callbacks, also after a failure.
CALLBACK_STATE = {"_callback_fit_ctx", "_skl_callbacks_to_teardown"}


@contextmanager
def unchanged_if_it_fails(estimator):
    """Return a context that restores the estimator's attributes if an exception is raised in it."""
    before = dict(vars(estimator))
    lengths = {name: len(value) for name, value in before.items() if isinstance(value, list)}
    try:
        yield
    except BaseException:
        kept = {name: value for name, value in vars(estimator).items() if name in CALLBACK_STATE}
        vars(estimator).clear()
        vars(estimator).update(before | kept)
        for name, length in lengths.items():  # the fit may have appended to them
            del before[name][length:]
        raise
