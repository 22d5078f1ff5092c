"""The threads of a search: what is fitted in them, what it finds, and how it ends."""

import os
import signal
import threading
import warnings

import joblib
import numpy as np
import pytest
from ctrl_c import default_handler, in_a_cell  # noqa: F401
from landscape import TOLD_ELSEWHERE, Landscape, X, results_without_times, y
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from skopt.space import Categorical, Integer, Real
from test_search_run import Recorder

from sknn6 import BayesSearchCV, MLPClassifier, MLPRegressor, Standardizer, Whitener, threads
from sknn6.nn import kernels, parallel
from sknn6.nn.program import Program
from sknn6.search.workers import fits_run_compiled
from sknn6.training.minibatch import descent_of, train_in_batches

pytest.importorskip("numba")

pytestmark = [*TOLD_ELSEWHERE, pytest.mark.usefixtures("compiled_kernels")]

MLP = MLPClassifier(8, ensemble_size=2, max_iter=50, random_state=0)
SPACE = {"mlp__alpha": Real(1e-5, 1.0, "log-uniform"), "mlp__activation": Categorical(["relu", "tanh"])}


def search(mlp=MLP, space=SPACE, steps=(), **params):
    pipeline = Pipeline([("scale", Standardizer()), *steps, ("mlp", mlp)])
    params = {"n_iter": 6, "cv": 3, "random_state": 0, "n_jobs": 2} | params
    return BayesSearchCV(pipeline, space, **params)


def accuracy_and_place(estimator, X, y):
    """Return the accuracy, and the process and the thread that computes it."""
    return {"accuracy": estimator.score(X, y), "process": os.getpid(), "thread": threading.get_ident()}


def places(found, what):
    return {place for i in range(3) for place in found.cv_results_[f"split{i}_test_{what}"]}


def test_fits_that_run_compiled_are_threads_of_this_process():
    found = search(scoring=accuracy_and_place, refit="accuracy").fit(X, y)
    assert places(found, "process") == {os.getpid()}
    assert threading.get_ident() not in places(found, "thread")


def test_threads_find_what_one_finds(tmp_path):
    """To the last bit, with several points at a time as well, and from a checkpoint."""
    for n_points in (1, 3):
        alone, side_by_side = (search(n_points=n_points, n_jobs=n).fit(X, y) for n in (1, 2))
        assert results_without_times(side_by_side) == results_without_times(alone)
        coefs, same = (found.best_estimator_[-1].coefs_ for found in (alone, side_by_side))
        assert all(map(np.array_equal, coefs, same))
    search(n_iter=3, checkpoint=tmp_path / "search").fit(X, y)
    resumed = search(checkpoint=tmp_path / "search").fit(X, y)
    assert results_without_times(resumed) == results_without_times(search(n_jobs=1).fit(X, y))


@pytest.mark.parametrize("config", [{"backend": "loky"}, {"prefer": "processes"}])
def test_what_the_user_says_of_workers_holds(config):
    with joblib.parallel_config(**config):
        found = search(n_iter=2, scoring=accuracy_and_place, refit="accuracy").fit(X, y)
    assert os.getpid() not in places(found, "process")


@pytest.mark.skipif(not hasattr(BayesSearchCV, "set_callbacks"), reason="needs scikit-learn 1.9")
def test_scikit_learns_callbacks_are_told_the_same():
    alone, side_by_side = Recorder(), Recorder()
    for n_jobs, recorder in ((1, alone), (2, side_by_side)):
        search(n_iter=3, n_jobs=n_jobs).set_callbacks(recorder).fit(X, y)
    assert sorted(side_by_side.ended) == sorted(alone.ended)


class Own(TransformerMixin, BaseEstimator):
    """A transformer of the user's."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X


WITH = {"mlp__alpha": Real(1e-5, 1.0)}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (search(), True),
        (search(steps=[("whiten", Whitener()), ("again", StandardScaler())]), True),
        (search(MLPRegressor()), True),
        (search(MLPClassifier(activation="gelu")), True),  # which is not among those that are searched
        (BayesSearchCV(MLPClassifier(), {"alpha": (1e-5, 1.0)}), True),
        (search(MLPClassifier(categorical_features=["color"])), True),  # of a frame
        (search(MLPClassifier(batchnorm="whiten")), False),
        (search(MLPClassifier(solver="lbfgs")), False),
        (search(space=WITH | {"mlp__solver": ["adam", "lbfgs"]}), False),
        (search(space=[WITH, (WITH | {"mlp__batchnorm": [False, "whiten"]}, 3)]), False),
        (search(space=WITH | {"mlp__gradient_accumulation_steps": Integer(1, 2)}), True),
        (search(space=WITH | {"scale": [Standardizer(), Own()]}), False),
        (search(space=WITH | {"mlp": [MLPClassifier(), Landscape()]}), False),
        (search(steps=[("own", Own())]), False),
        (BayesSearchCV(make_pipeline(Standardizer(), Landscape()), {"landscape__width": (1, 9)}), False),
    ],
)
def test_every_candidate_has_to_run_compiled(found, expected):
    assert fits_run_compiled(found, X, y) is expected


def test_sparse_rows_and_numpys_kernels_do_not_run_compiled():
    assert not fits_run_compiled(search(), csr_array(X), y)
    kernels.use("numpy")
    assert not fits_run_compiled(search(), X, y)


@pytest.mark.parametrize("mlp", [MLP, MLPClassifier(batchnorm="whiten"), MLPClassifier(solver="sgd")])
def test_what_is_said_to_run_compiled_does(mlp, monkeypatch):
    ran = []

    def train(training, interrupts):
        ran.append(isinstance(descent_of(training), Program))
        train_in_batches(training, interrupts)

    monkeypatch.setattr("sknn6.estimators.base.train_in_batches", train)
    said = fits_run_compiled(search(mlp), X, y)
    search(mlp, n_jobs=1, n_iter=1).fit(X, y)
    assert set(ran) == {said}


def helpers_and_accuracy(estimator, X, y):
    with threads.products_share_cores():
        return {"accuracy": estimator.score(X, y), "helpers": parallel.POOL.get().n_helpers}


@pytest.mark.parametrize(("n_cores", "n_jobs", "helpers"), [(2, 2, 0), (8, 2, 3), (8, 3, 1), (2, 3, 0)])
def test_the_fits_share_the_cores(monkeypatch, n_cores, n_jobs, helpers):
    monkeypatch.setattr("sknn6.search.workers.cores", lambda: n_cores)
    monkeypatch.setattr(threads.CORES, "n_threads", n_cores, raising=False)
    monkeypatch.setattr(threads.CORES, "begin", lambda call: None)
    found = search(n_iter=2, n_jobs=n_jobs, scoring=helpers_and_accuracy, refit="accuracy").fit(X, y)
    assert places(found, "helpers") == {helpers}


@pytest.mark.usefixtures("default_handler")
def test_an_interrupt_ends_the_fits_and_the_search(monkeypatch):
    """While two long fits run; nothing runs on afterwards, and the filters of warnings are as they were."""
    begun, running = [], []

    def train(training, interrupts):
        begun.append(training)
        running.append(training)
        if len(begun) == 5:
            signal.raise_signal(signal.SIGINT)
        try:
            train_in_batches(training, interrupts)
        finally:
            running.remove(training)

    monkeypatch.setattr("sknn6.estimators.base.train_in_batches", train)
    before, filters = set(threading.enumerate()), list(warnings.filters)
    mlp = MLPClassifier(8, ensemble_size=1, tol=0, max_iter=3, n_iter_no_change=10**5, random_state=0)
    found = search(mlp, [(WITH, 1), ({"mlp__max_iter": [10**5]}, 1)], refit=False)
    with pytest.warns(UserWarning, match="interrupted after 1 of 2 candidates"):
        in_a_cell(found.fit, X, y)
    assert len(begun) == 5
    assert not running
    assert set(threading.enumerate()) <= before
    assert warnings.filters == filters
    assert len(found.cv_results_["params"]) == 1


def test_an_error_is_the_searchs():
    with pytest.raises(ValueError, match="hidden_layer_sizes"):
        search(space=WITH | {"mlp__hidden_layer_sizes": [8, -1]}, error_score="raise").fit(X, y)
