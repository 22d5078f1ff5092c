"""Training on the whole data at once, with L-BFGS."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from scipy import optimize

from sknn6.nn.annotations import Array, LossFunction
from sknn6.nn.batches import Batch, Batches
from sknn6.nn.descent import loss_and_gradient
from sknn6.nn.network import Network

__all__ = ["minimize"]


def minimize(
    network: Network,
    loss: LossFunction,
    batches: Batches,
    *,
    alpha: float,
    max_iter: int,
    max_fun: int,
    tol: float,
    callback: Callable[[float], None],
    interruptible: AbstractContextManager[Any] | None = None,
) -> optimize.OptimizeResult:
    """Train a network on the whole data at once with L-BFGS [1]_.

    All rows are one batch, so normalisation over the batch uses statistics of all data. After the last
    iteration there is one more forward pass, with the solution; with a momentum of 1, the statistics of this
    pass become the running averages. If the final loss is not finite, the network gets the last iterate with
    a finite loss.

    Parameters
    ----------
    network : Network
        Allocated in float64.
    loss, alpha
        As in `GradientDescent`.
    batches : Batches
        One batch of all rows.
    max_iter, max_fun : int
        Largest numbers of iterations and of evaluations of the loss.
    tol : float
        The training stops when no component of the projected gradient is larger than this.
    callback : callable
        Called with the loss after each iteration, when the network has the weights of that iteration. If it
        raises StopIteration, the training ends.
    interruptible : context manager, optional
        Context of the training, in which KeyboardInterrupt may be raised. After the first iteration it ends
        the training with the last iterate; before that it is passed on.

    Returns
    -------
    scipy.optimize.OptimizeResult
        With the entry "interrupted" if KeyboardInterrupt ended the training.

    References
    ----------
    .. [1] Liu & Nocedal (1989), On the limited memory BFGS method for large scale optimization,
       Mathematical Programming 45.
    """
    (batch,) = batches
    objective = Objective(network, loss, batch, alpha, callback)
    options = {"maxiter": max_iter, "maxfun": max_fun, "gtol": tol}
    try:
        with interruptible or nullcontext():
            result = optimize.minimize(
                objective.evaluate,
                network.theta.copy(),
                method="L-BFGS-B",
                jac=True,
                callback=objective.accept,
                options=options,
            )
    except KeyboardInterrupt:
        if objective.accepted.nit == 0:
            raise
        result = objective.accepted
    network.theta[:] = result.x if np.isfinite(result.fun) else objective.accepted.x
    result.fun /= network.members
    X, _, weight = batch
    network.forward(X, weight)
    return result


class Objective:
    """The loss of one batch as a function of theta, summed over the members.

    Parameters
    ----------
    network, loss, alpha, callback
        As in `minimize`.
    batch : tuple
        X, y and weight of all rows.

    Attributes
    ----------
    accepted : scipy.optimize.OptimizeResult
        The last iterate with a finite loss.
    """

    def __init__(
        self,
        network: Network,
        loss: LossFunction,
        batch: Batch,
        alpha: float,
        callback: Callable[[float], None],
    ):
        self.network, self.loss, self.batch, self.alpha = network, loss, batch, alpha
        self.callback = callback
        self.accepted = optimize.OptimizeResult(
            x=network.theta.copy(), fun=np.inf, nit=0, success=False, interrupted=True
        )

    def evaluate(self, theta: Array) -> tuple[float, Array]:
        """Return the sum of the losses of the members, and its gradient with respect to theta."""
        self.network.theta[:] = theta
        mean_loss, _ = loss_and_gradient(self.network, self.loss, [self.batch], self.alpha)
        return self.network.members * mean_loss, self.network.grad.copy()

    def accept(self, intermediate_result: optimize.OptimizeResult) -> None:
        """Call the callback with the loss of the iterate, and keep the iterate if its loss is finite."""
        theta, total = intermediate_result.x, float(intermediate_result.fun)
        finite = np.isfinite(total)
        if finite:
            self.network.theta[:] = theta
        # If the callback is interrupted, `accepted` is still the iterate before this one.
        self.callback(total / self.network.members)
        if finite:
            self.accepted.update(x=theta.copy(), fun=total, nit=self.accepted.nit + 1)
