"""The estimators: they validate the data, build a network, train it, and keep what it has learned."""

from sknn6.estimators.classifier import MLPClassifier
from sknn6.estimators.regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
