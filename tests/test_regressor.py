"""MLPRegressor against scikit-learn's."""

import warnings
from inspect import signature

import numpy as np
import pytest
from plain import MLPRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor as SklearnMLP

import sknn6

# Before 1.7, scikit-learn's regressor has no loss but the squared error, and takes no weights.
NEWER = "loss" in signature(SklearnMLP).parameters

rng = np.random.default_rng(0)
X = rng.standard_normal((60, 4))
TARGETS = {
    "squared_error": X[:, 0] + 0.1 * rng.standard_normal(60),
    "poisson": rng.poisson(np.exp(X[:, 0])).astype(float),
}


@pytest.mark.parametrize("loss", TARGETS if NEWER else ["squared_error"])
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_same_weights_same_steps_as_scikit_learn(solver, loss):
    """From the same weights, through the same batches, in float64: the same weights and predictions."""
    params = {
        "hidden_layer_sizes": (6, 5),
        "activation": "tanh",
        "solver": solver,
        "batch_size": 16,
        "shuffle": False,
        "max_iter": 20 if solver == "lbfgs" else 5,
        "tol": 0.0,
        "alpha": 0.01,
        "warm_start": True,
        "random_state": 0,
    }
    weights = {"sample_weight": np.linspace(0.5, 2, 60)} if NEWER else {}
    ours = MLPRegressor(loss, dtype="float64", **params)
    theirs = SklearnMLP(**params, **({"loss": loss} if NEWER else {}))
    y = TARGETS[loss]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", DeprecationWarning)  # scikit-learn 1.6 with SciPy 1.17
        theirs.fit(X, y)
        ours.fit(X, y)
        ours.coefs_ = [W.copy() for W in theirs.coefs_]
        ours.intercepts_ = [b.copy() for b in theirs.intercepts_]
        np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-10)
        theirs.fit(X, y, **weights)
        ours.fit(X, y, **weights)
    for W, expected in zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True):
        np.testing.assert_allclose(W, expected, atol=1e-6)
    assert ours.loss_ == pytest.approx(theirs.loss_, abs=1e-6)


def test_multi_output_is_refused_another_number_of_outputs():
    model = MLPRegressor(hidden_layer_sizes=4).partial_fit(X, X[:, :2])
    with pytest.raises(ValueError, match="y must have 2 columns as in the fit before, got 3"):
        model.partial_fit(X, X[:, :3])


@pytest.mark.parametrize("unit", [1e-300, 1e-162, 1e160, 1e300])
def test_targets_of_any_unit_train_as_long(unit):
    """Squares of such units are 0 or infinite; the losses of epochs are compared nonetheless."""
    params = {
        "hidden_layer_sizes": 8,
        "target_scaling": True,
        "tol": 1e-3,
        "max_iter": 400,
        "random_state": 0,
    }
    X = np.random.default_rng(0).standard_normal((60, 3))
    y = X[:, 0] - X[:, 1]
    model, expected = (MLPRegressor(**params).fit(X, factor * y) for factor in (unit, 1.0))
    assert expected.n_iter_ < 400
    assert abs(model.n_iter_ - expected.n_iter_) < 20
    assert 0 < model.loss_ < np.inf
    np.testing.assert_allclose(model.predict(X) / unit, expected.predict(X), rtol=0, atol=0.1)


@pytest.mark.parametrize("unit", [1e-310, 1e-300, 1e170, 1e300])
def test_weights_of_any_unit_train_alike(unit):
    params = {"hidden_layer_sizes": (8,), "ensemble_size": 1, "max_iter": 20, "random_state": 0, "alpha": 0}
    params["numeric_embedding"] = None  # the number of its intervals depends on the sum of the weights
    X = np.random.default_rng(0).standard_normal((60, 3))
    expected = sknn6.MLPRegressor(**params).fit(X, X[:, 0], np.full(60, 1.0))
    model = sknn6.MLPRegressor(**params).fit(X, X[:, 0], np.full(60, unit))
    np.testing.assert_allclose(model.predict(X), expected.predict(X), rtol=1e-3, atol=1e-3)
    with pytest.raises(ValueError, match="Sample weights must have a sum below"):
        model.fit(X, X[:, 0], np.full(60, 1e308))


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
@pytest.mark.parametrize("shape", [(40,), (20, 2)])
def test_a_missing_target_is_refused(loss, shape):
    """As None in an array of objects, too, in which scikit-learn's validation does not look for it."""
    y = np.ones(shape, object)
    y.flat[3] = None
    with pytest.raises(ValueError, match="Input y contains NaN"):
        MLPRegressor(loss).fit(np.ones((len(y), 2)), y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_quantile_without_its_loss_is_warned_of():
    with pytest.warns(UserWarning, match=r"quantile=0.9 has no effect with loss='squared_error'"):
        MLPRegressor(quantile=0.9).fit(np.arange(20.0)[:, None], np.arange(20.0))
