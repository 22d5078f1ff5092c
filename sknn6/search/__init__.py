"""Bayesian search of hyperparameters, and search spaces for the package's estimators."""

try:
    import skopt  # noqa: F401
except Exception as error:  # an old release with a new NumPy raises errors other than ImportError
    raise ImportError(
        "The search of sknn6 needs scikit-optimize, which failed to import: "
        f"{error!r}. Try pip install -U scikit-optimize."
    ) from error

from sknn6.search.bayes import BayesSearchCV
from sknn6.search.space import search_space

__all__ = ["BayesSearchCV", "search_space"]
