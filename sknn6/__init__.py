"""Multi-layer perceptrons and whitening for scikit-learn pipelines."""

import typing as _typing  # the underscore, because dir(sknn6) lists this module's names

from sknn6._version import __version__ as __version__
from sknn6.estimators import MLPClassifier, MLPRegressor
from sknn6.preprocessing import Standardizer, Whitener

if _typing.TYPE_CHECKING:
    from sknn6.search import BayesSearchCV, search_space

__all__ = ["BayesSearchCV", "MLPClassifier", "MLPRegressor", "Standardizer", "Whitener", "search_space"]


def __getattr__(name: str) -> object:
    """Import the search, which needs scikit-optimize, when one of its names is first used."""
    if name in ("BayesSearchCV", "search_space"):
        from sknn6 import search

        return getattr(search, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return all public names, including those of the search before it is imported."""
    return sorted({*globals(), *__all__})
