"""Activations: a branch each, or a pair of functions if backward needs more than their input and output."""

import math

import numpy as np

from sknn6.nn.activations import LEAK, SELU_ALPHA, SELU_SCALE
from sknn6.nn.annotations import Array
from sknn6.nn.exponentials import exponential, exponential_minus_1, normal_cdf
from sknn6.nn.interpreter.decorators import compiled, inlined
from sknn6.nn.interpreter.tuples import Vectors
from sknn6.nn.interpreter.views import block, part_of
from sknn6.nn.operations import (
    ELU,
    GELU,
    IDENTITY,
    LEAKY_RELU,
    LOGISTIC,
    MAXOUT,
    MISH,
    PRELU,
    RELU,
    SELU,
    SILU,
    SOFTPLUS,
    TANH,
    Operation,
)

__all__ = [
    "activate", "activate_backward", "activate_rare", "activate_rare_backward", "activation",
    "activation_backward",
]  # fmt: skip

# A smaller number has fewer digits in float32, and a quotient of two such numbers may have none.
SMALLEST_NORMAL = float(np.finfo(np.float32).tiny)


@inlined
def activation(op: Operation, vectors: Vectors, n: int) -> None:
    """Compute an activation of n rows that is not common."""
    work, size = vectors.work, n * op.units
    if op.activation == PRELU:
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
def activation_backward(op: Operation, vectors: Vectors, n: int) -> None:
    """Write the gradients of an activation of n rows that is not common."""
    work, size = vectors.work, n * op.units
    if op.activation == PRELU:
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
        half, least = Z.dtype.type(0.5), Z.dtype.type(SMALLEST_NORMAL)
        for i in range(Z.size):
            s = A[i] / Z[i] if abs(Z[i]) >= least else half  # logistic(z), faster than to compute it anew
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
