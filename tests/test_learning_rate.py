"""The learning rate range test, against a training written out and curves made up."""

import warnings

import joblib
import numpy as np
import pytest
from plain import MLPClassifier as Plain
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline

from sknn6 import MLPClassifier, MLPRegressor, Standardizer
from sknn6.inspection import LearningRateRange, learning_rate_range_test
from sknn6.inspection.learning_rate import running_mean

X, Y = load_digits(return_X_y=True)
X = X / 16


def linear_descent(X, y, rates, alpha):
    """Full-batch gradient descent of a linear regression from weights W, as the losses before each update."""
    model = MLPRegressor(hidden_layer_sizes=(), max_iter=1, solver="sgd", random_state=0, dtype="float64",
                         learning_rate_init=1e-300)  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the rate, with which it stays at its initial weights
        model.fit(X, y)
    W, b, losses = model.coefs_[0][:, 0], 0.0, []
    for rate in rates:
        residual = X @ W + b - y
        losses.append(0.5 * (residual @ residual) / len(y) + 0.5 * alpha * (W @ W) / len(y))
        W, b = W - rate * (X.T @ residual + alpha * W) / len(y), b - rate * residual.mean()
    return np.array(losses)


def test_losses_are_those_of_gradient_descent_at_rising_rates():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 3))
    y = X @ [1.0, -2.0, 0.5] + 0.1 * rng.standard_normal(60)
    model = MLPRegressor(hidden_layer_sizes=(), solver="sgd", momentum=0.0, nesterovs_momentum=False,
                         init="xavier_uniform", batch_size=60, alpha=0.5, random_state=0,
                         dtype="float64")  # fmt: skip
    found = learning_rate_range_test(model, X, y, low=1e-3, high=0.1)
    np.testing.assert_allclose(found.rates, np.geomspace(1e-3, 0.1, 100))
    np.testing.assert_allclose(found.losses, linear_descent(X, y, found.rates, 0.5), rtol=1e-9)


def test_the_running_mean_of_a_constant_is_the_constant():
    np.testing.assert_allclose(running_mean(np.full(7, 3.0)), 3.0)
    np.testing.assert_allclose(running_mean([1.0, 2.0]), [1.0, (0.09 * 1 + 0.1 * 2) / 0.19])


def test_the_suggestion_is_where_the_mean_has_come_down_three_quarters():
    """By 75 % of 10 to 2, the mean has to be 4."""
    means = np.array([10.0, 9.0, 6.0, 4.1, 4.0, 2.0, 8.0])
    found = LearningRateRange(np.logspace(-4, 2, 7), means, means)
    assert found.suggestion == pytest.approx(1.0)
    np.testing.assert_allclose(found.bounds, (0.01, 10.0))
    rising = LearningRateRange(np.logspace(-4, 2, 7), np.arange(7.0), np.arange(7.0))
    assert np.isnan(rising.suggestion)


def test_it_ends_where_the_loss_runs_away():
    model = Plain(16, solver="sgd", random_state=0)
    found = learning_rate_range_test(model, X, Y, high=1e4)
    assert found.rates[-1] < 1e4
    assert np.isfinite(found.losses).all()
    assert found.smoothed[-1] <= 4 * found.smoothed.min()


@pytest.mark.parametrize(("batch_size", "n_updates"), [(1000, 100), (20, 180), (4, 300)])
def test_two_epochs_within_bounds(batch_size, n_updates):
    """1797 rows in batches of 20 are 90 updates an epoch."""
    found = learning_rate_range_test(Plain(4, batch_size=batch_size, random_state=0), X, Y, high=1e-4)
    assert len(found.rates) == n_updates


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_the_suggested_rate_learns(solver):
    """Better than a hundredth of it and than thirty times it, in as many epochs."""
    model = Plain(32, solver=solver, max_iter=5, random_state=0)
    rate = learning_rate_range_test(model, X, Y).suggestion
    scores = []
    for factor in (0.01, 1, 30):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scores.append(clone(model).set_params(learning_rate_init=factor * rate).fit(X, Y).score(X, Y))
    assert scores[1] > 0.9
    assert scores[1] > scores[0]
    assert scores[1] > scores[2]


def test_a_fitted_pipeline_starts_afresh_and_stays_as_it_is():
    pipeline = make_pipeline(Standardizer(), MLPClassifier(8, random_state=0))
    before = learning_rate_range_test(pipeline, X, Y)
    fitted = pipeline.fit(X, Y)
    state = joblib.hash(fitted)
    np.testing.assert_array_equal(learning_rate_range_test(fitted, X, Y).losses, before.losses)
    assert joblib.hash(fitted) == state


def test_text():
    means = np.array([10.0, 2.0])
    text = repr(LearningRateRange(np.array([0.01, 0.1]), means, means))
    assert text == "suggested learning_rate_init 0.1, to be searched from 0.001 to 0.1"


@pytest.mark.parametrize(("low", "high"), [(0, 1), (1, 1), (1, 0.1), (1, np.inf)])
def test_rates_that_make_no_range(low, high):
    with pytest.raises(ValueError, match=f"low and high must be rates with 0 < low < high, got {low} and"):
        learning_rate_range_test(MLPClassifier(), X, Y, low=low, high=high)


def test_lbfgs_has_no_rate():
    with pytest.raises(ValueError, match=r"The solver must be one of .* got 'lbfgs'"):
        learning_rate_range_test(MLPClassifier(solver="lbfgs"), X, Y)


def test_a_loss_that_is_not_finite_at_the_start():
    """Outputs of a linear map with weights of 1e30 fit into float32, but their squares do not."""
    with pytest.raises(ValueError, match="a finite loss with its initial weights"):
        learning_rate_range_test(MLPRegressor(hidden_layer_sizes=(), init_scale=1e30), X, Y.astype(float))
