"""Optimizers against torch's and scikit-learn's definitions."""

from inspect import Parameter, signature

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier

from sknn6.nn.optimizers import BLOCK, OPTIMIZERS, SGD, Adam

# Three steps from (1, -2) at the rate 0.1 with gradients (0.5, -1) times 1, 2, 3: torch 2.13 in float64,
# torch.optim.SGD(momentum=0.9, nesterov=...).
TORCH_SGD = {True: [0.27205, -0.5441], False: [0.5245, -1.049]}


def three_steps(optimizer, theta):
    for i in (1.0, 2.0, 3.0):
        optimizer.step(theta, i * np.array([0.5, -1.0]), 0.1)
    return theta


@pytest.mark.parametrize("nesterov", [True, False])
def test_sgd(nesterov):
    theta = np.array([1.0, -2.0])
    three_steps(SGD(theta, momentum=0.9, nesterovs_momentum=nesterov), theta)
    np.testing.assert_allclose(theta, TORCH_SGD[nesterov], rtol=1e-12)


def test_adam_against_the_formula():
    """Kingma & Ba, algorithm 1 in the form of their section 2, written out; epsilon is felt."""
    theta, epsilon = np.array([1.0, -2.0]), 0.1
    expected, m, v = theta.copy(), 0.0, 0.0
    for t in (1, 2, 3):
        grad = t * np.array([0.5, -1.0])
        m = 0.9 * m + 0.1 * grad
        v = 0.99 * v + 0.01 * grad**2
        rate = 0.1 * np.sqrt(1 - 0.99**t) / (1 - 0.9**t)
        expected -= rate * m / (np.sqrt(v) + epsilon)
    three_steps(Adam(theta, beta_1=0.9, beta_2=0.99, epsilon=epsilon), theta)
    np.testing.assert_allclose(theta, expected, rtol=1e-12)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_defaults_are_scikit_learns(name):
    theirs = signature(MLPClassifier).parameters
    ours = {
        key: given.default for key, given in signature(OPTIMIZERS[name]).parameters.items() if key in theirs
    }
    assert ours
    assert ours == {key: theirs[key].default for key in ours}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_constants_are_given_by_name(name):
    """As the estimator's settings of the same names are."""
    theta, *constants = signature(OPTIMIZERS[name]).parameters.values()
    assert theta.name == "theta"
    assert {constant.kind for constant in constants} == {Parameter.KEYWORD_ONLY}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_entry_moves_by_its_own_gradient(name):
    """Pieces of a long vector are treated as the whole of a short one."""
    rng = np.random.default_rng(0)
    n = 2 * BLOCK + 17
    long = rng.standard_normal(n).astype(np.float32)
    picked = [0, BLOCK - 1, BLOCK, n - 1]
    short = long[picked]
    of_long, of_short = OPTIMIZERS[name](long), OPTIMIZERS[name](short)
    for _ in range(3):
        grad = rng.standard_normal(n).astype(np.float32)
        of_short.step(short, grad[picked], 0.01)
        of_long.step(long, grad, 0.01)
    np.testing.assert_array_equal(long[picked], short)
    assert long.dtype == np.float32


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_state_is_all_that_a_later_step_needs(name):
    theta = np.array([1.0, -2.0])
    optimizer = OPTIMIZERS[name](theta)
    optimizer.step(theta, np.array([0.5, -1.0]), 0.1)
    again, other = theta.copy(), OPTIMIZERS[name](theta)
    other.t = optimizer.t
    for key, vector in optimizer.state.items():
        other.state[key][:] = vector
    optimizer.step(theta, np.array([2.0, 3.0]), 0.1)
    other.step(again, np.array([2.0, 3.0]), 0.1)
    np.testing.assert_array_equal(theta, again)


@pytest.mark.parametrize("n_decayed", [0, 3, BLOCK + 5, 2 * BLOCK + 17])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_penalty_and_decay_are_those_of_the_definitions(name, n_decayed):
    """The gradient of l2 / 2 |W|^2 is l2 W; W is first multiplied by 1 - rate decay, as in AdamW."""
    rng = np.random.default_rng(0)
    n = 2 * BLOCK + 17
    theta = rng.standard_normal(n)
    expected, by_hand = theta.copy(), OPTIMIZERS[name](theta)
    made, l2, rate, weight_decay = OPTIMIZERS[name](theta), 0.3, 0.1, 0.5
    for _ in range(2):
        grad = rng.standard_normal(n)
        penalised = grad.copy()
        penalised[:n_decayed] += l2 * expected[:n_decayed]
        squares = (expected[:n_decayed] ** 2).sum()
        expected[:n_decayed] *= 1 - rate * weight_decay
        by_hand.step(expected, penalised, rate)
        found = made.step(theta, grad, rate, l2, weight_decay, n_decayed)
        np.testing.assert_allclose(found, squares, rtol=1e-12)
        np.testing.assert_allclose(theta, expected, rtol=1e-12, atol=1e-14)  # theta is of the order of 1
