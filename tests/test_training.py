"""An epoch of mini-batches."""

import numpy as np
import pytest
from networks import perceptron

from sknn6.nn.batches import Batches
from sknn6.nn.descent import GradientDescent, loss_and_gradient
from sknn6.nn.losses import softmax_cross_entropy
from sknn6.nn.optimizers import SGD
from sknn6.nn.update import Update

X = np.random.default_rng(0).standard_normal((11, 4))
Y = np.arange(11) % 3


def batches(X=X, size=4, shuffle=True, **params):
    rng = np.random.default_rng(1) if shuffle else None
    return Batches(X, Y, params.pop("weight", None), size, np.float64, rng, **params)


def network():
    made = perceptron(4, [5], 3, "tanh").allocate(np.float64)
    made.initialize(np.random.default_rng(2))
    return made


def run(made, data, epochs=3, rate=lambda fraction: 0.1, alpha=0.5, accumulation=1, **update):
    update = Update(made, SGD(made.theta, momentum=0.0), **update)
    descent = GradientDescent(made, softmax_cross_entropy, update, data, alpha, accumulation)
    return [
        descent.run_epoch(lambda part, epoch=epoch: rate((epoch + part) / epochs)) for epoch in range(epochs)
    ]


def test_an_epoch_is_a_step_a_batch_down_the_penalised_gradient():
    made, by_hand = network(), network()
    (record,) = run(made, batches(shuffle=False), epochs=1)
    losses = []
    for batch in batches(shuffle=False):
        losses.append(loss_and_gradient(by_hand, softmax_cross_entropy, [batch], 0.5)[0])
        by_hand.theta -= 0.1 * by_hand.grad
    np.testing.assert_allclose(made.theta, by_hand.theta, rtol=1e-12)
    assert record["loss"] == pytest.approx(np.average(losses, weights=[4, 4, 3]))


def test_the_rate_follows_the_fraction_of_all_steps():
    asked = []
    run(network(), batches(), epochs=2, rate=lambda fraction: asked.append(fraction) or 0.1)
    np.testing.assert_allclose(asked, np.arange(6) / 6)


def test_a_batch_without_weight_makes_no_step():
    """Three batches, the second of weight 0: as if the data were the first and third."""
    weight = np.array([1.0] * 4 + [0.0] * 4 + [1.0] * 3)
    made, other = network(), network()
    run(made, batches(shuffle=False, weight=weight), epochs=1)
    rows = np.r_[0:4, 8:11]
    run(other, Batches(X[rows], Y[rows], None, 4, np.float64), epochs=1)
    np.testing.assert_allclose(made.theta, other.theta, rtol=1e-12)


def test_batches_without_weight_do_not_count_in_the_loss_of_an_epoch():
    weight = np.array([1.0] * 4 + [0.0] * 7)
    (record,) = run(network(), batches(shuffle=False, weight=weight), epochs=1)
    (alone,) = run(network(), Batches(X[:4], Y[:4], None, 4, np.float64), epochs=1)
    assert record["loss"] == pytest.approx(alone["loss"], rel=1e-12)


def test_batches_without_weight_have_no_loss():
    data = batches(weight=np.zeros(11))
    assert loss_and_gradient(network(), softmax_cross_entropy, data, 0.5) == (0.0, 0)


@pytest.mark.parametrize("weight", [None, np.linspace(0, 2, 11)])
@pytest.mark.parametrize("size", [3, 4, 5])
def test_accumulated_gradients_are_those_of_one_big_batch(size, weight):
    """Batches of 4, 4 and 3 in one update are a batch of 11, which the plain mean of the three is not."""
    made, other = network(), network()
    (record,) = run(made, batches(size=size, shuffle=False, weight=weight), epochs=1, accumulation=4)
    (expected,) = run(other, batches(size=11, shuffle=False, weight=weight), epochs=1)
    np.testing.assert_allclose(made.theta, other.theta, rtol=1e-12)
    assert record["loss"] == pytest.approx(expected["loss"], rel=1e-12)


def test_the_last_update_of_an_epoch_takes_what_is_left():
    """Four batches, three to an update: updates of 9 and 2 rows, and so do the rates."""
    made, other, asked = network(), network(), []
    run(made, batches(size=3, shuffle=False), 1, lambda f: asked.append(f) or 0.1, accumulation=3)
    run(other, batches(size=9, shuffle=False), 1)
    np.testing.assert_allclose(made.theta, other.theta, rtol=1e-12)
    assert asked == [0, 0.5]


def test_an_epoch_ends_at_the_first_loss_that_is_not_finite():
    made = network()
    with np.errstate(all="ignore"):
        records = run(made, batches(X * 1e200), epochs=2, rate=lambda fraction: 1e200)
    assert not np.isfinite(records[0]["loss"])
