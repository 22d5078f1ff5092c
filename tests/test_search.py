"""The search: what it does as scikit-learn's and scikit-optimize's do, and that it finds."""

import copy
import os
import pickle
import subprocess
import sys
from contextlib import nullcontext

import joblib
import numpy as np
import pytest
import sklearn
import skopt
from landscape import PIPELINE, SPACE, TOLD_ELSEWHERE, Landscape, X, results_without_times, search, y
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import KFold, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from skopt.callbacks import DeadlineStopper
from skopt.space import Categorical, Integer, Real

from sknn6 import (
    BayesSearchCV,
    MLPClassifier,
    search_space,
)
from sknn6.estimators.recipes import MANY_ROWS, recipe_for
from sknn6.search.proposals import Proposals
from sknn6.search.space import dimensions_of

pytestmark = TOLD_ELSEWHERE


def test_search_over_a_pipeline():
    """What three searches gain has the mean .17, .11 and .05 for three draws of the data."""
    space = search_space(PIPELINE, exclude="batch_size")
    searches = [
        BayesSearchCV(PIPELINE, space, n_iter=8, cv=3, random_state=seed).fit(X, y) for seed in range(3)
    ]
    own = cross_val_score(PIPELINE, X, y, cv=3).mean()
    assert np.mean([found.best_score_ for found in searches]) > own + 0.02
    for found in searches:
        assert found.best_score_ == found.cv_results_["mean_test_score"].max()
        assert found.predict(X).shape == y.shape
        assert set(found.best_params_) == set(space)


def test_the_estimators_own_parameters_come_first():
    found = search(Landscape(rate=1e-2, width=20, kind="good")).fit(X, y)
    assert found.cv_results_["params"][0] == {"kind": "good", "rate": 1e-2, "width": 20}
    assert found.optimizer_results_[0].x_iters[0] == ["good", 1e-2, 20]


def test_the_networks_own_shape_comes_first_as_width_and_depth():
    """(32, 32) is two layers of 32 and "auto" what the recipe has; the very same model."""
    mlp = MLPClassifier((32, 32), max_iter=3, random_state=0)
    first = BayesSearchCV(mlp, search_space(mlp), n_iter=1, cv=3, random_state=0).fit(X, y)
    params = first.cv_results_["params"][0]
    assert (params["hidden_layer_sizes"], params["depth"], params["batch_size"]) == (32, 2, 100)
    assert params["learning_rate_init"] == 0.02


def test_own_parameters_outside_of_the_space_do_not_come_first():
    """A category that is not there, None for a number. A number beyond the range is brought to its border."""
    found = search(Landscape(kind="neither")).fit(X, y)
    beyond = search(Landscape(rate=10.0), n_iter=1).fit(X, y)
    assert beyond.best_params_ == {"kind": "flat", "rate": 1.0, "width": 10}
    assert all(params["kind"] in ("flat", "good") for params in found.cv_results_["params"])


@pytest.mark.soak  # eighty evaluations
def test_it_finds_more_than_random_search():
    """Mean over four seeds, 20 evaluations each, of the best value of a function whose optimum is 1.2."""
    bests = {"ours": [], "random": []}
    for seed in range(4):
        ours = search(Landscape(rate=1e-5, width=100), n_iter=20, cv=2, random_state=seed).fit(X[:6], y[::25])
        bests["ours"].append(ours.best_score_)
        dimensions = [copy.deepcopy(SPACE[name]) for name in sorted(SPACE)]
        points = skopt.Space(dimensions).rvs(20, random_state=seed)
        bests["random"].append(
            max(Landscape(**dict(zip(sorted(SPACE), point, strict=True))).score(X, y) for point in points)
        )
    distances = {name: 1.2 - np.mean(values) for name, values in bests.items()}
    assert distances["ours"] < distances["random"] / 3


@pytest.mark.parametrize(
    "categories",
    [
        [(64,), (64, 64)],
        [[1, 2], [3]],
        [None, "a", 3],
        [True, 1, "1", 1.0],
        [GaussianNB(), DecisionTreeClassifier(), None],
        [(1,), None, "x", [2]],
    ],
    ids=str,
)
def test_categories_may_be_anything(categories):
    hashable = not any(isinstance(value, list) for value in categories)
    for given in [categories, Categorical(categories)] if hashable else [categories]:
        found = search(space={"shape": given, "rate": SPACE["rate"]}, n_iter=9).fit(X, y)
        tried = [params["shape"] for params in found.cv_results_["params"]]
        assert all(any(value is c or (type(value) is type(c) and value == c) for c in categories) or
                   type(value) in map(type, categories) for value in tried)  # fmt: skip
        assert len({repr(value) for value in tried}) == len(categories)
        (result,) = found.optimizer_results_
        shape = result.space.dimensions[1].transform([point[1] for point in result.x_iters])
        assert len(np.unique(shape, axis=0)) == len(categories)  # skopt.plots can tell them apart


def test_parameters_are_of_pythons_own_types():
    found = search(n_iter=9).fit(X, y)
    for params in found.cv_results_["params"]:
        assert [type(params[name]) for name in sorted(params)] == [str, float, int]


def test_the_users_dimensions_stay_as_they_are():
    space = {"rate": Real(1e-5, 1.0, "log-uniform"), "kind": Categorical(["flat", "good"])}
    before = {name: pickle.dumps(dimension) for name, dimension in space.items()}
    search(space=space, optimizer_kwargs={"base_estimator": "GP"}).fit(X, y)
    assert {name: pickle.dumps(dimension) for name, dimension in space.items()} == before


def test_total_iterations():
    assert search().total_iterations == 8
    assert search(space=[(SPACE, 3), {"width": Integer(1, 9)}], n_iter=5).total_iterations == 8


def test_several_spaces_are_searched_in_turn():
    spaces = [
        ({"model": Categorical([GaussianNB()])}, 1),
        ({"model": [SVC()], "model__C": Real(0.1, 10.0)}, 3),
    ]
    found = BayesSearchCV(Pipeline([("model", GaussianNB())]), spaces, cv=3, random_state=0).fit(X, y)
    kinds = [type(params["model"]).__name__ for params in found.cv_results_["params"]]
    assert kinds == ["GaussianNB", "SVC", "SVC", "SVC"]
    assert found.cv_results_["param_model__C"].mask.tolist() == [True, False, False, False]
    assert len(found.optimizer_results_) == 2
    assert found.optimizer_results_[1].x[0] == "SVC()"


def test_the_same_seed_gives_the_same_search_whatever_n_jobs():
    first, again, parallel = (search(n_iter=7, n_jobs=n).fit(X, y).cv_results_["params"] for n in (1, 1, 2))
    assert first == again == parallel
    assert search(n_iter=7, random_state=1).fit(X, y).cv_results_["params"] != first


def test_several_points_at_a_time():
    found = search(n_iter=10, n_points=3).fit(X, y)
    assert len(found.cv_results_["params"]) == 10
    assert len({str(params) for params in found.cv_results_["params"]}) == 10


def process_id(estimator, X, y):
    return float(os.getpid())


def test_n_jobs_of_the_context_is_used():
    with joblib.parallel_backend("loky", n_jobs=2):
        found = search(n_iter=2, scoring=process_id).fit(X, y)
    assert (found.cv_results_["split0_test_score"] != os.getpid()).all()


def test_all_candidates_have_the_same_splits():
    """Also if cv would draw new ones: the same classifier scores the same each time."""
    tree = Pipeline([("model", DecisionTreeClassifier(max_depth=1, random_state=0))])
    found = BayesSearchCV(tree, {"model__random_state": [0, 1, 2]}, n_iter=3, cv=KFold(3, shuffle=True))
    found.fit(X, y)
    for i in range(3):
        assert len(set(found.cv_results_[f"split{i}_test_score"])) == 1


def test_metadata_are_routed():
    with sklearn.config_context(enable_metadata_routing=True):
        estimator = Landscape().set_fit_request(sample_weight=True)
        found = search(estimator, n_iter=2).fit(X, y, sample_weight=np.ones(len(y)))
        search(Landscape(), n_iter=2).fit(X, y)
    assert found.best_estimator_.weighted_


def worst(results):
    return int(np.argmin(results["mean_test_score"]))


def test_refit_may_be_callable():
    found = search(refit=worst).fit(X, y)
    assert found.best_index_ == np.argmin(found.cv_results_["mean_test_score"])


def test_several_scorers_need_one_to_guide():
    scoring = {"accuracy": "accuracy", "other": make_scorer(accuracy_score)}
    found = search(LogisticRegression(), {"C": Real(0.01, 10.0)}, scoring=scoring, refit="other").fit(X, y)
    assert found.best_score_ == found.cv_results_["mean_test_other"].max()
    with pytest.raises(ValueError, match="refit"):
        search(LogisticRegression(), {"C": Real(0.01, 10.0)}, scoring=scoring, refit=True).fit(X, y)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"fit_params": {"sample_weight": y}}, "fit_params must be None, got {.sample_weight"),
        ({"n_iter": 0}, "n_iter must be an int of at least 1, got 0"),
        ({"n_points": 1.5}, "n_points must be an int of at least 1, got 1.5"),
    ],
)
def test_bad_parameters_are_named(params, message):
    with pytest.raises(ValueError, match=message):
        search(**params).fit(X, y)


@pytest.mark.parametrize(
    ("space", "error"), [({}, ValueError), ({"rate": "1 ... 2"}, ValueError), (["rate"], TypeError)]
)
def test_bad_spaces_are_refused_as_scikit_optimize_does(space, error):
    with pytest.raises(error):
        BayesSearchCV(Landscape(), space)


@pytest.mark.parametrize("given", [range(1, 20), "rbf", 3, None])
def test_what_is_no_dimension_is_refused_by_the_name_of_its_parameter(given):
    for space in ({"C": given}, [({"C": given}, 3)], [{"tol": (1, 2)}, {"C": given}]):
        with pytest.raises(ValueError, match="search_spaces needs for 'C' a dimension of ") as told:
            BayesSearchCV(SVC(), space)
        assert f"got {given!r}. " in str(told.value)


@pytest.mark.parametrize(
    ("space", "error", "message"),
    [
        ({"C": (0.0, 1.0, "log-uniform")}, ValueError, "got .0.0, 1.0, 'log-uniform'.. .*contain 0"),
        ({"C": (0.1, 1.0, "loguniform")}, ValueError, "prior .* must be one of .*, got 'loguniform'"),
        (({"C": (0.1, 1.0)}, 2), None, None),
        ([({"C": (0.1, 1.0)}, 0)], ValueError, "at least 1 candidate for each space, got 0"),
        ({"C": []}, ValueError, "search_spaces needs for 'C' .*must not be empty"),
        (({"C": (0.1, 1.0)}, {"tol": (0.1, 1.0)}), TypeError, "search_spaces must be a dict"),
        (None, TypeError, "search_spaces must be a dict, or a list .*, got None"),
    ],
)
def test_what_is_wrong_with_a_space_is_told(space, error, message):
    with pytest.raises(error, match=message) if error else nullcontext():
        BayesSearchCV(SVC(), space)


def test_a_list_is_one_of_categories():
    """Also of two numbers, as in a grid, and as an array."""
    for given in ([8, 64], np.array([8, 64])):
        widths = search(space={"width": given}, n_iter=2).fit(X, y).cv_results_["param_width"]
        assert sorted(widths) == [8, 64]


@pytest.mark.parametrize("own", [(100,), "16", "auto", (8, 8)])
def test_the_own_value_is_evaluated_first(own):
    """As it stands among the categories, not as the number that it means."""
    space = {"hidden_layer_sizes": [(50,), "8", own, 20]}
    found = BayesSearchCV(
        MLPClassifier(own, max_iter=1, ensemble_size=1), space, n_iter=1, cv=2, random_state=0
    )
    assert found.fit(X, y).best_params_["hidden_layer_sizes"] == own


@pytest.mark.parametrize("n_rows", [MANY_ROWS - 1, MANY_ROWS])
def test_the_own_values_are_those_of_a_fit_on_all_rows(n_rows):
    """What is "auto" depends on their number; a list of decays becomes a number, their geometric mean."""
    many = np.random.default_rng(0).normal(size=(n_rows, 2))
    names = ["batch_size", "depth", "dropout", "hidden_layer_sizes", "learning_rate_init", "weight_decay"]
    space = {name: dimensions_of(MLPClassifier())[name] for name in names}
    model = MLPClassifier(max_iter=1, ensemble_size=1)
    found = BayesSearchCV(model, space, n_iter=1, cv=2, refit=False).fit(many, many[:, 0] > 0)
    recipe = recipe_for("modern", n_rows)
    widths, decays = recipe["hidden_layer_sizes"], recipe["weight_decay"]
    expected = {name: recipe[name] for name in ("batch_size", "dropout", "learning_rate_init")} | {
        "hidden_layer_sizes": widths[0],
        "depth": len(widths),
        "weight_decay": pytest.approx(np.sqrt(np.min(decays) * np.max(decays))),
    }
    assert found.cv_results_["params"] == [expected]


@pytest.mark.parametrize("index", [10, None], ids=["out of range", "raises"])
def test_results_are_kept_if_the_users_choice_of_the_best_fails(index):
    def choose(results):
        return {}["none"] if index is None else index

    found = search(n_iter=2, refit=choose)
    for _ in range(2):  # a search before leaves nothing behind
        with pytest.warns(UserWarning, match=r"no best_estimator_\. cv_results_ has what was found"):
            found.fit(X, y)
        assert len(found.cv_results_["params"]) == 2
        assert not hasattr(found, "best_params_")
        found.set_params(refit=True).fit(X, y)
        found.set_params(refit=choose)


def test_parameters_that_a_category_lacks_make_a_failed_candidate():
    """As an invalid value does; scikit-learn's own search would end."""
    space = {"scale": [StandardScaler(), MaxAbsScaler()], "scale__with_mean": [False, True]}
    pipeline = Pipeline([("scale", StandardScaler()), ("model", GaussianNB())])
    with pytest.warns(UserWarning, match="2 of 4 candidates failed .* Invalid parameter 'with_mean'"):
        found = BayesSearchCV(pipeline, space, n_iter=4, cv=2, random_state=0).fit(X, y)
    scores = found.cv_results_["mean_test_score"]
    scalers = [type(params["scale"]) for params in found.cv_results_["params"]]
    assert [np.isnan(score) for score in scores] == [scaler is MaxAbsScaler for scaler in scalers]
    strict = BayesSearchCV(pipeline, space, n_iter=4, cv=2, random_state=0, error_score="raise")
    with pytest.raises(ValueError, match="Invalid parameter 'with_mean'"):
        strict.fit(X, y)


def test_unknown_names_are_found_before_the_first_fit():
    """In whichever space; those of estimators that are categories are known."""
    pipeline = Pipeline([("model", SVC())])
    forest = {"model": [DecisionTreeClassifier(), SVC()], "model__max_depth": (1, 3)}
    for unknown in ({"model__depth": (1, 3)}, {"modle__C": (0.1, 1.0)}, forest | {"model__": [1]}):
        found = search(pipeline, [({"model__C": (0.1, 1.0)}, 1), (unknown, 1)], scoring=never_called)
        name = next(iter(set(unknown) - set(forest)))
        with pytest.raises(ValueError, match=f"search_spaces must have names .*, Pipeline, got '{name}'"):
            found.fit(X, y)
    space = {"model": [DecisionTreeClassifier()], "model__max_depth": (1, 3)}
    assert search(pipeline, [space], n_iter=1).fit(X, y).best_params_["model__max_depth"] in (1, 2, 3)


def never_called(estimator, X, y):
    raise AssertionError("a fit was made before the names were looked at")


class Generous(Landscape):
    """An estimator that takes parameters beyond those that it shows, as CatBoost's do."""

    def set_params(self, **params):
        vars(self).update(params)
        return self


def test_an_estimator_may_take_parameters_that_it_does_not_show():
    space = {"rate": SPACE["rate"], "hidden": Categorical([1, 2])}
    assert len(search(Generous(), space, n_iter=2).fit(X, y).cv_results_["params"]) == 2


@pytest.mark.parametrize(
    "kwargs",
    [
        {"n_initial_points": 0},
        {"n_initial_points": 1},
        {"n_initial_points": 3, "initial_point_generator": "random"},
    ],
)
def test_arguments_of_the_optimizer_are_its_own(kwargs):
    """They are passed on; n_initial_points counts the estimator's own parameters."""
    found = search(n_iter=5, optimizer_kwargs=kwargs).fit(X, y)
    assert len({str(params) for params in found.cv_results_["params"]}) == 5
    by_default = search(n_iter=5).fit(X, y)
    assert found.cv_results_["params"] != by_default.cv_results_["params"]


def few_in_wide_layers(point):
    kind, rate, width = point
    return kind == "good" or (width <= 3 and rate < 1e-2)


@pytest.mark.parametrize("generator", ["lhs", "random"])
def test_every_candidate_keeps_a_constraint(generator):
    """It gets the values in the order of their names, as in scikit-optimize's own search."""
    kwargs = {"space_constraint": few_in_wide_layers, "initial_point_generator": generator}
    found = search(Landscape(kind="flat", width=9), n_iter=16, optimizer_kwargs=kwargs).fit(X, y)
    points = [[params[name] for name in sorted(params)] for params in found.cv_results_["params"]]
    assert all(map(few_in_wide_layers, points))
    assert any(point[0] == "flat" for point in points)


def test_a_small_space_has_the_points_that_a_constraint_allows():
    space = {"kind": ["flat", "good"], "width": Integer(1, 3)}
    kwargs = {"space_constraint": lambda point: point[0] == "good" or point[1] == 1}
    with pytest.warns(UserWarning, match="has only 4 points"):
        found = search(space=space, n_iter=9, optimizer_kwargs=kwargs).fit(X, y)
    assert sum(params["kind"] == "good" for params in found.cv_results_["params"]) == 3
    with pytest.raises(ValueError, match=r"space_constraint must allow a point of the space of \['kind'"):
        search(space=space, optimizer_kwargs={"space_constraint": lambda point: False}).fit(X, y)


def test_points_are_proposed_again_where_a_constraint_allows_no_others():
    """There are 40000 points, too many to list, of which 200 are allowed."""
    space = {"rate": Integer(1, 200), "width": Integer(1, 200)}
    kwargs = {"space_constraint": lambda point: point[1] == 1, "n_initial_points": 230}
    proposals = Proposals(space, [0], kwargs)
    assert len(proposals.initial) == 230
    assert 150 < len(set(map(tuple, proposals.initial))) <= 200


def test_gradients_need_a_process_at_each_step():
    """Trees have no gradient by which L-BFGS could maximise the acquisition function."""
    space = {"rate": (1e-5, 1.0, "log-uniform"), "width": (1.0, 9.0)}
    found = search(space=space, n_iter=9, optimizer_kwargs={"acq_optimizer": "lbfgs"}).fit(X, y)
    assert len(found.cv_results_["params"]) == 9


@pytest.mark.parametrize("wrong", ["random_state", "dimensions", "no_such"])
def test_arguments_that_the_optimizer_does_not_have_are_named(wrong):
    with pytest.raises(ValueError, match=rf"optimizer_kwargs must have .* got \['{wrong}'\]"):
        search(optimizer_kwargs={wrong: 3}).fit(X, y)


def test_the_older_name_of_the_number_of_initial_points():
    older = search(optimizer_kwargs={"n_random_starts": 3}).fit(X, y)
    assert older.best_params_ == search(optimizer_kwargs={"n_initial_points": 3}).fit(X, y).best_params_


@pytest.mark.parametrize("refit", [False, lambda results: 0])
def test_one_score_by_name_is_ambiguous_for_no_refit(refit):
    """As in scikit-learn; with several, `refit` must name the one that guides the search."""
    found = search(scoring={"accuracy": "accuracy"}, refit=refit).fit(X, y)
    assert hasattr(found, "best_estimator_") == bool(refit)
    with pytest.raises(ValueError, match="'refit' parameter must be set to a scorer key"):
        search(scoring={"accuracy": "accuracy", "f1": "f1_macro"}, refit=refit).fit(X, y)


def test_clone_and_pickle():
    found = clone(search()).fit(X, y, callback=lambda result: False)
    again = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(again.predict(X), found.predict(X))
    assert again.best_params_ == found.best_params_


def test_callbacks_see_the_result_so_far_and_can_end_the_search():
    seen = []

    def callback(result):
        seen.append((len(result.x_iters), result.fun))
        return len(seen) == 3

    with pytest.warns(UserWarning, match=r"callback>? .* returned True, which ends the search after 3 of 13"):
        found = search(space=[(SPACE, 5), SPACE]).fit(X, y, callback=callback)
    assert [n for n, _ in seen] == [1, 2, 3]
    assert seen[-1][1] == pytest.approx(-found.best_score_)
    assert len(found.cv_results_["params"]) == 3


def test_a_callback_that_returns_something_true_ends_the_search_and_is_told():
    """As tqdm's update does; those that are there to end a search need no warning."""
    with pytest.warns(UserWarning, match=r"callback .* returned 'yes', which ends the search after 1 of 8"):
        assert len(search().fit(X, y, callback=[lambda _: None, lambda _: "yes"]).cv_results_["params"]) == 1
    assert len(search().fit(X, y, callback=DeadlineStopper(0)).cv_results_["params"]) == 1


@pytest.mark.parametrize("n_points", [1, 3])
def test_each_point_of_a_small_space_is_evaluated_once(n_points, tmp_path):
    space = {"kind": ["flat", "good"], "width": (36, 39), "rate": [5e-3]}

    def fit(**params):
        return search(space=space, n_points=n_points, **params).fit(X, y)

    with pytest.warns(UserWarning, match="The space of .* has only 8 points, n_iter is 20"):
        found = fit(n_iter=20, checkpoint=tmp_path / "search")
    points = [tuple(params.values()) for params in found.cv_results_["params"]]
    assert sorted(points) == [(kind, 5e-3, width) for kind in ("flat", "good") for width in (36, 37, 38, 39)]
    assert found.best_params_ == {"kind": "good", "rate": 5e-3, "width": 37}
    with pytest.warns(UserWarning, match="only 8 points"):
        again = fit(n_iter=20, checkpoint=tmp_path / "search")
    assert results_without_times(again) == results_without_times(found)
    assert fit(n_iter=8).cv_results_["params"] == found.cv_results_["params"]


def test_each_point_of_a_large_discrete_space_is_evaluated_once():
    """Of 20000 points, of which a coarse model of the scores proposes a few again and again."""
    space = {"width": Integer(1, 10_000), "kind": Categorical(["flat", "good"])}
    proposals = Proposals(space, [0], {"base_estimator": "RF", "acq_func": "LCB"})
    points = []
    for _ in range(12):
        ((_, point),) = proposals.ask(points, [-abs(point[1] - 5000) for point in points], 1)
        points.append(point)
    assert len(set(map(tuple, points))) == 12
    for i, point in enumerate(points):
        other = proposals._unlike(points, point)
        assert tuple(other) not in set(map(tuple, points))
        assert other == proposals._unlike(points, points[i])


def test_importing_the_package_does_not_import_scikit_optimize():
    code = (
        "import sknn6, sys; assert {*sknn6.__all__} <= {*dir(sknn6)}; assert 'skopt' not in sys.modules; "
        "sknn6.search_space; sys.modules['skopt']"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("own", [2.7, 1.0, True, np.nan])
def test_on_an_axis_of_integers_only_an_integer_comes_first(own):
    """1.0 may mean something else than 1: of a forest's `max_features`, all instead of one."""
    found = search(Landscape(width=own), {"width": Integer(1, 4)}, n_iter=4).fit(X, y)
    assert sorted(params["width"] for params in found.cv_results_["params"]) == [1, 2, 3, 4]
    assert {type(params["width"]) for params in found.cv_results_["params"]} == {int}


@pytest.mark.parametrize("own", [1.0, np.float64(1.0), np.int64(1)])
@pytest.mark.parametrize("categories", [[10, 1, 100], [0.1, 1.0, 10.0], np.array([0.1, 1.0, 10.0])])
def test_a_number_of_another_type_is_the_same_category(own, categories):
    found = search(Landscape(rate=own), {"rate": categories}, n_iter=2).fit(X, y)
    assert found.cv_results_["params"][0] == {"rate": 1.0}


def test_a_number_is_the_category_of_its_own_type_first():
    found = search(Landscape(shape=1.0), {"shape": [True, 1, 1.0]}, n_iter=2).fit(X, y)
    first = found.cv_results_["params"][0]["shape"]
    assert (first, type(first)) == (1.0, float)


@pytest.mark.parametrize(
    ("spaces", "error"),
    [({}, ValueError), ([], ValueError), ([({"rate": (1, 2)}, 0)], ValueError), ("abc", TypeError)],
)
def test_spaces_that_are_set_later_are_checked_too(spaces, error):
    with pytest.raises(error, match="search_spaces"):
        search().set_params(search_spaces=spaces).fit(X, y)


class ArrayLike:
    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return np.array(self.array, dtype)


def test_what_can_be_made_an_array_is_searched_on():
    spaces = {"C": (1e-2, 1e2, "log-uniform")}
    models = [search(LogisticRegression(), spaces, n_iter=2) for _ in range(2)]
    expected, found = models[0].fit(X, y), models[1].fit(ArrayLike(X), ArrayLike(y))
    assert results_without_times(found) == results_without_times(expected)
