"""Trainings that go on: streams of chunks, warm starts, and drawn sequences of calls."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits
from soak import hold, sizes

from sknn6 import MLPClassifier, MLPRegressor
from sknn6.estimators import base, finishing

DIGITS, DIGIT = load_digits(return_X_y=True)
TRAIN, TEST = slice(0, 1200), slice(1200, None)


# What each call takes


def stream(model, n_calls):
    for _ in range(n_calls):
        model.partial_fit(DIGITS[:8], DIGIT[:8] > 4, classes=[False, True])
    return model


def test_a_stream_keeps_the_last_records_and_the_whole_curve(monkeypatch):
    """Memory: as many records as there may be, then no more; the epochs are counted on."""
    monkeypatch.setattr(base, "RECORDS", 20)
    model = stream(MLPClassifier(4, random_state=0), 30)
    assert [record["epoch"] for record in model.history_] == list(range(11, 31))
    assert len(model.loss_curve_) == 30
    assert model.loss_curve_[10:] == [record["loss"] for record in model.history_]
    twin = pickle.loads(pickle.dumps(model))
    assert twin.history_ == model.history_
    assert twin.loss_curve_ == model.loss_curve_
    assert stream(twin, 1).history_[-1]["epoch"] == 31


def test_a_fit_keeps_all_its_records(monkeypatch):
    monkeypatch.setattr(base, "RECORDS", 2)
    model = MLPClassifier(4, learning_rate="cosine", max_iter=5, random_state=0)
    assert len(model.fit(DIGITS[:50], DIGIT[:50]).history_) == 5


def test_a_call_copies_none_of_the_history(monkeypatch):
    """Time: the lists are appended to."""
    model = stream(MLPClassifier(4, random_state=0), 3)
    records, curve, first = model.history_, model.loss_curve_, model.history_[0]
    stream(model, 3)
    assert model.history_ is records
    assert model.loss_curve_ is curve
    assert model.history_[0] is first
    assert len(curve) == 6


def test_a_call_that_fails_after_its_epoch_leaves_no_trace(monkeypatch):
    model = stream(MLPClassifier(4, random_state=0), 3)
    other, before = copy.deepcopy(model), pickle.dumps(model)
    monkeypatch.setattr(finishing, "keep_optimizer", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        stream(model, 1)
    monkeypatch.undo()
    assert pickle.dumps(model) == before
    for mine, theirs in zip(stream(model, 2).coefs_, stream(other, 2).coefs_, strict=True):
        np.testing.assert_array_equal(mine, theirs)


# Rates


@pytest.fixture(scope="module")
def several_fitted():
    return [MLPClassifier(random_state=i).fit(DIGITS[TRAIN], DIGIT[TRAIN]) for i in range(4)]


@pytest.fixture
def fitted(several_fitted):
    return several_fitted[0]


def take_in(model, rows, n_calls=None, seed=0, **more):
    """Return the rows to train on to partial_fit, so many at a time; return the accuracy on the others."""
    for part in np.split(np.random.default_rng(seed).permutation(1200), 1200 // rows)[:n_calls]:
        model.partial_fit(DIGITS[part], DIGIT[part], **more)
    return model.score(DIGITS[TEST], DIGIT[TEST])


@pytest.mark.parametrize(("rows", "n_calls"), [(1, 20), (10, 20), (100, 5)])
def test_rows_that_are_known_leave_a_fitted_model_as_good_as_it_was(several_fitted, rows, n_calls):
    """Over 16 models, the change of the accuracy had a deviation of up to .004; this is the mean of four."""
    changes = [
        take_in(copy.deepcopy(model), rows, n_calls, seed) - model.score(DIGITS[TEST], DIGIT[TEST])
        for seed, model in enumerate(several_fitted)
    ]
    assert np.mean(changes) > -0.01


def test_a_fitted_model_learns_what_is_new(fitted):
    """Images moved by a pixel, ten at a time."""
    moved, model = np.roll(DIGITS.reshape(-1, 8, 8), 1, axis=2).reshape(-1, 64), copy.deepcopy(fitted)
    assert model.score(moved[TEST], DIGIT[TEST]) < 0.6
    for start in range(0, 1200, 10):
        model.partial_fit(moved[start : start + 10], DIGIT[start : start + 10])
    assert model.score(moved[TEST], DIGIT[TEST]) > 0.85


@pytest.mark.parametrize(
    ("rows", "n_calls", "least"), [(1, 300, 0.7), (10, 120, 0.85), (50, 24, 0.85), (200, 6, 0.75)]
)
def test_chunks_of_any_size_are_learned_from_fresh_weights(rows, n_calls, least):
    """One pass over 1200 images, or 300 of them; three networks, as one may have bad luck."""
    models = [MLPClassifier(ensemble_size=1, random_state=seed) for seed in range(3)]
    assert np.mean([take_in(model, rows, n_calls, classes=range(10)) for model in models]) > least


def rates(model, *sizes, train_on="partial_fit", **more):
    for size in sizes:
        getattr(model, train_on)(DIGITS[:size], DIGIT[:size], **more)
    return [record["learning_rate"] for record in model.history_[-len(sizes) :]]


def test_auto_is_a_rate_that_suits_the_training():
    """From fresh weights 0.02 sqrt(b / 100); 0.001 to go on; never another than the user's."""
    fresh = MLPClassifier(4, random_state=0)
    expected = [0.02 * np.sqrt(rows / 100) for rows in (1, 25, 100)] + [0.02]
    assert rates(clone(fresh), 1, 25, 100, 300, classes=range(10)) == pytest.approx(expected)
    accumulating = clone(fresh).set_params(batch_size=10, gradient_accumulation_steps=4)
    assert rates(accumulating, 100, classes=range(10)) == pytest.approx([0.02 * np.sqrt(40 / 100)])

    model = clone(fresh).set_params(learning_rate="constant", max_iter=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert rates(model, 100, train_on="fit") == [0.02]
        assert rates(model, 1, 100) == [0.001] * 2
        assert rates(model.set_params(warm_start=True), 100, train_on="fit") == [0.001]
        assert rates(model, 100) == [0.001]
        assert rates(model.set_params(warm_start=False), 100, train_on="fit") == [0.02]
    assert rates(model.set_params(learning_rate_init=0.005), 1) == [0.005]


def test_auto_is_scikit_learns_rate_where_the_recipe_is():
    model = MLPClassifier(4, solver="sgd", random_state=0)
    assert rates(model, 1, 100, classes=range(10)) == [0.001] * 2


# What a warm start takes over, and what not


def outcome(model, X, y, X_test, y_test):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X, y).score(X_test, y_test)


def test_a_warm_start_is_not_compared_with_the_losses_of_other_data():
    """A regressor that had stopped on an easy target goes on with a hard one as long as that takes."""
    X, y = load_diabetes(return_X_y=True)
    data = X[:300] / X.std(axis=0), y[:300] / 50, X[300:] / X.std(axis=0), y[300:] / 50
    params = {"hidden_layer_sizes": 16, "learning_rate_init": 0.01, "max_iter": 100, "random_state": 0}
    params |= {"snapshots": 1}  # a warm start has one cycle
    model = MLPRegressor(warm_start=True, **params).fit(data[0], np.zeros(300))
    assert model.n_iter_ < 100
    assert outcome(model, *data) > outcome(MLPRegressor(**params), *data) - 0.1
    assert model.n_iter_ > model.n_iter_no_change + 1
    assert model.best_loss_ == min(model.loss_curve_[-model.n_iter_ :])


def test_a_warm_start_learns_new_labels():
    model = MLPClassifier(warm_start=True, random_state=0).fit(DIGITS[TRAIN], DIGIT[TRAIN])
    assert outcome(model, DIGITS[TRAIN], (DIGIT[TRAIN] + 3) % 10, DIGITS[TEST], (DIGIT[TEST] + 3) % 10) > 0.9


@pytest.mark.parametrize("seed", [None, 0, np.random.RandomState(0)], ids=["none", "number", "generator"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_warm_start_holds_out_the_same_rows(seed):
    """Labels of noise are guessed half right on rows held out, however often the training goes on."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((200, 50)), rng.integers(0, 2, 200)
    model = MLPClassifier(
        50, ensemble_size=1, early_stopping=True, validation_fraction=0.4, n_iter_no_change=np.inf,
        warm_start=True, random_state=seed,
    )  # fmt: skip
    for _ in range(3):
        model.fit(X, y)
    assert model.best_validation_score_ < 0.7


# Calls in any order, on data that change


def data(seed, kind):
    """Return rows of three classes, told apart by the first two columns, with something amiss."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(30) % 3)
    X = np.eye(3)[y] * 3 + rng.standard_normal((30, 3))
    if kind == "constant":
        X[:, :2] = [0.0, 7.3]
    elif kind == "scale":
        X = X * [1e4, 1.0, 1e-4] + [1e5, 0, 0]
    elif kind == "class missing":
        X, y = X[y < 2], y[y < 2]
    elif kind == "row":
        X, y = X[:1], y[:1]
    return X, y


def go_on(model, X, y):
    return model.partial_fit(X, y, classes=[0, 1, 2])


def warm_start(model, X, y):
    return model.set_params(warm_start=True).fit(X, y)


def start_anew(model, X, y):
    """Fit, which nothing from before has a part in."""
    model.set_params(warm_start=False).fit(X, y)
    new = clone(model).fit(X, y)
    for mine, theirs in zip(model.coefs_, new.coefs_, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert model.loss_curve_ == new.loss_curve_
    return model


def save_and_load(model, X, y):
    twin = pickle.loads(pickle.dumps(model))
    assert vars(twin).keys() == vars(model).keys()
    if hasattr(model, "coefs_"):
        np.testing.assert_array_equal(twin.predict_proba(X), model.predict_proba(X))
    return twin


def fail(model, X, y):
    """Ask for what cannot be, which leaves the model as it was."""
    before = pickle.dumps(model)
    with pytest.raises(ValueError, match="class"):
        model.partial_fit(X, y + 5, classes=[5, 6, 7, 8] if hasattr(model, "coefs_") else None)
    assert pickle.dumps(model) == before
    return model


def another_rate(model, X, y):
    rate = 0.01 if model.learning_rate_init == "auto" else "auto"
    return model.set_params(learning_rate_init=rate)


CALLS = [go_on, warm_start, start_anew, save_and_load, fail, another_rate]
KINDS = ["plain", "constant", "scale", "class missing", "row"]
STEPS = st.lists(st.tuples(st.sampled_from(CALLS), st.integers(0, 9), st.sampled_from(KINDS)), max_size=6)


def check_state(model, X):
    P = model.predict_proba(X)
    np.testing.assert_allclose(P.sum(axis=1), 1, rtol=1e-6)
    assert model.classes_.tolist() == [0, 1, 2][: P.shape[1]]
    assert [record["epoch"] for record in model.history_] == list(range(1, len(model.history_) + 1))
    assert [record["loss"] for record in model.history_] == model.loss_curve_
    assert np.isfinite(model.loss_curve_).all()
    assert (model.layer_state_["input.scale"] > 0).all()
    assert all(np.isfinite(array).all() for array in model.layer_state_.values())


@sizes("n_examples", 12, 500)
def test_calls_in_any_order(n_examples):
    def check(steps, seed):
        model = MLPClassifier(4, ensemble_size=2, max_iter=2, random_state=seed)
        for call, drawn, kind in steps:
            X, y = data(drawn, kind)
            anew = call in (start_anew, warm_start)
            if anew and len(set(y)) < 3:
                X, y = data(drawn, "constant")
            model = call(model, X, y)
            if hasattr(model, "coefs_"):
                check_state(model, X)

    def quietly(case):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            check(*case)

    hold(quietly, st.tuples(STEPS, st.integers(0, 3)), examples=n_examples, anew=n_examples > 12)


@pytest.mark.parametrize("kind", KINDS)
def test_what_came_first_does_not_keep_from_learning(kind):
    """Whatever is amiss with the first chunk, forty more are learned; the scale is that of all of them."""
    model = go_on(MLPClassifier(16, ensemble_size=2, random_state=0), *data(0, kind))
    later = "scale" if kind == "scale" else "plain"
    for _ in range(40):
        go_on(model, *data(1, later))
    assert model.score(*data(2, later)) > 0.75
