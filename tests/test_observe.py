"""Records of what layers see, and how steep activations are."""

import numpy as np
import pytest
from networks import perceptron

from sknn6.nn.activations import ACTIVATIONS, Activation
from sknn6.nn.observe import SATURATED, observed, relative_slopes


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_slopes_are_the_differences_divided_by_the_largest(name):
    activation = ACTIVATIONS[name]
    z = np.linspace(-7.993, 7.993, 2000)[:, None]  # none of them within h of a kink
    learned = [np.array([start]) for _, start in activation.learned]

    def f(z):
        # Further pieces are far below the first, which alone then matters.
        pieces = [z] + [z - 100] * (activation.pieces - 1)
        return activation.forward(np.concatenate(pieces, axis=1), *learned)[0]

    h = 1e-6
    slope = np.abs(f(z + h) - f(z - h)) / (2 * h)
    pieces = np.concatenate([z] + [z - 100] * (activation.pieces - 1), axis=1)
    np.testing.assert_allclose(relative_slopes(activation, pieces), slope / slope.max(), atol=5e-3)


def test_the_slope_of_a_unit_is_the_largest_of_all_its_pieces():
    """max(z1, z2, z3) has the slope 1 for one of them, and 0 for the others."""

    def forward(Z):
        pieces = np.stack(np.split(Z, 3, axis=-1))
        return pieces.max(axis=0), pieces.argmax(axis=0)

    def backward(dA, which):
        return np.concatenate([dA * (which == k) for k in range(3)], axis=-1)

    three = Activation(forward, backward, gain=1.0, pieces=3)
    Z = np.random.default_rng(0).standard_normal((20, 12))
    np.testing.assert_array_equal(relative_slopes(three, Z), np.ones((20, 4)))


def test_tanh_is_saturated_from_the_inverse_of_its_derivative_on():
    """1 - tanh(z)^2 = 0.05 at z = artanh(sqrt(0.95))."""
    edge = np.arctanh(np.sqrt(0.95))
    Z = np.array([[-edge - 1e-3, -edge + 1e-3, edge - 1e-3, edge + 1e-3]])
    saturated = relative_slopes(ACTIVATIONS["tanh"], Z) < SATURATED
    assert saturated.tolist() == [[True, False, False, True]]


def test_a_learned_slope_counts_as_it_is_now():
    """prelu: f' = a for z < 0, and 1 above."""
    Z = np.array([[-1.0, -1.0], [1.0, 1.0]])
    found = relative_slopes(ACTIVATIONS["prelu"], Z, [np.array([0.01, 0.1])])
    assert found.tolist() == [[0.01, 0.1], [1, 1]]


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_members_are_looked_at_each_by_itself(name):
    activation = ACTIVATIONS[name]
    Z = 4 * np.random.default_rng(0).standard_normal((3, 7, 5 * activation.pieces))
    each = [relative_slopes(activation, of_member) for of_member in Z]
    np.testing.assert_array_equal(relative_slopes(activation, Z), each)


@pytest.mark.parametrize("residual", [False, True])
def test_records_hold_what_a_pass_computes_and_change_nothing(residual):
    rng = np.random.default_rng(0)
    network = perceptron(5, [6, 6], 3, "tanh", residual=residual).allocate(np.float64)
    network.initialize(rng)
    X, dZ = rng.standard_normal((7, 5)), rng.standard_normal((7, 3))
    Z = network.forward(X).copy()
    network.backward(dZ.copy())
    grad = network.grad.copy()
    observer, records = observed(network)
    network.grad[:] = 0
    observer.forward(X)
    observer.backward(dZ.copy())
    assert np.array_equal(network.grad, grad)
    assert np.array_equal(records[-1].Y, Z)
    for record in records[:-1]:
        np.testing.assert_allclose(record.Y, np.tanh(record.X), rtol=1e-15)
    W = network.dense()[-1].W
    np.testing.assert_allclose(Z, records[1].Y @ W, rtol=1e-12)  # b is 0
    assert not any({"forward", "backward", "predict"} & set(vars(leaf)) for leaf in network.leaves)
    network.theta *= 2
    assert np.array_equal(observer.predict(X), network.predict(X))
