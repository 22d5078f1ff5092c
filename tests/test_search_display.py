"""The pictures: what is drawn stands where the numbers say, and is labelled."""

import copy
import pickle
import subprocess
import sys
from itertools import pairwise

import matplotlib
import numpy as np
import pytest
import skopt
from landscape import PIPELINE, SPACE, Landscape, X, search, y
from matplotlib import pyplot as plt
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC
from skopt.learning import ExtraTreesRegressor
from skopt.plots import plot_evaluations
from skopt.space import Categorical, Integer, Real, Space

from sknn6 import BayesSearchCV, search_space
from sknn6.inspection import SearchDisplay
from sknn6.inspection.displays.partial_dependence import partial_dependence
from sknn6.inspection.displays.theme import CYCLE
from sknn6.search.space import Draws

matplotlib.use("Agg")
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:The best .* lies on the border"),
    pytest.mark.filterwarnings("ignore:.*failed or had no finite score"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning"),
    pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite"),
]

SMOOTHING = {"var_smoothing": Real(1e-6, 10.0, "log-uniform")}


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def found():
    return search(n_iter=12).fit(X, y)


def scores_of(fitted, metric="score"):
    return fitted.cv_results_[f"mean_test_{metric}"]


def are_shown(scores):
    """Tell which scores are not further from the best than three times the median is."""
    return scores >= np.max(scores) - 3 * (np.max(scores) - np.median(scores))


def points(ax):
    """Return where the candidates are that are drawn at their scores."""
    (collection,) = ax.collections
    return np.ma.getdata(collection.get_offsets())[~np.ma.getmaskarray(collection.get_offsets()).any(axis=1)]


def marks(ax, label):
    """Return where the marks with a label are."""
    (line,) = [line for line in ax.lines if line.get_label() == label]
    return line.get_xydata()


def tick_texts(ax):
    return [text.get_text() for text in ax.get_xticklabels()]


def by_name(display):
    return {ax.get_xlabel().replace("\n", ""): ax for ax in display.ax_}


# Convergence


def test_convergence_has_the_scores_in_order_and_the_best_so_far(found):
    display = SearchDisplay.from_search(found)
    order = np.arange(1, 13)
    expected = np.column_stack([order, scores_of(found)])
    np.testing.assert_array_equal(points(display.ax_), expected[are_shown(scores_of(found))])
    best = np.maximum.accumulate(scores_of(found))
    lowest = scores_of(found)[are_shown(scores_of(found))].min()
    (line,) = display.lines_
    np.testing.assert_array_equal(line.get_xdata(), order)
    np.testing.assert_array_equal(line.get_ydata(), np.where(best >= lowest, best, np.nan))
    assert line.get_drawstyle() == "steps-post"
    assert display.ax_.get_xlabel() == "candidates evaluated"
    assert display.ax_.get_ylabel() == "score"
    assert display.figure_ is display.ax_.figure


def test_candidates_that_failed_are_marked():
    space = SPACE | {"kind": Categorical(["broken", "good"])}
    failing = search(space=space, n_iter=12).fit(X, y)
    (failed,) = np.nonzero(failing.cv_results_["failed"])
    display = SearchDisplay.from_search(failing)
    np.testing.assert_array_equal(marks(display.ax_, "failed")[:, 0], failed + 1)
    assert not set(points(display.ax_)[:, 0]) & set(failed + 1)
    for kind in ("evaluations", "partial_dependence"):
        ax = by_name(display.plot(kind=kind))["kind"]
        assert tick_texts(ax) == ["broken", "good"]
        np.testing.assert_array_equal(marks(ax, "failed")[:, 0], np.zeros(len(failed)))


def test_a_low_score_does_not_set_the_scale():
    """The best is 0.9, the median 0.75; three times as far down is 0.45."""
    scores = np.array([-1e6, 0.8, 0.9, 0.7, np.nan])
    display = SearchDisplay([{"a": i} for i in range(5)], scores).plot()
    np.testing.assert_allclose(marks(display.ax_, "below 0.45"), [[1, 0.45]])
    np.testing.assert_allclose(marks(display.ax_, "failed"), [[5, 0.45]])
    np.testing.assert_array_equal(points(display.ax_), [[2, 0.8], [3, 0.9], [4, 0.7]])
    np.testing.assert_array_equal(display.lines_[0].get_ydata(), [np.nan, 0.8, 0.9, 0.9, 0.9])
    assert display.ax_.get_ylim()[0] > 0.4


def test_nothing_but_failures_can_be_drawn():
    display = SearchDisplay([{"a": i} for i in range(3)], np.full(3, np.nan)).plot()
    assert len(marks(display.ax_, "failed")) == 3
    assert len(points(display.ax_)) == 0
    assert np.isnan(display.lines_[0].get_ydata()).all()


def test_searches_share_an_axes_and_stay_apart():
    _, ax = plt.subplots()
    lines = []
    for name in "abcd":
        display = SearchDisplay([{"a": i} for i in range(3)], np.array([0.1, 0.3, np.nan]), name=name)
        lines += display.plot(ax=ax).lines_
        assert display.ax_ is ax
    assert [line.get_color() for line in lines] == CYCLE["color"]
    assert len({line.get_linestyle() for line in lines}) == 4  # to be told apart in grey
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert sorted(labels) == [
        "a candidate",
        "a, best so far",
        "b, best so far",
        "c, best so far",
        "d, best so far",
        "failed",
    ]


# Evaluations


def test_evaluations_have_the_scores_over_the_values(found):
    axes = by_name(SearchDisplay.from_search(found, kind="evaluations"))
    assert list(axes) == ["kind", "rate", "width"]
    params = found.cv_results_["params"]
    for name, of_value in (("kind", ["flat", "good"].index), ("rate", float), ("width", int)):
        expected = np.column_stack([[of_value(own[name]) for own in params], scores_of(found)])
        np.testing.assert_array_equal(points(axes[name]), expected[are_shown(scores_of(found))])
    assert [ax.get_xscale() for ax in axes.values()] == ["linear", "log", "linear"]
    assert tick_texts(axes["kind"]) == ["flat", "good"]
    assert axes["kind"].get_ylabel() == "score"


def test_evaluations_are_coloured_by_their_order_in_all_panels(found):
    spaces = [({"width": Integer(1, 50)}, 3), ({"rate": SPACE["rate"], "width": Integer(1, 50)}, 4)]
    two = search(space=spaces).fit(X, y)
    axes = by_name(SearchDisplay.from_search(two, kind="evaluations"))
    collections = {name: ax.collections[0] for name, ax in axes.items()}
    np.testing.assert_array_equal(np.ma.getdata(collections["width"].get_array()), np.arange(1, 8))
    np.testing.assert_array_equal(np.ma.getdata(collections["rate"].get_array()), np.arange(4, 8))
    assert {collection.get_clim() for collection in collections.values()} == {(1, 7)}


def test_the_legend_stands_above_the_panels_and_names_all_marks():
    candidates, scores = [{"a": i, "b": str(i)} for i in range(6)], np.array([-9.0, np.nan, 1, 2, 3, 4])
    display = SearchDisplay(candidates, scores).plot(kind="evaluations")
    display.figure_.canvas.draw()
    (legend,) = display.figure_.legends
    assert [text.get_text() for text in legend.get_texts()] == ["a candidate", "failed", "below -2"]
    assert all(legend.get_window_extent().y0 > ax.bbox.y1 for ax in display.figure_.axes)


def test_the_order_is_told_in_whole_numbers():
    candidates = [dict.fromkeys("abc", i) for i in range(20)]
    display = SearchDisplay(candidates, np.arange(20.0)).plot(kind="evaluations")
    display.figure_.canvas.draw()
    ticks = display.figure_.axes[-1].get_xticks()
    np.testing.assert_array_equal(ticks, np.round(ticks))


@pytest.mark.parametrize(
    ("categories", "texts"),
    [
        ([(64,), (64, 64)], ["(64,)", "(64, 64)"]),
        ([[1, 2], [3]], ["[1, 2]", "[3]"]),
        ([None, "a", 3], ["None", "a", "3"]),
        ([False, True], ["False", "True"]),
        ([True, 1, "1", 1.0], ["True (0)", "1 (1)", "'1' (2)", "1.0 (3)"]),
        ([GaussianNB(), SVC(C=2.0)], ["GaussianNB()", "SVC(C=2.0)"]),
    ],
    ids=str,
)
def test_categories_may_be_anything(categories, texts):
    fitted = search(space={"shape": categories, "rate": SPACE["rate"]}, n_iter=9).fit(X, y)
    tried = [texts.index(text) for text in texts_of(fitted.cv_results_["params"], categories, texts)]
    for kind in ("evaluations", "partial_dependence"):
        display = SearchDisplay.from_search(fitted, kind=kind, params="shape")
        (ax,) = display.ax_
        assert tick_texts(ax) == texts
        low = [x for line in ax.lines if line.get_marker() == "v" for x in line.get_xdata()]
        np.testing.assert_array_equal(sorted([*points(ax)[:, 0], *low]), sorted(tried))
    np.testing.assert_array_equal(display.lines_[0].get_xdata(), range(len(texts)))


def texts_of(params, categories, texts):
    """Return the text of the category that each candidate has; True is not 1."""
    for own in params:
        for category, text in zip(categories, texts, strict=True):
            if type(own["shape"]) is type(category) and own["shape"] == category:
                yield text


def test_searches_of_scikit_learn_can_be_drawn():
    grid = {"shape": [None, 3, "x", (1, 2), True], "rate": [1e-4, 1e-2, 1.0], "width": [10, 30]}
    fitted = GridSearchCV(Landscape(), grid, cv=2).fit(X, y)
    axes = by_name(SearchDisplay.from_search(fitted, kind="evaluations"))
    assert tick_texts(axes["shape"]) == ["(1, 2)", "3", "None", "True", "x"]
    assert [axes[name].get_xscale() for name in ("rate", "width")] == ["log", "linear"]
    assert len(points(axes["shape"])) == 30
    from_zero = GridSearchCV(Landscape(), {"rate": [0.0, 1e-4, 1.0], "shape": [True, False]}, cv=2).fit(X, y)
    axes = by_name(SearchDisplay.from_search(from_zero, kind="evaluations"))
    assert axes["rate"].get_xscale() == "linear"
    assert tick_texts(axes["shape"]) == ["False", "True"]
    draws = {"rate": Draws(SPACE["rate"]), "width": Draws(SPACE["width"])}
    drawn = RandomizedSearchCV(Landscape(), draws, n_iter=30, cv=2, random_state=0)
    axes = by_name(SearchDisplay.from_search(drawn.fit(X, y), kind="evaluations"))
    assert axes["rate"].get_xscale() == "log"


def test_what_does_not_vary_is_left_out():
    space = {"kind": Categorical(["good"]), "rate": SPACE["rate"], "width": [10]}
    fitted = search(space=space, n_iter=6).fit(X, y)
    for kind in ("evaluations", "partial_dependence"):
        assert list(by_name(SearchDisplay.from_search(fitted, kind=kind))) == ["rate"]


def test_one_candidate_can_be_drawn():
    fitted = search(n_iter=1).fit(X, y)
    for kind in ("evaluations", "partial_dependence"):
        axes = by_name(SearchDisplay.from_search(fitted, kind=kind))
        assert {len(points(ax)) for ax in axes.values()} == {1}


def test_parameters_and_axes_can_be_chosen(found):
    _, own = plt.subplots(2, 1)
    for kind in ("evaluations", "partial_dependence"):
        display = SearchDisplay.from_search(found, kind=kind, params=["width", "kind"], ax=own)
        assert list(display.ax_) == list(own)
        assert [ax.get_xlabel() for ax in own] == ["width", "kind"]
    rows = {ax.get_subplotspec().rowspan.start for ax in display.plot(kind="evaluations", n_cols=1).ax_}
    assert rows == {0, 1, 2}


# Partial dependence


def test_partial_dependence_is_the_models_mean_over_the_others():
    """Computed point by point from the definition, on the same forest with an encoding of its own."""
    space = Space([Categorical(["a", "b", "c"], name="kind"), Real(1e-3, 1.0, "log-uniform", name="rate")])
    known = space.rvs(40, random_state=1)
    scores = np.array([("abc".index(kind) - 1) ** 2 + np.log10(rate) for kind, rate in known])

    def encode(kind, rate):
        return [*(float(kind == other) for other in "abc"), np.log10(rate)]

    forest = ExtraTreesRegressor(n_estimators=100, min_samples_leaf=3, random_state=0)
    forest.fit([encode(*point) for point in known], scores)
    sample = space.rvs(250, random_state=0)
    curves = partial_dependence(space, known, scores)
    assert list(curves["kind"][0]) == ["a", "b", "c"]
    kinds = [np.mean(forest.predict([encode(kind, rate) for _, rate in sample])) for kind in "abc"]
    np.testing.assert_allclose(curves["kind"][1], kinds)
    values, expected = curves["rate"]
    np.testing.assert_allclose(np.diff(np.log10(values)), 3 / 39)
    assert (values[0], values[-1]) == (1e-3, 1.0)
    rates = [np.mean(forest.predict([encode(kind, rate) for kind, _ in sample])) for rate in values[::13]]
    np.testing.assert_allclose(expected[::13], rates)


def test_partial_dependence_of_a_known_function():
    """It rises with rate by two from end to end, and does not depend on width, which takes whole values."""
    space = Space([Integer(1, 5, name="width"), Real(0.0, 2.0, name="rate")])
    known = space.rvs(200, random_state=0)
    curves = partial_dependence(space, known, np.array([rate for _, rate in known]))
    np.testing.assert_array_equal(curves["width"][0], [1, 2, 3, 4, 5])
    assert np.ptp(curves["width"][1]) < 0.1
    np.testing.assert_allclose(curves["rate"][1], curves["rate"][0], atol=0.15)


def test_partial_dependence_is_drawn_with_the_largest_effect_first(found):
    display = SearchDisplay.from_search(found, kind="partial_dependence")
    result = found.optimizer_results_[0]
    curves = partial_dependence(result.space, result.x_iters, -result.func_vals)
    effects = [np.ptp(curves[name][1]) for name in by_name(display)]
    assert effects == sorted(effects, reverse=True)
    for (name, ax), line in zip(by_name(display).items(), display.lines_, strict=True):
        assert line.axes is ax
        np.testing.assert_allclose(line.get_ydata(), curves[name][1])
        x = range(2) if name == "kind" else curves[name][0]
        np.testing.assert_array_equal(line.get_xdata(), x)
        assert ax.get_xscale() == ("log" if name == "rate" else "linear")
    assert display.ax_[0].get_ylabel() == "expected score"


def test_partial_dependence_is_of_one_space():
    spaces = [
        ({"model": Categorical([GaussianNB()]), "model__var_smoothing": Real(1e-9, 1e-3, "log-uniform")}, 3),
        ({"model": [SVC()], "model__C": Real(0.1, 10.0), "model__gamma": Real(0.01, 1.0)}, 4),
    ]
    fitted = BayesSearchCV(Pipeline([("model", GaussianNB())]), spaces, cv=3, random_state=0).fit(X, y)
    first = SearchDisplay.from_search(fitted, kind="partial_dependence")
    assert list(by_name(first)) == ["model__var_smoothing"]
    second = SearchDisplay.from_search(fitted, kind="partial_dependence", space=1)
    assert set(by_name(second)) == {"model__C", "model__gamma"}
    tried = [params["model__C"] for params in fitted.cv_results_["params"][3:]]
    assert set(points(by_name(second)["model__C"])[:, 0]) <= set(tried)
    model = by_name(second.plot(kind="evaluations"))["model"]
    assert tick_texts(model) == ["GaussianNB()", "SVC()"]


def test_scikit_optimizes_own_search_can_be_drawn():
    space = copy.deepcopy(SPACE)  # it changes the dimensions
    fitted = skopt.BayesSearchCV(Landscape(), space, n_iter=4, cv=2, random_state=0).fit(X, y)
    display = SearchDisplay.from_search(fitted, kind="partial_dependence")
    assert set(by_name(display)) == set(SPACE)


def test_scikit_optimizes_own_picture_can_be_drawn():
    space = {"shape": [(1,), None, "x"], "rate": SPACE["rate"]}
    fitted = search(space=space).fit(X, y)
    figure = plot_evaluations(fitted.optimizer_results_[0]).figure
    candidates, best = figure.axes[3].collections
    tried = [(1,), None, "x"]
    expected = [[own["rate"], tried.index(own["shape"])] for own in fitted.cv_results_["params"]]
    np.testing.assert_array_equal(candidates.get_offsets(), expected)
    np.testing.assert_array_equal(best.get_offsets(), [expected[fitted.best_index_]])


# What is searched


def test_with_several_scores_the_one_of_refit_is_drawn():
    scoring = ["accuracy", "neg_log_loss"]
    fitted = search(GaussianNB(), SMOOTHING, scoring=scoring, refit="neg_log_loss").fit(X, y)
    display = SearchDisplay.from_search(fitted)
    assert display.ax_.get_ylabel() == "neg_log_loss"
    np.testing.assert_array_equal(display.scores, scores_of(fitted, "neg_log_loss"))
    other = SearchDisplay.from_search(fitted, metric="accuracy", kind="partial_dependence")
    np.testing.assert_array_equal(other.scores, scores_of(fitted, "accuracy"))
    assert other.ax_[0].get_ylabel() == "expected accuracy"
    assert other.lines_[0].get_ydata().min() > 0


def first_one(results):
    return 0


@pytest.mark.parametrize("refit", [False, first_one])
def test_without_the_name_of_a_score_it_must_be_given(refit):
    one = search(GaussianNB(), SMOOTHING, scoring="accuracy", refit=refit, n_iter=3)
    assert SearchDisplay.from_search(one.fit(X, y)).ax_.get_ylabel() == "accuracy"
    scoring = ["accuracy", "neg_log_loss"]
    two = GridSearchCV(GaussianNB(), {"var_smoothing": [0.1, 1.0]}, scoring=scoring, refit=refit).fit(X, y)
    assert SearchDisplay.from_search(two, metric="accuracy").ax_.get_ylabel() == "accuracy"
    with pytest.raises(ValueError, match=r"metric must be one of \['accuracy', 'neg_log_loss'\], got None"):
        SearchDisplay.from_search(two)


def test_a_pickled_search_draws_the_same(found):
    again = pickle.loads(pickle.dumps(found))
    first, second = (SearchDisplay.from_search(f, kind="partial_dependence") for f in (found, again))
    for line, other in zip(first.lines_, second.lines_, strict=True):
        np.testing.assert_array_equal(line.get_xydata(), other.get_xydata())


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"kind": "regret"}, r"kind must be one of \['convergence', .* got 'regret'"),
        ({"metric": "f1"}, r"metric must be one of \['score'\], got 'f1'"),
        ({"kind": "evaluations", "params": "depth"}, r"params must name .*'width'\], got \['depth'\]"),
        ({"kind": "partial_dependence", "params": []}, r"params must name .*'width'\], got \[\]"),
        ({"kind": "partial_dependence", "space": 1}, "space must be an int from 0 to 0, got 1"),
        ({"kind": "evaluations", "n_cols": 0}, "n_cols must be an int of at least 1, got 0"),
    ],
)
def test_bad_parameters_are_named(found, how, message):
    with pytest.raises(ValueError, match=message):
        SearchDisplay.from_search(found, **how)


def test_as_many_axes_as_panels_are_needed(found):
    _, axes = plt.subplots(2)
    with pytest.raises(ValueError, match="ax must be 3 Axes, one per panel, got 2"):
        SearchDisplay.from_search(found, kind="evaluations", ax=axes)


def test_what_is_no_fitted_search_is_refused(found):
    for other in (clone(found), GaussianNB().fit(X, y)):
        with pytest.raises(NotFittedError, match="search must be a search that has been fitted, got"):
            SearchDisplay.from_search(other)
    grid = GridSearchCV(Landscape(), {"width": [1, 2]}, cv=2).fit(X, y)
    with pytest.raises(ValueError, match=r"kind must be .* for a search other than BayesSearchCV"):
        SearchDisplay.from_search(grid, kind="partial_dependence")


# Looks


@pytest.mark.parametrize("n_cols", [1, 3])
@pytest.mark.parametrize("kind", ["evaluations", "partial_dependence"])
def test_labels_of_ticks_do_not_overlap(kind, n_cols):
    """In a search of all that a pipeline has, and a category with a long text."""
    dimensions = search_space(PIPELINE, include=["init", "solver", "shrinkage", "label_smoothing"])
    dimensions["mlp__hidden_layer_sizes"] = Categorical(["64", "128-" * 20])
    space = Space(list(dimensions.values()))
    space.dimension_names = list(dimensions)
    points = [dict(zip(dimensions, point, strict=True)) for point in space.rvs(14, random_state=0)]
    for candidate in points:
        candidate["whiten__shrinkage"] = candidate["whiten__shrinkage"] or None
    scores = np.random.default_rng(0).uniform(size=14)
    display = SearchDisplay(points, scores, [(space, range(14))]).plot(kind=kind, n_cols=n_cols)
    display.figure_.canvas.draw()
    assert len(display.ax_) == len(dimensions)
    for ax in display.ax_:
        low, high = ax.get_xlim()
        boxes = [
            tick.label1.get_window_extent()
            for tick in ax.xaxis.get_major_ticks()
            if low <= tick.get_loc() <= high
        ]
        assert len(boxes) >= 2
        assert all(left.x1 < right.x0 for left, right in pairwise(boxes))
        label = ax.yaxis.label.get_window_extent()
        assert not ax.get_ylabel() or label.x0 >= 0
        assert len(boxes) == len(getattr(dimensions[ax.get_xlabel()], "categories", boxes))
        if ax.get_xlabel() == "mlp__depth":
            assert all(tick == round(tick) for tick in ax.get_xticks())


def test_importing_the_pictures_imports_neither_matplotlib_nor_scikit_optimize():
    code = "import sknn6.inspection, sys; assert not {'matplotlib', 'skopt'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
