"""Validation of X and y: scikit-learn's with additions, and a fast check that can replace it."""

import math
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import validation

from sknn6.dates import refuse_dates
from sknn6.nn.annotations import Array
from sknn6.readers import as_frame
from sknn6.tables import Columns, refuse_categories, refuse_gaps

__all__ = ["is_valid", "is_valid_target", "one_entry_a_place", "validate_data", "validate_table"]


def is_valid(X: Any, estimator: object) -> bool:
    """Return whether scikit-learn's `validate_data` would return X unchanged and without a warning.

    That is so for a finite float32 or float64 array with the features of the fit, if those had no names. For
    a single row, `validate_data` takes longer than the network, so it is only called if this check fails.
    """
    return (
        type(X) is np.ndarray
        and X.dtype in (np.float64, np.float32)
        and X.size > 0
        and X.shape[1:] == (getattr(estimator, "n_features_in_", None),)
        and not hasattr(estimator, "feature_names_in_")
        and getattr(estimator, "_table", None) is None
        and X.flags.forc
        and is_finite(X.ravel(order="K"))
    )


def is_valid_target(y: Any, n_rows: int) -> bool:
    """Return whether scikit-learn's `validate_data` would return y unchanged and without a warning.

    That is so for a vector of n_rows whole numbers, bools or finite floats.
    """
    return (
        type(y) is np.ndarray
        and y.shape == (n_rows,)
        and (y.dtype.kind in "biu" or (y.dtype in (np.float64, np.float32) and is_finite(y)))
    )


def is_finite(x: Array) -> bool:
    """Return whether a vector is finite; also False if its sum of squares overflows."""
    return math.isfinite(np.vdot(x, x))


def validate_data(estimator: Any, X: Any, *y: Any, y_numeric: bool = False, **options: Any) -> Any:
    """Call scikit-learn's `validate_data`; also refuse dates and sum duplicate entries of sparse X.

    If X is refused for strings, categories or missing values, the error names the columns.
    """
    X = as_frame(X)
    refuse_dates(estimator, X)
    if y_numeric:
        refuse_dates(estimator, y[0], name="y")
    numeric = {"y_numeric": y_numeric} if y else {}
    try:
        valid = validation.validate_data(estimator, X, *y, **numeric, **options)
    except (TypeError, ValueError) as error:
        refuse_categories(estimator, X)
        if "NaN" in str(error) or "NAType" in str(error):  # pandas.NA
            refuse_gaps(estimator, X, options.get("reset", True))
        raise
    return (one_entry_a_place(valid[0]), valid[1]) if y else one_entry_a_place(valid)


def validate_table(
    estimator: Any, columns: Columns, X: Any, *y: Any, reset: bool, y_numeric: bool = False, **options: Any
) -> Any:
    """Validate X, a table of mixed columns, and y if it is given; return them as arrays of numbers.

    `columns` are the `Columns` by which X is encoded.
    """
    X, kind = as_frame(X), type(X).__name__
    if not hasattr(X, "shape"):
        X = np.array(X, dtype=object)
    if issparse(X) or len(X.shape) != 2:
        got = "a sparse matrix" if issparse(X) else f"{kind} of shape {tuple(X.shape)}"
        raise ValueError(
            f"Expected a table of shape (n_samples, {estimator.n_features_in_}), as X of fit was, got {got}. "
            "Pass a single row as frame.iloc[[0]] or X[:1]."
        )
    if X.shape[0] == 0:
        raise ValueError(
            f"Found array with 0 sample(s) (shape={tuple(X.shape)}) while a minimum of 1 is required by "
            f"{type(estimator).__name__}."
        )
    if not reset:  # otherwise dates were refused before the columns were learned
        refuse_dates(estimator, X)
    validation.validate_data(estimator, X, reset=reset, skip_check_array=True)
    Z = columns.encode(X)
    if not y:
        return Z
    if y_numeric:
        refuse_dates(estimator, y[0], name="y")
    return validation.check_X_y(Z, *y, y_numeric=y_numeric, estimator=estimator, **options)


def one_entry_a_place(X: Any) -> Any:
    """Return X; if it is sparse and may have duplicate entries, a copy in which they are summed."""
    if not issparse(X) or X.has_canonical_format:
        return X
    X = X.copy()
    X.sum_duplicates()
    return X
