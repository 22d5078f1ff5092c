"""Linear maps."""

import numpy as np

from sknn6.nn.annotations import Array
from sknn6.nn.dense import SCALE_SPEED
from sknn6.nn.interpreter.decorators import compiled, summing
from sknn6.nn.interpreter.views import block
from sknn6.nn.operations import SCALED_DENSE, Operation

__all__ = ["affine", "affine_backward"]


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
def sum_rows(X: Array, out: Array) -> None:
    """Write the sum of the rows of X to `out`."""
    for j in range(X.shape[1]):
        out[j] = 0
    for i in range(X.shape[0]):
        for j in range(X.shape[1]):
            out[j] += X[i, j]
