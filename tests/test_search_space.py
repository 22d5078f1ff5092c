"""The space of a search: names, forms and default ranges."""

import warnings
from importlib.metadata import version

import numpy as np
import pytest
import skopt
from landscape import PIPELINE, TOLD_ELSEWHERE, X, y
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC
from skopt.space import Categorical, Integer, Real

from sknn6 import (
    MLPClassifier,
    MLPRegressor,
    Standardizer,
    Whitener,
    search_space,
)
from sknn6.nn.activations import ACTIVATIONS
from sknn6.search.proposals import Axis
from sknn6.search.space import dimensions_of, present_params

pytestmark = TOLD_ELSEWHERE


def test_space_names_the_parameters_of_every_step():
    space = search_space(PIPELINE)
    assert list(space) == sorted(space)
    assert {name.partition("__")[0] for name in space} == {"scale", "whiten", "mlp"}
    rate = space["mlp__learning_rate_init"]
    assert (rate.low, rate.high, rate.prior) == (
        1e-5,
        0.1,
        "log-uniform",
    )  # the lecture's 1e-5 to 1e-3 is inside
    assert all(isinstance(dimension, Real | Integer | Categorical) for dimension in space.values())
    assert set(space) <= set(PIPELINE.get_params())


def test_space_finds_steps_wherever_they_are():
    columns = ColumnTransformer([("numbers", make_pipeline(Standardizer(), Whitener()), [0, 1])])
    names = search_space(make_pipeline(columns, MLPRegressor()))
    assert "columntransformer__numbers__standardizer__method" in names
    assert "columntransformer__numbers__whitener__eps" in names
    assert "mlpregressor__depth" in names
    assert "learning_rate_init" in search_space(MLPClassifier())


def test_space_has_every_activation_that_is_worth_trying():
    names = set(search_space(MLPClassifier())["activation"].categories)
    assert names == set(ACTIVATIONS) - {"identity", "sigmoid"}


def test_space_includes_excludes_and_takes_overrides():
    small = search_space(PIPELINE)
    assert "mlp__init" not in small
    more = search_space(PIPELINE, include=["init", "mlp__residual"], exclude="scale__method")
    assert more.keys() - small.keys() == {"mlp__init", "mlp__residual"}
    assert small.keys() - more.keys() == {"scale__method"}
    own = search_space(PIPELINE, mlp__depth=Integer(1, 9), mlp__beta_2=Real(0.9, 0.999))
    assert own["mlp__depth"].high == 9
    assert own.keys() - small.keys() == {"mlp__beta_2"}


def test_space_leaves_out_what_lbfgs_does_not_use():
    space = search_space(MLPClassifier(solver="lbfgs"))
    assert not space.keys() & {"learning_rate_init", "batch_size", "dropout"}
    assert "alpha" in space


def test_space_is_new_at_each_call():
    first, second = search_space(PIPELINE), search_space(PIPELINE)
    assert not any(first[name] is second[name] for name in first)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"include": ["momentums"]}, r"include must name parameters .* got \['momentums'\]"),
        ({"exclude": ["momentum"]}, r"exclude must name parameters .* got \['momentum'\]"),
        ({"mlp_depth": Integer(1, 2)}, r"must be named after parameters of Pipeline .*, got \['mlp_depth'\]"),
    ],
)
def test_space_refuses_unknown_names(given, message):
    with pytest.raises(ValueError, match=message):
        search_space(PIPELINE, **given)


def test_space_needs_something_to_search():
    with pytest.raises(ValueError, match="nothing to search in SVC"):
        search_space(SVC())


def test_space_as_distributions_is_the_same_box():
    draws = search_space(PIPELINE, as_distributions=True)
    assert draws.keys() == search_space(PIPELINE).keys()
    for name, dimension in search_space(PIPELINE).items():
        values = [draws[name].rvs(random_state=seed) for seed in range(20)]
        assert all(value in dimension for value in values)
        assert len(set(values)) > 1
    RandomizedSearchCV(PIPELINE, draws, n_iter=3, cv=2, random_state=0, error_score="raise").fit(X, y)


def test_space_for_optuna_is_the_same_box():
    distributions = pytest.importorskip("optuna.distributions")
    every = search_space(PIPELINE, include=["shrinkage"])
    found = search_space(PIPELINE, include=["shrinkage"], as_distributions="optuna")
    assert found.keys() == every.keys()
    for name, dimension in every.items():
        if isinstance(dimension, skopt.space.Categorical):
            assert found[name] == distributions.CategoricalDistribution(dimension.categories)
            continue
        kind = {skopt.space.Integer: "Int", skopt.space.Real: "Float"}[type(dimension)]
        assert type(found[name]).__name__ == f"{kind}Distribution"
        assert (found[name].low, found[name].high) == dimension.bounds
        assert found[name].log == (dimension.prior == "log-uniform")


@pytest.mark.filterwarnings("ignore:OptunaSearchCV is experimental")
@pytest.mark.filterwarnings("ignore:.*optuna.terminator:FutureWarning")
def test_optunas_search_takes_the_space():
    optuna = pytest.importorskip("optuna_integration.sklearn")
    if version("optuna_integration").startswith("4.0."):
        pytest.skip("OptunaSearchCV of that release does not know the tags of scikit-learn 1.6")
    space = search_space(PIPELINE, as_distributions="optuna")
    search = optuna.OptunaSearchCV(PIPELINE, space, n_trials=3, cv=2, random_state=0, error_score="raise")
    search.fit(X, y)
    assert search.best_params_.keys() == space.keys()
    assert np.isfinite([trial.value for trial in search.trials_]).all()


def test_forms_of_a_space():
    with pytest.raises(
        ValueError, match=r"as_distributions must be one of \[False, True, 'optuna'\], got 'ray'"
    ):
        search_space(PIPELINE, as_distributions="ray")


def test_every_point_of_the_whole_space_fits():
    every = search_space(PIPELINE, include=["init", "layernorm", "residual", "solver", "learning_rate",
                                            "weight_decay", "label_smoothing", "shrinkage"])  # fmt: skip
    points = skopt.Space(list(every.values())).rvs(40, random_state=0)
    for point in points:
        model = clone(PIPELINE).set_params(**dict(zip(every, point, strict=True)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a batch beyond the data, Xavier with ReLU
            assert np.isfinite(model.fit(X[::2], y[::2]).predict_proba(X)).all()


def test_the_stock_class_takes_the_space():
    stock = skopt.BayesSearchCV(PIPELINE, search_space(PIPELINE), n_iter=11, cv=2, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        stock.fit(X, y)
    assert len(stock.cv_results_["params"]) == 11


TUNED = [
    MLPClassifier(),
    MLPClassifier(solver="sgd"),
    MLPRegressor(),
    Whitener(),
    Standardizer(),
]


@pytest.mark.parametrize("estimator", TUNED, ids=repr)
def test_default_ranges_have_the_defaults_well_inside(estimator):
    """A tenth of the range from either end, unless nothing lies beyond: 0, a single layer, no decay."""
    space = search_space(estimator, include=list(dimensions_of(estimator)))
    own = present_params(estimator, {name: Axis.of(given) for name, given in space.items()})
    for name, dimension in space.items():
        if isinstance(dimension, Categorical):
            assert own[name] in dimension.categories, name
        elif own[name] != 0 and (name, own[name]) != ("depth", 1):
            low, high, value = dimension.low, dimension.high, own[name]
            if dimension.prior == "log-uniform":
                low, high, value = np.log([low, high, value])
            assert 0.1 <= (value - low) / (high - low) <= 0.9, (name, own[name], dimension)
