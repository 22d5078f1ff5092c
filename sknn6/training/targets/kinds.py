"""Which of the discrete targets y is: classes or labels."""

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from sknn6.nn.annotations import Array
from sknn6.training.targets.classes import Classes
from sknn6.training.targets.discrete import Discrete, classes_in
from sknn6.training.targets.labels import Labels

__all__ = ["check_discrete", "discrete_targets"]


def discrete_targets(y: Any, classes: Array | None, smoothing: float, class_weight: Any) -> Discrete:
    """Return the `Classes` or `Labels` of y, with its own classes or, if they are given, with `classes`."""
    if y.ndim != 2:
        classes = classes_in(y) if classes is None else np.unique(classes)
        return Classes(classes, smoothing, class_weight)
    columns = classes_in(y)
    if classes is not None and not np.array_equal(classes, columns):
        raise ValueError(
            f"classes, for indicators of {y.shape[1]} labels, needs [0, 1] or the numbers of the labels, "
            f"{columns}, got {classes}."
        )
    return Labels(columns, smoothing, class_weight, sparse.issparse(y))


def check_discrete(y: Any) -> None:
    """Raise ValueError if y is neither a vector of classes nor a matrix of multilabel indicators."""
    check_classification_targets(y)
    if y.ndim == 2 and y.shape[1] > 1 and type_of_target(y) != "multilabel-indicator":
        raise ValueError(
            "y must have one column of classes or be a matrix of zeros and ones, one column per label; "
            f"got {type_of_target(y)} targets with {y.shape[1]} columns."
        )
