"""Ensemble selection: which networks are kept, and what goes on with them."""

import pickle

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV

from sknn6 import BayesSearchCV, MLPClassifier, MLPRegressor
from sknn6._sklearn_compat import InvalidParameterError
from sknn6.estimators import finishing, preparation
from sknn6.training import data
from sknn6.training.selection import select

QUICK = {"hidden_layer_sizes": (16,), "max_iter": 5, "random_state": 0}
X, y = make_classification(600, 10, n_informative=6, random_state=0)


class Squares:
    """Targets whose loss is the mean square of the pooled logits, pooled by their mean."""

    def pool(self, Z):
        return Z if Z.ndim == 2 else Z.mean(axis=0)

    def plain_loss(self, Z, y, weight):
        return float(np.mean((Z - y) ** 2)), None


@pytest.mark.parametrize(
    ("errors", "kept"),
    [
        ([[3, 3], [1, 1], [2, 2]], [1]),  # the best alone
        ([[1, 0], [2, -1], [0, 1]], [0, 2]),  # means (0.5, 0.5) of the two best; the third makes them worse
        ([[2, -2], [-2, 2], [9, 9]], [0, 1]),  # errors that cancel
        ([[1, 1], [1, 1], [1, 1]], [2]),  # no better together, and the last is as good as any
    ],
)
def test_the_members_that_together_have_the_least_loss_are_kept(errors, kept):
    Z = np.array(errors, float)[:, :, None]
    assert select(Z, np.zeros((2, 1)), None, Squares()) == kept


def test_a_member_that_cannot_have_learned_is_left_out():
    """A decay of 50 a unit of the rate leaves weights of next to nothing, and even odds."""
    model = MLPClassifier(
        **QUICK | {"max_iter": 30}, ensemble_size=3, weight_decay=[0.1, 50, 0.1], ensemble_selection=True
    ).fit(X, y)
    assert 1 not in model.ensemble_members_
    assert len(model.ensemble_members_) == (len(model.coefs_[0]) if model.coefs_[0].ndim == 3 else 1)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X), model.predict_proba(X))


def test_without_selection_all_members_count():
    model = MLPClassifier(**QUICK, ensemble_size=3).fit(X, y)
    assert model.ensemble_members_ is None
    assert model.coefs_[0].shape == (3, 10, 16)


def test_a_training_goes_on_with_the_members_that_are_left():
    model = MLPClassifier(
        **QUICK, ensemble_size=3, weight_decay=[0.1, 50, 0.1], ensemble_selection=True, warm_start=True
    ).fit(X, y)
    kept, shape = model.ensemble_members_, model.coefs_[0].shape
    model.partial_fit(X, y)
    assert model.coefs_[0].shape == shape
    model.fit(X, y)
    assert set(model.ensemble_members_) <= set(kept)


def test_each_member_decays_at_its_own_rate():
    """With a loss that is flat in W, SGD multiplies it by 1 - rate decay an update."""
    params = {"hidden_layer_sizes": (), "ensemble_size": 2, "solver": "sgd", "learning_rate": "cosine",
              "learning_rate_init": 0.1, "momentum": 0, "alpha": 0, "max_iter": 1, "batch_size": 100,
              "random_state": 0, "dtype": "float64"}  # fmt: skip
    rows, classes = np.zeros((100, 3)), np.arange(100) % 2
    one = MLPClassifier(**params, weight_decay=[1.0, 1.0]).fit(rows, classes).coefs_[0]
    other = MLPClassifier(**params, weight_decay=[0.5, 2.0]).fit(rows, classes).coefs_[0]
    np.testing.assert_allclose(other[0], 0.95 / 0.9 * one[0], rtol=1e-12)
    np.testing.assert_allclose(other[1], 0.80 / 0.9 * one[1], rtol=1e-12)


def test_a_training_that_goes_on_needs_the_members_that_were_kept():
    model = MLPClassifier(**QUICK, ensemble_size=2, warm_start=True).fit(X, y)
    model.ensemble_members_ = [1]
    with pytest.raises(ValueError, match=r"ensemble_size must be at least 2 .* networks \[1\], .* got 1"):
        model.set_params(ensemble_size=1).fit(X, y)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("decay", [[0.1], [0.1, -1.0], [0.1, np.nan], [[0.1, 0.2]]])
def test_a_sequence_of_decays_has_one_number_for_each_network(decay, solver):
    model = MLPClassifier(**QUICK, solver=solver, ensemble_size=2, weight_decay=decay)
    with pytest.raises(InvalidParameterError, match=r"weight_decay, as a sequence, .* ensemble_size=2, got"):
        model.fit(X, y)


def test_a_search_may_bring_a_sequence_of_decays_and_a_number_of_networks_together():
    """The estimator's own values, which do not go together, are not trained."""
    model = MLPClassifier(**QUICK, weight_decay=[0.1, 0.2])
    found = GridSearchCV(model, {"ensemble_size": [2]}, cv=2).fit(X[:100], y[:100])
    assert found.best_params_ == {"ensemble_size": 2}
    search = BayesSearchCV(model, {"ensemble_size": [2], "alpha": [0.1, 0.2]}, n_iter=2, cv=2, random_state=0)
    assert search.fit(X[:100], y[:100]).best_params_["ensemble_size"] == 2


def test_networks_are_chosen_for_every_kind_of_target():
    rows = np.random.default_rng(0).normal(size=(5000, 2))
    number = MLPRegressor(hidden_layer_sizes=16, max_iter=2, random_state=0).fit(rows, rows[:, 0])
    labels = MLPClassifier(**QUICK).fit(rows, (rows > 0).astype(int))
    many_classes = MLPClassifier(**QUICK).fit(rows, np.arange(5000) // 5)
    assert all(model.ensemble_members_ for model in (number, labels, many_classes))


def test_a_class_of_one_row_is_no_reason_to_refuse_many_rows():
    rows = np.random.default_rng(0).normal(size=(5000, 2))
    classes = np.zeros(5000, int)
    classes[7] = 1
    model = MLPClassifier(**QUICK, ensemble_size=2, weight_decay=0.1).fit(rows, classes)
    assert model.ensemble_members_ is None
    few = MLPClassifier(**QUICK, ensemble_size=2, weight_decay=0.1, validation_fraction=0.0)
    assert few.fit(rows, np.arange(5000) % 2).ensemble_members_ is None
    with pytest.raises(ValueError, match="least populated class"):
        MLPClassifier(**QUICK, ensemble_size=2, weight_decay=0.1, ensemble_selection=True).fit(rows, classes)


@pytest.mark.filterwarnings("ignore:lbfgs")
def test_held_out_rows_choose_whatever_the_solver(monkeypatch):
    """No member is trained on them, with L-BFGS neither."""
    seen = {}

    def make_batches(*args):
        seen["batches"] = data.make_batches(*args)
        return seen["batches"]

    def unseen_rows(training, *_):
        seen["held out"] = training.division.held_out.X[:]
        return finishing.Unseen(np.zeros((3, 1, 1)), np.zeros((1, 1)), None)

    monkeypatch.setattr(preparation, "make_batches", make_batches)
    monkeypatch.setattr(finishing, "unseen_rows", unseen_rows)
    params = {"ensemble_size": 3, "ensemble_selection": True, "max_iter": 3, "random_state": 0}
    MLPClassifier(4, solver="lbfgs", **params).fit(X, y)
    learned, chosen_by = seen["batches"].X, seen["held out"]
    assert len(learned) + len(chosen_by) == len(X)
    assert len(np.unique(np.vstack([learned, chosen_by]), axis=0)) == len(X)


def test_rows_without_weight_are_no_reason_to_refuse_many_rows():
    """No rows are held out by default if those that are left might all have weight 0."""
    rows, weight = np.random.default_rng(0).normal(size=(5000, 2)), np.zeros(5000)
    weight[7] = 1
    for seed in range(15):
        model = MLPRegressor(hidden_layer_sizes=2, max_iter=1, random_state=seed)
        assert model.fit(rows, rows[:, 0], sample_weight=weight).ensemble_members_ is None
