"""A call that is refused changes nothing, of any estimator."""

import pickle
from functools import cache

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from sknn6 import MLPClassifier, MLPRegressor, Standardizer, Whitener
from sknn6.preprocessing import standardizer, whitener
from sknn6.rollback import unchanged_if_it_fails

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.default_rng(0)
X = pd.DataFrame(rng.standard_normal((60, 4)), columns=list("abcd"))
y = np.arange(60) % 2

ESTIMATORS = {
    **{f"Standardizer {method}": Standardizer(method) for method in standardizer.METHODS},
    **{f"Whitener {method}": Whitener(method) for method in whitener.METHODS},
    "MLPClassifier": MLPClassifier(4, max_iter=2, random_state=0),
    "MLPRegressor": MLPRegressor(hidden_layer_sizes=4, max_iter=2, random_state=0),
    "MLPClassifier lbfgs": MLPClassifier(4, solver="lbfgs", max_iter=2, random_state=0),
}
# What makes a call refused: weights, targets, X.
REFUSALS = {
    "weights below 0": lambda X: (X, y, -np.ones(60)),
    "too few weights": lambda X: (X, y, np.ones(3)),
    "infinity": lambda X: (X.abs() * np.inf, y, None),
    "too few targets": lambda X: (X, y[:3], None),
}
UNSUPERVISED = (Standardizer, Whitener)


def cases():
    for name, estimator in ESTIMATORS.items():
        for method in ("fit", "partial_fit", "fit_transform"):
            if hasattr(estimator, method):
                for refusal in REFUSALS:
                    if refusal != "too few targets" or not isinstance(estimator, UNSUPERVISED):
                        yield name, method, refusal


def state(estimator):
    """Return the bits of all that the estimator holds."""
    return {name: pickle.dumps(value) for name, value in vars(estimator).items()}


@cache
def saved(name, fitted):
    return pickle.dumps(ESTIMATORS[name].fit(X, y) if fitted else clone(ESTIMATORS[name]))


@pytest.mark.parametrize("fitted", [True, False])
@pytest.mark.parametrize(("name", "method", "refusal"), cases())
def test_a_refused_call_changes_nothing(name, method, refusal, fitted):
    """Of another width and other names, if they may be, so that what validation sets would show."""
    estimator = pickle.loads(saved(name, fitted))
    before = state(estimator)
    given = X if method == "partial_fit" else X[["a", "b"]].rename(columns={"a": "other"})
    refused, targets, weight = REFUSALS[refusal](given)
    options = {"classes": [0, 1]} if (name, method) == ("MLPClassifier", "partial_fit") else {}
    if weight is not None:
        options["sample_weight"] = weight
    with pytest.raises(ValueError, match=r"weight|infinity|inconsistent numbers"):
        getattr(estimator, method)(refused, targets, **options)
    assert state(estimator) == before


@pytest.mark.parametrize("method", whitener.METHODS)
def test_a_whitener_goes_on_after_a_refused_chunk(method):
    model = Whitener(method).partial_fit(X[:30])
    with pytest.raises(ValueError, match="sample_weight"):
        model.partial_fit(X[30:], sample_weight=[1])
    expected = Whitener(method).partial_fit(X[:30]).partial_fit(X[30:])
    np.testing.assert_array_equal(model.partial_fit(X[30:]).whitening_, expected.whitening_)


def test_what_was_appended_to_lists_is_taken_off():
    model = MLPClassifier(4)
    model.history_ = [1, 2]

    def fail():
        with unchanged_if_it_fails(model):
            model.history_.append(3)
            model.n_iter_ = 1
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert model.history_ == [1, 2]
    assert not hasattr(model, "n_iter_")
