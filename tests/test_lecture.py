"""What the lecture "Training Neural Networks 1" (CS231n, lecture 6, 2017) claims, with its numbers.

Where the lecture gives a figure, the test has it; where it says "better", the test has a margin that
holds for each of five seeds.
"""

import warnings

import numpy as np
import pytest
from networks import perceptron
from plain import MLPClassifier
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

from sknn6 import Standardizer, Whitener
from sknn6.nn.activations import ACTIVATIONS
from sknn6.nn.descent import loss_and_gradient
from sknn6.nn.layers import Activate
from sknn6.nn.losses import LOSSES

SOFTMAX = LOSSES["softmax"].loss

X, y = load_digits(return_X_y=True)
X = Standardizer().fit_transform(X)


def made(*args, seed=0, **params):
    network = perceptron(*args, **params).allocate(np.float64)
    network.initialize(np.random.default_rng(seed))
    return network


def outputs(network, data, kind):
    """Return the output of each layer of that kind."""
    found = []
    for layer in network.layers:
        data = layer.predict(data)
        if isinstance(layer, kind):
            found.append(data.copy())
    return found


def fit(data=X, target=y, **params):
    params = {"random_state": 0, "tol": 0, "n_iter_no_change": 1000} | params
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return MLPClassifier(**params).fit(data, target)


# Initialisation: ten layers of 500 units, inputs from N(0, 1)

TEN_LAYERS = {
    ("normal", 0.01, "tanh"): [0.2131, 0.0476, 0.0106, 0.00238, 0.00053],
    ("normal", 1.0, "tanh"): [0.982] * 10,
    ("xavier_normal", 1.0, "tanh"): [0.627, 0.486, 0.407, 0.356, 0.321, 0.293, 0.272, 0.255, 0.240, 0.226],
    ("xavier_normal", 1.0, "relu"): [0.584, 0.412, 0.286, *[None] * 6, 0.025],
}


def ten_layers(init, scale, activation, seed=0):
    data = np.random.default_rng(seed + 1).standard_normal((1000, 500))
    network = made(500, [500] * 10, 10, activation, seed=seed, init=init, init_scale=scale)
    return outputs(network, data, Activate)


@pytest.mark.parametrize("setting", TEN_LAYERS, ids=str)
def test_standard_deviation_of_the_activations_layer_by_layer(setting):
    """Of ReLU networks the geometric mean over five draws.

    There each layer multiplies the squared length of a row by a factor whose variance is 5 / width [1]_, so
    that the length has a standard deviation of 5 % after one layer, and sqrt(i) times this after i. Three of
    them, of a mean of five, are 0.07 sqrt(i).

    .. [1] Hanin & Nica (2020), Products of Many Large Random Matrices and Gradients in Deep Neural Networks.
    """
    is_relu = setting[2] == "relu"
    draws = [[A.std() for A in ten_layers(*setting, seed)] for seed in range(5 if is_relu else 1)]
    stds = np.exp(np.mean(np.log(draws), axis=0))
    for i, expected in enumerate(TEN_LAYERS[setting]):
        if expected is not None:
            rel = 0.07 * np.sqrt(i + 1) if is_relu else 0.03
            assert stds[i] == pytest.approx(expected, rel=rel), i


def test_small_weights_shrink_each_layer_to_a_fifth():
    """All activations become zero: 0.01 sqrt(500) = 0.2236 a layer."""
    stds = np.array([A.std() for A in ten_layers("normal", 0.01, "tanh")])
    np.testing.assert_allclose(stds[1:] / stds[:-1], 0.2236, rtol=0.03)
    assert stds[-1] < 1e-6


def test_big_weights_saturate():
    """Almost all neurons completely saturated: 90 % of |h| above 0.99; the gradients will be zero."""
    for A in ten_layers("normal", 1.0, "tanh"):
        assert np.mean(np.abs(A) > 0.99) == pytest.approx(0.9, abs=0.02)


def test_he_keeps_relu_alive_in_every_layer():
    """Mean about 0.55, deviation 0.75 to 1.06, no trend; with Xavier every layer halves the variance."""
    activations = ten_layers("he_normal", 1.0, "relu")
    assert np.mean([A.mean() for A in activations]) == pytest.approx(0.55, abs=0.1)
    stds = np.array([A.std() for A in activations])
    assert stds.min() > 0.7
    assert stds.max() < 1.1
    with_xavier = np.array([A.std() for A in ten_layers("xavier_normal", 1.0, "relu")])
    np.testing.assert_allclose(with_xavier[1:] / with_xavier[:-1], np.sqrt(0.5), rtol=0.1)


@pytest.mark.parametrize(
    "activation", ["tanh", "relu", "leaky_relu", "prelu", "elu", "gelu", "selu", "maxout"]
)
def test_auto_keeps_the_scale_over_ten_layers(activation):
    """The principle: variance in is variance out. tanh, which Xavier lets fade, comes down to 0.226."""
    last = ten_layers("auto", 1.0, activation)[-1]
    assert 0.2 < np.sqrt(np.mean(last**2)) < 2.5


# Activations


def test_saturated_gates_kill_the_gradient():
    """Sigmoid at x = -10 and 10, where the slide asks what happens: next to nothing passes."""
    for name, most in (("logistic", 5e-5), ("tanh", 1e-8)):
        saved = ACTIVATIONS[name].forward(np.array([[-10.0, 10.0]]))[1]
        assert ACTIVATIONS[name].backward(np.ones((1, 2)), saved).max() < most


def test_outputs_that_are_all_positive_give_gradients_of_one_sign():
    """If its inputs are positive, a sample's dL/dw of a neuron is all positive or all negative."""
    shares = {}
    for activation in ("logistic", "tanh"):
        network = made(20, [30, 30], 5, activation)
        mixed = []
        for i in range(50):
            sample = np.random.default_rng(i).standard_normal((1, 20))
            loss_and_gradient(network, SOFTMAX, [(sample, np.array([i % 5]), None)], alpha=0)
            signs = np.sign(network.dense()[1].dW)
            mixed.append(np.any(signs != signs[:1], axis=0).mean())
        shares[activation] = np.mean(mixed)
    assert shares["logistic"] == 0
    assert shares["tanh"] == 1


def test_gradients_vanish_over_depth_with_sigmoid_and_not_with_relu():
    """Sigmoid's derivative is at most 1/4, tanh's at most 1: over ten layers that makes a millionth."""
    reach = {}
    for activation in ("logistic", "tanh", "relu"):
        network = made(64, [100] * 10, 10, activation)
        loss_and_gradient(network, SOFTMAX, [(X[:200], y[:200], None)], alpha=0)
        norms = [np.linalg.norm(layer.dW) for layer in network.dense()]
        reach[activation] = norms[1] / norms[-2]
    assert reach["logistic"] < 1e-4
    assert reach["logistic"] < reach["tanh"] / 100
    assert 0.1 < reach["relu"] < 10


def dead_units(model):
    """Return the share of hidden units whose derivative is 0 on the whole training set, and so for ever."""
    activation, A, dead = ACTIVATIONS[model.activation], X, []
    for W, b in zip(model.coefs_[:-1], model.intercepts_[:-1], strict=True):
        Z = A @ W + b
        slopes = activation.backward(np.ones_like(Z), activation.forward(Z.copy())[1])
        dead.extend(np.all(slopes == 0, axis=0))
        A = activation.forward(Z)[0]
    return np.mean(dead)


def test_a_high_rate_kills_relu_units_and_no_leaky_ones():
    """The course notes: "as much as 40% of your network can be dead if the learning rate is set too high"."""
    params = {"hidden_layer_sizes": 100, "depth": 2, "max_iter": 20}
    careful = fit(activation="relu", learning_rate_init=0.001, **params)
    hasty = fit(activation="relu", learning_rate_init=0.1, **params)
    leaky = fit(activation="leaky_relu", learning_rate_init=0.1, **params)
    assert dead_units(careful) < 0.01
    assert dead_units(hasty) == pytest.approx(0.4, abs=0.1)
    assert dead_units(leaky) == 0
    assert hasty.score(X, y) < careful.score(X, y)


def test_verdict():
    """Use ReLU; try out the others of its family; don't use sigmoid: here eight layers of each."""
    params = {"hidden_layer_sizes": 64, "depth": 8, "max_iter": 15, "learning_rate_init": 1e-3}
    loss = {
        activation: np.median([fit(activation=activation, random_state=s, **params).loss_ for s in range(3)])
        for activation in ("relu", "leaky_relu", "maxout", "elu", "gelu", "logistic")
    }
    family = {name: value for name, value in loss.items() if name != "logistic"}
    assert loss["logistic"] > 2  # log 10 = 2.30: nothing learned
    assert max(family.values()) < 0.3


# Preprocessing


def ill_conditioned(seed=0):
    """Two classes, 20 correlated features of which the weak directions tell the classes apart."""
    rng = np.random.default_rng(seed)
    scales = np.logspace(0, -2, 20)
    target = rng.integers(0, 2, 1000)
    latent = rng.standard_normal((1000, 20))
    latent[:, 10:] += 0.8 * (2 * target - 1)[:, None]
    rotation = np.linalg.qr(rng.standard_normal((20, 20)))[0]
    return (latent * scales) @ rotation + 3, target


def test_whitening_cuts_the_condition_number_and_the_epochs():
    """With a condition number of 7000, gradient descent creeps along the weak directions."""
    data, target = ill_conditioned()
    standardized = Standardizer().fit_transform(data)
    whitened = Whitener(eps=0).fit_transform(data)
    assert np.linalg.cond(np.cov(standardized.T)) > 1e3
    assert np.linalg.cond(np.cov(whitened.T)) == pytest.approx(1, rel=1e-6)
    params = {"hidden_layer_sizes": 32, "solver": "sgd", "learning_rate_init": 0.02, "max_iter": 100}
    curves = [fit(prepared, target, **params).loss_curve_ for prepared in (standardized, whitened)]
    slow, fast = (int(np.argmax(np.array(curve) < 0.2)) for curve in curves)
    assert 0 < fast < slow / 2


# Batch normalisation


def test_batch_normalisation_rescues_a_bad_start():
    """The small weights of above, ten layers of tanh: nothing is learned; with it, most digits."""
    params = {
        "hidden_layer_sizes": 64,
        "depth": 10,
        "activation": "tanh",
        "init": "normal",
        "init_scale": 0.01,
    }
    plain = fit(max_iter=20, **params)
    rescued = fit(max_iter=20, batchnorm=True, **params)
    assert plain.score(X, y) < 0.2
    assert rescued.score(X, y) > 0.9


def test_batch_normalisation_allows_twenty_times_the_rate():
    """At 0.05 both learn; at 1 the plain network learns nothing."""
    params = {"hidden_layer_sizes": 64, "depth": 4, "solver": "sgd", "max_iter": 10}
    scores = {
        (rate, batchnorm): fit(learning_rate_init=rate, batchnorm=batchnorm, **params).score(X, y)
        for rate in (0.05, 1.0)
        for batchnorm in (False, True)
    }
    assert min(scores[0.05, False], scores[0.05, True]) > 0.98
    assert scores[1.0, False] < 0.2
    assert scores[1.0, True] > 0.98


def test_batch_normalisation_depends_less_on_the_initialisation():
    """The spread of the loss, largest over smallest, over first weights of N(0, 1) times 0.01 to 1."""
    params = {"hidden_layer_sizes": 64, "depth": 3, "init": "normal", "max_iter": 10}
    spread = {}
    for batchnorm in (False, True):
        losses = [fit(init_scale=s, batchnorm=batchnorm, **params).loss_ for s in (0.01, 0.03, 0.1, 0.3, 1.0)]
        spread[batchnorm] = max(losses) / min(losses)
    assert spread[False] > 1000
    assert spread[True] < 15


# Residual blocks: the variance of the stream after twenty of them


def variance_after_blocks(**params):
    """Return the variance before the first and after the last of 20 blocks of 300 units, ReLU, He's weights.

    The geometric mean over five draws.
    """
    draws = []
    for seed in range(5):
        network = made(300, [300] * 21, 10, "relu", seed=seed, init="he_normal", residual=True, **params)
        data = np.random.default_rng(seed + 1).standard_normal((100, 300)) / np.sqrt(2)
        stream = [data := layer.predict(data) for layer in network.layers[:21]]
        draws.append([stream[0].var(), stream[-1].var()])
    return np.exp(np.mean(np.log(draws), axis=0))


def test_plain_residual_blocks_double_the_variance_each():
    """2^20 = 1e6; 8e5 in the reference.

    Beside |x|^2 = 1, |x + h|^2 is 2, with a variance of 5 / 300 from |h|^2, as above, and of 4 / 300 from
    2 x h. That is 9 / 1200 a block in the logarithm, thus a factor of 2^0.56 over 20 of them, 2^0.25 for the
    mean of five, and 2 is four standard deviations.
    """
    first, last = variance_after_blocks()
    assert first == pytest.approx(1, rel=0.05)
    assert 2**19 < last < 2**21


def test_pre_norm_residual_blocks_add_one_each():
    """1 + 20 = 21, since each adds a normalised input through weights that keep the variance."""
    first, last = variance_after_blocks(layernorm=True)
    assert first == pytest.approx(1, rel=0.05)
    assert last == pytest.approx(21, rel=0.1)


def test_residual_blocks_train_where_a_plain_network_does_not():
    """Fifty layers deep."""
    params = {"hidden_layer_sizes": 32, "depth": 50, "max_iter": 10, "learning_rate_init": 3e-3}
    plain, residual = fit(**params), fit(residual=True, layernorm=True, **params)
    assert plain.score(X, y) < 0.6
    assert residual.score(X, y) > 0.98


# Babysitting the learning process


@pytest.mark.parametrize(("regularisation", "expected"), [(0.0, 2.3026), (1e3, 3.0686)])
def test_the_initial_loss_is_log_10_and_regularisation_raises_it(regularisation, expected):
    """A 3072-50-10 network with W = 1e-4 randn, as on the slides; alpha / n is their regularisation."""
    network = made(3072, [50], 10, "relu", init="normal", init_scale=1e-4)
    rng = np.random.default_rng(0)
    images, labels = rng.standard_normal((100, 3072)), rng.integers(0, 10, 100)
    loss, _ = loss_and_gradient(network, SOFTMAX, [(images, labels, None)], alpha=100 * regularisation)
    assert loss == pytest.approx(expected, abs=0.01)


def test_twenty_examples_can_be_overfitted():
    """Accuracy 1.00 on 20 examples with simple SGD and no regularisation; the loss goes to nothing."""
    model = fit(X[:20], y[:20], alpha=0, solver="sgd", momentum=0, learning_rate_init=0.1, max_iter=300)
    assert model.score(X[:20], y[:20]) == 1
    assert model.loss_ < 0.01


def test_too_low_and_too_high_rates():
    """At 1e-6 the loss barely moves; at 1e6 it explodes, and the training says so; between, it learns."""
    params = {"hidden_layer_sizes": 50, "solver": "sgd", "max_iter": 10}
    low = fit(learning_rate_init=1e-6, **params)
    assert low.loss_curve_[-1] == pytest.approx(low.loss_curve_[0], rel=1e-3)
    assert low.loss_curve_[-1] < low.loss_curve_[0]
    right = fit(learning_rate_init=1e-2, **params)
    assert right.loss_curve_[-1] < right.loss_curve_[0] / 5
    with pytest.warns(ConvergenceWarning, match="diverged in epoch 1"):
        MLPClassifier(learning_rate_init=1e30, random_state=0, **params).fit(X, y)
    high = fit(learning_rate_init=1e6, **params)
    assert not high.loss_ < 3 * np.log(10)  # the cost that the lecture stops a run at, three times the first


def test_a_good_rate_changes_the_weights_by_a_thousandth():
    """Norm of update over norm of weights, with Adam: 1e-3 at its usual rate of 0.001."""
    ratios = {}
    for rate in (1e-6, 1e-3):
        params = {
            "hidden_layer_sizes": 50,
            "learning_rate_init": rate,
            "batch_size": len(y),
            "shuffle": False,
        }
        before, after = (fit(max_iter=i, **params).coefs_[0] for i in (10, 11))
        ratios[rate] = np.linalg.norm(after - before) / np.linalg.norm(before)
    assert 1e-3 < ratios[1e-3] < 1e-2
    assert ratios[1e-6] < 1e-5


# Gradient accumulation


def gradient(network, rows, weight=None):
    loss_and_gradient(network, SOFTMAX, [(X[rows], y[rows], weight)], alpha=0)
    return network.grad.copy()


def test_accumulated_gradients_are_weighted_by_sample_count():
    """Batches of 4, 4 and 2: sum n_k g_k / sum n_k is the gradient of all ten; the plain mean is far off."""
    network = made(64, [20], 10, "tanh")
    parts = [slice(0, 4), slice(4, 8), slice(8, 10)]
    whole = gradient(network, slice(0, 10))
    naive = np.mean([gradient(network, rows) for rows in parts], axis=0)
    batches = [(X[rows], y[rows], None) for rows in parts]
    loss_and_gradient(network, SOFTMAX, batches, alpha=0, mean_grad=np.zeros_like(network.grad))
    assert np.linalg.norm(network.grad - whole) / np.linalg.norm(whole) < 1e-14
    assert np.linalg.norm(naive - whole) / np.linalg.norm(whole) == pytest.approx(0.26, abs=0.09)


def test_accumulation_is_the_big_batch_but_for_statistics_over_it():
    """Four batches of 50 are one of 200; not with batch normalisation, each having its own statistics."""
    params = {"hidden_layer_sizes": 32, "max_iter": 5, "dtype": "float64", "shuffle": False}
    rows = slice(0, 1600)
    for norm, same in ({}, True), ({"layernorm": True}, True), ({"batchnorm": True}, False):
        big = fit(X[rows], y[rows], batch_size=200, **params, **norm)
        small = fit(X[rows], y[rows], batch_size=50, gradient_accumulation_steps=4, **params, **norm)
        distance = np.abs(big.coefs_[0] - small.coefs_[0]).max()
        assert (distance < 1e-10) == same
