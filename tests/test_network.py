"""The network: one flat vector, views of it, snapshots."""

import numpy as np
import pytest
from networks import perceptron

from sknn6.nn.batches import Batches
from sknn6.nn.network import PREDICTION_BLOCK
from sknn6.nn.normalization import NORMALIZATIONS


def network(dtype=np.float64, **params):
    made = perceptron(4, [6, 5], 3, "tanh", **params).allocate(dtype)
    made.initialize(np.random.default_rng(0))
    return made


def test_parameters_are_views_of_theta_decaying_ones_first():
    made = network(batchnorm="batch")
    made.theta[:] = np.arange(made.theta.size)
    made.grad[:] = -made.theta
    names = [name for name in made.arrays() if not name.partition(".")[2].startswith("running")]
    assert sorted(np.concatenate([made.arrays()[name].ravel() for name in names])) == list(made.theta)
    weights = np.concatenate([layer.W.ravel() for layer in made.dense()])
    np.testing.assert_array_equal(weights, made.theta[: made.n_decayed])
    np.testing.assert_array_equal(made.layers[0].dW, -made.layers[0].W)


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_penalty(dtype, members):
    """strength / 2 times the sum of squared weights, whose gradient is strength W; biases stay out of it.

    With several members it is the mean of their penalties.
    """
    made = network(dtype, members=members)
    made.theta += 1
    made.grad[:] = 0
    penalty = made.penalise(0.3)
    W = made.theta[: made.n_decayed]
    assert penalty == pytest.approx(0.15 * np.sum(W.astype(float) ** 2) / members, rel=1e-6)
    np.testing.assert_allclose(made.grad[: made.n_decayed], 0.3 * W, rtol=1e-6)
    assert not made.grad[made.n_decayed :].any()


def test_snapshot_brings_back_weights_and_running_statistics():
    made = network(batchnorm="batch")
    snapshot = made.snapshot()
    X = np.random.default_rng(1).standard_normal((8, 4))
    before = made.predict(X)
    made.theta += 1
    made.forward(X)
    assert np.abs(made.predict(X) - before).max() > 0.1
    made.restore(snapshot)
    np.testing.assert_array_equal(made.predict(X), before)


@pytest.mark.parametrize("batchnorm", [None, *NORMALIZATIONS])
def test_predict_changes_nothing(batchnorm):
    made = network(batchnorm=batchnorm, layernorm=True, residual=True)
    X = np.random.default_rng(1).standard_normal((8, 4))
    X.flags.writeable = False
    arrays = {name: array.copy() for name, array in made.arrays().items()}
    attributes = [dict(vars(layer)) for layer in made.leaves]
    made.predict(X)
    for name, array in made.arrays().items():
        np.testing.assert_array_equal(array, arrays[name])
    for layer, before in zip(made.leaves, attributes, strict=True):
        assert all(vars(layer)[key] is value for key, value in before.items())
        assert vars(layer).keys() == before.keys()


def test_forward_leaves_the_input_alone():
    """X may be the user's array, or a read-only view of a file."""
    X = np.random.default_rng(1).standard_normal((8, 4))
    X.flags.writeable = False
    made = network(batchnorm="batch")
    made.backward(np.ones_like(made.forward(X)))


def test_settling_takes_the_statistics_of_a_sample_with_nothing_dropped():
    """np.cov of the first pre-activations, whatever the running averages were; afterwards these are back."""
    rng = np.random.default_rng(0)
    made, X = network(batchnorm="whiten", dropout=0.5, rng=rng), 3 + rng.standard_normal((3000, 4))
    made.statistics += 1e9 * rng.random(made.statistics.shape)
    before = made.statistics.copy()
    batches = Batches(X, np.zeros(len(X)), None, 4, np.float64)
    first, second = (layer for layer in made.leaves if layer.statistics)
    with made.recomputed_statistics(batches):
        sample, _ = batches.subsample(2048)
        Z = sample @ made.layers[0].W
        np.testing.assert_allclose(first.running_mean, Z.mean(axis=0))
        np.testing.assert_allclose(first.running_cov[:4], np.cov(Z.T)[:4, :4], atol=1e-12)
        A = np.tanh(first.predict(Z.copy()))
        np.testing.assert_allclose(second.running_mean, (A @ made.dense()[1].W).mean(axis=0), atol=1e-12)
    np.testing.assert_array_equal(made.statistics, before)
    assert first.momentum == 0.1


@pytest.mark.parametrize(
    ("X", "params"),
    [
        (np.outer([1e200, -1e200] * 4, np.ones(4)), {}),  # no finite covariance
        (np.ones((1, 4)), {}),  # none at all
        (
            np.random.default_rng(0).standard_normal((31, 4)),
            {"rows_per_unit": 8},
        ),  # fewer than 8 for each of 4 units
    ],
)
def test_settling_leaves_the_running_averages_where_a_sample_would_be_worse(X, params):
    made = network(batchnorm="whiten")
    before = made.statistics.copy()
    with (
        np.errstate(all="ignore"),
        made.recomputed_statistics(Batches(X, np.zeros(len(X)), None, 4, np.float64), **params),
    ):
        np.testing.assert_array_equal(made.statistics, before)


def test_batch_normalisation_settles_only_with_averaged_weights():
    """torch's convention otherwise: the running averages are what prediction uses."""
    made, X = network(batchnorm="batch"), np.random.default_rng(1).standard_normal((8, 4))
    batches = Batches(X, np.zeros(8), None, 4, np.float64)
    before = made.statistics.copy()
    with made.recomputed_statistics(batches):
        np.testing.assert_array_equal(made.statistics, before)
    with made.recomputed_statistics(batches, weights_averaged=True):
        np.testing.assert_allclose(made.layers[1].running_mean, (X @ made.layers[0].W).mean(axis=0))


def test_attached_arrays_predict_the_same():
    made, X = network(batchnorm="batch"), np.random.default_rng(1).standard_normal((8, 4))
    made.forward(X)
    other = perceptron(4, [6, 5], 3, "tanh", batchnorm="batch").attach(made.arrays(), np.float64)
    np.testing.assert_array_equal(other.predict(X), made.predict(X))


def test_load_refuses_other_shapes_by_name():
    arrays = network().arrays() | {"dense_1.W": np.zeros((6, 4))}
    with pytest.raises(ValueError, match=r"dense_1.W .* needs the shape \(6, 5\), got \(6, 4\)"):
        network().load(arrays)


def test_isfinite_looks_at_weights_and_statistics():
    made = network(batchnorm="batch")
    assert made.isfinite()
    made.layers[1].running_var[0] = np.inf
    assert not made.isfinite()


SAVED_NAMES = {
    "batch": ["batchnorm_0.gamma", "batchnorm_0.beta", "batchnorm_0.running_mean", "batchnorm_0.running_var"],
    "whiten": [
        *("batchwhitening_0.gamma", "batchwhitening_0.beta"),
        *("batchwhitening_0.running_mean", "batchwhitening_0.running_cov"),
    ],
    "switchable": [
        *("switchablewhitening_0.gamma", "switchablewhitening_0.beta"),
        *("switchablewhitening_0.mean_logits", "switchablewhitening_0.cov_logits"),
        *("switchablewhitening_0.running_mean", "switchablewhitening_0.running_cov"),
    ],
}


@pytest.mark.parametrize("batchnorm", SAVED_NAMES)
def test_names_of_the_arrays_in_saved_models(batchnorm):
    """They stay when a class is renamed."""
    made = perceptron(4, [6], 3, "prelu", batchnorm=batchnorm, layernorm=True, learned_scale=True)
    assert [*made.allocate(np.float64).arrays()] == [
        *("dense_0.W", "dense_0.b", "dense_0.u"),
        *SAVED_NAMES[batchnorm],
        *("layernorm_0.gamma", "layernorm_0.beta", "activate_0.slope", "dense_1.W", "dense_1.b"),
    ]


def test_names_of_the_arrays_of_a_shortcut():
    made = perceptron(4, [6, 5], 3, "tanh", residual=True).allocate(np.float64)
    names = ("dense_0", "dense_1", "projection_0", "dense_2")
    assert [*made.arrays()] == [f"{name}.{array}" for name in names for array in "Wb"]


@pytest.mark.parametrize(("members", "hidden"), [(1, [300]), (4, [300, 20])])
def test_a_prediction_holds_few_activations_at_a_time(members, hidden, monkeypatch):
    """Those of the widest layer for a block of rows, in all networks."""
    made = perceptron(3, hidden, 2, "relu", members=members).allocate(np.float32)
    sizes, logits = [], made._finite_logits
    monkeypatch.setattr(made, "_finite_logits", lambda X: sizes.append(len(X)) or logits(X))
    made.predict_in_blocks(np.zeros((3000, 3), np.float32), lambda Z: Z if Z.ndim == 2 else Z[0])
    assert sum(sizes) == 3000
    assert max(sizes) * members * 300 <= PREDICTION_BLOCK


def test_only_an_initialiser_that_needs_data_looks_at_them():
    class Untouchable:
        def subsample(self, n_rows):
            raise AssertionError("data were read")

    network().calibrate(Untouchable())
    with pytest.raises(AssertionError, match="data were read"):
        network(init="lsuv").calibrate(Untouchable())
