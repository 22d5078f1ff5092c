"""The multi-layer perceptron that scikit-learn users reach for."""

from sknn6.estimators import MLPClassifier, MLPRegressor
from sknn6.preprocessing import Standardizer, Whitener

__version__ = "0.1.0"

__all__ = ["MLPClassifier", "MLPRegressor", "Standardizer", "Whitener"]
