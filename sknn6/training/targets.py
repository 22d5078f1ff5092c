"""The kinds of targets (classes, multilabel indicators, numbers), and what a training needs of each.

The module is long because it holds the three kinds side by side, each with the same methods.
"""

from abc import ABC, abstractmethod
from copy import copy
from functools import partial
from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.metrics import d2_pinball_score, r2_score
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from sknn6.nn.annotations import Array, LossFunction
from sknn6.nn.links import LINKS
from sknn6.nn.losses import LOSSES, REGRESSION_LOSSES, Loss, at_level
from sknn6.nn.outputs import OutputScaling

__all__ = [
    "Classes",
    "Labels",
    "Numbers",
    "Quantiles",
    "Targets",
    "check_discrete",
    "classes_in",
    "dense",
    "discrete_targets",
    "mean_d2",
    "quantiles_in",
]


class Targets(ABC):
    """A kind of targets: how they are encoded, weighted, learned, scored and predicted.

    Attributes
    ----------
    n_outputs : int
        Number of logits per row.
    out_activation : str
        Name of the link in `LINKS`, from logits to predictions.
    loss, plain_loss : callable
        ``loss(Z, y, weight) -> (loss, dZ)``, for encoded targets; `plain_loss` is without label smoothing.
    are_numbers : bool
        Whether predictions are numbers instead of classes.
    scaling : OutputScaling or None
        The scaling of the targets that the network learns; None if they are not scaled.
    temperature, oob_score : float or None
        As in `MLPClassifier`, set at the end of a training.
    """

    n_outputs: int
    out_activation: str
    loss: LossFunction
    are_numbers = False
    scaling: OutputScaling | None = None
    temperature: float | None = None
    oob_score: float | None = None

    @property
    def plain_loss(self) -> LossFunction:
        return self.loss

    @property
    def unit_of_loss(self) -> float:
        """The factor from the loss of encoded targets to the loss in the user's units."""
        return 1.0

    @abstractmethod
    def encode(self, y: Any, dtype: np.dtype) -> Array:
        """Return y in the form that the loss takes; raise ValueError if it does not fit the earlier y."""

    def weigh(self, sample_weight: Array | None, y: Any) -> Array | None:
        """Return the weights of the samples in the loss, None if all are 1."""
        return sample_weight

    def strata(self, y: Array, fraction: float) -> Array | None:
        """Return the strata of the rows, for holding out a fraction of them; None for no stratification."""
        return None

    @abstractmethod
    def score(self, Z: Array, y: Array, weight: Array | None) -> float:
        """Return the score of logits for encoded targets. Early stopping keeps the highest."""

    @abstractmethod
    def decide(self, Z: Array) -> Array:
        """Return the predictions for logits; the predictions of several members are averaged first."""

    def pool(self, Z: Array) -> Array:
        """Return the logits whose predictions are the mean of the members' predictions."""
        return Z if Z.ndim == 2 else LINKS[self.out_activation].pool(Z)

    def arrays(self) -> dict[str, Array]:
        """Return the arrays, by name, that predictions need in addition to those of the network."""
        return {}

    def attributes(self) -> dict[str, Any]:
        """Return the fitted attributes that describe the targets."""
        return {"n_outputs_": self.n_outputs, "out_activation_": self.out_activation}


class _Discrete(Targets):
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
        P = LINKS[self.out_activation].predict(rows).reshape(Z.shape)
        return np.ascontiguousarray(P if P.ndim == 2 else P.mean(axis=0))

    def attributes(self) -> dict[str, Any]:
        of_classes = {"classes_": self.classes, "_sparse_labels": self.sparse_labels}
        of_rows_left_out = {"temperature_": self.temperature, "oob_score_": self.oob_score}
        return super().attributes() | of_classes | of_rows_left_out


class Classes(_Discrete):
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


class Labels(_Discrete):
    """Any number of labels per row, given as a matrix of zeros and ones: a logistic function for each label.

    Parameters
    ----------
    classes, smoothing, class_weight
        As in `_Discrete`.
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


class Numbers(Targets):
    """One or several numbers per row.

    Parameters
    ----------
    loss : str
        Name in `REGRESSION_LOSSES`.
    n_outputs : int
        Numbers per row.
    out_activation : str, optional
        The output activation of a fitted network, since the user may have set another loss after the fit.
    scaling : OutputScaling, optional
        The scaling of the numbers for the network.

    Attributes
    ----------
    level : ndarray of shape (n_outputs,) or None
        Unit in which the loss measures predictions and targets: the mean of each target, for "poisson" and
        "gamma", whose targets are not scaled. None means 1.
    """

    are_numbers = True

    def __init__(
        self,
        loss: str,
        n_outputs: int,
        out_activation: str | None = None,
        scaling: OutputScaling | None = None,
    ):
        self.name, self.n_outputs, self.scaling = loss, n_outputs, scaling
        self.level: Array | None = None
        self.out_activation = out_activation or self.entry.out_activation

    @property
    def entry(self) -> Loss:
        """The row of the loss in `REGRESSION_LOSSES`.

        It is looked up only when a training needs it: a fitted model predicts even if `loss` was set to an
        unknown name since.
        """
        return REGRESSION_LOSSES[self.name]

    @property
    def loss(self) -> LossFunction:  # type: ignore[override]
        """The loss of encoded targets, in `unit_of_loss`."""
        if self.level is not None:
            return partial(at_level, loss=self.entry.loss, level=self.level)
        return self.entry.loss if self.scaling is None else partial(self.entry.loss, **self.entry.if_scaled)

    @property
    def unit_of_loss(self) -> float:
        """The mean over the targets of scale^degree or of level^degree; 1 if there is neither.

        It is at least 1e-300 and at most 1e300, so that the losses of all epochs can be compared.
        """
        size = self.level if self.scaling is None else self.scaling.scale
        if size is None:
            return 1.0
        with np.errstate(over="ignore"):
            return float(np.clip((size**self.entry.degree).mean(), 1e-300, 1e300))

    @property
    def can_be_scaled(self) -> bool:
        """Whether the outputs are the numbers themselves, in units of any size."""
        return LINKS[self.out_activation].is_equivariant

    def scaled(self, scaling: OutputScaling | None) -> Self:
        """Return a copy with another scaling."""
        targets = copy(self)
        targets.scaling = scaling
        return targets

    def columns(self, y: Array) -> Array:
        """Return y as a matrix; raise ValueError if its number of columns differs from that of the fit."""
        y = y[:, None] if y.ndim == 1 else y
        if y.shape[1] != self.n_outputs:
            raise ValueError(f"y must have {self.n_outputs} columns as in the fit before, got {y.shape[1]}.")
        return y

    def encode(self, y: Array, dtype: np.dtype) -> Array:
        """Return y as a matrix in the dtype of the network, scaled if there is a scaling."""
        y = self.columns(y)
        self.check_least(y, dtype)
        if self.scaling is not None:
            return self.scaling(y, dtype)
        if np.abs(y).max() > np.finfo(dtype).max:
            raise ValueError(f"y must lie within the range of {dtype}, got {y.flat[np.abs(y).argmax()]}.")
        return y.astype(dtype, copy=False)

    def check_least(self, y: Array, dtype: np.dtype) -> None:
        """Raise ValueError if the smallest target, rounded to the dtype, is too small for the loss."""
        least, smallest = self.entry.least, y.min()
        if smallest < least:
            raise ValueError(f"y must not be below {least} with loss={self.name!r}, got {smallest}.")
        with np.errstate(over="ignore"):
            is_least = smallest.astype(dtype) == least
        if self.entry.excludes_least and is_least:
            raise ValueError(f"y must be above {least} in {dtype} with loss={self.name!r}, got {smallest}.")

    def score(self, Z: Array, y: Array, weight: Array | None) -> float:
        """Return R², or NaN if it is not finite."""
        score = r2_score(y, LINKS[self.out_activation].predict(Z), sample_weight=weight)
        return float(score) if np.isfinite(score) else np.nan

    def decide(self, Z: Array) -> Array:
        """Return the numbers."""
        P = LINKS[self.out_activation].predict(self.pool(Z))
        return P if self.scaling is None else self.scaling.inverse(P)

    def arrays(self) -> dict[str, Array]:
        if self.scaling is None:
            return {}
        return {"output.mean": self.scaling.mean, "output.scale": self.scaling.scale}


class Quantiles(Numbers):
    """One quantile of each number, or several quantiles of a single number, with one output for each.

    Parameters
    ----------
    loss, n_outputs, scaling
        As in `Numbers`; for several quantiles, n_outputs is their number.
    quantile : float or ndarray of shape (n_outputs,)
    """

    def __init__(
        self, loss: str, n_outputs: int, quantile: float | Array, scaling: OutputScaling | None = None
    ):
        self.several = np.ndim(quantile) > 0
        super().__init__(loss, n_outputs, "in_order" if self.several else None, scaling)
        self.quantile = quantile

    @property
    def loss(self) -> LossFunction:  # type: ignore[override]
        return partial(self.entry.loss, quantile=self.quantile)

    def columns(self, y: Array) -> Array:
        if not self.several:
            return super().columns(y)
        y = y[:, None] if y.ndim == 1 else y
        if y.shape[1] != 1:
            raise ValueError(f"quantile, as a list, needs a single target, got {y.shape[1]}.")
        return y

    def pool(self, Z: Array) -> Array:
        Z = super().pool(Z)
        return LINKS[self.out_activation].predict(Z)

    def score(self, Z: Array, y: Array, weight: Array | None) -> float:
        """Return the mean of the D² of the outputs, or NaN if it is not finite."""
        score = mean_d2(np.broadcast_to(y, Z.shape), Z, self.quantile, weight)
        return score if np.isfinite(score) else np.nan


def mean_d2(Y: Array, P: Array, quantile: float | Array, weight: ArrayLike | None) -> float:
    """Return the mean over columns of D² = 1 - pinball loss / pinball loss of the best constant."""
    each = zip(Y.T, P.T, np.broadcast_to(quantile, P.shape[1]), strict=True)
    return float(np.mean([d2_pinball_score(y, p, sample_weight=weight, alpha=q) for y, p, q in each]))


def quantiles_in(quantile: Any) -> float | Array:
    """Return the parameter `quantile` as a float or as an array; raise ValueError if it is neither."""
    given = np.atleast_1d(np.asarray(quantile, dtype=object))
    numbers = [float(q) if isinstance(q, Real) else np.nan for q in given]
    if np.ndim(quantile) == 0 and 0 < numbers[0] < 1:
        return numbers[0]
    if np.ndim(quantile) == 0 or not (numbers and np.all(np.diff([0.0, *numbers, 1.0]) > 0)):
        raise ValueError(
            "quantile must be a number between 0 and 1, or an increasing list of such numbers, "
            f"got {quantile!r}."
        )
    return np.array(numbers)


def discrete_targets(y: Any, classes: Array | None, smoothing: float, class_weight: Any) -> _Discrete:
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


def classes_in(y: Any) -> Array:
    """Return the classes that y has; for a matrix of indicators, the indices of its columns."""
    return np.arange(y.shape[1]) if y.ndim == 2 else np.unique(y)


def dense(y: Any) -> Array:
    """Return y as an array."""
    return y.toarray() if sparse.issparse(y) else y
