"""Whether a value lies on the border of the range that was searched."""

from numbers import Number

import numpy as np
from skopt.space import Integer

__all__ = ["at_border"]


def at_border(value, axis):
    """Return the border of the range within a hundredth of which a value lies, or None.

    A border beyond which no value makes sense does not count: a lower one of 0, or of 1 for integers, and an
    upper one of 1.0, which is that of shares, if the prior is not logarithmic.
    """
    dimension = axis.dimension
    if axis.categories is not None or not isinstance(value, Number) or axis.encode(value) != value:
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
