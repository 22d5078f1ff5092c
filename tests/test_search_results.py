"""The results of a search."""

import numpy as np
import pytest
from landscape import TOLD_ELSEWHERE, X, search, y
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer, zero_one_loss
from sklearn.model_selection import GridSearchCV
from skopt.space import Real

from sknn6 import MLPClassifier
from sknn6.search.results import masked_columns

pytestmark = TOLD_ELSEWHERE


@pytest.mark.parametrize("return_train_score", [False, True])
def test_results_are_those_of_grid_search(return_train_score):
    found = search(return_train_score=return_train_score).fit(X, y)
    results = found.cv_results_
    splits = np.array([results[f"split{i}_test_score"] for i in range(3)])
    np.testing.assert_allclose(results["mean_test_score"], splits.mean(axis=0))
    np.testing.assert_array_equal(np.sort(results["rank_test_score"])[0], 1)
    assert ("mean_train_score" in results) == ("rank_train_score" in results) == return_train_score
    assert {"mean_fit_time", "std_score_time", "param_rate", "params"} <= results.keys()


def test_columns_of_numbers_have_their_dtype():
    """As in GridSearchCV, so that code for its results can compute with them."""
    mlp = MLPClassifier(4, ensemble_size=1, max_iter=1, random_state=0)
    values = {"alpha": [1e-3, 2], "max_iter": [1, 2], "shuffle": [True, False], "dtype": ["float32"],
              "activation": ["relu", "tanh"], "hidden_layer_sizes": [(3,), (4,)]}  # fmt: skip
    found = search(mlp, values, n_iter=3, cv=2, refit=False).fit(X, y).cv_results_
    grid = GridSearchCV(mlp, {name: given[:1] for name, given in values.items()}, cv=2, refit=False).fit(X, y)
    for name in values:
        column, expected = found[f"param_{name}"], grid.cv_results_[f"param_{name}"]
        assert (type(column), column.dtype) == (type(expected), expected.dtype)
    unlike = masked_columns([{"a": 1.5}, {"b": None}])
    assert unlike["param_a"].mask.tolist() == [False, True]
    assert unlike["param_b"].dtype == object


def test_results_frame_has_the_best_first():
    found = search().fit(X, y)
    frame = found.results_frame()
    assert frame.loc[0, "mean_test_score"] == found.best_score_
    assert frame.loc[0, "param_rate"] == found.best_params_["rate"]
    assert frame["rank_test_score"].is_monotonic_increasing
    assert sorted(frame["candidate"]) == list(range(1, 9))


@pytest.mark.parametrize("refit", ["zero_one", "accuracy"])
def test_results_frame_is_sorted_by_the_scorer_of_refit(refit):
    scoring = {"accuracy": "accuracy", "zero_one": make_scorer(zero_one_loss)}  # opposites
    space = {"C": Real(1e-4, 10.0, "log-uniform")}
    frame = (
        search(LogisticRegression(), space, scoring=scoring, refit=refit, n_iter=4).fit(X, y).results_frame()
    )
    assert frame[f"mean_test_{refit}"].is_monotonic_decreasing
    assert frame[f"mean_test_{refit}"].nunique() > 1


def test_the_frame_keeps_none_and_integers():
    """What a space does not have is NaN."""
    frame = search(space=[({"shape": [None, 2, "a"]}, 3), ({"width": [1, 2]}, 2)]).fit(X, y).results_frame()
    shapes = frame["param_shape"].tolist()
    assert {value for value in shapes if not isinstance(value, float)} == {None, 2, "a"}
    assert sum(isinstance(value, float) and np.isnan(value) for value in shapes) == 2
    assert frame["param_width"].isna().sum() == 3
    alone = search(space={"width": [1, 2]}, n_iter=2).fit(X, y).results_frame()
    assert alone["param_width"].dtype.kind == "i"
