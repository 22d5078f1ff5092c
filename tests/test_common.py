"""scikit-learn's own checks of an estimator, on every estimator of the package."""

from inspect import signature

import numpy as np
import plain
import pytest
from sklearn import config_context
from sklearn.datasets import load_iris
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier as SklearnClassifier
from sklearn.neural_network import MLPRegressor as SklearnRegressor
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_param_validation,
    parametrize_with_checks,
)

from sknn6 import MLPClassifier, MLPRegressor, Standardizer
from sknn6.estimators.recipes import PLAIN
from sknn6.estimators.settings import settings_of

# A weight of 2 and a row given twice round differently, which in float32 adds up to differences of some 1e-4
# in the probabilities over the epochs, where 1e-7 is asked for; and dropout draws for each row. In float64
# and without dropout, below, both checks pass.
CHANCE_IN_FLOAT32 = {
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weight_equivalence_on_sparse_data",
}

FEW_EPOCHS = {"dtype": "float64", "learning_rate_init": 0.01, "max_iter": 30}


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(
    [
        MLPClassifier(),
        # Few epochs, at a rate to match.
        plain.MLPClassifier(**FEW_EPOCHS),
        plain.MLPClassifier(batchnorm=True, **FEW_EPOCHS),
        plain.MLPClassifier(
            "8-8", "maxout", batchnorm="switchable", layernorm=True, residual=True, **FEW_EPOCHS
        ),
        plain.MLPClassifier("8-8", "prelu", batchnorm="whiten", init="lsuv", **FEW_EPOCHS),
        # Differences of rounding grow with the iterations: 15 leave them at a hundredth of what is allowed.
        MLPClassifier(solver="lbfgs", alpha=0.1, max_iter=15),
        plain.MLPClassifier(label_smoothing=0.1, ema_decay=0.9, weight_decay=0.01, **FEW_EPOCHS),
        MLPRegressor(),
        MLPRegressor(dropout=0.0, **FEW_EPOCHS),
        MLPRegressor(solver="lbfgs", max_iter=30),
        MLPRegressor(loss="huber", batchnorm=True, dropout=0.0, **FEW_EPOCHS),
    ],
)
def test_scikit_learn_checks(estimator, check):
    computes_in_float32 = estimator.dtype == "float32" and estimator.solver != "lbfgs"
    if computes_in_float32 and check.func.__name__ in CHANCE_IN_FLOAT32:
        pytest.skip("whether float32 rounds alike is chance; the check runs in float64")
    check(estimator)


ESTIMATORS = [MLPClassifier, MLPRegressor]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("cls", ESTIMATORS)
def test_checks_that_parametrize_with_checks_leaves_out(cls):
    check_param_validation(cls.__name__, cls())
    check_dataframe_column_names_consistency(cls.__name__, cls(max_iter=2))


@pytest.mark.parametrize(
    ("cls", "theirs"), [(MLPClassifier, SklearnClassifier), (MLPRegressor, SklearnRegressor)]
)
def test_every_parameter_of_scikit_learn_has_its_place_and_default(cls, theirs):
    """Names in the order of position, and defaults, of scikit-learn 1.9; sknn6's own are further ones."""
    ours, parameters = signature(cls).parameters, signature(theirs).parameters
    positional = [name for name, p in parameters.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
    if cls is MLPRegressor and "loss" not in parameters:
        positional = ["loss", *positional]  # from 1.7 on
    assert positional == [name for name, p in ours.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
    for name, parameter in parameters.items():
        if ours[name].default == "auto":  # with the solvers sgd and lbfgs; a batch is 200 there
            recipes = [settings_of(cls(solver=solver)).recipe for solver in ("sgd", "lbfgs")]
            assert recipes == [PLAIN, PLAIN]
            assert PLAIN[name] == (200 if name == "batch_size" else parameter.default)
        else:
            assert ours[name].default == parameter.default


def test_tags():
    tags = get_tags(MLPClassifier())
    assert tags.input_tags.sparse
    assert tags.classifier_tags.multi_label
    assert tags.estimator_type == "classifier"
    assert get_tags(MLPRegressor()).estimator_type == "regressor"


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_html_representation_leads_to_the_documentation(cls):
    assert f"https://sknn6.readthedocs.io/en/stable/api/sknn6.{cls.__name__}.html" in cls()._repr_html_()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_metadata_routing():
    """Weights reach fit where they are asked for, in a Pipeline in a search; zero weights are felt."""
    X, y = load_iris(return_X_y=True)
    weight = (y > 0).astype(float)
    with config_context(enable_metadata_routing=True):
        mlp = MLPClassifier(8, max_iter=40, learning_rate_init=0.05, random_state=0)
        mlp.set_fit_request(sample_weight=True)
        pipeline = make_pipeline(Standardizer().set_fit_request(sample_weight=False), mlp)
        scoring = make_scorer(accuracy_score).set_score_request(sample_weight=False)
        search = GridSearchCV(pipeline, {"mlpclassifier__alpha": [0.1, 1.0]}, scoring=scoring, cv=3)
        search.fit(X, y, sample_weight=weight)
    assert set(search.predict(X)) == {1, 2}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("wants", [True, False])
def test_a_scorer_may_do_without_weights(wants):
    """As in searches, with metadata routing."""
    given = []

    def metric(y_true, y_pred, sample_weight=None):
        given.append(sample_weight is not None)
        return accuracy_score(y_true, y_pred)

    X, y = load_iris(return_X_y=True)
    with config_context(enable_metadata_routing=True):
        scoring = make_scorer(metric).set_score_request(sample_weight=wants)
        mlp = MLPClassifier(8, max_iter=2, early_stopping=True, scoring=scoring, random_state=0)
        mlp.fit(X, y, sample_weight=np.ones(150))
    assert set(given) == {wants}
