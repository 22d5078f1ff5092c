"""A pytest plugin: sknn6's estimators in the place of scikit-learn's, for scikit-learn's own tests."""

from types import SimpleNamespace

import pytest
import sklearn.neural_network

from sknn6 import MLPClassifier, MLPRegressor
from sknn6.estimators.settings import settings_of

# What a test function asks for that is not the estimators', by name, with the reason to leave it out.
SKIPPED = {"test_gradient": "calls _loss_grad_lbfgs, an internal; tests/test_gradients.py is its counterpart"}

for estimator in (MLPClassifier, MLPRegressor):
    # Two tests read the rate there; it is what the next step would use.
    estimator._optimizer = property(lambda self: SimpleNamespace(learning_rate=next_rate(self)))
    setattr(sklearn.neural_network, estimator.__name__, estimator)


def next_rate(estimator):
    """Return the learning rate of the next step."""
    return settings_of(estimator).rate(0.0, estimator.t_, estimator._plateaus)


# The tests of the regressor are for scikit-learn's values. Those of the classifier hold for its recipe, but
# for two: one computes with the rate, one expects a warning of too short a training, which the recipe avoids.
MLPRegressor.__init__.__kwdefaults__["recipe"] = "plain"
DEFAULTS_IN = {
    "test_learning_rate_warmstart": {"learning_rate_init": 0.001},
    "test_mlp_warm_start_no_convergence": {"recipe": "plain"},
}


@pytest.fixture(autouse=True)
def defaults_are_plain(request, monkeypatch):
    """Let the defaults be those that `DEFAULTS_IN` has for a test."""
    for name, value in DEFAULTS_IN.get(request.node.originalname, {}).items():
        for estimator in (MLPClassifier, MLPRegressor):
            monkeypatch.setitem(estimator.__init__.__kwdefaults__, name, value)


def pytest_collection_modifyitems(config, items):
    """Leave out what `SKIPPED` names."""
    dropped = [item for item in items if item.originalname in SKIPPED]
    config.hook.pytest_deselected(items=dropped)
    items[:] = [item for item in items if item.originalname not in SKIPPED]
