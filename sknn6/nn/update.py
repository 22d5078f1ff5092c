"""One update of the weights from their gradient."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from sknn6.nn.annotations import Array
from sknn6.nn.network import Network
from sknn6.nn.optimizers import BLOCK, Optimizer

__all__ = ["Update"]

# Updates from one flush of tiny numbers to the next: often enough that few steps are slowed down by them,
# seldom enough that looking for them takes next to no time.
FLUSH_EVERY = 100


class Update:
    """One update of the weights from their gradient: clip it, decay the weights, step, average.

    Parameters
    ----------
    network : Network
    optimizer : Optimizer
    clip_norm : float or None
        A gradient of a larger Euclidean norm is scaled down to it; with several members, the gradient of each
        by its own norm.
    weight_decay : float or ndarray of shape (members,)
        The decaying parameters are first multiplied by 1 - rate weight_decay, apart from the gradient [1]_;
        those of each member by its own.
    ema_decay : float
        With t updates done, the average of the weights becomes d average + (1 - d) weights, where
        d = min(ema_decay, (1 + t) / (10 + t)): the average forgets where it started. 0 is no average.
    lead : ndarray or None
        How far the weights are ahead of the average, where a training goes on from its average.

    Attributes
    ----------
    lead : ndarray or None
        The same as it was when the average was last asked for.

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
        """Update at a learning rate; with a penalty, l2 / 2 times the sum of the squared weights, give it.

        Its gradient is not part of ``network.grad`` yet.
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
        """Put 0 for subnormal numbers, and for weights so small that products with them would be subnormal.

        A processor takes many times as long for these. The penalty shrinks the weights of a unit that is
        never active, and without a gradient its momentum dies away; neither would end at 0, for 0.9 times
        the smallest subnormal number is rounded to itself.
        """
        numbers = np.finfo(self.network.theta.dtype)
        averages = [] if self.average is None else [self.average]
        for vector in (self.network.theta, *averages):
            flush(vector, numbers.tiny / numbers.eps)
        for vector in self.optimizer.state.values():
            flush(vector, numbers.tiny)

    def isfinite(self) -> bool:
        """Return whether the optimizer's state is finite: an infinite one makes steps of 0."""
        return all(np.isfinite(vector).all() for vector in self.optimizer.state.values())

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Return a context in which the network has the averaged weights, where there is an average."""
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
    """Put 0 for numbers of a smaller size, a piece at a time, which needs no memory of the vector's size."""
    for start in range(0, vector.size, BLOCK):
        piece = vector[start : start + BLOCK]
        piece[np.abs(piece) < smallest] = 0
