"""Training: mini-batches, the epoch loop as a generator of records, and L-BFGS."""

import math
from time import perf_counter

import numpy as np
from scipy import optimize

__all__ = ["Batches", "minimize", "train"]


class Batches:
    """The mini-batches of a data set; each iteration is one epoch.

    Rows are gathered, and cast, a batch at a time, into the same memory: X is never copied whole, so it may
    be memory-mapped. A batch is valid until the next one is asked for.

    Parameters
    ----------
    X : ndarray or sparse CSR of shape (n_samples, n_features)
    y : ndarray of shape (n_samples, ...)
    weight : ndarray of shape (n_samples,) or None
    size : int
        Rows of a batch; the last of an epoch may have fewer.
    dtype : dtype
        What X is cast to.
    rng : numpy.random.Generator or None
        Draws a new order for each epoch; None keeps the order of the rows.
    merge_tail : bool
        Whether a last batch of less than half the size is joined with the one before it, for the sake of
        statistics over the batch.

    Examples
    --------
    >>> import numpy as np
    >>> from sknn6.nn.training import Batches
    >>> X, y = np.arange(10.0).reshape(5, 2), np.arange(5)
    >>> [batch_y.tolist() for _, batch_y, _ in Batches(X, y, None, 2, X.dtype)]
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, X, y, weight, size, dtype, rng=None, merge_tail=False):
        self.X, self.y, self.weight = X, y, weight
        self.dtype, self.rng = np.dtype(dtype), rng
        self.n_samples = X.shape[0]
        self.starts = list(range(0, self.n_samples, size))
        if merge_tail and len(self.starts) > 1 and self.n_samples - self.starts[-1] < size / 2:
            self.starts.pop()
        self._gathered = {}

    def __len__(self):
        return len(self.starts)

    def __iter__(self):
        order = None if self.rng is None else self.rng.permutation(self.n_samples)
        for start, stop in zip(self.starts, [*self.starts[1:], self.n_samples], strict=True):
            rows = slice(start, stop) if order is None else order[start:stop]
            weight = None if self.weight is None else self.weight[rows]
            yield self._gather(rows), self.y[rows], weight

    def _gather(self, rows):
        if isinstance(rows, slice) or not isinstance(self.X, np.ndarray):
            return self.X[rows].astype(self.dtype, copy=False)
        gathered = self._buffer(len(rows), self.X.dtype)
        # mode="clip" writes straight to `out`; the default would go by way of another copy.
        np.take(self.X, rows, axis=0, out=gathered, mode="clip")
        if self.X.dtype == self.dtype:
            return gathered
        cast = self._buffer(len(rows), self.dtype)
        cast[...] = gathered
        return cast

    def _buffer(self, n_rows, dtype):
        key = n_rows, dtype
        if key not in self._gathered:
            self._gathered[key] = np.empty((n_rows, self.X.shape[1]), dtype)
        return self._gathered[key]


def train(network, loss, optimizer, batches, *, learning_rate, alpha, epochs):
    """Train a network by mini-batches, an epoch each time the generator is advanced.

    A batch whose weights are all zero is passed over. The epoch ends early, with a loss that is not finite,
    once a batch has such a loss.

    Parameters
    ----------
    network : Network
    loss : callable
        ``loss(Z, y, weight) -> (loss, dZ)``.
    optimizer : Optimizer
    batches : Batches
    learning_rate : callable
        The rate, given the fraction of the training that is done.
    alpha : float
        L2 penalty: alpha / (2 n) times the sum of the squared weights, n the batch's samples or the sum of
        their weights.
    epochs : int
        How many epochs to plan for, and at most to run.

    Yields
    ------
    dict
        "loss", mean over the epoch's batches by size, penalty included; "learning_rate", the last used;
        "seconds".
    """
    n_steps = epochs * len(batches)
    for epoch in range(epochs):
        started = perf_counter()
        total = 0.0
        for i, (X, y, weight) in enumerate(batches, epoch * len(batches)):
            rate = learning_rate(i / n_steps)
            if weight is not None and not weight.any():
                continue
            batch_loss = loss_and_gradient(network, loss, X, y, weight, alpha)
            total += batch_loss * X.shape[0]
            if not math.isfinite(total):
                break
            optimizer.step(network.theta, network.grad, rate)
        yield {
            "loss": total / batches.n_samples,
            "learning_rate": rate,
            "seconds": perf_counter() - started,
        }


def loss_and_gradient(network, loss, X, y, weight, alpha):
    """Give the penalised loss of a batch and write its gradient to ``network.grad``."""
    n = X.shape[0] if weight is None else float(weight.sum())
    batch_loss, dZ = loss(network.forward(X, weight), y, weight)
    network.backward(dZ)
    return batch_loss + network.penalise(alpha / n)


def minimize(network, loss, batches, *, alpha, max_iter, max_fun, tol, callback):
    """Train a network on the whole data at once with L-BFGS [1]_.

    Statistics over the batch are statistics over the data here, and the last pass, with the solution, is the
    one that running averages see last: with a momentum of 1 they are those statistics. Where the loss ends
    as something that is not a finite number, the network keeps the last iterate with a finite one.

    Parameters
    ----------
    network : Network
        Allocated in float64.
    loss, alpha
        As in `train`.
    batches : Batches
        One batch of all rows.
    max_iter, max_fun : int
        At most so many iterations, and evaluations of the loss.
    tol : float
        Stop when no component of the projected gradient is larger.
    callback : callable
        Called after each iteration with the loss.

    Returns
    -------
    scipy.optimize.OptimizeResult

    References
    ----------
    .. [1] Liu & Nocedal (1989), On the limited memory BFGS method for large scale optimization,
       Mathematical Programming 45.
    """
    ((X, y, weight),) = batches
    accepted = network.theta.copy()

    def evaluate(theta):
        network.theta[:] = theta
        return loss_and_gradient(network, loss, X, y, weight, alpha), network.grad.copy()

    def accept(intermediate_result):
        nonlocal accepted
        if np.isfinite(intermediate_result.fun):
            accepted = intermediate_result.x.copy()
        callback(float(intermediate_result.fun))

    result = optimize.minimize(
        evaluate,
        network.theta.copy(),
        method="L-BFGS-B",
        jac=True,
        callback=accept,
        options={"maxiter": max_iter, "maxfun": max_fun, "gtol": tol},
    )
    network.theta[:] = result.x if np.isfinite(result.fun) else accepted
    network.forward(X, weight)
    return result
