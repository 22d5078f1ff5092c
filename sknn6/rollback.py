"""A fit that fails changes nothing."""

from contextlib import contextmanager

__all__ = ["unchanged_if_it_fails"]

# What scikit-learn keeps on the estimator until the callbacks are torn down, after a failure too.
CALLBACK_STATE = {"_callback_fit_ctx", "_skl_callbacks_to_teardown"}


@contextmanager
def unchanged_if_it_fails(estimator):
    """Return a context that puts the estimator's attributes back as they were if an exception leaves it."""
    before = dict(vars(estimator))
    lengths = {name: len(value) for name, value in before.items() if isinstance(value, list)}
    try:
        yield
    except BaseException:
        kept = {name: value for name, value in vars(estimator).items() if name in CALLBACK_STATE}
        vars(estimator).clear()
        vars(estimator).update(before | kept)
        for name, length in lengths.items():  # a fit may have appended to them
            del before[name][length:]
        raise
