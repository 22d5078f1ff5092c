"""Checkpoints and interrupts: a search is taken up again."""

import os
import pickle
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from ctrl_c import CtrlC, default_handler, in_a_cell  # noqa: F401
from landscape import SPACE, TOLD_ELSEWHERE, Landscape, X, results_without_times, search, y
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, KFold
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeClassifier
from skopt.space import Real

from sknn6 import (
    BayesSearchCV,
    MLPClassifier,
    Standardizer,
    plaindata,
)
from sknn6.checkpoint import Checkpoint

pytestmark = TOLD_ELSEWHERE

try:
    from sklearn.callback import ScoringMonitor
except ImportError:  # before scikit-learn 1.9
    ScoringMonitor = None


class Interruption(Exception):
    pass


@pytest.mark.parametrize("n_done", [1, 4, 7])
def test_a_search_that_is_taken_up_again_ends_as_if_uninterrupted(tmp_path, n_done):
    whole = search(n_iter=9).fit(X, y)

    def interrupt(result):
        if len(result.x_iters) == n_done:
            raise Interruption

    with pytest.raises(Interruption):
        search(n_iter=9, checkpoint=tmp_path / "search").fit(X, y, callback=interrupt)
    resumed = search(n_iter=9, checkpoint=tmp_path / "search").fit(X, y)
    assert results_without_times(resumed) == results_without_times(whole)
    assert resumed.best_params_ == whole.best_params_
    finished = search(n_iter=9, checkpoint=tmp_path / "search").fit(X, y)
    assert results_without_times(finished) == results_without_times(whole)
    assert os.listdir(tmp_path) == ["search"]


def test_a_finished_search_can_be_lengthened(tmp_path):
    search(n_iter=6, checkpoint=tmp_path / "search").fit(X, y)
    longer = search(n_iter=9, checkpoint=tmp_path / "search").fit(X, y)
    assert results_without_times(longer) == results_without_times(search(n_iter=9).fit(X, y))


KILLED = """
import sys, time
sys.path.insert(0, {tests!r})
from landscape import Landscape, search, X, y

class Slow(Landscape):
    def fit(self, X, y):
        time.sleep(0.05)
        return super().fit(X, y)

Slow.__module__ = "landscape"
print("begun", flush=True)
search(n_iter=200, checkpoint={path!r}).fit(X, y, callback=lambda result: time.sleep(0.02) and None)
"""


def candidates_in(path):
    """Return the candidates of the first space that a file has, each its point and row of results."""
    if not os.path.exists(path):
        return []
    with open(path, "rb") as file:
        return (*plaindata.read(file)["state"]["spaces"], [])[0]


def test_another_metric_may_be_maximised_after_resuming(tmp_path):
    """The candidates from the file are scored by it too, as if the search had never stopped."""
    names = {"accuracy": "accuracy", "certainty": "neg_log_loss"}
    space = {"C": Real(1e-3, 10.0, "log-uniform")}
    params = {"scoring": names, "cv": 3, "random_state": 0}
    X, y = load_iris(return_X_y=True)
    path, model = tmp_path / "search", LogisticRegression()
    BayesSearchCV(model, space, refit="accuracy", n_iter=6, checkpoint=path, **params).fit(X, y)
    params |= {"refit": "certainty", "n_iter": 9}
    resumed = BayesSearchCV(model, space, checkpoint=path, **params).fit(X, y)
    at_once = BayesSearchCV(model, space, **params).fit(X, y)
    assert (resumed.optimizer_results_[0].func_vals > 0).all()  # log-losses; of accuracies they are negative
    assert resumed.cv_results_["params"][:5] == at_once.cv_results_["params"][:5]  # before the surrogate


def test_files_that_have_the_scores_beside_the_results_are_taken_up(tmp_path, monkeypatch):
    """As files had before the score was found from the results."""
    save = Checkpoint.write

    def with_scores(self, state):
        spaces = [[(point, row, 0.5) for point, row in space] for space in state["spaces"]]
        return save(self, state | {"spaces": spaces})

    monkeypatch.setattr(Checkpoint, "write", with_scores)
    search(n_iter=3, checkpoint=tmp_path / "search").fit(X, y)
    monkeypatch.undo()
    resumed = search(n_iter=5, checkpoint=tmp_path / "search").fit(X, y)
    assert results_without_times(resumed) == results_without_times(search(n_iter=5).fit(X, y))


def test_a_killed_search_loses_nothing(tmp_path):
    """Kill -9 at whatever moment: the file is whole, and the search goes on to the same end."""
    path = str(tmp_path / "search")
    code = KILLED.format(tests=os.path.dirname(__file__), path=path)
    for delay in (0.1, 0.4):
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            begun = time.monotonic()
            while not candidates_in(path) and time.monotonic() < begun + 60:
                time.sleep(0.01)
            time.sleep(delay)
            process.send_signal(signal.SIGKILL)
    n_done = len(candidates_in(path))
    assert 1 <= n_done < 200
    resumed = search(n_iter=n_done + 2, checkpoint=path).fit(X, y)
    whole = search(n_iter=n_done + 2).fit(X, y)
    assert results_without_times(resumed) == results_without_times(whole)


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        ({"random_state": 1}, "random_state"),
        ({"cv": 4}, "cv"),
        ({"space": {"rate": SPACE["rate"]}}, "search_spaces"),
        ({"estimator": Landscape(width=3)}, "estimator"),
    ],
)
def test_a_checkpoint_of_another_search_is_refused(tmp_path, other, difference):
    search(checkpoint=tmp_path / "search").fit(X, y)
    with pytest.raises(ValueError, match=f"must be of this search; .* differs in {difference}"):
        search(checkpoint=tmp_path / "search", **other).fit(X, y)


def test_a_checkpoint_of_other_data_is_refused(tmp_path):
    search(checkpoint=tmp_path / "search").fit(X, y)
    with pytest.raises(ValueError, match="differs in X"):
        search(checkpoint=tmp_path / "search").fit(2 * X, y)


PARTS = np.arange(150) % 7


@pytest.mark.parametrize(
    ("before", "after", "difference"),
    [
        ({}, {"sample_weight": np.ones(150)}, "sample_weight"),
        ({"sample_weight": np.ones(150)}, {"sample_weight": np.arange(150.0)}, "sample_weight"),
        ({"groups": PARTS}, {"groups": PARTS[::-1]}, "groups"),
    ],
)
def test_a_checkpoint_of_other_fits_is_refused(tmp_path, before, after, difference):
    """Of the same data, but other weights, groups, or whatever else is passed on."""
    params = {"n_iter": 1, "checkpoint": tmp_path / "search", "scoring": "accuracy"}
    params |= {"cv": GroupKFold(3) if "groups" in after else 3}
    search(**params).fit(X, y, **before)
    search(**params).fit(X, y, **before)
    with pytest.raises(ValueError, match=f"differs in {difference}"):
        search(**params).fit(X, y, **after)


def test_a_copy_of_a_frame_goes_on(tmp_path):
    """It has one block of memory where the frame has two, as one that was read from a file."""
    frame = pd.DataFrame(X, columns=list("abcd"))
    frame["e"] = frame["a"] * frame["b"]
    search(n_iter=2, checkpoint=tmp_path / "search").fit(frame, pd.Series(y))
    found = search(n_iter=3, checkpoint=tmp_path / "search").fit(frame.copy(), pd.Series(y, index=y))
    assert len(found.cv_results_["params"]) == 3


@pytest.mark.skipif(not hasattr(BayesSearchCV, "set_callbacks"), reason="needs scikit-learn 1.9")
def test_callbacks_do_not_make_another_search(tmp_path):
    """Of the estimator, or of a step; neither does the version of scikit-learn, as pickles have it."""
    params = {"n_iter": 1, "checkpoint": tmp_path / "search", "space": {"mlp__alpha": Real(1e-5, 1.0)}}
    pipeline = Pipeline([("scale", Standardizer()), ("mlp", MLPClassifier(4, max_iter=1, random_state=0))])
    first = search(pipeline, **params).fit(X, y)
    watched = clone(pipeline)
    watched[-1].set_callbacks(ScoringMonitor(scoring="accuracy"))
    for _ in range(2):
        again = search(clone(watched), **params).fit(X, y)
        assert results_without_times(again) == results_without_times(first)


def test_another_release_of_scikit_learn_does_not_make_another_search(tmp_path, monkeypatch):
    params = {"n_iter": 1, "checkpoint": tmp_path / "search"}
    search(**params).fit(X, y)
    monkeypatch.setattr("sklearn.base.__version__", "0.1")
    monkeypatch.setattr("sklearn.__version__", "0.1")
    search(**params).fit(X, y)


def test_a_step_of_other_parameters_makes_another_search(tmp_path):
    params = {"n_iter": 1, "checkpoint": tmp_path / "search", "space": {"land__rate": SPACE["rate"]}}
    search(Pipeline([("land", Landscape(width=3))]), **params).fit(X, y)
    with pytest.raises(ValueError, match="differs in estimator"):
        search(Pipeline([("land", Landscape(width=4))]), **params).fit(X, y)


def test_a_checkpoint_that_cannot_be_written_is_refused_before_the_first_fit(tmp_path):
    for path in (tmp_path / "no such folder" / "search", tmp_path):
        with pytest.raises(ValueError, match=r"checkpoint.* must be a file"):
            search(Landscape(fail=True), checkpoint=path, error_score="raise").fit(X, y)
    with pytest.raises(ValueError, match="checkpoint must be None or the path of a file, got 3"):
        search(checkpoint=3).fit(X, y)


def test_a_folder_that_vanishes_costs_a_warning(tmp_path):
    (tmp_path / "folder").mkdir()

    def remove(result):
        if len(result.x_iters) == 2:
            shutil.rmtree(tmp_path / "folder")

    with pytest.warns(UserWarning, match="checkpoint .* could not be written .* The search goes on") as told:
        found = search(n_iter=4, checkpoint=tmp_path / "folder" / "search").fit(X, y, callback=remove)
    assert len(told) == 1
    assert results_without_times(found) == results_without_times(search(n_iter=4).fit(X, y))


@pytest.mark.filterwarnings("ignore:.* failed or had no finite score")
def test_failures_are_tried_again_when_the_search_is_taken_up_again(tmp_path, monkeypatch):
    """The cause may be mended."""
    params = {"n_iter": 3, "checkpoint": tmp_path / "search", "estimator": MendedLater()}
    with pytest.raises(ValueError, match=r"(?s)None of the 3 candidates could be fitted.*not mended yet"):
        search(**params).fit(X, y)
    with pytest.raises(ValueError, match=r"(?s)None of the 3 candidates could be fitted.*not mended yet"):
        search(**params).fit(X, y)
    monkeypatch.setattr(MendedLater, "mended", True)
    resumed = search(**params).fit(X, y)
    assert not resumed.cv_results_["failed"].any()
    assert np.isfinite(resumed.cv_results_["mean_test_score"]).all()
    assert len(search(**params | {"n_iter": 2}).fit(X, y).cv_results_["params"]) == 2
    assert results_without_times(search(**params).fit(X, y)) == results_without_times(resumed)


class MendedLater(Landscape):
    mended = False

    def fit(self, X, y):
        if not self.mended:
            raise RuntimeError("not mended yet")
        return super().fit(X, y)


def test_splits_may_be_given_by_a_generator(tmp_path):
    """With a checkpoint, which notices others."""

    def fit(seed=0):
        splits = KFold(3, shuffle=True, random_state=seed).split(X)
        return search(n_iter=2, cv=splits, checkpoint=tmp_path / "search").fit(X, y)

    assert results_without_times(fit()) == results_without_times(fit())
    with pytest.raises(ValueError, match=r"cv must give the same splits .* to go on from it; got"):
        fit(seed=1)


class Dangerous:
    """What runs code when it is unpickled."""

    def __reduce__(self):
        return pytest.fail, ("the checkpoint ran code",)


def test_a_checkpoint_cannot_run_code(tmp_path):
    """Neither one that somebody else has written, nor one of a space with objects as categories."""
    path = tmp_path / "search"
    path.write_bytes(pickle.dumps({"key": {}, "state": Dangerous()}))
    with pytest.raises(ValueError, match=r"this one is a pickle, .* could run code and is not loaded"):
        search(checkpoint=path).fit(X, y)


def test_parameters_of_any_kind_come_from_the_space(tmp_path):
    """Estimators, tuples, lists, None: the file has numbers in their place."""
    models = [GaussianNB(), DecisionTreeClassifier(random_state=0), LogisticRegression(C=0.1)]
    space = {"model": models, "scale": [None, Standardizer()]}
    params = {"estimator": Pipeline([("scale", None), ("model", GaussianNB())]), "space": space, "n_iter": 4}
    found = search(checkpoint=tmp_path / "search", **params).fit(X, y)
    points = [point for point, _ in candidates_in(tmp_path / "search")]
    assert len(points) == 4
    assert all(isinstance(number, int) for point in points for number in point)
    resumed = search(checkpoint=tmp_path / "search", **params).fit(X, y)
    assert results_without_times(resumed) == results_without_times(found)
    space["model"] = [GaussianNB(), DecisionTreeClassifier(random_state=1), LogisticRegression(C=0.1)]
    with pytest.raises(ValueError, match="differs in search_spaces"):
        search(checkpoint=tmp_path / "search", **params).fit(X, y)


@pytest.mark.parametrize("damage", [b"", b"nothing of the kind", None])
def test_a_damaged_checkpoint_is_refused(tmp_path, damage):
    path = tmp_path / "search"
    search(checkpoint=path).fit(X, y)
    path.write_bytes(path.read_bytes()[:-40] if damage is None else damage)
    with pytest.raises(ValueError, match="this one is damaged"):
        search(checkpoint=path).fit(X, y)


def test_a_checkpoint_needs_a_seed_that_can_be_kept(tmp_path):
    with pytest.raises(ValueError, match="random_state must be an int or None to go on from a checkpoint"):
        search(checkpoint=tmp_path / "search", random_state=np.random.RandomState(0)).fit(X, y)
    unseeded = {"checkpoint": tmp_path / "other", "cv": KFold(3, shuffle=True), "random_state": None}
    search(**unseeded).fit(X, y)
    with pytest.raises(ValueError, match="cv must give the same splits"):
        search(**unseeded).fit(X, y)


def test_an_interrupted_search_ends_with_the_best_so_far():
    def interrupt(result):
        if len(result.x_iters) == 4:
            raise KeyboardInterrupt

    found = search()
    with pytest.warns(UserWarning, match="interrupted after 4 of 8 candidates"):
        in_a_cell(found.fit, X, y, callback=interrupt)
    assert found.best_score_ == found.cv_results_["mean_test_score"].max()
    assert len(found.cv_results_["params"]) == 4


class Pressed(MLPClassifier):
    """A network during whose fourth training Ctrl-C is pressed."""

    fits = 0

    def fit(self, X, y):
        Pressed.fits += 1
        with CtrlC(90 if Pressed.fits == 4 else 10**9):
            return super().fit(X, y)


@pytest.mark.usefixtures("default_handler")
def test_a_candidate_whose_training_is_interrupted_is_not_scored(tmp_path, monkeypatch):
    """The search ends with the candidates before, of which there is one, and goes on from its checkpoint."""
    monkeypatch.setattr(Pressed, "fits", 0)
    space = {"alpha": Real(1e-5, 1.0, "log-uniform")}
    mlp = Pressed(8, ensemble_size=1, max_iter=3, random_state=0)
    found = search(mlp, space, n_iter=4, checkpoint=tmp_path / "search")
    with pytest.warns(UserWarning, match="interrupted after 1 of 4 candidates"):
        in_a_cell(found.fit, X, y)
    assert len(found.cv_results_["params"]) == 1
    assert found.predict(X).shape == y.shape
    resumed = search(mlp, space, n_iter=4, checkpoint=tmp_path / "search").fit(X, y)
    whole = search(mlp, space, n_iter=4).fit(X, y)
    assert results_without_times(resumed) == results_without_times(whole)


def test_a_search_in_a_loop_ends_the_loop():
    def interrupt(result):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        in_a_cell(lambda: [search().fit(X, y, callback=interrupt) for _ in range(3)])


@pytest.mark.parametrize(
    ("n_points", "before", "after"), [(2, 6, 12), (3, 7, 14), (4, 8, 14), (3, 3, 9), (2, 9, 10)]
)
def test_a_search_in_groups_can_be_lengthened(n_points, before, after, tmp_path):
    """A group that was cut at the end of the shorter search is completed by the longer one."""
    params = {"n_points": n_points, "checkpoint": tmp_path / "search"}
    search(n_iter=before, **params).fit(X, y)
    longer = search(n_iter=after, **params).fit(X, y)
    whole = search(n_iter=after, n_points=n_points).fit(X, y)
    assert results_without_times(longer) == results_without_times(whole)
