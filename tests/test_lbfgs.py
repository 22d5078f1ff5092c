"""L-BFGS."""

from time import perf_counter

import numpy as np
import pytest
from networks import perceptron
from plain import MLPClassifier

from sknn6.nn.batches import Batches
from sknn6.nn.lbfgs import minimize
from sknn6.nn.losses import softmax_cross_entropy

X = np.random.default_rng(0).standard_normal((11, 4))
Y = np.arange(11) % 3


def test_lbfgs_reaches_the_minimum_of_a_convex_problem():
    """Logistic regression with a penalty: the gradient vanishes where scikit-learn's solver ends too.

    The solver stops where an iteration gains less than 2.2e-9 of the loss, which is at least |dW|^2 / 2 / 11
    above its minimum, by the penalty of 11 rows: |dW| is up to 2.2e-4.
    """
    from sklearn.linear_model import LogisticRegression

    made = perceptron(4, [], 3, "relu").allocate(np.float64)
    losses = []
    result = minimize(
        made,
        softmax_cross_entropy,
        Batches(X, Y, None, 11, np.float64),
        alpha=1.0,
        max_iter=500,
        max_fun=1000,
        tol=1e-8,
        callback=losses.append,
    )
    expected = LogisticRegression(C=1.0, tol=1e-10, max_iter=1000).fit(X, Y)
    assert result.success
    assert losses == sorted(losses, reverse=True)
    np.testing.assert_allclose(made.layers[0].W.T, expected.coef_, atol=2.2e-4)


def interrupted_after(calls):
    """Return the softmax loss, during whose next call but so many Ctrl-C is pressed."""
    done = []

    def loss(*args):
        if len(done) == calls:
            raise KeyboardInterrupt
        done.append(None)
        return softmax_cross_entropy(*args)

    return loss


@pytest.mark.parametrize("members", [1, 3])
def test_an_interrupt_keeps_the_last_iterate(members):
    """Before the first iterate there is nothing to keep. The losses told are means over the networks."""
    made = perceptron(4, [5], 3, "tanh", members=members).allocate(np.float64)
    batches, losses = Batches(X, Y, None, 11, np.float64), []
    params = {"alpha": 0.0, "max_iter": 500, "max_fun": 1000, "tol": 1e-8, "callback": losses.append}
    made.initialize(np.random.default_rng(0))
    start = made.theta.copy()
    with pytest.raises(KeyboardInterrupt):
        minimize(made, interrupted_after(0), batches, **params)
    np.testing.assert_array_equal(made.theta, start)
    result = minimize(made, interrupted_after(6), batches, **params)
    assert result.interrupted
    assert not result.success
    assert result.nit == len(losses) > 0
    loss = softmax_cross_entropy(made.forward(X), Y, None)[0]
    assert result.fun == pytest.approx(loss)
    assert losses[-1] == pytest.approx(loss)


def test_an_iteration_has_its_own_seconds():
    """Their sum is the time of the training, as with the other solvers."""
    started = perf_counter()
    history = MLPClassifier(16, solver="lbfgs", max_iter=60, random_state=0).fit(X, Y).history_
    assert 0 < sum(record["seconds"] for record in history) < perf_counter() - started
