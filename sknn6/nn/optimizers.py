"""Optimizers, which move the flat vector theta by steps that depend on the flat vector grad.

To add one, subclass `Optimizer` and give it a row in `OPTIMIZERS`. The keyword arguments of its `__init__`
are the estimator's parameters of the same names.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from sknn6.nn.annotations import Array
from sknn6.nn.blas import AXPY
from sknn6.nn.decay import Decay
from sknn6.nn.kernels import kernel

__all__ = ["BLOCK", "OPTIMIZERS", "SGD", "Adam", "Optimizer"]

# A step goes through theta in pieces of this size, so that all vectors of a piece stay in the cache from one
# operation to the next: 32768 float32 numbers of five vectors are 640 kB. Smaller pieces need too many calls.
BLOCK = 32768


class Optimizer(ABC):
    """Base class of all optimizers.

    Parameters
    ----------
    theta : ndarray of shape (n_parameters,)
        The vector to be optimised; the vectors of the state have its size and dtype.

    Attributes
    ----------
    t : int
        Number of steps taken.
    state : dict of str to ndarray
        The vectors that steps update, such as the momentum; zeros at first.
    """

    state_names: tuple[str, ...] = ()

    def __init__(self, theta: Array) -> None:
        self.t = 0
        self.state = {name: np.zeros_like(theta) for name in self.state_names}
        self._work = np.empty_like(theta[:BLOCK])

    def step(
        self,
        theta: Array,
        grad: Array,
        rate: float,
        l2: float = 0.0,
        weight_decay: float = 0.0,
        n_decayed: int = 0,
    ) -> float:
        """Move theta by one step at the given learning rate, in place; grad may be overwritten.

        Parameters
        ----------
        theta, grad : ndarray of shape (n_parameters,)
        rate : float
        l2 : float
            Strength of the L2 penalty: l2 times each decaying parameter is added to its gradient.
        weight_decay : float
            Decoupled weight decay: each decaying parameter is multiplied by 1 - rate weight_decay [1]_.
        n_decayed : int
            The first n_decayed parameters decay.

        Returns
        -------
        float
            The sum of the squared decaying parameters before the step, or 0 if l2 is 0.

        References
        ----------
        .. [1] Loshchilov & Hutter (2019), Decoupled Weight Decay Regularization, arXiv:1711.05101.
        """
        self.t += 1
        state, scalars, shrink = [*self.state.values()], self.scalars(rate), 1 - rate * weight_decay
        if theta.size <= BLOCK:
            return self.update(theta, grad, state, self._work, scalars, Decay(l2, shrink, n_decayed))
        squares = 0.0
        for start in range(0, theta.size, BLOCK):
            of_theta, of_grad, *of_state = (vector[start : start + BLOCK] for vector in (theta, grad, *state))
            n = max(0, min(of_theta.size, n_decayed - start))
            work = self._work[: of_theta.size]
            squares += self.update(of_theta, of_grad, of_state, work, scalars, Decay(l2, shrink, n))
        return squares

    @abstractmethod
    def scalars(self, rate: float) -> tuple[float, ...]:
        """Return the numbers that `update` needs in this step."""

    @abstractmethod
    def update(
        self,
        theta: Array,
        grad: Array,
        state: Sequence[Array],
        work: Array,
        scalars: tuple[float, ...],
        decay: Decay,
    ) -> float:
        """Apply the decay to one piece of theta, then move its parameters.

        Parameters
        ----------
        theta, grad : ndarray of shape (n,)
            The piece, n at most `BLOCK`; both may be overwritten.
        state : sequence of ndarray of shape (n,)
            The same piece of each state vector.
        work : ndarray of shape (n,)
            Scratch space.
        scalars : tuple of float
            The numbers that `scalars` returned.
        decay : Decay
            The decay of this piece.

        Returns
        -------
        float
            The number that `decay.apply` returned.
        """


class SGD(Optimizer):
    """Stochastic gradient descent with momentum.

    v = momentum v - rate grad; theta += v or, with Nesterov's momentum, theta += momentum v - rate grad.

    Parameters
    ----------
    theta : ndarray of shape (n_parameters,)
    momentum : float
    nesterovs_momentum : bool
    """

    state_names = ("velocity",)

    def __init__(self, theta: Array, *, momentum: float = 0.9, nesterovs_momentum: bool = True) -> None:
        super().__init__(theta)
        self.momentum, self.nesterovs_momentum = float(momentum), nesterovs_momentum

    def scalars(self, rate: float) -> tuple[float, ...]:
        return (rate,)

    def update(
        self,
        theta: Array,
        grad: Array,
        state: Sequence[Array],
        work: Array,
        scalars: tuple[float, ...],
        decay: Decay,
    ) -> float:
        (velocity,), (rate,) = state, scalars
        squares = decay.apply(theta, grad)
        np.multiply(grad, rate, out=grad)
        velocity *= self.momentum
        velocity -= grad
        if self.nesterovs_momentum:
            theta -= grad
            theta += np.multiply(velocity, self.momentum, out=work)
        else:
            theta += velocity
        return squares


class Adam(Optimizer):
    """Adam [1]_, in the form at the end of section 2, in which the rate contains the bias corrections.

    m = beta_1 m + (1 - beta_1) grad; v = beta_2 v + (1 - beta_2) grad^2;
    theta -= rate sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon).

    The state has m / (1 - beta_1) and v / (1 - beta_2), which saves two operations per step; `scalars`
    accounts for these factors.

    Parameters
    ----------
    theta : ndarray of shape (n_parameters,)
    beta_1, beta_2 : float
        Decay rates of m and v, from 0 to below 1.
    epsilon : float
        Added to the square root of v.

    References
    ----------
    .. [1] Kingma & Ba (2015), Adam: A Method for Stochastic Optimization, arXiv:1412.6980.
    """

    state_names = ("m", "v")

    def __init__(
        self, theta: Array, *, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-8
    ) -> None:
        super().__init__(theta)
        self.beta_1, self.beta_2, self.epsilon = float(beta_1), float(beta_2), float(epsilon)

    def scalars(self, rate: float) -> tuple[float, ...]:
        corrected = rate * math.sqrt(1 - self.beta_2**self.t) / (1 - self.beta_1**self.t)
        root = math.sqrt(1 - self.beta_2)
        return corrected * (1 - self.beta_1) / root, self.epsilon / root

    def update(
        self,
        theta: Array,
        grad: Array,
        state: Sequence[Array],
        work: Array,
        scalars: tuple[float, ...],
        decay: Decay,
    ) -> float:
        (m, v), (rate, epsilon) = state, scalars
        return adam(theta, grad, m, v, work, self.beta_1, self.beta_2, rate, epsilon, *decay)


@kernel
def adam(
    theta: Array,
    grad: Array,
    m: Array,
    v: Array,
    work: Array,
    beta_1: float,
    beta_2: float,
    rate: float,
    epsilon: float,
    l2: float,
    shrink: float,
    n: int,
) -> float:
    """Apply a `Decay`; m = beta_1 m + grad; v = beta_2 v + grad^2; theta -= rate m / (sqrt(v) + epsilon)."""
    squares = Decay(l2, shrink, n).apply(theta, grad)
    m *= beta_1
    m += grad
    v *= beta_2
    v += np.multiply(grad, grad, out=work)
    np.sqrt(v, out=work)
    work += epsilon
    np.divide(m, work, out=work)
    AXPY[theta.dtype](work, theta, a=-rate)  # theta -= rate work, in one pass
    return squares


OPTIMIZERS: dict[str, type[Optimizer]] = {"sgd": SGD, "adam": Adam}
