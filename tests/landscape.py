"""What searches are tested on: an estimator whose scores are known, and iris."""

import numpy as np
import pytest
from ctrl_c import CtrlC, default_handler, in_a_cell  # noqa: F401
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.pipeline import Pipeline
from skopt.space import Categorical, Integer, Real

from sknn6 import (
    BayesSearchCV,
    MLPClassifier,
    Standardizer,
    Whitener,
)

# Warnings that have tests of their own, which searches as short as those of the tests may give.
TOLD_ELSEWHERE = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:The best .* lies on the border"),
    pytest.mark.filterwarnings("ignore:batch_size=.* is larger than"),
]

X, y = load_iris(return_X_y=True)
PIPELINE = Pipeline(
    [
        ("scale", Standardizer()),
        ("whiten", Whitener(eps=0.1)),
        ("mlp", MLPClassifier(16, max_iter=5, random_state=0)),
    ]
)


class Landscape(ClassifierMixin, BaseEstimator):
    """An estimator whose score is a known function of its parameters."""

    def __init__(self, rate=1.0, width=10, kind="flat", shape=None, fail=False, result=None):
        self.rate, self.width, self.kind, self.shape = rate, width, kind, shape
        self.fail, self.result = fail, result

    def fit(self, X, y, sample_weight=None):
        if self.fail or self.kind == "broken":
            raise RuntimeError("this candidate cannot be fitted")
        self.classes_, self.weighted_ = np.unique(y), sample_weight is not None
        return self

    def predict(self, X):
        return np.zeros(len(X), int)

    def score(self, X, y):
        if self.result is not None:
            return self.result
        rate = max(self.rate, 1e-9)
        bonus = {"flat": 0.0, "good": 0.2, "broken": 0.0}.get(self.kind, 0.0)
        return 1 - (np.log10(rate) + 2.3) ** 2 / 10 - (self.width - 37) ** 2 / 5000 + bonus


SPACE = {
    "rate": Real(1e-5, 1e0, "log-uniform"),
    "width": Integer(1, 100),
    "kind": Categorical(["flat", "good"]),
}


def search(estimator=None, space=None, **params):
    params = {"n_iter": 8, "cv": 3, "random_state": 0} | params
    return BayesSearchCV(
        Landscape() if estimator is None else estimator, SPACE if space is None else space, **params
    )


def results_without_times(found):
    return {name: list(map(str, column)) for name, column in found.cv_results_.items() if "time" not in name}
