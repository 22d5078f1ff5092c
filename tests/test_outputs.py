"""Targets are scaled for the network: whatever their units, it learns the same."""

import copy
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.metrics import mean_gamma_deviance, mean_poisson_deviance, r2_score

from sknn6 import MLPRegressor
from sknn6.nn.outputs import OutputScaling

X, y = load_diabetes(return_X_y=True)  # y are whole numbers
X, y = X[:256], y[:256]  # of 2^8 rows, the mean is exact
QUICK = {"hidden_layer_sizes": (16,), "max_iter": 5, "random_state": 0}

pytestmark = pytest.mark.filterwarnings("ignore:.*(the training hasn't converged yet|was never below)")
STILL = {"learning_rate_init": 1e-12, "weight_decay": 0.0, "dropout": 0.0}


def model(**params):
    return MLPRegressor(**QUICK | {"recipe": "modern"} | params)


def test_scaling_and_its_inverse():
    scaling = OutputScaling(np.array([5.0, -1e6]), np.array([2.0, 1e-3]))
    Y = np.array([[7.0, -1e6], [5.0, -1e6 + 0.002]])
    np.testing.assert_allclose(scaling(Y, np.float64), [[1, 0], [0, 2]], rtol=1e-6)
    np.testing.assert_allclose(scaling.inverse(scaling(Y, np.float64)), Y, rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_beyond_the_range_of_floats_is_the_largest_number(dtype):
    most = np.finfo(dtype).max
    scaling = OutputScaling(np.zeros(1), np.array([1e9]))
    np.testing.assert_array_equal(scaling.inverse(np.array([[most], [-most]])), [[most], [-most]])


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize(("factor", "offset"), [(2.0**-30, 0.0), (2.0**40, 0.0), (1.0, 2.0**20)], ids=str)
def test_units_and_origin_of_the_targets_make_no_difference(factor, offset, solver):
    """Of a factor of 2 no digit changes; of an offset, the last of 53 of the deviation may."""
    one, other = (model(solver=solver).fit(X, Y) for Y in (y, factor * y + offset))
    expected = factor * one.predict(X) + offset
    np.testing.assert_allclose(other.predict(X), expected, atol=1e-3 * factor * y.std())
    losses = [[record["loss"] for record in each.history_] for each in (one, other)]
    np.testing.assert_allclose(losses[1], np.multiply(losses[0], factor**2), rtol=1e-3)


def test_float32_targets_far_from_0():
    """1e6 + 1 is a float32; their mean is not, and is subtracted in float64."""
    Y = (1e6 + np.sign(X[:, 2])).astype(np.float32)
    fitted = model(max_iter=30).fit(X, Y)
    assert r2_score(Y, fitted.predict(X)) > 0.5


def test_loss_of_validation_data_is_in_the_users_units():
    fitted = model(ensemble_size=1).fit(X[:200], y[:200], X_val=X[200:], y_val=y[200:])
    error = fitted.predict(X[200:]) - y[200:]
    assert fitted.history_[-1]["validation_loss"] == pytest.approx(np.mean(error**2) / 2, rel=1e-5)
    assert fitted.history_[-1]["validation_score"] == pytest.approx(fitted.score(X[200:], y[200:]), rel=1e-5)


def test_a_constant_target_is_predicted():
    np.testing.assert_allclose(model(max_iter=30).fit(X, np.full(256, 7e5)).predict(X), 7e5, atol=1)


def test_targets_of_different_scales_are_learned_alike():
    Y = np.column_stack([1e-3 * y, 1e6 * y + 5e6, y])
    fitted = model(max_iter=30).fit(X, Y)
    scores = r2_score(Y, fitted.predict(X), multioutput="raw_values")
    assert scores.min() > 0.4
    assert np.ptp(scores) < 0.1


def test_weights_count_as_repetitions():
    weight = np.arange(256) % 3
    weighted = model().fit(X, y, sample_weight=weight)
    repeated = model().fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    for name in ("output.mean", "output.scale"):
        np.testing.assert_allclose(weighted.layer_state_[name], repeated.layer_state_[name])


def in_parts(parts, Y=y, **params):
    fitted = model(**params)
    for part in parts:
        fitted.partial_fit(X[part], Y[part])
    return fitted


@pytest.mark.parametrize("sizes", [[1, 1, 254], [100, 156], [2, 254]])
def test_chunks_are_scaled_as_all_their_rows_together(sizes):
    parts = np.split(np.arange(256), np.cumsum(sizes)[:-1])
    state, whole = in_parts(parts).layer_state_, in_parts([slice(None)]).layer_state_
    for name in ("output.mean", "output.scale"):
        np.testing.assert_allclose(state[name], whole[name], rtol=1e-9)


@pytest.mark.parametrize("params", [{}, {"ensemble_size": 1}, {"ema_decay": 0.9}], ids=str)
def test_a_new_scaling_keeps_what_the_network_predicts(params):
    """Exactly, as it is linear in the last layer's weights; so are the weights ahead of their average."""
    params |= {"input_scaling": False, "dtype": "float64"}
    fitted = in_parts([slice(0, 50)] * 5, **params).set_params(**STILL)
    before, same = fitted.predict(X), copy.deepcopy(fitted).partial_fit(X[:50], y[:50])
    fitted.partial_fit(X[50:60], 1000 * y[50:60] + 5e4)
    assert fitted.layer_state_["output.scale"] > 100 * same.layer_state_["output.scale"]
    if params.get("ema_decay"):
        assert np.abs(same.predict(X) - before).max() > 0.1
    np.testing.assert_allclose(fitted.predict(X), same.predict(X), rtol=1e-9)


def test_a_scaling_that_is_still_learned_survives_pickling():
    fitted = in_parts([slice(0, 20)])
    twin = pickle.loads(pickle.dumps(fitted))
    for each in (fitted, twin):
        each.partial_fit(X[20:], y[20:])
    np.testing.assert_array_equal(twin.predict(X), fitted.predict(X))


@pytest.mark.parametrize("loss", ["huber", "absolute_error"])
def test_a_few_rows_do_not_settle_quartiles(loss):
    """Two rows that are nearly alike come first; of many rows, median and quartiles are the scaling."""
    Y = np.concatenate([[100.0, 100.1], y[2:]])
    fitted = in_parts([slice(0, 2), slice(2, 50), slice(50, 256)], Y, loss=loss)
    assert fitted.layer_state_["output.scale"] == pytest.approx(Y.std(), rel=0.1)
    whole = in_parts([slice(None)], Y, loss=loss).layer_state_["output.mean"]
    np.testing.assert_array_equal(whole, np.quantile(Y, 0.5, method="inverted_cdf"))


def test_the_squared_error_has_standardised_targets():
    state = model().fit(X, y).layer_state_
    assert state["output.mean"] == y.mean()
    assert state["output.scale"] == pytest.approx(y.std(), rel=1e-12)


def test_counts_keep_their_own_scale():
    fitted = model(loss="poisson").fit(X, y)
    assert "output.mean" not in fitted.layer_state_


@pytest.mark.parametrize("factor", [2.0**-30, 2.0**40])
@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize(
    ("loss", "deviance"), [("poisson", mean_poisson_deviance), ("gamma", mean_gamma_deviance)]
)
def test_positive_targets_are_learned_in_any_unit(loss, deviance, members, factor):
    """The output starts from the logarithm of their mean, in whose unit the deviance is minimised.

    The Poisson deviance has the unit of y, the gamma deviance none.
    """
    positive = model(loss=loss, ensemble_size=members, max_iter=40)
    one, other = (clone(positive).fit(X, Y) for Y in (y, factor * y))
    assert other.n_iter_ == one.n_iter_
    np.testing.assert_allclose(other.predict(X), factor * one.predict(X), rtol=1e-2)
    assert other.loss_ == pytest.approx(factor ** (loss == "poisson") * one.loss_, rel=1e-2)
    assert deviance(y, one.predict(X)) < 0.8 * deviance(y, np.full(256, y.mean()))


@pytest.mark.parametrize("loss", ["poisson", "gamma"])
def test_an_untrained_network_of_positive_targets_predicts_about_their_mean(loss):
    """The weighted one, of each target; of counts that are all 0, the output starts at 0."""
    Y, weight = np.column_stack([1e4 * y, y]), np.arange(256) % 3
    fitted = model(loss=loss, init_scale=1e-3, max_iter=1, **STILL).fit(X, Y, weight)
    expected = np.broadcast_to(np.average(Y, axis=0, weights=weight), Y.shape)
    np.testing.assert_allclose(fitted.predict(X), expected, rtol=1e-3)
    plain = model(loss=loss, init_scale=1e-3, max_iter=1, target_scaling=False, **STILL).fit(X, Y, weight)
    np.testing.assert_allclose(plain.predict(X), 1, rtol=1e-3)
    none = model(loss="poisson", init_scale=1e-3, max_iter=1, **STILL).fit(X, 0 * y)
    np.testing.assert_allclose(none.predict(X), 1, rtol=1e-3)


def test_a_training_that_goes_on_keeps_the_scaling_that_it_has():
    one = {"ensemble_size": 1, "input_scaling": False}
    fitted = model(target_scaling=False, **one).fit(X, y / 100).set_params(target_scaling=True)
    assert "output.mean" not in fitted.partial_fit(X, y / 100).layer_state_


def line(seed, n_rows, n_features=4):
    """Return rows and their clean targets, of variance 2."""
    draws = np.random.default_rng(seed)
    rows = draws.standard_normal((n_rows, n_features))
    return draws, rows, rows[:, 0] + rows[:, 1]


def test_outliers_do_not_hide_what_there_is_to_learn():
    """One target in a hundred is off by a million deviations; the others are predicted, to R² 0.9 or more."""
    draws, rows, clean = line(0, 1000)
    spoilt = clean.copy()
    spoilt[draws.choice(500, 5, replace=False)] += 1e6
    fitted = MLPRegressor("absolute_error", random_state=0).fit(rows[:500], spoilt[:500])
    assert r2_score(clean[500:], fitted.predict(rows[500:])) > 0.9


def test_noise_with_heavy_tails():
    """Student's t with two degrees of freedom has no variance, and its median is learned all the same."""
    draws, rows, clean = line(0, 1500)
    noisy = clean + 0.5 * draws.standard_t(2, 1500)
    fitted = MLPRegressor("absolute_error", random_state=0).fit(rows[:1000], noisy[:1000])
    assert r2_score(clean[1000:], fitted.predict(rows[1000:])) > 0.8


@pytest.mark.parametrize(("n_rows", "n_features", "least"), [(20, 4, 0.8), (60, 200, 0.0)])
def test_few_rows_are_learned_from(n_rows, n_features, least):
    """Over six draws, R² is .92 to .99 with twenty rows, .13 to .21 with more columns than rows."""
    scores = []
    for seed in range(3):
        _, rows, clean = line(seed, n_rows + 500, n_features)
        fitted = MLPRegressor(random_state=0).fit(rows[:n_rows], clean[:n_rows])
        scores.append(r2_score(clean[n_rows:], fitted.predict(rows[n_rows:])))
    assert np.mean(scores) > least


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
@pytest.mark.parametrize("loss", ["squared_error", "absolute_error"])
def test_a_constant_target_is_predicted_in_any_unit(unit, loss):
    """Alone, and beside one that varies."""
    X = np.random.default_rng(0).standard_normal((200, 3))
    Y = np.column_stack([np.full(200, 3 * unit), unit * X[:, 0]])
    alone = MLPRegressor(loss, max_iter=10, random_state=0).fit(X, Y[:, 0]).predict(X)
    both = MLPRegressor(loss, max_iter=10, random_state=0).fit(X, Y).predict(X)
    np.testing.assert_allclose(alone, 3 * unit, rtol=1e-5)
    np.testing.assert_allclose(both[:, 0], 3 * unit, rtol=1e-5)
    assert np.corrcoef(both[:, 1], Y[:, 1])[0, 1] > 0.9


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_targets_far_from_0_are_predicted_as_exactly_as_they_vary(dtype):
    """float32 has steps of 128 near 1.7e9, so that these predictions are float64."""
    X = np.random.default_rng(0).standard_normal((500, 3)).astype(dtype)
    y = 1.7e9 + 100 * (X[:, 0] + X[:, 1]).astype(float)
    model = MLPRegressor(random_state=0).fit(X, y)
    assert model.predict(X).dtype == np.float64
    assert model.score(X, y) > 0.99
    assert MLPRegressor(random_state=0, max_iter=2).fit(X, y - 1.7e9).predict(X).dtype == dtype


ZERO_INFLATED = np.where(np.arange(1000) % 5 == 0, 100.0 + np.arange(1000) / 50, 0.0)


@pytest.mark.parametrize("loss", ["huber", "absolute_error", "quantile"])
def test_the_bulk_of_zeros_may_be_rounded(loss):
    """Zeros that were computed are rounding errors of 1e-13, which are no scale."""
    noise = 1e-13 * np.random.default_rng(0).standard_normal(1000)
    X = np.random.default_rng(1).standard_normal((1000, 2))
    exact, rounded = (
        MLPRegressor(loss, max_iter=2, random_state=0).fit(X, y).layer_state_["output.scale"]
        for y in (ZERO_INFLATED, ZERO_INFLATED + noise)
    )
    np.testing.assert_allclose(rounded, exact)
    np.testing.assert_allclose(exact, np.quantile(ZERO_INFLATED, 0.95) / 3.29, rtol=0.01)


def test_outliers_set_no_scale_beside_a_target_of_zeros():
    """Each target has its own; its outliers are a hundredth of the rows."""
    X = np.random.default_rng(1).standard_normal((1000, 2))
    plain, zeros = X[:, 0] + X[:, 1], np.where(X[:, 0] > 1, X[:, 0], 0.0)
    outliers = plain.copy(), zeros.copy()
    for each in outliers:
        each[:10] = 1e6
    Y = np.column_stack([*outliers, np.zeros(1000)])
    scale = MLPRegressor("huber", max_iter=2, random_state=0).fit(X, Y).layer_state_["output.scale"]
    assert 0.5 < scale[0] / plain.std() < 2
    assert 0.1 < scale[1] < 2
