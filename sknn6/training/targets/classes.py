"""Targets that are classes, one for each row."""

from typing import Any

import numpy as np
from sklearn.utils.multiclass import type_of_target

from sknn6.nn.annotations import Array
from sknn6.training.targets.class_weights import are_weights, balanced
from sknn6.training.targets.discrete import Discrete, classes_in

__all__ = ["Classes"]


class Classes(Discrete):
    """One class per row: a softmax over the classes; for two, a logistic function for the second class."""

    def __init__(self, classes: Array, smoothing: float = 0.0, class_weight: Any = None):
        self.binary = len(classes) == 2
        super().__init__(classes, "logistic" if self.binary else "softmax", smoothing, class_weight)
        if self.binary:
            self.n_outputs = 1

    def encode(self, y: Any, dtype: np.dtype) -> Array:
        """Return the indices of the classes; for two classes, as a column of zeros and ones."""
        if y.ndim == 2:
            raise ValueError(f"y must be classes as in the fit before, got {type_of_target(y)} targets.")
        found = classes_in(y)
        if not set(found.tolist()) <= set(self.classes.tolist()):
            raise ValueError(
                "`y` has classes not in `self.classes_`. "
                f"`self.classes_` has {self.classes}. 'y' has {found}."
            )
        if self.binary:
            return (y == self.classes[1]).astype(dtype)[:, None]
        return np.searchsorted(self.classes, y)

    def weights_of_classes(self, weight: Array, y: Array) -> Array:
        codes = np.searchsorted(self.classes, y)
        if isinstance(self.class_weight, str):
            return balanced(codes, weight)
        given = self.class_weight
        if not are_weights(given):
            raise ValueError(
                "class_weight must be a dict of weights of the classes "
                f"{self.classes.tolist()}, finite and not negative, got {given!r}."
            )
        classes = set(self.classes.tolist())
        # class_weight may name classes that y lacks, which may be in another fold. But then it must name
        # every class of y; otherwise a name is probably misspelt.
        if not (set(given) <= classes or classes <= set(given)):
            raise ValueError(
                f"class_weight must be a dict of weights of the classes {self.classes.tolist()}, got "
                f"{given!r}, with {sorted(set(given) - classes, key=str)}, which y lacks, and without "
                f"{sorted(classes - set(given), key=str)}."
            )
        return np.array([self.class_weight.get(label, 1.0) for label in self.classes])[codes]

    def strata(self, y: Array, fraction: float) -> Array | None:
        """Return the classes; None for three or more classes if not each of them can be in both parts."""
        if self.binary:
            # scikit-learn's message for a class of one sample has these names.
            return np.where(y[:, 0] > 0, "True", "False")
        held_out = len(y) * min(fraction, 1 - fraction)
        counts = np.bincount(y)
        return y if counts[counts > 0].min() > 1 and held_out >= len(counts) else None

    def score(self, Z: Array, y: Array, weight: Array | None) -> float:
        """Return the accuracy."""
        right = (Z[:, 0] > 0) == y[:, 0] if self.binary else Z.argmax(axis=1) == y
        return float(np.average(right, weights=weight))

    def probabilities(self, Z: Array) -> Array:
        if self.binary:
            # Not 1 - P, which rounds a small probability of the first class to 0.
            Z = np.concatenate([-Z, Z], axis=-1)
        return super().probabilities(Z)

    def decide(self, Z: Array) -> Array:
        """Return the index of each row's most probable class."""
        if Z.ndim > 2:
            # Probabilities of several networks, minus 0.5, so that they are compared with 0 below like the
            # logits of a single network.
            Z = self.probabilities(Z) - 0.5
        return Z[:, -1] > 0 if self.binary else Z.argmax(axis=1)
