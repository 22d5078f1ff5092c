"""Drawn parameters and data: valid ones train, others are refused in words that name what is needed."""

import math
import pickle
import re
import tempfile
import warnings
from typing import NamedTuple

import numpy as np
import pandas as pd
import polars as pl
import pytest
from ctrl_c import CtrlC, default_handler, in_a_cell  # noqa: F401
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.tree import DecisionTreeClassifier
from skopt.space import Categorical, Integer, Real
from soak import hold, sizes

from sknn6 import BayesSearchCV, MLPClassifier, MLPRegressor, Standardizer, Whitener
from sknn6.estimators.recipes import RECIPES
from sknn6.nn.activations import ACTIVATIONS
from sknn6.nn.initializers import INITIALIZERS, SKLEARN
from sknn6.nn.losses import REGRESSION_LOSSES
from sknn6.nn.normalization import NORMALIZATIONS
from sknn6.nn.schedules import SCHEDULES

# What each parameter may be, and what not


class Drawn(NamedTuple):
    """Values that a parameter may have, and values that are refused."""

    valid: st.SearchStrategy
    invalid: st.SearchStrategy


def drawn(valid, invalid, *others):
    """Let a parameter have some other values too; nothing of another type."""
    junk = st.sampled_from([None, 1j, b"relu", {1}, Ellipsis]).filter(lambda value: value not in others)
    words = st.text(max_size=8).filter(lambda word: word not in others)
    return Drawn(valid | st.sampled_from(others) if others else valid, invalid | junk | words)


def number(low, high, *others, ends="[]", most=1e3):
    """Return a real number in an interval, infinity as its upper end excluded."""
    most = min(high, most)
    inside = st.floats(low, most, exclude_min=ends[0] == "(", exclude_max=ends[1] == ")" and most == high)
    below = st.floats(max_value=low, exclude_max=ends[0] == "[")
    above = st.floats(min_value=high, exclude_min=ends[1] == "]")
    return drawn(inside, below | above | st.just(math.nan), *others)


def count(most, *others):
    """Return a whole number from 1 on."""
    return drawn(st.integers(1, most), st.integers(max_value=0) | st.floats(1.1, 9), *others)


def choice(*names):
    return drawn(st.sampled_from(names), st.integers(2) | st.floats(1.1, 9), *names)


def seldom(rare, *usual):
    """Draw a value that few rows or sparse ones are refused with in one case of nine."""
    return st.sampled_from([*usual * (8 // len(usual)), rare])


def normal(rng, fan_in, fan_out, gain):
    return rng.standard_normal((fan_in, fan_out))


def one_class_only(model, X, y):
    return float(np.mean(model.predict(X) == y[0]))


SWITCH = drawn(st.booleans(), st.integers() | st.floats(1.1, 9))
SHARE = number(0, 1, ends="[)")
POSITIVE = number(0, math.inf, ends="()")
SIZE = number(0, math.inf, ends="[)")
NETWORK = {
    "hidden_layer_sizes": drawn(
        st.integers(1, 9)
        | st.lists(st.integers(1, 9), max_size=3)
        | st.sampled_from(["5-3", (4, 2), "auto"]),
        st.integers(max_value=0) | st.floats() | st.sampled_from([(3, 0), [2, -1], "4-0", (2.5,), ("3",)]),
    ),
    "activation": drawn(
        st.sampled_from([*ACTIVATIONS, ACTIVATIONS["tanh"]]), st.integers() | st.just(["relu"] * 9)
    ),
    "depth": count(3, None),
    "init": drawn(st.sampled_from(["auto", SKLEARN, *INITIALIZERS, normal]), st.integers() | st.floats()),
    "init_scale": SIZE,
    "batchnorm": choice(False, True, *NORMALIZATIONS),
    "batchnorm_momentum": number(0, 1, ends="(]"),
    "batchnorm_group_size": count(9),
    "layernorm": SWITCH,
    "residual": SWITCH,
    "recipe": choice("auto", *RECIPES),
    "ensemble_size": count(3, "auto"),
    "input_scaling": choice(False, True, "auto", "learned"),
    "dropout": number(0, 1, "auto", ends="[)"),
    "weight_decay": number(0, math.inf, "auto", ends="[)"),
    "categorical_features": drawn(
        seldom([0], None, "from_dtype"), st.integers() | st.floats() | st.just([-1]), None, "from_dtype"
    ),
    "numeric_embedding": drawn(
        seldom("piecewise", None, "auto"), st.integers(2) | st.floats(1.1, 9), None, "auto"
    ),
    "ensemble_selection": drawn(seldom(True, False, "auto"), st.integers(2) | st.floats(1.1, 9), "auto"),
    "snapshots": count(3, "auto"),
    "gradient_accumulation_steps": count(4),
    "clip_norm": number(0, math.inf, None, ends="()"),
    "ema_decay": SHARE,
    "solver": choice("adam", "sgd", "lbfgs"),
    "alpha": SIZE,
    "batch_size": count(40, "auto"),
    "learning_rate": choice("auto", *SCHEDULES),
    "learning_rate_init": number(0, math.inf, "auto", ends="()"),
    "power_t": SIZE,
    "max_iter": count(4),
    "shuffle": SWITCH,
    "random_state": drawn(
        st.integers(0, 2**32 - 1), st.integers(max_value=-1) | st.integers(2**32) | st.floats(1.1, 9), None
    ),
    "tol": SIZE,
    "verbose": drawn(st.booleans() | st.integers(0, 2), st.integers(max_value=-1) | st.floats(1.1, 9)),
    "track": choice(None, "layers"),
    "checkpoint": Drawn(st.none(), st.integers() | st.floats() | st.sampled_from([1j, b"path", {1}, ["a"]])),
    "warm_start": SWITCH,
    "momentum": number(0, 1),
    "nesterovs_momentum": SWITCH,
    "early_stopping": SWITCH,
    "scoring": choice(None, "accuracy", "neg_log_loss", one_class_only),
    "validation_fraction": SHARE,
    "beta_1": SHARE,
    "beta_2": SHARE,
    "epsilon": POSITIVE,
    "n_iter_no_change": count(3, math.inf),
    "max_fun": count(50),
    "dtype": choice("float32", "float64"),
}
CLASSIFIER = NETWORK | {
    "class_weight": drawn(
        st.sampled_from([None, "balanced", {}]) | st.floats(0, 10).map(lambda weight: {0: weight}),
        st.integers() | st.sampled_from([{0: -1.0}, {0: math.nan}, {0: "2"}, {7: 1.0}, [{0: 1.0}], [1.0]]),
        None,
    ),
    "label_smoothing": number(0, 1, "auto", ends="[)"),
    "temperature_scaling": choice(False, True, "auto"),
}
REGRESSOR = NETWORK | {
    "loss": choice(*REGRESSION_LOSSES),
    "quantile": drawn(
        st.sampled_from([0.1, 0.5, [0.3], [0.1, 0.5, 0.9]]), st.sampled_from([0.0, 1.0, -0.5, 3])
    ),
    "target_scaling": choice(False, True, "auto"),
    "scoring": choice(None, "r2", "neg_mean_squared_error"),
}
STANDARDIZER = {
    "method": choice("zscore", "robust", "minmax"),
    "clip": number(0, math.inf, None, ends="()"),
}
WHITENER = {
    "method": choice("zca", "zca_cor", "pca", "pca_cor", "cholesky"),
    "shrinkage": number(0, 1, None, "ledoit_wolf", "oas"),
    # Less blows up the rounding of data without full rank, as far as infinity in float32.
    "eps": Drawn(st.just(0.0) | st.floats(1e-20, 1e3), SIZE.invalid),
}
TABLES = {
    MLPClassifier: CLASSIFIER,
    MLPRegressor: REGRESSOR,
    Standardizer: STANDARDIZER,
    Whitener: WHITENER,
}


def valid(table):
    return st.fixed_dictionaries({name: values.valid for name, values in table.items()})


@pytest.mark.parametrize("cls", TABLES)
def test_every_parameter_is_drawn(cls):
    assert cls().get_params().keys() == TABLES[cls].keys()


@sizes("n_examples", 3, 10)
@pytest.mark.parametrize(("cls", "name"), [(cls, name) for cls, table in TABLES.items() for name in table])
def test_an_invalid_value_is_refused_by_its_name(cls, name, n_examples):
    X, y = np.random.default_rng(0).standard_normal((12, 3)), np.arange(12) % 2

    def check(value):
        with pytest.raises((ValueError, TypeError)) as refusal:
            cls(**{name: value}).fit(X, y)
        assert name in str(refusal.value)
        assert repr(value) in str(refusal.value)

    hold(check, TABLES[cls][name].invalid, examples=n_examples, anew=n_examples > 3)


# Data of all kinds


def spike(column):
    return np.where(np.arange(len(column)) == 0, 1.0, 0.0)


COLUMNS = {
    "as drawn": lambda column: column,
    "constant": lambda column: np.full_like(column, 7.3),
    "zero": np.zeros_like,
    "one spike": spike,
    "huge": lambda column: np.clip(column, -9, 9) * 1e30,
    "tiny": lambda column: column * 1e-30,
    "far from zero": lambda column: column + 1e8,
    "all alike": lambda column: np.arange(len(column)) % 2,
}


def memory_mapped(X):
    with tempfile.TemporaryFile() as file:
        mapped = np.memmap(file, X.dtype, "w+", shape=X.shape)
    mapped[:] = X
    return read_only(mapped)


def read_only(X):
    X.setflags(write=False)
    return X


def sparse_rows(X):
    return sparse.csr_array(np.where(X > 0.5, X, 0))


def names(X):
    return [f"x{i}" for i in range(X.shape[1])]


FORMS = {
    "float64": lambda X: X,
    "float32": lambda X: X.astype(np.float32),
    "float16": lambda X: np.clip(X, -6e4, 6e4).astype(np.float16),
    "int64": lambda X: np.clip(3 * X, -1e18, 1e18).astype(np.int64),
    "int8": lambda X: np.clip(3 * X, -100, 100).astype(np.int8),
    "bool": lambda X: X > 0,
    "columns first": np.asfortranarray,
    "read only": read_only,
    "memory mapped": memory_mapped,
    "pandas": lambda X: pd.DataFrame(X, columns=names(X)),
    "polars": lambda X: pl.DataFrame(X, schema=names(X)),
    "sparse": sparse_rows,
    "sparse float32": lambda X: sparse_rows(X.astype(np.float32)),
}
LABELS = {"int": int, "str": str, "float": float}


@st.composite
def data_sets(draw):
    """Draw (X, y, label), X in one of the forms, y of label(0), label(1) and so on."""
    n_rows, n_features = draw(st.integers(1, 60)), draw(st.integers(1, 30))
    X = np.random.default_rng(draw(st.integers(0, 99))).standard_normal((n_rows, n_features))
    for kind in draw(st.lists(st.sampled_from(sorted(COLUMNS)), max_size=4)):
        column = draw(st.integers(0, n_features - 1))
        X[:, column] = COLUMNS[kind](X[:, draw(st.integers(0, n_features - 1))])
    n_classes = draw(st.integers(1, min(n_rows, 12)))
    codes = np.arange(n_rows) % n_classes
    if draw(st.booleans()):  # all but one row of each of the other classes are of class 0
        codes[n_classes:] = 0
    label = LABELS[draw(st.sampled_from(sorted(LABELS)))]
    y = np.array([label(int(code)) for code in codes])
    return FORMS[draw(st.sampled_from(sorted(FORMS)))](X), y, label


# What valid parameters are refused for by the data, in words that say what is needed.
NEEDS = "|".join(
    [
        # Too few rows, or rows of a class, to hold some out.
        r"set is too small. (In|De)crease 'validation_fraction' or give more rows: it needs \d+, got \d+",
        r"The least populated class(es)? in y ha(s|ve) only 1 member, .* cannot be less than 2",
        r"The training set has no sample with a weight > 0. Decrease 'validation_fraction'",
        # Every number of the network's input would be one more, and no zero.
        r"numeric_embedding='piecewise' needs dense X, got a sparse one",
        r"categorical_features needs a data frame or a dense array, got a sparse X",
        r"quantile, as a list, needs a single target, got [23]",
        r"y must be above 0 in float(32|64) with loss='gamma', got 0",
        # A scorer's own words, where those held out lack a class.
        r"provide the (true|list of all expected class) labels explicitly|need classifier with two classes",
        r"class_weight must leave a sample with a weight > 0, got",
        # A Standardizer that clips at almost 0 leaves numbers of which no squares can be summed.
        r"Whitener needs columns that vary by 1e-140 to 1e\+149",
        # Of constants, "pca" leaves no column; huge gains on tiny data may leave the range of float32.
        r"0 feature\(s\) \(shape=.*\) while a minimum of 1 is required",
        r"need to be preprocessed: X reaches beyond the range of float32",
        r"Input X contains infinity or a value too large for dtype\('float32'\)",
    ]
)


def check_probabilities(model, X, y, classes):
    """Probabilities are such, the class predicted has the largest, and a pickle predicts the same."""
    P = model.predict_proba(X)
    assert P.shape == (len(y), len(classes))
    assert np.isfinite(P).all()
    assert (P >= 0).all()
    np.testing.assert_allclose(P.sum(axis=1), 1, rtol=0, atol=1e-5)
    found = np.searchsorted(classes, model.predict(X))
    np.testing.assert_allclose(P[np.arange(len(y)), found], P.max(axis=1), rtol=0, atol=1e-5)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X), P)


def check_predictions(model, X):
    """They are finite, and a pickle predicts the same."""
    found = model.predict(X)
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), found)


# Tables


TABLE_COLUMNS = {
    "numbers": lambda rng, n: rng.standard_normal(n),
    "few categories": lambda rng, n: rng.choice(["f", "m", "x"], n),
    "one category": lambda rng, n: np.full(n, "NL"),
    "ids": lambda rng, n: [f"id {i}" for i in range(n)],
    "gaps": lambda rng, n: np.where(rng.random(n) < 0.3, None, rng.choice(["a", "b"], n)),
    "numbers with gaps": lambda rng, n: np.where(rng.random(n) < 0.3, np.nan, rng.standard_normal(n)),
}
WEIGHTS = {
    "none": lambda rng, n: None,
    "any": lambda rng, n: rng.random(n) + 1e-3,
    "whole": lambda rng, n: rng.integers(1, 4, n).astype(float),
    "some are 0": lambda rng, n: np.where(np.arange(n) % 3 == 1, 0.0, rng.random(n) + 1e-3),
}


@st.composite
def tables(draw):
    """Draw (frame, codes of two classes, weights of the rows)."""
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    n_rows = draw(st.integers(2, 150))
    kinds = draw(st.lists(st.sampled_from(sorted(TABLE_COLUMNS)), min_size=1, max_size=4))
    frame = pd.DataFrame({f"{i}": TABLE_COLUMNS[kind](rng, n_rows) for i, kind in enumerate(kinds)})
    return frame, np.arange(n_rows) % 2, WEIGHTS[draw(st.sampled_from(sorted(WEIGHTS)))](rng, n_rows)


@sizes("n_examples", 20, 300)
@pytest.mark.filterwarnings("ignore")  # of texts that differ in most rows, and of a single epoch
def test_any_table_with_any_weights_is_learned(n_examples):
    def check(table):
        frame, y, weight = table
        for class_weight in (None, "balanced"):
            model = MLPClassifier(8, max_iter=1, class_weight=class_weight, random_state=0)
            check_probabilities(model.fit(frame, y, weight), frame, y, [0, 1])
        check_predictions(MLPRegressor(hidden_layer_sizes=8, max_iter=1).fit(frame, y, weight), frame)

    hold(check, tables(), examples=n_examples, anew=n_examples > 20)


def pipeline_for(X, standardizer, whitener, mlp):
    """Compose the pipeline; sparse data are neither shifted nor whitened."""
    if sparse.issparse(X):
        method = "robust" if standardizer["method"] == "robust" else "zscore"
        return Pipeline([("scale", Standardizer(method)), ("mlp", mlp)])
    return Pipeline([("scale", Standardizer(**standardizer)), ("whiten", Whitener(**whitener)), ("mlp", mlp)])


def goes_on(mlp):
    """Return whether partial_fit is there for these parameters."""
    weights = getattr(mlp, "class_weight", None)
    return mlp.solver != "lbfgs" and not mlp.early_stopping and weights != "balanced"


def fits(model, X, y):
    """Fit a model; tell whether it was, for else the refusal says what the data lack."""
    try:
        model.fit(X, y)
    except ValueError as refusal:
        assert re.search(NEEDS, str(refusal)), refusal  # noqa: PT017
        return False
    return True


def hold_for_most(check, *strategies, examples, anew):
    """Call `check`, which tells whether a case trained, with drawn cases: most of them must."""
    trained = []

    def count(case):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            warnings.filterwarnings("ignore", "overflow encountered in (matmul|multiply)", RuntimeWarning)
            # scikit-learn before 1.7 sums X to see whether it is finite: numbers near the largest overflow.
            warnings.filterwarnings("ignore", "invalid value encountered in reduce", RuntimeWarning)
            trained.append(check(*case))

    hold(count, st.tuples(*strategies), examples=examples, anew=anew)
    assert len(trained) >= examples
    assert np.mean(trained) > 1 / 2  # about two thirds do, give or take a twentieth for chance


@sizes("n_examples", 100, 2000)
def test_valid_parameters_train_a_classifier_on_any_data(n_examples):
    def check(data, standardizer, whitener, parameters):
        X, y, label = data
        classes = np.unique(y)
        if isinstance(parameters["class_weight"], dict):
            weights = {label(code): weight for code, weight in parameters["class_weight"].items()}
            parameters = parameters | {"class_weight": weights}
        model = pipeline_for(X, standardizer, whitener, MLPClassifier(**parameters))
        if not fits(model, X, y):
            return False
        check_probabilities(model, X, y, classes)
        if goes_on(model[-1]):
            model[-1].partial_fit(model[:-1].transform(X), y)
            check_probabilities(model, X, y, classes)
        return True

    strategies = data_sets(), valid(STANDARDIZER), valid(WHITENER), valid(CLASSIFIER)
    hold_for_most(check, *strategies, examples=n_examples, anew=n_examples > 100)


@sizes("n_examples", 100, 1000)
def test_valid_parameters_train_a_regressor_on_any_data(n_examples):
    def check(data, n_targets, scale, parameters):
        X, codes, _ = data
        y = np.random.default_rng(0).random((len(codes), n_targets)) * scale
        model = MLPRegressor(**parameters)
        if not fits(model, X, y if n_targets > 1 else y[:, 0]):
            return False
        check_predictions(model, X)
        if goes_on(model):
            model.partial_fit(X, y if n_targets > 1 else y[:, 0])
            check_predictions(model, X)
        return True

    strategies = data_sets(), st.integers(1, 3), st.sampled_from([0, 1, 1e-30, 1e30]), valid(REGRESSOR)
    hold_for_most(check, *strategies, examples=n_examples, anew=n_examples > 100)


# Searches


class Fragile(ClassifierMixin, BaseEstimator):
    """An estimator whose score follows from its parameters; its fits fail or are interrupted at will."""

    fits, interrupted_fit = 0, None

    def __init__(self, rate=1.0, width=3, kind="good"):
        self.rate, self.width, self.kind = rate, width, kind

    def fit(self, X, y):
        Fragile.fits += 1
        if Fragile.fits == Fragile.interrupted_fit:
            raise KeyboardInterrupt
        if self.kind is None or (self.kind == "picky" and X[0, 0] == 0):
            raise RuntimeError("not with these parameters and rows")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])

    def score(self, X, y):
        if self.kind == "worthless":
            return np.nan
        return -abs(math.log10(self.rate) + 1) - abs(self.width - 5) / 10 + X[0, 0] / 100


DIMENSIONS = {
    "rate": [Real(1e-3, 1.0, "log-uniform"), (0.1, 1.0), Categorical([0.01, 0.1, 1.0])],
    "width": [Integer(1, 9), [3, 5, 9], (4, 6)],
    "kind": [["good", None], ["good", "picky", ("a", "b")], Categorical(["good", "worthless"]), [None]],
}
SPACE = st.fixed_dictionaries({}, optional={name: st.sampled_from(dims) for name, dims in DIMENSIONS.items()})
SPACE = SPACE.filter(bool)


# Values with which no fit can end.
FAILING = [None, "no such name", -1]


def width_of(estimator, X, y):
    return float(estimator.width)


SEARCH = {
    "search_spaces": SPACE | st.lists(st.tuples(SPACE, st.integers(1, 4)), min_size=1, max_size=2),
    "n_iter": st.integers(1, 6),
    "n_points": st.integers(1, 3),
    "cv": st.sampled_from([2, KFold(3), KFold(2, shuffle=True, random_state=1), "generator"]),
    "scoring": st.sampled_from([None, width_of, {"width": width_of, "accuracy": "accuracy"}]),
    "error_score": st.sampled_from([math.nan, 0.0, -1]),
    "random_state": st.integers(0, 9),
    "optimizer_kwargs": st.sampled_from([*[{"n_initial_points": 9}] * 5, None]),
}
ROWS = np.arange(12.0)[:, None], np.arange(12) % 2


def outcome(params, call=lambda fit, *data: fit(*data), interrupted_fit=None):
    """Search; give the search, or what it raised if nothing could be fitted, or an interrupt did not wait."""
    Fragile.fits, Fragile.interrupted_fit = 0, interrupted_fit
    cv = KFold(3).split(*ROWS) if params["cv"] == "generator" else params["cv"]
    refit = next(iter(params["scoring"])) if isinstance(params["scoring"], dict) else True
    found = BayesSearchCV(**{"estimator": Fragile()} | params | {"cv": cv, "refit": refit})
    try:
        call(found.fit, *ROWS)
    except KeyboardInterrupt:
        return "interrupted"
    except ValueError as error:
        assert re.search("None of the .* candidates could be fitted", str(error))  # noqa: PT017
        return "nothing fitted"
    return found


def check_search(found):
    """What failed is told and never the best, the best has the highest score, no point is there twice."""
    results = found.cv_results_
    assert {len(column) for column in results.values()} == {len(results["params"])}
    scores = results[f"mean_test_{found.refit if found.multimetric_ else 'score'}"]
    failing = [any(value in FAILING for value in params.values()) for params in results["params"]]
    assert failing == results["failed"].tolist()
    assert not results["failed"][found.best_index_]
    finite = scores[np.isfinite(scores) & ~results["failed"]]
    if finite.size:
        assert found.best_score_ == finite.max()
    frame = found.results_frame()
    assert sorted(frame["candidate"]) == list(range(1, len(scores) + 1))
    assert len(scores) <= found.total_iterations
    if isinstance(found.search_spaces, dict):
        assert len(set(map(str, results["params"]))) == len(scores)


def results_of(found):
    """Return the results, times aside, as text."""
    if isinstance(found, str):
        return found
    return {name: list(map(str, column)) for name, column in found.cv_results_.items() if "time" not in name}


@pytest.mark.filterwarnings("ignore")
@sizes("n_examples", 5, 200)
def test_searches_end_well_and_can_be_taken_up_again(n_examples):
    """Interrupted at whatever fit, a search ends with the best so far, or ends a loop; its file goes on."""

    def check(params, interrupted_fit, in_loop):
        whole = outcome(params)
        if not isinstance(whole, str):
            check_search(whole)
        with tempfile.TemporaryDirectory() as folder:
            kept = params | {"checkpoint": f"{folder}/search"}
            call = (lambda fit, *data: [fit(*data) for _ in range(1)]) if in_loop else in_a_cell
            first = outcome(kept, call, interrupted_fit)
            if not isinstance(first, str):
                check_search(first)
                assert set(map(str, first.cv_results_["params"])) <= set(
                    map(str, whole.cv_results_["params"])
                )
            for _ in range(2):
                assert results_of(outcome(kept)) == results_of(whole)

    strategies = st.fixed_dictionaries(SEARCH), st.integers(1, 20), st.booleans()
    hold(check, *strategies, examples=n_examples, anew=n_examples > 5)


NETWORKS = {
    "learning_rate_init": [Real(1e-4, 0.1, "log-uniform"), Categorical([0.001, 0.01, -1])],
    "activation": [["relu", "tanh"], ["relu", "no such name"]],
    "hidden_layer_sizes": [[(4,), (3, 2)], Integer(1, 6)],
    "batch_size": [[4, 500]],
    "solver": [["adam", "sgd", "lbfgs"]],
    "ensemble_size": [(1, 2)],
    "dropout": [(0.0, 0.5)],
}
TREES = {
    "max_depth": [Integer(1, 4), [1, 3, -1]],
    "criterion": [["gini", "entropy"], ["gini", "no such name"]],
}
QUICK = {"hidden_layer_sizes": 4, "max_iter": 3, "random_state": 0}


def space_of(dimensions, step=""):
    """Draw a space of one or more of the dimensions, as parameters of a step."""
    optional = {step + name: st.sampled_from(choices) for name, choices in dimensions.items()}
    return st.fixed_dictionaries({}, optional=optional).filter(bool)


SUBJECTS = st.one_of(
    st.tuples(st.just(MLPClassifier(**QUICK)), space_of(NETWORKS)),
    st.tuples(
        st.just(
            make_pipeline(
                Standardizer(), MLPClassifier(early_stopping=True, validation_fraction=0.4, **QUICK)
            )
        ),
        space_of(NETWORKS, "mlpclassifier__"),
    ),
    st.tuples(st.just(MLPRegressor(**QUICK)), space_of(NETWORKS)),
    st.tuples(st.just(DecisionTreeClassifier(random_state=0)), space_of(TREES)),
)
SEARCH_OF_NETWORKS = SEARCH | {
    "scoring": st.sampled_from([None, "r2", {"r2": "r2", "error": "neg_mean_absolute_error"}]),
    "n_iter": st.integers(2, 5),
    "return_train_score": st.booleans(),
}
del SEARCH_OF_NETWORKS["search_spaces"]


def check_unfinished(first, whole):
    """An interrupted search has the first candidates of the whole one, with the same scores."""
    check_search(first)
    part, results = results_of(first), results_of(whole)
    assert part.keys() <= results.keys()
    for name in part:
        if not name.startswith("rank_"):
            assert part[name] == results[name][: len(part[name])]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("default_handler")
@sizes("n_examples", 10, 200)
def test_searches_over_networks_can_be_interrupted_at_any_moment(n_examples):
    """Ctrl-C comes at any call of a function of the package, and at another when the search goes on."""

    def check(subject, params, moments, in_loop):
        estimator, space = subject
        params = params | {"estimator": estimator, "search_spaces": space}
        whole = outcome(params)
        if not isinstance(whole, str):
            check_search(whole)
        with tempfile.TemporaryDirectory() as folder:
            kept = params | {"checkpoint": f"{folder}/search"}
            call = (lambda fit, *data: [fit(*data) for _ in range(1)]) if in_loop else in_a_cell
            for moment in moments:
                with CtrlC(moment, within="compose_spaces"):
                    part = outcome(kept, call)
                if not isinstance(part, str):
                    check_unfinished(part, whole)
            for _ in range(2):
                assert results_of(outcome(kept)) == results_of(whole)

    moments = st.lists(st.integers(1, 12000), min_size=1, max_size=2)
    strategies = SUBJECTS, st.fixed_dictionaries(SEARCH_OF_NETWORKS), moments, st.booleans()
    hold(check, *strategies, examples=n_examples, anew=n_examples > 10)
