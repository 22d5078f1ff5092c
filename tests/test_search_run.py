"""The candidates of a search: failures, and what is told on the way."""

import re
import warnings

import numpy as np
import pytest
from ctrl_c import CtrlC, default_handler, in_a_cell  # noqa: F401
from landscape import SPACE, TOLD_ELSEWHERE, Landscape, X, results_without_times, search, y
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning
from sklearn.model_selection import KFold
from skopt.space import Categorical, Integer, Real

from sknn6 import (
    BayesSearchCV,
    MLPClassifier,
)
from sknn6.search import run
from sknn6.search.proposals import bounded_losses

pytestmark = TOLD_ELSEWHERE


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
def test_candidates_that_fail_are_recorded_and_the_search_goes_on():
    space = SPACE | {"kind": Categorical(["broken", "good"])}
    with pytest.warns(UserWarning, match=r"\d of 12 candidates failed .* this candidate cannot be fitted"):
        found = search(space=space, n_iter=12).fit(X, y)
    results = found.cv_results_
    broken = np.array([params["kind"] == "broken" for params in results["params"]])
    assert 0 < broken.sum() < 12
    np.testing.assert_array_equal(results["failed"], broken)
    assert np.isnan(results["mean_test_score"][broken]).all()
    assert np.isnan(results["split0_test_score"][broken]).all()
    assert results["rank_test_score"][broken].min() == 1 + (~broken).sum()
    assert found.best_params_["kind"] == "good"
    assert {len(column) for column in results.values()} == {12}


@pytest.mark.filterwarnings("ignore:The space of .* has only 3 points")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_are_recorded_and_never_the_best(value):
    space = {"result": Categorical([value, 0.5, 0.6])}
    with pytest.warns(UserWarning, match="1 of 3 candidates failed or had no finite score"):
        found = search(space=space, n_iter=9).fit(X, y)
    scores = found.cv_results_["mean_test_score"]
    assert (~np.isfinite(scores)).any()
    assert found.best_score_ == 0.6
    assert np.isfinite(found.optimizer_results_[0].func_vals).all()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
def test_a_search_of_which_nothing_can_be_fitted_says_so():
    with pytest.raises(ValueError, match=r"(?s)None of the 8 candidates could be fitted.*cannot be fitted"):
        search(Landscape(fail=True)).fit(X, y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
@pytest.mark.filterwarnings("ignore:.* failed or had no finite score")
@pytest.mark.parametrize("error_score", [np.nan, 0.0])
@pytest.mark.parametrize("n_points", [1, 3])
def test_failed_is_a_candidate_all_of_whose_fits_failed(n_points, error_score, tmp_path):
    """However many are evaluated together; the search can be taken up again after its end."""
    space = SPACE | {"kind": Categorical(["broken", "good"])}
    params = {"space": space, "n_points": n_points, "error_score": error_score, "n_iter": 5}
    params |= {"checkpoint": tmp_path / "search"}
    for found in (search(**params).fit(X, y), search(**params).fit(X, y)):
        results = found.cv_results_
        broken = np.array([params["kind"] == "broken" for params in results["params"]])
        assert 0 < broken.sum() < 5
        np.testing.assert_array_equal(results["failed"], broken)
        np.testing.assert_array_equal(results["mean_test_score"][broken], error_score)
        np.testing.assert_array_equal(results["std_test_score"][broken], 0 * error_score)


def test_some_failed_fits_do_not_make_a_failed_candidate():
    class Picky(Landscape):
        def fit(self, X, y):
            if X[0, 0] == 5.1 and self.rate > 0:  # the first row of the data
                raise RuntimeError("not with this row")
            return super().fit(X, y)

    with pytest.warns(FitFailedWarning, match="not with this row"):
        found = search(Picky(), cv=KFold(3), error_score=0.0, n_iter=2, refit=False).fit(X, y)
    assert not found.cv_results_["failed"].any()
    np.testing.assert_array_equal(found.cv_results_["split1_test_score"], 0)


@pytest.mark.parametrize("error_score", [0.0, 5.0])
def test_a_failed_candidate_is_never_the_best(error_score):
    """Though its score is higher than all others, which the model of the scores does not see either."""
    space = {"kind": Categorical(["broken", "flat"]), "rate": SPACE["rate"], "result": Categorical([-1.0])}
    with pytest.warns(UserWarning, match=r"\d of 6 candidates failed .* this candidate cannot be fitted"):
        found = search(space=space, n_iter=6, error_score=error_score).fit(X, y)
    assert found.best_params_["kind"] == "flat"
    assert found.best_score_ == -1.0
    assert found.best_estimator_.kind == "flat"
    assert found.optimizer_results_[0].fun == 1.0


class FailsOnAll(Landscape):
    """An estimator that cannot be fitted on all the rows."""

    def fit(self, X, y):
        if len(X) == 150:
            raise (KeyboardInterrupt if self.shape == "interrupt" else RuntimeError)("too many rows")
        return super().fit(X, y)


@pytest.mark.parametrize("shape", [None, "interrupt"])
def test_results_survive_a_failing_refit(shape):
    found, whole = search(FailsOnAll(shape=shape)), search().fit(X, y)
    with pytest.warns(UserWarning, match=r"The refit .* failed \(\w+: too many rows\), so there is no"):
        in_a_cell(found.fit, X, y)
    assert results_without_times(found) == results_without_times(whole)
    assert (found.best_score_, found.best_params_) == (whole.best_score_, whole.best_params_)
    assert not hasattr(found, "best_estimator_")
    assert len(found.results_frame()) == 8


def test_a_failing_refit_is_an_error_if_it_is_to_be():
    with pytest.raises(RuntimeError, match="too many rows"):
        search(FailsOnAll(), error_score="raise").fit(X, y)
    with pytest.raises(KeyboardInterrupt):  # in pytest's loop
        search(FailsOnAll(shape="interrupt")).fit(X, y)


def test_a_search_that_fails_changes_nothing():
    found = search().fit(X, y)
    before = dict(vars(found))
    with pytest.raises(ValueError, match="None of the 8 candidates"):
        found.set_params(estimator=Landscape(fail=True)).fit(X, y)
    assert vars(found) == before | {"estimator": found.estimator}


def test_error_score_raise_ends_the_search():
    with pytest.raises(RuntimeError, match="cannot be fitted"):
        search(Landscape(fail=True), error_score="raise").fit(X, y)


def test_one_bad_score_does_not_set_the_scale():
    """The worst that the model sees is three times as far from the best as the median is."""
    assert bounded_losses([0.9, 0.8, 0.7, -1e300, np.nan]) == pytest.approx([-0.9, -0.8, -0.7, -0.45, -0.45])
    assert bounded_losses([0.9, 0.9, 0.5]) == pytest.approx([-0.9, -0.9, -0.5])
    assert bounded_losses([np.nan, np.inf]) == [0.0, 0.0]


@pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")
def test_a_candidate_that_does_not_converge_is_no_news_of_a_search():
    """Of the network that is refitted, it is."""
    mlp = MLPClassifier(4, ensemble_size=1, max_iter=1, learning_rate="constant", random_state=0)
    space = {"learning_rate_init": Real(1e-5, 1e-3, "log-uniform")}
    search(mlp, space, n_iter=2, refit=False).fit(X, y)
    with pytest.warns(ConvergenceWarning, match="max_iter=1 epochs were run"):
        search(mlp, space, n_iter=2).fit(X, y)


@pytest.mark.filterwarnings("error:batch_size=.* is larger than")
def test_batch_sizes_beyond_the_data_are_no_news_of_a_search():
    mlp = MLPClassifier(4, ensemble_size=1, max_iter=1, random_state=0)
    found = search(mlp, {"batch_size": Integer(200, 400)}, n_iter=2, refit=False).fit(X[::2], y[::2])
    assert min(params["batch_size"] for params in found.cv_results_["params"]) > 75


def test_verbose_is_a_line_a_candidate(capsys):
    search(verbose=1, n_iter=3).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[2].startswith("[3/3] score ")
    assert ", best " in lines[2]
    assert lines[2].count("left: kind=") == 1


def test_candidates_beyond_n_iter_do_not_count_in_the_time_that_is_left(tmp_path, capsys, monkeypatch):
    """Of the 9 in the file, 3 are taken up; each of the 4 that follow takes a second."""
    flat, params = SPACE | {"kind": Categorical(["flat"])}, {"checkpoint": tmp_path / "search"}
    search(space=[(SPACE, 8), (flat, 1)], **params).fit(X, y)
    clock = iter(range(100))
    monkeypatch.setattr(run, "perf_counter", lambda: float(next(clock)))
    search(space=[(SPACE, 2), (flat, 5)], verbose=1, **params).fit(X, y)
    assert re.findall(r", (\d+) s left: ", capsys.readouterr().out) == ["3", "2", "1", "0"]


class Recorder:
    """A callback of scikit-learn's that takes down the names of tasks."""

    def __init__(self):
        self.begun, self.ended = [], []

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        self.begun.append((context.task_name, context.max_subtasks))

    def on_fit_task_end(self, estimator, context):
        self.ended.append(context.task_name)


@pytest.mark.skipif(not hasattr(BayesSearchCV, "set_callbacks"), reason="needs scikit-learn 1.9")
def test_scikit_learns_callbacks_are_told_of_candidates_and_the_best_score():
    recorder = Recorder()
    search(n_iter=3).set_callbacks(recorder).fit(X, y)
    begun = dict(recorder.begun)
    assert begun["search"] == 3
    names = [name for name, _ in recorder.begun if name.startswith("candidate ")]
    assert names[0] == "candidate 1 of 3"
    assert names[2].startswith("candidate 3 of 3, best so far ")
    assert begun["candidate 1 of 3"] == 3  # folds
    assert set(names) <= set(recorder.ended)


@pytest.mark.skipif(not hasattr(BayesSearchCV, "set_callbacks"), reason="needs scikit-learn 1.9")
def test_a_finished_search_that_is_taken_up_again_counts_no_candidate(tmp_path):
    search(n_iter=3, checkpoint=tmp_path / "search").fit(X, y)
    recorder = Recorder()
    search(n_iter=3, checkpoint=tmp_path / "search").set_callbacks(recorder).fit(X, y)
    names = [name for name, _ in recorder.begun if "candidate " in name]
    assert len(names) == 1
    assert names[0].startswith("a candidate once more, best so far ")


def test_train_scores_that_are_not_finite_are_told_once():
    def scorer(model, X, y):
        return np.nan if model.rate > 1e-2 else 1.0

    found = search(scoring=scorer, return_train_score=True, n_iter=8)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found.fit(X, y)
    assert sum("finite" in str(warning.message) for warning in caught) == 1


@pytest.mark.parametrize("callback", [None, lambda result: True])
def test_what_is_told_of_the_way_comes_after_the_results_too(callback):
    """A space of few points, and a callback that ends the search."""
    found = search(space={"width": [1, 2, 3]}, n_iter=5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match=r"has only 3 points|ends the search after 1 of 3"):
            found.fit(X, y, callback=callback)
    assert len(found.cv_results_["params"]) == (3 if callback is None else 1)


def test_a_warning_that_is_an_error_leaves_the_results():
    found = search(space={"rate": Real(1e-5, 1e-4, "log-uniform")}, n_iter=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="lies on the border"):
            found.fit(X, y)
    assert len(found.cv_results_["params"]) == 3
    assert found.best_estimator_.rate == found.best_params_["rate"]
