"""L-BFGS."""

import numpy as np
from networks import perceptron

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
