"""Initial weights: the moments and bounds of their formulas."""

import numpy as np
import pytest
from networks import perceptron
from sklearn.neural_network import MLPRegressor as SklearnMLP

from sknn6 import MLPClassifier, MLPRegressor
from sknn6.estimators.preparation import prepare
from sknn6.nn.activations import ACTIVATIONS
from sknn6.nn.batches import Batches
from sknn6.nn.initializers import INITIALIZERS, find_initializer

FAN_IN, FAN_OUT, GAIN = 400, 300, 1.3

VARIANCES = {
    "zeros": 0,
    "normal": 1,
    "uniform": 1 / 3,
    "xavier_uniform": 2 / (FAN_IN + FAN_OUT),
    "xavier_normal": 2 / (FAN_IN + FAN_OUT),
    "he_uniform": GAIN**2 / FAN_IN,
    "he_normal": GAIN**2 / FAN_IN,
    "lecun_uniform": 1 / FAN_IN,
    "lecun_normal": 1 / FAN_IN,
    "orthogonal": GAIN**2 / FAN_IN,
    "lsuv": 1 / FAN_IN,  # until it has seen a batch
}
BOUNDS = {
    "uniform": 1,
    "lecun_uniform": np.sqrt(3 / FAN_IN),
    "xavier_uniform": np.sqrt(6 / (FAN_IN + FAN_OUT)),
    "he_uniform": GAIN * np.sqrt(3 / FAN_IN),
}


def draw(name, fan_in=FAN_IN, fan_out=FAN_OUT, gain=GAIN):
    return INITIALIZERS[name](np.random.default_rng(0), fan_in, fan_out, gain)


@pytest.mark.parametrize("name", INITIALIZERS)
def test_moments(name):
    """Mean 0 within 4 standard errors; the variance within 2 %, some four standard errors of a normal."""
    W = draw(name)
    assert W.shape == (FAN_IN, FAN_OUT)
    assert abs(W.mean()) <= 4 * np.sqrt(VARIANCES[name] / W.size)
    assert W.var() == pytest.approx(VARIANCES[name], rel=0.02)


@pytest.mark.parametrize("name", BOUNDS)
def test_bounds(name):
    """Uniform laws fill their range, which 120000 draws come within 0.1 % of, and do not leave it."""
    W = draw(name)
    assert 0.999 * BOUNDS[name] < np.abs(W).max() <= BOUNDS[name]


@pytest.mark.parametrize(("fan_in", "fan_out"), [(30, 20), (20, 30), (25, 25)])
def test_orthogonal(fan_in, fan_out):
    W = draw("orthogonal", fan_in, fan_out)
    gram = W.T @ W if fan_in >= fan_out else W @ W.T
    np.testing.assert_allclose(gram, GAIN**2 * np.eye(len(gram)), atol=1e-12)


def test_orthogonal_has_no_preferred_sign():
    """Without the signs of diag(R), Householder's QR leaves the first entry negative almost always."""
    rng = np.random.default_rng(0)
    corners = [INITIALIZERS["orthogonal"](rng, 3, 3, 1.0)[0, 0] for _ in range(1000)]
    assert abs(np.mean(np.array(corners) > 0) - 0.5) < 0.06  # 4 standard errors


@pytest.mark.parametrize(
    ("activation", "name"),
    [
        ("relu", "he_uniform"),
        ("leaky_relu", "he_uniform"),
        ("elu", "he_uniform"),
        ("gelu", "he_uniform"),
        ("silu", "he_uniform"),
        ("prelu", "he_uniform"),
        ("maxout", "he_uniform"),
        ("selu", "lecun_normal"),
        ("tanh", "xavier_uniform"),
        ("logistic", "xavier_uniform"),
    ],
)
def test_auto_is_he_for_the_relu_family_and_xavier_for_the_sigmoids(activation, name):
    assert find_initializer("auto", ACTIVATIONS[activation]) is INITIALIZERS[name]


def test_network_uses_init_gain_and_scale():
    """He et al., equation 10: variance 2 / fan_in with ReLU, here times 0.5^2; biases start at 0."""
    network = perceptron(FAN_IN, [FAN_OUT], 2, "relu", init_scale=0.5).allocate(np.float64)
    network.initialize(np.random.default_rng(0))
    assert network.layers[0].W.var() == pytest.approx(0.25 * 2 / FAN_IN, rel=0.02)
    assert not network.layers[0].b.any()


X = np.random.default_rng(0).standard_normal((10, FAN_IN))
Y = np.arange(10) % 3


def start(cls, **params):
    """Return the network that a fit starts from."""
    return prepare(cls(hidden_layer_sizes=(FAN_OUT, 200), random_state=0, **params), X, Y).network


@pytest.mark.parametrize("params", [{"recipe": "plain"}, {"solver": "sgd"}, {"solver": "lbfgs"}], ids=str)
@pytest.mark.parametrize("cls", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize(
    ("activation", "factor"), [("identity", 6), ("logistic", 2), ("tanh", 6), ("relu", 6)]
)
def test_plain_values_start_from_scikit_learns_law(activation, factor, cls, params):
    """Weights and biases of all layers, the output too: U(-a, a), a = sqrt(factor / (fan_in + fan_out))."""
    for dense in start(cls, activation=activation, **params).dense():
        bound = np.sqrt(factor / sum(dense.W.shape))
        for array in (dense.W, dense.b):
            assert np.abs(array).max() <= bound * (1 + 1e-6)
            if array.size > 100:
                assert array.std() == pytest.approx(bound / np.sqrt(3), rel=0.1)
            assert np.ptp(array) > 0 or array.size == 1


@pytest.mark.parametrize(("activation", "factor"), [("logistic", 2), ("relu", 6)])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_law_is_what_scikit_learn_draws_from(activation, factor):
    """Their parameters after one step of next to nothing."""
    theirs = SklearnMLP(
        hidden_layer_sizes=FAN_OUT,
        activation=activation,
        max_iter=1,
        learning_rate_init=1e-12,
        random_state=0,
    ).fit(X, Y)
    for W, b in zip(theirs.coefs_, theirs.intercepts_, strict=True):
        bound = np.sqrt(factor / sum(W.shape))
        assert 0.95 * bound < np.abs(W).max() <= bound * (1 + 1e-6)
        assert 0 < np.abs(b).max() <= bound * (1 + 1e-6)


@pytest.mark.parametrize("params", [{}, {"recipe": "modern", "solver": "sgd"}], ids=str)
@pytest.mark.parametrize("cls", [MLPClassifier, MLPRegressor])
def test_the_recipes_of_today_start_from_hes_law(cls, params):
    first, *_, last = start(cls, **params).dense()
    assert first.W.var() == pytest.approx(2 / FAN_IN, rel=0.02)
    assert not first.b.any()
    assert not last.b.any()


def test_init_scale_multiplies_drawn_biases_too():
    whole, half = (start(MLPClassifier, recipe="plain", init_scale=scale) for scale in (1.0, 0.5))
    np.testing.assert_allclose(half.theta, whole.theta / 2, rtol=1e-6)


def below(rng, fan_in, fan_out, gain):
    """Return weights of 1, and below them biases of 2."""
    return np.vstack([np.ones((fan_in, fan_out)), np.full(fan_out, 2.0)])


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("activation", ["relu", "maxout"])
def test_an_initialiser_may_return_biases_below_the_weights(activation, members):
    network = perceptron(4, [6], 3, activation, init=below, members=members).allocate(np.float64)
    network.initialize(np.random.default_rng(0))
    for dense in network.dense():
        assert (dense.W == 1).all()
        assert (dense.b == 2).all()


def batches_of(X, weight=None):
    return Batches(X, np.zeros(len(X)), weight, 4, np.float64)


SHAPES = {
    "plain": {},
    "batchnorm": {"batchnorm": "batch"},
    "layernorm": {"layernorm": True},
    "residual": {"residual": True},
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("activation", ["tanh", "relu", "maxout"])
def test_lsuv_gives_every_layer_variance_one(activation, shape):
    """Mishkin & Matas (2015): the pre-activations of a first batch, however scaled, have variance 1."""
    rng = np.random.default_rng(0)
    X = 1e3 * rng.standard_normal((300, 20)) @ rng.standard_normal((20, 20))
    network = perceptron(20, [40, 30, 30], 5, activation, init="lsuv", init_scale=0.5, **SHAPES[shape])
    network.allocate(np.float64).initialize(rng)
    network.calibrate(batches_of(X))
    outputs = []
    for layer in network.dense():
        layer.predict = lambda X, predict=layer.predict: outputs.append(predict(X)) or outputs[-1].copy()
    network.predict(X)
    assert len(outputs) == len(network.dense())
    np.testing.assert_allclose([Z.std() for Z in outputs], 0.5, rtol=1e-12)  # init_scale is the deviation
    W = network.layers[0].W[:, :40]
    gram = W @ W.T
    np.testing.assert_allclose(gram / gram[0, 0], np.eye(20), atol=1e-12)


@pytest.mark.parametrize("X", [np.zeros((9, 4)), np.full((9, 4), np.inf)])
def test_lsuv_leaves_a_layer_without_finite_variance_as_it_is(X):
    network = perceptron(4, [6], 3, "relu", init="lsuv").allocate(np.float64)
    network.initialize(np.random.default_rng(0))
    before = network.theta.copy()
    with np.errstate(invalid="ignore"):
        network.calibrate(batches_of(X))
    np.testing.assert_array_equal(network.theta, before)


def test_lsuv_gives_each_member_variance_one():
    network = perceptron(4, [6], 3, "tanh", init="lsuv", members=3).allocate(np.float64)
    network.initialize(np.random.default_rng(0))
    X = np.random.default_rng(1).standard_normal((9, 4))
    network.calibrate(batches_of(X))
    np.testing.assert_allclose(network.layers[0].predict(X).std(axis=(1, 2)), 1, rtol=1e-12)
    np.testing.assert_allclose(network.predict(X).std(axis=(1, 2)), 1, rtol=1e-12)


def test_lsuv_looks_at_data_once():
    """What is loaded, or has been calibrated, stays."""
    network = perceptron(4, [6], 3, "relu", init="lsuv").allocate(np.float64)
    network.initialize(np.random.default_rng(0))
    X = np.random.default_rng(1).standard_normal((9, 4))
    network.calibrate(batches_of(X))
    before = network.theta.copy()
    network.calibrate(batches_of(9 * X))
    np.testing.assert_array_equal(network.theta, before)


def test_lsuv_leaves_out_samples_without_weight_and_counts_the_others_by_theirs():
    X = np.random.default_rng(1).standard_normal((9, 4))
    repeats = np.array([0, 1, 2, 0, 3, 1, 0, 0, 2])
    weighted, repeated = (perceptron(4, [6], 3, "relu", init="lsuv").allocate(np.float64) for _ in range(2))
    for network in (weighted, repeated):
        network.initialize(np.random.default_rng(0))
    weighted.calibrate(batches_of(X, repeats.astype(float)))
    repeated.calibrate(batches_of(np.repeat(X, repeats, axis=0)))
    np.testing.assert_allclose(weighted.theta, repeated.theta, rtol=1e-12)


@pytest.mark.parametrize(
    "given", [lambda rng, i, o, gain: np.ones((o, i)), lambda *_: 1.0, lambda *_: np.full((4, 6), np.nan)]
)
def test_what_an_initialiser_must_return_is_told(given):
    network = perceptron(4, [6], 3, "relu", init=given).allocate(np.float64)
    with pytest.raises(ValueError, match=r"init must return an array of numbers of shape \(4, 6\), got"):
        network.initialize(np.random.default_rng(0))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("params", "advice"), [({"init": "zeros"}, "init='auto'"), ({"init_scale": 0}, "init_scale=1")]
)
def test_equal_units_are_warned_of_with_what_to_do(params, advice):
    with pytest.warns(UserWarning, match=f"the same weights.*Use {advice}"):
        MLPClassifier(8, max_iter=2, **params).fit(np.arange(20.0)[:, None], np.arange(20) % 2)
