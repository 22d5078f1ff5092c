"""A training on disk: taken up again, it ends with the bits of one that was never stopped."""

import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from plain import MLPClassifier
from scipy.sparse import csc_array, csr_array, csr_matrix
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.feature_selection import SelectFromModel
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from sknn6 import MLPRegressor, plaindata
from sknn6.checkpoint import UNFINISHED, Checkpoint
from sknn6.inspection import layer_statistics, learning_rate_range_test, sanity_check
from sknn6.packing import unpack

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, y = load_digits(return_X_y=True)
X, y = X[:300] / 16, y[:300]
RNG = np.random.default_rng(0)
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
    {"cls": MLPRegressor, "learning_rate": "cosine", "snapshots": 2, "ensemble_size": 2, "batchnorm": True},
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
    assert (resumed._optimizer_state is None) == (whole._optimizer_state is None)
    for name, value in (resumed._optimizer_state or {}).items():
        np.testing.assert_array_equal(value, whole._optimizer_state[name])


def state_in(path):
    with open(path, "rb") as file:
        return plaindata.read(file)["state"]


def epochs_in(path):
    return state_in(path)["state"]["n_iter"] if Path(path).exists() else 0


class Stop(Exception):
    """Ends a process in the middle."""


def stopped_after(n_saves, monkeypatch, fit):
    """Run a fit that dies as it is about to save for the n-th time."""
    save, saves = Checkpoint.write, iter(range(n_saves))

    def dies(self, state):
        if next(saves, None) is None:
            raise Stop
        save(self, state)

    with monkeypatch.context() as patch:
        patch.setattr("sknn6.training.checkpointing.SHARE", 1.0)  # save after every epoch
        patch.setattr(Checkpoint, "write", dies)
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
    monkeypatch.setattr("sknn6.nn.descent.mean_loss_and_gradient", None)
    assert_same(model(checkpoint=path, **params).fit(X, y), whole)


def test_without_a_seed_it_goes_on_with_its_own(tmp_path, monkeypatch):
    path, unseeded = tmp_path / "training", {"random_state": None, "early_stopping": True, "max_iter": 4}
    stopped_after(3, monkeypatch, lambda: model(checkpoint=path, **unseeded).fit(X, y))
    saved = state_in(path)
    resumed = model(checkpoint=path, **unseeded).fit(X, y)
    assert resumed._split_seed == saved["state"]["split_seed"]  # else rows trained on would validate
    assert resumed.history_[:2] == unpack(saved["state"]["history"])


def test_max_iter_may_have_grown(tmp_path):
    path = tmp_path / "training"
    model(checkpoint=path, max_iter=3).fit(X, y)
    assert_same(model(checkpoint=path).fit(X, y), model().fit(X, y))


def test_max_iter_below_the_epochs_of_the_file_is_refused(tmp_path):
    path = tmp_path / "training"
    model(checkpoint=path).fit(X, y)
    before = path.read_bytes()
    with pytest.raises(
        ValueError, match="has a training of 8 epochs, so that max_iter must be at least 8, got 4"
    ):
        model(checkpoint=path, max_iter=4).fit(X, y)
    assert path.read_bytes() == before


class StopsAfter:
    """A callback that ends a training after some epochs of its own."""

    def __init__(self, n_epochs):
        self.n_epochs = n_epochs

    def setup(self, estimator, context):
        self.done = 0

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context, **more):
        pass

    def on_fit_task_end(self, estimator, context, **more):
        self.done += context.task_name == "epoch"
        return self.done == self.n_epochs


@pytest.mark.skipif(
    not hasattr(MLPRegressor(), "set_callbacks"), reason="scikit-learn before 1.9 has no callbacks"
)
@pytest.mark.parametrize("params", KINDS, ids=str)
def test_the_stop_of_a_callback_is_remembered(params, tmp_path):
    path = tmp_path / "training"
    first, again, alone = (model(checkpoint=path, **params) for _ in range(3))
    first.set_callbacks(StopsAfter(3)).fit(X, y)
    assert first.n_iter_ == 3
    assert_same(again.set_callbacks(StopsAfter(3)).fit(X, y), first)
    assert_same(alone.fit(X, y), first)


@pytest.mark.parametrize("params", KINDS, ids=str)
def test_one_that_has_ended_is_not_written_again(params, tmp_path, monkeypatch):
    """So that it can be loaded from a disk that is full or cannot be written to."""
    path = tmp_path / "training"
    whole = model(checkpoint=path, **params).fit(X, y)
    monkeypatch.setattr(Checkpoint, "write", None)
    assert_same(model(checkpoint=path, **params).fit(X, y), whole)


LAYOUTS = {
    "Fortran": np.asfortranarray,
    "columns": lambda X: np.hstack([X, X])[:, : X.shape[1]],
    "rows": lambda X: np.repeat(X, 2, axis=0)[::2],
    "list": lambda X: X.tolist(),
    "frame": pd.DataFrame,
    "frame of columns": lambda X: pd.DataFrame({f"x{i}": column for i, column in enumerate(X.T)}),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("scaled", [{}, {"input_scaling": True}], ids=["plain", "scaled"])
def test_it_goes_on_with_equal_data_in_another_layout(layout, scaled, tmp_path, monkeypatch):
    """With the same bits: how the input is scaled, whose last bits depend on the layout, is in the file."""
    path, Z = tmp_path / "training", X + RNG.uniform(size=X.shape)
    whole = model(**scaled).fit(Z, y)
    stopped_after(4, monkeypatch, lambda: model(checkpoint=path, **scaled).fit(Z, y))
    resumed = model(checkpoint=path, **scaled).fit(layout(Z), y.astype("f4"), sample_weight=None)
    assert_same(resumed, whole)


def test_it_goes_on_with_equal_sparse_data_in_another_form(tmp_path, monkeypatch):
    path = tmp_path / "training"
    rows, columns = np.nonzero(X)
    halves = np.tile(X[rows, columns] / 2, 2), np.tile(columns, 2)
    order = np.argsort(np.tile(rows, 2), kind="stable")
    double = csr_matrix((halves[0][order], halves[1][order], 2 * csr_matrix(X).indptr), shape=X.shape)
    stopped_after(4, monkeypatch, lambda: model(checkpoint=path).fit(double, y))
    for same in (double, csr_matrix(X), csr_array(X), csc_array(X)):
        resumed = model(checkpoint=path).fit(same, y)
        assert resumed.n_iter_ == 8
    with pytest.raises(ValueError, match="differs in X"):
        model(checkpoint=path).fit(X, y)


def test_it_goes_on_with_equal_parameters_of_other_types(tmp_path, monkeypatch):
    path = tmp_path / "training"
    some = {"alpha": 1, "clip_norm": 1.0, "class_weight": {0: 1, 1: 2.0}, "shuffle": True}
    same = {"alpha": np.int64(1), "clip_norm": np.int8(1), "class_weight": {np.int64(1): 2, 0: 1.0}}
    same |= {"shuffle": np.True_, "random_state": np.int64(0), "batch_size": np.int64(60)}
    same |= {"hidden_layer_sizes": np.array([12, 8])}
    whole = model(**some).fit(X, y)
    stopped_after(4, monkeypatch, lambda: model(checkpoint=path, **some).fit(X, y))
    assert_same(model(checkpoint=path, **same).fit(X, y), whole)


@pytest.mark.parametrize("change", [{"dtype": np.float32}, {"order": 0}], ids=str)
def test_data_that_train_otherwise_are_others(change, tmp_path):
    model(checkpoint=tmp_path / "training").fit(X, y)
    other = X.astype(np.float32) if "dtype" in change else X[::-1]
    with pytest.raises(ValueError, match="differs in X"):
        model(checkpoint=tmp_path / "training").fit(other, y)


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
        ({"alpha": 1.0}, r"alpha \(0.0001 in the file, 1 here\)\."),
        ({"learning_rate": "cosine"}, r"learning_rate \('auto' in the file, 'cosine' here\), max_iter\."),
        ({"random_state": 1}, r"random_state \(0 in the file, 1 here\)\."),
        ({"class_weight": {0: 2.0}}, r"class_weight\."),
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
    monkeypatch.setattr("sknn6.training.checkpointing.__version__", "99")
    with pytest.raises(ValueError, match=r"differs in the version of sknn6 \('.*' in the file, '99' here\)"):
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


@pytest.mark.parametrize("position", np.linspace(0, 0.999, 8))
def test_a_flipped_bit_is_noticed(position, trained_file):
    path = trained_file
    data = path.read_bytes()
    flipped = bytearray(data)
    flipped[int(position * len(data))] ^= 16
    path.write_bytes(flipped)
    try:
        with pytest.raises(ValueError, match=r"this one is damaged .* Remove it, or name another"):
            model(checkpoint=path).fit(X, y)
    finally:
        path.write_bytes(data)


@pytest.fixture(scope="module")
def trained_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("trained") / "training"
    model(checkpoint=path).fit(X, y)
    return path


class Bomb:
    def __reduce__(self):
        return pytest.fail, ("the file ran code",)


def test_a_pickle_is_refused_and_not_loaded(tmp_path):
    path = tmp_path / "training"
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(
        ValueError, match=r"this one is a pickle, as older versions have saved. It could run code"
    ):
        model(checkpoint=path).fit(X, y)


def forge(path, change):
    """Change the state in a file, as somebody could who knows the form."""
    with open(path, "rb") as file:
        whole = plaindata.read(file)
    change(whole["state"])
    with open(path, "w+b") as file:
        plaindata.write(file, whole)


def test_a_forged_file_sets_nothing_but_counts(tmp_path, monkeypatch):
    path = tmp_path / "training"
    whole = model().fit(X, y)
    stopped_after(4, monkeypatch, lambda: model(checkpoint=path).fit(X, y))

    def change(state):
        state["state"] |= {"checkpoint": str(tmp_path / "other"), "predict": "x", "attributes": "x"}
        state["optimizer"] |= {"step": "x"}

    forge(path, change)
    resumed = model(checkpoint=path).fit(X, y)
    assert_same(resumed, whole)
    assert resumed.checkpoint == path
    assert callable(resumed.predict)
    assert os.listdir(tmp_path) == ["training"]


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state["optimizer"]["state"].update(m=np.zeros(3, "f4")),
        lambda state: state.update(network=(np.zeros(3, "f4"), np.zeros(0, "f4"))),
        lambda state: state["state"].update(rng="x"),
        lambda state: state["state"].update(history=[1]),
        lambda state: state["state"].pop("best"),
    ],
    ids=["m", "theta", "rng", "history", "best"],
)
def test_a_forged_state_is_refused(change, tmp_path, monkeypatch):
    path = tmp_path / "training"
    stopped_after(4, monkeypatch, lambda: model(checkpoint=path).fit(X, y))
    forge(path, change)
    new = model(checkpoint=path)
    with pytest.raises(ValueError, match=r"must be a file that a training has saved; this one is damaged"):
        new.fit(X, y)
    assert not hasattr(new, "coefs_")


def test_the_file_of_a_search_is_refused(tmp_path):
    path = tmp_path / "search"
    Checkpoint(path, "search", {}).write([])
    with pytest.raises(ValueError, match=r"must be of this training; the file is of a search. Name another"):
        model(checkpoint=path).fit(X, y)


def test_a_folder_is_refused(tmp_path):
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "folder", tmp_path):
        with pytest.raises(ValueError, match=r"must be a file, got a folder\. Name another\.$"):
            model(checkpoint=path).fit(X, y)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a POSIX system")
def test_what_is_no_regular_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/null"):
        with pytest.raises(ValueError, match=r"must be a file, got no regular file\. Name another\.$"):
            model(checkpoint=path).fit(X, y)


def made_two_hours_ago(path):
    path.write_bytes(b"part")
    os.utime(path, (time.time() - 7200,) * 2)


def test_what_another_process_is_saving_is_left_alone(tmp_path):
    """It is written to all the time."""
    others = tmp_path / f".training.0123abcd{UNFINISHED}"
    others.write_bytes(b"part")
    model(checkpoint=tmp_path / "training").fit(X, y)
    assert others.exists()


def test_what_a_killed_save_left_is_removed(tmp_path):
    left = tmp_path / f".training.0123abcd{UNFINISHED}"
    others = [tmp_path / f".training2.0123abcd{UNFINISHED}", tmp_path / ".training.rc"]
    for path in (left, *others):
        made_two_hours_ago(path)
    model(checkpoint=tmp_path / "training").fit(X, y)
    assert {tmp_path / name for name in os.listdir(tmp_path)} == {tmp_path / "training", *others}


def test_a_name_with_special_characters(tmp_path):
    path = tmp_path / "t[0-9]* ä.ckpt"
    left = tmp_path / f".{path.name}.0123abcd{UNFINISHED}"
    made_two_hours_ago(left)
    model(checkpoint=path, max_iter=2).fit(X, y)
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.skipif(os.name != "posix", reason="needs a POSIX system")
@pytest.mark.parametrize("there_is_a_file", [False, True])
def test_a_symbolic_link_is_followed(there_is_a_file, tmp_path):
    (tmp_path / "disk").mkdir()
    target, link = tmp_path / "disk" / "file", tmp_path / "link"
    if there_is_a_file:
        model(checkpoint=target, max_iter=3).fit(X, y)
    link.symlink_to(target)
    model(checkpoint=link).fit(X, y)
    assert os.readlink(link) == str(target)
    assert epochs_in(target) == 8
    assert sorted(os.listdir(tmp_path)) == ["disk", "link"]
    assert os.listdir(tmp_path / "disk") == ["file"]


@pytest.mark.skipif(os.name != "posix", reason="needs a POSIX system")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666])
def test_the_mode_of_a_file_is_kept(mode, tmp_path):
    path = tmp_path / "training"
    model(checkpoint=path, max_iter=3).fit(X, y)
    (tmp_path / "new").touch()
    assert path.stat().st_mode == (tmp_path / "new").stat().st_mode
    path.chmod(mode)
    model(checkpoint=path).fit(X, y)
    assert path.stat().st_mode & 0o777 == mode


@pytest.mark.parametrize("path", ["missing/training", ".", "file/training", "a\0b", "a" * 300])
def test_a_path_that_cannot_be_written_is_told_before_the_training(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    monkeypatch.setattr("sknn6.nn.descent.mean_loss_and_gradient", None)
    new = model(checkpoint=path)
    with pytest.raises(ValueError, match=r"checkpoint(='.*')? must be a file"):
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

    monkeypatch.setattr("sknn6.training.checkpointing.SHARE", 1.0)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.warns(UserWarning, match="could not be written .*No space left") as caught:
        fitted = model(checkpoint=path).fit(X, y)
    assert len(calls) == 9
    assert sum("could not be written" in str(w.message) for w in caught) == 1
    assert_same(fitted, model().fit(X, y))
    assert epochs_in(path) == 1
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


CLOCK = [0.0]


def ten_seconds_pass(estimator, X, y):
    CLOCK[0] += 10.0
    return 0.0


def test_it_takes_little_time(tmp_path, monkeypatch):
    """A save takes two seconds of this clock, an epoch ten: it is due when 38 have gone since the last."""
    saves, CLOCK[0] = [], 0.0
    monkeypatch.setattr("sknn6.training.checkpointing.perf_counter", lambda: CLOCK[0])

    def save(self, state):
        saves.append(CLOCK[0])
        CLOCK[0] += 2.0

    monkeypatch.setattr(Checkpoint, "write", save)
    timed = model(checkpoint=tmp_path / "t", scoring=ten_seconds_pass)
    timed.fit(X, y, X_val=X[:9], y_val=y[:9])
    assert saves == [0.0, 12.0, 54.0, 86.0]  # the last one at the end


def selecting(path, **params):
    """Make a pipeline in which a network selects the features for another, each with a file of its own."""
    selector = model(checkpoint=f"{path}-selector", max_iter=2)
    features = SelectFromModel(selector, importance_getter=column_norms, max_features=9, threshold=-np.inf)
    return make_pipeline(features, model(checkpoint=path, **params))


def column_norms(mlp):
    return np.linalg.norm(mlp.coefs_[0], axis=1)


@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize("make", [lambda path: model(checkpoint=path), selecting], ids=["alone", "pipeline"])
@pytest.mark.parametrize("inspect", [sanity_check, learning_rate_range_test, layer_statistics])
def test_an_inspection_leaves_the_file_alone(inspect, make, fitted, tmp_path):
    estimator = make(tmp_path / "training")
    if fitted:
        estimator.fit(X, y)
    before = {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)}
    assert bool(before) == fitted
    inspect(estimator, X, y)
    assert {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)} == before
    assert str(estimator.get_params()) == str(make(tmp_path / "training").get_params())


def test_what_cannot_be_compared_is_refused(tmp_path):
    with pytest.raises(
        ValueError, match="scoring must be picklable to go on from a checkpoint, got <function"
    ):
        model(checkpoint=tmp_path / "t", scoring=lambda *_: 0.0).fit(X, y, X_val=X[:9], y_val=y[:9])
