"""Activations: how they relate, gains, behaviour at the ends of the range; values in test_torch_values.py."""

import numpy as np
import pytest

from sknn6.nn.activations import ACTIVATIONS

Z = np.array([-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0])


def learned(activation):
    return [start for _, start in activation.learned]


def with_pieces(name, z):
    """Return z as the first piece, 0 as the others."""
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
