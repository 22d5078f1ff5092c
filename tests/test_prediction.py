"""What predict and predict_proba promise, whatever they do to be quick."""

import gc
import tracemalloc
import warnings
import weakref
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pandas as pd
import pytest
from plain import MLPClassifier
from scipy.sparse import random as sparse_random
from sklearn import config_context
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.neural_network import MLPClassifier as SklearnMLP
from sklearn.utils.validation import check_X_y, validate_data

from sknn6 import MLPRegressor
from sknn6.estimators.fitted import LAST
from sknn6.nn.architecture import Architecture
from sknn6.nn.normalization import NORMALIZATIONS
from sknn6.validation import is_valid, is_valid_target

rng = np.random.default_rng(0)
X = rng.standard_normal((60, 4))
TARGETS = {
    "binary": np.where(X[:, 0] > 0, "no", "yes"),
    "multiclass": np.digitize(X[:, 0], [-0.5, 0.5]),
    "multilabel": (X[:, :3] > 0).astype(int),
}
MANY = rng.standard_normal((3000, 4))

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def fit(cls=MLPClassifier, X=X, y=TARGETS["multiclass"], **params):
    return cls(**{"hidden_layer_sizes": (8,), "max_iter": 5, "random_state": 0} | params).fit(X, y)


# What is taken without scikit-learn's validation, and what is not


def spoiled(value, dtype=np.float64):
    Z = X[:3].astype(dtype)
    Z[1, 2] = value
    return Z


UNCHANGED = {
    "float64": X,
    "float32": X.astype(np.float32),
    "one row": X[:1],
    "in columns": np.asfortranarray(X),
    "sum beyond the range": np.full((3, 4), 1e308),
}
REFUSED = {
    "nan": spoiled(np.nan),
    "inf": spoiled(np.inf),
    "-inf": spoiled(-np.inf, np.float32),
    "both infinities": np.array([[np.inf, -np.inf, 0, 0]]),
    "a vector": X[0],
    "a scalar": np.float64(1),
    "three axes": X[None],
    "too few features": X[:, :3],
    "too many features": np.hstack([X, X]),
    "no rows": X[:0],
    "no features": X[:, :0],
    "complex": X.astype(complex),
}
CONVERTED = {
    "integers": np.arange(8).reshape(2, 4),
    "float16": X.astype(np.float16),
    "other byte order": X.astype(">f8"),
    "objects": X.astype(object),
    "a list": X.tolist(),
    "a matrix of a subclass": X.view(type("Own", (np.ndarray,), {})),
    "every other column": np.hstack([X, X])[:, ::2],
    "a frame": pd.DataFrame(X),
}


def outcome(function, *args):
    """Return the type and the words of what is raised and warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            function(*args)
        except Exception as error:
            return type(error), str(error), [str(w.message) for w in caught]
    return None, None, [str(w.message) for w in caught]


@pytest.mark.parametrize("name", UNCHANGED)
def test_what_counts_as_valid_is_what_validation_gives_back_as_it_is(name):
    model, Z = fit(), UNCHANGED[name]
    assert validate_data(model, Z, dtype=(np.float64, np.float32), reset=False) is Z
    assert is_valid(Z, model) == (name != "sum beyond the range")
    assert outcome(model.predict, Z) == (None, None, [])


@pytest.mark.parametrize("name", REFUSED | CONVERTED)
def test_all_else_does_not_count_as_valid(name):
    assert not is_valid((REFUSED | CONVERTED)[name], fit())


NUMBERS = np.linspace(0, 1, 8)


@pytest.mark.parametrize("y", [NUMBERS, NUMBERS.astype(np.float32), np.arange(8), NUMBERS > 0.5], ids=str)
def test_valid_targets_are_what_validation_gives_back_as_they_are(y):
    given = check_X_y(np.ones((8, 2)), y, multi_output=True, y_numeric=True)[1]
    assert given is y
    assert is_valid_target(y, 8)


@pytest.mark.parametrize(
    "y",
    [
        NUMBERS[:7],
        NUMBERS[:, None],
        NUMBERS.tolist(),
        NUMBERS.astype(object),
        np.where(NUMBERS > 0.5, np.nan, NUMBERS),
        np.array(list("abababab")),
        np.arange(8).astype("datetime64[D]"),
        pd.Series(NUMBERS),
    ],
    ids=str,
)
def test_all_other_targets_are_validated(y):
    assert not is_valid_target(y, 8)


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_refused_in_the_words_of_scikit_learn(name, method):
    """Missing values are refused if categorical_features is None."""
    fitted = fit(categorical_features=None), fit(SklearnMLP)
    ours, theirs = (outcome(getattr(model, method), REFUSED[name]) for model in fitted)
    assert ours == theirs
    assert ours[0] is not None


@pytest.mark.parametrize("name", CONVERTED)
def test_what_can_be_converted_is_predicted_as_its_float64(name):
    expected = np.asarray(CONVERTED[name], np.float64)
    np.testing.assert_array_equal(fit().predict_proba(CONVERTED[name]), fit().predict_proba(expected))


@pytest.mark.parametrize("fitted", ["abcd", "dcba"])
@pytest.mark.parametrize("given", [X, pd.DataFrame(X, columns=list("abcd"))])
def test_names_of_features_are_looked_at_as_in_scikit_learn(fitted, given):
    """An array for a fit with names, which is warned of; names in the same order, and in another."""
    frame = pd.DataFrame(X, columns=list(fitted))
    ours, theirs = (outcome(fit(cls, frame).predict, given) for cls in (MLPClassifier, SklearnMLP))
    assert ours == theirs


def test_assume_finite_is_heeded():
    with config_context(assume_finite=True):
        assert np.isfinite(fit().predict_proba(spoiled(np.nan))).all()


def test_a_missing_number_is_the_mean_with_assume_finite_too():
    """An option for speed changes no prediction."""
    model = fit(input_scaling=True)
    expected = model.predict_proba(spoiled(np.nan))
    with config_context(assume_finite=True):
        np.testing.assert_array_equal(model.predict_proba(spoiled(np.nan)), expected)


# What the network is made of


@pytest.mark.parametrize("batchnorm", [False, *NORMALIZATIONS])
@pytest.mark.parametrize("seed", range(3))
def test_float64_is_predicted_as_float32_is(batchnorm, seed):
    """Two features leave most directions of 32 units without variance, but for rounding.

    float32 rounds by 6e-8; each of two normalisations divides by at least the root of eps, 1e-5; a
    probability is at most a quarter as steep as its logit.
    """
    flat = np.random.default_rng(seed).standard_normal((60, 2))
    model = fit(X=flat, hidden_layer_sizes=(32, 32), batchnorm=batchnorm, max_iter=10, random_state=seed)
    P = model.predict_proba(flat)
    np.testing.assert_allclose(P, model.predict_proba(flat.astype(np.float32)), atol=6e-8 / 1e-5 / 4)


@pytest.mark.parametrize("ensemble_size", [1, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["coefs_", "intercepts_"])
def test_weights_are_read_at_each_prediction(kind, dtype, ensemble_size):
    """Edited in place or replaced after a prediction, they are what the next one computes with."""
    model, Z = fit(ensemble_size=ensemble_size), X.astype(dtype)
    before = model.predict_proba(Z)
    first = getattr(model, kind)[0]
    first *= 2
    edited = model.predict_proba(Z)
    getattr(model, kind)[0] = first / 2
    np.testing.assert_array_equal(model.predict_proba(Z), before)
    assert np.abs(edited - before).max() > 1e-4


@pytest.mark.parametrize("params", [{}, {"ensemble_size": 3, "input_scaling": True, "batchnorm": "whiten"}])
def test_the_network_of_a_prediction_is_that_of_the_one_before(params, monkeypatch):
    """As long as it has the estimator's own arrays; it is no part of the estimator, and dies with it."""
    built, build = [], Architecture.build
    model = fit(**params)
    monkeypatch.setattr(
        Architecture, "build", lambda *args, **kwargs: built.append(0) or build(*args, **kwargs)
    )
    before = dict(vars(model))
    P = model.predict_proba(X)
    np.testing.assert_array_equal(model.predict_proba(X), P)
    assert vars(model) == before
    assert len(built) == 1
    assert model in LAST
    model.coefs_[0] = model.coefs_[0].copy()
    np.testing.assert_array_equal(model.predict_proba(X), P)
    model.predict_proba(X.astype(np.float32))  # which has weights of its own
    model.predict_proba(X.astype(np.float32))
    assert len(built) == 4
    reference = weakref.ref(model)
    del model
    gc.collect()
    assert reference() is None


def test_an_estimator_without_a_hash_predicts():
    class Comparable(MLPRegressor):
        def __eq__(self, other):
            return self.get_params() == other.get_params()

    model, own = (cls(max_iter=2, random_state=0).fit(X, X[:, 0]) for cls in (MLPRegressor, Comparable))
    for _ in range(2):
        np.testing.assert_array_equal(own.predict(X), model.predict(X))


def test_statistics_are_read_at_each_prediction():
    model = fit(batchnorm=True)
    before = model.predict_proba(X)
    model.layer_state_["batchnorm_0.running_mean"] += 1
    assert np.abs(model.predict_proba(X) - before).max() > 1e-4
    model.layer_state_["batchnorm_0.running_mean"] = model.layer_state_["batchnorm_0.running_mean"] - 1
    np.testing.assert_allclose(model.predict_proba(X), before, rtol=1e-12)


@pytest.mark.parametrize("ensemble_size", [1, 3])
def test_learned_factors_scale_the_few_rows_or_the_weights(ensemble_size):
    """Whichever has fewer numbers; X diag(s) W is the same product by rounding."""
    model = fit(ensemble_size=ensemble_size, input_scaling="learned", hidden_layer_sizes=8)
    one_by_one = np.vstack([model.predict_proba(row[None]) for row in X])
    np.testing.assert_allclose(one_by_one, model.predict_proba(X), rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_parameters_set_after_the_fit_change_no_prediction(dtype):
    model = fit()
    before = model.predict_proba(X)
    model.set_params(dtype=dtype, activation="tanh", hidden_layer_sizes=3, ensemble_size=5, batchnorm=True)
    np.testing.assert_array_equal(model.predict_proba(X), before)


@pytest.mark.parametrize(
    "params", [{}, {"ensemble_size": 3, "input_scaling": True, "batchnorm": "switchable"}]
)
def test_threads_can_share_a_model(params):
    """Eight at once, half of them with float32, get what each would get alone."""
    model = fit(**params)
    parts = [part.astype(np.float32) if i % 2 else part for i, part in enumerate(np.array_split(MANY, 8))]
    expected = [model.predict_proba(part) for part in parts]
    together = Barrier(8)

    def predict(part):
        together.wait()
        return [model.predict_proba(part) for _ in range(20)]

    with ThreadPoolExecutor(8) as pool:
        for found, P in zip(pool.map(predict, parts), expected, strict=True):
            assert all(np.array_equal(again, P) for again in found)


# Blocks, members, decisions


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr("sknn6.nn.network.PREDICTION_BLOCK", 700)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("ensemble_size", [1, 3])
@pytest.mark.parametrize("target", TARGETS)
def test_blocks_do_not_show(target, ensemble_size):
    model = fit(y=TARGETS[target], ensemble_size=ensemble_size, input_scaling=True)
    for method in (model.predict, model.predict_proba, model.predict_log_proba):
        whole = method(MANY[:100])
        by_row = np.concatenate([method(row[None]) for row in MANY[:100]])
        assert whole.dtype == by_row.dtype
        assert whole.flags.c_contiguous
        if method == model.predict:
            np.testing.assert_array_equal(whole, by_row)
        else:
            np.testing.assert_allclose(whole, by_row, rtol=1e-10)


def rounding_bound(model, X):
    """Compute, for each row, how far apart two orders of summation may take its logits.

    A sum of n products and a bias is exact to (n + 1) eps / 2 times the sum of their magnitudes, in whatever
    order (Higham 2002, section 3.1), so two of them differ by twice that at most; what differs before a layer
    is multiplied by the magnitudes of its weights. A ReLU or tanh makes no difference larger, but for 4 eps
    of rounding.
    """
    eps = np.finfo(X.dtype).eps
    A, apart = X.astype(np.float64), np.zeros(X.shape)
    for i, (W, b) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        if i:
            A = np.tanh(A) if model.activation == "tanh" else np.maximum(A, 0)
            apart += 4 * eps * np.abs(A)
        apart = apart @ np.abs(W) + (len(W) + 1) * eps * (np.abs(A) @ np.abs(W) + np.abs(b))
        A = A @ W + b
    return apart.max(axis=1, keepdims=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("load", [load_iris, load_wine, load_breast_cancer])
def test_a_row_alone_or_among_others_differs_by_the_rounding_of_sums(load, activation, dtype):
    """On unscaled data; a probability changes by half of what the logits do at most."""
    rows, y = load(return_X_y=True)
    rows = rows.astype(dtype)
    model = fit(X=rows, y=y, hidden_layer_sizes=(32, 16), activation=activation, learning_rate_init=1e-4)
    bound = rounding_bound(model, rows) / 2 + 8 * np.finfo(dtype).eps
    whole = model.predict_proba(rows)
    for size in (1, 7, 64):
        parts = [model.predict_proba(rows[start : start + size]) for start in range(0, len(rows), size)]
        assert (np.abs(np.concatenate(parts) - whole) <= bound).all()
    assert np.median(bound) < 1e6 * np.finfo(dtype).eps  # so that it says something


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("ensemble_size", [1, 3])
@pytest.mark.parametrize("target", TARGETS)
def test_the_class_predicted_is_the_most_probable(target, ensemble_size):
    model = fit(y=TARGETS[target], ensemble_size=ensemble_size)
    P = model.predict_proba(MANY)
    expected = (P > 0.5).astype(int) if target == "multilabel" else model.classes_[P.argmax(axis=1)]
    found = model.predict(MANY)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype


def test_members_decide_by_their_mean_probability():
    """One sure member outweighs two that lean the other way, which neither votes nor logits would show."""
    model = fit(y=TARGETS["binary"], ensemble_size=3)
    model.coefs_[-1][...] = 0
    model.intercepts_[-1][:] = [[8.0], [-1.0], [-1.0]]  # probabilities 0.9997, 0.27, 0.27
    assert set(model.predict(X)) == {model.classes_[1]}
    model.intercepts_[-1][:] = [[8.0], [-2.0], [-2.0]]  # 0.9997, 0.12, 0.12
    assert set(model.predict(X)) == {model.classes_[0]}


@pytest.mark.parametrize("cls", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("ensemble_size", [1, 4])
def test_memory_is_that_of_a_few_blocks_and_the_result(cls, ensemble_size):
    """Activations of all rows would be 100000 x 100 float64, 80 MB, for each member."""
    model = fit(cls, y=X[:, 0] > 0, hidden_layer_sizes=(100,), ensemble_size=ensemble_size)
    Z = np.random.default_rng(0).standard_normal((100_000, 4))
    model.predict(Z[:10])
    tracemalloc.start()
    result = model.predict(Z)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(result) == len(Z)
    assert peak < 2 * 8 * len(Z) + 6 * 2**20


def test_sparse_rows_that_scaling_fills_are_predicted_in_blocks_of_few():
    """2000 x 5000 dense float64 would be 80 MB at once; a mean makes them dense, block by block."""
    rng = np.random.default_rng(0)
    dense = rng.standard_normal((40, 5000))
    model = fit(X=dense, y=np.arange(40) % 2, input_scaling=True, max_iter=1)
    rows = sparse_random(2000, 5000, density=0.001, format="csr", random_state=0)
    model.predict(rows[:2])
    tracemalloc.start()
    result = model.predict_proba(rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * 2**20
    np.testing.assert_allclose(result[:50], model.predict_proba(rows[:50].toarray()), atol=1e-6)
