"""The exponential and the normal distribution function, as Numba compiles them to vector instructions.

The functions of the C library are called for one number at a time.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types
from numba.extending import overload, register_jitable
from scipy.special import ndtr

from sknn6.nn import compiled
from sknn6.nn.annotations import Array

__all__ = ["exponential", "exponential_minus_1", "normal_cdf"]

normal_cdf_argument = register_jitable(compiled.normal_cdf_argument.py_func)

# Coefficients of (e^r - 1) / r = sum of r^(k - 1) / k! for |r| <= log(2) / 2, the highest power first. The
# first term that is left out is below a tenth of the rounding error.
TERMS_32 = tuple(1 / math.factorial(k) for k in range(7, 0, -1))
TERMS_64 = tuple(1 / math.factorial(k) for k in range(13, 0, -1))

# log(2) as a sum of two numbers; the first has so few bits that its product with n is exact.
LOG_2_HIGH_32, LOG_2_LOW_32 = 0.693359375, -2.12194440054690583e-4
LOG_2_HIGH_64, LOG_2_LOW_64 = 6.93147180369123816490e-1, 1.90821492927058770002e-10

# Between these numbers, e^x is a normal float, neither subnormal nor infinite.
LEAST_32, MOST_32 = -87.0, 88.0
LEAST_64, MOST_64 = -708.0, 709.0


def exponential(x: float) -> float:
    """Return e^x, clipped to the range of the normal floats, to two units in the last place.

    Computed as 2^n e^r, where n is the integer nearest to x / log(2); 2^n is made by setting its bits.
    """
    return math.exp(x)


def exponential_minus_1(x: float) -> float:
    """Return e^x - 1, clipped likewise, to three units in the last place, however small x is.

    Computed as 2^n (e^r - 1) + (2^n - 1).
    """
    return math.expm1(x)


@overload(exponential, jit_options={"error_model": "numpy"})
def exponential_of_type(x: Any) -> Callable[..., Any]:
    """Return the function that Numba compiles for a number of that type."""
    return exponential_32 if x == types.float32 else exponential_64


@overload(exponential_minus_1, jit_options={"error_model": "numpy"})
def exponential_minus_1_of_type(x: Any) -> Callable[..., Any]:
    """Return the function that Numba compiles for a number of that type."""
    return exponential_minus_1_32 if x == types.float32 else exponential_minus_1_64


@register_jitable
def exponential_32(x: Any) -> Any:
    """Compute `exponential` in float32."""
    q, power = parts_32(x)
    return (q + np.float32(1)) * power


@register_jitable
def exponential_minus_1_32(x: Any) -> Any:
    """Compute `exponential_minus_1` in float32."""
    q, power = parts_32(x)
    return q * power + (power - np.float32(1))


@register_jitable
def parts_32(x: Any) -> Any:
    """Return e^r - 1 and 2^n in float32."""
    scalar = np.float32
    x = min(max(x, scalar(LEAST_32)), scalar(MOST_32))
    n = np.floor(x * scalar(1 / math.log(2)) + scalar(0.5))
    r = (x - n * scalar(LOG_2_HIGH_32)) - n * scalar(LOG_2_LOW_32)
    q = scalar(TERMS_32[0])
    for term in TERMS_32[1:]:
        q = q * r + scalar(term)
    return q * r, np.int32((np.int32(n) + 127) << 23).view(np.float32)


def exponential_64(x: Any) -> Any:
    """Compute `exponential` in float64."""
    q, power = parts_64(x)
    return (q + 1) * power


def exponential_minus_1_64(x: Any) -> Any:
    """Compute `exponential_minus_1` in float64."""
    q, power = parts_64(x)
    return q * power + (power - 1)


@register_jitable
def parts_64(x: Any) -> Any:
    """Return e^r - 1 and 2^n in float64."""
    x = min(max(x, LEAST_64), MOST_64)
    n = np.floor(x * (1 / math.log(2)) + 0.5)
    r = (x - n * LOG_2_HIGH_64) - n * LOG_2_LOW_64
    q = TERMS_64[0]
    for term in TERMS_64[1:]:
        q = q * r + term
    return q * r, np.int64((np.int64(n) + 1023) << 52).view(np.float64)


def normal_cdf(Z: Array, out: Array) -> None:
    """Write P(N <= z) of each number, N standard normal; the arrays are vectors.

    In float32 by the polynomial of `sknn6.nn.cdf_polynomial`.
    """
    ndtr(Z, out=out)


@overload(normal_cdf, jit_options={"error_model": "numpy"})
def normal_cdf_of_type(Z: Any, out: Any) -> Callable[..., Any]:
    """Return the function that Numba compiles for arrays of that type."""
    return normal_cdf_32 if Z.dtype == types.float32 else normal_cdf_64


def normal_cdf_64(Z: Any, out: Any) -> Any:
    """Compute `normal_cdf` in float64."""
    for i in range(Z.size):
        out[i] = 0.5 * math.erfc(-Z[i] / math.sqrt(2))


def normal_cdf_32(Z: Any, out: Any) -> Any:
    """Compute `normal_cdf` in float32; (1 + tanh(x)) / 2 is 1 / (1 + exp(-2 x)).

    In two loops, which take two thirds of the time of one that does both.
    """
    one, two = np.float32(1), np.float32(2)
    normal_cdf_argument(Z, out)
    for i in range(Z.size):
        out[i] = one / (one + exponential_32(-two * out[i]))
