"""What track="layers" records."""

import pickle

import numpy as np
import pytest
from plain import MLPClassifier as Plain
from sklearn.datasets import load_digits

from sknn6 import MLPClassifier, MLPRegressor
from sknn6.inspection import layer_statistics

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
RNG = np.random.default_rng(0)
FEW, FEW_Y = RNG.standard_normal((60, 5)), np.arange(60) % 3


@pytest.mark.parametrize(
    "params",
    [{}, {"batchnorm": True}, {"ensemble_size": 3}, {"solver": "lbfgs"}, {"ema_decay": 0.5}],
    ids=str,
)
def test_the_last_record_is_of_the_fitted_network(params):
    """Fewer than 64 rows are all looked at."""
    model = Plain(
        (8, 6), dtype="float64", track="layers", max_iter=3, batch_size=20, random_state=0, **params
    )
    model.fit(FEW, FEW_Y)
    found, record = layer_statistics(model, FEW), model.history_[-1]
    for name in ("mean", "std", "saturated", "dead", "weight_norm"):
        recorded = [record.get(f"{name}_{i}", np.nan) for i in (1, 2, 3)]
        expected = getattr(found, name)
        if name == "std":  # that of several networks together is not the mean of theirs
            expected = [np.std(Y) for Y in found.outputs]
        np.testing.assert_allclose(recorded, expected, rtol=1e-6, err_msg=name)


@pytest.mark.parametrize("init", ["he_uniform", "lsuv"])
def test_change_is_that_of_the_epoch(init):
    params = {"random_state": 0, "dtype": "float64", "max_iter": 1, "init": init}
    start = Plain(8, learning_rate_init=1e-300, **params).fit(FEW, FEW_Y)
    model = Plain(8, track="layers", **params).fit(FEW, FEW_Y)
    for i in (0, 1):
        W, before = model.coefs_[i], start.coefs_[i]
        change = np.linalg.norm(W - before) / np.linalg.norm(before)
        assert model.history_[0][f"change_{i + 1}"] == pytest.approx(change, rel=1e-9)
    assert start.history_[0].keys() == {"epoch", "loss", "learning_rate", "seconds"}


def test_it_changes_nothing_else_and_survives_a_pickle():
    X, y = load_digits(return_X_y=True)
    for cls, target in ((MLPClassifier, y), (MLPRegressor, y.astype(float))):
        model = cls(hidden_layer_sizes=8, max_iter=3, random_state=0)
        tracked = cls(hidden_layer_sizes=8, max_iter=3, random_state=0, track="layers").fit(X, target)
        np.testing.assert_array_equal(model.fit(X, target).coefs_[0], tracked.coefs_[0])
        assert pickle.loads(pickle.dumps(tracked)).history_ == tracked.history_
        assert len({record["std_1"] for record in tracked.history_}) == 3


def test_partial_fit_is_tracked_too():
    model = Plain(8, track="layers", random_state=0)
    for _ in range(2):
        model.partial_fit(FEW, FEW_Y, classes=[0, 1, 2])
    assert [record["weight_norm_1"] > 0 for record in model.history_] == [True, True]


def test_bad_value():
    with pytest.raises(ValueError, match=r"The 'track' parameter .* must be None or a str among {'layers'}"):
        MLPClassifier(track="all").fit(FEW, FEW_Y)
