"""The classifier."""

import numpy as np
from scipy import sparse
from sklearn.base import ClassifierMixin
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from sknn6._sklearn_compat import check_partial_fit_first_call, fit_context
from sknn6.estimators.base import BaseMLP, has_stochastic_solver, predict_in_blocks
from sknn6.nn.losses import LOSSES

__all__ = ["MLPClassifier"]


class MLPClassifier(ClassifierMixin, BaseMLP):
    """DOC."""

    @available_if(has_stochastic_solver)
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None, classes=None):
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
        if check_partial_fit_first_call(self, classes):
            self._define_classes(y, classes)
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X):
        """Give the most probable class of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            Classes; or, trained on indicators of labels, those of at least even odds.
        """
        return self._decode(self._logits(X))

    def predict_proba(self, X):
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
        Z = self._logits(X)
        if self._is_binary():
            # Not 1 - P, which rounds a small probability of the first class to 0.
            Z = np.hstack([-Z, Z])
        return LOSSES[self.out_activation_].link(Z)

    def predict_log_proba(self, X):
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
        kind = type_of_target(y, input_name="y")
        multilabel = kind == "multilabel-indicator"
        if multilabel:
            self.classes_ = np.arange(y.shape[1])
        elif classes is None:
            self.classes_ = np.unique(y)
        else:
            self.classes_ = np.unique(classes)
        binary = not multilabel and len(self.classes_) == 2
        self.out_activation_ = "logistic" if multilabel or binary else "softmax"
        self.n_outputs_ = 1 if binary else len(self.classes_)

    def _encode(self, y, dtype, redefine):
        """Give labels as indices (softmax) or as a matrix of zeros and ones (logistic)."""
        check_classification_targets(y)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if y.ndim == 2 and type_of_target(y) != "multilabel-indicator":
            raise ValueError(
                "y must have one column of classes or be a matrix of zeros and ones, one column a label; "
                f"got {type_of_target(y)} targets with {y.shape[1]} columns."
            )
        if redefine or not hasattr(self, "out_activation_"):
            self._define_classes(y)
        else:
            self._check_classes(y)
        if y.ndim == 2:
            return (y.toarray() if sparse.issparse(y) else y).astype(dtype, copy=False)
        if self._is_binary():
            return (y == self.classes_[1]).astype(dtype)[:, None]
        return np.searchsorted(self.classes_, y)

    def _check_classes(self, y):
        """Refuse targets that the fitted outputs cannot stand for."""
        classes = np.arange(y.shape[1]) if y.ndim == 2 else np.unique(y)
        if self.warm_start and set(classes) != set(self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                f"Previously got {self.classes_}, `y` has {classes}"
            )
        if len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
            raise ValueError(
                "`y` has classes not in `self.classes_`. "
                f"`self.classes_` has {self.classes_}. 'y' has {classes}."
            )

    def _decode(self, Z):
        """Give the classes that the logits speak for."""
        if self.out_activation_ == "softmax":
            return self.classes_[Z.argmax(axis=1)]
        if self._is_binary():
            return self.classes_[(Z[:, 0] > 0).astype(int)]
        return (Z > 0).astype(int)

    def _strata(self, y):
        """Give what a held-out part is stratified by: classes, if each can be in both parts."""
        if self._is_binary():
            return y > 0
        if self.out_activation_ == "logistic":
            return None
        held_out = len(y) * min(self.validation_fraction, 1 - self.validation_fraction)
        counts = np.bincount(y)
        return y if counts[counts > 0].min() > 1 and held_out >= len(counts) else None

    def _score(self, network, X, y, weight):
        """Give the accuracy on validated data; of indicators, the share of rows that are all right."""
        Z = predict_in_blocks(network, X)
        right = Z.argmax(axis=1) == y if y.ndim == 1 else ((Z > 0) == y).all(axis=1)
        return float(np.average(right, weights=weight))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
