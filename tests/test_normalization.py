"""Normalisation: against each other, with weights, at the edges; against torch in test_torch_values.py."""

import numpy as np
import pytest
from gradient_check import SMOOTH, numerical_gradient, relative_error

from sknn6.nn.network import Network
from sknn6.nn.normalization import NORMALIZATIONS, BatchNorm, BatchWhitening, LayerNorm, SwitchableWhitening

X = np.array([[1.0, 2], [3, -1], [0, 5]])
G = np.array([[1.0, -1], [0.5, 2], [-2, 0.25]])


def made(kind, units=2, **params):
    layer = kind(units, **params)
    Network([layer]).allocate(np.float64).initialize(None)
    layer.gradient_from = 0
    return layer


def batchnorm(units=2, **params):
    return made(BatchNorm, units, **params)


def test_gamma_and_beta_can_recover_the_identity():
    """The lecture: gamma = sqrt(Var[x] + eps), beta = E[x]."""
    layer = batchnorm()
    layer.gamma[:] = np.sqrt(X.var(axis=0) + layer.eps)
    layer.beta[:] = X.mean(axis=0)
    np.testing.assert_allclose(layer.forward(X.copy()), X, atol=1e-14)


@pytest.mark.parametrize("kind", NORMALIZATIONS.values())
def test_a_weight_counts_as_repetition(kind):
    """In the batch's statistics, in the running ones, and in the gradient."""
    rng = np.random.default_rng(0)
    X, G = rng.standard_normal((2, 6, 5))
    repeats = np.array([2, 1, 3, 1, 1, 2])
    rows = np.repeat(np.arange(6), repeats)
    weighted, repeated = (made(kind, 5, group_size=3) for _ in range(2))
    Y = weighted.forward(X.copy(), repeats.astype(float))
    np.testing.assert_allclose(Y[rows], repeated.forward(X[rows]), rtol=1e-10)
    for name in weighted.statistics:
        np.testing.assert_allclose(getattr(weighted, name), getattr(repeated, name), rtol=1e-10)
    # The loss of a sample given three times has three times its gradient.
    dX = weighted.backward(G * repeats[:, None])
    np.testing.assert_allclose(
        dX[rows] / repeats[rows, None], repeated.backward(G[rows]), rtol=1e-9, atol=1e-12
    )
    for name in weighted.parameters:
        gradient = f"d{name}"
        np.testing.assert_allclose(
            getattr(weighted, gradient), getattr(repeated, gradient), rtol=1e-9, atol=1e-12
        )


def test_a_batch_of_one_uses_the_running_averages_and_leaves_them():
    layer = batchnorm()
    layer.forward(X.copy())
    mean, var = layer.running_mean.copy(), layer.running_var.copy()
    one = np.array([[4.0, 4.0]])
    np.testing.assert_allclose(layer.forward(one.copy()), (one - mean) / np.sqrt(var + layer.eps))
    np.testing.assert_array_equal(layer.running_mean, mean)
    np.testing.assert_array_equal(layer.running_var, var)


@pytest.mark.parametrize("kind", NORMALIZATIONS.values())
def test_a_batch_with_one_row_of_weight_is_a_batch_of_one(kind):
    weighted, alone = (made(kind, 2) for _ in range(2))
    rows = np.array([[5.0, 7.0], [1.0, 2.0]])
    Y = weighted.forward(rows.copy(), np.array([1.0, 0.0]))
    np.testing.assert_allclose(Y[:1], alone.forward(rows[:1].copy(), np.ones(1)), rtol=1e-12)
    for name in weighted.statistics:
        np.testing.assert_array_equal(getattr(weighted, name), getattr(alone, name))


@pytest.mark.parametrize("scale", [1e-8, 1e-3, 1 / 3, 1.0])
@pytest.mark.parametrize("kind", NORMALIZATIONS.values())
def test_weights_that_sum_to_less_than_the_samples_are_no_repetitions(kind, scale):
    """Their scale says nothing: the running statistics are those of samples that count once."""
    weighted, plain = (made(kind, momentum=1.0, group_size=2) for _ in range(2))
    weighted.forward(X.copy(), np.full(3, scale))
    plain.forward(X.copy())
    for name in plain.statistics:
        np.testing.assert_allclose(getattr(weighted, name), getattr(plain, name), rtol=1e-12)


@pytest.mark.parametrize("kind", NORMALIZATIONS.values())
def test_with_a_momentum_of_one_nothing_is_left_of_before(kind):
    """Neither numbers so large that the batch's would vanish beside them, nor NaN."""
    layer, fresh = (made(kind, momentum=1.0, group_size=2) for _ in range(2))
    with np.errstate(all="ignore"):
        layer.forward(np.array([[1e200, 1.0], [-1e200, 2.0], [0.0, 1.0]]))
    layer.forward(X.copy())
    fresh.forward(X.copy())
    for name in layer.statistics:
        np.testing.assert_array_equal(getattr(layer, name), getattr(fresh, name))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3, 1e6])
def test_rounding_is_not_amplified_in_directions_without_variance(scale, dtype):
    """Four copies of a unit: whitened, each is the unit over twice its deviation, at any scale."""
    unit = scale * np.random.default_rng(0).standard_normal((200, 1)).astype(dtype)
    layer = BatchWhitening(4, eps=1e-12)
    Network([layer]).allocate(dtype).initialize(None)
    Z = layer.forward(np.repeat(unit, 4, axis=1))
    expected = (unit - unit.mean()) / (2 * unit.std())
    np.testing.assert_allclose(Z, np.repeat(expected, 4, axis=1), atol=0.02)


def test_constant_unit():
    layer = batchnorm()
    constant = np.full((5, 2), 1e6)
    np.testing.assert_array_equal(layer.forward(constant.copy()), np.zeros((5, 2)))
    assert np.isfinite(layer.backward(np.ones((5, 2)))).all()


# Layer normalisation


def test_layernorm_is_batchnorm_of_the_transposed_batch():
    """Mean and biased variance over the units of a sample instead of the samples of a unit."""
    layer = made(LayerNorm)
    transposed = batchnorm(3)
    np.testing.assert_allclose(layer.forward(X.copy()), transposed.forward(X.T.copy()).T, rtol=1e-12)
    np.testing.assert_allclose(layer.backward(G.copy()), transposed.backward(G.T.copy()).T, atol=1e-12)
    np.testing.assert_array_equal(layer.predict(X.copy()), layer.forward(X.copy()))


# Whitening


def correlated(n_samples=200, units=7, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n_samples, units)) @ rng.standard_normal((units, units)) + 3


def test_batch_whitening_whitens_each_group():
    """Covariance I within a group of 4 and one of 3, not between them; ZCA: the map is symmetric."""
    data = correlated()
    layer = made(BatchWhitening, 7, group_size=4, eps=0.0)
    Z = layer.forward(data.copy())
    np.testing.assert_allclose(Z.mean(axis=0), 0, atol=1e-12)
    cov = Z.T @ Z / len(Z)
    np.testing.assert_allclose(cov[:4, :4], np.eye(4), atol=1e-10)
    np.testing.assert_allclose(cov[4:, 4:], np.eye(3), atol=1e-10)
    assert np.abs(cov[:4, 4:]).max() > 0.1
    W = np.linalg.lstsq(data[:, :4] - data[:, :4].mean(axis=0), Z[:, :4], rcond=None)[0]
    np.testing.assert_allclose(W, W.T, atol=1e-10)


def test_groups_of_one_unit_are_batch_normalisation():
    data = correlated()
    whitened, normalised = made(BatchWhitening, 7, group_size=1), made(BatchNorm, 7)
    np.testing.assert_allclose(whitened.forward(data.copy()), normalised.forward(data.copy()), rtol=1e-12)
    np.testing.assert_allclose(whitened.running_cov[:, 0], normalised.running_var, rtol=1e-12)


@pytest.mark.parametrize("kind", [BatchWhitening, SwitchableWhitening])
def test_running_covariance_is_the_unbiased_one_of_the_batches(kind):
    """With momentum 1, np.cov of the last batch; what is predicted is the batch's own but for n / (n - 1)."""
    data = correlated()
    layer = made(kind, 7, momentum=1.0, group_size=4)
    Y = layer.forward(data.copy())
    np.testing.assert_allclose(layer.running_mean, data.mean(axis=0))
    np.testing.assert_allclose(layer.running_cov[:4], np.cov(data.T)[:4, :4], rtol=1e-10)
    np.testing.assert_allclose(layer.running_cov[4:, :3], np.cov(data.T)[4:, 4:], rtol=1e-10)
    np.testing.assert_array_equal(layer.running_cov[4:, 3], 0)
    np.testing.assert_allclose(layer.predict(data.copy()), Y, rtol=0.01, atol=0.01)


ONE_HOT = {0: BatchWhitening, 1: BatchNorm, 2: LayerNorm}


@pytest.mark.parametrize("n_samples", [200, 3])  # 3 samples: covariances without full rank
@pytest.mark.parametrize("which", ONE_HOT)
def test_one_hot_weights_make_switchable_whitening_each_of_its_parts(which, n_samples):
    """Pan et al. (2019): BW, BN and LN are special cases; here output, gradient and prediction to 1e-12."""
    data, G = correlated(n_samples), correlated(n_samples, seed=1)
    switchable = made(SwitchableWhitening, 7, group_size=4, eps=1e-2)
    logits = np.full(3, -1000.0)
    logits[which] = 0
    switchable.mean_logits[:] = switchable.cov_logits[:] = logits
    options = {} if which == 2 else {"group_size": 4}
    part = made(ONE_HOT[which], 7, eps=1e-2, **options)
    for layer in (switchable, part):
        layer.gamma[:] = np.arange(7)
    for _ in range(2):
        np.testing.assert_allclose(switchable.forward(data.copy()), part.forward(data.copy()), atol=1e-12)
        np.testing.assert_allclose(switchable.backward(G.copy()), part.backward(G.copy()), atol=1e-12)
        np.testing.assert_allclose(switchable.predict(data.copy()), part.predict(data.copy()), atol=1e-12)


@pytest.mark.parametrize("kind", [BatchWhitening, SwitchableWhitening])
@pytest.mark.parametrize("case", ["equal", "rank one", "constant"])
def test_gradient_where_eigenvalues_coincide(kind, case):
    """Covariance c I, one of rank 1, none at all: eigenvectors are arbitrary there, the gradient is not."""
    rng = np.random.default_rng(0)
    orthonormal = np.linalg.qr(np.hstack([np.ones((12, 1)), rng.standard_normal((12, 4))]))[0][:, 1:]
    data = {
        "equal": 4 * orthonormal,
        "rank one": np.outer(rng.standard_normal(12), [1.0, 2, 3, 4]),
        "constant": np.full((12, 4), 5.0),
    }[case]
    layer, G = made(kind, 4, eps=0.1), rng.standard_normal((12, 4))
    if case == "equal":
        np.testing.assert_allclose(np.linalg.eigvalsh(np.cov(data.T)), 16 / 11, rtol=1e-12)

    def inner_product():
        return float(np.sum(layer.forward(data.copy()) * G))

    inner_product()
    dX = layer.backward(G.copy()).copy()
    assert relative_error(dX, numerical_gradient(inner_product, data)) <= SMOOTH


@pytest.mark.parametrize("kind", [*NORMALIZATIONS.values(), LayerNorm])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite_pass_through(kind, value):
    """A training that diverges comes by here; its loss must tell, no exception."""
    layer, data = made(kind), X.copy()
    data[0, 0] = value
    with np.errstate(all="ignore"):
        assert np.isnan(layer.forward(data)).any()
        layer.backward(G.copy())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", [*NORMALIZATIONS.values(), LayerNorm])
def test_dtype_is_kept(kind, dtype):
    layer = kind(5)
    Network([layer]).allocate(dtype).initialize(None)
    data = correlated(units=5).astype(dtype)
    weight = np.ones(len(data), dtype)
    assert layer.predict(data.copy()).dtype == dtype
    Y = layer.forward(data.copy(), weight)
    assert Y.dtype == dtype
    assert layer.backward(Y.copy()).dtype == dtype
