"""Settings: what the parameters of an estimator amount to in one training."""

import numpy as np
import pytest

from sknn6 import MLPClassifier, MLPRegressor
from sknn6._sklearn_compat import InvalidParameterError
from sknn6.estimators.recipes import MODERN, PLAIN, RECIPES
from sknn6.estimators.settings import for_continuing, for_partial_fit, for_stream, settings_of
from sknn6.nn.schedules import SCHEDULES
from sknn6.training.settings import Settings

ESTIMATORS = [MLPClassifier, MLPRegressor]


def test_every_parameter_is_declared():
    """So that type checkers find a name that is none."""
    parameters = {name for cls in ESTIMATORS for name in cls().get_params()}
    own = {"recipe", "automatic", "given", "continues", "incremental"}
    assert set(Settings.__annotations__) == parameters | own


@pytest.mark.parametrize("recipe", ["auto", *RECIPES])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("cls", ESTIMATORS)
def test_nothing_is_left_to_auto_but_the_rule_of_init(cls, solver, recipe):
    settings = settings_of(cls(solver=solver, recipe=recipe))
    auto = {name for name, value in vars(settings).items() if isinstance(value, str) and value == "auto"}
    assert auto <= {"init"}


@pytest.mark.parametrize(
    ("params", "recipe"),
    [
        ({}, MODERN),
        ({"solver": "sgd"}, PLAIN),
        ({"solver": "lbfgs"}, PLAIN),
        ({"recipe": "plain"}, PLAIN),
        ({"recipe": "modern", "solver": "sgd"}, MODERN),
    ],
    ids=str,
)
def test_a_recipe_is_chosen_by_name_or_by_the_solver(params, recipe):
    settings = settings_of(MLPClassifier(**params))
    own = recipe.keys() & settings.given.keys()
    assert {name: getattr(settings, name) for name in own} == {name: recipe[name] for name in own}


def test_a_recipe_that_is_added_can_be_chosen(monkeypatch):
    monkeypatch.setitem(RECIPES, "slow", PLAIN | {"max_iter": 3, "learning_rate_init": 1e-5})
    model = MLPClassifier(4, recipe="slow", learning_rate_init=0.1, random_state=0)
    with pytest.warns(UserWarning, match="max_iter=3 epochs were run"):
        model.fit(np.eye(4), [0, 1, 0, 1])
    assert [record["learning_rate"] for record in model.history_] == [0.1] * 3  # what is given, stays


def test_a_recipe_that_is_added_can_be_left_in_a_warm_start(monkeypatch):
    """The network keeps its size."""
    monkeypatch.setitem(RECIPES, "small", PLAIN | {"hidden_layer_sizes": (3,), "max_iter": 3, "tol": 0})
    model = MLPClassifier(recipe="small", warm_start=True, early_stopping=True, random_state=0)
    X, y = np.tile(np.eye(4), (10, 1)), np.arange(40) % 2
    with pytest.warns(UserWarning, match="max_iter=3 epochs were run"):
        model.fit(X, y)
    model.set_params(recipe="modern").fit(X, y)
    assert [W.shape for W in model.coefs_] == [(4, 3), (3, 1)]


def test_a_recipe_that_there_is_not_is_refused():
    with pytest.raises(InvalidParameterError, match=r"'recipe' parameter .* must be a str among"):
        MLPClassifier(recipe="ancient").fit(np.eye(4), [0, 1, 0, 1])


def test_numbers_are_pythons():
    """127 * 4 in NumPy's int8 is -4."""
    settings = settings_of(MLPClassifier(np.int8(4), batch_size=np.int8(127), alpha=np.float16(0.5)))
    assert type(settings.batch_size) is int
    assert settings.batch_size * 4 == 508
    assert type(settings.alpha) is float


@pytest.mark.parametrize(("rows", "rate"), [(1, 0.002), (25, 0.01), (100, 0.02), (5000, 0.02)], ids=str)
def test_the_rate_in_stream_is_by_the_root_of_the_rows(rows, rate):
    """0.02 sqrt(b / 100), b the rows of an update, at most 100."""
    settings = settings_of(MLPClassifier())
    assert for_stream(settings, rows).learning_rate_init == pytest.approx(rate)


def test_what_goes_on_learns_at_a_thousandth_at_most():
    for model, rate in (
        (MLPClassifier(), 0.001),
        (MLPRegressor(), 0.001),
        (MLPRegressor(learning_rate_init=0.5), 0.5),
    ):
        assert for_continuing(settings_of(model), model, 100).learning_rate_init == rate


@pytest.mark.parametrize("name", SCHEDULES)
def test_one_epoch_follows_no_plan(name):
    """A schedule along max_iter has no say in a call of partial_fit, as for sgd's in another solver."""
    for solver in ("adam", "sgd"):
        settings = settings_of(MLPClassifier(learning_rate=name, solver=solver, learning_rate_init=0.5))
        schedule = SCHEDULES[name]
        has_say = not schedule.follows_plan and (solver == "sgd" or not schedule.for_sgd)
        one = for_partial_fit(settings)
        assert one.schedule is SCHEDULES[name if has_say else "constant"]
        assert one.max_iter == 1
        rates = [one.rate(fraction, samples=80, plateaus=2) for fraction in (0.0, 0.5, 0.9)]
        assert len(set(rates)) == 1


@pytest.mark.parametrize(
    ("loss", "recipe"),
    [
        ("quantile", "modern_quantiles"),
        ("huber", "modern_regression"),
        ("poisson", "modern_positive"),
        ("gamma", "modern_positive"),
    ],
)
def test_some_losses_have_a_recipe_of_their_own(loss, recipe):
    """Without an embedding, with which the quantiles of the training rows do not hold for others."""
    assert settings_of(MLPRegressor(loss)).recipe == RECIPES[recipe]
    assert RECIPES["modern_quantiles"]["numeric_embedding"] is None
