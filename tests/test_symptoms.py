"""Warnings of what went wrong in a training: named, once each, and none for a training that went well."""

import warnings

import numpy as np
import pytest
from plain import MLPClassifier as Plain
from plain import MLPRegressor
from sklearn.datasets import load_diabetes
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss, make_scorer, zero_one_loss
from sklearn.preprocessing import scale
from test_sanity import DATA, HEALTHY

from sknn6 import MLPClassifier, Standardizer
from sknn6 import MLPRegressor as FullRegressor
from sknn6.nn import batches
from sknn6.training.symptoms import SYMPTOMS, score_of

RNG = np.random.default_rng(0)
X, Y = DATA["digits"]()
X = X / 16


def warned(model, X=X, y=Y, **validation):
    """Return the ConvergenceWarnings of a fit, without that of max_iter."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y, **validation)
    texts = [str(w.message) for w in caught if issubclass(w.category, ConvergenceWarning)]
    return [text for text in texts if "hasn't converged yet" not in text]


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("name", HEALTHY)
def test_healthy_runs_are_silent(name, data):
    X, y = DATA[data]()
    X, epochs = Standardizer().fit_transform(X), HEALTHY[name].max_iter
    model = HEALTHY[name].__class__(**HEALTHY[name].get_params())
    if epochs != "auto" and epochs > 60:
        model.set_params(max_iter=60)
    held_out = np.arange(len(y)) % 5 == 0
    assert warned(model, X[~held_out], y[~held_out], X_val=X[held_out], y_val=y[held_out]) == []


def one(model, start, *args, **kwargs):
    """Return the one warning that starts so."""
    (text,) = [text for text in warned(model, *args, **kwargs) if text.startswith(start)]
    return text


def killed(n_dead):
    """A network that goes on with so many of its 20 units dead."""
    model = Plain(20, "tanh", max_iter=2, warm_start=True, random_state=0, learning_rate_init=1e-4)
    warned(model)
    model.intercepts_[0][:n_dead] = -1e3
    return model


def test_weights_that_stay_after_their_calibration():
    """LSUV scales the initial weights to the data before the first update."""
    frozen = Plain(20, init="lsuv", learning_rate_init=1e-30, max_iter=2, random_state=0)
    assert one(frozen, "No update changed any weight")


def test_more_than_nineteen_twentieths_dead():
    assert not any("are dead" in text for text in warned(killed(19)))
    text = one(killed(20), "100% of the units of hidden layer 1 are dead")
    assert "learning_rate_init (it is 0.0001)" in text
    assert "leaky_relu" in text


def test_a_regressor_with_scaled_targets_is_not_told_to_scale_them():
    X, y = load_diabetes(return_X_y=True)
    with pytest.warns(ConvergenceWarning, match="the mean of y .* Lower learning_rate_init") as told:
        FullRegressor(hidden_layer_sizes=8, max_iter=2, random_state=0).fit(X, y)
    assert not any("target_scaling" in str(warning.message) for warning in told)


def test_units_of_leaky_relu_are_never_dead():
    """Their slope is 0.01 at least, so that they go on learning."""
    model = Plain(20, "leaky_relu", max_iter=2, warm_start=True, random_state=0, learning_rate_init=1e-4)
    warned(model)
    model.intercepts_[0][:] = -1e3
    assert not any("are dead" in text for text in warned(model))


def test_weights_that_do_not_change():
    text = one(
        Plain(20, learning_rate_init=1e-30, max_iter=2, random_state=0), "No update changed any weight"
    )
    assert "learning_rate_init (it is 1e-30)" in text


def test_a_loss_that_rises():
    """Gradient descent on a parabola whose rate is a bit beyond 2 / curvature."""
    X = RNG.standard_normal((200, 3))
    y = X @ [1.0, 2.0, 3.0]
    curvature = np.linalg.eigvalsh(X.T @ X / 200).max()
    model = MLPRegressor(hidden_layer_sizes=(), solver="sgd", momentum=0.0, batch_size=200, max_iter=40,
                         learning_rate_init=2.2 / curvature, n_iter_no_change=99, random_state=0)  # fmt: skip
    text = one(model, "The loss rose from", X, y)
    assert "Lower learning_rate_init" in text
    assert warned(model.set_params(learning_rate_init=1 / curvature), X, y) == []


def test_columns_that_hide_what_varies():
    shifted = scale(X[:, X.std(axis=0) > 0]) + 1000
    text = one(Plain(20, max_iter=30, random_state=0), "Only ", shifted, Y)
    assert float(text.split()[1]) == pytest.approx(1e-6, rel=0.3)  # 1 of 1 + 1000^2
    assert "input_scaling=True" in text
    assert warned(MLPClassifier(20, random_state=0), shifted, Y) == []


def test_validation_data_that_belong_elsewhere():
    """Labels that are those of another class are predicted worse than by guessing."""
    text = one(
        Plain(20, max_iter=30, random_state=0, learning_rate_init=0.01),
        "The loss on the validation data was never below",
        X_val=X[:500],
        y_val=(Y[:500] + 5) % 10,
    )
    assert f"{np.log(10):.3g} of guessing" in text


def test_columns_that_scaling_of_other_data_does_not_help():
    """To set input_scaling is no advice where it is set."""
    model = MLPClassifier(8, input_scaling=True, max_iter=2, warm_start=True, random_state=0)
    model.fit(X, Y)
    text = one(model, "Only ", X + 1e6, Y)
    assert text.endswith(
        "The scaling of the input was learned from other data: fit anew with warm_start=False."
    )


def test_targets_far_from_one():
    """Predicting 5e8 for every row has a loss of half the variance, 1e16 / 2; the network's is far larger."""
    y = 1e8 * (5 + X[:, 20])
    text = one(
        MLPRegressor(hidden_layer_sizes=8, max_iter=5, random_state=0), "The loss was never below", X, y
    )
    assert float(text.split("every row has ")[1].split()[0][:-1]) == pytest.approx(y.var() / 2, rel=0.01)
    assert f"means up to {y.mean():.3g}" in text
    assert "target_scaling=True" in text


def rare():
    """Ten positives in a thousand, which one column tells apart, but not at once."""
    rng = np.random.default_rng(0)
    y = np.zeros(1000, int)
    y[:10] = 1
    return rng.standard_normal((1000, 5)) + 2 * y[:, None], y


def test_a_regressor_is_compared_with_the_mean_of_the_rows_it_learns(monkeypatch):
    """Held-out rows, whose targets may be far, are none of them, in data of any size."""
    compared = []
    for at_once in (batches.AT_ONCE, 0):
        monkeypatch.setattr(batches, "AT_ONCE", at_once)
        far = MLPRegressor(
            hidden_layer_sizes=8, early_stopping=True, max_iter=2, random_state=0, learning_rate_init=1e-6
        )
        compared.append(one(far, "The loss was never below", X, 1e4 * (1 + Y)))
    assert compared[0] == compared[1]


def test_a_regressor_whose_targets_are_small_is_not_told_to_scale_them():
    """Its input is large."""
    text = one(MLPRegressor(max_iter=5, random_state=0), "The loss was never below", 1e4 * X, X[:, 20])
    assert "target_scaling" not in text
    assert "Set input_scaling=True, or lower learning_rate_init (it is 0.001), or raise max_iter." in text


STOPPED_AT_ONCE = {"early_stopping": True, "learning_rate_init": 1e-4, "random_state": 0}

# Products of such small weights are nothing beside the output's bias, below 0 from the first epoch on.
ALL_NEGATIVE = STOPPED_AT_ONCE | {"init_scale": 1e-3, "max_iter": 15, "n_iter_no_change": 100}


def test_a_score_that_a_constant_reaches():
    X, y = rare()
    text = one(Plain(8, **ALL_NEGATIVE), "The best validation score is 0.99", X, y)
    assert "one and the same prediction for every row has 0.99" in text
    assert "class_weight='balanced'" in text
    by_loss = Plain(8, **(STOPPED_AT_ONCE | {"learning_rate_init": 0.01}), scoring="neg_log_loss")
    assert warned(by_loss, X, y, X_val=X, y_val=y) == []  # of rows held out, one only would be positive
    regressor = MLPRegressor(hidden_layer_sizes=8, max_iter=5, **STOPPED_AT_ONCE)
    one(regressor, "The best validation score is -", X, 1e5 * (5 + X[:, 0]))


def test_the_loss_decides_between_equal_scores():
    """Of the epochs with the best accuracy, the weights are those of the lowest loss, not of the first."""
    X, y = rare()
    model = Plain(8, **ALL_NEGATIVE)
    warned(model, X, y, X_val=X, y_val=y)
    assert max(model.validation_scores_) == 0.99
    losses = [record["validation_loss"] for record in model.history_ if record["validation_score"] == 0.99]
    assert min(losses) < losses[0] * (1 - 1e-3)
    assert log_loss(y, model.predict_proba(X)) == pytest.approx(min(losses), rel=1e-5)


def test_lbfgs_tells_symptoms_too():
    """Constant beside their size, the columns teach nothing: scaled by StandardScaler they do."""
    shifted = X[:300] + 1e5
    text = one(Plain(8, solver="lbfgs", max_iter=20, random_state=0), "Only ", shifted, Y[:300])
    assert "input_scaling=True" in text
    model = Plain(8, "tanh", solver="lbfgs", max_iter=2, warm_start=True, random_state=0)
    warned(model)
    model.intercepts_[0][:] = -1e3
    assert "learning_rate_init" not in one(model, "100% of the units")


def test_lbfgs_names_the_limit_that_ended_it():
    for limits, named in (({"max_iter": 2}, "max_iter"), ({"max_fun": 3}, "max_fun")):
        with pytest.warns(ConvergenceWarning, match=f"Raise {named}, or tol"):
            Plain(8, solver="lbfgs", random_state=0, **limits).fit(X[:300], Y[:300])


def test_a_recipe_cut_short_ends_as_planned():
    """The rate falls to 0 along max_iter, whatever that is."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = MLPClassifier(16, max_iter=10, random_state=0).fit(X, Y)
    assert model.n_iter_ == 10
    assert model.history_[-1]["learning_rate"] < 1e-3


@pytest.mark.parametrize(
    ("scoring", "expected"),
    [
        (None, 0.75),
        ("accuracy", 0.75),
        (make_scorer(zero_one_loss), 0.25),
        (lambda model, X, y: model.score(X, y), 2 / 3),  # a scorer that takes no weights
    ],
)
def test_a_constant_is_scored_as_the_network_is(scoring, expected):
    """With the weights of the rows, if the scorer takes them: of 1, 1 and 6, the last class has 6 / 8."""
    labels = np.array([0, 0, 1])
    assert score_of(DummyClassifier(), scoring, labels, np.array([1.0, 1.0, 6.0])) == pytest.approx(expected)
    assert score_of(DummyClassifier(), None, labels, None) == pytest.approx(2 / 3)


@pytest.mark.parametrize(("units", "examined"), [(8, True), (7, False)])
def test_narrow_layers_are_not_examined_for_dead_units(units, examined):
    """All units of a layer of zero weights and negative biases are dead."""
    network = Plain(units, init="zeros", random_state=0, learning_rate_init=1e-9, max_iter=2)
    texts = warned(network, X, Y)
    assert any("dead" in text for text in texts) is examined


def test_every_symptom_is_tested():
    assert {symptom.__name__ for symptom in SYMPTOMS} == {
        "nearly_constant_input", "weights_unchanged", "loss_rose", "dead_units", "worse_than_chance",
        "worse_than_mean", "no_better_than_constant",
    }  # fmt: skip


def test_partial_fit_and_a_diverged_training_have_warnings_of_their_own():
    model = Plain(20, learning_rate_init=1e-30, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.partial_fit(X, Y, classes=np.unique(Y))
    (text,) = warned(Plain(20, solver="sgd", learning_rate_init=1e6, random_state=0), 100 * X, Y)
    assert "diverged" in text


def test_held_out_rows_are_not_taken_for_data_of_the_user():
    """Where early stopping has held out rows, X_val is named last, and only if there is one."""
    model = Plain(20, max_iter=3, init_scale=10.0, early_stopping=True, random_state=0)
    text = one(model, "The loss on the validation data was never below", y=RNG.permutation(Y))
    change = (
        "guessing. Set input_scaling=True, or lower learning_rate_init (it is 0.001), or lower init_scale."
    )
    assert change in text
    assert "If you gave X_val" in text


def test_a_solver_without_a_rate_is_not_told_to_lower_it():
    y = 8.0 * RNG.choice([-1.0, 1.0], 300)
    text = one(
        MLPRegressor(hidden_layer_sizes=4, solver="lbfgs", max_iter=1, init_scale=30.0, random_state=0),
        "The loss was never below",
        X[:300],
        y,
    )
    assert text.endswith("Set input_scaling=True, or raise max_iter.")


def test_symptoms_are_those_of_the_weights_that_are_kept():
    """A rate that kills all units is tried in vain, as early stopping puts the weights before it back."""
    model = Plain(20, max_iter=5, warm_start=True, random_state=0)
    warned(model)
    W, b = model.coefs_[0].copy(), model.intercepts_[0].copy()
    text = warned(model.set_params(learning_rate_init=100.0, early_stopping=True))
    np.testing.assert_array_equal(model.coefs_[0], W)
    np.testing.assert_array_equal(model.intercepts_[0], b)
    assert not any("are dead" in line for line in text)
