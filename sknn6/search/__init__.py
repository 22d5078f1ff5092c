"""Searching: a space for the package's estimators, and a Bayesian search over it."""

from sknn6.search.bayes import BayesSearchCV
from sknn6.search.space import search_space

__all__ = ["BayesSearchCV", "search_space"]
