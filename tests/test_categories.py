"""Layers of categories: columns of 0 and 1, and learned vectors."""

import numpy as np
import pytest
from scipy.optimize import check_grad

from sknn6.nn.architecture import Architecture
from sknn6.nn.categories import EMBEDDING_SIZE, Embedding, OneHot
from sknn6.nn.inputs import bend

CODES = np.array([[0, 2], [1, 0], [1, 1], [0, 2.0]])


def one_hot(sizes=(2, 4), **options):
    """Return a OneHot layer of codes that come after one number, with arrays of its own."""
    layer = OneHot(1, list(sizes), **options)
    layer.low, layer.high = np.empty(sum(sizes)), np.empty(sum(sizes))
    return layer


def test_a_code_is_a_column_of_0_and_1():
    layer = one_hot()
    layer.place(CODES, None, scale=False)
    X = np.hstack([np.full((4, 1), 0.5), CODES])
    expected = np.hstack([X[:, :1], np.eye(2)[[0, 1, 1, 0]], np.eye(4)[[2, 0, 1, 2]]])
    np.testing.assert_array_equal(layer.predict(X), expected)
    np.testing.assert_array_equal(layer.forward(X), expected)


def test_columns_are_standardised_and_bent_as_numbers_are():
    layer = one_hot((2, 3))
    layer.place(CODES, None, scale=True)
    dummies = np.hstack([np.eye(2)[[0, 1, 1, 0]], np.eye(3)[[2, 0, 1, 2]]])
    expected = bend((dummies - dummies.mean(axis=0)) / dummies.std(axis=0))
    np.testing.assert_allclose(layer.predict(np.hstack([np.zeros((4, 1)), CODES]))[:, 1:], expected)


def test_a_code_that_no_row_has_adds_nothing():
    layer = one_hot()
    layer.place(CODES, None, scale=True)
    assert layer.low[5] == layer.high[5] == 0


def test_a_weight_of_2_counts_as_two_rows():
    weighted, repeated = one_hot(), one_hot()
    weighted.place(CODES, np.array([1.0, 2.0, 0.0, 3.0]), scale=True)
    repeated.place(np.repeat(CODES, [1, 2, 0, 3], axis=0), None, scale=True)
    np.testing.assert_allclose(weighted.low, repeated.low)
    np.testing.assert_allclose(weighted.high, repeated.high)


def test_a_code_is_a_row_of_the_embedding():
    layer = Embedding(1, [3, 2])
    layer.E, layer.s = np.random.default_rng(0).standard_normal((5, EMBEDDING_SIZE)), np.ones(5)
    Z = layer.predict(np.array([[0.5, 2, 1], [0.7, 0, 0]]))
    np.testing.assert_array_equal(Z[0], [0.5, *layer.E[2], *layer.E[4]])
    np.testing.assert_array_equal(Z[1], [0.7, *layer.E[0], *layer.E[3]])


@pytest.mark.parametrize("weight", [None, np.ones(4), np.full(4, 0.25), np.array([1.0, 1.0, 1.0, 1.0, 0.0])])
def test_few_rows_make_short_vectors(weight):
    """s = n / (n + 100) for n rows."""
    layer = Embedding(0, [3, 3])
    layer.E, layer.s = np.empty((6, EMBEDDING_SIZE)), np.empty(6)
    codes = CODES if weight is None else np.resize(CODES, (len(weight), 2))
    layer.place(codes, weight)
    n = np.array([2, 2, 0, 1, 1, 2])
    np.testing.assert_allclose(layer.s, n / (n + 100))


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("learned_scale", [False, True])
@pytest.mark.parametrize(
    ("bins", "few"), [(None, None), ([2, 0, 0, 0], None), (None, [3]), ([2, 0, 0, 0], [3])]
)
def test_the_gradient_of_the_embedding(members, learned_scale, bins, few):
    """As the difference quotients of half the sum of squares, beside all other input layers."""
    architecture = Architecture(
        4, [5], 3, "tanh", members=members, learned_scale=learned_scale, bins=bins, one_hot=few,
        embedded=[4, 6] if few else [3, 4, 6],
    )  # fmt: skip
    network = architecture.build().allocate(np.float64)
    rng = np.random.default_rng(1)
    network.statistics[:] = rng.standard_normal(network.statistics.size)
    network.initialize(rng)
    X = np.hstack([rng.standard_normal((20, 1)), *(rng.integers(0, size, (20, 1)) for size in (3, 4, 6))])

    def loss(theta):
        network.theta[:] = theta
        return np.square(network.forward(X)).sum() / 2

    def gradient(theta):
        network.theta[:] = theta
        network.backward(network.forward(X).copy())
        return network.grad.copy()

    theta = network.theta.copy()
    assert check_grad(loss, gradient, theta) < 1e-5 * np.linalg.norm(gradient(theta))


def test_each_row_of_the_first_weights_belongs_to_an_input():
    architecture = Architecture(5, [4], 2, "relu", bins=[2, 1, 0, 0, 0], one_hot=[3, 2], embedded=[7])
    expected = [0, 0, 0, 1, 1, 2, 2, 2, 3, 3, *[4] * EMBEDDING_SIZE]
    assert architecture.sources().tolist() == expected
    assert architecture.build().dense()[0].fan_in == len(expected)


@pytest.mark.parametrize("seed", range(20))
def test_a_column_of_one_code_is_constant_whatever_the_weights(seed):
    """The sum of its weights is that of all rows, but for rounding: its share must be 1."""
    rng = np.random.default_rng(seed)
    codes = np.column_stack([np.zeros(200, int), rng.integers(0, 2, 200)])
    layer = one_hot((1, 2))
    layer.place(codes, rng.random(200), scale=True)
    assert layer.high[0] == 0
    assert np.isfinite([layer.low, layer.high]).all()
