"""Score rows that lack some of the classes of a classifier, as a few held-out rows may."""

from collections.abc import Callable
from copy import copy
from typing import Any

import numpy as np
from sklearn.base import is_classifier

from sknn6.nn.annotations import Array, Rows

__all__ = ["score_rows"]


def score_rows(
    scorer: Callable[..., Any], model: Any, X: Rows, labels: Array, weights: dict[str, Array]
) -> float:
    """Return the score of a model; NaN if the scorer cannot score rows that lack some of the model's classes.

    scikit-learn's scores of probabilities need a column for each class of the labels, and no other. If the
    labels lack a class, the scorer sees the probabilities given that it is one of the others.

    Parameters
    ----------
    scorer : callable
        ``scorer(model, X, labels, **weights)``.
    model : BaseMLP
    X : {array, sparse matrix} of shape (n_rows, n_features)
    labels : ndarray of shape (n_rows,) or (n_rows, n_outputs)
    weights : dict
        The weights of the rows as arguments of the scorer.

    Raises
    ------
    ValueError
        If the scorer does not suit the model, or returns no number.
    """
    if not is_classifier(model) or np.ndim(labels) > 1:
        return number(scorer, model, X, labels, weights)
    present = np.isin(model.classes_, labels)
    try:
        return number(scorer, model if present.all() else narrowed(model, present), X, labels, weights)
    except ValueError:
        if present.all():
            raise
        return np.nan


def number(
    scorer: Callable[..., Any], model: Any, X: Rows, labels: Array, weights: dict[str, Array]
) -> float:
    """Return the score as a float; raise ValueError if `scoring` does not suit the model or is no number."""
    try:
        score = scorer(model, X, labels, **weights)
    except AttributeError as error:  # such as a score of probabilities for a regressor
        raise ValueError(f"scoring={model.scoring!r} needs another kind of estimator: {error}") from error
    try:
        return float(score)
    except (TypeError, ValueError) as error:
        raise ValueError(f"scoring must return a number, got {score!r}.") from error


def narrowed(model: Any, present: Array) -> Any:
    """Return a view of a classifier whose probabilities have the columns of some classes only."""
    view = copy(model)

    def predict_proba(X: Rows) -> Array:
        P = model.predict_proba(X)[:, present]
        return P / np.maximum(P.sum(axis=1, keepdims=True), np.finfo(P.dtype).tiny)

    vars(view).update(classes_=model.classes_[present], predict=model.predict, predict_proba=predict_proba)
    return view
