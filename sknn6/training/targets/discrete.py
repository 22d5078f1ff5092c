"""What classes and labels have in common: probabilities, label smoothing and class weights."""

from abc import abstractmethod
from functools import partial
from typing import Any

import numpy as np

from sknn6.nn.annotations import Array, LossFunction
from sknn6.nn.losses import LOSSES
from sknn6.training.targets.base import Targets

__all__ = ["Discrete", "classes_in"]


class Discrete(Targets):
    """Base class of classes and labels.

    Parameters
    ----------
    classes : ndarray
        The classes, sorted; for labels, the indices of the columns.
    out_activation : str
        Name in `LINKS` and `LOSSES`.
    smoothing : float
        Label smoothing of the loss.
    class_weight : "balanced", dict, list of dict or None
        As in `MLPClassifier`.
    """

    sparse_labels = False

    def __init__(self, classes: Array, out_activation: str, smoothing: float, class_weight: Any):
        self.classes, self.class_weight = classes, class_weight
        self.n_outputs, self.out_activation = len(classes), out_activation
        loss = LOSSES[out_activation].loss
        self.loss = partial(loss, smoothing=smoothing) if smoothing else loss

    @property
    def plain_loss(self) -> LossFunction:
        return LOSSES[self.out_activation].loss

    @abstractmethod
    def weights_of_classes(self, weight: Array, y: Any) -> Array:
        """Return the factor by which `class_weight` multiplies the weight of each sample."""

    def weigh(self, sample_weight: Array | None, y: Any) -> Array | None:
        if self.class_weight is None:
            return sample_weight
        weight = np.ones(y.shape[0]) if sample_weight is None else sample_weight
        weight = weight * self.weights_of_classes(weight, y)
        if not weight.any():
            raise ValueError(
                f"class_weight must leave a sample with a weight > 0, got {self.class_weight!r}."
            )
        return weight

    def probabilities(self, Z: Array) -> Array:
        """Return the probability of each class, the mean over the members if there are several."""
        # With the classes first in memory, a reduction over few classes is a few operations on long vectors.
        rows = np.asfortranarray(Z.reshape(-1, Z.shape[-1]))
        P = self.link.predict(rows).reshape(Z.shape)
        return np.ascontiguousarray(P if P.ndim == 2 else P.mean(axis=0))

    def attributes(self) -> dict[str, Any]:
        of_classes = {"classes_": self.classes, "_sparse_labels": self.sparse_labels}
        of_rows_left_out = {"temperature_": self.temperature, "oob_score_": self.oob_score}
        return super().attributes() | of_classes | of_rows_left_out


def classes_in(y: Any) -> Array:
    """Return the classes that y has; for a matrix of indicators, the indices of its columns."""
    return np.arange(y.shape[1]) if y.ndim == 2 else np.unique(y)
