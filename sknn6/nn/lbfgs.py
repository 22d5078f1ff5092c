"""Training on the whole data at once, with L-BFGS."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from scipy import optimize

from sknn6.nn.annotations import Array, LossFunction
from sknn6.nn.batches import Batches
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
    accepted = optimize.OptimizeResult(
        x=network.theta.copy(), fun=np.inf, nit=0, success=False, interrupted=True
    )

    def evaluate(theta: Array) -> tuple[float, Array]:
        network.theta[:] = theta
        mean_loss, _ = loss_and_gradient(network, loss, [batch], alpha)
        return network.members * mean_loss, network.grad.copy()  # the gradients are each member's own

    def accept(intermediate_result: optimize.OptimizeResult) -> None:
        loss = float(intermediate_result.fun) / network.members
        if np.isfinite(loss):
            accepted.update(x=intermediate_result.x.copy(), fun=intermediate_result.fun, nit=accepted.nit + 1)
            network.theta[:] = accepted.x
        callback(loss)

    try:
        with interruptible or nullcontext():
            result = optimize.minimize(
                evaluate,
                network.theta.copy(),
                method="L-BFGS-B",
                jac=True,
                callback=accept,
                options={"maxiter": max_iter, "maxfun": max_fun, "gtol": tol},
            )
    except KeyboardInterrupt:
        if accepted.nit == 0:
            raise
        result = accepted
    network.theta[:] = result.x if np.isfinite(result.fun) else accepted.x
    result.fun /= network.members
    X, _, weight = batch
    network.forward(X, weight)
    return result
