"""Embeddings of numbers: knots, positions, and what a network with them keeps."""

import pickle
from itertools import pairwise

import numpy as np
import pytest
from scipy import sparse

from sknn6 import MLPClassifier, MLPRegressor
from sknn6.nn.piecewise import MOST_BINS, ROWS_PER_BIN, STEEPEST, WIDTH, Piecewise, find_knots, knots_of

RNG = np.random.default_rng(0)
QUICK = {"hidden_layer_sizes": (16,), "max_iter": 5, "random_state": 0, "numeric_embedding": "piecewise"}


def placed(X, knots, weight=None):
    """Return a layer with its bins between the knots, one column of them a feature."""
    layer = Piecewise((np.isfinite(knots).sum(axis=0) - 1).clip(0).tolist())
    for name, shape in layer.statistics.items():
        setattr(layer, name, np.zeros(shape))
    layer.place(knots, X, weight)
    return layer


def test_knots_are_quantiles():
    x = RNG.normal(size=1000)
    values, counts = np.unique(x, return_counts=True)
    assert knots_of(values, counts, 4) == pytest.approx(
        np.quantile(x, [0, 0.25, 0.5, 0.75, 1], method="nearest")
    )


def test_a_value_that_is_had_often_is_an_interval_apart():
    """As most capital gains are 0: the quantiles of all rows would all be 0, and one step be left."""
    positive = np.sort(RNG.uniform(1, 2, 100))
    x = np.concatenate([np.zeros(900), positive])
    knots = knots_of(*np.unique(x, return_counts=True), 5)
    assert knots[:2].tolist() == [0.0, positive[0]]
    assert len(knots) == 6
    np.testing.assert_allclose(np.diff(np.searchsorted(positive, knots[1:])), 24.75, atol=1)


def test_a_frequent_value_and_its_neighbours_are_knots():
    values, counts = np.arange(100.0), np.ones(100)
    counts[50] = 500
    assert {49, 50, 51} <= set(knots_of(values, counts, 5))


@pytest.mark.parametrize(("frequent", "neighbour"), [(0, 1), (99, 98)])
def test_a_frequent_value_at_an_end_has_one_neighbour(frequent, neighbour):
    values, counts = np.arange(100.0), np.ones(100)
    counts[frequent] = 500
    knots = knots_of(values, counts, 5)
    assert {frequent, neighbour} <= set(knots)
    assert (knots[0], knots[-1]) == (0, 99)


@pytest.mark.parametrize("values", [[3.0], [0.0, 1.0]])
def test_a_feature_of_up_to_two_values_stays_as_it_is(values):
    assert knots_of(np.array(values), np.ones(len(values)), 8).size == 0


def test_few_values_are_all_knots():
    assert knots_of(np.array([1.0, 5.0, 6.0]), np.array([90, 5, 5]), 8).tolist() == [1, 5, 6]


@pytest.mark.parametrize(("n_features", "bins"), [(1, MOST_BINS), (16, WIDTH // 16), (85, 3)])
def test_the_features_share_the_width(n_features, bins):
    knots = find_knots(RNG.normal(size=(500, n_features)))
    assert knots.shape == (bins + 1, n_features)


def test_many_features_or_few_rows_have_no_embedding():
    assert find_knots(RNG.normal(size=(500, WIDTH // 3 + 1))) is None
    assert find_knots(RNG.normal(size=(29, 2))) is None
    assert find_knots(RNG.normal(size=(30, 2))).shape == (4, 2)
    assert find_knots(RNG.integers(0, 2, (50, 4)).astype(float)) is None
    assert find_knots(RNG.integers(0, 3, (50, 4)).astype(float)).shape == (3, 4)


def test_the_chunks_of_a_stream_have_no_embedding_unless_it_is_asked_for():
    """The knots would be those of the first call, which may have one row."""
    X = RNG.normal(size=(100, 2))
    model = MLPRegressor(hidden_layer_sizes=16, random_state=0)
    assert model.partial_fit(X, X[:, 0]).coefs_[0].shape == (4, 2, 16)
    assert model.fit(X, X[:, 0]).coefs_[0].shape == (4, 2 * 11, 16)
    asked = MLPRegressor(hidden_layer_sizes=16, random_state=0, numeric_embedding="piecewise").partial_fit(
        X, X[:, 0]
    )
    assert asked.coefs_[0].shape == (4, 2 * 11, 16)


def test_the_columns_are_the_standardised_positions():
    """(x - a) / (b - a), held to [0, 1]; standardised, but never steeper than 3 deviations."""
    X = np.concatenate([RNG.uniform(0, 3, 400), np.full(3, 3.9)])[:, None]
    ends = np.array([0.0, 1.0, 3.0, 4.0])
    Z = placed(X, ends[:, None]).predict(X)
    positions = np.stack([np.clip((X[:, 0] - a) / (b - a), 0, 1) for a, b in pairwise(ends)], 1)
    deviation = np.maximum(positions.std(axis=0), 1 / STEEPEST)
    np.testing.assert_array_equal(Z[:, :1], X)
    np.testing.assert_allclose(Z[:, 1:], (positions - positions.mean(axis=0)) / deviation, atol=1e-12)
    assert deviation[2] == 1 / STEEPEST


def test_weights_are_repetitions():
    X, knots = RNG.normal(size=(50, 2)), np.array([[-1.0, -1.0], [0.0, 0.5], [1.0, np.nan]])
    weight = RNG.integers(0, 4, 50)
    one, other = placed(X, knots, weight), placed(np.repeat(X, weight, axis=0), knots)
    np.testing.assert_allclose(one.predict(X), other.predict(X), atol=1e-12)


def test_a_linear_model_learns_a_step():
    """A line through the step sign x over -1 to 1 has an R² of 3/4; with the positions it is the step."""
    X = np.linspace(-1, 1, 2000)[:, None]
    y = np.sign(X[:, 0])
    params = QUICK | {"hidden_layer_sizes": (), "max_iter": 60, "input_scaling": False}
    plain = MLPRegressor(**params | {"numeric_embedding": None}).fit(X, y)
    assert plain.score(X, y) < 0.751
    assert MLPRegressor(**params).fit(X, y).score(X, y) > 0.95


def test_models_are_saved_with_their_bins():
    X = RNG.normal(size=(200, 3))
    y = (X[:, 0] > 0.3).astype(int)
    model = MLPClassifier(**QUICK).fit(X, y)
    assert model.coefs_[0].shape == (4, 3 * (200 // ROWS_PER_BIN + 1), 16)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_the_importance_of_a_feature_is_that_of_all_its_columns():
    X = np.column_stack([RNG.normal(size=500), RNG.integers(0, 2, 500), RNG.normal(size=500)])
    y = (X[:, 0] > 0.3).astype(int)
    model = MLPClassifier(**QUICK | {"ensemble_size": 1, "max_iter": 30}).fit(X, y)
    bins = model._structure["bins"]
    assert bins[1] == 0
    W = 6 * model.layer_state_["dense_0.u"][:, None] * model.coefs_[0]
    of_feature = np.split(W, np.cumsum(np.array(bins) + 1)[:-1])
    norms = np.array([np.linalg.norm(part) for part in of_feature])
    np.testing.assert_allclose(model.feature_importances_, norms / norms.sum(), rtol=1e-6)
    assert model.feature_importances_.argmax() == 0


def test_sparse_rows_are_refused_where_an_embedding_is_asked_for():
    X, y = sparse.csr_array(RNG.integers(0, 3, (60, 4)).astype(float)), np.arange(60) % 2
    with pytest.raises(ValueError, match=r"numeric_embedding='piecewise' needs dense X, got a sparse one"):
        MLPClassifier(**QUICK).fit(X, y)


@pytest.mark.filterwarnings("ignore:The loss rose")
def test_a_training_that_goes_on_keeps_its_embedding():
    X = RNG.normal(size=(200, 3))
    y = (X[:, 0] > 0.3).astype(int)
    model = MLPClassifier(**QUICK, warm_start=True).fit(X, y)
    shape = model.coefs_[0].shape
    model.partial_fit(5 * X, y)
    assert model.fit(X[:50], y[:50]).coefs_[0].shape == shape
    with pytest.raises(ValueError, match=r"needs the numeric_embedding .* 'piecewise', got None"):
        model.set_params(numeric_embedding=None).fit(X, y)


def test_l_bfgs_trains_with_an_embedding():
    X = RNG.uniform(-1, 1, (300, 2))
    y = np.sign(X[:, 0])
    model = MLPRegressor(solver="lbfgs", hidden_layer_sizes=(), numeric_embedding="piecewise").fit(X, y)
    assert model.score(X, y) > 0.95


def test_a_weight_of_2_makes_the_knots_that_two_rows_make():
    rng = np.random.default_rng(0)
    X = np.hstack([rng.standard_normal((90, 2)), rng.poisson(2, (90, 1))])
    weight = rng.integers(0, 4, 90)
    np.testing.assert_array_equal(
        find_knots(X[weight > 0], weight[weight > 0].astype(float)), find_knots(np.repeat(X, weight, axis=0))
    )


def test_weights_that_sum_to_one_are_shares_of_the_rows():
    X = np.random.default_rng(0).standard_normal((300, 2))
    np.testing.assert_array_equal(find_knots(X, np.full(300, 1 / 300)), find_knots(X))
