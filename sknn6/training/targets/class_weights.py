"""The parameter `class_weight`: what it may be, and the weights that are balanced."""

from numbers import Real
from typing import Any

import numpy as np

from sknn6.nn.annotations import Array

__all__ = ["are_weights", "balanced"]


def are_weights(class_weight: Any) -> bool:
    """Return whether `class_weight` is a dict of finite numbers, none negative."""
    return isinstance(class_weight, dict) and all(map(is_weight, class_weight.values()))


def is_weight(value: Any) -> bool:
    """Return whether a value is a number that can be the weight of a sample."""
    try:
        return isinstance(value, Real) and 0 <= float(value) < np.inf
    except OverflowError:  # of an int
        return False


def balanced(codes: Array, sample_weight: Array) -> Array:
    """Return for each sample sum w / (C sum of w over its class), C the number of classes that occur."""
    of_class = np.bincount(codes, sample_weight)
    present = of_class > 0
    share = np.divide(
        sample_weight.sum() / present.sum(), of_class, where=present, out=np.zeros_like(of_class)
    )
    return share[codes]
