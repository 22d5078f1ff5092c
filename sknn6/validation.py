"""Validation of X and y: scikit-learn's, what it lets pass, and what needs none, as a quick look tells."""

import math

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import validation

from sknn6.dates import refuse_dates

__all__ = ["is_valid", "one_entry_a_place", "validate_data"]


def is_valid(X, estimator):
    """Return whether scikit-learn's `validate_data` would give X back as it is, and without a warning.

    So it does with an array of finite float32 or float64 that has the features of the fit, where those had no
    names. It has the say in all else; but for one row, it takes longer than the network does.
    """
    return (
        type(X) is np.ndarray
        and X.dtype in (np.float64, np.float32)
        and X.size > 0
        and X.shape[1:] == (getattr(estimator, "n_features_in_", None),)
        and not hasattr(estimator, "feature_names_in_")
        and X.flags.forc
        and is_finite(X.ravel(order="K"))
    )


def is_finite(x):
    """Return whether all of a vector is finite; a no may also mean that the sum of squares overflows."""
    return math.isfinite(np.vdot(x, x))


def validate_data(estimator, X, *y, y_numeric=False, **options):
    """Do as scikit-learn's `validate_data`, but refuse dates, and give sparse X with one entry a place."""
    refuse_dates(estimator, X)
    if not y:
        return one_entry_a_place(validation.validate_data(estimator, X, **options))
    if y_numeric:
        refuse_dates(estimator, *y, name="y")
    X, y = validation.validate_data(estimator, X, *y, y_numeric=y_numeric, **options)
    return one_entry_a_place(X), y


def one_entry_a_place(X):
    """Return X, or a copy with the entries of each place added up if it is sparse and may have several."""
    if not issparse(X) or X.has_canonical_format:
        return X
    X = X.copy()
    X.sum_duplicates()
    return X
