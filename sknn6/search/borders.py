"""Whether a value lies on the border of the range that was searched."""

from numbers import Real
from typing import Any

import numpy as np
from skopt.space import Integer

from sknn6.search.proposals import Axis

__all__ = ["at_border"]


def at_border(value: Any, axis: Axis) -> Any:
    """Return the border that a value is close to; None if it is close to neither.

    Close means within a hundredth of the range. Natural borders do not count: a lower border of 0 (for
    integers also 1), and an upper border of 1.0 for floats with a uniform prior, which are probably shares.
    """
    dimension = axis.dimension
    if axis.categories is not None or not isinstance(value, Real) or axis.encode(value) != value:
        return None
    low, high, value = (float(number) for number in (dimension.low, dimension.high, value))
    if dimension.prior == "log-uniform":
        position = np.log(value / low) / np.log(high / low)
    else:
        position = (value - low) / (high - low)
    is_integer = isinstance(dimension, Integer)
    if position <= 0.01 and not (low == 0 or (low == 1 and is_integer)):
        return dimension.low
    is_share = high == 1 and not is_integer and dimension.prior != "log-uniform"
    return dimension.high if position >= 0.99 and not is_share else None
