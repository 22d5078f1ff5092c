"""The scikit-learn shells: validate, compose a network, train it, hold the result."""

from sknn6.estimators.classifier import MLPClassifier

__all__ = ["MLPClassifier"]
