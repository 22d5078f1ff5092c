"""Networks that are trained side by side: each is the network it would be alone."""

import numpy as np
import pytest
from gradient_check import targets
from networks import perceptron
from plain import MLPClassifier
from scipy.special import expit, softmax
from sklearn.datasets import load_digits, load_iris

from sknn6 import MLPRegressor
from sknn6.estimators.fitted import network_of
from sknn6.nn.activations import ACTIVATIONS
from sknn6.nn.links import LINKS
from sknn6.nn.losses import LOSSES, REGRESSION_LOSSES, softmax_cross_entropy
from sknn6.nn.normalization import NORMALIZATIONS

rng = np.random.default_rng(0)
X, y = rng.normal(size=(40, 6)), rng.integers(0, 3, 40)
WEIGHT = rng.random(40)
MEMBERS = 3


def networks(activation, **params):
    """Return networks side by side, and each of them alone with the same values."""
    together = perceptron(6, [5, 7], 3, activation, members=MEMBERS, **params).allocate(np.float64)
    together.initialize(np.random.default_rng(1))
    together.theta += 0.1 * np.random.default_rng(2).normal(size=together.theta.size)
    alone = []
    for k in range(MEMBERS):
        network = perceptron(6, [5, 7], 3, activation, **params).allocate(np.float64)
        for name, array in network.arrays().items():
            array[...] = together.arrays()[name][k].reshape(array.shape)
        alone.append(network)
    return together, alone


def gradients(network):
    return {
        f"{leaf.name}.{name}": getattr(leaf, f"d{name}")
        for leaf in network.leaves
        for name in leaf.parameters
    }


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("extra", [{}, {"layernorm": True, "residual": True}], ids=["plain", "residual"])
@pytest.mark.parametrize("batchnorm", [None, *NORMALIZATIONS])
@pytest.mark.parametrize("activation", ["tanh", "prelu", "maxout"])
def test_each_member_is_the_network_it_would_be_alone(activation, batchnorm, extra, weight):
    together, alone = networks(activation, batchnorm=batchnorm, batchnorm_group_size=3, **extra)
    Z = together.forward(X, weight).copy()
    loss, dZ = softmax_cross_entropy(Z.copy(), y, weight)
    together.backward(dZ)
    losses = []
    for k, network in enumerate(alone):
        Z_k = network.forward(X, weight).copy()
        loss_k, dZ_k = softmax_cross_entropy(Z_k.copy(), y, weight)
        network.backward(dZ_k)
        losses.append(loss_k)
        np.testing.assert_allclose(Z[k], Z_k, atol=1e-12)
        for name, grad in gradients(network).items():
            np.testing.assert_allclose(gradients(together)[name][k].reshape(grad.shape), grad, atol=1e-12)
        for name, array in network.arrays().items():  # the running averages have followed the same batch
            np.testing.assert_allclose(together.arrays()[name][k].reshape(array.shape), array, atol=1e-12)
        np.testing.assert_allclose(together.predict(X.copy())[k], network.predict(X.copy()), atol=1e-12)
    assert loss == pytest.approx(np.mean(losses))


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
def test_every_activation_works_with_members(activation):
    together, alone = networks(activation)
    for k, network in enumerate(alone):
        np.testing.assert_allclose(together.predict(X.copy())[k], network.predict(X.copy()), atol=1e-12)


@pytest.mark.parametrize("name", list(LOSSES | REGRESSION_LOSSES))
def test_each_member_may_have_weights_of_its_own(name):
    """They are divided by the mean of their sums over the members."""
    loss = (LOSSES | REGRESSION_LOSSES)[name].loss
    Z = rng.normal(size=(MEMBERS, 40, 4))
    y = targets(name, 40, 4, rng)
    weight = rng.random((40, MEMBERS))
    weight[:10, 1] = 0
    found, dZ = loss(Z.copy(), y, weight)
    shares = weight.sum(axis=0) / weight.sum(axis=0).mean()
    each = [loss(Z[k].copy(), y, weight[:, k]) for k in range(MEMBERS)]
    assert found == pytest.approx(
        np.mean([share * of_one for share, (of_one, _) in zip(shares, each, strict=True)])
    )
    for k, (_, alone) in enumerate(each):
        np.testing.assert_allclose(dZ[k], shares[k] * alone, atol=1e-12)


@pytest.mark.parametrize("name", list(LOSSES | REGRESSION_LOSSES))
def test_the_loss_of_members_is_the_mean_and_each_gradient_its_own(name):
    """Also with targets of several columns, and weights."""
    loss = (LOSSES | REGRESSION_LOSSES)[name].loss
    Z = rng.normal(size=(MEMBERS, 40, 4))
    y = targets(name, 40, 4, rng)
    for weight in (None, WEIGHT):
        together, dZ = loss(Z.copy(), y, weight)
        alone = [loss(z.copy(), y, weight) for z in Z]
        assert together == pytest.approx(np.mean([value for value, _ in alone]))
        np.testing.assert_allclose(dZ, [grad for _, grad in alone], atol=1e-15)


def test_the_mean_of_huge_members_is_finite():
    most = np.finfo(np.float32).max
    Z = np.full((3, 2, 1), -most)
    np.testing.assert_allclose(LINKS["identity"].pool(Z), np.full((2, 1), -most), rtol=1e-6)


@pytest.mark.parametrize("out_activation", list(LINKS))
def test_the_pooled_logits_predict_the_mean(out_activation):
    Z = 3 * rng.normal(size=(MEMBERS, 40, 4))
    link = LINKS[out_activation]
    mean = np.mean([link.predict(z) for z in Z], axis=0)
    pooled = link.predict(link.pool(Z))
    np.testing.assert_allclose(pooled, mean, rtol=1e-12, atol=1e-12)  # numbers up to 12 may cancel


@pytest.mark.parametrize("out_activation", ["softmax", "logistic"])
def test_pooled_logits_of_huge_ones_are_finite(out_activation):
    Z = np.array([[[1e4, -1e4]], [[-1e4, 1e4]]])
    link = LINKS[out_activation]
    np.testing.assert_allclose(link.predict(link.pool(Z)), 0.5)


IRIS, SPECIES = load_iris(return_X_y=True)


def probabilities(model, k):
    """Compute those of one member of a relu network with input scaling off, by hand."""
    A = IRIS
    for W, b in zip(model.coefs_, model.intercepts_, strict=True):
        Z = A @ W[k] + b[k]
        A = np.maximum(Z, 0)
    return softmax(Z, axis=1) if model.n_outputs_ > 1 else np.hstack([expit(-Z), expit(Z)])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("labels", [SPECIES, SPECIES > 0], ids=["multiclass", "binary"])
def test_probabilities_are_the_mean_of_the_members(labels):
    model = MLPClassifier(5, ensemble_size=3, max_iter=20, random_state=0).fit(IRIS, labels)
    assert [W.shape for W in model.coefs_] == [(3, 4, 5), (3, 5, model.n_outputs_)]
    assert [b.shape for b in model.intercepts_] == [(3, 5), (3, model.n_outputs_)]
    expected = np.mean([probabilities(model, k) for k in range(3)], axis=0)
    np.testing.assert_allclose(model.predict_proba(IRIS), expected, rtol=1e-7)
    assert not np.allclose(probabilities(model, 0), probabilities(model, 1), atol=0.01)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("batchnorm", [False, "batch", "whiten", "switchable"])
def test_every_solver_trains_members(solver, batchnorm):
    params = {"solver": solver, "batchnorm": batchnorm, "learning_rate_init": 0.02, "max_iter": 100}
    model = MLPClassifier(10, ensemble_size=2, **params, random_state=0).fit(IRIS, SPECIES)
    assert model.score(IRIS, SPECIES) > 0.9


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_weights_of_switchable_whitening_are_each_members():
    model = MLPClassifier("5-4", ensemble_size=3, batchnorm="switchable", max_iter=10, random_state=0)
    weights = model.fit(IRIS, SPECIES).switchable_weights_
    assert weights.shape == (3, 2, 2, 3)  # members, layers, mean and covariance, the three
    for i, j, kind in ((0, 0, "mean"), (0, 1, "cov"), (1, 0, "mean"), (1, 1, "cov")):
        logits = model.layer_state_[f"switchablewhitening_{i}.{kind}_logits"]
        np.testing.assert_allclose(weights[:, i, j], softmax(logits[:, 0], axis=1), rtol=1e-6)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_mean_of_members_has_a_lower_log_loss_than_they_have():
    """By Jensen's inequality, as -log is convex: on whatever data."""
    digits, digit = load_digits(return_X_y=True)
    model = MLPClassifier(20, ensemble_size=4, max_iter=20, random_state=0).fit(digits[:800], digit[:800])
    network = network_of(model, np.float64)
    Z = network.predict(digits[800:])
    loss = LOSSES["softmax"].loss
    members = [loss(z.copy(), digit[800:], None)[0] for z in Z]
    assert loss(LINKS["softmax"].pool(Z), digit[800:], None)[0] < np.mean(members) - 0.02


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_regressor_has_members_too():
    target = IRIS[:, 0] * IRIS[:, 1]
    model = MLPRegressor(hidden_layer_sizes=5, ensemble_size=3, solver="lbfgs", random_state=0)
    model.fit(IRIS[:, 2:], target)
    A = np.maximum(IRIS[:, 2:] @ model.coefs_[0] + model.intercepts_[0][:, None], 0)
    by_member = (A @ model.coefs_[1] + model.intercepts_[1][:, None])[..., 0]
    np.testing.assert_allclose(model.predict(IRIS[:, 2:]), by_member.mean(axis=0), rtol=1e-10)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_training_that_goes_on_keeps_its_members():
    model = MLPClassifier(5, ensemble_size=2, max_iter=5, warm_start=True, random_state=0).fit(IRIS, SPECIES)
    first = [W.copy() for W in model.coefs_]
    model.fit(IRIS, SPECIES)
    assert np.abs(model.coefs_[0] - first[0]).max() < 0.1  # five epochs of two steps at a rate of 0.001
    with pytest.raises(
        ValueError, match="needs the ensemble_size that the network was fitted with, 2, got 3"
    ):
        model.set_params(ensemble_size=3).fit(IRIS, SPECIES)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_weights_of_a_wrong_shape_are_not_taken_for_others():
    """A transposed matrix has as many numbers; it is no matrix of the layer."""
    model = MLPClassifier(3, max_iter=5, ensemble_size=2, random_state=0).fit(IRIS, SPECIES)
    model.coefs_[0] = model.coefs_[0].swapaxes(1, 2)
    with pytest.raises(ValueError, match=r"dense_0.W .* needs the shape \(2, 4, 3\), got \(2, 3, 4\)"):
        model.predict(IRIS)
