"""The classifier."""

from collections.abc import Callable, Sequence
from functools import partial
from numbers import Real
from os import PathLike
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.base import ClassifierMixin
from sklearn.utils import column_or_1d
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from sknn6._sklearn_compat import (
    Interval,
    StrOptions,
    check_partial_fit_first_call,
    fit_context,
    with_callbacks,
)
from sknn6.annotations import Auto, Matrix, Scoring, Seed
from sknn6.estimators.base import AUTO, BaseMLP, documented, has_stochastic_solver, unchanged_if_it_fails
from sknn6.estimators.recipes import MODERN
from sknn6.nn.activations import Activation
from sknn6.nn.losses import LINKS, LOSSES

__all__ = ["MLPClassifier"]


@documented
class MLPClassifier(ClassifierMixin, BaseMLP):
    """Multi-layer perceptron classifier, a drop-in for scikit-learn's with more to choose from.

    Each hidden layer maps its input to ``f(normalise(X W + b))``; the output is a softmax over the classes,
    or a logistic function where there are two classes or indicators of labels. The weights minimise the mean
    cross-entropy plus ``alpha / (2 n)`` times the sum of the squared weights, n the samples of a batch or
    the sum of their weights.

    What is "auto" depends on the solver. With "adam" it is a recipe of today: four networks, trained side by
    side on scaled input and averaged, 30 epochs in batches of 100 at a rate that falls from 0.02 to 0 along
    a half cosine, dropout 0.2, label smoothing 0.03, decoupled weight decay 0.1. With "sgd" and "lbfgs"
    it is what scikit-learn has: one network, input as it is, a constant rate of 0.001, 200 epochs in batches
    of 200, and none of the rest.

    Parameters
    ----------
    {shared}
    class_weight : "balanced", dict, list of dict or None, default=None
        Weights of the classes, which multiply those of the samples; "balanced" is n / (n_classes count),
        where weighted samples count by their weight. For indicators of labels, a list of dicts, one a label.
    label_smoothing : float or "auto", default={label_smoothing}
        s, 0 to < 1: the target of the true class is 1 - s + s / C, that of the others s / C, C the classes.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    coefs_ : list of ndarray of shape (fan_in, fan_out) or (`ensemble_size`, fan_in, fan_out)
        The weights of each layer, in the dtype of X. They may be replaced: prediction and further training
        start from what stands here.
    intercepts_ : list of ndarray of shape (fan_out,) or (`ensemble_size`, fan_out)
        The biases of each layer, likewise.
    layer_state_ : dict of str to ndarray
        The other arrays of the network by name, such as "batchnorm_0.gamma" and "batchnorm_0.running_mean";
        with `input_scaling`, "input.mean" and "input.scale".
    history_ : list of dict
        A record an epoch: "epoch", "loss", "seconds", with a stochastic solver "learning_rate", with
        validation data "validation_loss" and "validation_score", and what `track` asks for.
        ``pandas.DataFrame(model.history_)`` makes a table of it.
    loss_ : float
        The loss of the last epoch, penalty included.
    loss_curve_ : list of float
        The loss of each epoch. Like the next three, not with "lbfgs".
    best_loss_ : float or None
        The lowest loss; None with early stopping.
    validation_scores_ : list of float or None
        The score on the validation data, by epoch; None without early stopping.
    best_validation_score_ : float or None
        The highest of them.
    n_iter_ : int
        Epochs, or iterations, of the last fit.
    t_ : int
        Samples seen, all epochs together.
    n_features_in_ : int
        Features of X.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if X had names.
    n_layers_ : int
        Layers, input and output included.
    n_outputs_ : int
        Logits: 1 for two classes.
    out_activation_ : {"softmax", "logistic"}
        What makes logits probabilities.

    See Also
    --------
    sklearn.neural_network.MLPClassifier : The model for the parameters' names and meaning.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sknn6 import MLPClassifier, Standardizer
    >>> X, y = load_iris(return_X_y=True)
    >>> model = make_pipeline(Standardizer(), MLPClassifier(random_state=0)).fit(X, y)
    >>> model.score(X, y) > 0.95
    True

    A single network, with batch normalisation:

    >>> mlp = MLPClassifier(32, "gelu", batchnorm=True, ensemble_size=1, max_iter=40, random_state=0)
    >>> model = make_pipeline(Standardizer(), mlp).fit(X, y)
    >>> mlp.coefs_[0].shape, mlp.layer_state_["batchnorm_0.running_mean"].shape
    ((4, 32), (32,))
    """

    _parameter_constraints = BaseMLP._parameter_constraints | {
        "class_weight": [None, StrOptions({"balanced"}), dict, list],
        "label_smoothing": [AUTO, Interval(Real, 0, 1, closed="left")],
    }

    _recipes = {"adam": MODERN}

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] | str = (128, 128),
        activation: str | Activation | Sequence[str | Activation] = "relu",
        *,
        depth: int | None = None,
        init: str | Callable = "auto",
        init_scale: float = 1.0,
        batchnorm: bool | str = False,
        batchnorm_momentum: float = 0.1,
        batchnorm_group_size: int = 16,
        layernorm: bool = False,
        residual: bool = False,
        ensemble_size: int | Auto = "auto",
        input_scaling: bool | Literal["learned", "auto"] = "auto",
        dropout: float | Auto = "auto",
        weight_decay: float | Auto = "auto",
        gradient_accumulation_steps: int = 1,
        clip_norm: float | None = None,
        ema_decay: float = 0.0,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | Auto = "auto",
        learning_rate: str = "auto",
        learning_rate_init: float | Auto = "auto",
        power_t: float = 0.5,
        max_iter: int | Auto = "auto",
        shuffle: bool = True,
        random_state: Seed = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        track: Literal["layers"] | None = None,
        checkpoint: str | PathLike | None = None,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        scoring: Scoring = None,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        dtype: Literal["float32", "float64"] = "float32",
        class_weight: Literal["balanced"] | dict | list[dict] | None = None,
        label_smoothing: float | Auto = "auto",
    ):
        self._assign(locals())

    @available_if(has_stochastic_solver)
    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self,
        X: Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        classes: ArrayLike | None = None,
    ) -> Self:
        """Train for one epoch on X and y, going on from the present weights and optimizer state.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Classes, or indicators of labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples, not negative.
        classes : array-like of shape (n_classes,), default=None
            All classes that y will ever hold; needed at the first call.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            As `fit`; and if `classes` is missing at the first call or differs from it later, if y has
            another class, or if `early_stopping` is set.
        """
        with unchanged_if_it_fails(self):
            check_partial_fit_first_call(self, classes)
            return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: Matrix) -> NDArray | sparse.csr_matrix:
        """Give the most probable class of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            Classes; or, trained on indicators of labels, indicators of those of more than even odds, sparse
            if those were.
        """
        found = self._map(X, self._decide)
        if found.ndim == 1:
            return self.classes_.take(found)
        labels = found.astype(int)
        return sparse.csr_matrix(labels) if self._sparse_labels else labels

    def predict_proba(self, X: Matrix) -> NDArray:
        """Give the probability of each class, in the dtype of X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data. What is float64 is computed in float64.

        Returns
        -------
        P : ndarray of shape (n_samples, n_classes)
            Finite, in the order of `classes_`.
        """
        return self._map(X, self._probabilities)

    def predict_log_proba(self, X: Matrix) -> NDArray:
        """Give the logarithm of `predict_proba`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        log_P : ndarray of shape (n_samples, n_classes)
            Where a probability rounds to 0, minus infinity.
        """
        P = self.predict_proba(X)
        with np.errstate(divide="ignore"):
            return np.log(P, out=P)

    def _is_binary(self):
        """Tell whether the one output is the logit of the second of two classes."""
        return self.out_activation_ == "logistic" and self.n_outputs_ == 1

    def _define_classes(self, y, classes=None):
        """Set classes_ and the form of the output, from y and, for partial_fit, the classes given."""
        multilabel = type_of_target(y, input_name="y") == "multilabel-indicator"
        self._sparse_labels = sparse.issparse(y)
        self.classes_ = classes_in(y) if multilabel or classes is None else np.unique(classes)
        binary = not multilabel and len(self.classes_) == 2
        self.out_activation_ = "logistic" if multilabel or binary else "softmax"
        self.n_outputs_ = 1 if binary else len(self.classes_)

    def _define_targets(self, y, redefine):
        check_classification_targets(y)
        if y.ndim == 2 and y.shape[1] > 1 and type_of_target(y) != "multilabel-indicator":
            raise ValueError(
                "y must have one column of classes or be a matrix of zeros and ones, one column a label; "
                f"got {type_of_target(y)} targets with {y.shape[1]} columns."
            )
        y = one_column(y)
        if redefine:
            self._define_classes(y)
        elif not hasattr(self, "_sparse_labels"):
            self._define_classes(y, self.classes_)
        elif self.warm_start and y.ndim == 1 and set(classes_in(y)) != set(self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                f"Previously got {self.classes_}, `y` has {classes_in(y)}"
            )

    def _encode(self, y, dtype):
        """Give labels as indices (softmax) or as a matrix of zeros and ones (logistic)."""
        y = one_column(y)
        if (y.ndim == 2) != (self.out_activation_ == "logistic" and self.n_outputs_ > 1):
            kind = "classes" if y.ndim == 2 else "indicators of labels"
            raise ValueError(f"y must be {kind} as in the fit before, got {type_of_target(y)} targets.")
        unknown = np.setdiff1d(classes_in(y), self.classes_, assume_unique=True)
        if len(unknown):
            raise ValueError(
                "`y` has classes not in `self.classes_`. "
                f"`self.classes_` has {self.classes_}. 'y' has {classes_in(y)}."
            )
        if y.ndim == 2:
            return (y.toarray() if sparse.issparse(y) else y).astype(dtype, copy=False)
        if self._is_binary():
            return (y == self.classes_[1]).astype(dtype)[:, None]
        return np.searchsorted(self.classes_, y)

    def _weigh(self, sample_weight, y, incremental):
        """Multiply the weights of the samples by those of their classes."""
        if self.class_weight is None:
            return sample_weight
        if incremental and self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' needs all the data, which partial_fit does not see. Compute the "
                "weights with sklearn.utils.class_weight.compute_class_weight and pass them as a dict."
            )
        weight = np.ones(y.shape[0]) if sample_weight is None else sample_weight
        y = one_column(y)
        if y.ndim == 2:
            weight = weight * self._weigh_labels(weight, y.toarray() if sparse.issparse(y) else y)
        else:
            weight = weight * self._weigh_classes(weight, np.searchsorted(self.classes_, y))
        if not weight.any():
            raise ValueError(
                f"class_weight must leave a sample with a weight > 0, got {self.class_weight!r}."
            )
        return weight

    def _weigh_classes(self, weight, codes):
        """Give for each sample the weight of its class."""
        if self.class_weight == "balanced":
            return balanced(codes, weight)
        fits = are_weights(self.class_weight) and set(self.class_weight) <= set(self.classes_)
        if not fits:
            raise ValueError(
                "class_weight must be a dict of weights of the classes "
                f"{list(self.classes_)}, finite and not negative, got {self.class_weight!r}."
            )
        return np.array([self.class_weight.get(label, 1.0) for label in self.classes_])[codes]

    def _weigh_labels(self, weight, Y):
        """Give for each sample the product over the labels of the weight of 0 or 1."""
        if self.class_weight == "balanced":
            return np.prod([balanced(column.astype(int), weight) for column in Y.T], axis=0)
        fits = isinstance(self.class_weight, list) and len(self.class_weight) == Y.shape[1]
        if not (fits and all(map(are_weights, self.class_weight))):
            raise ValueError(
                f"class_weight, for indicators of {Y.shape[1]} labels, must be 'balanced' or a list of as "
                f"many dicts of weights such as {{0: 1.0, 1: 2.0}}, got {self.class_weight!r}."
            )
        return compute_sample_weight(self.class_weight, Y)

    def _loss(self):
        loss = LOSSES[self.out_activation_].loss
        smoothing = float(self._value("label_smoothing"))
        return partial(loss, smoothing=smoothing) if smoothing else loss

    def _probabilities(self, Z):
        """Give the probability of each class, the mean over the members if there are several."""
        if self._is_binary():
            # Not 1 - P, which rounds a small probability of the first class to 0.
            Z = np.concatenate([-Z, Z], axis=-1)
        # Classes first in memory: a reduction over few classes is a few operations on long vectors.
        rows = np.asfortranarray(Z.reshape(-1, Z.shape[-1]))
        P = LINKS[self.out_activation_](rows).reshape(Z.shape)
        return np.ascontiguousarray(P if P.ndim == 2 else P.mean(axis=0))

    def _decide(self, Z):
        """Give the index of each row's most probable class; of labels, which have more than even odds."""
        if Z.ndim > 2:
            Z = self._probabilities(Z) - 0.5  # of one network, the logits tell already
        if self.out_activation_ == "softmax":
            return Z.argmax(axis=1)
        return Z[:, -1] > 0 if self._is_binary() else Z > 0

    def _strata(self, y):
        """Give what a held-out part is stratified by: classes, if each can be in both parts."""
        if self._is_binary():
            # Named as scikit-learn names them in the message for a class of one sample.
            return np.where(y[:, 0] > 0, "True", "False")
        if self.out_activation_ == "logistic":
            return None
        held_out = len(y) * min(self.validation_fraction, 1 - self.validation_fraction)
        counts = np.bincount(y)
        return y if counts[counts > 0].min() > 1 and held_out >= len(counts) else None

    def _score(self, Z, y, weight):
        """Give the accuracy; of indicators, the share of rows that are all right."""
        right = Z.argmax(axis=1) == y if y.ndim == 1 else ((Z > 0) == y).all(axis=1)
        return float(np.average(right, weights=weight))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def one_column(y):
    """Make a matrix of one column a vector, with a warning."""
    return column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y


def are_weights(class_weight):
    """Tell whether it is a dict of finite numbers, none negative."""
    return isinstance(class_weight, dict) and all(
        isinstance(weight, Real) and 0 <= weight < np.inf for weight in class_weight.values()
    )


def balanced(codes, sample_weight):
    """Give sum w / (C sum of w over the class) for each sample: a sample of weight 2 counts as two."""
    of_class = np.bincount(codes, sample_weight)
    present = of_class > 0
    share = np.divide(
        sample_weight.sum() / present.sum(), of_class, where=present, out=np.zeros_like(of_class)
    )
    return share[codes]


def classes_in(y):
    """Give the classes that y has, or the columns of indicators."""
    return np.arange(y.shape[1]) if y.ndim == 2 else np.unique(y)
