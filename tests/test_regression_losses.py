"""What the losses of regression predict, against scikit-learn's metrics and known constants."""

import numpy as np
import pytest
from plain import MLPRegressor as Plain
from sklearn.metrics import (
    mean_absolute_error,
    mean_gamma_deviance,
    mean_poisson_deviance,
    mean_squared_error,
)

from sknn6 import MLPRegressor
from sknn6.nn.losses import REGRESSION_LOSSES

rng = np.random.default_rng(0)
X = rng.standard_normal((200, 3))
y = rng.gamma(2.0, np.exp(X[:, 0]))
WEIGHT = rng.integers(0, 4, 200).astype(float)
QUICK = {"hidden_layer_sizes": 8, "max_iter": 5, "random_state": 0}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

# scikit-learn's metric of a loss, and its factor.
METRICS = {
    "squared_error": (mean_squared_error, 0.5),
    "absolute_error": (mean_absolute_error, 1),
    "poisson": (mean_poisson_deviance, 0.5),
    "gamma": (mean_gamma_deviance, 0.5),
}


@pytest.mark.parametrize("loss", METRICS)
def test_the_loss_is_scikit_learns_metric(loss):
    Z, Y, (metric, factor) = rng.standard_normal((200, 1)), y[:, None], METRICS[loss]
    entry = REGRESSION_LOSSES[loss]
    predicted = np.exp(Z) if entry.out_activation == "exp" else Z
    expected = factor * metric(Y, predicted, sample_weight=WEIGHT)
    assert entry.loss(Z.copy(), Y, WEIGHT)[0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("loss", METRICS)
def test_losses_of_a_training_are_in_the_users_units(loss, scaled):
    metric, factor = METRICS[loss]
    model = MLPRegressor(loss, ensemble_size=1, target_scaling=scaled, **QUICK)
    model.fit(X[:150], 100 * y[:150], X_val=X[150:], y_val=100 * y[150:])
    expected = factor * metric(100 * y[150:], model.predict(X[150:]))
    assert model.history_[-1]["validation_loss"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("loss", ["absolute_error", "gamma"])
def test_several_losses_are_added(loss):
    Z, Y = rng.standard_normal((200, 2)), np.column_stack([y, y + 1])
    entry = REGRESSION_LOSSES[loss]
    each = [entry.loss(Z[:, [j]], Y[:, [j]])[0] for j in (0, 1)]
    assert entry.loss(Z.copy(), Y)[0] == pytest.approx(sum(each), rel=1e-12)


def weighted_quantile(q):
    return np.quantile(np.repeat(y, WEIGHT.astype(int)), q, method="inverted_cdf")


CONSTANTS = {
    "squared_error": np.average(y, weights=WEIGHT),
    "absolute_error": weighted_quantile(0.5),
    "poisson": np.average(y, weights=WEIGHT),
    "gamma": np.average(y, weights=WEIGHT),
}


def constant(model, weight=WEIGHT):
    """Return what a linear model of columns of zeros predicts: a constant."""
    zeros = np.zeros((200, 1))
    cosine = {"learning_rate": "cosine", "learning_rate_init": 0.05, "batch_size": 50, "alpha": 0}
    model.set_params(hidden_layer_sizes=(), max_iter=200, n_iter_no_change=200, random_state=0, **cosine)
    return model.fit(zeros, y, sample_weight=weight).predict(zeros)[0]


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("loss", CONSTANTS)
def test_a_constant_model_predicts_the_constant_of_least_loss(loss, scaled):
    """The weighted mean, or the weighted median, to a hundredth of the deviation of y."""
    found = constant(Plain(loss, target_scaling=scaled))
    assert found == pytest.approx(CONSTANTS[loss], abs=0.01 * y.std())


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("loss", ["absolute_error", "gamma"])
def test_every_solver_learns(loss, solver):
    """The curve of medians and means, without noise."""
    curve = np.exp(np.sin(X[:, 0]))
    schedule = {"learning_rate": "cosine", "learning_rate_init": 0.02, "n_iter_no_change": 200}
    model = MLPRegressor(
        loss, 32, "tanh", solver=solver, dropout=0.0, max_iter=200, random_state=0, **schedule
    )
    assert model.fit(X, curve).score(X, curve) > 0.9


@pytest.mark.parametrize("bad", [0.0, -1.0])
def test_gamma_refuses_targets_that_are_not_positive(bad):
    with pytest.raises(ValueError, match=r"y must (be above|not be below) 0 .*with loss='gamma', got (0|-1)"):
        MLPRegressor("gamma").fit(X, np.append(y[1:], bad))


def test_gamma_refuses_targets_that_are_zero_in_float32():
    with pytest.raises(ValueError, match="y must be above 0 in float32 with loss='gamma', got 1e-60"):
        MLPRegressor("gamma").fit(X, np.append(y[1:], 1e-60))
    fitted = MLPRegressor("gamma", dtype="float64", **QUICK).fit(X, np.append(y[1:], 1e-60))
    assert np.isfinite(fitted.predict(X)).all()


@pytest.mark.parametrize("factor", [1e-9, 1e9])
def test_the_median_is_learned_in_any_unit(factor):
    one, other = (MLPRegressor("absolute_error", **QUICK).fit(X, f * y) for f in (1.0, factor))
    np.testing.assert_allclose(other.predict(X), factor * one.predict(X), atol=1e-3 * factor * y.std())
    assert other.loss_ == pytest.approx(factor * one.loss_, rel=1e-3)
