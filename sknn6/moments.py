"""Mean and standard deviation of features, merged over chunks, for numbers of any size."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import diags, issparse
from sklearn.preprocessing import StandardScaler
from sklearn.utils.sparsefuncs import min_max_axis

from sknn6.nn.annotations import Array, Rows

__all__ = ["extremes", "in_safe_units", "is_constant", "merge_moments", "moments", "scale_of", "times_unit"]

# For each feature, or for all: the number of values or the sum of their weights, mean and deviation.
Found = tuple[Any, Any, Any]

EPS = np.finfo(np.float64).eps

# For sizes between these, squares and sums of many squares are within the range of floats.
SMALLEST, LARGEST = 2.0**-300, 2.0**300


def moments(X: Rows, weight: Array | None = None) -> Found:
    """Return (n, mean, deviation) of each feature, ignoring NaN.

    The deviation is 0 for a feature that is constant up to rounding errors.
    """
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        found = usual_moments(X, weight)
    if are_exact(X, *found[1:]):
        return found
    X, unit = in_safe_units(X)
    n, mean, deviation = usual_moments(X, weight)
    return n, *times_unit([mean, deviation], unit)


def usual_moments(X: Rows, weight: Array | None) -> Found:
    """Return (n, mean, deviation) of features whose squares are within the range of floats."""
    if issparse(X):
        X = X.astype(np.float64, copy=False)  # scikit-learn would square float32 in float32
    unit: Any = 1
    if weight is not None:  # the squares of its sums would overflow, too
        unit = powers_of_2(np.max(weight))
        weight = weight / unit
    scaler = StandardScaler(with_mean=not issparse(X)).fit(X, sample_weight=weight)
    n, mean, variance = np.broadcast_arrays(scaler.n_samples_seen_ * unit, scaler.mean_, scaler.var_)
    # The variance of a constant feature may be a rounding error, of up to this size.
    constant = variance <= (X.shape[0] * EPS * mean) ** 2
    if constant.any():
        low, high = extremes(X)
        constant &= ~(low < high)
    variance = np.where(constant, 0, variance)
    if constant.any() and not issparse(X):
        # The mean of a sum is rounded; any value of a constant feature is its exact mean.
        mean = mean.copy()
        mean[constant] = np.fmax.reduce(X[:, constant], axis=0)
    return n, mean, np.sqrt(variance)


def are_exact(X: Rows, mean: Array, deviation: Array) -> bool:
    """Return whether no square can have overflowed or underflowed in the computation of these moments."""
    size = np.abs(mean) + deviation
    zero = size == 0
    inside = zero | ((size > SMALLEST) & (size < LARGEST))
    return bool(inside.all()) and not (zero.any() and (X[:, zero] != 0).sum())


def merge_moments(old: Found, new: Found) -> Found:
    """Return the moments of two chunks together.

    Chan, Golub & LeVeque (1983): d = m_b − mₐ, m = mₐ + d·n_b/n.
    """
    n = old[0] + new[0]
    share = new[0] / (n + (n == 0))
    unit = powers_of_2(np.fmax.reduce(np.abs([*old[1:], *new[1:]])))
    (mean_a, deviation_a), (mean_b, deviation_b) = np.array(old[1:]) / unit, np.array(new[1:]) / unit
    step = mean_b - mean_a
    mean = mean_a + share * step
    variance = deviation_a**2 + share * (deviation_b**2 - deviation_a**2 + (1 - share) * step**2)
    merged = times_unit([mean, np.sqrt(variance)], unit)
    # A feature with nothing but NaN in one chunk takes the moments of the other chunk.
    known = np.where(new[0] == 0, old[1:], merged)
    return n, *np.where(old[0] == 0, new[1:], known)


def is_constant(center: Array, spread: Array) -> Array:
    """Return for each feature whether its spread is a rounding error of its centre."""
    return spread <= 10 * EPS * np.abs(center)


def scale_of(center: Array, spread: Array) -> Array:
    """Return the divisor of each feature: its spread, or 1 if the feature is constant."""
    return np.where(is_constant(center, spread), 1.0, spread)


def in_safe_units(X: Rows) -> tuple[Rows, Array]:
    """Return X divided by a unit for each feature, and the units.

    A unit is 1, or a power of 2 of about the size of a feature whose squares might leave the range of floats.
    """
    low, high = extremes(X)
    unit = powers_of_2(np.maximum(high, -low))
    usual = (unit > SMALLEST) & (unit < LARGEST)
    if usual.all():
        return X, np.ones(len(unit))
    unit[usual] = 1
    return X @ diags(1 / unit) if issparse(X) else X / unit, unit


def times_unit(sizes: ArrayLike, unit: ArrayLike) -> Array:
    """Return sizes * unit; results beyond the range of floats become the largest number."""
    most = np.finfo(np.float64).max
    with np.errstate(over="ignore"):
        return np.clip(np.multiply(sizes, unit), -most, most)


def extremes(X: Rows) -> tuple[Array, Array]:
    """Return (minimum, maximum) of each feature, ignoring NaN."""
    if issparse(X):
        return min_max_axis(X, axis=0, ignore_nan=True)
    return np.fmin.reduce(X, axis=0), np.fmax.reduce(X, axis=0)


def powers_of_2(sizes: ArrayLike) -> Array:
    """Return powers of 2 of about these sizes, which have reciprocals; 1 for 0 and NaN."""
    exponent = np.frexp(np.where(np.isnan(sizes), 0, sizes))[1]
    return np.ldexp(1.0, np.clip(exponent, -1000, 1000))
