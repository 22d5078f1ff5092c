"""What scikit-learn's users were refused: class weights, own validation data, scorers, dropout and more."""

import pickle
import warnings
from fractions import Fraction

import numpy as np
import pytest
import sklearn
from plain import MLPClassifier, MLPRegressor
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import RFE, SelectFromModel
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    log_loss,
    make_scorer,
    recall_score,
    roc_auc_score,
)
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.utils.class_weight import compute_sample_weight

import sknn6
from sknn6 import Standardizer
from sknn6.nn.activations import ACTIVATIONS, Activation
from sknn6.nn.losses import REGRESSION_LOSSES

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, y = load_digits(return_X_y=True)
X = X / 16
TRAIN, TEST = slice(0, 1200), slice(1200, None)
SMALL = {"hidden_layer_sizes": 16, "random_state": 0}


# Class weights


@pytest.mark.parametrize(
    ("class_weight", "weighted"),
    [("balanced", False), ({0: 1, 1: 5, 2: 0.5}, False), ({0: 1, 1: 5, 2: 0.5}, True)],
)
def test_class_weight_multiplies_the_weights_of_the_samples(class_weight, weighted):
    rows = y < 3
    own = np.random.default_rng(0).random(rows.sum()) if weighted else None
    of_class = compute_sample_weight(class_weight, y[rows])
    by_class = MLPClassifier(class_weight=class_weight, max_iter=5, **SMALL)
    by_sample = MLPClassifier(max_iter=5, **SMALL)
    by_class.fit(X[rows], y[rows], sample_weight=own)
    by_sample.fit(X[rows], y[rows], sample_weight=of_class if own is None else own * of_class)
    np.testing.assert_array_equal(by_class.coefs_[0], by_sample.coefs_[0])


def test_balanced_classes_have_equal_weight_in_sum_also_where_samples_are_weighted():
    """sum w / (C sum of w over the class): the same as with each sample given as often as it weighs."""
    rows = np.flatnonzero(y < 3)[:90]
    repeats = np.random.default_rng(0).integers(0, 3, 90)
    params = {"class_weight": "balanced", "dtype": "float64", "max_iter": 20, **SMALL}
    weighted = MLPClassifier(**params).fit(X[rows], y[rows], sample_weight=repeats)
    again = np.repeat(rows, repeats)
    repeated = MLPClassifier(**params).fit(X[again], y[again])
    np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), rtol=1e-7)


def test_balanced_class_weight_finds_more_of_a_rare_class():
    """Of 3 % positives that no boundary separates, the recall rises as with a weighted linear model."""
    rng = np.random.default_rng(0)
    rare = (rng.random(3000) < 0.03).astype(int)
    data = rng.standard_normal((3000, 2)) + rare[:, None]
    recalls = [
        recall_score(rare, model.fit(data, rare).predict(data))
        for model in (
            MLPClassifier(max_iter=20, **SMALL),
            MLPClassifier(max_iter=20, class_weight="balanced", **SMALL),
            LogisticRegression(class_weight="balanced"),
        )
    ]
    assert recalls[0] < 0.1
    assert recalls[1] >= 0.9 * recalls[2]


def test_balanced_weights_need_all_the_data():
    with pytest.raises(ValueError, match="class_weight='balanced' needs all the data"):
        MLPClassifier(class_weight="balanced").partial_fit(X, y, classes=np.arange(10))
    MLPClassifier(class_weight={0: 2.0}).partial_fit(X, y, classes=np.arange(10))


def test_class_weights_do_not_weigh_validation_data():
    """Rows held out are scored as those of X_val and by `score`; weights of samples count."""
    rare = (y == 3).astype(int)
    for own in (None, np.where(rare, 3.0, 1.0)):
        model = MLPClassifier(class_weight={0: 1, 1: 50}, early_stopping=True, max_iter=1, **SMALL)
        model.fit(X, rare, sample_weight=own)
        _, held_out = train_test_split(
            np.arange(len(y)), test_size=0.1, random_state=model._split_seed, stratify=rare
        )
        weight = None if own is None else own[held_out]
        assert model.best_validation_score_ == pytest.approx(
            model.score(X[held_out], rare[held_out], weight), rel=1e-6
        )


@pytest.mark.parametrize("labels", [np.arange(3), np.array(["a", "b", "c"])])
def test_class_weights_of_classes_that_a_chunk_lacks(labels):
    rows = y < 2
    model = MLPClassifier(5, class_weight={labels[1]: 2.0, labels[2]: 3.0})
    model.partial_fit(X[rows], labels[y[rows]], classes=labels)
    with pytest.raises(ValueError, match="class_weight must be a dict of weights of the classes"):
        MLPClassifier(class_weight={"z": 2.0}).fit(X[rows], labels[y[rows]])


def test_class_weights_of_indicators():
    """Balanced, a weight counts as repetition here too; a list of dicts, as in compute_sample_weight."""
    rng = np.random.default_rng(0)
    data, labels = rng.standard_normal((60, 4)), (rng.random((60, 3)) < [0.2, 0.5, 0.7]).astype(int)
    repeats = rng.integers(0, 3, 60)
    again = np.repeat(np.arange(60), repeats)
    params = {"class_weight": "balanced", "dtype": "float64", "max_iter": 20, **SMALL}
    weighted = MLPClassifier(**params).fit(data, labels, repeats)
    repeated = MLPClassifier(**params).fit(data[again], labels[again])
    np.testing.assert_allclose(weighted.predict_proba(data), repeated.predict_proba(data), rtol=1e-7)
    dicts = [{0: 1.0, 1: 2.0}, {0: 3.0, 1: 1.0}, {0: 1.0, 1: 1.0}]
    by_class = MLPClassifier(class_weight=dicts, max_iter=5, **SMALL).fit(data, labels)
    of_class = compute_sample_weight(dicts, labels)
    by_sample = MLPClassifier(max_iter=5, **SMALL).fit(data, labels, of_class)
    np.testing.assert_array_equal(by_class.coefs_[0], by_sample.coefs_[0])
    with pytest.raises(ValueError, match="must be 'balanced' or a list of as many dicts"):
        MLPClassifier(class_weight={0: 1.0, 1: 2.0}).fit(data, labels)


# Validation data of the user's


def test_own_validation_data_are_recorded():
    model = MLPClassifier(max_iter=8, **SMALL).fit(X[TRAIN], y[TRAIN], X_val=X[TEST], y_val=y[TEST])
    last = model.history_[-1]
    assert last["validation_score"] == model.score(X[TEST], y[TEST])
    assert last["validation_loss"] == pytest.approx(log_loss(y[TEST], model.predict_proba(X[TEST])), rel=1e-4)
    plain = MLPClassifier(max_iter=8, **SMALL).fit(X[TRAIN], y[TRAIN])
    np.testing.assert_array_equal(plain.coefs_[0], model.coefs_[0])  # watched, not trained on


def test_early_stopping_by_own_validation_data():
    """No row of X is held out; the weights are those of the best epoch on the data given."""
    model = MLPClassifier(
        max_iter=60, early_stopping=True, n_iter_no_change=5, learning_rate_init=0.03, **SMALL
    )
    model.fit(X[TRAIN], y[TRAIN], X_val=X[TEST], y_val=y[TEST])
    assert model.t_ == 1200 * model.n_iter_
    assert model.n_iter_ < 60
    assert model.best_validation_score_ == max(model.validation_scores_) == model.score(X[TEST], y[TEST])


def test_validation_weights_count():
    weight = np.zeros(len(y[TEST]))
    weight[:100] = 1
    model = MLPClassifier(max_iter=3, **SMALL)
    model.fit(X[TRAIN], y[TRAIN], X_val=X[TEST], y_val=y[TEST], sample_weight_val=weight)
    assert model.history_[-1]["validation_score"] == model.score(X[TEST][:100], y[TEST][:100])


def test_validation_data_pass_through_a_pipeline():
    """With transform_input the scaler that the training data fitted transforms the validation data."""
    with sklearn.config_context(enable_metadata_routing=True):
        mlp = MLPClassifier(max_iter=5, **SMALL).set_fit_request(X_val=True, y_val=True)
        model = Pipeline([("scale", Standardizer()), ("mlp", mlp)], transform_input=["X_val"])
        model.fit(X[TRAIN], y[TRAIN], X_val=X[TEST], y_val=y[TEST])
        assert model["mlp"].history_[-1]["validation_score"] == model.score(X[TEST], y[TEST])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"X_val": X}, "X_val and y_val must be given together, got X_val without y_val"),
        ({"y_val": y}, "X_val and y_val must be given together, got y_val without X_val"),
        ({"X_val": X[:, :5], "y_val": y}, "5 features, but MLPClassifier is expecting 64"),
        ({"X_val": X, "y_val": y + 1}, "`y` has classes not in `self.classes_`"),
    ],
)
def test_bad_validation_data(given, message):
    with pytest.raises(ValueError, match=message):
        MLPClassifier().fit(X, y, **given)


def test_lbfgs_stops_early_on_own_validation_data():
    """With the weights of the best iteration on them, where the last one fits 60 digits to the end."""
    params = {
        "hidden_layer_sizes": (50, 50),
        "solver": "lbfgs",
        "max_iter": 200,
        "tol": 1e-9,
        "random_state": 0,
    }
    model = MLPClassifier(early_stopping=True, **params)
    model.fit(X[:60], y[:60], X_val=X[TEST], y_val=y[TEST])
    scores = [record["validation_score"] for record in model.history_]
    assert model.score(X[TEST], y[TEST]) == max(scores) == model.best_validation_score_


# Scorers


@pytest.mark.parametrize(
    ("scoring", "expected"),
    [
        ("balanced_accuracy", lambda model: balanced_accuracy_score(y[TEST], model.predict(X[TEST]))),
        ("neg_log_loss", lambda model: -log_loss(y[TEST], model.predict_proba(X[TEST]))),
        (make_scorer(balanced_accuracy_score, adjusted=True), None),
        (lambda model, X, y: -float(model.n_layers_), None),
    ],
)
def test_early_stopping_maximises_the_scorer(scoring, expected):
    params = {"early_stopping": True, "learning_rate_init": 0.03, "max_iter": 15, **SMALL}
    model = MLPClassifier(scoring=scoring, **params)
    model.fit(X[TRAIN], y[TRAIN], X_val=X[TEST], y_val=y[TEST])
    scores = [record["validation_score"] for record in model.history_]
    assert model.best_validation_score_ == max(scores)
    scorer = sklearn.metrics.check_scoring(model, scoring)
    assert scorer(model, X[TEST], y[TEST]) == pytest.approx(max(scores), rel=1e-6)
    if expected is not None:
        assert expected(model) == pytest.approx(max(scores), rel=1e-6)


def test_scorers_see_no_column_names_and_warn_of_none():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X).add_prefix("p")
    model = MLPClassifier(scoring="neg_log_loss", early_stopping=True, max_iter=3, **SMALL).fit(frame, y)
    assert list(model.feature_names_in_) == list(frame.columns)


def test_a_warm_start_holds_out_the_same_rows():
    """Or a training would be scored on rows that it has seen before."""
    seen = []

    def scorer(model, X, y):
        seen.append(X.copy())
        return 0.0

    model = MLPClassifier(5, early_stopping=True, warm_start=True, max_iter=1, random_state=0, scoring=scorer)
    model.fit(X, y).fit(X, y)
    for rows in seen[1:]:
        np.testing.assert_array_equal(rows, seen[0])


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_score_that_is_never_a_number_keeps_the_last_weights_and_is_told(solver):
    params = {"solver": solver, "max_iter": 8, **SMALL}
    early = MLPClassifier(early_stopping=True, scoring=lambda model, X, y: np.nan, **params)
    with pytest.warns(ConvergenceWarning, match="No validation score was a number"):
        early.fit(X[TRAIN], y[TRAIN], X_val=X[TEST], y_val=y[TEST])
    plain = MLPClassifier(**params).fit(X[TRAIN], y[TRAIN])
    np.testing.assert_array_equal(early.coefs_[0], plain.coefs_[0])


def test_a_warm_start_whose_scores_are_all_nan_keeps_what_it_learns():
    """NaN is no score that an epoch would have to beat."""
    params = {"early_stopping": True, "warm_start": True, "scoring": lambda *args: float("nan")}
    model = MLPClassifier(4, **params, max_iter=3, random_state=0)
    for _ in range(2):
        before = [W.copy() for W in getattr(model, "coefs_", [])]
        with pytest.warns(ConvergenceWarning, match="No validation score was a number"):
            model.fit(X, y)
    assert not any(np.array_equal(*pair) for pair in zip(before, model.coefs_, strict=True))


@pytest.mark.parametrize("scoring", [lambda model, X, y: model.score(X, y), "balanced_accuracy"])
def test_scorers_without_weights_are_called_without(scoring):
    model = MLPClassifier(early_stopping=True, class_weight="balanced", scoring=scoring, max_iter=2, **SMALL)
    assert np.isfinite(model.fit(X, y).validation_scores_).all()
    regressor = MLPRegressor(hidden_layer_sizes=4, early_stopping=True, scoring="neg_max_error", max_iter=2)
    assert np.isfinite(regressor.fit(X, y, np.ones(len(y))).validation_scores_).all()


@pytest.mark.parametrize("scoring", ["neg_log_loss", "roc_auc_ovr", "average_precision"])
def test_held_out_rows_may_lack_a_class(scoring):
    """They are scored by the probabilities given that the class is one of theirs."""
    held_out = y < 2
    params = {"scoring": scoring, "early_stopping": True, "max_iter": 3, **SMALL}
    model = MLPClassifier(**params).fit(X, y, X_val=X[held_out], y_val=y[held_out])
    P = model.predict_proba(X[held_out])[:, :2]
    P /= P.sum(axis=1, keepdims=True)
    expected = {
        "neg_log_loss": -log_loss(y[held_out], P),
        "roc_auc_ovr": roc_auc_score(y[held_out], P[:, 1]),
        "average_precision": average_precision_score(y[held_out], P[:, 1]),
    }
    assert model.best_validation_score_ == pytest.approx(expected[scoring], rel=1e-5)


def test_held_out_rows_of_one_class_cannot_be_scored_and_the_model_stays():
    params = {"scoring": "neg_log_loss", "early_stopping": True, "max_iter": 3, **SMALL}
    with pytest.warns(ConvergenceWarning, match="No validation score was a number"):
        model = MLPClassifier(**params).fit(X, y, X_val=X[y == 0], y_val=y[y == 0])
    assert np.isfinite(model.predict_proba(X)).all()


def test_a_copy_has_the_history_and_none_of_what_comes_after():
    """Scorers and callbacks copy the estimator at each epoch; the history is not packed for that."""
    import copy

    model = MLPClassifier(max_iter=3, **SMALL).fit(X, y)
    twin = copy.copy(model)
    assert all(one is other for one, other in zip(twin.history_, model.history_, strict=True))
    model.partial_fit(X, y)
    assert len(twin.history_) == len(twin.loss_curve_) == 3
    before = copy.deepcopy(twin).partial_fit(X, y)
    for mine, theirs in zip(twin.partial_fit(X, y).coefs_, before.coefs_, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_copy_has_lists_of_its_own_also_if_they_are_empty():
    """As after a training that has diverged in its first epoch."""
    import copy

    model = MLPClassifier(max_iter=3, **SMALL).fit(X, y)
    model.history_ = []
    twin = copy.copy(model)
    twin.history_.append({})
    assert model.history_ == []


def test_another_scorer_in_a_warm_start_is_compared_with_its_own_scores():
    model = MLPClassifier(early_stopping=True, warm_start=True, max_iter=3, learning_rate_init=0.01, **SMALL)
    before = model.fit(X, y).coefs_[0].copy()
    model.set_params(scoring="neg_log_loss", max_iter=20).fit(X, y)
    assert np.abs(model.coefs_[0] - before).max() > 0
    assert model.best_validation_score_ < 0


# Activations and initialisers of the user's


def square(Z):
    """A = z^2."""
    return Z * Z, Z


def square_backward(dA, Z):
    """f' = 2 z."""
    return 2 * dA * Z


SQUARE = Activation(square, square_backward, gain=1 / np.sqrt(3))


def sparse_init(rng, fan_in, fan_out, gain):
    """One weight in four, of He's variance."""
    return (
        rng.standard_normal((fan_in, fan_out))
        * gain
        * np.sqrt(4 / fan_in)
        * (rng.random((fan_in, fan_out)) < 0.25)
    )


@pytest.mark.parametrize(
    "activation", [["relu", "tanh"], ("gelu", SQUARE), [SQUARE, SQUARE], SQUARE, ACTIVATIONS["elu"]]
)
def test_activations_by_layer_and_of_ones_own(activation):
    model = MLPClassifier((16, 8), activation, max_iter=30, learning_rate_init=0.01, random_state=0)
    model.fit(X[TRAIN], y[TRAIN])
    assert model.score(X[TEST], y[TEST]) > 0.8
    for other in (pickle.loads(pickle.dumps(model)), clone(model).fit(X[TRAIN], y[TRAIN])):
        np.testing.assert_array_equal(other.predict_proba(X), model.predict_proba(X))


def test_an_activation_in_a_list_is_that_of_its_layer():
    model = MLPClassifier((16, 8), ["identity", "tanh"], max_iter=2, random_state=0).fit(X, y)
    hidden = np.tanh((X @ model.coefs_[0] + model.intercepts_[0]) @ model.coefs_[1] + model.intercepts_[1])
    Z = hidden @ model.coefs_[2] + model.intercepts_[2]
    np.testing.assert_array_equal(Z.argmax(axis=1), model.predict(X))


@pytest.mark.parametrize("activation", [["relu"], ["relu", "swish"], ["relu", 3], []])
def test_a_bad_list_of_activations_is_named(activation):
    with pytest.raises(
        ValueError, match=r"activation, as a list, must have one entry per hidden layer, here 2"
    ):
        MLPClassifier((8, 8), activation).fit(X, y)


def test_initialiser_of_ones_own():
    """The share of weights other than 0 is 0.25, up to five standard deviations of so many draws."""
    model = MLPClassifier(init=sparse_init, learning_rate_init=1e-12, max_iter=1, random_state=0).fit(X, y)
    W = model.coefs_[0]
    assert np.mean(np.abs(W) > 1e-6) == pytest.approx(0.25, abs=5 * np.sqrt(0.25 * 0.75 / W.size))


def test_an_unknown_initialiser_of_an_activation_is_named():
    activation = Activation(square, square_backward, init="he")
    with pytest.raises(ValueError, match=r"The init of an Activation must be one of .* got 'he'"):
        sknn6.MLPClassifier(activation=activation).fit(X, y)


# Regularisation and averaging


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_every_option_at_once(solver):
    """Every combination of valid values trains."""
    model = MLPClassifier(
        "32-16", ["gelu", "elu"], batchnorm=True, dropout=0.2, weight_decay=0.01, solver=solver, clip_norm=1,
        gradient_accumulation_steps=2, ema_decay=0.9, class_weight="balanced", label_smoothing=0.1,
        learning_rate="one_cycle", learning_rate_init=0.02, batch_size=50, max_iter=15, early_stopping=True,
        random_state=0,
    )  # fmt: skip
    assert model.fit(X[TRAIN], y[TRAIN]).score(X[TEST], y[TEST]) > 0.8


def test_label_smoothing_keeps_probabilities_from_the_ends():
    """The optimal probability of the true class is 1 - s + s / C = 0.82, where it was nearly 1."""
    sharp, smooth = (
        MLPClassifier(label_smoothing=s, max_iter=150, learning_rate_init=0.01, **SMALL).fit(X, y)
        for s in (0.0, 0.2)
    )
    of_truth = [np.median(model.predict_proba(X)[np.arange(len(y)), y]) for model in (sharp, smooth)]
    assert of_truth[0] > 0.99
    assert of_truth[1] == pytest.approx(0.82, abs=0.04)


def test_dropout_keeps_a_network_from_learning_noise_by_heart():
    """Random labels for 300 digits: 64 units reproduce nearly all of them, with half dropped far fewer."""
    noise = np.random.default_rng(0).integers(0, 10, 300)
    learned = [
        MLPClassifier(64, dropout=rate, learning_rate_init=0.01, max_iter=150, random_state=0)
        .fit(X[:300], noise)
        .score(X[:300], noise)
        for rate in (0.0, 0.5)
    ]
    assert learned[0] > 0.95
    assert learned[1] < 0.9


def test_decoupled_decay_shrinks_weights_that_no_gradient_moves():
    """With a rate r and T updates, weights of features that are always 0 are multiplied by (1 - r d)^T."""
    blank = np.zeros((200, 4))
    params = {
        "alpha": 0.0,
        "learning_rate_init": 0.01,
        "max_iter": 30,
        "tol": 0.0,
        "dtype": "float64",
        **SMALL,
    }
    labels = np.arange(200) % 2
    start = MLPClassifier(**params | {"max_iter": 1, "learning_rate_init": 1e-300}).fit(blank, labels)
    decayed = MLPClassifier(weight_decay=0.5, n_iter_no_change=100, **params).fit(blank, labels)
    np.testing.assert_allclose(decayed.coefs_[0], start.coefs_[0] * (1 - 0.01 * 0.5) ** 30, rtol=1e-10)


def test_averaged_weights_score_as_they_will_predict():
    model = MLPClassifier(ema_decay=0.99, max_iter=10, early_stopping=True, **SMALL)
    model.fit(X[TRAIN], y[TRAIN], X_val=X[TEST], y_val=y[TEST])
    assert model.best_validation_score_ == model.score(X[TEST], y[TEST])


def test_averaging_calms_a_restless_training():
    """At a rate too high to settle, the average of the weights is better than the last of them.

    By 29 % of the errors in the mean of twelve seeds, with a standard deviation of 3 % in the mean of five.
    """
    errors = {
        decay: np.mean([
            1 - MLPClassifier(32, ema_decay=decay, learning_rate_init=0.1, batch_size=20, max_iter=8,
                              random_state=seed).fit(X[TRAIN], y[TRAIN]).score(X[TEST], y[TEST])
            for seed in range(5)
        ])
        for decay in (0.0, 0.99)
    }  # fmt: skip
    assert errors[0.99] < 0.85 * errors[0.0]


@pytest.mark.parametrize("steps", [2, 3])
def test_gradient_accumulation_is_a_bigger_batch(steps):
    params = {"shuffle": False, "dtype": "float64", "max_iter": 3, **SMALL}
    small = MLPClassifier(batch_size=60, gradient_accumulation_steps=steps, **params).fit(X, y)
    big = MLPClassifier(batch_size=60 * steps, **params).fit(X, y)
    np.testing.assert_allclose(small.coefs_[0], big.coefs_[0], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"dropout": 1.0}, "'dropout' parameter .* must be .*a float in the range"),
        ({"weight_decay": -1}, "'weight_decay' parameter .* must be .*a float in the range"),
        ({"gradient_accumulation_steps": 0}, "'gradient_accumulation_steps' parameter .* must be an int"),
        ({"clip_norm": 0}, "'clip_norm' parameter .* must be None or a float in the range"),
        ({"ema_decay": 1}, "'ema_decay' parameter .* must be a float in the range"),
        ({"label_smoothing": 1}, "'label_smoothing' parameter .* must be .*a float in the range"),
        ({"class_weight": "even"}, "'class_weight' parameter .* must be None, a str among"),
        ({"scoring": "acc"}, "'scoring' parameter .* must be"),
    ],
)
def test_bad_options_are_named(params, message):
    with pytest.raises(ValueError, match=message):
        MLPClassifier(**params).fit(X, y)


def test_averaging_goes_on_over_partial_fits():
    """The weights are ahead of their average by what they were: 60 calls are a fit of 60 epochs."""
    params = {"ema_decay": 0.99, "learning_rate_init": 0.01, "dtype": "float64", **SMALL}
    whole = MLPClassifier(max_iter=60, tol=0, n_iter_no_change=100, **params).fit(X[:300], y[:300])
    parts = MLPClassifier(**params)
    for _ in range(60):
        parts.partial_fit(X[:300], y[:300], classes=np.arange(10))
    assert parts.loss_ == pytest.approx(whole.loss_, rel=1e-6)
    np.testing.assert_allclose(parts.predict_proba(X), whole.predict_proba(X), atol=0.05)


def test_clipping_a_gradient_whose_square_overflows():
    """In float32 a norm of 1e25 has no square; the step still has the length that was asked for."""
    model = MLPClassifier(
        (), solver="sgd", momentum=0, clip_norm=1.0, learning_rate_init=0.5, max_iter=1,
        batch_size=len(y), alpha=0, init="zeros",
    ).fit(1e25 * X, y)  # fmt: skip
    step = np.concatenate([model.coefs_[0].ravel(), model.intercepts_[0]])
    assert np.linalg.norm(step) == pytest.approx(0.5, rel=1e-4)


# The regressor


def test_regression_on_a_known_function():
    """sin(3x) from targets with noise of variance 0.01: the fit is nearer to the function than they are.

    That is, R^2 > 1 - 0.01 / Var(sin(3x)) = 0.98. The rate falls to 0, for a constant one leaves the weights
    where they happen to be.
    """
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (600, 1))
    function = np.sin(3 * x[:, 0])
    target = function[:400] + 0.1 * rng.standard_normal(400)
    known = {"hidden_layer_sizes": 32, "activation": "tanh", "max_iter": 300, "random_state": 0}
    known |= {"learning_rate": "cosine", "learning_rate_init": 0.05, "n_iter_no_change": 300}
    for params in ({}, {"solver": "lbfgs"}, {"batchnorm": True}, {"loss": "huber"}):
        model = MLPRegressor(**known, **params)
        assert model.fit(x[:400], target).score(x[400:], function[400:]) > 0.98, params


def test_huber_is_not_moved_by_outliers():
    """One target in twenty off by 1000: the squared error follows, Huber's stays near the rest."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (600, 1))
    target = 2 * x[:, 0]
    spoiled = target + 1000 * (rng.random(600) < 0.05)
    fit = {"hidden_layer_sizes": 16, "learning_rate_init": 0.01, "max_iter": 100, "random_state": 0}
    errors = {
        loss: np.abs(MLPRegressor(loss=loss, **fit).fit(x, spoiled).predict(x) - target).mean()
        for loss in ("squared_error", "huber")
    }
    assert errors["huber"] < 0.3
    assert errors["squared_error"] > 5


def test_several_targets():
    targets = np.column_stack([X[:, 20] + X[:, 21], X[:, 30] - X[:, 31]])
    model = MLPRegressor(hidden_layer_sizes=64, learning_rate_init=0.01, max_iter=80, random_state=0)
    model.fit(X[TRAIN], targets[TRAIN])
    assert model.predict(X[TEST]).shape == (597, 2)
    assert model.score(X[TEST], targets[TEST]) > 0.8


def test_poisson_refuses_negative_targets():
    with pytest.raises(ValueError, match="y must not be below 0 with loss='poisson', got -1"):
        MLPRegressor(loss="poisson").fit(X, y - 1.0)


@pytest.mark.parametrize("loss", REGRESSION_LOSSES)
@pytest.mark.parametrize("rate", [1.0, 1e4])
def test_regression_predicts_finite_numbers_whatever_the_rate(rate, loss):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for solver in ("adam", "sgd", "lbfgs"):
            model = MLPRegressor(loss, (8, 8), solver=solver, learning_rate_init=rate, max_iter=10)
            assert np.isfinite(model.fit(X, y + 1).predict(X)).all()


def test_a_regressor_keeps_the_link_it_was_fitted_with():
    model = MLPRegressor(hidden_layer_sizes=4, max_iter=2, random_state=0).fit(X, y)
    before = model.predict(X)
    np.testing.assert_array_equal(model.set_params(loss="poisson").predict(X), before)


# How strongly the features enter


NOISY = np.random.default_rng(0).standard_normal((1500, 12))
FIRST_THREE = NOISY[:, :3].sum(axis=1)
REGRESSOR = MLPRegressor(
    hidden_layer_sizes=32, input_scaling="learned", ensemble_size=3, learning_rate_init=0.01, max_iter=40,
    random_state=0,
)  # fmt: skip


@pytest.mark.parametrize("select", [RFE, SelectFromModel])
@pytest.mark.parametrize(
    ("model", "targets"),
    [(sknn6.MLPClassifier(max_iter=15, random_state=0), FIRST_THREE[:400] > 0), (REGRESSOR, FIRST_THREE)],
)
def test_selectors_find_the_informative_features_by_default(select, model, targets):
    """Each of the first three tells as much: with 40 seeds, the weakest of them is 2.9 times any other."""
    options = {"n_features_to_select": 3, "step": 3} if select is RFE else {"max_features": 3}
    chosen = select(model, **options).fit(NOISY[: len(targets)], targets).get_support()
    assert list(np.flatnonzero(chosen)) == [0, 1, 2]


def test_strengths_are_norms_of_the_learned_weights():
    """The norm of each row of diag(s) W, s six times what is learned, averaged over the networks."""
    model = sknn6.MLPClassifier(8, max_iter=2, ensemble_size=3, random_state=0)
    assert not hasattr(model, "feature_importances_")
    model.fit(X, y)
    factors = 6 * model.layer_state_["dense_0.u"].reshape(3, 64, 1)
    norms = np.sqrt(((factors * model.coefs_[0]) ** 2).sum(axis=2)).mean(axis=0)
    np.testing.assert_allclose(model.feature_importances_, norms / norms.sum(), rtol=1e-6)


def test_weights_of_one_network_have_the_shapes_that_scikit_learn_gives():
    model = sknn6.MLPClassifier(8, max_iter=2, ensemble_size=1, random_state=0).fit(X, y)
    assert [W.shape for W in model.coefs_] == [(64, 8), (8, 10)]


# What is refused, and what is taken in other forms


FEW, FEW_Y = X[:60], y[:60]
LABELS = np.column_stack([FEW_Y > 4, FEW_Y % 2, FEW_Y % 3 == 0]).astype(int)


def test_a_column_of_targets_is_told_once():
    """Also where classes are weighted, whose weights need y as well."""
    for model, column in (
        (MLPClassifier(4, max_iter=2, class_weight="balanced"), FEW_Y[:, None]),
        (MLPRegressor(hidden_layer_sizes=4, max_iter=2), FEW[:, :1]),
    ):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.fit(FEW, column)
        assert ["column-vector" in str(warning.message) for warning in caught].count(True) == 1


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (np.array(["a", "b"] * 30), "could not convert string to float"),
        (np.array(["a", "b"] * 30, dtype=object), "could not convert string to float"),
        (
            sparse.csr_matrix(FEW[:, :2]),
            r"y must be dense for MLPRegressor, got a sparse matrix. Use y.toarray",
        ),
    ],
)
def test_targets_that_are_no_numbers(targets, message):
    with pytest.raises(ValueError, match=message):
        MLPRegressor(hidden_layer_sizes=4).fit(FEW, targets)


def test_strings_of_numbers_are_numbers_as_in_scikit_learn():
    params = {"hidden_layer_sizes": 4, "max_iter": 2, "random_state": 0}
    numbers = FEW[:, 2].round(3)
    expected = MLPRegressor(**params).fit(FEW, numbers).predict(FEW)
    for texts in (numbers.astype(str), numbers.astype(str).astype(object)):
        np.testing.assert_array_equal(MLPRegressor(**params).fit(FEW, texts).predict(FEW), expected)


@pytest.mark.parametrize("indicators", [2 * LABELS - 1, LABELS + 1, sparse.csr_matrix(2 * LABELS)])
def test_indicators_are_zeros_and_ones(indicators):
    with pytest.raises(ValueError, match=r"y, as indicators of labels, must be 0 or 1, got (-1|2)"):
        MLPClassifier(4).fit(FEW, indicators)


def test_indicators_have_the_columns_of_the_fit():
    narrow = LABELS[:, :2]
    message = "y must have 3 columns of indicators as in the fit before, got 2"
    model = MLPClassifier(4, max_iter=2, warm_start=True).fit(FEW, LABELS)
    for again in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match=message):
            again(FEW, narrow)
    with pytest.raises(ValueError, match=message):
        MLPClassifier(4).fit(FEW, LABELS, X_val=FEW, y_val=narrow)


def test_partial_fit_on_indicators_takes_the_same_classes_each_time():
    once, zeros_and_ones, columns = (
        MLPClassifier(4, random_state=0).partial_fit(FEW, LABELS, classes=classes)
        for classes in ([0, 1], [0, 1], [0, 1, 2])
    )
    once.partial_fit(FEW, LABELS)
    zeros_and_ones.partial_fit(FEW, LABELS, classes=[0, 1])
    columns.partial_fit(FEW, LABELS, classes=[0, 1, 2])
    for model in (zeros_and_ones, columns):
        np.testing.assert_array_equal(model.predict_proba(FEW), once.predict_proba(FEW))
    with pytest.raises(ValueError, match="not the same as on last call"):
        once.partial_fit(FEW, LABELS, classes=[0, 1, 2, 3])


@pytest.mark.parametrize("model", [MLPClassifier(4, warm_start=True), MLPRegressor(warm_start=True)])
def test_weights_set_before_any_fit(model):
    """They are taken if they have the shapes of the network, as scikit-learn's own tests have it."""
    model = clone(model).set_params(hidden_layer_sizes=(), input_scaling=False, ensemble_size=1)
    model.coefs_ = [np.zeros((5, 1))]
    with pytest.raises(
        ValueError, match="intercepts_ must be set to continue a training from coefs_, got none"
    ):
        model.fit(FEW, FEW_Y)
    model.intercepts_ = [np.zeros(1)]
    with pytest.raises(ValueError, match=r"dense_0\.W .*\(5, 1\)"):
        model.fit(FEW, FEW_Y)
    with pytest.raises(sklearn.exceptions.NotFittedError):
        model.predict(FEW)


@pytest.mark.parametrize("ensemble_size", [1, 3])
def test_nan_among_the_weights_is_told(ensemble_size):
    model = MLPClassifier(4, max_iter=2, ensemble_size=ensemble_size).fit(FEW, FEW_Y)
    model.coefs_[1][..., 0, 0] = np.nan
    with pytest.raises(ValueError, match=r"must not have NaN, got some in dense_1\.W"):
        model.predict(FEW)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"weight_decay": ["a"]}, r"weight_decay, as a sequence, .* got \['a'\]"),
        ({"weight_decay": {1}}, r"weight_decay, as a sequence, .* got \{1\}"),
        ({"weight_decay": {0: 0.1}}, r"weight_decay, as a sequence, .* got \{0: 0.1\}"),
        ({"class_weight": {0: 10**400}}, "class_weight must be a dict of weights"),
        ({"categorical_features": [{0: 1}, {1: 2}]}, "categorical_features must be"),
        ({"early_stopping": True, "scoring": lambda *_: None}, "scoring must return a number, got None"),
        ({"early_stopping": True, "scoring": lambda *_: "a"}, "scoring must return a number, got 'a'"),
    ],
)
def test_values_of_odd_types_are_named(params, message):
    with pytest.raises(ValueError, match=message):
        MLPClassifier(4, max_iter=2, **params).fit(X, y)


@pytest.mark.parametrize("scoring", ["roc_auc", "neg_log_loss"])
def test_a_score_of_probabilities_does_not_suit_a_regressor(scoring):
    model = MLPRegressor(hidden_layer_sizes=4, max_iter=2, early_stopping=True, scoring=scoring)
    with pytest.raises(ValueError, match=f"scoring='{scoring}' needs another kind of estimator"):
        model.fit(X, X[:, 0])


def test_sparse_labels_are_scored_as_dense_ones():
    labels = np.column_stack([y > 4, y % 2, y % 3 > 0]).astype(int)
    params = {"early_stopping": True, "scoring": "roc_auc", "max_iter": 3, **SMALL}
    models = [MLPClassifier(**params).fit(X, form(labels)) for form in (np.array, sparse.csr_array)]
    assert models[0].validation_scores_ == models[1].validation_scores_


def test_the_scorers_of_the_error_are_in_order():
    with pytest.raises(ValueError, match=r"str among {'accuracy', 'adjusted_mutual_info_score', "):
        MLPClassifier(scoring="correctness").fit(FEW, FEW_Y)


NUMBERS = {
    "batch_size": (np.uint8(20), 20), "max_iter": (np.int16(300), 300), "alpha": (np.float16(0.5), 0.5),
    "gradient_accumulation_steps": (np.uint8(2), 2), "dropout": (Fraction(1, 4), 0.25),
    "learning_rate_init": (Fraction(1, 64), 1 / 64), "beta_1": (np.longdouble(0.5), 0.5),
}  # fmt: skip


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_of_every_kind(name):
    """They are computed with as Python's, so that none overflows, and the parameter keeps what was given."""
    given, python = NUMBERS[name]
    params = {"max_iter": 3, "learning_rate": "cosine"} | SMALL
    model = MLPClassifier(**(params | {name: given})).fit(np.tile(FEW, (5, 1)), np.tile(FEW_Y, 5))
    expected = MLPClassifier(**(params | {name: python})).fit(np.tile(FEW, (5, 1)), np.tile(FEW_Y, 5))
    np.testing.assert_array_equal(model.coefs_[0], expected.coefs_[0])
    assert getattr(model, name) is given


@pytest.mark.parametrize(
    "name", ["hidden_layer_sizes", "ensemble_size", "gradient_accumulation_steps", "batchnorm_group_size"]
)
def test_integers_beyond_all_indices_are_refused_by_name(name):
    with pytest.raises(ValueError, match=rf"{name}.*1180591620717411303424"):
        MLPClassifier(**{name: 2**70}).fit(FEW, FEW_Y)


def test_a_failing_warm_start_leaves_the_lists_alone():
    calls = []

    def scorer(model, X, y):
        calls.append(1)
        if len(calls) == 6:
            raise RuntimeError("the sixth")
        return 0.5

    model = MLPClassifier(5, early_stopping=True, warm_start=True, max_iter=3, scoring=scorer).fit(X, y)
    with pytest.raises(RuntimeError, match="the sixth"):
        model.fit(X, y)
    assert len(model.history_) == len(model.loss_curve_) == len(model.validation_scores_) == 3


@pytest.mark.parametrize(
    ("model", "target", "given", "message"),
    [
        (MLPClassifier(), y, {"X_val": X[:9], "y_val": np.eye(9, 10, dtype=int)}, "y must be classes"),
        (MLPRegressor("poisson"), y, {"X_val": X[:9], "y_val": -y[:9]}, "y must not be below 0"),
        (MLPRegressor(), y, {"X_val": X[:9], "y_val": X[:9, :2]}, "y must have 1 columns"),
        (MLPClassifier(), y, {"sample_weight_val": y}, "sample_weight_val needs X_val"),
        (MLPRegressor(), y * 1e300, {}, "y must lie within the range of float32"),
    ],
)
def test_bad_targets_are_told(model, target, given, message):
    with pytest.raises(ValueError, match=message):
        model.fit(X, target, **given)
