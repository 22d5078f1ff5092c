"""scikit-learn's callbacks: told of every epoch, able to stop a training, inside meta-estimators too."""

import numpy as np
import pytest
from plain import MLPClassifier, MLPRegressor
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sknn6 import Standardizer, Whitener

callback = pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, y = load_digits(return_X_y=True)
X, y = X[:500] / 16, y[:500]


class Recorder:
    """Takes down what it is told, with the score of the model at each epoch; asks to stop at the third."""

    def __init__(self, stop_after=None):
        self.stop_after, self.scores, self.begun, self.ended = stop_after, [], [], []

    def setup(self, estimator, context):
        self.set_up = True

    def teardown(self, estimator, context):
        self.torn_down = True

    def on_fit_task_begin(self, estimator, context, **more):
        self.begun.append(context.task_name)

    def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator=None, **more):
        self.ended.append(context.task_name)
        if context.task_name == "epoch":
            self.scores.append(fitted_estimator.score(X, y))
            return len(self.scores) == self.stop_after
        return False


def model(cls=MLPClassifier, **params):
    return cls(**{"hidden_layer_sizes": 16, "max_iter": 6, "random_state": 0} | params)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("cls", [MLPClassifier, MLPRegressor])
def test_every_epoch_is_told_with_a_model_as_it_is_then(cls, solver):
    recorder = Recorder()
    fitted = model(cls, solver=solver).set_callbacks(recorder).fit(X, y)
    assert recorder.begun == ["fit"] + 6 * ["epoch"]
    assert recorder.ended == 6 * ["epoch"] + ["fit"]
    assert recorder.torn_down
    # The model of an epoch is that of a training that ends there, and stays so after it.
    shorter = model(cls, solver=solver, max_iter=3).fit(X, y)
    assert recorder.scores[2] == pytest.approx(shorter.score(X, y), rel=1e-9)
    assert recorder.scores[-1] == pytest.approx(fitted.score(X, y), rel=1e-9)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_a_callback_can_stop_the_training(solver):
    recorder = Recorder(stop_after=3)
    stopped = model(solver=solver, max_iter=50).set_callbacks(recorder).fit(X, y)
    assert stopped.n_iter_ == len(stopped.history_) == 3
    assert stopped.score(X, y) == recorder.scores[-1]


def test_scoring_monitor():
    """One row an epoch, and one for the fit."""
    monitor = callback.ScoringMonitor(scoring="accuracy")
    fitted = model().set_callbacks(monitor).fit(X, y)
    rows = monitor.get_logs().data
    epochs = [row["accuracy"] for row in rows if row["task_name"] == "epoch"]
    assert len(epochs) == 6
    assert epochs[-1] == fitted.score(X, y)


@pytest.mark.parametrize("method", ["fit", "fit_transform"])
@pytest.mark.parametrize("cls", [Standardizer, Whitener])
def test_transformers_tell_of_their_fit(cls, method):
    recorder = Recorder()
    told = cls().set_callbacks(recorder)
    getattr(told, method)(X, sample_weight=np.ones(len(X)))
    assert recorder.begun == recorder.ended == ["fit"]
    assert recorder.torn_down
    np.testing.assert_array_equal(told.transform(X), cls().fit(X, None, np.ones(len(X))).transform(X))
    assert vars(told).keys() - {"_skl_callbacks"} == vars(cls().fit(X)).keys()


@pytest.mark.parametrize("method", ["fit", "fit_transform"])
@pytest.mark.parametrize("cls", [Standardizer, Whitener])
def test_a_bar_on_a_transformer_alone(cls, method, capsys):
    pytest.importorskip("rich")
    getattr(cls().set_callbacks(callback.ProgressBar()), method)(X)
    assert f"{cls.__name__} - fit" in capsys.readouterr().out


def test_a_bar_on_a_whole_pipeline(capsys):
    """Without a warning of steps that do not support it."""
    pytest.importorskip("rich")
    pipeline = make_pipeline(Standardizer(), Whitener(), model())
    pipeline.set_callbacks(callback.ProgressBar()).fit(X, y)
    assert "Pipeline - fit" in capsys.readouterr().out


def test_progress_bar_in_pipeline_and_search(capsys):
    """A bar for the fit of each candidate, with the epochs of the classifier below, and no harm to either."""
    pytest.importorskip("rich")
    pipeline = make_pipeline(Standardizer(), model(learning_rate_init=0.03))
    plain = GridSearchCV(pipeline, {"mlpclassifier__alpha": [1, 2]}, cv=2).fit(X, y)
    search = GridSearchCV(pipeline, {"mlpclassifier__alpha": [1, 2]}, cv=2)
    search.set_callbacks(callback.ProgressBar()).fit(X, y)
    assert "Pipeline - fit" in capsys.readouterr().out
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"])
    model().set_callbacks(callback.ProgressBar()).fit(X, y)
    assert "MLPClassifier - fit" in capsys.readouterr().out
