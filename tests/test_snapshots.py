"""Snapshots: the networks at the ends of the cycles of the rate, and the choice between them."""

import pickle
import signal

import numpy as np
import pytest
from ctrl_c import default_handler, in_a_cell  # noqa: F401
from sklearn.datasets import load_diabetes, make_classification
from sklearn.model_selection import KFold, cross_val_score

from sknn6 import MLPClassifier, MLPRegressor
from sknn6.estimators import finishing
from sknn6.nn.schedules import SCHEDULES, Progress, cycle_ends
from sknn6.training import checkpointing, minibatch
from sknn6.training.selection import select
from sknn6.training.targets import Numbers

X, y = make_classification(300, 8, n_informative=5, n_classes=3, random_state=0)
NUMBERS = X[:, 0] + np.sin(2 * X[:, 1])
QUICK = {"hidden_layer_sizes": (16,), "max_iter": 20, "random_state": 0}


def keeping(monkeypatch, *cycles):
    """Let the rows that were left out choose these cycles."""
    monkeypatch.setattr(finishing, "select", lambda *_: list(cycles))


@pytest.mark.parametrize("cycles", [1, 2, 3])
def test_each_cycle_is_three_times_as_long_as_the_one_before(cycles):
    lengths = np.diff([0, *cycle_ends(1300, cycles)])
    assert lengths.sum() == 1300
    np.testing.assert_allclose(lengths[1:] / lengths[:-1], 3, rtol=1e-2)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", [name for name in SCHEDULES if SCHEDULES[name].follows_plan])
def test_the_rate_runs_through_its_schedule_in_each_cycle(name):
    """Rates are recorded after the last update of an epoch."""
    rates = [
        np.array([record["learning_rate"] for record in MLPClassifier(**params).fit(X, y).history_])
        for params in (
            QUICK | {"learning_rate": name, "snapshots": 2},
            QUICK | {"learning_rate": name, "max_iter": 5},
            QUICK | {"learning_rate": name, "max_iter": 15},
        )
    ]
    np.testing.assert_array_equal(rates[0], np.concatenate(rates[1:]))


def test_the_networks_of_the_first_cycle_are_those_of_a_training_that_ends_there(monkeypatch):
    """Bit for bit, with the temperature that suits them."""
    keeping(monkeypatch, 0)
    model = MLPClassifier(**QUICK).fit(X, y)
    short = MLPClassifier(**QUICK | {"max_iter": 5}).fit(X, y)
    assert model.ensemble_members_ == [0, 1, 2, 3]
    assert model.temperature_ == short.temperature_
    assert model.oob_score_ == short.oob_score_
    for ours, theirs in zip(model.coefs_ + model.intercepts_, short.coefs_ + short.intercepts_, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("ensemble_size", [1, 4])
@pytest.mark.parametrize("batchnorm", [False, True])
def test_predictions_are_the_mean_over_the_cycles_that_are_kept(monkeypatch, ensemble_size, batchnorm):
    params = QUICK | {"snapshots": 2, "ensemble_size": ensemble_size, "batchnorm": batchnorm}
    fitted = []
    for cycles in ([0], [1], [0, 1]):
        keeping(monkeypatch, *cycles)
        fitted.append(MLPRegressor(**params).fit(X, NUMBERS))
    first, last, both = fitted
    assert last.ensemble_members_ is None
    assert both.ensemble_members_ == 2 * list(range(ensemble_size))
    assert both.coefs_[0].shape[0] == 2 * ensemble_size
    mean = (first.predict(X) + last.predict(X)) / 2
    np.testing.assert_allclose(both.predict(X), mean, rtol=1e-5, atol=1e-5)


def test_noise_gets_networks_that_were_trained_for_a_shorter_time():
    """They predict new rows better, where longer ones follow the noise: R^2 is .36 and .44."""
    X, y = load_diabetes(return_X_y=True)
    folds = KFold(5, shuffle=True, random_state=0)
    one, two = (
        cross_val_score(MLPRegressor(snapshots=n, random_state=0), X, y, cv=folds).mean() for n in (1, 2)
    )
    assert one + 0.03 < two


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("params", "rows", "cycles"),
    [
        ({}, 300, 2),
        ({"max_iter": 19}, 300, 1),
        ({"max_iter": 19, "snapshots": 2}, 300, 2),
        ({}, 99, 1),
        ({"snapshots": 3}, 99, 3),
        ({"ensemble_size": 1}, 300, 1),
        ({"ensemble_size": 1, "snapshots": 2}, 300, 2),
        ({"snapshots": 1}, 300, 1),
        ({"learning_rate": "constant"}, 300, 1),
        ({"early_stopping": True}, 300, 1),
        ({"recipe": "plain"}, 300, 1),
        ({"solver": "lbfgs", "snapshots": 2}, 300, 1),
        ({"ensemble_selection": True, "snapshots": 2}, 300, 2),
        ({"ensemble_size": 1, "temperature_scaling": True}, 300, 1),
        ({"temperature_scaling": True}, 60, 1),
        ({"ensemble_selection": True}, 60, 1),
    ],
    ids=str,
)
@pytest.mark.parametrize("cls", [MLPClassifier, MLPRegressor])
def test_when_there_are_several_cycles(cls, params, rows, cycles, monkeypatch):
    params = {name: value for name, value in params.items() if name in cls().get_params()}
    seen, choose = [], finishing.choose_networks

    def watched(model, training, data):
        seen.append(len(training.state.snapshots))
        return choose(model, training, data)

    monkeypatch.setattr(finishing, "choose_networks", watched)
    cls(**QUICK | params).fit(X[:rows], (y if cls is MLPClassifier else NUMBERS)[:rows])
    assert sum(seen) == cycles - 1


def test_held_out_rows_choose_among_the_networks_of_all_cycles(monkeypatch):
    """Each by itself: of network 1 both, of network 2 the first."""
    keeping(monkeypatch, 1, 2, 4)
    params = QUICK | {"ensemble_selection": True, "ensemble_size": 3, "snapshots": 2}
    assert MLPClassifier(**params).fit(X, y).ensemble_members_ == [1, 2, 1]


def test_a_plateau_is_one_within_a_cycle():
    """A rate that has risen again raises the loss, which is no plateau.

    No loss falls by 100, so there is a plateau after the first epoch of a cycle and seven more. Then the
    training has half of six epochs left.
    """
    params = QUICK | {"tol": 100.0, "n_iter_no_change": 6}
    assert MLPClassifier(**params, snapshots=1).fit(X, y).n_iter_ == 8 + 3
    model = MLPClassifier(**params, snapshots=2).fit(X, y)
    assert model.n_iter_ == 5 + 8 + 3
    assert model.best_loss_ == min(model.loss_curve_)


@pytest.mark.parametrize("name", [name for name in SCHEDULES if SCHEDULES[name].follows_plan])
@pytest.mark.parametrize(("patience", "max_iter"), [(6, 30), (6, 10), (1, 30), (6, 300)])
def test_after_a_plateau_the_rate_runs_through_what_is_left_of_its_schedule(name, patience, max_iter):
    """It is done in half of the patience, but at least two epochs, and not in more than were planned."""
    params = QUICK | {"tol": 100.0, "n_iter_no_change": patience, "max_iter": max_iter, "snapshots": 1}
    rate = {"learning_rate": name, "learning_rate_init": 0.01}
    model = MLPClassifier(**params, **rate, batch_size=60).fit(X, y)
    plateau = patience + 2
    left = min(max(2, patience // 2), max_iter - plateau)
    last_updates = np.arange(1, left + 1) - 1 / 5  # an epoch of 300 rows has five updates
    done = plateau / max_iter + (1 - plateau / max_iter) * last_updates / left
    most = SCHEDULES[name].rate(Progress(0.01, fraction=plateau / max_iter))
    expected = [
        min(most, SCHEDULES[name].rate(Progress(0.01, fraction=fraction))) for fraction in done.tolist()
    ]
    assert model.n_iter_ == plateau + left
    rates = [record["learning_rate"] for record in model.history_[plateau:]]
    np.testing.assert_allclose(rates, expected, rtol=1e-9)


@pytest.mark.parametrize("name", [name for name in SCHEDULES if SCHEDULES[name].follows_plan])
@pytest.mark.parametrize("max_iter", [20, 300])
def test_after_a_plateau_the_rate_never_rises(name, max_iter):
    """Not even if it came in the rise of "one_cycle", which lasts 30 % of the epochs."""
    params = QUICK | {"tol": 100.0, "n_iter_no_change": 6, "max_iter": max_iter, "snapshots": 1}
    model = MLPClassifier(**params, learning_rate=name, batch_size=10).fit(X, y)
    rates = [record["learning_rate"] for record in model.history_[8:]]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.2 * rates[0]


def test_without_patience_for_plateaus_all_epochs_are_run():
    params = QUICK | {"tol": 100.0, "n_iter_no_change": np.inf, "max_iter": 40}
    assert MLPClassifier(**params).fit(X, y).n_iter_ == 40


def test_a_plateau_within_the_first_cycle_ends_the_training():
    """With one set of networks, as there is no other cycle."""
    params = QUICK | {"tol": 100.0, "n_iter_no_change": 6, "max_iter": 80, "snapshots": 2}
    model = MLPClassifier(**params).fit(X, y)
    assert model.n_iter_ == 8 + 3
    assert model.ensemble_members_ in (None, [0, 1, 2, 3])


@pytest.mark.parametrize("stopped_after", [3, 8, 10])
def test_a_shortened_training_is_resumed(stopped_after, tmp_path):
    params = QUICK | {"tol": 100.0, "n_iter_no_change": 6, "max_iter": 80}
    whole = MLPClassifier(**params).fit(X, y)
    ended = iter(range(stopped_after))
    saving = MLPClassifier(**params, checkpoint=str(tmp_path / "training"))
    with pytest.MonkeyPatch.context() as patch:
        end_epoch = minibatch.end_epoch

        def killed(*args):
            next(ended)
            return end_epoch(*args)

        patch.setattr(minibatch, "end_epoch", killed)
        patch.setattr(checkpointing, "SHARE", 1.0)
        with pytest.raises(StopIteration):
            saving.fit(X, y)
    resumed = saving.fit(X, y)
    assert resumed.n_iter_ == 8 + 3
    assert resumed.loss_curve_ == whole.loss_curve_
    np.testing.assert_array_equal(resumed.coefs_[0], whole.coefs_[0])


@pytest.mark.parametrize("cls", [MLPClassifier, MLPRegressor])
def test_a_training_goes_on_with_all_networks_that_are_kept(cls, monkeypatch):
    keeping(monkeypatch, 0, 1)
    target = y if cls is MLPClassifier else NUMBERS
    model = pickle.loads(pickle.dumps(cls(**QUICK, warm_start=True).fit(X, target)))
    before = model.predict(X)
    model.partial_fit(X, target)
    assert model.coefs_[0].shape[0] == 8
    model.fit(X, target)
    assert model.coefs_[0].shape[0] == 8
    assert model.ensemble_members_ == [0, 1, 2, 3, 0, 1, 2, 3]
    assert np.corrcoef(before, model.predict(X))[0, 1] > 0.9


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_one_row_is_left_out_by_none():
    model = MLPClassifier(**QUICK, temperature_scaling=True, snapshots=2, batchnorm="whiten")
    assert model.fit([[1.0]], ["only"]).temperature_ is None


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("ensemble_size", [1, 4])
@pytest.mark.parametrize("weight", [None, [0.0, 0.0, 1.0]])
def test_the_only_row_with_a_weight_is_left_out_by_no_network(ensemble_size, weight):
    """So each network is trained on it, and the weights are those of a fit that leaves out nothing."""
    X, y = np.array([[1.0], [2.0], [3.0]]), np.array([5.0, 6.0, 7.0])
    X, y = (X, y) if weight else (X[:1], y[:1])
    two, one = (
        MLPRegressor(**QUICK, snapshots=snapshots, ensemble_size=ensemble_size, learning_rate="constant").fit(
            X, y, sample_weight=weight
        )
        for snapshots in (2, 1)
    )
    np.testing.assert_array_equal(two.coefs_[0], one.coefs_[0])
    labels = MLPClassifier(**QUICK, snapshots=2, ensemble_size=ensemble_size).fit([[1.0]], [[1, 0, 1]])
    assert labels.ensemble_members_ is None


def test_among_equal_candidates_the_last_is_kept():
    """A loss that is not a number is as bad as an infinite one."""
    targets = Numbers("squared_error", 1)
    unseen = np.zeros((9, 1))
    for losses, kept in (([1, 1], [1]), ([np.inf, np.inf], [1]), ([np.nan, 2], [1]), ([1, 2], [0])):
        Z = np.array([np.full((9, 1), loss, float) for loss in losses])
        assert select(Z, unseen, None, targets) == kept


@pytest.mark.usefixtures("default_handler")
def test_a_message_names_the_networks_that_an_interrupt_keeps(monkeypatch):
    """In the second cycle, when the rows that were left out choose the networks of the first."""
    keeping(monkeypatch, 0)
    end_epoch = minibatch.end_epoch

    def interrupted(training, *args):
        last = end_epoch(training, *args)
        if training.state.n_iter == 12:
            signal.raise_signal(signal.SIGINT)
        return last

    first = MLPClassifier(**QUICK, snapshots=2).fit(X, y)
    monkeypatch.setattr(minibatch, "end_epoch", interrupted)
    model = MLPClassifier(**QUICK, snapshots=2)
    with pytest.warns(UserWarning, match=r"after 12 epochs; .* that predict unseen rows best"):
        in_a_cell(model.fit, X, y)
    assert model.ensemble_members_ == [0, 1, 2, 3]
    np.testing.assert_array_equal(model.coefs_[0], first.coefs_[0])


def test_very_many_cycles_are_those_that_have_an_epoch():
    ends = [1, 4, 11, 33, 100]
    assert cycle_ends(100, 6) == cycle_ends(100, 1000) == cycle_ends(100, 10**15) == ends
