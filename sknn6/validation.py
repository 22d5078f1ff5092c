"""What needs no validation, as a quick look tells."""

import math

import numpy as np

__all__ = ["is_valid"]


def is_valid(X, estimator):
    """Tell whether scikit-learn's `validate_data` would give X back as it is, and without a warning.

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
    """Tell whether all of a vector is finite; a no may also mean that the sum of squares overflows."""
    return math.isfinite(np.vdot(x, x))
