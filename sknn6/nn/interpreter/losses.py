"""Losses: the softmax's, and a branch for each that is a sum over outputs."""

import math

import numpy as np

from sknn6.nn import compiled as kernels
from sknn6.nn.annotations import Array
from sknn6.nn.exponentials import exponential
from sknn6.nn.interpreter.decorators import compiled
from sknn6.nn.operations import ABSOLUTE, HUBER, POISSON, SIGMOID, SQUARED

__all__ = ["cross_entropy", "loss_of_outputs"]

# The layers' kernels have wrappers for Python; here they need none.
normalise = compiled(kernels.normalise.py_func)
subtract_max = compiled(kernels.subtract_max.py_func)


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
