"""The methods of the Standardizer: how each computes the centre and the spread of every feature."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import diags, issparse
from sklearn.preprocessing import RobustScaler

from sknn6.moments import extremes, in_safe_units, merge_moments, moments, times_unit
from sknn6.nn.annotations import Array, Rows

__all__ = ["METHODS", "SPARSE", "STREAMED", "Statistics"]

# What a method learns of X, with a value for each feature or for all.
Statistics = tuple[Any, ...]

# Two numbers for each feature.
Pair = tuple[Array, Array]


def from_moments(n: Any, mean: Array, deviation: Array) -> Pair:
    """Return (centre, spread) of the method "zscore"."""
    return mean, deviation


def bounds(X: Rows, weight: Array | None = None) -> Pair:
    """Return (minimum, maximum) of each feature; the weights, all positive, do not matter."""
    low, high = extremes(X)
    return low.astype(np.float64), high.astype(np.float64)


def merge_extremes(old: Pair, new: Pair) -> Pair:
    """Return (minimum, maximum) of two chunks together."""
    return np.fmin(old[0], new[0]), np.fmax(old[1], new[1])


def from_extremes(low: Array, high: Array) -> Pair:
    """Return (centre, spread) of the method "minmax"."""
    # Halving before the addition keeps sums of the largest floats from overflowing.
    return high / 2 + low / 2, high / 2 - low / 2


def quartiles(X: Rows, weight: Array | None = None) -> Pair:
    """Return (median, interquartile range); a range of zero is replaced by the standard deviation."""
    if weight is not None:
        X = X[np.repeat(np.arange(X.shape[0]), counts(weight))]
    X, unit = in_safe_units(X)
    scaler = RobustScaler(with_centering=not issparse(X)).fit(X)
    spread = scaler.scale_.astype(np.float64)
    ones = np.flatnonzero(spread == 1)
    if ones.size:
        spread[ones] = range_or_deviation(X[:, ones])
    centre = np.zeros(X.shape[1]) if issparse(X) else scaler.center_.astype(np.float64)
    centre, spread = times_unit([centre, spread], unit)
    return centre, spread


def range_or_deviation(X: Rows) -> Array:
    """Return the interquartile range of each column that RobustScaler gave 1; the deviation if it is 0.

    RobustScaler replaces a range near zero by 1. On rescaled columns, whose ranges are all below 1, a result
    of 1 can only be such a replacement.
    """
    deviation = moments(X)[2]
    # A range is at most 3.5 deviations, so that it is below 1 where the deviation is below 1/4. The factor is
    # a power of 2, and hence exact.
    shrink = np.ldexp(0.25, -np.frexp(deviation)[1])
    spread = RobustScaler(with_centering=False).fit(X @ diags(shrink)).scale_
    return np.where(spread == 1, deviation, spread / shrink)


def counts(weight: Array) -> Array:
    """Return weights as integers, how often to repeat each row; raise ValueError if one is fractional."""
    fractional = weight[weight % 1 > 0]
    if fractional.size:
        raise ValueError(
            "The 'sample_weight' parameter of Standardizer(method='robust').fit must hold whole "
            f"numbers, how often each row counts. Got {fractional[0]} instead."
        )
    return weight.astype(np.intp)


def from_quartiles(median: Array, spread: Array) -> Pair:
    """Return (centre, spread) of the method "robust"."""
    return median, spread


class Method(NamedTuple):
    """A method: the statistics of X, how those of two chunks merge, and the centre and spread they give.

    `merge` is None if the statistics cannot be merged; `sparse` says whether the method takes sparse data.
    """

    summarise: Callable[[Any, Array | None], Statistics]
    merge: Callable[[Any, Any], Statistics] | None
    locate: Callable[..., Pair]
    sparse: bool


METHODS = {
    "zscore": Method(moments, merge_moments, from_moments, sparse=True),
    "robust": Method(quartiles, None, from_quartiles, sparse=True),
    "minmax": Method(bounds, merge_extremes, from_extremes, sparse=False),
}
STREAMED = tuple(name for name, method in METHODS.items() if method.merge)
SPARSE = tuple(name for name, method in METHODS.items() if method.sparse)
