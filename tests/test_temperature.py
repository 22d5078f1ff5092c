"""Temperature scaling: the rows that networks leave out, the temperature, and the probabilities."""

from copy import copy

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.datasets import load_digits, make_classification
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from sknn6 import MLPClassifier, MLPRegressor
from sknn6.estimators import finishing
from sknn6.training import division
from sknn6.training.calibration import find_temperature
from sknn6.training.data import Data
from sknn6.training.left_out import PARTS, kept_rows, left_out_logits, parts_of_rows
from sknn6.training.targets import Classes, Labels

QUICK = {"hidden_layer_sizes": (16,), "max_iter": 4, "random_state": 0}
X, y = make_classification(400, 8, n_informative=5, n_classes=3, random_state=0)


@pytest.mark.parametrize("T", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("kind", ["softmax", "logistic", "labels"])
def test_the_temperature_of_known_logits_is_found(kind, T):
    """Targets are drawn from the probabilities of Z / T; 20000 of them tell T to a few hundredths."""
    rng = np.random.default_rng(0)
    Z = 3 * T * rng.standard_normal((20000, {"softmax": 4, "logistic": 1, "labels": 3}[kind]))
    if kind == "softmax":
        P, targets = softmax(Z / T, axis=1), Classes(np.arange(4))
        y = (rng.random((len(P), 1)) > P.cumsum(axis=1)).sum(axis=1)
    else:
        targets = Classes(np.arange(2)) if kind == "logistic" else Labels(np.arange(3))
        y = (rng.random(Z.shape) < expit(Z / T)).astype(float)
    assert find_temperature(Z, y, None, targets) == pytest.approx(T, rel=0.06)


def test_the_logits_of_several_networks_are_pooled():
    """Networks that agree are one network."""
    rng = np.random.default_rng(0)
    Z, y = rng.standard_normal((200, 3)), rng.integers(0, 3, 200)
    targets = Classes(np.arange(3))
    found = find_temperature(np.array([Z, Z]), y, None, targets)
    assert found == pytest.approx(find_temperature(Z, y, None, targets), rel=1e-3)


def test_few_rows_do_not_lead_far():
    """Without a prior the temperature of rows that are all right would be 0.

    With z = (10, 0) the cross-entropy of a row is about exp(-10 / T), which falls to 0 for T below 1. So the
    minimum of n exp(-10 / T) + (log T)^2 / (2 * 0.5^2) lies where the prior's slope, 4 log(T), is as large.
    """
    Z, targets = np.array([[10.0, 0.0, 0.0]] * 5), Classes(np.arange(3))
    assert 0.9 < find_temperature(Z, np.zeros(5, int), None, targets) < 1
    assert 1 < find_temperature(Z, np.ones(5, int), None, targets) < 10


def test_a_row_moves_the_temperature_until_the_prior_holds_it():
    """The logit is 2, and the class is the other: the loss is log(1 + e^(2 / T)).

    Its slope in log T is -2 p / T, where p = 1 / (1 + e^(-2 / T)) is the probability of the wrong class. The
    slope of the prior, (log T)^2 / (2 * 0.5^2), is 4 log T.
    """
    T = find_temperature(np.array([[2.0]]), np.zeros((1, 1)), None, Classes(np.arange(2)))
    assert 4 * np.log(T) == pytest.approx(2 / T * expit(2 / T), rel=1e-4)


def test_rows_of_weight_0_do_not_count():
    """Nor does the unit of the weights."""
    rng = np.random.default_rng(0)
    Z, y = rng.standard_normal((300, 3)), rng.integers(0, 3, 300)
    weight, targets = np.repeat([0.0, 7.0], 150), Classes(np.arange(3))
    found = find_temperature(Z, y, weight, targets)
    assert found == pytest.approx(find_temperature(Z[150:], y[150:], None, targets), rel=1e-3)


@pytest.mark.parametrize("unit", [1e-300, 1e-163, 1e155, 1e300])
def test_the_unit_of_the_weights_does_not_count(unit):
    rng = np.random.default_rng(0)
    Z, y, targets = 5 * rng.standard_normal((300, 3)), rng.integers(0, 3, 300), Classes(np.arange(3))
    weight = rng.random(300)
    found = find_temperature(Z, y, unit * weight, targets)
    assert found == pytest.approx(find_temperature(Z, y, weight, targets), rel=1e-3)
    assert found > 2


@pytest.mark.parametrize("members", [1, 4, 30])
def test_each_network_leaves_out_a_twentieth_of_each_class(members):
    strata = np.repeat([0, 1, 2], [200, 100, 40])
    kept = kept_rows(parts_of_rows(340, None, strata, seed=0), members)
    for k in range(members):
        np.testing.assert_array_equal(np.bincount(strata[~kept[:, k]]), [10, 5, 2])
    assert (~kept).sum(axis=1).max() == -(-members // PARTS)


def test_no_network_misses_a_class_or_leaves_out_rows_of_weight_0():
    strata = np.repeat([0, 1, 2, 3], [50, 1, 2, 3])
    weight = np.ones(56)
    weight[[0, 53, 54]] = 0  # one row of class 3 has weight
    part = parts_of_rows(56, weight, strata, seed=0)
    assert (part[weight == 0] == -1).all()
    assert part[50] == part[55] == -1
    kept = kept_rows(part, 20) & (weight > 0)[:, None]
    for members_rows in kept.T:
        assert set(strata[members_rows]) == {0, 1, 2, 3}


def test_logits_come_from_the_network_that_left_the_row_out():
    class Network:
        """Its logits are 100 times the number of the network, plus the row."""

        def predict_in_blocks(self, X, finish):
            return finish(100.0 * np.arange(3)[:, None, None] + X[:])

        members = 3

    part = np.array([-1, 0, 5, -1, 1, 2])
    X = np.arange(6)[:, None]
    Z, rows = left_out_logits(Network(), Data(X, 10 * X, X, None, None), part)
    np.testing.assert_array_equal(Z[:, 0], [1, 104, 205])
    np.testing.assert_array_equal(rows.y[:, 0], [10, 40, 50])


def test_a_network_does_not_learn_the_rows_that_it_leaves_out(monkeypatch):
    """With another target of one row, the networks that learn the row end elsewhere, one does not."""
    part = parts_of_rows(400, None, None, seed=0)
    monkeypatch.setattr(division, "parts_of_rows", lambda *_: part)
    other = y.copy()
    row = np.flatnonzero(part == 2)[0]
    other[row] = (y[row] + 1) % 3
    first, second = (MLPClassifier(**QUICK).fit(X, targets).coefs_[0] for targets in (y, other))
    assert [np.array_equal(*pair) for pair in zip(first, second, strict=True)] == [False, False, True, False]


def test_the_last_layer_is_divided_by_the_temperature():
    """With rows held out for early stopping, the training is the same without the temperature."""
    params = QUICK | {"early_stopping": True}
    without = MLPClassifier(**params, temperature_scaling=False).fit(X, y)
    model = MLPClassifier(**params, temperature_scaling=True).fit(X, y)
    assert without.temperature_ is None
    assert model.oob_score_ is None
    assert model.temperature_ != pytest.approx(1, abs=1e-3)
    np.testing.assert_array_equal(model.coefs_[0], without.coefs_[0])
    for last, before in (
        (model.coefs_[-1], without.coefs_[-1]),
        (model.intercepts_[-1], without.intercepts_[-1]),
    ):
        np.testing.assert_allclose(last * model.temperature_, before, rtol=1e-5, atol=1e-7)


def test_the_lead_over_averaged_weights_is_divided_too(monkeypatch):
    """From it `partial_fit` goes on. The lead of all but the last layer stays."""
    models = []
    for temperature in (1.0, 2.0):
        monkeypatch.setattr(finishing, "find_temperature", lambda *_, T=temperature: T)
        models.append(MLPClassifier(**QUICK | {"ema_decay": 0.9, "snapshots": 1}).fit(X, y))
    before, lead = (model._optimizer_state["lead"] for model in models)
    changed = lead != before
    assert 0 < changed.sum() <= models[0].coefs_[-1].size + models[0].intercepts_[-1].size
    np.testing.assert_allclose(2 * lead[changed], before[changed], rtol=1e-6)


@pytest.mark.parametrize("shape", ["noisy", "easy", "two classes", "labels"])
def test_probabilities_of_new_rows_are_nearer_to_the_truth(shape):
    """Noise makes networks too sure, label smoothing makes them not sure enough: log-loss falls in both."""
    if shape == "easy":
        X, y = load_digits(return_X_y=True)
    else:
        classes = 2 if shape == "two classes" else 3
        noise = {"n_redundant": 0, "flip_y": 0.3, "random_state": 0}
        X, y = make_classification(2600, 40, n_informative=4, n_classes=classes, **noise)
    X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=600, stratify=y, random_state=0)
    if shape == "labels":
        y_train = np.eye(3, dtype=int)[y_train]
    losses = []
    for scaled in (True, False):
        P = (
            MLPClassifier(temperature_scaling=scaled, snapshots=1, random_state=0)
            .fit(X_train, y_train)
            .predict_proba(X_test)
        )
        losses.append(log_loss(y_test, P / P.sum(axis=1, keepdims=True)))
    assert losses[0] < 0.95 * losses[1]


def test_the_score_of_rows_left_out_is_that_of_new_rows():
    """80 rows are predicted; three standard deviations of their share are 3 sqrt(1/4 / 80), those of the
    difference to 2000 other rows next to nothing more."""
    X, y = make_classification(2400, 10, n_informative=6, n_classes=3, flip_y=0.2, random_state=0)
    model = MLPClassifier(random_state=0).fit(X[:400], y[:400])
    assert abs(model.oob_score_ - model.score(X[400:], y[400:])) < 0.17
    assert model.score(X[:400], y[:400]) > model.oob_score_ + 0.05


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("params", "rows", "scales"),
    [
        ({}, 100, True),
        ({}, 99, False),
        ({"temperature_scaling": True}, 60, True),
        ({"ensemble_size": 1}, 400, False),
        ({"ensemble_size": 1, "temperature_scaling": True}, 400, True),
        ({"ensemble_size": 1, "early_stopping": True}, 400, True),
        ({"temperature_scaling": False}, 400, False),
        ({"recipe": "plain"}, 400, False),
        ({"solver": "lbfgs", "temperature_scaling": True}, 400, False),
    ],
    ids=str,
)
def test_when_there_is_a_temperature(params, rows, scales):
    model = MLPClassifier(**QUICK | params).fit(X[:rows], y[:rows])
    assert (model.temperature_ is not None) == scales
    held_out = model.get_params()["early_stopping"]
    assert (model.oob_score_ is not None) == (scales and not held_out)


@pytest.mark.parametrize("way", ["layers", "compiled"])
@pytest.mark.parametrize("members", [1, 4])
def test_rows_may_have_weights(members, way):
    """With "auto", rows without any do not count among the hundred."""
    params = QUICK | {"ensemble_size": members, "temperature_scaling": True}
    params |= {"gradient_accumulation_steps": 2} if way == "layers" else {}
    weight = np.random.default_rng(0).random(400)
    model = MLPClassifier(**params).fit(X, y, weight)
    assert 0.1 < model.temperature_ < 10
    weight[10:] = 0
    model = MLPClassifier(**params | {"temperature_scaling": "auto"}).fit(X, y, weight)
    assert model.temperature_ is model.oob_score_ is None


def test_partial_fit_leaves_out_no_rows():
    model = MLPClassifier(**QUICK).partial_fit(X, y, classes=[0, 1, 2])
    assert model.temperature_ is None
    assert not hasattr(MLPRegressor(**QUICK).fit(X, y), "temperature_")


@pytest.mark.parametrize("params", [{}, {"early_stopping": True}, {"ensemble_selection": True}], ids=str)
def test_a_training_that_goes_on_learns_no_temperature(params):
    """It may have learned the rows before, on which it would be far too sure."""
    model = MLPClassifier(**QUICK | params, warm_start=True).fit(X[:300], y[:300])
    before = model.temperature_, model.oob_score_
    assert before[0] is not None
    one = MLPClassifier(**QUICK | params, warm_start=True, temperature_scaling=False)
    vars(one).update({name: value for name, value in vars(copy(model)).items() if name.endswith("_")})
    vars(one).update({name: value for name, value in vars(copy(model)).items() if name.startswith("_")})
    for each in (model, one):
        each.fit(X, y)
    np.testing.assert_array_equal(model.coefs_[-1], one.coefs_[-1])
    assert (model.temperature_, model.oob_score_) == before
    if not params.get("early_stopping"):
        assert (model.partial_fit(X, y).temperature_, model.oob_score_) == before


def test_the_weights_of_classes_do_not_count():
    """The score is a share of the 160 rows left out; weights of .6 and 5 would make it no such share."""
    X, y = make_classification(800, 8, n_informative=5, weights=[0.9], flip_y=0.1, random_state=0)
    model = MLPClassifier(**QUICK, class_weight="balanced").fit(X, y)
    right = 160 * model.oob_score_
    assert right == pytest.approx(round(right), abs=1e-9)
    assert 0 < right < 160
