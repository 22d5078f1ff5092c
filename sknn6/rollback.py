"""Restore an estimator after a fit that failed."""

from collections.abc import Iterator
from contextlib import contextmanager

from sknn6._sklearn_compat import CALLBACK_STATE

__all__ = ["unchanged_if_it_fails"]


@contextmanager
def unchanged_if_it_fails(estimator: object) -> Iterator[None]:
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
