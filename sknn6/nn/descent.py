"""Mini-batch gradient descent: one epoch, and the mean gradient of several batches."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from time import perf_counter
from typing import Any

import numpy as np

from sknn6.nn.annotations import Array, LossFunction
from sknn6.nn.batches import Batch, Batches
from sknn6.nn.network import Network
from sknn6.nn.sample_weights import per_sample
from sknn6.nn.update import Update

__all__ = ["GradientDescent", "loss_and_gradient", "mean_loss_and_gradient", "record_of"]


@dataclass(frozen=True, eq=False)
class GradientDescent:
    """Mini-batch gradient descent of a network's penalised loss, layer by layer.

    Parameters
    ----------
    network : Network
    loss : callable
        ``loss(Z, y, weight) -> (loss, dZ)``.
    update : Update
    batches : Batches
    alpha : float
        Strength of the L2 penalty, which is alpha / (2 n) times the sum of the squared weights, where n is
        the number of samples of an update, or the sum of their weights.
    accumulation : int
        Number of mini-batches per update.

    See Also
    --------
    sknn6.nn.program.Program : Its compiled form.

    Examples
    --------
    >>> import numpy as np
    >>> from sknn6.nn.architecture import Architecture
    >>> from sknn6.nn.batches import Batches
    >>> from sknn6.nn.descent import GradientDescent
    >>> from sknn6.nn.losses import squared_error
    >>> from sknn6.nn.optimizers import Adam
    >>> from sknn6.nn.update import Update
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((200, 2))
    >>> y = X[:, :1] * X[:, 1:]
    >>> network = Architecture(2, [16], 1, "relu").build().allocate(np.float64)
    >>> network.initialize(rng)
    >>> batches = Batches(X, y, None, 20, np.float64, rng)
    >>> update = Update(network, Adam(network.theta))
    >>> descent = GradientDescent(network, squared_error, update, batches, alpha=0.0)
    >>> losses = [descent.run_epoch(lambda done: 0.01)["loss"] for _ in range(30)]
    >>> losses[-1] < losses[0] / 4
    True
    """

    network: Network
    loss: LossFunction
    update: Update
    batches: Batches
    alpha: float
    accumulation: int = 1

    def run_epoch(
        self, learning_rate: Callable[[float], float], check: Callable[[], object] | None = None
    ) -> dict[str, Any]:
        """Train the network on all mini-batches once, and return the record of the epoch.

        Mini-batches whose weights are all zero make no update. If the loss of an update is not finite, the
        epoch ends there, and its loss is not finite.

        Parameters
        ----------
        learning_rate : callable
            Returns the rate of an update, given the fraction of the epoch's updates that come before it.
        check : callable, optional
            Called before each update. An exception that it raises ends the epoch between two updates.

        Returns
        -------
        dict
            "loss", the mean over the updates weighted by their size, including the penalty; "learning_rate",
            that of the last update; "seconds".
        """
        started, total, n_done = perf_counter(), 0.0, 0
        n_updates = -(-len(self.batches) // self.accumulation)
        mean_grad = np.zeros_like(self.network.grad) if self.accumulation > 1 else None
        remaining = iter(self.batches)
        for i in range(n_updates):
            if check is not None:
                check()
            rate = learning_rate(i / n_updates)
            of_update = islice(remaining, self.accumulation)
            mean_loss, n_rows, weight = mean_loss_and_gradient(self.network, self.loss, of_update, mean_grad)
            n_done += n_rows
            total += mean_loss * n_rows
            if not math.isfinite(total):
                break
            if n_rows:
                total += n_rows * self.update(rate, self.alpha / weight)
        return record_of(total, n_done, rate, started)


def record_of(total: float, n_rows: int, rate: float, started: float) -> dict[str, Any]:
    """Return the record of an epoch that began at the time `started`.

    `total` is the sum over the updates of number of rows times loss, `n_rows` the sum of these numbers, and
    `rate` that of the last update.
    """
    return {"loss": total / max(n_rows, 1), "learning_rate": rate, "seconds": perf_counter() - started}


def loss_and_gradient(
    network: Network,
    loss: LossFunction,
    batches: Iterable[Batch],
    alpha: float,
    mean_grad: Array | None = None,
) -> tuple[float, int]:
    """Return the penalised mean loss of several batches and write its gradient to ``network.grad``.

    Parameters
    ----------
    network, loss, alpha
        As in `GradientDescent`.
    batches, mean_grad
        As in `mean_loss_and_gradient`.

    Returns
    -------
    loss : float
    n_rows : int
        Number of rows of the batches that have any weight; if 0, there is no gradient.
    """
    mean_loss, n_rows, weight = mean_loss_and_gradient(network, loss, batches, mean_grad)
    return mean_loss + (network.penalise(alpha / weight) if n_rows else 0.0), n_rows


def mean_loss_and_gradient(
    network: Network, loss: LossFunction, batches: Iterable[Batch], mean_grad: Array | None = None
) -> tuple[float, int, float]:
    """Return the mean loss of several batches and write its gradient to ``network.grad``.

    The gradient is sum n_k g_k / sum n_k, where n_k is the number of samples of a batch, or the sum of their
    weights. It equals the gradient of all the samples as one batch, unless layers have statistics over the
    batch, which are those of each single batch. If each member has weights of its own, n_k is the sum of each
    sample's largest weight, so that the two are only nearly equal.

    Parameters
    ----------
    network, loss
        As in `GradientDescent`.
    batches : iterable of (X, y, weight)
    mean_grad : ndarray like ``network.grad``, optional
        Memory for the mean; needed if there is more than one batch.

    Returns
    -------
    loss : float
    n_rows : int
        Number of rows of the batches that have any weight; if 0, there is no gradient.
    weight : float
        The number of samples, or the sum of their weights.
    """
    mean_loss, total_weight, n_rows = 0.0, 0.0, 0
    for X, y, weight in batches:
        shared = per_sample(weight)
        n = X.shape[0] if shared is None else float(shared.sum())
        if n == 0:
            continue
        batch_loss, dZ = loss(network.forward(X, shared), y, weight)
        network.backward(dZ)
        total_weight, n_rows = total_weight + n, n_rows + X.shape[0]
        share = n / total_weight
        mean_loss += share * (batch_loss - mean_loss)
        if mean_grad is not None:
            mean_grad *= 1 - share
            mean_grad += share * network.grad
    if mean_grad is not None and n_rows:
        network.grad[:] = mean_grad
    return mean_loss, n_rows, total_weight
