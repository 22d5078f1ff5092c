"""Normalisations, over the batch and over the units of a row."""

import math

from sknn6.nn.annotations import Array
from sknn6.nn.interpreter.decorators import compiled, summing
from sknn6.nn.interpreter.tuples import Batch, Vectors
from sknn6.nn.interpreter.views import block, part_of
from sknn6.nn.operations import Operation

__all__ = ["batch_norm", "batch_norm_backward", "layer_norm", "layer_norm_backward"]


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
def scale_and_shift(op: Operation, theta: Array, Xhat: Array, Y: Array) -> None:
    """Write Xhat gamma + beta to Y."""
    gamma, beta = part_of(theta, op.gamma, op.units), part_of(theta, op.beta, op.units)
    for i in range(Xhat.shape[0]):
        for j in range(op.units):
            Y[i, j] = Xhat[i, j] * gamma[j] + beta[j]


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
