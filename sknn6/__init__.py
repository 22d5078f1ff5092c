"""Multi-layer perceptrons and whitening for scikit-learn pipelines."""

from sknn6._version import __version__ as __version__
from sknn6.estimators import MLPClassifier, MLPRegressor
from sknn6.preprocessing import Standardizer, Whitener

__all__ = ["BayesSearchCV", "MLPClassifier", "MLPRegressor", "Standardizer", "Whitener", "search_space"]


def __getattr__(name):
    """Import the search, and with it scikit-optimize, when it is asked for."""
    if name in ("BayesSearchCV", "search_space"):
        from sknn6 import search

        return getattr(search, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    """List the search with the rest, imported or not."""
    return sorted({*globals(), *__all__})
