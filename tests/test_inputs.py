"""The scaling of the input: standardised, bent, whatever form the data have."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.model_selection import cross_val_score
from sklearn.preprocessing import StandardScaler

from sknn6 import MLPClassifier
from sknn6.nn.inputs import InputScaling

X, y = load_iris(return_X_y=True)


def fitted(X, y=y, **params):
    return MLPClassifier(16, **{"max_iter": 30, "random_state": 0} | params).fit(X, y)


def test_rows_are_standardised_and_bent():
    """z / sqrt(1 + (z / 3)^2): within 3, of slope 1 at 0, and 3 / sqrt(2) where z is 3."""
    scaling = InputScaling(X.mean(axis=0), X.std(axis=0))
    Z = StandardScaler().fit_transform(X)
    np.testing.assert_allclose(scaling(X.copy(), np.float64), Z / np.sqrt(1 + (Z / 3) ** 2), rtol=1e-12)
    one = InputScaling(np.zeros(1), np.ones(1))
    bent = one(np.array([[1e-6], [3.0], [1e6], [-1e6]]), np.float64)
    np.testing.assert_allclose(bent[:, 0], [1e-6, 3 / np.sqrt(2), 3, -3], rtol=1e-9)


@pytest.mark.parametrize("centred", [False, True])
def test_sparse_rows_are_the_same_rows(centred):
    mean = X.mean(axis=0) if centred else np.zeros(4)
    scaling = InputScaling(mean, X.std(axis=0))
    rows = scaling(sparse.csr_array(X), np.float64)
    assert sparse.issparse(rows) is not centred
    rows = rows.toarray() if sparse.issparse(rows) else rows
    np.testing.assert_allclose(rows, scaling(X.copy(), np.float64), rtol=1e-12)


def test_what_is_subtracted_is_not_lost_in_float32():
    """Columns of 1e6 that differ by 1e-2 are told apart, though float32 has steps of 0.06 there."""
    column = 1e6 + np.linspace(0, 0.02, 150)[:, None]
    scaling = InputScaling(column.mean(axis=0), column.std(axis=0))
    assert len(np.unique(scaling(column.copy(), np.float32))) == 150


def test_the_fit_learns_the_mean_and_the_deviation_of_its_rows():
    weight = np.random.default_rng(0).random(150)
    state = fitted(X, max_iter=30).layer_state_
    np.testing.assert_allclose(state["input.mean"], X.mean(axis=0))
    np.testing.assert_allclose(state["input.scale"], X.std(axis=0))
    weighted = MLPClassifier(16, random_state=0).fit(X, y, sample_weight=weight).layer_state_
    np.testing.assert_allclose(weighted["input.mean"], np.average(X, axis=0, weights=weight))


def test_rows_held_out_are_not_looked_at():
    model = fitted(X, early_stopping=True)
    assert not np.allclose(model.layer_state_["input.mean"], X.mean(axis=0))
    assert np.allclose(model.layer_state_["input.mean"], X.mean(axis=0), atol=0.2)


def test_the_users_data_stay_as_they_are():
    ours = X.copy()
    model = fitted(ours)
    model.predict(ours)
    model.partial_fit(ours, y)
    np.testing.assert_array_equal(ours, X)
    rows = sparse.csr_matrix(X)
    fitted(rows).predict(rows)
    np.testing.assert_array_equal(rows.toarray(), X)


def test_scale_and_origin_of_a_feature_make_no_difference():
    """Columns of 1e6 beside 1e-3, far from 0: the same probabilities as of the plain columns."""
    moved = X * [1e6, 1e-3, 1.0, 7.0] + [1e7, 5.0, -100.0, 0.0]
    np.testing.assert_allclose(fitted(moved).predict_proba(moved), fitted(X).predict_proba(X), atol=1e-3)
    assert fitted(moved).score(moved, y) > 0.9


def test_constant_columns_stay_out_of_it():
    constant = np.hstack([X, np.full((150, 1), 1e9), np.zeros((150, 1))])
    model = fitted(constant)
    assert model.score(constant, y) > 0.9
    other = constant + np.array([0, 0, 0, 0, 1.0, 1e-3])
    assert model.score(other, y) > 0.9


def test_partial_fit_keeps_the_scaling_of_its_first_call():
    model = MLPClassifier(16, random_state=0)
    for _ in range(3):
        for part in (slice(0, None, 2), slice(1, None, 2)):
            model.partial_fit(X[part], y[part], classes=[0, 1, 2])
    np.testing.assert_allclose(model.layer_state_["input.mean"], X[::2].mean(axis=0))
    with pytest.raises(ValueError, match="the input_scaling that the network was fitted with, 'learned'"):
        model.set_params(input_scaling=False).partial_fit(X, y)


def test_sparse_training_does_not_centre():
    model = fitted(sparse.csr_matrix(X))
    assert not model.layer_state_["input.mean"].any()
    np.testing.assert_allclose(model.predict_proba(sparse.csr_matrix(X)), model.predict_proba(X), rtol=1e-6)


@pytest.mark.filterwarnings("ignore:.*the training hasn't converged yet")
def test_huge_sparse_float32_are_scaled_as_float64_are():
    """The square of 1e30 is beyond the range of float32."""
    huge = sparse.csr_array(X * 1e30)
    scales = [fitted(X, max_iter=1).layer_state_["input.scale"] for X in (huge, huge.astype(np.float32))]
    np.testing.assert_allclose(scales[1], scales[0], rtol=1e-6)


def test_unscaled_data_need_no_scaler():
    """Breast cancer's features reach from 1e-3 to 4e3."""
    cancer, diagnosis = load_breast_cancer(return_X_y=True)
    scores = cross_val_score(MLPClassifier(random_state=0), cancer, diagnosis, cv=3)
    assert scores.mean() > 0.966


@pytest.mark.filterwarnings("ignore:max_iter=1 epochs")
def test_learned_factors_start_at_one_and_move_six_times_as_fast():
    """The first step of Adam moves each weight by the rate, so each factor by six times the rate."""
    rate = 0.01
    model = fitted(
        X, input_scaling="learned", max_iter=1, batch_size=150, learning_rate_init=rate,
        learning_rate="constant", dropout=0.0, weight_decay=0.0,
    )  # fmt: skip
    factors = 6 * model.layer_state_["dense_0.u"]
    np.testing.assert_allclose(np.abs(factors - 1), 6 * rate, rtol=1e-3)


def test_the_prediction_knows_the_learned_factors():
    model = fitted(X, input_scaling="learned", ensemble_size=1)
    plain = fitted(X, input_scaling=True, ensemble_size=1)
    plain.layer_state_ = {name: array for name, array in model.layer_state_.items() if name != "dense_0.u"}
    W, *others = model.coefs_
    plain.coefs_ = [W * 6 * model.layer_state_["dense_0.u"][:, None], *others]
    plain.intercepts_ = model.intercepts_
    np.testing.assert_allclose(model.predict_proba(X), plain.predict_proba(X), rtol=1e-5)


def test_a_feature_of_noise_gets_a_smaller_factor():
    """Of two features, one tells the class and the other nothing."""
    rng = np.random.default_rng(0)
    Z = rng.standard_normal((400, 2))
    model = fitted(Z, (Z[:, 0] > 0).astype(int), input_scaling="learned")
    telling, noise = np.abs(model.layer_state_["dense_0.u"]).mean(axis=0).ravel()
    assert telling > 2 * noise


def test_learned_factors_are_part_of_what_a_training_goes_on_with():
    model = fitted(X, input_scaling="learned", warm_start=True)
    before = model.layer_state_["dense_0.u"].copy()
    assert not np.array_equal(model.fit(X, y).layer_state_["dense_0.u"], before)
    with pytest.raises(ValueError, match=r"needs the input_scaling that .* 'learned', got True"):
        model.set_params(input_scaling=True).fit(X, y)
