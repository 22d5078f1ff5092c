"""The main job: Standardizer, Whitener, MLPClassifier inside scikit-learn's and scikit-optimize's tools."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from skopt import BayesSearchCV
from skopt.space import Categorical, Integer, Real, Space

from sknn6 import MLPClassifier, Standardizer, Whitener
from sknn6.nn.activations import ACTIVATIONS
from sknn6.nn.initializers import INITIALIZERS

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:init="),
    pytest.mark.filterwarnings("ignore:batchnorm needs batches"),
]

X, y = load_digits(return_X_y=True)

SPACE = {
    "standardize__method": Categorical(["zscore", "robust", "minmax"]),
    "whiten__eps": Real(1e-8, 100.0, "log-uniform"),
    "mlp__learning_rate_init": Real(1e-5, 1e4, "log-uniform"),
    "mlp__activation": Categorical(list(ACTIVATIONS)),
    "mlp__init": Categorical(["auto", *INITIALIZERS]),
    "mlp__batchnorm": Categorical(["batch", "whiten", "switchable"]),
    "mlp__layernorm": Categorical([False, True]),
    "mlp__residual": Categorical([False, True]),
    "mlp__hidden_layer_sizes": Integer(4, 64, "log-uniform"),
    "mlp__depth": Integer(1, 4),
    "mlp__alpha": Real(1e-7, 1e3, "log-uniform"),
    "mlp__batch_size": Integer(1, 100, "log-uniform"),
    "mlp__solver": Categorical(["adam", "sgd"]),
}


def pipeline(**params):
    return Pipeline(
        [
            ("standardize", Standardizer()),
            ("whiten", Whitener(eps=1.0)),
            ("mlp", MLPClassifier(random_state=0, **params)),
        ]
    )


def test_cross_validation():
    """scikit-learn 1.9's classifier in this pipeline has 0.942 on these folds, by writers it has not seen."""
    scores = cross_val_score(pipeline(batchnorm=True, learning_rate_init=0.01, max_iter=20), X, y, cv=3)
    assert scores.mean() >= 0.93


def test_parameters_of_every_step_can_be_set_and_searched():
    grid = {"standardize__clip": [None, 3.0], "whiten__method": ["zca", "pca"], "mlp__depth": [1, 2]}
    search = GridSearchCV(pipeline(max_iter=15, hidden_layer_sizes=32), grid, cv=2).fit(X[:400], y[:400])
    assert len(search.cv_results_["params"]) == 8
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    best = clone(search.best_estimator_).get_params()
    assert all(best[name] == value for name, value in search.best_params_.items())


def test_every_point_of_the_box_trains():
    """Rates to 1e4, penalties to 1e3, batches of one: whatever a search draws has a score."""
    space = Space(list(SPACE.values()))
    for point in space.rvs(40, random_state=0):
        model = pipeline(max_iter=3).set_params(**dict(zip(SPACE, point, strict=True)))
        P = model.fit(X[:120], y[:120]).predict_proba(X[120:200])
        assert np.isfinite(P).all(), model
        np.testing.assert_allclose(P.sum(axis=1), 1, rtol=1e-5)


def test_stock_bayesian_search():
    """scikit-optimize's own class, in the box of the main job: ten points at random, the rest modelled."""
    space = SPACE | {
        "whiten__eps": Real(1e-2, 100.0, "log-uniform"),
        "mlp__learning_rate_init": Real(1e-5, 1e-1, "log-uniform"),
        "mlp__init": Categorical(["auto", "lsuv", "orthogonal"]),
        "mlp__alpha": Real(1e-6, 1.0, "log-uniform"),
        "mlp__batch_size": Integer(16, 100, "log-uniform"),
    }
    search = BayesSearchCV(pipeline(max_iter=12), space, n_iter=11, cv=2, random_state=0, error_score="raise")
    search.fit(X[:500], y[:500])
    assert len(search.cv_results_["params"]) == 11
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_score_ >= 0.6
    assert search.best_estimator_.score(X[600:900], y[600:900]) >= 0.6
