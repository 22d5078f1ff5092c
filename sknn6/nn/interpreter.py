"""The compiled form of an epoch: an interpreter of the operations of one network, by Numba.

`train` makes the updates of a slice of batches, without Python and without its global lock. A table
(`sknn6.nn.operations`) describes the layers of the network, so that the same code serves every network: it is
compiled once for each dtype, without and with the rare parts, and cached on disk. Each member of an ensemble
has its own table; what the members share is only read.

The module is long because it is a table: a branch for each part of a network.
"""

import math
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from sknn6.nn import compiled as kernels
from sknn6.nn.activations import LEAK, SELU_ALPHA, SELU_SCALE
from sknn6.nn.annotations import Array
from sknn6.nn.categories import EMBEDDING_SIZE
from sknn6.nn.dense import SCALE_SPEED
from sknn6.nn.exponentials import exponential, exponential_minus_1, normal_cdf
from sknn6.nn.operations import (
    ABSOLUTE,
    ACTIVATE,
    ADAM,
    ADD,
    BATCH_NORM,
    BRANCH,
    DENSE,
    DROPOUT,
    ELU,
    EMBEDDING,
    GELU,
    HUBER,
    IDENTITY,
    LAYER_NORM,
    LEAKY_RELU,
    LOGISTIC,
    MAXOUT,
    MISH,
    POISSON,
    PRELU,
    RELU,
    SCALED_DENSE,
    SELU,
    SIGMOID,
    SILU,
    SOFTMAX,
    SOFTPLUS,
    SQUARED,
    TANH,
    Operation,
)

__all__ = ["Member", "Rules", "Slice", "State", "Vectors", "train"]

# Only `train` is called from Python. The functions that it calls need no wrappers; they take time to compile.
INNER: dict[str, Any] = {
    "error_model": "numpy",
    "nogil": True,
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}
compiled = njit(**INNER)
# A function with one caller becomes part of it before Numba infers types, which is faster to compile.
inlined = njit(inline="always")
# With "reassoc", sums may be computed in any order, so that they can use vector instructions.
summing = njit(**INNER, fastmath={"reassoc"})

# The kernels of the layers have wrappers, as Python calls them.
adam = summing(kernels.adam.py_func)
drop_of_member = compiled(kernels.drop_of_member.py_func)
normalise = compiled(kernels.normalise.py_func)
subtract_max = compiled(kernels.subtract_max.py_func)


class Vectors(NamedTuple):
    """The vectors that the operations read and write; all but `work` are those of all members."""

    theta: Array
    grad: Array
    statistics: Array
    work: Array  # a member's memory for the inputs and outputs of its operations


class State(NamedTuple):
    """The vectors of all members that only updates read and write."""

    first: Array  # the optimizer's first state vector: m, or the velocity
    second: Array  # its second one: v, or empty
    average: Array  # the average of the weights, or empty
    mean: Array  # the mean gradient of the batches of an update, or empty if that is one batch


class Rules(NamedTuple):
    """The constants of a training; the weight decay is that of the member."""

    loss: int
    loss_parameter: float  # the parameter of the loss: smoothing or delta
    optimizer: int
    alpha: float
    weight_decay: float
    clip_norm: float  # inf is none
    ema_decay: float
    accumulation: int  # batches per update
    beta_1: float = 0.0  # this and the next two are Adam's
    beta_2: float = 0.0
    epsilon: float = 0.0
    momentum: float = 0.0  # this and the next one are those of SGD
    nesterovs_momentum: bool = False


class Member(NamedTuple):
    """One network, and all that its training needs besides the batches."""

    operations: Array  # (operations,), of type `OPERATION`
    parameters: Array  # (arrays, 3): of each array its start in theta, its size, and whether it decays
    rules: Rules
    vectors: Vectors
    state: State


class Slice(NamedTuple):
    """Consecutive batches, with the learning rates and dropout seeds of their updates."""

    X: Array  # (rows, fan_in)
    codes: Array  # (rows, columns with learned vectors), the indices of the rows of E
    classes: Array  # (rows,), the targets of the softmax; empty for other losses
    Y: Array  # (rows, outputs), the targets of other losses; empty for the softmax
    weight: Array  # (rows,), or empty if all weights are 1
    own: Array  # (rows,), this member's normalised weights in the loss; empty if `weight` is for all members
    bounds: Array  # (batches + 1,), the first row of each batch
    rates: Array  # (updates,)
    seeds: Array  # (batches, dropout layers)


class Batch(NamedTuple):
    """What the operations need of a batch."""

    X: Array  # (rows, fan_in)
    codes: Array  # (rows, columns with learned vectors)
    p: Array  # (rows,), the normalised weights; a single number, 1 / rows, if all weights are 1
    weight: float  # the sum of the weights before
    seeds: Array  # (dropout layers,)


def hash_of(folder: Path) -> int:
    """Return a hash of the Python files in a folder and in those below it."""
    return zlib.crc32(b"".join(path.read_bytes() for path in sorted(folder.rglob("*.py"))))


def cached(sources: int) -> Any:
    """Return `train_on`, compiled, with the given hash of the source files of all that it calls.

    Numba compiles anew when this file changes, but not when another module changes whose functions are called
    here, as in an update of the package. So the function refers to `sources`, a hash of all modules of this
    folder: Numba makes the values of such variables part of the key under which it stores the code.
    """

    @njit(cache=True, error_model="numpy", nogil=True)
    def train(member: Member, batches: Slice, t: int, with_rare: int | None) -> float:
        _ = sources
        return train_on(member, batches, t, with_rare)

    return train


@inlined
def train_on(member: Member, batches: Slice, t: int, with_rare: int | None) -> float:
    """Train a network on the batches and return the sum over the updates of number of rows times loss.

    Parameters
    ----------
    member : Member
    batches : Slice
    t : int
        Number of updates so far.
    with_rare : int or None
        Whether the rare parts are compiled, see `sknn6.nn.program.version_for`.
    """
    accumulation, total = member.rules.accumulation, 0.0
    for u in range(len(batches.rates)):
        mean_loss, n_rows, update_weight = 0.0, 0, 0.0
        first = u * accumulation
        for i in range(first, min(first + accumulation, len(batches.bounds) - 1)):
            loss, weight = loss_and_gradient(member, batches, i, with_rare)
            if weight == 0:
                continue
            n_rows += batches.bounds[i + 1] - batches.bounds[i]
            update_weight += weight
            mean_loss += weight / update_weight * (loss - mean_loss)
            if with_rare is not None and accumulation > 1:
                accumulate(member.parameters, member.vectors.grad, member.state.mean, weight / update_weight)
        if n_rows == 0:
            continue
        total += n_rows * mean_loss
        if not math.isfinite(total):
            break
        t += 1
        total += n_rows * update(member, batches.rates[u], update_weight, t, with_rare)
    return total


@inlined
def loss_and_gradient(member: Member, batches: Slice, i: int, with_rare: int | None) -> tuple[float, float]:
    """Return the loss of batch i and the sum of its weights, and write the gradient.

    If the sum is 0, there is no loss and no gradient.
    """
    operations, rules, vectors = member.operations, member.rules, member.vectors
    work, start, stop = vectors.work, batches.bounds[i], batches.bounds[i + 1]
    n = stop - start
    p = work[:n] if len(batches.weight) else work[:1]
    weight = weigh(batches.weight[start:stop], n, p)
    if weight == 0:
        return 0.0, 0.0
    batch = Batch(batches.X[start:stop], batches.codes[start:stop], p, weight, batches.seeds[i])
    forward(operations, vectors, batch, with_rare)
    own = batches.own[start:stop] if len(batches.own) else p
    last = operations[len(operations) - 1]
    Z, dZ = block(work, last.out, n, last.units), block(work, last.dout, n, last.units)
    if rules.loss == SOFTMAX:
        loss = cross_entropy(Z, dZ, batches.classes[start:stop], own, rules.loss_parameter)
    else:
        loss = loss_of_outputs(rules.loss, Z, dZ, batches.Y[start:stop], own, rules.loss_parameter)
    backward(operations, vectors, batch, with_rare)
    return loss, weight


@compiled
def weigh(weight: Array, n: int, p: Array) -> float:
    """Write the normalised weights to p and return the sum that they had before.

    If all weights are 1, p has a single number, 1 / n.
    """
    if len(weight) == 0:
        p[0] = 1 / n
        return float(n)
    total = 0.0
    for i in range(n):
        total += weight[i]
    for i in range(n):
        p[i] = weight[i] / total
    return total


@compiled
def block(vector: Array, start: int, rows: int, columns: int) -> Array:
    """View a part of a vector as a matrix."""
    return vector[start : start + rows * columns].reshape((rows, columns))


@compiled
def part_of(vector: Array, start: int, size: int) -> Array:
    """View a part of a vector."""
    return vector[start : start + size]


@inlined
def forward(operations: Array, vectors: Vectors, batch: Batch, with_rare: int | None) -> None:
    """Compute the operations on a batch, from the first to the last.

    The common ones get arrays, which are taken from the tuples once for a batch: with the tuples, as the rare
    ones get them, an epoch of a small network would take a tenth longer.
    """
    theta, work, X, seeds = vectors.theta, vectors.work, batch.X, batch.seeds
    for k in range(len(operations)):
        op = operations[k]
        size = len(X) * op.units
        if op.kind == DENSE or op.kind == SCALED_DENSE:
            affine(op, theta, work, X)
        elif op.kind == DROPOUT:
            A, mask, out = (
                part_of(work, op.source, size),
                part_of(work, op.mask, size),
                part_of(work, op.out, size),
            )
            scale = work.dtype.type(2**16 / (2**16 - op.threshold))
            drop_of_member(A, seeds[op.dropout], op.member, op.threshold, scale, mask, out)
        elif op.kind == ACTIVATE and op.common:
            activate(op.activation, part_of(work, op.source, size), part_of(work, op.out, size))
        elif with_rare is not None:
            forward_rare(op, vectors, batch)


@compiled
def forward_rare(op: Operation, vectors: Vectors, batch: Batch) -> None:
    """Compute an operation that is not common."""
    work, n = vectors.work, len(batch.X)
    size = n * op.units
    if op.kind == EMBEDDING:
        embed(op, vectors, batch)
    elif op.kind == BATCH_NORM:
        batch_norm(op, vectors, batch)
    elif op.kind == LAYER_NORM:
        layer_norm(op, vectors, batch)
    elif op.kind == ADD:
        add(part_of(work, op.source, size), part_of(work, op.out, size))
    elif op.kind == BRANCH:
        return  # its output is its input
    elif op.activation == PRELU:
        slope = part_of(vectors.theta, op.slope, op.units)
        prelu(block(work, op.source, n, op.units), slope, block(work, op.out, n, op.units))
    elif op.activation == MAXOUT:
        Z, first = block(work, op.source, n, 2 * op.units), block(work, op.mask, n, op.units)
        maxout(Z, first, block(work, op.out, n, op.units))
    elif op.activation == GELU:
        gelu(part_of(work, op.source, size), part_of(work, op.cdf, size), part_of(work, op.out, size))
    else:
        activate_rare(op.activation, part_of(work, op.source, size), part_of(work, op.out, size))


@inlined
def backward(operations: Array, vectors: Vectors, batch: Batch, with_rare: int | None) -> None:
    """Write the gradients of the operations, from the last to the first.

    They are those of the parameters, and of the input if that has a place. The gradient with respect to the
    input overwrites that of the output, except for linear maps and maxout. As in `forward`, the common
    operations get arrays.
    """
    theta, grad, work, X = vectors.theta, vectors.grad, vectors.work, batch.X
    for k in range(len(operations) - 1, -1, -1):
        op = operations[k]
        size = len(X) * op.units
        if op.kind == DENSE or op.kind == SCALED_DENSE:
            affine_backward(op, theta, grad, work, X)
        elif op.kind == DROPOUT:
            dA, mask = part_of(work, op.dout, size), part_of(work, op.mask, size)
            for i in range(size):
                dA[i] *= mask[i]
        elif op.kind == ACTIVATE and op.common:
            Z, A = part_of(work, op.source, size), part_of(work, op.out, size)
            activate_backward(op.activation, part_of(work, op.dout, size), Z, A)
        elif with_rare is not None:
            backward_rare(op, vectors, batch)


@compiled
def backward_rare(op: Operation, vectors: Vectors, batch: Batch) -> None:
    """Write the gradients of an operation that is not common."""
    work, n = vectors.work, len(batch.X)
    size = n * op.units
    if op.kind == EMBEDDING:
        embed_backward(op, vectors, batch)
    elif op.kind == BATCH_NORM:
        batch_norm_backward(op, vectors, batch)
    elif op.kind == LAYER_NORM:
        layer_norm_backward(op, vectors, batch)
    elif op.kind == ADD:
        return  # the gradients of its inputs are that of its output
    elif op.kind == BRANCH:
        add(part_of(work, op.dshortcut, size), part_of(work, op.dout, size))
    elif op.activation == PRELU:
        Z, dA = block(work, op.source, n, op.units), block(work, op.dout, n, op.units)
        slope = part_of(vectors.theta, op.slope, op.units)
        prelu_backward(dA, Z, slope, part_of(vectors.grad, op.slope, op.units))
    elif op.activation == MAXOUT:
        first, dZ = block(work, op.mask, n, op.units), block(work, op.dsource, n, 2 * op.units)
        maxout_backward(block(work, op.dout, n, op.units), first, dZ)
    elif op.activation == GELU:
        Z, cdf = part_of(work, op.source, size), part_of(work, op.cdf, size)
        gelu_backward(part_of(work, op.dout, size), Z, cdf)
    else:
        Z, A = part_of(work, op.source, size), part_of(work, op.out, size)
        activate_rare_backward(op.activation, part_of(work, op.dout, size), Z, A)


@compiled
def affine(op: Operation, theta: Array, work: Array, X: Array) -> None:
    """Compute the forward of `Dense` or `ScaledDense`."""
    A = X if op.source < 0 else block(work, op.source, len(X), op.fan_in)
    W, b = block(theta, op.W, op.fan_in, op.units), theta[op.b : op.b + op.units]
    Z = block(work, op.out, len(X), op.units)
    if op.kind == SCALED_DENSE:
        V = block(work, op.V, op.fan_in, op.units)
        for i in range(op.fan_in):
            s = theta.dtype.type(SCALE_SPEED) * theta[op.u + i]
            for j in range(op.units):
                V[i, j] = W[i, j] * s
        W = V
    np.dot(A, W, Z)
    for i in range(len(Z)):
        for j in range(op.units):
            Z[i, j] += b[j]


@summing
def affine_backward(op: Operation, theta: Array, grad: Array, work: Array, X: Array) -> None:
    """Compute the backward of `Dense` or `ScaledDense`."""
    A = X if op.source < 0 else block(work, op.source, len(X), op.fan_in)
    dZ = block(work, op.dout, len(X), op.units)
    W, dW = block(theta, op.W, op.fan_in, op.units), block(grad, op.W, op.fan_in, op.units)
    np.dot(A.T, dZ, dW)
    sum_rows(dZ, grad[op.b : op.b + op.units])
    if op.dsource >= 0:
        V = block(work, op.V, op.fan_in, op.units) if op.kind == SCALED_DENSE else W
        n_columns = op.fan_in - op.gradient_from
        np.dot(dZ, V[op.gradient_from :].T, block(work, op.dsource, len(X), n_columns))
    if op.kind == SCALED_DENSE:
        speed = grad.dtype.type(SCALE_SPEED)
        for i in range(op.fan_in):
            s, along = speed * theta[op.u + i], grad.dtype.type(0)
            for j in range(op.units):
                along += W[i, j] * dW[i, j]
                dW[i, j] *= s
            grad[op.u + i] = speed * along


@compiled
def add(X: Array, Y: Array) -> None:
    """Add X to Y."""
    for i in range(X.size):
        Y[i] += X[i]


@compiled
def embed(op: Operation, vectors: Vectors, batch: Batch) -> None:
    """Compute `Embedding.forward`."""
    theta, statistics, X, codes = vectors.theta, vectors.statistics, batch.X, batch.codes
    Z = block(vectors.work, op.out, len(X), op.units)
    for i in range(len(X)):
        for j in range(op.before):
            Z[i, j] = X[i, j]
        for k in range(codes.shape[1]):
            s, e = statistics[op.s + codes[i, k]], op.E + codes[i, k] * EMBEDDING_SIZE
            for j in range(EMBEDDING_SIZE):
                Z[i, op.before + k * EMBEDDING_SIZE + j] = s * theta[e + j]


@compiled
def embed_backward(op: Operation, vectors: Vectors, batch: Batch) -> None:
    """Compute `Embedding.backward`."""
    grad, statistics, codes = vectors.grad, vectors.statistics, batch.codes
    dZ = block(vectors.work, op.dout, len(codes), codes.shape[1] * EMBEDDING_SIZE)
    for j in range(op.E, op.E + op.categories * EMBEDDING_SIZE):
        grad[j] = 0
    for i in range(len(codes)):
        for k in range(codes.shape[1]):
            s, e = statistics[op.s + codes[i, k]], op.E + codes[i, k] * EMBEDDING_SIZE
            for j in range(EMBEDDING_SIZE):
                grad[e + j] += s * dZ[i, k * EMBEDDING_SIZE + j]


@compiled
def batch_norm(op: Operation, vectors: Vectors, batch: Batch) -> None:
    """Compute `BatchNorm.forward`."""
    statistics, work, p = vectors.statistics, vectors.work, batch.p
    scalar, n, units = work.dtype.type, len(batch.X), op.units
    Z, Xhat = block(work, op.source, n, units), block(work, op.Xhat, n, units)
    mean, var = part_of(work, op.mean_of_batch, units), part_of(work, op.r, units)
    running_mean, running_var = part_of(statistics, op.mean, units), part_of(statistics, op.var, units)
    rows = rows_with_weight(p, n)
    for j in range(units):
        mean[j], var[j] = (scalar(0), scalar(0)) if rows > 1 else (running_mean[j], running_var[j])
    if rows > 1:
        for i in range(n):
            share = p[i % p.size]
            for j in range(units):
                mean[j] += share * Z[i, j]
        for i in range(n):
            share = p[i % p.size]
            for j in range(units):
                var[j] += share * (Z[i, j] - mean[j]) ** 2
        momentum, factor = scalar(op.momentum), scalar(unbiased(rows, batch.weight))
        kept = scalar(1) - momentum
        for j in range(units):
            if kept == 0:  # whatever they were before
                running_mean[j], running_var[j] = scalar(0), scalar(0)
            running_mean[j] = kept * running_mean[j] + momentum * mean[j]
            running_var[j] = kept * running_var[j] + momentum * factor * var[j]
    # From here on `var` holds r = 1 / sqrt(var + eps).
    for j in range(units):
        var[j] = scalar(1) / math.sqrt(var[j] + scalar(op.eps))
    for i in range(n):
        for j in range(units):
            Xhat[i, j] = (Z[i, j] - mean[j]) * var[j]
    scale_and_shift(op, vectors.theta, Xhat, block(work, op.out, n, units))


@compiled
def rows_with_weight(p: Array, n: int) -> int:
    """Return how many of the n rows of a batch have a weight; if all count alike, p has only one number."""
    rows = n
    if p.size == n:
        rows = 0
        for i in range(n):
            rows += p[i] > 0
    return rows


@compiled
def unbiased(rows: int, weight: float) -> float:
    """Return the factor from a biased variance to the unbiased one, as in `BatchStatistics.normalize`."""
    repeated = max(weight, rows)
    return repeated / max(repeated - 1, 1)


@compiled
def scale_and_shift(op: Operation, theta: Array, Xhat: Array, Y: Array) -> None:
    """Write Xhat gamma + beta to Y."""
    gamma, beta = part_of(theta, op.gamma, op.units), part_of(theta, op.beta, op.units)
    for i in range(Xhat.shape[0]):
        for j in range(op.units):
            Y[i, j] = Xhat[i, j] * gamma[j] + beta[j]


@compiled
def batch_norm_backward(op: Operation, vectors: Vectors, batch: Batch) -> None:
    """Compute `BatchNorm.backward`."""
    theta, grad, work = vectors.theta, vectors.grad, vectors.work
    n, p = len(batch.X), batch.p
    dY, Xhat = block(work, op.dout, n, op.units), block(work, op.Xhat, n, op.units)
    sum_gradients(op, grad, dY, Xhat)
    gamma, r = part_of(theta, op.gamma, op.units), part_of(work, op.r, op.units)
    dgamma, dbeta = part_of(grad, op.gamma, op.units), part_of(grad, op.beta, op.units)
    uses_batch = rows_with_weight(p, n) > 1
    for i in range(n):
        share = p[i % p.size] if uses_batch else 0 * p[0]
        for j in range(op.units):
            dY[i, j] = gamma[j] * r[j] * (dY[i, j] - share * (dbeta[j] + Xhat[i, j] * dgamma[j]))


@compiled
def sum_gradients(op: Operation, grad: Array, dY: Array, Xhat: Array) -> None:
    """Write the gradients of gamma and beta."""
    dgamma, dbeta = part_of(grad, op.gamma, op.units), part_of(grad, op.beta, op.units)
    for j in range(op.units):
        dgamma[j], dbeta[j] = 0, 0
    for i in range(dY.shape[0]):
        for j in range(op.units):
            dgamma[j] += dY[i, j] * Xhat[i, j]
            dbeta[j] += dY[i, j]


@summing
def layer_norm(op: Operation, vectors: Vectors, batch: Batch) -> None:
    """Compute `LayerNorm.forward`."""
    work, n, units = vectors.work, len(batch.X), op.units
    scalar = work.dtype.type
    Z, Xhat = block(work, op.source, n, units), block(work, op.Xhat, n, units)
    for i in range(n):
        mean, var = scalar(0), scalar(0)
        for j in range(units):
            mean += Z[i, j]
        mean /= scalar(units)
        for j in range(units):
            Xhat[i, j] = Z[i, j] - mean
            var += Xhat[i, j] * Xhat[i, j]
        r = scalar(1) / math.sqrt(var / scalar(units) + scalar(op.eps))
        work[op.r + i] = r
        for j in range(units):
            Xhat[i, j] *= r
    scale_and_shift(op, vectors.theta, Xhat, block(work, op.out, n, units))


@summing
def layer_norm_backward(op: Operation, vectors: Vectors, batch: Batch) -> None:
    """Compute `LayerNorm.backward`."""
    work, n, units = vectors.work, len(batch.X), op.units
    scalar = work.dtype.type
    dY, Xhat = block(work, op.dout, n, units), block(work, op.Xhat, n, units)
    gamma = part_of(vectors.theta, op.gamma, units)
    sum_gradients(op, vectors.grad, dY, Xhat)
    for i in range(n):
        mean, along = scalar(0), scalar(0)
        for j in range(units):
            dY[i, j] *= gamma[j]
            mean += dY[i, j]
            along += dY[i, j] * Xhat[i, j]
        mean, along = mean / scalar(units), along / scalar(units)
        r = work[op.r + i]
        for j in range(units):
            dY[i, j] = r * (dY[i, j] - mean - Xhat[i, j] * along)


@compiled
def sum_rows(X: Array, out: Array) -> None:
    """Write the sum of the rows of X to `out`."""
    for j in range(X.shape[1]):
        out[j] = 0
    for i in range(X.shape[0]):
        for j in range(X.shape[1]):
            out[j] += X[i, j]


@compiled
def activate(code: int, Z: Array, A: Array) -> None:
    """Write f(Z) to A, as the functions of `sknn6.nn.activations` compute it."""
    zero, one, two = Z.dtype.type(0), Z.dtype.type(1), Z.dtype.type(2)
    if code == RELU:
        for i in range(Z.size):
            A[i] = zero if Z[i] <= zero else Z[i]  # NaN stays
    elif code == SILU:
        for i in range(Z.size):
            A[i] = Z[i] / (one + exponential(-Z[i]))
    elif code == IDENTITY:
        for i in range(Z.size):
            A[i] = Z[i]
    elif code == LOGISTIC:
        for i in range(Z.size):
            A[i] = one / (one + exponential(-Z[i]))
    elif code == TANH:
        for i in range(Z.size):
            e = exponential_minus_1(-two * abs(Z[i]))
            A[i] = e / (e + two) if Z[i] < zero else -e / (e + two)


@compiled
def activate_rare(code: int, Z: Array, A: Array) -> None:
    """Write f(Z) to A for an activation that is not common."""
    zero, two = Z.dtype.type(0), Z.dtype.type(2)
    if code == LEAKY_RELU:
        leak = Z.dtype.type(LEAK)
        for i in range(Z.size):
            A[i] = max(Z[i], leak * Z[i])
    elif code == ELU:
        for i in range(Z.size):
            A[i] = Z[i] if Z[i] > zero else exponential_minus_1(Z[i])
    elif code == SELU:
        scale, alpha = Z.dtype.type(SELU_SCALE), Z.dtype.type(SELU_ALPHA)
        for i in range(Z.size):
            A[i] = scale * (Z[i] if Z[i] > zero else alpha * exponential_minus_1(Z[i]))
    elif code == MISH:
        for i in range(Z.size):
            e = exponential(min(Z[i], Z.dtype.type(20)))
            A[i] = Z[i] * (e * (e + two) / (e * (e + two) + two))
    elif code == SOFTPLUS:
        for i in range(Z.size):
            A[i] = max(Z[i], zero) + math.log1p(exponential(-abs(Z[i])))


@compiled
def activate_backward(code: int, dA: Array, Z: Array, A: Array) -> None:
    """Multiply dA by f'(Z), as the functions of `sknn6.nn.activations` compute it."""
    zero, one = Z.dtype.type(0), Z.dtype.type(1)
    if code == RELU:
        for i in range(Z.size):
            dA[i] *= one if A[i] > zero else zero
    elif code == SILU:
        half = Z.dtype.type(0.5)
        for i in range(Z.size):
            s = A[i] / Z[i] if Z[i] != zero else half  # logistic(z), faster than to compute it anew
            dA[i] *= s + A[i] * (one - s)
    elif code == LOGISTIC:
        for i in range(Z.size):
            dA[i] *= A[i] * (one - A[i])
    elif code == TANH:
        for i in range(Z.size):
            dA[i] *= one - A[i] * A[i]


@compiled
def activate_rare_backward(code: int, dA: Array, Z: Array, A: Array) -> None:
    """Multiply dA by f'(Z) for an activation that is not common."""
    zero, one, two = Z.dtype.type(0), Z.dtype.type(1), Z.dtype.type(2)
    if code == LEAKY_RELU:
        leak = Z.dtype.type(LEAK)
        for i in range(Z.size):
            dA[i] *= one if A[i] > zero else leak
    elif code == ELU:
        for i in range(Z.size):
            dA[i] *= one if A[i] > zero else one + A[i]
    elif code == SELU:
        scale, most = Z.dtype.type(SELU_SCALE), Z.dtype.type(SELU_SCALE * SELU_ALPHA)
        for i in range(Z.size):
            dA[i] *= scale if A[i] > zero else A[i] + most
    elif code == MISH:
        for i in range(Z.size):
            e = exponential(min(Z[i], Z.dtype.type(20)))
            t = e * (e + two) / (e * (e + two) + two)
            dA[i] *= t + Z[i] * (one - t * t) * (e / (one + e))
    elif code == SOFTPLUS:
        for i in range(Z.size):
            dA[i] *= -exponential_minus_1(-A[i])


@compiled
def prelu(Z: Array, slope: Array, A: Array) -> None:
    """Write max(z, 0) + slope min(z, 0) to A."""
    zero = Z.dtype.type(0)
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            A[i, j] = max(Z[i, j], zero) + slope[j] * min(Z[i, j], zero)


@compiled
def prelu_backward(dA: Array, Z: Array, slope: Array, dslope: Array) -> None:
    """Multiply dA by 1 or the slope and write the gradient of the slopes."""
    zero, one = Z.dtype.type(0), Z.dtype.type(1)
    for j in range(dslope.size):
        dslope[j] = 0
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            dslope[j] += dA[i, j] * min(Z[i, j], zero)
            dA[i, j] *= slope[j] if Z[i, j] < zero else one


@compiled
def maxout(Z: Array, first: Array, A: Array) -> None:
    """Write the larger of the two linear maps of each unit to A, and 1 to `first` where it is the first."""
    zero, one, units = Z.dtype.type(0), Z.dtype.type(1), A.shape[1]
    for i in range(A.shape[0]):
        for j in range(units):
            A[i, j] = max(Z[i, j], Z[i, units + j])
            first[i, j] = one if Z[i, j] >= Z[i, units + j] else zero


@compiled
def maxout_backward(dA: Array, first: Array, dZ: Array) -> None:
    """Write dA to the larger of the two linear maps and 0 to the other."""
    one, units = dA.dtype.type(1), dA.shape[1]
    for i in range(dA.shape[0]):
        for j in range(units):
            dZ[i, j] = dA[i, j] * first[i, j]
            dZ[i, units + j] = dA[i, j] * (one - first[i, j])


@compiled
def gelu(Z: Array, cdf: Array, A: Array) -> None:
    """Write z P(N <= z) to A, and P(N <= z) to `cdf`."""
    normal_cdf(Z, cdf)
    for i in range(Z.size):
        A[i] = Z[i] * cdf[i]


@compiled
def gelu_backward(dA: Array, Z: Array, cdf: Array) -> None:
    """Multiply dA by cdf(z) + z pdf(z)."""
    factor, half = Z.dtype.type(1 / math.sqrt(2 * math.pi)), Z.dtype.type(0.5)
    for i in range(Z.size):
        dA[i] *= cdf[i] + Z[i] * factor * exponential(-half * Z[i] * Z[i])


@compiled
def cross_entropy(Z: Array, dZ: Array, classes: Array, p: Array, smoothing: float) -> float:
    """Compute `softmax_cross_entropy`: write dZ and return the loss; Z is overwritten."""
    subtract_max(Z)
    for i in range(Z.shape[0]):
        for k in range(Z.shape[1]):
            dZ[i, k] = exponential(Z[i, k])
    return normalise(dZ, Z, classes, p, smoothing)


@compiled
def loss_of_outputs(number: int, Z: Array, dZ: Array, Y: Array, p: Array, loss_parameter: float) -> float:
    """Compute a loss that is a sum over outputs: write dZ and return the loss."""
    total = 0.0
    for i in range(Z.shape[0]):
        of_row = 0.0
        for k in range(Z.shape[1]):
            loss, slope = loss_of_output(number, Z[i, k], Y[i, k], loss_parameter)
            of_row += loss
            dZ[i, k] = slope * p[i % p.size]
        total += of_row * p[i % p.size]
    return total


@compiled
def loss_of_output(number: int, z: float, y: float, loss_parameter: float) -> tuple[float, float]:
    """Return the loss of one output and its derivative, as the functions of `sknn6.nn.losses` do."""
    r = z - y
    if number == SIGMOID:
        y = (1 - loss_parameter) * y + loss_parameter / 2
        loss, slope = max(z, 0.0) + math.log1p(math.exp(-abs(z))) - z * y, 1 / (1 + math.exp(-z)) - y
    elif number == ABSOLUTE:
        loss, slope = abs(r), np.sign(r)
    elif number == HUBER:
        slope = min(max(r, -loss_parameter), loss_parameter)
        loss = slope * (r - 0.5 * slope)
    elif number == POISSON:
        slope = math.exp(z) - y
        loss = slope - y * z + (y * math.log(y) if y else 0.0)
    elif number == SQUARED:
        loss, slope = 0.5 * r * r, r
    return loss, slope


@compiled
def accumulate(parameters: Array, grad: Array, mean: Array, share: float) -> None:
    """Add the gradient of a batch to the mean over the batches of an update, with its share of their weight.

    Both vectors then have the new mean.
    """
    new, old = grad.dtype.type(share), grad.dtype.type(1 - share)
    for k in range(len(parameters)):
        start, size, _ = parameters[k]
        for i in range(start, start + size):
            mean[i] = old * mean[i] + new * grad[i]
            grad[i] = mean[i]


@inlined
def update(member: Member, rate: float, weight: float, t: int, with_rare: int | None) -> float:
    """Compute `Update.__call__` for one network and return the penalty."""
    parameters, rules, vectors, state = member.parameters, member.rules, member.vectors, member.state
    l2 = rules.alpha / weight
    strength, squares = l2, 0.0  # of the penalty that is returned
    shrink = 1 - rate * rules.weight_decay
    if with_rare is not None and rules.clip_norm < math.inf:
        squares, l2 = penalise(parameters, vectors.theta, vectors.grad, l2), 0.0
        clip(parameters, vectors.grad, rules.clip_norm)
    for k in range(len(parameters)):
        start, size, decays = parameters[k]
        n = size if decays else 0
        part = slice(start, start + size)
        theta, grad, first = vectors.theta[part], vectors.grad[part], state.first[part]
        if with_rare is None or rules.optimizer == ADAM:
            epsilon = rules.epsilon / math.sqrt(1 - rules.beta_2)
            step = rate * math.sqrt(1 - rules.beta_2**t) / (1 - rules.beta_1**t)
            step *= (1 - rules.beta_1) / math.sqrt(1 - rules.beta_2)
            second, work = state.second[part], vectors.work
            squares += adam(
                theta, grad, first, second, work, rules.beta_1, rules.beta_2, step, epsilon, l2, shrink, n
            )
        else:
            squares += sgd(theta, grad, first, rules, rate, l2, shrink, n)
        if len(state.average):
            follow(state.average[part], theta, 1 - min(rules.ema_decay, (1 + t) / (10 + t)))
    return 0.5 * strength * squares


@summing
def penalise(parameters: Array, theta: Array, grad: Array, l2: float) -> float:
    """Add the gradient of the penalty to that of the decaying parameters and return their squares' sum."""
    strength, squares = theta.dtype.type(l2), theta.dtype.type(0)
    for k in range(len(parameters)):
        start, size, decays = parameters[k]
        if decays and l2:
            for i in range(start, start + size):
                w = theta[i]
                squares += w * w
                grad[i] += strength * w
    return float(squares)


@summing
def clip(parameters: Array, grad: Array, most: float) -> None:
    """Scale the gradient down to the norm `most` if its norm is larger, without overflow of squares."""
    largest = grad.dtype.type(0)
    for k in range(len(parameters)):
        start, size, _ = parameters[k]
        for i in range(start, start + size):
            largest = max(largest, abs(grad[i]))
    if largest == 0 or not math.isfinite(largest):
        return
    squares = grad.dtype.type(0)
    for k in range(len(parameters)):
        start, size, _ = parameters[k]
        for i in range(start, start + size):
            g = grad[i] / largest
            squares += g * g
    norm = float(largest) * math.sqrt(squares)
    if norm > most:
        factor = grad.dtype.type(most / norm)
        for k in range(len(parameters)):
            start, size, _ = parameters[k]
            for i in range(start, start + size):
                grad[i] *= factor


@summing
def sgd(
    theta: Array,
    grad: Array,
    velocity: Array,
    rules: Rules,
    rate: float,
    l2: float,
    shrink: float,
    n: int,
) -> float:
    """Compute `decay`, then the step of `sknn6.nn.optimizers.SGD`."""
    scalar = theta.dtype.type
    squares, strength, factor = scalar(0), scalar(l2), scalar(shrink)
    for i in range(n):
        w = theta[i]
        squares += w * w
        grad[i] += strength * w
        theta[i] = factor * w
    beta, step = scalar(rules.momentum), scalar(rate)
    for i in range(theta.size):
        move = step * grad[i]
        velocity[i] = beta * velocity[i] - move
        theta[i] += beta * velocity[i] - move if rules.nesterovs_momentum else velocity[i]
    return float(squares) if l2 else 0.0


@compiled
def follow(average: Array, theta: Array, share: float) -> None:
    """Move the average towards theta: average += share (theta - average)."""
    part = theta.dtype.type(share)
    for i in range(theta.size):
        average[i] += part * (theta[i] - average[i])


train = cached(hash_of(Path(__file__).parent))
