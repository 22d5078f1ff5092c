"""MLPClassifier: what it learns, what it keeps, and what it does when things go wrong."""

import copy
import itertools
import pickle
import warnings
from inspect import signature

import numpy as np
import pytest
from plain import MLPClassifier
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.neural_network import MLPClassifier as SklearnMLP

from sknn6.nn.activations import ACTIVATIONS, Activation
from sknn6.nn.initializers import INITIALIZERS
from sknn6.nn.normalization import NORMALIZATIONS
from sknn6.nn.optimizers import OPTIMIZERS
from sknn6.nn.schedules import SCHEDULES
from sknn6.training import minibatch

SOLVERS = ["lbfgs", *OPTIMIZERS]

DIGITS, DIGIT = load_digits(return_X_y=True)
DIGITS = DIGITS / 16
TRAIN, TEST = slice(0, 1200), slice(1200, None)

rng = np.random.default_rng(0)
X = rng.standard_normal((60, 4))
TARGETS = {
    "binary": (X[:, 0] > 0).astype(int),
    "multiclass": np.digitize(X[:, 0], [-0.5, 0.5]),
    "multilabel": (X[:, :3] > 0).astype(int),
}


SPARSE = [getattr(sparse, f"{name}_array") for name in ("bsr", "coo", "csc", "csr", "dia", "dok", "lil")]


def fit(X=X, y=TARGETS["multiclass"], **params):
    """Fit a small classifier, without the warning that a few epochs are few."""
    params = {"hidden_layer_sizes": 8, "max_iter": 10, "random_state": 0} | params
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return MLPClassifier(**params).fit(X, y)


# What it learns


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"solver": "lbfgs"},
        {"activation": "gelu"},
        {"activation": "maxout"},
        *[{"batchnorm": name} for name in NORMALIZATIONS],
        {"layernorm": True},
        {"residual": True, "depth": 4, "layernorm": True},
    ],
)
def test_digits(params):
    """scikit-learn 1.9's MLPClassifier has 0.92 on these last 597 digits, by writers it has not seen.

    An accuracy of 0.92 over so many has a standard deviation of 0.011; the bound is 2.7 of them below.
    """
    model = fit(DIGITS[TRAIN], DIGIT[TRAIN], hidden_layer_sizes=(100,), max_iter=60, **params)
    assert model.score(DIGITS[TEST], DIGIT[TEST]) >= 0.89


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_same_weights_same_steps_as_scikit_learn(activation, solver, target):
    """From the same weights, through the same batches, in float64: the same weights, weighted samples too."""
    y = TARGETS[target]
    # scikit-learn before 1.7 takes no weights here.
    weighted = "sample_weight" in signature(SklearnMLP.fit).parameters
    weights = {"sample_weight": np.linspace(0.5, 2, len(X))} if weighted else {}
    params = {
        # Trials of a line search go far, the farther the more layers of ReLU there are, and scikit-learn's
        # loss is wrong there: it takes no probability for less than 2e-16.
        "hidden_layer_sizes": 6 if (activation, solver) == ("relu", "lbfgs") else (6, 5),
        "activation": activation,
        "solver": solver,
        "batch_size": 16,
        "shuffle": False,
        "max_iter": 20 if solver == "lbfgs" else 5,
        "tol": 0.0,
        # A line search multiplies differences of rounding, the more the flatter the loss.
        "alpha": 1.0 if solver == "lbfgs" else 0.01,
        "warm_start": True,
        "random_state": 0,
        "momentum": 0.8,
    }
    ours, theirs = MLPClassifier(**params, dtype="float64"), SklearnMLP(**params)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", DeprecationWarning)  # scikit-learn 1.6 with SciPy 1.17
        theirs.set_params(max_iter=1).fit(X, y)
        ours.set_params(max_iter=1).fit(X, y)
        ours.coefs_ = [W.copy() for W in theirs.coefs_]
        ours.intercepts_ = [b.copy() for b in theirs.intercepts_]
        np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-12)
        theirs.set_params(max_iter=params["max_iter"]).fit(X, y, **weights)
        ours.set_params(max_iter=params["max_iter"]).fit(X, y, **weights)
    for W, expected in zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True):
        np.testing.assert_allclose(W, expected, atol=1e-6)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-6)
    assert ours.loss_ == pytest.approx(theirs.loss_, abs=1e-6)


def test_a_weight_of_zero_is_a_row_left_out():
    """In float64 and with batch normalisation, whose statistics are weighted too."""
    y, weight = TARGETS["multiclass"], np.ones(60)
    weight[40:] = 0
    params = {"batchnorm": True, "dtype": "float64", "hidden_layer_sizes": 8, "max_iter": 20}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        weighted = MLPClassifier(random_state=0, **params).fit(X, y, sample_weight=weight)
        shorter = MLPClassifier(random_state=0, **params).fit(X[:40], y[:40])
    np.testing.assert_allclose(weighted.predict_proba(X), shorter.predict_proba(X), rtol=1e-7)


@pytest.mark.parametrize("target", TARGETS)
def test_sparse_input_is_learned_as_dense(target):
    sparse_X = X * (np.abs(X) > 0.5)
    dense = fit(sparse_X, TARGETS[target], dtype="float64")
    for kind in (*SPARSE, sparse.csr_matrix, sparse.csc_matrix):
        model = fit(kind(sparse_X), TARGETS[target], dtype="float64")
        np.testing.assert_allclose(
            model.predict_proba(kind(sparse_X)), dense.predict_proba(sparse_X), rtol=1e-9
        )


def test_sparse_input_stays_sparse():
    """A million features of which a row has ten: a dense copy of these 1000 rows would take 8 GB."""
    import resource

    columns = np.random.default_rng(0).integers(0, 10**6, 10000)
    data = sparse.csr_array((np.ones(10000), columns, np.arange(0, 10001, 10)), shape=(1000, 10**6))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    model = fit(data, np.arange(1000) % 2, hidden_layer_sizes=4, max_iter=2)
    assert model.predict(data).shape == (1000,)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1_000_000  # kB


@pytest.mark.parametrize(
    ("sizes", "depth", "hidden"),
    [
        (7, None, [7]),
        (7, 3, [7, 7, 7]),
        ((7, 5), None, [7, 5]),
        ("7-5", None, [7, 5]),
        (np.str_("7"), np.int64(2), [7, 7]),
        ("7-5", 2, [7, 5, 7, 5]),
        ((), None, []),
        (np.array([7, 5]), None, [7, 5]),
    ],
)
def test_hidden_layer_sizes_and_depth(sizes, depth, hidden):
    model = fit(hidden_layer_sizes=sizes, depth=depth)
    assert [W.shape for W in model.coefs_] == list(itertools.pairwise([4, *hidden, 3]))
    assert model.n_layers_ == len(hidden) + 2


def test_full_batch_normalisation_ends_with_the_statistics_of_the_data():
    """L-BFGS sees all rows at once: what it predicts is what it was trained as."""
    model = fit(solver="lbfgs", batchnorm=True)
    first = X @ model.coefs_[0] + model.intercepts_[0]
    state = model.layer_state_
    np.testing.assert_allclose(state["batchnorm_0.running_mean"], first.mean(axis=0), rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(state["batchnorm_0.running_var"], first.var(axis=0, ddof=1), rtol=1e-8)


@pytest.mark.parametrize("params", [{"batchnorm": "whiten"}, {"batchnorm": "switchable"}, {"ema_decay": 0.9}])
def test_prediction_normalises_with_the_statistics_of_the_final_weights(params):
    """Where an average over the batches would mix weights that are no more, or not averaged yet."""
    params = {"batchnorm": True, "batch_size": 16, "learning_rate_init": 0.05, "dtype": "float64"} | params
    model = fit(hidden_layer_sizes=8, batchnorm_group_size=4, **params)
    first = X @ model.coefs_[0] + model.intercepts_[0]
    state = {name.partition(".")[2]: array for name, array in model.layer_state_.items()}
    np.testing.assert_allclose(state["running_mean"], first.mean(axis=0), rtol=1e-8, atol=1e-10)
    if params["batchnorm"] is True:
        np.testing.assert_allclose(state["running_var"], first.var(axis=0, ddof=1), rtol=1e-8)
    else:
        np.testing.assert_allclose(state["running_cov"][4:], np.cov(first.T)[4:, 4:], rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("batchnorm", NORMALIZATIONS)
@pytest.mark.parametrize("solver", SOLVERS)
def test_whitening_of_units_that_depend_on_each_other(batchnorm, solver):
    """Two features, four copies of each: every covariance has rank 2. The nearest mean has 0.94."""
    centres = 2 * np.array([[np.cos(a), np.sin(a)] for a in (0, 2.1, 4.2)])
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 600)
    X = np.tile(centres[y] + rng.standard_normal((600, 2)), 4)
    assert np.mean(np.linalg.norm(X[:, None, :2] - centres, axis=2).argmin(axis=1) == y) == pytest.approx(
        0.94, abs=0.02
    )
    model = fit(X[:400], y[:400], hidden_layer_sizes="32-32", batchnorm=batchnorm, solver=solver, max_iter=40,
                learning_rate_init=0.01, alpha=1.0)  # fmt: skip
    assert model.score(X[400:], y[400:]) >= 0.86
    if solver != "lbfgs":
        for _ in range(3):
            model.partial_fit(X[:400], y[:400])
        assert model.score(X[400:], y[400:]) >= 0.86


def test_weights_of_switchable_whitening():
    """They start as thirds, sum to 1, are learned, and are there only where they mean something."""
    params = {"hidden_layer_sizes": "8-6", "batchnorm": "switchable", "learning_rate_init": 0.05}
    start = fit(**params | {"learning_rate_init": 1e-12}, max_iter=1).switchable_weights_
    np.testing.assert_allclose(start, np.full((2, 2, 3), 1 / 3), rtol=1e-6)
    model = fit(**params)
    np.testing.assert_allclose(model.switchable_weights_.sum(axis=2), 1, rtol=1e-6)
    assert np.abs(model.switchable_weights_ - start).max() > 0.01
    logits = model.layer_state_["switchablewhitening_1.cov_logits"]
    np.testing.assert_allclose(
        model.switchable_weights_[1, 1], np.exp(logits) / np.exp(logits).sum(), rtol=1e-6
    )
    for other in (fit(batchnorm=True), MLPClassifier(**params)):
        assert not hasattr(other, "switchable_weights_")


def test_learned_slopes_are_not_decayed():
    """A decay that takes the weights to nothing leaves prelu's slopes near 0.25; alpha likewise."""
    for params in ({"weight_decay": 500.0}, {"alpha": 1e4, "solver": "lbfgs"}):
        model = fit(activation="prelu", max_iter=100, **params)
        assert np.abs(model.coefs_[0]).max() < 0.05
        np.testing.assert_allclose(model.layer_state_["activate_0.slope"], 0.25, atol=0.05)
    learned = fit(activation="prelu", max_iter=100, learning_rate_init=0.01).layer_state_["activate_0.slope"]
    assert np.abs(learned - 0.25).max() > 0.1


def absolute(Z):
    return np.abs(Z), np.sign(Z)


def absolute_backward(dA, sign):
    return dA * sign


# Initial weights that the lecture warns of


@pytest.mark.parametrize("given", [{"init": "zeros"}, {"init_scale": 0}])
@pytest.mark.parametrize("activation", ["relu", "logistic", "maxout"])
def test_zeros_keep_the_units_of_a_layer_identical_and_the_fit_says_so(activation, given):
    """The lecture: every unit gets the same gradient for ever."""
    params = {"max_iter": 30, "learning_rate_init": 0.05, "random_state": 0, "dtype": "float64"}
    model = MLPClassifier("8-6", activation, **params, **given)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, TARGETS["multiclass"])
    told = [str(w.message) for w in caught if "gives all units of a hidden layer the same" in str(w.message)]
    assert len(told) == 1
    for i, W in enumerate(model.coefs_):
        if i < 2:
            np.testing.assert_allclose(W, np.repeat(W[:, :1], W.shape[1], axis=1), rtol=1e-9)
        if i > 0:
            np.testing.assert_allclose(W, np.repeat(W[:1], len(W), axis=0), rtol=1e-9)
    drawn = fit(hidden_layer_sizes="8-6", activation=activation, learning_rate_init=0.05)
    assert np.ptp(drawn.coefs_[0], axis=1).min() > 0.1


@pytest.mark.parametrize(
    ("params", "warns"),
    [
        ({"activation": "relu"}, True),
        ({"activation": ["tanh", "gelu"]}, True),
        ({"activation": "tanh"}, False),
        ({"activation": "maxout"}, False),  # whose second moment is 1, as Xavier's variance wants it
        ({"activation": "relu", "batchnorm": True}, False),
        ({"activation": "relu", "layernorm": True}, False),
        ({"activation": "relu", "hidden_layer_sizes": ()}, False),
        ({"activation": "relu", "init": "he_normal"}, False),
        ({"activation": Activation(absolute, absolute_backward)}, False),  # of gain 1
    ],
)
def test_xavier_with_a_rectifier_warns_once(params, warns):
    """The lecture: Xavier's variance halves the signal with every layer of ReLU."""
    params = {"hidden_layer_sizes": "8-6", "init": "xavier_normal", "max_iter": 2} | params
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = MLPClassifier(**params).fit(X, TARGETS["multiclass"])
        model.set_params(warm_start=True).fit(X, TARGETS["multiclass"])
    told = [
        w
        for w in caught
        if "init='xavier_normal' with init_scale=1.0 suits activations such as tanh" in str(w.message)
    ]
    assert len(told) == warns
    assert all(w.filename == __file__ for w in told)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_batches_of_one_with_batchnorm_are_told():
    with pytest.warns(UserWarning, match="batchnorm needs batches of two samples or more, got batch_size=1"):
        MLPClassifier(4, batchnorm=True, batch_size=1, max_iter=1).fit(X, TARGETS["binary"])


def test_warnings_name_the_line_that_calls_fit():
    with pytest.warns(ConvergenceWarning) as told:
        MLPClassifier(4, max_iter=1).fit(X, TARGETS["binary"])
    assert [warning.filename for warning in told] == [__file__]


@pytest.mark.parametrize("name", ["saved", "name", "forward", "training", "no name"])
def test_learned_parameters_have_names_of_their_own(name):
    activation = Activation(absolute, absolute_backward, learned=[(name, 0.0)])
    with pytest.raises(ValueError, match=f"must have names that its layer does not use, got '{name}'"):
        fit(activation=activation)


# Residual blocks


def test_residual_blocks_are_shortcuts_around_the_same_layers():
    """Weights of the same shapes; where the widths differ, a projection."""
    model = fit(hidden_layer_sizes=(6, 6, 4), residual=True)
    assert [W.shape for W in model.coefs_] == [(4, 6), (6, 6), (6, 4), (4, 3)]
    assert {name: array.shape for name, array in model.layer_state_.items()} == {
        "projection_0.W": (6, 4),
        "projection_0.b": (4,),
    }
    W, b = model.coefs_, model.intercepts_
    relu = lambda Z: np.maximum(Z, 0)  # noqa: E731
    stream = X @ W[0] + b[0]
    stream = stream + relu(stream) @ W[1] + b[1]
    projected = stream @ model.layer_state_["projection_0.W"] + model.layer_state_["projection_0.b"]
    stream = projected + relu(stream) @ W[2] + b[2]
    Z = relu(stream) @ W[3] + b[3]
    P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(X), P, rtol=1e-6)


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("labels", [["no", "yes"], [False, True], [2.0, 3.0]])
def test_data_frames_and_labels_of_any_kind(library, labels):
    library = pytest.importorskip(library)
    frame = library.DataFrame({f"x{i}": X[:, i] for i in range(4)})
    y = np.array(labels)[TARGETS["binary"]]
    model = fit(frame, library.Series(y), max_iter=40, learning_rate_init=0.02)
    assert list(model.classes_) == labels
    assert list(model.feature_names_in_) == ["x0", "x1", "x2", "x3"]
    predicted = model.predict(frame)
    assert predicted.dtype == np.array(labels).dtype or predicted.dtype == object
    assert np.mean(predicted == y) > 0.9
    with pytest.raises(ValueError, match="feature names"):
        model.predict(
            frame.rename(columns={"x0": "z"}) if library.__name__ == "pandas" else frame.rename({"x0": "z"})
        )


def test_early_stopping_keeps_the_weights_of_the_best_epoch():
    # No two epochs score the same, and at this rate the loss soon rises again.
    params = {"scoring": "neg_log_loss", "learning_rate_init": 0.05, "hidden_layer_sizes": 20}
    model = fit(DIGITS, DIGIT, early_stopping=True, max_iter=100, **params)
    assert max(model.validation_scores_) == model.best_validation_score_
    assert len(model.validation_scores_) == model.n_iter_
    best = int(np.argmax(model.validation_scores_)) + 1
    assert best <= model.n_iter_ - 10
    assert model.history_[best - 1]["validation_score"] == model.best_validation_score_
    # Training again up to that epoch, with the same seed, ends with the same weights.
    again = fit(DIGITS, DIGIT, early_stopping=True, max_iter=best, **params)
    np.testing.assert_array_equal(again.coefs_[0], model.coefs_[0])


def test_early_stopping_leaves_no_optimizer_of_later_epochs():
    """Its moments, and the weights before their average, are of the last epoch, not of the best."""
    params = {"scoring": "neg_log_loss", "learning_rate_init": 0.05, "hidden_layer_sizes": 20}
    model = fit(DIGITS, DIGIT, early_stopping=True, max_iter=100, ema_decay=0.9, **params)
    before = model.coefs_[0].copy()
    model.set_params(early_stopping=False, learning_rate_init=1e-9).partial_fit(DIGITS[:50], DIGIT[:50])
    np.testing.assert_allclose(model.coefs_[0], before, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("solver", SOLVERS)
def test_history(solver):
    model = fit(solver=solver, max_iter=5)
    assert [record["epoch"] for record in model.history_] == list(range(1, len(model.history_) + 1))
    assert model.history_[-1]["loss"] == model.loss_
    assert all(record["seconds"] > 0 for record in model.history_)
    if solver != "lbfgs":
        assert [record["loss"] for record in model.history_] == model.loss_curve_


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("solver", OPTIMIZERS)
def test_schedules(solver, schedule):
    """The rate falls below its start, but where it is constant: so too scikit-learn's two with adam."""
    model = fit(solver=solver, learning_rate=schedule, max_iter=20, tol=0.01, n_iter_no_change=4)
    rates = [record["learning_rate"] for record in model.history_]
    assert max(rates) <= 1e-3
    constant = schedule == "constant" or (SCHEDULES[schedule].for_sgd and solver != "sgd")
    assert (min(rates) == 1e-3) == constant


@pytest.mark.parametrize("schedule", [name for name in SCHEDULES if SCHEDULES[name].follows_plan])
def test_schedules_along_a_plan_are_constant_without_one(schedule):
    model = MLPClassifier(4, learning_rate=schedule, batch_size=16, random_state=0)
    for _ in range(3):
        model.partial_fit(X, TARGETS["binary"], classes=[0, 1])
    assert [record["learning_rate"] for record in model.history_] == [1e-3] * 3


# What it predicts and keeps


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("batchnorm", [False, *NORMALIZATIONS])
def test_float64_is_predicted_in_float64_row_by_row(batchnorm, target):
    model = fit(y=TARGETS[target], batchnorm=batchnorm)
    P = model.predict_proba(X)
    assert P.dtype == np.float64
    for rows in (slice(0, 1), slice(3, 10), slice(59, None)):
        np.testing.assert_allclose(model.predict_proba(X[rows]), P[rows], rtol=1e-12)
    # Not the float32 of the training in disguise: a difference below its resolution is seen.
    assert (model.predict_proba(X * (1 + 1e-12)) != P).any()


@pytest.mark.parametrize("batchnorm", [False, *NORMALIZATIONS])
def test_long_input_is_predicted_in_blocks_that_do_not_show(batchnorm):
    model = fit(hidden_layer_sizes=4096, max_iter=1, batchnorm=batchnorm)
    many = np.random.default_rng(1).standard_normal((200, 4))
    np.testing.assert_allclose(
        model.predict_proba(many), np.vstack([model.predict_proba(row[None]) for row in many]), rtol=1e-10
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("solver", SOLVERS)
def test_fitted_arrays_and_probabilities_come_in_the_dtype_of_X(solver, dtype):
    model = fit(X.astype(dtype), solver=solver, batchnorm=True)
    arrays = [*model.coefs_, *model.intercepts_, *model.layer_state_.values()]
    assert {array.dtype for array in arrays} == {np.dtype(dtype)}
    assert model.predict_proba(X.astype(dtype)).dtype == dtype


def fitted_state(model):
    return pickle.dumps(vars(model))


@pytest.mark.parametrize("target", TARGETS)
def test_predicting_changes_nothing(target):
    model = fit(y=TARGETS[target], batchnorm=True)
    before = fitted_state(model)
    model.predict(X), model.predict_proba(X), model.predict_log_proba(X), model.score(X, TARGETS[target])
    assert fitted_state(model) == before


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("batchnorm", [False, *NORMALIZATIONS])
@pytest.mark.parametrize("duplicate", [lambda m: pickle.loads(pickle.dumps(m)), copy.deepcopy])
def test_a_copy_predicts_the_same_and_trains_on_as_the_original_does(duplicate, batchnorm, solver):
    y = TARGETS["multiclass"]
    model = fit(batchnorm=batchnorm, solver=solver, warm_start=True)
    twin = duplicate(model)
    np.testing.assert_array_equal(twin.predict_proba(X), model.predict_proba(X))
    before = model.predict_proba(X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        if solver != "lbfgs":
            twin.partial_fit(X, y)
        twin.fit(X, y)
        np.testing.assert_array_equal(model.predict_proba(X), before)  # the twin shares no memory
        if solver != "lbfgs":
            model.partial_fit(X, y)
        model.fit(X, y)
    np.testing.assert_array_equal(twin.predict_proba(X), model.predict_proba(X))
    assert np.abs(model.predict_proba(X) - before).max() > 0


def test_a_clone_is_unfitted_and_learns_the_same():
    model = fit(batchnorm=True)
    other = clone(model)
    with pytest.raises(NotFittedError):
        other.predict(X)
    with pytest.warns(ConvergenceWarning):
        other.fit(X, TARGETS["multiclass"])
    np.testing.assert_array_equal(other.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize("x_dtype", [np.float32, np.float64])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("hidden", [(5,), (128, 64)])
def test_pickle_is_little_more_than_the_weights(hidden, solver, dtype, x_dtype):
    """At most three times coefs_ and intercepts_, as Adam keeps two numbers a weight, and 10 kB."""
    params = {"hidden_layer_sizes": hidden, "solver": solver, "dtype": dtype, "max_iter": 3}
    # What grows with the epochs, the history, is felt beside few weights.
    long = {"max_iter": 200 if hidden == (5,) else 40, "tol": 0, "n_iter_no_change": 1000}
    for more in ({}, {"early_stopping": True}, {"batchnorm": True}):
        model = fit(DIGITS[:100].astype(x_dtype), DIGIT[:100], **params | long | more)
        weights = sum(array.nbytes for array in model.coefs_ + model.intercepts_)
        assert len(pickle.dumps(model)) <= 3 * weights + 10_000


def test_coefs_and_intercepts_are_the_weights_and_can_be_exchanged():
    """Prediction and further training start from what stands in coefs_ and intercepts_."""
    model, donor = fit(hidden_layer_sizes=8), fit(hidden_layer_sizes=8, random_state=1)
    model.coefs_, model.intercepts_ = copy.deepcopy(donor.coefs_), copy.deepcopy(donor.intercepts_)
    np.testing.assert_array_equal(model.predict_proba(X), donor.predict_proba(X))
    model.coefs_[0] *= 0
    assert np.ptp(model.predict_proba(X), axis=0).max() == 0
    model.set_params(learning_rate_init=1e-30).partial_fit(X, TARGETS["multiclass"])
    np.testing.assert_allclose(model.coefs_[1], donor.coefs_[1])


@pytest.mark.parametrize("batchnorm", [False, *NORMALIZATIONS])
def test_partial_fit_epochs_are_the_epochs_of_fit(batchnorm):
    """The optimizer's state and the order of batches go on: three calls are a fit of three epochs."""
    y = TARGETS["multiclass"]
    whole = fit(max_iter=3, batch_size=16, batchnorm=batchnorm)
    parts = MLPClassifier(8, batch_size=16, batchnorm=batchnorm, random_state=0)
    for _ in range(3):
        parts.partial_fit(X, y, classes=[0, 1, 2])
    for mine, theirs in zip(parts.coefs_ + parts.intercepts_, whole.coefs_ + whole.intercepts_, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    np.testing.assert_array_equal(parts.predict_proba(X), whole.predict_proba(X))
    assert parts.t_ == whole.t_ == 180


@pytest.mark.parametrize("batchnorm", [False, *NORMALIZATIONS])
def test_partial_fit_of_single_rows(batchnorm):
    """A stream of rows has no batch statistics; it learns with the running ones."""
    y = TARGETS["binary"]
    model = MLPClassifier(8, batchnorm=batchnorm, learning_rate_init=0.01, random_state=0)
    for _ in range(5):
        for row, label in zip(X, y, strict=True):
            model.partial_fit(row[None], [label], classes=[0, 1])
    assert model.score(X, y) >= 0.95


def test_one_class():
    model = fit(y=np.full(60, "only"))
    np.testing.assert_array_equal(model.predict(X), np.full(60, "only"))
    np.testing.assert_array_equal(model.predict_proba(X), np.ones((60, 1)))


def test_early_stopping_can_be_switched_between_fits():
    y = TARGETS["multiclass"]
    model = fit(warm_start=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.set_params(early_stopping=True).fit(X, y)
        assert len(model.validation_scores_) == model.n_iter_
        model.set_params(early_stopping=False).fit(X, y)
        assert model.best_loss_ == min(model.loss_curve_[-model.n_iter_ :])


def test_sparse_labels_are_predicted_sparse():
    model = fit(y=sparse.csr_matrix(TARGETS["multilabel"]))
    dense = fit(y=TARGETS["multilabel"])
    assert sparse.issparse(model.predict(X))
    np.testing.assert_array_equal(model.predict(X).toarray(), dense.predict(X))


def test_lists_of_indicators_can_be_learned_in_parts():
    model = MLPClassifier(4).partial_fit(X[:3].tolist(), [[1, 0, 1], [0, 1, 1], [1, 1, 0]], classes=[0, 1, 2])
    assert model.predict(X[:3]).shape == (3, 3)


@pytest.mark.parametrize("classes", [[0, 1], [0, 1, 2]])
def test_classes_of_indicators_are_their_values_or_the_labels(classes):
    """At any call; a later one may have either, or none, or a y of zeros."""
    Y = TARGETS["multilabel"]
    model = MLPClassifier(8, random_state=0).partial_fit(X, Y, classes=classes)
    for again in (classes, np.unique(Y), range(3), [0], None):
        model.partial_fit(X, Y, classes=again)
    assert model.classes_.tolist() == [0, 1, 2]
    assert model.predict_proba(X).shape == Y.shape
    with pytest.raises(ValueError, match=r"is not the same as on last call"):
        model.partial_fit(X, Y, classes=range(4))
    with pytest.raises(ValueError, match=r"classes, for indicators of 3 labels, needs .*, got \[0 1 2 3\]"):
        MLPClassifier(8).partial_fit(X, Y, classes=range(4))


@pytest.mark.parametrize("early_stopping", [False, True])
def test_history_and_curves_survive_pickling(early_stopping):
    y = TARGETS["multiclass"]
    model = fit(warm_start=True, early_stopping=early_stopping)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y, X_val=X, y_val=y)
    twin = pickle.loads(pickle.dumps(model))
    for name in ("history_", "loss_curve_", "validation_scores_"):
        assert getattr(twin, name) == getattr(model, name)
    assert len(twin.loss_curve_) == len(twin.history_) > 10
    model.loss_curve_ = [1.0, 2.0]  # a curve of the user's is kept as it is
    assert pickle.loads(pickle.dumps(model)).loss_curve_ == [1.0, 2.0]


@pytest.mark.parametrize("solver", SOLVERS)
def test_verbose_counts_the_epochs_of_each_fit(solver, capsys):
    model = fit(solver=solver, max_iter=3, warm_start=True, verbose=True, batch_size=60, tol=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, TARGETS["multiclass"])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Iteration")]
    assert [line.partition(",")[0] for line in lines] == 2 * ["Iteration 1", "Iteration 2", "Iteration 3"]
    assert lines[2] == f"Iteration 3, loss = {model.history_[2]['loss']:.8f}"
    assert [record["epoch"] for record in model.history_] == [1, 2, 3, 4, 5, 6]


# What it does when things go wrong


ALL_NORMS = {"batchnorm": "switchable", "layernorm": True, "residual": True}
EVERY_PART = [
    *[(activation, init, {}) for activation in ACTIVATIONS for init in ["auto", *INITIALIZERS]],
    *[(activation, "auto", {"batchnorm": norm}) for activation in ACTIVATIONS for norm in NORMALIZATIONS],
    *[("relu", init, {"batchnorm": norm}) for init in INITIALIZERS for norm in NORMALIZATIONS],
    *[(activation, "normal", {"layernorm": True}) for activation in ACTIVATIONS],
    *[(activation, "normal", {"residual": True}) for activation in ACTIVATIONS],
    *[(activation, "normal", ALL_NORMS) for activation in ACTIVATIONS],
]
# Two classes have another loss, which sees nothing of the hidden layers but their last one's scale.
EVERY_LOSS_AND_PART = [
    *[(10, *part) for part in EVERY_PART],
    *[(2, activation, "normal", norms) for activation in ACTIVATIONS for norms in ({}, ALL_NORMS)],
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:init=")
@pytest.mark.parametrize(("n_classes", "activation", "init", "norm"), EVERY_LOSS_AND_PART)
def test_no_learning_rate_ends_in_an_error_or_a_nan(n_classes, activation, init, norm):
    data = np.random.default_rng(0)
    X = (3 * data.standard_normal((20, 5))).astype(np.float32)
    y = np.arange(20) % n_classes
    rates = [("lbfgs", 1.0), ("sgd", 1.0), *itertools.product(OPTIMIZERS, [1e4])]  # lbfgs has no rate
    for solver, rate in rates:
        model = MLPClassifier(
            (6, 6, 4), activation, init=init, solver=solver, learning_rate_init=rate, batch_size=10,
            max_iter=8, random_state=0, **norm,
        )  # fmt: skip
        P = model.fit(X, y).predict_proba(X)
        assert np.isfinite(P).all()
        np.testing.assert_allclose(P.sum(axis=1), 1, rtol=1e-5)
        assert all(np.isfinite(array).all() for array in model.coefs_ + model.intercepts_)
        assert np.isfinite(model.predict_proba(X.astype(np.float64))).all()


def test_divergence_is_told_and_the_last_finite_weights_are_kept():
    params = {"solver": "sgd", "activation": "identity", "learning_rate_init": 1e4, "random_state": 0}
    model = MLPClassifier((8, 8, 8), max_iter=50, **params)
    with pytest.warns(ConvergenceWarning, match=r"diverged .* learning_rate_init \(it is 10000.0\)"):
        model.fit(X, TARGETS["multiclass"])
    assert model.n_iter_ < 50
    assert len(model.loss_curve_) == model.n_iter_
    before = fit(**params | {"hidden_layer_sizes": (8, 8, 8), "max_iter": max(model.n_iter_, 1)})
    np.testing.assert_array_equal(model.coefs_[0], before.coefs_[0])


@pytest.mark.parametrize("solver", SOLVERS)
def test_too_few_epochs_are_told(solver):
    with pytest.warns(ConvergenceWarning, match="max_iter"):
        MLPClassifier(8, solver=solver, max_iter=2, random_state=0).fit(X, TARGETS["binary"])


def test_an_interrupt_leaves_a_usable_model(monkeypatch):
    epochs = iter([minibatch.end_epoch] * 3)

    def interrupted(*args):
        end_epoch = next(epochs, None)
        if end_epoch is None:
            raise KeyboardInterrupt
        return end_epoch(*args)

    three_epochs = fit(max_iter=3)
    monkeypatch.setattr(minibatch, "end_epoch", interrupted)
    model = MLPClassifier(8, random_state=0)
    with pytest.raises(KeyboardInterrupt, match="interrupted"):
        model.fit(X, TARGETS["multiclass"])
    np.testing.assert_array_equal(model.predict_proba(X), three_epochs.predict_proba(X))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"activation": "swish"}, "'activation' parameter .* must be a str among"),
        ({"init": "glorot"}, "'init' parameter .* must be a str among"),
        ({"init_scale": -1}, "'init_scale' parameter .* must be a float in the range"),
        ({"batchnorm": "yes"}, "'batchnorm' parameter .* must be an instance of 'bool'.* or a str among"),
        ({"batchnorm_group_size": 0}, r"'batchnorm_group_size' parameter .* must be an int in the range \[1"),
        ({"layernorm": "yes"}, "'layernorm' parameter .* must be an instance of 'bool'"),
        ({"residual": 3}, "'residual' parameter .* must be an instance of 'bool'"),
        ({"batchnorm_momentum": 0}, "'batchnorm_momentum' parameter .* must be a float in the range"),
        ({"class_weight": {0: -1.0}}, r"class_weight must be .* not negative, got \{0: -1.0\}"),
        ({"class_weight": {0: np.nan}}, r"class_weight must be .* finite and not negative, got \{0: nan\}"),
        ({"class_weight": {0: "2"}}, r"class_weight must be a dict of weights.* got \{0: '2'\}"),
        (
            {"class_weight": dict.fromkeys(range(3), 0.0)},
            "class_weight must leave a sample with a weight > 0, got",
        ),
        ({"depth": 0}, "'depth' parameter .* must be None or an int in the range"),
        ({"dtype": "float16"}, "'dtype' parameter .* must be a str among"),
        ({"hidden_layer_sizes": "64x64"}, "hidden_layer_sizes must be .* '256-128', got '64x64'"),
        ({"hidden_layer_sizes": (8, 1.5)}, r"hidden_layer_sizes must be .* got \(8, 1.5\)"),
        ({"hidden_layer_sizes": (8, 0)}, r"hidden_layer_sizes must be > 0 and at most \d+, got \(8, 0\)"),
        ({"hidden_layer_sizes": -1}, "'hidden_layer_sizes' parameter"),
        ({"learning_rate": "exponential"}, "'learning_rate' parameter .* must be a str among"),
        ({"learning_rate_init": 0}, "'learning_rate_init' parameter .* must be .*a float in the range"),
        (
            {"validation_fraction": 0.01, "early_stopping": True},
            "validation set is too small. Increase 'validation_fraction' .* needs 2, got 1 of 60",
        ),
        (
            {"validation_fraction": 0.0, "early_stopping": True},
            "validation set is too small. Increase 'validation_fraction' .* needs 2, got 0 of 60",
        ),
        (
            {"validation_fraction": 0.999, "early_stopping": True},
            "training set is too small. Decrease 'validation_fraction' .* needs 1, got 0 of 60",
        ),
    ],
)
def test_bad_parameters_are_named(params, message):
    with pytest.raises(ValueError, match=message):
        MLPClassifier(**params).fit(X, TARGETS["multiclass"])


@pytest.mark.parametrize("sizes", [(5.5,), (5.0,), ((5,),), "5x"])
def test_sizes_that_are_no_integers_are_a_type_error_as_in_scikit_learn(sizes):
    with pytest.raises(TypeError, match="hidden_layer_sizes must be an int, a sequence of ints"):
        MLPClassifier(sizes).fit(X, TARGETS["binary"])


def test_bad_weights_are_named():
    model = MLPClassifier()
    with pytest.raises(ValueError, match="Negative values in data passed to `sample_weight`"):
        model.fit(X, TARGETS["binary"], sample_weight=-np.ones(60))
    with pytest.raises(ValueError, match="Sample weights must contain at least one non-zero number"):
        model.fit(X, TARGETS["binary"], sample_weight=np.zeros(60))


def test_bad_targets_are_named():
    with pytest.raises(ValueError, match=r"one column of classes or .* zeros and ones"):
        MLPClassifier().fit(X, np.column_stack([TARGETS["multiclass"]] * 2))
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        MLPClassifier().fit(X, X[:, 0])


def test_a_fit_that_fails_leaves_the_fitted_model_as_it_was():
    model = fit(warm_start=True)
    before = model.predict_proba(X)
    model.set_params(hidden_layer_sizes=9)
    with pytest.raises(ValueError, match=r"needs the hidden_layer_sizes and depth .* \[8\], got \[9\]"):
        model.fit(X, TARGETS["multiclass"])
    np.testing.assert_array_equal(model.predict_proba(X), before)


@pytest.mark.parametrize(
    ("fitted", "now"),
    [
        ({"batchnorm": False}, {"batchnorm": True}),
        ({"batchnorm": True}, {"batchnorm": "whiten"}),
        ({"batchnorm": True}, {"batchnorm": False}),
        ({"layernorm": True}, {"layernorm": False}),
        ({"residual": False}, {"residual": True}),
        ({"batchnorm_group_size": 2, "batchnorm": "whiten"}, {"batchnorm_group_size": 4}),
    ],
)
def test_a_training_that_goes_on_needs_the_same_network(fitted, now):
    model = fit(**fitted).set_params(**now)
    (name,) = now
    with pytest.raises(ValueError, match=f"needs the {name} that the network was fitted with"):
        model.partial_fit(X, TARGETS["multiclass"])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_batch_size_beyond_the_data_is_told_once():
    with pytest.warns(UserWarning, match="batch_size=1000 is larger than the 60 samples") as told:
        MLPClassifier(8, batch_size=1000, max_iter=1).fit(X, TARGETS["binary"])
    assert sum("batch_size" in str(warning.message) for warning in told) == 1


@pytest.mark.parametrize("solver", SOLVERS)
def test_weights_beyond_the_range_of_float32_are_held_to_it(solver):
    """Computed in float64, kept in the float32 of X."""
    model = fit(X.astype(np.float32), solver=solver, dtype="float64", init="normal", init_scale=1e60)
    assert all(np.isfinite(W).all() for W in model.coefs_)
    assert np.isfinite(model.predict_proba(X)).all()


def diverged():
    params = {"solver": "sgd", "learning_rate_init": 1e4, "max_iter": 20}
    return fit(DIGITS[:500], DIGIT[:500], hidden_layer_sizes=20, **params)


def test_a_diverged_model_can_be_trained_on():
    """The momentum that led there is forgotten with the weights: no warning, and the loss falls."""
    model = diverged().set_params(learning_rate_init=0.1)
    for _ in range(60):
        model.partial_fit(DIGITS[:500], DIGIT[:500])
    assert model.loss_curve_[-1] < 0.5 * model.loss_curve_[-60]


def test_a_second_moment_that_overflows_is_a_divergence():
    """In float32 the square of a gradient of 1e25 is infinite, and Adam's steps are 0 from there on."""
    with pytest.warns(ConvergenceWarning, match="diverged"):
        MLPClassifier(20, random_state=0).fit(DIGITS[:500] * 1e25, DIGIT[:500])


def test_data_beyond_the_range_are_refused():
    with (
        pytest.warns(ConvergenceWarning),
        pytest.raises(ValueError, match=r"X reaches beyond the range of float32"),
    ):
        MLPClassifier(8, random_state=0).fit(X * 1e100, TARGETS["binary"])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda model: model.set_params(hidden_layer_sizes="x").fit(DIGITS[:100], DIGIT[:100] > 4),
        lambda model: model.partial_fit(DIGITS[:3], [0, 1, np.nan]),
        lambda model: model.fit(DIGITS[:100, :5], DIGIT[:100], sample_weight=-np.ones(100)),
    ],
)
def test_a_failed_fit_changes_nothing(spoil):
    model = fit(DIGITS[:500], DIGIT[:500])
    before = fitted_state(model)
    parameters = model.get_params()
    with pytest.raises(ValueError):  # noqa: PT011
        spoil(model)
    model.set_params(**parameters)
    assert fitted_state(model) == before


def test_a_failed_first_fit_leaves_an_unfitted_model():
    model = MLPClassifier(8)
    with pytest.raises(ValueError, match="NaN"):
        model.partial_fit(X[:3], [0, 1, np.nan], classes=[0, 1, 2])
    assert not hasattr(model, "classes_")
    with pytest.raises(NotFittedError):
        model.predict(X)


@pytest.mark.parametrize(("first", "second"), [("multiclass", "multilabel"), ("multilabel", "multiclass")])
def test_another_kind_of_target_is_refused(first, second):
    model = fit(y=TARGETS[first], warm_start=True)
    for train_on in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match=r"y must be .* as in the fit before"):
            train_on(X, TARGETS[second])


def test_samples_to_train_on_may_not_all_have_weight_zero():
    """Of 60 rows, 54 are held out, the only one with a weight among them."""
    model = MLPClassifier(5, early_stopping=True, validation_fraction=0.9, max_iter=2, random_state=0)
    with pytest.raises(ValueError, match="training set has no sample with a weight > 0"):
        model.fit(X, TARGETS["multiclass"], sample_weight=np.arange(60) == 0)


def test_held_out_samples_may_all_have_weight_zero():
    weight = np.zeros(60)
    weight[:3] = 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = MLPClassifier(5, early_stopping=True, max_iter=2, random_state=0)
        model.fit(X, TARGETS["multiclass"], sample_weight=weight)
    assert np.isfinite(model.validation_scores_).all()


@pytest.mark.parametrize("scale", [1e-50, 1e38])
def test_weights_beyond_the_range_of_float32_count_as_any(scale):
    y = TARGETS["multiclass"]
    plain, scaled = (MLPClassifier(8, alpha=0, max_iter=20, random_state=0) for _ in range(2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        plain.fit(X, y, sample_weight=np.ones(60))
        scaled.fit(X, y, sample_weight=np.full(60, scale))
    np.testing.assert_allclose(scaled.predict_proba(X), plain.predict_proba(X), rtol=1e-5)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("width", [2, 4])
def test_indicators_of_another_width_are_refused(width, kind):
    model = fit(y=TARGETS["multilabel"], warm_start=True)
    Y = kind(np.eye(width, dtype=int)[np.arange(60) % width])
    message = f"y must have 3 columns of indicators as in the fit before, got {width}"
    for train_on in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match=message):
            train_on(X, Y)
    with pytest.raises(ValueError, match=message):
        model.fit(X, TARGETS["multilabel"], X_val=X, y_val=Y)


@pytest.mark.parametrize(
    ("held_out", "what"),
    [
        ({"X_val": X[:, :1], "y_val": TARGETS["multiclass"]}, "X has 1 features"),
        ({"X_val": X, "y_val": TARGETS["multiclass"] + 9}, "classes not in `self.classes_`"),
        ({"X_val": X, "y_val": TARGETS["multiclass"], "sample_weight_val": -np.ones(60)}, "Negative values"),
    ],
    ids=["features", "classes", "weights"],
)
def test_bad_validation_data_are_called_so(held_out, what):
    with pytest.raises(ValueError, match=rf"X_val, y_val and sample_weight_val must go with .*: .*{what}"):
        MLPClassifier(8).fit(X, TARGETS["multiclass"], **held_out)


def test_a_weight_of_a_class_that_y_lacks_is_for_other_rows():
    """As in scikit-learn's, unless a class of y has none: another fold may have the class."""
    y = TARGETS["binary"]
    weights = {0: 1.0, 1: 3.0}
    np.testing.assert_array_equal(
        fit(y=y, class_weight=weights | {7: 5.0}).coefs_[0], fit(y=y, class_weight=weights).coefs_[0]
    )
    with pytest.raises(
        ValueError, match=r"got \{0: 1.0, 7: 5.0\}, with \[7\], which y lacks, and without \[1\]"
    ):
        fit(y=y, class_weight={0: 1.0, 7: 5.0})


def test_huge_initial_weights_are_held_to_the_range_of_float32():
    for init, scale in (("he_normal", 1e300), ("normal", 1e39)):
        model = fit(init=init, init_scale=scale, max_iter=2)
        assert all(np.isfinite(W).all() for W in model.coefs_)
