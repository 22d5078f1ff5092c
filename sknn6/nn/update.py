"""One update of the weights with their gradient."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from sknn6.nn.annotations import Array
from sknn6.nn.network import Network
from sknn6.nn.optimizers import BLOCK, Optimizer

__all__ = ["FLUSH_EVERY", "Update"]

# Subnormal numbers, with which processors are slow, are set to 0 once in this number of updates: often enough
# that they slow down few steps, and seldom enough that the search for them takes almost no time.
FLUSH_EVERY = 100


class Update:
    """One update of the weights: clip the gradient, decay the weights, make a step, update the average.

    Parameters
    ----------
    network : Network
    optimizer : Optimizer
    clip_norm : float or None
        A gradient with a larger Euclidean norm is scaled down to this norm, separately for each member.
    weight_decay : float or ndarray of shape (members,)
        Decoupled weight decay: the decaying parameters are first multiplied by 1 - rate weight_decay [1]_. An
        array has one number for each member.
    ema_decay : float
        After t updates, the average of the weights becomes d average + (1 - d) weights, where
        d = min(ema_decay, (1 + t) / (10 + t)), so that it soon forgets the initial weights. 0 means no
        average.
    lead : ndarray or None
        Weights minus average at the end of the training before, whose model has only the average. It is added
        to `theta`, so that the training goes on where it stopped. None means 0.

    Attributes
    ----------
    average : ndarray or None
        The average of the weights.
    lead : ndarray or None
        Weights minus average when `averaged` was last entered.

    References
    ----------
    .. [1] Loshchilov & Hutter (2019), Decoupled Weight Decay Regularization, arXiv:1711.05101.
    """

    average: Array | None  # as theta
    lead: Array | None  # as theta

    def __init__(
        self,
        network: Network,
        optimizer: Optimizer,
        *,
        clip_norm: float | None = None,
        weight_decay: float | Array = 0.0,
        ema_decay: float = 0.0,
        lead: Array | None = None,
    ) -> None:
        self.network, self.optimizer = network, optimizer
        self.clip_norm, self.weight_decay, self.ema_decay = clip_norm, weight_decay, ema_decay
        self.average, self.lead = None, lead
        if ema_decay:
            self.average = network.theta.copy()
            if lead is not None:
                network.theta += lead

    def __call__(self, rate: float, l2: float = 0.0) -> float:
        """Make an update at a learning rate; return the penalty, l2 / 2 times the sum of the squared weights.

        The gradient of the penalty is added to ``network.grad`` here.
        """
        network, penalty = self.network, 0.0
        theta, grad = network.theta, network.grad
        weight_decay = self.weight_decay
        if self.clip_norm is not None or isinstance(weight_decay, np.ndarray):
            penalty, l2 = network.penalise(l2), 0.0
        if self.clip_norm is not None:
            network.clip_gradients(float(self.clip_norm))
        if isinstance(weight_decay, np.ndarray):
            network.shrink(1 - rate * weight_decay)
            weight_decay = 0.0
        squares = self.optimizer.step(theta, grad, rate, l2, weight_decay, network.n_decayed)
        if self.average is not None:
            t = self.optimizer.t
            share = 1 - min(float(self.ema_decay), (1 + t) / (10 + t))
            self.average += share * (theta - self.average)
        if self.optimizer.t % FLUSH_EVERY == 0:
            self.flush()
        return penalty + 0.5 * l2 * squares / network.members

    def flush(self) -> None:
        """Replace subnormal numbers by 0, and weights so small that products with them would be subnormal.

        Processors are many times slower with subnormal numbers. They arise in units that are never active:
        the penalty shrinks the weights, and the momentum decays because there is no gradient. Neither reaches
        0 by itself, because 0.9 times the smallest subnormal number is rounded to that number.
        """
        numbers = np.finfo(self.network.theta.dtype)
        averages = [] if self.average is None else [self.average]
        for vector in (self.network.theta, *averages):
            flush(vector, numbers.tiny / numbers.eps)
        for vector in self.optimizer.state.values():
            flush(vector, numbers.tiny)

    def isfinite(self) -> bool:
        """Return whether the optimizer's state is finite; an infinite one may stop weights from moving."""
        return all(np.isfinite(vector).all() for vector in self.optimizer.state.values())

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Return a context in which the network has the averaged weights, if there is an average."""
        if self.average is None:
            yield
            return
        theta = self.network.theta.copy()
        self.lead = theta - self.average
        self.network.theta[:] = self.average
        try:
            yield
        finally:
            self.network.theta[:] = theta


def flush(vector: Array, smallest: float) -> None:
    """Replace numbers of smaller absolute value by 0, in pieces, so that little memory is needed."""
    for start in range(0, vector.size, BLOCK):
        piece = vector[start : start + BLOCK]
        piece[np.abs(piece) < smallest] = 0
