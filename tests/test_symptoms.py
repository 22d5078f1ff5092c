"""Warnings of what went wrong in a training: named, once each, and none for a training that went well."""

import warnings

import numpy as np
import pytest
from plain import MLPClassifier as Plain
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import scale
from test_sanity import DATA, HEALTHY

from sknn6 import MLPClassifier, MLPRegressor, Standardizer
from sknn6.estimators.symptoms import SYMPTOMS

RNG = np.random.default_rng(0)
X, Y = DATA["digits"]()
X = X / 16


def warned(model, X=X, y=Y, **validation):
    """Give the ConvergenceWarnings of a fit, without that of max_iter."""
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
    """Give the one warning that starts so."""
    (text,) = [text for text in warned(model, *args, **kwargs) if text.startswith(start)]
    return text


def killed(n_dead):
    """A network that goes on with so many of its 20 units dead."""
    model = Plain(20, "tanh", max_iter=2, warm_start=True, random_state=0, learning_rate_init=1e-4)
    warned(model)
    model.intercepts_[0][:n_dead] = -1e3
    return model


def test_more_than_four_fifths_dead():
    assert not any("are dead" in text for text in warned(killed(16)))
    text = one(killed(17), "85% of the units of hidden layer 1 are dead")
    assert "learning_rate_init (it is 0.0001)" in text
    assert "leaky_relu" in text


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


def test_every_symptom_is_tested():
    assert {symptom.__name__ for symptom in SYMPTOMS} == {
        "swamped", "unchanged", "rising", "dead", "worse_than_chance"
    }  # fmt: skip


def test_partial_fit_and_a_diverged_training_have_warnings_of_their_own():
    model = Plain(20, learning_rate_init=1e-30, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.partial_fit(X, Y, classes=np.unique(Y))
    (text,) = warned(Plain(20, solver="sgd", learning_rate_init=1e6, random_state=0), 100 * X, Y)
    assert "diverged" in text
