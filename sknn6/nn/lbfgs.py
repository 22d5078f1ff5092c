"""Training on the whole data at once, with L-BFGS."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from scipy import optimize

from sknn6.nn.annotations import Array, LossFunction
from sknn6.nn.batches import Batch, Batches
from sknn6.nn.network import Network
from sknn6.nn.training import loss_and_gradient

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

    Statistics over the batch are statistics over the data here, and the last pass, with the solution, is the
    one that running averages see last: with a momentum of 1 they are those statistics. Where the loss ends
    as something that is not a finite number, the network keeps the last iterate with a finite one.

    Parameters
    ----------
    network : Network
        Allocated in float64.
    loss, alpha
        As in `run_epoch`.
    batches : Batches
        One batch of all rows.
    max_iter, max_fun : int
        At most so many iterations, and evaluations of the loss.
    tol : float
        Stop when no component of the projected gradient is larger.
    callback : callable
        Called after each iteration with the loss; StopIteration ends the training. The network then has the
        weights of that iteration.
    interruptible : context manager, optional
        Within which KeyboardInterrupt ends the training likewise, from the first iteration on.

    Returns
    -------
    scipy.optimize.OptimizeResult
        With "interrupted" if it was.

    References
    ----------
    .. [1] Liu & Nocedal (1989), On the limited memory BFGS method for large scale optimization,
       Mathematical Programming 45.
    """
    network.calibrate(batches)
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
    """The loss of one batch as a function of theta; the gradient of each member is that of its own loss.

    Parameters
    ----------
    network, loss, alpha, callback
        As of `minimize`.
    batch : tuple
        Of all rows.

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
        """Return the sum of the losses of the members, and its gradient."""
        self.network.theta[:] = theta
        mean_loss, _ = loss_and_gradient(self.network, self.loss, [self.batch], self.alpha)
        return self.network.members * mean_loss, self.network.grad.copy()

    def accept(self, intermediate_result: optimize.OptimizeResult) -> None:
        """Keep the iterate if its loss is finite, and tell the callback its loss."""
        theta, total = intermediate_result.x, float(intermediate_result.fun)
        if np.isfinite(total):
            self.accepted.update(x=theta.copy(), fun=total, nit=self.accepted.nit + 1)
            self.network.theta[:] = theta
        self.callback(total / self.network.members)
