"""Searching: a space for the package's estimators, and a Bayesian search over it."""

try:
    import skopt  # noqa: F401
except Exception as error:  # an old one beside a new NumPy raises other errors than ImportError
    raise ImportError(
        "The search of sknn6 needs scikit-optimize, which failed to import: "
        f"{error!r}. Try pip install -U scikit-optimize."
    ) from error

from sknn6.search.bayes import BayesSearchCV
from sknn6.search.space import search_space

__all__ = ["BayesSearchCV", "search_space"]
