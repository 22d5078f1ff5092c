"""Updates: clipping, decay, averages, and numbers that come to rest."""

import numpy as np
import pytest
from networks import perceptron

from sknn6.nn.optimizers import SGD, Adam
from sknn6.nn.update import Update


def network():
    made = perceptron(4, [5], 3, "tanh").allocate(np.float64)
    made.initialize(np.random.default_rng(2))
    return made


def updated(**params):
    """Return theta before and after one update with a gradient of norm 5, rate 0.1."""
    made = network()
    before = made.theta.copy()
    made.grad[:] = 0
    made.grad[:2] = [3.0, -4.0]
    update = Update(made, SGD(made.theta, momentum=0.0), **params)
    update(0.1)
    return made, before, update


@pytest.mark.parametrize(("clip_norm", "scale"), [(None, 1), (10.0, 1), (5.0, 1), (1.0, 0.2)])
def test_clip_norm_scales_longer_gradients_down(clip_norm, scale):
    made, before, _ = updated(clip_norm=clip_norm)
    np.testing.assert_allclose((before - made.theta)[:2], [0.3 * scale, -0.4 * scale], rtol=1e-12)


def test_clip_norm_refers_to_the_gradient_of_each_member():
    """Of norms 5 and 0.5, clipped to 1; no square of the third's overflows."""
    made = perceptron(4, [5], 3, "tanh", members=3).allocate(np.float64)
    made.initialize(np.random.default_rng(2))
    made.grad[:] = 0
    first, last = made.dense()
    first.dW[0, 0, :2], last.db[1, 0, :2], last.dW[2, 0, :2] = [3.0, -4.0], [0.3, 0.4], [3e200, 4e200]
    made.clip_gradients(1.0)
    np.testing.assert_allclose(first.dW[0, 0, :2], [0.6, -0.8], rtol=1e-12)
    np.testing.assert_allclose(last.db[1, 0, :2], [0.3, 0.4], rtol=1e-12)
    np.testing.assert_allclose(last.dW[2, 0, :2], [0.6, 0.8], rtol=1e-12)


def test_weight_decay_shrinks_weights_before_the_step_and_leaves_biases():
    made, before, _ = updated(weight_decay=0.5)
    step = np.zeros_like(before)
    step[:2] = [0.3, -0.4]
    step[made.n_decayed :] = 0
    expected = before * np.where(np.arange(before.size) < made.n_decayed, 1 - 0.1 * 0.5, 1) - step
    np.testing.assert_allclose(made.theta, expected, rtol=1e-12)


@pytest.mark.parametrize("kind", [SGD, Adam])
def test_each_member_has_a_decay_of_its_own(kind):
    """With gradients of 0 an update multiplies the weights by 1 - rate decay and leaves the biases."""
    made = perceptron(4, [5], 3, "tanh", members=2).allocate(np.float64)
    made.theta[:] = 1.0
    made.grad[:] = 0.0
    Update(made, kind(made.theta), weight_decay=np.array([0.5, 2.0]))(0.1)
    for layer in made.dense():
        np.testing.assert_allclose(layer.W[0], 0.95, rtol=1e-12)
        np.testing.assert_allclose(layer.W[1], 0.8, rtol=1e-12)
        np.testing.assert_array_equal(layer.b, 1.0)


def test_adam_with_decay_against_torch():
    """50 steps of torch 2.13's AdamW(lr=0.1, weight_decay=0.5), no decay on the biases, in float64."""
    made = perceptron(2, [], 1, "relu").allocate(np.float64)
    made.theta[:] = [1.0, -2.0, 3.0]
    update = Update(made, Adam(made.theta), weight_decay=0.5)
    for t in range(1, 51):
        made.grad[:] = np.sin(t * np.array([1.0, 2.0, 3.0])) + 0.5
        update(0.1)
    expected = [-0.9736984880582967, -1.2098967221908992, -0.022809565279633175]
    np.testing.assert_allclose(made.theta, expected, atol=1e-6)


def test_without_ema_decay_there_is_no_average():
    network = perceptron(4, [3], 2, "relu").allocate(np.float64)
    assert Update(network, Adam(network.theta)).average is None


def test_average_of_the_weights():
    """After the first update d = min(ema_decay, 2 / 11)."""
    made, before, update = updated(ema_decay=0.999)
    np.testing.assert_allclose(update.average, 2 / 11 * before + 9 / 11 * made.theta, rtol=1e-12)
    made, before, update = updated(ema_decay=0.1)
    np.testing.assert_allclose(update.average, 0.1 * before + 0.9 * made.theta, rtol=1e-12)


@pytest.mark.parametrize("kind", [SGD, Adam])
def test_what_comes_to_rest_ends_at_zero(kind):
    """Subnormal numbers take many times as long, and 0.9 times the smallest of them is rounded to itself."""
    made = perceptron(2, [], 1, "relu").allocate(np.float32)
    made.theta[:] = [1.0, 1e-40, 1e-33]
    update = Update(made, kind(made.theta), ema_decay=0.9)
    for t in range(3000):
        made.grad[:] = [t == 0, 0.0, 0.0]
        update(0.1)
    for vector in (made.theta, update.average):
        assert vector[0] != 0
        assert not vector[1:].any()
    for vector in update.optimizer.state.values():
        assert not ((vector != 0) & (np.abs(vector) < np.finfo(np.float32).tiny)).any()
