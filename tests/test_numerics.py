"""Numbers at the edges of the floats, and losses and gradients against 50 digits of mpmath."""

import warnings

import mpmath
import numpy as np
import pytest
from mpmath import mpf
from networks import perceptron
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss

from sknn6 import MLPClassifier, Standardizer, Whitener
from sknn6.nn.activations import ACTIVATIONS
from sknn6.nn.descent import loss_and_gradient
from sknn6.nn.losses import LOSSES, REGRESSION_LOSSES
from sknn6.nn.normalization import NORMALIZATIONS

DTYPES = [np.float32, np.float64]
ALL_LOSSES = LOSSES | REGRESSION_LOSSES
X, Y = np.random.default_rng(0).standard_normal((40, 3)), np.arange(40) % 3


@pytest.fixture
def rng():
    return np.random.default_rng(1)


@pytest.fixture(autouse=True)
def fifty_digits():
    with mpmath.workdps(50):
        yield


# Loss and gradient of a network, written out


def sigmoid(z):
    return 1 / (1 + mpmath.exp(-z))


def selu(z):
    """With the constants of Klambauer et al. (2017)."""
    alpha, scale = mpf("1.6732632423543772848170429916717"), mpf("1.0507009873554804934193349852946")
    return scale * (z if z > 0 else alpha * mpmath.expm1(z))


REFERENCE = {
    "identity": lambda z: z,
    "logistic": sigmoid,
    "tanh": mpmath.tanh,
    "relu": lambda z: max(z, 0),
    "leaky_relu": lambda z: max(z, z / 100),
    "elu": lambda z: z if z > 0 else mpmath.expm1(z),
    "selu": selu,
    "gelu": lambda z: z * mpmath.ncdf(z),
    "silu": lambda z: z * sigmoid(z),
    "mish": lambda z: z * mpmath.tanh(mpmath.log1p(mpmath.exp(z))),
    "softplus": lambda z: mpmath.log1p(mpmath.exp(z)),
}


def softmax_loss(z, y):
    return mpmath.log(sum(map(mpmath.exp, z))) - z[int(y)]


def logistic_loss(z, y):
    return sum(mpmath.log1p(mpmath.exp(a)) - a * b for a, b in zip(z, y, strict=True))


def squared_loss(z, y):
    return sum((a - b) ** 2 for a, b in zip(z, y, strict=True)) / 2


def poisson_loss(z, y):
    return sum(mpmath.exp(a) - b - b * (a - mpmath.log(b)) for a, b in zip(z, y, strict=True))


def gamma_loss(z, y):
    return sum(b / mpmath.exp(a) - mpmath.log(b / mpmath.exp(a)) - 1 for a, b in zip(z, y, strict=True))


def absolute_loss(z, y):
    return sum(abs(a - b) for a, b in zip(z, y, strict=True))


def huber_loss(z, y):
    residuals = [abs(a - b) for a, b in zip(z, y, strict=True)]
    return sum(r**2 / 2 if r <= 1 else r - mpf(1) / 2 for r in residuals)


REFERENCE_LOSSES = {
    "softmax": softmax_loss,
    "logistic": logistic_loss,
    "squared_error": squared_loss,
    "absolute_error": absolute_loss,
    "quantile": lambda z, y: absolute_loss(z, y) / 2,
    "poisson": poisson_loss,
    "gamma": gamma_loss,
    "huber": huber_loss,
}


def exact(array):
    """Return the numbers of an array, each as it is."""
    return [exact(row) if np.ndim(row) else mpf(float(row)) for row in array]


def affine(x, W, b):
    return [sum(a * w for a, w in zip(x, column, strict=True)) + c for *column, c in zip(*W, b, strict=True)]


def unflatten(theta, shapes):
    """Return the matrices, then the biases, that follow each other in theta."""
    rest = iter(theta)
    weights = [[[next(rest) for _ in range(n_out)] for _ in range(n_in)] for n_in, n_out in shapes]
    return weights, [[next(rest) for _ in range(n_out)] for _, n_out in shapes]


class Reference:
    """The penalised mean loss of a network, as a function of theta, in 50 digits."""

    def __init__(self, shapes, activation, loss, data, alpha):
        self.shapes, self.alpha = shapes, mpf(alpha)
        self.activation, self.loss = REFERENCE[activation], REFERENCE_LOSSES[loss]
        self.X, self.y, self.weight = map(exact, data)

    def logits(self, x, weights, biases):
        for W, b in zip(weights[:-1], biases[:-1], strict=True):
            x = [self.activation(z) for z in affine(x, W, b)]
        return affine(x, weights[-1], biases[-1])

    def __call__(self, theta):
        weights, biases = unflatten(theta, self.shapes)
        losses = [self.loss(self.logits(x, weights, biases), y) for x, y in zip(self.X, self.y, strict=True)]
        squares = sum(w**2 for W in weights for row in W for w in row)
        total = sum(w * loss for w, loss in zip(self.weight, losses, strict=True))
        return (total + self.alpha / 2 * squares) / sum(self.weight)

    def gradient(self, theta):
        """Centred differences, whose error of h^2 leaves 30 digits."""
        h = mpf(10) ** -16

        def moved(i, step):
            return self([*theta[:i], theta[i] + step, *theta[i + 1 :]])

        return [(moved(i, h) - moved(i, -h)) / (2 * h) for i in range(len(theta))]


def targets(loss, n_rows, n_outputs, rng):
    if loss == "softmax":
        return np.arange(n_rows) % n_outputs
    if loss == "logistic":
        return rng.integers(0, 2, (n_rows, n_outputs)).astype(float)
    return np.exp2(rng.integers(-1, 3, (n_rows, n_outputs)))  # positive, and exact in float32


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("activation", "loss"),
    [
        *((name, "softmax") for name in REFERENCE),
        *(("tanh", name) for name in ALL_LOSSES if name != "softmax"),
    ],
)
def test_loss_and_gradient_have_the_digits_of_their_dtype(activation, loss, dtype, rng):
    shapes, alpha = [(3, 4), (4, 2), (2, 3)], 0.5
    network = perceptron(3, [4, 2], 3, activation).allocate(dtype)
    network.theta[:] = rng.standard_normal(network.theta.size)
    weight = np.array([1.0, 0.5, 2.0, 0.0])
    data = X[:4].astype(dtype), targets(loss, 4, 3, rng), weight
    reference = Reference(shapes, activation, loss, data, alpha)
    theta = exact(network.theta)
    found, _ = loss_and_gradient(network, ALL_LOSSES[loss].loss, [data], alpha)
    digits = 100 * float(np.finfo(dtype).eps)
    assert found == pytest.approx(float(reference(theta)), rel=digits)
    gradient = np.array(reference.gradient(theta), float)
    np.testing.assert_allclose(network.grad, gradient, rtol=0, atol=digits * np.abs(gradient).max())


# Logits


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("scale", [1e4, 100, 1, 1e-3, 1e-30, 1e-310])
def test_losses_of_logits_of_any_size(loss, scale, dtype, rng):
    """The largest stand apart by 1e4 and more, the smallest are subnormal, in float32 zero."""
    Z = rng.uniform(-scale, scale, (6, 3)).astype(dtype)
    y = targets(loss, 6, 3, rng)
    rows = list(zip(exact(Z), exact(y), strict=True))
    expected = sum(REFERENCE_LOSSES[loss](z, t) for z, t in rows) / 6
    found, dZ = ALL_LOSSES[loss].loss(Z.copy(), y)
    eps = float(np.finfo(dtype).eps)
    assert found == pytest.approx(float(expected), rel=8 * eps)
    if loss == "logistic":
        P = [[sigmoid(a) for a in z] for z, _ in rows]
        T = y
    else:
        P = [[mpmath.exp(a) / sum(map(mpmath.exp, z)) for a in z] for z, _ in rows]
        T = np.eye(3)[y]
    np.testing.assert_allclose(dZ, (np.array(P, float) - T) / 6, rtol=0, atol=2 * eps)


def surely(right, dtype, n_classes):
    """Return rows, and a model whose logits for them are 1e4 for one class and -1e4 for the others."""
    rows = np.eye(n_classes, dtype=dtype)[np.arange(9) % n_classes]
    y = np.arange(9) % n_classes
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = MLPClassifier((), ensemble_size=1, input_scaling=False, max_iter=1).fit(rows, y)
    sign = 1 if right else -1
    model.coefs_[0][:] = sign * (2e4 * np.eye(n_classes) - 1e4)[:, -model.n_outputs_ :]
    model.intercepts_[0][:] = 0
    return model, rows, y


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("right", [True, False])
def test_log_loss_of_sure_predictions_is_finite(dtype, n_classes, right):
    model, rows, y = surely(right, dtype, n_classes)
    P = model.predict_proba(rows)
    assert P.dtype == dtype
    np.testing.assert_allclose(P.sum(axis=1), 1, rtol=0, atol=1e-6)
    loss = log_loss(y, P)
    assert (loss == pytest.approx(0, abs=1e-6)) if right else (10 < loss < 1000)


# Data


@pytest.mark.parametrize("method", ["zca", "pca", "cholesky", "zca_cor", "pca_cor"])
@pytest.mark.parametrize(("condition", "atol"), [(1e6, 1e-9), (1e12, 1e-3)])
def test_whitening_of_ill_conditioned_data(method, condition, atol, rng):
    """Of X, the ratio of the largest to the smallest singular value; that of the covariance is its square."""
    U, V = (np.linalg.qr(rng.standard_normal((n, 8)))[0] for n in (200, 8))
    ill = U * np.geomspace(1, 1 / condition, 8) @ V.T
    Z = Whitener(method, eps=0).fit_transform(ill)
    np.testing.assert_allclose(np.cov(Z.T, ddof=0), np.eye(8), rtol=0, atol=atol)


@pytest.mark.parametrize(("dtype", "tiny"), [(np.float32, 1e-40), (np.float64, 1e-310)])
@pytest.mark.parametrize("params", [{}, {"input_scaling": False, "batchnorm": True}, {"solver": "lbfgs"}])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_subnormal_data_train_to_probabilities(params, dtype, tiny):
    rows = (X * tiny).astype(dtype)
    P = MLPClassifier(8, max_iter=3, random_state=0, **params).fit(rows, Y).predict_proba(rows)
    np.testing.assert_allclose(P.sum(axis=1), 1, rtol=0, atol=1e-5)
    assert P.min() > 0.01  # there is nothing to be sure of


def test_subnormal_data_are_standardised_like_others():
    """Their squares are 0, so sums are scaled. Of numbers of 1e-310, 13 digits are left."""
    Z = Standardizer().fit_transform(X * 1e-310)
    np.testing.assert_allclose(Z, Standardizer().fit_transform(X), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("params", [{"batchnorm": name} for name in NORMALIZATIONS] + [{"layernorm": True}])
@pytest.mark.filterwarnings(
    "ignore:batchnorm needs batches of two samples", "ignore::sklearn.exceptions.ConvergenceWarning"
)
def test_batches_of_one_row(params):
    """Each is normalised as in prediction, so the training is finite and learns what is easy."""
    easy = X + 3 * np.eye(3)[Y]
    model = MLPClassifier(16, batch_size=1, random_state=0, **params).fit(easy, Y)
    assert np.isfinite(model.loss_curve_).all()
    assert model.score(easy, Y) > 0.9


@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_a_batch_of_one_row_passes_as_in_prediction(name):
    network = perceptron(3, [4], 2, "tanh", batchnorm=name).allocate(np.float64)
    network.initialize(np.random.default_rng(0))
    np.testing.assert_allclose(network.forward(X[:1].copy()), network.predict(X[:1].copy()), rtol=1e-12)


# Weights of zero


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_zero_weights_predict_equal_probabilities_and_have_finite_gradients(activation):
    network = perceptron(3, [4], 3, activation, init="zeros").allocate(np.float64)
    network.initialize(np.random.default_rng(0))
    loss, _ = loss_and_gradient(network, LOSSES["softmax"].loss, [(X.copy(), Y, None)], 0.0)
    assert loss == pytest.approx(np.log(3))
    assert np.isfinite(network.grad).all()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_linear_model_learns_from_weights_of_zero():
    easy = X + 3 * np.eye(3)[Y]
    assert MLPClassifier((), init="zeros", random_state=0).fit(easy, Y).score(easy, Y) > 0.9
