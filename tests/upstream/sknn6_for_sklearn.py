"""A pytest plugin: sknn6's estimators in the place of scikit-learn's, for scikit-learn's own tests."""

from types import SimpleNamespace

import pytest
import sklearn.neural_network

from sknn6 import MLPClassifier, MLPRegressor
from sknn6.estimators.recipes import PLAIN

# What a test function asks for that is not the estimators', by name, with the reason to leave it out.
SKIPPED = {"test_gradient": "calls _loss_grad_lbfgs, an internal; tests/test_gradients.py is its counterpart"}

for estimator in (MLPClassifier, MLPRegressor):
    # Two tests read the rate there; it is what the next step would use.
    estimator._optimizer = property(lambda self: SimpleNamespace(learning_rate=self._rates()(0.0)))
    setattr(sklearn.neural_network, estimator.__name__, estimator)


@pytest.fixture(autouse=True)
def default_rate_is_a_number(request, monkeypatch):
    """Where a test computes with the default rate itself, let it be what "auto" is with its solver."""
    if request.node.originalname == "test_learning_rate_warmstart":
        monkeypatch.setitem(
            MLPClassifier.__init__.__kwdefaults__, "learning_rate_init", PLAIN["learning_rate_init"]
        )


def pytest_collection_modifyitems(config, items):
    """Leave out what `SKIPPED` names."""
    dropped = [item for item in items if item.originalname in SKIPPED]
    config.hook.pytest_deselected(items=dropped)
    items[:] = [item for item in items if item.originalname not in SKIPPED]
