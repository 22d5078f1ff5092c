"""Training: mini-batches, the epoch loop as a generator of records, and L-BFGS."""

import math
from contextlib import contextmanager
from itertools import islice, pairwise
from time import perf_counter

import numpy as np
from scipy import optimize
from scipy.linalg import get_blas_funcs

__all__ = ["Batches", "Update", "minimize", "train"]

# Numbers of X up to which all of it is scaled and cast at once: 2**19 float32 are 2 MB.
AT_ONCE = 2**19

# Numbers that are worked on together, of a vector or of X, where they are a part of a large batch or several
# small batches: 2**14 float64 are 128 kB, which stay in the cache from one operation to the next.
PIECE = 2**14

# Updates from one flush of tiny numbers to the next: often enough that few steps are slowed down by them,
# seldom enough that looking for them takes next to no time.
FLUSH_EVERY = 100


class Batches:
    """The mini-batches of a data set; each iteration is one epoch.

    Rows are gathered, scaled and cast a batch at a time, or a few small ones, into the same memory: a large
    X is never copied whole, so it may be memory-mapped. Small data are scaled and cast once. A batch is valid
    until the next one is asked for.

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
    rows : ndarray of int or None
        The rows of X to use; None is all.
    scaling : InputScaling or None
        What is done to the rows of a batch.

    Examples
    --------
    >>> import numpy as np
    >>> from sknn6.nn.training import Batches
    >>> X, y = np.arange(10.0).reshape(5, 2), np.arange(5)
    >>> [batch_y.tolist() for _, batch_y, _ in Batches(X, y, None, 2, X.dtype)]
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, X, y, weight, size, dtype, rng=None, merge_tail=False, rows=None, scaling=None):
        self.X, self.y, self.weight = X, y, weight
        self.dtype, self.rng, self.rows, self.scaling = np.dtype(dtype), rng, rows, scaling
        self.n_samples = X.shape[0] if rows is None else len(rows)
        self._memory = {}
        if isinstance(X, np.ndarray) and self.n_samples * X.shape[1] <= AT_ONCE:
            self._prepare()
        self.starts = list(range(0, self.n_samples, size))
        if merge_tail and len(self.starts) > 1 and self.n_samples - self.starts[-1] < size / 2:
            self.starts.pop()
        self._groups = self._group(size)

    def _prepare(self):
        """Put the rows that are used, scaled and cast, in the place of the data."""
        used = slice(0, self.n_samples) if self.rows is None else self.rows
        self.X, self.y = np.ascontiguousarray(self._gather(used)), self.y[used]
        self.weight = None if self.weight is None else self.weight[used]
        self.rows = self.scaling = None
        self._memory = {}  # what it had may now be X

    def _group(self, size):
        """Give the bounds of the batches, in lists of those whose rows are gathered together."""
        bounds = [*self.starts, self.n_samples]
        dense = isinstance(self.X, np.ndarray)
        per_group = max(1, PIECE // (size * self.X.shape[1])) if dense else 1
        return [bounds[i : i + per_group + 1] for i in range(0, len(self), per_group)]

    def __len__(self):
        return len(self.starts)

    def __iter__(self):
        order = self.rows
        if self.rng is not None:
            order = self.rng.permutation(self.n_samples if order is None else order)
        for bounds in self._groups:
            first, last = bounds[0], bounds[-1]
            rows = slice(first, last) if order is None else order[first:last]
            gathered = self._gather(rows), self.y[rows], None if self.weight is None else self.weight[rows]
            if len(bounds) == 2:
                yield gathered
                continue
            for start, stop in pairwise(bounds):
                batch = slice(start - first, stop - first)
                yield tuple(None if part is None else part[batch] for part in gathered)

    def sample(self, n_rows):
        """Give X and weight of that many rows with any weight, or of all; the same ones at each call."""
        rows = self.rows
        if self.weight is not None:
            rows = np.flatnonzero(self.weight) if rows is None else rows[self.weight[rows] > 0]
        n_all = self.n_samples if rows is None else len(rows)
        drawn = np.random.default_rng(0).choice(n_all, min(n_rows, n_all), replace=False)
        rows = np.sort(drawn if rows is None else rows[drawn])
        return self._gather(rows), None if self.weight is None else self.weight[rows]

    def _gather(self, rows):
        """Give rows of X as the first layer takes them."""
        if not isinstance(self.X, np.ndarray) or (isinstance(rows, slice) and self.scaling is None):
            X = self.X[rows]
            return X.astype(self.dtype, copy=False) if self.scaling is None else self.scaling(X, self.dtype)
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(len(self.X)))
        gathered = self._buffer(len(rows), self.dtype)
        if self.scaling is None and self.X.dtype == self.dtype:
            return self._take(rows, gathered)
        step = max(1, PIECE // self.X.shape[1])
        for start in range(0, len(rows), step):
            piece = gathered[start : start + step]
            taken = self._take(rows[start : start + step], self._buffer(len(piece), self.X.dtype, "piece"))
            piece[...] = taken if self.scaling is None else self.scaling(taken, self.dtype)
        return gathered

    def _take(self, rows, out):
        """Copy rows of X to `out`."""
        if self.X.flags.c_contiguous:
            # mode="clip" writes straight to `out`; the default would go by way of another copy.
            return np.take(self.X, rows, axis=0, out=out, mode="clip")
        out[...] = self.X[rows]  # np.take would first copy all of X to make it contiguous
        return out

    def _buffer(self, n_rows, dtype, name="batch"):
        """Give memory for so many rows, the same at each call as far as it is large enough."""
        memory = self._memory.get(name)
        if memory is None or len(memory) < n_rows:
            memory = self._memory[name] = np.empty((n_rows, self.X.shape[1]), dtype)
        return memory[:n_rows]


class Update:
    """One update of the weights from their gradient: clip it, decay the weights, step, average.

    Parameters
    ----------
    network : Network
    optimizer : Optimizer
    clip_norm : float or None
        A gradient of a larger Euclidean norm is scaled down to it; with several members, gradients whose
        norms have a larger root mean square.
    weight_decay : float
        The decaying parameters are first multiplied by 1 - rate weight_decay, apart from the gradient [1]_.
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

    def __init__(self, network, optimizer, *, clip_norm=None, weight_decay=0.0, ema_decay=0.0, lead=None):
        self.network, self.optimizer = network, optimizer
        self.clip_norm, self.weight_decay, self.ema_decay = clip_norm, weight_decay, ema_decay
        self.average, self.lead = None, lead
        if ema_decay:
            self.average = network.theta.copy()
            if lead is not None:
                network.theta += lead

    def __call__(self, rate, l2=0.0):
        """Update at a learning rate; with a penalty, l2 / 2 times the sum of the squared weights, give it.

        Its gradient is not part of ``network.grad`` yet.
        """
        network, penalty = self.network, 0.0
        theta, grad = network.theta, network.grad
        if self.clip_norm is not None:
            penalty, l2 = network.penalise(l2), 0.0
            nrm2 = get_blas_funcs("nrm2", (grad,))  # no square of it overflows
            norm = float(nrm2(grad)) / math.sqrt(network.members)
            if norm > self.clip_norm:
                grad *= float(self.clip_norm) / norm
        squares = self.optimizer.step(theta, grad, rate, l2, self.weight_decay, network.n_decayed)
        if self.ema_decay:
            t = self.optimizer.t
            share = 1 - min(float(self.ema_decay), (1 + t) / (10 + t))
            self.average += share * (theta - self.average)
        if self.optimizer.t % FLUSH_EVERY == 0:
            self.flush()
        return penalty + 0.5 * l2 * squares / network.members

    def flush(self):
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

    def isfinite(self):
        """Tell whether the optimizer's state is finite: an infinite one makes steps of 0."""
        return all(np.isfinite(vector).all() for vector in self.optimizer.state.values())

    @contextmanager
    def averaged(self):
        """Give a context in which the network has the averaged weights, where there is an average."""
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


def flush(vector, smallest):
    """Put 0 for numbers of a smaller size, a piece at a time, which needs no memory of the vector's size."""
    for start in range(0, vector.size, PIECE):
        piece = vector[start : start + PIECE]
        piece[np.abs(piece) < smallest] = 0


def train(network, loss, update, batches, *, learning_rate, alpha, epochs, done=0, accumulation=1):
    """Train a network by mini-batches, an epoch each time the generator is advanced.

    Mini-batches whose weights are all zero make no update. The epoch ends early, with a loss that is not
    finite, once the samples of an update have such a loss.

    Parameters
    ----------
    network : Network
    loss : callable
        ``loss(Z, y, weight) -> (loss, dZ)``.
    update : Update
    batches : Batches
    learning_rate : callable
        The rate, given the fraction of the training that is done.
    alpha : float
        L2 penalty: alpha / (2 n) times the sum of the squared weights, n the samples of an update or the sum
        of their weights.
    epochs : int
        How many epochs to plan for, and at most to run.
    done : int
        How many of them have been run already.
    accumulation : int
        Mini-batches to an update.

    Yields
    ------
    dict
        "loss", mean over the epoch's updates by size, penalty included; "learning_rate", the last used;
        "seconds".
    """
    if not done:
        network.calibrate(batches)
    n_updates = -(-len(batches) // accumulation)
    mean_grad = np.zeros_like(network.grad) if accumulation > 1 else None
    for epoch in range(done, epochs):
        started = perf_counter()
        remaining, total = iter(batches), 0.0
        for i in range(epoch * n_updates, (epoch + 1) * n_updates):
            rate = learning_rate(i / (epochs * n_updates))
            micro_batches = islice(remaining, accumulation)
            mean_loss, n_rows, weight = average(network, loss, micro_batches, mean_grad)
            total += mean_loss * n_rows
            if not math.isfinite(total):
                break
            if n_rows:
                total += n_rows * update(rate, alpha / weight)
        yield {
            "loss": total / batches.n_samples,
            "learning_rate": rate,
            "seconds": perf_counter() - started,
        }


def loss_and_gradient(network, loss, batches, alpha, mean_grad=None):
    """Give the penalised mean loss of some batches together and write its gradient to ``network.grad``.

    Parameters
    ----------
    network, loss, alpha
        As in `train`.
    batches, mean_grad
        As in `average`.

    Returns
    -------
    loss : float
    n_rows : int
        Rows of the batches with any weight; if 0, there is no gradient.
    """
    mean_loss, n_rows, weight = average(network, loss, batches, mean_grad)
    return mean_loss + (network.penalise(alpha / weight) if n_rows else 0.0), n_rows


def average(network, loss, batches, mean_grad=None):
    """Give the mean loss of some batches together and write its gradient to ``network.grad``.

    The mean is sum n_k g_k / sum n_k, n_k the samples of a batch or the sum of their weights: the gradient of
    all the samples at once, unless the network has statistics over the batch, which are each batch's own.

    Parameters
    ----------
    network, loss
        As in `train`.
    batches : iterable of (X, y, weight)
    mean_grad : ndarray like ``network.grad``, optional
        Memory for the mean; needed if there is more than one batch.

    Returns
    -------
    loss : float
    n_rows : int
        Rows of the batches with any weight; if 0, there is no gradient.
    weight : float
        The samples, or the sum of their weights.
    """
    mean_loss, n_total, n_rows = 0.0, 0.0, 0
    for X, y, weight in batches:
        n = X.shape[0] if weight is None else float(weight.sum())
        if n == 0:
            continue
        batch_loss, dZ = loss(network.forward(X, weight), y, weight)
        network.backward(dZ)
        n_total, n_rows = n_total + n, n_rows + X.shape[0]
        share = n / n_total
        mean_loss += share * (batch_loss - mean_loss)
        if mean_grad is not None:
            mean_grad *= 1 - share
            mean_grad += share * network.grad
    if mean_grad is not None and n_rows:
        network.grad[:] = mean_grad
    return mean_loss, n_rows, n_total


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
        Called after each iteration with the loss; StopIteration ends the training. The network then has the
        weights of that iteration.

    Returns
    -------
    scipy.optimize.OptimizeResult

    References
    ----------
    .. [1] Liu & Nocedal (1989), On the limited memory BFGS method for large scale optimization,
       Mathematical Programming 45.
    """
    network.calibrate(batches)
    (batch,) = batches
    accepted = optimize.OptimizeResult(
        x=network.theta.copy(), fun=np.inf, nit=0, success=False, message="interrupted by the user"
    )

    def evaluate(theta):
        network.theta[:] = theta
        mean_loss, _ = loss_and_gradient(network, loss, [batch], alpha)
        return network.members * mean_loss, network.grad.copy()  # the gradients are each member's own

    def accept(intermediate_result):
        loss = float(intermediate_result.fun) / network.members
        if np.isfinite(loss):
            accepted.update(x=intermediate_result.x.copy(), fun=intermediate_result.fun, nit=accepted.nit + 1)
            network.theta[:] = accepted.x
        callback(loss)

    try:
        result = optimize.minimize(
            evaluate,
            network.theta.copy(),
            method="L-BFGS-B",
            jac=True,
            callback=accept,
            options={"maxiter": max_iter, "maxfun": max_fun, "gtol": tol},
        )
    except KeyboardInterrupt:
        result = accepted
    network.theta[:] = result.x if np.isfinite(result.fun) else accepted.x
    result.fun /= network.members
    X, _, weight = batch
    network.forward(X, weight)
    return result
