"""Multi-layer perceptrons and whitening for scikit-learn pipelines."""

from sknn6._version import __version__ as __version__
from sknn6.estimators import MLPClassifier, MLPRegressor
from sknn6.preprocessing import Standardizer, Whitener

__all__ = ["BayesSearchCV", "MLPClassifier", "MLPRegressor", "Standardizer", "Whitener", "search_space"]


def __getattr__(name):
    """Import the search, which needs scikit-optimize, when one of its names is first used."""
    if name in ("BayesSearchCV", "search_space"):
        from sknn6 import search

        return getattr(search, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    """Return all public names, including those of the search before it is imported."""
    return sorted({*globals(), *__all__})
