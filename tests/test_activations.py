"""Activations: values, derivatives at known points, gains, behaviour at the ends of the range."""

import numpy as np
import pytest

from sknn6.nn.activations import ACTIVATIONS

Z = np.array([-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0])

# elu to gelu: torch.nn.functional of torch 2.13, in float64. The others: their formulas.
VALUES = {
    "identity": Z,
    "logistic": 1 / (1 + np.exp(-Z)),
    "sigmoid": 1 / (1 + np.exp(-Z)),
    "tanh": (np.exp(Z) - np.exp(-Z)) / (np.exp(Z) + np.exp(-Z)),
    "relu": [0, 0, 0, 0, 0.5, 1, 3],
    "leaky_relu": [-0.03, -0.01, -0.005, 0, 0.5, 1, 3],
    "prelu": [-0.75, -0.25, -0.125, 0, 0.5, 1, 3],  # slope 0.25
    "maxout": [0, 0, 0, 0, 0.5, 1, 3],  # with a second piece of 0
    "elu": [-0.950212931632136, -0.6321205588285577, -0.3934693402873666, 0, 0.5, 1, 3],
    "selu": [
        *(-1.6705687287671118, -1.1113307378125625, -0.6917581878028713, 0),
        *(0.5253504936777402, 1.0507009873554805, 3.1521029620664414),
    ],
    "silu": [
        *(-0.14227761953270035, -0.2689414213699951, -0.1887703343990727, 0),
        *(0.3112296656009273, 0.7310585786300049, 2.8577223804672998),
    ],
    "mish": [
        *(-0.1456474612756246, -0.30340146137410895, -0.22074377465173, 0),
        *(0.3752452113048951, 0.8650983882673103, 2.9865350049679575),
    ],
    "softplus": [
        *(0.04858735157374206, 0.31326168751822286, 0.4740769841801067, 0.6931471805599453),
        *(0.9740769841801067, 1.3132616875182228, 3.048587351573742),
    ],
    "gelu": [
        *(-0.00404969409489031, -0.15865525393145702, -0.15426876936299344, 0),
        *(0.34573123063700656, 0.841344746068543, 2.99595030590511),
    ],
}


def learned(activation):
    return [start for _, start in activation.learned]


def with_pieces(name, z):
    """Give z as the first piece, 0 as the others."""
    z = np.array(z, ndmin=2)
    return np.hstack([z] + [np.zeros_like(z)] * (ACTIVATIONS[name].pieces - 1))


def evaluate(name, z):
    activation = ACTIVATIONS[name]
    return activation.forward(with_pieces(name, z), *learned(activation))[0][0]


def differentiate(name, z):
    activation, n = ACTIVATIONS[name], np.size(z)
    saved = activation.forward(with_pieces(name, z), *learned(activation))[1]
    result = activation.backward(np.ones((1, n), np.asarray(z).dtype), saved, *learned(activation))
    return (result[0] if activation.learned else result)[0, :n]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_values(name):
    np.testing.assert_allclose(evaluate(name, Z), VALUES[name], rtol=1e-12, atol=1e-15)


def test_tanh_is_a_scaled_logistic():
    """The lecture: tanh(x) = 2 logistic(2x) - 1."""
    np.testing.assert_allclose(evaluate("tanh", Z), 2 * evaluate("logistic", 2 * Z) - 1, atol=1e-15)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_gain_keeps_the_second_moment_at_one(name):
    """gain = 1 / sqrt(E[f(z)^2]) for z ~ N(0, 1)."""

    activation = ACTIVATIONS[name]
    z, step = np.linspace(-9, 9, 1801, retstep=True)
    pieces = np.meshgrid(*[z] * activation.pieces, indexing="ij")
    density = np.prod([np.exp(-(p**2) / 2) / np.sqrt(2 * np.pi) for p in pieces], axis=0)
    A = activation.forward(np.stack([p.ravel() for p in pieces], axis=1), *learned(activation))[0][:, 0]
    second_moment = np.sum(A**2 * density.ravel()) * step**activation.pieces
    assert activation.gain == pytest.approx(1 / np.sqrt(second_moment), rel=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_dtype_is_kept(name, dtype):
    """No constant turns float32 into float64, which would double the time of a step."""
    activation = ACTIVATIONS[name]
    parameters = [np.full(3, start, dtype) for start in learned(activation)]
    A, saved = activation.forward(np.ones((2, 3 * activation.pieces), dtype), *parameters)
    assert A.dtype == dtype
    result = activation.backward(np.ones((2, 3), dtype), saved, *parameters)
    assert all(array.dtype == dtype for array in (result if parameters else [result]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_extreme_inputs(name, dtype):
    """Values and derivatives stay finite, and the warnings that pytest turns into errors do not appear."""
    z = np.array([-1e30, -1e4, -100, 100, 1e4], dtype)
    with np.errstate(over="ignore"):  # gelu: z^2 of 1e30 in float32
        A, slope = evaluate(name, z), differentiate(name, z)
    assert np.isfinite(A).all()
    assert np.isfinite(slope).all()
    if name in ("logistic", "tanh"):
        assert slope[0] == 0
        assert slope[-1] == 0


@pytest.mark.parametrize(
    ("name", "left", "right"),
    [("relu", 0, 1), ("leaky_relu", 0.01, 1), ("elu", np.exp(-2), 1), ("logistic", None, None)],
)
def test_derivative_on_either_side(name, left, right):
    slopes = differentiate(name, [-2.0, 2.0])
    if name == "logistic":
        s = 1 / (1 + np.exp(2.0))
        left = right = s * (1 - s)
    np.testing.assert_allclose(slopes, [left, right], rtol=1e-12)


def test_maxout_holds_relu_and_leaky_relu():
    """The lecture: with w1, b1 = 0 it is relu; with one piece a hundredth of the other, leaky_relu."""
    z = Z[None]
    np.testing.assert_array_equal(evaluate("maxout", Z), evaluate("relu", Z))
    np.testing.assert_array_equal(differentiate("maxout", Z[Z != 0]), differentiate("relu", Z[Z != 0]))
    leaky = ACTIVATIONS["maxout"].forward(np.hstack([z, 0.01 * z]))[0][0]
    np.testing.assert_array_equal(leaky, evaluate("leaky_relu", Z))


def test_prelu_holds_relu_leaky_relu_and_identity():
    """He et al. (2015): a slope of 0, of 0.01, of 1."""
    for slope, name in ((0.0, "relu"), (0.01, "leaky_relu"), (1.0, "identity")):
        A, _ = ACTIVATIONS["prelu"].forward(Z[None].copy(), np.full(len(Z), slope))
        np.testing.assert_allclose(A[0], evaluate(name, Z), rtol=1e-15)
