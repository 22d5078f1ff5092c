"""Targets that are labels, any number of them for each row."""

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import type_of_target

from sknn6.nn.annotations import Array
from sknn6.training.targets.class_weights import are_weights, balanced
from sknn6.training.targets.discrete import Discrete

__all__ = ["Labels", "dense"]


class Labels(Discrete):
    """Any number of labels per row, given as a matrix of zeros and ones: a logistic function for each label.

    Parameters
    ----------
    classes, smoothing, class_weight
        As in `Discrete`.
    sparse_labels : bool
        Whether the indicators were sparse in the fit; then predictions are sparse, too.
    """

    def __init__(
        self, classes: Array, smoothing: float = 0.0, class_weight: Any = None, sparse_labels: bool = False
    ):
        super().__init__(classes, "logistic", smoothing, class_weight)
        self.sparse_labels = sparse_labels

    def encode(self, y: Any, dtype: np.dtype) -> Array:
        """Return the indicators as a dense matrix."""
        if y.ndim != 2:
            raise ValueError(
                f"y must be indicators of labels as in the fit before, got {type_of_target(y)} targets."
            )
        if y.shape[1] != self.n_outputs:
            raise ValueError(
                f"y must have {self.n_outputs} columns of indicators as in the fit before, got {y.shape[1]}."
            )
        Y = dense(y)
        other = Y[(Y != 0) & (Y != 1)]
        if other.size:
            raise ValueError(f"y, as indicators of labels, must be 0 or 1, got {other[0]}.")
        return Y.astype(dtype, copy=False)

    def weights_of_classes(self, weight: Array, y: Any) -> Array:
        """Return for each row the product over the labels of the weight of its value, 0 or 1."""
        Y = dense(y)
        if isinstance(self.class_weight, str):
            return np.prod([balanced(column.astype(int), weight) for column in Y.T], axis=0)
        fits = isinstance(self.class_weight, list) and len(self.class_weight) == Y.shape[1]
        if not (fits and all(map(are_weights, self.class_weight))):
            raise ValueError(
                f"class_weight, for indicators of {Y.shape[1]} labels, must be 'balanced' or a list of as "
                f"many dicts of weights such as {{0: 1.0, 1: 2.0}}, got {self.class_weight!r}."
            )
        return compute_sample_weight(self.class_weight, Y)

    def score(self, Z: Array, y: Array, weight: Array | None) -> float:
        """Return the fraction of rows in which all labels are right."""
        return float(np.average(((Z > 0) == y).all(axis=1), weights=weight))

    def decide(self, Z: Array) -> Array:
        """Return indicators of the labels with a probability above 0.5."""
        return (self.probabilities(Z) > 0.5 if Z.ndim > 2 else Z > 0).astype(int)


def dense(y: Any) -> Array:
    """Return y as an array."""
    return y.toarray() if sparse.issparse(y) else y
