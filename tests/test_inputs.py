"""The scaling of the input: standardised, bent, whatever form the data have."""

import copy
import pickle

import numpy as np
import pytest
from networks import perceptron
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.model_selection import cross_val_score
from sklearn.preprocessing import StandardScaler

from sknn6 import MLPClassifier
from sknn6.nn.inputs import InputScaling
from sknn6.training.scaling import ENOUGH_ROWS, Moments

X, y = load_iris(return_X_y=True)


def fitted(X, y=y, **params):
    return MLPClassifier(16, **{"max_iter": 30, "random_state": 0} | params).fit(X, y)


def test_rows_are_standardised_and_bent():
    """z / sqrt(1 + (z / 3)^2): within 3, of slope 1 at 0, and 3 / sqrt(2) where z is 3."""
    scaling = InputScaling(X.mean(axis=0), X.std(axis=0))
    Z = StandardScaler().fit_transform(X)
    np.testing.assert_allclose(scaling(X.copy(), np.float64), Z / np.sqrt(1 + (Z / 3) ** 2), rtol=1e-12)
    one = InputScaling(np.zeros(1), np.ones(1))
    bent = one(np.array([[1e-6], [3.0], [1e6], [-1e6]]), np.float64)
    np.testing.assert_allclose(bent[:, 0], [1e-6, 3 / np.sqrt(2), 3, -3], rtol=1e-9)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize(("dtype", "to"), [(np.float32,) * 2, (np.float64, np.float32), (np.float64,) * 2])
def test_a_far_outlier_is_bent_to_the_end_and_not_to_the_mean(container, dtype, to):
    """The squares of 1e20 and of 1e154 are beyond the range of float32 and of float64."""
    far = np.array([1e6, 1e10, 1e20, np.finfo(dtype).max / 2, np.finfo(dtype).max], dtype)
    scaling = InputScaling(np.zeros(2, dtype), np.array([0.5, 3.0], dtype))
    bent = scaling(container(np.column_stack([far, -far])), np.dtype(to))
    bent = bent.toarray() if sparse.issparse(bent) else bent
    assert bent.dtype == to
    np.testing.assert_allclose(bent, np.outer(np.ones(5), [3, -3]), rtol=1e-6)


def test_a_far_outlier_is_no_mean_row_to_a_network():
    """Rows from 1e6 on are bent to the same end, so they get the same probabilities."""
    model = fitted(X)
    far = [model.predict_proba(X[:1] + np.array([0, 0, distance, 0])) for distance in (1e12, 1e154, 1.7e308)]
    np.testing.assert_allclose(far, far[:1] * 3, atol=1e-6)
    assert np.abs(far[0] - model.predict_proba(X.mean(axis=0)[None])).max() > 0.1


@pytest.mark.parametrize("centred", [False, True])
def test_sparse_rows_are_the_same_rows(centred):
    mean = X.mean(axis=0) if centred else np.zeros(4)
    scaling = InputScaling(mean, X.std(axis=0))
    rows = scaling(sparse.csr_array(X), np.float64)
    assert sparse.issparse(rows) is not centred
    rows = rows.toarray() if sparse.issparse(rows) else rows
    np.testing.assert_allclose(rows, scaling(X.copy(), np.float64), rtol=1e-12)


def test_what_is_subtracted_is_not_lost_in_float32():
    """Columns of 1e6 that differ by 1e-2 are told apart, though float32 has steps of 0.06 there."""
    column = 1e6 + np.linspace(0, 0.02, 150)[:, None]
    scaling = InputScaling(column.mean(axis=0), column.std(axis=0))
    assert len(np.unique(scaling(column.copy(), np.float32))) == 150


def test_the_fit_learns_the_mean_and_the_deviation_of_its_rows():
    weight = np.random.default_rng(0).random(150)
    state = fitted(X, max_iter=30).layer_state_
    np.testing.assert_allclose(state["input.mean"], X.mean(axis=0))
    np.testing.assert_allclose(state["input.scale"], X.std(axis=0))
    weighted = MLPClassifier(16, random_state=0).fit(X, y, sample_weight=weight).layer_state_
    np.testing.assert_allclose(weighted["input.mean"], np.average(X, axis=0, weights=weight))


@pytest.mark.filterwarnings("ignore:.*the training hasn't converged yet")
@pytest.mark.parametrize("weight", [1e-9, 1e9, 1e15])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_the_size_of_equal_weights_does_not_matter(weight, container):
    """A column whose deviation is 1e-5 of its mean is not constant, however often its rows count."""
    far = X * [1, 1, 1, 1e-4] + [0, 0, 0, 10]
    model = MLPClassifier(4, max_iter=1, input_scaling=True, random_state=0)
    model.fit(container(far), y, sample_weight=np.full(150, weight))
    np.testing.assert_allclose(model.layer_state_["input.scale"], far.std(axis=0), rtol=1e-6)


@pytest.mark.filterwarnings("ignore:.*the training hasn't converged yet")
def test_rows_without_weight_are_no_part_of_a_column():
    """One that is constant but for them is constant, at its value."""
    column = np.where(np.arange(150) < 50, 9.0, 0.1)
    model = MLPClassifier(4, max_iter=1, input_scaling=True, random_state=0)
    model.fit(np.column_stack([X, column]), y, sample_weight=np.arange(150) >= 50)
    assert (model.layer_state_["input.mean"][-1], model.layer_state_["input.scale"][-1]) == (0.1, 1)


@pytest.mark.filterwarnings("ignore:.*the training hasn't converged yet")
def test_blocks_of_rows_have_the_moments_of_all(monkeypatch):
    monkeypatch.setattr("sknn6.training.scaling.BLOCK", 4 * 17)
    weight = np.random.default_rng(0).random(150) * (np.arange(150) > 40)
    state = fitted(X, max_iter=1).layer_state_
    np.testing.assert_allclose(state["input.scale"], X.std(axis=0))
    state = MLPClassifier(4, max_iter=1, random_state=0).fit(X, y, sample_weight=weight).layer_state_
    mean = np.average(X, axis=0, weights=weight)
    np.testing.assert_allclose(state["input.mean"], mean)
    np.testing.assert_allclose(state["input.scale"] ** 2, np.average((X - mean) ** 2, axis=0, weights=weight))


@pytest.mark.filterwarnings("ignore:.*the training hasn't converged yet")
@pytest.mark.parametrize("unit", [1e-200, 1e200, 1e305])
def test_columns_of_any_size_are_scaled(unit):
    """In float64; their squares are beyond its range."""
    sized = X * [unit, 1, 1, 1]
    model = fitted(sized, max_iter=2, dtype="float64")
    np.testing.assert_allclose(model.layer_state_["input.scale"] / [unit, 1, 1, 1], X.std(axis=0))
    plain = fitted(X, max_iter=2, dtype="float64")
    np.testing.assert_allclose(model.predict_proba(sized), plain.predict_proba(X), rtol=1e-9)


def test_rows_held_out_are_not_looked_at():
    model = fitted(X, early_stopping=True)
    assert not np.allclose(model.layer_state_["input.mean"], X.mean(axis=0))
    assert np.allclose(model.layer_state_["input.mean"], X.mean(axis=0), atol=0.2)


def test_the_users_data_stay_as_they_are():
    ours = X.copy()
    model = fitted(ours)
    model.predict(ours)
    model.partial_fit(ours, y)
    np.testing.assert_array_equal(ours, X)
    rows = sparse.csr_matrix(X)
    fitted(rows).predict(rows)
    np.testing.assert_array_equal(rows.toarray(), X)


def test_scale_and_origin_of_a_feature_make_no_difference():
    """Columns of 1e6 beside 1e-3, far from 0: the same probabilities as of the plain columns."""
    moved = X * [1e6, 1e-3, 1.0, 7.0] + [1e7, 5.0, -100.0, 0.0]
    np.testing.assert_allclose(fitted(moved).predict_proba(moved), fitted(X).predict_proba(X), atol=1e-3)
    assert fitted(moved).score(moved, y) > 0.9


def test_constant_columns_stay_out_of_it():
    constant = np.hstack([X, np.full((150, 1), 1e9), np.zeros((150, 1))])
    model = fitted(constant)
    assert model.score(constant, y) > 0.9
    other = constant + np.array([0, 0, 0, 0, 1.0, 1e-3])
    assert model.score(other, y) > 0.9


def in_parts(parts, X=X, y=y, **params):
    model = MLPClassifier(16, random_state=0, **params)
    for part in parts:
        model.partial_fit(X[part], y[part], classes=np.unique(y))
    return model


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("sizes", [[1, 1, 148], [50, 50, 50], [2, 140, 8]])
def test_chunks_are_scaled_as_all_their_rows_together(sizes, kind):
    """Mean and deviation of all rows so far, whatever the chunks; the first may be a single row."""
    ends = np.cumsum(sizes)
    parts = [np.arange(end - size, end) for size, end in zip(sizes, ends, strict=True)]
    state = in_parts(parts, kind(X)).layer_state_
    expected = fitted(kind(X)).layer_state_
    for name in ("input.mean", "input.scale"):
        np.testing.assert_allclose(state[name], expected[name], rtol=1e-6)


def test_weights_count_in_chunks_as_they_do_together():
    weight = np.random.default_rng(0).random(150)
    model = MLPClassifier(16, random_state=0)
    for part in np.split(np.arange(150), 3):
        model.partial_fit(X[part], y[part], weight[part], classes=[0, 1, 2])
    mean = np.average(X, axis=0, weights=weight)
    np.testing.assert_allclose(model.layer_state_["input.mean"], mean)
    scale = np.sqrt(np.average((X - mean) ** 2, axis=0, weights=weight))
    np.testing.assert_allclose(model.layer_state_["input.scale"], scale)


def test_after_enough_rows_the_scaling_of_a_column_that_varies_stays():
    rows = np.random.default_rng(0).standard_normal((ENOUGH_ROWS, 3))
    rows[:, 2] = 7.0
    labels = (rows[:, 0] > 0).astype(int)
    model = MLPClassifier(4, random_state=0).partial_fit(rows, labels, classes=[0, 1])
    moved = rows + np.array([1, 1, 0])
    model.partial_fit(moved, labels)
    later = rows + np.array([0, 0, 1])
    state = model.partial_fit(later, labels).layer_state_
    np.testing.assert_allclose(state["input.mean"][:2], rows[:, :2].mean(axis=0))
    seen = np.concatenate([rows, moved, later])[:, 2]
    np.testing.assert_allclose(state["input.mean"][2], 7 + 1 / 3)
    np.testing.assert_allclose(state["input.scale"][2], seen.std())
    model.partial_fit(later + 5, labels)
    np.testing.assert_array_equal(model.layer_state_["input.mean"], state["input.mean"])


STILL = {"learning_rate_init": 1e-12, "weight_decay": 0.0, "dtype": "float64"}


@pytest.mark.parametrize(
    "params", [{}, {"ensemble_size": 1}, {"input_scaling": True}, {"activation": "maxout"}]
)
def test_a_new_scaling_keeps_what_the_network_computes(params):
    """Exactly where a column was constant; in others within the bends, and exactly at mean and deviation."""
    constant = X.copy()
    constant[:, 1] = 3e4
    model = fitted(constant, warm_start=True, **params)
    before = model.predict_proba(constant)
    varying = constant.copy()
    varying[:, 1] += 1e4 * np.random.default_rng(0).standard_normal(150)
    model.set_params(**STILL).partial_fit(varying, y)
    assert model.layer_state_["input.scale"][1] > 1e3
    np.testing.assert_allclose(model.predict_proba(constant), before, atol=1e-5)

    model = fitted(X[::2], y[::2], **params)
    before, old = model.predict_proba(X), copy.copy(model)
    model.set_params(**STILL).partial_fit(X[1::2] * 1.1 + 0.1, y[1::2])
    new = {name: model.layer_state_[name] for name in ("input.mean", "input.scale")}
    assert not np.allclose(new["input.scale"], X[::2].std(axis=0), rtol=0.02)
    old.layer_state_ = old.layer_state_ | new
    change = np.abs(model.predict_proba(X) - before).max()
    assert change < 0.07
    assert change < np.abs(old.predict_proba(X) - before).max() / 3


@pytest.mark.parametrize(
    ("params", "ema_decay"),
    [
        ({}, 1e-300),
        ({"ensemble_size": 1}, 1e-300),
        ({"input_scaling": True}, 1e-300),
        ({"input_scaling": True}, 0.99),
    ],
    ids=str,
)
def test_a_new_scaling_keeps_what_the_weights_and_their_average_compute(params, ema_decay):
    """The weights are what an average of hardly any memory is. At mean and deviation both scalings agree.

    Not quite so for a mixture of weights and average where factors are learned: it is no linear function of
    them.
    """
    first, second = np.arange(0, 150, 10), np.setdiff1d(np.arange(150), np.arange(0, 150, 10))
    rows = X.copy()
    rows[second] = 3 * X[second] + 1
    model = in_parts([first] * 20, rows, dtype="float64", ema_decay=0.99, **params)
    assert np.abs(model._optimizer_state["lead"]).max() > 0.002  # of the weights before their average
    model.set_params(**STILL, ema_decay=ema_decay)
    before = copy.deepcopy(model).partial_fit(rows[first], y[first])
    model.set_params(batch_size=len(second))  # one update, as before: each brings the average nearer
    state = model.partial_fit(rows[second], y[second]).layer_state_
    assert (state["input.scale"] > 1.5 * before.layer_state_["input.scale"]).all()
    signs = np.array(np.meshgrid(*[[-1, 1]] * 4)).reshape(4, -1).T
    points = state["input.mean"] + signs * state["input.scale"]
    np.testing.assert_allclose(model.predict_proba(points), before.predict_proba(points), atol=1e-7)


@pytest.mark.parametrize("mean", [-2.0, 0.0, 0.3, 5.0])
@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])
def test_scalings_agree_at_a_deviation_from_the_mean(mean, scale):
    """One input, one output: f(mean ± scale) as before, and no weight grows beyond 3 / bend(1)."""
    before, after = (InputScaling(np.array([m]), np.array([s])) for m, s in ((0.0, 1.0), (mean, scale)))
    network = perceptron(1, [], 1, "relu").allocate(np.float64)
    (dense,) = network.dense()
    network.theta[:] = [2.0, 0.5]
    points = np.array([[mean - scale], [mean + scale]])
    expected = dense.predict(before(points.copy(), np.float64))
    after.adapt_first_layer(dense, before, np.array([np.nan]))
    np.testing.assert_allclose(dense.predict(after(points.copy(), np.float64)), expected, atol=1e-12)
    assert abs(dense.W[0, 0]) <= 2 * 3 / (1 / np.sqrt(1 + 1 / 9))


def test_a_first_chunk_that_tells_nothing_of_a_column_spoils_nothing():
    """The column that decides is constant in the first chunk, and of another size than the deviation of 1."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((1200, 3)) * [1e4, 1.0, 1e-3] + [5e4, 0.0, 1.0]
    labels = (rows[:, 0] > 5e4).astype(int)
    rows[:20, 0] = 5e4
    parts = np.split(np.arange(1000), 50)
    for first in ([np.arange(20)], [np.arange(1)]):
        model = in_parts(first + parts[1:], rows, labels, ensemble_size=1)
        assert model.score(rows[1000:], labels[1000:]) > 0.95


def test_a_scaling_that_is_still_learned_survives_pickling():
    model = in_parts([np.arange(1)])
    twin = pickle.loads(pickle.dumps(model))
    for each in (model, twin):
        each.partial_fit(X, y)
    np.testing.assert_array_equal(twin.layer_state_["input.scale"], model.layer_state_["input.scale"])
    np.testing.assert_array_equal(twin.predict_proba(X), model.predict_proba(X))


def test_a_training_that_goes_on_needs_the_input_scaling_that_it_had():
    with pytest.raises(ValueError, match="the input_scaling that the network was fitted with, 'learned'"):
        in_parts([np.arange(150)]).set_params(input_scaling=False).partial_fit(X, y)


def test_sparse_training_does_not_centre():
    model = fitted(sparse.csr_matrix(X))
    assert not model.layer_state_["input.mean"].any()
    np.testing.assert_allclose(model.predict_proba(sparse.csr_matrix(X)), model.predict_proba(X), rtol=1e-6)


@pytest.mark.filterwarnings("ignore:.*the training hasn't converged yet")
def test_huge_sparse_float32_are_scaled_as_float64_are():
    """The square of 1e30 is beyond the range of float32."""
    huge = sparse.csr_array(X * 1e30)
    scales = [fitted(X, max_iter=1).layer_state_["input.scale"] for X in (huge, huge.astype(np.float32))]
    np.testing.assert_allclose(scales[1], scales[0], rtol=1e-6)


def halved(X):
    """Return X as CSR in which each entry is stored as two halves."""
    X = sparse.csr_matrix(X)
    return sparse.csr_matrix((np.repeat(X.data / 2, 2), np.repeat(X.indices, 2), X.indptr * 2), X.shape)


@pytest.mark.filterwarnings("ignore:.*the training hasn't converged yet")
def test_sparse_entries_that_come_twice_are_one():
    """For the scale, the training and the prediction; and the user's matrix stays as it is."""
    twice = halved(X)
    ours, theirs = (fitted(Z, max_iter=2) for Z in (twice, sparse.csr_matrix(X)))
    np.testing.assert_array_equal(ours.layer_state_["input.scale"], theirs.layer_state_["input.scale"])
    np.testing.assert_array_equal(ours.coefs_[0], theirs.coefs_[0])
    np.testing.assert_array_equal(ours.predict_proba(twice), theirs.predict_proba(sparse.csr_matrix(X)))
    assert twice.nnz == 2 * np.count_nonzero(X)


def test_unscaled_data_need_no_scaler():
    """Breast cancer's features reach from 1e-3 to 4e3."""
    cancer, diagnosis = load_breast_cancer(return_X_y=True)
    scores = cross_val_score(MLPClassifier(random_state=0), cancer, diagnosis, cv=3)
    assert scores.mean() > 0.966


@pytest.mark.filterwarnings("ignore:max_iter=1 epochs")
def test_learned_factors_start_at_one_and_move_six_times_as_fast():
    """The first step of Adam moves each weight by the rate, so each factor by six times the rate."""
    rate = 0.01
    model = fitted(
        X, input_scaling="learned", max_iter=1, batch_size=150, learning_rate_init=rate,
        learning_rate="constant", dropout=0.0, weight_decay=0.0,
    )  # fmt: skip
    factors = 6 * model.layer_state_["dense_0.u"]
    np.testing.assert_allclose(np.abs(factors - 1), 6 * rate, rtol=1e-3)


def test_the_prediction_knows_the_learned_factors():
    model = fitted(X, input_scaling="learned", ensemble_size=1)
    plain = fitted(X, input_scaling=True, ensemble_size=1)
    plain.layer_state_ = {name: array for name, array in model.layer_state_.items() if name != "dense_0.u"}
    W, *others = model.coefs_
    plain.coefs_ = [W * 6 * model.layer_state_["dense_0.u"][:, None], *others]
    plain.intercepts_ = model.intercepts_
    np.testing.assert_allclose(model.predict_proba(X), plain.predict_proba(X), rtol=1e-5)


def test_a_feature_of_noise_gets_a_smaller_factor():
    """Of two features, one tells the class and the other nothing."""
    rng = np.random.default_rng(0)
    Z = rng.standard_normal((400, 2))
    model = fitted(Z, (Z[:, 0] > 0).astype(int), input_scaling="learned")
    telling, noise = np.abs(model.layer_state_["dense_0.u"]).mean(axis=0).ravel()
    assert telling > 2 * noise


def test_learned_factors_are_part_of_what_a_training_goes_on_with():
    model = fitted(X, input_scaling="learned", warm_start=True)
    before = model.layer_state_["dense_0.u"].copy()
    assert not np.array_equal(model.fit(X, y).layer_state_["dense_0.u"], before)
    with pytest.raises(ValueError, match=r"needs the input_scaling that .* 'learned', got True"):
        model.set_params(input_scaling=True).fit(X, y)


def test_a_column_of_subnormal_numbers_does_no_harm():
    """Its deviation is 0 in float32, but not in float64, in which it is computed."""
    wide = np.column_stack([X, np.where(X[:, 0] > 5, np.float32(1e-45), 0)]).astype(np.float32)
    model = fitted(wide)
    assert (model.layer_state_["input.scale"] > 0).all()
    assert model.score(wide, y) > 0.9


def test_a_deviation_of_one_may_be_a_rounding_error():
    """Of a column around 1e16, whose neighbouring numbers are 2 apart."""
    known = Moments(2000, 2000.0, np.array([1e16, 0.0]), np.array([1.0, 1.0]))
    np.testing.assert_array_equal(known.constant(), [True, False])
    assert not known.enough()
