"""The search: its space, that it goes on whatever happens, that it can be taken up again, that it finds."""

import copy
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
import warnings
from importlib.metadata import version

import joblib
import numpy as np
import pytest
import sklearn
import skopt
from ctrl_c import CtrlC, default_handler, in_a_cell  # noqa: F401
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, make_scorer, zero_one_loss
from sklearn.model_selection import GroupKFold, KFold, RandomizedSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from skopt.callbacks import DeadlineStopper
from skopt.space import Categorical, Integer, Real

from sknn6 import (
    BayesSearchCV,
    MLPClassifier,
    MLPRegressor,
    Standardizer,
    Whitener,
    plaindata,
    search_space,
)
from sknn6.nn.activations import ACTIVATIONS
from sknn6.search.borders import at_border
from sknn6.search.proposals import Proposals, bounded_losses
from sknn6.search.space import dimensions_of, present_params

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:The best .* lies on the border"),
    pytest.mark.filterwarnings("ignore:batch_size=.* is larger than"),
]

try:
    from sklearn.callback import ScoringMonitor
except ImportError:  # before scikit-learn 1.9
    ScoringMonitor = None

X, y = load_iris(return_X_y=True)
PIPELINE = Pipeline(
    [
        ("scale", Standardizer()),
        ("whiten", Whitener(eps=0.1)),
        ("mlp", MLPClassifier(16, max_iter=5, random_state=0)),
    ]
)


class Landscape(ClassifierMixin, BaseEstimator):
    """An estimator whose score is a known function of its parameters."""

    def __init__(self, rate=1.0, width=10, kind="flat", shape=None, fail=False, result=None):
        self.rate, self.width, self.kind, self.shape = rate, width, kind, shape
        self.fail, self.result = fail, result

    def fit(self, X, y, sample_weight=None):
        if self.fail or self.kind == "broken":
            raise RuntimeError("this candidate cannot be fitted")
        self.classes_, self.weighted_ = np.unique(y), sample_weight is not None
        return self

    def predict(self, X):
        return np.zeros(len(X), int)

    def score(self, X, y):
        if self.result is not None:
            return self.result
        rate = max(self.rate, 1e-9)
        bonus = {"flat": 0.0, "good": 0.2, "broken": 0.0}.get(self.kind, 0.0)
        return 1 - (np.log10(rate) + 2.3) ** 2 / 10 - (self.width - 37) ** 2 / 5000 + bonus


SPACE = {
    "rate": Real(1e-5, 1e0, "log-uniform"),
    "width": Integer(1, 100),
    "kind": Categorical(["flat", "good"]),
}


def search(estimator=None, space=None, **params):
    params = {"n_iter": 8, "cv": 3, "random_state": 0} | params
    return BayesSearchCV(
        Landscape() if estimator is None else estimator, SPACE if space is None else space, **params
    )


# The space


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
        ({"mlp_depth": Integer(1, 2)}, r"need the name of a parameter of the estimator, got \['mlp_depth'\]"),
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


# The search


def test_search_over_a_pipeline():
    found = BayesSearchCV(
        PIPELINE, search_space(PIPELINE, exclude="batch_size"), n_iter=8, cv=3, random_state=0
    )
    found.fit(X, y)
    assert found.best_score_ > 2 / 3  # what two of the three classes taken for one would have
    assert found.best_score_ == found.cv_results_["mean_test_score"].max()
    assert found.predict(X).shape == y.shape
    assert set(found.best_params_) == set(search_space(PIPELINE, exclude="batch_size"))


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


# Failures


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
def test_candidates_that_fail_are_recorded_and_the_search_goes_on():
    space = SPACE | {"kind": Categorical(["broken", "good"])}
    with pytest.warns(UserWarning, match=r"\d of 12 candidates failed .* this candidate cannot be fitted"):
        found = search(space=space, n_iter=12).fit(X, y)
    results = found.cv_results_
    broken = np.array([params["kind"] == "broken" for params in results["params"]])
    assert 0 < broken.sum() < 12
    np.testing.assert_array_equal(results["failed"], broken)
    assert np.isnan(results["mean_test_score"][broken]).all()
    assert np.isnan(results["split0_test_score"][broken]).all()
    assert results["rank_test_score"][broken].min() == 1 + (~broken).sum()
    assert found.best_params_["kind"] == "good"
    assert {len(column) for column in results.values()} == {12}


@pytest.mark.filterwarnings("ignore:The space of .* has only 3 points")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_are_recorded_and_never_the_best(value):
    space = {"result": Categorical([value, 0.5, 0.6])}
    with pytest.warns(UserWarning, match="1 of 3 candidates failed or had no finite score"):
        found = search(space=space, n_iter=9).fit(X, y)
    scores = found.cv_results_["mean_test_score"]
    assert (~np.isfinite(scores)).any()
    assert found.best_score_ == 0.6
    assert np.isfinite(found.optimizer_results_[0].func_vals).all()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
def test_a_search_of_which_nothing_can_be_fitted_says_so():
    with pytest.raises(ValueError, match=r"(?s)None of the 8 candidates could be fitted.*cannot be fitted"):
        search(Landscape(fail=True)).fit(X, y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
@pytest.mark.filterwarnings("ignore:.* failed or had no finite score")
@pytest.mark.parametrize("error_score", [np.nan, 0.0])
@pytest.mark.parametrize("n_points", [1, 3])
def test_failed_is_a_candidate_all_of_whose_fits_failed(n_points, error_score, tmp_path):
    """However many are evaluated together; the search can be taken up again after its end."""
    space = SPACE | {"kind": Categorical(["broken", "good"])}
    params = {"space": space, "n_points": n_points, "error_score": error_score, "n_iter": 5}
    params |= {"checkpoint": tmp_path / "search"}
    for found in (search(**params).fit(X, y), search(**params).fit(X, y)):
        results = found.cv_results_
        broken = np.array([params["kind"] == "broken" for params in results["params"]])
        assert 0 < broken.sum() < 5
        np.testing.assert_array_equal(results["failed"], broken)
        np.testing.assert_array_equal(results["mean_test_score"][broken], error_score)
        np.testing.assert_array_equal(results["std_test_score"][broken], 0 * error_score)


def test_some_failed_fits_do_not_make_a_failed_candidate():
    class Picky(Landscape):
        def fit(self, X, y):
            if X[0, 0] == 5.1 and self.rate > 0:  # the first row of the data
                raise RuntimeError("not with this row")
            return super().fit(X, y)

    with pytest.warns(FitFailedWarning, match="not with this row"):
        found = search(Picky(), cv=KFold(3), error_score=0.0, n_iter=2, refit=False).fit(X, y)
    assert not found.cv_results_["failed"].any()
    np.testing.assert_array_equal(found.cv_results_["split1_test_score"], 0)


@pytest.mark.parametrize("error_score", [0.0, 5.0])
def test_a_failed_candidate_is_never_the_best(error_score):
    """Though its score is higher than all others, which the model of the scores does not see either."""
    space = {"kind": Categorical(["broken", "flat"]), "rate": SPACE["rate"], "result": Categorical([-1.0])}
    with pytest.warns(UserWarning, match=r"\d of 6 candidates failed .* this candidate cannot be fitted"):
        found = search(space=space, n_iter=6, error_score=error_score).fit(X, y)
    assert found.best_params_["kind"] == "flat"
    assert found.best_score_ == -1.0
    assert found.best_estimator_.kind == "flat"
    assert found.optimizer_results_[0].fun == 1.0


class FailsOnAll(Landscape):
    """An estimator that cannot be fitted on all the rows."""

    def fit(self, X, y):
        if len(X) == 150:
            raise (KeyboardInterrupt if self.shape == "interrupt" else RuntimeError)("too many rows")
        return super().fit(X, y)


@pytest.mark.parametrize("shape", [None, "interrupt"])
def test_results_survive_a_failing_refit(shape):
    found, whole = search(FailsOnAll(shape=shape)), search().fit(X, y)
    with pytest.warns(UserWarning, match=r"The refit .* failed \(\w+: too many rows\), so there is no"):
        in_a_cell(found.fit, X, y)
    assert results_without_times(found) == results_without_times(whole)
    assert (found.best_score_, found.best_params_) == (whole.best_score_, whole.best_params_)
    assert not hasattr(found, "best_estimator_")
    assert len(found.results_frame()) == 8


def test_a_failing_refit_is_an_error_if_it_is_to_be():
    with pytest.raises(RuntimeError, match="too many rows"):
        search(FailsOnAll(), error_score="raise").fit(X, y)
    with pytest.raises(KeyboardInterrupt):  # in pytest's loop
        search(FailsOnAll(shape="interrupt")).fit(X, y)


def test_a_search_that_fails_changes_nothing():
    found = search().fit(X, y)
    before = dict(vars(found))
    with pytest.raises(ValueError, match="None of the 8 candidates"):
        found.set_params(estimator=Landscape(fail=True)).fit(X, y)
    assert vars(found) == before | {"estimator": found.estimator}


def test_error_score_raise_ends_the_search():
    with pytest.raises(RuntimeError, match="cannot be fitted"):
        search(Landscape(fail=True), error_score="raise").fit(X, y)


def test_one_bad_score_does_not_set_the_scale():
    """The worst that the model sees is three times as far from the best as the median is."""
    assert bounded_losses([0.9, 0.8, 0.7, -1e300, np.nan]) == pytest.approx([-0.9, -0.8, -0.7, -0.45, -0.45])
    assert bounded_losses([0.9, 0.9, 0.5]) == pytest.approx([-0.9, -0.9, -0.5])
    assert bounded_losses([np.nan, np.inf]) == [0.0, 0.0]


# What it takes of scikit-learn and scikit-optimize


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
        ({"fit_params": {"sample_weight": y}}, "fit_params must be None; give parameters of the fits to fit"),
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
        assert str(told.value).endswith(f"got {given!r}.")


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


@pytest.mark.parametrize("return_train_score", [False, True])
def test_results_are_those_of_grid_search(return_train_score):
    found = search(return_train_score=return_train_score).fit(X, y)
    results = found.cv_results_
    splits = np.array([results[f"split{i}_test_score"] for i in range(3)])
    np.testing.assert_allclose(results["mean_test_score"], splits.mean(axis=0))
    np.testing.assert_array_equal(np.sort(results["rank_test_score"])[0], 1)
    assert ("mean_train_score" in results) == ("rank_train_score" in results) == return_train_score
    assert {"mean_fit_time", "std_score_time", "param_rate", "params"} <= results.keys()


def test_results_frame_has_the_best_first():
    found = search().fit(X, y)
    frame = found.results_frame()
    assert frame.loc[0, "mean_test_score"] == found.best_score_
    assert frame.loc[0, "param_rate"] == found.best_params_["rate"]
    assert frame["rank_test_score"].is_monotonic_increasing
    assert sorted(frame["candidate"]) == list(range(1, 9))


@pytest.mark.parametrize("refit", ["zero_one", "accuracy"])
def test_results_frame_is_sorted_by_the_scorer_of_refit(refit):
    scoring = {"accuracy": "accuracy", "zero_one": make_scorer(zero_one_loss)}  # opposites
    space = {"C": Real(1e-4, 10.0, "log-uniform")}
    frame = (
        search(LogisticRegression(), space, scoring=scoring, refit=refit, n_iter=4).fit(X, y).results_frame()
    )
    assert frame[f"mean_test_{refit}"].is_monotonic_decreasing
    assert frame[f"mean_test_{refit}"].nunique() > 1


# What it tells


@pytest.mark.filterwarnings("default:The best .* lies on the border")
def test_a_best_value_on_the_border_of_its_range_is_told():
    """The lecture: warn if the best value lies on the border. Widths to 11, where 37 is best.

    A width more is worth 0.01, more than all rates of the range differ by; the best rate is in its midst.
    """
    space = {"width": Integer(10, 11), "rate": Real(4e-3, 6e-3)}
    with pytest.warns(UserWarning, match=r"The best width, 11, lies on the border of its range") as told:
        search(Landscape(rate=5e-3, width=10), space=space, n_iter=12).fit(X, y)
    assert not any("best rate" in str(warning.message) for warning in told)


@pytest.mark.filterwarnings("error:The best .* lies on the border")
def test_the_estimators_own_value_is_not_told_to_lie_on_the_border():
    """A search that keeps what the user had does not ask for other ranges."""
    space = {"width": Integer(2, 20), "rate": Real(5e-3, 1e-1, "log-uniform")}
    found = search(Landscape(rate=5e-3, width=20), space, n_iter=1).fit(X, y)
    assert found.best_params_ == {"rate": 5e-3, "width": 20}


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
    own = present_params(estimator, space)
    for name, dimension in space.items():
        if isinstance(dimension, Categorical):
            assert own[name] in dimension.categories, name
        elif own[name] != 0 and (name, own[name]) != ("depth", 1):
            low, high, value = dimension.low, dimension.high, own[name]
            if dimension.prior == "log-uniform":
                low, high, value = np.log([low, high, value])
            assert 0.1 <= (value - low) / (high - low) <= 0.9, (name, own[name], dimension)


@pytest.mark.parametrize(
    ("dimension", "value", "border"),
    [
        (Integer(1, 8), 1, None),  # a depth
        (Real(0.0, 0.5), 0.0, None),
        (Real(0.5, 1.0), 1.0, None),  # a fraction
        (Integer(1, 8), 8, 8),
        (Integer(2, 8), 2, 2),
        (Real(0.0, 0.5), 0.5, 0.5),
        (Real(0.5, 1.0), 0.5, 0.5),
        (Real(1e-5, 1e-1, "log-uniform"), 1.05e-5, 1e-5),
        (Real(1e-5, 1e-1, "log-uniform"), 1.2e-5, None),
    ],
)
def test_the_end_of_what_makes_sense_is_no_border(dimension, value, border):
    """A border is a hundredth of the range; at 0, a depth of 1 or a fraction of 1 there is nothing beyond."""
    (axis,) = Proposals({"x": dimension}, (0, 0), {}).axes.values()
    assert at_border(value, axis) == border


@pytest.mark.filterwarnings("error:The best .* lies on the border")
@pytest.mark.filterwarnings("ignore:1 of 1 candidates failed or had no finite score")
def test_no_border_is_told_without_a_best():
    search(Landscape(rate=5e-1, result=np.nan), {"rate": Real(0.1, 0.5)}, n_iter=1).fit(X, y)


@pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")
def test_a_candidate_that_does_not_converge_is_no_news_of_a_search():
    """Of the network that is refitted, it is."""
    mlp = MLPClassifier(4, ensemble_size=1, max_iter=1, learning_rate="constant", random_state=0)
    space = {"learning_rate_init": Real(1e-5, 1e-3, "log-uniform")}
    search(mlp, space, n_iter=2, refit=False).fit(X, y)
    with pytest.warns(ConvergenceWarning, match="max_iter=1 epochs were run"):
        search(mlp, space, n_iter=2).fit(X, y)


@pytest.mark.filterwarnings("error:batch_size=.* is larger than")
def test_batch_sizes_beyond_the_data_are_no_news_of_a_search():
    mlp = MLPClassifier(4, ensemble_size=1, max_iter=1, random_state=0)
    found = search(mlp, {"batch_size": Integer(200, 400)}, n_iter=2, refit=False).fit(X[::2], y[::2])
    assert min(params["batch_size"] for params in found.cv_results_["params"]) > 75


def test_verbose_is_a_line_a_candidate(capsys):
    search(verbose=1, n_iter=3).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[2].startswith("[3/3] score ")
    assert ", best " in lines[2]
    assert lines[2].count("left: kind=") == 1


class Recorder:
    """A callback of scikit-learn's that takes down the names of tasks."""

    def __init__(self):
        self.begun, self.ended = [], []

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        self.begun.append((context.task_name, context.max_subtasks))

    def on_fit_task_end(self, estimator, context):
        self.ended.append(context.task_name)


@pytest.mark.skipif(not hasattr(BayesSearchCV, "set_callbacks"), reason="needs scikit-learn 1.9")
def test_scikit_learns_callbacks_are_told_of_candidates_and_the_best_score():
    recorder = Recorder()
    search(n_iter=3).set_callbacks(recorder).fit(X, y)
    begun = dict(recorder.begun)
    assert begun["search"] == 3
    names = [name for name, _ in recorder.begun if name.startswith("candidate ")]
    assert names[0] == "candidate 1 of 3"
    assert names[2].startswith("candidate 3 of 3, best so far ")
    assert begun["candidate 1 of 3"] == 3  # folds
    assert set(names) <= set(recorder.ended)


@pytest.mark.skipif(not hasattr(BayesSearchCV, "set_callbacks"), reason="needs scikit-learn 1.9")
def test_a_finished_search_that_is_taken_up_again_counts_no_candidate(tmp_path):
    search(n_iter=3, checkpoint=tmp_path / "search").fit(X, y)
    recorder = Recorder()
    search(n_iter=3, checkpoint=tmp_path / "search").set_callbacks(recorder).fit(X, y)
    names = [name for name, _ in recorder.begun if "candidate " in name]
    assert len(names) == 1
    assert names[0].startswith("a candidate once more, best so far ")


# Checkpoints


def results_without_times(found):
    return {name: list(map(str, column)) for name, column in found.cv_results_.items() if "time" not in name}


class Interruption(Exception):
    pass


@pytest.mark.parametrize("n_done", [1, 4, 7])
def test_a_search_that_is_taken_up_again_ends_as_if_uninterrupted(tmp_path, n_done):
    whole = search(n_iter=9).fit(X, y)

    def interrupt(result):
        if len(result.x_iters) == n_done:
            raise Interruption

    with pytest.raises(Interruption):
        search(n_iter=9, checkpoint=tmp_path / "search").fit(X, y, callback=interrupt)
    resumed = search(n_iter=9, checkpoint=tmp_path / "search").fit(X, y)
    assert results_without_times(resumed) == results_without_times(whole)
    assert resumed.best_params_ == whole.best_params_
    finished = search(n_iter=9, checkpoint=tmp_path / "search").fit(X, y)
    assert results_without_times(finished) == results_without_times(whole)
    assert os.listdir(tmp_path) == ["search"]


def test_a_finished_search_can_be_lengthened(tmp_path):
    search(n_iter=6, checkpoint=tmp_path / "search").fit(X, y)
    longer = search(n_iter=9, checkpoint=tmp_path / "search").fit(X, y)
    assert results_without_times(longer) == results_without_times(search(n_iter=9).fit(X, y))


KILLED = """
import sys, time
sys.path.insert(0, {tests!r})
from test_search import Landscape, search, X, y

class Slow(Landscape):
    def fit(self, X, y):
        time.sleep(0.05)
        return super().fit(X, y)

Slow.__module__ = "test_search"
print("begun", flush=True)
search(n_iter=200, checkpoint={path!r}).fit(X, y, callback=lambda result: time.sleep(0.02) and None)
"""


def candidates_in(path):
    """Return the candidates of the first space that a file has, each its point, row of results and score."""
    if not os.path.exists(path):
        return []
    with open(path, "rb") as file:
        return (*plaindata.read(file)["state"]["spaces"], [])[0]


def test_a_killed_search_loses_nothing(tmp_path):
    """Kill -9 at whatever moment: the file is whole, and the search goes on to the same end."""
    path = str(tmp_path / "search")
    code = KILLED.format(tests=os.path.dirname(__file__), path=path)
    for delay in (0.1, 0.4):
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            begun = time.monotonic()
            while not candidates_in(path) and time.monotonic() < begun + 60:
                time.sleep(0.01)
            time.sleep(delay)
            process.send_signal(signal.SIGKILL)
    n_done = len(candidates_in(path))
    assert 1 <= n_done < 200
    resumed = search(n_iter=n_done + 2, checkpoint=path).fit(X, y)
    whole = search(n_iter=n_done + 2).fit(X, y)
    assert results_without_times(resumed) == results_without_times(whole)


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        ({"random_state": 1}, "random_state"),
        ({"cv": 4}, "cv"),
        ({"space": {"rate": SPACE["rate"]}}, "search_spaces"),
        ({"estimator": Landscape(width=3)}, "estimator"),
    ],
)
def test_a_checkpoint_of_another_search_is_refused(tmp_path, other, difference):
    search(checkpoint=tmp_path / "search").fit(X, y)
    with pytest.raises(ValueError, match=f"must be of this search; .* differs in {difference}"):
        search(checkpoint=tmp_path / "search", **other).fit(X, y)


def test_a_checkpoint_of_other_data_is_refused(tmp_path):
    search(checkpoint=tmp_path / "search").fit(X, y)
    with pytest.raises(ValueError, match="differs in X"):
        search(checkpoint=tmp_path / "search").fit(2 * X, y)


PARTS = np.arange(150) % 7


@pytest.mark.parametrize(
    ("before", "after", "difference"),
    [
        ({}, {"sample_weight": np.ones(150)}, "sample_weight"),
        ({"sample_weight": np.ones(150)}, {"sample_weight": np.arange(150.0)}, "sample_weight"),
        ({"groups": PARTS}, {"groups": PARTS[::-1]}, "groups"),
    ],
)
def test_a_checkpoint_of_other_fits_is_refused(tmp_path, before, after, difference):
    """Of the same data, but other weights, groups, or whatever else is passed on."""
    params = {"n_iter": 1, "checkpoint": tmp_path / "search", "scoring": "accuracy"}
    params |= {"cv": GroupKFold(3) if "groups" in after else 3}
    search(**params).fit(X, y, **before)
    search(**params).fit(X, y, **before)
    with pytest.raises(ValueError, match=f"differs in {difference}"):
        search(**params).fit(X, y, **after)


@pytest.mark.skipif(not hasattr(BayesSearchCV, "set_callbacks"), reason="needs scikit-learn 1.9")
def test_callbacks_do_not_make_another_search(tmp_path):
    """Of the estimator, or of a step; neither does the version of scikit-learn, as pickles have it."""
    params = {"n_iter": 1, "checkpoint": tmp_path / "search", "space": {"mlp__alpha": Real(1e-5, 1.0)}}
    pipeline = Pipeline([("scale", Standardizer()), ("mlp", MLPClassifier(4, max_iter=1, random_state=0))])
    first = search(pipeline, **params).fit(X, y)
    watched = clone(pipeline)
    watched[-1].set_callbacks(ScoringMonitor(scoring="accuracy"))
    for _ in range(2):
        again = search(clone(watched), **params).fit(X, y)
        assert results_without_times(again) == results_without_times(first)


def test_another_release_of_scikit_learn_does_not_make_another_search(tmp_path, monkeypatch):
    params = {"n_iter": 1, "checkpoint": tmp_path / "search"}
    search(**params).fit(X, y)
    monkeypatch.setattr("sklearn.base.__version__", "0.1")
    monkeypatch.setattr("sklearn.__version__", "0.1")
    search(**params).fit(X, y)


def test_a_step_of_other_parameters_makes_another_search(tmp_path):
    params = {"n_iter": 1, "checkpoint": tmp_path / "search", "space": {"land__rate": SPACE["rate"]}}
    search(Pipeline([("land", Landscape(width=3))]), **params).fit(X, y)
    with pytest.raises(ValueError, match="differs in estimator"):
        search(Pipeline([("land", Landscape(width=4))]), **params).fit(X, y)


def test_a_checkpoint_that_cannot_be_written_is_refused_before_the_first_fit(tmp_path):
    for path in (tmp_path / "no such folder" / "search", tmp_path):
        with pytest.raises(ValueError, match=r"checkpoint.* must be a file"):
            search(Landscape(fail=True), checkpoint=path, error_score="raise").fit(X, y)
    with pytest.raises(ValueError, match="checkpoint must be None or the path of a file, got 3"):
        search(checkpoint=3).fit(X, y)


def test_a_folder_that_vanishes_costs_a_warning(tmp_path):
    (tmp_path / "folder").mkdir()

    def remove(result):
        if len(result.x_iters) == 2:
            shutil.rmtree(tmp_path / "folder")

    with pytest.warns(UserWarning, match="checkpoint .* could not be written .* The search goes on") as told:
        found = search(n_iter=4, checkpoint=tmp_path / "folder" / "search").fit(X, y, callback=remove)
    assert len(told) == 1
    assert results_without_times(found) == results_without_times(search(n_iter=4).fit(X, y))


@pytest.mark.filterwarnings("ignore:.* failed or had no finite score")
def test_failures_are_tried_again_when_the_search_is_taken_up_again(tmp_path, monkeypatch):
    """The cause may be mended."""
    params = {"n_iter": 3, "checkpoint": tmp_path / "search", "estimator": MendedLater()}
    with pytest.raises(ValueError, match=r"(?s)None of the 3 candidates could be fitted.*not mended yet"):
        search(**params).fit(X, y)
    with pytest.raises(ValueError, match=r"(?s)None of the 3 candidates could be fitted.*not mended yet"):
        search(**params).fit(X, y)
    monkeypatch.setattr(MendedLater, "mended", True)
    resumed = search(**params).fit(X, y)
    assert not resumed.cv_results_["failed"].any()
    assert np.isfinite(resumed.cv_results_["mean_test_score"]).all()
    assert len(search(**params | {"n_iter": 2}).fit(X, y).cv_results_["params"]) == 2
    assert results_without_times(search(**params).fit(X, y)) == results_without_times(resumed)


class MendedLater(Landscape):
    mended = False

    def fit(self, X, y):
        if not self.mended:
            raise RuntimeError("not mended yet")
        return super().fit(X, y)


def test_splits_may_be_given_by_a_generator(tmp_path):
    """With a checkpoint, which notices others."""

    def fit(seed=0):
        splits = KFold(3, shuffle=True, random_state=seed).split(X)
        return search(n_iter=2, cv=splits, checkpoint=tmp_path / "search").fit(X, y)

    assert results_without_times(fit()) == results_without_times(fit())
    with pytest.raises(ValueError, match=r"cv must give the same splits .* to go on from it; got"):
        fit(seed=1)


class Dangerous:
    """What runs code when it is unpickled."""

    def __reduce__(self):
        return pytest.fail, ("the checkpoint ran code",)


def test_a_checkpoint_cannot_run_code(tmp_path):
    """Neither one that somebody else has written, nor one of a space with objects as categories."""
    path = tmp_path / "search"
    path.write_bytes(pickle.dumps({"key": {}, "state": Dangerous()}))
    with pytest.raises(ValueError, match=r"this one is a pickle, .* could run code and is not loaded"):
        search(checkpoint=path).fit(X, y)


def test_parameters_of_any_kind_come_from_the_space(tmp_path):
    """Estimators, tuples, lists, None: the file has numbers in their place."""
    models = [GaussianNB(), DecisionTreeClassifier(random_state=0), LogisticRegression(C=0.1)]
    space = {"model": models, "scale": [None, Standardizer()]}
    params = {"estimator": Pipeline([("scale", None), ("model", GaussianNB())]), "space": space, "n_iter": 4}
    found = search(checkpoint=tmp_path / "search", **params).fit(X, y)
    points = [point for point, _, _ in candidates_in(tmp_path / "search")]
    assert len(points) == 4
    assert all(isinstance(number, int) for point in points for number in point)
    resumed = search(checkpoint=tmp_path / "search", **params).fit(X, y)
    assert results_without_times(resumed) == results_without_times(found)
    space["model"] = [GaussianNB(), DecisionTreeClassifier(random_state=1), LogisticRegression(C=0.1)]
    with pytest.raises(ValueError, match="differs in search_spaces"):
        search(checkpoint=tmp_path / "search", **params).fit(X, y)


@pytest.mark.parametrize("damage", [b"", b"nothing of the kind", None])
def test_a_damaged_checkpoint_is_refused(tmp_path, damage):
    path = tmp_path / "search"
    search(checkpoint=path).fit(X, y)
    path.write_bytes(path.read_bytes()[:-40] if damage is None else damage)
    with pytest.raises(ValueError, match="this one is damaged"):
        search(checkpoint=path).fit(X, y)


def test_a_checkpoint_needs_a_seed_that_can_be_kept(tmp_path):
    with pytest.raises(ValueError, match="random_state must be an int or None to go on from a checkpoint"):
        search(checkpoint=tmp_path / "search", random_state=np.random.RandomState(0)).fit(X, y)
    unseeded = {"checkpoint": tmp_path / "other", "cv": KFold(3, shuffle=True), "random_state": None}
    search(**unseeded).fit(X, y)
    with pytest.raises(ValueError, match="cv must give the same splits"):
        search(**unseeded).fit(X, y)


def test_an_interrupted_search_ends_with_the_best_so_far():
    def interrupt(result):
        if len(result.x_iters) == 4:
            raise KeyboardInterrupt

    found = search()
    with pytest.warns(UserWarning, match="interrupted after 4 of 8 candidates"):
        in_a_cell(found.fit, X, y, callback=interrupt)
    assert found.best_score_ == found.cv_results_["mean_test_score"].max()
    assert len(found.cv_results_["params"]) == 4


class Pressed(MLPClassifier):
    """A network during whose fourth training Ctrl-C is pressed."""

    fits = 0

    def fit(self, X, y):
        Pressed.fits += 1
        with CtrlC(90 if Pressed.fits == 4 else 10**9):
            return super().fit(X, y)


@pytest.mark.usefixtures("default_handler")
def test_a_candidate_whose_training_is_interrupted_is_not_scored(tmp_path, monkeypatch):
    """The search ends with the candidates before, of which there is one, and goes on from its checkpoint."""
    monkeypatch.setattr(Pressed, "fits", 0)
    space = {"alpha": Real(1e-5, 1.0, "log-uniform")}
    mlp = Pressed(8, ensemble_size=1, max_iter=3, random_state=0)
    found = search(mlp, space, n_iter=4, checkpoint=tmp_path / "search")
    with pytest.warns(UserWarning, match="interrupted after 1 of 4 candidates"):
        in_a_cell(found.fit, X, y)
    assert len(found.cv_results_["params"]) == 1
    assert found.predict(X).shape == y.shape
    resumed = search(mlp, space, n_iter=4, checkpoint=tmp_path / "search").fit(X, y)
    whole = search(mlp, space, n_iter=4).fit(X, y)
    assert results_without_times(resumed) == results_without_times(whole)


def test_a_search_in_a_loop_ends_the_loop():
    def interrupt(result):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        in_a_cell(lambda: [search().fit(X, y, callback=interrupt) for _ in range(3)])


def test_importing_the_package_does_not_import_scikit_optimize():
    code = (
        "import sknn6, sys; assert {*sknn6.__all__} <= {*dir(sknn6)}; assert 'skopt' not in sys.modules; "
        "sknn6.search_space; sys.modules['skopt']"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
