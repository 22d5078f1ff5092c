"""The estimators with scikit-learn's values for what is "auto", so that a test sees one part at a time."""

from functools import partial

import sknn6

__all__ = ["MLPClassifier", "MLPRegressor"]

MLPClassifier = partial(sknn6.MLPClassifier, recipe="plain")
MLPRegressor = partial(sknn6.MLPRegressor, recipe="plain")
