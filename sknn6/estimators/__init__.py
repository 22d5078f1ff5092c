"""The scikit-learn shells: validate, compose a network, train it, hold the result."""

from sknn6.estimators.classifier import MLPClassifier
from sknn6.estimators.regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
