"""A training on disk: taken up again, it ends with the bits of one that was never stopped."""

import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from plain import MLPClassifier
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import cross_val_score

import sknn6
from sknn6 import MLPRegressor
from sknn6.checkpoint import Checkpoint

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, y = load_digits(return_X_y=True)
X, y = X[:300] / 16, y[:300]
PARAMS = {"hidden_layer_sizes": (12, 8), "batch_size": 60, "max_iter": 8, "random_state": 0}
KINDS = [
    {},
    {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "learning_rate_init": 0.1,
        "tol": 0.5,
        "n_iter_no_change": 1,
    },
    {"early_stopping": True, "ensemble_size": 2, "dropout": 0.2},
    {"batchnorm": "whiten", "dtype": "float64", "ema_decay": 0.9},
    {"init": "lsuv", "input_scaling": "learned", "learning_rate": "cosine", "track": "layers"},
    {"cls": MLPRegressor, "learning_rate": "one_cycle", "gradient_accumulation_steps": 2},
]


def model(cls=MLPClassifier, **params):
    return cls(**PARAMS | params)


def assert_same(resumed, whole):
    for name in ("coefs_", "intercepts_"):
        for array, expected in zip(getattr(resumed, name), getattr(whole, name), strict=True):
            np.testing.assert_array_equal(array, expected)
    assert resumed.layer_state_.keys() == whole.layer_state_.keys()
    for name, array in resumed.layer_state_.items():
        np.testing.assert_array_equal(array, whole.layer_state_[name], err_msg=name)
    assert resumed.n_iter_ == whole.n_iter_
    assert resumed.t_ == whole.t_
    assert resumed.loss_ == whole.loss_
    for record, expected in zip(resumed.history_, whole.history_, strict=True):
        assert record | {"seconds": 0} == expected | {"seconds": 0}
    for name, value in resumed._optimizer_state.items():
        np.testing.assert_array_equal(value, whole._optimizer_state[name])


class Stop(Exception):
    """Ends a process in the middle."""


def stopped_after(n_saves, monkeypatch, fit):
    """Run a fit that dies as it is about to save for the n-th time."""
    save, saves = Checkpoint.save, iter(range(n_saves))

    def dies(self, state):
        if next(saves, None) is None:
            raise Stop
        save(self, state)

    with monkeypatch.context() as patch:
        patch.setattr("sknn6.estimators.resuming.SHARE", 1.0)  # save after every epoch
        patch.setattr(Checkpoint, "save", dies)
        with pytest.raises(Stop):
            fit()


@pytest.mark.parametrize("n_saves", [1, 2, 5])
@pytest.mark.parametrize("params", KINDS, ids=str)
def test_it_ends_as_if_it_had_never_stopped(params, n_saves, tmp_path, monkeypatch):
    path = tmp_path / "training"
    whole = model(**params).fit(X, y)
    stopped_after(n_saves, monkeypatch, lambda: model(checkpoint=path, **params).fit(X, y))
    assert_same(model(checkpoint=path, **params).fit(X, y), whole)


@pytest.mark.parametrize("params", KINDS, ids=str)
def test_one_that_has_ended_is_not_trained_again(params, tmp_path, monkeypatch):
    path = tmp_path / "training"
    whole = model(checkpoint=path, **params).fit(X, y)
    monkeypatch.setattr("sknn6.nn.training.average", None)
    assert_same(model(checkpoint=path, **params).fit(X, y), whole)


def test_without_a_seed_it_goes_on_with_its_own(tmp_path, monkeypatch):
    path, unseeded = tmp_path / "training", {"random_state": None, "early_stopping": True, "max_iter": 4}
    stopped_after(3, monkeypatch, lambda: model(checkpoint=path, **unseeded).fit(X, y))
    saved = pickle.loads(path.read_bytes())["state"]
    resumed = model(checkpoint=path, **unseeded).fit(X, y)
    assert resumed._split_seed == saved["estimator"]["_split_seed"]  # else rows trained on would validate
    assert resumed.history_[:2] == saved["estimator"]["history_"]


def test_max_iter_may_have_grown(tmp_path):
    path = tmp_path / "training"
    model(checkpoint=path, max_iter=3).fit(X, y)
    assert_same(model(checkpoint=path).fit(X, y), model().fit(X, y))


def test_a_warm_start(tmp_path, monkeypatch):
    path = tmp_path / "training"
    start = model(warm_start=True).fit(X, y)
    whole = pickle.loads(pickle.dumps(start)).fit(X, y)
    start.checkpoint = path
    again = pickle.dumps(start)
    stopped_after(3, monkeypatch, lambda: start.fit(X, y))
    assert_same(pickle.loads(again).fit(X, y), whole)
    with pytest.raises(ValueError, match="differs in the weights it starts from"):
        model(warm_start=True, checkpoint=path, max_iter=8).fit(X, y).fit(X, y)


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        ({"alpha": 1.0}, "alpha"),
        ({"learning_rate": "cosine"}, "learning_rate, max_iter"),
        ({"random_state": 1}, "random_state"),
        ({"checkpoint": None}, None),
        ({"verbose": True}, None),
    ],
    ids=str,
)
def test_one_of_other_parameters_is_refused(other, difference, tmp_path):
    path = tmp_path / "training"
    model(checkpoint=path).fit(X, y)
    before, changed = path.read_bytes(), model(**{"checkpoint": path} | other)
    if difference is None:
        changed.fit(X, y)
        return
    with pytest.raises(
        ValueError, match=f"checkpoint='.*training' must be of this training; .* in {difference}"
    ):
        changed.fit(X, y)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("data", "difference"),
    [
        ({"X": 2 * X}, "X"),
        ({"y": y[::-1]}, "y"),
        ({"sample_weight": np.arange(300.0)}, "sample_weight"),
        ({"X_val": X[:9], "y_val": y[:9]}, "validation data"),
    ],
    ids=["X", "y", "weight", "validation"],
)
def test_one_of_other_data_is_refused(data, difference, tmp_path):
    model(checkpoint=tmp_path / "training").fit(X, y)
    with pytest.raises(ValueError, match=f"of one that differs in {difference}. Remove it"):
        model(checkpoint=tmp_path / "training").fit(**{"X": X, "y": y} | data)


def test_one_of_another_version_is_refused(tmp_path, monkeypatch):
    model(checkpoint=tmp_path / "training").fit(X, y)
    monkeypatch.setattr(sknn6, "__version__", "99")
    with pytest.raises(ValueError, match="differs in the version of sknn6"):
        model(checkpoint=tmp_path / "training").fit(X, y)


def test_folds_do_not_share_one(tmp_path):
    with pytest.raises(ValueError, match="differs in X, y"):
        cross_val_score(model(checkpoint=tmp_path / "training"), X, y, error_score="raise")


@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: data[:-9], lambda data: b"\0" + data])
def test_a_damaged_one_is_refused(damage, tmp_path):
    path = tmp_path / "training"
    model(checkpoint=path).fit(X, y)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match="must be a file that a training has saved; this one is damaged"):
        model(checkpoint=path).fit(X, y)


@pytest.mark.parametrize("path", ["missing/training", "."])
def test_a_path_that_cannot_be_written_is_told_before_the_training(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sknn6.nn.training.average", None)
    new = model(checkpoint=path)
    with pytest.raises(ValueError, match=f"checkpoint.* must be a file that .*, got '{path}'|checkpoint='.'"):
        new.fit(X, y)
    assert not hasattr(new, "coefs_")


def test_a_full_disk_loses_nothing(tmp_path, monkeypatch):
    """One warning; the model is that of a training without a file, and the file keeps what it had."""
    path = tmp_path / "training"
    fsync, calls = os.fsync, []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) > 2:
            raise OSError(28, "No space left on device")
        fsync(descriptor)

    monkeypatch.setattr("sknn6.estimators.resuming.SHARE", 1.0)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.warns(UserWarning, match="could not be written .*No space left") as caught:
        fitted = model(checkpoint=path).fit(X, y)
    assert len(calls) == 9
    assert sum("could not be written" in str(w.message) for w in caught) == 1
    assert_same(fitted, model().fit(X, y))
    assert len(pickle.loads(path.read_bytes())["state"]["estimator"]["history_"]) == 1
    assert os.listdir(tmp_path) == ["training"]


def test_lbfgs_is_refused(tmp_path):
    with pytest.raises(
        ValueError, match=r"checkpoint needs a solver .* one of \['adam', 'sgd'\], got 'lbfgs'"
    ):
        model(solver="lbfgs", checkpoint=tmp_path / "training").fit(X, y)


def test_a_seed_that_cannot_be_kept_is_refused(tmp_path):
    with pytest.raises(ValueError, match="random_state must be an int or None to go on from a checkpoint"):
        model(random_state=np.random.RandomState(0), checkpoint=tmp_path / "training").fit(X, y)


def test_partial_fit_has_none(tmp_path):
    model(checkpoint=tmp_path / "training").partial_fit(X, y, classes=np.arange(10))
    assert not os.listdir(tmp_path)


def test_a_clone_has_it_too(tmp_path):
    assert clone(model(checkpoint=tmp_path)).checkpoint == tmp_path


KILLED = """
import sys, warnings
sys.path.insert(0, {tests!r})
warnings.simplefilter("ignore")
from test_checkpoint import X, model, y
model(max_iter=20000, n_iter_no_change=30000, checkpoint={path!r}).fit(X, y)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kill -9 needs a POSIX system")
def test_kill_9(tmp_path):
    """Whenever it comes, the file is whole, and the rest of the training ends with the same bits."""
    path, forever = str(tmp_path / "training"), {"n_iter_no_change": 30000}
    code = KILLED.format(tests=str(Path(__file__).parent), path=path)
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen([sys.executable, "-c", code], env=env)
    deadline = time.monotonic() + 120
    while epochs_in(path) < 5 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.wait()
    done = epochs_in(path)
    assert 5 <= done < 20000
    longer = {"max_iter": done + 3, **forever}
    assert_same(model(checkpoint=path, **longer).fit(X, y), model(**longer).fit(X, y))


def epochs_in(path):
    return (
        len(pickle.loads(Path(path).read_bytes())["state"]["estimator"]["history_"])
        if Path(path).exists()
        else 0
    )


CLOCK = [0.0]


def ten_seconds_pass(estimator, X, y):
    CLOCK[0] += 10.0
    return 0.0


def test_it_takes_little_time(tmp_path, monkeypatch):
    """A save takes two seconds of this clock, an epoch ten: it is due when 38 have gone since the last."""
    saves, CLOCK[0] = [], 0.0
    monkeypatch.setattr("sknn6.estimators.resuming.perf_counter", lambda: CLOCK[0])

    def save(self, state):
        saves.append(CLOCK[0])
        CLOCK[0] += 2.0

    monkeypatch.setattr(Checkpoint, "save", save)
    timed = model(checkpoint=tmp_path / "t", scoring=ten_seconds_pass)
    timed.fit(X, y, X_val=X[:9], y_val=y[:9])
    assert saves == [0.0, 12.0, 54.0, 86.0]  # the last one at the end


def test_what_cannot_be_compared_is_refused(tmp_path):
    with pytest.raises(
        ValueError, match="scoring must be picklable to go on from a checkpoint, got <function"
    ):
        model(checkpoint=tmp_path / "t", scoring=lambda *_: 0.0).fit(X, y, X_val=X[:9], y_val=y[:9])
