"""Optimizers: state vectors, and one step on the flat theta given the flat grad.

To add one, subclass `Optimizer` and give it a row in `OPTIMIZERS`. The keyword arguments of its `__init__`
are filled from the estimator's parameters of the same name.
"""

import math
from abc import ABC, abstractmethod

import numpy as np

from sknn6.nn.blas import AXPY
from sknn6.nn.kernels import kernel

__all__ = ["OPTIMIZERS", "SGD", "Adam", "Optimizer"]

# A step works through theta in pieces, so that the vectors of one piece stay in the cache from one operation
# to the next: 32768 float32 numbers of five vectors are 640 kB. Smaller pieces cost more in calls.
BLOCK = 32768


class Optimizer(ABC):
    """Base of all optimizers.

    Parameters
    ----------
    theta : ndarray of shape (n_parameters,)
        The vector to be optimised; state has its size and dtype.

    Attributes
    ----------
    t : int
        Steps taken.
    state : dict of str to ndarray
        What a later step needs of the earlier ones, besides `t`; zeros at first.
    """

    state_names = ()

    def __init__(self, theta):
        self.t = 0
        self.state = {name: np.zeros_like(theta) for name in self.state_names}
        self._work = np.empty_like(theta[:BLOCK])

    def step(self, theta, grad, rate):
        """Move theta, in place, by one step at the given learning rate; grad may be overwritten."""
        self.t += 1
        vectors = (theta, grad, *self.state.values())
        scalars = self.scalars(rate)
        if theta.size <= BLOCK:
            self.update(*vectors, self._work, *scalars)
            return
        for start in range(0, theta.size, BLOCK):
            piece = [vector[start : start + BLOCK] for vector in vectors]
            self.update(*piece, self._work[: piece[0].size], *scalars)

    @abstractmethod
    def scalars(self, rate):
        """Give the numbers that `update` needs in this step."""

    @abstractmethod
    def update(self, theta, grad, *state_work_scalars):
        """Move one piece of theta: arguments are theta, grad, the state, scratch space, the scalars."""


class SGD(Optimizer):
    """Stochastic gradient descent with momentum.

    v = momentum v - rate grad; theta += v, or, Nesterov's way, theta += momentum v - rate grad.

    Parameters
    ----------
    theta : ndarray of shape (n_parameters,)
    momentum : float
    nesterovs_momentum : bool
    """

    state_names = ("velocity",)

    def __init__(self, theta, *, momentum=0.9, nesterovs_momentum=True):
        super().__init__(theta)
        self.momentum, self.nesterovs_momentum = float(momentum), nesterovs_momentum

    def scalars(self, rate):
        return (rate,)

    def update(self, theta, grad, velocity, work, rate):
        np.multiply(grad, rate, out=grad)
        velocity *= self.momentum
        velocity -= grad
        if self.nesterovs_momentum:
            theta -= grad
            theta += np.multiply(velocity, self.momentum, out=work)
        else:
            theta += velocity


class Adam(Optimizer):
    """Adam [1]_, in the form of its section 2 that folds the bias corrections into the rate.

    m = beta_1 m + (1 - beta_1) grad; v = beta_2 v + (1 - beta_2) grad^2;
    theta -= rate sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon).

    Held are m / (1 - beta_1) and v / (1 - beta_2), which takes two operations less a step; the factors are
    made good in the scalars.

    Parameters
    ----------
    theta : ndarray of shape (n_parameters,)
    beta_1, beta_2 : float
        Decay rates of m and v, 0 to < 1.
    epsilon : float
        Added to the root of v.

    References
    ----------
    .. [1] Kingma & Ba (2015), Adam: A Method for Stochastic Optimization, arXiv:1412.6980.
    """

    state_names = ("m", "v")

    def __init__(self, theta, *, beta_1=0.9, beta_2=0.999, epsilon=1e-8):
        super().__init__(theta)
        self.beta_1, self.beta_2, self.epsilon = float(beta_1), float(beta_2), float(epsilon)

    def scalars(self, rate):
        corrected = rate * math.sqrt(1 - self.beta_2**self.t) / (1 - self.beta_1**self.t)
        root = math.sqrt(1 - self.beta_2)
        return corrected * (1 - self.beta_1) / root, self.epsilon / root

    def update(self, theta, grad, m, v, work, rate, epsilon):
        adam(theta, grad, m, v, work, self.beta_1, self.beta_2, rate, epsilon)


@kernel
def adam(theta, grad, m, v, work, beta_1, beta_2, rate, epsilon):
    """m = beta_1 m + grad; v = beta_2 v + grad^2; theta -= rate m / (sqrt(v) + epsilon)."""
    m *= beta_1
    m += grad
    v *= beta_2
    v += np.multiply(grad, grad, out=work)
    np.sqrt(v, out=work)
    work += epsilon
    np.divide(m, work, out=work)
    AXPY[theta.dtype](work, theta, a=-rate)  # theta -= rate work, in one pass


OPTIMIZERS = {"sgd": SGD, "adam": Adam}
